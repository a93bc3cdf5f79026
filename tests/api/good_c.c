/* SPDX-License-Identifier: Apache-2.0 */
/* Every form of every macro, under all warnings, with the reading side included too. */
#include <tape/record.h>
#include <tape/search.h>

struct part {
	int id;
	double mass;
};
enum phase { GROWTH, DECAY };

static double grid[4][5], cube[2][3][4];

static void
scalars(struct tape *t, const char *label, const char text[16])
{
	signed char a = 1;
	unsigned char b = 1;
	short c = 1;
	unsigned short d = 1;
	int e = 1;
	unsigned f = 1;
	long g = 1;
	unsigned long h = 1;
	long long i = 1;
	unsigned long long j = 1;
	float k = 1;
	double l = 1;
	long double m = 1;
	_Bool n = 1;
	float _Complex o = 1;
	double _Complex p = 1;
	char q = 'q', name[8] = "abc";
	enum phase r = GROWTH;
	const volatile double s = 1;

	TAPE(t, "all", a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, name, r, s,
	     text, "lit", -e, h * 2, (size_t)e, sizeof(e), e ? "yes" : "no", DECAY);
	if (e)
		TAPE(t, label, e);
	else
		TAPE(t, "none");
}

static void
arrays(struct tape *t, const double *p, int n, size_t m)
{
	struct part parts[3] = { { 1, 2 }, { 3, 4 }, { 5, 6 } };
	const struct part *one = parts;
	float real[4] = { 0 };
	struct tape_nd nd = { .data = &grid[1][1],
			      .dtype = "f8",
			      .ndim = 2,
			      .dims = { 2, 3 },
			      .strides = { sizeof(grid[0]), sizeof(grid[0][0]) } };
	struct tape_ref ref = { .size = 0 };
	const enum phase phase = DECAY;

	TAPE(t, "arrays", real, TAPE_ARRAY(p, n), TAPE_ARRAY(p, m),
	     TAPE_ARRAY(grid, 4, 5), TAPE_FARRAY(&cube[0][0][0], 2, 3, 4),
	     TAPE_BLOB(p, n, 2), TAPE_BYTES(parts, sizeof(parts)), TAPE_TEXT("text  ", 6),
	     TAPE_STRIDED(&parts[0].mass, 3, sizeof(*parts)), TAPE_ND(&nd), &ref,
	     one->mass, parts[1].id);
	TAPE(t, "named", TAPE_AS("a", p[0]), TAPE_UNIT(p[1], "m"),
	     TAPE_AS("b", TAPE_UNIT(n, "s")),
	     TAPE_UNIT(TAPE_AS("c", TAPE_ARRAY(p, 1, 2, 3, 4, 5, 6, 7, 8)), "K"));
	TAPE(t, "enum", TAPE_ENUM(phase, GROWTH, DECAY), TAPE_ENUM(n, GROWTH, DECAY + 1),
	     TAPE_AS("d", TAPE_UNIT(TAPE_ENUM(phase, GROWTH, DECAY), "1")),
	     TAPE_ENUM(TAPE_AS("e", phase), DECAY));
	TAPE_TARE(t, 1, phase, TAPE_ENUM(n, GROWTH, DECAY));
	if (n)
		TAPE_TARE_LOCALS(t, 0);
	else
		TAPE_LOCALS(t, "locals");
	TAPE_WITH(t, TAPE_ENUM(phase, GROWTH, DECAY));
	TAPE_ADD(t, TAPE_ENUM(phase, GROWTH, DECAY));
}

#define LOG(...) TAPE_V(t, "log", #__VA_ARGS__, __VA_ARGS__)

int
main(void)
{
	struct tape *t = tape_open("run.tape", TAPE_OPTIONS(.name = "api", .flags = 0));
	struct tape *none = NULL;
	int n = 3;
	double x = 1.5;

	TAPE_LABEL(t, "outer");
	TAPE_LABELF(t, "run:%d", n);
	TAPE_WITH(t, n, TAPE_UNIT(x, "1/h"));
	TAPE_INHERIT(t, tape_context(t));
	scalars(t, "label", "text of sixteen");
	arrays(t, &grid[0][0], 1, 1);
	LOG(n, x, TAPE_AS("y", 2));
	TAPE(none, "x", n);
	if (TAPE_SEEN(t, "x") || TAPE_SEEN(t, n ? "x" : "y", n, TAPE_UNIT(x, "m")) ||
	    TAPE_SEEN(none, "x", n))
		n = 0;
	if (n)
		TAPE_ADD(t, n, TAPE_UNIT(x, "m"), TAPE_HASHED(&x, 1));
	else
		TAPE_ADD(t, x);
	TAPE_RECORD(t, "many", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
		    18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32);
	return tape_close(t);
}
