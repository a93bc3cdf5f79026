/* SPDX-License-Identifier: Apache-2.0 */
/* Only complete steps: with commit=manual a step that failed is dropped. */
#include <tape/record.h>

int
main(int argc, char **argv)
{
	/* tape.conf of the tape, or the file named here: [tape] commit = manual */
	struct tape *t = tape_open(argc > 1 ? argv[1] : "commits.tape",
				   TAPE_OPTIONS(.config = argc > 2 ? argv[2] : NULL));

	for (int step = 0; step < 4; step++) {
		TAPE_LABELF(t, "step:%d", step);
		TAPE(t, "first half", step);
		if (step == 2) { /* it fails */
			(void)tape_discard(t);
			continue;
		}
		TAPE(t, "second half", step);
		(void)tape_commit(t);
	}
	return tape_close(t) == 0 ? 0 : 1;
}
