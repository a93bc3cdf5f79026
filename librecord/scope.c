/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes and blobs in pieces: the functions under the macros, for bindings and tools. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/os.h"

#include "librecord/report.h"
#include "librecord/thin.h"

/* Where an item's text and bytes are in the build's memory, which may move. */
struct piece {
	size_t name, unit, data;
};

struct tape_build {
	struct tape_build *next;
	struct tape *tape;
	struct context *context;
	struct item *items;
	struct piece *pieces;
	size_t count, cap;
	struct bytes bytes;
	size_t file, func;
	uint32_t line;
	int64_t time;
	bool has_time, lost;
	bool added; /* a hook adds these to a scope: they are none of their own */
};

void
scope_free_builds(struct tape_build *builds)
{
	while (builds) {
		struct tape_build *next = builds->next;

		free(builds->items);
		free(builds->pieces);
		bytes_release(&builds->bytes);
		free(builds);
		builds = next;
	}
}

/* Says why, once per scope. Always -1. */
static int
lose(struct tape_build *b, const char *why)
{
	if (!b->lost && b->added) {
		recorder_error(b->tape, "what a hook adds to a scope is left out: %s",
			       why);
	} else if (!b->lost) {
		recorder_error(b->tape, "a scope is not recorded: %s", why);
		recorder_lost(b->tape, 1);
	}
	b->lost = true;
	return -1;
}

static size_t
keep(struct tape_build *b, const void *data, size_t len)
{
	size_t at = b->bytes.len;

	bytes_put(&b->bytes, data, len);
	return at;
}

static size_t
keep_text(struct tape_build *b, const char *text, size_t len)
{
	size_t at = keep(b, text, len);

	bytes_put(&b->bytes, "", 1);
	return at;
}

/* NULL: no memory. */
static struct tape_build *
build_new(struct thread_state *ts, struct context *context)
{
	struct tape_build *b = ts->builds;

	if (b)
		ts->builds = b->next;
	else
		b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->next = NULL;
	b->tape = ts->tape;
	b->context = context;
	b->count = 0;
	b->bytes.len = 0;
	b->file = b->func = keep_text(b, "", 0);
	b->line = 0;
	b->has_time = false;
	b->lost = false;
	b->added = false;
	return b;
}

struct tape_build *
tape_build_begin(struct tape *t, const char *label)
{
	struct thread_state *ts = capture_thread(t);
	struct tape_build *b = ts ? build_new(ts, ts->level->context) : NULL;

	if (!ts)
		return NULL;
	if (!b) {
		recorder_error(t, "no memory for a scope");
		recorder_lost(t, 1);
		return NULL;
	}
	if (label)
		(void)tape_build_label(b, label, TAPE_NUL);
	return b;
}

int
tape_build_label(struct tape_build *b, const char *label, size_t len)
{
	if (!b)
		return 0;
	if (label && !b->added)
		b->context = context_child(b->tape, b->context, label,
					   len == TAPE_NUL ? strlen(label) : len);
	return b->lost ? -1 : 0;
}

int
tape_build_site(struct tape_build *b, const char *file, uint32_t line, const char *func)
{
	char text[LIMIT_SITE_TEXT + 1];

	if (!b)
		return 0;
	b->file = keep_text(b, text, site_clean(file ? file : "", text));
	b->func = keep_text(b, text, site_clean(func ? func : "", text));
	b->line = line;
	return b->lost ? -1 : 0;
}

int
tape_build_time(struct tape_build *b, int64_t time_ns)
{
	if (!b)
		return 0;
	b->time = time_ns;
	b->has_time = true;
	return b->lost ? -1 : 0;
}

static int
build_grow(struct tape_build *b)
{
	size_t cap = b->cap ? b->cap * 2 : 16;
	struct item *items = realloc(b->items, cap * sizeof(*items));
	struct piece *pieces;

	if (!items)
		return -1;
	b->items = items;
	pieces = realloc(b->pieces, cap * sizeof(*pieces));
	if (!pieces)
		return -1;
	b->pieces = pieces;
	b->cap = cap;
	return 0;
}

/* The next item, with its name. NULL: lost. */
static struct item *
build_item(struct tape_build *b, const char *name, size_t len)
{
	char clean[LIMIT_NAME + 1];
	struct item *item;

	if (!b || b->lost)
		return NULL;
	if (b->count == b->cap && build_grow(b) < 0) {
		(void)lose(b, "no memory");
		return NULL;
	}
	len = !name ? 0 : len == TAPE_NUL ? strlen(name) : len;
	len = name_clean(name ? name : "", len, clean, NULL, NULL);
	if (len == 0) {
		(void)lose(b, "a variable has no name");
		return NULL;
	}
	item = &b->items[b->count];
	item->name_len = (uint32_t)len;
	item->unit_len = 0;
	item->on_tape = false;
	item->fortran = 0;
	item->store = TAPE_INLINE;
	item->enums = (struct enumerators){ NULL, 0 };
	item->found = item->local = item->hidden = false;
	b->pieces[b->count].name = keep_text(b, clean, len);
	b->pieces[b->count].unit = b->pieces[b->count].name + len;
	return item;
}

/* Takes the item in; bytes of wide ones are copied. */
static int
build_put(struct tape_build *b, struct item *item)
{
	if (item->type >= TAPE_STR && !(item->on_tape && item->size > CANON_BYTES))
		b->pieces[b->count].data = keep(b, item->data, (size_t)item->size);
	if (b->bytes.failed)
		return lose(b, "no memory");
	b->count++;
	return 0;
}

static int
build_fixed(struct tape_build *b, const char *name, size_t len, enum tape_type type,
	    const void *value, size_t size)
{
	struct item *item = build_item(b, name, len);

	if (!item)
		return b ? -1 : 0;
	item->type = (uint8_t)type;
	memset(&item->value, 0, sizeof(item->value));
	if (size)
		memcpy(&item->value, value, size);
	return build_put(b, item);
}

int
tape_build_null(struct tape_build *b, const char *name, size_t len)
{
	return build_fixed(b, name, len, TAPE_NULL, NULL, 0);
}

int
tape_build_bool(struct tape_build *b, const char *name, size_t len, int v)
{
	uint8_t bit = v != 0;

	return build_fixed(b, name, len, TAPE_BOOL, &bit, sizeof(bit));
}

int
tape_build_i64(struct tape_build *b, const char *name, size_t len, int64_t v)
{
	return build_fixed(b, name, len, TAPE_I64, &v, sizeof(v));
}

int
tape_build_u64(struct tape_build *b, const char *name, size_t len, uint64_t v)
{
	return build_fixed(b, name, len, TAPE_U64, &v, sizeof(v));
}

int
tape_build_f64(struct tape_build *b, const char *name, size_t len, double v)
{
	return build_fixed(b, name, len, TAPE_F64, &v, sizeof(v));
}

int
tape_build_f32(struct tape_build *b, const char *name, size_t len, float v)
{
	return build_fixed(b, name, len, TAPE_F32, &v, sizeof(v));
}

int
tape_build_c16(struct tape_build *b, const char *name, size_t len, const double v[2])
{
	return build_fixed(b, name, len, TAPE_C16, v, 16);
}

int
tape_build_c8(struct tape_build *b, const char *name, size_t len, const float v[2])
{
	return build_fixed(b, name, len, TAPE_C8, v, 8);
}

/* The thread's state, ready to load a value of this scope. NULL: dead. */
static struct thread_state *
build_thread(const struct tape_build *b)
{
	struct thread_state *ts = b ? capture_thread(b->tape) : NULL;

	if (ts)
		ts->inline_max = context_policy(b->tape, b->context)->inline_max;
	return ts;
}

int
tape_build_str(struct tape_build *b, const char *name, size_t len, const char *text,
	       size_t text_len)
{
	struct thread_state *ts = build_thread(b);
	struct item *item;

	if (!text)
		return tape_build_null(b, name, len);
	item = ts ? build_item(b, name, len) : NULL;
	if (!item)
		return b ? -1 : 0;
	item_load_text(ts, text, text_len == TAPE_NUL ? strlen(text) : text_len, item);
	return build_put(b, item);
}

int
tape_build_bytes(struct tape_build *b, const char *name, size_t len, const void *data,
		 size_t size)
{
	struct thread_state *ts = build_thread(b);
	struct item *item = ts ? build_item(b, name, len) : NULL;

	if (!item)
		return b ? -1 : 0;
	item_load_bytes(ts, data, size, item);
	return build_put(b, item);
}

int
tape_build_nd(struct tape_build *b, const char *name, size_t len,
	      const struct tape_nd *nd, int as_blob)
{
	struct thread_state *ts = build_thread(b);
	struct item *item = ts ? build_item(b, name, len) : NULL;
	enum item_problem problem;
	int r;

	if (!item)
		return b ? -1 : 0;
	problem = item_load_nd(ts, nd, as_blob == TAPE_AS_BLOB, item);
	if (as_blob == TAPE_AS_HASH)
		item_hash_only(item);
	if (problem == ITEM_BAD_ARRAY)
		r = lose(b, "an array with an unknown dtype or a number of dimensions "
			    "that is "
			    "not 1 to 8");
	else if (problem == ITEM_TOO_LARGE)
		r = lose(b, "an array with impossible extents");
	else
		r = build_put(b, item);
	scratch_reset(&ts->scratch);
	return r;
}

int
tape_build_ref(struct tape_build *b, const char *name, size_t len,
	       const struct tape_ref *ref)
{
	struct item *item = build_item(b, name, len);

	if (!item)
		return b ? -1 : 0;
	if (item_load_ref(ref, item) != ITEM_FINE)
		return lose(b, "dtype and dims of a blob do not fit its size");
	return build_put(b, item);
}

int
tape_build_unit(struct tape_build *b, const char *unit, size_t len)
{
	char clean[LIMIT_NAME + 1];

	if (!b)
		return 0;
	if (b->lost)
		return -1;
	if (!unit || b->count == 0)
		return 0;
	len = name_clean(unit, len == TAPE_NUL ? strlen(unit) : len, clean, NULL, NULL);
	b->items[b->count - 1].unit_len = (uint32_t)len;
	b->pieces[b->count - 1].unit = keep_text(b, clean, len);
	return b->bytes.failed ? lose(b, "no memory") : 0;
}

int
tape_build_enum(struct tape_build *b, const struct tape_enumerator *names, size_t count)
{
	struct item *item;

	if (!b)
		return 0;
	if (b->lost)
		return -1;
	if (!names || b->count == 0)
		return 0;
	item = &b->items[b->count - 1];
	if (item->type == TAPE_U64 && item->value.lo <= INT64_MAX)
		item->type = TAPE_I64;
	if (item->type != TAPE_I64)
		return 0;
	return enums_keep(b->tape, names, count, &item->enums) == 0
		       ? 0
		       : lose(b, "no memory");
}

/* Memory moves no more: offsets become pointers. */
static void
build_point(struct tape_build *b)
{
	const uint8_t *base = b->bytes.data;

	for (size_t i = 0; i < b->count; i++) {
		struct item *item = &b->items[i];

		item->name = (const char *)base + b->pieces[i].name;
		item->unit = (const char *)base + b->pieces[i].unit;
		if (item->type >= TAPE_STR &&
		    !(item->on_tape && item->size > CANON_BYTES))
			item->data = base + b->pieces[i].data;
	}
}

int
tape_build_seen(struct tape_build *b)
{
	struct thread_state *ts = b ? capture_thread(b->tape) : NULL;
	const struct layout *l;
	struct place place = { 0 };
	uint32_t pending = ts ? ts->pending.count : 0;
	bool seen = false;

	if (!ts || b->added || b->lost || b->bytes.failed || ts->asking)
		return 0;
	build_point(b);
	place.file = (const char *)b->bytes.data + b->file;
	place.func = (const char *)b->bytes.data + b->func;
	place.line = b->line;
	if (!pending || pending_begin(ts)) {
		report_hold();
		l = layout_find(ts, &place, b->context, b->items, b->count, NULL, NULL);
		report_tell(ts->tape);
		seen = l && capture_seen(ts, l, b->items);
	}
	if (pending)
		pending_keep(ts, pending);
	return seen;
}

#define BUILD_KEEP ((size_t)1 << 20)

int
tape_build_end(struct tape_build *b)
{
	struct thread_state *ts = b ? capture_thread(b->tape) : NULL;
	const struct layout *l = NULL;
	struct place place = { 0 };
	bool thinned = false, pending = false;
	unsigned tare = 0;
	int r = -1;

	if (!b)
		return 0;
	if (b->added)
		return -1;
	if (b->bytes.failed)
		(void)lose(b, "no memory");
	if (ts && !b->lost) {
		build_point(b);
		place.file = (const char *)b->bytes.data + b->file;
		place.func = (const char *)b->bytes.data + b->func;
		place.line = b->line;
		tare = tare_due(ts, b->context->label);
		ts->taring |= tare ? 3 : 0;
		report_hold();
		thinned = !thin_wanted_place(ts, b->context, place.file, place.line);
		pending = !thinned && !tare && ts->pending.count && pending_begin(ts);
		if (!thinned)
			l = layout_find(ts, &place, b->context, b->items, b->count, NULL,
					NULL);
		report_tell(ts->tape);
	}
	if (l)
		r = capture_items(ts, l, b->items, b->has_time ? &b->time : NULL);
	if (pending)
		pending_end(ts);
	if (tare && r == 0)
		tare_items(ts, b->items, b->count, tare == 2);
	tape_build_cancel(b);
	return thinned ? 0 : r;
}

void
build_release(struct thread_state *ts, struct tape_build *b)
{
	if (!b)
		return;
	if (b->bytes.failed || b->bytes.cap > BUILD_KEEP)
		bytes_release(&b->bytes);
	b->next = ts ? ts->builds : NULL;
	if (ts)
		ts->builds = b;
	else
		scope_free_builds(b);
}

void
tape_build_cancel(struct tape_build *b)
{
	if (b && !b->added)
		build_release(capture_thread(b->tape), b);
}

/* ---- what hooks add ---- */

struct tape_build *
build_begin_added(struct thread_state *ts, struct context *context)
{
	struct tape_build *b = build_new(ts, context);

	if (b)
		b->added = true;
	else
		recorder_error(ts->tape, "no memory for what a hook adds to a scope");
	return b;
}

size_t
build_items(struct tape_build *b, const struct item **items)
{
	if (!b || b->lost || b->bytes.failed)
		return 0;
	build_point(b);
	*items = b->items;
	return b->count;
}

/* ---- streams ---- */

#define FILE_PIECE ((size_t)1 << 18)

struct tape_stream {
	struct tape *tape;
	struct blob_stream *blob;
	uint8_t head[CANON_BYTES];
	size_t len; /* of head */
	bool failed;
};

struct tape_stream *
tape_stream_open(struct tape *t)
{
	struct tape_stream *s;

	if (!capture_thread(t))
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s) {
		recorder_error(t, "no memory for a blob");
		return NULL;
	}
	s->tape = t;
	s->blob = blob_stream_open(t);
	if (!s->blob) {
		free(s);
		return NULL;
	}
	return s;
}

int
tape_stream_write(struct tape_stream *s, const void *data, size_t len)
{
	size_t room;

	if (!s)
		return 0;
	if (s->failed || atomic_load(&s->tape->dead))
		return -1;
	room = sizeof(s->head) - s->len;
	if (len && room) {
		memcpy(s->head + s->len, data, len < room ? len : room);
		s->len += len < room ? len : room;
	}
	s->failed = len && blob_stream_write(s->blob, data, len) < 0;
	return s->failed ? -1 : 0;
}

int
tape_stream_close(struct tape_stream *s, struct tape_ref *ref)
{
	struct tape_ref made = { .ndim = 0 };
	int r = -1;

	if (!s) {
		*ref = made;
		return 0;
	}
	if (s->failed || atomic_load(&s->tape->dead)) {
		tape_stream_cancel(s);
		return -1;
	}
	memcpy(made.head, s->head, sizeof(made.head));
	r = blob_stream_finish(s->blob, &made.hash, &made.size);
	free(s);
	if (r == 0)
		*ref = made;
	return r;
}

int
tape_stream_file(struct tape *t, const char *path, struct tape_ref *ref)
{
	struct tape_stream *s = tape_stream_open(t);
	uint8_t *piece = s ? malloc(FILE_PIECE) : NULL;
	char cause[128];
	int64_t got = -ENOMEM;
	int fd = -1, r = 0;

	if (!s)
		return tape_stream_close(NULL, ref) |
		       (t && !atomic_load(&t->dead) ? -1 : 0);
	if (piece) {
		got = os_open_user(path, &fd);
		while (got >= 0 && r == 0 && (got = os_read(fd, piece, FILE_PIECE)) > 0)
			r = tape_stream_write(s, piece, (size_t)got);
	}
	os_close(&fd);
	free(piece);
	if (got < 0)
		recorder_error(t, "cannot read the file %.300s: %s", path,
			       os_strerror((int)got, cause, sizeof cause));
	if (got < 0 || r < 0) {
		tape_stream_cancel(s);
		return -1;
	}
	return tape_stream_close(s, ref);
}

void
tape_stream_cancel(struct tape_stream *s)
{
	if (!s)
		return;
	blob_stream_abort(s->blob);
	free(s);
}
