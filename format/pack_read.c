/* SPDX-License-Identifier: Apache-2.0 */
/* Packs read: any bytes may come, only verified ones are used. */
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/le.h"
#include "format/pack_io.h"

static int
read_at(const struct pack_reader *r, void *buf, size_t len, uint64_t offset,
	struct tape_error *err)
{
	int64_t got;

	if (offset > r->source.size || len > r->source.size - offset)
		return error_set(err, TAPE_ERR_DAMAGED, r->file, offset,
				 "the file ends too early; restore it from a copy");
	got = r->source.pread(r->source.user, buf, len, offset);
	if (got < 0)
		return error_io(err, (int)got, r->file, "cannot read the pack");
	if ((size_t)got != len)
		return error_set(err, TAPE_ERR_DAMAGED, r->file, offset + (uint64_t)got,
				 "the file became shorter; restore it from a copy");
	return 0;
}

static int
header_read(const uint8_t *buf, struct pack_reader *r, struct tape_error *err)
{
	static const uint8_t magic[8] = PACK_MAGIC;

	if (memcmp(buf, magic, sizeof magic) != 0 ||
	    get_le64(buf + 56) != hash_check(buf, 56, 0))
		return error_set(err, TAPE_ERR_DAMAGED, r->file, 0,
				 "this is no pack, or its header is damaged; restore the "
				 "file from a copy");
	if (get_le32(buf + 8) > PACK_VERSION || get_le32(buf + 12) != 0)
		return error_set(err, TAPE_ERR_TOO_NEW, r->file, 8,
				 "the pack has format version %u or a flag that this "
				 "program does not know: use a newer version of tape",
				 (unsigned)get_le32(buf + 8));
	if (get_le32(buf + 8) == 0 || get_le32(buf + 20) < PACK_SCOPES ||
	    get_le32(buf + 20) > PACK_BLOBS)
		return error_set(err, TAPE_ERR_DAMAGED, r->file, 8,
				 "the pack's header has a wrong version or kind");
	r->id.kind = (uint8_t)get_le32(buf + 20);
	memcpy(r->id.tape, buf + 24, sizeof r->id.tape);
	memcpy(r->id.uid, buf + 40, sizeof r->id.uid);
	r->seed = hash_check(buf + 24, 32, 0);
	return 0;
}

static int
trailer_read(const uint8_t *buf, struct pack_reader *r, struct tape_error *err)
{
	static const uint8_t magic[8] = PACK_END_MAGIC;

	if (memcmp(buf, magic, sizeof magic) != 0 ||
	    get_le64(buf + 56) != hash_check(buf, 56, r->seed) ||
	    get_le64(buf + 24) != r->source.size)
		return error_set(err, TAPE_ERR_DAMAGED, r->file,
				 r->source.size - PACK_TRAILER,
				 "the pack is truncated or its end is damaged; restore "
				 "the file from a copy");
	r->root = get_le64(buf + 8);
	r->sections = get_le64(buf + 16);
	return 0;
}

int
pack_reader_open(const struct block_source *source, const char *file,
		 const struct pack_id *expect, struct pack_reader *out,
		 struct tape_error *err)
{
	static const uint8_t any[16];
	struct pack_reader r = { .source = *source, .file = file };
	uint8_t buf[PACK_HEADER];
	int status;

	if (source->size < PACK_HEADER + PACK_TRAILER)
		return error_set(err, TAPE_ERR_DAMAGED, file, source->size,
				 "the pack is truncated; restore the file from a copy");
	status = read_at(&r, buf, sizeof buf, 0, err);
	if (status == 0)
		status = header_read(buf, &r, err);
	if (status != 0)
		return status;
	if (expect != NULL &&
	    (expect->kind != r.id.kind || memcmp(expect->tape, r.id.tape, 16) != 0 ||
	     (memcmp(expect->uid, any, 16) != 0 &&
	      memcmp(expect->uid, r.id.uid, 16) != 0)))
		return error_set(err, TAPE_ERR_DAMAGED, file, 24,
				 "this pack belongs to another place (misplaced file)");
	status = read_at(&r, buf, sizeof buf, source->size - PACK_TRAILER, err);
	if (status == 0)
		status = trailer_read(buf, &r, err);
	if (status == 0)
		*out = r;
	return status;
}

/* A section's header from its bytes; what it says lies within the file. */
static int
section_parse(const struct pack_reader *r, const uint8_t *buf, uint64_t offset,
	      struct pack_section *out, struct tape_error *err)
{
	struct pack_section s = { .offset = offset };

	if (get_le64(buf + 40) != hash_check(buf, 40, r->seed) ||
	    get_le64(buf + 24) != offset)
		goto damaged;
	s.kind = get_le16(buf);
	s.encoding = buf[2];
	s.number = get_le32(buf + 4);
	s.part = get_le32(buf + 8);
	s.stored = get_le32(buf + 12);
	s.raw = get_le32(buf + 16);
	s.check = get_le64(buf + 32);
	if (s.stored > PACK_SECTION_MAX || s.raw > PACK_SECTION_MAX ||
	    (s.encoding == PACK_STORED && s.stored != s.raw) ||
	    offset + PACK_SECTION_HEADER + s.stored > r->source.size - PACK_TRAILER)
		goto damaged;
	*out = s;
	return 0;
damaged:
	return error_set(err, TAPE_ERR_DAMAGED, r->file, offset,
			 "the header of a section is damaged");
}

static bool
in_file(const struct pack_reader *r, uint64_t offset)
{
	return offset >= PACK_HEADER &&
	       offset <= r->source.size - PACK_TRAILER - PACK_SECTION_HEADER;
}

static int
outside(const struct pack_reader *r, uint64_t offset, struct tape_error *err)
{
	return error_set(err, TAPE_ERR_DAMAGED, r->file, 0,
			 "a section is said to be at %llu, where none can be",
			 (unsigned long long)offset);
}

int
pack_section_header(const struct pack_reader *r, uint64_t offset,
		    struct pack_section *out, struct tape_error *err)
{
	uint8_t buf[PACK_SECTION_HEADER];
	int status;

	if (r->source.size < PACK_HEADER + PACK_TRAILER + PACK_SECTION_HEADER ||
	    !in_file(r, offset))
		return outside(r, offset, err);
	status = read_at(r, buf, sizeof buf, offset, err);
	return status != 0 ? status : section_parse(r, buf, offset, out, err);
}

/* Header and stored bytes into codec->stored. */
static int
section_load(const struct pack_reader *r, struct pack_codec *codec, uint64_t offset,
	     uint32_t hint, struct pack_section *out, struct tape_error *err)
{
	struct pack_bytes *b = &codec->stored;
	uint64_t end = r->source.size - PACK_TRAILER;
	size_t first = hint < PACK_SECTION_HEADER ? PACK_SECTION_HEADER : hint, whole;
	int status;

	if (r->source.size < PACK_HEADER + PACK_TRAILER + PACK_SECTION_HEADER ||
	    !in_file(r, offset))
		return outside(r, offset, err);
	if (first > end - offset)
		first = (size_t)(end - offset);
	b->len = 0;
	if (first > PACK_SECTION_MAX + PACK_SECTION_HEADER)
		first = PACK_SECTION_HEADER;
	if (pack_bytes_reserve(b, first) != 0)
		return error_set(err, TAPE_ERR_NOMEM, r->file, 0,
				 "no memory for a section");
	status = read_at(r, b->data, first, offset, err);
	if (status == 0)
		status = section_parse(r, b->data, offset, out, err);
	if (status != 0)
		return status;
	whole = PACK_SECTION_HEADER + (size_t)out->stored;
	if (pack_bytes_reserve(b, whole) != 0)
		return error_set(err, TAPE_ERR_NOMEM, r->file, 0,
				 "no memory for a section");
	if (whole > first)
		status = read_at(r, b->data + first, whole - first, offset + first, err);
	b->len = whole;
	return status;
}

static int
section_decode(const struct pack_reader *r, struct pack_codec *codec,
	       const struct pack_section *s, struct pack_bytes *raw,
	       struct tape_error *err)
{
	const uint8_t *stored = codec->stored.data + PACK_SECTION_HEADER;
	size_t got;

	raw->len = 0;
	if (s->encoding == PACK_ZSTD &&
	    ZSTD_getFrameContentSize(stored, s->stored) != s->raw)
		goto damaged;
	if (pack_bytes_reserve(raw, (size_t)s->raw + 1) != 0)
		return error_set(err, TAPE_ERR_NOMEM, r->file, s->offset,
				 "no memory for a section of %u bytes", (unsigned)s->raw);
	if (s->encoding == PACK_STORED) {
		memcpy(raw->data, stored, s->raw);
	} else {
		got = ZSTD_decompressDCtx(codec->in, raw->data, s->raw, stored,
					  s->stored);
		if (ZSTD_isError(got) &&
		    ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation)
			return error_set(err, TAPE_ERR_NOMEM, r->file, s->offset,
					 "no memory to decompress a section");
		if (ZSTD_isError(got) || got != s->raw)
			goto damaged;
	}
	raw->len = s->raw;
	return 0;
damaged:
	return error_set(err, TAPE_ERR_DAMAGED, r->file, s->offset,
			 "a section does not decompress to what its header says");
}

int
pack_section_read(const struct pack_reader *r, struct pack_codec *codec, uint64_t offset,
		  uint32_t hint, uint16_t kind, struct pack_section *section,
		  struct pack_bytes *raw, uint64_t *read_bytes, struct tape_error *err)
{
	struct pack_section s = { 0 };
	int status = section_load(r, codec, offset, hint, &s, err);

	if (status != 0)
		return status;
	if (read_bytes != NULL)
		*read_bytes += PACK_SECTION_HEADER + (uint64_t)s.stored;
	if (s.kind != kind)
		return error_set(err, TAPE_ERR_DAMAGED, r->file, offset,
				 "a section of kind %u stands where one of kind %u must",
				 (unsigned)s.kind, (unsigned)kind);
	if (s.check !=
	    hash_check(codec->stored.data + PACK_SECTION_HEADER, s.stored, r->seed))
		return error_set(err, TAPE_ERR_DAMAGED, r->file, offset,
				 "a section of %u bytes is damaged (wrong checksum)",
				 (unsigned)s.stored);
	if (s.encoding > PACK_ZSTD)
		return error_set(err, TAPE_ERR_TOO_NEW, r->file, offset,
				 "a section has an encoding that this program does not "
				 "know: use a newer version of tape");
	status = section_decode(r, codec, &s, raw, err);
	if (status == 0 && section != NULL)
		*section = s;
	return status;
}

int
pack_section_next(const struct pack_reader *r, uint64_t *offset, struct pack_section *out,
		  struct tape_error *err)
{
	int status;

	if (*offset == r->source.size - PACK_TRAILER)
		return 0;
	status = pack_section_header(r, *offset, out, err);
	if (status != 0)
		return status;
	*offset += PACK_SECTION_HEADER + (uint64_t)out->stored;
	return 1;
}
