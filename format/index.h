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

#define INDEX_PACK "index.pack"
#define INDEX_DIRECTORY_FILE "index.mdb"
#define FINGERPRINT_BYTES 10u /* the first bytes of a content hash */
#define INDEX_VALUES_MAX 256u /* distinct values of a column in a block */
#define INDEX_LABELS_MAX 10000u

enum index_section {
	INDEX_ROOT = 1,
	INDEX_FINGERPRINTS = 2, /* sorted, with the ordinal of the content */
	INDEX_BLOBS = 3,	/* sorted by hash: where each blob is */
	INDEX_REFERRERS =
		4, /* sorted (first 10 bytes of a blob's hash, content ordinal) */
	INDEX_VALUES =
		5, /* number = block: values of columns with few of them, rows of each */
	INDEX_LABELS = 6,    /* label -> blocks that have rows of it, how many */
	INDEX_DIRECTORY = 7, /* what index.mdb holds, for those who cannot trust it */
	INDEX_REPEATS = 8,   /* sorted (content reference, group of rows that has it) */
	INDEX_CACHE = 9,     /* sorted by key: entries of the cache, as rows */
};

/* ---- reading; one thread at a time ---- */

struct index_reader;
/*
 * Opens the index in a generation's directory. `trusted`: index.mdb is read
 * once into private memory, its hash compared with `directory_hash`, and opened
 * from there; else (a hostile author could make a hash fit), and where it is
 * missing or damaged, the directory is made anew in private memory from the
 * sections of index.pack. generation_path is copied, for errors only;
 * generation_fd may be closed afterwards.
 * TAPE_ERR_NOT_FOUND: there is no index. TAPE_ERR_DAMAGED, TOO_NEW: go without it.
 */
int index_open(int generation_fd, const char *generation_path, const struct pack_id *id,
	       const struct tape_hash *directory_hash, uint64_t directory_size,
	       bool trusted, struct index_reader **out, struct tape_error *err);
/* The same from any bytes, which are not trusted. `file` is copied. */
int index_open_source(const struct block_source *source, const char *file,
		      const struct pack_id *id, struct index_reader **out,
		      struct tape_error *err);
void index_close(struct index_reader *x); /* NULL is fine */
/* Why index.mdb could not be used although it was trusted; NULL = it is, or was not to be. */
const char *index_directory_trouble(const struct index_reader *x);
/* Bytes read from index.pack so far, opening included. */
uint64_t index_read_bytes(const struct index_reader *x);

/* What it was made of: to be compared with the packs at hand. */
struct index_counts {
	uint64_t rows, contents, blobs, referrers, repeats;
	uint64_t cached; /* entries of the cache */
	uint32_t blocks, labels;
	bool labels_left_out; /* there are labels beyond the 10,000 commonest */
	bool lost;	      /* there are repeats of CONTENT_LOST */
};
void index_counts(const struct index_reader *x, struct index_counts *out);
/*
 * From now on answers are held against that pack, which outlives x: columns have
 * the width of their type, blocks their contents. TAPE_ERR_DAMAGED: the index is
 * of another one.
 */
int index_use(struct index_reader *x, const struct scopepack *scopes,
	      struct tape_error *err);

/*
 * All functions below: TAPE_ERR_DAMAGED, TOO_NEW = go on without the index.
 * What they call must not use x.
 *
 * Calls fn for each content whose hash begins with `bits` bits of prefix; stops
 * when it returns non-zero, and returns that. Of a prefix longer than 80 bits
 * the first 80 count: whoever has more compares what is found. The hash is that
 * of contents: scopes, bookmarks and links have it too, a projection has
 * another one, which is not in the index.
 */
typedef int index_content_fn(void *user, const uint8_t fingerprint[FINGERPRINT_BYTES],
			     uint64_t ordinal);
int index_find_content(struct index_reader *x, const uint8_t prefix[16], unsigned bits,
		       index_content_fn *fn, void *user, struct tape_error *err);
/* All of them in order of fingerprint, from `from` (10 bytes) on (NULL = all): for dedup. */
int index_each_content(struct index_reader *x, const uint8_t *from, index_content_fn *fn,
		       void *user, struct tape_error *err);
/* Contents that refer to blobs whose hash begins so. fingerprint is the blob's. */
int index_find_referrers(struct index_reader *x, const uint8_t prefix[16], unsigned bits,
			 index_content_fn *fn, void *user, struct tape_error *err);

/*
 * Groups of rows (block * BLOCK_GROUPS + group) that have a content, ascending:
 * for one of another generation all of them; for one of this pack those beyond
 * its home, which is the first group with it of the block that it belongs to.
 * CONTENT_LOST is one like any other, without a home.
 */
typedef int index_repeat_fn(void *user, uint64_t ref, uint32_t place);
int index_find_repeats(struct index_reader *x, uint64_t ref, index_repeat_fn *fn,
		       void *user, struct tape_error *err);
/* All of them in order of reference and place. */
int index_each_repeat(struct index_reader *x, index_repeat_fn *fn, void *user,
		      struct tape_error *err);

#define INDEX_CACHE_MOST 2048u /* bytes of a content that stands in the index too */
/* An entry of the cache (format/cached.h). Borrowed until the next call. */
struct index_cache_entry {
	struct tape_hash key;
	int64_t time;
	uint64_t seq;
	uint32_t session,
		form; /* as in the scope pack; form 0: its content is not here */
	unsigned flags;
	const uint8_t *canonical; /* not checked */
	size_t len;
};
typedef int index_cache_fn(void *user, const struct index_cache_entry *entry);
/* Those of a key, in order of time, session, seq. Sections that were read are kept. */
int index_find_cache(struct index_reader *x, const struct tape_hash *key,
		     index_cache_fn *fn, void *user, struct tape_error *err);
int index_each_cache(struct index_reader *x, index_cache_fn *fn, void *user,
		     struct tape_error *err);

struct index_blob {
	uint32_t bucket, pack; /* blobs-<bucket>-<pack>.pack */
	struct blobpack_entry entry;
};
/* 0, TAPE_ERR_NOT_FOUND. */
int index_find_blob(struct index_reader *x, const struct tape_hash *hash,
		    struct index_blob *out, struct tape_error *err);

/* Values of a column in a block: at most 256, each with the content rows of the block that have it (exactly those). */
struct index_values {
	uint32_t count;
	struct column values; /* as scopepack_chunk_read gives them: fixed or entries */
	struct bitmap *rows;  /* [count] */
	struct column_memory memory;
	uint32_t cap;
};
void index_values_release(struct index_values *v); /* all zero is fine */
/* 0, TAPE_ERR_NOT_FOUND: the column has more values there, too scattered ones, or is not in the block. */
int index_values_read(struct index_reader *x, uint32_t block, uint32_t column,
		      struct index_values *out, uint64_t *read_bytes,
		      struct tape_error *err);
/* Blocks with rows under a label (exact): out[] ascending, malloc'd. NOT_FOUND: none. The 10,000 commonest labels only; LIMIT: it may still be anywhere. */
int index_label_blocks(struct index_reader *x, const char *label, uint32_t **blocks,
		       size_t *count, struct tape_error *err);
/* Reads all of it, compares what stands twice. 0 or what is wrong. */
int index_check(struct index_reader *x, struct tape_error *err);

/* ---- building, from packs alone ---- */

#define INDEX_BLOCKS_AHEAD 2u

struct index_input {
	const struct scopepack *scopes;
	const uint32_t (
		*blob_packs)[2]; /* bucket and number, in the generation's directory */
	size_t blob_pack_count;
	/*
	 * Called for every block as it was decoded, by any thread, in any order; at
	 * most jobs + INDEX_BLOCKS_AHEAD blocks from the one that was taken last.
	 * May be NULL.
	 */
	int (*block)(void *user, uint32_t number, const struct block_all *all,
		     struct tape_error *err);
	/*
	 * Called by the calling thread when a block is taken, one after the other: rows so
	 * far. Non-zero stops and is returned. May be NULL.
	 */
	int (*progress)(void *user, uint64_t rows);
	void *user;
};
struct index_output {
	uint64_t pack_size, directory_size;
	struct tape_hash pack_hash, directory_hash; /* of the whole files */
};
/*
 * Writes the two files under these names into the generation's directory (they
 * must not exist): the same bytes for the same packs, whatever `jobs` and
 * `memory`. Reads every block, so it is a check of the scope pack as well.
 * memory bounds what is held (about); what does not fit goes to a file without
 * a name in that directory. After an error the files may be there, incomplete.
 */
int index_build(int generation_fd, const char *pack_name, const char *directory_name,
		const struct pack_id *id, const struct index_input *in, unsigned jobs,
		uint64_t memory, struct index_output *out, struct tape_error *err);

#endif
