/* SPDX-License-Identifier: Apache-2.0 */
/* A file of the user's by its content: the hash that stands on tapes for it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/os.h"
#include "tape/search.h"

#define CHUNK ((size_t)256 << 10)
#define UNSIZED_MOST ((uint64_t)64 << 20)

/* `size`: what it has; what is written to it for ever is not read for ever. */
static int
hash_all(int fd, const char *path, uint64_t size, struct tape_file *f,
	 struct tape_error *err)
{
	/* Files of /proc say that they have none. */
	uint64_t most = size != 0 ? size : UNSIZED_MOST;
	struct hash_stream *hash = hash_stream_new();
	uint8_t *chunk = malloc(CHUNK);
	int64_t got = 0;
	int r = 0;

	f->size = 0;
	if (hash != NULL && chunk != NULL) {
		hash_stream_reset(hash);
		while (f->size < most &&
		       (got = os_pread(fd, chunk,
				       most - f->size < CHUNK ? (size_t)(most - f->size)
							      : CHUNK,
				       f->size)) > 0) {
			hash_stream_add(hash, chunk, (size_t)got);
			f->size += (uint64_t)got;
		}
		f->hash = hash_stream_end(hash);
	} else {
		r = error_set(err, TAPE_ERR_NOMEM, path, 0, "no memory to read a file");
	}
	if (got < 0)
		r = error_io(err, (int)got, path, "cannot read the file");
	free(chunk);
	hash_stream_free(hash);
	return r;
}

int
tape_file_read(const char *path, struct tape_file *out, struct tape_error *err)
{
	struct tape_file f = { .size = 0 };
	struct os_stat before, after;
	int fd = -1, r;

	if (path == NULL || *path == '\0' || out == NULL)
		return error_set(err, TAPE_ERR_MISUSE, NULL, 0,
				 "a file has to be named by a path that is not empty");
	/* Links are followed here, so that what is opened is a file and nothing else. */
	r = os_real_path(path, f.path, sizeof f.path);
	/* Some devices do things when they are opened. */
	if (r == 0)
		r = os_stat(OS_CWD, f.path, &before);
	if (r == 0 && !before.regular)
		r = -EINVAL;
	if (r == 0)
		r = os_open_read(OS_CWD, f.path, &fd);
	if (r == 0)
		r = os_fstat(fd, &before);
	if (r == -EINVAL)
		r = error_set(err, TAPE_ERR_IO, path, 0,
			      "it is no regular file (a directory, a FIFO, a device), so "
			      "that it has no content to name it by");
	else if (r < 0)
		r = error_io(err, r, path, "cannot read the file");
	else
		r = hash_all(fd, path, before.size, &f, err);
	if (r == 0 && os_fstat(fd, &after) == 0) {
		f.mtime = after.mtime_ns;
		f.changed = before.size != after.size || after.size != f.size ||
			    before.mtime_ns != after.mtime_ns;
	}
	os_close(&fd);
	if (r == 0)
		*out = f;
	return r;
}
