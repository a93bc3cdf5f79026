/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blob packs: many blobs of one size bucket in a pack (pack.h, PACK_BLOBS).
 * Small blobs share sections ("frames") of about 1 MiB, grouped by dtype;
 * large ones are cut into frames of their own, so that any part can be read.
 * docs/format/blobs.md is normative.
 */
#ifndef TAPE_FORMAT_BLOBPACK_H
#define TAPE_FORMAT_BLOBPACK_H

#include "format/hash.h"
#include "format/pack.h"

/* Bucket of a size: 0 up to 4 KiB, 1 up to 16 KiB, 2 up to 64 KiB, ... powers of four. */
unsigned blobpack_bucket(uint64_t size);

/* Where a blob is. In the pack's table, sorted by hash; copied into the index. */
struct blobpack_entry {
	struct tape_hash hash;
	uint64_t size;
	uint64_t frame;	 /* offset of the section of its first byte */
	uint32_t within; /* offset of its first byte in that frame, once decoded */
	uint32_t frames; /* how many, one behind the other */
	uint8_t dtype;	 /* enum tape_dtype, 0 = text or bytes */
};

/* ---- writing ---- */
/*
 * Threads that compress for any number of writers, all of them used by one
 * thread. Frames are written in the order of calls: the bytes do not depend on
 * `jobs`. NULL = no memory. It outlives its writers.
 */
struct blobpack_pool;
struct blobpack_pool *blobpack_pool_new(int level, unsigned jobs);
void blobpack_pool_free(struct blobpack_pool *p); /* NULL is fine */

struct blobpack_writer;
/* The uid follows from the blobs and is known at the end only: the file is made with `seed_uid`. */
int blobpack_writer_open(int dir, const char *name, const uint8_t tape[16],
			 const uint8_t uid[16], struct blobpack_pool *pool,
			 struct blobpack_writer **out, struct tape_error *err);
/* Adds a blob of at most 1 MiB (shares frames), in the order of calls. */
int blobpack_writer_add(struct blobpack_writer *w, const struct tape_hash *hash,
			unsigned dtype, const void *data, size_t size,
			struct tape_error *err);
/* A large one in pieces: begin, any number of writes, end. */
int blobpack_writer_begin(struct blobpack_writer *w, const struct tape_hash *hash,
			  unsigned dtype, uint64_t size, struct tape_error *err);
int blobpack_writer_write(struct blobpack_writer *w, const void *data, size_t len,
			  struct tape_error *err);
int blobpack_writer_end(struct blobpack_writer *w, struct tape_error *err);
uint64_t blobpack_writer_bytes(const struct blobpack_writer *w); /* of blobs so far */
uint64_t
blobpack_writer_written(const struct blobpack_writer *w); /* to the file, so far */
/* Table, trailer, fsync. Closes in any case. */
int blobpack_writer_finish(struct blobpack_writer *w, uint64_t *size,
			   struct tape_hash *hash, struct tape_error *err);
void blobpack_writer_drop(struct blobpack_writer *w);

/* ---- reading ---- */
struct blobpack;
/* Opens a pack and reads its table. `file` is copied. source->user must outlive it. */
int blobpack_open(const struct block_source *source, const char *file,
		  const uint8_t tape[16], struct blobpack **out, struct tape_error *err);
/* The same without its table, for those who know entries: it finds nothing. */
int blobpack_open_frames(const struct block_source *source, const char *file,
			 const uint8_t tape[16], struct blobpack **out,
			 struct tape_error *err);
void blobpack_close(struct blobpack *p);
/* Can there be such an entry? What it names is checked when it is read. */
bool blobpack_entry_sound(const struct blobpack_entry *e);
/* The same pack for another thread, with a frame of its own. Closed before p is. */
int blobpack_view(const struct blobpack *p, struct blobpack **out,
		  struct tape_error *err);
size_t blobpack_count(const struct blobpack *p);
const struct blobpack_entry *blobpack_entry_at(const struct blobpack *p, size_t index);
/* NULL: not in this pack. */
const struct blobpack_entry *blobpack_find(const struct blobpack *p,
					   const struct tape_hash *hash);
/*
 * Bytes [offset, offset + len) of a blob into buf. The last decoded frame is
 * kept, so that neighbours and sequential reads cost one decoding. Not verified
 * against the hash (frames are checksummed): whoever reads a whole blob does that.
 */
int blobpack_read(struct blobpack *p, const struct blobpack_entry *e, void *buf,
		  uint64_t offset, size_t len, struct tape_error *err);
/* A piece of a blob; what is not 0 stops, and is given back. */
typedef int blobpack_piece_fn(void *user, const uint8_t *data, size_t len,
			      uint64_t offset);
/*
 * Reads all of a blob, piece by piece, and compares its hash at the end:
 * TAPE_ERR_DAMAGED. Until then nothing that fn was given is verified.
 */
int blobpack_each(struct blobpack *p, const struct blobpack_entry *e,
		  struct hash_stream *stream, blobpack_piece_fn *fn, void *user,
		  struct tape_error *err);
/* The same for nothing but the hash. */
int blobpack_check(struct blobpack *p, const struct blobpack_entry *e,
		   struct hash_stream *stream, struct tape_error *err);

#endif
