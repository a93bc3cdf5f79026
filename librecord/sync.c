/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/sync.h"

#include <errno.h>

#include "format/os.h"
#include "format/path.h"
#include "librecord/background.h"
#include "librecord/blobs.h"
#include "librecord/session.h"
#include "librecord/writer.h"

/* Segments that roll over within one interval: more wait for the next round. */
#define MAX_LOGS 16u

/* What one sync covers, copied while commit_lock was held. */
struct job {
	uint64_t group;
	struct writer_log *logs[MAX_LOGS];
	size_t count;
	uint32_t segment; /* of the last log, and the offset up to which it is covered */
	uint64_t offset;
	bool files, parents;
	bool all; /* no segment was left out */
};

static void
prepare(struct tape *t, struct job *job)
{
	struct writer *w = t->writer;

	*job = (struct job){ .group = w->group_number, .all = true };
	for (struct writer_log *log = w->olds; log; log = log->next) {
		if (job->count + 1 == MAX_LOGS) {
			job->all = false;
			break;
		}
		log->users++;
		job->logs[job->count++] = log;
	}
	if (w->log) {
		w->log->users++;
		w->log->dirty = false;
		job->logs[job->count++] = w->log;
		job->segment = w->log->number;
		job->offset = w->log->offset;
	}
	job->files = w->files_dirty;
	job->parents = !w->parents_synced;
	w->files_dirty = false;
}

/* The disk's part: no lock is held. *bad_files: names are not safe, data may be. */
static int
work(struct tape *t, const struct job *job, int *bad_files)
{
	char dir[SESSION_PATH];
	int r = 0;

	/* Blobs first: a segment must not be safer than what it names. */
	int bad = blobs_sync(t);

	for (size_t i = 0; i < job->count; i++) {
		int one = os_fdatasync(job->logs[i]->fd);

		/* Some file systems have nothing to sync. */
		if (one < 0 && one != -EINVAL && r == 0)
			r = one;
	}
	*bad_files = 0;
	if (job->files) {
		session_file(t, "", dir, sizeof dir);
		*bad_files = os_fsync_dir(t->dir.fd, dir);
	}
	if (job->parents && *bad_files >= 0)
		*bad_files = os_fsync_dir(t->dir.fd, PATH_SESSIONS);
	if (job->parents && *bad_files >= 0)
		*bad_files = os_fsync_dir(t->dir.fd, ".");
	if (*bad_files == -EINVAL || *bad_files >= 0)
		*bad_files = bad;
	return r;
}

static void
release(struct writer *w, struct job *job, bool good)
{
	struct writer_log **at = &w->olds;

	for (size_t i = 0; i < job->count; i++) {
		if (!good && job->logs[i] == w->log)
			w->log->dirty = true;
		writer_log_put(job->logs[i]);
	}
	/* Old segments were waiting for this only. */
	while (good && *at) {
		struct writer_log *log = *at;
		bool covered = false;

		for (size_t i = 0; i < job->count; i++)
			covered = covered || job->logs[i] == log;
		if (covered) {
			*at = log->next;
			writer_log_put(log);
		} else {
			at = &log->next;
		}
	}
}

static void
leave_mark(struct tape *t, const struct job *job)
{
	struct writer *w = t->writer;

	if (!job->count || job->offset == 0)
		return;
	w->mark_due = true;
	w->mark_segment = job->segment;
	w->mark_offset = job->offset;
	/* Under sync=commit it rides at the head of the next group. */
	if (t->conf.sync == SYNC_INTERVAL && writer_commit(t, NULL) == 0 &&
	    w->group_number == job->group + 1)
		w->synced_group++; /* or marks would make marks for ever */
}

static int
failed(struct tape *t, const struct job *job, int r, int bad_files)
{
	struct writer *w = t->writer;
	char cause[128];
	int again = 0;

	if (job->files)
		w->files_dirty = true;
	if (r < 0) {
		writer_poison(t);
		again = writer_rewrite(t);
	}
	recorder_error(t, "cannot bring what was recorded to disk: %s; %s",
		       os_strerror(r < 0 ? r : bad_files, cause, sizeof cause),
		       r == 0 ? "it will be tried again"
		       : again == 0
			       ? "it was written again to a new segment"
			       : "it could not be written to a new segment either and "
				 "is not safe");
	return r < 0 ? r : bad_files;
}

/* One round. commit_lock is held and released in between. */
static int
run(struct tape *t)
{
	struct writer *w = t->writer;
	struct job job;
	int bad_files, r;

	w->syncing = true;
	prepare(t, &job);
	pthread_mutex_unlock(&t->commit_lock);
	r = work(t, &job, &bad_files);
	pthread_mutex_lock(&t->commit_lock);
	release(w, &job, r == 0);
	if (r == 0 && bad_files >= 0) {
		w->parents_synced = true;
		if (job.all) {
			w->synced_group = job.group;
			if (job.group > WRITER_SUSPECT)
				writer_forget(t, job.group - WRITER_SUSPECT);
			/* Large ones are not worth their memory once they are safe. */
			while (w->retained && w->retained_bytes > WRITER_HURRY &&
			       w->retained->group <= job.group)
				writer_forget(t, w->retained->group);
			leave_mark(t, &job);
		}
		r = 0;
	} else {
		r = failed(t, &job, r, bad_files);
	}
	w->syncing = false;
	pthread_cond_broadcast(&w->sync_done);
	return r;
}

int
sync_upto(struct tape *t, uint64_t group)
{
	struct writer *w = t->writer;
	int failures = 0;

	while (w->synced_group < group) {
		if (w->syncing) {
			pthread_cond_wait(&w->sync_done, &t->commit_lock);
			continue;
		}
		if (run(t) < 0 && ++failures == 2)
			return -1;
	}
	return 0;
}

void
sync_bound(struct tape *t)
{
	struct writer *w = t->writer;
	uint64_t lost = 0;

	if (t->conf.sync != SYNC_INTERVAL || w->retained_bytes < WRITER_HURRY)
		return;
	if (w->retained_bytes < WRITER_RETAIN) {
		background_wake(t);
		return;
	}
	if (sync_upto(t, w->group_number) == 0)
		return;
	/* It cannot be kept for ever. It may be on the tape, but nobody knows. */
	while (w->retained && w->retained_bytes >= WRITER_RETAIN) {
		uint64_t group = w->retained->group;

		for (const struct part *part = w->retained; part && part->group == group;
		     part = part->next)
			lost += w->rewrite ? part->scopes : 0;
		writer_forget(t, group);
	}
	recorder_lost(t, lost);
}
