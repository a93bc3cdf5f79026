/* SPDX-License-Identifier: Apache-2.0 */
/* Tare: what is there already is written once, and left out from here on. */
#include <tape/record.h>

int
main(int argc, char **argv)
{
	struct tape *t = tape_open(argc > 1 ? argv[1] : "tare.tape", NULL);
	int seed = 7, phase = 0;
	const char *strain = "K-12";

	TAPE_LABEL(t, "run");
	TAPE_WITH(t, seed, strain, phase);
	TAPE(t, "before");
	tape_tare(t, 1); /* a scope _tare; a variable comes back when it changes */
	for (int it = 0; it < 4; it++) {
		phase = it / 2;
		TAPE_WITH(t, phase);
		TAPE(t, "iter", it);
	}
	tape_untare(t);
	TAPE(t, "after");
	return tape_close(t) == 0 ? 0 : 1;
}
