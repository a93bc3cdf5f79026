/* SPDX-License-Identifier: Apache-2.0 */
/* A structure that exists: described, recorded, found by its types, and filled again. */
#include <stdio.h>
#include <tape/record.h>
#include <tape/search.h>

enum solver { EULER, RK4 };
struct params {
	double alpha;
	struct {
		int nx, ny;
	} grid;
	char model[16];
	double tol;
	enum solver solver;
};
TAPE_DESCRIBE(params, struct params, alpha, grid.nx, grid.ny, model, tol, solver);
TAPE_OPTIONAL(params, tol);
TAPE_ENUMS(params, TAPE_NAMES(solver, EULER, RK4));

int
main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "partials.tape";
	struct tape *t = tape_open(dir, NULL);
	struct params p = { 0.5, { 4, 3 }, "ising", 1e-6, RK4 }, again = { .alpha = 0 };
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	struct tape_error err;
	int step = -1;

	tape_set(t, "^step$", "require", "{p { alpha: float }, step: int}");
	for (int i = 0; i < 3; i++) {
		p.alpha *= 2;
		TAPE(t, "step", TAPE_AS("step", i), TAPE_AS("p", TAPE_OF(params, &p)));
	}
	TAPE(t, "step",
	     TAPE_AS("step", "none")); /* breaks the contract: recorded, counted */
	(void)tape_commit(t);

	if (tape_reader_open(dir, NULL, &reader, &err) == 0 &&
	    tape_query_compile("step p.alpha=2 p.solver=RK4", &query, &err) == 0 &&
	    tape_find(reader, query, NULL, &cursor, &err) == 0 &&
	    tape_cursor_next(cursor, &scope, &err) == 1 &&
	    TAPE_BIND(scope, &step, TAPE_AS("p", TAPE_OF(params, &again))))
		(void)printf("step %d: alpha %g, %s\n", step, again.alpha, again.model);
	else
		(void)printf("%s\n", tape_bind_error());
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return tape_close(t) == 0 ? 0 : 1;
}
