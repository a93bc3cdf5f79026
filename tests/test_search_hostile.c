/* SPDX-License-Identifier: Apache-2.0 */
/* Tapes that somebody made on purpose: every checksum is right, and nothing else need be. */
#include <stdlib.h>
#include <string.h>

#include "format/le.h"
#include "format/limits.h"
#include "tests/support/reading.h"
#include "tests/support/suite.h"

START_TEST(records_too_short_for_scopes_leave_the_others_in_their_place)
{
	uint8_t none[1] = { 0 };

	begin(0, 1);
	testwriter_form(&w, &form);
	testwriter_group(&w);
	for (int i = 0; i < 200; i++)
		testwriter_record(&w, RECORD_SCOPE, 1, none, 0);
	put(5, 201);
	testwriter_group(&w);
	testwriter_link(&w, &form, 201, 0);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	ck_assert_str_eq(seqs("y=201", NULL), "201 202");
	ck_assert_uint_eq(damage, 200);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("search_hostile");
	TCase *tcase = tcase_create("search_hostile");

	tcase_add_checked_fixture(tcase, reading_setup, reading_teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase,
		       records_too_short_for_scopes_leave_the_others_in_their_place);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
