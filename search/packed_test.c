/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of a query on columns of contents. */
#include <string.h>

#include "format/le.h"
#include "search/eval.h"
#include "search/packed_cache.h"
#include "search/packed_filter.h"
#include "search/plan.h"

bool
filter_range_may(const struct query_node *node, const struct scopepack_column *column,
		 const struct block_chunk *chunk)
{
	double lo, hi;

	if (!chunk->has_range || node->op == QUERY_NE || node->op == QUERY_MATCH ||
	    column->type == TAPE_BOOL)
		return true;
	memcpy(&lo, &chunk->min, sizeof lo);
	memcpy(&hi, &chunk->max, sizeof hi);
	for (size_t i = 0; i < node->atom_count; i++) {
		const struct query_atom *a = &node->atoms[i];

		if (!a->number)
			continue;
		switch (column->type) {
		case TAPE_I64:
			if (a->ilo <= (int64_t)chunk->max &&
			    a->ihi >= (int64_t)chunk->min)
				return true;
			break;
		case TAPE_U64:
			if (a->ilo <= (query_int)chunk->max &&
			    a->ihi >= (query_int)chunk->min)
				return true;
			break;
		case TAPE_F64:
			if ((a->dlo <= hi && a->dhi >= lo) || (a->nan && chunk->has_nan))
				return true;
			break;
		default:
			return true;
		}
	}
	return false;
}

/* One value, laid out from where it stands. True where it cannot be: whoever shows it says why. */
static bool
value_may(const struct query_node *node, unsigned type, const uint8_t *at, size_t len)
{
	struct form_var var = { .type = (uint8_t)type, .store = TAPE_AS_HASH };
	uint32_t first = 0;
	struct form one = { .var_count = 1, .vars = &var, .canonical = &first };
	struct plan_ref ref = { .type = (uint8_t)type, .aspect = ASPECT_VALUE };
	struct tape_value value = { 0 };
	size_t canonical_len;

	if (type < TAPE_STR) {
		one.fixed_count = 1;
		one.fixed_bytes = scopepack_width(type);
		one.bool_count = type == TAPE_BOOL;
	}
	if (body_check(&one, at, len, &canonical_len, NULL) != 0)
		return true;
	body_value(&one, at, 0, &value, NULL);
	if (type >= TAPE_STR && value.data == NULL && value.size != 0)
		return true;
	return eval_value_test(node, &ref, &var, &value) != 0;
}

static bool
cell_may(const struct query_node *node, unsigned type, const struct column *c, uint32_t i)
{
	uint32_t from;

	if (type == TAPE_F64) {
		double v;

		memcpy(&v, c->values + 8 * (size_t)i, sizeof v);
		return eval_value_double(node, v);
	}
	if (type == TAPE_I64)
		return plan_test_int(node, (int64_t)get_le64(c->values + 8 * (size_t)i));
	if (type == TAPE_U64)
		return plan_test_int(node,
				     (query_int)get_le64(c->values + 8 * (size_t)i));
	if (c->width != 0)
		return value_may(node, type, c->values + (size_t)i * c->width, c->width);
	from = i == 0 ? 0 : c->ends[i - 1];
	return value_may(node, type, c->values + from, c->ends[i] - from);
}

static inline void
set_bit(uint64_t *bits, uint32_t i)
{
	bits[i / 64] |= (uint64_t)1 << (i % 64);
}

/* Numbers of 8 bytes that every row has, 64 at a time. `is` must not branch. */
#define TEST_ALL(type, is)                                                               \
	for (uint32_t row = 0; row < c->count; row += 64) {                              \
		uint32_t n = c->count - row < 64 ? c->count - row : 64;                  \
		const uint8_t *at = c->values + 8 * (size_t)row;                         \
		uint64_t bits = 0;                                                       \
		for (uint32_t i = 0; i < n; i++) {                                       \
			type v;                                                          \
			memcpy(&v, at + 8 * (size_t)i, sizeof v);                        \
			bits |= (uint64_t)(is) << i;                                     \
		}                                                                        \
		out[row / 64] |= bits;                                                   \
	}

static void
test_doubles(const struct query_atom *a, const struct column *c, uint64_t *out)
{
	double lo = a->dlo, hi = a->dhi;
	bool nan = a->nan;

	TEST_ALL(double, ((v >= lo) & (v <= hi)) | (nan & (v != v)))
}

static void
test_signed(const struct query_atom *a, const struct column *c, uint64_t *out)
{
	int64_t lo, hi;

	if (a->ilo > INT64_MAX || a->ihi < INT64_MIN)
		return;
	lo = a->ilo < INT64_MIN ? INT64_MIN : (int64_t)a->ilo;
	hi = a->ihi > INT64_MAX ? INT64_MAX : (int64_t)a->ihi;
	TEST_ALL(int64_t, (v >= lo) & (v <= hi))
}

/* The common tests, where every row has the column. False: another way must be gone. */
static bool
test_numbers(const struct query_node *node, unsigned type, const struct column *c,
	     uint64_t *out)
{
	if (node->op == QUERY_NE || node->op == QUERY_MATCH ||
	    (type != TAPE_F64 && type != TAPE_I64))
		return false;
	for (size_t i = 0; i < node->atom_count; i++) {
		if (!node->atoms[i].number)
			continue;
		if (type == TAPE_F64)
			test_doubles(&node->atoms[i], c, out);
		else
			test_signed(&node->atoms[i], c, out);
	}
	return true;
}

/* Bits of values to bits of the rows that have them. */
static void
spread(const struct packed_chunk *chunk, uint32_t count, const uint64_t *values,
       uint64_t *out)
{
	for (uint32_t row = 0; row < count; row++) {
		uint32_t i = chunk->ranks[row];
		uint32_t next =
			row + 1 < count ? chunk->ranks[row + 1] : chunk->values->count;

		out[row / 64] |= (uint64_t)(next != i && (values[i / 64] >> (i % 64) & 1))
				 << (row % 64);
	}
}

void
filter_test_column(const struct query_node *node, unsigned type,
		   const struct packed_chunk *chunk, uint32_t count, uint64_t *out)
{
	const struct column *c = chunk->values;
	uint64_t values[FILTER_WORDS + 1] = { 0 };
	bool before = false;

	if (test_numbers(node, type, c, chunk->ranks == NULL ? out : values)) {
		if (chunk->ranks != NULL)
			spread(chunk, count, values, out);
		return;
	}
	for (uint32_t row = 0; row < count; row++) {
		uint32_t i = chunk->ranks == NULL ? row : chunk->ranks[row], next;

		if (chunk->ranks != NULL) {
			next = row + 1 < count ? chunk->ranks[row + 1] : c->count;
			if (next == i)
				continue;
		}
		/* Texts often repeat the one before. */
		if (c->width != 0 || i == 0 ||
		    c->ends[i] - c->ends[i - 1] !=
			    c->ends[i - 1] - (i == 1 ? 0 : c->ends[i - 2]) ||
		    memcmp(c->values + c->ends[i - 1],
			   c->values + (i == 1 ? 0 : c->ends[i - 2]),
			   c->ends[i] - c->ends[i - 1]) != 0)
			before = cell_may(node, type, c, i);
		if (before)
			set_bit(out, row);
	}
}
