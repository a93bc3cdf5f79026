/* SPDX-License-Identifier: Apache-2.0 */
/* Queries of hooks, compiled for the forms they are asked of. */
#ifndef TAPE_LIBRECORD_HOOK_GATES_H
#define TAPE_LIBRECORD_HOOK_GATES_H

#include "librecord/hooks.h"

/* Of one thread, or under one lock. All zero: none yet. */
struct hook_gates {
	struct intern table;
	uint64_t session[2]; /* that they are about */
};
struct hook_asked {
	const uint8_t *body;
	size_t len;
	int64_t time;
};
/* Does a scope match the query of the hook? What cannot be asked does not: said once. */
bool hook_gates_pass(struct hook_gates *gates, struct tape *t, const struct hook *hook,
		     const struct rec_form *form, const struct hook_asked *asked);
void hook_gates_release(struct hook_gates *gates);

#endif
