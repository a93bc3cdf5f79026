/* SPDX-License-Identifier: Apache-2.0 */
/* Several threads over compacted tapes: cursors, the compactor, and readers beside it. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "search/ahead.h"
#include "search/query.h"
#include "search/slices.h"
#include "tape/compact.h"
#include "tests/damage/answers.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"
#include "tests/support/transcript.h"

static const struct tape_pos none;

static void
compact(uint32_t flags, unsigned jobs)
{
	struct tape_compact_options o = { .size = sizeof o,
					  .flags = flags,
					  .jobs = jobs };
	struct tape_error err = { 0 };

	ck_assert_msg(tape_compact(recording_dir, &o, NULL, &err) == 0, "%s %s", err.file,
		      err.message);
}

static void
put(struct tape *t, const char *label, int64_t number)
{
	struct tape_build *b = tape_build_begin(t, label);

	(void)tape_build_i64(b, "i", TAPE_NUL, number);
	(void)tape_build_i64(b, "square", TAPE_NUL, number * number);
	ck_assert_int_eq(tape_build_end(b), 0);
}

/* A session: numbers that repeat now and then, so that there are links. */
static void
record(int64_t from, int64_t to)
{
	struct tape *t = recording_open("sync=none");

	for (int64_t i = from; i < to; i++)
		put(t, i % 20 == 0 ? "rare" : "row", i % 7 == 0 ? i / 14 : i);
	ck_assert_int_eq(tape_close(t), 0);
}

static void
record_blobs(unsigned count)
{
	struct tape *t = recording_open("sync=none");

	for (unsigned i = 0; i < count; i++) {
		ck_assert_int_eq(recording_put_blob(t, i, i % 37, 100 + 700 * (i % 37)),
				 0);
		put(t, "row", i);
	}
	ck_assert_int_eq(tape_close(t), 0);
}

static const char *const queries[] = { "rare", "i=100..140", "_link=any i=..50",
				       "_seq=100..110 row", "square=1,4,9,16" };
#define QUERIES (sizeof queries / sizeof queries[0])

static void
compare_all(void)
{
	for (size_t i = 0; i < QUERIES; i++) {
		ck_assert_uint_gt(
			transcript_compare(recording_dir, queries[i], 0, none, none, 0),
			0);
		(void)transcript_compare(recording_dir, queries[i], TAPE_FIND_REVERSE,
					 none, none, 0);
	}
	(void)transcript_compare(recording_dir, "", TAPE_FIND_REVERSE, none, none, 100);
}

/* ---- cursors ---- */

START_TEST(any_number_of_jobs_gives_the_same_of_compacted_and_mixed_tapes)
{
	for (int64_t i = 0; i < 6; i++)
		record(i * 100, i * 100 + 150);
	transcript_tune(60, 3);
	compact(0, 1);
	compare_all();
	record(0, 300);
	record_blobs(20);
	compare_all();
	compact(0, 1);
	record(100, 180);
	compare_all();
	(void)transcript_compare(recording_dir, "", 0, none, none, 0);
	compact(TAPE_COMPACT_FULL, 1);
	compare_all();
}
END_TEST

/* Slices of blocks: a session of more than two, and more of another generation. */
START_TEST(any_number_of_jobs_gives_the_same_of_several_blocks)
{
	record(0, 140000);
	compact(0, 1);
	transcript_tune(65536, CHUNK_SCOPES);
	for (uint32_t flags = 0; flags <= TAPE_FIND_REVERSE; flags += TAPE_FIND_REVERSE) {
		ck_assert_uint_gt(transcript_compare(recording_dir, "i=1000..1100", flags,
						     none, none, 0),
				  0);
		(void)transcript_compare(recording_dir, "rare", flags, none, none, 50);
	}
}
END_TEST

START_TEST(damaged_packs_are_told_of_in_the_same_order)
{
	uint64_t seed = suite_seed();
	uint8_t *data;
	size_t size, at;

	for (int64_t i = 0; i < 4; i++)
		record(i * 100, i * 100 + 150);
	record_blobs(30);
	compact(0, 1);
	record(0, 200);
	compact(0, 1);
	transcript_tune(60, 3);
	list_files();
	for (size_t i = 0; i < path_count; i++) {
		if (!ends(paths[i], ".pack"))
			continue;
		data = load(paths[i], &size);
		for (unsigned k = 0; k < 3u / (unsigned)suite_step(3); k++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			at = (seed >> 20) % size;
			data[at] ^= 4;
			store(paths[i], data, size);
			(void)transcript_compare(recording_dir, "", 0, none, none, 0);
			(void)transcript_compare(recording_dir, "i=20..130",
						 TAPE_FIND_REVERSE, none, none, 0);
			data[at] ^= 4;
		}
		store(paths[i], data, size);
		free(data);
	}
}
END_TEST

static int
make_nothing(void *user, uint32_t thread, const struct tape_scope *scope,
	     struct tape_made *made)
{
	(void)user;
	(void)thread;
	(void)made;
	/* What it says is read while files may be replaced. */
	return tape_scope_var(scope, 0).value->type == TAPE_I64 ? 0 : -1000;
}

struct taking {
	uint64_t count, compact_at;
	struct tape_pos last;
	bool reverse;
	struct tape *grow; /* or NULL */
	uint64_t grown;
};

/* The next position, in the order of the walk; at one of them files are replaced. */
static void
take_position(struct taking *t, const struct tape_pos *pos)
{
	int order = tape_pos_compare(&t->last, pos);

	if (t->count != 0)
		ck_assert_int_eq(t->reverse ? order > 0 : order < 0, 1);
	t->last = *pos;
	if (++t->count == t->compact_at)
		compact(TAPE_COMPACT_FULL, 1);
	if (t->grow == NULL || t->count % 20 != 0)
		return;
	put(t->grow, "row", (int64_t)t->count);
	ck_assert_int_eq(tape_commit(t->grow), 0);
	t->grown++;
}

static int
take_and_compact(void *user, const struct tape_pos *pos, const void *data, size_t len)
{
	(void)data;
	(void)len;
	take_position(user, pos);
	return 0;
}

static int
take_one_by_one(struct tape_cursor *cursor, struct taking *t, struct tape_error *err)
{
	const struct tape_scope *scope;
	int r;

	while ((r = tape_cursor_next(cursor, &scope, err)) == 1) {
		struct tape_pos pos = tape_scope_pos(scope);

		ck_assert_int_eq(tape_scope_var(scope, 0).value->type, TAPE_I64);
		take_position(t, &pos);
	}
	return r;
}

static void
walk_replaced(uint32_t flags, bool one_by_one)
{
	struct tape_find_options how = { .size = sizeof how, .flags = flags, .jobs = 3 };
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	struct tape_error err = { 0 };

	transcript_tune(60, 3);
	ck_assert_int_eq(tape_query_compile("", &query, &err), 0);
	for (unsigned round = 0; round < 3; round++) {
		struct taking t = { .compact_at = 10 + 100 * round,
				    .reverse = (flags & TAPE_FIND_REVERSE) != 0 };
		int r;

		for (int64_t i = 0; i < 8; i++)
			record(0, 100);
		ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, &err), 0);
		ck_assert_int_eq(tape_find(reader, query, &how, &cursor, &err), 0);
		r = one_by_one ? take_one_by_one(cursor, &t, &err)
			       : tape_cursor_each(cursor, make_nothing, take_and_compact,
						  &t, &err);
		ck_assert_msg(r == 0, "%d %s", r, err.message);
		ck_assert_uint_eq(t.count, 800 * (round + 1));
		ck_assert_uint_eq(tape_reader_damage(reader), 0);
		tape_cursor_close(cursor);
		tape_reader_close(reader);
	}
	tape_query_free(query);
}

START_TEST(a_walk_goes_on_when_files_are_replaced)
{
	walk_replaced(0, false);
}
END_TEST

START_TEST(a_walk_goes_on_backward_when_files_are_replaced)
{
	walk_replaced(TAPE_FIND_REVERSE, false);
}
END_TEST

START_TEST(scopes_one_by_one_go_on_when_files_are_replaced)
{
	walk_replaced(0, true);
}
END_TEST

START_TEST(scopes_one_by_one_go_on_backward_when_files_are_replaced)
{
	walk_replaced(TAPE_FIND_REVERSE, true);
}
END_TEST

/* Once all has been counted, slices given are subtracted: it is the same as counting again. */
static void
count_left(const char *text, bool reverse)
{
	const struct slice_bounds bounds = { .reverse = reverse };
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct snapshot *snapshot = NULL;
	struct slices s;
	struct slice slice;
	uint8_t *answers;
	size_t count = 0;

	ck_assert_int_eq(tape_query_compile(text, &query, NULL), 0);
	ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, NULL), 0);
	ck_assert_int_eq(snapshot_take(reader, &snapshot, NULL), 0);
	answers = calloc(query->node_count, 1);
	slices_init(&s, snapshot, query, NULL, &bounds, answers, 60);
	do {
		struct slices again = s;

		again.counted = false;
		ck_assert_uint_eq(slices_left(&s, 1000000), slices_left(&again, 1000000));
		ck_assert(s.counted);
		ck_assert_uint_eq(slices_left(&s, 7), slices_left(&again, 7));
		count++;
	} while (slices_next(&s, &slice) == 1);
	ck_assert_uint_eq(slices_left(&s, 1), 0);
	ck_assert_uint_gt(count, 4);
	free(answers);
	snapshot_free(snapshot);
	tape_reader_close(reader);
	tape_query_free(query);
}

START_TEST(what_is_left_to_walk_is_counted_once)
{
	for (int64_t i = 0; i < 10; i++)
		record(0, i == 4 ? 500 : 30);
	compact(0, 1);
	for (int64_t i = 0; i < 10; i++)
		record(0, i == 4 ? 500 : 30);
	count_left("", false);
	count_left("", true);
	count_left("_seq=20..300 row", false);
	count_left("_seq=20..300 row", true);
}
END_TEST

/* ---- a tape that grows ---- */

static int
count_all(struct tape_reader *reader, const struct tape_query *query, uint64_t *count)
{
	struct tape_cursor *cursor = NULL;
	int r = tape_find(reader, query, NULL, &cursor, NULL);

	if (r == 0)
		r = tape_cursor_count(cursor, count, NULL);
	tape_cursor_close(cursor);
	return r;
}

/* What was there when the cursor was made is met, however the last segment grows meanwhile. */
static void
walk_growing(uint32_t flags, bool one_by_one)
{
	struct tape_find_options how = { .size = sizeof how, .flags = flags, .jobs = 3 };
	struct tape *t = recording_open("sync=none");
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	struct tape_error err = { 0 };
	uint64_t there = 0;

	transcript_tune(60, 3);
	ck_assert_int_eq(tape_query_compile("row", &query, &err), 0);
	ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, &err), 0);
	ck_assert_int_eq(count_all(reader, query, &there), 0);
	for (unsigned round = 0; round < 4; round++) {
		struct taking taken = { .grow = t,
					.reverse = (flags & TAPE_FIND_REVERSE) != 0 };
		int r;

		for (int64_t i = 0; i < 200; i++)
			put(t, "row", i);
		ck_assert_int_eq(tape_commit(t), 0);
		there += 200;
		ck_assert_int_eq(tape_find(reader, query, &how, &cursor, &err), 0);
		r = one_by_one ? take_one_by_one(cursor, &taken, &err)
			       : tape_cursor_each(cursor, make_nothing, take_and_compact,
						  &taken, &err);
		ck_assert_msg(r == 0, "%d %s", r, err.message);
		ck_assert_uint_eq(taken.count, there);
		tape_cursor_close(cursor);
		there += taken.grown;
	}
	ck_assert_uint_eq(tape_reader_damage(reader), 0);
	tape_reader_close(reader);
	tape_query_free(query);
	ck_assert_int_eq(tape_close(t), 0);
}

START_TEST(a_growing_segment_is_walked_as_it_was)
{
	walk_growing(0, false);
	walk_growing(0, true);
}
END_TEST

START_TEST(a_growing_segment_is_walked_backward_as_it_was)
{
	walk_growing(TAPE_FIND_REVERSE, false);
	walk_growing(TAPE_FIND_REVERSE, true);
}
END_TEST

/* Threads have their descriptors as the cursor has its own. */
static atomic_long calls;
static long fail_at;

static int
fail_one(void *user, enum os_call call, const char *file, size_t *limit)
{
	(void)user;
	(void)file;
	(void)limit;
	if (call != OS_READ && call != OS_OPEN)
		return 0;
	return atomic_fetch_add(&calls, 1) + 1 == fail_at ? EMFILE : 0;
}

START_TEST(a_call_that_fails_in_a_thread_is_no_damage)
{
	struct transcript whole = { .query = "", .jobs = 1 }, t;

	for (int64_t i = 0; i < 4; i++)
		record(i * 100, i * 100 + 150);
	compact(0, 1);
	record(0, 100);
	transcript_tune(60, 3);
	whole.dir = recording_dir;
	t = whole;
	t.jobs = 3;
	t.way = TRANSCRIPT_EACH;
	transcript_make(&whole);
	for (fail_at = 1; fail_at < 120; fail_at += 4) {
		atomic_store(&calls, 0);
		os_fault_set(fail_one, NULL);
		transcript_make(&t);
		os_fault_set(NULL, NULL);
		ck_assert_msg(t.damage == 0, "%ld %.600s", fail_at,
			      strstr(t.text, "damage"));
		if (t.status == 0)
			ck_assert_str_eq(t.text, whole.text);
	}
	transcript_release(&whole);
	transcript_release(&t);
}
END_TEST

/* ---- the compactor ---- */

START_TEST(a_compaction_by_several_threads_keeps_what_was_recorded)
{
	struct recording before, after;

	record_blobs(150);
	record(0, 3000);
	before = recording_read();
	compact(0, 2);
	record_blobs(60);
	compact(TAPE_COMPACT_FULL, 2);
	after = recording_read();
	ck_assert_uint_eq(before.count, 300 + 3000);
	ck_assert_uint_eq(after.count, before.count + 120);
	ck_assert_uint_eq(before.bad_blobs + after.bad_blobs, 0);
	ck_assert_uint_eq(before.damage + after.damage, 0);
	recording_release(&before);
	recording_release(&after);
}
END_TEST

/* ---- readers beside it ---- */

#define READERS 3u

struct beside {
	pthread_t thread;
	uint32_t jobs;
	atomic_bool *over;
	uint64_t walks, wrong;
};

static void *
read_beside(void *user)
{
	struct beside *b = user;
	struct transcript t = { .dir = recording_dir,
				.query = "rare",
				.jobs = b->jobs,
				.way = TRANSCRIPT_COUNT };

	do {
		transcript_make(&t);
		b->walks++;
		b->wrong += t.status != 0 || t.scopes != 400 || t.damage != 0;
	} while (!atomic_load(b->over));
	transcript_release(&t);
	return NULL;
}

START_TEST(readers_see_the_same_while_another_thread_compacts)
{
	struct beside readers[READERS] = { { .jobs = 0 } };
	atomic_bool over = false;

	for (int64_t i = 0; i < 4; i++)
		record(0, 2000);
	transcript_tune(60, 3);
	for (uint32_t i = 0; i < READERS; i++) {
		readers[i].jobs = i + 1;
		readers[i].over = &over;
		ck_assert_int_eq(pthread_create(&readers[i].thread, NULL, read_beside,
						&readers[i]),
				 0);
	}
	compact(0, 2);
	compact(TAPE_COMPACT_FULL, 2);
	atomic_store(&over, true);
	for (uint32_t i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		ck_assert_uint_gt(readers[i].walks, 0);
		ck_assert_uint_eq(readers[i].wrong, 0);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("packed_jobs");
	TCase *tcase = tcase_create("packed_jobs");

	tcase_set_timeout(tcase, 240);
	tcase_add_checked_fixture(tcase, recording_setup, recording_teardown);
	tcase_add_test(tcase,
		       any_number_of_jobs_gives_the_same_of_compacted_and_mixed_tapes);
	tcase_add_test(tcase, any_number_of_jobs_gives_the_same_of_several_blocks);
	tcase_add_test(tcase, damaged_packs_are_told_of_in_the_same_order);
	tcase_add_test(tcase, a_walk_goes_on_when_files_are_replaced);
	tcase_add_test(tcase, a_walk_goes_on_backward_when_files_are_replaced);
	tcase_add_test(tcase, scopes_one_by_one_go_on_when_files_are_replaced);
	tcase_add_test(tcase, scopes_one_by_one_go_on_backward_when_files_are_replaced);
	tcase_add_test(tcase, a_growing_segment_is_walked_as_it_was);
	tcase_add_test(tcase, a_growing_segment_is_walked_backward_as_it_was);
	tcase_add_test(tcase, what_is_left_to_walk_is_counted_once);
	tcase_add_test(tcase, a_call_that_fails_in_a_thread_is_no_damage);
	tcase_add_test(tcase, a_compaction_by_several_threads_keeps_what_was_recorded);
	tcase_add_test(tcase, readers_see_the_same_while_another_thread_compacts);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
