/* SPDX-License-Identifier: Apache-2.0 */
/* The hash of a state is enough to see that it comes back: a cellular automaton, rule 90. */
#include <string.h>
#include <tape/record.h>

#define N 127

int
main(int argc, char **argv)
{
	struct tape *t = tape_open(argc > 1 ? argv[1] : "hashed.tape", NULL);
	unsigned char cells[N] = { 0 }, next[N];

	cells[N / 2] = 1;
	for (int step = 0; step < 300; step++) {
		TAPE(t, "state", step, TAPE_HASHED(cells, N));
		for (int i = 0; i < N; i++)
			next[i] = cells[(i + N - 1) % N] ^ cells[(i + 1) % N];
		memcpy(cells, next, N);
	}
	return tape_close(t) == 0 ? 0 : 1;
}
