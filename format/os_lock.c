/* SPDX-License-Identifier: Apache-2.0 */
/* Locks of whole files, which belong to an open file description: a fork or another close does not lose them. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/os.h"
#include "format/os_fault.h"

int
os_open_lock(int dir, const char *path, int *fd_out)
{
	struct stat st;
	int fd, r = os_fault(OS_OPEN, path);

	if (r < 0)
		return r;
	do
		fd = openat(dir, path,
			    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	if (r == 0)
		fd = r = os_fd_apart(fd);
	else
		close(fd);
	if (r < 0)
		return r;
	*fd_out = fd;
	return 0;
}

int
os_lock(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int r;

	do
		r = fcntl(fd, F_OFD_SETLK, &lock);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}
