/* SPDX-License-Identifier: Apache-2.0 */
/* A Metropolis chain on a lattice: text, complex numbers, negative enums, a wild pointer. */
#include <complex.h>
#include <string.h>

#include "common.h"

#define L 6

enum verdict { REJECTED = -1, UNDECIDED, ACCEPTED };

static int
neighbours(int lattice[L][L], int x, int y)
{
	return lattice[(x + 1) % L][y] + lattice[(x + L - 1) % L][y] +
	       lattice[x][(y + 1) % L] + lattice[x][(y + L - 1) % L];
}

static enum verdict
try_flip(struct tape *t, int lattice[L][L], double beta, uint64_t *seed)
{
	int x = (int)(random_bits(seed) % L), y = (int)(random_bits(seed) % L);
	int cost = 2 * lattice[x][y] * neighbours(lattice, x, y);
	enum verdict verdict = UNDECIDED;
	static unsigned tried, accepted;
	const char *why = cost <= 0 ? "downhill" : "chance";

	tried++;
	if (cost <= 0 || uniform(seed) < 1 / (1 + beta * cost)) {
		verdict = ACCEPTED;
		accepted++;
		lattice[x][y] *= -1;
	} else {
		verdict = REJECTED;
		why = NULL;
	}
	HERE(t, "flip", beta, x, y, cost, verdict, tried, accepted, why);
	return verdict;
}

int
main(int argc, char **argv)
{
	struct tape *t = tape_open(argv[argc - 1], NULL);
	int lattice[L][L];
	uint64_t seed = 1181783497276652981u;
	double complex phase = 1;
	float complex half = 0.5f;
	char label[12] = "start";
	char *text = label, *copy = strdup("on the heap");
	const char *wild = (const char *)(uintptr_t)0x10; /* not readable */
	long magnetisation = 0;
	union {
		int i;
		float f;
	} either = { .i = 1 };

	for (int x = 0; x < L; x++)
		for (int y = 0; y < L; y++)
			lattice[x][y] = random_bits(&seed) & 1 ? 1 : -1;
	for (int sweep = 0; sweep < 30; sweep++) {
		double beta = 0.1 * sweep;
		register int accepted = 0;

		for (int i = 0; i < 3; i++)
			accepted += try_flip(t, lattice, beta, &seed) == ACCEPTED;
		magnetisation = 0;
		for (int x = 0; x < L; x++)
			for (int y = 0; y < L; y++)
				magnetisation += lattice[x][y];
		phase *= I;
		half += 1.0f * I;
		snprintf(label, sizeof label, "sweep %d", sweep);
		copy[0] = (char)('a' + sweep % 26);
		either.i++;
		HERE(t, "sweep", argc, GRID("lattice", lattice, L, L), seed, phase, half,
		     label, TAPE_AS("text", (char *)text), TAPE_AS("copy", (char *)copy),
		     magnetisation, sweep, beta, accepted);
	}
	(void)wild;
	free(copy);
	return tape_close(t) < 0;
}
