/* SPDX-License-Identifier: Apache-2.0 */
/* Results under keys: what is stored is found again, as it was. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "format/os.h"
#include "librecord/cache.h"
#include "tape/record.h"
#include "tests/support/caching.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

/* ---- values ---- */

struct model {
	double alpha;
	int n;
	char name[12];
	float grid[2][3];
};
TAPE_DESCRIBE(model, struct model, alpha, n, name, grid);

struct all {
	_Bool yes;
	signed char tiny;
	unsigned long long large;
	float single;
	double _Complex z;
	float _Complex w;
	char text[20];
	short row[5];
	double matrix[4][4];
	struct model model;
};

static void
fill_all(struct all *a)
{
	memset(a, 0, sizeof *a);
	a->yes = 1;
	a->tiny = -5;
	a->large = UINT64_MAX - 3;
	a->single = 0.1f;
	a->z = 1.5;
	a->w = 2.5f;
	strcpy(a->text, "glucose");
	for (int i = 0; i < 5; i++)
		a->row[i] = (short)(i * 1000 - 2000);
	for (int i = 0; i < 16; i++)
		a->matrix[i / 4][i % 4] = i * 0.25;
	a->model = (struct model){ 0.5, 3, "abc", { { 1, 2, 3 }, { 4, 5, 6 } } };
}

static int
recall_all(struct tape *t, struct all *a, char **text, double **new, size_t *count_new)
{
	double m = 0;
	struct tape_key k = TAPE_KEY("all", m);

	return TAPE_RECALL(t, k, TAPE_AS("yes", &a->yes), TAPE_AS("tiny", &a->tiny),
			   TAPE_AS("large", &a->large), TAPE_AS("single", &a->single),
			   TAPE_AS("z", &a->z), TAPE_AS("w", &a->w),
			   TAPE_AS("text", TAPE_TEXT(a->text, 20)),
			   TAPE_AS("row", TAPE_ARRAY(a->row, 5)),
			   TAPE_AS("matrix", TAPE_ARRAY(&a->matrix[0][0], 4, 4)),
			   TAPE_AS("model", TAPE_OF(model, &a->model)),
			   TAPE_AS("heap", text),
			   TAPE_AS("long", TAPE_NEW(new, count_new)));
}

static void
store_all(struct tape *t, const struct all *a)
{
	double m = 0, *numbers = malloc(3000 * sizeof *numbers);
	struct tape_key k = TAPE_KEY("all", m);

	for (int i = 0; i < 3000; i++)
		numbers[i] = i;
	ck_assert_int_eq(TAPE_STORE(t, k, TAPE_AS("yes", a->yes),
				    TAPE_AS("tiny", a->tiny), TAPE_AS("large", a->large),
				    TAPE_AS("single", a->single), TAPE_AS("z", a->z),
				    TAPE_AS("w", a->w), TAPE_AS("text", a->text),
				    TAPE_AS("row", a->row),
				    TAPE_AS("matrix", TAPE_ARRAY(&a->matrix[0][0], 4, 4)),
				    TAPE_AS("model", TAPE_OF(model, &a->model)),
				    TAPE_AS("heap", "on the heap"),
				    TAPE_AS("long", TAPE_ARRAY(numbers, 3000))),
			 1);
	free(numbers);
}

static void
check_all(struct tape *t)
{
	struct all want, got;
	char *text = NULL;
	double *numbers = NULL;
	size_t n = 0;

	fill_all(&want);
	memset(&got, 0, sizeof got);
	ck_assert_msg(recall_all(t, &got, &text, &numbers, &n) == 1, "%s",
		      tape_bind_error());
	ck_assert_mem_eq(&got, &want, sizeof got);
	ck_assert_str_eq(text, "on the heap");
	ck_assert_uint_eq(n, 3000);
	ck_assert(numbers[2999] == 2999);
	free(text);
	free(numbers);
}

START_TEST(results_of_all_types_are_found_again_raw_and_compacted)
{
	struct tape *t = recording_open(ASLEEP), *other;
	struct all a;

	fill_all(&a);
	store_all(t, &a);
	for (int i = 0; i < 3; i++)
		check_all(t);
	ck_assert_int_eq(tape_commit(t), 0);
	other = tape_open(recording_dir, NULL);
	for (int i = 0; i < 3; i++)
		check_all(other);
	ck_assert_int_eq(tape_close(other), 0);
	ck_assert_int_eq(tape_close(t), 0);
	for (int full = 0; full < 2; full++) {
		compact(full);
		t = tape_open(recording_dir, NULL);
		for (int i = 0; i < 3; i++)
			check_all(t);
		ck_assert_int_eq(tape_close(t), 0);
	}
}
END_TEST

START_TEST(a_large_blob_is_found_wherever_it_lies)
{
	static const char *const settings[] = { ASLEEP, ASLEEP " blobs=at-commit",
						ASLEEP " commit=manual",
						ASLEEP " blob_store=log" };
	size_t size = 300000;
	unsigned char *data = malloc(size), *got = malloc(size), *p;

	recording_fill(data, size, 7);
	for (int i = 0; i < 4; i++) {
		struct tape *t = recording_open(settings[i]);
		struct tape_key k = TAPE_KEY("blob", i);

		data[0] = (unsigned char)i;
		ck_assert_int_eq(TAPE_STORE(t, k, TAPE_BLOB(data, size)), 1);
		memset(got, 0, size);
		ck_assert_int_eq(TAPE_RECALL(t, k, TAPE_ARRAY(got, size)), 1);
		ck_assert(memcmp(got, data, size) == 0);
		ck_assert_int_eq(tape_close(t), 0);
	}
	for (int when = 0; when < 2; when++) {
		struct tape *t = recording_open(ASLEEP);

		for (int i = 0; i < 4; i++) {
			size_t n = 0;

			data[0] = (unsigned char)i;
			ck_assert_int_eq(
				TAPE_RECALL(t, TAPE_KEY("blob", i), TAPE_NEW(&p, &n)), 1);
			ck_assert_uint_eq(n, size);
			ck_assert(memcmp(p, data, size) == 0);
			free(p);
		}
		ck_assert_int_eq(tape_close(t), 0);
		compact(true);
	}
	free(data);
	free(got);
}
END_TEST

static void
write_whole(const char *path, const void *data, size_t size)
{
	FILE *f = fopen(path, "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, size, f), size);
	ck_assert_int_eq(fclose(f), 0);
}

static bool
file_is(const char *path, const void *data, size_t size)
{
	unsigned char *got = malloc(size + 1);
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(got, 1, size + 1, f) : 0;
	bool same = f && n == size && memcmp(got, data, size) == 0;

	if (f)
		fclose(f);
	free(got);
	return same;
}

START_TEST(a_file_is_a_result_and_a_result_becomes_a_file)
{
	size_t size = 700000;
	unsigned char *data = malloc(size);
	struct tape *t = recording_open(ASLEEP);
	struct tape_ref mesh;
	double x = 0;

	recording_fill(data, size, 5);
	write_whole("mesh.bin", data, size);
	ck_assert_int_eq(tape_stream_file(t, "nowhere.bin", &mesh), -1);
	ck_assert_int_eq(tape_stream_file(t, "mesh.bin", &mesh), 0);
	ck_assert_int_eq(TAPE_STORE(t, key_of(1), &mesh, TAPE_AS("x", 1.5)), 1);
	write_whole("out.bin", "old", 3);
	/* All or nothing: the file stays as it was. */
	ck_assert_int_eq(TAPE_RECALL(t, key_of(1),
				     TAPE_AS("mesh", TAPE_TO_FILE("out.bin")),
				     TAPE_AS("y", &x)),
			 0);
	ck_assert(file_is("out.bin", "old", 3));
	ck_assert_int_eq(TAPE_RECALL(t, key_of(1), TAPE_AS("x", TAPE_TO_FILE("out.bin"))),
			 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(TAPE_RECALL(t, key_of(1),
					     TAPE_AS("mesh", TAPE_TO_FILE("out.bin")),
					     &x),
				 1);
		ck_assert(x == 1.5 && file_is("out.bin", data, size));
		ck_assert_int_eq(unlink("out.bin"), 0);
		ck_assert_int_eq(tape_close(t), 0);
		compact(i == 1);
		t = recording_open(ASLEEP);
	}
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_int_eq(system("ls | grep -q tmp"), 256);
	free(data);
}
END_TEST

START_TEST(a_single_result_needs_no_name_others_do)
{
	struct tape *t = recording_open(ASLEEP);
	double a = 1, b = 2, x = 0, y = 0;

	ck_assert_int_eq(TAPE_STORE(t, key_of(1), a + b), 1);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(TAPE_RECALL(t, key_of(1), &x), 1);
	ck_assert(x == 3);
	ck_assert_int_eq(TAPE_STORE(t, key_of(2), a, b), 1);
	ck_assert_int_eq(TAPE_RECALL(t, key_of(2), &x, &y), 0);
	ck_assert(x == 3 && y == 0);
	/* In any order. */
	ck_assert_int_eq(TAPE_RECALL(t, key_of(2), TAPE_AS("b", &x), TAPE_AS("a", &y)),
			 1);
	ck_assert(x == 2 && y == 1);
	/* And some of them. */
	ck_assert_int_eq(TAPE_RECALL(t, key_of(2), TAPE_AS("b", &y)), 1);
	ck_assert(y == 2);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(warnings("x: is missing in the scope"), 1);
}
END_TEST

START_TEST(what_is_stored_anew_before_a_commit_is_found_with_its_own_value)
{
	struct tape *t = recording_open(ASLEEP " blob_store=log");
	size_t n = 20000;
	double *row = calloc(n, sizeof *row), *got = calloc(n, sizeof *got);
	struct tape_pos pos;

	for (int first = 0; first < 2; first++) {
		struct tape_key k = key_of(first);

		/* The withdrawn one is as long, or shorter. */
		row[0] = 1;
		ck_assert_int_eq(TAPE_STORE(t, k, TAPE_ARRAY(row, first ? n / 2 : n)), 1);
		ck_assert_int_eq(tape_cache_drop(t, k), 1);
		row[0] = 2;
		ck_assert_int_eq(TAPE_STORE(t, k, TAPE_ARRAY(row, n)), 1);
		ck_assert_int_eq(tape_commit(t), 0);
		ck_assert_int_eq(tape_cache_has(t, k, &pos), 1);
		ck_assert_uint_eq(pos.seq, 3u * (unsigned)first + 3);
		ck_assert_int_eq(TAPE_RECALL(t, k, TAPE_AS("row", TAPE_ARRAY(got, n))),
				 1);
		ck_assert(got[0] == 2);
	}
	ck_assert_int_eq(tape_close(t), 0);
	free(row);
	free(got);
}
END_TEST

/* ---- more than memory holds ---- */

static void
store_row(struct tape *t, int n)
{
	double row[500];

	for (int i = 0; i < 500; i++)
		row[i] = n + i;
	int stored = TAPE_STORE(t, TAPE_KEY("row", n), n, row);
	ck_assert_int_eq(stored, 1);
}

static void
check_rows(struct tape *t, int count_rows)
{
	for (int n = 0; n < count_rows; n++) {
		double row[500] = { 0 };
		int at = -1;

		int hit = TAPE_RECALL(t, TAPE_KEY("row", n), TAPE_AS("n", &at), row);

		ck_assert_msg(hit == 1, "%d: %s", n, tape_bind_error());
		ck_assert(at == n && row[0] == n && row[499] == n + 499);
	}
}

START_TEST(values_beyond_the_bound_of_memory_are_read_from_the_tape)
{
	struct tape *t = recording_open(ASLEEP);
	struct cache *c;

	store_row(t, 0);
	c = atomic_load(&t->cache);
	c->most = 100000;
	for (int n = 1; n < 200; n++) {
		store_row(t, n);
		if (n % 60 == 0)
			ck_assert_int_eq(tape_commit(t), 0);
	}
	for (int i = 0; i < 2; i++)
		check_rows(t, 200);
	ck_assert_uint_le(atomic_load(&c->held), 2 * c->most);
	ck_assert_int_eq(tape_close(t), 0);
	for (int i = 0; i < 3; i++) {
		t = recording_open(ASLEEP);
		(void)tape_cache_has(t, key_of(i), NULL);
		c = atomic_load(&t->cache);
		c->most = 100000;
		check_rows(t, 200);
		check_rows(t, 200);
		ck_assert_int_eq(tape_close(t), 0);
		compact(i == 1);
	}
}
END_TEST

static size_t
slots_of(struct cache *c)
{
	size_t slots = 0;

	for (unsigned i = 0; i < CACHE_SHARDS; i++)
		slots += c->shards[i].cap + c->shards[i].spot_cap;
	return slots;
}

/* What was found out about a place for one recorder holds for those that come later. */
START_TEST(a_place_asks_many_recorders_in_turn_and_finds_its_way_once)
{
	static struct tape_site site = TAPE_SITE_("k, x, y", 2, TAPE_SITE_HAS_LABEL);
	void *plans = NULL;

	for (int n = 0; n < 12; n++) {
		struct tape *t = recording_open(ASLEEP);
		double x = n, y = -n;
		const struct tape_named outs[] = { TAPE_TO_(&x), TAPE_TO_(&y) };

		ck_assert_int_eq(TAPE_STORE(t, key_of(n), x, y), 1);
		for (int i = 0; i < 3; i++) {
			x = y = 99;
			ck_assert_int_eq(tape_recall(t, &site, key_of(n), outs), 1);
			ck_assert(x == n && y == -n);
		}
		plans = n == 0 ? site.plans : plans;
		ck_assert_ptr_nonnull(plans);
		ck_assert_ptr_eq(site.plans, plans);
		ck_assert_int_eq(tape_close(t), 0);
	}
}
END_TEST

START_TEST(what_is_asked_for_and_never_stored_takes_no_memory_for_good)
{
	struct tape *t = recording_open(ASLEEP);
	size_t slots = 0;

	for (int n = 0; n < 200; n++)
		store_number(t, n, n);
	for (int n = 1000; n < 90000; n++) {
		ck_assert(number(t, n) == -1);
		if (n == 40000)
			slots = slots_of(atomic_load(&t->cache));
	}
	ck_assert_uint_eq(slots_of(atomic_load(&t->cache)), slots);
	ck_assert_uint_le(slots, (size_t)4 * CACHE_SHARDS * CACHE_MISSES);
	for (int n = 0; n < 200; n++)
		ck_assert(number(t, n) == n);
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

/* ---- entries are scopes ---- */

START_TEST(entries_are_scopes_that_are_found_by_what_they_were_made_of)
{
	struct tape *t = recording_open(ASLEEP);

	for (int i = 0; i < 10; i++) {
		double D = i * 0.1, ts[20] = { D }, yield = 0;
		struct tape_key k = TAPE_KEY("yield", D, ts, TAPE_AS("kind", "batch"));

		TAPE_LABEL(t, "sweep");
		TAPE(t, "iter", i);
		if (!TAPE_RECALL(t, k, &yield)) {
			yield = i;
			TAPE_STORE(t, k, yield);
		}
	}
	ck_assert_int_eq(tape_close(t), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(count(""), 10);
		ck_assert_uint_eq(count("sweep"), 10);
		ck_assert_uint_eq(count("_cache name=yield"), 10);
		ck_assert_uint_eq(count("sweep _cache out.yield>=5 in.D>=0.5"), 5);
		ck_assert_uint_eq(count("_cache in.kind=batch seconds>=0 seconds<60"),
				  10);
		ck_assert_uint_eq(count("_cache hits=0 misses=10 stored=10"), 1);
		compact(true);
	}
}
END_TEST

START_TEST(hits_are_counted_and_what_was_used_is_noted)
{
	struct tape *t = recording_open(ASLEEP);

	for (int i = 0; i < 5; i++)
		store_number(t, i, i);
	ck_assert_int_eq(tape_close(t), 0);
	t = recording_open(ASLEEP);
	for (int i = 0; i < 20; i++)
		(void)number(t, i % 10);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(count("_cache hits=10 misses=10 stored=0"), 1);
	ck_assert_uint_eq(count("_cache _has=used"), 1);
}
END_TEST

/* ---- at the same time ---- */

static void *
fill_some(void *user)
{
	struct tape *t = user;
	unsigned wrong = 0;

	for (int i = 0; i < 2000; i++) {
		double yield = -1;

		if (!TAPE_RECALL(t, key_of(i), &yield)) {
			yield = i * 0.5;
			TAPE_STORE(t, key_of(i), yield);
		}
		wrong += yield != i * 0.5;
	}
	return (void *)(uintptr_t)wrong;
}

START_TEST(threads_fill_and_read_one_cache)
{
	struct tape *t = recording_open("sync=none commit_bytes=4096");
	pthread_t threads[4];
	void *wrong;

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, fill_some, t), 0);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_join(threads[i], &wrong), 0);
		ck_assert_ptr_null(wrong);
	}
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_uint_eq(warnings("two different"), 0);
	t = recording_open(ASLEEP);
	for (int i = 0; i < 2000; i++)
		ck_assert(number(t, i) == i * 0.5);
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

static struct tape *filled, *closed;
static atomic_bool over;
static atomic_int looks;

static void *
fill_on(void *user)
{
	(void)user;
	for (int i = 0; i < 4000 && !atomic_load(&over); i++) {
		store_number(filled, i, i);
		if (i % 8 == 0)
			(void)tape_commit(filled);
	}
	return NULL;
}

static void *
look_on(void *user)
{
	(void)user;
	while (!atomic_load(&over)) {
		tape_refresh(closed);
		atomic_fetch_add(&looks, 1);
	}
	return NULL;
}

/* Memory of a look goes after it, not under it. */
START_TEST(a_recorder_is_closed_while_another_thread_looks)
{
	pthread_t threads[2];

	for (int round = 0; round < 8; round++) {
		filled = recording_open(ASLEEP);
		closed = recording_open(ASLEEP);
		atomic_store(&over, false);
		atomic_store(&looks, 0);
		ck_assert_int_eq(pthread_create(&threads[0], NULL, fill_on, NULL), 0);
		ck_assert_int_eq(pthread_create(&threads[1], NULL, look_on, NULL), 0);
		while (atomic_load(&looks) < 1 + round % 4)
			sched_yield();
		ck_assert_int_eq(tape_close(closed), 0);
		atomic_store(&over, true);
		for (int i = 0; i < 2; i++)
			ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		ck_assert_int_eq(tape_close(filled), 0);
	}
}
END_TEST

static void *
store_and_checkpoint(void *user)
{
	struct tape *t = user;

	TAPE(t, "checkpoint", TAPE_AS("step", 1));
	store_number(t, 2, 0.5);
	return NULL;
}

/* A thread that came after the cache would stand in front of it. */
START_TEST(results_stand_before_the_checkpoint_that_was_committed_with_them)
{
	struct tape *t = recording_open("commit=manual sync=none");
	pthread_t thread;
	int step = 0;

	ck_assert(number(t, 1) < 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, store_and_checkpoint, t), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_uint_eq(count("_cache name=yield _seq=1"), 1);
	ck_assert_uint_eq(count("checkpoint _seq=2"), 1);
	ck_assert_int_eq(tape_close(t), 0);
	t = recording_open("sync=none");
	ck_assert_int_eq(TAPE_RESTORE(t, "checkpoint", &step), 1);
	ck_assert_int_eq(tape_resume(t), 0);
	ck_assert_uint_eq(count("_cache name=yield"), 1);
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

/* ---- for bindings ---- */

START_TEST(the_functions_underneath_do_the_same)
{
	struct tape *t = recording_open(ASLEEP);
	struct tape_build *b = tape_build_begin(t, NULL);
	struct tape_key_build *kb = tape_key_begin("yield");
	double yield = 0;
	struct tape_key key;

	tape_key_put_i64(kb, "n", 1, 1);
	key = tape_key_end(kb);
	ck_assert_int_eq(tape_build_f64(b, "yield", 5, 1.25), 0);
	ck_assert_int_eq(tape_build_str(b, "note", 4, "text", 4), 0);
	ck_assert_int_eq(tape_cache_has(t, key, NULL), 0);
	ck_assert_int_eq(tape_cache_put(t, key, b), 1);
	ck_assert_int_eq(tape_cache_has(t, key, NULL), 1);
	ck_assert_int_eq(TAPE_RECALL(t, key_of(1), &yield), 1);
	ck_assert(yield == 1.25);
	struct tape_named out = { .value = { (uint64_t)(uintptr_t)&yield, 8 },
				  .kind = TAPE_TO + tape_kind_f64 };
	yield = 0;
	ck_assert_int_eq(tape_cache_get(t, key, "yield", 1, &out), 1);
	ck_assert(yield == 1.25);
	ck_assert_int_eq(tape_close(t), 0);
}
END_TEST

static pthread_t tester;
static int calls_made; /* by the tester */

static int
count_calls(void *user, enum os_call call, const char *path, size_t *limit)
{
	(void)user;
	(void)call;
	(void)path;
	(void)limit;
	calls_made += pthread_equal(pthread_self(), tester) != 0;
	return 0;
}

/* On a tape that was never compacted, too. */
START_TEST(between_two_looks_the_tape_is_not_touched)
{
	struct tape *a = recording_open(ASLEEP), *b = recording_open(ASLEEP);

	for (int i = 1; i < 100; i++)
		store_number(a, i, i);
	ck_assert_int_eq(tape_commit(a), 0);
	(void)number(b, 999);
	atomic_load(&b->cache)->looked = INT64_MAX; /* none but that of the refresh */
	calls_made = 0;
	tester = pthread_self();
	os_fault_set(count_calls, NULL);
	for (int i = 1; i < 100; i++) {
		ck_assert(number(b, i) == i);
		ck_assert(number(b, -i) == -1);
	}
	ck_assert_int_eq(calls_made, 0);
	tape_refresh(b);
	ck_assert_int_gt(calls_made, 0);
	os_fault_set(NULL, NULL);
	ck_assert_int_eq(tape_close(a), 0);
	ck_assert_int_eq(tape_close(b), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cache");
	TCase *tc = tcase_create("cache");

	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, results_of_all_types_are_found_again_raw_and_compacted);
	tcase_add_test(tc, a_large_blob_is_found_wherever_it_lies);
	tcase_add_test(tc, a_file_is_a_result_and_a_result_becomes_a_file);
	tcase_add_test(tc, a_single_result_needs_no_name_others_do);
	tcase_add_test(tc,
		       what_is_stored_anew_before_a_commit_is_found_with_its_own_value);
	tcase_add_test(tc, values_beyond_the_bound_of_memory_are_read_from_the_tape);
	tcase_add_test(tc, a_place_asks_many_recorders_in_turn_and_finds_its_way_once);
	tcase_add_test(tc, what_is_asked_for_and_never_stored_takes_no_memory_for_good);
	tcase_add_test(tc, entries_are_scopes_that_are_found_by_what_they_were_made_of);
	tcase_add_test(tc, hits_are_counted_and_what_was_used_is_noted);
	tcase_add_test(tc, the_functions_underneath_do_the_same);
	tcase_add_test(tc, between_two_looks_the_tape_is_not_touched);
	suite_add_tcase(suite, tc);
	tc = tcase_create("threads");
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, threads_fill_and_read_one_cache);
	tcase_add_test(tc, a_recorder_is_closed_while_another_thread_looks);
	tcase_add_test(tc,
		       results_stand_before_the_checkpoint_that_was_committed_with_them);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
