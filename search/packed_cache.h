/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoded columns and block headers of one generation, those used last kept
 * within a bound. Shared by all sessions and cursors of a reader.
 *
 * Who wants one row of a column asks for that alone: the first row of it is taken
 * without the others, from the second on the column is decoded and kept.
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
	/* Rows of each form before a row of a group of contents. */
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

/*
 * Rows of a group whose content reference is one of `refs`, ascending: room for
 * GROUP_ROWS. A column that is looked through for the first time is not kept.
 */
int packed_cache_scan(struct packed_cache *c, uint32_t block, uint32_t group,
		      const uint64_t *refs, size_t ref_count, uint16_t *rows,
		      uint32_t *count, struct tape_error *err);
/* One row of a column of occurrences; of the forms of contents. */
int packed_cache_row(struct packed_cache *c, uint32_t block, uint32_t group,
		     enum row_column which, uint32_t row, uint64_t *out,
		     struct tape_error *err);
int packed_cache_form(struct packed_cache *c, uint32_t block, uint32_t group,
		      uint32_t row, uint32_t *out, struct tape_error *err);
/* One row of a column of contents, as it stands in a canonical part, appended to *to. */
int packed_cache_value(struct packed_cache *c, uint32_t block, uint32_t group,
		       uint32_t column, uint32_t row, struct pack_bytes *to,
		       struct tape_error *err);

#endif
