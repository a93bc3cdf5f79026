/* SPDX-License-Identifier: Apache-2.0 */
/* expect: 1 to 32 variables */
#include <tape/record.h>

void record(struct tape *t);
void
record(struct tape *t)
{
	TAPE_WITH(t);
}
