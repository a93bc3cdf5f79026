/* SPDX-License-Identifier: Apache-2.0 */
/* Columns encoded: which codec, and its bytes. */
#include <stdlib.h>
#include <string.h>

#include "format/column_io.h"
#include "format/error.h"
#include "format/shuffle.h"

#define SAMPLE 512u /* values in each of two stretches */

/* ---- bytes ---- */

static uint8_t *
append(struct pack_bytes *out, size_t len)
{
	uint8_t *at;

	if (pack_bytes_reserve(out, len) != 0)
		return NULL;
	at = out->data + out->len;
	out->len += len;
	return at;
}

static int
put_header(struct pack_bytes *out, unsigned codec, unsigned width, uint32_t count)
{
	uint8_t *h = append(out, CHUNK_HEADER);

	if (h == NULL)
		return TAPE_ERR_NOMEM;
	h[0] = (uint8_t)codec;
	h[1] = (uint8_t)width;
	h[2] = h[3] = 0;
	put_le32(h + 4, count);
	return 0;
}

static int
put32(struct pack_bytes *out, uint32_t v)
{
	uint8_t *at = append(out, 4);

	if (at == NULL)
		return TAPE_ERR_NOMEM;
	put_le32(at, v);
	return 0;
}

/* Values in `bits` bits each, the lowest bit first. out has room for all and 8 bytes more. */
static size_t
pack_bits(const uint64_t *values, size_t count, unsigned bits, uint8_t *out)
{
	uint64_t word = 0;
	unsigned used = 0;
	size_t at = 0;

	if (bits == 0)
		return 0;
	for (size_t i = 0; i < count; i++) {
		word |= values[i] << used;
		if (used + bits >= 64) {
			put_le64(out + at, word);
			at += 8;
			word = used == 0 ? 0 : values[i] >> (64 - used);
			if (used + bits == 64)
				word = 0;
			used = used + bits - 64;
		} else {
			used += bits;
		}
	}
	put_le64(out + at, word);
	return packed_bytes(count, bits);
}

static uint64_t
load(const uint8_t *at, unsigned width)
{
	switch (width) {
	case 1:
		return at[0];
	case 2:
		return get_le16(at);
	case 4:
		return get_le32(at);
	default:
		return get_le64(at);
	}
}

static void
store(uint8_t *at, unsigned width, uint64_t v)
{
	switch (width) {
	case 1:
		at[0] = (uint8_t)v;
		break;
	case 2:
		put_le16(at, (uint16_t)v);
		break;
	case 4:
		put_le32(at, (uint32_t)v);
		break;
	default:
		put_le64(at, v);
		break;
	}
}

/* ---- codecs of fixed width ---- */

static int
put_plain(const struct column *in, struct pack_bytes *out)
{
	if (put_header(out, COLUMN_PLAIN, in->width, in->count) != 0)
		return TAPE_ERR_NOMEM;
	return pack_bytes_add(out, in->values, (size_t)in->count * in->width);
}

static int
put_shuffle(const struct column *in, unsigned codec, struct pack_bytes *out)
{
	size_t len = (size_t)in->count * in->width;
	const uint8_t *from = in->values;
	uint8_t *copy = NULL, *to;

	if (put_header(out, codec, in->width, in->count) != 0)
		return TAPE_ERR_NOMEM;
	to = append(out, len);
	if (to == NULL)
		return TAPE_ERR_NOMEM;
	if (codec == COLUMN_DELTA_SHUFFLE && len != 0) {
		copy = malloc(len);
		if (copy == NULL)
			return TAPE_ERR_NOMEM;
		memcpy(copy, from, in->width);
		for (size_t i = in->width; i < len; i += in->width)
			store(copy + i, in->width,
			      load(from + i, in->width) -
				      load(from + i - in->width, in->width));
		from = copy;
	}
	shuffle_apart(from, in->count, in->width, codec == COLUMN_XOR_SHUFFLE, to);
	free(copy);
	return 0;
}

/* One frame of differences. */
static void
put_delta_frame(const struct column *in, uint32_t first, uint32_t count, uint8_t **at)
{
	unsigned width = in->width, bits;
	uint64_t delta[DELTA_FRAME], most = 0;
	int64_t least = INT64_MAX;

	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *v = in->values + (size_t)(first + i) * width;
		uint64_t d = load(v, width) - load(v - width, width);

		if (width == 4)
			d = (uint64_t)(int64_t)(int32_t)(uint32_t)d;
		delta[i] = d;
		if ((int64_t)d < least)
			least = (int64_t)d;
	}
	for (uint32_t i = 0; i < count; i++) {
		delta[i] -= (uint64_t)least;
		most |= delta[i];
	}
	bits = bits_for(most);
	store(*at, width, (uint64_t)least);
	(*at)[width] = (uint8_t)bits;
	*at += width + 1;
	*at += pack_bits(delta, count, bits, *at);
}

static int
put_delta(const struct column *in, struct pack_bytes *out)
{
	size_t frames = in->count / DELTA_FRAME + 1;
	size_t most = in->width + frames * (in->width + 1u) + (size_t)in->count * 8 + 16;
	uint8_t *at;

	if (put_header(out, COLUMN_DELTA, in->width, in->count) != 0 ||
	    pack_bytes_reserve(out, most) != 0)
		return TAPE_ERR_NOMEM;
	at = out->data + out->len;
	if (in->count != 0) {
		memcpy(at, in->values, in->width);
		at += in->width;
	}
	for (uint32_t i = 1; i < in->count; i += DELTA_FRAME)
		put_delta_frame(in, i,
				in->count - i < DELTA_FRAME ? in->count - i : DELTA_FRAME,
				&at);
	out->len = (size_t)(at - out->data);
	return 0;
}

/* ---- dictionaries ---- */

struct dictionary {
	uint32_t *slots; /* entry + 1, 0 = free */
	uint32_t mask, count, most;
	uint32_t *entries; /* index of the value each was met at first */
	uint64_t *indexes; /* of all values */
};

static uint64_t
spread(const uint8_t *data, size_t len)
{
	uint64_t h = len * UINT64_C(0x9e3779b97f4a7c15);

	for (; len >= 8; data += 8, len -= 8)
		h = (h ^ get_le64(data)) * UINT64_C(0xff51afd7ed558ccd), h ^= h >> 32;
	for (; len > 0; data++, len--)
		h = (h ^ *data) * UINT64_C(0xff51afd7ed558ccd), h ^= h >> 32;
	return h;
}

static const uint8_t *
value_at(const struct column *in, uint32_t i, size_t *len)
{
	uint32_t from;

	if (in->width != 0) {
		*len = in->width;
		return in->values + (size_t)i * in->width;
	}
	from = i == 0 ? 0 : in->ends[i - 1];
	*len = in->ends[i] - from;
	return in->values + from;
}

static void
dictionary_release(struct dictionary *d)
{
	free(d->slots);
	free(d->entries);
	free(d->indexes);
	memset(d, 0, sizeof *d);
}

/* 1 = made, 0 = more than `most` values, negative = no memory. */
static int
dictionary_make(const struct column *in, uint32_t most, struct dictionary *d)
{
	memset(d, 0, sizeof *d);
	d->mask = 1;
	while (d->mask < 2 * most)
		d->mask *= 2;
	d->slots = calloc(d->mask--, sizeof *d->slots);
	d->entries = malloc((most + 1u) * sizeof *d->entries);
	d->indexes = malloc((in->count + 1u) * sizeof *d->indexes);
	if (d->slots == NULL || d->entries == NULL || d->indexes == NULL)
		return TAPE_ERR_NOMEM;
	for (uint32_t i = 0; i < in->count; i++) {
		size_t len, other;
		const uint8_t *v = value_at(in, i, &len), *w;
		uint32_t at = (uint32_t)spread(v, len) & d->mask;

		while (d->slots[at] != 0) {
			w = value_at(in, d->entries[d->slots[at] - 1], &other);
			if (other == len && memcmp(v, w, len) == 0)
				break;
			at = (at + 1) & d->mask;
		}
		if (d->slots[at] == 0) {
			if (d->count == most)
				return 0;
			d->entries[d->count++] = i;
			d->slots[at] = d->count;
		}
		d->indexes[i] = d->slots[at] - 1;
	}
	return 1;
}

static int
put_dictionary(const struct column *in, const struct dictionary *d,
	       struct pack_bytes *out)
{
	unsigned bits = bits_for(d->count - 1);
	uint8_t *at;

	if (put_header(out, COLUMN_DICTIONARY, in->width, in->count) != 0 ||
	    put32(out, d->count) != 0)
		return TAPE_ERR_NOMEM;
	at = append(out, (size_t)d->count * in->width);
	if (at == NULL)
		return TAPE_ERR_NOMEM;
	for (uint32_t i = 0; i < d->count; i++)
		memcpy(at + (size_t)i * in->width,
		       in->values + (size_t)d->entries[i] * in->width, in->width);
	if (pack_bytes_reserve(out, packed_bytes(in->count, bits) + 16) != 0)
		return TAPE_ERR_NOMEM;
	out->len += pack_bits(d->indexes, in->count, bits, out->data + out->len);
	return 0;
}

/* ---- nested chunks ---- */

static int encode(struct pack_codec *codec, const struct column *in,
		  struct pack_bytes *out);

static int
put_nested(struct pack_codec *codec, const struct column *in, struct pack_bytes *out)
{
	size_t at = out->len;
	int r = put32(out, 0);

	if (r == 0)
		r = encode(codec, in, out);
	if (r == 0)
		put_le32(out->data + at, (uint32_t)(out->len - at - 4));
	return r;
}

static int
put_runs(struct pack_codec *codec, const struct column *in, uint32_t runs,
	 struct pack_bytes *out)
{
	uint8_t *lengths = malloc(runs * 4u), *values = malloc((size_t)runs * in->width);
	struct column n = { runs, 4, COLUMN_INTEGER, lengths, NULL };
	struct column v = { runs, in->width, in->class, values, NULL };
	uint32_t first = 0, made = 0;
	int r = lengths == NULL || values == NULL ? TAPE_ERR_NOMEM : 0;

	for (uint32_t i = 1; r == 0 && i <= in->count; i++) {
		const uint8_t *at = in->values + (size_t)first * in->width;

		if (i < in->count &&
		    memcmp(at, in->values + (size_t)i * in->width, in->width) == 0)
			continue;
		put_le32(lengths + 4 * made, i - first);
		memcpy(values + (size_t)made * in->width, at, in->width);
		made++;
		first = i;
	}
	if (r == 0)
		r = put_header(out, COLUMN_RUN, in->width, in->count);
	if (r == 0)
		r = put32(out, runs);
	if (r == 0)
		r = put_nested(codec, &n, out);
	if (r == 0)
		r = put_nested(codec, &v, out);
	free(lengths);
	free(values);
	return r;
}

/* ---- choosing ---- */

static uint32_t
count_runs(const struct column *in)
{
	uint32_t runs = in->count != 0;

	for (uint32_t i = 1; i < in->count; i++)
		runs += memcmp(in->values + (size_t)i * in->width,
			       in->values + (size_t)(i - 1) * in->width, in->width) != 0;
	return runs;
}

static int
put_codec(const struct column *in, unsigned which, struct pack_bytes *out)
{
	if (which == COLUMN_PLAIN)
		return put_plain(in, out);
	return which == COLUMN_DELTA ? put_delta(in, out) : put_shuffle(in, which, out);
}

/* Two stretches of the values, one behind the other. */
static struct column
sample_of(const struct column *in, uint8_t *room)
{
	struct column s = *in;

	if (in->count <= 2 * SAMPLE)
		return s;
	s.count = 2 * SAMPLE;
	s.values = room;
	memcpy(room, in->values + (size_t)(in->count / 4) * in->width,
	       (size_t)SAMPLE * in->width);
	memcpy(room + (size_t)SAMPLE * in->width,
	       in->values + (size_t)(in->count * 3ull / 4 - SAMPLE / 2) * in->width,
	       (size_t)SAMPLE * in->width);
	return s;
}

static const uint8_t codecs_of[3][6] = {
	[COLUMN_INTEGER] = { COLUMN_DELTA, COLUMN_DELTA_SHUFFLE, COLUMN_SHUFFLE,
			     COLUMN_PLAIN, 0xff },
	[COLUMN_REAL] = { COLUMN_SHUFFLE, COLUMN_XOR_SHUFFLE, COLUMN_PLAIN, 0xff },
	[COLUMN_OTHER] = { COLUMN_PLAIN, COLUMN_SHUFFLE, 0xff },
};

static bool
applies(unsigned which, unsigned width)
{
	if (which == COLUMN_DELTA)
		return width == 4 || width == 8;
	if (which == COLUMN_DELTA_SHUFFLE)
		return width == 2 || width == 4 || width == 8;
	return which == COLUMN_PLAIN || width > 1;
}

/* The codec whose sample compresses best, and to what share of 65,536. */
static int
choose(struct pack_codec *codec, const struct column *in, unsigned *best, uint64_t *share)
{
	uint8_t room[2 * SAMPLE * 16];
	struct column sample = sample_of(in, room);
	struct pack_bytes trial = { 0 };
	size_t least = SIZE_MAX;
	int r = 0;

	*best = COLUMN_PLAIN;
	for (const uint8_t *c = codecs_of[in->class]; *c != 0xff && r == 0; c++) {
		size_t got;

		if (!applies(*c, in->width))
			continue;
		trial.len = 0;
		r = put_codec(&sample, *c, &trial);
		got = r != 0 ? SIZE_MAX : pack_codec_guess(codec, trial.data, trial.len);
		if (got < least) {
			least = got;
			*best = *c;
		}
	}
	*share = least * UINT64_C(65536) / ((size_t)sample.count * in->width);
	pack_bytes_release(&trial);
	return r;
}

static int
encode_fixed(struct pack_codec *codec, const struct column *in, struct pack_bytes *out)
{
	uint32_t runs = count_runs(in), most;
	struct dictionary d = { 0 };
	unsigned best;
	uint64_t share;
	int r;

	if (runs == 1) {
		if (put_header(out, COLUMN_CONSTANT, in->width, in->count) != 0)
			return TAPE_ERR_NOMEM;
		return pack_bytes_add(out, in->values, in->width);
	}
	if (in->count < 8 || in->width == 0)
		return put_plain(in, out);
	if (runs < in->count / 3)
		return put_runs(codec, in, runs, out);
	r = choose(codec, in, &best, &share);
	if (r != 0)
		return r;
	/* A dictionary pays where indexes are much shorter than what the best codec leaves. */
	most = in->count / 8;
	if (in->width > 1 && most >= 2) {
		r = dictionary_make(in, most, &d);
		if (r == 1 && (bits_for(d.count - 1) * (uint64_t)in->count / 8 +
			       (uint64_t)d.count * in->width) *
					      65536 / in->count / in->width <
				      share)
			r = put_dictionary(in, &d, out);
		else if (r >= 0)
			r = put_codec(in, best, out);
		dictionary_release(&d);
		return r;
	}
	return put_codec(in, best, out);
}

/* ---- entries of variable width ---- */

static int
put_text(struct pack_codec *codec, const struct column *in, struct pack_bytes *out)
{
	uint8_t *lengths = malloc(in->count * 4u + 4u);
	struct column n = { in->count, 4, COLUMN_INTEGER, lengths, NULL };
	int r = lengths == NULL ? TAPE_ERR_NOMEM : 0;

	for (uint32_t i = 0; r == 0 && i < in->count; i++)
		put_le32(lengths + 4 * i, in->ends[i] - (i == 0 ? 0 : in->ends[i - 1]));
	if (r == 0)
		r = put_header(out, COLUMN_TEXT, 0, in->count);
	if (r == 0)
		r = put_nested(codec, &n, out);
	if (r == 0 && in->count != 0)
		r = pack_bytes_add(out, in->values, in->ends[in->count - 1]);
	free(lengths);
	return r;
}

/* The distinct entries as a column of their own. */
static int
gather(const struct column *in, const struct dictionary *d, struct pack_bytes *bytes,
       uint32_t *ends)
{
	for (uint32_t i = 0; i < d->count; i++) {
		size_t len;
		const uint8_t *v = value_at(in, d->entries[i], &len);

		if (pack_bytes_add(bytes, v, len) != 0)
			return TAPE_ERR_NOMEM;
		ends[i] = (uint32_t)bytes->len;
	}
	return 0;
}

static int
put_text_dictionary(struct pack_codec *codec, const struct column *in,
		    const struct dictionary *d, struct pack_bytes *out)
{
	struct pack_bytes bytes = { 0 };
	uint32_t *ends = malloc(d->count * sizeof *ends);
	uint8_t *indexes = malloc(in->count * 4u);
	struct column entries = { d->count, 0, COLUMN_OTHER, NULL, ends };
	struct column n = { in->count, 4, COLUMN_OTHER, indexes, NULL };
	int r = ends == NULL || indexes == NULL ? TAPE_ERR_NOMEM
						: gather(in, d, &bytes, ends);

	entries.values = bytes.data;
	for (uint32_t i = 0; r == 0 && i < in->count; i++)
		put_le32(indexes + 4 * i, (uint32_t)d->indexes[i]);
	if (r == 0)
		r = put_header(out, COLUMN_TEXT_DICTIONARY, 0, in->count);
	if (r == 0) {
		size_t at = out->len;

		r = put32(out, 0);
		if (r == 0)
			r = put_text(codec, &entries, out);
		if (r == 0)
			put_le32(out->data + at, (uint32_t)(out->len - at - 4));
	}
	if (r == 0)
		r = put_nested(codec, &n, out);
	free(ends);
	free(indexes);
	pack_bytes_release(&bytes);
	return r;
}

static int
encode_text(struct pack_codec *codec, const struct column *in, struct pack_bytes *out)
{
	struct dictionary d;
	int r;

	if (in->count < 2)
		return put_text(codec, in, out);
	r = dictionary_make(in, in->count / 4 + 1, &d);
	if (r == 1 && d.count == 1) {
		size_t len;
		const uint8_t *v = value_at(in, 0, &len);

		r = put_header(out, COLUMN_CONSTANT, 0, in->count);
		if (r == 0)
			r = pack_bytes_add(out, v, len);
	} else if (r == 1) {
		r = put_text_dictionary(codec, in, &d, out);
	} else if (r == 0) {
		r = put_text(codec, in, out);
	}
	dictionary_release(&d);
	return r;
}

static int
encode(struct pack_codec *codec, const struct column *in, struct pack_bytes *out)
{
	return in->width == 0 ? encode_text(codec, in, out)
			      : encode_fixed(codec, in, out);
}

int
column_encode(struct pack_codec *codec, const struct column *in, struct pack_bytes *out,
	      struct tape_error *err)
{
	if (encode(codec, in, out) != 0)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a column");
	return 0;
}
