/* SPDX-License-Identifier: Apache-2.0 */
/* A manifest, as any program may have written it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
touch(void *user, const struct manifest_member *members, size_t count)
{
	for (size_t i = 0; i < count; i++)
		*(size_t *)user += strlen(members[i].key) + strlen(members[i].value);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct block_memory memory = { data, size };
	struct block_source source = block_from_memory(&memory);
	size_t total = 0;
	uint64_t bad = 0;

	if (manifest_read(&source, touch, &total, &bad, NULL) != 0)
		return 0;
	/* Each line gives at most all of its bytes, and keys again for each item of a list. */
	if (bad > size)
		abort();
	return 0;
}
