/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which contents are equal: a table from fingerprints (the first 80 bits of the
 * content hash) to content references. What does not fit into the memory it may
 * use goes to sorted files without a name; the answers are the same.
 */
#ifndef TAPE_COMPACTOR_DEDUP_H
#define TAPE_COMPACTOR_DEDUP_H

#include <stdbool.h>

#include "tape/value.h"

struct dedup_entry {
	uint64_t high; /* first 8 bytes of the hash; */
	uint64_t low;  /* 2 more in the upper bits, then the reference + 1; 0 = free */
};
struct dedup_run;
struct dedup {
	struct dedup_entry *entries; /* the place of an entry begins with its hash */
	unsigned bits;		     /* 2^bits entries have room */
	uint64_t count;
	/* What went to files. */
	unsigned most_bits;
	int dir;
	struct dedup_run *runs; /* the latest last */
	size_t run_count;
	uint64_t *filter; /* which fingerprints may be in them */
	unsigned filter_bits;
};
/* memory: bytes, of which about half is used. Files are made in `dir` and lose their names at once. */
void dedup_init(struct dedup *d, uint64_t memory, int dir);
/*
 * The reference under that hash; if there is none, *ref is stored and *fresh
 * set. References are below 2^48 - 1. TAPE_ERR_NOMEM, TAPE_ERR_IO.
 */
int dedup_find(struct dedup *d, const struct tape_hash *hash, uint64_t *ref, bool *fresh,
	       struct tape_error *err);
/* From now on that is the reference under the hash, be it smaller or greater than what was. TAPE_ERR_NOMEM, TAPE_ERR_IO. */
int dedup_replace(struct dedup *d, const struct tape_hash *hash, uint64_t ref,
		  struct tape_error *err);
void dedup_release(struct dedup *d); /* all zero is fine */

#endif
