/* SPDX-License-Identifier: Apache-2.0 */
#include "format/hash.h"

#include <string.h>
#include <xxhash.h>

#include "format/hash_avx2.h"

/* From here on it is the vectors that take the time. */
#define WIDE ((size_t)1024)

static struct tape_hash
canonical(XXH128_hash_t hash)
{
	XXH128_canonical_t big_endian;
	struct tape_hash out;

	XXH128_canonicalFromHash(&big_endian, hash);
	memcpy(out.byte, big_endian.digest, sizeof out.byte);
	return out;
}

struct tape_hash
hash_bytes(const void *data, size_t len)
{
	return canonical(XXH3_128bits(data, len));
}

uint64_t
hash_check(const void *data, size_t len, uint64_t seed)
{
#ifdef HASH_AVX2
	if (len >= WIDE && __builtin_cpu_supports("avx2"))
		return hash_avx2_check(data, len, seed);
#endif
	return XXH3_64bits_withSeed(data, len, seed);
}

int
hash_equal(const struct tape_hash *a, const struct tape_hash *b)
{
	return memcmp(a->byte, b->byte, sizeof a->byte) == 0;
}

/* A XXH3 state wants 64-byte alignment, which only its own allocator gives: so the stream is that state. */
struct hash_stream *
hash_stream_new(void)
{
	XXH3_state_t *state = XXH3_createState();

	if (state)
		XXH3_128bits_reset(state);
	return (struct hash_stream *)state;
}

void
hash_stream_reset(struct hash_stream *s)
{
	XXH3_128bits_reset((XXH3_state_t *)s);
}

void
hash_stream_add(struct hash_stream *s, const void *data, size_t len)
{
	/* It fails only for a NULL state. */
	(void)XXH3_128bits_update((XXH3_state_t *)s, data, len);
}

struct tape_hash
hash_stream_end(const struct hash_stream *s)
{
	return canonical(XXH3_128bits_digest((const XXH3_state_t *)s));
}

void
hash_stream_free(struct hash_stream *s)
{
	XXH3_freeState((XXH3_state_t *)s);
}
