/* SPDX-License-Identifier: Apache-2.0 */
/* What a compactor may remove and when, and what it must leave alone. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/generation.h"
#include "format/os.h"
#include "format/path.h"
#include "tape/compact.h"
#include "tape/search.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

#define HOUR_NS (INT64_C(3600) * 1000000000)

/* ---- a small tape ---- */

static void
record(int64_t from, int64_t count)
{
	struct tape *t = recording_open("sync=none embed_max=4096");

	for (int64_t i = from; i < from + count; i++)
		ck_assert_int_eq(i % 4 == 0 ? recording_put_blob(t, i, (unsigned)i % 7,
								 i % 8 ? 6000 : 3000)
					    : recording_put(t, i),
				 0);
	ck_assert_int_eq(tape_close(t), 0);
}

static int
compact_with(uint32_t flags, int64_t grace_ns, const char *dead,
	     struct tape_compact_result *result, struct tape_error *err)
{
	struct tape_compact_options o = { .size = sizeof o,
					  .flags = flags,
					  .jobs = 1,
					  .grace_ns = grace_ns,
					  .assume_dead = &dead,
					  .assume_dead_count = dead != NULL };

	return tape_compact(recording_dir, &o, result, err);
}

static void
compact(uint32_t flags)
{
	struct tape_error err = { 0 };
	int r = compact_with(flags, 0, NULL, NULL, &err);

	ck_assert_msg(r == 0, "%s %s", err.file, err.message);
}

/* Numbers 0 to count - 1 are there, each once, with their blobs, and no damage. */
static void
check_answers(int64_t count, const char *when)
{
	struct recording read = recording_read();

	ck_assert_msg(
		read.count == (size_t)count && read.damage == 0 && read.bad_blobs == 0,
		"%s: %zu of %lld scopes, %u damaged, %zu blobs wrong: %s", when,
		read.count, (long long)count, read.damage, read.bad_blobs, read.report);
	for (int64_t i = 0; i < count; i++)
		ck_assert_msg(read.numbers[i] == i, "%s: scope %lld", when, (long long)i);
	recording_release(&read);
}

static unsigned
entries(const char *dir)
{
	char path[300];
	struct dirent *e;
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof path, "%s/%s", recording_dir, dir);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	if (d != NULL)
		closedir(d);
	return n;
}

static struct live_list
live_list(void)
{
	struct live_list live;
	int fd = open(recording_dir, O_RDONLY | O_DIRECTORY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(live_list_read(fd, &live, NULL), 0);
	close(fd);
	return live;
}

/* ---- what stays and what goes ---- */

static int
refuse_live(void *user, enum os_call call, const char *path, size_t *limit)
{
	bool *linked = user;

	(void)limit;
	(void)path;
	if (call == OS_LINK)
		*linked = true;
	return *linked && call == OS_FSYNC ? EIO : 0;
}

START_TEST(a_generation_that_was_linked_stays_when_the_disk_refuses_the_list)
{
	struct tape_error err;
	bool linked = false;

	record(0, 20);
	os_fault_set(refuse_live, &linked);
	ck_assert_int_eq(compact_with(0, 0, NULL, NULL, &err), TAPE_ERR_IO);
	os_fault_set(NULL, NULL);
	ck_assert_uint_eq(entries("gen"), 1);
	ck_assert_uint_gt(entries("sessions"), 0);
	check_answers(20, "after the failure");
	compact(0);
	check_answers(20, "after the next run");
	ck_assert_uint_eq(entries("sessions"), 0);
}
END_TEST

START_TEST(a_damaged_live_list_stops_the_compactor)
{
	struct tape_error err;

	record(0, 20);
	compact(0);
	record(20, 20);
	ck_assert_int_eq(truncate("run.tape/live/1", 40), 0);
	ck_assert_int_eq(compact_with(0, 0, NULL, NULL, &err), TAPE_ERR_DAMAGED);
	ck_assert_uint_eq(entries("gen"), 1);
	ck_assert_uint_eq(entries("live"), 1);
}
END_TEST

static void
argv_of_first(char *text, size_t cap)
{
	struct tape_reader *reader;
	struct tape_info *info;

	ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, NULL), 0);
	ck_assert_int_eq(tape_info_read(reader, &info, NULL), 0);
	ck_assert_uint_gt(info->session_count, 0);
	snprintf(text, cap, "%s|%s|%zu", info->sessions[0].argv, info->sessions[0].cwd,
		 info->note_count);
	tape_info_free(info);
	tape_reader_close(reader);
}

START_TEST(manifests_survive_every_merge)
{
	char raw[500], packed[500];

	record(0, 8);
	argv_of_first(raw, sizeof raw);
	ck_assert_ptr_nonnull(strstr(raw, "compact"));
	compact(0);
	argv_of_first(packed, sizeof packed);
	ck_assert_str_eq(raw, packed);
	record(8, 8);
	compact(0);
	compact(TAPE_COMPACT_FULL);
	argv_of_first(packed, sizeof packed);
	ck_assert_str_eq(raw, packed);
}
END_TEST

static void
put_blobs(struct tape *t, int64_t from, int64_t to)
{
	for (int64_t i = from; i < to; i++)
		ck_assert_int_eq(recording_put_blob(t, i, (unsigned)i, 60000), 0);
	ck_assert_int_eq(tape_commit(t), 0);
}

/* Its manifest went with its first segments, and what follows is no reason to lose it. */
START_TEST(the_manifest_of_a_session_that_goes_on_survives_a_merge)
{
	struct tape *t = recording_open("sync=none");
	char raw[500], packed[500], session[TAPE_SESSION_TEXT];
	FILE *ls;

	put_blobs(t, 0, 2);
	argv_of_first(raw, sizeof raw);
	ls = popen("ls run.tape/sessions", "r");
	ck_assert_ptr_nonnull(fgets(session, sizeof session, ls));
	pclose(ls);
	ck_assert_int_eq(compact_with(0, 0, session, NULL, NULL), 0);
	ck_assert_int_ne(
		access("run.tape/sessions", F_OK) == 0 && entries("sessions") != 0, 1);
	/* Into a new segment, then one more, so that there is one that is over. */
	put_blobs(t, 2, 1202);
	compact(TAPE_COMPACT_FULL);
	ck_assert_uint_eq(entries("gen"), 1);
	ck_assert_uint_eq(entries("sessions"), 1);
	argv_of_first(packed, sizeof packed);
	ck_assert_str_eq(raw, packed);
	(void)tape_close(t); /* it says that its first segment was taken */
	compact(0);
	argv_of_first(packed, sizeof packed);
	ck_assert_str_eq(raw, packed);
}
END_TEST

/* The so many-th time that a file of that name is opened it cannot be read. */
static struct {
	const char *name;
	int opened, at;
} unreadable;

static int
refuse_to_read(void *user, enum os_call call, const char *path, size_t *limit)
{
	(void)user;
	(void)limit;
	if (call != OS_OPEN || path == NULL ||
	    strncmp(path, unreadable.name, strlen(unreadable.name)) != 0)
		return 0;
	return ++unreadable.opened == unreadable.at ? EIO : 0;
}

START_TEST(what_does_not_read_back_is_not_published)
{
	static const char *const names[] = { "MANIFEST", "live/tmp-" };
	struct tape_error err = { 0 };

	record(0, 8);
	for (size_t i = 0; i < 2; i++) {
		unreadable.name = names[i];
		unreadable.opened = 0;
		unreadable.at = 2; /* the first is where it is made */
		os_fault_set(refuse_to_read, NULL);
		ck_assert_int_eq(compact_with(0, 0, NULL, NULL, &err), TAPE_ERR_IO);
		os_fault_set(NULL, NULL);
		ck_assert_int_ge(unreadable.opened, 2);
		ck_assert_uint_eq(entries("live"), 0);
		ck_assert_uint_eq(entries("gen"), 0);
		check_answers(8, "after it was refused");
	}
	compact(0);
	check_answers(8, "in the end");
}
END_TEST

START_TEST(a_manifest_that_cannot_be_taken_over_stays)
{
	char path[330], dir[300], command[800];
	FILE *f;

	record(0, 8);
	f = popen("ls -d run.tape/sessions/*", "r");
	ck_assert_ptr_nonnull(fgets(dir, sizeof dir, f));
	pclose(f);
	dir[strcspn(dir, "\n")] = '\0';
	snprintf(path, sizeof path, "%s/manifest.jsonl", dir);
	/* Not a regular file: nobody can say what is in it. */
	snprintf(command, sizeof command, "mv %s kept && ln -s ../../../kept %s", path,
		 path);
	ck_assert_int_eq(system(command), 0);
	for (int i = 0; i < 2; i++) {
		struct recording read;

		compact(0);
		read = recording_read();
		ck_assert_uint_eq(read.count, 8);
		recording_release(&read);
		ck_assert_int_eq(access(path, F_OK), 0);
	}
}
END_TEST

START_TEST(generations_stay_few_and_large_ones_are_left_alone)
{
	char first[GENERATION_NAME];
	struct live_list live;
	int64_t at = 0;

	record(at, 400);
	at += 400;
	compact(0);
	live = live_list();
	snprintf(first, sizeof first, "%s", live.generations[0].name);
	live_list_release(&live);
	for (int i = 0; i < 24; i++, at += 4) {
		record(at, 4);
		compact(0);
		ck_assert_uint_le(entries("gen"), 8);
	}
	live = live_list();
	ck_assert_str_eq(first, live.generations[0].name);
	live_list_release(&live);
	check_answers(at, "after many compactions");
}
END_TEST

START_TEST(a_generation_that_is_about_to_be_published_stays)
{
	record(0, 8);
	ck_assert_int_eq(mkdir("run.tape/gen", 0777), 0);
	ck_assert_int_eq(mkdir("run.tape/gen/1-00000001", 0777), 0);
	compact(0); /* 2-... */
	ck_assert_uint_eq(entries("gen"), 1);
	ck_assert_int_eq(mkdir("run.tape/gen/7-00000001", 0777), 0);
	record(8, 8);
	ck_assert_int_eq(compact_with(TAPE_COMPACT_DRY_RUN, 0, NULL, NULL, NULL), 0);
	compact(0); /* 8-...: 7 was nobody's, or its maker will find that it was too late */
	ck_assert_uint_eq(entries("gen"), 2);
	ck_assert_int_eq(mkdir("run.tape/gen/9-00000001", 0777), 0);
	compact(0);
	ck_assert_int_eq(access("run.tape/gen/9-00000001", F_OK), 0);
}
END_TEST

START_TEST(a_session_with_a_damaged_segment_stays_raw)
{
	struct tape_compact_result result;
	struct recording before, after;

	record(0, 20);
	ck_assert_int_eq(system("f=$(ls run.tape/sessions/*/000000.log) && printf X | "
				"dd of=$f bs=1 seek=20 conv=notrunc status=none"),
			 0);
	before = recording_read();
	ck_assert_uint_gt(before.damage, 0);
	ck_assert_int_eq(compact_with(0, 0, NULL, &result, NULL), 0);
	ck_assert_uint_gt(result.left_raw, 0);
	ck_assert_uint_eq(entries("sessions"), 1);
	after = recording_read();
	ck_assert_uint_eq(before.count, after.count);
	recording_release(&before);
	recording_release(&after);
}
END_TEST

START_TEST(a_prefix_of_several_sessions_is_not_assumed_dead)
{
	struct tape_error err;

	record(0, 4);
	record(4, 4);
	ck_assert_int_eq(compact_with(0, 0, "20", NULL, &err), TAPE_ERR_MISUSE);
	ck_assert_int_eq(compact_with(0, 0, "1999", NULL, &err), TAPE_ERR_MISUSE);
	ck_assert_uint_eq(entries("gen"), 0);
}
END_TEST

/* ---- what happens in the middle of a run ---- */

/* Called once, at the n-th call to the system of a run. */
static struct {
	long n, seen;
	bool inside, fired;
	void (*what)(void);
} meanwhile;
static struct tape *recorder;

static int
at_the_moment(void *user, enum os_call call, const char *path, size_t *limit)
{
	(void)user;
	(void)call;
	(void)path;
	(void)limit;
	if (meanwhile.inside || ++meanwhile.seen != meanwhile.n)
		return 0;
	meanwhile.inside = meanwhile.fired = true;
	meanwhile.what();
	meanwhile.inside = false;
	return 0;
}

/* What the run says does not matter, only that afterwards everything is there. */
static void
compact_with_something_at(long n, void (*what)(void))
{
	meanwhile.n = n;
	meanwhile.seen = 0;
	meanwhile.inside = meanwhile.fired = false;
	meanwhile.what = what;
	os_fault_set(at_the_moment, NULL);
	(void)compact_with(0, 0, NULL, NULL, NULL);
	os_fault_set(NULL, NULL);
}

static void
close_the_session(void)
{
	ck_assert_int_eq(tape_close(recorder), 0);
}

START_TEST(a_session_that_ends_at_any_moment_of_a_run_loses_nothing)
{
	const int step = suite_step(9);
	long n = 1 + suite_start(step);

	for (;; n += step) {
		char when[60];

		ck_assert_int_eq(system("rm -rf run.tape"), 0);
		record(0, 8);
		compact(0);
		recorder = recording_open("sync=none commit=auto");
		for (int64_t i = 8; i < 16; i++)
			ck_assert_int_eq(recording_put(recorder, i), 0);
		ck_assert_int_eq(tape_commit(recorder), 0);
		snprintf(when, sizeof when, "closed at call %ld", n);
		compact_with_something_at(n, close_the_session);
		if (!meanwhile.fired)
			close_the_session();
		check_answers(16, when);
		compact(0);
		check_answers(16, when);
		ck_assert_msg(entries("sessions") == 0, "%s: it stays raw", when);
		if (!meanwhile.fired)
			break;
	}
	ck_assert_int_gt(n, 20);
}
END_TEST

/* Without a lock that the first one would see. */
static void
compact_twice(void)
{
	ck_assert_int_eq(unlink("run.tape/compact.lock"), 0);
	record(16, 4);
	compact(0);
	record(20, 4);
	compact(0);
}

START_TEST(a_compactor_that_is_overtaken_at_any_moment_loses_nothing)
{
	const int step = suite_step(9);
	long n = 3 + suite_start(step); /* the lock is there from then on */

	for (;; n += step) {
		char when[60];

		ck_assert_int_eq(system("rm -rf run.tape"), 0);
		record(0, 8);
		compact(0);
		record(8, 8);
		snprintf(when, sizeof when, "overtaken at call %ld", n);
		compact_with_something_at(n, compact_twice);
		if (!meanwhile.fired)
			break;
		check_answers(24, when);
		compact(0);
		check_answers(24, when);
		ck_assert_msg(entries("sessions") == 0, "%s: something stays raw", when);
	}
	ck_assert_int_gt(n, 20);
}
END_TEST

/* ---- blobs that nothing refers to ---- */

/* One that was recorded and then discarded; with two scopes that stay. */
static void
record_orphan(int64_t from)
{
	struct tape *t = recording_open("sync=none commit=manual embed_max=0");

	ck_assert_int_eq(recording_put(t, from), 0);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_int_eq(recording_put_blob(t, 1000, 99, 5000), 0);
	ck_assert_int_eq(tape_discard(t), 0);
	ck_assert_int_eq(recording_put(t, from + 1), 0);
	ck_assert_int_eq(tape_close(t), 0);
	unsetenv("TAPE_COMMIT");
	unsetenv("TAPE_EMBED_MAX");
}

static void
compact_after(int64_t grace_ns)
{
	struct tape_error err = { 0 };

	ck_assert_msg(compact_with(0, grace_ns, NULL, NULL, &err) == 0, "%s",
		      err.message);
}

START_TEST(an_unreferenced_blob_goes_at_the_second_compaction)
{
	struct live_list live;

	record_orphan(0);
	ck_assert_uint_eq(recording_files("blobs"), 1);
	compact_after(1);
	ck_assert_uint_eq(recording_files("blobs"), 1);
	live = live_list();
	ck_assert_uint_eq(live.unreferenced_count, 1);
	live_list_release(&live);
	compact_after(1);
	ck_assert_uint_eq(recording_files("blobs"), 0);
	check_answers(2, "without the blob");
}
END_TEST

START_TEST(a_loose_blob_goes_only_if_its_very_bytes_are_packed)
{
	char path[] = "run.tape/blobs/84/f4f85187a82aa0e078ac6b61962ed5";

	struct tape *t = recording_open("sync=none embed_max=0");

	ck_assert_int_eq(recording_put_blob(t, 0, 2, 3000), 0);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_int_eq(access(path, F_OK), 0); /* what seed 2 makes */
	ck_assert_int_eq(system("cp -r run.tape/blobs kept"), 0);
	compact_after(1);
	ck_assert_uint_eq(recording_files("blobs"), 0);
	ck_assert_int_eq(system("cp -r kept/. run.tape/blobs"), 0);
	compact_after(1);
	ck_assert_uint_eq(recording_files("blobs"), 0);
	ck_assert_int_eq(
		system("cp -r kept/. run.tape/blobs && printf X | dd conv=notrunc "
		       "status=none of=run.tape/blobs/84/"
		       "f4f85187a82aa0e078ac6b61962ed5"),
		0);
	for (int i = 0; i < 3; i++) {
		compact_after(1);
		ck_assert_uint_eq(recording_files("blobs"), 1);
		check_answers(1, "beside a file that is not the blob");
	}
}
END_TEST

START_TEST(an_unreferenced_blob_stays_for_the_grace_period)
{
	struct live_list first, later;

	record_orphan(0);
	compact_after(HOUR_NS);
	first = live_list();
	record(2, 4);
	compact_after(HOUR_NS);
	compact_after(HOUR_NS);
	ck_assert_uint_eq(recording_files("blobs"), 1);
	later = live_list();
	ck_assert_uint_gt(later.number, first.number);
	ck_assert_uint_eq(later.unreferenced_count, 1);
	ck_assert_int_eq(first.unreferenced[0].since_ns, later.unreferenced[0].since_ns);
	live_list_release(&first);
	live_list_release(&later);
}
END_TEST

START_TEST(an_unreferenced_blob_stays_while_a_session_lives_that_was_there_before)
{
	struct tape *alive = recording_open("sync=none commit=manual embed_max=0");

	ck_assert_int_eq(recording_put(alive, 2), 0);
	record_orphan(0);
	setenv("TAPE_COMMIT", "manual", 1);
	for (int i = 0; i < 3; i++) {
		compact_after(1);
		ck_assert_uint_eq(recording_files("blobs"), 1);
	}
	ck_assert_int_eq(tape_close(alive), 0);
	unsetenv("TAPE_COMMIT");
	compact_after(1);
	ck_assert_uint_eq(recording_files("blobs"), 0);
}
END_TEST

START_TEST(a_blob_that_only_a_raw_session_refers_to_stays)
{
	struct tape *alive;

	record_orphan(0);
	compact_after(1);
	setenv("TAPE_COMMIT", "auto", 1);
	alive = recording_open("sync=none commit=auto embed_max=0");
	ck_assert_int_eq(recording_put_blob(alive, 2, 99, 5000), 0);
	ck_assert_int_eq(tape_commit(alive), 0);
	for (int i = 0; i < 2; i++) {
		compact_after(1);
		ck_assert_uint_eq(recording_files("blobs"), 1);
		check_answers(3, "with a session that records");
	}
	ck_assert_int_eq(tape_close(alive), 0);
	compact_after(1);
	ck_assert_uint_eq(recording_files("blobs"), 0);
	check_answers(3, "in the end");
}
END_TEST

START_TEST(nothing_is_reclaimed_while_something_is_damaged)
{
	record_orphan(0);
	compact_after(1);
	record(2, 8);
	ck_assert_int_eq(system("f=$(ls run.tape/sessions/*/000000.log) && printf X | "
				"dd of=$f bs=1 seek=200 conv=notrunc status=none"),
			 0);
	for (int i = 0; i < 2; i++)
		(void)compact_with(0, 1, NULL, NULL, NULL);
	ck_assert_uint_ge(recording_files("blobs"), 1);
}
END_TEST

START_TEST(what_a_killed_recorder_left_in_the_temporary_directory_goes)
{
	record(0, 8);
	compact_after(HOUR_NS);
	ck_assert_int_eq(system("mkdir -p run.tape/blobs/tmp && "
				"echo half > run.tape/blobs/tmp/0123456789abcdef"),
			 0);
	compact_after(HOUR_NS);
	ck_assert_uint_eq(recording_files("blobs"), 1);
	compact_after(1);
	ck_assert_uint_eq(recording_files("blobs"), 0);
}
END_TEST

/* ---- contents ---- */

/* The content hashes of all scopes, in tape order. */
static size_t
content_hashes(struct tape_hash *to, size_t cap)
{
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	size_t n = 0;

	ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, NULL), 0);
	ck_assert_int_eq(tape_query_compile("", &query, NULL), 0);
	ck_assert_int_eq(tape_find(reader, query, NULL, &cursor, NULL), 0);
	while (n < cap && tape_cursor_next(cursor, &scope, NULL) == 1)
		to[n++] = tape_scope_hash(scope);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return n;
}

/* Its content has no bytes, and when it comes first no memory is there for them either. */
START_TEST(a_scope_without_variables_keeps_its_content)
{
	struct tape_hash raw[24], now[24];

	for (unsigned session = 0; session < 2; session++) {
		struct tape *t = recording_open("sync=none");

		ck_assert_int_eq(tape_build_end(tape_build_begin(t, "bare")), 0);
		for (int64_t i = 0; i < 5; i++)
			ck_assert_int_eq(recording_put(t, i + session), 0);
		ck_assert_int_eq(tape_close(t), 0);
		ck_assert_uint_eq(content_hashes(raw, 24), 6 * (session + 1));
		compact(0);
	}
	/* Both are read from generations now, and the first is the first of all. */
	compact(TAPE_COMPACT_FULL);
	ck_assert_uint_eq(entries("gen"), 1);
	ck_assert_uint_eq(content_hashes(now, 24), 12);
	ck_assert_mem_eq(now, raw, 12 * sizeof *raw);
}
END_TEST

/*
 * What the header of a block says of a column takes more or fewer bytes with how large
 * the column is, and whether it stands in the header itself: every size about that border.
 */
START_TEST(columns_of_any_small_size_are_compacted)
{
	static const char *const names[] = { "x", "y", "z" };
	unsigned char text[100];

	for (size_t n = 0; n < 60; n++) {
		struct tape *t = recording_open("sync=none");
		struct tape_build *b = tape_build_begin(t, "texts");
		size_t len = 1 + n / 3 * 5;

		for (size_t v = 0; v <= n % 3; v++) {
			recording_fill(text, len, (unsigned)(n * 3 + v));
			for (size_t i = 0; i < len; i++)
				text[i] = (unsigned char)('a' + text[i] % 26);
			ck_assert_int_eq(
				tape_build_str(b, names[v], 1, (char *)text, len), 0);
		}
		ck_assert_int_eq(tape_build_end(b), 0);
		ck_assert_int_eq(tape_close(t), 0);
		compact(0);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("compact");
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 240);
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc,
		       a_generation_that_was_linked_stays_when_the_disk_refuses_the_list);
	tcase_add_test(tc, a_damaged_live_list_stops_the_compactor);
	tcase_add_test(tc, manifests_survive_every_merge);
	tcase_add_test(tc, the_manifest_of_a_session_that_goes_on_survives_a_merge);
	tcase_add_test(tc, what_does_not_read_back_is_not_published);
	tcase_add_test(tc, a_manifest_that_cannot_be_taken_over_stays);
	tcase_add_test(tc, generations_stay_few_and_large_ones_are_left_alone);
	tcase_add_test(tc, a_generation_that_is_about_to_be_published_stays);
	tcase_add_test(tc, a_session_with_a_damaged_segment_stays_raw);
	tcase_add_test(tc, a_prefix_of_several_sessions_is_not_assumed_dead);
	tcase_add_test(tc, a_session_that_ends_at_any_moment_of_a_run_loses_nothing);
	tcase_add_test(tc, a_compactor_that_is_overtaken_at_any_moment_loses_nothing);
	tcase_add_test(tc, an_unreferenced_blob_goes_at_the_second_compaction);
	tcase_add_test(tc, a_loose_blob_goes_only_if_its_very_bytes_are_packed);
	tcase_add_test(tc, an_unreferenced_blob_stays_for_the_grace_period);
	tcase_add_test(
		tc,
		an_unreferenced_blob_stays_while_a_session_lives_that_was_there_before);
	tcase_add_test(tc, a_blob_that_only_a_raw_session_refers_to_stays);
	tcase_add_test(tc, nothing_is_reclaimed_while_something_is_damaged);
	tcase_add_test(tc, what_a_killed_recorder_left_in_the_temporary_directory_goes);
	tcase_add_test(tc, a_scope_without_variables_keeps_its_content);
	tcase_add_test(tc, columns_of_any_small_size_are_compacted);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
