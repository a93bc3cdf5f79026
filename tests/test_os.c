/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "format/os.h"
#include "tests/support/suite.h"
#include "tests/support/tmpdir.h"

static int root = -1;
static const char *root_path;

static void
setup(void)
{
	root_path = tmpdir_make();
	ck_assert_int_eq(os_open_dir(OS_CWD, root_path, false, &root), 0);
}

static void
teardown(void)
{
	os_fault_set(NULL, NULL);
	os_close(&root);
	tmpdir_remove();
}

static void
make_file(const char *name, const char *text)
{
	int fd = -1;

	ck_assert_int_eq(os_create(root, name, &fd), 0);
	ck_assert_int_eq(os_write_all(fd, text, strlen(text), NULL), 0);
	os_close(&fd);
}

static int
try_read(const char *name)
{
	int fd = -1;
	int r = os_open_read(root, name, &fd);

	if (r < 0)
		ck_assert_int_eq(fd, -1);
	os_close(&fd);
	return r;
}

START_TEST(what_is_written_is_read_back)
{
	char buf[16] = "";
	int fd = -1;

	make_file("f", "hello world");
	ck_assert_int_eq(os_open_read(root, "f", &fd), 0);
	ck_assert_int_eq(os_pread(fd, buf, 5, 6), 5);
	ck_assert_str_eq(buf, "world");
	ck_assert_int_eq(os_pread(fd, buf, 10, 6), 5);
	ck_assert_int_eq(os_pread(fd, buf, 10, 11), 0);
	ck_assert_int_eq(os_pread(fd, buf, 10, UINT64_MAX), -EOVERFLOW);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	os_close(&fd);
	ck_assert_int_eq(fd, -1);
	os_close(&fd);
}
END_TEST

START_TEST(a_link_is_never_opened)
{
	make_file("f", "x");
	ck_assert_int_eq(symlinkat("f", root, "link"), 0);
	ck_assert_int_eq(try_read("link"), -ELOOP);
}
END_TEST

START_TEST(a_link_on_the_way_is_never_followed)
{
	struct os_stat st;
	int fd = -1;

	ck_assert_int_eq(os_mkdir(root, "d"), 0);
	make_file("d/f", "x");
	ck_assert_int_eq(symlinkat("d", root, "link"), 0);
	ck_assert_int_eq(try_read("d/f"), 0);
	ck_assert_int_eq(try_read("link/f"), -ELOOP);
	ck_assert_int_eq(os_create(root, "link/g", &fd), -ELOOP);
	ck_assert_int_lt(os_mkdir(root, "link/e"), 0);
	ck_assert_int_lt(os_unlink(root, "link/f"), 0);
	ck_assert_int_lt(os_rename(root, "d/f", root, "link/g"), 0);
	ck_assert_int_lt(os_link(root, "d/f", root, "link/g"), 0);
	ck_assert_int_lt(os_stat(root, "link/f", &st), 0);
	ck_assert_int_eq(try_read("d/f"), 0);
	ck_assert_int_eq(try_read("d/g"), -ENOENT);
}
END_TEST

START_TEST(a_path_never_leads_out_of_the_directory)
{
	ck_assert_int_eq(os_mkdir(root, "d"), 0);
	ck_assert_int_eq(try_read("../etc/passwd"), -EXDEV);
	ck_assert_int_eq(try_read("/etc/passwd"), -EXDEV);
	ck_assert_int_eq(try_read("d/../../x"), -EXDEV);
}
END_TEST

START_TEST(a_fifo_neither_blocks_nor_opens)
{
	int fd = -1;

	ck_assert_int_eq(mkfifoat(root, "fifo", 0600), 0);
	ck_assert_int_eq(try_read("fifo"), -EINVAL);
	ck_assert_int_eq(os_create(root, "fifo", &fd), -EEXIST);
	ck_assert_int_eq(os_open_append(root, "fifo", &fd), -ENXIO);
}
END_TEST

START_TEST(directories_and_sockets_are_not_files)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(os_mkdir(root, "d"), 0);
	ck_assert_int_eq(try_read("d"), -EINVAL);
	snprintf(address.sun_path, sizeof address.sun_path, "%.90s/s", root_path);
	ck_assert_int_eq(bind(s, (struct sockaddr *)&address, sizeof address), 0);
	ck_assert_int_eq(try_read("s"), -EINVAL);
	close(s);
}
END_TEST

START_TEST(create_never_takes_an_existing_file)
{
	int fd = -1;

	make_file("f", "x");
	ck_assert_int_eq(os_create(root, "f", &fd), -EEXIST);
	ck_assert_int_eq(symlinkat("nowhere", root, "dangling"), 0);
	ck_assert_int_eq(os_create(root, "dangling", &fd), -EEXIST);
	ck_assert_int_eq(fd, -1);
}
END_TEST

START_TEST(append_adds_to_what_is_there)
{
	char buf[8] = "";
	int fd = -1;

	make_file("f", "ab");
	ck_assert_int_eq(os_open_append(root, "f", &fd), 0);
	ck_assert_int_eq(os_write_all(fd, "cd", 2, NULL), 0);
	os_close(&fd);
	ck_assert_int_eq(os_open_read(root, "f", &fd), 0);
	ck_assert_int_eq(os_pread(fd, buf, 8, 0), 4);
	ck_assert_str_eq(buf, "abcd");
	os_close(&fd);
}
END_TEST

START_TEST(rename_link_and_unlink_work_across_directories)
{
	ck_assert_int_eq(os_mkdir(root, "a"), 0);
	ck_assert_int_eq(os_mkdir(root, "a/b"), 0);
	ck_assert_int_eq(os_mkdir(root, "a"), -EEXIST);
	make_file("f", "x");
	ck_assert_int_eq(os_rename(root, "f", root, "a/b/g"), 0);
	ck_assert_int_eq(os_link(root, "a/b/g", root, "h"), 0);
	ck_assert_int_eq(os_link(root, "a/b/g", root, "h"), -EEXIST);
	ck_assert_int_eq(os_unlink(root, "a/b/g"), 0);
	ck_assert_int_eq(os_unlink(root, "a/b/g"), -ENOENT);
	ck_assert_int_eq(os_rmdir(root, "a"), -ENOTEMPTY);
	ck_assert_int_eq(os_rmdir(root, "a/b"), 0);
	ck_assert_int_eq(os_rmdir(root, "a"), 0);
	ck_assert_int_eq(try_read("h"), 0);
}
END_TEST

START_TEST(stat_tells_what_a_thing_is_without_following_links)
{
	struct os_stat st;
	int fd = -1;

	make_file("f", "12345");
	ck_assert_int_eq(symlinkat("f", root, "link"), 0);
	ck_assert_int_eq(os_stat(root, "f", &st), 0);
	ck_assert(st.regular && !st.directory);
	ck_assert_uint_eq(st.size, 5);
	ck_assert_uint_eq(st.links, 1);
	ck_assert_int_eq(os_stat(root, "link", &st), 0);
	ck_assert(!st.regular && !st.directory);
	ck_assert_int_eq(os_stat(root, ".", &st), 0);
	ck_assert(st.directory);
	ck_assert_int_eq(os_stat(root, "none", &st), -ENOENT);
	ck_assert_int_eq(os_open_read(root, "f", &fd), 0);
	ck_assert_int_eq(os_unlink(root, "f"), 0);
	ck_assert_int_eq(os_fstat(fd, &st), 0);
	ck_assert_uint_eq(st.links, 0);
	os_close(&fd);
}
END_TEST

START_TEST(truncate_sync_and_touch_change_the_file)
{
	struct os_stat before, after;
	int fd = -1;

	ck_assert_int_eq(os_create(root, "f", &fd), 0);
	ck_assert_int_eq(os_write_all(fd, "12345", 5, NULL), 0);
	ck_assert_int_eq(os_truncate(fd, 2), 0);
	ck_assert_int_eq(os_fsync(fd), 0);
	ck_assert_int_eq(os_fdatasync(fd), 0);
	ck_assert_int_eq(os_fsync_dir(root, "."), 0);
	ck_assert_int_eq(futimens(fd, (const struct timespec[2]){ { 1, 0 }, { 1, 0 } }),
			 0);
	ck_assert_int_eq(os_fstat(fd, &before), 0);
	ck_assert_uint_eq(before.size, 2);
	ck_assert_int_eq(before.mtime_ns, 1000000000);
	ck_assert_int_eq(os_touch(fd), 0);
	ck_assert_int_eq(os_fstat(fd, &after), 0);
	ck_assert_int_gt(after.mtime_ns, before.mtime_ns);
	os_close(&fd);
}
END_TEST

static int
count_name(void *user, const char *name)
{
	int *count = user;

	ck_assert(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
	return ++*count == 3 ? 99 : 0;
}

START_TEST(listing_gives_each_name_and_stops_when_told)
{
	int count = 0;

	make_file("a", "");
	make_file("b", "");
	ck_assert_int_eq(os_list(root, ".", count_name, &count), 0);
	ck_assert_int_eq(count, 2);
	make_file("c", "");
	make_file("d", "");
	count = 0;
	ck_assert_int_eq(os_list(root, ".", count_name, &count), 99);
	ck_assert_int_eq(os_list(root, "none", count_name, &count), -ENOENT);
}
END_TEST

START_TEST(writing_to_a_closed_pipe_is_an_error_and_no_signal)
{
	int ends[2];

	/* The default action would kill this process. */
	signal(SIGPIPE, SIG_DFL);
	ck_assert_int_eq(pipe(ends), 0);
	close(ends[0]);
	ck_assert_int_eq(os_write_all(ends[1], "x", 1, NULL), -EPIPE);
	close(ends[1]);
}
END_TEST

START_TEST(writing_over_the_size_limit_is_an_error_and_no_signal)
{
	const struct rlimit limit = { 10, RLIM_INFINITY };
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	size_t done = 0;
	int fd = -1;

	signal(SIGXFSZ, SIG_DFL);
	ck_assert_int_eq(os_create(root, "f", &fd), 0);

	/* No check in between: the test runner writes them to a file of its own. */
	int limited = setrlimit(RLIMIT_FSIZE, &limit);
	int r = os_write_all(fd, "0123456789abcdef", 16, &done);
	int unlimited = setrlimit(RLIMIT_FSIZE, &none);

	ck_assert_int_eq(limited, 0);
	ck_assert_int_eq(unlimited, 0);
	ck_assert_int_eq(r, -EFBIG);
	ck_assert_uint_eq(done, 10);
	os_close(&fd);
}
END_TEST

START_TEST(a_signal_that_the_host_keeps_waiting_stays_waiting)
{
	sigset_t block, pending;
	int ends[2];

	sigemptyset(&block);
	sigaddset(&block, SIGPIPE);
	sigprocmask(SIG_BLOCK, &block, NULL);
	raise(SIGPIPE);
	ck_assert_int_eq(pipe(ends), 0);
	close(ends[0]);
	ck_assert_int_eq(os_write_all(ends[1], "x", 1, NULL), -EPIPE);
	sigpending(&pending);
	ck_assert(sigismember(&pending, SIGPIPE));
	close(ends[1]);
}
END_TEST

START_TEST(the_signal_mask_of_the_host_is_as_before_after_a_write)
{
	sigset_t after;

	make_file("f", "x");
	sigprocmask(SIG_BLOCK, NULL, &after);
	ck_assert(!sigismember(&after, SIGPIPE));
	ck_assert(!sigismember(&after, SIGXFSZ));
}
END_TEST

/* ---- the fault hook ---- */

struct fault {
	enum os_call call;
	int error;
	long countdown; /* fails the one that makes it 0 */
	size_t limit;	/* of each write; 0 = none */
	char path[64];
	long calls[OS_CALLS];
};

static int
inject(void *user, enum os_call call, const char *path, size_t *limit)
{
	struct fault *fault = user;

	fault->calls[call]++;
	if (call == OS_WRITE && fault->limit && *limit > fault->limit)
		*limit = fault->limit;
	if (call != fault->call || --fault->countdown != 0)
		return 0;
	snprintf(fault->path, sizeof fault->path, "%s", path ? path : "(none)");
	return fault->error;
}

START_TEST(short_writes_are_continued)
{
	struct fault fault = { .call = OS_CALLS, .limit = 3 };
	char buf[16] = "";
	size_t done = 0;
	int fd = -1;

	os_fault_set(inject, &fault);
	ck_assert_int_eq(os_create(root, "f", &fd), 0);
	ck_assert_int_eq(os_write_all(fd, "0123456789", 10, &done), 0);
	ck_assert_uint_eq(done, 10);
	ck_assert_int_eq(fault.calls[OS_WRITE], 4);
	os_close(&fd);
	ck_assert_int_eq(os_open_read(root, "f", &fd), 0);
	ck_assert_int_eq(os_pread(fd, buf, 16, 0), 10);
	ck_assert_str_eq(buf, "0123456789");
	os_close(&fd);
}
END_TEST

START_TEST(a_failed_write_says_how_much_was_taken)
{
	struct fault fault = {
		.call = OS_WRITE, .error = ENOSPC, .countdown = 3, .limit = 4
	};
	size_t done = 0;
	int fd = -1;

	os_fault_set(inject, &fault);
	ck_assert_int_eq(os_create(root, "f", &fd), 0);
	ck_assert_int_eq(os_write_all(fd, "0123456789", 10, &done), -ENOSPC);
	ck_assert_uint_eq(done, 8);
	os_close(&fd);
}
END_TEST

static int
do_nothing_with(void *user, const char *name)
{
	(void)user, (void)name;
	return 0;
}

/* Makes one call of the kind; its result. */
static int64_t
make_call(enum os_call call, int fd)
{
	struct os_stat st;
	char buf[4];
	int other = -1;

	switch (call) {
	case OS_OPEN:
		return os_open_read(root, "f", &other);
	case OS_READ:
		return os_pread(fd, buf, 1, 0);
	case OS_WRITE:
		return os_write_all(fd, "x", 1, NULL);
	case OS_FSYNC:
		return os_fsync(fd);
	case OS_MKDIR:
		return os_mkdir(root, "d");
	case OS_RENAME:
		return os_rename(root, "f", root, "g");
	case OS_LINK:
		return os_link(root, "f", root, "g");
	case OS_UNLINK:
		return os_unlink(root, "f");
	case OS_STAT:
		return os_stat(root, "f", &st);
	case OS_READDIR:
		return os_list(root, ".", do_nothing_with, NULL);
	case OS_TRUNCATE:
		return os_truncate(fd, 0);
	case OS_RANDOM:
		return os_random(buf, sizeof buf);
	case OS_UTIME:
		return os_touch(fd);
	case OS_CALLS:
		break;
	}
	return 0;
}

START_TEST(a_test_can_fail_every_kind_of_call_and_nothing_is_done)
{
	struct fault fault = { .call = (enum os_call)_i, .error = EIO, .countdown = 1 };
	struct os_stat st;
	int fd = -1;

	make_file("f", "x");
	ck_assert_int_eq(os_open_append(root, "f", &fd), 0);
	os_fault_set(inject, &fault);
	ck_assert_int_eq(make_call(fault.call, fd), -EIO);
	os_fault_set(NULL, NULL);
	ck_assert_int_eq(os_stat(root, "f", &st), 0);
	ck_assert_uint_eq(st.size, 1);
	ck_assert_int_eq(os_stat(root, "d", &st), -ENOENT);
	ck_assert_int_eq(os_stat(root, "g", &st), -ENOENT);
	os_close(&fd);
}
END_TEST

START_TEST(the_hook_is_told_the_path)
{
	struct fault fault = { .call = OS_MKDIR, .error = EROFS, .countdown = 1 };

	os_fault_set(inject, &fault);
	ck_assert_int_eq(os_mkdir(root, "sub"), -EROFS);
	ck_assert_str_eq(fault.path, "sub");
}
END_TEST

/* ---- processes ---- */

START_TEST(a_live_process_has_a_start_time_that_stays)
{
	uint64_t first = 0, second = 0;

	ck_assert_int_eq(os_pid_start(os_getpid(), &first), 0);
	ck_assert_int_eq(os_pid_start(os_getpid(), &second), 0);
	ck_assert_uint_gt(first, 0);
	ck_assert_uint_eq(first, second);
}
END_TEST

START_TEST(a_dead_process_is_gone_waited_for_or_not)
{
	uint64_t ticks = 77;
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(os_pid_start((uint32_t)pid, &ticks), -ESRCH);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(os_pid_start((uint32_t)pid, &ticks), -ESRCH);
	ck_assert_uint_eq(ticks, 77);
}
END_TEST

START_TEST(facts_about_this_machine_and_process_are_found)
{
	char boot[37], host[256], cwd[4096], argv[256];
	int64_t n = os_argv(argv, sizeof argv);

	ck_assert_int_eq(os_boot_id(boot), 0);
	ck_assert_uint_eq(strlen(boot), 36);
	ck_assert_int_eq(os_hostname(host, sizeof host), 0);
	ck_assert_uint_gt(strlen(host), 0);
	ck_assert_int_eq(os_cwd(cwd, sizeof cwd), 0);
	ck_assert_int_eq(cwd[0], '/');
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(argv[n - 1], '\0');
	ck_assert_ptr_nonnull(strstr(argv, "test_os"));
}
END_TEST

START_TEST(a_program_runs_and_its_output_is_kept)
{
	const char *const echo[] = { "echo", "a b", NULL };
	const char *const pwd[] = { "pwd", NULL };
	const char *const seven[] = { "sh", "-c", "exit 7", NULL };
	char out[4096];

	ck_assert_int_eq(os_run(echo, NULL, out, sizeof out, 10000), 0);
	ck_assert_str_eq(out, "a b\n");
	ck_assert_int_eq(os_run(echo, NULL, out, 3, 10000), 0);
	ck_assert_str_eq(out, "a ");
	ck_assert_int_eq(os_run(pwd, "/", out, sizeof out, 10000), 0);
	ck_assert_str_eq(out, "/\n");
	ck_assert_int_eq(os_run(seven, NULL, out, sizeof out, 10000), 7);
}
END_TEST

START_TEST(a_program_that_is_not_there_is_an_error)
{
	const char *const none[] = { "tape-no-such-program", NULL };
	char out[8];

	ck_assert_int_eq(os_run(none, NULL, out, sizeof out, 10000), -ENOENT);
}
END_TEST

START_TEST(a_program_that_takes_too_long_is_ended)
{
	const char *const open_pipe[] = { "sleep", "1000", NULL };
	const char *const closed_pipe[] = { "sh", "-c", "exec >&-; sleep 1000", NULL };
	char out[8];

	ck_assert_int_eq(os_run(open_pipe, NULL, out, sizeof out, 20), -ETIMEDOUT);
	ck_assert_int_eq(os_run(closed_pipe, NULL, out, sizeof out, 20), -ETIMEDOUT);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

START_TEST(random_bytes_differ)
{
	uint8_t a[16], b[16];

	ck_assert_int_eq(os_random(a, sizeof a), 0);
	ck_assert_int_eq(os_random(b, sizeof b), 0);
	ck_assert_mem_ne(a, b, sizeof a);
}
END_TEST

START_TEST(errors_are_named_in_english)
{
	char text[64];

	ck_assert_str_eq(os_strerror(-ENOSPC, text, sizeof text),
			 "No space left on device");
	ck_assert_str_eq(os_strerror(-4242, text, sizeof text), "errno 4242");
}
END_TEST

/* What a program prints with its output closed must not end up in a file of ours. */
START_TEST(a_file_never_gets_the_number_of_a_standard_stream)
{
	int fd = -1, dir = -1, kept = dup(0);

	ck_assert_int_ge(kept, 0);
	close(0);
	int r = os_create(root, "apart", &fd);
	int d = os_open_dir(root, ".", false, &dir);

	ck_assert_int_eq(dup2(kept, 0), 0);
	close(kept);
	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(d, 0);
	ck_assert_int_gt(fd, 2);
	ck_assert_int_gt(dir, 2);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	os_close(&fd);
	os_close(&dir);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("os");
	TCase *files = tcase_create("files"), *faults = tcase_create("faults");
	TCase *processes = tcase_create("processes");

	tcase_add_checked_fixture(files, setup, teardown);
	tcase_add_checked_fixture(faults, setup, teardown);
	tcase_set_timeout(processes, 60);
	tcase_add_test(files, what_is_written_is_read_back);
	tcase_add_test(files, a_file_never_gets_the_number_of_a_standard_stream);
	tcase_add_test(files, a_link_is_never_opened);
	tcase_add_test(files, a_link_on_the_way_is_never_followed);
	tcase_add_test(files, a_path_never_leads_out_of_the_directory);
	tcase_add_test(files, a_fifo_neither_blocks_nor_opens);
	tcase_add_test(files, directories_and_sockets_are_not_files);
	tcase_add_test(files, create_never_takes_an_existing_file);
	tcase_add_test(files, append_adds_to_what_is_there);
	tcase_add_test(files, rename_link_and_unlink_work_across_directories);
	tcase_add_test(files, stat_tells_what_a_thing_is_without_following_links);
	tcase_add_test(files, truncate_sync_and_touch_change_the_file);
	tcase_add_test(files, listing_gives_each_name_and_stops_when_told);
	tcase_add_test(files, writing_to_a_closed_pipe_is_an_error_and_no_signal);
	tcase_add_test(files, writing_over_the_size_limit_is_an_error_and_no_signal);
	tcase_add_test(files, a_signal_that_the_host_keeps_waiting_stays_waiting);
	tcase_add_test(files, the_signal_mask_of_the_host_is_as_before_after_a_write);
	tcase_add_test(faults, short_writes_are_continued);
	tcase_add_test(faults, a_failed_write_says_how_much_was_taken);
	tcase_add_loop_test(faults,
			    a_test_can_fail_every_kind_of_call_and_nothing_is_done, 0,
			    OS_CALLS);
	tcase_add_test(faults, the_hook_is_told_the_path);
	tcase_add_test(processes, a_live_process_has_a_start_time_that_stays);
	tcase_add_test(processes, a_dead_process_is_gone_waited_for_or_not);
	tcase_add_test(processes, facts_about_this_machine_and_process_are_found);
	tcase_add_test(processes, a_program_runs_and_its_output_is_kept);
	tcase_add_test(processes, a_program_that_is_not_there_is_an_error);
	tcase_add_test(processes, a_program_that_takes_too_long_is_ended);
	tcase_add_test(processes, random_bytes_differ);
	tcase_add_test(processes, errors_are_named_in_english);
	suite_add_tcase(suite, files);
	suite_add_tcase(suite, faults);
	suite_add_tcase(suite, processes);
	return suite_run(suite);
}
