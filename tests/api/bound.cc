/* SPDX-License-Identifier: Apache-2.0 */
/* Structures that are described, recorded and bound again, in C++17: prints what came back. */
#include <tape/record.h>
#include <tape/search.h>

#include <complex>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

enum class mode : uint8_t { SLOW = 1, FAST = 200 };
enum phase { GROWTH, DECAY = -7 };
struct inner {
	int n;
	float w[2];
};
struct state {
	bool b;
	signed char sc;
	unsigned short us;
	long long ll;
	unsigned long ul;
	float f;
	double d;
	long double ld;
	std::complex<double> z;
	std::complex<float> zf;
	mode m;
	phase ph;
	char text[8];
	inner in;
	double grid[2][3];
	uint8_t cube[2][1][2];
	double tol;
};
TAPE_DESCRIBE(all, state, b, sc, us, ll, ul, f, d, ld, z, zf, m, ph, text, in.n, in.w,
	      grid, cube, tol);
TAPE_OPTIONAL(all, tol);
TAPE_ENUMS(all, TAPE_NAMES(m, mode::SLOW, mode::FAST), TAPE_NAMES(ph, GROWTH, DECAY));

static bool
same(const state &a, const state &b)
{
	return a.b == b.b && a.sc == b.sc && a.us == b.us && a.ll == b.ll &&
	       a.ul == b.ul && a.f == b.f && a.d == b.d && a.ld == b.ld && a.z == b.z &&
	       a.zf == b.zf && a.m == b.m && a.ph == b.ph && !strcmp(a.text, b.text) &&
	       a.in.n == b.in.n && a.in.w[1] == b.in.w[1] &&
	       !memcmp(a.grid, b.grid, sizeof a.grid) &&
	       !memcmp(a.cube, b.cube, sizeof a.cube);
}

int
main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "bound.tape";
	struct tape *t = tape_open(dir, nullptr);
	state s = { true,
		    -3,
		    65535,
		    -5000000000LL,
		    ~0UL,
		    0.1f,
		    0.1,
		    0.5L,
		    { 1, 2 },
		    { 3, 4 },
		    mode::FAST,
		    DECAY,
		    "abc",
		    { 5, { 1, 2 } },
		    { { 1, 2, 3 }, { 4, 5, 6 } },
		    { { { 1, 2 } }, { { 3, 4 } } },
		    7 };
	state got = {}, prefixed = {};
	tape_reader *reader = nullptr;
	tape_query *query = nullptr;
	tape_cursor *cursor = nullptr;
	const tape_scope *scope = nullptr;
	struct tape_error err;
	double *grid = nullptr, d = 0;
	size_t n = 0;
	mode m = mode::SLOW;
	std::string prefix = "p";

	TAPE(t, "x", TAPE_OF(all, &s), TAPE_AS(prefix.c_str(), TAPE_OF(all, &s)));
	if (tape_close(t) != 0 || tape_reader_open(dir, nullptr, &reader, &err) != 0 ||
	    tape_query_compile("{m: int, p { grid: f8[2,3] }} m=FAST p.ph=DECAY", &query,
			       &err) != 0 ||
	    tape_find(reader, query, nullptr, &cursor, &err) != 0 ||
	    tape_cursor_next(cursor, &scope, &err) != 1)
		return 1;
	if (!TAPE_BIND(scope, TAPE_OF(all, &got), TAPE_AS("p", TAPE_OF(all, &prefixed)),
		       &d, &m, TAPE_NEW(&grid, &n)))
		puts(tape_bind_error());
	printf("%d %d %g %d %zu %g", same(s, got), same(s, prefixed), d,
	       static_cast<int>(m), n, grid ? grid[5] : 0);
	free(grid);
	if (!TAPE_BIND(scope, TAPE_AS("d", &m)))
		printf(" %s\n", tape_bind_error());
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return 0;
}
