/* SPDX-License-Identifier: Apache-2.0 */
/* tape_check: findings, attempts, and what the parts of a check have in common. */
#include "compactor/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/os.h"

#define DEFAULT_MEMORY (UINT64_C(256) << 20)
/* Findings that are kept; what is beyond is counted. */
#define ITEMS_MAX 50000u
/* Attempts on a tape that is compacted meanwhile. */
#define TRIES 20
#define FORGOTTEN (-1)
#define CHUNK (1u << 20)
#define TICK INT64_C(50000000)

int
check_no_memory(struct check *c)
{
	return error_set(c->err, TAPE_ERR_NOMEM, NULL, 0, "no memory to check the tape");
}

/* ---- sets ---- */

static size_t
slot_of(const struct check_set *s, const struct tape_hash *key)
{
	static const struct tape_hash none;
	uint64_t mix;
	size_t i;

	memcpy(&mix, key->byte, sizeof mix);
	i = (size_t)mix & (s->cap - 1);
	while (!hash_equal(&s->keys[i], &none) && !hash_equal(&s->keys[i], key))
		i = (i + 1) & (s->cap - 1);
	return i;
}

static bool
set_grow(struct check_set *s)
{
	static const struct tape_hash none;
	struct check_set more = { .cap = s->cap == 0 ? 256 : s->cap * 2,
				  .most = s->most };

	if (s->count * 2 < s->cap)
		return true;
	if (s->most != 0 && more.cap / 2 > s->most)
		return false;
	more.keys = calloc(more.cap, sizeof *more.keys);
	more.marks = calloc(more.cap, sizeof *more.marks);
	if (more.keys == NULL || more.marks == NULL) {
		check_set_release(&more);
		return false;
	}
	for (size_t i = 0; i < s->cap; i++) {
		size_t to;

		if (hash_equal(&s->keys[i], &none))
			continue;
		to = slot_of(&more, &s->keys[i]);
		more.keys[to] = s->keys[i];
		more.marks[to] = s->marks[i];
	}
	more.count = s->count;
	check_set_release(s);
	*s = more;
	return true;
}

uint32_t *
check_set_find(const struct check_set *s, const struct tape_hash *key)
{
	size_t i;

	if (s->cap == 0)
		return NULL;
	i = slot_of(s, key);
	return hash_equal(&s->keys[i], key) ? &s->marks[i] : NULL;
}

uint32_t *
check_set_put(struct check_set *s, const struct tape_hash *key, bool *fresh)
{
	uint32_t *mark = check_set_find(s, key);
	size_t i;

	*fresh = false;
	if (mark != NULL)
		return mark;
	if (!set_grow(s))
		return NULL;
	i = slot_of(s, key);
	s->keys[i] = *key;
	s->count++;
	*fresh = true;
	return &s->marks[i];
}

void
check_set_release(struct check_set *s)
{
	free(s->keys);
	free(s->marks);
	s->keys = NULL;
	s->marks = NULL;
	s->count = s->cap = 0;
}

/* ---- findings ---- */

static void
count_item(struct check *c, int kind, uint64_t bytes)
{
	struct tape_check_result *r = c->result;

	r->damage += kind == TAPE_FOUND_DAMAGE;
	r->notes += kind == TAPE_FOUND_NOTE;
	r->rebuilt += kind == TAPE_FOUND_REBUILT;
	if (kind == TAPE_FOUND_LEFTOVER)
		r->leftover_bytes += bytes;
	if (kind == TAPE_FOUND_UNREFERENCED)
		r->unreferenced_bytes += bytes;
}

/* Readers and checks may both come upon one damaged place: it is told once. */
static bool
new_place(struct check *c, const char *file, uint64_t offset)
{
	char key[640];
	struct tape_hash hash;
	bool fresh = true;

	(void)snprintf(key, sizeof key, "%s\n%llu", file, (unsigned long long)offset);
	hash = hash_bytes(key, strlen(key));
	return check_set_put(&c->told, &hash, &fresh) == NULL || fresh;
}

static bool
room(struct check *c)
{
	size_t cap = c->cap == 0 ? 64 : c->cap * 2;
	struct check_item *more;

	if (c->count < c->cap)
		return true;
	if (c->count >= ITEMS_MAX)
		return false;
	more = realloc(c->items, cap * sizeof *more);
	if (more == NULL)
		return false;
	c->items = more;
	c->cap = cap;
	return true;
}

size_t
check_found(struct check *c, int kind, int remedy, const char *file, uint64_t offset,
	    uint64_t bytes, const char *lost, const char *format, ...)
{
	struct check_item *item;
	char message[640];
	va_list ap;

	if (kind == TAPE_FOUND_DAMAGE && !new_place(c, file, offset))
		return SIZE_MAX;
	count_item(c, kind, bytes);
	if (!room(c)) {
		c->result->left_out++;
		return SIZE_MAX;
	}
	va_start(ap, format);
	(void)vsnprintf(message, sizeof message, format, ap);
	va_end(ap);
	item = &c->items[c->count];
	*item = (struct check_item){ .kind = kind,
				     .remedy = remedy,
				     .offset = offset,
				     .bytes = bytes,
				     .file = strdup(file),
				     .message = strdup(message),
				     .lost = strdup(lost == NULL ? "" : lost) };
	return c->count++;
}

void
check_error(struct check *c, int remedy, const char *file, const struct tape_error *why,
	    const char *lost)
{
	(void)check_found(c, TAPE_FOUND_DAMAGE, remedy,
			  why->file[0] != '\0' ? why->file : file, why->offset, 0, lost,
			  "%.500s", why->message);
}

bool
check_fatal(int status, const struct tape_error *why)
{
	return status == TAPE_ERR_NOMEM || status == TAPE_ERR_STOPPED ||
	       (status == TAPE_ERR_IO &&
		(why->code == EMFILE || why->code == ENFILE || why->code == ENOMEM));
}

void
check_forget_file(struct check *c, const char *file)
{
	for (size_t i = 0; i < c->count; i++) {
		struct check_item *item = &c->items[i];

		if (item->file == NULL || strcmp(item->file, file) != 0)
			continue;
		c->result->damage -= item->kind == TAPE_FOUND_DAMAGE;
		c->result->notes -= item->kind == TAPE_FOUND_NOTE;
		item->kind = FORGOTTEN; /* others are known by their index */
	}
}

/* What the readers tell. Their messages say what is lost and what to do. */
static void
on_report(void *user, const struct tape_report *report)
{
	struct check *c = user;
	bool damage = report->kind == TAPE_DAMAGE_MET;

	(void)check_found(c, damage ? TAPE_FOUND_DAMAGE : TAPE_FOUND_NOTE,
			  damage ? TAPE_REMEDY_RESTORE : TAPE_REMEDY_NONE, report->file,
			  report->offset, report->bytes, NULL, "%.600s", report->message);
}

static void
drop_items(struct check *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->items[i].file);
		free(c->items[i].message);
		free(c->items[i].lost);
		free(c->items[i].line);
	}
	c->count = 0;
}

static void
tell_items(struct check *c)
{
	for (size_t i = 0; i < c->count && c->options.on_finding != NULL; i++) {
		const struct check_item *item = &c->items[i];
		struct tape_finding f = {
			.kind = item->kind,
			.remedy = item->remedy,
			.offset = item->offset,
			.bytes = item->bytes,
			.file = item->file == NULL ? "" : item->file,
			.message = item->message == NULL ? "" : item->message,
			.lost = item->lost == NULL ? "" : item->lost,
			.line = item->line == NULL ? "" : item->line,
		};

		if (item->kind != FORGOTTEN)
			c->options.on_finding(c->options.user, &f);
	}
}

/* ---- for all parts ---- */

int
check_progress(struct check *c, uint64_t bytes)
{
	struct tape_check_progress p;
	int64_t now;

	c->done += bytes;
	c->result->bytes += bytes;
	if (c->options.on_progress == NULL)
		return 0;
	now = os_monotonic_ns();
	if (now - c->ticked < TICK)
		return 0;
	c->ticked = now;
	p.done = c->done;
	p.total = c->total > c->done ? c->total : c->done;
	if (c->options.on_progress(c->options.user, &p) == 0)
		return 0;
	return error_set(c->err, TAPE_ERR_STOPPED, NULL, 0, "stopped");
}

int
check_hash_file(struct check *c, const char *path, struct tape_hash *hash, uint64_t *size,
		struct tape_error *err)
{
	struct hash_stream *stream = hash_stream_new();
	uint8_t *buf = malloc(CHUNK);
	int64_t got = 1;
	int fd = -1, r;

	*size = 0;
	if (stream == NULL || buf == NULL) {
		r = check_no_memory(c);
		goto out;
	}
	hash_stream_reset(stream);
	r = os_open_read(c->reader->dir.fd, path, &fd);
	if (r != 0)
		r = error_io(err, r, path, "cannot open it");
	while (r == 0 && got > 0) {
		got = os_pread(fd, buf, CHUNK, *size);
		if (got < 0)
			r = error_io(err, (int)got, path, "cannot read it at offset %llu",
				     (unsigned long long)*size);
		if (got <= 0)
			break;
		hash_stream_add(stream, buf, (size_t)got);
		*size += (uint64_t)got;
		r = check_progress(c, (uint64_t)got);
	}
	*hash = hash_stream_end(stream);
out:
	os_close(&fd);
	hash_stream_free(stream);
	free(buf);
	return r;
}

static int
add_name(void *user, const char *name)
{
	struct check_names *n = user;

	if (n->count == n->cap) {
		size_t cap = n->cap == 0 ? 64 : n->cap * 2;
		char **more = realloc(n->names, cap * sizeof *more);

		if (more == NULL) {
			n->no_memory = true;
			return 1;
		}
		n->names = more;
		n->cap = cap;
	}
	n->names[n->count] = strdup(name);
	n->no_memory |= n->names[n->count] == NULL;
	n->count += n->names[n->count] != NULL;
	return n->no_memory;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int
check_list(struct check *c, const char *path, struct check_names *out)
{
	int r = os_list(c->reader->dir.fd, path, add_name, out);

	if (out->no_memory)
		return check_no_memory(c);
	if (r < 0 && r != -ENOENT && r != -ENOTDIR) {
		char cause[80];

		(void)check_found(c, TAPE_FOUND_DAMAGE, TAPE_REMEDY_NONE, path, 0, 0,
				  NULL, "cannot list the directory: %s",
				  os_strerror(r, cause, sizeof cause));
	}
	if (out->count != 0)
		qsort(out->names, out->count, sizeof *out->names, by_text);
	return 0;
}

void
check_names_release(struct check_names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->names[i]);
	free(n->names);
	memset(n, 0, sizeof *n);
}

/* ---- attempts ---- */

static uint64_t
bytes_to_read(const struct check *c)
{
	const struct generations *g = c->snapshot->generations;
	uint64_t total = 0;

	for (size_t i = 0; i < c->snapshot->count; i++) {
		const struct snapshot_session *s = &c->snapshot->sessions[i];

		for (size_t k = 0; k < s->dir.log_count; k++)
			if (s->sizes != NULL && s->sizes[k] != UINT64_MAX)
				total += s->sizes[k];
	}
	for (size_t i = 0; i < g->count; i++)
		for (size_t k = 0; k < g->items[i].manifest.file_count; k++)
			total += g->items[i].manifest.files[k].size;
	return total;
}

static int
one_attempt(struct check *c)
{
	int r = check_places_tape(c, NULL, c->reader->dir.id);

	if (r != 0)
		return r < 0 ? r : 0;
	r = snapshot_take(c->reader, &c->snapshot, c->err);
	if (r != 0)
		return r;
	c->total = bytes_to_read(c) * (c->full ? 2 : 1);
	c->result->sessions = c->snapshot->count;
	c->result->generations = c->snapshot->generations->count;
	r = check_generations(c);
	if (r == 0 && c->full)
		r = check_blobs_loose(c);
	if (r == 0 && c->full)
		r = check_diffs(c);
	if (r == 0)
		r = check_sessions(c);
	if (r == 0 && c->full)
		r = check_blobs_end(c);
	return r == 0 ? check_places(c) : r;
}

static void
forget(struct check *c)
{
	drop_items(c);
	check_set_release(&c->told);
	check_set_release(&c->blobs);
	check_set_release(&c->bad_set);
	for (size_t i = 0; i < c->bad_count; i++)
		free(c->bad[i].first);
	free(c->bad);
	c->bad = NULL;
	c->bad_count = c->bad_cap = 0;
	snapshot_free(c->snapshot);
	c->snapshot = NULL;
	tape_reader_close(c->reader);
	c->reader = NULL;
	c->done = 0;
	memset(c->result, 0, sizeof *c->result);
}

/* Did files that were looked at go because others replaced them? */
static bool
was_replaced(const struct check *c, int r)
{
	bool trouble = c->result->damage != 0 || snapshot_stale(r, c->err);

	return trouble && r != TAPE_ERR_STOPPED && c->snapshot != NULL &&
	       generations_changed(c->snapshot->generations);
}

static int
attempts(struct check *c, const char *dir)
{
	struct tape_reader_options reading = { .size = sizeof reading,
					       .on_report = on_report,
					       .user = c };

	for (int i = 0; i < TRIES; i++) {
		int r;

		forget(c);
		r = tape_reader_open(dir, &reading, &c->reader, c->err);
		if (r == TAPE_ERR_NOT_TAPE || r == TAPE_ERR_DAMAGED) {
			struct tape_error why = *c->err;
			int found = check_places_tape(c, dir, NULL);

			*c->err = why;
			return found == 1 ? 0 : r;
		}
		if (r != 0)
			return r;
		c->blobs.most = (size_t)(c->options.memory / 48);
		c->all_blobs = true;
		r = one_attempt(c);
		if (!was_replaced(c, r))
			return r;
	}
	return error_set(c->err, TAPE_ERR_BUSY, NULL, 0,
			 "the tape is compacted faster than it can be checked; try again "
			 "when tape-compact has ended");
}

int
tape_check(const char *dir, const struct tape_check_options *options,
	   struct tape_check_result *result, struct tape_error *err)
{
	struct tape_check_result none;
	struct tape_error why;
	struct check c = { .err = err == NULL ? &why : err,
			   .result = result == NULL ? &none : result };
	struct tape_check_result seen;
	int r;

	if (dir == NULL)
		return error_set(err, TAPE_ERR_MISUSE, NULL, 0,
				 "tape_check needs a directory");
	if (options != NULL && options->size >= sizeof *options)
		c.options = *options;
	if (c.options.memory == 0)
		c.options.memory = DEFAULT_MEMORY;
	c.full = (c.options.flags & TAPE_CHECK_FULL) != 0;
	r = attempts(&c, dir);
	if (r == 0 || r == TAPE_ERR_STOPPED)
		tell_items(&c);
	seen = *c.result;
	forget(&c);
	free(c.items);
	*c.result = seen;
	return r;
}
