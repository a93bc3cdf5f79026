/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TAPE_RESTORE, tape_latest, tape_at: the tape that is recorded to, read by a reader of
 * its own; tape_continue.
 */
#include "librecord/resume.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "format/os.h"
#include "librecord/ask.h"
#include "librecord/facts.h"
#include "librecord/hooks.h"
#include "librecord/session.h"
#include "librecord/writer.h"
#include "search/bind.h"
#include "search/reader.h"
#include "search/superseded.h"

/* What a scope that was found belongs to; one at a time for each thread. */
struct looked {
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor;
	struct staged *staged;
	struct tape_pos restored;
	struct tape_hash request; /* for what that was found */
	/* Where it went on from before, in vain: all of these sessions. */
	uint64_t (*tries)[2];
	size_t try_count;
};

static void
looked_drop(struct looked *l)
{
	tape_cursor_close(l->cursor);
	staged_free(l->staged);
	l->staged = NULL;
	tape_query_free(l->query);
	tape_reader_close(l->reader);
	l->cursor = NULL;
	l->query = NULL;
	l->reader = NULL;
}

void
looked_free(struct looked *l)
{
	if (!l)
		return;
	looked_drop(l);
	free(l->tries);
	free(l);
}

static void
on_report(void *user, const struct tape_report *report)
{
	struct tape *t = user;

	if (report->kind == TAPE_DAMAGE_MET)
		recorder_warn(t, "while reading the tape: %s: %s", report->file,
			      report->message);
}

static int
failed(struct tape *t, const char *what, const struct tape_error *err)
{
	recorder_error(t, "%s: %s%s%s", what, err->file, *err->file ? ": " : "",
		       err->message);
	return -1;
}

/* All that was recorded before is on the tape now, and a reader is open. NULL: reported. */
static struct looked *
look(struct thread_state *ts, const char *what)
{
	struct tape *t = ts->tape;
	struct tape_reader_options options = { .size = sizeof options,
					       .on_report = on_report,
					       .user = t };
	struct tape_error err = { 0 };

	if (!ts->looked)
		ts->looked = calloc(1, sizeof *ts->looked);
	if (!ts->looked) {
		recorder_error(t, "%s: no memory to read the tape", what);
		return NULL;
	}
	looked_drop(ts->looked);
	if (t->conf.commit == COMMIT_AUTO)
		(void)session_commit_all(t);
	if (reader_open_at(&t->dir, &options, &ts->looked->reader, &err) == 0)
		return ts->looked;
	(void)failed(t, what, &err);
	return NULL;
}

/* The cursor over a query. 0, or -1: reported. */
static int
search(struct tape *t, struct looked *l, const char *what, const char *query,
       const struct tape_find_options *options)
{
	struct tape_error err = { 0 };

	if (tape_query_compile(query, &l->query, &err) == 0 &&
	    tape_find(l->reader, l->query, options, &l->cursor, &err) == 0)
		return 0;
	if (err.status == TAPE_ERR_SYNTAX) {
		recorder_error(t, "%s: query \"%.200s\", column %llu: %s", what, query,
			       (unsigned long long)err.offset, err.message);
		return -1;
	}
	return failed(t, what, &err);
}

static int
next(struct tape *t, struct looked *l, const char *what, const struct tape_scope **out)
{
	struct tape_error err = { 0 };
	int r = tape_cursor_next(l->cursor, out, &err);

	if (r < 0)
		(void)failed(t, what, &err);
	return r < 0 ? -1 : r;
}

int
tape_latest(struct tape *t, const char *query, const struct tape_scope **scope)
{
	const struct tape_find_options options = { .size = sizeof options,
						   .flags = TAPE_FIND_REVERSE };
	struct thread_state *ts = capture_thread(t);
	struct looked *l = ts ? look(ts, "tape_latest") : NULL;

	if (!ts)
		return 0;
	if (!l || search(t, l, "tape_latest", query ? query : "", &options) < 0)
		return -1;
	return next(t, l, "tape_latest", scope);
}

/* ---- tape_at ---- */

/* The last bookmark of that name, or that number of them. */
static const struct tape_mark *
find_mark(const struct tape_marks *marks, const char *name)
{
	const char *hash = strrchr(name, '#');
	size_t len = hash ? (size_t)(hash - name) : strlen(name);
	const struct tape_mark *found = NULL;
	char *end = NULL;
	unsigned long long number = hash ? strtoull(hash + 1, &end, 10) : 0;

	for (size_t i = 0; i < marks->count; i++) {
		const struct tape_mark *m = &marks->items[i];
		bool whole = strcmp(m->name, name) == 0;

		if (whole || (number != 0 && *end == '\0' && m->number == number &&
			      strncmp(m->name, name, len) == 0 && m->name[len] == '\0'))
			found = m;
	}
	return found;
}

/* 1 = *options finds it, 0 = there is no such bookmark, -1. */
static int
place_of_mark(struct tape *t, struct looked *l, const char *name,
	      struct tape_find_options *options)
{
	struct tape_marks *marks = NULL;
	struct tape_error err = { 0 };
	const struct tape_mark *m;

	if (tape_marks_read(l->reader, &marks, &err) < 0)
		return failed(t, "tape_at", &err);
	m = find_mark(marks, name);
	if (m) {
		options->upto = options->after = m->pos;
		options->after.seq--;
		/* One that was set here stands behind what it is about. */
		if (tape_pos_compare(&m->pos, &m->own) == 0)
			options->after.seq = 0;
	}
	tape_marks_free(marks);
	return m != NULL;
}

int
tape_at(struct tape *t, const char *place, const struct tape_scope **scope)
{
	struct tape_find_options options = { .size = sizeof options,
					     .flags = TAPE_FIND_REVERSE };
	struct thread_state *ts = capture_thread(t);
	struct looked *l;
	int r = 1;

	if (!ts)
		return 0;
	if (!place || (*place != '@' && (tape_pos_parse(place, &options.upto) != 0 ||
					 options.upto.seq == 0))) {
		recorder_error(t,
			       "tape_at: \"%.100s\" is neither a position "
			       "SESSION:SEQ nor @BOOKMARK",
			       place ? place : "");
		return -1;
	}
	l = look(ts, "tape_at");
	if (!l)
		return -1;
	if (*place == '@') {
		r = place_of_mark(t, l, place + 1, &options);
	} else {
		options.flags |= TAPE_FIND_ALL;
		options.after = options.upto;
		options.after.seq--;
	}
	if (r == 1 && search(t, l, "tape_at", "", &options) < 0)
		r = -1;
	return r == 1 ? next(t, l, "tape_at", scope) : r;
}

/* ---- TAPE_RESTORE ---- */

static void
put_quoted(struct bytes *out, const char *text)
{
	bytes_put(out, "\"", 1);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			bytes_put(out, "\\", 1);
		bytes_put(out, text, 1);
	}
	bytes_put(out, "\"", 1);
}

/* A name that a query takes as it stands. */
static bool
plain_name(const struct item *item)
{
	for (size_t i = 0; i < item->name_len; i++) {
		char c = item->name[i];

		if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') &&
		    (i == 0 || ((c < '0' || c > '9') && c != '_')))
			return false;
	}
	return item->name_len != 0 && strcmp(item->name, "is") != 0 &&
	       strcmp(item->name, "or") != 0 && strcmp(item->name, "and") != 0 &&
	       strcmp(item->name, "not") != 0;
}

/* What a query can say of it without missing any that has just this value; "" = nothing. */
static void
test_of(const struct item *item, char *text, size_t cap)
{
	struct tape_value v;
	char number[TAPE_DOUBLE_TEXT];

	*text = '\0';
	if (!plain_name(item))
		return;
	item_value(item, TAPE_INLINE, &v);
	if (v.type == TAPE_I64)
		(void)snprintf(text, cap, " %s=%lld", item->name, (long long)v.as.i);
	else if (v.type == TAPE_U64)
		(void)snprintf(text, cap, " %s=%llu", item->name,
			       (unsigned long long)v.as.u);
	else if (v.type == TAPE_F64 && isfinite(v.as.f) &&
		 tape_double_text(v.as.f, number) != 0)
		(void)snprintf(text, cap, " %s=%s", item->name, number);
}

/* A query that finds all that may be asked for, and others. NULL: no memory. */
static char *
query_of(const struct context *path, const struct sticky *sticky)
{
	char test[2 * LIMIT_NAME + 64];
	struct bytes out = { 0 };

	if (path->depth != 0)
		put_quoted(&out, path->label);
	for (uint32_t i = 0; i < sticky->count; i++) {
		test_of(&sticky->items[i], test, sizeof test);
		bytes_put(&out, test, strlen(test));
	}
	bytes_put(&out, "", 1);
	if (!out.failed)
		return (char *)out.data;
	bytes_release(&out);
	return NULL;
}

static bool
same_bytes(const struct tape_value *a, const struct tape_value *b)
{
	struct tape_hash x, y;

	if (a->type != b->type || a->size != b->size)
		return false;
	if (a->type == TAPE_ARRAY_T &&
	    (a->dtype != b->dtype || a->ndim != b->ndim || a->fortran != b->fortran ||
	     memcmp(a->dims, b->dims, a->ndim * sizeof a->dims[0]) != 0))
		return false;
	if (a->data && b->data)
		return a->size == 0 || memcmp(a->data, b->data, (size_t)a->size) == 0;
	x = a->has_hash || !a->data ? a->hash : hash_bytes(a->data, (size_t)a->size);
	y = b->has_hash || !b->data ? b->hash : hash_bytes(b->data, (size_t)b->size);
	return hash_equal(&x, &y);
}

bool
value_same(const struct tape_value *a, const struct tape_value *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case TAPE_NULL:
		return true;
	case TAPE_ABSENT:
		return a->absent == b->absent;
	case TAPE_C8:
	case TAPE_C16:
		return memcmp(a->as.c, b->as.c, sizeof a->as.c) == 0;
	case TAPE_STR:
	case TAPE_BYTES_T:
	case TAPE_ARRAY_T:
		return same_bytes(a, b);
	default:
		return a->as.u == b->as.u;
	}
}

static bool
same_path(const struct tape_scope *scope, const struct context *path)
{
	size_t depth = tape_scope_label_count(scope);

	if (depth != path->depth)
		return false;
	for (; depth > 0; depth--, path = path->parent)
		if (strcmp(tape_scope_label(scope, depth - 1), path->label) != 0)
			return false;
	return true;
}

static bool
same_sticky(const struct tape_scope *scope, const struct sticky *sticky)
{
	for (uint32_t i = 0; i < sticky->count; i++) {
		const struct item *item = &sticky->items[i];
		struct tape_value v;
		int64_t at;

		/* A name may hold a NUL nowhere, so this is the whole of it. */
		at = tape_scope_var_find(scope, item->name);
		item_value(item, TAPE_INLINE, &v);
		if (at < 0 || !value_same(tape_scope_var(scope, (size_t)at).value, &v))
			return false;
	}
	return true;
}

/* Walks backward through all that may be asked for. */
static int
newest(struct thread_state *ts, struct looked *l, const struct context *path,
       const struct tape_scope **scope)
{
	const struct tape_find_options options = { .size = sizeof options,
						   .flags = TAPE_FIND_REVERSE };
	const struct sticky *sticky = ts->level->sticky;
	char *query = query_of(path, sticky);
	int r = -1;

	if (!query)
		recorder_error(ts->tape, "TAPE_RESTORE: no memory for a query");
	else if (search(ts->tape, l, "TAPE_RESTORE", query, &options) == 0) {
		do
			r = next(ts->tape, l, "TAPE_RESTORE", scope);
		while (r == 1 &&
		       (!same_path(*scope, path) || !same_sticky(*scope, sticky)));
		/*
		 * What is not there is one thing, what nobody could look at another. The
		 * reader is this look's own; some is read before the search begins.
		 */
		if (r == 0 && l->reader->unreadable != 0) {
			recorder_error(ts->tape, "TAPE_RESTORE: nothing was found, and a "
						 "part of the tape cannot be read");
			r = -1;
		}
	}
	free(query);
	return r;
}

/* Equal for values that are the same. */
static struct tape_hash
value_hash(const struct tape_value *v)
{
	struct {
		struct tape_hash content;
		uint64_t size, dims[TAPE_MAX_DIMS];
		uint8_t dtype, ndim, fortran;
	} wide;

	if (v->type == TAPE_NULL)
		return hash_bytes("", 0);
	if (v->type == TAPE_ABSENT)
		return hash_bytes(&v->absent, sizeof v->absent);
	if (v->type == TAPE_C8 || v->type == TAPE_C16)
		return hash_bytes(v->as.c, sizeof v->as.c);
	if (v->type < TAPE_STR)
		return hash_bytes(&v->as.u, sizeof v->as.u);
	memset(&wide, 0, sizeof wide);
	wide.content =
		v->has_hash || !v->data ? v->hash : hash_bytes(v->data, (size_t)v->size);
	wide.size = v->size;
	if (v->type == TAPE_ARRAY_T) {
		memcpy(wide.dims, v->dims, v->ndim * sizeof v->dims[0]);
		wide.dtype = v->dtype;
		wide.ndim = v->ndim;
		wide.fortran = v->fortran;
	}
	return hash_bytes(&wide, sizeof wide);
}

/* What is the same for all that ask for it: the path, and the sticky variables in any order. */
static struct tape_hash
request_of(const struct context *path, const struct sticky *sticky)
{
	struct bytes text = { 0 };
	struct tape_hash hash, sum;
	struct tape_value v;

	for (; path->depth != 0; path = path->parent)
		bytes_put(&text, path->label, strlen(path->label) + 1);
	bytes_put(&text, "", 1);
	sum = hash_bytes(text.data, text.len);
	for (uint32_t i = 0; i < sticky->count; i++) {
		const struct item *item = &sticky->items[i];

		item_value(item, TAPE_INLINE, &v);
		hash = value_hash(&v);
		text.len = 0;
		bytes_put(&text, item->name, item->name_len);
		bytes_put(&text, &v.type, sizeof v.type);
		bytes_put(&text, hash.byte, sizeof hash.byte);
		hash = hash_bytes(text.data, text.len);
		for (size_t k = 0; k < sizeof sum.byte; k++)
			sum.byte[k] ^= hash.byte[k];
	}
	if (text.failed)
		memset(&sum, 0, sizeof sum);
	bytes_release(&text);
	return sum;
}

/* 1, 0, or -1: reported. */
static int
restore_find(struct thread_state *ts, const char *label, const struct tape_scope **scope)
{
	struct tape *t = ts->tape;
	const struct context *path;
	bool no_memory = false;
	struct looked *l;

	path = label && *label ? context_enter(ts, label) : ts->level->context;
	if (ts->looked) {
		ts->looked->restored = (struct tape_pos){ .seq = 0 };
		ts->looked->try_count = 0;
	}
	l = look(ts, "TAPE_RESTORE");
	if (!l)
		return -1;
	l->request = request_of(path, ts->level->sticky);
	/* With commit=manual it may not be on the tape yet. */
	if (t->conf.commit == COMMIT_MANUAL)
		l->staged = staged_find(ts, path, l->reader, scope, &no_memory);
	if (!no_memory)
		return l->staged ? 1 : newest(ts, l, path, scope);
	recorder_error(t, "TAPE_RESTORE: no memory for what is staged");
	return -1;
}

int
tape_restore_find(struct tape *t, const char *label, const struct tape_scope **scope)
{
	struct thread_state *ts = capture_thread(t);
	int r = ts ? restore_find(ts, label, scope) : 0;

	if (r < 0)
		bind_problem("the tape cannot be read: tape_error() says why");
	return r;
}

/* What it will supersede by tape_resume, found while the tape is open for reading. */
static void
find_tries(struct tape *t, struct looked *l)
{
	struct tape_error err = { 0 };

	free(l->tries);
	l->tries = NULL;
	l->try_count = 0;
	if (superseded_tries(l->reader, &l->restored, &l->request, &l->tries,
			     &l->try_count, &err) < 0)
		(void)failed(t, "TAPE_RESTORE", &err);
}

int
tape_restore_end(struct tape *t, const struct tape_scope *scope, int filled)
{
	struct thread_state *ts = capture_thread(t);

	if (!ts || !ts->looked)
		return filled ? 1 : -1;
	if (filled) {
		ts->looked->restored = tape_scope_pos(scope);
		if (ts->looked->restored.seq != 0)
			find_tries(t, ts->looked);
	}
	looked_drop(ts->looked);
	return filled ? 1 : -1;
}

struct tape_pos
tape_restored(struct tape *t)
{
	struct thread_state *ts = capture_thread(t);
	struct tape_pos none = { .seq = 0 };

	return ts && ts->looked ? ts->looked->restored : none;
}

/* ---- tape_continue ---- */

static void
tell_manifest(struct tape *t, const struct tape_pos *pos)
{
	char text[TAPE_POS_TEXT], now[TAPE_TIME_TEXT];
	struct json_line line = { 0 };

	tape_pos_text(pos, text);
	report_time(t, now);
	json_line_begin(&line);
	json_line_text(&line, "continue", text);
	json_line_text(&line, "time", now);
	json_line_end(&line);
	report_line(t, &line);
	json_line_release(&line);
}

/* request: NULL, or of what it was restored. */
static int
go_on(struct tape *t, const char *what, const struct tape_pos *pos, size_t count,
      const struct tape_hash *request)
{
	char cause[128];
	int r;

	session_lock(t);
	if (session_alive(t) < 0) {
		session_unlock(t);
		return -1;
	}
	for (size_t i = 0; i < count; i++)
		if (memcmp(pos[i].session, t->session, sizeof t->session) == 0) {
			session_unlock(t);
			recorder_error(t,
				       "%s: the position is of this session, which "
				       "cannot go on from itself",
				       what);
			return -1;
		}
	if (request)
		facts_resume(t, request);
	r = writer_continue(t, pos, count);
	for (size_t i = 0; r == 0 && i < count; i++)
		tell_manifest(t, &pos[i]);
	session_unlock(t);
	ask_forget(t);
	if (r == 0)
		return 0;
	recorder_error(t, "%s: where the session goes on from cannot be written yet: %s",
		       what, os_strerror(r, cause, sizeof cause));
	return -1;
}

int
tape_continue(struct tape *t, struct tape_pos pos)
{
	if (!capture_thread(t))
		return 0;
	if (pos.session[0] == 0 && pos.session[1] == 0) {
		recorder_error(t, "tape_continue: there is no position to go on from");
		return -1;
	}
	return go_on(t, "tape_continue", &pos, 1, NULL);
}

int
tape_resume(struct tape *t)
{
	struct thread_state *ts = capture_thread(t);
	struct looked *l = ts ? ts->looked : NULL;
	struct tape_pos *list;
	size_t n = 0;
	int r;

	if (!ts)
		return 0;
	/* Where a run is put back to what it recorded itself, it goes on as it is. */
	if (l && memcmp(l->restored.session, t->session, sizeof t->session) == 0)
		return 0;
	if (!l || l->restored.seq == 0) {
		recorder_error(t, "tape_resume: nothing was restored");
		return -1;
	}
	list = calloc(l->try_count + 1, sizeof *list);
	if (!list) {
		recorder_error(t, "tape_resume: no memory");
		return -1;
	}
	for (size_t i = 0; i < l->try_count; i++)
		if (memcmp(l->tries[i], t->session, sizeof t->session) != 0)
			memcpy(list[n++].session, l->tries[i], sizeof l->tries[i]);
	list[n++] = l->restored;
	r = go_on(t, "tape_resume", list, n, &l->request);
	free(list);
	return r;
}
