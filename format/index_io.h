/* SPDX-License-Identifier: Apache-2.0 */
/* What writer and reader of an index share: docs/format/index.md. */
#ifndef TAPE_FORMAT_INDEX_IO_H
#define TAPE_FORMAT_INDEX_IO_H

#include "format/index.h"
#include "format/varint.h"

#define INDEX_PAIRS 1536u /* in a section */
#define INDEX_PAIRS_HEAD 26u
#define INDEX_SECTION_BLOBS 512u
#define INDEX_SECTION_BYTES (16u << 10)
#define INDEX_DIRECTORY_BYTES (64u << 10)
#define INDEX_COLUMNS 4096u /* that have values */
#define INDEX_KEY_MAX 400u
#define INDEX_PAIR_KEY 17u
#define INDEX_FLAG_LEFT_OUT 1u
#define INDEX_FLAG_LOST 2u
#define INDEX_FLAG_CACHED 4u

/*
 * A fingerprint and an ordinal: 80 and 48 bits, so that pairs compare as their
 * two words do.
 */
struct index_pair {
	uint64_t high; /* the first 8 bytes of the hash, as a number */
	uint64_t low;  /* 2 more, then the ordinal */
};
#define INDEX_ORDINAL_MASK ((UINT64_C(1) << 48) - 1)

static inline uint64_t
index_be64(const uint8_t *at)
{
	return __builtin_bswap64(get_le64(at));
}

static inline struct index_pair
index_pair_make(const uint8_t *hash, uint64_t ordinal)
{
	return (struct index_pair){ index_be64(hash), (uint64_t)hash[8] << 56 |
							      (uint64_t)hash[9] << 48 |
							      ordinal };
}

static inline bool
index_pair_less(const struct index_pair *a, const struct index_pair *b)
{
	return a->high != b->high ? a->high < b->high : a->low < b->low;
}

/* ---- index_pairs.c ---- */

/* Appends a section's raw bytes. count is 1 to INDEX_PAIRS, in order, each once. */
int index_pairs_encode(const struct index_pair *pairs, uint32_t count,
		       struct pack_bytes *out);
/* Room for INDEX_PAIRS. TAPE_ERR_DAMAGED, TAPE_ERR_TOO_NEW (another width). */
int index_pairs_decode(const uint8_t *raw, size_t len, uint64_t contents,
		       struct index_pair *pairs, uint32_t *count);
/* Fingerprint (10 bytes) of a pair, and its key in the directory (INDEX_PAIR_KEY bytes). */
void index_pair_fingerprint(const struct index_pair *pair, uint8_t *out);
void index_pair_key(uint8_t kind, const struct index_pair *pair, uint8_t *out);

/* ---- index_repeats.c ---- */

#define INDEX_REPEATS_MAX 1024u /* in a section */
#define INDEX_REPEAT_KEY 13u

struct index_repeat {
	uint64_t ref, place; /* as a record to be sorted */
};
/* Appends those of a block to *out, some perhaps twice. seen: [BLOCK_ROWS], any bytes. */
int index_repeats_of_block(const struct scopepack *p, const struct block_all *all,
			   uint8_t *seen, struct pack_bytes *out);
/* Appends a section's raw bytes. count is 1 to INDEX_REPEATS_MAX, in order, each once. */
int index_repeats_encode(const struct index_repeat *repeats, uint32_t count,
			 struct pack_bytes *out);
/* Room for INDEX_REPEATS_MAX. TAPE_ERR_DAMAGED. */
int index_repeats_decode(const uint8_t *raw, size_t len, uint32_t blocks,
			 uint64_t contents, struct index_repeat *repeats,
			 uint32_t *count);
void index_repeat_key(const struct index_repeat *r,
		      uint8_t *out); /* INDEX_REPEAT_KEY bytes */

/* ---- index_cache.c ---- */

#define INDEX_CACHE_KEY 37u

/* As a record to be sorted. */
struct index_cache_record {
	uint64_t key[2];	     /* as numbers, the first byte the highest */
	uint64_t time, session, seq; /* time: its highest bit turned */
	uint64_t form;		     /* 0: not here; flags in the upper half */
	uint64_t place;		     /* of the canonical part: offset * 2^16 + bytes */
};
#define INDEX_CACHE_WORDS 7u
/* Appends those of a block, and their canonical parts one after another. */
int index_cache_of_block(const struct scopepack *p, const struct block_all *all,
			 struct pack_bytes *records, struct pack_bytes *canonical);
/* Appends a section's raw bytes; canonical parts follow each other in the order of records. */
int index_cache_encode(const struct index_cache_record *records, uint32_t count,
		       const uint8_t *canonical, struct pack_bytes *out);
/* Entries of all blocks, sorted, within a bound of memory. */
struct index_caching;
struct index_caching *index_caching_new(uint64_t memory, int dir); /* NULL: no memory */
void index_caching_free(struct index_caching *c);		   /* NULL is fine */
int index_caching_add(struct index_caching *c, const struct pack_bytes *records,
		      const struct pack_bytes *canonical, struct tape_error *err);
int index_caching_finish(struct index_caching *c, struct tape_error *err);
/* The next section's raw bytes are appended, with its key: 1, or 0 = that was all. */
int index_caching_section(struct index_caching *c, struct pack_bytes *raw, uint8_t *key,
			  uint32_t *count, struct tape_error *err);
void index_cache_key(const struct index_cache_record *r,
		     uint8_t *out); /* INDEX_CACHE_KEY bytes */

/* ---- index_values.c: values of the columns of a block ---- */

struct index_gather;
struct index_gather *index_gather_new(void); /* NULL: no memory */
void index_gather_free(struct index_gather *g);
/*
 * From the contents of a block: sections of its values are appended to *made
 * (table last, *table its size, 0 = none), fingerprints to *pairs, and
 * referrers to *referrers, as struct index_pair. `why` names what is wrong.
 */
int index_gather_block(struct index_gather *g, const struct scopepack *p,
		       struct pack_codec *codec, const struct block_all *all,
		       struct pack_bytes *made, uint32_t *table, struct pack_bytes *pairs,
		       struct pack_bytes *referrers, struct tape_error *err);

/* ---- index_directory.c ---- */

/* An entry of the directory. Its key is borrowed until the next call. */
struct index_entry {
	const uint8_t *key;
	size_t key_len;
	uint64_t offset;
	uint32_t bytes;
};
/* Entries that grow; all zero is empty. */
struct index_entries {
	struct index_entry_place {
		size_t key;
		uint32_t key_len, bytes;
		uint64_t offset;
	} * items;
	size_t count, cap;
	struct pack_bytes keys;
};
void index_entries_release(struct index_entries *e);
int index_entries_add(struct index_entries *e, const uint8_t *key, size_t len,
		      uint64_t offset, uint32_t bytes);
/* By key. False: a key stands there twice. */
bool index_entries_sort(struct index_entries *e);
struct index_entry index_entries_at(const struct index_entries *e, size_t index);

/* Writes index.mdb from sorted entries: made in memory, then written, hashed and fsynced. */
int index_directory_write(int dir, const char *name, const struct index_entries *e,
			  uint64_t *size, struct tape_hash *hash, struct tape_error *err);

/* A directory to look in: LMDB in private memory, or entries. */
struct index_directory;
/* index.mdb of `dir`, once its bytes are known to be those that were written. */
int index_directory_open(int dir, const char *file, const struct tape_hash *hash,
			 uint64_t size, struct index_directory **out,
			 struct tape_error *err);
/* Takes sorted entries over (they are empty then). */
int index_directory_from(struct index_entries *e, struct index_directory **out);
void index_directory_close(struct index_directory *d); /* NULL is fine */
/*
 * The greatest key that is not above `key` (at_or_before), or the least that is
 * above it (after), if its first byte is the same: 1, 0. TAPE_ERR_DAMAGED.
 */
int index_directory_at_or_before(struct index_directory *d, const uint8_t *key,
				 size_t len, struct index_entry *out);
int index_directory_after(struct index_directory *d, const uint8_t *key, size_t len,
			  struct index_entry *out);
/* How many entries it has. */
uint64_t index_directory_count(const struct index_directory *d);

#endif
