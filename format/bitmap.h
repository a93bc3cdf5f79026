/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of rows of a block (at most 65,536), in the smallest of five forms:
 * none, all, a sorted list of u16, runs, or bits. docs/format/index.md.
 */
#ifndef TAPE_FORMAT_BITMAP_H
#define TAPE_FORMAT_BITMAP_H

#include <stdbool.h>

#include "format/pack.h"

#define BITMAP_ROWS 65536u
#define BITMAP_WORDS (BITMAP_ROWS / 64u)
/* The form to work on. */
struct bitmap {
	uint64_t words[BITMAP_WORDS];
};
/* Appends the set (bits below `rows`) to *out in its smallest form. */
int bitmap_encode(const struct bitmap *set, uint32_t rows, struct pack_bytes *out);
/* The same from the rows of the set, ascending, each below `rows`; and the bytes that it takes. */
int bitmap_encode_list(const uint16_t *list, uint32_t count, uint32_t rows,
		       struct pack_bytes *out);
size_t bitmap_list_bytes(const uint16_t *list, uint32_t count, uint32_t rows);
/* Reads one at data[*at], moves *at behind it. TAPE_ERR_DAMAGED. */
int bitmap_decode(const uint8_t *data, size_t len, size_t *at, uint32_t rows,
		  struct bitmap *out);
static inline bool
bitmap_has(const struct bitmap *b, uint32_t row)
{
	return (b->words[row / 64] >> (row % 64) & 1u) != 0;
}
static inline void
bitmap_set(struct bitmap *b, uint32_t row)
{
	b->words[row / 64] |= (uint64_t)1 << (row % 64);
}

#endif
