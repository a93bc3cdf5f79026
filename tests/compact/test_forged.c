/* SPDX-License-Identifier: Apache-2.0 */
/* Generations that are consistent and say something false. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/os.h"
#include "tape/compact.h"
#include "tape/search.h"
#include "tests/support/forged.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

static void
compact(uint32_t flags)
{
	struct tape_compact_options o = { .size = sizeof o, .flags = flags, .jobs = 1 };
	struct tape_error err = { 0 };

	ck_assert_msg(tape_compact(recording_dir, &o, NULL, &err) == 0, "%s %s", err.file,
		      err.message);
}

/* ---- a MANIFEST ---- */

static void
replace_everything(void *user, int dir, struct generation_manifest *m)
{
	(void)user;
	(void)dir;
	ck_assert_uint_eq(m->input_count, 1);
	m->inputs[0].log_count = INT32_MAX - 1;
	m->inputs[0].blob_count = INT32_MAX - 1;
}

static unsigned long calls;

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

START_TEST(nobody_counts_to_what_a_manifest_says)
{
	struct tape *t = recording_open("sync=none");
	char *kept = NULL;
	size_t len = 0;
	FILE *ls;

	ck_assert_int_eq(recording_put(t, 1), 0);
	ck_assert_int_eq(tape_close(t), 0);
	ls = popen("ls -d run.tape/sessions/*", "r");
	ck_assert_int_gt(getline(&kept, &len, ls), 0);
	pclose(ls);
	kept[strcspn(kept, "\n")] = '\0';
	compact(0);
	forged_generation(recording_dir, replace_everything, NULL);
	/* What a run did not get to. */
	ck_assert_int_eq(mkdir("run.tape/sessions", 0777) == 0 ||
				 access("run.tape/sessions", F_OK) == 0,
			 1);
	ck_assert_int_eq(mkdir(kept, 0777), 0);
	ck_assert_int_eq(chdir(kept), 0);
	ck_assert_int_eq(system("touch 000000.log 000007.log 000003.blob"), 0);
	ck_assert_int_eq(chdir("../../.."), 0);
	os_fault_set(count_call, NULL);
	compact(0);
	os_fault_set(NULL, NULL);
	ck_assert_uint_lt(calls, 1000);
	ck_assert_int_ne(access(kept, F_OK), 0);
	free(kept);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("forged");
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, nobody_counts_to_what_a_manifest_says);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
