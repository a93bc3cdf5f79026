/* SPDX-License-Identifier: Apache-2.0 */
/* One log segment: its frames, its forms, and what is wrong with it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/os.h"
#include "search/raw.h"
#include "search/reader.h"

/* A segment with more frames is none that a recorder made. */
#define FRAMES_MAX (4u << 20)
/* Tables of segments that are not in use are dropped beyond this. */
#define FRAMES_HELD (3u << 20)
/* Descriptors are kept from the first look on in sessions of at most so many segments. */
#define OPEN_MAX_PROBED 16u
/* Bits of a frame's contents that no kind of this version has. */
#define HAS_UNKNOWN 0xfc00u
/* Frames that are read when a segment is loaded; of others the header is enough. */
#define LOADED (HAS_FORM | HAS_NOTE | HAS_UNKNOWN)
/* Memory of the forms of a segment; and of those of a session that are kept. */
#define FORM_BYTES_MAX (96u << 20)
/* Forms of a segment that are used and not defined: each of so many is told once. */
#define UNDEFINED_MAX 1024u
#define UNDEFINED_PLACE ((uint64_t)INT64_MAX) /* beyond all offsets */

static void
report(struct raw_session *s, const struct raw_segment *g, int kind, uint64_t offset,
       uint64_t bytes, const char *message)
{
	reader_report(s->base.reader, kind, g->path, offset, bytes, "%s", message);
}

/* It was told why nothing of it is shown. */
static int
segment_bad(struct raw_segment *g)
{
	g->bad = true;
	g->damaged = true;
	g->size = 0;
	return TAPE_ERR_DAMAGED;
}

int
raw_segment_open(struct raw_session *s, size_t index, struct tape_error *err)
{
	struct raw_segment *g = &s->segments[index];
	struct os_stat st;
	int r;

	if (g->fd >= 0)
		return 0;
	r = os_open_read(s->base.reader->dir.fd, g->path, &g->fd);
	if (r == 0)
		r = os_fstat(g->fd, &st);
	if (r != 0) {
		os_close(&g->fd);
		if (r == -ENOENT)
			return error_set(err, TAPE_ERR_NOT_FOUND, g->path, 0,
					 "the segment is gone");
		/* A link, a directory, a FIFO: never followed, never waited for. */
		if (r == -ELOOP || r == -EINVAL) {
			report(s, g, TAPE_DAMAGE_MET, 0, 0,
			       "the segment is not a regular file and is not read; "
			       "restore it from a copy");
			return segment_bad(g);
		}
		if (reader_unreadable(s->base.reader, g->path, 0, r,
				      "cannot open the segment, nothing of it is shown"))
			return segment_bad(g);
		return error_io(err, r, g->path, "cannot open the segment");
	}
	/* A writer cuts a failed write off: what is not there any more was never committed. */
	if (g->size > st.size)
		g->size = st.size;
	return 0;
}

/* ---- forms ---- */

static size_t
form_slot(const struct raw_segment *g, uint32_t number)
{
	size_t i = (number * 2654435761u) & (g->form_cap - 1);

	while (g->forms[i] != NULL && g->forms[i]->number != number)
		i = (i + 1) & (g->form_cap - 1);
	return i;
}

struct raw_form *
raw_segment_form(struct raw_segment *g, uint32_t number)
{
	if (g->recent == NULL || g->recent->number != number)
		g->recent = g->form_cap == 0 ? NULL : g->forms[form_slot(g, number)];
	return g->recent;
}

static int
forms_grow(struct raw_segment *g)
{
	struct raw_form **old = g->forms;
	size_t old_cap = g->form_cap, cap = old_cap == 0 ? 16 : old_cap * 2;

	if (g->form_count * 2 < old_cap)
		return 0;
	g->forms = calloc(cap, sizeof *g->forms);
	if (g->forms == NULL) {
		g->forms = old;
		return TAPE_ERR_NOMEM;
	}
	g->form_cap = cap;
	for (size_t i = 0; i < old_cap; i++)
		if (old[i] != NULL)
			g->forms[form_slot(g, old[i]->number)] = old[i];
	free(old);
	return 0;
}

static struct raw_form *
form_add(struct raw_segment *g, uint32_t number, uint64_t offset)
{
	struct raw_form *f;

	if (forms_grow(g) != 0)
		return NULL;
	f = calloc(1, sizeof *f);
	if (f == NULL)
		return NULL;
	f->number = number;
	f->defined_at = offset;
	f->state = RAW_FORM_BAD;
	g->forms[form_slot(g, number)] = f;
	g->form_count++;
	return f;
}

/* Every field counts: what differs in site, unit or store alone differs too. */
static bool
same_form(const struct form *a, const struct form *b)
{
	size_t size = form_record_size(a);
	uint8_t *bytes;
	bool same;

	if (size != form_record_size(b))
		return false;
	bytes = malloc(2 * size);
	if (bytes == NULL)
		return true; /* nothing hangs on it but a report */
	form_record_write(a, bytes);
	form_record_write(b, bytes + size);
	same = memcmp(bytes, bytes + size, size) == 0;
	free(bytes);
	return same;
}

/* A number that was defined before may only be defined again as the same. */
static void
form_again(struct raw_session *s, struct raw_segment *g, struct raw_form *f,
	   const struct record *rec, uint64_t offset)
{
	struct form other = { 0 };

	if (f->state != RAW_FORM_GOOD ||
	    form_decode(rec->data + RECORD_HEADER, rec->len - RECORD_HEADER, rec->form,
			&other, NULL) != 0)
		return;
	if (!same_form(&f->base.form, &other))
		reader_report(s->base.reader, TAPE_DAMAGE_MET, g->path, offset, rec->len,
			      "damaged: form %u is defined twice, differently; the first "
			      "is used",
			      rec->form);
	form_release(&other);
}

/* What a decoded form takes, about. */
static uint64_t
form_cost(const struct raw_form *f, uint32_t record_bytes)
{
	return sizeof *f + 3ull * record_bytes +
	       f->base.form.var_count * (sizeof(struct form_var) + sizeof(uint32_t));
}

static int
form_record(struct raw_session *s, struct raw_segment *g, const struct record *rec,
	    uint64_t offset, struct tape_error *err)
{
	struct raw_form *f = raw_segment_form(g, rec->form);
	struct tape_error why = { 0 };
	int r;

	if (f != NULL) {
		form_again(s, g, f, rec, offset);
		return 0;
	}
	if (g->form_bytes > FORM_BYTES_MAX) {
		if (!g->many_forms)
			report(s, g, TAPE_DAMAGE_MET, offset, rec->len,
			       "more forms than a reader holds; scopes of further ones "
			       "are not shown");
		g->many_forms = true;
		return 0;
	}
	f = form_add(g, rec->form, offset);
	if (f == NULL)
		return error_set(err, TAPE_ERR_NOMEM, g->path, offset,
				 "no memory for the forms of a session");
	r = form_decode(rec->data + RECORD_HEADER, rec->len - RECORD_HEADER, rec->form,
			&f->base.form, &why);
	if (r == TAPE_ERR_NOMEM)
		return error_set(err, TAPE_ERR_NOMEM, g->path, offset, "%s", why.message);
	if (r != 0)
		reader_report(s->base.reader, TAPE_DAMAGE_MET, g->path, offset, rec->len,
			      "form %u: %s; its scopes are not shown", rec->form,
			      why.message);
	else
		f->state = RAW_FORM_GOOD;
	g->form_bytes += form_cost(f, rec->len);
	s->form_bytes += form_cost(f, rec->len);
	return 0;
}

struct raw_form *
raw_segment_use_form(struct raw_session *s, struct raw_segment *g, uint32_t number,
		     uint64_t offset)
{
	struct raw_form *f = raw_segment_form(g, number);

	if (f != NULL && f->state == RAW_FORM_GOOD && f->defined_at < offset)
		return f;
	if (f == NULL && g->undefined < UNDEFINED_MAX) {
		f = form_add(g, number, UINT64_MAX);
		g->undefined++;
	}
	if (f != NULL && f->complained)
		return NULL;
	if (f != NULL)
		f->complained = true;
	/* Once a form, wherever a walk or a slice of one meets it first. */
	reader_report_once(
		s->base.reader, TAPE_DAMAGE_MET, g->path, UNDEFINED_PLACE - number,
		offset, 0,
		"damaged: scopes of form %u, which is not defined before them; they "
		"are not shown",
		number);
	return NULL;
}

/* ---- the walk over headers ---- */

/* A record that does not parse. Those beside scopes are told when these are shown. */
static void
bad_record(struct raw_session *s, struct raw_segment *g, const struct frame *frame,
	   size_t at, int r, bool stuck)
{
	if (frame->scopes == 0)
		raw_frame_bad(s, g, frame, at, r, stuck);
}

static int
walk_records(struct raw_session *s, struct raw_segment *g, const struct scan_event *event,
	     bool facts, struct tape_error *err)
{
	const struct frame *frame = &event->frame;
	size_t at = 0, was = 0;
	struct record rec;
	int r;

	while ((r = record_next(event->payload, frame->payload_bytes, &at, &rec)) != 0) {
		uint64_t offset = frame->offset + FRAME_HEADER + was;
		bool stuck = at == was;

		if (r < 0 && !facts)
			bad_record(s, g, frame, was, r, stuck);
		if (stuck)
			return 0;
		was = at;
		if (r < 0)
			continue;
		if (rec.kind == RECORD_FORM && !facts) {
			r = form_record(s, g, &rec, offset, err);
			if (r != 0)
				return r;
		}
		if (rec.kind == RECORD_NOTE && facts)
			raw_facts_note(s, &rec);
		g->skipped += !facts && frame->scopes == 0 && rec.kind >= RECORD_OPTIONAL;
	}
	return 0;
}

static int
frame_add(struct raw_session *s, struct raw_segment *g, const struct frame *frame,
	  struct tape_error *err)
{
	struct raw_frame *f;

	if (g->frame_count == g->frame_cap) {
		size_t cap = g->frame_cap == 0 ? 64 : g->frame_cap * 2;
		struct raw_frame *more = realloc(g->frames, cap * sizeof *more);

		if (more == NULL)
			return error_set(err, TAPE_ERR_NOMEM, g->path, frame->offset,
					 "no memory for the frames of a segment");
		g->frames = more;
		g->frame_cap = cap;
	}
	f = &g->frames[g->frame_count++];
	/* Frames are looked up by seq: one without scopes stands between its neighbours. */
	*f = (struct raw_frame){ .offset = frame->offset,
				 .first_seq = frame->scopes != 0 ? frame->first_seq
								 : g->next_seq,
				 .payload = frame->payload_bytes,
				 .scopes = frame->scopes,
				 .contents = frame->contents };
	s->frames_held++;
	return 0;
}

/* seqs go up without gaps unless something was reported in between. */
static bool
seq_fits(struct raw_session *s, struct raw_segment *g, const struct frame *frame)
{
	uint64_t first = frame->first_seq;

	if (first == 0 || first > (uint64_t)INT64_MAX - frame->scopes ||
	    (g->next_seq != 0 && first < g->next_seq)) {
		reader_report(s->base.reader, TAPE_DAMAGE_MET, g->path, frame->offset,
			      frame->payload_bytes + FRAME_HEADER,
			      "damaged: a frame of seq %llu stands where seq %llu was "
			      "expected; it is not shown",
			      (unsigned long long)first, (unsigned long long)g->next_seq);
		return false;
	}
	if (g->next_seq != 0 && first > g->next_seq && !g->damaged)
		reader_report(s->base.reader, TAPE_DAMAGE_MET, g->path, frame->offset, 0,
			      "scopes are missing: seq %llu is followed by %llu",
			      (unsigned long long)g->next_seq - 1,
			      (unsigned long long)first);
	if (g->next_seq == 0)
		g->damaged_head = g->damaged;
	g->next_seq = first + frame->scopes;
	g->damaged = false;
	return true;
}

static int
load_frame(struct raw_session *s, struct raw_segment *g, const struct scan_event *event,
	   struct tape_error *err)
{
	const struct frame *frame = &event->frame;
	int r = 0;

	if (frame->kind != FRAME_RECORDS)
		return 0;
	if (event->payload != NULL)
		r = walk_records(s, g, event, false, err);
	if (r != 0)
		return r;
	if ((frame->contents & HAS_MARK) != 0)
		g->mark_frame = frame->offset;
	if (frame->scopes != 0 && !seq_fits(s, g, frame))
		return 0;
	if (frame->scopes == 0 &&
	    (frame->contents & (HAS_NOTE | HAS_MARK | RAW_OTHER)) == 0)
		return 0;
	if (g->frame_count >= FRAMES_MAX) {
		report(s, g, TAPE_DAMAGE_MET, frame->offset, 0,
		       "more frames than a segment can have; the rest is not shown");
		return 1;
	}
	return frame_add(s, g, frame, err);
}

static void
tail_event(struct raw_session *s, size_t index, const struct scan_event *event)
{
	struct raw_segment *g = &s->segments[index];
	bool last = index + 1 == s->segment_count;
	struct os_stat st;

	if (last && !s->owner_gone)
		return;
	/* A file that changed since the snapshot had a writer then. */
	if (last && (os_fstat(g->fd, &st) != 0 || st.size != g->size))
		return;
	reader_report(
		s->base.reader, TAPE_NOTE_MET, g->path, event->offset, event->bytes,
		"tail incomplete at offset %llu: the last write was cut off, its %llu "
		"bytes are not shown",
		(unsigned long long)event->offset, (unsigned long long)event->bytes);
}

static int
scan_begin(struct raw_session *s, size_t index, uint16_t want, struct segment_scan **scan,
	   struct tape_error *err)
{
	struct raw_segment *g = &s->segments[index];
	struct block_source source;
	struct segment_id id = { .number = g->number };
	struct tape_error why = { 0 };
	int r = raw_segment_open(s, index, err);

	if (r != 0)
		return r;
	memcpy(id.tape, s->base.reader->dir.id, sizeof id.tape);
	memcpy(id.session, s->about.facts.id, sizeof id.session);
	source = block_from_fd(&g->fd, g->size);
	r = segment_scan_open(&source, &id, want, scan, &why);
	if (r == TAPE_ERR_DAMAGED || r == TAPE_ERR_TOO_NEW) {
		reader_report(s->base.reader, TAPE_DAMAGE_MET, g->path, why.offset,
			      g->size, "%s; nothing of the segment is shown",
			      why.message);
		g->bad = true;
		g->damaged = true;
		return TAPE_ERR_DAMAGED;
	}
	if (r == TAPE_ERR_IO &&
	    reader_unreadable(s->base.reader, g->path, 0, -why.code,
			      "cannot read the segment, nothing of it is shown"))
		return segment_bad(g);
	if (r != 0)
		return error_set(err, r, g->path, why.offset, "%s", why.message);
	g->key = *segment_scan_key(*scan);
	return 0;
}

/* A walk that ended with r: 0 after telling that this segment is to blame, or the error. */
static int
scan_failed(struct raw_session *s, struct raw_segment *g, int r,
	    const struct tape_error *why, struct tape_error *err)
{
	if (r == TAPE_ERR_IO &&
	    reader_unreadable(s->base.reader, g->path, why->offset, -why->code,
			      "cannot read the segment from here on")) {
		g->damaged = true;
		return 0;
	}
	if (r < 0 && err != NULL)
		*err = *why;
	return r < 0 ? r : 0;
}

int
raw_segment_probe(struct raw_session *s, size_t index, struct tape_error *err)
{
	struct raw_segment *g = &s->segments[index];
	struct segment_scan *scan = NULL;
	struct tape_error why = { 0 };
	struct scan_event event;
	int r;

	g->first_seq = UINT64_MAX;
	r = scan_begin(s, index, HAS_NOTE, &scan, err);
	g->probed = true;
	if (g->bad)
		return 0;
	if (r != 0)
		return r;
	while ((r = segment_scan_next(scan, &event, &why)) == 1) {
		if (event.kind != SCAN_FRAME || event.frame.kind != FRAME_RECORDS)
			continue;
		if (event.payload != NULL)
			r = walk_records(s, g, &event, true, &why);
		if (r < 0)
			break;
		if (g->head_seq == 0)
			g->head_seq = event.frame.first_seq;
		if (event.frame.scopes != 0) {
			g->first_seq = event.frame.first_seq;
			r = 0;
			break;
		}
	}
	r = scan_failed(s, g, r, &why, err);
	segment_scan_close(scan);
	if (s->segment_count > OPEN_MAX_PROBED)
		os_close(&g->fd);
	return r;
}

static void
drop_forms(struct raw_session *s, struct raw_segment *g)
{
	for (size_t i = 0; i < g->form_cap; i++) {
		struct raw_form *f = g->forms[i];

		if (f == NULL)
			continue;
		if (f->base.plan != NULL && s->base.drop_plan != NULL)
			s->base.drop_plan(f->base.plan);
		form_release(&f->base.form);
		free(f);
	}
	free(g->forms);
	g->forms = NULL;
	g->recent = NULL;
	s->form_bytes -= g->form_bytes;
	g->form_count = g->form_cap = g->form_bytes = g->undefined = 0;
}

void
raw_segment_drop(struct raw_session *s, size_t index)
{
	struct raw_segment *g = &s->segments[index];

	raw_cache_drop_segment(s, index);
	drop_forms(s, g);
	s->frames_held -= g->frame_count;
	free(g->frames);
	g->frames = NULL;
	g->frame_count = g->frame_cap = 0;
	g->loaded = false;
	os_close(&g->fd);
}

/* Drops tables that were used longest ago, but not that of the walk or of `keep`. */
static void
make_room(struct raw_session *s, size_t keep)
{
	size_t open = 0;

	if (s->keep_all)
		return;
	for (size_t i = 0; i < s->segment_count; i++)
		open += s->segments[i].loaded;
	while (s->frames_held > FRAMES_HELD || s->form_bytes > FORM_BYTES_MAX ||
	       open > 256) {
		size_t oldest = s->segment_count;

		for (size_t i = 0; i < s->segment_count; i++)
			if (s->segments[i].loaded && i != keep && i != s->at_segment &&
			    (oldest == s->segment_count ||
			     s->segments[i].used < s->segments[oldest].used))
				oldest = i;
		if (oldest == s->segment_count)
			return;
		raw_segment_drop(s, oldest);
		open--;
	}
}

static int
load_events(struct raw_session *s, size_t index, struct segment_scan *scan,
	    struct tape_error *err)
{
	struct raw_segment *g = &s->segments[index];
	struct tape_error why = { 0 };
	struct scan_event event;
	uint64_t end = g->end;
	bool whole = true;
	int r;

	g->end = 0;
	while ((r = segment_scan_next(scan, &event, &why)) == 1) {
		switch (event.kind) {
		case SCAN_FRAME:
			r = load_frame(s, g, &event, err);
			if (r != 0)
				return r < 0 ? r : 0;
			end = event.offset + event.bytes;
			break;
		case SCAN_TAIL:
			tail_event(s, index, &event);
			break;
		default:
			g->damaged = true;
			whole = false;
			report(s, g, TAPE_DAMAGE_MET, event.offset, event.bytes,
			       event.message);
			break;
		}
	}
	if (r == 0 && whole && !segment_scan_ended(scan, NULL))
		g->end = end;
	return scan_failed(s, g, r, &why, err);
}

int
raw_segment_load(struct raw_session *s, size_t index, struct tape_error *err)
{
	struct raw_segment *g = &s->segments[index];
	struct segment_scan *scan = NULL;
	int r;

	g->used = ++s->clock;
	if (g->bad)
		return 0;
	if (g->loaded) {
		r = raw_segment_open(s, index, err);
		return g->bad ? 0 : r;
	}
	/* Notes were read by the probe, which tells of no damage. */
	r = scan_begin(s, index, LOADED, &scan, err);
	if (g->bad)
		return 0;
	if (r != 0)
		return r;
	g->next_seq = 0;
	g->skipped = 0;
	g->damaged = false;
	g->end = 0;
	r = load_events(s, index, scan, err);
	segment_scan_close(scan);
	g->loaded = r == 0;
	if (r != 0)
		raw_segment_drop(s, index);
	else
		make_room(s, index);
	return r;
}

/* It is opened anew: another file may stand in its place. */
bool
raw_segment_extend(struct raw_session *s, size_t index, uint64_t size)
{
	struct raw_segment *g = &s->segments[index];
	const struct segment_key key = g->key;
	struct segment_scan *scan = NULL;
	int r;

	if (!g->loaded || g->bad || g->end == 0 || g->next_seq == 0 ||
	    g->first_seq == UINT64_MAX || size < g->end)
		return false;
	os_close(&g->fd);
	g->size = size;
	if (scan_begin(s, index, LOADED, &scan, NULL) != 0)
		return false;
	if (g->size < g->end || key.sync != g->key.sync || key.seed != g->key.seed) {
		segment_scan_close(scan);
		return false;
	}
	segment_scan_seek(scan, g->end);
	r = load_events(s, index, scan, NULL);
	segment_scan_close(scan);
	return r == 0 && g->end != 0;
}

void
raw_segment_release(struct raw_session *s, struct raw_segment *g)
{
	drop_forms(s, g);
	free(g->frames);
	free(g->path);
	os_close(&g->fd);
}
