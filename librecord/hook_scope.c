/* SPDX-License-Identifier: Apache-2.0 */
/* A scope that hooks see: its queries are asked, its hooks called, what they add laid out. */
#include <string.h>

#include "librecord/hooks.h"
#include "librecord/report.h"
#include "librecord/thin.h"
#include "librecord/ticks.h"

enum outcome
hooks_body(struct hook_frame *frame, const struct layout *l, const struct values *v)
{
	size_t canonical = wide_canonical(l, v), tail = wide_tail(l, v);
	uint8_t *p;

	if (tail == SIZE_MAX || canonical + tail > LIMIT_RECORD - SCOPE_PREFIX)
		return OUTCOME_TOO_LARGE;
	frame->body.len = 0;
	/* Room for one byte at least: the pointer is not NULL. */
	if (!bytes_room(&frame->body, canonical + tail + 1)) {
		bytes_release(&frame->body);
		return OUTCOME_NO_MEMORY;
	}
	p = frame->body.data;
	frame->body.len = canonical + tail;
	write_fixed(l, v, p);
	p += l->fixed_bytes;
	for (uint32_t i = 0; i < l->wide_count; i++)
		p += item_canonical_write(slot_item(v, &l->slots[l->fixed_count + i]), p);
	(void)write_tails(NULL, l, v, p, false);
	return OUTCOME_DONE;
}

static bool
asks(const struct layout *l)
{
	bool any = l->gated;

	for (size_t i = 0; i < l->policy->hook_count && !any; i++)
		any = l->policy->hooks[i]->when &&
		      (l->policy->hooks[i]->kind == TAPE_HOOK_SELECT ||
		       l->policy->hooks[i]->kind == TAPE_HOOK_CAPTURE);
	return any;
}

static bool
when(struct thread_state *ts, const struct hook_frame *frame, const struct layout *l,
     const struct hook *hook)
{
	return !hook->when || hooks_when(ts, hook, l->form, frame->body.data,
					 frame->body.len, frame->time);
}

/* The select hooks that go by values and take part, a bit each. */
static uint64_t
choose(struct thread_state *ts, const struct hook_frame *frame, const struct layout *l)
{
	uint64_t chosen = 0;

	for (size_t i = 0; i < l->policy->hook_count; i++) {
		const struct hook *hook = l->policy->hooks[i];

		if (hook->kind == TAPE_HOOK_SELECT && hook->when &&
		    when(ts, frame, l, hook))
			chosen |= (uint64_t)1 << hook->bit;
	}
	return chosen;
}

static void
call(struct thread_state *ts, struct hook_frame *frame, const struct layout *l,
     const struct values *v)
{
	struct tape_view view = { .ts = ts,
				  .context = l->context,
				  .layout = l,
				  .values = v,
				  .time = frame->time,
				  .added = &frame->added };

	if (!hooks_may_run(ts, TAPE_HOOK_CAPTURE))
		return;
	for (size_t i = 0; i < l->policy->hook_count; i++) {
		const struct hook *hook = l->policy->hooks[i];

		if (hook->kind == TAPE_HOOK_CAPTURE && when(ts, frame, l, hook))
			(void)hooks_run(ts, hook, &view, NULL);
	}
}

/* ---- with what hooks have added ---- */

static bool
has_name(const struct form *form, const struct item *item)
{
	return form_find(form, item->name, item->name_len) >= 0;
}

/* All variables as items, in the order in which they were captured, the sticky ones left out. */
static int
gather(struct hook_frame *frame, const struct layout *l, const struct values *v,
       size_t *count)
{
	const struct form *form = &l->form->form;
	const struct item *added = NULL;
	size_t more = build_items(frame->added, &added), n = 0;
	struct item *items;

	frame->items.len = 0;
	if (!bytes_room(&frame->items, (form->var_count + more + 1) * sizeof *items)) {
		bytes_release(&frame->items);
		return -1;
	}
	items = (struct item *)(void *)frame->items.data;
	for (uint32_t i = 0; i < form->var_count; i++)
		items[i].name = NULL;
	for (uint32_t i = 0; i < form->var_count; i++) {
		const struct slot *slot = &l->slots[i];
		const struct form_var *var = &form->vars[slot->var];

		if (slot->from == FROM_STICKY)
			continue;
		slot_load(l, v, slot, &items[var->capture_index]);
	}
	for (uint32_t i = 0; i < form->var_count; i++)
		if (items[i].name)
			items[n++] = items[i];
	for (size_t i = 0; i < more; i++)
		if (!has_name(form, &added[i]))
			items[n++] = added[i];
	*count = n;
	return 0;
}

static enum outcome
lay_out_again(struct thread_state *ts, struct hook_frame *frame, const struct layout **l,
	      uint64_t chosen)
{
	const struct form *form = &(*l)->form->form;
	const struct place place = { NULL, form->file, form->func, form->line };
	const struct layout *made;
	size_t count;

	if (gather(frame, *l, &frame->values, &count) < 0)
		return OUTCOME_NO_MEMORY;
	report_hold(); /* as in find_layout() */
	frame->values = (struct values){
		.items = (struct item *)(void *)frame->items.data,
		.sticky = ts->level->sticky,
		.time = &frame->time,
		.passed = true,
	};
	ts->chosen = chosen;
	made = layout_find(ts, &place, (*l)->context, frame->values.items, count, NULL,
			   NULL);
	ts->chosen = 0;
	report_tell(ts->tape);
	if (!made)
		return OUTCOME_BLOB; /* reported, and counted */
	*l = made;
	return OUTCOME_DONE;
}

enum outcome
hooks_scope(struct thread_state *ts, struct hook_frame *frame, const struct layout **l,
	    struct values **v)
{
	enum outcome outcome = OUTCOME_DONE;
	uint64_t chosen;

	/* In a fork's child: a query may be about the session. */
	if (atomic_load(&ts->tape->orphan))
		session_used(ts->tape);
	frame->time = (*v)->time ? *(*v)->time : ticks_now(ts);
	frame->values = **v;
	frame->values.time = &frame->time;
	frame->values.passed = true;
	frame->added = NULL;
	*v = &frame->values;
	if (asks(*l))
		outcome = hooks_body(frame, *l, *v);
	if (outcome == OUTCOME_DONE && (*l)->gated) {
		report_hold();
		thin_prepare(ts, *l);
		if (!thin_passes(ts, *l, frame->body.data, frame->body.len, frame->time))
			outcome = OUTCOME_THINNED;
		report_tell(ts->tape);
	}
	if (outcome != OUTCOME_DONE)
		return outcome;
	chosen = choose(ts, frame, *l);
	call(ts, frame, *l, *v);
	if (chosen || frame->added)
		outcome = lay_out_again(ts, frame, l, chosen);
	return outcome;
}

void
hooks_scope_done(struct thread_state *ts, struct hook_frame *frame)
{
	build_release(ts, frame->added);
	frame->added = NULL;
	hooks_frame_done(ts);
}
