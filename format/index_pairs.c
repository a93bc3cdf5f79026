/* SPDX-License-Identifier: Apache-2.0 */
/* Sections of fingerprints with ordinals. docs/format/index.md section 3. */
#include <string.h>

#include "format/index_bits.h"
#include "format/index_io.h"

#define WIDTH 80u
#define ORDINAL_BITS 48u

static bits_u128
fingerprint(const struct index_pair *p)
{
	return (bits_u128)p->high << 16 | p->low >> ORDINAL_BITS;
}

void
index_pair_fingerprint(const struct index_pair *pair, uint8_t *out)
{
	put_le64(out, __builtin_bswap64(pair->high));
	out[8] = (uint8_t)(pair->low >> 56);
	out[9] = (uint8_t)(pair->low >> 48);
}

void
index_pair_key(uint8_t kind, const struct index_pair *pair, uint8_t *out)
{
	out[0] = kind;
	put_le64(out + 1, __builtin_bswap64(pair->high));
	put_le64(out + 9, __builtin_bswap64(pair->low));
}

/* ---- sections ---- */

static size_t
body_bytes(uint32_t count, unsigned d, unsigned o)
{
	return ((size_t)count * o + (size_t)(count - 1) * d + 7) / 8;
}

int
index_pairs_encode(const struct index_pair *pairs, uint32_t count, struct pack_bytes *out)
{
	uint64_t least = UINT64_MAX, most = 0;
	struct bits_out bits = { 0 };
	bits_u128 step = 0;
	unsigned d, o;
	uint8_t *head;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t ordinal = pairs[i].low & INDEX_ORDINAL_MASK;

		least = ordinal < least ? ordinal : least;
		most = ordinal > most ? ordinal : most;
		if (i > 0 && fingerprint(&pairs[i]) - fingerprint(&pairs[i - 1]) > step)
			step = fingerprint(&pairs[i]) - fingerprint(&pairs[i - 1]);
	}
	d = bits_needed(step);
	o = bits_needed(most - least);
	if (pack_bytes_reserve(out, INDEX_PAIRS_HEAD + body_bytes(count, d, o) + 16) != 0)
		return TAPE_ERR_NOMEM;
	head = out->data + out->len;
	memset(head, 0, INDEX_PAIRS_HEAD);
	head[0] = WIDTH;
	head[1] = (uint8_t)d;
	head[2] = (uint8_t)o;
	put_le32(head + 4, count);
	put_le64(head + 8, least);
	index_pair_fingerprint(&pairs[0], head + 16);
	bits.at = head + INDEX_PAIRS_HEAD;
	for (uint32_t i = 0; i < count; i++) {
		bits_put(&bits, (pairs[i].low & INDEX_ORDINAL_MASK) - least, o);
		if (i + 1 < count)
			bits_put_wide(&bits,
				      fingerprint(&pairs[i + 1]) - fingerprint(&pairs[i]),
				      d);
	}
	bits_put_rest(&bits);
	out->len += INDEX_PAIRS_HEAD + body_bytes(count, d, o);
	return 0;
}

int
index_pairs_decode(const uint8_t *raw, size_t len, uint64_t contents,
		   struct index_pair *pairs, uint32_t *count)
{
	struct bits_in bits;
	uint64_t least, ordinal;
	unsigned d, o;
	uint32_t n;
	bits_u128 at;

	if (len < INDEX_PAIRS_HEAD)
		return TAPE_ERR_DAMAGED;
	if (raw[0] != WIDTH)
		return TAPE_ERR_TOO_NEW;
	d = raw[1];
	o = raw[2];
	n = get_le32(raw + 4);
	least = get_le64(raw + 8);
	if (d > WIDTH || o > ORDINAL_BITS || n == 0 || n > INDEX_PAIRS ||
	    least >= contents || len != INDEX_PAIRS_HEAD + body_bytes(n, d, o))
		return TAPE_ERR_DAMAGED;
	at = (bits_u128)index_be64(raw + 16) << 16 | (bits_u128)raw[24] << 8 | raw[25];
	bits = (struct bits_in){ raw + INDEX_PAIRS_HEAD, raw + len, 0, 0 };
	for (uint32_t i = 0; i < n; i++) {
		ordinal = least + bits_get(&bits, o);
		if (ordinal >= contents || at >> WIDTH != 0)
			return TAPE_ERR_DAMAGED;
		pairs[i].high = (uint64_t)(at >> 16);
		pairs[i].low = (uint64_t)at << ORDINAL_BITS | ordinal;
		if (i > 0 && !index_pair_less(&pairs[i - 1], &pairs[i]))
			return TAPE_ERR_DAMAGED;
		if (i + 1 < n)
			at += bits_get_wide(&bits, d);
	}
	if (bits.waiting != 0 || bits.at != bits.end)
		return TAPE_ERR_DAMAGED;
	*count = n;
	return 0;
}
