/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a variable-width value, wherever they are, verified before they are given. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/os.h"
#include "format/path.h"
#include "search/reader.h"
#include "search/scope.h"
#include "search/snapshot.h"

#define VERIFY_CHUNK 262144u

struct tape_blob {
	uint64_t size;
	uint8_t *data; /* in memory, or */
	int fd;	       /* in a file of its own */
	char path[PATH_BLOB_TEXT];
};

int
blob_loose_fits(struct tape_reader *reader, const struct tape_hash *hash, uint64_t size)
{
	char path[PATH_BLOB_TEXT];
	struct os_stat st;
	int r;

	path_blob(hash, path);
	r = os_stat(reader->dir.fd, path, &st);
	if (r == -ENOENT)
		return 0;
	if (r != 0)
		return r;
	return st.regular && st.size == size;
}

static int
from_memory(const struct tape_value *v, struct tape_blob *blob, struct tape_error *err)
{
	blob->data = malloc(v->size == 0 ? 1 : (size_t)v->size);
	if (blob->data == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
				 "no memory for a value of %llu bytes",
				 (unsigned long long)v->size);
	if (v->size != 0)
		memcpy(blob->data, v->data, (size_t)v->size);
	return 0;
}

/* An inline value over 64 bytes has its hash in the canonical part: it must agree. */
static int
verify_inline(const struct tape_value *v, struct tape_error *err)
{
	struct tape_hash hash;

	if (!v->has_hash)
		return 0;
	hash = hash_bytes(v->data, (size_t)v->size);
	if (hash_equal(&hash, &v->hash))
		return 0;
	return error_set(err, TAPE_ERR_DAMAGED, NULL, 0,
			 "the bytes of a value do not match its hash");
}

static int
verify_file(struct tape_blob *blob, const struct tape_hash *expected,
	    struct tape_error *err)
{
	struct hash_stream *stream = hash_stream_new();
	uint8_t *chunk = malloc(VERIFY_CHUNK);
	struct tape_hash hash = { { 0 } };
	uint64_t at = 0;
	int64_t got = 1;
	int r = 0;

	if (stream == NULL || chunk == NULL) {
		r = error_set(err, TAPE_ERR_NOMEM, blob->path, 0,
			      "no memory to verify a blob");
		goto out;
	}
	hash_stream_reset(stream);
	while (at < blob->size && got > 0) {
		got = os_pread(blob->fd, chunk, VERIFY_CHUNK, at);
		if (got > 0) {
			hash_stream_add(stream, chunk, (size_t)got);
			at += (uint64_t)got;
		}
	}
	hash = hash_stream_end(stream);
	if (got < 0)
		r = error_io(err, (int)got, blob->path, "cannot read the blob");
	else if (at != blob->size || !hash_equal(&hash, expected))
		r = error_set(err, TAPE_ERR_DAMAGED, blob->path, 0,
			      "the blob's bytes do not match its name; restore the file "
			      "from a copy");
out:
	hash_stream_free(stream);
	free(chunk);
	return r;
}

static int
from_loose(struct tape_reader *reader, const struct tape_value *v, struct tape_blob *blob,
	   struct tape_error *err)
{
	struct os_stat st;
	int r;

	path_blob(&v->hash, blob->path);
	r = os_open_read(reader->dir.fd, blob->path, &blob->fd);
	if (r == -ENOENT || r == -ENOTDIR)
		return error_set(err, TAPE_ERR_NOT_FOUND, blob->path, 0,
				 "the blob is missing; restore the file from a copy");
	if (r == 0)
		r = os_fstat(blob->fd, &st);
	if (r != 0)
		return error_io(err, r, blob->path, "cannot open the blob");
	if (st.size != v->size)
		return error_set(
			err, TAPE_ERR_DAMAGED, blob->path, 0,
			"the blob has %llu bytes where %llu were recorded; restore "
			"the file from a copy",
			(unsigned long long)st.size, (unsigned long long)v->size);
	return verify_file(blob, &v->hash, err);
}

/* Where several places failed, the one that says most about why. */
static int
worst_of(const struct tape_error *hinted, int from_hint, const struct tape_error *packed,
	 int from_pack, struct tape_error *err)
{
	if (from_pack != TAPE_ERR_NOT_FOUND) {
		*err = *packed;
		return from_pack;
	}
	/* Where a hint was given, what is wrong there says more than "no loose file". */
	if (from_hint == TAPE_ERR_IO && hinted->code != ENOENT) {
		*err = *hinted;
		return TAPE_ERR_IO;
	}
	if (from_hint == TAPE_ERR_DAMAGED)
		return error_set(err, TAPE_ERR_DAMAGED, hinted->file, hinted->offset,
				 "a blob in a segment is damaged: %.300s",
				 hinted->message);
	return TAPE_ERR_NOT_FOUND;
}

static int
from_store(const struct tape_scope *scope, const struct tape_value *v,
	   const struct body_hint *hint, struct tape_blob *blob, struct tape_error *err)
{
	struct source *source = scope->content.of;
	struct tape_reader *reader = source->reader;
	struct tape_error hinted = { 0 }, packed = { 0 };
	int r, from_hint = 0, from_pack;

	if (hint->segment != BODY_NO_SEGMENT) {
		from_hint = source->ops->blob(source, hint, &v->hash, v->size,
					      &blob->data, &hinted);
		if (from_hint == 0 || from_hint == TAPE_ERR_NOMEM) {
			*err = hinted;
			return from_hint;
		}
	}
	from_pack =
		generations_find_blob(reader, &v->hash, v->size, &blob->data, &packed);
	if (from_pack == 0 || from_pack == TAPE_ERR_NOMEM) {
		*err = packed;
		return from_pack;
	}
	r = from_loose(reader, v, blob, err);
	if (r != TAPE_ERR_NOT_FOUND)
		return r;
	/* It may have been packed between the two looks. */
	if (from_pack == TAPE_ERR_NOT_FOUND)
		from_pack = generations_find_blob(reader, &v->hash, v->size, &blob->data,
						  &packed);
	return from_pack == 0 ? 0 : worst_of(&hinted, from_hint, &packed, from_pack, err);
}

static void
report_blob(const struct tape_scope *scope, const struct tape_value *v, int status,
	    const struct tape_error *err)
{
	struct source *source = scope->content.of;
	bool excused = source->ops->excused(source, &scope->content.place);
	char text[TAPE_HASH_TEXT];

	if (status == TAPE_ERR_IO) {
		(void)reader_unreadable(source->reader, err->file, err->offset,
					-err->code, "cannot read a blob");
		return;
	}
	if (status != TAPE_ERR_NOT_FOUND && status != TAPE_ERR_DAMAGED)
		return;
	tape_hash_text(&v->hash, text);
	reader_report(source->reader, excused ? TAPE_NOTE_MET : TAPE_DAMAGE_MET,
		      err->file, err->offset, v->size, "blob %s: %s", text, err->message);
}

static int
open_value(const struct tape_scope *scope, const struct tape_value *v,
	   const struct body_hint *hint, struct tape_blob *blob, struct tape_error *err)
{
	struct tape_error why = { 0 };
	int r;

	if (v->data != NULL || v->size == 0) {
		r = verify_inline(v, err);
		return r == 0 ? from_memory(v, blob, err) : r;
	}
	if (v->store == TAPE_AS_HASH)
		return error_set(err, TAPE_ERR_MISUSE, NULL, 0,
				 "only the hash of this value was recorded");
	r = from_store(scope, v, hint, blob, &why);
	if (r == 0)
		return 0;
	report_blob(scope, v, r, &why);
	if (err != NULL)
		*err = why;
	return r;
}

int
tape_blob_open(const struct tape_scope *scope, size_t var_index, struct tape_blob **out,
	       struct tape_error *err)
{
	const struct tape_value *v;
	struct body_hint hint = { BODY_NO_SEGMENT, 0 };
	struct tape_blob *blob;
	int r;

	if (scope == NULL || out == NULL || var_index >= scope->rec.form->form.var_count)
		return error_set(err, TAPE_ERR_MISUSE, NULL, 0,
				 "tape_blob_open needs a variable of a scope");
	v = scope_value(scope, var_index, &hint);
	if (v->type == TAPE_ABSENT && v->absent == TAPE_LOST)
		return error_set(err, TAPE_ERR_NOT_FOUND, NULL, 0, "the value is lost");
	if (v->type < TAPE_STR)
		return error_set(err, TAPE_ERR_MISUSE, NULL, 0,
				 "the variable holds no text, bytes or array");
	blob = calloc(1, sizeof *blob);
	if (blob == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a blob");
	blob->fd = -1;
	blob->size = v->size;
	r = open_value(scope, v, &hint, blob, err);
	if (r != 0) {
		tape_blob_close(blob);
		return r;
	}
	*out = blob;
	return 0;
}

uint64_t
tape_blob_size(const struct tape_blob *blob)
{
	return blob->size;
}

int64_t
tape_blob_read(struct tape_blob *blob, void *buf, size_t len, uint64_t offset,
	       struct tape_error *err)
{
	int64_t got;

	if (offset >= blob->size)
		return 0;
	if (len > blob->size - offset)
		len = (size_t)(blob->size - offset);
	if (blob->data != NULL) {
		memcpy(buf, blob->data + offset, len);
		return (int64_t)len;
	}
	got = os_pread(blob->fd, buf, len, offset);
	if (got < 0)
		return error_io(err, (int)got, blob->path, "cannot read the blob");
	if ((size_t)got < len)
		return error_set(err, TAPE_ERR_DAMAGED, blob->path,
				 offset + (uint64_t)got,
				 "the blob became shorter while it was read");
	return got;
}

void
tape_blob_close(struct tape_blob *blob)
{
	if (blob == NULL)
		return;
	os_close(&blob->fd);
	free(blob->data);
	free(blob);
}
