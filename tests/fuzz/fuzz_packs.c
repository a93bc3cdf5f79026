/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs of scopes and of blobs from bytes. The first byte says how the rest becomes a
 * file: '0' as it stands; anything else: its header, its sections and its trailer are
 * sealed with right checksums first. Then everything a reader does.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/blobpack.h"
#include "format/hash.h"
#include "format/le.h"
#include "format/scopepack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BLOB_MAX (1u << 20)

/* ---- sealing: docs/format/pack.md ---- */

static void
seal(uint8_t *file, size_t size)
{
	size_t at = PACK_HEADER;
	uint64_t seed;

	if (size < PACK_HEADER + PACK_TRAILER)
		return;
	put_le64(file + 56, hash_check(file, 56, 0));
	seed = hash_check(file + 24, 32, 0);
	while (at + PACK_SECTION_HEADER <= size - PACK_TRAILER) {
		uint8_t *s = file + at;
		size_t room = size - PACK_TRAILER - at - PACK_SECTION_HEADER;
		uint32_t stored = get_le32(s + 12);

		if (stored > room)
			put_le32(s + 12, stored = (uint32_t)room);
		put_le64(s + 24, at);
		put_le64(s + 32, hash_check(s + PACK_SECTION_HEADER, stored, seed));
		put_le64(s + 40, hash_check(s, 40, seed));
		at += PACK_SECTION_HEADER + stored;
	}
	put_le64(file + size - 64 + 24, size);
	put_le64(file + size - 8, hash_check(file + size - 64, 56, seed));
}

/* ---- reading ---- */

static uint64_t sum; /* of every byte given: a sanitizer sees what lies outside */

static void
touch(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++)
		sum += at[i];
}

static void
read_block(const struct scopepack *p, struct pack_codec *codec, uint32_t number)
{
	struct scopepack_block b = { .number = 0 };
	struct column_memory m = { 0 };
	struct pack_bytes one = { 0 };
	struct column c;

	if (scopepack_block_read(p, codec, number, &b, NULL, NULL) != 0)
		goto out;
	for (uint32_t g = 0; g < b.rows_groups; g++)
		for (unsigned which = 0; which < ROWS_COLUMNS; which++) {
			one.len = 0;
			(void)scopepack_rows_read(p, codec, &b, g, (enum row_column)which,
						  &m, &c, NULL, NULL);
			(void)scopepack_rows_value(p, codec, &b, g,
						   (enum row_column)which, number, &m,
						   &one, NULL, NULL);
		}
	for (uint32_t g = 0; g < b.group_count; g++) {
		one.len = 0;
		(void)scopepack_group_forms(p, codec, &b, g, &m, &c, NULL, NULL);
		(void)scopepack_form_value(p, codec, &b, g, 0, &m, &one, NULL, NULL);
		for (uint32_t k = 0; k < b.groups[g].chunk_count; k++) {
			const struct block_chunk *chunk = &b.groups[g].chunks[k];

			one.len = 0;
			(void)scopepack_chunk_read(p, codec, &b, g, chunk, &m, &c, NULL,
						   NULL);
			(void)scopepack_chunk_value(p, codec, &b, g, chunk, k, &m, &one,
						    NULL, NULL);
			touch(one.data, one.len);
		}
	}
out:
	column_memory_release(&m);
	pack_bytes_release(&one);
	scopepack_block_release(&b);
}

static void
read_scopes(const struct block_source *source, const struct pack_id *id,
	    struct pack_codec *codec)
{
	struct pack_bytes raw = { 0 };
	struct scopepack p;

	memset(&p, 0, sizeof p);
	if (scopepack_open(source, "scopes.pack", id, codec, &p, NULL) != 0)
		return;
	for (uint32_t i = 0; i < p.session_count; i++)
		if (scopepack_manifest(&p, codec, i, &raw, NULL) == 0)
			touch(raw.data, raw.len);
	for (uint32_t i = 0; i < p.block_count; i++)
		read_block(&p, codec, i);
	pack_bytes_release(&raw);
	scopepack_close(&p);
}

static void
read_blobs(const struct block_source *source, const struct pack_id *id)
{
	struct blobpack *p = NULL;
	uint8_t *buf = malloc(BLOB_MAX);

	if (buf != NULL && blobpack_open(source, "blobs.pack", id->tape, &p, NULL) == 0)
		for (size_t i = 0; i < blobpack_count(p); i++) {
			const struct blobpack_entry *e = blobpack_entry_at(p, i);
			size_t len = e->size < BLOB_MAX ? (size_t)e->size : BLOB_MAX;

			if (blobpack_read(p, e, buf, e->size - len, len, NULL) == 0)
				touch(buf, len);
		}
	blobpack_close(p);
	free(buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *file = malloc(size + 1);
	struct pack_codec *codec = pack_codec_new();

	if (size > PACK_HEADER && file != NULL && codec != NULL) {
		struct block_memory memory = { file, size - 1 };
		struct block_source source = block_from_memory(&memory);
		struct pack_id id = { .kind = PACK_SCOPES };

		memcpy(file, data + 1, size - 1);
		if (data[0] != '0')
			seal(file, size - 1);
		memcpy(id.tape, file + 24, sizeof id.tape);
		if (get_le32(file + 20) == PACK_BLOBS)
			read_blobs(&source, &id);
		else
			read_scopes(&source, &id, codec);
	}
	pack_codec_free(codec);
	free(file);
	return 0;
}
