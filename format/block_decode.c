/* SPDX-License-Identifier: Apache-2.0 */
/* A whole block back into rows and contents: for verifying, indexing, checking. */
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/le.h"
#include "format/scopepack.h"

static int
no_memory(const struct scopepack *p, struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, p->pack.file, 0,
			 "no memory for a block of scopes");
}

static void
put_row(struct block_row *row, enum row_column which, const uint8_t *at)
{
	switch (which) {
	case ROWS_SESSION:
		row->session = get_le32(at);
		break;
	case ROWS_SEQ:
		row->seq = get_le64(at);
		break;
	case ROWS_TIME:
		row->time = (int64_t)get_le64(at);
		break;
	case ROWS_FORM:
		row->form = get_le32(at);
		break;
	case ROWS_KIND:
		row->kind = at[0];
		break;
	case ROWS_TARGET:
		row->target = get_le64(at);
		break;
	default:
		row->content = get_le64(at);
		break;
	}
}

static int
decode_rows(const struct scopepack *p, struct pack_codec *codec, struct block_all *all,
	    struct tape_error *err)
{
	static const uint8_t widths[ROWS_COLUMNS] = { 4, 8, 8, 4, 1, 8, 8 };

	memset(all->rows, 0, all->row_count * sizeof *all->rows);
	for (uint32_t g = 0; g < all->block.rows_groups; g++)
		for (unsigned w = 0; w < ROWS_COLUMNS; w++) {
			struct block_row *rows = all->rows + all->block.rows[g].first;
			struct column c;
			int r = scopepack_rows_read(p, codec, &all->block, g,
						    (enum row_column)w, &all->memory, &c,
						    NULL, err);

			if (r != 0)
				return r;
			for (uint32_t i = 0; i < c.count; i++)
				put_row(&rows[i], (enum row_column)w,
					c.values + (size_t)i * widths[w]);
		}
	for (uint32_t i = 0; i < all->row_count; i++) {
		struct block_row *row = &all->rows[i];

		row->target = row->kind >= ROW_LINK ? row->seq - row->target : 0;
	}
	return 0;
}

/* ---- contents ---- */

/* Columns of a group, decoded, and how far each was used. */
struct used {
	struct column_memory memory;
	struct column values;
	uint32_t at;
};

static int
decode_columns(const struct scopepack *p, struct pack_codec *codec, struct block_all *all,
	       uint32_t group, struct tape_error *err)
{
	const struct block_group *g = &all->block.groups[group];
	int r = 0;

	if (all->used_cap < g->chunk_count) {
		struct used *more = realloc(all->used, g->chunk_count * sizeof *more);

		if (more == NULL)
			return no_memory(p, err);
		memset(more + all->used_cap, 0,
		       (g->chunk_count - all->used_cap) * sizeof *more);
		all->used = more;
		all->used_cap = g->chunk_count;
	}
	for (uint32_t i = 0; i < g->chunk_count && r == 0; i++) {
		all->used[i].at = 0;
		r = scopepack_chunk_read(p, codec, &all->block, group, &g->chunks[i],
					 &all->used[i].memory, &all->used[i].values, NULL,
					 err);
	}
	return r;
}

static int
damaged(const struct scopepack *p, const struct block_all *all, struct tape_error *err)
{
	return error_set(err, TAPE_ERR_DAMAGED, p->pack.file,
			 p->blocks[all->block.number].start,
			 "the columns of a block do not fit its forms");
}

static struct used *
column_of(const struct scopepack *p, struct block_all *all, const struct block_group *g,
	  uint32_t form, uint32_t var)
{
	const struct block_chunk *c = block_group_chunk(g, p->form_columns[form][var]);
	struct used *u;

	if (c == NULL)
		return NULL;
	u = &all->used[c - g->chunks];
	return u->at < u->values.count ? u : NULL;
}

static int
decode_content(const struct scopepack *p, struct block_all *all,
	       const struct block_group *g, uint32_t number, struct tape_error *err)
{
	const struct form *form = &p->forms[number];
	size_t at = all->arena.len;

	if (pack_bytes_reserve(&all->arena, form->fixed_bytes) != 0)
		return no_memory(p, err);
	all->arena.len += form->fixed_bytes;
	for (uint32_t i = 0; i < form->var_count; i++) {
		uint32_t v = form->canonical[i];
		unsigned width = scopepack_width(form->vars[v].type);
		struct used *u;
		uint32_t from;

		if (form->vars[v].type == TAPE_NULL)
			continue;
		u = column_of(p, all, g, number, v);
		if (u == NULL)
			return damaged(p, all, err);
		if (width != 0) {
			memcpy(all->arena.data + at + form->vars[v].offset,
			       u->values.values + (size_t)u->at * width, width);
		} else {
			from = u->at == 0 ? 0 : u->values.ends[u->at - 1];
			if (pack_bytes_add(&all->arena, u->values.values + from,
					   u->values.ends[u->at] - from) != 0)
				return no_memory(p, err);
		}
		u->at++;
	}
	return 0;
}

static int
decode_group(const struct scopepack *p, struct pack_codec *codec, struct block_all *all,
	     uint32_t group, struct tape_error *err)
{
	const struct block_group *g = &all->block.groups[group];
	struct column forms;
	int r = scopepack_group_forms(p, codec, &all->block, group, &all->memory, &forms,
				      NULL, err);

	if (r == 0)
		r = decode_columns(p, codec, all, group, err);
	for (uint32_t i = 0; i < g->count && r == 0; i++) {
		struct block_content *c = &all->contents[g->first + i];
		size_t from = all->arena.len;

		c->form = get_le32(forms.values + 4 * (size_t)i);
		r = decode_content(p, all, g, c->form, err);
		c->len = (uint32_t)(all->arena.len - from);
		/* The arena may still move: until the end an offset is kept. */
		all->starts[g->first + i] = from;
	}
	for (uint32_t i = 0; i < g->chunk_count && r == 0; i++)
		if (all->used[i].at != all->used[i].values.count)
			r = damaged(p, all, err);
	return r;
}

static int
begin(const struct scopepack *p, struct pack_codec *codec, uint32_t number,
      struct block_all *all, struct tape_error *err)
{
	int r = scopepack_block_read(p, codec, number, &all->block, NULL, err);

	if (all->rows == NULL) {
		all->rows = malloc(BLOCK_ROWS * sizeof *all->rows);
		all->contents = malloc(BLOCK_ROWS * sizeof *all->contents);
		all->starts = malloc(BLOCK_ROWS * sizeof *all->starts);
	}
	if (all->rows == NULL || all->contents == NULL || all->starts == NULL)
		return no_memory(p, err);
	if (r != 0)
		return r;
	all->row_count = p->blocks[number].rows;
	all->content_count = p->blocks[number].contents;
	all->arena.len = 0;
	return 0;
}

int
block_decode_contents(const struct scopepack *p, struct pack_codec *codec,
		      uint32_t number, uint32_t group, struct block_all *all,
		      struct tape_error *err)
{
	int r = begin(p, codec, number, all, err);
	const struct block_group *g = &all->block.groups[group];

	if (r == 0 && group >= all->block.group_count)
		return damaged(p, all, err);
	if (r == 0)
		r = decode_group(p, codec, all, group, err);
	for (uint32_t i = g->first; r == 0 && i < g->first + g->count; i++)
		all->contents[i].canonical = all->arena.data + all->starts[i];
	return r;
}

int
block_decode(const struct scopepack *p, struct pack_codec *codec, uint32_t number,
	     struct block_all *all, struct tape_error *err)
{
	int r = begin(p, codec, number, all, err);

	if (r == 0)
		r = decode_rows(p, codec, all, err);
	for (uint32_t g = 0; g < all->block.group_count && r == 0; g++)
		r = decode_group(p, codec, all, g, err);
	for (uint32_t i = 0; i < all->content_count && r == 0; i++)
		all->contents[i].canonical = pack_bytes_at(&all->arena, all->starts[i]);
	return r;
}

void
block_all_release(struct block_all *all)
{
	for (uint32_t i = 0; i < all->used_cap; i++)
		column_memory_release(&all->used[i].memory);
	free(all->used);
	scopepack_block_release(&all->block);
	column_memory_release(&all->memory);
	pack_bytes_release(&all->arena);
	free(all->rows);
	free(all->contents);
	free(all->starts);
	memset(all, 0, sizeof *all);
}
