/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that are asked for beside the site, where labels are made at run time. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/recorded.h"
#include "tests/support/suite.h"

static struct tape *t;
static int evaluated;

static int
count(int value)
{
	evaluated++;
	return value;
}

START_TEST(a_label_whose_text_changes_where_it_stands_is_asked_for_anew)
{
	char label[8];

	t = recorded_open("[rule quiet]\nlabel = ^drop$\nrecord = off\n"
			  "[rule few]\nlabel = ^some$\nevery = 2\n");
	evaluated = 0;
	for (int i = 0; i < 18; i++) {
		snprintf(label, sizeof label, "%s",
			 (const char *[]){ "keep", "drop", "some" }[i / 3 % 3]);
		TAPE(t, label, TAPE_AS("i", count(i)));
	}
	ck_assert_str_eq(recorded(), "keep i=0\nkeep i=1\nkeep i=2\nsome i=6\nsome i=8\n"
				     "keep i=9\nkeep i=10\nkeep i=11\nsome i=16\n");
	ck_assert_int_eq(evaluated, 9);
}
END_TEST

/* The same place and label, on another path each time. */
static void
row_under(const char *path, int n)
{
	TAPE_LABEL(t, path);
	for (int i = 0; i < n; i++)
		TAPE(t, path[0] == 'n' ? NULL : &"row"[path[0] == 'x'],
		     TAPE_AS("i", count(i)));
}

START_TEST(labels_made_at_run_time_are_asked_for_on_each_path)
{
	t = recorded_open("[rule quiet]\nlabel = ^hot$\nrecord = off\n");
	evaluated = 0;
	row_under("cold", 2);
	row_under("hot", 2);
	row_under("cold", 1);
	row_under("none", 2);
	row_under("x", 1);
	row_under("hot", 1);
	ck_assert_str_eq(recorded(),
			 "cold/row i=0\ncold/row i=1\ncold/row i=0\nnone i=0\n"
			 "none i=1\nx/ow i=0\n");
	ck_assert_int_eq(evaluated, 6);
}
END_TEST

static void
labelled_to(struct tape *to, const char *label)
{
	TAPE(to, label);
}

START_TEST(two_recorders_at_one_label_made_at_run_time_do_not_mix)
{
	struct tape *beside;

	t = recorded_open("[rule quiet]\nlabel = iter\nrecord = off\n");
	beside = recorded_open_beside(1);
	ck_assert_int_eq(tape_set(beside, "other", "record", "off"), 0);
	for (int i = 0; i < 6; i++)
		labelled_to(i / 2 % 2 ? beside : t, "iter");
	ck_assert_str_eq(recorded(), "");
	ck_assert_str_eq(recorded_beside(1), "iter\niter\n");
}
END_TEST

START_TEST(what_was_added_goes_with_a_scope_whose_label_was_made_at_run_time)
{
	const char *volatile label = "row";

	t = recorded_open("[rule few]\nlabel = ^row$\nevery = 3\n");
	for (int i = 0; i < 6; i++) {
		if (i % 2)
			TAPE_ADD(t, TAPE_AS("added", i));
		TAPE(t, label, i);
	}
	TAPE(t, "last");
	ck_assert_str_eq(recorded(), "row i=0\nrow added=3 i=3\nlast\n");
}
END_TEST

/* One place for all labels; `kept` of so many are. */
static void
expect_kept(const char *label, int from, int kept)
{
	evaluated = 0;
	for (int i = from; i < from + 3; i++)
		TAPE(t, label, TAPE_AS("i", count(i)));
	ck_assert_int_eq(evaluated, kept);
}

START_TEST(labels_that_are_cut_or_cleaned_are_asked_for_by_what_they_become)
{
	char longer[400], other[400];

	memset(longer, 'l', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	memmove(other, longer, sizeof other);
	other[300] = 'x'; /* beyond what is kept of it */
	t = recorded_open("[rule quiet]\nlabel = ^l+$\nrecord = off\n"
			  "[rule clean]\nlabel = ^a.b$\nrecord = off\n");
	expect_kept("keep", 0, 3);
	expect_kept(longer, 3, 0);
	expect_kept(other, 6, 0);
	expect_kept("a\xff"
		    "b",
		    9, 0);
	expect_kept("ab", 12, 3);
	expect_kept("", 15, 3);
	expect_kept(NULL, 18, 3);
	ck_assert_str_eq(recorded(),
			 "keep i=0\nkeep i=1\nkeep i=2\nab i=12\nab i=13\n"
			 "ab i=14\n i=15\n i=16\n i=17\n i=18\n i=19\n i=20\n");
}
END_TEST

/* ---- programs that were compiled before struct tape_near had a label ---- */

static void
expect_left(unsigned flags, bool near, bool label)
{
	struct tape_site site = { .version = TAPE_SITE_VERSION,
				  .file = "old.c",
				  .func = "f",
				  .names = "",
				  .flags = flags };
	static const char mine[] = "";
	struct tape_near near_by = { .asks = 0, .label = mine };

	ck_assert_int_eq(tape_wanted_near(t, &site, "row", &near_by), 0);
	ck_assert_int_eq(near_by.asks != 0, near);
	ck_assert_int_eq(near_by.label != mine, label);
	if (label)
		ck_assert_str_eq(near_by.label, "row");
}

START_TEST(what_is_left_has_a_label_where_there_is_room_for_it)
{
	const unsigned always = TAPE_SITE_ASKS | TAPE_SITE_HAS_LABEL;

	t = recorded_open("[rule quiet]\nlabel = ^row$\nrecord = off\n");
	expect_left(always, false, false);
	expect_left(always | TAPE_SITE_LITERAL, true, false);
	expect_left(always | TAPE_SITE_NEAR_LABEL, true, true);
	expect_left(always | TAPE_SITE_NEAR_LABEL | TAPE_SITE_LITERAL, true, true);
}
END_TEST

/* ---- a handler that records ---- */

static struct tape *to;
static int told;
static struct tape_ctx root;

/* Takes all slots in which a thread keeps what it knows of sites. */
static void
record_much(void *user, const char *message)
{
	static struct tape_site sites[4096];

	(void)user;
	(void)message;
	if (told++)
		return;
	TAPE_INHERIT(to, root);
	for (size_t i = 0; i < sizeof sites / sizeof *sites; i++) {
		struct tape_near near_by = { .asks = 0 };

		sites[i] = (struct tape_site){ .version = TAPE_SITE_VERSION,
					       .file = "b.c",
					       .func = "b",
					       .names = "",
					       .flags = TAPE_SITE_ASKS |
							TAPE_SITE_NEAR_LABEL |
							TAPE_SITE_HAS_LABEL };
		(void)tape_wanted_near(to, &sites[i], "drop", &near_by);
	}
}

static void
keep_one(const char *label)
{
	TAPE(to, label, TAPE_AS("i", count(1)));
}

static void
keep_literal(void)
{
	TAPE(to, "keep", TAPE_AS("i", count(1)));
}

/* The first error is that labels are nested too deeply. */
static void
keep_below(int levels)
{
	if (levels == 0) {
		keep_one("keep");
		keep_literal();
		return;
	}
	TAPE_LABEL(to, "l");
	keep_below(levels - 1);
}

START_TEST(a_handler_that_records_does_not_answer_for_whom_it_interrupts)
{
	t = recorded_open("");
	to = tape_open("told.tape", TAPE_OPTIONS(.on_error = record_much));
	ck_assert_ptr_nonnull(to);
	root = tape_context(to);
	ck_assert_int_eq(tape_set(to, "^drop$", "record", "off"), 0);
	{
		TAPE_LABEL(to, "drop");
	}
	evaluated = told = 0;
	keep_below(64);
	ck_assert_int_gt(told, 0);
	for (int i = 0; i < 4; i++) {
		keep_one("keep");
		keep_literal();
	}
	ck_assert_int_eq(evaluated, 10);
	(void)tape_close(to); /* it had an error */
	(void)system("rm -rf told.tape");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("near");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, NULL, recorded_teardown);
	tcase_add_test(tc, a_label_whose_text_changes_where_it_stands_is_asked_for_anew);
	tcase_add_test(tc, labels_made_at_run_time_are_asked_for_on_each_path);
	tcase_add_test(tc, two_recorders_at_one_label_made_at_run_time_do_not_mix);
	tcase_add_test(tc,
		       what_was_added_goes_with_a_scope_whose_label_was_made_at_run_time);
	tcase_add_test(tc,
		       labels_that_are_cut_or_cleaned_are_asked_for_by_what_they_become);
	tcase_add_test(tc, what_is_left_has_a_label_where_there_is_room_for_it);
	tcase_add_test(tc, a_handler_that_records_does_not_answer_for_whom_it_interrupts);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
