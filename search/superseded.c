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
	size_t met;	     /* the last session that it was an ancestor of */
	size_t next;	     /* edge to look at; while it is on the path */
	uint8_t state;	     /* of what grows from it */
};
struct edge {
	size_t to; /* node */
	uint64_t seq;
};
struct family {
	struct current *sessions; /* by id, one per node */
	struct node *nodes;
	struct edge *edges;
	size_t count;
	size_t *met; /* nodes of the ancestry at hand, itself included */
	size_t met_count;
	size_t *path;
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

static int
build(struct family *f, const struct continuation *all, size_t count)
{
	size_t n = 0;

	f->sessions = calloc(2 * count + 1, sizeof *f->sessions);
	f->nodes = calloc(2 * count + 1, sizeof *f->nodes);
	f->edges = calloc(count + 1, sizeof *f->edges);
	f->met = calloc(2 * count + 1, sizeof *f->met);
	f->path = calloc(2 * count + 1, sizeof *f->path);
	if (f->sessions == NULL || f->nodes == NULL || f->edges == NULL ||
	    f->met == NULL || f->path == NULL)
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
		f->nodes[i] = (struct node){ .upto = CURRENT_ALL,
					     .decided = NOBODY,
					     .met = NOBODY };
	for (size_t i = 0; i < count; i++) {
		struct node *from = &f->nodes[node_of(f, all[i].from)];

		if (from->count++ == 0)
			from->first = i;
		f->edges[i] =
			(struct edge){ node_of(f, all[i].to.session), all[i].to.seq };
	}
	return 0;
}

static void
meet(struct family *f, size_t who, size_t node, size_t *depth)
{
	f->nodes[node].met = who;
	f->nodes[node].next = 0;
	f->met[f->met_count++] = node;
	f->path[(*depth)++] = node;
}

/*
 * Collects who and its ancestors. False: one of the positions that it comes from is
 * superseded, and so is all that lies between.
 */
static bool
ancestry(struct family *f, size_t who)
{
	size_t depth = 0;

	f->met_count = 0;
	meet(f, who, who, &depth);
	while (depth > 0) {
		struct node *n = &f->nodes[f->path[depth - 1]];
		const struct edge *e = &f->edges[n->first + n->next];
		const struct node *to;

		if (n->next == n->count) {
			depth--;
			continue;
		}
		n->next++;
		to = &f->nodes[e->to];
		if (to->state == SUPERSEDED || e->seq > to->upto) {
			while (depth > 0)
				f->nodes[f->path[--depth]].state = SUPERSEDED;
			return false;
		}
		/* What counts already comes from positions that do. */
		if (to->state != COUNTS && to->met != who)
			meet(f, who, e->to, &depth);
	}
	return true;
}

/* It counts, its ancestors with it, and they decide where nobody has. */
static void
decide(struct family *f, size_t who)
{
	for (size_t i = 0; i < f->met_count; i++) {
		struct node *n = &f->nodes[f->met[i]];

		n->state = COUNTS;
		for (size_t k = n->first; k < n->first + n->count; k++) {
			struct node *to = &f->nodes[f->edges[k].to];

			if (to->decided == NOBODY ||
			    (to->decided == who && f->edges[k].seq > to->upto)) {
				to->decided = who;
				to->upto = f->edges[k].seq;
			}
		}
	}
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
		if (f.nodes[i].count != 0 && f.nodes[i].state == UNKNOWN &&
		    ancestry(&f, i))
			decide(&f, i);
	for (size_t i = 0; r == 0 && i < f.count; i++)
		f.sessions[i].upto = f.nodes[i].state == SUPERSEDED ? 0 : f.nodes[i].upto;
	free(f.nodes);
	free(f.edges);
	free(f.met);
	free(f.path);
	if (r != 0) {
		free(f.sessions);
		return r;
	}
	*out = f.sessions;
	*out_count = f.count;
	return 0;
}
