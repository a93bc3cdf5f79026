/* SPDX-License-Identifier: Apache-2.0 */
#include "compactor/index_rebuild.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compactor/indexing.h"
#include "format/error.h"
#include "format/hash.h"

#define NEW_PACK INDEX_PACK ".tmp"
#define NEW_DIRECTORY INDEX_DIRECTORY_FILE ".tmp"
#define REBUILD_MEMORY (UINT64_C(256) << 20)

struct rebuild {
	struct tape_reader *reader;
	const struct generation *item;
	struct pack_id id;
	int dir, scopes_fd;
	struct scopepack scopes;
	const struct generation_file *pack, *directory;
	struct tape_error *err;
};

static int
find_files(struct rebuild *b)
{
	const struct generation_manifest *m = &b->item->manifest;

	for (size_t i = 0; i < m->file_count; i++) {
		if (strcmp(m->files[i].name, INDEX_PACK) == 0)
			b->pack = &m->files[i];
		else if (strcmp(m->files[i].name, INDEX_DIRECTORY_FILE) == 0)
			b->directory = &m->files[i];
	}
	if (b->pack != NULL && b->directory != NULL)
		return 0;
	return error_set(b->err, TAPE_ERR_NOT_FOUND, b->item->path, 0,
			 "the generation was published without an index");
}

/* Opened apart from the reader's files: several threads read it. */
static int
open_scopes(struct rebuild *b, const char *path)
{
	struct pack_codec *codec = pack_codec_new();
	struct block_source source;
	struct os_stat st;
	int r = os_open_read(b->dir, "scopes.pack", &b->scopes_fd);

	if (r == 0)
		r = os_fstat(b->scopes_fd, &st);
	if (r != 0)
		r = error_io(b->err, r, path, "cannot open the scopes");
	else if (codec == NULL)
		r = error_set(b->err, TAPE_ERR_NOMEM, path, 0, "no memory for an index");
	if (r == 0) {
		source = block_from_fd(&b->scopes_fd, st.size);
		r = scopepack_open(&source, path, &b->id, codec, &b->scopes, b->err);
	}
	pack_codec_free(codec);
	return r;
}

static void
remove_new(const struct rebuild *b)
{
	(void)os_unlink(b->dir, NEW_PACK);
	(void)os_unlink(b->dir, NEW_DIRECTORY);
}

static int
build(struct rebuild *b, struct index_output *made)
{
	struct index_input in = { .scopes = &b->scopes };
	uint32_t(*packs)[2] = NULL;
	int r = indexing_packs(&b->item->manifest, &packs, &in.blob_pack_count);

	if (r != 0)
		return error_set(b->err, r, b->item->path, 0, "no memory for an index");
	in.blob_packs = (const uint32_t(*)[2])packs;
	remove_new(b); /* of one that was killed */
	r = index_build(b->dir, NEW_PACK, NEW_DIRECTORY, &b->id, &in, os_processors(),
			REBUILD_MEMORY, made, b->err);
	free(packs);
	return r;
}

static bool
is_that(const struct generation_file *f, uint64_t size, const struct tape_hash *hash)
{
	return f->size == size && hash_equal(&f->hash, hash);
}

static int
put_in_place(struct rebuild *b, const char *from, const char *to)
{
	int r = os_rename(b->dir, from, b->dir, to);

	return r == 0 ? 0
		      : error_io(b->err, r, b->item->path, "cannot put %s in its place",
				 to);
}

static int
install(struct rebuild *b, const struct index_output *made)
{
	bool directory =
		is_that(b->directory, made->directory_size, &made->directory_hash);
	int r;

	if (!is_that(b->pack, made->pack_size, &made->pack_hash))
		return error_set(b->err, TAPE_ERR_DAMAGED, b->item->path, 0,
				 "the index that its packs give is not the one that was "
				 "published: a pack was changed, or another version of "
				 "tape made it; compact the tape with --full");
	r = put_in_place(b, NEW_PACK, INDEX_PACK);
	if (r == 0 && directory)
		r = put_in_place(b, NEW_DIRECTORY, INDEX_DIRECTORY_FILE);
	if (r == 0) {
		r = os_fsync_dir(b->reader->dir.fd, b->item->path);
		if (r != 0)
			r = error_io(b->err, r, b->item->path,
				     "cannot bring the index to disk");
	}
	if (r == 0 && !directory)
		r = error_set(b->err, TAPE_ERR_DAMAGED, b->item->path, 0,
			      INDEX_PACK
			      " is in its place, and enough; " INDEX_DIRECTORY_FILE
			      " comes out differently on this "
			      "machine: make it where the tape was compacted");
	return r;
}

int
compactor_rebuild_index(struct tape_reader *reader, struct generations *g, size_t index,
			struct tape_error *err)
{
	struct rebuild b = { .reader = reader,
			     .item = &g->items[index],
			     .dir = -1,
			     .scopes_fd = -1,
			     .err = err };
	char path[sizeof b.item->path + 16];
	struct index_output made;
	int r = find_files(&b);

	if (r != 0)
		return r;
	(void)snprintf(path, sizeof path, "%s/scopes.pack", b.item->path);
	b.id.kind = PACK_SCOPES;
	memcpy(b.id.tape, reader->dir.id, sizeof b.id.tape);
	memcpy(b.id.uid, b.item->manifest.uid, sizeof b.id.uid);
	r = os_open_dir(reader->dir.fd, b.item->path, false, &b.dir);
	if (r != 0)
		return error_io(err, r, b.item->path, "cannot open the generation");
	r = open_scopes(&b, path);
	if (r == 0)
		r = build(&b, &made);
	if (r == 0)
		r = install(&b, &made);
	remove_new(&b);
	scopepack_close(&b.scopes);
	os_close(&b.scopes_fd);
	os_close(&b.dir);
	return r;
}
