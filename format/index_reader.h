/* SPDX-License-Identifier: Apache-2.0 */
/* An open index, for format/index_*.c only. */
#ifndef TAPE_FORMAT_INDEX_READER_H
#define TAPE_FORMAT_INDEX_READER_H

#include "format/index_io.h"

struct index_reader {
	struct pack_reader pack;
	struct pack_codec *codec;
	struct index_directory *directory;
	const struct scopepack *scopes; /* NULL = not known */
	char *file, *directory_file;	/* for errors */
	char *trouble;			/* why index.mdb is not used */
	int fd;
	uint64_t read_bytes, pair_count;
	uint64_t entry_count; /* of the directory */
	struct index_counts counts;
	struct pack_bytes raw;
	struct index_pair *pairs;     /* [INDEX_PAIRS] */
	struct index_repeat *repeats; /* [INDEX_REPEATS_MAX], once they are asked for */
	uint64_t repeats_at;	      /* whose section that is, 0 = none */
	uint32_t repeats_count;
	struct index_caches *caches; /* once one is asked for */
	/* The table of values read last. */
	struct pack_bytes table;
	uint32_t table_block; /* UINT32_MAX = none */
	uint64_t table_at;
	uint32_t table_contents; /* of its block */
};

/* The section of an entry into x->raw. */
int index_section(struct index_reader *x, const struct index_entry *e, uint16_t kind,
		  struct pack_section *section, struct tape_error *err);
/* The entries of a directory section, which is x->raw. */
int index_take_entries(struct index_reader *x, struct index_entries *to, uint64_t offset,
		       struct tape_error *err);
int index_damaged(const struct index_reader *x, uint64_t offset, const char *what,
		  struct tape_error *err);
int index_no_memory(const struct index_reader *x, struct tape_error *err);
/*
 * All pairs from `least` to `most` (10 bytes each) of a kind: fn until it
 * returns non-zero.
 */
int index_walk_pairs(struct index_reader *x, uint8_t kind, const uint8_t *least,
		     const uint8_t *most, index_content_fn *fn, void *user,
		     struct tape_error *err);
/* Those whose reference is from `from` to `to`, both included. */
int index_walk_repeats(struct index_reader *x, uint64_t from, uint64_t to,
		       index_repeat_fn *fn, void *user, struct tape_error *err);
void index_caches_free(struct index_caches *c); /* NULL is fine */
/* The next of x->raw's blobs from *in on: 1, 0 = no more, negative. */
int index_next_blob(struct varint_in *in, struct index_blob *out);

#endif
