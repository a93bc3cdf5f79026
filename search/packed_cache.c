/* SPDX-License-Identifier: Apache-2.0 */
#include "search/packed_cache.h"

#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/os.h"
#include "search/reader.h"
#include "search/snapshot.h"

#define CACHE_BYTES ((size_t)160 << 20)
#define SLOTS 16384u /* a power of two */
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
	struct tape_error *why;
	struct scopepack_block block;
	struct column column;
	struct column_memory memory;
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
	c->slots = calloc(SLOTS, sizeof *c->slots);
	c->slot_count = SLOTS;
	if (c->slots == NULL) {
		free(c);
		return NULL;
	}
	return c;
}

static void
free_cached(struct packed_cached *e)
{
	scopepack_block_release(&e->block);
	column_memory_release(&e->memory);
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
	if (c != NULL)
		free(c->slots);
	free(c);
}

static struct packed_cached **
slot_of(struct packed_cache *c, uint64_t place, uint64_t what)
{
	uint64_t h = (place ^ what * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;

	return &c->slots[(h >> 40) & (c->slot_count - 1)];
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
drop_oldest(struct packed_cache *c)
{
	struct packed_cached *e = c->oldest;
	struct packed_cached **at = slot_of(c, e->place, e->what);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	unlink_use(c, e);
	c->bytes -= e->bytes;
	c->count--;
	c->dropped++;
	free_cached(e);
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
count(struct packed_cache *c, uint64_t before, size_t raw, uint64_t *kind)
{
	struct tape_read_stats *s = &c->set->reader->stats;

	if (c->set->read_bytes == before)
		return;
	s->sections++;
	s->section_bytes += c->set->read_bytes - before;
	s->raw_bytes += raw;
	++*kind;
}

static int
read_chunk(struct packed_cache *c, struct packed_cached *e, uint32_t number,
	   uint32_t group, uint32_t column, struct tape_error *err)
{
	const struct scopepack_block *block = NULL;
	const struct block_chunk *chunk = NULL;
	const struct column *forms = NULL;
	uint64_t before;
	int r = packed_cache_forms(c, number, group, &forms, err);

	if (r == 0)
		r = packed_cache_block(c, number, &block, err);
	if (r != 0)
		return r;
	chunk = block_group_chunk(&block->groups[group], column);
	if (chunk == NULL)
		return no_such(c, number, "a column", err);
	before = c->set->read_bytes;
	r = scopepack_chunk_read(&c->of->scopes, c->set->codec, block, group, chunk,
				 &e->memory, &e->column, &c->set->read_bytes, err);
	count(c, before, e->memory.scratch[2].len,
	      &c->set->reader->stats.content_columns);
	if (r != 0 || e->column.count == forms->count)
		return r;
	return make_ranks(c, e, column, forms, err);
}

static int
read_columns(struct packed_cache *c, struct packed_cached *e, enum what what,
	     struct tape_error *err)
{
	uint32_t number = (uint32_t)(e->place >> 8), group = e->place & 0xff;
	uint32_t column = (uint32_t)e->what;
	struct tape_read_stats *stats = &c->set->reader->stats;
	const struct scopepack *p = &c->of->scopes;
	const struct scopepack_block *block = NULL;
	uint64_t before;
	int r = packed_cache_block(c, number, &block, err);

	if (r != 0)
		return r;
	if (group >= (what == WHAT_ROWS ? block->rows_groups : block->group_count))
		return no_such(c, number, "a group of rows", err);
	before = c->set->read_bytes;
	switch (what) {
	case WHAT_ROWS:
		r = scopepack_rows_read(p, c->set->codec, block, group,
					(enum row_column)column, &e->memory, &e->column,
					&c->set->read_bytes, err);
		count(c, before, e->memory.scratch[2].len, &stats->occurrence_columns);
		return r;
	case WHAT_FORMS:
		r = scopepack_group_forms(p, c->set->codec, block, group, &e->memory,
					  &e->column, &c->set->read_bytes, err);
		count(c, before, e->memory.scratch[2].len, &stats->content_columns);
		return r;
	default:
		return read_chunk(c, e, number, group, column, err);
	}
}

static int
read_it(struct packed_cache *c, struct packed_cached *e, struct tape_error *err)
{
	struct tape_read_stats *stats = &c->set->reader->stats;
	enum what what = (enum what)(e->what >> 32);
	uint64_t before = c->set->read_bytes;
	int64_t began;
	int r;

	/* A chunk may need forms first: only what is not nested in another is timed. */
	began = c->depth++ == 0 ? os_monotonic_ns() : 0;
	if (what == WHAT_BLOCK) {
		r = scopepack_block_read(&c->of->scopes, c->set->codec,
					 (uint32_t)(e->place >> 8), &e->block,
					 &c->set->read_bytes, err);
		count(c, before, e->block.raw.len, &stats->headers);
	} else {
		r = read_columns(c, e, what, err);
	}
	if (--c->depth == 0)
		stats->read_ns += os_monotonic_ns() - began;
	return r;
}

static size_t
bytes_of(const struct packed_cached *e)
{
	return sizeof *e + e->memory.values.cap + e->memory.ends.cap +
	       e->memory.scratch[0].cap + e->memory.scratch[1].cap +
	       e->memory.scratch[2].cap +
	       e->block.chunk_cap * sizeof(struct block_chunk) + e->block.raw.cap +
	       (e->ranks == NULL ? 0 : (size_t)GROUP_ROWS * sizeof *e->ranks);
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

static int
add(struct packed_cache *c, uint64_t place, uint64_t what, struct packed_cached **out,
    struct tape_error *err)
{
	struct packed_cached *e = calloc(1, sizeof *e);
	struct packed_cached **slot = slot_of(c, place, what);
	struct tape_error why = { 0 };

	if (e == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a column");
	e->place = place;
	e->what = what;
	e->status = read_it(c, e, &why);
	if (e->status != 0 && keep_failure(e, e->status, &why) != 0) {
		int status = e->status;

		free_cached(e);
		if (err != NULL)
			*err = why;
		return status;
	}
	/* What decoding needed is not needed any more. */
	for (size_t i = 0; i < sizeof e->memory.scratch / sizeof e->memory.scratch[0];
	     i++)
		pack_bytes_release(&e->memory.scratch[i]);
	e->bytes = bytes_of(e);
	while (c->count > KEPT && c->bytes + e->bytes > c->most)
		drop_oldest(c);
	e->next = *slot;
	*slot = e;
	link_use(c, e);
	c->bytes += e->bytes;
	c->count++;
	*out = e;
	return 0;
}

static int
get(struct packed_cache *c, uint64_t place, uint64_t what, struct packed_cached **out,
    struct tape_error *err)
{
	struct packed_cached *e = *slot_of(c, place, what);
	int r = 0;

	while (e != NULL && (e->place != place || e->what != what))
		e = e->next;
	if (e == NULL)
		r = add(c, place, what, &e, err);
	else if (e != c->newest) {
		unlink_use(c, e);
		link_use(c, e);
	}
	if (r != 0)
		return r;
	if (e->status != 0 && err != NULL)
		*err = *e->why;
	*out = e;
	return e->status;
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
		*out = &e->block;
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
