/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scanning segments. A segment is made, then cut, zeroed or flipped at every
 * place; the scanner must give exactly the frames that are whole, byte for
 * byte, and tell where something is wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "format/le.h"
#include "format/limits.h"
#include "tests/support/sample.h"
#include "tests/support/suite.h"

START_TEST(a_whole_segment_gives_all_its_frames_and_its_end)
{
	struct sample s;
	struct sample_outcome o;

	sample_make(&s, 8, 2);
	sample_end(&s);
	sample_scan(&s, s.w.data, s.w.len, 0, &o);
	ck_assert_int_eq(o.status, 0);
	ck_assert_uint_eq(o.frames, s.count - 1);
	ck_assert_uint_eq(o.reports + o.tails + o.too_new, 0);
	ck_assert(o.ended);
	sample_release(&s);
}
END_TEST

START_TEST(a_segment_cut_at_any_byte_gives_the_groups_before_the_cut)
{
	struct sample s;
	struct sample_outcome o;

	sample_make(&s, 300, 6);
	sample_end(&s);
	ck_assert_uint_ge(s.w.len, 4096);
	for (size_t cut = 0; cut < s.w.len; cut++) {
		size_t tail_at = SEGMENT_HEADER;

		/* Its own block, so that a byte read behind the cut is an error. */
		uint8_t *data = malloc(cut + 1);
		ck_assert_ptr_nonnull(data);
		memcpy(data, s.w.data, cut);
		sample_scan(&s, data, cut, 0, &o);
		free(data);
		ck_assert_int_eq(o.opened, 0);
		ck_assert_int_eq(o.status, 0);
		ck_assert_uint_eq(o.reports, 0);
		for (size_t i = 0; i + 1 < s.count; i++) {
			size_t last = sample_group_last(&s, i);

			ck_assert_msg(o.given[i] ==
					      (sample_place_end(&s.frames[last]) <= cut),
				      "cut %zu frame %zu", cut, i);
			if (o.given[i])
				tail_at = sample_place_end(&s.frames[last]);
		}
		if (cut < SEGMENT_HEADER)
			tail_at = 0;
		ck_assert_uint_eq(o.tails, cut != tail_at || cut == 0);
		if (o.tails)
			ck_assert_uint_eq(o.tail_at, tail_at);
	}
	sample_release(&s);
}
END_TEST

START_TEST(a_flipped_bit_costs_one_frame_and_is_reported_where_it_is)
{
	struct sample s;
	struct sample_outcome o;

	sample_make(&s, 8, 1);
	sample_end(&s);
	ck_assert_uint_le(s.w.len, 2048);
	for (size_t bit = 0; bit < s.w.len * 8; bit++) {
		size_t byte = bit / 8, hit = 0;

		s.w.data[byte] ^= (uint8_t)(1u << bit % 8);
		/* outcome_frame compares with the sample, so the flip is undone in a copy. */
		uint8_t *data = malloc(s.w.len);
		ck_assert_ptr_nonnull(data);
		memcpy(data, s.w.data, s.w.len);
		s.w.data[byte] ^= (uint8_t)(1u << bit % 8);
		sample_scan(&s, data, s.w.len, 0, &o);
		free(data);
		if (byte < SEGMENT_HEADER) {
			ck_assert_int_eq(o.opened, TAPE_ERR_DAMAGED);
			continue;
		}
		while (sample_place_end(&s.frames[hit]) <= byte)
			hit++;
		ck_assert_int_eq(o.opened, 0);
		ck_assert_int_eq(o.status, 0);
		ck_assert_uint_eq(o.tails, 0);
		ck_assert_msg(o.reports == 1, "bit %zu: %u reports", bit, o.reports);
		ck_assert_uint_eq(o.report_at, s.frames[hit].offset);
		ck_assert_uint_eq(o.report_bytes, s.frames[hit].size);
		for (size_t i = 0; i + 1 < s.count; i++)
			ck_assert_msg(o.given[i] == (i != hit), "bit %zu frame %zu", bit,
				      i);
		ck_assert(o.ended == (hit + 1 != s.count));
	}
	sample_release(&s);
}
END_TEST

/* The frames before `from` are whole; what the others became is not known. */
static void
check_prefix(const struct sample *s, const struct sample_outcome *o, size_t from)
{
	ck_assert_int_eq(o->opened, 0);
	ck_assert_int_eq(o->status, 0);
	for (size_t i = 0; i + 1 < s->count; i++)
		if (sample_place_end(&s->frames[sample_group_last(s, i)]) <= from)
			ck_assert_msg(o->given[i], "from %zu frame %zu", from, i);
}

START_TEST(a_tail_of_zeros_hides_nothing_before_it)
{
	struct sample s;
	struct sample_outcome o;

	sample_make(&s, 100, 4);
	uint8_t *data = malloc(s.w.len);
	ck_assert_ptr_nonnull(data);
	memcpy(data, s.w.data, s.w.len);
	for (size_t from = s.w.len; from-- > SEGMENT_HEADER;) {
		size_t hit = 0;

		data[from] = 0;
		if (memcmp(data, s.w.data, s.w.len) == 0)
			continue; /* it was zero before */
		while (sample_place_end(&s.frames[hit]) <= from)
			hit++;
		sample_scan(&s, data, s.w.len, 0, &o);
		check_prefix(&s, &o, from);
		ck_assert_uint_ge(o.reports + o.tails, 1);
		if (from != s.frames[hit].offset)
			continue;
		/* From a frame's start on: nothing was damaged, the write did not finish. */
		ck_assert_uint_eq(o.reports, 0);
		ck_assert_uint_eq(o.tail_at,
				  s.frames[sample_group_first(&s, hit)].offset);
	}
	free(data);
	sample_release(&s);
}
END_TEST

START_TEST(a_file_of_zeros_is_empty_and_not_damaged)
{
	static const uint8_t zero[10000];
	struct sample s;
	struct sample_outcome o;

	sample_make(&s, 8, 0);
	for (size_t len = 0; len < sizeof zero; len += len < 200 ? 1 : 997) {
		sample_scan(&s, zero, len, 0, &o);
		ck_assert_int_eq(o.opened, 0);
		ck_assert_uint_eq(o.tails, 1);
		ck_assert_uint_eq(o.tail_at, 0);
		ck_assert_uint_eq(o.reports + o.frames, 0);
	}
	sample_release(&s);
}
END_TEST

START_TEST(a_tail_of_garbage_hides_nothing_before_it)
{
	struct sample s;
	struct sample_outcome o;
	unsigned seed = suite_seed();

	sample_make(&s, 50, 4);
	uint8_t *data = malloc(s.w.len);
	ck_assert_ptr_nonnull(data);
	for (unsigned round = 0; round < 2000; round++) {
		size_t from = SEGMENT_HEADER +
			      (size_t)rand_r(&seed) % (s.w.len - SEGMENT_HEADER);

		memcpy(data, s.w.data, s.w.len);
		for (size_t i = from; i < s.w.len; i++)
			data[i] = (uint8_t)rand_r(&seed);
		sample_scan(&s, data, s.w.len, 0, &o);
		check_prefix(&s, &o, from);
	}
	free(data);
	sample_release(&s);
}
END_TEST

START_TEST(random_damage_never_gives_a_wrong_frame)
{
	struct sample s;
	struct sample_outcome o;
	unsigned seed = suite_seed();

	sample_make(&s, 30, 8);
	sample_end(&s);
	uint8_t *data = malloc(s.w.len);
	ck_assert_ptr_nonnull(data);
	for (unsigned round = 0; round < 3000; round++) {
		memcpy(data, s.w.data, s.w.len);
		for (unsigned n = 1 + (unsigned)rand_r(&seed) % 4; n > 0; n--) {
			size_t at = SEGMENT_HEADER +
				    (size_t)rand_r(&seed) % (s.w.len - SEGMENT_HEADER);
			size_t len = 1 + (size_t)rand_r(&seed) % 300;

			for (size_t i = at; i < at + len && i < s.w.len; i++)
				data[i] ^= (uint8_t)rand_r(&seed);
		}
		sample_scan(&s, data, s.w.len, 0, &o); /* it checks what it is given */
		ck_assert_int_eq(o.status, 0);
		ck_assert_uint_ge(o.frames + o.reports + o.tails, 1);
	}
	free(data);
	sample_release(&s);
}
END_TEST

START_TEST(bytes_removed_from_the_middle_are_one_report)
{
	struct sample s;
	struct sample_outcome o;

	sample_make(&s, 40, 4);
	/* Behind the hole every frame's own offset is wrong, so nothing there is believed. */
	size_t hole = s.frames[3].offset + 10;
	memmove(s.w.data + hole, s.w.data + hole + 5, s.w.len - hole - 5);
	sample_scan(&s, s.w.data, s.w.len - 5, 0, &o);
	ck_assert_uint_eq(o.frames, 2);
	ck_assert_uint_eq(o.reports, 1);
	ck_assert_uint_eq(o.report_at, s.frames[3].offset);
	sample_release(&s);
}
END_TEST

START_TEST(a_torn_group_is_not_shown)
{
	struct sample s;
	struct sample_outcome o;
	size_t begin;

	sample_make(&s, 8, 0);
	begin = s.w.len;
	sample_scope(&s, 8);
	sample_frame(&s, FRAME_FIRST);
	sample_scope(&s, 8);
	sample_frame(&s, 0);
	sample_scan(&s, s.w.data, s.w.len, 0, &o);
	ck_assert_uint_eq(o.frames, s.count - 2);
	ck_assert_uint_eq(o.reports, 0);
	ck_assert_uint_eq(o.tails, 1);
	ck_assert_uint_eq(o.tail_at, begin);
	sample_release(&s);
}
END_TEST

START_TEST(a_group_that_another_interrupts_is_reported_and_not_shown)
{
	struct sample s;
	struct sample_outcome o;
	size_t begin, next;

	sample_make(&s, 8, 0);
	begin = s.w.len;
	sample_scope(&s, 8);
	sample_frame(&s, FRAME_FIRST);
	next = s.w.len;
	sample_scope(&s, 8);
	sample_frame(&s, FRAME_FIRST | FRAME_LAST);
	sample_scan(&s, s.w.data, s.w.len, 0, &o);
	ck_assert_uint_eq(o.frames, s.count - 1);
	ck_assert(!o.given[s.count - 2]);
	ck_assert_uint_eq(o.reports, 1);
	ck_assert_uint_eq(o.report_at, begin);
	ck_assert_uint_eq(o.report_bytes, next - begin);
	sample_release(&s);
}
END_TEST

START_TEST(the_rest_of_a_group_that_another_interrupts_is_not_shown_either)
{
	struct sample s;
	struct sample_outcome o;
	size_t first;

	sample_make(&s, 8, 0);
	first = s.count;
	for (unsigned i = 0; i < 3; i++) {
		sample_scope(&s, 8);
		sample_frame(&s, i == 0 ? FRAME_FIRST : 0);
	}
	s.w.data[s.frames[first + 1].offset] ^= 1;
	sample_scope(&s, 8);
	sample_frame(&s, FRAME_FIRST | FRAME_LAST);
	sample_scan(&s, s.w.data, s.w.len, 0, &o);
	ck_assert_uint_eq(o.frames, s.count - 3);
	ck_assert(o.given[first + 3]);
	ck_assert_uint_eq(o.reports, 1);
	ck_assert_uint_eq(o.report_at, s.frames[first].offset);
	ck_assert_uint_eq(o.report_bytes,
			  s.frames[first + 3].offset - s.frames[first].offset);
	sample_release(&s);
}
END_TEST

START_TEST(a_group_whose_end_is_damaged_at_the_end_of_the_file_is_not_shown)
{
	struct sample s;
	struct sample_outcome o;
	size_t last;

	sample_make(&s, 8, 0); /* ends with a group of two frames */
	last = s.count - 1;
	s.w.data[s.frames[last].offset + 20] ^= 4;
	sample_scan(&s, s.w.data, s.w.len, 0, &o);
	ck_assert_uint_eq(o.frames, s.count - 2);
	ck_assert(!o.given[last - 1]);
	ck_assert_uint_eq(o.reports, 1);
	ck_assert_uint_eq(o.report_at, s.frames[last].offset);
	sample_release(&s);
}
END_TEST

START_TEST(a_frame_that_continues_no_group_is_reported)
{
	struct sample s;
	struct sample_outcome o;
	size_t at;

	sample_make(&s, 8, 0);
	at = s.w.len;
	sample_scope(&s, 8);
	sample_frame(&s, FRAME_LAST);
	sample_scan(&s, s.w.data, s.w.len, 0, &o);
	ck_assert_uint_eq(o.frames, s.count);
	ck_assert_uint_eq(o.reports, 1);
	ck_assert_uint_eq(o.report_at, at);
	sample_release(&s);
}
END_TEST

START_TEST(bytes_after_the_end_are_reported_and_ignored)
{
	struct sample s;
	struct sample_outcome o;
	size_t end;

	sample_make(&s, 8, 0);
	sample_end(&s);
	end = s.w.len;
	sample_scope(&s, 8);
	testwriter_group(&s.w);
	sample_scan(&s, s.w.data, s.w.len, 0, &o);
	ck_assert_uint_eq(o.frames, s.count - 1);
	ck_assert(o.ended);
	ck_assert_uint_eq(o.reports, 1);
	ck_assert_uint_eq(o.report_at, end);
	sample_release(&s);
}
END_TEST

static void
check_end_counts(uint64_t seq_off, uint64_t scopes_off, uint64_t frames_off)
{
	struct sample s;
	struct sample_outcome o;

	sample_make(&s, 8, 0);
	struct end_info end = { s.w.seq + seq_off, s.w.scopes + scopes_off,
				s.w.frames + frames_off, END_CLOSED };
	testwriter_end_counts(&s.w, &end);
	sample_scan(&s, s.w.data, s.w.len, 0, &o);
	ck_assert_uint_eq(o.frames, s.count);
	ck_assert_uint_eq(o.reports, 1);
	ck_assert_uint_eq(o.report_at, s.w.last_frame);
	/* With damage before it the counts prove nothing more. */
	s.w.data[s.frames[0].offset + FRAME_HEADER] ^= 1;
	sample_scan(&s, s.w.data, s.w.len, 0, &o);
	ck_assert_uint_eq(o.reports, 1);
	ck_assert_uint_eq(o.report_at, s.frames[0].offset);
	sample_release(&s);
}

START_TEST(an_end_frame_that_counts_otherwise_is_reported)
{
	check_end_counts(1, 0, 0);
	check_end_counts(0, 1, 0);
	check_end_counts(0, 0, 1);
}
END_TEST

START_TEST(an_end_frame_of_another_size_is_damage)
{
	struct sample s;
	struct sample_outcome o;

	sample_make(&s, 8, 0);
	testwriter_record(&s.w, RECORD_PAD, 0, "four", 4);
	testwriter_frame_kind(&s.w, FRAME_END, FRAME_FIRST | FRAME_LAST);
	sample_scan(&s, s.w.data, s.w.len, 0, &o);
	ck_assert_uint_eq(o.frames, s.count);
	ck_assert_uint_eq(o.reports, 1);
	ck_assert(!o.ended);
	sample_release(&s);
}
END_TEST

START_TEST(a_frame_of_an_unknown_kind_is_skipped_and_counted)
{
	struct sample s;
	struct sample_outcome o;

	sample_make(&s, 8, 0);
	testwriter_record(&s.w, 200, 0, "later", 5);
	testwriter_frame_kind(&s.w, 77, FRAME_FIRST | FRAME_LAST);
	sample_scope(&s, 8);
	sample_frame(&s, FRAME_FIRST | FRAME_LAST);
	sample_end(&s);
	sample_scan(&s, s.w.data, s.w.len, 0, &o);
	ck_assert_uint_eq(o.frames, s.count - 1);
	ck_assert_uint_eq(o.too_new, 1);
	ck_assert_uint_eq(o.reports, 0);
	ck_assert(o.ended);
	sample_release(&s);
}
END_TEST

START_TEST(a_payload_length_above_the_limit_is_damage)
{
	struct sample s;
	struct sample_outcome o;

	sample_make(&s, 8, 2);
	uint8_t *header = s.w.data + s.frames[2].offset;
	put_le32(header + 12, LIMIT_FRAME + 1);
	/* First with a wrong checksum, then with a right one: not the end of the file. */
	for (unsigned i = 0; i < 2; i++) {
		sample_scan(&s, s.w.data, s.w.len, 0, &o);
		ck_assert_int_eq(o.status, 0);
		ck_assert_uint_eq(o.tails, 0);
		ck_assert_uint_eq(o.reports, 1);
		ck_assert_uint_eq(o.report_at, s.frames[2].offset);
		ck_assert(!o.given[2] && o.given[3] && o.given[4]);
		put_le64(header + 56, hash_check(header, 56, s.w.key.seed));
	}
	sample_release(&s);
}
END_TEST

START_TEST(frames_that_are_not_wanted_are_only_hopped_over)
{
	struct sample s;
	struct sample_outcome o;

	sample_make(&s, 500, 30);
	sample_end(&s);
	sample_scan(&s, s.w.data, s.w.len, HAS_NOTE, &o);
	ck_assert_uint_eq(o.frames, s.count - 1);
	ck_assert_uint_eq(o.reports, 0);
	ck_assert(o.ended);
	/* Damage in a payload that nobody asked for is not looked at. */
	s.w.data[s.frames[6].offset + FRAME_HEADER + 5] ^= 1;
	struct block_memory memory = { s.w.data, s.w.len };
	struct block_source source = block_from_memory(&memory);
	struct segment_scan *scan;
	struct scan_event event;
	ck_assert_int_eq(
		segment_scan_open(&source, NULL, HAS_NOTE | HAS_BLOB, &scan, NULL), 0);
	while (segment_scan_next(scan, &event, NULL) == 1) {
		ck_assert_int_eq(event.kind, SCAN_FRAME);
		ck_assert((event.payload != NULL) ==
			  ((event.frame.contents & (HAS_NOTE | HAS_BLOB)) != 0));
	}
	segment_scan_close(scan);
	sample_release(&s);
}
END_TEST

START_TEST(seeking_to_any_frame_goes_on_from_there)
{
	struct sample s;

	sample_make(&s, 100, 5);
	sample_end(&s);
	struct block_memory memory = { s.w.data, s.w.len };
	struct block_source source = block_from_memory(&memory);
	struct segment_scan *scan;
	struct scan_event event;
	ck_assert_int_eq(segment_scan_open(&source, &s.w.id, 0, &scan, NULL), 0);
	for (size_t i = s.count - 1; i-- > 0;) {
		segment_scan_seek(scan, s.frames[i].offset);
		for (size_t k = i; k + 1 < s.count; k++) {
			ck_assert_int_eq(segment_scan_next(scan, &event, NULL), 1);
			ck_assert_int_eq(event.kind, SCAN_FRAME);
			ck_assert_uint_eq(event.frame.offset, s.frames[k].offset);
		}
		ck_assert_int_eq(segment_scan_next(scan, &event, NULL), 0);
		ck_assert(segment_scan_ended(scan, NULL));
	}
	segment_scan_close(scan);
	sample_release(&s);
}
END_TEST

START_TEST(a_segment_found_in_the_wrong_place_is_refused)
{
	struct sample s;
	struct segment_scan *scan = NULL;
	struct tape_error err;

	sample_make(&s, 8, 0);
	struct block_memory memory = { s.w.data, s.w.len };
	struct block_source source = block_from_memory(&memory);
	struct segment_id ids[5];
	for (unsigned i = 0; i < 5; i++)
		ids[i] = s.w.id;
	ids[0].tape[15] ^= 1;
	ids[1].session[0]++;
	ids[2].session[1]++;
	ids[3].number++;
	ids[4].blob = true;
	for (unsigned i = 0; i < 5; i++) {
		ck_assert_int_eq(segment_scan_open(&source, &ids[i], 0, &scan, &err),
				 TAPE_ERR_DAMAGED);
		ck_assert_ptr_nonnull(strstr(err.message, "misplaced"));
		ck_assert_ptr_null(scan);
	}
	sample_release(&s);
}
END_TEST

START_TEST(a_frame_of_an_older_file_does_not_pass)
{
	struct sample s, other;
	struct sample_outcome o;

	/* The same records under another segment number: other seeds. */
	sample_make(&s, 8, 2);
	sample_make(&other, 8, 2);
	other.w.id.number = 1;
	segment_header_write(&other.w.id, other.w.data, &other.w.key);
	ck_assert_uint_eq(s.w.len, other.w.len);
	sample_scan(&other, other.w.data, other.w.len, 0, &o);
	ck_assert_int_eq(o.opened, 0);
	ck_assert_uint_eq(o.frames, 0);
	ck_assert_uint_eq(o.reports, 1);
	ck_assert_uint_eq(o.report_at, SEGMENT_HEADER);
	sample_release(&s);
	sample_release(&other);
}
END_TEST

/* ---- sources that misbehave ---- */

struct failing {
	struct block_memory memory;
	uint64_t truncated; /* reads see the file end here */
	uint64_t fail_from; /* reads of bytes from here on fail */
};

static int64_t
failing_pread(void *user, void *buf, size_t len, uint64_t offset)
{
	const struct failing *f = user;

	if (offset + len > f->fail_from)
		return -5; /* -EIO */
	if (offset >= f->truncated)
		return 0;
	if (len > f->truncated - offset)
		len = (size_t)(f->truncated - offset);
	memcpy(buf, f->memory.data + offset, len);
	return (int64_t)len;
}

START_TEST(a_file_that_shrinks_while_it_is_read_has_a_tail)
{
	struct sample s;

	sample_make(&s, 400, 10);
	for (size_t cut = 0; cut < s.w.len; cut += 37) {
		struct failing f = { { s.w.data, s.w.len }, cut, UINT64_MAX };
		struct block_source source = { failing_pread, &f, s.w.len };
		struct segment_scan *scan;
		struct scan_event event;
		unsigned tails = 0, frames = 0, whole = 0;
		int status;

		for (size_t i = 0; i < s.count; i++)
			whole += sample_place_end(&s.frames[sample_group_last(&s, i)]) <=
				 cut;
		ck_assert_int_eq(segment_scan_open(&source, NULL, 0, &scan, NULL), 0);
		while ((status = segment_scan_next(scan, &event, NULL)) == 1) {
			tails += event.kind == SCAN_TAIL;
			frames += event.kind == SCAN_FRAME;
			ck_assert_int_ne(event.kind, SCAN_REPORT);
		}
		ck_assert_int_eq(status, 0);
		ck_assert_uint_eq(frames, whole);
		ck_assert_uint_le(tails, 1);
		segment_scan_close(scan);
	}
	sample_release(&s);
}
END_TEST

START_TEST(a_read_that_fails_is_an_error_and_no_damage)
{
	struct sample s;

	sample_make(&s, 400, 10);
	for (size_t at = 1; at < s.w.len; at += 101) {
		struct failing f = { { s.w.data, s.w.len }, UINT64_MAX, at };
		struct block_source source = { failing_pread, &f, s.w.len };
		struct segment_scan *scan = NULL;
		struct scan_event event;
		struct tape_error err = { 0 };
		int status = segment_scan_open(&source, NULL, HAS_NOTE, &scan, &err);

		while (status >= 0 &&
		       (status = segment_scan_next(scan, &event, &err)) == 1)
			ck_assert_int_eq(event.kind, SCAN_FRAME);
		ck_assert_int_eq(status, TAPE_ERR_IO);
		ck_assert_int_eq(err.code, 5);
		segment_scan_close(scan);
	}
	sample_release(&s);
}
END_TEST

/* ---- hostile files: each byte is looked at a few times, not more ---- */

static uint64_t
scan_hostile(const struct testwriter *w, uint16_t want)
{
	struct block_memory memory = { w->data, w->len };
	struct block_source source = block_from_memory(&memory);
	struct segment_scan *scan;
	struct scan_event event;
	uint64_t events = 0;
	int status;

	ck_assert_int_eq(segment_scan_open(&source, &w->id, want, &scan, NULL), 0);
	while ((status = segment_scan_next(scan, &event, NULL)) == 1)
		events++;
	ck_assert_int_eq(status, 0);
	segment_scan_close(scan);
	return events;
}

/* Searching goes by pieces of 256 KiB; no header is lost where two of them meet. */
START_TEST(a_frame_behind_long_damage_is_found_wherever_it_stands)
{
	static uint8_t garbage[262144 + 80];
	const size_t piece = 262144;

	memset(garbage, 0x5a, sizeof garbage);
	for (size_t at = piece - 80; at < piece + 80; at++) {
		for (uint16_t want = 0; want <= HAS_NOTE; want += HAS_NOTE) {
			struct testwriter w;

			testwriter_begin(&w, testwriter_session_a, 0, false, 1);
			testwriter_bytes(&w, garbage, at - w.len);
			testwriter_note(&w, "host", "golden");
			testwriter_group(&w);
			ck_assert_uint_eq(scan_hostile(&w, want), 2);
			testwriter_release(&w);
		}
	}
}
END_TEST

START_TEST(a_file_full_of_sync_markers_is_one_report)
{
	struct testwriter w;
	uint8_t markers[4096];

	testwriter_begin(&w, testwriter_session_a, 0, false, 1);
	for (size_t i = 0; i < sizeof markers; i += 8)
		put_le64(markers + i, w.key.sync);
	for (unsigned i = 0; i < 2048; i++)
		testwriter_bytes(&w, markers, sizeof markers);
	ck_assert_uint_eq(scan_hostile(&w, 0), 1);
	ck_assert_uint_eq(scan_hostile(&w, HAS_NOTE), 1);
	testwriter_release(&w);
}
END_TEST

START_TEST(a_hundred_thousand_holes_in_a_group_without_end_are_a_report_each)
{
	struct testwriter w;

	testwriter_begin(&w, testwriter_session_a, 0, false, 1);
	testwriter_frame(&w, FRAME_FIRST);
	for (unsigned i = 0; i < 100000; i++) {
		testwriter_bytes(&w, "hole", 4);
		testwriter_frame(&w, 0);
	}
	ck_assert_uint_eq(scan_hostile(&w, 0), 100001); /* and the tail */
	testwriter_release(&w);
}
END_TEST

START_TEST(a_group_of_a_hundred_thousand_frames_is_given)
{
	struct testwriter w;

	testwriter_begin(&w, testwriter_session_a, 0, false, 1);
	testwriter_frame(&w, FRAME_FIRST);
	for (unsigned i = 0; i < 100000; i++)
		testwriter_frame(&w, 0);
	testwriter_frame(&w, FRAME_LAST);
	ck_assert_uint_eq(scan_hostile(&w, 0), 100002);
	testwriter_release(&w);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("scan");
	TCase *tc = tcase_create("scan");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, a_whole_segment_gives_all_its_frames_and_its_end);
	tcase_add_test(tc, a_segment_cut_at_any_byte_gives_the_groups_before_the_cut);
	tcase_add_test(tc, a_flipped_bit_costs_one_frame_and_is_reported_where_it_is);
	tcase_add_test(tc, a_tail_of_zeros_hides_nothing_before_it);
	tcase_add_test(tc, a_file_of_zeros_is_empty_and_not_damaged);
	tcase_add_test(tc, a_tail_of_garbage_hides_nothing_before_it);
	tcase_add_test(tc, random_damage_never_gives_a_wrong_frame);
	tcase_add_test(tc, bytes_removed_from_the_middle_are_one_report);
	tcase_add_test(tc, a_torn_group_is_not_shown);
	tcase_add_test(tc,
		       the_rest_of_a_group_that_another_interrupts_is_not_shown_either);
	tcase_add_test(tc, a_group_that_another_interrupts_is_reported_and_not_shown);
	tcase_add_test(tc,
		       a_group_whose_end_is_damaged_at_the_end_of_the_file_is_not_shown);
	tcase_add_test(tc, a_frame_that_continues_no_group_is_reported);
	tcase_add_test(tc, bytes_after_the_end_are_reported_and_ignored);
	tcase_add_test(tc, an_end_frame_that_counts_otherwise_is_reported);
	tcase_add_test(tc, an_end_frame_of_another_size_is_damage);
	tcase_add_test(tc, a_frame_of_an_unknown_kind_is_skipped_and_counted);
	tcase_add_test(tc, a_payload_length_above_the_limit_is_damage);
	tcase_add_test(tc, frames_that_are_not_wanted_are_only_hopped_over);
	tcase_add_test(tc, seeking_to_any_frame_goes_on_from_there);
	tcase_add_test(tc, a_segment_found_in_the_wrong_place_is_refused);
	tcase_add_test(tc, a_frame_of_an_older_file_does_not_pass);
	tcase_add_test(tc, a_file_that_shrinks_while_it_is_read_has_a_tail);
	tcase_add_test(tc, a_read_that_fails_is_an_error_and_no_damage);
	tcase_add_test(tc, a_frame_behind_long_damage_is_found_wherever_it_stands);
	tcase_add_test(tc, a_file_full_of_sync_markers_is_one_report);
	tcase_add_test(tc,
		       a_hundred_thousand_holes_in_a_group_without_end_are_a_report_each);
	tcase_add_test(tc, a_group_of_a_hundred_thousand_frames_is_given);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
