/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/caching.h"

#include <check.h>
#include <string.h>

#include "tape/compact.h"
#include "tests/support/recording.h"

struct tape_key
key_of(int n)
{
	return TAPE_KEY("yield", n);
}

void
store_number(struct tape *t, int n, double yield)
{
	(void)TAPE_STORE(t, key_of(n), yield);
}

double
number(struct tape *t, int n)
{
	double yield = -1;

	ck_assert_int_eq(TAPE_RECALL(t, key_of(n), &yield), yield >= 0);
	return yield;
}

void
compact(bool full)
{
	struct tape_compact_options options = { .size = sizeof options,
						.flags = full ? TAPE_COMPACT_FULL : 0u };
	struct tape_compact_result result;
	struct tape_error err = { 0 };

	ck_assert_msg(tape_compact(recording_dir, &options, &result, &err) == 0, "%s",
		      err.message);
}

uint64_t
count(const char *text)
{
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor;
	struct tape_error err = { 0 };
	uint64_t n = 0;

	ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, &err), 0);
	ck_assert_msg(tape_query_compile(text, &query, &err) == 0, "%s", err.message);
	ck_assert_int_eq(tape_find(reader, query, NULL, &cursor, &err), 0);
	ck_assert_int_eq(tape_cursor_count(cursor, &n, &err), 0);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return n;
}

unsigned
warnings(const char *part)
{
	struct tape_reader *reader;
	struct tape_info *info;
	struct tape_error err = { 0 };
	unsigned n = 0;

	ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, &err), 0);
	ck_assert_int_eq(tape_info_read(reader, &info, &err), 0);
	for (size_t i = 0; i < info->note_count; i++)
		n += strcmp(info->notes[i].kind, "warning") == 0 &&
		     strstr(info->notes[i].value, part) != NULL;
	tape_info_free(info);
	tape_reader_close(reader);
	return n;
}
