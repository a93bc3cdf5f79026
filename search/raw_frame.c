/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of a raw session: their payloads and their records. */
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/os.h"
#include "search/raw.h"
#include "search/reader.h"

#define AHEAD_MAX 262144u

/* ---- bytes ---- */

static bool
view_holds(const struct raw_view *v, uint32_t segment, uint64_t at, size_t len)
{
	return v->segment == segment && at >= v->at && at - v->at <= v->len &&
	       v->len - (at - v->at) >= len;
}

static int
view_room(struct raw_view *v, size_t len)
{
	uint8_t *more;

	if (v->cap >= len)
		return 0;
	more = realloc(v->buf, len);
	if (more == NULL)
		return TAPE_ERR_NOMEM;
	v->buf = more;
	v->cap = len;
	return 0;
}

/*
 * Makes room for `len` bytes from `at`, and for some to come in the direction
 * of reading; *want is how many to have. What is there of them already stays.
 */
static int
view_move(struct raw_view *v, uint32_t segment, uint64_t *at, size_t len, size_t *want)
{
	size_t kept = 0, ahead = 0;

	if (v->backward && len < AHEAD_MAX) {
		uint64_t end = *at + len;

		*at = end > AHEAD_MAX ? end - AHEAD_MAX : 0;
		*want = (size_t)(end - *at);
	} else {
		if (view_holds(v, segment, *at, 0)) {
			kept = v->len - (size_t)(*at - v->at);
			ahead = v->ahead * 2 + 4096;
			memmove(v->buf, v->buf + (*at - v->at), kept);
		}
		v->ahead = ahead < AHEAD_MAX ? ahead : AHEAD_MAX;
		*want = len + v->ahead;
	}
	v->segment = segment;
	v->at = *at;
	v->len = kept;
	return view_room(v, *want);
}

/* 0 = told: what else is wrong with the frame at that place is not told again. */
static int
not_read(struct raw_session *s, const struct raw_segment *g, uint64_t at, int error,
	 struct tape_error *err)
{
	if (reader_unreadable(s->base.reader, g->path, at, error,
			      "cannot read a frame, its scopes are not shown"))
		return 0;
	return error_io(err, error, g->path, "cannot read the segment at offset %llu",
			(unsigned long long)at);
}

/* 1 = *out has len bytes, borrowed until the next call; 0 = it has not. */
static int
view_get(struct raw_session *s, struct raw_view *v, size_t segment, uint64_t at,
	 size_t len, const uint8_t **out, struct tape_error *err)
{
	struct raw_segment *g = &s->segments[segment];
	uint64_t from = at;
	size_t want;
	int64_t got;

	if (at > g->size || g->size - at < len)
		return 0;
	if (!view_holds(v, (uint32_t)segment, at, len)) {
		if (view_move(v, (uint32_t)segment, &from, len, &want) != 0)
			return error_set(err, TAPE_ERR_NOMEM, g->path, at,
					 "no memory for %zu bytes of the segment", len);
		if (want > g->size - from)
			want = (size_t)(g->size - from);
		got = os_pread(g->fd, v->buf + v->len, want - v->len, from + v->len);
		if (got < 0) {
			/* Perhaps only what comes along cannot be read. */
			v->at = at;
			v->len = 0;
			got = os_pread(g->fd, v->buf, len, at);
		}
		if (got < 0)
			return not_read(s, g, at, (int)got, err);
		v->len += (size_t)got;
	}
	if (!view_holds(v, (uint32_t)segment, at, len))
		return 0;
	*out = v->buf + (at - v->at);
	return 1;
}

int
raw_frame_read(struct raw_session *s, size_t segment, const struct raw_frame *frame,
	       struct raw_view *view, struct frame *header, const uint8_t **payload,
	       struct tape_error *err)
{
	struct raw_segment *g = &s->segments[segment];
	const uint8_t *p = NULL;
	int r = raw_segment_open(s, segment, err);

	if (r == 0)
		r = view_get(s, view, segment, frame->offset,
			     (size_t)FRAME_HEADER + frame->payload, &p, err);
	if (g->bad)
		return 0;
	if (r < 0)
		return r;
	if (r == 1 && frame_header_read(&g->key, p, frame->offset, header) &&
	    header->payload_bytes == frame->payload &&
	    hash_check(p + FRAME_HEADER, frame->payload, g->key.seed) ==
		    header->payload_check) {
		*payload = p + FRAME_HEADER;
		return 1;
	}
	reader_report(
		s->base.reader, TAPE_DAMAGE_MET, g->path, frame->offset,
		(uint64_t)frame->payload + FRAME_HEADER,
		"damaged: a frame does not match its checksum; its %u scopes from seq "
		"%llu are missing",
		frame->scopes, (unsigned long long)frame->first_seq);
	return 0;
}

/* ---- records ---- */

static int
item_add(struct raw_items *items, uint32_t at, uint32_t index)
{
	if (items->count == items->cap) {
		size_t cap = items->cap == 0 ? 1024 : items->cap * 2;
		struct raw_item *more = realloc(items->items, cap * sizeof *more);

		if (more == NULL)
			return TAPE_ERR_NOMEM;
		items->items = more;
		items->cap = cap;
	}
	items->items[items->count++] = (struct raw_item){ at, index };
	return 0;
}

static bool
form_wanted(struct raw_session *s, struct raw_form *f)
{
	if (f->base.wanted == 0)
		f->base.wanted =
			s->iter.want == NULL || s->iter.want(s->iter.user, &f->base) ? 2
										     : 1;
	return f->base.wanted == 2;
}

void
raw_frame_bad(struct raw_session *s, const struct raw_segment *g, const struct frame *h,
	      size_t at, int r, bool stuck)
{
	const char *what = "damaged: a record does not decode; it is not shown";

	if (r == TAPE_ERR_TOO_NEW)
		what = "a record of an unknown kind, made by a later version of tape: "
		       "nothing of its frame is shown";
	else if (stuck)
		what = "damaged: a record has an impossible length; the rest of its "
		       "frame is not shown";
	reader_report(s->base.reader, TAPE_DAMAGE_MET, g->path,
		      h->offset + FRAME_HEADER + at, 0, "%s", what);
}

static void
note_met(struct raw_session *s, const struct record *rec)
{
	if (s->iter.note != NULL)
		s->iter.note(s->iter.user, rec->note_key, rec->note_key_len,
			     (const char *)rec->body, rec->body_len);
}

static void
other_met(struct raw_session *s, uint64_t seq, const struct record *rec)
{
	bool other = rec->kind == RECORD_CACHE || rec->kind == RECORD_CACHE_DROP ||
		     rec->kind == RECORD_CONTINUE || rec->kind >= RECORD_OPTIONAL;

	if (s->iter.other != NULL && other)
		s->iter.other(s->iter.user, seq, rec->data, rec->len);
}

int
raw_frame_items(struct raw_session *s, size_t segment, const struct frame *h,
		const uint8_t *payload, bool filter, struct raw_items *items,
		struct tape_error *err)
{
	struct raw_segment *g = &s->segments[segment];
	struct raw_form *form = NULL;
	uint32_t form_number = 0, index = 0;
	size_t at = 0, was = 0;
	struct record rec = { 0 };
	int r;

	items->count = 0;
	while ((r = record_next(payload, h->payload_bytes, &at, &rec)) != 0) {
		size_t here = was;

		was = at;
		if (r == TAPE_ERR_TOO_NEW) {
			items->count = 0;
			raw_frame_bad(s, g, h, here, r, true);
			return 0;
		}
		if (r < 0) {
			raw_frame_bad(s, g, h, here, r, at == here);
			if (at == here)
				break;
		}
		s->skipped += filter && h->scopes != 0 && rec.kind >= RECORD_OPTIONAL;
		if (rec.kind == RECORD_NOTE && r == 1 && filter)
			note_met(s, &rec);
		if (r == 1 && filter)
			other_met(s, h->first_seq + index, &rec);
		if (!record_has_seq(rec.kind))
			continue;
		index++;
		if (r < 0 || index > h->scopes)
			continue;
		if (rec.form != form_number) {
			form = raw_segment_use_form(s, g, rec.form,
						    h->offset + FRAME_HEADER + here);
			form_number = form == NULL ? 0 : rec.form;
		}
		if (form == NULL)
			continue;
		if (filter && !form_wanted(s, form)) {
			index += record_hop(payload, h->payload_bytes, &at, form_number);
			was = at;
			continue;
		}
		if (item_add(items, (uint32_t)here, index - 1) != 0)
			return error_set(err, TAPE_ERR_NOMEM, g->path, h->offset,
					 "no memory for the records of a frame");
	}
	if (index != h->scopes)
		reader_report(s->base.reader, TAPE_DAMAGE_MET, g->path, h->offset, 0,
			      "damaged: a frame promises %u scopes and holds %u",
			      h->scopes, index);
	return 0;
}

static int64_t
time_sum(int64_t base, int64_t delta)
{
	int64_t t;

	if (__builtin_add_overflow(base, delta, &t))
		return delta < 0 ? INT64_MIN : INT64_MAX;
	return t;
}

bool
raw_frame_record(struct raw_session *s, size_t segment, const struct frame *h,
		 const uint8_t *bytes, size_t len, const struct raw_item *item,
		 struct source_record *out)
{
	struct raw_segment *g = &s->segments[segment];
	size_t at = 0;
	struct record rec;
	struct raw_form *f;

	if (record_next(bytes, len, &at, &rec) != 1)
		return false;
	f = raw_segment_form(g, rec.form);
	if (f == NULL || f->state != RAW_FORM_GOOD)
		return false;
	*out = (struct source_record){ .of = &s->base };
	out->seq = h->first_seq + item->index;
	out->time = time_sum(h->base_time, rec.time_delta);
	out->form = &f->base;
	out->place.part = (uint32_t)segment;
	out->place.offset = h->offset + FRAME_HEADER + item->at;
	if (rec.kind == RECORD_LINK || rec.kind == RECORD_PROJECTION) {
		out->kind = rec.kind == RECORD_LINK ? SOURCE_LINK : SOURCE_PROJECTION;
		out->target = rec.target;
		return true;
	}
	out->kind = rec.kind == RECORD_SCOPE ? SOURCE_SCOPE : SOURCE_BOOKMARK;
	out->body = rec.body;
	out->body_len = rec.body_len;
	return true;
}
