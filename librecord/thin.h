/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scopes that rules leave out: every N-th, label switched off, a query that does
 * not match; and what is said about them. Counting is the thread's own; what was
 * left out is gathered by rule and label path whenever somebody publishes it.
 */
#ifndef TAPE_LIBRECORD_THIN_H
#define TAPE_LIBRECORD_THIN_H

#include "librecord/capture.h"

int thin_init(struct tape *t);
void thin_release(struct tape *t);
/* In a fork's child: what was left out before is the parent's. */
void thin_after_fork(struct tape *t);
/* Rules have changed: sites have to ask again. `late`: while recording. */
void thin_rules_changed(struct tape *t, bool late);
/* A label was opened by the thread; its scopes may be thinned from now on. */
void thin_entered(struct tape *t, const struct policy *policy);

/* As tape_wanted, of a scope without a site. */
bool thin_wanted_place(struct thread_state *ts, struct context *context, const char *file,
		       uint32_t line);
/* Makes ready what thin_passes needs; before the stage is locked. */
void thin_prepare(struct thread_state *ts, const struct layout *layout);
/* Does the query of the policy let this scope pass? What cannot be asked passes. */
bool thin_passes(struct thread_state *ts, const struct layout *layout,
		 const uint8_t *body, size_t len, int64_t time);
/* A scope was recorded that breaks a rule `require`. True: the first of the thread and layout. */
bool thin_broken(struct thread_state *ts, const struct layout *layout,
		 const struct rule *rule, const char *why);
/* A scope was recorded: is it one at which its thread commits? */
bool thin_commits(struct thread_state *ts, const struct policy *policy);

/* The thread ends: its counts are kept, its memory is freed. table_lock is not held. */
void thin_thread_ends(struct thread_state *ts);
/*
 * Makes notes of what was left out since the last time, now and then, or all of it:
 * `closing`, in the manifest too. commit_lock is held. True if notes wait.
 */
bool thin_publish(struct tape *t, bool closing);

#endif
