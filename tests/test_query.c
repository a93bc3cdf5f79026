/* SPDX-License-Identifier: Apache-2.0 */
/* The query language: what it accepts, what it matches, where its errors point. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tape/search.h"
#include "tests/support/suite.h"
#include "tests/support/testwriter.h"
#include "tests/support/tmpdir.h"

/*
 * The tape of these tests, seq by seq:
 *   1 run/relax        T=300.0 n=5 phase="warmup" ok=true mode=enum 1 (fast)
 *   2 run/relax        T=310.5 n=-7 phase="production" ok=false mode=enum 2
 *   3 run/step         T=nan n=9007199254740993 big=u64 max f=0.1f z=1+0i x=[1,2,6]
 *   4 run/debug.out    T=str "300" params.alpha=0.5 params.beta=2 odd name=1
 *   5 run/relax        a link to 1
 *   6 run/gone         T=absent(too-large) nothing=null _time=3
 *   7 run/step         a projection of 3: big alone
 */
struct part {
	const char *name;
	struct tape_value value;
};

static const struct form_enumerator modes[] = { { 1, "fast" }, { 2, "slow" } };

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct part *)a)->name, ((const struct part *)b)->name);
}

/* Builds a form from values and writes both; parts are put into name order. */
static uint64_t
put(struct testwriter *w, struct form *form, uint32_t number, const char *label,
    uint32_t line, struct part *parts, size_t count)
{
	const char *labels[] = { "run", label };
	struct form_var vars[8];
	struct tape_value values[8];
	struct tape_error err = { 0 };

	qsort(parts, count, sizeof *parts, by_name);
	memset(vars, 0, sizeof vars);
	for (size_t i = 0; i < count; i++) {
		vars[i].name = parts[i].name;
		vars[i].name_len = (uint32_t)strlen(parts[i].name);
		vars[i].unit = "";
		vars[i].type = parts[i].value.type;
		values[i] = parts[i].value;
		if (strcmp(parts[i].name, "mode") == 0) {
			vars[i].enumerators = (struct form_enumerator *)(uintptr_t)modes;
			vars[i].enumerator_count = 2;
		}
	}
	ck_assert_msg(form_build(number, "src/solver.c", line, "advance", labels, 2, vars,
				 count, form, &err) == 0,
		      "%s", err.message);
	testwriter_form(w, form);
	return testwriter_scope(w, form, values, NULL, number);
}

static struct tape_value
flag(bool v)
{
	struct tape_value value = { .type = TAPE_BOOL };

	value.as.i = v;
	return value;
}

static struct tape_value
single(double v)
{
	struct tape_value value = { .type = TAPE_F32 };

	value.as.f = v;
	return value;
}

static struct tape_value
complex_value(double re, double im)
{
	struct tape_value value = { .type = TAPE_C16 };

	value.as.c[0] = re;
	value.as.c[1] = im;
	return value;
}

static const char *dir;

static void
make_tape(void)
{
	struct testwriter w = { 0 };
	struct form form[8];
	const char *run_step[] = { "run", "step" };
	int32_t x[] = { 1, 2, 6 };
	uint64_t dims[] = { 3 };
	struct tape_value absent = { .type = TAPE_ABSENT, .absent = TAPE_TOO_LARGE };
	struct tape_value null = { .type = TAPE_NULL };
	struct form_var big = {
		.name = "big", .unit = "", .name_len = 3, .type = TAPE_U64
	};

	memset(form, 0, sizeof form);
	dir = tmpdir_make();
	testwriter_tape(dir, 1);
	testwriter_begin(&w, testwriter_session_a, 0, false, 1);
	testwriter_first_group(&w, "1000");
	put(&w, &form[1], 1, "relax", 10,
	    (struct part[]){ { "T", testwriter_f64(300) },
			     { "n", testwriter_i64(5) },
			     { "phase", testwriter_text("warmup") },
			     { "ok", flag(true) },
			     { "mode", testwriter_i64(1) } },
	    5);
	put(&w, &form[2], 2, "relax", 20,
	    (struct part[]){ { "T", testwriter_f64(310.5) },
			     { "n", testwriter_i64(-7) },
			     { "phase", testwriter_text("production") },
			     { "ok", flag(false) },
			     { "mode", testwriter_i64(2) } },
	    5);
	put(&w, &form[3], 3, "step", 30,
	    (struct part[]){ { "T", testwriter_f64(NAN) },
			     { "n", testwriter_i64(9007199254740993) },
			     { "big", testwriter_u64(UINT64_MAX) },
			     { "f", single((double)0.1f) },
			     { "z", complex_value(1, 0) },
			     { "x", testwriter_array(TAPE_I4, x, 1, dims, false) } },
	    6);
	put(&w, &form[4], 4, "debug.out", 40,
	    (struct part[]){ { "T", testwriter_text("300") },
			     { "params.alpha", testwriter_f64(0.5) },
			     { "params.beta", testwriter_i64(2) },
			     { "odd name", testwriter_i64(1) } },
	    4);
	testwriter_link(&w, &form[1], 1, 5);
	put(&w, &form[6], 6, "gone", 60,
	    (struct part[]){ { "T", absent },
			     { "nothing", null },
			     { "_time", testwriter_i64(3) } },
	    3);
	ck_assert_int_eq(form_build(7, "src/solver.c", 70, "advance", run_step, 2, &big,
				    1, &form[7], NULL),
			 0);
	testwriter_form(&w, &form[7]);
	testwriter_projection(&w, &form[7], 3, 7);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	testwriter_save(&w, dir);
	testwriter_release(&w);
	for (size_t i = 0; i < 8; i++)
		form_release(&form[i]);
}

static void
remove_tape(void)
{
	tmpdir_remove();
}

/* The seqs that match, as "1 2 5"; "!" and a message where it does not compile. */
static const char *
answer(const char *text)
{
	static char out[600];
	struct tape_error err = { 0 };
	struct tape_query *query = NULL;
	struct tape_reader *reader = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	size_t len = 0;

	out[0] = '\0';
	if (tape_query_compile(text, &query, &err) != 0) {
		(void)snprintf(out, sizeof out, "!%s", err.message);
		return out;
	}
	ck_assert_msg(tape_reader_open(dir, NULL, &reader, &err) == 0, "%s", err.message);
	ck_assert_msg(tape_find(reader, query, NULL, &cursor, &err) == 0, "%s",
		      err.message);
	while (tape_cursor_next(cursor, &scope, &err) == 1)
		len += (size_t)snprintf(out + len, sizeof out - len, "%s%llu",
					len == 0 ? "" : " ",
					(unsigned long long)tape_scope_pos(scope).seq);
	ck_assert_msg(err.status == 0, "%s: %s", text, err.message);
	ck_assert_uint_eq(tape_reader_damage(reader), 0);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return out;
}

struct expectation {
	const char *query, *seqs;
};

static void
expect(const struct expectation *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *got = answer(list[i].query);

		ck_assert_msg(strcmp(got, list[i].seqs) == 0, "%s: \"%s\", not \"%s\"",
			      list[i].query, got, list[i].seqs);
	}
}
#define EXPECT(...)                                                                      \
	do {                                                                             \
		static const struct expectation list[] = { __VA_ARGS__ };                \
		expect(list, sizeof list / sizeof list[0]);                              \
	} while (0)

START_TEST(labels_match_whole_with_wildcards_quoted_or_by_regex)
{
	EXPECT({ "", "1 2 3 4 5 6 7" }, { "relax", "1 2 5" }, { "run", "1 2 3 4 5 6 7" },
	       { "rel", "" }, { "rel*", "1 2 5" }, { "*e*", "1 2 3 4 5 6 7" },
	       { "st?p", "3 7" }, { "\"st?p\"", "" }, { "\"step\"", "3 7" },
	       { "/^re/", "1 2 5" }, { "/e.*p|ax/", "1 2 3 5 7" }, { "debug.out", "4" },
	       { "_label=relax,gone", "1 2 5 6" }, { "_label!=relax", "3 4 6 7" },
	       { "_label~^s", "3 7" }, { "_path=run/step", "3 7" },
	       { "_path=run/*x", "1 2 5" }, { "_path~\"/g\"", "6" });
}
END_TEST

START_TEST(terms_combine_with_and_or_not_and_parentheses)
{
	EXPECT({ "relax n=5", "1 5" }, { "relax or step", "1 2 3 5 7" },
	       { "relax n=5 or gone", "1 5 6" }, { "not relax", "3 4 6 7" },
	       { "not not relax", "1 2 5" }, { "not (relax or step)", "4 6" },
	       { "(relax or step) (n=5 or n=-7)", "1 2 5" }, { "not n=5", "2 3 4 6 7" },
	       { "relax not n=5", "2" }, { "((relax))", "1 2 5" }, { "not=3", "" });
}
END_TEST

START_TEST(numbers_compare_exactly_across_types)
{
	EXPECT({ "T=300", "1 4 5" }, { "T=300.0", "1 5" }, { "T=3e2", "1 5" },
	       { "T=300,310.5", "1 2 4 5" }, { "T=300..311", "1 2 5" },
	       { "T=..300", "1 5" }, { "T=310.5..", "2" }, { "T>300", "2" },
	       { "T>=300", "1 2 5" }, { "T<310.5", "1 5" }, { "T<=310.5", "1 2 5" },
	       { "T!=300", "2 3" }, { "T=nan", "3" }, { "T!=nan", "1 2 4 5" },
	       { "n=9007199254740993", "3" }, { "n=9007199254740992", "" },
	       { "n=9007199254740992.0", "" }, { "n>9007199254740992", "3" },
	       { "big=18446744073709551615", "3 7" }, { "big=1.8446744073709552e19", "" },
	       { "big<1.8446744073709552e19", "3 7" }, { "n=5.0", "1 5" },
	       { "n=4.5..5.5", "1 5" }, { "n=-7", "2" }, { "n=-inf..0", "2" },
	       { "f=0.1", "3" }, { "f=0.1..0.1", "3" }, { "f=0.10000000149011612", "3" },
	       { "f<0.1", "" }, { "n=0x5", "1 5" });
}
END_TEST

/* Scopes 1 to 4 hold the four largest numbers as f, and as d in double precision. */
static void
make_large_tape(void)
{
	const double f[] = { -INFINITY, -FLT_MAX, FLT_MAX, INFINITY };
	const double d[] = { -INFINITY, -DBL_MAX, DBL_MAX, INFINITY };
	struct testwriter w = { 0 };
	struct form form[5];
	static char large[600];

	memset(form, 0, sizeof form);
	(void)snprintf(large, sizeof large, "%s/large", dir);
	dir = large;
	testwriter_tape(dir, 1);
	testwriter_begin(&w, testwriter_session_a, 0, false, 1);
	testwriter_first_group(&w, "1000");
	for (uint32_t i = 0; i < 4; i++)
		put(&w, &form[i], i + 1, "large", i + 1,
		    (struct part[]){ { "f", single(f[i]) },
				     { "d", testwriter_f64(d[i]) } },
		    2);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	testwriter_save(&w, dir);
	testwriter_release(&w);
	for (size_t i = 0; i < 4; i++)
		form_release(&form[i]);
}

START_TEST(numbers_beyond_a_precision_compare_as_they_round)
{
	make_large_tape();
	EXPECT({ "f<1e39", "1 2 3" }, { "f<=1e39", "1 2 3 4" }, { "f>1e39", "" },
	       { "f>=1e39", "4" }, { "f=1e39", "4" }, { "f!=1e39", "1 2 3" },
	       { "f<-1e39", "" }, { "f<=-1e39", "1" }, { "f>-1e39", "2 3 4" },
	       { "f>=-1e39", "1 2 3 4" }, { "f=-1e39", "1" }, { "f=..-1e39", "1" },
	       { "f=1e39..", "4" }, { "f<inf", "1 2 3" }, { "f>inf", "" },
	       { "f<-inf", "" }, { "f>-inf", "2 3 4" }, { "f<1e400", "1 2 3" },
	       { "f>3.5e38", "" }, { "f<3.5e38", "1 2 3" },
	       { "f>1000000000000000000000000000000000000000", "" },
	       { "f<-1000000000000000000000000000000000000000", "" });
	EXPECT({ "d<1e39", "1 2" }, { "d>1e39", "3 4" }, { "d<-1e39", "1 2" },
	       { "d>1e400", "" }, { "d<1e400", "1 2 3" }, { "d<-1e400", "" },
	       { "d<=-1e400", "1" }, { "d>=1e400", "4" }, { "d>inf", "" });
}
END_TEST

START_TEST(decimals_compare_with_integers_by_all_their_digits)
{
	EXPECT({ "n=9007199254740993.0", "3" }, { "n=9007199254740993.", "3" },
	       { "n=9007199254740993e0", "3" }, { "n=9.007199254740993e15", "3" },
	       { "n=90071992547409930e-1", "3" }, { "n=0.9007199254740993E+16", "3" },
	       { "n=000009007199254740993.000", "3" }, { "n=9007199254740992.0", "" },
	       { "n=9007199254740994.0", "" }, { "n=9007199254740992.5", "" },
	       { "n!=9007199254740993.0", "1 2 5" }, { "n=1e3,9007199254740993.0", "3" },
	       { "n=9007199254740993.0..9007199254740993.0", "3" },
	       { "n=9007199254740992.5..9007199254740993.5", "3" },
	       { "n=9007199254740993.5..", "" }, { "n=5.5..9007199254740992.5", "" },
	       { "n>9007199254740992.0", "3" }, { "n>9007199254740993.0", "" },
	       { "n>=9007199254740993.0", "3" }, { "n<9007199254740993.0", "1 2 5" },
	       { "n<=9007199254740993.0", "1 2 3 5" }, { "n>9007199254740992.5", "3" },
	       { "n<9007199254740993.5 n>5", "3" }, { "n=9007199254740993.0+-0", "3" },
	       { "n=9007199254740992.0+-0.5", "" }, { "n=9007199254740993+-0.5", "3" },
	       { "n=9007199254740993.5+-0", "" }, { "n=9007199254740993.0+-0%", "3" },
	       { "n=-7.0", "2" }, { "n=-0.7e1", "2" }, { "n=-7.5..-6.5", "2" },
	       { "n<-6.5", "2" }, { "n>-7.5 n<0", "2" }, { "n=-7.5", "" },
	       { "n=-6.5", "" }, { "n=5e0", "1 5" }, { "n=500e-2", "1 5" },
	       { "n=0.005e3", "1 5" }, { "n=5.0e-1", "" }, { "n=0e9..5e0", "1 5" },
	       { "big=18446744073709551615.0", "3 7" },
	       { "big=1.8446744073709551615e19", "3 7" },
	       { "big=18446744073709551614.0", "" },
	       { "big<18446744073709551615.5", "3 7" },
	       { "big<1e99999999999999999999", "3 7" },
	       { "big>1e-99999999999999999999", "3 7" }, { "big>-1e30 n>0", "3" });
}
END_TEST

START_TEST(tolerances_are_ranges)
{
	EXPECT({ "T=1e308+-10%", "" }, { "T=1.7e308+-10%", "" }, { "n=1e308+-1e307", "" },
	       { "n=0+-1e308", "1 2 3 5" }, { "T=305+-5.5", "1 2 5" },
	       { "T=305+-5", "1 5" }, { "T=300+-0", "1 5" }, { "T=307+-3%", "1 2 5" },
	       { "T=310+-1%", "2" }, { "n=4+-1", "1 5" });
}
END_TEST

START_TEST(text_compares_as_text)
{
	EXPECT({ "phase=warmup", "1 5" }, { "phase=warmup,production", "1 2 5" },
	       { "phase=\"warmup\"", "1 5" }, { "phase!=warmup", "2" },
	       { "phase~^w", "1 5" }, { "phase~/uct(ion)?$/", "2" },
	       { "phase~(up|ion)$", "1 2 5" }, { "phase=p..q", "2" }, { "phase<q", "2" },
	       { "T=\"300\"", "4" }, { "phase=warm*", "" });
}
END_TEST

START_TEST(bools_and_enums_answer_to_number_and_name)
{
	EXPECT({ "ok=true", "1 5" }, { "ok=false", "2" }, { "ok=1", "1 5" },
	       { "ok!=true", "2" }, { "mode=1", "1 5" }, { "mode=slow", "2" },
	       { "mode=fast,slow", "1 2 5" }, { "mode!=fast", "2" }, { "mode!=1", "2" },
	       { "mode~^f", "1 5" }, { "mode>1", "2" }, { "n=true", "" },
	       { "mode=a..z", "" }, { "mode=..z", "" }, { "mode=fast..", "" },
	       { "mode!=a..z", "1 2 5" }, { "mode<slow", "" }, { "mode=1..2", "1 2 5" },
	       { "mode=\"fast\"", "1 5" }, { "mode!=fast,2", "" });
}
END_TEST

START_TEST(complex_numbers_equal_reals_and_answer_by_part)
{
	EXPECT({ "z=1", "3" }, { "z!=1", "" }, { "z=0..2", "3" }, { "z<2", "" },
	       { "z.re=1", "3" }, { "z.im=0", "3" }, { "z.im!=0", "" }, { "z.re>1", "" });
}
END_TEST

START_TEST(arrays_are_tested_by_what_they_add_up_to)
{
	EXPECT({ "x=1", "" }, { "x=0..9", "" }, { "x!=1", "" }, { "x.min=1", "3" },
	       { "x.max=6", "3" }, { "x.mean=3", "3" }, { "x.len=3", "3" },
	       { "x.max>6", "" }, { "x.sum=9", "" }, { "n.len=1", "" });
}
END_TEST

START_TEST(paths_have_quoted_segments_and_stars)
{
	EXPECT({ "params.alpha=0.5", "4" }, { "params.*=2", "4" }, { "*.beta=2", "4" },
	       { "params.\"alpha\"=0.5", "4" }, { "\"params.alpha\"=0.5", "4" },
	       { "\"odd name\"=1", "4" }, { "*=5", "1 5" }, { "params=2", "" },
	       { "\"_time\"=3", "6" });
}
END_TEST

START_TEST(what_is_not_there_is_false_under_every_operator)
{
	EXPECT({ "zzz=1", "" }, { "zzz!=1", "" }, { "nothing=0", "" },
	       { "nothing!=0", "" }, { "gone T!=1", "" }, { "gone T=..", "" },
	       { "_has=T", "1 2 3 4 5" }, { "_has=nothing", "6" },
	       { "_has=zzz,n", "1 2 3 5" }, { "_has!=T", "6 7" }, { "_lost=T", "6" },
	       { "_lost=*", "6" }, { "_has=*", "1 2 3 4 5 6 7" },
	       { "_has=params.*", "4" }, { "_has=\"odd name\"", "4" },
	       { "_lost!=T", "1 2 3 4 5 7" });
}
END_TEST

START_TEST(fields_of_the_record_are_tested)
{
	EXPECT({ "_seq=2..3", "2 3" }, { "_seq=1,7", "1 7" }, { "_seq>5", "6 7" },
	       { "_seq!=2..7", "1" }, { "_file=solver.c _line=30", "3" },
	       { "_file=src/solver.c", "1 2 3 4 5 6 7" }, { "_file=olver.c", "" },
	       { "_file~^src", "1 2 3 4 5 6 7" },
	       { "_func=advance _line=10..20", "1 2 5" }, { "_link=any", "5" },
	       { "_link=none relax", "1 2" }, { "_link=1", "5" }, { "_link=2", "" },
	       { "_has=_link", "5" }, { "not _has=_link relax", "1 2" },
	       { "_host=golden _seq=1", "1" }, { "_host=other", "" },
	       { "_host=g?ld* _run=gol* _seq=1", "1" }, { "_host=\"g*\"", "" },
	       { "_host~gold _seq=1", "1" }, { "_session=2026 _seq=1", "1" },
	       { "_session=last _seq=1", "1" }, { "_session=last-1", "" },
	       { "_session!=last", "" });
}
END_TEST

START_TEST(positions_take_prefixes_and_ranges)
{
	EXPECT({ "_pos=20261122T101112.123456Z-0a1b2c3d:3", "3" }, { "_pos=2026:3", "3" },
	       { "_pos=last:3", "3" }, { "_pos=2026:3..2026:5", "3 4 5" },
	       { "_pos=2026:6..", "6 7" }, { "_pos=..2026:2", "1 2" },
	       { "_pos>2026:5", "6 7" }, { "_pos<=2026:1", "1" }, { "_pos=2025:3", "" },
	       { "_pos=2025:9..2027:1", "1 2 3 4 5 6 7" },
	       { "_pos=2026:1,2026:7", "1 7" }, { "_pos!=2026:1..2026:6", "7" },
	       { "_link=2026:1", "5" }, { "_link=2026:2", "" });
}
END_TEST

START_TEST(times_name_periods)
{
	EXPECT({ "_time=2026-11", "1 2 3 4 5 6 7" }, { "_time=2026", "1 2 3 4 5 6 7" },
	       { "_time=2026-11-22", "1 2 3 4 5 6 7" }, { "_time=2026-11-21", "" },
	       { "_time=2026-11-22T10:11", "1 2 3 4 5 6 7" },
	       { "_time=2026-11-22T10:12", "" },
	       { "_time=2026-11-22T11:11+01:00", "1 2 3 4 5 6 7" },
	       { "_time=2026-11-22T10:11:12Z", "1 2 3 4 5 6 7" },
	       { "_time=2026-11-23..", "" }, { "_time=..2026-11-22", "1 2 3 4 5 6 7" },
	       { "_time<2026-11-22", "" }, { "_time>=2026-11-22", "1 2 3 4 5 6 7" },
	       { "_time>2026-11-22", "" },
	       { "_time=1999..2000,2026-11", "1 2 3 4 5 6 7" });
}
END_TEST

START_TEST(hashes_take_prefixes)
{
	ck_assert_str_eq(answer("_hash=0 or _hash=1,2,3,4,5,6,7,8,9,a,b,c,d,e,f"),
			 "1 2 3 4 5 6 7");
	ck_assert_str_eq(answer("_hash!=0 _hash=0"), "");
	ck_assert_str_eq(answer("_blob=00"), "");
}
END_TEST

static void
expect_error(const char *text, uint64_t column, const char *part)
{
	struct tape_error err = { 0 };
	struct tape_query *query = NULL;
	int r = tape_query_compile(text, &query, &err);

	ck_assert_msg(r == TAPE_ERR_SYNTAX, "%.40s: %d", text, r);
	ck_assert_msg(err.offset == column, "%.40s: column %llu: %s", text,
		      (unsigned long long)err.offset, err.message);
	ck_assert_msg(strstr(err.message, part) != NULL, "%.40s: %s", text, err.message);
	ck_assert_ptr_null(query);
}

START_TEST(errors_name_the_column_and_what_was_expected)
{
	expect_error("T=", 3, "a value");
	expect_error("relax (n=5", 11, "\")\"");
	expect_error("relax )", 7, "none is open");
	expect_error("()", 2, "a term before");
	expect_error("relax or", 9, "a term");
	expect_error("a and b", 3, "a term");
	expect_error("=5", 1, "a name before");
	expect_error("\"open", 1, "closing quote");
	expect_error("/open", 1, "closing \"/\"");
	expect_error("x /a(b/", 7, "regular expression");
	expect_error("phase~a(b", 10, "regular expression");
	expect_error("T<1..2", 3, "one value");
	expect_error("T<1,2", 4, "one value");
	expect_error("T=1,", 5, "a value");
	expect_error("T=a+-1", 3, "a number before");
	expect_error("T=1+-b", 6, "a tolerance");
	expect_error("_time=yesterday", 7, "a time");
	expect_error("_time=2026-13", 7, "a time");
	expect_error("_pos=5", 6, "SESSION:SEQ");
	expect_error("_seq=abc", 6, "a whole number");
	expect_error("_hash=xyz", 7, "hex digit");
	expect_error("pa*=1", 1, "\"*\"");
	expect_error("_seq~1", 5, "another operator");
	expect_error("not", 4, "a term");
}
END_TEST

START_TEST(unknown_fields_suggest_the_nearest)
{
	expect_error("_tiem=2026", 1, "_time");
	expect_error("a _sesion=last", 3, "_session");
	expect_error("_time", 6, "an operator");
	expect_error("_has=_line", 6, "a variable");
	expect_error("_lost=_link", 7, "name of a variable");
}
END_TEST

START_TEST(terms_about_bookmarks_point_at_their_mistakes)
{
	expect_error("@", 2, "the name of a bookmark");
	expect_error("relax @", 8, "the name of a bookmark");
	expect_error("@a..@", 6, "the name of a bookmark");
	expect_error("..@ x", 4, "the name of a bookmark");
	expect_error("@a..b", 5, "another bookmark");
	expect_error("@a#", 4, "which one");
	expect_error("@a#0", 4, "which one");
	expect_error("@a#b", 4, "which one");
	expect_error("@a#99999999999999999999", 4, "which one");
	expect_error("@a+", 4, "a number of scopes");
	expect_error("@a+0", 4, "a number of scopes");
	expect_error("@a+5x", 5, "a blank");
	expect_error("@a,b", 3, "name of a bookmark");
	expect_error("@a=5", 3, "name of a bookmark");
	expect_error("@a..@b+3", 7, "a blank");
	expect_error("@a..@b..@c", 7, "a blank");
	expect_error("@\"a", 2, "closing quote");
	expect_error("_mark", 6, "an operator");
	expect_error("_mark<a", 6, "another operator");
	expect_error("_mark~(", 8, "regular expression");
}
END_TEST

START_TEST(what_comes_later_is_said_so)
{
	expect_error("_changed=dt", 1, "later");
}
END_TEST

START_TEST(partials_match_by_names_and_types)
{
	EXPECT({ "{T:float}", "1 2 3 5" }, { "{T:f64}", "1 2 3 5" }, { "{T:int}", "" },
	       { "{T:number, n:int}", "1 2 3 5" }, { "{T:str}", "4" },
	       { "{}", "1 2 3 4 5 6 7" }, { "{big:u64}", "3 7" }, { "{big:i64}", "" },
	       { "{f:f32}", "3" }, { "{f:float}", "3" }, { "{z:complex}", "3" },
	       { "{ok:bool}", "1 2 5" }, { "{ok:int}", "" }, { "{mode:int}", "1 2 5" },
	       { "{x:array}", "3" }, { "{x:any}", "3" },
	       { "{phase:text, T?:float}", "1 2 5" }, { "{params{alpha:float}}", "4" },
	       { "{params.alpha:float}", "4" },
	       { "{params{alpha:float,beta:number}}", "4" },
	       { "{params{alpha:int}}", "" }, { "{\"odd name\":any}", "4" },
	       { "not {T:any}", "6 7" }, { "step {n:int}", "3" },
	       { "({n:int} or {big:u64})", "1 2 3 5 7" });
}
END_TEST

START_TEST(null_and_absent_count_as_missing)
{
	EXPECT({ "gone {T:any}", "" }, { "gone {T?:str}", "6" }, { "{nothing:any}", "" },
	       { "gone {nothing?:int}", "6" });
}
END_TEST

START_TEST(optional_groups_are_there_or_not_as_a_whole)
{
	EXPECT({ "{params?{alpha:float}}", "1 2 3 4 5 6 7" },
	       { "{params?{alpha:float, gamma:float}}", "1 2 3 5 6 7" },
	       { "{params?{alpha:float, gamma?:float}}", "1 2 3 4 5 6 7" },
	       { "{params?{alpha:str}}", "1 2 3 5 6 7" });
}
END_TEST

START_TEST(elements_and_extents_of_arrays_are_asked_of_each_scope)
{
	EXPECT({ "{x:any[]}", "3" }, { "{x:any[3]}", "3" }, { "{x:any[*]}", "3" },
	       { "{x:any[2]}", "" }, { "{x:any[*,*]}", "" }, { "{x:number[3]}", "3" },
	       { "{x:complex[]}", "" }, { "{x?:any[2]}", "1 2 4 5 6 7" },
	       { "not {x:any[2]} _has=x", "3" }, { "{T:float[]}", "" });
}
END_TEST

START_TEST(names_of_partials_come_from_definitions)
{
	static const char text[] = "# two\nwarm { T: float, phase: str }\n"
				   "big-3 { big: u64, }\n";
	struct tape_partials *partials = NULL;
	struct tape_query *query = NULL;
	struct tape_error err = { 0 };

	ck_assert_int_eq(tape_partials_parse(text, strlen(text), "f", &partials, &err),
			 0);
	ck_assert_int_eq(
		tape_query_compile_with("is=warm or is=big-3", partials, &query, &err),
		0);
	tape_query_free(query);
	query = NULL;
	ck_assert_int_eq(tape_query_compile_with("a is=cold", partials, &query, &err),
			 TAPE_ERR_SYNTAX);
	ck_assert_uint_eq(err.offset, 6);
	ck_assert_msg(strstr(err.message, "warm big-3") != NULL, "%s", err.message);
	tape_partials_free(partials);
	expect_error("is=point", 4, "none is known");
	expect_error("is=", 4, "the name of a partial");
	expect_error("is!=point", 3, "not is=NAME");
}
END_TEST

START_TEST(partials_in_queries_point_at_their_mistakes)
{
	expect_error("{a}", 3, "\":\" and a type");
	expect_error("b {a:", 6, "a type");
	expect_error("{a:int", 7, "\"}\"");
	expect_error("{a:int b:int}", 8, "\",\" or \"}\"");
	expect_error("{a:integer}", 4, "a type");
	expect_error("{a:str[3]}", 4, "elements");
	expect_error("{a:f8[3,]}", 9, "a number of elements");
	expect_error("{a:f8[x]}", 7, "a number of elements");
	expect_error("{:int}", 2, "the name of a variable");
	expect_error("{a:int}b", 8, "a blank");
	expect_error("{a:int, b{a?:int}, \"b\".a:str}", 1, "once");
}
END_TEST

START_TEST(files_of_partials_point_at_their_mistakes)
{
	static const struct {
		const char *text, *message;
	} wrong[] = {
		{ "a { x: int }\n  b [", "line 2, column 5: expected \"{\"" },
		{ "a { x: int }\n\nb { x:\n\n   y }",
		  "line 5, column 4: expected a type" },
		{ "a { x: int } a { }", "line 1, column 14: expected a new name" },
		{ "a {\n x: int,\n x: str }",
		  "line 1, column 3: expected each field once" },
		{ "?", "line 1, column 1: expected the name of a partial" },
		{ "a { b { c: int }", "line 1, column 17: expected \"}\"" },
		{ "a { \"x\": int, \"\\", "line 1, column 15: expected a closing quote" },
		{ "a { x: f8[1,1,1,1,1,1,1,1,1] }",
		  "line 1, column 27: expected at most 8" },
		{ "a { x: f8[99999999999999999999] }",
		  "line 1, column 11: expected a number" },
	};
	struct tape_error err = { 0 };

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct tape_partials *partials = NULL;
		int r = tape_partials_parse(wrong[i].text, strlen(wrong[i].text),
					    "f.partials", &partials, &err);

		ck_assert_int_eq(r, TAPE_ERR_SYNTAX);
		ck_assert_ptr_null(partials);
		ck_assert_str_eq(err.file, "f.partials");
		ck_assert_msg(strncmp(err.message, wrong[i].message,
				      strlen(wrong[i].message)) == 0,
			      "%s: %s", wrong[i].text, err.message);
	}
}
END_TEST

START_TEST(partials_have_limits)
{
	struct tape_partials *partials = NULL;
	struct tape_error err = { 0 };
	char text[1024] = "a{";

	for (size_t i = 0; i < 64; i++)
		memcpy(text + strlen(text), "b{", 3);
	ck_assert_int_eq(tape_partials_parse(text, strlen(text), "f", &partials, &err),
			 TAPE_ERR_SYNTAX);
	ck_assert_msg(strstr(err.message, "64 levels") != NULL, "%s", err.message);
	memcpy(text, "a{", 2);
	memset(text + 2, 'x', 256);
	memcpy(text + 258, ":int}", 6);
	ck_assert_int_eq(tape_partials_parse(text, strlen(text), "f", &partials, &err),
			 TAPE_ERR_SYNTAX);
	ck_assert_msg(strstr(err.message, "255 bytes") != NULL, "%s", err.message);
	ck_assert_int_eq(tape_partials_parse(text, 2u << 20, "f", &partials, &err),
			 TAPE_ERR_LIMIT);
	ck_assert_ptr_null(partials);
}
END_TEST

START_TEST(limits_of_length_and_depth_are_errors)
{
	char *text = malloc(70001);

	ck_assert_ptr_nonnull(text);
	memset(text, 'a', 70000);
	text[70000] = '\0';
	expect_error(text, 65537, "65536");
	memset(text, '(', 300);
	text[300] = '\0';
	expect_error(text, 257, "256 levels");
	memset(text, '(', 256);
	text[256] = 'a';
	memset(text + 257, ')', 256);
	text[513] = '\0';
	ck_assert_str_eq(answer(text), "");
	for (size_t i = 0; i < 16000; i++)
		memcpy(text + 4 * i, "not ", 4);
	memcpy(text + 64000, "run", 4);
	ck_assert_str_eq(answer(text), "1 2 3 4 5 6 7");
	free(text);
}
END_TEST

START_TEST(a_regex_that_never_ends_is_an_error_not_a_hang)
{
	struct tape_error err = { 0 };
	struct tape_query *query = NULL;
	struct tape_reader *reader = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	struct testwriter w = { 0 };
	struct form form = { 0 };
	struct part part = {
		"s", testwriter_text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")
	};

	dir = tmpdir_make();
	testwriter_tape(dir, 1);
	testwriter_begin(&w, testwriter_session_a, 0, false, 1);
	testwriter_first_group(&w, "1000");
	put(&w, &form, 1, "l", 1, &part, 1);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	testwriter_save(&w, dir);
	testwriter_release(&w);
	form_release(&form);
	ck_assert_int_eq(tape_query_compile("s~^(a+)+$", &query, &err), 0);
	ck_assert_int_eq(tape_reader_open(dir, NULL, &reader, &err), 0);
	ck_assert_int_eq(tape_find(reader, query, NULL, &cursor, &err), 0);
	ck_assert_int_eq(tape_cursor_next(cursor, &scope, &err), TAPE_ERR_LIMIT);
	ck_assert_uint_eq(err.offset, 1);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	tmpdir_remove();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("query");
	TCase *match = tcase_create("match"), *syntax = tcase_create("syntax");

	tcase_add_checked_fixture(match, make_tape, remove_tape);
	tcase_add_test(match, labels_match_whole_with_wildcards_quoted_or_by_regex);
	tcase_add_test(match, terms_combine_with_and_or_not_and_parentheses);
	tcase_add_test(match, numbers_compare_exactly_across_types);
	tcase_add_test(match, numbers_beyond_a_precision_compare_as_they_round);
	tcase_add_test(match, decimals_compare_with_integers_by_all_their_digits);
	tcase_add_test(match, tolerances_are_ranges);
	tcase_add_test(match, text_compares_as_text);
	tcase_add_test(match, bools_and_enums_answer_to_number_and_name);
	tcase_add_test(match, complex_numbers_equal_reals_and_answer_by_part);
	tcase_add_test(match, arrays_are_tested_by_what_they_add_up_to);
	tcase_add_test(match, paths_have_quoted_segments_and_stars);
	tcase_add_test(match, what_is_not_there_is_false_under_every_operator);
	tcase_add_test(match, fields_of_the_record_are_tested);
	tcase_add_test(match, positions_take_prefixes_and_ranges);
	tcase_add_test(match, times_name_periods);
	tcase_add_test(match, hashes_take_prefixes);
	tcase_add_test(match, partials_match_by_names_and_types);
	tcase_add_test(match, null_and_absent_count_as_missing);
	tcase_add_test(match, optional_groups_are_there_or_not_as_a_whole);
	tcase_add_test(match, elements_and_extents_of_arrays_are_asked_of_each_scope);
	tcase_add_test(syntax, names_of_partials_come_from_definitions);
	tcase_add_test(syntax, partials_in_queries_point_at_their_mistakes);
	tcase_add_test(syntax, files_of_partials_point_at_their_mistakes);
	tcase_add_test(syntax, partials_have_limits);
	tcase_add_test(match, limits_of_length_and_depth_are_errors);
	tcase_add_test(syntax, errors_name_the_column_and_what_was_expected);
	tcase_add_test(syntax, unknown_fields_suggest_the_nearest);
	tcase_add_test(syntax, terms_about_bookmarks_point_at_their_mistakes);
	tcase_add_test(syntax, what_comes_later_is_said_so);
	tcase_add_test(syntax, a_regex_that_never_ends_is_an_error_not_a_hang);
	suite_add_tcase(suite, match);
	suite_add_tcase(suite, syntax);
	return suite_run(suite);
}
