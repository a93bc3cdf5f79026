/* SPDX-License-Identifier: Apache-2.0 */
/* Reading tapes that are damaged, torn or strange: the table of docs/format/segment.md section 7. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "format/hash.h"
#include "format/os.h"
#include "format/path.h"
#include "tests/support/reading.h"
#include "tests/support/suite.h"

/* ---- damage ---- */

START_TEST(a_damaged_frame_hides_its_scopes_alone_and_is_told_once)
{
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor;
	uint64_t count = 0;

	begin(0, 1);
	testwriter_form(&w, &form);
	testwriter_group(&w);
	for (int i = 1; i <= 3; i++) {
		put(i, i);
		testwriter_group(&w);
		if (i == 2)
			w.data[w.len - 1] ^= 1;
	}
	testwriter_end(&w, END_CLOSED);
	save();
	reader = open_tape();
	for (int i = 0; i < 3; i++) {
		cursor = find(reader, &query, "run", NULL);
		ck_assert_int_eq(tape_cursor_count(cursor, &count, NULL), 0);
		ck_assert_uint_eq(count, 2);
		tape_cursor_close(cursor);
		tape_query_free(query);
	}
	ck_assert_uint_eq(tape_reader_damage(reader), 1);
	ck_assert_uint_eq(damage, 1);
	ck_assert_ptr_nonnull(strstr(last_report, "000000.log"));
	tape_reader_close(reader);
}
END_TEST

START_TEST(a_later_segment_wins_where_seqs_repeat)
{
	begin(0, 1);
	testwriter_form(&w, &form);
	for (int i = 1; i <= 4; i++) {
		put(i, i);
		testwriter_group(&w);
	}
	save();
	begin(1, 3);
	testwriter_form(&w, &form);
	put(30, 30);
	put(40, 40);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	ck_assert_str_eq(seqs("", NULL), "1 2 3 4");
	ck_assert_str_eq(seqs("y=30..", NULL), "3 4");
	ck_assert_str_eq(seqs("y=3,4", NULL), "");
	ck_assert_uint_eq(damage, 0);
}
END_TEST

START_TEST(missing_segments_and_seqs_are_damage)
{
	begin(0, 1);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_group(&w);
	testwriter_end(&w, END_ROLLED);
	save();
	begin(2, 5);
	testwriter_form(&w, &form);
	put(5, 5);
	testwriter_group(&w);
	w.seq = 8;
	put(8, 8);
	testwriter_group(&w);
	save();
	ck_assert_str_eq(seqs("", NULL), "1 5 8");
	ck_assert_uint_eq(damage, 2);
}
END_TEST

START_TEST(a_torn_tail_is_silent_while_its_writer_may_live)
{
	begin(0, 1);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_group(&w);
	put(2, 2);
	testwriter_group(&w);
	w.len -= 3;
	save();
	ck_assert_str_eq(seqs("", NULL), "1");
	ck_assert_uint_eq(damage + notes, 0);
}
END_TEST

START_TEST(a_torn_tail_of_a_dead_writer_is_a_note)
{
	begin_killed(0, 1);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_group(&w);
	put(2, 2);
	testwriter_group(&w);
	w.len -= 3;
	save();
	ck_assert_str_eq(seqs("", NULL), "1");
	ck_assert_uint_eq(damage, 0);
	ck_assert_uint_eq(notes, 2); /* killed, and the tail */
}
END_TEST

START_TEST(a_group_without_its_end_is_never_shown)
{
	begin_killed(0, 1);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_group(&w);
	put(2, 2);
	testwriter_frame(&w, FRAME_FIRST);
	put(3, 3);
	testwriter_frame(&w, 0);
	save();
	ck_assert_str_eq(seqs("", NULL), "1");
	ck_assert_uint_eq(damage, 0);
}
END_TEST

static void
make_link_to_nowhere(bool closed, bool marked)
{
	if (closed)
		begin(0, 5);
	else
		begin_killed(0, 5);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_link(&w, &form, 3, 0);
	testwriter_group(&w);
	if (marked) {
		testwriter_mark(&w);
		testwriter_group(&w);
	}
	if (closed)
		testwriter_end(&w, END_CLOSED);
	save();
}

START_TEST(a_link_without_target_is_shown_as_lost)
{
	struct tape_reader *reader;
	struct tape_query *query;
	struct tape_cursor *cursor;
	const struct tape_scope *s;

	make_link_to_nowhere(true, false);
	ck_assert_str_eq(seqs("_link=any", NULL), "6");
	ck_assert_uint_eq(damage, 2); /* the link, and the seqs before 5 */
	reader = open_tape();
	cursor = find(reader, &query, "_link=any", NULL);
	ck_assert_int_eq(tape_cursor_next(cursor, &s, NULL), 1);
	ck_assert_int_eq(tape_scope_var(s, 0).value->type, TAPE_ABSENT);
	ck_assert_int_eq(tape_scope_var(s, 0).value->absent, TAPE_LOST);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
}
END_TEST

START_TEST(beyond_the_last_mark_of_a_killed_session_loss_is_a_note)
{
	make_link_to_nowhere(false, false);
	(void)seqs("_link=any _seq=6", NULL);
	ck_assert_uint_eq(damage, 1); /* the seqs before 5 */
	ck_assert_uint_eq(notes, 2);  /* killed, and the link */
}
END_TEST

START_TEST(below_the_last_mark_of_a_killed_session_loss_is_damage)
{
	make_link_to_nowhere(false, true);
	(void)seqs("_link=any _seq=6", NULL);
	ck_assert_uint_eq(damage, 2);
	ck_assert_uint_eq(notes, 1);
}
END_TEST

START_TEST(links_that_do_not_fit_are_damage_and_end)
{
	struct form other = { 0 };

	make_form(&other, 2, "other");
	begin(0, 1);
	testwriter_form(&w, &form);
	testwriter_form(&w, &other);
	put(1, 1);
	testwriter_link(&w, &form, 2, 0);  /* itself */
	testwriter_link(&w, &form, 4, 0);  /* later */
	testwriter_link(&w, &form, 3, 0);  /* a link */
	testwriter_link(&w, &other, 1, 0); /* other labels */
	testwriter_projection(&w, &form, 6, 0);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	form_release(&other);
	ck_assert_str_eq(seqs("", NULL), "1 2 3 4 5 6");
	ck_assert_uint_eq(damage, 5);
	damage = 0;
	ck_assert_str_eq(seqs("x=1", NULL), "1");
}
END_TEST

START_TEST(what_a_reader_does_not_know_is_skipped_or_refused)
{
	begin(0, 1);
	testwriter_form(&w, &form);
	put(1, 1);
	testwriter_record(&w, 200, 0, "later", 5);
	put(2, 2);
	testwriter_group(&w);
	put(3, 3);
	testwriter_record(&w, 100, 0, "unknown", 7);
	testwriter_group(&w);
	testwriter_scope_bytes(&w, 9, "", 0);
	testwriter_scope_bytes(&w, 1, "short", 5);
	put(6, 6);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	save();
	ck_assert_str_eq(seqs("", NULL), "1 2 6");
	ck_assert_uint_eq(damage, 3); /* kind 100, form 9, the short body */
}
END_TEST

static size_t
read_segment(uint8_t **out)
{
	char path[4096], id[TAPE_SESSION_TEXT];
	struct stat st;
	FILE *f;

	tape_session_text(testwriter_session_a, id);
	(void)snprintf(path, sizeof path, "%s/sessions/%s/000000.log", dir, id);
	ck_assert_int_eq(stat(path, &st), 0);
	*out = malloc((size_t)st.st_size);
	f = fopen(path, "rb");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fread(*out, 1, (size_t)st.st_size, f), (size_t)st.st_size);
	fclose(f);
	return (size_t)st.st_size;
}

static void
write_segment(const uint8_t *data, size_t len)
{
	char path[100], id[TAPE_SESSION_TEXT];

	tape_session_text(testwriter_session_a, id);
	(void)snprintf(path, sizeof path, "sessions/%s/000000.log", id);
	testwriter_file(dir, path, data, len);
}

/* Positions found whose values are not what was recorded there. */
static unsigned
wrong_values(uint64_t *found)
{
	struct tape_reader *reader = open_tape();
	struct tape_query *query;
	struct tape_cursor *cursor = find(reader, &query, "y=1..", NULL);
	const struct tape_scope *s;
	unsigned wrong = 0;
	int r;

	*found = 0;
	while ((r = tape_cursor_next(cursor, &s, NULL)) == 1) {
		int64_t y = (int64_t)tape_scope_pos(s).seq;

		if (y == 4)
			y = 1; /* the link */
		++*found;
		wrong += tape_scope_var(s, 1).value->as.i != y ||
			 tape_scope_var(s, 0).value->as.f != (double)y;
	}
	ck_assert_int_eq(r, 0);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return wrong;
}

static size_t
make_small(uint8_t **data)
{
	begin(0, 1);
	testwriter_form(&w, &form);
	for (int i = 1; i <= 5; i++) {
		if (i == 4)
			testwriter_link(&w, &form, 1, 0);
		else
			put(i, i);
		if (i != 2)
			testwriter_group(&w);
	}
	testwriter_end(&w, END_CLOSED);
	save();
	return read_segment(data);
}

START_TEST(a_segment_cut_at_any_byte_shows_a_prefix)
{
	uint8_t *data;
	size_t len = make_small(&data);
	uint64_t found, before = 5;

	for (size_t cut = len; cut-- > 0;) {
		write_segment(data, cut);
		ck_assert_uint_eq(wrong_values(&found), 0);
		ck_assert_uint_le(found, before);
		before = found;
		ck_assert_uint_eq(damage, 0);
	}
	ck_assert_uint_eq(before, 0);
	free(data);
}
END_TEST

START_TEST(no_flipped_bit_gives_a_wrong_value_or_goes_unnoticed)
{
	uint8_t *data;
	size_t len = make_small(&data);
	uint64_t found;

	for (size_t i = 0; i < len * 8; i += (size_t)suite_step(3)) {
		data[i / 8] ^= (uint8_t)(1u << i % 8);
		write_segment(data, len);
		damage = notes = 0;
		ck_assert_uint_eq(wrong_values(&found), 0);
		ck_assert_msg(found == 5 || damage + notes > 0, "bit %zu: %u found", i,
			      (unsigned)found);
		data[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	free(data);
}
END_TEST

/* A scope of every width, a link and a projection to it, a blob record. */
static void
make_rich(void)
{
	const char *labels[] = { "run", "rich" };
	struct form_var vars[] = {
		{ .name = "a", .name_len = 1, .unit = "", .type = TAPE_ARRAY_T },
		{ .name = "b",
		  .name_len = 1,
		  .unit = "",
		  .type = TAPE_BYTES_T,
		  .store = 1 },
		{ .name = "s", .name_len = 1, .unit = "", .type = TAPE_STR },
		{ .name = "t", .name_len = 1, .unit = "", .type = TAPE_BOOL },
	};
	struct form rich = { 0 }, part = { 0 };
	static uint8_t bytes[200];
	double a[12] = { 1, 2, 3 };
	uint64_t dims[] = { 3, 4 };
	struct body_hint hints[4] = { 0 };
	struct tape_value v[] = { testwriter_array(TAPE_F8, a, 2, dims, true),
				  testwriter_bytes_value(TAPE_BYTES_T, bytes,
							 sizeof bytes),
				  testwriter_text("some text"),
				  { .type = TAPE_BOOL, .as.i = 1 } };

	ck_assert_int_eq(form_build(2, "a.c", 1, "main", labels, 2, vars, 4, &rich, NULL),
			 0);
	ck_assert_int_eq(
		form_build(3, "a.c", 1, "main", labels, 2, vars + 2, 1, &part, NULL), 0);
	begin(0, 1);
	hints[1] = testwriter_blob(&w, bytes, sizeof bytes);
	testwriter_frame_kind(&w, FRAME_BLOBS, FRAME_FIRST | FRAME_LAST);
	testwriter_form(&w, &form);
	testwriter_form(&w, &rich);
	testwriter_form(&w, &part);
	put(1, 1);
	testwriter_scope(&w, &rich, v, hints, 0);
	testwriter_projection(&w, &part, 2, 0);
	testwriter_group(&w);
	testwriter_link(&w, &rich, 2, 0);
	testwriter_link(&w, &part, 3, 0);
	testwriter_mark(&w);
	testwriter_group(&w);
	testwriter_end(&w, END_CLOSED);
	form_release(&rich);
	form_release(&part);
}

static void
read_everything(const char *text, uint32_t flags)
{
	struct tape_find_options options = { .size = sizeof options, .flags = flags };
	struct tape_reader *reader = open_tape();
	struct tape_query *query;
	struct tape_cursor *cursor = find(reader, &query, text, &options);
	const struct tape_scope *s;
	uint8_t buf[64];

	while (tape_cursor_next(cursor, &s, NULL) == 1) {
		(void)tape_scope_hash(s);
		for (size_t i = 0; i < tape_scope_var_count(s); i++) {
			struct tape_blob *blob = NULL;

			(void)tape_scope_var(s, i);
			if (tape_blob_open(s, i, &blob, NULL) == 0)
				(void)!tape_blob_read(blob, buf, sizeof buf, 0, NULL);
			tape_blob_close(blob);
		}
	}
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
}

/* Offsets of the frames of w, which are all whole. */
static size_t
list_frames(size_t *offsets, size_t cap)
{
	size_t at = SEGMENT_HEADER, count = 0;
	struct frame frame;

	while (at < w.len && count < cap &&
	       frame_header_read(&w.key, w.data + at, at, &frame)) {
		offsets[count++] = at;
		at += FRAME_HEADER + frame.payload_bytes;
	}
	ck_assert_uint_eq(at, w.len);
	return count;
}

/* Changed bytes under right checksums: anything may be shown, nothing may break. */
START_TEST(forged_bytes_break_nothing)
{
	static const char *const queries[] = { "", "s~e t=true", "_hash=0 or a.min=1.." };
	unsigned seed = suite_seed();
	size_t offsets[16], count, len;
	uint8_t *good;

	make_rich();
	count = list_frames(offsets, 16);
	len = w.len;
	good = malloc(len);
	ck_assert_ptr_nonnull(good);
	memcpy(good, w.data, len);
	for (int i = 0; i < 1500; i++) {
		size_t frame = (size_t)rand_r(&seed) % count;
		size_t end = frame + 1 == count ? len : offsets[frame + 1];
		size_t from =
			offsets[frame] + (rand_r(&seed) % 4 == 0 ? 8 : FRAME_HEADER);
		struct tape_reader *reader;
		struct tape_info *info = NULL;

		memcpy(w.data, good, len);
		for (int k = rand_r(&seed) % 3; k >= 0 && end > from; k--)
			w.data[from + (size_t)rand_r(&seed) % (end - from)] =
				(uint8_t)(rand_r(&seed) % 3 == 0 ? 255 : rand_r(&seed));
		/* The length must stay, or the writer would read past the frame. */
		memcpy(w.data + offsets[frame] + 12, good + offsets[frame] + 12, 4);
		testwriter_reseal(&w, offsets[frame]);
		testwriter_save(&w, dir);
		read_everything(queries[i % 3],
				i % 2 == 0 ? TAPE_FIND_ALL : TAPE_FIND_REVERSE);
		reader = open_tape();
		if (tape_info_read(reader, &info, NULL) == 0)
			tape_info_free(info);
		tape_reader_close(reader);
	}
	free(good);
}
END_TEST

/* ---- system calls that fail ---- */

struct fault {
	long left; /* calls until one fails; then below 0 */
	int error;
	bool forever;
};

static int
fail_nth(void *user, enum os_call call, const char *path, size_t *limit)
{
	struct fault *fault = user;

	(void)call;
	(void)path;
	(void)limit;
	fault->left--;
	return fault->left == -1 || (fault->forever && fault->left < 0) ? fault->error
									: 0;
}

/* How many scopes were found, or an error. */
static int
count_all(uint64_t *count)
{
	struct tape_reader_options options = { .size = sizeof options,
					       .on_report = on_report,
					       .user = NULL };
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *s;
	int r = tape_reader_open(dir, &options, &reader, NULL);

	*count = 0;
	if (r == 0)
		r = tape_query_compile("y=1..", &query, NULL);
	if (r == 0)
		r = tape_find(reader, query, NULL, &cursor, NULL);
	while (r == 0 && (r = tape_cursor_next(cursor, &s, NULL)) == 1) {
		r = 0;
		++*count;
		if (tape_scope_var(s, 1).value->type != TAPE_I64)
			damage += tape_reader_damage(reader) == 0;
	}
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return r;
}

/* Once and for ever, at each call until a run needs no more of them. */
START_TEST(a_failed_call_is_an_error_a_report_or_the_whole_answer)
{
	static const int errors[] = { EIO, ENOMEM, EACCES, EMFILE, ENOENT };
	uint8_t *data;
	uint64_t count;

	(void)make_small(&data);
	free(data);
	for (size_t e = 0; e < 2 * sizeof errors / sizeof errors[0]; e++) {
		struct fault fault = { .left = 0 };

		for (long n = 0;; n++) {
			int r;

			fault = (struct fault){ n, errors[e / 2], e % 2 != 0 };
			damage = notes = 0;
			os_fault_set(fail_nth, &fault);
			r = count_all(&count);
			os_fault_set(NULL, NULL);
			if (fault.left >= 0)
				break;
			/* A directory that is gone is like one that was never there. */
			ck_assert_msg(r < 0 || damage > 0 || count == 5 ||
					      fault.error == ENOENT,
				      "call %ld, error %d: %u found", n, fault.error,
				      (unsigned)count);
		}
		ck_assert_uint_eq(count, 5);
	}
}
END_TEST

/* Fails what is done to files of a name, or reads, once or always. */
struct unreadable {
	enum os_call call;
	const char *name; /* part of the path, or NULL = any */
	long nth;	  /* which of these calls, from 0; below 0 = all */
	long seen;
};

static int
fail_file(void *user, enum os_call call, const char *path, size_t *limit)
{
	struct unreadable *u = user;

	(void)limit;
	if (call != u->call ||
	    (u->name != NULL && (path == NULL || strstr(path, u->name) == NULL)))
		return 0;
	return u->nth < 0 || u->seen++ == u->nth ? EIO : 0;
}

/* Two segments of two scopes each. */
static void
make_two(void)
{
	for (uint32_t k = 0; k < 2; k++) {
		begin(k, 1 + 2 * k);
		testwriter_form(&w, &form);
		for (int i = 1; i <= 2; i++) {
			put(2 * (int)k + i, 2 * (int)k + i);
			testwriter_group(&w);
		}
		testwriter_end(&w, k == 0 ? END_ROLLED : END_CLOSED);
		save();
	}
}

START_TEST(a_segment_that_cannot_be_opened_is_told_and_the_others_are_shown)
{
	struct unreadable u = { .call = OS_OPEN, .name = "000000.log", .nth = -1 };

	make_two();
	os_fault_set(fail_file, &u);
	ck_assert_str_eq(seqs("", NULL), "3 4");
	ck_assert_uint_eq(damage, 1);
	ck_assert_ptr_nonnull(strstr(last_report, "000000.log"));
	ck_assert_ptr_nonnull(strstr(last_report, "Input/output error"));
	u.name = "000001.log";
	damage = 0;
	ck_assert_str_eq(seqs("", NULL), "1 2");
	os_fault_set(NULL, NULL);
	ck_assert_uint_eq(damage, 1);
}
END_TEST

START_TEST(a_session_that_cannot_be_listed_is_told)
{
	struct unreadable u = { .call = OS_OPEN, .name = "sessions/2", .nth = -1 };

	make_two();
	os_fault_set(fail_file, &u);
	ck_assert_str_eq(seqs("", NULL), "");
	os_fault_set(NULL, NULL);
	ck_assert_uint_eq(damage, 1);
	ck_assert_ptr_nonnull(strstr(last_report, "sessions/2"));
}
END_TEST

/* Each read fails once: what it was for is told, and the walk goes on. */
START_TEST(a_read_that_fails_ends_no_answer)
{
	struct unreadable u = { .call = OS_READ };

	make_two();
	for (;; u.nth++) {
		struct tape_reader *reader = open_tape();
		struct tape_query *query;
		struct tape_cursor *cursor;
		uint64_t count = 0;
		int r;

		damage = 0;
		u.seen = 0;
		os_fault_set(fail_file, &u);
		cursor = find(reader, &query, "y=1..", NULL);
		r = tape_cursor_count(cursor, &count, NULL);
		os_fault_set(NULL, NULL);
		tape_cursor_close(cursor);
		tape_query_free(query);
		tape_reader_close(reader);
		ck_assert_int_eq(r, 0);
		ck_assert_msg(count == 4 || damage > 0, "read %ld: %u found", u.nth,
			      (unsigned)count);
		if (u.seen <= u.nth)
			break;
	}
	ck_assert_int_gt(u.nth, 4);
}
END_TEST

/* What it alone holds would be missing from the inventory without a word. */
START_TEST(a_manifest_that_cannot_be_read_is_told)
{
	struct unreadable u = { .call = OS_OPEN, .name = "manifest.jsonl", .nth = -1 };
	char path[100], id[TAPE_SESSION_TEXT];
	struct tape_info *info = NULL;
	struct tape_reader *reader;

	make_two();
	tape_session_text(testwriter_session_a, id);
	(void)snprintf(path, sizeof path, "sessions/%s/manifest.jsonl", id);
	testwriter_file(dir, path, "{\"closed\":\"x\",\"lost\":7}\n", 24);
	reader = open_tape();
	os_fault_set(fail_file, &u);
	ck_assert_int_eq(tape_info_read(reader, &info, NULL), 0);
	os_fault_set(NULL, NULL);
	ck_assert_uint_eq(info->scopes, 4);
	ck_assert_uint_eq(info->sessions[0].lost, 0);
	ck_assert_uint_eq(damage, 1);
	ck_assert_ptr_nonnull(strstr(last_report, path));
	tape_info_free(info);
	ck_assert_int_eq(tape_info_read(reader, &info, NULL), 0);
	ck_assert_uint_eq(info->sessions[0].lost, 7);
	ck_assert_uint_eq(damage, 1);
	tape_info_free(info);
	tape_reader_close(reader);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("search_damage");
	TCase *tcase = tcase_create("search_damage");

	tcase_add_checked_fixture(tcase, reading_setup, reading_teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, a_damaged_frame_hides_its_scopes_alone_and_is_told_once);
	tcase_add_test(tcase, a_later_segment_wins_where_seqs_repeat);
	tcase_add_test(tcase, missing_segments_and_seqs_are_damage);
	tcase_add_test(tcase, a_torn_tail_is_silent_while_its_writer_may_live);
	tcase_add_test(tcase, a_torn_tail_of_a_dead_writer_is_a_note);
	tcase_add_test(tcase, a_group_without_its_end_is_never_shown);
	tcase_add_test(tcase, a_link_without_target_is_shown_as_lost);
	tcase_add_test(tcase, beyond_the_last_mark_of_a_killed_session_loss_is_a_note);
	tcase_add_test(tcase, below_the_last_mark_of_a_killed_session_loss_is_damage);
	tcase_add_test(tcase, links_that_do_not_fit_are_damage_and_end);
	tcase_add_test(tcase, what_a_reader_does_not_know_is_skipped_or_refused);
	tcase_add_test(tcase, a_segment_cut_at_any_byte_shows_a_prefix);
	tcase_add_test(tcase, no_flipped_bit_gives_a_wrong_value_or_goes_unnoticed);
	tcase_add_test(tcase, forged_bytes_break_nothing);
	tcase_add_test(tcase, a_failed_call_is_an_error_a_report_or_the_whole_answer);
	tcase_add_test(tcase,
		       a_segment_that_cannot_be_opened_is_told_and_the_others_are_shown);
	tcase_add_test(tcase, a_session_that_cannot_be_listed_is_told);
	tcase_add_test(tcase, a_read_that_fails_ends_no_answer);
	tcase_add_test(tcase, a_manifest_that_cannot_be_read_is_told);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
