/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/testwriter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "format/le.h"
#include "format/os.h"
#include "format/path.h"

const uint8_t testwriter_tape_id[16] = { 0x60, 0x1d, 0xe2, 0x11, 0x7a, 0x9e, 0x40, 0x01,
					 0x80, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07 };
const uint64_t testwriter_session_a[2] = { 1795342272123456, 0x0a1b2c3d };
const uint64_t testwriter_session_b[2] = { 1795345872000001, 0x00000001 };

static void
must(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "testwriter: %s\n", what);
	abort();
}

static void
reserve(uint8_t **data, size_t *cap, size_t need)
{
	if (need <= *cap)
		return;
	*cap = need * 2;
	*data = realloc(*data, *cap);
	must(*data != NULL, "no memory");
}

/* ---- segments ---- */

void
testwriter_begin(struct testwriter *w, const uint64_t session[2], uint32_t number,
		 bool blob, uint64_t first_seq)
{
	memset(w, 0, sizeof *w);
	memcpy(w->id.tape, testwriter_tape_id, sizeof w->id.tape);
	w->id.session[0] = session[0];
	w->id.session[1] = session[1];
	w->id.number = number;
	w->id.blob = blob;
	reserve(&w->data, &w->cap, SEGMENT_HEADER);
	segment_header_write(&w->id, w->data, &w->key);
	w->len = SEGMENT_HEADER;
	w->seq = w->first_seq = first_seq;
	w->time = (int64_t)session[0] * 1000 + (int64_t)number * 1000000000;
}

void
testwriter_first_group(struct testwriter *w, const char *sync)
{
	char session[TAPE_SESSION_TEXT], number[16];

	tape_session_text(w->id.session, session);
	(void)snprintf(number, sizeof number, "%u", (unsigned)w->id.number);
	testwriter_note(w, "session", session);
	testwriter_note(w, "name", "golden");
	testwriter_note(w, "host", "golden");
	testwriter_note(w, "boot_id", "00000000-0000-4000-8000-000000000001");
	testwriter_note(w, "pid", "4242");
	testwriter_note(w, "pid_start", "123456");
	testwriter_note(w, "rank", "3");
	testwriter_note(w, "size", "8");
	testwriter_note(w, "uid", "1000");
	testwriter_note(w, "library", "0.1.0");
	testwriter_note(w, "segment", number);
	testwriter_note(w, "sync", sync);
	if (strcmp(sync, "commit") == 0)
		testwriter_pad(w, 4096);
	testwriter_group(w);
}

void
testwriter_release(struct testwriter *w)
{
	free(w->data);
	free(w->payload);
	memset(w, 0, sizeof *w);
}

void
testwriter_frame_kind(struct testwriter *w, unsigned kind, unsigned flags)
{
	struct frame frame = {
		.kind = (uint8_t)kind,
		.flags = (uint8_t)flags,
		.contents = w->contents,
		.payload_bytes = (uint32_t)w->payload_len,
		.first_seq = w->frame_scopes > 0 ? w->first_seq : w->seq,
		.scopes = w->frame_scopes,
		.records = w->frame_records,
		.base_time = w->time,
		.offset = w->len,
	};

	reserve(&w->payload, &w->payload_cap, 1);
	reserve(&w->data, &w->cap, w->len + FRAME_HEADER + w->payload_len);
	frame_header_write(&w->key, &frame, w->payload, w->data + w->len);
	memcpy(w->data + w->len + FRAME_HEADER, w->payload, w->payload_len);
	w->last_frame = w->len;
	w->len += FRAME_HEADER + w->payload_len;
	w->time += 1000000;
	w->frames++;
	w->scopes += w->frame_scopes;
	w->payload_len = 0;
	w->contents = 0;
	w->frame_scopes = w->frame_records = 0;
}

void
testwriter_frame(struct testwriter *w, unsigned flags)
{
	bool blobs = (w->contents & HAS_BLOB) != 0 && w->contents == HAS_BLOB;

	testwriter_frame_kind(w, blobs ? FRAME_BLOBS : FRAME_RECORDS, flags);
}

void
testwriter_group(struct testwriter *w)
{
	testwriter_frame(w, FRAME_FIRST | FRAME_LAST);
}

void
testwriter_pad(struct testwriter *w, size_t block)
{
	size_t end = w->len + FRAME_HEADER + w->payload_len, gap = block - end % block;

	if (gap == block)
		return;
	if (gap < RECORD_HEADER)
		gap += block;
	must(gap <= 65536, "a pad of that size");
	static const uint8_t zero[65536];
	testwriter_record(w, RECORD_PAD, 0, zero, gap - RECORD_HEADER);
}

void
testwriter_end_counts(struct testwriter *w, const struct end_info *end)
{
	uint8_t payload[END_PAYLOAD];

	end_payload_write(end, payload);
	reserve(&w->payload, &w->payload_cap, sizeof payload);
	memcpy(w->payload, payload, sizeof payload);
	w->payload_len = sizeof payload;
	testwriter_frame_kind(w, FRAME_END, FRAME_FIRST | FRAME_LAST);
}

void
testwriter_end(struct testwriter *w, enum end_reason reason)
{
	struct end_info end = { w->seq, w->scopes, w->frames, reason };

	testwriter_end_counts(w, &end);
}

void
testwriter_bytes(struct testwriter *w, const void *bytes, size_t len)
{
	reserve(&w->data, &w->cap, w->len + len);
	memcpy(w->data + w->len, bytes, len);
	w->len += len;
}

void
testwriter_reseal(struct testwriter *w, size_t offset)
{
	uint8_t *header = w->data + offset;
	uint32_t payload_bytes = get_le32(header + 12);

	must(offset + FRAME_HEADER + payload_bytes <= w->len, "no frame there");
	put_le64(header + 48,
		 hash_check(header + FRAME_HEADER, payload_bytes, w->key.seed));
	put_le64(header + 56, hash_check(header, 56, w->key.seed));
}

void
testwriter_reseal_header(struct testwriter *w)
{
	put_le64(w->data + 56, hash_check(w->data, 56, 0));
}

/* ---- records ---- */

/* Room for a record of len bytes at the end of the frame. */
static uint8_t *
add(struct testwriter *w, unsigned kind, size_t len)
{
	static const uint16_t contents[] = {
		[RECORD_FORM] = HAS_FORM,	  [RECORD_SCOPE] = HAS_SCOPE,
		[RECORD_LINK] = HAS_LINK,	  [RECORD_PROJECTION] = HAS_PROJECTION,
		[RECORD_BLOB] = HAS_BLOB,	  [RECORD_BOOKMARK] = HAS_BOOKMARK,
		[RECORD_CACHE] = HAS_CACHE,	  [RECORD_CACHE_DROP] = HAS_CACHE,
		[RECORD_CONTINUE] = HAS_CONTINUE, [RECORD_MARK] = HAS_MARK,
		[RECORD_NOTE] = HAS_NOTE,
	};
	uint8_t *at;

	reserve(&w->payload, &w->payload_cap, w->payload_len + len);
	at = w->payload + w->payload_len;
	w->payload_len += len;
	w->frame_records++;
	if (kind <= RECORD_NOTE)
		w->contents |= contents[kind];
	if (!record_has_seq(kind))
		return at;
	if (w->frame_scopes++ == 0)
		w->first_seq = w->seq;
	w->seq++;
	return at;
}

void
testwriter_form(struct testwriter *w, const struct form *form)
{
	form_record_write(form, add(w, RECORD_FORM, form_record_size(form)));
}

static uint64_t
add_body(struct testwriter *w, unsigned kind, const struct form *form,
	 const struct tape_value *values, const struct body_hint *hints, int64_t delta)
{
	struct tape_error err;
	int64_t size = body_write(form, values, hints, NULL, 0, NULL, &err);
	uint8_t *at;

	if (size < 0)
		must(false, err.message);
	at = add(w, kind, SCOPE_PREFIX + (size_t)size);
	record_header_write(at, (uint32_t)(SCOPE_PREFIX + (size_t)size), kind,
			    form->number);
	put_le64(at + 8, (uint64_t)delta);
	must(body_write(form, values, hints, at + SCOPE_PREFIX, (size_t)size, NULL,
			&err) == size,
	     "a body changed its size");
	return w->seq - 1;
}

uint64_t
testwriter_scope(struct testwriter *w, const struct form *form,
		 const struct tape_value *values, const struct body_hint *hints,
		 int64_t delta)
{
	return add_body(w, RECORD_SCOPE, form, values, hints, delta);
}

uint64_t
testwriter_bookmark(struct testwriter *w, const struct form *form,
		    const struct tape_value *values, int64_t delta)
{
	return add_body(w, RECORD_BOOKMARK, form, values, NULL, delta);
}

uint64_t
testwriter_scope_bytes(struct testwriter *w, uint32_t form, const void *body, size_t len)
{
	uint8_t *at = add(w, RECORD_SCOPE, SCOPE_PREFIX + len);

	record_header_write(at, (uint32_t)(SCOPE_PREFIX + len), RECORD_SCOPE, form);
	put_le64(at + 8, 0);
	if (len > 0)
		memcpy(at + SCOPE_PREFIX, body, len);
	return w->seq - 1;
}

uint64_t
testwriter_link(struct testwriter *w, const struct form *form, uint64_t target,
		int64_t delta)
{
	record_link_write(add(w, RECORD_LINK, LINK_RECORD), RECORD_LINK, form->number,
			  delta, target);
	return w->seq - 1;
}

uint64_t
testwriter_projection(struct testwriter *w, const struct form *form, uint64_t target,
		      int64_t delta)
{
	record_link_write(add(w, RECORD_PROJECTION, LINK_RECORD), RECORD_PROJECTION,
			  form->number, delta, target);
	return w->seq - 1;
}

struct body_hint
testwriter_blob(struct testwriter *w, const void *data, size_t len)
{
	struct body_hint hint = { w->id.number | (w->id.blob ? BODY_BLOB_SEGMENT : 0),
				  w->len + FRAME_HEADER + w->payload_len };
	struct tape_hash hash = hash_bytes(data, len);
	uint8_t *at = add(w, RECORD_BLOB, BLOB_PREFIX + len);

	at += record_blob_prefix_write(at, &hash, len);
	if (len > 0)
		memcpy(at, data, len);
	return hint;
}

void
testwriter_cache(struct testwriter *w, const struct tape_hash *key, uint64_t seq)
{
	record_cache_write(add(w, RECORD_CACHE, CACHE_RECORD), key, seq);
}

void
testwriter_cache_drop(struct testwriter *w, const struct tape_hash *key)
{
	record_cache_drop_write(add(w, RECORD_CACHE_DROP, CACHE_DROP_RECORD), key);
}

void
testwriter_continue(struct testwriter *w, const uint64_t session[2], uint64_t seq)
{
	struct tape_pos pos = { { session[0], session[1] }, seq };

	record_continue_write(add(w, RECORD_CONTINUE, CONTINUE_RECORD), &pos);
}

void
testwriter_mark(struct testwriter *w)
{
	uint64_t offset = w->len;

	record_mark_write(add(w, RECORD_MARK, MARK_RECORD), w->id.number, offset);
}

void
testwriter_note(struct testwriter *w, const char *key, const char *value)
{
	record_note_write(add(w, RECORD_NOTE, record_note_size(key, value)), key, value);
}

void
testwriter_record(struct testwriter *w, unsigned kind, uint32_t form, const void *data,
		  size_t len)
{
	uint8_t *at = add(w, kind, RECORD_HEADER + len);

	record_header_write(at, (uint32_t)(RECORD_HEADER + len), kind, form);
	if (len > 0)
		memcpy(at + RECORD_HEADER, data, len);
}

/* ---- values ---- */

struct tape_value
testwriter_small(uint8_t type, unsigned value)
{
	struct tape_value v = { .type = type };

	if (type == TAPE_ABSENT)
		v.absent = (uint8_t)value;
	else
		v.as.i = value;
	return v;
}

struct tape_value
testwriter_i64(int64_t value)
{
	struct tape_value v = { .type = TAPE_I64 };

	v.as.i = value;
	return v;
}

struct tape_value
testwriter_u64(uint64_t value)
{
	struct tape_value v = { .type = TAPE_U64 };

	v.as.u = value;
	return v;
}

struct tape_value
testwriter_f64(double value)
{
	struct tape_value v = { .type = TAPE_F64 };

	v.as.f = value;
	return v;
}

struct tape_value
testwriter_f32(float value)
{
	struct tape_value v = { .type = TAPE_F32 };

	v.as.f = (double)value;
	return v;
}

struct tape_value
testwriter_complex(uint8_t type, double re, double im)
{
	struct tape_value v = { .type = type };

	v.as.c[0] = re;
	v.as.c[1] = im;
	return v;
}

struct tape_value
testwriter_bytes_value(uint8_t type, const void *data, size_t len)
{
	struct tape_value v = { .type = type, .data = data, .size = len };

	return v;
}

struct tape_value
testwriter_text(const char *text)
{
	return testwriter_bytes_value(TAPE_STR, text, strlen(text));
}

struct tape_value
testwriter_array(enum tape_dtype dtype, const void *data, unsigned ndim,
		 const uint64_t *dims, bool fortran)
{
	struct tape_value v = {
		.type = TAPE_ARRAY_T,
		.dtype = (uint8_t)dtype,
		.ndim = (uint8_t)ndim,
		.fortran = fortran,
		.data = data,
		.size = tape_dtype_size(dtype),
	};

	for (unsigned i = 0; i < ndim; i++) {
		v.dims[i] = dims[i];
		v.size *= dims[i];
	}
	return v;
}

/* ---- files ---- */

static void
make_dir(const char *dir, const char *name)
{
	char path[1024];
	int status;

	(void)snprintf(path, sizeof path, "%s%s%s", dir, name[0] != '\0' ? "/" : "",
		       name);
	status = os_mkdir(OS_CWD, path);
	must(status == 0 || status == -17, "cannot make a directory"); /* -EEXIST */
}

void
testwriter_file(const char *dir, const char *path, const void *data, size_t len)
{
	char whole[1024];
	int fd = -1;

	(void)snprintf(whole, sizeof whole, "%s/%s", dir, path);
	(void)os_unlink(OS_CWD, whole);
	must(os_create(OS_CWD, whole, &fd) == 0, "cannot create a file");
	must(os_write_all(fd, data, len, NULL) == 0, "cannot write a file");
	os_close(&fd);
}

void
testwriter_tape(const char *dir, unsigned version)
{
	char text[64], *at = text;

	at += snprintf(text, sizeof text, "tape %u ", version);
	for (unsigned i = 0; i < 16; i++)
		at += snprintf(at, 4, "%02x", testwriter_tape_id[i]);
	*at++ = '\n';
	make_dir(dir, "");
	testwriter_file(dir, PATH_TAPE, text, (size_t)(at - text));
}

void
testwriter_save_as(const struct testwriter *w, const char *dir, const uint64_t session[2],
		   uint32_t number)
{
	char path[256], text[TAPE_SESSION_TEXT], segment[PATH_SEGMENT_TEXT];

	tape_session_text(session, text);
	path_segment(number, w->id.blob, segment);
	make_dir(dir, PATH_SESSIONS);
	(void)snprintf(path, sizeof path, "%s/%s", PATH_SESSIONS, text);
	make_dir(dir, path);
	(void)snprintf(path, sizeof path, "%s/%s/%s", PATH_SESSIONS, text, segment);
	testwriter_file(dir, path, w->data, w->len);
}

void
testwriter_save(const struct testwriter *w, const char *dir)
{
	testwriter_save_as(w, dir, w->id.session, w->id.number);
}

void
testwriter_loose_blob(const char *dir, const void *data, size_t len)
{
	struct tape_hash hash = hash_bytes(data, len);
	char path[PATH_BLOB_TEXT], parent[PATH_BLOB_TEXT];

	path_blob(&hash, path);
	(void)snprintf(parent, sizeof parent, "%.8s", path); /* "blobs/ab" */
	make_dir(dir, PATH_BLOBS);
	make_dir(dir, parent);
	testwriter_file(dir, path, data, len);
}
