/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of what was written, made from the files themselves: each block is
 * read back and compared with what was handed to the encoder on the way.
 */
#include "compactor/indexing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"

int
indexing_packs(const struct generation_manifest *m, uint32_t (**packs)[2], size_t *count)
{
	uint32_t(*list)[2] = malloc((m->file_count + 1) * sizeof *list);
	size_t n = 0;

	if (list == NULL)
		return TAPE_ERR_NOMEM;
	for (size_t i = 0; i < m->file_count; i++) {
		unsigned bucket = 0, number = 0;

		if (sscanf(m->files[i].name, "blobs-%u-%u.pack", &bucket, &number) != 2)
			continue;
		list[n][0] = bucket;
		list[n++][1] = number;
	}
	*packs = list;
	*count = n;
	return 0;
}

struct scopes {
	struct compaction *c;
	const struct verify_block *blocks;
	const struct scopepack *pack;
};

static int
compare_block(void *user, uint32_t number, const struct block_all *all,
	      struct tape_error *err)
{
	const struct scopes *s = user;
	struct tape_hash digest;

	if (!verify_digest(all->rows, all->row_count, all->contents, all->content_count,
			   &digest))
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
				 "no memory to verify what was written");
	if (hash_equal(&digest, &s->blocks[number].digest))
		return 0;
	return error_set(err, TAPE_ERR_DAMAGED, s->pack->pack.file,
			 s->pack->blocks[number].start,
			 "a block does not read back as it was written");
}

static int
tell(void *user, uint64_t rows)
{
	const struct scopes *s = user;

	return compaction_progress(s->c, TAPE_COMPACT_INDEX, rows, s->pack->rows,
				   s->c->bytes_in, 0);
}

/* The finished index, as a reader will open it. */
static int
check_index(struct compaction *c, const struct pack_id *id, const struct scopepack *pack,
	    const struct index_output *made)
{
	struct index_reader *x = NULL;
	int r = index_open(c->work_fd, c->work, id, &made->directory_hash,
			   made->directory_size, true, &x, c->err);

	if (r == 0 && index_directory_trouble(x) != NULL)
		r = error_set(c->err, TAPE_ERR_DAMAGED, c->work, 0,
			      INDEX_DIRECTORY_FILE " does not read back: %s",
			      index_directory_trouble(x));
	if (r == 0)
		r = index_use(x, pack, c->err);
	if (r == 0)
		r = index_check(x, c->err);
	index_close(x);
	return r;
}

static int
build(struct compaction *c, const struct verify_block *blocks,
      const struct scopepack *pack, const struct pack_id *id)
{
	struct scopes s = { c, blocks, pack };
	struct index_input in = {
		.scopes = pack, .block = compare_block, .progress = tell, .user = &s
	};
	struct index_output made;
	uint32_t(*packs)[2] = NULL;
	int r = indexing_packs(&c->manifest, &packs, &in.blob_pack_count);

	if (r != 0)
		return compaction_no_memory(c);
	in.blob_packs = (const uint32_t(*)[2])packs;
	r = index_build(c->work_fd, INDEX_PACK, INDEX_DIRECTORY_FILE, id, &in,
			c->options.jobs, c->options.memory, &made, c->err);
	free(packs);
	if (r == 0)
		r = check_index(c, id, pack, &made);
	if (r == 0)
		r = publish_add_file(c, INDEX_PACK, made.pack_size, &made.pack_hash);
	if (r == 0)
		r = publish_add_file(c, INDEX_DIRECTORY_FILE, made.directory_size,
				     &made.directory_hash);
	return r;
}

int
indexing_scopes(struct compaction *c, const struct verify_block *blocks, size_t count,
		int fd, uint64_t size, const char *path)
{
	struct block_source source = block_from_fd(&fd, size);
	struct pack_id id = { .kind = PACK_SCOPES };
	struct pack_codec *codec = pack_codec_new();
	struct scopepack pack;
	int r;

	if (codec == NULL)
		return compaction_no_memory(c);
	memcpy(id.tape, c->reader->dir.id, sizeof id.tape);
	memcpy(id.uid, c->uid, sizeof id.uid);
	r = scopepack_open(&source, path, &id, codec, &pack, c->err);
	pack_codec_free(codec);
	if (r != 0)
		return r;
	if (pack.block_count != count || pack.rows != c->manifest.scopes)
		r = error_set(c->err, TAPE_ERR_DAMAGED, path, 0,
			      "the pack does not read back as it was written");
	if (r == 0)
		r = build(c, blocks, &pack, &id);
	scopepack_close(&pack);
	return r;
}
