/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A code of the 1990s whose state lies in common blocks (lorenz.f), recorded without a
 * change to it: the blocks have an image in C, and that is described.
 *
 *	common TAPE
 *
 * Without a Fortran compiler (no HAVE_FORTRAN) the same in C stands for lorenz.f.
 */
#include <stdio.h>
#include <string.h>

#include <tape/record.h>
#include <tape/search.h>

/* COMMON /PARAM/, /STATE/, /IDENT/. The last index of C is the first of Fortran. */
struct param_block {
	double sigma, rho, beta, dt;
};
struct state_block {
	double x[3], hist[4][3], t;
	int nstep;
};
struct ident_block {
	char title[16]; /* filled with blanks, no NUL */
};
TAPE_DESCRIBE(param, struct param_block, sigma, rho, beta, dt);
TAPE_DESCRIBE(state, struct state_block, x, hist, t, nstep);

extern struct param_block param_;
extern struct state_block state_;
extern struct ident_block ident_;
void advanc_(const int *n);

#ifndef HAVE_FORTRAN
struct param_block param_;
struct state_block state_;
struct ident_block ident_ = { { 'L', 'O', 'R', 'E', 'N', 'Z', ' ', '6', '3', ' ', ' ',
				' ', ' ', ' ', ' ', ' ' } };

static void
rhs(const double *y, double *f)
{
	f[0] = param_.sigma * (y[1] - y[0]);
	f[1] = y[0] * (param_.rho - y[2]) - y[1];
	f[2] = y[0] * y[1] - param_.beta * y[2];
}

void
advanc_(const int *n)
{
	double f[3], g[3], y[3];

	for (int k = 0; k < *n; k++) {
		rhs(state_.x, f);
		for (int i = 0; i < 3; i++)
			y[i] = state_.x[i] + param_.dt * f[i];
		rhs(y, g);
		for (int i = 0; i < 3; i++) {
			state_.x[i] += 0.5 * param_.dt * (f[i] + g[i]);
			state_.hist[state_.nstep % 4][i] = state_.x[i];
		}
		state_.t += param_.dt;
		state_.nstep++;
	}
}
#endif

/* Sets /STATE/ back to what it was at that step. */
static int
back_to(const char *dir, const char *where)
{
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	struct tape_error err;
	int done = 0;

	if (tape_reader_open(dir, NULL, &reader, &err) == 0 &&
	    tape_query_compile(where, &query, &err) == 0 &&
	    tape_find(reader, query, NULL, &cursor, &err) == 0 &&
	    tape_cursor_next(cursor, &scope, &err) == 1)
		done = TAPE_BIND(scope, TAPE_OF(state, &state_));
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return done;
}

int
main(int argc, char **argv)
{
	struct tape *t = argc > 1 ? tape_open(argv[1], NULL) : NULL;
	const int n = 100;

	if (!t) {
		(void)fprintf(stderr, "usage: common TAPE\n");
		return 2;
	}
	param_ = (struct param_block){ 10, 28, 8.0 / 3.0, 0.01 };
	state_.x[0] = state_.x[1] = state_.x[2] = 1;

	TAPE_LABEL(t, "lorenz");
	TAPE(t, "input", TAPE_AS("title", TAPE_TEXT(ident_.title, sizeof ident_.title)),
	     TAPE_OF(param, &param_));
	TAPE_WITH(t, TAPE_AS("rho", param_.rho));
	for (int i = 0; i < 10; i++) {
		advanc_(&n);
		TAPE(t, "output", TAPE_OF(state, &state_));
	}
	(void)tape_commit(t);

	/* Once more from the middle: the same numbers, and so a link. */
	if (!back_to(argv[1], "output nstep=900"))
		(void)fprintf(stderr, "common: %s\n", tape_bind_error());
	advanc_(&n);
	TAPE(t, "output", TAPE_OF(state, &state_));
	return tape_close(t) == 0 ? 0 : 1;
}
