/* SPDX-License-Identifier: Apache-2.0 */
/* Blob packs written. docs/format/blobs.md. */
#include "format/blobpack.h"

#include <stdlib.h>
#include <string.h>

#include "format/blobpack_io.h"
#include "format/error.h"
#include "format/le.h"
#include "format/shuffle.h"

#define DTYPES 16u
#define TABLE_ENTRIES 20000u
#define TRIAL_BYTES 32768u

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
};

struct waiting { /* an entry whose frame is not written yet */
	size_t entry;
	uint8_t dtype;
};

struct blobpack_writer {
	struct pack_writer *pack;
	struct pack_codec *codec;
	int level;
	uint32_t frames;
	struct filling filling[DTYPES];
	struct blobpack_entry *entries;
	size_t count, cap;
	struct waiting *waiting;
	size_t waiting_count, waiting_cap;
	struct pack_bytes made, shuffled, large;
	size_t large_entry; /* of the one that comes in pieces */
	uint64_t bytes;	    /* of blobs */
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
		     const uint8_t uid[16], int level, struct blobpack_writer **out,
		     struct tape_error *err)
{
	struct blobpack_writer *w = calloc(1, sizeof *w);
	struct pack_id id = { .kind = PACK_BLOBS };
	int r;

	if (w == NULL)
		return no_memory(err);
	memcpy(id.tape, tape, sizeof id.tape);
	memcpy(id.uid, uid, sizeof id.uid);
	w->level = level;
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

static void
shuffle(const uint8_t *in, size_t len, unsigned width, bool chain, uint8_t *out)
{
	size_t whole = len / width * width;

	shuffle_apart(in, len / width, width, chain, out);
	memcpy(out + whole, in + whole, len - whole);
}

/* The transform under which a stretch from the middle compresses best; *level 0: none does. */
static int
choose(struct blobpack_writer *w, const uint8_t *raw, size_t len, unsigned width,
       unsigned *transform, int *level)
{
	size_t trial = len < TRIAL_BYTES ? len : TRIAL_BYTES, least;
	const uint8_t *from = raw + (len - trial) / 2 / 16 * 16;

	w->shuffled.len = 0;
	if (pack_bytes_reserve(&w->shuffled, len + 1) != 0)
		return TAPE_ERR_NOMEM;
	*transform = 1;
	least = pack_codec_guess(w->codec, from, trial);
	for (unsigned x = 0; x < 2 && width > 1; x++) {
		size_t got;

		shuffle(from, trial, width, x == 1, w->shuffled.data);
		got = pack_codec_guess(w->codec, w->shuffled.data, trial);
		if (got < least) {
			least = got;
			*transform = width | x << 8;
		}
	}
	*level = len > TRIAL_BYTES && least > trial - trial / 32 ? 0 : w->level;
	return 0;
}

static int
put_frame(struct blobpack_writer *w, const uint8_t *raw, size_t len, unsigned dtype,
	  uint64_t *offset, struct tape_error *err)
{
	unsigned transform;
	int level, r;

	if (choose(w, raw, len, blobpack_element(dtype), &transform, &level) != 0)
		return no_memory(err);
	if (level == 0)
		transform = 1;
	if (transform != 1) {
		shuffle(raw, len, transform & 0xff, transform >> 8 != 0,
			w->shuffled.data);
		raw = w->shuffled.data;
	}
	w->made.len = 0;
	r = pack_section_make(w->codec, level, BLOBS_FRAME, w->frames++, transform, raw,
			      len, &w->made, err);
	return r == 0 ? pack_writer_add(w->pack, &w->made, offset, err) : r;
}

static int
flush(struct blobpack_writer *w, unsigned dtype, struct tape_error *err)
{
	struct pack_bytes *raw = &w->filling[dtype].raw;
	size_t left = 0;
	uint64_t offset;
	int r;

	if (raw->len == 0)
		return 0;
	r = put_frame(w, raw->data, raw->len, dtype, &offset, err);
	if (r != 0)
		return r;
	for (size_t i = 0; i < w->waiting_count; i++) {
		if (w->waiting[i].dtype == dtype)
			w->entries[w->waiting[i].entry].frame = offset;
		else
			w->waiting[left++] = w->waiting[i];
	}
	w->waiting_count = left;
	raw->len = 0;
	return 0;
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
wait_for_frame(struct blobpack_writer *w, size_t entry, unsigned dtype)
{
	if (w->waiting_count == w->waiting_cap) {
		size_t cap = w->waiting_cap == 0 ? 64 : w->waiting_cap * 2;
		struct waiting *more = realloc(w->waiting, cap * sizeof *more);

		if (more == NULL)
			return TAPE_ERR_NOMEM;
		w->waiting = more;
		w->waiting_cap = cap;
	}
	w->waiting[w->waiting_count++] = (struct waiting){ entry, (uint8_t)dtype };
	return 0;
}

int
blobpack_writer_add(struct blobpack_writer *w, const struct tape_hash *hash,
		    unsigned dtype, const void *data, size_t size, struct tape_error *err)
{
	unsigned group = dtype < DTYPES ? dtype : 0;
	struct pack_bytes *raw = &w->filling[group].raw;
	struct blobpack_entry *e;
	int r;

	if (raw->len + size > BLOBS_FRAME_BYTES) {
		r = flush(w, group, err);
		if (r != 0)
			return r;
	}
	e = new_entry(w, hash, dtype, size);
	if (e == NULL || wait_for_frame(w, w->count - 1, group) != 0)
		return no_memory(err);
	e->within = (uint32_t)raw->len;
	return pack_bytes_add(raw, data, size) != 0 ? no_memory(err) : 0;
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
	w->large.len = 0;
	return 0;
}

static int
large_frame(struct blobpack_writer *w, struct tape_error *err)
{
	struct blobpack_entry *e = &w->entries[w->large_entry];
	uint64_t offset;
	int r = put_frame(w, w->large.data, w->large.len, e->dtype, &offset, err);

	if (r == 0 && e->frames++ == 0)
		e->frame = offset;
	w->large.len = 0;
	return r;
}

int
blobpack_writer_write(struct blobpack_writer *w, const void *data, size_t len,
		      struct tape_error *err)
{
	const uint8_t *at = data;

	while (len > 0) {
		size_t part = BLOBS_FRAME_BYTES - w->large.len;

		part = len < part ? len : part;
		if (pack_bytes_add(&w->large, at, part) != 0)
			return no_memory(err);
		at += part;
		len -= part;
		if (w->large.len == BLOBS_FRAME_BYTES) {
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
	return w->large.len == 0 ? 0 : large_frame(w, err);
}

uint64_t
blobpack_writer_bytes(const struct blobpack_writer *w)
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
	struct pack_bytes *raw = &w->shuffled;
	int r;

	raw->len = 0;
	if (pack_bytes_reserve(raw, count * BLOBS_ENTRY) != 0)
		return no_memory(err);
	for (size_t i = 0; i < count; i++)
		entry_write(&w->entries[first + i], raw->data + i * BLOBS_ENTRY);
	w->made.len = 0;
	r = pack_section_make(w->codec, w->level, BLOBS_TABLE,
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
		r = pack_section_make(w->codec, w->level, BLOBS_ROOT, 0, 0, raw,
				      20 + 8 * (size_t)tables, &w->made, err);
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
		r = flush(w, i, err);
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

void
blobpack_writer_drop(struct blobpack_writer *w)
{
	if (w == NULL)
		return;
	pack_writer_drop(w->pack);
	pack_codec_free(w->codec);
	for (unsigned i = 0; i < DTYPES; i++)
		pack_bytes_release(&w->filling[i].raw);
	pack_bytes_release(&w->made);
	pack_bytes_release(&w->shuffled);
	pack_bytes_release(&w->large);
	free(w->entries);
	free(w->waiting);
	free(w);
}
