/* SPDX-License-Identifier: Apache-2.0 */
/* expect: 1 to 8 extents */
#include <tape/record.h>

void record(struct tape *t, double *p);
void
record(struct tape *t, double *p)
{
	TAPE(t, "x", TAPE_ARRAY(p, 1, 1, 1, 1, 1, 1, 1, 1, 1));
}
