/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of scopes: what is written reads back, and nothing else is taken. */
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "format/limits.h"
#include "tests/support/every_form.h"
#include "tests/support/suite.h"
#include "tests/support/testwriter.h"

static uint8_t big[5000];

/* Values for every_form, by name; long ones are `size` bytes. */
static void
every_value(const struct form *form, struct tape_value *values, size_t size)
{
	uint64_t dims[2] = { size / 8, 4 };

	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (uint8_t)(i * 7 + i / 256);
	for (uint32_t i = 0; i < form->var_count; i++) {
		const char *name = form->vars[i].name;
		struct tape_value *v = &values[i];

		memset(v, 0, sizeof *v);
		v->type = form->vars[i].type;
		v->store = form->vars[i].store;
		if (v->type == TAPE_ARRAY_T)
			*v = testwriter_array(TAPE_I2, big, 2, dims,
					      strcmp(name, "field") == 0);
		else if (v->type >= TAPE_STR)
			*v = testwriter_bytes_value(v->type, big + i, size + i);
		v->store = form->vars[i].store;
		if (strcmp(name, "z") == 0)
			v->as.f = -0.0;
		else if (strcmp(name, "phase") == 0)
			v->as.i = INT64_MIN;
		else if (strcmp(name, "gone") == 0)
			v->absent = TAPE_WILD_POINTER;
		else if (strcmp(name, "flag") == 0)
			v->as.i = 1;
		else if (strcmp(name, "count") == 0)
			v->as.u = UINT64_MAX;
		else if (strcmp(name, "single") == 0)
			v->as.f = 0.1f;
		else if (v->type == TAPE_C16 || v->type == TAPE_C8)
			v->as.c[0] = 1.5, v->as.c[1] = -2.25;
	}
}

static uint8_t *
body_of(const struct form *form, const struct tape_value *values,
	const struct body_hint *hints, size_t *len, size_t *canonical)
{
	struct tape_error err;
	size_t measured;
	int64_t size = body_write(form, values, hints, NULL, 0, &measured, &err);
	uint8_t *body;

	ck_assert_msg(size >= 0, "%s", err.message);
	body = malloc((size_t)size + 1);
	ck_assert_ptr_nonnull(body);
	ck_assert_int_eq(
		body_write(form, values, hints, body, (size_t)size, canonical, NULL),
		size);
	ck_assert_uint_eq(measured, *canonical);
	*len = (size_t)size;
	return body;
}

static void
check_value(const struct tape_value *want, const struct tape_value *got)
{
	ck_assert_uint_eq(got->type, want->type);
	ck_assert_uint_eq(got->store, want->store);
	ck_assert_uint_eq(got->absent, want->absent);
	ck_assert_mem_eq(&got->as, &want->as, sizeof got->as);
	ck_assert_uint_eq(got->size, want->size);
	ck_assert_uint_eq(got->dtype, want->dtype);
	ck_assert_uint_eq(got->ndim, want->ndim);
	ck_assert_uint_eq(got->fortran, want->fortran);
	ck_assert_mem_eq(got->dims, want->dims, sizeof got->dims);
	if (want->type < TAPE_STR)
		return;
	ck_assert((got->data != NULL) ==
		  (want->size <= CANON_BYTES || want->store == TAPE_INLINE));
	if (got->data != NULL)
		ck_assert_mem_eq(got->data, want->data, want->size);
	/* What is shown as a blob is shown by its name, however short it is. */
	ck_assert(got->has_hash ==
		  (want->size > CANON_BYTES || want->store != TAPE_INLINE));
	if (got->has_hash) {
		struct tape_hash hash = hash_bytes(want->data, want->size);

		ck_assert(hash_equal(&hash, &got->hash));
	}
}

START_TEST(values_of_every_type_and_size_read_back)
{
	static const size_t sizes[] = { 0, 8, 48, 64, 72, 1000, 4096 };
	struct tape_value want[EVERY_FORM], got[EVERY_FORM], one;
	struct body_hint hints[EVERY_FORM], read[EVERY_FORM], hint;
	struct form form;

	every_form_make(&form);
	for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
		size_t len, canonical, checked;

		every_value(&form, want, sizes[k]);
		for (uint32_t i = 0; i < EVERY_FORM; i++) {
			hints[i].segment = BODY_BLOB_SEGMENT | i;
			hints[i].offset = 1000 + i;
		}
		uint8_t *body = body_of(&form, want, hints, &len, &canonical);
		ck_assert_int_eq(body_check(&form, body, len, &checked, NULL), 0);
		ck_assert_uint_eq(checked, canonical);
		memset(read, 0, sizeof read);
		body_values(&form, body, got, read);
		for (uint32_t i = 0; i < EVERY_FORM; i++) {
			check_value(&want[i], &got[i]);
			memset(&hint, 0, sizeof hint);
			body_value(&form, body, i, &one, &hint);
			check_value(&want[i], &one);
			ck_assert_ptr_eq(one.data, got[i].data);
			bool hinted = form.vars[i].store == TAPE_AS_BLOB &&
				      want[i].size > CANON_BYTES;
			ck_assert_uint_eq(hint.segment, hinted ? hints[i].segment : 0);
			ck_assert_uint_eq(hint.offset, hinted ? hints[i].offset : 0);
			ck_assert_uint_eq(read[i].segment, hint.segment);
			ck_assert_uint_eq(read[i].offset, hint.offset);
		}
		free(body);
	}
	form_release(&form);
}
END_TEST

START_TEST(the_hash_of_a_scope_does_not_depend_on_where_values_are_stored)
{
	struct tape_value values[EVERY_FORM];
	struct form_var vars[EVERY_FORM];
	struct tape_hash hashes[3];
	size_t len, canonical;

	for (unsigned store = 0; store < 3; store++) {
		struct form form;

		memcpy(vars, every_form_vars, sizeof vars);
		for (size_t i = 0; i < EVERY_FORM; i++)
			if (vars[i].type >= TAPE_STR)
				vars[i].store = (uint8_t)store;
		ck_assert_int_eq(form_build(1, "", 0, "", every_form_labels, 3, vars,
					    EVERY_FORM, &form, NULL),
				 0);
		every_value(&form, values, 200);
		uint8_t *body = body_of(&form, values, NULL, &len, &canonical);
		hashes[store] = body_hash(&form, body, canonical);
		free(body);
		form_release(&form);
	}
	ck_assert(hash_equal(&hashes[0], &hashes[1]));
	ck_assert(hash_equal(&hashes[0], &hashes[2]));
}
END_TEST

START_TEST(a_scope_hash_is_that_of_head16_and_canonical_part)
{
	static const size_t sizes[] = { 0, 1, 100, 495, 496, 497, 3000 };
	uint8_t whole[4096];
	struct form form;

	every_form_make(&form);
	memset(whole, 3, sizeof whole);
	memcpy(whole, form.head16.byte, 16);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct tape_hash want = hash_bytes(whole, 16 + sizes[i]);
		struct tape_hash got = body_hash(&form, whole + 16, sizes[i]);

		ck_assert(hash_equal(&want, &got));
	}
	form_release(&form);
}
END_TEST

START_TEST(a_body_cut_anywhere_or_with_bytes_left_over_is_damaged)
{
	struct tape_value values[EVERY_FORM];
	struct form form;
	size_t len, canonical;

	every_form_make(&form);
	every_value(&form, values, 120);
	uint8_t *body = body_of(&form, values, NULL, &len, &canonical);
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *part = malloc(cut + 1);

		ck_assert_ptr_nonnull(part);
		memcpy(part, body, cut);
		ck_assert_int_eq(body_check(&form, part, cut, NULL, NULL),
				 TAPE_ERR_DAMAGED);
		free(part);
	}
	ck_assert_int_eq(body_check(&form, body, len + 1, NULL, NULL), TAPE_ERR_DAMAGED);
	free(body);
	form_release(&form);
}
END_TEST

static void
check_inside(const struct tape_value *value, const uint8_t *body, size_t len)
{
	const uint8_t *data = value->data;

	if (data == NULL)
		return;
	ck_assert(data >= body && data <= body + len);
	ck_assert_uint_le(value->size, (size_t)(body + len - data));
}

START_TEST(a_body_with_any_bit_flipped_can_be_read_or_is_damaged)
{
	static const size_t sizes[] = { 8, 120 };
	struct tape_value values[EVERY_FORM], got[EVERY_FORM];
	struct form form;
	size_t len, canonical;

	every_form_make(&form);
	for (size_t k = 0; k < 2; k++) {
		every_value(&form, values, sizes[k]);
		uint8_t *body = body_of(&form, values, NULL, &len, &canonical);
		for (size_t bit = 0; bit < len * 8; bit++) {
			body[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (body_check(&form, body, len, NULL, NULL) == 0) {
				body_values(&form, body, got, NULL);
				for (uint32_t i = 0; i < EVERY_FORM; i++)
					check_inside(&got[i], body, len);
			}
			body[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		free(body);
	}
	form_release(&form);
}
END_TEST

struct bytes {
	uint8_t data[2048];
	size_t len;
};

static void
put(struct bytes *b, uint64_t value, size_t width)
{
	for (size_t i = 0; i < width; i++)
		b->data[b->len++] = (uint8_t)(value >> 8 * i);
}

/* A body with one array: the head as given, then `content` zero bytes. */
static int
check_array(uint64_t size, unsigned dtype, unsigned ndim, unsigned order,
	    unsigned reserved, const uint64_t *dims, size_t content)
{
	struct form_var var = { .name = "a", .type = TAPE_ARRAY_T };
	struct bytes b = { .len = 0 };
	struct form form;
	int status;

	ck_assert_int_eq(form_build(1, "", 0, "", NULL, 0, &var, 1, &form, NULL), 0);
	put(&b, size, 8);
	put(&b, dtype, 1);
	put(&b, ndim, 1);
	put(&b, order, 1);
	put(&b, reserved, 1);
	for (unsigned i = 0; i < ndim; i++)
		put(&b, dims[i], 8);
	for (size_t i = 0; i < content; i++)
		put(&b, 0, 1);
	status = body_check(&form, b.data, b.len, NULL, NULL);
	form_release(&form);
	return status;
}

START_TEST(arrays_whose_head_is_impossible_are_damaged)
{
	const uint64_t two[8] = { 2, 3, 1, 1, 1, 1, 1, 1 };
	const uint64_t nine[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	const uint64_t wrap[2] = { 1ull << 32, 1ull << 32 }; /* 2^64 is 0 in 64 bits */
	const uint64_t hollow[3] = { 1ull << 62, 1ull << 62, 0 };
	const uint64_t none[2] = { 1000, 0 };
	const uint64_t none_first[3] = { 0, 1ull << 62, 1ull << 62 };
	const uint64_t half[2] = { 1ull << 63, 0 };
	const uint64_t most[2] = { 1ull << 20, 0 };
	const uint64_t idle[2] = { (1ull << 20) + 1, 0 }; /* a million empty lists */

	ck_assert_int_eq(check_array(48, TAPE_F8, 2, 0, 0, two, 48), 0);
	ck_assert_int_eq(check_array(48, TAPE_F8, 2, 1, 0, two, 48), 0);
	ck_assert_int_eq(check_array(48, TAPE_F8, 8, 0, 0, two, 48), 0);
	ck_assert_int_eq(check_array(0, TAPE_F8, 2, 0, 0, none, 0), 0);
	ck_assert_int_eq(check_array(48, TAPE_F8, 2, 2, 0, two, 48), TAPE_ERR_DAMAGED);
	ck_assert_int_eq(check_array(48, TAPE_F8, 2, 0, 1, two, 48), TAPE_ERR_DAMAGED);
	ck_assert_int_eq(check_array(16, TAPE_F8, 1, 1, 0, two, 16), TAPE_ERR_DAMAGED);
	ck_assert_int_eq(check_array(48, 0, 2, 0, 0, two, 48), TAPE_ERR_DAMAGED);
	ck_assert_int_eq(check_array(48, 15, 2, 0, 0, two, 48), TAPE_ERR_DAMAGED);
	ck_assert_int_eq(check_array(8, TAPE_F8, 0, 0, 0, two, 8), TAPE_ERR_DAMAGED);
	ck_assert_int_eq(check_array(1, TAPE_U1, 9, 0, 0, nine, 1), TAPE_ERR_DAMAGED);
	ck_assert_int_eq(check_array(47, TAPE_F8, 2, 0, 0, two, 47), TAPE_ERR_DAMAGED);
	ck_assert_int_eq(check_array(0, TAPE_U1, 2, 0, 0, wrap, 0), TAPE_ERR_DAMAGED);
	ck_assert_int_eq(check_array(0, TAPE_U1, 3, 0, 0, hollow, 0), TAPE_ERR_DAMAGED);
	ck_assert_int_eq(check_array(0, TAPE_U1, 3, 0, 0, none_first, 0),
			 TAPE_ERR_DAMAGED);
	ck_assert_int_eq(check_array(0, TAPE_U1, 2, 0, 0, half, 0), TAPE_ERR_DAMAGED);
	ck_assert_int_eq(check_array(0, TAPE_U1, 2, 0, 0, most, 0), 0);
	ck_assert_int_eq(check_array(0, TAPE_U1, 2, 0, 0, idle, 0), TAPE_ERR_DAMAGED);
}
END_TEST

START_TEST(huge_lengths_are_damaged)
{
	struct form_var vars[] = { { .name = "a", .type = TAPE_BYTES_T },
				   { .name = "b", .type = TAPE_BYTES_T } };
	const uint64_t lengths[] = { 66,	 1ull << 20, INT64_MAX,
				     1ull << 63, UINT64_MAX, UINT64_MAX - 40 };
	struct form form;

	ck_assert_int_eq(form_build(1, "", 0, "", NULL, 0, vars, 2, &form, NULL), 0);
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		struct bytes b = { .len = 0 };

		put(&b, lengths[i], 8);
		put(&b, 0, 8), put(&b, 0, 8);
		put(&b, 0 - lengths[i] + 65, 8); /* the sum would wrap round to 65 */
		put(&b, 0, 8), put(&b, 0, 8);
		for (unsigned k = 0; k < 65; k++)
			put(&b, 0, 1);
		ck_assert_int_eq(body_check(&form, b.data, b.len, NULL, NULL),
				 TAPE_ERR_DAMAGED);
	}
	form_release(&form);
}
END_TEST

START_TEST(lengths_whose_sum_wraps_round_are_damaged)
{
	struct form_var vars[] = { { .name = "a", .type = TAPE_BYTES_T },
				   { .name = "b", .type = TAPE_BYTES_T },
				   { .name = "c", .type = TAPE_BYTES_T } };
	const uint64_t lengths[3] = { INT64_MAX, INT64_MAX, 67 }; /* 2^64 + 65 */
	struct bytes b = { .len = 0 };
	struct form form;

	ck_assert_int_eq(form_build(1, "", 0, "", NULL, 0, vars, 3, &form, NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		put(&b, lengths[i], 8);
		put(&b, 0, 8), put(&b, 0, 8);
	}
	for (unsigned k = 0; k < 65; k++)
		put(&b, 0, 1);
	ck_assert_int_eq(body_check(&form, b.data, b.len, NULL, NULL), TAPE_ERR_DAMAGED);
	form_release(&form);
}
END_TEST

START_TEST(a_bool_is_0_or_1)
{
	struct form_var var = { .name = "f", .type = TAPE_BOOL };
	struct form form;

	ck_assert_int_eq(form_build(1, "", 0, "", NULL, 0, &var, 1, &form, NULL), 0);
	for (unsigned i = 0; i < 256; i++) {
		uint8_t byte = (uint8_t)i;

		ck_assert_int_eq(body_check(&form, &byte, 1, NULL, NULL),
				 i < 2 ? 0 : TAPE_ERR_DAMAGED);
	}
	form_release(&form);
}
END_TEST

START_TEST(values_that_do_not_fit_their_form_are_not_written)
{
	struct form_var var = { .name = "a", .type = TAPE_ARRAY_T };
	const uint64_t dims[1] = { 100 };
	struct tape_value value = testwriter_array(TAPE_U1, big, 1, dims, false);
	struct form form;
	uint8_t buf[256];

	ck_assert_int_eq(form_build(1, "", 0, "", NULL, 0, &var, 1, &form, NULL), 0);
	int64_t size = body_write(&form, &value, NULL, buf, sizeof buf, NULL, NULL);
	ck_assert_int_eq(size, 8 + 4 + 8 + 16 + 100);
	ck_assert_int_eq(
		body_write(&form, &value, NULL, buf, (size_t)size - 1, NULL, NULL),
		TAPE_ERR_MISUSE);
	value.size = 99;
	ck_assert_int_eq(body_write(&form, &value, NULL, buf, sizeof buf, NULL, NULL),
			 TAPE_ERR_MISUSE);
	value.size = 100;
	value.data = NULL;
	ck_assert_int_eq(body_write(&form, &value, NULL, buf, sizeof buf, NULL, NULL),
			 TAPE_ERR_MISUSE);
	value.type = TAPE_BYTES_T;
	ck_assert_int_eq(body_write(&form, &value, NULL, buf, sizeof buf, NULL, NULL),
			 TAPE_ERR_MISUSE);
	form_release(&form);
}
END_TEST

static TCase *
bodies(void)
{
	TCase *tc = tcase_create("bodies");

	tcase_add_test(tc, values_of_every_type_and_size_read_back);
	tcase_add_test(tc,
		       the_hash_of_a_scope_does_not_depend_on_where_values_are_stored);
	tcase_add_test(tc, a_scope_hash_is_that_of_head16_and_canonical_part);
	tcase_add_test(tc, a_body_cut_anywhere_or_with_bytes_left_over_is_damaged);
	tcase_add_test(tc, a_body_with_any_bit_flipped_can_be_read_or_is_damaged);
	tcase_add_test(tc, arrays_whose_head_is_impossible_are_damaged);
	tcase_add_test(tc, huge_lengths_are_damaged);
	tcase_add_test(tc, lengths_whose_sum_wraps_round_are_damaged);
	tcase_add_test(tc, a_bool_is_0_or_1);
	tcase_add_test(tc, values_that_do_not_fit_their_form_are_not_written);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("body");

	suite_add_tcase(suite, bodies());
	return suite_run(suite);
}
