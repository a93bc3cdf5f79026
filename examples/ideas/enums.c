/* SPDX-License-Identifier: Apache-2.0 */
/* Values with names: a cell that grows, rests and divides. */
#include <tape/record.h>

enum state { GROWING, RESTING, DIVIDING };
#define STATE(x) TAPE_ENUM(x, GROWING, RESTING, DIVIDING)

int
main(int argc, char **argv)
{
	struct tape *t = tape_open(argc > 1 ? argv[1] : "enums.tape", NULL);
	enum state state = GROWING, was = GROWING;
	double size = 1;
	int cells = 1;

	for (int hour = 0; hour < 48; hour++) {
		was = state;
		state = size >= 2 ? DIVIDING : hour % 24 < 8 ? RESTING : GROWING;
		if (state == GROWING)
			size *= 1.08;
		if (state == DIVIDING) {
			size /= 2;
			cells *= 2;
		}
		TAPE(t, "hour", hour, STATE(state), TAPE_AS("was", STATE(was)), size,
		     cells);
	}
	return tape_close(t) == 0 ? 0 : 1;
}
