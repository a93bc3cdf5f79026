/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small segment of which a test knows every frame, and a scan of it that
 * checks each frame it is given. For Check tests.
 */
#ifndef TESTS_SUPPORT_SAMPLE_H
#define TESTS_SUPPORT_SAMPLE_H

#include "tests/support/testwriter.h"

#define SAMPLE_FRAMES 64u

struct sample_place {
	size_t offset, size;
	unsigned flags, kind;
};

/* A segment and what stands where in it. */
struct sample {
	struct testwriter w;
	struct sample_place frames[SAMPLE_FRAMES]; /* END included */
	size_t count;
	struct form form;
};

/* What a scan of some bytes gave. */
struct sample_outcome {
	int opened, status;
	bool given[SAMPLE_FRAMES]; /* by index into sample.frames */
	unsigned frames, reports, tails, too_new;
	uint64_t report_at, report_bytes, tail_at;
	bool ended;
	char message[160];
};

/*
 * Notes; a form and scopes; a group of three frames, the first of blobs; a
 * group of two; `singles` groups of one scope. Each scope has a text of
 * text_bytes (at most 600).
 */
void sample_make(struct sample *s, size_t text_bytes, unsigned singles);
void sample_release(struct sample *s);
/* More: a scope for the frame that is being filled; that frame; the END frame. */
void sample_scope(struct sample *s, size_t text_bytes);
void sample_frame(struct sample *s, unsigned flags);
void sample_end(struct sample *s);

/*
 * Scans bytes that were the sample's before something happened to them. Fails
 * the test if a frame is given that is not one of the sample's, byte for byte,
 * or is given twice, or if something follows a tail.
 */
void sample_scan(const struct sample *s, const uint8_t *data, size_t len, uint16_t want,
		 struct sample_outcome *o);

/* The frames that begin and end the group of frame i, as indices. */
size_t sample_group_first(const struct sample *s, size_t i);
size_t sample_group_last(const struct sample *s, size_t i);
/* Offset behind a frame. */
size_t sample_place_end(const struct sample_place *p);

#endif
