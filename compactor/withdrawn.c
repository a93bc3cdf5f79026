/* SPDX-License-Identifier: Apache-2.0 */
#include "compactor/withdrawn.h"

#include <stdlib.h>
#include <string.h>

#include "format/cached.h"
#include "format/error.h"
#include "format/hash.h"
#include "format/index.h"
#include "search/cachelook.h"

/* Entries under the key from before that time are withdrawn. */
struct withdrawal {
	struct tape_hash key;
	int64_t time;
};

struct withdrawn {
	struct compaction *c;
	struct withdrawal *items; /* by key, once all are there */
	size_t count, cap, most;
	bool dense;	  /* settling them once more would free little */
	uint64_t no_room; /* so many stay on the tape */
	uint64_t entries; /* of the cache, that were looked at */
	int status;	  /* what ended it */
	bool all_here;
};

#define PROGRESS_ENTRIES 4096u

void
withdrawn_free(struct withdrawn *w)
{
	if (w != NULL)
		free(w->items);
	free(w);
}

static int
by_key(const void *a, const void *b)
{
	const struct withdrawal *x = a, *y = b;
	int r = memcmp(&x->key, &y->key, sizeof x->key);

	return r != 0 ? r : (x->time > y->time) - (x->time < y->time);
}

/* Of those of a key the latest is left. */
static void
settle(struct withdrawn *w)
{
	size_t to = 0;

	if (w->count > 1)
		qsort(w->items, w->count, sizeof *w->items, by_key);
	for (size_t i = 0; i < w->count; i++)
		if (i + 1 == w->count ||
		    !hash_equal(&w->items[i].key, &w->items[i + 1].key))
			w->items[to++] = w->items[i];
	w->count = to;
}

/*
 * What there is no room for stays on the tape, and is looked at again the next time.
 * Settling costs a sort of all: it is done where it freed much the last time.
 */
static void
make_room(struct withdrawn *w)
{
	if (w->dense)
		return;
	settle(w);
	w->dense = w->most - w->count <= w->most / 8;
}

static int
add(struct withdrawn *w, const struct tape_hash *key, int64_t time)
{
	size_t cap = w->cap == 0 ? 64 : w->cap * 2;
	struct withdrawal *more;

	if (w->count == w->most)
		make_room(w);
	if (w->count == w->most) {
		w->no_room++;
		return 0;
	}
	if (w->count == w->cap) {
		more = reallocarray(w->items, cap, sizeof *more);
		if (more == NULL)
			return compaction_no_memory(w->c);
		w->items = more;
		w->cap = cap;
	}
	w->items[w->count++] = (struct withdrawal){ *key, time };
	return 0;
}

/* One more entry was met. What ended it once ends it for the sessions that follow, too. */
static int
take(struct withdrawn *w, const struct tape_hash *key, bool withdraws, int64_t time)
{
	if (w->status == 0 && ++w->entries % PROGRESS_ENTRIES == 0)
		w->status =
			compaction_progress(w->c, TAPE_COMPACT_PLAN, w->entries, 0, 0, 0);
	if (w->status == 0 && withdraws)
		w->status = add(w, key, time);
	return w->status;
}

/* ---- where they are said ---- */

static int
take_raw(void *user, const struct cachelook_entry *e)
{
	struct tape_hash key;

	cached_key_put(e->key, key.byte);
	return take(user, &key, e->again || e->dropped, e->time);
}

static int
take_packed(void *user, const struct index_cache_entry *e)
{
	return take(user, &e->key, (e->flags & (CACHED_AGAIN | CACHED_DROPPED)) != 0,
		    e->time);
}

static int
know_raw(struct compaction *c, struct withdrawn *w)
{
	static const uint64_t nobody[2];
	struct tape_reader_options options = { .size = sizeof options };
	struct cachelook *look = NULL;
	struct tape_error why;
	int r = cachelook_open(&c->reader->dir, &options, &look, &why);

	if (r == 0)
		(void)cachelook_scan(look, nobody, true, take_raw, w);
	cachelook_close(look);
	return w->status != 0	     ? w->status
	       : r == TAPE_ERR_NOMEM ? compaction_no_memory(c)
				     : 0;
}

static int
know_packed(struct compaction *c, size_t index, struct withdrawn *w)
{
	struct generations *g = c->snapshot->generations;
	const struct scopepack *p = &g->items[index].scopes;
	struct index_reader *x = NULL;
	struct tape_error why = { 0 };
	int r = 0;

	if (cached_withdraws(p->forms, p->form_count))
		x = generation_index(g, index);
	if (x != NULL)
		r = index_each_cache(x, take_packed, w, &why);
	return w->status != 0	     ? w->status
	       : r == TAPE_ERR_NOMEM ? compaction_no_memory(c)
				     : 0;
}

int
withdrawn_know(struct compaction *c, struct withdrawn **out)
{
	struct withdrawn *w = calloc(1, sizeof *w);
	int r;

	*out = NULL;
	if (w == NULL)
		return compaction_no_memory(c);
	w->c = c;
	w->most = (size_t)(c->options.memory / 16 / sizeof *w->items) + 1;
	r = know_raw(c, w);
	for (size_t i = 0; r == 0 && i < c->snapshot->generations->count; i++)
		r = know_packed(c, i, w);
	settle(w);
	if (r != 0 || w->count == 0) {
		withdrawn_free(w);
		return r;
	}
	*out = w;
	return 0;
}

/* ---- what they say ---- */

static const struct withdrawal *
find(const struct withdrawn *w, const struct tape_hash *key)
{
	size_t lo = 0, hi = w->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = memcmp(&w->items[mid].key, key, sizeof *key);

		if (order == 0)
			return &w->items[mid];
		if (order < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

uint64_t
withdrawn_no_room(const struct withdrawn *w)
{
	return w == NULL ? 0 : w->no_room;
}

void
withdrawn_all_here(struct withdrawn *w)
{
	w->all_here = w->no_room == 0;
}

enum withdrawn_what
withdrawn_is(const struct withdrawn *w, const struct form *form, const uint8_t *canonical,
	     size_t len, int64_t time)
{
	const struct withdrawal *by;
	struct tape_hash key;
	unsigned flags;

	if (!cached_form(form) || !cached_read(form, canonical, len, &key, &flags))
		return WITHDRAWN_NOT;
	by = find(w, &key);
	if (by == NULL || time > by->time ||
	    (time == by->time && (!w->all_here || (flags & CACHED_DROPPED) == 0)))
		return WITHDRAWN_NOT;
	return (flags & CACHED_DROPPED) != 0 ? WITHDRAWN_DROP : WITHDRAWN_RESULT;
}

/* ---- how much that is ---- */

struct summing {
	struct compaction *c;
	const struct scopepack *pack; /* of the generation at hand */
	struct withdrawn_sum *sum;
	uint64_t entries;
	int status;
};

static const struct part *
part_of(const struct compaction *c, const uint64_t session[2])
{
	size_t lo = 0, hi = c->part_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const uint64_t *is = c->parts[mid].input.session;

		if (is[0] == session[0] && is[1] == session[1])
			return &c->parts[mid];
		if (is[0] < session[0] || (is[0] == session[0] && is[1] < session[1]))
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static uint64_t
bytes_of_results(const struct form *form, const uint8_t *canonical, size_t len)
{
	uint64_t bytes = 0;
	struct tape_value v;

	for (uint32_t i = 0; i < form->var_count; i++)
		if (strncmp(form->vars[i].name, CACHE_OUT, sizeof CACHE_OUT - 1) == 0 &&
		    form->vars[i].type >= TAPE_STR &&
		    cached_value(form, canonical, len, i, &v) == 0)
			bytes += v.size;
	return bytes;
}

static void
sum_withdrawn(struct withdrawn_sum *sum, bool drop, bool last, uint64_t bytes)
{
	sum->results += !drop;
	sum->bytes += drop ? 0 : bytes;
	sum->drops += drop && !last;
	sum->last += drop && last;
}

static int
sum_entry(struct summing *s, const struct tape_hash *key, unsigned flags, int64_t time,
	  const uint64_t session[2], const struct form *form, const uint8_t *canonical,
	  size_t len)
{
	const struct withdrawal *by = find(s->c->withdrawn, key);
	const struct part *part = by != NULL ? part_of(s->c, session) : NULL;
	bool drop = (flags & CACHED_DROPPED) != 0;

	if (part != NULL && part->over && (time < by->time || (drop && time == by->time)))
		sum_withdrawn(s->sum, drop, time == by->time,
			      form == NULL || drop
				      ? 0
				      : bytes_of_results(form, canonical, len));
	if (s->status == 0 && ++s->entries % PROGRESS_ENTRIES == 0)
		s->status =
			compaction_progress(s->c, TAPE_COMPACT_PLAN, s->entries, 0, 0, 0);
	return s->status;
}

static int
sum_packed(void *user, const struct index_cache_entry *e)
{
	struct summing *s = user;

	return sum_entry(s, &e->key, e->flags, e->time, s->pack->sessions[e->session].id,
			 e->form != 0 ? &s->pack->forms[e->form] : NULL, e->canonical,
			 e->len);
}

static int
sum_raw(void *user, const struct cachelook_entry *e)
{
	struct summing *s = user;
	const struct part *part = part_of(s->c, e->pos.session);
	struct tape_hash key;

	if (part == NULL || !part->raw)
		return s->status;
	cached_key_put(e->key, key.byte);
	return sum_entry(s, &key,
			 (e->again ? CACHED_AGAIN : 0u) |
				 (e->dropped ? CACHED_DROPPED : 0u),
			 e->time, e->pos.session, e->form, e->body, e->len);
}

/* What cannot be read counts as nothing: it is told where it is taken. */
int
withdrawn_sum_up(struct compaction *c, bool raw, struct withdrawn_sum *out)
{
	static const uint64_t nobody[2];
	struct generations *g = c->snapshot->generations;
	struct tape_reader_options options = { .size = sizeof options };
	struct summing s = { .c = c, .sum = out };
	struct cachelook *look = NULL;
	struct tape_error why;

	memset(out, 0, sizeof *out);
	if (c->withdrawn == NULL)
		return 0;
	for (size_t i = c->keep; i < g->count && s.status == 0; i++) {
		struct index_reader *x = generation_index(g, i);

		s.pack = &g->items[i].scopes;
		if (x != NULL)
			(void)index_each_cache(x, sum_packed, &s, &why);
	}
	if (raw && s.status == 0 &&
	    cachelook_open(&c->reader->dir, &options, &look, &why) == 0)
		(void)cachelook_scan(look, nobody, true, sum_raw, &s);
	cachelook_close(look);
	return s.status;
}
