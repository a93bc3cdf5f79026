/* SPDX-License-Identifier: Apache-2.0 */
#include "compactor/dedup.h"

#include <stdlib.h>
#include <string.h>

#include "format/le.h"

#define REF_BITS 48u
#define REF_MASK (((uint64_t)1 << REF_BITS) - 1)

/* The hash is spread well enough: its first bytes are the place. */
static struct dedup_entry *
place(const struct dedup *d, uint64_t high, uint64_t low)
{
	uint64_t at = high & d->mask;

	while (d->entries[at].low != 0 &&
	       (d->entries[at].high != high ||
		d->entries[at].low >> REF_BITS != low >> REF_BITS))
		at = (at + 1) & d->mask;
	return &d->entries[at];
}

static bool
grow(struct dedup *d)
{
	struct dedup bigger = { .count = d->count };
	uint64_t cap = d->entries == NULL ? 4096 : (d->mask + 1) * 2;

	if (d->entries != NULL && d->count * 10 < (d->mask + 1) * 8)
		return true;
	bigger.entries = calloc(cap, sizeof *bigger.entries);
	if (bigger.entries == NULL)
		return false;
	bigger.mask = cap - 1;
	for (uint64_t i = 0; d->entries != NULL && i <= d->mask; i++)
		if (d->entries[i].low != 0)
			*place(&bigger, d->entries[i].high, d->entries[i].low) =
				d->entries[i];
	free(d->entries);
	*d = bigger;
	return true;
}

bool
dedup_find(struct dedup *d, const struct tape_hash *hash, uint64_t *ref, bool *fresh)
{
	uint64_t high = get_le64(hash->byte);
	uint64_t low = (uint64_t)get_le16(hash->byte + 8) << REF_BITS;
	struct dedup_entry *e;

	if (!grow(d))
		return false;
	e = place(d, high, low);
	*fresh = e->low == 0;
	if (*fresh) {
		e->high = high;
		e->low = low | (*ref + 1);
		d->count++;
	} else {
		*ref = (e->low & REF_MASK) - 1;
	}
	return true;
}

void
dedup_release(struct dedup *d)
{
	free(d->entries);
	memset(d, 0, sizeof *d);
}
