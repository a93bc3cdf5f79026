/* SPDX-License-Identifier: Apache-2.0 */
/* Tests on values: every number in its own domain, arrays by what they add up to. */
#include <math.h>
#include <string.h>

#include "format/hash.h"
#include "search/eval.h"

bool
eval_value_double(const struct query_node *node, double v)
{
	bool any = false;

	for (size_t i = 0; i < node->atom_count && !any; i++) {
		const struct query_atom *a = &node->atoms[i];

		any = a->number && ((v >= a->dlo && v <= a->dhi) || (a->nan && isnan(v)));
	}
	return node->op == QUERY_NE ? !any : any;
}

static bool
test_float(const struct query_node *node, float v)
{
	bool any = false;

	for (size_t i = 0; i < node->atom_count && !any; i++) {
		const struct query_atom *a = &node->atoms[i];

		any = a->number && ((v >= a->flo && v <= a->fhi) || (a->nan && isnan(v)));
	}
	return node->op == QUERY_NE ? !any : any;
}

static bool
test_bool(const struct query_node *node, bool v)
{
	bool any = false;

	for (size_t i = 0; i < node->atom_count && !any; i++) {
		const struct query_atom *a = &node->atoms[i];

		any = a->boolean ? a->truth == v
				 : a->number && v >= a->ilo && v <= a->ihi;
	}
	return node->op == QUERY_NE ? !any : any;
}

/* Names are the same or not; they have no order, and no range holds them. */
static bool
is_named(const struct query_node *node, const char *name)
{
	size_t len = strlen(name);
	bool any = false;

	for (size_t i = 0; i < node->atom_count && !any; i++) {
		const struct query_atom *a = &node->atoms[i];

		any = !a->range && a->len == len && memcmp(a->text, name, len) == 0;
	}
	return any;
}

/* An enum answers to its number and to its name. */
static int
test_enum(const struct query_node *node, const struct form_var *var, int64_t v)
{
	const char *name = NULL;
	bool any;

	for (uint32_t i = 0; i < var->enumerator_count && name == NULL; i++)
		if (var->enumerators[i].number == v)
			name = var->enumerators[i].name;
	if (node->op == QUERY_MATCH)
		return name == NULL ? 0 : plan_test_text(node, name, strlen(name));
	any = plan_test_int(node, v);
	if (name == NULL)
		return any;
	if (node->op == QUERY_EQ)
		return any || is_named(node, name);
	if (node->op == QUERY_NE)
		return any && !is_named(node, name);
	return any;
}

/* A complex number equals a real one when it has no imaginary part; it has no order. */
static bool
test_complex(const struct query_node *node, const double c[2], bool single)
{
	bool real;

	if (node->op != QUERY_EQ && node->op != QUERY_NE)
		return false;
	real = single ? test_float(node, (float)c[0]) : eval_value_double(node, c[0]);
	if (c[1] == 0.0)
		return real;
	return node->op == QUERY_NE;
}

/* Text in a blob is known by its hash: equal or not, nothing else. */
static bool
test_far_text(const struct query_node *node, const struct tape_value *v)
{
	bool any = false;

	if (!v->has_hash || (node->op != QUERY_EQ && node->op != QUERY_NE))
		return false;
	for (size_t i = 0; i < node->atom_count && !any; i++) {
		const struct query_atom *a = &node->atoms[i];
		struct tape_hash hash;

		if (a->range || a->len != v->size)
			continue;
		hash = hash_bytes(a->text, a->len);
		any = hash_equal(&hash, &v->hash) != 0;
	}
	return node->op == QUERY_NE ? !any : any;
}

/* ---- arrays ---- */

struct summary {
	query_int imin, imax;
	double dmin, dmax;
	long double sum;
	bool floating, nan;
};

static double
half(uint16_t bits)
{
	int exponent = bits >> 10 & 31, mantissa = bits & 1023;
	double v;

	if (exponent == 31)
		v = mantissa != 0 ? NAN : INFINITY;
	else if (exponent == 0)
		v = ldexp(mantissa, -24);
	else
		v = ldexp(mantissa + 1024, exponent - 25);
	return (bits & 0x8000) != 0 ? -v : v;
}

static void
add_int(struct summary *s, query_int v, bool first)
{
	s->imin = first || v < s->imin ? v : s->imin;
	s->imax = first || v > s->imax ? v : s->imax;
	s->sum += (long double)v;
}

static void
add_double(struct summary *s, double v, bool first)
{
	s->floating = true;
	s->nan |= isnan(v);
	s->dmin = first || v < s->dmin ? v : s->dmin;
	s->dmax = first || v > s->dmax ? v : s->dmax;
	s->sum += v;
}

#define LOAD(type, p)                                                                    \
	__extension__({                                                                  \
		type load_v;                                                             \
		memcpy(&load_v, p, sizeof load_v);                                       \
		load_v;                                                                  \
	})

/* False: an element type without order. */
static bool
add_element(struct summary *s, unsigned dtype, const uint8_t *p, bool first)
{
	switch (dtype) {
	case TAPE_B1:
	case TAPE_U1:
		add_int(s, *p, first);
		return true;
	case TAPE_I1:
		add_int(s, (int8_t)*p, first);
		return true;
	case TAPE_I2:
		add_int(s, LOAD(int16_t, p), first);
		return true;
	case TAPE_I4:
		add_int(s, LOAD(int32_t, p), first);
		return true;
	case TAPE_I8:
		add_int(s, LOAD(int64_t, p), first);
		return true;
	case TAPE_U2:
		add_int(s, LOAD(uint16_t, p), first);
		return true;
	case TAPE_U4:
		add_int(s, LOAD(uint32_t, p), first);
		return true;
	case TAPE_U8:
		add_int(s, LOAD(uint64_t, p), first);
		return true;
	case TAPE_F2:
		add_double(s, half(LOAD(uint16_t, p)), first);
		return true;
	case TAPE_F4:
		add_double(s, (double)LOAD(float, p), first);
		return true;
	case TAPE_F8:
		add_double(s, LOAD(double, p), first);
		return true;
	default:
		return false;
	}
}

static bool
test_array(const struct query_node *node, unsigned aspect, const struct tape_value *v)
{
	size_t width = tape_dtype_size(v->dtype);
	uint64_t count = width == 0 ? 0 : v->size / width;
	struct summary s = { 0 };
	double d;

	if (aspect == ASPECT_LEN)
		return plan_test_int(node, (query_int)count);
	if (v->data == NULL || count == 0)
		return false;
	for (uint64_t i = 0; i < count; i++)
		if (!add_element(&s, v->dtype, (const uint8_t *)v->data + i * width,
				 i == 0))
			return false;
	if (aspect == ASPECT_MEAN)
		return eval_value_double(node, (double)(s.sum / (long double)count));
	if (!s.floating)
		return plan_test_int(node, aspect == ASPECT_MIN ? s.imin : s.imax);
	d = s.nan ? NAN : aspect == ASPECT_MIN ? s.dmin : s.dmax;
	return v->dtype == TAPE_F4 ? test_float(node, (float)d)
				   : eval_value_double(node, d);
}

/* ---- the whole ---- */

static bool
test_part(const struct query_node *node, const struct plan_ref *ref,
	  const struct tape_value *v)
{
	double part = v->as.c[ref->aspect == ASPECT_IM];

	return v->type == TAPE_C8 ? test_float(node, (float)part)
				  : eval_value_double(node, part);
}

int
eval_value_test(const struct query_node *node, const struct plan_ref *ref,
		const struct form_var *var, const struct tape_value *v)
{
	switch (v->type) {
	case TAPE_BOOL:
		return test_bool(node, v->as.i != 0);
	case TAPE_I64:
		return test_enum(node, var, v->as.i);
	case TAPE_U64:
		return plan_test_int(node, (query_int)v->as.u);
	case TAPE_F64:
		return eval_value_double(node, v->as.f);
	case TAPE_F32:
		return test_float(node, (float)v->as.f);
	case TAPE_C16:
	case TAPE_C8:
		return ref->aspect == ASPECT_VALUE
			       ? test_complex(node, v->as.c, v->type == TAPE_C8)
			       : test_part(node, ref, v);
	case TAPE_STR:
	case TAPE_BYTES_T:
		if (v->data == NULL && v->size != 0)
			return test_far_text(node, v);
		return plan_test_text(node, v->data, (size_t)v->size);
	case TAPE_ARRAY_T:
		return test_array(node, ref->aspect, v);
	default:
		return 0;
	}
}

bool
eval_value_hash(const struct query_node *node, const struct tape_hash *hash)
{
	char text[TAPE_HASH_TEXT];
	bool any = false;

	tape_hash_text(hash, text);
	for (size_t i = 0; i < node->atom_count && !any; i++)
		any = memcmp(text, node->atoms[i].text, node->atoms[i].len) == 0;
	return node->op == QUERY_NE ? !any : any;
}
