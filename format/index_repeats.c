/* SPDX-License-Identifier: Apache-2.0 */
/* Where contents stand again: docs/format/index.md section 10. */
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/index_bits.h"
#include "format/index_reader.h"

#define HEAD 20u
#define PLACE_BITS 23u
#define RECENT 1024u /* a power of two */

void
index_repeat_key(const struct index_repeat *r, uint8_t *out)
{
	out[0] = INDEX_REPEATS;
	put_le64(out + 1, __builtin_bswap64(r->ref));
	put_le32(out + 9, __builtin_bswap32((uint32_t)r->place));
}

/* ---- of one block ---- */

/*
 * Contents of other blocks: those met just now in the same group are not given
 * again. What slips through is sorted out later.
 */
static bool
met_again(uint64_t recent[RECENT], uint64_t ref)
{
	uint64_t *slot = &recent[(ref ^ ref >> 20) % RECENT];

	if (*slot == ref)
		return true;
	*slot = ref;
	return false;
}

int
index_repeats_of_block(const struct scopepack *p, const struct block_all *all,
		       uint8_t *seen, struct pack_bytes *out)
{
	const struct scopepack_block_info *info = &p->blocks[all->block.number];
	uint64_t recent[RECENT];
	uint32_t first = all->block.number * BLOCK_GROUPS;
	bool lost = false;
	int r = 0;

	memset(seen, 0, info->contents);
	for (uint32_t i = 0; i < all->row_count && r == 0; i++) {
		uint64_t ref = all->rows[i].content, own = ref - info->first_content;
		struct index_repeat repeat = { ref, first + i / GROUP_ROWS };
		uint8_t group = (uint8_t)(i / GROUP_ROWS + 1);

		if (i % GROUP_ROWS == 0) {
			memset(recent, 0xff, sizeof recent); /* CONTENT_LOST */
			lost = false;
		}
		if (ref == CONTENT_LOST && !lost) {
			lost = true;
		} else if (own < info->contents) {
			bool give = seen[own] != 0 && seen[own] != group;

			seen[own] = group;
			if (!give)
				continue;
		} else if (met_again(recent, ref)) {
			continue;
		}
		r = pack_bytes_add(out, &repeat, sizeof repeat);
	}
	return r;
}

/* ---- sections ---- */

static size_t
body_bytes(uint32_t count, unsigned d, unsigned p)
{
	return ((size_t)count * p + (size_t)(count - 1) * d + 7) / 8;
}

int
index_repeats_encode(const struct index_repeat *repeats, uint32_t count,
		     struct pack_bytes *out)
{
	uint64_t least = UINT64_MAX, most = 0, step = 0;
	struct bits_out bits = { 0 };
	unsigned d, p;
	uint8_t *head;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t before = i == 0 ? repeats[0].ref : repeats[i - 1].ref;

		least = repeats[i].place < least ? repeats[i].place : least;
		most = repeats[i].place > most ? repeats[i].place : most;
		step = repeats[i].ref - before > step ? repeats[i].ref - before : step;
	}
	d = bits_needed(step);
	p = bits_needed(most - least);
	if (pack_bytes_reserve(out, HEAD + body_bytes(count, d, p) + 16) != 0)
		return TAPE_ERR_NOMEM;
	head = out->data + out->len;
	memset(head, 0, HEAD);
	head[0] = (uint8_t)d;
	head[1] = (uint8_t)p;
	put_le32(head + 4, count);
	put_le64(head + 8, repeats[0].ref);
	put_le32(head + 16, (uint32_t)least);
	bits.at = head + HEAD;
	for (uint32_t i = 0; i < count; i++) {
		bits_put(&bits, repeats[i].place - least, p);
		if (i + 1 < count)
			bits_put(&bits, repeats[i + 1].ref - repeats[i].ref, d);
	}
	bits_put_rest(&bits);
	out->len += HEAD + body_bytes(count, d, p);
	return 0;
}

static bool
less(const struct index_repeat *a, const struct index_repeat *b)
{
	return a->ref != b->ref ? a->ref < b->ref : a->place < b->place;
}

int
index_repeats_decode(const uint8_t *raw, size_t len, uint32_t blocks, uint64_t contents,
		     struct index_repeat *repeats, uint32_t *count)
{
	uint64_t places = (uint64_t)blocks * BLOCK_GROUPS, least, at;
	struct bits_in bits;
	unsigned d, p;
	uint32_t n;

	if (len < HEAD)
		return TAPE_ERR_DAMAGED;
	d = raw[0];
	p = raw[1];
	n = get_le32(raw + 4);
	at = get_le64(raw + 8);
	least = get_le32(raw + 16);
	if (d > 64 || p > PLACE_BITS || get_le16(raw + 2) != 0 || n == 0 ||
	    n > INDEX_REPEATS_MAX || len != HEAD + body_bytes(n, d, p))
		return TAPE_ERR_DAMAGED;
	bits = (struct bits_in){ raw + HEAD, raw + len, 0, 0 };
	for (uint32_t i = 0; i < n; i++) {
		repeats[i] = (struct index_repeat){ at, least + bits_get(&bits, p) };
		if (repeats[i].place >= places ||
		    (CONTENT_FOREIGN(at) == 0 && at >= contents) ||
		    (i > 0 && !less(&repeats[i - 1], &repeats[i])))
			return TAPE_ERR_DAMAGED;
		if (i + 1 < n)
			at += bits_get(&bits, d);
	}
	if (bits.waiting != 0 || bits.at != bits.end)
		return TAPE_ERR_DAMAGED;
	*count = n;
	return 0;
}

/* ---- finding ---- */

/* A section into x->repeats; it begins with what its key says. */
static int
read_section(struct index_reader *x, const struct index_entry *e,
	     uint8_t key[INDEX_REPEAT_KEY], uint32_t *count, struct tape_error *err)
{
	uint8_t first[INDEX_REPEAT_KEY];
	uint64_t offset = e->offset;
	int r;

	if (e->key_len != INDEX_REPEAT_KEY)
		return index_damaged(x, 0, "the directory", err);
	memcpy(key, e->key, INDEX_REPEAT_KEY);
	if (x->repeats == NULL)
		x->repeats = malloc(INDEX_REPEATS_MAX * sizeof *x->repeats);
	if (x->repeats == NULL)
		return index_no_memory(x, err);
	if (x->repeats_at == offset) {
		*count = x->repeats_count;
		return 0;
	}
	x->repeats_at = 0;
	r = index_section(x, e, INDEX_REPEATS, NULL, err);
	if (r != 0)
		return r;
	r = index_repeats_decode(x->raw.data, x->raw.len, x->counts.blocks,
				 x->counts.contents, x->repeats, count);
	if (r == 0) {
		index_repeat_key(&x->repeats[0], first);
		if (memcmp(first, key, sizeof first) != 0)
			r = TAPE_ERR_DAMAGED;
	}
	if (r != 0)
		return index_damaged(x, offset, "a section of repeats", err);
	x->repeats_at = offset;
	x->repeats_count = *count;
	return 0;
}

/* The first of x->repeats that is not below that. */
static uint32_t
bound(const struct index_reader *x, uint32_t count, const struct index_repeat *least)
{
	uint32_t lo = 0, hi = count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (less(&x->repeats[mid], least))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int
index_walk_repeats(struct index_reader *x, uint64_t from, uint64_t to,
		   index_repeat_fn *fn, void *user, struct tape_error *err)
{
	struct index_repeat least = { from, 0 };
	uint8_t key[INDEX_REPEAT_KEY];
	struct index_entry e;
	uint32_t count;
	int found, r = 0;

	index_repeat_key(&least, key);
	found = index_directory_at_or_before(x->directory, key, sizeof key, &e);
	if (found == 0)
		found = index_directory_after(x->directory, key, sizeof key, &e);
	while (found == 1 && r == 0) {
		r = read_section(x, &e, key, &count, err);
		for (uint32_t i = r == 0 ? bound(x, count, &least) : 0;
		     r == 0 && i < count; i++) {
			if (x->repeats[i].ref > to)
				return 0;
			r = fn(user, x->repeats[i].ref, (uint32_t)x->repeats[i].place);
		}
		if (r == 0)
			found = index_directory_after(x->directory, key, sizeof key, &e);
	}
	if (r == 0 && found < 0)
		r = index_damaged(x, 0, "the directory", err);
	return r;
}

int
index_find_repeats(struct index_reader *x, uint64_t ref, index_repeat_fn *fn, void *user,
		   struct tape_error *err)
{
	return index_walk_repeats(x, ref, ref, fn, user, err);
}

int
index_each_repeat(struct index_reader *x, index_repeat_fn *fn, void *user,
		  struct tape_error *err)
{
	return index_walk_repeats(x, 0, UINT64_MAX, fn, user, err);
}
