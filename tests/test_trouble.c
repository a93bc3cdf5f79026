/* SPDX-License-Identifier: Apache-2.0 */
/* Kills, full disks, limits, files that somebody removes. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
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

static void
wait_for(pid_t pid, int want)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, want);
}

/* ---- kills ---- */

/* A child that acknowledges commits through a pipe until it is killed. */
static void
record_until_killed(int to, const char *settings)
{
	struct tape *t = recording_open(settings);

	for (int64_t i = 0;; i++) {
		if (i % 10 == 0)
			recording_put_blob(t, i, (unsigned)i, i % 20 ? 7000 : 70000);
		else
			recording_put(t, i);
		if (i % 7 == 0 && tape_commit(t) == 0 &&
		    write(to, &i, sizeof i) != sizeof i)
			_exit(1);
	}
}

/* `begun`: not before something was acknowledged, however slow this machine is. */
static int64_t
kill_after(unsigned delay_us, const char *settings, bool begun)
{
	int64_t acked = -1, next;
	int ends[2];
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		record_until_killed(ends[1], settings);
	}
	close(ends[1]);
	if (begun && read(ends[0], &next, sizeof next) == sizeof next)
		acked = next;
	nanosleep(&(struct timespec){ .tv_nsec = (long)delay_us * 1000 }, NULL);
	kill(pid, SIGKILL);
	while (read(ends[0], &next, sizeof next) == sizeof next)
		acked = next;
	close(ends[0]);
	wait_for(pid, SIGKILL);
	return acked;
}

static void
killed_runs(const char *settings)
{
	unsigned seed = suite_seed();
	int begun = 0;

	srand(seed);
	for (int run = 0; run < 15; run++) {
		unsigned delay = 500 + (unsigned)rand() % 20000;
		char name[32];
		struct recording read;
		int64_t acked;

		snprintf(name, sizeof name, "%d.tape", run);
		recording_dir = name;
		acked = kill_after(delay, settings, run % 3 != 0);
		if (acked < 0)
			continue; /* it had not begun */
		begun++;
		read = recording_read();
		ck_assert_msg(read.damage == 0, "seed %u, run %d: %s", seed, run,
			      read.report);
		ck_assert_uint_eq(read.bad_blobs, 0);
		ck_assert_msg((int64_t)read.count > acked,
			      "seed %u, run %d: %lld acknowledged, %zu there", seed, run,
			      (long long)acked, read.count);
		for (size_t i = 0; i < read.count; i++)
			ck_assert_int_eq(read.numbers[i], (int64_t)i);
		recording_release(&read);
	}
	ck_assert_int_gt(begun, 0);
}

START_TEST(a_kill_takes_no_committed_scope)
{
	killed_runs("sync=none");
}
END_TEST

START_TEST(a_kill_takes_no_committed_scope_while_syncing)
{
	killed_runs("sync=2 blob_store=log");
}
END_TEST

/* ---- full ---- */

START_TEST(a_file_size_limit_does_not_stop_a_recording)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct rlimit limit = { 40000, RLIM_INFINITY };
		struct tape *t = recording_open("sync=none dedup=off");

		setrlimit(RLIMIT_FSIZE, &limit);
		for (int i = 0; i < 8000; i++) {
			recording_put(t, i);
			if (i % 100 == 0)
				tape_commit(t);
		}
		exit(tape_close(t) == 0 && tape_lost(t) == 0 ? 0 : 1);
	}
	wait_for(pid, 0);
	ck_assert_uint_gt(recording_files("sessions"), 4);
	expect_count(8000);
}
END_TEST

START_TEST(a_segment_that_is_removed_is_said_and_recording_goes_on)
{
	struct tape *t = recording_open("sync=100000 commit=manual");
	struct recording read;

	for (int i = 0; i < 5; i++) {
		recording_put(t, i);
		ck_assert_int_eq(tape_commit(t), 0);
	}
	ck_assert_int_eq(system("rm run.tape/sessions/*/000000.log"), 0);
	recording_put(t, 5);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_ptr_nonnull(strstr(tape_error(t), "removed"));
	tape_close(t);
	read = recording_read();
	/* None was synced: all were still in memory. */
	for (int i = 0; i < 6; i++)
		ck_assert_uint_eq(recording_times(&read, i), 1);
	recording_release(&read);
}
END_TEST

static int
no_blob_directory(void *user, enum os_call call, const char *path, size_t *limit)
{
	(void)user;
	(void)limit;
	/* blobs/XX itself is opened for its fsync only. */
	return call == OS_OPEN && path && strncmp(path, "blobs/", 6) == 0 &&
			       strlen(path) == strlen("blobs/00")
		       ? EIO
		       : 0;
}

START_TEST(a_blob_whose_name_is_not_safe_is_not_under_a_mark)
{
	struct tape *t = recording_open("sync=commit commit=manual");

	os_fault_set(no_blob_directory, NULL);
	recording_put_blob(t, 0, 1, 200000);
	ck_assert_int_eq(tape_commit(t), -1);
	ck_assert_int_eq(tape_commit(t), -1);
	ck_assert_uint_eq(recording_marks(), 0);
	os_fault_set(NULL, NULL);
	/* It was kept in mind: now it is done. */
	recording_put(t, 1);
	ck_assert_int_eq(tape_commit(t), 0);
	recording_put(t, 2);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_uint_gt(recording_marks(), 0);
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

/* Fills what is left of the disk, or frees it. */
static void
fill_disk(bool full)
{
	static char block[4096];
	FILE *file;

	if (!full) {
		unlink("small/ballast");
		return;
	}
	file = fopen("small/ballast", "a");
	ck_assert_ptr_nonnull(file);
	setvbuf(file, NULL, _IONBF, 0);
	while (fwrite(block, 1, sizeof block, file) == sizeof block)
		;
	while (fwrite(block, 1, 1, file) == 1)
		;
	fclose(file);
}

START_TEST(a_full_disk_costs_what_could_not_be_written_and_no_more)
{
	struct tape *t;
	bool acked[3000] = { false };
	struct recording read;
	int refused = 0;

	ck_assert_int_eq(mkdir("small", 0777), 0);
	if (mount("none", "small", "tmpfs", 0, "size=1m") != 0) {
		printf("skipped: cannot mount a small tmpfs here (%s)\n",
		       strerror(errno));
		return;
	}
	recording_dir = "small/run.tape";
	t = recording_open("sync=none commit=manual");
	ck_assert_ptr_nonnull(t);
	for (int i = 0; i < 3000; i++) {
		if (i == 1000)
			fill_disk(true);
		if (i == 2000)
			fill_disk(false);
		recording_put_blob(t, i, (unsigned)i % 20, i % 50 ? 500 : 20000);
		acked[i] = tape_commit(t) == 0;
		refused += !acked[i];
	}
	ck_assert_int_gt(refused, 0);
	ck_assert(acked[999] && acked[2000] && acked[2999]);
	ck_assert_int_eq(tape_close(t), -1);
	ck_assert_uint_eq(tape_lost(t), (uint64_t)refused);
	read = recording_read();
	ck_assert_msg(read.damage == 0, "%s", read.report);
	ck_assert_uint_eq(read.bad_blobs, 0);
	for (int i = 0; i < 3000; i++)
		ck_assert_uint_eq(recording_times(&read, i), acked[i]);
	recording_release(&read);
	ck_assert_int_eq(umount2("small", MNT_DETACH), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("trouble");
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, a_kill_takes_no_committed_scope);
	tcase_add_test(tc, a_kill_takes_no_committed_scope_while_syncing);
	tcase_add_test(tc, a_file_size_limit_does_not_stop_a_recording);
	tcase_add_test(tc, a_segment_that_is_removed_is_said_and_recording_goes_on);
	tcase_add_test(tc, a_blob_whose_name_is_not_safe_is_not_under_a_mark);
	tcase_add_test(tc, a_full_disk_costs_what_could_not_be_written_and_no_more);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
