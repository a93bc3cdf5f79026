/* SPDX-License-Identifier: Apache-2.0 */
/* Bookmarks: where they come to stand, what the manifest has of them, queries that name them. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "tape/compact.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

/* ---- reading them back ---- */

struct found {
	struct tape_pos pos;
	char path[400], name[300], target[TAPE_POS_TEXT];
	size_t vars;
};

static void
copy_text(const struct tape_scope *scope, const char *name, char *to, size_t cap)
{
	int64_t i = tape_scope_var_find(scope, name);

	to[0] = '\0';
	if (i < 0)
		return;
	struct tape_var var = tape_scope_var(scope, (size_t)i);

	ck_assert_int_eq(var.value->type, TAPE_STR);
	ck_assert_uint_lt(var.value->size, cap);
	memcpy(to, var.value->data, (size_t)var.value->size);
	to[var.value->size] = '\0';
}

/* All bookmarks of run.tape, in its order. */
static size_t
read_bookmarks(struct found *out, size_t cap)
{
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor;
	const struct tape_scope *scope;
	struct tape_error err;
	size_t n = 0;

	ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, &err), 0);
	ck_assert_int_eq(tape_query_compile("_bookmark", &query, &err), 0);
	ck_assert_int_eq(tape_find(reader, query, NULL, &cursor, &err), 0);
	while (tape_cursor_next(cursor, &scope, &err) == 1) {
		struct found *f = &out[n++];

		ck_assert_uint_le(n, cap);
		f->pos = tape_scope_pos(scope);
		f->path[0] = '\0';
		for (size_t i = 0; i < tape_scope_label_count(scope); i++) {
			strcat(f->path, i ? "/" : "");
			strcat(f->path, tape_scope_label(scope, i));
		}
		copy_text(scope, "name", f->name, sizeof f->name);
		copy_text(scope, "target", f->target, sizeof f->target);
		f->vars = tape_scope_var_count(scope);
	}
	ck_assert_uint_eq(tape_reader_damage(reader), 0);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return n;
}

/* How often a text stands in the manifests of the tape. */
static int
in_manifest(const char *text)
{
	char command[400], line[40] = "";
	FILE *pipe;

	snprintf(command, sizeof command,
		 "cat run.tape/sessions/*/manifest.jsonl | grep -cF '%s'", text);
	pipe = popen(command, "r");
	ck_assert_ptr_nonnull(pipe);
	ck_assert_ptr_nonnull(fgets(line, sizeof line, pipe));
	pclose(pipe);
	return atoi(line);
}

static bool
none(struct tape_pos pos)
{
	return pos.seq == 0 && pos.session[0] == 0 && pos.session[1] == 0;
}

static void
compact(void)
{
	struct tape_compact_options o = { .size = sizeof o, .jobs = 1 };
	struct tape_error err = { 0 };

	ck_assert_msg(tape_compact(recording_dir, &o, NULL, &err) == 0, "%s",
		      err.message);
}

/* ---- one thread ---- */

START_TEST(a_bookmark_commits_the_stage_and_stands_behind_it)
{
	struct tape *t = recording_open("sync=none");
	struct found f[4];
	struct tape_pos pos;

	recording_put(t, 0);
	recording_put(t, 1);
	pos = tape_bookmark(t, "steady-state");
	ck_assert_uint_eq(pos.seq, 3);
	ck_assert_int_eq(tape_position(t).seq == 3, 1);
	recording_put(t, 2);
	ck_assert_int_eq(tape_close(t), 0);
	for (int packed = 0; packed < 2; packed++) {
		ck_assert_uint_eq(read_bookmarks(f, 4), 1);
		ck_assert_int_eq(tape_pos_compare(&f[0].pos, &pos), 0);
		ck_assert_str_eq(f[0].name, "steady-state");
		ck_assert_str_eq(f[0].path, "_bookmark");
		ck_assert_uint_eq(f[0].vars, 1);
		compact();
	}
}
END_TEST

START_TEST(it_has_the_path_and_no_sticky_variables)
{
	struct tape *t = recording_open("sync=none");
	struct found f[4];
	int name = 5;

	{
		TAPE_LABEL(t, "run:1");
		TAPE_WITH(t, name);
		tape_bookmark(t, "here");
		TAPE(t, "after");
	}
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(read_bookmarks(f, 4), 1);
	ck_assert_str_eq(f[0].path, "run:1/_bookmark");
	ck_assert_str_eq(f[0].name, "here");
	ck_assert_uint_eq(f[0].vars, 1);
}
END_TEST

START_TEST(below_the_deepest_path_it_is_found_all_the_same)
{
	struct tape *t = recording_open("sync=none");
	struct tape_guard guards[64];
	struct found f[4];

	for (int i = 0; i < 64; i++)
		guards[i] = tape_label_push(t, "deep");
	ck_assert_uint_eq(tape_bookmark(t, "here").seq, 1);
	for (int i = 64; i-- > 0;)
		tape_guard_pop(&guards[i]);
	ck_assert_str_eq(tape_error(t), "");
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(read_bookmarks(f, 4), 1);
	ck_assert_str_eq(f[0].name, "here");
}
END_TEST

START_TEST(names_may_repeat_and_are_no_links)
{
	struct tape *t = recording_open("sync=none");
	struct found f[4];
	struct tape_pos pos[3];

	for (int i = 0; i < 3; i++)
		pos[i] = tape_bookmark(t, "again");
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(read_bookmarks(f, 4), 3);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(tape_pos_compare(&f[i].pos, &pos[i]), 0);
		ck_assert_str_eq(f[i].name, "again");
	}
}
END_TEST

START_TEST(the_manifest_lists_those_that_were_committed)
{
	struct tape *t = recording_open("sync=none");
	struct tape_pos pos = tape_bookmark(t, "a \"b\"");
	char text[200], where[TAPE_POS_TEXT];

	tape_bookmark_at(t, "c", pos);
	tape_close(t);
	tape_pos_text(&pos, where);
	snprintf(text, sizeof text,
		 "{\"bookmark\":\"a \\\"b\\\"\",\"pos\":\"%s\",\"time\":", where);
	ck_assert_int_eq(in_manifest(text), 1);
	snprintf(text, sizeof text, "\"target\":\"%s\",\"time\":", where);
	ck_assert_int_eq(in_manifest(text), 1);
	ck_assert_int_eq(in_manifest("{\"bookmark\":"), 2);
}
END_TEST

START_TEST(under_manual_commits_it_is_staged_like_any_scope)
{
	struct tape *t = recording_open("sync=none commit=manual");
	struct found f[4];

	recording_put(t, 0);
	ck_assert(none(tape_bookmark(t, "dropped")));
	ck_assert_int_eq(tape_discard(t), 0);
	recording_put(t, 0);
	ck_assert(none(tape_bookmark(t, "kept")));
	recording_put(t, 1);
	ck_assert_uint_eq(tape_position(t).seq, 0);
	ck_assert_int_eq(in_manifest("{\"bookmark\":"), 0);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_uint_eq(tape_position(t).seq, 3);
	ck_assert_int_eq(in_manifest("{\"bookmark\":\"kept\",\"pos\":\""), 1);
	ck_assert_int_eq(in_manifest(":2\",\"time\""), 1);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(read_bookmarks(f, 4), 1);
	ck_assert_str_eq(f[0].name, "kept");
	ck_assert_uint_eq(f[0].pos.seq, 2);
}
END_TEST

START_TEST(a_long_name_is_cut_and_kept_in_the_scope)
{
	struct tape *t = recording_open("sync=none inline_max=8 embed_max=16");
	struct found f[4];
	char name[1000];

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	ck_assert_uint_eq(tape_bookmark(t, name).seq, 1);
	ck_assert_uint_eq(tape_bookmark(t, "not\xffutf8").seq, 2);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(read_bookmarks(f, 4), 2);
	ck_assert_uint_eq(strlen(f[0].name), 255);
	ck_assert_str_eq(f[1].name, "not?utf8");
	ck_assert_uint_eq(recording_files("blobs"), 0);
}
END_TEST

START_TEST(wrong_use_is_said_and_does_nothing_else)
{
	struct tape_pos target = { { 1, 2 }, 3 };
	struct tape *t = recording_open("sync=none");
	struct found f[4];

	ck_assert(none(tape_bookmark(NULL, "x")));
	ck_assert(none(tape_bookmark(NULL, NULL)));
	ck_assert(none(tape_bookmark_at(NULL, "x", target)));
	ck_assert(none(tape_bookmark(t, NULL)));
	ck_assert_ptr_nonnull(strstr(tape_error(t), "without a name"));
	ck_assert(none(tape_bookmark(t, "")));
	ck_assert_uint_eq(tape_lost(t), 2);
	ck_assert_uint_eq(tape_bookmark(t, "good").seq, 1);
	ck_assert_int_eq(tape_close(t), -1);
	ck_assert(none(tape_bookmark(t, "late")));
	ck_assert_uint_eq(read_bookmarks(f, 4), 1);
	ck_assert_str_eq(f[0].name, "good");
}
END_TEST

START_TEST(one_that_points_elsewhere_says_where)
{
	struct tape *t = recording_open("sync=none");
	struct tape_pos first, second;
	char where[TAPE_POS_TEXT];
	struct found f[4];

	recording_put(t, 0);
	tape_commit(t);
	first = tape_position(t);
	second = tape_bookmark_at(t, "there", first);
	ck_assert_uint_eq(second.seq, 2);
	ck_assert_int_eq(tape_close(t), 0);
	tape_pos_text(&first, where);
	for (int packed = 0; packed < 2; packed++) {
		ck_assert_uint_eq(read_bookmarks(f, 4), 1);
		ck_assert_str_eq(f[0].target, where);
		compact();
	}
}
END_TEST

static int
refuse_writes(void *user, enum os_call call, const char *path, size_t *limit)
{
	_Atomic bool *full = user;

	(void)limit;
	(void)path;
	return *full && (call == OS_WRITE || call == OS_OPEN) ? ENOSPC : 0;
}

START_TEST(on_a_full_disk_there_is_no_position)
{
	static _Atomic bool full;
	struct tape *t = recording_open("sync=none");
	struct found f[4];

	os_fault_set(refuse_writes, &full); /* before threads start */
	recording_put(t, 0);
	ck_assert_uint_eq(tape_bookmark(t, "before").seq, 2);
	recording_put(t, 1);
	full = true;
	ck_assert(none(tape_bookmark(t, "lost")));
	full = false;
	ck_assert_uint_eq(tape_lost(t), 2);
	ck_assert_uint_eq(tape_bookmark(t, "after").seq, 3);
	ck_assert_int_eq(tape_close(t), -1);
	ck_assert_uint_eq(read_bookmarks(f, 4), 2);
	ck_assert_str_eq(f[1].name, "after");
	ck_assert_int_eq(in_manifest("\"lost\",\"pos\""), 0);
}
END_TEST

/* ---- finding what they name ---- */

/* The seqs that a query finds, "2 3 4". */
static const char *
seqs(const char *text)
{
	static char out[400];
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor;
	const struct tape_scope *scope;
	struct tape_error err;
	size_t len = 0;

	out[0] = '\0';
	ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, &err), 0);
	ck_assert_int_eq(tape_query_compile(text, &query, &err), 0);
	ck_assert_int_eq(tape_find(reader, query, NULL, &cursor, &err), 0);
	while (tape_cursor_next(cursor, &scope, &err) == 1)
		len += (size_t)snprintf(out + len, sizeof out - len, "%s%llu",
					len ? " " : "",
					(unsigned long long)tape_scope_pos(scope).seq);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return out;
}

/* 1 2 begin=3 4 5 end=6 7 begin=8 9 end=10 11 */
static void
record_phases(struct tape *t)
{
	for (int i = 1; i <= 11; i++) {
		if (i == 3 || i == 8)
			tape_bookmark(t, "begin");
		else if (i == 6 || i == 10)
			tape_bookmark(t, "end");
		else
			recording_put(t, i);
	}
	tape_commit(t);
}

static void
ask_about_phases(void)
{
	static const struct {
		const char *query, *seqs;
	} asked[] = {
		{ "@begin", "3 8" },
		{ "@begin#2", "8" },
		{ "@begin#3", "" },
		{ "@nosuch", "" },
		{ "@\"begin\"", "3 8" },
		{ "@begin..@end", "4 5 9" },
		{ "@begin#2..@end", "9" },
		{ "@begin#1..@end#2", "4 5 7 9" },
		{ "@end..@begin", "7" },
		{ "@end#2..@begin", "" },
		{ "@end..", "7 9 11" },
		{ "@end#2..", "11" },
		{ "..@begin", "1 2 4 5 7" },
		{ "..@begin#1", "1 2" },
		{ "@begin+1", "4 9" },
		{ "@begin#1+3", "4 5 7" },
		{ "@begin#1+100", "4 5 7 9 11" },
		{ "@begin#1+999999999999999999", "4 5 7 9 11" },
		{ "not @begin..@end", "1 2 7 11" },
		{ "@begin..@end i=5", "5" },
		{ "@begin..@end or i=1", "1 4 5 9" },
		{ "(@begin..@end)", "4 5 9" },
		{ "_mark=begin", "4 5 9" },
		{ "_mark=begin,end", "4 5 7 9 11" },
		{ "_mark!=begin", "7 11" },
		{ "_mark~^e", "7 11" },
		{ "not _mark=*", "1 2" },
		{ "@begin..@end _bookmark", "3 6 8 10" },
		{ "", "1 2 4 5 7 9 11" },
	};

	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
		ck_assert_msg(strcmp(seqs(asked[i].query), asked[i].seqs) == 0,
			      "%s: %s, not %s", asked[i].query, seqs(asked[i].query),
			      asked[i].seqs);
}

START_TEST(queries_go_by_bookmarks_on_raw_and_packed_tapes)
{
	struct tape *t = recording_open("sync=none");

	record_phases(t);
	ask_about_phases(); /* while it is recorded */
	ck_assert_int_eq(tape_close(t), 0);
	ask_about_phases();
	compact();
	ask_about_phases();
}
END_TEST

START_TEST(a_bookmark_may_stand_in_a_later_session_than_its_place)
{
	struct tape *t = recording_open("sync=none");
	struct tape_pos pos;

	for (int i = 1; i <= 5; i++)
		recording_put(t, i);
	tape_commit(t);
	pos = tape_position(t);
	ck_assert_int_eq(tape_close(t), 0);
	for (int packed = 0; packed < 2; packed++) {
		t = recording_open("sync=none");
		pos.seq = packed ? 4 : 2;
		tape_bookmark_at(t, packed ? "to" : "from", pos);
		ck_assert_int_eq(tape_close(t), 0);
		ck_assert_str_eq(seqs("@from"), "2");
		ck_assert_str_eq(seqs("@from+1"), "3");
		ck_assert_str_eq(seqs("@from..@to"), packed ? "2 3 4" : "");
		compact();
		ck_assert_str_eq(seqs("@from.."), "2 3 4 5");
		ck_assert_str_eq(seqs("@from..@to"), packed ? "2 3 4" : "");
		ck_assert_str_eq(seqs("..@from"), "1 2");
	}
}
END_TEST

/* Ranks of one run record side by side: what one of them says is not about the others. */
START_TEST(sessions_with_a_bookmark_of_their_own_go_by_that)
{
	for (int session = 0; session < 3; session++) {
		struct tape *t = recording_open("sync=none");

		recording_put(t, 10 * session);
		if (session != 2)
			tape_bookmark(t, "begin");
		recording_put(t, 10 * session + 1);
		ck_assert_int_eq(tape_close(t), 0);
	}
	ck_assert_str_eq(seqs("@begin.."), "3 3 1 2");
	ck_assert_str_eq(seqs("@begin.. i=..9"), "3");
	ck_assert_str_eq(seqs("..@begin"), "1 1");
}
END_TEST

START_TEST(a_regular_expression_that_takes_for_ever_ends_the_search)
{
	struct tape *t = recording_open("sync=none");
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor = NULL;
	struct tape_error err;

	tape_bookmark(t, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!");
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, &err), 0);
	ck_assert_int_eq(tape_query_compile("_mark~^(a+)+$", &query, &err), 0);
	ck_assert_int_eq(tape_find(reader, query, NULL, &cursor, &err), TAPE_ERR_LIMIT);
	ck_assert_ptr_nonnull(strstr(err.message, "column 1"));
	ck_assert_ptr_null(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
}
END_TEST

/* ---- several ---- */

#define THREADS 4
#define ROUNDS 200

struct worker {
	struct tape *tape;
	unsigned number;
	struct tape_pos at[ROUNDS];
};

static void *
work(void *user)
{
	struct worker *w = user;
	char name[32];

	for (int i = 0; i < ROUNDS; i++) {
		recording_put(w->tape, i);
		snprintf(name, sizeof name, "%u.%d", w->number, i);
		w->at[i] = tape_bookmark(w->tape, name);
	}
	return NULL;
}

START_TEST(each_thread_learns_where_its_own_came_to_stand)
{
	static struct worker workers[THREADS];
	static struct found f[THREADS * ROUNDS];
	struct tape *t = recording_open("sync=none commit_ms=1");
	pthread_t threads[THREADS];
	size_t n, right = 0;

	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].tape = t;
		workers[i].number = i;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(tape_close(t), 0);
	n = read_bookmarks(f, THREADS * ROUNDS);
	ck_assert_uint_eq(n, THREADS * ROUNDS);
	for (size_t i = 0; i < n; i++) {
		unsigned thread;
		int round;

		ck_assert_int_eq(sscanf(f[i].name, "%u.%d", &thread, &round), 2);
		right += tape_pos_compare(&workers[thread].at[round], &f[i].pos) == 0;
	}
	ck_assert_uint_eq(right, n);
	ck_assert_int_eq(in_manifest("{\"bookmark\":"), THREADS * ROUNDS);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("bookmarks");
	TCase *tc = tcase_create("recording");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, a_bookmark_commits_the_stage_and_stands_behind_it);
	tcase_add_test(tc, it_has_the_path_and_no_sticky_variables);
	tcase_add_test(tc, below_the_deepest_path_it_is_found_all_the_same);
	tcase_add_test(tc, names_may_repeat_and_are_no_links);
	tcase_add_test(tc, the_manifest_lists_those_that_were_committed);
	tcase_add_test(tc, under_manual_commits_it_is_staged_like_any_scope);
	tcase_add_test(tc, a_long_name_is_cut_and_kept_in_the_scope);
	tcase_add_test(tc, wrong_use_is_said_and_does_nothing_else);
	tcase_add_test(tc, one_that_points_elsewhere_says_where);
	tcase_add_test(tc, on_a_full_disk_there_is_no_position);
	tcase_add_test(tc, each_thread_learns_where_its_own_came_to_stand);
	suite_add_tcase(suite, tc);
	tc = tcase_create("finding");
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, queries_go_by_bookmarks_on_raw_and_packed_tapes);
	tcase_add_test(tc, a_bookmark_may_stand_in_a_later_session_than_its_place);
	tcase_add_test(tc, sessions_with_a_bookmark_of_their_own_go_by_that);
	tcase_add_test(tc, a_regular_expression_that_takes_for_ever_ends_the_search);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
