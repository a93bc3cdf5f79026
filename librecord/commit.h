/* SPDX-License-Identifier: Apache-2.0 */
/* Committing what is staged. */
#ifndef TAPE_LIBRECORD_COMMIT_H
#define TAPE_LIBRECORD_COMMIT_H

#include "librecord/recorder.h"

/*
 * Commits, as one group, the stages whose first scope is at least as old as
 * `before` (ns since 1970), and makes it as safe as the configuration says.
 * commit_lock is held. 0 or -1 (reported).
 */
int commit_older(struct tape *t, int64_t before);

#endif
