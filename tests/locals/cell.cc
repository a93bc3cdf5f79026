/* SPDX-License-Identifier: Apache-2.0 */
// Classes, templates, lambdas, references, containers, exceptions: C++.
#include <array>
#include <complex>
#include <map>
#include <string>
#include <vector>

#include "common.h"

namespace sim
{
enum class mode { slow, fast = 5 };
struct point {
	double x, y;
};
struct body : point {
	float mass;
	static int count;
	mode m;
};
int body::count = 3;

class cell
{
	int secret = 1;

      public:
	int open = 2;
	void
	step(struct tape *t, const std::string &name, int &by)
	{
		double local = open * 1.5;

		secret += by;
		HERE(t, "step", name, by, local);
	}
};

template <class T>
T
twice(struct tape *t, T v)
{
	T two = v + v;

	HERE(t, std::string("twice") + "d", v, two);
	return two;
}
} // namespace sim

int
main(int argc, char **argv)
{
	struct tape *t = tape_open(argv[argc - 1], nullptr);
	sim::body one = { { 1, 2 }, 3, sim::mode::fast };
	sim::mode mode = sim::mode::slow;
	std::vector<double> series = { 1, 2, 3 };
	std::array<int, 2> pair = { 4, 5 };
	std::complex<double> z(1, 2);
	std::string text = "hello";
	std::map<int, int> map;
	double alias_of = 7;
	const double &alias = alias_of;
	double grid[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } };
	unsigned long big = 1ul << 40;
	bool yes = true;
	sim::cell c;
	wchar_t wide = L'x';
	int by = 2;

	for (int i = 0; i < 8; i++)
		for (auto value : series) {
			auto doubled = value * 2;
			auto lambda = [&](int k) {
				int inside = k + by;

				HERE(t, "lambda", k, inside);
				return inside;
			};
			(void)lambda(3);
			(void)sim::twice(t, i);
			(void)sim::twice(t, value);
			HERE(t, "loop", argc, one.x, one.y, one.mass, one.m, mode, series,
			     pair, z, text, alias_of, alias, GRID("grid", grid, 2, 3),
			     big, yes, c.open, by, i, value, doubled);
		}
	c.step(t, text, by);
	try {
		throw 3;
	} catch (int caught) {
		int before = caught - 1;

		HERE(t, "caught", argc, one.x, one.y, one.mass, one.m, mode, series, pair,
		     z, text, alias_of, alias, GRID("grid", grid, 2, 3), big, yes, c.open,
		     by, caught, before);
	}
	(void)map;
	(void)wide;
	return tape_close(t) < 0;
}
