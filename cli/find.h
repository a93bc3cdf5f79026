/* SPDX-License-Identifier: Apache-2.0 */
/* tape-find: what its files share. */
#ifndef TAPE_CLI_FIND_H
#define TAPE_CLI_FIND_H

#include "cli/show.h"

struct find {
	struct cli cli;
	const char *tape; /* its directory, for messages */
	char *text;	  /* the query */
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_marks *marks; /* those of show, or NULL */
	struct show show;
	/* From the command line. */
	const char *format, *keys_text, *cat, *partials, *who, *lineage;
	uint64_t limit;
	uint64_t jobs; /* 0 = not said */
	bool count, first, last, all, reverse, null, utc, force, explain, bookmarks,
		superseded;
	uint32_t threads; /* at most so many */
	uint64_t found;
	int64_t began; /* on the monotonic clock */
};

/* --explain: on stderr, once the answer is given. */
void find_explain(const struct find *find);
/* --cat: the bytes of one variable to stdout. 0, or CLI_FAILED after a message. */
int find_cat(struct find *find, const struct tape_scope *scope);
/* What threads are worth their while for: the rest of a walk as text, up to a limit. An exit code. */
int find_print(struct find *find, struct tape_cursor *cursor, uint64_t limit);
/* The same for the columns of CSV; *last is the last position, or zero. */
int find_columns(struct find *find, struct tape_cursor *cursor, uint64_t limit,
		 struct tape_pos *last);
/* --bookmarks: lists them. An exit code. */
int find_marks(struct find *find);
/* --who: the scopes that read or wrote a file with that content. An exit code. */
int find_who(struct find *find);
/* --lineage: what a scope comes from. An exit code. */
int find_lineage(struct find *find);
/* Nothing was found: names bookmarks near those of the query that do not exist. */
void find_near_marks(struct find *find);
/* Two lines: the query with a caret, and what was expected. */
void find_syntax(struct find *find, const struct tape_error *err);
/* Nothing was found: names the nearest label or variable. */
void find_nearest(struct find *find);
/*
 * Nothing was found: says which values the variable has, and for "=VALUE" the
 * nearest one. `test` is the query from the operator on.
 */
void find_near_value(struct find *find, const char *name, const char *test);
/* `tape-find T>300` made a file named 300: true after saying so. */
bool find_redirected(struct find *find);

#endif
