/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows of a block are of a session, and in which order. */
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/le.h"
#include "search/packed.h"
#include "search/packed_one.h"
#include "search/reader.h"

/* ---- blocks ---- */

static int
order(uint32_t session, uint64_t seq, uint32_t other_session, uint64_t other_seq)
{
	if (session != other_session)
		return session < other_session ? -1 : 1;
	return (seq > other_seq) - (seq < other_seq);
}

void
packed_blocks(const struct packed *p, uint64_t lo, uint64_t hi, uint32_t *first,
	      uint32_t *end)
{
	const struct scopepack *s = &p->of->scopes;
	uint32_t from = 0, to = s->block_count;

	*first = *end = 0;
	if (lo > hi || p->entry->rows == 0)
		return;
	while (from < to) {
		uint32_t mid = from + (to - from) / 2;
		const struct scopepack_block_info *b = &s->blocks[mid];

		if (order(b->last_session, b->last_seq, p->session, lo) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	*first = from;
	to = s->block_count;
	while (from < to) {
		uint32_t mid = from + (to - from) / 2;
		const struct scopepack_block_info *b = &s->blocks[mid];

		if (order(b->first_session, b->first_seq, p->session, hi) <= 0)
			from = mid + 1;
		else
			to = mid;
	}
	*end = from;
}

/* ---- pieces: rows of one context, session and group ---- */

struct piece {
	uint32_t block, group;
	uint32_t from, to; /* rows within the group */
	const struct block_rows *rows;
};

static int
column(struct packed *p, const struct piece *at, enum row_column which,
       const struct column **out, struct tape_error *err)
{
	return packed_cache_rows(p->of->cache, at->block, at->group, which, out, err);
}

static uint32_t
u32_at(const struct column *c, uint32_t i)
{
	return get_le32(c->values + 4 * (size_t)i);
}

static uint64_t
u64_at(const struct column *c, uint32_t i)
{
	return get_le64(c->values + 8 * (size_t)i);
}

/* First row of [from, to) whose session is at least that. */
static uint32_t
session_bound(const struct column *c, uint32_t from, uint32_t to, uint32_t session)
{
	while (from < to) {
		uint32_t mid = from + (to - from) / 2;

		if (u32_at(c, mid) < session)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static uint32_t
seq_bound(const struct column *c, uint32_t from, uint32_t to, uint64_t seq)
{
	while (from < to) {
		uint32_t mid = from + (to - from) / 2;

		if (u64_at(c, mid) < seq)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* Narrows a piece to rows of the session from lo to hi; perhaps to none. */
static int
narrow(struct packed *p, struct piece *at, uint64_t lo, uint64_t hi,
       struct tape_error *err)
{
	const struct block_rows *g = at->rows;
	const struct column *c = NULL;
	int r = 0;

	if (p->session < g->min_session || p->session > g->max_session ||
	    g->max_seq < lo || g->min_seq > hi) {
		at->to = at->from;
		return 0;
	}
	if (g->min_session != g->max_session) {
		r = column(p, at, ROWS_SESSION, &c, err);
		if (r != 0)
			return r;
		at->from = session_bound(c, at->from, at->to, p->session);
		at->to = session_bound(c, at->from, at->to, p->session + 1);
	}
	if (at->from == at->to || (g->min_seq >= lo && g->max_seq <= hi))
		return 0;
	r = column(p, at, ROWS_SEQ, &c, err);
	if (r != 0)
		return r;
	at->from = seq_bound(c, at->from, at->to, lo);
	if (hi != UINT64_MAX)
		at->to = seq_bound(c, at->from, at->to, hi + 1);
	return 0;
}

/* What a function does with each piece of a run: 0 = go on, else the walk ends with that. */
typedef int piece_fn(struct packed *p, const struct piece *piece, void *user,
		     struct tape_error *err);

/* places: where alone something is to be found, NULL = anywhere. */
static int
each_piece(struct packed *p, uint32_t block, const struct block_run *run, uint64_t lo,
	   uint64_t hi, const struct filter_places *places, piece_fn *fn, void *user,
	   struct tape_error *err)
{
	uint32_t at = run->first_row, end = run->first_row + run->rows;
	int r = 0;

	while (at < end && r == 0) {
		const struct scopepack_block *b = NULL;
		struct piece piece = { .block = block, .group = at / GROUP_ROWS };
		uint32_t base = piece.group * GROUP_ROWS, next = base + GROUP_ROWS;

		if (next > end)
			next = end;
		if (places != NULL &&
		    !filter_places_has(places, block * BLOCK_GROUPS + piece.group,
				       block * BLOCK_GROUPS + piece.group + 1)) {
			p->base.reader->stats.groups_by_fingerprint++;
			at = next;
			continue;
		}
		r = packed_cache_block(p->of->cache, block, &b, err);
		if (r != 0)
			return r;
		if (piece.group >= b->rows_groups ||
		    next - base > b->rows[piece.group].count)
			return error_set(err, TAPE_ERR_DAMAGED, NULL, 0,
					 "damaged: a run is longer than its block");
		piece.from = at - base;
		piece.to = next - base;
		piece.rows = &b->rows[piece.group];
		at = next;
		r = narrow(p, &piece, lo, hi, err);
		if (r == 0 && piece.from < piece.to)
			r = fn(p, &piece, user, err);
	}
	return r;
}

/* ---- which forms are wanted ---- */

static int
form_wanted(struct packed *p, uint32_t number, bool *wanted, struct tape_error *err)
{
	struct source_form *f = packed_form(p, number);

	if (f == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a form");
	if (f->wanted == 0) {
		f->wanted = p->iter.want == NULL || p->iter.want(p->iter.user, f) ? 2 : 1;
		p->base.reader->stats.forms_asked++;
		p->base.reader->stats.forms_refused += f->wanted == 1;
	}
	*wanted = f->wanted == 2;
	return 0;
}

/* A context whose forms are all refused is not looked at any further. */
static int
context_wanted(struct packed *p, uint32_t context, bool *wanted, struct tape_error *err)
{
	const uint32_t *forms;
	uint32_t count = packed_forms_of(p->of->forms, context, &forms);
	int r = 0;

	*wanted = p->contexts[context] == CONTEXT_WANTED;
	if (p->contexts[context] != CONTEXT_UNKNOWN)
		return 0;
	for (uint32_t i = 0; i < count && !*wanted && r == 0; i++)
		r = form_wanted(p, forms[i], wanted, err);
	if (r == 0)
		p->contexts[context] = *wanted ? CONTEXT_WANTED : CONTEXT_REFUSED;
	return r;
}

/*
 * Where a block has many short sessions, only forms that a session has are asked
 * for: each of them answers anew for each session.
 */
static int
run_wanted(struct packed *p, uint32_t block, uint32_t context, bool *wanted,
	   struct tape_error *err)
{
	const struct scopepack_block_info *b = &p->of->scopes.blocks[block];

	if (b->first_session == b->last_session)
		return context_wanted(p, context, wanted, err);
	*wanted = p->contexts[context] != CONTEXT_REFUSED;
	return 0;
}

/* ---- collecting ---- */

#define FIRST_ROWS 64u
#define FEW_ROWS 2u /* are taken one by one */

static int
make_room(struct packed_rows *rows, size_t more, struct tape_error *err)
{
	struct packed_row *bigger;
	size_t cap = rows->cap == 0 ? FIRST_ROWS : rows->cap;

	while (cap < rows->count + more)
		cap *= 2;
	if (cap == rows->cap)
		return 0;
	bigger = realloc(rows->items, cap * sizeof *bigger);
	if (bigger == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
				 "no memory for the rows of a block");
	rows->items = bigger;
	rows->cap = cap;
	return 0;
}

static uint32_t
count_rows(const uint64_t may[FILTER_WORDS], uint32_t from, uint32_t to)
{
	uint32_t count = 0;

	for (uint32_t word = from / 64; word * 64 < to; word++) {
		uint64_t bits = may[word];

		if (word == from / 64)
			bits &= UINT64_MAX << (from % 64);
		if (to - word * 64 < 64)
			bits &= ((uint64_t)1 << (to - word * 64)) - 1;
		count += (uint32_t)__builtin_popcountll(bits);
	}
	return count;
}

/* The first row from `at` on that may match, or `to`. */
static uint32_t
next_row(const uint64_t may[FILTER_WORDS], uint32_t at, uint32_t to)
{
	while (at < to) {
		uint64_t bits = may[at / 64] >> (at % 64);

		if (bits != 0) {
			at += (uint32_t)__builtin_ctzll(bits);
			return at < to ? at : to;
		}
		at = (at / 64 + 1) * 64;
	}
	return to;
}

/* Row `at` of a piece, of which few are wanted. */
static int
read_row(struct packed *p, const struct piece *piece, uint32_t at, struct packed_row *out,
	 struct tape_error *err)
{
	struct packed_cache *cache = p->of->cache;
	uint64_t form = 0, kind = 0, seq = 0;
	int r = packed_one_row(cache, piece->block, piece->group, ROWS_FORM, at, &form,
			       err);

	if (r == 0)
		r = packed_one_row(cache, piece->block, piece->group, ROWS_KIND, at,
				   &kind, err);
	if (r == 0)
		r = packed_one_row(cache, piece->block, piece->group, ROWS_SEQ, at, &seq,
				   err);
	if (r == 0)
		*out = (struct packed_row){
			.seq = seq,
			.content = CONTENT_UNKNOWN,
			.form = (uint32_t)form,
			.row = (piece->group * GROUP_ROWS + at) & 0xffffffu,
			.kind = (uint8_t)kind,
		};
	return r;
}

/* The chosen rows of a piece: they are at the end of p->rows, only their place is known. */
struct chosen {
	const struct piece *piece;
	struct packed_row *rows;
	uint32_t count;
};

static int
read_few(struct packed *p, struct chosen *c, struct tape_error *err)
{
	int r = 0;

	for (uint32_t i = 0; i < c->count && r == 0; i++) {
		uint64_t content = c->rows[i].content;

		r = read_row(p, c->piece, c->rows[i].row % GROUP_ROWS, &c->rows[i], err);
		c->rows[i].content = content;
	}
	return r;
}

/* A column is looked at once for all of them. */
static int
read_many(struct packed *p, struct chosen *c, struct tape_error *err)
{
	struct packed_cache *cache = p->of->cache;
	uint32_t block = c->piece->block, group = c->piece->group;
	struct column column;
	int r = packed_one_pass(cache, block, group, ROWS_FORM, &column, err);

	for (uint32_t i = 0; i < c->count && r == 0; i++)
		c->rows[i].form = u32_at(&column, c->rows[i].row % GROUP_ROWS);
	if (r == 0)
		r = packed_one_pass(cache, block, group, ROWS_KIND, &column, err);
	for (uint32_t i = 0; i < c->count && r == 0; i++)
		c->rows[i].kind = column.values[c->rows[i].row % GROUP_ROWS];
	if (r == 0)
		r = packed_one_pass(cache, block, group, ROWS_SEQ, &column, err);
	for (uint32_t i = 0; i < c->count && r == 0; i++)
		c->rows[i].seq = u64_at(&column, c->rows[i].row % GROUP_ROWS);
	return r;
}

/* Leaves those whose form is wanted. */
static int
take_wanted(struct packed *p, const struct chosen *c, struct tape_error *err)
{
	uint32_t known = 0;
	bool wanted = false;
	int r = 0;

	for (uint32_t i = 0; i < c->count && r == 0; i++) {
		if (c->rows[i].form != known) {
			known = c->rows[i].form;
			r = form_wanted(p, known, &wanted, err);
		}
		if (r == 0 && wanted)
			p->rows.items[p->rows.count++] = c->rows[i];
	}
	return r;
}

static int
take_piece(struct packed *p, const struct piece *piece, void *user,
	   struct tape_error *err)
{
	struct tape_read_stats *stats = &p->base.reader->stats;
	struct chosen chosen = { .piece = piece };
	uint32_t base = piece->group * GROUP_ROWS;
	const uint64_t *refs = NULL;
	uint64_t may[FILTER_WORDS];
	int r;

	(void)user;
	memset(may, 0xff, sizeof may);
	stats->groups++;
	if (p->iter.filter != NULL) {
		enum filter_reason why = packed_filter_rows(
			p->iter.filter, p->set, p->generation, piece->block, piece->group,
			piece->rows, piece->from, piece->to, may, &refs);

		stats->groups_by_time += why == FILTER_TIME;
		stats->groups_by_value += why == FILTER_VALUE;
		if (why != FILTER_SOME)
			return 0;
	}
	stats->rows += piece->to - piece->from;
	r = make_room(&p->rows, count_rows(may, piece->from, piece->to), err);
	if (r != 0)
		return r;
	chosen.rows = p->rows.items + p->rows.count;
	for (uint32_t i = next_row(may, piece->from, piece->to); i < piece->to;
	     i = next_row(may, i + 1, piece->to))
		chosen.rows[chosen.count++] = (struct packed_row){
			.row = (base + i) & 0xffffffu,
			.content = refs == NULL ? CONTENT_UNKNOWN : refs[i],
		};
	r = chosen.count <= FEW_ROWS ? read_few(p, &chosen, err)
				     : read_many(p, &chosen, err);
	return r == 0 ? take_wanted(p, &chosen, err) : r;
}

static int
by_seq(const void *a, const void *b)
{
	const struct packed_row *x = a, *y = b;

	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

/* Places by seq: those of one session lie close together in a block. */
static int
scatter(struct packed *p, uint64_t low, size_t span, struct tape_error *err)
{
	struct packed_row *items = p->rows.items;
	struct packed_rows *out = &p->sorted;
	int r;

	if (p->place_cap < span) {
		free(p->places);
		p->places = malloc(span * sizeof *p->places);
		p->place_cap = p->places == NULL ? 0 : span;
		if (p->places == NULL)
			return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
					 "no memory for the rows of a block");
	}
	out->count = 0;
	r = make_room(out, p->rows.count, err);
	if (r != 0)
		return r;
	memset(p->places, 0, span * sizeof *p->places);
	for (size_t i = 0; i < p->rows.count; i++)
		p->places[items[i].seq - low] = (uint32_t)i + 1;
	for (size_t i = 0; i < span; i++)
		if (p->places[i] != 0)
			out->items[out->count++] = items[p->places[i] - 1];
	if (out->count != p->rows.count)
		return error_set(err, TAPE_ERR_DAMAGED, NULL, 0,
				 "damaged: a seq is there twice");
	return 0;
}

static int
sort(struct packed *p, struct tape_error *err)
{
	struct packed_rows was = p->rows;
	uint64_t low = UINT64_MAX, high = 0;
	bool sorted = true;
	int r;

	for (size_t i = 0; i < was.count; i++) {
		uint64_t seq = was.items[i].seq;

		sorted = sorted && (i == 0 || seq > was.items[i - 1].seq);
		low = seq < low ? seq : low;
		high = seq > high ? seq : high;
	}
	if (sorted)
		return 0;
	if (high - low >= 8 * (uint64_t)was.count + BLOCK_ROWS) {
		qsort(was.items, was.count, sizeof *was.items, by_seq);
		return 0;
	}
	r = scatter(p, low, (size_t)(high - low) + 1, err);
	if (r == 0) {
		p->rows = p->sorted;
		p->sorted = was;
	}
	return r;
}

int
packed_rows_collect(struct packed *p, uint32_t block, struct tape_error *err)
{
	struct tape_read_stats *stats = &p->base.reader->stats;
	const struct scopepack_block *b = NULL;
	const struct filter_places *places = NULL;
	uint64_t before, groups;
	uint32_t run_count = 1;
	int r = 0;

	p->rows.count = 0;
	if (p->iter.filter != NULL &&
	    !packed_filter_times(p->iter.filter, p->of->scopes.blocks[block].min_time,
				 p->of->scopes.blocks[block].max_time)) {
		stats->blocks_by_time++;
		return 0;
	}
	if (p->iter.filter != NULL)
		places = packed_filter_places(p->iter.filter, p->set, p->generation);
	if (places != NULL && !filter_places_has(places, block * BLOCK_GROUPS,
						 (block + 1) * BLOCK_GROUPS)) {
		stats->blocks_by_fingerprint++;
		return 0;
	}
	before = stats->groups_by_time + stats->groups_by_value;
	groups = stats->groups;
	for (uint32_t i = 0; i < run_count && r == 0; i++) {
		struct block_run run;
		bool wanted = false;

		r = packed_cache_block(p->of->cache, block, &b, err);
		if (r != 0)
			break;
		run_count = b->run_count;
		if (i >= run_count)
			break;
		run = b->runs[i];
		r = run_wanted(p, block, run.context, &wanted, err);
		if (r == 0 && wanted)
			r = each_piece(p, block, &run, p->iter.lo, p->iter.hi, places,
				       take_piece, NULL, err);
	}
	if (r == 0 && groups == stats->groups)
		stats->blocks_by_label++;
	else if (r == 0 && p->rows.count == 0 &&
		 stats->groups_by_time + stats->groups_by_value - before ==
			 stats->groups - groups)
		stats->blocks_by_value++;
	return r == 0 ? sort(p, err) : r;
}

/* ---- one of them ---- */

struct search {
	uint64_t seq;
	struct packed_row *out;
};

/* A piece of one row, narrowed to it. 1 = it is that. */
static int
take_row(struct packed *p, const struct piece *piece, void *user, struct tape_error *err)
{
	struct search *s = user;
	struct packed_row row;
	int r = read_row(p, piece, piece->from, &row, err);

	if (r != 0)
		return r;
	if (row.seq != s->seq)
		return 0;
	*s->out = row;
	if (packed_form(p, s->out->form) == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a form");
	return 1;
}

static int
find_in(struct packed *p, uint32_t block, struct search *s, struct tape_error *err)
{
	const struct scopepack_block *b = NULL;
	uint32_t run_count = 1;
	int r = 0;

	for (uint32_t i = 0; i < run_count && r == 0; i++) {
		struct block_run run;

		r = packed_cache_block(p->of->cache, block, &b, err);
		if (r != 0)
			return r;
		run_count = b->run_count;
		if (i >= run_count)
			break;
		run = b->runs[i];
		r = each_piece(p, block, &run, s->seq, s->seq, NULL, take_row, s, err);
	}
	return r;
}

int
packed_rows_find(struct packed *p, uint64_t seq, uint32_t *block, struct packed_row *out,
		 struct tape_error *err)
{
	struct search s = { seq, out };
	uint32_t first, end;
	int r = 0;

	packed_blocks(p, seq, seq, &first, &end);
	for (*block = first; *block < end && r == 0;) {
		r = find_in(p, *block, &s, err);
		if (r == 0)
			++*block;
	}
	if (r == 0)
		*block = first;
	return r;
}
