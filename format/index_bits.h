/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of any number of bits one behind the other, the lowest bit first. */
#ifndef TAPE_FORMAT_INDEX_BITS_H
#define TAPE_FORMAT_INDEX_BITS_H

#include "format/le.h"

typedef unsigned __int128 bits_u128;

struct bits_out {
	uint8_t *at;
	bits_u128 waiting;
	unsigned count;
};

static inline unsigned
bits_needed(bits_u128 v)
{
	uint64_t high = (uint64_t)(v >> 64), low = (uint64_t)v;

	if (high != 0)
		return 128 - (unsigned)__builtin_clzll(high);
	return low == 0 ? 0 : 64 - (unsigned)__builtin_clzll(low);
}

/* Up to 64 of them. */
static inline void
bits_put(struct bits_out *o, uint64_t v, unsigned bits)
{
	o->waiting |= (bits_u128)v << o->count;
	o->count += bits;
	if (o->count >= 64) {
		put_le64(o->at, (uint64_t)o->waiting);
		o->at += 8;
		o->waiting >>= 64;
		o->count -= 64;
	}
}

static inline void
bits_put_rest(struct bits_out *o)
{
	for (unsigned i = 0; i < o->count; i += 8)
		*o->at++ = (uint8_t)(o->waiting >> i);
}

static inline void
bits_put_wide(struct bits_out *o, bits_u128 v, unsigned bits)
{
	if (bits > 64) {
		bits_put(o, (uint64_t)v, 64);
		bits_put(o, (uint64_t)(v >> 64), bits - 64);
	} else {
		bits_put(o, (uint64_t)v, bits);
	}
}

struct bits_in {
	const uint8_t *at, *end;
	bits_u128 waiting;
	unsigned count;
};

/* Enough bytes are there: the caller has counted. */
static inline uint64_t
bits_get(struct bits_in *in, unsigned bits)
{
	uint64_t v;

	if (in->count < bits && in->end - in->at >= 8) {
		in->waiting |= (bits_u128)get_le64(in->at) << in->count;
		in->at += 8;
		in->count += 64;
	}
	while (in->count < bits) {
		in->waiting |= (bits_u128)*in->at++ << in->count;
		in->count += 8;
	}
	v = (uint64_t)in->waiting;
	if (bits < 64)
		v &= (UINT64_C(1) << bits) - 1;
	in->waiting >>= bits;
	in->count -= bits;
	return v;
}

static inline bits_u128
bits_get_wide(struct bits_in *in, unsigned bits)
{
	bits_u128 low;

	if (bits <= 64)
		return bits_get(in, bits);
	low = bits_get(in, 64);
	return low | (bits_u128)bits_get(in, bits - 64) << 64;
}

#endif
