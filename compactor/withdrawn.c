/* SPDX-License-Identifier: Apache-2.0 */
#include "compactor/withdrawn.h"

#include <stdlib.h>
#include <string.h>

#include "format/cached.h"
#include "format/error.h"
#include "format/hash.h"
#include "format/index.h"
#include "format/le.h"
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

	put_le64(key.byte, __builtin_bswap64(e->key.hi));
	put_le64(key.byte + 8, __builtin_bswap64(e->key.lo));
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

static bool
may_say(const struct scopepack *p)
{
	for (uint32_t i = 1; i <= p->form_count; i++)
		if (cached_withdraws(&p->forms[i]))
			return true;
	return false;
}

static int
know_packed(struct compaction *c, size_t index, struct withdrawn *w)
{
	struct generations *g = c->snapshot->generations;
	struct index_reader *x = NULL;
	struct tape_error why = { 0 };
	int r = 0;

	if (may_say(&g->items[index].scopes))
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

bool
withdrawn_is(const struct withdrawn *w, const struct form *form, const uint8_t *canonical,
	     size_t len, int64_t time)
{
	const struct withdrawal *by;
	struct tape_hash key;
	unsigned flags;

	if (!cached_form(form) || !cached_read(form, canonical, len, &key, &flags))
		return false;
	by = find(w, &key);
	if (by == NULL || time > by->time)
		return false;
	return time < by->time || (w->all_here && (flags & CACHED_DROPPED) != 0);
}
