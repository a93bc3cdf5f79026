/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs: in the segment, in files of their own, in blob segments; now or at the commit. */
#ifndef TAPE_LIBRECORD_BLOBS_H
#define TAPE_LIBRECORD_BLOBS_H

#include "format/form.h"
#include "librecord/part.h"

int blobs_new(struct tape *t);
void blobs_release(struct tape *t);
void blobs_after_fork(struct tape *t);
/* For fork(): takes and releases the lock inside. */
void blobs_lock(struct tape *t);
void blobs_unlock(struct tape *t);

/*
 * Stores what waits in part->bigs and gives the records their hints. Before the
 * group that names them is written. 0 or a negative errno (reported).
 */
int blobs_flush(struct tape *t, struct part *part);
/* Frees what waits in part->bigs. */
void blobs_drop(struct tape *t, struct part *part);
/* So many bytes less wait in RAM. */
void blobs_unhold(struct tape *t, uint64_t bytes);
/*
 * Brings everything that was stored so far to disk. Losses are counted and
 * reported here. 0, or a negative errno: names are not safe; the next sync tries
 * them again.
 */
int blobs_sync(struct tape *t);
/* How many stored blobs are known not to have reached the disk. */
uint64_t blobs_lost(const struct tape *t);
/* END frame of the blob segment. */
void blobs_end(struct tape *t);
/*
 * Stores a blob outside the log segments, unless it is there already. *place:
 * where, for the hint. 0 or a negative errno (reported).
 */
int blobs_store(struct tape *t, const struct tape_hash *hash, const void *data,
		size_t len, struct body_hint *place);
/* Under a random name in blobs/tmp: 0 or a negative errno. */
int blobs_create_tmp(struct tape *t, char *path, size_t cap, int *fd);
/* Gives a complete file in blobs/tmp its name. *fd is closed. 0 or a negative errno. */
int blobs_adopt(struct tape *t, const char *tmp, int *fd, const struct tape_hash *hash,
		uint64_t size);

#endif
