/* SPDX-License-Identifier: Apache-2.0 */
/* expect: a member is no scalar, string or array of numbers */
#include <tape/record.h>

struct inner {
	int n;
};
struct s {
	struct inner in;
	double *p, x;
};
TAPE_DESCRIBE(bad, struct s, x, in);
