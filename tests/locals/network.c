/* SPDX-License-Identifier: Apache-2.0 */
/* Leaky integrate-and-fire neurons: arrays as such, structures within structures, unsigned types. */
#include "common.h"

#define NEURONS 12

typedef double volts;
typedef struct {
	volts rest, reset, threshold;
	struct {
		float tau;
		unsigned char delay;
	} membrane;
	struct { /* without a name */
		short refractory;
		uint16_t id;
	};
	int32_t seeds[3];
	float matrix[2][3];
} model;

enum state { QUIET, FIRING, DEAD = 7 };

static inline __attribute__((always_inline)) int
spikes(struct tape *t, const volts v[], volts threshold, enum state *states)
{
	int count = 0;
	unsigned long long mask = 0;

	for (unsigned i = 0; i < NEURONS; i++) {
		bool fired = v[i] > threshold;

		states[i] = fired ? FIRING : QUIET;
		count += fired;
		if (fired)
			mask |= 1ull << i;
	}
	HERE(t, "spikes", threshold, count, mask);
	return count;
}

int
main(int argc, char **argv)
{
	struct tape *t = tape_open(argv[argc - 1], NULL);
	const model m = { -70,
			  -65,
			  -50,
			  { 10.0f, 3 },
			  { 2, 65535 },
			  { 1, -2, 3 },
			  { { 1, 2, 3 }, { 4, 5, 6 } } };
	volts v[NEURONS];
	uint8_t history[16] = { 0 };
	uint64_t seed = 2463534242u;
	enum state states[NEURONS] = { QUIET }, worst = DEAD;
	int total = 0;
	signed char sign = -1;
	volatile int step;
	_Bool flags[4] = { true, false, true, true };

	for (int i = 0; i < NEURONS; i++)
		v[i] = m.rest;
	for (step = 0; step < 60; step++) {
		const volts drive = 20.0 * uniform(&seed);

		for (int i = 0; i < NEURONS; i++) {
			volts leak = (m.rest - v[i]) / (double)m.membrane.tau;

			v[i] += leak + drive * uniform(&seed);
		}
		int now = spikes(t, v, m.threshold, states);
		for (int i = 0; i < NEURONS; i++)
			if (v[i] > m.threshold)
				v[i] = m.reset;
		total += now;
		history[step % 16] = (uint8_t)now;
		worst = now > 3 ? FIRING : now ? QUIET : DEAD;
		sign = (signed char)-sign;
		HERE(t, "step", argc, m.rest, m.reset, m.threshold, m.membrane.tau,
		     m.membrane.delay, m.refractory, m.id, m.seeds,
		     GRID("m.matrix", m.matrix, 2, 3), v, history, seed,
		     TAPE_AS("states", TAPE_ARRAY((const unsigned *)states, NEURONS)),
		     worst, total, sign, step, flags, drive, now);
	}
	return tape_close(t) < 0;
}
