/* SPDX-License-Identifier: Apache-2.0 */
/* tape_input, tape_output: what is recorded of files, and what is no file. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/hash.h"
#include "tape/compact.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

static void
write_file(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

/* How many scopes match. */
static uint64_t
count(const char *text)
{
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor;
	struct tape_error err;
	uint64_t n = 0;

	ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, &err), 0);
	ck_assert_msg(tape_query_compile(text, &query, &err) == 0, "%s", err.message);
	ck_assert_int_eq(tape_find(reader, query, NULL, &cursor, &err), 0);
	ck_assert_int_eq(tape_cursor_count(cursor, &n, &err), 0);
	ck_assert_uint_eq(tape_reader_damage(reader), 0);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return n;
}

static uint64_t
count_hash(const char *text, const char *data, size_t len)
{
	struct tape_hash hash = hash_bytes(data, len);
	char hex[TAPE_HASH_TEXT], query[400];

	tape_hash_text(&hash, hex);
	snprintf(query, sizeof query, "_files hash=\"%s\" %s", hex, text);
	return count(query);
}

static void
compact(void)
{
	struct tape_compact_options options = { .size = sizeof options };
	struct tape_compact_result result;
	struct tape_error err = { 0 };

	ck_assert_msg(tape_compact(recording_dir, &options, &result, &err) == 0, "%s",
		      err.message);
}

START_TEST(a_file_is_a_hidden_scope_under_path_and_sticky_variables)
{
	struct tape *t = recording_open("sync=none");
	double D = 0.25;

	write_file("in.dat", "one\n", 4);
	write_file("out.dat", "", 0);
	ck_assert_int_eq(symlink("in.dat", "link"), 0);
	{
		TAPE_LABEL(t, "fit");
		TAPE_WITH(t, D);
		ck_assert_int_eq(tape_input(t, "./link"), 0);
		ck_assert_int_eq(tape_output(t, "out.dat"), 0);
	}
	ck_assert_int_eq(recording_put(t, 1), 0);
	ck_assert_int_eq(tape_close(t), 0);
	for (int packed = 0; packed < 2; packed++) {
		ck_assert_uint_eq(count(""), 1);
		ck_assert_uint_eq(count("fit _files D=0.25"), 2);
		ck_assert_uint_eq(
			count_hash("role=input path=\"./link\" size=4", "one\n", 4), 1);
		ck_assert_uint_eq(count("_files mtime=1000000000000000000.. "
					"resolved~/.*\\/in[.]dat$/"),
				  1);
		ck_assert_uint_eq(count_hash("role=output size=0", "", 0), 1);
		compact();
	}
}
END_TEST

START_TEST(no_rule_and_no_setting_hides_a_file)
{
	struct tape *t = recording_open("sync=none inline_max=16");

	write_file("in.dat", "one\n", 4);
	ck_assert_int_eq(tape_set(t, "", "record", "off"), 0);
	ck_assert_int_eq(tape_input(t, "in.dat"), 0);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(count_hash("", "one\n", 4), 1);
	compact();
	ck_assert_uint_eq(count_hash("", "one\n", 4), 1);
}
END_TEST

START_TEST(what_is_no_file_is_an_error_and_the_run_goes_on)
{
	static const char *const paths[] = { "none", "dir",	  "fifo",
					     "",     "/dev/zero", "dangling" };
	struct tape *t;

	ck_assert_int_eq(mkdir("dir", 0777), 0);
	ck_assert_int_eq(mkfifo("fifo", 0666), 0);
	ck_assert_int_eq(symlink("nowhere", "dangling"), 0);
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		t = recording_open("sync=none");
		ck_assert_int_eq(tape_input(t, paths[i]), -1);
		ck_assert_msg(strstr(tape_error(t), "input of the program") != NULL, "%s",
			      tape_error(t));
		ck_assert_int_eq(tape_output(t, NULL), -1);
		ck_assert_int_eq(recording_put(t, (int64_t)i), 0);
		ck_assert_int_eq(tape_close(t), 0);
	}
	ck_assert_uint_eq(count("row"), sizeof paths / sizeof *paths);
	ck_assert_uint_eq(count("_files"), 0);
}
END_TEST

START_TEST(without_a_recorder_nothing_happens)
{
	struct tape *t = recording_open("sync=none");

	ck_assert_int_eq(tape_input(NULL, "none"), 0);
	ck_assert_int_eq(tape_output(NULL, NULL), 0);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_int_eq(tape_input(t, "none"), 0);
	ck_assert_str_eq(tape_error(t), "");
}
END_TEST

START_TEST(a_large_file_takes_no_memory)
{
	static const off_t size = 256 << 20;
	struct tape *t = recording_open("sync=none");
	struct rusage before, after;
	int fd = open("large", O_CREAT | O_WRONLY, 0666);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, size), 0);
	close(fd);
	getrusage(RUSAGE_SELF, &before);
	ck_assert_int_eq(tape_input(t, "large"), 0);
	getrusage(RUSAGE_SELF, &after);
	ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, 32 << 10);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(count("_files size=268435456"), 1);
}
END_TEST

/* The session that a test has just closed, as tape_info_read_session gives it. */
START_TEST(one_session_is_read_without_the_others)
{
	struct tape *t = recording_open("sync=none");
	struct tape_pos pos = tape_position(t);
	struct tape_reader *reader;
	struct tape_info *info = NULL;
	struct tape_error err;
	uint64_t other[2] = { 1, 2 };

	ck_assert_int_eq(recording_put(t, 1), 0);
	ck_assert_int_eq(tape_close(t), 0);
	t = recording_open("sync=none");
	ck_assert_int_eq(recording_put(t, 2), 0);
	ck_assert_int_eq(tape_close(t), 0);
	for (int packed = 0; packed < 2; packed++) {
		ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, &err), 0);
		ck_assert_int_eq(tape_info_read_session(reader, pos.session, &info, &err),
				 0);
		ck_assert_uint_eq(info->session_count, 1);
		ck_assert_mem_eq(info->sessions[0].id, pos.session, sizeof pos.session);
		ck_assert_int_eq(info->sessions[0].state, TAPE_CLOSED);
		ck_assert_str_ne(info->sessions[0].closed, "");
		ck_assert_str_ne(info->sessions[0].program, "");
		ck_assert_int_ge(info->sessions[0].cpus, 1);
		tape_info_free(info);
		ck_assert_int_eq(tape_info_read_session(reader, other, &info, &err),
				 TAPE_ERR_NOT_FOUND);
		tape_reader_close(reader);
		compact();
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lineage");
	TCase *tc = tcase_create("lineage");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, a_file_is_a_hidden_scope_under_path_and_sticky_variables);
	tcase_add_test(tc, no_rule_and_no_setting_hides_a_file);
	tcase_add_test(tc, what_is_no_file_is_an_error_and_the_run_goes_on);
	tcase_add_test(tc, without_a_recorder_nothing_happens);
	tcase_add_test(tc, a_large_file_takes_no_memory);
	tcase_add_test(tc, one_session_is_read_without_the_others);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
