/* SPDX-License-Identifier: Apache-2.0 */
/* Reading tapes: links, order, bounds, snapshots, what is on a tape. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "format/hash.h"
#include "format/path.h"
#include "tests/support/reading.h"
#include "tests/support/suite.h"

/* ---- what is found ---- */

START_TEST(scopes_show_what_was_recorded)
{
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor;
	const struct tape_scope *s;
	struct tape_var v;

	make_simple(1, 2);
	reader = open_tape();
	cursor = find(reader, &query, "", NULL);
	ck_assert_int_eq(tape_cursor_next(cursor, &s, NULL), 1);
	ck_assert_uint_eq(tape_scope_pos(s).seq, 1);
	ck_assert_uint_eq(tape_scope_pos(s).session[0], testwriter_session_a[0]);
	ck_assert_uint_eq(tape_scope_label_count(s), 2);
	ck_assert_str_eq(tape_scope_label(s, 0), "run");
	ck_assert_str_eq(tape_scope_label(s, 1), "step");
	ck_assert_str_eq(tape_scope_label(s, 2), "");
	ck_assert_str_eq(tape_scope_file(s), "a.c");
	ck_assert_str_eq(tape_scope_func(s), "main");
	ck_assert_uint_eq(tape_scope_line(s), 1);
	ck_assert_uint_eq(tape_scope_link(s).seq, 0);
	ck_assert_uint_eq(tape_scope_var_count(s), 2);
	v = tape_scope_var(s, 0);
	ck_assert_str_eq(v.name, "x");
	ck_assert_str_eq(v.unit, "K");
	ck_assert_int_eq(v.value->type, TAPE_F64);
	ck_assert_double_eq(v.value->as.f, 0.5);
	ck_assert_int_eq(tape_scope_var_find(s, "y"), 1);
	ck_assert_int_eq(tape_scope_var_find(s, "z"), -1);
	ck_assert_int_eq(tape_scope_var(s, 1).value->as.i, 1);
	ck_assert_int_eq(tape_cursor_next(cursor, &s, NULL), 1);
	ck_assert_int_eq(tape_cursor_next(cursor, &s, NULL), 0);
	ck_assert_int_eq(tape_cursor_next(cursor, &s, NULL), 0);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
}
END_TEST

START_TEST(a_link_answers_as_the_scope_it_repeats)
{
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor;
	const struct tape_scope *s;
	struct tape_hash first;

	begin(0, 1);
	testwriter_form(&w, &form);
	put(1.5, 7);
	testwriter_group(&w);
	put(2.5, 8);
	testwriter_link(&w, &form, 1, 9);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	ck_assert_str_eq(seqs("y=7", NULL), "1 3");
	ck_assert_str_eq(seqs("y=8", NULL), "2");
	ck_assert_str_eq(seqs("y=7 _link=1", NULL), "3");
	reader = open_tape();
	cursor = find(reader, &query, "x=1.5", NULL);
	ck_assert_int_eq(tape_cursor_next(cursor, &s, NULL), 1);
	first = tape_scope_hash(s);
	ck_assert_int_eq(tape_cursor_next(cursor, &s, NULL), 1);
	ck_assert_uint_eq(tape_scope_link(s).seq, 1);
	ck_assert_int_eq(tape_scope_var(s, 1).value->as.i, 7);
	ck_assert_mem_eq(&first, (struct tape_hash[]){ tape_scope_hash(s) },
			 sizeof first);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	ck_assert_uint_eq(damage + notes, 0);
}
END_TEST

START_TEST(a_projection_has_the_hash_of_a_scope_with_those_values)
{
	const char *labels[] = { "run", "step" };
	struct form_var y = { .name = "y", .name_len = 1, .unit = "", .type = TAPE_I64 };
	struct form part = { 0 };
	struct tape_value value = testwriter_i64(7);
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor;
	const struct tape_scope *s;
	struct tape_hash hash;

	ck_assert_int_eq(form_build(2, "b.c", 9, "f", labels, 2, &y, 1, &part, NULL), 0);
	begin(0, 1);
	testwriter_form(&w, &form);
	testwriter_form(&w, &part);
	put(1.5, 7);
	testwriter_projection(&w, &part, 1, 2);
	testwriter_scope(&w, &part, &value, NULL, 3);
	testwriter_link(&w, &part, 2, 4);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	form_release(&part);
	ck_assert_str_eq(seqs("y=7", NULL), "1 2 3 4");
	ck_assert_str_eq(seqs("x=1.5", NULL), "1");
	reader = open_tape();
	cursor = find(reader, &query, "_seq=2..", NULL);
	ck_assert_int_eq(tape_cursor_next(cursor, &s, NULL), 1);
	ck_assert_uint_eq(tape_scope_var_count(s), 1);
	hash = tape_scope_hash(s);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(tape_cursor_next(cursor, &s, NULL), 1);
		ck_assert_int_eq(tape_scope_var(s, 0).value->as.i, 7);
		ck_assert_mem_eq(&hash, (struct tape_hash[]){ tape_scope_hash(s) },
				 sizeof hash);
	}
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	ck_assert_uint_eq(damage + notes, 0);
}
END_TEST

START_TEST(sessions_come_in_tape_order_and_may_lie_deeper)
{
	char from[4096], to[4096], id[TAPE_SESSION_TEXT];

	testwriter_begin(&w, testwriter_session_b, 0, false, 5);
	testwriter_first_group(&w, "1000");
	testwriter_form(&w, &form);
	w.seq = 1;
	put(1, 1);
	testwriter_group(&w);
	save();
	make_simple(1, 3);
	ck_assert_str_eq(seqs("", NULL), "1 2 3 1");
	tape_session_text(testwriter_session_a, id);
	(void)snprintf(from, sizeof from, "%s/sessions/%s", dir, id);
	(void)snprintf(to, sizeof to, "%s/sessions/zz", dir);
	ck_assert_int_eq(mkdir(to, 0777), 0);
	(void)snprintf(to, sizeof to, "%s/sessions/zz/%s", dir, id);
	ck_assert_int_eq(rename(from, to), 0);
	ck_assert_str_eq(seqs("", NULL), "1 2 3 1");
	ck_assert_str_eq(seqs("_session=last", NULL), "1");
	ck_assert_str_eq(seqs("_session=last-1", NULL), "1 2 3");
}
END_TEST

START_TEST(a_cursor_walks_backward_and_between_bounds)
{
	struct tape_find_options options = { .size = sizeof options };

	make_simple(1, 6);
	options.flags = TAPE_FIND_REVERSE;
	ck_assert_str_eq(seqs("", &options), "6 5 4 3 2 1");
	ck_assert_str_eq(seqs("y=2,5", &options), "5 2");
	options.flags = 0;
	memcpy(options.after.session, testwriter_session_a, 16);
	options.after.seq = 2;
	ck_assert_str_eq(seqs("", &options), "3 4 5 6");
	options.upto = options.after;
	options.upto.seq = 4;
	ck_assert_str_eq(seqs("", &options), "3 4");
	options.upto.seq = 2;
	ck_assert_str_eq(seqs("", &options), "");
}
END_TEST

START_TEST(scopes_of_the_library_hide_unless_named)
{
	struct tape_find_options all = { .size = sizeof all, .flags = TAPE_FIND_ALL };
	struct form tare = { 0 }, mark = { 0 };
	const char *labels[] = { "run", "_bookmark" };
	struct form_var name = {
		.name = "name", .name_len = 4, .unit = "", .type = TAPE_STR
	};
	struct tape_value values[] = { testwriter_f64(1), testwriter_i64(2) };
	struct tape_value text = testwriter_text("here");

	make_form(&tare, 2, "_tare");
	ck_assert_int_eq(form_build(3, "", 0, "", labels, 2, &name, 1, &mark, NULL), 0);
	begin(0, 1);
	testwriter_form(&w, &form);
	testwriter_form(&w, &tare);
	testwriter_form(&w, &mark);
	put(1, 1);
	testwriter_scope(&w, &tare, values, NULL, 0);
	testwriter_bookmark(&w, &mark, &text, 0);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	form_release(&tare);
	form_release(&mark);
	ck_assert_str_eq(seqs("", NULL), "1");
	ck_assert_str_eq(seqs("run", NULL), "1");
	ck_assert_str_eq(seqs("_tare", NULL), "2");
	ck_assert_str_eq(seqs("_bookmark name=here", NULL), "3");
	ck_assert_str_eq(seqs("_*", NULL), "");
	ck_assert_str_eq(seqs("", &all), "1 2 3");
}
END_TEST

START_TEST(a_cursor_sees_what_was_there_when_it_was_made)
{
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor;
	uint64_t count = 0;

	begin(0, 1);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_group(&w);
	testwriter_save(&w, dir);
	reader = open_tape();
	cursor = find(reader, &query, "", NULL);
	put(2, 2);
	testwriter_group(&w);
	testwriter_save(&w, dir);
	ck_assert_int_eq(tape_cursor_count(cursor, &count, NULL), 0);
	ck_assert_uint_eq(count, 1);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	ck_assert_str_eq(seqs("", NULL), "1 2");
	ck_assert_uint_eq(damage + notes, 0);
}
END_TEST

START_TEST(what_is_no_tape_is_said_so)
{
	struct tape_reader *reader = NULL;
	struct tape_error err = { 0 };
	char path[4096];

	(void)snprintf(path, sizeof path, "%s/nothing", dir);
	ck_assert_int_eq(tape_reader_open(path, NULL, &reader, &err), TAPE_ERR_NOT_TAPE);
	(void)snprintf(path, sizeof path, "%s/TAPE", dir);
	ck_assert_int_ne(tape_reader_open(path, NULL, &reader, &err), 0);
	ck_assert_ptr_null(reader);
}
END_TEST

/* ---- info ---- */

START_TEST(info_counts_what_is_there)
{
	struct tape_reader *reader;
	struct tape_info *info = NULL;

	begin(0, 1);
	testwriter_form(&w, &form);
	put(1, 1);
	put(2, 2);
	testwriter_link(&w, &form, 1, 0);
	testwriter_group(&w);
	testwriter_note(&w, "user.solver", "euler");
	testwriter_note(&w, "warning", "slow disk");
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	reader = open_tape();
	ck_assert_int_eq(tape_info_read(reader, &info, NULL), 0);
	ck_assert_uint_eq(info->scopes, 3);
	ck_assert_uint_eq(info->links, 1);
	ck_assert_uint_eq(info->link_bytes_saved, 16);
	ck_assert_uint_eq(info->session_count, 1);
	ck_assert_int_eq(info->sessions[0].state, TAPE_CLOSED);
	ck_assert_str_eq(info->sessions[0].name, "golden");
	ck_assert_int_eq(info->sessions[0].rank, 3);
	ck_assert_uint_eq(info->sessions[0].last_seq, 3);
	ck_assert_uint_eq(info->sessions[0].notes, 1);
	ck_assert_uint_eq(info->sessions[0].warnings, 1);
	ck_assert_uint_eq(info->label_count, 1);
	ck_assert_str_eq(info->labels[0].path, "run/step");
	ck_assert_uint_eq(info->labels[0].scopes, 3);
	ck_assert_uint_eq(info->labels[0].links, 1);
	ck_assert_uint_eq(info->variable_count, 2);
	ck_assert_str_eq(info->variables[0].name, "x");
	ck_assert_str_eq(info->variables[0].unit, "K");
	ck_assert_str_eq(info->variables[0].type, "f64");
	ck_assert_uint_eq(info->note_count, 2);
	ck_assert_str_eq(info->notes[0].key, "solver");
	ck_assert_str_eq(info->notes[0].value, "euler");
	tape_info_free(info);
	tape_reader_close(reader);
	ck_assert_uint_eq(damage + notes, 0);
}
END_TEST

/* ---- against a plain evaluation ---- */

#define RANDOM_SCOPES 3000

static int64_t
answer_of(uint64_t seq, const int64_t *y)
{
	return y[seq];
}

/* Links to anything earlier, over several segments and frames: each answers as its target. */
START_TEST(random_links_answer_as_their_targets_in_both_directions)
{
	struct tape_find_options options = { .size = sizeof options };
	static int64_t y[RANDOM_SCOPES + 1];
	static uint64_t own[RANDOM_SCOPES + 1];
	unsigned seed = suite_seed();
	uint64_t seq = 1;
	uint32_t segment = 0;

	own[1] = 1;
	while (seq <= RANDOM_SCOPES) {
		begin(segment++, seq);
		testwriter_form(&w, &form);
		for (int n = 0; n < 700 && seq <= RANDOM_SCOPES; n++, seq++) {
			if (seq > 1 && rand_r(&seed) % 3 == 0) {
				own[seq] = own[1 + (uint64_t)rand_r(&seed) % (seq - 1)];
				y[seq] = y[own[seq]];
				testwriter_link(&w, &form, own[seq], 0);
			} else {
				own[seq] = seq;
				y[seq] = rand_r(&seed) % 10;
				put((double)seq, y[seq]);
			}
			if (rand_r(&seed) % 50 == 0)
				testwriter_group(&w);
		}
		testwriter_group(&w);
		testwriter_end(&w, seq > RANDOM_SCOPES ? END_CLOSED : END_ROLLED);
		save();
	}
	for (int pass = 0; pass < 4; pass++) {
		struct tape_reader *reader = open_tape();
		struct tape_query *query;
		struct tape_cursor *cursor;
		const struct tape_scope *s;
		const uint64_t step = pass % 2 == 0 ? 1 : UINT64_MAX; /* -1 */
		uint64_t at = pass % 2 == 0 ? 0 : RANDOM_SCOPES + 1;

		options.flags = pass % 2 == 0 ? 0 : TAPE_FIND_REVERSE;
		/* The second mixes what a link shares with what it does not. */
		cursor = find(reader, &query,
			      pass < 2 ? "y=3,7" : "y=3,7 (x=..1e9 or _seq=1..)",
			      &options);
		while (tape_cursor_next(cursor, &s, NULL) == 1) {
			uint64_t got = tape_scope_pos(s).seq;

			for (at += step; answer_of(at, y) != 3 && answer_of(at, y) != 7;)
				at += step;
			ck_assert_uint_eq(got, at);
			ck_assert_int_eq(tape_scope_var(s, 1).value->as.i, y[at]);
			ck_assert_double_eq(tape_scope_var(s, 0).value->as.f,
					    (double)own[at]);
		}
		for (at += step; at >= 1 && at <= RANDOM_SCOPES; at += step)
			ck_assert(y[at] != 3 && y[at] != 7);
		tape_cursor_close(cursor);
		tape_query_free(query);
		tape_reader_close(reader);
	}
	ck_assert_uint_eq(damage + notes, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("search");
	TCase *tcase = tcase_create("search");

	tcase_add_checked_fixture(tcase, reading_setup, reading_teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, scopes_show_what_was_recorded);
	tcase_add_test(tcase, a_link_answers_as_the_scope_it_repeats);
	tcase_add_test(tcase, a_projection_has_the_hash_of_a_scope_with_those_values);
	tcase_add_test(tcase, sessions_come_in_tape_order_and_may_lie_deeper);
	tcase_add_test(tcase, a_cursor_walks_backward_and_between_bounds);
	tcase_add_test(tcase, scopes_of_the_library_hide_unless_named);
	tcase_add_test(tcase, a_cursor_sees_what_was_there_when_it_was_made);
	tcase_add_test(tcase, what_is_no_tape_is_said_so);
	tcase_add_test(tcase, info_counts_what_is_there);
	tcase_add_test(tcase, random_links_answer_as_their_targets_in_both_directions);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
