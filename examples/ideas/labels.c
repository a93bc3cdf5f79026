/* SPDX-License-Identifier: Apache-2.0 */
/* Labels name pieces of code; nested ones make a path. */
#include <tape/record.h>

static void
relax(struct tape *t, int n)
{
	TAPE_LABEL(t, "relax"); /* ends where the block ends, by return too */
	for (int step = 0; step < n; step++) {
		double energy = -step;

		if (step == 3)
			return;
		TAPE(t, "step", step, energy);
	}
}

int
main(int argc, char **argv)
{
	struct tape *t = tape_open(argc > 1 ? argv[1] : "labels.tape", NULL);

	TAPE_LABEL(t, "sweep");
	for (int run = 0; run < 2; run++) {
		TAPE_LABELF(t, "run:%d", run);
		relax(t, 2 + 4 * run);
		TAPE(t, "done", run);
	}
	return tape_close(t) == 0 ? 0 : 1;
}
