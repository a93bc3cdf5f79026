/* SPDX-License-Identifier: Apache-2.0 */
/* From the stages to a group: what is taken, what repeats, which seq it gets. */
#include "librecord/commit.h"

#include <stdlib.h>
#include <string.h>

#include "format/le.h"
#include "format/segment.h"
#include "librecord/background.h"
#include "librecord/blobs.h"
#include "librecord/bookmark.h"
#include "librecord/cache.h"
#include "librecord/cut.h"
#include "librecord/hooks.h"
#include "librecord/recorder.h"
#include "librecord/seen.h"
#include "librecord/session.h"
#include "librecord/squeeze.h"
#include "librecord/subset.h"
#include "librecord/sync.h"
#include "librecord/writer.h"

/* How far ahead the seen-set is fetched: about a memory latency of records. */
#define AHEAD 12u

void
stage_clear(struct stage *stage)
{
	for (size_t i = 0; i < stage->big_count; i++)
		free(stage->bigs[i].data);
	if (stage->big_bytes && stage->tape)
		blobs_unhold(stage->tape, stage->big_bytes);
	stage->len = FRAME_HEADER;
	stage->blob_len = 0;
	stage->count = stage->bookmarks = 0;
	stage_quiet_reset(stage);
	stage->hashed = 0;
	stage->fixup_count = stage->big_count = 0;
	stage->big_bytes = 0;
	stage->base_time = stage->first_time = 0;
}

/* ---- repeats ---- */

/* Takes in a form that no record of the walk had before. False: no memory. */
static bool
meet(struct writer *w, struct rec_form *rec)
{
	struct writer_met *met = &w->met;

	rec->met_in = w->cut_round;
	if (met->count == met->cap) {
		uint32_t cap = met->cap ? 2 * met->cap : 64;
		uint32_t *forms = reallocarray(met->forms, cap, sizeof *forms);

		if (!forms)
			return false;
		met->forms = forms;
		met->cap = cap;
	}
	met->forms[met->count++] = rec->form.number;
	return true;
}

/* A walk that finds what lays out the part. Forms are marked with its number. */
static struct part_sum
sum_begin(struct writer *w)
{
	w->cut_round++;
	return (struct part_sum){ .known = true, .forms = w->met.count };
}

static inline void
sum_form(struct tape *t, struct part_sum *sum, uint32_t form)
{
	struct rec_form *rec = form ? recorder_form(t, form) : NULL;

	if (rec && rec->met_in != t->writer->cut_round && !meet(t->writer, rec))
		sum->known = false;
}

/* What is changed once more, or is more than one frame, is walked through again. */
static void
sum_end(const struct writer *w, struct part *part, struct part_sum sum)
{
	sum.form_count = w->met.count - sum.forms;
	sum.known = sum.known && !(part->hashed & STAGE_SUBSET) &&
		    part->len - FRAME_HEADER <= GROUP_SCOPE_FRAME;
	part->sum = sum;
}

/*
 * Turns records whose content the session already has into links, and counts what lays
 * the part out. Returns the next seq.
 */
static uint64_t
find_repeats(struct tape *t, struct part *part, uint64_t seq)
{
	struct squeeze s = squeeze_begin(part);
	struct part_sum sum = sum_begin(t->writer);
	uint32_t ahead = part->count < AHEAD ? part->count : AHEAD, last_form = 0;
	uint64_t first = seq;

	for (uint32_t i = 0; i < ahead; i++)
		seen_prefetch(t->seen, &part->hashes[i]);
	for (uint32_t i = 0; s.at < part->len; i++) {
		const uint8_t *record = part->records + s.at;
		uint32_t len = get_le32(record), head = get_le32(record + 4);
		uint32_t kind = head & 0xff, form = head >> 8;
		uint64_t target = 0;

		if (i + AHEAD < part->count)
			seen_prefetch(t->seen, &part->hashes[i + AHEAD]);
		if (form != last_form)
			sum_form(t, &sum, form);
		last_form = form;
		if (kind == RECORD_SCOPE && len > LINK_RECORD &&
		    !seen_none(&part->hashes[i]))
			target = seen_find_or_add(t->seen, &part->hashes[i], seq);
		if (target) {
			squeeze_refer(&s, len, RECORD_LINK, target);
			sum.contents |= HAS_LINK;
		} else {
			squeeze_keep(&s, len);
			sum.contents |=
				kind == RECORD_SCOPE ? HAS_SCOPE : record_contents(kind);
		}
		sum.records++;
		seq += kind == RECORD_SCOPE || record_has_seq(kind);
	}
	squeeze_end(&s);
	sum.scopes = (uint32_t)(seq - first);
	sum_end(t->writer, part, sum);
	return seq;
}

/* ---- commit ---- */

static bool
stage_empty(const struct stage *stage)
{
	return stage->count == 0 && stage->big_count == 0;
}

/* commit_lock is held. *part stays NULL if there is nothing; -1: out of memory, it stays staged. */
static int
take(struct tape *t, struct stage *stage, struct part **part)
{
	int r = 0;

	stage_lock(stage);
	if (!stage_empty(stage)) {
		*part = part_take(&t->writer->pool, stage);
		r = *part ? 0 : -1;
	}
	stage_unlock(stage);
	if (r < 0)
		recorder_error(t, "out of memory: the commit has to wait");
	return r;
}

static void
drop(struct tape *t, struct part *parts)
{
	cache_lost(t, parts);
	for (struct part *part = parts; part; part = part->next)
		blobs_drop(t, part);
	part_put_all(&t->writer->pool, parts);
}

/*
 * May records refer to later ones? A group of more than LIMIT_GROUP is written as
 * several, of which a crash may leave the first.
 */
static bool
one_group(const struct part *parts)
{
	uint64_t bytes = 0;

	for (; parts; parts = parts->next)
		bytes += parts->len + parts->blob_len;
	return bytes <= LIMIT_GROUP / 2;
}

/* Gives seqs, and writes shorter what is known. commit_lock is held. */
static void
find_known(struct tape *t, struct part *parts)
{
	bool together = one_group(parts);
	uint64_t seq = t->next_seq;

	t->writer->met.count = 0;
	for (struct part *part = parts; part; part = part->next) {
		uint64_t first = seq;

		/* Nothing is looked for, or memory was out: nothing is wrong. */
		if (part->hashed && part->hashes && part->hash_cap >= part->count) {
			seq = find_repeats(t, part, seq);
			if (together && part->hashed & STAGE_SUBSET)
				subset_find(t, part, first);
		} else if (part->next) { /* else nobody asks for the seq */
			seq += part_count(part);
		}
	}
}

/* commit_lock is held; the parts are given away. Their large blobs are stored. */
static int
commit_group(struct tape *t, struct part *parts)
{
	struct bookmark_lines lines;
	struct hook_event *event = hooks_count(t, parts);
	int r;

	find_known(t, parts);
	cache_number(t, parts);
	bookmark_lines_make(t, parts, &lines);
	hooks_linked(event, parts);
	r = writer_commit(t, parts);
	hooks_counted(t, event, r == 0);
	if (r < 0)
		t->writer->blobs_told = blobs_lost(t); /* by this failure */
	bookmark_lines_write(t, &lines, r == 0);
	return r;
}

/* The parts behind the first group, which ends before them. */
static struct part *
next_group(struct part *parts)
{
	struct part *next;

	while (parts->next && !parts->next->begins)
		parts = parts->next;
	next = parts->next;
	parts->next = NULL;
	return next;
}

/* commit_lock is held; the parts are given away. */
static int
commit_parts(struct tape *t, struct part *parts)
{
	int r = session_alive(t);

	/* A repeat of a scope whose blob is gone is recorded anew, blob and all. */
	if (t->writer->blobs_unlinked != blobs_lost(t)) {
		t->writer->blobs_unlinked = blobs_lost(t);
		seen_clear(t->seen);
	}

	for (struct part *part = parts; r == 0 && part; part = part->next)
		r = blobs_flush(t, part);
	if (r < 0) {
		/* A record must not name what is not there. */
		recorder_lost(t, part_count_scopes(parts));
		drop(t, parts);
		t->writer->blobs_told = blobs_lost(t);
		return -1;
	}
	parts = cut_groups(t, parts);
	while (parts && r == 0) {
		struct part *rest = next_group(parts);

		r = commit_group(t, parts);
		parts = rest;
	}
	/* What follows what is lost is lost: a session has no gaps. */
	if (parts) {
		recorder_lost(t, part_count_scopes(parts));
		drop(t, parts);
	}
	return r;
}

/* What a commit owes after its group was written. commit_lock is held. */
static int
make_safe(struct tape *t)
{
	struct writer *w = t->writer;
	uint64_t lost_before = w->blobs_told;
	int r = 0;

	if (t->conf.sync == SYNC_COMMIT)
		r = sync_upto(t, w->group_number);
	else
		sync_bound(t);
	/* A blob that the disk refused: all commits that waited for this sync fail. */
	if (blobs_lost(t) != lost_before) {
		w->blobs_told = blobs_lost(t);
		return -1;
	}
	return r;
}

/* A thread that was in a macro while another one closed comes too late. */
static bool
closed(struct tape *t, struct stage *stage)
{
	if (t->seen)
		return false;
	if (stage) {
		stage_lock(stage);
		stage_clear(stage);
		stage_unlock(stage);
	}
	return true;
}

/* The record that fills the stage up is of the group too, and may be larger than most. */
static void
set_due(struct tape *t, struct stage *stage, uint64_t mean)
{
	uint64_t room = writer_room(t), slack = RECORD_HEADER + 2 * mean;

	if (room)
		stage->due = room > 2 * slack ? room - slack : room;
}

int
session_commit_stage(struct tape *t, struct stage *stage)
{
	struct part *part = NULL;
	uint64_t mean = 0;
	int r;

	session_lock(t);
	if (closed(t, stage)) {
		session_unlock(t);
		return 0;
	}
	r = take(t, stage, &part);
	if (part) {
		mean = part->len / (part->count + 1u);
		r = commit_parts(t, part);
		if (r == 0)
			r = make_safe(t);
	}
	set_due(t, stage, mean);
	session_unlock(t);
	hooks_deliver(t);
	return r < 0 ? -1 : 0;
}

int
session_commit_last(struct tape *t, struct stage *stage, int (*add)(void *user),
		    void *user, struct tape_pos *pos)
{
	struct part *part = NULL;
	int r;

	*pos = (struct tape_pos){ .seq = 0 };
	session_lock(t);
	if (closed(t, stage)) {
		session_unlock(t);
		return 0;
	}
	/* Nobody else can take the stage: what is added is its last record. */
	r = add(user);
	if (r == 0)
		r = take(t, stage, &part);
	if (part) {
		r = commit_parts(t, part);
		if (r == 0)
			r = make_safe(t);
	}
	if (part && r == 0) {
		pos->session[0] = t->session[0];
		pos->session[1] = t->session[1];
		pos->seq = t->next_seq - 1;
	}
	session_unlock(t);
	return r < 0 ? -1 : 0;
}

/* Takes a stage whose first scope is older than `before`, as the last part. */
static int
take_old(struct tape *t, struct stage *stage, int64_t before, struct part ***end)
{
	bool old;
	int r = 0;

	stage_lock(stage);
	old = !stage_empty(stage) && stage->first_time <= before;
	stage_unlock(stage);
	if (old)
		r = take(t, stage, *end);
	if (**end)
		*end = &(**end)->next;
	return r;
}

/*
 * Takes all stages, or those whose first scope is older than `before`. Results of the
 * cache come first: whoever goes on from a checkpoint that was committed with them has
 * them in front of it.
 */
static int
take_all(struct tape *t, int64_t before, struct part **parts)
{
	struct part **end = parts;
	int r = 0;

	*parts = NULL;
	for (int caches = 1; caches >= 0; caches--)
		for (struct stage *stage = atomic_load(&t->stages); stage && r == 0;
		     stage = stage->next)
			if (stage->caches == (caches != 0))
				r = take_old(t, stage, before, &end);
	return r;
}

int
commit_older(struct tape *t, int64_t before)
{
	struct part *parts;
	int r = take_all(t, before, &parts), more;

	more = parts ? commit_parts(t, parts) : 0;
	if (more == 0)
		more = make_safe(t);
	return r < 0 || more < 0 ? -1 : 0;
}

int
session_commit_all(struct tape *t)
{
	int r;

	session_lock(t);
	atomic_store(&t->commit_soon, 0);
	r = closed(t, NULL) ? 0 : commit_older(t, INT64_MAX);
	session_unlock(t);
	hooks_deliver(t);
	return r;
}

int
tape_commit(struct tape *t)
{
	if (!t || atomic_load(&t->dead))
		return 0;
	return session_commit_all(t);
}

int
tape_discard(struct tape *t)
{
	struct stage *stage;

	if (!t || atomic_load(&t->dead))
		return 0;
	if (t->conf.commit != COMMIT_MANUAL) {
		recorder_error(t,
			       "tape_discard does nothing unless commit=manual is set: "
			       "part of the stage may have been committed");
		return -1;
	}
	stage = capture_stage(t);
	if (!stage)
		return 0;
	stage_lock(stage);
	stage_clear(stage);
	stage_unlock(stage);
	return 0;
}

void
tape_commit_soon(struct tape *t)
{
	if (!t || atomic_load(&t->dead))
		return;
	atomic_store(&t->commit_soon, 1);
	background_wake(t);
}

struct tape_pos
tape_position(const struct tape *t)
{
	struct tape_pos pos = { .seq = 0 };

	if (!t || atomic_load(&t->orphan))
		return pos;
	pos.session[0] = t->session[0];
	pos.session[1] = t->session[1];
	pos.seq = atomic_load(&t->committed_seq);
	return pos;
}
