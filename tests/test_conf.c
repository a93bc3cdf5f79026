/* SPDX-License-Identifier: Apache-2.0 */
/* tape.conf and TAPE_* of the environment. */
#include "librecord/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"

static struct conf conf;
static struct rules rules;
static struct tape_error err;

static int
parse(const char *text)
{
	rules_release(&rules);
	ck_assert_int_eq(rules_init(&rules), 0);
	conf_defaults(&conf);
	memset(&err, 0, sizeof err);
	return conf_parse(text, strlen(text), "tape.conf", &conf, &rules, &err);
}

/* The message names this line and column. */
static void
expect_mistake(const char *text, const char *place, const char *what)
{
	ck_assert_int_eq(parse(text), TAPE_ERR_SYNTAX);
	ck_assert_str_eq(err.file, "tape.conf");
	ck_assert_msg(strncmp(err.message, place, strlen(place)) == 0, "%s", err.message);
	ck_assert_msg(strstr(err.message, what) != NULL, "%s", err.message);
}

START_TEST(an_empty_file_changes_nothing)
{
	static const char *const empty[] = { "", "\n  # only a comment\n[tape]\n" };
	struct conf defaults;

	conf_defaults(&defaults);
	for (int i = 0; i < 2; i++) {
		/* A copy byte by byte: what lies between the members counts too. */
		memcpy(&conf, &defaults, sizeof conf);
		ck_assert_int_eq(conf_parse(empty[i], strlen(empty[i]), "tape.conf",
					    &conf, &rules, &err),
				 0);
		ck_assert_mem_eq(&conf, &defaults, sizeof conf);
	}
	ck_assert_int_eq(conf.sync, SYNC_INTERVAL);
	ck_assert_uint_eq(conf.sync_ms, 1000);
	ck_assert(conf.dedup);
}
END_TEST

START_TEST(every_setting_is_read)
{
	ck_assert_int_eq(parse("[tape]\n"
			       "sync = 250ms\n"
			       "commit=manual # why not\n"
			       "commit_scopes = 10\r\n"
			       "\tcommit_bytes = 1M\n"
			       "commit_ms = 2s\n"
			       "blobs = at-commit\n"
			       "blob_budget = 1GiB\n"
			       "blob_store = log\n"
			       "dedup = off\n"
			       "inline_max = 8KiB\n"
			       "embed_max = 0"),
			 0);
	ck_assert_int_eq(conf.sync, SYNC_INTERVAL);
	ck_assert_uint_eq(conf.sync_ms, 250);
	ck_assert_int_eq(conf.commit, COMMIT_MANUAL);
	ck_assert_uint_eq(conf.commit_scopes, 10);
	ck_assert_uint_eq(conf.commit_bytes, 1u << 20);
	ck_assert_uint_eq(conf.commit_ms, 2000);
	ck_assert_int_eq(conf.blobs, BLOBS_AT_COMMIT);
	ck_assert_uint_eq(conf.blob_budget, 1u << 30);
	ck_assert_int_eq(conf.blob_store, STORE_LOG);
	ck_assert(!conf.dedup);
	ck_assert_uint_eq(conf.inline_max, 8192);
	ck_assert_uint_eq(conf.embed_max, 0);
}
END_TEST

START_TEST(sync_is_a_word_or_a_time)
{
	ck_assert_int_eq(parse("[tape]\nsync = none"), 0);
	ck_assert_int_eq(conf.sync, SYNC_NONE);
	ck_assert_int_eq(parse("[tape]\nsync = commit"), 0);
	ck_assert_int_eq(conf.sync, SYNC_COMMIT);
	expect_mistake("[tape]\nsync = 0", "line 2, column 8:", "milliseconds");
	expect_mistake("[tape]\nsync = 86400001", "line 2, column 8:", "milliseconds");
	expect_mistake("[tape]\nsync = -1", "line 2, column 8:", "milliseconds");
	expect_mistake("[tape]\nsync = 18446744073709551617",
		       "line 2, column 8:", "milliseconds");
}
END_TEST

START_TEST(a_mistake_has_a_line_and_a_column_and_the_rest_holds)
{
	expect_mistake("[tape]\n\n  dedup =  sometimes\nsync = none\n",
		       "line 3, column 12:", "off, exact or subset");
	ck_assert_int_eq(conf.sync, SYNC_NONE);
	expect_mistake("[tape]\n dedub = off\nsync = none\n",
		       "line 2, column 2:", "dedub");
	ck_assert_int_eq(conf.sync, SYNC_NONE);
	expect_mistake("[tape]\nsync none\n", "line 2, column 1:", "key = value");
	expect_mistake("[tape]\nsync =\n", "line 2, column 7:", "missing");
}
END_TEST

/* What holds under one label. */
static const struct policy *
under(const char *label)
{
	return rules_policy(&rules, &label, 1, NULL);
}

START_TEST(a_rule_holds_for_its_label_with_its_place)
{
	ck_assert_int_eq(parse("[rule hot one]\n"
			       "every = 10\n"
			       "  when = name=\"a#b\" T>3 # only then\n"
			       "record = on\ncommit = 5\nblobs = at-commit\n"
			       "inline_max = 1K\nembed_max = 0\ndedup = off\n"
			       "exclude = .\ninclude = ^a\n"
			       "label = ^iter$\n"
			       "[tape]\nevery = 2\n[rule b]\nlabel = b\nevery = 4"),
			 0);
	/* Later wins, whatever the section. */
	ck_assert_uint_eq(under("iter")->every, 2);
	ck_assert_uint_eq(under("b")->every, 4);
	ck_assert_uint_eq(under("x")->every, 2);
	ck_assert_str_eq(under("iter")->by[RULE_WHEN]->text, "name=\"a#b\" T>3");
	ck_assert_uint_eq(under("iter")->by[RULE_WHEN]->origin.line, 3);
	ck_assert_uint_eq(under("iter")->by[RULE_WHEN]->origin.column, 10);
	ck_assert_str_eq(under("iter")->by[RULE_WHEN]->origin.section, "hot one");
	ck_assert_uint_eq(under("iter")->commit, 5);
	ck_assert_uint_eq(under("iter")->blobs, BLOBS_AT_COMMIT);
	ck_assert_uint_eq(under("iter")->inline_max, 1024);
	ck_assert_uint_eq(under("iter")->embed_max, 0);
	ck_assert(!under("iter")->dedup && under("x")->dedup);
	ck_assert(rules_keep(&rules, under("iter"), "ab", 2, true, NULL));
	ck_assert(!rules_keep(&rules, under("iter"), "b", 1, true, NULL));
	ck_assert(rules_keep(&rules, under("x"), "b", 1, true, NULL));
}
END_TEST

START_TEST(a_mistake_in_a_rule_leaves_the_whole_file_out)
{
	static const struct {
		const char *rule, *place, *what;
	} bad[] = {
		{ "every = 10", "line 3, column 7:", "has no \"label = REGEX\"" },
		{ "label = (", "line 4, column", "regular expression" },
		{ "label = \"a\"\nevery = 2", "line 4, column 9:", "without quotes" },
		{ "label = a\n[rule z\nlabel = z", "line 5, column 7:", "]" },
		{ "label = a\nevery = 0", "line 5, column 9:", "number of scopes" },
		{ "label = a\nrequire = {T: x}",
		  "line 5, column 15:", "expected a type" },
		{ "label = a\nrequires = p", "line 5, column 1:", "requires" },
		{ "label = a\ndedup = subsets", "line 5, column 9:", "off, exact or" },
		{ "label = a\nwhen = T>1 and (", "line 5, column", "" },
		{ "label = a\nwhen = _seq=3", "line 5, column 8:", "no place" },
		{ "label = a\nexclude = x[", "line 5, column", "regular expression" },
		{ "label = a\nlabel = b", "line 5, column 1:", "one label" },
		{ "label = a\nsync = none", "line 5, column 1:", "sync" },
		{ "label =", "line 4, column", "missing" },
		{ "label", "line 4, column 1:", "key = value" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[400];

		snprintf(
			text, sizeof text,
			"[tape]\nsync = none\n[rule x]\n%s\n[rule y]\nlabel = y\nevery = "
			"2\n",
			bad[i].rule);
		expect_mistake(text, bad[i].place, bad[i].what);
		ck_assert_ptr_nonnull(strstr(err.message, "without this file"));
		ck_assert_int_eq(conf.sync, SYNC_INTERVAL);
		ck_assert_uint_eq(under("y")->every, 1);
	}
	expect_mistake("[rule]\nlabel = a\n", "line 1, column", "name");
}
END_TEST

START_TEST(the_environment_has_settings_for_all_labels)
{
	ck_assert_int_eq(parse("[rule a]\nlabel = a\nevery = 7\ndedup = exact\n"), 0);
	setenv("TAPE_EVERY", "5", 1);
	setenv("TAPE_EXCLUDE", "^_", 1);
	setenv("TAPE_DEDUP", "off", 1);
	ck_assert_int_eq(conf_environment(&conf, &rules, &err), 0);
	ck_assert_uint_eq(under("a")->every, 5);
	ck_assert(!under("a")->dedup);
	/* Not for a label: what is named in the call stays. */
	ck_assert(!rules_keep(&rules, under("a"), "_x", 2, false, NULL));
	ck_assert(rules_keep(&rules, under("a"), "_x", 2, true, NULL));
	setenv("TAPE_EVERY", "often", 1);
	ck_assert_int_eq(conf_environment(&conf, &rules, &err), TAPE_ERR_SYNTAX);
	ck_assert_ptr_nonnull(strstr(err.message, "TAPE_EVERY"));
	unsetenv("TAPE_EVERY");
	unsetenv("TAPE_EXCLUDE");
	unsetenv("TAPE_DEDUP");
}
END_TEST

START_TEST(sections_that_are_not_known_are_said_and_skipped)
{
	expect_mistake("[tape]\nsync = none\n[tap]\nsync = commit\n",
		       "line 3, column 2:", "[tap]");
	ck_assert_int_eq(conf.sync, SYNC_NONE);
	expect_mistake("sync = none\n", "line 1, column 1:", "[tape]");
	expect_mistake("[tape\n", "line 1,", "]");
}
END_TEST

START_TEST(sizes_have_bounds)
{
	ck_assert_int_eq(parse("[tape]\ninline_max = 1M"), 0);
	expect_mistake("[tape]\ninline_max = 1048577", "line 2,", "up to 1M");
	expect_mistake("[tape]\nembed_max = 17M", "line 2,", "up to 16M");
	expect_mistake("[tape]\ncommit_bytes = 0", "line 2,", "64M");
	expect_mistake("[tape]\nblob_budget = 99999999999G", "line 2,", "size");
	expect_mistake("[tape]\nblob_budget = 1X", "line 2,", "size");
}
END_TEST

START_TEST(bytes_of_any_kind_are_no_crash)
{
	static const char text[] = "[tape]\n\0\xff\xfe=\0\n[\n]\n[]\n=\n= =\nsync\0=none";

	conf_defaults(&conf);
	ck_assert_int_lt(conf_parse(text, sizeof text - 1, "f", &conf, &rules, &err), 0);
	for (size_t len = 0; len < sizeof text; len++)
		(void)conf_parse(text, len, "f", &conf, &rules, &err);
	ck_assert_int_eq(parse("\xef\xbb\xbf[tape]\nsync = none"), 0);
	ck_assert_int_eq(conf.sync, SYNC_NONE);
}
END_TEST

START_TEST(the_environment_has_the_same_settings)
{
	conf_defaults(&conf);
	setenv("TAPE_SYNC", "commit", 1);
	setenv("TAPE_EMBED_MAX", "1K", 1);
	ck_assert_int_eq(conf_environment(&conf, &rules, &err), 0);
	ck_assert_int_eq(conf.sync, SYNC_COMMIT);
	ck_assert_uint_eq(conf.embed_max, 1024);
	setenv("TAPE_SYNC", "soon", 1);
	ck_assert_int_eq(conf_environment(&conf, &rules, &err), TAPE_ERR_SYNTAX);
	ck_assert_ptr_nonnull(strstr(err.message, "TAPE_SYNC"));
	unsetenv("TAPE_SYNC");
	unsetenv("TAPE_EMBED_MAX");
}
END_TEST

START_TEST(a_variable_that_is_misspelt_by_a_letter_is_said)
{
	static const char *const bad[][2] = {
		{ "TAPE_SNYC", "TAPE_SYNC?" },	    { "TAPE_SYN", "TAPE_SYNC?" },
		{ "TAPE_SYNCS", "TAPE_SYNC?" },	    { "TAPE_DEDUB", "TAPE_DEDUP?" },
		{ "TAPE_EVRY", "TAPE_EVERY?" },	    { "TAPE_YSNC", "TAPE_SYNC?" },
		{ "TAPE_INLINE_MA", "INLINE_MAX" }, { "TAPE_REQIURE", "TAPE_REQUIRE?" },
	};
	static const char *const fine[] = { "TAPE_DIR",	   "TAPE_",   "TAPE",
					    "TAPE_SYNCED", "MY_SYNC", "TAPE_MESH" };

	conf_defaults(&conf);
	for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
		setenv(fine[i], "x", 1);
	ck_assert_int_eq(conf_environment(&conf, &rules, &err), 0);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		setenv(bad[i][0], "none", 1);
		ck_assert_int_eq(conf_environment(&conf, &rules, &err), TAPE_ERR_SYNTAX);
		ck_assert_msg(strstr(err.message, bad[i][0]) != NULL &&
				      strstr(err.message, bad[i][1]) != NULL,
			      "%s", err.message);
		unsetenv(bad[i][0]);
	}
	for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
		unsetenv(fine[i]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("conf");
	TCase *tc = tcase_create("all");

	tcase_add_test(tc, an_empty_file_changes_nothing);
	tcase_add_test(tc, every_setting_is_read);
	tcase_add_test(tc, sync_is_a_word_or_a_time);
	tcase_add_test(tc, a_mistake_has_a_line_and_a_column_and_the_rest_holds);
	tcase_add_test(tc, sections_that_are_not_known_are_said_and_skipped);
	tcase_add_test(tc, a_rule_holds_for_its_label_with_its_place);
	tcase_add_test(tc, a_mistake_in_a_rule_leaves_the_whole_file_out);
	tcase_add_test(tc, the_environment_has_settings_for_all_labels);
	tcase_add_test(tc, sizes_have_bounds);
	tcase_add_test(tc, bytes_of_any_kind_are_no_crash);
	tcase_add_test(tc, the_environment_has_the_same_settings);
	tcase_add_test(tc, a_variable_that_is_misspelt_by_a_letter_is_said);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
