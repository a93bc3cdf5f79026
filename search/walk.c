/* SPDX-License-Identifier: Apache-2.0 */
#include "search/walk.h"

#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "search/reader.h"
#include "search/scope.h"

#define MEMO_BYTES (64u << 20)
#define MEMO_LEAST (4u << 20)

/* ---- one session after the other ---- */

static uint8_t
system_labels(const struct form *form)
{
	uint8_t found = 0;

	for (uint32_t i = 0; i < form->label_count; i++)
		if (form->labels[i][0] == '_')
			found |= query_system_label(form->labels[i],
						    strlen(form->labels[i]));
	return found;
}

/* Of bookmarks, those that the query names are shown: showable() knows which. */
static uint8_t
hidden_later(const struct walk *w)
{
	return w->query->points != NULL ? SYSTEM_BOOKMARK : 0;
}

static bool
want_form(void *user, struct source_form *form)
{
	struct walk *w = user;
	struct plan *plan;

	if ((w->flags & TAPE_FIND_ALL) == 0 &&
	    (system_labels(&form->form) & ~w->query->named & ~hidden_later(w)) != 0)
		return false;
	plan = plan_form(&w->session, &form->form);
	if (plan == NULL) {
		w->no_memory = true;
		return false;
	}
	form->plan = plan;
	return plan->answer != PLAN_NO;
}

static void
leave_session(struct walk *w)
{
	if (w->source != NULL)
		w->source->ops->close(w->source);
	w->source = NULL;
	w->walking = false;
}

/* What the session and the slice leave of it. */
static void
seq_bounds(struct walk *w, struct source_iter *iter)
{
	plan_session_bounds(&w->session, &iter->lo, &iter->hi);
	slice_bounds_seqs(&w->bounds, w->session.id, &iter->lo, &iter->hi);
	if (iter->hi > w->snapshot->sessions[w->index].shown)
		iter->hi = w->snapshot->sessions[w->index].shown;
	iter->slice = w->slice.part;
	if (iter->slice.part) {
		iter->slice.lo = iter->lo;
		iter->slice.hi = iter->hi;
		iter->slice.skipped = &w->skipped;
	}
	if (iter->lo < w->slice.lo)
		iter->lo = w->slice.lo;
	if (iter->hi > w->slice.hi)
		iter->hi = w->slice.hi;
}

/* 1 = w->source is that session's, 0 = nothing can match there. */
static int
open_session(struct walk *w, size_t index, struct tape_error *err)
{
	const struct snapshot_session *s = &w->snapshot->sessions[index];
	int r;

	if (!slice_bounds_session(&w->bounds, s->id))
		return 0;
	memcpy(w->session.id, s->id, sizeof s->id);
	tape_session_text(s->id, w->session.text);
	w->session.from_last = w->snapshot->count - 1 - index;
	w->session.facts = NULL;
	if (plan_session_resolve(&w->session) == PLAN_NO)
		return 0;
	r = snapshot_open(w->snapshot, index, &w->source, err);
	if (r != 1)
		return r;
	w->index = index;
	w->source->drop_plan = plan_free;
	w->session.facts = w->source->ops->facts(w->source);
	eval_enter(&w->eval, &w->session, w->source);
	return 1;
}

/* 1 = walking, 0 = nothing can match there. */
static int
enter_session(struct walk *w, size_t index, struct tape_error *err)
{
	struct source_iter iter = { .want = want_form,
				    .user = w,
				    .lean = true,
				    .session = &w->session,
				    .filter = w->filter };
	int r = 1;

	/* Slices of a session follow each other: it stays open. */
	if (w->source == NULL || w->index != index) {
		leave_session(w);
		r = open_session(w, index, err);
	}
	if (r != 1)
		return r;
	if (plan_session_resolve(&w->session) == PLAN_NO)
		return 0;
	seq_bounds(w, &iter);
	if (iter.lo > iter.hi)
		return 0;
	iter.reverse = w->bounds.reverse;
	r = w->source->ops->begin(w->source, &iter, err);
	w->walking = r == 0;
	return r == 0 ? 1 : r;
}

static int
next_session(struct walk *w, struct tape_error *err)
{
	w->walking = false;
	while (w->left > 0) {
		size_t index =
			w->slice.first +
			(w->bounds.reverse ? w->left - 1 : w->slice.count - w->left);
		int r;

		w->left--;
		r = enter_session(w, index, err);
		if (r != 0)
			return r;
	}
	if (!w->slice.part.part || w->slice.ends)
		leave_session(w);
	return 0;
}

/* ---- matching ---- */

static bool
is_bookmark(const struct walk *w)
{
	return w->rec.kind == SOURCE_BOOKMARK ||
	       (hidden_later(w) & system_labels(&w->rec.form->form)) != 0;
}

/* A scope whose body does not decode is never shown; a link's content is looked at when it is. */
static bool
showable(struct walk *w)
{
	struct eval *e = &w->eval;

	if ((w->flags & TAPE_FIND_ALL) == 0 && (w->query->named & SYSTEM_BOOKMARK) == 0 &&
	    is_bookmark(w) &&
	    (w->marks == NULL ||
	     !marks_hold(&w->marks->shown, w->session.id, w->rec.seq)))
		return false;
	if (w->rec.kind == SOURCE_LINK || w->rec.kind == SOURCE_PROJECTION ||
	    w->rec.body == NULL)
		return true;
	if (!e->has_content) {
		(void)content_get(w->source, &w->rec, &e->content, NULL);
		e->has_content = true;
	}
	return content_check(&e->content) && !e->content.lost;
}

int
walk_next(struct walk *w, struct tape_error *err)
{
	for (;;) {
		int r = w->walking ? w->source->ops->next(w->source, &w->rec, err) : 0;

		if (w->no_memory)
			return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
					 "no memory for the query");
		if (w->stop != NULL &&
		    atomic_load_explicit(w->stop, memory_order_relaxed))
			return WALK_STOPPED;
		if (r == 0) {
			r = next_session(w, err);
			if (r != 1)
				return r;
			continue;
		}
		w->reader->stats.scopes += r == 1;
		if (r == 1)
			r = eval_match(&w->eval, &w->rec, w->rec.form->plan, err);
		if (r < 0 || (r == 1 && showable(w)))
			return r;
	}
}

bool
walk_upto(const struct walk *w, const struct tape_pos *last)
{
	struct tape_pos pos = { .seq = w->rec.seq };
	int order;

	if (last->seq == 0)
		return false;
	memcpy(pos.session, w->session.id, sizeof pos.session);
	order = tape_pos_compare(&pos, last);
	return w->bounds.reverse ? order >= 0 : order <= 0;
}

struct source_key
walk_key(const struct walk *w)
{
	return (struct source_key){ .seq = w->rec.seq,
				    .row = w->rec.row,
				    .form = w->rec.form->form.number,
				    .kind = w->rec.kind };
}

/* ---- its beginning and end ---- */

int
walk_init(struct walk *w, struct tape_reader *reader, const struct tape_query *query,
	  const struct marks *marks, const struct tape_find_options *options,
	  unsigned share, struct tape_error *err)
{
	size_t memo = MEMO_BYTES / share < MEMO_LEAST ? MEMO_LEAST : MEMO_BYTES / share;
	bool fine;

	memset(w, 0, sizeof *w);
	w->reader = reader;
	w->query = w->session.query = w->eval.query = query;
	w->marks = w->session.marks = marks;
	w->flags = options->flags;
	w->bounds.after = options->after;
	w->bounds.upto = options->upto;
	w->bounds.reverse = (options->flags & TAPE_FIND_REVERSE) != 0;
	w->session.answers = calloc(query->node_count, 1);
	w->filter = packed_filter_new(query, FILTER_KEPT / share);
	fine = w->session.answers != NULL && w->filter != NULL &&
	       (query->memo_count == 0 || seqmap_init(&w->eval.memo, memo) == 0);
	return fine ? 0
		    : error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a cursor");
}

void
walk_leave(struct walk *w)
{
	leave_session(w);
	packed_filter_reset(w->filter);
	w->snapshot = NULL;
	w->left = 0;
}

void
walk_release(struct walk *w)
{
	leave_session(w);
	eval_release(&w->eval);
	packed_filter_free(w->filter);
	free(w->session.answers);
	memset(w, 0, sizeof *w);
}

void
walk_set(struct walk *w, struct snapshot *snapshot, const struct slice *slice)
{
	w->snapshot = snapshot;
	w->slice = *slice;
	w->left = slice->count;
	w->walking = false;
	w->skipped = 0;
}

/* ---- records by their keys ---- */

void
recall_leave(struct recall *x)
{
	if (x->source != NULL)
		x->source->ops->close(x->source);
	x->source = NULL;
}

int
recall_record(struct recall *x, struct snapshot *snapshot, size_t session,
	      const struct source_key *key, struct source_record *out,
	      struct tape_error *err)
{
	int r = 1;

	if (x->source == NULL || x->index != session) {
		recall_leave(x);
		r = snapshot_open(snapshot, session, &x->source, err);
		x->index = session;
	}
	return r == 1 ? x->source->ops->recall(x->source, key, out, err) : r;
}
