/* SPDX-License-Identifier: Apache-2.0 */
/* What a walk over a tape gives and tells, in order, as text: the same with any number of jobs. */
#ifndef TESTS_SUPPORT_TRANSCRIPT_H
#define TESTS_SUPPORT_TRANSCRIPT_H

#include <stdint.h>

#include "tape/search.h"

enum transcript_way {
	TRANSCRIPT_NEXT,
	TRANSCRIPT_EACH,
	TRANSCRIPT_COUNT,
	TRANSCRIPT_TURNS, /* some scopes each way, in turn */
};
struct transcript {
	const char *dir, *query;
	enum transcript_way way;
	uint32_t flags, jobs;
	struct tape_pos after, upto;
	uint64_t limit; /* 0 = none */

	/* Made of it. */
	char *text;
	size_t len, cap;
	uint64_t scopes, damage, notes;
	int status;
	struct tape_read_stats stats;
};
/* Opens, walks, closes. Again: it is made anew. */
void transcript_make(struct transcript *t);
void transcript_release(struct transcript *t);
/* Makes it with one job and with others, and in every way: all are the same. Returns how many scopes. */
uint64_t transcript_compare(const char *dir, const char *query, uint32_t flags,
			    struct tape_pos after, struct tape_pos upto, uint64_t limit);
/* From here on threads start at once, and slices and chunks have this size. */
void transcript_tune(uint64_t slice_units, uint32_t chunk_scopes);

#endif
