/* SPDX-License-Identifier: Apache-2.0 */
/* The rule: from continuations to what still counts of each session. */
#include "search/superseded.h"

#include <stdlib.h>
#include <string.h>

#define NOBODY SIZE_MAX

enum state { UNKNOWN, COUNTS, SUPERSEDED };

struct node {
	uint64_t upto;	     /* the last seq that counts */
	size_t decided;	     /* which session decided that, NOBODY = none did */
	size_t first, count; /* its edges */
	size_t back, backs;  /* those to it: f->back */
	uint8_t state;
	bool doomed; /* what it comes from is superseded */
};
struct edge {
	size_t from, to; /* node */
	uint64_t seq;
};
struct family {
	struct current *sessions; /* by id, one per node */
	struct node *nodes;
	struct edge *edges; /* by `from` */
	size_t *back;	    /* edges by `to` */
	size_t count, edge_count;
	size_t *list, *decided; /* of nodes */
	size_t decided_count;
};

static int
id_order(const uint64_t a[2], const uint64_t b[2])
{
	if (a[0] != b[0])
		return a[0] < b[0] ? -1 : 1;
	return a[1] < b[1] ? -1 : a[1] > b[1];
}

static int
by_session(const void *a, const void *b)
{
	const struct continuation *x = a, *y = b;
	int c = id_order(x->from, y->from);

	if (c == 0)
		c = id_order(x->to.session, y->to.session);
	return c != 0 ? c : (x->order > y->order) - (x->order < y->order);
}

static int
by_id(const void *a, const void *b)
{
	const struct current *x = a, *y = b;

	return id_order(x->id, y->id);
}

/* Of several from one session to another one the last stays; none to itself does. */
static size_t
leave_last(struct continuation *all, size_t count)
{
	size_t n = 0;

	if (count != 0)
		qsort(all, count, sizeof *all, by_session);
	for (size_t i = 0; i < count; i++) {
		if (id_order(all[i].from, all[i].to.session) == 0)
			continue;
		if (n != 0 && id_order(all[n - 1].from, all[i].from) == 0 &&
		    id_order(all[n - 1].to.session, all[i].to.session) == 0)
			n--;
		all[n++] = all[i];
	}
	return n;
}

static size_t
node_of(const struct family *f, const uint64_t id[2])
{
	struct current key = { { id[0], id[1] }, 0 };
	const struct current *at =
		bsearch(&key, f->sessions, f->count, sizeof key, by_id);

	return (size_t)(at - f->sessions);
}

/* Edges by the session that they lead to. */
static void
turn_round(struct family *f)
{
	size_t at = 0;

	for (size_t i = 0; i < f->count; i++) {
		f->nodes[i].back = at;
		at += f->nodes[i].backs;
		f->nodes[i].backs = 0;
	}
	for (size_t i = 0; i < f->edge_count; i++) {
		struct node *to = &f->nodes[f->edges[i].to];

		f->back[to->back + to->backs++] = i;
	}
}

static int
build(struct family *f, const struct continuation *all, size_t count)
{
	size_t n = 0;

	f->sessions = calloc(2 * count + 1, sizeof *f->sessions);
	f->nodes = calloc(2 * count + 1, sizeof *f->nodes);
	f->edges = calloc(count + 1, sizeof *f->edges);
	f->back = calloc(count + 1, sizeof *f->back);
	f->list = calloc(2 * count + 1, sizeof *f->list);
	f->decided = calloc(2 * count + 1, sizeof *f->decided);
	if (f->sessions == NULL || f->nodes == NULL || f->edges == NULL ||
	    f->back == NULL || f->list == NULL || f->decided == NULL)
		return TAPE_ERR_NOMEM;
	for (size_t i = 0; i < count; i++) {
		memcpy(f->sessions[n++].id, all[i].from, sizeof all[i].from);
		memcpy(f->sessions[n++].id, all[i].to.session, sizeof all[i].from);
	}
	if (n != 0)
		qsort(f->sessions, n, sizeof *f->sessions, by_id);
	for (size_t i = 0; i < n; i++)
		if (f->count == 0 ||
		    id_order(f->sessions[f->count - 1].id, f->sessions[i].id) != 0)
			f->sessions[f->count++] = f->sessions[i];
	for (size_t i = 0; i < f->count; i++)
		f->nodes[i] = (struct node){ .upto = CURRENT_ALL, .decided = NOBODY };
	for (size_t i = 0; i < count; i++) {
		size_t from = node_of(f, all[i].from), to = node_of(f, all[i].to.session);

		if (f->nodes[from].count++ == 0)
			f->nodes[from].first = i;
		f->nodes[to].backs++;
		f->edges[i] = (struct edge){ from, to, all[i].to.seq };
	}
	f->edge_count = count;
	turn_round(f);
	return 0;
}

/* Makes it and its ancestors count, those that do not yet: *list of them. */
static size_t
take_ancestry(struct family *f, size_t who)
{
	size_t n = 0;

	f->nodes[who].state = COUNTS;
	f->list[n++] = who;
	for (size_t i = 0; i < n; i++) {
		const struct node *node = &f->nodes[f->list[i]];

		for (size_t k = node->first; k < node->first + node->count; k++) {
			size_t to = f->edges[k].to;

			/* What counts already comes from positions that do. */
			if (f->nodes[to].state == COUNTS)
				continue;
			f->nodes[to].state = COUNTS;
			f->list[n++] = to;
		}
	}
	return n;
}

/* The first `n` of the list decide where nobody has. */
static void
decide(struct family *f, size_t who, size_t n)
{
	f->decided_count = 0;
	for (size_t i = 0; i < n; i++) {
		const struct node *node = &f->nodes[f->list[i]];

		for (size_t k = node->first; k < node->first + node->count; k++) {
			struct node *to = &f->nodes[f->edges[k].to];

			if (to->decided == NOBODY) {
				to->decided = who;
				to->upto = f->edges[k].seq;
				f->decided[f->decided_count++] = f->edges[k].to;
			} else if (to->decided == who && f->edges[k].seq > to->upto) {
				to->upto = f->edges[k].seq;
			}
		}
	}
}

static size_t
doom(struct family *f, const struct edge *e, size_t n)
{
	struct node *from = &f->nodes[e->from];

	if (from->state == COUNTS || from->doomed)
		return n;
	from->doomed = true;
	f->list[n] = e->from;
	return n + 1;
}

/*
 * What comes from behind a position that was decided will be superseded when its turn
 * comes, and with it whatever comes from there. Each is met once, so that a tape made on
 * purpose costs no more than its size.
 */
static void
doom_others(struct family *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->decided_count; i++) {
		const struct node *node = &f->nodes[f->decided[i]];

		for (size_t k = node->back; k < node->back + node->backs; k++)
			if (f->edges[f->back[k]].seq > node->upto)
				n = doom(f, &f->edges[f->back[k]], n);
	}
	for (size_t i = 0; i < n; i++) {
		const struct node *node = &f->nodes[f->list[i]];

		for (size_t k = node->back; k < node->back + node->backs; k++)
			n = doom(f, &f->edges[f->back[k]], n);
	}
}

static void
look_at(struct family *f, size_t who)
{
	struct node *n = &f->nodes[who];

	if (n->count == 0 || n->state != UNKNOWN)
		return;
	if (n->doomed) {
		n->state = SUPERSEDED;
		return;
	}
	decide(f, who, take_ancestry(f, who));
	doom_others(f);
}

int
superseded_resolve(struct continuation *all, size_t *count, struct current **out,
		   size_t *out_count)
{
	struct family f = { 0 };
	int r;

	*count = leave_last(all, *count);
	r = build(&f, all, *count);
	/* From the newest on. */
	for (size_t i = f.count; r == 0 && i-- > 0;)
		look_at(&f, i);
	for (size_t i = 0; r == 0 && i < f.count; i++)
		f.sessions[i].upto = f.nodes[i].state == SUPERSEDED ? 0 : f.nodes[i].upto;
	free(f.nodes);
	free(f.edges);
	free(f.back);
	free(f.list);
	free(f.decided);
	if (r != 0) {
		free(f.sessions);
		return r;
	}
	*out = f.sessions;
	*out_count = f.count;
	return 0;
}
