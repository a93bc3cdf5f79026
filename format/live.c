/* SPDX-License-Identifier: Apache-2.0 */
/* Which generations count. docs/format/generation.md section 3. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/generation.h"
#include "format/generation_text.h"
#include "format/hash.h"
#include "format/os.h"

#define LIVE_VERSION 1u

void
live_list_release(struct live_list *l)
{
	free(l->generations);
	free(l->unreferenced);
	memset(l, 0, sizeof *l);
}

/* ---- the label filter ---- */

static void
filter_bits(const char *label, unsigned bit[3])
{
	uint64_t h = hash_check(label, strlen(label), 0);

	for (unsigned i = 0; i < 3; i++)
		bit[i] = (unsigned)(h >> 20 * i) & 1023u;
}

void
live_filter_add(uint8_t filter[128], const char *label)
{
	unsigned bit[3];

	filter_bits(label, bit);
	for (unsigned i = 0; i < 3; i++)
		filter[bit[i] / 8] |= (uint8_t)(1u << bit[i] % 8);
}

bool
live_filter_may(const uint8_t filter[128], const char *label)
{
	unsigned bit[3];
	bool all = true;

	filter_bits(label, bit);
	for (unsigned i = 0; i < 3; i++)
		all &= (filter[bit[i] / 8] >> bit[i] % 8 & 1) != 0;
	return all;
}

/* ---- writing ---- */

static bool
put_generation(struct pack_bytes *text, struct json_line *line,
	       const struct live_generation *g)
{
	char first[TAPE_SESSION_TEXT], last[TAPE_SESSION_TEXT];

	tape_session_text(g->first_session, first);
	tape_session_text(g->last_session, last);
	json_line_begin(line);
	json_line_text(line, "generation", g->name);
	text_hex(line, "manifest", g->manifest.byte, sizeof g->manifest.byte);
	json_line_int(line, "scopes", (int64_t)g->scopes);
	json_line_int(line, "contents", (int64_t)g->contents);
	json_line_int(line, "first_time", g->first_time);
	json_line_int(line, "last_time", g->last_time);
	json_line_text(line, "first_session", first);
	json_line_text(line, "last_session", last);
	json_line_int(line, "bytes", (int64_t)g->bytes);
	text_hex(line, "labels", g->label_filter, sizeof g->label_filter);
	return text_add_line(text, line);
}

int
live_list_write(const struct live_list *l, char **text, size_t *len,
		struct tape_error *err)
{
	struct pack_bytes bytes = { 0 };
	struct json_line line = { 0 };
	bool good;
	int r = 0;

	json_line_begin(&line);
	json_line_int(&line, "tape-live", LIVE_VERSION);
	json_line_int(&line, "number", (int64_t)l->number);
	good = text_add_line(&bytes, &line);
	for (size_t i = 0; i < l->count && good; i++)
		good = put_generation(&bytes, &line, &l->generations[i]);
	for (size_t i = 0; i < l->unreferenced_count && good; i++) {
		json_line_begin(&line);
		text_hex(&line, "unreferenced", l->unreferenced[i].hash.byte, 16);
		json_line_int(&line, "since", l->unreferenced[i].since_ns);
		good = text_add_line(&bytes, &line);
	}
	if (good)
		r = text_finish(&bytes, &line, text, len, err);
	else
		r = error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a live list");
	json_line_release(&line);
	pack_bytes_release(&bytes);
	return r;
}

/* ---- reading ---- */

struct parsing {
	struct live_list *l;
	const char *file;
	struct tape_error *err;
	bool head;
};

static int
bad_line(const struct parsing *p)
{
	return error_set(p->err, TAPE_ERR_DAMAGED, p->file, 0,
			 "the live list has a line that cannot be; restore it from a "
			 "copy");
}

static int
take_head(struct parsing *p, const struct manifest_member *l, size_t n)
{
	bool bad = p->head;
	uint64_t version = text_number(l, n, "tape-live", &bad);

	if (!bad && version > LIVE_VERSION)
		return error_set(p->err, TAPE_ERR_TOO_NEW, p->file, 0,
				 "the live list has format version %llu: use a newer "
				 "version of tape",
				 (unsigned long long)version);
	p->l->number = text_number(l, n, "number", &bad);
	p->head = true;
	return bad || version == 0 || p->l->number == 0 ? bad_line(p) : 0;
}

static int
take_generation(struct parsing *p, const struct manifest_member *l, size_t n)
{
	struct live_generation *list =
		text_grow(p->l->generations, p->l->count, sizeof *list);
	struct live_generation *g;
	uint64_t number, before;
	uint32_t hash;
	bool bad = false;
	const char *name;

	if (list == NULL)
		return error_set(p->err, TAPE_ERR_NOMEM, p->file, 0,
				 "no memory for the live list");
	p->l->generations = list;
	g = &list[p->l->count];
	name = text_member(l, n, "generation", &bad);
	if (bad || !generation_parse_name(name, &number, &hash))
		return bad_line(p);
	memcpy(g->name, name, strlen(name) + 1);
	text_bytes(l, n, "manifest", g->manifest.byte, sizeof g->manifest.byte, &bad);
	g->scopes = text_number(l, n, "scopes", &bad);
	g->contents = text_number(l, n, "contents", &bad);
	g->first_time = text_signed(l, n, "first_time", &bad);
	g->last_time = text_signed(l, n, "last_time", &bad);
	text_session(l, n, "first_session", g->first_session, &bad);
	text_session(l, n, "last_session", g->last_session, &bad);
	g->bytes = text_number(l, n, "bytes", &bad);
	text_bytes(l, n, "labels", g->label_filter, sizeof g->label_filter, &bad);
	if (p->l->count > 0 &&
	    (!generation_parse_name(g[-1].name, &before, &hash) || before >= number))
		bad = true;
	p->l->count += !bad;
	return bad ? bad_line(p) : 0;
}

static int
take_unreferenced(struct parsing *p, const struct manifest_member *l, size_t n)
{
	struct live_blob *list =
		text_grow(p->l->unreferenced, p->l->unreferenced_count, sizeof *list);
	struct live_blob *b;
	bool bad = false;

	if (list == NULL)
		return error_set(p->err, TAPE_ERR_NOMEM, p->file, 0,
				 "no memory for the live list");
	p->l->unreferenced = list;
	b = &list[p->l->unreferenced_count];
	text_bytes(l, n, "unreferenced", b->hash.byte, sizeof b->hash.byte, &bad);
	b->since_ns = text_signed(l, n, "since", &bad);
	if (bad || (p->l->unreferenced_count > 0 &&
		    memcmp(b[-1].hash.byte, b->hash.byte, sizeof b->hash.byte) >= 0))
		return bad_line(p);
	p->l->unreferenced_count++;
	return 0;
}

static int
take_line(void *user, const struct manifest_member *l, size_t n)
{
	struct parsing *p = user;

	if (n == 0)
		return 0;
	if (strcmp(l[0].key, "tape-live") == 0)
		return take_head(p, l, n);
	if (strcmp(l[0].key, "generation") == 0)
		return take_generation(p, l, n);
	if (strcmp(l[0].key, "unreferenced") == 0)
		return take_unreferenced(p, l, n);
	return 0;
}

int
live_list_parse(const char *text, size_t len, const char *file, struct live_list *out,
		struct tape_error *err)
{
	struct parsing p = { .l = out, .file = file, .err = err };
	int r;

	memset(out, 0, sizeof *out);
	r = text_parse(text, len, file, take_line, &p, err);
	if (r == 0 && !p.head)
		r = bad_line(&p);
	if (r != 0)
		live_list_release(out);
	return r;
}

/* ---- the directory ---- */

static int
highest(void *user, const char *name)
{
	uint64_t *most = user, v = 0;
	size_t len = strnlen(name, 19);

	if (len == 0 || len > 18 || name[0] == '0')
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return 0;
		v = v * 10 + (uint64_t)(name[i] - '0');
	}
	if (v > *most)
		*most = v;
	return 0;
}

int
live_list_number(int tape_dir, uint64_t *number, struct tape_error *err)
{
	uint64_t most = 0;
	int r = os_list(tape_dir, PATH_LIVE, highest, &most);

	if (r != 0 && r != -ENOENT)
		return error_io(err, r, PATH_LIVE, "cannot list the live lists");
	*number = most;
	return 0;
}

/* 1 = read, 0 = it has gone since it was listed. */
static int
read_number(int tape_dir, uint64_t number, struct live_list *out, struct tape_error *err)
{
	char path[sizeof PATH_LIVE + 24];
	struct os_stat st;
	char *text = NULL;
	size_t len = 0;
	int r;

	(void)snprintf(path, sizeof path, PATH_LIVE "/%llu", (unsigned long long)number);
	r = os_stat(tape_dir, path, &st);
	if (r == -ENOENT)
		return 0;
	if (r != 0)
		return error_io(err, r, path, "cannot look at the live list");
	r = text_load(tape_dir, path, &text, &len, NULL, err);
	if (r == TAPE_ERR_NOT_FOUND)
		return 0;
	if (r == 0)
		r = live_list_parse(text, len, path, out, err);
	free(text);
	if (r != 0)
		return r;
	if (out->number == number)
		return 1;
	live_list_release(out);
	return error_set(err, TAPE_ERR_DAMAGED, path, 0,
			 "the live list has another number than its name; restore it "
			 "from a copy");
}

int
live_list_read(int tape_dir, struct live_list *out, struct tape_error *err)
{
	uint64_t number;
	int r;

	memset(out, 0, sizeof *out);
	/* A newer one may take its place meanwhile: then that one is read. */
	for (int tries = 0; tries < 100; tries++) {
		r = live_list_number(tape_dir, &number, err);
		if (r != 0 || number == 0)
			return r;
		r = read_number(tape_dir, number, out, err);
		if (r != 0)
			return r == 1 ? 0 : r;
	}
	return error_set(err, TAPE_ERR_IO, PATH_LIVE, 0,
			 "the live list changes all the time; try again");
}
