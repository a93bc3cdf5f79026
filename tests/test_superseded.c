/* SPDX-License-Identifier: Apache-2.0 */
/* What is superseded by sessions that go on from others, and how it is shown. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "search/superseded.h"
#include "tests/support/recording.h"
#include "tests/support/resuming.h"
#include "tests/support/suite.h"

/* ---- what is superseded ---- */

START_TEST(what_lies_behind_a_continued_position_is_kept_and_not_shown)
{
	struct tape *x = resuming_session(NULL, 0, 10), *y, *z;
	struct tape_pos five = resuming_at(x, 5), two;
	const struct tape_scope *scope;
	int i = -1;

	tape_bookmark(x, "late");
	tape_close(x);
	y = resuming_session(&five, 100, 4);
	two = resuming_at(y, 2);
	for (int state = 0; state < 4; state++) {
		ck_assert_str_eq(resuming_shown(""), "0 1 2 3 4 100 101 102 103");
		ck_assert_str_eq(resuming_shown("row i=3..101"), "3 4 100 101");
		ck_assert_str_eq(resuming_numbers("", 0, TAPE_FIND_REVERSE),
				 "103 102 101 100 4 3 2 1 0");
		ck_assert_str_eq(resuming_shown("@late.."), "");
		ck_assert_str_eq(resuming_all(""), "0 1 2 3 4 5 6 7 8 9 100 101 102 103");
		ck_assert_str_eq(resuming_all("@late.."), "100 101 102 103");
		if (state == 1)
			tape_close(y);
		if (state >= 1)
			resuming_compact();
	}
	z = resuming_session(&two, 200, 2);
	for (int packed = 0; packed < 2; packed++) {
		ck_assert_str_eq(resuming_shown(""), "0 1 2 3 4 100 101 200 201");
		ck_assert_int_eq(tape_latest(z, "i=..150", &scope), 1);
		ck_assert_int_eq(TAPE_BIND(scope, &i), 1);
		ck_assert_int_eq(i, 101);
		tape_close(z);
		resuming_compact();
		z = recording_open("sync=none");
	}
	tape_close(z);
}
END_TEST

START_TEST(two_that_go_on_from_one_position_both_count)
{
	struct tape *x = resuming_session(NULL, 0, 6), *y, *z;
	struct tape_pos four = resuming_at(x, 4), two = resuming_at(x, 2);

	tape_close(x);
	y = resuming_session(&four, 100, 2);
	z = resuming_session(&four, 200, 2);
	ck_assert_str_eq(resuming_shown(""), "0 1 2 3 100 101 200 201");
	/* Whoever goes on from before them supersedes both. */
	x = resuming_session(&two, 300, 2);
	ck_assert_str_eq(resuming_shown(""), "0 1 300 301");
	/* And whoever goes on from one of them makes that one count again. */
	two = resuming_at(y, 1);
	tape_close(y);
	y = resuming_session(&two, 400, 1);
	ck_assert_str_eq(resuming_shown(""), "0 1 2 3 100 200 201 300 301 400");
	tape_close(x);
	tape_close(y);
	tape_close(z);
	resuming_compact();
	ck_assert_str_eq(resuming_shown(""), "0 1 2 3 100 200 201 300 301 400");
	ck_assert_str_eq(resuming_all(""), "0 1 2 3 4 5 100 101 200 201 300 301 400");
}
END_TEST

START_TEST(seq_0_leaves_nothing_of_a_session)
{
	struct tape *x = resuming_session(NULL, 0, 6), *y, *z;
	struct tape_pos pos = resuming_at(x, 4);

	tape_close(x);
	y = resuming_session(&pos, 100, 2);
	pos = resuming_at(y, 0);
	tape_close(y);
	z = resuming_session(&pos, 200, 2);
	tape_close(z);
	for (int packed = 0; packed < 2; packed++) {
		ck_assert_str_eq(resuming_shown(""), "0 1 2 3 200 201");
		resuming_compact();
	}
}
END_TEST

START_TEST(a_session_may_go_on_late_from_several_and_change_its_mind)
{
	struct tape *x = resuming_session(NULL, 0, 4),
		    *y = resuming_session(NULL, 100, 4), *z;
	struct tape_pos a = resuming_at(x, 1), b = resuming_at(y, 2),
			c = resuming_at(x, 3);

	z = resuming_session(&a, 200, 2);
	ck_assert_str_eq(resuming_shown(""), "0 100 101 102 103 200 201");
	ck_assert_int_eq(tape_continue(z, b), 0);
	ck_assert_str_eq(resuming_shown(""), "0 100 101 200 201");
	ck_assert_int_eq(tape_continue(z, c), 0);
	recording_put(z, 202);
	tape_commit(z);
	ck_assert_str_eq(resuming_shown(""), "0 1 2 100 101 200 201 202");
	tape_close(z);
	tape_close(x);
	resuming_compact();
	ck_assert_str_eq(resuming_shown(""), "0 1 2 100 101 200 201 202");
	/* What X records from now on is behind that position, too. */
	recording_put(y, 104);
	tape_close(y);
	ck_assert_str_eq(resuming_shown(""), "0 1 2 100 101 200 201 202");
}
END_TEST

START_TEST(one_that_is_not_there_or_is_itself_supersedes_nothing)
{
	struct tape *t = resuming_session(NULL, 0, 3);
	struct tape_pos nobody = { { 12345, 678 }, 9 }, none = { { 0, 0 }, 9 };

	ck_assert_int_eq(tape_continue(t, resuming_at(t, 2)), -1);
	ck_assert_int_eq(tape_continue(t, none), -1);
	ck_assert_int_eq(tape_continue(t, nobody), 0);
	ck_assert_str_eq(resuming_shown(""), "0 1 2");
	tape_close(t);
	resuming_compact();
	ck_assert_str_eq(resuming_shown(""), "0 1 2");
	ck_assert_int_eq(tape_continue(t, nobody), 0);
}
END_TEST

START_TEST(info_counts_what_is_superseded_and_bookmarks_go_with_it)
{
	struct tape *x = resuming_session(NULL, 0, 10), *y;
	struct tape_pos pos = resuming_at(x, 5);
	struct tape_reader *reader;
	struct tape_info *info;
	struct tape_marks *marks;
	struct tape_error err;

	tape_bookmark(x, "late");
	tape_bookmark_at(x, "early", pos);
	tape_close(x);
	y = resuming_session(&pos, 100, 1);
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
		resuming_compact();
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
	pos = resuming_at(x, 2);
	tape_close(x);
	y = resuming_session(&pos, 100, 1);
	tape_close(y);
	ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, &err), 0);
	ck_assert_int_eq(tape_info_read(reader, &info, &err), 0);
	ck_assert_uint_eq(info->links, 4);
	tape_info_free(info);
	tape_reader_close(reader);
	for (int packed = 0; packed < 2; packed++) {
		ck_assert_str_eq(resuming_shown(""), "0 1 100");
		ck_assert_str_eq(resuming_all(""), "0 1 2 3 0 1 2 3 100");
		ck_assert_str_eq(resuming_all("_link=any"), "0 1 2 3");
		resuming_compact();
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
			m.pos[s] = resuming_at(t, 0);
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
				resuming_compact();
			model_numbers(&m, expected, sizeof expected);
			ck_assert_str_eq(resuming_shown(""), expected);
		}
		for (int s = 0; s < SESSIONS; s++)
			tape_close(open[s]);
		resuming_compact();
		ck_assert_str_eq(resuming_shown(""), expected);
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

#define HUB 100000
#define VAIN 20000

/* All of them come from a session with many positions, and from behind what was decided. */
START_TEST(many_that_come_to_nothing_cost_no_more_than_their_size)
{
	size_t count = HUB + 2 * VAIN + 1, at = 0, n = 0;
	struct continuation *all = calloc(count, sizeof *all);
	struct current *got;

	ck_assert_ptr_nonnull(all);
	for (uint64_t i = 0; i < HUB; i++)
		all[at++] =
			(struct continuation){ .from = { 2, 0 }, .to = { { 10, i }, i } };
	for (uint64_t i = 0; i < VAIN; i++) {
		all[at++] =
			(struct continuation){ .from = { 20, i }, .to = { { 1, 0 }, 5 } };
		all[at++] = (struct continuation){ .from = { 20, i },
						   .to = { { 2, 0 }, UINT64_MAX } };
	}
	all[at++] = (struct continuation){ .from = { 30, 0 }, .to = { { 1, 0 }, 1 } };
	for (size_t i = 0; i < at; i++)
		all[i].order = i;
	ck_assert_int_eq(superseded_resolve(all, &at, &got, &n), 0);
	ck_assert_uint_eq(at, count);
	ck_assert_uint_eq(n, HUB + VAIN + 3);
	for (size_t i = 0; i < n; i++) {
		uint64_t expected = CURRENT_ALL;

		if (got[i].id[0] == 1)
			expected = 1;
		else if (got[i].id[0] == 10)
			expected = got[i].id[1];
		else if (got[i].id[0] == 20)
			expected = 0;
		ck_assert_uint_eq(got[i].upto, expected);
	}
	free(got);
	free(all);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("superseded");
	TCase *tc;

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
	tcase_add_test(tc, many_that_come_to_nothing_cost_no_more_than_their_size);
	tcase_add_test(tc, random_sessions_are_shown_as_a_model_shows_them);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
