/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: open, commit, discard, threads, fork, exit. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "format/os.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

/* Everything is as `count` scopes 0, 1, 2 ... without damage. */
static void
expect_count(size_t count)
{
	struct recording read = recording_read();

	ck_assert_msg(read.damage == 0, "%s", read.report);
	ck_assert_uint_eq(read.bad_blobs, 0);
	ck_assert_uint_eq(read.count, count);
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(recording_times(&read, (int64_t)i), 1);
	recording_release(&read);
}

static char manifest_text[16384];

/* The text of the only manifest. */
static const char *
manifest(void)
{
	FILE *pipe = popen("cat run.tape/sessions/*/manifest.jsonl", "r");
	size_t len;

	ck_assert_ptr_nonnull(pipe);
	len = fread(manifest_text, 1, sizeof manifest_text - 1, pipe);
	manifest_text[len] = '\0';
	ck_assert_int_eq(pclose(pipe), 0);
	return manifest_text;
}

/* ---- open and close ---- */

START_TEST(a_session_that_is_closed_reads_back)
{
	struct tape *t = recording_open("");

	ck_assert_ptr_nonnull(t);
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(recording_put(t, i), 0);
	ck_assert_int_eq(tape_close(t), 0);
	expect_count(1000);
}
END_TEST

START_TEST(a_closed_recorder_is_a_husk)
{
	struct tape *t = recording_open("");

	recording_put(t, 0);
	ck_assert_int_eq(tape_close(t), 0);
	recording_put(t, 1);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_int_eq(tape_discard(t), 0);
	tape_commit_soon(t);
	tape_note(t, "late", "x");
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_str_eq(tape_error(t), "");
	expect_count(1);
}
END_TEST

START_TEST(no_recorder_is_no_error)
{
	ck_assert_int_eq(tape_commit(NULL), 0);
	ck_assert_int_eq(tape_discard(NULL), 0);
	ck_assert_int_eq(tape_close(NULL), 0);
	tape_commit_soon(NULL);
	tape_note(NULL, "a", "b");
	ck_assert_uint_eq(tape_lost(NULL), 0);
	ck_assert_uint_eq(tape_position(NULL).seq, 0);
}
END_TEST

START_TEST(opening_what_is_no_tape_fails_and_says_why)
{
	FILE *file = fopen("run.tape", "w");

	ck_assert_ptr_nonnull(file);
	fclose(file);
	ck_assert_ptr_null(recording_open(""));
	ck_assert_ptr_nonnull(strstr(tape_error(NULL), "run.tape"));
}
END_TEST

START_TEST(opening_in_a_directory_that_is_read_only_fails)
{
	if (geteuid() == 0) {
		printf("skipped: root may write everywhere\n");
		return;
	}
	ck_assert_int_eq(mkdir("ro", 0555), 0);
	recording_dir = "ro/run.tape";
	ck_assert_ptr_null(recording_open(""));
	ck_assert_str_ne(tape_error(NULL), "");
}
END_TEST

START_TEST(the_main_recorder_comes_from_the_environment_or_the_program)
{
	struct tape *t;

	setenv("TAPE_DIR", "main.tape", 1);
	t = tape_main();
	ck_assert_ptr_nonnull(t);
	ck_assert_ptr_eq(tape_main(), t);
	tape_set_main(NULL);
	ck_assert_ptr_null(tape_main());
	tape_close(t);
}
END_TEST

START_TEST(positions_count_committed_scopes)
{
	struct tape *t = recording_open("commit=manual");

	ck_assert_uint_eq(tape_position(t).seq, 0);
	recording_put(t, 0);
	ck_assert_uint_eq(tape_position(t).seq, 0);
	tape_commit(t);
	ck_assert_uint_eq(tape_position(t).seq, 1);
	recording_put(t, 1);
	recording_put(t, 2);
	tape_commit(t);
	ck_assert_uint_eq(tape_position(t).seq, 3);
	tape_close(t);
}
END_TEST

START_TEST(two_recorders_of_a_process_have_sessions_of_their_own)
{
	struct tape *a = recording_open(""), *b = recording_open("");

	recording_put(a, 0);
	recording_put(b, 1);
	ck_assert_int_eq(tape_close(a), 0);
	ck_assert_int_eq(tape_close(b), 0);

	struct recording read = recording_read();

	ck_assert_uint_eq(read.count, 2);
	ck_assert_uint_eq(read.sessions, 2);
	ck_assert_uint_eq(read.closed, 2);
	recording_release(&read);
}
END_TEST

START_TEST(the_manifest_says_who_recorded)
{
	struct tape *t;

	setenv("SLURM_PROCID", "7", 1);
	setenv("SLURM_JOB_ID", "4711", 1);
	t = recording_open("");
	tape_note(t, "mesh", "fine \"3\"");
	recording_put(t, 0);
	tape_close(t);
	ck_assert_ptr_nonnull(strstr(manifest(), "\"rank\":7"));
	ck_assert_ptr_nonnull(strstr(manifest(), "\"job\":\"4711\""));
	ck_assert_ptr_nonnull(
		strstr(manifest(), "{\"note\":\"mesh\",\"value\":\"fine \\\"3\\\"\""));
	ck_assert_ptr_nonnull(strstr(manifest(), "\"closed\""));
	ck_assert_ptr_nonnull(strstr(manifest(), "\"scopes\":1,\"lost\":0"));
}
END_TEST

START_TEST(names_and_notes_that_are_not_utf8_are_cleaned)
{
	struct tape_options options = { .size = sizeof options, .name = "n\xe9m" };
	struct tape *t = tape_open("utf8.tape", &options);
	const char *value = "";
	struct tape_reader *reader;
	struct tape_info *info;
	struct tape_error err;

	ck_assert_ptr_nonnull(t);
	tape_note(t, "k\xff", "v\xe2\x82 caf\xc3\xa9");
	ck_assert_int_eq(recording_put(t, 0), 0);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_int_eq(tape_reader_open("utf8.tape", NULL, &reader, &err), 0);
	ck_assert_int_eq(tape_info_read(reader, &info, &err), 0);
	ck_assert_str_eq(info->sessions[0].name, "n?m");
	for (size_t i = 0; i < info->note_count; i++)
		if (strcmp(info->notes[i].key, "k?") == 0)
			value = info->notes[i].value;
	ck_assert_str_eq(value, "v?? caf\xc3\xa9");
	tape_info_free(info);
	tape_reader_close(reader);
}
END_TEST

START_TEST(a_wrong_setting_is_said_and_the_others_hold)
{
	struct tape *t;

	ck_assert_int_eq(mkdir("run.tape", 0777), 0);
	ck_assert_int_eq(rmdir("run.tape"), 0);
	t = recording_open("sync=sometimes commit=manual");
	ck_assert_ptr_nonnull(t);
	ck_assert_ptr_nonnull(strstr(tape_error(t), "TAPE_SYNC"));
	ck_assert_int_eq(tape_discard(t), 0);
	tape_close(t);
}
END_TEST

START_TEST(the_tapes_own_settings_hold_unless_others_are_named)
{
	struct tape_options options = { .size = sizeof options, .config = "other.conf" };
	struct tape *t = recording_open("");
	FILE *file;

	tape_close(t);
	file = fopen("run.tape/tape.conf", "w");
	fputs("[tape]\ncommit = manual\n", file);
	fclose(file);
	file = fopen("other.conf", "w");
	fputs("[tape]\ncommit = auto\n", file);
	fclose(file);
	t = recording_open("");
	ck_assert_int_eq(tape_discard(t), 0);
	tape_close(t);
	t = tape_open("run.tape", &options);
	ck_assert_str_eq(tape_error(t), "");
	ck_assert_int_eq(tape_discard(t), -1);
	tape_close(t);
}
END_TEST

/* ---- commit ---- */

START_TEST(nothing_is_on_the_tape_before_a_manual_commit)
{
	struct tape *t = recording_open("commit=manual sync=none");
	const size_t many = 20000 / (size_t)suite_step(4);

	for (size_t i = 0; i < many; i++)
		recording_put(t, (int)i);
	expect_count(0);
	ck_assert_int_eq(tape_commit(t), 0);
	expect_count(many);
	ck_assert_int_eq(tape_close(t), 0);
	expect_count(many);
}
END_TEST

START_TEST(what_is_discarded_leaves_nothing)
{
	struct tape *t = recording_open("commit=manual blobs=at-commit");

	recording_put(t, 0);
	ck_assert_int_eq(tape_commit(t), 0);
	recording_put(t, 7);
	recording_put_blob(t, 8, 1, 5000);
	recording_put_blob(t, 9, 2, 200000);
	ck_assert_int_eq(tape_discard(t), 0);
	recording_put(t, 1);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(recording_files("blobs"), 0);
	expect_count(2);
}
END_TEST

START_TEST(a_discard_without_manual_commit_is_refused)
{
	struct tape *t = recording_open("");

	ck_assert_int_eq(tape_discard(t), -1);
	ck_assert_ptr_nonnull(strstr(tape_error(t), "commit=manual"));
	tape_close(t);
}
END_TEST

START_TEST(the_background_thread_commits_what_is_staged_for_long)
{
	struct tape *t = recording_open("commit_ms=20");

	recording_put(t, 0);
	for (int i = 0; i < 3000 && tape_position(t).seq == 0; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	ck_assert_uint_eq(tape_position(t).seq, 1);
	expect_count(1);
	tape_close(t);
}
END_TEST

static struct tape *soon;

static void
on_signal(int number)
{
	(void)number;
	tape_commit_soon(soon);
}

START_TEST(a_signal_handler_may_ask_for_a_commit)
{
	soon = recording_open("commit=manual");
	signal(SIGUSR1, on_signal);
	recording_put(soon, 0);
	raise(SIGUSR1);
	for (int i = 0; i < 3000 && tape_position(soon).seq == 0; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	ck_assert_uint_eq(tape_position(soon).seq, 1);
	tape_close(soon);
}
END_TEST

START_TEST(repeats_become_links_and_read_the_same)
{
	struct tape *t = recording_open("commit=manual");
	struct recording read;

	for (int i = 0; i < 300; i++) {
		recording_put_blob(t, i % 10, (unsigned)(i % 10), 3000);
		if (i % 25 == 0)
			tape_commit(t);
	}
	ck_assert_int_eq(tape_close(t), 0);
	read = recording_read();
	ck_assert_uint_eq(read.count, 300);
	ck_assert_uint_eq(read.links, 290);
	ck_assert_uint_eq(read.bad_blobs, 0);
	ck_assert_uint_eq(read.damage, 0);
	for (int i = 0; i < 300; i++)
		ck_assert_int_eq(read.numbers[i], i % 10);
	recording_release(&read);
}
END_TEST

/* Of three forms; from the second time on most are repeats. */
static void
put_mixed(struct tape *t, int64_t count)
{
	for (int64_t i = 0; i < count; i++) {
		int64_t number = i % 500;

		if (number % 7 == 0)
			TAPE(t, "row", TAPE_AS("i", number), TAPE_AS("x", 0.5));
		else if (number % 5 == 0)
			TAPE(t, "other", TAPE_AS("i", number), TAPE_AS("s", "text"));
		else
			recording_put(t, number);
		if (i % 400 == 3)
			tape_bookmark(t, "here");
	}
	ck_assert_int_eq(tape_commit(t), 0);
}

static void
check_headers(const char *settings)
{
	struct tape *t = recording_open(settings);
	struct recording read;
	const int many = 50000 / suite_step(3);

	put_mixed(t, 900);
	TAPE(t, "row", TAPE_AS("i", -1), TAPE_AS("y", 1));
	ck_assert_int_eq(tape_commit(t), 0);
	put_mixed(t, many); /* several frames */
	put_mixed(t, 5);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_gt(recording_groups().count, 3);
	read = recording_read();
	ck_assert_msg(read.damage == 0, "%s", read.report);
	ck_assert_uint_ge(read.count, (size_t)many + 906);
	recording_release(&read);
}

START_TEST(frames_say_what_is_in_them)
{
	static const char *const settings[] = { "off", "exact", "subset" };
	char text[64];

	snprintf(text, sizeof text, "sync=none commit=manual dedup=%s", settings[_i]);
	check_headers(text);
}
END_TEST

START_TEST(segments_roll_over_and_read_as_one)
{
	static char text[3000];
	struct tape *t = recording_open("sync=none dedup=off");
	const int count = 50000;

	memset(text, 'x', sizeof text - 1);
	for (int i = 0; i < count; i++) {
		struct tape_build *b = tape_build_begin(t, "row");

		tape_build_i64(b, "i", TAPE_NUL, i);
		tape_build_str(b, "s", TAPE_NUL, text, TAPE_NUL);
		ck_assert_int_eq(tape_build_end(b), 0);
	}
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(recording_files("sessions"),
			  6); /* 143 MiB: three, hints of two, a manifest */

	struct recording read = recording_read();

	ck_assert_uint_eq(read.count, (size_t)count);
	ck_assert_uint_eq(read.damage, 0);
	for (int i = 0; i < count; i++)
		ck_assert_int_eq(read.numbers[i], i);
	recording_release(&read);
}
END_TEST

START_TEST(a_large_manual_commit_is_one_group_of_several_frames)
{
	struct tape *t = recording_open("sync=none commit=manual");
	const int many = 60000 / suite_step(4);

	for (int i = 0; i < many; i++)
		recording_put(t, i);
	for (int i = 0; i < 40; i++)
		recording_put_blob(t, many + i, (unsigned)i, 60000);
	ck_assert_int_eq(tape_commit(t), 0);

	struct recording read = recording_read();

	ck_assert_uint_eq(read.count, (size_t)many + 40);
	ck_assert_uint_eq(read.damage, 0);
	ck_assert_uint_eq(read.bad_blobs, 0);
	recording_release(&read);
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

/* ---- durability ---- */

START_TEST(sync_none_leaves_no_mark)
{
	struct tape *t = recording_open("sync=none");

	recording_put(t, 0);
	tape_commit(t);
	tape_close(t);
	ck_assert_uint_eq(recording_marks(), 0);
}
END_TEST

START_TEST(sync_commit_leaves_marks_and_groups_that_share_no_block)
{
	struct tape *t = recording_open("sync=commit");
	struct os_stat st;
	char path[200], session[TAPE_SESSION_TEXT];
	struct tape_pos pos;

	for (int i = 0; i < 5; i++) {
		recording_put(t, i);
		ck_assert_int_eq(tape_commit(t), 0);
		pos = tape_position(t);
		tape_session_text(pos.session, session);
		snprintf(path, sizeof path, "run.tape/sessions/%s/000000.log", session);
		ck_assert_int_eq(os_stat(OS_CWD, path, &st), 0);
		ck_assert_uint_eq(st.size % 4096, 0);
	}
	tape_close(t);
	ck_assert_uint_ge(recording_marks(), 4);
	expect_count(5);
}
END_TEST

/* Scopes of several sizes, each of a number below `period`. */
static void
put_many(struct tape *t, int64_t count, int64_t period)
{
	char text[64];

	memset(text, 'x', sizeof text);
	for (int64_t i = 0; i < count; i++) {
		struct tape_build *b = tape_build_begin(t, "row");

		tape_build_i64(b, "i", TAPE_NUL, i % period);
		tape_build_str(b, "s", TAPE_NUL, text, (size_t)(i % period * 7 % 64));
		ck_assert_int_eq(tape_build_end(b), 0);
	}
	ck_assert_int_eq(tape_close(t), 0);
}

static void
check_many(int64_t count, int64_t period)
{
	struct recording read = recording_read();

	ck_assert_msg(read.damage == 0, "%s", read.report);
	ck_assert_uint_eq(read.count, (size_t)count);
	/* Two contents that share a place of the seen-set push each other out. */
	ck_assert_uint_le(read.links, (size_t)(count - period));
	ck_assert_uint_ge(read.links, (size_t)(count - period) * 9 / 10);
	for (int64_t i = 0; i < count; i++)
		ck_assert_int_eq(read.numbers[i], i % period);
	recording_release(&read);
}

START_TEST(full_groups_end_where_pieces_of_the_page_cache_do)
{
	struct tape *t = recording_open("sync=none dedup=off");
	struct recording_groups groups;

	put_many(t, 12000, 12000);
	groups = recording_groups();
	/* The first ones hold forms and notes, and the last is not full. */
	ck_assert_uint_ge(groups.count, 8);
	ck_assert_uint_ge(groups.whole, groups.count - 3);
	ck_assert_uint_gt(groups.filled, 0);
	ck_assert_uint_lt(groups.filled, groups.bytes / 32);
	check_many(12000, 12000);
}
END_TEST

START_TEST(groups_that_shrink_are_filled_up_by_little)
{
	struct tape *t = recording_open("sync=none dedup=exact");
	struct recording_groups groups;

	put_many(t, 12000, 977);
	groups = recording_groups();
	ck_assert_uint_lt(groups.filled, groups.bytes / 16);
	check_many(12000, 977);
}
END_TEST

START_TEST(the_interval_sync_leaves_a_mark)
{
	struct tape *t = recording_open("sync=5 commit_ms=10");

	recording_put(t, 0);
	tape_commit(t);
	for (int i = 0; i < 3000 && recording_marks() == 0; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	ck_assert_uint_gt(recording_marks(), 0);
	tape_close(t);
	expect_count(1);
}
END_TEST

/* ---- threads ---- */

#define THREADS 4
#define PER_THREAD 3000

struct worker {
	struct tape *tape;
	int64_t from;
	atomic_int *left;
};

static void *
work(void *user)
{
	struct worker *w = user;

	for (int64_t i = 0; i < PER_THREAD; i++)
		if (i % 100 == 0)
			recording_put_blob(w->tape, w->from + i, (unsigned)i, 6000);
		else
			recording_put(w->tape, w->from + i);
	atomic_fetch_sub(w->left, 1);
	return NULL;
}

START_TEST(a_commit_takes_what_every_thread_has_staged)
{
	struct tape *t = recording_open("sync=20");
	atomic_int left = THREADS;
	struct worker workers[THREADS];
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ t, (int64_t)i * PER_THREAD, &left };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	while (atomic_load(&left))
		ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_uint_eq(tape_position(t).seq, THREADS * PER_THREAD);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(tape_close(t), 0);
	expect_count(THREADS * PER_THREAD);
}
END_TEST

START_TEST(a_close_while_threads_record_is_an_end_and_no_crash)
{
	struct tape *t = recording_open("sync=none");
	atomic_int left = THREADS;
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	struct recording read;

	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ t, (int64_t)i * PER_THREAD, &left };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	while (tape_position(t).seq == 0 && atomic_load(&left))
		;
	ck_assert_int_eq(tape_close(t), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	read = recording_read();
	ck_assert_uint_eq(read.damage, 0);
	ck_assert_uint_eq(read.closed, 1);
	recording_release(&read);
}
END_TEST

/* ---- processes ---- */

static void
wait_for(pid_t pid, int want)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, want);
}

START_TEST(a_forked_child_records_into_a_session_of_its_own)
{
	struct tape *t = recording_open(RECORDING_ASLEEP);
	struct recording read;
	pid_t pid;

	recording_put(t, 0);
	tape_commit(t);
	recording_put(t, 1); /* staged: the parent's, not the child's */
	pid = recording_fork();
	if (pid == 0) {
		recording_put(t, 2);
		recording_put_blob(t, 3, 1, 100000);
		exit(tape_close(t) == 0 ? 0 : 1);
	}
	wait_for(pid, 0);
	recording_put(t, 4);
	ck_assert_int_eq(tape_close(t), 0);
	read = recording_read();
	ck_assert_uint_eq(read.sessions, 2);
	ck_assert_uint_eq(read.closed, 2);
	ck_assert_uint_eq(read.bad_blobs, 0);
	recording_release(&read);
	expect_count(5);
}
END_TEST

START_TEST(a_forked_child_that_records_nothing_leaves_nothing)
{
	struct tape *t = recording_open(RECORDING_ASLEEP);
	struct recording read;
	pid_t pid;

	recording_put(t, 0);
	pid = recording_fork();
	if (pid == 0)
		exit(0);
	wait_for(pid, 0);
	ck_assert_int_eq(tape_close(t), 0);
	read = recording_read();
	ck_assert_uint_eq(read.sessions, 1);
	recording_release(&read);
	expect_count(1);
}
END_TEST

START_TEST(exit_commits_and_closes)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct tape *t = recording_open("commit=manual");

		for (int i = 0; i < 10; i++)
			recording_put(t, i);
		exit(0);
	}
	wait_for(pid, 0);

	struct recording read = recording_read();

	ck_assert_uint_eq(read.closed, 1);
	recording_release(&read);
	expect_count(10);
}
END_TEST

/* ---- all ---- */

static void
add_lives(Suite *suite)
{
	TCase *tc = tcase_create("life");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, a_session_that_is_closed_reads_back);
	tcase_add_test(tc, a_closed_recorder_is_a_husk);
	tcase_add_test(tc, no_recorder_is_no_error);
	tcase_add_test(tc, opening_what_is_no_tape_fails_and_says_why);
	tcase_add_test(tc, opening_in_a_directory_that_is_read_only_fails);
	tcase_add_test(tc, the_main_recorder_comes_from_the_environment_or_the_program);
	tcase_add_test(tc, positions_count_committed_scopes);
	tcase_add_test(tc, two_recorders_of_a_process_have_sessions_of_their_own);
	tcase_add_test(tc, the_manifest_says_who_recorded);
	tcase_add_test(tc, names_and_notes_that_are_not_utf8_are_cleaned);
	tcase_add_test(tc, a_wrong_setting_is_said_and_the_others_hold);
	tcase_add_test(tc, the_tapes_own_settings_hold_unless_others_are_named);
	tcase_add_test(tc, a_forked_child_records_into_a_session_of_its_own);
	tcase_add_test(tc, a_forked_child_that_records_nothing_leaves_nothing);
	tcase_add_test(tc, exit_commits_and_closes);
	suite_add_tcase(suite, tc);
}

static void
add_commits(Suite *suite)
{
	TCase *tc = tcase_create("commit");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, nothing_is_on_the_tape_before_a_manual_commit);
	tcase_add_test(tc, what_is_discarded_leaves_nothing);
	tcase_add_test(tc, a_discard_without_manual_commit_is_refused);
	tcase_add_test(tc, the_background_thread_commits_what_is_staged_for_long);
	tcase_add_test(tc, a_signal_handler_may_ask_for_a_commit);
	tcase_add_test(tc, repeats_become_links_and_read_the_same);
	tcase_add_loop_test(tc, frames_say_what_is_in_them, 0, 3);
	tcase_add_test(tc, segments_roll_over_and_read_as_one);
	tcase_add_test(tc, a_large_manual_commit_is_one_group_of_several_frames);
	tcase_add_test(tc, sync_none_leaves_no_mark);
	tcase_add_test(tc, sync_commit_leaves_marks_and_groups_that_share_no_block);
	tcase_add_test(tc, full_groups_end_where_pieces_of_the_page_cache_do);
	tcase_add_test(tc, groups_that_shrink_are_filled_up_by_little);
	tcase_add_test(tc, the_interval_sync_leaves_a_mark);
	suite_add_tcase(suite, tc);
}

static void
add_threads(Suite *suite)
{
	TCase *tc = tcase_create("threads");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, a_commit_takes_what_every_thread_has_staged);
	tcase_add_test(tc, a_close_while_threads_record_is_an_end_and_no_crash);
	suite_add_tcase(suite, tc);
}

int
main(void)
{
	Suite *suite = suite_create("session");

	add_lives(suite);
	add_commits(suite);
	add_threads(suite);
	return suite_run(suite);
}
