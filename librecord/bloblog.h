/* SPDX-License-Identifier: Apache-2.0 */
/* Blob segments (blob_store=log). Everything is called with the blobs' lock held. */
#ifndef TAPE_LIBRECORD_BLOBLOG_H
#define TAPE_LIBRECORD_BLOBLOG_H

#include "format/segment.h"
#include "librecord/recorder.h"

struct bloblog {
	int fd; /* -1: none is open */
	uint32_t number, next_number;
	struct segment_key key;
	uint64_t offset, synced;
	uint64_t frames;
	uint64_t lost; /* blobs that failing disks dropped, until the owner takes it */
	bool dir_dirty;
	uint8_t *scratch; /* one frame */
	size_t scratch_cap;
};

void bloblog_init(struct bloblog *log);
void bloblog_release(struct bloblog *log);
/* Appends a blob, in a new segment if need be. 0 or a negative errno. */
int bloblog_append(struct tape *t, struct bloblog *log, const struct tape_hash *hash,
		   const void *data, size_t len, struct body_hint *place);
/*
 * fsync. What a failing disk dropped is reported and counted, as lost and in
 * log->lost. 0, or a negative errno: the names are not safe, to be tried again.
 */
int bloblog_sync(struct tape *t, struct bloblog *log);
void bloblog_end(struct tape *t, struct bloblog *log);

#endif
