/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Ising model on a square lattice, by Metropolis: sweeps are thinned, what does not
 * change is tared, a hook works out what the loop does not, and another one stops the
 * recording of names that nobody needs. The generator is seeded: a run can be repeated.
 *
 *	ising TAPE
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <tape/record.h>

#define L 32
#define SWEEPS 1000

static signed char spin[L][L];
static uint64_t rng;

/* xorshift64*, in [0, 1) */
static double
uniform(void)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return (double)((rng * 0x2545F4914F6CDD1DU) >> 11) * 0x1p-53;
}

static int
neighbours(int i, int j)
{
	return spin[(i + 1) % L][j] + spin[(i + L - 1) % L][j] + spin[i][(j + 1) % L] +
	       spin[i][(j + L - 1) % L];
}

static long
sweep(double T)
{
	long flipped = 0;

	for (int n = 0; n < L * L; n++) {
		int i = (int)(uniform() * L), j = (int)(uniform() * L);
		int dE = 2 * spin[i][j] * neighbours(i, j);

		if (dE <= 0 || uniform() < exp(-dE / T)) {
			spin[i][j] = (signed char)-spin[i][j];
			flipped++;
		}
	}
	return flipped;
}

static void
measure(long *E, long *M)
{
	*E = *M = 0;
	for (int i = 0; i < L; i++)
		for (int j = 0; j < L; j++) {
			*E -= spin[i][j] * (spin[(i + 1) % L][j] + spin[i][(j + 1) % L]);
			*M += spin[i][j];
		}
}

static void
run(struct tape *t, double T)
{
	TAPE_LABELF(t, "T:%g", T);
	TAPE_WITH(t, T);
	for (int i = 0; i < L; i++)
		for (int j = 0; j < L; j++)
			spin[i][j] = 1;
	for (int n = 0; n < SWEEPS; n++) {
		long flipped = sweep(T), E, M;

		measure(&E, &M);
		if (n == SWEEPS / 2)
			tape_bookmark(t, "equilibrated");
		TAPE(t, "sweep", n, E, M, flipped);
	}
	TAPE(t, "lattice", TAPE_ARRAY(spin, L, L));
}

/* ---- who watches ---- */

/* Per spin, and the magnetisation without its sign. */
static int
per_spin(const struct tape_view *view, void *arg, void *user)
{
	double E, M;

	(void)arg;
	(void)user;
	if (!tape_view_number(view, "E", &E) || !tape_view_number(view, "M", &M))
		return tape_view_fail(view, "no E or M");
	tape_build_f64(tape_view_add(view), "e", TAPE_NUL, E / (L * L));
	tape_build_f64(tape_view_add(view), "m", TAPE_NUL, fabs(M) / (L * L));
	return 0;
}

static int
not_flipped(const struct tape_view *view, void *arg, void *user)
{
	const char *name = tape_view_variable(view, NULL);

	(void)arg;
	(void)user;
	return name[0] == 'f' ? TAPE_SELECT_DROP : TAPE_SELECT_PASS;
}

int
main(int argc, char **argv)
{
	static const char *const sweeps[] = { "^sweep$", NULL };
	static const double temperatures[] = { 1.5, 2.269, 3.5 };
	struct tape *t = argc > 1 ? tape_open(argv[1], NULL) : NULL;
	uint64_t seed = 20011;

	if (!t) {
		(void)fprintf(stderr, "usage: ising TAPE\n");
		return 2;
	}
	tape_set(t, "^sweep$", "every", "10");
	tape_hook(t, TAPE_HOOK_CAPTURE, sweeps, per_spin, NULL);
	tape_hook(t, TAPE_HOOK_SELECT, sweeps, not_flipped, NULL);

	TAPE_LABEL(t, "ising");
	TAPE_WITH(t, seed, TAPE_AS("L", L), TAPE_AS("method", "metropolis"));
	tape_tare(t, 0); /* from here on they are known */
	rng = seed;
	for (size_t i = 0; i < sizeof temperatures / sizeof temperatures[0]; i++)
		run(t, temperatures[i]);
	return tape_close(t) == 0 ? 0 : 1;
}
