/* SPDX-License-Identifier: Apache-2.0 */
/* What TAPE and its forms put on a tape. */
#include <complex.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/recorded.h"
#include "tests/support/suite.h"

static struct tape *t;

static void
setup(void)
{
	t = recorded_open("");
}

/* ---- scalars ---- */

START_TEST(every_signed_integer_is_kept_as_i64)
{
	signed char a = SCHAR_MIN;
	short b = SHRT_MIN;
	int c = INT_MIN;
	long d = LONG_MIN;
	long long e = LLONG_MAX;
	char f = 'x';
	int64_t g = -1;

	TAPE(t, "x", a, b, c, d, e, f, g);
	ck_assert_str_eq(recorded(),
			 "x a=-128 b=-32768 c=-2147483648 d=-9223372036854775808 "
			 "e=9223372036854775807 f=120 g=-1\n");
}
END_TEST

START_TEST(every_unsigned_integer_is_kept_as_u64)
{
	unsigned char a = UCHAR_MAX;
	unsigned short b = USHRT_MAX;
	unsigned c = UINT_MAX;
	unsigned long d = ULONG_MAX;
	unsigned long long e = ULLONG_MAX;
	size_t f = 7;

	TAPE(t, "x", a, b, c, d, e, f);
	ck_assert_str_eq(recorded(),
			 "x a=255u b=65535u c=4294967295u "
			 "d=18446744073709551615u e=18446744073709551615u f=7u\n");
}
END_TEST

START_TEST(an_enum_is_signed_whatever_the_compiler_made_of_it)
{
	enum plain { RED, GREEN } plain = GREEN;
	enum with_negative { LOW = -5 } negative = LOW;
	const enum plain constant = RED;

	TAPE(t, "x", plain, negative, constant);
	ck_assert_str_eq(recorded(), "x constant=0 negative=-5 plain=1\n");
}
END_TEST

START_TEST(floating_point_and_complex_numbers_keep_their_width)
{
	float a = 0.5f;
	double b = 0.1, nan = __builtin_nan(""), minus = -0.0;
	long double c = 2.25L;
	double complex d = 1.0 + 2.0 * I;
	float complex e = 0.5f - 1.0f * I;
	long double complex f = 3.0L;
	bool g = true;

	TAPE(t, "x", a, b, c, d, e, f, g, nan, minus);
	ck_assert_str_eq(recorded(), "x a=0.5f b=0.1 c=2.25 d=(1.0,2.0) e=(0.5,-1.0)f "
				     "f=(3.0,0.0) g=true minus=-0.0 nan=NaN\n");
	ck_assert_uint_eq(recorded_said("long double"), 1);
}
END_TEST

START_TEST(qualified_variables_are_recorded_as_plain_ones)
{
	const int a = 1;
	volatile double b = 2.0;
	const volatile unsigned c = 3;
	static const char d[] = "text";
	register int e = 5;

	TAPE(t, "x", a, b, c, d, e + 0);
	ck_assert_str_eq(recorded(), "x a=1 b=2.0 c=3u d='text' e+0=5\n");
}
END_TEST

START_TEST(a_scope_may_have_no_variables_or_32)
{
	TAPE(t, "none");
	TAPE(t, "all", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
	     20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32);
	ck_assert_str_eq(
		recorded(),
		"none\n"
		"all 1=1 10=10 11=11 12=12 13=13 14=14 15=15 16=16 17=17 18=18 19=19 "
		"2=2 20=20 21=21 22=22 23=23 24=24 25=25 26=26 27=27 28=28 29=29 3=3 "
		"30=30 31=31 32=32 4=4 5=5 6=6 7=7 8=8 9=9\n");
}
END_TEST

static void
put_mixed(int8_t small, bool flag, float single, double complex z, const char *text)
{
	double wide = 0.25;
	uint8_t last = 200;

	TAPE(t, "x", z, small, flag, wide, single, TAPE_UNIT(last, "K"), text,
	     TAPE_AS("also", text));
}

START_TEST(narrow_wide_sticky_and_named_values_stand_beside_short_texts)
{
	static const char *const texts[] = { "",	 "a",
					     "ab",	 "abc",
					     "abcdefg",	 "abcdefgh",
					     "\xc3\xa9", "abcdefghijklmnopq",
					     NULL };
	char expected[2048] = "";
	int32_t rank = -7;
	double dt = 0.5;

	TAPE_LABEL(t, "run");
	TAPE_WITH(t, rank, dt);
	for (int i = 0; texts[i]; i++) {
		size_t n = strlen(expected);

		put_mixed((int8_t)-i, i % 2 != 0, 0.5f, 1.0 - 2.0 * I, texts[i]);
		(void)snprintf(expected + n, sizeof expected - n,
			       "run/x also='%s' dt=0.5 flag=%s last[K]=200u rank=-7 "
			       "single=0.5f small=%d text='%s' wide=0.25 z=(1.0,-2.0)\n",
			       texts[i], i % 2 ? "true" : "false", -i, texts[i]);
	}
	ck_assert_str_eq(recorded(), expected);
}
END_TEST

START_TEST(a_text_of_64_bytes_is_short_and_one_of_65_is_not)
{
	char text[66];

	for (int i = 0; i < 4; i++) {
		memset(text, 'a' + i, sizeof text);
		text[i % 2 ? 65 : 64] = '\0';
		TAPE(t, "x", i, text);
	}
	for (int i = 0; i < 4; i++) {
		char expected[128];

		memset(text, 'a' + i, sizeof text);
		text[i % 2 ? 65 : 64] = '\0';
		(void)snprintf(expected, sizeof expected, "x i=%d text='%s'\n", i, text);
		ck_assert_ptr_nonnull(strstr(recorded(), expected));
	}
}
END_TEST

/* ---- text and bytes ---- */

START_TEST(a_char_array_is_text_up_to_its_nul_or_its_size)
{
	char name[8] = "ab";
	char full[3] = { 'x', 'y', 'z' };
	char empty[4] = "";

	TAPE(t, "x", name, full, empty);
	ck_assert_str_eq(recorded(), "x empty='' full='xyz' name='ab'\n");
}
END_TEST

START_TEST(a_null_pointer_to_text_is_a_null_value)
{
	const char *none = NULL;
	char *some = (char[]){ "abc" };

	TAPE(t, "x", none, some);
	ck_assert_str_eq(recorded(), "x none=null some='abc'\n");
}
END_TEST

START_TEST(text_that_is_not_utf8_becomes_bytes)
{
	const char *latin1 = "caf\xe9", *utf8 = "caf\xc3\xa9", *overlong = "\xc0\x80";

	TAPE(t, "x", latin1, utf8, overlong);
	ck_assert_str_eq(recorded(),
			 "x latin1=x'636166e9' overlong=x'c080' utf8='caf\xc3\xa9'\n");
}
END_TEST

START_TEST(one_site_may_see_null_then_text_then_bytes_then_text)
{
	const char *values[] = { NULL, "a", "\xff", "bb", NULL };

	for (int i = 0; i < 5; i++) {
		const char *v = values[i];

		TAPE(t, "x", i, v);
	}
	ck_assert_str_eq(recorded(), "x i=0 v=null\nx i=1 v='a'\nx i=2 v=x'ff'\n"
				     "x i=3 v='bb'\nx i=4 v=null\n");
}
END_TEST

START_TEST(long_text_is_kept_whole)
{
	static char text[70001];

	for (size_t n = 60; n < sizeof text; n = n * 3 + 1) {
		memset(text, 'a', n);
		text[n] = '\0';
		TAPE(t, "x", text);
		ck_assert(strstr(recorded(), text));
	}
}
END_TEST

START_TEST(bytes_are_kept_as_they_are_and_fixed_text_loses_its_blanks)
{
	const unsigned char raw[4] = { 0, 1, 255, 0 };
	const char fortran[8] = { 'N', 'a', 'C', 'l', ' ', ' ', ' ', ' ' };
	const char *none = NULL;

	TAPE(t, "x", TAPE_BYTES(raw, 4), TAPE_TEXT(fortran, 8),
	     TAPE_AS("z", TAPE_TEXT("ab", 9)), TAPE_AS("n", TAPE_TEXT(none, 3)),
	     TAPE_AS("b", TAPE_BYTES(none, 3)), TAPE_AS("e", TAPE_BYTES(none, 0)));
	ck_assert_str_eq(recorded(),
			 "x b=null e=x'' fortran='NaCl' n=null raw=x'0001ff00' z='ab'\n");
}
END_TEST

/* ---- arrays ---- */

START_TEST(a_real_array_of_any_element_is_taken_whole)
{
	bool b1[2] = { true, false };
	signed char i1[2] = { -1, 2 };
	short i2[2] = { -1, 2 };
	int i4[2] = { -1, 2 };
	long i8[2] = { -1, 2 };
	long long il[1] = { LLONG_MIN };
	unsigned char u1[2] = { 1, 255 };
	unsigned short u2[1] = { 65535 };
	unsigned u4[1] = { UINT_MAX };
	unsigned long u8[1] = { ULONG_MAX };
	unsigned long long ul[1] = { 5 };
	float f4[2] = { 0.5f, 1 };
	const double f8[2] = { 0.25, -1 };
	float complex c8[1] = { 1.0f + 2.0f * I };
	double complex c16[1] = { 3.0 };

	TAPE(t, "x", b1, i1, i2, i4, i8, il, u1, u2, u4, u8, ul, f4, f8, c8, c16);
	ck_assert_str_eq(
		recorded(),
		"x b1=b1[2](1 0) c16=c16[1]((3,0)) c8=c8[1]((1,2)) f4=f4[2](0.5 1) "
		"f8=f8[2](0.25 -1) i1=i1[2](-1 2) i2=i2[2](-1 2) i4=i4[2](-1 2) "
		"i8=i8[2](-1 2) il=i8[1](-9223372036854775808) u1=u1[2](1 255) "
		"u2=u2[1](65535) u4=u4[1](4294967295) u8=u8[1](18446744073709551615) "
		"ul=u8[1](5)\n");
}
END_TEST

START_TEST(a_variable_length_array_is_an_array)
{
	volatile int n = 3;
	int rows[n];
	char text[n];

	for (int i = 0; i < 3; i++)
		rows[i] = i;
	memcpy(text, "abc", 3);
	TAPE(t, "x", rows, text);
	ck_assert_str_eq(recorded(), "x rows=i4[3](0 1 2) text='abc'\n");
}
END_TEST

START_TEST(arrays_behind_pointers_have_any_rank_and_order)
{
	double a[24];
	int m[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } };
	const double *p = a;
	int nx = 2;
	size_t ny = 3;

	for (int i = 0; i < 24; i++)
		a[i] = i;
	TAPE(t, "x", TAPE_ARRAY(p, 2), TAPE_AS("m", TAPE_ARRAY(m, nx, ny)),
	     TAPE_AS("f", TAPE_FARRAY(p, nx, ny)), TAPE_AS("f1", TAPE_FARRAY(p, 2)),
	     TAPE_AS("cube", TAPE_ARRAY(a, 2, 3, 4)),
	     TAPE_AS("eight", TAPE_ARRAY(a, 1, 1, 1, 2, 1, 1, 1, 1)),
	     TAPE_AS("none", TAPE_ARRAY(p, 0)));
	ck_assert_str_eq(
		recorded(),
		"x cube=f8[2,3,4](0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 "
		"20 21 22 23) eight=f8[1,1,1,2,1,1,1,1](0 1) f=f8F[2,3](0 1 2 3 4 5) "
		"f1=f8[2](0 1) m=i4[2,3](1 2 3 4 5 6) none=f8[0]() p=f8[2](0 1)\n");
}
END_TEST

START_TEST(a_null_array_is_null_and_an_impossible_one_absent)
{
	double *none = NULL, one = 1;
	int minus = -3;

	TAPE(t, "x", TAPE_ARRAY(none, 5), TAPE_AS("bad", TAPE_ARRAY(&one, minus)),
	     TAPE_AS("huge", TAPE_ARRAY(&one, SIZE_MAX, SIZE_MAX)));
	ck_assert_str_eq(recorded(),
			 "x bad=absent:too-large huge=absent:too-large none=null\n");
	ck_assert_uint_eq(recorded_errors(), 1);
}
END_TEST

START_TEST(arrays_go_from_the_body_to_blobs_as_they_grow)
{
	static double a[20000];

	for (int i = 0; i < 20000; i++)
		a[i] = i;
	TAPE(t, "small", TAPE_ARRAY(a, 8));	 /* in the canonical part */
	TAPE(t, "inline", TAPE_ARRAY(a, 9));	 /* in the tail */
	TAPE(t, "embedded", TAPE_ARRAY(a, 600)); /* over inline_max */
	TAPE(t, "loose", TAPE_ARRAY(a, 20000));	 /* over embed_max */
	TAPE(t, "asked", TAPE_BLOB(a, 2));
	TAPE(t, "asked", TAPE_BLOB(a, 2, 9));
	ck_assert_str_eq(recorded_under("small"), "small a=f8[8](0 1 2 3 4 5 6 7)\n");
	ck_assert_str_eq(recorded_under("inline"), "inline a=f8[9](0 1 2 3 4 5 6 7 8)\n");
	ck_assert_str_eq(
		recorded_under("embedded"),
		"embedded a=blob:f8[600](0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 "
		"19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 ...)\n");
	ck_assert_str_eq(
		recorded_under("loose"),
		"loose a=blob:f8[20000](0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 "
		"19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 ...)\n");
	ck_assert_str_eq(
		recorded_under("asked"),
		"asked a=blob:f8[2](0 1)\n"
		"asked a=blob:f8[2,9](0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17)\n");
}
END_TEST

START_TEST(a_member_of_an_array_of_structs_is_taken_by_its_stride)
{
	struct particle {
		int id;
		double x;
	} p[3] = { { 1, 0.5 }, { 2, 1.5 }, { 3, 2.5 } };

	TAPE(t, "x", TAPE_AS("id", TAPE_STRIDED(&p[0].id, 3, sizeof *p)),
	     TAPE_AS("x", TAPE_STRIDED(&p[0].x, 3, sizeof *p)),
	     TAPE_AS("back", TAPE_STRIDED(&p[2].id, 3, -(long)sizeof *p)),
	     TAPE_AS("dense", TAPE_STRIDED(&p[0].x, 1, 8)));
	ck_assert_str_eq(recorded(),
			 "x back=i4[3](3 2 1) dense=f8[1](0.5) id=i4[3](1 2 3) "
			 "x=f8[3](0.5 1.5 2.5)\n");
}
END_TEST

START_TEST(an_nd_leaves_out_ghost_cells)
{
	double grid[4][5];
	struct tape_nd inner = { .data = &grid[1][1],
				 .dtype = "f8",
				 .ndim = 2,
				 .dims = { 2, 3 },
				 .strides = { sizeof grid[0], sizeof grid[0][0] } };
	struct tape_nd column = inner;

	for (int i = 0; i < 4; i++)
		for (int j = 0; j < 5; j++)
			grid[i][j] = 10 * i + j;
	column.dims[1] = 1;
	TAPE(t, "x", TAPE_ND(&inner), TAPE_UNIT(TAPE_ND(&column), "K"));
	ck_assert_str_eq(recorded(),
			 "x column[K]=f8[2,1](11 21) inner=f8[2,3](11 12 13 21 22 23)\n");
}
END_TEST

START_TEST(an_nd_knows_dtypes_that_c_has_not_and_both_orders)
{
	uint16_t half[3] = { 0x3c00, 0x4000, 0xc000 };
	int a[6] = { 1, 2, 3, 4, 5, 6 };
	struct tape_nd f2 = { .data = half, .dtype = "f2", .ndim = 1, .dims = { 3 } };
	struct tape_nd dense = {
		.data = a, .dtype = "int32", .ndim = 2, .dims = { 2, 3 }
	};
	struct tape_nd fortran = dense;
	struct tape_nd flipped = dense;

	fortran.strides[0] = 4;
	fortran.strides[1] = 8;
	flipped.data = &a[5];
	flipped.strides[0] = -12;
	flipped.strides[1] = -4;
	TAPE(t, "x", TAPE_ND(&f2), TAPE_ND(&dense), TAPE_ND(&fortran), TAPE_ND(&flipped));
	ck_assert_str_eq(recorded(),
			 "x dense=i4[2,3](1 2 3 4 5 6) f2=f2[3](15360 16384 49152) "
			 "flipped=i4[2,3](6 5 4 3 2 1) fortran=i4F[2,3](1 2 3 4 5 6)\n");
}
END_TEST

START_TEST(an_nd_that_makes_no_sense_is_absent_and_said_once)
{
	int a[2] = { 1, 2 };
	struct tape_nd dtype = { .data = a, .dtype = "q7", .ndim = 1, .dims = { 2 } };
	struct tape_nd rank = { .data = a, .dtype = "i4", .ndim = 9, .dims = { 2 } };
	const struct tape_nd *none = NULL;

	for (int i = 0; i < 3; i++)
		TAPE(t, "x", TAPE_ND(&dtype), TAPE_ND(&rank), TAPE_ND(none));
	ck_assert_str_eq(recorded_under("x"),
			 "x dtype=absent:unreadable none=null rank=absent:unreadable\n"
			 "x dtype=absent:unreadable none=null rank=absent:unreadable\n"
			 "x dtype=absent:unreadable none=null rank=absent:unreadable\n");
	ck_assert_uint_eq(recorded_errors(), 1);
	ck_assert_uint_eq(recorded_said("unknown dtype"), 1);
}
END_TEST

START_TEST(four_dimensions_are_gathered_in_order)
{
	enum { N = 3 };
	int a[N + 1][N + 1][N + 1][N + 1];
	int want[2 * 3 * 2 * 3], n = 0;
	struct tape_nd nd = { .data = &a[1][0][1][0],
			      .dtype = "i4",
			      .ndim = 4,
			      .dims = { 2, 3, 2, 3 },
			      .strides = { sizeof a[0], sizeof a[0][0], sizeof a[0][0][0],
					   4 } };
	const int *p = &a[0][0][0][0];

	for (int i = 0; i < (N + 1) * (N + 1) * (N + 1) * (N + 1); i++)
		((int *)a)[i] = i;
	for (int i = 1; i < 3; i++)
		for (int j = 0; j < 3; j++)
			for (int k = 1; k < 3; k++)
				for (int l = 0; l < 3; l++)
					want[n++] = p[((i * 4 + j) * 4 + k) * 4 + l];
	/* The same content under the same names: the second is a link to the first. */
	TAPE(t, "x", TAPE_AS("v", TAPE_ND(&nd)));
	TAPE(t, "x", TAPE_AS("v", TAPE_ARRAY(want, 2, 3, 2, 3)));
	const char *text = recorded();
	size_t half = strlen(text) / 2;
	ck_assert_int_eq(strncmp(text, text + half, half), 0);
	ck_assert(strstr(text, "i4[2,3,2,3](68 69 70 "));
}
END_TEST

/* ---- names and units ---- */

START_TEST(as_and_unit_nest_in_any_order_round_anything)
{
	double x = 1;
	double a[2] = { 1, 2 };
	char run_time[16];

	snprintf(run_time, sizeof run_time, "k%d", 7);
	TAPE(t, "x", TAPE_AS("n", TAPE_UNIT(x, "m")), TAPE_UNIT(TAPE_AS("o", x), "s"),
	     TAPE_UNIT(TAPE_ARRAY(a, 2), "K"),
	     TAPE_AS("p", TAPE_UNIT(TAPE_BLOB(a, 2), "K")), TAPE_AS(run_time, 3),
	     TAPE_UNIT(x, "kg"), TAPE_UNIT(TAPE_UNIT(a[0], "in"), "out"),
	     TAPE_AS("outer", TAPE_AS("inner", 1)), TAPE_AS("txt", TAPE_UNIT("v", "u")));
	ck_assert_str_eq(recorded(),
			 "x a[K]=f8[2](1 2) a[0][out]=1.0 k7=3 n[m]=1.0 o[s]=1.0 outer=1 "
			 "p[K]=blob:f8[2](1 2) txt[u]='v' x[kg]=1.0\n");
}
END_TEST

START_TEST(a_name_made_at_run_time_may_change_in_the_same_buffer)
{
	char name[16], unit[16];

	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof name, "v%d", i / 2);
		snprintf(unit, sizeof unit, "u%d", i % 2);
		TAPE(t, "x", TAPE_AS(name, TAPE_UNIT(i, unit)));
	}
	ck_assert_str_eq(recorded(), "x v0[u0]=0\nx v0[u1]=1\nx v1[u0]=2\nx v1[u1]=3\n");
}
END_TEST

START_TEST(names_too_long_or_not_utf8_are_cut_and_said_once)
{
	char name[400];
	char want[300];

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	name[254] = '\xc3'; /* a character across the border is left out whole */
	name[255] = '\xa9';
	for (int i = 0; i < 3; i++)
		TAPE(t, "x", TAPE_AS(name, 1), TAPE_UNIT(i, "\xff"));
	snprintf(want, sizeof want, "x i[?]=0 %.254s=1\n", name);
	ck_assert_ptr_nonnull(strstr(recorded(), want));
	ck_assert_uint_eq(recorded_said("cut at 255"), 1);
	ck_assert_uint_eq(recorded_said("not UTF-8"), 1);
}
END_TEST

START_TEST(of_two_variables_with_one_name_the_first_is_kept_and_it_is_said_once)
{
	int a = 1;

	for (int i = 0; i < 3; i++)
		TAPE(t, "x", a, TAPE_AS("a", 2), TAPE_AS("b", i));
	ck_assert_str_eq(recorded(), "x a=1 b=0\nx a=1 b=1\nx a=1 b=2\n");
	ck_assert_uint_eq(recorded_errors(), 1);
	ck_assert_uint_eq(tape_lost(t), 0);
}
END_TEST

static TCase *
make(const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, recorded_teardown);
	tcase_set_timeout(tc, 120);
	return tc;
}

static TCase *
values(void)
{
	TCase *tc = make("values");

	tcase_add_test(tc, every_signed_integer_is_kept_as_i64);
	tcase_add_test(tc, every_unsigned_integer_is_kept_as_u64);
	tcase_add_test(tc, an_enum_is_signed_whatever_the_compiler_made_of_it);
	tcase_add_test(tc, floating_point_and_complex_numbers_keep_their_width);
	tcase_add_test(tc, qualified_variables_are_recorded_as_plain_ones);
	tcase_add_test(tc, a_scope_may_have_no_variables_or_32);
	tcase_add_test(tc, narrow_wide_sticky_and_named_values_stand_beside_short_texts);
	tcase_add_test(tc, a_text_of_64_bytes_is_short_and_one_of_65_is_not);
	tcase_add_test(tc, a_char_array_is_text_up_to_its_nul_or_its_size);
	tcase_add_test(tc, a_null_pointer_to_text_is_a_null_value);
	tcase_add_test(tc, text_that_is_not_utf8_becomes_bytes);
	tcase_add_test(tc, one_site_may_see_null_then_text_then_bytes_then_text);
	tcase_add_test(tc, long_text_is_kept_whole);
	tcase_add_test(tc, bytes_are_kept_as_they_are_and_fixed_text_loses_its_blanks);
	return tc;
}

static TCase *
arrays(void)
{
	TCase *tc = make("arrays");

	tcase_add_test(tc, a_real_array_of_any_element_is_taken_whole);
	tcase_add_test(tc, a_variable_length_array_is_an_array);
	tcase_add_test(tc, arrays_behind_pointers_have_any_rank_and_order);
	tcase_add_test(tc, a_null_array_is_null_and_an_impossible_one_absent);
	tcase_add_test(tc, arrays_go_from_the_body_to_blobs_as_they_grow);
	tcase_add_test(tc, a_member_of_an_array_of_structs_is_taken_by_its_stride);
	tcase_add_test(tc, an_nd_leaves_out_ghost_cells);
	tcase_add_test(tc, an_nd_knows_dtypes_that_c_has_not_and_both_orders);
	tcase_add_test(tc, an_nd_that_makes_no_sense_is_absent_and_said_once);
	tcase_add_test(tc, four_dimensions_are_gathered_in_order);
	return tc;
}

static TCase *
naming(void)
{
	TCase *tc = make("names and units");

	tcase_add_test(tc, as_and_unit_nest_in_any_order_round_anything);
	tcase_add_test(tc, a_name_made_at_run_time_may_change_in_the_same_buffer);
	tcase_add_test(tc, names_too_long_or_not_utf8_are_cut_and_said_once);
	tcase_add_test(
		tc, of_two_variables_with_one_name_the_first_is_kept_and_it_is_said_once);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("capture");

	suite_add_tcase(suite, values());
	suite_add_tcase(suite, arrays());
	suite_add_tcase(suite, naming());
	return suite_run(suite);
}
