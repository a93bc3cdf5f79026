/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs of blobs of generations that are merged. They come along as they are, but where
 * results were withdrawn: then a pack with blobs that nothing refers to any more is
 * written anew without them.
 */
#ifndef TAPE_COMPACTOR_CARRY_H
#define TAPE_COMPACTOR_CARRY_H

#include "compactor/blobs.h"

struct carry;
/* Takes over all packs, or (`choosy`) looks which blobs they have. *out NULL: it is done already. */
int carry_begin(struct compaction *c, struct blobs *blobs, bool choosy,
		struct carry **out);
void carry_free(struct carry *k); /* NULL is fine */
/* May what was withdrawn be forgotten with this run? */
bool carry_may_forget(const struct compaction *c);
/*
 * What was withdrawn is forgotten with this run: what nothing refers to has to go in it,
 * or it fails. False: it may have to stay, so nothing can be forgotten.
 */
bool carry_must(struct compaction *c, struct carry *k);
/* A content goes into the new generation: what it refers to stays. NULL is fine. */
void carry_refer(struct carry *k, const struct form *form, const uint8_t *canonical,
		 size_t len);
/* All contents are there: takes over what is referred to. NULL is fine. */
int carry_finish(struct carry *k);
/* What was written is in its place: opens it again. Before the following; NULL is fine. */
int carry_written(struct carry *k);
/*
 * A content as it was read back: is all that it refers to, and that was in a pack that
 * was written anew, in one that was written? From any thread; NULL is fine.
 */
bool carry_has_all(const struct carry *k, const struct form *form,
		   const uint8_t *canonical, size_t len);

#endif
