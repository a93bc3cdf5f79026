/* SPDX-License-Identifier: Apache-2.0 */
/* All of an index read, and what stands twice in it compared. */
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/index_reader.h"

struct counting {
	struct index_reader *x;
	uint64_t count;
	struct index_pair last;
	bool broken;
};

static int
count_pair(void *user, const uint8_t fingerprint[FINGERPRINT_BYTES], uint64_t ordinal)
{
	struct counting *c = user;
	struct index_pair p = index_pair_make(fingerprint, ordinal);

	if (c->count != 0 && !index_pair_less(&c->last, &p))
		c->broken = true;
	c->last = p;
	c->count++;
	return 0;
}

static int
check_pairs(struct index_reader *x, uint8_t kind, uint64_t expected,
	    struct tape_error *err)
{
	static const uint8_t least[FINGERPRINT_BYTES];
	struct counting c = { .x = x };
	uint8_t most[FINGERPRINT_BYTES];
	int r;

	memset(most, 0xff, sizeof most);
	r = index_walk_pairs(x, kind, least, most, count_pair, &c, err);
	if (r == 0 && (c.broken || c.count != expected))
		return index_damaged(x, x->pack.root, "the order of fingerprints", err);
	return r;
}

struct counting_repeats {
	uint64_t count;
	struct index_repeat last;
	bool broken;
};

static int
count_repeat(void *user, uint64_t ref, uint32_t place)
{
	struct counting_repeats *c = user;

	if (c->count != 0 &&
	    (ref < c->last.ref || (ref == c->last.ref && place <= c->last.place)))
		c->broken = true;
	c->last = (struct index_repeat){ ref, place };
	c->count++;
	return 0;
}

static int
check_repeats(struct index_reader *x, struct tape_error *err)
{
	struct counting_repeats c = { 0 };
	int r = index_each_repeat(x, count_repeat, &c, err);

	if (r == 0 && (c.broken || c.count != x->counts.repeats ||
		       (c.count != 0 && c.last.ref == CONTENT_LOST) != x->counts.lost))
		return index_damaged(x, x->pack.root, "the order of repeats", err);
	return r;
}

struct counting_caches {
	uint64_t count;
	struct index_cache_entry last;
	bool broken;
};

static bool
cache_less(const struct index_cache_entry *a, const struct index_cache_entry *b)
{
	int r = memcmp(a->key.byte, b->key.byte, sizeof a->key.byte);

	if (r != 0)
		return r < 0;
	if (a->time != b->time)
		return a->time < b->time;
	return a->session != b->session ? a->session < b->session : a->seq < b->seq;
}

static int
count_cache(void *user, const struct index_cache_entry *e)
{
	struct counting_caches *c = user;

	if (c->count != 0 && !cache_less(&c->last, e))
		c->broken = true;
	c->last = *e;
	c->count++;
	return 0;
}

static int
check_caches(struct index_reader *x, struct tape_error *err)
{
	struct counting_caches c = { 0 };
	int r = index_each_cache(x, count_cache, &c, err);

	if (r == 0 && (c.broken || c.count != x->counts.cached))
		return index_damaged(x, x->pack.root, "the order of cached results", err);
	return r;
}

/* Calls `check` for the raw bytes of each section of a kind; its first key is given. */
static int
each_section(struct index_reader *x, uint8_t kind,
	     int (*check)(struct index_reader *x, const uint8_t *key, size_t len,
			  void *user),
	     void *user, struct tape_error *err)
{
	uint8_t key[INDEX_KEY_MAX] = { kind };
	struct index_entry e;
	size_t len = 1;
	int r;

	while ((r = index_directory_after(x->directory, key, len, &e)) == 1) {
		uint64_t offset = e.offset;

		if (e.key_len > sizeof key)
			return index_damaged(x, offset, "the directory", err);
		memcpy(key, e.key, len = e.key_len);
		r = index_section(x, &e, kind, NULL, err);
		if (r == 0)
			r = check(x, key, len, user);
		if (r == TAPE_ERR_DAMAGED)
			return index_damaged(x, offset, "a section", err);
		if (r != 0)
			return r;
	}
	return r < 0 ? index_damaged(x, 0, "the directory", err) : 0;
}

struct seen {
	uint64_t count;
	uint8_t last[256];
	size_t last_len;
};

/* Is it above the one before? */
static bool
next_name(struct seen *s, const uint8_t *name, size_t len)
{
	size_t least = len < s->last_len ? len : s->last_len;
	int order = memcmp(s->last, name, least);

	if (len > sizeof s->last ||
	    (s->count != 0 && (order > 0 || (order == 0 && s->last_len >= len))))
		return false;
	memcpy(s->last, name, len);
	s->last_len = len;
	s->count++;
	return true;
}

static int
check_blobs(struct index_reader *x, const uint8_t *key, size_t len, void *user)
{
	struct varint_in in = { x->raw.data, x->raw.data + x->raw.len, false };
	struct index_blob b;
	bool first = true;
	int r;

	while ((r = index_next_blob(&in, &b)) == 1) {
		if (!next_name(user, b.entry.hash.byte, 16) ||
		    (first && (len != 17 || memcmp(key + 1, b.entry.hash.byte, 16) != 0)))
			return TAPE_ERR_DAMAGED;
		first = false;
	}
	return r;
}

static int
check_labels(struct index_reader *x, const uint8_t *key, size_t len, void *user)
{
	struct varint_in in = { x->raw.data, x->raw.data + x->raw.len, false };
	bool first = true;

	while (varint_left(&in) != 0) {
		uint32_t n = varint_get32(&in, 255), block = 0;
		const uint8_t *text = varint_get_bytes(&in, n);
		uint32_t count = varint_get32(&in, x->counts.blocks);

		if (in.failed || count == 0 || !next_name(user, text, n) ||
		    (first && (len != n + 1u || memcmp(key + 1, text, n) != 0)))
			return TAPE_ERR_DAMAGED;
		first = false;
		for (uint32_t i = 0; i < count; i++) {
			uint32_t step = varint_get32(&in, x->counts.blocks);

			block += step;
			if ((i > 0 && step == 0) || block >= x->counts.blocks ||
			    varint_get(&in) == 0 || in.failed)
				return TAPE_ERR_DAMAGED;
		}
	}
	return 0;
}

/* Every column of every table. */
static int
check_values(struct index_reader *x, struct tape_error *err)
{
	struct index_values v = { 0 };
	int r = 0;

	for (uint32_t b = 0; b < x->counts.blocks && r == 0; b++) {
		uint32_t columns =
			x->scopes == NULL ? INDEX_COLUMNS : x->scopes->column_count;

		for (uint32_t c = 0; c < columns && c < INDEX_COLUMNS && r == 0; c++) {
			r = index_values_read(x, b, c, &v, NULL, err);
			/* No table, no column. */
			if (r == TAPE_ERR_NOT_FOUND && x->table_block != b)
				c = INDEX_COLUMNS;
			r = r == TAPE_ERR_NOT_FOUND ? 0 : r;
		}
	}
	index_values_release(&v);
	return r;
}

/* The directory that is used against the one in index.pack. */
static int
check_directory(struct index_reader *x, struct tape_error *err)
{
	struct index_entries own = { 0 };
	uint64_t offset = PACK_HEADER, count = 0;
	struct pack_section s;
	int r;

	while ((r = pack_section_next(&x->pack, &offset, &s, err)) == 1) {
		struct index_entry at = { NULL, 0, s.offset,
					  PACK_SECTION_HEADER + s.stored };

		count++;
		if (s.kind != INDEX_DIRECTORY)
			continue;
		r = index_section(x, &at, INDEX_DIRECTORY, NULL, err);
		if (r == 0)
			r = index_take_entries(x, &own, s.offset, err);
		if (r != 0)
			break;
	}
	if (r == 0 && (count != x->pack.sections || own.count != x->entry_count))
		r = index_damaged(x, x->pack.root, "the number of sections", err);
	for (size_t i = 0; i < own.count && r == 0; i++) {
		struct index_entry want = index_entries_at(&own, i), is;

		if (index_directory_at_or_before(x->directory, want.key, want.key_len,
						 &is) != 1 ||
		    is.key_len != want.key_len ||
		    memcmp(is.key, want.key, want.key_len) != 0 ||
		    is.offset != want.offset || is.bytes != want.bytes)
			r = index_damaged(x, 0, "the directory", err);
	}
	index_entries_release(&own);
	return r;
}

int
index_check(struct index_reader *x, struct tape_error *err)
{
	struct seen blobs = { 0 }, labels = { 0 };
	int r = check_directory(x, err);

	if (r == 0)
		r = check_pairs(x, INDEX_FINGERPRINTS, x->pair_count, err);
	if (r == 0)
		r = check_pairs(x, INDEX_REFERRERS, x->counts.referrers, err);
	if (r == 0)
		r = check_repeats(x, err);
	if (r == 0)
		r = check_caches(x, err);
	if (r == 0)
		r = each_section(x, INDEX_BLOBS, check_blobs, &blobs, err);
	if (r == 0)
		r = each_section(x, INDEX_LABELS, check_labels, &labels, err);
	if (r == 0 &&
	    (blobs.count != x->counts.blobs || labels.count != x->counts.labels))
		r = index_damaged(x, x->pack.root, "the root", err);
	return r == 0 ? check_values(x, err) : r;
}
