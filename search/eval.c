/* SPDX-License-Identifier: Apache-2.0 */
#include "search/eval.h"

#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/le.h"
#include "search/partial.h"

/* Scopes of so many variables are not laid out for the sake of one. */
#define FEW_VARS 64u

void
eval_enter(struct eval *e, const struct plan_session *session, struct source *source)
{
	e->session = session;
	e->source = source;
	seqmap_clear(&e->memo);
}

void
eval_release(struct eval *e)
{
	seqmap_release(&e->memo);
	free(e->values);
}

static void
fail(struct eval *e, int status)
{
	if (e->failed == 0)
		e->failed = status;
}

/* False: there is no content; every test on it is false. */
static bool
content_ready(struct eval *e)
{
	int r;

	if (!e->has_content) {
		r = content_get(e->source, e->rec, &e->content, e->err);
		if (r != 0)
			fail(e, r);
		e->has_content = true;
		e->content.lost |= r != 0;
	}
	return !e->content.lost;
}

static void
gave_up(struct eval *e, const struct query_node *node)
{
	char pos[TAPE_POS_TEXT];
	struct tape_pos at = { { e->session->id[0], e->session->id[1] }, e->rec->seq };

	tape_pos_text(&at, pos);
	fail(e,
	     error_set(e->err, TAPE_ERR_LIMIT, NULL, node->at + 1,
		       "the regular expression at column %u takes too many steps on %s; "
		       "write it without nested repetition",
		       node->at + 1, pos));
}

/*
 * To find one variable-width value, those before it are walked over: from a few
 * on, all are laid out at once.
 */
static bool
lay_out(struct eval *e)
{
	const struct form *own = &e->rec->form->form;

	if (e->has_values)
		return true;
	if (e->value_cap < own->var_count) {
		free(e->values);
		e->values = calloc(own->var_count, sizeof *e->values);
		e->value_cap = e->values == NULL ? 0 : own->var_count;
	}
	if (e->values == NULL) {
		fail(e, error_set(e->err, TAPE_ERR_NOMEM, NULL, 0,
				  "no memory for the values of a scope"));
		return false;
	}
	content_values(&e->content, own, e->values, NULL);
	e->has_values = true;
	return true;
}

/* Values are had one by one: nothing else of the scope is laid out for them. */
static bool
one_by_one(const struct eval *e)
{
	return e->rec->body == NULL && e->rec->of->ops->value != NULL;
}

/* False: it is lost, and every test on it is false. */
static bool
one_value(struct eval *e, uint32_t index, struct tape_value *out)
{
	int r = e->rec->of->ops->value(e->rec->of, e->rec, index, out, NULL, e->err);

	if (r < 0)
		fail(e, r);
	if (r < 0 || out->type != e->rec->form->form.vars[index].type) {
		e->content.lost = true;
		return false;
	}
	return true;
}

/* Variable `index` of the scope; variable-width ones of checked content only. */
static bool
value_of(struct eval *e, uint32_t index, struct tape_value *out)
{
	const struct form *own = &e->rec->form->form;
	int64_t at;

	if (one_by_one(e))
		return one_value(e, index, out);
	at = content_index(&e->content, own, index);
	if (at < 0)
		return false;
	if (own->vars[index].type < TAPE_STR || own->var_count <= FEW_VARS) {
		body_value(e->content.form, e->content.body, (uint32_t)at, out, NULL);
		return true;
	}
	if (!lay_out(e))
		return false;
	*out = e->values[index];
	return true;
}

/* Variables of any width, by way of a laid out value. */
static bool
test_slow(struct eval *e, const struct query_node *node, const struct plan_ref *ref)
{
	const struct form *own = &e->rec->form->form;
	struct tape_value value;
	int r;

	if (ref->type >= TAPE_STR && !one_by_one(e) && !content_check(&e->content))
		return false;
	if (!value_of(e, ref->var, &value))
		return false;
	r = eval_value_test(node, ref, &own->vars[ref->var], &value);
	if (r < 0)
		gave_up(e, node);
	return r == 1;
}

static bool
test_ref(struct eval *e, const struct query_node *node, const struct plan_ref *ref)
{
	const uint8_t *at;

	if (e->content.mapped)
		return test_slow(e, node, ref);
	at = e->content.body + ref->offset;
	switch (ref->type) {
	case TAPE_F64: {
		double v;

		memcpy(&v, at, sizeof v);
		return eval_value_double(node, v);
	}
	case TAPE_U64:
		return plan_test_int(node, (query_int)get_le64(at));
	case TAPE_I64:
		if (e->rec->form->form.vars[ref->var].enumerator_count == 0)
			return plan_test_int(node, (int64_t)get_le64(at));
		return test_slow(e, node, ref);
	default:
		return test_slow(e, node, ref);
	}
}

static bool
test_var(struct eval *e, const struct query_node *node)
{
	const struct plan_ref *ref = e->plan->refs + e->plan->first[node->leaf];
	const struct plan_ref *end = e->plan->refs + e->plan->first[node->leaf + 1];

	bool each = one_by_one(e);

	if (!each && !content_ready(e))
		return false;
	for (; ref < end; ref++)
		if (each ? test_slow(e, node, ref) : test_ref(e, node, ref))
			return true;
	return false;
}

static bool
test_time(const struct query_node *node, int64_t time)
{
	bool any = false;

	if (time == TAPE_TIME_UNKNOWN)
		return false;
	for (size_t i = 0; i < node->atom_count && !any; i++)
		any = time >= node->atoms[i].tlo && time <= node->atoms[i].thi;
	return node->op == QUERY_NE ? !any : any;
}

static bool
links_to(const struct eval *e, const struct query_atom *a)
{
	bool is_link = e->rec->kind == SOURCE_LINK;
	struct query_node one = { .kind = QUERY_POS, .op = QUERY_EQ };
	uint64_t target;

	if (a->seq != 0 || a->number) {
		if (!is_link)
			return false;
		target = source_target(e->rec);
		if (a->number)
			return target <= INT64_MAX && (query_int)target >= a->ilo &&
			       (query_int)target <= a->ihi;
		one.atoms = (struct query_atom *)(uintptr_t)a;
		one.atom_count = 1;
		return plan_session_pos(e->session, &one, target);
	}
	return is_link == (a->len == 3); /* any, none */
}

static bool
test_link(const struct eval *e, const struct query_node *node)
{
	bool any = false;

	for (size_t i = 0; i < node->atom_count && !any; i++)
		any = links_to(e, &node->atoms[i]);
	return node->op == QUERY_NE ? !any : any;
}

/* _has=_link: the only one that a form does not decide. */
static bool
test_has(const struct eval *e, const struct query_node *node)
{
	bool link = e->rec->kind == SOURCE_LINK;

	return node->op == QUERY_NE ? !link : link;
}

static bool
test_hash(struct eval *e, const struct query_node *node)
{
	struct content canonical, *c = &e->content;
	struct tape_hash hash;
	int r;

	if (one_by_one(e) && !e->has_content) {
		r = content_get_canonical(e->source, e->rec, &canonical, e->err);
		if (r != 0)
			fail(e, r);
		e->content.lost = r != 0 || !content_check(&canonical);
		if (e->content.lost)
			return false;
		c = &canonical;
	} else if (!content_ready(e) || !content_check(c)) {
		return false;
	}
	r = content_hash(&e->rec->form->form, c, &hash, e->err);
	if (r < 0)
		fail(e, r);
	return r == 0 && eval_value_hash(node, &hash);
}

static bool
blob_matches(struct eval *e, const struct query_node *node, uint32_t index)
{
	struct tape_value v;
	struct query_node equal = *node;

	if (!value_of(e, index, &v))
		return false;
	if (!v.has_hash)
		v.hash = hash_bytes(v.data, (size_t)v.size);
	equal.op = QUERY_EQ;
	return eval_value_hash(&equal, &v.hash);
}

static bool
test_blob(struct eval *e, const struct query_node *node)
{
	const struct form *own = &e->rec->form->form;
	bool any = false;

	if (!one_by_one(e) && (!content_ready(e) || !content_check(&e->content)))
		return false;
	for (uint32_t i = 0; i < own->var_count && !any; i++)
		if (own->vars[i].store != TAPE_INLINE)
			any = blob_matches(e, node, i);
	return node->op == QUERY_NE ? !any : any;
}

/* What a form leaves open of a partial: element types and extents of arrays. */
static bool
test_is(struct eval *e, const struct query_node *node)
{
	const struct form *own = &e->rec->form->form;
	const struct partial *partial = node->partial;

	if (!one_by_one(e) && (!content_ready(e) || !content_check(&e->content)))
		return false;
	for (uint32_t i = 0; i < partial->count; i++) {
		const struct partial_field *field = &partial->fields[i];
		int64_t at = partial_field_open(field)
				     ? form_find(own, field->name, field->name_len)
				     : -1;
		struct tape_value value;

		if (at < 0 || own->vars[at].type != TAPE_ARRAY_T)
			continue;
		if (!value_of(e, (uint32_t)at, &value) ||
		    !partial_field_fits(field, &value))
			return false;
	}
	return true;
}

static bool
leaf(struct eval *e, const struct query_node *node)
{
	switch (node->kind) {
	case QUERY_VAR:
		return test_var(e, node);
	case QUERY_IS:
		return test_is(e, node);
	case QUERY_TIME:
		return test_time(node, source_time(e->rec));
	case QUERY_SEQ:
		return plan_test_int(node, (query_int)e->rec->seq);
	case QUERY_POS:
		return plan_session_pos(e->session, node, e->rec->seq);
	case QUERY_LINK:
		return test_link(e, node);
	case QUERY_AT:
	case QUERY_MARK:
		return marks_hold(&e->session->marks->sets[node->mark], e->session->id,
				  e->rec->seq);
	case QUERY_HAS:
		return test_has(e, node);
	case QUERY_HASH:
		return test_hash(e, node);
	case QUERY_BLOB:
		return test_blob(e, node);
	default: /* a name, left open by an expression that gave up on it */
		gave_up(e, node);
		return false;
	}
}

static bool evaluate(struct eval *e, const struct query_node *node);

static bool
combine(struct eval *e, const struct query_node *node)
{
	bool stop = node->kind == QUERY_OR;

	if (node->kind == QUERY_NOT)
		return !evaluate(e, node->first);
	/* What needs no content first: it may spare the rest. */
	for (int pass = 0; pass < 2; pass++)
		for (const struct query_node *c = node->first; c != NULL; c = c->next)
			if (((c->need & NEED_CONTENT) != 0) == (pass == 1) &&
			    evaluate(e, c) == stop)
				return stop;
	return !stop;
}

/*
 * A subtree that depends on content alone has the same answer for a scope and
 * for all links to it: it is remembered under the seq of the scope. A link that
 * does not fit its target has no part in that: the upper half of an entry says
 * which labels and variables its answers are for. Nor has a form whose own
 * enumerators or stores count (plan.h).
 */
static bool
remembered(struct eval *e, const struct query_node *node)
{
	bool link = e->rec->kind == SOURCE_LINK;
	uint64_t seq = link ? source_target(e->rec) : e->rec->seq;
	unsigned shift = 2u * (unsigned)node->memo;
	uint32_t *entry = seqmap_entry(&e->memo, seq, 1);
	uint32_t fits = (uint32_t)get_le16(e->rec->form->form.head16.byte) << 16;
	bool answer;

	if (entry != NULL && (*entry & 0xffff0000u) != fits) {
		entry = link && *entry != 0 ? NULL : entry;
		if (entry != NULL)
			*entry = fits;
	}
	if (entry != NULL && link && (*entry >> shift & 2u) != 0)
		return (*entry >> shift & 1u) != 0;
	answer = node->first == NULL ? leaf(e, node) : combine(e, node);
	/* Lost content is looked for again, so that each link to it is reported. */
	if (entry != NULL && !e->content.lost)
		*entry = (*entry & ~(3u << shift)) | (2u | answer) << shift;
	return answer;
}

static bool
evaluate(struct eval *e, const struct query_node *node)
{
	uint8_t answer = e->plan->answers[node->id];

	if (answer != PLAN_MAYBE)
		return answer == PLAN_YES;
	if (node->memo >= 0 && !e->plan->own)
		return remembered(e, node);
	return node->first == NULL ? leaf(e, node) : combine(e, node);
}

int
eval_match(struct eval *e, const struct source_record *rec, const struct plan *plan,
	   struct tape_error *err)
{
	bool answer;

	e->rec = rec;
	e->plan = plan;
	e->has_content = false;
	e->has_values = false;
	e->content.lost = false;
	if (rec->decided || plan->answer != PLAN_MAYBE)
		return rec->decided || plan->answer == PLAN_YES;
	e->failed = 0;
	e->err = err;
	answer = evaluate(e, e->query->root);
	return e->failed != 0 ? e->failed : answer;
}
