/* SPDX-License-Identifier: Apache-2.0 */
/* Growing bytes, sections made in memory, packs written. */
#include "format/pack_io.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/le.h"
#include "format/os.h"

/* ---- bytes ---- */

int
pack_bytes_reserve(struct pack_bytes *b, size_t more)
{
	size_t need, cap;
	uint8_t *data;

	if (more > SIZE_MAX / 4 - b->len)
		return TAPE_ERR_NOMEM;
	need = b->len + more;
	if (need <= b->cap)
		return 0;
	cap = b->cap < 256 ? 256 : b->cap;
	while (cap < need)
		cap += cap / 2;
	data = realloc(b->data, cap);
	if (data == NULL)
		return TAPE_ERR_NOMEM;
	b->data = data;
	b->cap = cap;
	return 0;
}

int
pack_bytes_add(struct pack_bytes *b, const void *data, size_t len)
{
	if (pack_bytes_reserve(b, len) != 0)
		return TAPE_ERR_NOMEM;
	if (len != 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	return 0;
}

void
pack_bytes_release(struct pack_bytes *b)
{
	free(b->data);
	memset(b, 0, sizeof *b);
}

/* ---- codecs ---- */

struct pack_codec *
pack_codec_new(void)
{
	struct pack_codec *codec = calloc(1, sizeof *codec);

	if (codec == NULL)
		return NULL;
	codec->in = ZSTD_createDCtx();
	if (codec->in == NULL ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(codec->in, ZSTD_d_windowLogMax,
						PACK_WINDOW_LOG))) {
		pack_codec_free(codec);
		return NULL;
	}
	return codec;
}

void
pack_codec_free(struct pack_codec *codec)
{
	if (codec == NULL)
		return;
	ZSTD_freeCCtx(codec->out);
	ZSTD_freeDCtx(codec->in);
	pack_bytes_release(&codec->stored);
	pack_bytes_release(&codec->trial);
	ZSTD_freeCCtx(codec->guess);
	free(codec);
}

/* Made when first needed: who reads needs none. */
static bool
compressor(ZSTD_CCtx **c)
{
	if (*c == NULL)
		*c = ZSTD_createCCtx();
	return *c != NULL;
}

size_t
pack_codec_guess(struct pack_codec *codec, const void *data, size_t len)
{
	size_t room = ZSTD_compressBound(len), got;

	codec->trial.len = 0;
	if (!compressor(&codec->guess) || pack_bytes_reserve(&codec->trial, room) != 0)
		return len;
	got = ZSTD_compressCCtx(codec->guess, codec->trial.data, room, data, len, 1);
	return ZSTD_isError(got) ? len : got;
}

/* ---- sections ---- */

static int
no_memory(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a section");
}

/* One zstd frame behind out->len + header; 0 = it is not worth it, negative = no memory. */
static int64_t
compress(struct pack_codec *codec, int level, const void *raw, size_t raw_len,
	 struct pack_bytes *out)
{
	size_t room = ZSTD_compressBound(raw_len), got;

	if (!compressor(&codec->out) ||
	    pack_bytes_reserve(out, PACK_SECTION_HEADER + room) != 0)
		return TAPE_ERR_NOMEM;
	if (level != codec->level) {
		(void)ZSTD_CCtx_reset(codec->out, ZSTD_reset_parameters);
		(void)ZSTD_CCtx_setParameter(codec->out, ZSTD_c_compressionLevel, level);
		codec->level = level;
	}
	got = ZSTD_compress2(codec->out, out->data + out->len + PACK_SECTION_HEADER, room,
			     raw, raw_len);
	if (ZSTD_isError(got))
		return ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation
			       ? TAPE_ERR_NOMEM
			       : 0;
	return got < raw_len - raw_len / 32 ? (int64_t)got : 0;
}

int
pack_section_make(struct pack_codec *codec, int level, uint16_t kind, uint32_t number,
		  uint32_t part, const void *raw, size_t raw_len, struct pack_bytes *out,
		  struct tape_error *err)
{
	int64_t stored = 0;
	uint8_t *header;

	if (raw_len > PACK_SECTION_MAX)
		return error_set(err, TAPE_ERR_LIMIT, NULL, 0,
				 "a section of %zu bytes is too long", raw_len);
	if (level > 0 && raw_len > 64)
		stored = compress(codec, level, raw, raw_len, out);
	if (stored < 0 || pack_bytes_reserve(out, PACK_SECTION_HEADER + raw_len) != 0)
		return no_memory(err);
	header = out->data + out->len;
	memset(header, 0, PACK_SECTION_HEADER);
	put_le16(header, kind);
	header[2] = stored != 0 ? PACK_ZSTD : PACK_STORED;
	put_le32(header + 4, number);
	put_le32(header + 8, part);
	put_le32(header + 12, stored != 0 ? (uint32_t)stored : (uint32_t)raw_len);
	put_le32(header + 16, (uint32_t)raw_len);
	if (stored == 0 && raw_len != 0)
		memcpy(header + PACK_SECTION_HEADER, raw, raw_len);
	out->len += PACK_SECTION_HEADER + (stored != 0 ? (size_t)stored : raw_len);
	return 0;
}

/* ---- writing ---- */

#define WRITE_BYTES (1u << 20)
#define SYNC_BYTES                                                                       \
	(UINT64_C(8) << 20) /* the disk begins to work before the fsync at the end */

struct pack_writer {
	int fd;
	uint64_t seed, offset, sections;
	struct hash_stream *hash;
	struct pack_bytes pending; /* not written yet */
	uint64_t written, begun;   /* so far to the file; of that, on its way to disk */
	char name[64];
	bool failed;
};

void
pack_header_write(const struct pack_id *id, uint8_t buf[PACK_HEADER])
{
	static const uint8_t magic[8] = PACK_MAGIC;

	memset(buf, 0, PACK_HEADER);
	memcpy(buf, magic, sizeof magic);
	put_le32(buf + 8, PACK_VERSION);
	put_le32(buf + 20, id->kind);
	memcpy(buf + 24, id->tape, sizeof id->tape);
	memcpy(buf + 40, id->uid, sizeof id->uid);
	put_le64(buf + 56, hash_check(buf, 56, 0));
}

static int
write_out(struct pack_writer *w, const void *data, size_t len, struct tape_error *err)
{
	int r = len == 0 ? 0 : os_write_all(w->fd, data, len, NULL);

	if (r != 0) {
		w->failed = true;
		return error_io(err, r, w->name, "cannot write the pack");
	}
	w->written += len;
	if (w->written - w->begun >= SYNC_BYTES) {
		os_sync_begin(w->fd, w->begun, w->written - w->begun);
		w->begun = w->written;
	}
	return 0;
}

static int
flush(struct pack_writer *w, struct tape_error *err)
{
	int r = write_out(w, w->pending.data, w->pending.len, err);

	w->pending.len = 0;
	return r;
}

static int
put(struct pack_writer *w, const void *data, size_t len, struct tape_error *err)
{
	if (w->failed)
		return error_set(err, TAPE_ERR_IO, w->name, 0,
				 "the pack failed before; nothing more is written");
	hash_stream_add(w->hash, data, len);
	w->offset += len;
	if (len >= WRITE_BYTES / 4) {
		int r = flush(w, err);

		return r == 0 ? write_out(w, data, len, err) : r;
	}
	if (pack_bytes_add(&w->pending, data, len) != 0) {
		w->failed = true;
		return no_memory(err);
	}
	return w->pending.len < WRITE_BYTES ? 0 : flush(w, err);
}

int
pack_writer_open(int dir, const char *name, const struct pack_id *id,
		 struct pack_writer **out, struct tape_error *err)
{
	struct pack_writer *w = calloc(1, sizeof *w);
	uint8_t header[PACK_HEADER];
	int r;

	if (w == NULL)
		return no_memory(err);
	w->fd = -1;
	w->hash = hash_stream_new();
	if (w->hash == NULL) {
		pack_writer_drop(w);
		return no_memory(err);
	}
	hash_stream_reset(w->hash);
	(void)strncpy(w->name, name, sizeof w->name - 1);
	r = os_create(dir, name, &w->fd);
	if (r != 0) {
		r = error_io(err, r, w->name, "cannot create the pack");
		pack_writer_drop(w);
		return r;
	}
	pack_header_write(id, header);
	w->seed = hash_check(header + 24, 32, 0);
	r = put(w, header, sizeof header, err);
	if (r != 0) {
		pack_writer_drop(w);
		return r;
	}
	*out = w;
	return 0;
}

uint64_t
pack_writer_offset(const struct pack_writer *w)
{
	return w->offset;
}

int
pack_writer_add(struct pack_writer *w, struct pack_bytes *made, uint64_t *offset,
		struct tape_error *err)
{
	uint64_t first = w->offset;
	size_t at = 0;
	int r;

	while (at + PACK_SECTION_HEADER <= made->len) {
		uint8_t *header = made->data + at;
		size_t stored = get_le32(header + 12);

		put_le64(header + 24, first + at);
		put_le64(header + 32,
			 hash_check(header + PACK_SECTION_HEADER, stored, w->seed));
		put_le64(header + 40, hash_check(header, 40, w->seed));
		at += PACK_SECTION_HEADER + stored;
		w->sections++;
	}
	r = put(w, made->data, made->len, err);
	if (r == 0 && offset != NULL)
		*offset = first;
	return r;
}

int
pack_writer_finish(struct pack_writer *w, uint64_t root_offset, uint64_t *size,
		   struct tape_hash *hash, struct tape_error *err)
{
	static const uint8_t magic[8] = PACK_END_MAGIC;
	uint8_t trailer[PACK_TRAILER] = { 0 };
	int r;

	memcpy(trailer, magic, sizeof magic);
	put_le64(trailer + 8, root_offset);
	put_le64(trailer + 16, w->sections);
	put_le64(trailer + 24, w->offset + PACK_TRAILER);
	put_le64(trailer + 56, hash_check(trailer, 56, w->seed));
	r = put(w, trailer, sizeof trailer, err);
	if (r == 0)
		r = flush(w, err);
	if (r == 0) {
		r = os_fsync(w->fd);
		if (r != 0)
			r = error_io(err, r, w->name, "cannot bring the pack to disk");
	}
	if (r == 0) {
		*size = w->offset;
		*hash = hash_stream_end(w->hash);
	}
	pack_writer_drop(w);
	return r;
}

void
pack_writer_drop(struct pack_writer *w)
{
	if (w == NULL)
		return;
	os_close(&w->fd);
	hash_stream_free(w->hash);
	pack_bytes_release(&w->pending);
	free(w);
}
