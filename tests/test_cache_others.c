/* SPDX-License-Identifier: Apache-2.0 */
/* Results under keys, of several sessions: who finds what when, and who says what. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "format/os.h"
#include "librecord/cache.h"
#include "tape/record.h"
#include "tests/support/caching.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

#define HOUR_NS INT64_C(3600000000000)

/* The next look is that of a refresh. */
static void
look_no_more(struct tape *t)
{
	(void)number(t, 999);
	atomic_load(&t->cache)->looked = INT64_MAX;
}

/* ---- calls that fail ---- */

static int fails; /* so many calls yet */
static const char *fails_at;
static enum os_call fails_call;
static bool opened;
static pthread_t tester; /* what the recorders' own threads call goes well */

/* At a path, or any (NULL). A read has none: it is the first one behind the opening. */
static int
fail_some(void *user, enum os_call call, const char *path, size_t *limit)
{
	bool at = !fails_at;

	if (!pthread_equal(pthread_self(), tester))
		return 0;
	if (fails_at && path)
		at = *fails_at == '.' ? strcmp(path, fails_at) == 0
				      : strstr(path, fails_at) != NULL;
	(void)user;
	(void)limit;
	if (call == OS_READ)
		at = opened;
	opened = call == OS_OPEN ? at : opened && call != OS_READ;
	if (fails == 0 || call != fails_call || !at)
		return 0;
	fails--;
	return EIO;
}

static void
fail_calls(int times, enum os_call call, const char *at)
{
	fails = times;
	fails_call = call;
	fails_at = at;
	tester = pthread_self();
	os_fault_set(fail_some, NULL);
}

/* ---- who finds what ---- */

START_TEST(another_session_finds_it_once_it_is_committed)
{
	struct tape *a = recording_open(ASLEEP), *b = recording_open(ASLEEP);
	struct tape_pos pos;

	store_number(a, 1, 10);
	ck_assert(number(a, 1) == 10);
	ck_assert_int_eq(tape_cache_has(a, key_of(1), &pos), 1);
	ck_assert_uint_eq(pos.seq, 0);
	tape_refresh(b);
	ck_assert(number(b, 1) == -1);
	ck_assert_int_eq(tape_commit(a), 0);
	ck_assert_int_eq(tape_cache_has(a, key_of(1), &pos), 1);
	ck_assert_uint_eq(pos.seq, 1);
	tape_refresh(b);
	ck_assert(number(b, 1) == 10);
	/* And what comes later, in more groups and segments. */
	for (int i = 2; i < 200; i++) {
		store_number(a, i, i);
		ck_assert_int_eq(tape_commit(a), 0);
		if (i % 50 == 0) {
			tape_refresh(b);
			for (int k = 2; k <= i; k++)
				ck_assert(number(b, k) == k);
		}
	}
	ck_assert_int_eq(tape_close(a), 0);
	ck_assert_int_eq(tape_close(b), 0);
	a = recording_open(ASLEEP);
	for (int k = 1; k < 200; k++)
		ck_assert(number(a, k) == (k == 1 ? 10 : k));
	ck_assert_int_eq(tape_close(a), 0);
}
END_TEST

START_TEST(the_first_result_holds_and_another_one_is_told_once)
{
	struct tape *a = recording_open(ASLEEP), *b = recording_open(ASLEEP), *c;

	store_number(a, 1, 10);
	for (int i = 0; i < 3; i++)
		store_number(a, 1, 11);
	store_number(a, 1, 10);
	ck_assert(number(a, 1) == 10);
	/* Neither knows of the other. */
	store_number(b, 1, 20);
	store_number(b, 2, 5);
	store_number(a, 2, 5);
	ck_assert_int_eq(tape_commit(b), 0);
	ck_assert_int_eq(tape_commit(a), 0);
	for (int i = 0; i < 2; i++) {
		tape_refresh(a);
		tape_refresh(b);
	}
	ck_assert(number(a, 1) == 10 && number(b, 1) == 10);
	ck_assert(number(a, 2) == 5 && number(b, 2) == 5);
	ck_assert_int_eq(tape_close(a), 0);
	ck_assert_int_eq(tape_close(b), 0);
	/* In a and in b, each once; equal results are no matter. */
	ck_assert_uint_eq(warnings("two different results"), 2);
	for (int i = 0; i < 2; i++) {
		c = recording_open(ASLEEP);
		ck_assert(number(c, 1) == 10);
		ck_assert(number(c, 2) == 5);
		ck_assert_int_eq(tape_close(c), 0);
		compact(i);
	}
}
END_TEST

START_TEST(what_is_withdrawn_is_gone_for_all_until_it_is_stored_again)
{
	struct tape *a = recording_open(ASLEEP), *b;

	store_number(a, 1, 10);
	store_number(a, 2, 20);
	ck_assert_int_eq(tape_close(a), 0);
	compact(false);
	a = recording_open(ASLEEP);
	b = recording_open(ASLEEP);
	ck_assert(number(a, 1) == 10);
	ck_assert_int_eq(tape_cache_drop(b, key_of(1)), 1);
	ck_assert_int_eq(tape_cache_drop(b, key_of(3)), 0);
	ck_assert(number(b, 1) == -1);
	ck_assert_int_eq(tape_commit(b), 0);
	tape_refresh(a);
	ck_assert(number(a, 1) == -1 && number(a, 2) == 20);
	ck_assert_int_eq(tape_close(a), 0);
	ck_assert_int_eq(tape_close(b), 0);
	for (int i = 0; i < 3; i++) {
		a = recording_open(ASLEEP);
		ck_assert(number(a, 1) == -1 && number(a, 2) == 20);
		ck_assert_int_eq(tape_close(a), 0);
		compact(i == 1);
	}
	a = recording_open(ASLEEP);
	store_number(a, 1, 11);
	ck_assert_int_eq(tape_close(a), 0);
	for (int i = 0; i < 3; i++) {
		a = recording_open(ASLEEP);
		ck_assert_msg(number(a, 1) == 11, "%d: %g", i, number(a, 1));
		ck_assert_int_eq(tape_close(a), 0);
		compact(i == 1);
	}
}
END_TEST

START_TEST(a_generation_counts_though_a_segment_has_the_key)
{
	struct tape *first = recording_open(ASLEEP), *second = recording_open(ASLEEP), *t;

	store_number(first, 1, 10);
	store_number(second, 1, 11);
	store_number(second, 2, 20);
	ck_assert_int_eq(tape_commit(second), 0);
	tape_refresh(first);
	ck_assert_int_eq(tape_cache_drop(first, key_of(2)), 1);
	ck_assert_int_eq(tape_close(first), 0);
	compact(false);
	for (int i = 0; i < 2; i++) {
		t = recording_open(ASLEEP);
		/* Found by a look of their own, or of another key. */
		if (i)
			ck_assert(number(t, 3) == -1);
		ck_assert(number(t, 1) == 10);
		ck_assert(number(t, 2) == -1);
		ck_assert_int_eq(tape_close(t), 0);
		t = recording_open(ASLEEP);
		if (i)
			ck_assert(number(t, 3) == -1);
		ck_assert(number(t, 2) == -1);
		ck_assert(number(t, 1) == 10);
		ck_assert_int_eq(tape_close(t), 0);
	}
	ck_assert_int_eq(tape_close(second), 0);
}
END_TEST

START_TEST(what_is_stored_unasked_hides_no_first_result_of_a_generation)
{
	for (int full = 0; full < 2; full++) {
		struct tape *t = recording_open(ASLEEP);

		store_number(t, full, 10);
		ck_assert_int_eq(tape_close(t), 0);
		compact(full);
		t = recording_open(ASLEEP);
		store_number(t, full, 11);
		ck_assert(number(t, full) == 10);
		tape_refresh(t);
		ck_assert(number(t, full) == 10);
		ck_assert_int_eq(tape_close(t), 0);
		ck_assert_uint_eq(warnings("two different results"), 1u + (unsigned)full);
	}
}
END_TEST

/* It came between the miss and the result, and withdraws what may be known. */
START_TEST(a_generation_that_comes_while_a_result_is_computed_counts)
{
	struct tape *a = recording_open(ASLEEP), *b = recording_open(ASLEEP);

	ck_assert(number(a, 1) == -1);
	store_number(b, 1, 9);
	ck_assert_int_eq(tape_cache_drop(b, key_of(1)), 1);
	store_number(b, 1, 10);
	ck_assert_int_eq(tape_close(b), 0);
	compact(false);
	tape_refresh(a);
	store_number(a, 1, 11);
	ck_assert(number(a, 1) == 10);
	ck_assert_int_eq(tape_close(a), 0);
	ck_assert_uint_eq(warnings("two different results"), 1);
}
END_TEST

/* Generations are not asked again. */
static bool
is_asked(struct tape *t, int n)
{
	struct cache_shard *s =
		&atomic_load(&t->cache)->shards[key_of(n).hi % CACHE_SHARDS];
	const struct cache_entry *e = cache_first(s, key_of(n));

	ck_assert_ptr_nonnull(e);
	return e->asked == s->news;
}

START_TEST(what_was_missed_and_stored_is_not_searched_for_again)
{
	struct tape *t = recording_open(ASLEEP);

	ck_assert(number(t, 1) == -1);
	store_number(t, 1, 10);
	ck_assert(is_asked(t, 1));
	store_number(t, 2, 20);
	ck_assert(!is_asked(t, 2));
	ck_assert(number(t, 2) == 20);
	ck_assert(is_asked(t, 2));
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

START_TEST(files_are_replaced_under_sessions_that_look)
{
	struct tape *reader = recording_open(ASLEEP);

	for (int round = 0; round < 6; round++) {
		struct tape *writer = recording_open(ASLEEP);

		for (int i = 0; i < 50; i++) {
			store_number(writer, round * 100 + i, i);
			if (i % 20 == 0)
				ck_assert_int_eq(tape_commit(writer), 0);
		}
		if (round % 2)
			tape_refresh(reader);
		ck_assert_int_eq(tape_close(writer), 0);
		compact(round == 4);
		tape_refresh(reader);
		for (int r = 0; r <= round; r++)
			for (int i = 0; i < 50; i++)
				ck_assert(number(reader, r * 100 + i) == i);
	}
	ck_assert_int_eq(tape_close(reader), 0);
}
END_TEST

/* Its file goes while the second one has yet to see to it that it is on the disk. */
START_TEST(a_blob_of_two_is_safe_though_the_first_one_was_compacted)
{
	static const char settings[] = "sync=86400000 commit_ms=86400000";
	size_t size = 200000;
	unsigned char *data = malloc(size), *got = malloc(size);
	struct tape *a = recording_open(settings), *b;

	recording_fill(data, size, 7);
	ck_assert_int_eq(TAPE_STORE(a, key_of(1), TAPE_BLOB(data, size)), 1);
	ck_assert_int_eq(tape_close(a), 0);
	b = recording_open(settings);
	ck_assert_int_eq(TAPE_STORE(b, key_of(2), TAPE_BLOB(data, size)), 1);
	ck_assert_int_eq(tape_commit(b), 0);
	ck_assert_uint_eq(recording_files("blobs"), 1);
	compact(false);
	ck_assert_uint_eq(recording_files("blobs"), 0);
	ck_assert_int_eq(tape_close(b), 0);
	ck_assert_uint_eq(warnings(""), 0);
	b = recording_open(ASLEEP);
	ck_assert_int_eq(TAPE_RECALL(b, key_of(2), TAPE_ARRAY(got, size)), 1);
	ck_assert(memcmp(got, data, size) == 0);
	ck_assert_int_eq(tape_close(b), 0);
	free(data);
	free(got);
}
END_TEST

/* ---- what withdraws ---- */

START_TEST(a_result_that_was_committed_just_now_is_withdrawn)
{
	struct tape *a = recording_open(ASLEEP), *b = recording_open(ASLEEP), *c;

	look_no_more(b);
	store_number(a, 1, 10);
	ck_assert_int_eq(tape_commit(a), 0);
	ck_assert_int_eq(tape_cache_drop(b, key_of(1)), 1);
	ck_assert_int_eq(tape_commit(b), 0);
	c = recording_open(ASLEEP);
	ck_assert(number(c, 1) == -1);
	tape_refresh(a);
	ck_assert(number(a, 1) == -1);
	ck_assert_int_eq(tape_close(a), 0);
	ck_assert_int_eq(tape_close(b), 0);
	ck_assert_int_eq(tape_close(c), 0);
}
END_TEST

START_TEST(all_results_of_a_key_are_withdrawn_by_whatever_clock)
{
	struct tape *a = recording_open(ASLEEP), *ahead = recording_open(ASLEEP), *b, *c;

	ahead->realtime_offset += HOUR_NS;
	ck_assert(number(ahead, 1) == -1);
	store_number(a, 1, 10);
	store_number(ahead, 1, 10);
	ck_assert_int_eq(tape_commit(a), 0);
	ck_assert_int_eq(tape_commit(ahead), 0);
	b = recording_open(ASLEEP);
	ck_assert(number(b, 1) == 10);
	ck_assert_int_eq(tape_cache_drop(b, key_of(1)), 1);
	ck_assert(number(b, 1) == -1);
	/* Nor is what follows taken for older. */
	store_number(b, 1, 11);
	ck_assert_int_eq(tape_commit(b), 0);
	c = recording_open(ASLEEP);
	ck_assert(number(c, 1) == 11);
	tape_refresh(ahead);
	ck_assert(number(ahead, 1) == 11);
	ck_assert_int_eq(tape_close(a), 0);
	ck_assert_int_eq(tape_close(ahead), 0);
	ck_assert_int_eq(tape_close(b), 0);
	ck_assert_int_eq(tape_close(c), 0);
}
END_TEST

/* By the time that somebody looks, a result was withdrawn, and the next one stored; all know the first. */
struct replaced {
	struct tape *stores, *drops, *looks;
	int key;
};

static struct replaced
replaced_open(bool drops_first, int key)
{
	struct replaced r = { .key = key };
	struct tape *one = recording_open(ASLEEP), *two = recording_open(ASLEEP);

	r.drops = drops_first ? one : two;
	r.stores = drops_first ? two : one;
	store_number(r.drops, key, 10);
	ck_assert_int_eq(tape_commit(r.drops), 0);
	r.looks = recording_open(ASLEEP);
	ck_assert(number(r.looks, key) == 10);
	look_no_more(r.looks);
	return r;
}

static void
replaced_make(const struct replaced *r)
{
	ck_assert_int_eq(tape_cache_drop(r->drops, key_of(r->key)), 1);
	ck_assert_int_eq(tape_commit(r->drops), 0);
	tape_refresh(r->stores);
	store_number(r->stores, r->key, 11);
	ck_assert_int_eq(tape_commit(r->stores), 0);
}

static void
replaced_close(const struct replaced *r)
{
	ck_assert_int_eq(tape_close(r->stores), 0);
	ck_assert_int_eq(tape_close(r->drops), 0);
	ck_assert_int_eq(tape_close(r->looks), 0);
	ck_assert_uint_eq(warnings("two different results"), 0);
}

START_TEST(a_new_result_that_is_met_before_the_drop_is_no_other_one)
{
	struct replaced r = replaced_open(false, 1);

	replaced_make(&r);
	for (int i = 0; i < 2; i++) {
		tape_refresh(r.looks);
		ck_assert(number(r.looks, r.key) == 11);
	}
	replaced_close(&r);
}
END_TEST

/* While a look goes on: the session that withdraws has been looked at already. */
static struct replaced meanwhile;
static bool meanwhile_due;

static int
replace_meanwhile(void *user, enum os_call call, const char *path, size_t *limit)
{
	char id[TAPE_SESSION_TEXT];

	(void)user;
	(void)limit;
	tape_session_text(meanwhile.stores->session, id);
	if (!meanwhile_due || call != OS_STAT || !path || !strstr(path, id))
		return 0;
	meanwhile_due = false;
	replaced_make(&meanwhile);
	return 0;
}

START_TEST(a_drop_that_only_the_next_look_meets_is_waited_for)
{
	for (int close_at_once = 0; close_at_once < 2; close_at_once++) {
		meanwhile = replaced_open(true, 1 + close_at_once);
		meanwhile_due = true;
		os_fault_set(replace_meanwhile, NULL);
		tape_refresh(meanwhile.looks);
		os_fault_set(NULL, NULL);
		ck_assert(!meanwhile_due);
		if (!close_at_once) {
			tape_refresh(meanwhile.looks);
			ck_assert(number(meanwhile.looks, meanwhile.key) == 11);
		}
		ck_assert_int_eq(tape_close(meanwhile.looks), 0);
		meanwhile.looks = NULL;
		replaced_close(&meanwhile);
	}
}
END_TEST

START_TEST(a_drop_that_was_compacted_between_two_looks_is_met)
{
	for (int full = 0; full < 2; full++) {
		struct replaced r = replaced_open(false, 1 + full);

		ck_assert_int_eq(tape_cache_drop(r.drops, key_of(r.key)), 1);
		ck_assert_int_eq(tape_close(r.drops), 0);
		r.drops = NULL;
		compact(full);
		tape_refresh(r.looks);
		ck_assert(number(r.looks, r.key) == -1);
		tape_refresh(r.stores);
		store_number(r.stores, r.key, 11);
		ck_assert_int_eq(tape_commit(r.stores), 0);
		tape_refresh(r.looks);
		ck_assert(number(r.looks, r.key) == 11);
		ck_assert_int_eq(tape_cache_drop(r.looks, key_of(r.key)), 1);
		replaced_close(&r);
	}
}
END_TEST

START_TEST(a_new_result_is_no_other_one_where_the_drop_was_compacted)
{
	struct replaced r = replaced_open(false, 1);

	replaced_make(&r);
	ck_assert_int_eq(tape_close(r.drops), 0);
	r.drops = NULL;
	compact(false);
	for (int i = 0; i < 2; i++) {
		tape_refresh(r.looks);
		ck_assert(number(r.looks, r.key) == 11);
	}
	replaced_close(&r);
}
END_TEST

/* One that is not asked for by anybody, but because it is time. */
static void
look_by_itself(struct tape *t)
{
	atomic_load(&t->cache)->looked = INT64_MIN / 2;
	(void)number(t, 998);
}

START_TEST(a_drop_that_stands_behind_a_failed_write_is_waited_for)
{
	struct replaced r = replaced_open(true, 1);

	/* The segment is left without an end, the drop goes to the next one. */
	ck_assert_int_eq(tape_cache_drop(r.drops, key_of(1)), 1);
	fail_calls(1, OS_WRITE, NULL);
	ck_assert_int_eq(tape_commit(r.drops), 0);
	os_fault_set(NULL, NULL);
	tape_refresh(r.stores);
	store_number(r.stores, 1, 11);
	ck_assert_int_eq(tape_commit(r.stores), 0);
	for (int looks = 0; looks < 3; looks++)
		look_by_itself(r.looks);
	ck_assert(number(r.looks, 1) == 11);
	replaced_close(&r);
}
END_TEST

START_TEST(another_result_is_told_at_the_close_if_not_before)
{
	struct tape *a = recording_open(ASLEEP), *b = recording_open(ASLEEP);

	store_number(a, 1, 10);
	store_number(a, 1, 12);
	store_number(b, 1, 20);
	ck_assert_int_eq(tape_commit(a), 0);
	tape_refresh(b);
	ck_assert_int_eq(tape_close(a), 0);
	ck_assert_int_eq(tape_close(b), 0);
	ck_assert_uint_eq(warnings("two different results"), 2);
}
END_TEST

/* ---- a write that fails ---- */

START_TEST(what_could_not_be_written_does_not_count_as_stored)
{
	struct tape *t = recording_open(ASLEEP), *other = recording_open(ASLEEP);
	struct tape_pos pos;

	store_number(t, 1, 10);
	fail_calls(1000, OS_WRITE, NULL);
	ck_assert_int_eq(tape_commit(t), -1);
	os_fault_set(NULL, NULL);
	/* It is right, and known here; its number is given to something else. */
	ck_assert_int_eq(tape_cache_has(t, key_of(1), &pos), 1);
	ck_assert_uint_eq(pos.seq, 0);
	ck_assert(number(t, 1) == 10);
	store_number(t, 2, 20);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert(number(t, 1) == 10 && number(t, 2) == 20);
	ck_assert(number(other, 1) == -1);
	/* Nor does it keep the next one away. */
	ck_assert_int_eq(TAPE_STORE(t, key_of(1), TAPE_AS("yield", 10.0)), 1);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_int_eq(tape_cache_has(t, key_of(1), &pos), 1);
	ck_assert_uint_ne(pos.seq, 0);
	tape_refresh(other);
	ck_assert(number(other, 1) == 10 && number(other, 2) == 20);
	ck_assert_int_eq(tape_close(t), -1);
	ck_assert_int_eq(tape_close(other), 0);
	ck_assert_uint_eq(warnings("cache:"), 0);
}
END_TEST

/* ---- a look that fails ---- */

START_TEST(a_look_that_cannot_begin_is_tried_again)
{
	struct tape *a = recording_open(ASLEEP), *b = recording_open(ASLEEP);

	store_number(a, 1, 10);
	ck_assert_int_eq(tape_commit(a), 0);
	fail_calls(1000, OS_OPEN, ".");
	ck_assert(number(b, 1) == -1);
	tape_refresh(b);
	ck_assert(number(b, 1) == -1);
	ck_assert_int_lt(fails, 1000);
	os_fault_set(NULL, NULL);
	/* A refresh does not wait, a miss for as long as between looks. */
	atomic_load(&b->cache)->tried = 0;
	ck_assert(number(b, 1) == 10);
	ck_assert_int_eq(tape_close(a), 0);
	ck_assert_int_eq(tape_close(b), 0);
	ck_assert_uint_eq(warnings("is not found for now"), 1);
}
END_TEST

START_TEST(a_session_that_cannot_be_read_hides_no_other)
{
	static const enum os_call calls[] = { OS_STAT, OS_OPEN, OS_READ };

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		struct tape *a = recording_open(ASLEEP), *b = recording_open(ASLEEP);
		struct tape *c = recording_open(ASLEEP);
		char id[TAPE_SESSION_TEXT];
		int n = 10 * (int)i;

		store_number(a, n + 1, 10);
		store_number(b, n + 2, 20);
		ck_assert_int_eq(tape_commit(a), 0);
		ck_assert_int_eq(tape_commit(b), 0);
		tape_session_text(a->session, id);
		fail_calls(1000, calls[i], id);
		for (int k = 0; k < 3; k++) {
			tape_refresh(c);
			ck_assert(number(c, n + 1) == -1 && number(c, n + 2) == 20);
		}
		ck_assert_int_lt(fails, 1000);
		os_fault_set(NULL, NULL);
		tape_refresh(c);
		ck_assert(number(c, n + 1) == 10);
		ck_assert_int_eq(tape_close(a), 0);
		ck_assert_int_eq(tape_close(b), 0);
		ck_assert_int_eq(tape_close(c), 0);
		ck_assert_uint_eq(warnings(id), 1);
	}
}
END_TEST

/* ---- forks ---- */

START_TEST(a_child_knows_what_its_parent_had_stored)
{
	struct tape *t = recording_open(RECORDING_ASLEEP);
	int status;
	pid_t pid;

	store_number(t, 1, 10);
	store_number(t, 2, 20);
	ck_assert_int_eq(tape_commit(t), 0);
	store_number(t, 3, 30);
	pid = recording_fork();
	if (pid == 0) {
		double yield = -1;
		int good = TAPE_RECALL(t, key_of(1), &yield) && yield == 10 &&
			   TAPE_RECALL(t, key_of(3), &yield) && yield == 30;

		store_number(t, 4, 40);
		good = good && tape_close(t) == 0;
		_exit(good ? 0 : 1);
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	tape_refresh(t);
	ck_assert(number(t, 4) == 40);
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

START_TEST(a_child_learns_what_its_parent_had_staged_and_committed_since)
{
	struct tape *t = recording_open(RECORDING_ASLEEP);
	int committed[2], status;
	char byte = 0;
	pid_t pid;

	/* A result that was asked for: the child does not look for it by itself. */
	ck_assert(number(t, 1) == -1);
	store_number(t, 1, 10);
	ck_assert_int_eq(pipe(committed), 0);
	pid = recording_fork();
	if (pid == 0) {
		struct tape_pos pos;
		int good = tape_cache_has(t, key_of(1), &pos) && pos.seq == 0;

		good = read(committed[0], &byte, 1) == 1 && good;
		tape_refresh(t);
		good = good && tape_cache_has(t, key_of(1), &pos) && pos.seq == 1 &&
		       number(t, 1) == 10;
		good = tape_close(t) == 0 && good;
		_exit(good ? 0 : 1);
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_int_eq(write(committed[1], &byte, 1), 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	close(committed[0]);
	close(committed[1]);
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

START_TEST(what_a_parent_has_only_staged_its_child_may_store)
{
	struct tape *t = recording_open(RECORDING_ASLEEP), *other;
	int status;
	pid_t pid;

	store_number(t, 1, 10);
	store_number(t, 2, 20);
	pid = recording_fork();
	if (pid == 0) {
		struct tape_pos pos;
		int good = tape_cache_has(t, key_of(1), &pos) && pos.seq == 0 &&
			   number(t, 1) == 10;

		good = TAPE_STORE(t, key_of(1), TAPE_AS("yield", 10.0)) == 1 && good;
		/* Once, that is. */
		good = TAPE_STORE(t, key_of(1), TAPE_AS("yield", 10.0)) == 0 && good;
		good = number(t, 1) == 10 && number(t, 2) == 20 && good;
		good = tape_close(t) == 0 && good;
		_exit(good ? 0 : 1);
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	other = recording_open(RECORDING_ASLEEP);
	ck_assert(number(other, 1) == 10 && number(other, 2) == -1);
	ck_assert_int_eq(tape_commit(t), 0);
	tape_refresh(other);
	ck_assert(number(other, 1) == 10 && number(other, 2) == 20);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_int_eq(tape_close(other), 0);
	ck_assert_uint_eq(warnings("cache:"), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cache of others");
	TCase *tc = tcase_create("others");

	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, another_session_finds_it_once_it_is_committed);
	tcase_add_test(tc, the_first_result_holds_and_another_one_is_told_once);
	tcase_add_test(tc, what_is_withdrawn_is_gone_for_all_until_it_is_stored_again);
	tcase_add_test(tc, a_generation_counts_though_a_segment_has_the_key);
	tcase_add_test(tc, what_is_stored_unasked_hides_no_first_result_of_a_generation);
	tcase_add_test(tc, a_generation_that_comes_while_a_result_is_computed_counts);
	tcase_add_test(tc, what_was_missed_and_stored_is_not_searched_for_again);
	tcase_add_test(tc, files_are_replaced_under_sessions_that_look);
	tcase_add_test(tc, a_blob_of_two_is_safe_though_the_first_one_was_compacted);
	tcase_add_test(tc, a_result_that_was_committed_just_now_is_withdrawn);
	tcase_add_test(tc, all_results_of_a_key_are_withdrawn_by_whatever_clock);
	tcase_add_test(tc, a_new_result_that_is_met_before_the_drop_is_no_other_one);
	tcase_add_test(tc, a_drop_that_only_the_next_look_meets_is_waited_for);
	tcase_add_test(tc, a_drop_that_was_compacted_between_two_looks_is_met);
	tcase_add_test(tc, a_new_result_is_no_other_one_where_the_drop_was_compacted);
	tcase_add_test(tc, a_drop_that_stands_behind_a_failed_write_is_waited_for);
	tcase_add_test(tc, another_result_is_told_at_the_close_if_not_before);
	tcase_add_test(tc, what_could_not_be_written_does_not_count_as_stored);
	tcase_add_test(tc, a_look_that_cannot_begin_is_tried_again);
	tcase_add_test(tc, a_session_that_cannot_be_read_hides_no_other);
	suite_add_tcase(suite, tc);
	tc = tcase_create("forks");
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, a_child_knows_what_its_parent_had_stored);
	tcase_add_test(tc, a_child_learns_what_its_parent_had_staged_and_committed_since);
	tcase_add_test(tc, what_a_parent_has_only_staged_its_child_may_store);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
