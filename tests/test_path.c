/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "format/civil.h"
#include "format/hash.h"
#include "format/path.h"
#include "tests/support/suite.h"

START_TEST(session_ids_read_as_two_numbers_and_spell_back)
{
	static const char *const names[] = {
		"19700101T000000.000000Z-00000000", "20261122T101112.123456Z-0a1b2c3d",
		"20240229T235959.999999Z-ffffffff", "99991231T235959.999999Z-12345678",
		"20000229T000000.000001Z-deadbeef",
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		uint64_t session[2] = { 1, 1 };
		char text[TAPE_SESSION_TEXT];

		ck_assert_msg(path_parse_session(names[i], session), "%s", names[i]);
		tape_session_text(session, text);
		ck_assert_str_eq(text, names[i]);
	}
}
END_TEST

START_TEST(the_numbers_of_a_session_are_microseconds_since_1970_and_the_random_bits)
{
	uint64_t session[2];

	ck_assert(path_parse_session("20261122T101112.123456Z-0a1b2c3d", session));
	ck_assert_uint_eq(session[0], 1795342272123456);
	ck_assert_uint_eq(session[1], 0x0a1b2c3d);
	ck_assert(path_parse_session("19700101T000000.000000Z-00000000", session));
	ck_assert_uint_eq(session[0], 0);
}
END_TEST

START_TEST(names_that_are_no_session_ids_are_refused_and_nothing_is_written)
{
	static const char *const bad[] = {
		"",
		"20261122T101112.123456Z-0a1b2c3",
		"20261122T101112.123456Z-0a1b2c3dd",
		"20261122T101112.123456Z-0A1B2C3D",
		"20261122t101112.123456Z-0a1b2c3d",
		"20261122T101112,123456Z-0a1b2c3d",
		"20261122T101112.12345 Z-0a1b2c3d",
		"20261122T101112.123456Z_0a1b2c3d",
		"20261122T101112.123456Z-0a1b2c3g",
		"2026112 T101112.123456Z-0a1b2c3d",
		"-0261122T101112.123456Z-0a1b2c3d",
		"19691231T235959.999999Z-00000000",
		"20261322T101112.123456Z-0a1b2c3d",
		"20260022T101112.123456Z-0a1b2c3d",
		"20261100T101112.123456Z-0a1b2c3d",
		"20260229T101112.123456Z-0a1b2c3d",
		"21000229T101112.123456Z-0a1b2c3d",
		"20261131T101112.123456Z-0a1b2c3d",
		"20261122T241112.123456Z-0a1b2c3d",
		"20261122T106012.123456Z-0a1b2c3d",
		"20261122T101160.123456Z-0a1b2c3d",
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		uint64_t session[2] = { 1, 2 };

		ck_assert_msg(!path_parse_session(bad[i], session), "%s", bad[i]);
		ck_assert_uint_eq(session[0], 1);
		ck_assert_uint_eq(session[1], 2);
	}
}
END_TEST

START_TEST(days_and_dates_agree_over_eight_hundred_years)
{
	int64_t days = civil_days(1600, 1, 1);

	for (int64_t year = 1600; year < 2400; year++)
		for (unsigned month = 1; month <= 12; month++)
			for (unsigned day = 1; day <= civil_month_days(year, month);
			     day++) {
				int64_t y;
				unsigned m, d;

				civil_from_days(days, &y, &m, &d);
				if (civil_days(year, month, day) != days || y != year ||
				    m != month || d != day)
					ck_abort_msg("%lld-%u-%u", (long long)year, month,
						     day);
				days++;
			}
	ck_assert_int_eq(civil_days(1970, 1, 1), 0);
	ck_assert_int_eq(days - civil_days(1600, 1, 1), 2 * 146097);
}
END_TEST

static void
check_segment(const char *name, uint32_t number, bool blob)
{
	char text[PATH_SEGMENT_TEXT];
	uint32_t got = 0;
	bool got_blob = !blob;

	path_segment(number, blob, text);
	ck_assert_str_eq(text, name);
	ck_assert(path_parse_segment(name, &got, &got_blob));
	ck_assert_uint_eq(got, number);
	ck_assert(got_blob == blob);
}

START_TEST(segments_are_numbered_with_at_least_six_digits)
{
	check_segment("000000.log", 0, false);
	check_segment("000123.blob", 123, true);
	check_segment("999999.log", 999999, false);
	check_segment("1000000.log", 1000000, false);
	check_segment("2147483647.blob", INT32_MAX, true);
}
END_TEST

START_TEST(names_that_are_no_segments_are_refused)
{
	static const char *const bad[] = {
		"",
		"0.log",
		"00000.log",
		"0000000.log",
		"0000001.log",
		"000000.LOG",
		"000000.log~",
		"000000",
		"000000.",
		"000000.blobs",
		" 000000.log",
		"+00000.log",
		"-00001.log",
		"2147483648.log",
		"4294967296.log",
		"99999999999.log",
		"manifest.jsonl",
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		uint32_t number = 77;
		bool blob = true;

		ck_assert_msg(!path_parse_segment(bad[i], &number, &blob), "%s", bad[i]);
		ck_assert(number == 77 && blob);
	}
}
END_TEST

START_TEST(a_blob_stands_under_its_hash_split_after_two_digits)
{
	const struct tape_hash hash = hash_bytes("abc", 3);
	char text[PATH_BLOB_TEXT];

	/* What xxh128sum prints for a file that holds abc. */
	path_blob(&hash, text);
	ck_assert_str_eq(text, "blobs/06/b05ab6733a618578af5f94892f3950");
}
END_TEST

START_TEST(hashes_read_back_as_they_are_spelled)
{
	const struct tape_hash hash = hash_bytes("", 0);
	struct tape_hash back;
	char text[TAPE_HASH_TEXT];

	tape_hash_text(&hash, text);
	ck_assert_str_eq(text, "99aa06d3014798d86001c324468d497f");
	ck_assert(path_parse_hash(text, &back));
	ck_assert(hash_equal(&hash, &back));
	back.byte[15] ^= 1;
	ck_assert(!hash_equal(&hash, &back));
}
END_TEST

START_TEST(texts_that_are_no_hashes_are_refused_and_nothing_is_written)
{
	static const char *const bad[] = {
		"",
		"99aa06d3014798d86001c324468d497",
		"99aa06d3014798d86001c324468d497f0",
		"99AA06D3014798D86001C324468D497F",
		"99aa06d3014798d86001c324468d497g",
		"99aa06d3014798d86001c324468d49 f",
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct tape_hash hash = { { 7 } };

		ck_assert_msg(!path_parse_hash(bad[i], &hash), "%s", bad[i]);
		ck_assert_uint_eq(hash.byte[0], 7);
	}
}
END_TEST

START_TEST(a_stream_hashes_as_its_bytes_do_however_they_are_cut)
{
	unsigned char data[3000];
	unsigned state = suite_seed();

	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)rand_r(&state);

	const struct tape_hash whole = hash_bytes(data, sizeof data);
	struct hash_stream *stream = hash_stream_new();

	ck_assert_ptr_nonnull(stream);
	for (int round = 0; round < 100; round++) {
		hash_stream_reset(stream);
		for (size_t at = 0; at < sizeof data;) {
			size_t n = (size_t)rand_r(&state) % 700;

			if (n > sizeof data - at)
				n = sizeof data - at;
			hash_stream_add(stream, data + at, n);
			at += n;
		}

		struct tape_hash hash = hash_stream_end(stream);

		ck_assert(hash_equal(&hash, &whole));
	}
	hash_stream_free(stream);
	hash_stream_free(NULL);
}
END_TEST

START_TEST(a_checksum_depends_on_its_seed)
{
	ck_assert_uint_eq(hash_check("abc", 3, 0), UINT64_C(0x78af5f94892f3950));
	ck_assert_uint_ne(hash_check("abc", 3, 0), hash_check("abc", 3, 1));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("path");
	TCase *paths = tcase_create("paths"), *hashes = tcase_create("hashes");

	tcase_set_timeout(paths, 60);
	tcase_add_test(paths, session_ids_read_as_two_numbers_and_spell_back);
	tcase_add_test(
		paths,
		the_numbers_of_a_session_are_microseconds_since_1970_and_the_random_bits);
	tcase_add_test(paths,
		       names_that_are_no_session_ids_are_refused_and_nothing_is_written);
	tcase_add_test(paths, days_and_dates_agree_over_eight_hundred_years);
	tcase_add_test(paths, segments_are_numbered_with_at_least_six_digits);
	tcase_add_test(paths, names_that_are_no_segments_are_refused);
	tcase_add_test(paths, a_blob_stands_under_its_hash_split_after_two_digits);
	tcase_add_test(hashes, hashes_read_back_as_they_are_spelled);
	tcase_add_test(hashes,
		       texts_that_are_no_hashes_are_refused_and_nothing_is_written);
	tcase_add_test(hashes, a_stream_hashes_as_its_bytes_do_however_they_are_cut);
	tcase_add_test(hashes, a_checksum_depends_on_its_seed);
	suite_add_tcase(suite, paths);
	suite_add_tcase(suite, hashes);
	return suite_run(suite);
}
