/* SPDX-License-Identifier: Apache-2.0 */
/* Laying out a commit group: which frames, in what order, with what in them. */
#ifndef TAPE_LIBRECORD_GROUP_H
#define TAPE_LIBRECORD_GROUP_H

#include "format/segment.h"
#include "librecord/known.h"
#include "librecord/part.h"
#include "librecord/report.h"

/* Frames end near this size: a reader holds one payload at a time. */
#define GROUP_SCOPE_FRAME ((size_t)1 << 20)

/* A frame of the group, in the order of the file. */
struct group_frame {
	struct frame frame;
	uint8_t *
		room; /* FRAME_HEADER bytes right in front of payload that are free, or NULL */
	const uint8_t *payload;
};

struct group_list {
	struct group_frame *items;
	size_t count, cap;
};

/*
 * A group: the head frame (notes, a MARK, FORMs), blob frames, scope frames,
 * and perhaps a frame of padding. Used again for each group; the buffers stay.
 */
struct group {
	uint8_t *head; /* the first FRAME_HEADER bytes are kept free */
	size_t head_len, head_cap;
	uint32_t head_records;
	uint16_t head_contents;
	uint64_t form_cost; /* of its FORM records: what readers need for them, at most */
	struct group_list blobs, scopes;
	uint8_t *pad;
	uint64_t pad_bytes; /* of the pad frame, its header included; 0 = none */
};

void group_reset(struct group *group);
void group_release(struct group *group);

/* All of these: 0 or -ENOMEM. */
int group_add_notes(struct group *group, const struct report_notes *notes);
int group_add_mark(struct group *group, uint32_t segment, uint64_t offset);
/*
 * Cuts the records of a part into frames; FORM records for those forms go to
 * the head that segment `number` does not have yet. Also counts part->scopes.
 */
int group_add_scopes(struct group *group, struct tape *t, struct part *part,
		     uint32_t number);
/*
 * Cuts the blobs of a part into frames that begin at file offset *at, and moves
 * *at behind them. The first time, blobs that are known already are dropped, and
 * hints are written into the records; later it says where they moved to, and
 * group_relocate() corrects the hints. After all calls of group_add_scopes().
 */
int group_add_blobs(struct group *group, struct known *known, struct part *part,
		    uint32_t number, uint64_t *at);
/* Corrects hints and `known` for parts that have moved. */
void group_relocate(struct known *known, struct part *parts);
/* Adds a frame so that a group which ends at file offset `end` ends at a multiple of `align`. */
int group_add_pad(struct group *group, uint64_t end, uint64_t align);

/*
 * A group that ends at file offset `end`, its last records being those of `last`: if
 * at most `most` bytes are missing to a multiple of `align`, and the buffer of the
 * part has room for them, a PAD record behind the scopes fills them.
 */
void group_fill(struct group *group, struct part *last, uint64_t end, uint64_t align,
		uint64_t most);

/* Bytes in the file of what was added. */
uint64_t group_head_bytes(const struct group *group);
uint64_t group_bytes(const struct group *group);
size_t group_frame_count(const struct group *group);
/*
 * Writes all frames at `offset` of `fd`, which is where its file ends. *scopes
 * is what they hold. 0 or a negative errno.
 */
int group_write(struct group *group, int fd, const struct segment_key *key,
		uint64_t offset, uint64_t next_seq);

#endif
