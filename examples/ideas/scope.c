/* SPDX-License-Identifier: Apache-2.0 */
/* A recorder, a tape, scopes, and what a variable can be. */
#include <tape/record.h>

struct atom {
	double x, y, z;
};

int
main(int argc, char **argv)
{
	struct tape *t = tape_open(argc > 1 ? argv[1] : "scope.tape", NULL);
	const char *model = "ising";
	double T = 300, params[3] = { 1, 2, 0.5 }, grid[4][6] = { { 0 } };
	double *p = params;
	struct atom atoms[2] = { { 1, 2, 3 }, { 4, 5, 6 } };

	TAPE(t, "begin", model, TAPE_UNIT(T, "K"), params);
	for (int step = 0; step < 3; step++) {
		grid[step][0] = step;
		TAPE(t, "step", step, TAPE_AS("last", p[2]), TAPE_ARRAY(grid, 4, 6));
	}
	/* One member of an array of structures; the grid without its edge. */
	struct tape_nd inner = { .data = &grid[1][1],
				 .dtype = "f8",
				 .ndim = 2,
				 .dims = { 2, 4 },
				 .strides = { sizeof grid[0], sizeof grid[0][0] } };
	TAPE(t, "end", TAPE_AS("x", TAPE_STRIDED(&atoms[0].x, 2, sizeof atoms[0])),
	     TAPE_AS("inner", TAPE_ND(&inner)));
	return tape_close(t) == 0 ? 0 : 1;
}
