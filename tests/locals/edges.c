/* SPDX-License-Identifier: Apache-2.0 */
/* Where debug information lies or says little: what cannot be known must be absent, never wrong. */
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "common.h"

/* The stack of this one is aligned: its frame is not where others have theirs. */
static int
aligned(struct tape *t, int n)
{
	_Alignas(64) double lanes[8] = { 1, 2, 3 };
	int twice = 2 * n;

	lanes[1] += n;
	HERE(t, "aligned", n, lanes, twice);
	return twice;
}

/* This one also when all else is not: a place in registers is no place. */
#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("O2")))
#endif
static __attribute__((noinline)) int
quick(struct tape *t, int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++) {
		int square = i * i;

		sum += square;
		HERE(t, "quick", n, sum, i, square);
	}
	return sum;
}

/* Arrays alone, which lie in the frame for all of the function; what is there is another matter. */
#if defined(__GNUC__) && !defined(__clang__)
#define SWIFT(level) __attribute__((noinline, optimize(level)))
#else
#define SWIFT(level) __attribute__((noinline))
#endif
static volatile int three = 3;
static struct tape *swift;
#define SWIFT_BODY                                                                       \
	double a[8] = { 0 };                                                             \
	int m[2][2] = { { 0 } };                                                         \
                                                                                         \
	a[three] = 1;                                                                    \
	m[three & 1][0] = three;                                                         \
	a[1] = a[three] + m[1][three & 1];                                               \
	three += a[1] > 100;                                                             \
	a[1] = 7;                                                                        \
	a[2] = three;                                                                    \
	m[0][1] = 5;
static SWIFT("O1") void swift1(void)
{
	SWIFT_BODY
	HERE(swift, "swift1", a, GRID("m", &m[0][0], 2, 2));
}
static SWIFT("O2") void swift2(void)
{
	SWIFT_BODY
	HERE(swift, "swift2", a, GRID("m", &m[0][0], 2, 2));
}
static SWIFT("Og") void swiftg(void)
{
	SWIFT_BODY
	HERE(swift, "swiftg", a, GRID("m", &m[0][0], 2, 2));
}
#pragma GCC push_options
#pragma GCC optimize("O3")
static SWIFT("O3") void swift3(void)
{
	SWIFT_BODY
	HERE(swift, "swift3", a, GRID("m", &m[0][0], 2, 2));
}
#pragma GCC pop_options

static __attribute__((always_inline)) inline int
copied(struct tape *t, int n)
{
	int plus = n + 1;

	HERE(t, "copied", n, plus);
	return plus;
}

/* clang-format off */
/* Declared in the line of the call, before it and behind it. */
static int
lines(struct tape *t, int n)
{
	int first = 1;
#ifdef __clang__ /* whose debug information has no columns */
	int same = n + first; HERE(t, "lines", n, first, same);
	int behind = same + 1;
#else
	int same = n + first; HERE(t, "lines", n, first, same); int behind = same + 1;
#endif
	{ int same = 7; HERE(t, "within", n, first, same, behind); first = same; }
	for (int k = 0; k < 2; k++) HERE(t, "for", n, first, same, behind, k);
	return behind + first;
}
/* clang-format on */

static void
jumps(struct tape *t, int n)
{
	int turns = 0;

again:;
	HERE(t, "before", n, turns);
	int later = ++turns * 10;

	HERE(t, "after", n, turns, later);
	if (turns < 3)
		goto again;
}

/* A function within a function (of gcc) has scopes of its own, and leaves those around it alone. */
static int
around(struct tape *t, int n)
{
	int before = 1, got = 0;

	for (int i = 0; i < 2; i++) {
		int deep = i + n;
#ifndef __clang__
		int within(int z)
		{
			int twice = 2 * z;

			for (int k = 0; k < 2; k++) {
				int deeper = k + twice;

				HERE(t, "inside", z, twice, k, deeper);
			}
			return twice;
		}

		got = within(3);
#endif
		{
			int behind = deep + got;

			HERE(t, "around", n, before, got, i, deep, behind);
		}
	}
	return got;
}

static void
pointers(struct tape *t, long page)
{
	unsigned char *map = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const char *at_end, *open_end, *gone,
		*odd = (const char *)(uintptr_t)0xdead00000000beefu;
	char *nothing = NULL, stack[8] = "on it";
	const char *inside = stack + 3, *constant = "in the program";
	char *large = malloc(70000);
	char bytes[3] = { 'a', '\xff', 0 };
	char full[3] = { 'a', 'b', 'c' };

	if (map == MAP_FAILED || !large)
		return;
	memset(map, 'x', 2 * (size_t)page);
	map[page - 1] = 0;
	at_end = (const char *)map + page - 3;
	gone = (const char *)map + page;
	mprotect(map + page, (size_t)page, PROT_NONE);
	open_end = at_end;
	memset(large, 'l', 69999);
	large[69999] = 0;
	HERE(t, "pointers", page, TAPE_AS("nothing", (char *)nothing), stack, inside,
	     constant, at_end, open_end, bytes, full);
	map[page - 1] = 'y'; /* now it runs into nothing */
	at_end = constant;
	HERE(t, "open end", page, TAPE_AS("nothing", (char *)nothing), stack, inside,
	     constant, at_end, bytes, full);
	(void)gone;
	(void)odd;
	munmap(map, 2 * (size_t)page);
	free(large);
}

static __thread int per_thread = 5;

static void *
thread(void *user)
{
	struct tape *t = user;
	static __thread int own = 1;
	int local = own + per_thread;

	for (int i = 0; i < 5; i++)
		HERE(t, "thread", own, local, i);
	return NULL;
}

static void
many(struct tape *t)
{
	struct {
		struct {
			int a, b, c, d, e, f, g, h;
		} p, q;
		double x[3][2];
	} one = { .q = { .a = 9 } };
	struct {
		struct {
			short k;
		} p[2][3];
	} s[2] = { { .p = { { { 1 }, { 2 } } } } };
	int m1 = 1, m2 = 2, m3 = 3, m4 = 4, m5 = 5, m6 = 6, m7 = 7, m8 = 8, m9 = 9,
	    m10 = 10;
	int m11 = 11, m12 = 12, m13 = 13, m14 = 14, m15 = 15, m16 = 16;

	s[1].p[0][2].k = 7;
	HERE(t, "many", m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, one.p.a,
	     one.p.b, one.p.c, one.p.d, one.p.e, one.p.f, one.p.g, one.p.h, one.q.a,
	     one.q.b, one.q.c, one.q.d, one.q.e, one.q.f, one.q.g, one.q.h,
	     GRID("one.x", one.x, 3, 2),
	     TAPE_AS("s.p.k", TAPE_ARRAY(&s[0].p[0][0].k, 2, 2, 3)));
	TAPE(t, "rest", m14, m15, m16);
}

int
main(int argc, char **argv)
{
	struct tape *t = tape_open(argv[argc - 1], NULL);
	pthread_t other;

	(void)aligned(t, argc);
	(void)quick(t, 4);
	swift = t;
	swift1();
	swift2();
	swiftg();
	swift3();
	(void)copied(t, copied(t, 1));
	(void)lines(t, 3);
	jumps(t, 1);
	(void)around(t, 2);
	pointers(t, 4096);
	many(t);
	if (pthread_create(&other, NULL, thread, t) == 0)
		pthread_join(other, NULL);
	return tape_close(t) < 0;
}
