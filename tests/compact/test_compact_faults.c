/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failing each call to the system in turn, once and from there on, while a tape
 * is compacted: the answers stay what they were, and the next run finishes.
 */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/os.h"
#include "tape/compact.h"
#include "tests/damage/answers.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

#define SETTINGS "sync=none commit=manual inline_max=16 embed_max=100"

static const char *const queries[] = { "", NULL };
static struct answer whole, now;

static struct {
	long n, seen;
	int error;
	bool ever, fired;
} fault;

static int
strike(void *user, enum os_call call, const char *path, size_t *limit)
{
	(void)user;
	(void)call;
	(void)path;
	(void)limit;
	fault.seen++;
	if (fault.ever ? fault.seen < fault.n : fault.seen != fault.n)
		return 0;
	fault.fired = true;
	return fault.error;
}

/* ---- tapes ---- */

static void
record(int64_t from, int64_t to)
{
	struct tape *t = recording_open(SETTINGS);

	ck_assert_ptr_nonnull(t);
	for (int64_t i = from; i < to; i++)
		ck_assert_int_eq(recording_put(t, i - i % 3), 0);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(recording_put_blob(t, to + i, i, 90 + 300 * i), 0);
	ck_assert_int_eq(tape_close(t), 0);
}

static int
compact(uint32_t flags, struct tape_compact_result *result, struct tape_error *err)
{
	struct tape_compact_options options = { .size = sizeof options,
						.flags = flags,
						.jobs = 1 };

	return tape_compact(recording_dir, &options, result, err);
}

static int
copy_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	char to[600];

	(void)st;
	(void)ftw;
	snprintf(to, sizeof to, "copy%s", path + strlen("run.tape"));
	if (strcmp(path, "run.tape/compact.lock") == 0)
		return 0;
	return kind == FTW_D ? mkdir(to, 0755) : link(path, to);
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return kind == FTW_DP ? rmdir(path) : unlink(path);
}

/* The manifest of a session that could not be read stays: it is for people. */
static void
check_left(long n, int error)
{
	size_t lists = 0;

	list_files();
	for (size_t i = 0; i < path_count; i++) {
		const char *path = paths[i];
		bool listed =
			strncmp(path, "gen/", 4) == 0 && path[4] >= '1' && path[4] <= '9';

		lists += strncmp(path, "live/", 5) == 0;
		ck_assert_msg(listed || strncmp(path, "live/", 5) == 0 ||
				      strcmp(path, "TAPE") == 0 ||
				      strcmp(path, "compact.lock") == 0 ||
				      ends(path, "manifest.jsonl"),
			      "call %ld, error %d: %s is left over", n, error, path);
	}
	ck_assert_uint_eq(lists, 1);
}

/* ---- runs ---- */

/* True if the fault was reached. */
static bool
one(long n, int error, bool ever, uint32_t flags)
{
	struct tape_compact_result result;
	struct tape_error err = { 0 };
	int r;

	ck_assert_int_eq(nftw("run.tape", copy_one, 8, FTW_PHYS), 0);
	recording_dir = "copy";
	fault.n = n;
	fault.seen = 0;
	fault.error = error;
	fault.ever = ever;
	fault.fired = false;
	os_fault_set(strike, NULL);
	r = compact(flags, &result, &err);
	os_fault_set(NULL, NULL);
	ck_assert_msg(r == 0 || err.message[0] != '\0', "call %ld: %d without a word", n,
		      r);
	ck_assert_msg(r != 0 || result.damage != 0 || result.generation[0] != '\0',
		      "call %ld, error %d: nothing was done, nothing was said", n, error);
	ask(&now, queries);
	ck_assert_msg(strcmp(now.text, whole.text) == 0, "call %ld, error %d%s: %s\n%s",
		      n, error, ever ? " for ever" : "", err.message, now.text);
	ck_assert_uint_eq(now.damage, 0);
	r = compact(flags, NULL, &err);
	ck_assert_msg(r == 0, "call %ld, the next run: %s", n, err.message);
	ask(&now, queries);
	ck_assert_str_eq(now.text, whole.text);
	check_left(n, error);
	ck_assert_int_eq(nftw("copy", remove_one, 8, FTW_PHYS | FTW_DEPTH), 0);
	recording_dir = "run.tape";
	return fault.fired;
}

static void
sweep(uint32_t flags)
{
	static const int errors[] = { EIO, ENOMEM };
	long n = 0, runs = 0, step;

	ask(&whole, queries);
	ck_assert_int_eq(whole.status, 0);
	ck_assert_uint_eq(whole.damage, 0);
	/* Each call once; less often what follows the same way. */
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		for (int ever = 0; ever < 2; ever++, runs += n / step) {
			step = (1 + 3 * ever + 2 * (long)i) * suite_step(7);
			for (n = 1 + suite_start((int)step);
			     one(n, errors[i], ever, flags); n += step)
				;
		}
	ck_assert_int_gt(runs, 200 / suite_step(7));
}

START_TEST(a_first_compaction_survives_any_failing_call)
{
	record(0, 4);
	record(2, 5);
	sweep(0);
}
END_TEST

START_TEST(a_later_compaction_survives_any_failing_call)
{
	record(0, 4);
	ck_assert_int_eq(compact(0, NULL, NULL), 0);
	record(2, 5);
	sweep(0);
}
END_TEST

START_TEST(a_merge_of_generations_survives_any_failing_call)
{
	record(0, 4);
	ck_assert_int_eq(compact(0, NULL, NULL), 0);
	record(2, 5);
	ck_assert_int_eq(compact(0, NULL, NULL), 0);
	sweep(TAPE_COMPACT_FULL);
}
END_TEST

START_TEST(a_blob_that_an_earlier_generation_took_is_no_trouble_for_the_next)
{
	struct tape_error err = { 0 };
	struct tape *t = recording_open(SETTINGS);

	record(0, 2);
	ck_assert_ptr_nonnull(t);
	/* The same blob as the session that is over has, in the same file. */
	ck_assert_int_eq(recording_put_blob(t, 9, 2, 690), 0);
	ck_assert_int_eq(tape_commit(t), 0);
	ask(&whole, queries);
	ck_assert_int_eq(compact(0, NULL, &err), 0);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_msg(compact(0, NULL, &err) == 0, "%s", err.message);
	ask(&now, queries);
	ck_assert_str_eq(now.text, whole.text);
	check_left(0, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("compact_faults");
	TCase *tcase = tcase_create("compact_faults");

	tcase_add_checked_fixture(tcase, recording_setup, recording_teardown);
	tcase_set_timeout(tcase, 280);
	tcase_add_test(tcase,
		       a_blob_that_an_earlier_generation_took_is_no_trouble_for_the_next);
	tcase_add_test(tcase, a_first_compaction_survives_any_failing_call);
	tcase_add_test(tcase, a_later_compaction_survives_any_failing_call);
	tcase_add_test(tcase, a_merge_of_generations_survives_any_failing_call);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
