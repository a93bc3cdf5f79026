/* SPDX-License-Identifier: Apache-2.0 */
/* A scope whose variables are at hand in several places. */
#include <tape/record.h>

static double
solve(struct tape *t, double x)
{
	double residual = 1;
	int iterations = 0;

	while (residual > 1e-3) {
		residual /= 4;
		iterations++;
	}
	TAPE_ADD(t, iterations, residual); /* into the scope of whoever has called */
	return x / 2;
}

int
main(int argc, char **argv)
{
	struct tape *t = tape_open(argc > 1 ? argv[1] : "added.tape", NULL);
	double x = 8;

	for (int step = 0; step < 3; step++) {
		x = solve(t, x);
		TAPE(t, "step", step, x);
	}
	TAPE(t, "end", x); /* nothing was added to this one */
	return tape_close(t) == 0 ? 0 : 1;
}
