/* SPDX-License-Identifier: Apache-2.0 */
/* A question to a tape, for tools that ask one of their own. */
#ifndef TAPE_CLI_ASK_H
#define TAPE_CLI_ASK_H

#include "tape/search.h"

/* Zeroed it is none. */
struct ask {
	struct tape_query *query;
	struct tape_cursor *cursor;
};

/* Before the first scope that matches `text`. 0 or an error; ask_end after both. */
int ask_begin(struct ask *ask, struct tape_reader *reader, const char *text,
	      const struct tape_find_options *options, struct tape_error *err);
/* 1 and the next scope, which is good until the one after; 0 at the end; or an error. */
int ask_next(struct ask *ask, const struct tape_scope **scope, struct tape_error *err);
void ask_end(struct ask *ask);

#endif
