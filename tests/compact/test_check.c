/* SPDX-License-Identifier: Apache-2.0 */
/* tape_check in process: what it tells, and that it writes nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/os.h"
#include "tape/compact.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

struct told {
	unsigned count[8]; /* by kind */
	char file[512], lost[512], line[128];
	int remedy;
	unsigned asked; /* progress */
	bool stop;
};

static void
on_finding(void *user, const struct tape_finding *f)
{
	struct told *t = user;

	ck_assert_ptr_nonnull(f->file);
	ck_assert_ptr_nonnull(f->message);
	ck_assert_ptr_nonnull(f->lost);
	ck_assert_ptr_nonnull(f->line);
	ck_assert_int_ge(f->kind, 0);
	ck_assert_int_lt(f->kind, 8);
	t->count[f->kind]++;
	snprintf(t->file, sizeof t->file, "%s", f->file);
	snprintf(t->lost, sizeof t->lost, "%s", f->lost);
	snprintf(t->line, sizeof t->line, "%s", f->line);
	t->remedy = f->remedy;
}

static int
on_progress(void *user, const struct tape_check_progress *p)
{
	struct told *t = user;

	ck_assert_uint_le(p->done, p->total);
	t->asked++;
	return t->stop;
}

static int
check(uint32_t flags, struct told *told, struct tape_check_result *result)
{
	struct tape_check_options o = { .size = sizeof o,
					.flags = flags,
					.on_finding = on_finding,
					.on_progress = on_progress,
					.user = told };
	struct tape_error err = { 0 };
	int r = tape_check(recording_dir, &o, result, &err);

	ck_assert_msg(r == 0 || r == TAPE_ERR_STOPPED, "%s %s", err.file, err.message);
	return r;
}

static void
record(void)
{
	struct tape *t = recording_open("sync=none embed_max=4096");

	for (int64_t i = 0; i < 60; i++)
		ck_assert_int_eq(i % 4 == 0
					 ? recording_put_blob(t, i, (unsigned)i % 7, 6000)
					 : recording_put(t, i),
				 0);
	ck_assert_int_eq(tape_close(t), 0);
}

static void
compact(void)
{
	struct tape_error err = { 0 };

	ck_assert_msg(tape_compact(recording_dir, NULL, NULL, &err) == 0, "%s",
		      err.message);
}

START_TEST(a_tape_without_damage_is_called_clean)
{
	struct tape_check_result result;
	struct told told = { .stop = false };

	record();
	ck_assert_int_eq(tape_check(recording_dir, NULL, NULL, NULL), 0);
	(void)check(TAPE_CHECK_FULL, &told, &result);
	ck_assert_uint_eq(result.scopes, 60);
	ck_assert_uint_eq(result.damage, 0);
	compact();
	(void)check(TAPE_CHECK_FULL, &told, &result);
	ck_assert_uint_eq(result.scopes, 60);
	ck_assert_uint_eq(result.generations, 1);
	ck_assert_uint_eq(result.damage, 0);
	ck_assert_uint_eq(told.count[TAPE_FOUND_DAMAGE], 0);
}
END_TEST

START_TEST(a_check_writes_nothing)
{
	struct tape_check_result result;
	struct told told = { .stop = false };
	size_t files;

	record();
	compact();
	files = recording_files("");
	(void)check(TAPE_CHECK_FULL, &told, &result);
	(void)check(TAPE_CHECK_REBUILD_INDEX, &told, &result);
	ck_assert_uint_eq(recording_files(""), files);
	ck_assert_uint_eq(result.rebuilt, 0);
}
END_TEST

START_TEST(a_check_stops_when_its_caller_says_so)
{
	struct tape_check_result result;
	struct told told = { .stop = true };

	record();
	ck_assert_int_eq(check(TAPE_CHECK_FULL, &told, &result), TAPE_ERR_STOPPED);
	ck_assert_uint_eq(told.asked, 1);
}
END_TEST

START_TEST(a_lost_tape_file_is_told_with_what_belongs_into_it)
{
	struct tape_check_result result;
	struct told told = { .stop = false };
	char path[512], was[64] = "", now[160];
	int dir = -1, fd = -1;

	record();
	ck_assert_int_eq(os_open_dir(OS_CWD, recording_dir, true, &dir), 0);
	ck_assert_int_eq(os_open_read(dir, "TAPE", &fd), 0);
	ck_assert_int_gt(os_pread(fd, was, sizeof was - 1, 0), 0);
	os_close(&fd);
	os_close(&dir);
	snprintf(path, sizeof path, "%s/TAPE", recording_dir);
	ck_assert_int_eq(unlink(path), 0);
	(void)check(0, &told, &result);
	ck_assert_uint_eq(result.damage, 1);
	ck_assert_int_eq(told.remedy, TAPE_REMEDY_TAPE_FILE);
	snprintf(now, sizeof now, "%s\n", told.line);
	ck_assert_str_eq(now, was);
}
END_TEST

START_TEST(what_is_no_tape_is_none)
{
	struct tape_error err = { 0 };

	ck_assert_int_eq(tape_check("/nonexistent", NULL, NULL, &err), TAPE_ERR_NOT_TAPE);
	ck_assert_int_eq(tape_check(NULL, NULL, NULL, &err), TAPE_ERR_MISUSE);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("check");
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, a_tape_without_damage_is_called_clean);
	tcase_add_test(tc, a_check_writes_nothing);
	tcase_add_test(tc, a_check_stops_when_its_caller_says_so);
	tcase_add_test(tc, a_lost_tape_file_is_told_with_what_belongs_into_it);
	tcase_add_test(tc, what_is_no_tape_is_none);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
