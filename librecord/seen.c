/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/seen.h"

#include <stdlib.h>
#include <string.h>

struct seen_set *
seen_new(void)
{
	return calloc(1, sizeof(struct seen_set));
}

void
seen_clear(struct seen_set *seen)
{
	memset(seen, 0, sizeof *seen);
}
