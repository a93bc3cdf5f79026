/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a content on the tape? Generations are asked by their fingerprints, raw segments
 * by their hints, and what has none is read once, within bounds. A yes is one: what a
 * hint names is read and its whole hash compared. A no may be wrong. One thread at a
 * time.
 */
#ifndef TAPE_SEARCH_SEENLOOK_H
#define TAPE_SEARCH_SEENLOOK_H

#include <stdbool.h>

#include "format/tapedir.h"
#include "tape/search.h"

struct seenlook;

/* session: of the recorder that asks. 0 or an enum tape_status. */
int seenlook_open(const struct tapedir *dir, const uint64_t session[2],
		  struct seenlook **out, struct tape_error *err);
void seenlook_close(struct seenlook *look); /* NULL is fine */
/*
 * own: how much the session that asks has committed; the answer knows of it. now: of a
 * clock that does not go back, in ns; what is known is renewed as it grows old.
 */
bool seenlook_find(struct seenlook *look, const struct tape_hash *hash, uint64_t own,
		   int64_t now);
/* The last seq of the session that asks which nobody has superseded; that holds *until then. */
uint64_t seenlook_counts(struct seenlook *look, int64_t now, int64_t *until);
/* What sessions go on from has changed: nothing is answered by what is known. */
void seenlook_forget(struct seenlook *look);

#endif
