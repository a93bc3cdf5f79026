/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TAPE_LOCALS with a list of tape-locals against the TAPE that names the same:
 * locals_bench DIR [ROWS]. They take turns, so that a slow minute hits all of them.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/generate.h"
#include "format/os.h"
#include "tape/record.h"

#define TURN ((size_t)1024)

enum phase { HEATING, RELAXING, SAMPLING };

static _Noreturn void
die(const char *why)
{
	(void)fprintf(stderr, "locals_bench: %s\n", why);
	exit(1);
}

static __attribute__((noinline)) void
listed(struct tape *t, int64_t step, int32_t iter, double T, double p, double rho,
       double u, double E)
{
	enum phase phase = (enum phase)(step % 3);
	bool cold = T < 280;

	TAPE_LOCALS(t, "iter");
}

static __attribute__((noinline)) void
named(struct tape *t, int64_t step, int32_t iter, double T, double p, double rho,
      double u, double E)
{
	enum phase phase = (enum phase)(step % 3);
	bool cold = T < 280;

	TAPE(t, "iter", phase, cold, step, iter, T, p, rho, u, E);
}

static __attribute__((noinline)) void
listed_text(struct tape *t, int64_t step, double T, const char *phase)
{
	TAPE_LOCALS(t, "iter");
}

static __attribute__((noinline)) void
named_text(struct tape *t, int64_t step, double T, const char *phase)
{
	TAPE(t, "iter", step, T, phase);
}

enum variant { LISTED, NAMED, LISTED_TEXT, NAMED_TEXT, VARIANTS };
static const char *const names[VARIANTS] = { "locals_list", "locals_named",
					     "locals_list_text", "locals_named_text" };

static void
row(enum variant variant, struct tape *t, const struct bench_row *r)
{
	switch (variant) {
	case LISTED:
		listed(t, r->step, r->iter, r->T, r->p, r->rho, r->u, r->E);
		break;
	case NAMED:
		named(t, r->step, r->iter, r->T, r->p, r->rho, r->u, r->E);
		break;
	case LISTED_TEXT:
		listed_text(t, r->step, r->T, bench_phases[r->phase]);
		break;
	default:
		named_text(t, r->step, r->T, bench_phases[r->phase]);
	}
}

static struct tape *
open_tape(const char *dir, enum variant variant)
{
	char path[4096], conf[4200];
	struct tape *t;
	FILE *out;

	(void)snprintf(path, sizeof path, "%s/%s", dir, names[variant]);
	(void)snprintf(conf, sizeof conf, "%s.conf", path);
	out = fopen(conf, "we");
	if (!out || fputs("[tape]\nsync = none\ndedup = off\n", out) < 0 ||
	    fclose(out) != 0)
		die("cannot write a tape.conf");
	t = tape_open(path, TAPE_OPTIONS(.config = conf));
	if (!t)
		die(tape_error(NULL));
	return t;
}

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* What a scope took in each turn: the median is not moved by those that were disturbed. */
static void
measure(const char *dir, const struct bench_row *rows, size_t count)
{
	size_t turns = count / TURN ? count / TURN : 1;
	double *took[VARIANTS];
	struct tape *t[VARIANTS];

	for (unsigned v = 0; v < VARIANTS; v++) {
		t[v] = open_tape(dir, v);
		took[v] = calloc(turns, sizeof(*took[v]));
		if (!took[v])
			die("no memory");
	}
	for (size_t n = 0; n < turns; n++)
		for (unsigned k = 0; k < VARIANTS; k++) {
			unsigned v = (unsigned)((n + k) % VARIANTS);
			size_t end = (n + 1) * TURN < count ? (n + 1) * TURN : count;
			int64_t start = os_monotonic_ns();

			for (size_t i = n * TURN; i < end; i++)
				row(v, t[v], &rows[i]);
			took[v][n] = (double)(os_monotonic_ns() - start) /
				     (double)(end - n * TURN);
		}
	for (unsigned v = 0; v < VARIANTS; v++) {
		if (tape_close(t[v]) < 0)
			die("scopes were lost");
		qsort(took[v], turns, sizeof(*took[v]), compare);
		(void)printf("record.%s\tns\t%.2f\n", names[v], took[v][turns / 2]);
		free(took[v]);
	}
}

int
main(int argc, char **argv)
{
	size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : BENCH_ROWS;
	struct bench_row *rows = calloc(count ? count : 1, sizeof(*rows));

	if (argc < 2 || count == 0)
		die("usage: locals_bench DIR [ROWS]");
	if (!rows)
		die("no memory");
	bench_generate(rows, count, BENCH_SEED);
	measure(argv[1], rows, count);
	free(rows);
	return 0;
}
