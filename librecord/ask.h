/* SPDX-License-Identifier: Apache-2.0 */
/* TAPE_SEEN: is a content on the tape? And the hints that answer it for segments. */
#ifndef TAPE_LIBRECORD_ASK_H
#define TAPE_LIBRECORD_ASK_H

#include "librecord/recorder.h"

int ask_init(struct tape *t);
/* What was opened for it; at close, too. */
void ask_release(struct tape *t);
void ask_after_fork(struct tape *t);
/*
 * In this session (by its key in the seen-set) or another one; never a wrong yes but of
 * what others have superseded since the last look. now: session_now(). Waits for commits.
 */
bool ask_seen(struct tape *t, const struct tape_hash *hash, const struct tape_hash *key,
	      int64_t now);
/* This session goes on from others: the next answer is of what counts then. No lock is held. */
void ask_forget(struct tape *t);
/* Writes the hints of segments that have ended since. No lock is held. */
void ask_hints(struct tape *t);

#endif
