/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which contents are equal: a table from fingerprints (the first 80 bits of the
 * content hash) to content references.
 */
#ifndef TAPE_COMPACTOR_DEDUP_H
#define TAPE_COMPACTOR_DEDUP_H

#include <stdbool.h>

#include "tape/value.h"

struct dedup_entry {
	uint64_t high; /* first 8 bytes of the hash; */
	uint64_t low;  /* 2 more in the upper bits, then the reference + 1; 0 = free */
};
struct dedup {
	struct dedup_entry *entries;
	uint64_t mask, count;
};
/*
 * The reference under that hash; if there is none, *ref is stored and *fresh
 * set. References are below 2^48 - 1. False = no memory.
 */
bool dedup_find(struct dedup *d, const struct tape_hash *hash, uint64_t *ref,
		bool *fresh);
void dedup_release(struct dedup *d); /* all zero is fine */

#endif
