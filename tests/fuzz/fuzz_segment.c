/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments from bytes. The first byte says how the rest becomes a file:
 *   '0'  it is the file, as it stands (checksums stop nearly all of these early)
 *   '1'  it is the payload of one frame, sealed with right checksums
 *   '2'  frames, each as u8 kind, u8 flags, u16 contents, u16 length, payload, sealed;
 *        what does not parse as such follows as it stands
 * Then everything a reader does: scan, records, forms, bodies, values, hashes.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/block.h"
#include "format/form.h"
#include "format/le.h"
#include "format/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FORMS 16u
#define FRAMES_MAX 4096u

struct state {
	struct form forms[FORMS];
	uint64_t sum; /* of every byte given: a sanitizer sees what lies outside */
};

static void
touch(struct state *state, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++)
		state->sum += at[i];
}

/* A signalling NaN of 32 bits becomes a quiet one when it is widened: it does not write back. */
static bool
has_narrow_nan(const struct tape_value *value)
{
	return (value->type == TAPE_F32 && isnan(value->as.f)) ||
	       (value->type == TAPE_C8 &&
		(isnan(value->as.c[0]) || isnan(value->as.c[1])));
}

static void
read_body(struct state *state, const struct record *record)
{
	const struct form *form = &state->forms[record->form % FORMS];
	struct tape_value *values;
	bool comparable = true;
	size_t canonical;
	uint8_t *again;

	if (form->number != record->form ||
	    body_check(form, record->body, record->body_len, &canonical, NULL) < 0)
		return;
	if (canonical > record->body_len)
		abort();
	values = calloc(form->var_count + 1, sizeof *values);
	again = malloc(record->body_len + 1);
	if (!values || !again)
		goto out;
	body_values(form, record->body, values, NULL);
	for (uint32_t i = 0; i < form->var_count; i++) {
		struct tape_value one;

		body_value(form, record->body, i, &one, NULL);
		if (one.type != values[i].type || one.size != values[i].size ||
		    one.data != values[i].data)
			abort();
		if (one.data)
			touch(state, one.data, one.size);
		comparable = comparable && !has_narrow_nan(&one);
	}
	struct tape_hash hash = body_hash(form, record->body, canonical);

	touch(state, hash.byte, sizeof hash.byte);
	/* What reads must lay out again in as many bytes: hints apart, the same. */
	int64_t n =
		body_write(form, values, NULL, again, record->body_len, &canonical, NULL);

	if (n >= 0 && ((size_t)n != record->body_len ||
		       (comparable && memcmp(again, record->body, canonical) != 0)))
		abort();
out:
	free(values);
	free(again);
}

static void
read_form(struct state *state, const struct record *record)
{
	struct form form;
	uint8_t *again;
	size_t size;

	if (form_decode(record->data + RECORD_HEADER, record->len - RECORD_HEADER,
			record->form, &form, NULL) < 0)
		return;
	size = form_record_size(&form);
	again = malloc(size);
	if (again) {
		form_record_write(&form, again);
		touch(state, again, size);
		if (size != record->len || memcmp(again, record->data, size) != 0)
			abort();
	}
	free(again);
	form_release(&state->forms[record->form % FORMS]);
	state->forms[record->form % FORMS] = form;
}

static void
read_payload(struct state *state, const uint8_t *payload, size_t len)
{
	struct record record;
	size_t at = 0;
	int r;

	do {
		size_t before = at;

		r = record_next(payload, len, &at, &record);
		if (at > len || (r == 1 && at == before))
			abort();
		if (r == TAPE_ERR_DAMAGED && at != before)
			r = 1; /* that one only */
		else if (r == 1 && record.kind == RECORD_FORM)
			read_form(state, &record);
		else if (r == 1 &&
			 (record.kind == RECORD_SCOPE || record.kind == RECORD_BOOKMARK))
			read_body(state, &record);
		else if (r == 1 && record.kind == RECORD_NOTE)
			touch(state, record.note_key, record.note_key_len);
	} while (r == 1);
}

static void
scan(const uint8_t *file, size_t size)
{
	struct block_memory memory = { file, size };
	struct block_source source = block_from_memory(&memory);
	struct state state = { .sum = 0 };
	struct segment_scan *scan = NULL;
	struct scan_event event;
	struct end_info end;
	unsigned events = 0;

	if (segment_scan_open(&source, NULL, 0, &scan, NULL) < 0)
		return;
	while (segment_scan_next(scan, &event, NULL) == 1) {
		if (event.kind == SCAN_FRAME && event.payload) {
			touch(&state, event.payload, event.frame.payload_bytes);
			read_payload(&state, event.payload, event.frame.payload_bytes);
		}
		/* Each event moves on by a byte at least. */
		if (++events > 2 * size + 16)
			abort();
	}
	(void)segment_scan_ended(scan, &end);
	segment_scan_close(scan);
	for (size_t i = 0; i < FORMS; i++)
		form_release(&state.forms[i]);
}

static const struct segment_id id = { .tape = "fuzzfuzzfuzzfuz", .session = { 1, 2 } };

static size_t
seal(const struct segment_key *key, struct frame *frame, const uint8_t *payload,
     uint8_t *file, size_t at)
{
	frame->offset = at;
	frame_header_write(key, frame, payload, file + at);
	memcpy(file + at + FRAME_HEADER, payload, frame->payload_bytes);
	return at + FRAME_HEADER + frame->payload_bytes;
}

static size_t
make_frames(const struct segment_key *key, const uint8_t *data, size_t size,
	    uint8_t *file, size_t at)
{
	uint64_t seq = 1;

	for (unsigned i = 0; i < FRAMES_MAX && size >= 6; i++) {
		struct frame frame = { .kind = data[0],
				       .flags = data[1],
				       .contents = get_le16(data + 2),
				       .payload_bytes = get_le16(data + 4),
				       .first_seq = seq++ };

		if (frame.payload_bytes > size - 6)
			break;
		at = seal(key, &frame, data + 6, file, at);
		data += 6 + frame.payload_bytes;
		size -= 6 + frame.payload_bytes;
	}
	memcpy(file + at, data, size);
	return at + size;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A frame of nothing takes 6 bytes and becomes 64. */
	size_t cap = SEGMENT_HEADER + FRAME_HEADER + size * 12;
	struct segment_key key;
	uint8_t *file;
	size_t len = SEGMENT_HEADER;

	if (size == 0)
		return 0;
	if (data[0] == '0') {
		scan(data + 1, size - 1);
		return 0;
	}
	file = malloc(cap);
	if (!file)
		return 0;
	segment_header_write(&id, file, &key);
	if (data[0] == '1') {
		struct frame frame = { .kind = FRAME_RECORDS,
				       .flags = FRAME_FIRST | FRAME_LAST,
				       .contents = UINT16_MAX,
				       .payload_bytes = (uint32_t)size - 1,
				       .first_seq = 1 };

		len = seal(&key, &frame, data + 1, file, len);
	} else {
		len = make_frames(&key, data + 1, size - 1, file, len);
	}
	scan(file, len);
	free(file);
	return 0;
}
