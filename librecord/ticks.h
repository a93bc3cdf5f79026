/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time of a scope without asking the clock each time: between readings, at
 * most a millisecond apart, it is taken from the processor's counter, which is
 * measured against the clock all the while. Per thread. Where the counter does
 * not run evenly (or there is none we know) every call reads the clock.
 */
#ifndef TAPE_LIBRECORD_TICKS_H
#define TAPE_LIBRECORD_TICKS_H

#include "librecord/capture.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#define TICKS_KNOWN 1
static inline uint64_t
ticks_read(void)
{
	return __rdtsc();
}
static inline bool
ticks_even(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d >> 8 & 1);
}
#else
#define TICKS_KNOWN 0
static inline uint64_t
ticks_read(void)
{
	return 0;
}
static inline bool
ticks_even(void)
{
	return false;
}
#endif

/* Readings of the counter around one of the clock are further apart only when something came between. */
#define TICKS_APART 20000u

/* A counter and a clock that were read at the same time; the time, never before one given earlier. */
int64_t ticks_anchor_at(struct ticks *k, uint64_t at, int64_t now);
/* The time at this reading of the counter, or false if the clock has to be asked. */
static inline bool
ticks_guess(const struct ticks *k, uint64_t at, int64_t *now)
{
	uint64_t since = at - k->anchor;

	if (since >= k->span)
		return false;
	*now = k->anchor_ns + (int64_t)((since * k->scale) >> 32);
	return true;
}

static __attribute__((noinline)) int64_t
ticks_anchor(struct thread_state *ts)
{
	uint64_t before, at;
	int64_t now;
	int tries = 0;

	/* Whoever is stopped between the two does not know what the clock's reading belongs to. */
	do {
		before = ticks_read();
		now = session_now(ts->tape);
		at = ticks_read();
	} while (at - before > TICKS_APART && ++tries < 4);
	if (!TICKS_KNOWN)
		return now;
	return ticks_anchor_at(&ts->ticks, before + (at - before) / 2, now);
}

static inline int64_t
ticks_now(struct thread_state *ts)
{
	int64_t now;

	if (TICKS_KNOWN && ticks_guess(&ts->ticks, ticks_read(), &now))
		return now;
	return ticks_anchor(ts);
}

#endif
