/* SPDX-License-Identifier: Apache-2.0 */
/* expect: format */
#include <tape/record.h>

void record(struct tape *t);
void
record(struct tape *t)
{
	TAPE_LABELF(t, "%s", 3);
}
