/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was recorded lately: content hash, with how values are kept (layout->stores) ->
 * seq of the SCOPE that holds it. A
 * bounded cache, so a repeat that is missed costs bytes and nothing else.
 */
#ifndef TAPE_LIBRECORD_SEEN_H
#define TAPE_LIBRECORD_SEEN_H

#include <stdbool.h>

#include "format/le.h"
#include "tape/value.h"

#define SEEN_BITS 15
#define SEEN_ENTRIES ((size_t)1 << SEEN_BITS)

struct seen_entry {
	uint64_t hash[2];
	uint64_t seq; /* 0 = empty */
};
struct seen_set {
	struct seen_entry entries[SEEN_ENTRIES];
};

struct seen_set *seen_new(void);
void seen_clear(struct seen_set *seen);

/* The hash of a record that is not to be looked for. */
static inline bool
seen_none(const struct tape_hash *hash)
{
	return (get_le64(hash->byte) | get_le64(hash->byte + 8)) == 0;
}

static inline struct seen_entry *
seen_slot(struct seen_set *seen, const struct tape_hash *hash)
{
	return &seen->entries[get_le64(hash->byte) & (SEEN_ENTRIES - 1)];
}

/* An entry may lie across a border between cache lines. */
static inline void
seen_prefetch(struct seen_set *seen, const struct tape_hash *hash)
{
	struct seen_entry *entry = seen_slot(seen, hash);

	__builtin_prefetch(entry, 1);
	__builtin_prefetch(&entry->seq, 1);
}

/* Long before it is looked for: from memory to where it does not push out what is in use. */
static inline void
seen_prefetch_early(struct seen_set *seen, const struct tape_hash *hash)
{
	struct seen_entry *entry = seen_slot(seen, hash);

	__builtin_prefetch(entry, 0, 2);
	__builtin_prefetch(&entry->seq, 0, 2);
}

/* The seq of a scope of this content, or 0. */
static inline uint64_t
seen_find(struct seen_set *seen, const struct tape_hash *hash)
{
	const struct seen_entry *entry = seen_slot(seen, hash);

	return entry->hash[0] == get_le64(hash->byte) &&
			       entry->hash[1] == get_le64(hash->byte + 8)
		       ? entry->seq
		       : 0;
}

/* The seq of an earlier scope of this content, or 0 after `seq` was put in its place. */
static inline uint64_t
seen_find_or_add(struct seen_set *seen, const struct tape_hash *hash, uint64_t seq)
{
	struct seen_entry *entry = seen_slot(seen, hash);
	uint64_t lo = get_le64(hash->byte), hi = get_le64(hash->byte + 8);

	if (entry->seq && entry->hash[0] == lo && entry->hash[1] == hi)
		return entry->seq;
	entry->hash[0] = lo;
	entry->hash[1] = hi;
	entry->seq = seq;
	return 0;
}

#endif
