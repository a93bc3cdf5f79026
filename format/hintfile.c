/* SPDX-License-Identifier: Apache-2.0 */
#include "format/hintfile.h"

#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "format/le.h"
#include "tape/value.h"

static const uint8_t magic[8] = { 0x8A, 'T', 'S', 'E', 'E', '\r', '\n', 0x1A };
#define VERSION 1u
#define CHECKED 88u
/* Entries that are looked at at once. */
#define PAGE 512u

uint64_t
hintfile_print(const struct tape_hash *hash)
{
	return __builtin_bswap64(get_le64(hash->byte));
}

uint64_t
hintfile_entry(const struct tape_hash *hash, uint64_t seq)
{
	return hintfile_print(hash) >> HINTFILE_SEQ_BITS << HINTFILE_SEQ_BITS | seq;
}

static int
by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
sort_few(uint64_t *entries, uint32_t count)
{
	if (count > 64) {
		qsort(entries, count, sizeof *entries, by_number);
		return;
	}
	for (uint32_t i = 1; i < count; i++) {
		uint64_t entry = entries[i];
		uint32_t at = i;

		for (; at > 0 && entries[at - 1] > entry; at--)
			entries[at] = entries[at - 1];
		entries[at] = entry;
	}
}

/* Hashes are spread evenly: by their first 16 bits, then the few of each. */
static void
sort_entries(uint64_t *entries, uint32_t count)
{
	uint64_t *sorted = malloc(count * sizeof *sorted);
	uint32_t *ends = calloc(65537, sizeof *ends), from = 0;

	if (count < 4096 || !sorted || !ends) {
		qsort(entries, count, sizeof *entries, by_number);
		goto out;
	}
	for (uint32_t i = 0; i < count; i++)
		ends[(entries[i] >> 48) + 1]++;
	for (uint32_t b = 1; b <= 65536; b++)
		ends[b] += ends[b - 1];
	for (uint32_t i = 0; i < count; i++)
		sorted[ends[entries[i] >> 48]++] = entries[i];
	for (uint32_t b = 0; b < 65536; from = ends[b++])
		sort_few(sorted + from, ends[b] - from);
	memcpy(entries, sorted, count * sizeof *sorted);
out:
	free(sorted);
	free(ends);
}

int
hintfile_make(const struct hintfile *file, uint64_t *entries, uint8_t **out, size_t *len)
{
	size_t bytes = HINTFILE_HEADER + (size_t)file->count * HINTFILE_ENTRY;
	uint8_t *data = calloc(1, bytes), *at;

	if (!data)
		return TAPE_ERR_NOMEM;
	at = data + HINTFILE_HEADER;
	if (file->count)
		sort_entries(entries, file->count);
	memcpy(data, magic, sizeof magic);
	put_le32(data + 8, VERSION);
	put_le32(data + 12, file->count);
	memcpy(data + 16, file->id.tape, 16);
	put_le64(data + 32, file->id.session[0]);
	put_le32(data + 40, (uint32_t)file->id.session[1]);
	put_le32(data + 44, file->id.number);
	put_le64(data + 48, file->first_seq);
	put_le64(data + 56, file->next_seq);
	put_le64(data + CHECKED, hash_check(data, CHECKED, 0));
	for (uint32_t i = 0; i < file->count; i++, at += HINTFILE_ENTRY)
		put_le64(at, entries[i]);
	*out = data;
	*len = bytes;
	return 0;
}

int
hintfile_open(const struct block_source *source, struct hintfile *out)
{
	uint8_t data[HINTFILE_HEADER];

	if (source->size < sizeof data)
		return TAPE_ERR_DAMAGED;
	if (source->pread(source->user, data, sizeof data, 0) != (int64_t)sizeof data)
		return TAPE_ERR_IO;
	if (memcmp(data, magic, sizeof magic) != 0 ||
	    hash_check(data, CHECKED, 0) != get_le64(data + CHECKED))
		return TAPE_ERR_DAMAGED;
	if (get_le32(data + 8) != VERSION)
		return TAPE_ERR_TOO_NEW;
	memset(out, 0, sizeof *out);
	out->count = get_le32(data + 12);
	memcpy(out->id.tape, data + 16, 16);
	out->id.session[0] = get_le64(data + 32);
	out->id.session[1] = get_le32(data + 40);
	out->id.number = get_le32(data + 44);
	out->first_seq = get_le64(data + 48);
	out->next_seq = get_le64(data + 56);
	if (source->size != HINTFILE_HEADER + (uint64_t)out->count * HINTFILE_ENTRY ||
	    out->next_seq < out->first_seq || out->next_seq > INT64_MAX)
		return TAPE_ERR_DAMAGED;
	return 0;
}

/* Where it would stand if hashes were spread evenly, between lo and hi. */
static uint32_t
guess(uint64_t print, uint32_t count, uint32_t lo, uint32_t hi, unsigned tries)
{
	uint64_t at = ((print >> 32) * count) >> 32;

	/* Order and spread are only said: bisection ends in any file. */
	if (tries >= 3 || at < lo || at >= hi)
		return lo + (hi - lo) / 2;
	return (uint32_t)at;
}

int
hintfile_find(const struct block_source *source, const struct hintfile *file,
	      uint64_t print, int (*fn)(void *user, uint64_t seq), void *user)
{
	const uint64_t seqs = ((uint64_t)1 << HINTFILE_SEQ_BITS) - 1;
	const uint64_t first = print & ~seqs, last = print | seqs;
	uint32_t lo = 0, hi = file->count;
	/* Where it lies on a stack is not to decide how fast it is looked through. */
	_Alignas(64) uint8_t page[PAGE * HINTFILE_ENTRY];

	for (unsigned tries = 0; lo < hi; tries++) {
		uint32_t at = guess(print, file->count, lo, hi, tries), n;
		int r = 0;

		at = at - lo > PAGE / 2 ? at - PAGE / 2 : lo;
		n = hi - at < PAGE ? hi - at : PAGE;
		if (source->pread(source->user, page, n * HINTFILE_ENTRY,
				  HINTFILE_HEADER + (uint64_t)at * HINTFILE_ENTRY) !=
		    (int64_t)(n * HINTFILE_ENTRY))
			return 0;
		for (uint32_t i = 0; i < n && r == 0; i++) {
			uint64_t entry = get_le64(page + i * HINTFILE_ENTRY);

			if (entry >= first && entry <= last)
				r = fn(user, file->first_seq + (entry & seqs));
		}
		if (r != 0)
			return r;
		if (last < get_le64(page))
			hi = at;
		else if (first > get_le64(page + (n - 1) * HINTFILE_ENTRY))
			lo = at + n;
		else
			break;
	}
	return 0;
}
