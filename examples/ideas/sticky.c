/* SPDX-License-Identifier: Apache-2.0 */
/* Sticky variables: what is fixed for a while is in every scope of the block. */
#include <tape/record.h>

int
main(int argc, char **argv)
{
	struct tape *t = tape_open(argc > 1 ? argv[1] : "sticky.tape", NULL);
	int seed = 7;

	TAPE_WITH(t, seed);
	for (int i = 0; i < 3; i++) {
		double D = 0.1 * (i + 1);

		TAPE_WITH(t, TAPE_UNIT(D, "1/h"));
		for (int it = 0; it < 2; it++)
			TAPE(t, "iter", it);
	}
	seed = 8; /* what is sticky has the value of then */
	TAPE(t, "end");
	return tape_close(t) == 0 ? 0 : 1;
}
