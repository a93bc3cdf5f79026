/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The logistic map x -> a x (1 - x) over a grid of parameters and beginnings, in nested
 * loops. What an earlier session has done is on the tape already, and not done again;
 * outer scopes are a part of inner ones.
 *
 *	TAPE_DEDUP=subset grid TAPE N		N x N of them
 */
#include <stdio.h>
#include <stdlib.h>

#include <tape/record.h>

#define STEPS 40

static void
iterate(struct tape *t, double a, double x0)
{
	double x = x0;

	for (int n = 0; n < STEPS; n++) {
		x = a * x * (1 - x);
		TAPE(t, "step", a, x0, n, x);
	}
	/* Each of the forty has these two as well. */
	TAPE(t, "step", a, x0);
	TAPE(t, "done", a, x0, TAPE_AS("steps", STEPS));
}

int
main(int argc, char **argv)
{
	int size = argc > 2 ? atoi(argv[2]) : 0, made = 0, there = 0;
	struct tape *t;

	if (size < 1)
		return fprintf(stderr, "usage: grid TAPE N\n"), 2;
	t = tape_open(argv[1], NULL);
	TAPE_LABEL(t, "grid");
	for (int i = 0; i < size; i++) {
		for (int j = 0; j < size; j++) {
			double a = 3.5 + 0.01 * i, x0 = 0.1 + 0.05 * j;

			if (TAPE_SEEN(t, "done", a, x0, TAPE_AS("steps", STEPS))) {
				there++;
				continue;
			}
			iterate(t, a, x0);
			made++;
		}
	}
	printf("%d made, %d were there\n", made, there);
	return tape_close(t);
}
