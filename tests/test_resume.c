/* SPDX-License-Identifier: Apache-2.0 */
/* Reading one's own tape back, and going on from there. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "format/os.h"
#include "format/tapedir.h"
#include "search/seenlook.h"
#include "tests/support/reads.h"
#include "tests/support/recording.h"
#include "tests/support/resuming.h"
#include "tests/support/suite.h"

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
		resuming_compact();
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
		resuming_compact();
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

static int
refuse(void *user, enum os_call call, const char *path, size_t *limit)
{
	const enum os_call *refused = user;

	(void)path;
	(void)limit;
	return call == *refused ? EIO : 0;
}

/* Not "there is none": whoever began anew would record everything again. */
START_TEST(a_tape_that_cannot_be_read_is_not_one_without_a_checkpoint)
{
	const char *const settings[] = { "sync=none commit_ms=86400000",
					 "sync=none commit=manual" };

	for (int i = 0; i < 4; i++) {
		struct tape *t = recording_open(settings[i % 2]);
		enum os_call refused = i < 2 ? OS_READDIR : OS_READ;
		int step = 7;

		checkpoint(t, 1);
		ck_assert_int_eq(tape_commit(t), 0);
		ck_assert_int_eq(tape_close(t), 0);
		t = recording_open(settings[i % 2]);
		ck_assert_int_eq(TAPE_RESTORE(t, "checkpoint", &step), 1);
		ck_assert_int_eq(step, 1);
		step = 7;
		os_fault_set(refuse, &refused);
		ck_assert_int_eq(TAPE_RESTORE(t, "checkpoint", &step), -1);
		os_fault_set(NULL, NULL);
		ck_assert_int_eq(step, 7);
		ck_assert_ptr_nonnull(strstr(tape_bind_error(), "cannot be read"));
		ck_assert_ptr_nonnull(strstr(tape_error(t), "TAPE_RESTORE"));
		/* Nor is what was restored before still meant. */
		ck_assert_uint_eq(tape_restored(t).seq, 0);
		ck_assert_int_eq(tape_resume(t), -1);
		ck_assert_int_eq(TAPE_RESTORE(t, "checkpoint", &step), 1);
		(void)tape_close(t);
		ck_assert_int_eq(system("rm -rf run.tape"), 0);
	}
}
END_TEST

static int
refuse_file(void *user, enum os_call call, const char *path, size_t *limit)
{
	size_t all = path ? strlen(path) : 0, last = strlen(user);

	(void)limit;
	return call == OS_OPEN && all >= last && strcmp(path + all - last, user) == 0
		       ? EACCES
		       : 0;
}

/* Whatever of a compacted tape it is that nobody may open. */
START_TEST(a_generation_that_cannot_be_read_is_not_one_without_a_checkpoint)
{
	static const char *const refused[] = { "live", "live/1", "MANIFEST",
					       "scopes.pack" };

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct tape *t = recording_open("sync=none commit_ms=86400000");
		int step = 7;

		checkpoint(t, 1);
		ck_assert_int_eq(tape_close(t), 0);
		resuming_compact();
		t = recording_open("sync=none commit_ms=86400000");
		os_fault_set(refuse_file, (void *)(uintptr_t)refused[i]);
		ck_assert_msg(TAPE_RESTORE(t, "checkpoint", &step) == -1, "%s",
			      refused[i]);
		os_fault_set(NULL, NULL);
		ck_assert_int_eq(step, 7);
		ck_assert_ptr_nonnull(strstr(tape_bind_error(), "cannot be read"));
		ck_assert_int_eq(TAPE_RESTORE(t, "checkpoint", &step), 1);
		(void)tape_close(t);
		ck_assert_int_eq(system("rm -rf run.tape"), 0);
	}
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
		ck_assert_str_eq(resuming_shown("row"), "");
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
	struct tape *t = resuming_session(NULL, 0, 5);
	const struct tape_scope *scope = NULL;
	struct tape_pos two = resuming_at(t, 2);
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
		resuming_compact();
		t = recording_open("sync=none");
	}
	ck_assert_int_eq(tape_latest(t, "i=", &scope), -1);
	ck_assert_ptr_nonnull(strstr(tape_error(t), "column"));
	ck_assert_int_eq(tape_at(t, "yesterday", &scope), -1);
	tape_close(t);
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
	ck_assert_str_eq(resuming_shown("row"), "1");
	tape_close(x);
	y = recording_open("sync=none");
	ck_assert_int_eq(TAPE_RESTORE(y, "checkpoint", &step), 1);
	ck_assert_int_eq(tape_resume(y), 0);
	recording_put(y, 2);
	tape_close(y);
	ck_assert_str_eq(resuming_shown("row"), "2");
	ck_assert_str_eq(resuming_all("row"), "1 2");
}
END_TEST

/* ---- TAPE_SEEN ---- */

static bool
done(struct tape *t, int a)
{
	return TAPE_SEEN(t, "done", a);
}

/* Else it would be skipped, and nobody would find it. */
START_TEST(what_is_superseded_has_not_been_seen)
{
	struct tape *t = recording_open("sync=none");
	struct tape_pos one = resuming_at(t, 1);

	for (int a = 1; a < 4; a++)
		TAPE(t, "done", a);
	ck_assert_int_eq(tape_close(t), 0);
	for (int packed = 0; packed < 3; packed++) {
		t = recording_open("sync=none");
		ck_assert_int_eq(tape_continue(t, one), 0);
		ck_assert(done(t, 1));
		/* 2 is done once more when the tape is compacted. */
		ck_assert(done(t, 2) == (packed == 2));
		ck_assert(!done(t, 3));
		if (packed == 1) {
			int a = 2;

			TAPE(t, "done", a);
			ck_assert_int_eq(tape_commit(t), 0);
			ck_assert(done(t, 2));
		}
		ck_assert_int_eq(tape_close(t), 0);
		resuming_compact();
	}
	t = recording_open("sync=none");
	ck_assert(done(t, 2));
	ck_assert(!done(t, 3));
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

/* The answer hangs on what is packed; of what is raw hints have told. */
START_TEST(what_is_superseded_and_packed_is_not_looked_for_in_all_that_is_raw)
{
	struct tape *t = recording_open("sync=none");
	struct tape_pos one = resuming_at(t, 1);
	unsigned before;

	for (int a = 1; a < 4; a++)
		TAPE(t, "done", a);
	ck_assert_int_eq(tape_close(t), 0);
	resuming_compact();
	os_fault_set(count_reads, NULL);
	t = recording_open("sync=none");
	ck_assert_int_eq(tape_continue(t, one), 0);
	for (int i = 0; i < 200000; i++)
		TAPE(t, "raw", i);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert(!done(t, 2));
	before = atomic_load(&reads);
	ck_assert(!done(t, 3));
	ck_assert(!done(t, 3));
	ck_assert_uint_lt(atomic_load(&reads) - before, 30);
	ck_assert_int_eq(tape_close(t), 0);
	os_fault_set(NULL, NULL);
}
END_TEST

/* Of a recorder that had seen it, when it goes on from before it. */
START_TEST(what_it_supersedes_itself_is_seen_no_more)
{
	struct tape *t = recording_open("sync=none");
	struct tape_pos one = resuming_at(t, 1);

	for (int a = 1; a < 4; a++)
		TAPE(t, "done", a);
	ck_assert_int_eq(tape_close(t), 0);
	for (int packed = 0; packed < 2; packed++) {
		t = recording_open("sync=none commit=manual");
		one.seq = packed ? 1 : 2;
		ck_assert(done(t, 2));
		ck_assert(done(t, 3) == (packed == 0));
		ck_assert_int_eq(tape_continue(t, one), 0);
		for (int i = 0; i < 2; i++) {
			ck_assert(done(t, 1));
			ck_assert(done(t, 2) == (packed == 0));
			ck_assert(!done(t, 3));
			recording_put(t, packed * 2 + i);
			ck_assert_int_eq(tape_commit(t), 0);
		}
		ck_assert_int_eq(tape_close(t), 0);
		resuming_compact();
	}
}
END_TEST

/* With an array of which the hash alone is kept, or one in a file that is lost. */
#define ARRAY ((size_t)1 << 17)
static double array[ARRAY];

static bool
done_with(struct tape *t, int a, bool hashed)
{
	array[0] = a;
	return hashed ? TAPE_SEEN(t, "done", a, TAPE_HASHED(array, ARRAY))
		      : TAPE_SEEN(t, "done", a, TAPE_BLOB(array, ARRAY));
}

static void
do_with(struct tape *t, int a, bool hashed)
{
	array[0] = a;
	if (hashed)
		TAPE(t, "done", a, TAPE_HASHED(array, ARRAY));
	else
		TAPE(t, "done", a, TAPE_BLOB(array, ARRAY));
}

/* Those that no generation has. */
static void
lose_blobs(void)
{
	char command[600];

	(void)snprintf(command, sizeof command,
		       "find '%s' -type f '(' -name '*.blob' -o -path '*/blobs/*' ')' "
		       "-print -delete | grep -q .",
		       recording_dir);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(what_is_superseded_is_not_seen_by_hashes_alone)
{
	for (int hashed = 0; hashed < 2; hashed++) {
		struct tape *t = recording_open("sync=none");
		struct tape_pos one = resuming_at(t, 1);

		for (int a = 1; a < 4; a++)
			do_with(t, 10 * hashed + a, hashed);
		ck_assert_int_eq(tape_close(t), 0);
		if (!hashed)
			lose_blobs();
		resuming_compact();
		t = recording_open("sync=none");
		for (int a = 1; a < 4; a++)
			ck_assert(done_with(t, 10 * hashed + a, hashed));
		ck_assert_int_eq(tape_continue(t, one), 0);
		for (int a = 1; a < 4; a++)
			ck_assert(done_with(t, 10 * hashed + a, hashed) == (a == 1));
		ck_assert_int_eq(tape_close(t), 0);
	}
}
END_TEST

/* The set of what was recorded lately keeps what is longer than a link. */
#define LONG "a text of some length, so that a link is shorter than the scope"

static bool
done_long(struct tape *t, int a)
{
	return TAPE_SEEN(t, "done", a, TAPE_AS("text", LONG));
}

/* By the recorder's own set, or by what it knows of the tape, once that is as old as it may be. */
START_TEST(what_others_supersede_is_seen_no_more)
{
	static const int64_t hour = INT64_C(3600000000000);
	const struct tape_find_options options = { .size = sizeof options };
	struct tape *x = recording_open("sync=none"), *y;
	struct tape_pos one = resuming_at(x, 1);
	struct tape_query *query = NULL;
	struct tape_reader *reader = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	struct seenlook *look = NULL;
	struct tape_error err = { 0 };
	struct tape_hash hash[4];
	struct tapedir dir;
	int64_t until = 0;

	for (int a = 1; a < 4; a++)
		TAPE(x, "done", a, TAPE_AS("text", LONG));
	ck_assert_int_eq(tape_commit(x), 0);
	ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, &err), 0);
	ck_assert_int_eq(tape_query_compile("done", &query, &err), 0);
	ck_assert_int_eq(tape_find(reader, query, &options, &cursor, &err), 0);
	for (int a = 1; a < 4; a++) {
		ck_assert_int_eq(tape_cursor_next(cursor, &scope, &err), 1);
		hash[a] = tape_scope_hash(scope);
	}
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	ck_assert_int_eq(tapedir_open(recording_dir, &dir, &err), 0);
	ck_assert_int_eq(seenlook_open(&dir, one.session, &look, &err), 0);
	for (int a = 1; a < 4; a++)
		ck_assert(seenlook_find(look, &hash[a], 4, 0));
	ck_assert_uint_eq(seenlook_counts(look, 0, &until), UINT64_MAX);
	ck_assert_int_gt(until, 0);
	y = recording_open("sync=none");
	ck_assert_int_eq(tape_continue(y, one), 0);
	for (int a = 1; a < 4; a++)
		ck_assert(seenlook_find(look, &hash[a], 4, hour) == (a == 1));
	ck_assert_uint_eq(seenlook_counts(look, hour, &until), 1);
	seenlook_close(look);
	tapedir_close(&dir);
	for (int a = 1; a < 4; a++)
		ck_assert(done_long(x, a) == (a == 1));
	ck_assert_int_eq(tape_close(y), 0);
	ck_assert_int_eq(tape_close(x), 0);
}
END_TEST

/* ---- runs that were killed ---- */

/* A process that restores with that dt, goes on, records and is killed. */
static void
killed_run(double dt, bool by_hand, int first, int checkpoints)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct tape *t = recording_open("sync=none");
		TAPE_WITH(t, dt);
		int step = 0;

		if (TAPE_RESTORE(t, "checkpoint", &step) != 1 ||
		    (by_hand ? tape_continue(t, tape_restored(t)) : tape_resume(t)) != 0)
			_exit(1);
		for (int i = 0; i < 2; i++)
			recording_put(t, first + i);
		for (int i = 0; i < checkpoints; i++)
			checkpoint(t, step + 1);
		if (tape_commit(t) == 0)
			(void)kill(getpid(), SIGKILL);
		_exit(1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* A checkpoint of each dt, the last thing that is recorded. */
static void
begin_runs(void)
{
	struct tape *t = recording_open("sync=none");

	recording_put(t, 1);
	{
		/* Both fit this one. */
		TAPE_WITH(t, TAPE_AS("dt", 0.1), TAPE_AS("dt2", 0.2));
		checkpoint(t, 1);
	}
	ck_assert_int_eq(tape_close(t), 0);
}

/* It goes on with that dt, and says whether there was a checkpoint. */
static void
final_run(double dt, int number, int expected_step)
{
	struct tape *t = recording_open("sync=none");
	TAPE_WITH(t, dt);
	int step = 0;

	ck_assert_int_eq(TAPE_RESTORE(t, "checkpoint", &step), 1);
	ck_assert_int_eq(step, expected_step);
	ck_assert_int_eq(tape_resume(t), 0);
	recording_put(t, number);
	ck_assert_int_eq(tape_close(t), 0);
}

START_TEST(what_came_to_nothing_is_superseded_by_the_next_try)
{
	for (int packed = 0; packed < 2; packed++) {
		begin_runs();
		killed_run(0.1, false, 10, 0);
		ck_assert_str_eq(resuming_shown("row"), "1 10 11");
		killed_run(0.1, false, 20, 0);
		ck_assert_str_eq(resuming_shown("row"), "1 20 21");
		if (packed)
			resuming_compact();
		killed_run(0.1, false, 30, 1);
		ck_assert_str_eq(resuming_shown("row"), "1 30 31");
		final_run(0.1, 40, 2);
		ck_assert_str_eq(resuming_shown("row"), "1 30 31 40");
		resuming_compact();
		ck_assert_str_eq(resuming_shown("row"), "1 30 31 40");
		ck_assert_str_eq(resuming_all("row"), "1 10 11 20 21 30 31 40");
		ck_assert_int_eq(system("rm -rf run.tape"), 0);
	}
}
END_TEST

/* Two continuations of one position are both shown, killed or not. */
START_TEST(a_branch_that_was_killed_is_shown_beside_the_next_one)
{
	for (int packed = 0; packed < 2; packed++) {
		begin_runs();
		/* Went on by hand from just there: nobody's vain try. */
		killed_run(0.1, true, 10, 0);
		if (packed)
			resuming_compact();
		final_run(0.1, 20, 1);
		ck_assert_str_eq(resuming_shown("row"), "1 10 11 20");
		ck_assert_int_eq(system("rm -rf run.tape"), 0);
	}
}
END_TEST

/* Under other sticky variables, with checkpoints of its own or without. */
START_TEST(another_request_is_another_branch)
{
	struct tape *t;
	int step = 0;

	begin_runs();
	killed_run(0.1, false, 10, 0);
	for (int packed = 0; packed < 2; packed++) {
		t = recording_open("sync=none");
		{
			TAPE_WITH(t, TAPE_AS("dt2", 0.2));
			ck_assert_int_eq(TAPE_RESTORE(t, "checkpoint", &step), 1);
			ck_assert_int_eq(tape_resume(t), 0);
			recording_put(t, 20 + packed);
		}
		ck_assert_int_eq(tape_close(t), 0);
		ck_assert_str_eq(resuming_shown("row"),
				 packed ? "1 10 11 20 21" : "1 10 11 20");
		resuming_compact();
	}
	/* In another order they are the same. */
	t = recording_open("sync=none");
	{
		TAPE_WITH(t, TAPE_AS("dt2", 0.2), TAPE_AS("dt", 0.1));
		ck_assert_int_eq(TAPE_RESTORE(t, "checkpoint", &step), 1);
		ck_assert_int_eq(tape_resume(t), 0);
		recording_put(t, 30);
	}
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_str_eq(resuming_shown("row"), "1 10 11 20 21 30");
	final_run(0.1, 40, 1);
	ck_assert_str_eq(resuming_shown("row"), "1 20 21 30 40");
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
	tcase_add_test(tc, a_tape_that_cannot_be_read_is_not_one_without_a_checkpoint);
	tcase_add_test(tc,
		       a_generation_that_cannot_be_read_is_not_one_without_a_checkpoint);
	tcase_add_test(tc, under_manual_commits_what_is_staged_is_found_and_stays_staged);
	tcase_add_test(tc, without_a_recorder_there_is_nothing);
	tcase_add_test(tc, latest_and_at_give_scopes_to_bind);
	tcase_add_test(tc, resume_goes_on_from_what_was_restored);
	tcase_add_test(tc, what_is_superseded_has_not_been_seen);
	tcase_add_test(
		tc, what_is_superseded_and_packed_is_not_looked_for_in_all_that_is_raw);
	tcase_add_test(tc, what_it_supersedes_itself_is_seen_no_more);
	tcase_add_test(tc, what_others_supersede_is_seen_no_more);
	tcase_add_test(tc, what_is_superseded_is_not_seen_by_hashes_alone);
	suite_add_tcase(suite, tc);
	tc = tcase_create("killed");
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, what_came_to_nothing_is_superseded_by_the_next_try);
	tcase_add_test(tc, a_branch_that_was_killed_is_shown_beside_the_next_one);
	tcase_add_test(tc, another_request_is_another_branch);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
