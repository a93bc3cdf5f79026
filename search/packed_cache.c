/* SPDX-License-Identifier: Apache-2.0 */
#include "search/packed_cache.h"

#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/le.h"
#include "format/os.h"
#include "search/packed_cached.h"
#include "search/reader.h"
#include "search/snapshot.h"

#define CACHE_BYTES ((size_t)160 << 20)
#define FIRST_SLOTS 64u /* a power of two */
/* So many of those used last stay whatever their size: reading one takes others. */
#define KEPT 4u

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

int
packed_cached_uneven(struct packed_cache *c, uint32_t values, uint32_t rows,
		     struct tape_error *err)
{
	return error_set(err, TAPE_ERR_DAMAGED, c->of->scopes.pack.file, 0,
			 "damaged: a column has %u values for %u rows", values, rows);
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
	return packed_cached_uneven(c, e->column.count, rank, err);
}

/* Counts what a column or a header took: one that stands in a header took nothing. */
void
packed_cached_count(struct packed_cache *c, uint64_t before, size_t raw, uint64_t *kind)
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
	packed_cached_count(c, before, take_back(c, e),
			    &c->set->reader->stats.content_columns);
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
	packed_cached_count(c, before, take_back(c, e),
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
	packed_cached_count(c, before, e->block->raw.len, &c->set->reader->stats.headers);
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

/*
 * The bound is that of all generations of a reader together: where this one has
 * need of room, others give theirs, but for what may still be borrowed.
 */
static void
others_make_room(struct packed_cache *c, size_t bytes)
{
	struct generations *g = c->set;
	size_t all = c->bytes + bytes;

	for (size_t i = 0; i < g->count; i++)
		if (g->items[i].cache != NULL && g->items[i].cache != c)
			all += g->items[i].cache->bytes;
	for (size_t i = 0; i < g->count && all > c->most; i++) {
		struct packed_cache *other = g->items[i].cache;

		while (other != NULL && other != c && other->count > KEPT &&
		       all > c->most) {
			all -= other->oldest->bytes;
			drop_oldest(other);
		}
	}
}

void
packed_cached_keep(struct packed_cache *c, struct packed_cached *e)
{
	struct packed_cached **slot;

	e->bytes = bytes_of(e);
	while (c->count > KEPT && c->bytes + e->bytes > c->most)
		drop_oldest(c);
	others_make_room(c, e->bytes);
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
	packed_cached_keep(c, e);
	*out = e;
	return 0;
}

struct packed_cached *
packed_cached_look(struct packed_cache *c, uint64_t place, uint64_t what)
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

int
packed_cached_get(struct packed_cache *c, uint64_t place, uint64_t what,
		  struct packed_cached **out, struct tape_error *err)
{
	struct packed_cached *e = packed_cached_look(c, place, what);
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
int
packed_cached_one(struct packed_cache *c, uint64_t place, uint64_t what, uint32_t row,
		  struct packed_cached **out, struct tape_error *err)
{
	struct packed_cached *e = packed_cached_look(c, place, what);

	if (e != NULL && e->one && e->row == row && e->status == 0) {
		*out = e;
		return 0;
	}
	if (e == NULL && add(c, place, what, &row, &e, NULL) == 0 && e->status == 0) {
		*out = e;
		return 0;
	}
	/* Another row of it, or something is wrong: then all of it is looked at. */
	return packed_cached_get(c, place, what, out, err);
}

int
packed_cache_block(struct packed_cache *c, uint32_t number,
		   const struct scopepack_block **out, struct tape_error *err)
{
	struct packed_cached *e = NULL;
	int r = packed_cached_get(c, packed_cached_place(number, 0),
				  (uint64_t)WHAT_BLOCK << 32, &e, err);

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
	int r = packed_cached_get(c, packed_cached_place(block, group),
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
	int r = packed_cached_get(c, packed_cached_place(block, group),
				  (uint64_t)WHAT_FORMS << 32, &e, err);

	if (r == 0)
		*out = &e->column;
	return r;
}

int
packed_cache_chunk(struct packed_cache *c, uint32_t block, uint32_t group,
		   uint32_t column, struct packed_chunk *out, struct tape_error *err)
{
	struct packed_cached *e = NULL;
	int r = packed_cached_get(c, packed_cached_place(block, group),
				  (uint64_t)WHAT_CHUNK << 32 | column, &e, err);

	if (r == 0)
		*out = (struct packed_chunk){ &e->column, e->ranks };
	return r;
}
