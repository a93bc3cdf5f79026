/* SPDX-License-Identifier: Apache-2.0 */
/* expect: this is no output */
#include <tape/record.h>

int bind(const struct tape_scope *s, double x);
int
bind(const struct tape_scope *s, double x)
{
	return TAPE_BIND(s, x);
}
