/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bookmarks of a tape, and what they say about the terms of a query that
 * name them: for each term the stretches of the tape where it holds.
 */
#ifndef TAPE_SEARCH_MARKS_H
#define TAPE_SEARCH_MARKS_H

#include "search/query.h"

/* Positions lo to hi, both included; seq 0 and INT64_MAX are before and behind all. */
struct marks_stretch {
	struct tape_pos lo, hi;
};
struct marks_set {
	struct marks_stretch *items; /* in tape order, apart from each other */
	size_t count, cap;
};

struct marks {
	struct tape_marks *all;
	struct marks_set *sets; /* by query_node.mark */
	size_t set_count;
	struct marks_set
		shown; /* bookmarks that a term "@name" of the query stands for */
};

/*
 * Reads the bookmarks of the tape and resolves the terms. A query without such
 * terms costs nothing: *out is NULL. Negative: it cannot go on.
 */
int marks_resolve(struct tape_reader *reader, const struct tape_query *query,
		  struct marks **out, struct tape_error *err);
void marks_free(struct marks *marks); /* NULL is fine */

bool marks_hold(const struct marks_set *set, const uint64_t session[2], uint64_t seq);
/* The seqs of a session that a set is about: how many stretches, from the first to the last. */
size_t marks_bounds(const struct marks_set *set, const uint64_t session[2], uint64_t *lo,
		    uint64_t *hi);

#endif
