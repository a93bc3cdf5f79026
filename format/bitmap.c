/* SPDX-License-Identifier: Apache-2.0 */
#include "format/bitmap.h"

#include <string.h>

#include "format/le.h"
#include "tape/value.h"

enum form { FORM_NONE, FORM_ALL, FORM_LIST, FORM_RUNS, FORM_BITS };

static bool
has(const struct bitmap *set, uint32_t row, uint32_t rows)
{
	return row < rows && bitmap_has(set, row);
}

static void
count_rows(const struct bitmap *set, uint32_t rows, uint32_t *bits, uint32_t *runs)
{
	*bits = *runs = 0;
	for (uint32_t i = 0; i < rows; i++) {
		bool here = bitmap_has(set, i);

		*bits += here;
		*runs += here && !has(set, i + 1, rows);
	}
}

static int
put16(struct pack_bytes *out, uint32_t v)
{
	uint8_t two[2];

	put_le16(two, (uint16_t)v);
	return pack_bytes_add(out, two, sizeof two);
}

static int
put_list(const struct bitmap *set, uint32_t rows, struct pack_bytes *out)
{
	int r = 0;

	for (uint32_t i = 0; i < rows && r == 0; i++)
		if (bitmap_has(set, i))
			r = put16(out, i);
	return r;
}

static int
put_runs(const struct bitmap *set, uint32_t rows, struct pack_bytes *out)
{
	uint32_t first = 0;
	int r = 0;

	for (uint32_t i = 0; i < rows && r == 0; i++) {
		if (!bitmap_has(set, i))
			continue;
		if (i == 0 || !bitmap_has(set, i - 1))
			first = i;
		if (!has(set, i + 1, rows))
			r = put16(out, first) != 0 || put16(out, i - first) != 0
				    ? TAPE_ERR_NOMEM
				    : 0;
	}
	return r;
}

static int
put_bits(const struct bitmap *set, uint32_t rows, struct pack_bytes *out)
{
	uint32_t bytes = (rows + 7) / 8;

	if (pack_bytes_reserve(out, bytes) != 0)
		return TAPE_ERR_NOMEM;
	for (uint32_t i = 0; i < bytes; i++)
		out->data[out->len++] = (uint8_t)(set->words[i / 8] >> (i % 8 * 8));
	if (rows % 8 != 0)
		out->data[out->len - 1] &= (uint8_t)((1u << rows % 8) - 1);
	return 0;
}

/* The shortest form of a set; *bytes what it takes, *items of a list or of runs. */
static enum form
choose(uint32_t bits, uint32_t runs, uint32_t rows, uint32_t *bytes, uint32_t *items)
{
	uint32_t list = 2 + 2 * bits, run = 2 + 4 * runs, all = (rows + 7) / 8;

	*bytes = 1;
	*items = 0;
	if (bits == 0)
		return FORM_NONE;
	if (bits == rows)
		return FORM_ALL;
	if (list <= run && list <= all) {
		*bytes = 1 + list;
		*items = bits;
		return FORM_LIST;
	}
	if (run <= all) {
		*bytes = 1 + run;
		*items = runs;
		return FORM_RUNS;
	}
	*bytes = 1 + all;
	return FORM_BITS;
}

static int
put_head(enum form form, uint32_t items, struct pack_bytes *out)
{
	uint8_t byte = (uint8_t)form;
	int r = pack_bytes_add(out, &byte, 1);

	return r == 0 && items != 0 ? put16(out, items - 1) : r;
}

int
bitmap_encode(const struct bitmap *set, uint32_t rows, struct pack_bytes *out)
{
	uint32_t bits, runs, bytes, items;
	enum form form;
	int r;

	count_rows(set, rows, &bits, &runs);
	form = choose(bits, runs, rows, &bytes, &items);
	r = put_head(form, items, out);
	if (r != 0 || form < FORM_LIST)
		return r;
	if (form == FORM_LIST)
		return put_list(set, rows, out);
	return form == FORM_RUNS ? put_runs(set, rows, out) : put_bits(set, rows, out);
}

/* ---- from lists of rows ---- */

static uint32_t
runs_of(const uint16_t *list, uint32_t count)
{
	uint32_t runs = count != 0;

	for (uint32_t i = 1; i < count; i++)
		runs += list[i] != list[i - 1] + 1;
	return runs;
}

size_t
bitmap_list_bytes(const uint16_t *list, uint32_t count, uint32_t rows)
{
	uint32_t bytes, items;

	(void)choose(count, runs_of(list, count), rows, &bytes, &items);
	return bytes;
}

static void
write_runs(const uint16_t *list, uint32_t count, uint8_t *at)
{
	for (uint32_t i = 0, first; i < count; at += 4) {
		first = i;
		while (++i < count && list[i] == list[i - 1] + 1)
			;
		put_le16(at, list[first]);
		put_le16(at + 2, (uint16_t)(i - 1 - first));
	}
}

int
bitmap_encode_list(const uint16_t *list, uint32_t count, uint32_t rows,
		   struct pack_bytes *out)
{
	uint32_t bytes, items;
	enum form form = choose(count, runs_of(list, count), rows, &bytes, &items);
	uint8_t *at;

	if (pack_bytes_reserve(out, bytes) != 0 || put_head(form, items, out) != 0)
		return TAPE_ERR_NOMEM;
	at = out->data + out->len;
	if (form == FORM_LIST) {
		for (uint32_t i = 0; i < count; i++)
			put_le16(at + 2 * (size_t)i, list[i]);
		out->len += 2 * (size_t)count;
	} else if (form == FORM_RUNS) {
		write_runs(list, count, at);
		out->len += 4 * (size_t)items;
	} else if (form == FORM_BITS) {
		memset(at, 0, bytes - 1);
		for (uint32_t i = 0; i < count; i++)
			at[list[i] / 8] |= (uint8_t)(1u << list[i] % 8);
		out->len += bytes - 1;
	}
	return 0;
}

/* ---- reading ---- */

static void
set_range(struct bitmap *out, uint32_t first, uint32_t count)
{
	uint32_t end = first + count;

	for (; first < end && first % 64 != 0; first++)
		bitmap_set(out, first);
	for (; end - first >= 64; first += 64)
		out->words[first / 64] = UINT64_MAX;
	for (; first < end; first++)
		bitmap_set(out, first);
}

static int
get_list(const uint8_t *data, size_t count, uint32_t rows, struct bitmap *out)
{
	int64_t before = -1;

	for (size_t i = 0; i < count; i++) {
		uint32_t row = get_le16(data + 2 * i);

		if (row >= rows || (int64_t)row <= before)
			return TAPE_ERR_DAMAGED;
		bitmap_set(out, row);
		before = row;
	}
	return 0;
}

static int
get_runs(const uint8_t *data, size_t count, uint32_t rows, struct bitmap *out)
{
	int64_t end = -1;

	for (size_t i = 0; i < count; i++) {
		uint32_t first = get_le16(data + 4 * i);
		uint32_t len = get_le16(data + 4 * i + 2) + 1u;

		if ((int64_t)first <= end || first + len > rows)
			return TAPE_ERR_DAMAGED;
		set_range(out, first, len);
		end = (int64_t)first + len;
	}
	return 0;
}

static int
get_bits(const uint8_t *data, size_t len, uint32_t rows, struct bitmap *out)
{
	if (rows % 8 != 0 && data[len - 1] >> rows % 8 != 0)
		return TAPE_ERR_DAMAGED;
	for (size_t i = 0; i < len; i++)
		out->words[i / 8] |= (uint64_t)data[i] << (i % 8 * 8);
	return 0;
}

int
bitmap_decode(const uint8_t *data, size_t len, size_t *at, uint32_t rows,
	      struct bitmap *out)
{
	size_t left = len - *at, need = 1, count = 0;
	const uint8_t *p = data + *at;
	uint8_t form;
	int r = 0;

	memset(out, 0, sizeof *out);
	if (*at >= len || rows > BITMAP_ROWS)
		return TAPE_ERR_DAMAGED;
	form = p[0];
	if (form == FORM_LIST || form == FORM_RUNS) {
		if (left < 3)
			return TAPE_ERR_DAMAGED;
		count = get_le16(p + 1) + 1u;
		need = 3 + count * (form == FORM_LIST ? 2 : 4);
	} else if (form == FORM_BITS) {
		need = 1 + (rows + 7) / 8;
	}
	if (form > FORM_BITS || need > left)
		return TAPE_ERR_DAMAGED;
	if (form == FORM_ALL)
		set_range(out, 0, rows);
	else if (form == FORM_LIST)
		r = get_list(p + 3, count, rows, out);
	else if (form == FORM_RUNS)
		r = get_runs(p + 3, count, rows, out);
	else if (form == FORM_BITS)
		r = get_bits(p + 1, need - 1, rows, out);
	*at += need;
	return r;
}
