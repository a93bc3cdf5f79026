/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/resuming.h"

#include <check.h>
#include <stdio.h>

#include "tape/compact.h"
#include "tests/support/recording.h"

void
resuming_compact(void)
{
	struct tape_compact_options o = { .size = sizeof o, .jobs = 1 };
	struct tape_error err = { 0 };

	ck_assert_msg(tape_compact(recording_dir, &o, NULL, &err) == 0, "%s",
		      err.message);
}

struct tape_pos
resuming_at(struct tape *t, uint64_t seq)
{
	struct tape_pos pos = tape_position(t);

	pos.seq = seq;
	return pos;
}

/* The numbers that a query finds, joined by blanks. */
const char *
resuming_numbers(const char *text, uint32_t reader_flags, uint32_t find_flags)
{
	static char out[4096];
	const struct tape_reader_options options = { .size = sizeof options,
						     .flags = reader_flags };
	const struct tape_find_options find = { .size = sizeof find,
						.flags = find_flags };
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor;
	const struct tape_scope *scope;
	struct tape_error err;
	uint64_t count = 0, n = 0;
	size_t len = 0;

	out[0] = '\0';
	ck_assert_int_eq(tape_reader_open(recording_dir, &options, &reader, &err), 0);
	ck_assert_int_eq(tape_query_compile(text, &query, &err), 0);
	ck_assert_int_eq(tape_find(reader, query, &find, &cursor, &err), 0);
	while (tape_cursor_next(cursor, &scope, &err) == 1) {
		int64_t i = tape_scope_var_find(scope, "i");

		n++;
		if (i >= 0)
			len += (size_t)snprintf(
				out + len, sizeof out - len, "%s%lld", len ? " " : "",
				(long long)tape_scope_var(scope, (size_t)i).value->as.i);
	}
	ck_assert_uint_eq(tape_reader_damage(reader), 0);
	tape_cursor_close(cursor);
	ck_assert_int_eq(tape_find(reader, query, &find, &cursor, &err), 0);
	ck_assert_int_eq(tape_cursor_count(cursor, &count, &err), 0);
	ck_assert_uint_eq(count, n);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return out;
}

const char *
resuming_shown(const char *query)
{
	return resuming_numbers(query, 0, 0);
}

const char *
resuming_all(const char *query)
{
	return resuming_numbers(query, TAPE_READER_SUPERSEDED, 0);
}

/* A session of `count` numbered scopes that goes on from *from (unless NULL). */
struct tape *
resuming_session(const struct tape_pos *from, int first, int count)
{
	struct tape *t = recording_open("sync=none");

	if (from)
		ck_assert_int_eq(tape_continue(t, *from), 0);
	for (int i = 0; i < count; i++)
		recording_put(t, first + i);
	ck_assert_int_eq(tape_commit(t), 0);
	return t;
}
