/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/intern.h"

#include <stdlib.h>
#include <string.h>

#include "format/hash.h"

static struct intern_entry *
intern_slot(const struct intern *table, const void *key, size_t len, uint64_t hash)
{
	size_t i = hash & (table->cap - 1);

	for (;;) {
		struct intern_entry *e = &table->entries[i];

		if (!e->value ||
		    (e->hash == hash && e->len == len && memcmp(e->key, key, len) == 0))
			return e;
		i = (i + 1) & (table->cap - 1);
	}
}

void *
intern_find(const struct intern *table, const void *key, size_t len, uint64_t *hash)
{
	*hash = hash_check(key, len, 0);
	if (table->cap == 0)
		return NULL;
	return intern_slot(table, key, len, *hash)->value;
}

static int
intern_grow(struct intern *table)
{
	struct intern bigger = { .cap = table->cap ? table->cap * 2 : 64 };

	bigger.entries = calloc(bigger.cap, sizeof(*bigger.entries));
	if (!bigger.entries)
		return -1;
	for (size_t i = 0; i < table->cap; i++) {
		const struct intern_entry *e = &table->entries[i];

		if (e->value)
			*intern_slot(&bigger, e->key, e->len, e->hash) = *e;
	}
	free(table->entries);
	table->entries = bigger.entries;
	table->cap = bigger.cap;
	return 0;
}

int
intern_add(struct intern *table, const void *key, size_t len, uint64_t hash, void *value)
{
	uint8_t *copy;

	if (2 * (table->count + 1) > table->cap && intern_grow(table) < 0)
		return -1;
	copy = malloc(len ? len : 1);
	if (!copy)
		return -1;
	memcpy(copy, key, len);
	*intern_slot(table, key, len, hash) =
		(struct intern_entry){ .hash = hash, .key = copy, .len = len, .value = value };
	table->count++;
	return 0;
}

void
intern_release(struct intern *table)
{
	for (size_t i = 0; i < table->cap; i++)
		free((void *)(uintptr_t)table->entries[i].key);
	free(table->entries);
	*table = (struct intern){ 0 };
}

void
bytes_put(struct bytes *b, const void *data, size_t len)
{
	if (b->failed)
		return;
	if (len > b->cap - b->len) {
		size_t cap = b->cap ? b->cap * 2 : 256;
		uint8_t *p;

		while (cap - b->len < len) {
			if (cap > SIZE_MAX / 4) {
				b->failed = 1;
				return;
			}
			cap *= 2;
		}
		p = realloc(b->data, cap);
		if (!p) {
			b->failed = 1;
			return;
		}
		b->data = p;
		b->cap = cap;
	}
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
}

void
bytes_put_u32(struct bytes *b, uint32_t v)
{
	bytes_put(b, &v, sizeof(v));
}

void
bytes_release(struct bytes *b)
{
	free(b->data);
	*b = (struct bytes){ 0 };
}
