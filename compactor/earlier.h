/* SPDX-License-Identifier: Apache-2.0 */
/* Contents of generations that stay, as far as their indexes say. */
#ifndef TAPE_COMPACTOR_EARLIER_H
#define TAPE_COMPACTOR_EARLIER_H

#include "compactor/compaction.h"
#include "compactor/dedup.h"

/* References from here on are theirs. */
#define EARLIER (UINT64_C(1) << 47)

/*
 * Enters what they have into the table. *first (the caller's to
 * free): by generation, the reference of its first content. What is not found
 * for want of an index is packed again, which is larger and no less right.
 */
int earlier_know(struct compaction *c, struct dedup *table, uint64_t **first);
/* Which content a reference from EARLIER on stands for. */
void earlier_find(const struct compaction *c, const uint64_t *first, uint64_t ref,
		  const uint8_t **uid, uint64_t *ordinal);

#endif
