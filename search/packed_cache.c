/* SPDX-License-Identifier: Apache-2.0 */
#include "search/packed_cache.h"

#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/le.h"
#include "format/os.h"
#include "search/reader.h"
#include "search/snapshot.h"

#define CACHE_BYTES ((size_t)160 << 20)
#define FIRST_SLOTS 64u /* a power of two */
/* So many of those used last stay whatever their size: reading one takes others. */
#define KEPT 4u

enum what { WHAT_BLOCK, WHAT_ROWS, WHAT_FORMS, WHAT_CHUNK };

struct packed_cached {
	struct packed_cached *next; /* of the same slot */
	struct packed_cached *newer, *older;
	uint64_t place; /* block << 8 | group */
	uint64_t what;	/* enum what << 32 | column */
	size_t bytes;
	int status; /* what reading it gave */
	bool one;   /* of a column: `value` of `row`, and nothing else yet */
	uint32_t row;
	struct tape_error *why;
	struct scopepack_block *block;
	struct column column;
	struct column_memory memory;
	struct pack_bytes value;
	uint16_t *ranks;
};

struct packed_cache *
packed_cache_new(struct generations *set, struct generation *of)
{
	struct packed_cache *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->set = set;
	c->of = of;
	c->most =
		set->reader->packed_cache != 0 ? set->reader->packed_cache : CACHE_BYTES;
	c->slots = calloc(FIRST_SLOTS, sizeof *c->slots);
	c->slot_count = FIRST_SLOTS;
	if (c->slots == NULL) {
		free(c);
		return NULL;
	}
	return c;
}

static void
free_cached(struct packed_cached *e)
{
	if (e->block != NULL)
		scopepack_block_release(e->block);
	free(e->block);
	column_memory_release(&e->memory);
	pack_bytes_release(&e->value);
	free(e->ranks);
	free(e->why);
	free(e);
}

void
packed_cache_free(struct packed_cache *c)
{
	struct packed_cached *e = c == NULL ? NULL : c->newest;

	while (e != NULL) {
		struct packed_cached *older = e->older;

		free_cached(e);
		e = older;
	}
	if (c != NULL) {
		column_memory_release(&c->scratch);
		free(c->before);
		free(c->slots);
	}
	free(c);
}

static struct packed_cached **
slot_of(struct packed_cache *c, uint64_t place, uint64_t what)
{
	uint64_t h = (place ^ what * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;

	return &c->slots[(h >> 40) & (c->slot_count - 1)];
}

/* More of them than slots: they are spread anew, or stay as they are. */
static void
spread(struct packed_cache *c)
{
	size_t more = c->slot_count * 4;
	struct packed_cached **slots;

	if (c->count < c->slot_count)
		return;
	slots = calloc(more, sizeof *slots);
	if (slots == NULL)
		return;
	free(c->slots);
	c->slots = slots;
	c->slot_count = more;
	for (struct packed_cached *e = c->newest; e != NULL; e = e->older) {
		struct packed_cached **slot = slot_of(c, e->place, e->what);

		e->next = *slot;
		*slot = e;
	}
}

static void
unlink_use(struct packed_cache *c, struct packed_cached *e)
{
	if (e->newer != NULL)
		e->newer->older = e->older;
	else
		c->newest = e->older;
	if (e->older != NULL)
		e->older->newer = e->newer;
	else
		c->oldest = e->newer;
	e->newer = e->older = NULL;
}

static void
link_use(struct packed_cache *c, struct packed_cached *e)
{
	e->older = c->newest;
	if (c->newest != NULL)
		c->newest->newer = e;
	else
		c->oldest = e;
	c->newest = e;
}

static void
drop(struct packed_cache *c, struct packed_cached *e)
{
	struct packed_cached **at = slot_of(c, e->place, e->what);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	unlink_use(c, e);
	c->bytes -= e->bytes;
	c->count--;
	c->dropped += !e->one; /* nobody has borrowed a value */
	free_cached(e);
}

static void
drop_oldest(struct packed_cache *c)
{
	drop(c, c->oldest);
}

/* ---- reading ---- */

static int
no_such(const struct packed_cache *c, uint32_t block, const char *what,
	struct tape_error *err)
{
	return error_set(err, TAPE_ERR_DAMAGED, c->of->scopes.pack.file,
			 c->of->scopes.blocks[block].start, "damaged: %s is not there",
			 what);
}

/* Which of a chunk's values belongs to each row: those before it whose form has the column. */
static int
make_ranks(struct packed_cache *c, struct packed_cached *e, uint32_t column,
	   const struct column *forms, struct tape_error *err)
{
	const struct scopepack *p = &c->of->scopes;
	uint8_t *has = calloc(p->form_count + 1u, 1); /* 0 unknown, 1 no, 2 yes */
	uint32_t rank = 0;

	e->ranks = calloc(forms->count + 1u, sizeof *e->ranks);
	if (has == NULL || e->ranks == NULL) {
		free(has);
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a column");
	}
	for (uint32_t i = 0; i < forms->count; i++) {
		uint32_t f;

		memcpy(&f, forms->values + 4 * (size_t)i, sizeof f);
		if (has[f] == 0) {
			has[f] = 1;
			for (uint32_t k = 0; k < p->forms[f].var_count; k++)
				if (p->form_columns[f][k] == column)
					has[f] = 2;
		}
		e->ranks[i] = (uint16_t)rank;
		rank += has[f] == 2;
	}
	free(has);
	if (rank == e->column.count)
		return 0;
	return error_set(err, TAPE_ERR_DAMAGED, p->pack.file, 0,
			 "damaged: a column has %u values for %u rows", e->column.count,
			 rank);
}

/* Counts what a column or a header took: one that stands in a header took nothing. */
static void
count_read(struct packed_cache *c, uint64_t before, size_t raw, uint64_t *kind)
{
	struct tape_read_stats *s = &c->set->reader->stats;

	if (c->set->read_bytes == before)
		return;
	s->sections++;
	s->section_bytes += c->set->read_bytes - before;
	s->raw_bytes += raw;
	++*kind;
}

/* What decoding needs besides the result is the same memory for all of it. */
static void
lend(struct packed_cache *c, struct packed_cached *e)
{
	memcpy(e->memory.scratch, c->scratch.scratch, sizeof e->memory.scratch);
	memset(c->scratch.scratch, 0, sizeof c->scratch.scratch);
	for (size_t i = 0; i < sizeof e->memory.scratch / sizeof e->memory.scratch[0];
	     i++)
		e->memory.scratch[i].len = 0;
}

static size_t
take_back(struct packed_cache *c, struct packed_cached *e)
{
	size_t raw = e->memory.scratch[2].len;

	memcpy(c->scratch.scratch, e->memory.scratch, sizeof e->memory.scratch);
	memset(e->memory.scratch, 0, sizeof e->memory.scratch);
	return raw;
}

/* Which rows of the group the column has: asked for once it is there, since that may read the forms. */
static int
rank_chunk(struct packed_cache *c, struct packed_cached *e, uint32_t number,
	   uint32_t group, uint32_t column, struct tape_error *err)
{
	const struct column *forms = NULL;
	int r = packed_cache_forms(c, number, group, &forms, err);

	if (r != 0 || e->column.count == forms->count)
		return r;
	return make_ranks(c, e, column, forms, err);
}

static int
read_chunk(struct packed_cache *c, struct packed_cached *e, uint32_t number,
	   uint32_t group, uint32_t column, struct tape_error *err)
{
	const struct scopepack_block *block = NULL;
	const struct block_chunk *chunk = NULL;
	bool for_all = false;
	uint64_t before;
	int r = packed_cache_block(c, number, &block, err);

	if (r == 0)
		chunk = block_group_chunk(&block->groups[group], column);
	if (r == 0 && chunk == NULL)
		return no_such(c, number, "a column", err);
	if (r != 0)
		return r;
	for_all = chunk->count == block->groups[group].count;
	before = c->set->read_bytes;
	lend(c, e);
	if (e->one)
		r = scopepack_chunk_value(&c->of->scopes, c->set->codec, block, group,
					  chunk, e->row, &e->memory, &e->value,
					  &c->set->read_bytes, err);
	else
		r = scopepack_chunk_read(&c->of->scopes, c->set->codec, block, group,
					 chunk, &e->memory, &e->column,
					 &c->set->read_bytes, err);
	count_read(c, before, take_back(c, e), &c->set->reader->stats.content_columns);
	return r == 0 && !e->one && !for_all
		       ? rank_chunk(c, e, number, group, column, err)
		       : r;
}

static int
read_columns(struct packed_cache *c, struct packed_cached *e, enum what what,
	     struct tape_error *err)
{
	uint32_t number = (uint32_t)(e->place >> 8), group = e->place & 0xff;
	uint32_t column = (uint32_t)e->what;
	struct tape_read_stats *stats = &c->set->reader->stats;
	const struct scopepack *p = &c->of->scopes;
	struct pack_codec *codec = c->set->codec;
	const struct scopepack_block *block = NULL;
	uint64_t before, *read_bytes = &c->set->read_bytes;
	int r = packed_cache_block(c, number, &block, err);

	if (r != 0)
		return r;
	if (group >= (what == WHAT_ROWS ? block->rows_groups : block->group_count))
		return no_such(c, number, "a group of rows", err);
	before = *read_bytes;
	if (what == WHAT_CHUNK)
		return read_chunk(c, e, number, group, column, err);
	lend(c, e);
	if (what == WHAT_ROWS && e->one)
		r = scopepack_rows_value(p, codec, block, group, (enum row_column)column,
					 e->row, &e->memory, &e->value, read_bytes, err);
	else if (what == WHAT_ROWS)
		r = scopepack_rows_read(p, codec, block, group, (enum row_column)column,
					&e->memory, &e->column, read_bytes, err);
	else if (e->one)
		r = scopepack_form_value(p, codec, block, group, e->row, &e->memory,
					 &e->value, read_bytes, err);
	else
		r = scopepack_group_forms(p, codec, block, group, &e->memory, &e->column,
					  read_bytes, err);
	count_read(c, before, take_back(c, e),
		   what == WHAT_ROWS ? &stats->occurrence_columns
				     : &stats->content_columns);
	return r;
}

static int
read_header(struct packed_cache *c, struct packed_cached *e, struct tape_error *err)
{
	uint64_t before = c->set->read_bytes;
	int r;

	e->block = calloc(1, sizeof *e->block);
	if (e->block == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
				 "no memory for the header of a block");
	r = scopepack_block_read(&c->of->scopes, c->set->codec, (uint32_t)(e->place >> 8),
				 e->block, &c->set->read_bytes, err);
	count_read(c, before, e->block->raw.len, &c->set->reader->stats.headers);
	return r;
}

static int
read_it(struct packed_cache *c, struct packed_cached *e, struct tape_error *err)
{
	struct tape_read_stats *stats = &c->set->reader->stats;
	enum what what = (enum what)(e->what >> 32);
	int64_t began;
	int r;

	/* A chunk may need forms first: only what is not nested in another is timed. */
	began = c->depth++ == 0 ? os_monotonic_ns() : 0;
	r = what == WHAT_BLOCK ? read_header(c, e, err) : read_columns(c, e, what, err);
	if (--c->depth == 0)
		stats->read_ns += os_monotonic_ns() - began;
	return r;
}

static size_t
bytes_of(const struct packed_cached *e)
{
	size_t bytes = sizeof *e + e->memory.values.cap + e->memory.ends.cap +
		       e->value.cap +
		       (e->ranks == NULL ? 0 : (size_t)GROUP_ROWS * sizeof *e->ranks);

	if (e->block != NULL)
		bytes += sizeof *e->block +
			 e->block->chunk_cap * sizeof(struct block_chunk) +
			 e->block->raw.cap;
	return bytes;
}

/* What is damaged is kept as that; whatever else went wrong may go better next time. */
static int
keep_failure(struct packed_cached *e, int r, struct tape_error *err)
{
	if (r != TAPE_ERR_DAMAGED && r != TAPE_ERR_TOO_NEW)
		return r;
	e->why = malloc(sizeof *e->why);
	if (e->why == NULL)
		return TAPE_ERR_NOMEM;
	*e->why = *err;
	return 0;
}

static void
keep(struct packed_cache *c, struct packed_cached *e)
{
	struct packed_cached **slot;

	e->bytes = bytes_of(e);
	while (c->count > KEPT && c->bytes + e->bytes > c->most)
		drop_oldest(c);
	spread(c);
	slot = slot_of(c, e->place, e->what);
	e->next = *slot;
	*slot = e;
	link_use(c, e);
	c->bytes += e->bytes;
	c->count++;
}

static int
add(struct packed_cache *c, uint64_t place, uint64_t what, const uint32_t *row,
    struct packed_cached **out, struct tape_error *err)
{
	struct packed_cached *e = calloc(1, sizeof *e);
	struct tape_error why = { 0 };

	if (e == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a column");
	e->place = place;
	e->what = what;
	e->one = row != NULL;
	e->row = row == NULL ? 0 : *row;
	e->status = read_it(c, e, &why);
	if (e->status != 0 && keep_failure(e, e->status, &why) != 0) {
		int status = e->status;

		free_cached(e);
		if (err != NULL)
			*err = why;
		return status;
	}
	keep(c, e);
	*out = e;
	return 0;
}

static struct packed_cached *
look(struct packed_cache *c, uint64_t place, uint64_t what)
{
	struct packed_cached *e = *slot_of(c, place, what);

	while (e != NULL && (e->place != place || e->what != what))
		e = e->next;
	if (e != NULL && e != c->newest) {
		unlink_use(c, e);
		link_use(c, e);
	}
	return e;
}

static int
get(struct packed_cache *c, uint64_t place, uint64_t what, struct packed_cached **out,
    struct tape_error *err)
{
	struct packed_cached *e = look(c, place, what);
	int r = 0;

	if (e != NULL && e->one) {
		drop(c, e);
		e = NULL;
	}
	if (e == NULL)
		r = add(c, place, what, NULL, &e, err);
	if (r != 0)
		return r;
	if (e->status != 0 && err != NULL)
		*err = *e->why;
	*out = e;
	return e->status;
}

/* One row: *out has it as a value, or all of the column. */
static int
get_one(struct packed_cache *c, uint64_t place, uint64_t what, uint32_t row,
	struct packed_cached **out, struct tape_error *err)
{
	struct packed_cached *e = look(c, place, what);

	if (e != NULL && e->one && e->row == row && e->status == 0) {
		*out = e;
		return 0;
	}
	if (e == NULL && add(c, place, what, &row, &e, NULL) == 0 && e->status == 0) {
		*out = e;
		return 0;
	}
	/* Another row of it, or something is wrong: then all of it is looked at. */
	return get(c, place, what, out, err);
}

static uint64_t
place_of(uint32_t block, uint32_t group)
{
	return (uint64_t)block << 8 | group;
}

int
packed_cache_block(struct packed_cache *c, uint32_t number,
		   const struct scopepack_block **out, struct tape_error *err)
{
	struct packed_cached *e = NULL;
	int r = get(c, place_of(number, 0), (uint64_t)WHAT_BLOCK << 32, &e, err);

	if (r == 0)
		*out = e->block;
	return r;
}

int
packed_cache_rows(struct packed_cache *c, uint32_t block, uint32_t group,
		  enum row_column which, const struct column **out,
		  struct tape_error *err)
{
	struct packed_cached *e = NULL;
	int r = get(c, place_of(block, group),
		    (uint64_t)WHAT_ROWS << 32 | (uint32_t)which, &e, err);

	if (r == 0)
		*out = &e->column;
	return r;
}

int
packed_cache_forms(struct packed_cache *c, uint32_t block, uint32_t group,
		   const struct column **out, struct tape_error *err)
{
	struct packed_cached *e = NULL;
	int r = get(c, place_of(block, group), (uint64_t)WHAT_FORMS << 32, &e, err);

	if (r == 0)
		*out = &e->column;
	return r;
}

int
packed_cache_chunk(struct packed_cache *c, uint32_t block, uint32_t group,
		   uint32_t column, struct packed_chunk *out, struct tape_error *err)
{
	struct packed_cached *e = NULL;
	int r = get(c, place_of(block, group), (uint64_t)WHAT_CHUNK << 32 | column, &e,
		    err);

	if (r == 0)
		*out = (struct packed_chunk){ &e->column, e->ranks };
	return r;
}

/* ---- looking through references ---- */

static uint32_t
rows_with(const struct column *c, const uint64_t *refs, size_t ref_count, uint16_t *rows)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->count; i++) {
		uint64_t ref = get_le64(c->values + 8 * (size_t)i);
		bool any = false;

		for (size_t k = 0; k < ref_count; k++)
			any |= refs[k] == ref;
		rows[n] = (uint16_t)i;
		n += any;
	}
	return n;
}

/* Decoded where everything is, looked through, and the first row that was found kept. */
static int
scan_once(struct packed_cache *c, uint64_t place, uint64_t what, const uint64_t *refs,
	  size_t ref_count, uint16_t *rows, uint32_t *count)
{
	uint32_t block = (uint32_t)(place >> 8), group = place & 0xff;
	struct tape_read_stats *stats = &c->set->reader->stats;
	const struct scopepack_block *b = NULL;
	uint64_t before = c->set->read_bytes;
	struct column column = { 0 };
	struct packed_cached *e;
	int64_t began;
	int r = packed_cache_block(c, block, &b, NULL);

	if (r != 0 || group >= b->rows_groups)
		return TAPE_ERR_DAMAGED;
	before = c->set->read_bytes;
	began = os_monotonic_ns();
	c->scratch.scratch[2].len = 0;
	r = scopepack_rows_read(&c->of->scopes, c->set->codec, b, group, ROWS_CONTENT,
				&c->scratch, &column, &c->set->read_bytes, NULL);
	count_read(c, before, c->scratch.scratch[2].len, &stats->occurrence_columns);
	stats->read_ns += os_monotonic_ns() - began;
	if (r != 0)
		return r;
	*count = rows_with(&column, refs, ref_count, rows);
	e = calloc(1, sizeof *e);
	if (e == NULL)
		return 0;
	e->place = place;
	e->what = what;
	e->one = true;
	e->row = *count == 0 ? UINT32_MAX : rows[0];
	if (*count != 0 &&
	    pack_bytes_add(&e->value, column.values + 8 * (size_t)rows[0], 8) != 0)
		e->row = UINT32_MAX;
	keep(c, e);
	return 0;
}

int
packed_cache_scan(struct packed_cache *c, uint32_t block, uint32_t group,
		  const uint64_t *refs, size_t ref_count, uint16_t *rows, uint32_t *count,
		  struct tape_error *err)
{
	uint64_t place = place_of(block, group),
		 what = (uint64_t)WHAT_ROWS << 32 | ROWS_CONTENT;
	struct packed_cached *e = look(c, place, what);
	int r;

	if (e == NULL && scan_once(c, place, what, refs, ref_count, rows, count) == 0)
		return 0;
	r = get(c, place, what, &e, err);
	if (r == 0)
		*count = rows_with(&e->column, refs, ref_count, rows);
	return r;
}

/* ---- one row ---- */

static const uint8_t *
fixed_value(const struct packed_cached *e, uint32_t row)
{
	return e->one ? e->value.data : e->column.values + (size_t)row * e->column.width;
}

static int
beyond(const struct packed_cache *c, uint32_t block, struct tape_error *err)
{
	return error_set(err, TAPE_ERR_DAMAGED, c->of->scopes.pack.file,
			 c->of->scopes.blocks[block].start,
			 "damaged: a column is shorter than its group");
}

int
packed_cache_row(struct packed_cache *c, uint32_t block, uint32_t group,
		 enum row_column which, uint32_t row, uint64_t *out,
		 struct tape_error *err)
{
	struct packed_cached *e = NULL;
	int r = get_one(c, place_of(block, group),
			(uint64_t)WHAT_ROWS << 32 | (uint32_t)which, row, &e, err);

	if (r != 0)
		return r;
	if (!e->one && row >= e->column.count)
		return beyond(c, block, err);
	switch (which) {
	case ROWS_SESSION:
	case ROWS_FORM:
		*out = get_le32(fixed_value(e, row));
		break;
	case ROWS_KIND:
		*out = *fixed_value(e, row);
		break;
	default:
		*out = get_le64(fixed_value(e, row));
		break;
	}
	return 0;
}

/* Has every row of a group of contents all columns of it? Then none hangs on the forms. */
static bool
alike(const struct block_group *g)
{
	bool all = true;

	for (uint32_t i = 0; i < g->chunk_count && all; i++)
		all = g->chunks[i].count == g->count;
	return all;
}

int
packed_cache_form(struct packed_cache *c, uint32_t block, uint32_t group, uint32_t row,
		  uint32_t *out, struct tape_error *err)
{
	uint64_t what = (uint64_t)WHAT_FORMS << 32;
	const struct scopepack_block *b = NULL;
	struct packed_cached *e = NULL;
	int r = packed_cache_block(c, block, &b, err);

	if (r != 0)
		return r;
	/* Where others are needed for the sake of one, all are read at once. */
	if (group < b->group_count && alike(&b->groups[group]))
		r = get_one(c, place_of(block, group), what, row, &e, err);
	else
		r = get(c, place_of(block, group), what, &e, err);
	if (r == 0 && !e->one && row >= e->column.count)
		r = beyond(c, block, err);
	if (r == 0)
		*out = get_le32(fixed_value(e, row));
	return r;
}

static int
give(struct pack_bytes *to, const uint8_t *at, size_t len, struct tape_error *err)
{
	if (pack_bytes_add(to, at, len) != 0)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a scope");
	return 0;
}

static bool
form_has(const struct scopepack *p, uint32_t form, uint32_t column)
{
	for (uint32_t k = 0; k < p->forms[form].var_count; k++)
		if (p->form_columns[form][k] == column)
			return true;
	return false;
}

/* Counts rows of each form before a row; the columns of a content are asked for one by one. */
static int
count_before(struct packed_cache *c, uint64_t place, uint32_t row, struct tape_error *err)
{
	const struct column *forms = NULL;
	int r;

	if (c->before_known && c->before_place == place && c->before_row == row)
		return 0;
	r = packed_cache_forms(c, (uint32_t)(place >> 8), place & 0xff, &forms, err);
	if (r == 0 && row >= forms->count)
		r = beyond(c, (uint32_t)(place >> 8), err);
	if (r != 0)
		return r;
	free(c->before);
	c->before_known = false;
	c->before = calloc(c->of->scopes.form_count + 1u, sizeof *c->before);
	if (c->before == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a column");
	for (uint32_t i = 0; i < row; i++)
		c->before[get_le32(forms->values + 4 * (size_t)i)]++;
	c->before_place = place;
	c->before_row = row;
	c->before_known = true;
	return 0;
}

/* Which of a column's values is that of a row: those before it whose form has the column. */
static int
value_index(struct packed_cache *c, uint32_t block, uint32_t group, uint32_t column,
	    uint32_t row, uint32_t *at, struct tape_error *err)
{
	const struct scopepack *p = &c->of->scopes;
	const struct scopepack_block *b = NULL;
	const struct block_chunk *chunk = NULL;
	int r = packed_cache_block(c, block, &b, err);

	*at = row;
	if (r == 0 && group < b->group_count)
		chunk = block_group_chunk(&b->groups[group], column);
	if (r != 0 || chunk == NULL || chunk->count == b->groups[group].count)
		return r;
	r = count_before(c, place_of(block, group), row, err);
	*at = 0;
	for (uint32_t f = 1; f <= p->form_count && r == 0; f++)
		if (c->before[f] != 0 && form_has(p, f, column))
			*at += c->before[f];
	return r;
}

int
packed_cache_value(struct packed_cache *c, uint32_t block, uint32_t group,
		   uint32_t column, uint32_t row, struct pack_bytes *to,
		   struct tape_error *err)
{
	uint64_t place = place_of(block, group),
		 what = (uint64_t)WHAT_CHUNK << 32 | column;
	struct packed_cached *e = look(c, place, what);
	uint32_t at = row, from;
	int r = 0;

	if (e != NULL && !e->one) {
		r = get(c, place, what, &e, err);
	} else {
		r = value_index(c, block, group, column, row, &at, err);
		if (r == 0)
			r = get_one(c, place, what, at, &e, err);
	}
	if (r != 0)
		return r;
	if (e->one)
		return give(to, e->value.data, e->value.len, err);
	if (e->ranks != NULL && row < GROUP_ROWS)
		at = e->ranks[row];
	if (at >= e->column.count)
		return beyond(c, block, err);
	if (e->column.width != 0)
		return give(to, e->column.values + (size_t)at * e->column.width,
			    e->column.width, err);
	from = at == 0 ? 0 : e->column.ends[at - 1];
	return give(to, e->column.values + from, e->column.ends[at] - from, err);
}
