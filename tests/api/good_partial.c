/* SPDX-License-Identifier: Apache-2.0 */
/* Structures that are described, and what is bound, under all warnings. */
#include <tape/record.h>
#include <tape/search.h>

struct inner {
	int n;
	float w[3];
};
enum phase { GROWTH, DECAY };
struct params {
	double alpha;
	struct inner grid;
	char name[16];
	const char *note;
	_Bool on;
	enum phase phase;
	double m[3][4];
	long double ld;
	double _Complex z;
	unsigned char b8;
	double cube[2][3][4], four[2][2][2][2];
	char names[3][8];
	int64_t i64;
	size_t sz;
	float f;
	const int ci;
	volatile short vs;
};
TAPE_DESCRIBE(params, struct params, alpha, grid.n, grid.w, name, note, on, phase, m, ld,
	      z, b8, cube, four, names, i64, sz, f, ci, vs, m[1], m[2][3]);
TAPE_OPTIONAL(params, note, grid);
TAPE_ENUMS(params, TAPE_NAMES(phase, GROWTH, DECAY), TAPE_NAMES(grid.n, GROWTH),
	   TAPE_NAMES(b8, 1, 2 + 1), TAPE_NAMES(ci, -1));
TAPE_DESCRIBE(unused, struct inner, n);
TAPE_ENUMS(unused, TAPE_NAMES(n, 0, 1));

/* A common block of Fortran: common /flow/ u(4,3), nu, nsteps */
extern struct {
	double u[3][4], nu;
	int32_t nsteps;
} flow_;
typedef __typeof__(flow_) flow_block;
TAPE_DESCRIBE(flow, flow_block, u, nu, nsteps);

int use(struct tape *t, const struct tape_scope *s, const char *name);

int
use(struct tape *t, const struct tape_scope *s, const char *name)
{
	struct params p = { .alpha = 1 }, *pp = &p, array[2] = { { .alpha = 1 } };
	const struct params *cp = &p;
	double E = 0, a[4], *q = NULL;
	char buf[8], *str = NULL, text[4];
	size_t n = 0;
	int k = 0;
	_Bool on = 0;
	enum phase ph = GROWTH;
	double _Complex z = 0;
	float _Complex fz = 0;
	unsigned long long ull = 0;

	TAPE(t, "x", TAPE_OF(params, &p), TAPE_AS("p", TAPE_OF(params, cp)), k,
	     TAPE_AS(name, TAPE_OF(params, pp)), TAPE_AS("first", TAPE_OF(params, array)),
	     TAPE_OF(params, k ? pp : &p), TAPE_OF(flow, &flow_));
	TAPE_WITH(t, TAPE_OF(params, pp++));
	if (TAPE_BIND(s, &E, a, buf, &str, &k, &on, &ph, &z, &fz, &ull, TAPE_NEW(&q, &n),
		      TAPE_NEW(&str, NULL), TAPE_ARRAY(q, 3, 4), TAPE_TEXT(text, 4),
		      TAPE_OF(params, &p), TAPE_AS("p", TAPE_OF(params, &p)),
		      TAPE_AS("e", &E), TAPE_AS("y", TAPE_ARRAY(q, n)), TAPE_AS("b", buf),
		      TAPE_OF(flow, &flow_)))
		return 1;
	const struct tape_scope *found;
	if (TAPE_RESTORE(t, "x", &E, a, buf, &str, TAPE_NEW(&q, &n), TAPE_TEXT(text, 4),
			 TAPE_OF(params, &p), TAPE_AS("e", &E)) == 1 ||
	    TAPE_RESTORE(t, name, &E) < 0)
		return tape_resume(t);
	if (tape_latest(t, name, &found) == 1 && TAPE_BIND(found, &k))
		return tape_continue(t, tape_restored(t));
	if (tape_at(t, "@x", &found) == 1 && TAPE_BIND(found, &k))
		return 0;
	struct tape_key key =
		TAPE_KEY("k", E, k, on, ph, z, fz, ull, TAPE_AS("key", TAPE_KEY("k2", k)),
			 TAPE_OF(params, cp), TAPE_ARRAY(q, n));
	if (!TAPE_RECALL(t, key, &E, a, buf, &str, &k, &on, TAPE_NEW(&q, &n),
			 TAPE_TEXT(text, 4), TAPE_OF(params, &p), TAPE_AS("e", &E)) &&
	    !TAPE_RECALL(t, TAPE_KEY("k2", k), &E))
		TAPE_STORE(t, key, E, a, buf, str, k, on, TAPE_ARRAY(q, n),
			   TAPE_OF(params, &p), TAPE_AS("e", 2.5));
	TAPE_STORE(t, key);
	if (TAPE_RECALL(t, key, TAPE_TO_FILE("x"), TAPE_AS("y", TAPE_TO_FILE(name))) &&
	    TAPE_BIND(s, TAPE_AS("y", TAPE_TO_FILE(buf))))
		return 1;
	return *tape_bind_error() + (ph == DECAY);
}
