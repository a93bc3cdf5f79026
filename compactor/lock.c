/* SPDX-License-Identifier: Apache-2.0 */
/* compact.lock: it only saves wasted work; who publishes is decided by link(2). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "compactor/compaction.h"
#include "format/error.h"

static void
write_owner(struct compaction *c, int fd)
{
	char line[512];
	uint64_t start = 0;
	int len;

	(void)os_pid_start(os_getpid(), &start);
	len = snprintf(line, sizeof line, "host %s boot %s pid %u start %llu\n",
		       c->reader->host, c->reader->boot_id, (unsigned)os_getpid(),
		       (unsigned long long)start);
	/* For people only: what fails here does not matter. */
	if (len > 0 && os_truncate(fd, 0) == 0)
		(void)os_write_all(fd, line, (size_t)len, NULL);
}

/* Who works, as write_owner has it; nothing hangs on it. */
static int
busy(struct compaction *c, int fd)
{
	char owner[512], host[256];
	unsigned pid;
	int64_t got = os_pread(fd, owner, sizeof owner - 1, 0);

	owner[got > 0 ? got : 0] = '\0';
	if (sscanf(owner, "host %255s boot %*s pid %u", host, &pid) != 2)
		return error_set(c->err, TAPE_ERR_BUSY, PATH_LOCK, 0,
				 "another compactor works on this tape; wait for it");
	return error_set(c->err, TAPE_ERR_BUSY, PATH_LOCK, 0,
			 "process %u on %s compacts this tape; wait for it", pid, host);
}

int
lock_take(struct compaction *c, struct lock *out)
{
	int fd = -1, r = os_open_lock(c->reader->dir.fd, PATH_LOCK, &fd);

	out->fd = -1;
	if (r != 0)
		return error_io(c->err, r, PATH_LOCK, "cannot open the lock of the tape");
	r = os_lock(fd);
	if (r == -EAGAIN || r == -EACCES) {
		r = busy(c, fd);
		os_close(&fd);
		return r;
	}
	if (r == -ENOLCK || r == -ENOSYS || r == -EOPNOTSUPP || r == -EINVAL) {
		compaction_event(
			c, PATH_LOCK, 0,
			"the file system refuses locks: if two compactors work at "
			"once, one of them will stop in the end");
		os_close(&fd);
		return 0;
	}
	if (r != 0) {
		os_close(&fd);
		return error_io(c->err, r, PATH_LOCK, "cannot lock the tape");
	}
	write_owner(c, fd);
	c->locked = true;
	out->fd = fd;
	return 0;
}

void
lock_release(struct lock *lock)
{
	os_close(&lock->fd);
}
