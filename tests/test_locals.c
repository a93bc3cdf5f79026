/* SPDX-License-Identifier: Apache-2.0 */
/* TAPE_LOCALS as librecord sees it: sites of many variables, text that may be anywhere, lists. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tape/search.h"
#include "tests/support/recorded.h"
#include "tests/support/suite.h"

static struct tape *t;

/* ---- lists by hand, as tape-locals writes them ---- */

#define TAPE_LOCALS_AT_9001 ~, TAPE_LOCALS_LISTED_
#define TAPE_LOCALS_COUNT_9001 6
#define TAPE_LOCALS_NAMES_9001 "i,mode(SLOW=0,FAST=1),text,p,m,s.x"
#define TAPE_LOCALS_LIST_9001(tape_v_, tape_a_, tape_s_, tape_n_)                        \
	tape_v_(i), tape_v_(mode), tape_s_(text), tape_a_(5),                            \
		tape_n_(&m[0][0], "i4", 2, (2, 3), (sizeof((m)[0]), sizeof((m[0])[0]))), \
		tape_v_(s.x),
#define TAPE_LOCALS_AT_9002 ~, TAPE_LOCALS_LISTED_
#define TAPE_LOCALS_COUNT_9002 0
#define TAPE_LOCALS_NAMES_9002 ""
#define TAPE_LOCALS_LIST_9002(tape_v_, tape_a_, tape_s_, tape_n_)

enum mode { SLOW, FAST };

/* clang-format off */
static void
listed(int i, int tared)
{
	enum mode mode = i % 2 ? FAST : SLOW;
	const char *text = i == 2 ? NULL : "text";
	int m[2][3] = { { 1, 2, i }, { 4, 5, 6 } };
	struct { double x; } s = { 0.5 };

	if (tared)
#line 9001
		TAPE_TARE_LOCALS(t, tared - 1);
	else
#line 9001
		TAPE_LOCALS(t, "here");
}

static void
empty(void)
{
#line 9002
	TAPE_LOCALS(t, "empty");
}
#line 60
/* clang-format on */

#define MODE "{SLOW:0,FAST:1}"

START_TEST(a_list_records_each_variable_as_what_it_is)
{
	t = recorded_open("");
	for (int i = 1; i < 3; i++)
		listed(i, 0);
	empty();
	ck_assert_str_eq(recorded(), "here i=1 m=i4[2,3](1 2 1 4 5 6) mode=1" MODE
				     " p=absent:not-selected s.x=0.5 text='text'\n"
				     "here i=2 m=i4[2,3](1 2 2 4 5 6) mode=0" MODE
				     " p=absent:not-selected s.x=0.5 text=null\nempty\n");
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

START_TEST(what_is_in_scope_is_tared)
{
	t = recorded_open("");
	{
		TAPE_LABEL(t, "in");
		listed(1, 2);
		listed(1, 0);
		listed(3, 0);
	}
	listed(1, 0);
	ck_assert_str_eq(recorded(), "in/_tare i=1 m=i4[2,3](1 2 1 4 5 6) mode=1" MODE
				     " p=absent:not-selected s.x=0.5 text='text'\n"
				     "in/here\n"
				     "in/here i=3 m=i4[2,3](1 2 3 4 5 6)\n"
				     "here i=1 m=i4[2,3](1 2 1 4 5 6) mode=1" MODE
				     " p=absent:not-selected s.x=0.5 text='text'\n");
}
END_TEST

START_TEST(a_null_recorder_evaluates_nothing)
{
	t = NULL;
	listed(1, 0);
	listed(1, 1);
	empty();
}
END_TEST

/* ---- many variables ---- */

#define MANY 300

static char names[MANY * 8];
static struct tape_site many = { .version = TAPE_SITE_VERSION,
				 .line = 1,
				 .file = "many.c",
				 .func = "many",
				 .names = names,
				 .count = MANY,
				 .flags = TAPE_SITE_LOCALS };
static unsigned char kinds[MANY];
static struct tape_word words[MANY];

static void
fill(void)
{
	static const char *const texts[] = { "one", "another", "", "a longer one" };
	size_t at = 0;

	for (unsigned i = 0; i < MANY; i++) {
		bool text = i % 7 == 3;

		at += (size_t)snprintf(names + at, sizeof names - at, "%sv%03u",
				       i ? "," : "", i);
		kinds[i] = text ? tape_kind_safe : tape_kind_i64;
		words[i].lo = text ? (uint64_t)(uintptr_t)texts[i % 4] : i;
		words[i].hi = text ? TAPE_SAFE_TEXT : 0;
	}
}

static void
check_many(const char *line, unsigned without)
{
	unsigned n = 0;

	for (const char *p = line; (p = strstr(p, " v")) != NULL; p++) {
		unsigned i = (unsigned)strtoul(p + 2, NULL, 10);

		n++;
		if (kinds[i] == tape_kind_safe)
			ck_assert_msg(p[6] == '\'', "v%03u", i);
		else
			ck_assert_uint_eq(strtoul(p + 6, NULL, 10), i);
	}
	ck_assert_uint_eq(n, MANY - without);
}

START_TEST(a_site_may_have_hundreds_of_variables)
{
	fill();
	t = recorded_open("");
	for (int i = 0; i < 2; i++)
		tape_record(t, &many, "many", kinds, words);
	check_many(strchr(recorded(), '\n') + 1, 0);
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

static int
add(const struct tape_view *view, void *arg, void *user)
{
	(void)arg;
	(void)user;
	(void)tape_build_i64(tape_view_add(view), "added", TAPE_NUL, 1);
	return 0;
}

static int
select_some(const struct tape_view *view, void *arg, void *user)
{
	(void)arg;
	(void)user;
	return strcmp(tape_view_variable(view, NULL), "v299") == 0 ? TAPE_SELECT_DROP
								   : TAPE_SELECT_PASS;
}

START_TEST(rules_and_hooks_see_all_of_them)
{
	fill();
	t = recorded_open("exclude = ^v00\nwhen = v100=100\n");
	ck_assert_int_gt(tape_hook(t, TAPE_HOOK_CAPTURE, (const char *[]){ "many", NULL },
				   add, NULL),
			 0);
	ck_assert_int_gt(tape_hook(t, TAPE_HOOK_SELECT, (const char *[]){ "many", NULL },
				   select_some, NULL),
			 0);
	for (int i = 0; i < 2; i++)
		tape_record(t, &many, "many", kinds, words);
	ck_assert_ptr_nonnull(strstr(recorded(), "many added=1 v010=''"));
	check_many(strchr(recorded(), '\n') + 1, 11);
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

/* ---- text that may be anywhere ---- */

static const char *
text_of(const void *at)
{
	static struct tape_site site = { .version = TAPE_SITE_VERSION,
					 .line = 1,
					 .file = "text.c",
					 .func = "text",
					 .names = "x",
					 .count = 1,
					 .flags = TAPE_SITE_LOCALS };
	static const unsigned char kind[] = { tape_kind_safe };
	static char seen[200];
	const struct tape_word word[] = { { (uint64_t)(uintptr_t)at, TAPE_SAFE_TEXT } };

	t = recorded_open("inline_max = 0\n");
	tape_record(t, &site, "t", kind, word);
	snprintf(seen, sizeof seen, "%s", recorded());
	ck_assert_uint_eq(recorded_errors(), 0);
	recorded_teardown();
	return seen;
}

START_TEST(text_is_read_wherever_it_is_and_what_is_none_is_absent)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char stack[] = "on the stack", *heap = strdup("on the heap"),
	     bytes[] = "\xff\xfe";
	char *large = malloc(70000);

	ck_assert_ptr_ne(two, MAP_FAILED);
	ck_assert_ptr_nonnull(heap);
	ck_assert_ptr_nonnull(large);
	memset(large, 'x', 69999);
	large[69999] = '\0';
	memset(two, 'y', page);
	memcpy(two + page - 4, "end", 4);
	ck_assert_int_eq(mprotect(two + page, page, PROT_NONE), 0);
	ck_assert_str_eq(text_of(NULL), "t x=null\n");
	ck_assert_str_eq(text_of(stack), "t x='on the stack'\n");
	ck_assert_str_eq(text_of("in the program"), "t x='in the program'\n");
	ck_assert_str_eq(text_of(heap), "t x='on the heap'\n");
	ck_assert_str_eq(text_of(two + page - 4), "t x='end'\n");
	ck_assert_str_eq(text_of(bytes), "t x=x'fffe'\n");
	ck_assert_str_eq(text_of(large), "t x=absent:too-large\n");
	two[page - 1] = 'd';
	ck_assert_str_eq(text_of(two + page - 4), "t x=absent:wild-pointer\n");
	ck_assert_str_eq(text_of(two + page), "t x=absent:wild-pointer\n");
	ck_assert_str_eq(text_of((const void *)(uintptr_t)1),
			 "t x=absent:wild-pointer\n");
	ck_assert_str_eq(text_of((const void *)(uintptr_t)0xdead00000000beefu),
			 "t x=absent:wild-pointer\n");
	ck_assert_str_eq(text_of((const void *)UINTPTR_MAX), "t x=absent:wild-pointer\n");
	free(heap);
	free(large);
	(void)munmap(two, 2 * page);
}
END_TEST

/* ---- neither list nor debug information that can be trusted ---- */

START_TEST(a_place_without_anything_is_recorded_and_noted_once)
{
	struct tape *other;

	t = recorded_open("");
	other = recorded_open_beside(1);
	for (int i = 0; i < 3; i++) {
		static struct tape_site site = { .version = TAPE_SITE_VERSION,
						 .line = 7,
						 .file = "bare.c",
						 .func = "bare",
						 .names = "",
						 .flags = TAPE_SITE_LOCALS |
							  TAPE_SITE_OPTIMIZED };

		tape_locals(t, &site, "bare", __builtin_frame_address(0));
		tape_locals(other, &site, "bare", __builtin_frame_address(0));
	}
	ck_assert_str_eq(recorded(), "bare\nbare\nbare\n");
	ck_assert_str_eq(recorded_beside(1), "bare\nbare\nbare\n");
	ck_assert_uint_eq(recorded_errors(), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("locals");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, NULL, recorded_teardown);
	tcase_add_test(tc, a_list_records_each_variable_as_what_it_is);
	tcase_add_test(tc, what_is_in_scope_is_tared);
	tcase_add_test(tc, a_null_recorder_evaluates_nothing);
	tcase_add_test(tc, a_site_may_have_hundreds_of_variables);
	tcase_add_test(tc, rules_and_hooks_see_all_of_them);
	tcase_add_test(tc, text_is_read_wherever_it_is_and_what_is_none_is_absent);
	tcase_add_test(tc, a_place_without_anything_is_recorded_and_noted_once);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
