/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a commit took out of one stage. It is kept, unchanged but for links and
 * hints, until it is known to be on disk: a group that has to go to another
 * segment is laid out again from its parts.
 */
#ifndef TAPE_LIBRECORD_PART_H
#define TAPE_LIBRECORD_PART_H

#include "librecord/recorder.h"

/* stage_fixup.blob_at: the blob is stage->bigs[the other bits], not in stage->blobs. */
#define PART_BIG ((size_t)1 << (sizeof(size_t) * 8 - 1))

/*
 * What a walk through the records found that lays them out, so that it need not be done
 * again: of a part that is one frame, until it is laid out the first time.
 */
struct part_sum {
	bool known;
	uint16_t contents;
	uint32_t records, scopes;
	uint32_t forms, form_count; /* which of the writer's `met` */
};

struct part {
	struct part *next;
	uint8_t *records; /* as in struct stage; len counts FRAME_HEADER */
	size_t len, cap;
	uint32_t count, bookmarks, quiet;
	int64_t base_time;
	struct tape_hash *hashes;
	size_t hash_cap;
	uint8_t hashed; /* as in struct stage */
	bool told;	/* commit hooks may be told of some record */
	bool caches;	/* as of the stage */
	bool begins;	/* a group of its own, with what follows (cut.h) */
	uint8_t *blobs;
	size_t blob_len, blob_cap;
	struct stage_fixup *fixups;
	size_t fixup_count, fixup_cap;
	struct stage_big *bigs;
	size_t big_count, big_cap;
	uint64_t big_bytes;

	struct part_sum sum;
	uint64_t first_seq;
	uint32_t scopes; /* records that have a seq */
	uint64_t group;	 /* commits are numbered, from 1 */
	uint32_t log;	 /* number of the segment that holds it */
	/*
	 * Where its blob frames were written last, and where they are written
	 * now. How blobs are cut into frames depends on the blobs only, so an
	 * offset moves with the base.
	 */
	bool placed;
	uint32_t old_segment, segment;
	uint64_t old_base, base, span;
};

/* Parts that wait to be used again, with their buffers. */
struct part_pool {
	struct part *first;
	size_t bytes;
	/* Of a part that is retained: it needs them no more, and the next stage does. */
	struct tape_hash *hashes;
	size_t hash_cap;
};

/* Bytes of memory that a part holds. */
size_t part_bytes(const struct part *part);
/*
 * Takes everything out of a stage (locked by the caller) and leaves it empty,
 * with buffers of its own. NULL when memory is out: the stage is as it was.
 */
struct part *part_take(struct part_pool *pool, struct stage *stage);
/*
 * A part that is worth keeping: the same one, or a copy of exact size where its
 * buffers are mostly empty (they go back to the pool).
 */
struct part *part_trim(struct part_pool *pool, struct part *part);
/* Gives the hashes of a part that was written to the pool. */
void part_strip(struct part_pool *pool, struct part *part);
/* Back to the pool, or freed where that holds enough. */
void part_put(struct part_pool *pool, struct part *part);
void part_put_all(struct part_pool *pool, struct part *parts);
void part_pool_release(struct part_pool *pool);
void part_free(struct part *part);
/* The large blobs that waited in RAM. */
void part_free_bigs(struct part *part);
/* Sum of part->scopes over a list. */
uint64_t part_scopes(const struct part *parts);
/* The same, of those that were committed after this group. */
uint64_t part_scopes_after(const struct part *parts, uint64_t group);
/* The same, counted by walking the records: before they were laid out. */
uint64_t part_count_scopes(const struct part *parts);
uint64_t part_count(const struct part *part); /* of one */

#endif
