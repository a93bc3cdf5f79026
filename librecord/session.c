/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/block.h"
#include "format/error.h"
#include "format/os.h"
#include "format/path.h"
#include "format/segment.h"
#include "librecord/ask.h"
#include "librecord/background.h"
#include "librecord/blobs.h"
#include "librecord/cache.h"
#include "librecord/commit.h"
#include "librecord/facts.h"
#include "librecord/hooks.h"
#include "librecord/process.h"
#include "librecord/report.h"
#include "librecord/seen.h"
#include "librecord/settings.h"
#include "librecord/subset.h"
#include "librecord/sync.h"
#include "librecord/thin.h"
#include "librecord/writer.h"

int64_t
session_now(const struct tape *t)
{
	return os_monotonic_ns() + t->realtime_offset;
}

void
session_file(const struct tape *t, const char *name, char *path, size_t cap)
{
	char id[TAPE_SESSION_TEXT];

	tape_session_text(t->session, id);
	snprintf(path, cap, PATH_SESSIONS "/%s%s%s", id, *name ? "/" : "", name);
}

/* Two processes may start in the same microsecond: mkdir says who was first. */
static int
make_directory(struct tape *t)
{
	char path[SESSION_PATH];
	uint32_t random;
	int r = -EEXIST;

	t->session[0] = (uint64_t)os_realtime_ns() / 1000;
	for (int try = 0; r == -EEXIST && try < 100; try++) {
		r = os_random(&random, sizeof random);
		if (r < 0)
			return r;
		t->session[1] = random;
		session_file(t, "", path, sizeof path);
		r = os_mkdir(t->dir.fd, path);
		if (r == -ENOENT) {
			(void)os_mkdir(t->dir.fd, PATH_SESSIONS);
			r = os_mkdir(t->dir.fd, path);
		}
	}
	return r;
}

int
session_begin(struct tape *t, struct tape_error *err)
{
	char path[SESSION_PATH];
	int r = make_directory(t);

	if (r < 0)
		return error_io(err, r, PATH_SESSIONS, "cannot make a session");
	t->next_seq = 1;
	r = writer_begin(t);
	if (r < 0) {
		session_file(t, "", path, sizeof path);
		(void)os_rmdir(t->dir.fd, path);
		return error_io(err, r, path, "cannot make the first segment");
	}
	report_open_manifest(t);
	facts_manifest(t);
	return 0;
}

/* ---- open ---- */

/* A wrong setting does not stop a run: it is said, and the others hold. */
static void
wrong_setting(void *user, const struct tape_error *err)
{
	struct tape *t = user;

	recorder_error(t, "%s%s%s", err->file, err->file[0] ? ": " : "", err->message);
}

/* Frees what only a failed open may free: nobody else knows the recorder. */
static void
destroy(struct tape *t)
{
	if (t->writer) {
		writer_release(t);
		free(t->writer);
	}
	if (t->blobs) {
		blobs_release(t);
		free(t->blobs);
	}
	if (t->report) {
		report_release(t);
		free(t->report);
	}
	if (t->rules) {
		rules_release(t->rules);
		free(t->rules);
	}
	thin_release(t);
	hooks_release(t);
	free(t->background);
	free(t->seen);
	subset_release(t);
	free(t->asked);
	facts_release(t);
	tapedir_close(&t->dir);
	free(t);
}

/*
 * Whoever is interrupted between two clocks would be ahead of all others, or behind: a
 * result that follows what was withdrawn would count as older. The narrowest try holds.
 */
static int64_t
realtime_offset(void)
{
	int64_t offset = 0, least = INT64_MAX;

	for (int try = 0; try < 3; try++) {
		int64_t before = os_monotonic_ns(), real = os_realtime_ns();
		int64_t took = os_monotonic_ns() - before;

		if (took < least) {
			least = took;
			offset = real - before - took / 2;
		}
	}
	return offset;
}

static struct tape *
allocate(const struct tape_options *options)
{
	struct tape *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->dir.fd = -1;
	pthread_mutex_init(&t->close_lock, NULL);
	pthread_mutex_init(&t->commit_lock, NULL);
	pthread_mutex_init(&t->table_lock, NULL);
	pthread_mutex_init(&t->error_lock, NULL);
	t->on_error = options->on_error;
	t->on_error_user = options->user;
	t->realtime_offset = realtime_offset();
	atomic_store(&t->rules_version, 1);
	t->seen = seen_new();
	t->rules = calloc(1, sizeof *t->rules);
	if (t->rules && rules_init(t->rules) < 0) {
		free(t->rules);
		t->rules = NULL;
	}
	if (t->seen && t->rules && thin_init(t) == 0 && hooks_init(t) == 0 &&
	    ask_init(t) == 0 && report_init(t) == 0 && writer_new(t) == 0 &&
	    blobs_new(t) == 0 && background_new(t) == 0 &&
	    facts_collect(t, options->name) == 0)
		return t;
	destroy(t);
	return NULL;
}

static int
begin(struct tape *t, const char *dir, const struct tape_options *options,
      struct tape_error *err)
{
	int r = tapedir_create(dir, &t->dir, err);

	if (r < 0)
		return r;
	settings_read(t->dir.fd, options->config, &t->conf, t->rules, wrong_setting, t);
	thin_rules_changed(t, false);
	facts_program(t);
	r = session_begin(t, err);
	if (r < 0)
		return r;
	if (capture_init(t) < 0)
		return error_set(err, TAPE_ERR_NOMEM, "", 0, "out of memory");
	return 0;
}

struct tape *
tape_open(const char *dir, const struct tape_options *given)
{
	struct tape_options options = { .size = sizeof options };
	struct tape_error err = { 0 };
	struct tape *t;

	/* A program built with an older header gives less. */
	if (given)
		memcpy(&options, given,
		       given->size < sizeof options ? given->size : sizeof options);
	options.size = sizeof options;
	if (!dir || !*dir) {
		report_open_failed(&options,
				   "tape_open needs the name of a directory; the "
				   "run goes on unrecorded");
		return NULL;
	}
	t = allocate(&options);
	if (!t) {
		report_open_failed(&options,
				   "%s: out of memory; the run goes on unrecorded", dir);
		return NULL;
	}
	if (begin(t, dir, &options, &err) < 0) {
		report_open_failed(&options, "%s%s%s: %s; the run goes on unrecorded",
				   dir, err.file[0] ? "/" : "", err.file, err.message);
		destroy(t);
		return NULL;
	}
	process_add(t);
	return t;
}

void
session_used(struct tape *t)
{
	if (atomic_load(&t->orphan)) {
		session_lock(t);
		(void)session_alive(t);
		session_unlock(t);
	}
	background_start(t);
}

int
session_alive(struct tape *t)
{
	struct tape_error err = { 0 };

	if (!atomic_load(&t->orphan))
		return 0;
	facts_after_fork(t);
	if (session_begin(t, &err) < 0) {
		recorder_error(t, "after fork: %s: %s", err.file, err.message);
		return -1;
	}
	atomic_store(&t->orphan, 0);
	return 0;
}

/* ---- close ---- */

/* commit_lock is held. */
static void
end_session(struct tape *t)
{
	struct writer *w = t->writer;
	char cause[128];
	int r;

	(void)writer_commit(t, NULL);
	if (t->conf.sync != SYNC_NONE && w->group_number > w->synced_group &&
	    sync_upto(t, w->group_number) < 0)
		/* Nobody knows whether these are on the disk. */
		recorder_lost(t, part_scopes_after(w->retained, w->synced_group));
	blobs_end(t);
	r = writer_end(t, END_CLOSED);
	if (r < 0)
		recorder_error(t,
			       "cannot write the end of the session: %s; what was "
			       "committed is safe",
			       os_strerror(r, cause, sizeof cause));
	facts_manifest_closed(t);
}

/* The memory that a husk does not need. Stages stay: a late thread may hold one. */
static void
shed(struct tape *t)
{
	for (struct stage *stage = atomic_load(&t->stages); stage; stage = stage->next) {
		stage_lock(stage);
		stage_clear(stage);
		free(stage->records);
		free(stage->hashes);
		free(stage->blobs);
		free(stage->fixups);
		free(stage->bigs);
		stage->records = stage->blobs = NULL;
		stage->hashes = NULL;
		stage->fixups = NULL;
		stage->bigs = NULL;
		stage->cap = stage->hash_cap = stage->blob_cap = 0;
		stage->fixup_cap = stage->big_cap = 0;
		stage_unlock(stage);
	}
	writer_release(t);
	blobs_release(t);
	report_release(t);
	free(t->seen);
	t->seen = NULL;
	cache_shed(t);
	subset_release(t);
	tapedir_close(&t->dir);
}

int
tape_close(struct tape *t)
{
	bool mine = true;

	if (!t)
		return 0;
	hooks_before_close(t);
	cache_before_close(t);
	report_hold();
	/* Whoever closes at the same time waits, but for the thread that is waited for. */
	if (background_is_self(t))
		mine = pthread_mutex_trylock(&t->close_lock) == 0;
	else
		pthread_mutex_lock(&t->close_lock);
	if (mine && atomic_exchange(&t->dead, 1) == 0) {
		background_stop(t);
		ask_release(t); /* it uses the directory */
		cache_close_look(t);
		session_lock(t);
		(void)commit_older(t, INT64_MAX);
		(void)thin_publish(t, true);
		if (!atomic_load(&t->orphan))
			end_session(t);
		shed(t);
		session_unlock(t);
	}
	if (mine)
		pthread_mutex_unlock(&t->close_lock);
	report_tell(t);
	return atomic_load(&t->lost) ? -1 : 0;
}
