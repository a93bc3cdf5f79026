/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that tape_info_read fills: texts with numbers, and a set of hashes. */
#ifndef TAPE_SEARCH_INFO_TABLE_H
#define TAPE_SEARCH_INFO_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tape/value.h"

/* Keys (any bytes) numbered 0, 1, 2... as they come. */
struct info_keys {
	struct info_key {
		char *bytes;
		size_t len;
	} * keys;
	size_t count, cap;
	uint32_t *slots; /* number + 1, 0 = free */
	size_t slot_cap;
};
/* The key's number, new or not; negative: no memory. */
int64_t info_keys_put(struct info_keys *keys, const void *bytes, size_t len);
void info_keys_release(struct info_keys *keys);

struct info_hashes {
	struct tape_hash *slots; /* all zero = free */
	size_t count, cap;
};
/* 1 = new, 0 = was there, negative: no memory. */
int info_hashes_put(struct info_hashes *set, const struct tape_hash *hash);
void info_hashes_release(struct info_hashes *set);

/* Adds what there is of generations to *info. What cannot be read is reported and left out; negative: cannot go on. */
struct generations;
struct tape_info;
int info_count_packed(const struct generations *g, struct tape_info *info,
		      struct tape_error *err);

#endif
