/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the contents of one block bring to an index: fingerprints, referrers,
 * and the rows of the values of columns that have few of them.
 */
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/index_io.h"

#define SLOTS 512u /* twice the values, a power of two */
#define LEAST_BYTES 64u

/* A column as far as the block was read. */
struct gathered {
	uint32_t column;
	uint32_t count;	  /* of distinct values */
	uint32_t used;	  /* of contents that have it */
	bool dead;	  /* there are more values than that */
	uint8_t last;	  /* value of the content before */
	uint16_t *rows;	  /* [used] content rows, */
	uint8_t *which;	  /* [used] and the value of each */
	uint16_t *slots;  /* [SLOTS] value + 1 by hash */
	uint32_t *ends;	  /* [INDEX_VALUES_MAX] of values */
	uint32_t *counts; /* [INDEX_VALUES_MAX + 1] */
	uint32_t cap;
	struct pack_bytes values;
};

struct index_gather {
	struct gathered **columns; /* [INDEX_COLUMNS], made when first met */
	uint32_t *met;		   /* those of the block at hand */
	uint32_t met_count;
	uint16_t *lists; /* [BLOCK_ROWS] rows by value */
	struct pack_bytes raw, chunk, table;
};

static int
no_memory(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for an index");
}

struct index_gather *
index_gather_new(void)
{
	struct index_gather *g = calloc(1, sizeof *g);

	if (g == NULL)
		return NULL;
	g->columns = calloc(INDEX_COLUMNS, sizeof(*g->columns));
	g->met = malloc(INDEX_COLUMNS * sizeof *g->met);
	g->lists = malloc(BLOCK_ROWS * sizeof *g->lists);
	if (g->columns == NULL || g->met == NULL || g->lists == NULL) {
		index_gather_free(g);
		return NULL;
	}
	return g;
}

static void
free_column(struct gathered *c)
{
	if (c == NULL)
		return;
	free(c->rows);
	free(c->which);
	free(c->slots);
	free(c->ends);
	free(c->counts);
	pack_bytes_release(&c->values);
	free(c);
}

void
index_gather_free(struct index_gather *g)
{
	if (g == NULL)
		return;
	for (uint32_t i = 0; g->columns != NULL && i < INDEX_COLUMNS; i++)
		free_column(g->columns[i]);
	free(g->columns);
	free(g->met);
	free(g->lists);
	pack_bytes_release(&g->raw);
	pack_bytes_release(&g->chunk);
	pack_bytes_release(&g->table);
	free(g);
}

/* ---- gathering ---- */

static struct gathered *
new_column(struct index_gather *g, uint32_t number)
{
	struct gathered *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->column = number;
	c->slots = malloc(SLOTS * sizeof *c->slots);
	c->ends = malloc(INDEX_VALUES_MAX * sizeof *c->ends);
	c->counts = malloc((INDEX_VALUES_MAX + 1) * sizeof *c->counts);
	if (c->slots == NULL || c->ends == NULL || c->counts == NULL) {
		free_column(c);
		return NULL;
	}
	g->columns[number] = c;
	return c;
}

/* Begins a column in the block at hand. */
static struct gathered *
meet(struct index_gather *g, uint32_t number)
{
	struct gathered *c = g->columns[number];

	if (c == NULL)
		c = new_column(g, number);
	if (c == NULL)
		return NULL;
	c->count = c->used = 0;
	c->dead = false;
	c->values.len = 0;
	memset(c->slots, 0, SLOTS * sizeof *c->slots);
	memset(c->counts, 0, (INDEX_VALUES_MAX + 1) * sizeof *c->counts);
	g->met[g->met_count++] = number;
	return c;
}

static uint32_t
slot_of(const uint8_t *value, size_t len)
{
	uint64_t h = len;

	for (; len >= 8; value += 8, len -= 8)
		h = (h ^ get_le64(value)) * UINT64_C(0x9e3779b97f4a7c15);
	for (; len > 0; value++, len--)
		h = (h ^ *value) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(h >> 48) % SLOTS;
}

static bool
value_is(const struct gathered *c, uint32_t which, const uint8_t *value, size_t len)
{
	uint32_t from = which == 0 ? 0 : c->ends[which - 1];

	return c->ends[which] - from == len &&
	       memcmp(c->values.data + from, value, len) == 0;
}

/* Number of a value, a new one if need be; -1 = too many, -2 = no memory. */
static int
number_value(struct gathered *c, const uint8_t *value, size_t len)
{
	uint32_t at = slot_of(value, len);

	while (c->slots[at] != 0 && !value_is(c, c->slots[at] - 1u, value, len))
		at = (at + 1) % SLOTS;
	if (c->slots[at] != 0)
		return c->slots[at] - 1;
	if (c->count == INDEX_VALUES_MAX)
		return -1;
	if (pack_bytes_add(&c->values, value, len) != 0)
		return -2;
	c->ends[c->count] = (uint32_t)c->values.len;
	c->slots[at] = (uint16_t)++c->count;
	return (int)c->count - 1;
}

static int
more_rows(struct gathered *c)
{
	uint32_t cap = c->cap == 0 ? 1024 : c->cap * 2;
	uint16_t *rows = realloc(c->rows, cap * sizeof *rows);
	uint8_t *which;

	c->rows = rows == NULL ? c->rows : rows;
	which = realloc(c->which, cap);
	c->which = which == NULL ? c->which : which;
	if (rows == NULL || which == NULL)
		return TAPE_ERR_NOMEM;
	c->cap = cap;
	return 0;
}

static int
add_value(struct gathered *c, uint32_t row, const uint8_t *value, size_t len)
{
	int which = c->last;

	if (c->used == 0 || !value_is(c, (uint32_t)which, value, len))
		which = number_value(c, value, len);
	if (which == -2)
		return TAPE_ERR_NOMEM;
	if (which < 0) {
		c->dead = true;
		return 0;
	}
	if (c->used == c->cap && more_rows(c) != 0)
		return TAPE_ERR_NOMEM;
	c->last = (uint8_t)which;
	c->rows[c->used] = (uint16_t)row;
	c->which[c->used++] = (uint8_t)which;
	c->counts[which]++;
	return 0;
}

static inline int
take_value(struct index_gather *g, uint8_t *seen, uint32_t number, uint32_t row,
	   const uint8_t *value, size_t len)
{
	struct gathered *c;

	if (number >= INDEX_COLUMNS)
		return 0;
	c = g->columns[number];
	if ((seen[number / 8] >> number % 8 & 1) == 0) {
		c = meet(g, number);
		if (c == NULL)
			return TAPE_ERR_NOMEM;
		seen[number / 8] |= (uint8_t)(1u << number % 8);
	}
	return c->dead ? 0 : add_value(c, row, value, len);
}

/* ---- contents ---- */

struct walk {
	struct index_gather *g;
	const struct scopepack *p;
	uint8_t seen[INDEX_COLUMNS / 8];
	struct pack_bytes *referrers;
};

/* Values of variable width, whole entries; those of more than 64 bytes refer to a blob. */
static int
take_entries(struct walk *w, const struct form *form, const struct block_content *c,
	     uint32_t row, uint64_t ordinal)
{
	const uint8_t *at = c->canonical + form->fixed_bytes,
		      *end = c->canonical + c->len;
	const uint32_t *columns = w->p->form_columns[form->number];
	int r = 0;

	for (uint32_t i = form->fixed_count; i < form->var_count && r == 0; i++) {
		uint32_t v = form->canonical[i];
		struct body_entry e;

		if (body_canonical_entry(&form->vars[v], at, end, &e) != 0)
			return TAPE_ERR_DAMAGED;
		r = take_value(w->g, w->seen, columns[v], row, at, (size_t)(e.next - at));
		if (r == 0 && e.size > 64) {
			struct index_pair pair = index_pair_make(e.content, ordinal);

			r = pack_bytes_add(w->referrers, &pair, sizeof pair);
		}
		at = e.next;
	}
	return r == 0 && at != end ? TAPE_ERR_DAMAGED : r;
}

static int
take_content(struct walk *w, const struct block_content *c, uint32_t row,
	     uint64_t ordinal)
{
	const struct form *form = &w->p->forms[c->form];
	const uint32_t *columns = w->p->form_columns[c->form];
	int r = 0;

	if (c->len < form->fixed_bytes)
		return TAPE_ERR_DAMAGED;
	for (uint32_t i = 0; i < form->fixed_count && r == 0; i++) {
		uint32_t v = form->canonical[i];
		unsigned width = scopepack_width(form->vars[v].type);

		if (width != 0)
			r = take_value(w->g, w->seen, columns[v], row,
				       c->canonical + form->vars[v].offset, width);
	}
	return r == 0 ? take_entries(w, form, c, row, ordinal) : r;
}

/* ---- sections ---- */

/* Rows of each value one behind the other in g->lists; false = their bitmaps are too long. */
static bool
list_rows(struct index_gather *g, struct gathered *c, uint32_t rows, uint32_t *starts)
{
	size_t bytes = 0, most = c->used / 2;
	uint32_t at = 0;

	for (uint32_t i = 0; i < c->count; i++) {
		starts[i] = at;
		at += c->counts[i];
	}
	for (uint32_t i = 0; i < c->used; i++)
		g->lists[starts[c->which[i]]++] = c->rows[i];
	for (uint32_t i = 0; i < c->count; i++) {
		starts[i] -= c->counts[i];
		bytes += bitmap_list_bytes(g->lists + starts[i], c->counts[i], rows);
	}
	return bytes <= (most < LEAST_BYTES ? LEAST_BYTES : most);
}

/* Plainly, whatever else would be shorter: it does not depend on a compressor then. */
static int
put_chunk(struct gathered *c, unsigned width, struct pack_bytes *chunk)
{
	size_t lengths = width == 0 ? 4 + 8 + 4 * (size_t)c->count : 0;
	uint8_t *at;

	chunk->len = 0;
	if (pack_bytes_reserve(chunk, 8 + lengths) != 0)
		return TAPE_ERR_NOMEM;
	at = chunk->data;
	memset(at, 0, 8 + lengths);
	at[0] = width == 0 ? COLUMN_TEXT : COLUMN_PLAIN;
	at[1] = (uint8_t)width;
	put_le32(at + 4, c->count);
	if (width == 0) {
		put_le32(at + 8, 8 + 4 * c->count);
		at[12] = COLUMN_PLAIN;
		at[13] = 4;
		put_le32(at + 16, c->count);
	}
	for (uint32_t i = 0; width == 0 && i < c->count; i++)
		put_le32(at + 20 + 4 * (size_t)i,
			 c->ends[i] - (i == 0 ? 0 : c->ends[i - 1]));
	chunk->len = 8 + lengths;
	return pack_bytes_add(chunk, c->values.data, c->values.len);
}

/* 1 = g->raw has it, 0 = the column is not worth it, negative = no memory. */
static int
lay_out(struct index_gather *g, struct gathered *c, unsigned width, uint32_t rows,
	struct tape_error *err)
{
	uint32_t starts[INDEX_VALUES_MAX + 1];
	struct varint_out out = { &g->raw, false };
	int r;

	if (c->dead || !list_rows(g, c, rows, starts))
		return 0;
	g->raw.len = 0;
	r = put_chunk(c, width, &g->chunk);
	varint_put(&out, c->count);
	varint_put_text(&out, g->chunk.data, g->chunk.len);
	for (uint32_t i = 0; i < c->count && r == 0; i++)
		r = bitmap_encode_list(g->lists + starts[i], c->counts[i], rows, &g->raw);
	return r == 0 && !out.failed ? 1 : no_memory(err);
}

static int
by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int
put_columns(struct index_gather *g, const struct scopepack *p, struct pack_codec *codec,
	    const struct block_all *all, struct pack_bytes *made, uint32_t *count,
	    struct tape_error *err)
{
	struct varint_out out = { &g->table, false };
	uint32_t before = 0;

	for (uint32_t i = 0; i < g->met_count; i++) {
		struct gathered *c = g->columns[g->met[i]];
		size_t from = made->len;
		int r = lay_out(g, c, scopepack_width(p->columns[c->column].type),
				all->content_count, err);

		if (r == 0)
			continue;
		if (r > 0)
			r = pack_section_make(codec, 0, INDEX_VALUES, all->block.number,
					      c->column + 1, g->raw.data, g->raw.len,
					      made, err);
		if (r != 0)
			return r;
		varint_put(&out, c->column - before);
		varint_put(&out, made->len - from);
		before = c->column;
		++*count;
	}
	return out.failed ? no_memory(err) : 0;
}

static int
put_values(struct index_gather *g, const struct scopepack *p, struct pack_codec *codec,
	   const struct block_all *all, struct pack_bytes *made, uint32_t *table,
	   struct tape_error *err)
{
	struct varint_out out = { &g->raw, false };
	uint32_t count = 0;
	size_t from;
	int r;

	qsort(g->met, g->met_count, sizeof *g->met, by_number);
	g->table.len = 0;
	*table = 0;
	r = put_columns(g, p, codec, all, made, &count, err);
	if (r != 0 || count == 0)
		return r;
	from = made->len;
	g->raw.len = 0;
	varint_put(&out, all->content_count);
	varint_put(&out, count);
	varint_put_bytes(&out, g->table.data, g->table.len);
	if (out.failed)
		return no_memory(err);
	r = pack_section_make(codec, 0, INDEX_VALUES, all->block.number, 0, g->raw.data,
			      g->raw.len, made, err);
	*table = (uint32_t)(made->len - from);
	return r;
}

int
index_gather_block(struct index_gather *g, const struct scopepack *p,
		   struct pack_codec *codec, const struct block_all *all,
		   struct pack_bytes *made, uint32_t *table, struct pack_bytes *pairs,
		   struct pack_bytes *referrers, struct tape_error *err)
{
	const struct scopepack_block_info *info = &p->blocks[all->block.number];
	struct walk w = { .g = g, .p = p, .referrers = referrers };
	int r = 0;

	g->met_count = 0;
	if (pack_bytes_reserve(pairs, all->content_count * sizeof(struct index_pair)) !=
	    0)
		return no_memory(err);
	for (uint32_t i = 0; i < all->content_count && r == 0; i++) {
		const struct block_content *c = &all->contents[i];
		struct tape_hash hash =
			body_hash(&p->forms[c->form], c->canonical, c->len);
		struct index_pair pair =
			index_pair_make(hash.byte, info->first_content + i);

		r = take_content(&w, c, i, info->first_content + i);
		if (r == 0)
			r = pack_bytes_add(pairs, &pair, sizeof pair);
	}
	if (r == TAPE_ERR_DAMAGED)
		return error_set(err, r, p->pack.file, info->start,
				 "a content does not fit its form; restore the file from "
				 "a copy");
	if (r != 0)
		return no_memory(err);
	return put_values(g, p, codec, all, made, table, err);
}
