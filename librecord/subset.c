/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which scopes of a stage are a part of another one.
 *
 * Forms are compared first: A may be a part of S where all variables of A (name, type,
 * store) are among those of S, under the same labels. For each such pair this is a hash
 * join. Every value has a fingerprint, a scope of A the sum of its own, and a scope of
 * S, restricted to what A has, the sum of those; where the sums meet, bytes are
 * compared. So the work goes with the number of scopes and of pairs of forms, whatever
 * the values are, and it is bounded: pairs beyond the bound are not looked at.
 */
#include "librecord/subset.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "librecord/capture.h"
#include "librecord/seen.h"
#include "librecord/squeeze.h"

/* What is compared with each other: so many scopes in a row, with so many variables. */
#define WINDOW_SCOPES 65536u
#define WINDOW_VARS (1u << 20)
#define WINDOW_BYTES ((size_t)1 << 30)
/* Steps for each scope in comparing forms, for each variable in comparing scopes. */
#define FORM_STEPS 32u
#define JOIN_STEPS 32u
/* Memory that is kept from one commit to the next. */
#define KEEP_BYTES ((size_t)4 << 20)

struct subset_var {
	uint32_t id; /* of its label path, name, type and store */
	uint32_t at; /* in canonical order */
};

/* What is kept of a form; never freed before the session ends. */
struct subset_form {
	struct rec_form *rec;
	uint32_t var_count, fixed_count;
	uint64_t signature;	  /* a bit for each variable, by its number */
	uint64_t window;	  /* in which it was met last, */
	uint32_t used;		  /* and its place there, or UNUSED: not wanted */
	uint64_t *seeds;	  /* of fingerprints, odd, in canonical order */
	uint32_t *offsets;	  /* of fixed-width values in the body, and their end */
	struct subset_var vars[]; /* by id */
};
#define UNUSED UINT32_MAX

/* A scope of the window. */
struct subset_scope {
	uint64_t print;	 /* the sum of those of its variables */
	uint32_t at;	 /* of its record, from the window's begin */
	uint32_t seq;	 /* from that of the window's first */
	uint32_t form;	 /* place in used[] */
	uint32_t prints; /* the first of its variables in prints[] */
	uint32_t target; /* 1 + the scope that it is a part of; 0 = none */
	uint32_t same;	 /* 1 + the next of this form and print; 0 = none */
};

/* A form of the window. */
struct subset_used {
	struct subset_form *form;
	uint32_t was;	       /* its place before they were put into order */
	uint32_t first, count; /* its scopes, in by_form[] */
	uint32_t left;	       /* of them, not a part of anything yet */
	bool large, small;     /* in some pair */
	uint32_t vars;	       /* where its own are in places[] and need[] */
	uint32_t prints;       /* how many of them get a fingerprint */
};
struct subset_pair {
	uint32_t large, small; /* places in used[] */
};

/* One allocation that grows; contents are not kept. */
struct room {
	void *data;
	size_t bytes;
};
enum rooms { SCOPES, PRINTS, USED, ORDER, BY_FORM, PAIRS, TABLE, MAP, NEED, ROOMS };

struct subset {
	struct intern ids;
	uint32_t id_count;
	uint64_t window;
	struct room rooms[ROOMS];
};

/* The part of a stage that is looked at. */
struct window {
	struct tape *t;
	struct subset *s;
	const uint8_t *base; /* of the records */
	struct subset_scope *scopes;
	struct subset_used *used;
	struct subset_pair *pairs;
	uint64_t *prints;
	uint32_t *by_form, *table;
	uint32_t *map;	/* of a pair: canonical order of the small to that of the large */
	uint32_t *take; /* the same, to its fingerprints */
	/* Of each form: where in canonical order a variable's fingerprint is, and the other way. */
	uint32_t *places, *need;
	uint32_t count, used_count, pair_count, table_bits;
	uint32_t vars, var_max, form_vars; /* of scopes; of a form; of all forms */
	uint32_t seqs;			   /* records that have one */
};

struct subset *
subset_new(void)
{
	return calloc(1, sizeof(struct subset));
}

static void
rooms_release(struct subset *s)
{
	for (size_t i = 0; i < ROOMS; i++) {
		free(s->rooms[i].data);
		s->rooms[i] = (struct room){ NULL, 0 };
	}
}

void
subset_release(struct tape *t)
{
	struct subset *s = t->subset;

	if (!s)
		return;
	pthread_mutex_lock(&t->table_lock);
	for (uint32_t i = 1; i <= t->rec_form_count; i++) {
		free(recorder_form(t, i)->subset);
		recorder_form(t, i)->subset = NULL;
	}
	pthread_mutex_unlock(&t->table_lock);
	rooms_release(s);
	intern_release(&s->ids);
	free(s);
	t->subset = NULL;
}

/* NULL: no memory. `keep`: with what is in it. */
static void *
room(struct subset *s, enum rooms which, size_t count, size_t size, bool keep)
{
	struct room *r = &s->rooms[which];
	size_t bytes = count * size;
	void *data;

	if (r->data && bytes <= r->bytes)
		return r->data;
	bytes += bytes / 2 + 64;
	data = keep ? realloc(r->data, bytes) : malloc(bytes);
	if (!data)
		return NULL;
	if (!keep)
		free(r->data);
	*r = (struct room){ data, bytes };
	return data;
}

/* ---- forms ---- */

static uint64_t
mix(uint64_t h)
{
	h *= 0x9e3779b97f4a7c15u;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	return h ^ h >> 29;
}

/* The number of a variable; 0: no memory. */
static uint32_t
id_of(struct subset *s, const struct rec_form *rec, const struct form_var *var)
{
	uint8_t key[sizeof(void *) + 2 + LIMIT_NAME];
	const struct context *context = rec->context;
	size_t len = sizeof context + 2 + var->name_len;
	uint64_t hash;
	uint32_t id;

	memcpy(key, &context, sizeof context);
	key[sizeof context] = var->type;
	key[sizeof context + 1] = var->store;
	memcpy(key + sizeof context + 2, var->name, var->name_len);
	id = (uint32_t)(uintptr_t)intern_find(&s->ids, key, len, &hash);
	if (id || intern_add(&s->ids, key, len, hash,
			     (void *)(uintptr_t)(s->id_count + 1u)) < 0)
		return id;
	return ++s->id_count;
}

static int
var_order(const void *a, const void *b)
{
	const struct subset_var *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static bool
form_fill(struct subset *s, struct subset_form *f)
{
	const struct form *form = &f->rec->form;

	for (uint32_t i = 0; i < form->var_count; i++) {
		const struct form_var *var = &form->vars[form->canonical[i]];
		uint32_t id = id_of(s, f->rec, var);

		if (id == 0)
			return false;
		f->vars[i] = (struct subset_var){ id, i };
		f->seeds[i] = mix(id) | 1;
		f->signature |= (uint64_t)1 << (f->seeds[i] >> 58);
		if (i < form->fixed_count)
			f->offsets[i] = var->offset;
	}
	f->offsets[form->fixed_count] = form->fixed_bytes;
	if (form->var_count)
		qsort(f->vars, form->var_count, sizeof *f->vars, var_order);
	return true;
}

/* NULL: no memory. */
static struct subset_form *
form_of(struct window *w, struct rec_form *rec)
{
	const struct form *form = &rec->form;
	size_t vars = form->var_count;
	struct subset_form *f = rec->subset;

	if (f)
		return f;
	f = calloc(1, sizeof *f + vars * (sizeof *f->vars + sizeof *f->seeds) +
			      (form->fixed_count + 1) * sizeof *f->offsets);
	if (!f)
		return NULL;
	f->rec = rec;
	f->var_count = form->var_count;
	f->fixed_count = form->fixed_count;
	f->seeds = (uint64_t *)(void *)(f->vars + vars);
	f->offsets = (uint32_t *)(void *)(f->seeds + vars);
	if (!form_fill(w->s, f)) {
		free(f);
		return NULL;
	}
	rec->subset = f;
	return f;
}

/* The place of a form in the window, UNUSED if it is not wanted; false: no memory. */
static bool
use_form(struct window *w, uint32_t number, uint32_t *place)
{
	struct rec_form *rec = recorder_form(w->t, number);
	struct subset_form *f = form_of(w, rec);

	if (!f)
		return false;
	if (f->window != w->s->window) {
		f->used = UNUSED;
		if (context_policy(w->t, rec->context)->dedup == DEDUP_SUBSET) {
			w->used = room(w->s, USED, w->used_count + 1u, sizeof *w->used,
				       true);
			if (!w->used)
				return false;
			w->used[w->used_count] = (struct subset_used){
				.form = f, .was = w->used_count, .vars = w->form_vars
			};
			f->used = w->used_count++;
			w->form_vars += f->var_count;
		}
		f->window = w->s->window;
	}
	*place = f->used;
	return true;
}

/* ---- which forms are a part of which ---- */

static int
used_order(const void *a, const void *b)
{
	const struct subset_form *x = ((const struct subset_used *)a)->form;
	const struct subset_form *y = ((const struct subset_used *)b)->form;
	uint32_t path_x = x->rec->context->id, path_y = y->rec->context->id;

	if (path_x != path_y)
		return path_x < path_y ? -1 : 1;
	if (x->var_count != y->var_count)
		return x->var_count > y->var_count ? -1 : 1;
	return (x->rec->form.number > y->rec->form.number) -
	       (x->rec->form.number < y->rec->form.number);
}

/* Where each variable of `small` is in `large`, in canonical order; false: some is not. */
static bool
map_vars(const struct subset_form *large, const struct subset_form *small, uint32_t *map)
{
	uint32_t l = 0;

	for (uint32_t i = 0; i < small->var_count; i++, l++) {
		while (l < large->var_count && large->vars[l].id < small->vars[i].id)
			l++;
		if (l == large->var_count || large->vars[l].id != small->vars[i].id)
			return false;
		map[small->vars[i].at] = large->vars[l].at;
	}
	return true;
}

/* Of a form with its smaller ones; false: no memory. */
static bool
pair_up(struct window *w, uint32_t large, uint64_t *steps)
{
	const struct subset_form *l = w->used[large].form;

	for (uint32_t i = large + 1; i < w->used_count && *steps; i++) {
		const struct subset_form *f = w->used[i].form;
		uint64_t cost = (uint64_t)l->var_count + f->var_count;

		if (f->rec->context != l->rec->context)
			break;
		--*steps;
		if (f->var_count == l->var_count || (f->signature & ~l->signature) != 0)
			continue;
		if (cost > *steps)
			continue;
		*steps -= cost;
		if (!map_vars(l, f, w->map))
			continue;
		w->pairs = room(w->s, PAIRS, w->pair_count + 1u, sizeof *w->pairs, true);
		if (!w->pairs)
			return false;
		w->pairs[w->pair_count++] = (struct subset_pair){ large, i };
		w->used[large].large = w->used[i].small = true;
		for (uint32_t k = 0; k < f->var_count; k++)
			w->places[w->used[large].vars + w->map[k]] = 1;
	}
	return true;
}

/* Of a form that may be a part of others all variables get a fingerprint, else those that others have. */
static void
choose_prints(const struct window *w, struct subset_used *used)
{
	uint32_t *places = w->places + used->vars, *need = w->need + used->vars;

	for (uint32_t i = 0; i < used->form->var_count; i++)
		if (used->small || places[i]) {
			need[used->prints] = i;
			places[i] = used->prints++;
		}
}

/* Forms with more variables come before those with fewer, so that whoever is part of a larger one is known to be when it is compared with smaller ones. */
static bool
find_pairs(struct window *w)
{
	uint64_t steps = (uint64_t)FORM_STEPS * w->count + 1024;

	w->map = room(w->s, MAP, 2u * (w->var_max + 1u), sizeof *w->map, false);
	w->places = room(w->s, NEED, 2u * (w->form_vars + 1u), sizeof *w->places, false);
	if (!w->map || !w->places)
		return false;
	w->take = w->map + w->var_max + 1;
	w->need = w->places + w->form_vars + 1;
	memset(w->places, 0, w->form_vars * sizeof *w->places);
	qsort(w->used, w->used_count, sizeof *w->used, used_order);
	for (uint32_t i = 0; i < w->used_count; i++)
		w->used[i].form->used = i;
	for (uint32_t i = 0; i < w->used_count; i++)
		if (!pair_up(w, i, &steps))
			return false;
	for (uint32_t i = 0; i < w->used_count; i++)
		choose_prints(w, &w->used[i]);
	return true;
}

/* ---- scopes ---- */

/*
 * A fingerprint is the value times an odd number of its variable, so that a sum of
 * them is a multilinear hash. The high half is mixed into the low one first: doubles
 * often have nothing there.
 */
static inline uint64_t
fold(uint64_t value)
{
	return value ^ value >> 32;
}

static inline uint64_t
fixed_print(const uint8_t *value, uint32_t width, uint64_t seed)
{
	switch (width) {
	case 8:
		return fold(get_le64(value)) * seed;
	case 4:
		return fold(get_le32(value)) * seed;
	case 1:
		return *value * seed;
	case 16:
		return fold(mix(get_le64(value)) ^ get_le64(value + 8)) * seed;
	default:
		return 0;
	}
}

static const uint8_t *
body_at(const struct window *w, const struct subset_scope *scope)
{
	return w->base + scope->at + SCOPE_PREFIX;
}

static const uint8_t *
record_end(const struct window *w, const struct subset_scope *scope)
{
	return w->base + scope->at + get_le32(w->base + scope->at);
}

/* The end of the variable-width entry at `at`, of the variable at `i` in canonical order. */
static const uint8_t *
entry_end(const struct subset_form *f, uint32_t i, const uint8_t *at, const uint8_t *end)
{
	const struct form *form = &f->rec->form;
	struct body_entry entry;

	if (body_canonical_entry(&form->vars[form->canonical[i]], at, end, &entry) < 0)
		return NULL; /* cannot be: it was laid out here */
	return entry.next;
}

static bool
take_prints(struct window *w, struct subset_scope *scope, uint64_t *prints)
{
	const struct subset_form *f = w->used[scope->form].form;
	const uint8_t *body = body_at(w, scope), *end = record_end(w, scope);
	const uint8_t *at = body + f->offsets[f->fixed_count];
	const struct subset_used *used = &w->used[scope->form];
	const uint32_t *need = w->need + used->vars;
	uint32_t n = 0, wide = f->fixed_count;
	uint64_t sum = 0;

	for (; n < used->prints && need[n] < f->fixed_count; n++) {
		uint32_t i = need[n];

		prints[n] = fixed_print(body + f->offsets[i],
					f->offsets[i + 1] - f->offsets[i], f->seeds[i]);
		sum += prints[n];
	}
	for (; n < used->prints; wide++) {
		const uint8_t *next = entry_end(f, wide, at, end);

		if (!next)
			return false;
		if (wide == need[n]) {
			prints[n] = XXH3_64bits(at, (size_t)(next - at)) * f->seeds[wide];
			sum += prints[n++];
		}
		at = next;
	}
	scope->print = sum;
	return true;
}

/* Scopes by form, and the fingerprints of those whose form is in a pair. */
static bool
sort_scopes(struct window *w, const uint32_t *places)
{
	uint32_t first = 0, prints = 0;

	w->by_form = room(w->s, BY_FORM, w->count, sizeof *w->by_form, false);
	w->prints = room(w->s, PRINTS, w->vars + 1u, sizeof *w->prints, false);
	if (!w->by_form || !w->prints)
		return false;
	for (uint32_t i = 0; i < w->count; i++) {
		w->scopes[i].form = places[w->scopes[i].form];
		w->used[w->scopes[i].form].count++;
	}
	for (uint32_t i = 0; i < w->used_count; i++) {
		w->used[i].first = first;
		first += w->used[i].count;
		w->used[i].count = 0;
	}
	for (uint32_t i = 0; i < w->count; i++) {
		struct subset_used *used = &w->used[w->scopes[i].form];

		w->by_form[used->first + used->count++] = i;
		if (!used->large && !used->small)
			continue;
		w->scopes[i].prints = prints;
		if (!take_prints(w, &w->scopes[i], w->prints + prints))
			return false;
		prints += used->prints;
	}
	return true;
}

/* ---- the join ---- */

static uint32_t *
slot_of(const struct window *w, uint64_t print, uint32_t form)
{
	uint32_t mask = (1u << w->table_bits) - 1;
	uint32_t i =
		(uint32_t)((print ^ form * 0x9e3779b97f4a7c15u) >> (64 - w->table_bits));

	while (w->table[i]) {
		const struct subset_scope *scope = &w->scopes[w->table[i] - 1];

		if (scope->print == print && scope->form == form)
			break;
		i = (i + 1) & mask;
	}
	return &w->table[i];
}

/* Those that may be a part of others, by their fingerprint. */
static bool
fill_table(struct window *w)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < w->used_count; i++)
		count += w->used[i].small ? w->used[i].count : 0;
	for (w->table_bits = 6; (uint64_t)1 << w->table_bits < (uint64_t)count * 2;)
		w->table_bits++;
	w->table = room(w->s, TABLE, (size_t)1 << w->table_bits, sizeof *w->table, false);
	if (!w->table)
		return false;
	memset(w->table, 0, sizeof *w->table << w->table_bits);
	for (uint32_t i = 0; i < w->count; i++) {
		struct subset_scope *scope = &w->scopes[i];
		struct subset_used *used = &w->used[scope->form];
		uint32_t *slot;

		/* What is no longer than a reference stays. */
		if (!used->small || get_le32(w->base + scope->at) <= LINK_RECORD)
			continue;
		slot = slot_of(w, scope->print, scope->form);
		scope->same = *slot;
		*slot = i + 1;
		used->left++;
	}
	return true;
}

/* Does `large` have, where map says, the bytes that `small` has? */
static bool
holds(const struct window *w, const struct subset_scope *large,
      const struct subset_scope *small)
{
	const struct subset_form *l = w->used[large->form].form;
	const struct subset_form *s = w->used[small->form].form;
	const uint8_t *in = body_at(w, large), *own = body_at(w, small);
	const uint8_t *in_end = record_end(w, large), *own_end = record_end(w, small);
	uint32_t k = l->fixed_count;

	for (uint32_t i = 0; i < s->fixed_count; i++)
		if (memcmp(own + s->offsets[i], in + l->offsets[w->map[i]],
			   s->offsets[i + 1] - s->offsets[i]) != 0)
			return false;
	own += s->offsets[s->fixed_count];
	in += l->offsets[l->fixed_count];
	for (uint32_t i = s->fixed_count; i < s->var_count; i++) {
		const uint8_t *own_next = entry_end(s, i, own, own_end), *in_next;

		for (; k < w->map[i] && in; k++)
			in = entry_end(l, k, in, in_end);
		in_next = in ? entry_end(l, k, in, in_end) : NULL;
		if (!own_next || !in_next || own_next - own != in_next - in ||
		    memcmp(own, in, (size_t)(own_next - own)) != 0)
			return false;
		own = own_next;
	}
	return true;
}

/* All scopes of the small form that have these values become a part of this one. */
static void
meet(struct window *w, uint32_t large, uint32_t first)
{
	const struct subset_scope *l = &w->scopes[large];

	for (uint32_t i = first; i; i = w->scopes[i - 1].same) {
		struct subset_scope *scope = &w->scopes[i - 1];

		if (scope->target || !holds(w, l, scope))
			continue;
		/* What a larger one holds is held by whatever that is a part of. */
		scope->target = l->target ? l->target : large + 1;
		w->used[scope->form].left--;
	}
}

static void
join(struct window *w, const struct subset_pair *pair)
{
	const struct subset_used *large = &w->used[pair->large];
	const struct subset_used *small = &w->used[pair->small];
	const uint32_t *places = w->places + large->vars;
	uint32_t vars = small->form->var_count;
	uint64_t last = 0;

	if (!map_vars(large->form, small->form, w->map))
		return;
	for (uint32_t k = 0; k < vars; k++)
		w->take[k] = places[w->map[k]];
	for (uint32_t i = 0; i < large->count && small->left; i++) {
		uint32_t n = w->by_form[large->first + i];
		const uint64_t *prints = w->prints + w->scopes[n].prints;
		uint64_t sum = 0;
		uint32_t found;

		for (uint32_t k = 0; k < vars; k++)
			sum += prints[w->take[k]];
		/* In a loop, what is outside of it stays the same. */
		if (i > 0 && sum == last)
			continue;
		last = sum;
		found = *slot_of(w, sum, pair->small);
		if (found && !w->scopes[found - 1].target)
			meet(w, n, found);
	}
}

static void
join_all(struct window *w)
{
	uint64_t steps = (uint64_t)JOIN_STEPS * ((uint64_t)w->vars + w->count);

	for (uint32_t i = 0; i < w->pair_count; i++) {
		const struct subset_pair *pair = &w->pairs[i];
		uint64_t cost = (uint64_t)w->used[pair->large].count *
				(w->used[pair->small].form->var_count + 2u);

		if (cost > steps || w->used[pair->small].left == 0)
			continue;
		steps -= cost;
		join(w, pair);
	}
}

/* ---- windows ---- */

/* Is it one that may be a part of another, or have one? */
static bool
may_take(const struct part *part, const uint8_t *record, uint32_t index)
{
	return (get_le32(record + 4) & 0xff) == RECORD_SCOPE &&
	       !seen_none(&part->hashes[index]);
}

/* The scopes of the window that begins at `at`; *index counts records, *end is where it ends. */
static bool
collect(struct window *w, const struct part *part, size_t at, uint32_t *index,
	size_t *end)
{
	uint32_t last = 0, place = UNUSED;
	size_t begin = at;

	for (; at < part->len && w->count < WINDOW_SCOPES && w->vars < WINDOW_VARS &&
	       at - begin < WINDOW_BYTES;
	     at += get_le32(part->records + at), ++*index) {
		const uint8_t *record = part->records + at;
		uint32_t head = get_le32(record + 4), number = head >> 8, vars;

		if (may_take(part, record, *index)) {
			if (number != last && !use_form(w, number, &place))
				return false;
			last = number;
			if (place != UNUSED) {
				w->scopes = room(w->s, SCOPES, w->count + 1u,
						 sizeof *w->scopes, true);
				if (!w->scopes)
					return false;
				w->scopes[w->count++] = (struct subset_scope){
					.at = (uint32_t)(at - begin),
					.seq = w->seqs,
					.form = place,
				};
				vars = w->used[place].form->var_count;
				w->vars += vars;
				w->var_max = vars > w->var_max ? vars : w->var_max;
			}
		}
		w->seqs += record_has_seq(head & 0xff);
	}
	*end = at;
	return true;
}

/* Sets the targets. False: no memory; nothing is known. */
static bool
compare(struct window *w)
{
	uint32_t *places;

	if (w->used_count < 2)
		return false;
	places = room(w->s, ORDER, w->used_count, sizeof *places, false);
	if (!places || !find_pairs(w) || w->pair_count == 0)
		return false;
	for (uint32_t i = 0; i < w->used_count; i++)
		places[w->used[i].was] = i;
	if (!sort_scopes(w, places) || !fill_table(w))
		return false;
	join_all(w);
	return true;
}

/* Writes the window's records up to `end`; the first has this seq. */
static void
rewrite(const struct window *w, struct squeeze *s, size_t end, uint64_t seq)
{
	size_t begin = s->at;

	for (uint32_t i = 0; i < w->count; i++) {
		const struct subset_scope *scope = &w->scopes[i];
		size_t at = begin + scope->at;

		if (!scope->target)
			continue;
		if (at > s->at)
			squeeze_keep(s, at - s->at);
		squeeze_refer(s, get_le32(s->part->records + at), RECORD_PROJECTION,
			      seq + w->scopes[scope->target - 1].seq);
	}
	if (end > s->at)
		squeeze_keep(s, end - s->at);
}

static bool
too_large(const struct subset *s)
{
	size_t bytes = 0;

	for (size_t i = 0; i < ROOMS; i++)
		bytes += s->rooms[i].bytes;
	return bytes > KEEP_BYTES;
}

void
subset_find(struct tape *t, struct part *part, uint64_t seq)
{
	struct squeeze squeeze = squeeze_begin(part);
	uint32_t index = 0;

	if (!t->subset)
		t->subset = subset_new();
	if (!t->subset)
		return;
	while (squeeze.at < part->len) {
		struct window w = { .t = t,
				    .s = t->subset,
				    .base = part->records + squeeze.at };
		size_t end = part->len;

		t->subset->window++;
		/* Without memory the rest stays as it is. */
		if (!collect(&w, part, squeeze.at, &index, &end)) {
			end = part->len;
			w.count = 0;
		} else if (!compare(&w)) {
			w.count = 0;
		}
		rewrite(&w, &squeeze, end, seq);
		seq += w.seqs;
	}
	squeeze_end(&squeeze);
	if (too_large(t->subset))
		rooms_release(t->subset);
}
