/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eight elements of eight bytes at a time are a square that is turned over in
 * registers: reading and writing each byte by itself takes as long as compressing.
 */
#include "format/shuffle.h"

#include <string.h>

#include "format/le.h"

/* Swaps the bits of `mask` in a with those so much higher in b. */
static inline void
swap_bits(uint64_t *a, uint64_t *b, unsigned shift, uint64_t mask)
{
	uint64_t t = ((*a >> shift) ^ *b) & mask;

	*b ^= t;
	*a ^= t << shift;
}

/* Byte i of word k becomes byte k of word i. */
static inline void
turn(uint64_t w[8])
{
	for (unsigned i = 0; i < 4; i++)
		swap_bits(&w[i], &w[i + 4], 32, UINT64_C(0x00000000ffffffff));
	for (unsigned i = 0; i < 8; i += 4)
		for (unsigned k = 0; k < 2; k++)
			swap_bits(&w[i + k], &w[i + k + 2], 16,
				  UINT64_C(0x0000ffff0000ffff));
	for (unsigned i = 0; i < 8; i += 2)
		swap_bits(&w[i], &w[i + 1], 8, UINT64_C(0x00ff00ff00ff00ff));
}

/* ---- apart ---- */

/* One element at a time: odd widths, and what squares leave over. */
static void
apart_slowly(const uint8_t *in, size_t first, size_t count, unsigned width, bool chain,
	     uint8_t *out)
{
	for (size_t i = first; i < count; i++)
		for (unsigned b = 0; b < width; b++) {
			uint8_t before = chain && i > 0 ? in[(i - 1) * width + b] : 0;

			out[b * count + i] = in[i * width + b] ^ before;
		}
}

static size_t
apart8(const uint8_t *in, size_t count, bool chain, uint8_t *out)
{
	uint64_t before = 0;
	size_t i;

	for (i = 0; i + 8 <= count; i += 8) {
		uint64_t w[8];

		for (unsigned k = 0; k < 8; k++)
			w[k] = get_le64(in + 8 * (i + k));
		if (chain) {
			uint64_t last = w[7];

			for (unsigned k = 7; k > 0; k--)
				w[k] ^= w[k - 1];
			w[0] ^= before;
			before = last;
		}
		turn(w);
		for (unsigned k = 0; k < 8; k++)
			put_le64(out + k * count + i, w[k]);
	}
	return i;
}

static size_t
apart4(const uint8_t *in, size_t count, bool chain, uint8_t *out)
{
	uint32_t before = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t is = get_le32(in + 4 * i), v = chain ? is ^ before : is;

		before = is;
		for (unsigned b = 0; b < 4; b++)
			out[b * count + i] = (uint8_t)(v >> 8 * b);
	}
	return count;
}

void
shuffle_apart(const uint8_t *in, size_t count, unsigned width, bool chain, uint8_t *out)
{
	size_t done = 0;

	if (width == 8)
		done = apart8(in, count, chain, out);
	else if (width == 4)
		done = apart4(in, count, chain, out);
	apart_slowly(in, done, count, width, chain, out);
}

/* ---- together ---- */

static void
together_slowly(const uint8_t *in, size_t first, size_t count, unsigned width, bool chain,
		uint8_t *out)
{
	for (size_t i = first; i < count; i++)
		for (unsigned b = 0; b < width; b++) {
			uint8_t before = chain && i > 0 ? out[(i - 1) * width + b] : 0;

			out[i * width + b] = in[b * count + i] ^ before;
		}
}

static size_t
together8(const uint8_t *in, size_t count, bool chain, uint8_t *out)
{
	uint64_t before = 0;
	size_t i;

	for (i = 0; i + 8 <= count; i += 8) {
		uint64_t w[8];

		for (unsigned k = 0; k < 8; k++)
			w[k] = get_le64(in + k * count + i);
		turn(w);
		if (chain) {
			w[0] ^= before;
			for (unsigned k = 1; k < 8; k++)
				w[k] ^= w[k - 1];
			before = w[7];
		}
		for (unsigned k = 0; k < 8; k++)
			put_le64(out + 8 * (i + k), w[k]);
	}
	return i;
}

static size_t
together4(const uint8_t *in, size_t count, bool chain, uint8_t *out)
{
	uint32_t before = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t v = 0;

		for (unsigned b = 0; b < 4; b++)
			v |= (uint32_t)in[b * count + i] << 8 * b;
		before = chain ? v ^ before : v;
		put_le32(out + 4 * i, before);
	}
	return count;
}

void
shuffle_together(const uint8_t *in, size_t count, unsigned width, bool chain,
		 uint8_t *out)
{
	size_t done = 0;

	if (width == 8)
		done = together8(in, count, chain, out);
	else if (width == 4)
		done = together4(in, count, chain, out);
	together_slowly(in, done, count, width, chain, out);
}
