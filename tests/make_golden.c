/* SPDX-License-Identifier: Apache-2.0 */
/* make_golden DIR: makes the golden tapes of tests/data/v1 in DIR, which must exist. */
#include <stdio.h>

#include "tests/support/golden.h"

int
main(int argc, char **argv)
{
	char dir[1024];

	if (argc != 2) {
		fprintf(stderr, "usage: make_golden DIR\n");
		return 2;
	}
	for (size_t i = 0; i < golden_count; i++) {
		(void)snprintf(dir, sizeof dir, "%s/%s.tape", argv[1],
			       golden_tapes[i].name);
		golden_tapes[i].make(dir);
	}
	printf("%zu tapes\n", golden_count);
	return 0;
}
