/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run that may be killed at any moment and started again by the same command: it goes
 * on from its newest checkpoint, and its tape answers like that of a run in one go.
 *
 *	restart TAPE STEPS [DIE]	DIE: the process kills itself after that step
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <tape/record.h>

#define WALKERS 1000
#define EVERY 10

struct state {
	int step;
	unsigned short dice[3]; /* of erand48 */
};
TAPE_DESCRIBE(state, struct state, step, dice);

static double x[WALKERS];

static double
advance(struct state *s)
{
	double spread = 0;

	for (int i = 0; i < WALKERS; i++) {
		x[i] += erand48(s->dice) - 0.5;
		spread += x[i] * x[i];
	}
	s->step++;
	return sqrt(spread / WALKERS);
}

int
main(int argc, char **argv)
{
	int steps = argc > 2 ? atoi(argv[2]) : 0, die = argc > 3 ? atoi(argv[3]) : -1;
	struct state s = { .dice = { 1, 2, 3 } };

	if (steps < 1) {
		(void)fprintf(stderr, "usage: restart TAPE STEPS [DIE]\n");
		return 2;
	}
	struct tape *t = tape_open(argv[1], NULL);

	int found = TAPE_RESTORE(t, "checkpoint", TAPE_OF(state, &s), x);

	if (found < 0) { /* there may be one: nothing is to be recorded beside it */
		(void)fprintf(stderr, "restart: no restart: %s\n", tape_bind_error());
		tape_close(t);
		return 1;
	}
	if (found == 1)
		tape_resume(t);
	else /* before the first step, too: a run that is killed soon counts for nothing */
		TAPE(t, "checkpoint", TAPE_OF(state, &s), x);
	while (s.step < steps) {
		double spread = advance(&s);

		TAPE(t, "step", TAPE_AS("step", s.step), spread);
		if (s.step % EVERY == 0)
			TAPE(t, "checkpoint", TAPE_OF(state, &s), x);
		if (s.step == die) {
			tape_commit(t); /* as if half a second had passed */
			(void)kill(getpid(), SIGKILL);
		}
	}
	return tape_close(t) == 0 ? 0 : 1;
}
