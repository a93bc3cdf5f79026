/* SPDX-License-Identifier: Apache-2.0 */
/* expect: TAPE_ENUM takes 1 to 32 names */
#include <tape/record.h>

void record(struct tape *t, int p);
void
record(struct tape *t, int p)
{
	TAPE(t, "x",
	     TAPE_ENUM(p, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
		       18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32));
}
