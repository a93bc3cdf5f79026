/* SPDX-License-Identifier: Apache-2.0 */
/* Contents found by their hash, through the index of a generation. */
#include <stdlib.h>
#include <string.h>

#include "format/index.h"
#include "search/generations.h"
#include "search/packed_filter.h"
#include "search/reader.h"

/* So many are not worth a list: a prefix that short tells little. */
#define HITS_MAX (1u << 20)

static int
add(void *user, const uint8_t fingerprint[FINGERPRINT_BYTES], uint64_t ordinal)
{
	struct filter_hits *hits = user;
	uint64_t *more;

	(void)fingerprint;
	if (hits->count == HITS_MAX)
		return 1;
	if (hits->count == hits->cap) {
		hits->cap = hits->cap == 0 ? 16 : hits->cap * 2;
		more = realloc(hits->ordinals, hits->cap * sizeof *more);
		if (more == NULL)
			return 1;
		hits->ordinals = more;
	}
	hits->ordinals[hits->count++] = ordinal;
	return 0;
}

static int
order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Hexadecimal digits, as many as there are, to bits. */
static unsigned
prefix_of(const struct query_atom *a, uint8_t prefix[16])
{
	unsigned digits = a->len < 32 ? (unsigned)a->len : 32;

	memset(prefix, 0, 16);
	for (unsigned i = 0; i < digits; i++) {
		char c = a->text[i];
		unsigned v = c >= '0' && c <= '9' ? (unsigned)(c - '0')
						  : ((unsigned)c | 32u) - 'a' + 10u;

		prefix[i / 2] |= (uint8_t)((v & 15u) << (i % 2 == 0 ? 4 : 0));
	}
	return digits * 4;
}

/*
 * Whether all contents that have the blob are among its referrers: a value of at
 * most 64 bytes is a blob where it was recorded as one, and is none to the index.
 */
static bool
refers(struct generations *set, const struct query_node *node)
{
	for (size_t i = 0; i < node->atom_count; i++) {
		struct tape_hash hash;
		struct index_blob at;
		bool found = false;

		if (prefix_of(&node->atoms[i], hash.byte) != 128)
			return false;
		for (size_t g = 0; g < set->count && !found; g++)
			found = set->items[g].scopes_ready &&
				generation_index_blob(set, g, &hash, &at) == 0 &&
				at.entry.size > 64;
		if (!found)
			return false;
	}
	return true;
}

void
filter_hits_find(struct filter_hits *hits, struct generations *set, uint32_t generation,
		 const struct query_node *node)
{
	struct tape_error why = { 0 };
	struct index_reader *index;
	uint64_t before;
	bool opened;
	int r = 0;

	if (hits->state != 0)
		return;
	hits->state = 2;
	opened = set->items[generation].index != NULL;
	index = generation_index(set, generation);
	if (index == NULL || (node->kind == QUERY_BLOB && !refers(set, node)))
		return;
	index = generation_index(set, generation);
	if (index == NULL)
		return;
	before = opened ? index_read_bytes(index) : 0;
	for (size_t i = 0; i < node->atom_count && r == 0; i++) {
		uint8_t prefix[16];
		unsigned bits = prefix_of(&node->atoms[i], prefix);

		r = node->kind == QUERY_BLOB
			    ? index_find_referrers(index, prefix, bits, add, hits, &why)
			    : index_find_content(index, prefix, bits, add, hits, &why);
	}
	set->reader->stats.index_bytes += index_read_bytes(index) - before;
	if (r < 0)
		generation_index_failed(set, generation, r, &why);
	if (r != 0)
		return;
	if (hits->count != 0)
		qsort(hits->ordinals, hits->count, sizeof *hits->ordinals, order);
	hits->state = 1;
}

void
filter_hits_set(const struct filter_hits *hits, uint64_t first, uint32_t count,
		uint64_t out[FILTER_WORDS])
{
	size_t lo = 0, hi = hits->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (hits->ordinals[mid] < first)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < hits->count && hits->ordinals[lo] - first < count; lo++) {
		uint64_t at = hits->ordinals[lo] - first;

		out[at / 64] |= (uint64_t)1 << (at % 64);
	}
}
