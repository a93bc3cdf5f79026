/* SPDX-License-Identifier: Apache-2.0 */
/* Files and directories. Clocks and processes are in os_process.c. */
#include "format/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "format/os_fault.h"

_Static_assert(OS_CWD == AT_FDCWD, "os.h must not include fcntl.h");
_Static_assert(sizeof(off_t) == 8, "files are larger than 2 GiB");

os_fault_fn *os_fault_hook;
void *os_fault_user;

void
os_fault_set(os_fault_fn *fn, void *user)
{
	os_fault_user = user;
	os_fault_hook = fn;
}

/* One request may not exceed what ssize_t and the kernel take. */
#define IO_CHUNK ((size_t)1 << 30)

int
os_fd_apart(int fd)
{
	int apart;

	if (fd < 0 || fd > 2)
		return fd;
	apart = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (apart < 0)
		apart = -errno;
	close(fd);
	return apart;
}

static int
plain_open(int dir, const char *path, int flags, unsigned mode)
{
	int fd;

	do {
		fd = openat(dir, path, flags | O_CLOEXEC | O_NOCTTY, mode);
	} while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : os_fd_apart(fd);
}

/* Without openat2: one component at a time, none of them a link, none "..". */
static int
walk_open(int dir, const char *path, int flags, unsigned mode)
{
	int at = dir;
	int r;

	for (;;) {
		char name[256];
		size_t len = strcspn(path, "/");
		bool last = path[len] == '\0';

		if (len >= sizeof name)
			r = -ENAMETOOLONG;
		else if (len == 0 || (len == 2 && memcmp(path, "..", 2) == 0))
			r = -EXDEV;
		else {
			memcpy(name, path, len);
			name[len] = '\0';
			r = last ? plain_open(at, name, flags | O_NOFOLLOW, mode)
				 : plain_open(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW,
					      0);
		}
		if (at != dir)
			close(at);
		if (r < 0 || last)
			return r;
		at = r;
		path += len + 1;
	}
}

/*
 * Opens `path` so that nothing on the way below `dir` is a symbolic link and
 * nothing leads out of it. Only what a user named himself (OS_CWD) may go
 * through links, and then not in its last component.
 */
static int
safe_open(int dir, const char *path, int flags, unsigned mode)
{
	if (dir == OS_CWD)
		return plain_open(dir, path, flags | O_NOFOLLOW, mode);

	/* Unlike openat, openat2 refuses flags that mean nothing. */
	int all = flags | O_CLOEXEC | O_NOFOLLOW | (flags & O_PATH ? 0 : O_NOCTTY);
	struct open_how how = {
		.flags = (unsigned)all,
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do {
		fd = syscall(SYS_openat2, dir, path, &how, sizeof how);
	} while (fd < 0 && errno == EINTR);
	if (fd >= 0)
		return os_fd_apart((int)fd);
	/* Old kernels, system call filters of containers, and a rename elsewhere at the same time. */
	if (errno == ENOSYS || errno == EPERM || errno == EAGAIN)
		return walk_open(dir, path, flags, mode);
	return -errno;
}

/*
 * For calls that have no flag against links on the way: splits `path` into the
 * directory that holds it, opened safely, and its last component.
 * *parent is dir itself (not to be closed) where there is nothing to open.
 */
static int
open_parent(int dir, const char *path, int *parent, const char **name)
{
	const char *slash = strrchr(path, '/');
	char above[4096];

	*parent = dir;
	*name = path;
	if (dir == OS_CWD || !slash)
		return 0;
	if ((size_t)(slash - path) >= sizeof above)
		return -ENAMETOOLONG;
	memcpy(above, path, (size_t)(slash - path));
	above[slash - path] = '\0';

	int fd = safe_open(dir, above, O_PATH | O_DIRECTORY, 0);

	if (fd < 0)
		return fd;
	*parent = fd;
	*name = slash + 1;
	return 0;
}

static void
close_parent(int dir, int parent)
{
	if (parent != dir)
		close(parent);
}

int
os_open_dir(int dir, const char *path, bool follow, int *fd_out)
{
	int r = os_fault(OS_OPEN, path);

	if (r < 0)
		return r;
	if (follow)
		r = plain_open(dir, path, O_RDONLY | O_DIRECTORY, 0);
	else
		r = safe_open(dir, path, O_RDONLY | O_DIRECTORY, 0);
	if (r < 0)
		return r;
	*fd_out = r;
	return 0;
}

int
os_open_read(int dir, const char *path, int *fd_out)
{
	struct stat st;
	int r = os_fault(OS_OPEN, path);

	if (r < 0)
		return r;
	/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
	int fd = safe_open(dir, path, O_RDONLY | O_NONBLOCK, 0);

	if (fd < 0)
		return fd == -ENXIO ? -EINVAL : fd; /* ENXIO: a socket */
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	if (r < 0) {
		close(fd);
		return r;
	}
	*fd_out = fd;
	return 0;
}

int
os_open_user(const char *path, int *fd_out)
{
	int r = os_fault(OS_OPEN, path);

	if (r < 0)
		return r;
	r = plain_open(OS_CWD, path, O_RDONLY, 0);
	if (r < 0)
		return r;
	*fd_out = r;
	return 0;
}

static int
open_to_write(int dir, const char *path, int flags, int *fd_out)
{
	int r = os_fault(OS_OPEN, path);

	if (r < 0)
		return r;
	/* O_NONBLOCK: what is there already may be a FIFO; it means nothing for a file. */
	r = safe_open(dir, path, O_WRONLY | O_NONBLOCK | flags, 0666);
	if (r < 0)
		return r;
	*fd_out = r;
	return 0;
}

int
os_create(int dir, const char *path, int *fd_out)
{
	return open_to_write(dir, path, O_CREAT | O_EXCL, fd_out);
}

int
os_open_append(int dir, const char *path, int *fd_out)
{
	struct stat st;
	int fd = -1;
	int r = open_to_write(dir, path, O_CREAT | O_APPEND, &fd);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	if (r < 0) {
		close(fd);
		return r;
	}
	*fd_out = fd;
	return 0;
}

void
os_close(int *fd)
{
	if (*fd < 0)
		return;
	/* Never again on EINTR: the descriptor is gone and may be somebody else's by now. */
	(void)close(*fd);
	*fd = -1;
}

int64_t
os_pread(int fd, void *buf, size_t len, uint64_t offset)
{
	size_t got = 0;

	if (offset > INT64_MAX || len > INT64_MAX - offset)
		return -EOVERFLOW;
	while (got < len) {
		size_t want = len - got < IO_CHUNK ? len - got : IO_CHUNK;
		int r = os_fault(OS_READ, NULL);

		if (r < 0)
			return r;
		ssize_t n = pread(fd, (char *)buf + got, want, (off_t)(offset + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (int64_t)got;
}

int64_t
os_read(int fd, void *buf, size_t len)
{
	ssize_t n;
	int r = os_fault(OS_READ, NULL);

	if (r < 0)
		return r;
	do {
		n = read(fd, buf, len < IO_CHUNK ? len : IO_CHUNK);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int64_t)n;
}

/*
 * write(2) on a pipe that nobody reads, or over RLIMIT_FSIZE, sends a signal
 * that kills the program that happens to use us. Both are sent to the calling
 * thread, so they are blocked there for as long as the write lasts and taken
 * from the queue if it raised one: two cheap system calls a write.
 */
struct signal_guard {
	sigset_t before;
	bool pipe_pending, size_pending;
};

static void
guard_enter(struct signal_guard *guard)
{
	sigset_t block, pending;

	sigemptyset(&block);
	sigaddset(&block, SIGPIPE);
	sigaddset(&block, SIGXFSZ);
	pthread_sigmask(SIG_BLOCK, &block, &guard->before);
	guard->pipe_pending = guard->size_pending = false;
	/* A signal can have been waiting only if the host blocks it itself; that one stays. */
	if (sigismember(&guard->before, SIGPIPE) ||
	    sigismember(&guard->before, SIGXFSZ)) {
		sigpending(&pending);
		guard->pipe_pending = sigismember(&pending, SIGPIPE);
		guard->size_pending = sigismember(&pending, SIGXFSZ);
	}
}

static void
guard_leave(const struct signal_guard *guard, int result)
{
	const struct timespec now = { 0, 0 };
	sigset_t raised;

	sigemptyset(&raised);
	if (result == -EPIPE && !guard->pipe_pending)
		sigaddset(&raised, SIGPIPE);
	if (result == -EFBIG && !guard->size_pending)
		sigaddset(&raised, SIGXFSZ);
	if (result == -EPIPE || result == -EFBIG) {
		while (sigtimedwait(&raised, NULL, &now) < 0 && errno == EINTR)
			;
	}
	pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
}

static int
write_loop(int fd, const char *buf, size_t len, size_t *done)
{
	while (*done < len) {
		size_t want = len - *done < IO_CHUNK ? len - *done : IO_CHUNK;
		int r = os_fault_hook
				? -os_fault_hook(os_fault_user, OS_WRITE, NULL, &want)
				: 0;

		if (r < 0)
			return r;
		if (want > len - *done)
			want = len - *done;
		ssize_t n = write(fd, buf + *done, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0 && want > 0)
			return -EIO; /* no file system should; better than going round for ever */
		*done += (size_t)n;
	}
	return 0;
}

int
os_write_all(int fd, const void *buf, size_t len, size_t *done)
{
	struct signal_guard guard;
	size_t written = 0;

	guard_enter(&guard);
	int r = write_loop(fd, buf, len, &written);

	guard_leave(&guard, r);
	if (done)
		*done = written;
	return r;
}

int
os_fsync(int fd)
{
	int r = os_fault(OS_FSYNC, NULL);

	if (r < 0)
		return r;
	do {
		r = fsync(fd);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int
os_fdatasync(int fd)
{
	int r = os_fault(OS_FSYNC, NULL);

	if (r < 0)
		return r;
	do {
		r = fdatasync(fd);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

void
os_sync_begin(int fd, uint64_t offset, uint64_t len)
{
	(void)sync_file_range(fd, (off_t)offset, (off_t)len, SYNC_FILE_RANGE_WRITE);
}

int
os_fsync_dir(int dir, const char *path)
{
	int fd = -1;
	int r = os_open_dir(dir, path, dir == OS_CWD, &fd);

	if (r < 0)
		return r;
	r = os_fsync(fd);
	os_close(&fd);
	/* Some network file systems have no fsync for directories: there a rename is on the server. */
	return r == -EINVAL ? 0 : r;
}

int
os_truncate(int fd, uint64_t size)
{
	int r = os_fault(OS_TRUNCATE, NULL);

	if (r < 0)
		return r;
	if (size > INT64_MAX)
		return -EFBIG;
	do {
		r = ftruncate(fd, (off_t)size);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int
os_mkdir(int dir, const char *path)
{
	const char *name;
	int parent;
	int r = os_fault(OS_MKDIR, path);

	if (r == 0)
		r = open_parent(dir, path, &parent, &name);
	if (r < 0)
		return r;
	if (mkdirat(parent, name, 0777) < 0)
		r = -errno;
	close_parent(dir, parent);
	return r;
}

/* Opens both parents; on success the caller closes both. */
static int
open_both(int from_dir, const char **from, int *from_parent, int to_dir, const char **to,
	  int *to_parent)
{
	int r = open_parent(from_dir, *from, from_parent, from);

	if (r < 0)
		return r;
	r = open_parent(to_dir, *to, to_parent, to);
	if (r < 0)
		close_parent(from_dir, *from_parent);
	return r;
}

int
os_rename(int from_dir, const char *from, int to_dir, const char *to)
{
	int from_parent, to_parent;
	int r = os_fault(OS_RENAME, from);

	if (r == 0)
		r = open_both(from_dir, &from, &from_parent, to_dir, &to, &to_parent);
	if (r < 0)
		return r;
	if (renameat(from_parent, from, to_parent, to) < 0)
		r = -errno;
	close_parent(to_dir, to_parent);
	close_parent(from_dir, from_parent);
	return r;
}

int
os_link(int from_dir, const char *from, int to_dir, const char *to)
{
	int from_parent, to_parent;
	int r = os_fault(OS_LINK, to);

	if (r == 0)
		r = open_both(from_dir, &from, &from_parent, to_dir, &to, &to_parent);
	if (r < 0)
		return r;
	if (linkat(from_parent, from, to_parent, to, 0) < 0)
		r = -errno;
	close_parent(to_dir, to_parent);
	close_parent(from_dir, from_parent);
	return r;
}

static int
remove_at(int dir, const char *path, int flags)
{
	const char *name;
	int parent;
	int r = os_fault(OS_UNLINK, path);

	if (r == 0)
		r = open_parent(dir, path, &parent, &name);
	if (r < 0)
		return r;
	if (unlinkat(parent, name, flags) < 0)
		r = -errno;
	close_parent(dir, parent);
	return r;
}

int
os_unlink(int dir, const char *path)
{
	return remove_at(dir, path, 0);
}

int
os_rmdir(int dir, const char *path)
{
	return remove_at(dir, path, AT_REMOVEDIR);
}

int
os_memory_file(const char *name, int *fd_out)
{
	int fd = os_fault(OS_OPEN, name);

	if (fd == 0) {
		fd = memfd_create(name, MFD_CLOEXEC);
		fd = fd < 0 ? -errno : os_fd_apart(fd);
	}
	if (fd < 0)
		return fd;
	*fd_out = fd;
	return 0;
}

int
os_touch(int fd)
{
	int r = os_fault(OS_UTIME, NULL);

	if (r < 0)
		return r;
	return futimens(fd, NULL) < 0 ? -errno : 0;
}

static void
fill_stat(const struct stat *from, struct os_stat *st)
{
	*st = (struct os_stat){
		.size = (uint64_t)from->st_size,
		.inode = from->st_ino,
		.links = from->st_nlink,
		.mtime_ns = (int64_t)from->st_mtim.tv_sec * 1000000000 +
			    from->st_mtim.tv_nsec,
		.uid = from->st_uid,
		.regular = S_ISREG(from->st_mode),
		.directory = S_ISDIR(from->st_mode),
	};
}

int
os_fstat(int fd, struct os_stat *st)
{
	struct stat raw;
	int r = os_fault(OS_STAT, NULL);

	if (r < 0)
		return r;
	if (fstat(fd, &raw) < 0)
		return -errno;
	fill_stat(&raw, st);
	return 0;
}

int
os_stat(int dir, const char *path, struct os_stat *st)
{
	struct stat raw;
	const char *name;
	int parent;
	int r = os_fault(OS_STAT, path);

	if (r == 0)
		r = open_parent(dir, path, &parent, &name);
	if (r < 0)
		return r;
	if (fstatat(parent, name, &raw, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	else
		fill_stat(&raw, st);
	close_parent(dir, parent);
	return r;
}

static int
list_names(DIR *stream, int (*fn)(void *user, const char *name), void *user)
{
	for (;;) {
		int r = os_fault(OS_READDIR, NULL);

		if (r < 0)
			return r;
		errno = 0;

		const struct dirent *entry = readdir(stream);

		if (!entry)
			return errno ? -errno : 0;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = fn(user, entry->d_name);
		if (r != 0)
			return r;
	}
}

int
os_list(int dir, const char *path, int (*fn)(void *user, const char *name), void *user)
{
	int fd = -1;
	int r = os_open_dir(dir, path, dir == OS_CWD, &fd);

	if (r < 0)
		return r;

	DIR *stream = fdopendir(fd);

	if (!stream) {
		r = -errno;
		os_close(&fd);
		return r;
	}
	r = list_names(stream, fn, user);
	closedir(stream);
	return r;
}
