/* SPDX-License-Identifier: Apache-2.0 */
/* What the encoding and the decoding half of column.h share. */
#ifndef TAPE_FORMAT_COLUMN_IO_H
#define TAPE_FORMAT_COLUMN_IO_H

#include "format/column.h"
#include "format/le.h"

#define CHUNK_HEADER 8u
#define DELTA_FRAME 128u
#define DICTIONARY_MAX 65536u
#define CHUNK_DEPTH 3

/* Bits that hold 0..most. */
static inline unsigned
bits_for(uint64_t most)
{
	return most == 0 ? 0 : 64u - (unsigned)__builtin_clzll(most);
}

/* Bytes of count values packed in `bits` bits each. */
static inline size_t
packed_bytes(size_t count, unsigned bits)
{
	return (count * bits + 7) / 8;
}

#endif
