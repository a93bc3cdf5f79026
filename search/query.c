/* SPDX-License-Identifier: Apache-2.0 */
#include "search/query.h"

#include <stdlib.h>
#include <string.h>

#include "search/partial.h"

#define CHUNK_BYTES 4096u

struct query_chunk {
	struct query_chunk *next;
	size_t used, size;
	_Alignas(16) unsigned char bytes[];
};

void *
query_alloc(struct tape_query *query, size_t size)
{
	struct query_chunk *c = query->chunks;
	size_t need = (size + 15u) & ~(size_t)15u;
	void *p;

	if (c == NULL || c->size - c->used < need) {
		size_t bytes = need > CHUNK_BYTES ? need : CHUNK_BYTES;

		c = malloc(sizeof *c + bytes);
		if (c == NULL)
			return NULL;
		c->next = query->chunks;
		c->used = 0;
		c->size = bytes;
		query->chunks = c;
	}
	p = c->bytes + c->used;
	c->used += need;
	memset(p, 0, need);
	return p;
}

void
tape_query_free(struct tape_query *query)
{
	if (query == NULL)
		return;
	for (size_t i = 0; i < query->pattern_count; i++)
		pattern_free(query->patterns[i]);
	free(query->patterns);
	for (struct query_node *n = query->partials; n != NULL; n = n->partials)
		partial_free(n->partial);
	while (query->chunks != NULL) {
		struct query_chunk *c = query->chunks;

		query->chunks = c->next;
		free(c);
	}
	free(query);
}

uint8_t
query_system_label(const char *label, size_t len)
{
	if (len < 5 || label[0] != '_')
		return 0;
	if (len == 5 && memcmp(label, "_tare", 5) == 0)
		return SYSTEM_TARE;
	if (len == 6 && memcmp(label, "_files", 6) == 0)
		return SYSTEM_FILE;
	if (len == 6 && memcmp(label, "_cache", 6) == 0)
		return SYSTEM_CACHE;
	if (len == 9 && memcmp(label, "_bookmark", 9) == 0)
		return SYSTEM_BOOKMARK;
	return 0;
}

static bool
match_segments(const struct query_segment *segments, size_t count, const char *name,
	       size_t len)
{
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		const struct query_segment *s = &segments[i];
		size_t n = s->len;

		if (i != 0 && (at == len || name[at++] != '.'))
			return false;
		if (s->any) {
			const char *dot = memchr(name + at, '.', len - at);

			n = dot == NULL ? len - at : (size_t)(dot - (name + at));
			if (n == 0)
				return false;
		} else if (len - at < n || memcmp(name + at, s->text, n) != 0) {
			return false;
		}
		at += n;
	}
	return at == len;
}

bool
query_path_match(const struct query_path *path, const char *name, size_t len)
{
	if (!path->wild)
		return path->name_len == len && memcmp(path->name, name, len) == 0;
	return match_segments(path->segments, path->count, name, len);
}

bool
query_path_match_base(const struct query_path *path, const char *name, size_t len)
{
	if (path->count < 2)
		return false;
	if (!path->wild)
		return path->base_len == len && memcmp(path->name, name, len) == 0;
	return match_segments(path->segments, path->count - 1, name, len);
}
