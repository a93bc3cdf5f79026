/* SPDX-License-Identifier: Apache-2.0 */
/* tape.conf and TAPE_* of the environment. */
#include "librecord/conf.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"

static struct conf conf;
static struct tape_error err;

static int
parse(const char *text)
{
	conf_defaults(&conf);
	memset(&err, 0, sizeof err);
	return conf_parse(text, strlen(text), "tape.conf", &conf, &err);
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
		ck_assert_int_eq(
			conf_parse(empty[i], strlen(empty[i]), "tape.conf", &conf, &err),
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
		       "line 3, column 12:", "off or exact");
	ck_assert_int_eq(conf.sync, SYNC_NONE);
	expect_mistake("[tape]\n dedub = off\nsync = none\n",
		       "line 2, column 2:", "dedub");
	ck_assert_int_eq(conf.sync, SYNC_NONE);
	expect_mistake("[tape]\nsync none\n", "line 2, column 1:", "key = value");
	expect_mistake("[tape]\nsync =\n", "line 2, column 7:", "missing");
}
END_TEST

START_TEST(sections_of_later_versions_are_said_and_skipped)
{
	expect_mistake("[rule hot]\nlabel = iter\nevery = 10\n[tape]\nsync = none\n",
		       "line 1, column 2:", "rule");
	ck_assert_int_eq(conf.sync, SYNC_NONE);
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
	ck_assert_int_lt(conf_parse(text, sizeof text - 1, "f", &conf, &err), 0);
	for (size_t len = 0; len < sizeof text; len++)
		(void)conf_parse(text, len, "f", &conf, &err);
	ck_assert_int_eq(parse("\xef\xbb\xbf[tape]\nsync = none"), 0);
	ck_assert_int_eq(conf.sync, SYNC_NONE);
}
END_TEST

START_TEST(the_environment_has_the_same_settings)
{
	conf_defaults(&conf);
	setenv("TAPE_SYNC", "commit", 1);
	setenv("TAPE_EMBED_MAX", "1K", 1);
	ck_assert_int_eq(conf_environment(&conf, &err), 0);
	ck_assert_int_eq(conf.sync, SYNC_COMMIT);
	ck_assert_uint_eq(conf.embed_max, 1024);
	setenv("TAPE_SYNC", "soon", 1);
	ck_assert_int_eq(conf_environment(&conf, &err), TAPE_ERR_SYNTAX);
	ck_assert_ptr_nonnull(strstr(err.message, "TAPE_SYNC"));
	unsetenv("TAPE_SYNC");
	unsetenv("TAPE_EMBED_MAX");
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
	tcase_add_test(tc, sections_of_later_versions_are_said_and_skipped);
	tcase_add_test(tc, sizes_have_bounds);
	tcase_add_test(tc, bytes_of_any_kind_are_no_crash);
	tcase_add_test(tc, the_environment_has_the_same_settings);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
