/* SPDX-License-Identifier: Apache-2.0 */
/* TAPE_SEEN: is a content on the tape already? And hints, which are never believed. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/block.h"
#include "format/hintfile.h"
#include "format/os.h"
#include "format/path.h"
#include "search/seenmake.h"
#include "tape/compact.h"
#include "tests/support/reads.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

#define SCOPES 200

static struct tape *t;

static void
put(int from, int to)
{
	for (int i = from; i < to; i++)
		TAPE(t, "row", i, TAPE_AS("x", 0.5 * i));
}

/* How many of them are seen. */
static int
seen(int from, int to)
{
	int n = 0;

	for (int i = from; i < to; i++)
		n += TAPE_SEEN(t, "row", i, TAPE_AS("x", 0.5 * i));
	return n;
}

static void
compact(void)
{
	struct tape_compact_options o = { .size = sizeof o, .jobs = 1 };
	struct tape_error err = { 0 };

	ck_assert_msg(tape_compact(recording_dir, &o, NULL, &err) == 0, "%s",
		      err.message);
}

START_TEST(what_was_committed_is_seen_and_what_is_staged_is_not)
{
	t = recording_open("sync=none commit=manual");
	put(1, 2);
	ck_assert_int_eq(seen(1, 2), 0);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_int_eq(seen(1, 2), 1);
	ck_assert_int_eq(seen(0, 1), 0);
	put(2, 3);
	ck_assert_int_eq(tape_discard(t), 0);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_int_eq(seen(2, 3), 0);
	ck_assert_int_eq(TAPE_SEEN(NULL, "row", 1), 0);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_int_eq(seen(1, 2), 0);
}
END_TEST

START_TEST(other_sessions_are_seen_raw_and_compacted)
{
	t = recording_open("sync=none");
	put(0, SCOPES);
	ck_assert_int_eq(tape_close(t), 0);
	for (int compacted = 0; compacted < 2; compacted++) {
		t = recording_open("sync=none");
		ck_assert_int_eq(seen(0, SCOPES), SCOPES);
		ck_assert_int_eq(seen(SCOPES, 2 * SCOPES), 0);
		ck_assert_int_eq(tape_close(t), 0);
		compact();
	}
	/* They have recorded nothing. */
	struct recording read = recording_read();

	ck_assert_uint_eq(read.count, SCOPES);
	recording_release(&read);
}
END_TEST

START_TEST(path_names_types_and_values_count)
{
	const char *s = "a text of more than sixty-four bytes, so that its hash alone is "
			"compared with others";
	double a[20] = { 1, 2 };
	int i = 1;

	t = recording_open("sync=none");
	{
		TAPE_LABEL(t, "run");
		TAPE_WITH(t, TAPE_AS("D", 0.5));
		TAPE(t, "x", i, s, a);
	}
	ck_assert_int_eq(tape_close(t), 0);
	t = recording_open("sync=none");
	ck_assert(!TAPE_SEEN(t, "x", i, s, a, TAPE_AS("D", 0.5)));
	TAPE_LABEL(t, "run");
	ck_assert(TAPE_SEEN(t, "x", a, s, i, TAPE_AS("D", 0.5)));
	ck_assert(!TAPE_SEEN(t, "x", i, s, a));
	ck_assert(!TAPE_SEEN(t, "x", i, s, a, TAPE_AS("D", 0.25)));
	ck_assert(!TAPE_SEEN(t, "x", TAPE_AS("i", 1u), s, a, TAPE_AS("D", 0.5)));
	ck_assert(!TAPE_SEEN(t, "y", i, s, a, TAPE_AS("D", 0.5)));
	a[19] = 3;
	ck_assert(!TAPE_SEEN(t, "x", i, s, a, TAPE_AS("D", 0.5)));
	a[19] = 0;
	/* Units and how a value is kept do not. */
	ck_assert(TAPE_SEEN(t, "x", TAPE_UNIT(i, "m"), s, TAPE_BLOB(a, 20),
			    TAPE_AS("D", 0.5)));
	ck_assert(TAPE_SEEN(t, "x", i, s, TAPE_HASHED(a, 20), TAPE_AS("D", 0.5)));
	{
		TAPE_WITH(t, TAPE_AS("D", 0.5));
		ck_assert(TAPE_SEEN(t, "x", i, s, a));
	}
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

START_TEST(what_add_keeps_is_asked_for_and_kept)
{
	int i = 1, j = 2;
	struct recording read;

	t = recording_open("sync=none commit=manual");
	TAPE(t, "x", i, j);
	ck_assert_int_eq(tape_commit(t), 0);
	TAPE_ADD(t, i);
	ck_assert(TAPE_SEEN(t, "x", j));
	ck_assert(TAPE_SEEN(t, "x", j));
	ck_assert(!TAPE_SEEN(t, "x"));
	TAPE(t, "x", TAPE_AS("k", 3));
	ck_assert(!TAPE_SEEN(t, "x", j));
	ck_assert_int_eq(tape_close(t), 0);
	read = recording_read();
	ck_assert_uint_eq(read.count, 2);
	ck_assert_uint_eq(recording_times(&read, 1), 2);
	recording_release(&read);
}
END_TEST

START_TEST(a_scope_in_pieces_can_be_asked_for)
{
	struct tape_build *b;

	t = recording_open("sync=none commit=manual");
	TAPE(t, "x", TAPE_AS("i", (int64_t)1), TAPE_AS("s", "text"));
	ck_assert_int_eq(tape_commit(t), 0);
	b = tape_build_begin(t, "x");
	(void)tape_build_i64(b, "i", TAPE_NUL, 1);
	ck_assert_int_eq(tape_build_seen(b), 0);
	(void)tape_build_str(b, "s", TAPE_NUL, "text", TAPE_NUL);
	ck_assert_int_eq(tape_build_seen(b), 1);
	(void)tape_build_i64(b, "k", TAPE_NUL, 1);
	ck_assert_int_eq(tape_build_seen(b), 0);
	ck_assert_int_eq(tape_build_end(b), 0);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_int_eq(tape_build_seen(NULL), 0);
	ck_assert(TAPE_SEEN(t, "x", TAPE_AS("i", (int64_t)1), TAPE_AS("s", "text"),
			    TAPE_AS("k", (int64_t)1)));
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

START_TEST(parts_of_other_scopes_are_seen_in_segments)
{
	int i = 1, j = 2, k = 3;

	t = recording_open("sync=none commit=manual dedup=subset");
	TAPE(t, "x", i, j);
	TAPE(t, "x", i, j, k);
	ck_assert_int_eq(tape_close(t), 0);
	for (int compacted = 0; compacted < 2; compacted++) {
		t = recording_open("sync=none");
		ck_assert(TAPE_SEEN(t, "x", i, j));
		ck_assert(TAPE_SEEN(t, "x", i, j, k));
		ck_assert(!TAPE_SEEN(t, "x", i, k));
		ck_assert_int_eq(tape_close(t), 0);
		compact();
	}
}
END_TEST

/* More than the set of the last contents holds, short ones, and those that it is not told of. */
START_TEST(all_that_its_own_session_has_committed_is_seen_at_once)
{
	static const char *const settings[] = { "sync=none commit=manual",
						"sync=none commit=manual dedup=off" };

	for (int k = 0; k < 2; k++) {
		t = recording_open(settings[k]);
		for (int round = 0; round < 3; round++) {
			int from = (3 * k + round) * 20000;

			ck_assert_int_eq(seen(from, from + 20), 0);
			put(from, from + 20000);
			TAPE(t, "short", round);
			ck_assert_int_eq(tape_commit(t), 0);
			ck_assert(TAPE_SEEN(t, "short", round));
			ck_assert_int_eq(seen(3 * k * 20000, from + 20000),
					 (round + 1) * 20000);
		}
		ck_assert_int_eq(tape_close(t), 0);
	}
}
END_TEST

START_TEST(a_scope_is_seen_after_each_of_many_commits)
{
	t = recording_open("sync=none commit=manual dedup=off");
	for (int i = 0; i < 2000; i++) {
		ck_assert_int_eq(seen(i, i + 1), 0);
		put(i, i + 1);
		ck_assert_int_eq(tape_commit(t), 0);
		ck_assert_int_eq(seen(i, i + 1), 1);
	}
	ck_assert_int_eq(seen(0, 2000), 2000);
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

/* The fewest reads of a question behind a commit: now and then it is a look at all sessions. */
static unsigned
reads_of_a_miss(int from, int to)
{
	unsigned least = UINT_MAX;

	for (int i = from; i < to; i++) {
		unsigned before;

		put(i, i + 1);
		ck_assert_int_eq(tape_commit(t), 0);
		before = atomic_load(&reads);
		ck_assert_int_eq(seen(1000000 + i, 1000001 + i), 0);
		if (atomic_load(&reads) - before < least)
			least = atomic_load(&reads) - before;
	}
	return least;
}

START_TEST(a_question_behind_a_commit_costs_no_more_in_a_long_session)
{
	unsigned first, last;

	os_fault_set(count_reads, NULL); /* while there is no thread but this one */
	t = recording_open("sync=none commit=manual dedup=off");
	first = reads_of_a_miss(0, 100);
	for (int i = 100; i < 3000; i++) {
		put(i, i + 1);
		ck_assert_int_eq(tape_commit(t), 0);
	}
	last = reads_of_a_miss(3000, 3050);
	ck_assert_uint_gt(first, 0);
	ck_assert_uint_le(last, first + 2);
	ck_assert_int_eq(seen(0, 3050), 3050);
	ck_assert_int_eq(tape_close(t), 0);
	os_fault_set(NULL, NULL);
}
END_TEST

/* The segment of the first session, longer than it is by zeros. */
static void
make_large(off_t size)
{
	struct tapedir_session *sessions = NULL;
	struct tape_error err = { 0 };
	char path[400], name[PATH_SEGMENT_TEXT];
	struct tapedir dir;
	size_t count = 0;

	ck_assert_int_eq(tapedir_open(recording_dir, &dir, &err), 0);
	ck_assert_int_eq(tapedir_list(&dir, &sessions, &count, &err), 0);
	ck_assert_uint_eq(count, 1);
	path_segment(0, false, name);
	(void)snprintf(path, sizeof path, "%s/%s/%s", recording_dir, sessions[0].path,
		       name);
	ck_assert_int_eq(truncate(path, size), 0);
	tapedir_free_sessions(sessions, count);
	tapedir_close(&dir);
}

/* It uses up all that may be read of others. */
START_TEST(what_others_have_takes_nothing_from_its_own_session)
{
	int n = 0;

	t = recording_open("sync=none");
	put(0, SCOPES);
	ck_assert_int_eq(tape_close(t), 0);
	make_large(((off_t)64 << 20) - 1024);
	t = recording_open("sync=none commit=manual");
	ck_assert_int_eq(seen(0, SCOPES), SCOPES);
	/* The set of what was recorded lately does not keep what is as short as a link. */
	for (int i = 0; i < 1000; i++)
		TAPE(t, "short", i);
	ck_assert_int_eq(tape_commit(t), 0);
	for (int i = 0; i < 1000; i++)
		n += TAPE_SEEN(t, "short", i);
	ck_assert_int_eq(n, 1000);
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

static void *
ask_and_record(void *user)
{
	int from = (int)(intptr_t)user * SCOPES;

	for (int i = from; i < from + SCOPES; i++) {
		ck_assert_int_eq(seen(i + 1000000, i + 1000001), 0);
		put(i, i + 1);
	}
	return NULL;
}

START_TEST(threads_may_ask_while_others_record)
{
	pthread_t threads[3];

	t = recording_open("sync=none");
	put(0, 10);
	ck_assert_int_eq(tape_close(t), 0);
	t = recording_open("sync=none");
	for (intptr_t i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_and_record,
						(void *)(i + 1)),
				 0);
	ck_assert_int_eq(seen(0, 10), 10);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

/* Some of 4 x 64 contents in each of six sessions, compacted now and then. */
START_TEST(what_is_seen_is_what_was_recorded)
{
	static const char *const labels[] = { "a", "b", "c", "d" };
	bool before[4][64] = { 0 }, recorded[4][64] = { 0 };

	srand(suite_seed());
	for (int n = 0; n < 6; n++) {
		t = recording_open(n % 2 ? "sync=none" : "sync=none dedup=off");
		for (int k = 0; k < 120; k++) {
			int label = rand() % 4, i = rand() % 64;
			double y = i / 8;
			int is = TAPE_SEEN(t, labels[label], i, y);

			/* A look at other sessions may come between the two. */
			ck_assert_int_ge(TAPE_SEEN(t, labels[label], y, i), is);
			ck_assert(!is || recorded[label][i]);
			ck_assert(is || !before[label][i]);
			if (rand() % 3 == 0) {
				TAPE(t, labels[label], i, y);
				recorded[label][i] = true;
			}
		}
		ck_assert_int_eq(tape_close(t), 0);
		memcpy(before, recorded, sizeof before);
		if (rand() % 2)
			compact();
	}
}
END_TEST

/* ---- hints ---- */

static struct tapedir tape;
static uint64_t session[2];
static char hint_path[400];

/* A closed session of SCOPES scopes, and a hint of its segment. */
static void
make_hint(void)
{
	struct tapedir_session *sessions = NULL;
	struct tape_error err = { 0 };
	char name[PATH_SEGMENT_TEXT];
	size_t count = 0;

	t = recording_open("sync=none");
	put(0, SCOPES);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_int_eq(tapedir_open(recording_dir, &tape, &err), 0);
	ck_assert_int_eq(tapedir_list(&tape, &sessions, &count, &err), 0);
	ck_assert_uint_eq(count, 1);
	memcpy(session, sessions[0].id, sizeof session);
	ck_assert_int_eq(seenmake_hint(&tape, session, 0, 1, SCOPES + 1, &err), 0);
	path_hint(0, name);
	(void)snprintf(hint_path, sizeof hint_path, "%s/%s/%s", recording_dir,
		       sessions[0].path, name);
	tapedir_free_sessions(sessions, count);
}

static atomic_bool refuse;

static int
refuse_one_write(void *user, enum os_call call, const char *path, size_t *limit)
{
	(void)user;
	(void)path;
	(void)limit;
	return call == OS_WRITE && atomic_exchange(&refuse, false) ? EIO : 0;
}

#define SEGMENTS 5

/* A closed session whose segment n has scopes from n * SCOPES on. */
static void
make_segments(void)
{
	struct tapedir_session *sessions = NULL;
	struct tape_error err = { 0 };
	size_t count = 0;

	os_fault_set(refuse_one_write, NULL);
	t = recording_open("sync=none commit=manual");
	for (int n = 0; n < SEGMENTS; n++) {
		atomic_store(&refuse, n > 0);
		put(n * SCOPES, (n + 1) * SCOPES);
		ck_assert_int_eq(tape_commit(t), 0);
	}
	ck_assert_int_eq(tape_close(t), 0);
	os_fault_set(NULL, NULL);
	ck_assert_int_eq(tapedir_open(recording_dir, &tape, &err), 0);
	ck_assert_int_eq(tapedir_list(&tape, &sessions, &count, &err), 0);
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(sessions[0].log_count, SEGMENTS);
	memcpy(session, sessions[0].id, sizeof session);
	(void)snprintf(hint_path, sizeof hint_path, "%s/%s", recording_dir,
		       sessions[0].path);
	tapedir_free_sessions(sessions, count);
}

static void
hint_segment(uint32_t number)
{
	struct tape_error err = { 0 };

	ck_assert_int_eq(seenmake_hint(&tape, session, number, number * SCOPES + 1,
				       (number + 1) * SCOPES + 1, &err),
			 0);
}

/* One that says that there is nothing: it shows that the segment is not read. */
static void
empty_hint(uint32_t number)
{
	struct hintfile none = { .first_seq = number * SCOPES + 1,
				 .next_seq = (number + 1) * SCOPES + 1 };
	char path[500], name[PATH_SEGMENT_TEXT];
	uint8_t *data = NULL;
	size_t len = 0;
	FILE *f;

	memcpy(none.id.tape, tape.id, sizeof none.id.tape);
	memcpy(none.id.session, session, sizeof none.id.session);
	none.id.number = number;
	ck_assert_int_eq(hintfile_make(&none, NULL, &data, &len), 0);
	path_hint(number, name);
	(void)snprintf(path, sizeof path, "%s/%s", hint_path, name);
	f = fopen(path, "wbe");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
	free(data);
}

/* How many of each segment are seen. */
static void
expect_seen(const int (*expected)[SEGMENTS])
{
	t = recording_open("sync=none");
	for (int n = 0; n < SEGMENTS; n++)
		ck_assert_int_eq(seen(n * SCOPES, (n + 1) * SCOPES),
				 (*expected)[n] * SCOPES);
	ck_assert_int_eq(seen(SEGMENTS * SCOPES, SEGMENTS * SCOPES + 50), 0);
	ck_assert_int_eq(tape_close(t), 0);
}

START_TEST(each_ended_segment_answers_by_its_hint_or_is_read)
{
	make_segments();
	expect_seen(&(const int[SEGMENTS]){ 1, 1, 1, 1, 1 });
	hint_segment(0);
	hint_segment(1);
	hint_segment(3);
	expect_seen(&(const int[SEGMENTS]){ 1, 1, 1, 1, 1 });
	empty_hint(1);
	empty_hint(3);
	expect_seen(&(const int[SEGMENTS]){ 1, 0, 1, 0, 1 });
	empty_hint(0);
	empty_hint(4);
	expect_seen(&(const int[SEGMENTS]){ 0, 0, 1, 0, 0 });
	tapedir_close(&tape);
}
END_TEST

/* Hints that come while it is asked, over what was read before. */
START_TEST(a_roll_over_takes_nothing_from_what_is_seen)
{
	int done = 0;

	os_fault_set(refuse_one_write, NULL);
	t = recording_open("sync=none commit=manual dedup=off");
	for (uint32_t n = 0; n < SEGMENTS; n++) {
		struct tapedir_session *sessions = NULL;
		struct tape_error err = { 0 };
		size_t count = 0;

		ck_assert_int_eq(seen(done, done + 1), 0);
		for (int round = 0; round < 3; round++) {
			put(done, done + SCOPES / 2);
			done += SCOPES / 2;
			atomic_store(&refuse, round == 0 && n > 0);
			ck_assert_int_eq(tape_commit(t), 0);
			ck_assert_int_eq(seen(0, done), done);
		}
		ck_assert_int_eq(tapedir_open(recording_dir, &tape, &err), 0);
		ck_assert_int_eq(tapedir_list(&tape, &sessions, &count, &err), 0);
		ck_assert_uint_eq(sessions[0].log_count, n + 1);
		/* The one before has ended. */
		if (n > 0)
			ck_assert_int_eq(seenmake_hint(&tape, sessions[0].id, n - 1,
						       (n - 1) * (3 * SCOPES / 2) + 1,
						       n * (3 * SCOPES / 2) + 1, &err),
					 0);
		tapedir_free_sessions(sessions, count);
		tapedir_close(&tape);
	}
	ck_assert_int_eq(seen(0, done), done);
	ck_assert_int_eq(tape_close(t), 0);
	os_fault_set(NULL, NULL);
}
END_TEST

/* How many of SCOPES are seen with these bytes for a hint; no other may be. */
static int
seen_with(const void *data, size_t len)
{
	FILE *f = fopen(hint_path, "wbe");
	int n;

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
	t = recording_open("sync=none");
	n = seen(0, SCOPES);
	ck_assert_int_eq(seen(SCOPES, SCOPES + 50), 0);
	ck_assert_int_eq(tape_close(t), 0);
	return n;
}

static uint8_t *
read_hint(size_t *len)
{
	static uint8_t data[1 << 16];
	FILE *f = fopen(hint_path, "rbe");

	ck_assert_ptr_nonnull(f);
	*len = fread(data, 1, sizeof data, f);
	(void)fclose(f);
	return data;
}

START_TEST(a_hint_answers_for_its_segment)
{
	struct hintfile none = { .first_seq = 1, .next_seq = SCOPES + 1 };
	uint8_t *data, *empty = NULL;
	size_t len, empty_len = 0;

	make_hint();
	data = read_hint(&len);
	ck_assert_uint_eq(len, HINTFILE_HEADER + SCOPES * HINTFILE_ENTRY);
	ck_assert_int_eq(seen_with(data, len), SCOPES);
	/* One that says that there is nothing is taken at its word: a no may be wrong. */
	memcpy(none.id.tape, tape.id, sizeof none.id.tape);
	memcpy(none.id.session, session, sizeof none.id.session);
	ck_assert_int_eq(hintfile_make(&none, NULL, &empty, &empty_len), 0);
	ck_assert_int_eq(seen_with(empty, empty_len), 0);
	/* Of another segment, it is none, and the segment is read. */
	none.id.number = 1;
	free(empty);
	ck_assert_int_eq(hintfile_make(&none, NULL, &empty, &empty_len), 0);
	ck_assert_int_eq(seen_with(empty, empty_len), SCOPES);
	free(empty);
	ck_assert_int_eq(unlink(hint_path), 0);
	t = recording_open("sync=none");
	ck_assert_int_eq(seen(0, SCOPES), SCOPES);
	ck_assert_int_eq(tape_close(t), 0);
	tapedir_close(&tape);
}
END_TEST

START_TEST(a_torn_or_damaged_hint_gives_no_wrong_yes)
{
	uint8_t *data;
	size_t len;

	make_hint();
	data = read_hint(&len);
	for (size_t cut = 0; cut < len; cut += cut < 100 ? 7 : 151)
		ck_assert_int_eq(seen_with(data, cut), SCOPES);
	srand(suite_seed());
	for (int i = 0; i < 40; i++) {
		size_t at = (size_t)rand() % (i % 2 ? len : HINTFILE_HEADER);
		uint8_t bit = (uint8_t)(1u << rand() % 8);

		data[at] ^= bit;
		/* In the header it is noticed; an entry that leads nowhere is not found. */
		ck_assert_int_ge(seen_with(data, len),
				 at < HINTFILE_HEADER ? SCOPES : SCOPES - 2);
		data[at] ^= bit;
	}
	tapedir_close(&tape);
}
END_TEST

/* What is asked for is said to be there, at the seq of something else. */
START_TEST(a_forged_hint_gives_no_wrong_yes)
{
	struct hintfile forged = { .first_seq = 1, .next_seq = SCOPES + 1 };
	uint64_t entries[SCOPES];
	uint8_t *other, *made = NULL;
	size_t len, made_len = 0;
	char first_path[400];

	make_hint();
	(void)snprintf(first_path, sizeof first_path, "%s", hint_path);
	other = read_hint(&len);
	/* Its own prints, each at the seq of another scope. */
	for (size_t i = 0; i < SCOPES; i++) {
		uint64_t entry;

		memcpy(&entry, other + HINTFILE_HEADER + i * HINTFILE_ENTRY,
		       sizeof entry);
		entries[i] = (entry & ~(uint64_t)0xffffff) | (entry + 1) % SCOPES;
	}
	memcpy(forged.id.tape, tape.id, sizeof forged.id.tape);
	memcpy(forged.id.session, session, sizeof forged.id.session);
	forged.count = SCOPES;
	ck_assert_int_eq(hintfile_make(&forged, entries, &made, &made_len), 0);
	ck_assert_int_le(seen_with(made, made_len), 2);
	free(made);
	/* Unordered, repeated, and beyond all seqs. */
	for (size_t i = 0; i < SCOPES; i++)
		entries[i] = (uint64_t)rand() << 40 | (i % 3 ? 0xffffff : i);
	ck_assert_int_eq(hintfile_make(&forged, entries, &made, &made_len), 0);
	for (size_t i = HINTFILE_HEADER; i < made_len; i++)
		made[i] = (uint8_t)rand();
	(void)seen_with(made, made_len);
	free(made);
	tapedir_close(&tape);
}
END_TEST

START_TEST(hints_go_with_their_segments)
{
	make_hint();
	ck_assert_uint_eq(recording_files("sessions"), 3);
	compact();
	ck_assert_uint_eq(recording_files("sessions"), 0);
	t = recording_open("sync=none");
	ck_assert_int_eq(seen(0, SCOPES), SCOPES);
	ck_assert_int_eq(tape_close(t), 0);
	tapedir_close(&tape);
}
END_TEST

START_TEST(a_segment_that_is_full_gets_a_hint)
{
	double a[500] = { 0 };
	int from = 0;

	/* Large scopes: few entries. */
	t = recording_open("sync=none dedup=off inline_max=64K");
	for (int i = 0; i < 17000; i++) {
		a[0] = i;
		TAPE(t, "big", a);
	}
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(recording_files("sessions"), 4);
	t = recording_open("sync=none inline_max=64K");
	for (int i = 0; i < 17000; i += 1000) {
		a[0] = i;
		from += TAPE_SEEN(t, "big", a);
		a[0] = -1 - i;
		ck_assert(!TAPE_SEEN(t, "big", a));
	}
	ck_assert_int_eq(from, 17);
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

static Suite *
seen_suite(void)
{
	Suite *suite = suite_create("seen");
	TCase *tc = tcase_create("seen");

	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, what_was_committed_is_seen_and_what_is_staged_is_not);
	tcase_add_test(tc, other_sessions_are_seen_raw_and_compacted);
	tcase_add_test(tc, path_names_types_and_values_count);
	tcase_add_test(tc, what_add_keeps_is_asked_for_and_kept);
	tcase_add_test(tc, a_scope_in_pieces_can_be_asked_for);
	tcase_add_test(tc, parts_of_other_scopes_are_seen_in_segments);
	tcase_add_test(tc, all_that_its_own_session_has_committed_is_seen_at_once);
	tcase_add_test(tc, a_scope_is_seen_after_each_of_many_commits);
	tcase_add_test(tc, what_others_have_takes_nothing_from_its_own_session);
	tcase_add_test(tc, a_question_behind_a_commit_costs_no_more_in_a_long_session);
	tcase_add_test(tc, each_ended_segment_answers_by_its_hint_or_is_read);
	tcase_add_test(tc, a_roll_over_takes_nothing_from_what_is_seen);
	tcase_add_test(tc, threads_may_ask_while_others_record);
	tcase_add_test(tc, what_is_seen_is_what_was_recorded);
	tcase_add_test(tc, a_hint_answers_for_its_segment);
	tcase_add_test(tc, a_torn_or_damaged_hint_gives_no_wrong_yes);
	tcase_add_test(tc, a_forged_hint_gives_no_wrong_yes);
	tcase_add_test(tc, hints_go_with_their_segments);
	tcase_add_test(tc, a_segment_that_is_full_gets_a_hint);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	return suite_run(seen_suite());
}
