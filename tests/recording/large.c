/* SPDX-License-Identifier: Apache-2.0 */
/*
 * large SCOPES MIB DIR: records so many scopes and so many MiB of blobs, half of
 * the bytes in 16 KiB blobs and half in 4 MiB ones, and says what memory it took.
 * Exits with 1 if that is 64 MiB or more, or anything was lost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "tape/record.h"

#define SMALL ((size_t)16 << 10)
#define LARGE ((size_t)4 << 20)
#define MOST_KB 65536L

static unsigned char *data;

/* Content that no blob before had: nothing is left out. */
static void
vary(uint64_t number)
{
	for (size_t i = 0; i < LARGE; i += SMALL)
		memcpy(data + i, &number, sizeof number);
}

static void
record_blobs(struct tape *t, uint64_t mib)
{
	uint64_t large = mib / 8, small_each = LARGE / SMALL;

	for (uint64_t i = 0; i < large; i++) {
		vary(i);
		TAPE(t, "field", i, TAPE_BLOB(data, LARGE));
		for (uint64_t k = 0; k < small_each; k++) {
			uint64_t number = i * small_each + k;

			memcpy(data + 8, &number, sizeof number);
			TAPE(t, "tile", number, TAPE_BLOB(data, SMALL));
		}
	}
}

static void
record_scopes(struct tape *t, uint64_t scopes)
{
	double x = 1, y = 2, z = 3, u = 4, v = 5;
	const char *phase = "warm-up";

	for (uint64_t step = 0; step < scopes; step++) {
		x += 0.25;
		y -= 0.5;
		z *= 1.0000001;
		u += x * 1e-9;
		v = x - y;
		TAPE(t, "iter", step, x, y, z, u, v, phase);
	}
}

int
main(int argc, char **argv)
{
	struct rusage usage;
	struct tape *t;
	int r;

	if (argc != 4) {
		fputs("usage: large SCOPES MIB DIR\n", stderr);
		return 2;
	}
	data = malloc(LARGE);
	t = tape_open(argv[3], NULL);
	if (!data || !t)
		return 2;
	memset(data, 7, LARGE);
	record_scopes(t, strtoull(argv[1], NULL, 10));
	record_blobs(t, strtoull(argv[2], NULL, 10));
	r = tape_close(t);
	getrusage(RUSAGE_SELF, &usage);
	printf("%s scopes, %s MiB of blobs: %ld KiB of memory at most, %llu lost\n",
	       argv[1], argv[2], usage.ru_maxrss, (unsigned long long)tape_lost(t));
	free(data);
	return r == 0 && usage.ru_maxrss < MOST_KB ? 0 : 1;
}
