/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs: where they go by size and setting, what is stored once, what reads back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/hash.h"
#include "format/path.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

static void
expect(size_t scopes)
{
	struct recording read = recording_read();

	ck_assert_msg(read.damage == 0, "%s", read.report);
	ck_assert_uint_eq(read.count, scopes);
	ck_assert_uint_eq(read.bad_blobs, 0);
	recording_release(&read);
}

/* Bytes of all segments, found by the names that they have. */
static long
segment_bytes(const char *pattern)
{
	char command[200], text[64] = "";
	FILE *pipe;

	snprintf(command, sizeof command, "cat run.tape/sessions/*/%s | wc -c", pattern);
	pipe = popen(command, "r");
	ck_assert_ptr_nonnull(pipe);
	ck_assert_ptr_nonnull(fgets(text, sizeof text, pipe));
	pclose(pipe);
	return strtol(text, NULL, 10);
}

START_TEST(blobs_of_all_sizes_read_back)
{
	static const size_t sizes[] = { 1,    63,    64,    65,	   4095,   4096,   4097,
					8192, 65535, 65536, 65537, 200000, 3000000 };
	static const char *const settings[] = { "blob_store=loose blobs=immediate",
						"blob_store=log blobs=immediate",
						"blob_store=loose blobs=at-commit",
						"blob_store=log blobs=at-commit" };

	for (size_t s = 0; s < 4; s++) {
		char dir[16];
		struct tape *t;

		snprintf(dir, sizeof dir, "%zu.tape", s);
		recording_dir = dir;
		t = recording_open(settings[s]);
		for (int i = 0; i < 26; i++)
			ck_assert_int_eq(
				recording_put_blob(t, i, (unsigned)i % 13, sizes[i % 13]),
				0);
		ck_assert_int_eq(tape_close(t), 0);
		expect(26);
	}
}
END_TEST

START_TEST(a_blob_up_to_embed_max_needs_no_file)
{
	struct tape *t = recording_open("");

	recording_put_blob(t, 0, 1, 65536);
	tape_commit(t);
	ck_assert_uint_eq(recording_files("blobs"), 0);
	recording_put_blob(t, 1, 1, 65537);
	ck_assert_uint_eq(recording_files("blobs"), 1);
	tape_close(t);
	expect(2);
}
END_TEST

START_TEST(a_loose_blob_is_named_by_its_hash)
{
	static unsigned char data[100000];
	struct tape *t = recording_open("");
	char path[PATH_BLOB_TEXT], full[80];
	struct tape_hash hash;

	recording_fill(data, sizeof data, 5);
	hash = hash_bytes(data, sizeof data);
	path_blob(&hash, path);
	snprintf(full, sizeof full, "run.tape/%s", path);
	recording_put_blob(t, 0, 5, sizeof data);
	ck_assert_int_eq(access(full, R_OK), 0);
	tape_close(t);
}
END_TEST

START_TEST(a_blob_of_a_segment_is_written_once)
{
	struct tape *t = recording_open("sync=none dedup=off commit=manual");

	for (int i = 0; i < 100; i++) {
		recording_put_blob(t, i, (unsigned)i % 2, 30000);
		if (i % 10 == 0)
			tape_commit(t);
	}
	tape_close(t);
	ck_assert_int_lt(segment_bytes("*.log"), 2 * 30000 + 40000);
	expect(100);
}
END_TEST

START_TEST(a_blob_of_a_blob_segment_is_written_once)
{
	struct tape *t = recording_open("sync=none dedup=off blob_store=log");

	for (int i = 0; i < 50; i++)
		recording_put_blob(t, i, (unsigned)i % 2, 100000);
	tape_close(t);
	ck_assert_uint_eq(recording_files("blobs"), 0);
	ck_assert_int_lt(segment_bytes("*.blob"), 2 * 100000 + 10000);
	expect(50);
}
END_TEST

START_TEST(blob_segments_roll_over)
{
	struct tape *t = recording_open("sync=none blob_store=log");

	for (int i = 0; i < 10; i++)
		recording_put_blob(t, i, (unsigned)i, 9u << 20);
	tape_close(t);
	ck_assert_uint_eq(recording_files("sessions"), 4); /* log, two .blob, manifest */
	expect(10);
}
END_TEST

START_TEST(a_damaged_loose_blob_is_replaced_by_who_records_it_again)
{
	struct tape *t = recording_open("");

	recording_put_blob(t, 0, 9, 100000);
	tape_close(t);
	ck_assert_int_eq(system("for f in run.tape/blobs/*/*; do printf x | dd of=$f "
				"bs=1 seek=50000 conv=notrunc 2>/dev/null; done"),
			 0);
	t = recording_open("");
	recording_put_blob(t, 1, 9, 100000);
	tape_close(t);
	ck_assert_uint_eq(recording_files("blobs"), 1);
	expect(2);
}
END_TEST

START_TEST(a_second_session_does_not_write_a_loose_blob_again)
{
	struct tape *t = recording_open("");

	recording_put_blob(t, 0, 9, 100000);
	tape_close(t);
	ck_assert_int_eq(system("stat -c %i run.tape/blobs/*/* > inode"), 0);
	t = recording_open("");
	recording_put_blob(t, 1, 9, 100000);
	tape_close(t);
	ck_assert_int_eq(system("stat -c %i run.tape/blobs/*/* | cmp -s - inode"), 0);
	expect(2);
}
END_TEST

START_TEST(at_commit_nothing_is_written_before_the_commit)
{
	struct tape *t = recording_open("commit=manual blobs=at-commit");

	recording_put_blob(t, 0, 1, 100000);
	recording_put_blob(t, 1, 1, 100000);
	ck_assert_uint_eq(recording_files("blobs"), 0);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_uint_eq(recording_files("blobs"), 1);
	tape_close(t);
	expect(2);
}
END_TEST

START_TEST(at_commit_the_budget_is_kept_and_said)
{
	struct tape *t = recording_open("commit=manual blobs=at-commit blob_budget=250K");

	ck_assert_int_eq(recording_put_blob(t, 0, 0, 100000), 0);
	ck_assert_int_eq(recording_put_blob(t, 1, 1, 100000), 0);
	ck_assert_int_eq(recording_put_blob(t, 9, 2, 100000), -1);
	ck_assert_ptr_nonnull(strstr(tape_error(t), "blob_budget"));
	ck_assert_uint_eq(tape_lost(t), 1);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_int_eq(recording_put_blob(t, 2, 2, 100000), 0);
	ck_assert_int_eq(tape_discard(t), 0);
	ck_assert_int_eq(recording_put_blob(t, 2, 3, 100000), 0);
	ck_assert_int_eq(recording_put_blob(t, 3, 4, 100000), 0);
	ck_assert_int_eq(tape_close(t), -1);
	expect(4);
}
END_TEST

START_TEST(a_stream_becomes_a_blob)
{
	static unsigned char data[300000];
	struct tape *t = recording_open("");
	struct tape_stream *stream = tape_stream_open(t);
	struct tape_ref ref;
	struct tape_build *b;

	recording_fill(data, sizeof data, 4);
	for (size_t at = 0; at < sizeof data; at += 1000)
		ck_assert_int_eq(tape_stream_write(stream, data + at, 1000), 0);
	ck_assert_int_eq(tape_stream_close(stream, &ref), 0);
	ck_assert_uint_eq(ref.size, sizeof data);
	b = tape_build_begin(t, "row");
	tape_build_i64(b, "i", TAPE_NUL, 0);
	tape_build_u64(b, "seed", TAPE_NUL, 4);
	tape_build_ref(b, "b", TAPE_NUL, &ref);
	ck_assert_int_eq(tape_build_end(b), 0);
	ck_assert_int_eq(tape_close(t), 0);
	expect(1);
}
END_TEST

START_TEST(a_stream_that_is_given_up_leaves_nothing)
{
	static unsigned char data[100000];
	struct tape *t = recording_open("");
	struct tape_stream *stream = tape_stream_open(t);

	ck_assert_int_eq(tape_stream_write(stream, data, sizeof data), 0);
	tape_stream_cancel(stream);
	ck_assert_uint_eq(recording_files("blobs"), 0);
	tape_close(t);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("blobs");
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, blobs_of_all_sizes_read_back);
	tcase_add_test(tc, a_blob_up_to_embed_max_needs_no_file);
	tcase_add_test(tc, a_loose_blob_is_named_by_its_hash);
	tcase_add_test(tc, a_blob_of_a_segment_is_written_once);
	tcase_add_test(tc, a_blob_of_a_blob_segment_is_written_once);
	tcase_add_test(tc, blob_segments_roll_over);
	tcase_add_test(tc, a_damaged_loose_blob_is_replaced_by_who_records_it_again);
	tcase_add_test(tc, a_second_session_does_not_write_a_loose_blob_again);
	tcase_add_test(tc, at_commit_nothing_is_written_before_the_commit);
	tcase_add_test(tc, at_commit_the_budget_is_kept_and_said);
	tcase_add_test(tc, a_stream_becomes_a_blob);
	tcase_add_test(tc, a_stream_that_is_given_up_leaves_nothing);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
