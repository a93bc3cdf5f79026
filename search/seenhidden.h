/* SPDX-License-Identifier: Apache-2.0 */
/* Contents that generations may have for the sake of superseded scopes alone. */
#ifndef TAPE_SEARCH_SEENHIDDEN_H
#define TAPE_SEARCH_SEENHIDDEN_H

#include <stdbool.h>

#include "search/snapshot.h"

/* All zero is empty. */
struct seenhidden {
	struct tape_hash *hashes; /* sorted */
	size_t count, cap;
	uint8_t *answers; /* of seenhidden_search, by hash; NULL: none yet */
	uint64_t of;	  /* which scopes they are of */
	bool lacks;	  /* there are more */
	bool fresh;	  /* of the snapshot as it is: false where it has changed */
};
void seenhidden_release(struct seenhidden *h);
/*
 * May it be the content of a packed scope that is superseded? Reads these when they are
 * others than before.
 */
bool seenhidden_has(struct seenhidden *h, struct snapshot *snapshot,
		    const struct tape_hash *hash);
/* Has a packed scope that counts this content? A search, which is kept in mind. */
bool seenhidden_search(struct seenhidden *h, struct tape_reader *reader,
		       const struct tape_hash *hash);
/* Searches again: the tape has changed. */
void seenhidden_renew(struct seenhidden *h);

#endif
