/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/reading.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "format/os.h"
#include "tests/support/tmpdir.h"

const char *dir;
struct testwriter w;
struct form form; /* labels run/step; x f64, y i64 */
unsigned damage, notes;
char last_report[600];

void
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

void
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

void
reading_setup(void)
{
	memset(&w, 0, sizeof w);
	memset(&form, 0, sizeof form);
	damage = notes = 0;
	dir = tmpdir_make();
	testwriter_tape(dir, 1);
	make_form(&form, 1, "step");
}

void
reading_teardown(void)
{
	testwriter_release(&w);
	form_release(&form);
	tmpdir_remove();
}

/* The first group of a session of this machine whose process is gone. */
void
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

void
begin(uint32_t number, uint64_t first_seq)
{
	testwriter_begin(&w, testwriter_session_a, number, false, first_seq);
	testwriter_first_group(&w, "1000");
}

uint64_t
put(double x, int64_t y)
{
	struct tape_value v[] = { testwriter_f64(x), testwriter_i64(y) };

	return testwriter_scope(&w, &form, v, NULL, 1);
}

void
save(void)
{
	testwriter_save(&w, dir);
	testwriter_release(&w);
}

/* A closed session with scopes of y = from..to, a group each. */
void
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

struct tape_reader *
open_tape(void)
{
	struct tape_reader_options options = { .size = sizeof options,
					       .on_report = on_report,
					       .user = NULL };
	struct tape_reader *reader = NULL;
	struct tape_error err = { 0 };

	ck_assert_msg(tape_reader_open(dir, &options, &reader, &err) == 0, "%s",
		      err.message);
	return reader;
}

struct tape_cursor *
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
const char *
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
