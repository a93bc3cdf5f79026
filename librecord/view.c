/* SPDX-License-Identifier: Apache-2.0 */
/* What a hook sees, and tape_call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "librecord/hooks.h"
#include "librecord/report.h"

struct tape *
tape_view_tape(const struct tape_view *view)
{
	return view ? view->ts->tape : NULL;
}

int
tape_view_kind(const struct tape_view *view)
{
	return view ? view->hook->kind : 0;
}

/* ---- labels ---- */

size_t
tape_view_depth(const struct tape_view *view)
{
	return view && view->context ? view->context->depth : 0;
}

const char *
tape_view_label(const struct tape_view *view, size_t i)
{
	const struct context *c;

	if (i >= tape_view_depth(view))
		return "";
	for (c = view->context; c->depth > i + 1;)
		c = c->parent;
	return c->label;
}

/* ---- variables ---- */

static void
fixed_value(const struct item *item, struct tape_value *value)
{
	float f[2];

	switch (item->type) {
	case TAPE_F64:
		memcpy(&value->as.f, &item->value.lo, 8);
		break;
	case TAPE_F32:
		memcpy(f, &item->value.lo, 4);
		value->as.f = (double)f[0];
		break;
	case TAPE_C16:
		memcpy(value->as.c, &item->value, 16);
		break;
	case TAPE_C8:
		memcpy(f, &item->value.lo, 8);
		value->as.c[0] = (double)f[0];
		value->as.c[1] = (double)f[1];
		break;
	case TAPE_ABSENT:
		value->absent = (uint8_t)item->value.lo;
		break;
	case TAPE_BOOL:
		value->as.i = (item->value.lo & 0xff) != 0;
		break;
	default:
		value->as.u = item->value.lo;
		break;
	}
}

void
item_value(const struct item *item, unsigned store, struct tape_value *value)
{
	*value = (struct tape_value){ .type = item->type };
	if (item->type < TAPE_STR) {
		fixed_value(item, value);
		return;
	}
	value->store = (uint8_t)store;
	value->size = item->size;
	value->data = item->data;
	if (item->size > CANON_BYTES) {
		value->has_hash = 1;
		value->hash = item->hash;
		if (item->on_tape)
			value->data = NULL;
	}
	if (item->type != TAPE_ARRAY_T)
		return;
	value->dtype = item->dtype;
	value->ndim = item->ndim;
	value->fortran = item->fortran;
	memcpy(value->dims, item->dims, item->ndim * sizeof item->dims[0]);
}

static const struct item *
view_item(const struct tape_view *view, size_t i)
{
	return i < view->count ? &view->items[i] : &view->sticky->items[i - view->count];
}

static bool
shown(const struct tape_view *view, size_t i)
{
	return !view->first || view->first[i];
}

size_t
tape_view_count(const struct tape_view *view)
{
	size_t n = 0;

	if (!view)
		return 0;
	if (view->layout)
		return view->layout->form->form.var_count;
	for (size_t i = 0; view->sticky && i < view->count + view->sticky->count; i++)
		n += shown(view, i);
	return n;
}

const char *
tape_view_get(const struct tape_view *view, size_t i, struct tape_value *value)
{
	struct item item;
	size_t at = 0;

	if (i >= tape_view_count(view))
		return "";
	if (view->layout) {
		const struct slot *slot = &view->layout->slots[i];

		slot_load(view->layout, view->values, slot, &item);
		if (value)
			item_value(&item, slot->store, value);
		return item.name;
	}
	while (!shown(view, at) || i-- > 0)
		at++;
	if (value)
		item_value(view_item(view, at), view_item(view, at)->store, value);
	return view_item(view, at)->name;
}

int
tape_view_find(const struct tape_view *view, const char *name, struct tape_value *value)
{
	size_t n = name ? tape_view_count(view) : 0;

	for (size_t i = 0; i < n; i++)
		if (strcmp(tape_view_get(view, i, NULL), name) == 0) {
			(void)tape_view_get(view, i, value);
			return 1;
		}
	return 0;
}

int
tape_view_number(const struct tape_view *view, const char *name, double *number)
{
	struct tape_value value;

	if (!number || !tape_view_find(view, name, &value))
		return 0;
	switch (value.type) {
	case TAPE_BOOL:
	case TAPE_I64:
		*number = (double)value.as.i;
		return 1;
	case TAPE_U64:
		*number = (double)value.as.u;
		return 1;
	case TAPE_F64:
	case TAPE_F32:
		*number = value.as.f;
		return 1;
	default:
		return 0;
	}
}

const char *
tape_view_variable(const struct tape_view *view, struct tape_value *value)
{
	const struct item *item;

	if (tape_view_kind(view) != TAPE_HOOK_SELECT)
		return "";
	item = view_item(view, view->variable);
	if (value)
		item_value(item, item->store, value);
	return item->name;
}

int64_t
tape_view_time(const struct tape_view *view)
{
	return view ? view->time : 0;
}

/* ---- what a hook gives back ---- */

struct tape_build *
tape_view_add(const struct tape_view *view)
{
	if (!view || !view->added)
		return NULL;
	if (!*view->added)
		*view->added = build_begin_added(
			view->ts, (struct context *)(uintptr_t)view->context);
	return *view->added;
}

int
tape_view_counts(const struct tape_view *view, struct tape_counts *counts)
{
	size_t size = counts ? counts->size : 0;

	if (tape_view_kind(view) != TAPE_HOOK_COMMIT || !counts)
		return -1;
	memcpy(counts, &view->counts,
	       size < sizeof view->counts ? size : sizeof view->counts);
	counts->size = size;
	return 0;
}

int
tape_view_fail(const struct tape_view *view, const char *message)
{
	struct tape_view *own = (struct tape_view *)(uintptr_t)view;

	if (own && message) {
		snprintf(own->message, sizeof own->message, "%s", message);
		own->failed = true;
	}
	return -1;
}

/* ---- tape_call ---- */

/* The sticky variables of the thread, with what waits for its next scope. */
static const struct sticky *
call_variables(struct thread_state *ts, struct hook_frame *frame)
{
	if (ts->pending.count == 0)
		return ts->level->sticky;
	if (!frame->merged)
		frame->merged = calloc(1, sizeof *frame->merged);
	if (frame->merged && sticky_fill(ts, frame->merged, ts->pending.items,
					 ts->pending.count, ts->level->sticky) == 0)
		return frame->merged;
	recorder_error(ts->tape, "no memory for what a call hook sees");
	return ts->level->sticky;
}

/* A body of them alone, for queries. NULL: there is none. */
static const struct layout *
call_layout(struct thread_state *ts, const struct tape_view *view,
	    struct hook_frame *frame)
{
	static const struct place place = { .file = "", .func = "" };
	struct context *context = (struct context *)(uintptr_t)view->context;
	const struct sticky *held = ts->level->sticky;
	const struct layout *l;

	report_hold(); /* as in find_layout() */
	ts->level->sticky = view->sticky;
	l = layout_find(ts, &place, context, NULL, 0, NULL, NULL);
	ts->level->sticky = held;
	report_tell(ts->tape);
	frame->values = (struct values){ .sticky = view->sticky };
	return l && hooks_body(frame, l, &frame->values) == OUTCOME_DONE ? l : NULL;
}

static int
call(struct thread_state *ts, const struct context *context, const struct policy *policy,
     struct hook_frame *frame, void *arg)
{
	struct tape_view view = { .ts = ts,
				  .context = context,
				  .sticky = call_variables(ts, frame),
				  .time = session_now(ts->tape) };
	const struct layout *l = NULL;
	int ran = 0;

	for (size_t i = 0; i < policy->hook_count; i++) {
		const struct hook *hook = policy->hooks[i];

		if (hook->kind != TAPE_HOOK_CALL)
			continue;
		if (hook->when && !l)
			l = call_layout(ts, &view, frame);
		if (hook->when && (!l || !hooks_when(ts, hook, l->form, frame->body.data,
						     frame->body.len, view.time)))
			continue;
		ran += hooks_run(ts, hook, &view, arg) != HOOK_NOT_RUN;
	}
	return ran;
}

int
tape_call(struct tape *t, const char *name, void *arg)
{
	struct thread_state *ts = capture_thread(t);
	struct context *context;
	const struct policy *policy;
	struct hook_frame *frame;
	int ran = 0;

	if (!ts || !(atomic_load_explicit(&t->rules->hook_kinds, memory_order_relaxed) &
		     1u << TAPE_HOOK_CALL))
		return 0;
	if (atomic_load(&t->orphan))
		session_used(t);
	context = name && *name ? context_enter(ts, name) : ts->level->context;
	policy = context_policy(t, context);
	if (!(policy->hook_kinds & 1u << TAPE_HOOK_CALL))
		return 0;
	frame = hooks_frame(ts);
	if (!frame) {
		recorder_error(t,
			       "tape_call(\"%.60s\"): no memory, or hooks call hooks "
			       "too deep",
			       name ? name : "");
		return 0;
	}
	ran = call(ts, context, policy, frame, arg);
	hooks_frame_done(ts);
	return ran;
}
