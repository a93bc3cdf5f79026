/* SPDX-License-Identifier: Apache-2.0 */
/* Results on their way to the tape: which seq they get, and that they got there, or did not. */
#include "librecord/cache.h"

#include <string.h>

#include "format/cached.h"
#include "format/le.h"
#include "format/segment.h"
#include "librecord/part.h"

typedef void cache_record_fn(struct tape *t, uint8_t *record, int64_t time, uint64_t seq);

/* Each CACHE record with the time and, where that is asked for, the seq of the scope in front of it. */
static void
each_record(struct tape *t, struct part *parts, bool seqs, cache_record_fn *fn)
{
	uint64_t seq = t->next_seq;
	int64_t time = 0;
	bool any = false;

	for (const struct part *part = parts; part; part = part->next)
		any |= part->caches;
	for (struct part *part = any ? parts : NULL; part; part = part->next) {
		if (!part->caches) {
			seq += seqs && part->next ? part_count(part) : 0;
			continue;
		}
		for (size_t at = FRAME_HEADER; at < part->len;) {
			uint8_t *record = part->records + at;
			uint32_t kind = get_le32(record + 4) & 0xff;

			if (kind == RECORD_CACHE)
				fn(t, record, time, seq - 1);
			if (record_has_seq(kind)) {
				time = (int64_t)((uint64_t)part->base_time +
						 get_le64(record + RECORD_HEADER));
				seq++;
			}
			at += get_le32(record);
		}
	}
}

static void
number_record(struct tape *t, uint8_t *record, int64_t time, uint64_t seq)
{
	(void)t;
	(void)time;
	put_le64(record + CACHE_RECORD - 8, seq);
}

void
cache_number(struct tape *t, struct part *parts)
{
	each_record(t, parts, true, number_record);
}

/* seq 0: it did not get there. */
static void
place_entry(struct tape *t, const uint8_t *record, int64_t time, uint64_t seq)
{
	struct cache *c = atomic_load(&t->cache);
	struct tape_key key = cached_key(record + RECORD_HEADER);
	struct cache_shard *s;

	if (!c)
		return;
	s = cache_shard_of(c, key);
	cache_lock(s);
	for (struct cache_entry *e = cache_first(s, key); e; e = e->later)
		if (e->pos.seq == 0 && e->time == time &&
		    memcmp(e->pos.session, t->session, sizeof t->session) == 0) {
			e->pos.seq = seq;
			if (seq == 0)
				e->flags |= ENTRY_LOOSE;
		}
	cache_unlock(s);
}

static void
commit_record(struct tape *t, uint8_t *record, int64_t time, uint64_t seq)
{
	(void)seq; /* it has been given */
	place_entry(t, record, time, get_le64(record + CACHE_RECORD - 8));
}

void
cache_committed(struct tape *t, struct part *parts)
{
	each_record(t, parts, false, commit_record);
}

static void
lose_record(struct tape *t, uint8_t *record, int64_t time, uint64_t seq)
{
	(void)seq;
	place_entry(t, record, time, 0);
}

void
cache_lost(struct tape *t, struct part *parts)
{
	each_record(t, parts, false, lose_record);
}
