/* SPDX-License-Identifier: Apache-2.0 */
/* docs/format/hash.md in C, over libxxhash. */
#ifndef TAPE_FORMAT_HASH_H
#define TAPE_FORMAT_HASH_H

#include "tape/value.h"

/* hash128 of bytes, seed 0. */
struct tape_hash hash_bytes(const void *data, size_t len);
/* XXH3-64 with a seed. */
uint64_t hash_check(const void *data, size_t len, uint64_t seed);
int hash_equal(const struct tape_hash *a, const struct tape_hash *b);

/* For streams. */
struct hash_stream;
struct hash_stream *hash_stream_new(void); /* NULL: no memory */
void hash_stream_reset(struct hash_stream *s);
void hash_stream_add(struct hash_stream *s, const void *data, size_t len);
struct tape_hash hash_stream_end(const struct hash_stream *s);
void hash_stream_free(struct hash_stream *s);

#endif
