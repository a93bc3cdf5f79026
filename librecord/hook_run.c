/* SPDX-License-Identifier: Apache-2.0 */
/* Running hooks: the thread's own state is put aside, and what goes wrong is said. */
#include <stdlib.h>
#include <string.h>

#include "librecord/facts.h"
#include "librecord/hook_gates.h"
#include "librecord/report.h"
#include "search/predicate.h"

/* Hooks that record, under hooks that record. */
#define DEEP 16u

struct thread_hooks {
	struct hook_frame *frames[2 * DEEP]; /* made once, kept */
	uint32_t depth;
	const struct hook *running[DEEP];
	uint32_t running_count;
	struct hook_gates gates;
};

static struct thread_hooks *
own(struct thread_state *ts)
{
	if (!ts->hooks)
		ts->hooks = calloc(1, sizeof *ts->hooks);
	return ts->hooks;
}

void
hooks_thread_ends(struct thread_state *ts)
{
	struct thread_hooks *th = ts->hooks;

	if (!th)
		return;
	ts->hooks = NULL;
	for (uint32_t i = 0; i < 2 * DEEP && th->frames[i]; i++) {
		bytes_release(&th->frames[i]->body);
		bytes_release(&th->frames[i]->items);
		bytes_release(&th->frames[i]->key);
		free(th->frames[i]->pending.items);
		free(th->frames[i]->pending.bytes);
		sticky_free(th->frames[i]->merged);
		scratch_release(&th->frames[i]->scratch);
		free(th->frames[i]);
	}
	hook_gates_release(&th->gates);
	free(th);
}

/* ---- frames ---- */

struct hook_frame *
hooks_frame(struct thread_state *ts)
{
	struct thread_hooks *th = own(ts);
	struct hook_frame **frame;

	if (!th || th->depth == 2 * DEEP)
		return NULL;
	frame = &th->frames[th->depth];
	if (!*frame)
		*frame = calloc(1, sizeof **frame);
	if (!*frame)
		return NULL;
	th->depth++;
	return *frame;
}

void
hooks_frame_done(struct thread_state *ts)
{
	ts->hooks->depth--;
}

/* ---- one call ---- */

bool
hooks_may_run(const struct thread_state *ts, enum tape_hook_kind kind)
{
	const struct thread_hooks *th = ts->hooks;

	for (uint32_t i = 0; th && i < th->running_count; i++)
		if (th->running[i]->kind == kind)
			return false;
	return true;
}

static bool
runs(const struct thread_hooks *th, const struct hook *hook)
{
	for (uint32_t i = 0; i < th->running_count; i++)
		if (th->running[i] == hook)
			return true;
	return false;
}

static void
swap_own(struct thread_state *ts, struct hook_frame *frame)
{
	struct bytes key = ts->key;
	struct scratch scratch = ts->scratch;

	ts->key = frame->key;
	ts->scratch = frame->scratch;
	frame->key = key;
	frame->scratch = scratch;
}

/* What waits for the next scope is the program's, and a hook's the hook's. */
static void
swap_pending(struct thread_state *ts, struct hook_frame *frame)
{
	struct sticky pending = ts->pending, *merged = ts->merged;

	ts->pending = frame->pending;
	ts->merged = frame->merged;
	frame->pending = pending;
	frame->merged = merged;
}

static void
failed(struct thread_state *ts, const struct hook *hook, const struct tape_view *view,
       int result)
{
	char name[160], path[512] = "";

	atomic_fetch_add((_Atomic uint64_t *)(uintptr_t)&hook->failures, 1);
	if (!said_first((atomic_uint *)(uintptr_t)&hook->said, HOOK_SAID_FAILED))
		return;
	hooks_name(hook, name, sizeof name);
	if (view->context)
		(void)context_text(view->context, path, sizeof path);
	if (view->failed)
		recorder_error(ts->tape, "%s failed%s%s: %s", name, *path ? " at " : "",
			       path, view->message);
	else
		recorder_error(ts->tape, "%s failed%s%s: it returned %d", name,
			       *path ? " at " : "", path, result);
}

static void
not_called(struct thread_state *ts, const struct hook *hook)
{
	char name[160];

	if (!said_first((atomic_uint *)(uintptr_t)&hook->said, HOOK_SAID_DEEP))
		return;
	hooks_name(hook, name, sizeof name);
	recorder_error(ts->tape,
		       "%s is not called: %u hooks are at work, each called by what the "
		       "one before does, or there is no memory",
		       name, DEEP);
}

int
hooks_run(struct thread_state *ts, const struct hook *hook, struct tape_view *view,
	  void *arg)
{
	struct thread_hooks *th = own(ts);
	uint32_t levels = ts->level_count;
	uint64_t inline_max = ts->inline_max, chosen = ts->chosen;
	struct asking *asking = ts->asking;
	const struct sticky *under = ts->under;
	struct hook_frame *frame;
	int r;

	if (!atomic_load(&hook->active) || (th && runs(th, hook)))
		return HOOK_NOT_RUN;
	frame = th && th->running_count < DEEP ? hooks_frame(ts) : NULL;
	if (!frame) {
		not_called(ts, hook);
		return HOOK_NOT_RUN;
	}
	swap_own(ts, frame);
	swap_pending(ts, frame);
	thread_now(ts);
	if (under)
		ts->level->sticky = under;
	ts->under = NULL;
	ts->chosen = 0;
	ts->asking = NULL;
	th->running[th->running_count++] = hook;
	view->hook = hook;
	view->failed = false;
	r = hook->guard ? hook->guard(hook->fn, view, arg, hook->user)
			: hook->fn(view, arg, hook->user);
	th->running_count--;
	/* A label that it left open is not the program's. */
	if (ts->level_count > levels) {
		ts->level_count = levels;
		ts->level = &ts->levels[levels - 1];
	}
	ts->inline_max = inline_max;
	ts->chosen = chosen;
	ts->asking = asking;
	ts->pending.count = 0;
	swap_pending(ts, frame);
	thread_now(ts);
	ts->under = under;
	if (under)
		ts->level->sticky = ts->merged;
	swap_own(ts, frame);
	hooks_frame_done(ts);
	if (r < 0)
		failed(ts, hook, view, r);
	return r;
}

/* ---- queries ---- */

/* A query of a hook, for one form. */
struct hook_gate {
	struct predicate *predicate;
	struct predicate_form *form; /* NULL: to be made */
};

static void
gate_clear(struct hook_gate *gate)
{
	predicate_form_free(gate->form);
	predicate_free(gate->predicate);
	*gate = (struct hook_gate){ NULL, NULL };
}

void
hook_gates_release(struct hook_gates *gates)
{
	for (size_t i = 0; i < gates->table.cap; i++)
		if (gates->table.entries[i].value) {
			gate_clear(gates->table.entries[i].value);
			free(gates->table.entries[i].value);
		}
	intern_release(&gates->table);
	*gates = (struct hook_gates){ .session = { 0, 0 } };
}

static struct hook_gate *
gate_find(struct hook_gates *gates, struct tape *t, const struct hook *hook,
	  const struct rec_form *form)
{
	const void *key[2] = { hook, form };
	struct hook_gate *gate;
	uint64_t hash;

	/* A fork's child is another session. */
	if (memcmp(gates->session, t->session, sizeof gates->session) != 0) {
		hook_gates_release(gates);
		memcpy(gates->session, t->session, sizeof gates->session);
	}
	gate = intern_find(&gates->table, key, sizeof key, &hash);
	if (gate)
		return gate;
	gate = calloc(1, sizeof *gate);
	if (gate && intern_add(&gates->table, key, sizeof key, hash, gate) < 0) {
		free(gate);
		gate = NULL;
	}
	return gate;
}

static int
gate_ask(struct hook_gate *gate, struct tape *t, const struct hook *hook,
	 const struct rec_form *form, const struct hook_asked *asked,
	 struct tape_error *err)
{
	struct source_facts facts;
	int r = 0;

	if (!gate->form) {
		facts_source(t, &facts);
		r = rules_predicate(t->rules, hook->when, t->session, &facts,
				    &gate->predicate, err);
		if (r == 0)
			gate->form = predicate_form_new(gate->predicate, &form->form);
	}
	if (!gate->form) {
		gate_clear(gate);
		return r < 0 ? r : TAPE_ERR_NOMEM;
	}
	return predicate_match(gate->predicate, gate->form, asked->body, asked->len,
			       asked->time, err);
}

bool
hook_gates_pass(struct hook_gates *gates, struct tape *t, const struct hook *hook,
		const struct rec_form *form, const struct hook_asked *asked)
{
	atomic_uint *said = (atomic_uint *)(uintptr_t)&hook->said;
	struct tape_error err = { 0 };
	struct hook_gate *gate;
	char name[160];
	int r;

	/* What took too many steps would do so again and again. */
	if (atomic_load(said) & HOOK_SAID_QUERY)
		return false;
	gate = gate_find(gates, t, hook, form);
	r = gate ? gate_ask(gate, t, hook, form, asked, &err) : TAPE_ERR_NOMEM;
	if (r < 0 && said_first(said, HOOK_SAID_QUERY)) {
		hooks_name(hook, name, sizeof name);
		recorder_error(t,
			       "%s: when = %.60s: %s; it is not asked again, and the "
			       "hook does not run",
			       name, hook->when,
			       err.message[0] ? err.message : "no memory");
	}
	return r > 0;
}

bool
hooks_when(struct thread_state *ts, const struct hook *hook, const struct rec_form *form,
	   const uint8_t *body, size_t len, int64_t time)
{
	const struct hook_asked asked = { body, len, time };
	struct thread_hooks *th = own(ts);

	return th && hook_gates_pass(&th->gates, ts->tape, hook, form, &asked);
}
