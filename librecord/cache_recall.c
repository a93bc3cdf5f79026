/* SPDX-License-Identifier: Apache-2.0 */
/* TAPE_RECALL: from a key to the variables of a program. */
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "librecord/cache.h"
#include "librecord/key.h"
#include "librecord/report.h"

/* ---- the short way: a known entry, a known site ---- */

enum step_op { STEP_1, STEP_4, STEP_8, STEP_16, STEP_INTEGER, STEP_ARRAY };
/* How an output of a site is filled from a value of a shape. */
struct step {
	uint8_t op, size;
	bool is_signed;	   /* STEP_INTEGER: of the output */
	bool value_signed; /* and of the value */
	uint16_t value;
	uint16_t name; /* offset of what TAPE_AS said, from the steps on; 0: nothing */
};
struct recall_plan {
	struct recall_plan *next;
	const struct cache_shape *shape;
	uint32_t count;
	struct step steps[];
};
/* A site that is called with ever other shapes goes the long way. */
#define MOST_PLANS 8u

/* A dense array in C order, as one output. */
struct array_out {
	void *to;
	uint64_t size;
	uint8_t dtype, ndim;
	const uint64_t *dims; /* NULL: one, all of it */
};

static bool
array_out(const struct tape_named *out, struct array_out *a)
{
	const struct tape_dense *d;

	*a = (struct array_out){ .to = (void *)(uintptr_t)out->value.lo,
				 .size = out->value.hi };
	if (out->kind > tape_kind_array && out->kind < TAPE_TO) {
		a->dtype = (uint8_t)(out->kind - tape_kind_array);
		a->ndim = 1;
		return a->to != NULL;
	}
	if (out->kind != tape_kind_dense)
		return false;
	d = (const struct tape_dense *)(uintptr_t)out->value.lo;
	if (d->flags != 0 || d->stride != 0 || !d->data)
		return false;
	a->to = (void *)(uintptr_t)d->data;
	a->dtype = d->dtype;
	a->ndim = d->ndim;
	a->dims = d->dims;
	return true;
}

static inline struct cache_wide
wide_at(const struct cache_entry *e, const struct step *step)
{
	struct cache_wide wide;

	memcpy(&wide, e->data + 16 * (size_t)step->value, sizeof wide);
	return wide;
}

/* What describes it lies behind all bytes: it is looked at for several dimensions only. */
static bool
same_dims(const struct cache_entry *e, const struct cache_wide *wide,
	  const struct array_out *out)
{
	if (!out->dims)
		return wide->size == out->size;
	if (wide->ndim == 1)
		return out->dims[0] <= wide->size &&
		       wide->size == out->dims[0] * wide->width;
	return memcmp(e->data + wide->value + offsetof(struct tape_value, dims),
		      out->dims, wide->ndim * sizeof *out->dims) == 0;
}

static bool
array_fits(const struct cache_entry *e, const struct step *step,
	   const struct tape_named *out)
{
	const struct cache_wide wide = wide_at(e, step);
	struct array_out a;

	return array_out(out, &a) && wide.dtype == a.dtype && wide.ndim == a.ndim &&
	       (wide.ndim == 1 || !wide.fortran) && (wide.size == 0 || wide.bytes) &&
	       same_dims(e, &wide, &a);
}

static bool
integer_fits(const struct step *step, uint64_t v)
{
	unsigned bits = 8u * step->size;
	bool negative = step->value_signed && (int64_t)v < 0;

	if (step->is_signed)
		return negative ? (int64_t)v >= -(INT64_MAX >> (64 - bits)) - 1
				: v <= (uint64_t)(INT64_MAX >> (64 - bits));
	return !negative && v <= UINT64_MAX >> (64 - bits);
}

static inline void *
out_at(const struct tape_named *out)
{
	return (void *)(uintptr_t)out->value.lo;
}

/* Nothing is written unless all of it fits. */
static inline bool
fill_short(const struct recall_plan *plan, const struct cache_entry *e,
	   const struct tape_named *outs)
{
	for (uint32_t i = 0; i < plan->count; i++) {
		const struct step *step = &plan->steps[i];
		uint64_t v;

		/* As they are this time: the long way says what is wrong. */
		if (!outs[i].value.lo)
			return false;
		if (step->op < STEP_INTEGER)
			continue;
		if (step->op == STEP_ARRAY) {
			if (!array_fits(e, step, &outs[i]))
				return false;
			continue;
		}
		memcpy(&v, e->data + 16 * (size_t)step->value, sizeof v);
		if (!integer_fits(step, v))
			return false;
	}
	for (uint32_t i = 0; i < plan->count; i++) {
		const struct step *step = &plan->steps[i];
		const uint8_t *from = e->data + 16 * (size_t)step->value;
		struct array_out a;

		switch (step->op) {
		case STEP_1:
			memcpy(out_at(&outs[i]), from, 1);
			break;
		case STEP_4:
			memcpy(out_at(&outs[i]), from, 4);
			break;
		case STEP_8:
			memcpy(out_at(&outs[i]), from, 8);
			break;
		case STEP_16:
			memcpy(out_at(&outs[i]), from, 16);
			break;
		case STEP_INTEGER:
			memcpy(out_at(&outs[i]), from, step->size);
			break;
		default: {
			const struct cache_wide wide = wide_at(e, step);

			(void)array_out(&outs[i], &a);
			if (wide.size)
				memcpy(a.to, e->data + wide.bytes, wide.size);
			break;
		}
		}
	}
	return true;
}

/* ---- making a plan ---- */

static bool
step_scalar(struct step *step, unsigned kind, unsigned type, uint64_t size)
{
	static const struct {
		uint8_t kind, type, op;
	} exact[] = {
		{ tape_kind_bool, TAPE_BOOL, STEP_1 },
		{ tape_kind_f64, TAPE_F64, STEP_8 },
		{ tape_kind_f32, TAPE_F32, STEP_4 },
		{ tape_kind_c16, TAPE_C16, STEP_16 },
		{ tape_kind_c8, TAPE_C8, STEP_8 },
	};

	for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
		if (exact[i].kind == kind && exact[i].type == type) {
			step->op = exact[i].op;
			return true;
		}
	if ((kind != tape_kind_i64 && kind != tape_kind_u64) ||
	    (type != TAPE_I64 && type != TAPE_U64))
		return false;
	step->is_signed = kind == tape_kind_i64;
	step->value_signed = type == TAPE_I64;
	step->size = (uint8_t)size;
	step->op = size == 8 && step->is_signed == step->value_signed ? STEP_8
								      : STEP_INTEGER;
	return true;
}

static bool
step_make(struct step *step, const struct cache_shape *shape, bool only,
	  const struct tape_named *out, const char *name)
{
	struct array_out a;
	uint32_t at = 0;
	size_t len = strlen(name);

	while (at < shape->count && (shape->vars[at].len != len ||
				     memcmp(shape->vars[at].name, name, len) != 0))
		at++;
	if (at == shape->count && only && shape->count == 1)
		at = 0;
	if (at >= shape->count || at > UINT16_MAX)
		return false;
	*step = (struct step){ .value = (uint16_t)at };
	if (out->kind > TAPE_TO)
		return out->value.lo && step_scalar(step, out->kind - (unsigned)TAPE_TO,
						    shape->vars[at].type, out->value.hi);
	step->op = STEP_ARRAY;
	return shape->vars[at].type == TAPE_ARRAY_T && array_out(out, &a);
}

static void
out_name(const struct tape_named *out, const char *piece, size_t len,
	 char name[LIMIT_NAME + 1])
{
	const char *text = out->text;

	if (out->name && *out->name) {
		(void)name_clean(out->name, strlen(out->name), name, NULL, NULL);
		return;
	}
	if (out->kind == tape_kind_dense && !text)
		text = ((const struct tape_dense *)(uintptr_t)out->value.lo)->text;
	if (text)
		(void)name_from_text(text, strlen(text), name);
	else
		(void)name_from_text(piece, len, name);
}

/* The names of a site, in front of which stands the text of the key. */
static const char *
site_names(const struct tape_site *site)
{
	const char *rest = site->names, *piece;
	size_t len;

	if (site->flags & TAPE_SITE_HAS_LABEL)
		(void)name_next_piece(&rest, &piece, &len);
	return rest;
}

/* The names that TAPE_AS gave stand behind the steps: another time they may be others. */
static struct recall_plan *
plan_new(const struct tape_site *site, const struct cache_shape *shape,
	 const struct tape_named *outs)
{
	size_t steps = site->count * sizeof(struct step), size = steps;
	struct recall_plan *plan;

	for (uint32_t i = 0; i < site->count; i++)
		size += outs[i].name ? strlen(outs[i].name) + 1 : 0;
	plan = size <= UINT16_MAX ? calloc(1, sizeof *plan + size) : NULL;
	if (!plan)
		return NULL;
	plan->shape = shape;
	plan->count = site->count;
	return plan;
}

static bool
plan_fill(struct recall_plan *plan, const struct tape_site *site,
	  const struct tape_named *outs)
{
	const char *rest = site_names(site), *piece = "?";
	size_t len = 1, at = site->count * sizeof(struct step);

	for (uint32_t i = 0; i < site->count; i++) {
		size_t size = outs[i].name ? strlen(outs[i].name) + 1 : 0;
		struct step *step = &plan->steps[i];
		char name[LIMIT_NAME + 1];

		if (!name_next_piece(&rest, &piece, &len))
			return false;
		out_name(&outs[i], piece, len, name);
		if (!step_make(step, plan->shape, site->count == 1, &outs[i], name))
			return false;
		if (size) {
			memcpy((char *)plan->steps + at, outs[i].name, size);
			step->name = (uint16_t)at;
		}
		at += size;
	}
	return true;
}

static void
plan_add(struct tape_site *site, const struct cache_shape *shape,
	 const struct tape_named *outs)
{
	void *head = __atomic_load_n(&site->plans, __ATOMIC_ACQUIRE);
	struct recall_plan *plan;
	unsigned plans = 0;

	for (const struct recall_plan *p = head; p; p = p->next)
		plans++;
	plan = plans < MOST_PLANS ? plan_new(site, shape, outs) : NULL;
	if (!plan)
		return;
	if (!plan_fill(plan, site, outs)) {
		free(plan);
		return;
	}
	do
		plan->next = head;
	while (!__atomic_compare_exchange_n(&site->plans, &head, plan, false,
					    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}

static inline bool
same_names(const struct recall_plan *plan, const struct tape_named *outs)
{
	for (uint32_t i = 0; i < plan->count; i++) {
		uint16_t name = plan->steps[i].name;

		if (name == 0 ? outs[i].name != NULL
			      : !outs[i].name || strcmp((const char *)plan->steps + name,
							outs[i].name) != 0)
			return false;
	}
	return true;
}

static inline const struct recall_plan *
plan_of(const struct tape_site *site, const struct cache_shape *shape,
	const struct tape_named *outs)
{
	const struct recall_plan *plan =
		__atomic_load_n((void **)(uintptr_t)&site->plans, __ATOMIC_ACQUIRE);

	while (plan && (plan->shape != shape || !same_names(plan, outs)))
		plan = plan->next;
	return plan;
}

static inline void
count_hit(struct cache_shard *s, struct cache_entry *e)
{
	uint32_t flags;

	s->hits++;
	if (e->seconds > 0)
		s->saved += e->seconds;
	/* Mostly they are set. */
	flags = atomic_load_explicit(&e->flags, memory_order_relaxed);
	if ((flags & (ENTRY_USED | ENTRY_RECENT)) != (ENTRY_USED | ENTRY_RECENT))
		atomic_store_explicit(&e->flags, flags | ENTRY_USED | ENTRY_RECENT,
				      memory_order_relaxed);
}

/* 1, or 0: the long way. */
static int
recall_short(struct cache *c, const struct tape_site *site, struct tape_key key,
	     const struct tape_named *outs)
{
	struct cache_shard *s = cache_shard_of(c, key);
	const struct recall_plan *plan;
	struct cache_entry *e;
	int hit = 0;

	cache_lock(s);
	e = cache_first(s, key);
	if (e &&
	    (e->flags & (ENTRY_HELD | ENTRY_DAMAGED | ENTRY_UNASKED)) == ENTRY_HELD) {
		plan = plan_of(site, e->shape, outs);
		if (plan && fill_short(plan, e, outs)) {
			count_hit(s, e);
			hit = 1;
		}
	}
	cache_unlock(s);
	return hit;
}

/* ---- the long way ---- */

struct filling {
	struct cache *c;
	struct cache_entry *e;
	struct tape_value *values;
	bool damaged;
};

static int64_t
find_value(void *user, const char *name)
{
	const struct filling *f = user;
	size_t len = strlen(name);

	for (uint32_t i = 0; i < f->e->shape->count; i++)
		if (f->e->shape->vars[i].len == len &&
		    memcmp(f->e->shape->vars[i].name, name, len) == 0)
			return i;
	return -1;
}

static const struct tape_value *
value_at(void *user, size_t index)
{
	return &((const struct filling *)user)->values[index];
}

/* look_lock is held. */
static int
value_bytes(void *user, size_t index, uint8_t **out, struct tape_error *err)
{
	struct filling *f = user;
	int r = cache_read_value(f->c, f->e, (uint32_t)index, &f->values[index], out,
				 err);

	f->damaged |= cache_damage(r);
	return r;
}

static bool
all_at_hand(const struct cache_entry *e)
{
	for (uint32_t i = 0; i < e->shape->count; i++) {
		struct tape_value v;

		cache_entry_value(e, i, &v);
		if (v.type >= TAPE_STR && v.size && !v.data)
			return false;
	}
	return true;
}

/* ---- others' entries ---- */

static void
tell_report(void *user, const struct tape_report *report)
{
	struct tape *t = user;

	if (report->kind == TAPE_DAMAGE_MET)
		recorder_warn(t, "cache: %s: %s", report->file, report->message);
}

static int
take_found(void *user, const struct cachelook_entry *at)
{
	struct cache *c = user;
	struct cache_entry *e = at->dropped ? NULL : cache_entry_found(c, at);

	if (!e && !at->dropped)
		return 0; /* no memory, or damaged: it is not known then */
	if (e && !at->packed)
		e->flags |= ENTRY_UNASKED;
	cache_take(c, at->key, e, at->dropped || at->again ? at->time : 0);
	return 0;
}

/* look_lock is held. False: it cannot be. */
static bool
open_look(struct cache *c)
{
	struct tape_reader_options options = { .size = sizeof options,
					       .on_report = tell_report,
					       .user = c->tape };
	struct tape_error why = { 0 };

	if (c->look || c->look_failed)
		return c->look != NULL;
	if (cachelook_open(&c->tape->dir, &options, &c->look, &why) == 0)
		return true;
	c->look = NULL;
	c->look_failed = why.status != TAPE_ERR_NOMEM;
	if (said_first(&c->said, CACHE_SAID_LOOK))
		recorder_warn(c->tape,
			      "cache: what others have computed is not found: %s",
			      why.message);
	return false;
}

void
cache_look(struct cache *c, bool now)
{
	static const uint64_t none[2];
	int64_t clock = os_monotonic_ns();

	if ((!now && clock - c->looked < CACHE_LOOK_NS) || !open_look(c))
		return;
	/* A fork's child that has no session yet: its parent is another one. */
	(void)cachelook_scan(c->look,
			     atomic_load(&c->tape->orphan) ? none : c->tape->session,
			     take_found, c);
	c->looked = clock;
}

struct cache_entry *
cache_search(struct cache *c, struct tape_key key)
{
	struct cache_entry *e = cache_find(c, key);

	if (e && !(e->flags & ENTRY_UNASKED))
		return e;
	cache_put(e);
	pthread_mutex_lock(&c->look_lock);
	if (!atomic_load(&c->tape->dead)) {
		cache_look(c, false);
		/* What a segment has may be withdrawn in a generation, or not be the first. */
		if (c->look && cachelook_find(c->look, key, take_found, c) == 0)
			cache_asked(c, key);
	}
	pthread_mutex_unlock(&c->look_lock);
	return cache_find(c, key);
}

bool
cache_outdated(struct cache *c, const struct cache_entry *e)
{
	struct cache_entry *now;
	bool same;

	if (!open_look(c))
		return false;
	cache_look(c, true);
	(void)cachelook_find(c->look, e->key, take_found, c);
	now = cache_find(c, e->key);
	same = now && now->time == e->time;
	cache_put(now);
	return !same;
}

/* ---- filling what was asked for ---- */

/* 1 = filled, 0 = it does not fit or cannot be read, which was told. look_lock is held if some value is elsewhere. */
static int
fill_long(struct cache *c, struct cache_entry *e, const char *names, size_t count,
	  const struct tape_named *outs)
{
	struct filling f = { .c = c, .e = e };
	struct bind_from from = { .user = &f,
				  .find = find_value,
				  .value = value_at,
				  .bytes = value_bytes,
				  .only = e->shape->count == 1 ? 0 : -1 };
	int r;

	f.values = malloc((e->shape->count + 1u) * sizeof *f.values);
	if (!f.values)
		return 0;
	for (uint32_t i = 0; i < e->shape->count; i++)
		cache_entry_value(e, i, &f.values[i]);
	r = bind_outputs(&from, names, count, outs);
	free(f.values);
	if (r == 0 && (!f.damaged || !cache_outdated(c, e))) {
		cache_tell_miss(c, e, tape_bind_error());
		if (f.damaged)
			cache_mark(c, e, ENTRY_DAMAGED);
	}
	return r;
}

/* ---- misses ---- */

static void
forget_misses(struct cache_shard *s)
{
	for (size_t i = 0; i < s->cap; i++) {
		free(s->slots[i].miss);
		s->slots[i].miss = NULL;
	}
	s->misses_open = 0;
}

/* Remembers when, and what the key was made of. */
static void
count_miss(struct cache *c, struct tape_key key)
{
	struct cache_shard *s = cache_shard_of(c, key);
	struct cache_miss *miss;
	struct cache_slot *slot;
	size_t len = 0;
	const uint8_t *hashed = key_remembered(key, &len);

	miss = malloc(sizeof *miss + len);
	if (miss) {
		miss->since = os_monotonic_ns();
		miss->len = len;
		if (len)
			memcpy(miss->hashed, hashed, len);
	}
	cache_lock(s);
	s->misses++;
	if (s->misses_open >= CACHE_MISSES)
		forget_misses(s);
	slot = miss ? cache_slot_find(s, key, true) : NULL;
	if (slot) {
		s->misses_open += !slot->miss;
		free(slot->miss);
		slot->miss = miss;
		miss = NULL;
	}
	cache_unlock(s);
	free(miss);
}

static void
hit_long(struct cache *c, struct tape_key key)
{
	struct cache_shard *s = cache_shard_of(c, key);
	struct cache_entry *e;

	cache_lock(s);
	e = cache_first(s, key);
	if (e)
		count_hit(s, e);
	else
		s->hits++;
	cache_unlock(s);
}

/* ---- the interface ---- */

void
cache_no_key(struct tape *t)
{
	struct cache *c = cache_get(t);

	if (c && said_first(&c->said, CACHE_SAID_KEY))
		recorder_warn(t,
			      "cache: a key is none, nothing is found or kept under it: "
			      "it is over nothing, has a name twice, or an array that "
			      "cannot be read");
}

static int
recall_long(struct cache *c, struct tape_site *site, struct tape_key key,
	    const char *names, size_t count, const struct tape_named *outs)
{
	struct cache_entry *e = cache_search(c, key);
	int r = 0;

	if (e && !(e->flags & ENTRY_DAMAGED)) {
		bool locked = !(e->flags & ENTRY_HELD) || !all_at_hand(e);

		if (locked) {
			pthread_mutex_lock(&c->look_lock);
			(void)open_look(c);
		}
		if (!(e->flags & ENTRY_HELD))
			e = cache_read_entry(c, e);
		if (e)
			r = fill_long(c, e, names, count, outs);
		if (locked)
			pthread_mutex_unlock(&c->look_lock);
		if (r == 1 && site && !plan_of(site, e->shape, outs))
			plan_add(site, e->shape, outs);
	}
	cache_put(e);
	if (r == 1)
		hit_long(c, key);
	else
		count_miss(c, key);
	return r;
}

static struct cache *
ready(struct tape *t, struct tape_key key)
{
	if (!t || atomic_load_explicit(&t->dead, memory_order_acquire))
		return NULL;
	if (key_none(key)) {
		cache_no_key(t);
		return NULL;
	}
	return cache_get(t);
}

int
tape_recall(struct tape *t, struct tape_site *site, struct tape_key key,
	    const struct tape_named *outs)
{
	struct cache *c = ready(t, key);
	int r;

	if (!c)
		return 0;
	if (site->version == TAPE_SITE_VERSION && recall_short(c, site, key, outs))
		return 1;
	report_hold();
	r = recall_long(c, site->version == TAPE_SITE_VERSION ? site : NULL, key,
			site_names(site), site->count, outs);
	cache_note(c, false);
	report_tell(t);
	return r;
}

int
tape_cache_get(struct tape *t, struct tape_key key, const char *names, size_t count,
	       const struct tape_named *outs)
{
	struct cache *c = ready(t, key);
	int r;

	if (!c)
		return 0;
	report_hold();
	r = recall_long(c, NULL, key, names, count, outs);
	cache_note(c, false);
	report_tell(t);
	return r;
}

int
tape_cache_has(struct tape *t, struct tape_key key, struct tape_pos *pos)
{
	struct cache *c = ready(t, key);
	struct cache_entry *e;
	int r = 0;

	if (!c)
		return 0;
	report_hold();
	e = cache_search(c, key);
	r = e && !(e->flags & ENTRY_DAMAGED);
	if (r && pos)
		*pos = cache_pos(c, e);
	cache_put(e);
	report_tell(t);
	return r;
}

void
tape_refresh(struct tape *t)
{
	struct cache *c;

	if (!t || atomic_load(&t->dead))
		return;
	c = cache_get(t);
	if (!c)
		return;
	report_hold();
	pthread_mutex_lock(&c->look_lock);
	if (!atomic_load(&t->dead))
		cache_look(c, true);
	pthread_mutex_unlock(&c->look_lock);
	report_tell(t);
}
