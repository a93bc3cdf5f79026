/* SPDX-License-Identifier: Apache-2.0 */
/* A program that forks while its threads record. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/recording.h"
#include "tests/support/suite.h"

#define FORKS 150
#define LARGE (200u << 10)

static atomic_int enough;

static void *
one_scope(void *t)
{
	(void)recording_put(t, 1);
	return NULL;
}

/* Each round is a new thread, which looks for a stage that is free. */
static void *
come_and_go(void *t)
{
	while (!atomic_load(&enough)) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, one_scope, t) == 0)
			pthread_join(thread, NULL);
	}
	return NULL;
}

START_TEST(a_fork_while_threads_come_and_go_is_no_deadlock)
{
	struct tape *t = recording_open("sync=none");
	pthread_t threads[3];

	atomic_store(&enough, 0);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, t), 0);
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			alarm(20);
			_exit(recording_put(t, 2) == 0 && tape_commit(t) == 0 ? 0 : 1);
		}
		ck_assert_int_gt(pid, 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_int_eq(status, 0);
	}
	atomic_store(&enough, 1);
	for (size_t i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

/* The first thing that the child does is a blob, which goes to a file of its session. */
START_TEST(a_forked_child_may_begin_with_a_blob)
{
	struct tape *t = recording_open("blob_store=log sync=none");
	struct recording read;
	pid_t pid;
	int status;

	ck_assert_int_eq(recording_put_blob(t, 1, 1, LARGE), 0);
	ck_assert_int_eq(tape_commit(t), 0);
	pid = fork();
	if (pid == 0) {
		bool good = recording_put_blob(t, 2, 2, LARGE) == 0;

		_exit(tape_close(t) == 0 && good ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(tape_close(t), 0);
	read = recording_read();
	ck_assert_uint_eq(recording_times(&read, 1), 1);
	ck_assert_uint_eq(recording_times(&read, 2), 1);
	ck_assert_uint_eq(read.bad_blobs, 0);
	recording_release(&read);
}
END_TEST

START_TEST(a_forked_child_bookmarks_its_own_session)
{
	struct tape *t = recording_open("sync=none");
	struct tape_pos pos = tape_bookmark(t, "parent");
	struct recording read;
	pid_t pid;
	int status;

	ck_assert_uint_eq(pos.seq, 1);
	pid = fork();
	if (pid == 0) {
		struct tape_pos own = tape_bookmark(t, "child");
		bool good = own.seq == 1 && (own.session[0] != pos.session[0] ||
					     own.session[1] != pos.session[1]);

		_exit(tape_close(t) == 0 && good ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(tape_bookmark(t, "parent").seq, 2);
	ck_assert_int_eq(tape_close(t), 0);
	read = recording_read();
	ck_assert_uint_eq(read.damage, 0);
	ck_assert_uint_eq(read.sessions, 2);
	recording_release(&read);
}
END_TEST

/* Two processes would write into one file, and hash half of it each. */
START_TEST(a_stream_does_not_go_on_in_a_forked_child)
{
	struct tape *t = recording_open("sync=none");
	struct tape_stream *stream = tape_stream_open(t);
	struct tape_ref ref;
	pid_t pid;
	int status;

	ck_assert_ptr_nonnull(stream);
	ck_assert_int_eq(tape_stream_write(stream, "begun ", 6), 0);
	pid = fork();
	if (pid == 0) {
		bool refused = tape_stream_write(stream, "child", 5) < 0 &&
			       tape_stream_close(stream, &ref) < 0;

		_exit(refused ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(tape_stream_write(stream, "parent", 6), 0);
	ck_assert_int_eq(tape_stream_close(stream, &ref), 0);
	ck_assert_uint_eq(ref.size, 12);
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("forks");
	TCase *tc = tcase_create("forks");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, a_fork_while_threads_come_and_go_is_no_deadlock);
	tcase_add_test(tc, a_forked_child_bookmarks_its_own_session);
	tcase_add_test(tc, a_forked_child_may_begin_with_a_blob);
	tcase_add_test(tc, a_stream_does_not_go_on_in_a_forked_child);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
