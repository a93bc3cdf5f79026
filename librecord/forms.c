/* SPDX-License-Identifier: Apache-2.0 */
/* Layouts, and the forms behind them. */
#include <stdlib.h>
#include <string.h>

#include "format/cached.h"
#include "format/error.h"
#include "format/hash.h"
#include "librecord/contract.h"
#include "librecord/cut.h"
#include "librecord/hooks.h"
#include "librecord/plain.h"

static void
put_text(struct bytes *key, const char *text, uint32_t len)
{
	bytes_put_u32(key, len);
	bytes_put(key, text, len);
}

/* Whether the bytes are at hand decides whether a hook may have them inline. */
static void
put_types(struct bytes *key, const struct item *items, size_t count)
{
	uint8_t *p;

	if (!bytes_room(key, 2 * count))
		return;
	p = key->data + key->len;
	for (size_t i = 0; i < count; i++) {
		*p++ = items[i].type;
		*p++ = (uint8_t)(items[i].store | items[i].on_tape << 4 |
				 items[i].hidden << 5);
	}
	key->len += 2 * count;
}

static void
put_enums(struct bytes *key, uint32_t count, const struct form_enumerator *list)
{
	for (uint32_t i = 0; i < count; i++) {
		bytes_put(key, &list[i].number, sizeof(list[i].number));
		put_text(key, list[i].name, (uint32_t)strlen(list[i].name));
	}
}

/* Lengths first, in one piece: each is short, and mostly all that there is. */
static void
put_names(struct bytes *key, const struct item *item)
{
	uint32_t enums = item->type == TAPE_I64 ? item->enums.count : 0;
	uint32_t head[3] = { item->name_len, item->unit_len, enums };

	bytes_put(key, head, sizeof(head));
	bytes_put(key, item->name, item->name_len);
	bytes_put(key, item->unit, item->unit_len);
	put_enums(key, enums, item->enums.list);
}

uint32_t
forms_shape(struct thread_state *ts, const struct item *items, size_t count)
{
	struct tape *t = ts->tape;
	struct forms *f = t->forms;
	struct bytes *key = &ts->key;
	uint64_t hash;
	uint32_t shape = 0;

	key->len = 0;
	bytes_put_u32(key, (uint32_t)count);
	put_types(key, items, count);
	for (size_t i = 0; i < count; i++)
		put_names(key, &items[i]);
	if (key->failed || count == 0)
		return 0;
	pthread_mutex_lock(&t->table_lock);
	shape = (uint32_t)(uintptr_t)intern_find(&f->shapes, key->data, key->len, &hash);
	if (shape == 0 && intern_add(&f->shapes, key->data, key->len, hash,
				     (void *)(uintptr_t)(f->shape_count + 1u)) == 0)
		shape = ++f->shape_count;
	pthread_mutex_unlock(&t->table_lock);
	return shape;
}

/* ---- keys ---- */

static void
layout_key(struct thread_state *ts, const struct place *place, struct context *ctx,
	   const struct policy *policy, const struct item *items, size_t count,
	   struct bytes *key)
{
	const struct plan *plan = place->plan;

	bytes_put(key, &plan, sizeof(plan));
	bytes_put(key, &ctx, sizeof(ctx));
	bytes_put(key, &policy, sizeof(policy));
	bytes_put(key, &ts->chosen, sizeof(ts->chosen));
	bytes_put_u32(key, ts->selecting);
	bytes_put_u32(key, ts->level->sticky->shape);
	bytes_put_u32(key, (uint32_t)count);
	put_types(key, items, count);
	for (size_t i = 0; i < count; i++)
		if (!plan || plan->vars[i].dynamic)
			put_names(key, &items[i]);
	if (plan)
		return;
	put_text(key, place->file, (uint32_t)strlen(place->file));
	put_text(key, place->func, (uint32_t)strlen(place->func));
	bytes_put_u32(key, place->line);
}

/* ---- making a layout ---- */

struct parts {
	struct form_var *vars; /* distinct names, arguments first */
	uint16_t *
		source; /* of vars[i]: index of an item; from count on, of a sticky one */
	uint8_t *loaded; /* the store of vars[i] before hooks */
	size_t count;
	bool twice; /* an argument's name was given twice */
};

static const struct item *
part_item(const struct item *items, size_t count, const struct sticky *sticky, size_t i)
{
	return i < count ? &items[i] : &sticky->items[i - count];
}

struct name_order {
	const struct item *item;
	uint32_t index;
};

static int
compare_names(const void *a, const void *b)
{
	const struct name_order *x = a, *y = b;
	size_t n = x->item->name_len < y->item->name_len ? x->item->name_len
							 : y->item->name_len;
	int r = memcmp(x->item->name, y->item->name, n);

	if (r)
		return r;
	if (x->item->name_len != y->item->name_len)
		return x->item->name_len < y->item->name_len ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

static bool
same_name(const struct item *a, const struct item *b)
{
	return a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0;
}

/* Marks in keep[] which of the items stand in the scope: of each name the first. */
static int
keep_first(const struct item *items, size_t count, const struct sticky *sticky,
	   uint8_t *keep, bool *twice)
{
	size_t total = count + sticky->count;
	struct name_order *order = malloc((total ? total : 1) * sizeof(*order));
	const struct item *last = NULL;

	if (!order)
		return -1;
	for (size_t i = 0; i < total; i++)
		order[i] = (struct name_order){ part_item(items, count, sticky, i),
						(uint32_t)i };
	qsort(order, total, sizeof(*order), compare_names);
	for (size_t i = 0; i < total; i++) {
		bool again = last && same_name(order[i].item, last);

		keep[order[i].index] = !again && !order[i].item->hidden;
		if (order[i].item->hidden)
			continue;
		last = order[i].item;
		if (again && order[i].index < count)
			*twice = true;
	}
	free(order);
	return 0;
}

/* Takes out of keep[] what rules exclude. */
static void
keep_wanted(struct tape *t, const struct policy *policy, const struct item *items,
	    size_t count, const struct sticky *sticky, uint8_t *keep)
{
	struct gave_up gave_up = { NULL, NULL };

	for (size_t i = 0; i < count + sticky->count; i++) {
		const struct item *item = part_item(items, count, sticky, i);

		if (keep[i] && !rules_keep(t->rules, policy, item->name, item->name_len,
					   i < count && !item->local, &gave_up))
			keep[i] = 0;
	}
	policy_gave_up(t, &gave_up);
}

static int
parts_make(struct thread_state *ts, struct context *ctx, const struct policy *policy,
	   const struct item *items, size_t count, struct parts *parts)
{
	const struct sticky *sticky = ts->level->sticky;
	size_t total = count + sticky->count, n = 0;
	uint8_t *keep = calloc(total + 1, 3), *store = keep ? keep + total + 1 : NULL;
	uint8_t *first = keep ? store + total + 1 : NULL;

	parts->vars = calloc(total + 1, sizeof(*parts->vars));
	parts->source = calloc(total + 1, sizeof(*parts->source));
	parts->loaded = calloc(total + 1, 1);
	if (!keep || !parts->vars || !parts->source || !parts->loaded ||
	    keep_first(items, count, sticky, keep, &parts->twice) < 0) {
		free(keep);
		return -1;
	}
	for (size_t i = 0; i < total; i++)
		store[i] = part_item(items, count, sticky, i)->store;
	memcpy(first, keep, total);
	if (policy->name_count)
		keep_wanted(ts->tape, policy, items, count, sticky, keep);
	if (policy->hook_kinds & 1u << TAPE_HOOK_SELECT)
		hooks_select(ts, ctx, policy, items, count, sticky, first, keep, store);
	for (size_t i = 0; i < total; i++) {
		const struct item *item = part_item(items, count, sticky, i);

		if (!keep[i])
			continue;
		parts->vars[n] = (struct form_var){ .name = item->name,
						    .unit = item->unit,
						    .name_len = item->name_len,
						    .type = item->type,
						    .store = store[i] };
		if (item->type == TAPE_I64) {
			parts->vars[n].enumerators =
				(struct form_enumerator *)(uintptr_t)item->enums.list;
			parts->vars[n].enumerator_count = item->enums.count;
		}
		parts->loaded[n] = item->store;
		parts->source[n++] = (uint16_t)i;
	}
	parts->count = n;
	free(keep);
	return 0;
}

static void
parts_release(struct parts *parts)
{
	free(parts->vars);
	free(parts->source);
	free(parts->loaded);
}

static uint16_t
width_of(unsigned type)
{
	static const uint8_t width[] = { 0, 1, 1, 8, 8, 8, 4, 16, 8 };

	return type < sizeof(width) ? width[type] : 0;
}

/* Kinds whose type shows only in the value. */
static bool
kind_varies(unsigned kind, struct tape_word word)
{
	const struct tape_named *named;

	if (kind != tape_kind_named)
		return kind >= tape_kind_text;
	named = (const struct tape_named *)(uintptr_t)word.lo;
	return named->kind >= tape_kind_text ||
	       (named->dynamic & TAPE_NAMED_ENUMS && named->enums->wide);
}

static struct slot
slot_make(const struct form *form, uint32_t var_index, const struct parts *parts,
	  size_t count, const struct plan *plan, const unsigned char *kinds,
	  const struct tape_word *words)
{
	const struct form_var *var = &form->vars[var_index];
	size_t source = parts->source[var->capture_index];
	struct slot slot = { .type = var->type,
			     .store = var->store & 0xfu,
			     .loaded = parts->loaded[var->capture_index] & 0xfu,
			     .width = width_of(var->type),
			     .offset = var->offset,
			     .var = var_index };

	if (source >= count) {
		slot.from = FROM_STICKY;
		slot.source = (uint16_t)(source - count);
		return slot;
	}
	slot.source = (uint16_t)source;
	if (!kinds) {
		slot.from = FROM_ITEM;
	} else if ((plan && plan->vars[source].of) ||
		   kind_varies(kinds[source], words[source])) {
		slot.from = FROM_ITEM;
		slot.checked = true;
	} else {
		slot.from = kinds[source] == tape_kind_named ? FROM_NAMED : FROM_WORD;
	}
	return slot;
}

/* How values are kept, as a number; 0: all inline. */
static uint64_t
form_stores(const struct form *form)
{
	uint64_t stores = 0;

	for (uint32_t i = 0; i < form->var_count; i++)
		if (form->vars[i].store != TAPE_INLINE)
			stores ^= hash_check(form->vars[i].name, form->vars[i].name_len,
					     form->vars[i].store);
	return stores;
}

static struct layout *
layout_make(struct rec_form *rec, struct context *ctx, const struct policy *policy,
	    const struct parts *parts, size_t count, const struct plan *plan,
	    const unsigned char *kinds, const struct tape_word *words)
{
	const struct form *form = &rec->form;
	size_t slots = form->var_count * sizeof(struct slot);
	struct layout *l = calloc(1, sizeof(*l) + slots +
					     plain_room(form->var_count) *
						     sizeof(struct plain_step));

	if (!l)
		return NULL;
	l->fixed_count = form->fixed_count;
	l->wide_count = form->var_count - form->fixed_count;
	l->checked = l->wide_count != 0;
	for (uint32_t i = 0; i < form->var_count; i++) {
		l->slots[i] = slot_make(form, form->canonical[i], parts, count, plan,
					kinds, words);
		l->checked |= l->slots[i].checked;
	}
	l->form = rec;
	l->context = ctx;
	l->policy = policy;
	/* What a CACHE record names must be a scope. */
	if (policy->dedup != DEDUP_OFF && !form_hashes_only(form) &&
	    strcmp(ctx->label, CACHE_LABEL) != 0)
		l->dedup = policy->dedup == DEDUP_SUBSET ? STAGE_HASHED | STAGE_SUBSET
							 : STAGE_HASHED;
	l->stores = form_stores(form);
	l->gated = policy->by[RULE_WHEN] != NULL;
	l->commits = policy->commit != 0;
	l->hooked = policy->hooked;
	l->number = form->number;
	l->fixed_bytes = form->fixed_bytes;
	l->argument_count = (uint32_t)count;
	l->spread = plan && plan->spread;
	for (size_t i = 0; plan && i < count; i++)
		l->dynamic |= plan->vars[i].dynamic != 0;
	/* Whatever has more to do goes the longer way. */
	l->checked |= l->hooked;
	l->contract = (uint8_t)contract_of(policy, form);
	plain_make(l, l->hooked || l->contract ? NULL : kinds,
		   (struct plain_step *)(void *)(l->slots + form->var_count));
	return l;
}

/* ---- numbers ---- */

/* Gives a form the next number and makes it known. Under table_lock. */
static int
form_publish(struct tape *t, struct rec_form *rec)
{
	uint32_t number = rec->form.number;
	struct rec_form ***chunk = &t->rec_forms[number / REC_FORM_CHUNK];

	if (!*chunk)
		*chunk = calloc(REC_FORM_CHUNK, sizeof(struct rec_form *));
	if (!*chunk)
		return -1;
	(*chunk)[number % REC_FORM_CHUNK] = rec;
	t->rec_form_count = number;
	atomic_fetch_add(&t->forms_cost, cut_form_cost(&rec->form));
	return 0;
}

static int
form_make(uint32_t number, const struct place *place, struct context *ctx,
	  const struct parts *parts, struct form *form, struct tape_error *err)
{
	const char *labels[LIMIT_LABELS];
	struct context *c = ctx;

	for (uint32_t i = ctx->depth; i-- > 0; c = c->parent)
		labels[i] = c->label;
	return form_build(number, place->file, place->line, place->func, labels,
			  ctx->depth, parts->vars, parts->count, form, err);
}

/* What makes a form: place, path, and the variables in their order. */
static void
form_key(const struct place *place, const struct context *ctx, const struct parts *parts,
	 struct bytes *key)
{
	bytes_put(key, &ctx, sizeof(ctx));
	put_text(key, place->file, (uint32_t)strlen(place->file));
	put_text(key, place->func, (uint32_t)strlen(place->func));
	bytes_put_u32(key, place->line);
	for (size_t i = 0; i < parts->count; i++) {
		const struct form_var *var = &parts->vars[i];
		uint8_t pair[2] = { var->type, var->store };

		bytes_put(key, pair, sizeof(pair));
		put_text(key, var->name, var->name_len);
		put_text(key, var->unit, (uint32_t)strlen(var->unit));
		bytes_put_u32(key, var->enumerator_count);
		put_enums(key, var->enumerator_count, var->enumerators);
	}
}

/* Under table_lock. NULL and *err. */
static struct rec_form *
form_new(struct tape *t, const struct place *place, struct context *ctx,
	 const struct parts *parts, struct tape_error *err)
{
	uint32_t number = t->rec_form_count + 1;
	struct rec_form *rec;

	if (number > LIMIT_FORMS) {
		err->status = TAPE_ERR_LIMIT;
		return NULL;
	}
	rec = calloc(1, sizeof(*rec));
	if (!rec)
		return NULL;
	rec->context = ctx;
	if (form_make(number, place, ctx, parts, &rec->form, err) < 0) {
		free(rec);
		return NULL;
	}
	if (form_publish(t, rec) < 0) {
		form_release(&rec->form);
		free(rec);
		return NULL;
	}
	return rec;
}

/*
 * The form of these parts, which layouts of several policies share: who changes
 * rules to and fro does not fill the tape with forms. As form_new.
 */
static struct rec_form *
form_find_or_new(struct tape *t, const struct place *place, struct context *ctx,
		 const struct parts *parts, struct tape_error *err)
{
	struct bytes key = { .len = 0 };
	struct rec_form *rec = NULL;
	uint64_t hash = 0;

	form_key(place, ctx, parts, &key);
	if (!key.failed)
		rec = intern_find(&t->forms->known, key.data, key.len, &hash);
	if (!rec) {
		rec = form_new(t, place, ctx, parts, err);
		/* Not in the table: it is not shared. */
		if (rec && !key.failed)
			(void)intern_add(&t->forms->known, key.data, key.len, hash, rec);
	}
	bytes_release(&key);
	return rec;
}

/* Under table_lock. NULL and *err. */
static struct layout *
layout_new(struct tape *t, const struct place *place, struct context *ctx,
	   const struct policy *policy, const struct parts *parts, size_t count,
	   const unsigned char *kinds, const struct tape_word *words,
	   struct tape_error *err)
{
	struct rec_form *rec = form_find_or_new(t, place, ctx, parts, err);
	struct layout *l = rec ? layout_make(rec, ctx, policy, parts, count, place->plan,
					     kinds, words)
			       : NULL;

	/* Without memory the form stays, for whoever comes next. */
	if (l && l->gated)
		l->gate = t->forms->gate_count++;
	if (l && l->contract)
		l->contract_gate = t->forms->gate_count++;
	return l;
}

static void
layout_complain(struct tape *t, const struct place *place, const struct tape_error *err)
{
	const char *file = place->file;

	recorder_lost(t, 1);
	if (place->plan && !said_first(&place->plan->said, SAID_RECORD))
		return;
	if (!place->plan && !said_first(&t->forms->said, SAID_FORMS))
		return;
	recorder_error(t, "%s:%u: a scope cannot be recorded: %s",
		       *file ? file : "(no file)", place->line,
		       err->message[0] ? err->message
		       : err->status == TAPE_ERR_LIMIT
			       ? "too many different forms of scopes in "
				 "this session: put what varies into "
				 "variables, not into labels or names"
			       : "no memory");
}

static struct layout *
layout_build(struct thread_state *ts, const struct place *place, struct context *ctx,
	     const struct policy *policy, const struct item *items, size_t count,
	     const unsigned char *kinds, const struct tape_word *words,
	     const struct bytes *key)
{
	struct tape *t = ts->tape;
	struct tape_error err = { 0 };
	struct parts parts = { 0 };
	struct layout *l = NULL;
	uint64_t hash;

	if (count + ts->level->sticky->count > LIMIT_VARS - 1) {
		(void)error_set(&err, TAPE_ERR_LIMIT, NULL, 0,
				"more than 65,535 variables");
	} else if (parts_make(ts, ctx, policy, items, count, &parts) == 0) {
		pthread_mutex_lock(&t->table_lock);
		l = intern_find(&t->forms->layouts, key->data, key->len, &hash);
		if (!l) {
			l = layout_new(t, place, ctx, policy, &parts, count, kinds, words,
				       &err);
			/* Not in the table: good for now, made again next time. */
			if (l)
				(void)intern_add(&t->forms->layouts, key->data, key->len,
						 hash, l);
		}
		pthread_mutex_unlock(&t->table_lock);
	}
	if (!l)
		layout_complain(t, place, &err);
	else if (parts.twice && place->plan)
		plan_complain(place->plan, SAID_TWICE, true,
			      "two variables have the same name: the first is recorded; "
			      "TAPE_AS(\"name\", ...) tells them apart");
	else if (parts.twice && said_first(&t->forms->said, SAID_TWICE_BUILD))
		recorder_error(t,
			       "a scope has two variables of the same name: the first is "
			       "recorded");
	parts_release(&parts);
	return l;
}

const struct layout *
layout_find(struct thread_state *ts, const struct place *place, struct context *ctx,
	    const struct item *items, size_t count, const unsigned char *kinds,
	    const struct tape_word *words)
{
	struct tape *t = ts->tape;
	const struct policy *policy = context_policy(t, ctx);
	struct bytes *key = &ts->key;
	struct layout *l = NULL;
	uint64_t hash;

	contract_prepare(t, policy);
	key->len = 0;
	layout_key(ts, place, ctx, policy, items, count, key);
	if (key->failed) {
		bytes_release(key);
		layout_complain(t, place, &(struct tape_error){ 0 });
		return NULL;
	}
	pthread_mutex_lock(&t->table_lock);
	l = intern_find(&t->forms->layouts, key->data, key->len, &hash);
	pthread_mutex_unlock(&t->table_lock);
	if (!l)
		l = layout_build(ts, place, ctx, policy, items, count, kinds, words, key);
	/* Before a record of it is staged: a commit looks at those of such threads only. */
	if (l && policy->hook_kinds & 1u << TAPE_HOOK_COMMIT)
		atomic_store_explicit(&ts->stage->told, true, memory_order_relaxed);
	return l;
}
