/* SPDX-License-Identifier: Apache-2.0 */
/* TAPE may be the program's own word. */
#define TAPE_NO_SHORT_NAMES
#include <tape/record.h>

enum device { TAPE, DISK };

int
main(void)
{
	enum device d = TAPE;

	TAPE_RECORD(tape_main(), "x", d);
	return d == DISK;
}
