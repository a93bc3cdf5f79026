/* SPDX-License-Identifier: Apache-2.0 */
/* expect: no scalar, string or one-dimensional array */
#include <tape/record.h>

void record(struct tape *t, double *p);
void
record(struct tape *t, double *p)
{
	TAPE(t, "x", p);
}
