/* SPDX-License-Identifier: Apache-2.0 */
/* Resolving a query against a session: its id, its facts, and the seqs that can match. */
#include <string.h>

#include "format/path.h"
#include "search/plan.h"

/* "last", "last-3": how many sessions before the last one. */
static bool
last_text(const char *text, size_t len, uint64_t *n)
{
	*n = 0;
	if (len < 4 || memcmp(text, "last", 4) != 0)
		return false;
	if (len == 4)
		return true;
	if (len < 6 || len > 12 || text[4] != '-')
		return false;
	for (size_t i = 5; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*n = *n * 10 + (uint64_t)(text[i] - '0');
	}
	return true;
}

static bool
is_full_id(const char *text, size_t len)
{
	char copy[TAPE_SESSION_TEXT];
	uint64_t id[2];

	if (len != TAPE_SESSION_TEXT - 1)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return path_parse_session(copy, id);
}

static uint8_t
session_is(const struct plan_session *s, const char *text, size_t len)
{
	uint64_t n;

	if (last_text(text, len, &n) && n == s->from_last)
		return PLAN_YES;
	if (len != 0 && len < TAPE_SESSION_TEXT && memcmp(s->text, text, len) == 0)
		return PLAN_YES;
	if (is_full_id(text, len))
		return PLAN_NO;
	if (s->facts == NULL)
		return PLAN_MAYBE;
	return len != 0 && strlen(s->facts->name) == len &&
	       memcmp(s->facts->name, text, len) == 0;
}

static uint8_t
any_session(const struct plan_session *s, const struct query_node *node)
{
	uint8_t any = PLAN_NO;

	for (size_t i = 0; i < node->atom_count && any != PLAN_YES; i++) {
		uint8_t one = session_is(s, node->atoms[i].text, node->atoms[i].len);

		if (one != PLAN_NO)
			any = one;
	}
	return any;
}

static uint8_t
test_text(const struct query_node *node, const char *text)
{
	if (text[0] == '\0')
		return PLAN_NO;
	return plan_test_name(node, text);
}

static const char *
run_name(const struct plan_session *s)
{
	if (s->facts->name[0] != '\0')
		return s->facts->name;
	return s->facts->job[0] != '\0' ? s->facts->job : s->text;
}

/* ---- positions ---- */

/* Order of this session against the one a text names: <0, 0, >0. */
static int
session_order(const struct plan_session *s, const char *text, size_t len)
{
	uint64_t n;

	if (session_is(s, text, len) == PLAN_YES)
		return 0;
	if (last_text(text, len, &n))
		return s->from_last > n ? -1 : 1;
	if (len >= TAPE_SESSION_TEXT)
		len = TAPE_SESSION_TEXT - 1;
	return memcmp(s->text, text, len) < 0 ? -1 : 1;
}

/* The seqs of this session that an atom of _pos under `op` covers. */
static void
pos_bounds(const struct plan_session *s, const struct query_atom *a, unsigned op,
	   uint64_t *lo, uint64_t *hi)
{
	int c;
	bool below = op == QUERY_LT || op == QUERY_LE;
	bool above = op == QUERY_GT || op == QUERY_GE;

	*lo = 1;
	*hi = INT64_MAX;
	/* A name that it may have: nothing is known of its place yet. */
	if ((!a->lo_open && session_is(s, a->text, a->len) == PLAN_MAYBE) ||
	    (a->range && !a->hi_open &&
	     session_is(s, a->hi_text, a->hi_len) == PLAN_MAYBE))
		return;
	c = a->lo_open ? 1 : session_order(s, a->text, a->len);
	if (!below) {
		if (c < 0 || (c > 0 && !a->range && !above))
			*hi = 0;
		else if (c == 0)
			*lo = a->seq + (op == QUERY_GT);
	}
	if (below && c > 0)
		*hi = 0;
	else if (below && c == 0)
		*hi = op == QUERY_LT && a->seq != 0 ? a->seq - 1 : a->seq;
	if (!below && !above && !a->range && c == 0)
		*hi = a->seq;
	if (a->range && !a->hi_open) {
		c = session_order(s, a->hi_text, a->hi_len);
		if (c > 0)
			*hi = 0;
		else if (c == 0 && a->hi_seq < *hi)
			*hi = a->hi_seq;
	}
}

bool
plan_session_pos(const struct plan_session *s, const struct query_node *node,
		 uint64_t seq)
{
	bool any = false;
	uint64_t lo, hi;

	for (size_t i = 0; i < node->atom_count && !any; i++) {
		pos_bounds(s, &node->atoms[i], node->op, &lo, &hi);
		any = seq >= lo && seq <= hi;
	}
	return node->op == QUERY_NE ? !any : any;
}

static void
int_bounds(const struct query_atom *a, uint64_t *lo, uint64_t *hi)
{
	*lo = a->ilo < 1 ? 1 : a->ilo > INT64_MAX ? INT64_MAX : (uint64_t)a->ilo;
	*hi = a->ihi < 0 ? 0 : a->ihi > INT64_MAX ? INT64_MAX : (uint64_t)a->ihi;
}

static void
leaf_bounds(const struct plan_session *s, const struct query_node *node, uint64_t *lo,
	    uint64_t *hi)
{
	uint64_t from, to;

	if (node->op == QUERY_NE)
		return;
	*lo = UINT64_MAX;
	*hi = 0;
	for (size_t i = 0; i < node->atom_count; i++) {
		const struct query_atom *a = &node->atoms[i];

		if (node->kind == QUERY_POS)
			pos_bounds(s, a, node->op, &from, &to);
		else
			int_bounds(a, &from, &to);
		if (from > to)
			continue;
		*lo = from < *lo ? from : *lo;
		*hi = to > *hi ? to : *hi;
	}
}

/* A hull: everything outside cannot match. */
static void
bounds(const struct plan_session *s, const struct query_node *node, uint64_t *lo,
       uint64_t *hi)
{
	uint64_t from, to;
	bool first = true;

	*lo = 1;
	*hi = INT64_MAX;
	if (s->answers[node->id] == PLAN_NO) {
		*hi = 0;
		return;
	}
	if (node->kind == QUERY_AT || node->kind == QUERY_MARK) {
		(void)marks_bounds(&s->marks->sets[node->mark], s->id, lo, hi);
		return;
	}
	if (node->kind == QUERY_SEQ || node->kind == QUERY_POS) {
		leaf_bounds(s, node, lo, hi);
		return;
	}
	if (node->kind != QUERY_AND && node->kind != QUERY_OR)
		return;
	for (const struct query_node *c = node->first; c != NULL; c = c->next) {
		bounds(s, c, &from, &to);
		if (node->kind == QUERY_AND) {
			*lo = from > *lo ? from : *lo;
			*hi = to < *hi ? to : *hi;
		} else if (from <= to) {
			*lo = first || from < *lo ? from : *lo;
			*hi = first || to > *hi ? to : *hi;
			first = false;
		}
	}
	if (node->kind == QUERY_OR && first)
		*hi = 0;
}

void
plan_session_bounds(const struct plan_session *s, uint64_t *lo, uint64_t *hi)
{
	bounds(s, s->query->root, lo, hi);
}

/* ---- the whole ---- */

static uint8_t
test_pos(const struct plan_session *s, const struct query_node *node)
{
	uint64_t lo, hi;

	if (node->op == QUERY_NE || s->facts == NULL)
		return PLAN_MAYBE;
	leaf_bounds(s, node, &lo, &hi);
	return lo > hi ? PLAN_NO : PLAN_MAYBE;
}

static uint8_t
test_marks(const struct plan_session *s, const struct query_node *node)
{
	uint64_t lo, hi;
	size_t count;

	if (s->marks == NULL)
		return PLAN_NO;
	count = marks_bounds(&s->marks->sets[node->mark], s->id, &lo, &hi);
	if (count == 0)
		return PLAN_NO;
	return count == 1 && lo == 1 && hi == INT64_MAX ? PLAN_YES : PLAN_MAYBE;
}

/* With the id alone: no when no atom can name this session. */
static uint8_t
test_pos_id(const struct plan_session *s, const struct query_node *node)
{
	if (node->op != QUERY_EQ)
		return PLAN_MAYBE;
	for (size_t i = 0; i < node->atom_count; i++)
		if (node->atoms[i].range ||
		    session_is(s, node->atoms[i].text, node->atoms[i].len) != PLAN_NO)
			return PLAN_MAYBE;
	return PLAN_NO;
}

static uint8_t
leaf_answer(const struct plan_session *s, const struct query_node *node)
{
	uint8_t any;

	switch (node->kind) {
	case QUERY_TRUE:
		return PLAN_YES;
	case QUERY_SESSION:
		any = any_session(s, node);
		return any == PLAN_MAYBE || node->op == QUERY_EQ ? any : !any;
	case QUERY_POS:
		return s->facts == NULL ? test_pos_id(s, node) : test_pos(s, node);
	case QUERY_AT:
	case QUERY_MARK:
		return test_marks(s, node);
	case QUERY_RUN:
		return s->facts == NULL ? PLAN_MAYBE : test_text(node, run_name(s));
	case QUERY_HOST:
		return s->facts == NULL ? PLAN_MAYBE : test_text(node, s->facts->host);
	case QUERY_RANK:
		if (s->facts == NULL)
			return PLAN_MAYBE;
		return s->facts->rank >= 0 && plan_test_int(node, s->facts->rank);
	default:
		return PLAN_MAYBE;
	}
}

uint8_t
plan_join(const struct query_node *node, bool any_maybe, bool decided, uint8_t leaf)
{
	uint8_t all = node->kind == QUERY_AND ? PLAN_YES : PLAN_NO;

	switch (node->kind) {
	case QUERY_AND:
	case QUERY_OR:
		return decided ? !all : any_maybe ? PLAN_MAYBE : all;
	case QUERY_NOT:
		return any_maybe ? PLAN_MAYBE : decided;
	default:
		return leaf;
	}
}

static uint8_t
resolve(const struct plan_session *s, const struct query_node *node)
{
	uint8_t answer = PLAN_MAYBE;
	bool any_maybe = false, decided = false;

	if (node->first == NULL)
		answer = leaf_answer(s, node);
	for (const struct query_node *c = node->first; c != NULL; c = c->next) {
		uint8_t one = resolve(s, c);

		any_maybe |= one == PLAN_MAYBE;
		decided |= one == (node->kind == QUERY_OR ? PLAN_YES : PLAN_NO);
	}
	answer = plan_join(node, any_maybe, decided, answer);
	s->answers[node->id] = answer;
	return answer;
}

uint8_t
plan_session_resolve(struct plan_session *s)
{
	return resolve(s, s->query->root);
}
