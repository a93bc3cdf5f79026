/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of a session that is compacted while it goes on are there once. */
#include <string.h>

#include "tape/compact.h"
#include "tape/search.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"
#include "tests/support/testwriter.h"

/* A segment without scopes, of a session on a machine that cannot be asked. */
static void
save(uint32_t number, const char *note, bool over)
{
	struct testwriter w;

	testwriter_begin(&w, testwriter_session_a, number, false, 1);
	testwriter_first_group(&w, "none");
	if (note != NULL) {
		testwriter_note(&w, "user.colour", note);
		testwriter_group(&w);
	}
	if (over)
		testwriter_end(&w, END_ROLLED);
	testwriter_save(&w, recording_dir);
	testwriter_release(&w);
}

static void
compact(uint32_t flags)
{
	struct tape_compact_options o = { .size = sizeof o, .flags = flags, .jobs = 1 };
	struct tape_error err = { 0 };

	ck_assert_msg(tape_compact(recording_dir, &o, NULL, &err) == 0, "%s %s", err.file,
		      err.message);
}

static void
check_notes(size_t count)
{
	struct tape_reader *reader;
	struct tape_info *info;
	size_t found = 0;

	ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, NULL), 0);
	ck_assert_int_eq(tape_info_read(reader, &info, NULL), 0);
	for (size_t i = 0; i < info->note_count; i++)
		found += strcmp(info->notes[i].key, "colour") == 0 ||
			 strcmp(info->notes[i].key, "user.colour") == 0;
	ck_assert_uint_eq(found, count);
	tape_info_free(info);
	tape_reader_close(reader);
}

START_TEST(notes_in_segments_without_scopes_are_taken_once)
{
	testwriter_tape(recording_dir, 1);
	save(0, "red", true);
	save(1, "green", false);
	check_notes(2);
	compact(0);
	check_notes(2);
	save(1, "green", true);
	save(2, "blue", false);
	check_notes(3);
	compact(0);
	check_notes(3);
	save(2, "blue", true);
	save(3, NULL, false);
	compact(0);
	check_notes(3);
	compact(TAPE_COMPACT_FULL);
	check_notes(3);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("notes");
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, notes_in_segments_without_scopes_are_taken_once);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
