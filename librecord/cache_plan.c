/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The short way of a hit: what each output of a place in a program is filled with, found
 * out once for all results of one shape. What has no plan here goes the long way
 * (search/bind.h), which also says what is wrong.
 */
#include <stdlib.h>
#include <string.h>

#include "librecord/cache.h"
#include "search/name.h"
#include "search/partial.h"

enum step_op {
	STEP_1,
	STEP_4,
	STEP_8,
	STEP_16,
	STEP_INTEGER,
	STEP_ARRAY,
	STEP_TEXT,  /* NULs behind it */
	STEP_BYTES, /* of just this size */
};
/* How an output, or a member of one, is filled from a value of a shape. */
struct step {
	uint8_t op, size;
	bool is_signed;	   /* STEP_INTEGER: of the output */
	bool value_signed; /* and of the value */
	uint16_t value;
	uint16_t out;
	/* Of a member: what describes the structure (NULL: it is none), where it is, its bytes. */
	const struct tape_partial *partial;
	uint32_t offset, room;
	uint8_t dtype; /* of an array */
};
/* A site that is called with ever other shapes goes the long way, as one with so many members. */
#define MOST_PLANS 8u
#define MOST_STEPS 256u

struct recall_plan {
	struct recall_plan *next;
	const struct cache_shape *shape;
	uint32_t count;	    /* of steps */
	uint32_t outs;	    /* of names */
	const char **names; /* what TAPE_AS said; NULL: nothing */
	struct step steps[];
};

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

	if (wide.size != 0 && !wide.bytes)
		return false;
	if (step->partial)
		return wide.dtype == step->dtype && wide.ndim == 1 &&
		       wide.size == step->room;
	return array_out(out, &a) && wide.dtype == a.dtype && wide.ndim == a.ndim &&
	       (wide.ndim == 1 || !wide.fortran) && same_dims(e, &wide, &a);
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

/* Where text or bytes go, and how many there is room for. */
static bool
text_out(const struct tape_named *out, unsigned op, void **to, uint64_t *room)
{
	const struct tape_dense *d;

	*to = (void *)(uintptr_t)out->value.lo;
	*room = out->value.hi;
	if (out->kind == tape_kind_text)
		return op == STEP_TEXT && *to && *room <= PTRDIFF_MAX;
	if (out->kind != tape_kind_dense || !*to)
		return false;
	d = *to;
	*to = (void *)(uintptr_t)d->data;
	*room = d->dims[0];
	return d->data && d->stride == 0 &&
	       d->flags == (op == STEP_TEXT ? TAPE_DENSE_TEXT : TAPE_DENSE_BYTES);
}

static bool
text_fits(const struct cache_entry *e, const struct step *step,
	  const struct tape_named *out)
{
	const struct cache_wide wide = wide_at(e, step);
	uint64_t room = step->room;
	void *to;

	if (!step->partial && !text_out(out, step->op, &to, &room))
		return false;
	return (wide.size == 0 || wide.bytes) &&
	       (step->op == STEP_TEXT ? wide.size <= room : wide.size == room);
}

/* The structure of a member, or the scalar itself. */
static inline uint8_t *
step_to(const struct step *step, const struct tape_named *out)
{
	const struct tape_of *of = (const struct tape_of *)(uintptr_t)out->value.lo;

	return step->partial ? (uint8_t *)(uintptr_t)of->at + step->offset
			     : (uint8_t *)(uintptr_t)out->value.lo;
}

/* As it is this time: the long way says what is wrong. */
static inline bool
step_fits(const struct cache_entry *e, const struct step *step,
	  const struct tape_named *out)
{
	uint64_t v;

	if (!out->value.lo)
		return false;
	if (step->partial) {
		const struct tape_of *of =
			(const struct tape_of *)(uintptr_t)out->value.lo;

		if (of->partial != step->partial || !of->at || !of->writable)
			return false;
	}
	if (step->op < STEP_INTEGER)
		return true;
	if (step->op == STEP_ARRAY)
		return array_fits(e, step, out);
	if (step->op != STEP_INTEGER)
		return text_fits(e, step, out);
	memcpy(&v, e->data + 16 * (size_t)step->value, sizeof v);
	return integer_fits(step, v);
}

static void
fill_wide(const struct cache_entry *e, const struct step *step,
	  const struct tape_named *out)
{
	const struct cache_wide wide = wide_at(e, step);
	uint64_t room = step->room;
	void *to = step_to(step, out);
	struct array_out a;

	if (!step->partial && step->op == STEP_ARRAY) {
		(void)array_out(out, &a);
		to = a.to;
	} else if (!step->partial) {
		(void)text_out(out, step->op, &to, &room);
	}
	if (wide.size)
		memcpy(to, e->data + wide.bytes, wide.size);
	if (step->op == STEP_TEXT && wide.size < room)
		memset((uint8_t *)to + wide.size, 0, room - wide.size);
}

static inline void
fill(const struct cache_entry *e, const struct step *step, const struct tape_named *out)
{
	const uint8_t *from = e->data + 16 * (size_t)step->value;
	uint8_t *to;

	if (step->op > STEP_INTEGER) {
		fill_wide(e, step, out);
		return;
	}
	to = step_to(step, out);
	switch (step->op) {
	case STEP_1:
		memcpy(to, from, 1);
		break;
	case STEP_4:
		memcpy(to, from, 4);
		break;
	case STEP_8:
		memcpy(to, from, 8);
		break;
	case STEP_16:
		memcpy(to, from, 16);
		break;
	default:
		memcpy(to, from, step->size);
		break;
	}
}

static inline bool
same_names(const struct recall_plan *plan, const struct tape_named *outs)
{
	for (uint32_t i = 0; i < plan->outs; i++) {
		const char *name = plan->names[i];

		if (!name ? outs[i].name != NULL
			  : !outs[i].name || strcmp(name, outs[i].name) != 0)
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

bool
cache_plan_fill(const struct tape_site *site, const struct cache_entry *e,
		const struct tape_named *outs)
{
	const struct recall_plan *plan = plan_of(site, e->shape, outs);

	if (!plan)
		return false;
	/* Nothing is written unless all of it fits. */
	for (uint32_t i = 0; i < plan->count; i++)
		if (!step_fits(e, &plan->steps[i], &outs[plan->steps[i].out]))
			return false;
	for (uint32_t i = 0; i < plan->count; i++)
		fill(e, &plan->steps[i], &outs[plan->steps[i].out]);
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

/* Index of a result in the shape, or -1. */
static int
value_of(const struct cache_shape *shape, bool only, const char *name)
{
	size_t len = strlen(name);

	for (uint32_t i = 0; i < shape->count && i <= UINT16_MAX; i++)
		if (shape->vars[i].len == len &&
		    memcmp(shape->vars[i].name, name, len) == 0)
			return (int)i;
	return only && shape->count == 1 ? 0 : -1;
}

static bool
is_text(const struct cache_shape *shape, const struct step *step)
{
	return shape->vars[step->value].type == TAPE_STR ||
	       shape->vars[step->value].type == TAPE_BYTES_T;
}

static bool
step_make(struct step *step, const struct cache_shape *shape,
	  const struct tape_named *out)
{
	unsigned type = shape->vars[step->value].type;
	struct array_out a;
	uint64_t room;
	void *to;

	if (out->kind > TAPE_TO)
		return out->value.lo && step_scalar(step, out->kind - (unsigned)TAPE_TO,
						    type, out->value.hi);
	step->op = STEP_ARRAY;
	if (array_out(out, &a))
		return type == TAPE_ARRAY_T;
	step->op = STEP_TEXT;
	if (text_out(out, STEP_TEXT, &to, &room))
		return is_text(shape, step);
	step->op = STEP_BYTES;
	return text_out(out, STEP_BYTES, &to, &room) && is_text(shape, step);
}

static bool
step_member(struct step *step, const struct cache_shape *shape,
	    const struct tape_partial *partial, const struct tape_member *member)
{
	unsigned type = shape->vars[step->value].type;
	struct partial_shape of;

	if (!partial_member_shape(member, &of) || of.size > UINT32_MAX ||
	    member->offset > UINT32_MAX)
		return false;
	step->partial = partial;
	step->offset = (uint32_t)member->offset;
	step->room = (uint32_t)of.size;
	step->dtype = (uint8_t)of.dtype;
	if (of.text) {
		step->op = STEP_TEXT;
		return is_text(shape, step);
	}
	if (of.ndim == 0)
		return of.kind != tape_kind_text &&
		       step_scalar(step, of.kind, type, of.size);
	step->op = STEP_ARRAY;
	return of.ndim == 1 && type == TAPE_ARRAY_T;
}

/* The names of a site, in front of which stands the text of the key. */
const char *
cache_site_names(const struct tape_site *site)
{
	const char *rest = site->names, *piece;
	size_t len;

	if (site->flags & TAPE_SITE_HAS_LABEL)
		(void)name_next_piece(&rest, &piece, &len);
	return rest;
}

/* A plan while it is made. */
struct making {
	const struct cache_shape *shape;
	struct step steps[MOST_STEPS];
	uint32_t count;
	bool only; /* one output of one place: names do not matter */
};

static struct step *
next_step(struct making *m, uint32_t out, int value)
{
	struct step *step;

	if (value < 0 || m->count == MOST_STEPS)
		return NULL;
	step = &m->steps[m->count++];
	*step = (struct step){ .out = (uint16_t)out, .value = (uint16_t)value };
	return step;
}

static bool
make_members(struct making *m, uint32_t out, const struct tape_named *named)
{
	const struct tape_of *of = (const struct tape_of *)(uintptr_t)named->value.lo;
	const char *prefix = named->name ? named->name : "", *rest;
	char member[LIMIT_NAME + 1], name[2 * LIMIT_NAME + 2];
	const struct tape_member *members;
	bool only;

	if (!of || !partial_known(of->partial) || of->partial->count == 0 ||
	    strlen(prefix) > LIMIT_NAME)
		return false;
	members = of->partial->list();
	rest = of->partial->members;
	only = m->only && of->partial->count == 1;
	for (uint32_t i = 0; i < of->partial->count; i++) {
		size_t at = strlen(prefix), len = partial_member_name(&rest, member);
		struct step *step;

		memcpy(name, prefix, at);
		if (at)
			name[at++] = '.';
		memcpy(name + at, member, len + 1);
		step = next_step(m, out, value_of(m->shape, only, name));
		if (!step || !step_member(step, m->shape, of->partial, &members[i]))
			return false;
	}
	return true;
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
	if (out->kind == tape_kind_dense && !out->name &&
	    ((const struct tape_dense *)(uintptr_t)out->value.lo)->text)
		text = ((const struct tape_dense *)(uintptr_t)out->value.lo)->text;
	if (text)
		(void)name_from_text(text, strlen(text), name);
	else
		(void)name_from_text(piece, len, name);
}

static bool
make_steps(struct making *m, const struct tape_site *site, const struct tape_named *outs)
{
	const char *rest = cache_site_names(site), *piece = "?";
	size_t len = 1;

	for (uint32_t i = 0; i < site->count; i++) {
		char name[LIMIT_NAME + 1];
		struct step *step;

		if (!name_next_piece(&rest, &piece, &len))
			return false;
		if (outs[i].kind == tape_kind_of) {
			if (!make_members(m, i, &outs[i]))
				return false;
			continue;
		}
		if (!outs[i].value.lo)
			return false;
		out_name(&outs[i], piece, len, name);
		step = next_step(m, i, value_of(m->shape, m->only, name));
		if (!step || !step_make(step, m->shape, &outs[i]))
			return false;
	}
	return true;
}

/* With the names that TAPE_AS gave: another time they may be others. */
static struct recall_plan *
plan_new(const struct making *m, const struct tape_site *site,
	 const struct tape_named *outs)
{
	size_t steps = m->count * sizeof m->steps[0], text = 0;
	size_t names = site->count * sizeof(char *);
	struct recall_plan *plan;
	char *at;

	for (uint32_t i = 0; i < site->count; i++)
		text += outs[i].name ? strlen(outs[i].name) + 1 : 0;
	plan = calloc(1, sizeof *plan + steps + names + text);
	if (!plan)
		return NULL;
	plan->shape = m->shape;
	plan->count = m->count;
	plan->outs = site->count;
	memcpy(plan->steps, m->steps, steps);
	plan->names = (const char **)(void *)(plan->steps + m->count);
	at = (char *)(plan->names + site->count);
	for (uint32_t i = 0; i < site->count; i++) {
		size_t size = outs[i].name ? strlen(outs[i].name) + 1 : 0;

		if (size == 0)
			continue;
		plan->names[i] = memcpy(at, outs[i].name, size);
		at += size;
	}
	return plan;
}

void
cache_plan_add(struct tape_site *site, const struct cache_shape *shape,
	       const struct tape_named *outs)
{
	void *head = __atomic_load_n(&site->plans, __ATOMIC_ACQUIRE);
	struct recall_plan *plan;
	struct making m = { .shape = shape, .only = site->count == 1 };
	unsigned plans = 0;

	for (const struct recall_plan *p = head; p; p = p->next)
		plans++;
	if (plans == MOST_PLANS || plan_of(site, shape, outs) ||
	    !make_steps(&m, site, outs))
		return;
	plan = plan_new(&m, site, outs);
	if (!plan)
		return;
	do
		plan->next = head;
	while (!__atomic_compare_exchange_n(&site->plans, &head, plan, false,
					    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}
