/* SPDX-License-Identifier: Apache-2.0 */
/* Resolving a query against a form. */
#include "search/plan.h"

#include <stdlib.h>
#include <string.h>

#include "format/limits.h"
#include "search/partial.h"

bool
plan_test_int(const struct query_node *node, query_int v)
{
	bool any = false;

	for (size_t i = 0; i < node->atom_count && !any; i++) {
		const struct query_atom *a = &node->atoms[i];

		any = a->number && v >= a->ilo && v <= a->ihi;
	}
	return node->op == QUERY_NE ? !any : any;
}

static int
compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t n = a_len < b_len ? a_len : b_len;
	int c = n == 0 ? 0 : memcmp(a, b, n);

	return c != 0 ? c : (a_len > b_len) - (a_len < b_len);
}

static bool
equal_text(const struct query_atom *a, const char *text, size_t len)
{
	if (!a->range)
		return a->len == len && (len == 0 || memcmp(a->text, text, len) == 0);
	if (a->number)
		return false;
	return (a->lo_open || compare(text, len, a->text, a->len) >= 0) &&
	       (a->hi_open || compare(text, len, a->hi_text, a->hi_len) <= 0);
}

static bool
order_text(const struct query_node *node, const char *text, size_t len)
{
	const struct query_atom *a = &node->atoms[0];
	int c = compare(text, len, a->text, a->len);

	if (a->number)
		return false;
	switch (node->op) {
	case QUERY_LT:
		return c < 0;
	case QUERY_LE:
		return c <= 0;
	case QUERY_GT:
		return c > 0;
	default:
		return c >= 0;
	}
}

int
plan_test_text(const struct query_node *node, const char *text, size_t len)
{
	bool any = false;

	if (node->op == QUERY_MATCH) {
		for (size_t i = 0; i < node->atom_count; i++) {
			int r = pattern_match(node->atoms[i].pattern, text, len);

			if (r != 0)
				return r;
		}
		return 0;
	}
	if (node->op != QUERY_EQ && node->op != QUERY_NE)
		return order_text(node, text, len);
	for (size_t i = 0; i < node->atom_count && !any; i++)
		any = equal_text(&node->atoms[i], text, len);
	return node->op == QUERY_NE ? !any : any;
}

/*
 * Text with wildcards, or as it stands where it was quoted. 1, 0, -1 = none of
 * the others matches, and a regular expression gave up.
 */
static int
glob_any(const struct query_node *node, const char *text, size_t len)
{
	int any = 0;

	for (size_t i = 0; i < node->atom_count && any != 1; i++) {
		const struct query_atom *a = &node->atoms[i];
		int one;

		if (node->op == QUERY_MATCH)
			one = pattern_match(a->pattern, text, len);
		else if (a->quoted)
			one = a->len == len && memcmp(a->text, text, len) == 0;
		else
			one = pattern_glob(a->text, a->len, text, len);
		if (one != 0)
			any = one;
	}
	return any;
}

/* What gave up is left open: evaluation says so on the first scope that hangs on it. */
static uint8_t
name_answer(const struct query_node *node, int any)
{
	if (any < 0)
		return PLAN_MAYBE;
	return (any == 1) != (node->op == QUERY_NE);
}

uint8_t
plan_test_name(const struct query_node *node, const char *text)
{
	return name_answer(node, glob_any(node, text, strlen(text)));
}

static uint8_t
test_labels(const struct query_node *node, const struct form *form)
{
	int any = 0;

	for (uint32_t i = 0; i < form->label_count && any != 1; i++) {
		int one = glob_any(node, form->labels[i], strlen(form->labels[i]));

		if (one != 0)
			any = one;
	}
	return name_answer(node, any);
}

static uint8_t
test_path(const struct query_node *node, const struct form *form)
{
	char path[LIMIT_LABELS * (LIMIT_NAME + 1)];
	size_t len = 0;

	for (uint32_t i = 0; i < form->label_count; i++) {
		size_t n = strlen(form->labels[i]);

		if (n + 1 > sizeof path - len)
			return PLAN_NO;
		if (i != 0)
			path[len++] = '/';
		memcpy(path + len, form->labels[i], n);
		len += n;
	}
	return name_answer(node, glob_any(node, path, len));
}

/* The whole recorded name, or its last parts: solver.c finds src/solver.c. */
static uint8_t
test_site(const struct query_node *node, const char *text)
{
	size_t len = strlen(text);
	int any;

	if (len == 0)
		return PLAN_NO;
	any = glob_any(node, text, len);
	for (size_t at = 0; any == 0 && node->op != QUERY_MATCH && at + 1 < len; at++)
		if (text[at] == '/')
			any = glob_any(node, text + at + 1, len - at - 1);
	return name_answer(node, any);
}

static bool
holds(const struct form *form, const struct query_path *path, bool absent)
{
	bool all = path->count == 1 && path->wild; /* `*` alone: any variable at all */

	for (uint32_t i = 0; i < form->var_count; i++)
		if ((form->vars[i].type == TAPE_ABSENT) == absent &&
		    (all ||
		     query_path_match(path, form->vars[i].name, form->vars[i].name_len)))
			return true;
	return false;
}

static bool
holds_blob(const struct form *form)
{
	for (uint32_t i = 0; i < form->var_count; i++)
		if (form->vars[i].store != TAPE_INLINE)
			return true;
	return false;
}

static uint8_t
has_field(const struct plan_session *s, const struct form *form, unsigned field)
{
	switch (field) {
	case QUERY_BLOB:
		return holds_blob(form);
	case QUERY_RANK:
		return s->facts->rank >= 0;
	case QUERY_HOST:
		return s->facts->host[0] != '\0';
	case QUERY_FILE:
		return form->file[0] != '\0';
	case QUERY_FUNC:
		return form->func[0] != '\0';
	default:
		return PLAN_MAYBE; /* _link */
	}
}

static uint8_t
test_has(const struct plan_session *s, const struct query_node *node,
	 const struct form *form)
{
	uint8_t any = PLAN_NO;

	for (size_t i = 0; i < node->atom_count && any != PLAN_YES; i++) {
		const struct query_path *path = &node->atoms[i].path;
		uint8_t one = path->field != 0 && node->kind == QUERY_HAS
				      ? has_field(s, form, path->field)
				      : holds(form, path, node->kind == QUERY_LOST);

		if (one != PLAN_NO)
			any = one;
	}
	if (node->op == QUERY_NE && any != PLAN_MAYBE)
		any = !any;
	return any;
}

/* ---- variables ---- */

static bool
testable(const struct query_node *node, const struct form_var *v, unsigned aspect)
{
	bool enumerated = v->enumerator_count != 0;

	switch (aspect) {
	case ASPECT_VALUE:
		break;
	case ASPECT_RE:
	case ASPECT_IM:
		return (v->type == TAPE_C16 || v->type == TAPE_C8) &&
		       node->op != QUERY_MATCH;
	default:
		return v->type == TAPE_ARRAY_T && node->op != QUERY_MATCH;
	}
	if (v->type == TAPE_NULL || v->type == TAPE_ABSENT || v->type == TAPE_ARRAY_T)
		return false;
	if (node->op == QUERY_MATCH)
		return v->type == TAPE_STR || v->type == TAPE_BYTES_T || enumerated;
	return true;
}

/* `x.min` of a variable x, unless a variable is called x.min. */
static bool
aspect_applies(const struct query_node *node, const struct form *form,
	       const struct form_var *v)
{
	char name[256 + 8];
	const struct query_segment *last = &node->path.segments[node->path.count - 1];

	if (node->path.aspect == ASPECT_VALUE ||
	    !query_path_match_base(&node->path, v->name, v->name_len) ||
	    v->name_len + 1 + last->len >= sizeof name)
		return false;
	memcpy(name, v->name, v->name_len);
	name[v->name_len] = '.';
	memcpy(name + v->name_len + 1, last->text, last->len);
	return form_find(form, name, v->name_len + 1 + last->len) < 0;
}

/* Counts refs of a test; writes them where `out` is given. */
static size_t
find_refs(const struct query_node *node, const struct form *form, struct plan_ref *out)
{
	size_t count = 0;

	for (uint32_t i = 0; i < form->var_count; i++) {
		const struct form_var *v = &form->vars[i];
		unsigned aspect;

		if (query_path_match(&node->path, v->name, v->name_len))
			aspect = ASPECT_VALUE;
		else if (aspect_applies(node, form, v))
			aspect = node->path.aspect;
		else
			continue;
		if (!testable(node, v, aspect))
			continue;
		if (out != NULL)
			out[count] = (struct plan_ref){ i, v->offset, v->type,
							(uint8_t)aspect };
		count++;
	}
	return count;
}

/* ---- the whole ---- */

static uint8_t
leaf_answer(const struct plan_session *s, struct plan *plan,
	    const struct query_node *node, const struct form *form)
{
	switch (node->kind) {
	case QUERY_LABEL:
		return test_labels(node, form);
	case QUERY_PATH:
		return test_path(node, form);
	case QUERY_HAS:
	case QUERY_LOST:
		return test_has(s, node, form);
	case QUERY_FILE:
		return test_site(node, form->file);
	case QUERY_FUNC:
		return test_site(node, form->func);
	case QUERY_IS:
		return partial_form(node->partial, form, NULL);
	case QUERY_LINE:
		return form->line != 0 && plan_test_int(node, form->line);
	case QUERY_BLOB:
		plan->own |= holds_blob(form);
		return node->op == QUERY_NE || holds_blob(form) ? PLAN_MAYBE : PLAN_NO;
	case QUERY_VAR:
		return plan->first[node->leaf] == plan->first[node->leaf + 1]
			       ? PLAN_NO
			       : PLAN_MAYBE;
	default:
		return s->answers[node->id];
	}
}

static uint8_t
resolve(const struct plan_session *s, struct plan *plan, const struct query_node *node,
	const struct form *form)
{
	uint8_t answer = s->answers[node->id];
	bool any_maybe = false, decided = false;

	if (answer == PLAN_MAYBE && node->first == NULL)
		answer = leaf_answer(s, plan, node, form);
	for (const struct query_node *c = node->first; c != NULL; c = c->next) {
		uint8_t one = resolve(s, plan, c, form);

		any_maybe |= one == PLAN_MAYBE;
		decided |= one == (node->kind == QUERY_OR ? PLAN_YES : PLAN_NO);
	}
	answer = plan_join(node, any_maybe, decided, answer);
	plan->answers[node->id] = answer;
	return answer;
}

static void
list_tests(const struct query_node *node, const struct query_node **tests)
{
	if (node->kind == QUERY_VAR)
		tests[node->leaf] = node;
	for (const struct query_node *c = node->first; c != NULL; c = c->next)
		list_tests(c, tests);
}

struct plan *
plan_form(const struct plan_session *s, const struct form *form)
{
	const struct tape_query *q = s->query;
	const struct query_node **tests = calloc((size_t)q->var_count + 1, sizeof *tests);
	struct plan *plan = calloc(1, sizeof *plan);
	size_t total = 0;

	if (plan == NULL || tests == NULL)
		goto fail;
	plan->answers = calloc(q->node_count, 1);
	plan->first = calloc((size_t)q->var_count + 1, sizeof *plan->first);
	if (plan->answers == NULL || plan->first == NULL)
		goto fail;
	list_tests(q->root, tests);
	for (uint32_t i = 0; i < q->var_count; i++) {
		plan->first[i] = (uint32_t)total;
		total += tests[i] == NULL ? 0 : find_refs(tests[i], form, NULL);
	}
	plan->first[q->var_count] = (uint32_t)total;
	plan->refs = calloc(total + 1, sizeof *plan->refs);
	if (plan->refs == NULL)
		goto fail;
	for (uint32_t i = 0; i < q->var_count; i++)
		if (tests[i] != NULL)
			(void)find_refs(tests[i], form, plan->refs + plan->first[i]);
	for (size_t i = 0; i < total; i++)
		plan->own |= form->vars[plan->refs[i].var].enumerator_count != 0;
	plan->answer = resolve(s, plan, q->root, form);
	free(tests);
	return plan;
fail:
	free(tests);
	plan_free(plan);
	return NULL;
}

void
plan_free(void *memory)
{
	struct plan *plan = memory;

	if (plan == NULL)
		return;
	free(plan->answers);
	free(plan->first);
	free(plan->refs);
	free(plan);
}
