/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several copies of a blob, in segments, loose and in generations, become one.
 * The hash guards against accident, not against somebody who makes two blobs of
 * one hash: so the copies are compared byte by byte before any of them goes.
 */
#ifndef TAPE_COMPACTOR_MEETINGS_H
#define TAPE_COMPACTOR_MEETINGS_H

#include "compactor/compaction.h"
#include "format/form.h"

/* A copy of a blob other than the one that was packed. */
struct meeting {
	struct tape_hash hash;
	uint64_t size;
	uint32_t part;	       /* of the compaction */
	struct body_hint hint; /* segment BODY_NO_SEGMENT: the loose file */
	bool damaged; /* found when it was compared: a loose file with other bytes than its name says */
};
struct meetings {
	struct meeting *items;
	size_t count, cap;
};
/* 0 or TAPE_ERR_NOMEM. */
int meetings_note(struct meetings *m, const struct meeting *one);
/*
 * Compares all copies with what is packed now or in a generation that goes on,
 * piece by piece; the packs are finished. TAPE_ERR_DAMAGED: two blobs have one hash, and *err
 * says which.
 */
int meetings_compare(struct compaction *c, struct meetings *m);
void meetings_release(struct meetings *m); /* all zero is fine */

/* Is the loose file of that name the same as what generations have? 1, 0, or negative with *err. */
int meetings_loose_is(struct compaction *c, struct generations *set,
		      const struct tape_hash *hash, uint64_t size,
		      struct tape_error *err);

#endif
