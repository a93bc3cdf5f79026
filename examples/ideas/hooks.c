/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks: whoever runs the program decides, by functions attached to labels. */
#include <stdio.h>
#include <tape/record.h>

static double
simulate(struct tape *t)
{
	double rate = 1, x = 1;

	TAPE_LABEL(t, "simulate");
	(void)tape_call(t, "set_rate", &rate); /* a place for whoever wants another one */
	for (int it = 0; it < 3; it++) {
		double _temporary = x * rate;

		x += _temporary;
		TAPE(t, "iter", it, x, _temporary);
	}
	return x;
}

static int
faster(const struct tape_view *view, void *arg, void *user)
{
	(void)view;
	*(double *)arg = *(double *)user;
	return 0;
}

static int
no_underscore(const struct tape_view *view, void *arg, void *user)
{
	(void)arg;
	(void)user;
	return *tape_view_variable(view, NULL) == '_' ? TAPE_SELECT_DROP
						      : TAPE_SELECT_PASS;
}

static int
squared(const struct tape_view *view, void *arg, void *user)
{
	double x = 0;

	(void)arg;
	(void)user;
	if (tape_view_number(view, "x", &x))
		tape_build_f64(tape_view_add(view), "x2", TAPE_NUL, x * x);
	return 0;
}

static int
count(const struct tape_view *view, void *arg, void *user)
{
	struct tape_counts counts = { .size = sizeof counts };

	(void)arg;
	if (tape_view_counts(view, &counts) == 0)
		*(unsigned long *)user += (unsigned long)counts.scopes;
	return 0;
}

int
main(int argc, char **argv)
{
	static const char *const rates[] = { "^simulate$", "set_rate", NULL };
	static const char *const iterations[] = { "^iter$", NULL };
	struct tape *t = tape_open(argc > 1 ? argv[1] : "hooks.tape", NULL);
	unsigned long committed = 0;
	double rate = 2;

	tape_hook(t, TAPE_HOOK_CALL, rates, faster, &rate);
	tape_hook(t, TAPE_HOOK_SELECT, NULL, no_underscore, NULL);
	tape_hook(t, TAPE_HOOK_CAPTURE, iterations, squared, NULL);
	tape_hook(t, TAPE_HOOK_COMMIT, iterations, count, &committed);
	(void)simulate(t);
	int failed = tape_close(t) != 0;

	(void)printf("%lu iterations\n", committed);
	return failed;
}
