/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks: where they run, what they see, what they may do, and what goes wrong. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tape/search.h"
#include "tests/support/recorded.h"
#include "tests/support/suite.h"

static struct tape *t;
static char seen[4096];

static void
note(const char *text)
{
	size_t n = strlen(seen);

	snprintf(seen + n, sizeof seen - n, "%s ", text);
}

static void
setup(void)
{
	seen[0] = '\0';
}

/* ---- call ---- */

static int
give(const struct tape_view *view, void *arg, void *user)
{
	ck_assert_int_eq(tape_view_kind(view), TAPE_HOOK_CALL);
	*(const char **)arg = user;
	note(user);
	return 0;
}

START_TEST(a_call_runs_the_hooks_whose_expressions_all_match_some_label)
{
	static const char *const where[] = { "co-chemostat.*", "prepare_lepmodel", NULL };
	static char model[] = "special";
	const char *got = "standard";
	int id;

	t = recorded_open("");
	ck_assert_int_eq(tape_call(t, "prepare_lepmodel", &got), 0);
	id = tape_hook(t, TAPE_HOOK_CALL, where, give, model);
	ck_assert_int_eq(id, 1);
	ck_assert_int_eq(tape_call(t, "prepare_lepmodel", &got), 0);
	{
		TAPE_LABEL(t, "mono-chemostat.1");
		ck_assert_int_eq(tape_call(t, "prepare_lepmodel", &got), 0);
	}
	ck_assert_str_eq(got, "standard");
	TAPE_LABEL(t, "co-chemostat.1");
	TAPE_LABEL(t, "deeper");
	ck_assert_int_eq(tape_call(t, "other", &got), 0);
	ck_assert_int_eq(tape_call(t, "prepare_lepmodel", &got), 1);
	ck_assert_str_eq(got, "special");
	ck_assert_int_eq(tape_unhook(t, id), 0);
	ck_assert_int_eq(tape_unhook(t, id), -1);
	ck_assert_int_eq(tape_call(t, "prepare_lepmodel", &got), 0);
}
END_TEST

static int
look(const struct tape_view *view, void *arg, void *user)
{
	char text[600];
	size_t n = 0;
	double d = 0;

	(void)user;
	ck_assert_ptr_eq(tape_view_tape(view), t);
	for (size_t i = 0; i < tape_view_depth(view); i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "/%s",
				      tape_view_label(view, i));
	ck_assert_str_eq(tape_view_label(view, tape_view_depth(view)), "");
	for (size_t i = 0; i < tape_view_count(view); i++) {
		struct tape_value value;
		const char *name = tape_view_get(view, i, &value);

		n += (size_t)snprintf(text + n, sizeof text - n, ",%s:%u", name,
				      value.type);
	}
	ck_assert_str_eq(tape_view_get(view, tape_view_count(view), NULL), "");
	if (tape_view_number(view, "D", &d))
		n += (size_t)snprintf(text + n, sizeof text - n, ",D=%g", d);
	note(text);
	if (arg)
		*(int *)arg += 1;
	return 0;
}

START_TEST(a_call_shows_labels_and_sticky_variables_and_asks_queries_of_them)
{
	const struct tape_hook_options options = { .size = sizeof options,
						   .kind = TAPE_HOOK_CALL,
						   .innermost = "^prepare$",
						   .when = "D=0.1..0.5 run*",
						   .fn = look };
	int ran = 0;

	t = recorded_open("");
	ck_assert_int_ge(tape_hook_add(t, &options), 1);
	TAPE_LABEL(t, "run:1");
	ck_assert_int_eq(tape_call(t, "prepare", &ran), 0);
	{
		TAPE_WITH(t, TAPE_AS("D", 0.25), TAPE_AS("n", 3));
		ck_assert_int_eq(tape_call(t, "prepare", &ran), 1);
		{
			TAPE_LABEL(t, "prepare");
			ck_assert_int_eq(tape_call(t, "other", &ran), 0);
		}
		{
			TAPE_WITH(t, TAPE_AS("D", 0.75));
			ck_assert_int_eq(tape_call(t, "prepare", &ran), 0);
		}
	}
	ck_assert_int_eq(ran, 1);
	ck_assert_str_eq(seen, "/run:1/prepare,D:5,n:3,D=0.25 ");
	ck_assert_str_eq(recorded(), "");
}
END_TEST

static int
say(const struct tape_view *view, void *arg, void *user)
{
	(void)view;
	(void)arg;
	note(user);
	return 0;
}

static int
add_named(int priority, const char *name)
{
	const struct tape_hook_options options = { .size = sizeof options,
						   .kind = TAPE_HOOK_CALL,
						   .priority = priority,
						   .fn = say,
						   .user = (void *)(uintptr_t)name };

	return tape_hook_add(t, &options);
}

START_TEST(hooks_run_by_priority_and_then_as_they_came)
{
	t = recorded_open("");
	(void)add_named(0, "b");
	(void)add_named(-1, "d");
	(void)add_named(0, "c");
	(void)add_named(7, "a");
	ck_assert_int_eq(tape_call(t, "x", NULL), 4);
	ck_assert_str_eq(seen, "a b c d ");
	tape_hooks_reset(t);
	ck_assert_int_eq(tape_call(t, "x", NULL), 0);
}
END_TEST

START_TEST(who_adds_and_removes_one_again_and_again_does_not_fill_memory)
{
	int first = 0;

	t = recorded_open("");
	for (int i = 0; i < 20000; i++) {
		int id = add_named(0, "x");

		first = first ? first : id;
		ck_assert_int_eq(id, first);
		ck_assert_int_eq(tape_unhook(t, id), 0);
	}
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

static int
call_again(const struct tape_view *view, void *arg, void *user)
{
	int *count = arg;

	(void)user;
	++*count;
	/* Itself: not again. */
	ck_assert_int_eq(tape_call(tape_view_tape(view), "x", arg), 0);
	TAPE(tape_view_tape(view), "from-a-hook", TAPE_AS("count", *count));
	return 0;
}

START_TEST(a_call_hook_does_not_call_itself)
{
	int count = 0;

	t = recorded_open("");
	ck_assert_int_ge(tape_hook(t, TAPE_HOOK_CALL, NULL, call_again, NULL), 1);
	ck_assert_int_eq(tape_call(t, "x", &count), 1);
	ck_assert_int_eq(count, 1);
	ck_assert_str_eq(recorded(), "from-a-hook count=1\n");
}
END_TEST

/* ---- select ---- */

static int
no_underscore(const struct tape_view *view, void *arg, void *user)
{
	const char *name = tape_view_variable(view, NULL);

	(void)arg;
	(void)user;
	note(name);
	return *name == '_' ? TAPE_SELECT_DROP : TAPE_SELECT_PASS;
}

static int
two_only(const struct tape_view *view, void *arg, void *user)
{
	const char *name = tape_view_variable(view, NULL);

	(void)arg;
	(void)user;
	return strcmp(name, "ts") == 0 || strcmp(name, "yield") == 0 ? TAPE_SELECT_KEEP
								     : TAPE_SELECT_DROP;
}

START_TEST(select_hooks_decide_about_variables_once_for_a_site_and_path)
{
	static const char *const store[] = { "store\\..*", NULL };

	t = recorded_open("exclude = ^z$\n");
	(void)tape_hook(t, TAPE_HOOK_SELECT, NULL, no_underscore, NULL);
	(void)tape_hook(t, TAPE_HOOK_SELECT, store, two_only, NULL);
	TAPE_WITH(t, TAPE_AS("_w", 1), TAPE_AS("v", 2), TAPE_AS("z", 3));
	for (int i = 0; i < 3; i++)
		TAPE(t, "iter", i, TAPE_AS("_i", i));
	ck_assert_str_eq(seen, "i _i _w v z ");
	TAPE(t, "store.ts", TAPE_AS("ts", 1), TAPE_AS("_ts", 2), TAPE_AS("yield", 3),
	     TAPE_AS("more", 4));
	ck_assert_str_eq(recorded(), "iter i=0 v=2\niter i=1 v=2\niter i=2 v=2\n"
				     "store.ts ts=1 yield=3\n");
}
END_TEST

static int
store_as(const struct tape_view *view, void *arg, void *user)
{
	struct tape_value value;
	const char *name = tape_view_variable(view, &value);

	(void)arg;
	(void)user;
	if (value.type != TAPE_ARRAY_T && value.type != TAPE_STR)
		return TAPE_SELECT_PASS;
	return *name == 'b' ? TAPE_SELECT_BLOB : TAPE_SELECT_INLINE;
}

START_TEST(a_select_hook_says_how_arrays_are_stored)
{
	double a[1000] = { 0 }, b[10] = { 1 };
	char text[100];

	memset(text, 'x', 99);
	text[99] = '\0';
	t = recorded_open("");
	(void)tape_hook(t, TAPE_HOOK_SELECT, NULL, store_as, NULL);
	for (int i = 0; i < 2; i++) {
		TAPE(t, "x", TAPE_BLOB(a, 1000), b, i);
		TAPE(t, "y", TAPE_AS("bt", text), TAPE_AS("bs", "short"), i);
	}
	ck_assert_uint_eq(recorded_errors(), 0);
	ck_assert_int_eq(strncmp(recorded(), "x a=f8[1000](0", 14), 0);
	ck_assert_ptr_nonnull(strstr(recorded(), "b=blob:f8[10](1"));
	ck_assert_ptr_nonnull(strstr(recorded(), "bt=blob:"));
	ck_assert_ptr_nonnull(strstr(recorded(), "i=1"));
}
END_TEST

START_TEST(a_select_hook_with_a_query_goes_by_the_values_of_the_scope)
{
	struct tape_hook_options options = { .size = sizeof options,
					     .kind = TAPE_HOOK_SELECT,
					     .when = "i=1",
					     .fn = two_only };

	t = recorded_open("");
	(void)tape_hook_add(t, &options);
	for (int i = 0; i < 3; i++)
		TAPE(t, "x", i, TAPE_AS("ts", 5), TAPE_AS("s", "text"));
	for (int i = 0; i < 2; i++) {
		struct tape_build *b = tape_build_begin(t, "y");

		(void)tape_build_i64(b, "i", TAPE_NUL, i);
		(void)tape_build_str(b, "yield", TAPE_NUL, "high", TAPE_NUL);
		ck_assert_int_eq(tape_build_end(b), 0);
	}
	ck_assert_str_eq(recorded(), "x i=0 s='text' ts=5\nx ts=5\nx i=2 s='text' ts=5\n"
				     "y i=0 yield='high'\ny yield='high'\n");
}
END_TEST

static int
record_in_select(const struct tape_view *view, void *arg, void *user)
{
	(void)arg;
	(void)user;
	TAPE(tape_view_tape(view), "x", TAPE_AS("inner", "text"));
	TAPE_LABEL(tape_view_tape(view), "left");
	return TAPE_SELECT_PASS;
}

START_TEST(a_select_hook_may_record_at_the_same_label)
{
	t = recorded_open("");
	(void)tape_hook(t, TAPE_HOOK_SELECT, NULL, record_in_select, NULL);
	TAPE(t, "x", TAPE_AS("a", "one"), TAPE_AS("b", 2));
	ck_assert_str_eq(recorded(), "x inner='text'\nx inner='text'\nx a='one' b=2\n");
}
END_TEST

/* ---- capture ---- */

static int
derive(const struct tape_view *view, void *arg, void *user)
{
	struct tape_build *b;
	double x = 0, y = 0;

	(void)arg;
	(void)user;
	if (!tape_view_number(view, "x", &x) || !tape_view_number(view, "y", &y))
		return 0;
	b = tape_view_add(view);
	(void)tape_build_f64(b, "sum", TAPE_NUL, x + y);
	(void)tape_build_unit(b, "m", TAPE_NUL);
	(void)tape_build_f64(b, "x", TAPE_NUL, -1);
	(void)tape_build_str(b, "who", TAPE_NUL, "hook", TAPE_NUL);
	ck_assert_int_eq(tape_build_end(b), -1);
	tape_build_cancel(b);
	return 0;
}

START_TEST(a_capture_hook_adds_variables)
{
	static const char *const where[] = { "^pos$", NULL };
	double y = 0.5, field[20] = { 1 };

	t = recorded_open("dedup = off\n");
	(void)tape_hook(t, TAPE_HOOK_CAPTURE, where, derive, NULL);
	TAPE_WITH(t, y);
	for (int x = 0; x < 2; x++)
		TAPE(t, "pos", x, TAPE_ARRAY(field, 2));
	TAPE(t, "pos", TAPE_AS("z", 1));
	TAPE(t, "other", TAPE_AS("x", 1));
	ck_assert_str_eq(recorded(),
			 "pos field=f8[2](1 0) sum[m]=0.5 who='hook' x=0 y=0.5\n"
			 "pos field=f8[2](1 0) sum[m]=1.5 who='hook' x=1 y=0.5\n"
			 "pos y=0.5 z=1\nother x=1 y=0.5\n");
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

START_TEST(a_capture_hook_sees_what_rules_leave_and_its_query_matches)
{
	struct tape_hook_options options = { .size = sizeof options,
					     .kind = TAPE_HOOK_CAPTURE,
					     .when = "i=3..5",
					     .fn = look };
	int i;

	t = recorded_open("[rule few]\nlabel = iter\nevery = 2\nwhen = not i=4\n");
	(void)tape_hook_add(t, &options);
	for (i = 0; i < 12; i++)
		TAPE(t, "iter", TAPE_AS("i", i / 2), TAPE_AS("s", "text"));
	ck_assert_str_eq(seen, "/iter,i:3,s:16 /iter,i:3,s:16 ");
	ck_assert_uint_eq(recorded_count(), 5);
}
END_TEST

static int
record_in_capture(const struct tape_view *view, void *arg, void *user)
{
	double field[100] = { 2 };
	char name[40] = "made";

	(void)arg;
	(void)user;
	TAPE(tape_view_tape(view), "note", TAPE_STRIDED(field, 50, 16),
	     TAPE_AS(name, "hook"));
	TAPE(tape_view_tape(view), "x", TAPE_AS("from", "hook"));
	return 0;
}

START_TEST(a_capture_hook_may_record_without_end)
{
	double field[100] = { 1 };
	char name[40] = "made";

	t = recorded_open("");
	(void)tape_hook(t, TAPE_HOOK_CAPTURE, NULL, record_in_capture, NULL);
	for (int i = 0; i < 2; i++)
		TAPE(t, "x", TAPE_STRIDED(field, 50, 16), TAPE_AS(name, "program"), i);
	ck_assert_uint_eq(recorded_count(), 6);
	ck_assert_ptr_nonnull(strstr(recorded(), "x field=f8[50](1 0"));
	ck_assert_ptr_nonnull(strstr(recorded(), "made='program'"));
	ck_assert_ptr_nonnull(strstr(recorded(), "note field=f8[50](2 0"));
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

static int
fails(const struct tape_view *view, void *arg, void *user)
{
	(void)arg;
	return user ? tape_view_fail(view, user) : -7;
}

START_TEST(a_hook_that_fails_is_said_once_and_the_scope_is_recorded)
{
	static char why[] = "no model here";

	t = recorded_open("");
	(void)tape_hook(t, TAPE_HOOK_CAPTURE, NULL, fails, why);
	(void)tape_hook(t, TAPE_HOOK_SELECT, NULL, fails, NULL);
	for (int i = 0; i < 5; i++)
		TAPE(t, "x", i);
	ck_assert_uint_eq(recorded_count(), 5);
	ck_assert_uint_eq(recorded_errors(), 1);
	ck_assert_ptr_nonnull(strstr(recorded_error(), "select hook 2 failed at x: it "
						       "returned -7"));
	ck_assert_uint_eq(recorded_said("capture hook 1 failed at x: no model here"), 1);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(recorded_said("capture hook 1 has failed 5 times"), 1);
}
END_TEST

static int
close_it(const struct tape_view *view, void *arg, void *user)
{
	(void)arg;
	(void)user;
	note("closed");
	(void)tape_build_i64(tape_view_add(view), "late", TAPE_NUL, 1);
	(void)tape_close(tape_view_tape(view));
	return 0;
}

START_TEST(a_hook_may_close_the_recorder)
{
	t = recorded_open("");
	(void)tape_hook(t, TAPE_HOOK_CAPTURE, NULL, close_it, NULL);
	for (int i = 0; i < 3; i++)
		TAPE(t, "x", i, TAPE_AS("s", "text"));
	ck_assert_str_eq(seen, "closed ");
}
END_TEST

/* ---- commit ---- */

static int
commit_counts(const struct tape_view *view, void *arg, void *user)
{
	struct tape_counts counts = { .size = sizeof counts };
	char text[100];

	(void)arg;
	ck_assert_int_eq(tape_view_counts(view, &counts), 0);
	snprintf(text, sizeof text, "%s%llu/%llu@%llu-%llu,%llu", (const char *)user,
		 (unsigned long long)counts.scopes, (unsigned long long)counts.all,
		 (unsigned long long)counts.first_seq,
		 (unsigned long long)counts.last_seq, (unsigned long long)counts.links);
	note(text);
	TAPE(tape_view_tape(view), "committed", TAPE_AS("n", counts.scopes));
	(void)tape_commit(tape_view_tape(view));
	return 0;
}

START_TEST(a_commit_hook_is_told_of_commits_that_hold_its_scopes)
{
	static const char *const where[] = { "^store$", NULL };
	struct tape_hook_options some = { .size = sizeof some,
					  .kind = TAPE_HOOK_COMMIT,
					  .priority = 1,
					  .when = "i=2..",
					  .fn = commit_counts,
					  .user = (void *)(uintptr_t) "w" };

	t = recorded_open("commit = manual\n");
	(void)tape_hook(t, TAPE_HOOK_COMMIT, where, commit_counts,
			(void *)(uintptr_t) "s");
	TAPE(t, "other");
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_str_eq(seen, "");
	for (int i = 0; i < 5; i++)
		TAPE(t, "store", TAPE_AS("i", i / 2), TAPE_AS("j", i / 2));
	TAPE(t, "other");
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_str_eq(seen, "s5/6@2-7,2 ");
	seen[0] = '\0';
	(void)tape_hook_add(t, &some);
	for (int i = 0; i < 5; i++)
		TAPE(t, "store", i);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_str_eq(seen, "w3/5@9-13,0 s5/5@9-13,0 ");
}
END_TEST

/* ---- in general ---- */

START_TEST(a_null_or_closed_recorder_has_no_hooks)
{
	ck_assert_int_eq(tape_hook(NULL, TAPE_HOOK_CALL, NULL, say, NULL), 0);
	ck_assert_int_eq(tape_unhook(NULL, 1), 0);
	ck_assert_int_eq(tape_call(NULL, "x", NULL), 0);
	tape_hooks_reset(NULL);
	t = recorded_open("");
	(void)add_named(0, "x");
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_int_eq(tape_call(t, "x", NULL), 0);
	ck_assert_int_eq(tape_hook(t, TAPE_HOOK_CALL, NULL, say, NULL), 0);
	ck_assert_str_eq(seen, "");
}
END_TEST

START_TEST(a_hook_that_is_not_understood_is_refused_and_says_why)
{
	static const char *const open[] = { "fine", "(", NULL };
	struct tape_hook_options options = { .size = sizeof options,
					     .kind = TAPE_HOOK_CALL,
					     .fn = say };

	t = recorded_open("");
	ck_assert_int_eq(tape_hook(t, 0, NULL, say, NULL), -1);
	ck_assert_ptr_nonnull(strstr(tape_error(t), "no such kind"));
	recorded_teardown();
	t = recorded_open("");
	ck_assert_int_eq(tape_hook(t, TAPE_HOOK_CALL, NULL, NULL, NULL), -1);
	ck_assert_ptr_nonnull(strstr(tape_error(t), "needs a function"));
	recorded_teardown();
	t = recorded_open("");
	ck_assert_int_eq(tape_hook(t, TAPE_HOOK_CALL, open, say, NULL), -1);
	ck_assert_ptr_nonnull(strstr(tape_error(t), "regular expression ("));
	recorded_teardown();
	t = recorded_open("");
	options.when = "_seq=3";
	ck_assert_int_eq(tape_hook_add(t, &options), -1);
	ck_assert_ptr_nonnull(strstr(tape_error(t), "no place on the tape"));
	ck_assert_int_eq(tape_call(t, "x", NULL), 0);
}
END_TEST

START_TEST(a_hook_whose_expression_takes_too_many_steps_runs_nowhere_and_says_so)
{
	static const char *const slow[] = { "^(a+)+$", NULL };
	static char x[] = "x";

	t = recorded_open("");
	(void)tape_hook(t, TAPE_HOOK_CALL, slow, say, x);
	ck_assert_int_eq(tape_call(t, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", 0),
			 0);
	ck_assert_int_eq(tape_call(t, "aa", NULL), 0);
	ck_assert_uint_eq(recorded_errors(), 1);
	ck_assert_ptr_nonnull(strstr(recorded_error(), "call hook 1 (^(a+)+$)"));
}
END_TEST

static void *
record_many(void *arg)
{
	for (int i = 0; i < 300; i++) {
		TAPE(t, "many", i, TAPE_AS("s", "text"));
		(void)tape_call(t, "many", NULL);
	}
	return arg;
}

static int
count_atomically(const struct tape_view *view, void *arg, void *user)
{
	static __thread int n;
	char name[16];

	(void)arg;
	snprintf(name, sizeof name, "more%d", n++ % 64);
	if (tape_view_kind(view) == TAPE_HOOK_CAPTURE)
		(void)tape_build_i64(tape_view_add(view), name, TAPE_NUL, 1);
	__atomic_fetch_add((int *)user, 1, __ATOMIC_RELAXED);
	return 0;
}

static int
two_or_sum(const struct tape_view *view, void *arg, void *user)
{
	const char *name = tape_view_variable(view, NULL);

	(void)arg;
	(void)user;
	/* What capture hooks look at has to be kept that far. */
	return strcmp(name, "x") == 0 || strcmp(name, "y") == 0 ||
			       strcmp(name, "sum") == 0
		       ? TAPE_SELECT_PASS
		       : TAPE_SELECT_DROP;
}

struct part {
	double x;
	float y;
	int more[30];
};
TAPE_DESCRIBE(part, struct part, x, y, more);

START_TEST(members_of_a_described_structure_are_variables_like_others)
{
	static const char *const where[] = { "^pos$", NULL };
	struct part p = { 1.5, 0.5f, { 0 } };

	t = recorded_open("");
	(void)tape_hook(t, TAPE_HOOK_CAPTURE, where, derive, NULL);
	(void)tape_hook(t, TAPE_HOOK_SELECT, where, two_or_sum, NULL);
	for (int i = 0; i < 2; i++, p.x++)
		TAPE(t, "pos", TAPE_OF(part, &p), i);
	ck_assert_str_eq(recorded(),
			 "pos sum[m]=2.0 x=1.5 y=0.5f\npos sum[m]=3.0 x=2.5 y=0.5f\n");
}
END_TEST

START_TEST(hooks_may_come_and_go_while_other_threads_record)
{
	pthread_t thread[2];
	int count = 0;

	t = recorded_open("");
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, record_many, NULL), 0);
	for (int i = 0; i < 200; i++) {
		int kind = TAPE_HOOK_SELECT + i % 4;
		int id = tape_hook(t, kind, NULL, count_atomically, &count);

		ck_assert_int_ge(id, 1);
		if (i % 3)
			ck_assert_int_eq(tape_unhook(t, id), 0);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_uint_eq(recorded_count(), 600);
	ck_assert_str_eq(recorded_error(), "");
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

START_TEST(a_forked_child_has_the_hooks_and_its_own_session)
{
	struct tape_hook_options options = { .size = sizeof options,
					     .kind = TAPE_HOOK_CAPTURE,
					     .fn = derive };
	char id[TAPE_SESSION_TEXT], query[64];
	struct tape_pos pos;
	pid_t child;

	t = recorded_open("");
	pos = tape_position(t);
	tape_session_text(pos.session, id);
	snprintf(query, sizeof query, "not _session=%s", id);
	options.when = query;
	(void)tape_hook_add(t, &options);
	TAPE(t, "pos", TAPE_AS("x", 1), TAPE_AS("y", 2));
	(void)tape_commit(t);
	child = fork();
	if (child == 0) {
		TAPE(t, "pos", TAPE_AS("x", 1), TAPE_AS("y", 3));
		_exit(tape_close(t) == 0 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	ck_assert_str_eq(recorded(), "pos x=1 y=2\npos sum[m]=4.0 who='hook' x=1 y=3\n");
}
END_TEST

static void
list(void *user, const struct tape_setting *s)
{
	char text[400];

	(void)user;
	if (strcmp(s->key, "hook") != 0)
		return;
	snprintf(text, sizeof text, "%s:%s:%s|%d", s->value, s->label, s->origin,
		 s->of_labels);
	note(text);
}

START_TEST(hooks_are_listed_with_the_settings)
{
	t = recorded_open("");
	(void)add_named(0, "x");
	ck_assert_int_eq(tape_settings(t, "a/b", list, NULL), 0);
	ck_assert_str_eq(seen, "call::tape_hook|1 ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("hooks");
	TCase *tc = tcase_create("all"), *threads = tcase_create("threads");

	tcase_add_checked_fixture(tc, setup, recorded_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_call_runs_the_hooks_whose_expressions_all_match_some_label);
	tcase_add_test(tc,
		       a_call_shows_labels_and_sticky_variables_and_asks_queries_of_them);
	tcase_add_test(tc, hooks_run_by_priority_and_then_as_they_came);
	tcase_add_test(tc, who_adds_and_removes_one_again_and_again_does_not_fill_memory);
	tcase_add_test(tc, a_call_hook_does_not_call_itself);
	tcase_add_test(tc, select_hooks_decide_about_variables_once_for_a_site_and_path);
	tcase_add_test(tc, a_select_hook_says_how_arrays_are_stored);
	tcase_add_test(tc, a_select_hook_with_a_query_goes_by_the_values_of_the_scope);
	tcase_add_test(tc, a_select_hook_may_record_at_the_same_label);
	tcase_add_test(tc, a_capture_hook_adds_variables);
	tcase_add_test(tc, a_capture_hook_sees_what_rules_leave_and_its_query_matches);
	tcase_add_test(tc, a_capture_hook_may_record_without_end);
	tcase_add_test(tc, a_hook_that_fails_is_said_once_and_the_scope_is_recorded);
	tcase_add_test(tc, a_hook_may_close_the_recorder);
	tcase_add_test(tc, a_commit_hook_is_told_of_commits_that_hold_its_scopes);
	tcase_add_test(tc, a_null_or_closed_recorder_has_no_hooks);
	tcase_add_test(tc, a_hook_that_is_not_understood_is_refused_and_says_why);
	tcase_add_test(
		tc,
		a_hook_whose_expression_takes_too_many_steps_runs_nowhere_and_says_so);
	tcase_add_test(tc, members_of_a_described_structure_are_variables_like_others);
	tcase_add_test(tc, hooks_are_listed_with_the_settings);
	tcase_add_test(tc, a_forked_child_has_the_hooks_and_its_own_session);
	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(threads, setup, recorded_teardown);
	tcase_set_timeout(threads, 60);
	tcase_add_test(threads, hooks_may_come_and_go_while_other_threads_record);
	suite_add_tcase(suite, threads);
	return suite_run(suite);
}
