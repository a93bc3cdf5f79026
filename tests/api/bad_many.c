/* SPDX-License-Identifier: Apache-2.0 */
/* expect: at most 32 variables */
#include <tape/record.h>

void record(struct tape *t);
void
record(struct tape *t)
{
	TAPE(t, "x", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
	     20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33);
}
