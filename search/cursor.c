/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over the scopes of a tape that match: sessions in order, one source at a time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/os.h"
#include "format/path.h"
#include "search/eval.h"
#include "search/packed_filter.h"
#include "search/reader.h"
#include "search/scope.h"
#include "search/snapshot.h"

#define MEMO_BYTES (64u << 20)
#define STALE_MAX 8u /* looks at the tape without getting any further */

struct tape_cursor {
	struct tape_reader *reader;
	const struct tape_query *query;
	struct tape_find_options options;
	struct snapshot *snapshot; /* as of tape_find, or of the last compaction since */
	size_t left;		   /* sessions not begun yet */
	struct tape_pos last;	   /* given; zero = none */
	unsigned stale;	       /* how often files were gone since something was given */
	struct source *source; /* NULL: none is open */
	struct plan_session session;
	struct marks *marks; /* as of tape_find; NULL: the query asks for none */
	struct eval eval;
	struct packed_filter *filter;
	bool no_memory; /* for a plan, in a callback */
	struct tape_scope scope;
	struct source_record rec;
};

/* ---- the snapshot ---- */

static bool
in_bounds(const struct tape_cursor *c, const uint64_t id[2])
{
	const struct tape_pos lo = { { id[0], id[1] }, INT64_MAX };
	const struct tape_pos hi = { { id[0], id[1] }, 1 };

	if (tape_pos_compare(&lo, &c->options.after) <= 0)
		return false;
	return c->options.upto.seq == 0 || tape_pos_compare(&hi, &c->options.upto) <= 0;
}

static int
take_snapshot(struct tape_cursor *c, struct tape_error *err)
{
	static const uint64_t least[2], most[2] = { UINT64_MAX, UINT64_MAX };
	const uint64_t *lo = c->options.after.session, *hi = c->options.upto.session;
	int r;

	r = snapshot_take_between(c->reader, lo[0] == 0 ? least : lo,
				  c->options.upto.seq == 0 ? most : hi, &c->snapshot,
				  err);
	if (r == 0)
		c->left = c->snapshot->count;
	return r;
}

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
hidden_later(const struct tape_cursor *c)
{
	return c->query->points != NULL ? SYSTEM_BOOKMARK : 0;
}

static bool
want_form(void *user, struct source_form *form)
{
	struct tape_cursor *c = user;
	struct plan *plan;

	if ((c->options.flags & TAPE_FIND_ALL) == 0 &&
	    (system_labels(&form->form) & ~c->query->named & ~hidden_later(c)) != 0)
		return false;
	plan = plan_form(&c->session, &form->form);
	if (plan == NULL) {
		c->no_memory = true;
		return false;
	}
	form->plan = plan;
	return plan->answer != PLAN_NO;
}

static void
leave_session(struct tape_cursor *c)
{
	if (c->source != NULL)
		c->source->ops->close(c->source);
	c->source = NULL;
}

static void
seq_bounds(const struct tape_cursor *c, struct source_iter *iter)
{
	const struct tape_pos *after = &c->options.after, *upto = &c->options.upto;

	plan_session_bounds(&c->session, &iter->lo, &iter->hi);
	if (after->session[0] == c->session.id[0] &&
	    after->session[1] == c->session.id[1] && after->seq >= iter->lo)
		iter->lo = after->seq == UINT64_MAX ? UINT64_MAX : after->seq + 1;
	if (upto->seq != 0 && upto->session[0] == c->session.id[0] &&
	    upto->session[1] == c->session.id[1] && upto->seq < iter->hi)
		iter->hi = upto->seq;
}

/* 1 = walking, 0 = nothing can match there. */
static int
enter_session(struct tape_cursor *c, size_t index, struct tape_error *err)
{
	const struct snapshot_session *s = &c->snapshot->sessions[index];
	struct source_iter iter = { .want = want_form,
				    .user = c,
				    .lean = true,
				    .session = &c->session,
				    .filter = c->filter };
	int r;

	if (!in_bounds(c, s->id))
		return 0;
	memcpy(c->session.id, s->id, sizeof s->id);
	tape_session_text(s->id, c->session.text);
	c->session.from_last = c->snapshot->count - 1 - index;
	c->session.facts = NULL;
	if (plan_session_resolve(&c->session) == PLAN_NO)
		return 0;
	r = snapshot_open(c->snapshot, index, &c->source, err);
	if (r != 1)
		return r;
	c->source->drop_plan = plan_free;
	c->session.facts = c->source->ops->facts(c->source);
	if (plan_session_resolve(&c->session) == PLAN_NO)
		return 0;
	seq_bounds(c, &iter);
	if (iter.lo > iter.hi)
		return 0;
	iter.reverse = (c->options.flags & TAPE_FIND_REVERSE) != 0;
	eval_enter(&c->eval, &c->session, c->source);
	r = c->source->ops->begin(c->source, &iter, err);
	return r == 0 ? 1 : r;
}

static int
next_session(struct tape_cursor *c, struct tape_error *err)
{
	while (c->left > 0) {
		size_t index = (c->options.flags & TAPE_FIND_REVERSE) != 0
				       ? c->left - 1
				       : c->snapshot->count - c->left;
		int r;

		c->left--;
		leave_session(c);
		r = enter_session(c, index, err);
		if (r != 0)
			return r;
	}
	leave_session(c);
	return 0;
}

/* ---- matching ---- */

static bool
is_bookmark(const struct tape_cursor *c)
{
	return c->rec.kind == SOURCE_BOOKMARK ||
	       (hidden_later(c) & system_labels(&c->rec.form->form)) != 0;
}

/* A scope whose body does not decode is never shown; a link's content is looked at when it is. */
static bool
showable(struct tape_cursor *c)
{
	struct eval *e = &c->eval;

	if ((c->options.flags & TAPE_FIND_ALL) == 0 &&
	    (c->query->named & SYSTEM_BOOKMARK) == 0 && is_bookmark(c) &&
	    (c->marks == NULL ||
	     !marks_hold(&c->marks->shown, c->session.id, c->rec.seq)))
		return false;
	if (c->rec.kind == SOURCE_LINK || c->rec.kind == SOURCE_PROJECTION ||
	    c->rec.body == NULL)
		return true;
	if (!e->has_content) {
		(void)content_get(c->source, &c->rec, &e->content, NULL);
		e->has_content = true;
	}
	return content_check(&e->content) && !e->content.lost;
}

/* 1 = c->rec matches, 0 = the end. */
static int
step(struct tape_cursor *c, struct tape_error *err)
{
	for (;;) {
		int r = c->source == NULL ? 0
					  : c->source->ops->next(c->source, &c->rec, err);

		if (c->no_memory)
			return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
					 "no memory for the query");
		if (r == 0) {
			r = next_session(c, err);
			if (r != 1)
				return r;
			continue;
		}
		c->reader->stats.scopes += r == 1;
		if (r == 1)
			r = eval_match(&c->eval, &c->rec, c->rec.form->plan, err);
		if (r < 0 || (r == 1 && showable(c)))
			return r;
	}
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
	leave_session(c);
	packed_filter_reset(c->filter);
	snapshot_free(c->snapshot);
	c->snapshot = NULL;
	if (c->last.seq != 0) {
		if ((c->options.flags & TAPE_FIND_REVERSE) == 0) {
			c->options.after = c->last;
		} else {
			c->options.upto = before(&c->last);
		}
	}
	return take_snapshot(c, err);
}

static int
advance(struct tape_cursor *c, struct tape_error *err)
{
	struct tape_error why = { 0 };
	int r;

	while ((r = step(c, &why)) < 0 && snapshot_stale(r, &why)) {
		int again = renew(c, &why);

		if (again != 0)
			break;
	}
	if (r < 0 && err != NULL)
		*err = why;
	if (r == 1) {
		memcpy(c->last.session, c->session.id, sizeof c->last.session);
		c->last.seq = c->rec.seq;
		c->reader->stats.matched++;
		c->stale = 0;
	}
	return r;
}

/* ---- public ---- */

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
	c->query = c->session.query = c->eval.query = query;
	/* What an older caller does not know of stays 0. */
	if (options != NULL && options->size >= offsetof(struct tape_find_options, jobs))
		memcpy(&c->options, options,
		       options->size < sizeof c->options ? options->size
							 : sizeof c->options);
	c->session.answers = calloc(query->node_count, 1);
	r = c->session.answers == NULL
		    ? error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a cursor")
		    : 0;
	if (r == 0 && query->memo_count != 0 &&
	    seqmap_init(&c->eval.memo, MEMO_BYTES) != 0)
		r = error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a cursor");
	c->filter = packed_filter_new(query);
	if (c->filter == NULL)
		r = error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a cursor");
	if (r == 0)
		r = marks_resolve(reader, query, &c->marks, err);
	c->session.marks = c->marks;
	if (r == 0)
		r = take_snapshot(c, err);
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
	int r = advance(c, err);

	if (r != 1)
		return r;
	if (scope_show(&c->scope, c->source, &c->rec,
		       c->eval.has_content ? &c->eval.content : NULL) != 0)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a scope");
	*scope = &c->scope;
	return 1;
}

int
tape_cursor_count(struct tape_cursor *c, uint64_t *count, struct tape_error *err)
{
	uint64_t n = 0;
	int r;

	while ((r = advance(c, err)) == 1)
		n++;
	if (r == 0)
		*count = n;
	return r;
}

void
tape_cursor_close(struct tape_cursor *c)
{
	if (c == NULL)
		return;
	leave_session(c);
	scope_release(&c->scope);
	eval_release(&c->eval);
	packed_filter_free(c->filter);
	free(c->session.answers);
	marks_free(c->marks);
	snapshot_free(c->snapshot);
	free(c);
}
