/* SPDX-License-Identifier: Apache-2.0 */
/* Results under keys: what goes wrong, and what is not taken for a result. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "librecord/recorder.h"
#include "tape/record.h"
#include "tests/support/caching.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

/* ---- misses ---- */

START_TEST(a_miss_leaves_outputs_as_they_were)
{
	struct tape *t = recording_open(ASLEEP);
	double yield = 7, two[2] = { 1, 2 }, three[3] = { 5, 5, 5 };
	float narrow = 7;
	signed char small = 7;
	int large = 1000;
	char text[4] = "abc";

	ck_assert_int_eq(TAPE_RECALL(t, key_of(1), &yield), 0);
	ck_assert(yield == 7);
	for (int i = 0; i < 2; i++) {
		/* A buffer of another size, a type that cannot hold it, a text too long. */
		ck_assert_int_eq(TAPE_STORE(t, key_of(2), yield, two), i == 0);
		ck_assert_int_eq(TAPE_RECALL(t, key_of(2), &yield,
					     TAPE_AS("two", TAPE_ARRAY(three, 3))),
				 0);
		ck_assert(three[0] == 5 && yield == 7);
		ck_assert_int_eq(TAPE_STORE(t, key_of(3), yield), i == 0);
		ck_assert_int_eq(TAPE_RECALL(t, key_of(3), TAPE_AS("yield", &narrow)), 0);
		ck_assert(narrow == 7);
		ck_assert_int_eq(TAPE_STORE(t, key_of(4), large), i == 0);
		ck_assert_int_eq(TAPE_RECALL(t, key_of(4), TAPE_AS("large", &small)), 0);
		ck_assert(small == 7);
		ck_assert_int_eq(TAPE_STORE(t, key_of(5), TAPE_AS("text", "too long")),
				 i == 0);
		ck_assert_int_eq(TAPE_RECALL(t, key_of(5), text), 0);
		ck_assert_str_eq(text, "abc");
	}
	ck_assert_int_eq(tape_close(t), 0);
	/* Each is said once. */
	ck_assert_uint_eq(warnings("is not used, it is computed again"), 4);
	ck_assert_uint_eq(warnings("does not fit the 1 bytes"), 1);
}
END_TEST

START_TEST(a_type_that_changed_is_a_miss_and_the_first_result_holds)
{
	struct tape *t = recording_open(ASLEEP);
	float single = 1.5f, s = 0;
	double d = 0;

	ck_assert_int_eq(TAPE_STORE(t, key_of(1), TAPE_AS("x", single)), 1);
	ck_assert_int_eq(tape_close(t), 0);
	t = recording_open(ASLEEP);
	/* A float is a double that it is. */
	ck_assert_int_eq(TAPE_RECALL(t, key_of(1), &d), 1);
	ck_assert(d == 1.5);
	int n = 3, got = 0;
	ck_assert_int_eq(TAPE_RECALL(t, key_of(1), &got), 0);
	ck_assert_int_eq(TAPE_STORE(t, key_of(1), TAPE_AS("x", n)), 0);
	ck_assert_int_eq(TAPE_RECALL(t, key_of(1), &s), 1);
	ck_assert(s == 1.5f && got == 0);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(warnings("is an f32 on the tape"), 1);
}
END_TEST

START_TEST(an_output_that_is_nowhere_is_a_miss_each_time)
{
	struct tape *t = recording_open(ASLEEP);
	double got = 0;

	store_number(t, 1, 2);
	for (int i = 0; i < 6; i++) {
		double *yield = i == 3 ? NULL : &got;
		int hit = TAPE_RECALL(t, key_of(1), yield);

		ck_assert_int_eq(hit, i != 3);
	}
	ck_assert(got == 2);
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

START_TEST(a_result_that_is_too_large_for_a_scope_is_not_stored)
{
	size_t size = (size_t)33 << 20;
	unsigned char *data = calloc(1, size);
	struct tape *t = recording_open(ASLEEP);

	t->conf.inline_max = size;
	for (int i = 0; i < 2; i++) {
		int stored =
			TAPE_STORE(t, key_of(1), TAPE_AS("x", TAPE_ARRAY(data, size)));

		ck_assert_int_eq(stored, 0);
		ck_assert_int_eq(tape_cache_has(t, key_of(1), NULL), 0);
	}
	store_number(t, 1, 3);
	ck_assert(number(t, 1) == 3);
	(void)tape_close(t);
	free(data);
}
END_TEST

START_TEST(without_a_recorder_everything_is_computed)
{
	struct tape *t = recording_open(ASLEEP), *closed = t;
	double yield = 3;

	store_number(t, 1, 2);
	ck_assert(number(NULL, 1) == -1);
	ck_assert_int_eq(TAPE_STORE(NULL, key_of(1), yield), 0);
	ck_assert_int_eq(tape_cache_has(NULL, key_of(1), NULL), 0);
	ck_assert_int_eq(tape_cache_drop(NULL, key_of(1)), 0);
	tape_refresh(NULL);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert(number(closed, 1) == -1);
	ck_assert_int_eq(TAPE_STORE(closed, key_of(2), yield), 0);
	tape_refresh(closed);
}
END_TEST

static unsigned errors;

static void
count_error(void *user, const char *message)
{
	(void)user;
	(void)message;
	errors++;
}

START_TEST(a_tape_that_cannot_be_written_is_said_once_and_everything_is_computed)
{
	struct tape *t = recording_open(ASLEEP);
	struct tape_options options = { .size = sizeof options, .on_error = count_error };

	store_number(t, 1, 2);
	ck_assert_int_eq(tape_close(t), 0);
	if (geteuid() == 0) {
		/* Root may write anyway: a file stands where sessions go. */
		ck_assert_int_eq(rename("run.tape/sessions", "run.tape/away"), 0);
		FILE *f = fopen("run.tape/sessions", "w");
		ck_assert_ptr_nonnull(f);
		fclose(f);
	} else {
		ck_assert_int_eq(chmod("run.tape/sessions", 0555), 0);
	}
	errors = 0;
	t = tape_open(recording_dir, &options);
	ck_assert_ptr_null(t);
	for (int i = 0; i < 10; i++) {
		ck_assert(number(t, 1) == -1);
		store_number(t, 1, 2);
	}
	ck_assert_uint_eq(errors, 1);
	if (geteuid() != 0)
		ck_assert_int_eq(chmod("run.tape/sessions", 0755), 0);
}
END_TEST

START_TEST(under_a_key_over_nothing_is_nothing)
{
	struct tape *t = recording_open(ASLEEP);
	struct tape_key none = TAPE_KEY("nothing");
	double x = 1, y = 2;

	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(TAPE_RECALL(t, none, &y), 0);
		ck_assert_int_eq(TAPE_STORE(t, none, x), 0);
		ck_assert_int_eq(tape_cache_has(t, none, NULL), 0);
	}
	ck_assert(y == 2);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(warnings("a key is none"), 1);
	ck_assert_uint_eq(count("_cache _has=key"), 0);
}
END_TEST

START_TEST(a_clock_that_jumped_decides_nothing)
{
	struct tape *a = recording_open(ASLEEP), *b;

	/* Stored an hour ahead; withdrawn and stored anew by one that is right. */
	a->realtime_offset += INT64_C(3600000000000);
	store_number(a, 1, 10);
	ck_assert_int_eq(tape_commit(a), 0);
	b = recording_open(ASLEEP);
	ck_assert(number(b, 1) == 10);
	ck_assert_int_eq(tape_cache_drop(b, key_of(1)), 1);
	store_number(b, 1, 11);
	ck_assert(number(b, 1) == 11);
	ck_assert_int_eq(tape_commit(b), 0);
	tape_refresh(a);
	ck_assert(number(a, 1) == 11);
	/* One that goes back while it runs. */
	b->realtime_offset -= INT64_C(7200000000000);
	store_number(b, 2, 20);
	ck_assert(number(b, 2) == 20);
	ck_assert_int_eq(tape_cache_drop(b, key_of(2)), 1);
	store_number(b, 2, 21);
	ck_assert(number(b, 2) == 21);
	ck_assert_int_eq(tape_close(a), 0);
	ck_assert_int_eq(tape_close(b), 0);
	for (int i = 0; i < 2; i++) {
		a = recording_open(ASLEEP);
		ck_assert(number(a, 1) == 11 && number(a, 2) == 21);
		ck_assert_int_eq(tape_close(a), 0);
		compact(i);
	}
}
END_TEST

/* ---- damage ---- */

static unsigned char *
blob_of(size_t size)
{
	unsigned char *data = malloc(size);

	recording_fill(data, size, 3);
	return data;
}

static int
recall_blob(struct tape *t, unsigned char *to, size_t size)
{
	return TAPE_RECALL(t, TAPE_KEY("blob", size), TAPE_ARRAY(to, size));
}

/* The one loose blob. */
static void
damage_blob(void)
{
	ck_assert_int_eq(
		system("f=$(find run.tape/blobs -type f ! -path '*/tmp/*') && "
		       "test -f \"$f\" && printf x | dd of=\"$f\" bs=1 seek=1000 "
		       "conv=notrunc 2>/dev/null"),
		0);
}

START_TEST(a_damaged_blob_is_a_miss_that_is_told_and_the_new_result_replaces_it)
{
	size_t size = 200000;
	unsigned char *data = blob_of(size), *got = calloc(1, size);
	struct tape *t = recording_open(ASLEEP), *live;

	ck_assert_int_eq(TAPE_STORE(t, TAPE_KEY("blob", size), TAPE_BLOB(data, size)), 1);
	ck_assert_int_eq(tape_close(t), 0);
	damage_blob();
	live = recording_open(ASLEEP);
	t = recording_open(ASLEEP);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(recall_blob(t, got, size), 0);
	ck_assert(got[0] == 0 && got[size - 1] == 0);
	ck_assert_int_eq(TAPE_STORE(t, TAPE_KEY("blob", size), TAPE_BLOB(data, size)), 1);
	ck_assert_int_eq(recall_blob(t, got, size), 1);
	ck_assert(memcmp(got, data, size) == 0);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(warnings("its blob cannot be read"), 1);
	for (int i = 0; i < 3; i++) {
		memset(got, 0, size);
		tape_refresh(live);
		ck_assert_int_eq(recall_blob(live, got, size), 1);
		ck_assert(memcmp(got, data, size) == 0);
		t = recording_open(ASLEEP);
		memset(got, 0, size);
		ck_assert_int_eq(recall_blob(t, got, size), 1);
		ck_assert(memcmp(got, data, size) == 0);
		ck_assert_int_eq(tape_close(t), 0);
		compact(i == 1);
	}
	ck_assert_int_eq(tape_close(live), 0);
	free(data);
	free(got);
}
END_TEST

START_TEST(what_cannot_be_read_just_now_is_a_miss_and_stays)
{
	size_t size = 200000;
	unsigned char *data = blob_of(size), *got = calloc(1, size);
	struct tape_key k = TAPE_KEY("blob", size);
	struct tape *t = recording_open(ASLEEP);
	struct rlimit files, none;

	ck_assert_int_eq(TAPE_STORE(t, k, TAPE_BLOB(data, size)), 1);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
	none = files;
	none.rlim_cur = 0;
	for (int i = 0; i < 2; i++) {
		t = recording_open(ASLEEP);
		ck_assert_int_eq(tape_cache_has(t, k, NULL), 1);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
		ck_assert_int_eq(recall_blob(t, got, size), 0);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
		/* It holds still. */
		ck_assert_int_eq(TAPE_STORE(t, k, TAPE_BLOB(data, size / 2)), 0);
		memset(got, 0, size);
		ck_assert_int_eq(recall_blob(t, got, size), 1);
		ck_assert(memcmp(got, data, size) == 0);
		ck_assert_int_eq(tape_close(t), 0);
		compact(false);
	}
	free(data);
	free(got);
}
END_TEST

/* One place that asks for ever other results by names made at run time. */
START_TEST(a_name_counts_each_time)
{
	static const char *const names[] = { "a", "b", "c", "none", "", "a.b", "b" };
	struct tape *t = recording_open(ASLEEP);
	double a = 1, b = 2, c = 3;
	char name[8];

	ck_assert_int_eq(TAPE_STORE(t, key_of(1), a, b, c, TAPE_AS("a.b", 4.0)), 1);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 7; i++) {
			double x = -1, same = -1;
			int r;

			strcpy(name, names[i]);
			r = TAPE_RECALL(t, key_of(1), TAPE_AS(name, &x),
					TAPE_AS("c", &same));
			ck_assert_int_eq(r, i != 3 && i != 4);
			ck_assert(same == (r ? 3 : -1));
			ck_assert(x == (i == 5 ? 4 : i == 6 ? 2 : r ? i + 1 : -1));
		}
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

/* ---- one place, again and again ---- */

struct point {
	double x;
	short n;
	_Bool on;
	char name[8];
	float v[3];
};
TAPE_DESCRIBE(point, struct point, x, n, on, name, v);

/* Nothing is touched where one of them does not fit, whichever way a hit goes. */
START_TEST(outputs_of_all_kinds_are_filled_each_time_or_none_is)
{
	struct tape *t = recording_open(ASLEEP);
	const char *texts[] = { "", "a", "fourteen bytes", "sixteen bytes...",
				"seventeen bytes.." };
	unsigned char raw[4] = { 1, 2, 3, 4 };

	for (int i = 0; i < 8; i++) {
		struct point p = {
			i * 0.5, (short)i, i % 2 != 0, "abcdefg", { 1, 2, 3 }
		};
		int64_t n = i == 5 ? 40000 : i;
		double v[] = { 1, 2, 3, 4 };

		p.name[i % 7] = 0;
		p.v[1] = (float)i;
		if (i == 6)
			ck_assert_int_eq(
				TAPE_STORE(t, key_of(i), TAPE_AS("p.x", p.x),
					   TAPE_AS("p.n", n), TAPE_AS("p.on", p.on),
					   TAPE_AS("p.name", p.name), TAPE_AS("p.v", v),
					   TAPE_AS("text", "a"),
					   TAPE_AS("raw", TAPE_BYTES(raw, 4))),
				1);
		else
			ck_assert_int_eq(
				TAPE_STORE(
					t, key_of(i), TAPE_AS("p.x", p.x),
					TAPE_AS("p.n", n), TAPE_AS("p.on", p.on),
					TAPE_AS("p.name", p.name), TAPE_AS("p.v", p.v),
					TAPE_AS("text", texts[i % 5]),
					TAPE_AS("raw", TAPE_BYTES(raw, i == 7 ? 3 : 4))),
				1);
	}
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 8; i++) {
			/* 4: a text too long; 5: an integer; 6: other elements; 7: bytes. */
			bool fits = i < 4;
			struct point p, untouched;
			char text[16];
			unsigned char got[4];
			int r;

			memset(&untouched, 0x55, sizeof untouched);
			memset(&p, 0x55, sizeof p);
			memset(text, 0x55, sizeof text);
			memset(got, 0x55, sizeof got);
			r = TAPE_RECALL(t, key_of(i), TAPE_AS("p", TAPE_OF(point, &p)),
					TAPE_AS("text", TAPE_TEXT(text, 16)),
					TAPE_AS("raw", TAPE_BYTES(got, 4)));
			ck_assert_int_eq(r, fits);
			if (!fits) {
				ck_assert_mem_eq(&p, &untouched, sizeof p);
				ck_assert_mem_eq(text, &untouched, sizeof text);
				ck_assert_mem_eq(got, &untouched, sizeof got);
				continue;
			}
			ck_assert(p.x == i * 0.5 && p.n == i && p.on == (i % 2 != 0));
			ck_assert(p.v[0] == 1 && p.v[1] == (float)i && p.v[2] == 3);
			ck_assert_uint_eq(strlen(p.name), (size_t)i % 7);
			for (size_t k = strlen(p.name); k < sizeof p.name; k++)
				ck_assert_int_eq(p.name[k], 0);
			ck_assert_int_eq(strncmp(text, texts[i % 5], 16), 0);
			for (size_t k = strlen(texts[i % 5]); k < 16; k++)
				ck_assert_int_eq(text[k], 0);
			ck_assert_mem_eq(got, raw, 4);
		}
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cache misuse");
	TCase *tc = tcase_create("misuse");

	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_miss_leaves_outputs_as_they_were);
	tcase_add_test(tc, a_type_that_changed_is_a_miss_and_the_first_result_holds);
	tcase_add_test(tc, an_output_that_is_nowhere_is_a_miss_each_time);
	tcase_add_test(tc, a_result_that_is_too_large_for_a_scope_is_not_stored);
	tcase_add_test(tc, without_a_recorder_everything_is_computed);
	tcase_add_test(
		tc,
		a_tape_that_cannot_be_written_is_said_once_and_everything_is_computed);
	tcase_add_test(tc, under_a_key_over_nothing_is_nothing);
	tcase_add_test(tc, a_clock_that_jumped_decides_nothing);
	tcase_add_test(
		tc, a_damaged_blob_is_a_miss_that_is_told_and_the_new_result_replaces_it);
	tcase_add_test(tc, what_cannot_be_read_just_now_is_a_miss_and_stays);
	tcase_add_test(tc, a_name_counts_each_time);
	tcase_add_test(tc, outputs_of_all_kinds_are_filled_each_time_or_none_is);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
