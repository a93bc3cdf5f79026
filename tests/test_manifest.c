/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/manifest.h"
#include "tests/support/suite.h"

/* What manifest_read gave, as text: "key=value,key=value;" a line. */
struct seen {
	char text[4096];
	uint64_t lines;
	int answer;
};

static int
collect(void *user, const struct manifest_member *members, size_t count)
{
	struct seen *seen = user;
	size_t len = strlen(seen->text);

	for (size_t i = 0; i < count && len < sizeof seen->text; i++)
		len += (size_t)snprintf(seen->text + len, sizeof seen->text - len,
					"%s%s=%.80s", i ? "," : "", members[i].key,
					members[i].value);
	if (len < sizeof seen->text)
		snprintf(seen->text + len, sizeof seen->text - len, ";");
	seen->lines++;
	return seen->answer;
}

static int
read_text(const void *text, size_t len, struct seen *seen, uint64_t *bad)
{
	struct block_memory memory = { text, len };
	struct block_source source = block_from_memory(&memory);

	return manifest_read(&source, collect, seen, bad, NULL);
}

static void
check_read(const char *text, const char *expected, uint64_t expected_bad)
{
	struct seen seen = { .lines = 0 };
	uint64_t bad = 77;

	ck_assert_int_eq(read_text(text, strlen(text), &seen, &bad), 0);
	ck_assert_str_eq(seen.text, expected);
	ck_assert_uint_eq(bad, expected_bad);
}

START_TEST(members_of_a_line_come_as_text_and_lists_as_their_items)
{
	check_read("{\"session\":\"x\",\"pid\":42,\"argv\":[\"a\",\"b "
		   "c\"],\"git_dirty\":true,"
		   "\"rank\":null,\"big\":18446744073709551615,\"f\":1.50e3}\n",
		   "session=x,pid=42,argv=a,argv=b c,git_dirty=true,"
		   "big=18446744073709551615,f=1.50e3;",
		   0);
}
END_TEST

START_TEST(escapes_are_decoded)
{
	check_read("{\"\\u0061\":\"\\\"\\\\\\n\\u00e9\\ud83d\\ude00\"}\n",
		   "a=\"\\\n\xc3\xa9\xf0\x9f\x98\x80;", 0);
}
END_TEST

START_TEST(nested_objects_and_lists_in_lists_are_skipped)
{
	check_read(
		"{\"a\":1,\"o\":{\"a\":2,\"l\":[3]},\"l\":[4,[5],{\"a\":6},7],\"b\":8}\n",
		"a=1,l=4,l=7,b=8;", 0);
}
END_TEST

START_TEST(lines_that_do_not_parse_are_counted_and_skipped)
{
	check_read(
		"{\"a\":1}\n{\"a\":\nnonsense\n[1]\n\"s\"\n3\nnull\n\n{} x\n{\"b\":2}\n",
		"a=1;b=2;", 8);
}
END_TEST

START_TEST(a_torn_last_line_is_normal)
{
	check_read("{\"a\":1}\n{\"b\":", "a=1;", 0);
	check_read("{\"a\":1}\n{\"b\":2}", "a=1;b=2;", 0);
	check_read("", "", 0);
}
END_TEST

START_TEST(text_that_is_not_utf8_is_a_bad_line)
{
	check_read("{\"a\":\"\xff\"}\n{\"b\":2}\n", "b=2;", 1);
}
END_TEST

START_TEST(deep_nesting_is_refused)
{
	char text[4096];
	struct seen seen = { .lines = 0 };
	uint64_t bad;

	memcpy(text, "{\"a\":", 5);
	memset(text + 5, '[', sizeof text - 6);
	text[sizeof text - 1] = '\n';
	ck_assert_int_eq(read_text(text, sizeof text, &seen, &bad), 0);
	ck_assert_uint_eq(bad, 1);
}
END_TEST

START_TEST(a_line_longer_than_any_note_is_skipped_and_the_next_one_read)
{
	size_t len = (size_t)9 << 20;
	char *text = malloc(len + 9);
	struct seen seen = { .lines = 0 };
	uint64_t bad;

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', len);
	memcpy(text, "{\"a\":\"", 6);
	memcpy(text + len - 3, "\"}\n{\"b\":2}\n", 11);
	ck_assert_int_eq(read_text(text, len + 8, &seen, &bad), 0);
	ck_assert_str_eq(seen.text, "b=2;");
	ck_assert_uint_eq(bad, 1);
	free(text);
}
END_TEST

START_TEST(a_list_of_more_than_65536_items_is_refused)
{
	size_t items = 70000, len = 0;
	char *text = malloc(items * 2 + 16);
	struct seen seen = { .lines = 0 };
	uint64_t bad;

	ck_assert_ptr_nonnull(text);
	memcpy(text, "{\"a\":[1", 7);
	for (len = 7; len < items * 2; len += 2)
		memcpy(text + len, ",1", 2);
	memcpy(text + len, "]}\n", 3);
	ck_assert_int_eq(read_text(text, len + 3, &seen, &bad), 0);
	ck_assert_uint_eq(seen.lines, 0);
	ck_assert_uint_eq(bad, 1);
	free(text);
}
END_TEST

START_TEST(a_caller_that_has_seen_enough_stops_the_reading)
{
	struct seen seen = { .answer = 5 };
	uint64_t bad = 77;

	ck_assert_int_eq(read_text("{\"a\":1}\n{\"b\":2}\n", 16, &seen, &bad), 5);
	ck_assert_uint_eq(seen.lines, 1);
	ck_assert_uint_eq(bad, 77);
}
END_TEST

static int64_t
refuse(void *user, void *buf, size_t len, uint64_t offset)
{
	(void)user, (void)buf, (void)len, (void)offset;
	return -EIO;
}

START_TEST(a_failed_read_is_an_error_with_its_cause)
{
	const struct block_source source = { .pread = refuse, .size = 100 };
	struct seen seen = { .lines = 0 };
	struct tape_error err = { .status = 0 };
	uint64_t bad = 77;

	ck_assert_int_eq(manifest_read(&source, collect, &seen, &bad, &err), TAPE_ERR_IO);
	ck_assert_int_eq(err.code, EIO);
	ck_assert_str_eq(err.file, "manifest.jsonl");
	ck_assert_uint_eq(bad, 77);
}
END_TEST

START_TEST(a_written_line_has_its_members_in_order)
{
	struct json_line line;

	json_line_begin(&line);
	json_line_text(&line, "session", "x");
	json_line_text(&line, "skipped", NULL);
	json_line_int(&line, "pid", -42);
	json_line_list_begin(&line, "argv");
	json_line_list_item(&line, "a");
	json_line_list_item(&line, "b");
	json_line_list_end(&line);
	json_line_list_begin(&line, "none");
	json_line_list_end(&line);
	json_line_bool(&line, "git_dirty", false);
	json_line_text_n(&line, "cut", "abcdef", 3);
	json_line_end(&line);
	ck_assert(!line.failed);
	ck_assert_str_eq(line.text,
			 "{\"session\":\"x\",\"pid\":-42,\"argv\":[\"a\",\"b\"],"
			 "\"none\":[],\"git_dirty\":false,\"cut\":\"abc\"}\n");
	json_line_release(&line);
}
END_TEST

START_TEST(written_text_is_escaped_and_always_utf8)
{
	struct json_line line;

	json_line_begin(&line);
	json_line_text(&line, "k", "\"\\\b\t\n\f\r\x01\x7f/\xc3\xa9\xf0\x9f\x98\x80");
	json_line_text(&line, "bad",
		       "a\xff"
		       "b\xc3"
		       "c\xed\xa0\x80"
		       "d\xe2\x82");
	json_line_end(&line);
	ck_assert_str_eq(line.text, "{\"k\":\"\\\"\\\\\\b\\t\\n\\f\\r\\u0001\\u007f/"
				    "\xc3\xa9\xf0\x9f\x98\x80\","
				    "\"bad\":\"a\xef\xbf\xbd"
				    "b\xef\xbf\xbd"
				    "c\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
				    "d\xef\xbf\xbd\xef\xbf\xbd\"}\n");
	json_line_release(&line);
}
END_TEST

START_TEST(every_byte_string_reads_back_as_valid_json)
{
	unsigned state = suite_seed();

	for (int round = 0; round < 2000; round++) {
		char value[64];
		size_t len = (size_t)(round % 64);
		struct seen seen = { .lines = 0 };
		struct json_line line;
		uint64_t bad = 0;

		for (size_t i = 0; i < len; i++)
			value[i] = (char)rand_r(&state);
		json_line_begin(&line);
		json_line_text_n(&line, "v", value, len);
		json_line_end(&line);
		ck_assert_int_eq(read_text(line.text, line.len, &seen, &bad), 0);
		ck_assert_uint_eq(bad, 0);
		ck_assert_uint_eq(seen.lines, 1);
		json_line_release(&line);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("manifest");
	TCase *reading = tcase_create("reading"), *writing = tcase_create("writing");

	tcase_set_timeout(reading, 60);
	tcase_add_test(reading, members_of_a_line_come_as_text_and_lists_as_their_items);
	tcase_add_test(reading, escapes_are_decoded);
	tcase_add_test(reading, nested_objects_and_lists_in_lists_are_skipped);
	tcase_add_test(reading, lines_that_do_not_parse_are_counted_and_skipped);
	tcase_add_test(reading, a_torn_last_line_is_normal);
	tcase_add_test(reading, text_that_is_not_utf8_is_a_bad_line);
	tcase_add_test(reading, deep_nesting_is_refused);
	tcase_add_test(reading,
		       a_line_longer_than_any_note_is_skipped_and_the_next_one_read);
	tcase_add_test(reading, a_list_of_more_than_65536_items_is_refused);
	tcase_add_test(reading, a_caller_that_has_seen_enough_stops_the_reading);
	tcase_add_test(reading, a_failed_read_is_an_error_with_its_cause);
	tcase_add_test(writing, a_written_line_has_its_members_in_order);
	tcase_add_test(writing, written_text_is_escaped_and_always_utf8);
	tcase_add_test(writing, every_byte_string_reads_back_as_valid_json);
	suite_add_tcase(suite, reading);
	suite_add_tcase(suite, writing);
	return suite_run(suite);
}
