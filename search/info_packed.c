/* SPDX-License-Identifier: Apache-2.0 */
/* What an inventory says of generations as such. */
#include <string.h>

#include "search/generations.h"
#include "search/info_table.h"
#include "search/reader.h"

/* Values of a column before they are encoded; texts and arrays, of which no width is known, as they are encoded. */
static int
chunk_values(const struct scopepack *p, const struct block_chunk *c, uint64_t *bytes,
	     struct tape_error *why)
{
	unsigned width = scopepack_width(p->columns[c->column].type);
	uint64_t offset = c->offset;
	struct pack_section section;
	int r = 1;

	if (width != 0) {
		*bytes += (uint64_t)c->count * width;
	} else if (c->bytes & BLOCK_INLINE) {
		*bytes += c->bytes & ~BLOCK_INLINE;
	} else {
		r = pack_section_next(&p->pack, &offset, &section, why);
		*bytes += r == 1 ? section.raw : 0;
	}
	return r < 0 ? r : 0;
}

/* What is left of all scopes when repeats count once. */
static int
count_values(const struct generations *set, const struct scopepack *p, uint64_t *bytes,
	     struct tape_error *why)
{
	struct scopepack_block b = { 0 };
	uint64_t row = 0;
	int r = 0;

	for (unsigned c = 0; c < ROWS_COLUMNS; c++)
		row += scopepack_row_widths[c];
	for (uint32_t i = 0; r == 0 && i < p->block_count; i++) {
		r = scopepack_block_read(p, set->codec, i, &b, NULL, why);
		if (r != 0)
			break;
		*bytes += (uint64_t)p->blocks[i].rows * row +
			  (uint64_t)p->blocks[i].contents * 4;
		for (uint32_t g = 0; r == 0 && g < b.group_count; g++)
			for (uint32_t c = 0; r == 0 && c < b.groups[g].chunk_count; c++)
				r = chunk_values(p, &b.groups[g].chunks[c], bytes, why);
	}
	scopepack_block_release(&b);
	return r;
}

/* Columns as they are encoded, before they are compressed: headers of sections say it. */
static int
count_columns(const struct scopepack *p, uint64_t *bytes, struct tape_error *why)
{
	uint64_t offset = PACK_HEADER;
	struct pack_section section;
	int r;

	while ((r = pack_section_next(&p->pack, &offset, &section, why)) == 1)
		*bytes += section.raw;
	return r;
}

static int
count_scopes(const struct generations *set, const struct generation *g,
	     struct tape_info *info, struct tape_error *err)
{
	struct tape_error why = { 0 };
	int r = 0;

	if (!g->scopes_ready)
		return 0;
	r = count_columns(&g->scopes, &info->scope_column_bytes, &why);
	if (r == 0)
		r = count_values(set, &g->scopes, &info->scope_value_bytes, &why);
	if (r == TAPE_ERR_DAMAGED || r == TAPE_ERR_TOO_NEW) {
		reader_report(set->reader, TAPE_DAMAGE_MET, g->file->path, why.offset, 0,
			      "%.300s; the bytes of columns are not known", why.message);
		return 0;
	}
	if (r == 0 ||
	    (r == TAPE_ERR_IO && !snapshot_stale(r, &why) &&
	     reader_unreadable(set->reader, g->file->path, why.offset, -why.code,
			       "the bytes of columns are not known")))
		return 0;
	if (err != NULL)
		*err = why;
	return r;
}

int
info_count_packed(const struct generations *g, struct tape_info *info,
		  struct tape_error *err)
{
	int r = 0;

	info->generations = g->count;
	for (size_t i = 0; i < g->count && r == 0; i++) {
		const struct generation_manifest *m = &g->items[i].manifest;

		info->packed_scopes += m->scopes;
		info->packed_contents += m->contents;
		info->packed_blob_bytes += m->raw_blob_bytes;
		info->packed_blobs += m->blobs;
		r = count_scopes(g, &g->items[i], info, err);
		for (size_t k = 0; k < m->file_count; k++) {
			bool blobs = strncmp(m->files[k].name, "blobs-", 6) == 0;
			bool index = strncmp(m->files[k].name, "index", 5) == 0;

			*(blobs	  ? &info->blob_pack_bytes
			  : index ? &info->index_bytes
				  : &info->scope_pack_bytes) += m->files[k].size;
		}
		for (size_t k = 0; k < m->input_count; k++)
			info->replaced_bytes += m->inputs[k].bytes;
	}
	return r;
}
