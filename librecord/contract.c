/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "librecord/report.h"
#include "librecord/thin.h"
#include "search/partial.h"

static const struct rule *
required(const struct policy *policy)
{
	const struct rule *rule = policy->by[RULE_REQUIRE];

	return rule && rule->number == 0 ? rule : NULL; /* 1: off */
}

void
contract_prepare(struct tape *t, const struct policy *policy)
{
	const struct rule *rule = required(policy);
	struct tape_error err = { 0 };
	char where[300];

	if (!rule || rules_require(t->rules, rule, &err))
		return;
	if (!said_first((atomic_uint *)(uintptr_t)&rule->said, RULE_SAID_UNKNOWN))
		return;
	rules_origin_text(rule, where, sizeof where);
	recorder_error(t,
		       "%s: require = %.60s: %s; define it in tape.partials, or with "
		       "TAPE_DESCRIBE",
		       where, rule->text, err.message);
}

enum contract
contract_of(const struct policy *policy, const struct form *form)
{
	const struct rule *rule = required(policy);
	const struct partial *partial;

	if (!rule)
		return CONTRACT_NONE;
	partial = atomic_load(&rule->partial);
	if (!partial)
		return CONTRACT_UNKNOWN;
	switch (partial_form(partial, form, NULL)) {
	case PARTIAL_YES:
		return CONTRACT_NONE;
	case PARTIAL_NO:
		return CONTRACT_BROKEN;
	default:
		return CONTRACT_OPEN;
	}
}

/* ---- arrays, scope by scope ---- */

static const struct item *
item_of(const struct layout *l, const struct values *v, uint32_t var)
{
	uint32_t all = l->fixed_count + l->wide_count;

	for (uint32_t i = l->fixed_count; i < all; i++)
		if (l->slots[i].var == var)
			return slot_item(v, &l->slots[i]);
	return NULL;
}

/* The first array that is not as asked; false: all are. */
static bool
array_breaks(const struct partial *partial, const struct layout *l,
	     const struct values *v, struct partial_fault *fault,
	     struct tape_value *array)
{
	const struct form *form = &l->form->form;

	for (uint32_t i = 0; i < partial->count; i++) {
		const struct partial_field *field = &partial->fields[i];
		int64_t at = partial_field_open(field)
				     ? form_find(form, field->name, field->name_len)
				     : -1;
		const struct item *item = NULL;

		if (at >= 0 && form->vars[at].type == TAPE_ARRAY_T)
			item = item_of(l, v, (uint32_t)at);
		if (!item)
			continue;
		*array = (struct tape_value){ .type = TAPE_ARRAY_T,
					      .dtype = item->dtype,
					      .ndim = item->ndim };
		memcpy(array->dims, item->dims, item->ndim * sizeof item->dims[0]);
		*fault = (struct partial_fault){ field, TAPE_ARRAY_T, false };
		if (!partial_field_fits(field, array))
			return true;
	}
	return false;
}

/* ---- what is said ---- */

static void
complain(struct thread_state *ts, const struct layout *l, const struct rule *rule,
	 const char *why)
{
	const struct form *form = &l->form->form;
	char where[300], path[300], site[256] = "";

	rules_origin_text(rule, where, sizeof where);
	path[0] = '\0';
	(void)context_text(l->context, path, sizeof path);
	report_hold();
	if (form->file[0] != '\0')
		snprintf(site, sizeof site, "%.200s:%u: ", form->file, form->line);
	recorder_broken(ts->tape,
			"contract: %sa scope under %.200s breaks require = %.60s (%s): "
			"%.300s; it is recorded",
			site, path, rule->text, where, why);
	report_tell(ts->tape);
}

void
contract_check(struct thread_state *ts, const struct layout *l, const struct values *v)
{
	const struct rule *rule = required(l->policy);
	enum contract contract = (enum contract)l->contract;
	const struct partial *partial = rule ? atomic_load(&rule->partial) : NULL;
	struct tape_value array = { 0 };
	struct partial_fault fault;
	bool of_array = false;
	char why[700];

	/* Described since the layout was made. */
	if (partial && contract == CONTRACT_UNKNOWN)
		contract = contract_of(l->policy, &l->form->form);
	if (!partial || contract == CONTRACT_NONE)
		return;
	(void)partial_form(partial, &l->form->form, &fault);
	if (contract == CONTRACT_OPEN) {
		of_array = array_breaks(partial, l, v, &fault, &array);
		if (!of_array)
			return;
	}
	partial_fault_text(&fault, of_array ? &array : NULL, why, sizeof why);
	if (thin_broken(ts, l, rule, why))
		complain(ts, l, rule, why);
}

/* ---- descriptions ---- */

int
contract_describe(struct tape *t, const struct tape_partial *partial,
		  struct tape_error *err)
{
	int r = rules_describe(t->rules, partial, err);

	if (r > 0)
		atomic_fetch_add(&t->rules_version, 1);
	return r < 0 ? r : 0;
}

int
tape_describe(struct tape *t, const struct tape_partial *partial)
{
	struct tape_error err = { 0 };

	if (!t || atomic_load(&t->dead))
		return 0;
	if (contract_describe(t, partial, &err) == 0)
		return 0;
	recorder_error(t, "tape_describe: %s", err.message);
	return -1;
}
