/* SPDX-License-Identifier: Apache-2.0 */
/* Structures that are described, and what is bound, in C++17. */
#include <tape/record.h>
#include <tape/search.h>

#include <complex>
#include <string>

struct inner {
	int n;
	float w[3];
};
enum phase { GROWTH, DECAY };
enum class small : uint8_t { A, B = 200 };
struct parameters {
	double alpha;
	inner grid;
	char name[16];
	const char *note;
	bool on;
	enum phase phase;
	double m[3][4];
	long double ld;
	std::complex<double> z;
	unsigned char b8;
	double cube[2][3][4], four[2][2][2][2];
	char names[3][8];
	int64_t i64;
	size_t sz;
	float f;
	const int ci;
	small sm;
};
TAPE_DESCRIBE(params, parameters, alpha, grid.n, grid.w, name, note, on, phase, m, ld, z,
	      b8, cube, four, names, i64, sz, f, ci, sm, m[1], m[2][3]);
TAPE_ENUMS(params, TAPE_NAMES(phase, GROWTH, DECAY), TAPE_NAMES(grid.n, GROWTH, 3));
TAPE_OPTIONAL(params, note, grid);
namespace elsewhere
{
TAPE_DESCRIBE(unused, inner, n);
}

int use(struct tape *t, const struct tape_scope *s, parameters &p);

int
use(struct tape *t, const struct tape_scope *s, parameters &p)
{
	const parameters *cp = &p;
	double E = 0, a[4], *q = nullptr;
	char buf[8] = "", *str = nullptr, text[4];
	size_t n = 0;
	int k = 0;
	bool on = false;
	enum phase ph = GROWTH;
	std::complex<double> z;
	small sm = small::A;
	std::string st = "s";

	TAPE(t, "x", TAPE_OF(params, &p), TAPE_AS("p", TAPE_OF(params, cp)), k,
	     TAPE_AS("s", st), TAPE_AS("b", buf), TAPE_AS("z", z),
	     TAPE_AS(st.c_str(), TAPE_OF(params, &p)));
	if (TAPE_BIND(s, &E, a, buf, &str, &k, &on, &ph, &z, &sm, TAPE_NEW(&q, &n),
		      TAPE_NEW(&str, nullptr), TAPE_ARRAY(q, 3, 4), TAPE_TEXT(text, 4),
		      TAPE_OF(params, &p), TAPE_AS("p", TAPE_OF(params, &p)),
		      TAPE_AS("e", &E), TAPE_AS("y", TAPE_ARRAY(q, n)),
		      TAPE_AS("b", buf)))
		return 1;
	const tape_scope *found = nullptr;
	if (TAPE_RESTORE(t, "x", &E, a, buf, &str, TAPE_NEW(&q, &n), TAPE_TEXT(text, 4),
			 TAPE_OF(params, &p), TAPE_AS("e", &E)) == 1 ||
	    TAPE_RESTORE(t, st, &E) < 0)
		return tape_resume(t);
	if (tape_latest(t, st.c_str(), &found) == 1 && TAPE_BIND(found, &k))
		return tape_continue(t, tape_restored(t));
	if (tape_at(t, "@x", &found) == 1 && TAPE_BIND(found, &k))
		return 0;
	tape_key key =
		TAPE_KEY("k", E, k, on, ph, z, sm, st, TAPE_AS("key", TAPE_KEY("k2", k)),
			 TAPE_OF(params, cp), TAPE_ARRAY(q, n));
	if (!TAPE_RECALL(t, key, &E, a, buf, &str, &k, &on, TAPE_NEW(&q, &n),
			 TAPE_TEXT(text, 4), TAPE_OF(params, &p), TAPE_AS("e", &E)) &&
	    !TAPE_RECALL(t, TAPE_KEY(st, k), &E))
		TAPE_STORE(t, key, E, a, buf, str, k, on, st, TAPE_ARRAY(q, n),
			   TAPE_OF(params, &p), TAPE_AS("e", 2.5));
	TAPE_STORE(t, key);
	if (TAPE_RECALL(t, key, TAPE_TO_FILE("x"),
			TAPE_AS("y", TAPE_TO_FILE(st.c_str()))))
		return 1;
	return *tape_bind_error();
}
