/* SPDX-License-Identifier: Apache-2.0 */
/* TAPE_OF: the members of a described structure as arguments of a macro. */
#ifndef TAPE_LIBRECORD_SPREAD_H
#define TAPE_LIBRECORD_SPREAD_H

#include "librecord/capture.h"

/* The members of one structure. `prefix` names them where it is dynamic; NULL: nobody asks. False: no memory. */
bool spread_members(struct thread_state *ts, const struct tape_of *of,
		    const struct tape_named *prefix, unsigned char *kinds,
		    struct tape_word *words);

#endif
