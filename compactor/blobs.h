/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs on their way into the packs of their buckets. */
#ifndef TAPE_COMPACTOR_BLOBS_H
#define TAPE_COMPACTOR_BLOBS_H

#include "compactor/compaction.h"
#include "format/blobpack.h"
#include "format/form.h"

struct blobs;
int blobs_new(struct compaction *c, struct blobs **out);
void blobs_free(struct blobs *b); /* NULL is fine; unfinished packs are dropped */
/*
 * Is it packed already, in this run or in a generation that goes on? 1, 0, or
 * TAPE_ERR_NOMEM. `hint` of the session at hand (NULL: bytes that lie in a
 * scope) says which copy is meant; one that was not seen before is noted, to be
 * compared.
 */
int blobs_known(struct blobs *b, const struct tape_hash *hash, uint64_t size,
		uint32_t part, const struct body_hint *hint);
/* Compares what was noted; the packs are finished. */
int blobs_compare(struct blobs *b);
/* Bytes at hand, verified by whoever has them. */
int blobs_add(struct blobs *b, const struct tape_hash *hash, unsigned dtype,
	      const void *data, uint64_t size);
/* Where the bytes of the blob that was added last came from. */
void blobs_came_from(struct blobs *b, const struct tape_hash *hash, uint32_t part,
		     const struct body_hint *hint);
/*
 * The loose file of that name, read in pieces and verified. TAPE_ERR_NOT_FOUND:
 * there is none. TAPE_ERR_DAMAGED: it is not that blob; the pack being written
 * is spoilt then, so the run has to start again. Where a crash excuses that it is
 * BLOBS_LOST, the error says why, and nothing is spoilt.
 */
#define BLOBS_LOST 1
int blobs_add_loose(struct blobs *b, const struct tape_hash *hash, unsigned dtype,
		    uint64_t size, bool excused);
/* A blob's file cannot be read: TAPE_ERR_DAMAGED, told, or an error of the whole run. */
int blobs_unreadable(struct blobs *b, int negative_errno, const char *path);
/* A pack of a generation that is merged comes along as it is; its blobs are counted for the whole generation. */
int blobs_carry(struct blobs *b, const struct generation *from,
		const struct generation_file *file);
void blobs_count_carried(struct blobs *b, const struct generation *from);
/* So many blobs that were counted do not come along. */
void blobs_uncount(struct blobs *b, uint64_t blobs, uint64_t bytes);
/* A blob of another pack, which was verified just now. */
int blobs_copy(struct blobs *b, struct blobpack *from, const struct blobpack_entry *e,
	       struct hash_stream *stream);
/* Finishes the packs and lists them in the manifest. */
int blobs_finish(struct blobs *b);
uint64_t blobs_bytes(const struct blobs *b); /* as recorded, packed in this run */
uint64_t blobs_written(const struct blobs *b);

#endif
