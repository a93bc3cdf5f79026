/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An index, as anybody may have written it. First byte: "k" = a whole pack,
 * sealed anew, so that what is in its sections is looked at; "r" = a section of
 * repeats; else one of fingerprints.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "format/index_io.h"

#define CONTENTS 1000000u
#define BLOCKS 100u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Checksums as if a writer had written these bytes. */
static void
seal(uint8_t *pack, size_t size)
{
	uint64_t key;
	size_t at = PACK_HEADER;

	if (size < PACK_HEADER + PACK_TRAILER)
		return;
	put_le64(pack + 56, hash_check(pack, 56, 0));
	key = hash_check(pack + 24, 32, 0);
	while (at + PACK_SECTION_HEADER <= size - PACK_TRAILER) {
		uint8_t *header = pack + at;
		size_t stored = get_le32(header + 12);

		if (stored > size - PACK_TRAILER - at - PACK_SECTION_HEADER)
			break;
		put_le64(header + 24, at);
		put_le64(header + 32,
			 hash_check(header + PACK_SECTION_HEADER, stored, key));
		put_le64(header + 40, hash_check(header, 40, key));
		at += PACK_SECTION_HEADER + stored;
	}
	put_le64(pack + size - 8, hash_check(pack + size - PACK_TRAILER, 56, key));
}

static int
count(void *user, const uint8_t fingerprint[FINGERPRINT_BYTES], uint64_t ordinal)
{
	uint64_t *most = user;

	(void)fingerprint;
	/* What is found is there. */
	if (ordinal >= *most)
		abort();
	return 0;
}

static int
count_place(void *user, uint64_t ref, uint32_t place)
{
	const struct index_counts *counts = user;

	if (place >= counts->blocks * BLOCK_GROUPS ||
	    (CONTENT_FOREIGN(ref) == 0 && ref >= counts->contents))
		abort();
	return 0;
}

static void
ask(struct index_reader *x, const uint8_t *bytes)
{
	struct index_values v = { 0 };
	struct index_counts counts;
	struct tape_hash hash;
	struct index_blob blob;
	uint32_t *blocks = NULL;
	size_t n = 0;

	memcpy(hash.byte, bytes, sizeof hash.byte);
	index_counts(x, &counts);
	(void)index_check(x, NULL);
	for (unsigned bits = 0; bits < 130; bits += 13) {
		(void)index_find_content(x, bytes, bits, count, &counts.contents, NULL);
		(void)index_find_referrers(x, bytes, bits, count, &counts.contents, NULL);
	}
	(void)index_each_content(x, bytes, count, &counts.contents, NULL);
	(void)index_each_repeat(x, count_place, &counts, NULL);
	for (unsigned ref = 0; ref < 20; ref++)
		(void)index_find_repeats(x, ref, count_place, &counts, NULL);
	(void)index_find_blob(x, &hash, &blob, NULL);
	for (uint32_t b = 0; b < 3; b++)
		for (uint32_t c = 0; c < 6; c++)
			(void)index_values_read(x, b, c, &v, NULL, NULL);
	if (index_label_blocks(x, "solve", &blocks, &n, NULL) == 0) {
		for (size_t i = 0; i < n; i++)
			if (blocks[i] >= counts.blocks)
				abort();
		free(blocks);
	}
	index_values_release(&v);
}

static void
whole(const uint8_t *data, size_t size)
{
	uint8_t *pack = malloc(size + 1);
	struct block_memory memory = { pack, size };
	struct block_source source = block_from_memory(&memory);
	struct index_reader *x = NULL;
	struct pack_id id = { .kind = PACK_INDEX };

	if (pack == NULL)
		return;
	memcpy(pack, data, size);
	seal(pack, size);
	if (size >= PACK_HEADER)
		memcpy(id.tape, pack + 24, sizeof id.tape);
	if (index_open_source(&source, "index.pack", &id, &x, NULL) == 0)
		ask(x, pack + size - 16);
	index_close(x);
	free(pack);
}

static void
pairs(const uint8_t *data, size_t size)
{
	struct index_pair *list = malloc(INDEX_PAIRS * sizeof *list);
	struct pack_bytes again = { 0 };
	uint32_t n = 0;

	if (list != NULL && index_pairs_decode(data, size, CONTENTS, list, &n) == 0) {
		if (n == 0 || n > INDEX_PAIRS ||
		    index_pairs_encode(list, n, &again) != 0 || again.len > size)
			abort();
		pack_bytes_release(&again);
	}
	free(list);
}

static void
repeats(const uint8_t *data, size_t size)
{
	struct index_repeat *list = malloc(INDEX_REPEATS_MAX * sizeof *list);
	struct pack_bytes again = { 0 };
	uint32_t n = 0;

	if (list != NULL &&
	    index_repeats_decode(data, size, BLOCKS, CONTENTS, list, &n) == 0) {
		if (n == 0 || n > INDEX_REPEATS_MAX ||
		    index_repeats_encode(list, n, &again) != 0 || again.len > size)
			abort();
		pack_bytes_release(&again);
	}
	free(list);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size != 0 && data[0] == 'k')
		whole(data + 1, size - 1);
	else if (size != 0 && data[0] == 'r')
		repeats(data + 1, size - 1);
	else
		pairs(data, size);
	return 0;
}
