/* SPDX-License-Identifier: Apache-2.0 */
/* Contents of generations that stay: which there are, and whether they can be read. */
#ifndef TAPE_COMPACTOR_EARLIER_H
#define TAPE_COMPACTOR_EARLIER_H

#include "compactor/compaction.h"
#include "compactor/dedup.h"

/* References from here on are theirs. */
#define EARLIER (UINT64_C(1) << 47)

struct earlier;
/*
 * Enters what their indexes say that they have into the table. What is not found
 * for want of an index is packed again, which is larger and no less right.
 */
int earlier_know(struct compaction *c, struct dedup *table, struct earlier **out);
void earlier_free(struct earlier *e); /* NULL is fine */
/* Which content a reference from EARLIER on stands for. */
void earlier_find(const struct earlier *e, uint64_t ref, const uint8_t **uid,
		  uint64_t *ordinal);
/*
 * The check (verify_check) of a content as it reads from its generation's pack;
 * 0: it cannot be read, or is not there. Negative: TAPE_ERR_NOMEM, TAPE_ERR_IO.
 */
int earlier_check(struct earlier *e, const uint8_t uid[16], uint64_t ordinal,
		  uint64_t *check);

#endif
