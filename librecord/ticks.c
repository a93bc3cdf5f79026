/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/ticks.h"

#define ANCHOR_NS 1000000
#define STRIKE_NS 200000

/* Measures anew how fast the counter runs: it was set back, or it runs differently here. */
static void
ticks_restart(struct ticks *k, uint64_t at, int64_t now)
{
	k->first = at;
	k->first_ns = (uint64_t)now;
	k->span = 0;
}

/* Is the counter still right? A thread that was stopped between two readings is no fault of it. */
static void
ticks_compare(struct ticks *k, uint64_t at, int64_t now)
{
	int64_t guess;

	if (at - k->anchor >= 4 * k->span)
		return;
	guess = k->anchor_ns + (int64_t)(((at - k->anchor) * k->scale) >> 32);
	if ((guess - now > STRIKE_NS || now - guess > STRIKE_NS) && ++k->strikes > 8)
		k->off = true;
}

/* No time up to `at` that was given so far is later than this. */
static int64_t
ticks_given(const struct ticks *k, uint64_t at)
{
	uint64_t since =
		at < k->anchor || at - k->anchor > k->span ? k->span : at - k->anchor;

	if (k->span == 0)
		return k->given;
	return k->anchor_ns + (int64_t)((since * k->scale) >> 32);
}

/* From here on the counter gives the time, for ANCHOR_NS. */
static void
ticks_trust(struct ticks *k, uint64_t at, int64_t now)
{
	double ns = (double)((uint64_t)now - k->first_ns);
	double scale = ns / (double)(at - k->first);

	/* Counters run at 0.1 to 10 GHz. Others were set forward, or are broken. */
	if (scale < 0.1 || scale > 10) {
		ticks_restart(k, at, now);
		return;
	}
	k->scale = (uint64_t)(scale * 4294967296.0);
	k->span = (uint64_t)(ANCHOR_NS / scale);
	k->anchor = at;
	k->anchor_ns = now;
}

static void
ticks_measure(struct ticks *k, uint64_t at, int64_t now)
{
	if (k->first == 0)
		k->off = !ticks_even();
	if (k->off)
		return;
	if (k->first == 0 || at < k->first || at < k->anchor) {
		ticks_restart(k, at, now);
		k->anchor = at;
		return;
	}
	if (k->span)
		ticks_compare(k, at, now);
	k->span = 0;
	/* A counter that ran ahead waits until the clock has caught up. */
	if (!k->off && now >= k->given && at - k->first > 1000 &&
	    (uint64_t)now - k->first_ns >= ANCHOR_NS)
		ticks_trust(k, at, now);
}

/*
 * Reads the clock and, once it is known how fast the counter runs, lets it give
 * the time of the next millisecond. A process that is moved to another machine
 * (or a thread to a processor that counts apart) may find the counter set back.
 */
int64_t
ticks_anchor_at(struct ticks *k, uint64_t at, int64_t now)
{
	k->given = ticks_given(k, at);
	ticks_measure(k, at, now);
	if (k->off)
		k->span = 0;
	if (now > k->given)
		k->given = now;
	return k->given;
}
