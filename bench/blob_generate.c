/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs as simulations leave them, twice: as a tape and as files. Sizes are
 * log-normal from 1 KiB to 8 MiB; 70 % are float64 fields that vary smoothly,
 * 15 % text of a log, 15 % random bytes; 40 % repeat an earlier one. 4,000 are
 * 1.2 GB. The same seed gives the same bytes on every machine.
 *
 *     blob_generate DIR [BLOBS]      makes DIR/tape and DIR/files
 *
 * Prints "blob.input MB VALUE" and "blob.input_distinct MB VALUE".
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "generate.h"
#include "tape/record.h"

#define BLOBS 4000u
#define MEDIAN 90000.0
#define SIGMA 1.65
#define LEAST 1024u
#define MOST (8u << 20)

enum kind { FIELD, TEXT, RANDOM };

/* What makes a blob: the same again is the same blob. */
struct recipe {
	uint64_t seed;
	size_t size;
	enum kind kind;
};

static void
die(const char *what)
{
	(void)fprintf(stderr, "blob_generate: %s\n", what);
	exit(2);
}

/* ---- what is in them ---- */

static double
uniform(uint64_t *seed)
{
	return (bench_step(seed) + 1) / 2;
}

static size_t
draw_size(uint64_t *seed)
{
	double normal = sqrt(-2 * log(1 - uniform(seed))) *
			cos(6.283185307179586 * uniform(seed));
	double size = MEDIAN * exp(SIGMA * normal);

	if (size < LEAST)
		return LEAST;
	return size > MOST ? MOST : (size_t)size / 8 * 8;
}

/* Three waves over a slope. */
static void
fill_field(double *out, size_t count, uint64_t seed)
{
	double base = 300 * uniform(&seed), slope = bench_step(&seed);
	double size[3], length[3], phase[3];

	for (int w = 0; w < 3; w++) {
		size[w] = 10 * uniform(&seed);
		length[w] = 50 + 2000 * uniform(&seed);
		phase[w] = 6 * uniform(&seed);
	}
	for (size_t i = 0; i < count; i++) {
		double at = (double)i, v = base + slope * at / (double)count;

		for (int w = 0; w < 3; w++)
			v += size[w] * sin(at / length[w] + phase[w]);
		out[i] = v;
	}
}

static void
fill_text(char *out, size_t size, uint64_t seed)
{
	static const char *const what[] = { "residual", "courant number", "time step",
					    "kinetic energy", "mass error" };
	char line[128];
	size_t step = 0;

	for (size_t at = 0; at < size;) {
		int n = snprintf(line, sizeof line, "[rank %3u] step %zu: %s is %.9g\n",
				 (unsigned)(bench_random(&seed) % 128), step++ / 5,
				 what[bench_random(&seed) % 5], uniform(&seed));
		size_t len = size - at < (size_t)n ? size - at : (size_t)n;

		memcpy(out + at, line, len);
		at += len;
	}
}

static void
fill(const struct recipe *r, void *out)
{
	uint64_t seed = r->seed, *words = out;

	switch (r->kind) {
	case FIELD:
		fill_field(out, r->size / sizeof(double), seed);
		break;
	case TEXT:
		fill_text(out, r->size, seed);
		break;
	case RANDOM:
		for (size_t i = 0; i < r->size / sizeof *words; i++)
			words[i] = bench_random(&seed);
	}
}

/* ---- where they go ---- */

static void
put_on_tape(struct tape *t, const struct recipe *r, size_t number, void *data)
{
	const char *text = data;
	const double *field = data;
	const unsigned char *bytes = data;

	switch (r->kind) {
	case FIELD:
		TAPE(t, "field", number, TAPE_BLOB(field, r->size / sizeof *field));
		break;
	case TEXT:
		TAPE(t, "log", number, text);
		break;
	case RANDOM:
		TAPE(t, "random", number, TAPE_BLOB(bytes, r->size));
	}
}

static void
put_in_file(int dir, const struct recipe *r, size_t number, const void *data)
{
	static const char *const endings[] = { "f8", "txt", "bin" };
	char name[32];
	int fd = -1;

	(void)snprintf(name, sizeof name, "%06zu.%s", number, endings[r->kind]);
	if (os_create(dir, name, &fd) < 0 || os_write_all(fd, data, r->size, NULL) < 0)
		die("cannot write a file");
	os_close(&fd);
}

static void
make_all(const char *dir, size_t count)
{
	struct recipe *recipes = calloc(count, sizeof *recipes);
	uint64_t seed = BENCH_SEED, *data = malloc(MOST + 8);
	double all = 0, distinct = 0;
	char path[512];
	struct tape *t;
	int files = -1;

	(void)snprintf(path, sizeof path, "%s/files", dir);
	if (recipes == NULL || data == NULL || os_mkdir(OS_CWD, path) < 0 ||
	    os_open_dir(OS_CWD, path, false, &files) < 0)
		die("cannot make the directory");
	(void)snprintf(path, sizeof path, "%s/tape", dir);
	t = tape_open(path, TAPE_OPTIONS(.config = NULL));
	if (t == NULL)
		die(tape_error(NULL));
	for (size_t i = 0; i < count; i++) {
		struct recipe *r = &recipes[i];
		unsigned dice = (unsigned)(bench_random(&seed) % 100);

		if (i > 0 && bench_random(&seed) % 100 < 40) {
			*r = recipes[bench_random(&seed) % i];
		} else {
			r->kind = dice < 70 ? FIELD : dice < 85 ? TEXT : RANDOM;
			r->size = draw_size(&seed);
			r->seed = bench_random(&seed);
			distinct += (double)r->size;
		}
		all += (double)r->size;
		fill(r, data);
		((char *)data)[r->size] = '\0';
		put_on_tape(t, r, i, data);
		put_in_file(files, r, i, data);
	}
	if (tape_close(t) < 0)
		die("scopes were lost");
	os_close(&files);
	free(recipes);
	free(data);
	(void)printf("blob.input\tMB\t%.1f\nblob.input_distinct\tMB\t%.1f\n", all / 1e6,
		     distinct / 1e6);
}

int
main(int argc, char **argv)
{
	unsigned long count = BLOBS;
	char *end = NULL;

	errno = 0;
	if (argc == 3)
		count = strtoul(argv[2], &end, 10);
	if (argc < 2 || argc > 3 || errno != 0 || (end != NULL && *end != '\0') ||
	    count == 0 || count > 10000000)
		die("usage: blob_generate DIR [BLOBS]");
	make_all(argv[1], count);
	return 0;
}
