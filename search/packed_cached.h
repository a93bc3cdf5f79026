/* SPDX-License-Identifier: Apache-2.0 */
/* What a cache of columns keeps; for packed_cache.c and packed_one.c only. */
#ifndef TAPE_SEARCH_PACKED_CACHED_H
#define TAPE_SEARCH_PACKED_CACHED_H

#include "search/packed_cache.h"

enum what { WHAT_BLOCK, WHAT_ROWS, WHAT_FORMS, WHAT_CHUNK };

struct packed_cached {
	struct packed_cached *next; /* of the same slot */
	struct packed_cached *newer, *older;
	uint64_t place; /* block << 8 | group */
	uint64_t what;	/* enum what << 32 | column */
	size_t bytes;
	int status; /* what reading it gave */
	bool one;   /* of a column: `value` of `row`, and nothing else yet */
	uint32_t row;
	struct tape_error *why;
	struct scopepack_block *block;
	struct column column;
	struct column_memory memory;
	struct pack_bytes value;
	uint16_t *ranks;
};

static inline uint64_t
packed_cached_place(uint32_t block, uint32_t group)
{
	return (uint64_t)block << 8 | group;
}

/* One that is there, and was used just now; or NULL. */
struct packed_cached *packed_cached_look(struct packed_cache *c, uint64_t place,
					 uint64_t what);
/* All of it, read if need be. */
int packed_cached_get(struct packed_cache *c, uint64_t place, uint64_t what,
		      struct packed_cached **out, struct tape_error *err);
/* One row: *out has it as a value, or all of the column. */
int packed_cached_one(struct packed_cache *c, uint64_t place, uint64_t what, uint32_t row,
		      struct packed_cached **out, struct tape_error *err);
/* Damage: a column has not as many values as rows of its group have it. */
int packed_cached_uneven(struct packed_cache *c, uint32_t values, uint32_t rows,
			 struct tape_error *err);
void packed_cached_keep(struct packed_cache *c, struct packed_cached *e);
/* Counts what a column or a header took: one that stands in a header took nothing. */
void packed_cached_count(struct packed_cache *c, uint64_t before, size_t raw,
			 uint64_t *kind);

#endif
