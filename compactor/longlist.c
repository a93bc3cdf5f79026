/* SPDX-License-Identifier: Apache-2.0 */
#include "compactor/longlist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/os.h"

#define CHUNK ((size_t)64 << 10)
#define PAGE ((size_t)4 << 10)
#define FILE_NAME "list.tmp"

static int
no_memory(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
			 "no memory for what is known of contents");
}

void
longlist_init(struct longlist *l, uint32_t item, uint64_t memory, int dir)
{
	memset(l, 0, sizeof *l);
	l->item = item;
	l->most = memory / CHUNK < 4 ? 4 : (size_t)(memory / CHUNK);
	l->dir = dir;
}

void
longlist_release(struct longlist *l)
{
	for (size_t i = l->oldest; i < l->chunk_count; i++)
		free(l->chunks[i]);
	if (l->page != NULL) {
		os_close(&l->to);
		os_close(&l->from);
	}
	free(l->chunks);
	free(l->page);
	memset(l, 0, sizeof *l);
}

/* ---- the file ---- */

static int
failed(int r, struct tape_error *err)
{
	return r == -ENOMEM ? no_memory(err)
			    : error_io(err, r, FILE_NAME,
				       "cannot write down what is known of contents");
}

static int
open_file(struct longlist *l, struct tape_error *err)
{
	int r;

	l->page = malloc(PAGE);
	if (l->page == NULL)
		return no_memory(err);
	l->to = l->from = -1;
	r = os_create(l->dir, FILE_NAME, &l->to);
	if (r == 0) {
		r = os_open_read(l->dir, FILE_NAME, &l->from);
		(void)os_unlink(l->dir, FILE_NAME);
	}
	return r == 0 ? 0 : failed(r, err);
}

/* The oldest chunk goes to the end of the file: its place there follows from its number. */
static int
spill(struct longlist *l, struct tape_error *err)
{
	int r = l->page == NULL ? open_file(l, err) : 0;

	if (r != 0)
		return r;
	r = os_write_all(l->to, l->chunks[l->oldest], CHUNK, NULL);
	if (r != 0)
		return failed(r, err);
	free(l->chunks[l->oldest]);
	l->chunks[l->oldest++] = NULL;
	return 0;
}

static int
read_page(struct longlist *l, uint64_t at, struct tape_error *err)
{
	int64_t got;

	l->page_len = 0;
	got = os_pread(l->from, l->page, PAGE, at);
	if (got < 0 || (size_t)got != PAGE)
		return error_io(err, got < 0 ? (int)got : -EIO, FILE_NAME,
				"cannot read back what is known of contents");
	l->page_at = at;
	l->page_len = PAGE;
	return 0;
}

/* ---- the list ---- */

static int
add_chunk(struct longlist *l, struct tape_error *err)
{
	uint8_t **more, *chunk;

	if (l->chunk_count - l->oldest >= l->most) {
		int r = spill(l, err);

		if (r != 0)
			return r;
	}
	if (l->chunk_count == l->chunk_cap) {
		size_t cap = l->chunk_cap == 0 ? 16 : l->chunk_cap * 2;

		more = realloc(l->chunks, cap * sizeof *more);
		if (more == NULL)
			return no_memory(err);
		l->chunks = more;
		l->chunk_cap = cap;
	}
	chunk = malloc(CHUNK);
	if (chunk == NULL)
		return no_memory(err);
	l->chunks[l->chunk_count++] = chunk;
	return 0;
}

int
longlist_add(struct longlist *l, const void *items, size_t count, struct tape_error *err)
{
	const uint8_t *from = items;
	uint64_t at = l->count * l->item;
	size_t left = count * l->item;

	while (left != 0) {
		size_t in_chunk = (size_t)(at % CHUNK), len = CHUNK - in_chunk;
		int r = in_chunk == 0 ? add_chunk(l, err) : 0;

		if (r != 0)
			return r;
		len = len < left ? len : left;
		memcpy(l->chunks[l->chunk_count - 1] + in_chunk, from, len);
		at += len;
		from += len;
		left -= len;
	}
	l->count += count;
	return 0;
}

int
longlist_get(struct longlist *l, uint64_t at, void *item, struct tape_error *err)
{
	uint64_t byte = at * l->item;
	const uint8_t *chunk = l->chunks[byte / CHUNK];

	if (chunk == NULL) {
		uint64_t page = byte - byte % PAGE;
		int r = l->page_len != 0 && l->page_at == page ? 0
							       : read_page(l, page, err);

		if (r != 0)
			return r;
		memcpy(item, l->page + byte % PAGE, l->item);
		return 0;
	}
	memcpy(item, chunk + byte % CHUNK, l->item);
	return 0;
}
