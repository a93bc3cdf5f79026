/* SPDX-License-Identifier: Apache-2.0 */
/* An M/M/1 queue: recursion, a switch, goto, statics of several functions with one name. */
#include "common.h"

enum event { ARRIVAL, DEPARTURE };

struct clock {
	double now, next[2];
};

static unsigned
depth_of(struct tape *t, unsigned length, unsigned depth)
{
	unsigned half = length / 2, below = 0;

	if (length > 1)
		below = depth_of(t, half, depth + 1);
	HERE(t, "depth", length, depth, half, below);
	return below + 1;
}

static double
service(struct tape *t, uint64_t *seed, double rate)
{
	static int served;
	double u = uniform(seed), time = (u + 0.1) / rate;

	served++;
	{
		int served = 1000; /* another one */

		if (served > 0)
			HERE(t, "inner", rate, u, time, served);
	}
	HERE(t, "service", rate, served, u, time);
	return time;
}

static double
arrival(struct tape *t, uint64_t *seed, double rate)
{
	static long served = 100;
	double u = uniform(seed), time = (u + 0.1) / rate;

	served += 2;
	HERE(t, "arrival", rate, served, u, time);
	return time;
}

int
main(int argc, char **argv)
{
	struct tape *t = tape_open(argv[argc - 1], NULL);
	struct clock clock = { 0, { 0.1, 1e9 } };
	unsigned waiting = 0, longest = 0;
	uint64_t seed = 88172645463393265u;
	size_t events = 0;
	short int little = -7;
	double waited = 0;

again:
	for (; events < 50; events++) {
		enum event event = clock.next[0] < clock.next[1] ? ARRIVAL : DEPARTURE;
		double dt = clock.next[event] - clock.now;

		clock.now += dt;
		waited += dt * waiting;
		switch (event) {
		case ARRIVAL: {
			unsigned before = waiting++;

			if (before == 0)
				clock.next[1] = clock.now + service(t, &seed, 1.2);
			clock.next[0] = clock.now + arrival(t, &seed, 1.0);
			HERE(t, "arrived", argc, clock.now, clock.next, waiting, longest,
			     seed, events, little, waited, event, dt, before);
			break;
		}
		case DEPARTURE:
			waiting--;
			clock.next[1] =
				waiting ? clock.now + service(t, &seed, 1.2) : 1e9;
			HERE(t, "departed", argc, clock.now, clock.next, waiting, longest,
			     seed, events, little, waited, event, dt);
		}
		if (waiting > longest)
			longest = waiting;
		if (events == 25) {
			events++;
			little++;
			goto again;
		}
	}
	(void)depth_of(t, 37, 0);
	HERE(t, "end", argc, clock.now, clock.next, waiting, longest, seed, events,
	     little, waited);
	return tape_close(t) < 0;
}
