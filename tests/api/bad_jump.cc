/* SPDX-License-Identifier: Apache-2.0 */
/* expect: jump */
#include <tape/record.h>

void f(struct tape *t, int kind);

void
f(struct tape *t, int kind)
{
	switch (kind) {
	case 0:;
		TAPE_LABEL(t, "zero");
		TAPE(t, "x", kind);
		break;
	case 1:
		TAPE(t, "past", kind);
	}
}
