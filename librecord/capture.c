/* SPDX-License-Identifier: Apache-2.0 */
/* From values to a record in the thread's stage: the path that every scope takes. */
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "format/le.h"
#include "format/segment.h"
#include "librecord/plain.h"
#include "librecord/report.h"
#include "librecord/thin.h"
#include "librecord/ticks.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Where the values of one scope are. */
struct values {
	const struct tape_word *words;
	const unsigned char *kinds;
	struct item *items; /* by source; loaded as far as the layout needs them */
	const struct sticky *sticky;
	const int64_t *time;
};

enum outcome {
	OUTCOME_DONE = 0,
	OUTCOME_OTHER, /* not of this layout's types or names: find another */
	OUTCOME_NO_MEMORY,
	OUTCOME_TOO_LARGE,
	OUTCOME_THINNED, /* its query does not match */
	OUTCOME_BLOB,	 /* reported by whoever keeps blobs */
};

static inline const struct item *
slot_item(const struct values *v, const struct slot *slot)
{
	return slot->from == FROM_STICKY ? &v->sticky->items[slot->source]
					 : &v->items[slot->source];
}

/* ---- wide values ---- */

static inline size_t
item_canonical_size(const struct item *item)
{
	size_t head = item->type == TAPE_ARRAY_T ? 12 + 8 * (size_t)item->ndim : 8;

	return head + (item->size > CANON_BYTES ? 16 : (size_t)item->size);
}

static inline size_t
item_tail_size(const struct item *item)
{
	if (item->size <= CANON_BYTES)
		return 0;
	return item->store == TAPE_INLINE ? (size_t)item->size : 12;
}

static inline size_t
item_canonical_write(const struct item *item, uint8_t *p)
{
	uint8_t *start = p;

	put_le64(p, item->size);
	p += 8;
	if (item->type == TAPE_ARRAY_T) {
		put_le32(p, (uint32_t)item->dtype | (uint32_t)item->ndim << 8 |
				    (uint32_t)item->fortran << 16);
		memcpy(p + 4, item->dims, 8 * (size_t)item->ndim);
		p += 4 + 8 * (size_t)item->ndim;
	}
	if (item->size > CANON_BYTES) {
		memcpy(p, item->hash.byte, 16);
		return (size_t)(p + 16 - start);
	}
	copy_short(p, item->data, (size_t)item->size);
	return (size_t)(p + item->size - start);
}

/* ---- what must hold before a layout is used ---- */

/* Equal as it stands, or once it is cut and cleaned. */
static bool
same_text(const char *text, const char *expected)
{
	char clean[LIMIT_NAME + 1];

	if (strcmp(text ? text : "", expected) == 0)
		return true;
	if (!text)
		return false;
	(void)name_clean(text, strlen(text), clean, NULL, NULL);
	return strcmp(clean, expected) == 0;
}

/* Names and units made at run time are those of the form. */
static bool
names_hold(const struct layout *l, const struct values *v, const struct plan *plan)
{
	uint32_t all = l->fixed_count + l->wide_count;

	for (uint32_t i = 0; i < all; i++) {
		const struct slot *slot = &l->slots[i];
		const struct form_var *var = &l->form->form.vars[slot->var];
		const struct tape_named *n;

		if (slot->from == FROM_STICKY || !plan->vars[slot->source].dynamic)
			continue;
		n = (const struct tape_named *)(uintptr_t)v->words[slot->source].lo;
		if ((n->dynamic & 1) && n->name && *n->name &&
		    !same_text(n->name, var->name))
			return false;
		if ((n->dynamic & 2) && !same_text(n->unit, var->unit))
			return false;
	}
	return true;
}

/* The commonest case of item_load; false if it is another. */
static inline bool
load_short_text(const struct tape_word *word, struct item *item)
{
	const char *text = (const char *)(uintptr_t)word->lo;
	size_t len;

	if (!text)
		return false;
	len = word->hi == UINT64_MAX ? strlen(text) : strnlen(text, (size_t)word->hi);
	if (len > CANON_BYTES || !text_is_utf8(text, len))
		return false;
	item->type = TAPE_STR;
	item->store = TAPE_INLINE;
	item->on_tape = false;
	item->data = text;
	item->size = len;
	return true;
}

/* Loads what is wide or decides its type at run time; false if a type differs. */
static bool
load_checked(struct thread_state *ts, const struct layout *l, struct values *v)
{
	uint32_t all = l->fixed_count + l->wide_count;

	for (uint32_t i = l->word_count + l->named_count; i < all; i++) {
		const struct slot *slot = &l->slots[i];
		struct item *item;

		if (!slot->checked)
			continue;
		item = &v->items[slot->source];
		if (v->kinds[slot->source] == tape_kind_text && slot->type == TAPE_STR &&
		    load_short_text(&v->words[slot->source], item) &&
		    slot->store == TAPE_INLINE)
			continue;
		(void)item_load(ts, v->kinds[slot->source], v->words[slot->source], item);
		if (item->type != slot->type || item->store != slot->store)
			return false;
	}
	return true;
}

/* ---- the body ---- */

static void
write_other(const struct layout *l, const struct values *v, uint8_t *body)
{
	for (uint32_t i = l->word_count + l->named_count; i < l->fixed_count; i++) {
		const struct slot *slot = &l->slots[i];
		const struct tape_word *w;

		if (slot->from == FROM_WORD)
			w = &v->words[slot->source];
		else if (slot->from == FROM_NAMED)
			w = &((const struct tape_named *)(uintptr_t)v->words[slot->source]
				      .lo)
				     ->value;
		else
			w = &slot_item(v, slot)->value;
		switch (slot->width) {
		case 1:
			body[slot->offset] = (uint8_t)w->lo;
			break;
		case 4:
			put_le32(body + slot->offset, (uint32_t)w->lo);
			break;
		case 8:
			put_le64(body + slot->offset, w->lo);
			break;
		case 16:
			put_le64(body + slot->offset, w->lo);
			put_le64(body + slot->offset + 8, w->hi);
			break;
		default:
			break; /* null has no bytes */
		}
	}
}

static inline void
write_fixed(const struct layout *l, const struct values *v, uint8_t *body)
{
	const struct slot *slot = l->slots, *end = slot + l->word_count;

	for (; slot < end; slot++)
		put_le64(body + slot->offset, v->words[slot->source].lo);
	end += l->named_count;
	for (; slot < end; slot++)
		put_le64(body + slot->offset,
			 ((const struct tape_named *)(uintptr_t)v->words[slot->source].lo)
				 ->value.lo);
	if (end < l->slots + l->fixed_count)
		write_other(l, v, body);
}

static size_t
wide_canonical(const struct layout *l, const struct values *v)
{
	size_t size = l->fixed_bytes;

	for (uint32_t i = 0; i < l->wide_count; i++)
		size += item_canonical_size(slot_item(v, &l->slots[l->fixed_count + i]));
	return size;
}

/* Bounded by LIMIT_RECORD, or SIZE_MAX. */
static size_t
wide_tail(const struct layout *l, const struct values *v)
{
	size_t size = 0;

	for (uint32_t i = 0; i < l->wide_count; i++) {
		size_t tail = item_tail_size(slot_item(v, &l->slots[l->fixed_count + i]));

		if (tail > LIMIT_RECORD || size + tail > LIMIT_RECORD)
			return SIZE_MAX;
		size += tail;
	}
	return size;
}

/* `keep` false: the blob is left where it is, for now. */
static int
write_hint(struct stage *stage, const struct policy *policy, const struct item *item,
	   uint8_t *p, bool keep)
{
	put_le32(p, BODY_NO_SEGMENT);
	put_le64(p + 4, 0);
	if (item->on_tape || !keep)
		return 0;
	return blob_stage(stage->tape, stage, policy, item->data, (size_t)item->size,
			  &item->hash, (size_t)(p - stage->records));
}

static int
write_tails(struct stage *stage, const struct layout *l, const struct values *v,
	    uint8_t *p, bool keep)
{
	for (uint32_t i = 0; i < l->wide_count; i++) {
		const struct item *item = slot_item(v, &l->slots[l->fixed_count + i]);

		if (item->size <= CANON_BYTES)
			continue;
		if (item->store == TAPE_INLINE) {
			memcpy(p, item->data, (size_t)item->size);
			p += item->size;
			continue;
		}
		if (write_hint(stage, l->policy, item, p, keep) < 0)
			return -1;
		p += 12;
	}
	return 0;
}

/* ---- the stage ---- */

static bool
stage_grow(struct stage *stage, size_t need)
{
	/* A full stage is over the bound by one record; what is kept until a sync is this large. */
	size_t cap =
		stage->cap ? stage->cap : DEFAULT_STAGE_BYTES + DEFAULT_STAGE_BYTES / 8;
	uint8_t *p;

	while (cap - stage->len < need) {
		if (cap > SIZE_MAX / 4)
			return false;
		cap *= 2;
	}
	p = realloc(stage->records, cap);
	if (!p)
		return false;
	stage->records = p;
	stage->cap = cap;
	return true;
}

/* A hash for the record to come; those before it have none if it is the first. */
static __attribute__((noinline)) bool
hashes_grow(struct stage *stage)
{
	size_t cap = stage->hash_cap ? stage->hash_cap : 1024;
	struct tape_hash *p = stage->hashes;

	while (cap <= stage->count)
		cap *= 2;
	if (cap != stage->hash_cap)
		p = realloc(p, cap * sizeof(*p));
	if (!p)
		return false;
	stage->hashes = p;
	stage->hash_cap = cap;
	if (!stage->hashed)
		memset(p, 0, stage->count * sizeof(*p));
	return true;
}

static inline void
hash_store(struct tape_hash *out, XXH128_hash_t h)
{
	uint64_t high = __builtin_bswap64(h.high64), low = __builtin_bswap64(h.low64);

	memcpy(out->byte, &high, 8);
	memcpy(out->byte + 8, &low, 8);
}

static inline int64_t
time_delta(int64_t time, int64_t base)
{
	int64_t delta;

	if (__builtin_sub_overflow(time, base, &delta))
		delta = time < base ? INT64_MIN : INT64_MAX;
	return delta;
}

/* A hash is due for the record to come, and has no room. */
static inline bool
hashes_short(const struct stage *stage, const struct layout *l)
{
	return (l->dedup || stage->hashed) && unlikely(stage->count >= stage->hash_cap ||
						       (!stage->hashed && stage->count));
}

/* The body stands behind the record's place at the stage's end: the rest of what makes it a record. */
static inline void
finish(struct stage *stage, const struct layout *l, size_t canonical, size_t tail,
       int64_t time, int64_t now)
{
	size_t total = SCOPE_PREFIX + canonical + tail;
	uint8_t *record = stage->records + stage->len;

	if (l->dedup) {
		memcpy(record, l->form->form.head16.byte, 16);
		hash_store(&stage->hashes[stage->count],
			   XXH3_128bits(record, SCOPE_PREFIX + canonical));
		stage->hashed = true;
	} else if (unlikely(stage->hashed)) {
		memset(stage->hashes[stage->count].byte, 0, 16);
	}
	if (stage->count == 0) {
		stage->base_time = now;
		stage->first_time = now;
	}
	put_le32(record, (uint32_t)total);
	put_le32(record + 4, (uint32_t)RECORD_SCOPE | l->number << 8);
	put_le64(record + 8, (uint64_t)time_delta(time, stage->base_time));
	stage->len += total;
	stage->count++;
}

/*
 * Appends the record. Under the stage's lock. What blob_stage added for a record
 * that fails half-way is taken back, so that no hint is written into the next.
 */
static inline enum outcome
append(struct thread_state *ts, struct stage *stage, const struct layout *l,
       const struct values *v, int64_t now, size_t canonical, size_t tail)
{
	size_t total = SCOPE_PREFIX + canonical + tail;
	uint8_t *record, *p;

	if (unlikely(stage->cap - stage->len < total) || !stage->records)
		if (!stage_grow(stage, total))
			return OUTCOME_NO_MEMORY;
	if (hashes_short(stage, l) && !hashes_grow(stage))
		return OUTCOME_NO_MEMORY;
	record = stage->records + stage->len;
	p = record + SCOPE_PREFIX;
	write_fixed(l, v, p);
	if (unlikely(l->wide_count)) {
		size_t fixups = stage->fixup_count;

		p += l->fixed_bytes;
		for (uint32_t i = 0; i < l->wide_count; i++)
			p += item_canonical_write(
				slot_item(v, &l->slots[l->fixed_count + i]), p);
		/* Whether its blobs are kept is known only when the rest is there. */
		if (unlikely(l->gated)) {
			(void)write_tails(stage, l, v, p, false);
			if (!thin_passes(ts, l, record + SCOPE_PREFIX, canonical + tail,
					 v->time ? *v->time : now))
				return OUTCOME_THINNED;
		}
		if (tail && write_tails(stage, l, v, p, true) < 0) {
			stage->fixup_count = fixups;
			return OUTCOME_BLOB;
		}
	} else if (unlikely(l->gated) &&
		   !thin_passes(ts, l, p, canonical, v->time ? *v->time : now)) {
		return OUTCOME_THINNED;
	}
	finish(stage, l, canonical, tail, v->time ? *v->time : now, now);
	return OUTCOME_DONE;
}

/* Is it time to commit the stage? Under its lock. */
static inline bool
stage_due(const struct thread_state *ts, const struct stage *stage, int64_t now)
{
	return stage->len + stage->blob_len >= ts->commit_len ||
	       (now - stage->first_time >= ts->commit_ns && stage->count) ||
	       stage->count >= ts->commit_scopes;
}

/* What a scope owes when it is staged. */
static inline void
after_scope(struct thread_state *ts, const struct layout *l, bool staged, bool commit)
{
	struct tape *t = ts->tape;

	if (unlikely(l->commits) && staged)
		commit |= thin_commits(ts, l->policy);
	if (unlikely(commit))
		(void)session_commit_stage(t,
					   ts->stage); /* reports and counts by itself */
	if (unlikely(atomic_load_explicit(&t->commit_soon, memory_order_relaxed)) &&
	    atomic_exchange(&t->commit_soon, 0))
		(void)tape_commit(t);
}

/* A scope of a plain layout; false: it is not written, the other way is. */
static inline bool
write_plain(struct thread_state *ts, const struct layout *l,
	    const struct tape_word *words)
{
	struct tape *t = ts->tape;
	struct stage *stage = ts->stage;
	struct plain_texts texts;
	size_t canonical = plain_measure(l, words, &texts);
	bool commit = false, staged = false;
	int64_t now;

	if (unlikely((canonical == 0 && l->fixed_bytes + l->plain_texts != 0) ||
		     atomic_load_explicit(&t->orphan, memory_order_relaxed)))
		return false;
	now = ticks_now(ts);
	stage_lock(stage);
	if (likely(!atomic_load_explicit(&t->dead, memory_order_relaxed) &&
		   stage->cap - stage->len >= SCOPE_PREFIX + canonical + PLAIN_SLACK &&
		   stage->records && !hashes_short(stage, l))) {
		plain_write(l, words, ts->level->sticky, &texts,
			    stage->records + stage->len + SCOPE_PREFIX);
		finish(stage, l, canonical, 0, now, now);
		commit = stage_due(ts, stage, now);
		staged = true;
	}
	stage_unlock(stage);
	if (likely(staged))
		after_scope(ts, l, true, commit);
	return staged;
}

/* One scope of a known layout; commits the stage if it is time. */
static inline enum outcome
write_scope(struct thread_state *ts, const struct layout *l, const struct values *v)
{
	struct tape *t = ts->tape;
	struct stage *stage = ts->stage;
	size_t canonical = l->fixed_bytes, tail = 0;
	enum outcome outcome = OUTCOME_DONE;
	bool commit;
	int64_t now;

	if (unlikely(l->wide_count)) {
		canonical = wide_canonical(l, v);
		tail = wide_tail(l, v);
		if (tail == SIZE_MAX || canonical + tail > LIMIT_RECORD - SCOPE_PREFIX)
			return OUTCOME_TOO_LARGE;
	}
	/* In a fork's child: a blob may go to a file of the session at once. */
	if (unlikely(atomic_load_explicit(&t->orphan, memory_order_relaxed)))
		session_used(t);
	now = ticks_now(ts);
	if (unlikely(tail || l->gated)) {
		report_hold();
		if (l->gated)
			thin_prepare(ts, l);
	}
	stage_lock(stage);
	/* Whoever closed has emptied this stage, or waits for its lock to do so. */
	if (likely(!atomic_load_explicit(&t->dead, memory_order_relaxed)))
		outcome = append(ts, stage, l, v, now, canonical, tail);
	commit = stage_due(ts, stage, now);
	stage_unlock(stage);
	if (unlikely(tail || l->gated))
		report_tell(t);
	after_scope(ts, l, outcome == OUTCOME_DONE, commit);
	return outcome;
}

static int
outcome_report(struct thread_state *ts, enum outcome outcome, const struct layout *l)
{
	const struct form *form = &l->form->form;

	if (outcome == OUTCOME_DONE || outcome == OUTCOME_THINNED)
		return 0;
	recorder_lost(ts->tape, 1);
	if (outcome == OUTCOME_TOO_LARGE)
		recorder_error(ts->tape,
			       "%s:%u: a scope of more than 32 MiB is not recorded: use "
			       "TAPE_BLOB for its large arrays",
			       form->file, form->line);
	else if (outcome == OUTCOME_NO_MEMORY)
		recorder_error(ts->tape, "%s:%u: no memory for a scope", form->file,
			       form->line);
	else if (outcome == OUTCOME_OTHER)
		recorder_error(
			ts->tape,
			"%s:%u: a variable changed while it was recorded: the scope is "
			"lost",
			form->file, form->line);
	return -1;
}

int
capture_items(struct thread_state *ts, const struct layout *layout,
	      const struct item *items, const int64_t *time_ns)
{
	struct values v = { .items = (struct item *)(uintptr_t)items,
			    .sticky = ts->level->sticky,
			    .time = time_ns };

	return outcome_report(ts, write_scope(ts, layout, &v), layout);
}

int
capture_bookmark(struct thread_state *ts, const struct layout *l,
		 const struct item *items)
{
	struct values v = { .items = (struct item *)(uintptr_t)items,
			    .sticky = ts->level->sticky };
	size_t canonical = wide_canonical(l, &v), tail = wide_tail(l, &v);
	int64_t now = ticks_now(ts);
	struct stage *stage = ts->stage;
	enum outcome outcome = OUTCOME_DONE;
	size_t at;

	report_hold();
	stage_lock(stage);
	at = stage->len;
	if (!atomic_load_explicit(&ts->tape->dead, memory_order_relaxed))
		outcome = append(ts, stage, l, &v, now, canonical, tail);
	if (stage->len > at) {
		put_le32(stage->records + at + 4,
			 (uint32_t)RECORD_BOOKMARK | l->number << 8);
		stage->bookmarks++;
	}
	stage_unlock(stage);
	report_tell(ts->tape);
	return outcome_report(ts, outcome, l);
}

/* ---- TAPE ---- */

static inline struct cached_layout *
cache_slot(struct thread_state *ts, const struct tape_site *site)
{
	uintptr_t h = (uintptr_t)site >> 4 ^ (uintptr_t)ts->level->context >> 5 ^
		      ts->level->sticky->shape;

	return &ts->layouts[(h ^ h >> 8) % LAYOUT_CACHE];
}

static struct context *
label_context(struct thread_state *ts, struct plan *plan, const char *label)
{
	if (label && *label)
		return context_child(ts->tape, ts->level->context, label, strlen(label));
	plan_complain(plan, SAID_LABEL, false,
		      "a scope without a label has its path only");
	return ts->level->context;
}

/* The slow way: names, types, table. */
static __attribute__((noinline)) const struct layout *
find_layout(struct thread_state *ts, struct tape_site *site, const char *label,
	    const unsigned char *kinds, const struct tape_word *words)
{
	struct plan *plan = plan_find(ts, site, kinds, words);
	struct cached_layout *c = cache_slot(ts, site);
	struct item items[MAX_ARGUMENTS];
	struct context *ctx;
	const struct layout *l;
	struct place place;
	uint32_t version;

	if (!plan) {
		recorder_lost(ts->tape, 1);
		return NULL;
	}
	report_hold(); /* a handler that records would use the same scratch memory */
	version = atomic_load_explicit(&ts->tape->rules_version, memory_order_acquire);
	ctx = label_context(ts, plan, label);
	ts->inline_max = context_policy(ts->tape, ctx)->inline_max;
	plan_items(ts, plan, kinds, words, items);
	place = (struct place){ plan, plan->file, plan->func, plan->line };
	l = layout_find(ts, &place, ctx, items, plan->count, kinds, words);
	*c = (struct cached_layout){ __atomic_load_n(&site->plans, __ATOMIC_ACQUIRE),
				     ts->level->context,
				     ts->level->sticky->shape,
				     version,
				     context_label(ts->level->context, ctx, label),
				     l };
	if (!l)
		c->context = NULL;
	scratch_reset(&ts->scratch);
	report_tell(ts->tape);
	return l;
}

/* A scope with wide values, or whose types or names show only now. */
static __attribute__((noinline)) enum outcome
write_checked(struct thread_state *ts, const struct tape_site *site,
	      const struct layout *l, struct values *v)
{
	struct item items[MAX_ARGUMENTS];
	enum outcome outcome = OUTCOME_OTHER;

	v->items = items;
	ts->inline_max = l->policy->inline_max;
	if (l->dynamic) {
		struct plan *plan = __atomic_load_n((void **)(uintptr_t)&site->plans,
						    __ATOMIC_ACQUIRE);

		while (plan->tape != ts->tape)
			plan = plan->next;
		if (!names_hold(l, v, plan))
			return OUTCOME_OTHER;
	}
	if (load_checked(ts, l, v))
		outcome = write_scope(ts, l, v);
	scratch_reset(&ts->scratch);
	return outcome;
}

static inline enum outcome
record_once(struct thread_state *ts, const struct tape_site *site, const struct layout *l,
	    struct values *v)
{
	if (unlikely(l->dynamic || l->checked))
		return write_checked(ts, site, l, v);
	return write_scope(ts, l, v);
}

void
tape_record(struct tape *t, struct tape_site *site, const char *label,
	    const unsigned char *kinds, const struct tape_word *words)
{
	struct thread_state *ts = capture_thread(t);
	const struct cached_layout *c;
	const struct layout *l;
	enum outcome outcome;
	struct values v;

	if (!ts)
		return;
	if (unlikely(!(site->flags & TAPE_SITE_ASKS)) &&
	    __atomic_load_n(&t->head.asks, __ATOMIC_RELAXED) &&
	    !tape_wanted(t, site, label))
		return;
	c = cache_slot(ts, site);
	l = c->layout;
	if (unlikely(c->context != ts->level->context ||
		     c->plans != __atomic_load_n(&site->plans, __ATOMIC_ACQUIRE) ||
		     c->shape != ts->level->sticky->shape ||
		     c->version != atomic_load_explicit(&t->rules_version,
							memory_order_relaxed) ||
		     (!(site->flags & TAPE_SITE_LITERAL) &&
		      !context_same_label(c->label, label))))
		l = find_layout(ts, site, label, kinds, words);
	if (!l)
		return;
	if (likely(l->steps) && write_plain(ts, l, words))
		return;
	v = (struct values){ .words = words,
			     .kinds = kinds,
			     .sticky = ts->level->sticky };
	outcome = record_once(ts, site, l, &v);
	if (unlikely(outcome == OUTCOME_OTHER)) {
		l = find_layout(ts, site, label, kinds, words);
		if (!l)
			return;
		outcome = record_once(ts, site, l, &v);
	}
	if (unlikely(outcome != OUTCOME_DONE))
		(void)outcome_report(ts, outcome, l);
}
