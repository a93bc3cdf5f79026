/* SPDX-License-Identifier: Apache-2.0 */
/* A walk through the records of a part, some of which become shorter. */
#ifndef TAPE_LIBRECORD_SQUEEZE_H
#define TAPE_LIBRECORD_SQUEEZE_H

#include <string.h>

#include "format/le.h"
#include "format/segment.h"
#include "librecord/part.h"

/* What stays, from `run` up to `at`, is to move down to `to`. */
struct squeeze {
	struct part *part;
	size_t at, run, to;
	size_t fixup, fixup_to;
};

static inline struct squeeze
squeeze_begin(struct part *part)
{
	return (struct squeeze){
		.part = part, .at = FRAME_HEADER, .run = FRAME_HEADER, .to = FRAME_HEADER
	};
}

/* The blobs of a record that stays move with it; those of others are their target's. */
static inline void
squeeze_fixups(struct squeeze *s, size_t end, bool keep)
{
	struct part *part = s->part;

	while (s->fixup < part->fixup_count && part->fixups[s->fixup].hint_at < end) {
		struct stage_fixup fixup = part->fixups[s->fixup++];

		if (!keep)
			continue;
		fixup.hint_at -= s->run - s->to;
		part->fixups[s->fixup_to++] = fixup;
	}
}

/* So many bytes of whole records stay. */
static inline void
squeeze_keep(struct squeeze *s, size_t len)
{
	s->at += len;
	if (s->part->fixup_count)
		squeeze_fixups(s, s->at, true);
}

/* Records that stay one after another move in one piece. */
static inline void
squeeze_run(struct squeeze *s)
{
	uint8_t *records = s->part->records;

	if (s->to != s->run)
		memmove(records + s->to, records + s->run, s->at - s->run);
	s->to += s->at - s->run;
}

/* The record of so many bytes becomes a LINK or a PROJECTION. */
static inline void
squeeze_refer(struct squeeze *s, uint32_t len, unsigned kind, uint64_t target)
{
	uint8_t *record = s->part->records + s->at;
	uint32_t form = get_le32(record + 4) >> 8;
	int64_t delta = (int64_t)get_le64(record + RECORD_HEADER);

	squeeze_run(s);
	s->at += len;
	s->run = s->at;
	if (s->part->fixup_count)
		squeeze_fixups(s, s->run, false);
	s->to += record_link_write(s->part->records + s->to, kind, form, delta, target);
}

static inline void
squeeze_end(struct squeeze *s)
{
	squeeze_run(s);
	s->part->len = s->to;
	s->part->fixup_count = s->fixup_to;
}

#endif
