/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it takes a program that has a tape open to ask for one scope: compile the
 * query, find, look at the first variable.
 *
 *     point_bench TAPE NAME PREFIX FILE
 *
 * Asks PREFIX and each line of FILE, in an order that is no order, once for the
 * caches and once with the clock; prints "packed.in_process_NAME us MEDIAN".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "generate.h"
#include "tape/search.h"

#define MOST 100000u
#define LONGEST INT64_C(3000000000) /* for all of it, however slow a point is */

static void
die(const char *what)
{
	(void)fprintf(stderr, "point_bench: %s\n", what);
	exit(2);
}

static size_t
read_queries(const char *prefix, const char *path, char **out)
{
	FILE *in = fopen(path, "re");
	char line[256], text[512];
	size_t n = 0;

	if (in == NULL)
		die("cannot open the file of points");
	while (n < MOST && fgets(line, sizeof line, in) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		(void)snprintf(text, sizeof text, "%s%s", prefix, line);
		out[n] = strdup(text);
		if (out[n++] == NULL)
			die("no memory");
	}
	(void)fclose(in);
	return n;
}

static void
ask(struct tape_reader *reader, const char *text)
{
	struct tape_error err;
	struct tape_query *query;
	struct tape_cursor *cursor;
	const struct tape_scope *scope;

	if (tape_query_compile(text, &query, &err) != 0 ||
	    tape_find(reader, query, NULL, &cursor, &err) != 0)
		die(err.message);
	if (tape_cursor_next(cursor, &scope, &err) != 1)
		die("a point was not found");
	if (tape_scope_var_count(scope) != 0)
		(void)tape_scope_var(scope, 0);
	tape_cursor_close(cursor);
	tape_query_free(query);
}

static int
by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

int
main(int argc, char **argv)
{
	static char *queries[MOST];
	static int64_t took[MOST];
	struct tape_reader *reader;
	struct tape_error err;
	uint64_t seed = BENCH_SEED;
	int64_t begin;
	size_t count, warm = 0;

	if (argc != 5)
		die("usage: point_bench TAPE NAME PREFIX FILE");
	count = read_queries(argv[3], argv[4], queries);
	if (count == 0 || tape_reader_open(argv[1], NULL, &reader, &err) != 0)
		die("cannot open the tape, or there are no points");
	for (size_t i = count - 1; i > 0; i--) {
		size_t k = bench_random(&seed) % (i + 1);
		char *swap = queries[i];

		queries[i] = queries[k];
		queries[k] = swap;
	}
	begin = os_monotonic_ns();
	while (warm < count && os_monotonic_ns() - begin < LONGEST)
		ask(reader, queries[warm++]);
	for (size_t i = 0; i < warm; i++) {
		int64_t start = os_monotonic_ns();

		ask(reader, queries[i]);
		took[i] = os_monotonic_ns() - start;
	}
	qsort(took, warm, sizeof *took, by_time);
	(void)printf("packed.in_process_%s\tus\t%.1f\n", argv[2],
		     (double)took[warm / 2] / 1000);
	tape_reader_close(reader);
	for (size_t i = 0; i < count; i++)
		free(queries[i]);
	return 0;
}
