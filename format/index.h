/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of a generation: index.pack holds the bulk in sections, index.mdb
 * (LMDB) is the directory that says in which section to look. All of it can be
 * rebuilt from the packs; without it answers are the same, only slower.
 * docs/format/index.md is normative.
 */
#ifndef TAPE_FORMAT_INDEX_H
#define TAPE_FORMAT_INDEX_H

#include "format/bitmap.h"
#include "format/blobpack.h"
#include "format/scopepack.h"

#define FINGERPRINT_BYTES 10u /* the first bytes of a content hash */

enum index_section {
	INDEX_ROOT = 1,
	INDEX_FINGERPRINTS = 2, /* sorted, with the ordinal of the content */
	INDEX_BLOBS = 3,	/* sorted by hash: where each blob is */
	INDEX_REFERRERS =
		4, /* sorted (first 10 bytes of a blob's hash, content ordinal) */
	INDEX_VALUES =
		5, /* number = block: values of columns with at most 256 of them, rows of each */
	INDEX_LABELS = 6,    /* label -> blocks that have rows of it, how many */
	INDEX_BOOKMARKS = 7, /* name -> positions */
};

/* ---- reading; one thread at a time ---- */

struct index_reader;
/*
 * Opens the index in a generation's directory. `trusted`: index.mdb is read
 * once into private memory, its hash compared with `directory_hash`, and opened
 * from there; else (a hostile author could make a hash fit) the directory is
 * made anew in private memory from the sections of index.pack.
 * TAPE_ERR_NOT_FOUND: there is none. TAPE_ERR_DAMAGED: rebuild it.
 */
int index_open(int generation_fd, const char *generation_path, const struct pack_id *id,
	       const struct tape_hash *directory_hash, uint64_t directory_size,
	       bool trusted, struct index_reader **out, struct tape_error *err);
void index_close(struct index_reader *x);

/* Calls fn for each content whose hash begins with `bits` bits of prefix; stops when it returns non-zero, and returns that. */
typedef int index_content_fn(void *user, const uint8_t fingerprint[FINGERPRINT_BYTES],
			     uint64_t ordinal);
int index_find_content(struct index_reader *x, const uint8_t prefix[16], unsigned bits,
		       index_content_fn *fn, void *user, struct tape_error *err);
/* All of them in order of fingerprint, from `from` on (NULL = all): for dedup. */
int index_each_content(struct index_reader *x, const uint8_t *from, index_content_fn *fn,
		       void *user, struct tape_error *err);
/* Contents that refer to blobs whose hash begins so. fingerprint is the blob's. */
int index_find_referrers(struct index_reader *x, const uint8_t prefix[16], unsigned bits,
			 index_content_fn *fn, void *user, struct tape_error *err);

struct index_blob {
	uint32_t bucket, pack; /* blobs-<bucket>-<pack>.pack */
	struct blobpack_entry entry;
};
/* 0, TAPE_ERR_NOT_FOUND. */
int index_find_blob(struct index_reader *x, const struct tape_hash *hash,
		    struct index_blob *out, struct tape_error *err);

/* Values of a column in a block: at most 256, each with the content rows of the block that have it. */
struct index_values {
	uint32_t count;
	struct column values; /* as scopepack_chunk_read gives them: fixed or entries */
	struct bitmap *rows;  /* [count] */
	struct column_memory memory;
	uint32_t cap;
};
void index_values_release(struct index_values *v); /* all zero is fine */
/* 0, TAPE_ERR_NOT_FOUND: the column has more values there (or is not in the block). */
int index_values_read(struct index_reader *x, uint32_t block, uint32_t column,
		      struct index_values *out, uint64_t *read_bytes,
		      struct tape_error *err);
/* Blocks with rows under a label (exact): out[] ascending, malloc'd. NOT_FOUND: none. The 10,000 commonest labels only; LIMIT: it may still be anywhere. */
int index_label_blocks(struct index_reader *x, const char *label, uint32_t **blocks,
		       size_t *count, struct tape_error *err);

/* ---- building, from packs alone ---- */

struct index_input {
	const struct scopepack *scopes;
	struct blobpack *const *packs; /* with bucket and number of each */
	const uint32_t (*pack_names)[2];
	size_t pack_count;
};
struct index_output {
	uint64_t pack_size, directory_size;
	struct tape_hash pack_hash, directory_hash; /* of the whole files */
};
/*
 * Writes index.pack and index.mdb into the directory (they must not exist):
 * the same bytes for the same packs, whatever `jobs`. Reads every block, so it
 * is a check of the scope pack as well. memory bounds what is held (about).
 */
int index_build(int generation_fd, const struct pack_id *id, const struct index_input *in,
		int level, unsigned jobs, uint64_t memory, struct index_output *out,
		int (*progress)(void *user, uint64_t rows), void *user,
		struct tape_error *err);

#endif
