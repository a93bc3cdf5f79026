/* SPDX-License-Identifier: Apache-2.0 */
/* What finding on compacted tapes reads, and that it goes on when files are replaced. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "tape/compact.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

#define SCOPES 70000 /* two blocks */

static void
put(struct tape *t, const char *label, int64_t number)
{
	struct tape_build *b = tape_build_begin(t, label);

	(void)tape_build_i64(b, "i", TAPE_NUL, number);
	(void)tape_build_i64(b, "square", TAPE_NUL, number * number);
	ck_assert_int_eq(tape_build_end(b), 0);
}

static void
compact(uint32_t flags)
{
	struct tape_compact_options o = { .size = sizeof o, .flags = flags, .jobs = 1 };
	struct tape_error err = { 0 };

	ck_assert_msg(tape_compact(recording_dir, &o, NULL, &err) == 0, "%s %s", err.file,
		      err.message);
}

static void
record(int64_t from, int64_t to)
{
	struct tape *t = recording_open("sync=none");

	for (int64_t i = from; i < to; i++)
		put(t, i % 20 == 0 ? "rare" : "row", i);
	ck_assert_int_eq(tape_close(t), 0);
}

/* Finds; `look`: every variable is looked at. The count. */
static size_t
found(struct tape_reader *reader, const char *text, bool look, char *hash)
{
	struct tape_error err = { 0 };
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	struct tape_hash h;
	size_t count = 0;
	int r;

	ck_assert_msg(tape_query_compile(text, &query, &err) == 0, "%s", err.message);
	ck_assert_int_eq(tape_find(reader, query, NULL, &cursor, &err), 0);
	while ((r = tape_cursor_next(cursor, &scope, &err)) == 1) {
		count++;
		(void)tape_scope_pos(scope);
		for (size_t i = 0; look && i < tape_scope_var_count(scope); i++)
			ck_assert_int_eq(tape_scope_var(scope, i).value->type, TAPE_I64);
		if (hash != NULL) {
			h = tape_scope_hash(scope);
			tape_hash_text(&h, hash);
		}
	}
	ck_assert_msg(r == 0, "%s", err.message);
	tape_cursor_close(cursor);
	tape_query_free(query);
	return count;
}

static struct tape_reader *
opened(void)
{
	struct tape_error err = { 0 };
	struct tape_reader *reader = NULL;

	ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, &err), 0);
	return reader;
}

static size_t
ask(const char *text, bool look, char *hash, struct tape_read_stats *stats)
{
	struct tape_reader *reader = opened();
	size_t count = found(reader, text, look, hash);

	stats->size = sizeof *stats;
	tape_reader_stats(reader, stats);
	tape_reader_close(reader);
	ck_assert_uint_eq(stats->matched, count);
	return count;
}

static void
compacted(void)
{
	record(0, SCOPES);
	compact(0);
}

START_TEST(a_label_with_positions_alone_reads_no_contents)
{
	struct tape_read_stats s;

	compacted();
	ck_assert_uint_eq(ask("rare", false, NULL, &s), SCOPES / 20);
	ck_assert_uint_eq(s.blocks, 2);
	ck_assert_uint_eq(s.content_columns, 0);
	ck_assert_uint_eq(s.scopes, SCOPES / 20);
	ck_assert_uint_lt(s.groups, 4);
	ck_assert_uint_eq(ask("nowhere", false, NULL, &s), 0);
	ck_assert_uint_eq(s.blocks_by_label, 2);
	ck_assert_uint_eq(s.occurrence_columns, 0);
}
END_TEST

START_TEST(a_position_reads_one_group_of_one_block)
{
	struct tape_read_stats s;

	compacted();
	ck_assert_uint_eq(ask("_seq=30001", false, NULL, &s), 1);
	ck_assert_uint_eq(s.blocks_by_position, 1);
	ck_assert_uint_eq(s.parts_by_position, 1);
	ck_assert_uint_eq(s.parts_by_time + s.parts_by_values + s.generations_by_hash, 0);
	ck_assert_uint_eq(s.groups, 1);
	ck_assert_uint_eq(s.headers, 1);
	ck_assert_uint_eq(s.content_columns, 0);
	ck_assert_uint_eq(ask("_seq=30001", true, NULL, &s), 1);
	ck_assert_uint_le(s.content_columns, 3); /* forms, i, square */
}
END_TEST

START_TEST(a_range_reads_the_groups_that_hold_it)
{
	struct tape_read_stats s;

	compacted();
	ck_assert_uint_eq(ask("i=30000..30009 row", false, NULL, &s), 9);
	ck_assert_uint_eq(s.scopes, 9);
	ck_assert_uint_eq(s.parts_by_position + s.generations_by_hash, 0);
	ck_assert_uint_eq(s.parts_by_values, 1);
	ck_assert_uint_eq(s.forms_refused, 1); /* rare */
	ck_assert_uint_le(s.tested_groups, 2);
	ck_assert_uint_ge(s.contents_by_range, 1);
	ck_assert_uint_ge(s.groups_by_value, 6);
	/* The other variable is not read. */
	ck_assert_uint_le(s.content_columns, 4);
	ck_assert_uint_eq(ask("i=-5", false, NULL, &s), 0);
	ck_assert_uint_eq(s.content_columns, 0);
	ck_assert_uint_eq(s.scopes, 0);
}
END_TEST

START_TEST(a_hash_is_found_by_its_fingerprint)
{
	char hash[TAPE_HASH_TEXT], query[TAPE_HASH_TEXT + 8];
	struct tape_read_stats s;

	compacted();
	ck_assert_uint_eq(ask("_seq=30001", true, hash, &s), 1);
	(void)snprintf(query, sizeof query, "_hash=%s", hash);
	ck_assert_uint_eq(ask(query, false, NULL, &s), 1);
	ck_assert_uint_eq(s.scopes, 1);
	ck_assert_uint_eq(s.blocks_by_fingerprint, 1);
	ck_assert_uint_eq(s.generations_by_hash, 1);
	ck_assert_uint_eq(s.parts_by_values + s.parts_by_position, 0);
	ck_assert_uint_gt(s.index_bytes, 0);
	ck_assert_uint_eq(s.tested_groups, 0);
}
END_TEST

START_TEST(a_hash_reads_the_groups_that_have_it)
{
	char hash[TAPE_HASH_TEXT], query[TAPE_HASH_TEXT + 16];
	struct tape_read_stats s;

	/* The same again: at the end of this generation, and in the next one. */
	record(0, SCOPES);
	record(41, 49);
	compact(0);
	record(43, 45);
	compact(0);
	ck_assert_uint_eq(ask("i=43 _seq=44", true, hash, &s), 1);
	(void)snprintf(query, sizeof query, "_hash=%s", hash);
	ck_assert_uint_eq(ask(query, false, NULL, &s), 3);
	ck_assert_uint_eq(s.generations, 2);
	ck_assert_uint_eq(s.blocks, 3);
	ck_assert_uint_eq(s.headers, 3);
	/* Two labels in each of the three. */
	ck_assert_uint_eq(s.groups, 6);
	ck_assert_uint_eq(s.groups_by_value, 3);
	ck_assert_uint_eq(s.scopes, 3);
	ck_assert_uint_eq(s.tested_groups, 0);
	ck_assert_uint_ge(s.groups_by_fingerprint, 7);
	(void)snprintf(query, sizeof query, "i=43 _hash=%s", hash);
	ck_assert_uint_eq(ask(query, false, NULL, &s), 3);
	ck_assert_uint_eq(s.groups, 6);
	(void)snprintf(query, sizeof query, "i=44 _hash=%s", hash);
	ck_assert_uint_eq(ask(query, false, NULL, &s), 0);
	/* One of 80 bits only: found by the index, and then it is not that. */
	hash[31] = hash[31] == '0' ? '1' : '0';
	(void)snprintf(query, sizeof query, "_hash=%s", hash);
	ck_assert_uint_eq(ask(query, false, NULL, &s), 0);
	hash[0] = hash[0] == '0' ? '1' : '0';
	(void)snprintf(query, sizeof query, "_hash=%s", hash);
	ck_assert_uint_eq(ask(query, false, NULL, &s), 0);
	ck_assert_uint_eq(s.sections, 0);
	/* The second block is of two sessions. */
	ck_assert_uint_eq(s.blocks_by_fingerprint, 4);
}
END_TEST

static void
ask_blob(unsigned char *data, size_t size, struct tape_read_stats *stats)
{
	struct tape_hash hash = hash_bytes(data, size);
	char text[TAPE_HASH_TEXT], query[TAPE_HASH_TEXT + 8];

	tape_hash_text(&hash, text);
	(void)snprintf(query, sizeof query, "_blob=%s", text);
	ck_assert_uint_eq(ask(query, false, NULL, stats), 2);
}

START_TEST(a_blob_reads_the_groups_that_refer_to_it)
{
	static unsigned char data[100000];
	struct tape *t = recording_open("sync=none");
	struct tape_read_stats s;

	for (int64_t i = 0; i < SCOPES; i++) {
		if (i != 9000 && i != 66000) {
			put(t, "row", i);
			continue;
		}
		ck_assert_int_eq(recording_put_blob(t, i, 7, sizeof data), 0);
		ck_assert_int_eq(recording_put_blob(t, i, 8, 30), 0);
	}
	ck_assert_int_eq(tape_close(t), 0);
	compact(0);
	recording_fill(data, sizeof data, 7);
	ask_blob(data, sizeof data, &s);
	ck_assert_uint_eq(s.groups, 2);
	ck_assert_uint_eq(s.scopes, 2);
	/* The index does not know so short ones. */
	recording_fill(data, 30, 8);
	ask_blob(data, 30, &s);
}
END_TEST

START_TEST(a_time_before_the_tape_reads_no_column)
{
	struct tape_read_stats s;

	compacted();
	ck_assert_uint_eq(ask("_time<2001-01-01", false, NULL, &s), 0);
	ck_assert_uint_eq(s.blocks_by_time, 2);
	ck_assert_uint_eq(s.sections, 0);
}
END_TEST

START_TEST(options_of_an_older_program_are_taken)
{
	struct tape_find_options o = { .size = offsetof(struct tape_find_options, jobs),
				       .flags = TAPE_FIND_REVERSE,
				       .jobs = 77 };
	struct tape_error err = { 0 };
	struct tape_reader *reader;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope = NULL;

	record(0, 10);
	reader = opened();
	ck_assert_int_eq(tape_query_compile("", &query, &err), 0);
	ck_assert_int_eq(tape_find(reader, query, &o, &cursor, &err), 0);
	ck_assert_int_eq(tape_cursor_next(cursor, &scope, &err), 1);
	ck_assert_uint_eq(tape_scope_pos(scope).seq, 10);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
}
END_TEST

/* Files go while a cursor stands in the middle of them; it tells each scope once. */
START_TEST(a_walk_goes_on_through_compactions)
{
	struct tape_error err = { 0 };
	struct tape_reader *reader;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	int64_t next = 0;
	int r;

	for (int64_t i = 0; i < 6; i++) {
		record(i * 500, (i + 1) * 500);
		if (i == 1 || i == 2)
			compact(0);
	}
	reader = opened();
	ck_assert_int_eq(tape_query_compile("i>=0 square>=0", &query, &err), 0);
	ck_assert_int_eq(tape_find(reader, query, NULL, &cursor, &err), 0);
	while ((r = tape_cursor_next(cursor, &scope, &err)) == 1) {
		ck_assert_int_eq(tape_scope_var(scope, 0).value->as.i, next);
		next++;
		if (next % 700 == 0)
			compact(next % 1400 == 0 ? TAPE_COMPACT_FULL : 0);
	}
	ck_assert_msg(r == 0, "%s", err.message);
	ck_assert_int_eq(next, 3000);
	ck_assert_uint_eq(tape_reader_damage(reader), 0);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("packed_find");
	TCase *t = tcase_create("reading");

	tcase_add_checked_fixture(t, recording_setup, recording_teardown);
	tcase_set_timeout(t, 240);
	tcase_add_test(t, a_label_with_positions_alone_reads_no_contents);
	tcase_add_test(t, a_position_reads_one_group_of_one_block);
	tcase_add_test(t, a_range_reads_the_groups_that_hold_it);
	tcase_add_test(t, a_hash_is_found_by_its_fingerprint);
	tcase_add_test(t, a_hash_reads_the_groups_that_have_it);
	tcase_add_test(t, a_blob_reads_the_groups_that_refer_to_it);
	tcase_add_test(t, a_time_before_the_tape_reads_no_column);
	tcase_add_test(t, options_of_an_older_program_are_taken);
	tcase_add_test(t, a_walk_goes_on_through_compactions);
	suite_add_tcase(s, t);
	return suite_run(s);
}
