/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dedup=subset: once a commit, scopes whose variables are a part of another scope's
 * of the same stage become PROJECTION records. Everything here is called with
 * commit_lock held.
 */
#ifndef TAPE_LIBRECORD_SUBSET_H
#define TAPE_LIBRECORD_SUBSET_H

#include "librecord/part.h"

struct subset *subset_new(void);
/*
 * The first record of the part gets `seq`, and hashes[] is of its records. What is
 * not found, for want of memory as well, stays as it is.
 */
void subset_find(struct tape *t, struct part *part, uint64_t seq);
/* Frees t->subset, and what forms have. */
void subset_release(struct tape *t);

#endif
