/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes tapes for tests, legal ones and others, from fixed ids and times, so
 * that the same calls give the same bytes. A segment is built in memory:
 * records are added to a frame, testwriter_frame seals it, testwriter_save
 * gives the file. Whatever cannot happen in a test ends the program.
 */
#ifndef TESTS_SUPPORT_TESTWRITER_H
#define TESTS_SUPPORT_TESTWRITER_H

#include "format/segment.h"

/* The tape, and two sessions of the host "golden", one hour apart. */
extern const uint8_t testwriter_tape_id[16];
extern const uint64_t testwriter_session_a[2], testwriter_session_b[2];
#define TESTWRITER_TIME 1795342272123456000 /* start of session a in ns */

struct testwriter {
	struct segment_id id;
	struct segment_key key;
	uint8_t *data; /* the file so far */
	size_t len, cap;
	uint64_t seq; /* of the next record that has one; set it to make gaps */
	int64_t time; /* base time of the next frame; moves on by 1 ms a frame */
	uint64_t frames, scopes;
	size_t last_frame; /* offset of the newest frame */

	/* The frame that is being filled. */
	uint8_t *payload;
	size_t payload_len, payload_cap;
	uint16_t contents;
	uint32_t frame_scopes, frame_records;
	uint64_t first_seq;
};

/* ---- segments ---- */

/* Begins a segment with its header. first_seq: seq of its first record that has one. */
void testwriter_begin(struct testwriter *w, const uint64_t session[2], uint32_t number,
		      bool blob, uint64_t first_seq);
/* The first group of a log segment: notes of a session on the host "golden"; `sync` as in its options. */
void testwriter_first_group(struct testwriter *w, const char *sync);
void testwriter_release(struct testwriter *w);

/* Seals what was added as a frame; flags are enum frame_flags. */
void testwriter_frame(struct testwriter *w, unsigned flags);
/* The same with a kind of its own. */
void testwriter_frame_kind(struct testwriter *w, unsigned kind, unsigned flags);
/* A frame that is a group: FRAME_FIRST | FRAME_LAST. */
void testwriter_group(struct testwriter *w);
/* Adds a PAD record so that the frame, once sealed, ends at a multiple of `block`. */
void testwriter_pad(struct testwriter *w, size_t block);
/* The END frame. */
void testwriter_end(struct testwriter *w, enum end_reason reason);
void testwriter_end_counts(struct testwriter *w, const struct end_info *end);
/* Bytes behind all frames, as they are. */
void testwriter_bytes(struct testwriter *w, const void *bytes, size_t len);
/* After a change to its bytes: both checksums of the frame at `offset` made right again. */
void testwriter_reseal(struct testwriter *w, size_t offset);
/* After a change to the segment's first 56 bytes: its checksum made right again. */
void testwriter_reseal_header(struct testwriter *w);

/* ---- records, into the frame that is being filled; those with a seq return it ---- */

void testwriter_form(struct testwriter *w, const struct form *form);
/* values in name order; hints may be NULL. */
uint64_t testwriter_scope(struct testwriter *w, const struct form *form,
			  const struct tape_value *values, const struct body_hint *hints,
			  int64_t delta);
uint64_t testwriter_bookmark(struct testwriter *w, const struct form *form,
			     const struct tape_value *values, int64_t delta);
/* A SCOPE with any bytes for a body. */
uint64_t testwriter_scope_bytes(struct testwriter *w, uint32_t form, const void *body,
				size_t len);
uint64_t testwriter_link(struct testwriter *w, const struct form *form, uint64_t target,
			 int64_t delta);
uint64_t testwriter_projection(struct testwriter *w, const struct form *form,
			       uint64_t target, int64_t delta);
/* Returns the hint for the record: this segment and its offset. */
struct body_hint testwriter_blob(struct testwriter *w, const void *data, size_t len);
void testwriter_cache(struct testwriter *w, const struct tape_hash *key, uint64_t seq);
void testwriter_cache_drop(struct testwriter *w, const struct tape_hash *key);
void testwriter_continue(struct testwriter *w, const uint64_t session[2], uint64_t seq);
/* Everything up to the end of the last sealed frame. */
void testwriter_mark(struct testwriter *w);
void testwriter_note(struct testwriter *w, const char *key, const char *value);
/* Any kind, known or not. */
void testwriter_record(struct testwriter *w, unsigned kind, uint32_t form,
		       const void *data, size_t len);

/* ---- values, for arrays in name order ---- */

/* A value without bytes: TAPE_NULL, TAPE_ABSENT (with its reason), TAPE_BOOL. */
struct tape_value testwriter_small(uint8_t type, unsigned value);
struct tape_value testwriter_i64(int64_t value);
struct tape_value testwriter_u64(uint64_t value);
struct tape_value testwriter_f64(double value);
struct tape_value testwriter_f32(float value);
/* type: TAPE_C16 or TAPE_C8. */
struct tape_value testwriter_complex(uint8_t type, double re, double im);
struct tape_value testwriter_text(const char *text);
/* type: TAPE_STR or TAPE_BYTES_T. */
struct tape_value testwriter_bytes_value(uint8_t type, const void *data, size_t len);
/* dims: ndim of them. Data is borrowed. */
struct tape_value testwriter_array(enum tape_dtype dtype, const void *data, unsigned ndim,
				   const uint64_t *dims, bool fortran);

/* ---- files ---- */

/* Makes the directory and its TAPE file with the given version. */
void testwriter_tape(const char *dir, unsigned version);
/* Writes the segment to sessions/<id>/NNNNNN.log or .blob, making directories. */
void testwriter_save(const struct testwriter *w, const char *dir);
/* Under a name of its own: another session or number than the header says. */
void testwriter_save_as(const struct testwriter *w, const char *dir,
			const uint64_t session[2], uint32_t number);
void testwriter_loose_blob(const char *dir, const void *data, size_t len);
/* Replaces a file, path relative to dir. */
void testwriter_file(const char *dir, const char *path, const void *data, size_t len);

#endif
