/* SPDX-License-Identifier: Apache-2.0 */
/* Commits of more forms than readers hold for one segment. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

#define SCOPES 1280
#define WIDE 900 /* variables: a form takes some 80 KiB of a reader */

static struct tape *t;

/* With a name that no other scope has, and a blob that the one before may have, too. */
static void
put(int i, bool blob)
{
	struct tape_build *b = tape_build_begin(t, "row");
	unsigned seed = (unsigned)i / 2;
	char name[16];

	(void)tape_build_i64(b, "i", TAPE_NUL, i);
	for (int j = 0; j < WIDE; j++) {
		(void)snprintf(name, sizeof name, j ? "v%d" : "u%d", j ? j : i);
		(void)tape_build_bool(b, name, TAPE_NUL, j % 2);
	}
	if (blob) {
		size_t size = i % 3 == 0 ? 5000 : 70000;
		unsigned char *data = malloc(size);
		struct tape_nd nd = {
			.data = data, .dtype = "u1", .ndim = 1, .dims = { size }
		};

		ck_assert_ptr_nonnull(data);
		recording_fill(data, size, seed);
		(void)tape_build_u64(b, "seed", TAPE_NUL, seed);
		(void)tape_build_nd(b, "b", TAPE_NUL, &nd, 1);
		free(data);
	}
	ck_assert_int_eq(tape_build_end(b), 0);
}

/* Each of these numbers so often, and nothing else. */
static void
expect(size_t count, int from, int to, size_t times)
{
	struct recording read = recording_read();

	ck_assert_msg(read.damage == 0, "%s", read.report);
	ck_assert_uint_eq(read.bad_blobs, 0);
	ck_assert_uint_eq(read.count, count);
	for (int i = from; i < to; i += 41)
		ck_assert_uint_eq(recording_times(&read, i), times);
	recording_release(&read);
}

START_TEST(one_commit_of_very_many_forms_is_read_whole)
{
	static const char *const settings[] = {
		"sync=commit commit=manual blobs=at-commit",
		"sync=none commit=manual blobs=at-commit blob_store=log",
	};

	t = recording_open(settings[_i]);
	for (int i = 0; i < SCOPES; i++) {
		put(i, i % 50 < 2);
		if (i % 320 == 0)
			(void)tape_bookmark(t, "here");
	}
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_uint_eq(tape_position(t).seq, SCOPES + SCOPES / 320);
	put(SCOPES, true);
	ck_assert_int_eq(tape_close(t), 0);
	expect(SCOPES + 1, 0, SCOPES + 1, 1);
}
END_TEST

/* Parts stand before and behind what they are parts of, with many forms in between. */
START_TEST(parts_of_scopes_of_other_groups_are_stored)
{
	t = recording_open("sync=none commit=manual dedup=subset");
	for (int i = 0; i < SCOPES; i++) {
		recording_put(t, i);
		put(i, false);
		recording_put(t, SCOPES - 1 - i);
	}
	ck_assert_int_eq(tape_close(t), 0);
	expect(3 * SCOPES, 0, SCOPES, 3);
}
END_TEST

START_TEST(a_discard_takes_all_of_it)
{
	t = recording_open("sync=none commit=manual");
	for (int i = 0; i < SCOPES; i++)
		put(i, i % 50 == 0);
	ck_assert_int_eq(tape_discard(t), 0);
	put(1, false);
	ck_assert_int_eq(tape_close(t), 0);
	expect(1, 1, 2, 1);
}
END_TEST

static void *
put_half(void *user)
{
	int from = user ? SCOPES / 2 : 0;

	for (int i = from; i < from + SCOPES / 2; i++)
		put(i, i % 50 == 0);
	return NULL;
}

START_TEST(the_stages_of_several_threads_are_one_commit)
{
	pthread_t other;

	t = recording_open("sync=none commit=manual");
	ck_assert_int_eq(pthread_create(&other, NULL, put_half, t), 0);
	(void)put_half(NULL);
	ck_assert_int_eq(pthread_join(other, NULL), 0);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_uint_eq(tape_position(t).seq, SCOPES);
	ck_assert_int_eq(tape_close(t), 0);
	expect(SCOPES, 0, SCOPES, 1);
}
END_TEST

static atomic_llong room; /* bytes that may still be written */

static int
full_disk(void *user, enum os_call call, const char *path, size_t *limit)
{
	long long left = call == OS_WRITE ? atomic_load(&room) : 0;

	(void)user;
	(void)path;
	if (call != OS_WRITE)
		return 0;
	if (left <= 0)
		return ENOSPC;
	if (*limit > (size_t)left)
		*limit = (size_t)left;
	atomic_fetch_sub(&room, (long long)*limit);
	return 0;
}

START_TEST(on_a_full_disk_what_is_left_is_a_beginning)
{
	struct recording read;

	atomic_store(&room, 7 << 20);
	os_fault_set(full_disk, NULL);
	t = recording_open("sync=none commit=manual");
	for (int i = 0; i < SCOPES; i++)
		put(i, false);
	ck_assert_int_eq(tape_commit(t), -1);
	ck_assert_uint_eq(tape_lost(t) + tape_position(t).seq, SCOPES);
	ck_assert_uint_gt(tape_position(t).seq, 0);
	ck_assert_uint_gt(tape_lost(t), 0);
	atomic_store(&room, 100 << 20);
	put(SCOPES, false);
	(void)tape_close(t);
	read = recording_read();
	ck_assert_uint_eq(read.damage, 0);
	ck_assert_uint_eq(read.count + tape_lost(t), SCOPES + 1);
	for (size_t i = 0; i + 1 < read.count; i++)
		ck_assert_int_eq(read.numbers[i], (int64_t)i);
	ck_assert_int_eq(read.numbers[read.count - 1], SCOPES);
	recording_release(&read);
	os_fault_set(NULL, NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cut");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, one_commit_of_very_many_forms_is_read_whole, 0, 2);
	tcase_add_test(tc, parts_of_scopes_of_other_groups_are_stored);
	tcase_add_test(tc, a_discard_takes_all_of_it);
	tcase_add_test(tc, the_stages_of_several_threads_are_one_commit);
	tcase_add_test(tc, on_a_full_disk_what_is_left_is_a_beginning);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
