/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes that are left out by count, which the macro does without a call where it can. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tape/search.h"
#include "tests/support/recorded.h"
#include "tests/support/suite.h"

#define EVERY(n) "[rule few]\nlabel = ^iter$\nevery = " n "\n"

static struct tape *t;
static int evaluated;

static int
count(int value)
{
	evaluated++;
	return value;
}

static void
iter_to(struct tape *to, int i)
{
	TAPE(to, "iter", TAPE_AS("i", count(i)));
}

static void
iter(int i)
{
	iter_to(t, i);
}

static void
iter_under(const char *label, int i)
{
	TAPE_LABEL(t, label);
	iter(i);
}

/* How many scopes rules have left out, as a reader of the closed tape sees it. */
static uint64_t
left_out(const char *dir)
{
	struct tape_reader *reader = NULL;
	struct tape_info *info = NULL;
	struct tape_error err = { 0 };
	uint64_t n;

	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_msg(tape_reader_open(dir, NULL, &reader, &err) == 0 &&
			      tape_info_read(reader, &info, &err) == 0,
		      "%s", err.message);
	n = info->thinned;
	tape_info_free(info);
	tape_reader_close(reader);
	return n;
}

START_TEST(a_site_that_goes_between_paths_counts_each)
{
	t = recorded_open(EVERY("4"));
	evaluated = 0;
	for (int i = 0; i < 10; i++) {
		iter_under("a", i);
		iter_under("b", i);
		iter(i);
		iter(i);
	}
	ck_assert_str_eq(recorded(),
			 "a/iter i=0\nb/iter i=0\niter i=0\niter i=2\na/iter i=4\n"
			 "b/iter i=4\niter i=4\niter i=6\na/iter i=8\nb/iter i=8\n"
			 "iter i=8\n");
	ck_assert_int_eq(evaluated, 11);
	ck_assert_uint_eq(left_out(recorded_dir()), 29);
}
END_TEST

START_TEST(a_site_that_goes_between_recorders_counts_for_each)
{
	struct tape *beside;

	t = recorded_open(EVERY("3"));
	beside = recorded_open_beside(1);
	ck_assert_int_eq(tape_set(beside, "^iter$", "every", "2"), 0);
	for (int i = 0; i < 6; i++) {
		iter_to(t, i);
		iter_to(beside, i);
	}
	ck_assert_str_eq(recorded(), "iter i=0\niter i=3\n");
	ck_assert_str_eq(recorded_beside(1), "iter i=0\niter i=2\niter i=4\n");
}
END_TEST

START_TEST(what_was_added_goes_with_a_scope_that_is_left_out)
{
	t = recorded_open(EVERY("4"));
	for (int i = 0; i < 8; i++) {
		if (i % 4 != 1)
			TAPE_ADD(t, TAPE_AS("added", i));
		iter(i);
	}
	TAPE(t, "other");
	ck_assert_str_eq(recorded(), "iter added=0 i=0\niter added=4 i=4\nother\n");
	ck_assert_uint_eq(left_out(recorded_dir()), 6);
}
END_TEST

START_TEST(a_rule_that_changes_holds_at_once)
{
	t = recorded_open(EVERY("1000"));
	iter(0);
	iter(1);
	ck_assert_int_eq(tape_set(t, "^iter$", "every", "1"), 0);
	iter(2);
	iter(3);
	ck_assert_int_eq(tape_set(t, "^iter$", "record", "off"), 0);
	iter(4);
	iter(5);
	ck_assert_int_eq(tape_set(t, "^iter$", "record", "on"), 0);
	iter(6);
	ck_assert_str_eq(recorded(), "iter i=0\niter i=2\niter i=3\niter i=6\n");
	ck_assert_uint_eq(left_out(recorded_dir()), 3);
}
END_TEST

START_TEST(a_closed_recorder_evaluates_and_counts_no_more)
{
	t = recorded_open(EVERY("2"));
	iter(0);
	iter(1);
	ck_assert_uint_eq(left_out(recorded_dir()), 1);
	evaluated = 0;
	for (int i = 0; i < 5; i++)
		iter(i);
	ck_assert_int_eq(evaluated, 0);
	ck_assert_uint_eq(left_out(recorded_dir()), 1);
}
END_TEST

/* ---- a thread that still records when its state has ended ---- */

static pthread_key_t late;

static __attribute__((noinline)) void
free_site(void)
{
	TAPE(t, "free");
}

static void
record_late(void *rounds)
{
	int round = (int)(intptr_t)rounds;

	for (int i = 0; i < 4; i++)
		iter(100 * round + i);
	free_site();
	/* The recorder's own destructor comes before or after: both happen. */
	if (round < 2)
		(void)pthread_setspecific(late, (void *)(intptr_t)(round + 1));
}

static void *
worker(void *arg)
{
	{
		TAPE_LABEL(
			t,
			"iter"); /* a path that is thinned: from here on all are asked */
	}
	free_site();
	for (int i = 0; i < 6; i++)
		iter(i);
	(void)pthread_setspecific(late, (void *)(intptr_t)1);
	return arg;
}

START_TEST(a_thread_may_record_in_its_destructors)
{
	pthread_t thread;

	t = recorded_open(EVERY("100"));
	iter(0);
	ck_assert_int_eq(pthread_key_create(&late, record_late), 0);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(pthread_create(&thread, NULL, worker, NULL), 0);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
	}
	iter(1);
	ck_assert_int_eq(pthread_key_delete(late), 0);
	/* Whatever is not on the tape was counted. */
	ck_assert_uint_eq(recorded_count() + left_out(recorded_dir()),
			  2 + 20 * (6 + 8) + 20 * 3);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("thin");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, NULL, recorded_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_site_that_goes_between_paths_counts_each);
	tcase_add_test(tc, a_site_that_goes_between_recorders_counts_for_each);
	tcase_add_test(tc, what_was_added_goes_with_a_scope_that_is_left_out);
	tcase_add_test(tc, a_rule_that_changes_holds_at_once);
	tcase_add_test(tc, a_closed_recorder_evaluates_and_counts_no_more);
	tcase_add_test(tc, a_thread_may_record_in_its_destructors);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
