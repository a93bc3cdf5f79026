/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoded columns and block headers of one generation, those used last kept
 * within a bound. Shared by all sessions and cursors of a reader.
 *
 * What is borrowed lives for the next three calls; whoever keeps it longer looks
 * whether `dropped` is still the same.
 */
#ifndef TAPE_SEARCH_PACKED_CACHE_H
#define TAPE_SEARCH_PACKED_CACHE_H

#include "format/scopepack.h"

struct generation;
struct generations;

struct packed_cache {
	struct generations *set;
	struct generation *of;
	struct packed_cached **slots; /* by hash */
	size_t slot_count, count, bytes, most;
	struct packed_cached *newest, *oldest;
	uint64_t dropped;	      /* how often something went */
	unsigned depth;		      /* of reads within reads */
	struct column_memory scratch; /* of whoever decodes */
	/* Rows of each form before a row of a group of contents, then in all of the group. */
	uint32_t *before;
	uint64_t before_place;
	uint32_t before_row;
	bool before_known;
};

/* A content column of a group; which value is a row's: ranks[row], NULL = row itself. */
struct packed_chunk {
	const struct column *values;
	const uint16_t *ranks;
};

struct packed_cache *packed_cache_new(struct generations *set, struct generation *of);
void packed_cache_free(struct packed_cache *c); /* NULL is fine */
/*
 * Damage is TAPE_ERR_DAMAGED or TOO_NEW each time, without reading again. Groups
 * beyond those of a block and columns that a group has not are damage too.
 */
int packed_cache_block(struct packed_cache *c, uint32_t number,
		       const struct scopepack_block **out, struct tape_error *err);
int packed_cache_rows(struct packed_cache *c, uint32_t block, uint32_t group,
		      enum row_column which, const struct column **out,
		      struct tape_error *err);
int packed_cache_forms(struct packed_cache *c, uint32_t block, uint32_t group,
		       const struct column **out, struct tape_error *err);
int packed_cache_chunk(struct packed_cache *c, uint32_t block, uint32_t group,
		       uint32_t column, struct packed_chunk *out, struct tape_error *err);

#endif
