/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/background.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>

#include "format/os.h"
#include "librecord/ask.h"
#include "librecord/commit.h"
#include "librecord/facts.h"
#include "librecord/hooks.h"
#include "librecord/report.h"
#include "librecord/session.h"
#include "librecord/sync.h"
#include "librecord/thin.h"
#include "librecord/writer.h"

struct background {
	pthread_t thread;
	atomic_int started, stop;
	atomic_int poked; /* a wake is on its way: one is enough */
	sem_t wake;	  /* a semaphore: posting is allowed in a signal handler */
	pthread_mutex_t start_lock;
};

int
background_new(struct tape *t)
{
	struct background *b = calloc(1, sizeof *b);

	if (!b)
		return TAPE_ERR_NOMEM;
	sem_init(&b->wake, 0, 0);
	pthread_mutex_init(&b->start_lock, NULL);
	t->background = b;
	return 0;
}

void
background_wake(struct tape *t)
{
	if (!atomic_exchange(&t->background->poked, 1))
		sem_post(&t->background->wake);
}

static void
wait_until(struct background *b, int64_t deadline_ns)
{
	struct timespec at = { .tv_sec = (time_t)(deadline_ns / 1000000000),
			       .tv_nsec = (long)(deadline_ns % 1000000000) };

	while (sem_clockwait(&b->wake, CLOCK_MONOTONIC, &at) < 0 && errno == EINTR)
		;
	atomic_store(&b->poked, 0);
}

/* A phase of its own for each session: ten thousand ranks must not sync at once. */
static int64_t
first_sync(const struct tape *t, int64_t now)
{
	uint32_t phase = 0;
	int64_t interval = (int64_t)t->conf.sync_ms * 1000000;

	(void)os_random(&phase, sizeof phase);
	return now + interval * (phase % 1024) / 1024;
}

/* commit_lock is held. */
static void
sync_due(struct tape *t, int64_t now, int64_t *next)
{
	struct writer *w = t->writer;

	if (t->conf.sync != SYNC_INTERVAL)
		return;
	if (now < *next && w->retained_bytes < WRITER_HURRY)
		return;
	*next = now + (int64_t)t->conf.sync_ms * 1000000;
	/* Waits while another thread syncs; a failure was reported and comes again. */
	if (w->group_number > w->synced_group)
		(void)sync_upto(t, w->group_number);
}

static void
tick(struct tape *t, int64_t now, int64_t *next_sync)
{
	int64_t before = INT64_MIN;

	if (atomic_exchange(&t->commit_soon, 0))
		before = INT64_MAX;
	else if (t->conf.commit == COMMIT_AUTO)
		before = session_now(t) - (int64_t)t->conf.commit_ms * 1000000;
	session_lock(t);
	if (!atomic_load(&t->dead) && !atomic_load(&t->background->stop)) {
		if (before != INT64_MIN)
			(void)commit_older(t, before);
		/* Nothing else may come for hours: what is left out is said all the same. */
		if (thin_publish(t, false) && !atomic_load(&t->orphan))
			(void)writer_commit(t, NULL);
		sync_due(t, now, next_sync);
	}
	session_unlock(t);
	hooks_deliver(t);
}

static void *
run(void *user)
{
	struct tape *t = user;
	struct background *b = t->background;
	int64_t now = os_monotonic_ns();
	int64_t next_sync = first_sync(t, now);
	/* A stage may be late by half a period. */
	int64_t period = (int64_t)t->conf.commit_ms * 500000;

	facts_git(t);
	while (!atomic_load(&b->stop)) {
		int64_t wake = now + period;

		if (t->conf.sync == SYNC_INTERVAL && next_sync < wake)
			wake = next_sync;
		wait_until(b, wake);
		now = os_monotonic_ns();
		if (!atomic_load(&b->stop)) {
			tick(t, now, &next_sync);
			ask_hints(t);
		}
	}
	ask_hints(t);
	return NULL;
}

void
background_start(struct tape *t)
{
	struct background *b = t->background;
	sigset_t all, old;
	int r;

	if (atomic_load_explicit(&b->started, memory_order_acquire))
		return;
	pthread_mutex_lock(&b->start_lock);
	if (!atomic_load(&b->started) && !atomic_load(&t->dead)) {
		/* The program's signals are for the program's threads. */
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &old);
		r = pthread_create(&b->thread, NULL, run, t);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		atomic_store(&b->started, r == 0 ? 1 : -1);
		if (r != 0)
			recorder_warn(t,
				      "no background thread (%s): commits and syncs "
				      "happen in the calls only",
				      os_strerror(-r, (char[128]){ 0 }, 128));
	}
	pthread_mutex_unlock(&b->start_lock);
}

bool
background_is_self(struct tape *t)
{
	return atomic_load(&t->background->started) == 1 &&
	       pthread_equal(t->background->thread, pthread_self());
}

void
background_stop(struct tape *t)
{
	struct background *b = t->background;

	pthread_mutex_lock(&b->start_lock);
	atomic_store(&b->stop, 1);
	/* on_error may close the recorder on this very thread, which then ends by itself. */
	if (atomic_load(&b->started) == 1 && pthread_equal(b->thread, pthread_self())) {
		pthread_detach(b->thread);
	} else if (atomic_load(&b->started) == 1) {
		sem_post(&b->wake);
		pthread_join(b->thread, NULL);
	}
	atomic_store(&b->started, -1);
	pthread_mutex_unlock(&b->start_lock);
}

void
background_after_fork(struct tape *t)
{
	struct background *b = t->background;

	atomic_store(&b->started, 0);
	atomic_store(&b->stop, 0);
	atomic_store(&b->poked, 0);
	sem_init(&b->wake, 0, 0);
	pthread_mutex_init(&b->start_lock, NULL);
}
