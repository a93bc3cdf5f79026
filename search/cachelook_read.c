/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes and blobs of entries whose values are not at hand. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/os.h"
#include "format/path.h"
#include "search/cachelook_in.h"

/* The session that was asked last stays open, as it was then. */
void
cachelook_close_source(struct cachelook *look)
{
	scope_release(&look->scope);
	if (look->source != NULL)
		look->source->ops->close(look->source);
	look->source = NULL;
	snapshot_free(look->snapshot);
	look->snapshot = NULL;
}

/* 1, 0 = there is no such session, negative. */
static int
open_source(struct cachelook *look, const uint64_t session[2], struct tape_error *err)
{
	int r;

	cachelook_close_source(look);
	r = snapshot_take_between(look->reader, session, session, &look->snapshot, err);
	if (r != 0) {
		look->snapshot = NULL;
		return r;
	}
	for (size_t i = 0; i < look->snapshot->count; i++) {
		if (cachelook_compare(look->snapshot->sessions[i].id, session) != 0)
			continue;
		r = snapshot_open(look->snapshot, i, &look->source, err);
		if (r != 1)
			look->source = NULL;
		return r;
	}
	return 0;
}

int
cachelook_scope(struct cachelook *look, const struct tape_pos *pos,
		cachelook_scope_fn *fn, void *user, struct tape_error *err)
{
	struct source_record rec;
	int r = 0;

	/* As it was opened, then as it is now: it may have grown, or been compacted. */
	for (unsigned tries = 0; tries < 3; tries++) {
		bool open = look->source != NULL &&
			    cachelook_compare(look->opened, pos->session) == 0;

		r = open && tries == 0 ? 1 : open_source(look, pos->session, err);
		memcpy(look->opened, pos->session, sizeof look->opened);
		if (r == 1)
			r = look->source->ops->lookup(look->source, pos->seq, &rec, err);
		if (r == 1)
			r = scope_show(&look->scope, look->source, &rec, NULL) == 0
				    ? 1
				    : TAPE_ERR_NOMEM;
		if (r == 1 || r == TAPE_ERR_NOMEM)
			break;
		cachelook_close_source(look);
	}
	return r == 1 ? fn(user, &look->scope) : r;
}

static int
read_loose(struct cachelook *look, const struct tape_value *v, uint8_t **out,
	   struct tape_error *err)
{
	char path[PATH_BLOB_TEXT];
	struct tape_hash hash;
	struct os_stat st;
	uint8_t *data = NULL;
	int64_t got = 0;
	int fd = -1, r;

	path_blob(&v->hash, path);
	r = os_open_read(look->reader->dir.fd, path, &fd);
	if (r == 0)
		r = os_fstat(fd, &st);
	if (r == -ENOENT)
		return error_set(err, TAPE_ERR_NOT_FOUND, path, 0,
				 "there is no such blob");
	if (r != 0) {
		os_close(&fd);
		return error_io(err, r, path, "cannot open the blob");
	}
	if (st.size == v->size)
		data = malloc((size_t)v->size + 1);
	if (data != NULL)
		got = os_pread(fd, data, (size_t)v->size, 0);
	os_close(&fd);
	if (st.size == v->size && data == NULL)
		return error_set(err, TAPE_ERR_NOMEM, path, 0, "no memory for the blob");
	if (got < 0) {
		free(data);
		return error_io(err, (int)got, path, "cannot read the blob");
	}
	if (data != NULL && got == (int64_t)v->size)
		hash = hash_bytes(data, (size_t)v->size);
	if (data == NULL || got != (int64_t)v->size || !hash_equal(&hash, &v->hash)) {
		free(data);
		return error_set(err, TAPE_ERR_DAMAGED, path, 0,
				 "the blob is not what its name says; restore the file "
				 "from a copy");
	}
	*out = data;
	return 0;
}

int
cachelook_blob(struct cachelook *look, const struct tape_value *value, uint8_t **out,
	       struct tape_error *err)
{
	struct tape_error packed = { 0 };
	uint8_t *data = NULL, *more;
	int r = generations_find_blob(look->reader, &value->hash, value->size, &data,
				      &packed);
	int loose;

	if (r == 0) {
		more = realloc(data, (size_t)value->size + 1);
		if (more == NULL) {
			free(data);
			return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
					 "no memory for the blob");
		}
		*out = more;
		return 0;
	}
	if (r == TAPE_ERR_NOMEM) {
		if (err != NULL)
			*err = packed;
		return r;
	}
	loose = read_loose(look, value, out, err);
	if (loose == 0 || r == TAPE_ERR_NOT_FOUND)
		return loose;
	/* The one that says most about why. */
	if (err != NULL)
		*err = packed;
	return r;
}
