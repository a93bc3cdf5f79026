/* SPDX-License-Identifier: Apache-2.0 */
/* Reading one's own tape back: what a thread looked at last. */
#ifndef TAPE_LIBRECORD_RESUME_H
#define TAPE_LIBRECORD_RESUME_H

#include "librecord/capture.h"

/* NULL is fine. */
void looked_free(struct looked *looked);
/* Type and value, floats by their bits. */
bool value_same(const struct tape_value *a, const struct tape_value *b);

/* ---- staged.c ---- */

struct staged;
/*
 * The newest scope in the thread's stage under a path, with its sticky variables. NULL:
 * there is none, or no memory for it. Else *scope is borrowed until staged_free; `reader`
 * must be there as long.
 */
struct staged *staged_find(struct thread_state *ts, const struct context *path,
			   struct tape_reader *reader, const struct tape_scope **scope,
			   bool *no_memory);
void staged_free(struct staged *staged); /* NULL is fine */

#endif
