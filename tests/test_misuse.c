/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when the interface is used wrongly, and no compiler has said so. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tape/search.h"
#include "tests/support/recorded.h"
#include "tests/support/suite.h"

static struct tape *t;

/* ---- labels ---- */

START_TEST(a_label_that_nobody_ends_lasts_until_the_block_around_it_ends)
{
	t = recorded_open("");
	{
		TAPE_LABEL(t, "outer");
		(void)tape_label_push(t, "forgotten");
		(void)tape_label_push(t, "this too");
		TAPE(t, "x");
	}
	TAPE(t, "y");
	ck_assert_str_eq(recorded(), "outer/forgotten/this too/x\ny\n");
}
END_TEST

static void *
forget(void *arg)
{
	(void)tape_label_push(t, "left open");
	TAPE(t, "in");
	return arg;
}

START_TEST(a_label_that_a_thread_leaves_open_is_not_another_threads)
{
	pthread_t thread;

	t = recorded_open("");
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(pthread_create(&thread, NULL, forget, NULL), 0);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
	}
	TAPE(t, "main");
	ck_assert_str_eq(recorded(), "left open/in\nleft open/in\nmain\n");
}
END_TEST

START_TEST(a_guard_that_is_ended_twice_ends_its_own_label_only)
{
	struct tape_guard guard, copy;

	t = recorded_open("");
	TAPE_LABEL(t, "outer");
	guard = copy = tape_label_push(t, "a");
	TAPE(t, "x");
	tape_guard_pop(&guard);
	tape_guard_pop(&guard);
	tape_guard_pop(&copy);
	TAPE(t, "y");
	ck_assert_str_eq(recorded(), "outer/a/x\nouter/y\n");
}
END_TEST

#if defined(__GNUC__) && !defined(__clang__)
/* clang refuses to compile these; gcc warns with -Wjump-misses-init. */
#pragma GCC diagnostic ignored "-Wjump-misses-init"
#pragma GCC diagnostic ignored "-Wswitch-unreachable"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

static __attribute__((noinline)) void
dirty_the_stack(void)
{
	volatile unsigned char rubbish[4096];

	for (size_t i = 0; i < sizeof rubbish; i++)
		rubbish[i] = (unsigned char)(i * 37 + 11);
}

static __attribute__((noinline)) void
by_switch(int kind)
{
	switch (kind) {
	case 0:;
		TAPE_LABEL(t, "zero");
		TAPE(t, "in", kind);
		break;
	case 1:
		TAPE(t, "past", kind);
		break;
	default:
		break;
	}
}

static __attribute__((noinline)) void
by_goto(int past)
{
	TAPE_LABEL(t, "goto");
	if (past)
		goto out;
	TAPE_LABEL(t, "inner");
	TAPE_WITH(t, past);
	TAPE(t, "in");
out:
	TAPE(t, "out");
}

START_TEST(a_jump_past_a_label_records_on_without_it)
{
	t = recorded_open("");
	TAPE_LABEL(t, "main");
	for (int i = 0; i < 100; i++) {
		dirty_the_stack();
		by_switch(i % 2);
		dirty_the_stack();
		by_goto(i % 2);
	}
	TAPE(t, "end");
	(void)recorded();
	ck_assert_uint_eq(recorded_count(), 2 * 50 + 50 * 2 + 50 + 1);
	ck_assert_ptr_nonnull(strstr(recorded(), "main/past kind=1\n"));
	ck_assert_ptr_nonnull(strstr(recorded(), "main/goto/out\n"));
	ck_assert_ptr_nonnull(strstr(recorded(), "\nmain/end\n"));
}
END_TEST
#endif

/* ---- text ---- */

START_TEST(a_null_text_is_an_empty_one_or_a_null_value)
{
	const char *volatile null = NULL;
	struct tape_nd nd = { .data = NULL, .dtype = null, .ndim = 1, .dims = { 3 } };
	char *text = NULL;

	t = recorded_open("");
	TAPE(t, null);
	TAPE(t, "x", text);
	TAPE(t, "x", TAPE_AS(null, 1));
	TAPE(t, "x", TAPE_UNIT(text, null));
	TAPE(t, "x", TAPE_TEXT(text, 5), TAPE_AS("b", TAPE_BYTES(text, 5)));
	TAPE(t, "x", TAPE_AS("nd", TAPE_ND(&nd)), TAPE_AS("none", TAPE_ND(NULL)));
	{
		TAPE_LABEL(t, null);
		TAPE_WITH(t, TAPE_AS("sticky", text));
		TAPE(t, "y");
	}
	ck_assert_str_eq(recorded(), "\nx text=null\nx 1=1\nx text=null\n"
				     "x b=null text=null\n"
				     "x nd=absent:unreadable none=null\n"
				     "y sticky=null\n");
}
END_TEST

START_TEST(functions_refuse_null_texts_and_say_so)
{
	struct tape_pos pos;

	t = recorded_open("");
	pos = tape_bookmark(t, NULL);
	ck_assert_uint_eq(pos.seq, 0);
	tape_note(t, NULL, NULL);
	tape_note(t, "key", NULL);
	ck_assert_int_eq(tape_set(t, "x", NULL, NULL), -1);
	ck_assert_int_eq(tape_set(t, NULL, "every", NULL), -1);
	ck_assert_int_eq(tape_call(t, NULL, NULL), 0);
	ck_assert_int_eq(tape_hook(t, TAPE_HOOK_CALL, NULL, NULL, NULL), -1);
	TAPE(t, "still");
	ck_assert_str_eq(recorded(), "still\n");
	ck_assert_ptr_null(tape_open(NULL, NULL));
}
END_TEST

/* ---- pointers to nowhere ---- */

START_TEST(a_pointer_that_no_program_has_is_absent)
{
	const char *small = (const char *)8;
	const char *bits = (const char *)(uintptr_t)0xdeadbeefdeadbeef;
	const char *fine = "fine";

	t = recorded_open("");
	for (int i = 0; i < 2; i++) {
		const char *both = i ? small : "text";

		TAPE(t, "x", small, fine, both);
	}
#ifdef __x86_64__
	TAPE(t, "x", bits);
	ck_assert_str_eq(recorded_under("x bits"), "x bits=absent:wild-pointer\n");
#endif
	(void)bits;
	(void)recorded();
	ck_assert_ptr_nonnull(
		strstr(recorded(), "x both='text' fine='fine' small=absent:wild-pointer\n"
				   "x both=absent:wild-pointer fine='fine' "
				   "small=absent:wild-pointer\n"));
}
END_TEST

START_TEST(a_pointer_to_what_is_not_mapped_ends_the_program_and_takes_no_committed_scope)
{
	char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct rlimit none = { 0, 0 };
	int status = 0;
	pid_t child;

	ck_assert_ptr_ne(page, MAP_FAILED);
	t = recorded_open("");
	TAPE(t, "before");
	(void)tape_commit(t);
	child = fork();
	if (child == 0) {
		(void)setrlimit(RLIMIT_CORE, &none);
		signal(SIGSEGV, SIG_DFL);
		TAPE(t, "mine");
		(void)tape_commit(t);
		TAPE(t, "wild", page);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) ||
		  WEXITSTATUS(status) != 0); /* a sanitizer exits */
	(void)munmap(page, 4096);
	TAPE(t, "after");
	ck_assert_str_eq(recorded(), "before\nafter\nmine\n");
}
END_TEST

/* ---- very many labels ---- */

START_TEST(labels_made_anew_in_every_iteration_are_all_read_back)
{
	char label[32];

	t = recorded_open("sync = none\n");
	/* More forms than a reader holds for one segment. */
	for (int i = 0; i < 320000; i++) {
		snprintf(label, sizeof label, "it:%d", i);
		TAPE(t, label, i);
	}
	ck_assert_uint_eq(recorded_count(), 320000);
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

START_TEST(paths_are_capped_and_scopes_go_on)
{
	t = recorded_open("sync = none\n");
	TAPE_LABEL(t, "loop");
	for (int i = 0; i < (1 << 20); i++) {
		TAPE_LABELF(t, "it:%d", i);
		if (i > (1 << 20) - 5)
			TAPE(t, "x", i);
	}
	ck_assert_ptr_nonnull(strstr(recorded(), "loop i=1048574\nloop i=1048575\n"));
	ck_assert_uint_eq(recorded_count(), 4);
	ck_assert_uint_eq(recorded_errors(), 1);
	ck_assert_ptr_nonnull(strstr(recorded_error(), "1048576 label paths"));
	ck_assert_uint_eq(tape_lost(t), 0);
}
END_TEST

/* ---- two recorders ---- */

START_TEST(two_recorders_on_one_tape_keep_apart)
{
	struct tape *other;

	t = recorded_open("");
	other = tape_open(recorded_dir(), NULL);
	ck_assert_ptr_nonnull(other);
	for (int i = 0; i < 3; i++) {
		TAPE_LABEL(t, "one");
		TAPE_LABEL(other, "two");
		TAPE(t, "x", i);
		TAPE(other, "x", i);
	}
	ck_assert_int_eq(tape_close(other), 0);
	TAPE(other, "closed");
	TAPE(t, "open");
	ck_assert_str_eq(recorded(), "one/x i=0\none/x i=1\none/x i=2\nopen\n"
				     "two/x i=0\ntwo/x i=1\ntwo/x i=2\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("misuse");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, NULL, recorded_teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, a_label_that_nobody_ends_lasts_until_the_block_around_it_ends);
	tcase_add_test(tc, a_label_that_a_thread_leaves_open_is_not_another_threads);
	tcase_add_test(tc, a_guard_that_is_ended_twice_ends_its_own_label_only);
#if defined(__GNUC__) && !defined(__clang__)
	tcase_add_test(tc, a_jump_past_a_label_records_on_without_it);
#endif
	tcase_add_test(tc, a_null_text_is_an_empty_one_or_a_null_value);
	tcase_add_test(tc, functions_refuse_null_texts_and_say_so);
	tcase_add_test(tc, a_pointer_that_no_program_has_is_absent);
	tcase_add_test(
		tc,
		a_pointer_to_what_is_not_mapped_ends_the_program_and_takes_no_committed_scope);
	tcase_add_test(tc, two_recorders_on_one_tape_keep_apart);
	suite_add_tcase(suite, tc);
	tc = tcase_create("many");
	tcase_add_checked_fixture(tc, NULL, recorded_teardown);
	tcase_set_timeout(tc, 240);
	tcase_add_test(tc, labels_made_anew_in_every_iteration_are_all_read_back);
	tcase_add_test(tc, paths_are_capped_and_scopes_go_on);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
