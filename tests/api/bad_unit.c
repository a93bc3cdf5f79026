/* SPDX-License-Identifier: Apache-2.0 */
/* expect: no scalar, string or one-dimensional array */
#include <tape/record.h>

void record(struct tape *t, const int *p);
void
record(struct tape *t, const int *p)
{
	TAPE(t, "x", TAPE_UNIT(p, "m"));
}
