/* SPDX-License-Identifier: Apache-2.0 */
/* Stretches of the tape between, at and behind bookmarks. */
#include "search/marks.h"

#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "search/plan.h"

static int
no_memory(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
			 "no memory for the bookmarks of the tape");
}

/* ---- sets ---- */

static bool
same_session(const struct tape_pos *a, const struct tape_pos *b)
{
	return a->session[0] == b->session[0] && a->session[1] == b->session[1];
}

/* Stretches come in the order of their begin. */
static int
add(struct marks_set *set, const struct tape_pos *lo, const struct tape_pos *hi)
{
	struct marks_stretch *last = set->count ? &set->items[set->count - 1] : NULL;

	if (tape_pos_compare(lo, hi) > 0)
		return 0;
	if (last != NULL && tape_pos_compare(lo, &last->hi) <= 0) {
		if (tape_pos_compare(&last->hi, hi) < 0)
			last->hi = *hi;
		return 0;
	}
	if (set->count == set->cap) {
		size_t cap = set->cap == 0 ? 16 : set->cap * 2;
		struct marks_stretch *more = realloc(set->items, cap * sizeof *more);

		if (more == NULL)
			return TAPE_ERR_NOMEM;
		set->items = more;
		set->cap = cap;
	}
	set->items[set->count++] = (struct marks_stretch){ *lo, *hi };
	return 0;
}

/* The first stretch that ends at `pos` or behind it. */
static size_t
find(const struct marks_set *set, const struct tape_pos *pos)
{
	size_t lo = 0, hi = set->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (tape_pos_compare(&set->items[mid].hi, pos) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool
marks_hold(const struct marks_set *set, const uint64_t session[2], uint64_t seq)
{
	struct tape_pos pos = { { session[0], session[1] }, seq };
	size_t i = find(set, &pos);

	return i < set->count && tape_pos_compare(&set->items[i].lo, &pos) <= 0;
}

size_t
marks_bounds(const struct marks_set *set, const uint64_t session[2], uint64_t *lo,
	     uint64_t *hi)
{
	struct tape_pos first = { { session[0], session[1] }, 1 };
	struct tape_pos last = { { session[0], session[1] }, INT64_MAX };
	size_t count = 0;

	*lo = UINT64_MAX;
	*hi = 0;
	for (size_t i = find(set, &first); i < set->count; i++) {
		const struct marks_stretch *s = &set->items[i];

		if (tape_pos_compare(&s->lo, &last) > 0)
			break;
		if (count++ == 0)
			*lo = same_session(&s->lo, &first) && s->lo.seq > 1 ? s->lo.seq
									    : 1;
		*hi = same_session(&s->hi, &first) ? s->hi.seq : INT64_MAX;
	}
	return count;
}

/* ---- terms ---- */

struct work {
	const struct tape_marks *all;
	const struct tape_pos *own; /* where bookmarks themselves stand, in order */
	struct tape_error *err;
};

static bool
is(const struct tape_mark *m, const char *name, size_t len, uint64_t number)
{
	return strlen(m->name) == len && memcmp(m->name, name, len) == 0 &&
	       (number == 0 || m->number == number);
}

static bool
is_first(const struct query_atom *a, const struct tape_mark *m)
{
	return is(m, a->text, a->len, a->seq);
}

static bool
is_second(const struct query_atom *a, const struct tape_mark *m)
{
	return is(m, a->hi_text, a->hi_len, a->hi_seq);
}

/* @name */
static int
at(const struct work *w, const struct query_atom *a, struct marks_set *set)
{
	int r = 0;

	for (size_t i = 0; i < w->all->count && r == 0; i++)
		if (is_first(a, &w->all->items[i]))
			r = add(set, &w->all->items[i].pos, &w->all->items[i].pos);
	return r;
}

/* How many bookmarks stand in [lo, hi] of a session. */
static uint64_t
own_between(const struct work *w, const struct tape_pos *lo, const struct tape_pos *hi)
{
	size_t from[2] = { 0, 0 };

	for (int which = 0; which < 2; which++) {
		size_t end = w->all->count;

		while (from[which] < end) {
			size_t mid = from[which] + (end - from[which]) / 2;
			int c = tape_pos_compare(&w->own[mid], which ? hi : lo);

			if (c < 0 || (which && c == 0))
				from[which] = mid + 1;
			else
				end = mid;
		}
	}
	return from[1] > from[0] ? from[1] - from[0] : 0;
}

/* @name+N: N seqs, and as many more as there are bookmarks among them. */
static int
behind(const struct work *w, const struct query_atom *a, struct marks_set *set)
{
	int r = 0;

	for (size_t i = 0; i < w->all->count && r == 0; i++) {
		struct tape_pos lo = w->all->items[i].pos, hi = lo;
		uint64_t n = (uint64_t)a->ilo, last;

		if (!is_first(a, &w->all->items[i]) || lo.seq >= INT64_MAX)
			continue;
		lo.seq++;
		do {
			last = n;
			hi.seq = n > (uint64_t)INT64_MAX - lo.seq ? INT64_MAX
								  : lo.seq + n - 1;
			n = (uint64_t)a->ilo + own_between(w, &lo, &hi);
		} while (n != last && hi.seq != INT64_MAX);
		r = add(set, &lo, &hi);
	}
	return r;
}

/* One past the marks of the session that item i is of. */
static size_t
session_end(const struct tape_marks *all, size_t i)
{
	size_t end = i + 1;

	while (end < all->count && same_session(&all->items[end].pos, &all->items[i].pos))
		end++;
	return end;
}

/* @a..: from the first of a session on, up to the next session that has one. */
static int
from(const struct work *w, const struct query_atom *a, struct marks_set *set)
{
	const struct tape_pos end = { { UINT64_MAX, UINT64_MAX }, INT64_MAX };
	const struct tape_mark *open = NULL;
	struct tape_pos hi;
	int r = 0;

	for (size_t i = 0; i < w->all->count && r == 0; i = session_end(w->all, i)) {
		size_t j = i, last = session_end(w->all, i);

		while (j < last && !is_first(a, &w->all->items[j]))
			j++;
		if (j == last)
			continue;
		hi = w->all->items[j].pos;
		hi.seq = 0;
		if (open != NULL)
			r = add(set, &open->pos, &hi);
		open = &w->all->items[j];
	}
	return r == 0 && open != NULL ? add(set, &open->pos, &end) : r;
}

/* ..@b: the same seen from the end of the tape. */
static int
upto(const struct work *w, const struct query_atom *a, struct marks_set *set)
{
	struct tape_pos lo = { .seq = 0 };
	int r = 0;

	for (size_t i = 0; i < w->all->count && r == 0; i = session_end(w->all, i)) {
		size_t first = i, j = session_end(w->all, i);

		while (j > first && !is_second(a, &w->all->items[j - 1]))
			j--;
		if (j == first)
			continue;
		r = add(set, &lo, &w->all->items[j - 1].pos);
		lo = w->all->items[j - 1].pos;
		lo.seq = UINT64_MAX;
	}
	return r;
}

/* @a..@b: each a to the next b, but not into a later session that has an a itself. */
static int
between(const struct work *w, const struct query_atom *a, struct marks_set *set)
{
	const struct tape_mark *open = NULL;
	size_t end = 0;
	int r = 0;

	for (size_t i = 0; i < w->all->count && r == 0; i++) {
		const struct tape_mark *m = &w->all->items[i];

		if (i == end) {
			end = session_end(w->all, i);
			for (size_t j = i; j < end; j++)
				if (is_first(a, &w->all->items[j]))
					open = NULL;
		}
		if (open != NULL && is_second(a, m)) {
			r = add(set, &open->pos, &m->pos);
			open = NULL;
		}
		if (open == NULL && is_first(a, m))
			open = m;
	}
	return r;
}

/* _mark=NAME: from a bookmark that passes to the next place that has one. */
static int
sections(const struct work *w, const struct query_node *node, struct marks_set *set)
{
	bool none = node->op == QUERY_NE;
	struct query_node test = *node;
	int r = 0;

	if (none)
		test.op = QUERY_EQ;
	for (size_t i = 0, next; i < w->all->count && r == 0; i = next) {
		const struct tape_pos *lo = &w->all->items[i].pos;
		struct tape_pos hi = { { lo->session[0], lo->session[1] }, INT64_MAX };
		bool any = false;

		for (next = i; next < w->all->count; next++) {
			uint8_t one;

			if (tape_pos_compare(lo, &w->all->items[next].pos) != 0)
				break;
			one = plan_test_name(&test, w->all->items[next].name);
			if (one == PLAN_MAYBE)
				return error_set(w->err, TAPE_ERR_LIMIT, NULL,
						 node->at + 1,
						 "the regular expression at column %u "
						 "takes too many steps; write it without "
						 "nested repetition",
						 node->at + 1);
			any |= one == PLAN_YES;
		}
		if (next < w->all->count && same_session(lo, &w->all->items[next].pos))
			hi.seq = w->all->items[next].pos.seq - 1;
		if (any != none)
			r = add(set, lo, &hi);
	}
	return r;
}

static int
resolve(const struct work *w, const struct query_node *node, struct marks *marks)
{
	const struct query_atom *a = node->atoms;
	struct marks_set *set;
	int r = 0;

	for (const struct query_node *c = node->first; c != NULL && r == 0; c = c->next)
		r = resolve(w, c, marks);
	if (node->kind != QUERY_AT && node->kind != QUERY_MARK)
		return r;
	set = &marks->sets[node->mark];
	if (node->kind == QUERY_MARK)
		return sections(w, node, set);
	if (a->number)
		return behind(w, a, set);
	if (!a->range)
		return at(w, a, set);
	if (a->hi_open)
		return from(w, a, set);
	return a->lo_open ? upto(w, a, set) : between(w, a, set);
}

/* ---- the whole ---- */

static int
by_position(const void *a, const void *b)
{
	return tape_pos_compare(a, b);
}

/* A bookmark of the query's "@name" is an answer itself, others are not. */
static int
show(const struct query_node *node, struct marks *marks)
{
	const struct tape_marks *all = marks->all;
	int r = 0;

	for (size_t i = 0; i < all->count && r == 0; i++) {
		const struct tape_mark *m = &all->items[i];

		for (const struct query_node *n = node; n != NULL; n = n->points)
			if (is_first(n->atoms, m) &&
			    tape_pos_compare(&m->pos, &m->own) == 0) {
				r = add(&marks->shown, &m->own, &m->own);
				break;
			}
	}
	return r;
}

int
marks_resolve(struct tape_reader *reader, const struct tape_query *query,
	      struct marks **out, struct tape_error *err)
{
	struct marks *marks;
	struct tape_pos *own = NULL;
	int r;

	*out = NULL;
	if (query->mark_count == 0)
		return 0;
	marks = calloc(1, sizeof *marks);
	if (marks == NULL)
		return no_memory(err);
	r = tape_marks_read(reader, &marks->all, err);
	if (r == 0) {
		marks->set_count = query->mark_count;
		marks->sets = calloc(query->mark_count, sizeof *marks->sets);
		own = calloc(marks->all->count + 1, sizeof *own);
		r = marks->sets == NULL || own == NULL ? no_memory(err) : 0;
	}
	if (r == 0) {
		struct work w = { marks->all, own, err };

		for (size_t i = 0; i < marks->all->count; i++)
			own[i] = marks->all->items[i].own;
		qsort(own, marks->all->count, sizeof *own, by_position);
		r = resolve(&w, query->root, marks);
		if (r == 0)
			r = show(query->points, marks);
		if (r == TAPE_ERR_NOMEM)
			r = no_memory(err);
	}
	free(own);
	if (r != 0)
		marks_free(marks);
	else
		*out = marks;
	return r;
}

void
marks_free(struct marks *marks)
{
	if (marks == NULL)
		return;
	for (size_t i = 0; marks->sets != NULL && i < marks->set_count; i++)
		free(marks->sets[i].items);
	free(marks->sets);
	free(marks->shown.items);
	tape_marks_free(marks->all);
	free(marks);
}
