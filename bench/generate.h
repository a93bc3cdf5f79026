/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows that every benchmark records: two counters, five doubles that walk,
 * a phase name. 30 % repeat any earlier row exactly, 10 % have only some of the
 * variables. The same seed gives the same rows on every machine.
 */
#ifndef TAPE_BENCH_GENERATE_H
#define TAPE_BENCH_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_SEED 20261122u
#define BENCH_ROWS 1000000u
#define BENCH_ALL 0xffu

/* Which variables a row has: a bit each, in the order step iter T p rho u E phase. */
struct bench_row {
	int64_t step;
	double T, p, rho, u, E;
	int32_t iter;
	uint8_t phase;
	uint8_t subset;	    /* index into bench_masks */
	uint8_t mask;	    /* BENCH_ALL, or bench_masks[subset] */
	uint8_t checkpoint; /* 1 in 20: another label */
};

static const char *const bench_phases[] = { "warmup", "production", "cooldown",
					    "analysis" };

/* X(index, mask, variables): the subsets that occur. */
#define BENCH_SUBSETS(X)                                                                 \
	X(0, 0x01, step)                                                                 \
	X(1, 0x03, step, iter)                                                           \
	X(2, 0x05, step, T)                                                              \
	X(3, 0x84, T, phase)                                                             \
	X(4, 0x43, step, iter, E)                                                        \
	X(5, 0x19, step, p, rho)                                                         \
	X(6, 0x7d, step, T, p, rho, u, E)                                                \
	X(7, 0xc1, step, E, phase)                                                       \
	X(8, 0x7c, T, p, rho, u, E)                                                      \
	X(9, 0x82, iter, phase)                                                          \
	X(10, 0x0b, step, iter, p)                                                       \
	X(11, 0x7f, step, iter, T, p, rho, u, E)                                         \
	X(12, 0x87, step, iter, T, phase)                                                \
	X(13, 0x60, u, E)                                                                \
	X(14, 0xbf, step, iter, T, p, rho, u, phase)                                     \
	X(15, 0x25, step, T, u)
#define BENCH_MASK(index, mask, ...) mask,
static const uint8_t bench_masks[] = { BENCH_SUBSETS(BENCH_MASK) };

static inline uint64_t
bench_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* From -1 to 1, with all 53 bits. */
static inline double
bench_step(uint64_t *state)
{
	return (double)(bench_random(state) >> 11) * 0x1p-52 - 1.0;
}

static inline void
bench_generate(struct bench_row *rows, size_t count, uint64_t seed)
{
	struct bench_row walk = { .T = 300, .p = 1.01e5, .rho = 0.8, .u = 0, .E = -1.5 };

	for (size_t i = 0; i < count; i++) {
		uint64_t dice = bench_random(&seed) % 100;

		if (i > 0 && dice < 30) {
			rows[i] = rows[bench_random(&seed) % i];
			continue;
		}
		walk.step++;
		walk.iter = (int32_t)(bench_random(&seed) % 50);
		walk.T += bench_step(&seed);
		walk.p += bench_step(&seed) * 100;
		walk.rho += bench_step(&seed) * 1e-3;
		walk.u += bench_step(&seed) * 1e-2;
		walk.E += bench_step(&seed) * 1e-6;
		walk.phase = (uint8_t)(walk.step / 1000 % 4);
		walk.checkpoint = bench_random(&seed) % 20 == 0;
		walk.subset = (uint8_t)(bench_random(&seed) % sizeof(bench_masks));
		walk.mask = dice < 40 && i > 0 ? bench_masks[walk.subset] : BENCH_ALL;
		rows[i] = walk;
	}
}

#endif
