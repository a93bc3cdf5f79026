/* SPDX-License-Identifier: Apache-2.0 */
/* The promises of record.h that do not depend on what is recorded. */
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/recorded.h"
#include "tests/support/suite.h"

static struct tape *t;

static void
setup(void)
{
	t = recorded_open("");
}

/* ---- a closed recorder ---- */

static int
closes_inside_a_label(void)
{
	TAPE_LABEL(t, "late");
	TAPE_WITH(t, TAPE_AS("a", 1));
	TAPE(t, "x");
	return tape_close(t); /* the guards end after this */
}

START_TEST(guards_may_end_after_the_close)
{
	ck_assert_int_eq(closes_inside_a_label(), 0);
	ck_assert_str_eq(recorded(), "late/x a=1\n");
}
END_TEST

START_TEST(a_closed_recorder_does_nothing_and_may_be_closed_again)
{
	struct tape_build *b = tape_build_begin(t, "open");
	struct tape_stream *s = tape_stream_open(t);
	struct tape_ref ref = { .size = 77 };

	TAPE(t, "before");
	ck_assert_int_eq(tape_close(t), 0);
	TAPE_LABEL(t, "late");
	TAPE_LABELF(t, "%d", 1);
	TAPE_WITH(t, TAPE_AS("a", 1));
	TAPE_INHERIT(t, tape_context(t));
	TAPE(t, "after");
	(void)tape_build_i64(b, "i", 1, 1);
	ck_assert_int_eq(tape_build_end(b), -1);
	ck_assert_ptr_null(tape_build_begin(t, "after"));
	ck_assert_int_eq(tape_stream_write(s, "x", 1), -1);
	ck_assert_int_eq(tape_stream_close(s, &ref), -1);
	ck_assert_uint_eq(ref.size, 77);
	ck_assert_ptr_null(tape_stream_open(t));
	tape_note(t, "key", "value");
	tape_commit_soon(t);
	(void)tape_commit(t);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_str_eq(tape_error(t), "");
	ck_assert_uint_eq(tape_lost(t), 0);
	ck_assert_str_eq(recorded(), "before\n");
}
END_TEST

static void *
record_late(void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000; i++) {
		TAPE_LABEL(t, "worker");
		TAPE(t, "x", i);
	}
	return NULL;
}

START_TEST(threads_may_go_on_while_the_recorder_is_closed)
{
	pthread_t threads[3];
	unsigned count;

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, record_late, NULL), 0);
	(void)tape_close(t);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	count = recorded_count();
	ck_assert_uint_le(count, 3000);
}
END_TEST

/* ---- jumps ---- */

static jmp_buf away;

static void
jump_out(void)
{
	TAPE_LABEL(t, "left");
	TAPE_WITH(t, TAPE_AS("stale", 1));
	TAPE(t, "deep");
	longjmp(away, 1);
}

START_TEST(a_longjmp_past_labels_is_undone_by_the_next_that_ends)
{
	{
		TAPE_LABEL(t, "outer");
		if (setjmp(away) == 0)
			jump_out();
	}
	TAPE(t, "clean");
	ck_assert_str_eq(recorded(), "outer/left/deep stale=1\nclean\n");
}
END_TEST

START_TEST(what_is_no_guard_is_not_followed_and_said_once)
{
	struct tape_guard garbage = { (struct tape *)(uintptr_t)0x1234, 0x5678 };
	struct tape_guard used;

	TAPE_LABEL(t, "outer");
	tape_guard_pop(&garbage);
	tape_guard_pop(&garbage);
	used = tape_label_push(t, "inner");
	tape_guard_pop(&used);
	tape_guard_pop(&used); /* as a loop that jumps past it finds it */
	TAPE(t, "x");
	ck_assert_str_eq(recorded(), "outer/x\n");
	ck_assert_uint_eq(recorded_said("a jump went past"), 1);
}
END_TEST

START_TEST(guards_that_end_out_of_order_set_the_depth_they_began_at)
{
	struct tape_guard a = tape_label_push(t, "a");
	struct tape_guard b = tape_label_push(t, "b");
	struct tape_guard c = tape_label_push(t, "c");

	tape_guard_pop(&b);
	TAPE(t, "in a");
	tape_guard_pop(&c);
	TAPE(t, "still in a");
	tape_guard_pop(&a);
	TAPE(t, "top");
	ck_assert_str_eq(recorded(), "a/in a\na/still in a\ntop\n");
}
END_TEST

START_TEST(break_continue_return_and_goto_mean_what_they_say)
{
	int i;

	for (i = 0; i < 10; i++) {
		TAPE_LABEL(t, "loop");
		if (i == 0)
			continue;
		TAPE(t, "x", i);
		if (i == 2)
			break;
	}
	ck_assert_int_eq(i, 2);
	switch (i) {
	case 2: {
		TAPE_LABEL(t, "case");
		TAPE(t, "y");
		break;
	}
	default:
		ck_abort();
	}
	{
		TAPE_LABEL(t, "goto");
		goto out;
	}
out:
	TAPE(t, "z");
	ck_assert_str_eq(recorded(), "loop/x i=1\nloop/x i=2\ncase/y\nz\n");
}
END_TEST

START_TEST(a_macro_is_one_statement)
{
	for (int i = 0; i < 2; i++)
		if (i)
			TAPE(t, "then", i);
		else
			TAPE(t, "else", i);
	ck_assert_str_eq(recorded(), "else i=0\nthen i=1\n");
}
END_TEST

/* ---- what an argument is evaluated to ---- */

static int evaluated;

static int
next(void)
{
	return evaluated++;
}

static const double *
next_array(void)
{
	static const double a[2] = { 1, 2 };

	evaluated++;
	return a;
}

static struct tape *
next_recorder(struct tape *to)
{
	evaluated++;
	return to;
}

START_TEST(arguments_are_evaluated_once_and_not_at_all_without_a_recorder)
{
	struct tape *none = NULL;

	TAPE(next_recorder(t), "x", TAPE_AS("a", next() >= 0), TAPE_AS("b", next() >= 0),
	     TAPE_UNIT(TAPE_AS("c", next() >= 0), "u"),
	     TAPE_AS("d", TAPE_ARRAY(next_array(), 1)),
	     TAPE_AS("e", TAPE_BLOB(next_array(), next() >= 0)));
	ck_assert_int_eq(evaluated, 7);
	{
		TAPE_LABEL(t, next() ? "label" : "");
		TAPE_LABELF(t, "%d", next());
		TAPE_WITH(t, TAPE_AS("w", next()));
		TAPE(t, "y");
	}
	ck_assert_int_eq(evaluated, 10);
	TAPE(none, next() ? "x" : "y", next(), TAPE_AS("m", next()),
	     TAPE_ARRAY(next_array(), next()));
	TAPE_LABEL(none, next() ? "x" : "y");
	TAPE_LABELF(none, "%d", next());
	TAPE_WITH(none, next(), TAPE_AS("b", next()));
	TAPE_INHERIT(none, (next(), tape_context(t)));
	ck_assert_int_eq(evaluated, 10);
	ck_assert_str_eq(recorded(),
			 "x a=1 b=1 c[u]=1 d=f8[1](1) e=blob:f8[1](1)\nlabel/8/y w=9\n");
}
END_TEST

START_TEST(every_function_takes_null_for_the_recorder)
{
	struct tape_guard guard = tape_label_push(NULL, "x");
	struct tape_nd nd = { .dtype = "f8" };
	struct tape_ref ref = { .size = 5 };
	struct tape_pos pos = tape_position(NULL);
	struct tape_ctx ctx = tape_context(NULL);
	struct tape_build *b = tape_build_begin(NULL, "x");
	struct tape_stream *s = tape_stream_open(NULL);

	tape_guard_pop(&guard);
	guard = tape_label_pushf(NULL, "%d", 1);
	tape_guard_pop(&guard);
	guard = tape_inherit_push(NULL, ctx);
	tape_guard_pop(&guard);
	guard = tape_with_push(NULL, NULL, NULL, NULL);
	tape_guard_pop(&guard);
	tape_guard_pop(NULL);
	tape_record(NULL, NULL, NULL, NULL, NULL);
	ck_assert_int_eq(tape_close(NULL), 0);
	(void)tape_commit(NULL);
	(void)tape_discard(NULL);
	tape_commit_soon(NULL);
	tape_note(NULL, "a", "b");
	ck_assert_ptr_nonnull(tape_error(NULL));
	ck_assert_uint_eq(tape_lost(NULL), 0);
	ck_assert_uint_eq(pos.seq, 0);
	ck_assert_uint_eq(ctx.id[0] | ctx.id[1], 0);
	ck_assert_ptr_null(b);
	ck_assert_int_eq(tape_build_label(b, "x", 1), 0);
	ck_assert_int_eq(tape_build_site(b, "f", 1, "g"), 0);
	ck_assert_int_eq(tape_build_time(b, 1), 0);
	ck_assert_int_eq(tape_build_null(b, "x", 1), 0);
	ck_assert_int_eq(tape_build_bool(b, "x", 1, 1), 0);
	ck_assert_int_eq(tape_build_i64(b, "x", 1, 1), 0);
	ck_assert_int_eq(tape_build_u64(b, "x", 1, 1), 0);
	ck_assert_int_eq(tape_build_f64(b, "x", 1, 1), 0);
	ck_assert_int_eq(tape_build_f32(b, "x", 1, 1), 0);
	ck_assert_int_eq(tape_build_str(b, "x", 1, "a", 1), 0);
	ck_assert_int_eq(tape_build_bytes(b, "x", 1, "a", 1), 0);
	ck_assert_int_eq(tape_build_nd(b, "x", 1, &nd, 0), 0);
	ck_assert_int_eq(tape_build_ref(b, "x", 1, &ref), 0);
	ck_assert_int_eq(tape_build_unit(b, "x", 1), 0);
	ck_assert_int_eq(tape_build_end(b), 0);
	tape_build_cancel(b);
	ck_assert_ptr_null(s);
	ck_assert_int_eq(tape_stream_write(s, "x", 1), 0);
	ck_assert_int_eq(tape_stream_close(s, &ref), 0);
	ck_assert_uint_eq(ref.size, 0);
	tape_stream_cancel(s);
}
END_TEST

/* ---- names ---- */

struct part {
	double mass;
	struct {
		int n;
	} in;
};

START_TEST(names_follow_from_expressions)
{
	struct part s = { 1, { 2 } }, *p = &s;
	int i = 3, *q = &i;
	double x = 4;

	TAPE(t, "x", *q, (long)i + 0, (float)x, s.mass, +i, p->in.n, (*p).mass, ((x)),
	     TAPE_UNIT(*&p->mass, "kg"), TAPE_ARRAY(&x, 1));
	ck_assert_str_eq(recorded(),
			 "x (long)i+0=3 i=3 p.in.n=2 p.mass=1.0 q=3 s.mass=1.0 x=4.0f\n");
}
END_TEST

START_TEST(a_name_does_not_depend_on_how_the_code_is_laid_out)
{
	struct part s = { 1, { 2 } }, *p = &s;
	const char *v[2] = { "a b", "c" };

	/* clang-format off */
	TAPE(t, "x", p  ->
		mass, TAPE_AS("t", v [ 0 ]), ( double ) s . in . n);
	/* clang-format on */
	ck_assert_str_eq(recorded(), "x p.mass=1.0 s.in.n=2.0 t='a b'\n");
}
END_TEST

START_TEST(products_and_calls_are_no_casts)
{
	int a = 2, b = 3;

	TAPE(t, "x", (a)*b, (a)-b, abs(a), (a), sizeof(a), "a,b"[1], (a == b ? a : b));
	ck_assert_str_eq(recorded(), "x \"a,b\"[1]=44 (a)*b=6 (a)-b=-1 (a==b?a:b)=3 a=2 "
				     "abs(a)=2 sizeof(a)=4u\n");
}
END_TEST

START_TEST(an_expression_without_a_name_is_said_once_per_site)
{
	for (int i = 0; i < 3; i++)
		TAPE(t, "x", i + 1, i + 2);
	TAPE(t, "y", t != NULL);
	ck_assert_str_eq(recorded(),
			 "x i+1=1 i+2=2\nx i+1=2 i+2=3\nx i+1=3 i+2=4\ny t!=NULL=1\n");
	ck_assert_uint_eq(recorded_said("gives it a name"), 2);
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

#define NX 128
#define WRAPPED(...) TAPE(t, "wrapped", __VA_ARGS__)
#define NAMED(...) TAPE_V(t, "named", #__VA_ARGS__, __VA_ARGS__)
#define IN_METRES(x) TAPE_UNIT(x, "m")

START_TEST(names_and_units_pass_through_macros_of_the_user)
{
	double x = 1, v[2] = { 1, 2 };
	const double *p = v;

	WRAPPED(x, TAPE_UNIT(x * 2, "m"), TAPE_AS("n", NX), TAPE_ARRAY(p, 2));
	NAMED(x, NX, TAPE_UNIT(v[1], "s"), IN_METRES(v), TAPE_AS("a,b", x));
	TAPE_V(t, "bare", "one , two", 1, 2);
	ck_assert_str_eq(recorded(),
			 "wrapped n=128 p=f8[2](1 2) x=1.0 x*2[m]=2.0\n"
			 "named NX=128 a,b=1.0 v[m]=f8[2](1 2) v[1][s]=2.0 x=1.0\n"
			 "bare one=1 two=2\n");
}
END_TEST

START_TEST(an_equals_sign_in_a_label_is_said_once)
{
	for (int i = 0; i < 3; i++) {
		TAPE_LABELF(t, "run=%d", i);
		TAPE(t, "a=b");
	}
	ck_assert_str_eq(recorded(), "run=0/a=b\nrun=1/a=b\nrun=2/a=b\n");
	ck_assert_uint_eq(recorded_said("is the convention"), 1);
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

/* ---- several recorders ---- */

static void
one_site(struct tape *to, int i)
{
	TAPE_LABEL(to, "label");
	TAPE_WITH(to, TAPE_AS("s", i * 10));
	TAPE(to, "x", i);
}

START_TEST(one_site_records_on_several_recorders)
{
	struct tape *second = recorded_open_beside(1);
	struct tape *third;

	for (int i = 0; i < 4; i++)
		one_site(i % 2 ? second : t, i);
	third = recorded_open_beside(2);
	one_site(third, 4);
	ck_assert_int_eq(tape_close(second), 0);
	one_site(second, 5);
	one_site(t, 6);
	ck_assert_str_eq(recorded(),
			 "label/x i=0 s=0\nlabel/x i=2 s=20\nlabel/x i=6 s=60\n");
	ck_assert_str_eq(recorded_beside(1), "label/x i=1 s=10\nlabel/x i=3 s=30\n");
	ck_assert_str_eq(recorded_beside(2), "label/x i=4 s=40\n");
}
END_TEST

static void *
record_on(void *to)
{
	for (int i = 0; i < 500; i++)
		one_site(to, i);
	return NULL;
}

START_TEST(plans_of_several_recorders_are_published_by_threads_at_once)
{
	struct tape *to[4] = { t, recorded_open_beside(1), recorded_open_beside(2),
			       recorded_open_beside(3) };
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, record_on, to[i]), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_ptr_nonnull(
			strstr(recorded_beside(i), "label/x i=499 s=4990\n"));
}
END_TEST

START_TEST(a_context_of_another_recorder_is_an_empty_one)
{
	struct tape *second = recorded_open_beside(1);
	struct tape_ctx ctx;

	{
		TAPE_LABEL(t, "mine");
		ctx = tape_context(t);
	}
	{
		TAPE_LABEL(second, "other");
		TAPE_INHERIT(second, ctx);
		TAPE(second, "x");
	}
	ck_assert_str_eq(recorded_beside(1), "x\n");
}
END_TEST

START_TEST(a_site_of_another_version_is_refused_and_said_once)
{
	static struct tape_site site = {
		.version = 99, .file = "f", .func = "g", .names = ""
	};

	for (int i = 0; i < 2; i++)
		tape_record(t, &site, "x", NULL, NULL);
	ck_assert_uint_eq(recorded_errors(), 1);
	ck_assert_uint_eq(tape_lost(t), 2);
	ck_assert_ptr_nonnull(strstr(recorded_error(), "compile it again"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rules of the interface");
	TCase *tc = tcase_create("rules");

	tcase_add_checked_fixture(tc, setup, recorded_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, guards_may_end_after_the_close);
	tcase_add_test(tc, a_closed_recorder_does_nothing_and_may_be_closed_again);
	tcase_add_test(tc, threads_may_go_on_while_the_recorder_is_closed);
	tcase_add_test(tc, a_longjmp_past_labels_is_undone_by_the_next_that_ends);
	tcase_add_test(tc, what_is_no_guard_is_not_followed_and_said_once);
	tcase_add_test(tc, guards_that_end_out_of_order_set_the_depth_they_began_at);
	tcase_add_test(tc, break_continue_return_and_goto_mean_what_they_say);
	tcase_add_test(tc, a_macro_is_one_statement);
	tcase_add_test(tc,
		       arguments_are_evaluated_once_and_not_at_all_without_a_recorder);
	tcase_add_test(tc, every_function_takes_null_for_the_recorder);
	tcase_add_test(tc, names_follow_from_expressions);
	tcase_add_test(tc, a_name_does_not_depend_on_how_the_code_is_laid_out);
	tcase_add_test(tc, products_and_calls_are_no_casts);
	tcase_add_test(tc, an_expression_without_a_name_is_said_once_per_site);
	tcase_add_test(tc, names_and_units_pass_through_macros_of_the_user);
	tcase_add_test(tc, an_equals_sign_in_a_label_is_said_once);
	tcase_add_test(tc, one_site_records_on_several_recorders);
	tcase_add_test(tc, plans_of_several_recorders_are_published_by_threads_at_once);
	tcase_add_test(tc, a_context_of_another_recorder_is_an_empty_one);
	tcase_add_test(tc, a_site_of_another_version_is_refused_and_said_once);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
