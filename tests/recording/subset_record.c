/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records random scopes, many of which hold a part of what another one does. What is
 * recorded follows from the seed alone: with any `dedup` it must read the same.
 *
 *     subset_record TAPE SEED SCOPES       prints how many were lost, and how many
 *                                          commits were refused: a discard after such
 *                                          a one takes more
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tape/record.h"

#define NAMES 12u
#define NESTED 6u

struct work {
	struct tape *t;
	uint64_t random;
	unsigned scopes, number, refused;
	unsigned value[NAMES];
};

static unsigned
draw(struct work *w, unsigned below)
{
	w->random = w->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(w->random >> 33) % below;
}

static void
put_array(struct tape_build *b, const char *name, unsigned value, size_t count, int as)
{
	double data[40];
	struct tape_nd nd = { .data = data, .dtype = "f8", .ndim = 1, .dims = { count } };

	for (size_t i = 0; i < count; i++)
		data[i] = value + (double)i;
	(void)tape_build_nd(b, name, TAPE_NUL, &nd, as);
}

/* Variable n of a scope with so many, whose type and store sometimes go by that. */
static void
put(struct tape_build *b, unsigned n, unsigned value, unsigned of)
{
	static const char *const text[] = { "", "a", "b" };
	const char name[] = { (char)('a' + n), '\0' };
	const double pair[] = { value, -1.0 };
	char longer[200];

	memset(longer, 'x' + (int)(value % 3), sizeof longer);
	switch (n) {
	case 0:
	case 1:
		(void)tape_build_i64(b, name, TAPE_NUL, value);
		break;
	case 2:
	case 3:
		(void)tape_build_f64(b, name, TAPE_NUL, value * 0.5);
		break;
	case 4:
		if (of % 3 == 0)
			(void)tape_build_u64(b, name, TAPE_NUL, value);
		else
			(void)tape_build_i64(b, name, TAPE_NUL, value);
		break;
	case 5:
		(void)tape_build_str(b, name, TAPE_NUL, text[value % 3], TAPE_NUL);
		break;
	case 6:
		(void)tape_build_str(b, name, TAPE_NUL, longer, 60 + value % 20);
		break;
	case 7:
		put_array(b, name, value, 30, of % 4 == 0 ? TAPE_AS_BLOB : TAPE_INLINE);
		break;
	case 8:
		put_array(b, name, value, value % 8, TAPE_INLINE);
		break;
	case 9:
		put_array(b, name, value, 20, of % 5 == 0 ? TAPE_AS_HASH : TAPE_AS_BLOB);
		break;
	case 10:
		if (value % 3 == 0)
			(void)tape_build_null(b, name, TAPE_NUL);
		else
			(void)tape_build_bool(b, name, TAPE_NUL, value & 1);
		break;
	default:
		(void)tape_build_c16(b, name, TAPE_NUL, pair);
	}
	(void)tape_build_unit(b, of & 1 ? "m" : "", TAPE_NUL);
}

static void
record(struct work *w, unsigned mask, const char *label)
{
	struct tape_build *b = tape_build_begin(w->t, label);
	unsigned of = 0;

	for (unsigned n = 0; n < NAMES; n++)
		of += mask >> n & 1;
	(void)tape_build_site(b, "model.c", 1 + of % 2, "main");
	(void)tape_build_time(b, 1000000000 + w->number++);
	for (unsigned n = 0; n < NAMES; n++)
		if (mask >> n & 1)
			put(b, n, w->value[n], of);
	(void)tape_build_end(b);
}

static void
one(struct work *w)
{
	static const char *const labels[] = { "step", "step", "step", "store" };
	static const unsigned nested[NESTED] = {
		0x003, 0x00f, 0x0ef, 0x3ff, 0xfff, 0x249
	};
	unsigned dice = draw(w, 100);
	/* What is outer changes seldom. */
	unsigned changed = draw(w, NAMES) > 6 ? draw(w, NAMES) : draw(w, 3) + 9;

	w->value[changed] = draw(w, 9);
	if (dice < 3) {
		(void)tape_bookmark(w->t, "here");
		w->number++;
	} else if (dice < 5) {
		(void)tape_discard(w->t);
	} else if (dice < 7) {
		w->refused += tape_commit(w->t) != 0;
	}
	record(w, dice < 70 ? nested[draw(w, NESTED)] : draw(w, 1u << NAMES),
	       labels[draw(w, 4)]);
}

static void *
some(void *user)
{
	struct work *w = user;
	unsigned count = w->scopes / 3 + 1;

	TAPE_LABEL(w->t, "run");
	for (unsigned i = 0; i < count; i++) {
		if (draw(w, 10) == 0) {
			TAPE_WITH(w->t, TAPE_AS("z", draw(w, 4)));
			one(w);
		} else {
			one(w);
		}
	}
	return NULL;
}

/* Another thread records in between: one after the other, so that the order is known. */
static void
elsewhere(struct work *w)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, some, w) != 0)
		exit(4);
	(void)pthread_join(thread, NULL);
}

int
main(int argc, char **argv)
{
	struct work w = { .random = 1 };

	if (argc < 4)
		return 2;
	w.random = strtoull(argv[2], NULL, 10) * 2862933555777941757u + 3037000493u;
	w.scopes = (unsigned)strtoul(argv[3], NULL, 10);
	w.t = tape_open(argv[1], NULL);
	if (!w.t)
		return 3;
	some(&w);
	elsewhere(&w);
	w.refused += tape_commit(w.t) != 0;
	some(&w);
	(void)tape_close(w.t);
	(void)printf("%llu\n", (unsigned long long)tape_lost(w.t) + w.refused);
	return 0;
}
