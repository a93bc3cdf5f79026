/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list that only grows and may be longer than memory: what came last is in
 * memory, what is older in a file without a name. One thread at a time.
 */
#ifndef TAPE_COMPACTOR_LONGLIST_H
#define TAPE_COMPACTOR_LONGLIST_H

#include <stddef.h>
#include <stdint.h>

struct tape_error;

struct longlist {
	uint32_t item; /* bytes of one: 2 or 8 */
	uint64_t count;
	uint8_t **chunks; /* NULL: it is in the file */
	size_t chunk_count, chunk_cap;
	size_t oldest; /* the first that is in memory */
	size_t most;   /* so many may be */
	int dir;
	int to, from;	  /* the file, once page is there */
	uint64_t page_at; /* of the page read last, in the file */
	size_t page_len;
	uint8_t *page;
};
/* memory: bytes that it may take. The file is made in `dir`, and loses its name at once. */
void longlist_init(struct longlist *l, uint32_t item, uint64_t memory, int dir);
/* TAPE_ERR_NOMEM, TAPE_ERR_IO. */
int longlist_add(struct longlist *l, const void *items, size_t count,
		 struct tape_error *err);
/* at < l->count. */
int longlist_get(struct longlist *l, uint64_t at, void *item, struct tape_error *err);
void longlist_release(struct longlist *l); /* all zero is fine */

#endif
