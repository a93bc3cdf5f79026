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

int64_t ticks_anchor(struct thread_state *ts);

static inline int64_t
ticks_now(struct thread_state *ts)
{
	if (TICKS_KNOWN) {
		uint64_t since = ticks_read() - ts->ticks.anchor;

		if (since < ts->ticks.span)
			return ts->ticks.anchor_ns +
			       (int64_t)((since * ts->ticks.scale) >> 32);
	}
	return ticks_anchor(ts);
}

#endif
