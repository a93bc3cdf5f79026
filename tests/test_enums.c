/* SPDX-License-Identifier: Apache-2.0 */
/* Integers whose values have names. */
#include <stdio.h>
#include <string.h>

#include "tape/search.h"
#include "tests/support/recorded.h"
#include "tests/support/suite.h"

static struct tape *t;

enum mode { SLOW, FAST, LATE = 10 };
enum sign { DOWN = -1, UP = 1 };
#define MODE(x) TAPE_ENUM(x, SLOW, FAST, LATE)
#define MODES "{SLOW:0,FAST:1,LATE:10}"

START_TEST(names_stand_in_the_form_whatever_the_integer_and_the_order_of_macros)
{
	enum mode mode = FAST;
	const enum sign sign = DOWN;
	unsigned char small = 10;
	volatile int wide = 7;

	t = recorded_open("");
	TAPE(t, "x", MODE(mode), TAPE_ENUM(sign, DOWN, UP), MODE(small), MODE(wide));
	TAPE(t, "x", TAPE_AS("a", TAPE_UNIT(MODE(mode), "1")),
	     TAPE_UNIT(MODE(TAPE_AS("b", mode)), "2"), TAPE_ENUM(mode, SLOW));
	ck_assert_str_eq(recorded(),
			 "x mode=1" MODES " sign=-1{DOWN:-1,UP:1} small=10" MODES
			 " wide=7" MODES "\n"
			 "x a[1]=1" MODES " b[2]=1" MODES " mode=1{SLOW:0}\n");
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

START_TEST(sticky_and_added_variables_keep_them)
{
	enum mode mode = LATE;
	int i = 0;

	t = recorded_open("");
	TAPE_WITH(t, MODE(mode));
	TAPE_ADD(t, TAPE_ENUM(i, SLOW));
	TAPE(t, "x");
	TAPE(t, "x", i);
	ck_assert_str_eq(recorded(),
			 "x i=0{SLOW:0} mode=10" MODES "\nx i=0 mode=10" MODES "\n");
}
END_TEST

START_TEST(a_name_made_at_run_time_has_them_too)
{
	enum mode mode = SLOW;
	char name[2] = "a";

	t = recorded_open("");
	for (; *name < 'c'; ++*name) {
		TAPE(t, "x", TAPE_AS(name, MODE(mode)));
		mode = FAST;
	}
	ck_assert_str_eq(recorded(), "x a=0" MODES "\nx b=1" MODES "\n");
}
END_TEST

struct inner {
	enum sign sign;
	unsigned char small;
};
struct described {
	double x;
	enum mode mode;
	struct inner in, other;
	int64_t wide;
	uint64_t none;
};
TAPE_DESCRIBE(described, struct described, x, mode, in.sign, in.small, other.small, wide,
	      none);
TAPE_ENUMS(described, TAPE_NAMES(mode, SLOW, FAST, LATE), TAPE_NAMES(in.sign, DOWN, UP),
	   TAPE_NAMES(other.small, SLOW, FAST, LATE), TAPE_NAMES(wide, FAST));

START_TEST(members_of_a_described_structure_have_them)
{
	struct described d = { 0.5, FAST, { DOWN, 1 }, { UP, 10 }, 7, 8 };
	char prefix[2] = "a";

	t = recorded_open("");
	TAPE(t, "x", TAPE_OF(described, &d));
	TAPE(t, "x", TAPE_AS("p", TAPE_OF(described, &d)), TAPE_AS("mode", d.mode));
	for (; *prefix < 'c'; ++*prefix, d.mode = SLOW)
		TAPE(t, "y", TAPE_AS(prefix, TAPE_OF(described, &d)));
	{
		TAPE_WITH(t, TAPE_OF(described, &d));
		TAPE(t, "z");
	}
	ck_assert_str_eq(
		recorded(),
		"x in.sign=-1{DOWN:-1,UP:1} in.small=1u mode=1" MODES
		" none=8u other.small=10" MODES " wide=7{FAST:1} x=0.5\n"
		"x mode=1 p.in.sign=-1{DOWN:-1,UP:1} p.in.small=1u p.mode=1" MODES
		" p.none=8u p.other.small=10" MODES " p.wide=7{FAST:1} p.x=0.5\n"
		"y a.in.sign=-1{DOWN:-1,UP:1} a.in.small=1u a.mode=1" MODES
		" a.none=8u a.other.small=10" MODES " a.wide=7{FAST:1} a.x=0.5\n"
		"y b.in.sign=-1{DOWN:-1,UP:1} b.in.small=1u b.mode=0" MODES
		" b.none=8u b.other.small=10" MODES " b.wide=7{FAST:1} b.x=0.5\n"
		"z in.sign=-1{DOWN:-1,UP:1} in.small=1u mode=0" MODES
		" none=8u other.small=10" MODES " wide=7{FAST:1} x=0.5\n");
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

/* Of a program that was compiled before there were names for members. */
START_TEST(a_description_without_room_for_names_has_none)
{
	struct described d = { 0.5, FAST, { DOWN, 1 }, { UP, 10 }, 7, 8 };
	struct tape_partial old = described;
	const struct tape_of of = { &old, &d, "&d", 0 };
	static struct tape_site site = { .version = TAPE_SITE_VERSION,
					 .line = 1,
					 .file = "old.c",
					 .func = "old",
					 .names = "old",
					 .count = 1 };
	static const unsigned char kind[] = { tape_kind_of };
	const struct tape_word word[] = { { (uint64_t)(uintptr_t)&of, 0 } };

	old.version = 1;
	memset(&old.enums, 0xff, sizeof old.enums); /* not to be looked at */
	t = recorded_open("");
	tape_record(t, &site, "x", kind, word);
	ck_assert_str_eq(recorded(), "x in.sign=-1 in.small=1u mode=1 none=8u "
				     "other.small=10u wide=7 x=0.5\n");
}
END_TEST

struct pair {
	int listed, other;
};
TAPE_DESCRIBE(pair, struct pair, listed);
TAPE_ENUMS(pair, TAPE_NAMES(listed, SLOW, FAST), TAPE_NAMES(other, SLOW, FAST));

START_TEST(names_of_a_member_that_is_not_listed_are_said)
{
	struct pair p = { 1, 1 };

	t = recorded_open("");
	for (int i = 0; i < 2; i++)
		TAPE(t, "x", TAPE_OF(pair, &p));
	ck_assert_str_eq(recorded(), "x listed=1{SLOW:0,FAST:1}\n"
				     "x listed=1{SLOW:0,FAST:1}\n");
	ck_assert_uint_eq(recorded_errors(), 0);
	ck_assert_uint_eq(recorded_said("TAPE_ENUMS names values of a member"), 1);
}
END_TEST

START_TEST(what_is_no_integer_has_none)
{
	double x = 1;

	t = recorded_open("");
	TAPE(t, "x", TAPE_ENUM(x, SLOW, FAST));
	ck_assert_str_eq(recorded(), "x x=1.0\n");
}
END_TEST

struct flags {
	uint64_t flags;
};
TAPE_DESCRIBE(flagged, struct flags, flags);
TAPE_ENUMS(flagged, TAPE_NAMES(flags, SLOW, FAST));

/* No other number than it was. */
START_TEST(what_is_too_large_for_an_i64_keeps_its_value)
{
	const char *values[] = { "9223372036854775807{SLOW:0,FAST:1}",
				 "9223372036854775808u", "18446744073709551615u",
				 "1{SLOW:0,FAST:1}" };
	struct tape_enumerator names[] = { { 0, "SLOW" }, { 1, "FAST" } };
	uint64_t flags[] = { INT64_MAX, 1ULL << 63, UINT64_MAX, 1 };
	char all[1000] = "";

	t = recorded_open("");
	for (int i = 0; i < 4; i++) {
		struct flags s = { flags[i] };
		struct tape_build *b;

		TAPE(t, "m", TAPE_ENUM(flags[i], SLOW, FAST));
		TAPE(t, "s", TAPE_OF(flagged, &s));
		b = tape_build_begin(t, "f");
		(void)tape_build_u64(b, "flags", TAPE_NUL, flags[i]);
		(void)tape_build_enum(b, names, 2);
		ck_assert_int_eq(tape_build_end(b), 0);
		snprintf(all + strlen(all), sizeof all - strlen(all),
			 "m flags[i]=%s\ns flags=%s\nf flags=%s\n", values[i], values[i],
			 values[i]);
	}
	ck_assert_str_eq(recorded(), all);
}
END_TEST

/* Results, too. */
START_TEST(a_large_one_comes_back_from_the_cache)
{
	struct flags s = { 1ULL << 63 }, back = { 0 };

	t = recorded_open("");
	ck_assert_int_eq(TAPE_STORE(t, TAPE_KEY("k", 1), TAPE_OF(flagged, &s)), 1);
	ck_assert_int_eq(TAPE_RECALL(t, TAPE_KEY("k", 1), TAPE_OF(flagged, &back)), 1);
	ck_assert_uint_eq(back.flags, s.flags);
}
END_TEST

START_TEST(the_functions_take_any_number_of_any_names)
{
	struct tape_enumerator names[40],
		bad[] = { { 5, "five" }, { 6, "" }, { 5, "again" } };
	char text[40][8];
	struct tape_build *b;
	const char *all;

	for (int i = 0; i < 40; i++) {
		snprintf(text[i], sizeof text[i], "n%d", i);
		names[i] = (struct tape_enumerator){ i - 20, text[i] };
	}
	t = recorded_open("");
	b = tape_build_begin(t, "x");
	(void)tape_build_i64(b, "a", TAPE_NUL, -20);
	ck_assert_int_eq(tape_build_enum(b, names, 40), 0);
	(void)tape_build_u64(b, "b", TAPE_NUL, 5);
	ck_assert_int_eq(tape_build_enum(b, bad, 3), 0);
	(void)tape_build_f64(b, "c", TAPE_NUL, 5);
	ck_assert_int_eq(tape_build_enum(b, names, 40), 0);
	ck_assert_int_eq(tape_build_end(b), 0);
	all = recorded();
	ck_assert_ptr_nonnull(strstr(all, "x a=-20{n0:-20,n1:-19,"));
	ck_assert_ptr_nonnull(strstr(all, ",n39:19} b=5{five:5} c=5.0\n"));
	ck_assert_int_eq(tape_build_enum(NULL, names, 40), 0);
}
END_TEST

START_TEST(a_rule_and_a_hook_know_them)
{
	enum mode mode;

	t = recorded_open("[rule x]\nlabel = x\nwhen = mode=FAST\n");
	for (int i = 0; i < 4; i++) {
		mode = i % 2 ? FAST : SLOW;
		TAPE(t, "x", MODE(mode), i);
	}
	ck_assert_str_eq(recorded(), "x i=1 mode=1" MODES "\nx i=3 mode=1" MODES "\n");
}
END_TEST

static int
add(const struct tape_view *view, void *arg, void *user)
{
	(void)arg;
	(void)user;
	(void)tape_build_i64(tape_view_add(view), "more", TAPE_NUL, 1);
	return 0;
}

START_TEST(a_scope_that_a_hook_adds_to_keeps_them)
{
	enum mode mode = FAST;

	t = recorded_open("");
	ck_assert_int_gt(
		tape_hook(t, TAPE_HOOK_CAPTURE, (const char *[]){ "x", NULL }, add, NULL),
		0);
	TAPE(t, "x", MODE(mode));
	ck_assert_str_eq(recorded(), "x mode=1" MODES " more=1\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("enums");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, NULL, recorded_teardown);
	tcase_add_test(
		tc, names_stand_in_the_form_whatever_the_integer_and_the_order_of_macros);
	tcase_add_test(tc, sticky_and_added_variables_keep_them);
	tcase_add_test(tc, a_name_made_at_run_time_has_them_too);
	tcase_add_test(tc, members_of_a_described_structure_have_them);
	tcase_add_test(tc, a_description_without_room_for_names_has_none);
	tcase_add_test(tc, names_of_a_member_that_is_not_listed_are_said);
	tcase_add_test(tc, what_is_no_integer_has_none);
	tcase_add_test(tc, what_is_too_large_for_an_i64_keeps_its_value);
	tcase_add_test(tc, a_large_one_comes_back_from_the_cache);
	tcase_add_test(tc, the_functions_take_any_number_of_any_names);
	tcase_add_test(tc, a_rule_and_a_hook_know_them);
	tcase_add_test(tc, a_scope_that_a_hook_adds_to_keeps_them);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
