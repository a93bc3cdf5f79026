/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the continuations of a tape, and telling the sessions of a snapshot. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/le.h"
#include "format/limits.h"
#include "format/os.h"
#include "format/path.h"
#include "format/segment.h"
#include "search/reader.h"
#include "search/superseded.h"

/* What is read of a segment at first: its first frame, mostly. */
#define FIRST_READ 2048u
/* The frame behind its header and the segment's. */
#define FIRST_PAYLOAD (SEGMENT_HEADER + FRAME_HEADER)
/* A reader forgets which segments it has looked at beyond this. */
#define LOOKED_MAX (1u << 20)

struct found {
	struct continuation *items;
	size_t count, cap;
	uint64_t order;
	bool no_memory;
	/* Of the frame, or the packed session, at hand. */
	size_t first;
	struct tape_hash request;
};

static void
found_add(struct found *f, const uint64_t from[2], const struct tape_pos *to)
{
	if (f->count == f->cap) {
		size_t cap = f->cap == 0 ? 16 : f->cap * 2;
		struct continuation *more = realloc(f->items, cap * sizeof *more);

		if (more == NULL) {
			f->no_memory = true;
			return;
		}
		f->items = more;
		f->cap = cap;
	}
	f->items[f->count++] = (struct continuation){ .from = { from[0], from[1] },
						      .to = *to,
						      .order = f->order++ };
}

static void
take_note(struct found *f, const char *key, size_t key_len, const char *value, size_t len)
{
	char text[TAPE_HASH_TEXT];

	if (key_len != sizeof SEGMENT_RESUME - 1 ||
	    memcmp(key, SEGMENT_RESUME, key_len) != 0 || len != sizeof text - 1)
		return;
	memcpy(text, value, len);
	text[len] = '\0';
	(void)path_parse_hash(text, &f->request);
}

/* All that comes until found_end() is of one session. */
static void
found_begin(struct found *f)
{
	f->first = f->count;
	memset(&f->request, 0, sizeof f->request);
}

static void
found_end(struct found *f)
{
	for (size_t i = f->first; i < f->count; i++)
		f->items[i].request = f->request;
}

static void
take_records(struct found *f, const uint64_t from[2], const uint8_t *bytes, size_t len)
{
	struct record rec;
	size_t at = 0, was;
	int r;

	do {
		was = at;
		r = record_next(bytes, len, &at, &rec);
		if (r == 1 && rec.kind == RECORD_CONTINUE)
			found_add(f, from, &rec.pos);
		else if (r == 1 && rec.kind == RECORD_NOTE)
			take_note(f, rec.note_key, rec.note_key_len,
				  (const char *)rec.body, rec.body_len);
	} while (r != 0 && at != was);
}

/* ---- generations ---- */

static void
take_packed(struct found *f, const struct scopepack_session *s)
{
	const size_t key_len = sizeof SCOPEPACK_RECORD - 1;

	found_begin(f);
	for (size_t i = 0; i < s->note_count; i++) {
		const struct scopepack_note *n = &s->notes[i];

		if (n->key_len == key_len && n->value_len > 8 &&
		    memcmp(n->key, SCOPEPACK_RECORD, key_len) == 0)
			take_records(f, s->id, (const uint8_t *)n->value + 8,
				     n->value_len - 8);
		else
			take_note(f, n->key, n->key_len, n->value, n->value_len);
	}
	found_end(f);
}

/* ---- segments ---- */

/* Segments whose first frame has no CONTINUE, and which stay as they are. */
static bool
looked_at(const struct tape_reader *reader, uint64_t key)
{
	size_t cap = reader->looked_cap;

	for (size_t i = (size_t)key & (cap - 1); cap != 0 && reader->looked[i] != 0;
	     i = (i + 1) & (cap - 1))
		if (reader->looked[i] == key)
			return true;
	return false;
}

static void
looked_put(uint64_t *slots, size_t cap, uint64_t key)
{
	size_t i = (size_t)key & (cap - 1);

	while (slots[i] != 0)
		i = (i + 1) & (cap - 1);
	slots[i] = key;
}

/* Without memory it is looked at again. */
static void
looked_add(struct tape_reader *reader, uint64_t key)
{
	if (reader->looked_count * 2 >= reader->looked_cap) {
		size_t cap = reader->looked_cap == 0 ? 64 : reader->looked_cap * 2;
		uint64_t *slots = cap > LOOKED_MAX ? NULL : calloc(cap, sizeof *slots);

		if (slots == NULL)
			return;
		for (size_t i = 0; i < reader->looked_cap; i++)
			if (reader->looked[i] != 0)
				looked_put(slots, cap, reader->looked[i]);
		free(reader->looked);
		reader->looked = slots;
		reader->looked_cap = cap;
	}
	looked_put(reader->looked, reader->looked_cap, key);
	reader->looked_count++;
}

static uint64_t
looked_key(const uint64_t id[2], uint32_t number)
{
	uint8_t bytes[20];

	put_le64(bytes, id[0]);
	put_le64(bytes + 8, id[1]);
	put_le32(bytes + 16, number);
	return hash_check(bytes, sizeof bytes, 0) | 1u;
}

static bool
is_of(const struct segment_id *id, const struct tape_reader *reader,
      const struct snapshot_session *one, uint32_t number)
{
	return memcmp(id->tape, reader->dir.id, sizeof id->tape) == 0 &&
	       id->session[0] == one->id[0] && id->session[1] == one->id[1] &&
	       id->number == number && !id->blob;
}

/* 0 = told, or the error. */
static int
not_read(struct tape_reader *reader, const char *path, int64_t error,
	 struct tape_error *err)
{
	if (reader_unreadable(reader, path, SEGMENT_HEADER, (int)error,
			      "cannot read what the session goes on from: what it "
			      "supersedes is shown, too"))
		return 0;
	return error_io(err, (int)error, path, "cannot read the segment");
}

/* 1, 0 = not valid, or what could not be read. */
static int64_t
take_payload(struct found *f, const struct snapshot_session *one, int fd,
	     const struct frame *frame, uint64_t seed)
{
	uint8_t *payload;
	int64_t r;

	if (frame->payload_bytes > LIMIT_FRAME)
		return 0;
	payload = malloc((size_t)frame->payload_bytes + 1);
	if (payload == NULL)
		return -ENOMEM;
	r = os_pread(fd, payload, frame->payload_bytes, FIRST_PAYLOAD);
	if (r == (int64_t)frame->payload_bytes &&
	    hash_check(payload, frame->payload_bytes, seed) == frame->payload_check) {
		found_begin(f);
		take_records(f, one->id, payload, frame->payload_bytes);
		found_end(f);
		r = 1;
	} else if (r > 0) {
		r = 0;
	}
	free(payload);
	return r;
}

/* 1 = the first frame says it all, 0 = it is not whole: whoever shows it tells. Or what could not be read. */
static int64_t
first_frame(struct found *f, struct tape_reader *reader,
	    const struct snapshot_session *one, uint32_t number, int fd, uint64_t key)
{
	uint8_t bytes[FIRST_READ];
	int64_t got = os_pread(fd, bytes, sizeof bytes, 0);
	struct segment_key seeds;
	struct segment_id id;
	struct tape_error why;
	struct frame frame;

	if (got < 0)
		return got;
	if (got < (int64_t)FIRST_PAYLOAD ||
	    segment_header_read(bytes, &id, &seeds, &why) != 0 ||
	    !is_of(&id, reader, one, number) ||
	    !frame_header_read(&seeds, bytes + SEGMENT_HEADER, SEGMENT_HEADER, &frame) ||
	    frame.kind != FRAME_RECORDS ||
	    (frame.flags & (FRAME_FIRST | FRAME_LAST)) != (FRAME_FIRST | FRAME_LAST))
		return 0;
	if ((frame.contents & HAS_CONTINUE) == 0) {
		/* A segment that has but its first frame may be made anew. */
		if ((uint64_t)got > FIRST_PAYLOAD + (uint64_t)frame.payload_bytes)
			looked_add(reader, key);
		return 1;
	}
	return take_payload(f, one, fd, &frame, seeds.seed);
}

/* Each segment repeats what those before it say: the last that can be read is enough. */
static int
take_raw(struct found *f, struct tape_reader *reader, const struct snapshot_session *one,
	 struct tape_error *err)
{
	char path[sizeof one->dir.path + PATH_SEGMENT_TEXT + 1], name[PATH_SEGMENT_TEXT];
	int r = 0;

	for (size_t i = one->dir.log_count; r == 0 && i-- > 0;) {
		uint32_t number = one->dir.logs[i];
		uint64_t key = looked_key(one->id, number);
		int64_t got = 0;
		int fd = -1, o;

		if (looked_at(reader, key))
			break;
		path_segment(number, false, name);
		(void)snprintf(path, sizeof path, "%s/%s", one->dir.path, name);
		o = os_open_read(reader->dir.fd, path, &fd);
		if (o == 0)
			got = first_frame(f, reader, one, number, fd, key);
		os_close(&fd);
		if (o == -ENOENT)
			r = error_set(err, TAPE_ERR_NOT_FOUND, path, 0,
				      "the segment is gone");
		else if (o == -ENOMEM || o == -EMFILE || o == -ENFILE)
			r = error_io(err, o, path, "cannot open the segment");
		else
			r = got < 0 ? not_read(reader, path, got, err) : (int)got;
	}
	return r < 0 ? r : 0;
}

/* ---- the sessions of a snapshot ---- */

static int
by_id(const void *a, const void *b)
{
	const struct snapshot_session *x = a, *y = b;

	if (x->id[0] != y->id[0])
		return x->id[0] < y->id[0] ? -1 : 1;
	return x->id[1] < y->id[1] ? -1 : x->id[1] > y->id[1];
}

static struct snapshot_session *
session_of(const struct snapshot *s, const uint64_t id[2])
{
	struct snapshot_session key = { .id = { id[0], id[1] } };

	if (s->count == 0)
		return NULL;
	return bsearch(&key, s->sessions, s->count, sizeof key, by_id);
}

bool
superseded_hides(const struct snapshot *s, const struct tape_pos *pos)
{
	const struct snapshot_session *one = session_of(s, pos->session);

	return one != NULL && pos->seq > one->shown;
}

static int
collect(struct snapshot *s, struct found *f, struct tape_error *err)
{
	const struct generations *g = s->generations;
	int r = 0;

	for (size_t i = 0; i < g->count; i++)
		for (uint32_t k = 0;
		     g->items[i].scopes_ready && k < g->items[i].scopes.session_count;
		     k++)
			take_packed(f, &g->items[i].scopes.sessions[k]);
	for (size_t i = 0; i < s->count && r == 0; i++)
		r = take_raw(f, s->reader, &s->sessions[i], err);
	return r;
}

int
superseded_find(struct snapshot *s, struct tape_error *err)
{
	struct found f = { 0 };
	struct current *current = NULL;
	size_t count = 0;
	int r;

	for (size_t i = 0; i < s->count; i++)
		s->sessions[i].current = s->sessions[i].shown = CURRENT_ALL;
	r = collect(s, &f, err);
	if (r == 0 &&
	    (f.no_memory || (f.count != 0 && superseded_resolve(f.items, &f.count,
								&current, &count) != 0)))
		r = error_set(err, TAPE_ERR_NOMEM, NULL, 0,
			      "no memory for what sessions go on from");
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct snapshot_session *one = session_of(s, current[i].id);

		if (one == NULL)
			continue;
		one->current = current[i].upto;
		if (!s->reader->superseded)
			one->shown = one->current;
	}
	free(current);
	s->continuations = f.items;
	s->continuation_count = f.count;
	return r;
}

/* 1, 0, or an error. */
static int
was_killed(struct snapshot *s, const struct snapshot_session *one, struct tape_error *err)
{
	struct source *source = NULL;
	int r = snapshot_open(s, (size_t)(one - s->sessions), &source, err);

	if (r != 1)
		return r;
	r = source->ops->facts(source)->state == TAPE_KILLED;
	source->ops->close(source);
	return r;
}

size_t
superseded_from(const struct snapshot *s, const uint64_t session[2], size_t *count)
{
	size_t low = 0, high = s->continuation_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const uint64_t *id = s->continuations[mid].from;

		if (id[0] < session[0] || (id[0] == session[0] && id[1] < session[1]))
			low = mid + 1;
		else
			high = mid;
	}
	for (*count = 0; low + *count < s->continuation_count; ++*count)
		if (memcmp(s->continuations[low + *count].from, session,
			   sizeof s->continuations->from) != 0)
			break;
	return low;
}

int
superseded_tries(struct tape_reader *reader, const struct tape_pos *pos,
		 const struct tape_hash *request, uint64_t (**ids)[2], size_t *count,
		 struct tape_error *err)
{
	struct snapshot *s = NULL;
	const struct tape_hash none = { { 0 } };
	uint64_t(*list)[2] = NULL;
	size_t n = 0;
	int r = snapshot_take(reader, &s, err);

	if (r == 0) {
		list = calloc(s->continuation_count + 1, sizeof *list);
		if (list == NULL)
			r = error_set(err, TAPE_ERR_NOMEM, NULL, 0,
				      "no memory for what went on from a position");
	}
	for (size_t i = 0; r == 0 && i < s->continuation_count; i++) {
		const struct continuation *c = &s->continuations[i];
		const struct snapshot_session *one = session_of(s, c->from);

		if (one == NULL || one->current != CURRENT_ALL ||
		    tape_pos_compare(&c->to, pos) != 0 ||
		    !hash_equal(&c->request, request) || hash_equal(request, &none))
			continue;
		r = was_killed(s, one, err);
		if (r == 1) {
			memcpy(list[n++], c->from, sizeof list[0]);
			r = 0;
		}
	}
	snapshot_free(s);
	if (r != 0) {
		free(list);
		return r;
	}
	*ids = list;
	*count = n;
	return 0;
}
