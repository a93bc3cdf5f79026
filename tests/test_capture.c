/* SPDX-License-Identifier: Apache-2.0 */
/* What TAPE and its forms put on a tape. */
#include <complex.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
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

/* ---- sticky variables ---- */

START_TEST(sticky_variables_are_in_every_scope_until_the_block_ends)
{
	double D = 0.1;
	int seed = 3;

	{
		TAPE_WITH(t, TAPE_UNIT(D, "1/h"), seed);
		seed = 99;
		TAPE(t, "a", TAPE_AS("x", 1));
		TAPE(t, "b");
	}
	TAPE(t, "c");
	ck_assert_str_eq(recorded(), "a D[1/h]=0.1 seed=3 x=1\nb D[1/h]=0.1 seed=3\nc\n");
}
END_TEST

START_TEST(inner_sticky_variables_win_over_outer_ones_and_arguments_over_both)
{
	int a = 1, b = 2, c = 3;

	TAPE_WITH(t, a, b, c);
	{
		TAPE_WITH(t, TAPE_AS("b", "inner"));
		TAPE(t, "x", TAPE_AS("c", 30));
	}
	TAPE(t, "y");
	ck_assert_str_eq(recorded(), "x a=1 b='inner' c=30\ny a=1 b=2 c=3\n");
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

START_TEST(sticky_values_of_every_kind_are_copied)
{
	char name[8] = "alpha";
	double a[20];
	double *p = malloc(sizeof a);
	const char *none = NULL;

	ck_assert_ptr_nonnull(p);
	for (int i = 0; i < 20; i++)
		a[i] = p[i] = i;
	TAPE_WITH(t, name, a, TAPE_BLOB(p, 20), none, TAPE_AS("f", 1.5f));
	memset(name, 'z', sizeof name);
	memset(a, 0, sizeof a);
	free(p);
	TAPE(t, "x");
	ck_assert_str_eq(
		recorded(),
		"x a=f8[20](0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19) "
		"f=1.5f name='alpha' none=null "
		"p=blob:f8[20](0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19)\n");
}
END_TEST

/* ---- labels ---- */

START_TEST(labels_nest_and_end_with_their_blocks)
{
	TAPE_LABEL(t, "dfba");
	{
		TAPE_LABELF(t, "run:%d", 3);
		TAPE(t, "iter");
	}
	TAPE(t, "done");
	{
		const char *label = "later";

		TAPE_LABEL(t, label);
		TAPE_LABEL(t, "deeper");
		TAPE(t, label);
	}
	ck_assert_str_eq(recorded(),
			 "dfba/run:3/iter\ndfba/done\ndfba/later/deeper/later\n");
}
END_TEST

START_TEST(a_label_in_a_buffer_may_change_between_scopes)
{
	char label[16];

	for (int i = 0; i < 3; i++) {
		snprintf(label, sizeof label, "l%d", i);
		TAPE_LABEL(t, label);
		snprintf(label, sizeof label, "s%d", i);
		TAPE(t, label, i);
	}
	ck_assert_str_eq(recorded(), "l0/s0 i=0\nl1/s1 i=1\nl2/s2 i=2\n");
}
END_TEST

static void
descend(int depth)
{
	TAPE_LABELF(t, "%d", depth);
	if (depth == 70)
		TAPE(t, "bottom");
	else
		descend(depth + 1);
}

START_TEST(labels_deeper_than_64_are_left_out_and_said_once)
{
	const char *text;
	int slashes = 0;

	descend(1);
	TAPE(t, "top");
	text = recorded_under("1/2/3");
	for (const char *p = text; *p; p++)
		slashes += *p == '/';
	ck_assert_int_eq(slashes, 63);
	ck_assert_str_eq(recorded_under("top"), "top\n");
	ck_assert_uint_eq(recorded_errors(), 1);
}
END_TEST

START_TEST(a_label_is_cut_at_255_bytes_and_an_empty_one_is_none)
{
	char label[400];
	const char *none = NULL;

	memset(label, 'l', sizeof label - 1);
	label[sizeof label - 1] = '\0';
	TAPE(t, label);
	{
		TAPE_LABEL(t, "a");
		TAPE_LABEL(t, "");
		TAPE_LABEL(t, none);
		TAPE(t, none);
		TAPE(t, "");
	}
	label[255] = '\n';
	label[256] = '\0';
	ck_assert_str_eq(recorded_under("l"), label);
	ck_assert_str_eq(recorded_under("a"), "a\na\n");
}
END_TEST

/* ---- contexts and threads ---- */

struct worker {
	struct tape_ctx ctx;
	int number;
};

static void *
inherit(void *arg)
{
	struct worker *w = arg;
	int number = w->number;

	TAPE(t, "bare", number);
	{
		TAPE_INHERIT(t, w->ctx);
		TAPE_LABEL(t, "task");
		TAPE(t, "done", number);
	}
	TAPE(t, "bare", number);
	return NULL;
}

START_TEST(a_worker_starts_with_an_empty_path_and_may_inherit_one)
{
	struct worker w = { .number = 7 };
	pthread_t thread;

	{
		TAPE_LABEL(t, "sweep");
		TAPE_WITH(t, TAPE_AS("D", 0.5), TAPE_AS("name", "x"));
		w.ctx = tape_context(t);
		ck_assert_int_eq(pthread_create(&thread, NULL, inherit, &w), 0);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
	}
	ck_assert_str_eq(recorded(),
			 "bare number=7\nsweep/task/done D=0.5 name='x' number=7\n"
			 "bare number=7\n");
}
END_TEST

START_TEST(a_context_outlives_the_blocks_it_was_taken_in)
{
	struct tape_ctx ctx;

	{
		char name[] = "gone";

		TAPE_LABEL(t, name);
		TAPE_WITH(t, name);
		ctx = tape_context(t);
		memset(name, 'x', 4);
	}
	{
		TAPE_LABEL(t, "other");
		TAPE_INHERIT(t, ctx);
		TAPE(t, "x");
	}
	{
		TAPE_LABEL(t, "other");
		TAPE_INHERIT(t, ((struct tape_ctx){ { 0, 0 } }));
		TAPE(t, "empty");
	}
	ck_assert_str_eq(recorded(), "gone/x name='gone'\nempty\n");
}
END_TEST

enum { THREADS = 4, SCOPES = 2000 };

static void *
record_many(void *arg)
{
	int number = *(int *)arg;

	TAPE_LABELF(t, "thread:%d", number);
	TAPE_WITH(t, number);
	for (int i = 0; i < SCOPES; i++) {
		const char *text = i % 3 ? "even" : NULL;

		TAPE_LABEL(t, i % 2 ? "odd" : "even");
		TAPE(t, "iter", i, text, TAPE_UNIT(i * 0.5, "s"));
	}
	return NULL;
}

START_TEST(threads_share_sites_labels_and_forms)
{
	pthread_t threads[THREADS];
	int numbers[THREADS];

	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, record_many, &numbers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(recorded_count(), THREADS * SCOPES);
	ck_assert_ptr_nonnull(
		strstr(recorded(),
		       "thread:3/odd/iter i=1999 i*0.5[s]=999.5 number=3 text='even'\n"));
	ck_assert_uint_eq(tape_lost(t), 0);
}
END_TEST

static void *
record_one(void *arg)
{
	(void)arg;
	TAPE(t, "one");
	return NULL;
}

START_TEST(a_thread_that_ends_leaves_nothing_behind)
{
	pthread_t thread;

	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(pthread_create(&thread, NULL, record_one, NULL), 0);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
	}
	/* Committed by the ends of the threads: this one has staged nothing. */
	ck_assert_uint_eq(tape_position(t).seq, 50);
	ck_assert_uint_eq(recorded_count(), 50);
}
END_TEST

/* ---- commits ---- */

START_TEST(a_manual_stage_is_dropped_by_discard_and_kept_by_commit)
{
	recorded_teardown();
	t = recorded_open("commit=manual");
	TAPE(t, "kept");
	ck_assert_int_eq(tape_commit(t), 0);
	TAPE(t, "dropped");
	ck_assert_int_eq(tape_discard(t), 0);
	TAPE(t, "kept", TAPE_AS("again", 1));
	ck_assert_str_eq(recorded(), "kept\nkept again=1\n");
}
END_TEST

START_TEST(a_number_of_scopes_or_a_signal_commits)
{
	recorded_teardown();
	t = recorded_open("commit_scopes=10\ncommit_ms=3600000");
	for (int i = 0; i < 25; i++)
		TAPE(t, "x", i);
	ck_assert_uint_eq(tape_position(t).seq, 20);
	tape_commit_soon(t);
	TAPE(t, "x");
	ck_assert_uint_eq(tape_position(t).seq, 26);
}
END_TEST

START_TEST(without_dedup_every_scope_is_written)
{
	recorded_teardown();
	t = recorded_open("dedup=off");
	for (int i = 0; i < 3; i++)
		TAPE(t, "x", TAPE_AS("a", 1));
	ck_assert_str_eq(recorded(), "x a=1\nx a=1\nx a=1\n");
}
END_TEST

/* ---- scopes in pieces ---- */

START_TEST(a_scope_can_be_built_in_pieces)
{
	static const double c16[2] = { 1, 2 };
	static const float c8[2] = { 3, 4 };
	int a[4] = { 1, 2, 3, 4 };
	struct tape_nd nd = { .data = a, .dtype = "i4", .ndim = 2, .dims = { 2, 2 } };
	struct tape_build *b;

	TAPE_LABEL(t, "outer");
	TAPE_WITH(t, TAPE_AS("D", 1), TAPE_AS("n", 9));
	b = tape_build_begin(t, "built");
	ck_assert_ptr_nonnull(b);
	ck_assert_int_eq(tape_build_label(b, "deeperXX", 6), 0);
	ck_assert_int_eq(tape_build_null(b, "n", 1), 0);
	ck_assert_int_eq(tape_build_bool(b, "b", TAPE_NUL, 5), 0);
	ck_assert_int_eq(tape_build_i64(b, "i", 1, -1), 0);
	ck_assert_int_eq(tape_build_unit(b, "kg", TAPE_NUL), 0);
	ck_assert_int_eq(tape_build_u64(b, "uXX", 1, UINT64_MAX), 0);
	ck_assert_int_eq(tape_build_f64(b, "f", 1, 0.5), 0);
	ck_assert_int_eq(tape_build_f32(b, "g", 1, 0.5f), 0);
	ck_assert_int_eq(tape_build_c16(b, "c", 1, c16), 0);
	ck_assert_int_eq(tape_build_c8(b, "c8", 2, c8), 0);
	ck_assert_int_eq(tape_build_str(b, "s", 1, "textXX", 4), 0);
	ck_assert_int_eq(tape_build_bytes(b, "y", 1, "\0\1", 2), 0);
	ck_assert_int_eq(tape_build_nd(b, "nd", 2, &nd, 0), 0);
	ck_assert_int_eq(tape_build_nd(b, "blob", 4, &nd, 1), 0);
	ck_assert_int_eq(tape_build_end(b), 0);
	ck_assert_str_eq(
		recorded(),
		"outer/built/deeper D=1 b=true blob=blob:i4[2,2](1 2 3 4) c=(1.0,2.0) "
		"c8=(3.0,4.0)f f=0.5 g=0.5f i[kg]=-1 n=null nd=i4[2,2](1 2 3 4) "
		"s='text' u=18446744073709551615u y=x'0001'\n");
}
END_TEST

START_TEST(names_of_files_are_cut_in_front_and_made_utf8)
{
	static char file[3000];
	struct tape_build *b = tape_build_begin(t, "x");

	memset(file, 'd', sizeof file - 1);
	memcpy(file + sizeof file - 10, "/model.f9", 9);
	memcpy(file + sizeof file - 1 - 1024, "\xc3\xa9", 2);
	ck_assert_int_eq(tape_build_site(b, file, 12, "f\xff"), 0);
	ck_assert_int_eq(tape_build_end(b), 0);
	ck_assert_str_eq(recorded(), "x\n");
	ck_assert_str_eq(recorded_last_func(), "f?");
	ck_assert_str_eq(recorded_last_file(), file + sizeof file - 1 - 1022);
}
END_TEST

START_TEST(a_build_that_is_cancelled_or_impossible_records_nothing)
{
	struct tape_nd bad = { .dtype = "nothing", .ndim = 1 };
	struct tape_build *b = tape_build_begin(t, "x");

	tape_build_i64(b, "a", 1, 1);
	tape_build_cancel(b);
	b = tape_build_begin(t, "x");
	ck_assert_int_eq(tape_build_nd(b, "a", 1, &bad, 0), -1);
	ck_assert_int_eq(tape_build_i64(b, "b", 1, 1), -1);
	ck_assert_int_eq(tape_build_end(b), -1);
	b = tape_build_begin(t, "x");
	ck_assert_int_eq(tape_build_i64(b, "", 0, 1), -1);
	ck_assert_int_eq(tape_build_end(b), -1);
	ck_assert_str_eq(recorded(), "");
	ck_assert_uint_eq(tape_lost(t), 2);
}
END_TEST

START_TEST(a_build_with_thousands_of_variables_is_one_scope)
{
	struct tape_build *b = tape_build_begin(t, "wide");
	char name[16];

	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof name, "v%04d", i);
		ck_assert_int_eq(tape_build_i64(b, name, TAPE_NUL, i), 0);
	}
	ck_assert_int_eq(tape_build_end(b), 0);
	ck_assert_ptr_nonnull(strstr(recorded(), " v4999=4999\n"));
}
END_TEST

START_TEST(a_streamed_blob_is_a_value_of_any_shape)
{
	double row[100];
	struct tape_stream *s = tape_stream_open(t);
	struct tape_ref ref, small;

	ck_assert_ptr_nonnull(s);
	for (int i = 0; i < 20; i++) {
		for (int j = 0; j < 100; j++)
			row[j] = 100 * i + j;
		ck_assert_int_eq(tape_stream_write(s, row, sizeof row), 0);
	}
	ck_assert_int_eq(tape_stream_close(s, &ref), 0);
	ck_assert_uint_eq(ref.size, 20 * sizeof row);
	ref.dtype = "f8";
	ref.ndim = 2;
	ref.dims[0] = 20;
	ref.dims[1] = 100;
	s = tape_stream_open(t);
	ck_assert_int_eq(tape_stream_write(s, "abc", 3), 0);
	ck_assert_int_eq(tape_stream_close(s, &small), 0);
	s = tape_stream_open(t);
	ck_assert_int_eq(tape_stream_write(s, "abc", 3), 0);
	tape_stream_cancel(s);
	TAPE(t, "x", TAPE_UNIT(&ref, "K"), &small);
	ck_assert_str_eq(
		recorded(),
		"x ref[K]=blob:f8[20,100](0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 "
		"18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 ...) "
		"small=blob:x'616263'\n");
}
END_TEST

/* ---- cost ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COUNTS 0
#endif
#endif
#ifndef COUNTS
#define COUNTS 1
#endif

static __thread unsigned long allocations;
static __thread unsigned long calls;

#if COUNTS
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

void *
malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	allocations++;
	return __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	allocations++;
	return __libc_realloc(p, size);
}
#endif

static int
count_call(void *user, enum os_call call, const char *path, size_t *limit)
{
	(void)user;
	(void)call;
	(void)path;
	(void)limit;
	calls++;
	return 0;
}

static void
record_everything(int n)
{
	double a[40] = { 0 }, x = 1.5;
	char name[16];

	for (int i = 0; i < n; i++) {
		const char *text = i % 2 ? "some" : "other";

		snprintf(name, sizeof name, "v%d", i % 3);
		TAPE_LABEL(t, "label");
		TAPE_LABELF(t, "run:%d", i % 5);
		TAPE_WITH(t, x, text, a);
		a[0] = i % 3;
		TAPE(t, "scope", i, x, TAPE_UNIT(x + 1, "m"), text, a, TAPE_AS(name, i),
		     TAPE_AS("s", TAPE_STRIDED(a, 20, 16)));
		TAPE(t, text, i);
	}
}

START_TEST(a_warm_scope_allocates_nothing_and_makes_no_system_call)
{
	recorded_teardown();
	os_fault_set(count_call, NULL); /* before there are threads */
	t = recorded_open("commit=manual\ndedup=exact\nsync=none");
	record_everything(300);
	ck_assert_int_eq(tape_discard(t), 0);
	calls = 0;
	allocations = 0;
	record_everything(300);
	ck_assert_uint_eq(allocations, 0);
	ck_assert_uint_eq(calls, 0);
	/* That the counters count: */
	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_uint_gt(calls, 0);
	free(malloc(1));
	ck_assert_uint_ge(allocations, COUNTS);
	ck_assert_uint_eq(recorded_count(), 600);
	recorded_teardown();
	os_fault_set(NULL, NULL);
}
END_TEST

START_TEST(times_of_a_thread_never_go_back_and_are_near_the_clock)
{
	int64_t before = os_realtime_ns();

	for (int i = 0; i < 100000; i++)
		TAPE(t, "x", i);
	ck_assert_int_eq(tape_commit(t), 0);
	recorded_check_times(before - 1000000000, os_realtime_ns() + 1000000000);
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
paths(void)
{
	TCase *tc = make("names, labels, sticky variables");

	tcase_add_test(tc, as_and_unit_nest_in_any_order_round_anything);
	tcase_add_test(tc, a_name_made_at_run_time_may_change_in_the_same_buffer);
	tcase_add_test(tc, names_too_long_or_not_utf8_are_cut_and_said_once);
	tcase_add_test(
		tc, of_two_variables_with_one_name_the_first_is_kept_and_it_is_said_once);
	tcase_add_test(tc, sticky_variables_are_in_every_scope_until_the_block_ends);
	tcase_add_test(
		tc, inner_sticky_variables_win_over_outer_ones_and_arguments_over_both);
	tcase_add_test(tc, sticky_values_of_every_kind_are_copied);
	tcase_add_test(tc, labels_nest_and_end_with_their_blocks);
	tcase_add_test(tc, a_label_in_a_buffer_may_change_between_scopes);
	tcase_add_test(tc, labels_deeper_than_64_are_left_out_and_said_once);
	tcase_add_test(tc, a_label_is_cut_at_255_bytes_and_an_empty_one_is_none);
	return tc;
}

static TCase *
threads(void)
{
	TCase *tc = make("threads and commits");

	tcase_add_test(tc, a_worker_starts_with_an_empty_path_and_may_inherit_one);
	tcase_add_test(tc, a_context_outlives_the_blocks_it_was_taken_in);
	tcase_add_test(tc, threads_share_sites_labels_and_forms);
	tcase_add_test(tc, a_thread_that_ends_leaves_nothing_behind);
	tcase_add_test(tc, a_manual_stage_is_dropped_by_discard_and_kept_by_commit);
	tcase_add_test(tc, a_number_of_scopes_or_a_signal_commits);
	tcase_add_test(tc, without_dedup_every_scope_is_written);
	tcase_add_test(tc, a_warm_scope_allocates_nothing_and_makes_no_system_call);
	tcase_add_test(tc, times_of_a_thread_never_go_back_and_are_near_the_clock);
	return tc;
}

static TCase *
pieces(void)
{
	TCase *tc = make("scopes and blobs in pieces");

	tcase_add_test(tc, a_scope_can_be_built_in_pieces);
	tcase_add_test(tc, names_of_files_are_cut_in_front_and_made_utf8);
	tcase_add_test(tc, a_build_that_is_cancelled_or_impossible_records_nothing);
	tcase_add_test(tc, a_build_with_thousands_of_variables_is_one_scope);
	tcase_add_test(tc, a_streamed_blob_is_a_value_of_any_shape);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("capture");

	suite_add_tcase(suite, values());
	suite_add_tcase(suite, arrays());
	suite_add_tcase(suite, paths());
	suite_add_tcase(suite, threads());
	suite_add_tcase(suite, pieces());
	return suite_run(suite);
}
