/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failing each call to the system in turn, once and from there on, while a
 * program records: what a commit said 0 for is on the tape, nothing else is but
 * what was put, and recording goes on when the trouble is over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

#define ROUNDS 6
#define PER_ROUND 3
#define PUTS (2 * ROUNDS * PER_ROUND)

enum how { ONCE, FOR_EVER, SHORT_ONCE };

/* Only calls of the thread that records are counted: the others have no order. */
static struct {
	long n, seen;
	int error;
	enum how how;
	bool fired;
} fault;
static _Thread_local bool counted;

static int
strike(void *user, enum os_call call, const char *path, size_t *limit)
{
	(void)user;
	(void)path;
	if (!counted)
		return 0;
	fault.seen++;
	if (fault.how == FOR_EVER ? fault.seen < fault.n : fault.seen != fault.n)
		return 0;
	fault.fired = true;
	if (fault.how == SHORT_ONCE) {
		/* A short write is no failure: the rest is written by the next call. */
		if (call == OS_WRITE)
			*limit = 5;
		return 0;
	}
	return fault.error;
}

static void
arm(long n, int error, enum how how)
{
	fault.n = n;
	fault.seen = 0;
	fault.error = error;
	fault.how = how;
	fault.fired = false;
	counted = true;
	os_fault_set(strike, NULL);
}

static bool
disarm(void)
{
	counted = false;
	os_fault_set(NULL, NULL);
	return fault.fired;
}

/* What became of the puts. */
struct run {
	bool acked[PUTS], put[PUTS];
	size_t next;
	bool refused; /* some call said that something went wrong */
};

static void
round_of(struct tape *t, struct run *run, bool blobs)
{
	size_t from = run->next;
	int r;

	for (; run->next < from + PER_ROUND; run->next++) {
		size_t i = run->next;
		static const size_t sizes[] = { 100, 7000, 90000 };

		if (blobs)
			r = recording_put_blob(t, (int64_t)i, (unsigned)(i % 5),
					       sizes[i % 3]);
		else
			r = recording_put(t, (int64_t)i);
		run->put[i] = r == 0;
		run->refused = run->refused || r != 0;
	}
	r = tape_commit(t);
	run->refused = run->refused || r != 0;
	for (size_t i = from; i < run->next; i++)
		run->acked[i] = r == 0 && run->put[i];
}

static void
verify(const struct run *run, long n, const char *settings)
{
	struct recording read = recording_read();

	ck_assert_msg(read.damage == 0, "%s, call %ld: %s", settings, n, read.report);
	ck_assert_msg(read.bad_blobs == 0, "%s, call %ld: %zu blobs are wrong", settings,
		      n, read.bad_blobs);
	for (size_t i = 0; i < PUTS; i++) {
		size_t times = recording_times(&read, (int64_t)i);

		if (run->acked[i])
			ck_assert_msg(
				times == 1,
				"%s, call %ld: scope %zu was committed and is there "
				"%zu times",
				settings, n, i, times);
		else
			ck_assert_msg(times <= (i < run->next),
				      "%s, call %ld: scope %zu is there %zu times",
				      settings, n, i, times);
	}
	for (size_t i = 0; i < read.count; i++)
		ck_assert_msg(read.numbers[i] >= 0 && read.numbers[i] < PUTS &&
				      (i == 0 || read.numbers[i] > read.numbers[i - 1]),
			      "%s, call %ld: order", settings, n);
	recording_release(&read);
}

/* One recording with one fault. False once it needs fewer than n calls. */
static bool
record(long n, int error, enum how how, const char *settings, bool blobs)
{
	static struct run run;
	struct tape *t;
	char dir[64];
	bool fired;

	memset(&run, 0, sizeof run);
	snprintf(dir, sizeof dir, "%ld-%d-%d.tape", n, error, (int)how);
	recording_dir = dir;
	arm(n, error, how);
	t = recording_open(settings);
	if (!t) {
		ck_assert(disarm());
		ck_assert_str_ne(tape_error(NULL), "");
		return true;
	}
	for (int i = 0; i < ROUNDS; i++)
		round_of(t, &run, blobs);
	fired = disarm();
	if (how == SHORT_ONCE)
		ck_assert_msg(!run.refused, "%s, call %ld: a short write was an error",
			      settings, n);
	if (run.refused)
		ck_assert_str_ne(tape_error(t), "");
	/* The trouble is over. */
	run.refused = false;
	for (int i = 0; i < ROUNDS; i++)
		round_of(t, &run, blobs);
	ck_assert_msg(!run.refused, "%s, call %ld: %s", settings, n, tape_error(t));
	ck_assert_int_eq(tape_close(t), tape_lost(t) ? -1 : 0);
	verify(&run, n, settings);
	return fired;
}

static void
every_call(const char *settings, bool blobs)
{
	static const int errors[] = { ENOSPC, EIO };
	const int step = suite_step(4);
	long n;

	for (size_t e = 0; e < 2; e++)
		for (enum how how = ONCE; how <= FOR_EVER; how++)
			for (n = 1 + suite_start(step);
			     record(n, errors[e], how, settings, blobs); n += step)
				;
	for (n = 1 + suite_start(step); record(n, 1, SHORT_ONCE, settings, blobs);
	     n += step)
		;
	ck_assert_int_gt(n, 20);
}

START_TEST(no_call_that_fails_takes_a_committed_scope)
{
	every_call("sync=none commit=manual dedup=off", false);
}
END_TEST

START_TEST(no_call_that_fails_takes_a_committed_blob)
{
	every_call("sync=none commit=manual dedup=exact", true);
}
END_TEST

START_TEST(no_call_that_fails_takes_a_committed_scope_under_sync_commit)
{
	every_call("sync=commit commit=manual dedup=exact", true);
}
END_TEST

START_TEST(no_call_that_fails_takes_a_blob_of_a_blob_segment)
{
	every_call("sync=commit commit=manual blob_store=log", true);
}
END_TEST

START_TEST(no_call_that_fails_takes_a_blob_that_waits_for_its_commit)
{
	every_call("sync=commit commit=manual blobs=at-commit", true);
}
END_TEST

/* ---- closing ---- */

START_TEST(a_close_that_fails_says_so_or_loses_nothing)
{
	bool fired = true;

	for (long n = 1; fired; n++) {
		struct recording read;
		struct tape *t;
		char dir[32];
		int r;

		snprintf(dir, sizeof dir, "%ld.tape", n);
		recording_dir = dir;
		t = recording_open("sync=commit commit=manual");
		ck_assert_ptr_nonnull(t);
		for (int i = 0; i < 10; i++)
			ck_assert_int_eq(recording_put_blob(t, i, (unsigned)i, 5000), 0);
		arm(n, ENOSPC, FOR_EVER);
		r = tape_close(t);
		fired = disarm();
		read = recording_read();
		ck_assert_uint_eq(read.damage, 0);
		ck_assert_uint_eq(read.bad_blobs, 0);
		if (r == 0)
			ck_assert_uint_eq(read.count, 10);
		else
			ck_assert_uint_gt(tape_lost(t), 0);
		recording_release(&read);
	}
}
END_TEST

START_TEST(nothing_links_to_a_scope_that_was_lost)
{
	struct recording read;
	struct tape *t = recording_open("sync=none commit=manual dedup=exact");

	ck_assert_ptr_nonnull(t);
	arm(1, ENOSPC, FOR_EVER);
	recording_put_blob(t, 7, 7, 5000);
	ck_assert_int_eq(tape_commit(t), -1);
	ck_assert(disarm());
	ck_assert_uint_eq(tape_lost(t), 1);
	recording_put_blob(t, 8, 8, 5000); /* has the seq that 7 would have had */
	ck_assert_int_eq(tape_commit(t), 0);
	recording_put_blob(t, 7, 7, 5000);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_int_eq(tape_close(t), -1);
	read = recording_read();
	ck_assert_msg(read.damage == 0, "%s", read.report);
	ck_assert_uint_eq(read.count, 2);
	ck_assert_uint_eq(read.links, 0);
	ck_assert_uint_eq(read.bad_blobs, 0);
	ck_assert_uint_eq(recording_times(&read, 7), 1);
	recording_release(&read);
}
END_TEST

/* ---- fsync ---- */

static int fsyncs_fail;

static int
refuse_fsync(void *user, enum os_call call, const char *path, size_t *limit)
{
	(void)user;
	(void)path;
	(void)limit;
	if (call != OS_FSYNC || fsyncs_fail == 0)
		return 0;
	fsyncs_fail--;
	return EIO;
}

START_TEST(a_failed_fsync_moves_what_was_not_safe_to_a_new_segment)
{
	struct recording read;
	struct tape *t = recording_open("sync=commit commit=manual");

	ck_assert_ptr_nonnull(t);
	for (int i = 0; i < 4; i++) {
		recording_put_blob(t, i, (unsigned)i / 2, 5000);
		ck_assert_int_eq(tape_commit(t), 0);
	}
	fsyncs_fail = 1;
	os_fault_set(refuse_fsync, NULL);
	recording_put_blob(t, 4, 1, 5000);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_str_ne(tape_error(t), "");
	os_fault_set(NULL, NULL);
	recording_put_blob(t, 5, 1, 5000);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(recording_files("sessions"), 3); /* two segments, a manifest */
	read = recording_read();
	ck_assert_uint_eq(read.count, 6);
	ck_assert_uint_eq(read.damage, 0);
	ck_assert_uint_eq(read.bad_blobs, 0);
	recording_release(&read);
}
END_TEST

START_TEST(what_is_moved_to_a_new_segment_takes_all_its_forms_along)
{
	struct tape *t = recording_open("sync=commit commit=manual");
	struct recording read;

	/* The groups before the one that fails are not trusted either: each has another form. */
	TAPE(t, "row", TAPE_AS("i", 1), TAPE_AS("x", 1.5));
	recording_put(t, 2);
	ck_assert_int_eq(tape_commit(t), 0);
	TAPE(t, "row", TAPE_AS("i", 3), TAPE_AS("s", "text"));
	ck_assert_int_eq(tape_commit(t), 0);
	fsyncs_fail = 1;
	os_fault_set(refuse_fsync, NULL);
	recording_put(t, 4);
	ck_assert_int_eq(tape_commit(t), 0);
	os_fault_set(NULL, NULL);
	ck_assert_int_eq(fsyncs_fail, 0);
	ck_assert_int_eq(tape_close(t), 0);
	read = recording_read();
	ck_assert_msg(read.damage == 0, "%s", read.report);
	ck_assert_uint_eq(read.count, 4);
	recording_release(&read);
}
END_TEST

START_TEST(a_disk_that_refuses_every_fsync_makes_the_commit_say_so)
{
	struct tape *t = recording_open("sync=commit commit=manual");

	ck_assert_ptr_nonnull(t);
	fsyncs_fail = -1;
	os_fault_set(refuse_fsync, NULL);
	recording_put(t, 1);
	ck_assert_int_eq(tape_commit(t), -1);
	ck_assert_str_ne(tape_error(t), "");
	os_fault_set(NULL, NULL);
	recording_put(t, 2);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_int_eq(tape_close(t), 0);

	struct recording read = recording_read();

	ck_assert_uint_eq(recording_times(&read, 1), 1);
	ck_assert_uint_eq(recording_times(&read, 2), 1);
	ck_assert_uint_eq(read.damage, 0);
	recording_release(&read);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("faults");
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 240);
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, no_call_that_fails_takes_a_committed_scope);
	tcase_add_test(tc, no_call_that_fails_takes_a_committed_blob);
	tcase_add_test(tc, no_call_that_fails_takes_a_committed_scope_under_sync_commit);
	tcase_add_test(tc, no_call_that_fails_takes_a_blob_of_a_blob_segment);
	tcase_add_test(tc, no_call_that_fails_takes_a_blob_that_waits_for_its_commit);
	tcase_add_test(tc, a_close_that_fails_says_so_or_loses_nothing);
	tcase_add_test(tc, nothing_links_to_a_scope_that_was_lost);
	tcase_add_test(tc, a_failed_fsync_moves_what_was_not_safe_to_a_new_segment);
	tcase_add_test(tc, what_is_moved_to_a_new_segment_takes_all_its_forms_along);
	tcase_add_test(tc, a_disk_that_refuses_every_fsync_makes_the_commit_say_so);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
