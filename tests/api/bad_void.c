/* SPDX-License-Identifier: Apache-2.0 */
/* expect: pointer to numbers */
#include <tape/record.h>

void record(struct tape *t, void *p);
void
record(struct tape *t, void *p)
{
	TAPE(t, "x", TAPE_ARRAY(p, 3));
}
