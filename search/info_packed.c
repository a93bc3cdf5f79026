/* SPDX-License-Identifier: Apache-2.0 */
/* What an inventory says of generations as such. */
#include <string.h>

#include "search/generations.h"
#include "search/info_table.h"
#include "search/reader.h"

/* Columns as they are encoded, before they are compressed: headers of sections say it. */
static int
count_columns(struct tape_reader *reader, const struct generation *g, uint64_t *bytes,
	      struct tape_error *err)
{
	uint64_t offset = PACK_HEADER;
	struct pack_section section;
	struct tape_error why = { 0 };
	int r = g->scopes_ready;

	while (r == 1 &&
	       (r = pack_section_next(&g->scopes.pack, &offset, &section, &why)) == 1)
		*bytes += section.raw;
	if (r == TAPE_ERR_DAMAGED || r == TAPE_ERR_TOO_NEW) {
		reader_report(reader, TAPE_DAMAGE_MET, g->file->path, why.offset, 0,
			      "%.300s; the bytes of columns are not known", why.message);
		return 0;
	}
	if (r == 0 || (r == TAPE_ERR_IO && !snapshot_stale(r, &why) &&
		       reader_unreadable(reader, g->file->path, why.offset, -why.code,
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
		r = count_columns(g->reader, &g->items[i], &info->scope_column_bytes,
				  err);
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
