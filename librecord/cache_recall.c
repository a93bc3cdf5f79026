/* SPDX-License-Identifier: Apache-2.0 */
/* TAPE_RECALL: from a key to the variables of a program. */
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "librecord/cache.h"
#include "librecord/key.h"
#include "librecord/report.h"

/* ---- the short way: a known entry, a known site ---- */

static inline void
count_hit(struct cache_shard *s, struct cache_entry *e)
{
	uint32_t flags;

	s->hits++;
	if (e->seconds > 0)
		s->saved += e->seconds;
	/* Mostly they are set. */
	flags = atomic_load_explicit(&e->flags, memory_order_relaxed);
	if ((flags & (ENTRY_USED | ENTRY_RECENT)) != (ENTRY_USED | ENTRY_RECENT))
		atomic_store_explicit(&e->flags, flags | ENTRY_USED | ENTRY_RECENT,
				      memory_order_relaxed);
}

/* 1, or 0: the long way. */
static int
recall_short(struct cache *c, const struct tape_site *site, struct tape_key key,
	     const struct tape_named *outs)
{
	struct cache_shard *s = cache_shard_of(c, key);
	struct cache_entry *e;
	int hit = 0;

	cache_lock(s);
	e = cache_first(s, key);
	if (e && e->asked == s->news &&
	    (e->flags & (ENTRY_HELD | ENTRY_DAMAGED)) == ENTRY_HELD) {
		if (cache_plan_fill(site, e, outs)) {
			count_hit(s, e);
			hit = 1;
		}
	}
	cache_unlock(s);
	return hit;
}

/* ---- the long way ---- */

struct filling {
	struct cache *c;
	struct cache_entry *e;
	struct tape_value *values;
	bool damaged;
};

static int64_t
find_value(void *user, const char *name)
{
	const struct filling *f = user;
	size_t len = strlen(name);

	for (uint32_t i = 0; i < f->e->shape->count; i++)
		if (f->e->shape->vars[i].len == len &&
		    memcmp(f->e->shape->vars[i].name, name, len) == 0)
			return i;
	return -1;
}

static const struct tape_value *
value_at(void *user, size_t index)
{
	return &((const struct filling *)user)->values[index];
}

/* look_lock is held. */
static int
value_bytes(void *user, size_t index, uint8_t **out, struct tape_error *err)
{
	struct filling *f = user;
	int r = cache_read_value(f->c, f->e, (uint32_t)index, &f->values[index], out,
				 err);

	f->damaged |= cache_damage(r);
	return r;
}

static bool
all_at_hand(const struct cache_entry *e)
{
	for (uint32_t i = 0; i < e->shape->count; i++) {
		struct tape_value v;

		cache_entry_value(e, i, &v);
		if (v.type >= TAPE_STR && v.size && !v.data)
			return false;
	}
	return true;
}

/* ---- others' entries ---- */

static void
tell_report(void *user, const struct tape_report *report)
{
	struct tape *t = user;

	if (report->kind == TAPE_DAMAGE_MET)
		recorder_warn(t, "cache: %s: %s", report->file, report->message);
}

static int
take_found(void *user, const struct cachelook_entry *at)
{
	struct cache *c = user;
	struct cache_entry *e = at->dropped ? NULL : cache_entry_found(c, at);

	if (!e && !at->dropped)
		return 0; /* no memory, or damaged: it is not known then */
	cache_take(c, at->key, e, at->dropped || at->again ? at->time : 0);
	return 0;
}

/* look_lock is held. False: it cannot be; that is tried again when it is time for a look, until the end. */
static bool
open_look(struct cache *c, bool now)
{
	struct tape_reader_options options = { .size = sizeof options,
					       .on_report = tell_report,
					       .user = c->tape };
	struct tape_error why = { 0 };
	int64_t clock;

	if (c->look)
		return true;
	if (atomic_load(&c->tape->dead))
		return false;
	clock = os_monotonic_ns();
	if (c->look_failed && !now && clock - c->tried < CACHE_LOOK_NS)
		return false;
	c->tried = clock;
	c->look_failed = cachelook_open(&c->tape->dir, &options, &c->look, &why) != 0;
	if (!c->look_failed)
		return true;
	c->look = NULL;
	if (said_first(&c->said, CACHE_SAID_LOOK))
		recorder_warn(c->tape,
			      "cache: what others have computed is not found for now: %s",
			      why.message);
	return false;
}

void
cache_look(struct cache *c, bool now)
{
	static const uint64_t none[2];
	int64_t clock = os_monotonic_ns();
	bool whole;
	int r;

	if ((!now && clock - c->looked < CACHE_LOOK_NS) || !open_look(c, now))
		return;
	/* What a doubt hangs on may stand where is seldom looked. */
	whole = now || cache_in_doubt(c);
	atomic_fetch_add(&c->looks, 1);
	/* A fork's child that has no session yet: its parent is another one. */
	r = cachelook_scan(c->look,
			   atomic_load(&c->tape->orphan) ? none : c->tape->session, whole,
			   take_found, c);
	cache_news(c, cachelook_news(c->look));
	c->looked = clock;
	if (r == 0 && whole)
		cache_settle(c, false);
}

uint32_t
cache_ask(struct cache *c, struct tape_key key)
{
	if (!c->look || cachelook_find(c->look, key, take_found, c) != 0)
		return 0;
	return cache_asked(c, key);
}

/* As cache_ask. */
static uint32_t
search_tape(struct cache *c, struct tape_key key, bool now)
{
	uint32_t asked = 0;

	pthread_mutex_lock(&c->look_lock);
	if (!atomic_load(&c->tape->dead)) {
		cache_look(c, now);
		/* What a segment has may be withdrawn in a generation, or not be the first. */
		asked = cache_ask(c, key);
	}
	pthread_mutex_unlock(&c->look_lock);
	return asked;
}

struct cache_entry *
cache_search(struct cache *c, struct tape_key key, uint32_t *news)
{
	bool asked;
	struct cache_entry *e = cache_find_asked(c, key, &asked);

	*news = 0;
	if (asked)
		return e;
	cache_put(e);
	*news = search_tape(c, key, false);
	return cache_find(c, key);
}

struct cache_entry *
cache_search_now(struct cache *c, struct tape_key key)
{
	(void)search_tape(c, key, true);
	return cache_find(c, key);
}

bool
cache_outdated(struct cache *c, const struct cache_entry *e)
{
	struct cache_entry *now;
	bool same;

	if (!open_look(c, true))
		return false;
	cache_look(c, true);
	(void)cache_ask(c, e->key);
	now = cache_find(c, e->key);
	same = now && now->time == e->time;
	cache_put(now);
	return !same;
}

/* ---- filling what was asked for ---- */

/* 1 = filled, 0 = it does not fit or cannot be read, which was told. look_lock is held if some value is elsewhere. */
static int
fill_long(struct cache *c, struct cache_entry *e, const char *names, size_t count,
	  const struct tape_named *outs)
{
	struct filling f = { .c = c, .e = e };
	struct bind_from from = { .user = &f,
				  .find = find_value,
				  .value = value_at,
				  .bytes = value_bytes,
				  .only = e->shape->count == 1 ? 0 : -1 };
	int r;

	f.values = malloc((e->shape->count + 1u) * sizeof *f.values);
	if (!f.values)
		return 0;
	for (uint32_t i = 0; i < e->shape->count; i++)
		cache_entry_value(e, i, &f.values[i]);
	r = bind_outputs(&from, names, count, outs);
	free(f.values);
	if (r == 0 && (!f.damaged || !cache_outdated(c, e))) {
		cache_tell_miss(c, e, tape_bind_error());
		if (f.damaged)
			cache_mark(c, e, ENTRY_DAMAGED);
	}
	return r;
}

/* ---- misses ---- */

static void
forget_misses(struct cache_shard *s)
{
	for (size_t i = 0; i < s->cap; i++) {
		free(s->slots[i].miss);
		s->slots[i].miss = NULL;
	}
	s->misses_open = 0;
}

/* Remembers when, what the key was made of, and when generations were asked for it. */
static void
count_miss(struct cache *c, struct tape_key key, uint32_t asked)
{
	struct cache_shard *s = cache_shard_of(c, key);
	struct cache_miss *miss;
	struct cache_slot *slot;
	size_t len = 0;
	const uint8_t *hashed = key_remembered(key, &len);

	miss = malloc(sizeof *miss + len);
	if (miss) {
		miss->since = os_monotonic_ns();
		miss->asked = asked;
		miss->len = len;
		if (len)
			memcpy(miss->hashed, hashed, len);
	}
	cache_lock(s);
	s->misses++;
	if (s->misses_open >= CACHE_MISSES)
		forget_misses(s);
	slot = miss ? cache_slot_find(s, key, true) : NULL;
	if (slot) {
		s->misses_open += !slot->miss;
		free(slot->miss);
		slot->miss = miss;
		miss = NULL;
	}
	cache_unlock(s);
	free(miss);
}

static void
hit_long(struct cache *c, struct tape_key key)
{
	struct cache_shard *s = cache_shard_of(c, key);
	struct cache_entry *e;

	cache_lock(s);
	e = cache_first(s, key);
	if (e)
		count_hit(s, e);
	else
		s->hits++;
	cache_unlock(s);
}

/* ---- the interface ---- */

void
cache_no_key(struct tape *t)
{
	struct cache *c = cache_get(t);

	if (c && said_first(&c->said, CACHE_SAID_KEY))
		recorder_warn(t,
			      "cache: a key is none, nothing is found or kept under it: "
			      "it is over nothing, has a name twice, or an array that "
			      "cannot be read");
}

static int
recall_long(struct cache *c, struct tape_site *site, struct tape_key key,
	    const char *names, size_t count, const struct tape_named *outs)
{
	uint32_t asked;
	struct cache_entry *e = cache_search(c, key, &asked);
	int r = 0;

	/* Mostly all that it lacked was that nobody had asked for it yet. */
	if (e && site && recall_short(c, site, key, outs)) {
		cache_put(e);
		return 1;
	}
	if (e && !(e->flags & ENTRY_DAMAGED)) {
		bool locked = !(e->flags & ENTRY_HELD) || !all_at_hand(e);

		if (locked) {
			pthread_mutex_lock(&c->look_lock);
			(void)open_look(c, false);
		}
		if (!(e->flags & ENTRY_HELD))
			e = cache_read_entry(c, e);
		if (e)
			r = fill_long(c, e, names, count, outs);
		if (locked)
			pthread_mutex_unlock(&c->look_lock);
		if (r == 1 && site)
			cache_plan_add(site, e->shape, outs);
	}
	cache_put(e);
	if (r == 1)
		hit_long(c, key);
	else
		count_miss(c, key, asked);
	return r;
}

static struct cache *
ready(struct tape *t, struct tape_key key)
{
	if (!t || atomic_load_explicit(&t->dead, memory_order_acquire))
		return NULL;
	if (key_none(key)) {
		cache_no_key(t);
		return NULL;
	}
	return cache_get(t);
}

int
tape_recall(struct tape *t, struct tape_site *site, struct tape_key key,
	    const struct tape_named *outs)
{
	struct cache *c = ready(t, key);
	int r;

	if (!c)
		return 0;
	if (site->version == TAPE_SITE_VERSION && recall_short(c, site, key, outs))
		return 1;
	report_hold();
	r = recall_long(c, site->version == TAPE_SITE_VERSION ? site : NULL, key,
			cache_site_names(site), site->count, outs);
	cache_note(c, false);
	report_tell(t);
	return r;
}

int
tape_cache_get(struct tape *t, struct tape_key key, const char *names, size_t count,
	       const struct tape_named *outs)
{
	struct cache *c = ready(t, key);
	int r;

	if (!c)
		return 0;
	report_hold();
	r = recall_long(c, NULL, key, names, count, outs);
	cache_note(c, false);
	report_tell(t);
	return r;
}

int
tape_cache_has(struct tape *t, struct tape_key key, struct tape_pos *pos)
{
	struct cache *c = ready(t, key);
	struct cache_entry *e;
	uint32_t asked;
	int r = 0;

	if (!c)
		return 0;
	report_hold();
	e = cache_search(c, key, &asked);
	r = e && !(e->flags & ENTRY_DAMAGED);
	if (r && pos)
		*pos = cache_pos(c, e);
	cache_put(e);
	report_tell(t);
	return r;
}

void
tape_refresh(struct tape *t)
{
	struct cache *c;

	if (!t || atomic_load(&t->dead))
		return;
	c = cache_get(t);
	if (!c)
		return;
	report_hold();
	pthread_mutex_lock(&c->look_lock);
	if (!atomic_load(&t->dead))
		cache_look(c, true);
	pthread_mutex_unlock(&c->look_lock);
	report_tell(t);
}
