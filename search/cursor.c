/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cursor: a walk over the slices of a snapshot, by the caller's thread and, when
 * that takes long, by threads ahead of it. Whatever goes wrong in those, the
 * cursor walks on alone from where they had got to.
 */
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/os.h"
#include "search/ahead.h"
#include "search/raw.h"
#include "search/reader.h"
#include "search/scope.h"

#define STALE_MAX 8u /* looks at the tape without getting any further */
/* A walk that finds more of its scopes than this is as fast without threads that only find. */
#define FEW_FOUND 4u
/* What is made of so many scopes of segments outweighs opening these for threads. */
#define MADE_RAW 1024u

struct tape_cursor {
	struct tape_reader *reader;
	const struct tape_query *query;
	struct tape_find_options options;
	struct snapshot *snapshot; /* as of tape_find, or of the last compaction since */
	bool raw;		   /* some session of it has segments */
	struct tape_pos last;	   /* given; zero = none */
	unsigned stale;	     /* how often files were gone since something was given */
	struct marks *marks; /* as of tape_find; NULL: the query asks for none */
	struct walk walk;

	/* Slices that are not begun, and the one at hand. */
	struct slices slices;
	uint8_t *answers;
	struct slice slice;
	bool in_slice, ended;
	uint64_t given;	  /* of it, so far */
	bool again;	  /* it is walked anew: some of it was given already */
	uint64_t skipped; /* records of unknown kinds in the slices of a session */

	/* Threads. */
	unsigned jobs;
	bool alone;	 /* they are not tried again */
	int64_t began;	 /* working alone, on the monotonic clock; 0 = not yet */
	uint64_t looked; /* scopes given to the query, and found, since then */
	uint64_t found;
	struct ahead *ahead;
	enum ahead_mode mode;
	struct recall recall;

	struct tape_scope scope;
};

/* Where a scope that was found is. */
struct found {
	struct source *source;
	const struct source_record *rec;
	const struct content *content; /* NULL: not had yet */
	const void *data;	       /* made by a thread */
	size_t len;
	bool made;
	uint64_t count; /* AHEAD_COUNT: so many at once */
};

/* ---- the snapshot ---- */

static int
take_snapshot(struct tape_cursor *c, struct tape_error *err)
{
	static const uint64_t least[2], most[2] = { UINT64_MAX, UINT64_MAX };
	const struct slice_bounds *b = &c->walk.bounds;
	const uint64_t *lo = b->after.session, *hi = b->upto.session;
	int r = snapshot_take_between(c->reader, lo[0] == 0 ? least : lo,
				      b->upto.seq == 0 ? most : hi, &c->snapshot, err);

	if (r != 0)
		return r;
	c->raw = false;
	for (size_t i = 0; i < c->snapshot->count && !c->raw; i++)
		c->raw = c->snapshot->sessions[i].dir.log_count != 0;
	slices_init(&c->slices, c->snapshot, c->query, c->marks, b, c->answers,
		    reader_tuning.slice_units);
	c->in_slice = c->ended = false;
	return 0;
}

/* The greatest position below one. */
static struct tape_pos
before(const struct tape_pos *pos)
{
	struct tape_pos p = *pos;

	if (--p.seq != 0)
		return p;
	p.seq = INT64_MAX;
	p.session[0] -= p.session[1] == 0;
	p.session[1] = p.session[1] == 0 ? UINT32_MAX : p.session[1] - 1;
	return p;
}

/*
 * Files were replaced under a walk: the tape is looked at anew, and the walk goes
 * on behind the last position that it gave. Positions never change.
 */
static int
renew(struct tape_cursor *c, struct tape_error *err)
{
	if (++c->stale > STALE_MAX)
		return TAPE_ERR_NOT_FOUND;
	recall_leave(&c->recall);
	walk_leave(&c->walk);
	snapshot_free(c->snapshot);
	c->snapshot = NULL;
	c->in_slice = c->alone = false;
	c->ended = true;
	c->began = 0;
	if (c->last.seq != 0) {
		if ((c->options.flags & TAPE_FIND_REVERSE) == 0)
			c->walk.bounds.after = c->last;
		else
			c->walk.bounds.upto = before(&c->last);
	}
	return take_snapshot(c, err);
}

/* ---- slices ---- */

static void
begin_slice(struct tape_cursor *c)
{
	c->in_slice = true;
	c->given = 0;
	c->again = false;
	if (c->slice.begins)
		c->skipped = 0;
}

static void
end_slice(struct tape_cursor *c, uint64_t skipped)
{
	c->in_slice = false;
	c->skipped += skipped;
	if (c->slice.part.part && c->slice.ends)
		raw_tell_skipped(c->reader,
				 c->snapshot->sessions[c->slice.first].dir.path,
				 c->skipped);
}

/* 1 = c->slice is the next one, 0 = none is left. */
static int
next_slice(struct tape_cursor *c)
{
	if (c->ended)
		return 0;
	if (c->jobs > 1) {
		c->ended = slices_next(&c->slices, &c->slice) == 0;
	} else {
		slices_whole(&c->slices, &c->slice);
		c->ended = c->slices.left == 0;
		c->slices.left = 0;
	}
	return !c->ended;
}

/* ---- alone ---- */

static void
given(struct tape_cursor *c, const uint64_t session[2], uint64_t seq)
{
	memcpy(c->last.session, session, sizeof c->last.session);
	c->last.seq = seq;
	c->reader->stats.matched++;
	c->stale = 0;
}

/* 1 = c->walk.rec is the next that was not given, 0 = the end of the slice. */
static int
step(struct tape_cursor *c, struct tape_error *err)
{
	int r;

	do {
		r = walk_next(&c->walk, err);
	} while (r == 1 && c->again && walk_upto(&c->walk, &c->last));
	c->given += r == 1;
	return r;
}

/* The same, whatever is replaced meanwhile. */
static int
step_on(struct tape_cursor *c, struct tape_error *err)
{
	struct tape_error why = { 0 };
	int r = step(c, &why), again = 0;

	if (r < 0 && snapshot_stale(r, &why)) {
		again = renew(c, &why);
		if (again == 0)
			return 0;
	}
	if (r < 0 && err != NULL)
		*err = why;
	if (r == 0)
		end_slice(c, c->walk.skipped);
	return r;
}

/* ---- threads ---- */

/*
 * An index knows all of the few answers, and nothing is raw: there is nothing to
 * share. Or segments are read for little that is made: each thread would read tables
 * and targets of links as the others do, and be no sooner through.
 */
static bool
settled(const struct tape_cursor *c, enum ahead_mode mode, uint64_t looked)
{
	uint64_t found = c->reader->stats.matched - c->found;

	if (!c->raw)
		return packed_filter_settled(c->walk.filter);
	return mode != AHEAD_MAKE || found < MADE_RAW || found * FEW_FOUND < looked;
}

/* Is it time for threads? */
static bool
worth_it(struct tape_cursor *c, enum ahead_mode mode)
{
	const struct reader_tuning *t = &reader_tuning;
	uint64_t looked = c->reader->stats.scopes - c->looked;

	if (c->jobs < 2 || c->alone || c->ended)
		return false;
	if (c->began == 0) {
		c->began = os_monotonic_ns();
		c->looked = c->reader->stats.scopes;
		c->found = c->reader->stats.matched;
		if (t->alone_ns != 0)
			return false;
	}
	/* Within a slice, all of it is done again: worth it where scopes are printed. */
	if (c->in_slice && (mode != AHEAD_MAKE || c->given % 64 != 1))
		return false;
	if (os_monotonic_ns() - c->began < t->alone_ns)
		return false;
	if (t->alone_ns != 0 && settled(c, mode, looked))
		return false;
	if (mode == AHEAD_FIND && t->alone_ns != 0 &&
	    (c->reader->stats.matched - c->found) * FEW_FOUND > looked)
		return false;
	return c->in_slice || slices_left(&c->slices, t->least_units) >= t->least_units;
}

static void
start_ahead(struct tape_cursor *c, enum ahead_mode mode, tape_make_fn *make, void *user)
{
	struct ahead_setup setup = { .reader = c->reader,
				     .query = c->query,
				     .marks = c->marks,
				     .options = &c->options,
				     .snapshot = c->snapshot,
				     .jobs = c->jobs,
				     .mode = mode,
				     .make = make,
				     .user = user,
				     .slice = c->in_slice ? &c->slice : NULL,
				     .given = c->last,
				     .slices = c->slices };
	struct tape_find_options options = c->options;

	/* Since files were replaced, other bounds hold. */
	options.after = c->walk.bounds.after;
	options.upto = c->walk.bounds.upto;
	setup.options = &options;
	c->mode = mode;
	c->alone = ahead_start(&setup, &c->ahead) != 0;
	if (!c->alone)
		walk_leave(&c->walk);
}

/* The cursor goes on alone, in the slice that was at hand. */
static void
stop_ahead(struct tape_cursor *c)
{
	if (c->ahead == NULL)
		return;
	ahead_stop(c->ahead);
	c->ahead = NULL;
	c->began = 0;
	c->again = true;
	if (c->in_slice)
		walk_set(&c->walk, c->snapshot, &c->slice);
}

/* 1 = *out is the record of what was found, 0 = it cannot be had that way. */
static int
recall(struct tape_cursor *c, const struct ahead_event *e, struct found *out)
{
	struct tape_error err;

	if (c->mode == AHEAD_FIND) {
		if (recall_record(&c->recall, c->snapshot, e->session, &e->key,
				  &c->walk.rec, &err) != 1)
			return 0;
		out->source = c->recall.source;
		out->rec = &c->walk.rec;
	}
	out->data = e->data;
	out->len = e->len;
	out->made = c->mode == AHEAD_MAKE;
	c->given++;
	given(c, e->pos.session, e->pos.seq);
	return 1;
}

/* 1 = *out, 0 = what else there is is had without threads. */
static int
from_ahead(struct tape_cursor *c, struct found *out)
{
	struct ahead_event e;

	for (;;) {
		ahead_next(c->ahead, &e);
		switch (e.kind) {
		case AHEAD_SLICE:
			/* That which was at hand is at hand again. */
			if (!c->in_slice) {
				c->slice = e.slice;
				begin_slice(c);
			}
			c->slices = e.after;
			break;
		case AHEAD_REPORT:
			reader_report_once(c->reader, e.report.kind, e.report.file,
					   e.place, e.report.offset, e.report.bytes, "%s",
					   e.report.message);
			break;
		case AHEAD_FOUND:
			if (recall(c, &e, out) == 1)
				return 1;
			stop_ahead(c);
			c->alone = true;
			return 0;
		case AHEAD_DONE:
			end_slice(c, e.skipped);
			if (c->mode != AHEAD_COUNT || e.matched == 0)
				break;
			out->count = e.matched;
			c->reader->stats.matched += out->count - 1;
			given(c, e.last.session, e.last.seq);
			return 1;
		case AHEAD_FAILED:
			stop_ahead(c);
			c->alone = true;
			return 0;
		default:
			stop_ahead(c);
			c->ended = true;
			return 0;
		}
	}
}

/* ---- the next scope, whoever finds it ---- */

static int
advance(struct tape_cursor *c, enum ahead_mode mode, tape_make_fn *make, void *user,
	struct found *out, struct tape_error *err)
{
	int r;

	*out = (struct found){ .count = 1 };
	if (c->ahead != NULL && c->mode != mode)
		stop_ahead(c);
	for (;;) {
		if (c->ahead == NULL && worth_it(c, mode))
			start_ahead(c, mode, make, user);
		if (c->ahead != NULL) {
			if (from_ahead(c, out) == 1)
				return 1;
			continue;
		}
		if (!c->in_slice) {
			if (next_slice(c) == 0) {
				walk_leave(&c->walk);
				return 0;
			}
			begin_slice(c);
			walk_set(&c->walk, c->snapshot, &c->slice);
		}
		r = step_on(c, err);
		if (r == 0)
			continue;
		if (r == 1) {
			out->source = c->walk.source;
			out->rec = &c->walk.rec;
			if (c->walk.eval.has_content)
				out->content = &c->walk.eval.content;
			given(c, c->walk.session.id, c->walk.rec.seq);
		}
		return r;
	}
}

static int
show(struct tape_cursor *c, const struct found *found, struct tape_error *err)
{
	if (scope_show(&c->scope, found->source, found->rec, found->content) == 0)
		return 0;
	return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a scope");
}

/* ---- public ---- */

static int
open_cursor(struct tape_cursor *c, struct tape_error *err)
{
	int r;

	c->answers = calloc(c->query->node_count, 1);
	if (c->answers == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a cursor");
	r = marks_resolve(c->reader, c->query, &c->marks, err);
	if (r == 0)
		r = walk_init(&c->walk, c->reader, c->query, c->marks, &c->options, 1,
			      err);
	return r == 0 ? take_snapshot(c, err) : r;
}

int
tape_find(struct tape_reader *reader, const struct tape_query *query,
	  const struct tape_find_options *options, struct tape_cursor **out,
	  struct tape_error *err)
{
	struct tape_cursor *c;
	int r;

	if (reader == NULL || query == NULL || out == NULL)
		return error_set(err, TAPE_ERR_MISUSE, NULL, 0,
				 "tape_find needs a reader, a query and a place for the "
				 "cursor");
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a cursor");
	c->reader = reader;
	c->query = query;
	/* What an older caller does not know of stays 0. */
	if (options != NULL && options->size >= offsetof(struct tape_find_options, jobs))
		memcpy(&c->options, options,
		       options->size < sizeof c->options ? options->size
							 : sizeof c->options);
	c->jobs = c->options.jobs < JOBS_MAX ? c->options.jobs : JOBS_MAX;
	r = open_cursor(c, err);
	if (r != 0) {
		tape_cursor_close(c);
		return r;
	}
	*out = c;
	return 0;
}

int
tape_cursor_next(struct tape_cursor *c, const struct tape_scope **scope,
		 struct tape_error *err)
{
	struct found found;
	int r = advance(c, AHEAD_FIND, NULL, NULL, &found, err);

	if (r != 1)
		return r;
	r = show(c, &found, err);
	if (r != 0)
		return r;
	*scope = &c->scope;
	return 1;
}

int
tape_cursor_count(struct tape_cursor *c, uint64_t *count, struct tape_error *err)
{
	struct found found;
	uint64_t n = 0;
	int r;

	while ((r = advance(c, AHEAD_COUNT, NULL, NULL, &found, err)) == 1)
		n += found.count;
	if (r == 0)
		*count = n;
	return r;
}

int
tape_cursor_each(struct tape_cursor *c, tape_make_fn *make, tape_take_fn *take,
		 void *user, struct tape_error *err)
{
	struct tape_made made;
	struct found found;
	int r, end = 0;

	while (end == 0 && (r = advance(c, AHEAD_MAKE, make, user, &found, err)) == 1) {
		made = (struct tape_made){ found.data, found.len };
		if (!found.made) {
			r = show(c, &found, err);
			if (r != 0)
				return r;
			made = (struct tape_made){ 0 };
			end = make(user, 0, &c->scope, &made);
		}
		if (end == 0)
			end = take(user, &c->last, made.data, made.len);
	}
	/* Its functions may be others the next time. */
	stop_ahead(c);
	return end != 0 ? end : r;
}

void
tape_cursor_close(struct tape_cursor *c)
{
	if (c == NULL)
		return;
	ahead_stop(c->ahead);
	recall_leave(&c->recall);
	walk_release(&c->walk);
	scope_release(&c->scope);
	free(c->answers);
	marks_free(c->marks);
	snapshot_free(c->snapshot);
	free(c);
}
