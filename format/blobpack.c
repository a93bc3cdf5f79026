/* SPDX-License-Identifier: Apache-2.0 */
/* Blob packs written. docs/format/blobs.md. */
#include "format/blobpack.h"

#include <stdlib.h>
#include <string.h>

#include "format/blobpack_io.h"
#include "format/error.h"
#include "format/le.h"

#define DTYPES 16u
#define TABLE_ENTRIES 20000u

unsigned
blobpack_bucket(uint64_t size)
{
	unsigned bucket = 0;

	for (uint64_t most = 4096; size > most && bucket < 26; most *= 4)
		bucket++;
	return bucket;
}

/* A frame of one dtype that is being filled. */
struct filling {
	struct pack_bytes raw;
	struct blobpack_firsts firsts;
};

struct blobpack_writer {
	struct pack_writer *pack;
	struct pack_codec *codec;
	struct blobpack_pool *pool;
	uint32_t frames;
	struct filling filling[DTYPES];
	struct blobpack_entry *entries;
	size_t count, cap;
	struct pack_bytes made, table;
	struct filling large; /* of the one that comes in pieces */
	size_t large_entry;
	uint64_t bytes; /* of blobs */
};

static int
no_memory(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a pack of blobs");
}

unsigned
blobpack_element(unsigned dtype)
{
	switch (dtype) {
	case TAPE_I2:
	case TAPE_U2:
	case TAPE_F2:
		return 2;
	case TAPE_I4:
	case TAPE_U4:
	case TAPE_F4:
	case TAPE_C8_T:
		return 4;
	case TAPE_I8:
	case TAPE_U8:
	case TAPE_F8:
	case TAPE_C16_T:
		return 8;
	default:
		return 1;
	}
}

int
blobpack_writer_open(int dir, const char *name, const uint8_t tape[16],
		     const uint8_t uid[16], struct blobpack_pool *pool,
		     struct blobpack_writer **out, struct tape_error *err)
{
	struct blobpack_writer *w = calloc(1, sizeof *w);
	struct pack_id id = { .kind = PACK_BLOBS };
	int r;

	if (w == NULL)
		return no_memory(err);
	memcpy(id.tape, tape, sizeof id.tape);
	memcpy(id.uid, uid, sizeof id.uid);
	w->pool = pool;
	w->codec = pack_codec_new();
	r = w->codec == NULL ? no_memory(err)
			     : pack_writer_open(dir, name, &id, &w->pack, err);
	if (r != 0) {
		blobpack_writer_drop(w);
		return r;
	}
	*out = w;
	return 0;
}

/* ---- frames ---- */

/* What was filled goes to whoever compresses, for buffers that are free again. */
static int
send(struct blobpack_writer *w, struct filling *from, unsigned dtype,
     struct tape_error *err)
{
	struct blobpack_frame *f;
	struct filling empty;
	int r;

	if (from->raw.len == 0)
		return 0;
	r = blobpack_pool_room(w->pool, &f, err);
	if (r != 0)
		return r;
	empty = (struct filling){ f->raw, f->firsts };
	f->writer = w;
	f->dtype = dtype;
	f->number = w->frames++;
	f->raw = from->raw;
	f->firsts = from->firsts;
	*from = empty;
	blobpack_pool_send(w->pool, f);
	return 0;
}

int
blobpack_frame_write(struct blobpack_frame *f, struct tape_error *err)
{
	struct blobpack_writer *w = f->writer;
	uint64_t offset;
	int r = pack_writer_add(w->pack, &f->made, &offset, err);

	for (size_t i = 0; r == 0 && i < f->firsts.count; i++)
		w->entries[f->firsts.items[i]].frame = offset;
	return r;
}

/* ---- entries ---- */

static struct blobpack_entry *
new_entry(struct blobpack_writer *w, const struct tape_hash *hash, unsigned dtype,
	  uint64_t size)
{
	struct blobpack_entry *e;

	if (w->count == w->cap) {
		size_t cap = w->cap == 0 ? 64 : w->cap * 2;
		struct blobpack_entry *more = realloc(w->entries, cap * sizeof *more);

		if (more == NULL)
			return NULL;
		w->entries = more;
		w->cap = cap;
	}
	e = &w->entries[w->count++];
	memset(e, 0, sizeof *e);
	e->hash = *hash;
	e->size = size;
	e->frames = 1;
	e->dtype = (uint8_t)dtype;
	w->bytes += size;
	return e;
}

static int
begins_here(struct filling *f, size_t entry)
{
	struct blobpack_firsts *l = &f->firsts;

	if (l->count == l->cap) {
		size_t cap = l->cap == 0 ? 64 : l->cap * 2;
		size_t *more = realloc(l->items, cap * sizeof *more);

		if (more == NULL)
			return TAPE_ERR_NOMEM;
		l->items = more;
		l->cap = cap;
	}
	l->items[l->count++] = entry;
	return 0;
}

int
blobpack_writer_add(struct blobpack_writer *w, const struct tape_hash *hash,
		    unsigned dtype, const void *data, size_t size, struct tape_error *err)
{
	unsigned group = dtype < DTYPES ? dtype : 0;
	struct filling *f = &w->filling[group];
	struct blobpack_entry *e;
	int r;

	if (f->raw.len + size > BLOBS_FRAME_BYTES) {
		r = send(w, f, group, err);
		if (r != 0)
			return r;
	}
	e = new_entry(w, hash, dtype, size);
	if (e == NULL || begins_here(f, w->count - 1) != 0)
		return no_memory(err);
	e->within = (uint32_t)f->raw.len;
	return pack_bytes_add(&f->raw, data, size) != 0 ? no_memory(err) : 0;
}

int
blobpack_writer_begin(struct blobpack_writer *w, const struct tape_hash *hash,
		      unsigned dtype, uint64_t size, struct tape_error *err)
{
	struct blobpack_entry *e = new_entry(w, hash, dtype, size);

	if (e == NULL)
		return no_memory(err);
	e->frames = 0;
	w->large_entry = w->count - 1;
	w->large.raw.len = w->large.firsts.count = 0;
	return begins_here(&w->large, w->large_entry) == 0 ? 0 : no_memory(err);
}

static int
large_frame(struct blobpack_writer *w, struct tape_error *err)
{
	struct blobpack_entry *e = &w->entries[w->large_entry];

	e->frames++;
	return send(w, &w->large, e->dtype, err);
}

int
blobpack_writer_write(struct blobpack_writer *w, const void *data, size_t len,
		      struct tape_error *err)
{
	const uint8_t *at = data;

	while (len > 0) {
		size_t part = BLOBS_FRAME_BYTES - w->large.raw.len;

		part = len < part ? len : part;
		if (pack_bytes_add(&w->large.raw, at, part) != 0)
			return no_memory(err);
		at += part;
		len -= part;
		if (w->large.raw.len == BLOBS_FRAME_BYTES) {
			int r = large_frame(w, err);

			if (r != 0)
				return r;
		}
	}
	return 0;
}

int
blobpack_writer_end(struct blobpack_writer *w, struct tape_error *err)
{
	return w->large.raw.len == 0 ? 0 : large_frame(w, err);
}

uint64_t
blobpack_writer_bytes(const struct blobpack_writer *w)
{
	return w->bytes;
}

uint64_t
blobpack_writer_written(const struct blobpack_writer *w)
{
	return pack_writer_offset(w->pack);
}

/* ---- table ---- */

static int
by_hash(const void *a, const void *b)
{
	const struct blobpack_entry *x = a, *y = b;

	return memcmp(x->hash.byte, y->hash.byte, sizeof x->hash.byte);
}

static void
entry_write(const struct blobpack_entry *e, uint8_t *at)
{
	memset(at, 0, BLOBS_ENTRY);
	memcpy(at, e->hash.byte, 16);
	put_le64(at + 16, e->size);
	put_le64(at + 24, e->frame);
	put_le32(at + 32, e->within);
	put_le32(at + 36, e->frames);
	at[40] = e->dtype;
}

static int
put_table(struct blobpack_writer *w, size_t first, size_t count, uint64_t *offset,
	  struct tape_error *err)
{
	struct pack_bytes *raw = &w->table;
	int r;

	raw->len = 0;
	if (pack_bytes_reserve(raw, count * BLOBS_ENTRY) != 0)
		return no_memory(err);
	for (size_t i = 0; i < count; i++)
		entry_write(&w->entries[first + i], raw->data + i * BLOBS_ENTRY);
	w->made.len = 0;
	r = pack_section_make(w->codec, blobpack_pool_level(w->pool), BLOBS_TABLE,
			      (uint32_t)(first / TABLE_ENTRIES), 0, raw->data,
			      count * BLOBS_ENTRY, &w->made, err);
	return r == 0 ? pack_writer_add(w->pack, &w->made, offset, err) : r;
}

static int
put_tables(struct blobpack_writer *w, uint64_t *root, struct tape_error *err)
{
	uint32_t tables = (uint32_t)((w->count + TABLE_ENTRIES - 1) / TABLE_ENTRIES);
	uint8_t *raw = calloc(1, 20 + 8 * (size_t)tables);
	int r = 0;

	if (raw == NULL)
		return no_memory(err);
	put_le64(raw, w->count);
	put_le64(raw + 8, w->bytes);
	put_le32(raw + 16, tables);
	for (uint32_t i = 0; i < tables && r == 0; i++) {
		size_t first = (size_t)i * TABLE_ENTRIES;
		size_t count = w->count - first < TABLE_ENTRIES ? w->count - first
								: TABLE_ENTRIES;
		uint64_t offset = 0;

		r = put_table(w, first, count, &offset, err);
		put_le64(raw + 20 + 8 * (size_t)i, offset);
	}
	w->made.len = 0;
	if (r == 0)
		r = pack_section_make(w->codec, blobpack_pool_level(w->pool), BLOBS_ROOT,
				      0, 0, raw, 20 + 8 * (size_t)tables, &w->made, err);
	free(raw);
	return r == 0 ? pack_writer_add(w->pack, &w->made, root, err) : r;
}

int
blobpack_writer_finish(struct blobpack_writer *w, uint64_t *size, struct tape_hash *hash,
		       struct tape_error *err)
{
	uint64_t root = 0;
	int r = 0;

	for (unsigned i = 0; i < DTYPES && r == 0; i++)
		r = send(w, &w->filling[i], i, err);
	if (r == 0)
		r = blobpack_pool_drain(w->pool, err);
	if (w->count != 0)
		qsort(w->entries, w->count, sizeof *w->entries, by_hash);
	if (r == 0)
		r = put_tables(w, &root, err);
	if (r == 0) {
		r = pack_writer_finish(w->pack, root, size, hash, err);
		w->pack = NULL;
	}
	blobpack_writer_drop(w);
	return r;
}

static void
filling_release(struct filling *f)
{
	pack_bytes_release(&f->raw);
	free(f->firsts.items);
}

void
blobpack_writer_drop(struct blobpack_writer *w)
{
	if (w == NULL)
		return;
	blobpack_pool_forget(w->pool, w);
	pack_writer_drop(w->pack);
	pack_codec_free(w->codec);
	for (unsigned i = 0; i < DTYPES; i++)
		filling_release(&w->filling[i]);
	filling_release(&w->large);
	pack_bytes_release(&w->made);
	pack_bytes_release(&w->table);
	free(w->entries);
	free(w);
}
