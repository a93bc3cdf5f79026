/* SPDX-License-Identifier: Apache-2.0 */
/* dedup=subset: scopes that hold a part of what another one holds. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "tape/hook.h"
#include "tape/search.h"
#include "tests/support/recorded.h"
#include "tests/support/suite.h"

static struct tape *t;

static struct tape_info *
info(void)
{
	struct tape_reader *reader = NULL;
	struct tape_info *out = NULL;

	ck_assert_int_eq(tape_reader_open(recorded_dir(), NULL, &reader, NULL), 0);
	ck_assert_int_eq(tape_info_read(reader, &out, NULL), 0);
	tape_reader_close(reader);
	return out;
}

/* Commits first. */
static void
expect(uint64_t links, uint64_t projections)
{
	struct tape_info *have;

	ck_assert_int_eq(tape_commit(t), 0);
	have = info();
	ck_assert_uint_eq(have->links, links);
	ck_assert_uint_eq(have->projections, projections);
	tape_info_free(have);
}

START_TEST(the_subset_may_come_first_or_last)
{
	int i = 1;
	double x = 0.5, y = 2;

	t = recorded_open("commit = manual\ndedup = subset\n");
	TAPE(t, "a", i, x);
	TAPE(t, "a", i, x, y);
	TAPE(t, "a", y, x);
	expect(0, 2);
	ck_assert_str_eq(recorded(), "a i=1 x=0.5\na i=1 x=0.5 y=2.0\na x=0.5 y=2.0\n");
}
END_TEST

START_TEST(there_are_no_chains)
{
	int a = 1, b = 2, c = 3, d = 4, e = 5;

	t = recorded_open("commit = manual\ndedup = subset\n");
	TAPE(t, "x", a, b);
	TAPE(t, "x", a, b, c);
	TAPE(t, "x", a, b, c, d);
	TAPE(t, "x", a, b, c, d, e);
	TAPE(t, "x", b, c, d);
	expect(0, 4);
	ck_assert_str_eq(recorded(), "x a=1 b=2\nx a=1 b=2 c=3\nx a=1 b=2 c=3 d=4\n"
				     "x a=1 b=2 c=3 d=4 e=5\nx b=2 c=3 d=4\n");
}
END_TEST

START_TEST(another_value_type_store_or_label_is_no_subset)
{
	double u[20] = { 1 };
	int i = 1;

	t = recorded_open("commit = manual\ndedup = subset\n");
	TAPE(t, "a", i, u, TAPE_AS("x", 0.5));
	TAPE(t, "a", TAPE_AS("i", 2), TAPE_AS("x", 0.5));
	TAPE(t, "a", TAPE_AS("i", 1u), TAPE_AS("x", 0.5));
	TAPE(t, "a", i, TAPE_BLOB(u, 20));
	TAPE(t, "a", i, TAPE_HASHED(u, 20));
	TAPE(t, "a", i, TAPE_AS("u", 2.0));
	TAPE(t, "b", i, u);
	{
		TAPE_LABEL(t, "c");
		TAPE(t, "a", i, u);
	}
	TAPE(t, "a", i, TAPE_AS("z", 1));
	expect(0, 0);
}
END_TEST

START_TEST(a_repeat_of_a_projection_is_a_link_to_it)
{
	int i = 1;
	double x = 0.5, y = 2;

	t = recorded_open("commit = manual\ndedup = subset\n");
	TAPE(t, "a", i, x);
	TAPE(t, "a", i, x);
	TAPE(t, "a", i, x, y);
	TAPE(t, "a", i, x, y);
	expect(2, 1);
	TAPE(t, "a", i, x);
	/* In another commit: nothing is looked for in earlier ones. */
	TAPE(t, "a", i, y);
	expect(3, 1);
	ck_assert_str_eq(recorded(), "a i=1 x=0.5\na i=1 x=0.5\na i=1 x=0.5 y=2.0\n"
				     "a i=1 x=0.5 y=2.0\na i=1 x=0.5\na i=1 y=2.0\n");
}
END_TEST

/* With any dedup: a value is shown as it was kept. */
START_TEST(what_is_kept_otherwise_is_no_repeat)
{
	double u[20] = { 1 };

	t = recorded_open("commit = manual\n");
	TAPE(t, "a", u);
	TAPE(t, "a", TAPE_BLOB(u, 20));
	TAPE(t, "a", u);
	TAPE(t, "a", TAPE_BLOB(u, 20));
	expect(2, 0);
	ck_assert_ptr_nonnull(strstr(recorded(), "a u=f8[20](1 0"));
	ck_assert_ptr_nonnull(strstr(recorded(), "\na u=blob:"));
}
END_TEST

START_TEST(unit_and_place_are_its_own)
{
	int i = 1;
	double x = 0.5;

	t = recorded_open("commit = manual\ndedup = subset\n");
	TAPE_WITH(t, TAPE_UNIT(x, "m"));
	TAPE(t, "a", i,
	     TAPE_AS("text", "whatever that is, it is long enough for its bytes "
			     "to stand behind the others"));
	TAPE(t, "a", i, TAPE_UNIT(x, "km"));
	expect(0, 1);
	ck_assert_str_eq(recorded(),
			 "a i=1 text='whatever that is, it is long enough for its bytes "
			 "to stand behind the others' x[m]=0.5\na i=1 x[km]=0.5\n");
}
END_TEST

START_TEST(wide_values_and_blobs_are_those_of_the_larger_scope)
{
	static double u[5000], v[30];
	const char *s = "s";

	t = recorded_open("commit = manual\ndedup = subset\nembed_max = 1M\n");
	for (int i = 0; i < 5000; i++)
		u[i] = i;
	for (int i = 0; i < 30; i++)
		v[i] = -i;
	TAPE(t, "a", u, s);
	TAPE(t, "a", TAPE_ARRAY(v, 30), s);
	TAPE(t, "a", u, TAPE_ARRAY(v, 30), s);
	TAPE(t, "a", TAPE_AS("v", 1), s);
	TAPE(t, "a", u, TAPE_AS("w", 1));
	expect(0, 2);
	ck_assert_ptr_nonnull(strstr(recorded(), "a s='s' v=1\n"));
	ck_assert_uint_eq(recorded_count(), 5);
}
END_TEST

START_TEST(what_is_dropped_is_part_of_nothing)
{
	int i = 1, j = 2, k = 3;

	t = recorded_open("commit = manual\ndedup = subset\n");
	TAPE(t, "a", i, j, k);
	ck_assert_int_eq(tape_discard(t), 0);
	TAPE(t, "a", i, j);
	expect(0, 0);
	TAPE(t, "a", i, k);
	TAPE(t, "a", i, j, k);
	expect(0, 1);
}
END_TEST

START_TEST(a_rule_says_for_which_labels)
{
	int i = 1, j = 2, k = 3;

	t = recorded_open("commit = manual\n");
	ck_assert_int_eq(tape_set(t, "^some$", "dedup", "subset"), 0);
	TAPE(t, "some", i, j);
	TAPE(t, "some", i, j, k);
	TAPE(t, "other", i, j);
	TAPE(t, "other", i, j, k);
	expect(0, 1);
}
END_TEST

static int
count(const struct tape_view *view, void *arg, void *user)
{
	struct tape_counts *counts = user;

	(void)arg;
	counts->size = sizeof *counts;
	return tape_view_counts(view, counts);
}

START_TEST(commit_hooks_are_told_how_many)
{
	static const char *const labels[] = { "a", NULL };
	struct tape_counts counts = { 0 };
	int i = 1, j = 2, k = 3;

	t = recorded_open("commit = manual\ndedup = subset\n");
	ck_assert_int_gt(tape_hook(t, TAPE_HOOK_COMMIT, labels, count, &counts), 0);
	TAPE(t, "a", i, j);
	TAPE(t, "a", i, j, k);
	TAPE(t, "a", i, j);
	expect(1, 1);
	ck_assert_uint_eq(counts.all, 3);
	ck_assert_uint_eq(counts.links, 1);
	ck_assert_uint_eq(counts.projections, 1);
}
END_TEST

static void *
worker(void *user)
{
	long n = (long)(intptr_t)user;

	for (int i = 0; i < 200; i++) {
		int j = i / 10, k = i % 10;

		TAPE(t, "w", n, j, k);
		if (k == 9)
			TAPE(t, "w", n, j);
	}
	return NULL;
}

START_TEST(every_thread_has_a_stage_of_its_own)
{
	pthread_t threads[4];

	t = recorded_open("commit = auto\ncommit_scopes = 50\ndedup = subset\n");
	for (intptr_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, worker, (void *)i), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	/* Which fall into one commit is not known. */
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_uint_eq(recorded_count(), 4 * 220);
}
END_TEST

/* ---- large stages ---- */

static void
nested(int outer, int middle, int inner)
{
	TAPE_LABEL(t, "sweep");
	for (int i = 0; i < outer; i++) {
		double D = 0.1 * i;

		for (int j = 0; j < middle; j++) {
			double mu = j + D;

			for (int k = 0; k < inner; k++)
				TAPE(t, "step", i, j, k, D, mu, TAPE_AS("X", k * mu));
			TAPE(t, "step", i, j, D, mu);
		}
		TAPE(t, "step", i, D);
	}
}

START_TEST(all_of_a_large_stage_are_found)
{
	t = recorded_open("commit = manual\ndedup = subset\n");
	nested(10, 30, 32);
	expect(0, 310);
	ck_assert_uint_eq(recorded_count(), 9910);
}
END_TEST

/* More than one window, many forms, and names that differ from scope to scope. */
START_TEST(what_is_beyond_the_bounds_is_stored)
{
	t = recorded_open("commit = manual\ndedup = subset\nsync = none\n");
	nested(3, 60, 400);
	for (unsigned i = 0; i < 2000; i++) {
		struct tape_build *b = tape_build_begin(t, "mixed");

		for (unsigned k = 0; k < 11; k++) {
			const char name[] = { (char)('a' + k), '\0' };

			if (i >> k & 1)
				(void)tape_build_i64(b, name, TAPE_NUL, k);
		}
		(void)tape_build_end(b);
	}
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_uint_eq(recorded_count(), 3 * 60 * 401 + 3 + 2000);
}
END_TEST

/* ---- a full disk ---- */

static int
refuse(void *user, enum os_call call, const char *path, size_t *limit)
{
	(void)user;
	(void)path;
	(void)limit;
	return call == OS_WRITE ? 28 /* ENOSPC */ : 0;
}

START_TEST(nothing_is_part_of_a_scope_that_was_lost)
{
	int i = 1, j = 2, k = 3;

	t = recorded_open("commit = manual\ndedup = subset\n");
	TAPE(t, "a", i, j, k);
	TAPE(t, "a", i, j);
	os_fault_set(refuse, NULL);
	ck_assert_int_eq(tape_commit(t), -1);
	os_fault_set(NULL, NULL);
	TAPE(t, "a", i, j);
	expect(0, 0);
	TAPE(t, "a", i, k);
	TAPE(t, "a", i, j, k);
	expect(0, 1);
	ck_assert_str_eq(recorded(), "a i=1 j=2\na i=1 k=3\na i=1 j=2 k=3\n");
}
END_TEST

static atomic_long calls;
static long failing;

static int
fail_one(void *user, enum os_call call, const char *path, size_t *limit)
{
	(void)user;
	(void)call;
	(void)path;
	(void)limit;
	return atomic_fetch_add(&calls, 1) + 1 == failing ? 28 : 0;
}

/* Rounds repeat each other: links to what became projections, or was lost with them. */
START_TEST(whichever_call_fails_all_is_there_or_counted)
{
	const uint64_t scopes = 3 * (2 * 3 * 4 + 2 * 3 + 2);
	bool fired = true;

	for (failing = 1; fired; failing++) {
		t = recorded_open("commit = manual\ndedup = subset\nsync = none\n");
		atomic_store(&calls, 0);
		os_fault_set(fail_one, NULL);
		for (int round = 0; round < 2; round++) {
			nested(2, 3, 4);
			(void)tape_commit(t);
		}
		os_fault_set(NULL, NULL);
		fired = atomic_load(&calls) >= failing;
		nested(2, 3, 4);
		ck_assert_int_eq(tape_commit(t), 0);
		ck_assert_uint_eq(recorded_count() + tape_lost(t), scopes);
		recorded_teardown();
	}
	ck_assert_int_gt(failing, 2);
}
END_TEST

static Suite *
subset_suite(void)
{
	Suite *suite = suite_create("subset");
	TCase *tc = tcase_create("subset");

	tcase_add_checked_fixture(tc, NULL, recorded_teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, the_subset_may_come_first_or_last);
	tcase_add_test(tc, there_are_no_chains);
	tcase_add_test(tc, another_value_type_store_or_label_is_no_subset);
	tcase_add_test(tc, a_repeat_of_a_projection_is_a_link_to_it);
	tcase_add_test(tc, what_is_kept_otherwise_is_no_repeat);
	tcase_add_test(tc, unit_and_place_are_its_own);
	tcase_add_test(tc, wide_values_and_blobs_are_those_of_the_larger_scope);
	tcase_add_test(tc, what_is_dropped_is_part_of_nothing);
	tcase_add_test(tc, a_rule_says_for_which_labels);
	tcase_add_test(tc, commit_hooks_are_told_how_many);
	tcase_add_test(tc, every_thread_has_a_stage_of_its_own);
	tcase_add_test(tc, all_of_a_large_stage_are_found);
	tcase_add_test(tc, what_is_beyond_the_bounds_is_stored);
	tcase_add_test(tc, nothing_is_part_of_a_scope_that_was_lost);
	tcase_add_test(tc, whichever_call_fails_all_is_there_or_counted);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	return suite_run(subset_suite());
}
