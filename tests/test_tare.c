/* SPDX-License-Identifier: Apache-2.0 */
/* Tare: what exists is left out, and written once. */
#include <pthread.h>
#include <setjmp.h>
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

/* ---- what nobody names ---- */

/* A scope as that of a TAPE_LOCALS with a list. */
#define FOUND(t, names, label, ...)                                                      \
	TAPE_SCOPE_(TAPE_COUNT_(label, __VA_ARGS__), TAPE_SITE_LOCALS, t, names, label,  \
		    __VA_ARGS__, 0)

struct params {
	double alpha;
	int n;
	char name[8];
};
TAPE_DESCRIBE(params, struct params, alpha, n, name);

START_TEST(members_are_left_out_while_they_have_the_value_they_are_tared_with)
{
	struct params p = { 0.5, 3, "abc" };

	t = recorded_open("");
	TAPE_TARE(t, 1, TAPE_OF(params, &p));
	TAPE(t, "x", TAPE_OF(params, &p));
	p.alpha = 1;
	TAPE(t, "x", TAPE_OF(params, &p));
	TAPE(t, "named", TAPE_AS("n", p.n), TAPE_OF(params, &p));
	p.alpha = 0.5;
	p.name[0] = 'x';
	TAPE(t, "x", TAPE_OF(params, &p), TAPE_AS("new", TAPE_OF(params, &p)));
	tape_untare(t);
	TAPE(t, "x", TAPE_OF(params, &p));
	ck_assert_str_eq(recorded(), "_tare alpha=0.5 n=3 name='abc'\nx\nx alpha=1.0\n"
				     "named alpha=1.0 n=3\n"
				     "x name='xbc' new.alpha=0.5 new.n=3 new.name='xbc'\n"
				     "x alpha=0.5 n=3 name='xbc'\n");
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

static struct params now = { 0.5, 3, "abc" };

/* Records and tares while it is an argument, at some depth. */
static int
records(int depth)
{
	TAPE(t, "inner", TAPE_AS("depth", depth), TAPE_OF(params, &now));
	if (depth > 0) {
		TAPE_LABEL(t, "deep");
		TAPE_TARE(t, 1, TAPE_AS("own", records(depth - 1)));
	}
	TAPE_ADD(t, TAPE_AS("added", depth));
	return depth + 1;
}

START_TEST(what_its_arguments_record_is_not_what_is_tared)
{
	t = recorded_open("");
	TAPE_TARE(t, 0, TAPE_AS("n", records(0)));
	TAPE(t, "x", TAPE_OF(params, &now));
	ck_assert_str_eq(recorded(), "inner alpha=0.5 depth=0 n=3 name='abc'\n_tare n=1\n"
				     "x added=0 alpha=0.5 name='abc'\n");
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

START_TEST(one_tare_within_another)
{
	t = recorded_open("");
	TAPE_TARE(t, 1, TAPE_AS("alpha", 0.25 * records(1)), TAPE_AS("name", "abc"));
	TAPE(t, "x", TAPE_OF(params, &now), TAPE_AS("own", 1));
	now.alpha = 0.25 * 2;
	TAPE(t, "x", TAPE_OF(params, &now));
	ck_assert_str_eq(recorded(), "inner alpha=0.5 depth=1 n=3 name='abc'\n"
				     "deep/inner alpha=0.5 depth=0 n=3 name='abc'\n"
				     "deep/_tare own=1\n"
				     "_tare alpha=0.5 name='abc'\n"
				     "x added=1 n=3 own=1\nx n=3\n");
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

START_TEST(a_tare_that_is_left_in_the_middle_is_of_no_later_scope)
{
	jmp_buf out;

	t = recorded_open("");
	if (setjmp(out) == 0)
		TAPE_TARE(t, 0, TAPE_AS("n", (longjmp(out, 1), 1)));
	TAPE(t, "x", TAPE_OF(params, &now));
	TAPE_TARE(t, 0, TAPE_AS("name", "abc"));
	TAPE(t, "x", TAPE_OF(params, &now));
	ck_assert_str_eq(recorded(), "x alpha=0.5 n=3 name='abc'\n_tare name='abc'\n"
				     "x alpha=0.5 n=3\n");
}
END_TEST

/* What TAPE_TARE is made of, for bindings. */
START_TEST(a_scope_in_pieces_is_tared)
{
	char text[100];
	struct tape_build *b;

	memset(text, 'a', sizeof text);
	t = recorded_open("");
	TAPE_ADD(t, TAPE_AS("added", 1));
	tape_tare_next(t, 1);
	b = tape_build_begin(t, "_tare");
	(void)tape_build_i64(b, "n", TAPE_NUL, 3);
	(void)tape_build_str(b, "long", TAPE_NUL, text, sizeof text);
	ck_assert_int_eq(tape_build_end(b), 0);
	tape_tare_done(t);
	{
		TAPE_WITH(t, TAPE_AS("long", text));
		TAPE(t, "x", TAPE_OF(params, &now));
		text[99] = 'b';
		TAPE_WITH(t, TAPE_AS("long", text));
		TAPE(t, "y", TAPE_AS("z", TAPE_OF(params, &now)));
	}
	memset(text, 'a', sizeof text);
	ck_assert_ptr_nonnull(
		strstr(recorded(), "x added=1 alpha=0.5 name='abc'\ny long="));
}
END_TEST

START_TEST(for_ever_is_whatever_their_value)
{
	struct params p = { 0.5, 3, "abc" };

	t = recorded_open("");
	TAPE_TARE(t, 0, TAPE_AS("alpha", p.alpha), TAPE_AS("name", p.name));
	p.alpha = 7;
	TAPE(t, "x", TAPE_OF(params, &p));
	ck_assert_str_eq(recorded(), "_tare alpha=0.5 name='abc'\nx n=3\n");
}
END_TEST

static void
locals(int i)
{
	double x = 0.5;
	int n = i / 2;
	const char *text = i < 3 ? "a" : "b";
	int a[3] = { 1, 2, i };

	FOUND(t, "i,x,n(NONE=0,ONE=1),text,a", "x", i, x, n, text, a);
}

START_TEST(locals_that_were_found_are_recorded_once_more_and_then_when_they_change)
{
	t = recorded_open("");
	locals(0);
	tape_tare(t, 1);
	for (int i = 0; i < 4; i++)
		locals(i);
	ck_assert_str_eq(recorded(),
			 "x a=i4[3](1 2 0) i=0 n=0{NONE:0,ONE:1} text='a' x=0.5\n"
			 "_tare a=i4[3](1 2 0) i=0 n=0{NONE:0,ONE:1} text='a' x=0.5\n"
			 "x a=i4[3](1 2 0) i=0 n=0{NONE:0,ONE:1} text='a' x=0.5\n"
			 "x a=i4[3](1 2 1) i=1\n"
			 "x a=i4[3](1 2 2) i=2 n=1{NONE:0,ONE:1}\n"
			 "x a=i4[3](1 2 3) i=3 n=1{NONE:0,ONE:1} text='b'\n");
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

START_TEST(locals_that_were_found_are_left_out_for_ever_and_written_once)
{
	int fresh = 1, x = 2;

	t = recorded_open("");
	locals(0);
	{
		TAPE_LABEL(t, "in");
		tape_tare(t, 0);
		locals(1);
		locals(2);
		FOUND(t, "fresh,x", "other", fresh, x);
		TAPE(t, "named", x);
	}
	FOUND(t, "fresh,x", "other", fresh, x);
	ck_assert_str_eq(recorded(),
			 "x a=i4[3](1 2 0) i=0 n=0{NONE:0,ONE:1} text='a' x=0.5\n"
			 "in/_tare a=i4[3](1 2 1) i=1 n=0{NONE:0,ONE:1} text='a' x=0.5\n"
			 "in/x\nin/x\nin/other fresh=1\nin/named x=2\n"
			 "other fresh=1 x=2\n");
}
END_TEST

START_TEST(a_name_is_the_same_for_members_locals_and_sticky_variables)
{
	struct params p = { 0.5, 3, "abc" };
	int n = 3, alpha = 1;

	t = recorded_open("");
	TAPE_WITH(t, n);
	TAPE_TARE(t, 1, n, alpha);
	TAPE(t, "x", TAPE_OF(params, &p));
	FOUND(t, "n,alpha", "x", n, alpha);
	{
		TAPE_WITH(t, TAPE_AS("n", 4));
		TAPE(t, "x");
		FOUND(t, "n", "x", n);
	}
	ck_assert_str_eq(recorded(),
			 "_tare alpha=1 n=3\nx alpha=0.5 name='abc'\nx\nx n=4\nx n=4\n");
}
END_TEST

START_TEST(rules_without_a_label_leave_out_locals_and_no_members)
{
	struct params p = { 0.5, 3, "abc" };
	int n = 1, kept = 2;

	t = recorded_open("exclude = ^n$\n");
	FOUND(t, "n,kept", "x", n, kept);
	TAPE(t, "x", TAPE_OF(params, &p));
	TAPE(t, "x", n);
	ck_assert_str_eq(recorded(), "x kept=2\nx alpha=0.5 n=3 name='abc'\nx n=1\n");
}
END_TEST

START_TEST(no_recorder_and_no_scope_tare_nothing)
{
	struct params p = { 0.5, 3, "abc" };

	t = recorded_open("");
	TAPE_TARE(NULL, 1, TAPE_OF(params, &p));
	tape_tare_next(t, 1);
	tape_tare_done(t);
	TAPE(t, "x", TAPE_OF(params, &p));
	ck_assert_str_eq(recorded(), "x alpha=0.5 n=3 name='abc'\n");
}
END_TEST

START_TEST(what_is_tared_is_on_the_tape_though_a_rule_leaves_the_scope_out)
{
	struct params p = { 0.5, 3, "abc" };
	int it = 0;

	t = recorded_open("");
	ck_assert_int_eq(tape_set(t, "^x$", "when", "it>=10"), 0);
	TAPE(t, "x", it, TAPE_OF(params, &p));
	tape_tare(t, 1);
	it = 1;
	TAPE(t, "x", it, TAPE_OF(params, &p));
	it = 10;
	TAPE(t, "x", it, TAPE_OF(params, &p));
	ck_assert_str_eq(recorded(), "_tare alpha=0.5 n=3 name='abc'\nx it=10\n");
}
END_TEST

static int
seen(const struct params *p)
{
	return TAPE_SEEN(t, "x", TAPE_OF(params, p));
}

START_TEST(who_asks_what_was_seen_tares_nothing)
{
	for (int until = 0; until < 2; until++) {
		struct params p = { 0.5, 3, "abc" };

		t = recorded_open("");
		TAPE(t, "x", TAPE_OF(params, &p));
		tape_tare(t, until);
		p.alpha = 2;
		(void)seen(&p);
		TAPE(t, "x", TAPE_OF(params, &p));
		ck_assert_ptr_nonnull(
			strstr(recorded(), "_tare alpha=2.0 n=3 name='abc'\n"));
		recorded_teardown();
	}
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
	tcase_add_test(
		tc, members_are_left_out_while_they_have_the_value_they_are_tared_with);
	tcase_add_test(tc, what_its_arguments_record_is_not_what_is_tared);
	tcase_add_test(tc, one_tare_within_another);
	tcase_add_test(tc, a_tare_that_is_left_in_the_middle_is_of_no_later_scope);
	tcase_add_test(tc, a_scope_in_pieces_is_tared);
	tcase_add_test(tc, for_ever_is_whatever_their_value);
	tcase_add_test(
		tc,
		locals_that_were_found_are_recorded_once_more_and_then_when_they_change);
	tcase_add_test(tc, locals_that_were_found_are_left_out_for_ever_and_written_once);
	tcase_add_test(tc, a_name_is_the_same_for_members_locals_and_sticky_variables);
	tcase_add_test(tc, rules_without_a_label_leave_out_locals_and_no_members);
	tcase_add_test(tc, no_recorder_and_no_scope_tare_nothing);
	tcase_add_test(tc,
		       what_is_tared_is_on_the_tape_though_a_rule_leaves_the_scope_out);
	tcase_add_test(tc, who_asks_what_was_seen_tares_nothing);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
