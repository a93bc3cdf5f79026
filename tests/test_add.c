/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes that are built in several places, and arrays of which only the hash is kept. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tape/search.h"
#include "tests/support/recorded.h"
#include "tests/support/suite.h"

static struct tape *t;

static void
solve(int step)
{
	double residual = step / 4.0;
	const char *solver = step % 2 ? "cg" : "gmres";

	TAPE_LABEL(t, "solve");
	TAPE_ADD(t, residual, TAPE_UNIT(TAPE_AS("took", step), "s"));
	TAPE_ADD(t, solver);
}

START_TEST(what_is_added_is_in_the_next_scope_and_in_no_other)
{
	t = recorded_open("");
	for (int step = 0; step < 3; step++) {
		if (step)
			solve(step);
		TAPE(t, "step", step);
	}
	TAPE(t, "after");
	ck_assert_str_eq(recorded(),
			 "step step=0\n"
			 "step residual=0.25 solver='cg' step=1 took[s]=1\n"
			 "step residual=0.5 solver='gmres' step=2 took[s]=2\nafter\n");
}
END_TEST

START_TEST(the_later_value_wins_the_call_wins_over_it_and_sticky_ones_lose)
{
	int evaluated = 0;

	t = recorded_open("");
	TAPE_WITH(t, TAPE_AS("a", 1), TAPE_AS("b", 1), TAPE_AS("c", 1));
	TAPE_ADD(t, TAPE_AS("a", 2), TAPE_AS("b", 2), TAPE_AS("d", 2));
	TAPE_ADD(t, TAPE_AS("a", 3), TAPE_AS("e", "text"), TAPE_AS("n", evaluated++));
	TAPE(t, "x", TAPE_AS("a", 4));
	TAPE(t, "x");
	ck_assert_int_eq(evaluated, 1);
	ck_assert_str_eq(recorded(), "x a=4 b=2 c=1 d=2 e='text' n=0\nx a=1 b=1 c=1\n");
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

START_TEST(it_goes_with_a_scope_that_rules_leave_out)
{
	t = recorded_open("[rule few]\nlabel = ^iter$\nevery = 2\n");
	for (int i = 0; i < 4; i++) {
		TAPE_ADD(t, i);
		TAPE(t, "iter");
	}
	TAPE(t, "x");
	for (int i = 0; i < 3; i++) {
		TAPE_ADD(t, i);
		ck_assert_int_eq(tape_build_end(tape_build_begin(t, "iter")), 0);
	}
	ck_assert_int_eq(tape_build_end(tape_build_begin(t, "x")), 0);
	ck_assert_str_eq(recorded(), "iter i=0\niter i=2\nx\niter i=0\niter i=2\nx\n");
}
END_TEST

static int
record(const struct tape_view *view, void *arg, void *user)
{
	double n = -1;

	(void)arg;
	(void)user;
	ck_assert_int_eq(tape_view_number(view, "n", &n), 1);
	TAPE_ADD(t, TAPE_AS("own", 1));
	TAPE(t, "hook", n);
	TAPE_ADD(t, TAPE_AS("left", 1));
	return 0;
}

START_TEST(hooks_see_it_and_do_not_take_it)
{
	struct tape_hook_options options = { .size = sizeof options,
					     .kind = TAPE_HOOK_CALL,
					     .when = "n=5 s=1",
					     .fn = record };

	t = recorded_open("");
	ck_assert_int_ge(tape_hook(t, TAPE_HOOK_CAPTURE, NULL, record, NULL), 1);
	ck_assert_int_ge(tape_hook_add(t, &options), 1);
	TAPE_WITH(t, TAPE_AS("s", 1));
	TAPE_ADD(t, TAPE_AS("n", 5), TAPE_AS("text", "abc"));
	ck_assert_int_eq(tape_call(t, "c", NULL), 1);
	TAPE(t, "x", TAPE_AS("y", "z"));
	tape_hooks_reset(t);
	TAPE(t, "x");
	ck_assert_uint_eq(recorded_errors(), 0);
	/* The first: of the capture hook, for the scope of the call hook. */
	ck_assert_str_eq(recorded(), "hook n=5.0 own=1 s=1\nhook n=5.0 own=1 s=1\n"
				     "hook n=5.0 own=1 s=1\nx n=5 s=1 text='abc' y='z'\n"
				     "x s=1\n");
}
END_TEST

START_TEST(arrays_are_added_with_their_values_of_then)
{
	double small[3] = { 1, 2, 3 }, large[3000] = { 7 };

	t = recorded_open("");
	TAPE_ADD(t, small, large);
	small[0] = large[0] = 0;
	TAPE(t, "x", TAPE_AS("now", small[0]));
	ck_assert_ptr_nonnull(strstr(recorded(), "large=blob:f8[3000](7 0"));
	ck_assert_ptr_nonnull(strstr(recorded(), "small=f8[3](1 2 3)"));
}
END_TEST

START_TEST(a_null_recorder_keeps_nothing)
{
	int evaluated = 0;

	TAPE_ADD(NULL, TAPE_AS("n", evaluated++));
	ck_assert_int_eq(evaluated, 0);
	t = recorded_open("");
	ck_assert_int_eq(tape_close(t), 0);
	TAPE_ADD(t, evaluated);
}
END_TEST

/* ---- hashes ---- */

/* The value `name` of the only scope that the query finds. */
static void
only(const char *text, const char *name, struct tape_value *value)
{
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	bool found = false;

	ck_assert_int_eq(tape_reader_open(recorded_dir(), NULL, &reader, NULL), 0);
	ck_assert_int_eq(tape_query_compile(text, &query, NULL), 0);
	ck_assert_int_eq(tape_find(reader, query, NULL, &cursor, NULL), 0);
	ck_assert_int_eq(tape_cursor_next(cursor, &scope, NULL), 1);
	for (size_t i = 0; i < tape_scope_var_count(scope); i++)
		if (strcmp(tape_scope_var(scope, i).name, name) == 0) {
			*value = *tape_scope_var(scope, i).value;
			found = true;
		}
	ck_assert(found);
	ck_assert_int_eq(tape_cursor_next(cursor, &scope, NULL), 0);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
}

START_TEST(of_a_hashed_array_the_hash_and_the_shape_are_kept)
{
	double field[3000] = { 7 }, few[2] = { 1, 2 };
	struct tape_value hashed, whole;
	struct tape_nd nd = { .data = field, .dtype = "f8", .ndim = 1, .dims = { 3000 } };
	struct tape_build *b;

	t = recorded_open("");
	TAPE(t, "hashed", TAPE_HASHED(field, 50, 60), TAPE_HASHED(few, 2));
	TAPE(t, "whole", TAPE_ARRAY(field, 50, 60));
	b = tape_build_begin(t, "built");
	(void)tape_build_nd(b, "field", TAPE_NUL, &nd, TAPE_AS_HASH);
	ck_assert_int_eq(tape_build_end(b), 0);
	ck_assert_int_eq(tape_commit(t), 0);
	only("hashed", "field", &hashed);
	ck_assert_uint_eq(hashed.store, TAPE_AS_HASH);
	ck_assert_uint_eq(hashed.size, sizeof field);
	ck_assert_uint_eq(hashed.ndim, 2);
	ck_assert_uint_eq(hashed.dims[1], 60);
	only("whole", "field", &whole);
	ck_assert_uint_eq(whole.store, TAPE_AS_BLOB);
	ck_assert_mem_eq(&hashed.hash, &whole.hash, sizeof whole.hash);
	only("built", "field", &hashed);
	ck_assert_uint_eq(hashed.store, TAPE_AS_HASH);
	ck_assert_mem_eq(&hashed.hash, &whole.hash, sizeof whole.hash);
	ck_assert_ptr_nonnull(strstr(recorded(), "blob:f8[50,60](7 0"));
}
END_TEST

START_TEST(a_scope_with_the_bytes_is_no_link_to_one_that_has_their_hash_alone)
{
	double field[3000] = { 7 };
	struct tape_value value;

	t = recorded_open("");
	TAPE(t, "x", TAPE_HASHED(field, 3000));
	TAPE(t, "x", TAPE_BLOB(field, 3000));
	TAPE(t, "y", TAPE_HASHED(field, 3000));
	TAPE(t, "y", TAPE_HASHED(field, 3000));
	ck_assert_int_eq(tape_commit(t), 0);
	only("x _seq=2", "field", &value);
	ck_assert_uint_eq(value.store, TAPE_AS_BLOB);
	ck_assert_ptr_nonnull(strstr(recorded(), "x field=blob:f8[3000](7 0"));
}
END_TEST

START_TEST(a_sticky_hash_stays_one)
{
	double field[3000] = { 7 };
	struct tape_value value;

	t = recorded_open("");
	TAPE_WITH(t, TAPE_HASHED(field, 3000));
	TAPE(t, "x");
	tape_tare(t, 1);
	TAPE_WITH(t, TAPE_HASHED(field, 3000));
	TAPE(t, "y");
	ck_assert_int_eq(tape_commit(t), 0);
	only("x", "field", &value);
	ck_assert_uint_eq(value.store, TAPE_AS_HASH);
	ck_assert_str_eq(recorded_under("y"), "y\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("add");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, NULL, recorded_teardown);
	tcase_add_test(tc, what_is_added_is_in_the_next_scope_and_in_no_other);
	tcase_add_test(tc,
		       the_later_value_wins_the_call_wins_over_it_and_sticky_ones_lose);
	tcase_add_test(tc, it_goes_with_a_scope_that_rules_leave_out);
	tcase_add_test(tc, hooks_see_it_and_do_not_take_it);
	tcase_add_test(tc, arrays_are_added_with_their_values_of_then);
	tcase_add_test(tc, a_null_recorder_keeps_nothing);
	tcase_add_test(tc, of_a_hashed_array_the_hash_and_the_shape_are_kept);
	tcase_add_test(
		tc, a_scope_with_the_bytes_is_no_link_to_one_that_has_their_hash_alone);
	tcase_add_test(tc, a_sticky_hash_stays_one);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
