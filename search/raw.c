/* SPDX-License-Identifier: Apache-2.0 */
/* A raw session as a source: opening it, walking over it. */
#include "search/raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/os.h"
#include "format/path.h"
#include "search/reader.h"

/* ---- walking ---- */

static bool
segment_in_reach(const struct raw_session *s, size_t index)
{
	const struct raw_segment *g = &s->segments[index];

	if (g->bad)
		return false;
	/* Notes may stand in segments without scopes. */
	if (s->iter.note != NULL || s->iter.other != NULL)
		return true;
	/* No frame with scopes was found: perhaps because of damage, which is told by reading it. */
	if (g->first_seq == UINT64_MAX)
		return true;
	return g->first_seq <= s->iter.hi && g->cut > s->iter.lo;
}

/* Scopes that are missing between two segments, or before the first. */
static void
check_gap(struct raw_session *s, size_t index)
{
	const struct raw_segment *g = &s->segments[index], *before;
	uint64_t expected = s->rest.seq;
	bool empty = g->first_seq == UINT64_MAX;
	/* Without scopes a segment still says which seq was free when it began. */
	uint64_t begins = empty ? g->head_seq : g->first_seq;

	if (begins == 0 || !g->loaded || (empty ? g->damaged : g->damaged_head))
		return;
	for (size_t i = index; i-- > 0;) {
		before = &s->segments[i];
		if (before->bad || before->damaged || !before->loaded ||
		    before->number + 1 != s->segments[i + 1].number)
			return;
		if (before->next_seq != 0) {
			expected = before->next_seq;
			break;
		}
	}
	if (s->segments[0].number != s->rest.log && expected == s->rest.seq)
		return;
	if (begins > expected)
		reader_report(s->base.reader, TAPE_DAMAGE_MET, g->path, SEGMENT_HEADER, 0,
			      "scopes are missing: seq %llu is followed by %llu",
			      (unsigned long long)expected - 1,
			      (unsigned long long)begins);
}

/* Walking backward, a segment shows what is missing before the one behind it. */
static void
check_gaps(struct raw_session *s)
{
	size_t behind = s->at_segment + 1;

	if (!s->iter.reverse || s->at_segment == 0)
		check_gap(s, s->at_segment);
	if (!s->iter.reverse)
		return;
	while (behind < s->segment_count && s->segments[behind].first_seq == UINT64_MAX)
		behind++;
	if (behind < s->segment_count)
		check_gap(s, behind);
}

/* Frames in front of it are of no use: hopping over each takes its time. */
static size_t
first_frame(const struct raw_session *s, const struct raw_segment *g)
{
	/* Notes, too, stand in frames of any place. */
	if (s->iter.note != NULL || s->iter.other != NULL)
		return 0;
	return raw_find_frame(g, s->iter.lo);
}

static int
enter_segment(struct raw_session *s, struct tape_error *err)
{
	struct raw_segment *g = &s->segments[s->at_segment];
	int r;

	if (!segment_in_reach(s, s->at_segment))
		return 0;
	r = raw_segment_load(s, s->at_segment, err);
	if (r != 0)
		return r;
	check_gaps(s);
	s->at_frame = s->iter.reverse ? g->frame_count : first_frame(s, g);
	return g->bad ? 0 : 1;
}

static bool
frame_in_reach(const struct raw_session *s, const struct raw_frame *f)
{
	const struct raw_segment *g = &s->segments[s->at_segment];

	if (s->iter.note != NULL && (f->contents & HAS_NOTE) != 0)
		return true;
	if (s->iter.other != NULL && (f->contents & RAW_OTHER) != 0)
		return true;
	/* As elsewhere: contents of 0, or with unknown bits, promise nothing. */
	if (s->iter.bookmarks && f->contents != 0 &&
	    (f->contents & (HAS_BOOKMARK | 0xfc00u)) == 0)
		return false;
	return f->scopes != 0 && f->first_seq <= s->iter.hi && f->first_seq < g->cut &&
	       f->first_seq + f->scopes > s->iter.lo;
}

/* Is that frame behind what the slice has of its last segment? */
static bool
behind_slice(const struct raw_session *s, const struct raw_frame *f)
{
	const struct source_slice *slice = &s->iter.slice;

	if (s->iter.reverse)
		return slice->from_inside && s->at_segment == s->first_segment &&
		       f->offset < slice->from;
	return slice->to_inside && s->at_segment == s->last_segment &&
	       f->offset >= slice->to;
}

/* 1 = s->items are the records of the next frame, 0 = no frame is left in the segment. */
static int
next_frame(struct raw_session *s, struct tape_error *err)
{
	struct raw_segment *g = &s->segments[s->at_segment];

	while (s->iter.reverse ? s->at_frame > 0 : s->at_frame < g->frame_count) {
		struct raw_frame *f;
		int r;

		if (s->iter.reverse)
			s->at_frame--;
		f = &g->frames[s->at_frame];
		if (!s->iter.reverse)
			s->at_frame++;
		if (behind_slice(s, f)) {
			s->at_frame = s->iter.reverse ? 0 : g->frame_count;
			return 0;
		}
		if (!frame_in_reach(s, f))
			continue;
		r = raw_frame_read(s, s->at_segment, f, &s->view, &s->frame, &s->payload,
				   err);
		if (r == 0)
			continue;
		if (r == 1)
			r = raw_frame_items(s, s->at_segment, &s->frame, s->payload, true,
					    &s->items, err);
		if (r == 0)
			raw_cache_keep(s, s->at_segment, f, &s->frame, s->payload,
				       &s->items);
		if (r < 0)
			return r;
		s->at_item = s->iter.reverse ? s->items.count : 0;
		return 1;
	}
	return 0;
}

/* 1 = *out, 0 = no item is left in the frame. */
static int
next_item(struct raw_session *s, struct source_record *out)
{
	uint64_t hi = s->iter.hi;

	if (s->segments[s->at_segment].cut <= hi)
		hi = s->segments[s->at_segment].cut - 1;
	while (s->iter.reverse ? s->at_item > 0 : s->at_item < s->items.count) {
		const struct raw_item *item;
		uint64_t seq;

		if (s->iter.reverse)
			s->at_item--;
		item = &s->items.items[s->at_item];
		if (!s->iter.reverse)
			s->at_item++;
		seq = s->frame.first_seq + item->index;
		if (seq >= s->iter.lo && seq <= hi &&
		    raw_frame_record(s, s->at_segment, &s->frame, s->payload + item->at,
				     s->frame.payload_bytes - item->at, item, out))
			return 1;
	}
	return 0;
}

void
raw_tell_skipped(struct tape_reader *reader, const char *dir, uint64_t count)
{
	if (count != 0)
		reader_report(reader, TAPE_NOTE_MET, dir, 0, 0,
			      "%llu records of kinds this version does not know were "
			      "skipped",
			      (unsigned long long)count);
}

/* Behind the last record of a walk. A session is told of once a reader. */
static void
tell_skipped(struct raw_session *s)
{
	const struct source_slice *slice = &s->iter.slice;
	/* What stands beside scopes was counted with the slice that a segment begins in. */
	size_t first = s->first_segment + slice->from_inside;
	uint64_t count = s->skipped;

	for (size_t i = first; i < s->segment_count && i <= s->last_segment; i++)
		count += s->segments[i].skipped;
	if (slice->skipped != NULL)
		*slice->skipped += count;
	else
		raw_tell_skipped(s->base.reader, s->dir->path, count);
}

static int
raw_next(struct source *source, struct source_record *out, struct tape_error *err)
{
	struct raw_session *s = (struct raw_session *)source;
	int r;

	for (;;) {
		if (s->in_frame) {
			if (next_item(s, out) == 1)
				return 1;
			s->in_frame = false;
		}
		r = s->at_segment < s->segment_count ? next_frame(s, err) : 0;
		if (r < 0)
			return r;
		s->in_frame = r == 1;
		while (!s->in_frame) {
			if (s->iter.reverse ? s->at_segment <= s->first_segment
					    : s->at_segment >= s->last_segment) {
				tell_skipped(s);
				return 0;
			}
			s->at_segment =
				s->iter.reverse ? s->at_segment - 1 : s->at_segment + 1;
			r = enter_segment(s, err);
			if (r < 0)
				return r;
			if (r == 1)
				break;
		}
	}
}

/* Where a walk begins and ends: segments by their numbers. */
static void
choose_segments(struct raw_session *s)
{
	const struct source_slice *slice = &s->iter.slice;

	s->first_segment = 0;
	s->last_segment = s->segment_count - 1;
	while (slice->from_inside && s->first_segment < s->last_segment &&
	       s->segments[s->first_segment].number < slice->from_log)
		s->first_segment++;
	while (slice->to_inside && s->last_segment > s->first_segment &&
	       s->segments[s->last_segment].number > slice->to_log)
		s->last_segment--;
}

/* A slice that begins within a segment: the next border to another is judged as by the whole walk. */
static int
load_before(struct raw_session *s, struct tape_error *err)
{
	bool inside =
		s->iter.reverse ? s->iter.slice.to_inside : s->iter.slice.from_inside;
	size_t i = s->at_segment;
	int r = 0;

	while (inside && r == 0 && !s->iter.reverse && i > 0 &&
	       s->segments[i].next_seq == 0 && segment_in_reach(s, i - 1))
		r = raw_segment_load(s, --i, err);
	while (inside && r == 0 && s->iter.reverse && i + 1 < s->segment_count &&
	       s->segments[i].first_seq == UINT64_MAX && segment_in_reach(s, i + 1))
		r = raw_segment_load(s, ++i, err);
	return r;
}

/* The frame of the segment at hand that a slice which begins within it begins with. */
static size_t
frame_from(const struct raw_session *s, uint64_t offset)
{
	const struct raw_segment *g = &s->segments[s->at_segment];
	size_t lo = 0, hi = g->frame_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (g->frames[mid].offset < offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int
raw_begin(struct source *source, const struct source_iter *iter, struct tape_error *err)
{
	struct raw_session *s = (struct raw_session *)source;
	const struct source_slice *slice = &iter->slice;
	int r;

	s->iter = *iter;
	s->view.backward = iter->reverse;
	s->skipped = 0;
	s->in_frame = false;
	choose_segments(s);
	s->at_segment = iter->reverse ? s->last_segment : s->first_segment;
	s->at_frame = 0;
	r = enter_segment(s, err);
	if (r == 1 && iter->reverse && slice->to_inside)
		s->at_frame = frame_from(s, slice->to);
	else if (r == 1 && slice->from_inside)
		s->at_frame = iter->reverse ? s->at_frame : frame_from(s, slice->from);
	else if (r == 0)
		s->at_frame = iter->reverse ? 0 : s->segments[s->at_segment].frame_count;
	return r < 0 ? r : load_before(s, err);
}

/* ---- the other operations ---- */

static const struct source_facts *
raw_get_facts(struct source *source)
{
	return &((struct raw_session *)source)->about.facts;
}

static const char *
raw_file(struct source *source, const struct source_place *place)
{
	return ((struct raw_session *)source)->segments[place->part].path;
}

static int
raw_blob(struct source *source, const struct body_hint *hint,
	 const struct tape_hash *hash, uint64_t size, uint8_t **data,
	 struct tape_error *err)
{
	struct raw_session *s = (struct raw_session *)source;
	char name[PATH_SEGMENT_TEXT], path[sizeof s->dir->path + PATH_SEGMENT_TEXT + 1];
	struct block_source block;
	struct os_stat st;
	int fd = -1, r;

	path_segment(hint->segment & ~BODY_BLOB_SEGMENT,
		     (hint->segment & BODY_BLOB_SEGMENT) != 0, name);
	(void)snprintf(path, sizeof path, "%s/%s", s->dir->path, name);
	r = os_open_read(s->base.reader->dir.fd, path, &fd);
	if (r == 0)
		r = os_fstat(fd, &st);
	if (r != 0) {
		os_close(&fd);
		return error_io(err, r, path, "cannot open the segment of a blob");
	}
	block = block_from_fd(&fd, st.size);
	r = segment_read_blob(&block, hint->offset, hash, size, data, err);
	if (r != 0 && err != NULL && err->file[0] == '\0')
		(void)snprintf(err->file, sizeof err->file, "%s", path);
	os_close(&fd);
	return r;
}

static void
raw_close(struct source *source)
{
	struct raw_session *s = (struct raw_session *)source;

	raw_cache_release(s);
	for (size_t i = 0; i < s->segment_count; i++)
		raw_segment_release(s, &s->segments[i]);
	free(s->segments);
	free(s->view.buf);
	free(s->items.items);
	facts_release(&s->about);
	free(s);
}

static const struct source_ops raw_ops = {
	.facts = raw_get_facts,
	.begin = raw_begin,
	.next = raw_next,
	.lookup = raw_lookup,
	.recall = raw_recall,
	.blob = raw_blob,
	.excused = raw_facts_excused,
	.file = raw_file,
	.close = raw_close,
};

/* ---- opening ---- */

static int
add_segment(struct raw_session *s, uint32_t number, uint64_t size)
{
	struct raw_segment *g = &s->segments[s->segment_count];
	char name[PATH_SEGMENT_TEXT];

	g->fd = -1;
	g->number = number;
	g->size = size;
	g->cut = UINT64_MAX;
	path_segment(number, false, name);
	if (asprintf(&g->path, "%s/%s", s->dir->path, name) < 0) {
		g->path = NULL;
		return TAPE_ERR_NOMEM;
	}
	s->segment_count++;
	return 0;
}

static void
check_numbers(struct raw_session *s)
{
	uint32_t expected = s->rest.log;

	for (size_t i = 0; i < s->segment_count; i++) {
		const struct raw_segment *g = &s->segments[i];

		if (g->number != expected)
			reader_report(
				s->base.reader, TAPE_DAMAGE_MET, g->path, 0, 0,
				"segments are missing: number %u was expected before "
				"%u; their scopes are not shown",
				expected, g->number);
		expected = g->number + 1;
	}
}

/* A later segment that begins with a seq an earlier one has wins. */
static void
cut_segments(struct raw_session *s)
{
	uint64_t cut = UINT64_MAX;

	for (size_t i = s->segment_count; i-- > 0;) {
		struct raw_segment *g = &s->segments[i];

		g->cut = cut;
		if (!g->bad && g->first_seq < cut)
			cut = g->first_seq;
	}
}

static int
open_segments(struct raw_session *s, const uint64_t *sizes, struct tape_error *err)
{
	const struct tapedir_session *dir = s->dir;

	s->segments = calloc(dir->log_count, sizeof *s->segments);
	if (s->segments == NULL)
		return error_set(err, TAPE_ERR_NOMEM, dir->path, 0,
				 "no memory for the session");
	for (size_t i = 0; i < dir->log_count; i++)
		if (add_segment(s, dir->logs[i], sizes == NULL ? UINT64_MAX : sizes[i]) !=
		    0)
			return error_set(err, TAPE_ERR_NOMEM, dir->path, 0,
					 "no memory for the session");
	for (size_t i = 0; i < s->segment_count; i++) {
		int r = raw_segment_probe(s, i, err);

		if (r != 0)
			return r;
		s->about.facts.bytes += s->segments[i].size;
	}
	s->about.facts.segments = s->segment_count;
	cut_segments(s);
	return raw_facts_state(s, err);
}

int
raw_open(struct tape_reader *reader, struct tapedir_session *dir, const uint64_t *sizes,
	 const struct raw_rest *rest, struct source **out, struct tape_error *err)
{
	struct raw_session *s;
	int r;

	if (dir->error != 0)
		(void)reader_unreadable(
			reader, dir->path, 0, dir->error,
			"cannot list the session, nothing of it is shown");
	if (dir->log_count == 0)
		return 0;
	s = calloc(1, sizeof *s);
	if (s == NULL)
		return error_set(err, TAPE_ERR_NOMEM, dir->path, 0,
				 "no memory for the session");
	s->base.ops = &raw_ops;
	s->base.reader = reader;
	s->dir = dir;
	s->rest = *rest;
	s->view.segment = UINT32_MAX;
	s->cache_most = reader->raw_cache != 0 ? reader->raw_cache : RAW_CACHE_BYTES;
	facts_init(&s->about, dir->id);
	r = open_segments(s, sizes, err);
	if (r != 0) {
		raw_close(&s->base);
		return r;
	}
	check_numbers(s);
	*out = &s->base;
	return 1;
}

bool
raw_extend(struct source *source, const uint64_t *sizes)
{
	struct raw_session *s = (struct raw_session *)source;
	size_t last;

	if (source->ops != &raw_ops || s->segment_count != s->dir->log_count)
		return false;
	last = s->segment_count - 1;
	for (size_t i = 0; i < s->segment_count; i++)
		if (s->segments[i].number != s->dir->logs[i] ||
		    (i < last && s->segments[i].size != sizes[i]))
			return false;
	s->about.facts.bytes += sizes[last] - s->segments[last].size;
	/* What was read ahead of frames may be as it was before them. */
	s->view.segment = UINT32_MAX;
	s->view.len = 0;
	s->mark_known = false;
	return raw_segment_extend(s, last, sizes[last]);
}
