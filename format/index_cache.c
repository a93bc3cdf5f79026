/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of the cache by key: docs/format/index.md section 11. */
#include <stdlib.h>
#include <string.h>

#include "format/cached.h"
#include "format/error.h"
#include "format/index_reader.h"

#define HEAD 4u
#define FENCE 20u /* key, end of the entry */
#define FIXED 28u /* of an entry, before its canonical part */
/* Sections of one index that are kept once they were read. */
#define KEPT (UINT64_C(32) << 20)

void
index_cache_key(const struct index_cache_record *r, uint8_t *out)
{
	out[0] = INDEX_CACHE;
	put_le64(out + 1, __builtin_bswap64(r->key[0]));
	put_le64(out + 9, __builtin_bswap64(r->key[1]));
	put_le64(out + 17, __builtin_bswap64(r->time));
	put_le32(out + 25, __builtin_bswap32((uint32_t)r->session));
	put_le64(out + 29, __builtin_bswap64(r->seq));
}

/* ---- of one block ---- */

static int
add_row(const struct scopepack *p, const struct block_all *all,
	const struct block_row *row, struct pack_bytes *records,
	struct pack_bytes *canonical)
{
	uint64_t own = row->content - p->blocks[all->block.number].first_content;
	const struct block_content *content;
	struct index_cache_record r = { .session = row->session, .seq = row->seq };
	struct tape_hash key;
	unsigned flags;

	/* Of another block, or generation: no entry, since those are all different. */
	if (row->content == CONTENT_LOST || own >= all->content_count)
		return 0;
	content = &all->contents[own];
	if (!cached_form(&p->forms[content->form]) ||
	    !cached_read(&p->forms[content->form], content->canonical, content->len, &key,
			 &flags))
		return 0;
	r.key[0] = index_be64(key.byte);
	r.key[1] = index_be64(key.byte + 8);
	r.time = (uint64_t)row->time ^ UINT64_C(1) << 63;
	r.form = (uint64_t)flags << 32;
	if (content->len <= INDEX_CACHE_MOST) {
		r.form |= content->form;
		r.place = (uint64_t)canonical->len << 16 | content->len;
		if (pack_bytes_add(canonical, content->canonical, content->len) != 0)
			return TAPE_ERR_NOMEM;
	}
	return pack_bytes_add(records, &r, sizeof r);
}

int
index_cache_of_block(const struct scopepack *p, const struct block_all *all,
		     struct pack_bytes *records, struct pack_bytes *canonical)
{
	uint32_t at = 0;
	int r = 0;

	for (uint32_t i = 0; i < all->block.run_count && r == 0; i++) {
		const struct block_run *run = &all->block.runs[i];
		const struct form *form = &p->forms[all->rows[at].form];

		/* All rows of a run have the same labels. */
		if (form->label_count == 0 ||
		    strcmp(form->labels[form->label_count - 1], CACHE_LABEL) != 0) {
			at += run->rows;
			continue;
		}
		for (uint32_t end = at + run->rows; at < end && r == 0; at++)
			if (all->rows[at].kind == ROW_SCOPE)
				r = add_row(p, all, &all->rows[at], records, canonical);
	}
	return r;
}

/* ---- a section ---- */

int
index_cache_encode(const struct index_cache_record *records, uint32_t count,
		   const uint8_t *canonical, struct pack_bytes *out)
{
	size_t size = HEAD + (size_t)count * (FENCE + FIXED), at = 0;
	uint8_t *fence, *p;

	for (uint32_t i = 0; i < count; i++)
		size += records[i].place & 0xffff;
	if (pack_bytes_reserve(out, size) != 0)
		return TAPE_ERR_NOMEM;
	p = out->data + out->len;
	put_le32(p, count);
	fence = p + HEAD;
	p = fence + (size_t)count * FENCE;
	for (uint32_t i = 0; i < count; i++) {
		const struct index_cache_record *r = &records[i];
		size_t len = r->place & 0xffff;

		put_le64(p, r->time ^ UINT64_C(1) << 63);
		put_le64(p + 8, r->seq);
		put_le32(p + 16, (uint32_t)r->session);
		put_le32(p + 20, (uint32_t)r->form);
		put_le32(p + 24, (uint32_t)(r->form >> 32));
		memcpy(p + FIXED, canonical, len);
		canonical += len;
		p += FIXED + len;
		at += FIXED + len;
		put_le64(fence, __builtin_bswap64(r->key[0]));
		put_le64(fence + 8, __builtin_bswap64(r->key[1]));
		put_le32(fence + 16, (uint32_t)at);
		fence += FENCE;
	}
	out->len += size;
	return 0;
}

/* ---- reading ---- */

struct fence {
	uint8_t key[16]; /* of the first entry */
	uint64_t offset;
	uint32_t bytes;
	uint8_t *raw; /* once it was read */
	size_t len;
};

struct index_caches {
	struct fence *items;
	size_t count, cap;
	uint64_t kept; /* bytes */
};

static void
forget(struct index_caches *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->items[i].raw);
		c->items[i].raw = NULL;
	}
	c->kept = 0;
}

void
index_caches_free(struct index_caches *c)
{
	if (c == NULL)
		return;
	forget(c);
	free(c->items);
	free(c);
}

static int
add_fence(struct index_reader *x, struct index_caches *c, const struct index_entry *e,
	  struct tape_error *err)
{
	size_t cap = c->cap == 0 ? 16 : c->cap * 2;
	struct fence *more;

	if (e->key_len != INDEX_CACHE_KEY)
		return index_damaged(x, 0, "the directory", err);
	if (c->count == c->cap) {
		more = reallocarray(c->items, cap, sizeof *more);
		if (more == NULL)
			return index_no_memory(x, err);
		c->items = more;
		c->cap = cap;
	}
	c->items[c->count] = (struct fence){ .offset = e->offset, .bytes = e->bytes };
	memcpy(c->items[c->count++].key, e->key + 1, 16);
	return 0;
}

static int
need_fences(struct index_reader *x, struct tape_error *err)
{
	uint8_t key[INDEX_KEY_MAX] = { INDEX_CACHE };
	struct index_caches *c;
	struct index_entry e;
	size_t len = 1;
	int found, r = 0;

	if (x->caches != NULL)
		return 0;
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return index_no_memory(x, err);
	while (r == 0 && x->counts.cached != 0 &&
	       (found = index_directory_after(x->directory, key, len, &e)) == 1) {
		memcpy(key, e.key, len = e.key_len);
		r = add_fence(x, c, &e, err);
	}
	if (r != 0) {
		index_caches_free(c);
		return r;
	}
	x->caches = c;
	return 0;
}

/* Its fences lie within it and ascend; what is in its entries is looked at when it is used. */
static bool
section_fits(const uint8_t *raw, size_t len)
{
	uint32_t count, last = 0;
	size_t body;

	if (len < HEAD)
		return false;
	count = get_le32(raw);
	if (count == 0 || count > (len - HEAD) / (FENCE + FIXED))
		return false;
	body = len - HEAD - (size_t)count * FENCE;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *fence = raw + HEAD + (size_t)i * FENCE;
		uint32_t end = get_le32(fence + 16);

		if (end > body || end < last || end - last < FIXED ||
		    (i > 0 && memcmp(fence - FENCE, fence, 16) > 0))
			return false;
		last = end;
	}
	return last == body;
}

static int
need_section(struct index_reader *x, struct fence *f, struct tape_error *err)
{
	struct index_entry e = { NULL, 0, f->offset, f->bytes };
	int r;

	if (f->raw != NULL)
		return 0;
	r = index_section(x, &e, INDEX_CACHE, NULL, err);
	if (r != 0)
		return r;
	if (!section_fits(x->raw.data, x->raw.len) ||
	    memcmp(x->raw.data + HEAD, f->key, 16) != 0)
		return index_damaged(x, f->offset, "a section of cached results", err);
	if (x->caches->kept + x->raw.len > KEPT)
		forget(x->caches);
	f->raw = malloc(x->raw.len);
	if (f->raw == NULL)
		return index_no_memory(x, err);
	memcpy(f->raw, x->raw.data, x->raw.len);
	f->len = x->raw.len;
	x->caches->kept += f->len;
	return 0;
}

static int
give(struct index_reader *x, const struct fence *f, uint32_t i, index_cache_fn *fn,
     void *user, struct tape_error *err)
{
	const uint8_t *fences = f->raw + HEAD, *at;
	const uint8_t *bodies = fences + (size_t)get_le32(f->raw) * FENCE;
	uint32_t begin = i == 0 ? 0 : get_le32(fences + (size_t)(i - 1) * FENCE + 16);
	struct index_cache_entry e;

	at = bodies + begin;
	memcpy(e.key.byte, fences + (size_t)i * FENCE, 16);
	e.time = (int64_t)get_le64(at);
	e.seq = get_le64(at + 8);
	e.session = get_le32(at + 16);
	e.form = get_le32(at + 20);
	e.flags = get_le32(at + 24);
	e.canonical = at + FIXED;
	e.len = get_le32(fences + (size_t)i * FENCE + 16) - begin - FIXED;
	if (e.flags > (CACHED_AGAIN | CACHED_DROPPED) || (e.form == 0 && e.len != 0) ||
	    (x->scopes != NULL &&
	     (e.session >= x->scopes->session_count || e.form > x->scopes->form_count)))
		return index_damaged(x, f->offset, "a section of cached results", err);
	return fn(user, &e);
}

/* The first entry of the section that is not below the key. */
static uint32_t
first_of(const struct fence *f, const uint8_t *key)
{
	uint32_t lo = 0, hi = get_le32(f->raw);

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (memcmp(f->raw + HEAD + (size_t)mid * FENCE, key, 16) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int
index_find_cache(struct index_reader *x, const struct tape_hash *key, index_cache_fn *fn,
		 void *user, struct tape_error *err)
{
	size_t lo = 0, hi;
	int r = need_fences(x, err);

	if (r != 0 || x->caches->count == 0)
		return r;
	/* Entries of a key may begin in the last section whose first key is below it. */
	hi = x->caches->count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (memcmp(x->caches->items[mid].key, key->byte, 16) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (size_t s = lo > 0 ? lo - 1 : 0; s < x->caches->count; s++) {
		struct fence *f = &x->caches->items[s];

		if (memcmp(f->key, key->byte, 16) > 0)
			break;
		r = need_section(x, f, err);
		for (uint32_t i = r == 0 ? first_of(f, key->byte) : 0;
		     r == 0 && i < get_le32(f->raw); i++) {
			if (memcmp(f->raw + HEAD + (size_t)i * FENCE, key->byte, 16) != 0)
				return 0;
			r = give(x, f, i, fn, user, err);
		}
		if (r != 0)
			return r;
	}
	return 0;
}

int
index_each_cache(struct index_reader *x, index_cache_fn *fn, void *user,
		 struct tape_error *err)
{
	int r = need_fences(x, err);

	for (size_t s = 0; r == 0 && s < x->caches->count; s++) {
		struct fence *f = &x->caches->items[s];

		r = need_section(x, f, err);
		for (uint32_t i = 0; r == 0 && i < get_le32(f->raw); i++)
			r = give(x, f, i, fn, user, err);
	}
	return r;
}
