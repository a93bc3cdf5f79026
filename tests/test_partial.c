/* SPDX-License-Identifier: Apache-2.0 */
/* Structures that are described: recorded with TAPE_OF, filled again with TAPE_BIND. */
#include <complex.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tape/search.h"
#include "tests/support/recorded.h"
#include "tests/support/suite.h"

enum phase { GROWTH, DECAY = 7 };
struct inner {
	int n;
	float w[3];
};
struct all {
	bool b;
	char c;
	signed char sc;
	short s;
	int i;
	long l;
	long long ll;
	unsigned char uc;
	unsigned short us;
	unsigned u;
	unsigned long ul;
	unsigned long long ull;
	float f;
	double d;
	long double ld;
	float _Complex fc;
	double _Complex dc;
	enum phase phase;
	char text[8];
	const char *string;
	struct inner in;
	double m[2][3];
	short cube[2][1][2];
	char words[2][4];
	bool flags[2];
	uint64_t big[2];
};
TAPE_DESCRIBE(scalars, struct all, b, c, sc, s, i, l, ll, uc, us, u, ul, ull, f, d, ld,
	      fc, dc, phase);
TAPE_DESCRIBE(rest, struct all, text, string, in.n, in.w, m, cube, words, flags, big);

struct params {
	double alpha;
	int seed;
	char name[8];
	double tol, h;
};
TAPE_DESCRIBE(params, struct params, alpha, seed, name, tol, h);
TAPE_OPTIONAL(params, tol, h);

static struct tape *t;
static struct tape_reader *reader;
static struct tape_query *query;
static struct tape_cursor *cursor;

static void
setup(void)
{
	t = recorded_open("");
}

static void
forget(void)
{
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	cursor = NULL;
	query = NULL;
	reader = NULL;
}

static void
teardown(void)
{
	forget();
	recorded_teardown();
}

/* The first scope that matches. */
static const struct tape_scope *
first(const char *text)
{
	const struct tape_scope *scope = NULL;
	struct tape_error err;

	forget();
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_int_eq(tape_reader_open(recorded_dir(), NULL, &reader, &err), 0);
	ck_assert_int_eq(tape_query_compile(text, &query, &err), 0);
	ck_assert_int_eq(tape_find(reader, query, NULL, &cursor, &err), 0);
	ck_assert_int_eq(tape_cursor_next(cursor, &scope, &err), 1);
	return scope;
}

#define REFUSED(message, ...)                                                            \
	do {                                                                             \
		ck_assert_int_eq(TAPE_BIND(__VA_ARGS__), 0);                             \
		ck_assert_str_eq(tape_bind_error(), message);                            \
	} while (0)
#define BOUND(...) ck_assert_msg(TAPE_BIND(__VA_ARGS__) == 1, "%s", tape_bind_error())

static const struct all sample = {
	true,
	'x',
	-3,
	-300,
	INT_MIN,
	LONG_MIN,
	LLONG_MAX,
	250,
	65535,
	UINT_MAX,
	ULONG_MAX,
	ULLONG_MAX,
	0.1f,
	0.1,
	0.5L,
	1 + 2 * I,
	3 - 4 * I,
	DECAY,
	"abc",
	"a string",
	{ 5, { 1, 2, 3 } },
	{ { 1, 2, 3 }, { 4, 5, 6 } },
	{ { { 1, 2 } }, { { 3, 4 } } },
	{ "ab", "cd" },
	{ true, false },
	{ 1, UINT64_MAX },
};

/* ---- recording ---- */

START_TEST(members_are_recorded_by_the_types_they_have)
{
	TAPE(t, "x", TAPE_OF(scalars, &sample));
	ck_assert_str_eq(
		recorded(),
		"x b=true c=120 d=0.1 dc=(3.0,-4.0) f=0.10000000149011612f fc=(1.0,2.0)f "
		"i=-2147483648 "
		"l=-9223372036854775808 ld=0.5 ll=9223372036854775807 phase=7 s=-300 "
		"sc=-3 "
		"u=4294967295u uc=250u ul=18446744073709551615u "
		"ull=18446744073709551615u us=65535u\n");
}
END_TEST

START_TEST(texts_arrays_and_nested_members_are_recorded)
{
	TAPE(t, "x", TAPE_OF(rest, &sample));
	ck_assert_str_eq(recorded(),
			 "x big=u8[2](1 18446744073709551615) cube=i2[2,1,2](1 2 3 4) "
			 "flags=b1[2](1 0) in.n=5 in.w=f4[3](1 2 3) "
			 "m=f8[2,3](1 2 3 4 5 6) string='a string' text='abc' "
			 "words=i1[2,4](97 98 0 0 99 100 0 0)\n");
}
END_TEST

START_TEST(a_prefix_stands_before_the_members)
{
	struct params p = { 0.5, 3, "abc", 1, 2 };
	const struct params *q = &p;

	TAPE(t, "x", TAPE_AS("p", TAPE_OF(params, q)), TAPE_AS("seed", p.seed));
	ck_assert_str_eq(recorded(),
			 "x p.alpha=0.5 p.h=2.0 p.name='abc' p.seed=3 p.tol=1.0 "
			 "seed=3\n");
}
END_TEST

START_TEST(prefixes_may_be_made_at_run_time)
{
	struct params p[2] = { { 0.5, 3, "a", 1, 2 }, { 1.5, 4, "b", 3, 4 } };
	char name[8];

	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof name, "p%d", i / 2);
		TAPE(t, "x", TAPE_AS(name, TAPE_UNIT(TAPE_OF(params, &p[i / 2]), "m")));
	}
	ck_assert_str_eq(recorded(), "x p0.alpha[m]=0.5 p0.h[m]=2.0 p0.name[m]='a' "
				     "p0.seed[m]=3 p0.tol[m]=1.0\n"
				     "x p0.alpha[m]=0.5 p0.h[m]=2.0 p0.name[m]='a' "
				     "p0.seed[m]=3 p0.tol[m]=1.0\n"
				     "x p1.alpha[m]=1.5 p1.h[m]=4.0 p1.name[m]='b' "
				     "p1.seed[m]=4 p1.tol[m]=3.0\n"
				     "x p1.alpha[m]=1.5 p1.h[m]=4.0 p1.name[m]='b' "
				     "p1.seed[m]=4 p1.tol[m]=3.0\n");
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

START_TEST(members_stand_beside_other_variables_and_stick)
{
	struct params p = { 0.5, 3, "abc", 1, 2 };
	double E = 1.5;
	char text[4] = "hi";

	TAPE_WITH(t, TAPE_AS("with", TAPE_OF(params, &p)));
	for (int it = 0; it < 2; it++)
		TAPE(t, "x", it, TAPE_OF(params, &p), E, TAPE_UNIT(E * 2, "J"), text);
	ck_assert_str_eq(recorded(),
			 "x E=1.5 E*2[J]=3.0 alpha=0.5 h=2.0 it=0 name='abc' seed=3 "
			 "text='hi' tol=1.0 with.alpha=0.5 "
			 "with.h=2.0 with.name='abc' with.seed=3 with.tol=1.0\n"
			 "x E=1.5 E*2[J]=3.0 alpha=0.5 h=2.0 it=1 name='abc' seed=3 "
			 "text='hi' tol=1.0 with.alpha=0.5 "
			 "with.h=2.0 with.name='abc' with.seed=3 with.tol=1.0\n");
}
END_TEST

START_TEST(members_may_be_kept_for_the_next_scope)
{
	struct params p = { 0.5, 3, "abc", 1, 2 };
	double E = 1.5;

	TAPE_ADD(t, TAPE_AS("kept", TAPE_OF(params, &p)));
	TAPE(t, "x", E);
	ck_assert_str_eq(recorded(), "x E=1.5 kept.alpha=0.5 kept.h=2.0 kept.name='abc' "
				     "kept.seed=3 kept.tol=1.0\n");
}
END_TEST

START_TEST(a_null_pointer_gives_nulls)
{
	struct params p = { 0.5, 3, "abc", 1, 2 };

	for (int i = 0; i < 3; i++) {
		struct params *q = i == 1 ? NULL : &p;

		TAPE(t, "x", TAPE_OF(params, q));
	}
	ck_assert_str_eq(recorded(), "x alpha=0.5 h=2.0 name='abc' seed=3 tol=1.0\n"
				     "x alpha=null h=null name=null seed=null tol=null\n"
				     "x alpha=0.5 h=2.0 name='abc' seed=3 tol=1.0\n");
}
END_TEST

struct wide {
	double a[40];
};
TAPE_DESCRIBE(wide, struct wide, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8],
	      a[9], a[10], a[11], a[12], a[13], a[14], a[15], a[16], a[17], a[18], a[19],
	      a[20], a[21], a[22], a[23], a[24], a[25], a[26], a[27], a[28], a[29], a[30],
	      a[31]);

START_TEST(many_members_are_many_variables)
{
	struct wide w = { { 1, 2, 3 } };
	const struct tape_scope *scope;

	for (int i = 0; i < 3; i++)
		TAPE(t, "x", TAPE_AS("a", TAPE_OF(wide, &w)),
		     TAPE_AS("b", TAPE_OF(wide, &w)), TAPE_AS("c", TAPE_OF(wide, &w)), i);
	scope = first("x i=2 \"b.a[2]\"=3");
	ck_assert_uint_eq(tape_scope_var_count(scope), 97);
	w.a[31] = 5;
	BOUND(scope, TAPE_AS("c", TAPE_OF(wide, &w)));
	ck_assert(w.a[31] == 0 && w.a[1] == 2);
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

/* ---- binding ---- */

START_TEST(every_scalar_comes_back)
{
	struct all got;
	const struct tape_scope *scope;

	memset(&got, 0, sizeof got);
	TAPE(t, "x", TAPE_OF(scalars, &sample));
	scope = first("x");
	BOUND(scope, TAPE_OF(scalars, &got));
	ck_assert(got.b && got.c == 'x' && got.sc == -3 && got.s == -300);
	ck_assert(got.i == INT_MIN && got.l == LONG_MIN && got.ll == LLONG_MAX);
	ck_assert(got.uc == 250 && got.us == 65535 && got.u == UINT_MAX);
	ck_assert(got.ul == ULONG_MAX && got.ull == ULLONG_MAX && got.phase == DECAY);
	ck_assert(got.f == 0.1f && got.d == 0.1 && got.ld == 0.5L);
	ck_assert(got.fc == 1 + 2 * I && got.dc == 3 - 4 * I);
	ck_assert_str_eq(tape_bind_error(), "");
}
END_TEST

START_TEST(every_scalar_has_an_output_of_its_own)
{
	struct all got;
	double d;
	const struct tape_scope *scope;

	memset(&got, 0, sizeof got);
	TAPE(t, "x", TAPE_AS("got", TAPE_OF(scalars, &sample)), TAPE_AS("d", 4.5));
	scope = first("x");
	BOUND(scope, &got.b, &got.sc, &got.s, &got.i, &got.l, &got.ll, &got.uc, &got.us,
	      &got.u, &got.ul, &got.ull, &got.f, &got.d, &got.ld, &got.fc, &got.dc,
	      &got.phase, &d);
	ck_assert(got.b && got.sc == -3 && got.s == -300 && got.i == INT_MIN);
	ck_assert(got.l == LONG_MIN && got.ll == LLONG_MAX && got.uc == 250);
	ck_assert(got.us == 65535 && got.u == UINT_MAX && got.ul == ULONG_MAX);
	ck_assert(got.ull == ULLONG_MAX && got.phase == DECAY && got.f == 0.1f);
	ck_assert(got.d == 0.1 && got.ld == 0.5L && got.fc == 1 + 2 * I);
	ck_assert(got.dc == 3 - 4 * I && d == 4.5);
	BOUND(scope, TAPE_AS("got.d", &d));
	ck_assert(d == 0.1);
}
END_TEST

START_TEST(texts_arrays_and_nested_members_come_back)
{
	struct all got;
	const struct tape_scope *scope;

	memset(&got, 'z', sizeof got);
	TAPE(t, "x", TAPE_AS("p", TAPE_OF(rest, &sample)));
	scope = first("x");
	BOUND(scope, TAPE_AS("p", TAPE_OF(rest, &got)));
	ck_assert_mem_eq(got.text, sample.text, sizeof got.text);
	ck_assert_str_eq(got.string, "a string");
	ck_assert(got.string != sample.string);
	ck_assert(got.in.n == 5 && got.in.w[2] == 3);
	ck_assert_mem_eq(got.m, sample.m, sizeof got.m);
	ck_assert_mem_eq(got.cube, sample.cube, sizeof got.cube);
	ck_assert_mem_eq(got.words, sample.words, sizeof got.words);
	ck_assert_mem_eq(got.flags, sample.flags, sizeof got.flags);
	ck_assert_mem_eq(got.big, sample.big, sizeof got.big);
	free((void *)(uintptr_t)got.string);
}
END_TEST

START_TEST(arrays_texts_and_bytes_go_into_memory_of_the_program)
{
	double x[4] = { 1, 2, 3, 4 }, y[4] = { 0 }, m[2][2] = { { 0 } }, *heap = y;
	char text[12] = "hello", buffer[8] = "zzzzzzz", *own = NULL, *copy = NULL;
	unsigned char raw[3] = { 1, 0, 2 }, back[3] = { 0 };
	size_t n = 9, len = 9;
	const struct tape_scope *scope;

	TAPE(t, "x", x, TAPE_AS("m", TAPE_ARRAY(&x[0], 2, 2)), text, TAPE_BYTES(raw, 3));
	scope = first("x");
	BOUND(scope, TAPE_AS("x", y), TAPE_ARRAY(m, 2, 2),
	      TAPE_AS("text", TAPE_TEXT(buffer, 8)), TAPE_AS("raw", TAPE_BYTES(back, 3)),
	      TAPE_AS("text", &own), TAPE_AS("text", TAPE_NEW(&copy, &len)));
	ck_assert_mem_eq(x, y, sizeof x);
	ck_assert_mem_eq(x, m, sizeof x);
	ck_assert_mem_eq(buffer, "hello\0\0", 8);
	ck_assert_mem_eq(raw, back, 3);
	ck_assert_str_eq(own, "hello");
	ck_assert_str_eq(copy, "hello");
	ck_assert_uint_eq(len, 5);
	free(own);
	free(copy);
	BOUND(scope, TAPE_AS("m", TAPE_NEW(&heap, &n)));
	ck_assert(heap != y && n == 4 && heap[3] == 4);
	free(heap);
}
END_TEST

START_TEST(blobs_are_read_and_verified)
{
	static double field[9][1000], back[9][1000];
	double *heap = NULL;
	size_t n = 0;
	const struct tape_scope *scope;

	for (int i = 0; i < 9000; i++)
		field[i / 1000][i % 1000] = i;
	TAPE(t, "x", TAPE_BLOB(field, 9, 1000),
	     TAPE_AS("small", TAPE_BLOB(&field[0][0], 3)));
	scope = first("x");
	BOUND(scope, TAPE_AS("field", TAPE_ARRAY(back, 9, 1000)),
	      TAPE_AS("small", TAPE_NEW(&heap, &n)));
	ck_assert_mem_eq(field, back, sizeof back);
	ck_assert(n == 3 && heap[2] == 2);
	free(heap);
}
END_TEST

START_TEST(optional_members_may_be_missing)
{
	struct params p = { 1, 1, "x", 7, 8 };
	double alpha = 0.25, tol = 0.5;
	int seed = 9;

	TAPE(t, "x", alpha, seed, TAPE_AS("name", "abc"), tol);
	BOUND(first("x"), TAPE_OF(params, &p));
	ck_assert(p.alpha == 0.25 && p.seed == 9 && p.tol == 0.5 && p.h == 8);
	ck_assert_str_eq(p.name, "abc");
}
END_TEST

/* ---- all or nothing ---- */

START_TEST(a_failed_binding_touches_nothing_and_names_the_field)
{
	struct params p = { 1, 1, "x", 7, 8 };
	const struct params before = p;
	const struct tape_scope *scope;
	double alpha = 0.25, E = 3;
	char *text = NULL;

	TAPE(t, "x", alpha, TAPE_AS("seed", 1.5), TAPE_AS("name", "abc"));
	scope = first("x");
	REFUSED("seed: is an f64 on the tape, the output is an integer", scope,
		TAPE_OF(params, &p));
	REFUSED("E: is missing in the scope", scope, TAPE_AS("alpha", &p.alpha), &E);
	REFUSED("E: is missing in the scope", scope, TAPE_AS("name", &text), &E);
	ck_assert_ptr_null(text);
	ck_assert_mem_eq(&p, &before, sizeof p);
	REFUSED("q.alpha: is missing in the scope", scope,
		TAPE_AS("q", TAPE_OF(params, &p)));
	REFUSED("TAPE_BIND: there is no scope", NULL, &E);
	ck_assert(E == 3);
}
END_TEST

START_TEST(reasons_are_told)
{
	int large = 70000, minus = -1;
	double x[3] = { 1, 2, 3 }, y[4], m[3][2] = { { 0 } };
	float f = 0.5f, g[3];
	short s = 1;
	unsigned u = 1;
	bool b = true;
	char text[8] = "1234567", tiny[4];
	const char *none = NULL;
	struct params p = { 0 };
	const struct params *constant = &p;
	const struct tape_scope *scope;
	double *heap = NULL, d = 0;
	size_t n = 0;

	TAPE(t, "x", large, minus, x, TAPE_FARRAY(m, 2, 3), f, TAPE_AS("u8", UINT64_MAX),
	     b, text, none, TAPE_AS("bad", TAPE_ARRAY(x, -1)), d,
	     TAPE_AS("z", 1.0 + 2.0 * I));
	scope = first("x");
	REFUSED("large: is 70000 on the tape, which does not fit the 2 bytes of the "
		"output",
		scope, TAPE_AS("large", &s));
	REFUSED("minus: is -1 on the tape, which does not fit the 4 bytes of the output",
		scope, TAPE_AS("minus", &u));
	REFUSED("u8: is 18446744073709551615 on the tape, which does not fit the 4 bytes "
		"of the output",
		scope, TAPE_AS("u8", &large));
	REFUSED("x: is f8[3] on the tape, the output is f8[4]", scope, TAPE_AS("x", y));
	REFUSED("x: is f8[3] on the tape, the output is f4[3]", scope, TAPE_AS("x", g));
	REFUSED("x: is f8[3] on the tape, the output is f8[1,3]", scope,
		TAPE_ARRAY(x, 1, 3));
	REFUSED("x: is f8[3] on the tape, the output is a double", scope,
		TAPE_AS("x", &d));
	REFUSED("m: is stored with its first index running fastest: say TAPE_FARRAY",
		scope, TAPE_ARRAY(m, 2, 3));
	BOUND(scope, TAPE_FARRAY(m, 2, 3));
	REFUSED("d: is an f64 on the tape, the output is a float", scope,
		TAPE_AS("d", &f));
	BOUND(scope, TAPE_AS("f", &d));
	ck_assert(d == 0.5);
	REFUSED("b: is a bool on the tape, the output is an integer", scope,
		TAPE_AS("b", &s));
	REFUSED("f: is an f32 on the tape, the output is a bool", scope,
		TAPE_AS("f", &b));
	REFUSED("z: is a c16 on the tape, the output is a double", scope,
		TAPE_AS("z", &d));
	REFUSED("text: has 7 bytes on the tape, the output has 4", scope,
		TAPE_AS("text", tiny));
	REFUSED("text: is text on the tape, the output is f8[3]", scope,
		TAPE_AS("text", x));
	REFUSED("none: is null in the scope", scope, TAPE_AS("none", tiny));
	REFUSED("bad: is absent from the scope: too-large", scope, TAPE_AS("bad", x));
	REFUSED("text: is text on the tape, the output is an array of f8", scope,
		TAPE_AS("text", TAPE_NEW(&heap, &n)));
	REFUSED("params: TAPE_OF was given a pointer to const", scope,
		TAPE_OF(params, constant));
	REFUSED("y: only dense arrays can be filled", scope, TAPE_STRIDED(y, 2, 16));
}
END_TEST

START_TEST(a_hash_alone_fills_nothing)
{
	double x[100] = { 1 };

	TAPE(t, "x", TAPE_HASHED(x, 100));
	REFUSED("x: only its hash was recorded", first("x"), TAPE_AS("x", x));
}
END_TEST

START_TEST(names_follow_from_expressions)
{
	struct params p = { 0 }, *q = &p;
	const struct tape_scope *scope;

	TAPE(t, "x", TAPE_AS("p.alpha", 1.5), TAPE_AS("q.seed", 3));
	scope = first("x");
	BOUND(scope, &p.alpha, &q->seed);
	ck_assert(p.alpha == 1.5 && p.seed == 3);
}
END_TEST

/* ---- contracts ---- */

static struct tape_info *info;

/* How many scopes broke a contract; the first of it is in info->thinned_list. */
static uint64_t
broken(void)
{
	struct tape_error err;

	tape_info_free(info);
	info = NULL;
	forget();
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_int_eq(tape_reader_open(recorded_dir(), NULL, &reader, &err), 0);
	ck_assert_int_eq(tape_info_read(reader, &info, &err), 0);
	return info->broken;
}

static void
end_contract(void)
{
	tape_info_free(info);
	info = NULL;
	teardown();
}

START_TEST(scopes_that_break_a_contract_are_recorded_counted_and_reported)
{
	double T = 300;
	int step = 1;

	ck_assert_int_eq(tape_set(t, "^md$", "require", "{T: float, step?: int}"), 0);
	TAPE_LABEL(t, "run");
	for (step = 0; step < 5; step++)
		TAPE(t, "md", T, step);
	ck_assert_uint_eq(recorded_errors(), 0);
	for (int i = 0; i < 7; i++)
		TAPE(t, "md", step);
	TAPE(t, "other", step);
	ck_assert_uint_eq(recorded_errors(), 1);
	ck_assert_ptr_nonnull(strstr(recorded_error(),
				     "a scope under run/md breaks require = {T: float"));
	ck_assert_ptr_nonnull(strstr(recorded_error(), "T: is missing, expected float"));
	ck_assert_uint_eq(recorded_count(), 13);
	ck_assert_uint_eq(broken(), 7);
	ck_assert_uint_eq(info->thinned, 0);
	ck_assert_uint_eq(info->thinned_count, 1);
	ck_assert_int_eq(info->thinned_list[0].broken, 1);
	ck_assert_str_eq(info->thinned_list[0].path, "run/md");
	ck_assert_str_eq(info->thinned_list[0].why, "T: is missing, expected float");
	ck_assert_str_eq(info->thinned_list[0].rule, "tape_set(^md$)");
}
END_TEST

START_TEST(a_described_structure_is_a_contract_by_its_name)
{
	struct params p = { 0.5, 3, "abc", 1, 2 };
	double alpha = 1;

	ck_assert_int_eq(tape_set(t, "a|b", "require", "params"), 0);
	TAPE(t, "a", TAPE_OF(params, &p)); /* makes it known */
	TAPE(t, "b", alpha);
	ck_assert_uint_eq(recorded_errors(), 1);
	ck_assert_ptr_nonnull(strstr(recorded_error(), "seed: is missing, expected int"));
	ck_assert_uint_eq(broken(), 1);
}
END_TEST

START_TEST(an_unknown_partial_is_said_once_and_may_come_later)
{
	double alpha = 1;

	ck_assert_int_eq(tape_set(t, NULL, "require", "params"), 0);
	for (int i = 0; i < 4; i++) {
		TAPE(t, "b", alpha);
		if (i == 1) {
			ck_assert_uint_eq(recorded_errors(), 1);
			ck_assert_ptr_nonnull(strstr(recorded_error(),
						     "there is no partial \"params\""));
			ck_assert_int_eq(tape_describe(t, &params), 0);
		}
	}
	ck_assert_uint_eq(recorded_said("breaks require = params"), 1);
	ck_assert_uint_eq(broken(), 2);
}
END_TEST

START_TEST(extents_are_asked_of_each_scope)
{
	double x[4] = { 0 };

	ck_assert_int_eq(tape_set(t, NULL, "require", "{x: f8[3]}"), 0);
	for (int n = 0; n < 5; n++)
		TAPE(t, "md", TAPE_ARRAY(x, n));
	ck_assert_uint_eq(recorded_errors(), 1);
	ck_assert_ptr_nonnull(strstr(recorded_error(), "x: is f8[0], expected f8[3]"));
	ck_assert_uint_eq(broken(), 4);
}
END_TEST

START_TEST(a_later_rule_takes_a_contract_away)
{
	int n = 1;

	ck_assert_int_eq(tape_set(t, NULL, "require", "{T: float}"), 0);
	ck_assert_int_eq(tape_set(t, "md", "require", "off"), 0);
	TAPE(t, "md", n);
	ck_assert_uint_eq(recorded_errors(), 0);
	ck_assert_int_eq(tape_set(t, NULL, "require", "{T float}"), -1);
	ck_assert_ptr_nonnull(strstr(recorded_error(), "expected \":\""));
	ck_assert_uint_eq(broken(), 0);
}
END_TEST

START_TEST(a_query_of_a_rule_may_ask_for_a_partial)
{
	struct params p = { 0.5, 3, "abc", 1, 2 };
	int n = 1;

	ck_assert_int_eq(tape_describe(t, &params), 0);
	ck_assert_int_eq(tape_set(t, NULL, "when", "is=params"), 0);
	TAPE(t, "a", TAPE_OF(params, &p));
	TAPE(t, "b", n);
	ck_assert_uint_eq(recorded_count(), 1);
	ck_assert_int_eq(tape_set(t, NULL, "when", "{n: int}"), 0);
	TAPE(t, "a", TAPE_OF(params, &p));
	TAPE(t, "b", n);
	ck_assert_uint_eq(recorded_count(), 2);
	ck_assert_int_eq(tape_set(t, NULL, "when", "is=nothing"), -1);
}
END_TEST

START_TEST(scopes_in_pieces_keep_contracts_too)
{
	struct tape_build *b;

	ck_assert_int_eq(tape_set(t, NULL, "require", "{T: float}"), 0);
	for (int i = 0; i < 3; i++) {
		b = tape_build_begin(t, "md");
		if (i == 1)
			tape_build_i64(b, "T", TAPE_NUL, 3);
		else
			tape_build_f64(b, "T", TAPE_NUL, 3);
		ck_assert_int_eq(tape_build_end(b), 0);
	}
	ck_assert_uint_eq(broken(), 1);
	ck_assert_str_eq(info->thinned_list[0].why, "T: is i64, expected float");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("partial");
	TCase *record = tcase_create("record"), *bind = tcase_create("bind");
	TCase *contract = tcase_create("contract");

	tcase_add_checked_fixture(record, setup, teardown);
	tcase_add_test(record, members_are_recorded_by_the_types_they_have);
	tcase_add_test(record, texts_arrays_and_nested_members_are_recorded);
	tcase_add_test(record, a_prefix_stands_before_the_members);
	tcase_add_test(record, prefixes_may_be_made_at_run_time);
	tcase_add_test(record, members_stand_beside_other_variables_and_stick);
	tcase_add_test(record, members_may_be_kept_for_the_next_scope);
	tcase_add_test(record, a_null_pointer_gives_nulls);
	tcase_add_test(record, many_members_are_many_variables);
	tcase_add_checked_fixture(bind, setup, teardown);
	tcase_add_test(bind, every_scalar_comes_back);
	tcase_add_test(bind, every_scalar_has_an_output_of_its_own);
	tcase_add_test(bind, texts_arrays_and_nested_members_come_back);
	tcase_add_test(bind, arrays_texts_and_bytes_go_into_memory_of_the_program);
	tcase_add_test(bind, blobs_are_read_and_verified);
	tcase_add_test(bind, optional_members_may_be_missing);
	tcase_add_test(bind, a_failed_binding_touches_nothing_and_names_the_field);
	tcase_add_test(bind, reasons_are_told);
	tcase_add_test(bind, a_hash_alone_fills_nothing);
	tcase_add_test(bind, names_follow_from_expressions);
	tcase_add_checked_fixture(contract, setup, end_contract);
	tcase_add_test(contract,
		       scopes_that_break_a_contract_are_recorded_counted_and_reported);
	tcase_add_test(contract, a_described_structure_is_a_contract_by_its_name);
	tcase_add_test(contract, an_unknown_partial_is_said_once_and_may_come_later);
	tcase_add_test(contract, extents_are_asked_of_each_scope);
	tcase_add_test(contract, a_later_rule_takes_a_contract_away);
	tcase_add_test(contract, a_query_of_a_rule_may_ask_for_a_partial);
	tcase_add_test(contract, scopes_in_pieces_keep_contracts_too);
	suite_add_tcase(suite, contract);
	suite_add_tcase(suite, record);
	suite_add_tcase(suite, bind);
	return suite_run(suite);
}
