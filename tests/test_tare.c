/* SPDX-License-Identifier: Apache-2.0 */
/* Tare: what exists is left out, and written once. */
#include <pthread.h>
#include <string.h>

#include "tape/search.h"
#include "tests/support/recorded.h"
#include "tests/support/suite.h"

static struct tape *t;

START_TEST(what_exists_is_left_out_and_written_once)
{
	double D = 0.1, X0 = 2;
	int i;

	t = recorded_open("");
	TAPE_LABEL(t, "run");
	TAPE_WITH(t, D, TAPE_UNIT(X0, "g/L"));
	TAPE(t, "before");
	tape_tare(t, 0);
	for (i = 0; i < 2; i++)
		TAPE(t, "iter", i);
	TAPE(t, "named", D);
	{
		TAPE_WITH(t, TAPE_AS("D", 0.5), TAPE_AS("new", 1));
		TAPE(t, "inner");
	}
	tape_untare(t);
	TAPE(t, "after");
	ck_assert_str_eq(recorded(), "run/before D=0.1 X0[g/L]=2.0\n"
				     "run/_tare D=0.1 X0[g/L]=2.0\n"
				     "run/iter i=0\nrun/iter i=1\nrun/named D=0.1\n"
				     "run/inner new=1\nrun/after D=0.1 X0[g/L]=2.0\n");
}
END_TEST

START_TEST(until_it_changes)
{
	int a[40] = { 1 };

	t = recorded_open("");
	TAPE_WITH(t, TAPE_AS("D", 0.1), a, TAPE_AS("s", "text"));
	tape_tare(t, 1);
	TAPE(t, "x");
	for (int i = 0; i < 4; i++) {
		a[0] = i / 2;
		TAPE_WITH(t, TAPE_AS("D", i < 3 ? 0.1 : 0.2), TAPE_ARRAY(a, 2),
			  TAPE_AS("s", i == 2 ? "other" : "text"));
		TAPE(t, "y", i);
	}
	a[0] = 1;
	{
		TAPE_WITH(t, a);
		TAPE(t, "z");
	}
	{
		a[39] = 2;
		TAPE_WITH(t, a);
		tape_tare(t, 1);
		TAPE(t, "z");
	}
	ck_assert_ptr_nonnull(strstr(recorded(),
				     "\nx\ny a=i4[2](0 0) i=0\n"
				     "y a=i4[2](0 0) i=1\n"
				     "y a=i4[2](1 0) i=2 s='other'\n"
				     "y D=0.2 a=i4[2](1 0) i=3\nz\n_tare a=i4[40](1"));
	ck_assert_ptr_nonnull(strstr(recorded(), " 2)\nz\n"));
}
END_TEST

START_TEST(it_ends_with_its_block)
{
	t = recorded_open("");
	TAPE_WITH(t, TAPE_AS("D", 1));
	{
		TAPE_LABEL(t, "quiet");
		tape_tare(t, 0);
		tape_tare(t, 0);
		TAPE(t, "x");
		{
			TAPE_LABEL(t, "deep");
			tape_untare(t);
			TAPE(t, "x");
		}
		TAPE(t, "x");
	}
	TAPE(t, "x");
	ck_assert_str_eq(recorded(),
			 "quiet/_tare D=1\nquiet/x\nquiet/deep/x D=1\nquiet/x\n"
			 "x D=1\n");
}
END_TEST

START_TEST(it_is_written_under_any_rule_and_found_by_its_label)
{
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	uint64_t n = 0;

	t = recorded_open("record = off\nexclude = .\n");
	TAPE_WITH(t, TAPE_AS("D", 1), TAPE_AS("E", 1));
	tape_tare(t, 0);
	TAPE(t, "x");
	ck_assert_str_eq(recorded(), "_tare D=1 E=1\n");
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(tape_reader_open(recorded_dir(), NULL, &reader, NULL),
				 0);
		ck_assert_int_eq(
			tape_query_compile(i ? "D=1" : "_tare D=1", &query, NULL), 0);
		ck_assert_int_eq(tape_find(reader, query, NULL, &cursor, NULL), 0);
		ck_assert_int_eq(tape_cursor_count(cursor, &n, NULL), 0);
		ck_assert_uint_eq(n, i ? 0 : 1);
		tape_cursor_close(cursor);
		tape_query_free(query);
		tape_reader_close(reader);
	}
}
END_TEST

static void *
inherit(void *arg)
{
	const struct tape_ctx *ctx = arg;

	TAPE_INHERIT(t, *ctx);
	TAPE(t, "x");
	return arg;
}

START_TEST(it_is_of_its_thread_and_goes_with_a_context)
{
	pthread_t thread;
	struct tape_ctx ctx;

	t = recorded_open("");
	TAPE_LABEL(t, "run");
	TAPE_WITH(t, TAPE_AS("D", 1), TAPE_AS("E", 2));
	tape_tare(t, 0);
	TAPE_WITH(t, TAPE_AS("F", 3));
	ctx = tape_context(t);
	ck_assert_int_eq(pthread_create(&thread, NULL, inherit, &ctx), 0);
	pthread_join(thread, NULL);
	ck_assert_str_eq(recorded_under("run/x"), "run/x F=3\n");
}
END_TEST

START_TEST(there_may_be_nothing_to_tare)
{
	t = recorded_open("");
	tape_tare(NULL, 0);
	tape_untare(NULL);
	tape_untare(t);
	tape_tare(t, 0);
	TAPE(t, "x");
	ck_assert_str_eq(recorded(), "x\n");
	ck_assert_int_eq(tape_close(t), 0);
	tape_tare(t, 0);
	tape_untare(t);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("tare");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, NULL, recorded_teardown);
	tcase_add_test(tc, what_exists_is_left_out_and_written_once);
	tcase_add_test(tc, until_it_changes);
	tcase_add_test(tc, it_ends_with_its_block);
	tcase_add_test(tc, it_is_written_under_any_rule_and_found_by_its_label);
	tcase_add_test(tc, it_is_of_its_thread_and_goes_with_a_context);
	tcase_add_test(tc, there_may_be_nothing_to_tare);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
