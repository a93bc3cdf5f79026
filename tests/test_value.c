/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tape/value.h"
#include "tests/support/suite.h"

static uint64_t
double_bits(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	return bits;
}

static void
check_double(double value, const char *expected)
{
	char text[TAPE_DOUBLE_TEXT];
	size_t len = tape_double_text(value, text);

	ck_assert_str_eq(text, expected);
	ck_assert_uint_eq(len, strlen(expected));
}

START_TEST(doubles_are_spelled_as_python_spells_them)
{
	check_double(0.0, "0.0");
	check_double(-0.0, "-0.0");
	check_double(1.0, "1.0");
	check_double(-1.5, "-1.5");
	check_double(0.1, "0.1");
	check_double(1.0 / 3.0, "0.3333333333333333");
	check_double(100.0, "100.0");
	check_double(1e15, "1000000000000000.0");
	check_double(1e16, "1e+16");
	check_double(12345678901234567.0, "1.2345678901234568e+16");
	check_double(0.0001, "0.0001");
	check_double(0.00001, "1e-05");
	check_double(5e-324, "5e-324");
	check_double(2.2250738585072014e-308, "2.2250738585072014e-308");
	check_double(-1.7976931348623157e308, "-1.7976931348623157e+308");
	check_double(9007199254740993.0, "9007199254740992.0");
	check_double(1e22, "1e+22");
	check_double(1e23, "1e+23");
	/* A power of two: the nearest 16 digits lie outside the narrow side of its interval. */
	check_double(ldexp(1, -24), "5.960464477539063e-08");
	check_double((double)NAN, "NaN");
	check_double(-(double)NAN, "NaN");
	check_double((double)INFINITY, "Infinity");
	check_double(-(double)INFINITY, "-Infinity");
}
END_TEST

START_TEST(floats_are_spelled_in_their_own_width)
{
	char text[TAPE_DOUBLE_TEXT];

	ck_assert_uint_eq(tape_float_text(0.1f, text), 3);
	ck_assert_str_eq(text, "0.1");
	tape_float_text(16777216.0f, text);
	ck_assert_str_eq(text, "16777216.0");
	tape_float_text(1e-45f, text);
	ck_assert_str_eq(text, "1e-45");
	tape_float_text(3.4028235e38f, text);
	ck_assert_str_eq(text, "3.4028235e+38");
	tape_half_text(0x2e66, text);
	ck_assert_str_eq(text, "0.1");
	tape_half_text(0xfc00, text);
	ck_assert_str_eq(text, "-Infinity");
}
END_TEST

/* One line of the reference: kind, bits, spelling. */
static void
check_line(const char *line)
{
	char text[TAPE_DOUBLE_TEXT], expected[64], kind;
	uint64_t bits;
	double value;
	float narrow;
	uint32_t bits32;

	/* Without a check a line: each of those is a message to the test runner. */
	if (sscanf(line, "%c %" SCNx64 " %63s", &kind, &bits, expected) != 3)
		ck_abort_msg("no line of the reference: %s", line);
	bits32 = (uint32_t)bits;
	memcpy(&value, &bits, sizeof value);
	memcpy(&narrow, &bits32, sizeof narrow);
	if (kind == 'd')
		tape_double_text(value, text);
	else if (kind == 'f')
		tape_float_text(narrow, text);
	else
		tape_half_text((uint16_t)bits, text);
	if (strcmp(text, expected) != 0)
		ck_abort_msg("%s gave %s", line, text);
	if (kind == 'd' && isfinite(value)) {
		double back = 0;

		if (tape_double_parse(text, strlen(text), &back) != 0 ||
		    double_bits(back) != bits)
			ck_abort_msg("%s read back differs", line);
	}
}

START_TEST(random_numbers_are_spelled_as_python_spells_them)
{
	char command[1200], line[128];
	unsigned long lines = 0;

	snprintf(command, sizeof command, "python3 '%s' %u %d", REFERENCE_REPR,
		 suite_seed(), 100000 / suite_step(5));

	FILE *reference = popen(command, "r");

	ck_assert_ptr_nonnull(reference);
	while (fgets(line, sizeof line, reference)) {
		line[strcspn(line, "\n")] = '\0';
		check_line(line);
		lines++;
	}
	ck_assert_int_eq(pclose(reference), 0);
	ck_assert_uint_gt(lines, 300000u / (unsigned)suite_step(5));
}
END_TEST

START_TEST(numbers_are_spelled_and_read_the_same_in_every_locale)
{
	double value = 0;

	if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8"))
		puts("no locale with a decimal comma here: tested in C only");
	check_double(1234.5678, "1234.5678");
	ck_assert_int_eq(tape_double_parse("1234.5678901234567891", 21, &value), 0);
	ck_assert(double_bits(value) == double_bits(1234.5678901234567891));
	setlocale(LC_ALL, "C");
}
END_TEST

START_TEST(texts_that_are_no_numbers_are_refused_and_nothing_is_written)
{
	static const char *const bad[] = { "",	    "-",       ".",    "e5",  "1e",
					   "1e+",   "1.2.3",   "0x10", " 1",  "1 ",
					   "nan",   "inf",     "1,5",  "--1", "1e5.0",
					   "1_000", "Infinity" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		double value = 42;

		ck_assert_msg(tape_double_parse(bad[i], strlen(bad[i]), &value) ==
				      TAPE_ERR_SYNTAX,
			      "%s", bad[i]);
		ck_assert(double_bits(value) == double_bits(42));
	}
}
END_TEST

START_TEST(texts_of_numbers_are_read_with_correct_rounding)
{
	static const struct {
		const char *text;
		double value;
	} good[] = {
		{ "0", 0.0 },
		{ "-0", -0.0 },
		{ "1.", 1.0 },
		{ ".5", 0.5 },
		{ "+2e3", 2000.0 },
		{ "9007199254740993", 9007199254740993.0 },
		{ "123456789012345678901234567890", 123456789012345678901234567890.0 },
		{ "1e400", (double)INFINITY },
		{ "-1e400", -(double)INFINITY },
		{ "1e-400", 0.0 },
		{ "1e99999999999999999999", (double)INFINITY },
		{ "0.1e-22", 1e-23 },
		{ "2.2250738585072011e-308", 2.2250738585072011e-308 },
	};

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		double value = 42;

		ck_assert_int_eq(
			tape_double_parse(good[i].text, strlen(good[i].text), &value), 0);
		ck_assert_msg(double_bits(value) == double_bits(good[i].value),
			      "%s gave %a", good[i].text, value);
	}
}
END_TEST

START_TEST(a_number_of_a_thousand_digits_is_read)
{
	char text[1100];
	double value = 0;

	memset(text, '3', sizeof text);
	text[1] = '.';
	ck_assert_int_eq(tape_double_parse(text, sizeof text, &value), 0);
	ck_assert(double_bits(value) == double_bits(10.0 / 3.0));
}
END_TEST

START_TEST(times_are_spelled_in_utc_with_nanoseconds)
{
	char text[TAPE_TIME_TEXT];

	ck_assert_uint_eq(tape_time_text(0, text), 30);
	ck_assert_str_eq(text, "1970-01-01T00:00:00.000000000Z");
	tape_time_text(INT64_C(1795342272123456789), text);
	ck_assert_str_eq(text, "2026-11-22T10:11:12.123456789Z");
	tape_time_text(-1, text);
	ck_assert_str_eq(text, "1969-12-31T23:59:59.999999999Z");
	tape_time_text(INT64_C(951782400000000000), text);
	ck_assert_str_eq(text, "2000-02-29T00:00:00.000000000Z");
	tape_time_text(INT64_MAX, text);
	ck_assert_str_eq(text, "2262-04-11T23:47:16.854775807Z");
	tape_time_text(INT64_MIN, text);
	ck_assert_str_eq(text, "1677-09-21T00:12:43.145224192Z");
}
END_TEST

START_TEST(positions_read_back_as_they_are_spelled)
{
	const struct tape_pos pos = { { UINT64_C(1795342272123456), 0x0a1b2c3d }, 42 };
	const struct tape_pos last = { { UINT64_C(253402300799999999), UINT32_MAX },
				       INT64_MAX };
	struct tape_pos back = { { 0, 0 }, 0 };
	char text[TAPE_POS_TEXT];

	tape_pos_text(&pos, text);
	ck_assert_str_eq(text, "20261122T101112.123456Z-0a1b2c3d:42");
	ck_assert_int_eq(tape_pos_parse(text, &back), 0);
	ck_assert_int_eq(tape_pos_compare(&pos, &back), 0);
	tape_pos_text(&last, text);
	ck_assert_str_eq(text, "99991231T235959.999999Z-ffffffff:9223372036854775807");
	ck_assert_int_eq(tape_pos_parse(text, &back), 0);
	ck_assert_int_eq(tape_pos_compare(&last, &back), 0);
}
END_TEST

START_TEST(positions_with_extreme_numbers_fit_their_buffer)
{
	const struct tape_pos pos = { { UINT64_MAX, UINT64_MAX }, UINT64_MAX };
	char text[TAPE_POS_TEXT];

	tape_pos_text(&pos, text);
	ck_assert_str_eq(text, "99991231T235959.999999Z-ffffffff:18446744073709551615");
}
END_TEST

START_TEST(texts_that_are_no_positions_are_refused_and_nothing_is_written)
{
	static const char *const bad[] = {
		"",
		"20261122T101112.123456Z-0a1b2c3d",
		"20261122T101112.123456Z-0a1b2c3d:",
		"20261122T101112.123456Z-0a1b2c3d:0",
		"20261122T101112.123456Z-0a1b2c3d:-1",
		"20261122T101112.123456Z-0a1b2c3d:01",
		"20261122T101112.123456Z-0a1b2c3d:1 ",
		"20261122T101112.123456Z-0a1b2c3d:9223372036854775808",
		"20261122T101112.123456Z-0a1b2c3d:99999999999999999999999",
		"20261322T101112.123456Z-0a1b2c3d:1",
		"20261122T101112.123456Z-0A1B2C3D:1",
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct tape_pos pos = { { 1, 2 }, 3 };

		ck_assert_msg(tape_pos_parse(bad[i], &pos) == TAPE_ERR_SYNTAX, "%s",
			      bad[i]);
		ck_assert_uint_eq(pos.seq, 3);
	}
}
END_TEST

START_TEST(positions_compare_by_session_then_seq)
{
	const struct tape_pos a = { { 5, 9 }, 100 }, b = { { 6, 0 }, 1 };
	const struct tape_pos c = { { 6, 1 }, 1 }, d = { { 6, 1 }, 2 };

	ck_assert_int_lt(tape_pos_compare(&a, &b), 0);
	ck_assert_int_lt(tape_pos_compare(&b, &c), 0);
	ck_assert_int_lt(tape_pos_compare(&c, &d), 0);
	ck_assert_int_gt(tape_pos_compare(&d, &a), 0);
	ck_assert_int_eq(tape_pos_compare(&d, &d), 0);
}
END_TEST

START_TEST(dtypes_have_the_names_and_sizes_that_numpy_gives_them)
{
	static const struct {
		const char *name, *long_name;
		size_t size;
	} expected[] = {
		{ "b1", "bool", 1 },	  { "i1", "int8", 1 },
		{ "i2", "int16", 2 },	  { "i4", "int32", 4 },
		{ "i8", "int64", 8 },	  { "u1", "uint8", 1 },
		{ "u2", "uint16", 2 },	  { "u4", "uint32", 4 },
		{ "u8", "uint64", 8 },	  { "f2", "float16", 2 },
		{ "f4", "float32", 4 },	  { "f8", "float64", 8 },
		{ "c8", "complex64", 8 }, { "c16", "complex128", 16 },
	};

	for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++) {
		char ordered[8];

		snprintf(ordered, sizeof ordered, "<%s", expected[i].name);
		ck_assert_str_eq(tape_dtype_name(i + 1), expected[i].name);
		ck_assert_uint_eq(tape_dtype_size(i + 1), expected[i].size);
		ck_assert_uint_eq(tape_dtype_parse(expected[i].name), i + 1);
		ck_assert_uint_eq(tape_dtype_parse(expected[i].long_name), i + 1);
		ck_assert_uint_eq(tape_dtype_parse(ordered), i + 1);
	}
}
END_TEST

START_TEST(unknown_dtypes_are_told_apart)
{
	ck_assert_ptr_null(tape_dtype_name(0));
	ck_assert_ptr_null(tape_dtype_name(15));
	ck_assert_ptr_null(tape_dtype_name(UINT32_MAX));
	ck_assert_uint_eq(tape_dtype_size(0), 0);
	ck_assert_uint_eq(tape_dtype_size(15), 0);
	ck_assert_uint_eq(tape_dtype_parse(">f8"), 0);
	ck_assert_uint_eq(tape_dtype_parse("f16"), 0);
	ck_assert_uint_eq(tape_dtype_parse(""), 0);
	ck_assert_uint_eq(tape_dtype_parse("<float64"), 0);
}
END_TEST

START_TEST(reasons_of_absence_have_names_and_unknown_ones_numbers)
{
	char text[16];

	ck_assert_str_eq(tape_absent_name(TAPE_LOST, text), "lost");
	ck_assert_str_eq(tape_absent_name(TAPE_TOO_LARGE, text), "too-large");
	ck_assert_str_eq(tape_absent_name(0, text), "reason-0");
	ck_assert_str_eq(tape_absent_name(255, text), "reason-255");
}
END_TEST

/* A number of 1 whose zeros take back a part of its exponent, however long both are. */
START_TEST(long_fractions_and_their_exponents_add_up)
{
	static char text[100100];
	double value;

	memset(text, '0', sizeof text);
	text[1] = '.';
	snprintf(text + 2 + 99999, 40, "1e1000000");
	ck_assert_int_eq(tape_double_parse(text, strlen(text), &value), 0);
	ck_assert(isinf(value));
	snprintf(text + 2 + 99999, 40, "1e100000");
	ck_assert_int_eq(tape_double_parse(text, strlen(text), &value), 0);
	ck_assert_double_eq(value, 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("value");
	TCase *numbers = tcase_create("numbers"), *texts = tcase_create("texts");

	tcase_set_timeout(numbers, 60);
	tcase_add_test(numbers, doubles_are_spelled_as_python_spells_them);
	tcase_add_test(numbers, floats_are_spelled_in_their_own_width);
	tcase_add_test(numbers, random_numbers_are_spelled_as_python_spells_them);
	tcase_add_test(numbers, numbers_are_spelled_and_read_the_same_in_every_locale);
	tcase_add_test(numbers, long_fractions_and_their_exponents_add_up);
	tcase_add_test(numbers,
		       texts_that_are_no_numbers_are_refused_and_nothing_is_written);
	tcase_add_test(numbers, texts_of_numbers_are_read_with_correct_rounding);
	tcase_add_test(numbers, a_number_of_a_thousand_digits_is_read);
	tcase_add_test(texts, times_are_spelled_in_utc_with_nanoseconds);
	tcase_add_test(texts, positions_read_back_as_they_are_spelled);
	tcase_add_test(texts, positions_with_extreme_numbers_fit_their_buffer);
	tcase_add_test(texts,
		       texts_that_are_no_positions_are_refused_and_nothing_is_written);
	tcase_add_test(texts, positions_compare_by_session_then_seq);
	tcase_add_test(texts, dtypes_have_the_names_and_sizes_that_numpy_gives_them);
	tcase_add_test(texts, unknown_dtypes_are_told_apart);
	tcase_add_test(texts, reasons_of_absence_have_names_and_unknown_ones_numbers);
	suite_add_tcase(suite, numbers);
	suite_add_tcase(suite, texts);
	return suite_run(suite);
}
