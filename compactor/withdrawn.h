/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results of the cache that were withdrawn (docs/format/segment.md section 5): nobody
 * finds them any more, so what is compacted anew is made without them.
 */
#ifndef TAPE_COMPACTOR_WITHDRAWN_H
#define TAPE_COMPACTOR_WITHDRAWN_H

#include "compactor/compaction.h"
#include "format/form.h"

struct withdrawn;
/*
 * What the tape says was withdrawn, by key. *out NULL: nothing was. What cannot be read
 * withdraws nothing. TAPE_ERR_NOMEM, TAPE_ERR_STOPPED.
 */
int withdrawn_know(struct compaction *c, struct withdrawn **out);
void withdrawn_free(struct withdrawn *w); /* NULL is fine */
/* So many withdrawals are not known, for want of memory: what they withdraw stays. */
uint64_t withdrawn_no_room(const struct withdrawn *w); /* NULL: none */
/*
 * All results of the tape are in what is compacted now, without those that were
 * withdrawn: what says so has nothing more to say, and counts as withdrawn itself.
 */
void withdrawn_all_here(struct withdrawn *w);
/* Is a scope of that form and time, with that canonical part, a result that was withdrawn? */
enum withdrawn_what {
	WITHDRAWN_NOT,
	WITHDRAWN_RESULT,
	WITHDRAWN_DROP /* it said that others were, and has nothing more to say */
};
enum withdrawn_what withdrawn_is(const struct withdrawn *w, const struct form *form,
				 const uint8_t *canonical, size_t len, int64_t time);

/* What this run would leave out, once it is planned. */
struct withdrawn_sum {
	uint64_t results, bytes; /* of their values, where these are known */
	uint64_t drops;
	uint64_t last; /* drops that go only where they can be forgotten */
};
/* Of generations that are merged, and (`raw`) of what is taken. TAPE_ERR_STOPPED, TAPE_ERR_NOMEM. */
int withdrawn_sum_up(struct compaction *c, bool raw, struct withdrawn_sum *out);

#endif
