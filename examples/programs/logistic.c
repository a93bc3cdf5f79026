/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lyapunov exponents of the logistic map x -> r x (1 - x), a sweep over r by OpenMP. What
 * is on the tape depends neither on how many threads there are nor on which runs they get.
 *
 *	logistic TAPE
 */
#include <math.h>
#include <stdio.h>

#include <tape/record.h>

#define RUNS 51
#define STEPS 10000

/* Knows nothing of threads: its scopes go under the labels that are open. */
static double
lyapunov(struct tape *t, double r)
{
	double x = 0.4, sum = 0;

	for (int step = 1; step <= STEPS; step++) {
		x = r * x * (1 - x);
		sum += log(fabs(r * (1 - 2 * x)));
		if (step % 1000 == 0) {
			double so_far = sum / step;

			TAPE(t, "converge", step, x, so_far);
		}
	}
	return sum / STEPS;
}

int
main(int argc, char **argv)
{
	struct tape *t = argc > 1 ? tape_open(argv[1], NULL) : NULL;
	double most = -1;

	if (!t) {
		(void)fprintf(stderr, "usage: logistic TAPE\n");
		return 2;
	}
	TAPE_LABEL(t, "logistic");
	TAPE_WITH(t, TAPE_AS("steps", STEPS));
	struct tape_ctx here = tape_context(t);

#pragma omp parallel for schedule(dynamic) reduction(max : most)
	for (int i = 0; i < RUNS; i++) {
		double r = 3.5 + 0.01 * i;

		TAPE_INHERIT(t, here); /* a thread begins with no labels at all */
		TAPE_LABELF(t, "run:%d", i);
		TAPE_WITH(t, r);
		double exponent = lyapunov(t, r);
		int chaotic = exponent > 0;

		TAPE(t, "result", exponent, chaotic);
		most = exponent > most ? exponent : most;
	}
	TAPE(t, "summary", most, TAPE_AS("runs", RUNS));
	return tape_close(t) == 0 ? 0 : 1;
}
