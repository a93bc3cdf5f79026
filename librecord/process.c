/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/process.h"

#include <stdlib.h>
#include <string.h>

#include "librecord/ask.h"
#include "librecord/background.h"
#include "librecord/blobs.h"
#include "librecord/cache.h"
#include "librecord/report.h"
#include "librecord/rules.h"
#include "librecord/seen.h"
#include "librecord/writer.h"

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct tape *list;
static struct tape *main_tape;
static pthread_mutex_t main_lock = PTHREAD_MUTEX_INITIALIZER;
static bool main_known, handlers;

/* ---- fork: all locks are taken, so that the child's copy is consistent ---- */

static void
before_fork(void)
{
	pthread_mutex_lock(&list_lock);
	for (struct tape *t = list; t; t = t->next_open) {
		cache_lock_look(t);
		pthread_mutex_lock(&t->commit_lock);
		pthread_mutex_lock(&t->rules->lock);
		/* Before the stages: no new one may come until all are unlocked again. */
		pthread_mutex_lock(&t->table_lock);
		for (struct stage *s = atomic_load(&t->stages); s; s = s->next)
			stage_lock(s);
		blobs_lock(t);
		pthread_mutex_lock(&t->error_lock);
		cache_lock_all(t);
	}
	cache_lock_shapes();
}

static void
unlock_all(struct tape *t)
{
	cache_unlock_all(t);
	pthread_mutex_unlock(&t->error_lock);
	blobs_unlock(t);
	for (struct stage *s = atomic_load(&t->stages); s; s = s->next)
		stage_unlock(s);
	pthread_mutex_unlock(&t->table_lock);
	pthread_mutex_unlock(&t->rules->lock);
	pthread_mutex_unlock(&t->commit_lock);
	cache_unlock_look(t);
}

static void
after_fork_parent(void)
{
	cache_unlock_shapes();
	for (struct tape *t = list; t; t = t->next_open)
		unlock_all(t);
	pthread_mutex_unlock(&list_lock);
}

/* What was staged is the parent's. The child begins a session when it records. */
static void
forget_parent(struct tape *t)
{
	for (struct stage *s = atomic_load(&t->stages); s; s = s->next)
		stage_clear(s);
	writer_after_fork(t);
	blobs_after_fork(t);
	report_after_fork(t);
	background_after_fork(t);
	cache_after_fork(t);
	seen_clear(t->seen);
	ask_after_fork(t);
	for (uint32_t i = 1; i <= t->rec_form_count; i++)
		recorder_form(t, i)->defined_in = 0;
	t->next_seq = 1;
	t->first_error[0] = '\0';
	atomic_store(&t->errors, 0);
	atomic_store(&t->lost, 0);
	atomic_store(&t->committed_seq, 0);
	atomic_store(&t->commit_soon, 0);
	atomic_store(&t->orphan, 1);
}

static void
after_fork_child(void)
{
	cache_unlock_shapes();
	for (struct tape *t = list; t; t = t->next_open) {
		bool alive = !atomic_load(&t->dead);

		if (alive)
			forget_parent(t);
		unlock_all(t);
		/* Another thread of the parent may have been closing it. */
		pthread_mutex_init(&t->close_lock, NULL);
		if (alive)
			capture_after_fork(t);
	}
	pthread_mutex_unlock(&list_lock);
	/* Another thread of the parent may have been in tape_main(). */
	pthread_mutex_init(&main_lock, NULL);
}

/* ---- exit ---- */

static void
at_exit(void)
{
	struct tape *t;

	pthread_mutex_lock(&list_lock);
	t = list;
	pthread_mutex_unlock(&list_lock);
	/* Recorders are put in front and never leave: the rest of the list stands still. */
	for (; t; t = t->next_open)
		(void)tape_close(t);
}

void
process_add(struct tape *t)
{
	pthread_mutex_lock(&list_lock);
	if (!handlers) {
		handlers = true;
		(void)atexit(at_exit);
		(void)pthread_atfork(before_fork, after_fork_parent, after_fork_child);
	}
	t->next_open = list;
	list = t;
	pthread_mutex_unlock(&list_lock);
}

/* ---- the main recorder ---- */

void
tape_set_main(struct tape *t)
{
	pthread_mutex_lock(&list_lock);
	main_tape = t;
	main_known = true;
	pthread_mutex_unlock(&list_lock);
}

struct tape *
tape_main(void)
{
	const char *dir;
	struct tape *t;
	bool known;

	pthread_mutex_lock(&main_lock);
	pthread_mutex_lock(&list_lock);
	t = main_tape;
	known = main_known;
	pthread_mutex_unlock(&list_lock);
	if (!known) {
		/* Tried once: a tape that cannot be opened is not tried at each call. */
		dir = getenv("TAPE_DIR");
		t = dir && *dir ? tape_open(dir, NULL) : NULL;
		tape_set_main(t);
	}
	pthread_mutex_unlock(&main_lock);
	return t;
}
