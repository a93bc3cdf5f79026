/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks, randomness, processes. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "format/os.h"
#include "format/os_fault.h"

static int64_t
clock_ns(clockid_t clock)
{
	struct timespec now = { 0, 0 };

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t
os_realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int64_t
os_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int
os_random(void *buf, size_t len)
{
	size_t got = 0;
	int r = os_fault(OS_RANDOM, NULL);

	if (r < 0)
		return r;
	while (got < len) {
		ssize_t n = getrandom((char *)buf + got, len - got, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		got += (size_t)n;
	}
	return 0;
}

uint32_t
os_getpid(void)
{
	return (uint32_t)getpid();
}

int64_t
os_read_memory(uintptr_t at, void *buf, size_t len)
{
	struct iovec to = { buf, len }, from = { (void *)at, len };
	ssize_t n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);

	return n < 0 ? -errno : n;
}

uint32_t
os_getuid(void)
{
	return (uint32_t)getuid();
}

uint32_t
os_geteuid(void)
{
	return (uint32_t)geteuid();
}

/* A whole small file of /proc; NUL-terminated. The length, or a negative errno. */
static int64_t
slurp(const char *path, char *buf, size_t cap)
{
	size_t len = 0;
	int fd = -1;
	int r = os_open_user(path, &fd);

	if (r < 0)
		return r;
	while (len < cap - 1) {
		int64_t n = os_read(fd, buf + len, cap - 1 - len);

		if (n < 0) {
			os_close(&fd);
			return n;
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	os_close(&fd);
	buf[len] = '\0';
	return (int64_t)len;
}

/* The field behind the blank at *at; moves *at to the next blank. */
static bool
stat_number(const char **at, uint64_t *out)
{
	char *end;

	if (**at != ' ')
		return false;
	errno = 0;
	*out = strtoull(*at + 1, &end, 10);
	if (end == *at + 1 || errno != 0)
		return false;
	*at = end;
	return true;
}

int
os_pid_start(uint32_t pid, uint64_t *ticks)
{
	char path[40], text[1024];
	uint64_t number, threads = 0;

	snprintf(path, sizeof path, "/proc/%u/stat", pid);

	int64_t n = slurp(path, text, sizeof text);

	/* /proc may hide what belongs to others: gone is only what kill(2) does not know either. */
	if (n == -ENOENT || n == -ESRCH)
		return kill((pid_t)pid, 0) < 0 && errno == ESRCH ? -ESRCH : -EPERM;
	if (n < 0)
		return (int)n;

	/* The name of the program may hold blanks and parentheses. */
	const char *at = strrchr(text, ')');

	if (!at || at[1] != ' ' || at[2] == '\0')
		return -EINVAL;

	char state = at[2];

	at += 3;
	for (int field = 4; field <= 22; field++) {
		if (!stat_number(&at, &number))
			return -EINVAL;
		if (field == 20)
			threads = number;
	}
	/* Dead, only not waited for; but a main thread that ended before the others looks so too. */
	if ((state == 'Z' || state == 'X') && threads <= 1)
		return -ESRCH;
	*ticks = number;
	return 0;
}

int
os_boot_id(char text[37])
{
	char raw[64];
	int64_t n = slurp("/proc/sys/kernel/random/boot_id", raw, sizeof raw);

	if (n < 0)
		return (int)n;
	if (n < 36)
		return -EINVAL;
	memcpy(text, raw, 36);
	text[36] = '\0';
	return 0;
}

int
os_hostname(char *text, size_t cap)
{
	if (gethostname(text, cap) < 0)
		return -errno;
	text[cap - 1] = '\0';
	return 0;
}

int
os_cwd(char *text, size_t cap)
{
	return getcwd(text, cap) ? 0 : -errno;
}

int
os_real_path(const char *path, char *text, size_t cap)
{
	char *real = realpath(path, NULL);
	size_t len;

	if (!real)
		return -errno;
	len = strlen(real);
	if (len < cap)
		memcpy(text, real, len + 1);
	free(real);
	return len < cap ? 0 : -ENAMETOOLONG;
}

int64_t
os_argv(char *buf, size_t cap)
{
	return slurp("/proc/self/cmdline", buf, cap);
}

const char *
os_strerror(int negative_errno, char *buf, size_t cap)
{
	/* Not strerror: that follows the locale, and messages are compared by tests and scripts. */
	const char *text = strerrordesc_np(-negative_errno);

	if (text)
		snprintf(buf, cap, "%s", text);
	else
		snprintf(buf, cap, "errno %d", -negative_errno);
	return buf;
}

/* ---- running a program ---- */

extern char **environ;

const char *
os_environment(size_t i)
{
	return environ ? environ[i] : NULL;
}

/* argv[0] with stdout on `out_fd`. posix_spawn: no fork handler of the host runs, and its memory is not copied. */
static int
spawn(const char *const *argv, const char *cwd, int out_fd, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, defaults;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return -r;
	r = posix_spawnattr_init(&attr);
	if (r != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return -r;
	}
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	r = posix_spawnattr_setflags(&attr,
				     POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY,
						     0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY,
						     0);
	if (r == 0 && cwd)
		r = posix_spawn_file_actions_addchdir_np(&actions, cwd);
	if (r == 0)
		r = posix_spawnp(pid, argv[0], &actions, &attr,
				 (char *const *)(uintptr_t)argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int
left_ms(int64_t deadline_ns)
{
	int64_t left = deadline_ns - os_monotonic_ns();

	return left <= 0 ? 0 : (int)(left / 1000000 + 1);
}

/* Reads to the end of the pipe; keeps what fits, drops the rest. -ETIMEDOUT at the deadline. */
static int
collect(int fd, char *out, size_t cap, int64_t deadline_ns)
{
	size_t len = 0;
	int r = 0;

	for (;;) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		char buf[4096];
		int n = poll(&ready, 1, left_ms(deadline_ns));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			r = n == 0 ? -ETIMEDOUT : -errno;
			break;
		}

		int64_t got = os_read(fd, buf, sizeof buf);

		if (got <= 0) {
			r = (int)got;
			break;
		}
		if ((size_t)got > cap - 1 - len)
			got = (int64_t)(cap - 1 - len);
		memcpy(out + len, buf, (size_t)got);
		len += (size_t)got;
	}
	out[len] = '\0';
	return r;
}

/* Waits for it, and past the deadline makes it go. */
static int
reap(pid_t pid, int64_t deadline_ns)
{
	const struct timespec nap = { 0, 1000000 };
	bool killed = false;
	int status = 0;

	for (;;) {
		pid_t got = waitpid(pid, &status, killed ? 0 : WNOHANG);

		if (got == pid)
			break;
		if (got < 0 && errno != EINTR)
			return -errno; /* ECHILD: the host reaps all children itself */
		if (got == 0 && left_ms(deadline_ns) == 0) {
			kill(pid, SIGKILL);
			killed = true;
		} else if (got == 0) {
			nanosleep(&nap, NULL);
		}
	}
	if (killed)
		return -ETIMEDOUT;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int
os_run(const char *const *argv, const char *cwd, char *out, size_t cap, int wait_ms)
{
	int64_t deadline_ns = os_monotonic_ns() + (int64_t)wait_ms * 1000000;
	int ends[2];
	pid_t pid;

	if (cap == 0)
		return -EINVAL;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;

	int r = spawn(argv, cwd, ends[1], &pid);

	os_close(&ends[1]);
	if (r == 0) {
		r = collect(ends[0], out, cap, deadline_ns);

		/* After a failure there is nothing to wait for. */
		int status = reap(pid, r < 0 ? 0 : deadline_ns);

		if (r == 0)
			r = status;
	}
	os_close(&ends[0]);
	return r;
}

int
os_thread_start(pthread_t *thread, void *(*run)(void *), void *user)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(thread, NULL, run, user);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

void
os_huge_pages(void *at, size_t size)
{
	(void)madvise(at, size, MADV_HUGEPAGE);
}

unsigned
os_processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) < 1)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}
