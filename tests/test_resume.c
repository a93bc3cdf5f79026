/* SPDX-License-Identifier: Apache-2.0 */
/* Reading one's own tape back, going on from there, and what that supersedes. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "search/superseded.h"
#include "tape/compact.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

/* ---- helpers ---- */

static void
compact(void)
{
	struct tape_compact_options o = { .size = sizeof o, .jobs = 1 };
	struct tape_error err = { 0 };

	ck_assert_msg(tape_compact(recording_dir, &o, NULL, &err) == 0, "%s",
		      err.message);
}

static struct tape_pos
at(struct tape *t, uint64_t seq)
{
	struct tape_pos pos = tape_position(t);

	pos.seq = seq;
	return pos;
}

/* The numbers that a query finds, joined by blanks. */
static const char *
numbers(const char *text, uint32_t reader_flags, uint32_t find_flags)
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

static const char *
shown(const char *query)
{
	return numbers(query, 0, 0);
}

static const char *
all(const char *query)
{
	return numbers(query, TAPE_READER_SUPERSEDED, 0);
}

/* A session of `count` numbered scopes that goes on from *from (unless NULL). */
static struct tape *
session(const struct tape_pos *from, int first, int count)
{
	struct tape *t = recording_open("sync=none");

	if (from)
		ck_assert_int_eq(tape_continue(t, *from), 0);
	for (int i = 0; i < count; i++)
		recording_put(t, first + i);
	ck_assert_int_eq(tape_commit(t), 0);
	return t;
}

/* ---- TAPE_RESTORE ---- */

struct state {
	double energy;
	int64_t steps;
};
TAPE_DESCRIBE(state_d, struct state, energy, steps);

static void
checkpoint(struct tape *t, int step)
{
	struct state s = { step * 0.5, step * 10 };
	double x[100], small[3] = { step, step + 1, step + 2 };
	char name[20];

	snprintf(name, sizeof name, "step %d", step);
	for (int i = 0; i < 100; i++)
		x[i] = step * 100 + i;
	TAPE(t, "checkpoint", step, TAPE_BLOB(x, 100), small, name, TAPE_OF(state_d, &s));
}

static void
restores(struct tape *t, int expected)
{
	struct state s = { -1, -1 };
	double x[100] = { 0 }, small[3] = { 0 }, *copy = NULL;
	char name[20] = "", *text = NULL;
	size_t n = 0;
	int step = -1;

	ck_assert_int_eq(TAPE_RESTORE(t, "checkpoint", &step, TAPE_ARRAY(x, 100), small,
				      name, TAPE_OF(state_d, &s)),
			 1);
	ck_assert_int_eq(step, expected);
	ck_assert_double_eq(x[99], step * 100 + 99);
	ck_assert_double_eq(small[2], step + 2);
	ck_assert_double_eq(s.energy, step * 0.5);
	ck_assert_int_eq(s.steps, step * 10);
	ck_assert_int_eq(TAPE_RESTORE(t, "checkpoint", TAPE_AS("x", TAPE_NEW(&copy, &n)),
				      TAPE_AS("name", &text)),
			 1);
	ck_assert_uint_eq(n, 100);
	ck_assert_double_eq(copy[1], step * 100 + 1);
	ck_assert_str_eq(text, name);
	free(copy);
	free(text);
}

START_TEST(restore_fills_from_what_was_staged_committed_and_compacted)
{
	struct tape *t = recording_open("sync=none");
	int step = 17;

	ck_assert_int_eq(TAPE_RESTORE(t, "checkpoint", &step), 0);
	ck_assert_int_eq(step, 17);
	ck_assert_uint_eq(tape_restored(t).seq, 0);
	checkpoint(t, 1);
	checkpoint(t, 2);
	restores(t, 2);
	ck_assert_uint_eq(tape_restored(t).seq, 2);
	checkpoint(t, 3);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_int_eq(TAPE_RESTORE(t, "checkpoint", &step), 0);
	for (int packed = 0; packed < 2; packed++) {
		t = recording_open("sync=none");
		TAPE(t, "other", step);
		restores(t, 3);
		ck_assert_int_eq(tape_close(t), 0);
		compact();
	}
	ck_assert_int_eq(step, 17);
}
END_TEST

START_TEST(restore_goes_by_path_and_sticky_variables)
{
	struct tape *t = recording_open("sync=none");
	int i = 0, mode = 3;
	double a = 0.1, nan = NAN;
	const char *word = "two \"words\"";
	int64_t list[20] = { 1, 2, 3 };

	TAPE(t, "c", TAPE_AS("i", 1));
	{
		TAPE_LABEL(t, "run");
		TAPE(t, "c", TAPE_AS("i", 2));
		{
			TAPE_WITH(t, a, mode, word, nan, list);
			TAPE(t, "c", TAPE_AS("i", 3));
		}
		mode = 4;
		{
			TAPE_WITH(t, a, mode, word, nan, list);
			TAPE(t, "c", TAPE_AS("i", 4));
		}
		list[19] = 5;
		{
			TAPE_WITH(t, a, mode, word, nan, list);
			TAPE(t, "c", TAPE_AS("i", 5));
		}
		TAPE(t, "d", TAPE_AS("i", 6));
	}
	for (int packed = 0; packed < 2; packed++) {
		ck_assert_int_eq(TAPE_RESTORE(t, "c", &i), 1);
		ck_assert_int_eq(i, 1);
		ck_assert_int_eq(TAPE_RESTORE(t, "run", &i), 0);
		TAPE_LABEL(t, "run");
		/* Without sticky variables of its own: whatever others had. */
		ck_assert_int_eq(TAPE_RESTORE(t, "c", &i), 1);
		ck_assert_int_eq(i, 5);
		mode = 3;
		list[19] = 0;
		{
			TAPE_WITH(t, a, mode, word, nan, list);
			ck_assert_int_eq(TAPE_RESTORE(t, "c", &i), 1);
			ck_assert_int_eq(i, 3);
		}
		mode = 4;
		{
			TAPE_WITH(t, a, mode, word, nan, list);
			ck_assert_int_eq(TAPE_RESTORE(t, "c", &i), 1);
			ck_assert_int_eq(i, 4);
			TAPE_WITH(t, TAPE_AS("more", 1));
			ck_assert_int_eq(TAPE_RESTORE(t, "c", &i), 0);
		}
		a = nextafter(a, 1);
		{
			TAPE_WITH(t, a, mode, word, nan, list);
			ck_assert_int_eq(TAPE_RESTORE(t, "c", &i), 0);
		}
		a = 0.1;
		ck_assert_int_eq(tape_close(t), 0);
		compact();
		t = recording_open("sync=none");
	}
	tape_close(t);
}
END_TEST

START_TEST(what_does_not_fit_touches_nothing_and_says_why)
{
	struct tape *t = recording_open("sync=none");
	double x[100] = { 7 }, step_f = 7;
	int step = 7, missing = 7;
	char tiny[3] = "ab";

	checkpoint(t, 1);
	ck_assert_int_eq(TAPE_RESTORE(t, "checkpoint", &step, TAPE_ARRAY(x, 99)), -1);
	ck_assert_ptr_nonnull(strstr(tape_bind_error(), "x"));
	ck_assert_int_eq(TAPE_RESTORE(t, "checkpoint", &step, &missing), -1);
	ck_assert_ptr_nonnull(strstr(tape_bind_error(), "missing"));
	ck_assert_int_eq(TAPE_RESTORE(t, "checkpoint", &step, TAPE_AS("name", tiny)), -1);
	ck_assert_int_eq(TAPE_RESTORE(t, "checkpoint", &step, TAPE_AS("x", &step_f)), -1);
	ck_assert_int_eq(step, 7);
	ck_assert_int_eq(missing, 7);
	ck_assert_double_eq(x[0], 7);
	ck_assert_double_eq(step_f, 7);
	ck_assert_str_eq(tiny, "ab");
	ck_assert_uint_eq(tape_restored(t).seq, 0);
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

START_TEST(under_manual_commits_what_is_staged_is_found_and_stays_staged)
{
	const char *const settings[] = { "commit=manual sync=none blobs=at-commit",
					 "commit=manual sync=none",
					 "commit=manual sync=none embed_max=0" };
	int step = 0;

	for (int i = 0; i < 3; i++) {
		struct tape *t = recording_open(settings[i]);

		checkpoint(t, 1);
		checkpoint(t, 2);
		restores(t, 2);
		{
			TAPE_WITH(t, TAPE_AS("step", 1));
			ck_assert_int_eq(TAPE_RESTORE(t, "checkpoint", &step), 1);
			ck_assert_int_eq(step, 1);
		}
		ck_assert_int_eq(tape_resume(t), 0);
		ck_assert_int_eq(tape_discard(t), 0);
		ck_assert_int_eq(TAPE_RESTORE(t, "checkpoint", &step), 0);
		checkpoint(t, 3);
		ck_assert_int_eq(tape_commit(t), 0);
		recording_put(t, 1);
		restores(t, 3);
		ck_assert_int_eq(tape_discard(t), 0);
		ck_assert_int_eq(tape_close(t), 0);
		ck_assert_str_eq(shown("row"), "");
		ck_assert_int_eq(system("rm -rf run.tape"), 0);
	}
}
END_TEST

START_TEST(without_a_recorder_there_is_nothing)
{
	const struct tape_scope *scope = NULL;
	struct tape_pos pos = { { 1, 2 }, 3 };
	int step = 4;

	ck_assert_int_eq(TAPE_RESTORE((struct tape *)NULL, "x", &step), 0);
	ck_assert_int_eq(tape_latest(NULL, "", &scope), 0);
	ck_assert_int_eq(tape_at(NULL, "@x", &scope), 0);
	ck_assert_int_eq(tape_continue(NULL, pos), 0);
	ck_assert_uint_eq(tape_restored(NULL).seq, 0);
	ck_assert_ptr_null(scope);
	ck_assert_int_eq(step, 4);
}
END_TEST

/* ---- tape_latest, tape_at ---- */

START_TEST(latest_and_at_give_scopes_to_bind)
{
	struct tape *t = session(NULL, 0, 5);
	const struct tape_scope *scope = NULL;
	struct tape_pos two = at(t, 2);
	char text[TAPE_POS_TEXT];
	int i = -1;

	tape_bookmark(t, "here");
	recording_put(t, 5);
	tape_bookmark(t, "here");
	tape_bookmark_at(t, "there", two);
	for (int packed = 0; packed < 2; packed++) {
		ck_assert_int_eq(tape_latest(t, "row i=..3", &scope), 1);
		ck_assert_int_eq(TAPE_BIND(scope, &i), 1);
		ck_assert_int_eq(i, 3);
		ck_assert_int_eq(tape_latest(t, NULL, &scope), 1);
		ck_assert_int_eq(TAPE_BIND(scope, &i), 1);
		ck_assert_int_eq(i, 5);
		ck_assert_int_eq(tape_latest(t, "nowhere", &scope), 0);
		tape_pos_text(&two, text);
		ck_assert_int_eq(tape_at(t, text, &scope), 1);
		ck_assert_int_eq(TAPE_BIND(scope, &i), 1);
		ck_assert_int_eq(i, 1);
		ck_assert_int_eq(tape_at(t, "@here", &scope), 1);
		ck_assert_int_eq(TAPE_BIND(scope, &i), 1);
		ck_assert_int_eq(i, 5);
		ck_assert_int_eq(tape_at(t, "@here#1", &scope), 1);
		ck_assert_int_eq(TAPE_BIND(scope, &i), 1);
		ck_assert_int_eq(i, 4);
		ck_assert_int_eq(tape_at(t, "@there", &scope), 1);
		ck_assert_int_eq(TAPE_BIND(scope, &i), 1);
		ck_assert_int_eq(i, 1);
		ck_assert_int_eq(tape_at(t, "@nobody", &scope), 0);
		two.seq = 99;
		tape_pos_text(&two, text);
		ck_assert_int_eq(tape_at(t, text, &scope), 0);
		two.seq = 2;
		ck_assert_int_eq(tape_close(t), 0);
		compact();
		t = recording_open("sync=none");
	}
	ck_assert_int_eq(tape_latest(t, "i=", &scope), -1);
	ck_assert_ptr_nonnull(strstr(tape_error(t), "column"));
	ck_assert_int_eq(tape_at(t, "yesterday", &scope), -1);
	tape_close(t);
}
END_TEST

/* ---- what is superseded ---- */

START_TEST(what_lies_behind_a_continued_position_is_kept_and_not_shown)
{
	struct tape *x = session(NULL, 0, 10), *y, *z;
	struct tape_pos five = at(x, 5), two;
	const struct tape_scope *scope;
	int i = -1;

	tape_bookmark(x, "late");
	tape_close(x);
	y = session(&five, 100, 4);
	two = at(y, 2);
	for (int state = 0; state < 4; state++) {
		ck_assert_str_eq(shown(""), "0 1 2 3 4 100 101 102 103");
		ck_assert_str_eq(shown("row i=3..101"), "3 4 100 101");
		ck_assert_str_eq(numbers("", 0, TAPE_FIND_REVERSE),
				 "103 102 101 100 4 3 2 1 0");
		ck_assert_str_eq(shown("@late.."), "");
		ck_assert_str_eq(all(""), "0 1 2 3 4 5 6 7 8 9 100 101 102 103");
		ck_assert_str_eq(all("@late.."), "100 101 102 103");
		if (state == 1)
			tape_close(y);
		if (state >= 1)
			compact();
	}
	z = session(&two, 200, 2);
	for (int packed = 0; packed < 2; packed++) {
		ck_assert_str_eq(shown(""), "0 1 2 3 4 100 101 200 201");
		ck_assert_int_eq(tape_latest(z, "i=..150", &scope), 1);
		ck_assert_int_eq(TAPE_BIND(scope, &i), 1);
		ck_assert_int_eq(i, 101);
		tape_close(z);
		compact();
		z = recording_open("sync=none");
	}
	tape_close(z);
}
END_TEST

START_TEST(two_that_go_on_from_one_position_both_count)
{
	struct tape *x = session(NULL, 0, 6), *y, *z;
	struct tape_pos four = at(x, 4), two = at(x, 2);

	tape_close(x);
	y = session(&four, 100, 2);
	z = session(&four, 200, 2);
	ck_assert_str_eq(shown(""), "0 1 2 3 100 101 200 201");
	/* Whoever goes on from before them supersedes both. */
	x = session(&two, 300, 2);
	ck_assert_str_eq(shown(""), "0 1 300 301");
	/* And whoever goes on from one of them makes that one count again. */
	two = at(y, 1);
	tape_close(y);
	y = session(&two, 400, 1);
	ck_assert_str_eq(shown(""), "0 1 2 3 100 200 201 300 301 400");
	tape_close(x);
	tape_close(y);
	tape_close(z);
	compact();
	ck_assert_str_eq(shown(""), "0 1 2 3 100 200 201 300 301 400");
	ck_assert_str_eq(all(""), "0 1 2 3 4 5 100 101 200 201 300 301 400");
}
END_TEST

START_TEST(seq_0_leaves_nothing_of_a_session)
{
	struct tape *x = session(NULL, 0, 6), *y, *z;
	struct tape_pos pos = at(x, 4);

	tape_close(x);
	y = session(&pos, 100, 2);
	pos = at(y, 0);
	tape_close(y);
	z = session(&pos, 200, 2);
	tape_close(z);
	for (int packed = 0; packed < 2; packed++) {
		ck_assert_str_eq(shown(""), "0 1 2 3 200 201");
		compact();
	}
}
END_TEST

START_TEST(a_session_may_go_on_late_from_several_and_change_its_mind)
{
	struct tape *x = session(NULL, 0, 4), *y = session(NULL, 100, 4), *z;
	struct tape_pos a = at(x, 1), b = at(y, 2), c = at(x, 3);

	z = session(&a, 200, 2);
	ck_assert_str_eq(shown(""), "0 100 101 102 103 200 201");
	ck_assert_int_eq(tape_continue(z, b), 0);
	ck_assert_str_eq(shown(""), "0 100 101 200 201");
	ck_assert_int_eq(tape_continue(z, c), 0);
	recording_put(z, 202);
	tape_commit(z);
	ck_assert_str_eq(shown(""), "0 1 2 100 101 200 201 202");
	tape_close(z);
	tape_close(x);
	compact();
	ck_assert_str_eq(shown(""), "0 1 2 100 101 200 201 202");
	/* What X records from now on is behind that position, too. */
	recording_put(y, 104);
	tape_close(y);
	ck_assert_str_eq(shown(""), "0 1 2 100 101 200 201 202");
}
END_TEST

START_TEST(one_that_is_not_there_or_is_itself_supersedes_nothing)
{
	struct tape *t = session(NULL, 0, 3);
	struct tape_pos nobody = { { 12345, 678 }, 9 }, none = { { 0, 0 }, 9 };

	ck_assert_int_eq(tape_continue(t, at(t, 2)), -1);
	ck_assert_int_eq(tape_continue(t, none), -1);
	ck_assert_int_eq(tape_continue(t, nobody), 0);
	ck_assert_str_eq(shown(""), "0 1 2");
	tape_close(t);
	compact();
	ck_assert_str_eq(shown(""), "0 1 2");
	ck_assert_int_eq(tape_continue(t, nobody), 0);
}
END_TEST

START_TEST(info_counts_what_is_superseded_and_bookmarks_go_with_it)
{
	struct tape *x = session(NULL, 0, 10), *y;
	struct tape_pos pos = at(x, 5);
	struct tape_reader *reader;
	struct tape_info *info;
	struct tape_marks *marks;
	struct tape_error err;

	tape_bookmark(x, "late");
	tape_bookmark_at(x, "early", pos);
	tape_close(x);
	y = session(&pos, 100, 1);
	pos.seq = 9;
	tape_bookmark_at(y, "points", pos);
	pos.seq = 3;
	tape_bookmark_at(y, "fine", pos);
	tape_close(y);
	for (int packed = 0; packed < 2; packed++) {
		ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, &err), 0);
		ck_assert_int_eq(tape_info_read(reader, &info, &err), 0);
		ck_assert_uint_eq(info->superseded, 7);
		ck_assert_uint_eq(info->sessions[0].superseded, 7);
		ck_assert_uint_eq(info->sessions[1].superseded, 0);
		ck_assert_uint_eq(info->scopes, 15);
		tape_info_free(info);
		ck_assert_int_eq(tape_marks_read(reader, &marks, &err), 0);
		ck_assert_uint_eq(marks->count, 1);
		ck_assert_str_eq(marks->items[0].name, "fine");
		tape_marks_free(marks);
		tape_reader_close(reader);
		compact();
	}
}
END_TEST

START_TEST(links_to_superseded_scopes_resolve)
{
	struct tape *x = recording_open("sync=none"), *y;
	const char *text = "enough to make a link the shorter one of the two records";
	struct tape_pos pos;
	struct tape_reader *reader;
	struct tape_info *info;
	struct tape_error err;

	/* 5 to 8 repeat 1 to 4. */
	for (int k = 0; k < 8; k++) {
		int i = k % 4;

		TAPE(x, "row", i, text);
	}
	tape_commit(x);
	pos = at(x, 2);
	tape_close(x);
	y = session(&pos, 100, 1);
	tape_close(y);
	ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, &err), 0);
	ck_assert_int_eq(tape_info_read(reader, &info, &err), 0);
	ck_assert_uint_eq(info->links, 4);
	tape_info_free(info);
	tape_reader_close(reader);
	for (int packed = 0; packed < 2; packed++) {
		ck_assert_str_eq(shown(""), "0 1 100");
		ck_assert_str_eq(all(""), "0 1 2 3 0 1 2 3 100");
		ck_assert_str_eq(all("_link=any"), "0 1 2 3");
		compact();
	}
}
END_TEST

/* ---- random sessions against a model ---- */

#define SESSIONS 9
#define SCOPES 4

struct model {
	int count, edges;
	struct tape_pos
		pos[SESSIONS + 1]; /* of each session, seq 0; the last is not there */
	struct {
		int from, to;
		uint64_t seq;
	} edge[64];
};

/* Marks who and all that it comes from. */
static void
model_ancestry(const struct model *m, int who, bool *in)
{
	in[who] = true;
	for (int e = 0; e < m->edges; e++)
		if (m->edge[e].from == who && !in[m->edge[e].to])
			model_ancestry(m, m->edge[e].to, in);
}

static void
model_shown(const struct model *m, uint64_t *upto)
{
	bool decided[SESSIONS + 1] = { false }, gone[SESSIONS + 1] = { false };

	for (int i = 0; i <= SESSIONS; i++)
		upto[i] = UINT64_MAX;
	for (int who = m->count - 1; who >= 0; who--) {
		bool in[SESSIONS + 1] = { false }, fits = true, goes_on = false;
		uint64_t most[SESSIONS + 1] = { 0 };
		bool named[SESSIONS + 1] = { false };

		model_ancestry(m, who, in);
		for (int e = 0; e < m->edges; e++) {
			int to = m->edge[e].to;

			if (!in[m->edge[e].from])
				continue;
			goes_on |= m->edge[e].from == who;
			if (gone[to] || (decided[to] && m->edge[e].seq > upto[to]))
				fits = false;
			named[to] = true;
			if (m->edge[e].seq > most[to])
				most[to] = m->edge[e].seq;
		}
		if (!goes_on)
			continue;
		if (!fits) {
			/* Unless a newer one has come from it. */
			gone[who] = true;
			continue;
		}
		for (int i = 0; i <= SESSIONS; i++)
			if (named[i] && !decided[i]) {
				decided[i] = true;
				upto[i] = most[i];
			}
	}
	for (int i = 0; i <= SESSIONS; i++)
		if (gone[i])
			upto[i] = 0;
}

static void
model_numbers(const struct model *m, char *out, size_t cap)
{
	uint64_t upto[SESSIONS + 1];
	size_t len = 0;

	*out = '\0';
	model_shown(m, upto);
	for (int s = 0; s < m->count; s++)
		for (uint64_t i = 1; i <= SCOPES; i++)
			if (i <= upto[s])
				len += (size_t)snprintf(out + len, cap - len, "%s%d",
							len ? " " : "", s * 10 + (int)i);
}

/* Random positions of sessions before it, of the one that is not there, or none. */
static void
model_go_on(struct model *m, int who, struct tape *t)
{
	int times = rand() % 3;

	for (int k = 0; k < times && m->edges < 64; k++) {
		int to = rand() % 12 == 0 ? SESSIONS : who == 0 ? SESSIONS : rand() % who;
		struct tape_pos pos = m->pos[to];
		int same = -1;

		pos.seq = (uint64_t)(rand() % (SCOPES + 2));
		ck_assert_int_eq(tape_continue(t, pos), 0);
		for (int e = 0; e < m->edges; e++)
			if (m->edge[e].from == who && m->edge[e].to == to)
				same = e;
		if (same < 0)
			same = m->edges++;
		m->edge[same].from = who;
		m->edge[same].to = to;
		m->edge[same].seq = pos.seq;
	}
}

START_TEST(random_sessions_are_shown_as_a_model_shows_them)
{
	const char *seed_text = getenv("TEST_SEED");
	unsigned seed =
		seed_text ? (unsigned)strtoul(seed_text, NULL, 10) : (unsigned)getpid();

	printf("TEST_SEED=%u\n", seed);
	srand(seed);
	for (int round = 0; round < 12; round++) {
		struct model m = { 0 };
		struct tape *open[SESSIONS];
		char expected[1024];

		m.pos[SESSIONS] = (struct tape_pos){ { 7, 7 }, 0 };
		for (int s = 0; s < SESSIONS; s++) {
			struct tape *t = recording_open("sync=none");

			open[s] = t;
			m.pos[s] = at(t, 0);
			m.count = s + 1;
			if (rand() % 2)
				model_go_on(&m, s, t);
			for (int i = 1; i <= SCOPES; i++)
				recording_put(t, s * 10 + i);
			tape_commit(t);
			if (rand() % 3 == 0)
				model_go_on(&m, s, t);
			if (rand() % 2)
				tape_close(t);
			if (rand() % 4 == 0)
				compact();
			model_numbers(&m, expected, sizeof expected);
			ck_assert_str_eq(shown(""), expected);
		}
		for (int s = 0; s < SESSIONS; s++)
			tape_close(open[s]);
		compact();
		ck_assert_str_eq(shown(""), expected);
		ck_assert_int_eq(system("rm -rf run.tape"), 0);
	}
}
END_TEST

/* Who names whom is up to those who write: circles, and later sessions, too. */
START_TEST(any_continuations_end_and_are_as_the_model_has_them)
{
	const char *seed_text = getenv("TEST_SEED");
	unsigned seed =
		seed_text ? (unsigned)strtoul(seed_text, NULL, 10) : (unsigned)getpid();

	printf("TEST_SEED=%u\n", seed);
	srand(seed);
	for (int round = 0; round < 20000; round++) {
		struct model m = { .count = SESSIONS, .edges = rand() % 14 };
		struct continuation all[64];
		struct current *got;
		uint64_t upto[SESSIONS + 1];
		size_t count = (size_t)m.edges, n = 0;

		for (int e = 0; e < m.edges; e++) {
			int same = 0;

			do {
				m.edge[e].from = rand() % SESSIONS;
				m.edge[e].to = rand() % SESSIONS;
				for (same = 0; same < e; same++)
					if (m.edge[same].from == m.edge[e].from &&
					    m.edge[same].to == m.edge[e].to)
						break;
			} while (m.edge[e].from == m.edge[e].to || same < e);
			m.edge[e].seq = (uint64_t)(rand() % 5);
			all[e] = (struct continuation){
				.from = { 100 + (uint64_t)m.edge[e].from, 1 },
				.to = { { 100 + (uint64_t)m.edge[e].to, 1 },
					m.edge[e].seq },
				.order = (uint64_t)e
			};
		}
		model_shown(&m, upto);
		ck_assert_int_eq(superseded_resolve(all, &count, &got, &n), 0);
		for (size_t i = 0; i < n; i++)
			ck_assert_msg(got[i].upto == upto[got[i].id[0] - 100],
				      "round %d, session %d: %llu, not %llu", round,
				      (int)(got[i].id[0] - 100),
				      (unsigned long long)got[i].upto,
				      (unsigned long long)upto[got[i].id[0] - 100]);
		free(got);
	}
}
END_TEST

START_TEST(resume_goes_on_from_what_was_restored)
{
	struct tape *x = recording_open("sync=none"), *y;
	int step = 0;

	ck_assert_int_eq(tape_resume(NULL), 0);
	ck_assert_int_eq(tape_resume(x), -1);
	checkpoint(x, 1);
	recording_put(x, 1);
	ck_assert_int_eq(TAPE_RESTORE(x, "checkpoint", &step), 1);
	/* Its own: it goes on as it is. */
	ck_assert_int_eq(tape_resume(x), 0);
	ck_assert_str_eq(shown("row"), "1");
	tape_close(x);
	y = recording_open("sync=none");
	ck_assert_int_eq(TAPE_RESTORE(y, "checkpoint", &step), 1);
	ck_assert_int_eq(tape_resume(y), 0);
	recording_put(y, 2);
	tape_close(y);
	ck_assert_str_eq(shown("row"), "2");
	ck_assert_str_eq(all("row"), "1 2");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("resume");
	TCase *tc = tcase_create("reading back");

	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, restore_fills_from_what_was_staged_committed_and_compacted);
	tcase_add_test(tc, restore_goes_by_path_and_sticky_variables);
	tcase_add_test(tc, what_does_not_fit_touches_nothing_and_says_why);
	tcase_add_test(tc, under_manual_commits_what_is_staged_is_found_and_stays_staged);
	tcase_add_test(tc, without_a_recorder_there_is_nothing);
	tcase_add_test(tc, latest_and_at_give_scopes_to_bind);
	suite_add_tcase(suite, tc);
	tc = tcase_create("going on");
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, what_lies_behind_a_continued_position_is_kept_and_not_shown);
	tcase_add_test(tc, two_that_go_on_from_one_position_both_count);
	tcase_add_test(tc, seq_0_leaves_nothing_of_a_session);
	tcase_add_test(tc, a_session_may_go_on_late_from_several_and_change_its_mind);
	tcase_add_test(tc, one_that_is_not_there_or_is_itself_supersedes_nothing);
	tcase_add_test(tc, info_counts_what_is_superseded_and_bookmarks_go_with_it);
	tcase_add_test(tc, links_to_superseded_scopes_resolve);
	tcase_add_test(tc, any_continuations_end_and_are_as_the_model_has_them);
	tcase_add_test(tc, resume_goes_on_from_what_was_restored);
	tcase_add_test(tc, random_sessions_are_shown_as_a_model_shows_them);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
