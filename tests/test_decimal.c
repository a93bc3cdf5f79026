/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as they are read are those of strtod, bit by bit. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/decimal.h"
#include "tests/support/suite.h"

static size_t taken; /* without strtod */

static void
expect_same(const char *text)
{
	struct scanned d = decimal_read(text, strlen(text));
	double value, want = strtod(text, NULL);

	if (!decimal_double(&d, &value))
		return;
	taken++;
	ck_assert_msg(memcmp(&value, &want, sizeof(value)) == 0, "%s: %a, strtod: %a",
		      text, value, want);
}

/* Must be read without strtod, which would be right in any case. */
static void
expect_taken(const char *text)
{
	size_t before = taken;

	expect_same(text);
	ck_assert_msg(taken == before + 1, "%s was left to strtod", text);
}

/* Both signs, and with zeros that say nothing. */
static void
expect_spellings(const char *text)
{
	char other[120];

	expect_taken(text);
	snprintf(other, sizeof other, "-%s", text);
	expect_taken(other);
	snprintf(other, sizeof other, "-0000000000000000000000%s", text);
	expect_taken(other);
}

START_TEST(known_numbers)
{
	static const char *const texts[] = {
		"0",
		"0.0",
		"0e27",
		"1",
		"0.1",
		"1e22",
		"1e23",
		"1e27",
		"1e-27",
		"123456789012345678e-27",
		"0.0090005041880597773",
		"300.39617239312361",
		"1.4999990927228999",
		"1.7976931348623157",
		"18446744073709551615",
		"10000000000000000000",
		"10000000000000000000e27",
		"18446744073709551615e27",
		"18446744073709551615e-27",
		"9999999999999999999e27",
		"9007199254740993",   /* 2^53 + 1: a tie, down to even */
		"9007199254740995",   /* up to even */
		"4503599627370496.5", /* the same behind the point */
		"4503599627370497.5",
		"9007199254740993.001", /* no tie */
		"9007199254740992.999",
		"18014398509481985.5",	/* 2^54 + 1.5 */
		"18446744073709550592", /* 2^64 - 1024: a tie that goes to 2^64 */
		"18446744073709550591",
		"9.5367431640625e-7", /* 2^-20 */
		"0.000000000000000000000000010",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		expect_spellings(texts[i]);
}
END_TEST

START_TEST(what_does_not_fit_is_left_to_strtod)
{
	static const char *const texts[] = {
		"18446744073709551616",
		"20000000000000000000",
		"99999999999999999999",
		"1e18446744073709551615",
		"1e18446744073709551616",
		"1e18446744073709551617",
		"1e-18446744073709551616",
		"100000000000000000000",
		"1e28",
		"1e-28",
		"1e308",
		"5e-324",
		"1e99999999999999999999",
		"1e-99999999999999999999",
	};
	double value;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct scanned d = decimal_read(texts[i], strlen(texts[i]));

		ck_assert_msg(!decimal_double(&d, &value), "%s", texts[i]);
	}
}
END_TEST

/* 0.000...01e+N, whose exponent takes back what its zeros say. */
START_TEST(long_fractions_are_no_short_numbers)
{
	static char text[150100];

	static const size_t all[] = { 0, 1, 30, 1000, 99999, 100000, 100027, 150000 };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		size_t zeros = all[i];

		memset(text, '0', sizeof text);
		text[1] = '.';
		snprintf(text + 2 + zeros, 40, "1e+%zu", zeros);
		expect_taken(text);
		snprintf(text + 2 + zeros, 40, "1e+%d", 100000);
		expect_same(text);
	}
}
END_TEST

START_TEST(integers_are_exact_as_far_as_they_fit)
{
	struct scanned d = decimal_read("-9223372036854775808", 20);

	ck_assert(d.valid && d.exact && d.negative);
	ck_assert_uint_eq(d.digits, (uint64_t)1 << 63);
	d = decimal_read("00000000000000000000000018446744073709551615", 44);
	ck_assert(d.valid && d.exact && !d.negative);
	ck_assert_uint_eq(d.digits, UINT64_MAX);
	/* Any that begins with 2 is too large, however it ends. */
	d = decimal_read("28446744073709551616", 20);
	ck_assert(d.valid && !d.exact);
	d = decimal_read("12", 1);
	ck_assert_uint_eq(d.digits, 1);
	d = decimal_read("10000000000000000000", 20);
	ck_assert(d.valid && d.exact);
	ck_assert_uint_eq(d.digits, UINT64_C(10000000000000000000));
	d = decimal_read("1.", 2);
	ck_assert(d.valid && d.exponent == 0);
	d = decimal_read("1e0", 3);
	ck_assert(d.valid && d.exponent == 0);
}
END_TEST

/* Nothing behind the text is looked at, nor taken. */
START_TEST(a_text_ends_where_it_ends)
{
	static const char digits[] = "123456789012345678901234567890";
	const uint64_t all[] = { 1,	    12,		123,	    1234,
				 12345,	    123456,	1234567,    12345678,
				 123456789, 1234567890, 12345678901 };

	for (size_t len = 1; len <= sizeof(all) / sizeof(*all); len++) {
		char *text = malloc(len);
		struct scanned d;

		ck_assert_ptr_nonnull(text);
		memcpy(text, digits, len);
		d = decimal_read(text, len);
		ck_assert(d.valid && d.exact);
		ck_assert_uint_eq(d.digits, all[len - 1]);
		ck_assert_uint_eq(decimal_read(digits, len).digits, all[len - 1]);
		free(text);
	}
}
END_TEST

/* ---- by chance ---- */

static uint64_t
chance(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* That number, and those beside it. */
static void
expect_near(uint64_t digits, int exponent)
{
	char text[60];

	for (int near = -1; near <= 1; near++) {
		snprintf(text, sizeof text, "%" PRIu64 "e%d",
			 digits + (uint64_t)(int64_t)near, exponent);
		expect_taken(text);
	}
}

START_TEST(numbers_by_chance)
{
	unsigned seed = suite_seed();
	const int rounds = 100000 / suite_step(20);
	uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	char text[120];

	for (int i = 0; i < rounds; i++) {
		uint64_t digits = chance(&state) >> chance(&state) % 60;
		int at, k = (int)(chance(&state) % 61) - 30;

		/* As programs print them. */
		snprintf(text, sizeof text, "%.*g", (int)(chance(&state) % 4) + 15,
			 (double)digits / (double)(chance(&state) >> 20 | 1));
		expect_same(text);
		/* Any digits with any exponent. */
		snprintf(text, sizeof text, "%" PRIu64 "e%d", digits, k);
		expect_same(text);
		/* A point among them. */
		at = snprintf(text, sizeof text, "%" PRIu64, digits);
		memmove(text + at / 2 + 1, text + at / 2, (size_t)(at - at / 2) + 1);
		text[at / 2] = '.';
		if (at > 1)
			expect_same(text);
		/* Half-way between two doubles, just so and just not. */
		digits = (digits >> 11 | UINT64_C(1) << 52) * 2 + 1;
		expect_near(digits << chance(&state) % 10, 0);
		/* The same behind a point: so many halves, quarters, eighths ... */
		digits = (chance(&state) >> 12 | UINT64_C(1) << 52) * 2 + 1;
		k = (int)(chance(&state) % 4) + 1;
		for (int times = 0; times < k; times++)
			digits *= 5;
		expect_near(digits, -k);
		/* And of a product: odd * 5^k has 54 bits, and zeros follow. */
		k = (int)(chance(&state) % 10) + 1;
		digits = UINT64_C(1) << 53;
		for (int times = 0; times < k; times++)
			digits /= 5;
		digits = (digits + 1 + chance(&state) % (digits - 1)) | 1;
		expect_near(digits << __builtin_clzll(digits), k);
	}
	ck_assert_uint_gt(taken, 10 * (size_t)rounds);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("decimal");
	TCase *tc = tcase_create("all");

	tcase_add_test(tc, known_numbers);
	tcase_add_test(tc, what_does_not_fit_is_left_to_strtod);
	tcase_add_test(tc, long_fractions_are_no_short_numbers);
	tcase_add_test(tc, integers_are_exact_as_far_as_they_fit);
	tcase_add_test(tc, a_text_ends_where_it_ends);
	tcase_add_test(tc, numbers_by_chance);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
