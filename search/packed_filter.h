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
/* The query outlives it. NULL: no memory. */
struct packed_filter *packed_filter_new(const struct tape_query *query);
void packed_filter_free(struct packed_filter *f); /* NULL is fine */
/* Forgets what it knows of generations: before they are released. */
void packed_filter_reset(struct packed_filter *f);
/* Why none of a group's rows can match. */
enum filter_reason { FILTER_SOME, FILTER_TIME, FILTER_VALUE };
/*
 * Rows [from, to) of a group of a generation: bits of those that may match.
 * `rows` is its part of the block's header.
 */
enum filter_reason packed_filter_rows(struct packed_filter *f, struct generations *set,
				      uint32_t generation, uint32_t block, uint32_t group,
				      const struct block_rows *rows, uint32_t from,
				      uint32_t to, uint64_t out[FILTER_WORDS]);
/* Can a block that has times from..to hold an answer? */
bool packed_filter_times(const struct packed_filter *f, int64_t from, int64_t to);

/* ---- packed_hits.c ---- */

/* Contents by the first bits of their hash, from the index: ordinals, ascending. */
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
