/* SPDX-License-Identifier: Apache-2.0 */
/* Reading tapes that are damaged, torn or strange: the table of docs/format/segment.md section 7. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "format/hash.h"
#include "format/path.h"
#include "tests/support/reading.h"
#include "tests/support/suite.h"

/* ---- damage ---- */

START_TEST(a_damaged_frame_hides_its_scopes_alone_and_is_told_once)
{
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor;
	uint64_t count = 0;

	begin(0, 1);
	testwriter_form(&w, &form);
	testwriter_group(&w);
	for (int i = 1; i <= 3; i++) {
		put(i, i);
		testwriter_group(&w);
		if (i == 2)
			w.data[w.len - 1] ^= 1;
	}
	testwriter_end(&w, END_CLOSED);
	save();
	reader = open_tape();
	for (int i = 0; i < 3; i++) {
		cursor = find(reader, &query, "run", NULL);
		ck_assert_int_eq(tape_cursor_count(cursor, &count, NULL), 0);
		ck_assert_uint_eq(count, 2);
		tape_cursor_close(cursor);
		tape_query_free(query);
	}
	ck_assert_uint_eq(tape_reader_damage(reader), 1);
	ck_assert_uint_eq(damage, 1);
	ck_assert_ptr_nonnull(strstr(last_report, "000000.log"));
	tape_reader_close(reader);
}
END_TEST

START_TEST(a_later_segment_wins_where_seqs_repeat)
{
	begin(0, 1);
	testwriter_form(&w, &form);
	for (int i = 1; i <= 4; i++) {
		put(i, i);
		testwriter_group(&w);
	}
	save();
	begin(1, 3);
	testwriter_form(&w, &form);
	put(30, 30);
	put(40, 40);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	ck_assert_str_eq(seqs("", NULL), "1 2 3 4");
	ck_assert_str_eq(seqs("y=30..", NULL), "3 4");
	ck_assert_str_eq(seqs("y=3,4", NULL), "");
	ck_assert_uint_eq(damage, 0);
}
END_TEST

START_TEST(missing_segments_and_seqs_are_damage)
{
	begin(0, 1);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_group(&w);
	testwriter_end(&w, END_ROLLED);
	save();
	begin(2, 5);
	testwriter_form(&w, &form);
	put(5, 5);
	testwriter_group(&w);
	w.seq = 8;
	put(8, 8);
	testwriter_group(&w);
	save();
	ck_assert_str_eq(seqs("", NULL), "1 5 8");
	ck_assert_uint_eq(damage, 2);
}
END_TEST

START_TEST(a_torn_tail_is_silent_while_its_writer_may_live)
{
	begin(0, 1);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_group(&w);
	put(2, 2);
	testwriter_group(&w);
	w.len -= 3;
	save();
	ck_assert_str_eq(seqs("", NULL), "1");
	ck_assert_uint_eq(damage + notes, 0);
}
END_TEST

START_TEST(a_torn_tail_of_a_dead_writer_is_a_note)
{
	begin_killed(0, 1);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_group(&w);
	put(2, 2);
	testwriter_group(&w);
	w.len -= 3;
	save();
	ck_assert_str_eq(seqs("", NULL), "1");
	ck_assert_uint_eq(damage, 0);
	ck_assert_uint_eq(notes, 2); /* killed, and the tail */
}
END_TEST

START_TEST(a_group_without_its_end_is_never_shown)
{
	begin_killed(0, 1);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_group(&w);
	put(2, 2);
	testwriter_frame(&w, FRAME_FIRST);
	put(3, 3);
	testwriter_frame(&w, 0);
	save();
	ck_assert_str_eq(seqs("", NULL), "1");
	ck_assert_uint_eq(damage, 0);
}
END_TEST

static void
make_link_to_nowhere(bool closed, bool marked)
{
	if (closed)
		begin(0, 5);
	else
		begin_killed(0, 5);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_link(&w, &form, 3, 0);
	testwriter_group(&w);
	if (marked) {
		testwriter_mark(&w);
		testwriter_group(&w);
	}
	if (closed)
		testwriter_end(&w, END_CLOSED);
	save();
}

START_TEST(a_link_without_target_is_shown_as_lost)
{
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor;
	const struct tape_scope *s;

	make_link_to_nowhere(true, false);
	ck_assert_str_eq(seqs("_link=any", NULL), "6");
	ck_assert_uint_eq(damage, 2); /* the link, and the seqs before 5 */
	reader = open_tape();
	cursor = find(reader, &query, "_link=any", NULL);
	ck_assert_int_eq(tape_cursor_next(cursor, &s, NULL), 1);
	ck_assert_int_eq(tape_scope_var(s, 0).value->type, TAPE_ABSENT);
	ck_assert_int_eq(tape_scope_var(s, 0).value->absent, TAPE_LOST);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
}
END_TEST

START_TEST(beyond_the_last_mark_of_a_killed_session_loss_is_a_note)
{
	make_link_to_nowhere(false, false);
	(void)seqs("_link=any _seq=6", NULL);
	ck_assert_uint_eq(damage, 1); /* the seqs before 5 */
	ck_assert_uint_eq(notes, 2);  /* killed, and the link */
}
END_TEST

START_TEST(below_the_last_mark_of_a_killed_session_loss_is_damage)
{
	make_link_to_nowhere(false, true);
	(void)seqs("_link=any _seq=6", NULL);
	ck_assert_uint_eq(damage, 2);
	ck_assert_uint_eq(notes, 1);
}
END_TEST

START_TEST(links_that_do_not_fit_are_damage_and_end)
{
	struct form other = { 0 };

	make_form(&other, 2, "other");
	begin(0, 1);
	testwriter_form(&w, &form);
	testwriter_form(&w, &other);
	put(1, 1);
	testwriter_link(&w, &form, 2, 0);  /* itself */
	testwriter_link(&w, &form, 4, 0);  /* later */
	testwriter_link(&w, &form, 3, 0);  /* a link */
	testwriter_link(&w, &other, 1, 0); /* other labels */
	testwriter_projection(&w, &form, 6, 0);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	form_release(&other);
	ck_assert_str_eq(seqs("", NULL), "1 2 3 4 5 6");
	ck_assert_uint_eq(damage, 5);
	damage = 0;
	ck_assert_str_eq(seqs("x=1", NULL), "1");
}
END_TEST

START_TEST(what_a_reader_does_not_know_is_skipped_or_refused)
{
	begin(0, 1);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_record(&w, 200, 0, "later", 5);
	put(2, 2);
	testwriter_group(&w);
	put(3, 3);
	testwriter_record(&w, 100, 0, "unknown", 7);
	testwriter_group(&w);
	testwriter_scope_bytes(&w, 9, "", 0);
	testwriter_scope_bytes(&w, 1, "short", 5);
	put(6, 6);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	ck_assert_str_eq(seqs("", NULL), "1 2 6");
	ck_assert_uint_eq(damage, 3); /* kind 100, form 9, the short body */
}
END_TEST

static size_t
read_segment(uint8_t **out)
{
	char path[4096], id[TAPE_SESSION_TEXT];
	struct stat st;
	FILE *f;

	tape_session_text(testwriter_session_a, id);
	(void)snprintf(path, sizeof path, "%s/sessions/%s/000000.log", dir, id);
	ck_assert_int_eq(stat(path, &st), 0);
	*out = malloc((size_t)st.st_size);
	f = fopen(path, "rb");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fread(*out, 1, (size_t)st.st_size, f), (size_t)st.st_size);
	fclose(f);
	return (size_t)st.st_size;
}

static void
write_segment(const uint8_t *data, size_t len)
{
	char path[100], id[TAPE_SESSION_TEXT];

	tape_session_text(testwriter_session_a, id);
	(void)snprintf(path, sizeof path, "sessions/%s/000000.log", id);
	testwriter_file(dir, path, data, len);
}

/* Positions found whose values are not what was recorded there. */
static unsigned
wrong_values(uint64_t *found)
{
	struct tape_reader *reader = open_tape();
	struct tape_query *query;
	struct tape_cursor *cursor = find(reader, &query, "y=1..", NULL);
	const struct tape_scope *s;
	unsigned wrong = 0;
	int r;

	*found = 0;
	while ((r = tape_cursor_next(cursor, &s, NULL)) == 1) {
		int64_t y = (int64_t)tape_scope_pos(s).seq;

		if (y == 4)
			y = 1; /* the link */
		++*found;
		wrong += tape_scope_var(s, 1).value->as.i != y ||
			 tape_scope_var(s, 0).value->as.f != (double)y;
	}
	ck_assert_int_eq(r, 0);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return wrong;
}

static size_t
make_small(uint8_t **data)
{
	begin(0, 1);
	testwriter_form(&w, &form);
	for (int i = 1; i <= 5; i++) {
		if (i == 4)
			testwriter_link(&w, &form, 1, 0);
		else
			put(i, i);
		if (i != 2)
			testwriter_group(&w);
	}
	testwriter_end(&w, END_CLOSED);
	save();
	return read_segment(data);
}

START_TEST(a_segment_cut_at_any_byte_shows_a_prefix)
{
	uint8_t *data;
	size_t len = make_small(&data);
	uint64_t found, before = 5;

	for (size_t cut = len; cut-- > 0;) {
		write_segment(data, cut);
		ck_assert_uint_eq(wrong_values(&found), 0);
		ck_assert_uint_le(found, before);
		before = found;
		ck_assert_uint_eq(damage, 0);
	}
	ck_assert_uint_eq(before, 0);
	free(data);
}
END_TEST

START_TEST(no_flipped_bit_gives_a_wrong_value_or_goes_unnoticed)
{
	uint8_t *data;
	size_t len = make_small(&data);
	uint64_t found;

	for (size_t i = 0; i < len * 8; i++) {
		data[i / 8] ^= (uint8_t)(1u << i % 8);
		write_segment(data, len);
		damage = notes = 0;
		ck_assert_uint_eq(wrong_values(&found), 0);
		ck_assert_msg(found == 5 || damage + notes > 0, "bit %zu: %u found", i,
			      (unsigned)found);
		data[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	free(data);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("search_damage");
	TCase *tcase = tcase_create("search_damage");

	tcase_add_checked_fixture(tcase, reading_setup, reading_teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, a_damaged_frame_hides_its_scopes_alone_and_is_told_once);
	tcase_add_test(tcase, a_later_segment_wins_where_seqs_repeat);
	tcase_add_test(tcase, missing_segments_and_seqs_are_damage);
	tcase_add_test(tcase, a_torn_tail_is_silent_while_its_writer_may_live);
	tcase_add_test(tcase, a_torn_tail_of_a_dead_writer_is_a_note);
	tcase_add_test(tcase, a_group_without_its_end_is_never_shown);
	tcase_add_test(tcase, a_link_without_target_is_shown_as_lost);
	tcase_add_test(tcase, beyond_the_last_mark_of_a_killed_session_loss_is_a_note);
	tcase_add_test(tcase, below_the_last_mark_of_a_killed_session_loss_is_damage);
	tcase_add_test(tcase, links_that_do_not_fit_are_damage_and_end);
	tcase_add_test(tcase, what_a_reader_does_not_know_is_skipped_or_refused);
	tcase_add_test(tcase, a_segment_cut_at_any_byte_shows_a_prefix);
	tcase_add_test(tcase, no_flipped_bit_gives_a_wrong_value_or_goes_unnoticed);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
