/* SPDX-License-Identifier: Apache-2.0 */
/* From values to a record in the thread's stage: the path that every scope takes. */
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "format/le.h"
#include "format/segment.h"
#include "librecord/ask.h"
#include "librecord/contract.h"
#include "librecord/hooks.h"
#include "librecord/plain.h"
#include "librecord/report.h"
#include "librecord/seen.h"
#include "librecord/thin.h"
#include "librecord/ticks.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

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

	if (pointer_is_wild(text))
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

	for (uint32_t i = 0; i < all; i++) {
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
		if (item->type != slot->type || item->store != slot->loaded)
			return false;
	}
	return true;
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

/* A hash is due for the record to come, and has no room. */
static inline bool
hashes_short(const struct stage *stage, const struct layout *l)
{
	return (l->dedup || stage->hashed) && unlikely(stage->count >= stage->hash_cap ||
						       (!stage->hashed && stage->count));
}

/* A link is shown as its target is kept: inline or as a blob. */
static inline void
mix_stores(struct tape_hash *key, const struct layout *l)
{
	put_le64(key->byte, get_le64(key->byte) ^ l->stores);
}

/*
 * The body stands behind the record's place at the stage's end: its hash. The one before
 * is known by now, so that fetching its place in the seen-set waits for nothing; the set
 * is there while the stage can be locked and the recorder is not dead.
 */
static inline void
finish_hash(struct stage *stage, const struct layout *l, size_t canonical)
{
	uint8_t *record = stage->records + stage->len;

	if (l->dedup) {
		if (stage->count)
			seen_prefetch_early(stage->tape->seen,
					    &stage->hashes[stage->count - 1]);
		memcpy(record, l->form->form.head16.byte, 16);
		hash_store(&stage->hashes[stage->count],
			   XXH3_128bits(record, SCOPE_PREFIX + canonical));
		if (unlikely(l->stores))
			mix_stores(&stage->hashes[stage->count], l);
		stage->hashed |= l->dedup;
	} else if (unlikely(stage->hashed)) {
		memset(stage->hashes[stage->count].byte, 0, 16);
	}
}

/* The rest of what makes it a record of so many bytes. */
static inline void
finish(struct stage *stage, const struct layout *l, size_t total, int64_t time,
       int64_t now)
{
	uint8_t *record = stage->records + stage->len;

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
		if (unlikely(l->gated && !v->passed)) {
			(void)write_tails(stage, l, v, p, false);
			if (!thin_passes(ts, l, record + SCOPE_PREFIX, canonical + tail,
					 v->time ? *v->time : now))
				return OUTCOME_THINNED;
		}
		if (tail && write_tails(stage, l, v, p, true) < 0) {
			stage->fixup_count = fixups;
			return OUTCOME_BLOB;
		}
	} else if (unlikely(l->gated && !v->passed) &&
		   !thin_passes(ts, l, p, canonical, v->time ? *v->time : now)) {
		return OUTCOME_THINNED;
	}
	finish_hash(stage, l, canonical);
	finish(stage, l, total, v->time ? *v->time : now, now);
	return OUTCOME_DONE;
}

/* Is it time to commit the stage? Under its lock. */
static inline bool
stage_due(const struct thread_state *ts, const struct stage *stage, int64_t now)
{
	return stage->len + stage->blob_len >= stage->due ||
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
	stage_lock(stage);
	if (likely(!atomic_load_explicit(&t->dead, memory_order_relaxed) &&
		   stage->cap - stage->len >= SCOPE_PREFIX + canonical + PLAIN_SLACK &&
		   stage->records && !hashes_short(stage, l))) {
		plain_write(l, words, ts->level->sticky, &texts,
			    stage->records + stage->len + SCOPE_PREFIX);
		finish_hash(stage, l, canonical);
		/* The counter takes as long to read as the hash takes to be there. */
		now = ticks_now(ts);
		finish(stage, l, SCOPE_PREFIX + canonical, now, now);
		commit = stage_due(ts, stage, now);
		staged = true;
	}
	stage_unlock(stage);
	if (likely(staged))
		after_scope(ts, l, true, commit);
	return staged;
}

/* The content hash of a scope that is asked for. */
static __attribute__((noinline)) enum outcome
hash_scope(struct thread_state *ts, const struct layout *l, const struct values *v)
{
	size_t len = 16 + wide_canonical(l, v);
	uint8_t *head = scratch_take(&ts->scratch, len), *p;

	if (!head)
		return OUTCOME_DONE; /* not known */
	memcpy(head, l->form->form.head16.byte, 16);
	p = head + 16;
	write_fixed(l, v, p);
	p += l->fixed_bytes;
	for (uint32_t i = 0; i < l->wide_count; i++)
		p += item_canonical_write(slot_item(v, &l->slots[l->fixed_count + i]), p);
	hash_store(&ts->asking->hash, XXH3_128bits(head, len));
	ts->asking->key = ts->asking->hash;
	mix_stores(&ts->asking->key, l);
	ts->asking->known = true;
	return OUTCOME_DONE;
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

	if (unlikely(ts->asking))
		return hash_scope(ts, l, v);
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
		if (l->gated && !v->passed)
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
	if (unlikely(l->contract) && outcome == OUTCOME_DONE)
		contract_check(ts, l, v);
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

int
capture_cached(struct thread_state *ts, struct stage *stage, const struct layout *l,
	       const struct item *items, int64_t time, const struct tape_hash *key,
	       unsigned records)
{
	struct values v = { .items = (struct item *)(uintptr_t)items,
			    .sticky = &no_sticky,
			    .time = &time };
	size_t canonical = wide_canonical(l, &v), tail = wide_tail(l, &v);
	enum outcome outcome = OUTCOME_TOO_LARGE;

	if (tail == SIZE_MAX || canonical + tail > LIMIT_RECORD - SCOPE_PREFIX)
		return outcome_report(ts, outcome, l);
	if (atomic_load_explicit(&ts->tape->orphan, memory_order_relaxed))
		session_used(ts->tape);
	outcome = OUTCOME_NO_MEMORY;
	report_hold();
	stage_lock(stage);
	if (atomic_load_explicit(&ts->tape->dead, memory_order_relaxed))
		outcome = OUTCOME_THINNED;
	/* The records behind the scope need no memory of their own then. */
	else if (stage->cap - stage->len >= SCOPE_PREFIX + canonical + tail +
						    CACHE_RECORD + CACHE_DROP_RECORD ||
		 stage_grow(stage, SCOPE_PREFIX + canonical + tail + CACHE_RECORD +
					   CACHE_DROP_RECORD))
		outcome = append(ts, stage, l, &v, time, canonical, tail);
	if (outcome == OUTCOME_DONE && (records & CAPTURE_DROP))
		stage->len += record_cache_drop_write(stage->records + stage->len, key);
	/* Its seq is known at the commit. */
	if (outcome == OUTCOME_DONE && (records & CAPTURE_CACHE))
		stage->len += record_cache_write(stage->records + stage->len, key, 0);
	stage_unlock(stage);
	report_tell(ts->tape);
	return outcome == OUTCOME_THINNED ? -1 : outcome_report(ts, outcome, l);
}

/* ---- TAPE ---- */

static inline struct cached_layout *
cache_slot(struct thread_state *ts, const struct tape_site *site)
{
	uintptr_t h = (uintptr_t)site >> 4 ^ (uintptr_t)ts->level->context >> 5 ^
		      ts->level->sticky->shape;

	return &ts->layouts[(h ^ h >> 8) % LAYOUT_CACHE];
}

/* Is it of this site here, whatever its label is? */
static inline bool
cache_holds(const struct thread_state *ts, const struct tape_site *site,
	    const struct cached_layout *c)
{
	return c->context == ts->level->context &&
	       c->plans == __atomic_load_n(&site->plans, __ATOMIC_ACQUIRE) &&
	       c->shape == ts->level->sticky->shape &&
	       c->version == atomic_load_explicit(&ts->tape->rules_version,
						  memory_order_relaxed);
}

/* The same, of a site whose labels may differ: that of the first stays where it is. */
static struct cached_layout *
cache_label_slot(struct thread_state *ts, const struct tape_site *site, const char *label)
{
	struct cached_layout *c = cache_slot(ts, site);

	if ((site->flags & TAPE_SITE_LITERAL) || !c->label || !cache_holds(ts, site, c) ||
	    context_same_label(c->label, label))
		return c;
	return &ts->layouts[((size_t)(c - ts->layouts) +
			     context_label_step(label, LAYOUT_CACHE)) %
			    LAYOUT_CACHE];
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
	struct cached_layout *c = cache_label_slot(ts, site, label);
	struct spread args = { kinds, words };
	struct item some[MAX_ARGUMENTS], *items;
	struct context *ctx;
	const struct layout *l = NULL;
	struct place place;
	uint32_t version, fresh = 0;

	if (!plan) {
		recorder_lost(ts->tape, 1);
		return NULL;
	}
	report_hold(); /* a handler that records would use the same scratch memory */
	version = atomic_load_explicit(&ts->tape->rules_version, memory_order_acquire);
	ctx = label_context(ts, plan, label);
	ts->inline_max = context_policy(ts->tape, ctx)->inline_max;
	items = spread_items(ts, plan, some);
	if (items && (!plan->spread || spread_args(ts, plan, &args))) {
		plan_items(ts, plan, args.kinds, args.words, items);
		if (unlikely(plan->found))
			tare_found(ts, plan, items, &fresh);
		place = (struct place){ plan, plan->file, plan->func, plan->line };
		l = layout_find(ts, &place, ctx, items, plan->count, args.kinds,
				args.words);
	} else {
		recorder_lost(ts->tape, 1);
		plan_complain(plan, SAID_SPREAD, true,
			      "TAPE_OF was given another description than before, or "
			      "there is no memory: the scope is lost");
	}
	*c = (struct cached_layout){ __atomic_load_n(&site->plans, __ATOMIC_ACQUIRE),
				     ts->level->context,
				     ts->level->sticky->shape,
				     version,
				     context_label(ts->level->context, ctx, label),
				     l };
	/* What is tared goes by values. */
	if (!l || ts->selecting || (plan->found && ts->level->tare))
		c->context = NULL;
	scratch_reset(&ts->scratch);
	report_tell(ts->tape);
	if (unlikely(fresh))
		tare_fresh(ts, fresh);
	return l;
}

/* The slot of the site has another one, or another label's. */
static __attribute__((noinline)) const struct layout *
other_layout(struct thread_state *ts, struct tape_site *site, const char *label,
	     const unsigned char *kinds, const struct tape_word *words)
{
	const struct cached_layout *c = cache_label_slot(ts, site, label);

	if (!(site->flags & TAPE_SITE_LITERAL) && cache_holds(ts, site, c) &&
	    context_same_label(c->label, label))
		return c->layout;
	return find_layout(ts, site, label, kinds, words);
}

/* A scope that hooks see first. */
static __attribute__((noinline)) enum outcome
write_hooked(struct thread_state *ts, const struct layout *l, struct values *v)
{
	struct hook_frame *frame = ts->asking ? NULL : hooks_frame(ts);
	enum outcome outcome;

	if (!frame)
		return write_scope(ts, l, v);
	outcome = hooks_scope(ts, frame, &l, &v);
	if (outcome == OUTCOME_DONE)
		outcome = write_scope(ts, l, v);
	hooks_scope_done(ts, frame);
	return outcome;
}

int
capture_items(struct thread_state *ts, const struct layout *layout,
	      const struct item *items, const int64_t *time_ns)
{
	struct values v = { .items = (struct item *)(uintptr_t)items,
			    .sticky = ts->level->sticky,
			    .time = time_ns };

	return outcome_report(ts,
			      layout->hooked ? write_hooked(ts, layout, &v)
					     : write_scope(ts, layout, &v),
			      layout);
}

static bool
spread_values(struct thread_state *ts, const struct plan *plan, struct values *v,
	      struct item items[MAX_ARGUMENTS])
{
	struct spread args = { v->kinds, v->words };

	v->items = spread_items(ts, plan, items);
	if (!v->items || !spread_args(ts, plan, &args))
		return false;
	v->kinds = args.kinds;
	v->words = args.words;
	return true;
}

/* A scope with wide values, or whose types or names show only now. */
static __attribute__((noinline)) enum outcome
write_checked(struct thread_state *ts, const struct tape_site *site,
	      const struct layout *l, struct values *v)
{
	struct values spread = *v;
	struct item items[MAX_ARGUMENTS];
	enum outcome outcome = OUTCOME_OTHER;
	bool same = true;

	spread.items =
		l->argument_count <= MAX_ARGUMENTS
			? items
			: scratch_take(&ts->scratch, l->argument_count * sizeof(*items));
	same = spread.items != NULL;
	ts->inline_max = l->policy->inline_max;
	if (same && (l->dynamic || l->spread)) {
		struct plan *plan = __atomic_load_n((void **)(uintptr_t)&site->plans,
						    __ATOMIC_ACQUIRE);

		while (plan->tape != ts->tape)
			plan = plan->next;
		same = !l->spread || spread_values(ts, plan, &spread, items);
		same = same && (!l->dynamic || names_hold(l, &spread, plan));
	}
	if (same && load_checked(ts, l, &spread))
		outcome = l->hooked ? write_hooked(ts, l, &spread)
				    : write_scope(ts, l, &spread);
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

/* `fast`, a constant: where it is true, what is plain is written there and then. */
static inline __attribute__((always_inline)) void
record_scope(struct thread_state *ts, struct tape_site *site, const char *label,
	     const unsigned char *kinds, const struct tape_word *words, bool fast)
{
	const struct cached_layout *c = cache_slot(ts, site);
	const struct layout *l = c->layout;
	enum outcome outcome;
	struct values v;

	if (unlikely(!cache_holds(ts, site, c) || (!(site->flags & TAPE_SITE_LITERAL) &&
						   !context_same_label(c->label, label))))
		l = other_layout(ts, site, label, kinds, words);
	if (!l)
		return;
	if (fast && likely(l->steps) && write_plain(ts, l, words))
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

/* With what TAPE_ADD has kept for it. */
static __attribute__((noinline)) void
record_pending(struct thread_state *ts, struct tape_site *site, const char *label,
	       const unsigned char *kinds, const struct tape_word *words)
{
	if (!pending_begin(ts)) {
		recorder_lost(ts->tape, 1);
		return;
	}
	record_scope(ts, site, label, kinds, words, false);
	pending_end(ts);
}

/* One of TAPE_TARE. */
static __attribute__((noinline)) void
record_taring(struct thread_state *ts, struct tape_site *site, const char *label,
	      const unsigned char *kinds, const struct tape_word *words)
{
	bool until_changed = (ts->taring & 3) == 2;
	struct plan *plan = plan_find(ts, site, kinds, words);
	uint64_t lost = atomic_load(&ts->tape->lost);

	ts->taring |= 3;
	record_scope(ts, site, label, kinds, words, false);
	/* What is not on the tape must not be left out of what follows. */
	if (plan && atomic_load(&ts->tape->lost) == lost)
		tare_take(ts, plan, kinds, words, until_changed);
}

void
tape_record(struct tape *t, struct tape_site *site, const char *label,
	    const unsigned char *kinds, const struct tape_word *words)
{
	struct thread_state *ts = capture_thread(t);

	if (!ts)
		return;
	if (unlikely(!(site->flags & TAPE_SITE_ASKS)) &&
	    __atomic_load_n(&t->head.asks, __ATOMIC_RELAXED) &&
	    !tape_wanted(t, site, label))
		return;
	if (unlikely(ts->taring) && tare_due(ts, label))
		record_taring(ts, site, label, kinds, words);
	else if (unlikely(ts->pending.count))
		record_pending(ts, site, label, kinds, words);
	else
		record_scope(ts, site, label, kinds, words, true);
}

/* ---- TAPE_SEEN ---- */

static bool
answer(struct thread_state *ts, const struct asking *asking)
{
	ts->asking = NULL;
	scratch_reset(&ts->scratch);
	report_tell(ts->tape);
	return asking->known &&
	       ask_seen(ts->tape, &asking->hash, &asking->key, ticks_now(ts));
}

bool
capture_seen(struct thread_state *ts, const struct layout *layout,
	     const struct item *items)
{
	struct asking asking = { .known = false };

	report_hold(); /* a handler that records is not to be taken for this */
	ts->asking = &asking;
	(void)capture_items(ts, layout, items, NULL);
	return answer(ts, &asking);
}

int
tape_seen(struct tape *t, struct tape_site *site, const char *label,
	  const unsigned char *kinds, const struct tape_word *words)
{
	struct thread_state *ts = capture_thread(t);
	struct asking asking = { .known = false };
	uint32_t pending;

	/* A hook that is called while another scope is asked for: none is. */
	if (!ts || ts->asking)
		return 0;
	pending = ts->pending.count;
	if (pending && !pending_begin(ts)) {
		pending_keep(ts, pending);
		return 0;
	}
	report_hold(); /* a handler that records is not to be taken for this */
	ts->asking = &asking;
	record_scope(ts, site, label, kinds, words, false);
	if (pending)
		pending_keep(ts, pending);
	return answer(ts, &asking);
}
