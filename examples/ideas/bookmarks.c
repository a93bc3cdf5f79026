/* SPDX-License-Identifier: Apache-2.0 */
/* Bookmarks: places on the tape with a name, for queries. */
#include <tape/record.h>

int
main(int argc, char **argv)
{
	struct tape *t = tape_open(argc > 1 ? argv[1] : "bookmarks.tape", NULL);

	for (int run = 0; run < 2; run++) {
		tape_bookmark(t, "begin");
		for (int it = 0; it < 10; it++) {
			if (it == 5)
				tape_bookmark(t, "steady");
			TAPE(t, "iter", run, it);
		}
		tape_bookmark(t, "end");
		TAPE(t, "between", run);
	}
	return tape_close(t) == 0 ? 0 : 1;
}
