/* SPDX-License-Identifier: Apache-2.0 */
#include "search/predicate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "search/eval.h"

/* The stage as a source: it gives bodies only, and nobody walks it. */
struct predicate {
	struct source source; /* first */
	struct tape_query *query;
	struct plan_session session;
	struct source_facts facts;
	char *texts[3];
	struct eval eval;
};

struct predicate_form {
	struct source_form form;
	struct plan *plan;
};

static const struct source_ops stage_ops = { .lookup = source_lookup_none };

/* NULL, or the first test that needs a place on the tape. */
static const struct query_node *
needs_place(const struct query_node *node)
{
	const struct query_node *found = NULL;

	switch (node->kind) {
	case QUERY_TRUE:
	case QUERY_AND:
	case QUERY_OR:
	case QUERY_NOT:
	case QUERY_LABEL:
	case QUERY_PATH:
	case QUERY_LOST:
	case QUERY_FILE:
	case QUERY_FUNC:
	case QUERY_LINE:
	case QUERY_IS:
	case QUERY_SESSION:
	case QUERY_RUN:
	case QUERY_RANK:
	case QUERY_HOST:
	case QUERY_TIME:
	case QUERY_HASH:
	case QUERY_BLOB:
	case QUERY_VAR:
		break;
	case QUERY_HAS:
		for (size_t i = 0; i < node->atom_count; i++)
			if (node->atoms[i].path.field == QUERY_LINK)
				return node;
		break;
	default:
		return node;
	}
	for (const struct query_node *c = node->first; c && !found; c = c->next)
		found = needs_place(c);
	return found;
}

static const char *
keep(struct predicate *p, size_t i, const char *text)
{
	p->texts[i] = strdup(text);
	return p->texts[i] ? p->texts[i] : "";
}

static int
copy_facts(struct predicate *p, const struct source_facts *facts)
{
	static const struct source_facts unknown = { .name = "",
						     .host = "",
						     .job = "",
						     .library = "",
						     .sync = "",
						     .uid = "",
						     .rank = -1,
						     .pid = -1 };

	p->facts = unknown;
	if (facts) {
		p->facts.rank = facts->rank;
		p->facts.name = keep(p, 0, facts->name);
		p->facts.host = keep(p, 1, facts->host);
		p->facts.job = keep(p, 2, facts->job);
		if (!p->texts[0] || !p->texts[1] || !p->texts[2])
			return -1;
	}
	p->session.facts = &p->facts;
	return 0;
}

int
predicate_new(const char *text, const uint64_t session[2],
	      const struct source_facts *facts, const struct tape_partials *partials,
	      struct predicate **out, struct tape_error *err)
{
	struct predicate *p = calloc(1, sizeof *p);
	const struct query_node *bad;
	int r;

	if (!p)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "out of memory");
	p->source.ops = &stage_ops;
	r = tape_query_compile_with(text, partials, &p->query, err);
	if (r != 0)
		goto fail;
	bad = needs_place(p->query->root);
	if (bad) {
		r = error_set(err, TAPE_ERR_SYNTAX, NULL, bad->at + 1,
			      "column %u: a scope that is being recorded has no place "
			      "on the tape yet: ask for its labels, variables or time",
			      bad->at + 1);
		goto fail;
	}
	p->session.query = p->query;
	memcpy(p->session.id, session, sizeof p->session.id);
	tape_session_text(session, p->session.text);
	p->session.answers = calloc(p->query->node_count + 1u, 1);
	if (!p->session.answers || copy_facts(p, facts) < 0) {
		r = error_set(err, TAPE_ERR_NOMEM, NULL, 0, "out of memory");
		goto fail;
	}
	(void)plan_session_resolve(&p->session);
	p->eval.query = p->query;
	eval_enter(&p->eval, &p->session, &p->source);
	*out = p;
	return 0;
fail:
	predicate_free(p);
	return r;
}

void
predicate_free(struct predicate *p)
{
	if (!p)
		return;
	eval_release(&p->eval);
	free(p->session.answers);
	for (size_t i = 0; i < 3; i++)
		free(p->texts[i]);
	tape_query_free(p->query);
	free(p);
}

struct predicate_form *
predicate_form_new(struct predicate *p, const struct form *form)
{
	struct predicate_form *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->form.form = *form; /* borrowed */
	f->plan = plan_form(&p->session, form);
	if (!f->plan) {
		free(f);
		return NULL;
	}
	/* Answers are remembered by seq, and these scopes have none. */
	f->plan->own = true;
	return f;
}

void
predicate_form_free(struct predicate_form *form)
{
	if (form)
		plan_free(form->plan);
	free(form);
}

int
predicate_match(struct predicate *p, struct predicate_form *form, const uint8_t *body,
		size_t len, int64_t time, struct tape_error *err)
{
	struct source_record rec = { .of = &p->source,
				     .time = time,
				     .kind = SOURCE_SCOPE,
				     .form = &form->form,
				     .body = body,
				     .body_len = len };

	return eval_match(&p->eval, &rec, form->plan, err);
}
