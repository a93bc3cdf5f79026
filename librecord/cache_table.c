/* SPDX-License-Identifier: Apache-2.0 */
/* The table of results that this process knows. */
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "librecord/cache.h"
#include "librecord/key.h"

/* ---- shards ---- */

void
cache_lock(struct cache_shard *s)
{
	while (atomic_exchange_explicit(&s->lock, 1u, memory_order_acquire))
		for (unsigned spins = 0;
		     atomic_load_explicit(&s->lock, memory_order_relaxed);)
			if (++spins < 1000)
				cpu_relax();
			else
				sched_yield();
}

void
cache_unlock(struct cache_shard *s)
{
	atomic_store_explicit(&s->lock, 0u, memory_order_release);
}

struct cache_shard *
cache_shard_of(struct cache *c, struct tape_key key)
{
	return &c->shards[key.hi % CACHE_SHARDS];
}

static size_t
place_of(const struct cache_shard *s, struct tape_key key)
{
	size_t at = (size_t)key.lo & (s->cap - 1);

	while ((s->slots[at].key.lo | s->slots[at].key.hi) != 0 &&
	       (s->slots[at].key.lo != key.lo || s->slots[at].key.hi != key.hi))
		at = (at + 1) & (s->cap - 1);
	return at;
}

/* Keys of computations that came to nothing are in the way. */
static bool
worth_keeping(const struct cache_slot *slot)
{
	return slot->miss || slot->dropped;
}

/* Only what is worth keeping makes it larger: keys that are asked for and never stored do not. */
static bool
grow(struct cache_shard *s)
{
	struct cache_shard fresh = { .cap = s->cap ? s->cap : 64 };
	size_t kept = 0;

	for (size_t i = 0; i < s->cap; i++)
		kept += worth_keeping(&s->slots[i]);
	if (kept >= fresh.cap / 2)
		fresh.cap *= 2;
	fresh.slots = calloc(fresh.cap, sizeof *fresh.slots);
	if (!fresh.slots)
		return false;
	for (size_t i = 0; i < s->cap; i++)
		if (worth_keeping(&s->slots[i]))
			fresh.slots[place_of(&fresh, s->slots[i].key)] = s->slots[i];
	free(s->slots);
	s->slots = fresh.slots;
	s->cap = fresh.cap;
	s->count = kept;
	return true;
}

struct cache_slot *
cache_slot_find(struct cache_shard *s, struct tape_key key, bool add)
{
	size_t at = s->cap ? place_of(s, key) : 0;

	if (s->cap && (s->slots[at].key.lo | s->slots[at].key.hi) != 0)
		return &s->slots[at];
	if (!add || key_none(key))
		return NULL;
	if (s->count >= s->cap - s->cap / 4) {
		if (!grow(s))
			return NULL;
		at = place_of(s, key);
	}
	s->slots[at].key = key;
	s->count++;
	return &s->slots[at];
}

/* ---- spots ---- */

static struct cache_spot *
free_spot(const struct cache_shard *s, uint64_t lo)
{
	size_t at = (size_t)lo & (s->spot_cap - 1);

	while (s->spots[at].at != SPOT_FREE)
		at = (at + 1) & (s->spot_cap - 1);
	return &s->spots[at];
}

static void
free_spots(struct cache_shard *s)
{
	cache_memory_put(s->spots, s->spot_cap * sizeof *s->spots, s->spots_chunked);
	s->spots = NULL;
	s->spots_chunked = false;
}

static bool
more_spots(struct cache *c, struct cache_shard *s)
{
	struct cache_shard fresh = { .spot_cap = s->spot_cap ? s->spot_cap : 64 };

	for (size_t i = 0; i < s->spot_cap; i++)
		fresh.spot_count += cache_spot_entry(&s->spots[i]) != NULL;
	if (fresh.spot_count >= fresh.spot_cap / 2)
		fresh.spot_cap *= 2;
	fresh.spots = cache_memory_get(&c->memory, fresh.spot_cap * sizeof *fresh.spots,
				       &fresh.spots_chunked);
	if (!fresh.spots)
		return false;
	memset(fresh.spots, 0, fresh.spot_cap * sizeof *fresh.spots);
	for (size_t i = 0; i < s->spot_cap; i++)
		if (cache_spot_entry(&s->spots[i]))
			*free_spot(&fresh, s->spots[i].lo) = s->spots[i];
	free_spots(s);
	s->spots = fresh.spots;
	s->spots_chunked = fresh.spots_chunked;
	s->spot_cap = fresh.spot_cap;
	s->spot_count = fresh.spot_count;
	return true;
}

/* NULL: no memory. */
static struct cache_spot *
spot_add(struct cache *c, struct cache_shard *s, struct tape_key key)
{
	struct cache_spot *spot = cache_spot_find(s, key);

	if (spot || (s->spot_count >= s->spot_cap / 16 * 13 && !more_spots(c, s)))
		return spot;
	spot = free_spot(s, key.lo);
	*spot = (struct cache_spot){ key.lo, SPOT_LEFT };
	s->spot_count++;
	return spot;
}

static void
spot_set(struct cache_spot *spot, const struct cache_entry *e)
{
	spot->at = e ? (uintptr_t)e | e->lines : SPOT_LEFT;
}

/* ---- entries ---- */

static size_t
entry_bytes(const struct cache_entry *e)
{
	return sizeof *e + e->size;
}

void
cache_put(struct cache_entry *e)
{
	while (e && __atomic_sub_fetch(&e->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		struct cache_entry *later = e->later;

		cache_memory_put(e, entry_bytes(e), e->chunked);
		e = later;
	}
}

struct tape_pos
cache_pos(struct cache *c, const struct cache_entry *e)
{
	struct cache_shard *s = cache_shard_of(c, e->key);
	struct tape_pos pos;

	cache_lock(s);
	pos = e->pos;
	cache_unlock(s);
	return pos;
}

struct cache_entry *
cache_find_asked(struct cache *c, struct tape_key key, bool *asked)
{
	struct cache_shard *s = cache_shard_of(c, key);
	struct cache_entry *e;

	cache_lock(s);
	e = cache_first(s, key);
	if (e)
		__atomic_add_fetch(&e->refs, 1, __ATOMIC_ACQ_REL);
	*asked = e && e->asked == s->news;
	cache_unlock(s);
	return e;
}

struct cache_entry *
cache_find(struct cache *c, struct tape_key key)
{
	bool asked;

	return cache_find_asked(c, key, &asked);
}

void
cache_mark(struct cache *c, const struct cache_entry *e, uint32_t flag)
{
	struct cache_shard *s = cache_shard_of(c, e->key);
	struct cache_entry *first;

	cache_lock(s);
	first = cache_first(s, e->key);
	if (first && tape_pos_compare(&first->pos, &e->pos) == 0)
		first->flags |= flag;
	cache_unlock(s);
}

uint32_t
cache_asked(struct cache *c, struct tape_key key)
{
	struct cache_shard *s = cache_shard_of(c, key);
	uint32_t news;

	cache_lock(s);
	news = s->news;
	for (struct cache_entry *e = cache_first(s, key); e; e = e->later)
		e->asked = news;
	cache_unlock(s);
	return news;
}

void
cache_news(struct cache *c, uint32_t news)
{
	for (unsigned i = 0; i < CACHE_SHARDS; i++) {
		cache_lock(&c->shards[i]);
		c->shards[i].news = news + 1;
		cache_unlock(&c->shards[i]);
	}
}

int64_t
cache_time_behind(struct cache *c, struct tape_key key, int64_t time)
{
	struct cache_shard *s = cache_shard_of(c, key);
	const struct cache_slot *slot;

	cache_lock(s);
	for (const struct cache_entry *e = cache_first(s, key); e; e = e->later)
		if (time <= e->time)
			time = e->time + 1;
	slot = cache_slot_find(s, key, false);
	if (slot && time < slot->dropped)
		time = slot->dropped;
	cache_unlock(s);
	return time;
}

/* ---- which one stays ---- */

/* A staged one has its session's next seq. */
static bool
earlier(const struct cache_entry *a, const struct cache_entry *b)
{
	struct tape_pos x = a->pos, y = b->pos;

	if (a->time != b->time)
		return a->time < b->time;
	x.seq--;
	y.seq--;
	return tape_pos_compare(&x, &y) < 0;
}

static bool
same_place(const struct cache_entry *a, const struct cache_entry *b)
{
	return a->time == b->time &&
	       memcmp(a->pos.session, b->pos.session, sizeof a->pos.session) == 0;
}

/* Values that were not used since the last time make room; entries stay. */
static void
drop_values(struct cache *c, struct cache_shard *s)
{
	for (size_t i = 0; i < s->spot_cap; i++) {
		struct cache_entry *e = cache_spot_entry(&s->spots[i]), *bare;
		bool chunked;

		if (!e || !(e->flags & ENTRY_HELD) || e->pos.seq == 0)
			continue;
		if (e->flags & ENTRY_RECENT) {
			e->flags &= ~(uint32_t)ENTRY_RECENT;
			continue;
		}
		bare = cache_entry_new(c, 0);
		if (!bare)
			return;
		chunked = bare->chunked;
		memcpy(bare, e, sizeof *bare);
		bare->chunked = chunked;
		bare->refs = 1;
		bare->size = 0;
		bare->lines = 1;
		bare->flags &= ~(uint32_t)ENTRY_HELD;
		bare->shape = NULL;
		e->later = NULL; /* it is bare's */
		spot_set(&s->spots[i], bare);
		atomic_fetch_sub(&c->held, e->size);
		cache_put(e);
	}
}

static bool
other_results(const struct cache_entry *a, const struct cache_entry *b)
{
	return a->shape && b->shape &&
	       memcmp(&a->results, &b->results, sizeof a->results) != 0;
}

/* Does this one say something else than the first, or what is behind it? To be looked into once. */
static bool
differs(struct cache_entry *first, const struct cache_entry *e)
{
	const struct cache_entry *other = first == e ? e->later : e;

	if (!other || !other_results(first, other) ||
	    (first->flags & (ENTRY_TOLD | ENTRY_DOUBTED)))
		return false;
	first->flags |= ENTRY_DOUBTED;
	return true;
}

int
cache_judge(struct cache *c, const struct cache_doubt *doubt, struct tape_pos *pos)
{
	struct cache_shard *s = cache_shard_of(c, doubt->key);
	const struct cache_slot *slot;
	struct cache_entry *first;
	bool differ = false;

	cache_lock(s);
	first = cache_first(s, doubt->key);
	slot = cache_slot_find(s, doubt->key, false);
	if (first && first->shape && doubt->time >= (slot ? slot->dropped : 0))
		differ = memcmp(&first->results, &doubt->results,
				sizeof doubt->results) != 0;
	for (struct cache_entry *e = first; e; e = e->later) {
		differ |= other_results(first, e);
		e->flags &= ~(uint32_t)ENTRY_DOUBTED;
	}
	differ = differ && !(first->flags & ENTRY_TOLD);
	if (differ) {
		first->flags |= ENTRY_TOLD;
		*pos = first->pos;
	}
	cache_unlock(s);
	return differ;
}

/*
 * Puts it among those of its key, in their order: what comes behind the first one holds
 * where that is withdrawn. False: it was there already.
 */
static bool
put_entry(struct cache *c, struct cache_entry **at, struct cache_entry *e)
{
	struct cache_entry *old;

	while (*at && !same_place(*at, e) && earlier(*at, e))
		at = &(*at)->later;
	old = *at;
	if (old && same_place(old, e)) {
		/* Staged by the parent of a fork, and committed since; or just numbered. */
		if (e->pos.seq)
			old->flags &= ~(uint32_t)ENTRY_LOOSE;
		if (old->pos.seq == 0)
			old->pos.seq = e->pos.seq;
		else if (e->pos.seq == 0)
			e->pos.seq = old->pos.seq;
		if ((old->flags & ENTRY_HELD) || !(e->flags & ENTRY_HELD))
			return false;
		e->flags |= old->flags &
			    (ENTRY_USED | ENTRY_TOLD | ENTRY_RECENT | ENTRY_DOUBTED);
		if (e->asked == 0)
			e->asked = old->asked;
		e->later = old->later;
		old->later = NULL;
		cache_put(old);
	} else {
		if (old)
			e->flags |= old->flags & (ENTRY_TOLD | ENTRY_DOUBTED);
		e->later = old;
	}
	*at = e;
	atomic_fetch_add(&c->held, e->size);
	return true;
}

/* This one goes. */
static void
pop_entry(struct cache *c, struct cache_entry **at)
{
	struct cache_entry *e = *at;

	*at = e->later;
	e->later = NULL;
	atomic_fetch_sub(&c->held, e->size);
	cache_put(e);
}

void
cache_take(struct cache *c, struct tape_key key, struct cache_entry *e, int64_t dropped)
{
	struct cache_shard *s = cache_shard_of(c, key);
	struct tape_hash results = { { 0 } };
	int64_t time = e ? e->time : 0;
	struct cache_entry *first;
	struct cache_spot *spot;
	struct cache_slot *slot;
	bool doubt = false;

	cache_lock(s);
	slot = cache_slot_find(s, key, dropped != 0);
	/* No memory to remember it by: what is there goes all the same. */
	spot = e && e->time >= (slot ? slot->dropped : 0) ? spot_add(c, s, key)
							  : cache_spot_find(s, key);
	first = spot ? cache_spot_entry(spot) : NULL;
	if (spot && e && e->time >= (slot ? slot->dropped : 0) &&
	    put_entry(c, &first, e)) {
		doubt = differs(first, e);
		results = e->results;
		e = NULL;
	}
	if (slot && dropped > slot->dropped)
		slot->dropped = dropped;
	dropped = slot ? slot->dropped : dropped;
	while (first &&
	       (first->time < dropped ||
		((first->flags & (ENTRY_DAMAGED | ENTRY_LOOSE)) && first->later)))
		pop_entry(c, &first);
	if (spot)
		spot_set(spot, first);
	if (first && slot && slot->miss) {
		free(slot->miss);
		slot->miss = NULL;
		s->misses_open--;
	}
	if (atomic_load(&c->held) > c->most)
		drop_values(c, s);
	cache_unlock(s);
	cache_put(e);
	if (doubt)
		cache_doubt(c, key, &results, time);
}

void
cache_untake(struct cache *c, struct tape_key key, int64_t time)
{
	struct cache_shard *s = cache_shard_of(c, key);
	struct cache_entry *first = NULL;
	struct cache_spot *spot;

	cache_lock(s);
	spot = cache_spot_find(s, key);
	if (spot)
		first = cache_spot_entry(spot);
	for (struct cache_entry **at = &first; *at; at = &(*at)->later)
		if ((*at)->time == time && (*at)->pos.seq == 0 &&
		    memcmp((*at)->pos.session, c->tape->session,
			   sizeof c->tape->session) == 0) {
			pop_entry(c, at);
			break;
		}
	if (spot)
		spot_set(spot, first);
	cache_unlock(s);
}

/* ---- the whole ---- */

struct cache *
cache_get(struct tape *t)
{
	struct cache *c = atomic_load_explicit(&t->cache, memory_order_acquire);

	if (c)
		return c;
	c = aligned_alloc(64, (sizeof *c + 63) / 64 * 64);
	if (!c)
		return NULL;
	memset(c, 0, sizeof *c);
	c->tape = t;
	atomic_store(&c->noted, os_monotonic_ns());
	c->looked = INT64_MIN / 2;
	c->most = CACHE_HELD;
	pthread_mutex_init(&c->look_lock, NULL);
	pthread_mutex_init(&c->memory.lock, NULL);
	pthread_mutex_init(&c->doubts.lock, NULL);
	cache_news(c, 0);
	pthread_mutex_lock(&t->table_lock);
	if (atomic_load(&t->cache)) {
		free(c);
	} else {
		c->stage = stage_new(t);
		if (c->stage) {
			c->stage->caches = true;
			c->stage->due = t->conf.commit == COMMIT_AUTO
						? FRAME_HEADER + t->conf.commit_bytes
						: UINT64_MAX;
			atomic_store(&t->cache, c);
		} else {
			free(c);
		}
	}
	c = atomic_load(&t->cache);
	pthread_mutex_unlock(&t->table_lock);
	return c;
}

void
cache_shed(struct tape *t)
{
	struct cache *c = atomic_load(&t->cache);

	for (unsigned i = 0; c && i < CACHE_SHARDS; i++) {
		struct cache_shard *s = &c->shards[i];

		cache_lock(s);
		for (size_t k = 0; k < s->spot_cap; k++)
			cache_put(cache_spot_entry(&s->spots[k]));
		for (size_t k = 0; k < s->cap; k++)
			free(s->slots[k].miss);
		free_spots(s);
		free(s->slots);
		s->slots = NULL;
		s->spot_count = s->spot_cap = 0;
		s->count = s->cap = 0;
		cache_unlock(s);
	}
	if (!c)
		return;
	pthread_mutex_lock(&c->doubts.lock);
	cache_doubts_clear(c);
	pthread_mutex_unlock(&c->doubts.lock);
	cache_memory_close(&c->memory);
}

/* ---- fork ---- */

void
cache_lock_look(struct tape *t)
{
	struct cache *c = atomic_load(&t->cache);

	if (!c)
		return;
	pthread_mutex_lock(&c->look_lock);
	c->locked = true;
}

void
cache_unlock_look(struct tape *t)
{
	struct cache *c = atomic_load(&t->cache);

	/* It may have been made since. */
	if (!c || !c->locked)
		return;
	c->locked = false;
	pthread_mutex_unlock(&c->look_lock);
}

void
cache_lock_all(struct tape *t)
{
	struct cache *c = atomic_load(&t->cache);

	if (c)
		pthread_mutex_lock(&c->doubts.lock);
	for (unsigned i = 0; c && i < CACHE_SHARDS; i++)
		cache_lock(&c->shards[i]);
	if (c)
		pthread_mutex_lock(&c->memory.lock);
}

void
cache_unlock_all(struct tape *t)
{
	struct cache *c = atomic_load(&t->cache);

	if (c)
		pthread_mutex_unlock(&c->memory.lock);
	for (unsigned i = 0; c && i < CACHE_SHARDS; i++)
		cache_unlock(&c->shards[i]);
	if (c)
		pthread_mutex_unlock(&c->doubts.lock);
}

/* What the parent has staged may never come to the tape. */
static void
loosen(struct cache_entry *e)
{
	for (; e; e = e->later)
		if (e->pos.seq == 0)
			e->flags |= ENTRY_LOOSE;
}

/* What was staged is the parent's, as are the counts; what is known is known here too. */
void
cache_after_fork(struct tape *t)
{
	struct cache *c = atomic_load(&t->cache);

	for (unsigned i = 0; c && i < CACHE_SHARDS; i++) {
		struct cache_shard *s = &c->shards[i];

		s->hits = s->misses = s->stored = 0;
		s->saved = 0;
		for (size_t k = 0; k < s->spot_cap; k++) {
			struct cache_entry *e = cache_spot_entry(&s->spots[k]);

			if (e)
				e->flags &= ~(uint32_t)ENTRY_USED;
			loosen(e);
		}
	}
	if (c)
		cache_doubts_clear(c); /* the parent looks into them */
}
