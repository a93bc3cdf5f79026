/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More results that were withdrawn than a compaction has memory for, and one that forgets
 * what is referred to. The compactor is built into this program, so that its sorts of
 * what was withdrawn are counted, and a part of it can be made to lie.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned sorts;

static void
counted_sort(void *items, size_t count, size_t size,
	     int (*order)(const void *, const void *))
{
	sorts++;
	qsort(items, count, size, order);
}

#define qsort counted_sort
#include "compactor/withdrawn.c"
#undef qsort

static unsigned wrong_bucket, buckets; /* the so many-th answer is wrong; 0 = none */

static unsigned
lying_bucket(uint64_t size)
{
	return blobpack_bucket(size) ^ (++buckets == wrong_bucket);
}

#define blobpack_bucket lying_bucket
#include "compactor/carry.c"
#undef blobpack_bucket

#include "tests/support/caching.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

/* There is room for 2,731 in so much memory. */
#define MEMORY (UINT64_C(1) << 20)
#define ROOM 2731
#define RESULTS 6000

static bool told;

static void
on_event(void *user, const struct tape_compact_event *event)
{
	(void)user;
	told |= strstr(event->why, "for want of memory") != NULL;
}

static int
stop_planning(void *user, const struct tape_compact_progress *progress)
{
	unsigned *asked = user;

	*asked += progress->stage == TAPE_COMPACT_PLAN;
	return progress->stage == TAPE_COMPACT_PLAN;
}

static int
compact_within(uint64_t memory, unsigned *stop_asked)
{
	struct tape_compact_options options = { .size = sizeof options,
						.flags = TAPE_COMPACT_FULL,
						.memory = memory,
						.on_event = on_event };
	struct tape_compact_result result;
	struct tape_error err = { 0 };
	int r;

	if (stop_asked != NULL) {
		options.on_progress = stop_planning;
		options.user = stop_asked;
	}
	sorts = 0;
	told = false;
	r = tape_compact(recording_dir, &options, &result, &err);
	ck_assert_msg(r == 0 || stop_asked != NULL, "%s", err.message);
	return r;
}

/* `keys` results; each is stored and withdrawn so many times. */
static void
record(int keys, int times)
{
	struct tape *t = recording_open(ASLEEP);

	for (int n = 0; n < keys; n++)
		for (int i = 0; i < times; i++) {
			store_number(t, n, n);
			ck_assert_int_eq(tape_cache_drop(t, key_of(n)), 1);
		}
	ck_assert_int_eq(tape_close(t), 0);
}

/* Withdrawn results that are on the tape still, and those that are found. */
static uint64_t
left(void)
{
	return count("_cache _has=key") - count("_cache _has=dropped");
}

static void
check_that_none_is_found(int keys)
{
	struct tape *t = recording_open(ASLEEP);

	for (int n = 0; n < keys; n += 7)
		ck_assert(number(t, n) == -1);
	ck_assert_int_eq(tape_close(t), 0);
}

START_TEST(what_there_is_no_memory_for_is_not_sorted_again_and_again)
{
	record(RESULTS, 1);
	compact_within(MEMORY, NULL);
	ck_assert_uint_le(sorts, 3);
	ck_assert(told);
	ck_assert_uint_eq(left(), RESULTS - ROOM);
	check_that_none_is_found(RESULTS);
	/* Of a generation, too. */
	compact_within(MEMORY, NULL);
	ck_assert_uint_le(sorts, 3);
	compact_within(UINT64_C(64) << 20, NULL);
	ck_assert(!told);
	check_that_none_is_found(RESULTS);
}
END_TEST

START_TEST(of_a_key_that_was_withdrawn_often_one_takes_memory)
{
	record(ROOM / 4, 12);
	compact_within(MEMORY, NULL);
	ck_assert_uint_gt(sorts, 1);
	ck_assert_uint_le(sorts, 12);
	ck_assert(!told);
	ck_assert_uint_eq(left(), 0);
	check_that_none_is_found(ROOM / 4);
}
END_TEST

START_TEST(it_is_stopped_while_it_looks_for_what_was_withdrawn)
{
	unsigned asked = 0;

	record(RESULTS, 1);
	ck_assert_int_eq(compact_within(0, &asked), TAPE_ERR_STOPPED);
	ck_assert_uint_eq(asked, 1);
	ck_assert_uint_eq(left(), RESULTS);
	compact_within(MEMORY, NULL); /* some are left */
	asked = 0;
	ck_assert_int_eq(compact_within(0, &asked), TAPE_ERR_STOPPED);
	ck_assert_uint_eq(asked, 1);
	check_that_none_is_found(RESULTS);
}
END_TEST

/* ---- blobs that there is no memory to choose from ---- */

/* There is room for 963 blobs in so much memory. */
START_TEST(packs_that_memory_has_no_room_for_stay_and_that_is_said)
{
	struct tape *t = recording_open(ASLEEP);
	unsigned char bytes[100];

	for (int n = 0; n < 1000; n++)
		ck_assert_int_eq(recording_put_blob(t, n, (unsigned)n, sizeof bytes), 0);
	recording_fill(bytes, sizeof bytes, 2000);
	ck_assert_int_eq(TAPE_STORE(t, key_of(1), TAPE_BYTES(bytes, sizeof bytes)), 1);
	ck_assert_int_eq(tape_close(t), 0);
	compact(false);
	t = recording_open(ASLEEP);
	ck_assert_int_eq(tape_cache_drop(t, key_of(1)), 1);
	ck_assert_int_eq(tape_close(t), 0);
	compact_within(65536, NULL);
	ck_assert(told);
	ck_assert_uint_eq(count("_cache _has=dropped"), 1); /* it says so once more */
	compact_within(MEMORY, NULL);
	ck_assert(!told);
	ck_assert_uint_eq(count("_cache _has=dropped"), 0);
}
END_TEST

/* ---- blobs that are forgotten ---- */

#define BLOBS 8
#define BLOB_BYTES 3000u

static void
check_blobs(void)
{
	struct recording read = recording_read();

	ck_assert_uint_eq(read.damage, 0);
	ck_assert_uint_eq(read.bad_blobs, 0);
	for (int n = 0; n < BLOBS; n++)
		ck_assert_uint_eq(recording_times(&read, n), 1);
	recording_release(&read);
}

/* The pack is the first that a bucket is asked for, each content one more. */
START_TEST(a_blob_that_would_be_lost_ends_the_run_and_nothing_changes)
{
	struct tape_compact_options options = { .size = sizeof options,
						.flags = TAPE_COMPACT_FULL,
						.jobs = 1 };
	struct tape_compact_result result;
	struct tape_error err = { 0 };
	struct tape *t = recording_open(ASLEEP);
	unsigned char bytes[BLOB_BYTES];

	for (int n = 0; n < BLOBS; n++)
		ck_assert_int_eq(recording_put_blob(t, n, (unsigned)n, BLOB_BYTES), 0);
	recording_fill(bytes, sizeof bytes, 1000);
	ck_assert_int_eq(TAPE_STORE(t, key_of(1), TAPE_BYTES(bytes, sizeof bytes)), 1);
	ck_assert_int_eq(tape_close(t), 0);
	compact(false);
	t = recording_open(ASLEEP);
	ck_assert_int_eq(tape_cache_drop(t, key_of(1)), 1);
	ck_assert_int_eq(tape_close(t), 0);
	for (wrong_bucket = 2; wrong_bucket < 2 + BLOBS; wrong_bucket += 3) {
		buckets = 0;
		ck_assert_int_eq(tape_compact(recording_dir, &options, &result, &err),
				 TAPE_ERR_DAMAGED);
		ck_assert(strstr(err.message, "did not come along") != NULL);
		check_blobs();
	}
	wrong_bucket = 0;
	compact(true);
	ck_assert_uint_eq(left(), 0);
	check_blobs();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("many withdrawn");
	TCase *tc = tcase_create("many withdrawn");

	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, what_there_is_no_memory_for_is_not_sorted_again_and_again);
	tcase_add_test(tc, of_a_key_that_was_withdrawn_often_one_takes_memory);
	tcase_add_test(tc, it_is_stopped_while_it_looks_for_what_was_withdrawn);
	tcase_add_test(tc, packs_that_memory_has_no_room_for_stay_and_that_is_said);
	tcase_add_test(tc, a_blob_that_would_be_lost_ends_the_run_and_nothing_changes);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
