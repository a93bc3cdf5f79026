/* SPDX-License-Identifier: Apache-2.0 */
/* expect: TAPE_ARRAY(p, n) */
#include <tape/record.h>

void record(struct tape *t);
void
record(struct tape *t)
{
	double m[2][3] = { { 0 } };

	TAPE(t, "x", m);
}
