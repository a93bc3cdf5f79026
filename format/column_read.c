/* SPDX-License-Identifier: Apache-2.0 */
/* Columns decoded: any bytes may come. */
#include <stdlib.h>
#include <string.h>

#include "format/column_io.h"
#include "format/error.h"
#include "format/shuffle.h"

struct input {
	const uint8_t *data;
	size_t len;
};

/* Where decoded values go: out has room for count * width bytes, and 16 more. */
static int fixed(const struct input *in, uint32_t count, unsigned width, int depth,
		 uint8_t *out);

static int
header(const struct input *in, uint32_t count, unsigned width, struct input *data)
{
	if (in->len < CHUNK_HEADER || in->data[1] != width ||
	    get_le16(in->data + 2) != 0 || get_le32(in->data + 4) != count)
		return TAPE_ERR_DAMAGED;
	data->data = in->data + CHUNK_HEADER;
	data->len = in->len - CHUNK_HEADER;
	return in->data[0];
}

/* Takes the nested chunk at the head of *in. */
static int
nested(struct input *in, struct input *out)
{
	if (in->len < 4 || get_le32(in->data) > in->len - 4)
		return TAPE_ERR_DAMAGED;
	out->data = in->data + 4;
	out->len = get_le32(in->data);
	in->data += 4 + out->len;
	in->len -= 4 + out->len;
	return 0;
}

static inline uint64_t
bits_at(const uint8_t *data, size_t len, size_t bit, unsigned bits)
{
	size_t at = bit / 8;
	unsigned shift = (unsigned)(bit % 8);
	uint64_t word = 0;

	if (at + 9 <= len) {
		word = get_le64(data + at) >> shift;
		if (shift + bits > 64)
			word |= (uint64_t)data[at + 8] << (64 - shift);
	} else {
		uint8_t tail[16] = { 0 };

		memcpy(tail, data + at, len - at);
		word = get_le64(tail) >> shift;
		if (shift + bits > 64)
			word |= (uint64_t)tail[8] << (64 - shift);
	}
	return bits == 64 ? word : word & (((uint64_t)1 << bits) - 1);
}

static int
get_constant(const struct input *in, uint32_t count, unsigned width, uint8_t *out)
{
	if (in->len != width)
		return TAPE_ERR_DAMAGED;
	if (width == 1) {
		memset(out, in->data[0], count);
		return 0;
	}
	if (width == 4) {
		for (uint32_t i = 0; i < count; i++)
			memcpy(out + 4 * (size_t)i, in->data, 4);
	} else if (width == 8) {
		for (uint32_t i = 0; i < count; i++)
			memcpy(out + 8 * (size_t)i, in->data, 8);
	} else {
		for (uint32_t i = 0; i < count; i++)
			memcpy(out + (size_t)i * width, in->data, width);
	}
	return 0;
}

/* The chunks of lengths and of values, one of each a run. */
static int
open_runs(const struct input *in, uint32_t count, uint32_t *runs, struct input *lengths,
	  struct input *values)
{
	struct input rest;

	if (in->len < 4)
		return TAPE_ERR_DAMAGED;
	*runs = get_le32(in->data);
	rest = (struct input){ in->data + 4, in->len - 4 };
	if (*runs == 0 || *runs > count || nested(&rest, lengths) != 0 ||
	    nested(&rest, values) != 0 || rest.len != 0)
		return TAPE_ERR_DAMAGED;
	return 0;
}

static int
get_runs(const struct input *in, uint32_t count, unsigned width, int depth, uint8_t *out)
{
	struct input lengths = { 0 }, values = { 0 };
	uint8_t *n = NULL, *v = NULL, *at = out;
	uint32_t runs, left = count;
	int r = open_runs(in, count, &runs, &lengths, &values);

	if (r != 0)
		return r;
	r = TAPE_ERR_NOMEM;
	n = malloc((size_t)runs * 4 + 16);
	v = malloc((size_t)runs * width + 16);
	if (n == NULL || v == NULL)
		goto out;
	r = fixed(&lengths, runs, 4, depth + 1, n);
	if (r == 0)
		r = fixed(&values, runs, width, depth + 1, v);
	for (uint32_t i = 0; r == 0 && i < runs; i++) {
		uint32_t len = get_le32(n + 4 * (size_t)i);
		struct input one = { v + (size_t)i * width, width };

		if (len == 0 || len > left) {
			r = TAPE_ERR_DAMAGED;
			break;
		}
		(void)get_constant(&one, len, width, at);
		at += (size_t)len * width;
		left -= len;
	}
	if (r == 0 && left != 0)
		r = TAPE_ERR_DAMAGED;
out:
	free(n);
	free(v);
	return r;
}

static uint64_t
get_value(const uint8_t *at, unsigned width)
{
	if (width == 8)
		return get_le64(at);
	if (width == 4)
		return get_le32(at);
	return width == 2 ? get_le16(at) : at[0];
}

static void
put_value(uint8_t *at, unsigned width, uint64_t v)
{
	if (width == 8)
		put_le64(at, v);
	else if (width == 4)
		put_le32(at, (uint32_t)v);
	else
		put_le16(at, (uint16_t)v);
}

static int
get_delta(const struct input *in, uint32_t count, unsigned width, uint8_t *out)
{
	const uint8_t *p = in->data, *end = in->data + in->len;
	uint64_t v;

	if (width != 4 && width != 8)
		return TAPE_ERR_DAMAGED;
	if (count == 0)
		return in->len == 0 ? 0 : TAPE_ERR_DAMAGED;
	if (in->len < width)
		return TAPE_ERR_DAMAGED;
	v = get_value(p, width);
	put_value(out, width, v);
	p += width;
	for (uint32_t first = 1; first < count; first += DELTA_FRAME) {
		uint32_t n = count - first < DELTA_FRAME ? count - first : DELTA_FRAME;
		uint64_t least;
		unsigned bits;
		size_t bytes;

		if ((size_t)(end - p) < width + 1u)
			return TAPE_ERR_DAMAGED;
		least = get_value(p, width);
		bits = p[width];
		p += width + 1;
		bytes = packed_bytes(n, bits);
		if (bits > 64 || (size_t)(end - p) < bytes)
			return TAPE_ERR_DAMAGED;
		/* All of a frame but perhaps the last can be read by whole words. */
		if (bits <= 56 && (size_t)(end - p) >= bytes + 8) {
			uint64_t mask = ((uint64_t)1 << bits) - 1;

			for (uint32_t i = 0; i < n; i++) {
				size_t bit = (size_t)i * bits;

				v += least + (get_le64(p + bit / 8) >> (bit % 8) & mask);
				put_value(out + (size_t)(first + i) * width, width, v);
			}
			p += bytes;
			continue;
		}
		for (uint32_t i = 0; i < n; i++) {
			uint64_t more = bits == 0 ? 0
						  : bits_at(p, (size_t)(end - p),
							    (size_t)i * bits, bits);

			v += least + more;
			put_value(out + (size_t)(first + i) * width, width, v);
		}
		p += bytes;
	}
	return p == end ? 0 : TAPE_ERR_DAMAGED;
}

struct dictionary {
	const uint8_t *values, *packed;
	size_t len; /* of packed */
	uint32_t n;
	unsigned width, bits;
};

static int
open_dictionary(const struct input *in, uint32_t count, unsigned width,
		struct dictionary *d)
{
	if (in->len < 4)
		return TAPE_ERR_DAMAGED;
	d->n = get_le32(in->data);
	if (d->n < 2 || d->n > DICTIONARY_MAX || (in->len - 4) / width < d->n)
		return TAPE_ERR_DAMAGED;
	d->values = in->data + 4;
	d->packed = d->values + (size_t)d->n * width;
	d->len = in->len - 4 - (size_t)d->n * width;
	d->width = width;
	d->bits = bits_for(d->n - 1);
	return d->len == packed_bytes(count, d->bits) ? 0 : TAPE_ERR_DAMAGED;
}

static inline int
look_up(const struct dictionary *d, uint32_t row, uint8_t *out)
{
	uint64_t which = bits_at(d->packed, d->len, (size_t)row * d->bits, d->bits);

	if (which >= d->n)
		return TAPE_ERR_DAMAGED;
	memcpy(out, d->values + which * d->width, d->width);
	return 0;
}

static int
get_dictionary(const struct input *in, uint32_t count, unsigned width, uint8_t *out)
{
	struct dictionary d;
	int r = open_dictionary(in, count, width, &d);

	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = look_up(&d, i, out + (size_t)i * width);
	return r;
}

static bool
shuffle_sound(const struct input *in, unsigned codec, uint32_t count, unsigned width)
{
	return in->len == (size_t)count * width &&
	       (codec != COLUMN_DELTA_SHUFFLE || (width != 1 && width <= 8));
}

static int
get_shuffle(const struct input *in, unsigned codec, uint32_t count, unsigned width,
	    uint8_t *out)
{
	size_t len = (size_t)count * width;

	if (!shuffle_sound(in, codec, count, width))
		return TAPE_ERR_DAMAGED;
	shuffle_together(in->data, count, width, codec == COLUMN_XOR_SHUFFLE, out);
	if (codec == COLUMN_DELTA_SHUFFLE) {
		uint64_t v = 0;

		for (size_t i = 0; i < len; i += width) {
			v += get_value(out + i, width);
			put_value(out + i, width, v);
		}
	}
	return 0;
}

static int
fixed(const struct input *in, uint32_t count, unsigned width, int depth, uint8_t *out)
{
	struct input data;
	int codec = header(in, count, width, &data);

	if (codec < 0 || depth > CHUNK_DEPTH || width == 0)
		return TAPE_ERR_DAMAGED;
	switch (codec) {
	case COLUMN_PLAIN:
		if (data.len != (size_t)count * width)
			return TAPE_ERR_DAMAGED;
		memcpy(out, data.data, data.len);
		return 0;
	case COLUMN_CONSTANT:
		return get_constant(&data, count, width, out);
	case COLUMN_RUN:
		return get_runs(&data, count, width, depth, out);
	case COLUMN_DELTA:
		return get_delta(&data, count, width, out);
	case COLUMN_DICTIONARY:
		return get_dictionary(&data, count, width, out);
	case COLUMN_SHUFFLE:
	case COLUMN_XOR_SHUFFLE:
	case COLUMN_DELTA_SHUFFLE:
		return get_shuffle(&data, (unsigned)codec, count, width, out);
	default:
		return TAPE_ERR_TOO_NEW;
	}
}

/* ---- entries ---- */

static uint32_t *
ends_room(struct pack_bytes *b, uint32_t count)
{
	b->len = 0;
	return pack_bytes_reserve(b, (size_t)count * 4 + 16) != 0
		       ? NULL
		       : (uint32_t *)(void *)b->data;
}

/* Entries of a text chunk: their bytes are borrowed from the input, ends go to `ends`. */
static int
get_text(const struct input *data, uint32_t count, size_t limit, uint32_t *ends,
	 const uint8_t **bytes)
{
	struct input rest = *data, lengths;
	uint64_t end = 0;
	int r = nested(&rest, &lengths);

	if (r == 0)
		r = fixed(&lengths, count, 4, 1, (uint8_t *)ends);
	for (uint32_t i = 0; r == 0 && i < count; i++) {
		end += ends[i];
		if (end > rest.len)
			return TAPE_ERR_DAMAGED;
		ends[i] = (uint32_t)end;
	}
	if (r == 0 && (end != rest.len || end > limit))
		r = TAPE_ERR_DAMAGED;
	*bytes = rest.data;
	return r;
}

static int
text(const struct input *data, uint32_t count, size_t limit, struct column_memory *m,
     struct column *out)
{
	uint32_t *ends = ends_room(&m->ends, count);
	int r = ends == NULL ? TAPE_ERR_NOMEM
			     : get_text(data, count, limit, ends, &out->values);

	if (r != 0)
		return r;
	/* The input may go before the column does. */
	m->values.len = 0;
	if (pack_bytes_add(&m->values, out->values, count == 0 ? 0 : ends[count - 1]) !=
	    0)
		return TAPE_ERR_NOMEM;
	out->values = m->values.data;
	out->ends = ends;
	return 0;
}

static int
text_constant(const struct input *data, uint32_t count, size_t limit,
	      struct column_memory *m, struct column *out)
{
	uint32_t *ends = ends_room(&m->ends, count);

	if (ends == NULL)
		return TAPE_ERR_NOMEM;
	if (data->len != 0 &&
	    (limit / data->len < count || UINT32_MAX / data->len < count))
		return TAPE_ERR_DAMAGED;
	m->values.len = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (pack_bytes_add(&m->values, data->data, data->len) != 0)
			return TAPE_ERR_NOMEM;
		ends[i] = (uint32_t)m->values.len;
	}
	out->values = m->values.data;
	out->ends = ends;
	return 0;
}

static int
text_dictionary(const struct input *data, uint32_t count, size_t limit,
		struct column_memory *m, struct column *out)
{
	struct input rest = *data, entries, indexes, inner;
	uint32_t *ends = ends_room(&m->ends, count), *entry_ends, n;
	struct pack_bytes *which = &m->scratch[1];
	const uint8_t *bytes;
	int r;

	if (ends == NULL)
		return TAPE_ERR_NOMEM;
	if (nested(&rest, &entries) != 0 || nested(&rest, &indexes) != 0 ||
	    rest.len != 0 || entries.len < CHUNK_HEADER)
		return TAPE_ERR_DAMAGED;
	n = get_le32(entries.data + 4);
	if (n == 0 || n > count || header(&entries, n, 0, &inner) != COLUMN_TEXT)
		return TAPE_ERR_DAMAGED;
	entry_ends = ends_room(&m->scratch[0], n);
	which->len = 0;
	if (entry_ends == NULL || pack_bytes_reserve(which, (size_t)count * 4 + 16) != 0)
		return TAPE_ERR_NOMEM;
	r = get_text(&inner, n, limit, entry_ends, &bytes);
	if (r == 0)
		r = fixed(&indexes, count, 4, 1, which->data);
	m->values.len = 0;
	for (uint32_t i = 0; r == 0 && i < count; i++) {
		uint32_t e = get_le32(which->data + 4 * (size_t)i), from;

		if (e >= n)
			return TAPE_ERR_DAMAGED;
		from = e == 0 ? 0 : entry_ends[e - 1];
		if (m->values.len + (entry_ends[e] - from) > limit)
			return TAPE_ERR_DAMAGED;
		r = pack_bytes_add(&m->values, bytes + from, entry_ends[e] - from);
		ends[i] = (uint32_t)m->values.len;
	}
	out->values = m->values.data;
	out->ends = ends;
	return r;
}

static int
entries(const struct input *in, uint32_t count, size_t limit, struct column_memory *m,
	struct column *out)
{
	struct input data;
	int codec = header(in, count, 0, &data);

	if (codec < 0)
		return codec;
	if (limit > UINT32_MAX)
		limit = UINT32_MAX;
	switch (codec) {
	case COLUMN_CONSTANT:
		return text_constant(&data, count, limit, m, out);
	case COLUMN_TEXT:
		return text(&data, count, limit, m, out);
	case COLUMN_TEXT_DICTIONARY:
		return text_dictionary(&data, count, limit, m, out);
	default:
		return TAPE_ERR_TOO_NEW;
	}
}

void
column_memory_release(struct column_memory *m)
{
	pack_bytes_release(&m->values);
	pack_bytes_release(&m->ends);
	for (size_t i = 0; i < sizeof m->scratch / sizeof m->scratch[0]; i++)
		pack_bytes_release(&m->scratch[i]);
}

static int
why(int r, struct tape_error *err)
{
	if (r == TAPE_ERR_NOMEM)
		return error_set(err, r, NULL, 0, "no memory for a column");
	if (r == TAPE_ERR_TOO_NEW)
		return error_set(err, r, NULL, 0,
				 "a column has a codec that this program does not know: "
				 "use a newer version of tape");
	if (r != 0)
		return error_set(err, r, NULL, 0, "a column is damaged");
	return 0;
}

int
column_decode(const uint8_t *data, size_t len, uint32_t count, unsigned width,
	      size_t limit, struct column_memory *m, struct column *out,
	      struct tape_error *err)
{
	struct input in = { data, len };
	struct column made = { .count = count, .width = (uint8_t)width };
	int r;

	if (width == 0) {
		r = entries(&in, count, limit, m, &made);
	} else {
		m->values.len = 0;
		r = pack_bytes_reserve(&m->values, (size_t)count * width + 16) != 0
			    ? TAPE_ERR_NOMEM
			    : fixed(&in, count, width, 0, m->values.data);
		made.values = m->values.data;
	}
	if (r == 0)
		*out = made;
	return why(r, err);
}

/* ---- one value ---- */

static int fixed_one(const struct input *in, uint32_t count, unsigned width, int depth,
		     uint32_t row, uint8_t *out);

static int
run_one(const struct input *in, uint32_t count, unsigned width, int depth, uint32_t row,
	uint8_t *out)
{
	struct input lengths = { 0 }, values = { 0 };
	uint32_t runs, i = 0, end = 0;
	uint8_t *n;
	int r = open_runs(in, count, &runs, &lengths, &values);

	if (r != 0)
		return r;
	n = malloc((size_t)runs * 4 + 16);
	if (n == NULL)
		return TAPE_ERR_NOMEM;
	r = fixed(&lengths, runs, 4, depth + 1, n);
	for (; r == 0 && i < runs; i++) {
		uint32_t len = get_le32(n + 4 * (size_t)i);

		if (len == 0 || len > count - end)
			r = TAPE_ERR_DAMAGED;
		end += len;
		if (row < end)
			break;
	}
	free(n);
	if (r == 0 && i == runs)
		r = TAPE_ERR_DAMAGED;
	return r == 0 ? fixed_one(&values, runs, width, depth + 1, i, out) : r;
}

static int
delta_one(const struct input *in, uint32_t count, unsigned width, uint32_t row,
	  uint8_t *out)
{
	const uint8_t *p = in->data, *end = in->data + in->len;
	uint64_t v;

	if ((width != 4 && width != 8) || in->len < width)
		return TAPE_ERR_DAMAGED;
	v = get_value(p, width);
	p += width;
	for (uint32_t first = 1; first <= row; first += DELTA_FRAME) {
		uint32_t n = count - first < DELTA_FRAME ? count - first : DELTA_FRAME;
		uint32_t used = row - first + 1 < n ? row - first + 1 : n;
		unsigned bits;
		size_t bytes;

		if ((size_t)(end - p) < width + 1u)
			return TAPE_ERR_DAMAGED;
		v += used * get_value(p, width);
		bits = p[width];
		p += width + 1;
		bytes = packed_bytes(n, bits);
		if (bits > 64 || (size_t)(end - p) < bytes)
			return TAPE_ERR_DAMAGED;
		for (uint32_t i = 0; i < used && bits != 0; i++)
			v += bits_at(p, (size_t)(end - p), (size_t)i * bits, bits);
		p += bytes;
	}
	put_value(out, width, v);
	return 0;
}

static int
dictionary_one(const struct input *in, uint32_t count, unsigned width, uint32_t row,
	       uint8_t *out)
{
	struct dictionary d;
	int r = open_dictionary(in, count, width, &d);

	return r == 0 ? look_up(&d, row, out) : r;
}

/* Byte planes: what was taken from the value before is put back by adding up a plane. */
static int
shuffle_one(const struct input *in, unsigned codec, uint32_t count, unsigned width,
	    uint32_t row, uint8_t *out)
{
	uint64_t sum = 0;

	if (!shuffle_sound(in, codec, count, width))
		return TAPE_ERR_DAMAGED;
	for (unsigned b = 0; b < width; b++) {
		const uint8_t *plane = in->data + (size_t)b * count;
		uint32_t all = 0;
		uint8_t each = 0;

		out[b] = plane[row];
		if (codec == COLUMN_XOR_SHUFFLE) {
			for (uint32_t i = 0; i <= row; i++)
				each ^= plane[i];
			out[b] = each;
		} else if (codec == COLUMN_DELTA_SHUFFLE) {
			for (uint32_t i = 0; i <= row; i++)
				all += plane[i];
			sum += (uint64_t)all << 8 * b;
		}
	}
	if (codec == COLUMN_DELTA_SHUFFLE)
		put_value(out, width, sum);
	return 0;
}

static int
fixed_one(const struct input *in, uint32_t count, unsigned width, int depth, uint32_t row,
	  uint8_t *out)
{
	struct input data;
	int codec = header(in, count, width, &data);

	if (codec < 0 || depth > CHUNK_DEPTH || width == 0)
		return TAPE_ERR_DAMAGED;
	switch (codec) {
	case COLUMN_PLAIN:
		if (data.len != (size_t)count * width)
			return TAPE_ERR_DAMAGED;
		memcpy(out, data.data + (size_t)row * width, width);
		return 0;
	case COLUMN_CONSTANT:
		return get_constant(&data, 1, width, out);
	case COLUMN_RUN:
		return run_one(&data, count, width, depth, row, out);
	case COLUMN_DELTA:
		return delta_one(&data, count, width, row, out);
	case COLUMN_DICTIONARY:
		return dictionary_one(&data, count, width, row, out);
	case COLUMN_SHUFFLE:
	case COLUMN_XOR_SHUFFLE:
	case COLUMN_DELTA_SHUFFLE:
		return shuffle_one(&data, (unsigned)codec, count, width, row, out);
	default:
		return TAPE_ERR_TOO_NEW;
	}
}

/* Of a text chunk; its ends are laid out. */
static int
text_one(const struct input *data, uint32_t count, size_t limit, uint32_t row,
	 struct pack_bytes *room, struct pack_bytes *to)
{
	uint32_t *ends = ends_room(room, count), from;
	const uint8_t *bytes;
	int r = ends == NULL ? TAPE_ERR_NOMEM
			     : get_text(data, count, limit, ends, &bytes);

	if (r != 0)
		return r;
	from = row == 0 ? 0 : ends[row - 1];
	return pack_bytes_add(to, bytes + from, ends[row] - from);
}

static int
text_dictionary_one(const struct input *data, uint32_t count, size_t limit, uint32_t row,
		    struct pack_bytes *room, struct pack_bytes *to)
{
	struct input rest = *data, entries, indexes, inner;
	uint8_t which[4];
	uint32_t n;
	int r;

	if (nested(&rest, &entries) != 0 || nested(&rest, &indexes) != 0 ||
	    rest.len != 0 || entries.len < CHUNK_HEADER)
		return TAPE_ERR_DAMAGED;
	n = get_le32(entries.data + 4);
	if (n == 0 || n > count || header(&entries, n, 0, &inner) != COLUMN_TEXT)
		return TAPE_ERR_DAMAGED;
	r = fixed_one(&indexes, count, 4, 1, row, which);
	if (r == 0 && get_le32(which) >= n)
		r = TAPE_ERR_DAMAGED;
	return r == 0 ? text_one(&inner, n, limit, get_le32(which), room, to) : r;
}

static int
entry_one(const struct input *in, uint32_t count, size_t limit, uint32_t row,
	  struct column_memory *m, struct pack_bytes *to)
{
	struct input data;
	int codec = header(in, count, 0, &data);

	if (codec < 0)
		return codec;
	if (limit > UINT32_MAX)
		limit = UINT32_MAX;
	switch (codec) {
	case COLUMN_CONSTANT:
		return pack_bytes_add(to, data.data, data.len);
	case COLUMN_TEXT:
		return text_one(&data, count, limit, row, &m->scratch[0], to);
	case COLUMN_TEXT_DICTIONARY:
		return text_dictionary_one(&data, count, limit, row, &m->scratch[0], to);
	default:
		return TAPE_ERR_TOO_NEW;
	}
}

int
column_value(const uint8_t *data, size_t len, uint32_t count, unsigned width,
	     size_t limit, uint32_t row, struct column_memory *m, struct pack_bytes *to,
	     struct tape_error *err)
{
	struct input in = { data, len };
	uint8_t value[16];
	int r;

	if (row >= count || width > sizeof value)
		return why(TAPE_ERR_DAMAGED, err);
	if (width == 0) {
		r = entry_one(&in, count, limit, row, m, to);
	} else {
		r = fixed_one(&in, count, width, 0, row, value);
		if (r == 0)
			r = pack_bytes_add(to, value, width);
	}
	return why(r, err);
}
