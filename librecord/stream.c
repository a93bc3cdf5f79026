/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs that do not fit in memory: hashed as they go, into a loose file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "format/os.h"
#include "librecord/blobs.h"
#include "librecord/recorder.h"

struct blob_stream {
	struct tape *tape;
	struct hash_stream *hash;
	uint64_t size;
	char tmp[64];
	int fd;
	uint32_t pid; /* a fork's child must not write to the file of its parent */
};

static bool
inherited(const struct blob_stream *stream)
{
	return stream->pid != os_getpid();
}

static int
fail(struct blob_stream *stream, int r)
{
	char cause[128];

	recorder_error(stream->tape, "cannot write a blob of at least %llu bytes: %s",
		       (unsigned long long)stream->size,
		       os_strerror(r, cause, sizeof cause));
	return -1;
}

struct blob_stream *
blob_stream_open(struct tape *t)
{
	struct blob_stream *stream = calloc(1, sizeof *stream);
	int r;

	if (stream)
		stream->hash = hash_stream_new();
	if (!stream || !stream->hash) {
		recorder_error(t, "out of memory: a blob is not recorded");
		free(stream);
		return NULL;
	}
	stream->tape = t;
	stream->fd = -1;
	stream->pid = os_getpid();
	hash_stream_reset(stream->hash);
	r = blobs_create_tmp(t, stream->tmp, sizeof stream->tmp, &stream->fd);
	if (r < 0) {
		(void)fail(stream, r);
		blob_stream_abort(stream);
		return NULL;
	}
	return stream;
}

int
blob_stream_write(struct blob_stream *stream, const void *data, size_t len)
{
	int r = inherited(stream) ? -ECHILD : os_write_all(stream->fd, data, len, NULL);

	if (r < 0)
		return fail(stream, r);
	hash_stream_add(stream->hash, data, len);
	stream->size += len;
	return 0;
}

void
blob_stream_abort(struct blob_stream *stream)
{
	if (stream->fd >= 0) {
		os_close(&stream->fd);
		if (!inherited(stream))
			(void)os_unlink(stream->tape->dir.fd, stream->tmp);
	}
	hash_stream_free(stream->hash);
	free(stream);
}

int
blob_stream_finish(struct blob_stream *stream, struct tape_hash *hash, uint64_t *size)
{
	struct tape_hash found = hash_stream_end(stream->hash);
	int r = inherited(stream) ? -ECHILD
				  : blobs_adopt(stream->tape, stream->tmp, &stream->fd,
						&found, stream->size);

	if (r < 0) {
		r = fail(stream, r);
	} else {
		*hash = found;
		*size = stream->size;
	}
	blob_stream_abort(stream);
	return r;
}
