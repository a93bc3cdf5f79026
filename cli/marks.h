/* SPDX-License-Identifier: Apache-2.0 */
/* Bookmarks as the tools print them. */
#ifndef TAPE_CLI_MARKS_H
#define TAPE_CLI_MARKS_H

#include "cli/out.h"
#include "tape/search.h"

/* As a query names it: @name, @name#2 where there are several, @"two words". */
void marks_name(struct out *out, const struct tape_mark *mark);
/* One object, with "kind":"bookmark" where `kind` is true; no end of line. */
void marks_json(struct out *out, const struct tape_mark *mark, bool kind);

#endif
