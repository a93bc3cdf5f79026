/* SPDX-License-Identifier: Apache-2.0 */
/* Tapes that somebody made on purpose: every checksum is right, and nothing else need be. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/reading.h"
#include "tests/support/suite.h"

START_TEST(records_too_short_for_scopes_leave_the_others_in_their_place)
{
	uint8_t none[1] = { 0 };

	begin(0, 1);
	testwriter_form(&w, &form);
	testwriter_group(&w);
	for (int i = 0; i < 200; i++)
		testwriter_record(&w, RECORD_SCOPE, 1, none, 0);
	put(5, 201);
	testwriter_group(&w);
	testwriter_link(&w, &form, 201, 0);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	ck_assert_str_eq(seqs("y=201", NULL), "201 202");
	ck_assert_uint_eq(damage, 200);
}
END_TEST

/* Frames that hold no scope, with a first seq that is none of theirs. */
START_TEST(marks_with_a_foreign_seq_hide_no_target)
{
	begin(0, 1);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_group(&w);
	for (int i = 0; i < 2; i++) {
		uint64_t seq = w.seq;

		w.seq = i == 0 ? 0 : (uint64_t)1 << 62;
		testwriter_mark(&w);
		w.first_seq = w.seq;
		testwriter_group(&w);
		w.seq = seq;
	}
	put(2, 2);
	testwriter_group(&w);
	put(3, 3);
	testwriter_group(&w);
	testwriter_link(&w, &form, 1, 0);
	testwriter_link(&w, &form, 2, 0);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	ck_assert_str_eq(seqs("y=1,2", NULL), "1 2 4 5");
	ck_assert_uint_eq(damage, 0);
}
END_TEST

/* The END frame is damaged: it says "closed", and nothing proves that it was written so. */
START_TEST(a_damaged_end_does_not_close_a_session)
{
	struct tape_reader *reader;
	struct tape_info *info;

	begin_killed(0, 1);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_group(&w);
	testwriter_end(&w, END_ROLLED);
	w.data[w.len - 8] = END_CLOSED;
	save();
	reader = open_tape();
	ck_assert_int_eq(tape_info_read(reader, &info, NULL), 0);
	ck_assert_int_eq(info->sessions[0].state, TAPE_KILLED);
	ck_assert_uint_eq(damage, 1);
	tape_info_free(info);
	tape_reader_close(reader);
}
END_TEST

START_TEST(a_segment_that_is_no_regular_file_is_told_and_passed_over)
{
	char text[TAPE_SESSION_TEXT], path[600];

	begin(0, 1);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_group(&w);
	testwriter_end(&w, END_ROLLED);
	save();
	tape_session_text(testwriter_session_a, text);
	(void)snprintf(path, sizeof path, "%s/sessions/%s/000001.log", dir, text);
	ck_assert_int_eq(symlink("000000.log", path), 0);
	ck_assert_str_eq(seqs("", NULL), "1");
	ck_assert_uint_eq(damage, 1);
	ck_assert_ptr_nonnull(strstr(last_report, "000001.log"));
	damage = 0;
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_str_eq(seqs("", NULL), "1");
	ck_assert_uint_eq(damage, 1);
}
END_TEST

START_TEST(what_is_missing_between_segments_is_told_in_both_directions)
{
	struct tape_find_options backward = { .size = sizeof backward,
					      .flags = TAPE_FIND_REVERSE };

	begin(0, 1);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_group(&w);
	testwriter_end(&w, END_ROLLED);
	save();
	begin(1, 2);
	testwriter_end(&w, END_ROLLED);
	save();
	begin(2, 5);
	testwriter_form(&w, &form);
	put(5, 5);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	ck_assert_str_eq(seqs("", NULL), "1 5");
	ck_assert_uint_eq(damage, 1);
	damage = 0;
	ck_assert_str_eq(seqs("", &backward), "5 1");
	ck_assert_uint_eq(damage, 1);
}
END_TEST

START_TEST(a_form_defined_again_with_another_site_is_damage)
{
	struct form other;
	const char *labels[] = { "run", "step" };

	ck_assert_int_eq(
		form_build(1, "b.c", 9, "main", labels, 2, form.vars, 2, &other, NULL),
		0);
	begin(0, 1);
	testwriter_form(&w, &form);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_group(&w);
	testwriter_form(&w, &other);
	put(2, 2);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	ck_assert_str_eq(seqs("_file=a.c", NULL), "1 2");
	ck_assert_uint_eq(damage, 1);
	form_release(&other);
}
END_TEST

START_TEST(records_of_later_kinds_are_skipped_and_told_once_a_session)
{
	struct tape_find_options backward = { .size = sizeof backward,
					      .flags = TAPE_FIND_REVERSE };
	uint8_t bytes[5] = { 0 };

	begin(0, 1);
	testwriter_form(&w, &form);
	testwriter_record(&w, 128, 0, bytes, sizeof bytes);
	put(1, 1);
	testwriter_record(&w, 255, 7, bytes, 0);
	testwriter_group(&w);
	testwriter_record(&w, 200, 0, bytes, sizeof bytes); /* a frame of its own */
	testwriter_group(&w);
	testwriter_note(&w, "user.k", "v");
	testwriter_record(&w, 200, 0, bytes, sizeof bytes);
	testwriter_group(&w);
	put(2, 2);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	ck_assert_str_eq(seqs("", NULL), "1 2");
	ck_assert_uint_eq(damage, 0);
	ck_assert_uint_eq(notes, 1);
	ck_assert_ptr_nonnull(strstr(last_report, "4 records of kinds"));
	ck_assert_str_eq(seqs("", &backward), "2 1");
	ck_assert_uint_eq(notes, 2);
	ck_assert_ptr_nonnull(strstr(last_report, "4 records of kinds"));
}
END_TEST

START_TEST(a_frame_of_an_unknown_kind_is_damage_with_scopes_and_without)
{
	uint8_t bytes[5] = { 0 };

	begin(0, 1);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_group(&w);
	testwriter_record(&w, 12, 0, bytes, sizeof bytes);
	testwriter_group(&w);
	testwriter_note(&w, "user.k", "v");
	testwriter_record(&w, 127, 0, bytes, sizeof bytes);
	testwriter_group(&w);
	put(2, 2);
	testwriter_record(&w, 100, 0, bytes, sizeof bytes);
	testwriter_group(&w);
	put(3, 3);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	ck_assert_str_eq(seqs("", NULL), "1 3");
	ck_assert_uint_eq(damage, 3);
	ck_assert_uint_eq(notes, 0);
}
END_TEST

/* Each that is remembered costs memory, so only some are. */
START_TEST(forms_that_are_not_defined_are_told_once_however_many)
{
	uint8_t delta[8] = { 0 };

	begin(0, 1);
	for (uint32_t i = 0; i < 6000; i++)
		testwriter_record(&w, RECORD_SCOPE, 1000 + i / 2, delta, sizeof delta);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	ck_assert_str_eq(seqs("", NULL), "");
	ck_assert_uint_eq(damage, 3000);
}
END_TEST

START_TEST(forms_beyond_what_a_reader_holds_are_told_once)
{
	uint8_t empty[14] = { 0 }; /* no site, no labels, no variables */
	uint8_t delta[8] = { 0 };

	begin(0, 1);
	for (uint32_t i = 1; i <= 600000; i++)
		testwriter_record(&w, RECORD_FORM, i, empty, sizeof empty);
	testwriter_record(&w, RECORD_SCOPE, 1, delta, sizeof delta);
	testwriter_record(&w, RECORD_SCOPE, 600000, delta, sizeof delta);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	ck_assert_str_eq(seqs("", NULL), "1");
	ck_assert_uint_eq(damage, 2); /* the forms, and the scope of the last */
}
END_TEST

/* More segments than are kept open, and no MARK: looking for one goes through them all. */
START_TEST(looking_for_a_mark_leaves_a_scope_that_is_shown_as_it_is)
{
	struct form blobs, other;
	const char *labels[] = { "run", "blobs" };
	const struct form_var vars[] = {
		{ .name = "b", .unit = "", .type = TAPE_STR, .store = TAPE_AS_BLOB },
		{ .name = "t", .unit = "", .type = TAPE_STR },
	};
	char bytes[100];
	struct tape_value values[2];
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor;
	const struct tape_scope *scope;

	memset(bytes, 'z', sizeof bytes);
	values[0] = testwriter_bytes_value(TAPE_STR, bytes, sizeof bytes);
	values[1] = testwriter_text("hello");
	testwriter_loose_blob(dir, bytes, sizeof bytes);
	ck_assert_int_eq(
		form_build(1, "a.c", 1, "main", labels, 2, vars, 2, &blobs, NULL), 0);
	make_form(&other, 2, "other");
	for (uint32_t n = 0; n < 320; n++) {
		begin_killed(n, n + 1);
		testwriter_form(&w, n < 2 ? &blobs : &other);
		if (n == 0)
			(void)testwriter_scope(&w, &blobs, values, NULL, 0);
		else if (n == 1)
			(void)testwriter_link(&w, &blobs, 1, 0);
		else
			(void)testwriter_link(&w, &other, 1, 0);
		testwriter_group(&w);
		testwriter_end(&w, END_ROLLED);
		save();
	}
	reader = open_tape();
	cursor = find(reader, &query, "blobs _link=any", NULL);
	ck_assert_int_eq(tape_cursor_next(cursor, &scope, NULL), 1);
	ck_assert_uint_eq(tape_scope_pos(scope).seq, 2);
	ck_assert_int_eq(memcmp(tape_scope_var(scope, 1).value->data, "hello", 5), 0);
	ck_assert_int_eq(tape_cursor_next(cursor, &scope, NULL), 0);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	form_release(&blobs);
	form_release(&other);
}
END_TEST

START_TEST(a_projection_that_is_no_subset_of_its_target_is_damage)
{
	const char *labels[] = { "run", "step" };
	const struct form_var more[] = {
		{ .name = "x", .unit = "", .type = TAPE_F64 },
		{ .name = "z", .unit = "", .type = TAPE_F64 },
	};
	struct form stranger, elsewhere;

	ck_assert_int_eq(
		form_build(2, "a.c", 1, "f", labels, 2, more, 2, &stranger, NULL), 0);
	ck_assert_int_eq(
		form_build(3, "a.c", 1, "f", labels, 1, more, 1, &elsewhere, NULL), 0);
	begin(0, 1);
	testwriter_form(&w, &form);
	testwriter_form(&w, &stranger);
	testwriter_form(&w, &elsewhere);
	put(1, 1);
	(void)testwriter_projection(&w, &stranger, 1, 0);
	(void)testwriter_projection(&w, &elsewhere, 1, 0);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	ck_assert_str_eq(seqs("x=1", NULL), "1");
	ck_assert_uint_eq(damage, 2);
	form_release(&stranger);
	form_release(&elsewhere);
}
END_TEST

START_TEST(a_link_that_does_not_fit_is_shown_as_lost_and_told)
{
	const struct tape_scope *scope;
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor;
	struct tape_hash hash, zero = { { 0 } };
	struct form other;

	make_form(&other, 2, "other");
	begin(0, 1);
	testwriter_form(&w, &form);
	testwriter_form(&w, &other);
	put(1, 1);
	(void)testwriter_link(&w, &other, 1, 0); /* under other labels */
	(void)testwriter_link(&w, &form, 3, 0);	 /* to itself */
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	reader = open_tape();
	cursor = find(reader, &query, "_seq=2..", NULL);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(tape_cursor_next(cursor, &scope, NULL), 1);
		ck_assert_str_eq(tape_scope_label(scope, 1), i == 0 ? "other" : "step");
		for (size_t v = 0; v < 2; v++) {
			const struct tape_value *value = tape_scope_var(scope, v).value;

			ck_assert_uint_eq(value->type, TAPE_ABSENT);
			ck_assert_uint_eq(value->absent, TAPE_LOST);
		}
		hash = tape_scope_hash(scope);
		ck_assert_mem_eq(&hash, &zero, sizeof hash);
	}
	ck_assert_int_eq(tape_cursor_next(cursor, &scope, NULL), 0);
	ck_assert_uint_eq(damage, 2);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	form_release(&other);
}
END_TEST

/* More variables than are looked at one by one; every third is in the projection. */
#define MANY 200u
START_TEST(a_projection_of_many_variables_has_the_values_of_its_target)
{
	static char names[MANY][8], texts[MANY][120];
	struct form_var vars[MANY], third[MANY / 3 + 1];
	struct tape_value values[MANY];
	struct form all, some;
	const char *label = "run";
	size_t n = 0;

	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(names[i], sizeof names[i], "v%03u", i);
		(void)snprintf(texts[i], sizeof texts[i], "%0*u", i % 2 == 0 ? 3 : 100,
			       i);
		vars[i] = (struct form_var){ .name = names[i], .unit = "" };
		vars[i].type = i % 5 == 0 ? TAPE_I64 : TAPE_STR;
		values[i] = i % 5 == 0 ? testwriter_i64(i) : testwriter_text(texts[i]);
		if (i % 3 == 0)
			third[n++] = vars[i];
	}
	ck_assert_int_eq(form_build(1, "a.c", 1, "f", &label, 1, vars, MANY, &all, NULL),
			 0);
	ck_assert_int_eq(form_build(2, "a.c", 1, "f", &label, 1, third, n, &some, NULL),
			 0);
	begin(0, 1);
	testwriter_form(&w, &all);
	testwriter_form(&w, &some);
	(void)testwriter_scope(&w, &all, values, NULL, 0);
	(void)testwriter_projection(&w, &some, 1, 0);
	(void)testwriter_link(&w, &some, 2, 0);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	for (unsigned i = 0; i < MANY; i++) {
		char text[200];

		(void)snprintf(text, sizeof text, "v%03u=\"%.100s\" or *=%u", i, texts[i],
			       i % 5 == 0 ? i : 1000);
		ck_assert_str_eq(seqs(text, NULL), i % 3 == 0 ? "1 2 3" : "1");
		(void)snprintf(text, sizeof text, "*=\"%.100s\"", texts[i]);
		ck_assert_str_eq(seqs(text, NULL), i % 5 == 0	? ""
						   : i % 3 == 0 ? "1 2 3"
								: "1");
	}
	ck_assert_uint_eq(damage, 0);
	form_release(&all);
	form_release(&some);
}
END_TEST

START_TEST(notes_and_variables_that_differ_at_their_end_only_are_counted_apart)
{
	static char name[256], value[2][301];
	const char *label = "run";
	struct form_var var = { .name = name, .unit = name, .type = TAPE_I64 };
	struct tape_value one = testwriter_i64(1);
	struct tape_reader *reader;
	struct tape_info *info;
	struct form a, b;

	memset(name, 'n', sizeof name - 1);
	for (int i = 0; i < 2; i++) {
		memset(value[i], 'v', 300);
		value[i][299] = (char)('0' + i);
	}
	ck_assert_int_eq(form_build(1, "a.c", 1, "f", &label, 1, &var, 1, &a, NULL), 0);
	var.type = TAPE_U64;
	ck_assert_int_eq(form_build(2, "a.c", 1, "f", &label, 1, &var, 1, &b, NULL), 0);
	begin(0, 1);
	testwriter_form(&w, &a);
	testwriter_form(&w, &b);
	(void)testwriter_scope(&w, &a, &one, NULL, 0);
	one = testwriter_u64(1);
	(void)testwriter_scope(&w, &b, &one, NULL, 0);
	for (int i = 0; i < 2; i++)
		testwriter_note(&w, "user.k", value[i]);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	reader = open_tape();
	ck_assert_int_eq(tape_info_read(reader, &info, NULL), 0);
	ck_assert_uint_eq(info->note_count, 2);
	ck_assert_uint_eq(info->variable_count, 2);
	ck_assert_str_eq(info->variables[0].type, "i64");
	ck_assert_str_eq(info->variables[1].type, "u64");
	tape_info_free(info);
	tape_reader_close(reader);
	form_release(&a);
	form_release(&b);
}
END_TEST

/* The blob segment was lost with the crash, or not: the scope says which. */
START_TEST(a_blob_of_a_lost_blob_segment_is_shown_as_lost_beyond_the_last_mark)
{
	static const char bytes[100];
	const char *label = "run";
	const struct form_var var = {
		.name = "b", .unit = "", .type = TAPE_STR, .store = TAPE_AS_BLOB
	};
	struct tape_value value = testwriter_bytes_value(TAPE_STR, bytes, sizeof bytes);
	struct testwriter blobs = { 0 };
	struct body_hint hint;
	struct form f;

	ck_assert_int_eq(form_build(1, "a.c", 1, "f", &label, 1, &var, 1, &f, NULL), 0);
	testwriter_begin(&blobs, testwriter_session_a, 0, true, 1);
	hint = testwriter_blob(&blobs, bytes, sizeof bytes);
	testwriter_group(&blobs);
	begin_killed(0, 1);
	testwriter_form(&w, &f);
	(void)testwriter_scope(&w, &f, &value, &hint, 0);
	testwriter_group(&w);
	save();
	(void)seqs("", NULL);
	ck_assert_uint_eq(damage, 0);
	ck_assert_uint_eq(notes, 2); /* killed, and the blob */
	testwriter_save(&blobs, dir);
	notes = 0;
	(void)seqs("", NULL);
	ck_assert_uint_eq(damage, 0);
	ck_assert_uint_eq(notes, 1);
	testwriter_release(&blobs);
	form_release(&f);
}
END_TEST

/* ---- queries ---- */

START_TEST(a_regular_expression_that_gives_up_on_a_name_is_an_error)
{
	static const char *const texts[] = { "/^(a+)+$|!/", "_path~/^run.(a+)+$|!/" };
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor;
	struct tape_error err = { 0 };
	const struct tape_scope *scope;
	char label[62];
	struct form f;

	memset(label, 'a', sizeof label);
	label[60] = '!';
	label[61] = '\0';
	make_form(&f, 2, label);
	begin(0, 1);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_form(&w, &f);
	testwriter_link(&w, &f, 1, 0);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	reader = open_tape();
	for (size_t i = 0; i < 2; i++) {
		cursor = find(reader, &query, texts[i], NULL);
		ck_assert_int_eq(tape_cursor_next(cursor, &scope, &err), TAPE_ERR_LIMIT);
		ck_assert_ptr_nonnull(strstr(err.message, "column 1"));
		tape_cursor_close(cursor);
		tape_query_free(query);
	}
	tape_reader_close(reader);
	form_release(&f);
}
END_TEST

START_TEST(a_link_answers_by_the_enumerators_of_its_own_form)
{
	struct form_enumerator first = { 1, "red" }, second = { 1, "rot" };
	struct form_var var = { .name = "e",
				.unit = "",
				.type = TAPE_I64,
				.enumerator_count = 1,
				.enumerators = &first };
	const char *label = "run";
	struct tape_value one = testwriter_i64(1);
	struct form a, b;

	ck_assert_int_eq(form_build(1, "a.c", 1, "f", &label, 1, &var, 1, &a, NULL), 0);
	var.enumerators = &second;
	ck_assert_int_eq(form_build(2, "b.c", 1, "f", &label, 1, &var, 1, &b, NULL), 0);
	begin(0, 1);
	testwriter_form(&w, &a);
	testwriter_form(&w, &b);
	(void)testwriter_scope(&w, &a, &one, NULL, 0);
	(void)testwriter_link(&w, &b, 1, 0);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	ck_assert_str_eq(seqs("e=red", NULL), "1");
	ck_assert_str_eq(seqs("e=rot", NULL), "2");
	ck_assert_str_eq(seqs("e=1", NULL), "1 2");
	form_release(&a);
	form_release(&b);
}
END_TEST

START_TEST(a_link_to_seq_0_and_a_tolerance_of_infinity_are_refused)
{
	static const char *const texts[] = {
		"_link=abc:0", "_link=2026:0", "x=inf+-inf",
		"x=inf+-1%",   "x=inf+-0%",    "x=-inf+-inf"
	};
	struct tape_query *query;
	struct tape_error err = { 0 };

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		ck_assert_int_eq(tape_query_compile(texts[i], &query, &err),
				 TAPE_ERR_SYNTAX);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("search_hostile");
	TCase *tcase = tcase_create("search_hostile");

	tcase_add_checked_fixture(tcase, reading_setup, reading_teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase,
		       records_too_short_for_scopes_leave_the_others_in_their_place);
	tcase_add_test(tcase, marks_with_a_foreign_seq_hide_no_target);
	tcase_add_test(tcase, a_damaged_end_does_not_close_a_session);
	tcase_add_test(tcase, a_segment_that_is_no_regular_file_is_told_and_passed_over);
	tcase_add_test(tcase,
		       what_is_missing_between_segments_is_told_in_both_directions);
	tcase_add_test(tcase, a_form_defined_again_with_another_site_is_damage);
	tcase_add_test(tcase, forms_that_are_not_defined_are_told_once_however_many);
	tcase_add_test(tcase, forms_beyond_what_a_reader_holds_are_told_once);
	tcase_add_test(tcase, records_of_later_kinds_are_skipped_and_told_once_a_session);
	tcase_add_test(tcase,
		       a_frame_of_an_unknown_kind_is_damage_with_scopes_and_without);
	tcase_add_test(tcase, looking_for_a_mark_leaves_a_scope_that_is_shown_as_it_is);
	tcase_add_test(tcase, a_projection_that_is_no_subset_of_its_target_is_damage);
	tcase_add_test(tcase, a_link_that_does_not_fit_is_shown_as_lost_and_told);
	tcase_add_test(tcase,
		       a_projection_of_many_variables_has_the_values_of_its_target);
	tcase_add_test(
		tcase,
		notes_and_variables_that_differ_at_their_end_only_are_counted_apart);
	tcase_add_test(
		tcase,
		a_blob_of_a_lost_blob_segment_is_shown_as_lost_beyond_the_last_mark);
	tcase_add_test(tcase, a_regular_expression_that_gives_up_on_a_name_is_an_error);
	tcase_add_test(tcase, a_link_answers_by_the_enumerators_of_its_own_form);
	tcase_add_test(tcase, a_link_to_seq_0_and_a_tolerance_of_infinity_are_refused);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
