/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of which one row, or one look, is wanted: they are kept once somebody wants more. */
#include "search/packed_one.h"

#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/le.h"
#include "format/os.h"
#include "search/packed_cached.h"
#include "search/reader.h"
#include "search/snapshot.h"

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

/* ---- in passing ---- */

/* Decoded where everything is, and only remembered as met. NULL: it cannot be read so. */
static struct packed_cached *
pass(struct packed_cache *c, uint64_t place, enum row_column which, struct column *out)
{
	uint32_t block = (uint32_t)(place >> 8), group = place & 0xff;
	struct tape_read_stats *stats = &c->set->reader->stats;
	const struct scopepack_block *b = NULL;
	struct packed_cached *e;
	uint64_t before;
	int64_t began;
	int r = packed_cache_block(c, block, &b, NULL);

	if (r != 0 || group >= b->rows_groups)
		return NULL;
	before = c->set->read_bytes;
	began = os_monotonic_ns();
	c->scratch.scratch[2].len = 0;
	r = scopepack_rows_read(&c->of->scopes, c->set->codec, b, group, which,
				&c->scratch, out, &c->set->read_bytes, NULL);
	packed_cached_count(c, before, c->scratch.scratch[2].len,
			    &stats->occurrence_columns);
	stats->read_ns += os_monotonic_ns() - began;
	e = r == 0 ? calloc(1, sizeof *e) : NULL;
	if (e == NULL)
		return NULL;
	e->place = place;
	e->what = (uint64_t)WHAT_ROWS << 32 | (uint32_t)which;
	e->one = true;
	e->row = UINT32_MAX;
	packed_cached_keep(c, e);
	return e;
}

int
packed_one_pass(struct packed_cache *c, uint32_t block, uint32_t group,
		enum row_column which, struct column *out, struct tape_error *err)
{
	uint64_t place = packed_cached_place(block, group);
	uint64_t what = (uint64_t)WHAT_ROWS << 32 | (uint32_t)which;
	struct packed_cached *e = packed_cached_look(c, place, what);
	int r;

	if (e == NULL && pass(c, place, which, out) != NULL)
		return 0;
	r = packed_cached_get(c, place, what, &e, err);
	if (r == 0)
		*out = e->column;
	return r;
}

int
packed_one_scan(struct packed_cache *c, uint32_t block, uint32_t group,
		const uint64_t *refs, size_t ref_count, uint16_t *rows, uint32_t *count,
		struct tape_error *err)
{
	uint64_t place = packed_cached_place(block, group);
	uint64_t what = (uint64_t)WHAT_ROWS << 32 | ROWS_CONTENT;
	struct packed_cached *e = packed_cached_look(c, place, what);
	struct column column = { 0 };
	int r = 0;

	if (e == NULL)
		e = pass(c, place, ROWS_CONTENT, &column);
	else
		r = packed_cached_get(c, place, what, &e, err);
	if (e == NULL)
		r = packed_cached_get(c, place, what, &e, err);
	if (r != 0)
		return r;
	*count = rows_with(e->one ? &column : &e->column, refs, ref_count, rows);
	/* Whoever shows the first row asks for its reference. */
	if (e->one && *count != 0 &&
	    pack_bytes_add(&e->value, column.values + 8 * (size_t)rows[0], 8) == 0)
		e->row = rows[0];
	return 0;
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
packed_one_row(struct packed_cache *c, uint32_t block, uint32_t group,
	       enum row_column which, uint32_t row, uint64_t *out, struct tape_error *err)
{
	struct packed_cached *e = NULL;
	int r = packed_cached_one(c, packed_cached_place(block, group),
				  (uint64_t)WHAT_ROWS << 32 | (uint32_t)which, row, &e,
				  err);

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
packed_one_form(struct packed_cache *c, uint32_t block, uint32_t group, uint32_t row,
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
		r = packed_cached_one(c, packed_cached_place(block, group), what, row, &e,
				      err);
	else
		r = packed_cached_get(c, packed_cached_place(block, group), what, &e,
				      err);
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

/* Counts rows of each form before a row, and in all of the group; the columns of a content are asked for one by one. */
static int
count_before(struct packed_cache *c, uint64_t place, uint32_t row, struct tape_error *err)
{
	const struct column *forms = NULL;
	uint32_t *in_group;
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
	c->before = calloc(c->of->scopes.form_count + 1u, 2 * sizeof *c->before);
	if (c->before == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a column");
	in_group = c->before + c->of->scopes.form_count + 1u;
	for (uint32_t i = 0; i < row; i++)
		c->before[get_le32(forms->values + 4 * (size_t)i)]++;
	memcpy(in_group, c->before, (c->of->scopes.form_count + 1u) * sizeof *in_group);
	for (uint32_t i = row; i < forms->count; i++)
		in_group[get_le32(forms->values + 4 * (size_t)i)]++;
	c->before_place = place;
	c->before_row = row;
	c->before_known = true;
	return 0;
}

/* The same for one column, where there are fewer rows than forms. */
static int
count_rows(struct packed_cache *c, uint64_t place, uint32_t column, uint32_t row,
	   uint32_t *before, uint32_t *in_group, struct tape_error *err)
{
	const struct column *forms = NULL;
	uint32_t last = 0;
	bool has = false;
	int r = packed_cache_forms(c, (uint32_t)(place >> 8), place & 0xff, &forms, err);

	if (r == 0 && row >= forms->count)
		r = beyond(c, (uint32_t)(place >> 8), err);
	if (r != 0)
		return r;
	*before = *in_group = 0;
	for (uint32_t i = 0; i < forms->count; i++) {
		uint32_t form = get_le32(forms->values + 4 * (size_t)i);

		if (form != last)
			has = form_has(&c->of->scopes, form, column);
		last = form;
		*in_group += has;
		*before += has && i < row;
	}
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
	const uint32_t *in_group;
	uint32_t values, rows = 0;
	int r = packed_cache_block(c, block, &b, err);

	*at = row;
	if (r == 0 && group < b->group_count)
		chunk = block_group_chunk(&b->groups[group], column);
	if (r != 0 || chunk == NULL || chunk->count == b->groups[group].count)
		return r;
	values = chunk->count; /* reading the forms may drop the header */
	if (p->form_count > b->groups[group].count) {
		r = count_rows(c, packed_cached_place(block, group), column, row, at,
			       &rows, err);
		if (r != 0)
			return r;
		return rows == values ? 0 : packed_cached_uneven(c, values, rows, err);
	}
	r = count_before(c, packed_cached_place(block, group), row, err);
	if (r != 0)
		return r;
	*at = 0;
	in_group = c->before + p->form_count + 1u;
	for (uint32_t f = 1; f <= p->form_count; f++)
		if (in_group[f] != 0 && form_has(p, f, column)) {
			*at += c->before[f];
			rows += in_group[f];
		}
	return rows == values ? 0 : packed_cached_uneven(c, values, rows, err);
}

int
packed_one_value(struct packed_cache *c, uint32_t block, uint32_t group, uint32_t column,
		 uint32_t row, struct pack_bytes *to, struct tape_error *err)
{
	uint64_t place = packed_cached_place(block, group),
		 what = (uint64_t)WHAT_CHUNK << 32 | column;
	struct packed_cached *e = packed_cached_look(c, place, what);
	uint32_t at = row, from;
	int r = 0;

	if (e != NULL && !e->one) {
		r = packed_cached_get(c, place, what, &e, err);
	} else {
		r = value_index(c, block, group, column, row, &at, err);
		if (r == 0)
			r = packed_cached_one(c, place, what, at, &e, err);
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
