/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a segment frame by frame, whatever became of it
 * (docs/format/segment.md section 7).
 *
 * The scanner stands at `pos` and is in one of three states: inside a group
 * that is known to be complete (pos < group_end), where frames are given;
 * in front of a group, where it looks ahead over headers for the group's last
 * frame; or walking over a group that never ends (`hiding`), where only damage
 * is told. Each byte is looked at a fixed number of times, however the file is
 * made.
 */
#include "format/segment.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/le.h"
#include "format/limits.h"

#define CHUNK_ALL 262144u /* one read fills half of a usual second-level cache */
#define CHUNK_HOP 4096u	  /* a few headers where payloads are mostly not wanted */

struct segment_scan {
	struct block_source source; /* its size shrinks if the file does */
	struct segment_key key;
	uint16_t want;

	uint8_t *window; /* bytes of the file from window_at */
	size_t window_cap, window_len;
	uint64_t window_at;

	uint64_t pos;
	uint64_t group_end; /* frames before this are of complete groups */
	uint64_t hidden_at; /* while hiding: where the group begins */
	bool hiding;
	bool resynced; /* the frame at pos need not begin a group */
	bool behind_end;
	bool done;

	bool ended, counting;
	bool blob; /* seqs go on elsewhere: what END says of the next one is not of this segment */
	struct end_info end;
	struct end_info seen; /* what END should say, if nothing was damaged */
};

/* What stands at an offset. */
enum place {
	PLACE_FRAME, /* a valid header, and room for its payload */
	PLACE_BAD,
	PLACE_SHORT, /* the file ends before the frame does */
};

static uint64_t
frame_bytes(const struct frame *frame)
{
	return (uint64_t)FRAME_HEADER + frame->payload_bytes;
}

static int tell(struct scan_event *event, enum scan_kind kind, uint64_t offset,
		uint64_t bytes, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* Fills an event and returns 1. */
static int
tell(struct scan_event *event, enum scan_kind kind, uint64_t offset, uint64_t bytes,
     const char *format, ...)
{
	va_list args;

	event->kind = kind;
	event->offset = offset;
	event->bytes = bytes;
	va_start(args, format);
	(void)vsnprintf(event->message, sizeof event->message, format, args);
	va_end(args);
	return 1;
}

/* ---- bytes of the file ---- */

static bool
window_holds(const struct segment_scan *scan, uint64_t at, size_t len)
{
	return at >= scan->window_at && at - scan->window_at <= scan->window_len &&
	       scan->window_len - (at - scan->window_at) >= len;
}

/* Makes `at` the first byte of a window that can take `len`; *kept bytes of it are there. */
static int
window_move(struct segment_scan *scan, uint64_t at, size_t len, size_t *kept,
	    struct tape_error *err)
{
	uint8_t *from = scan->window, *to = scan->window;

	*kept = 0;
	if (scan->window && window_holds(scan, at, 0)) {
		*kept = scan->window_len - (size_t)(at - scan->window_at);
		from += at - scan->window_at;
	}
	if (scan->window_cap < len) {
		to = malloc(len);
		if (to == NULL)
			return error_set(err, TAPE_ERR_NOMEM, NULL, at,
					 "no memory for %zu bytes of a segment", len);
	}
	if (*kept > 0)
		memmove(to, from, *kept);
	if (to != scan->window) {
		free(scan->window);
		scan->window = to;
		scan->window_cap = len;
	}
	scan->window_at = at;
	scan->window_len = *kept;
	return 0;
}

static int
not_read(struct tape_error *err, int error, uint64_t at)
{
	(void)error_io(err, error, NULL, "cannot read the segment");
	if (err)
		err->offset = at;
	return TAPE_ERR_IO;
}

/*
 * 1 = *out has `len` bytes from `at`, borrowed until the next call. 0 = the file
 * ends before. A writer may cut a failed write off while we read, so a short
 * read makes the file shorter for good.
 */
static int
fetch(struct segment_scan *scan, uint64_t at, size_t len, const uint8_t **out,
      struct tape_error *err)
{
	size_t ahead = scan->want == 0 ? CHUNK_ALL : CHUNK_HOP, kept;
	int64_t got;
	int status;

	if (at > scan->source.size || scan->source.size - at < len)
		return 0;
	if (!window_holds(scan, at, len)) {
		if (ahead < len)
			ahead = len;
		if (ahead > scan->source.size - at)
			ahead = (size_t)(scan->source.size - at);
		status = window_move(scan, at, ahead, &kept, err);
		if (status < 0)
			return status;
		if (kept < ahead) {
			got = scan->source.pread(scan->source.user, scan->window + kept,
						 ahead - kept, at + kept);
			if (got < 0)
				return not_read(err, (int)got, at + kept);
			scan->window_len = kept + (size_t)got;
			if (scan->window_len < ahead)
				scan->source.size = at + scan->window_len;
		}
	}
	if (scan->window_len - (size_t)(at - scan->window_at) < len)
		return 0;
	*out = scan->window + (at - scan->window_at);
	return 1;
}

/* The 64 bytes at `at` without moving the window: for looking ahead. */
static int
peek(struct segment_scan *scan, uint64_t at, uint8_t buf[FRAME_HEADER],
     struct tape_error *err)
{
	int64_t got;

	if (at > scan->source.size || scan->source.size - at < FRAME_HEADER)
		return 0;
	if (window_holds(scan, at, FRAME_HEADER)) {
		memcpy(buf, scan->window + (at - scan->window_at), FRAME_HEADER);
		return 1;
	}
	got = scan->source.pread(scan->source.user, buf, FRAME_HEADER, at);
	if (got < 0)
		return not_read(err, (int)got, at);
	if (got < (int64_t)FRAME_HEADER)
		scan->source.size = at + (uint64_t)got;
	return got == (int64_t)FRAME_HEADER;
}

static bool
header_valid(const struct segment_scan *scan, const uint8_t *header, uint64_t at,
	     struct frame *frame)
{
	return frame_header_read(&scan->key, header, at, frame) &&
	       frame->payload_bytes <= LIMIT_FRAME;
}

/* enum place or a negative status. */
static int
place_at(struct segment_scan *scan, uint64_t at, bool ahead, struct frame *frame,
	 struct tape_error *err)
{
	uint8_t buf[FRAME_HEADER];
	const uint8_t *header = buf;
	int got = ahead ? peek(scan, at, buf, err)
			: fetch(scan, at, FRAME_HEADER, &header, err);

	if (got < 0)
		return got;
	if (got == 0)
		return PLACE_SHORT;
	if (!header_valid(scan, header, at, frame))
		return PLACE_BAD;
	return scan->source.size - at < frame_bytes(frame) ? PLACE_SHORT : PLACE_FRAME;
}

/*
 * How much to look through at once: what the window has, so that many small
 * damages do not each move it.
 */
static size_t
chunk_from(const struct segment_scan *scan, uint64_t at)
{
	uint64_t left = scan->source.size - at;

	if (left >= FRAME_HEADER && window_holds(scan, at, FRAME_HEADER)) {
		size_t have = scan->window_len - (size_t)(at - scan->window_at);

		return have < left ? have : (size_t)left;
	}
	return left < CHUNK_ALL ? (size_t)left : CHUNK_ALL;
}

/* 1 if there are only zero bytes from `at` to the end. */
static int
zero_to_end(struct segment_scan *scan, uint64_t at, struct tape_error *err)
{
	while (at < scan->source.size) {
		size_t len = chunk_from(scan, at);
		const uint8_t *p = NULL;
		int got = fetch(scan, at, len, &p, err);

		if (got < 0)
			return got;
		if (got == 0) /* the file became shorter */
			continue;
		if (p[0] != 0 || memcmp(p, p + 1, len - 1) != 0)
			return 0;
		at += len;
	}
	return 1;
}

/* True: a valid header at p[*skip]. False: none begins before p[*skip]. */
static bool
search_chunk(const struct segment_scan *scan, const uint8_t *p, size_t len, uint64_t at,
	     size_t *skip)
{
	struct frame frame;
	uint8_t sync[8];
	size_t i = 0;

	put_le64(sync, scan->key.sync);
	for (;; i++) {
		const uint8_t *hit = memmem(p + i, len - i, sync, sizeof sync);

		if (hit == NULL) {
			*skip = len - (sizeof sync - 1);
			return false;
		}
		i = (size_t)(hit - p);
		*skip = i;
		if (len - i < FRAME_HEADER)
			return false;
		if (header_valid(scan, hit, at + i, &frame))
			return true;
	}
}

/* 1 = *found is the next valid header behind the damage at `at`, 0 = none. */
static int
resync(struct segment_scan *scan, uint64_t at, uint64_t *found, struct tape_error *err)
{
	at++;
	while (at < scan->source.size && scan->source.size - at >= FRAME_HEADER) {
		size_t len = chunk_from(scan, at), skip;
		const uint8_t *p = NULL;
		int got = fetch(scan, at, len, &p, err);

		if (got < 0)
			return got;
		if (got == 0)
			continue;
		got = search_chunk(scan, p, len, at, &skip);
		at += skip;
		if (got) {
			*found = at;
			return 1;
		}
	}
	return 0;
}

/* ---- steps: 1 = an event, 0 = go on, negative = error ---- */

static int
tail(struct segment_scan *scan, uint64_t from, struct scan_event *event)
{
	scan->done = true;
	return tell(event, SCAN_TAIL, from, scan->source.size - from,
		    "the last write is not complete: %llu bytes at the end are not shown",
		    (unsigned long long)(scan->source.size - from));
}

/* The header at pos does not verify. */
static int
bad_header(struct segment_scan *scan, struct scan_event *event, struct tape_error *err)
{
	uint64_t at = scan->pos, found;
	int status = zero_to_end(scan, at, err);

	if (status < 0)
		return status;
	if (status == 1)
		return tail(scan, scan->hiding ? scan->hidden_at : at, event);
	status = resync(scan, at, &found, err);
	if (status < 0)
		return status;
	scan->counting = false;
	if (status == 1) {
		scan->pos = found;
		scan->resynced = true;
		return tell(event, SCAN_REPORT, at, found - at,
			    "damaged: no valid frame in %llu bytes, their scopes are "
			    "missing; the rest is shown",
			    (unsigned long long)(found - at));
	}
	scan->done = true;
	if (scan->hiding)
		return tell(event, SCAN_REPORT, at, scan->source.size - at,
			    "damaged up to the end of the file; the group that begins at "
			    "offset %llu has no end and is not shown",
			    (unsigned long long)scan->hidden_at);
	return tell(event, SCAN_REPORT, at, scan->source.size - at,
		    "damaged: no valid frame up to the end of the file, scopes there are "
		    "missing");
}

static int
wrong_payload(struct segment_scan *scan, const struct frame *frame,
	      struct scan_event *event)
{
	scan->counting = false;
	if (frame->scopes == 0)
		return tell(event, SCAN_REPORT, frame->offset, frame_bytes(frame),
			    "damaged: the frame's payload has a wrong checksum; %s",
			    frame->kind == FRAME_BLOBS ? "it holds blobs"
						       : "it holds no scopes");
	return tell(event, SCAN_REPORT, frame->offset, frame_bytes(frame),
		    "damaged: the frame's payload has a wrong checksum; its %u scopes "
		    "from seq %llu are missing",
		    (unsigned)frame->scopes, (unsigned long long)frame->first_seq);
}

/* 1 = *payload is verified, 0 = *event says why not. */
static int
read_payload(struct segment_scan *scan, const struct frame *frame,
	     const uint8_t **payload, struct scan_event *event, struct tape_error *err)
{
	const uint8_t *p = NULL;
	int got = fetch(scan, frame->offset, (size_t)frame_bytes(frame), &p, err);

	if (got < 0)
		return got;
	if (got == 0) {
		(void)tail(scan, frame->offset, event);
		return 0;
	}
	p += FRAME_HEADER;
	if (hash_check(p, frame->payload_bytes, scan->key.seed) != frame->payload_check) {
		(void)wrong_payload(scan, frame, event);
		return 0;
	}
	*payload = p;
	return 1;
}

static int
give_end(struct segment_scan *scan, const struct frame *frame, struct scan_event *event,
	 struct tape_error *err)
{
	const struct end_info *seen = &scan->seen;
	struct end_info end;
	const uint8_t *payload;
	int status = read_payload(scan, frame, &payload, event, err);

	if (status <= 0)
		return status < 0 ? status : 1;
	if (end_payload_read(payload, frame->payload_bytes, &end) < 0)
		return tell(event, SCAN_REPORT, frame->offset, frame_bytes(frame),
			    "damaged: the END frame has an impossible size");
	scan->end = end;
	scan->ended = true;
	scan->behind_end = true;
	if (!scan->counting ||
	    (end.frames == seen->frames && end.scopes == seen->scopes &&
	     (seen->frames == 0 || scan->blob || end.next_seq == seen->next_seq)))
		return 0;
	return tell(event, SCAN_REPORT, frame->offset, frame_bytes(frame),
		    "the END frame counts %llu frames, %llu scopes, next seq %llu; read "
		    "were %llu, %llu, %llu",
		    (unsigned long long)end.frames, (unsigned long long)end.scopes,
		    (unsigned long long)end.next_seq, (unsigned long long)seen->frames,
		    (unsigned long long)seen->scopes, (unsigned long long)seen->next_seq);
}

/* The frame at pos belongs to a complete group: gives it and moves on. */
static int
give(struct segment_scan *scan, const struct frame *frame, struct scan_event *event,
     struct tape_error *err)
{
	int status;

	scan->pos = frame->offset + frame_bytes(frame);
	scan->resynced = false;
	if (frame->kind == FRAME_END)
		return give_end(scan, frame, event, err);
	scan->seen.frames++;
	scan->seen.scopes += frame->scopes;
	scan->seen.next_seq = frame->first_seq + frame->scopes;
	event->frame = *frame;
	event->kind = SCAN_FRAME;
	event->offset = frame->offset;
	event->bytes = frame_bytes(frame);
	if (frame->kind != FRAME_RECORDS && frame->kind != FRAME_BLOBS)
		return tell(event, SCAN_TOO_NEW, event->offset, event->bytes,
			    "a frame of kind %u, made by a later version of tape, is "
			    "skipped",
			    frame->kind);
	if (scan->want != 0 && frame->contents != 0 &&
	    (frame->contents & scan->want) == 0)
		return 1;
	status = read_payload(scan, frame, &event->payload, event, err);
	return status < 0 ? status : 1;
}

static bool
begins_group(const struct frame *frame)
{
	return (frame->flags & FRAME_FIRST) != 0 || frame->kind == FRAME_END;
}

static bool
ends_group(const struct frame *frame)
{
	return (frame->flags & FRAME_LAST) != 0 || frame->kind == FRAME_END;
}

/*
 * *first stands at pos and is not the last of its group. Looks for that: over
 * damage too, for behind it either the rest of the group follows, or another
 * group, and a writer begins one only when the group before is complete.
 */
static int
look_ahead(struct segment_scan *scan, const struct frame *first, struct scan_event *event,
	   struct tape_error *err)
{
	uint64_t at = scan->pos + frame_bytes(first), found;
	struct frame frame;
	bool gap = false;

	for (;;) {
		int place = place_at(scan, at, true, &frame, err);

		if (place < 0)
			return place;
		if (place == PLACE_BAD) {
			place = resync(scan, at, &found, err);
			if (place < 0)
				return place;
			if (place == 1) {
				at = found;
				gap = true;
				continue;
			}
			place = PLACE_SHORT;
		}
		if (place != PLACE_FRAME) {
			scan->hiding = true;
			scan->hidden_at = scan->pos;
			return 0;
		}
		if (begins_group(&frame))
			break;
		at += frame_bytes(&frame);
		gap = false;
		if (ends_group(&frame)) {
			scan->group_end = at;
			return 0;
		}
	}
	found = scan->pos;
	if (gap) {
		scan->group_end = at;
		return 0;
	}
	scan->pos = at;
	scan->counting = false;
	return tell(
		event, SCAN_REPORT, found, at - found,
		"damaged: a group has no last frame before the next begins; it is not "
		"shown");
}

static int
step_inside(struct segment_scan *scan, struct scan_event *event, struct tape_error *err)
{
	struct frame frame;
	int place = place_at(scan, scan->pos, false, &frame, err);

	if (place < 0)
		return place;
	if (place == PLACE_FRAME)
		return give(scan, &frame, event, err);
	if (place == PLACE_BAD)
		return bad_header(scan, event, err);
	return tail(scan, scan->pos, event);
}

static int
step_hiding(struct segment_scan *scan, struct scan_event *event, struct tape_error *err)
{
	struct frame frame;
	int place = place_at(scan, scan->pos, false, &frame, err);

	if (place < 0)
		return place;
	if (place == PLACE_BAD)
		return bad_header(scan, event, err);
	if (place == PLACE_SHORT)
		return tail(scan, scan->hidden_at, event);
	scan->pos += frame_bytes(&frame);
	return 0;
}

static int
step_group(struct segment_scan *scan, struct scan_event *event, struct tape_error *err)
{
	struct frame frame;
	int place;

	if (scan->pos >= scan->source.size || scan->behind_end) {
		scan->done = true;
		if (scan->pos >= scan->source.size)
			return 0;
		return tell(event, SCAN_REPORT, scan->pos, scan->source.size - scan->pos,
			    "bytes after the END frame are ignored");
	}
	place = place_at(scan, scan->pos, false, &frame, err);
	if (place < 0)
		return place;
	if (place == PLACE_SHORT)
		return tail(scan, scan->pos, event);
	if (place == PLACE_BAD)
		return bad_header(scan, event, err);
	if (!begins_group(&frame) && !scan->resynced) {
		scan->resynced = true;
		scan->counting = false;
		return tell(event, SCAN_REPORT, scan->pos, 0,
			    "damaged: a frame does not begin a group and continues none");
	}
	if (!ends_group(&frame))
		return look_ahead(scan, &frame, event, err);
	scan->group_end = scan->pos + frame_bytes(&frame);
	return give(scan, &frame, event, err);
}

/* ---- the interface ---- */

static int
check_expected(const struct segment_id *id, const struct segment_id *expect,
	       struct tape_error *err)
{
	if (expect == NULL)
		return 0;
	if (memcmp(id->tape, expect->tape, sizeof id->tape) != 0)
		return error_set(err, TAPE_ERR_DAMAGED, NULL, 24,
				 "misplaced: the segment belongs to another tape");
	if (id->session[0] != expect->session[0] || id->session[1] != expect->session[1])
		return error_set(err, TAPE_ERR_DAMAGED, NULL, 40,
				 "misplaced: the segment belongs to another session");
	if (id->number != expect->number || id->blob != expect->blob)
		return error_set(err, TAPE_ERR_DAMAGED, NULL, 52,
				 "misplaced: the segment has number %u%s",
				 (unsigned)id->number, id->blob ? " (blobs)" : "");
	return 0;
}

static int
scan_begin(struct segment_scan *scan, const struct segment_id *expect,
	   struct tape_error *err)
{
	const uint8_t *header = NULL;
	struct segment_id id;
	int status = fetch(scan, 0, SEGMENT_HEADER, &header, err);

	if (status < 0)
		return status;
	if (status == 0) { /* created a moment ago, or its writer died there */
		scan->hiding = true;
		return 0;
	}
	status = segment_header_read(header, &id, &scan->key, err);
	if (status == 0)
		status = check_expected(&id, expect, err);
	if (status == 0) {
		scan->blob = id.blob;
		scan->pos = SEGMENT_HEADER;
		return 0;
	}
	/* Space that was given to the file, and lost its bytes in a power cut. */
	if (status == TAPE_ERR_DAMAGED && zero_to_end(scan, 0, NULL) == 1) {
		scan->hiding = true;
		return 0;
	}
	return status;
}

int
segment_scan_open(const struct block_source *source, const struct segment_id *expect,
		  uint16_t want, struct segment_scan **out, struct tape_error *err)
{
	struct segment_scan *scan = calloc(1, sizeof *scan);
	int status;

	if (scan == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a scan");
	scan->source = *source;
	scan->want = want;
	scan->counting = true;
	status = scan_begin(scan, expect, err);
	if (status < 0) {
		segment_scan_close(scan);
		return status;
	}
	*out = scan;
	return 0;
}

int
segment_scan_next(struct segment_scan *scan, struct scan_event *event,
		  struct tape_error *err)
{
	int status = 0;

	event->payload = NULL;
	event->message[0] = '\0';
	while (status == 0 && !scan->done) {
		if (scan->hiding)
			status = step_hiding(scan, event, err);
		else if (scan->pos < scan->group_end)
			status = step_inside(scan, event, err);
		else
			status = step_group(scan, event, err);
	}
	return status;
}

void
segment_scan_seek(struct segment_scan *scan, uint64_t offset)
{
	scan->pos = offset;
	scan->group_end = 0;
	scan->hiding = false;
	scan->resynced = true;
	scan->behind_end = false;
	scan->done = false;
	scan->counting = false;
}

bool
segment_scan_ended(const struct segment_scan *scan, struct end_info *out)
{
	if (scan->ended && out != NULL)
		*out = scan->end;
	return scan->ended;
}

const struct segment_key *
segment_scan_key(const struct segment_scan *scan)
{
	return &scan->key;
}

void
segment_scan_close(struct segment_scan *scan)
{
	if (scan == NULL)
		return;
	free(scan->window);
	free(scan);
}
