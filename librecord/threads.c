/* SPDX-License-Identifier: Apache-2.0 */
/* What each thread is to a recorder: its state and its stage. */
#include <stdlib.h>
#include <string.h>

#include "librecord/hooks.h"
#include "librecord/resume.h"
#include "librecord/thin.h"

__thread struct thread_state *last_state __attribute__((tls_model("initial-exec")));
static pthread_key_t thread_key;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;
static bool thread_key_made;

/*
 * Ends a thread: its scopes are committed (commit=auto), its stage is free for
 * another. A recorder that is dead still has the list of its threads.
 */
static void
state_end(struct thread_state *ts)
{
	struct tape *t = ts->tape;
	struct stage *stage = ts->stage;
	bool staged;

	stage_lock(stage);
	staged = stage->count != 0;
	stage_unlock(stage);
	if (staged && !atomic_load(&t->dead) && t->conf.commit == COMMIT_AUTO)
		(void)session_commit_stage(t, stage);
	thin_thread_ends(ts);
	hooks_thread_ends(ts);
	pthread_mutex_lock(&t->table_lock);
	for (struct thread_state **p = &t->threads->all; *p; p = &(*p)->next_of_tape)
		if (*p == ts) {
			*p = ts->next_of_tape;
			break;
		}
	pthread_mutex_unlock(&t->table_lock);
	atomic_store(&stage->owner_gone, true);
}

static void
state_free(struct thread_state *ts)
{
	for (uint32_t i = 0; i < ts->level_cap; i++) {
		sticky_free(ts->levels[i].own);
		tare_release(&ts->levels[i]);
	}
	free(ts->levels);
	free(ts->found);
	free(ts->pending.items);
	free(ts->pending.bytes);
	sticky_free(ts->merged);
	scratch_release(&ts->scratch);
	bytes_release(&ts->key);
	looked_free(ts->looked);
	free(ts);
}

static void
thread_end(void *first)
{
	struct thread_state *ts = first;

	last_state = NULL;
	while (ts) {
		struct thread_state *next = ts->next_of_thread;

		state_end(ts);
		scope_free_builds(ts->builds);
		state_free(ts);
		ts = next;
	}
}

static void
make_key(void)
{
	thread_key_made = pthread_key_create(&thread_key, thread_end) == 0;
}

/* Under table_lock, so that a fork meets each stage unlocked or not at all. */
struct stage *
stage_new(struct tape *t)
{
	struct stage *stage = aligned_alloc(64, (sizeof(*stage) + 63) / 64 * 64);

	if (!stage)
		return NULL;
	memset(stage, 0, sizeof(*stage));
	stage->tape = t;
	stage->len = FRAME_HEADER;
	stage->next = atomic_load(&t->stages);
	atomic_store(&t->stages, stage);
	return stage;
}

/* One whose thread has ended, if it is empty. Under table_lock. */
static struct stage *
stage_reuse(struct tape *t)
{
	for (struct stage *s = atomic_load(&t->stages); s; s = s->next) {
		bool empty;

		if (!atomic_load(&s->owner_gone))
			continue;
		stage_lock(s);
		empty = s->count == 0 && s->blob_len == 0 && s->big_count == 0;
		stage_unlock(s);
		if (empty) {
			atomic_store(&s->owner_gone, false);
			return s;
		}
	}
	return NULL;
}

int
levels_reserve(struct thread_state *ts, uint32_t count)
{
	uint32_t cap = ts->level_cap ? ts->level_cap : 16;
	struct level *p;

	if (count <= ts->level_cap)
		return 0;
	while (cap < count)
		cap *= 2;
	p = realloc(ts->levels, cap * sizeof(*p));
	if (!p)
		return -1;
	memset(p + ts->level_cap, 0, (cap - ts->level_cap) * sizeof(*p));
	ts->levels = p;
	ts->level_cap = cap;
	ts->level = ts->level_count ? &p[ts->level_count - 1] : NULL;
	return 0;
}

static struct thread_state *
state_new(struct tape *t)
{
	struct thread_state *ts = calloc(1, sizeof(*ts));

	if (!ts || levels_reserve(ts, 16) < 0) {
		free(ts);
		return NULL;
	}
	ts->tape = t;
	ts->level_count = 1;
	ts->level = &ts->levels[0];
	*ts->level = (struct level){ .context = &t->forms->root,
				     .sticky = &no_sticky,
				     .with = &no_sticky };
	thread_now(ts);
	ts->commit_ns = INT64_MAX;
	ts->commit_scopes = UINT32_MAX;
	if (t->conf.commit == COMMIT_AUTO) {
		ts->commit_ns = (int64_t)t->conf.commit_ms * 1000000;
		if (t->conf.commit_scopes)
			ts->commit_scopes = t->conf.commit_scopes;
	}
	ts->inline_max = t->rules->plain.inline_max;
	pthread_mutex_lock(&t->table_lock);
	ts->stage = stage_reuse(t);
	if (!ts->stage)
		ts->stage = stage_new(t);
	pthread_mutex_unlock(&t->table_lock);
	if (!ts->stage) {
		state_free(ts);
		return NULL;
	}
	ts->stage->due = t->conf.commit == COMMIT_AUTO
				 ? FRAME_HEADER + t->conf.commit_bytes
				 : UINT64_MAX;
	return ts;
}

static __attribute__((noinline)) struct thread_state *
state_find(struct tape *t)
{
	struct thread_state *ts;

	pthread_once(&thread_once, make_key);
	ts = thread_key_made ? pthread_getspecific(thread_key) : NULL;
	while (ts && ts->tape != t)
		ts = ts->next_of_thread;
	if (ts)
		return ts;
	ts = thread_key_made ? state_new(t) : NULL;
	if (!ts) {
		recorder_lost(t, 1);
		recorder_error(
			t, "no memory for another thread: its scopes are not recorded");
		return NULL;
	}
	ts->next_of_thread = pthread_getspecific(thread_key);
	if (pthread_setspecific(thread_key, ts) != 0) {
		/* The stage stays in the recorder's list, for the next thread. */
		atomic_store(&ts->stage->owner_gone, true);
		state_free(ts);
		recorder_lost(t, 1);
		recorder_error(
			t, "no memory for another thread: its scopes are not recorded");
		return NULL;
	}
	pthread_mutex_lock(&t->table_lock);
	ts->next_of_tape = t->threads->all;
	t->threads->all = ts;
	pthread_mutex_unlock(&t->table_lock);
	session_used(t);
	return ts;
}

struct thread_state *
capture_thread_find(struct tape *t)
{
	struct thread_state *ts = state_find(t);

	if (ts)
		last_state = ts;
	return ts;
}

struct stage *
capture_stage(struct tape *t)
{
	struct thread_state *ts = capture_thread(t);

	return ts ? ts->stage : NULL;
}

int
capture_init(struct tape *t)
{
	t->threads = calloc(1, sizeof(*t->threads));
	t->forms = calloc(1, sizeof(*t->forms) + LIMIT_NAME + 1);
	if (!t->threads || !t->forms) {
		free(t->threads);
		free(t->forms);
		t->threads = NULL;
		t->forms = NULL;
		return -1;
	}
	t->forms->tag =
		(uint32_t)(t->session[0] ^ t->session[0] >> 32 ^ t->session[1]) | 1u;
	return 0;
}

/*
 * The child has one thread, a copy of the one that forked. What other threads
 * had is theirs, in the parent; their states stay as unreachable copies, because
 * they may have been in the middle of changing them.
 */
void
capture_after_fork(struct tape *t)
{
	struct thread_state *own = NULL;

	pthread_mutex_init(&t->table_lock, NULL);
	plans_after_fork();
	locals_after_fork();
	if (thread_key_made)
		for (own = pthread_getspecific(thread_key); own && own->tape != t;
		     own = own->next_of_thread)
			;
	if (t->threads)
		t->threads->all = own;
	if (own)
		own->next_of_tape = NULL;
	for (struct stage *s = atomic_load(&t->stages); s; s = s->next) {
		atomic_store(&s->lock, 0u);
		stage_clear(s);
		if (!own || s != own->stage)
			atomic_store(&s->owner_gone, true);
	}
	rules_after_fork(t->rules);
	hooks_after_fork(t);
	if (t->threads)
		thin_after_fork(t);
	if (own)
		own->ticks = (struct ticks){ 0 };
}
