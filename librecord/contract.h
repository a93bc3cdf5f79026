/* SPDX-License-Identifier: Apache-2.0 */
/*
 * require = PARTIAL: what a label promises of its scopes. A form answers once for
 * all of them, but where extents of arrays count. Scopes that break it are recorded
 * all the same, counted and reported.
 */
#ifndef TAPE_LIBRECORD_CONTRACT_H
#define TAPE_LIBRECORD_CONTRACT_H

#include "librecord/body.h"
#include "librecord/capture.h"

enum contract {
	CONTRACT_NONE,	  /* nothing is required, or it is known to hold */
	CONTRACT_OPEN,	  /* each scope is looked at */
	CONTRACT_BROKEN,  /* by the form */
	CONTRACT_UNKNOWN, /* there is no partial of that name, so far */
};

/* Finds the partial that a policy requires; before contract_of, without locks. */
void contract_prepare(struct tape *t, const struct policy *policy);
enum contract contract_of(const struct policy *policy, const struct form *form);
/* Of a scope that was recorded under a layout whose contract is not CONTRACT_NONE. */
void contract_check(struct thread_state *ts, const struct layout *layout,
		    const struct values *values);
/* Makes the name of a described structure known to rules. 0 or negative. */
int contract_describe(struct tape *t, const struct tape_partial *partial,
		      struct tape_error *err);

#endif
