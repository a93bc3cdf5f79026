/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "format/le.h"
#include "tests/support/golden_every.h"
#include "tests/support/testwriter.h"

/* Most tapes: one session of host "golden" with groups of two scopes, run/iter: it, X. */
static struct form
iter_form(void)
{
	static const char *const labels[] = { "run", "iter" };
	static const struct form_var vars[] = {
		{ .name = "it", .unit = "", .type = TAPE_I64 },
		{ .name = "X", .unit = "g/L", .type = TAPE_F64 },
	};
	struct form form;

	if (form_build(1, "src/model.c", 12, "step", labels, 2, vars, 2, &form, NULL) < 0)
		abort();
	return form;
}

static void
iter_scope_of(struct testwriter *w, int64_t it)
{
	struct form form = iter_form();
	struct tape_value values[2] = { testwriter_f64((double)it / 8),
					testwriter_i64(it) };

	testwriter_scope(w, &form, values, NULL, it);
	form_release(&form);
}

static void
iter_scope(struct testwriter *w)
{
	iter_scope_of(w, (int64_t)w->seq);
}

static void
iter_define(struct testwriter *w)
{
	struct form form = iter_form();

	testwriter_form(w, &form);
	form_release(&form);
}

/* A group of two scopes. */
static void
iter_group(struct testwriter *w)
{
	iter_scope(w);
	iter_scope(w);
	testwriter_group(w);
}

/* Header, notes, and `groups` groups, the first of which defines the form. */
static void
iter_segment(struct testwriter *w, uint32_t number, uint64_t first_seq, unsigned groups)
{
	testwriter_begin(w, testwriter_session_a, number, false, first_seq);
	testwriter_first_group(w, "1000");
	iter_define(w);
	for (unsigned i = 0; i < groups; i++)
		iter_group(w);
}

static void
finish(struct testwriter *w, const char *dir)
{
	testwriter_tape(dir, 1);
	testwriter_save(w, dir);
	testwriter_release(w);
}

static void
close_and_finish(struct testwriter *w, const char *dir)
{
	testwriter_end(w, END_CLOSED);
	finish(w, dir);
}

/* ---- good ---- */

static void
good_torn_tail(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 3);
	w.len -= 10; /* within the payload of the last frame */
	finish(&w, dir);
}

static void
good_zero_tail(const char *dir)
{
	static const uint8_t zero[1000];
	struct testwriter w;

	iter_segment(&w, 0, 1, 2);
	testwriter_bytes(&w, zero, sizeof zero);
	finish(&w, dir);
}

static void
good_group_without_end(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 2);
	iter_scope(&w);
	testwriter_frame(&w, FRAME_FIRST);
	iter_scope(&w);
	testwriter_frame(&w, 0);
	finish(&w, dir);
}

static void
good_short_segment(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 2);
	testwriter_end(&w, END_ROLLED);
	finish(&w, dir);
	testwriter_begin(&w, testwriter_session_a, 1, false, 5);
	w.len = 10;
	testwriter_save(&w, dir);
	testwriter_release(&w);
}

/* A write failed late: a group of the same seqs stands in a new segment. */
static void
good_rewritten_group(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 1);
	iter_scope_of(&w, -3);
	iter_scope_of(&w, -4);
	testwriter_group(&w);
	finish(&w, dir);
	iter_segment(&w, 1, 3, 2);
	testwriter_end(&w, END_CLOSED);
	testwriter_save(&w, dir);
	testwriter_release(&w);
}

static void
good_skipped_record(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 1);
	iter_scope(&w);
	testwriter_record(&w, 128, 1, "of a later version", 18);
	iter_scope(&w);
	testwriter_group(&w);
	close_and_finish(&w, dir);
}

static void
good_compat_flag(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 1);
	testwriter_end(&w, END_CLOSED);
	put_le32(w.data + 16, 0x80000001);
	testwriter_reseal_header(&w);
	finish(&w, dir);
}

/* ---- bad: damage ---- */

/* Offset of the frame of the nth group, the notes being group 0. */
static size_t
group_at(const struct testwriter *w, unsigned n)
{
	size_t at = SEGMENT_HEADER;

	while (n-- > 0)
		at += FRAME_HEADER + get_le32(w->data + at + 12);
	return at;
}

static void
bad_damaged_payload(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 4);
	testwriter_end(&w, END_CLOSED);
	w.data[group_at(&w, 2) + FRAME_HEADER + 20] ^= 0x10;
	finish(&w, dir);
}

static void
bad_damaged_header(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 4);
	testwriter_end(&w, END_CLOSED);
	w.data[group_at(&w, 2) + 13] ^= 0x01; /* its payload length */
	finish(&w, dir);
}

static void
bad_damaged_group(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 1);
	iter_scope(&w);
	testwriter_frame(&w, FRAME_FIRST);
	iter_scope(&w);
	testwriter_frame(&w, 0);
	w.data[w.last_frame + 40] ^= 0x80; /* its own offset */
	iter_scope(&w);
	testwriter_frame(&w, FRAME_LAST);
	iter_group(&w);
	close_and_finish(&w, dir);
}

static void
bad_damaged_end_of_group(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 1);
	iter_scope(&w);
	testwriter_frame(&w, FRAME_FIRST);
	iter_scope(&w);
	testwriter_frame(&w, FRAME_LAST);
	w.data[w.last_frame] ^= 0x80; /* its sync marker */
	iter_group(&w);
	close_and_finish(&w, dir);
}

static void
bad_damaged_to_the_end(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 1);
	iter_scope(&w);
	testwriter_frame(&w, FRAME_FIRST);
	iter_scope(&w);
	testwriter_frame(&w, FRAME_LAST);
	w.data[w.last_frame + 60] ^= 0x80;
	finish(&w, dir);
}

static void
bad_interrupted_group(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 1);
	iter_scope(&w);
	testwriter_frame(&w, FRAME_FIRST);
	w.seq--;
	w.scopes--;
	w.frames--;
	iter_group(&w);
	close_and_finish(&w, dir);
}

static void
bad_bytes_after_end(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 1);
	testwriter_end(&w, END_CLOSED);
	iter_group(&w);
	finish(&w, dir);
}

static void
bad_end_counts(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 2);
	struct end_info end = { w.seq, w.scopes + 1, w.frames, END_CLOSED };
	testwriter_end_counts(&w, &end);
	finish(&w, dir);
}

static void
bad_segment_header(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 1);
	testwriter_end(&w, END_ROLLED);
	w.data[30] ^= 0x01;
	finish(&w, dir);
	iter_segment(&w, 1, 3, 1);
	testwriter_end(&w, END_CLOSED);
	testwriter_save(&w, dir);
	testwriter_release(&w);
}

static void
bad_tape_id(const char *dir)
{
	struct testwriter w;

	testwriter_begin(&w, testwriter_session_a, 0, false, 1);
	w.id.tape[0] ^= 0xff;
	segment_header_write(&w.id, w.data, &w.key);
	testwriter_first_group(&w, "1000");
	iter_define(&w);
	iter_group(&w);
	close_and_finish(&w, dir);
}

static void
bad_segment_number(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 1, 1, 1);
	testwriter_end(&w, END_CLOSED);
	testwriter_tape(dir, 1);
	testwriter_save_as(&w, dir, testwriter_session_a, 0);
	testwriter_release(&w);
}

static void
bad_missing_segment(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 1);
	testwriter_end(&w, END_ROLLED);
	finish(&w, dir);
	iter_segment(&w, 2, 5, 1);
	testwriter_end(&w, END_CLOSED);
	testwriter_save(&w, dir);
	testwriter_release(&w);
}

static void
bad_missing_seq(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 1);
	w.seq = 5;
	iter_group(&w);
	close_and_finish(&w, dir);
}

/* ---- bad: records ---- */

static void
bad_form_not_defined(const char *dir)
{
	static const uint8_t body[16];
	struct testwriter w;

	iter_segment(&w, 0, 1, 1);
	testwriter_scope_bytes(&w, 7, body, sizeof body);
	iter_scope(&w);
	testwriter_group(&w);
	close_and_finish(&w, dir);
}

static void
bad_body(const char *dir)
{
	static const uint8_t body[17];
	struct testwriter w;

	iter_segment(&w, 0, 1, 1);
	testwriter_scope_bytes(&w, 1, body, 17); /* a byte too many */
	iter_scope(&w);
	testwriter_scope_bytes(&w, 1, body, 15); /* one too few */
	testwriter_group(&w);
	close_and_finish(&w, dir);
}

static void
bad_record_length(const char *dir)
{
	struct testwriter w;
	size_t second;

	iter_segment(&w, 0, 1, 1);
	iter_scope(&w);
	second = w.payload_len;
	iter_scope(&w);
	put_le32(w.payload + second, 1000);
	testwriter_group(&w);
	iter_group(&w);
	close_and_finish(&w, dir);
}

static void
bad_link_target(const char *dir)
{
	struct form form = iter_form();
	struct testwriter w;

	iter_segment(&w, 0, 1, 1);
	testwriter_link(&w, &form, 99, 0);
	testwriter_link(&w, &form, 2, 0);
	testwriter_group(&w);
	form_release(&form);
	close_and_finish(&w, dir);
}

/* A scope with a loose blob of 1,000 bytes. */
static void
blob_tape(const char *dir, const uint8_t *data)
{
	static const char *const labels[] = { "store.ts" };
	static const struct form_var var = {
		.name = "field", .unit = "", .type = TAPE_BYTES_T, .store = TAPE_AS_BLOB
	};
	struct tape_value value = testwriter_bytes_value(TAPE_BYTES_T, data, 1000);
	struct testwriter w;
	struct form form;

	if (form_build(2, "src/model.c", 40, "store", labels, 1, &var, 1, &form, NULL) <
	    0)
		abort();
	iter_segment(&w, 0, 1, 1);
	testwriter_form(&w, &form);
	testwriter_scope(&w, &form, &value, NULL, 0);
	testwriter_group(&w);
	form_release(&form);
	close_and_finish(&w, dir);
}

static void
bad_blob_missing(const char *dir)
{
	static uint8_t data[1000];

	memset(data, 'm', sizeof data);
	blob_tape(dir, data);
}

static void
bad_blob_damaged(const char *dir)
{
	static uint8_t data[1000];
	char path[64], hex[TAPE_HASH_TEXT];
	struct tape_hash hash;

	memset(data, 'd', sizeof data);
	hash = hash_bytes(data, sizeof data);
	tape_hash_text(&hash, hex);
	blob_tape(dir, data);
	testwriter_loose_blob(dir, data, sizeof data);
	data[500] ^= 1;
	(void)snprintf(path, sizeof path, "blobs/%.2s/%s", hex, hex + 2);
	testwriter_file(dir, path, data, sizeof data);
}

static void
bad_not_a_tape(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 1);
	close_and_finish(&w, dir);
	testwriter_file(dir, "TAPE", "cassette 1\n", 11);
}

/* ---- unsupported: made by later versions ---- */

static void
unsupported_tape_version(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 1);
	close_and_finish(&w, dir);
	testwriter_tape(dir, 2);
}

/* Segment 0 as version 1 has it, segment 1 with another value in its header. */
static void
later_header(const char *dir, size_t offset, uint32_t value)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 1);
	testwriter_end(&w, END_ROLLED);
	finish(&w, dir);
	iter_segment(&w, 1, 3, 1);
	testwriter_end(&w, END_CLOSED);
	put_le32(w.data + offset, value);
	testwriter_reseal_header(&w);
	testwriter_save(&w, dir);
	testwriter_release(&w);
}

static void
unsupported_segment_version(const char *dir)
{
	later_header(dir, 8, 2);
}

static void
unsupported_incompat_flag(const char *dir)
{
	later_header(dir, 12, 1);
}

static void
unsupported_frame_kind(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 1);
	testwriter_record(&w, 128, 0, "later", 5);
	testwriter_frame_kind(&w, 4, FRAME_FIRST | FRAME_LAST);
	iter_group(&w);
	close_and_finish(&w, dir);
}

static void
unsupported_record_kind(const char *dir)
{
	struct testwriter w;

	iter_segment(&w, 0, 1, 1);
	iter_scope(&w);
	testwriter_record(&w, 12, 0, "later", 5);
	testwriter_group(&w);
	iter_group(&w);
	close_and_finish(&w, dir);
}

/* A form with a type of its own; its scopes cannot be shown, others can. */
static void
unsupported_value_type(const char *dir)
{
	static const char *const labels[] = { "run", "later" };
	static const struct form_var var = { .name = "q", .unit = "", .type = TAPE_I64 };
	static const uint8_t body[8];
	struct testwriter w;
	struct form form;
	size_t at;

	if (form_build(2, "src/model.c", 50, "later", labels, 2, &var, 1, &form, NULL) <
	    0)
		abort();
	iter_segment(&w, 0, 1, 1);
	at = w.payload_len;
	testwriter_form(&w, &form);
	w.payload[at + form_record_size(&form) - 11] = 9; /* its type tag */
	testwriter_scope_bytes(&w, 2, body, sizeof body);
	iter_scope(&w);
	testwriter_group(&w);
	form_release(&form);
	close_and_finish(&w, dir);
}

const struct golden golden_tapes[] = {
	{ "good-every-record", golden_every_make },
	{ "good-torn-tail", good_torn_tail },
	{ "good-zero-tail", good_zero_tail },
	{ "good-group-without-end", good_group_without_end },
	{ "good-short-segment", good_short_segment },
	{ "good-rewritten-group", good_rewritten_group },
	{ "good-skipped-record", good_skipped_record },
	{ "good-compat-flag", good_compat_flag },
	{ "bad-damaged-payload", bad_damaged_payload },
	{ "bad-damaged-header", bad_damaged_header },
	{ "bad-damaged-group", bad_damaged_group },
	{ "bad-damaged-end-of-group", bad_damaged_end_of_group },
	{ "bad-damaged-to-the-end", bad_damaged_to_the_end },
	{ "bad-interrupted-group", bad_interrupted_group },
	{ "bad-bytes-after-end", bad_bytes_after_end },
	{ "bad-end-counts", bad_end_counts },
	{ "bad-segment-header", bad_segment_header },
	{ "bad-tape-id", bad_tape_id },
	{ "bad-segment-number", bad_segment_number },
	{ "bad-missing-segment", bad_missing_segment },
	{ "bad-missing-seq", bad_missing_seq },
	{ "bad-form-not-defined", bad_form_not_defined },
	{ "bad-body", bad_body },
	{ "bad-record-length", bad_record_length },
	{ "bad-link-target", bad_link_target },
	{ "bad-blob-missing", bad_blob_missing },
	{ "bad-blob-damaged", bad_blob_damaged },
	{ "bad-not-a-tape", bad_not_a_tape },
	{ "unsupported-tape-version", unsupported_tape_version },
	{ "unsupported-segment-version", unsupported_segment_version },
	{ "unsupported-incompat-flag", unsupported_incompat_flag },
	{ "unsupported-frame-kind", unsupported_frame_kind },
	{ "unsupported-record-kind", unsupported_record_kind },
	{ "unsupported-value-type", unsupported_value_type },
};
const size_t golden_count = sizeof golden_tapes / sizeof golden_tapes[0];
