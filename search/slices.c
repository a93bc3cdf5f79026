/* SPDX-License-Identifier: Apache-2.0 */
#include "search/slices.h"

#include <string.h>

/* Sessions in one slice: each takes opening, however small it is. */
#define SESSIONS_MAX 512u
/* Such a part of a slice at the end of a session goes with what stands before it; no cut is nearer to an end of a segment. */
#define PART_MIN 64u

/* ---- bounds ---- */

bool
slice_bounds_session(const struct slice_bounds *b, const uint64_t id[2])
{
	const struct tape_pos lo = { { id[0], id[1] }, INT64_MAX };
	const struct tape_pos hi = { { id[0], id[1] }, 1 };

	if (tape_pos_compare(&lo, &b->after) <= 0)
		return false;
	return b->upto.seq == 0 || tape_pos_compare(&hi, &b->upto) <= 0;
}

static bool
same_session(const uint64_t a[2], const uint64_t b[2])
{
	return a[0] == b[0] && a[1] == b[1];
}

void
slice_bounds_seqs(const struct slice_bounds *b, const uint64_t id[2], uint64_t *lo,
		  uint64_t *hi)
{
	const struct tape_pos *after = &b->after, *upto = &b->upto;

	if (same_session(after->session, id) && after->seq >= *lo)
		*lo = after->seq == UINT64_MAX ? UINT64_MAX : after->seq + 1;
	if (upto->seq != 0 && same_session(upto->session, id) && upto->seq < *hi)
		*hi = upto->seq;
}

/* ---- what a session takes ---- */

static bool
has_raw(const struct snapshot_session *one)
{
	return one->dir.log_count != 0 || one->dir.error != 0;
}

static uint64_t
log_size(const struct snapshot_session *one, size_t log)
{
	uint64_t size = one->sizes == NULL ? 0 : one->sizes[log];

	return size == UINT64_MAX ? 0 : size; /* it cannot be looked at */
}

static uint64_t
raw_units(const struct snapshot_session *one)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < one->dir.log_count; i++)
		sum += log_size(one, i) / SLICE_UNIT;
	return sum;
}

static const struct scopepack *
pack_of(const struct slices *s, const struct snapshot_session *one, size_t part)
{
	return &s->snapshot->generations->items[one->generations[part]].scopes;
}

static uint64_t
units_of(const struct slices *s, const struct snapshot_session *one, uint64_t lo,
	 uint64_t hi)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < one->generation_count; i++) {
		const struct scopepack_session *e =
			&pack_of(s, one, i)->sessions[one->entries[i]];

		if (e->last_seq >= lo && e->first_seq <= hi)
			sum += e->rows;
	}
	if (hi > one->packed_seq)
		sum += raw_units(one);
	return hi - lo < sum ? hi - lo + 1 : sum;
}

/* False: nothing can match there, as far as its id tells. */
static bool
session_bounds(const struct slices *s, size_t index, uint64_t *lo, uint64_t *hi)
{
	const struct snapshot_session *one = &s->snapshot->sessions[index];
	struct plan_session plan = { .query = s->query,
				     .marks = s->marks,
				     .answers = s->answers };

	if (!slice_bounds_session(&s->bounds, one->id))
		return false;
	memcpy(plan.id, one->id, sizeof plan.id);
	tape_session_text(one->id, plan.text);
	plan.from_last = s->snapshot->count - 1 - index;
	if (plan_session_resolve(&plan) == PLAN_NO)
		return false;
	plan_session_bounds(&plan, lo, hi);
	slice_bounds_seqs(&s->bounds, one->id, lo, hi);
	if (*hi > one->shown)
		*hi = one->shown;
	return *lo <= *hi;
}

/* ---- the packed parts of a large session ---- */

/* Blocks are in the order of (session, seq). */
static bool
ends_before(const struct scopepack_block_info *b, uint32_t session, uint64_t seq)
{
	return b->last_session != session ? b->last_session < session : b->last_seq < seq;
}

/* The first block that may have that seq of a session, or later ones. */
static uint32_t
block_at(const struct scopepack *p, uint32_t session, uint64_t seq)
{
	uint32_t from = 0, to = p->block_count;

	while (from < to) {
		uint32_t mid = from + (to - from) / 2;

		if (ends_before(&p->blocks[mid], session, seq))
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* Forward: the last seq of about so many units from `at` on, all of its block. */
static uint64_t
packed_end(const struct slices *s, const struct scopepack *p, uint32_t session,
	   uint64_t *units)
{
	const struct scopepack_session *e = &p->sessions[session];
	uint32_t b = block_at(p, session, s->at);

	*units = 0;
	for (; b < p->block_count; b++) {
		const struct scopepack_block_info *info = &p->blocks[b];

		*units += info->rows;
		if (info->last_session != session || info->last_seq >= e->last_seq)
			break;
		if (*units >= s->amount)
			return info->last_seq;
	}
	return e->last_seq;
}

/* Backward: the first seq of those up to `at`, all of its block. */
static uint64_t
packed_start(const struct slices *s, const struct scopepack *p, uint32_t session,
	     uint64_t *units)
{
	const struct scopepack_session *e = &p->sessions[session];
	uint32_t b = block_at(p, session, s->at < e->last_seq ? s->at : e->last_seq);

	*units = 0;
	if (b == p->block_count && b != 0)
		b--;
	for (; b < p->block_count; b--) {
		const struct scopepack_block_info *info = &p->blocks[b];

		*units += info->rows;
		if (info->first_session != session || info->first_seq <= e->first_seq ||
		    b == 0)
			break;
		if (*units >= s->amount)
			return info->first_seq;
	}
	return e->first_seq;
}

/* The part that is next: that of the lowest seqs from `at` on, or of the highest up to it. */
static const struct scopepack *
packed_part(const struct slices *s, const struct snapshot_session *one, uint32_t *session)
{
	for (size_t k = 0; k < one->generation_count; k++) {
		size_t i = s->bounds.reverse ? one->generation_count - 1 - k : k;
		const struct scopepack *p = pack_of(s, one, i);
		const struct scopepack_session *e = &p->sessions[one->entries[i]];

		if (e->rows != 0 && e->last_seq >= s->lo && e->first_seq <= s->hi &&
		    (s->bounds.reverse ? e->first_seq <= s->at : e->last_seq >= s->at)) {
			*session = one->entries[i];
			return p;
		}
	}
	return NULL;
}

/* 1 = *out is the next slice of them, 0 = none is left. */
static int
packed_slice(struct slices *s, const struct snapshot_session *one, struct slice *out)
{
	uint32_t session = 0;
	const struct scopepack *p = packed_part(s, one, &session);
	uint64_t units, border;
	bool last;

	if (p == NULL)
		return 0;
	out->lo = s->lo;
	out->hi = s->hi;
	if (s->bounds.reverse) {
		border = packed_start(s, p, session, &units);
		out->hi = s->at;
		if (border > s->lo && border > 1)
			out->lo = border;
		s->at = border - 1;
		last = border <= s->lo || border <= 1 ||
		       packed_part(s, one, &session) == NULL;
		if (last)
			out->lo = s->lo;
		out->ends = last;
	} else {
		border = packed_end(s, p, session, &units);
		out->lo = s->at;
		if (border < s->hi)
			out->hi = border;
		s->at = border + 1;
		last = border >= s->hi || packed_part(s, one, &session) == NULL;
		/* What is raw has slices of its own. */
		if (last && has_raw(one) && s->hi > one->packed_seq)
			out->hi = one->packed_seq;
		else if (last)
			out->hi = s->hi;
		out->ends = last && out->hi == s->hi;
	}
	out->units = units;
	return 1;
}

/* ---- its raw segments ---- */

static void
raw_forward(struct slices *s, const struct snapshot_session *one, struct slice *out)
{
	uint64_t budget = s->amount * SLICE_UNIT, bytes = 0, least = budget / PART_MIN;

	out->part.from_inside = s->offset != 0;
	out->part.from_log = one->dir.log_count == 0 ? 0 : one->dir.logs[s->log];
	out->part.from = s->offset;
	for (; s->log < one->dir.log_count; s->log++, s->offset = 0) {
		uint64_t size = log_size(one, s->log);
		uint64_t rest = size > s->offset ? size - s->offset : 0;

		budget = budget < least ? least : budget;
		if (rest >= budget + least) {
			s->offset += budget;
			bytes += budget;
			out->part.to_inside = true;
			out->part.to_log = one->dir.logs[s->log];
			out->part.to = s->offset;
			break;
		}
		bytes += rest;
		budget = budget > rest ? budget - rest : 0;
	}
	out->ends = !out->part.to_inside;
	out->units = bytes / SLICE_UNIT;
}

/* s->log is one more than that of the next bytes; s->offset 0 = all of it. */
static void
raw_backward(struct slices *s, const struct snapshot_session *one, struct slice *out)
{
	uint64_t budget = s->amount * SLICE_UNIT, bytes = 0, least = budget / PART_MIN;

	out->part.to_inside = s->offset != 0;
	out->part.to_log = s->log == 0 ? 0 : one->dir.logs[s->log - 1];
	out->part.to = s->offset;
	for (; s->log > 0; s->log--, s->offset = 0) {
		uint64_t size = log_size(one, s->log - 1);
		uint64_t rest = s->offset != 0 ? s->offset : size;

		budget = budget < least ? least : budget;
		if (rest >= budget + least) {
			s->offset = rest - budget;
			bytes += budget;
			out->part.from_inside = true;
			out->part.from_log = one->dir.logs[s->log - 1];
			out->part.from = s->offset;
			break;
		}
		bytes += rest;
		budget = budget > rest ? budget - rest : 0;
	}
	out->ends = !out->part.from_inside;
	out->units = bytes / SLICE_UNIT;
}

static void
raw_slice(struct slices *s, const struct snapshot_session *one, struct slice *out)
{
	out->lo = s->lo > one->packed_seq ? s->lo : one->packed_seq + 1;
	out->hi = s->hi;
	if (s->bounds.reverse)
		raw_backward(s, one, out);
	else
		raw_forward(s, one, out);
	if (!out->ends)
		return;
	s->raw = false;
	out->ends = !s->bounds.reverse || packed_part(s, one, &(uint32_t){ 0 }) == NULL;
}

/* ---- a large session ---- */

static void
enter(struct slices *s, size_t index, uint64_t lo, uint64_t hi)
{
	const struct snapshot_session *one = &s->snapshot->sessions[index];

	s->inside = true;
	s->begun = false;
	s->index = index;
	s->lo = lo;
	s->hi = hi;
	/* Forward, what is raw comes when the packed parts are through. */
	s->raw = s->bounds.reverse && has_raw(one) && hi > one->packed_seq;
	s->at = lo;
	if (s->bounds.reverse)
		s->at = hi > one->packed_seq ? one->packed_seq : hi;
	s->log = s->bounds.reverse ? one->dir.log_count : 0;
	s->offset = 0;
}

static int
inside(struct slices *s, struct slice *out)
{
	const struct snapshot_session *one = &s->snapshot->sessions[s->index];
	int r = 0;

	*out = (struct slice){ .first = s->index, .count = 1, .begins = !s->begun };
	out->part.part = true;
	out->part.lo = s->lo;
	out->part.hi = s->hi;
	if (!s->raw)
		r = packed_slice(s, one, out);
	if (r == 0 && !s->bounds.reverse)
		s->raw = true;
	if (r == 0)
		raw_slice(s, one, out);
	s->begun = true;
	s->inside = !out->ends;
	return 1;
}

/* ---- the whole ---- */

void
slices_init(struct slices *s, const struct snapshot *snapshot,
	    const struct tape_query *query, const struct marks *marks,
	    const struct slice_bounds *bounds, uint8_t *answers, uint64_t amount)
{
	*s = (struct slices){ .snapshot = snapshot,
			      .query = query,
			      .marks = marks,
			      .bounds = *bounds,
			      .answers = answers,
			      .amount = amount,
			      .left = snapshot->count };
}

void
slices_whole(const struct slices *s, struct slice *out)
{
	*out = (struct slice){ .count = s->snapshot->count, .hi = UINT64_MAX };
}

/* Adds a session in walking order. */
static void
add_session(const struct slices *s, struct slice *out, size_t index, uint64_t units)
{
	if (out->count++ == 0 || s->bounds.reverse)
		out->first = index;
	out->units += units;
}

static int
cut(struct slices *s, struct slice *out)
{
	uint64_t lo = 0, hi = 0, units;

	if (s->inside)
		return inside(s, out);
	*out = (struct slice){ .hi = UINT64_MAX };
	while (s->left > 0 && out->units < s->amount && out->count < SESSIONS_MAX) {
		size_t index =
			s->bounds.reverse ? s->left - 1 : s->snapshot->count - s->left;

		if (!session_bounds(s, index, &lo, &hi)) {
			/* Sessions of a slice stand side by side. */
			if (out->count != 0)
				break;
			s->left--;
			continue;
		}
		units = units_of(s, &s->snapshot->sessions[index], lo, hi);
		if (units >= s->amount + s->amount / 2) {
			if (out->count != 0)
				break;
			s->left--;
			enter(s, index, lo, hi);
			return inside(s, out);
		}
		s->left--;
		add_session(s, out, index, units);
	}
	return out->count != 0;
}

/* A slice takes something, however little is in it. */
static uint64_t
cost(const struct slice *slice)
{
	return slice->units + 1;
}

int
slices_next(struct slices *s, struct slice *out)
{
	int r = cut(s, out);

	if (r == 1 && s->counted)
		s->rest -= cost(out);
	return r;
}

/* Once all that is left has been counted, it is not gone through again. */
uint64_t
slices_left(struct slices *s, uint64_t most)
{
	struct slices ahead = *s;
	uint64_t sum = 0;
	struct slice slice;

	if (!s->counted) {
		while (sum < most && cut(&ahead, &slice) == 1)
			sum += cost(&slice);
		s->counted = sum < most;
		s->rest = sum;
	}
	return s->rest < most ? s->rest : most;
}
