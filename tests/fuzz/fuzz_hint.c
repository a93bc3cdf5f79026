/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hint: the first byte says whether the header is made to verify, the next eight are
 * what is looked for.
 */
#include <stdlib.h>
#include <string.h>

#include "format/block.h"
#include "format/hash.h"
#include "format/hintfile.h"
#include "format/le.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
found(void *user, uint64_t seq)
{
	uint64_t *count = user;

	(void)seq;
	return ++*count > 1000;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct block_memory memory;
	struct block_source source;
	struct hintfile file;
	uint64_t count = 0;
	uint8_t *copy;

	if (size < 9)
		return 0;
	copy = malloc(size - 9 + 1);
	if (!copy)
		return 0;
	memcpy(copy, data + 9, size - 9);
	if (data[0] & 1 && size - 9 >= HINTFILE_HEADER) {
		put_le32(copy + 12,
			 (uint32_t)((size - 9 - HINTFILE_HEADER) / HINTFILE_ENTRY));
		put_le64(copy + 88, hash_check(copy, 88, 0));
	}
	memory = (struct block_memory){ copy, size - 9 };
	source = block_from_memory(&memory);
	if (hintfile_open(&source, &file) == 0)
		(void)hintfile_find(&source, &file, get_le64(data + 1), found, &count);
	free(copy);
	return 0;
}
