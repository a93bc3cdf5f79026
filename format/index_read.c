/* SPDX-License-Identifier: Apache-2.0 */
/* An index opened: root and directory. Any bytes may come. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/index_reader.h"
#include "format/os.h"

#define BLOCK_LIMIT (1u << 20)

int
index_damaged(const struct index_reader *x, uint64_t offset, const char *what,
	      struct tape_error *err)
{
	return error_set(err, TAPE_ERR_DAMAGED, x->file, offset,
			 "%s of the index does not agree with itself", what);
}

int
index_no_memory(const struct index_reader *x, struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, x->file, 0, "no memory for an index");
}

int
index_section(struct index_reader *x, const struct index_entry *e, uint16_t kind,
	      struct pack_section *section, struct tape_error *err)
{
	return pack_section_read(&x->pack, x->codec, e->offset, e->bytes, kind, section,
				 &x->raw, &x->read_bytes, err);
}

/* ---- root ---- */

struct places {
	uint32_t count;
	struct varint_in in;
};

static int
read_root(struct index_reader *x, struct pack_bytes *root, struct places *places,
	  struct tape_error *err)
{
	struct index_counts *c = &x->counts;
	struct varint_in in;
	uint8_t flags;
	int r = pack_section_read(&x->pack, x->codec, x->pack.root, 0, INDEX_ROOT, NULL,
				  root, &x->read_bytes, err);

	if (r != 0)
		return r;
	in = (struct varint_in){ root->data, root->data + root->len, false };
	c->rows = varint_get(&in);
	c->contents = varint_get(&in);
	c->blocks = varint_get32(&in, BLOCK_LIMIT);
	c->blobs = varint_get(&in);
	x->pair_count = varint_get(&in);
	c->referrers = varint_get(&in);
	c->repeats = varint_get(&in);
	c->labels = varint_get32(&in, INDEX_LABELS_MAX);
	x->entry_count = varint_get(&in);
	flags = varint_get8(&in);
	c->labels_left_out = (flags & INDEX_FLAG_LEFT_OUT) != 0;
	c->lost = (flags & INDEX_FLAG_LOST) != 0;
	c->cached = (flags & INDEX_FLAG_CACHED) != 0 ? varint_get(&in) : 0;
	places->count = varint_get32(&in, UINT32_MAX);
	places->in = in;
	if (in.failed ||
	    flags > (INDEX_FLAG_LEFT_OUT | INDEX_FLAG_LOST | INDEX_FLAG_CACHED) ||
	    ((flags & INDEX_FLAG_CACHED) != 0 && c->cached == 0) ||
	    x->pair_count != c->contents || c->contents > INDEX_ORDINAL_MASK ||
	    x->entry_count > x->pack.source.size / PACK_SECTION_HEADER ||
	    places->count > varint_left(&in) / 2)
		return index_damaged(x, x->pack.root, "the root", err);
	return 0;
}

/* ---- the directory from sections ---- */

int
index_take_entries(struct index_reader *x, struct index_entries *to, uint64_t offset,
		   struct tape_error *err)
{
	struct varint_in in = { x->raw.data, x->raw.data + x->raw.len, false };

	while (varint_left(&in) != 0) {
		uint32_t len = varint_get32(&in, INDEX_KEY_MAX);
		const uint8_t *key = varint_get_bytes(&in, len);
		uint64_t at = varint_get(&in);
		uint32_t bytes = varint_get32(&in, UINT32_MAX);

		if (in.failed || len == 0 || to->count >= x->entry_count)
			return index_damaged(x, offset, "the directory", err);
		if (index_entries_add(to, key, len, at, bytes) != 0)
			return index_no_memory(x, err);
	}
	return 0;
}

static int
read_directory(struct index_reader *x, struct places *places, struct tape_error *err)
{
	struct index_entries entries = { 0 };
	int r = 0;

	for (uint32_t i = 0; i < places->count && r == 0; i++) {
		uint64_t offset = varint_get(&places->in);
		uint32_t bytes = varint_get32(&places->in, UINT32_MAX);
		struct index_entry at = { NULL, 0, offset, bytes };

		if (places->in.failed)
			r = index_damaged(x, x->pack.root, "the root", err);
		else
			r = index_section(x, &at, INDEX_DIRECTORY, NULL, err);
		if (r == 0)
			r = index_take_entries(x, &entries, offset, err);
	}
	if (r == 0 && (varint_left(&places->in) != 0 || entries.count != x->entry_count ||
		       !index_entries_sort(&entries)))
		r = index_damaged(x, x->pack.root, "the directory", err);
	if (r == 0 && index_directory_from(&entries, &x->directory) != 0)
		r = index_no_memory(x, err);
	index_entries_release(&entries);
	return r;
}

/* 0 = x->directory is index.mdb, 1 = it is not and x->trouble says why, negative = no memory. */
static int
trust_directory(struct index_reader *x, int dir, const struct tape_hash *hash,
		uint64_t size, struct tape_error *err)
{
	struct tape_error why = { 0 };
	int r = index_directory_open(dir, x->directory_file, hash, size, &x->directory,
				     &why);

	if (r == 0 && index_directory_count(x->directory) != x->entry_count) {
		index_directory_close(x->directory);
		x->directory = NULL;
		r = error_set(&why, TAPE_ERR_DAMAGED, x->directory_file, 0,
			      "it is not the directory of index.pack");
	}
	if (r == 0)
		return 0;
	if (r == TAPE_ERR_NOMEM) {
		if (err != NULL)
			*err = why;
		return r;
	}
	x->trouble = strdup(why.message);
	return x->trouble == NULL ? index_no_memory(x, err) : 1;
}

/* ---- opening ---- */

static struct index_reader *
new_reader(const char *file, const char *directory_file)
{
	struct index_reader *x = calloc(1, sizeof *x);

	if (x == NULL)
		return NULL;
	x->fd = -1;
	x->table_block = UINT32_MAX;
	x->file = strdup(file);
	x->directory_file = strdup(directory_file);
	x->codec = pack_codec_new();
	x->pairs = malloc(INDEX_PAIRS * sizeof *x->pairs);
	if (x->file != NULL && x->directory_file != NULL && x->codec != NULL &&
	    x->pairs != NULL)
		return x;
	index_close(x);
	return NULL;
}

static int
open_file(struct index_reader *x, int dir, struct block_source *source,
	  struct tape_error *err)
{
	struct os_stat st;
	int r = os_open_read(dir, INDEX_PACK, &x->fd);

	if (r == -ENOENT)
		return error_set(err, TAPE_ERR_NOT_FOUND, x->file, 0,
				 "there is no index");
	if (r == 0)
		r = os_fstat(x->fd, &st);
	if (r != 0)
		return error_io(err, r, x->file, "cannot open the index");
	*source = block_from_fd(&x->fd, st.size);
	return 0;
}

/* With a directory that may be index.mdb, or without. */
static int
open_source(struct index_reader *x, const struct block_source *source,
	    const struct pack_id *id, int dir, const struct tape_hash *hash,
	    uint64_t size, struct tape_error *err)
{
	struct pack_bytes root = { 0 };
	struct places places = { 0 };
	struct pack_id expect = *id;
	int r;

	expect.kind = PACK_INDEX;
	r = pack_reader_open(source, x->file, &expect, &x->pack, err);
	if (r == 0)
		r = read_root(x, &root, &places, err);
	if (r == 0)
		r = hash != NULL ? trust_directory(x, dir, hash, size, err) : 1;
	if (r == 1)
		r = read_directory(x, &places, err);
	pack_bytes_release(&root);
	return r;
}

int
index_open(int generation_fd, const char *generation_path, const struct pack_id *id,
	   const struct tape_hash *directory_hash, uint64_t directory_size, bool trusted,
	   struct index_reader **out, struct tape_error *err)
{
	char file[512], directory_file[512];
	struct block_source source;
	struct index_reader *x;
	int r;

	(void)snprintf(file, sizeof file, "%s/" INDEX_PACK, generation_path);
	(void)snprintf(directory_file, sizeof directory_file, "%s/" INDEX_DIRECTORY_FILE,
		       generation_path);
	x = new_reader(file, directory_file);
	if (x == NULL)
		return error_set(err, TAPE_ERR_NOMEM, file, 0, "no memory for an index");
	r = open_file(x, generation_fd, &source, err);
	if (r == 0)
		r = open_source(x, &source, id, generation_fd,
				trusted ? directory_hash : NULL, directory_size, err);
	if (r != 0) {
		index_close(x);
		return r;
	}
	*out = x;
	return 0;
}

int
index_open_source(const struct block_source *source, const char *file,
		  const struct pack_id *id, struct index_reader **out,
		  struct tape_error *err)
{
	struct index_reader *x = new_reader(file, "");
	int r;

	if (x == NULL)
		return error_set(err, TAPE_ERR_NOMEM, file, 0, "no memory for an index");
	r = open_source(x, source, id, -1, NULL, 0, err);
	if (r != 0) {
		index_close(x);
		return r;
	}
	*out = x;
	return 0;
}

void
index_close(struct index_reader *x)
{
	if (x == NULL)
		return;
	index_directory_close(x->directory);
	pack_codec_free(x->codec);
	pack_bytes_release(&x->raw);
	pack_bytes_release(&x->table);
	os_close(&x->fd);
	free(x->pairs);
	free(x->repeats);
	index_caches_free(x->caches);
	free(x->file);
	free(x->directory_file);
	free(x->trouble);
	free(x);
}

const char *
index_directory_trouble(const struct index_reader *x)
{
	return x->trouble;
}

uint64_t
index_read_bytes(const struct index_reader *x)
{
	return x->read_bytes;
}

void
index_counts(const struct index_reader *x, struct index_counts *out)
{
	*out = x->counts;
}

int
index_use(struct index_reader *x, const struct scopepack *scopes, struct tape_error *err)
{
	if (x->counts.rows != scopes->rows || x->counts.contents != scopes->contents ||
	    x->counts.blocks != scopes->block_count)
		return index_damaged(x, x->pack.root, "the root", err);
	x->scopes = scopes;
	return 0;
}
