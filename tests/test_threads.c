/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of one recorder: what one does to the others. Also run under ThreadSanitizer. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "format/os.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

#define THREADS 4
#define PER_THREAD 400

struct worker {
	struct tape *tape;
	int64_t from;
};

/* Scopes, repeats, blobs of all sizes, labels, notes and commits. */
static void *
work(void *user)
{
	struct worker *w = user;
	static const size_t sizes[] = { 100, 7000, 90000 };

	for (int64_t i = 0; i < PER_THREAD; i++) {
		if (i % 20 == 0)
			recording_put_blob(w->tape, w->from + i, (unsigned)(i % 7),
					   sizes[i / 20 % 3]);
		else
			recording_put(w->tape, w->from + i);
		if (i % 50 == 0)
			tape_note(w->tape, "at", "fifty");
		if (i % 90 == 0)
			(void)tape_commit(w->tape);
	}
	return NULL;
}

static void
start(pthread_t threads[THREADS], struct worker workers[THREADS], struct tape *t)
{
	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ t, (int64_t)i * PER_THREAD };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
}

static void
join(pthread_t threads[THREADS])
{
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static const char *const settings[] = {
	"sync=1 commit_ms=1",
	"sync=commit blob_store=log",
	"sync=none commit=manual blobs=at-commit",
	"sync=1 blob_store=log blobs=at-commit commit_scopes=3",
};
#define SETTINGS (int)(sizeof settings / sizeof *settings)

START_TEST(what_threads_record_together_is_all_there)
{
	struct tape *t = recording_open(settings[_i]);
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	struct recording read;

	start(threads, workers, t);
	join(threads);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_int_eq(tape_close(t), 0);
	read = recording_read();
	ck_assert_msg(read.damage == 0, "%s", read.report);
	ck_assert_uint_eq(read.bad_blobs, 0);
	ck_assert_uint_eq(read.count, THREADS * PER_THREAD);
	recording_release(&read);
}
END_TEST

START_TEST(threads_that_record_past_a_close_are_harmless)
{
	struct tape *t = recording_open(settings[_i]);
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	struct recording read;

	start(threads, workers, t);
	while (tape_position(t).seq == 0)
		(void)tape_commit(t);
	ck_assert_int_eq(tape_close(t), 0);
	join(threads);
	ck_assert_uint_eq(tape_lost(t), 0);
	ck_assert_str_eq(tape_error(t), "");
	read = recording_read();
	ck_assert_msg(read.damage == 0, "%s", read.report);
	ck_assert_uint_eq(read.bad_blobs, 0);
	ck_assert_uint_eq(read.closed, 1);
	recording_release(&read);
}
END_TEST

static void *
close_it(void *t)
{
	(void)tape_close(t);
	/* Whoever closes second is told nothing that does not hold yet. */
	struct recording read = recording_read();
	size_t closed = read.closed;

	recording_release(&read);
	return (void *)(uintptr_t)closed;
}

START_TEST(a_second_close_returns_when_the_first_is_done)
{
	struct tape *t = recording_open("commit=manual sync=none");
	pthread_t threads[THREADS];

	for (int64_t i = 0; i < 6000; i++)
		recording_put(t, i);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, close_it, t), 0);
	for (int i = 0; i < THREADS; i++) {
		void *closed = NULL;

		pthread_join(threads[i], &closed);
		ck_assert_uint_eq((uintptr_t)closed, 1);
	}
}
END_TEST

/* ---- on_error ---- */

static atomic_bool disk_full;

static int
no_writes(void *user, enum os_call call, const char *path, size_t *limit)
{
	(void)user;
	(void)path;
	(void)limit;
	return call == OS_WRITE && atomic_load(&disk_full) ? 28 : 0; /* ENOSPC */
}

static struct tape *handled;
static int called;

static void
call_back(void *user, const char *message)
{
	(void)user;
	(void)message;
	called++;
	recording_put(handled, 2);
	(void)tape_commit(handled);
	(void)tape_close(handled);
}

static void
leave(void *user, const char *message)
{
	(void)user;
	(void)message;
	atomic_store(&disk_full, false);
	exit(3);
}

static void
open_with(void (*on_error)(void *user, const char *message))
{
	struct tape_options options = { .size = sizeof options, .on_error = on_error };

	atomic_store(&disk_full, false);
	os_fault_set(no_writes, NULL); /* before threads start */
	handled = tape_open(recording_dir, &options);
	ck_assert_ptr_nonnull(handled);
}

START_TEST(an_error_handler_may_use_the_recorder)
{
	open_with(call_back);
	recording_put(handled, 1);
	atomic_store(&disk_full, true);
	ck_assert_int_eq(tape_commit(handled), -1);
	atomic_store(&disk_full, false);
	ck_assert_int_eq(called, 1);
	ck_assert_int_eq(tape_close(handled), -1);
}
END_TEST

START_TEST(an_error_handler_may_use_the_recorder_when_a_blob_fails)
{
	open_with(call_back);
	atomic_store(&disk_full, true);
	ck_assert_int_ne(recording_put_blob(handled, 1, 1, 200000), 0);
	atomic_store(&disk_full, false);
	ck_assert_int_eq(called, 1);
	ck_assert_int_eq(tape_close(handled), -1);
}
END_TEST

/* What was staged meanwhile by others, or put before, is committed by the exit. */
START_TEST(an_error_handler_may_end_the_program)
{
	struct recording read;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		open_with(leave);
		recording_put(handled, 1);
		atomic_store(&disk_full, true);
		(void)recording_put_blob(handled, 2, 1, 200000);
		_exit(4);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(WEXITSTATUS(status), 3);
	read = recording_read();
	ck_assert_uint_eq(recording_times(&read, 1), 1);
	ck_assert_uint_eq(read.closed, 1);
	recording_release(&read);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("threads");
	TCase *tc = tcase_create("threads");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_loop_test(tc, what_threads_record_together_is_all_there, 0, SETTINGS);
	tcase_add_loop_test(tc, threads_that_record_past_a_close_are_harmless, 0,
			    SETTINGS);
	tcase_add_test(tc, a_second_close_returns_when_the_first_is_done);
	tcase_add_test(tc, an_error_handler_may_use_the_recorder);
	tcase_add_test(tc, an_error_handler_may_use_the_recorder_when_a_blob_fails);
	tcase_add_test(tc, an_error_handler_may_end_the_program);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
