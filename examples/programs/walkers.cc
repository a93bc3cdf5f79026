// SPDX-License-Identifier: Apache-2.0
//
// Random walkers in C++17: strings, vectors and complex numbers are variables like any
// other, and an exception ends labels as a return does.
//
//	walkers TAPE

#include <complex>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <tape/record.h>

namespace
{

struct options {
	std::uint32_t seed = 7;
	int steps = 2000;
	double limit = 60;
};
TAPE_DESCRIBE(all_options, options, seed, steps, limit);

enum class fate { inside, lost };

class recorder
{
      public:
	explicit recorder(const char *dir) : t(tape_open(dir, nullptr))
	{
	}
	~recorder()
	{
		tape_close(t);
	}
	recorder(const recorder &) = delete;
	recorder &operator=(const recorder &) = delete;
	struct tape *const t;
};

class walker
{
      public:
	walker(const options &given, unsigned number)
	    : o(given), random(given.seed + number)
	{
	}

	// Throws where it leaves the disc.
	void
	walk(struct tape *t)
	{
		std::uniform_int_distribution<int> turn(0, 3);
		std::vector<double> path;

		TAPE_LABEL(t, "walk");
		for (int step = 0; step < o.steps; step++) {
			at += directions[turn(random)];
			path.push_back(std::abs(at));
			if (std::abs(at) > o.limit) {
				TAPE(t, "left", step, at);
				throw std::runtime_error("left at step " +
							 std::to_string(step));
			}
		}
		TAPE(t, "path", path);
	}
	std::complex<double> at;

      private:
	static constexpr std::complex<double> directions[] = {
		{ 1, 0 }, { 0, 1 }, { -1, 0 }, { 0, -1 }
	};
	const options &o;
	std::minstd_rand random;
};

} // namespace

int
main(int argc, char **argv)
{
	if (argc < 2) {
		std::fprintf(stderr, "usage: walkers TAPE\n");
		return 2;
	}
	const recorder tape(argv[1]);
	struct tape *const t = tape.t;
	const options o;
	int lost = 0;

	TAPE_LABEL(t, "walkers");
	TAPE_WITH(t, TAPE_AS("options", TAPE_OF(all_options, &o)));
	for (unsigned i = 0; i < 40; i++) {
		std::string why;
		fate ended = fate::inside;
		walker w(o, i);

		TAPE_LABEL(t, "walker:" + std::to_string(i));
		try {
			w.walk(t);
		} catch (const std::exception &e) {
			why = e.what();
			ended = fate::lost;
			lost++;
		}
		TAPE(t, "end", ended, why, TAPE_AS("at", w.at));
	}
	auto summary = [&](const std::string &label) {
		TAPE(t, label, lost, TAPE_AS("walkers", 40));
	};
	summary("summary");
	return 0;
}
