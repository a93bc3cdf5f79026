/* SPDX-License-Identifier: Apache-2.0 */
/* Paths, sticky variables, threads, commits, scopes in pieces, and what it costs. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "tests/support/recorded.h"
#include "tests/support/suite.h"

static struct tape *t;

static void
setup(void)
{
	t = recorded_open("");
}

/* ---- sticky variables ---- */

START_TEST(sticky_variables_are_in_every_scope_until_the_block_ends)
{
	double D = 0.1;
	int seed = 3;

	{
		TAPE_WITH(t, TAPE_UNIT(D, "1/h"), seed);
		seed = 99;
		TAPE(t, "a", TAPE_AS("x", 1));
		TAPE(t, "b");
	}
	TAPE(t, "c");
	ck_assert_str_eq(recorded(), "a D[1/h]=0.1 seed=3 x=1\nb D[1/h]=0.1 seed=3\nc\n");
}
END_TEST

START_TEST(inner_sticky_variables_win_over_outer_ones_and_arguments_over_both)
{
	int a = 1, b = 2, c = 3;

	TAPE_WITH(t, a, b, c);
	{
		TAPE_WITH(t, TAPE_AS("b", "inner"));
		TAPE(t, "x", TAPE_AS("c", 30));
	}
	TAPE(t, "y");
	ck_assert_str_eq(recorded(), "x a=1 b='inner' c=30\ny a=1 b=2 c=3\n");
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

START_TEST(sticky_values_of_every_kind_are_copied)
{
	char name[8] = "alpha";
	double a[20];
	double *p = malloc(sizeof a);
	const char *none = NULL;

	ck_assert_ptr_nonnull(p);
	for (int i = 0; i < 20; i++)
		a[i] = p[i] = i;
	TAPE_WITH(t, name, a, TAPE_BLOB(p, 20), none, TAPE_AS("f", 1.5f));
	memset(name, 'z', sizeof name);
	memset(a, 0, sizeof a);
	free(p);
	TAPE(t, "x");
	ck_assert_str_eq(
		recorded(),
		"x a=f8[20](0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19) "
		"f=1.5f name='alpha' none=null "
		"p=blob:f8[20](0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19)\n");
}
END_TEST

/* ---- labels ---- */

START_TEST(labels_nest_and_end_with_their_blocks)
{
	TAPE_LABEL(t, "dfba");
	{
		TAPE_LABELF(t, "run:%d", 3);
		TAPE(t, "iter");
	}
	TAPE(t, "done");
	{
		const char *label = "later";

		TAPE_LABEL(t, label);
		TAPE_LABEL(t, "deeper");
		TAPE(t, label);
	}
	ck_assert_str_eq(recorded(),
			 "dfba/run:3/iter\ndfba/done\ndfba/later/deeper/later\n");
}
END_TEST

START_TEST(a_label_in_a_buffer_may_change_between_scopes)
{
	char label[16];

	for (int i = 0; i < 3; i++) {
		snprintf(label, sizeof label, "l%d", i);
		TAPE_LABEL(t, label);
		snprintf(label, sizeof label, "s%d", i);
		TAPE(t, label, i);
	}
	ck_assert_str_eq(recorded(), "l0/s0 i=0\nl1/s1 i=1\nl2/s2 i=2\n");
}
END_TEST

static void
under(const char *label, const char *text, int i)
{
	TAPE(t, label, text, i);
}

START_TEST(labels_may_take_turns_at_one_place_whatever_their_values_are)
{
	char expected[2048] = "", label[8];

	/* A text that is NULL is of another type: each label has its turn at that. */
	for (int i = 0; i < 24; i++) {
		const char *text = i % 5 < 3 ? "x" : NULL;

		snprintf(label, sizeof label, "l%d", i % 3);
		under(label, text, i);
		snprintf(expected + strlen(expected), sizeof expected - strlen(expected),
			 text ? "%s i=%d text='x'\n" : "%s i=%d text=null\n", label, i);
	}
	ck_assert_str_eq(recorded(), expected);
}
END_TEST

START_TEST(more_labels_than_are_kept_may_take_turns_at_one_place)
{
	char expected[32768] = "", label[8];

	for (int i = 0; i < 1000; i++) {
		snprintf(label, sizeof label, "l%d", i * 7 % 500);
		under(label, "x", 0);
		snprintf(expected + strlen(expected), sizeof expected - strlen(expected),
			 "%s i=0 text='x'\n", label);
	}
	/* The same as often: links. */
	ck_assert_str_eq(recorded(), expected);
}
END_TEST

static void
descend(int depth)
{
	TAPE_LABELF(t, "%d", depth);
	if (depth == 70)
		TAPE(t, "bottom");
	else
		descend(depth + 1);
}

START_TEST(labels_deeper_than_64_are_left_out_and_said_once)
{
	const char *text;
	int slashes = 0;

	descend(1);
	TAPE(t, "top");
	text = recorded_under("1/2/3");
	for (const char *p = text; *p; p++)
		slashes += *p == '/';
	ck_assert_int_eq(slashes, 63);
	ck_assert_str_eq(recorded_under("top"), "top\n");
	ck_assert_uint_eq(recorded_errors(), 1);
}
END_TEST

START_TEST(a_label_is_cut_at_255_bytes_and_an_empty_one_is_none)
{
	char label[400];
	const char *none = NULL;

	memset(label, 'l', sizeof label - 1);
	label[sizeof label - 1] = '\0';
	TAPE(t, label);
	{
		TAPE_LABEL(t, "a");
		TAPE_LABEL(t, "");
		TAPE_LABEL(t, none);
		TAPE(t, none);
		TAPE(t, "");
	}
	label[255] = '\n';
	label[256] = '\0';
	ck_assert_str_eq(recorded_under("l"), label);
	ck_assert_str_eq(recorded_under("a"), "a\na\n");
}
END_TEST

/* ---- contexts and threads ---- */

struct worker {
	struct tape_ctx ctx;
	int number;
};

static void *
inherit(void *arg)
{
	struct worker *w = arg;
	int number = w->number;

	TAPE(t, "bare", number);
	{
		TAPE_INHERIT(t, w->ctx);
		TAPE_LABEL(t, "task");
		TAPE(t, "done", number);
	}
	TAPE(t, "bare", number);
	return NULL;
}

START_TEST(a_worker_starts_with_an_empty_path_and_may_inherit_one)
{
	struct worker w = { .number = 7 };
	pthread_t thread;

	{
		TAPE_LABEL(t, "sweep");
		TAPE_WITH(t, TAPE_AS("D", 0.5), TAPE_AS("name", "x"));
		w.ctx = tape_context(t);
		ck_assert_int_eq(pthread_create(&thread, NULL, inherit, &w), 0);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
	}
	ck_assert_str_eq(recorded(),
			 "bare number=7\nsweep/task/done D=0.5 name='x' number=7\n"
			 "bare number=7\n");
}
END_TEST

START_TEST(a_context_outlives_the_blocks_it_was_taken_in)
{
	struct tape_ctx ctx;

	{
		char name[] = "gone";

		TAPE_LABEL(t, name);
		TAPE_WITH(t, name);
		ctx = tape_context(t);
		memset(name, 'x', 4);
	}
	{
		TAPE_LABEL(t, "other");
		TAPE_INHERIT(t, ctx);
		TAPE(t, "x");
	}
	{
		TAPE_LABEL(t, "other");
		TAPE_INHERIT(t, ((struct tape_ctx){ { 0, 0 } }));
		TAPE(t, "empty");
	}
	ck_assert_str_eq(recorded(), "gone/x name='gone'\nempty\n");
}
END_TEST

enum { THREADS = 4, SCOPES = 2000 };

static void *
record_many(void *arg)
{
	int number = *(int *)arg;

	TAPE_LABELF(t, "thread:%d", number);
	TAPE_WITH(t, number);
	for (int i = 0; i < SCOPES; i++) {
		const char *text = i % 3 ? "even" : NULL;

		TAPE_LABEL(t, i % 2 ? "odd" : "even");
		TAPE(t, "iter", i, text, TAPE_UNIT(i * 0.5, "s"));
	}
	return NULL;
}

START_TEST(threads_share_sites_labels_and_forms)
{
	pthread_t threads[THREADS];
	int numbers[THREADS];

	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, record_many, &numbers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(recorded_count(), THREADS * SCOPES);
	ck_assert_ptr_nonnull(
		strstr(recorded(),
		       "thread:3/odd/iter i=1999 i*0.5[s]=999.5 number=3 text='even'\n"));
	ck_assert_uint_eq(tape_lost(t), 0);
}
END_TEST

static void *
record_one(void *arg)
{
	(void)arg;
	TAPE(t, "one");
	return NULL;
}

START_TEST(a_thread_that_ends_leaves_nothing_behind)
{
	pthread_t thread;

	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(pthread_create(&thread, NULL, record_one, NULL), 0);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
	}
	/* Committed by the ends of the threads: this one has staged nothing. */
	ck_assert_uint_eq(tape_position(t).seq, 50);
	ck_assert_uint_eq(recorded_count(), 50);
}
END_TEST

/* ---- commits ---- */

START_TEST(a_manual_stage_is_dropped_by_discard_and_kept_by_commit)
{
	recorded_teardown();
	t = recorded_open("commit=manual");
	TAPE(t, "kept");
	ck_assert_int_eq(tape_commit(t), 0);
	TAPE(t, "dropped");
	ck_assert_int_eq(tape_discard(t), 0);
	TAPE(t, "kept", TAPE_AS("again", 1));
	ck_assert_str_eq(recorded(), "kept\nkept again=1\n");
}
END_TEST

START_TEST(a_number_of_scopes_or_a_signal_commits)
{
	recorded_teardown();
	t = recorded_open("commit_scopes=10\ncommit_ms=3600000");
	for (int i = 0; i < 25; i++)
		TAPE(t, "x", i);
	ck_assert_uint_eq(tape_position(t).seq, 20);
	tape_commit_soon(t);
	TAPE(t, "x");
	/* By that call, or by the background thread if it was faster: then without that scope. */
	while (tape_position(t).seq < 25)
		sched_yield();
	ck_assert_uint_le(tape_position(t).seq, 26);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_uint_eq(tape_position(t).seq, 26);
}
END_TEST

START_TEST(without_dedup_every_scope_is_written)
{
	recorded_teardown();
	t = recorded_open("dedup=off");
	for (int i = 0; i < 3; i++)
		TAPE(t, "x", TAPE_AS("a", 1));
	ck_assert_str_eq(recorded(), "x a=1\nx a=1\nx a=1\n");
}
END_TEST

/* ---- scopes in pieces ---- */

START_TEST(a_scope_can_be_built_in_pieces)
{
	static const double c16[2] = { 1, 2 };
	static const float c8[2] = { 3, 4 };
	int a[4] = { 1, 2, 3, 4 };
	struct tape_nd nd = { .data = a, .dtype = "i4", .ndim = 2, .dims = { 2, 2 } };
	struct tape_build *b;

	TAPE_LABEL(t, "outer");
	TAPE_WITH(t, TAPE_AS("D", 1), TAPE_AS("n", 9));
	b = tape_build_begin(t, "built");
	ck_assert_ptr_nonnull(b);
	ck_assert_int_eq(tape_build_label(b, "deeperXX", 6), 0);
	ck_assert_int_eq(tape_build_null(b, "n", 1), 0);
	ck_assert_int_eq(tape_build_bool(b, "b", TAPE_NUL, 5), 0);
	ck_assert_int_eq(tape_build_i64(b, "i", 1, -1), 0);
	ck_assert_int_eq(tape_build_unit(b, "kg", TAPE_NUL), 0);
	ck_assert_int_eq(tape_build_u64(b, "uXX", 1, UINT64_MAX), 0);
	ck_assert_int_eq(tape_build_f64(b, "f", 1, 0.5), 0);
	ck_assert_int_eq(tape_build_f32(b, "g", 1, 0.5f), 0);
	ck_assert_int_eq(tape_build_c16(b, "c", 1, c16), 0);
	ck_assert_int_eq(tape_build_c8(b, "c8", 2, c8), 0);
	ck_assert_int_eq(tape_build_str(b, "s", 1, "textXX", 4), 0);
	ck_assert_int_eq(tape_build_bytes(b, "y", 1, "\0\1", 2), 0);
	ck_assert_int_eq(tape_build_nd(b, "nd", 2, &nd, 0), 0);
	ck_assert_int_eq(tape_build_nd(b, "blob", 4, &nd, 1), 0);
	ck_assert_int_eq(tape_build_end(b), 0);
	ck_assert_str_eq(
		recorded(),
		"outer/built/deeper D=1 b=true blob=blob:i4[2,2](1 2 3 4) c=(1.0,2.0) "
		"c8=(3.0,4.0)f f=0.5 g=0.5f i[kg]=-1 n=null nd=i4[2,2](1 2 3 4) "
		"s='text' u=18446744073709551615u y=x'0001'\n");
}
END_TEST

START_TEST(names_of_files_are_cut_in_front_and_made_utf8)
{
	static char file[3000];
	struct tape_build *b = tape_build_begin(t, "x");

	memset(file, 'd', sizeof file - 1);
	memcpy(file + sizeof file - 10, "/model.f9", 9);
	memcpy(file + sizeof file - 1 - 1024, "\xc3\xa9", 2);
	ck_assert_int_eq(tape_build_site(b, file, 12, "f\xff"), 0);
	ck_assert_int_eq(tape_build_end(b), 0);
	ck_assert_str_eq(recorded(), "x\n");
	ck_assert_str_eq(recorded_last_func(), "f?");
	ck_assert_str_eq(recorded_last_file(), file + sizeof file - 1 - 1022);
}
END_TEST

START_TEST(a_build_that_is_cancelled_or_impossible_records_nothing)
{
	struct tape_nd bad = { .dtype = "nothing", .ndim = 1 };
	struct tape_build *b = tape_build_begin(t, "x");

	tape_build_i64(b, "a", 1, 1);
	tape_build_cancel(b);
	b = tape_build_begin(t, "x");
	ck_assert_int_eq(tape_build_nd(b, "a", 1, &bad, 0), -1);
	ck_assert_int_eq(tape_build_i64(b, "b", 1, 1), -1);
	ck_assert_int_eq(tape_build_end(b), -1);
	b = tape_build_begin(t, "x");
	ck_assert_int_eq(tape_build_i64(b, "", 0, 1), -1);
	ck_assert_int_eq(tape_build_end(b), -1);
	ck_assert_str_eq(recorded(), "");
	ck_assert_uint_eq(tape_lost(t), 2);
}
END_TEST

START_TEST(a_build_with_thousands_of_variables_is_one_scope)
{
	struct tape_build *b = tape_build_begin(t, "wide");
	char name[16];

	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof name, "v%04d", i);
		ck_assert_int_eq(tape_build_i64(b, name, TAPE_NUL, i), 0);
	}
	ck_assert_int_eq(tape_build_end(b), 0);
	ck_assert_ptr_nonnull(strstr(recorded(), " v4999=4999\n"));
}
END_TEST

START_TEST(a_streamed_blob_is_a_value_of_any_shape)
{
	double row[100];
	struct tape_stream *s = tape_stream_open(t);
	struct tape_ref ref, small;

	ck_assert_ptr_nonnull(s);
	for (int i = 0; i < 20; i++) {
		for (int j = 0; j < 100; j++)
			row[j] = 100 * i + j;
		ck_assert_int_eq(tape_stream_write(s, row, sizeof row), 0);
	}
	ck_assert_int_eq(tape_stream_close(s, &ref), 0);
	ck_assert_uint_eq(ref.size, 20 * sizeof row);
	ref.dtype = "f8";
	ref.ndim = 2;
	ref.dims[0] = 20;
	ref.dims[1] = 100;
	s = tape_stream_open(t);
	ck_assert_int_eq(tape_stream_write(s, "abc", 3), 0);
	ck_assert_int_eq(tape_stream_close(s, &small), 0);
	s = tape_stream_open(t);
	ck_assert_int_eq(tape_stream_write(s, "abc", 3), 0);
	tape_stream_cancel(s);
	TAPE(t, "x", TAPE_UNIT(&ref, "K"), &small);
	ck_assert_str_eq(
		recorded(),
		"x ref[K]=blob:f8[20,100](0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 "
		"18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 ...) "
		"small=blob:x'616263'\n");
}
END_TEST

/* ---- cost ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COUNTS 0
#endif
#endif
#ifndef COUNTS
#define COUNTS 1
#endif

static __thread unsigned long allocations;
static __thread unsigned long calls;

#if COUNTS
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

void *
malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	allocations++;
	return __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	allocations++;
	return __libc_realloc(p, size);
}
#endif

static int
count_call(void *user, enum os_call call, const char *path, size_t *limit)
{
	(void)user;
	(void)call;
	(void)path;
	(void)limit;
	calls++;
	return 0;
}

static void
record_everything(int n)
{
	double a[40] = { 0 }, x = 1.5;
	char name[16];

	for (int i = 0; i < n; i++) {
		const char *text = i % 2 ? "some" : "other";

		snprintf(name, sizeof name, "v%d", i % 3);
		TAPE_LABEL(t, "label");
		TAPE_LABELF(t, "run:%d", i % 5);
		TAPE_WITH(t, x, text, a);
		a[0] = i % 3;
		TAPE(t, "scope", i, x, TAPE_UNIT(x + 1, "m"), text, a, TAPE_AS(name, i),
		     TAPE_AS("s", TAPE_STRIDED(a, 20, 16)));
		TAPE(t, text, i);
	}
}

START_TEST(a_warm_scope_allocates_nothing_and_makes_no_system_call)
{
	recorded_teardown();
	os_fault_set(count_call, NULL); /* before there are threads */
	t = recorded_open("commit=manual\ndedup=exact\nsync=none");
	record_everything(300);
	ck_assert_int_eq(tape_discard(t), 0);
	calls = 0;
	allocations = 0;
	record_everything(300);
	ck_assert_uint_eq(allocations, 0);
	ck_assert_uint_eq(calls, 0);
	/* That the counters count: */
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_uint_gt(calls, 0);
	free(malloc(1));
	ck_assert_uint_ge(allocations, COUNTS);
	ck_assert_uint_eq(recorded_count(), 600);
	recorded_teardown();
	os_fault_set(NULL, NULL);
}
END_TEST

static int
add_double(const struct tape_view *view, void *arg, void *user)
{
	double x = 0;

	(void)user;
	if (tape_view_number(view, "x", &x))
		(void)tape_build_f64(tape_view_add(view), "double", TAPE_NUL, 2 * x);
	TAPE(t, "of a hook", x, TAPE_AS("text", arg ? "call" : "capture"));
	return 0;
}

static void
record_with_hooks(int n)
{
	double a[40] = { 0 }, x = 1.5;

	for (int i = 0; i < n; i++) {
		TAPE_LABEL(t, "label");
		TAPE_WITH(t, x, a);
		tape_tare(t, i % 2);
		TAPE_WITH(t, TAPE_AS("x", 1.0 + i % 2));
		TAPE_ADD(t, i, TAPE_AS("added", i % 2 ? "some" : "other"));
		TAPE_ADD(t, a);
		(void)tape_call(t, "call", &x);
		TAPE(t, "scope", TAPE_AS("x", i), TAPE_AS("s", TAPE_STRIDED(a, 20, 16)));
	}
}

START_TEST(nor_does_one_with_hooks_tare_and_what_was_added)
{
	struct tape_hook_options options = { .size = sizeof options,
					     .kind = TAPE_HOOK_CAPTURE,
					     .innermost = "scope",
					     .when = "x=..1e9 added~o",
					     .fn = add_double };

	recorded_teardown();
	os_fault_set(count_call, NULL);
	t = recorded_open("commit=manual\ndedup=exact\nsync=none");
	ck_assert_int_ge(tape_hook_add(t, &options), 1);
	options.kind = TAPE_HOOK_CALL;
	options.innermost = "call";
	options.when = "x=1..";
	ck_assert_int_ge(tape_hook_add(t, &options), 1);
	record_with_hooks(300);
	ck_assert_int_eq(tape_discard(t), 0);
	calls = 0;
	allocations = 0;
	record_with_hooks(300);
	ck_assert_uint_eq(allocations, 0);
	ck_assert_uint_eq(calls, 0);
	/* Each time what is tared, the capture hook's and the scope itself; the call hook's where x has changed. */
	ck_assert_uint_eq(recorded_count(), 3 * 300 + 150);
	ck_assert_uint_eq(recorded_errors(), 0);
	recorded_teardown();
	os_fault_set(NULL, NULL);
}
END_TEST

START_TEST(times_of_a_thread_never_go_back_and_are_near_the_clock)
{
	int64_t before = os_realtime_ns();

	for (int i = 0; i < 100000; i++)
		TAPE(t, "x", i);
	ck_assert_int_eq(tape_commit(t), 0);
	recorded_check_times(before - 1000000000, os_realtime_ns() + 1000000000);
}
END_TEST

static TCase *
make(const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, recorded_teardown);
	tcase_set_timeout(tc, 120);
	return tc;
}

static TCase *
paths(void)
{
	TCase *tc = make("labels and sticky variables");

	tcase_add_test(tc, sticky_variables_are_in_every_scope_until_the_block_ends);
	tcase_add_test(
		tc, inner_sticky_variables_win_over_outer_ones_and_arguments_over_both);
	tcase_add_test(tc, sticky_values_of_every_kind_are_copied);
	tcase_add_test(tc, labels_nest_and_end_with_their_blocks);
	tcase_add_test(tc, a_label_in_a_buffer_may_change_between_scopes);
	tcase_add_test(tc, labels_may_take_turns_at_one_place_whatever_their_values_are);
	tcase_add_test(tc, more_labels_than_are_kept_may_take_turns_at_one_place);
	tcase_add_test(tc, labels_deeper_than_64_are_left_out_and_said_once);
	tcase_add_test(tc, a_label_is_cut_at_255_bytes_and_an_empty_one_is_none);
	return tc;
}

static TCase *
threads(void)
{
	TCase *tc = make("threads and commits");

	tcase_add_test(tc, a_worker_starts_with_an_empty_path_and_may_inherit_one);
	tcase_add_test(tc, a_context_outlives_the_blocks_it_was_taken_in);
	tcase_add_test(tc, threads_share_sites_labels_and_forms);
	tcase_add_test(tc, a_thread_that_ends_leaves_nothing_behind);
	tcase_add_test(tc, a_manual_stage_is_dropped_by_discard_and_kept_by_commit);
	tcase_add_test(tc, a_number_of_scopes_or_a_signal_commits);
	tcase_add_test(tc, without_dedup_every_scope_is_written);
	tcase_add_test(tc, a_warm_scope_allocates_nothing_and_makes_no_system_call);
	tcase_add_test(tc, nor_does_one_with_hooks_tare_and_what_was_added);
	tcase_add_test(tc, times_of_a_thread_never_go_back_and_are_near_the_clock);
	return tc;
}

static TCase *
pieces(void)
{
	TCase *tc = make("scopes and blobs in pieces");

	tcase_add_test(tc, a_scope_can_be_built_in_pieces);
	tcase_add_test(tc, names_of_files_are_cut_in_front_and_made_utf8);
	tcase_add_test(tc, a_build_that_is_cancelled_or_impossible_records_nothing);
	tcase_add_test(tc, a_build_with_thousands_of_variables_is_one_scope);
	tcase_add_test(tc, a_streamed_blob_is_a_value_of_any_shape);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("context");

	suite_add_tcase(suite, paths());
	suite_add_tcase(suite, threads());
	suite_add_tcase(suite, pieces());
	return suite_run(suite);
}
