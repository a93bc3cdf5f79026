/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/le.h"
#include "format/os.h"
#include "librecord/cut.h"
#include "librecord/writer.h"

/* As GROUP_SCOPE_FRAME. */
#define BLOB_FRAME ((size_t)8 << 20)

void
group_reset(struct group *group)
{
	group->head_len = 0;
	group->head_records = 0;
	group->head_contents = 0;
	group->form_cost = 0;
	group->blobs.count = group->scopes.count = 0;
	group->pad_bytes = 0;
}

void
group_release(struct group *group)
{
	free(group->head);
	free(group->blobs.items);
	free(group->scopes.items);
	free(group->pad);
	memset(group, 0, sizeof *group);
}

/* `len` bytes at the end of the head, or NULL. */
static uint8_t *
head_room(struct group *group, size_t len)
{
	size_t at = group->head_len ? group->head_len : FRAME_HEADER;

	if (at + len > group->head_cap) {
		size_t cap = (at + len) * 2;
		uint8_t *head = realloc(group->head, cap);

		if (!head)
			return NULL;
		group->head = head;
		group->head_cap = cap;
	}
	group->head_len = at + len;
	return group->head + at;
}

int
group_add_notes(struct group *group, const struct report_notes *notes)
{
	uint8_t *room = head_room(group, notes->len);

	if (!room)
		return -ENOMEM;
	memcpy(room, notes->data, notes->len);
	group->head_records += notes->count;
	group->head_contents |= HAS_NOTE;
	return 0;
}

int
group_add_mark(struct group *group, uint32_t segment, uint64_t offset)
{
	uint8_t *room = head_room(group, MARK_RECORD);

	if (!room)
		return -ENOMEM;
	record_mark_write(room, segment, offset);
	group->head_records++;
	group->head_contents |= HAS_MARK;
	return 0;
}

/* Room for so many more. */
static int
list_reserve(struct group_list *list, size_t more)
{
	size_t cap = list->cap ? list->cap : 16;
	struct group_frame *items;

	if (list->cap - list->count >= more)
		return 0;
	while (cap - list->count < more)
		cap *= 2;
	items = reallocarray(list->items, cap, sizeof *items);
	if (!items)
		return -ENOMEM;
	list->items = items;
	list->cap = cap;
	return 0;
}

static struct group_frame *
list_add(struct group_list *list)
{
	if (list_reserve(list, 1) < 0)
		return NULL;
	memset(&list->items[list->count], 0, sizeof *list->items);
	return &list->items[list->count++];
}

static int
add_form(struct group *group, struct tape *t, uint32_t form, uint32_t number)
{
	struct rec_form *rec;
	size_t size;
	uint8_t *room;

	if (form == 0)
		return 0;
	rec = recorder_form(t, form);
	if (rec->defined_in == number + 1)
		return 0;
	size = form_record_size(&rec->form);
	room = head_room(group, size);
	if (!room)
		return -ENOMEM;
	group->form_cost += cut_form_cost(&rec->form);
	form_record_write(&rec->form, room);
	rec->defined_in = number + 1;
	group->head_records++;
	group->head_contents |= HAS_FORM;
	return 0;
}

static int
begin_scopes(struct group *group, const struct part *part, size_t at, uint64_t seq)
{
	struct group_frame *out = list_add(&group->scopes);

	if (!out)
		return -ENOMEM;
	out->payload = part->records + at;
	out->room = at == FRAME_HEADER ? part->records : NULL;
	out->frame.kind = FRAME_RECORDS;
	out->frame.first_seq = seq;
	out->frame.base_time = part->base_time;
	return 0;
}

/* Takes a record into the open frame. Does it have a seq? */
static inline bool
frame_take(struct frame *frame, uint32_t len, uint32_t kind)
{
	/* Most are scopes, and what that means is known here. */
	bool counts = kind == RECORD_SCOPE || record_has_seq(kind);

	frame->payload_bytes += len;
	frame->records++;
	frame->contents |= kind == RECORD_SCOPE ? HAS_SCOPE : record_contents(kind);
	frame->scopes += counts;
	return counts;
}

/* It belongs to the scope in front of it, and so into its frame. */
static inline bool
stays(uint32_t kind)
{
	return kind == RECORD_CACHE || kind == RECORD_CACHE_DROP;
}

/* As group_add_scopes, of a part whose records were counted. */
static int
add_counted(struct group *group, struct tape *t, struct part *part, uint32_t number)
{
	const uint32_t *forms = t->writer->met.forms + part->sum.forms;
	struct frame *frame;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < part->sum.form_count; i++)
		r = add_form(group, t, forms[i], number);
	part->scopes = part->sum.scopes;
	if (r == 0 && part->sum.records)
		r = begin_scopes(group, part, FRAME_HEADER, part->first_seq);
	if (r < 0 || part->sum.records == 0)
		return r;
	frame = &group->scopes.items[group->scopes.count - 1].frame;
	frame->payload_bytes = (uint32_t)(part->len - FRAME_HEADER);
	frame->records = part->sum.records;
	frame->contents = part->sum.contents;
	frame->scopes = part->sum.scopes;
	return 0;
}

int
group_add_scopes(struct group *group, struct tape *t, struct part *part, uint32_t number)
{
	struct frame *frame = NULL;
	uint32_t last_form = 0;
	int r = 0;

	if (part->sum.known)
		return add_counted(group, t, part, number);
	part->scopes = 0;
	for (size_t at = FRAME_HEADER; at < part->len;) {
		const uint8_t *record = part->records + at;
		uint32_t len = get_le32(record), head = get_le32(record + 4);
		uint32_t form = head >> 8;

		if (form != last_form)
			r = add_form(group, t, form, number);
		last_form = form;
		if (r == 0 &&
		    (!frame || (frame->payload_bytes + len > GROUP_SCOPE_FRAME &&
				!stays(head & 0xff)))) {
			r = begin_scopes(group, part, at, part->first_seq + part->scopes);
			if (r == 0)
				frame = &group->scopes.items[group->scopes.count - 1]
						 .frame;
		}
		if (r < 0)
			break;
		part->scopes += frame_take(frame, len, head & 0xff);
		at += len;
	}
	return r;
}

/* ---- blobs ---- */

/* Where the next BLOB record of a part goes: in the buffer, and in the file. */
struct placing {
	struct group *group;
	struct part *part;
	size_t to;	    /* offset in part->blobs */
	uint64_t frame_at;  /* file offset of the open frame's header */
	size_t frame_begin; /* part->blobs offset of its payload */
	uint32_t in_frame;  /* records */
};

static int
end_blobs(struct placing *p)
{
	struct group_frame *out;

	if (p->in_frame == 0)
		return 0;
	out = list_add(&p->group->blobs);
	if (!out)
		return -ENOMEM;
	out->payload = p->part->blobs + p->frame_begin;
	out->room = p->frame_begin == FRAME_HEADER ? p->part->blobs : NULL;
	out->frame.kind = FRAME_BLOBS;
	out->frame.contents = HAS_BLOB;
	out->frame.payload_bytes = (uint32_t)(p->to - p->frame_begin);
	out->frame.records = p->in_frame;
	p->frame_at += FRAME_HEADER + out->frame.payload_bytes;
	p->frame_begin = p->to;
	p->in_frame = 0;
	return 0;
}

/* Takes the BLOB record at `from`, which may move down in the buffer. *offset: its place in the file. */
static int
place_blob(struct placing *p, size_t from, uint64_t *offset)
{
	uint32_t len = get_le32(p->part->blobs + from);

	if (p->to - p->frame_begin + len > BLOB_FRAME) {
		int r = end_blobs(p);

		if (r < 0)
			return r;
	}
	if (from != p->to)
		memmove(p->part->blobs + p->to, p->part->blobs + from, len);
	*offset = p->frame_at + FRAME_HEADER + (p->to - p->frame_begin);
	p->to += len;
	p->in_frame++;
	return 0;
}

static void
write_hint(struct part *part, const struct stage_fixup *fixup, struct body_hint hint)
{
	put_le32(part->records + fixup->hint_at, hint.segment);
	put_le64(part->records + fixup->hint_at + 4, hint.offset);
}

static struct body_hint
read_hint(const struct part *part, const struct stage_fixup *fixup)
{
	return (struct body_hint){ get_le32(part->records + fixup->hint_at),
				   get_le64(part->records + fixup->hint_at + 4) };
}

/* The first time: only what some record refers to and is not known yet. */
static int
place_new(struct placing *p, struct known *known, uint32_t number)
{
	struct part *part = p->part;

	for (size_t i = 0; i < part->fixup_count; i++) {
		size_t from = part->fixups[i].blob_at;
		struct body_hint hint = { .segment = number };
		struct tape_hash hash;
		int r;

		memcpy(hash.byte, part->blobs + from + RECORD_HEADER, sizeof hash.byte);
		if (!known_find(known, &hash, &hint)) {
			r = place_blob(p, from, &hint.offset);
			if (r < 0)
				return r;
			known_add(known, &hash, hint);
		}
		write_hint(part, &part->fixups[i], hint);
	}
	part->blob_len = p->to > FRAME_HEADER ? p->to : 0;
	return 0;
}

static int
place_again(struct placing *p)
{
	uint64_t offset;
	int r = 0;

	for (size_t at = FRAME_HEADER; r == 0 && at < p->part->blob_len;) {
		uint32_t len = get_le32(p->part->blobs + at);

		r = place_blob(p, at, &offset);
		at += len;
	}
	return r;
}

int
group_add_blobs(struct group *group, struct known *known, struct part *part,
		uint32_t number, uint64_t *at)
{
	struct placing p = {
		.group = group,
		.part = part,
		.to = FRAME_HEADER,
		.frame_begin = FRAME_HEADER,
		.frame_at = *at,
	};
	bool again = part->placed;
	int r;

	if (part->fixup_count == 0 && !again) {
		/* Nobody refers to the blobs: the records became links. */
		part->blob_len = 0;
		return 0;
	}
	part->old_segment = part->segment;
	part->old_base = part->base;
	part->segment = number;
	part->base = *at;
	/* place_new() cannot be done twice: from here on nothing may fail. Two frames in a row are over BLOB_FRAME. */
	if (list_reserve(&group->blobs, 2 * (part->blob_len / BLOB_FRAME) + 2) < 0)
		return -ENOMEM;
	r = again ? place_again(&p) : place_new(&p, known, number);
	if (r == 0)
		r = end_blobs(&p);
	if (!again) {
		part->span = p.frame_at - part->base;
		part->placed = r == 0;
		part->old_segment = part->segment;
		part->old_base = part->base;
	}
	*at = p.frame_at;
	return r;
}

static bool
moved(const struct part *parts, struct body_hint *hint)
{
	for (const struct part *part = parts; part; part = part->next) {
		if (!part->placed || part->old_segment != hint->segment ||
		    hint->offset < part->old_base ||
		    hint->offset >= part->old_base + part->span)
			continue;
		hint->offset += part->base - part->old_base;
		hint->segment = part->segment;
		return true;
	}
	return false;
}

void
group_relocate(struct known *known, struct part *parts)
{
	bool any = false;

	for (const struct part *part = parts; part; part = part->next)
		any = any || (part->placed && (part->old_segment != part->segment ||
					       part->old_base != part->base));
	if (!any)
		return;
	for (struct part *part = parts; part; part = part->next)
		for (size_t i = 0; part->placed && i < part->fixup_count; i++) {
			struct body_hint hint = read_hint(part, &part->fixups[i]);

			if (moved(parts, &hint))
				write_hint(part, &part->fixups[i], hint);
		}
	for (size_t i = 0; i < KNOWN_ENTRIES; i++)
		if (known->entries[i].used)
			(void)moved(parts, &known->entries[i].place);
	for (struct part *part = parts; part; part = part->next) {
		part->old_segment = part->segment;
		part->old_base = part->base;
	}
}

/* ---- the whole ---- */

int
group_add_pad(struct group *group, uint64_t end, uint64_t align)
{
	uint64_t least = end + FRAME_HEADER + RECORD_HEADER;
	uint64_t to;
	size_t len;
	uint8_t *pad;

	if (end % align == 0)
		return 0;
	to = (least + align - 1) / align * align;
	len = (size_t)(to - end);
	pad = realloc(group->pad, len);
	if (!pad)
		return -ENOMEM;
	memset(pad, 0, len);
	record_header_write(pad + FRAME_HEADER, (uint32_t)(len - FRAME_HEADER),
			    RECORD_PAD, 0);
	group->pad = pad;
	group->pad_bytes = len;
	return 0;
}

void
group_fill(struct group *group, struct part *last, uint64_t end, uint64_t align,
	   uint64_t most)
{
	uint64_t missing = align - end % align;
	struct group_frame *out;

	if (group->scopes.count == 0 || missing < RECORD_HEADER || missing > most ||
	    missing > last->cap - last->len)
		return;
	out = &group->scopes.items[group->scopes.count - 1];
	/* A part without records has no frame, and the last frame is of another. */
	if (out->payload + out->frame.payload_bytes != last->records + last->len)
		return;
	memset(last->records + last->len, 0, missing);
	record_header_write(last->records + last->len, (uint32_t)missing, RECORD_PAD, 0);
	out->frame.payload_bytes += (uint32_t)missing;
	out->frame.records++;
}

uint64_t
group_head_bytes(const struct group *group)
{
	return group->head_len;
}

uint64_t
group_bytes(const struct group *group)
{
	uint64_t bytes = group_head_bytes(group) + group->pad_bytes;

	for (size_t i = 0; i < group->blobs.count; i++)
		bytes += FRAME_HEADER + group->blobs.items[i].frame.payload_bytes;
	for (size_t i = 0; i < group->scopes.count; i++)
		bytes += FRAME_HEADER + group->scopes.items[i].frame.payload_bytes;
	return bytes;
}

size_t
group_frame_count(const struct group *group)
{
	return (group->head_len > 0) + group->blobs.count + group->scopes.count +
	       (group->pad_bytes > 0);
}

/* The i-th frame of the whole group. */
static struct group_frame
frame_at(struct group *group, size_t i)
{
	struct group_frame out = { .frame.kind = FRAME_RECORDS };

	if (group->head_len) {
		if (i == 0) {
			out.room = group->head;
			out.payload = group->head + FRAME_HEADER;
			out.frame.payload_bytes =
				(uint32_t)(group->head_len - FRAME_HEADER);
			out.frame.records = group->head_records;
			out.frame.contents = group->head_contents;
			return out;
		}
		i--;
	}
	if (i < group->blobs.count)
		return group->blobs.items[i];
	i -= group->blobs.count;
	if (i < group->scopes.count)
		return group->scopes.items[i];
	out.room = group->pad;
	out.payload = group->pad + FRAME_HEADER;
	out.frame.payload_bytes = (uint32_t)(group->pad_bytes - FRAME_HEADER);
	out.frame.records = 1;
	return out;
}

static int
write_frame(int fd, const struct segment_key *key, struct group_frame *out)
{
	uint8_t header[FRAME_HEADER];
	int r;

	frame_header_write(key, &out->frame, out->payload,
			   out->room ? out->room : header);
	if (out->room)
		return os_write_all(fd, out->room,
				    FRAME_HEADER + (size_t)out->frame.payload_bytes,
				    NULL);
	r = os_write_all(fd, header, sizeof header, NULL);
	if (r < 0)
		return r;
	return os_write_all(fd, out->payload, out->frame.payload_bytes, NULL);
}

int
group_write(struct group *group, int fd, const struct segment_key *key, uint64_t offset,
	    uint64_t next_seq)
{
	size_t count = group_frame_count(group);
	uint64_t in_group = 0; /* a group of more than LIMIT_GROUP becomes several */
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		struct group_frame out = frame_at(group, i);
		uint64_t bytes = FRAME_HEADER + (uint64_t)out.frame.payload_bytes;
		uint64_t next = 0;

		if (out.frame.scopes == 0)
			out.frame.first_seq = next_seq;
		if (in_group == 0)
			out.frame.flags |= FRAME_FIRST;
		in_group += bytes;
		if (i + 1 < count)
			next = FRAME_HEADER +
			       (uint64_t)frame_at(group, i + 1).frame.payload_bytes;
		if (i + 1 == count || in_group + next > LIMIT_GROUP) {
			out.frame.flags |= FRAME_LAST;
			in_group = 0;
		}
		out.frame.offset = offset;
		r = write_frame(fd, key, &out);
		offset += bytes;
		if (out.frame.scopes)
			next_seq = out.frame.first_seq + out.frame.scopes;
	}
	return r;
}
