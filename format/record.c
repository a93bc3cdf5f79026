/* SPDX-License-Identifier: Apache-2.0 */
/* Records: the parts of a payload (docs/format/segment.md section 5). */
#include <string.h>

#include "format/error.h"
#include "format/le.h"
#include "format/limits.h"
#include "format/segment.h"

static struct tape_hash
get_hash(const uint8_t *at)
{
	struct tape_hash hash;

	memcpy(hash.byte, at, sizeof hash.byte);
	return hash;
}

/* The rest of a NOTE; false if its lengths do not fill the record. */
static bool
note_read(struct record *out)
{
	const uint8_t *at = out->data + RECORD_HEADER;
	size_t left = out->len - RECORD_HEADER, key_len, value_len;

	if (left < 6)
		return false;
	key_len = get_le16(at);
	if (key_len < 1 || key_len > LIMIT_NAME || left - 6 < key_len)
		return false;
	value_len = get_le32(at + 2 + key_len);
	if (value_len > LIMIT_NOTE_VALUE || left - 6 - key_len != value_len)
		return false;
	out->note_key = (const char *)at + 2;
	out->note_key_len = (uint32_t)key_len;
	out->body = at + 6 + key_len;
	out->body_len = value_len;
	return true;
}

static bool
blob_read(struct record *out)
{
	if (out->len < BLOB_PREFIX ||
	    get_le64(out->data + 24) != (uint64_t)out->len - BLOB_PREFIX)
		return false;
	out->hash = get_hash(out->data + 8);
	out->body = out->data + BLOB_PREFIX;
	out->body_len = out->len - BLOB_PREFIX;
	return true;
}

/* Kinds that are rare, after the length was found usable. */
static bool
fields_read(struct record *out)
{
	const uint8_t *at = out->data + RECORD_HEADER;

	switch (out->kind) {
	case RECORD_BLOB:
		return blob_read(out);
	case RECORD_CACHE:
		if (out->len != CACHE_RECORD)
			return false;
		out->hash = get_hash(at);
		out->target = get_le64(at + 16);
		return true;
	case RECORD_CACHE_DROP:
		if (out->len != CACHE_DROP_RECORD)
			return false;
		out->hash = get_hash(at);
		return true;
	case RECORD_CONTINUE:
		if (out->len != CONTINUE_RECORD)
			return false;
		out->pos.session[0] = get_le64(at);
		out->pos.session[1] = get_le64(at + 8);
		out->pos.seq = get_le64(at + 16);
		return true;
	case RECORD_MARK:
		if (out->len != MARK_RECORD)
			return false;
		out->mark_segment = get_le32(at);
		out->mark_offset = get_le64(at + 8);
		return true;
	case RECORD_NOTE:
		return note_read(out);
	default: /* PAD, and kinds that may be skipped */
		return true;
	}
}

uint16_t
record_contents(unsigned kind)
{
	static const uint16_t bits[] = {
		[RECORD_FORM] = HAS_FORM,	  [RECORD_SCOPE] = HAS_SCOPE,
		[RECORD_LINK] = HAS_LINK,	  [RECORD_PROJECTION] = HAS_PROJECTION,
		[RECORD_BLOB] = HAS_BLOB,	  [RECORD_BOOKMARK] = HAS_BOOKMARK,
		[RECORD_CACHE] = HAS_CACHE,	  [RECORD_CACHE_DROP] = HAS_CACHE,
		[RECORD_CONTINUE] = HAS_CONTINUE, [RECORD_MARK] = HAS_MARK,
		[RECORD_NOTE] = HAS_NOTE,
	};

	return kind < sizeof bits / sizeof *bits ? bits[kind] : 0;
}

int
record_next(const uint8_t *payload, size_t len, size_t *at, struct record *out)
{
	const uint8_t *data = payload + *at;
	size_t left = len - *at;
	uint32_t size, kind;

	if (left == 0)
		return 0;
	if (left < RECORD_HEADER)
		return TAPE_ERR_DAMAGED;
	size = get_le32(data);
	kind = get_le32(data + 4);
	if (size < RECORD_HEADER || size > left || size > LIMIT_RECORD)
		return TAPE_ERR_DAMAGED;
	out->form = kind >> 8;
	kind &= 0xff;
	if (kind > RECORD_NOTE && kind < 128)
		return TAPE_ERR_TOO_NEW;
	*at += size;
	out->kind = (uint8_t)kind;
	out->data = data;
	out->len = size;
	switch (kind) {
	case RECORD_SCOPE:
	case RECORD_BOOKMARK:
		if (size < SCOPE_PREFIX || out->form == 0)
			return TAPE_ERR_DAMAGED;
		out->time_delta = (int64_t)get_le64(data + 8);
		out->body = data + SCOPE_PREFIX;
		out->body_len = size - SCOPE_PREFIX;
		return 1;
	case RECORD_LINK:
	case RECORD_PROJECTION:
		if (size != LINK_RECORD || out->form == 0)
			return TAPE_ERR_DAMAGED;
		out->time_delta = (int64_t)get_le64(data + 8);
		out->target = get_le64(data + 16);
		return 1;
	case RECORD_FORM: /* form_decode checks the rest */
		return out->form != 0 ? 1 : TAPE_ERR_DAMAGED;
	default:
		return fields_read(out) ? 1 : TAPE_ERR_DAMAGED;
	}
}

/* Has a record of this kind a seq, and a size that such a one can have? */
static bool
seq_record_fits(unsigned kind, uint32_t size)
{
	if (kind == RECORD_SCOPE || kind == RECORD_BOOKMARK)
		return size >= SCOPE_PREFIX && size <= LIMIT_RECORD;
	return (kind == RECORD_LINK || kind == RECORD_PROJECTION) && size == LINK_RECORD;
}

uint32_t
record_hop(const uint8_t *payload, size_t len, size_t *at, uint32_t form)
{
	uint32_t count = 0;

	while (form != 0 && len - *at >= RECORD_HEADER) {
		uint32_t size = get_le32(payload + *at);
		uint32_t kind = get_le32(payload + *at + 4);

		if (kind >> 8 != form || size > len - *at ||
		    !seq_record_fits(kind & 0xff, size))
			break;
		*at += size;
		count++;
	}
	return count;
}

/* ---- writing ---- */

void
record_header_write(uint8_t *buf, uint32_t len, unsigned kind, uint32_t form)
{
	put_le32(buf, len);
	put_le32(buf + 4, kind | form << 8);
}

size_t
record_link_write(uint8_t *buf, unsigned kind, uint32_t form, int64_t delta,
		  uint64_t target)
{
	record_header_write(buf, LINK_RECORD, kind, form);
	put_le64(buf + 8, (uint64_t)delta);
	put_le64(buf + 16, target);
	return LINK_RECORD;
}

size_t
record_blob_prefix_write(uint8_t *buf, const struct tape_hash *hash, uint64_t size)
{
	record_header_write(buf, (uint32_t)(BLOB_PREFIX + size), RECORD_BLOB, 0);
	memcpy(buf + 8, hash->byte, sizeof hash->byte);
	put_le64(buf + 24, size);
	return BLOB_PREFIX;
}

size_t
record_cache_write(uint8_t *buf, const struct tape_hash *key, uint64_t seq)
{
	record_header_write(buf, CACHE_RECORD, RECORD_CACHE, 0);
	memcpy(buf + 8, key->byte, sizeof key->byte);
	put_le64(buf + 24, seq);
	return CACHE_RECORD;
}

size_t
record_cache_drop_write(uint8_t *buf, const struct tape_hash *key)
{
	record_header_write(buf, CACHE_DROP_RECORD, RECORD_CACHE_DROP, 0);
	memcpy(buf + 8, key->byte, sizeof key->byte);
	return CACHE_DROP_RECORD;
}

size_t
record_continue_write(uint8_t *buf, const struct tape_pos *pos)
{
	record_header_write(buf, CONTINUE_RECORD, RECORD_CONTINUE, 0);
	put_le64(buf + 8, pos->session[0]);
	put_le64(buf + 16, pos->session[1]);
	put_le64(buf + 24, pos->seq);
	return CONTINUE_RECORD;
}

size_t
record_mark_write(uint8_t *buf, uint32_t segment, uint64_t offset)
{
	record_header_write(buf, MARK_RECORD, RECORD_MARK, 0);
	put_le32(buf + 8, segment);
	put_le32(buf + 12, 0);
	put_le64(buf + 16, offset);
	return MARK_RECORD;
}

/* What a note keeps of its key and value: the limits cut them. */
static size_t
note_key_len(const char *key)
{
	return strnlen(key, LIMIT_NAME);
}

static size_t
note_value_len(const char *value)
{
	return strnlen(value, LIMIT_NOTE_VALUE);
}

size_t
record_note_size(const char *key, const char *value)
{
	return RECORD_HEADER + 6 + note_key_len(key) + note_value_len(value);
}

size_t
record_note_write(uint8_t *buf, const char *key, const char *value)
{
	size_t key_len = note_key_len(key), value_len = note_value_len(value);
	size_t size = record_note_size(key, value);
	uint8_t *at = buf + RECORD_HEADER;

	record_header_write(buf, (uint32_t)size, RECORD_NOTE, 0);
	put_le16(at, (uint16_t)key_len);
	memcpy(at + 2, key, key_len);
	put_le32(at + 2 + key_len, (uint32_t)value_len);
	memcpy(at + 6 + key_len, value, value_len);
	return size;
}
