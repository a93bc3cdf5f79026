/* SPDX-License-Identifier: Apache-2.0 */
#include "search/info_table.h"

#include <stdlib.h>
#include <string.h>

#include "format/hash.h"

static size_t
key_slot(const struct info_keys *t, const void *bytes, size_t len)
{
	size_t i = (size_t)hash_check(bytes, len, 0) & (t->slot_cap - 1);

	while (t->slots[i] != 0) {
		const struct info_key *k = &t->keys[t->slots[i] - 1];

		if (k->len == len && (len == 0 || memcmp(k->bytes, bytes, len) == 0))
			break;
		i = (i + 1) & (t->slot_cap - 1);
	}
	return i;
}

static bool
keys_grow(struct info_keys *t)
{
	size_t cap = t->slot_cap == 0 ? 64 : t->slot_cap * 2;
	struct info_key *keys;
	uint32_t *slots;

	if (t->count * 2 < t->slot_cap)
		return true;
	slots = calloc(cap, sizeof *slots);
	keys = realloc(t->keys, cap * sizeof *keys);
	if (keys != NULL)
		t->keys = keys;
	if (slots == NULL || keys == NULL || cap > UINT32_MAX) {
		free(slots);
		return false;
	}
	free(t->slots);
	t->slots = slots;
	t->slot_cap = cap;
	for (size_t i = 0; i < t->count; i++)
		slots[key_slot(t, keys[i].bytes, keys[i].len)] = (uint32_t)i + 1;
	return true;
}

int64_t
info_keys_put(struct info_keys *t, const void *bytes, size_t len)
{
	size_t slot;
	char *copy;

	if (!keys_grow(t))
		return TAPE_ERR_NOMEM;
	slot = key_slot(t, bytes, len);
	if (t->slots[slot] != 0)
		return t->slots[slot] - 1;
	copy = malloc(len + 1);
	if (copy == NULL)
		return TAPE_ERR_NOMEM;
	if (len != 0)
		memcpy(copy, bytes, len);
	copy[len] = '\0';
	t->keys[t->count].bytes = copy;
	t->keys[t->count].len = len;
	t->slots[slot] = (uint32_t)++t->count;
	return (int64_t)t->count - 1;
}

void
info_keys_release(struct info_keys *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->keys[i].bytes);
	free(t->keys);
	free(t->slots);
	memset(t, 0, sizeof *t);
}

static bool
is_free(const struct tape_hash *h)
{
	static const struct tape_hash zero;

	return memcmp(h, &zero, sizeof zero) == 0;
}

static size_t
hash_slot(const struct info_hashes *t, const struct tape_hash *hash)
{
	uint64_t mix;
	size_t i;

	memcpy(&mix, hash->byte, sizeof mix);
	i = (size_t)mix & (t->cap - 1);
	while (!is_free(&t->slots[i]) && !hash_equal(&t->slots[i], hash))
		i = (i + 1) & (t->cap - 1);
	return i;
}

static bool
hashes_grow(struct info_hashes *t)
{
	struct info_hashes more = { .cap = t->cap == 0 ? 256 : t->cap * 2 };

	if (t->count * 2 < t->cap)
		return true;
	more.slots = calloc(more.cap, sizeof *more.slots);
	if (more.slots == NULL)
		return false;
	for (size_t i = 0; i < t->cap; i++)
		if (!is_free(&t->slots[i]))
			more.slots[hash_slot(&more, &t->slots[i])] = t->slots[i];
	more.count = t->count;
	free(t->slots);
	*t = more;
	return true;
}

int
info_hashes_put(struct info_hashes *t, const struct tape_hash *hash)
{
	size_t slot;

	if (!hashes_grow(t))
		return TAPE_ERR_NOMEM;
	slot = hash_slot(t, hash);
	if (!is_free(&t->slots[slot]))
		return 0;
	t->slots[slot] = *hash;
	t->count++;
	return 1;
}

void
info_hashes_release(struct info_hashes *t)
{
	free(t->slots);
	memset(t, 0, sizeof *t);
}
