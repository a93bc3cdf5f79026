/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of the frames of raw segments for links that come: how often files are read for them. */
#include <stdlib.h>

#include "format/os.h"
#include "search/reader.h"
#include "tests/support/reading.h"
#include "tests/support/reads.h"
#include "tests/support/suite.h"
#include "tests/support/tmpdir.h"

#define FRAMES 200u
#define FAR 100u
/* Room for a tenth of the frames, or for what a query wants of all of them. */
#define ROOM 65536u

static void
make_line(struct form *f, uint32_t number, uint32_t line)
{
	const char *labels[] = { "run", "step" };
	struct form_var vars[] = {
		{ .name = "x", .name_len = 1, .unit = "K", .type = TAPE_F64 },
		{ .name = "y", .name_len = 1, .unit = "", .type = TAPE_I64 },
	};

	ck_assert_int_eq(
		form_build(number, "a.c", line, "main", labels, 2, vars, 2, f, NULL), 0);
}

/* In a frame of its own, behind 50 of another label: a scope, and a link `back` frames before. */
static void
make_frame(unsigned i, const struct form *crowd, const struct form *link, unsigned back)
{
	static uint64_t first[FRAMES];
	struct tape_value v[] = { testwriter_f64(0), testwriter_i64(-1) };

	for (unsigned k = 0; k < 50; k++)
		(void)testwriter_scope(&w, crowd, v, NULL, 1);
	first[i] = put(i, i);
	if (i > 0)
		(void)testwriter_link(&w, link, first[i > back ? i - back : 0], 2);
	testwriter_group(&w);
}

static void
make_tape(const struct form *link, unsigned back)
{
	struct form crowd;

	make_form(&crowd, 2, "crowd");
	begin(0, 1);
	testwriter_form(&w, &form);
	testwriter_form(&w, &crowd);
	if (link != &form)
		testwriter_form(&w, link);
	for (unsigned i = 0; i < FRAMES; i++)
		make_frame(i, &crowd, link, back);
	testwriter_end(&w, END_CLOSED);
	save();
	form_release(&crowd);
}

/* Walks, with a look at each scope's y or without: how often something is read. */
static unsigned
reads_of(const char *text, bool look, unsigned scopes)
{
	struct tape_reader *reader = open_tape();
	struct tape_query *query;
	struct tape_cursor *cursor;
	const struct tape_scope *s;
	unsigned n = 0;

	reader->raw_cache = ROOM;
	cursor = find(reader, &query, text, NULL);
	atomic_store(&reads, 0);
	os_fault_set(count_reads, NULL);
	while (tape_cursor_next(cursor, &s, NULL) == 1) {
		n++;
		if (look)
			ck_assert_int_eq(tape_scope_var(s, 1).value->as.i,
					 (int64_t)tape_scope_var(s, 0).value->as.f);
	}
	os_fault_set(NULL, NULL);
	ck_assert_uint_eq(n, scopes);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	ck_assert_uint_eq(damage + notes, 0);
	return atomic_load(&reads);
}

START_TEST(links_far_back_find_what_was_walked_over_without_reading_it_again)
{
	unsigned walk;

	make_tape(&form, FAR);
	walk = reads_of("step", false, 2 * FRAMES - 1);
	/* Frames are kept from the first link on: it, and one to its own, read. */
	ck_assert_uint_le(reads_of("step", true, 2 * FRAMES - 1), walk + 2);
}
END_TEST

START_TEST(links_to_scopes_that_are_not_asked_for_find_whole_frames)
{
	struct form link;
	unsigned walk;

	make_line(&link, 3, 2);
	make_tape(&link, 2);
	form_release(&link);
	walk = reads_of("_line=2", false, FRAMES - 1);
	ck_assert_uint_le(reads_of("_line=2", true, FRAMES - 1), walk + 5);
}
END_TEST

START_TEST(frames_that_are_wanted_whole_are_kept_whole)
{
	unsigned walk;

	make_tape(&form, 2);
	walk = reads_of("", false, 52 * FRAMES - 1);
	ck_assert_uint_le(reads_of("step", true, 2 * FRAMES - 1), walk + 2);
	ck_assert_uint_le(reads_of("y=0..", true, 2 * FRAMES - 1), walk + 2);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("raw_cache");
	TCase *tcase = tcase_create("raw_cache");

	tcase_add_checked_fixture(tcase, reading_setup, reading_teardown);
	tcase_add_test(tcase,
		       links_far_back_find_what_was_walked_over_without_reading_it_again);
	tcase_add_test(tcase, links_to_scopes_that_are_not_asked_for_find_whole_frames);
	tcase_add_test(tcase, frames_that_are_wanted_whole_are_kept_whole);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
