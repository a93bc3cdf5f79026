/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors with several threads over raw tapes, sound and damaged: what they give and tell is the same. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "search/ahead.h"
#include "tests/support/reading.h"
#include "tests/support/suite.h"
#include "tests/support/tmpdir.h"
#include "tests/support/transcript.h"

static const struct tape_pos none;

static const char *const queries[] = { "",     "y=100..400", "x=7,8,9..20", "_link=any",
				       "step", "not y=0..9", "_seq=50..300" };
#define QUERIES (sizeof queries / sizeof queries[0])

/* Frames of five scopes, one of them a link to the scope 40 before. */
static void
fill(unsigned frames)
{
	for (unsigned i = 0; i < frames; i++) {
		for (unsigned k = 0; k < 4; k++)
			put((double)(w.seq % 50), (int64_t)w.seq);
		if (w.seq > 41)
			(void)testwriter_link(&w, &form, w.seq - 40, 3);
		testwriter_group(&w);
	}
}

/* Six segments of a session; then another session, and a third of three scopes. */
static void
make_tape(void)
{
	uint8_t unknown[4] = { 1, 2, 3, 4 };
	uint64_t seq = 1;

	for (uint32_t number = 0; number < 6; number++) {
		begin(number, seq);
		testwriter_form(&w, &form);
		if (number != 3)
			fill(30);
		if (number == 1)
			testwriter_record(&w, 200, 0, unknown, sizeof unknown);
		put(1, (int64_t)w.seq);
		testwriter_record(&w, 201, 0, unknown, sizeof unknown);
		testwriter_group(&w);
		seq = w.seq;
		testwriter_end(&w, number == 5 ? END_CLOSED : END_ROLLED);
		save();
	}
	testwriter_begin(&w, testwriter_session_b, 0, false, 1);
	testwriter_first_group(&w, "none");
	testwriter_form(&w, &form);
	fill(60);
	testwriter_end(&w, END_CLOSED);
	save();
}

static void
compare_all(uint32_t flags)
{
	const struct tape_pos after = {
		{ testwriter_session_a[0], testwriter_session_a[1] }, 200
	};
	const struct tape_pos upto = {
		{ testwriter_session_b[0], testwriter_session_b[1] }, 77
	};

	for (size_t i = 0; i < QUERIES; i++)
		ck_assert_uint_gt(
			transcript_compare(dir, queries[i], flags, none, none, 0), 0);
	for (size_t i = 0; i < 2; i++) {
		(void)transcript_compare(dir, queries[i], flags, after, upto, 0);
		(void)transcript_compare(dir, queries[i], flags, none, none, 33);
	}
}

START_TEST(any_number_of_jobs_gives_the_same)
{
	static const uint64_t units[] = { 13, 150 };

	make_tape();
	for (unsigned i = 0; i < sizeof units / sizeof units[0]; i++) {
		transcript_tune(units[i], i % 2 == 0 ? 3 : CHUNK_SCOPES);
		compare_all(0);
		compare_all(TAPE_FIND_REVERSE);
	}
}
END_TEST

/* A large tape is cut into many slices, so that threads have their part of it. */
START_TEST(threads_do_the_work)
{
	struct transcript t = { .query = "y=3", .jobs = 4, .way = TRANSCRIPT_NEXT };

	make_tape();
	t.dir = dir;
	transcript_tune(13, 3);
	reader_tuning.most_threads = 0;
	transcript_make(&t);
	ck_assert_uint_eq(t.scopes, 2);
	/* Without threads a cursor does all of it. */
	reader_tuning.most_threads = 1;
	transcript_make(&t);
	ck_assert_uint_eq(t.scopes, 2);
	transcript_release(&t);
}
END_TEST

/* ---- damage ---- */

static char path[300];

static void
segment_path(const uint64_t session[2], uint32_t number)
{
	char id[TAPE_SESSION_TEXT];

	tape_session_text(session, id);
	(void)snprintf(path, sizeof path, "%s/sessions/%s/%06u.log", dir, id, number);
}

static size_t
load(uint8_t **data)
{
	FILE *f = fopen(path, "rb");
	long size;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
	size = ftell(f);
	*data = malloc((size_t)size + 1);
	ck_assert_ptr_nonnull(*data);
	rewind(f);
	ck_assert_uint_eq(fread(*data, 1, (size_t)size, f), (size_t)size);
	(void)fclose(f);
	return (size_t)size;
}

static void
store(const uint8_t *data, size_t size)
{
	FILE *f = fopen(path, "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, size, f), size);
	ck_assert_int_eq(fclose(f), 0);
}

static void
damage_segment(uint32_t number, uint64_t *seed)
{
	uint8_t *data;
	size_t size;

	segment_path(testwriter_session_a, number);
	size = load(&data);
	for (unsigned i = 0; i < 4; i++) {
		*seed = *seed * 6364136223846793005u + 1442695040888963407u;
		data[(*seed >> 20) % size] ^= (uint8_t)(1u << (*seed >> 60 & 7));
	}
	if ((*seed >> 33) % 3 == 0)
		size -= (*seed >> 40) % (size / 2);
	store(data, size);
	free(data);
}

static void
compare_damaged(void)
{
	for (size_t i = 0; i < 4; i += 3) {
		(void)transcript_compare(dir, queries[i], 0, none, none, 0);
		(void)transcript_compare(dir, queries[i], TAPE_FIND_REVERSE, none, none,
					 0);
	}
	(void)transcript_compare(dir, "", 0, none, none, 150);
}

START_TEST(damage_is_told_once_and_in_the_same_order)
{
	uint64_t seed = suite_seed();

	for (unsigned round = 0; round < 4u / (unsigned)suite_step(2); round++) {
		make_tape();
		for (uint32_t number = 0; number < 6; number++)
			if ((seed >> (number + 8) & 1) != 0)
				damage_segment(number, &seed);
		seed = seed * 6364136223846793005u + 1;
		transcript_tune(1 + (seed >> 40) % 100, 1 + (uint32_t)(seed >> 50) % 5);
		if (round % 2 == 1)
			reader_tuning.made_bytes = (seed >> 30) % 3 * 200;
		compare_damaged();
	}
}
END_TEST

START_TEST(a_missing_segment_and_forms_that_are_not_defined_are_told_once)
{
	struct form other;
	uint64_t seq = 1;

	make_form(&other, 2, "other");
	for (uint32_t number = 0; number < 4; number++) {
		begin(number, seq);
		testwriter_form(&w, &form);
		for (unsigned i = 0; i < 20; i++) {
			put(1, (int64_t)w.seq);
			(void)testwriter_scope(&w, &other,
					       (struct tape_value[]){ testwriter_f64(1),
								      testwriter_i64(2) },
					       NULL, 0);
			testwriter_group(&w);
		}
		seq = w.seq + (number == 2 ? 10 : 0);
		testwriter_end(&w, END_ROLLED);
		if (number == 1)
			testwriter_release(&w);
		else
			save();
	}
	form_release(&other);
	for (uint64_t units = 1; units < 100; units += 45) {
		transcript_tune(units, 2);
		(void)transcript_compare(dir, "", 0, none, none, 0);
		(void)transcript_compare(dir, "", TAPE_FIND_REVERSE, none, none, 0);
	}
}
END_TEST

/* ---- failures ---- */

static atomic_long calls;
static long fail_at;

static int
fail_one(void *user, enum os_call call, const char *file, size_t *limit)
{
	const int *error = user;

	(void)file;
	(void)limit;
	if (call != OS_READ && call != OS_OPEN)
		return 0;
	return atomic_fetch_add(&calls, 1) + 1 == fail_at ? *error : 0;
}

/* A cursor alone gives all of it whatever happens to one of its threads, or says what happened. */
START_TEST(a_call_that_fails_in_a_thread_loses_nothing_silently)
{
	struct transcript whole = { .query = "", .jobs = 1 },
			  t = { .query = "", .jobs = 3 };
	int error = EMFILE, failed = 0;

	make_tape();
	transcript_tune(13, 3);
	whole.dir = t.dir = dir;
	transcript_make(&whole);
	for (fail_at = 1 + suite_start(19); fail_at < 400; fail_at += 19) {
		error = fail_at % 2 == 0 ? EMFILE : EIO;
		t.way = fail_at % 4 < 2 ? TRANSCRIPT_NEXT : TRANSCRIPT_EACH;
		atomic_store(&calls, 0);
		os_fault_set(fail_one, &error);
		transcript_make(&t);
		os_fault_set(NULL, NULL);
		if (t.status == 0 && t.damage == 0 && t.notes == whole.notes)
			ck_assert_str_eq(t.text, whole.text);
		failed += t.status != 0 || t.damage != 0;
	}
	ck_assert_int_gt(failed, 0);
	transcript_release(&whole);
	transcript_release(&t);
}
END_TEST

/* Frames and tables, by one thread: so that no other is in the way. */
static long
reads_of(enum transcript_way way, size_t made_bytes)
{
	struct transcript t = { .dir = dir, .query = "step", .jobs = 3, .way = way };
	int nothing = 0;

	transcript_tune(150, CHUNK_SCOPES);
	reader_tuning.most_threads = 1;
	reader_tuning.made_bytes = made_bytes;
	fail_at = 0;
	atomic_store(&calls, 0);
	os_fault_set(fail_one, &nothing);
	transcript_make(&t);
	os_fault_set(NULL, NULL);
	transcript_release(&t);
	return atomic_load(&calls);
}

START_TEST(what_was_walked_over_is_not_read_again_to_make_something_of_it)
{
	long walk;

	make_tape();
	walk = reads_of(TRANSCRIPT_COUNT, 0);
	/* At once, but for frames before the first link; later, the session is opened once more. */
	ck_assert_int_le(reads_of(TRANSCRIPT_EACH, MADE_BYTES), walk + 15);
	ck_assert_int_le(reads_of(TRANSCRIPT_EACH, 0), walk + 100);
}
END_TEST

/* What was shared falls out before it is asked for; some is made at once, and some later. */
START_TEST(threads_that_have_little_room_find_the_same)
{
	static const size_t room[] = { 0, 700, 5000 };

	make_tape();
	for (unsigned i = 0; i < sizeof room / sizeof room[0]; i++) {
		transcript_tune(13, 3);
		reader_tuning.shared_bytes = room[i];
		reader_tuning.made_bytes = room[i] / 10;
		(void)transcript_compare(dir, "", 0, none, none, 0);
		(void)transcript_compare(dir, "y=100..400", TAPE_FIND_REVERSE, none, none,
					 0);
	}
}
END_TEST

START_TEST(threads_that_cannot_be_started_are_done_without)
{
	make_tape();
	for (uint32_t most = 0; most < 3; most++) {
		transcript_tune(13, 3);
		reader_tuning.most_threads = most;
		(void)transcript_compare(dir, "y=100..400", 0, none, none, 0);
	}
}
END_TEST

START_TEST(a_query_that_gives_up_says_so_with_any_number_of_jobs)
{
	struct transcript one = { .jobs = 1 }, many = { .jobs = 3 };
	char text[63];

	begin(0, 1);
	{
		const char *labels[] = { "t" };
		struct form_var var = {
			.name = "s", .name_len = 1, .unit = "", .type = TAPE_STR
		};
		struct form f;

		ck_assert_int_eq(
			form_build(9, "a.c", 1, "main", labels, 1, &var, 1, &f, NULL), 0);
		testwriter_form(&w, &f);
		memset(text, 'a', sizeof text - 1);
		text[60] = '!';
		text[sizeof text - 1] = 0;
		for (unsigned i = 0; i < 60; i++) {
			struct tape_value v = testwriter_text(i == 40 ? text : "aab");

			(void)testwriter_scope(&w, &f, &v, NULL, 0);
			testwriter_group(&w);
		}
		form_release(&f);
	}
	testwriter_end(&w, END_CLOSED);
	save();
	transcript_tune(5, 2);
	one.dir = many.dir = dir;
	one.query = many.query = "s~^(a+)+$";
	transcript_make(&one);
	transcript_make(&many);
	ck_assert_int_eq(one.status, TAPE_ERR_LIMIT);
	ck_assert_int_eq(many.status, TAPE_ERR_LIMIT);
	ck_assert_str_eq(one.text, many.text);
	transcript_release(&one);
	transcript_release(&many);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("jobs");
	TCase *tcase = tcase_create("jobs");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, reading_setup, reading_teardown);
	tcase_add_test(tcase, any_number_of_jobs_gives_the_same);
	tcase_add_test(tcase, threads_do_the_work);
	tcase_add_test(tcase, damage_is_told_once_and_in_the_same_order);
	tcase_add_test(tcase,
		       a_missing_segment_and_forms_that_are_not_defined_are_told_once);
	tcase_add_test(tcase, a_call_that_fails_in_a_thread_loses_nothing_silently);
	tcase_add_test(tcase,
		       what_was_walked_over_is_not_read_again_to_make_something_of_it);
	tcase_add_test(tcase, threads_that_have_little_room_find_the_same);
	tcase_add_test(tcase, threads_that_cannot_be_started_are_done_without);
	tcase_add_test(tcase, a_query_that_gives_up_says_so_with_any_number_of_jobs);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
