/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single scopes of a raw session by their seqs, and what is kept of frames for them:
 * all of a frame that was read for one of its scopes, and the wanted records alone of
 * one that was walked over. Links repeat scopes that the same query asks for, mostly:
 * they find these at hand, however far behind, and the rest is not worth its memory.
 */
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "search/raw_shared.h"
#include "search/reader.h"

size_t
raw_find_segment(const struct raw_session *s, uint64_t seq)
{
	for (size_t i = s->segment_count; i-- > 0;) {
		const struct raw_segment *g = &s->segments[i];

		if (!g->bad && g->first_seq <= seq)
			return seq < g->cut ? i : s->segment_count;
	}
	return s->segment_count;
}

size_t
raw_find_frame(const struct raw_segment *g, uint64_t seq)
{
	size_t lo = 0, hi = g->frame_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (g->frames[mid].first_seq + g->frames[mid].scopes <= seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct raw_frame *
find_frame(struct raw_segment *g, uint64_t seq)
{
	size_t at = raw_find_frame(g, seq);

	if (at == g->frame_count || g->frames[at].first_seq > seq)
		return NULL;
	return &g->frames[at];
}

/* ---- slots ---- */

void
raw_cached_release(struct raw_cached *c)
{
	free(c->bytes);
	free(c->items);
	free(c->from);
	memset(c, 0, sizeof *c);
}

static void
cache_drop(struct raw_session *s, size_t slot)
{
	struct raw_cached *c = &s->cache[slot];

	if (c->bytes == NULL)
		return;
	s->segments[c->segment].frames[c->frame].cached = 0;
	s->cache_bytes -= c->held;
	raw_cached_release(c);
}

/* A free slot, and room for that many bytes beside what is kept: first in, first out. */
static size_t
cache_slot(struct raw_session *s, size_t bytes)
{
	size_t slot = s->cache_hand, next = (slot + 1) % RAW_CACHE_SLOTS;

	while (s->cache_oldest != slot &&
	       (s->cache_bytes + bytes > s->cache_most || s->cache_oldest == next)) {
		cache_drop(s, s->cache_oldest);
		s->cache_oldest = (s->cache_oldest + 1) % RAW_CACHE_SLOTS;
	}
	s->cache_hand = next;
	return slot;
}

/* Takes over what `what` has. */
static struct raw_cached *
cache_put(struct raw_session *s, size_t segment, struct raw_frame *frame,
	  const struct raw_cached *what)
{
	size_t slot = cache_slot(s, what->held);
	struct raw_cached *c = &s->cache[slot];

	*c = *what;
	c->segment = (uint32_t)segment;
	c->frame = (uint32_t)(frame - s->segments[segment].frames);
	s->cache_bytes += c->held;
	frame->cached = (uint32_t)slot + 1;
	return c;
}

/* A header may promise more scopes than its payload can hold; damaged ones may be short. */
static uint32_t
scopes_held(uint32_t payload, uint32_t scopes)
{
	uint32_t most = payload / RECORD_HEADER;

	return scopes < most ? scopes : most;
}

/* Takes `bytes`: header and payload, verified, of that frame. */
static struct raw_cached
whole_frame(const struct frame *h, uint8_t *bytes)
{
	size_t scopes = scopes_held(h->payload_bytes, h->scopes);

	return (struct raw_cached){ .bytes = bytes,
				    .records = bytes + FRAME_HEADER,
				    .len = h->payload_bytes,
				    .held = FRAME_HEADER + (size_t)h->payload_bytes +
					    scopes * sizeof(struct raw_item),
				    .header = *h };
}

/* ---- frames that are walked ---- */

static struct raw_item *
copy_items(const struct raw_items *items)
{
	struct raw_item *copy = calloc(items->count + 1, sizeof *copy);

	if (copy != NULL && items->count != 0)
		memcpy(copy, items->items, items->count * sizeof *copy);
	return copy;
}

/* Are all of its scopes wanted, and known where they are? */
static bool
all_wanted(const struct frame *h, const struct raw_items *items)
{
	return items->count == h->scopes &&
	       items->count == scopes_held(h->payload_bytes, h->scopes);
}

/* False: no memory. */
static bool
copy_whole(const struct frame *h, const uint8_t *payload, const struct raw_items *items,
	   struct raw_cached *out)
{
	uint8_t *bytes = malloc(FRAME_HEADER + (size_t)h->payload_bytes);

	if (bytes == NULL)
		return false;
	memcpy(bytes + FRAME_HEADER, payload, h->payload_bytes);
	*out = whole_frame(h, bytes);
	if (all_wanted(h, items)) {
		out->items = copy_items(items);
		out->item_count = out->items == NULL ? 0 : items->count;
	}
	return true;
}

/* As they stand in the file, so that arrays in them do. */
static size_t
aligned(size_t at)
{
	return (at + 7) & ~(size_t)7;
}

/* Bytes that the wanted records of a frame take. */
static size_t
wanted_bytes(const struct frame *h, const uint8_t *payload, const struct raw_items *items)
{
	size_t sum = 0;

	for (size_t i = 0; i < items->count; i++) {
		size_t at = items->items[i].at;
		struct record rec;

		if (record_next(payload, h->payload_bytes, &at, &rec) == 1)
			sum += aligned(rec.len);
	}
	return sum;
}

/* False: no memory. */
static bool
copy_wanted(const struct frame *h, const uint8_t *payload, const struct raw_items *items,
	    struct raw_cached *out)
{
	const size_t bytes = wanted_bytes(h, payload, items);
	struct raw_cached c = { .bytes = malloc(bytes + 1),
				.items = copy_items(items),
				.from = calloc(items->count + 1, sizeof *c.from),
				.item_count = items->count,
				.wanted = true,
				.len = bytes,
				.header = *h };
	size_t used = 0;

	if (c.bytes == NULL || c.items == NULL || c.from == NULL) {
		raw_cached_release(&c);
		return false;
	}
	for (size_t i = 0; i < items->count; i++) {
		size_t at = items->items[i].at;
		struct record rec;

		c.from[i] = (uint32_t)used;
		if (record_next(payload, h->payload_bytes, &at, &rec) != 1)
			continue;
		memcpy(c.bytes + used, rec.data, rec.len);
		used += aligned(rec.len);
	}
	c.records = c.bytes;
	c.held = bytes + items->count * (sizeof *c.items + sizeof *c.from);
	*out = c;
	return true;
}

/* For all threads that work for a cursor, whatever they need it for. */
static void
share(struct raw_session *s, size_t segment, const struct frame *h,
      const uint8_t *payload, const struct raw_items *wanted)
{
	struct raw_cached what;
	bool made = all_wanted(h, wanted) ? copy_whole(h, payload, wanted, &what)
					  : copy_wanted(h, payload, wanted, &what);

	if (made && what.items != NULL)
		raw_shared_keep(s->base.reader->raw_shared, s->dir,
				s->segments[segment].number, &what);
	else if (made)
		raw_cached_release(&what);
}

/*
 * Where some links were followed, frames that are walked need not be read again for
 * others. Without memory they are. Whole ones are kept where most is wanted anyway,
 * and where links lead to scopes of forms that are not asked for, of other lines of a
 * program.
 */
void
raw_cache_keep(struct raw_session *s, size_t segment, struct raw_frame *frame,
	       const struct frame *header, const uint8_t *payload,
	       const struct raw_items *wanted)
{
	const bool whole = s->cache_misses > s->cache_hits;
	const struct raw_shared *all = s->base.reader->raw_shared;
	const bool shared = all != NULL && raw_shared_asked(all);
	const bool follows = s->cache != NULL && frame->cached == 0 && !s->iter.reverse;
	struct raw_cached what;
	bool made;

	if (shared && wanted->count != 0)
		share(s, segment, header, payload, wanted);
	if (!follows || frame->payload > s->cache_most / 8 ||
	    (!whole && (shared || wanted->count == 0)))
		return;
	if (whole || wanted->count > header->scopes / 2)
		made = copy_whole(header, payload, wanted, &what);
	else
		made = copy_wanted(header, payload, wanted, &what);
	if (made)
		(void)cache_put(s, segment, frame, &what);
}

/* ---- one scope ---- */

/* Where its scopes are. */
static int
cache_index(struct raw_session *s, struct raw_cached *c, struct tape_error *err)
{
	struct raw_items *items = &s->cache_items;
	int r;

	if (c->items != NULL)
		return 0;
	r = raw_frame_items(s, c->segment, &c->header, c->records, false, items, err);
	if (r != 0)
		return r;
	c->items = copy_items(items);
	if (c->items == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a frame");
	c->item_count = items->count;
	return 0;
}

/* 1 = *out is all of the frame, 0 = it is damaged. */
static int
cache_read(struct raw_session *s, size_t segment, struct raw_frame *frame,
	   struct raw_cached **out, struct tape_error *err)
{
	struct raw_view view = { .segment = UINT32_MAX };
	struct raw_cached whole;
	const uint8_t *payload;
	struct frame h;
	int r = raw_frame_read(s, segment, frame, &view, &h, &payload, err);

	if (r != 1) {
		free(view.buf);
		return r;
	}
	if (frame->cached != 0)
		cache_drop(s, frame->cached - 1);
	/* A view without anything read ahead is the frame. */
	whole = whole_frame(&h, view.buf);
	*out = cache_put(s, segment, frame, &whole);
	return 1;
}

/* Index of a scope's item, or item_count. */
static size_t
find_item(const struct raw_cached *c, uint32_t index)
{
	size_t lo = 0, hi = c->item_count;

	/* Where all scopes of a frame are shown. */
	if (index < c->item_count && c->items[index].index == index)
		return index;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->items[mid].index < index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < c->item_count && c->items[lo].index == index ? lo : c->item_count;
}

/* What is shared of a frame; *held keeps it until the next call. NULL: nothing. */
static const struct raw_cached *
find_shared(struct raw_session *s, size_t segment, const struct raw_frame *frame,
	    struct raw_shared_frame **held)
{
	const uint32_t number = s->segments[segment].number;

	if (*held != NULL && (*held)->number == number &&
	    (*held)->records.header.offset == frame->offset)
		return &(*held)->records;
	raw_shared_leave(*held);
	*held = raw_shared_find(s->base.reader->raw_shared, s->dir, number,
				frame->offset);
	return *held == NULL ? NULL : &(*held)->records;
}

/* Is it known already whether the scope is there? */
static bool
find_kept(struct raw_session *s, size_t segment, const struct raw_frame *frame,
	  uint32_t index, struct raw_shared_frame **held, const struct raw_cached **out,
	  size_t *at)
{
	const struct raw_cached *c = NULL;

	if (frame->cached != 0)
		c = &s->cache[frame->cached - 1];
	else if (s->base.reader->raw_shared != NULL)
		c = find_shared(s, segment, frame, held);
	if (c == NULL || c->items == NULL)
		return false;
	*out = c;
	*at = find_item(c, index);
	if (c->wanted && *at < c->item_count)
		s->cache_hits++;
	else if (c->wanted)
		s->cache_misses++;
	return !c->wanted || *at < c->item_count;
}

/* 1 = item *at of *out, 0 = not there. */
static int
cache_find(struct raw_session *s, size_t segment, struct raw_frame *frame, uint32_t index,
	   struct raw_shared_frame **held, const struct raw_cached **out, size_t *at,
	   struct tape_error *err)
{
	struct raw_cached *c = NULL;
	int r = 1;

	if (find_kept(s, segment, frame, index, held, out, at))
		return *at < (*out)->item_count;
	if (frame->cached != 0 && !s->cache[frame->cached - 1].wanted)
		c = &s->cache[frame->cached - 1];
	else
		r = cache_read(s, segment, frame, &c, err);
	if (r != 1)
		return r;
	r = cache_index(s, c, err);
	if (r != 0)
		return r;
	*out = c;
	*at = find_item(c, index);
	return *at < c->item_count;
}

static int
find_scope(struct raw_session *s, uint64_t seq, struct raw_shared_frame **held,
	   struct source_record *out, struct tape_error *err)
{
	size_t segment = raw_find_segment(s, seq), at = 0, from;
	const struct raw_cached *c = NULL;
	struct raw_frame *frame;
	int r;

	if (segment == s->segment_count)
		return 0;
	if (s->cache == NULL) {
		s->cache = calloc(RAW_CACHE_SLOTS, sizeof *s->cache);
		if (s->cache == NULL)
			return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
					 "no memory to follow links");
	}
	r = s->segments[segment].loaded ? 0 : raw_segment_load(s, segment, err);
	if (r != 0)
		return r;
	frame = find_frame(&s->segments[segment], seq);
	if (frame == NULL)
		return 0;
	r = cache_find(s, segment, frame, (uint32_t)(seq - frame->first_seq), held, &c,
		       &at, err);
	if (r != 1)
		return r;
	from = c->wanted ? c->from[at] : c->items[at].at;
	return raw_frame_record(s, segment, &c->header, c->records + from, c->len - from,
				&c->items[at], out);
}

int
raw_lookup(struct source *source, uint64_t seq, struct source_record *out,
	   struct tape_error *err)
{
	struct raw_session *s = (struct raw_session *)source;

	return find_scope(s, seq, &s->looked_up, out, err);
}

/* What is recalled stays while its target is looked up: its segment is that of the walk. */
int
raw_recall(struct source *source, const struct source_key *key, struct source_record *out,
	   struct tape_error *err)
{
	struct raw_session *s = (struct raw_session *)source;
	size_t segment = raw_find_segment(s, key->seq);

	if (segment != s->segment_count)
		s->at_segment = segment;
	return find_scope(s, key->seq, &s->recalled, out, err);
}

void
raw_cache_drop_segment(struct raw_session *s, size_t segment)
{
	for (size_t i = s->cache_oldest; i != s->cache_hand;
	     i = (i + 1) % RAW_CACHE_SLOTS)
		if (s->cache[i].bytes != NULL && s->cache[i].segment == segment)
			cache_drop(s, i);
}

/* Slots that were never used are not even looked at: their memory was not touched. */
void
raw_cache_release(struct raw_session *s)
{
	for (size_t i = s->cache_oldest; s->cache != NULL && i != s->cache_hand;
	     i = (i + 1) % RAW_CACHE_SLOTS)
		raw_cached_release(&s->cache[i]);
	free(s->cache);
	free(s->cache_items.items);
	raw_shared_leave(s->looked_up);
	raw_shared_leave(s->recalled);
	s->looked_up = s->recalled = NULL;
	s->cache = NULL;
}
