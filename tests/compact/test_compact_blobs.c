/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs that are damaged, or of which several copies meet. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "format/os.h"
#include "tape/compact.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

#define HOUR_NS (INT64_C(3600) * 1000000000)

static int
compact_with(uint32_t flags, struct tape_compact_result *result, struct tape_error *err)
{
	struct tape_compact_options o = {
		.size = sizeof o, .flags = flags, .jobs = 2, .grace_ns = HOUR_NS
	};

	return tape_compact(recording_dir, &o, result, err);
}

static void
compact(uint32_t flags)
{
	struct tape_error err = { 0 };

	ck_assert_msg(compact_with(flags, NULL, &err) == 0, "%s %s", err.file,
		      err.message);
}

START_TEST(a_blob_that_is_damaged_in_a_generation_is_packed_again)
{
	struct recording read;
	struct tape *t = recording_open("sync=none embed_max=0");

	ck_assert_int_eq(recording_put_blob(t, 0, 2, 3000), 0);
	ck_assert_int_eq(tape_close(t), 0);
	compact(0);
	ck_assert_int_eq(system("for f in run.tape/gen/1-*/blobs-*; do printf XXXX | "
				"dd conv=notrunc status=none bs=1 seek=200 of=$f; done"),
			 0);
	read = recording_read();
	ck_assert_uint_eq(read.bad_blobs, 1);
	recording_release(&read);
	t = recording_open("sync=none embed_max=0");
	ck_assert_int_eq(recording_put_blob(t, 1, 2, 3000), 0);
	ck_assert_int_eq(tape_close(t), 0);
	(void)compact_with(0, NULL, NULL);
	ck_assert_uint_eq(recording_files("sessions"), 0);
	read = recording_read();
	ck_assert_uint_eq(read.count, 2);
	ck_assert_uint_eq(read.bad_blobs, 0);
	recording_release(&read);
}
END_TEST

/* A recorder that is killed behind its last MARK, with three blobs; the first byte of one is changed. */
static void
record_killed(size_t size, const char *damage)
{
	int status;
	pid_t pid = recording_fork();

	if (pid == 0) {
		struct tape *t = recording_open(RECORDING_ASLEEP " embed_max=0");

		for (int64_t i = 0; i < 3; i++)
			if (recording_put_blob(t, i, (unsigned)i, size) != 0)
				_exit(1);
		_exit(tape_commit(t) == 0 ? 0 : 2);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(recording_files("blobs"), 3);
	ck_assert_int_eq(system(damage), 0);
}

static void
check_lost_blob(unsigned bad_blobs)
{
	struct recording read = recording_read();

	ck_assert_uint_eq(read.count, 3);
	ck_assert_uint_eq(read.damage, 0);
	ck_assert_uint_gt(read.notes, 0);
	ck_assert_uint_eq(read.bad_blobs, bad_blobs);
	recording_release(&read);
}

static void
compact_killed(void)
{
	struct tape_compact_result result;
	struct tape_error err = { 0 };

	check_lost_blob(1);
	ck_assert_int_eq(compact_with(0, &result, &err), 0);
	ck_assert_uint_eq(result.damage, 0);
	ck_assert_uint_eq(result.left_raw, 0);
	ck_assert_uint_eq(result.blobs, 2);
	ck_assert_uint_eq(recording_files("sessions"), 0);
	check_lost_blob(1);
	compact(TAPE_COMPACT_FULL);
	check_lost_blob(1);
}

START_TEST(a_blob_that_a_crash_damaged_is_lost_and_its_session_is_compacted)
{
	record_killed(5000,
		      "f=$(ls run.tape/blobs/[0-9a-f]*/* | head -1) && printf XX | dd "
		      "of=$f bs=1 conv=notrunc status=none");
	compact_killed();
}
END_TEST

START_TEST(a_large_blob_that_a_crash_damaged_spoils_no_pack)
{
	record_killed(3 << 20,
		      "f=$(ls run.tape/blobs/[0-9a-f]*/* | head -1) && printf XX | dd "
		      "of=$f bs=1 seek=3000000 conv=notrunc status=none");
	compact_killed();
}
END_TEST

START_TEST(a_blob_that_a_crash_cut_off_is_lost_and_its_session_is_compacted)
{
	record_killed(5000,
		      "truncate -s 4096 $(ls run.tape/blobs/[0-9a-f]*/* | head -1)");
	compact_killed();
}
END_TEST

static _Atomic unsigned long blob_opens;

static int
count_opens(void *user, enum os_call call, const char *path, size_t *limit)
{
	(void)user;
	(void)limit;
	if (call == OS_OPEN && path != NULL && strncmp(path, "blobs/", 6) == 0 &&
	    strlen(path) > 20) /* not a directory */
		blob_opens++;
	return 0;
}

START_TEST(a_lost_blob_is_looked_at_once_for_all_scopes_that_refer_to_it)
{
	struct tape_compact_result result;
	struct tape_error err = { 0 };
	int status, r;
	pid_t pid = recording_fork();

	if (pid == 0) {
		struct tape *t = recording_open(RECORDING_ASLEEP " embed_max=0");

		for (int64_t i = 0; i < 20; i++)
			if (recording_put_blob(t, i, 1, 3 << 20) != 0)
				_exit(1);
		_exit(tape_commit(t) == 0 ? 0 : 2);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(recording_files("blobs"), 1);
	ck_assert_int_eq(system("printf XX | dd of=$(ls run.tape/blobs/[0-9a-f]*/*) bs=1 "
				"seek=3000000 conv=notrunc status=none"),
			 0);
	blob_opens = 0;
	os_fault_set(count_opens, NULL);
	r = compact_with(0, &result, &err);
	os_fault_set(NULL, NULL);
	ck_assert_msg(r == 0, "%s %s", err.file, err.message);
	ck_assert_uint_eq(result.damage, 0);
	ck_assert_uint_eq(result.left_raw, 0);
	ck_assert_uint_eq(result.blobs, 0);
	ck_assert_uint_eq(blob_opens, 1);
}
END_TEST

/* One that is in a segment as well is packed from there. */
START_TEST(a_loose_copy_that_is_damaged_is_no_forgery)
{
	struct tape_error err = { 0 };
	struct tape *t = recording_open("sync=none");
	struct recording read;

	ck_assert_int_eq(recording_put_blob(t, 0, 2, 5000), 0); /* embedded */
	ck_assert_int_eq(recording_put_blob(t, 1, 3, 5000), 0);
	ck_assert_int_eq(tape_close(t), 0);
	t = recording_open("sync=none embed_max=0");
	ck_assert_int_eq(recording_put_blob(t, 2, 2, 5000), 0);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(recording_files("blobs"), 1);
	ck_assert_int_eq(
		system("f=$(ls run.tape/blobs/[0-9a-f]*/* | head -1) && printf XX | "
		       "dd of=$f bs=1 seek=77 conv=notrunc status=none"),
		0);
	ck_assert_msg(compact_with(0, NULL, &err) == 0, "%s", err.message);
	ck_assert_uint_eq(recording_files("sessions"), 0);
	ck_assert_uint_eq(recording_files("blobs"), 1); /* it stays, as nobody's */
	read = recording_read();
	ck_assert_uint_eq(read.bad_blobs, 0);
	ck_assert_uint_eq(read.damage, 0);
	recording_release(&read);
}
END_TEST

/* The second of those by names of packs: they were made by the first. */
static int
lose_pack(void *user, enum os_call call, const char *path, size_t *limit)
{
	unsigned *opens = user;

	(void)limit;
	if (call != OS_OPEN || path == NULL || strncmp(path, "blobs-", 6) != 0)
		return 0;
	return ++*opens == 2 ? ENOENT : 0;
}

START_TEST(a_loose_file_that_could_not_be_compared_is_not_taken_for_gone)
{
	struct tape_error err = { 0 };
	struct tape *t = recording_open("sync=none");
	unsigned opens = 0;
	int r;

	ck_assert_int_eq(recording_put_blob(t, 0, 2, 5000), 0); /* embedded */
	ck_assert_int_eq(tape_close(t), 0);
	t = recording_open("sync=none embed_max=0");
	ck_assert_int_eq(recording_put_blob(t, 1, 2, 5000), 0);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(recording_files("blobs"), 1);
	os_fault_set(lose_pack, &opens);
	r = compact_with(0, NULL, &err);
	os_fault_set(NULL, NULL);
	ck_assert_uint_ge(opens, 2);
	ck_assert_int_eq(r, TAPE_ERR_IO);
	ck_assert_uint_eq(recording_files("blobs"), 1);
	compact(0);
	ck_assert_uint_eq(recording_files("blobs"), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("compact blobs");
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, a_blob_that_is_damaged_in_a_generation_is_packed_again);
	tcase_add_test(tc,
		       a_blob_that_a_crash_damaged_is_lost_and_its_session_is_compacted);
	tcase_add_test(tc, a_large_blob_that_a_crash_damaged_spoils_no_pack);
	tcase_add_test(tc,
		       a_blob_that_a_crash_cut_off_is_lost_and_its_session_is_compacted);
	tcase_add_test(tc, a_lost_blob_is_looked_at_once_for_all_scopes_that_refer_to_it);
	tcase_add_test(tc, a_loose_copy_that_is_damaged_is_no_forgery);
	tcase_add_test(tc, a_loose_file_that_could_not_be_compared_is_not_taken_for_gone);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
