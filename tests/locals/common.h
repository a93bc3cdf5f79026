/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HERE(label, variables): what is in scope by TAPE_LOCALS, or with -DTRUTH, by name.
 * The two make tapes that must hold the same.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <tape/record.h>

#ifdef TRUTH
#define HERE(t, ...) TAPE(t, __VA_ARGS__)
#else
#define HERE(t, ...) HERE_(t, __VA_ARGS__, 0)
#define HERE_(t, label, ...) TAPE_LOCALS(t, label)
#endif
#define GRID(name, a, ...) TAPE_AS(name, TAPE_ARRAY(a, __VA_ARGS__))

static inline uint64_t
random_bits(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static inline double
uniform(uint64_t *state)
{
	return (double)(random_bits(state) >> 11) / 9007199254740992.0;
}
