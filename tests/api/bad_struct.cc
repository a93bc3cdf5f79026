/* SPDX-License-Identifier: Apache-2.0 */
/* expect: no scalar, string or one-dimensional array */
#include <tape/record.h>

struct s {
	int a;
} s;

void record(struct tape *t);
void
record(struct tape *t)
{
	TAPE(t, "x", s);
}
