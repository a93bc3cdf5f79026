/* SPDX-License-Identifier: Apache-2.0 */
/* A hook that throws: said, and the run and the scope go on. argv[1] is the tape. */
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include <tape/record.h>

static int
throws(const struct tape_view *, void *, void *)
{
	throw std::runtime_error("oops");
}

int
main(int, char **argv)
{
	struct tape *t =
		tape_open(argv[1], TAPE_OPTIONS(.on_error = [](void *, const char *) {}));
	struct tape_hook_options options = {};
	int ran;

	options.size = sizeof(options);
	options.kind = TAPE_HOOK_CALL;
	options.fn = throws;
	options.guard = tape_hook_guard;
	if (tape_hook(t, TAPE_HOOK_CAPTURE, nullptr, throws, nullptr) != 1 ||
	    tape_hook_add(t, &options) != 2)
		return 1;
	ran = tape_call(t, "x", nullptr);
	for (int i = 0; i < 3; i++) {
		TAPE_LABEL(t, "loop");
		TAPE(t, "x", i);
	}
	if (ran != 1 ||
	    !std::strstr(tape_error(t), "call hook 2 failed at x: it threw")) {
		std::fprintf(stderr, "%d, %s\n", ran, tape_error(t));
		return 1;
	}
	return tape_close(t) == 0 && tape_lost(t) == 0 ? 0 : 1;
}
