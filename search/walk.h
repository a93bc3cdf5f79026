/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scopes of a slice that match, one after the other, by one thread. A cursor
 * has one walk; each thread that works for it has another, over its own view of
 * the snapshot.
 */
#ifndef TAPE_SEARCH_WALK_H
#define TAPE_SEARCH_WALK_H

#include <stdatomic.h>

#include "search/eval.h"
#include "search/packed_filter.h"
#include "search/slices.h"

/* It was told to stop by its flag: no error, and nobody is told. */
#define WALK_STOPPED (-1000)

struct walk {
	struct tape_reader *reader;
	const struct tape_query *query;
	const struct marks *marks; /* NULL: the query asks for none */
	uint32_t flags;		   /* enum tape_find_flags */
	struct slice_bounds bounds;
	const atomic_bool *stop; /* may be NULL */

	struct snapshot *snapshot; /* borrowed until walk_leave */
	struct slice slice;
	size_t left; /* sessions of it that are not begun */
	bool walking;
	struct source *source; /* NULL: none is open */
	size_t index;	       /* of its session in the snapshot */
	struct plan_session session;
	struct eval eval;
	struct packed_filter *filter;
	bool no_memory;	  /* for a plan, in a callback */
	uint64_t skipped; /* records of unknown kinds in the slice, if it is a part */
	struct source_record rec;
};

/* What a walk may take for what it remembers: a part of what one that is alone takes. */
int walk_init(struct walk *w, struct tape_reader *reader, const struct tape_query *query,
	      const struct marks *marks, const struct tape_find_options *options,
	      unsigned share, struct tape_error *err);
void walk_release(struct walk *w); /* also where walk_init failed */
/* Closes what is open and forgets the snapshot. */
void walk_leave(struct walk *w);
void walk_set(struct walk *w, struct snapshot *snapshot, const struct slice *slice);
/* 1 = w->rec matches, 0 = the end of the slice. */
int walk_next(struct walk *w, struct tape_error *err);
/* Is w->rec at this position, or was it walked over on the way there? Seq 0: at none. */
bool walk_upto(const struct walk *w, const struct tape_pos *last);
/* What w->rec is had again by (struct source_ops). */
struct source_key walk_key(const struct walk *w);

/* ---- records by their keys ---- */

/* Sources that nobody walks over: one session at a time. All zero is empty. */
struct recall {
	struct source *source;
	size_t index;
};
/* 1 = *out, 0 = not there. */
int recall_record(struct recall *x, struct snapshot *snapshot, size_t session,
		  const struct source_key *key, struct source_record *out,
		  struct tape_error *err);
void recall_leave(struct recall *x);

#endif
