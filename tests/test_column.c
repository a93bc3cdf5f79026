/* SPDX-License-Identifier: Apache-2.0 */
/* Columns and bitmaps: what is put in comes out, and nothing else does. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/bitmap.h"
#include "format/column.h"
#include "format/le.h"
#include "tests/support/suite.h"

#define MOST 20000u

static struct pack_codec *codec;
static uint64_t seed = 88172645463325252u;

static uint64_t
rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static void
setup(void)
{
	codec = pack_codec_new();
	ck_assert_ptr_nonnull(codec);
}

static void
teardown(void)
{
	pack_codec_free(codec);
}

/* Values that are asked for alone are those of the whole. */
static void
one_by_one(const struct pack_bytes *made, const struct column *in)
{
	uint32_t step = in->count < 500 ? 1 : in->count / 300;
	struct column_memory m = { 0 };
	struct pack_bytes value = { 0 };

	for (uint32_t i = 0; i < in->count; i += step) {
		uint32_t from =
			in->width == 0 && i != 0 ? in->ends[i - 1] : i * in->width;
		uint32_t to = in->width == 0 ? in->ends[i] : from + in->width;

		value.len = 0;
		ck_assert_int_eq(column_value(made->data, made->len, in->count, in->width,
					      SIZE_MAX, i, &m, &value, NULL),
				 0);
		ck_assert_uint_eq(value.len, to - from);
		if (to != from)
			ck_assert_mem_eq(value.data, in->values + from, to - from);
	}
	ck_assert_int_ne(column_value(made->data, made->len, in->count, in->width,
				      SIZE_MAX, in->count, &m, &value, NULL),
			 0);
	column_memory_release(&m);
	pack_bytes_release(&value);
}

/* Encodes, decodes, compares; the codec that was chosen. */
static unsigned
trip(const struct column *in)
{
	struct pack_bytes made = { 0 }, again = { 0 };
	struct column_memory m = { 0 };
	struct column out;
	size_t len = in->width != 0   ? (size_t)in->count * in->width
		     : in->count == 0 ? 0
				      : in->ends[in->count - 1];
	unsigned which;

	ck_assert_int_eq(column_encode(codec, in, &made, NULL), 0);
	ck_assert_int_eq(column_encode(codec, in, &again, NULL), 0);
	ck_assert_uint_eq(made.len, again.len);
	ck_assert_mem_eq(made.data, again.data, made.len);
	which = made.data[0];
	ck_assert_int_eq(column_decode(made.data, made.len, in->count, in->width,
				       SIZE_MAX, &m, &out, NULL),
			 0);
	ck_assert_uint_eq(out.count, in->count);
	if (len != 0)
		ck_assert_mem_eq(out.values, in->values, len);
	for (uint32_t i = 0; in->width == 0 && i < in->count; i++)
		ck_assert_uint_eq(out.ends[i], in->ends[i]);
	one_by_one(&made, in);
	ck_assert_int_ne(column_decode(made.data, made.len, in->count + 1, in->width,
				       SIZE_MAX, &m, &out, NULL),
			 0);
	column_memory_release(&m);
	pack_bytes_release(&made);
	pack_bytes_release(&again);
	return which;
}

static const uint32_t counts[] = { 0, 1, 2, 7, 8, 127, 128, 129, 130, 1023, 8192, MOST };
#define COUNTS (sizeof counts / sizeof counts[0])

enum pattern { STEPS, WALK, RANDOM, FEW, SAME, STRETCHES, EXTREMES, PATTERNS };

static uint64_t
value(enum pattern pattern, uint32_t i, uint64_t before)
{
	double d;

	switch (pattern) {
	case STEPS:
		return 1000 + i * 3u;
	case WALK:
		memcpy(&d, &before, sizeof d);
		d = i == 0 ? 300 : d + ((double)(rnd() % 1000) - 500) / 1e4;
		memcpy(&before, &d, sizeof d);
		return before;
	case RANDOM:
		return rnd();
	case FEW:
		return rnd() % 5 * UINT64_C(0x123456789abcdef);
	case SAME:
		return UINT64_C(0x7ff8000000000123);
	case STRETCHES:
		return i / 100;
	default:
		return i % 2 ? (uint64_t)INT64_MIN : (uint64_t)INT64_MAX;
	}
}

START_TEST(values_of_every_width_and_pattern_come_back)
{
	static const uint8_t widths[] = { 1, 2, 4, 8, 16 };
	uint8_t *values = malloc(MOST * 16u);

	for (size_t w = 0; w < sizeof widths; w++)
		for (int p = 0; p < PATTERNS; p++)
			for (size_t c = 0; c < COUNTS; c++) {
				struct column in = { counts[c], widths[w],
						     (uint8_t)(_i % 3), values, NULL };
				uint64_t v = 0;

				for (uint32_t i = 0; i < counts[c]; i++) {
					uint8_t wide[16] = { 0 };

					v = value((enum pattern)p, i, v);
					put_le64(wide, v);
					memcpy(values + (size_t)i * widths[w], wide,
					       widths[w]);
				}
				(void)trip(&in);
			}
	free(values);
}
END_TEST

START_TEST(entries_of_every_pattern_come_back)
{
	struct pack_bytes bytes = { 0 };
	uint32_t *ends = malloc(MOST * sizeof *ends);
	char text[64];

	for (int p = 0; p < 4; p++)
		for (size_t c = 0; c < COUNTS; c++) {
			struct column in = { counts[c], 0, COLUMN_OTHER, NULL, ends };

			bytes.len = 0;
			for (uint32_t i = 0; i < counts[c]; i++) {
				int len = snprintf(text, sizeof text, "%llu",
						   p == 0   ? 7ull
						   : p == 1 ? rnd() % 3
							    : (unsigned long long)rnd());

				if (p == 3 && i % 2)
					len = 0;
				ck_assert_int_eq(
					pack_bytes_add(&bytes, text, (size_t)len), 0);
				ends[i] = (uint32_t)bytes.len;
			}
			in.values = bytes.data;
			(void)trip(&in);
		}
	free(ends);
	pack_bytes_release(&bytes);
}
END_TEST

static unsigned
codec_of(enum pattern pattern, enum column_class class)
{
	uint8_t values[8192 * 8];
	struct column in = { 8192, 8, (uint8_t) class, values, NULL };
	uint64_t v = 0;

	for (uint32_t i = 0; i < 8192; i++) {
		v = value(pattern, i, v);
		put_le64(values + 8 * i, v);
	}
	return trip(&in);
}

START_TEST(each_pattern_gets_the_codec_that_suits_it)
{
	ck_assert_uint_eq(codec_of(SAME, COLUMN_REAL), COLUMN_CONSTANT);
	ck_assert_uint_eq(codec_of(STRETCHES, COLUMN_INTEGER), COLUMN_RUN);
	ck_assert(codec_of(STEPS, COLUMN_INTEGER) == COLUMN_DELTA ||
		  codec_of(STEPS, COLUMN_INTEGER) == COLUMN_DELTA_SHUFFLE);
	ck_assert_uint_eq(codec_of(FEW, COLUMN_INTEGER), COLUMN_DICTIONARY);
	ck_assert_uint_ne(codec_of(WALK, COLUMN_REAL), COLUMN_PLAIN);
}
END_TEST

/* Any bytes: no crash, no more than what fits. */
START_TEST(damaged_chunks_are_refused_or_give_as_many_values)
{
	uint8_t values[300 * 8];
	uint32_t ends[300];
	struct column_memory m = { 0 };
	struct pack_bytes one = { 0 };
	struct column out;

	for (int p = 0; p < PATTERNS * 2; p++) {
		bool text = p >= PATTERNS;
		struct column in = { 300, text ? 0 : 8, COLUMN_INTEGER, values, ends };
		struct pack_bytes made = { 0 };
		uint64_t v = 0;

		for (uint32_t i = 0; i < 300; i++) {
			v = value((enum pattern)(p % PATTERNS), i, v);
			put_le64(values + 8 * i, v);
			ends[i] = 8 * (i + 1);
		}
		ck_assert_int_eq(column_encode(codec, &in, &made, NULL), 0);
		/* An entry that all share may be of any length. */
		for (size_t cut = 0; cut < made.len; cut++) {
			if (text && made.data[0] == COLUMN_CONSTANT)
				break;
			uint8_t *copy = malloc(cut + 1);

			memcpy(copy, made.data, cut);
			ck_assert_int_ne(column_decode(copy, cut, 300, in.width, 1 << 20,
						       &m, &out, NULL),
					 0);
			free(copy);
		}
		for (size_t bit = 0; bit < made.len * 8; bit++) {
			made.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (column_decode(made.data, made.len, 300, in.width, 1 << 20, &m,
					  &out, NULL) == 0)
				ck_assert_uint_eq(out.count, 300);
			one.len = 0;
			(void)column_value(made.data, made.len, 300, in.width, 1 << 20,
					   (uint32_t)bit % 300, &m, &one, NULL);
			made.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		pack_bytes_release(&made);
	}
	column_memory_release(&m);
	pack_bytes_release(&one);
}
END_TEST

/* ---- bitmaps ---- */

static size_t
bitmap_trip(const struct bitmap *set, uint32_t rows)
{
	struct pack_bytes made = { 0 };
	struct bitmap back;
	size_t at = 0, len;

	ck_assert_int_eq(bitmap_encode(set, rows, &made), 0);
	ck_assert_int_eq(bitmap_decode(made.data, made.len, &at, rows, &back), 0);
	ck_assert_uint_eq(at, made.len);
	for (uint32_t i = 0; i < BITMAP_ROWS; i++)
		ck_assert_int_eq(bitmap_has(&back, i), i < rows && bitmap_has(set, i));
	for (size_t cut = 0; cut < made.len && cut < 64; cut++) {
		at = 0;
		ck_assert_int_ne(bitmap_decode(made.data, cut, &at, rows, &back), 0);
	}
	len = made.len;
	pack_bytes_release(&made);
	return len;
}

START_TEST(bitmaps_take_the_shortest_form_and_come_back)
{
	static struct bitmap set;
	static const uint32_t rows[] = { 1, 7, 8, 65, 4096, 65535, 65536 };

	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		uint32_t n = rows[r];

		memset(&set, 0, sizeof set);
		ck_assert_uint_eq(bitmap_trip(&set, n), 1);
		for (uint32_t i = 0; i < n; i++)
			bitmap_set(&set, i);
		ck_assert_uint_eq(bitmap_trip(&set, n), 1);
		memset(&set, 0, sizeof set);
		for (uint32_t i = 0; i < n; i += 1 + (uint32_t)rnd() % 3)
			bitmap_set(&set, i);
		ck_assert_uint_le(bitmap_trip(&set, n), 1 + (n + 7) / 8 + 4);
		memset(&set, 0, sizeof set);
		for (uint32_t i = n / 3; i < n / 2 + 1 && i < n; i++)
			bitmap_set(&set, i);
		ck_assert_uint_le(bitmap_trip(&set, n), 7);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("column");
	TCase *tc = tcase_create("all");

	printf("seed %llu\n", (unsigned long long)seed);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 240);
	tcase_add_loop_test(tc, values_of_every_width_and_pattern_come_back, 0, 3);
	tcase_add_test(tc, entries_of_every_pattern_come_back);
	tcase_add_test(tc, each_pattern_gets_the_codec_that_suits_it);
	tcase_add_test(tc, damaged_chunks_are_refused_or_give_as_many_values);
	tcase_add_test(tc, bitmaps_take_the_shortest_form_and_come_back);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
