/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table from bytes to pointers that only grows, and the memory its keys live in. */
#ifndef TAPE_LIBRECORD_INTERN_H
#define TAPE_LIBRECORD_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct intern_entry {
	uint64_t hash;
	const uint8_t *key;
	size_t len;
	void *value; /* NULL = free */
};
struct intern {
	struct intern_entry *entries;
	size_t count, cap; /* cap: 0 or a power of two */
};

/* The value, or NULL. *hash is for intern_add. */
void *intern_find(const struct intern *table, const void *key, size_t len,
		  uint64_t *hash);
/* Adds a key (copied) that is not there; value is not NULL. 0 or -1: no memory, nothing changed. */
int intern_add(struct intern *table, const void *key, size_t len, uint64_t hash,
	       void *value);
void intern_release(struct intern *table); /* not the values */

/* Bytes that grow; `failed` sticks when memory was out. */
struct bytes {
	uint8_t *data;
	size_t len, cap;
	bool failed;
};
/* Room for len more, without taking it; false and `failed` when there is none. */
bool bytes_grow(struct bytes *b, size_t len);
void bytes_release(struct bytes *b);

static inline bool
bytes_room(struct bytes *b, size_t len)
{
	return (len <= b->cap - b->len && !b->failed) || bytes_grow(b, len);
}

static inline void
bytes_put(struct bytes *b, const void *data, size_t len)
{
	if (!bytes_room(b, len))
		return;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
}

static inline void
bytes_put_u32(struct bytes *b, uint32_t v)
{
	bytes_put(b, &v, sizeof(v));
}

#endif
