/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that walk ahead of a cursor, slice by slice, each over a view of its
 * own of the cursor's snapshot. What they find and what they have to tell comes
 * back in tape order, as the cursor alone would meet it. Whatever goes wrong in
 * one of them ends the slice that it was in: the cursor walks that one itself,
 * and meets it again.
 */
#ifndef TAPE_SEARCH_AHEAD_H
#define TAPE_SEARCH_AHEAD_H

#include "search/walk.h"

/* When threads are worth it, and how work is cut. For tests to change. */
struct reader_tuning {
	int64_t alone_ns;     /* a cursor works alone for so long */
	uint64_t least_units; /* that must be left then */
	uint64_t slice_units;
	uint32_t
		chunk_scopes; /* found scopes that are handed over at once, at most CHUNK_SCOPES */
	uint32_t
		most_threads; /* that can be started; UINT32_MAX = as many as are asked for */
	size_t shared_bytes; /* of records of segments that one has walked over, for all */
	size_t made_bytes;   /* of text that is made and not taken, for each thread */
};
extern struct reader_tuning reader_tuning;
#define CHUNK_SCOPES 1024u
#define JOBS_MAX 256u
#define SHARED_BYTES ((size_t)32 << 20)
#define MADE_BYTES ((size_t)8 << 20)

enum ahead_mode {
	AHEAD_COUNT, /* how many a slice has */
	AHEAD_FIND,  /* keys of scopes */
	AHEAD_MAKE,  /* and what tape_make_fn made of them */
};

struct ahead_setup {
	struct tape_reader *reader;
	const struct tape_query *query;
	const struct marks *marks;
	const struct tape_find_options *options;
	struct snapshot *snapshot; /* outlives it */
	unsigned jobs;
	enum ahead_mode mode;
	tape_make_fn *make;
	void *user;
	/*
	 * Begin with this slice, of which scopes up to `given` are not wanted any
	 * more; NULL = with the next. By position: what could not be read when they
	 * were counted may be read now.
	 */
	const struct slice *slice;
	struct tape_pos given;
	struct slices slices; /* those behind it */
};

enum ahead_kind {
	AHEAD_SLICE,  /* a slice begins: `slice`, `after` */
	AHEAD_REPORT, /* `report`, `place` */
	AHEAD_FOUND,  /* `pos`, `session`, `key`; `data`, `len` if it was made */
	AHEAD_DONE,   /* the slice is through: `matched`, `last`, `skipped` */
	AHEAD_FAILED, /* it is not: what was met of it so far holds. Nothing comes behind that. */
	AHEAD_END,
};
struct ahead_event {
	enum ahead_kind kind;
	struct slice slice;
	struct slices after; /* where to go on behind it */
	struct tape_report report;
	uint64_t place;
	struct tape_pos pos, last;
	size_t session; /* in the snapshot */
	struct source_key key;
	const void *data;
	size_t len;
	uint64_t matched, skipped;
};

struct ahead;
/* 0; negative: no thread could be started, do without. */
int ahead_start(const struct ahead_setup *setup, struct ahead **out);
/* Waits for what is next. What it points to is borrowed until the next call. */
void ahead_next(struct ahead *a, struct ahead_event *out);
/* Ends the threads; what reading took them is added to the reader's. NULL is fine. */
void ahead_stop(struct ahead *a);

#endif
