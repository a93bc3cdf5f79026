/* SPDX-License-Identifier: Apache-2.0 */
/* tape-record: a row becomes a scope, a file becomes a blob. */
#include <errno.h>
#include <string.h>

#include "cli/mem.h"
#include "cli/record.h"
#include "format/os.h"

#define BLOB_CHUNK ((size_t)256 << 10)
#define MAX_LABELS 64u
#define MAX_VARS 65536u

/*
 * Opens the file component by component, following no link, so that nothing
 * outside the directory can be reached. 0 or a negative errno.
 */
static int
open_beneath(int top, const char *path, int *fd_out)
{
	char part[256];
	int dir = -1, next = -1;
	int r = *path == '/' || !*path ? -EXDEV : 0;

	while (r == 0) {
		size_t len = strcspn(path, "/");
		bool last = path[len] == 0;
		if (len == 0 || len >= sizeof(part) ||
		    strncmp(path, "..", len + 1) == 0 ||
		    (len == 2 && path[0] == '.' && path[1] == '.')) {
			r = -EXDEV;
			break;
		}
		memcpy(part, path, len);
		part[len] = 0;
		int at = dir < 0 ? top : dir;
		r = last ? os_open_read(at, part, fd_out)
			 : os_open_dir(at, part, false, &next);
		/* A link to a directory is said to be no directory. */
		struct os_stat st;
		if (r == -ENOTDIR && os_stat(at, part, &st) == 0 && !st.regular)
			r = -ELOOP;
		if (last || r < 0)
			break;
		os_close(&dir);
		dir = next;
		next = -1;
		path += len + 1;
	}
	os_close(&dir);
	return r;
}

static bool
blob_refused(struct record *record, const struct row_blob *blob, size_t column, int r)
{
	char cause[80];

	if (r == -EXDEV)
		return row_wrong(&record->row, column,
				 "the blob '%s' is not beneath --blob-dir", blob->file);
	if (r == -ELOOP)
		return row_wrong(&record->row, column,
				 "the blob '%s' is, or is under, a symbolic link",
				 blob->file);
	if (r == -EINVAL)
		return row_wrong(&record->row, column, "the blob '%s' is no regular file",
				 blob->file);
	return row_wrong(&record->row, column, "the blob '%s': %s", blob->file,
			 os_strerror(r, cause, sizeof(cause)));
}

/* dtype and shape say how many bytes there must be. */
static bool
blob_shape(struct record *record, struct row_blob *blob, size_t column)
{
	struct tape_ref *ref = &blob->ref;
	unsigned dtype = tape_dtype_parse(blob->dtype);
	uint64_t bytes = tape_dtype_size(dtype);
	bool fits = true;

	if (!blob->dtype[0])
		return blob->ndim == 0 ||
		       row_wrong(&record->row, column, "\"shape\" needs a \"dtype\"");
	if (blob->ndim == 0) {
		blob->ndim = 1;
		blob->dim[0] = ref->size / bytes;
	}
	for (unsigned i = 0; i < blob->ndim; i++) {
		fits &= !__builtin_mul_overflow(bytes, blob->dim[i], &bytes);
		ref->dims[i] = blob->dim[i];
	}
	if (!fits || bytes != ref->size)
		return row_wrong(
			&record->row, column,
			"the blob '%s' has %llu bytes, which dtype and shape do not fit",
			blob->file, (unsigned long long)ref->size);
	ref->dtype = tape_dtype_name(dtype);
	ref->ndim = blob->ndim;
	ref->fortran = blob->fortran;
	return true;
}

bool
record_blob(struct record *record, struct row_blob *blob, size_t column)
{
	static char chunk[BLOB_CHUNK];
	struct tape_stream *stream = NULL;
	int fd = -1;
	int64_t n = open_beneath(record->blob_fd, blob->file, &fd);

	if (n < 0)
		return blob_refused(record, blob, column, (int)n);
	stream = tape_stream_open(record->tape);
	while ((n = os_read(fd, chunk, sizeof(chunk))) > 0)
		if (tape_stream_write(stream, chunk, (size_t)n) < 0)
			break;
	os_close(&fd);
	if (n < 0) {
		tape_stream_cancel(stream);
		return blob_refused(record, blob, column, (int)n);
	}
	if (tape_stream_close(stream, &blob->ref) < 0)
		return row_wrong(&record->row, column,
				 "the blob '%s' could not be stored", blob->file);
	return blob_shape(record, blob, column);
}

static void
put_array(struct record *record, struct tape_build *b, const struct row_var *var)
{
	const struct row_array *array = &var->as.array;
	struct tape_nd nd = {
		/* No slot yet: the first array ever, and empty. */
		.data = record->row.slot ? record->row.slot + array->first : NULL,
		.dtype = tape_dtype_name(array->dtype),
		.ndim = array->ndim,
	};

	for (unsigned i = 0; i < array->ndim; i++)
		nd.dims[i] = array->dim[i];
	(void)tape_build_nd(b, var->name, var->name_len, &nd, 0);
}

static void
put_var(struct record *record, struct tape_build *b, const struct row_var *var)
{
	const char *name = var->name;
	size_t len = var->name_len;

	switch ((enum row_kind)var->kind) {
	case ROW_NULL:
		(void)tape_build_null(b, name, len);
		break;
	case ROW_BOOL:
		(void)tape_build_bool(b, name, len, var->as.truth);
		break;
	case ROW_I64:
		(void)tape_build_i64(b, name, len, var->as.i);
		break;
	case ROW_U64:
		(void)tape_build_u64(b, name, len, var->as.u);
		break;
	case ROW_F64:
		(void)tape_build_f64(b, name, len, var->as.f);
		break;
	case ROW_STR:
		(void)tape_build_str(b, name, len, var->as.str.text, var->as.str.len);
		break;
	case ROW_ARRAY:
		put_array(record, b, var);
		break;
	case ROW_BLOB:
		(void)tape_build_ref(b, name, len, &var->as.blob->ref);
		break;
	}
}

static bool
row_fits(struct record *record)
{
	struct row *row = &record->row;

	if (row->label_count + record->labels.count > MAX_LABELS)
		return row_wrong(row, 1, "more than %u labels", MAX_LABELS);
	if (row->count > MAX_VARS)
		return row_wrong(row, row->var[MAX_VARS].column, "more than %u variables",
				 MAX_VARS);
	for (size_t i = 0; i < row->count; i++)
		if (row->var[i].kind == ROW_BLOB &&
		    !record_blob(record, row->var[i].as.blob, row->var[i].column))
			return false;
	return true;
}

bool
record_emit(struct record *record)
{
	struct row *row = &record->row;
	struct tape_build *b;

	if (!row_fits(record))
		return false;
	b = tape_build_begin(record->tape, NULL);
	for (size_t i = 0; i < record->labels.count; i++)
		(void)tape_build_label(b, record->labels.item[i], TAPE_NUL);
	for (size_t i = 0; i < row->label_count; i++)
		(void)tape_build_label(b, row->label[i].text, row->label[i].len);
	if (strcmp(record->file, "-") != 0)
		(void)tape_build_site(b, record->file, 0, "");
	if (row->has_time)
		(void)tape_build_time(b, row->time_ns);
	for (size_t i = 0; i < row->count; i++)
		put_var(record, b, &row->var[i]);
	if (tape_build_end(b) < 0)
		return row_wrong(row, 1, "it could not be recorded");
	return true;
}
