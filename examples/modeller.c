/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A modeller's sweep: strains in a chemostat, alone and together. The first part is
 * the model, which offers places and records what it knows; the second, the study of
 * today, which says by hooks and rules what is to be done there.
 *
 *	modeller TAPE [RUNS]	RUNS: end without a word after so many, as a crash would
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tape/record.h>

#define STEPS 200
#define DT 0.1

/* ---- the model ---- */

struct model {
	const char *name;
	double mu_max, K_S, Y; /* 1/h, g/L, g/g */
};

static const struct model wild_type = { "wild type", 0.4, 0.1, 0.5 };

static void
init_block(struct tape *t)
{
	const char *medium = "M9";
	double S_feed = 10;
	int _seed_of_nothing = 42;

	TAPE_LABEL(t, "init_block");
	TAPE(t, "params", medium, TAPE_UNIT(S_feed, "g/L"), _seed_of_nothing,
	     TAPE_AS("dt", DT));
}

/* Who has a better model for this place puts it into m. */
static const struct model *
prepare_lepmodel(struct tape *t)
{
	const struct model *m = &wild_type;
	int hooks = tape_call(t, "prepare_lepmodel", &m);

	TAPE(t, "prepared", TAPE_AS("model", m->name), hooks);
	return m;
}

static double
run(struct tape *t, double D, double S_feed)
{
	const struct model *m = prepare_lepmodel(t);
	double X = 0.1, S = S_feed, ts[STEPS], _rate;

	for (int it = 0; it < STEPS; it++) {
		_rate = m->mu_max * S / (m->K_S + S);
		X += DT * (_rate - D) * X;
		S += DT * (D * (S_feed - S) - _rate * X / m->Y);
		S = S < 0 ? 0 : S;
		ts[it] = X;
		TAPE(t, "iter", it, TAPE_UNIT(X, "g/L"), TAPE_UNIT(S, "g/L"), _rate);
	}
	double yield = X / S_feed;
	int washed_out = X < 0.1;

	TAPE(t, "store.ts", TAPE_ARRAY(ts, STEPS), yield, washed_out, X, S, _rate);
	/* Another place that is offered: nobody has something to do there. */
	TAPE(t, "leave", TAPE_AS("hooks", tape_call(t, "leave_run", &m)));
	return yield;
}

static void
sweep(struct tape *t, const char *kind, int runs)
{
	static int done;

	for (int i = 0; i < 12; i++, done++) {
		double D = 0.05 + 0.04 * i, X0 = 0.1;

		if (runs >= 0 && done == runs)
			_exit(3);
		TAPE_LABELF(t, "%s.%d", kind, i);
		TAPE_WITH(t, TAPE_UNIT(D, "1/h"), X0);
		(void)run(t, D, 10);
	}
}

/* ---- the study ---- */

static int
adapted(const struct tape_view *view, void *arg, void *user)
{
	(void)view;
	*(const struct model **)arg = user;
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
two_of_them(const struct tape_view *view, void *arg, void *user)
{
	const char *name = tape_view_variable(view, NULL);
	int keep = strcmp(name, "ts") == 0 || strcmp(name, "yield") == 0;

	(void)arg;
	(void)user;
	return keep ? TAPE_SELECT_KEEP : TAPE_SELECT_DROP;
}

static int
count_runs(const struct tape_view *view, void *arg, void *user)
{
	struct tape_counts counts = { .size = sizeof(counts) };

	(void)arg;
	if (tape_view_counts(view, &counts) == 0)
		*(long *)user += (long)counts.scopes;
	return 0;
}

static int
at_the_end(const struct tape_view *view, void *arg, void *user)
{
	struct tape *t = tape_view_tape(view);
	long runs = *(long *)user;

	TAPE(t, "summary", runs);
	*(long *)arg = runs;
	return 0;
}

static void
study(struct tape *t, long *runs)
{
	static const struct model co = { "adapted", 0.5, 0.05, 0.55 };
	static const char *const prepare[] = { "co-chemostat.*", "prepare_lepmodel",
					       NULL };
	static const char *const store[] = { "store\\..*", NULL };
	static const char *const end[] = { "^end$", NULL };

	tape_hook(t, TAPE_HOOK_CALL, prepare, adapted, (void *)(uintptr_t)&co);
	tape_hook(t, TAPE_HOOK_SELECT, NULL, no_underscore, NULL);
	tape_hook(t, TAPE_HOOK_SELECT, store, two_of_them, NULL);
	tape_hook(t, TAPE_HOOK_COMMIT, store, count_runs, runs);
	tape_hook(t, TAPE_HOOK_CALL, end, at_the_end, runs);
	tape_set(t, "^store\\.ts$", "commit", "10");
	tape_set(t, "^iter$", "every", "10");
}

int
main(int argc, char **argv)
{
	struct tape *t = argc > 1 ? tape_open(argv[1], NULL) : NULL;
	long runs = 0, told = 0;
	int stop = argc > 2 ? (int)strtol(argv[2], NULL, 10) : -1;

	if (!t) {
		(void)fprintf(stderr, "usage: modeller TAPE [RUNS]\n");
		return 2;
	}
	study(t, &runs);
	init_block(t);
	sweep(t, "mono-chemostat", stop);
	tape_bookmark(t, "co-cultures");
	sweep(t, "co-chemostat", stop);
	(void)tape_commit(t);
	(void)tape_call(t, "end", &told);
	(void)printf("%ld runs\n", told);
	return tape_close(t) == 0 ? 0 : 1;
}
