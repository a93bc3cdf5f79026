/* SPDX-License-Identifier: Apache-2.0 */
/* Segment headers, frame headers, END payloads, and BLOB records by their place. */
#include "format/segment.h"

#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/le.h"
#include "format/limits.h"

#define SEGMENT_VERSION 1u
#define SEGMENT_BLOB_BIT 0x80000000u

static const uint8_t segment_magic[8] = { 0x8a, 'T', 'S', 'E', 'G', '\r', '\n', 0x1a };

static struct segment_key
key_of(const uint8_t *header)
{
	struct segment_key key = {
		.sync = hash_check(header + 24, 32, 1),
		.seed = hash_check(header + 24, 32, 0),
	};

	return key;
}

void
segment_header_write(const struct segment_id *id, uint8_t buf[SEGMENT_HEADER],
		     struct segment_key *key)
{
	memcpy(buf, segment_magic, sizeof segment_magic);
	put_le32(buf + 8, SEGMENT_VERSION);
	put_le32(buf + 12, 0);
	put_le32(buf + 16, 0);
	put_le32(buf + 20, id->blob ? 1 : 0);
	memcpy(buf + 24, id->tape, sizeof id->tape);
	put_le64(buf + 40, id->session[0]);
	put_le32(buf + 48, (uint32_t)id->session[1]);
	put_le32(buf + 52, id->number | (id->blob ? SEGMENT_BLOB_BIT : 0));
	put_le64(buf + 56, hash_check(buf, 56, 0));
	if (key != NULL)
		*key = key_of(buf);
}

/* Version and flags of a header whose checksum is right. */
static int
header_supported(const uint8_t *buf, struct tape_error *err)
{
	if (get_le32(buf + 8) == 0)
		return error_set(err, TAPE_ERR_DAMAGED, NULL, 8,
				 "the segment header has version 0");
	if (get_le32(buf + 8) > SEGMENT_VERSION)
		return error_set(err, TAPE_ERR_TOO_NEW, NULL, 8,
				 "the segment has format version %u, this program reads "
				 "up to %u: use a newer version of tape",
				 (unsigned)get_le32(buf + 8), SEGMENT_VERSION);
	if (get_le32(buf + 12) != 0 || get_le32(buf + 20) > 1)
		return error_set(err, TAPE_ERR_TOO_NEW, NULL, 12,
				 "the segment uses a feature that this program does not "
				 "know (flags %#x, kind %u): use a newer version of tape",
				 (unsigned)get_le32(buf + 12),
				 (unsigned)get_le32(buf + 20));
	if ((get_le32(buf + 20) == 1) != ((get_le32(buf + 52) & SEGMENT_BLOB_BIT) != 0))
		return error_set(err, TAPE_ERR_DAMAGED, NULL, 20,
				 "the segment header has a kind and a number that "
				 "contradict each other");
	return 0;
}

int
segment_header_read(const uint8_t buf[SEGMENT_HEADER], struct segment_id *id,
		    struct segment_key *key, struct tape_error *err)
{
	int status;

	if (memcmp(buf, segment_magic, sizeof segment_magic) != 0)
		return error_set(err, TAPE_ERR_DAMAGED, NULL, 0,
				 "the segment header does not begin as one: the file "
				 "cannot be read, restore it from a copy");
	if (get_le64(buf + 56) != hash_check(buf, 56, 0))
		return error_set(err, TAPE_ERR_DAMAGED, NULL, 0,
				 "the segment header has a wrong checksum: the file "
				 "cannot be read, restore it from a copy");
	status = header_supported(buf, err);
	if (status < 0)
		return status;
	memcpy(id->tape, buf + 24, sizeof id->tape);
	id->session[0] = get_le64(buf + 40);
	id->session[1] = get_le32(buf + 48);
	id->number = get_le32(buf + 52) & ~SEGMENT_BLOB_BIT;
	id->blob = get_le32(buf + 20) == 1;
	*key = key_of(buf);
	return 0;
}

/* ---- frames ---- */

void
frame_header_write(const struct segment_key *key, struct frame *frame,
		   const uint8_t *payload, uint8_t buf[FRAME_HEADER])
{
	frame->payload_check = hash_check(payload, frame->payload_bytes, key->seed);
	put_le64(buf, key->sync);
	buf[8] = frame->kind;
	buf[9] = frame->flags;
	put_le16(buf + 10, frame->contents);
	put_le32(buf + 12, frame->payload_bytes);
	put_le64(buf + 16, frame->first_seq);
	put_le32(buf + 24, frame->scopes);
	put_le32(buf + 28, frame->records);
	put_le64(buf + 32, (uint64_t)frame->base_time);
	put_le64(buf + 40, frame->offset);
	put_le64(buf + 48, frame->payload_check);
	put_le64(buf + 56, hash_check(buf, 56, key->seed));
}

bool
frame_header_read(const struct segment_key *key, const uint8_t buf[FRAME_HEADER],
		  uint64_t offset, struct frame *out)
{
	if (get_le64(buf) != key->sync || get_le64(buf + 40) != offset ||
	    get_le64(buf + 56) != hash_check(buf, 56, key->seed))
		return false;
	out->kind = buf[8];
	out->flags = buf[9];
	out->contents = get_le16(buf + 10);
	out->payload_bytes = get_le32(buf + 12);
	out->first_seq = get_le64(buf + 16);
	out->scopes = get_le32(buf + 24);
	out->records = get_le32(buf + 28);
	out->base_time = (int64_t)get_le64(buf + 32);
	out->offset = offset;
	out->payload_check = get_le64(buf + 48);
	return true;
}

void
end_payload_write(const struct end_info *end, uint8_t buf[END_PAYLOAD])
{
	put_le64(buf, end->next_seq);
	put_le64(buf + 8, end->scopes);
	put_le64(buf + 16, end->frames);
	put_le32(buf + 24, end->reason);
	put_le32(buf + 28, 0);
}

int
end_payload_read(const uint8_t *buf, size_t len, struct end_info *out)
{
	if (len != END_PAYLOAD)
		return TAPE_ERR_DAMAGED;
	out->next_seq = get_le64(buf);
	out->scopes = get_le64(buf + 8);
	out->frames = get_le64(buf + 16);
	out->reason = get_le32(buf + 24);
	return 0;
}

/* ---- blobs ---- */

static int
read_exactly(const struct block_source *source, void *buf, size_t len, uint64_t offset,
	     struct tape_error *err)
{
	int64_t got = source->pread(source->user, buf, len, offset);

	if (got < 0)
		return error_io(err, (int)got, NULL, "cannot read a blob at offset %llu",
				(unsigned long long)offset);
	if ((uint64_t)got != len)
		return error_set(err, TAPE_ERR_DAMAGED, NULL, offset,
				 "the file ends in the middle of a blob");
	return 0;
}

static bool
is_that_blob(const uint8_t *prefix, const struct tape_hash *hash, uint64_t size)
{
	return get_le32(prefix) == BLOB_PREFIX + size && prefix[4] == RECORD_BLOB &&
	       memcmp(prefix + 8, hash->byte, sizeof hash->byte) == 0 &&
	       get_le64(prefix + 24) == size;
}

int
segment_read_blob(const struct block_source *source, uint64_t offset,
		  const struct tape_hash *hash, uint64_t size, uint8_t **data_out,
		  struct tape_error *err)
{
	uint8_t prefix[BLOB_PREFIX];
	struct tape_hash found;
	uint8_t *data;
	int status;

	if (size > LIMIT_RECORD - BLOB_PREFIX || offset > source->size ||
	    source->size - offset < BLOB_PREFIX + size)
		return error_set(err, TAPE_ERR_DAMAGED, NULL, offset,
				 "there is no room for the blob that should be here");
	status = read_exactly(source, prefix, sizeof prefix, offset, err);
	if (status < 0)
		return status;
	if (!is_that_blob(prefix, hash, size))
		return error_set(err, TAPE_ERR_DAMAGED, NULL, offset,
				 "the blob that should be here is not");
	if (data_out == NULL)
		return 0;
	data = malloc(size > 0 ? (size_t)size : 1);
	if (data == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, offset,
				 "no memory for a blob of %llu bytes",
				 (unsigned long long)size);
	status = read_exactly(source, data, (size_t)size, offset + BLOB_PREFIX, err);
	if (status < 0)
		goto out;
	found = hash_bytes(data, (size_t)size);
	if (!hash_equal(&found, hash)) {
		status = error_set(err, TAPE_ERR_DAMAGED, NULL, offset,
				   "the bytes of a blob do not have its hash");
		goto out;
	}
	*data_out = data;
	return 0;
out:
	free(data);
	return status;
}
