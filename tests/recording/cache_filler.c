/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills and reads one cache: cache_filler DIR KEYS SECONDS SEED. Keys are asked for at
 * random; what is not there is computed and stored. Exit 1 and a line for each: a wrong
 * or torn value, an error of the recorder, a key that is computed again although this
 * process has seen it stored. SECONDS 0: each key once, in order; nothing is stored.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tape/record.h"

#define LARGE 1000u

struct filler {
	struct tape *t;
	uint64_t keys, state;
	unsigned char *seen;
	uint64_t hits, computed, wrong;
};

static uint64_t
next_random(struct filler *f)
{
	uint64_t z = (f->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* A few are so large that they are blobs. */
static size_t
length_of(uint64_t i)
{
	return i % 97 == 0 ? LARGE : i % 7 == 0 ? 40 : 3;
}

static double
value_of(uint64_t i, size_t at)
{
	return (double)(i * 31 + at * at) * 0.125;
}

static void
complain(struct filler *f, uint64_t i, const char *what)
{
	printf("key %llu: %s\n", (unsigned long long)i, what);
	f->wrong++;
}

static void
ask(struct filler *f, uint64_t i, int store)
{
	size_t n = length_of(i);
	double sum = -1, row[LARGE];
	struct tape_key k = TAPE_KEY("value", i);

	memset(row, 0xff, sizeof row);
	if (TAPE_RECALL(f->t, k, &sum, TAPE_ARRAY(row, n))) {
		f->hits++;
		for (size_t at = 0; at < n; at++)
			if (row[at] != value_of(i, at) || sum != (double)i) {
				complain(f, i, "a wrong value");
				break;
			}
		f->seen[i] = 1;
		return;
	}
	if (sum != -1)
		complain(f, i, "a miss has touched an output");
	if (f->seen[i] || !store)
		complain(f, i, store ? "computed again" : "it is not there");
	f->computed++;
	for (size_t at = 0; at < n; at++)
		row[at] = value_of(i, at);
	sum = (double)i;
	if (store) {
		TAPE_STORE(f->t, k, sum, TAPE_ARRAY(row, n));
		f->seen[i] = 1;
	}
}

static double
now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

int
main(int argc, char **argv)
{
	struct filler f = { .keys = 0 };
	double end;

	if (argc != 5)
		return 2;
	f.keys = strtoull(argv[2], NULL, 10);
	f.state = strtoull(argv[4], NULL, 10);
	f.seen = calloc(f.keys + 1, 1);
	f.t = tape_open(argv[1], NULL);
	if (!f.t || !f.seen)
		return 2;
	end = now() + strtod(argv[3], NULL);
	if (strtod(argv[3], NULL) == 0)
		for (uint64_t i = 0; i < f.keys; i++)
			ask(&f, i, 0);
	else
		while (now() < end)
			for (int n = 0; n < 100; n++)
				ask(&f, next_random(&f) % f.keys, 1);
	if (tape_close(f.t) < 0 || *tape_error(f.t))
		complain(&f, 0,
			 *tape_error(f.t) ? tape_error(f.t) : "something was lost");
	printf("%llu hits, %llu computed, %llu wrong\n", (unsigned long long)f.hits,
	       (unsigned long long)f.computed, (unsigned long long)f.wrong);
	free(f.seen);
	return f.wrong != 0;
}
