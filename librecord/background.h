/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that commits what has been staged for long, syncs, and runs git once. */
#ifndef TAPE_LIBRECORD_BACKGROUND_H
#define TAPE_LIBRECORD_BACKGROUND_H

#include "librecord/recorder.h"

int background_new(struct tape *t);
/* Starts it where it does not run. No lock held. */
void background_start(struct tape *t);
/* Async-signal-safe. */
void background_wake(struct tape *t);
/* True on the thread itself, while it is not to stop. */
bool background_is_self(struct tape *t);
/* Waits for its end. No lock but close_lock held. */
void background_stop(struct tape *t);
/* In a fork's child: it is not here. */
void background_after_fork(struct tape *t);

#endif
