/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ask.h"

int
ask_begin(struct ask *ask, struct tape_reader *reader, const char *text,
	  const struct tape_find_options *options, struct tape_error *err)
{
	int r;

	*ask = (struct ask){ 0 };
	r = tape_query_compile(text, &ask->query, err);
	return r == 0 ? tape_find(reader, ask->query, options, &ask->cursor, err) : r;
}

int
ask_next(struct ask *ask, const struct tape_scope **scope, struct tape_error *err)
{
	return tape_cursor_next(ask->cursor, scope, err);
}

void
ask_end(struct ask *ask)
{
	tape_cursor_close(ask->cursor);
	tape_query_free(ask->query);
	*ask = (struct ask){ 0 };
}
