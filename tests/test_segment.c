/* SPDX-License-Identifier: Apache-2.0 */
/* Segment headers, frame headers, records and BLOB records by their place. */
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "format/le.h"
#include "format/limits.h"
#include "tests/support/suite.h"
#include "tests/support/testwriter.h"

static struct segment_id
some_id(bool blob)
{
	struct segment_id id = { .session = { 0x0102030405060708, 0xaabbccdd },
				 .number = 0x123456,
				 .blob = blob };

	memcpy(id.tape, testwriter_tape_id, sizeof id.tape);
	return id;
}

/* ---- segment headers ---- */

START_TEST(a_segment_header_has_its_fields_where_the_document_says)
{
	struct segment_id id = some_id(true);
	struct segment_key key;
	uint8_t buf[SEGMENT_HEADER];

	segment_header_write(&id, buf, &key);
	ck_assert_mem_eq(buf, "\x8aTSEG\r\n\x1a", 8);
	ck_assert_uint_eq(get_le32(buf + 8), 1);
	ck_assert_uint_eq(get_le32(buf + 12), 0);
	ck_assert_uint_eq(get_le32(buf + 16), 0);
	ck_assert_uint_eq(get_le32(buf + 20), 1);
	ck_assert_mem_eq(buf + 24, id.tape, 16);
	ck_assert_uint_eq(get_le64(buf + 40), id.session[0]);
	ck_assert_uint_eq(get_le32(buf + 48), 0xaabbccdd);
	ck_assert_uint_eq(get_le32(buf + 52), 0x80123456);
	ck_assert_uint_eq(get_le64(buf + 56), hash_check(buf, 56, 0));
	ck_assert_uint_eq(key.seed, hash_check(buf + 24, 32, 0));
	ck_assert_uint_eq(key.sync, hash_check(buf + 24, 32, 1));
}
END_TEST

START_TEST(a_segment_header_reads_back)
{
	for (unsigned blob = 0; blob < 2; blob++) {
		struct segment_id id = some_id(blob), read;
		struct segment_key key, read_key;
		uint8_t buf[SEGMENT_HEADER];

		segment_header_write(&id, buf, &key);
		ck_assert_int_eq(segment_header_read(buf, &read, &read_key, NULL), 0);
		ck_assert_mem_eq(read.tape, id.tape, 16);
		ck_assert_uint_eq(read.session[0], id.session[0]);
		ck_assert_uint_eq(read.session[1], id.session[1]);
		ck_assert_uint_eq(read.number, id.number);
		ck_assert(read.blob == id.blob);
		ck_assert_uint_eq(read_key.seed, key.seed);
		ck_assert_uint_eq(read_key.sync, key.sync);
	}
}
END_TEST

START_TEST(any_flipped_bit_of_a_segment_header_is_damage)
{
	struct segment_id id = some_id(false), read;
	struct segment_key key;
	uint8_t buf[SEGMENT_HEADER];

	segment_header_write(&id, buf, &key);
	for (unsigned bit = 0; bit < SEGMENT_HEADER * 8; bit++) {
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert_int_eq(segment_header_read(buf, &read, &key, NULL),
				 TAPE_ERR_DAMAGED);
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
END_TEST

/* The header with one field changed and the checksum made right again. */
static int
read_changed(size_t offset, uint32_t value)
{
	struct segment_id id = some_id(false), read;
	struct segment_key key;
	uint8_t buf[SEGMENT_HEADER];

	segment_header_write(&id, buf, &key);
	put_le32(buf + offset, value);
	put_le64(buf + 56, hash_check(buf, 56, 0));
	return segment_header_read(buf, &read, &key, NULL);
}

START_TEST(versions_and_flags_of_later_programs_are_too_new)
{
	ck_assert_int_eq(read_changed(8, 1), 0);
	ck_assert_int_eq(read_changed(8, 2), TAPE_ERR_TOO_NEW);
	ck_assert_int_eq(read_changed(8, 0xffffffff), TAPE_ERR_TOO_NEW);
	ck_assert_int_eq(read_changed(8, 0), TAPE_ERR_DAMAGED);
	for (unsigned bit = 0; bit < 32; bit++) {
		ck_assert_int_eq(read_changed(12, 1u << bit), TAPE_ERR_TOO_NEW);
		ck_assert_int_eq(read_changed(16, 1u << bit), 0); /* compatible */
	}
	ck_assert_int_eq(read_changed(20, 2), TAPE_ERR_TOO_NEW);
	ck_assert_int_eq(read_changed(20, 1), TAPE_ERR_DAMAGED); /* number says log */
	ck_assert_int_eq(read_changed(52, 0x80000000), TAPE_ERR_DAMAGED);
}
END_TEST

/* ---- frame headers ---- */

static const struct frame some_frame = {
	.kind = FRAME_RECORDS,
	.flags = FRAME_FIRST,
	.contents = HAS_SCOPE | HAS_LINK,
	.payload_bytes = 11,
	.first_seq = 0x1122334455667788,
	.scopes = 3,
	.records = 5,
	.base_time = -2,
	.offset = 0x123456789a,
};

START_TEST(a_frame_header_has_its_fields_where_the_document_says)
{
	struct segment_key key = { 0xfeed, 0xbeef };
	struct frame frame = some_frame;
	uint8_t buf[FRAME_HEADER];

	frame_header_write(&key, &frame, (const uint8_t *)"eleven byte", buf);
	ck_assert_uint_eq(get_le64(buf), key.sync);
	ck_assert_uint_eq(buf[8], 1);
	ck_assert_uint_eq(buf[9], 1);
	ck_assert_uint_eq(get_le16(buf + 10), 0x204);
	ck_assert_uint_eq(get_le32(buf + 12), 11);
	ck_assert_uint_eq(get_le64(buf + 16), 0x1122334455667788);
	ck_assert_uint_eq(get_le32(buf + 24), 3);
	ck_assert_uint_eq(get_le32(buf + 28), 5);
	ck_assert_uint_eq(get_le64(buf + 32), UINT64_MAX - 1);
	ck_assert_uint_eq(get_le64(buf + 40), 0x123456789a);
	ck_assert_uint_eq(get_le64(buf + 48), hash_check("eleven byte", 11, key.seed));
	ck_assert_uint_eq(get_le64(buf + 56), hash_check(buf, 56, key.seed));
}
END_TEST

START_TEST(a_frame_header_reads_back_at_its_own_offset_and_with_its_own_key_only)
{
	struct segment_key key = { 0xfeed, 0xbeef }, seed = { 0xfeed, 0xbeee },
			   sync = { 0xfeef, 0xbeef };
	struct frame frame = some_frame, read;
	uint8_t buf[FRAME_HEADER];

	frame_header_write(&key, &frame, (const uint8_t *)"eleven byte", buf);
	memset(&read, 0, sizeof read);
	ck_assert(frame_header_read(&key, buf, frame.offset, &read));
	ck_assert_uint_eq(read.kind, frame.kind);
	ck_assert_uint_eq(read.flags, frame.flags);
	ck_assert_uint_eq(read.contents, frame.contents);
	ck_assert_uint_eq(read.payload_bytes, frame.payload_bytes);
	ck_assert_uint_eq(read.first_seq, frame.first_seq);
	ck_assert_uint_eq(read.scopes, frame.scopes);
	ck_assert_uint_eq(read.records, frame.records);
	ck_assert_int_eq(read.base_time, frame.base_time);
	ck_assert_uint_eq(read.offset, frame.offset);
	ck_assert_uint_eq(read.payload_check, frame.payload_check);
	ck_assert(!frame_header_read(&key, buf, frame.offset + 1, &read));
	ck_assert(!frame_header_read(&seed, buf, frame.offset, &read));
	ck_assert(!frame_header_read(&sync, buf, frame.offset, &read));
	for (unsigned bit = 0; bit < FRAME_HEADER * 8; bit++) {
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert(!frame_header_read(&key, buf, frame.offset, &read));
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
END_TEST

START_TEST(an_end_payload_reads_back_and_has_32_bytes)
{
	struct end_info end = { 11, 10, 3, END_CLOSED }, read;
	uint8_t buf[END_PAYLOAD + 1] = { 0 };

	end_payload_write(&end, buf);
	ck_assert_int_eq(end_payload_read(buf, END_PAYLOAD, &read), 0);
	ck_assert_uint_eq(read.next_seq, 11);
	ck_assert_uint_eq(read.scopes, 10);
	ck_assert_uint_eq(read.frames, 3);
	ck_assert_uint_eq(read.reason, END_CLOSED);
	ck_assert_uint_eq(get_le32(buf + 28), 0);
	ck_assert_int_eq(end_payload_read(buf, END_PAYLOAD - 1, &read), TAPE_ERR_DAMAGED);
	ck_assert_int_eq(end_payload_read(buf, END_PAYLOAD + 1, &read), TAPE_ERR_DAMAGED);
}
END_TEST

/* ---- records ---- */

static const struct tape_hash some_hash = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
					      14, 15, 16 } };

/* One of each kind that has fields of its own, into a frame of a writer. */
static void
every_record(struct testwriter *w)
{
	const uint64_t session[2] = { 77, 88 };
	struct form form;

	testwriter_begin(w, testwriter_session_a, 4, false, 100);
	ck_assert_int_eq(form_build(9, "a.c", 1, "f", NULL, 0, NULL, 0, &form, NULL), 0);
	testwriter_record(w, RECORD_PAD, 0, "\0\0\0", 3);
	testwriter_form(w, &form);
	testwriter_scope_bytes(w, 9, "body", 4);
	testwriter_link(w, &form, 100, -5);
	testwriter_projection(w, &form, 99, 6);
	testwriter_blob(w, "blob", 4);
	testwriter_bookmark(w, &form, NULL, -1);
	testwriter_cache(w, &some_hash, 100);
	testwriter_cache_drop(w, &some_hash);
	testwriter_continue(w, session, 99);
	testwriter_mark(w);
	testwriter_note(w, "host", "golden");
	testwriter_record(w, 128, 3, "skip me", 7);
	testwriter_record(w, 255, 0, NULL, 0);
	form_release(&form);
}

static struct record
next_record(const struct testwriter *w, size_t *at)
{
	struct record r;

	memset(&r, 0xee, sizeof r);
	ck_assert_int_eq(record_next(w->payload, w->payload_len, at, &r), 1);
	ck_assert_ptr_eq(r.data + r.len, w->payload + *at);
	return r;
}

static void
check_first_half(const struct testwriter *w, size_t *at)
{
	struct tape_hash name = hash_bytes("blob", 4);
	struct record r = next_record(w, at);

	ck_assert_uint_eq(r.kind, RECORD_PAD);
	r = next_record(w, at);
	ck_assert_uint_eq(r.kind, RECORD_FORM);
	ck_assert_uint_eq(r.form, 9);
	r = next_record(w, at);
	ck_assert_uint_eq(r.kind, RECORD_SCOPE);
	ck_assert_uint_eq(r.form, 9);
	ck_assert_int_eq(r.time_delta, 0);
	ck_assert_uint_eq(r.body_len, 4);
	ck_assert_mem_eq(r.body, "body", 4);
	r = next_record(w, at);
	ck_assert_uint_eq(r.kind, RECORD_LINK);
	ck_assert_uint_eq(r.target, 100);
	ck_assert_int_eq(r.time_delta, -5);
	r = next_record(w, at);
	ck_assert_uint_eq(r.kind, RECORD_PROJECTION);
	ck_assert_uint_eq(r.target, 99);
	ck_assert_int_eq(r.time_delta, 6);
	r = next_record(w, at);
	ck_assert_uint_eq(r.kind, RECORD_BLOB);
	ck_assert_uint_eq(r.body_len, 4);
	ck_assert_mem_eq(r.body, "blob", 4);
	ck_assert(hash_equal(&r.hash, &name));
	r = next_record(w, at);
	ck_assert_uint_eq(r.kind, RECORD_BOOKMARK);
	ck_assert_int_eq(r.time_delta, -1);
	ck_assert_uint_eq(r.body_len, 0);
}

START_TEST(every_kind_of_record_reads_back)
{
	struct testwriter w;
	struct record r;
	size_t at = 0;

	every_record(&w);
	ck_assert_uint_eq(w.contents, 0x3ff);
	check_first_half(&w, &at);
	r = next_record(&w, &at);
	ck_assert_uint_eq(r.kind, RECORD_CACHE);
	ck_assert_uint_eq(r.target, 100);
	ck_assert(hash_equal(&r.hash, &some_hash));
	r = next_record(&w, &at);
	ck_assert_uint_eq(r.kind, RECORD_CACHE_DROP);
	ck_assert(hash_equal(&r.hash, &some_hash));
	r = next_record(&w, &at);
	ck_assert_uint_eq(r.kind, RECORD_CONTINUE);
	ck_assert_uint_eq(r.pos.session[0], 77);
	ck_assert_uint_eq(r.pos.session[1], 88);
	ck_assert_uint_eq(r.pos.seq, 99);
	r = next_record(&w, &at);
	ck_assert_uint_eq(r.kind, RECORD_MARK);
	ck_assert_uint_eq(r.mark_segment, 4);
	ck_assert_uint_eq(r.mark_offset, SEGMENT_HEADER);
	r = next_record(&w, &at);
	ck_assert_uint_eq(r.kind, RECORD_NOTE);
	ck_assert_uint_eq(r.note_key_len, 4);
	ck_assert_mem_eq(r.note_key, "host", 4);
	ck_assert_uint_eq(r.body_len, 6);
	ck_assert_mem_eq(r.body, "golden", 6);
	r = next_record(&w, &at);
	ck_assert_uint_eq(r.kind, 128);
	ck_assert_uint_eq(r.len, 15);
	r = next_record(&w, &at);
	ck_assert_uint_eq(r.kind, 255);
	ck_assert_int_eq(record_next(w.payload, w.payload_len, &at, &r), 0);
	testwriter_release(&w);
}
END_TEST

/* Reads on as a reader does; the number of records, -1 if the payload's rest is lost. */
static int
count_records(const uint8_t *payload, size_t len)
{
	struct record r;
	size_t at = 0;
	int count = 0;

	for (;;) {
		size_t before = at;
		int status = record_next(payload, len, &at, &r);

		ck_assert_uint_le(at, len);
		if (status == 0)
			return count;
		if (status == 1 || (status == TAPE_ERR_DAMAGED && at > before)) {
			ck_assert_uint_ge(at, before + RECORD_HEADER);
			count += status == 1;
			continue;
		}
		ck_assert_uint_eq(at, before);
		return -1;
	}
}

/* What record_hop promises, by record_next. */
static uint32_t
hop_one_by_one(const uint8_t *payload, size_t len, size_t *at, uint32_t form)
{
	struct record r;
	uint32_t count = 0;

	for (size_t next = *at; record_next(payload, len, &next, &r) == 1; count++) {
		if (!record_has_seq(r.kind) || r.form != form)
			break;
		*at = next;
	}
	return count;
}

static uint32_t
compare_hops(const uint8_t *payload, size_t len)
{
	uint32_t most = 0;

	for (uint32_t form = 0; form < 4; form++) {
		size_t at = 0, slow = 0;
		uint32_t count = hop_one_by_one(payload, len, &slow, form);

		ck_assert_uint_eq(record_hop(payload, len, &at, form), count);
		ck_assert_uint_eq(at, slow);
		most = count > most ? count : most;
	}
	return most;
}

START_TEST(hopping_over_records_of_a_form_ends_where_reading_them_would)
{
	static const uint8_t body[40];
	uint8_t payload[400];
	size_t len = 0;

	for (unsigned i = 0; i < 4; i++) {
		record_header_write(payload + len, 40,
				    i == 2 ? RECORD_BOOKMARK : RECORD_SCOPE, 1);
		memcpy(payload + len + 8, body, 32);
		len += 40;
		len += record_link_write(payload + len,
					 i % 2 == 0 ? RECORD_LINK : RECORD_PROJECTION, 1,
					 5, 1);
	}
	len += record_link_write(payload + len, RECORD_LINK, 2, 5, 1);
	ck_assert_uint_eq(compare_hops(payload, len), 8);
	for (size_t cut = 0; cut <= len; cut++) {
		uint8_t *part =
			malloc(cut + 1); /* its own block: a read behind it shows */

		ck_assert_ptr_nonnull(part);
		memcpy(part + 1, payload, cut);
		(void)compare_hops(part + 1, cut);
		free(part);
	}
	for (size_t bit = 0; bit < len * 8; bit++) {
		payload[bit / 8] ^= (uint8_t)(1u << bit % 8);
		(void)compare_hops(payload, len);
		payload[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
END_TEST

START_TEST(a_payload_cut_within_a_record_says_so)
{
	struct testwriter w;
	size_t borders[32], count = 0;

	every_record(&w);
	for (size_t at = 0; at < w.payload_len; at += get_le32(w.payload + at))
		borders[count++] = at;
	for (size_t cut = 0; cut < w.payload_len; cut++) {
		uint8_t *part = malloc(cut + 1);
		bool border = false;

		for (size_t i = 0; i < count; i++)
			border = border || borders[i] == cut;
		ck_assert_ptr_nonnull(part);
		memcpy(part, w.payload, cut);
		ck_assert((count_records(part, cut) >= 0) == border);
		free(part);
	}
	testwriter_release(&w);
}
END_TEST

START_TEST(any_flipped_bit_leaves_records_inside_the_payload)
{
	struct testwriter w;

	every_record(&w);
	uint8_t *copy = malloc(w.payload_len);
	ck_assert_ptr_nonnull(copy);
	for (size_t bit = 0; bit < w.payload_len * 8; bit++) {
		memcpy(copy, w.payload, w.payload_len);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		(void)count_records(copy, w.payload_len); /* checks each step itself */
	}
	free(copy);
	testwriter_release(&w);
}
END_TEST

/* status of the one record; *usable: the rest of the payload could be read. */
static int
read_one(unsigned kind, uint32_t form, uint32_t len, const void *data, size_t data_len,
	 bool *usable)
{
	uint8_t buf[256] = { 0 };
	struct record r;
	size_t at = 0;
	int status;

	record_header_write(buf, len, kind, form);
	memcpy(buf + RECORD_HEADER, data, data_len);
	status = record_next(buf, sizeof buf, &at, &r);
	*usable = at == len;
	return status;
}

START_TEST(lengths_that_cannot_be_are_damage)
{
	static const uint32_t unusable[] = { 0, 7, 257, LIMIT_RECORD + 1, 0xffffffff };
	bool usable;

	for (size_t i = 0; i < 5; i++) {
		ck_assert_int_eq(read_one(RECORD_PAD, 0, unusable[i], "", 0, &usable),
				 TAPE_ERR_DAMAGED);
		ck_assert(!usable || unusable[i] == 0);
	}
	static const struct {
		unsigned kind;
		uint32_t min, max;
	} sizes[] = {
		{ RECORD_SCOPE, SCOPE_PREFIX, 256 },
		{ RECORD_BOOKMARK, SCOPE_PREFIX, 256 },
		{ RECORD_LINK, LINK_RECORD, LINK_RECORD },
		{ RECORD_PROJECTION, LINK_RECORD, LINK_RECORD },
		{ RECORD_CACHE, CACHE_RECORD, CACHE_RECORD },
		{ RECORD_CACHE_DROP, CACHE_DROP_RECORD, CACHE_DROP_RECORD },
		{ RECORD_CONTINUE, CONTINUE_RECORD, CONTINUE_RECORD },
		{ RECORD_MARK, MARK_RECORD, MARK_RECORD },
		{ RECORD_BLOB, BLOB_PREFIX, BLOB_PREFIX }, /* its size says 0 */
	};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		for (uint32_t len = 8; len <= 256; len++) {
			int status = read_one(sizes[i].kind, 1, len, "", 0, &usable);
			bool fits = len >= sizes[i].min && len <= sizes[i].max;

			ck_assert_msg(status == (fits ? 1 : TAPE_ERR_DAMAGED),
				      "kind %u of %u bytes", sizes[i].kind, len);
			ck_assert(usable);
		}
}
END_TEST

START_TEST(kinds_below_128_that_nobody_knows_refuse_the_frame)
{
	bool usable;

	for (unsigned kind = 12; kind < 256; kind++) {
		int status = read_one(kind, 0, 40, "", 0, &usable);

		ck_assert_int_eq(status, kind < 128 ? TAPE_ERR_TOO_NEW : 1);
		ck_assert(usable == (kind >= 128));
	}
}
END_TEST

START_TEST(kinds_with_a_form_need_a_form_number)
{
	bool usable;

	ck_assert_int_eq(read_one(RECORD_SCOPE, 0, 24, "", 0, &usable), TAPE_ERR_DAMAGED);
	ck_assert_int_eq(read_one(RECORD_BOOKMARK, 0, 24, "", 0, &usable),
			 TAPE_ERR_DAMAGED);
	ck_assert_int_eq(read_one(RECORD_LINK, 0, 24, "", 0, &usable), TAPE_ERR_DAMAGED);
	ck_assert_int_eq(read_one(RECORD_PROJECTION, 0, 24, "", 0, &usable),
			 TAPE_ERR_DAMAGED);
	ck_assert_int_eq(read_one(RECORD_FORM, 0, 24, "", 0, &usable), TAPE_ERR_DAMAGED);
	ck_assert(usable);
	ck_assert_int_eq(read_one(RECORD_SCOPE, 0xffffff, 24, "", 0, &usable), 1);
}
END_TEST

START_TEST(a_note_whose_lengths_do_not_fill_it_is_damage)
{
	bool usable;

	ck_assert_int_eq(read_one(RECORD_NOTE, 0, 18, "\3\0key\1\0\0\0v", 10, &usable),
			 1);
	ck_assert_int_eq(read_one(RECORD_NOTE, 0, 19, "\3\0key\1\0\0\0v", 10, &usable),
			 TAPE_ERR_DAMAGED);
	ck_assert_int_eq(read_one(RECORD_NOTE, 0, 18, "\4\0key\1\0\0\0v", 10, &usable),
			 TAPE_ERR_DAMAGED);
	ck_assert_int_eq(
		read_one(RECORD_NOTE, 0, 18, "\xff\xffkey\1\0\0\0v", 10, &usable),
		TAPE_ERR_DAMAGED);
	ck_assert_int_eq(read_one(RECORD_NOTE, 0, 18, "\0\0\4\0\0\0keyv", 10, &usable),
			 TAPE_ERR_DAMAGED);
	ck_assert_int_eq(
		read_one(RECORD_NOTE, 0, 18, "\3\0key\xff\xff\xff\xffv", 10, &usable),
		TAPE_ERR_DAMAGED);
	for (uint32_t len = 8; len < 14; len++)
		ck_assert_int_eq(read_one(RECORD_NOTE, 0, len, "\0\0", 2, &usable),
				 TAPE_ERR_DAMAGED);
	ck_assert(usable);
}
END_TEST

START_TEST(a_note_is_not_read_behind_its_end)
{
	for (uint16_t key_len = 0; key_len < 30; key_len++) {
		uint8_t *payload =
			calloc(1, 20); /* its own block: a read behind it shows */
		struct record r;
		size_t at = 0;

		ck_assert_ptr_nonnull(payload);
		record_header_write(payload, 20, RECORD_NOTE, 0);
		put_le16(payload + 8, key_len);
		ck_assert_int_eq(record_next(payload, 20, &at, &r),
				 key_len == 6 ? 1 : TAPE_ERR_DAMAGED);
		free(payload);
	}
}
END_TEST

START_TEST(notes_longer_than_the_limits_are_cut)
{
	char key[LIMIT_NAME + 100];
	char *value = malloc(LIMIT_NOTE_VALUE + 100);
	struct record r;
	size_t at = 0;

	ck_assert_ptr_nonnull(value);
	memset(key, 'k', sizeof key);
	key[sizeof key - 1] = '\0';
	memset(value, 'v', LIMIT_NOTE_VALUE + 99);
	value[LIMIT_NOTE_VALUE + 99] = '\0';
	size_t size = record_note_size(key, value);
	uint8_t *buf = malloc(size);
	ck_assert_ptr_nonnull(buf);
	ck_assert_uint_eq(record_note_write(buf, key, value), size);
	ck_assert_int_eq(record_next(buf, size, &at, &r), 1);
	ck_assert_uint_eq(r.note_key_len, LIMIT_NAME);
	ck_assert_uint_eq(r.body_len, LIMIT_NOTE_VALUE);
	free(buf);
	free(value);
}
END_TEST

/* ---- blobs ---- */

START_TEST(a_blob_is_read_by_its_place_and_verified)
{
	struct testwriter w;
	uint8_t *data = NULL;
	struct tape_hash name = hash_bytes("some bytes", 10), empty = hash_bytes("", 0);

	testwriter_begin(&w, testwriter_session_a, 0, true, 1);
	struct body_hint hint = testwriter_blob(&w, "some bytes", 10);
	struct body_hint none = testwriter_blob(&w, "", 0);
	testwriter_group(&w);
	ck_assert_uint_eq(hint.segment, BODY_BLOB_SEGMENT);
	struct block_memory memory = { w.data, w.len };
	struct block_source source = block_from_memory(&memory);
	ck_assert_int_eq(segment_read_blob(&source, hint.offset, &name, 10, &data, NULL),
			 0);
	ck_assert_mem_eq(data, "some bytes", 10);
	free(data);
	ck_assert_int_eq(segment_read_blob(&source, none.offset, &empty, 0, &data, NULL),
			 0);
	free(data);
	data = NULL;
	for (size_t offset = 0; offset < w.len + 50; offset++)
		if (offset != hint.offset)
			ck_assert_int_eq(segment_read_blob(&source, offset, &name, 10,
							   &data, NULL),
					 TAPE_ERR_DAMAGED);
	static const uint64_t sizes[] = {
		0, 9, 11, 1000, LIMIT_RECORD, UINT64_MAX, UINT64_MAX - 31
	};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		ck_assert_int_eq(segment_read_blob(&source, hint.offset, &name, sizes[i],
						   &data, NULL),
				 TAPE_ERR_DAMAGED);
	ck_assert_int_eq(segment_read_blob(&source, UINT64_MAX, &name, 10, &data, NULL),
			 TAPE_ERR_DAMAGED);
	ck_assert_ptr_null(data);
	testwriter_release(&w);
}
END_TEST

START_TEST(a_blob_with_any_bit_flipped_is_not_returned)
{
	struct testwriter w;
	uint8_t *data = NULL;
	struct tape_hash name = hash_bytes("some bytes", 10);

	testwriter_begin(&w, testwriter_session_a, 0, false, 1);
	struct body_hint hint = testwriter_blob(&w, "some bytes", 10);
	testwriter_group(&w);
	struct block_memory memory = { w.data, w.len };
	struct block_source source = block_from_memory(&memory);
	for (size_t bit = 0; bit < (BLOB_PREFIX + 10) * 8; bit++) {
		uint8_t *byte = w.data + hint.offset + bit / 8;

		if (bit / 8 >= 5 &&
		    bit / 8 < 8) /* the form number, which has no meaning */
			continue;
		*byte ^= (uint8_t)(1u << bit % 8);
		ck_assert_int_eq(
			segment_read_blob(&source, hint.offset, &name, 10, &data, NULL),
			TAPE_ERR_DAMAGED);
		*byte ^= (uint8_t)(1u << bit % 8);
	}
	ck_assert_ptr_null(data);
	testwriter_release(&w);
}
END_TEST

static TCase *
headers(void)
{
	TCase *tc = tcase_create("headers");

	tcase_add_test(tc, a_segment_header_has_its_fields_where_the_document_says);
	tcase_add_test(tc, a_segment_header_reads_back);
	tcase_add_test(tc, any_flipped_bit_of_a_segment_header_is_damage);
	tcase_add_test(tc, versions_and_flags_of_later_programs_are_too_new);
	tcase_add_test(tc, a_frame_header_has_its_fields_where_the_document_says);
	tcase_add_test(
		tc,
		a_frame_header_reads_back_at_its_own_offset_and_with_its_own_key_only);
	tcase_add_test(tc, an_end_payload_reads_back_and_has_32_bytes);
	return tc;
}

static TCase *
records(void)
{
	TCase *tc = tcase_create("records");

	tcase_add_test(tc, every_kind_of_record_reads_back);
	tcase_add_test(tc, hopping_over_records_of_a_form_ends_where_reading_them_would);
	tcase_add_test(tc, a_payload_cut_within_a_record_says_so);
	tcase_add_test(tc, any_flipped_bit_leaves_records_inside_the_payload);
	tcase_add_test(tc, lengths_that_cannot_be_are_damage);
	tcase_add_test(tc, kinds_below_128_that_nobody_knows_refuse_the_frame);
	tcase_add_test(tc, kinds_with_a_form_need_a_form_number);
	tcase_add_test(tc, a_note_whose_lengths_do_not_fill_it_is_damage);
	tcase_add_test(tc, a_note_is_not_read_behind_its_end);
	tcase_add_test(tc, notes_longer_than_the_limits_are_cut);
	tcase_add_test(tc, a_blob_is_read_by_its_place_and_verified);
	tcase_add_test(tc, a_blob_with_any_bit_flipped_is_not_returned);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("segment");

	suite_add_tcase(suite, headers());
	suite_add_tcase(suite, records());
	return suite_run(suite);
}
