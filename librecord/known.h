/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs that this session has stored lately, and where. A bounded cache like
 * the seen-set: a blob that is missed is stored once more.
 */
#ifndef TAPE_LIBRECORD_KNOWN_H
#define TAPE_LIBRECORD_KNOWN_H

#include <stdbool.h>

#include "format/form.h"
#include "format/le.h"

#define KNOWN_BITS 12
#define KNOWN_ENTRIES ((size_t)1 << KNOWN_BITS)

struct known_entry {
	struct tape_hash hash;
	struct body_hint place; /* segment BODY_NO_SEGMENT: a loose file */
	bool used;
};
struct known {
	struct known_entry entries[KNOWN_ENTRIES];
};

static inline struct known_entry *
known_slot(struct known *known, const struct tape_hash *hash)
{
	return &known->entries[get_le64(hash->byte) & (KNOWN_ENTRIES - 1)];
}

static inline bool
known_find(struct known *known, const struct tape_hash *hash, struct body_hint *place)
{
	struct known_entry *entry = known_slot(known, hash);

	if (!entry->used || memcmp(&entry->hash, hash, sizeof *hash) != 0)
		return false;
	*place = entry->place;
	return true;
}

static inline void
known_add(struct known *known, const struct tape_hash *hash, struct body_hint place)
{
	*known_slot(known, hash) = (struct known_entry){ *hash, place, true };
}

static inline void
known_clear(struct known *known)
{
	memset(known, 0, sizeof *known);
}

#endif
