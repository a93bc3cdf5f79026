/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes that repeat others, or are a part of them, are not written again. */
#include <tape/record.h>

int
main(int argc, char **argv)
{
	struct tape *t = tape_open(argc > 1 ? argv[1] : "redundant.tape", NULL);
	double a = 1, b = 2, c = 3;

	tape_set(t, "^nest$", "dedup", "subset");
	for (int i = 0; i < 10; i++) {
		const char *method = "the same in every round, and longer than a link";

		TAPE(t, "method", method);
		TAPE(t, "nest", i, a, b);
		TAPE(t, "nest", i, a, b, c); /* has all of the one before */
	}
	return tape_close(t) == 0 ? 0 : 1;
}
