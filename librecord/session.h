/* SPDX-License-Identifier: Apache-2.0 */
/* A session's life: open, close, fork, exit. */
#ifndef TAPE_LIBRECORD_SESSION_H
#define TAPE_LIBRECORD_SESSION_H

#include "librecord/recorder.h"
#include "librecord/report.h"

/* commit_lock; the first error is told when it is free again. */
static inline void
session_lock(struct tape *t)
{
	report_hold();
	pthread_mutex_lock(&t->commit_lock);
}

static inline void
session_unlock(struct tape *t)
{
	pthread_mutex_unlock(&t->commit_lock);
	report_tell(t);
}

/* "sessions/<id>/" and its NUL. */
#define SESSION_PATH 48

/* Path of a file of this session, relative to the tape. name "" = the directory itself. */
void session_file(const struct tape *t, const char *name, char *path, size_t cap);
/*
 * Makes the session's directory, its manifest and first segment. commit_lock is
 * held, or nobody else knows `t` yet. 0, or a status with *err filled.
 */
int session_begin(struct tape *t, struct tape_error *err);
/* In a fork's child: begins its own session on first use. commit_lock is held. 0 or -1 (reported). */
int session_alive(struct tape *t);

#endif
