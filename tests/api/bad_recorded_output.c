/* SPDX-License-Identifier: Apache-2.0 */
/* expect: no scalar, string or one-dimensional array */
#include <tape/record.h>

void record(struct tape *t, double x);
void
record(struct tape *t, double x)
{
	TAPE(t, "x", TAPE_AS("e", &x));
}
