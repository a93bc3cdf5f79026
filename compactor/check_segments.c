/* SPDX-License-Identifier: Apache-2.0 */
/* Every frame of a raw segment, those that readers hop over too. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "compactor/check.h"
#include "format/error.h"
#include "format/hash.h"
#include "format/os.h"
#include "format/path.h"
#include "format/segment.h"

struct segment {
	struct check *c;
	const char *path;
	const struct frame *frame;
	uint32_t records, scopes;
	uint16_t contents;
};

static int
blob_record(struct segment *s, const struct record *rec, uint64_t offset)
{
	struct tape_hash is = hash_bytes(rec->body, rec->body_len);
	char text[TAPE_HASH_TEXT], lost[TAPE_HASH_TEXT + 8];
	size_t item;

	s->c->result->blobs++;
	if (hash_equal(&is, &rec->hash))
		return 0;
	tape_hash_text(&rec->hash, text);
	(void)snprintf(lost, sizeof lost, "blob %s", text);
	item = check_found(s->c, TAPE_FOUND_DAMAGE, TAPE_REMEDY_RESTORE, s->path, offset,
			   rec->len, lost, "the bytes of a blob do not match its hash");
	return item == SIZE_MAX ? 0 : check_blobs_bad(s->c, &rec->hash, item);
}

/* What a header says of its payload; a kind that is not known ends the look at it. */
static int
frame_records(struct segment *s, const uint8_t *payload)
{
	const struct frame *h = s->frame;
	size_t at = 0, was = 0;
	struct record rec;
	int r = 0, got;

	s->records = s->scopes = s->contents = 0;
	while (r == 0 && (got = record_next(payload, h->payload_bytes, &at, &rec)) == 1) {
		s->records++;
		s->scopes += record_has_seq(rec.kind);
		s->contents |= record_contents(rec.kind);
		if (rec.kind == RECORD_BLOB)
			r = blob_record(s, &rec, h->offset + FRAME_HEADER + was);
		was = at;
	}
	if (r != 0 || got < 0) /* the records themselves are told of by who reads them */
		return r;
	if (s->records != h->records || s->scopes != h->scopes ||
	    s->contents != (h->contents & 0x3ff))
		(void)check_found(s->c, TAPE_FOUND_DAMAGE, TAPE_REMEDY_NONE, s->path,
				  h->offset, h->payload_bytes + FRAME_HEADER, NULL,
				  "a frame says %u records, %u scopes, contents %#x; its "
				  "payload holds %u, %u, %#x",
				  h->records, h->scopes, h->contents, s->records,
				  s->scopes, s->contents);
	return 0;
}

static int
scan_all(struct segment *s, struct segment_scan *scan, bool ended, struct tape_error *why)
{
	struct scan_event event;
	int r;

	while ((r = segment_scan_next(scan, &event, why)) == 1) {
		r = 0;
		if (event.kind == SCAN_FRAME) {
			s->frame = &event.frame;
			if (event.payload != NULL)
				r = frame_records(s, event.payload);
			if (r == 0)
				r = check_progress(s->c, event.frame.payload_bytes +
								 FRAME_HEADER);
		} else if (event.kind == SCAN_TAIL) {
			if (ended && event.bytes != 0)
				(void)check_found(
					s->c, TAPE_FOUND_NOTE, TAPE_REMEDY_NONE, s->path,
					event.offset, event.bytes, NULL,
					"tail incomplete: the last write was cut off");
		} else {
			(void)check_found(s->c, TAPE_FOUND_DAMAGE, TAPE_REMEDY_RESTORE,
					  s->path, event.offset, event.bytes, NULL, "%s",
					  event.message);
		}
		if (r != 0)
			return r;
	}
	return r;
}

static int
open_scan(struct check *c, const struct snapshot_session *session, uint32_t number,
	  bool blob, uint64_t size, int *fd, const char *path, struct segment_scan **scan,
	  struct tape_error *why)
{
	struct segment_id id = { .number = number, .blob = blob };
	struct block_source source;
	struct os_stat st;
	int r = os_open_read(c->reader->dir.fd, path, fd);

	if (r == 0)
		r = os_fstat(*fd, &st);
	if (r != 0)
		return error_io(why, r, path, "cannot open the segment");
	memcpy(id.tape, c->reader->dir.id, sizeof id.tape);
	memcpy(id.session, session->id, sizeof id.session);
	source = block_from_fd(fd, size < st.size ? size : st.size);
	return segment_scan_open(&source, &id, 0, scan, why);
}

int
check_segment(struct check *c, const struct snapshot_session *session, uint32_t number,
	      bool blob, uint64_t size, bool ended)
{
	char name[PATH_SEGMENT_TEXT],
		path[sizeof session->dir.path + PATH_SEGMENT_TEXT + 1];
	struct segment_scan *scan = NULL;
	struct tape_error why = { 0 };
	struct segment s = { .c = c, .path = path };
	int fd = -1, r;

	path_segment(number, blob, name);
	(void)snprintf(path, sizeof path, "%s/%s", session->dir.path, name);
	r = open_scan(c, session, number, blob, size, &fd, path, &scan, &why);
	if (r == 0)
		r = scan_all(&s, scan, ended, &why);
	segment_scan_close(scan);
	os_close(&fd);
	if (r >= 0)
		return 0;
	if (r == TAPE_ERR_STOPPED)
		return r;
	if (check_fatal(r, &why) || snapshot_stale(r, &why)) {
		*c->err = why;
		return r;
	}
	check_error(c, TAPE_REMEDY_RESTORE, path, &why,
		    blob ? "the blobs in it" : "what stands in it");
	return 0;
}
