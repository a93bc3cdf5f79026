/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commit hooks: what they are told is counted while a commit holds its lock, and
 * told when no lock is held any more, on the thread that committed.
 */
#include <stdlib.h>
#include <string.h>

#include "format/le.h"
#include "format/segment.h"
#include "librecord/hook_gates.h"
#include "librecord/part.h"
#include "librecord/report.h"

struct told {
	const struct hook *hook;
	uint64_t scopes;
};

/* One commit. */
struct hook_event {
	struct hook_event *next;
	struct tape_counts counts;
	size_t count, cap;
	struct told *told; /* in the order of the first scope of each */
};

struct hooks {
	struct hook_gates gates; /* under commit_lock */
	pthread_mutex_t lock;	 /* of the list; nothing else is locked under it */
	struct hook_event *first, **end; /* written, and not told yet */
	atomic_uint waiting;
};

int
hooks_init(struct tape *t)
{
	t->hooks = calloc(1, sizeof *t->hooks);
	if (!t->hooks)
		return TAPE_ERR_NOMEM;
	t->hooks->end = &t->hooks->first;
	return pthread_mutex_init(&t->hooks->lock, NULL) == 0 ? 0 : TAPE_ERR_NOMEM;
}

void
hooks_release(struct tape *t)
{
	free(t->hooks);
	t->hooks = NULL;
}

/* What the parent has written is told there. */
void
hooks_after_fork(struct tape *t)
{
	pthread_mutex_init(&t->hooks->lock, NULL);
	t->hooks->first = NULL;
	t->hooks->end = &t->hooks->first;
	atomic_store(&t->hooks->waiting, 0);
}

static void
event_free(struct hook_event *event)
{
	if (event)
		free(event->told);
	free(event);
}

/* ---- counting ---- */

static bool
any_commit_hook(const struct tape *t)
{
	return atomic_load_explicit(&t->rules->hook_kinds, memory_order_relaxed) &
	       1u << TAPE_HOOK_COMMIT;
}

/* False: no memory. */
static bool
count_for(struct hook_event *event, const struct hook *hook)
{
	struct told *more;

	for (size_t i = 0; i < event->count; i++)
		if (event->told[i].hook == hook) {
			event->told[i].scopes++;
			return true;
		}
	if (event->count == event->cap) {
		more = realloc(event->told, (event->cap * 2 + 8) * sizeof *more);
		if (!more)
			return false;
		event->told = more;
		event->cap = event->cap * 2 + 8;
	}
	event->told[event->count++] = (struct told){ hook, 1 };
	return true;
}

static bool
count_record(struct tape *t, struct hook_event *event, const struct part *part,
	     const uint8_t *record)
{
	const struct rec_form *form = recorder_form(t, get_le32(record + 4) >> 8);
	const struct policy *policy = context_policy(t, form->context);
	const struct hook_asked asked = {
		record + SCOPE_PREFIX, get_le32(record) - SCOPE_PREFIX,
		part->base_time + (int64_t)get_le64(record + RECORD_HEADER)
	};
	bool ok = true;

	for (size_t i = 0; i < policy->hook_count && ok; i++) {
		const struct hook *hook = policy->hooks[i];

		if (hook->kind == TAPE_HOOK_COMMIT &&
		    (!hook->when ||
		     hook_gates_pass(&t->hooks->gates, t, hook, form, &asked)))
			ok = count_for(event, hook);
	}
	return ok;
}

struct hook_event *
hooks_count(struct tape *t, const struct part *parts)
{
	struct hook_event *event;
	uint64_t all = 0, quiet = 0;
	bool ok = true, told = false;

	if (!any_commit_hook(t))
		return NULL;
	for (const struct part *part = parts; part; part = part->next) {
		all += part->count;
		quiet += part->quiet;
		told |= part->told;
	}
	/* What commit hooks have recorded alone would call them for ever. */
	if (!told || all == quiet)
		return NULL;
	event = calloc(1, sizeof *event);
	ok = event != NULL;
	for (const struct part *part = parts; part && ok; part = part->next)
		for (size_t at = FRAME_HEADER; part->told && at < part->len && ok;
		     at += get_le32(part->records + at))
			if ((get_le32(part->records + at + 4) & 0xff) == RECORD_SCOPE)
				ok = count_record(t, event, part, part->records + at);
	if (ok) {
		event->counts.all = all;
		event->counts.first_seq = t->next_seq;
		event->counts.last_seq = t->next_seq + all - 1;
		return event;
	}
	recorder_error(t, "no memory to tell commit hooks of a commit");
	event_free(event);
	return NULL;
}

static void
count_links(struct hook_event *event, const struct part *parts)
{
	for (; parts; parts = parts->next) {
		event->counts.bytes += parts->len - FRAME_HEADER;
		for (size_t at = FRAME_HEADER; at < parts->len;
		     at += get_le32(parts->records + at)) {
			unsigned kind = get_le32(parts->records + at + 4) & 0xff;

			event->counts.links += kind == RECORD_LINK;
			event->counts.projections += kind == RECORD_PROJECTION;
		}
	}
}

void
hooks_linked(struct hook_event *event, const struct part *parts)
{
	if (event)
		count_links(event, parts);
}

void
hooks_counted(struct tape *t, struct hook_event *event, bool written)
{
	if (!event)
		return;
	if (!written || event->count == 0) {
		event_free(event);
		return;
	}
	pthread_mutex_lock(&t->hooks->lock);
	*t->hooks->end = event;
	t->hooks->end = &event->next;
	pthread_mutex_unlock(&t->hooks->lock);
	atomic_fetch_add(&t->hooks->waiting, 1);
}

/* ---- telling ---- */

static struct hook_event *
take(struct hooks *hooks)
{
	struct hook_event *event;

	pthread_mutex_lock(&hooks->lock);
	event = hooks->first;
	if (event) {
		hooks->first = event->next;
		if (!hooks->first)
			hooks->end = &hooks->first;
		atomic_fetch_sub(&hooks->waiting, 1);
	}
	pthread_mutex_unlock(&hooks->lock);
	return event;
}

/* From here on what the thread records is a commit hook's, or no more. */
static void
quiet(struct stage *stage, bool begins)
{
	stage_lock(stage);
	stage->quiet = stage_quiet(stage);
	stage->quiet_from = begins ? stage->count + 1 : 0;
	stage_unlock(stage);
}

static bool
told_before(const struct told *a, const struct told *b)
{
	if (a->hook->priority != b->hook->priority)
		return a->hook->priority > b->hook->priority;
	return a->hook->id < b->hook->id;
}

/* Once for each hook: by priority, then as they came. */
static const struct told *
next_told(const struct hook_event *event, const struct told *last)
{
	const struct told *next = NULL;

	for (size_t i = 0; i < event->count; i++) {
		const struct told *one = &event->told[i];

		if (last && !told_before(last, one))
			continue;
		if (!next || told_before(one, next))
			next = one;
	}
	return next;
}

static void
tell(struct thread_state *ts, struct hook_event *event)
{
	const struct told *told = NULL;
	struct tape_view view = { .ts = ts, .time = session_now(ts->tape) };

	while ((told = next_told(event, told)) != NULL) {
		view.counts = event->counts;
		view.counts.scopes = told->scopes;
		quiet(ts->stage, true);
		(void)hooks_run(ts, told->hook, &view, NULL);
		quiet(ts->stage, false);
	}
}

void
hooks_deliver(struct tape *t)
{
	struct thread_state *ts;
	struct hook_event *event;

	if (atomic_load_explicit(&t->hooks->waiting, memory_order_relaxed) == 0)
		return;
	ts = capture_thread(t);
	/* In a commit hook: whoever called that goes on with the list. */
	if (!ts || !hooks_may_run(ts, TAPE_HOOK_COMMIT))
		return;
	while ((event = take(t->hooks)) != NULL) {
		tell(ts, event);
		event_free(event);
	}
}

/* The first failure of each was said when it came. */
static void
say_failures(struct tape *t)
{
	for (uint32_t i = 0;; i++) {
		const struct hook *hook = NULL;
		char name[160];

		pthread_mutex_lock(&t->rules->lock);
		if (i < t->rules->hooks_made_count)
			hook = t->rules->hooks_made[i];
		pthread_mutex_unlock(&t->rules->lock);
		if (!hook)
			return;
		hooks_name(hook, name, sizeof name);
		if (atomic_load(&hook->failures) > 1)
			recorder_warn(t, "%s has failed %llu times", name,
				      (unsigned long long)atomic_load(&hook->failures));
	}
}

void
hooks_before_close(struct tape *t)
{
	if (atomic_load(&t->dead))
		return;
	if (any_commit_hook(t))
		(void)session_commit_all(t);
	say_failures(t);
}
