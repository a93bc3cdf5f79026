/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader holds the forms of a segment, up to a limit: what is committed at once and
 * has more of them becomes several groups.
 */
#ifndef TAPE_LIBRECORD_CUT_H
#define TAPE_LIBRECORD_CUT_H

#include "librecord/part.h"

/* Half of what readers hold for the forms of a segment: the next group has some, too. */
#define CUT_FORMS ((uint64_t)48 << 20)

/* More than a reader takes for a form that it has decoded. */
uint64_t cut_form_cost(const struct form *form);
/*
 * The same records, in as many parts as it takes; part->begins where a group does that
 * is not the first. Large blobs are stored before. Without memory it is one group.
 * commit_lock is held.
 */
struct part *cut_groups(struct tape *t, struct part *parts);

#endif
