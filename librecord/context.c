/* SPDX-License-Identifier: Apache-2.0 */
/* Label paths, sticky variables, contexts that travel. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "librecord/capture.h"
#include "librecord/report.h"
#include "librecord/thin.h"

#define GUARD_MAGIC 0x7461706567756172u
#define MAX_LEVELS 4096u

const struct sticky no_sticky;

bool
said_first(atomic_uint *said, unsigned bit)
{
	if (atomic_load_explicit(said, memory_order_relaxed) & bit)
		return false;
	return !(atomic_fetch_or(said, bit) & bit);
}

/* ---- paths ---- */

static int
context_number(struct forms *f, struct context *c)
{
	if (f->context_count == f->context_cap) {
		uint32_t cap = f->context_cap ? f->context_cap * 2 : 64;
		struct context **p =
			realloc(f->context_by_id, cap * sizeof(struct context *));

		if (!p)
			return -1;
		f->context_by_id = p;
		f->context_cap = cap;
	}
	c->id = f->context_count + 1;
	f->context_by_id[f->context_count++] = c;
	return 0;
}

static struct context *
context_add(struct forms *f, struct context *parent, const char *label, size_t len,
	    const struct bytes *key, uint64_t hash)
{
	struct context *c = calloc(1, sizeof(*c) + len + 1);

	if (!c)
		return NULL;
	c->parent = parent;
	c->depth = parent->depth + 1;
	c->len = (uint32_t)len;
	memcpy(c->label, label, len);
	if (intern_add(&f->contexts, key->data, key->len, hash, c) < 0) {
		free(c);
		return NULL;
	}
	if (context_number(f, c) < 0)
		c->id = 0; /* found by name, but cannot be carried to other threads */
	return c;
}

static struct context *
outermost(struct context *c)
{
	while (c->depth > 1)
		c = c->parent;
	return c;
}

struct context *
context_child(struct tape *t, struct context *parent, const char *label, size_t len)
{
	struct forms *f = t->forms;
	char name[LIMIT_NAME + 1];
	uint8_t buf[sizeof(void *) + LIMIT_NAME];
	struct bytes key = { buf, 0, sizeof(buf), false };
	struct context *c;
	bool cut, replaced;
	uint64_t hash;

	if (parent->depth >= LIMIT_LABELS) {
		if (said_first(&f->said, SAID_DEPTH))
			recorder_error(
				t,
				"labels are nested more than %u deep, at \"%.60s\": the "
				"deeper ones are left out",
				LIMIT_LABELS, label);
		return parent;
	}
	len = name_clean(label, len, name, &cut, &replaced);
	if ((cut || replaced) && said_first(&f->said, SAID_LABEL_CUT))
		recorder_warn(t, "label \"%.60s...\" was %s", name,
			      cut ? "cut at 255 bytes" : "not UTF-8");
	if (memchr(name, '=', len) && said_first(&f->said, SAID_EQUALS))
		recorder_warn(
			t,
			"label \"%s\" has a '=', which a query would read as a test: "
			"\"run:17\" is the convention",
			name);
	if (len == 0)
		return parent;
	bytes_put(&key, &parent, sizeof(parent));
	bytes_put(&key, name, len);
	pthread_mutex_lock(&t->table_lock);
	c = intern_find(&f->contexts, key.data, key.len, &hash);
	if (!c && f->contexts.count < LIMIT_CONTEXTS)
		c = context_add(f, parent, name, len, &key, hash);
	pthread_mutex_unlock(&t->table_lock);
	if (c)
		return c;
	if (said_first(&f->said, SAID_CONTEXTS))
		recorder_error(
			t,
			"more than %u label paths (at \"%s\"): scopes under further "
			"ones carry their outermost label only; put what varies into "
			"a variable",
			LIMIT_CONTEXTS, name);
	return outermost(parent);
}

size_t
context_text(const struct context *context, char *text, size_t cap)
{
	size_t n = context->parent ? context_text(context->parent, text, cap) : 0;

	if (context->depth == 0 || n + context->len + 2 > cap)
		return n;
	if (n)
		text[n++] = '/';
	memcpy(text + n, context->label, context->len);
	n += context->len;
	text[n] = '\0';
	return n;
}

struct context *
context_system(struct tape *t, struct context *path, const char *label)
{
	struct context *c;

	while (path->depth >= LIMIT_LABELS)
		path = path->parent;
	c = context_child(t, path, label, strlen(label));
	return strcmp(c->label, label) == 0 ? c : NULL;
}

/* Labels are short: a call of strcmp would cost more than the comparison. */
static inline bool
same_label(const struct context *c, const char *name)
{
	const char *label = c->label;

	while (*label && *label == *name) {
		label++;
		name++;
	}
	return *label == *name;
}

struct context *
context_enter(struct thread_state *ts, const char *name)
{
	struct context *parent = ts->level->context;
	uintptr_t h = (uintptr_t)name ^ (uintptr_t)name >> 6 ^ (uintptr_t)parent >> 5;
	struct cached_label *c = &ts->labels[h % LABEL_CACHE];

	if (c->parent == parent && c->name == name && c->child->parent == parent &&
	    same_label(c->child, name))
		return c->child;
	c->child = context_child(ts->tape, parent, name, strlen(name));
	if (__atomic_load_n(&ts->tape->head.asks, __ATOMIC_RELAXED))
		thin_entered(ts->tape, context_policy(ts->tape, c->child));
	c->parent = parent;
	c->name = name;
	return c->child;
}

/* ---- levels and guards ---- */

/* The level in the low bits, and a sign that the guard was made by us above them. */
static inline uint64_t
guard_token(const struct tape *t, uint64_t level)
{
	uint64_t magic =
		(GUARD_MAGIC ^ (uint64_t)(uintptr_t)t) + level * 0x9e3779b97f4a7c15u;

	return (magic & ~(uint64_t)0xffff) | level;
}

/* True if one more level may be opened. */
static __attribute__((noinline)) bool
level_room(struct thread_state *ts)
{
	if (ts->level_count < MAX_LEVELS && levels_reserve(ts, ts->level_count + 1) == 0)
		return true;
	if (said_first(&ts->tape->forms->said, SAID_DEPTH))
		recorder_error(
			ts->tape,
			"more than %u labels and sticky lists are open: the deeper ones "
			"are left out",
			MAX_LEVELS);
	return false;
}

/* One more level. NULL: too many, or no memory. */
static inline struct level *
level_push(struct thread_state *ts, struct tape_guard *guard, struct context *context,
	   const struct sticky *sticky)
{
	struct level *level;
	const struct level *outer;

	if (ts->level_count == ts->level_cap && !level_room(ts))
		return NULL;
	outer = ts->level;
	guard->to = ts->tape;
	guard->token = guard_token(ts->tape, ts->level_count);
	level = &ts->levels[ts->level_count++];
	level->context = context;
	level->sticky = sticky;
	level->with = outer->with;
	level->tare = outer->tare;
	ts->level = level;
	thread_now(ts);
	return level;
}

/* A jump past the declaration has left anything in the guard: it is not followed. */
static __attribute__((noinline)) void
bad_guard(void)
{
	struct thread_state *ts = last_state;

	if (!ts || atomic_load(&ts->tape->dead))
		return;
	atomic_fetch_add(&ts->tape->forms->bad_guards, 1);
	if (said_first(&ts->tape->forms->said, SAID_GUARD))
		recorder_warn(ts->tape, "a jump went past a TAPE_LABEL or TAPE_WITH: see "
					"-Wjump-misses-init; braces after case help");
}

void
tape_guard_pop(struct tape_guard *guard)
{
	struct thread_state *ts;
	uint64_t level;

	if (!guard || !guard->to)
		return;
	level = guard->token & 0xffff;
	if (guard->token != guard_token(guard->to, level) || level == 0) {
		bad_guard();
		return;
	}
	guard->token = 0;
	ts = capture_thread(guard->to);
	if (!ts || level >= ts->level_count)
		return;
	ts->level_count = (uint32_t)level;
	ts->level = &ts->levels[level - 1];
	thread_now(ts);
}

struct tape_guard
tape_label_push(struct tape *t, const char *name)
{
	struct tape_guard guard = { 0 };
	struct thread_state *ts = capture_thread(t);

	if (ts)
		(void)level_push(ts, &guard,
				 name && *name ? context_enter(ts, name)
					       : ts->level->context,
				 ts->level->sticky);
	return guard;
}

struct tape_guard
tape_label_pushf(struct tape *t, const char *format, ...)
{
	char name[1024];
	va_list ap;

	if (!t || atomic_load_explicit(&t->dead, memory_order_acquire))
		return (struct tape_guard){ 0 };
	va_start(ap, format);
	if (vsnprintf(name, sizeof(name), format, ap) < 0)
		name[0] = '\0';
	va_end(ap);
	return tape_label_push(t, name);
}

/* ---- sticky variables ---- */

static int
sticky_reserve(struct sticky *s, size_t items, size_t bytes)
{
	if (items > s->cap) {
		struct item *p = realloc(s->items, items * sizeof(*p));

		if (!p)
			return -1;
		s->items = p;
		s->cap = (uint32_t)items;
	}
	if (bytes > s->bytes_cap) {
		uint8_t *p = realloc(s->bytes, bytes);

		if (!p)
			return -1;
		s->bytes = p;
		s->bytes_cap = bytes;
	}
	return 0;
}

static size_t
item_own_bytes(const struct item *item)
{
	size_t n = (size_t)item->name_len + item->unit_len + 2;

	return n + (item->type >= TAPE_STR && !(item->on_tape && item->size > CANON_BYTES)
			    ? (size_t)item->size
			    : 0);
}

static const void *
sticky_keep(struct sticky *s, const void *data, size_t len)
{
	uint8_t *p = s->bytes + s->len;

	if (len)
		memcpy(p, data, len);
	s->len += len;
	return p;
}

/* Copies an item, text and all, to memory that was reserved. */
static void
sticky_add(struct sticky *s, const struct item *from)
{
	struct item *to = &s->items[s->count++];

	*to = *from;
	to->name = sticky_keep(s, from->name, from->name_len);
	(void)sticky_keep(s, "", 1);
	to->unit = sticky_keep(s, from->unit, from->unit_len);
	(void)sticky_keep(s, "", 1);
	if (from->type >= TAPE_STR && !(from->on_tape && from->size > CANON_BYTES))
		to->data = sticky_keep(s, from->data, (size_t)from->size);
}

static bool
has_name(const struct item *items, size_t count, const struct item *item)
{
	for (size_t i = 0; i < count; i++)
		if (items[i].name_len == item->name_len &&
		    memcmp(items[i].name, item->name, item->name_len) == 0)
			return true;
	return false;
}

int
sticky_fill(struct thread_state *ts, struct sticky *s, const struct item *items,
	    size_t count, const struct sticky *outer)
{
	size_t bytes = 0;

	for (size_t i = 0; i < count; i++)
		if (__builtin_add_overflow(bytes, item_own_bytes(&items[i]), &bytes))
			return -1;
	for (size_t i = 0; i < outer->count; i++)
		if (__builtin_add_overflow(bytes, item_own_bytes(&outer->items[i]),
					   &bytes))
			return -1;
	s->count = 0;
	s->len = 0;
	if (sticky_reserve(s, count + outer->count, bytes) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (!has_name(items, i, &items[i]))
			sticky_add(s, &items[i]);
	count = s->count;
	for (size_t i = 0; i < outer->count; i++)
		if (!has_name(s->items, count, &outer->items[i]))
			sticky_add(s, &outer->items[i]);
	s->shape = forms_shape(ts, s->items, s->count);
	return s->count && s->shape == 0 ? -1 : 0;
}

struct item *
call_items(struct thread_state *ts, struct plan *plan, const unsigned char *kinds,
	   const struct tape_word *words, struct item some[MAX_ARGUMENTS])
{
	struct item *items = spread_items(ts, plan, some);
	struct spread args = { kinds, words };

	ts->inline_max = context_policy(ts->tape, ts->level->context)->inline_max;
	if (items && plan->spread && !spread_args(ts, plan, &args))
		items = NULL;
	if (items)
		plan_items(ts, plan, args.kinds, args.words, items);
	return items;
}

int
sticky_pick(struct thread_state *ts, struct sticky *s, const struct sticky *from,
	    bool (*wanted)(const struct item *item, const void *user), const void *user)
{
	s->count = 0;
	s->len = 0;
	if (sticky_reserve(s, from->count, from->len) < 0)
		return -1;
	for (size_t i = 0; i < from->count; i++)
		if (wanted(&from->items[i], user))
			sticky_add(s, &from->items[i]);
	s->shape = forms_shape(ts, s->items, s->count);
	return s->count && s->shape == 0 ? -1 : 0;
}

void
sticky_free(struct sticky *s)
{
	if (!s)
		return;
	free(s->items);
	free(s->bytes);
	free(s);
}

struct tape_guard
tape_with_push(struct tape *t, struct tape_site *site, const unsigned char *kinds,
	       const struct tape_word *words)
{
	struct tape_guard guard = { 0 };
	struct thread_state *ts = capture_thread(t);
	struct item some[MAX_ARGUMENTS], *items;
	struct plan *plan = ts ? plan_find(ts, site, kinds, words) : NULL;
	const struct sticky *outer;
	struct level *level;

	if (!plan)
		return guard;
	outer = ts->level->with;
	level = level_push(ts, &guard, ts->level->context, ts->level->sticky);
	if (!level)
		return guard;
	report_hold(); /* as in find_layout() */
	items = call_items(ts, plan, kinds, words, some);
	if (!level->own)
		level->own = calloc(1, sizeof(*level->own));
	if (items && level->own &&
	    sticky_fill(ts, level->own, items, plan->count, outer) == 0 &&
	    tare_apply(ts, level, level->own) == 0)
		level->with = level->own;
	else
		recorder_error(t, "%s:%u: no memory for sticky variables", plan->file,
			       plan->line);
	scratch_reset(&ts->scratch);
	report_tell(t);
	return guard;
}

/* ---- TAPE_ADD ---- */

struct tape_guard
tape_add(struct tape *t, struct tape_site *site, const unsigned char *kinds,
	 const struct tape_word *words)
{
	struct thread_state *ts = capture_thread(t);
	struct item some[MAX_ARGUMENTS], *items;
	struct plan *plan = ts ? plan_find(ts, site, kinds, words) : NULL;
	struct sticky before;

	if (!plan)
		return (struct tape_guard){ 0 };
	report_hold(); /* as in find_layout() */
	items = call_items(ts, plan, kinds, words, some);
	/* Two pieces of memory that take turns: what waits is copied behind what comes. */
	if (!ts->merged)
		ts->merged = calloc(1, sizeof(*ts->merged));
	before = ts->pending;
	if (ts->merged)
		ts->pending = *ts->merged;
	if (!items || !ts->merged ||
	    sticky_fill(ts, &ts->pending, items, plan->count, &before) < 0) {
		recorder_error(t, "%s:%u: no memory for what TAPE_ADD keeps", plan->file,
			       plan->line);
		if (ts->merged)
			*ts->merged = ts->pending;
		ts->pending = before;
	} else {
		*ts->merged = before;
	}
	thread_now(ts);
	scratch_reset(&ts->scratch);
	report_tell(t);
	return (struct tape_guard){ 0 };
}

bool
pending_begin(struct thread_state *ts)
{
	const struct sticky *sticky = ts->level->sticky;
	bool ok = sticky_fill(ts, ts->merged, ts->pending.items, ts->pending.count,
			      sticky) == 0;

	ts->pending.count = 0;
	thread_now(ts);
	if (!ok) {
		recorder_error(ts->tape, "no memory for what TAPE_ADD keeps");
		return false;
	}
	ts->merged->shape |= sticky->shape & TARED_SHAPE;
	ts->under = sticky;
	ts->level->sticky = ts->merged;
	return true;
}

void
pending_end(struct thread_state *ts)
{
	if (ts->under)
		ts->level->sticky = ts->under;
	ts->under = NULL;
}

void
pending_keep(struct thread_state *ts, uint32_t count)
{
	pending_end(ts);
	ts->pending.count = count;
	thread_now(ts);
}

/* ---- contexts that travel ---- */

static void
snapshot_key(const struct sticky *s, struct bytes *key)
{
	bytes_put_u32(key, s->shape);
	for (uint32_t i = 0; i < s->count; i++) {
		const struct item *item = &s->items[i];

		bytes_put(key, &item->value, sizeof(item->value));
		if (item->type < TAPE_STR)
			continue;
		bytes_put(key, &item->size, sizeof(item->size));
		bytes_put_u32(key, (uint32_t)(item->dtype | item->ndim << 8 |
					      item->fortran << 16));
		bytes_put(key, item->dims,
			  item->type == TAPE_ARRAY_T ? sizeof(item->dims[0]) * item->ndim
						     : 0);
		if (item->size > CANON_BYTES)
			bytes_put(key, item->hash.byte, sizeof(item->hash.byte));
		else
			bytes_put(key, item->data, (size_t)item->size);
	}
}

/* A copy that lasts; its number from 1, or 0. Under table_lock. */
static uint64_t
snapshot_add(struct tape *t, const struct sticky *s, const struct bytes *key,
	     uint64_t hash)
{
	struct forms *f = t->forms;
	struct sticky *copy;

	if (f->snapshot_count >= LIMIT_CONTEXTS)
		return 0;
	if (f->snapshot_count == f->snapshot_cap) {
		uint32_t cap = f->snapshot_cap ? f->snapshot_cap * 2 : 16;
		const struct sticky **p =
			realloc(f->snapshot_by_id, cap * sizeof(const struct sticky *));

		if (!p)
			return 0;
		f->snapshot_by_id = p;
		f->snapshot_cap = cap;
	}
	copy = calloc(1, sizeof(*copy));
	if (!copy || sticky_reserve(copy, s->count, s->len ? s->len : 1) < 0)
		goto fail;
	for (uint32_t i = 0; i < s->count; i++)
		sticky_add(copy, &s->items[i]);
	copy->shape = s->shape;
	if (intern_add(&f->snapshots, key->data, key->len, hash,
		       (void *)(uintptr_t)(f->snapshot_count + 1u)) < 0)
		goto fail;
	f->snapshot_by_id[f->snapshot_count++] = copy;
	return f->snapshot_count;
fail:
	if (copy) {
		free(copy->items);
		free(copy->bytes);
	}
	free(copy);
	return 0;
}

struct tape_ctx
tape_context(struct tape *t)
{
	struct thread_state *ts = capture_thread(t);
	struct tape_ctx ctx = { { 0, 0 } };
	struct bytes key = { 0 };
	uint64_t hash, id = 0;

	if (!ts)
		return ctx;
	ctx.id[0] = (uint64_t)t->forms->tag << 32 | ts->level->context->id;
	if (ts->level->sticky->count == 0)
		return ctx;
	snapshot_key(ts->level->sticky, &key);
	if (!key.failed) {
		pthread_mutex_lock(&t->table_lock);
		id = (uintptr_t)intern_find(&t->forms->snapshots, key.data, key.len,
					    &hash);
		if (id == 0)
			id = snapshot_add(t, ts->level->sticky, &key, hash);
		pthread_mutex_unlock(&t->table_lock);
	}
	if (id == 0 && said_first(&t->forms->said, SAID_SNAPSHOTS))
		recorder_error(t, "a context cannot carry its sticky variables: too many "
				  "different ones, or no memory");
	bytes_release(&key);
	ctx.id[1] = id;
	return ctx;
}

struct tape_guard
tape_inherit_push(struct tape *t, struct tape_ctx ctx)
{
	struct tape_guard guard = { 0 };
	struct thread_state *ts = capture_thread(t);
	struct context *c = NULL;
	struct level *level;
	const struct sticky *sticky = &no_sticky;
	uint32_t id = (uint32_t)ctx.id[0];

	if (!ts)
		return guard;
	c = &t->forms->root;
	if (ctx.id[0] >> 32 == t->forms->tag) {
		pthread_mutex_lock(&t->table_lock);
		if (id >= 1 && id <= t->forms->context_count)
			c = t->forms->context_by_id[id - 1];
		if (ctx.id[1] >= 1 && ctx.id[1] <= t->forms->snapshot_count)
			sticky = t->forms->snapshot_by_id[ctx.id[1] - 1];
		pthread_mutex_unlock(&t->table_lock);
	}
	level = level_push(ts, &guard, c, sticky);
	if (level) {
		level->with = sticky;
		level->tare = NULL;
	}
	return guard;
}
