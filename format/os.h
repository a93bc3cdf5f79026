/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every system call of the project goes through here, so that the flags that
 * keep us safe (O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK + S_ISREG, EINTR, short
 * reads and writes, directory fsync) are right in one place, and so that a
 * test can fail the Nth call.
 *
 * All functions: 0 or a count on success, a negative errno value on failure
 * (never -1 and errno). Descriptors are plain int, -1 = none.
 */
#ifndef TAPE_FORMAT_OS_H
#define TAPE_FORMAT_OS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- failing the Nth call (tests) ---- */
enum os_call {
	OS_OPEN,
	OS_READ,
	OS_WRITE,
	OS_FSYNC,
	OS_MKDIR,
	OS_RENAME,
	OS_LINK,
	OS_UNLINK,
	OS_STAT,
	OS_READDIR,
	OS_TRUNCATE,
	OS_RANDOM,
	OS_UTIME,
	OS_CALLS
};
/*
 * Asked before each call when set; returns 0 to let it through or an errno to
 * fail with. For OS_WRITE it may set *limit to make the write short (the
 * library then goes on as after a real short write). One pointer test when
 * unset. Set it before threads start.
 */
typedef int os_fault_fn(void *user, enum os_call call, const char *path, size_t *limit);
void os_fault_set(os_fault_fn *fn, void *user);

/* The i-th entry of the environment, NAME=value; NULL behind the last, which is not gone beyond. */
const char *os_environment(size_t i);

/* ---- directories and files, relative to a directory descriptor ---- */
/* AT_FDCWD by a name that needs no fcntl.h. */
#define OS_CWD (-100)

/* A directory; the last component may be a symlink only with `follow`. */
int os_open_dir(int dir, const char *path, bool follow, int *fd_out);
/* A regular file to read: O_NOFOLLOW, O_NONBLOCK; -ELOOP for a link, -EINVAL for anything not regular. */
int os_open_read(int dir, const char *path, int *fd_out);
/* As given by a user on a command line: may be a link, a FIFO or /dev/stdin. */
int os_open_user(const char *path, int *fd_out);
/* O_CREAT | O_EXCL | O_WRONLY, mode 0666 under the umask. -EEXIST if it is there. */
int os_create(int dir, const char *path, int *fd_out);
/* O_CREAT | O_APPEND | O_WRONLY: manifests only. */
int os_open_append(int dir, const char *path, int *fd_out);
/* O_CREAT | O_RDWR: compact.lock only. */
int os_open_lock(int dir, const char *path, int *fd_out);
/* Takes the lock of the whole file for this descriptor (OFD), or -EAGAIN; it goes when that is closed. */
int os_lock(int fd);
/* Closes and sets *fd to -1; no-op on -1. Its errors are dropped: data was synced or not before. */
void os_close(int *fd);

/*
 * Where the program runs with standard input, output or error closed, a file
 * would get their number, and what is printed would go into it. Returns the
 * descriptor under a number above those, or a negative errno (fd is closed then).
 */
int os_fd_apart(int fd);

/* Reads until `len` bytes or end of file; returns the count. */
int64_t os_pread(int fd, void *buf, size_t len, uint64_t offset);
/* One read(2), for streams. */
int64_t os_read(int fd, void *buf, size_t len);
/* Writes all; on failure *done (may be NULL) says how many bytes were taken. SIGPIPE and SIGXFSZ never kill the host. */
int os_write_all(int fd, const void *buf, size_t len, size_t *done);
int os_fsync(int fd);	  /* data and metadata */
int os_fdatasync(int fd); /* data, and the size */
/* Begins to bring these bytes to disk, without waiting: a hint that cannot fail. */
void os_sync_begin(int fd, uint64_t offset, uint64_t len);
int os_fsync_dir(int dir, const char *path); /* opens, fsyncs, closes */
int os_truncate(int fd, uint64_t size);
int os_mkdir(int dir, const char *path); /* 0777 under the umask */
int os_rename(int from_dir, const char *from, int to_dir, const char *to);
int os_link(int from_dir, const char *from, int to_dir,
	    const char *to); /* -EEXIST: somebody won */
int os_unlink(int dir, const char *path);
int os_rmdir(int dir, const char *path);
int os_touch(int fd); /* mtime = now */
/* A file in memory that only this process has, to read and write. */
int os_memory_file(const char *name, int *fd_out);

struct os_stat {
	uint64_t size;
	uint64_t inode;
	uint64_t links;
	int64_t mtime_ns;
	uint32_t uid;
	bool regular, directory;
};
int os_fstat(int fd, struct os_stat *st);
int os_stat(int dir, const char *path, struct os_stat *st); /* does not follow links */

/* Calls fn for each name but . and .. (unsorted); stops early when fn returns non-zero and returns that. */
int os_list(int dir, const char *path, int (*fn)(void *user, const char *name),
	    void *user);

/* ---- clocks, randomness, processes ---- */
int64_t os_realtime_ns(void);
int64_t os_monotonic_ns(void);
int os_random(void *buf, size_t len);
uint32_t os_getpid(void);
/* Memory of this process that may not be there: how many bytes were copied, or negative errno. */
int64_t os_read_memory(uintptr_t at, void *buf, size_t len);
/* Memory that is read in no order, whole pages of it: large ones would be welcome. */
void os_huge_pages(void *at, size_t size);
unsigned os_processors(void); /* that this process may use, at least 1 */
/* A thread that takes no signals: they are for those of the program. 0 or negative errno. */
int os_thread_start(pthread_t *thread, void *(*run)(void *), void *user);
uint32_t os_getuid(void);
uint32_t os_geteuid(void);
/* Field 22 of /proc/PID/stat; -ESRCH if there is no such process. */
int os_pid_start(uint32_t pid, uint64_t *ticks);
/* /proc/sys/kernel/random/boot_id, 36 characters and NUL. */
int os_boot_id(char text[37]);
int os_hostname(char *text, size_t cap);
int os_cwd(char *text, size_t cap);
/* The path without links, "." and "..": absolute. -ENAMETOOLONG if it does not fit. */
int os_real_path(const char *path, char *text, size_t cap);
/* argv of this process as NUL-separated bytes; returns the length. */
int64_t os_argv(char *buf, size_t cap);
/* This program: "" where something is not known. */
struct os_program {
	char path[4096];
	char build_id[129];  /* hex, of the ELF note that the linker wrote */
	char compiler[1024]; /* all that took part, from the section .comment */
	char flags[4096]; /* of the section .GCC.command.line (-frecord-gcc-switches) */
};
void os_program(struct os_program *program);
/* The paths of the shared libraries that are loaded. */
typedef void os_library_fn(void *user, const char *path);
void os_libraries(os_library_fn *fn, void *user);
/* What the first processor calls itself. */
int os_cpu_model(char *text, size_t cap);
/* Runs argv[0] (found on PATH) without a shell, stdin and stderr on /dev/null; keeps up to cap-1 bytes of stdout. Exit status, or negative errno; gives up after wait_ms. */
int os_run(const char *const *argv, const char *cwd, char *out, size_t cap, int wait_ms);
/* ---- for the command-line tools ---- */
/* Columns of the terminal on fd, 0 if it does not say; -ENOTTY if fd is none. */
int os_tty_columns(int fd);
/* The path that a descriptor was opened by, and that of this program. */
int os_fd_path(int fd, char *text, size_t cap);
int os_self_path(char *text, size_t cap);
/* Becomes another program (looked up on PATH if the name has no slash); returns on failure only. */
int os_exec(const char *path, char *const *argv);

/* ---- stopping in order (the command-line tools) ---- */
/*
 * From here on SIGINT, SIGTERM and SIGHUP, unless they are ignored, are noted
 * instead of ending the program; the second one ends it all the same.
 */
int os_stop_catch(void);
/* The signal that was noted, or 0. */
int os_stop_signal(void);
/* Waits until fd can be read (1) or a signal is noted (0), whichever its moment. */
int os_stop_wait(int fd);
/* Ends the program by that signal, so that who waits for it sees the truth. */
void os_stop_die(int signal_number);

const char *os_strerror(int negative_errno, char *buf, size_t cap);

#endif
