/* SPDX-License-Identifier: Apache-2.0 */
/* expect: TAPE_OF takes a pointer to the structure that was described */
#include <tape/record.h>

struct inner {
	int n;
};
struct s {
	struct inner in;
	double *p, x;
};
TAPE_DESCRIBE(desc, struct s, x);

void record(struct tape *t, struct inner *p);
void
record(struct tape *t, struct inner *p)
{
	TAPE(t, "x", TAPE_OF(desc, p));
}
