/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two different results under one key: a word of warning, or nothing. Sessions are
 * looked at one after the other, so that a result may be met before what withdrew the
 * one that it follows. Whoever stored it knew of that, so it is on the tape by then:
 * one more whole look meets it, in a session or in a generation.
 */
#include <stdlib.h>

#include "librecord/cache.h"
#include "librecord/report.h"

static void
tell(struct cache *c, struct tape_key key, const struct tape_pos *first)
{
	char text[TAPE_HASH_TEXT], where[TAPE_POS_TEXT];

	tape_key_text(key, text);
	tape_pos_text(first, where);
	recorder_warn(c->tape,
		      "cache: two different results were stored under the key %s; the "
		      "first one holds (%s): what the result depends on besides is to "
		      "go into the key",
		      text, where);
}

static bool
add(struct cache_doubts *d, const struct cache_doubt *doubt)
{
	size_t cap = d->cap ? d->cap * 2 : 16;
	struct cache_doubt *more;

	if (d->count == d->cap) {
		more = reallocarray(d->items, cap, sizeof *more);
		if (!more)
			return false;
		d->items = more;
		d->cap = cap;
	}
	d->items[d->count++] = *doubt;
	return true;
}

void
cache_doubt(struct cache *c, struct tape_key key, const struct tape_hash *results,
	    int64_t time)
{
	struct cache_doubt doubt = { key, *results, time, atomic_load(&c->looks) };
	struct tape_pos first;
	bool added;

	pthread_mutex_lock(&c->doubts.lock);
	added = add(&c->doubts, &doubt);
	pthread_mutex_unlock(&c->doubts.lock);
	/* No memory to wait: rather too soon than never. */
	if (!added && cache_judge(c, &doubt, &first))
		tell(c, key, &first);
}

bool
cache_in_doubt(struct cache *c)
{
	bool some;

	pthread_mutex_lock(&c->doubts.lock);
	some = c->doubts.count != 0;
	pthread_mutex_unlock(&c->doubts.lock);
	return some;
}

/* The first one that is old enough, taken out. */
static bool
take(struct cache *c, uint64_t before, struct cache_doubt *out)
{
	struct cache_doubts *d = &c->doubts;
	size_t at = 0;
	bool found;

	pthread_mutex_lock(&d->lock);
	while (at < d->count && d->items[at].looks >= before)
		at++;
	found = at < d->count;
	if (found) {
		*out = d->items[at];
		d->items[at] = d->items[--d->count];
	}
	pthread_mutex_unlock(&d->lock);
	return found;
}

void
cache_settle(struct cache *c, bool all)
{
	uint64_t before = all ? UINT64_MAX : atomic_load(&c->looks);
	struct cache_doubt doubt;
	struct tape_pos first;

	while (take(c, before, &doubt)) {
		if (!cache_ask(c, doubt.key) && !all) {
			/* The next look comes to it. */
			doubt.looks = before;
			pthread_mutex_lock(&c->doubts.lock);
			(void)add(&c->doubts, &doubt); /* there is room: it came out */
			pthread_mutex_unlock(&c->doubts.lock);
			continue;
		}
		if (cache_judge(c, &doubt, &first))
			tell(c, doubt.key, &first);
	}
}

void
cache_doubts_clear(struct cache *c)
{
	free(c->doubts.items);
	c->doubts.items = NULL;
	c->doubts.count = c->doubts.cap = 0;
}
