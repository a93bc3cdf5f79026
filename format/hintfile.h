/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hints: which contents a segment has. Nothing in them is to be believed without a
 * look at the scope that they name. docs/format/hints.md is normative.
 */
#ifndef TAPE_FORMAT_HINTFILE_H
#define TAPE_FORMAT_HINTFILE_H

#include "format/block.h"
#include "format/segment.h"

struct hintfile {
	struct segment_id id; /* of the segment; its version and flags are not in it */
	uint64_t first_seq, next_seq;
	uint32_t count;
};
#define HINTFILE_HEADER 96u
#define HINTFILE_ENTRY 8u
#define HINTFILE_SEQ_BITS 24

/* The first 64 bits of a content hash. */
uint64_t hintfile_print(const struct tape_hash *hash);
/* An entry: seq less first_seq, below 2^HINTFILE_SEQ_BITS. */
uint64_t hintfile_entry(const struct tape_hash *hash, uint64_t seq);
/* The whole file, malloc'd; sorts the entries. 0 or TAPE_ERR_NOMEM. */
int hintfile_make(const struct hintfile *file, uint64_t *entries, uint8_t **out,
		  size_t *len);
/* 0, or TAPE_ERR_DAMAGED, TOO_NEW, IO: there is no hint. */
int hintfile_open(const struct block_source *source, struct hintfile *out);
/*
 * Seqs of scopes that may have a content of this print: calls fn for each, and stops
 * where it returns non-zero, which is returned. Else 0.
 */
int hintfile_find(const struct block_source *source, const struct hintfile *file,
		  uint64_t print, int (*fn)(void *user, uint64_t seq), void *user);

#endif
