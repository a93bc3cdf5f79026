/* SPDX-License-Identifier: Apache-2.0 */
/* What only the command-line tools ask: terminals, names of descriptors, exec. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "format/os.h"

int
os_tty_columns(int fd)
{
	struct winsize size = { 0 };

	if (!isatty(fd))
		return -ENOTTY;
	if (ioctl(fd, TIOCGWINSZ, &size) < 0)
		return 0;
	return size.ws_col;
}

static int
link_text(const char *link, char *text, size_t cap)
{
	ssize_t n = readlink(link, text, cap - 1);

	if (n < 0)
		return -errno;
	if ((size_t)n == cap - 1)
		return -ENAMETOOLONG;
	text[n] = '\0';
	return 0;
}

int
os_fd_path(int fd, char *text, size_t cap)
{
	char link[40];

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	return link_text(link, text, cap);
}

int
os_self_path(char *text, size_t cap)
{
	return link_text("/proc/self/exe", text, cap);
}

int
os_exec(const char *path, char *const *argv)
{
	execvp(path, argv);
	return -errno;
}

/* ---- stopping ---- */

static volatile sig_atomic_t stop_signal;
static int stop_pipe[2] = { -1, -1 };

/* The byte in the pipe is there for a wait that is about to begin. */
static void
on_stop(int signal_number)
{
	int before = errno;

	stop_signal = signal_number;
	if (write(stop_pipe[1], "", 1) < 0) {
		/* The pipe is full, which says as much. */
	}
	errno = before;
}

int
os_stop_catch(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction catch = { .sa_handler = on_stop,
				   .sa_flags = (int)(SA_RESTART | SA_RESETHAND) };
	struct sigaction before;

	if (stop_pipe[0] >= 0)
		return 0;
	if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	for (size_t i = 0; i < 2; i++)
		stop_pipe[i] = os_fd_apart(stop_pipe[i]);
	if (stop_pipe[0] < 0 || stop_pipe[1] < 0)
		return -EMFILE;
	sigemptyset(&catch.sa_mask);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		if (sigaction(numbers[i], NULL, &before) == 0 &&
		    before.sa_handler != SIG_IGN)
			(void)sigaction(numbers[i], &catch, NULL);
	return 0;
}

int
os_stop_signal(void)
{
	return stop_signal;
}

int
os_stop_wait(int fd)
{
	struct pollfd wait[] = { { .fd = fd, .events = POLLIN },
				 { .fd = stop_pipe[0], .events = POLLIN } };

	while (!stop_signal) {
		int n = poll(wait, 2, -1);

		if (n < 0 && errno != EINTR)
			return 1; /* reading says what is wrong */
		if (n > 0 && wait[1].revents == 0)
			return 1;
	}
	return 0;
}

void
os_stop_die(int signal_number)
{
	sigset_t set;

	(void)signal(signal_number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, signal_number);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)raise(signal_number);
}
