/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns: many values of one variable as bytes, by a codec that is chosen on
 * a sample. What comes out is meant for zstd. docs/format/column.md is
 * normative.
 */
#ifndef TAPE_FORMAT_COLUMN_H
#define TAPE_FORMAT_COLUMN_H

#include <stdbool.h>

#include "format/pack.h"

enum column_codec {
	COLUMN_PLAIN = 0,
	COLUMN_CONSTANT = 1,
	COLUMN_RUN = 2,
	COLUMN_DELTA = 3, /* integers of 8 or 4 bytes: frames of 128 deltas, bit-packed */
	COLUMN_DICTIONARY = 4,
	COLUMN_SHUFFLE = 5,	  /* byte planes */
	COLUMN_XOR_SHUFFLE = 6,	  /* of each value xor the one before */
	COLUMN_DELTA_SHUFFLE = 7, /* of each value minus the one before, modulo 2^n */
	/* entries of variable width */
	COLUMN_TEXT = 16, /* a column of lengths, then the bytes */
	COLUMN_TEXT_DICTIONARY =
		17, /* distinct entries as COLUMN_TEXT, a column of indexes */
};

enum column_class { COLUMN_INTEGER, COLUMN_REAL, COLUMN_OTHER };
/* Fixed width: values has count * width bytes. Variable (width 0): entry i ends at ends[i]. */
struct column {
	uint32_t count;
	uint8_t width; /* 1, 2, 4, 8, 16; 0 = variable */
	uint8_t class; /* enum column_class: a hint for choosing */
	const uint8_t *values;
	const uint32_t *ends;
};
/* Appends the encoded column to *out: what is in it follows from the values alone. TAPE_ERR_NOMEM. */
int column_encode(struct pack_codec *codec, const struct column *in,
		  struct pack_bytes *out, struct tape_error *err);

/* Memory of a decoded column; all zero is empty, reused by the next decode. */
struct column_memory {
	struct pack_bytes values, ends, scratch[3];
};
void column_memory_release(struct column_memory *m);
/*
 * Decodes exactly `len` bytes: `count` values of `width`. *out borrows from m.
 * Hostile input gives TAPE_ERR_DAMAGED; TAPE_ERR_TOO_NEW for an unknown codec.
 * Variable: at most `limit` bytes of entries.
 */
int column_decode(const uint8_t *data, size_t len, uint32_t count, unsigned width,
		  size_t limit, struct column_memory *m, struct column *out,
		  struct tape_error *err);
/*
 * The value of one row alone, appended to *to: of most codecs nothing else is laid
 * out. What is wrong elsewhere in the chunk may go unseen. Status as above.
 */
int column_value(const uint8_t *data, size_t len, uint32_t count, unsigned width,
		 size_t limit, uint32_t row, struct column_memory *m,
		 struct pack_bytes *to, struct tape_error *err);

#endif
