/* SPDX-License-Identifier: Apache-2.0 */
/* Generations that say something false and are consistent: hashes, names, live list. */
#ifndef TESTS_SUPPORT_FORGED_H
#define TESTS_SUPPORT_FORGED_H

#include "format/generation.h"
#include "format/scopepack.h"

/*
 * Changes the MANIFEST of the last live generation of a tape, and whatever else
 * is in its directory (a descriptor), and publishes that instead.
 */
typedef void forged_fn(void *user, int dir, struct generation_manifest *m);
void forged_generation(const char *tape, forged_fn *change, void *user);
/*
 * Makes the index of the last live generation of a tape again, from a scope pack
 * as `change` leaves it in memory.
 */
typedef void forged_index_fn(struct scopepack *pack);
void forged_index(const char *tape, forged_index_fn *change);

#endif
