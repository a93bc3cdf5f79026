/* SPDX-License-Identifier: Apache-2.0 */
/* TAPE_STORE: a result becomes a scope of the cache, and is known at once. */
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "librecord/body.h"
#include "librecord/cache.h"
#include "librecord/key.h"
#include "librecord/report.h"
#include "librecord/spread.h"
#include "search/partial.h"

/* At the end, to find out which results differ. */
#define LAST_LOOKS 4u

/* The variables of a scope to be; names and what is gathered are in the thread's scratch. */
struct storing {
	struct thread_state *ts;
	struct item *items;
	size_t count, cap;
	bool failed;
};

static struct item *
next_item(struct storing *s, const char *prefix, const char *name, size_t len)
{
	size_t cap = s->cap ? s->cap * 2 : 32, n = strlen(prefix);
	struct item *more;
	char *text;

	if (s->count == s->cap) {
		more = realloc(s->items, cap * sizeof *more);
		if (!more) {
			s->failed = true;
			return NULL;
		}
		s->items = more;
		s->cap = cap;
	}
	text = scratch_take(&s->ts->scratch, n + len + 1);
	if (!text) {
		s->failed = true;
		return NULL;
	}
	memcpy(text, prefix, n);
	memcpy(text + n, name, len);
	text[n + len] = '\0';
	s->items[s->count] = (struct item){ .name = text,
					    .name_len = (uint32_t)(n + len),
					    .unit = "" };
	return &s->items[s->count++];
}

static void
put_fixed(struct storing *s, const char *name, enum tape_type type, uint64_t v)
{
	struct item *item = next_item(s, "", name, strlen(name));

	if (!item)
		return;
	item->type = (uint8_t)type;
	item->value.lo = v;
}

static void
put_f64(struct storing *s, const char *name, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof bits);
	put_fixed(s, name, TAPE_F64, bits);
}

/* Text that stays in the scope, whatever inline_max says; it is borrowed. */
static void
put_text(struct storing *s, const char *prefix, const char *name, size_t name_len,
	 const char *text, size_t len)
{
	struct item *item = next_item(s, prefix, name, name_len);

	if (!item)
		return;
	item_load_text(s->ts, text, len, item);
	item->store = TAPE_INLINE;
}

static void
put_key(struct storing *s, const char *prefix, const char *name, size_t len,
	struct tape_key key)
{
	char *text = scratch_take(&s->ts->scratch, TAPE_HASH_TEXT);

	if (!text) {
		s->failed = true;
		return;
	}
	tape_key_text(key, text);
	put_text(s, prefix, name, len, text, TAPE_HASH_TEXT - 1);
}

/* ---- what the key was made of ---- */

static void
put_part(struct storing *s, const struct key_part *part)
{
	const struct tape_value *v = &part->value;
	struct item *item;

	if (part->name_len > LIMIT_NAME - (sizeof CACHE_IN - 1))
		return;
	if (part->key) {
		put_key(s, CACHE_IN, part->name, part->name_len, cached_key(v->data));
		return;
	}
	item = next_item(s, CACHE_IN, part->name, part->name_len);
	if (!item)
		return;
	item->type = v->type;
	if (v->type < TAPE_STR) {
		memcpy(&item->value, &v->as, sizeof item->value);
		return;
	}
	item->data = v->data;
	item->size = v->size;
	item->hash = v->hash;
	item->dtype = v->dtype;
	item->ndim = v->ndim;
	item->fortran = v->fortran;
	memcpy(item->dims, v->dims, sizeof item->dims);
	/* Of what is long the key knows the hash, and so does the scope. */
	item->store = v->store;
	item->on_tape = v->store == TAPE_AS_HASH;
}

static void
put_inputs(struct storing *s, const uint8_t *hashed, size_t len)
{
	struct key_part part;
	size_t at = 0, name_len;
	const char *name;

	if (!hashed || len == 0)
		return;
	name = key_name(hashed, len, &name_len);
	put_text(s, "", CACHE_NAME, sizeof CACHE_NAME - 1, name, name_len);
	while (key_part_next(hashed, len, &at, &part))
		put_part(s, &part);
}

/* ---- results ---- */

static int
compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	size_t least = x->name_len < y->name_len ? x->name_len : y->name_len;
	int r = memcmp(x->name, y->name, least);

	return r ? r : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}

static void
result_value(const struct item *item, struct tape_value *v)
{
	memset(v, 0, sizeof *v);
	v->type = item->type;
	v->store = item->store;
	v->size = item->size;
	if (item->type == TAPE_ARRAY_T) {
		v->dtype = item->dtype;
		v->ndim = item->ndim;
		v->fortran = item->fortran;
		memcpy(v->dims, item->dims, sizeof item->dims[0] * item->ndim);
	}
	if (item->size > CANON_BYTES) {
		v->hash = item->hash;
		v->has_hash = 1;
	}
	/* Of a blob that came in pieces only the head is there. */
	v->data = item->on_tape && item->size > CANON_BYTES ? NULL : item->data;
}

/* The results among the items as values of an entry; false: a name is there twice. */
static bool
take_results(struct storing *s, size_t first, struct cache_values *values)
{
	cache_values_reset(values);
	if (s->count > first)
		qsort(s->items + first, s->count - first, sizeof *s->items,
		      compare_items);
	for (size_t i = first; i < s->count; i++) {
		const struct item *item = &s->items[i];
		const char *name = item->name + sizeof CACHE_OUT - 1;
		size_t len = item->name_len - (sizeof CACHE_OUT - 1);
		struct tape_value v;

		if (i > first && compare_items(item - 1, item) == 0)
			return false;
		if (item->type < TAPE_STR) {
			struct tape_word word = item->value;

			if (item->type == TAPE_BOOL)
				word.lo = word.lo != 0;
			if (item->type == TAPE_F32)
				word.lo = (uint32_t)word.lo;
			if (item->type != TAPE_C16)
				word.hi = 0;
			if (item->type == TAPE_NULL)
				word.lo = 0;
			cache_values_fixed(values, name, len, item->type, word);
			continue;
		}
		result_value(item, &v);
		cache_values_wide(values, name, len, &v);
	}
	return true;
}

static void
load_result(struct storing *s, const char *name, unsigned kind, struct tape_word word)
{
	size_t len = strlen(name);
	struct item *item;

	if (len > LIMIT_NAME - (sizeof CACHE_OUT - 1))
		len = LIMIT_NAME - (sizeof CACHE_OUT - 1);
	item = next_item(s, CACHE_OUT, name, len);
	if (item && item_load(s->ts, kind, word, item) != ITEM_FINE)
		s->failed = true;
}

static void
load_members(struct storing *s, const struct tape_of *of, const char *prefix)
{
	const struct tape_partial *p = of->partial;
	char member[LIMIT_NAME + 1], name[2 * LIMIT_NAME + 2];
	struct tape_word *words = NULL;
	unsigned char *kinds = NULL;
	const char *rest;

	if (partial_known(p) && of->at) {
		kinds = scratch_take(&s->ts->scratch, p->count);
		words = scratch_take(&s->ts->scratch, p->count * sizeof *words);
	}
	if (!kinds || !words || !spread_members(s->ts, of, NULL, kinds, words)) {
		s->failed = true;
		return;
	}
	rest = p->members;
	for (uint32_t i = 0; i < p->count; i++) {
		size_t at = strlen(prefix), len = partial_member_name(&rest, member);

		memcpy(name, prefix, at);
		if (at)
			name[at++] = '.';
		memcpy(name + at, member, len + 1);
		load_result(s, name, kinds[i], words[i]);
	}
}

static void
load_results(struct storing *s, const struct tape_site *site, const unsigned char *kinds,
	     const struct tape_word *words)
{
	const char *rest = site->names, *piece = "?";
	size_t len = 1;

	if (site->flags & TAPE_SITE_HAS_LABEL)
		(void)name_next_piece(&rest, &piece, &len);
	for (uint32_t i = 0; i < site->count && i < MAX_ARGUMENTS; i++) {
		const struct tape_named *named = NULL;
		struct tape_word word = words[i];
		unsigned kind = kinds[i];
		const char *text = NULL;
		char name[LIMIT_NAME + 1];

		if (!name_next_piece(&rest, &piece, &len))
			s->failed = true;
		if (kind == tape_kind_named) {
			named = (const struct tape_named *)(uintptr_t)word.lo;
			kind = named->kind;
			word = named->value;
			text = named->text;
		}
		if (kind == tape_kind_dense && !text)
			text = ((const struct tape_dense *)(uintptr_t)word.lo)->text;
		if (named && named->name && *named->name)
			(void)name_clean(named->name, strlen(named->name), name, NULL,
					 NULL);
		else if (kind == tape_kind_of)
			*name = 0;
		else if (text)
			(void)name_from_text(text, strlen(text), name);
		else
			(void)name_from_text(piece, len, name);
		if (kind == tape_kind_of)
			load_members(s, (const struct tape_of *)(uintptr_t)word.lo, name);
		else
			load_result(s, name, kind, word);
	}
}

/* ---- storing ---- */

/* What a miss of this key has left, taken out. */
static struct cache_miss *
take_miss(struct cache *c, struct tape_key key, int64_t *dropped)
{
	struct cache_shard *s = cache_shard_of(c, key);
	struct cache_miss *miss = NULL;
	struct cache_slot *slot;

	cache_lock(s);
	slot = cache_slot_find(s, key, false);
	if (slot) {
		miss = slot->miss;
		slot->miss = NULL;
		s->misses_open -= miss != NULL;
		*dropped = slot->dropped;
	}
	cache_unlock(s);
	return miss;
}

static void
count_stored(struct cache *c, struct tape_key key)
{
	struct cache_shard *s = cache_shard_of(c, key);

	cache_lock(s);
	s->stored++;
	cache_unlock(s);
}

/* Into the stage of the cache, under the thread's path. 0 or -1. */
static int
put_scope(struct cache *c, struct storing *s, const struct tape_site *site,
	  struct context *path, int64_t time, struct tape_key key, unsigned records)
{
	struct thread_state *ts = s->ts;
	const struct sticky *sticky = ts->level->sticky;
	struct context *context = context_system(c->tape, path, CACHE_LABEL);
	const struct layout *layout;
	struct place place = { .file = "", .func = "" };
	char file[LIMIT_SITE_TEXT + 1], func[LIMIT_SITE_TEXT + 1];
	struct tape_hash hash = { { 0 } };
	bool due;
	int r;

	if (!context)
		return -1;
	if (site) {
		(void)site_clean(site->file, file);
		(void)site_clean(site->func, func);
		place = (struct place){ .file = file, .func = func, .line = site->line };
	}
	ts->level->sticky = &no_sticky;
	layout = layout_find(ts, &place, context, s->items, s->count, NULL, NULL);
	cached_key_put(key, hash.byte);
	r = layout ? capture_cached(ts, c->stage, layout, s->items, time, &hash, records)
		   : -1;
	ts->level->sticky = sticky;
	stage_lock(c->stage);
	due = c->stage->len + c->stage->blob_len >= c->stage->due ||
	      (ts->commit_scopes != UINT32_MAX && c->stage->count >= ts->commit_scopes);
	stage_unlock(c->stage);
	if (due)
		(void)session_commit_stage(c->tape, c->stage);
	return r;
}

/* Is there a result already, on the tape or on its way? If it is another one, that will be looked into. */
static bool
known(struct cache *c, struct tape_key key, const struct cache_values *values,
      int64_t *again_after)
{
	struct cache_entry *old = cache_find(c, key), *e;

	if (!old)
		return false;
	if (old->flags & ENTRY_DAMAGED)
		*again_after = old->time;
	if (old->flags & (ENTRY_DAMAGED | ENTRY_LOOSE)) {
		cache_put(old);
		return false;
	}
	e = cache_values_entry(c, values, key, false);
	if (e && old->shape && !(old->flags & (ENTRY_TOLD | ENTRY_DOUBTED)) &&
	    memcmp(&e->results, &old->results, sizeof e->results) != 0) {
		cache_mark(c, old, ENTRY_DOUBTED);
		cache_doubt(c, key, &e->results, session_now(c->tape));
	}
	cache_put(e);
	cache_put(old);
	return true;
}

struct result {
	struct cache *c;
	struct storing *s;
	const struct tape_site *site;
	struct tape_key key;
	size_t first; /* of the results among the items */
};

static int
store(const struct result *r, struct cache_values *values)
{
	struct cache *c = r->c;
	struct storing *s = r->s;
	int64_t now = session_now(c->tape), again = INT64_MIN, dropped = 0;
	struct cache_miss *miss;
	struct cache_entry *e;
	double seconds = -1;
	/* Never, unless by a miss: generations may have the first result. */
	uint32_t asked = 0;
	bool stored = false;
	size_t len = 0;
	const uint8_t *hashed = key_remembered(r->key, &len);

	if (known(c, r->key, values, &again))
		return 0;
	miss = take_miss(c, r->key, &dropped);
	if (miss) {
		seconds = (double)(os_monotonic_ns() - miss->since) * 1e-9;
		asked = miss->asked;
		if (miss->len) {
			hashed = miss->hashed;
			len = miss->len;
		}
	}
	/* A clock that went back must not put it behind what it replaces. */
	now = again >= now ? again + 1 : now;
	now = dropped > now ? dropped : now;
	put_key(s, "", CACHE_KEY, sizeof CACHE_KEY - 1, r->key);
	put_inputs(s, hashed, len);
	if (seconds >= 0)
		put_f64(s, CACHE_SECONDS, seconds);
	put_fixed(s, CACHE_WHEN, TAPE_I64, (uint64_t)now);
	if (again != INT64_MIN)
		put_fixed(s, CACHE_AGAIN, TAPE_BOOL, 1);
	e = s->failed ? NULL
		      : cache_values_entry(c, values, r->key,
					   atomic_load(&c->held) < c->most);
	if (e) {
		e->time = now;
		e->seconds = seconds;
		e->asked = asked;
		memcpy(e->pos.session, c->tape->session, sizeof e->pos.session);
		/* Known before it is staged, so that a commit finds it. */
		cache_take(c, r->key, e, again == INT64_MIN ? 0 : now);
		stored =
			put_scope(c, s, r->site, s->ts->level->context, now, r->key,
				  again == INT64_MIN ? CAPTURE_CACHE
						     : CAPTURE_CACHE | CAPTURE_DROP) == 0;
		if (stored)
			count_stored(c, r->key);
		else
			cache_untake(c, r->key, now);
	} else {
		recorder_error(c->tape, "no memory for a result of the cache");
	}
	free(miss);
	return stored;
}

static int
store_results(struct cache *c, struct storing *s, const struct tape_site *site,
	      struct tape_key key)
{
	struct cache_values values = { .whole = true };
	struct result r = { c, s, site, key, 0 };
	int stored = 0;

	report_hold();
	if (s->failed || !take_results(s, 0, &values))
		recorder_warn(c->tape,
			      "cache: a result is not kept: a name is given twice, or an "
			      "array cannot be read");
	else
		stored = store(&r, &values);
	cache_values_release(&values);
	free(s->items);
	scratch_reset(&s->ts->scratch);
	cache_note(c, false);
	report_tell(c->tape);
	return stored;
}

static struct cache *
ready(struct thread_state *ts, struct tape_key key)
{
	if (!ts)
		return NULL;
	if (key_none(key)) {
		cache_no_key(ts->tape);
		return NULL;
	}
	if (atomic_load(&ts->tape->orphan))
		session_used(ts->tape);
	return cache_get(ts->tape);
}

int
tape_store(struct tape *t, struct tape_site *site, struct tape_key key,
	   const unsigned char *kinds, const struct tape_word *words)
{
	struct thread_state *ts = capture_thread(t);
	struct storing s = { .ts = ts };
	struct cache *c = ready(ts, key);

	if (!c || site->version != TAPE_SITE_VERSION)
		return 0;
	ts->inline_max = t->conf.inline_max;
	load_results(&s, site, kinds, words);
	return store_results(c, &s, site, key);
}

int
tape_cache_put(struct tape *t, struct tape_key key, struct tape_build *results)
{
	struct thread_state *ts = capture_thread(t);
	struct storing s = { .ts = ts };
	struct cache *c = ready(ts, key);
	const struct item *items = NULL;
	size_t count = results ? build_items(results, &items) : 0;
	int r = 0;

	for (size_t i = 0; c && i < count; i++) {
		struct item *item =
			next_item(&s, CACHE_OUT, items[i].name, items[i].name_len);
		const char *name = item ? item->name : "";
		uint32_t len = item ? item->name_len : 0;

		if (!item)
			break;
		*item = items[i];
		item->name = name;
		item->name_len = len;
	}
	if (c)
		r = store_results(c, &s, NULL, key);
	tape_build_cancel(results);
	return r;
}

int
tape_cache_drop(struct tape *t, struct tape_key key)
{
	struct thread_state *ts = capture_thread(t);
	struct storing s = { .ts = ts };
	struct cache *c = ready(ts, key);
	struct cache_entry *e;
	int64_t now;
	int r;

	if (!c)
		return 0;
	report_hold();
	/* What others have committed goes as well, by whatever clock. */
	e = cache_search_now(c, key);
	if (!e) {
		report_tell(t);
		return 0;
	}
	now = cache_time_behind(c, key, session_now(t));
	put_key(&s, "", CACHE_KEY, sizeof CACHE_KEY - 1, key);
	put_fixed(&s, CACHE_DROPPED, TAPE_BOOL, 1);
	put_fixed(&s, CACHE_WHEN, TAPE_I64, (uint64_t)now);
	r = s.failed ? -1
		     : put_scope(c, &s, NULL, ts->level->context, now, key, CAPTURE_DROP);
	if (r == 0)
		cache_take(c, key, NULL, now);
	cache_put(e);
	free(s.items);
	scratch_reset(&ts->scratch);
	report_tell(t);
	return r == 0;
}

/* ---- what was used ---- */

/* Takes the counts, and the first 8 bytes of the keys of entries that were used. */
static void
take_counts(struct cache *c, struct cache_shard *sum, struct bytes *used)
{
	for (unsigned i = 0; i < CACHE_SHARDS; i++) {
		struct cache_shard *s = &c->shards[i];

		cache_lock(s);
		sum->hits += s->hits;
		sum->misses += s->misses;
		sum->stored += s->stored;
		sum->saved += s->saved;
		for (size_t k = 0; s->hits && k < s->spot_cap; k++) {
			struct cache_entry *e = cache_spot_entry(&s->spots[k]);

			if (!e || !(e->flags & ENTRY_USED))
				continue;
			e->flags &= ~(uint32_t)ENTRY_USED;
			bytes_put(used, &e->key.hi, sizeof e->key.hi);
		}
		s->hits = s->misses = s->stored = 0;
		s->saved = 0;
		cache_unlock(s);
	}
}

static int
compare_words(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return (x > y) - (x < y);
}

static void
write_note(struct cache *c, struct thread_state *ts)
{
	struct storing s = { .ts = ts };
	struct cache_shard sum = { .count = 0 };
	struct bytes used = { .len = 0 };
	struct item *item;

	take_counts(c, &sum, &used);
	if (sum.hits + sum.misses + sum.stored == 0) {
		bytes_release(&used);
		return;
	}
	put_fixed(&s, CACHE_HITS, TAPE_U64, sum.hits);
	put_fixed(&s, CACHE_COMPUTED, TAPE_U64, sum.misses);
	put_fixed(&s, CACHE_STORED, TAPE_U64, sum.stored);
	put_f64(&s, CACHE_SAVED, sum.saved);
	if (used.len && !used.failed &&
	    (item = next_item(&s, "", CACHE_USED, sizeof CACHE_USED - 1)) != NULL) {
		struct tape_nd nd = { .data = used.data,
				      .dtype = "u8",
				      .ndim = 1,
				      .dims = { used.len / 8 } };

		qsort(used.data, used.len / 8, 8, compare_words);
		ts->inline_max = c->tape->conf.inline_max;
		(void)item_load_nd(ts, &nd, false, item);
	}
	if (!s.failed)
		(void)put_scope(c, &s, NULL, &c->tape->forms->root, session_now(c->tape),
				(struct tape_key){ 0, 0 }, 0);
	free(s.items);
	scratch_reset(&ts->scratch);
	bytes_release(&used);
}

void
cache_note(struct cache *c, bool now)
{
	int64_t clock = os_monotonic_ns();
	int64_t before = atomic_load(&c->noted);
	struct thread_state *ts;

	if ((!now && clock - before < CACHE_NOTE_NS) ||
	    !atomic_compare_exchange_strong(&c->noted, &before, clock))
		return;
	ts = capture_thread(c->tape);
	if (ts && !ts->selecting)
		write_note(c, ts);
}

void
cache_before_close(struct tape *t)
{
	struct cache *c = atomic_load(&t->cache);

	if (!c || atomic_load(&t->dead) || atomic_load(&t->orphan))
		return;
	report_hold();
	cache_note(c, true);
	pthread_mutex_lock(&c->look_lock);
	/* A look may bring new doubts; what the last ones leave is told as it is. */
	for (unsigned looks = 0; looks < LAST_LOOKS && cache_in_doubt(c); looks++)
		cache_look(c, true);
	cache_settle(c, true);
	pthread_mutex_unlock(&c->look_lock);
	report_tell(t);
}

void
cache_close_look(struct tape *t)
{
	struct cache *c = atomic_load(&t->cache);

	if (!c)
		return;
	/* Another thread may be in the middle of one that began before. */
	pthread_mutex_lock(&c->look_lock);
	cachelook_close(c->look);
	c->look = NULL;
	cache_values_release(&c->found);
	pthread_mutex_unlock(&c->look_lock);
}
