/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results under keys, against SQLite and a file for each key, nothing of which waits for
 * the disk: cache_bench DIR [KEYS] fills DIR/tape, DIR/db and DIR/files and asks them;
 * cache_bench DIR KEYS compacted asks DIR/tape once it was compacted. README.md has the
 * lines that it prints.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "tape/record.h"

#define KEYS 20000u
#define ROW 4u
/* A table that is in the nearest caches of a processor: what a hit itself takes. */
#define FEW 256u
/* A table that is in no cache of the processor. */
#define LARGE_KEYS 100000u
#define LARGE_ROW 50u

struct result {
	double sum;
	int64_t count;
	double row[ROW];
};

struct bench {
	const char *dir;
	uint32_t keys;
	uint32_t *order;
	struct tape *t;
};

static void
die(const char *what)
{
	(void)fprintf(stderr, "cache_bench: %s\n", what);
	exit(1);
}

static void
line(const char *name, int64_t ns, uint32_t count)
{
	(void)printf("cache.%s\tns\t%.1f\n", name, (double)ns / count);
}

static struct result
compute(uint32_t i)
{
	struct result r = { i * 0.5, i, { i, i + 1.0, i + 2.0, i + 3.0 } };

	return r;
}

static struct tape_key
key_of(uint32_t i)
{
	double D = i * 0.001, X0 = 0.5;

	return TAPE_KEY("yield", D, X0, i);
}

/* The same order for all: no key after its neighbour. */
static void
make_order(struct bench *b)
{
	uint64_t state = 42;

	b->order = malloc(b->keys * sizeof *b->order);
	if (!b->order)
		die("no memory");
	for (uint32_t i = 0; i < b->keys; i++)
		b->order[i] = i;
	for (uint32_t i = b->keys; i > 1; i--) {
		uint32_t k, was;

		state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
		k = (uint32_t)((state >> 33) % i);
		was = b->order[k];
		b->order[k] = b->order[i - 1];
		b->order[i - 1] = was;
	}
}

static const char *
path_of(const struct bench *b, const char *name)
{
	static char path[4096];

	(void)snprintf(path, sizeof path, "%s/%s", b->dir, name);
	return path;
}

static void
check(uint32_t i, const struct result *r)
{
	if (r->sum != i * 0.5 || r->count != i || r->row[3] != i + 3.0)
		die("a wrong value");
}

/* ---- tape ---- */

static int64_t
tape_hits(const struct bench *b, struct tape *t)
{
	int64_t began = os_monotonic_ns();

	for (uint32_t n = 0; n < b->keys; n++) {
		uint32_t i = b->order[n];
		struct result r;

		if (!TAPE_RECALL(t, key_of(i), TAPE_AS("sum", &r.sum),
				 TAPE_AS("count", &r.count),
				 TAPE_AS("row", TAPE_ARRAY(r.row, ROW))))
			die("a result is missing");
		check(i, &r);
	}
	return os_monotonic_ns() - began;
}

/* As programs do it: outputs by their own names. */
static int64_t
tape_hits_named(const struct bench *b, struct tape *t)
{
	int64_t began = os_monotonic_ns();

	for (uint32_t n = 0; n < b->keys; n++) {
		uint32_t i = b->order[n];
		double sum, row[ROW];
		int64_t count;

		if (!TAPE_RECALL(t, key_of(i), &sum, &count, row))
			die("a result is missing");
		if (sum != i * 0.5 || count != i || row[3] != i + 3.0)
			die("a wrong value");
	}
	return os_monotonic_ns() - began;
}

static int64_t
tape_misses(const struct bench *b, struct tape *t)
{
	int64_t began = os_monotonic_ns();
	double sum;

	for (uint32_t n = 0; n < b->keys; n++)
		if (TAPE_RECALL(t, key_of(b->keys + b->order[n]), &sum))
			die("a result that nobody stored");
	return os_monotonic_ns() - began;
}

static void
time_keys(const struct bench *b)
{
	int64_t began = os_monotonic_ns();
	uint64_t all = 0;

	for (uint32_t n = 0; n < b->keys; n++)
		all ^= key_of(b->order[n]).lo;
	line("key", os_monotonic_ns() - began, b->keys);
	if (all == 0)
		die("all keys together are 0");
}

static struct tape *
open_tape(const struct bench *b)
{
	struct tape *t = tape_open(path_of(b, "tape"), NULL);

	if (!t)
		die(tape_error(NULL));
	if (tape_set(t, NULL, "dedup", "off") < 0)
		die(tape_error(t));
	return t;
}

static void
time_few(const struct bench *b, struct tape *t)
{
	struct bench few = *b;
	int64_t took = 0;
	uint32_t rounds = b->keys / FEW + 1;

	few.keys = b->keys < FEW ? b->keys : FEW;
	(void)tape_hits_named(&few, t);
	for (uint32_t i = 0; i < rounds; i++)
		took += tape_hits_named(&few, t);
	line("tape_hit_few", took, rounds * few.keys);
}

static void
time_tape(struct bench *b)
{
	struct tape *t, *other;
	int64_t began;

	(void)setenv("TAPE_SYNC", "none", 1);
	t = open_tape(b);
	began = os_monotonic_ns();
	for (uint32_t n = 0; n < b->keys; n++) {
		struct result r = compute(b->order[n]);
		double sum = r.sum, *row = r.row;
		int64_t count = r.count;

		TAPE_STORE(t, key_of(b->order[n]), sum, count, TAPE_ARRAY(row, ROW));
	}
	(void)tape_commit(t);
	line("tape_store", os_monotonic_ns() - began, b->keys);
	(void)tape_hits_named(b, t);
	line("tape_hit", tape_hits_named(b, t), b->keys);
	time_few(b, t);
	line("tape_hit_run_time_names", tape_hits(b, t), b->keys);
	line("tape_miss", tape_misses(b, t), b->keys);
	/* Another session of a process that has not looked yet: its look is in the time. */
	other = open_tape(b);
	line("tape_hit_other_first", tape_hits_named(b, other), b->keys);
	line("tape_hit_other", tape_hits_named(b, other), b->keys);
	if (tape_close(other) < 0 || tape_close(t) < 0)
		die("the tape is not whole");
}

static void
time_compacted(struct bench *b)
{
	struct tape *t;
	double sum;

	(void)setenv("TAPE_SYNC", "none", 1);
	t = open_tape(b);
	(void)TAPE_RECALL(t, key_of(0), &sum); /* opens the generation */
	line("tape_hit_compacted", tape_hits_named(b, t), b->keys);
	line("tape_hit_compacted_again", tape_hits_named(b, t), b->keys);
	line("tape_miss_compacted", tape_misses(b, t), b->keys);
	if (tape_close(t) < 0)
		die("the tape is not whole");
}

/* ---- SQLite ---- */

static void
sql(sqlite3 *db, const char *text)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		die(sqlite3_errmsg(db));
}

static int64_t
sqlite_ask(const struct bench *b, sqlite3_stmt *select, uint32_t first, int expect)
{
	int64_t began = os_monotonic_ns();

	for (uint32_t n = 0; n < b->keys; n++) {
		uint32_t i = b->order[n];
		struct tape_key key = key_of(first + i);
		struct result r;

		(void)sqlite3_bind_blob(select, 1, &key, sizeof key, SQLITE_STATIC);
		if (sqlite3_step(select) != expect)
			die("SQLite has, or has not, a result");
		if (expect == SQLITE_ROW) {
			memcpy(&r, sqlite3_column_blob(select, 0), sizeof r);
			check(i, &r);
		}
		(void)sqlite3_reset(select);
	}
	return os_monotonic_ns() - began;
}

static void
time_sqlite(const struct bench *b)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *insert = NULL, *select = NULL;
	int64_t began;

	if (sqlite3_open(path_of(b, "db"), &db) != SQLITE_OK)
		die("cannot open a database");
	sql(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
		"CREATE TABLE cache (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID");
	if (sqlite3_prepare_v2(db, "INSERT INTO cache VALUES (?, ?)", -1, &insert,
			       NULL) ||
	    sqlite3_prepare_v2(db, "SELECT value FROM cache WHERE key = ?", -1, &select,
			       NULL))
		die(sqlite3_errmsg(db));
	began = os_monotonic_ns();
	for (uint32_t n = 0; n < b->keys; n++) {
		struct tape_key key = key_of(b->order[n]);
		struct result r = compute(b->order[n]);

		(void)sqlite3_bind_blob(insert, 1, &key, sizeof key, SQLITE_STATIC);
		(void)sqlite3_bind_blob(insert, 2, &r, sizeof r, SQLITE_STATIC);
		if (sqlite3_step(insert) != SQLITE_DONE)
			die(sqlite3_errmsg(db));
		(void)sqlite3_reset(insert);
	}
	line("sqlite_store", os_monotonic_ns() - began, b->keys);
	(void)sqlite_ask(b, select, 0, SQLITE_ROW);
	line("sqlite_hit", sqlite_ask(b, select, 0, SQLITE_ROW), b->keys);
	line("sqlite_miss", sqlite_ask(b, select, b->keys, SQLITE_DONE), b->keys);
	sql(db, "BEGIN");
	line("sqlite_hit_in_transaction", sqlite_ask(b, select, 0, SQLITE_ROW), b->keys);
	sql(db, "COMMIT");
	(void)sqlite3_finalize(insert);
	(void)sqlite3_finalize(select);
	(void)sqlite3_close(db);
}

/* ---- a table that is larger than the caches of a processor ---- */

/*
 * keys: in the order in which they are asked for; NULL: made as they are needed. What is
 * asked for next is known once the last one was read, so that one waits for the other.
 */
static int64_t
large_hits(const struct bench *b, struct tape *t, const struct tape_key *keys)
{
	int64_t began = os_monotonic_ns();
	double row[LARGE_ROW] = { 0 };

	for (uint32_t n = 0; n < b->keys; n++) {
		uint32_t at = n + (uint32_t)(row[1] * 1e-9);
		uint32_t i = b->order[at];

		if (!TAPE_RECALL(t, keys ? keys[at] : key_of(i), row))
			die("a result is missing");
		if (row[0] != i || row[LARGE_ROW - 1] != i)
			die("a wrong value");
	}
	return os_monotonic_ns() - began;
}

/*
 * The least a hit may take: the same bytes, as often, by their places. `waiting`: where
 * the next ones are is known once these were read, so that one waits for the other.
 */
static int64_t
large_copies(const struct bench *b, const double *all, bool waiting)
{
	int64_t began = os_monotonic_ns();
	double row[LARGE_ROW] = { 0 };

	for (uint32_t n = 0; n < b->keys; n++) {
		uint32_t none = waiting ? (uint32_t)(row[1] * 1e-9) : 0;
		uint32_t i = b->order[n + none];

		memcpy(row, all + (size_t)i * LARGE_ROW, sizeof row);
		/* All of it, although only some is looked at. */
		__asm__ volatile("" ::"r"(row) : "memory");
		if (row[0] != i || row[LARGE_ROW - 1] != i)
			die("a wrong value");
	}
	return os_monotonic_ns() - began;
}

static int64_t
large_sqlite(const struct bench *b, sqlite3_stmt *select)
{
	int64_t began = os_monotonic_ns();
	double row[LARGE_ROW];

	for (uint32_t n = 0; n < b->keys; n++) {
		uint32_t i = b->order[n];
		struct tape_key key = key_of(i);

		(void)sqlite3_bind_blob(select, 1, &key, sizeof key, SQLITE_STATIC);
		if (sqlite3_step(select) != SQLITE_ROW ||
		    sqlite3_column_bytes(select, 0) != sizeof row)
			die("SQLite has not a result");
		memcpy(row, sqlite3_column_blob(select, 0), sizeof row);
		if (row[0] != i || row[LARGE_ROW - 1] != i)
			die("a wrong value");
		(void)sqlite3_reset(select);
	}
	return os_monotonic_ns() - began;
}

static void
large_fill_sqlite(sqlite3 *db, const struct bench *b, const double *all)
{
	sqlite3_stmt *insert = NULL;

	sql(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; BEGIN;"
		"CREATE TABLE cache (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID");
	if (sqlite3_prepare_v2(db, "INSERT INTO cache VALUES (?, ?)", -1, &insert, NULL))
		die(sqlite3_errmsg(db));
	for (uint32_t i = 0; i < b->keys; i++) {
		struct tape_key key = key_of(i);

		(void)sqlite3_bind_blob(insert, 1, &key, sizeof key, SQLITE_STATIC);
		(void)sqlite3_bind_blob(insert, 2, all + (size_t)i * LARGE_ROW,
					LARGE_ROW * sizeof *all, SQLITE_STATIC);
		if (sqlite3_step(insert) != SQLITE_DONE)
			die(sqlite3_errmsg(db));
		(void)sqlite3_reset(insert);
	}
	(void)sqlite3_finalize(insert);
	sql(db, "COMMIT");
}

static void
time_large(const char *dir)
{
	struct bench b = { .dir = dir, .keys = LARGE_KEYS };
	double *all = malloc((size_t)LARGE_KEYS * LARGE_ROW * sizeof *all);
	struct tape_key *keys = malloc(LARGE_KEYS * sizeof *keys);
	sqlite3_stmt *select = NULL;
	sqlite3 *db = NULL;
	struct tape *t = tape_open(path_of(&b, "large"), NULL);

	make_order(&b);
	if (!all || !keys || !t ||
	    sqlite3_open(path_of(&b, "large.db"), &db) != SQLITE_OK)
		die("no memory, tape or database");
	for (size_t i = 0; i < (size_t)LARGE_KEYS * LARGE_ROW; i++)
		all[i] = (double)(i / LARGE_ROW);
	for (uint32_t i = 0; i < b.keys; i++) {
		double *row = all + (size_t)i * LARGE_ROW;

		TAPE_STORE(t, key_of(i), TAPE_ARRAY(row, LARGE_ROW));
	}
	large_fill_sqlite(db, &b, all);
	(void)tape_commit(t);
	(void)large_copies(&b, all, false);
	line("large_copy", large_copies(&b, all, false), b.keys);
	line("large_copy_waiting", large_copies(&b, all, true), b.keys);
	for (uint32_t n = 0; n < b.keys; n++)
		keys[n] = key_of(b.order[n]);
	(void)large_hits(&b, t, NULL);
	line("large_tape_hit", large_hits(&b, t, NULL), b.keys);
	line("large_tape_hit_key_at_hand", large_hits(&b, t, keys), b.keys);
	if (sqlite3_prepare_v2(db, "SELECT value FROM cache WHERE key = ?", -1, &select,
			       NULL))
		die(sqlite3_errmsg(db));
	(void)large_sqlite(&b, select);
	line("large_sqlite_hit", large_sqlite(&b, select), b.keys);
	(void)sqlite3_finalize(select);
	(void)sqlite3_close(db);
	if (tape_close(t) < 0)
		die("the tape is not whole");
	free(keys);
	free(all);
	free(b.order);
}

/* ---- a file for each key ---- */

static void
file_of(struct tape_key key, char path[40])
{
	char text[TAPE_HASH_TEXT];

	tape_key_text(key, text);
	(void)snprintf(path, 40, "%.2s/%s", text, text + 2);
}

static int64_t
files_ask(const struct bench *b, int dir, uint32_t first, bool there)
{
	int64_t began = os_monotonic_ns();
	char path[40];

	for (uint32_t n = 0; n < b->keys; n++) {
		uint32_t i = b->order[n];
		struct result r;
		int fd = -1;

		file_of(key_of(first + i), path);
		if ((os_open_read(dir, path, &fd) == 0) != there)
			die("a file is, or is not, there");
		if (there) {
			if (os_pread(fd, &r, sizeof r, 0) != sizeof r)
				die("a file is short");
			check(i, &r);
		}
		os_close(&fd);
	}
	return os_monotonic_ns() - began;
}

static void
time_files(const struct bench *b)
{
	char path[40], tmp[16];
	int64_t began;
	int dir = -1;

	if (os_mkdir(OS_CWD, path_of(b, "files")) != 0 ||
	    os_open_dir(OS_CWD, path_of(b, "files"), true, &dir) != 0)
		die("cannot make a directory");
	for (unsigned i = 0; i < 256; i++) {
		(void)snprintf(tmp, sizeof tmp, "%02x", i);
		(void)os_mkdir(dir, tmp);
	}
	began = os_monotonic_ns();
	for (uint32_t n = 0; n < b->keys; n++) {
		struct result r = compute(b->order[n]);
		int fd = -1;

		/* Nobody may see half of it: a name at once, when it is whole. */
		file_of(key_of(b->order[n]), path);
		if (os_create(dir, "tmp", &fd) != 0 ||
		    os_write_all(fd, &r, sizeof r, NULL) != 0)
			die("cannot write a file");
		os_close(&fd);
		if (os_rename(dir, "tmp", dir, path) != 0)
			die("cannot rename a file");
	}
	line("files_store", os_monotonic_ns() - began, b->keys);
	line("files_hit", files_ask(b, dir, 0, true), b->keys);
	line("files_miss", files_ask(b, dir, b->keys, false), b->keys);
	os_close(&dir);
}

int
main(int argc, char **argv)
{
	struct bench b = { .dir = argc > 1 ? argv[1] : NULL, .keys = KEYS };

	if (argc < 2 || argc > 4)
		die("usage: cache_bench DIR [KEYS [compacted]]");
	if (argc > 2)
		b.keys = (uint32_t)strtoul(argv[2], NULL, 10);
	if (b.keys == 0 || b.keys > 10000000)
		die("usage: cache_bench DIR [KEYS [compacted]]");
	make_order(&b);
	if (argc > 3) {
		time_compacted(&b);
	} else {
		(void)os_mkdir(OS_CWD, b.dir);
		time_keys(&b);
		time_tape(&b);
		time_sqlite(&b);
		time_files(&b);
		time_large(b.dir);
	}
	free(b.order);
	return 0;
}
