/* SPDX-License-Identifier: Apache-2.0 */
/* Plans: the names of a site's variables, once per recorder. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "librecord/contract.h"
#include "search/partial.h"

void
plan_complain(struct plan *plan, unsigned bit, bool error, const char *what)
{
	if (!plan || !said_first(&plan->said, bit))
		return;
	if (error)
		recorder_error(plan->tape, "%s:%u: %s", plan->file, plan->line, what);
	else
		recorder_warn(plan->tape, "%s:%u: %s", plan->file, plan->line, what);
}

/*
 * Not a recorder's own table_lock: what is said while a plan is made may go to
 * the segment, under commit_lock.
 */
static pthread_mutex_t plans_lock = PTHREAD_MUTEX_INITIALIZER;

void
plans_after_fork(void)
{
	pthread_mutex_init(&plans_lock, NULL);
}

/* What the call itself says about a variable: a name, a unit, the text of an expression. */
struct told {
	const char *name, *unit, *text;
	uint8_t dynamic;
	const struct tape_enum *enums;
	const char *member; /* of a structure: its name, before which the name stands */
};

static struct told
told_by(unsigned kind, struct tape_word word)
{
	struct told told = { 0 };

	if (kind == tape_kind_named) {
		const struct tape_named *n =
			(const struct tape_named *)(uintptr_t)word.lo;

		told.name = n->name;
		told.unit = n->unit;
		told.text = n->text;
		told.dynamic = n->dynamic & 3;
		told.enums = n->dynamic & TAPE_NAMED_ENUMS ? n->enums : NULL;
		kind = n->kind;
		word = n->value;
	}
	if (kind == tape_kind_dense)
		told.text = ((const struct tape_dense *)(uintptr_t)word.lo)->text;
	return told;
}

/* Text that may not be UTF-8 or short enough, as it is kept; "" for NULL. */
static size_t
clean(struct plan *plan, const char *text, char out[LIMIT_NAME + 1])
{
	bool cut, replaced;
	size_t n = name_clean(text ? text : "", text ? strlen(text) : 0, out, &cut,
			      &replaced);

	if (cut)
		plan_complain(plan, SAID_CUT, false,
			      "a name or unit was cut at 255 bytes");
	if (replaced)
		plan_complain(plan, SAID_UTF8, false, "a name or unit is not UTF-8");
	return n;
}

static char *
copy_text(const char *text, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy) {
		memcpy(copy, text, len);
		copy[len] = '\0';
	}
	return copy;
}

/* The name that follows from how an expression is written. */
static size_t
name_of_text(struct plan *plan, const char *text, size_t len, char out[LIMIT_NAME + 1])
{
	if (!name_from_text(text, len, out) && said_first(&plan->said, SAID_EXPRESSION))
		recorder_warn(plan->tape,
			      "%s:%u: the expression %.60s is recorded under its text: "
			      "TAPE_AS(\"name\", ...) gives it a name",
			      plan->file, plan->line, out);
	if (out[0] == '\0')
		memcpy(out, "?", 2);
	return strlen(out);
}

/* Prefix, dot, member. */
static size_t
member_name(struct plan *plan, const struct told *told, char out[LIMIT_NAME + 1])
{
	size_t cap = strlen(told->name) + strlen(told->member) + 2, n;
	char *text = malloc(cap);

	if (text)
		snprintf(text, cap, "%s.%s", told->name, told->member);
	n = clean(plan, text ? text : told->member, out);
	free(text);
	return n;
}

static int
plan_var_init(struct plan *plan, struct plan_var *var, const struct told *told,
	      const char *piece, size_t piece_len)
{
	char name[LIMIT_NAME + 1], unit[LIMIT_NAME + 1];
	size_t n = 0;

	var->dynamic = told->dynamic;
	plan->dynamic |= told->dynamic != 0;
	if (told->member && told->name && *told->name)
		n = member_name(plan, told, name);
	else if (told->member)
		n = clean(plan, told->member, name);
	else if (told->name && *told->name)
		n = clean(plan, told->name, name);
	else if (told->text)
		n = name_of_text(plan, told->text, strlen(told->text), name);
	else
		n = name_of_text(plan, piece, piece_len, name);
	var->name = copy_text(name, n);
	var->name_len = (uint32_t)n;
	n = clean(plan, told->unit, unit);
	var->unit = copy_text(unit, n);
	var->unit_len = (uint32_t)n;
	if (told->enums && enums_of(plan->tape, told->enums, &var->enums) < 0)
		return -1;
	return var->name && var->unit ? 0 : -1;
}

static void
plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (uint32_t i = 0; i < plan->count; i++) {
		free((void *)(uintptr_t)plan->vars[i].name);
		free((void *)(uintptr_t)plan->vars[i].unit);
	}
	free(plan->file);
	free(plan->func);
	free(plan);
}

static void
rounds(const struct plan *plan, unsigned kind)
{
	if ((kind == tape_kind_ld || kind == tape_kind_cld) &&
	    said_first(&plan->tape->forms->said, SAID_LONG_DOUBLE))
		recorder_warn(plan->tape,
			      "%s:%u: long double values are rounded to double",
			      plan->file, plan->line);
}

/* Of a variable that is a member. */
static int
plan_member_names(struct plan *plan, struct plan_var *var,
		  const struct tape_member *member)
{
	const struct tape_member_names *names = partial_member_names(var->of, member);
	struct tape_enum e;

	if (!names)
		return 0;
	e = (struct tape_enum){ names->names, names->numbers, names->count, 0 };
	return enums_of(plan->tape, &e, &var->enums);
}

/* The variables of one argument, from vars[*at] on. */
static int
plan_argument(struct plan *plan, uint32_t *at, unsigned kind, struct tape_word word,
	      const char *piece, size_t len)
{
	const struct tape_of *of = spread_of(kind, word);
	struct told told = told_by(kind, word);
	char name[LIMIT_NAME + 1];
	const char *rest;

	if (!of)
		return plan_var_init(plan, &plan->vars[(*at)++], &told, piece, len);
	told.enums = NULL; /* it is the members that have them */
	plan->spread = true;
	plan->found = true;
	(void)contract_describe(plan->tape, of->partial, NULL);
	if (partial_names_astray(of->partial))
		plan_complain(plan, SAID_NAMES, false,
			      "TAPE_ENUMS names values of a member that TAPE_DESCRIBE "
			      "does not list: list it, too, or leave the names out");
	rest = of->partial->members;
	for (uint32_t i = 0; i < of->partial->count; i++) {
		const struct tape_member *member = &of->partial->list()[i];

		rounds(plan, member->kind[0]);
		(void)partial_member_name(&rest, name);
		told.member = name;
		plan->vars[*at].of = of->partial;
		plan->vars[*at].found = true;
		if (plan_member_names(plan, &plan->vars[*at], member) < 0 ||
		    plan_var_init(plan, &plan->vars[(*at)++], &told, piece, len) < 0)
			return -1;
	}
	return 0;
}

/* A local: its name, and the names of its values behind it. */
static int
plan_local(struct plan *plan, struct plan_var *var, const char *piece, size_t len)
{
	const char *names = memchr(piece, '(', len);
	char name[LIMIT_NAME + 1];
	size_t n = names ? (size_t)(names - piece) : len;

	plan->found = true;
	var->found = true;
	n = name_clean(piece, n, name, NULL, NULL);
	var->name = copy_text(name, n);
	var->name_len = (uint32_t)n;
	var->unit = copy_text("", 0);
	if (names && piece[len - 1] == ')' &&
	    enums_of_list(plan->tape, names + 1, len - (size_t)(names - piece) - 2,
			  &var->enums) < 0)
		return -1;
	return var->name && var->unit ? 0 : -1;
}

static struct plan *
plan_new(struct tape *t, const struct tape_site *site, const unsigned char *kinds,
	 const struct tape_word *words)
{
	bool locals = site->flags & TAPE_SITE_LOCALS;
	uint32_t most = locals ? MAX_LOCALS : MAX_ARGUMENTS;
	uint32_t arguments = site->count < most ? site->count : most;
	uint32_t count, at = 0;
	struct plan *plan;
	const char *rest = site->names, *piece = "";
	char text[LIMIT_SITE_TEXT + 1];
	size_t len = 0;

	if (!spread_count(kinds, words, arguments, &count))
		return NULL;
	plan = calloc(1, sizeof(*plan) + count * sizeof(plan->vars[0]));
	if (!plan)
		return NULL;
	plan->argument_count = arguments;
	plan->tape = t;
	plan->line = site->line;
	plan->count = count;
	plan->file = copy_text(text, site_clean(site->file, text));
	plan->func = copy_text(text, site_clean(site->func, text));
	if (!plan->file || !plan->func)
		goto fail;
	if (site->flags & TAPE_SITE_HAS_LABEL)
		(void)name_next_piece(&rest, &piece, &len);
	for (uint32_t i = 0; i < arguments; i++) {
		if (!name_next_piece(&rest, &piece, &len)) {
			piece = "?";
			len = 1;
		}
		if ((locals ? plan_local(plan, &plan->vars[at++], piece, len)
			    : plan_argument(plan, &at, kinds[i], words[i], piece, len)) <
		    0)
			goto fail;
		rounds(plan, kinds[i]);
	}
	return plan;
fail:
	plan_free(plan);
	return NULL;
}

static struct plan *
plan_among(void *head, const struct tape *t)
{
	struct plan *plan = head;

	while (plan && plan->tape != t)
		plan = plan->next;
	return plan;
}

struct plan *
plan_find(struct thread_state *ts, struct tape_site *site, const unsigned char *kinds,
	  const struct tape_word *words)
{
	struct tape *t = ts->tape;
	void *head = __atomic_load_n(&site->plans, __ATOMIC_ACQUIRE);
	struct plan *plan = plan_among(head, t);

	if (plan)
		return plan;
	if (site->version != TAPE_SITE_VERSION) {
		if (said_first(&t->forms->said, SAID_VERSION))
			recorder_error(t,
				       "this program was compiled for another version of "
				       "the library: compile it again");
		return NULL;
	}
	pthread_mutex_lock(&plans_lock);
	head = __atomic_load_n(&site->plans, __ATOMIC_ACQUIRE);
	plan = plan_among(head, t);
	if (!plan) {
		plan = plan_new(t, site, kinds, words);
		if (plan) {
			plan->next = head;
			__atomic_store_n(&site->plans, plan, __ATOMIC_RELEASE);
		}
	}
	pthread_mutex_unlock(&plans_lock);
	if (!plan)
		recorder_error(
			t,
			"no memory for the site %s:%u, or TAPE_DESCRIBE is of another "
			"version of the library",
			site->file, site->line);
	return plan;
}

static void
item_name(struct thread_state *ts, struct plan *plan, const struct plan_var *var,
	  const struct told *told, struct item *item)
{
	char *text;

	item->name = var->name;
	item->name_len = var->name_len;
	item->unit = var->unit;
	item->unit_len = var->unit_len;
	item->enums = var->enums;
	item->found = var->found;
	item->local = var->found && !var->of;
	item->hidden = false;
	if (!var->dynamic)
		return;
	text = scratch_take(&ts->scratch, 2 * (LIMIT_NAME + 1));
	if (!text)
		return;
	if ((var->dynamic & 1) && told->name && *told->name) {
		item->name_len = (uint32_t)clean(plan, told->name, text);
		item->name = text;
	}
	if (var->dynamic & 2) {
		text += LIMIT_NAME + 1;
		item->unit_len = (uint32_t)clean(plan, told->unit, text);
		item->unit = text;
	}
}

void
plan_items(struct thread_state *ts, struct plan *plan, const unsigned char *kinds,
	   const struct tape_word *words, struct item *items)
{
	for (uint32_t i = 0; i < plan->count; i++) {
		struct told told = { 0 };

		if (plan->vars[i].dynamic)
			told = told_by(kinds[i], words[i]);
		item_name(ts, plan, &plan->vars[i], &told, &items[i]);
		switch (item_load(ts, kinds[i], words[i], &items[i])) {
		case ITEM_FINE:
			break;
		case ITEM_BAD_ARRAY:
			plan_complain(plan, SAID_BAD_ARRAY, true,
				      "an array with an unknown dtype or a number of "
				      "dimensions "
				      "that is not 1 to 8 is recorded as absent");
			break;
		case ITEM_TOO_LARGE:
			plan_complain(plan, SAID_TOO_LARGE, true,
				      "an array with a negative or impossible extent is "
				      "recorded as absent");
			break;
		}
	}
}
