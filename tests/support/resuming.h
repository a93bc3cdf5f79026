/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of numbered scopes that go on from each other, and which of them are shown. */
#ifndef TESTS_SUPPORT_RESUMING_H
#define TESTS_SUPPORT_RESUMING_H

#include "tape/record.h"
#include "tape/search.h"

void resuming_compact(void);
/* A position of the recorder's session. */
struct tape_pos resuming_at(struct tape *t, uint64_t seq);
/* The numbers that a query finds, joined by blanks; borrowed until the next call. */
const char *resuming_numbers(const char *query, uint32_t reader_flags,
			     uint32_t find_flags);
const char *resuming_shown(const char *query);
/* What is superseded, too. */
const char *resuming_all(const char *query);
/* A session of `count` numbered scopes that goes on from *from (unless NULL). */
struct tape *resuming_session(const struct tape_pos *from, int first, int count);

#endif
