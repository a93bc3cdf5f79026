/* SPDX-License-Identifier: Apache-2.0 */
/* Which sessions, segments and generations take part, and the uid that follows from them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compactor/carry.h"
#include "compactor/withdrawn.h"
#include "format/error.h"
#include "format/hash.h"
#include "format/le.h"
#include "format/limits.h"
#include "format/path.h"
#include "format/segment.h"
#include "search/raw.h"

#define SMALL_GENERATIONS 8u
/* So many sessions may be taken at once, and so many inputs inherited: a MANIFEST has both. */
#define MOST_INPUTS (LIMIT_INPUTS / 2)

/* ---- freezing ---- */

int
plan_freeze(struct compaction *c, const char *path)
{
	struct frozen_list *l = &c->frozen;
	struct frozen *f;
	int r;

	if (l->count == l->cap) {
		size_t cap = l->cap == 0 ? 64 : l->cap * 2;
		struct frozen *more = realloc(l->items, cap * sizeof *more);

		if (more == NULL)
			return compaction_no_memory(c);
		l->items = more;
		l->cap = cap;
	}
	f = &l->items[l->count];
	memset(f, 0, sizeof *f);
	(void)snprintf(f->path, sizeof f->path, "%s", path);
	r = os_stat(c->reader->dir.fd, path, &f->st);
	if (r != 0)
		return error_io(c->err, r, path, "cannot look at the segment");
	l->count++;
	return 0;
}

static int
freeze_segments(struct compaction *c, const struct snapshot_session *s, struct part *part,
		uint32_t logs)
{
	char name[PATH_SEGMENT_TEXT], path[sizeof s->dir.path + PATH_SEGMENT_TEXT + 1];
	int r = 0;

	part->input.log_first = logs == 0 ? 0 : s->dir.logs[0];
	part->input.log_count = logs;
	for (uint32_t i = 0; i < logs && r == 0; i++) {
		path_segment(s->dir.logs[i], false, name);
		(void)snprintf(path, sizeof path, "%s/%s", s->dir.path, name);
		r = plan_freeze(c, path);
		if (r == 0)
			part->input.bytes += c->frozen.items[c->frozen.count - 1].st.size;
		/* What is read is the file as it was when it was listed. */
		if (r == 0 && s->sizes[i] != UINT64_MAX &&
		    s->sizes[i] != c->frozen.items[c->frozen.count - 1].st.size)
			r = compaction_refuse(c, s->id, "it is being written");
	}
	/* Blob segments go with the last of the session. */
	for (size_t i = 0; part->complete && i < s->dir.blob_log_count && r == 0; i++) {
		path_segment(s->dir.blob_logs[i], true, name);
		(void)snprintf(path, sizeof path, "%s/%s", s->dir.path, name);
		r = plan_freeze(c, path);
		if (r == 0)
			part->input.bytes += c->frozen.items[c->frozen.count - 1].st.size;
	}
	if (part->complete && s->dir.blob_log_count != 0) {
		part->input.blob_first = s->dir.blob_logs[0];
		part->input.blob_count = s->dir.blob_logs[s->dir.blob_log_count - 1] -
					 s->dir.blob_logs[0] + 1;
	}
	c->bytes_in += part->input.bytes;
	return r;
}

/* ---- sessions ---- */

/* Does the segment end with an END frame? */
static bool
sealed(struct compaction *c, const struct snapshot_session *s, size_t index)
{
	uint8_t header[SEGMENT_HEADER], buf[FRAME_HEADER + END_PAYLOAD];
	char name[PATH_SEGMENT_TEXT], path[sizeof s->dir.path + PATH_SEGMENT_TEXT + 1];
	struct segment_key key;
	struct segment_id id;
	struct frame frame;
	struct os_stat st;
	bool end = false;
	int fd = -1;

	path_segment(s->dir.logs[index], false, name);
	(void)snprintf(path, sizeof path, "%s/%s", s->dir.path, name);
	if (os_open_read(c->reader->dir.fd, path, &fd) != 0)
		return false;
	if (os_fstat(fd, &st) == 0 && st.size >= sizeof header + sizeof buf &&
	    os_pread(fd, header, sizeof header, 0) == (int64_t)sizeof header &&
	    segment_header_read(header, &id, &key, NULL) == 0 &&
	    os_pread(fd, buf, sizeof buf, st.size - sizeof buf) == (int64_t)sizeof buf)
		end = frame_header_read(&key, buf, st.size - sizeof buf, &frame) &&
		      frame.kind == FRAME_END && frame.payload_bytes == END_PAYLOAD;
	os_close(&fd);
	return end;
}

bool
plan_assumed_dead(const struct compaction *c, const uint64_t id[2])
{
	char text[TAPE_SESSION_TEXT];

	tape_session_text(id, text);
	for (size_t i = 0; i < c->options.assume_dead_count; i++) {
		size_t len = strlen(c->options.assume_dead[i]);

		if (len != 0 && strncmp(text, c->options.assume_dead[i], len) == 0)
			return true;
	}
	return false;
}

/* A prefix that names no session, or several, is a mistake with consequences. */
static int
check_assumed_dead(struct compaction *c)
{
	char text[TAPE_SESSION_TEXT];

	for (size_t i = 0; i < c->options.assume_dead_count; i++) {
		const char *prefix = c->options.assume_dead[i];
		size_t named = 0;

		for (size_t k = 0; k < c->snapshot->count; k++) {
			tape_session_text(c->snapshot->sessions[k].id, text);
			named += strncmp(text, prefix, strlen(prefix)) == 0;
		}
		if (named != 1)
			return error_set(c->err, TAPE_ERR_MISUSE, NULL, 0,
					 "'%s' names %zu sessions, but one has to be "
					 "assumed dead; tape-info lists them",
					 prefix, named);
	}
	return 0;
}

/* First seq of a session that is in a generation from `keep` on; 0 = none is. */
static int
merged_from(struct compaction *c, const struct snapshot_session *s, uint64_t *seq)
{
	struct generations *g = c->snapshot->generations;

	*seq = 0;
	for (size_t i = 0; i < s->generation_count && *seq == 0; i++) {
		const struct scopepack *p = &g->items[s->generations[i]].scopes;

		if (s->generations[i] < c->keep)
			continue;
		*seq = p->sessions[s->entries[i]].first_seq;
		if (*seq == 0) /* it has notes only */
			*seq = s->packed_seq + 1;
	}
	return 0;
}

static int
session_state(struct compaction *c, size_t index, int *state)
{
	struct source *source = NULL;
	uint64_t met = c->reader->met;
	int r = snapshot_open(c->snapshot, index, &source, c->err);

	*state = TAPE_LIVE;
	if (r == 1) {
		*state = source->ops->facts(source)->state;
		source->ops->close(source);
	}
	if (r >= 0 && c->reader->met != met)
		return compaction_refuse(c, c->snapshot->sessions[index].id,
					 "it is damaged");
	return r < 0 ? r : 0;
}

bool
plan_is_over(const struct snapshot_session *s)
{
	if (s->dir.path[0] == '\0')
		return true; /* a directory goes when its session is over */
	if (s->dir.log_count != 0 || s->dir.error != 0)
		return false; /* it went on */
	for (size_t i = 0; i < s->input_count; i++)
		if (s->inputs[i]->complete)
			return true;
	return false;
}

int
plan_is_gone(struct compaction *c, struct snapshot_session *s, bool *gone)
{
	*gone = false;
	if (s->dir.path[0] == '\0' || s->dir.log_count != 0 || s->dir.error != 0)
		return 0;
	return raw_facts_gone(c->reader, &s->dir,
			      s->input_count != 0 || s->generation_count != 0, gone,
			      c->err);
}

/* One that has begun nothing yet, or whose segments are all compacted. */
static void
say_alive(struct compaction *c, const struct snapshot_session *s)
{
	char text[TAPE_SESSION_TEXT];

	if (c->withdrawn == NULL || c->keep == c->snapshot->generations->count)
		return;
	tape_session_text(s->id, text);
	compaction_event(
		c, text, 0,
		"may still be recorded: blobs of withdrawn results stay in packs "
		"until it is over; if it is known to be, --assume-dead says so");
}

/* How many of its logs may be taken, and whether it is over. */
static int
takeable(struct compaction *c, size_t index, uint32_t *logs, struct part *part)
{
	struct snapshot_session *s = &c->snapshot->sessions[index];
	char text[TAPE_SESSION_TEXT], cause[80];
	int state, r;
	bool gone;

	*logs = 0;
	part->complete = part->over = false;
	if (compaction_refused(c, s->id))
		return 0;
	if (s->dir.error != 0) {
		r = compaction_refuse(c, s->id,
				      os_strerror(s->dir.error, cause, sizeof cause));
		return r == TAPE_ERR_DAMAGED ? 0 : r;
	}
	if (s->dir.log_count == 0 && plan_is_over(s)) {
		part->over = true;
		return 0;
	}
	r = session_state(c, index, &state);
	if (r != 0)
		return r == TAPE_ERR_DAMAGED && compaction_refused(c, s->id) ? 0 : r;
	part->over = state != TAPE_LIVE || plan_assumed_dead(c, s->id);
	if (s->dir.log_count == 0) {
		r = plan_is_gone(c, s, &gone);
		part->over |= gone;
		if (r == 0 && !part->over)
			say_alive(c, s);
		c->alive |= !part->over;
		return r;
	}
	part->complete = part->over;
	/* If the last one of a session that is not over ends just now, the next run takes it. */
	while (*logs < s->dir.log_count &&
	       (part->complete || (*logs + 1 < s->dir.log_count && sealed(c, s, *logs))))
		++*logs;
	if (!part->complete) {
		tape_session_text(s->id, text);
		compaction_event(c, text, 0,
				 "may still be recorded: %u of its %zu segments are over",
				 (unsigned)*logs, s->dir.log_count);
		c->result->left_raw++;
	}
	return 0;
}

static int
consider(struct compaction *c, size_t index)
{
	struct snapshot_session *s = &c->snapshot->sessions[index];
	struct part *part = &c->parts[c->part_count];
	uint64_t merged;
	uint32_t logs;
	int r = takeable(c, index, &logs, part);

	if (r == 0)
		r = merged_from(c, s, &merged);
	if (r != 0)
		return r;
	if (logs != 0 && c->raw_count == MOST_INPUTS) {
		c->result->left_raw++; /* the next run takes it */
		logs = 0;
		part->complete = part->over = false;
	}
	c->raw_count += logs != 0;
	part->index = index;
	part->raw = logs != 0;
	memcpy(part->input.session, s->id, sizeof s->id);
	part->input.complete = part->complete;
	part->lo = merged != 0 ? merged : s->packed_seq + 1;
	if (!part->raw && merged == 0)
		return 0;
	if (!part->raw) /* over if what is merged says so */
		for (size_t i = 0; i < s->input_count; i++)
			part->complete |= s->inputs[i]->complete;
	part->over |= part->complete;
	/* What is not taken is not read either. */
	s->dir.log_count = logs;
	r = part->raw ? freeze_segments(c, s, part, logs) : 0;
	c->part_count++;
	return r;
}

/* ---- generations ---- */

/* No more than a MANIFEST has room for. */
static size_t
within_limits(const struct compaction *c, size_t keep)
{
	const struct generations *g = c->snapshot->generations;
	size_t inputs = 0;

	for (size_t i = g->count; i-- > keep;) {
		inputs += g->items[i].manifest.input_count;
		if (inputs > MOST_INPUTS)
			return i + 1;
	}
	return keep;
}

/*
 * Later generations may take contents from earlier ones, so those merged are
 * the last. Half of the places are freed at once, and more where the one
 * before is not larger than all that it would be merged with: so a scope is
 * written again only a few times, however often a tape is compacted.
 */
static size_t
choose_keep(const struct compaction *c, bool any_raw)
{
	const struct live_list *live = &c->snapshot->generations->live;
	size_t count = c->snapshot->generations->count, keep = count;
	uint64_t merged = 0;

	if (c->merge_none)
		return count;
	if ((c->options.flags & TAPE_COMPACT_FULL) != 0)
		return count + any_raw > 1 || c->withdrawn != NULL ? within_limits(c, 0)
								   : count;
	if (count + any_raw <= SMALL_GENERATIONS)
		return count;
	while (keep > 0 && (keep > SMALL_GENERATIONS / 2 ||
			    live->generations[keep - 1].scopes <= merged))
		merged += live->generations[--keep].scopes;
	return within_limits(c, keep);
}

/* Readers show what they can; a new list on top of one that was not read would forget all of it. */
static int
need_list(struct compaction *c)
{
	if (!c->snapshot->generations->list_lost)
		return 0;
	return error_set(
		c->err, TAPE_ERR_DAMAGED, PATH_LIVE, 0,
		"the list of generations cannot be read, so nothing is compacted; "
		"tape-check says what is wrong with it");
}

static int
need_all(struct compaction *c)
{
	struct generations *g = c->snapshot->generations;
	int r = need_list(c);

	for (size_t i = 0; i < g->count && r == 0; i++) {
		if (g->items[i].lost)
			return error_set(c->err, TAPE_ERR_DAMAGED, g->items[i].path, 0,
					 "a generation cannot be read; tape-check says "
					 "what is wrong with it");
		r = generation_need(g, i, c->err);
	}
	return r;
}

static int
make_uid(struct compaction *c)
{
	struct hash_stream *h = hash_stream_new();
	static const char what[] = "tape generation 1";
	struct tape_hash hash = { { 0 } };
	uint8_t buf[64];

	if (h == NULL)
		return compaction_no_memory(c);
	hash_stream_reset(h);
	hash_stream_add(h, what, sizeof what - 1);
	hash_stream_add(h, c->reader->dir.id, 16);
	put_le32(buf, (uint32_t)c->options.level);
	hash_stream_add(h, buf, 4);
	for (size_t i = 0; i < c->part_count; i++) {
		const struct generation_input *in = &c->parts[i].input;

		if (!c->parts[i].raw)
			continue;
		put_le64(buf, in->session[0]);
		put_le64(buf + 8, in->session[1]);
		put_le64(buf + 16, in->log_first);
		put_le64(buf + 24, in->log_count);
		put_le64(buf + 32, in->blob_first);
		put_le64(buf + 40, in->blob_count);
		put_le64(buf + 48, in->bytes);
		hash_stream_add(h, buf, 56);
	}
	for (size_t i = c->keep; i < c->snapshot->generations->count; i++)
		hash_stream_add(h, c->snapshot->generations->items[i].manifest.uid, 16);
	hash = hash_stream_end(h);
	hash_stream_free(h);
	memcpy(c->uid, hash.byte, sizeof c->uid);
	return 0;
}

/* Is there anything raw that may be taken? */
static int
any_takeable(struct compaction *c, bool *any)
{
	for (size_t i = 0; i < c->snapshot->count && !*any; i++) {
		const struct snapshot_session *s = &c->snapshot->sessions[i];

		if (s->dir.log_count != 0 && !compaction_refused(c, s->id)) {
			int state, r = session_state(c, i, &state);

			if (r == TAPE_ERR_DAMAGED && compaction_refused(c, s->id))
				continue;
			if (r != 0)
				return r;
			*any = state != TAPE_LIVE || plan_assumed_dead(c, s->id) ||
			       (s->dir.log_count > 1 && sealed(c, s, 0));
		}
	}
	return 0;
}

/* Is there anything in a generation alone that would be made anew without it? 1, 0 or negative. */
static int
leaves_out(struct compaction *c)
{
	struct withdrawn_sum sum;
	int r;

	if ((c->options.flags & TAPE_COMPACT_FULL) == 0 ||
	    c->keep == c->snapshot->generations->count)
		return 0;
	r = withdrawn_sum_up(c, false, &sum);
	if (r != 0)
		return r;
	return sum.results != 0 || sum.drops != 0 ||
	       (sum.last != 0 && carry_may_forget(c));
}

/* One generation alone is what it was; what is not compacted must not go. */
static int
drop_needless(struct compaction *c)
{
	bool any = false;
	int r;

	/* A session may have ended since it was looked at first. */
	for (size_t i = 0; i < c->part_count; i++)
		any |= c->parts[i].raw;
	if (any || c->snapshot->generations->count - c->keep > 1)
		return 0;
	r = leaves_out(c);
	if (r != 0)
		return r < 0 ? r : 0;
	c->part_count = 0;
	c->keep = c->snapshot->generations->count;
	c->frozen.count = 0;
	c->bytes_in = 0;
	return 0;
}

int
plan_make(struct compaction *c)
{
	bool any = false;
	int r = snapshot_take(c->reader, &c->snapshot, c->err);

	if (r == 0)
		r = need_all(c);
	if (r == 0)
		r = check_assumed_dead(c);
	if (r == 0)
		r = any_takeable(c, &any);
	if (r == 0)
		r = withdrawn_know(c, &c->withdrawn);
	if (r != 0)
		return r;
	c->keep = choose_keep(c, any);
	c->parts = calloc(c->snapshot->count + 1, sizeof *c->parts);
	if (c->parts == NULL)
		return compaction_no_memory(c);
	for (size_t i = 0; i < c->snapshot->count && r == 0; i++)
		r = consider(c, i);
	if (r == 0)
		r = drop_needless(c);
	return r == 0 ? make_uid(c) : r;
}

void
plan_release(struct compaction *c)
{
	snapshot_free(c->snapshot);
	c->snapshot = NULL;
	free(c->parts);
	c->parts = NULL;
	c->part_count = c->raw_count = 0;
	withdrawn_free(c->withdrawn);
	c->withdrawn = NULL;
	free(c->let_go);
	c->let_go = NULL;
	c->let_go_count = c->let_go_cap = 0;
	c->alive = false;
	free(c->compared);
	c->compared = NULL;
	c->compared_count = 0;
	free(c->frozen.items);
	memset(&c->frozen, 0, sizeof c->frozen);
	c->bytes_in = 0;
}
