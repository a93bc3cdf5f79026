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
	*intern_slot(table, key, len, hash) = (struct intern_entry){
		.hash = hash, .key = copy, .len = len, .value = value
	};
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

bool
bytes_grow(struct bytes *b, size_t len)
{
	size_t cap = b->cap ? b->cap : 256;
	uint8_t *p = NULL;

	if (b->failed)
		return false;
	while (cap - b->len < len && cap <= SIZE_MAX / 4)
		cap *= 2;
	if (cap - b->len >= len)
		p = realloc(b->data, cap);
	if (!p) {
		b->failed = true;
		return false;
	}
	b->data = p;
	b->cap = cap;
	return true;
}

void
bytes_release(struct bytes *b)
{
	free(b->data);
	*b = (struct bytes){ 0 };
}
