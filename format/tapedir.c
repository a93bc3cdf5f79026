/* SPDX-License-Identifier: Apache-2.0 */
#include "format/tapedir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/os.h"
#include "format/path.h"

#define FORMAT_VERSION 1u
/* "tape 1 " and 32 hex digits and a newline. */
#define TAPE_LINE 40u
/* More than any version of the line will need. */
#define TAPE_READ 256u

/* ---- the TAPE file ---- */

/* A first line "tape N ...": N, or 0 if it is no such thing. */
static uint32_t
line_version(const char *text)
{
	uint32_t version = 0;

	if (strncmp(text, "tape ", 5) != 0)
		return 0;
	for (text += 5; *text >= '0' && *text <= '9' && version < 1000000; text++)
		version = version * 10 + (uint32_t)(*text - '0');
	return *text == ' ' || *text == '\n' ? version : 0;
}

static int
parse_tape_file(const char *path, char *text, size_t len, uint8_t id[16],
		struct tape_error *err)
{
	struct tape_hash parsed;

	/* Before the version is looked at: a later one may be longer. */
	uint32_t version = len == strlen(text) ? line_version(text) : 0;

	if (version > FORMAT_VERSION)
		return error_set(err, TAPE_ERR_TOO_NEW, PATH_TAPE, 0,
				 "%s has format version %u, this program reads up to %u: "
				 "use a later one",
				 path, version, FORMAT_VERSION);
	if (version == FORMAT_VERSION && len == TAPE_LINE &&
	    text[TAPE_LINE - 1] == '\n') {
		text[TAPE_LINE - 1] = '\0';
		if (path_parse_hash(text + 7, &parsed)) {
			memcpy(id, parsed.byte, sizeof parsed.byte);
			return 0;
		}
	}
	return error_set(err, TAPE_ERR_NOT_TAPE, PATH_TAPE, 0,
			 "%s is not a tape: its file TAPE does not hold \"tape 1 <id>\"",
			 path);
}

/* 0, or TAPE_ERR_*; -ENOENT apart, since tapedir_create goes on from there. */
static int
read_tape_file(int dir, const char *path, uint8_t id[16], bool *missing,
	       struct tape_error *err)
{
	char text[TAPE_READ + 1];
	int fd = -1;
	int r = os_open_read(dir, PATH_TAPE, &fd);

	*missing = r == -ENOENT;
	if (r == -ENOENT)
		return error_set(err, TAPE_ERR_NOT_TAPE, "", 0,
				 "%s is not a tape: it has no file TAPE", path);
	if (r == -EINVAL || r == -ELOOP)
		return error_set(err, TAPE_ERR_NOT_TAPE, PATH_TAPE, 0,
				 "%s is not a tape: its TAPE is not a regular file",
				 path);
	if (r < 0)
		return error_io(err, r, PATH_TAPE, "cannot open TAPE in %s", path);

	int64_t n = os_pread(fd, text, TAPE_READ, 0);

	os_close(&fd);
	if (n < 0)
		return error_io(err, (int)n, PATH_TAPE, "cannot read TAPE in %s", path);
	text[n] = '\0';
	return parse_tape_file(path, text, (size_t)n, id, err);
}

static int
open_error(struct tape_error *err, int r, const char *path)
{
	if (r == -ENOENT)
		return error_set(err, TAPE_ERR_NOT_TAPE, "", 0,
				 "%s: there is nothing of that name", path);
	if (r == -ENOTDIR)
		return error_set(
			err, TAPE_ERR_NOT_TAPE, "", 0,
			"%s is not a tape: a tape is a directory with a file TAPE", path);
	return error_io(err, r, "", "cannot open %s", path);
}

int
tapedir_open(const char *path, struct tapedir *out, struct tape_error *err)
{
	struct tapedir dir = { .fd = -1 };
	bool missing;
	int r = os_open_dir(OS_CWD, path, true, &dir.fd);

	if (r < 0)
		return open_error(err, r, path);
	r = read_tape_file(dir.fd, path, dir.id, &missing, err);
	if (r < 0) {
		os_close(&dir.fd);
		return r;
	}
	*out = dir;
	return 0;
}

void
tapedir_close(struct tapedir *dir)
{
	os_close(&dir->fd);
}

/* ---- making one ---- */

/* The entry of a new directory must outlive a power cut as what is in it does. */
static int
sync_parent(char *path, size_t end)
{
	int r;

	while (end > 0 && path[end] != '/')
		end--;
	if (end == 0) {
		r = os_fsync_dir(OS_CWD, path[0] == '/' ? "/" : ".");
	} else {
		path[end] = '\0';
		r = os_fsync_dir(OS_CWD, path);
		path[end] = '/';
	}
	/* A directory may be ours to make things in and not to open. */
	return r == -EACCES ? 0 : r;
}

/* mkdir -p. 0 also if it is there. */
static int
make_dirs(const char *path)
{
	size_t len = strlen(path);
	char *copy = malloc(len + 1);
	int r = 0;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, path, len + 1);
	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	for (size_t i = 1; i <= len && r == 0; i++) {
		if (copy[i] != '/' && copy[i] != '\0')
			continue;
		copy[i] = '\0';
		r = os_mkdir(OS_CWD, copy);
		if (r == 0)
			r = sync_parent(copy, i);
		/*
		 * It is there; or, above the last one, not ours to write in: what
		 * counts then is whether the next mkdir works.
		 */
		if (r == -EEXIST ||
		    (i < len && (r == -EROFS || r == -EACCES || r == -EPERM)))
			r = 0;
		if (i < len)
			copy[i] = '/';
	}
	free(copy);
	return r;
}

static void
random_name(const uint8_t random[8], const char *prefix, char *text, size_t cap)
{
	uint64_t number;

	memcpy(&number, random, sizeof number);
	snprintf(text, cap, "%s%016llx", prefix, (unsigned long long)number);
}

/* Writes the line under a name of its own, whole and synced. */
static int
write_tape_line(int dir, const char *name, const uint8_t id[16])
{
	char hex[TAPE_HASH_TEXT], line[TAPE_LINE + 1];
	struct tape_hash text;
	int fd = -1;
	int r = os_create(dir, name, &fd);

	if (r < 0)
		return r;
	memcpy(text.byte, id, sizeof text.byte);
	tape_hash_text(&text, hex);
	snprintf(line, sizeof line, "tape %u %s\n", FORMAT_VERSION, hex);
	r = os_write_all(fd, line, TAPE_LINE, NULL);
	if (r == 0)
		r = os_fsync(fd);
	os_close(&fd);
	return r;
}

/* Gives the directory a TAPE file; somebody else's, made at the same time, is as good. */
static int
make_tape_file(int dir)
{
	uint8_t random[24];
	char name[40];
	int r = os_random(random, sizeof random);

	if (r < 0)
		return r;
	random_name(random + 16, "TAPE-", name, sizeof name);
	r = write_tape_line(dir, name, random);
	if (r == 0) {
		r = os_link(dir, name, dir, PATH_TAPE);
		/* A file system without hard links: rename is as atomic, but the second would win. */
		if (r == -EPERM || r == -EOPNOTSUPP)
			r = os_rename(dir, name, dir, PATH_TAPE);
		if (r == -EEXIST)
			r = 0;
	}
	(void)os_unlink(dir, name);
	if (r == 0)
		r = os_fsync_dir(dir, ".");
	return r;
}

/* Names that a tape being made at this moment by another process may show. */
static int
refuse_stranger(void *user, const char *name)
{
	(void)user;
	return strcmp(name, PATH_TAPE) == 0 || strncmp(name, "TAPE-", 5) == 0 ||
			       strcmp(name, PATH_CONF) == 0 ||
			       strcmp(name, PATH_PARTIALS) == 0 ||
			       strcmp(name, PATH_SESSIONS) == 0 ||
			       strcmp(name, PATH_BLOBS) == 0
		       ? 0
		       : 1;
}

static int
join_or_make(int dir, const char *path, uint8_t id[16], struct tape_error *err)
{
	bool missing = false;
	int r = read_tape_file(dir, path, id, &missing, err);

	if (r == 0 || !missing)
		return r;
	r = os_list(dir, ".", refuse_stranger, NULL);
	if (r > 0)
		return error_set(err, TAPE_ERR_NOT_TAPE, "", 0,
				 "%s is not empty and not a tape: give the name of a new "
				 "directory",
				 path);
	if (r < 0)
		return error_io(err, r, "", "cannot list %s", path);
	r = make_tape_file(dir);
	if (r < 0)
		return error_io(err, r, PATH_TAPE, "cannot make a tape in %s", path);
	return read_tape_file(dir, path, id, &missing, err);
}

/* Always tried, since whoever made the TAPE file may have died before these. */
static int
make_subdirs(int dir, const char *path, struct tape_error *err)
{
	static const char *const names[] = { PATH_SESSIONS, PATH_BLOBS, PATH_BLOBS_TMP };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		int r = os_mkdir(dir, names[i]);

		if (r == 0)
			r = os_fsync_dir(dir, i == 2 ? PATH_BLOBS : ".");
		if (r < 0 && r != -EEXIST)
			return error_io(err, r, names[i], "cannot make %s/%s", path,
					names[i]);
	}
	return 0;
}

int
tapedir_create(const char *path, struct tapedir *out, struct tape_error *err)
{
	struct tapedir dir = { .fd = -1 };
	int r = make_dirs(path);

	if (r < 0)
		return error_io(err, r, "", "cannot make the directory %s", path);
	r = os_open_dir(OS_CWD, path, true, &dir.fd);
	if (r < 0)
		return open_error(err, r, path);
	r = join_or_make(dir.fd, path, dir.id, err);
	if (r == 0)
		r = make_subdirs(dir.fd, path, err);
	if (r < 0) {
		os_close(&dir.fd);
		return r;
	}
	*out = dir;
	return 0;
}

/* ---- listing ---- */

struct numbers {
	uint32_t *items;
	size_t count, cap;
};

static int
numbers_add(struct numbers *numbers, uint32_t number)
{
	if (numbers->count == numbers->cap) {
		size_t cap = numbers->cap ? numbers->cap * 2 : 8;
		uint32_t *items = reallocarray(numbers->items, cap, sizeof *items);

		if (!items)
			return -ENOMEM;
		numbers->items = items;
		numbers->cap = cap;
	}
	numbers->items[numbers->count++] = number;
	return 0;
}

static int
compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
numbers_sort(struct numbers *numbers)
{
	if (numbers->count > 1)
		qsort(numbers->items, numbers->count, sizeof *numbers->items,
		      compare_numbers);
}

struct segment_list {
	struct numbers logs, blobs;
};

static int
add_segment(void *user, const char *name)
{
	struct segment_list *list = user;
	uint32_t number;
	bool blob;

	if (!path_parse_segment(name, &number, &blob))
		return 0;
	return numbers_add(blob ? &list->blobs : &list->logs, number);
}

int
tapedir_list_session(const struct tapedir *dir, struct tapedir_session *session,
		     struct tape_error *err)
{
	struct segment_list list = { .logs = { .items = NULL } };
	int r = os_list(dir->fd, session->path, add_segment, &list);

	if (r < 0) {
		free(list.logs.items);
		free(list.blobs.items);
		return error_io(err, r, session->path, "cannot list the session");
	}
	numbers_sort(&list.logs);
	numbers_sort(&list.blobs);
	free(session->logs);
	free(session->blob_logs);
	session->logs = list.logs.items;
	session->log_count = list.logs.count;
	session->blob_logs = list.blobs.items;
	session->blob_log_count = list.blobs.count;
	return 0;
}

struct session_list {
	const struct tapedir *dir;
	struct tape_error *err;
	const char *above; /* of an intermediate directory, or NULL */
	struct tapedir_session *items;
	size_t count, cap;
};

/* The others can be read all the same. */
static bool
of_the_session(int error)
{
	return error != ENOENT && error != ENOMEM && error != EMFILE && error != ENFILE;
}

static int
add_session(struct session_list *list, const uint64_t id[2], const char *path)
{
	if (list->count == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 16;
		struct tapedir_session *items =
			reallocarray(list->items, cap, sizeof *items);

		if (!items)
			return error_set(list->err, TAPE_ERR_NOMEM, PATH_SESSIONS, 0,
					 "no memory for the list of sessions");
		list->items = items;
		list->cap = cap;
	}

	struct tapedir_session *session = &list->items[list->count];

	*session = (struct tapedir_session){ .id = { id[0], id[1] } };
	snprintf(session->path, sizeof session->path, "%s", path);

	struct tape_error failure = { .status = 0 };
	int r = tapedir_list_session(list->dir, session, &failure);

	if (r == 0 || of_the_session(failure.code)) {
		session->error = -failure.code;
		list->count++;
		return 0;
	}
	if (failure.code == ENOENT)
		return 0; /* compacted and removed since its name was read */
	if (list->err)
		*list->err = failure;
	return r;
}

/* Callback of both levels. Stops the listing with TAPE_ERR_* as a positive number. */
static int
visit_name(void *user, const char *name)
{
	struct session_list *list = user;
	struct os_stat st;
	char path[sizeof((struct tapedir_session *)0)->path];
	uint64_t id[2];
	int n = snprintf(path, sizeof path, PATH_SESSIONS "/%s%s%s",
			 list->above ? list->above : "", list->above ? "/" : "", name);
	bool is_session = path_parse_session(name, id);

	if (n < 0 || (size_t)n >= sizeof path || (list->above && !is_session))
		return 0;

	int r = os_stat(list->dir->fd, path, &st);

	/* Gone meanwhile, or not a directory: none of ours. */
	if (r == -ENOENT || (r == 0 && !st.directory))
		return 0;
	if (r < 0)
		return -error_io(list->err, r, path, "cannot look at it");
	if (is_session)
		return -add_session(list, id, path);

	list->above = name;
	r = os_list(list->dir->fd, path, visit_name, list);
	list->above = NULL;
	if (r == -ENOENT)
		return 0;
	return r < 0 ? -error_io(list->err, r, path, "cannot list it") : r;
}

static int
compare_sessions(const void *a, const void *b)
{
	const struct tapedir_session *x = a, *y = b;

	if (x->id[0] != y->id[0])
		return x->id[0] < y->id[0] ? -1 : 1;
	if (x->id[1] != y->id[1])
		return x->id[1] < y->id[1] ? -1 : 1;
	return strcmp(x->path, y->path);
}

int
tapedir_list(const struct tapedir *dir, struct tapedir_session **out, size_t *count_out,
	     struct tape_error *err)
{
	struct session_list list = { .dir = dir, .err = err };
	int r = os_list(dir->fd, PATH_SESSIONS, visit_name, &list);

	if (r == -ENOENT)
		r = 0; /* a tape on which nothing was recorded yet */
	else if (r < 0)
		r = error_io(err, r, PATH_SESSIONS, "cannot list the sessions");
	else
		r = -r;
	if (r < 0) {
		tapedir_free_sessions(list.items, list.count);
		return r;
	}
	if (list.count > 1)
		qsort(list.items, list.count, sizeof *list.items, compare_sessions);
	*out = list.items;
	*count_out = list.count;
	return 0;
}

void
tapedir_free_sessions(struct tapedir_session *sessions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(sessions[i].logs);
		free(sessions[i].blob_logs);
	}
	free(sessions);
}
