/* SPDX-License-Identifier: Apache-2.0 */
/* expect: TAPE_NAMES takes a member that is an integer */
#include <tape/record.h>

struct s {
	double x;
	int n;
};
TAPE_DESCRIBE(bad, struct s, x, n);
TAPE_ENUMS(bad, TAPE_NAMES(n, 1, 2), TAPE_NAMES(x, 1, 2));
