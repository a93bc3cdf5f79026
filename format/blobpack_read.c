/* SPDX-License-Identifier: Apache-2.0 */
/* Blob packs read. Any bytes may come. */
#include <stdlib.h>
#include <string.h>

#include "format/blobpack_io.h"
#include "format/error.h"
#include "format/le.h"
#include "format/shuffle.h"

struct blobpack {
	struct pack_reader pack;
	struct pack_codec *codec;
	char *file;
	struct blobpack_entry *entries; /* sorted by hash */
	size_t count;
	bool borrowed; /* entries are those of another */
	/* The frame decoded last. */
	uint64_t frame; /* offset of its section, 0 = none */
	struct pack_bytes raw, plain;
	/* Where frame `index` of the blob that begins at `first` is; first 0 = not known. */
	struct {
		uint64_t first, index, offset;
	} way;
};

static int
damaged(const struct blobpack *p, uint64_t offset, struct tape_error *err)
{
	return error_set(err, TAPE_ERR_DAMAGED, p->file, offset,
			 "the table of a pack of blobs does not agree with itself; "
			 "restore the file from a copy");
}

/* Only one that has frames of its own may be larger than a frame. */
bool
blobpack_entry_sound(const struct blobpack_entry *e)
{
	if (e->frames <= 1)
		return e->size <= BLOBS_FRAME_BYTES &&
		       e->within <= BLOBS_FRAME_BYTES - e->size &&
		       (e->frames == 1 || e->size == 0);
	return e->within == 0 &&
	       e->size > (uint64_t)(e->frames - 1) * BLOBS_FRAME_BYTES &&
	       e->size <= (uint64_t)e->frames * BLOBS_FRAME_BYTES;
}

static bool
entry_read(const struct blobpack *p, const uint8_t *at, struct blobpack_entry *e)
{
	memcpy(e->hash.byte, at, 16);
	e->size = get_le64(at + 16);
	e->frame = get_le64(at + 24);
	e->within = get_le32(at + 32);
	e->frames = get_le32(at + 36);
	e->dtype = at[40];
	return blobpack_entry_sound(e) &&
	       (e->frames <= 1 || e->frame < p->pack.source.size);
}

static int
read_table(struct blobpack *p, uint64_t offset, size_t *at, struct tape_error *err)
{
	int r = pack_section_read(&p->pack, p->codec, offset, 0, BLOBS_TABLE, NULL,
				  &p->raw, NULL, err);

	if (r != 0)
		return r;
	if (p->raw.len % BLOBS_ENTRY != 0 || p->raw.len / BLOBS_ENTRY > p->count - *at)
		return damaged(p, offset, err);
	for (size_t i = 0; i < p->raw.len; i += BLOBS_ENTRY, ++*at) {
		struct blobpack_entry *e = &p->entries[*at];

		if (!entry_read(p, p->raw.data + i, e) ||
		    (*at > 0 && memcmp(e[-1].hash.byte, e->hash.byte, 16) >= 0))
			return damaged(p, offset, err);
	}
	return 0;
}

static int
read_tables(struct blobpack *p, struct tape_error *err)
{
	struct pack_bytes root = { 0 };
	size_t at = 0;
	uint32_t tables = 0;
	int r = pack_section_read(&p->pack, p->codec, p->pack.root, 0, BLOBS_ROOT, NULL,
				  &root, NULL, err);

	if (r == 0) {
		if (root.len >= 20) {
			p->count = (size_t)get_le64(root.data);
			tables = get_le32(root.data + 16);
		}
		if (root.len != 20 + 8 * (size_t)tables ||
		    p->count > (size_t)tables * (PACK_SECTION_MAX / BLOBS_ENTRY))
			r = damaged(p, p->pack.root, err);
	}
	/* An entry takes a byte at least, whatever it is compressed to. */
	if (r == 0 && p->count / 64 > p->pack.source.size)
		r = damaged(p, p->pack.root, err);
	if (r == 0) {
		p->entries = calloc(p->count + 1, sizeof *p->entries);
		if (p->entries == NULL)
			r = error_set(err, TAPE_ERR_NOMEM, p->file, 0,
				      "no memory for a pack of blobs");
	}
	for (uint32_t i = 0; i < tables && r == 0; i++)
		r = read_table(p, get_le64(root.data + 20 + 8 * (size_t)i), &at, err);
	if (r == 0 && at != p->count)
		r = damaged(p, p->pack.root, err);
	pack_bytes_release(&root);
	return r;
}

static int
open_pack(const struct block_source *source, const char *file, const uint8_t tape[16],
	  bool table, struct blobpack **out, struct tape_error *err)
{
	struct blobpack *p = calloc(1, sizeof *p);
	struct pack_id expect = { .kind = PACK_BLOBS };
	int r = 0;

	memcpy(expect.tape, tape, sizeof expect.tape);
	if (p != NULL) {
		p->codec = pack_codec_new();
		p->file = strdup(file);
	}
	if (p == NULL || p->codec == NULL || p->file == NULL)
		r = error_set(err, TAPE_ERR_NOMEM, file, 0,
			      "no memory for a pack of blobs");
	if (r == 0)
		r = pack_reader_open(source, p->file, &expect, &p->pack, err);
	if (r == 0 && table)
		r = read_tables(p, err);
	if (r != 0) {
		blobpack_close(p);
		return r;
	}
	*out = p;
	return 0;
}

int
blobpack_open(const struct block_source *source, const char *file, const uint8_t tape[16],
	      struct blobpack **out, struct tape_error *err)
{
	return open_pack(source, file, tape, true, out, err);
}

int
blobpack_open_frames(const struct block_source *source, const char *file,
		     const uint8_t tape[16], struct blobpack **out,
		     struct tape_error *err)
{
	return open_pack(source, file, tape, false, out, err);
}

int
blobpack_view(const struct blobpack *p, struct blobpack **out, struct tape_error *err)
{
	struct blobpack *v = calloc(1, sizeof *v);

	if (v != NULL) {
		v->codec = pack_codec_new();
		v->file = strdup(p->file);
	}
	if (v == NULL || v->codec == NULL || v->file == NULL) {
		blobpack_close(v);
		return error_set(err, TAPE_ERR_NOMEM, p->file, 0,
				 "no memory for a pack of blobs");
	}
	v->pack = p->pack;
	v->pack.file = v->file;
	v->entries = p->entries;
	v->count = p->count;
	v->borrowed = true;
	*out = v;
	return 0;
}

void
blobpack_close(struct blobpack *p)
{
	if (p == NULL)
		return;
	pack_codec_free(p->codec);
	pack_bytes_release(&p->raw);
	pack_bytes_release(&p->plain);
	if (!p->borrowed)
		free(p->entries);
	free(p->file);
	free(p);
}

size_t
blobpack_count(const struct blobpack *p)
{
	return p->count;
}

const struct blobpack_entry *
blobpack_entry_at(const struct blobpack *p, size_t index)
{
	return &p->entries[index];
}

const struct blobpack_entry *
blobpack_find(const struct blobpack *p, const struct tape_hash *hash)
{
	size_t lo = 0, hi = p->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = memcmp(p->entries[mid].hash.byte, hash->byte, 16);

		if (c == 0)
			return &p->entries[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* ---- frames ---- */

static void
unshuffle(const uint8_t *in, size_t len, unsigned width, bool chain, uint8_t *out)
{
	size_t whole = len / width * width;

	shuffle_together(in, len / width, width, chain, out);
	memcpy(out + whole, in + whole, len - whole);
}

static int
load_frame(struct blobpack *p, uint64_t offset, struct tape_error *err)
{
	struct pack_section s;
	unsigned width;
	int r;

	if (p->frame == offset)
		return 0;
	p->frame = 0;
	r = pack_section_read(&p->pack, p->codec, offset, 0, BLOBS_FRAME, &s, &p->raw,
			      NULL, err);
	if (r != 0)
		return r;
	width = s.part & 0xff;
	if ((width != 1 && width != 2 && width != 4 && width != 8) || s.part > 0x1ff ||
	    s.raw > BLOBS_FRAME_BYTES)
		return error_set(err, TAPE_ERR_TOO_NEW, p->file, offset,
				 "a frame of blobs has a transform that this program "
				 "does not know: use a newer version of tape");
	p->plain.len = 0;
	if (width == 1) {
		struct pack_bytes swap = p->plain;

		p->plain = p->raw;
		p->raw = swap;
	} else {
		if (pack_bytes_reserve(&p->plain, p->raw.len + 1) != 0)
			return error_set(err, TAPE_ERR_NOMEM, p->file, offset,
					 "no memory for a frame of blobs");
		unshuffle(p->raw.data, p->raw.len, width, s.part >> 8 != 0,
			  p->plain.data);
		p->plain.len = p->raw.len;
	}
	p->frame = offset;
	return 0;
}

/* Offset of frame `index` of a blob that has several. */
static int
find_frame(struct blobpack *p, const struct blobpack_entry *e, uint64_t index,
	   uint64_t *out, struct tape_error *err)
{
	bool known = p->way.first == e->frame && p->way.index <= index;
	uint64_t offset = known ? p->way.offset : e->frame;
	struct pack_section s;

	for (uint64_t i = known ? p->way.index : 0; i < index; i++) {
		int r = pack_section_next(&p->pack, &offset, &s, err);

		if (r != 1)
			return r < 0 ? r : damaged(p, e->frame, err);
	}
	p->way.first = e->frame;
	p->way.index = index;
	p->way.offset = offset;
	*out = offset;
	return 0;
}

/* Bytes of a blob at `offset`, up to the end of a frame: borrowed until the next call. */
static int
read_part(struct blobpack *p, const struct blobpack_entry *e, uint64_t offset,
	  const uint8_t **data, size_t *len, struct tape_error *err)
{
	uint64_t index = e->frames <= 1 ? 0 : offset / BLOBS_FRAME_BYTES;
	size_t at = (size_t)(offset - index * BLOBS_FRAME_BYTES) + e->within;
	uint64_t left = e->size - offset, frame = e->frame;
	size_t part = e->frames <= 1 ? (size_t)left : BLOBS_FRAME_BYTES - at;
	int r = find_frame(p, e, index, &frame, err);

	if (r == 0)
		r = load_frame(p, frame, err);
	if (r != 0)
		return r;
	part = part < left ? part : (size_t)left;
	if (at > p->plain.len || part > p->plain.len - at)
		return error_set(err, TAPE_ERR_DAMAGED, p->file, frame,
				 "a frame of blobs is shorter than its table says; "
				 "restore the file from a copy");
	*data = p->plain.data + at;
	*len = part;
	return 0;
}

int
blobpack_read(struct blobpack *p, const struct blobpack_entry *e, void *buf,
	      uint64_t offset, size_t len, struct tape_error *err)
{
	uint8_t *to = buf;

	if (offset > e->size || len > e->size - offset)
		return error_set(err, TAPE_ERR_MISUSE, p->file, 0,
				 "bytes beyond the end of a blob");
	while (len > 0) {
		const uint8_t *data;
		size_t part;
		int r = read_part(p, e, offset, &data, &part, err);

		if (r != 0)
			return r;
		part = part < len ? part : len;
		memcpy(to, data, part);
		to += part;
		offset += part;
		len -= part;
	}
	return 0;
}

int
blobpack_each(struct blobpack *p, const struct blobpack_entry *e,
	      struct hash_stream *stream, blobpack_piece_fn *fn, void *user,
	      struct tape_error *err)
{
	struct tape_hash is;

	hash_stream_reset(stream);
	for (uint64_t at = 0; at < e->size;) {
		const uint8_t *data;
		size_t part;
		int r = read_part(p, e, at, &data, &part, err);

		if (r != 0)
			return r;
		hash_stream_add(stream, data, part);
		r = fn == NULL ? 0 : fn(user, data, part, at);
		if (r != 0)
			return r;
		at += part;
	}
	is = hash_stream_end(stream);
	return hash_equal(&is, &e->hash)
		       ? 0
		       : error_set(err, TAPE_ERR_DAMAGED, p->file, e->frame,
				   "the bytes of a blob do not match its hash; restore "
				   "the file from a copy");
}

int
blobpack_check(struct blobpack *p, const struct blobpack_entry *e,
	       struct hash_stream *stream, struct tape_error *err)
{
	return blobpack_each(p, e, stream, NULL, NULL, err);
}
