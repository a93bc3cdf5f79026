/* SPDX-License-Identifier: Apache-2.0 */
#include "search/seenhidden.h"

#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "search/reader.h"
#include "search/seenmake.h"
#include "search/source.h"

/* 4 MiB. */
#define HASHES_MOST ((size_t)1 << 18)

enum answer { UNKNOWN, THERE, NOT_THERE };

void
seenhidden_release(struct seenhidden *h)
{
	free(h->hashes);
	free(h->answers);
	*h = (struct seenhidden){ .count = 0 };
}

static int
by_hash(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct tape_hash));
}

static bool
any_hidden(const struct snapshot_session *s)
{
	return s->shown < s->packed_seq;
}

/* 0 = none is. */
static uint64_t
print(const struct snapshot *snapshot)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < snapshot->count; i++) {
		const struct snapshot_session *s = &snapshot->sessions[i];
		const uint64_t facts[] = { s->id[0], s->id[1], s->shown, s->packed_seq };

		if (any_hidden(s))
			sum = hash_check(facts, sizeof facts, sum) | 1u;
	}
	return sum;
}

/* False: there is one that cannot be told. */
static bool
take_one(struct seenhidden *h, struct source *source, const struct source_record *rec)
{
	if (rec->kind == SOURCE_BOOKMARK)
		return true;
	if (h->count == HASHES_MOST ||
	    !seenmake_grow((void **)&h->hashes, &h->cap, h->count, sizeof *h->hashes) ||
	    !seenmake_print(source, rec, &h->hashes[h->count]))
		return false;
	h->count++;
	return true;
}

/* False: not all of them were taken. */
static bool
take(struct seenhidden *h, struct snapshot *snapshot, size_t index)
{
	const struct snapshot_session *s = &snapshot->sessions[index];
	const struct source_iter iter = { .lo = s->shown + 1, .hi = s->packed_seq };
	struct source *source = NULL;
	struct source_record rec;
	struct tape_error why;
	int r = snapshot_open(snapshot, index, &source, &why);

	if (r != 1)
		return r == 0;
	r = source->ops->begin(source, &iter, &why);
	while (r == 0 && (r = source->ops->next(source, &rec, &why)) == 1 &&
	       take_one(h, source, &rec))
		r = 0;
	source->ops->close(source);
	return r == 0;
}

void
seenhidden_renew(struct seenhidden *h)
{
	free(h->answers);
	h->answers = NULL;
}

static void
refresh(struct seenhidden *h, struct snapshot *snapshot)
{
	uint64_t of = print(snapshot);

	h->fresh = true;
	if (of == h->of)
		return;
	h->of = of;
	h->count = 0;
	seenhidden_renew(h);
	h->lacks = false;
	for (size_t i = 0; i < snapshot->count && !h->lacks; i++)
		if (any_hidden(&snapshot->sessions[i]))
			h->lacks = !take(h, snapshot, i);
	if (h->count != 0)
		qsort(h->hashes, h->count, sizeof *h->hashes, by_hash);
}

static const struct tape_hash *
place(const struct seenhidden *h, const struct tape_hash *hash)
{
	return h->count == 0 ? NULL
			     : bsearch(hash, h->hashes, h->count, sizeof *hash, by_hash);
}

bool
seenhidden_has(struct seenhidden *h, struct snapshot *snapshot,
	       const struct tape_hash *hash)
{
	if (!h->fresh)
		refresh(h, snapshot);
	return h->lacks || place(h, hash) != NULL;
}

/* Of what is raw somebody else knows, without reading all of it. */
static bool
search_packed(struct tape_reader *reader, const struct tape_hash *hash)
{
	const struct tape_find_options options = { .size = sizeof options,
						   .flags = TAPE_FIND_ALL };
	char text[8 + TAPE_HASH_TEXT] = "_hash=";
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	struct tape_error why;
	bool found;

	tape_hash_text(hash, text + strlen(text));
	reader->packed_only = true;
	found = tape_query_compile(text, &query, &why) == 0 &&
		tape_find(reader, query, &options, &cursor, &why) == 0 &&
		tape_cursor_next(cursor, &scope, &why) == 1;
	tape_cursor_close(cursor);
	tape_query_free(query);
	reader->packed_only = false;
	return found;
}

/* Where its answer is kept, or NULL: nowhere. */
static uint8_t *
answer(struct seenhidden *h, const struct tape_hash *hash)
{
	const struct tape_hash *at = place(h, hash);

	if (at != NULL && h->answers == NULL)
		h->answers = calloc(h->count, 1);
	return at != NULL && h->answers != NULL ? &h->answers[at - h->hashes] : NULL;
}

bool
seenhidden_search(struct seenhidden *h, struct tape_reader *reader,
		  const struct tape_hash *hash)
{
	uint8_t *known = answer(h, hash);
	bool found = known != NULL && *known != UNKNOWN ? *known == THERE
							: search_packed(reader, hash);

	if (known != NULL)
		*known = found ? THERE : NOT_THERE;
	return found;
}
