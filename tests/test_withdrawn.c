/* SPDX-License-Identifier: Apache-2.0 */
/* Results that were withdrawn: when their bytes go, and that nothing else does. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "format/os.h"
#include "librecord/cache.h"
#include "tape/compact.h"
#include "tests/support/caching.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

#define RESULTS 40
#define WITHDRAWN 30 /* the first of them */
/* Bytes of a result: in the scope, in the segment, or in a file, by turns; random. A pack has the last in pieces. */
static const size_t sizes[] = { 40, 3000, 30000, 1200000 };
#define LARGEST 1200000u

static size_t
size_of(int n)
{
	return sizes[n % 4];
}

static void
store(struct tape *t, int n)
{
	unsigned char *bytes = malloc(LARGEST);

	recording_fill(bytes, size_of(n), (unsigned)n + 1);
	ck_assert_int_eq(TAPE_STORE(t, key_of(n), TAPE_BYTES(bytes, size_of(n))), 1);
	free(bytes);
}

/* Is it there, as it was stored? */
static bool
found(struct tape *t, int n)
{
	unsigned char *bytes = malloc(LARGEST), *want = malloc(LARGEST);
	int r = TAPE_RECALL(t, key_of(n), TAPE_BYTES(bytes, size_of(n)));

	recording_fill(want, size_of(n), (unsigned)n + 1);
	if (r == 1)
		ck_assert_mem_eq(bytes, want, size_of(n));
	free(bytes);
	free(want);
	return r == 1;
}

/* The results, and scopes among them; two of these have the bytes of a result, too. */
static void
record(void)
{
	struct tape *t = recording_open(ASLEEP);

	for (int n = 0; n < RESULTS; n++) {
		store(t, n);
		if (n == 2 || n == 3)
			ck_assert_int_eq(
				recording_put_blob(t, n, (unsigned)n + 1, size_of(n)), 0);
		else
			ck_assert_int_eq(recording_put(t, n), 0);
	}
	ck_assert_int_eq(tape_close(t), 0);
}

static void
withdraw_up_to(int end)
{
	struct tape *t = recording_open(ASLEEP);

	for (int n = 0; n < end; n++)
		ck_assert_int_eq(tape_cache_drop(t, key_of(n)), 1);
	ck_assert_int_eq(tape_close(t), 0);
}

static uint64_t
withdrawn_bytes(void)
{
	uint64_t bytes = 0;

	for (int n = 0; n < WITHDRAWN; n++)
		bytes += n == 2 || n == 3 ? 0 : size_of(n);
	return bytes;
}

/* ---- what is on the tape ---- */

static uint64_t disk;

static int
add_file(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)path;
	(void)ftw;
	if (kind == FTW_F)
		disk += (uint64_t)st->st_size;
	return 0;
}

static uint64_t
on_disk(void)
{
	disk = 0;
	ck_assert_int_eq(nftw(recording_dir, add_file, 16, FTW_PHYS), 0);
	return disk;
}

struct scopes {
	struct tape_pos pos[400];
	struct tape_hash hash[400];
	size_t count;
};

/* All but entries of the cache and what stands for them. */
static struct scopes
all_others(void)
{
	struct tape_find_options options = { .size = sizeof options,
					     .flags = TAPE_FIND_ALL };
	struct scopes all = { .count = 0 };
	const struct tape_scope *scope;
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor;
	struct tape_error err = { 0 };
	int r;

	ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, &err), 0);
	ck_assert_int_eq(tape_query_compile("", &query, &err), 0);
	ck_assert_int_eq(tape_find(reader, query, &options, &cursor, &err), 0);
	while ((r = tape_cursor_next(cursor, &scope, &err)) == 1) {
		if (tape_scope_var_find(scope, "key") >= 0 ||
		    tape_scope_var_find(scope, "withdrawn") >= 0)
			continue;
		ck_assert_uint_lt(all.count, 400);
		all.pos[all.count] = tape_scope_pos(scope);
		all.hash[all.count] = tape_scope_hash(scope);
		all.count++;
	}
	ck_assert_int_eq(r, 0);
	ck_assert_uint_eq(tape_reader_damage(reader), 0);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return all;
}

/* What was there is there still; more may be. */
static void
same_others(const struct scopes *before)
{
	struct scopes now = all_others();
	size_t at = 0;

	for (size_t i = 0; i < before->count; i++) {
		while (at < now.count &&
		       tape_pos_compare(&now.pos[at], &before->pos[i]) < 0)
			at++;
		ck_assert_uint_lt(at, now.count);
		ck_assert_int_eq(tape_pos_compare(&now.pos[at], &before->pos[i]), 0);
		ck_assert_mem_eq(&now.hash[at], &before->hash[i], sizeof now.hash[0]);
	}
}

/* Those of others' scopes are whole, the results that hold are found, and no others. */
static void
check_tape(const struct scopes *before)
{
	struct recording read = recording_read();
	struct tape *t;

	same_others(before);
	ck_assert_uint_eq(read.damage, 0);
	ck_assert_uint_eq(read.bad_blobs, 0);
	for (int n = 0; n < RESULTS; n++)
		ck_assert_uint_eq(recording_times(&read, n), 1);
	recording_release(&read);
	t = recording_open(ASLEEP);
	for (int n = 0; n < RESULTS; n++)
		ck_assert_int_eq(found(t, n), n >= WITHDRAWN);
	ck_assert_int_eq(tape_close(t), 0);
}

static uint64_t
results(void)
{
	return count("_cache _has=key") - count("_cache _has=dropped");
}

static void
on_finding(void *user, const struct tape_finding *f)
{
	(void)user;
	if (f->kind == TAPE_FOUND_DAMAGE)
		(void)fprintf(stderr, "%s: %s; %s\n", f->file, f->message, f->lost);
}

/* Nothing is damaged; how many blobs are on the tape that nothing refers to? */
static uint64_t
unreferenced(void)
{
	struct tape_check_options options = { .size = sizeof options,
					      .flags = TAPE_CHECK_FULL,
					      .on_finding = on_finding };
	struct tape_check_result result;
	struct tape_error err = { 0 };

	ck_assert_msg(tape_check(recording_dir, &options, &result, &err) == 0, "%s",
		      err.message);
	ck_assert_uint_eq(result.damage, 0);
	return result.unreferenced;
}

/* Tables, an index, and what is known of sessions. */
#define OVERHEAD 60000u

/* ---- tests ---- */

START_TEST(what_was_withdrawn_before_it_was_compacted_is_left_out)
{
	struct scopes others;
	uint64_t raw;

	record();
	withdraw_up_to(WITHDRAWN);
	others = all_others();
	raw = on_disk();
	compact(false);
	ck_assert_uint_lt(on_disk(), raw - withdrawn_bytes() + OVERHEAD);
	ck_assert_uint_eq(results(), RESULTS - WITHDRAWN);
	check_tape(&others);
	ck_assert_uint_eq(unreferenced(), 0);
	compact(true);
	check_tape(&others);
	ck_assert_uint_eq(unreferenced(), 0);
}
END_TEST

START_TEST(what_was_compacted_before_goes_when_generations_are_merged)
{
	struct scopes others;
	uint64_t packed;

	record();
	compact(false);
	packed = on_disk();
	withdraw_up_to(WITHDRAWN);
	others = all_others();
	compact(false);
	ck_assert_uint_ge(on_disk(), packed);
	check_tape(&others);
	compact(true);
	ck_assert_uint_lt(on_disk(), packed - withdrawn_bytes() + OVERHEAD);
	ck_assert_uint_eq(results(), RESULTS - WITHDRAWN);
	check_tape(&others);
	ck_assert_uint_eq(unreferenced(), 0);
	/* What is merged once more stays as it is. */
	compact(true);
	check_tape(&others);
	ck_assert_uint_eq(unreferenced(), 0);
}
END_TEST

/* It may count on what it saw as a file before. */
START_TEST(packed_blobs_stay_while_somebody_may_record)
{
	struct scopes others;
	struct tape *alive;
	uint64_t packed;

	record();
	alive = recording_open(ASLEEP);
	ck_assert_int_eq(recording_put(alive, 1000), 0);
	ck_assert_int_eq(tape_commit(alive), 0);
	compact(false);
	withdraw_up_to(WITHDRAWN);
	packed = on_disk();
	compact(true);
	ck_assert_uint_ge(on_disk() + withdrawn_bytes() / 2, packed);
	ck_assert_uint_gt(unreferenced(), 0);
	ck_assert_int_eq(tape_close(alive), 0);
	others = all_others();
	compact(true);
	ck_assert_uint_lt(on_disk(), packed - withdrawn_bytes() + OVERHEAD);
	check_tape(&others);
	ck_assert_uint_eq(unreferenced(), 0);
}
END_TEST

/* A recorder in a process of its own, which is killed once a byte comes; a full disk took its first segment. */
static pid_t
recorder_without_segment(int *end)
{
	char id[TAPE_SESSION_TEXT], path[300], byte = 0;
	int go[2], ready[2];
	pid_t pid;

	ck_assert_int_eq(pipe(go), 0);
	ck_assert_int_eq(pipe(ready), 0);
	pid = recording_fork();
	if (pid == 0) {
		tape_session_text(recording_open(ASLEEP)->session, id);
		(void)snprintf(path, sizeof path, "%s/sessions/%s/000000.log",
			       recording_dir, id);
		if (unlink(path) == 0 && write(ready[1], &byte, 1) == 1)
			(void)!read(go[0], &byte, 1);
		_exit(0);
	}
	ck_assert_int_gt(pid, 0);
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(go[0]);
	*end = go[1];
	return pid;
}

static void
add_scope(void)
{
	struct tape *t = recording_open(ASLEEP);

	ck_assert_int_eq(recording_put(t, 1000), 0);
	ck_assert_int_eq(tape_close(t), 0);
}

START_TEST(a_session_without_a_segment_is_alive_while_its_process_is)
{
	char path[300], byte = 0;
	uint64_t packed;
	pid_t pid;
	int end;

	record();
	compact(false);
	withdraw_up_to(WITHDRAWN);
	compact(false);
	packed = on_disk();
	/* Killed when it had made its directory, and nothing else. */
	(void)snprintf(path, sizeof path, "%s/sessions/20260101T101112.123456Z-0a1b2c3d",
		       recording_dir);
	ck_assert_int_eq(mkdir(path, 0777), 0);
	pid = recorder_without_segment(&end);
	compact(true);
	ck_assert_uint_ge(on_disk() + withdrawn_bytes() / 2, packed);
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_int_eq(mkdir(path, 0777), 0);
	ck_assert_int_eq(write(end, &byte, 1), 1);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	close(end);
	/* One generation alone is merged with what comes. */
	add_scope();
	compact(true);
	ck_assert_uint_lt(on_disk(), packed - withdrawn_bytes() + OVERHEAD);
}
END_TEST

/* It may be about to refer to what it has stored. */
START_TEST(a_session_that_goes_on_keeps_what_it_has)
{
	struct tape *t = recording_open("sync=none commit_ms=86400000");
	struct tape_compact_options options = { .size = sizeof options };
	struct tape_compact_result result;
	struct tape_error err = { 0 };

	store(t, 3);
	ck_assert_int_eq(tape_cache_drop(t, key_of(3)), 1);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_int_eq(tape_compact(recording_dir, &options, &result, &err), 0);
	ck_assert_uint_eq(recording_files("blobs"), 1);
	ck_assert_int_eq(recording_put_blob(t, 3, 4, size_of(3)), 0);
	ck_assert_int_eq(tape_close(t), 0);
	compact(true);
	struct recording read = recording_read();

	ck_assert_uint_eq(recording_times(&read, 3), 1);
	ck_assert_uint_eq(read.bad_blobs, 0);
	recording_release(&read);
	ck_assert_uint_eq(count("_cache withdrawn=true"), 2);
	ck_assert_uint_eq(unreferenced(), 0);
}
END_TEST

/* Files go at once where nobody is recording. */
START_TEST(the_file_of_a_withdrawn_result_goes_with_it)
{
	struct tape *t = recording_open(ASLEEP), *alive;

	store(t, 3);
	store(t, 7);
	ck_assert_int_eq(tape_cache_drop(t, key_of(3)), 1);
	ck_assert_int_eq(tape_close(t), 0);
	alive = recording_open(ASLEEP);
	ck_assert_int_eq(recording_put(alive, 1), 0);
	ck_assert_int_eq(tape_commit(alive), 0);
	compact(false);
	ck_assert_uint_eq(recording_files("blobs"), 1); /* that of 7 is packed */
	ck_assert_int_eq(tape_close(alive), 0);
	t = recording_open(ASLEEP);
	store(t, 11);
	ck_assert_int_eq(tape_cache_drop(t, key_of(11)), 1);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(recording_files("blobs"), 2);
	compact(false);
	ck_assert_uint_eq(recording_files("blobs"), 1); /* a day and another compaction */
	t = recording_open(ASLEEP);
	ck_assert(found(t, 7));
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

/*
 * A program that has no room for values knows where they stood; of another session than
 * the one that it has open it finds something else there, and has no word to say on that.
 */
START_TEST(who_knows_a_result_that_made_room_misses_it_without_a_word)
{
	struct tape *t;

	for (int session = 0; session < 2; session++) {
		t = recording_open(ASLEEP);
		for (int n = 0; n < 10; n++)
			store_number(t, 10 * session + n, n);
		ck_assert_int_eq(tape_close(t), 0);
	}
	t = recording_open(ASLEEP);
	ck_assert_int_eq(tape_cache_has(t, key_of(0), NULL), 1);
	atomic_load(&t->cache)->most = 0;
	for (int i = 0; i < 3; i++)
		for (int n = 0; n < 20; n++)
			ck_assert(number(t, n) == n % 10);
	for (int n = 100; n < 500; n++)
		store_number(t, n, n); /* others make room */
	withdraw_up_to(10);
	compact(true);
	for (int n = 10; n < 20; n++)
		ck_assert(number(t, n) == n % 10);
	for (int n = 0; n < 10; n++)
		ck_assert(number(t, n) == -1);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(warnings("is not used"), 0);
}
END_TEST

START_TEST(what_replaces_a_result_stays_and_what_it_replaced_goes)
{
	struct tape *t = recording_open(ASLEEP);

	for (int i = 0; i < 3; i++) {
		store_number(t, 1, i);
		ck_assert(number(t, 1) == i);
		if (i < 2)
			ck_assert_int_eq(tape_cache_drop(t, key_of(1)), 1);
	}
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(count("_cache _has=key"), 5);
	compact(true);
	/* Their positions are there, and say so. */
	ck_assert_uint_eq(count("_cache _has=key"), 1);
	ck_assert_uint_eq(count("_cache withdrawn=true"), 4);
	t = recording_open(ASLEEP);
	ck_assert(number(t, 1) == 2);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(unreferenced(), 0);
}
END_TEST

/* ---- calls that fail ---- */

static struct {
	long n, seen;
	bool ever;
} fault;

static int
strike(void *user, enum os_call call, const char *path, size_t *limit)
{
	(void)user;
	(void)call;
	(void)path;
	(void)limit;
	fault.seen++;
	return (fault.ever ? fault.seen < fault.n : fault.seen != fault.n) ? 0 : EIO;
}

static int
copy_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	char to[600];

	(void)st;
	(void)ftw;
	if (strcmp(path, "run.tape/compact.lock") == 0)
		return 0;
	(void)snprintf(to, sizeof to, "copy%s", path + strlen("run.tape"));
	return kind == FTW_D ? mkdir(to, 0755) : link(path, to);
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return kind == FTW_DP ? rmdir(path) : unlink(path);
}

/* Every 48th call, which ones the seed says: with it the run fails, or leaves more than it might. */
START_TEST(whatever_call_fails_nothing_goes_but_what_was_withdrawn)
{
	const char *tape = recording_dir;
	struct tape_compact_options options = { .size = sizeof options,
						.flags = TAPE_COMPACT_FULL,
						.jobs = 1 };
	struct tape_compact_result result;
	struct tape_error err = { 0 };
	struct scopes others;
	const unsigned every = 48 * (unsigned)suite_step(3);
	int r;

	record();
	compact(false);
	withdraw_up_to(WITHDRAWN);
	others = all_others();
	fault.ever = _i == 1;
	fault.n = 1 + (unsigned)suite_start((int)every);
	for (;; fault.n += every) {
		ck_assert_int_eq(nftw(tape, copy_one, 8, FTW_PHYS), 0);
		recording_dir = "copy";
		fault.seen = 0;
		os_fault_set(strike, NULL);
		r = tape_compact(recording_dir, &options, &result, &err);
		os_fault_set(NULL, NULL);
		ck_assert(r == 0 || err.message[0] != '\0');
		check_tape(&others);
		compact(true);
		check_tape(&others);
		ck_assert_uint_eq(results(), RESULTS - WITHDRAWN);
		ck_assert_uint_eq(unreferenced(), 0);
		ck_assert_int_eq(nftw("copy", remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
		recording_dir = tape;
		if (fault.seen < fault.n)
			break;
	}
	ck_assert_int_gt(fault.n, 100);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("withdrawn");
	TCase *tc = tcase_create("withdrawn");

	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, what_was_withdrawn_before_it_was_compacted_is_left_out);
	tcase_add_test(tc, what_was_compacted_before_goes_when_generations_are_merged);
	tcase_add_test(tc, packed_blobs_stay_while_somebody_may_record);
	tcase_add_test(tc, a_session_without_a_segment_is_alive_while_its_process_is);
	tcase_add_test(tc, a_session_that_goes_on_keeps_what_it_has);
	tcase_add_test(tc, the_file_of_a_withdrawn_result_goes_with_it);
	tcase_add_test(tc, who_knows_a_result_that_made_room_misses_it_without_a_word);
	tcase_add_test(tc, what_replaces_a_result_stays_and_what_it_replaced_goes);
	tcase_add_loop_test(tc, whatever_call_fails_nothing_goes_but_what_was_withdrawn,
			    0, 2);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
