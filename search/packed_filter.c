/* SPDX-License-Identifier: Apache-2.0 */
#include "search/packed_filter.h"

#include <stdlib.h>
#include <string.h>

#include "format/le.h"
#include "format/os.h"
#include "search/eval.h"
#include "search/packed_cache.h"
#include "search/packed_one.h"
#include "search/plan.h"
#include "search/reader.h"

/* Contents of a group: nothing known yet, none, all, or `bits`. */
enum known { KNOWN_NOT = 0, KNOWN_NONE, KNOWN_ALL, KNOWN_SOME };
struct tested {
	uint64_t *bits;
	uint8_t known;
};

/* A test on a variable: the columns that it is about. */
struct leaf {
	uint32_t *columns;
	uint32_t count;
	bool open; /* columns alone cannot tell */
};

/* Where a reference leads: ref to ref + count - 1 are of `tested`, NULL = may match. */
struct near {
	uint64_t ref, count;
	const struct tested *tested;
	const uint64_t *bits; /* of those that may match, whatever is known */
};

static const uint64_t no_bits[FILTER_WORDS];
/* Any bits at all stand for a reference that leads nowhere: it has this place alone. */
static const uint64_t all_bits[FILTER_WORDS] = { [0 ... FILTER_WORDS - 1] = UINT64_MAX };
#define NEARS 1024u

struct of_generation {
	struct near near[NEARS]; /* by reference, the last that met there */
	bool ready;
	struct leaf *leaves;	  /* by leaf number of the query */
	struct filter_hits *hits; /* by node id */
	struct filter_places places;
	struct tested *groups; /* block * BLOCK_GROUPS + group */
	size_t group_count;
};

struct packed_filter {
	const struct tape_query *query;
	bool by_content,
		by_hash; /* does it tell contents apart, and is a hash among that? */
	const struct query_node *point; /* a hash that all answers have, or NULL */
	int64_t from, to;		/* hull of the times */
	struct generations *set;
	struct of_generation *of;
	size_t count, kept, keep;
	uint64_t refs[GROUP_ROWS]; /* of the rows chosen last */
};

/* ---- what a query asks of contents and times ---- */

/* Does the index know which contents a leaf is about? */
static bool
by_index(const struct query_node *node)
{
	return (node->kind == QUERY_HASH || node->kind == QUERY_BLOB) &&
	       node->op == QUERY_EQ;
}

static bool
constrains(const struct query_node *node, bool *hash)
{
	bool any = false, all = node->first != NULL;

	if (by_index(node))
		*hash = true;
	if (node->first == NULL)
		return node->kind == QUERY_VAR || by_index(node);
	if (node->kind != QUERY_AND && node->kind != QUERY_OR)
		return false;
	for (const struct query_node *c = node->first; c != NULL; c = c->next) {
		bool one = constrains(c, hash);

		any |= one;
		all &= one;
	}
	return node->kind == QUERY_AND ? any : all;
}

static void
times(const struct query_node *node, int64_t *from, int64_t *to)
{
	bool any = node->kind == QUERY_OR;
	int64_t lo, hi;

	*from = INT64_MIN;
	*to = INT64_MAX;
	if (node->kind == QUERY_TIME && node->op != QUERY_NE) {
		*from = INT64_MAX;
		*to = INT64_MIN;
		for (size_t i = 0; i < node->atom_count; i++) {
			const struct query_atom *a = &node->atoms[i];

			*from = a->tlo < *from ? a->tlo : *from;
			*to = a->thi > *to ? a->thi : *to;
		}
		return;
	}
	if (node->kind != QUERY_AND && !any)
		return;
	if (any) {
		*from = INT64_MAX;
		*to = INT64_MIN;
	}
	for (const struct query_node *c = node->first; c != NULL; c = c->next) {
		times(c, &lo, &hi);
		if (any ? lo < *from : lo > *from)
			*from = lo;
		if (any ? hi > *to : hi < *to)
			*to = hi;
	}
}

/* An expression that gives up on a scope is told: what stands behind it must not hide the scope. */
static bool
may_give_up(const struct query_node *node)
{
	bool any = node->kind == QUERY_VAR && node->op == QUERY_MATCH;

	for (const struct query_node *c = node->first; c != NULL && !any; c = c->next)
		any = may_give_up(c);
	return any;
}

static const struct query_node *
point_of(const struct query_node *node)
{
	const struct query_node *point = by_index(node) ? node : NULL;

	if (node->kind != QUERY_AND)
		return point;
	for (const struct query_node *c = node->first; c != NULL && point == NULL;
	     c = c->next) {
		point = point_of(c);
		if (point == NULL && may_give_up(c))
			break;
	}
	return point;
}

struct packed_filter *
packed_filter_new(const struct tape_query *query, size_t keep)
{
	struct packed_filter *f = calloc(1, sizeof *f);

	if (f == NULL)
		return NULL;
	f->query = query;
	f->keep = keep;
	f->by_content = constrains(query->root, &f->by_hash);
	f->point = point_of(query->root);
	times(query->root, &f->from, &f->to);
	return f;
}

void
packed_filter_reset(struct packed_filter *f)
{
	for (size_t i = 0; f != NULL && i < f->count; i++) {
		struct of_generation *g = &f->of[i];

		for (uint32_t k = 0; g->leaves != NULL && k < f->query->var_count; k++)
			free(g->leaves[k].columns);
		for (uint32_t k = 0; g->hits != NULL && k < f->query->node_count; k++)
			free(g->hits[k].ordinals);
		filter_places_release(&g->places);
		for (size_t k = 0; g->groups != NULL && k < g->group_count; k++)
			free(g->groups[k].bits);
		free(g->leaves);
		free(g->hits);
		free(g->groups);
	}
	if (f == NULL)
		return;
	free(f->of);
	f->of = NULL;
	f->set = NULL;
	f->count = f->kept = 0;
}

void
packed_filter_free(struct packed_filter *f)
{
	packed_filter_reset(f);
	free(f);
}

/* ---- which columns ---- */

static bool
enumerated(const struct scopepack *p, uint32_t column)
{
	for (uint32_t i = 1; i <= p->form_count; i++)
		for (uint32_t k = 0; k < p->forms[i].var_count; k++)
			if (p->form_columns[i][k] == column &&
			    p->forms[i].vars[k].enumerator_count != 0)
				return true;
	return false;
}

/* False: no memory. */
static bool
find_columns(const struct scopepack *p, const struct query_node *node, struct leaf *leaf)
{
	leaf->columns = calloc(p->column_count + 1u, sizeof *leaf->columns);
	if (leaf->columns == NULL)
		return false;
	for (uint32_t i = 0; i < p->column_count; i++) {
		const struct scopepack_column *c = &p->columns[i];

		if (!query_path_match(&node->path, c->name, c->name_len)) {
			leaf->open |=
				node->path.aspect != ASPECT_VALUE &&
				query_path_match_base(&node->path, c->name, c->name_len);
			continue;
		}
		/* Enumerators are a form's own: an answer to them is none for others. */
		if (c->type == TAPE_I64 && enumerated(p, i))
			leaf->open = true;
		if (c->type == TAPE_NULL || c->type == TAPE_ABSENT ||
		    c->type == TAPE_ARRAY_T)
			continue;
		if (node->op == QUERY_MATCH && c->type != TAPE_STR &&
		    c->type != TAPE_BYTES_T)
			continue;
		leaf->columns[leaf->count++] = i;
	}
	return true;
}

static bool
find_leaves(const struct scopepack *p, const struct query_node *node, struct leaf *leaves)
{
	bool fine = node->kind != QUERY_VAR || find_columns(p, node, &leaves[node->leaf]);

	for (const struct query_node *c = node->first; c != NULL && fine; c = c->next)
		fine = find_leaves(p, c, leaves);
	return fine;
}

/* NULL: there is no memory for it, or it cannot be read; all may match. */
static struct of_generation *
need(struct packed_filter *f, struct generations *set, uint32_t generation)
{
	const struct scopepack *p = &set->items[generation].scopes;
	struct of_generation *g;

	if (f->set != set) {
		packed_filter_reset(f);
		f->of = calloc(set->count + 1, sizeof *f->of);
		f->set = f->of == NULL ? NULL : set;
		f->count = f->of == NULL ? 0 : set->count;
	}
	if (f->of == NULL || !set->items[generation].scopes_ready)
		return NULL;
	g = &f->of[generation];
	if (g->ready)
		return g->leaves == NULL ? NULL : g;
	g->ready = true;
	g->group_count = (size_t)p->block_count * BLOCK_GROUPS;
	g->groups = calloc(g->group_count + 1, sizeof *g->groups);
	g->hits = calloc(f->query->node_count, sizeof *g->hits);
	g->leaves = calloc(f->query->var_count + 1u, sizeof *g->leaves);
	if (g->groups != NULL && g->hits != NULL && g->leaves != NULL &&
	    find_leaves(p, f->query->root, g->leaves))
		return g;
	for (uint32_t k = 0; g->leaves != NULL && k < f->query->var_count; k++)
		free(g->leaves[k].columns);
	free(g->leaves);
	g->leaves = NULL;
	return NULL;
}

/* ---- a group of contents ---- */

struct at {
	struct packed_filter *f;
	struct of_generation *g;
	struct generation *of;
	uint32_t generation, block, group;
	const struct block_group *info;
	uint64_t first; /* ordinal */
	bool read;	/* a column was */
};

static void
fill(uint64_t *bits, uint64_t with)
{
	for (unsigned i = 0; i < FILTER_WORDS; i++)
		bits[i] = with;
}

static void
test_leaf(struct at *at, const struct query_node *node, uint64_t *out)
{
	const struct leaf *leaf = &at->g->leaves[node->leaf];

	fill(out, leaf->open ? UINT64_MAX : 0);
	for (uint32_t i = 0; i < leaf->count && !leaf->open; i++) {
		const struct scopepack_column *column =
			&at->of->scopes.columns[leaf->columns[i]];
		const struct block_chunk *info =
			block_group_chunk(at->info, leaf->columns[i]);
		struct packed_chunk chunk;

		if (info == NULL || !filter_range_may(node, column, info))
			continue;
		if (packed_cache_chunk(at->of->cache, at->block, at->group,
				       leaf->columns[i], &chunk, NULL) != 0) {
			fill(out, UINT64_MAX);
			return;
		}
		at->read = true;
		filter_test_column(node, column->type, &chunk, at->info->count, out);
	}
}

static void
test_hash(struct at *at, const struct query_node *node, uint64_t *out)
{
	struct filter_hits *hits = &at->g->hits[node->id];

	filter_hits_find(hits, at->f->set, at->generation, node);
	fill(out, hits->state == 1 ? 0 : UINT64_MAX);
	if (hits->state == 1)
		filter_hits_set(hits, at->first, at->info->count, out);
}

static void
test_node(struct at *at, const struct query_node *node, uint64_t *out)
{
	uint64_t one[FILTER_WORDS], some;
	bool all = node->kind == QUERY_AND;

	if (node->kind == QUERY_VAR) {
		test_leaf(at, node, out);
		return;
	}
	if (by_index(node)) {
		test_hash(at, node, out);
		return;
	}
	if (!all && node->kind != QUERY_OR) {
		fill(out, UINT64_MAX);
		return;
	}
	fill(out, all ? UINT64_MAX : 0);
	for (const struct query_node *c = node->first; c != NULL; c = c->next) {
		test_node(at, c, one);
		some = 0;
		for (unsigned i = 0; i < FILTER_WORDS; i++) {
			out[i] = all ? out[i] & one[i] : out[i] | one[i];
			some |= out[i];
		}
		if (all && (some == 0 || may_give_up(c)))
			return;
	}
}

static void
keep(struct packed_filter *f, struct tested *t, const uint64_t *bits, uint32_t count)
{
	uint32_t set = 0;

	for (uint32_t i = 0; i < count; i++)
		set += bits[i / 64] >> (i % 64) & 1;
	t->known = set == 0 ? KNOWN_NONE : KNOWN_ALL;
	if (set == 0 || set == count || f->kept + FILTER_WORDS * 8 > f->keep)
		return;
	t->bits = malloc(FILTER_WORDS * sizeof *t->bits);
	if (t->bits == NULL)
		return;
	memcpy(t->bits, bits, FILTER_WORDS * sizeof *t->bits);
	f->kept += FILTER_WORDS * sizeof *t->bits;
	t->known = KNOWN_SOME;
}

static const struct tested *
test_group(struct packed_filter *f, struct of_generation *g, uint32_t generation,
	   uint32_t block, uint32_t group)
{
	struct tested *t = &g->groups[(size_t)block * BLOCK_GROUPS + group];
	struct generation *of = &f->set->items[generation];
	struct tape_read_stats *stats = &f->set->reader->stats;
	const struct scopepack_block *b = NULL;
	struct block_group info;
	uint64_t bits[FILTER_WORDS];
	struct at at;

	if (t->known != KNOWN_NOT)
		return t;
	t->known = KNOWN_ALL;
	if (packed_cache_block(of->cache, block, &b, NULL) != 0 ||
	    group >= b->group_count)
		return t;
	/* Reading columns may drop the header: what is needed of it is copied. */
	info = b->groups[group];
	info.chunks = malloc((info.chunk_count + 1u) * sizeof *info.chunks);
	if (info.chunks == NULL)
		return t;
	if (info.chunk_count != 0)
		memcpy(info.chunks, b->groups[group].chunks,
		       info.chunk_count * sizeof *info.chunks);
	at = (struct at){ .f = f,
			  .g = g,
			  .of = of,
			  .generation = generation,
			  .block = block,
			  .group = group,
			  .info = &info,
			  .first = of->scopes.blocks[block].first_content + info.first };
	test_node(&at, f->query->root, bits);
	keep(f, t, bits, info.count);
	stats->tested_groups += at.read;
	if (!at.read && t->known == KNOWN_NONE && f->by_hash)
		stats->contents_by_fingerprint++;
	else if (!at.read && t->known == KNOWN_NONE)
		stats->contents_by_range++;
	free(info.chunks);
	return t;
}

/* ---- rows ---- */

static uint32_t
generation_of(const struct packed_filter *f, uint32_t generation, uint64_t ref)
{
	uint32_t foreign = CONTENT_FOREIGN(ref);
	const uint8_t *uid;

	if (foreign == 0)
		return generation;
	uid = f->set->items[generation].scopes.foreign[foreign - 1];
	for (uint32_t i = 0; i < f->set->count; i++)
		if (memcmp(f->set->items[i].manifest.uid, uid, 16) == 0)
			return i;
	return UINT32_MAX;
}

/* A reference that leads nowhere may match: whoever looks at it says so. */
static void
find_near(struct packed_filter *f, uint32_t generation, uint64_t ref, struct near *n)
{
	uint32_t target =
		ref == CONTENT_LOST ? UINT32_MAX : generation_of(f, generation, ref);
	struct of_generation *g = target == UINT32_MAX ? NULL : need(f, f->set, target);
	uint64_t ordinal = CONTENT_ORDINAL(ref), in_block;
	const struct scopepack *s;
	uint32_t block, group;

	*n = (struct near){ ref, 1, NULL, all_bits };
	if (g == NULL || ordinal >= f->set->items[target].scopes.contents)
		return;
	s = &f->set->items[target].scopes;
	block = scopepack_block_of(s, ordinal);
	in_block = ordinal - s->blocks[block].first_content;
	if (in_block >= s->blocks[block].contents)
		return;
	group = (uint32_t)(in_block / GROUP_ROWS);
	n->ref = ref - in_block % GROUP_ROWS;
	n->count = s->blocks[block].contents - (uint64_t)group * GROUP_ROWS;
	if (n->count > GROUP_ROWS)
		n->count = GROUP_ROWS;
	n->tested = test_group(f, g, target, block, group);
	if (n->tested->known != KNOWN_ALL)
		n->bits = n->tested->known == KNOWN_NONE ? no_bits : n->tested->bits;
}

static struct near *
near_to(struct of_generation *g, uint64_t ref)
{
	return &g->near[(ref >> 12) % NEARS];
}

/* References that lie close together, to contents none of which matches: they need not be read. */
static bool
none_may(struct packed_filter *f, struct of_generation *g, uint32_t generation,
	 const struct block_rows *rows)
{
	const struct near *n;
	uint64_t ref = rows->min_content;

	if (rows->links || ref > rows->max_content ||
	    rows->max_content - ref > 2ull * GROUP_ROWS)
		return false;
	while (ref <= rows->max_content) {
		n = near_to(g, ref);
		if (ref - n->ref >= n->count)
			find_near(f, generation, ref, near_to(g, ref));
		if (n->tested == NULL || n->tested->known != KNOWN_NONE)
			return false;
		ref = n->ref + n->count;
	}
	return true;
}

/* ---- points ---- */

static const struct filter_hits *
hits_of(void *user, uint32_t generation, const struct query_node *node)
{
	struct packed_filter *f = user;
	struct of_generation *g = need(f, f->set, generation);

	if (g == NULL)
		return NULL;
	filter_hits_find(&g->hits[node->id], f->set, generation, node);
	return &g->hits[node->id];
}

const struct filter_places *
packed_filter_places(struct packed_filter *f, struct generations *set,
		     uint32_t generation)
{
	struct of_generation *g = f->point == NULL ? NULL : need(f, set, generation);

	if (g == NULL)
		return NULL;
	if (g->places.state == 0) {
		int64_t began = os_monotonic_ns();

		filter_places_find(&g->places, set, generation, f->point, hits_of, f);
		began = os_monotonic_ns() - began;
		set->reader->stats.filter_ns += began;
		set->reader->stats.index_ns += began;
		set->reader->stats.generations_by_hash += g->places.state == 1;
	}
	return g->places.state == 1 ? &g->places : NULL;
}

/* Has any of its generations projections? Those have a hash of their own, and so has a link to one. */
static bool
projected(const struct packed_filter *f)
{
	bool any = false;

	for (size_t i = 0; i < f->set->count; i++)
		any |= f->set->items[i].manifest.projections != 0;
	return any;
}

static bool
bits_any(const uint64_t *bits, uint32_t from, uint32_t to)
{
	bool any = false;

	for (uint32_t word = from / 64; word * 64 < to && !any; word++) {
		uint64_t some = bits[word];

		if (word == from / 64)
			some &= UINT64_MAX << (from % 64);
		if (to - word * 64 < 64)
			some &= ((uint64_t)1 << (to - word * 64)) - 1;
		any = some != 0;
	}
	return any;
}

/* The few rows that have what a hash names; false = that is not known. */
static bool
rows_of_point(struct packed_filter *f, struct of_generation *g, uint32_t generation,
	      uint32_t block, uint32_t group, uint32_t from, uint32_t to, uint64_t *out)
{
	uint64_t rows[FILTER_WORDS];

	if (g->places.state != 1 ||
	    !filter_places_rows(&g->places, f->set->items[generation].cache,
				block * BLOCK_GROUPS + group, rows))
		return false;
	for (uint32_t word = from / 64; word * 64 < to; word++)
		out[word] &= rows[word];
	return true;
}

/* Clears the bits of rows whose content, by f->refs, does not match. */
static bool
rows_by_refs(struct packed_filter *f, struct of_generation *g, uint32_t generation,
	     const uint8_t *kind, uint32_t from, uint32_t to, uint64_t *out)
{
	uint64_t some = 0;

	for (uint32_t word = from / 64; word * 64 < to; word++) {
		uint64_t left = out[word], bits = 0;

		if (word == from / 64)
			left &= UINT64_MAX << (from % 64);
		if (to - word * 64 < 64)
			left &= ((uint64_t)1 << (to - word * 64)) - 1;
		for (; left != 0; left &= left - 1) {
			uint32_t i = word * 64 + (uint32_t)__builtin_ctzll(left);
			uint64_t ref = f->refs[i], at;
			struct near *n = near_to(g, ref);

			at = ref - n->ref;
			if (at >= n->count) {
				find_near(f, generation, ref, n);
				at = ref - n->ref;
			}
			bits |= (n->bits[at / 64] >> (at % 64) & 1) << (i % 64);
			if (kind != NULL &&
			    (kind[i] == ROW_PROJECTION || kind[i] == ROW_LINK))
				bits |= (uint64_t)1 << (i % 64);
		}
		out[word] &= bits;
		some |= out[word];
	}
	return some != 0;
}

static bool
rows_by_content(struct packed_filter *f, uint32_t generation, uint32_t block,
		uint32_t group, const struct block_rows *rows, uint32_t from, uint32_t to,
		uint64_t *out, bool *known)
{
	struct packed_cache *cache = f->set->items[generation].cache;
	struct of_generation *g = &f->of[generation];
	struct column refs, kinds;
	uint8_t kind[GROUP_ROWS];
	bool own = f->by_hash && rows->links && projected(f), any;

	if (rows_of_point(f, g, generation, block, group, from, to, out)) {
		if (f->query->root == f->point || !bits_any(out, from, to))
			return bits_any(out, from, to);
	} else if (none_may(f, g, generation, rows)) {
		return false;
	}
	if (own) {
		if (packed_one_pass(cache, block, group, ROWS_KIND, &kinds, NULL) != 0)
			return true;
		memcpy(kind, kinds.values, kinds.count);
	}
	if (packed_one_pass(cache, block, group, ROWS_CONTENT, &refs, NULL) != 0)
		return true;
	/* Contents that are tested now may take the place of what is borrowed. */
	for (uint32_t i = from; i < to; i++)
		f->refs[i] = get_le64(refs.values + 8 * (size_t)i);
	any = rows_by_refs(f, g, generation, own ? kind : NULL, from, to, out);
	*known = true;
	return any;
}

static bool
rows_by_time(const struct packed_filter *f, struct packed_cache *cache, uint32_t block,
	     uint32_t group, uint32_t from, uint32_t to, uint64_t *out)
{
	const struct column *c = NULL;
	bool any = false;

	if (packed_cache_rows(cache, block, group, ROWS_TIME, &c, NULL) != 0)
		return true;
	for (uint32_t i = from; i < to; i++) {
		int64_t time = (int64_t)get_le64(c->values + 8 * (size_t)i);

		if (time >= f->from && time <= f->to)
			any = true;
		else
			out[i / 64] &= ~((uint64_t)1 << (i % 64));
	}
	return any;
}

void
packed_filter_parts(const struct packed_filter *f, struct tape_read_stats *stats)
{
	stats->parts_by_time += f->from != INT64_MIN || f->to != INT64_MAX;
	stats->parts_by_values += f->by_content && f->query->root != f->point;
}

bool
packed_filter_settled(const struct packed_filter *f)
{
	bool all = f->point != NULL && f->count != 0;

	for (size_t i = 0; i < f->count && all; i++)
		all = f->of[i].places.state != 2 && (f->of[i].ready || i != 0);
	return all;
}

bool
packed_filter_times(const struct packed_filter *f, int64_t from, int64_t to)
{
	return from <= f->to && to >= f->from;
}

static enum filter_reason
choose(struct packed_filter *f, struct generations *set, uint32_t generation,
       uint32_t block, uint32_t group, const struct block_rows *rows, uint32_t from,
       uint32_t to, uint64_t *out, bool *known)
{
	fill(out, UINT64_MAX);
	if (!packed_filter_times(f, rows->min_time, rows->max_time))
		return FILTER_TIME;
	if ((rows->min_time < f->from || rows->max_time > f->to) &&
	    !rows_by_time(f, set->items[generation].cache, block, group, from, to, out))
		return FILTER_TIME;
	if (f->by_content && need(f, set, generation) != NULL &&
	    !rows_by_content(f, generation, block, group, rows, from, to, out, known))
		return FILTER_VALUE;
	return FILTER_SOME;
}

enum filter_reason
packed_filter_rows(struct packed_filter *f, struct generations *set, uint32_t generation,
		   uint32_t block, uint32_t group, const struct block_rows *rows,
		   uint32_t from, uint32_t to, uint64_t out[FILTER_WORDS],
		   const uint64_t **refs)
{
	struct block_rows copy = *rows; /* of a header that may be dropped */
	int64_t began = os_monotonic_ns();
	bool known = false;
	enum filter_reason why =
		choose(f, set, generation, block, group, &copy, from, to, out, &known);

	*refs = known ? f->refs : NULL;
	set->reader->stats.filter_ns += os_monotonic_ns() - began;
	return why;
}
