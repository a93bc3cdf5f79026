/* SPDX-License-Identifier: Apache-2.0 */
/* Rules: what is left out, what is kept how, for which labels, and who said so. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "format/os.h"
#include "tape/search.h"
#include "tests/support/recorded.h"
#include "tests/support/suite.h"

static struct tape *t;
static atomic_int evaluated;

static int
count(int value)
{
	evaluated++;
	return value;
}

static void
iter(int i)
{
	TAPE(t, "iter", TAPE_AS("i", count(i)));
}

static size_t
found(const char *text)
{
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	struct tape_error err = { 0 };
	uint64_t n = 0;

	(void)tape_commit(t);
	ck_assert_msg(tape_reader_open(recorded_dir(), NULL, &reader, &err) == 0 &&
			      tape_query_compile(text, &query, &err) == 0 &&
			      tape_find(reader, query, NULL, &cursor, &err) == 0 &&
			      tape_cursor_count(cursor, &n, &err) == 0,
		      "%s", err.message);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return n;
}

/* "RULE|SETTING|PATH=N" of each, and a blank. */
static const char *
left_out(const char *dir)
{
	static char text[4096];
	struct tape_reader *reader = NULL;
	struct tape_info *info = NULL;
	struct tape_error err = { 0 };
	size_t n = 0;

	ck_assert_msg(tape_reader_open(dir, NULL, &reader, &err) == 0 &&
			      tape_info_read(reader, &info, &err) == 0,
		      "%s", err.message);
	text[0] = '\0';
	for (size_t i = 0; i < info->thinned_count; i++) {
		const struct tape_thinned_info *one = &info->thinned_list[i];

		n += (size_t)snprintf(text + n, sizeof text - n, "%s|%s|%s=%llu ",
				      one->rule, one->setting, one->path,
				      (unsigned long long)one->scopes);
	}
	tape_info_free(info);
	tape_reader_close(reader);
	return text;
}

/* ---- by count ---- */

START_TEST(what_is_off_is_not_evaluated_not_even_once)
{
	t = recorded_open("[rule quiet]\nlabel = ^iter$\nrecord = off\n");
	evaluated = 0;
	for (int i = 0; i < 10; i++)
		iter(i);
	TAPE(t, "other");
	ck_assert_str_eq(recorded(), "other\n");
	ck_assert_int_eq(evaluated, 0);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_str_eq(left_out(recorded_dir()), "quiet|record = off|iter=10 ");
	ck_assert_uint_eq(recorded_said("\"thinned\":10,\"rule\":\"quiet\""), 1);
}
END_TEST

START_TEST(every_third_scope_is_recorded_and_the_others_are_not_evaluated)
{
	t = recorded_open("[rule few]\nlabel = iter\nevery = 3\n");
	evaluated = 0;
	for (int i = 0; i < 8; i++)
		iter(i);
	ck_assert_str_eq(recorded(), "iter i=0\niter i=3\niter i=6\n");
	ck_assert_int_eq(evaluated, 3);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_str_eq(left_out(recorded_dir()), "few|every = 3|iter=5 ");
}
END_TEST

static void
iter_under(const char *label, int n)
{
	TAPE_LABEL(t, label);
	for (int i = 0; i < n; i++)
		iter(i);
}

START_TEST(each_path_and_each_site_counts_by_itself)
{
	t = recorded_open("[rule few]\nlabel = ^iter$\nevery = 2\n");
	iter_under("a", 1);
	iter_under("b", 1);
	TAPE(t, "iter");
	iter_under("a", 2);
	ck_assert_str_eq(recorded(), "a/iter i=0\nb/iter i=0\niter\na/iter i=1\n");
}
END_TEST

static void *
four(void *arg)
{
	for (int i = 0; i < 4; i++)
		iter(i);
	return arg;
}

START_TEST(each_thread_counts_by_itself)
{
	pthread_t thread;

	t = recorded_open("[rule few]\nlabel = ^iter$\nevery = 2\n");
	ck_assert_int_eq(pthread_create(&thread, NULL, four, NULL), 0);
	pthread_join(thread, NULL);
	four(NULL);
	ck_assert_uint_eq(recorded_count(), 4);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_str_eq(left_out(recorded_dir()), "few|every = 2|iter=4 ");
}
END_TEST

START_TEST(a_site_that_was_free_is_thinned_where_a_rule_matches_its_path)
{
	t = recorded_open("[rule quiet]\nlabel = ^hot\nrecord = off\n");
	evaluated = 0;
	iter_under("cold", 1);
	iter_under("hot", 3);
	iter_under("cold", 1);
	iter_under("hotter", 1);
	iter_under("hot", 1);
	ck_assert_str_eq(recorded(), "cold/iter i=0\ncold/iter i=0\n");
	ck_assert_int_eq(evaluated, 2);
}
END_TEST

START_TEST(labels_made_at_run_time_are_asked_each_time)
{
	static const char *const labels[] = { "keep", "drop" };

	t = recorded_open("[rule quiet]\nlabel = drop\nrecord = off\n");
	evaluated = 0;
	for (int i = 0; i < 6; i++)
		TAPE(t, labels[i % 2], TAPE_AS("i", count(i)));
	ck_assert_str_eq(recorded(), "keep i=0\nkeep i=2\nkeep i=4\n");
	ck_assert_int_eq(evaluated, 3);
}
END_TEST

START_TEST(labels_that_take_turns_hear_of_rules_that_come_later)
{
	static const char *const labels[] = { "a", "b", "c" };

	t = recorded_open("[rule quiet]\nlabel = c\nrecord = off\n");
	for (int i = 0; i < 12; i++) {
		if (i == 6)
			ck_assert_int_eq(tape_set(t, "b", "every", "2"), 0);
		TAPE(t, labels[i % 3], i);
	}
	ck_assert_str_eq(recorded(), "a i=0\nb i=1\na i=3\nb i=4\na i=6\nb i=7\na i=9\n");
}
END_TEST

static void
record_to(struct tape *to)
{
	TAPE(to, "iter");
}

START_TEST(two_recorders_at_one_site_do_not_mix)
{
	struct tape *beside;

	t = recorded_open("[rule quiet]\nlabel = iter\nrecord = off\n");
	beside = recorded_open_beside(1);
	for (int i = 0; i < 3; i++) {
		record_to(t);
		record_to(beside);
	}
	ck_assert_str_eq(recorded(), "");
	ck_assert_str_eq(recorded_beside(1), "iter\niter\niter\n");
}
END_TEST

START_TEST(scopes_in_pieces_are_thinned_too)
{
	t = recorded_open("[rule few]\nlabel = ^row$\nevery = 2\n");
	for (int i = 0; i < 4; i++) {
		struct tape_build *b = tape_build_begin(t, "row");

		(void)tape_build_i64(b, "i", TAPE_NUL, i);
		ck_assert_int_eq(tape_build_end(b), 0);
	}
	ck_assert_str_eq(recorded(), "row i=0\nrow i=2\n");
	ck_assert_uint_eq(tape_lost(t), 0);
}
END_TEST

START_TEST(a_later_setting_wins_however_special_the_earlier_one)
{
	t = recorded_open("[rule all]\nlabel = .\nrecord = off\n"
			  "[rule but]\nlabel = ^keep\nrecord = on\n");
	TAPE(t, "x");
	TAPE(t, "keep.this");
	{
		TAPE_LABEL(t, "keep");
		TAPE(t, "x");
	}
	ck_assert_str_eq(recorded(), "keep.this\nkeep/x\n");
}
END_TEST

START_TEST(counts_survive_a_kill)
{
	char dir[600];
	int pipes[2];
	pid_t child;

	t = recorded_open("");
	snprintf(dir, sizeof dir, "%s.killed", recorded_dir());
	ck_assert_int_eq(pipe(pipes), 0);
	child = fork();
	if (child == 0) {
		setenv("TAPE_EVERY", "1000000", 1);
		t = tape_open(dir, NULL);
		for (int i = 0; i < 41; i++)
			iter(i);
		(void)tape_commit(t);
		(void)!write(pipes[1], "x", 1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(pipes[0], dir + sizeof dir - 1, 1), 1);
	dir[sizeof dir - 1] = '\0';
	while (left_out(dir)[0] == '\0')
		; /* its background thread says so */
	kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	ck_assert_str_eq(left_out(dir), "TAPE_EVERY|every = 1000000|iter=40 ");
	close(pipes[0]);
	close(pipes[1]);
}
END_TEST

/* ---- by query ---- */

START_TEST(a_query_decides_what_is_kept)
{
	t = recorded_open("[rule hot]\nlabel = iter\nwhen = i=3.. not i=5 s~^a\n");
	for (int i = 0; i < 8; i++)
		TAPE(t, "iter", i, TAPE_AS("s", i % 4 ? "abc" : "xyz"));
	ck_assert_str_eq(recorded(), "iter i=3 s='abc'\niter i=6 s='abc'\niter i=7 "
				     "s='abc'\n");
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_str_eq(left_out(recorded_dir()),
			 "hot|when = i=3.. not i=5 s~^a|iter=5 ");
}
END_TEST

START_TEST(a_query_sees_sticky_variables_labels_sites_and_array_bounds)
{
	double x[3] = { 1, 2, 3 };

	t = recorded_open("[rule hot]\nlabel = iter\n"
			  "when = outer D=0.5 x.max=3.. _file=*test_rules.c _line=1..\n");
	TAPE(t, "iter", x);
	{
		TAPE_LABEL(t, "outer");
		TAPE(t, "iter", x);
		TAPE_WITH(t, TAPE_AS("D", 0.5));
		TAPE(t, "iter", x);
		x[2] = 0;
		TAPE(t, "iter", x);
	}
	ck_assert_str_eq(recorded(), "outer/iter D=0.5 x=f8[3](1 2 3)\n");
}
END_TEST

START_TEST(what_a_query_leaves_out_leaves_no_blob)
{
	double field[40000];
	char path[700];

	memset(field, 0, sizeof field);
	t = recorded_open("[rule hot]\nlabel = iter\nwhen = i=1\n");
	for (int i = 0; i < 3; i++) {
		field[0] = i;
		TAPE(t, "iter", i, TAPE_BLOB(field, 40000));
	}
	ck_assert_uint_eq(found("iter"), 1);
	snprintf(path, sizeof path, "find '%s/blobs' -type f | wc -l", recorded_dir());
	FILE *files = popen(path, "r");
	int n = -1;

	ck_assert_ptr_nonnull(files);
	ck_assert_int_eq(fscanf(files, "%d", &n), 1);
	pclose(files);
	ck_assert_int_eq(n, 1);
}
END_TEST

START_TEST(count_comes_before_the_query)
{
	t = recorded_open("[rule hot]\nlabel = iter\nevery = 2\nwhen = i=2..\n");
	for (int i = 0; i < 6; i++)
		TAPE(t, "iter", i);
	ck_assert_str_eq(recorded(), "iter i=2\niter i=4\n");
}
END_TEST

START_TEST(what_a_query_cannot_be_asked_of_is_recorded_and_said_once)
{
	t = recorded_open("[rule hot]\nlabel = iter\nwhen = s~\"^(a+)+$\"\n");
	for (int i = 0; i < 3; i++)
		TAPE(t, "iter",
		     TAPE_AS("s", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"));
	ck_assert_uint_eq(recorded_count(), 3);
	ck_assert_uint_eq(recorded_errors(), 1);
	ck_assert_ptr_nonnull(strstr(recorded_error(), "too many steps"));
}
END_TEST

/* ---- variables ---- */

START_TEST(the_last_match_decides_about_a_variable)
{
	t = recorded_open("[rule store]\nlabel = ^store\\.\n"
			  "exclude = .\ninclude = ^(a|b)$\nexclude = ^b$\n");
	TAPE(t, "store.ts", TAPE_AS("a", 1), TAPE_AS("b", 2), TAPE_AS("c", 3));
	TAPE(t, "store", TAPE_AS("c", 3));
	ck_assert_str_eq(recorded(), "store.ts a=1\nstore c=3\n");
}
END_TEST

START_TEST(only_a_rule_for_a_label_silences_what_is_named_in_the_call)
{
	t = recorded_open("exclude = ^_\n[rule deep]\nlabel = deep\nexclude = ^x$\n");
	TAPE_WITH(t, TAPE_AS("_w", 1), TAPE_AS("x", 2));
	TAPE(t, "a", TAPE_AS("_v", 3));
	TAPE(t, "deep", TAPE_AS("_v", 3), TAPE_AS("y", 4));
	ck_assert_str_eq(recorded(), "a _v=3 x=2\ndeep _v=3 y=4\n");
}
END_TEST

START_TEST(limits_of_arrays_and_repeats_hold_for_their_labels)
{
	double x[32] = { 0 };

	t = recorded_open("[rule big]\nlabel = ^big\ninline_max = 100\n"
			  "[rule all]\nlabel = ^all$\ndedup = off\n");
	TAPE(t, "small", TAPE_ARRAY(x, 32));
	TAPE(t, "big", TAPE_ARRAY(x, 32));
	ck_assert_int_eq(strncmp(recorded(), "small x=f8[32]", 14), 0);
	ck_assert_ptr_nonnull(strstr(recorded(), "big x=blob:f8[32]"));
	for (int i = 0; i < 3; i++) {
		TAPE(t, "all", TAPE_AS("k", 1), TAPE_AS("l", 2));
		TAPE(t, "once", TAPE_AS("k", 1), TAPE_AS("l", 2));
	}
	ck_assert_uint_eq(found("all _link=any"), 0);
	ck_assert_uint_eq(found("once _link=any"), 2);
}
END_TEST

START_TEST(some_scopes_commit_what_their_thread_has_staged)
{
	t = recorded_open("commit = manual\n[rule store]\nlabel = ^store$\ncommit = 3\n");
	TAPE(t, "x");
	for (int i = 0; i < 5; i++) {
		TAPE(t, "store", i);
		ck_assert_uint_eq(tape_position(t).seq, i < 2 ? 0 : 4);
	}
	TAPE(t, "store", TAPE_AS("i", 5));
	ck_assert_uint_eq(tape_position(t).seq, 7);
}
END_TEST

/* ---- levels ---- */

START_TEST(calls_win_over_the_environment_and_that_over_the_file)
{
	setenv("TAPE_EVERY", "3", 1);
	t = recorded_open("[rule few]\nlabel = iter\nevery = 100\n");
	unsetenv("TAPE_EVERY");
	for (int i = 0; i < 4; i++)
		iter(i);
	ck_assert_str_eq(recorded(), "iter i=0\niter i=3\n");
	ck_assert_int_eq(tape_set(t, "^iter$", "every", "1"), 0);
	iter(4);
	iter(5);
	ck_assert_str_eq(recorded(), "iter i=0\niter i=3\niter i=4\niter i=5\n");
}
END_TEST

START_TEST(a_call_holds_from_then_on_for_labels_that_are_open_too)
{
	t = recorded_open("");
	TAPE_LABEL(t, "run");
	evaluated = 0;
	iter(0);
	ck_assert_int_eq(tape_set(t, "^run$", "record", "off"), 0);
	iter(1);
	ck_assert_int_eq(tape_set(t, "^run$", "record", "on"), 0);
	iter(2);
	ck_assert_str_eq(recorded(), "run/iter i=0\nrun/iter i=2\n");
	ck_assert_int_eq(evaluated, 2);
}
END_TEST

START_TEST(who_switches_to_and_fro_does_not_use_up_forms)
{
	t = recorded_open("dedup = off\n");
	for (int i = 0; i < 30000; i++) {
		ck_assert_int_eq(tape_set(t, "x", "inline_max", i % 2 ? "1K" : "2K"), 0);
		if (i % 100 == 0)
			TAPE(t, "x", i);
	}
	ck_assert_uint_eq(recorded_count(), 300);
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

START_TEST(a_call_that_is_not_understood_changes_nothing_and_says_why)
{
	static const char *const bad[][4] = {
		{ "x", "every", "0", "a number of scopes" },
		{ "x", "evry", "1", "no such setting" },
		{ "(", "every", "1", "regular expression" },
		{ "x", "exclude", "[", "regular expression" },
		{ "x", "when", "a ==", "" },
		{ "x", "when", "_seq=3", "no place on the tape" },
		{ "x", "sync", "none", "whole session" },
		{ "x", "require", "{p", "expected" },
		{ "x", "dedup", "subsets", "off, exact or subset" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		t = recorded_open("");
		ck_assert_int_eq(tape_set(t, bad[i][0], bad[i][1], bad[i][2]), -1);
		ck_assert_uint_eq(recorded_errors(), 1);
		ck_assert_msg(strstr(recorded_error(), bad[i][3]) != NULL, "%s",
			      recorded_error());
		TAPE(t, "x");
		ck_assert_uint_eq(recorded_count(), 1);
		recorded_teardown();
	}
	ck_assert_int_eq(tape_set(NULL, "x", "every", "0"), 0);
	t = recorded_open("");
}
END_TEST

START_TEST(a_rule_that_is_not_understood_leaves_the_file_out)
{
	t = recorded_open("commit = manual\n[rule few]\nlabel = iter\nevery = 2\n"
			  "[rule bad]\nlabel = (iter\nevery = 3\n");
	iter(0);
	iter(1);
	ck_assert_uint_eq(recorded_count(), 2);
	ck_assert_uint_eq(recorded_errors(), 1);
	ck_assert_ptr_nonnull(strstr(recorded_error(), "line 7, column"));
	ck_assert_ptr_nonnull(strstr(recorded_error(), "goes on without this file"));
	/* Not manual either: */
	ck_assert_int_eq(tape_discard(t), -1);
}
END_TEST

START_TEST(an_expression_that_takes_too_many_steps_does_not_match)
{
	t = recorded_open("[rule slow]\nlabel = ^(a+)+$\nrecord = off\n");
	TAPE(t, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!");
	ck_assert_uint_eq(recorded_count(), 1);
	ck_assert_uint_eq(recorded_errors(), 1);
	ck_assert_ptr_nonnull(strstr(recorded_error(), "too many steps"));
}
END_TEST

struct listed {
	char text[4000];
	size_t len;
};

static void
list(void *user, const struct tape_setting *s)
{
	struct listed *all = user;

	if (strncmp(s->origin, "default", 7) == 0)
		return;
	all->len += (size_t)snprintf(all->text + all->len, sizeof all->text - all->len,
				     "%s=%s %s|%s|%s\n", s->key, s->value,
				     strchr(s->origin, ':') ? strchr(s->origin, ':')
							    : s->origin,
				     s->rule, s->label);
}

START_TEST(every_setting_is_told_with_its_origin)
{
	struct listed all = { .len = 0 };

	setenv("TAPE_DEDUP", "off", 1);
	t = recorded_open("sync = none\n[rule few]\nlabel = iter\nevery = 2\n");
	unsetenv("TAPE_DEDUP");
	ck_assert_int_eq(tape_set(t, "^iter", "when", "x>1"), 0);
	ck_assert_int_eq(tape_settings(t, "run/iter", list, &all), 0);
	ck_assert_str_eq(all.text, "sync=none :2:8||\n"
				   "every=2 :5:9|few|iter\n"
				   "when=x>1 tape_set||^iter\n"
				   "dedup=off TAPE_DEDUP in the environment||\n");
}
END_TEST

static void *
setter(void *arg)
{
	for (int i = 0; i < 300; i++)
		(void)tape_set(t, "^iter$", "every", i % 2 ? "1" : "2");
	return arg;
}

START_TEST(rules_may_change_while_other_threads_record)
{
	pthread_t thread[3];

	t = recorded_open("");
	ck_assert_int_eq(pthread_create(&thread[0], NULL, setter, NULL), 0);
	for (int i = 1; i < 3; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, four, NULL), 0);
	setter(NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	ck_assert_int_eq(tape_set(t, "^iter$", "every", "1"), 0);
	TAPE(t, "iter");
	ck_assert_uint_ge(recorded_count(), 3);
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

/* ---- what is remembered, and what is told apart ---- */

#define SIXTY "(?#the same sixty characters at the beginning of expressions )"

START_TEST(counts_that_print_alike_are_not_mixed)
{
	struct tape_reader *reader = NULL;
	struct tape_info *info = NULL;

	t = recorded_open("");
	ck_assert_int_eq(tape_set(t, SIXTY "^iter$", "every", "10"), 0);
	for (int i = 0; i < 8; i++)
		iter(i);
	ck_assert_int_eq(tape_set(t, SIXTY "^iter", "every", "10"), 0);
	for (int i = 0; i < 4; i++)
		iter(i);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_int_eq(tape_reader_open(recorded_dir(), NULL, &reader, NULL), 0);
	ck_assert_int_eq(tape_info_read(reader, &info, NULL), 0);
	ck_assert_uint_eq(info->thinned, 7 + 3);
	ck_assert_uint_eq(info->thinned_count, 2);
	tape_info_free(info);
	tape_reader_close(reader);
}
END_TEST

START_TEST(counts_of_very_many_rules_are_all_told)
{
	struct tape_reader *reader = NULL;
	struct tape_info *info = NULL;
	const int many = 4200 / suite_step(4);
	char label[32];

	t = recorded_open("");
	for (int i = 0; i < many; i++) {
		snprintf(label, sizeof label, "^iter|%d", i);
		ck_assert_int_eq(tape_set(t, label, "record", "off"), 0);
		iter(i);
		ck_assert_int_eq(tape_set(t, label, "record", "on"), 0);
	}
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_int_eq(tape_reader_open(recorded_dir(), NULL, &reader, NULL), 0);
	ck_assert_int_eq(tape_info_read(reader, &info, NULL), 0);
	ck_assert_uint_eq(info->thinned, (uint64_t)many);
	tape_info_free(info);
	tape_reader_close(reader);
}
END_TEST

#define SLOW "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"

START_TEST(an_expression_that_took_too_many_steps_is_not_tried_again)
{
	t = recorded_open("[rule slow]\nlabel = ^(a+)+$\nrecord = off\n"
			  "[rule name]\nlabel = ^x$\nexclude = ^(a+)+$\n");
	TAPE(t, "aaa");
	TAPE(t, SLOW);
	TAPE(t, "aa");
	TAPE(t, "x", TAPE_AS("aaa", 1), TAPE_AS("b", 2));
	TAPE(t, "x", TAPE_AS(SLOW, 1), TAPE_AS("b", 2));
	TAPE(t, "x", TAPE_AS("aa", 3));
	ck_assert_str_eq(recorded(), SLOW "\naa\nx b=2\nx " SLOW "=1 b=2\nx aa=3\n");
	ck_assert_uint_eq(recorded_errors(), 1);
	ck_assert_uint_eq(recorded_said("not tried again"), 2);
}
END_TEST

START_TEST(a_query_that_took_too_many_steps_is_not_asked_again)
{
	t = recorded_open("[rule hot]\nlabel = iter\nwhen = s~\"^(a+)+$\"\n");
	TAPE(t, "iter", TAPE_AS("s", "b"));
	TAPE(t, "iter", TAPE_AS("s", SLOW));
	TAPE(t, "iter", TAPE_AS("s", "b"));
	TAPE(t, "iter", TAPE_AS("s", "b"), TAPE_AS("x", 1));
	ck_assert_uint_eq(recorded_count(), 3);
	ck_assert_uint_eq(recorded_errors(), 1);
	ck_assert_ptr_nonnull(strstr(recorded_error(), "not asked again"));
}
END_TEST

START_TEST(an_empty_label_made_at_run_time_does_not_stand_for_another)
{
	static const char *const labels[] = { "", "outer", "" };

	t = recorded_open("[rule quiet]\nlabel = ^other$\nrecord = off\n");
	TAPE_LABEL(t, "outer");
	for (int i = 0; i < 3; i++)
		TAPE(t, labels[i], i);
	ck_assert_str_eq(recorded(), "outer i=0\nouter/outer i=1\nouter i=2\n");
}
END_TEST

START_TEST(an_empty_label_made_at_run_time_is_counted_as_its_path)
{
	static const char *const labels[] = { "", "outer" };

	t = recorded_open("[rule few]\nlabel = ^outer$\nevery = 2\n");
	TAPE_LABEL(t, "outer");
	for (int i = 0; i < 6; i++)
		TAPE(t, labels[i % 2], i);
	ck_assert_str_eq(recorded(), "outer i=0\nouter/outer i=1\nouter i=4\n"
				     "outer/outer i=5\n");
}
END_TEST

START_TEST(rules_that_change_do_not_write_a_form_again)
{
	struct tape_reader *reader = NULL;
	struct tape_info *info = NULL;
	char size[16];

	t = recorded_open("");
	for (int i = 0; i < 100; i++) {
		snprintf(size, sizeof size, "%d", 1000 + i);
		ck_assert_int_eq(tape_set(t, "x", "inline_max", size), 0);
		TAPE(t, "x",
		     TAPE_AS("a name that is rather long, because it is this that would "
			     "stand in the segment again and again, once for each of the "
			     "settings that do not concern it at all",
			     i));
	}
	ck_assert_uint_eq(recorded_count(), 100);
	ck_assert_int_eq(tape_reader_open(recorded_dir(), NULL, &reader, NULL), 0);
	ck_assert_int_eq(tape_info_read(reader, &info, NULL), 0);
	ck_assert_uint_lt(info->segment_bytes, 12000);
	tape_info_free(info);
	tape_reader_close(reader);
}
END_TEST

START_TEST(a_query_in_a_forked_child_is_about_its_own_session)
{
	char id[TAPE_SESSION_TEXT], query[64];
	struct tape_pos pos;
	pid_t child;

	t = recorded_open("");
	pos = tape_position(t);
	tape_session_text(pos.session, id);
	snprintf(query, sizeof query, "not _session=%s", id);
	ck_assert_int_eq(tape_set(t, "^iter$", "when", query), 0);
	iter(1);
	child = fork();
	if (child == 0) {
		iter(2);
		_exit(tape_close(t) == 0 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	ck_assert_uint_eq(found("i=1"), 0);
	ck_assert_uint_eq(found("i=2"), 1);
}
END_TEST

static void
drop_message(void *user, const char *message)
{
	(void)user;
	(void)message;
}

START_TEST(a_file_of_too_many_settings_leaves_room_for_calls)
{
	char conf[600], dir[600];
	struct tape *other;
	FILE *file;

	t = recorded_open("");
	snprintf(conf, sizeof conf, "%s.many", recorded_dir());
	snprintf(dir, sizeof dir, "%s.other", recorded_dir());
	file = fopen(conf, "we");
	ck_assert_ptr_nonnull(file);
	fputs("[rule much]\nlabel = x\n", file);
	for (int i = 0; i < 10001; i++)
		fputs("include = x\n", file);
	ck_assert_int_eq(fclose(file), 0);
	other = tape_open(dir, TAPE_OPTIONS(.config = conf, .on_error = drop_message));
	ck_assert_ptr_nonnull(strstr(tape_error(other), "more than 10000 settings"));
	ck_assert_int_eq(tape_set(other, "^iter$", "record", "off"), 0);
	TAPE(other, "iter");
	ck_assert_int_eq(tape_close(other), 0);
	ck_assert_str_eq(left_out(dir), "tape_set(^iter$)|record = off|iter=1 ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rules");
	TCase *tc = tcase_create("all"), *threads = tcase_create("threads");

	tcase_add_checked_fixture(tc, NULL, recorded_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(threads, NULL, recorded_teardown);
	tcase_set_timeout(threads, 60);
	tcase_add_test(tc, what_is_off_is_not_evaluated_not_even_once);
	tcase_add_test(tc,
		       every_third_scope_is_recorded_and_the_others_are_not_evaluated);
	tcase_add_test(tc, each_path_and_each_site_counts_by_itself);
	tcase_add_test(tc, a_site_that_was_free_is_thinned_where_a_rule_matches_its_path);
	tcase_add_test(tc, labels_made_at_run_time_are_asked_each_time);
	tcase_add_test(tc, labels_that_take_turns_hear_of_rules_that_come_later);
	tcase_add_test(tc, two_recorders_at_one_site_do_not_mix);
	tcase_add_test(tc, scopes_in_pieces_are_thinned_too);
	tcase_add_test(tc, a_later_setting_wins_however_special_the_earlier_one);
	tcase_add_test(tc, counts_survive_a_kill);
	tcase_add_test(tc, a_query_decides_what_is_kept);
	tcase_add_test(tc, a_query_sees_sticky_variables_labels_sites_and_array_bounds);
	tcase_add_test(tc, what_a_query_leaves_out_leaves_no_blob);
	tcase_add_test(tc, count_comes_before_the_query);
	tcase_add_test(tc, what_a_query_cannot_be_asked_of_is_recorded_and_said_once);
	tcase_add_test(tc, the_last_match_decides_about_a_variable);
	tcase_add_test(tc, only_a_rule_for_a_label_silences_what_is_named_in_the_call);
	tcase_add_test(tc, limits_of_arrays_and_repeats_hold_for_their_labels);
	tcase_add_test(tc, some_scopes_commit_what_their_thread_has_staged);
	tcase_add_test(tc, calls_win_over_the_environment_and_that_over_the_file);
	tcase_add_test(tc, a_call_holds_from_then_on_for_labels_that_are_open_too);
	tcase_add_test(tc, who_switches_to_and_fro_does_not_use_up_forms);
	tcase_add_test(tc, a_call_that_is_not_understood_changes_nothing_and_says_why);
	tcase_add_test(tc, a_rule_that_is_not_understood_leaves_the_file_out);
	tcase_add_test(tc, an_expression_that_takes_too_many_steps_does_not_match);
	tcase_add_test(tc, every_setting_is_told_with_its_origin);
	tcase_add_test(threads, each_thread_counts_by_itself);
	tcase_add_test(threads, rules_may_change_while_other_threads_record);
	tcase_add_test(tc, counts_that_print_alike_are_not_mixed);
	tcase_add_test(tc, counts_of_very_many_rules_are_all_told);
	tcase_add_test(tc, an_expression_that_took_too_many_steps_is_not_tried_again);
	tcase_add_test(tc, a_query_that_took_too_many_steps_is_not_asked_again);
	tcase_add_test(tc, an_empty_label_made_at_run_time_does_not_stand_for_another);
	tcase_add_test(tc, an_empty_label_made_at_run_time_is_counted_as_its_path);
	tcase_add_test(tc, rules_that_change_do_not_write_a_form_again);
	tcase_add_test(tc, a_query_in_a_forked_child_is_about_its_own_session);
	tcase_add_test(tc, a_file_of_too_many_settings_leaves_room_for_calls);
	suite_add_tcase(suite, tc);
	suite_add_tcase(suite, threads);
	return suite_run(suite);
}
