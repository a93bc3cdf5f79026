/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in a generation the few contents stand that a hash or a blob of the
 * query names, as the index has it: no other group of rows needs a look.
 */
#include <stdlib.h>
#include <string.h>

#include "format/index.h"
#include "format/le.h"
#include "search/generations.h"
#include "search/packed_cache.h"
#include "search/packed_filter.h"
#include "search/packed_one.h"
#include "search/reader.h"

/* More contents than that are not looked for one by one. */
#define REFS_MAX 64u
#define PLACES_MAX 65536u

struct finding {
	struct filter_places *places;
	struct generations *set;
	uint32_t generation;
};

/* ---- what is named ---- */

static int
take_ref(struct filter_places *p, uint64_t ref)
{
	uint64_t *more;

	if (p->ref_count == REFS_MAX)
		return 1;
	if (p->refs == NULL) {
		more = malloc(REFS_MAX * sizeof *more);
		if (more == NULL)
			return 1;
		p->refs = more;
	}
	p->refs[p->ref_count++] = ref;
	return 0;
}

/* Which number a generation has in another one: 0 = itself, -1 = none. */
static int
number_in(const struct generations *set, uint32_t of, uint32_t in)
{
	const struct scopepack *p = &set->items[in].scopes;

	if (of == in)
		return 0;
	for (uint32_t i = 0; i < p->foreign_count; i++)
		if (memcmp(p->foreign[i], set->items[of].manifest.uid, 16) == 0)
			return (int)i + 1;
	return -1;
}

/* False: they may be anywhere. */
static bool
find_refs(const struct finding *f, const struct query_node *node, filter_hits_fn *hits_of,
	  void *user)
{
	const struct scopepack *p = &f->set->items[f->generation].scopes;
	uint32_t met = 0;

	for (uint32_t i = 0; i < f->set->count; i++) {
		int number = number_in(f->set, i, f->generation);
		const struct filter_hits *hits;

		if (number < 0)
			continue;
		met += number > 0;
		hits = hits_of(user, i, node);
		if (hits == NULL || hits->state != 1)
			return false;
		for (size_t k = 0; k < hits->count; k++)
			if (take_ref(f->places, (uint64_t)number << CONTENT_ORDINAL_BITS |
							hits->ordinals[k]) != 0)
				return false;
	}
	/* References that lead nowhere may match: whoever looks at one says so. */
	return met == p->foreign_count;
}

/* ---- where it is ---- */

static int
take_place(void *user, uint64_t ref, uint32_t place)
{
	struct finding *f = user;
	struct filter_places *p = f->places;
	uint32_t *more;

	(void)ref;
	if (p->place_count == PLACES_MAX)
		return 1;
	if ((p->place_count & (p->place_count - 1)) == 0) {
		more = realloc(p->places, (p->place_count == 0 ? 1 : p->place_count * 2) *
						  sizeof *more);
		if (more == NULL)
			return 1;
		p->places = more;
	}
	p->places[p->place_count++] = place;
	return 0;
}

/* ---- which rows ---- */

static bool
scanned(const struct filter_places *p, uint32_t place)
{
	bool any = false;

	for (size_t i = 0; i < p->scanned_count; i++)
		any |= p->scanned[i] == place;
	return any;
}

/* Rows of the place with any of the contents join p->rows. Non-zero: that is not known. */
static int
scan(struct filter_places *p, struct packed_cache *cache, uint32_t place)
{
	uint16_t rows[GROUP_ROWS];
	uint32_t count = 0;

	if (scanned(p, place))
		return 0;
	if (p->scanned_count == sizeof p->scanned / sizeof p->scanned[0])
		p->scanned_count = p->row_count = 0;
	if (packed_one_scan(cache, place / BLOCK_GROUPS, place % BLOCK_GROUPS, p->refs,
			    p->ref_count, rows, &count, NULL) != 0)
		return 1;
	if (p->row_cap < p->row_count + count) {
		size_t cap = (p->row_count + count) * 2;
		uint64_t *more = realloc(p->rows, cap * sizeof *more);

		if (more == NULL)
			return 1;
		p->rows = more;
		p->row_cap = cap;
	}
	for (uint32_t i = 0; i < count; i++)
		p->rows[p->row_count++] = (uint64_t)place << 16 | rows[i];
	p->scanned[p->scanned_count++] = place;
	return 0;
}

bool
filter_places_rows(struct filter_places *p, struct packed_cache *cache, uint32_t place,
		   uint64_t out[FILTER_WORDS])
{
	if (scan(p, cache, place) != 0)
		return false;
	memset(out, 0, FILTER_WORDS * sizeof *out);
	for (size_t i = 0; i < p->row_count; i++)
		if (p->rows[i] >> 16 == place)
			out[p->rows[i] % 65536 / 64] |= (uint64_t)1 << (p->rows[i] % 64);
	return true;
}

/* Is the content in the rows of a place that was scanned? */
static bool
is_there(struct finding *f, uint32_t place, uint64_t ref)
{
	struct packed_cache *cache = f->set->items[f->generation].cache;
	struct filter_places *p = f->places;
	bool any = false;

	for (size_t i = 0; i < p->row_count && !any; i++) {
		uint64_t is = 0;

		if (p->rows[i] >> 16 != place)
			continue;
		any = p->ref_count == 1 ||
		      packed_one_row(cache, place / BLOCK_GROUPS, place % BLOCK_GROUPS,
				     ROWS_CONTENT, (uint32_t)(p->rows[i] % 65536), &is,
				     NULL) != 0 ||
		      is == ref;
	}
	return any;
}

/* The first group of its block with rows of it; all that cannot be read. */
static int
take_home(struct finding *f, uint64_t ordinal)
{
	struct generation *of = &f->set->items[f->generation];
	uint32_t block = scopepack_block_of(&of->scopes, ordinal), groups = 1;
	int r = 0;

	for (uint32_t g = 0; g < groups && r == 0; g++) {
		const struct scopepack_block *b = NULL;
		uint32_t place = block * BLOCK_GROUPS + g;
		bool unread;

		if (packed_cache_block(of->cache, block, &b, NULL) != 0)
			return 1;
		groups = b->rows_groups;
		if (g >= groups || b->rows[g].min_content > ordinal ||
		    b->rows[g].max_content < ordinal)
			continue;
		unread = scan(f->places, of->cache, place) != 0;
		if (!unread && !is_there(f, place, ordinal))
			continue;
		r = take_place(f, ordinal, place);
		if (!unread)
			break;
	}
	return r;
}

/* ---- all of it ---- */

static int
by_place(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
sort_places(struct filter_places *p)
{
	size_t n = 0;

	if (p->place_count != 0)
		qsort(p->places, p->place_count, sizeof *p->places, by_place);
	for (size_t i = 0; i < p->place_count; i++)
		if (n == 0 || p->places[n - 1] != p->places[i])
			p->places[n++] = p->places[i];
	p->place_count = n;
}

static bool
find_places(struct finding *f, struct index_reader *index)
{
	struct filter_places *p = f->places;
	struct tape_error why = { 0 };
	struct index_counts counts;
	uint64_t before = index_read_bytes(index);
	int r = 0;

	index_counts(index, &counts);
	if (counts.lost && take_ref(p, CONTENT_LOST) != 0)
		return false;
	for (size_t i = 0; i < p->ref_count && r == 0; i++) {
		if (counts.repeats != 0)
			r = index_find_repeats(index, p->refs[i], take_place, f, &why);
		if (r == 0 && p->refs[i] != CONTENT_LOST &&
		    CONTENT_FOREIGN(p->refs[i]) == 0)
			r = take_home(f, p->refs[i]);
	}
	f->set->reader->stats.index_bytes += index_read_bytes(index) - before;
	if (r < 0)
		generation_index_failed(f->set, f->generation, r, &why);
	if (r == 0)
		sort_places(p);
	return r == 0;
}

void
filter_places_find(struct filter_places *places, struct generations *set,
		   uint32_t generation, const struct query_node *node,
		   filter_hits_fn *hits_of, void *user)
{
	struct finding f = { .places = places, .set = set, .generation = generation };
	struct index_reader *index;

	if (places->state != 0)
		return;
	places->state = 2;
	/* A projection has a hash of its own, and so has a link to one. */
	for (size_t i = 0; i < set->count && node->kind == QUERY_HASH; i++)
		if (set->items[i].lost || set->items[i].manifest.projections != 0)
			return;
	if (!find_refs(&f, node, hits_of, user))
		return;
	index = generation_index(set, generation);
	if (index != NULL && find_places(&f, index))
		places->state = 1;
}

void
filter_places_release(struct filter_places *places)
{
	free(places->refs);
	free(places->places);
	free(places->rows);
}

bool
filter_places_has(const struct filter_places *places, uint32_t first, uint32_t end)
{
	size_t lo = 0, hi = places->place_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (places->places[mid] < first)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < places->place_count && places->places[lo] < end;
}
