/* SPDX-License-Identifier: Apache-2.0 */
/* expect: a label and 0 to 32 */
#include <tape/record.h>

void record(struct tape *t);
void
record(struct tape *t)
{
	TAPE(t);
}
