/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/sample.h"

#include <check.h>
#include <string.h>

void
sample_frame(struct sample *s, unsigned flags)
{
	struct sample_place *p = &s->frames[s->count++];

	ck_assert_uint_le(s->count, SAMPLE_FRAMES);
	testwriter_frame(&s->w, flags);
	p->offset = s->w.last_frame;
	p->size = s->w.len - p->offset;
	p->flags = flags;
	p->kind = s->w.data[p->offset + 8];
}

void
sample_scope(struct sample *s, size_t text_bytes)
{
	char text[600] = "";
	struct tape_value values[2] = {
		testwriter_bytes_value(TAPE_STR, text, text_bytes),
		testwriter_i64((int64_t)s->w.seq),
	};

	memset(text, 'a' + (int)(s->w.seq % 26), sizeof text);
	testwriter_scope(&s->w, &s->form, values, NULL, (int64_t)s->w.seq);
}

void
sample_end(struct sample *s)
{
	struct sample_place *p = &s->frames[s->count++];

	testwriter_end(&s->w, END_CLOSED);
	p->offset = s->w.last_frame;
	p->size = s->w.len - p->offset;
	p->flags = FRAME_FIRST | FRAME_LAST;
	p->kind = FRAME_END;
}

void
sample_make(struct sample *s, size_t text_bytes, unsigned singles)
{
	const char *labels[] = { "run" };
	struct form_var vars[] = { { .name = "x", .unit = "m", .type = TAPE_I64 },
				   { .name = "t", .unit = "", .type = TAPE_STR } };

	memset(s, 0, sizeof *s);
	ck_assert_int_eq(
		form_build(1, "a.c", 7, "main", labels, 1, vars, 2, &s->form, NULL), 0);
	testwriter_begin(&s->w, testwriter_session_a, 0, false, 1);
	testwriter_note(&s->w, "host", "golden");
	sample_frame(s, FRAME_FIRST | FRAME_LAST);
	testwriter_form(&s->w, &s->form);
	sample_scope(s, text_bytes);
	sample_scope(s, text_bytes);
	sample_frame(s, FRAME_FIRST | FRAME_LAST);
	testwriter_blob(&s->w, "some bytes of a blob", 20);
	sample_frame(s, FRAME_FIRST);
	sample_scope(s, text_bytes);
	sample_frame(s, 0);
	sample_scope(s, text_bytes);
	sample_frame(s, FRAME_LAST);
	sample_scope(s, text_bytes);
	sample_frame(s, FRAME_FIRST);
	sample_scope(s, text_bytes);
	sample_frame(s, FRAME_LAST);
	for (unsigned i = 0; i < singles; i++) {
		sample_scope(s, text_bytes);
		sample_frame(s, FRAME_FIRST | FRAME_LAST);
	}
}

void
sample_release(struct sample *s)
{
	form_release(&s->form);
	testwriter_release(&s->w);
}

static void
outcome_frame(const struct sample *s, const struct scan_event *event,
	      struct sample_outcome *o)
{
	size_t i = 0;

	while (i < s->count && s->frames[i].offset != event->frame.offset)
		i++;
	ck_assert_msg(i < s->count, "a frame at %llu that was never written",
		      (unsigned long long)event->frame.offset);
	ck_assert_msg(!o->given[i], "frame %zu is given twice", i);
	ck_assert_uint_eq(event->frame.payload_bytes, s->frames[i].size - FRAME_HEADER);
	if (event->payload != NULL)
		ck_assert_mem_eq(event->payload,
				 s->w.data + s->frames[i].offset + FRAME_HEADER,
				 event->frame.payload_bytes);
	o->given[i] = true;
	o->frames++;
}

void
sample_scan(const struct sample *s, const uint8_t *data, size_t len, uint16_t want,
	    struct sample_outcome *o)
{
	struct block_memory memory = { data, len };
	struct block_source source = block_from_memory(&memory);
	struct segment_scan *scan = NULL;
	struct scan_event event;
	struct tape_error err = { 0 };

	memset(o, 0, sizeof *o);
	o->opened = segment_scan_open(&source, &s->w.id, want, &scan, &err);
	if (o->opened < 0) {
		ck_assert_int_eq(err.status, o->opened);
		ck_assert_str_ne(err.message, "");
		return;
	}
	while ((o->status = segment_scan_next(scan, &event, &err)) == 1) {
		ck_assert_uint_eq(o->tails, 0); /* nothing follows a tail */
		ck_assert(event.kind == SCAN_FRAME || event.message[0] != '\0');
		if (event.kind == SCAN_FRAME) {
			outcome_frame(s, &event, o);
		} else if (event.kind == SCAN_REPORT) {
			if (o->reports++ == 0) {
				o->report_at = event.offset;
				o->report_bytes = event.bytes;
				memcpy(o->message, event.message, sizeof o->message);
			}
		} else if (event.kind == SCAN_TAIL) {
			o->tails++;
			o->tail_at = event.offset;
			ck_assert_uint_eq(event.offset + event.bytes, len);
		} else {
			o->too_new++;
		}
	}
	o->ended = segment_scan_ended(scan, NULL);
	segment_scan_close(scan);
}

size_t
sample_group_first(const struct sample *s, size_t i)
{
	while (!(s->frames[i].flags & FRAME_FIRST))
		i--;
	return i;
}

size_t
sample_group_last(const struct sample *s, size_t i)
{
	while (!(s->frames[i].flags & FRAME_LAST))
		i++;
	return i;
}

size_t
sample_place_end(const struct sample_place *p)
{
	return p->offset + p->size;
}
