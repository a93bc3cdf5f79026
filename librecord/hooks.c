/* SPDX-License-Identifier: Apache-2.0 */
/* The list of hooks: added, removed, found by conditions. */
#include "librecord/hooks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "librecord/report.h"
#include "librecord/rules.h"

#define REGEXES_MAX 64u

const char *
hooks_kind_name(unsigned kind)
{
	static const char *const names[] = { "", "select", "call", "capture", "commit" };

	return kind < sizeof names / sizeof *names ? names[kind] : "";
}

void
hooks_name(const struct hook *hook, char *text, size_t cap)
{
	const char *what = *hook->name ? hook->name : hook->count ? hook->texts[0] : "";

	snprintf(text, cap, "%s hook %d%s%.60s%s", hooks_kind_name(hook->kind), hook->id,
		 *what ? " (" : "", what, *what ? ")" : "");
}

/* ---- making one ---- */

static void
free_patterns(struct hook *hook)
{
	for (size_t i = 0; hook->match && i < hook->count; i++)
		pattern_free(hook->match[i]);
	pattern_free(hook->innermost_match);
	free(hook->match);
	hook->match = NULL;
	hook->innermost_match = NULL;
}

static void
hook_free(struct hook *hook)
{
	if (!hook)
		return;
	free_patterns(hook);
	for (size_t i = 0; hook->texts && i < hook->count; i++)
		free(hook->texts[i]);
	free(hook->texts);
	free(hook->innermost);
	free(hook->when);
	free(hook->name);
	free(hook);
}

static int
nomem(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, "", 0, "out of memory");
}

/* A copy of an expression, and what it compiles to. */
static int
take_expression(const char *text, char **copy, struct pattern **match,
		struct tape_error *err)
{
	char message[160];
	size_t at;

	if (strlen(text) > RULE_TEXT_MAX)
		return error_set(err, TAPE_ERR_SYNTAX, "", 0,
				 "more than 4095 characters");
	*copy = strdup(text);
	if (!*copy)
		return nomem(err);
	*match = pattern_compile(text, strlen(text), &at, message, sizeof message);
	return *match ? 0
		      : error_set(err, TAPE_ERR_SYNTAX, "", 0,
				  "the regular expression %.60s: %s (at %zu)", text,
				  message, at);
}

static int
take_expressions(struct hook *hook, const char *const *regexes, struct tape_error *err)
{
	size_t n = 0;
	int r = 0;

	while (regexes && regexes[n] && n <= REGEXES_MAX)
		n++;
	if (n > REGEXES_MAX)
		return error_set(err, TAPE_ERR_LIMIT, "", 0,
				 "more than %u expressions, or no NULL behind the last",
				 REGEXES_MAX);
	hook->texts = calloc(n + 1, sizeof *hook->texts);
	hook->match = calloc(n + 1, sizeof *hook->match);
	if (!hook->texts || !hook->match)
		return nomem(err);
	hook->count = n;
	for (size_t i = 0; i < n && r == 0; i++)
		r = take_expression(regexes[i], &hook->texts[i], &hook->match[i], err);
	return r;
}

static int
check_options(const struct tape_hook_options *o, struct tape_error *err)
{
	const char *why = NULL;

	if (o->kind < TAPE_HOOK_SELECT || o->kind > TAPE_HOOK_COMMIT)
		why = "there is no such kind of hook";
	else if (!o->fn)
		why = "a hook needs a function";
	return why ? error_set(err, TAPE_ERR_MISUSE, "", 0, "%s", why) : 0;
}

static int
hook_fill(struct rules *rules, struct hook *hook, const struct tape_hook_options *o,
	  struct tape_error *err)
{
	int r = check_options(o, err);

	hook->kind = (uint8_t)o->kind;
	hook->priority = o->priority;
	hook->fn = o->fn;
	hook->user = o->user;
	hook->guard = o->guard;
	hook->name = strdup(o->name ? o->name : "");
	if (r == 0 && !hook->name)
		r = nomem(err);
	if (r == 0)
		r = take_expressions(hook, o->regexes, err);
	if (r == 0 && o->innermost)
		r = take_expression(o->innermost, &hook->innermost,
				    &hook->innermost_match, err);
	if (r == 0 && o->when)
		r = rules_check_query(rules, o->when, err);
	if (r == 0 && o->when) {
		hook->when = strdup(o->when);
		r = hook->when ? 0 : nomem(err);
	}
	return r;
}

/* ---- the list; under rules->lock ---- */

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool
same_hook(const struct hook *a, const struct hook *b)
{
	bool same = a->kind == b->kind && a->priority == b->priority && a->fn == b->fn &&
		    a->user == b->user && a->guard == b->guard && a->count == b->count &&
		    same_text(a->name, b->name) &&
		    same_text(a->innermost, b->innermost) && same_text(a->when, b->when);

	for (size_t i = 0; same && i < a->count; i++)
		same = same_text(a->texts[i], b->texts[i]);
	return same;
}

/* So that who adds and removes one again and again does not fill memory. */
static struct hook *
removed_before(const struct rules *rules, const struct hook *hook)
{
	for (uint32_t i = 0; i < rules->hooks_made_count; i++) {
		struct hook *made = rules->hooks_made[i];

		if (!atomic_load(&made->active) && same_hook(made, hook))
			return made;
	}
	return NULL;
}

static int
room(struct hook ***list, uint32_t *cap, uint32_t count)
{
	uint32_t more = *cap ? *cap * 2 : 16;
	struct hook **bigger;

	if (count < *cap)
		return 0;
	bigger = realloc(*list, more * sizeof(struct hook *));
	if (!bigger)
		return -1;
	*list = bigger;
	*cap = more;
	return 0;
}

static void
note_kinds(struct rules *rules)
{
	unsigned kinds = 0;

	for (uint32_t i = 0; i < rules->hook_count; i++)
		kinds |= 1u << rules->hooks[i]->kind;
	atomic_store(&rules->hook_kinds, kinds);
}

/* A bit of its own among the select hooks that go by values. */
static int
give_bit(const struct rules *rules, struct hook *hook, struct tape_error *err)
{
	uint64_t taken = 0;

	if (hook->kind != TAPE_HOOK_SELECT || !hook->when)
		return 0;
	for (uint32_t i = 0; i < rules->hook_count; i++)
		if (rules->hooks[i]->kind == TAPE_HOOK_SELECT && rules->hooks[i]->when)
			taken |= (uint64_t)1 << rules->hooks[i]->bit;
	if (~taken == 0)
		return error_set(err, TAPE_ERR_LIMIT, "", 0,
				 "more than 64 select hooks with a query");
	hook->bit = (unsigned)__builtin_ctzll(~taken);
	return 0;
}

/* Puts it behind those that come before it. *hook is the one that is in the list then. */
static int
enter(struct rules *rules, struct hook **hook, struct tape_error *err)
{
	struct hook *made = removed_before(rules, *hook);
	uint32_t at = rules->hook_count;

	if (!made && rules->hooks_made_count >= RULES_MAX)
		return error_set(err, TAPE_ERR_LIMIT, "", 0, "more than %u hooks",
				 RULES_MAX);
	if (room(&rules->hooks, &rules->hook_cap, rules->hook_count) < 0 ||
	    room(&rules->hooks_made, &rules->hooks_made_cap, rules->hooks_made_count) < 0)
		return nomem(err);
	if (give_bit(rules, made ? made : *hook, err) < 0)
		return TAPE_ERR_LIMIT;
	if (made) {
		made->match = (*hook)->match;
		made->innermost_match = (*hook)->innermost_match;
		(*hook)->match = NULL;
		(*hook)->innermost_match = NULL;
		hook_free(*hook);
		*hook = made;
	} else {
		(*hook)->id = (int)++rules->hooks_made_count;
		rules->hooks_made[rules->hooks_made_count - 1] = *hook;
	}
	for (; at > 0 && rules->hooks[at - 1]->priority < (*hook)->priority; at--)
		rules->hooks[at] = rules->hooks[at - 1];
	rules->hooks[at] = *hook;
	rules->hook_count++;
	atomic_store(&(*hook)->active, true);
	note_kinds(rules);
	return 0;
}

static void
leave(struct rules *rules, uint32_t at)
{
	struct hook *hook = rules->hooks[at];

	atomic_store(&hook->active, false);
	free_patterns(hook);
	for (uint32_t i = at + 1; i < rules->hook_count; i++)
		rules->hooks[i - 1] = rules->hooks[i];
	rules->hook_count--;
	note_kinds(rules);
}

/* ---- the interface ---- */

int
tape_hook_add(struct tape *t, const struct tape_hook_options *given)
{
	struct tape_hook_options options = { .size = 0 };
	struct tape_error err = { 0 };
	struct hook *hook;
	int r, id = 0;

	if (!t || atomic_load(&t->dead))
		return 0;
	if (given)
		memcpy(&options, given,
		       given->size < sizeof options ? given->size : sizeof options);
	hook = calloc(1, sizeof *hook);
	r = hook ? hook_fill(t->rules, hook, &options, &err) : nomem(&err);
	if (r == 0) {
		pthread_mutex_lock(&t->rules->lock);
		r = enter(t->rules, &hook, &err);
		id = hook->id;
		pthread_mutex_unlock(&t->rules->lock);
	}
	if (r < 0) {
		recorder_error(t, "tape_hook (%s): %s",
			       hooks_kind_name((unsigned)options.kind), err.message);
		hook_free(hook);
		return -1;
	}
	atomic_fetch_add(&t->rules_version, 1);
	return id;
}

int
tape_hook(struct tape *t, int kind, const char *const *regexes, tape_hook_fn *fn,
	  void *user)
{
	const struct tape_hook_options options = { .size = sizeof options,
						   .kind = kind,
						   .regexes = regexes,
						   .fn = fn,
						   .user = user };

	return tape_hook_add(t, &options);
}

int
tape_unhook(struct tape *t, int id)
{
	bool found = false;

	if (!t || atomic_load(&t->dead))
		return 0;
	pthread_mutex_lock(&t->rules->lock);
	for (uint32_t i = 0; i < t->rules->hook_count && !found; i++) {
		found = t->rules->hooks[i]->id == id;
		if (found)
			leave(t->rules, i);
	}
	pthread_mutex_unlock(&t->rules->lock);
	if (found)
		atomic_fetch_add(&t->rules_version, 1);
	return found ? 0 : -1;
}

void
tape_hooks_reset(struct tape *t)
{
	if (!t || atomic_load(&t->dead))
		return;
	pthread_mutex_lock(&t->rules->lock);
	while (t->rules->hook_count)
		leave(t->rules, t->rules->hook_count - 1);
	pthread_mutex_unlock(&t->rules->lock);
	atomic_fetch_add(&t->rules_version, 1);
}

/* ---- select ---- */

static bool
is_wide(const struct item *item)
{
	return item->type >= TAPE_STR;
}

static void
select_one(uint8_t *keep, uint8_t *store, const struct item *item, int answer)
{
	*keep = answer != TAPE_SELECT_DROP;
	/* Bytes that are not at hand cannot be put elsewhere. */
	if (!is_wide(item) || item->on_tape)
		return;
	if (answer == TAPE_SELECT_BLOB)
		*store = TAPE_AS_BLOB;
	if (answer == TAPE_SELECT_INLINE)
		*store = TAPE_INLINE;
}

static bool
takes_part(const struct thread_state *ts, const struct hook *hook)
{
	return hook->kind == TAPE_HOOK_SELECT &&
	       (!hook->when || ts->chosen >> hook->bit & 1);
}

void
hooks_select(struct thread_state *ts, const struct context *context,
	     const struct policy *policy, const struct item *items, size_t count,
	     const struct sticky *sticky, const uint8_t *first, uint8_t *keep,
	     uint8_t *store)
{
	struct tape_view view = { .ts = ts,
				  .context = context,
				  .items = items,
				  .count = count,
				  .sticky = sticky,
				  .first = first,
				  .time = session_now(ts->tape) };
	if (ts->selecting)
		return;
	ts->selecting = true;
	for (size_t i = 0; i < count + sticky->count; i++) {
		int answer = TAPE_SELECT_PASS;

		view.variable = i;
		for (size_t h = 0; h < policy->hook_count && first[i]; h++) {
			if (!takes_part(ts, policy->hooks[h]))
				continue;
			answer = hooks_run(ts, policy->hooks[h], &view, NULL);
			if (answer > TAPE_SELECT_PASS && answer <= TAPE_SELECT_INLINE)
				break;
			answer = TAPE_SELECT_PASS;
		}
		if (answer != TAPE_SELECT_PASS)
			select_one(&keep[i], &store[i],
				   i < count ? &items[i] : &sticky->items[i - count],
				   answer);
	}
	ts->selecting = false;
}
