/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled for processors that have AVX2; hash.c asks whether this one does. */
#include "format/hash_avx2.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t
hash_avx2_check(const void *data, size_t len, uint64_t seed)
{
	return XXH3_64bits_withSeed(data, len, seed);
}
