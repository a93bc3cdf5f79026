/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs, wherever they are and whatever became of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "format/hash.h"
#include "format/path.h"
#include "tests/support/reading.h"
#include "tests/support/suite.h"

/* ---- blobs ---- */

static uint8_t big[9000];

/* One scope with bytes variable b in the given store. */
static void
put_blob(struct form *f, unsigned store, const struct body_hint *hint)
{
	const char *labels[] = { "blob" };
	struct form_var b = { .name = "b",
			      .name_len = 1,
			      .unit = "",
			      .type = TAPE_BYTES_T,
			      .store = (uint8_t)store };
	struct tape_value v = testwriter_bytes_value(TAPE_BYTES_T, big, sizeof big);

	ck_assert_int_eq(form_build(2, "", 0, "", labels, 1, &b, 1, f, NULL), 0);
	v.hash = hash_bytes(big, sizeof big);
	v.has_hash = 1;
	testwriter_form(&w, f);
	testwriter_scope(&w, f, &v, hint, 0);
	testwriter_group(&w);
}

static int
read_blob(struct tape_error *err)
{
	static uint8_t got[sizeof big + 10];
	struct tape_reader *reader = open_tape();
	struct tape_query *query;
	struct tape_cursor *cursor = find(reader, &query, "blob", NULL);
	const struct tape_scope *s;
	struct tape_blob *blob = NULL;
	int r;

	memset(err, 0, sizeof *err);
	ck_assert_int_eq(tape_cursor_next(cursor, &s, NULL), 1);
	r = tape_blob_open(s, 0, &blob, err);
	if (r == 0) {
		ck_assert_uint_eq(tape_blob_size(blob), sizeof big);
		ck_assert_int_eq(tape_blob_read(blob, got, sizeof got, 0, NULL),
				 sizeof big);
		ck_assert_mem_eq(got, big, sizeof big);
		ck_assert_int_eq(tape_blob_read(blob, got, 10, sizeof big - 4, NULL), 4);
		ck_assert_int_eq(tape_blob_read(blob, got, 10, sizeof big + 4, NULL), 0);
		tape_blob_close(blob);
	}
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return r;
}

static void
finish_blob(struct form *f)
{
	testwriter_end(&w, END_CLOSED);
	save();
	form_release(f);
}

START_TEST(blobs_are_read_wherever_they_are)
{
	struct form f = { 0 };
	struct tape_error err;
	struct body_hint hint;

	memset(big, 7, sizeof big);
	begin(0, 1);
	put_blob(&f, TAPE_INLINE, NULL);
	finish_blob(&f);
	ck_assert_int_eq(read_blob(&err), 0);

	begin(0, 1);
	hint = testwriter_blob(&w, big, sizeof big);
	testwriter_frame_kind(&w, FRAME_BLOBS, FRAME_FIRST | FRAME_LAST);
	put_blob(&f, TAPE_AS_BLOB, &hint);
	finish_blob(&f);
	ck_assert_int_eq(read_blob(&err), 0);

	begin(0, 1);
	put_blob(&f, TAPE_AS_BLOB, NULL);
	finish_blob(&f);
	testwriter_loose_blob(dir, big, sizeof big);
	ck_assert_int_eq(read_blob(&err), 0);
	ck_assert_str_eq(seqs("_has=_blob", NULL), "1");
	ck_assert_uint_eq(damage + notes, 0);
}
END_TEST

START_TEST(a_wrong_hint_gives_way_to_the_loose_file)
{
	struct form f = { 0 };
	struct tape_error err;
	struct body_hint hint = { 0, 64 };

	begin(0, 1);
	put_blob(&f, TAPE_AS_BLOB, &hint);
	finish_blob(&f);
	ck_assert_int_eq(read_blob(&err), TAPE_ERR_DAMAGED);
	ck_assert_uint_eq(damage, 1);
	testwriter_loose_blob(dir, big, sizeof big);
	ck_assert_int_eq(read_blob(&err), 0);
}
END_TEST

START_TEST(a_missing_or_wrong_blob_is_an_error_never_data)
{
	struct form f = { 0 };
	struct tape_error err;
	struct tape_hash hash;
	char path[PATH_BLOB_TEXT];

	memset(big, 3, sizeof big);
	begin(0, 1);
	put_blob(&f, TAPE_AS_BLOB, NULL);
	finish_blob(&f);
	ck_assert_int_eq(read_blob(&err), TAPE_ERR_NOT_FOUND);
	ck_assert_uint_eq(damage, 1);
	testwriter_loose_blob(dir, big, sizeof big);
	hash = hash_bytes(big, sizeof big);
	path_blob(&hash, path);
	big[0] = 4;
	testwriter_file(dir, path, big, sizeof big);
	ck_assert_int_eq(read_blob(&err), TAPE_ERR_DAMAGED);
	testwriter_file(dir, path, big, sizeof big - 1);
	ck_assert_int_eq(read_blob(&err), TAPE_ERR_DAMAGED);
	ck_assert_uint_eq(damage, 3);
	ck_assert_str_ne(err.file, "");
}
END_TEST

START_TEST(a_hashed_value_has_no_bytes_to_read)
{
	struct form f = { 0 };
	struct tape_error err;

	begin(0, 1);
	put_blob(&f, TAPE_AS_HASH, NULL);
	finish_blob(&f);
	ck_assert_int_eq(read_blob(&err), TAPE_ERR_MISUSE);
	ck_assert_uint_eq(damage + notes, 0);
}
END_TEST

START_TEST(a_blob_that_a_crash_took_is_lost_with_a_note)
{
	struct form f = { 0 };
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor;
	const struct tape_scope *s;

	begin_killed(0, 1);
	put_blob(&f, TAPE_AS_BLOB, NULL);
	save();
	form_release(&f);
	reader = open_tape();
	cursor = find(reader, &query, "blob", NULL);
	ck_assert_int_eq(tape_cursor_next(cursor, &s, NULL), 1);
	ck_assert_int_eq(tape_scope_var(s, 0).value->type, TAPE_ABSENT);
	ck_assert_int_eq(tape_scope_var(s, 0).value->absent, TAPE_LOST);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	ck_assert_uint_eq(damage, 0);
	ck_assert_uint_eq(notes, 2);
}
END_TEST

START_TEST(a_blob_is_found_by_the_start_of_its_hash)
{
	struct form f = { 0 };
	char text[TAPE_HASH_TEXT], query[64];
	struct tape_hash hash;

	memset(big, 9, sizeof big);
	hash = hash_bytes(big, sizeof big);
	begin(0, 1);
	put_blob(&f, TAPE_AS_BLOB, NULL);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_group(&w);
	finish_blob(&f);
	tape_hash_text(&hash, text);
	(void)snprintf(query, sizeof query, "_blob=%.6s", text);
	ck_assert_str_eq(seqs(query, NULL), "1");
	text[0] = text[0] == '0' ? '1' : '0';
	(void)snprintf(query, sizeof query, "_blob=%.6s", text);
	ck_assert_str_eq(seqs(query, NULL), "");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("search_blob");
	TCase *tcase = tcase_create("search_blob");

	tcase_add_checked_fixture(tcase, reading_setup, reading_teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, blobs_are_read_wherever_they_are);
	tcase_add_test(tcase, a_wrong_hint_gives_way_to_the_loose_file);
	tcase_add_test(tcase, a_missing_or_wrong_blob_is_an_error_never_data);
	tcase_add_test(tcase, a_hashed_value_has_no_bytes_to_read);
	tcase_add_test(tcase, a_blob_that_a_crash_took_is_lost_with_a_note);
	tcase_add_test(tcase, a_blob_is_found_by_the_start_of_its_hash);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
