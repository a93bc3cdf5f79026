/* SPDX-License-Identifier: Apache-2.0 */
/* expect: tape */
#include <tape/record.h>

void record(struct tape *t);
void
record(struct tape *t)
{
	int x = 1;

	TAPE(&x, "x", x);
	(void)t;
}
