/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A query resolved: first against a session, then against a form. What is
 * decided there is never looked at again; what is left needs the scope.
 */
#ifndef TAPE_SEARCH_PLAN_H
#define TAPE_SEARCH_PLAN_H

#include "search/marks.h"
#include "search/query.h"
#include "search/source.h"

enum plan_answer { PLAN_NO = 0, PLAN_YES = 1, PLAN_MAYBE = 2 };

struct plan_session {
	const struct tape_query *query;
	uint64_t id[2];
	char text[TAPE_SESSION_TEXT];
	size_t from_last;		  /* 0 = the last session of the tape */
	const struct source_facts *facts; /* NULL: only the id is known yet */
	const struct marks *marks;	  /* NULL: the query asks for no bookmarks */
	uint8_t *answers;		  /* by node id: enum plan_answer */
};

/* A variable of a form that a test is about. */
struct plan_ref {
	uint32_t var, offset;
	uint8_t type, aspect;
};

struct plan {
	uint8_t answer; /* of the whole query for scopes of this form */
	/* Enumerators or stores count, which a link need not share with its target. */
	bool own;
	uint8_t *answers;
	uint32_t *first; /* by leaf: refs[first[leaf]] to refs[first[leaf + 1] - 1] */
	struct plan_ref *refs;
};

/* Decides what a session decides; returns the answer for all of it. */
uint8_t plan_session_resolve(struct plan_session *session);
/* seqs that can match in this session: *lo > *hi when none. */
void plan_session_bounds(const struct plan_session *session, uint64_t *lo, uint64_t *hi);
bool plan_session_pos(const struct plan_session *session, const struct query_node *node,
		      uint64_t seq);
/* NULL: no memory. */
struct plan *plan_form(const struct plan_session *session, const struct form *form);
void plan_free(void *plan);

/* Tests that several places need. */
bool plan_test_int(const struct query_node *node, query_int v);
/* Names: text with wildcards, or as it stands where it was quoted. */
/*
 * A node's answer from those of its children: whether one was PLAN_MAYBE, and
 * whether one decided it (PLAN_YES under "or", else PLAN_NO). A leaf has its own.
 */
uint8_t plan_join(const struct query_node *node, bool any_maybe, bool decided,
		  uint8_t leaf);
/* enum plan_answer; PLAN_MAYBE: a regular expression gave up. */
uint8_t plan_test_name(const struct query_node *node, const char *text);
/* 1, 0, -1 = a regular expression gave up. */
int plan_test_text(const struct query_node *node, const char *text, size_t len);

#endif
