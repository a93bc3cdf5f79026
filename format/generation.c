/* SPDX-License-Identifier: Apache-2.0 */
/* MANIFEST of a generation. docs/format/generation.md section 2. */
#include "format/generation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/generation_text.h"
#include "format/hash.h"
#include "format/le.h"

#define GENERATION_VERSION 1u

void
generation_manifest_release(struct generation_manifest *m)
{
	free(m->files);
	free(m->inputs);
	free(m->foreign);
	memset(m, 0, sizeof *m);
}

/* ---- names ---- */

/* A decimal without leading zeros up to `end`. */
static bool
decimal(const char *text, const char *end, uint64_t *out)
{
	uint64_t v = 0;

	if (text == end || end - text > 18 || (*text == '0' && end - text > 1))
		return false;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return false;
		v = v * 10 + (uint64_t)(*text - '0');
	}
	*out = v;
	return true;
}

bool
generation_parse_name(const char *name, uint64_t *number, uint32_t *hash)
{
	size_t len = strnlen(name, GENERATION_NAME);
	const char *dash = memchr(name, '-', len);
	uint32_t h = 0;
	uint64_t n;

	if (len == GENERATION_NAME || dash == NULL || name + len - dash != 9 ||
	    !decimal(name, dash, &n) || n == 0)
		return false;
	for (const char *c = dash + 1; *c != '\0'; c++) {
		int d = *c >= '0' && *c <= '9'	 ? *c - '0'
			: *c >= 'a' && *c <= 'f' ? *c - 'a' + 10
						 : -1;

		if (d < 0)
			return false;
		h = h << 4 | (uint32_t)d;
	}
	*number = n;
	*hash = h;
	return true;
}

static bool
file_name_sound(const char *name)
{
	static const char *const fixed[] = { "scopes.pack", "index.pack", "index.mdb" };
	const char *at, *dash;
	uint64_t n;

	for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
		if (strcmp(name, fixed[i]) == 0)
			return true;
	if (strncmp(name, "blobs-", 6) != 0)
		return false;
	at = name + 6;
	dash = strchr(at, '-');
	if (dash == NULL || !decimal(at, dash, &n) || n > 31)
		return false;
	at = strchr(dash + 1, '.');
	return at != NULL && decimal(dash + 1, at, &n) && n <= UINT32_MAX &&
	       strcmp(at, ".pack") == 0;
}

/* ---- writing ---- */

static bool
put_head(struct pack_bytes *text, struct json_line *line,
	 const struct generation_manifest *m)
{
	json_line_begin(line);
	json_line_int(line, "tape-generation", GENERATION_VERSION);
	text_hex(line, "tape", m->tape, sizeof m->tape);
	text_hex(line, "uid", m->uid, sizeof m->uid);
	json_line_int(line, "scopes", (int64_t)m->scopes);
	json_line_int(line, "contents", (int64_t)m->contents);
	json_line_int(line, "links", (int64_t)m->links);
	json_line_int(line, "projections", (int64_t)m->projections);
	json_line_int(line, "bookmarks", (int64_t)m->bookmarks);
	json_line_int(line, "blobs", (int64_t)m->blobs);
	json_line_int(line, "blob_bytes", (int64_t)m->blob_bytes);
	json_line_int(line, "raw_blob_bytes", (int64_t)m->raw_blob_bytes);
	json_line_int(line, "first_time", m->first_time);
	json_line_int(line, "last_time", m->last_time);
	return text_add_line(text, line);
}

static bool
put_file(struct pack_bytes *text, struct json_line *line, const struct generation_file *f)
{
	json_line_begin(line);
	json_line_text(line, "file", f->name);
	json_line_int(line, "size", (int64_t)f->size);
	text_hex(line, "hash", f->hash.byte, sizeof f->hash.byte);
	return text_add_line(text, line);
}

static bool
put_input(struct pack_bytes *text, struct json_line *line,
	  const struct generation_input *in)
{
	char session[TAPE_SESSION_TEXT];

	tape_session_text(in->session, session);
	json_line_begin(line);
	json_line_text(line, "input", session);
	json_line_int(line, "log_first", in->log_first);
	json_line_int(line, "log_count", in->log_count);
	json_line_int(line, "blob_first", in->blob_first);
	json_line_int(line, "blob_count", in->blob_count);
	json_line_int(line, "first_seq", (int64_t)in->first_seq);
	json_line_int(line, "last_seq", (int64_t)in->last_seq);
	json_line_int(line, "bytes", (int64_t)in->bytes);
	json_line_bool(line, "complete", in->complete);
	return text_add_line(text, line);
}

int
generation_manifest_write(const struct generation_manifest *m, char **text, size_t *len,
			  struct tape_error *err)
{
	struct pack_bytes bytes = { 0 };
	struct json_line line = { 0 };
	bool good = put_head(&bytes, &line, m);
	int r = 0;

	for (size_t i = 0; i < m->file_count && good; i++)
		good = put_file(&bytes, &line, &m->files[i]);
	for (size_t i = 0; i < m->input_count && good; i++)
		good = put_input(&bytes, &line, &m->inputs[i]);
	for (size_t i = 0; i < m->foreign_count && good; i++) {
		json_line_begin(&line);
		text_hex(&line, "foreign", m->foreign[i], sizeof m->foreign[i]);
		good = text_add_line(&bytes, &line);
	}
	if (good)
		r = text_finish(&bytes, &line, text, len, err);
	else
		r = error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a MANIFEST");
	json_line_release(&line);
	pack_bytes_release(&bytes);
	return r;
}

/* ---- reading ---- */

struct parsing {
	struct generation_manifest *m;
	const char *file;
	struct tape_error *err;
	bool head;
};

static int
bad_line(const struct parsing *p)
{
	return error_set(
		p->err, TAPE_ERR_DAMAGED, p->file, 0,
		"the MANIFEST has a line that cannot be; restore it from a copy");
}

static int
take_head(struct parsing *p, const struct manifest_member *l, size_t n)
{
	struct generation_manifest *m = p->m;
	bool bad = false;

	m->version = (uint32_t)text_number(l, n, "tape-generation", &bad);
	if (!bad && m->version > GENERATION_VERSION)
		return error_set(p->err, TAPE_ERR_TOO_NEW, p->file, 0,
				 "the generation has format version %u: use a newer "
				 "version of tape",
				 (unsigned)m->version);
	text_bytes(l, n, "tape", m->tape, sizeof m->tape, &bad);
	text_bytes(l, n, "uid", m->uid, sizeof m->uid, &bad);
	m->scopes = text_number(l, n, "scopes", &bad);
	m->contents = text_number(l, n, "contents", &bad);
	m->links = text_number(l, n, "links", &bad);
	m->projections = text_number(l, n, "projections", &bad);
	m->bookmarks = text_number(l, n, "bookmarks", &bad);
	m->blobs = text_number(l, n, "blobs", &bad);
	m->blob_bytes = text_number(l, n, "blob_bytes", &bad);
	m->raw_blob_bytes = text_number(l, n, "raw_blob_bytes", &bad);
	m->first_time = text_signed(l, n, "first_time", &bad);
	m->last_time = text_signed(l, n, "last_time", &bad);
	p->head = true;
	return bad || m->version == 0 ? bad_line(p) : 0;
}

static int
take_file(struct parsing *p, const struct manifest_member *l, size_t n)
{
	struct generation_manifest *m = p->m;
	struct generation_file *files = text_grow(m->files, m->file_count, sizeof *files);
	struct generation_file *f;
	bool bad = false;
	const char *name;

	if (files == NULL)
		return error_set(p->err, TAPE_ERR_NOMEM, p->file, 0,
				 "no memory for a MANIFEST");
	m->files = files;
	f = &files[m->file_count];
	name = text_member(l, n, "file", &bad);
	if (bad || strlen(name) >= sizeof f->name || !file_name_sound(name))
		return bad_line(p);
	memcpy(f->name, name, strlen(name) + 1);
	f->size = text_number(l, n, "size", &bad);
	text_bytes(l, n, "hash", f->hash.byte, sizeof f->hash.byte, &bad);
	if (bad || (m->file_count > 0 && strcmp(f[-1].name, f->name) >= 0))
		return bad_line(p);
	m->file_count++;
	return 0;
}

static bool
input_sound(const struct generation_input *in, const struct generation_input *before)
{
	if (in->first_seq > in->last_seq || (in->first_seq == 0) != (in->last_seq == 0) ||
	    in->log_first + (uint64_t)in->log_count > INT32_MAX ||
	    in->blob_first + (uint64_t)in->blob_count > INT32_MAX)
		return false;
	if (before == NULL || before->session[0] < in->session[0])
		return true;
	if (before->session[0] > in->session[0] || before->session[1] > in->session[1])
		return false;
	return before->session[1] < in->session[1] ||
	       before->log_first + before->log_count <= in->log_first;
}

static uint32_t
number32(const struct manifest_member *l, size_t n, const char *key, bool *bad)
{
	uint64_t v = text_number(l, n, key, bad);

	*bad |= v > INT32_MAX;
	return (uint32_t)v;
}

static int
take_input(struct parsing *p, const struct manifest_member *l, size_t n)
{
	struct generation_manifest *m = p->m;
	struct generation_input *inputs =
		text_grow(m->inputs, m->input_count, sizeof *inputs);
	struct generation_input *in;
	bool bad = false;

	if (inputs == NULL)
		return error_set(p->err, TAPE_ERR_NOMEM, p->file, 0,
				 "no memory for a MANIFEST");
	m->inputs = inputs;
	in = &inputs[m->input_count];
	text_session(l, n, "input", in->session, &bad);
	in->log_first = number32(l, n, "log_first", &bad);
	in->log_count = number32(l, n, "log_count", &bad);
	in->blob_first = number32(l, n, "blob_first", &bad);
	in->blob_count = number32(l, n, "blob_count", &bad);
	in->first_seq = text_number(l, n, "first_seq", &bad);
	in->last_seq = text_number(l, n, "last_seq", &bad);
	in->bytes = text_number(l, n, "bytes", &bad);
	in->complete = strcmp(text_member(l, n, "complete", &bad), "true") == 0;
	if (bad || !input_sound(in, m->input_count == 0 ? NULL : in - 1))
		return bad_line(p);
	m->input_count++;
	return 0;
}

static int
take_foreign(struct parsing *p, const struct manifest_member *l, size_t n)
{
	struct generation_manifest *m = p->m;
	uint8_t(*foreign)[16] = text_grow(m->foreign, m->foreign_count, sizeof *foreign);
	bool bad = false;

	if (foreign == NULL)
		return error_set(p->err, TAPE_ERR_NOMEM, p->file, 0,
				 "no memory for a MANIFEST");
	m->foreign = foreign;
	text_bytes(l, n, "foreign", foreign[m->foreign_count], 16, &bad);
	if (bad)
		return bad_line(p);
	m->foreign_count++;
	return 0;
}

static int
take_line(void *user, const struct manifest_member *l, size_t n)
{
	struct parsing *p = user;

	if (n == 0)
		return 0;
	if (strcmp(l[0].key, "tape-generation") == 0)
		return p->head ? bad_line(p) : take_head(p, l, n);
	if (strcmp(l[0].key, "file") == 0)
		return take_file(p, l, n);
	if (strcmp(l[0].key, "input") == 0)
		return take_input(p, l, n);
	if (strcmp(l[0].key, "foreign") == 0)
		return take_foreign(p, l, n);
	return 0;
}

int
generation_manifest_parse(const char *text, size_t len, const char *file,
			  struct generation_manifest *out, struct tape_error *err)
{
	struct parsing p = { .m = out, .file = file, .err = err };
	int r;

	memset(out, 0, sizeof *out);
	r = text_parse(text, len, file, take_line, &p, err);
	if (r == 0 && !p.head)
		r = bad_line(&p);
	if (r != 0)
		generation_manifest_release(out);
	return r;
}

int
generation_manifest_read(int tape_dir, const char *name, struct generation_manifest *out,
			 struct tape_error *err)
{
	char path[sizeof PATH_GEN + GENERATION_NAME + 16];
	struct tape_hash hash;
	uint64_t number;
	uint32_t said;
	char *text = NULL;
	size_t len = 0;
	int r;

	if (!generation_parse_name(name, &number, &said))
		return error_set(err, TAPE_ERR_DAMAGED, name, 0,
				 "this is no name of a generation");
	(void)snprintf(path, sizeof path, PATH_GEN "/%s/MANIFEST", name);
	r = text_load(tape_dir, path, &text, &len, NULL, err);
	if (r != 0)
		return r;
	hash = hash_bytes(text, len);
	if (((uint32_t)hash.byte[0] << 24 | (uint32_t)hash.byte[1] << 16 |
	     (uint32_t)hash.byte[2] << 8 | hash.byte[3]) != said)
		r = error_set(err, TAPE_ERR_DAMAGED, path, 0,
			      "the MANIFEST does not fit the name of its generation; "
			      "restore it from a copy");
	else
		r = generation_manifest_parse(text, len, path, out, err);
	free(text);
	return r;
}
