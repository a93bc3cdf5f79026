/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a scope costs: the recorder against the least that any recorder must do
 * (copy the values, write(2) the buffer), against a printf of a JSON line, and
 * against SQLite. Values are made before the clock starts; every variant ends
 * its timing when all of its rows are in the kernel. See README.md for the lines
 * that it prints.
 *
 *     record_bench DIR [ROWS [VARIANT]]      DIR must be empty
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/os.h"
#include "generate.h"
#include "tape/record.h"

#define BUFFER (64 * 1024)

struct run {
	const char *dir;
	const struct bench_row *rows;
	size_t count;
	char path[512]; /* what the last variant wrote */
};

static void
die(const char *what)
{
	(void)fprintf(stderr, "record_bench: %s\n", what);
	exit(2);
}

static const char *
file_of(struct run *run, const char *name)
{
	int n = snprintf(run->path, sizeof(run->path), "%s/%s", run->dir, name);

	if (n < 0 || (size_t)n >= sizeof(run->path))
		die("the directory's name is too long");
	return run->path;
}

static int
compare_ns(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
middle(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare_ns);
	return values[count / 2];
}

/* ---- the floor ---- */

struct floor_file {
	int fd;
	size_t used;
	uint64_t unsynced, every;
	unsigned char buffer[BUFFER];
};

static void
floor_flush(struct floor_file *f)
{
	if (os_write_all(f->fd, f->buffer, f->used, NULL) < 0)
		die("cannot write the floor's file");
	f->unsynced += f->used;
	f->used = 0;
	if (f->every && f->unsynced >= f->every) {
		if (os_fdatasync(f->fd) < 0)
			die("cannot sync the floor's file");
		f->unsynced = 0;
	}
}

static void
floor_put(struct floor_file *f, const void *value, size_t size)
{
	memcpy(f->buffer + f->used, value, size);
	f->used += size;
}

static void
floor_row(struct floor_file *f, const struct bench_row *row)
{
	const char *phase = bench_phases[row->phase];
	uint8_t length = (uint8_t)strlen(phase);

	if (BUFFER - f->used < 128)
		floor_flush(f);
	if (row->mask & 0x01)
		floor_put(f, &row->step, 8);
	if (row->mask & 0x02)
		floor_put(f, &row->iter, 4);
	if (row->mask & 0x04)
		floor_put(f, &row->T, 8);
	if (row->mask & 0x08)
		floor_put(f, &row->p, 8);
	if (row->mask & 0x10)
		floor_put(f, &row->rho, 8);
	if (row->mask & 0x20)
		floor_put(f, &row->u, 8);
	if (row->mask & 0x40)
		floor_put(f, &row->E, 8);
	if (row->mask & 0x80) {
		floor_put(f, &length, 1);
		floor_put(f, phase, length);
	}
}

/* every: fdatasync after so many bytes and at the end; 0 = never */
static int64_t
time_floor_with(struct run *run, const char *name, uint64_t every)
{
	static struct floor_file f;

	f.used = 0;
	f.unsynced = 0;
	f.every = every;
	if (os_create(OS_CWD, file_of(run, name), &f.fd) < 0)
		die("cannot create the floor's file");
	int64_t start = os_monotonic_ns();
	for (size_t i = 0; i < run->count; i++)
		floor_row(&f, &run->rows[i]);
	floor_flush(&f);
	if (every && os_fdatasync(f.fd) < 0)
		die("cannot sync the floor's file");
	int64_t took = os_monotonic_ns() - start;
	os_close(&f.fd);
	return took;
}

static int64_t
time_floor(struct run *run)
{
	return time_floor_with(run, "floor", 0);
}

/* What the recorder may lose to a failing disk at most: 16 MiB. */
static int64_t
time_floor_synced(struct run *run)
{
	return time_floor_with(run, "floor-synced", 16u << 20);
}

/* ---- JSON lines ---- */

static const char *
label_of(const struct bench_row *row)
{
	return row->checkpoint ? "checkpoint" : "iter";
}

/* How a variable is printed, and what. */
#define TEXT_step ",\"step\":%lld"
#define TEXT_iter ",\"iter\":%d"
#define TEXT_T ",\"T\":%.17g"
#define TEXT_p ",\"p\":%.17g"
#define TEXT_rho ",\"rho\":%.17g"
#define TEXT_u ",\"u\":%.17g"
#define TEXT_E ",\"E\":%.17g"
#define TEXT_phase ",\"phase\":\"%s\""
#define VALUE_step , (long long)row->step
#define VALUE_iter , row->iter
#define VALUE_T , row->T
#define VALUE_p , row->p
#define VALUE_rho , row->rho
#define VALUE_u , row->u
#define VALUE_E , row->E
#define VALUE_phase , bench_phases[row->phase]
/* clang-format off */
#define EACH_1(m, a) m##a
#define EACH_2(m, a, ...) m##a EACH_1(m, __VA_ARGS__)
#define EACH_3(m, a, ...) m##a EACH_2(m, __VA_ARGS__)
#define EACH_4(m, a, ...) m##a EACH_3(m, __VA_ARGS__)
#define EACH_5(m, a, ...) m##a EACH_4(m, __VA_ARGS__)
#define EACH_6(m, a, ...) m##a EACH_5(m, __VA_ARGS__)
#define EACH_7(m, a, ...) m##a EACH_6(m, __VA_ARGS__)
#define EACH_8(m, a, ...) m##a EACH_7(m, __VA_ARGS__)
#define EACH_OF(a, b, c, d, e, f, g, h, which, ...) which
#define EACH(m, ...) \
	EACH_OF(__VA_ARGS__, EACH_8, EACH_7, EACH_6, EACH_5, EACH_4, EACH_3, EACH_2, \
		EACH_1, 0)(m, __VA_ARGS__)
/* clang-format on */
#define PRINT(out, ...)                                                                  \
	(void)fprintf(out,                                                               \
		      "{\"label\":\"%s\",\"time\":%lld" EACH(TEXT_, __VA_ARGS__) "}\n",  \
		      label_of(row), time EACH(VALUE_, __VA_ARGS__))

/* One call a line, as whoever writes such lines by hand has it. */
static void
print_row(FILE *out, const struct bench_row *row)
{
	long long time = os_realtime_ns();

	if (row->mask == BENCH_ALL) {
		PRINT(out, step, iter, T, p, rho, u, E, phase);
		return;
	}
	switch (row->subset) {
#define PRINT_SUBSET(index, mask, ...)                                                   \
	case index:                                                                      \
		PRINT(out, __VA_ARGS__);                                                 \
		break;
		BENCH_SUBSETS(PRINT_SUBSET)
	}
}

static int64_t
time_fprintf(struct run *run)
{
	FILE *out = fopen(file_of(run, "lines"), "we");

	if (!out || setvbuf(out, NULL, _IOFBF, BUFFER) != 0)
		die("cannot create the file of JSON lines");
	int64_t start = os_monotonic_ns();
	for (size_t i = 0; i < run->count; i++)
		print_row(out, &run->rows[i]);
	if (fflush(out) != 0)
		die("cannot write the JSON lines");
	int64_t took = os_monotonic_ns() - start;
	if (fclose(out) != 0)
		die("cannot write the JSON lines");
	return took;
}

/* ---- SQLite ---- */

static void
sql(sqlite3 *db, const char *text)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		die(sqlite3_errmsg(db));
}

static void
sql_rows(struct run *run, sqlite3 *db, sqlite3_stmt *insert)
{
	char text[1024];
	FILE *row = fmemopen(text, sizeof(text), "w");

	if (!row)
		die("no memory");
	for (size_t i = 0; i < run->count; i++) {
		if (i % 1000 == 0)
			sql(db, i ? "COMMIT; BEGIN" : "BEGIN");
		rewind(row);
		print_row(row, &run->rows[i]);
		long length = ftell(row);
		(void)fflush(row);
		(void)sqlite3_bind_text(insert, 1, text, (int)length - 1, SQLITE_STATIC);
		if (sqlite3_step(insert) != SQLITE_DONE)
			die(sqlite3_errmsg(db));
		(void)sqlite3_reset(insert);
	}
	sql(db, "COMMIT");
	(void)fclose(row);
}

static int64_t
time_sqlite(struct run *run)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *insert = NULL;

	if (sqlite3_open(file_of(run, "sqlite"), &db) != SQLITE_OK)
		die("cannot open the database");
	sql(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
		"CREATE TABLE scopes (id INTEGER PRIMARY KEY, scope TEXT)");
	if (sqlite3_prepare_v2(db, "INSERT INTO scopes (scope) VALUES (?)", -1, &insert,
			       NULL) != SQLITE_OK)
		die(sqlite3_errmsg(db));
	int64_t start = os_monotonic_ns();
	sql_rows(run, db, insert);
	int64_t took = os_monotonic_ns() - start;
	(void)sqlite3_finalize(insert);
	(void)sqlite3_close(db);
	return took;
}

/* ---- the recorder ---- */

static void
tape_row(struct tape *t, const struct bench_row *row)
{
	int64_t step = row->step;
	int32_t iter = row->iter;
	double T = row->T, p = row->p, rho = row->rho, u = row->u, E = row->E;
	const char *phase = bench_phases[row->phase];

	if (row->mask == BENCH_ALL && row->checkpoint) {
		TAPE(t, "checkpoint", step, iter, T, p, rho, u, E, phase);
		return;
	}
	if (row->mask == BENCH_ALL) {
		TAPE(t, "iter", step, iter, T, p, rho, u, E, phase);
		return;
	}
	switch (row->subset) {
#define RECORD_SUBSET(index, mask, ...)                                                  \
	case index:                                                                      \
		TAPE(t, label_of(row), __VA_ARGS__);                                     \
		break;
		BENCH_SUBSETS(RECORD_SUBSET)
	}
}

/* A tape.conf beside the tape, with the settings of one variant. */
static struct tape *
tape_with(struct run *run, const char *name, const char *settings)
{
	char conf[sizeof(run->path) + 8];
	FILE *out;

	(void)snprintf(conf, sizeof(conf), "%s.conf", file_of(run, name));
	out = fopen(conf, "we");
	if (!out || fprintf(out, "[tape]\n%s", settings) < 0 || fclose(out) != 0)
		die("cannot write a tape.conf");
	struct tape *t = tape_open(run->path, TAPE_OPTIONS(.config = conf));
	if (!t)
		die(tape_error(NULL));
	return t;
}

static int
never(const struct tape_view *view, void *arg, void *user)
{
	(void)arg;
	(void)user;
	return tape_view_fail(view, "a hook ran that should not");
}

static void
add_hooks(struct tape *t, int count)
{
	char text[32];
	const char *const labels[] = { text, NULL };

	for (int i = 0; i < count; i++) {
		(void)snprintf(text, sizeof(text), "^absent.*%d$", i);
		if (tape_hook(t, TAPE_HOOK_SELECT + i % 4, labels, never, NULL) < 1)
			die(tape_error(t));
	}
}

static int64_t
time_tape(struct run *run, const char *name, const char *settings)
{
	struct tape *t = tape_with(run, name, settings);
	int64_t start = os_monotonic_ns();

	for (size_t i = 0; i < run->count; i++)
		tape_row(t, &run->rows[i]);
	if (tape_commit(t) < 0)
		die(tape_error(t));
	int64_t took = os_monotonic_ns() - start;
	if (tape_close(t) < 0)
		die("scopes were lost");
	return took;
}

/* Like the floor and SQLite's WAL in NORMAL mode, nothing waits for the disk. */
static int64_t
time_dedup_off(struct run *run)
{
	return time_tape(run, "off", "dedup = off\nsync = none\n");
}

static int64_t
time_dedup_on(struct run *run)
{
	return time_tape(run, "exact", "dedup = exact\nsync = none\n");
}

static int64_t
time_default(struct run *run)
{
	return time_tape(run, "default", "");
}

/* 50 rules and 20 hooks of all kinds, for labels that do not come. */
static struct tape *
tape_with_rules(struct run *run)
{
	static const char *const kinds[] = { "every = 10",  "record = off",
					     "when = E>1",  "exclude = ^E$",
					     "dedup = off", "commit = 3" };
	char text[8192] = "dedup = off\nsync = none\n";
	size_t n = strlen(text);
	struct tape *t;

	for (size_t i = 0; i < 50; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "[rule r%zu]\nlabel = ^absent.*%zu$\n%s\n", i, i,
				      kinds[i % (sizeof(kinds) / sizeof(kinds[0]))]);
	t = tape_with(run, "rules", text);
	add_hooks(t, 20);
	return t;
}

/*
 * All but one of a thousand are left out by count. A few instructions cost twice as much
 * where the compiler happens to put them: several loops, and the one in the middle.
 */
#define THINNED_LOOP(n)                                                                  \
	__attribute__((noinline)) static void thinned_loop_##n(                          \
		struct tape *t, const struct bench_row *rows, size_t count)              \
	{                                                                                \
		for (size_t i = 0; i < count; i++) {                                     \
			const struct bench_row *row = &rows[i & 1023];                   \
                                                                                         \
			TAPE(t, "iter", row->step, row->iter, row->T, row->p, row->rho,  \
			     row->u, row->E);                                            \
		}                                                                        \
	}
THINNED_LOOP(0)
THINNED_LOOP(1)
THINNED_LOOP(2)
THINNED_LOOP(3)
THINNED_LOOP(4)
THINNED_LOOP(5)
THINNED_LOOP(6)
#define THINNED_LOOPS 7

static int64_t
time_thinned(struct run *run)
{
	static void (*const loops[THINNED_LOOPS])(struct tape *, const struct bench_row *,
						  size_t) = {
		thinned_loop_0, thinned_loop_1, thinned_loop_2, thinned_loop_3,
		thinned_loop_4, thinned_loop_5, thinned_loop_6
	};
	struct tape *t = tape_with(run, "thinned", "sync = none\nevery = 1000\n");
	double took[THINNED_LOOPS];

	for (size_t i = 0; i < THINNED_LOOPS; i++) {
		int64_t start = os_monotonic_ns();

		loops[i](t, run->rows, run->count);
		took[i] = (double)(os_monotonic_ns() - start);
	}
	if (tape_close(t) < 0)
		die("scopes were lost");
	return (int64_t)middle(took, THINNED_LOOPS);
}

/* A stage of 9,910 scopes of nested loops, of which 310 hold a part of another one. */
static void
nested_loops(struct tape *t, size_t round)
{
	TAPE_LABEL(t, "sweep");
	for (int i = 0; i < 10; i++) {
		double D = 0.1 * i + (double)round;

		for (int j = 0; j < 30; j++) {
			double mu = j + D;

			for (int k = 0; k < 32; k++) {
				double X = k * mu, S = k - D;

				TAPE(t, "step", i, j, k, D, mu, X, S);
			}
			TAPE(t, "step", i, j, D, mu);
		}
		TAPE(t, "step", i, D);
	}
	if (tape_commit(t) < 0)
		die(tape_error(t));
}

static int64_t
time_nested(struct run *run, const char *name, const char *settings)
{
	struct tape *t = tape_with(run, name, settings);
	size_t rounds = run->count / 10000 + 1;
	int64_t start = os_monotonic_ns();

	for (size_t i = 0; i < rounds; i++)
		nested_loops(t, i);
	int64_t took = os_monotonic_ns() - start;
	if (tape_close(t) < 0)
		die("scopes were lost");
	return (int64_t)((double)took / (double)(rounds * 9910) * (double)run->count);
}

static int64_t
time_nested_off(struct run *run)
{
	return time_nested(run, "nested_off",
			   "sync = none\ncommit = manual\ndedup = off\n");
}

static int64_t
time_nested_subset(struct run *run)
{
	return time_nested(run, "nested_subset",
			   "sync = none\ncommit = manual\ndedup = subset\n");
}

/* Few rows over and over, so that it is not memory that is timed. */
static int64_t
time_null(struct run *run)
{
	size_t few = run->count < 1024 ? run->count : 1024;
	int64_t start = os_monotonic_ns();

	for (size_t i = 0; i < run->count; i++)
		tape_row(NULL, &run->rows[i % few]);
	return os_monotonic_ns() - start;
}

static int64_t
time_label(struct run *run)
{
	struct tape *t = tape_open(file_of(run, "label"), NULL);

	if (!t)
		die(tape_error(NULL));
	int64_t start = os_monotonic_ns();
	for (size_t i = 0; i < run->count; i++) {
		TAPE_LABEL(t, "relax");
		__asm__ volatile("" ::: "memory");
	}
	int64_t took = os_monotonic_ns() - start;
	(void)tape_close(t);
	return took;
}

/* ---- with rules and without, in turns ---- */

/*
 * Some commits long, so that each has its share of them, and short beside what else
 * the machine does.
 */
#define TURN ((size_t)4096)

/* ns a scope of one turn. */
static double
time_turn(struct tape *t, const struct bench_row *rows, size_t count)
{
	int64_t start = os_monotonic_ns();

	for (size_t i = 0; i < count; i++)
		tape_row(t, &rows[i]);
	return (double)(os_monotonic_ns() - start) / (double)count;
}

/* Rows that are in the cache for the second of two have to be for the first, too. */
static void
touch(const struct bench_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		__asm__ volatile("" ::"r"(rows[i].mask));
}

/*
 * What rules that do not match cost is less than what a machine drifts between two
 * runs of a variant: both take the same rows turn by turn, each the first of every
 * other pair, and the ratio is found pair by pair.
 */
static void
compare_rules(struct run *run)
{
	size_t turn = run->count < TURN ? run->count : TURN, pairs = run->count / turn;
	double *took[3]; /* without, with, their ratio */
	struct tape *t[2] = { tape_with(run, "no_rules", "dedup = off\nsync = none\n"),
			      tape_with_rules(run) };

	for (unsigned k = 0; k < 3; k++)
		if (!(took[k] = calloc(pairs, sizeof(*took[k]))))
			die("no memory");
	for (size_t n = 0; n < pairs; n++) {
		const struct bench_row *rows = &run->rows[n * turn];
		unsigned first = n & 1;

		touch(rows, turn);
		took[first][n] = time_turn(t[first], rows, turn);
		took[!first][n] = time_turn(t[!first], rows, turn);
		took[2][n] = took[1][n] / took[0][n];
	}
	if (tape_close(t[0]) < 0 || tape_close(t[1]) < 0)
		die("scopes were lost");
	(void)printf("record.tape_no_rules\tns\t%.2f\n", middle(took[0], pairs));
	(void)printf("record.tape_rules\tns\t%.2f\n", middle(took[1], pairs));
	(void)printf("record.rules_ratio\tx\t%.4f\n", middle(took[2], pairs));
	for (unsigned k = 0; k < 3; k++)
		free(took[k]);
}

/* ---- all of it ---- */

static const struct variant {
	const char *name;
	int64_t (*time)(struct run *);
} variants[] = {
	{ "floor", time_floor },
	{ "tape_dedup_off", time_dedup_off },
	{ "tape_dedup_on", time_dedup_on },
	{ "fprintf_json", time_fprintf },
	{ "sqlite_wal", time_sqlite },
	{ "floor_synced", time_floor_synced },
	{ "tape_default", time_default },
	{ "nested_off", time_nested_off },
	{ "nested_subset", time_nested_subset },
	{ "thinned", time_thinned },
	{ "tape_null", time_null },
	{ "label_enter_leave", time_label },
};

static size_t
number(const char *text, size_t most)
{
	char *end = NULL;

	errno = 0;
	unsigned long n = strtoul(text, &end, 10);
	if (errno || *end || n == 0 || n > most)
		die("usage: record_bench DIR [ROWS [VARIANT]]");
	return n;
}

int
main(int argc, char **argv)
{
	struct run run = { .dir = argc > 1 ? argv[1] : NULL };

	if (!run.dir || argc > 4)
		die("usage: record_bench DIR [ROWS [VARIANT]]");
	run.count = argc > 2 ? number(argv[2], 100000000) : BENCH_ROWS;
	struct bench_row *rows = calloc(run.count, sizeof(*rows));
	if (!rows)
		die("no memory");
	bench_generate(rows, run.count, BENCH_SEED);
	run.rows = rows;
	for (size_t v = 0; v < sizeof(variants) / sizeof(variants[0]); v++) {
		if (argc > 3 && strcmp(variants[v].name, argv[3]) != 0)
			continue;
		sync(); /* what an earlier one left dirty is not this one's burden */
		(void)printf("record.%s\tns\t%.2f\n", variants[v].name,
			     (double)variants[v].time(&run) / (double)run.count);
	}
	if (argc < 4 || strcmp(argv[3], "tape_rules") == 0)
		compare_rules(&run);
	free(rows);
	return 0;
}
