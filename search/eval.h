/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluating a query on scopes, after plan.h has decided what it could. */
#ifndef TAPE_SEARCH_EVAL_H
#define TAPE_SEARCH_EVAL_H

#include "search/content.h"
#include "search/plan.h"
#include "search/seqmap.h"

/* One per cursor. */
struct eval {
	const struct tape_query *query;
	const struct plan_session *session;
	struct source *source;
	struct seqmap
		memo; /* answers of content-only subtrees by seq: 2 bits a slot, 16 of head16 */

	/* of the scope at hand */
	const struct source_record *rec;
	const struct plan *plan;
	struct content content;
	bool has_content;
	struct tape_value *values; /* all of them, where many are looked at */
	size_t value_cap;
	bool has_values;
	int failed; /* a negative status: evaluation cannot go on */
	struct tape_error *err;
};

void eval_release(struct eval *e);
/* A fresh start in a session. */
void eval_enter(struct eval *e, const struct plan_session *session,
		struct source *source);
/* 1 = matches, 0 = does not, negative = cannot go on. */
int eval_match(struct eval *e, const struct source_record *rec, const struct plan *plan,
	       struct tape_error *err);

/* eval_value.c: a test on one value. 1, 0, -1 = a regular expression gave up. */
int eval_value_test(const struct query_node *node, const struct plan_ref *ref,
		    const struct form_var *var, const struct tape_value *value);
bool eval_value_double(const struct query_node *node, double v);
/* Hex prefix of a hash. */
bool eval_value_hash(const struct query_node *node, const struct tape_hash *hash);

#endif
