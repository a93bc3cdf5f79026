/* SPDX-License-Identifier: Apache-2.0 */
/* The program says what could be recorded; rules say what is. The same in rules.conf. */
#include <math.h>
#include <tape/record.h>

int
main(int argc, char **argv)
{
	struct tape *t = tape_open(argc > 1 ? argv[1] : "rules.tape",
				   TAPE_OPTIONS(.config = argc > 2 ? argv[2] : NULL));

	tape_set(t, "^late$", "record", "off"); /* a call wins over the file */
	for (int it = 0; it < 1000; it++) {
		double drift = sin(it), scratch = it;

		TAPE(t, "iter", it);
		TAPE(t, "drift", it, drift, scratch);
		TAPE(t, "late", it);
	}
	return tape_close(t) == 0 ? 0 : 1;
}
