/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments: header, frames, records, and a scanner that survives damage.
 * docs/format/segment.md is normative.
 */
#ifndef TAPE_FORMAT_SEGMENT_H
#define TAPE_FORMAT_SEGMENT_H

#include <stdbool.h>

#include "format/block.h"
#include "format/form.h"
#include "tape/value.h"

#define SEGMENT_HEADER 64u
/* Key of the NOTE that says by which request a session went on by itself. */
#define SEGMENT_RESUME "resume"
#define FRAME_HEADER 64u
#define RECORD_HEADER 8u

struct segment_id {
	uint8_t tape[16];
	uint64_t session[2];
	uint32_t number;
	bool blob;
};

/* Seeds that follow from a segment's id. */
struct segment_key {
	uint64_t sync;
	uint64_t seed;
};

void segment_header_write(const struct segment_id *id, uint8_t buf[SEGMENT_HEADER],
			  struct segment_key *key);
/* TAPE_ERR_DAMAGED, TAPE_ERR_TOO_NEW; *id and *key on success only. */
int segment_header_read(const uint8_t buf[SEGMENT_HEADER], struct segment_id *id,
			struct segment_key *key, struct tape_error *err);

enum frame_kind { FRAME_RECORDS = 1, FRAME_BLOBS = 2, FRAME_END = 3 };
enum frame_flags { FRAME_FIRST = 1, FRAME_LAST = 2 };
enum frame_contents {
	HAS_FORM = 1 << 0,
	HAS_BLOB = 1 << 1,
	HAS_LINK = 1 << 2,
	HAS_BOOKMARK = 1 << 3,
	HAS_CACHE = 1 << 4,
	HAS_CONTINUE = 1 << 5,
	HAS_PROJECTION = 1 << 6,
	HAS_NOTE = 1 << 7,
	HAS_MARK = 1 << 8,
	HAS_SCOPE = 1 << 9,
};

struct frame {
	uint8_t kind, flags;
	uint16_t contents;
	uint32_t payload_bytes;
	uint64_t first_seq;
	uint32_t scopes, records;
	int64_t base_time;
	uint64_t offset; /* own, in the file */
	uint64_t payload_check;
};

/* payload_check is computed from payload; the other fields are taken as they are. */
void frame_header_write(const struct segment_key *key, struct frame *frame,
			const uint8_t *payload, uint8_t buf[FRAME_HEADER]);
/* True if sync, header checksum and offset verify. */
bool frame_header_read(const struct segment_key *key, const uint8_t buf[FRAME_HEADER],
		       uint64_t offset, struct frame *out);

enum end_reason { END_ROLLED = 0, END_CLOSED = 1 };
#define END_PAYLOAD 32u
struct end_info {
	uint64_t next_seq, scopes, frames;
	uint32_t reason;
};
void end_payload_write(const struct end_info *end, uint8_t buf[END_PAYLOAD]);
int end_payload_read(const uint8_t *buf, size_t len, struct end_info *out);

enum record_kind {
	RECORD_PAD = 0,
	RECORD_FORM = 1,
	RECORD_SCOPE = 2,
	RECORD_LINK = 3,
	RECORD_PROJECTION = 4,
	RECORD_BLOB = 5,
	RECORD_BOOKMARK = 6,
	RECORD_CACHE = 7,
	RECORD_CACHE_DROP = 8,
	RECORD_CONTINUE = 9,
	RECORD_MARK = 10,
	RECORD_NOTE = 11,
	RECORD_OPTIONAL = 128, /* from here on, a reader may skip what it does not know */
};
/* Bytes before the body of a SCOPE or BOOKMARK: record header and time delta. */
#define SCOPE_PREFIX 16u
#define LINK_RECORD 24u
#define BLOB_PREFIX 32u
#define CACHE_RECORD 32u
#define CACHE_DROP_RECORD 24u
#define CONTINUE_RECORD 32u
#define MARK_RECORD 24u

static inline bool
record_has_seq(unsigned kind)
{
	return kind == RECORD_SCOPE || kind == RECORD_LINK || kind == RECORD_PROJECTION ||
	       kind == RECORD_BOOKMARK;
}

/* A record in a verified payload; pointers borrow from it. */
struct record {
	uint8_t kind;
	uint32_t form;	     /* number */
	const uint8_t *data; /* the whole record */
	uint32_t len;	     /* of the whole record */
	int64_t time_delta;  /* kinds with a seq */
	uint64_t target;     /* LINK, PROJECTION: seq; CACHE: seq */
	const uint8_t *body; /* SCOPE, BOOKMARK: body; BLOB: bytes; NOTE: value */
	size_t body_len;
	struct tape_hash hash; /* BLOB: name; CACHE, CACHE_DROP: key */
	struct tape_pos pos;   /* CONTINUE */
	uint32_t mark_segment;
	uint64_t mark_offset;
	const char *note_key; /* not NUL-terminated */
	uint32_t note_key_len;
};

/* The bit of a frame's contents (HAS_...) that stands for a record of this kind; 0 = none. */
uint16_t record_contents(unsigned kind);
/*
 * Reads the record at payload[*at] and moves *at behind it. 1 = a record,
 * 0 = end of payload, TAPE_ERR_DAMAGED = does not parse: if *at was moved the
 * rest of the payload is usable, else not. TAPE_ERR_TOO_NEW = an unknown kind
 * below 128 (*at not moved). Kinds >= 128 are returned with kind set and only len valid.
 */
int record_next(const uint8_t *payload, size_t len, size_t *at, struct record *out);
/*
 * Moves *at over records with a seq of that form, as long as record_next would give
 * them as sound ones. Returns over how many.
 */
uint32_t record_hop(const uint8_t *payload, size_t len, size_t *at, uint32_t form);

/* Writers of records: each writes a whole record and returns its size. */
void record_header_write(uint8_t *buf, uint32_t len, unsigned kind, uint32_t form);
size_t record_link_write(uint8_t *buf, unsigned kind, uint32_t form, int64_t delta,
			 uint64_t target);
size_t record_blob_prefix_write(uint8_t *buf, const struct tape_hash *hash,
				uint64_t size);
size_t record_cache_write(uint8_t *buf, const struct tape_hash *key, uint64_t seq);
size_t record_cache_drop_write(uint8_t *buf, const struct tape_hash *key);
size_t record_continue_write(uint8_t *buf, const struct tape_pos *pos);
size_t record_mark_write(uint8_t *buf, uint32_t segment, uint64_t offset);
size_t record_note_size(const char *key, const char *value);
size_t record_note_write(uint8_t *buf, const char *key, const char *value);

/* ---- scanning a segment ---- */

enum scan_kind {
	SCAN_FRAME,   /* a frame of a complete group, payload verified */
	SCAN_REPORT,  /* damage: offset, bytes and message are set; scanning goes on */
	SCAN_TAIL,    /* an incomplete write at the end: offset, bytes; nothing follows */
	SCAN_TOO_NEW, /* a frame of an unknown kind: skipped */
};

struct scan_event {
	enum scan_kind kind;
	struct frame frame;
	const uint8_t *payload; /* borrowed until the next call */
	uint64_t offset,
		bytes; /* the place; REPORT, TAIL: how much is skipped (may be 0) */
	char message[160];
};

struct segment_scan;

/*
 * Reads the segment header of `source` and makes a scanner that gives the
 * frames of complete groups in file order (a group is given once its last
 * frame is known to be there and its header valid). Memory: one payload at a
 * time, never a whole group; lengths are bounded by the file's size.
 *
 * An END frame is no event: segment_scan_ended tells. A file that is shorter
 * than its header, or all zero, opens, and its one event is SCAN_TAIL at 0.
 *
 * expect   what the header must say (tape, session, number, blob), or NULL
 * want     frames whose contents have none of these bits are not read beyond
 *          their header (payload NULL, not verified); 0 = read all
 */
int segment_scan_open(const struct block_source *source, const struct segment_id *expect,
		      uint16_t want, struct segment_scan **out, struct tape_error *err);
/* 1 = *event, 0 = end of the file as of its size, TAPE_ERR_IO, TAPE_ERR_NOMEM. */
int segment_scan_next(struct segment_scan *scan, struct scan_event *event,
		      struct tape_error *err);
/* Goes on at the frame at `offset`, which a scan has given before. */
void segment_scan_seek(struct segment_scan *scan, uint64_t offset);
/* True and *out once an END frame was met. */
bool segment_scan_ended(const struct segment_scan *scan, struct end_info *out);
const struct segment_key *segment_scan_key(const struct segment_scan *scan);
void segment_scan_close(struct segment_scan *scan);

/*
 * Reads the BLOB record at `offset` of a segment, verifies hash and size and
 * gives its bytes in *data_out (malloc'd, caller's). TAPE_ERR_DAMAGED if it is
 * not that blob. With data_out NULL only asks whether such a record is there.
 */
int segment_read_blob(const struct block_source *source, uint64_t offset,
		      const struct tape_hash *hash, uint64_t size, uint8_t **data_out,
		      struct tape_error *err);

#endif
