/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heat in a plate, by explicit differences: a field with ghost cells, checkpoints, and
 * a restart that gives the same numbers to the last bit.
 *
 *	heat TAPE STEPS [CRASH]	goes on from the newest checkpoint on TAPE, up to STEPS;
 *				CRASH: end without a word after that step
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <tape/record.h>

#define NX 64
#define NY 32
#define CHECKPOINT 50

struct plate {
	double u[NX + 2][NY + 2]; /* with ghost cells */
	double time;
	int step;
};
TAPE_DESCRIBE(plate, struct plate, u, time, step);

static struct plate now, next;

static void
begin(void)
{
	for (int i = 0; i < NX + 2; i++)
		for (int j = 0; j < NY + 2; j++)
			now.u[i][j] = i == 0 ? 100 : 0; /* one hot edge */
}

/* Puts the plate of the newest checkpoint into `now`, and goes on from there. */
static int
restart(struct tape *t)
{
	int found = TAPE_RESTORE(t, "checkpoint", TAPE_OF(plate, &now));

	if (found == 1)
		return tape_resume(t);
	if (found < 0) {
		(void)fprintf(stderr, "heat: no restart: %s\n", tape_bind_error());
		return -1;
	}
	/* One that is killed before its first checkpoint counts for nothing. */
	TAPE(t, "checkpoint", TAPE_OF(plate, &now));
	return 0;
}

/* The greatest change. */
static double
advance(double alpha, double dt)
{
	double most = 0;

	next = now;
	for (int i = 1; i <= NX; i++)
		for (int j = 1; j <= NY; j++) {
			double change =
				alpha * dt *
				(now.u[i - 1][j] + now.u[i + 1][j] + now.u[i][j - 1] +
				 now.u[i][j + 1] - 4 * now.u[i][j]);

			next.u[i][j] += change;
			most = fabs(change) > most ? fabs(change) : most;
		}
	next.time = now.time + dt;
	next.step = now.step + 1;
	now = next;
	return most;
}

int
main(int argc, char **argv)
{
	const double alpha = 1, dt = 0.2;
	/* The plate without its ghost cells. */
	const struct tape_nd inner = { .data = &now.u[1][1],
				       .dtype = "f8",
				       .ndim = 2,
				       .dims = { NX, NY },
				       .strides = { sizeof now.u[0],
						    sizeof now.u[0][0] } };
	int steps = argc > 2 ? atoi(argv[2]) : 0, crash = argc > 3 ? atoi(argv[3]) : -1;
	struct tape *t;

	if (steps < 1) {
		(void)fprintf(stderr, "usage: heat TAPE STEPS [CRASH]\n");
		return 2;
	}
	begin();
	t = tape_open(argv[1], NULL);
	tape_set(t, "^checkpoint$", "commit",
		 "1"); /* each of them is on the tape at once */
	tape_set(t, "^step$", "every", "10");

	TAPE_LABEL(t, "heat");
	TAPE_WITH(t, TAPE_UNIT(alpha, "m2/s"), TAPE_UNIT(dt, "s"));
	if (restart(t) < 0) {
		tape_close(t);
		return 1;
	}
	TAPE(t, "begin", TAPE_AS("from", now.step), TAPE_AS("nx", NX), TAPE_AS("ny", NY));
	while (now.step < steps) {
		double change = advance(alpha, dt);

		TAPE(t, "step", TAPE_AS("step", now.step),
		     TAPE_UNIT(TAPE_AS("time", now.time), "s"), change);
		if (now.step % CHECKPOINT == 0)
			TAPE(t, "checkpoint", TAPE_OF(plate, &now));
		if (now.step == crash)
			_Exit(3);
	}
	tape_bookmark(t, "end");
	TAPE(t, "final", TAPE_AS("step", now.step),
	     TAPE_UNIT(TAPE_AS("u", TAPE_ND(&inner)), "K"));
	return tape_close(t) == 0 ? 0 : 1;
}
