/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over a snapshot cut into slices: runs of small sessions, and parts of
 * large ones by blocks of generations and by stretches of raw segments. What is
 * met slice by slice is what is met in one go, and in the same order.
 */
#ifndef TAPE_SEARCH_SLICES_H
#define TAPE_SEARCH_SLICES_H

#include "search/plan.h"
#include "search/snapshot.h"

/* About as much work as a compacted scope is, or 64 bytes of a raw segment. */
#define SLICE_UNIT 64u

struct slice {
	size_t first, count;	  /* sessions of the snapshot */
	uint64_t lo, hi;	  /* seqs, of each of them */
	struct source_slice part; /* of the one session, where it is a part of that */
	bool begins, ends;	  /* first or last slice of its session */
	uint64_t units;
};

/* What a walk is bounded by. */
struct slice_bounds {
	struct tape_pos after, upto; /* as in struct tape_find_options */
	bool reverse;
};

/* Where the cutting has got to. May be copied, to go on from there again. */
struct slices {
	const struct snapshot *snapshot;
	const struct tape_query *query;
	const struct marks *marks;
	uint8_t *answers; /* borrowed; of the query's nodes */
	struct slice_bounds bounds;
	uint64_t amount; /* units that a slice should have */
	size_t left;	 /* sessions not looked at */
	bool inside;	 /* a large session is being cut: */
	size_t index;
	uint64_t lo, hi; /* of it, all */
	uint64_t at;	 /* seq where its next slice begins (ends, backward) */
	bool begun, raw; /* some of it was given; its raw segments are next */
	size_t log;	 /* of them, and where in it; walking backward: up to there */
	uint64_t offset;
	bool counted; /* all that is left: */
	uint64_t rest;
};

void slices_init(struct slices *s, const struct snapshot *snapshot,
		 const struct tape_query *query, const struct marks *marks,
		 const struct slice_bounds *bounds, uint8_t *answers, uint64_t amount);
/* All of it at once. */
void slices_whole(const struct slices *s, struct slice *out);
/* 1 = *out, 0 = that was all. Reads nothing. */
int slices_next(struct slices *s, struct slice *out);
/* Units that are left, at most `most`. */
uint64_t slices_left(struct slices *s, uint64_t most);

/* Can a session have positions within the bounds? */
bool slice_bounds_session(const struct slice_bounds *b, const uint64_t id[2]);
/* Narrows seqs of a session to the bounds. */
void slice_bounds_seqs(const struct slice_bounds *b, const uint64_t id[2], uint64_t *lo,
		       uint64_t *hi);

#endif
