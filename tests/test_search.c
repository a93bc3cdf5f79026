/* SPDX-License-Identifier: Apache-2.0 */
/* Reading tapes: links, order, snapshots, damage, blobs, what is on a tape. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/hash.h"
#include "format/os.h"
#include "format/path.h"
#include "tape/search.h"
#include "tests/support/suite.h"
#include "tests/support/testwriter.h"
#include "tests/support/tmpdir.h"

static const char *dir;
static struct testwriter w;
static struct form form; /* labels run/step; x f64, y i64 */
static unsigned damage, notes;
static char last_report[600];

static void
on_report(void *user, const struct tape_report *report)
{
	(void)user;
	if (report->kind == TAPE_DAMAGE_MET)
		damage++;
	else
		notes++;
	ck_assert_uint_gt(strlen(report->file), 0);
	(void)snprintf(last_report, sizeof last_report, "%s: %s", report->file,
		       report->message);
}

static void
make_form(struct form *f, uint32_t number, const char *label)
{
	const char *labels[] = { "run", label };
	struct form_var vars[] = {
		{ .name = "x", .name_len = 1, .unit = "K", .type = TAPE_F64 },
		{ .name = "y", .name_len = 1, .unit = "", .type = TAPE_I64 },
	};

	ck_assert_int_eq(
		form_build(number, "a.c", 1, "main", labels, 2, vars, 2, f, NULL), 0);
}

static void
setup(void)
{
	memset(&w, 0, sizeof w);
	memset(&form, 0, sizeof form);
	damage = notes = 0;
	dir = tmpdir_make();
	testwriter_tape(dir, 1);
	make_form(&form, 1, "step");
}

static void
teardown(void)
{
	testwriter_release(&w);
	form_release(&form);
	tmpdir_remove();
}

/* The first group of a session of this machine whose process is gone. */
static void
begin_killed(uint32_t number, uint64_t first_seq)
{
	char host[256] = "";

	(void)os_hostname(host, sizeof host);
	testwriter_begin(&w, testwriter_session_a, number, false, first_seq);
	testwriter_note(&w, "host", host);
	testwriter_note(&w, "boot_id", "00000000-0000-4000-8000-000000000001");
	testwriter_note(&w, "pid", "4242");
	testwriter_note(&w, "pid_start", "1");
	testwriter_group(&w);
}

static void
begin(uint32_t number, uint64_t first_seq)
{
	testwriter_begin(&w, testwriter_session_a, number, false, first_seq);
	testwriter_first_group(&w, "1000");
}

static uint64_t
put(double x, int64_t y)
{
	struct tape_value v[] = { testwriter_f64(x), testwriter_i64(y) };

	return testwriter_scope(&w, &form, v, NULL, 1);
}

static void
save(void)
{
	testwriter_save(&w, dir);
	testwriter_release(&w);
}

/* A closed session with scopes of y = from..to, a group each. */
static void
make_simple(int64_t from, int64_t to)
{
	begin(0, 1);
	testwriter_form(&w, &form);
	for (int64_t y = from; y <= to; y++) {
		put((double)y / 2, y);
		testwriter_group(&w);
	}
	testwriter_end(&w, END_CLOSED);
	save();
}

static struct tape_reader *
open_tape(void)
{
	struct tape_reader_options options = { sizeof options, on_report, NULL };
	struct tape_reader *reader = NULL;
	struct tape_error err = { 0 };

	ck_assert_msg(tape_reader_open(dir, &options, &reader, &err) == 0, "%s",
		      err.message);
	return reader;
}

static struct tape_cursor *
find(struct tape_reader *reader, struct tape_query **query, const char *text,
     const struct tape_find_options *options)
{
	struct tape_cursor *cursor = NULL;
	struct tape_error err = { 0 };

	ck_assert_msg(tape_query_compile(text, query, &err) == 0, "%s: %s", text,
		      err.message);
	ck_assert_msg(tape_find(reader, *query, options, &cursor, &err) == 0, "%s",
		      err.message);
	return cursor;
}

/* "1 2 3": the seqs found. */
static const char *
seqs(const char *text, const struct tape_find_options *options)
{
	static char out[4000];
	struct tape_reader *reader = open_tape();
	struct tape_query *query;
	struct tape_cursor *cursor = find(reader, &query, text, options);
	const struct tape_scope *scope;
	struct tape_error err = { 0 };
	size_t len = 0;
	int r;

	out[0] = '\0';
	while ((r = tape_cursor_next(cursor, &scope, &err)) == 1) {
		/* Looks at everything, so that whatever is wrong is met. */
		for (size_t i = 0; i < tape_scope_var_count(scope); i++)
			(void)tape_scope_var(scope, i);
		len += (size_t)snprintf(out + len, sizeof out - len, "%s%llu",
					len == 0 ? "" : " ",
					(unsigned long long)tape_scope_pos(scope).seq);
	}
	ck_assert_msg(r == 0, "%s", err.message);
	ck_assert_uint_eq(tape_reader_damage(reader), damage);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return out;
}

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
		uint64_t at = pass % 2 == 0 ? 0 : RANDOM_SCOPES + 1;

		options.flags = pass % 2 == 0 ? 0 : TAPE_FIND_REVERSE;
		/* The second mixes what a link shares with what it does not. */
		cursor = find(reader, &query,
			      pass < 2 ? "y=3,7" : "y=3,7 (x=..1e9 or _seq=1..)",
			      &options);
		while (tape_cursor_next(cursor, &s, NULL) == 1) {
			uint64_t got = tape_scope_pos(s).seq;

			for (at += pass % 2 == 0 ? 1 : -1;
			     answer_of(at, y) != 3 && answer_of(at, y) != 7;)
				at += pass % 2 == 0 ? 1 : -1;
			ck_assert_uint_eq(got, at);
			ck_assert_int_eq(tape_scope_var(s, 1).value->as.i, y[at]);
			ck_assert_double_eq(tape_scope_var(s, 0).value->as.f,
					    (double)own[at]);
		}
		for (at += pass % 2 == 0 ? 1 : -1; at >= 1 && at <= RANDOM_SCOPES;
		     at += pass % 2 == 0 ? 1 : -1)
			ck_assert(y[at] != 3 && y[at] != 7);
		tape_cursor_close(cursor);
		tape_query_free(query);
		tape_reader_close(reader);
	}
	ck_assert_uint_eq(damage + notes, 0);
}
END_TEST

static void
add_damage_tests(TCase *tcase)
{
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
}

int
main(void)
{
	Suite *suite = suite_create("search");
	TCase *found = tcase_create("found"), *wrong = tcase_create("damage");
	TCase *blobs = tcase_create("blobs");

	tcase_add_checked_fixture(found, setup, teardown);
	tcase_add_checked_fixture(wrong, setup, teardown);
	tcase_add_checked_fixture(blobs, setup, teardown);
	tcase_set_timeout(wrong, 120);
	tcase_add_test(found, scopes_show_what_was_recorded);
	tcase_add_test(found, a_link_answers_as_the_scope_it_repeats);
	tcase_add_test(found, a_projection_has_the_hash_of_a_scope_with_those_values);
	tcase_add_test(found, sessions_come_in_tape_order_and_may_lie_deeper);
	tcase_add_test(found, a_cursor_walks_backward_and_between_bounds);
	tcase_add_test(found, scopes_of_the_library_hide_unless_named);
	tcase_add_test(found, a_cursor_sees_what_was_there_when_it_was_made);
	tcase_add_test(found, what_is_no_tape_is_said_so);
	tcase_add_test(found, info_counts_what_is_there);
	tcase_add_test(found, random_links_answer_as_their_targets_in_both_directions);
	add_damage_tests(wrong);
	tcase_add_test(blobs, blobs_are_read_wherever_they_are);
	tcase_add_test(blobs, a_wrong_hint_gives_way_to_the_loose_file);
	tcase_add_test(blobs, a_missing_or_wrong_blob_is_an_error_never_data);
	tcase_add_test(blobs, a_hashed_value_has_no_bytes_to_read);
	tcase_add_test(blobs, a_blob_that_a_crash_took_is_lost_with_a_note);
	tcase_add_test(blobs, a_blob_is_found_by_the_start_of_its_hash);
	suite_add_tcase(suite, found);
	suite_add_tcase(suite, wrong);
	suite_add_tcase(suite, blobs);
	return suite_run(suite);
}
