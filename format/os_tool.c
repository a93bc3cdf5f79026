/* SPDX-License-Identifier: Apache-2.0 */
/* What only the command-line tools ask: terminals, names of descriptors, exec. */
#include <errno.h>
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
