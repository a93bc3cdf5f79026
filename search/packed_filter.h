/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rows of packed sources a query may match, told by columns: by times and
 * by what their contents hold. It leaves out only what cannot match; whatever
 * passes is given to the whole query. Contents are tested once, for all rows
 * that have them and for all sessions of a walk.
 */
#ifndef TAPE_SEARCH_PACKED_FILTER_H
#define TAPE_SEARCH_PACKED_FILTER_H

#include "search/query.h"
#include "search/snapshot.h"

#define FILTER_WORDS (GROUP_ROWS / 64u)

struct packed_filter;
/* Bytes for what is known of contents; beyond that, all may match. */
#define FILTER_KEPT ((size_t)128 << 20)
/* The query outlives it. NULL: no memory. */
struct packed_filter *packed_filter_new(const struct tape_query *query, size_t keep);
void packed_filter_free(struct packed_filter *f); /* NULL is fine */
/* Forgets what it knows of generations: before they are released. */
void packed_filter_reset(struct packed_filter *f);
/* Why none of a group's rows can match. */
enum filter_reason { FILTER_SOME, FILTER_TIME, FILTER_VALUE };
/*
 * Rows [from, to) of a group of a generation: bits of those that may match.
 * `rows` is its part of the block's header. *refs is set to the references of
 * these rows to their contents if they were looked at ([GROUP_ROWS], borrowed until
 * the next call), else to NULL.
 */
enum filter_reason packed_filter_rows(struct packed_filter *f, struct generations *set,
				      uint32_t generation, uint32_t block, uint32_t group,
				      const struct block_rows *rows, uint32_t from,
				      uint32_t to, uint64_t out[FILTER_WORDS],
				      const uint64_t **refs);
/* Counts a part of a generation that is walked by what the query asks. */
void packed_filter_parts(const struct packed_filter *f, struct tape_read_stats *stats);
/* Does an index say where all answers from generations are? */
bool packed_filter_settled(const struct packed_filter *f);
/* Can a block that has times from..to hold an answer? */
bool packed_filter_times(const struct packed_filter *f, int64_t from, int64_t to);

struct filter_places;
/*
 * Where alone the rows of a generation are that may match, where an index knows
 * it: NULL = anywhere. Borrowed until the filter is reset.
 */
const struct filter_places *packed_filter_places(struct packed_filter *f,
						 struct generations *set,
						 uint32_t generation);

/* ---- packed_test.c ---- */

struct packed_cache;
struct packed_chunk;
/* A column of a group by its least and greatest number: can one of its values pass? */
bool filter_range_may(const struct query_node *node,
		      const struct scopepack_column *column,
		      const struct block_chunk *chunk);
/* Sets the bits of contents whose value passes. */
void filter_test_column(const struct query_node *node, unsigned type,
			const struct packed_chunk *chunk, uint32_t count, uint64_t *out);

/* ---- packed_places.c ---- */

struct filter_hits;
/* What the index of a generation has for a node; NULL: it cannot tell. */
typedef const struct filter_hits *filter_hits_fn(void *user, uint32_t generation,
						 const struct query_node *node);
struct filter_places {
	uint8_t state;	  /* 0 = not asked, 1 = these, 2 = anywhere */
	uint64_t *refs;	  /* to the contents, as the generation has them */
	uint32_t *places; /* block * BLOCK_GROUPS + group, ascending */
	size_t ref_count, place_count;
	/* Rows with them of places that were looked through: place << 16 | row. */
	uint64_t *rows;
	size_t row_count, row_cap, scanned_count;
	uint32_t scanned[64];
};
void filter_places_find(struct filter_places *places, struct generations *set,
			uint32_t generation, const struct query_node *node,
			filter_hits_fn *hits_of, void *user);
void filter_places_release(struct filter_places *places);
/* Is one of them from first to end - 1? */
bool filter_places_has(const struct filter_places *places, uint32_t first, uint32_t end);
/* Sets the bits of rows of a place that have one of the contents, and no others. False: that is not known. */
bool filter_places_rows(struct filter_places *places, struct packed_cache *cache,
			uint32_t place, uint64_t out[FILTER_WORDS]);

/* ---- packed_hits.c ---- */

/* Contents by the first bits of their hash, or of that of a blob of theirs, from the index: ordinals, ascending. */
struct filter_hits {
	uint64_t *ordinals;
	size_t count, cap;
	uint8_t state; /* 0 = not asked, 1 = these, 2 = the index cannot tell */
};
void filter_hits_find(struct filter_hits *hits, struct generations *set,
		      uint32_t generation, const struct query_node *node);
/* Sets the bits of those within a group. */
void filter_hits_set(const struct filter_hits *hits, uint64_t first, uint32_t count,
		     uint64_t out[FILTER_WORDS]);

#endif
