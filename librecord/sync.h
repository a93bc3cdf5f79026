/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing to disk what was committed: sync=<ms> and sync=commit. */
#ifndef TAPE_LIBRECORD_SYNC_H
#define TAPE_LIBRECORD_SYNC_H

#include "librecord/recorder.h"

/*
 * Returns once everything committed up to group `group` is on disk, blobs
 * included. commit_lock is held; it is released while the disk works. After a
 * failed fsync what is retained goes to a new segment and is synced there.
 * 0, or -1 (reported): it is committed, and not known to be on disk.
 */
int sync_upto(struct tape *t, uint64_t group);
/* Keeps what is retained within bounds. commit_lock is held, may be released meanwhile. */
void sync_bound(struct tape *t);

#endif
