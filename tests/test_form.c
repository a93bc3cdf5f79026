/* SPDX-License-Identifier: Apache-2.0 */
/* Forms and bodies: what is written reads back, and nothing else decodes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "format/le.h"
#include "format/limits.h"
#include "tests/support/suite.h"
#include "tests/support/testwriter.h"

static const char *const labels[] = { "run:17", "d\xc3\xa9j\xc3\xa0 vu", "iter" };
static struct form_enumerator phases[] = { { -1, "lost" },
					   { 0, "lag" },
					   { 7, "growth" } };

/* One variable of each type, in an order that is not that of their names. */
static const struct form_var every_var[] = {
	{ .name = "z", .unit = "m/s", .type = TAPE_F64 },
	{ .name = "phase",
	  .unit = "",
	  .type = TAPE_I64,
	  .enumerator_count = 3,
	  .enumerators = phases },
	{ .name = "nothing", .unit = "", .type = TAPE_NULL },
	{ .name = "gone", .unit = "", .type = TAPE_ABSENT },
	{ .name = "flag", .unit = "", .type = TAPE_BOOL },
	{ .name = "count", .unit = "1", .type = TAPE_U64 },
	{ .name = "single", .unit = "", .type = TAPE_F32 },
	{ .name = "cd", .unit = "", .type = TAPE_C16 },
	{ .name = "cf", .unit = "", .type = TAPE_C8 },
	{ .name = "text", .unit = "", .type = TAPE_STR },
	{ .name = "raw", .unit = "", .type = TAPE_BYTES_T },
	{ .name = "field", .unit = "g/L", .type = TAPE_ARRAY_T },
	{ .name = "stored", .unit = "", .type = TAPE_ARRAY_T, .store = TAPE_AS_BLOB },
	{ .name = "counted", .unit = "", .type = TAPE_BYTES_T, .store = TAPE_AS_HASH },
	{ .name = "Z", .unit = "", .type = TAPE_STR },
};
#define EVERY (sizeof every_var / sizeof every_var[0])

static void
every_form(struct form *form)
{
	struct tape_error err;

	ck_assert_msg(form_build(5, "src/model.c", 4711, "step", labels, 3, every_var,
				 EVERY, form, &err) == 0,
		      "%s", err.message);
}

static uint8_t *
record_of(const struct form *form, size_t *len)
{
	uint8_t *record;

	*len = form_record_size(form);
	record = malloc(*len);
	ck_assert_ptr_nonnull(record);
	form_record_write(form, record);
	return record;
}

static void
check_var_equal(const struct form_var *a, const struct form_var *b)
{
	ck_assert_str_eq(a->name, b->name);
	ck_assert_str_eq(a->unit, b->unit);
	ck_assert_uint_eq(a->name_len, b->name_len);
	ck_assert_uint_eq(a->type, b->type);
	ck_assert_uint_eq(a->store, b->store);
	ck_assert_uint_eq(a->capture_index, b->capture_index);
	ck_assert_uint_eq(a->offset, b->offset);
	ck_assert_uint_eq(a->enumerator_count, b->enumerator_count);
	for (uint32_t i = 0; i < a->enumerator_count; i++) {
		ck_assert_int_eq(a->enumerators[i].number, b->enumerators[i].number);
		ck_assert_str_eq(a->enumerators[i].name, b->enumerators[i].name);
	}
}

START_TEST(a_form_reads_back_as_it_was_built)
{
	struct form built, read;
	size_t len;

	every_form(&built);
	uint8_t *record = record_of(&built, &len);
	ck_assert_uint_eq(get_le32(record), len);
	ck_assert_uint_eq(get_le32(record + 4), 5u << 8 | RECORD_FORM);
	ck_assert_int_eq(form_decode(record + 8, len - 8, 5, &read, NULL), 0);
	ck_assert_uint_eq(read.number, 5);
	ck_assert_uint_eq(read.line, 4711);
	ck_assert_str_eq(read.file, "src/model.c");
	ck_assert_str_eq(read.func, "step");
	ck_assert_uint_eq(read.label_count, 3);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_str_eq(read.labels[i], labels[i]);
	ck_assert_uint_eq(read.var_count, EVERY);
	for (uint32_t i = 0; i < EVERY; i++) {
		check_var_equal(&built.vars[i], &read.vars[i]);
		ck_assert_uint_eq(built.canonical[i], read.canonical[i]);
	}
	ck_assert_uint_eq(read.fixed_count, built.fixed_count);
	ck_assert_uint_eq(read.fixed_bytes, built.fixed_bytes);
	ck_assert(hash_equal(&read.head16, &built.head16));
	ck_assert(form_same_content(&read, &built));
	form_release(&built);
	form_release(&read);
	form_release(&read); /* twice is fine */
	free(record);
}
END_TEST

START_TEST(variables_stand_in_name_order_and_canonical_order)
{
	static const char *const canonical[] = { "cd",	 "cf",	    "count",   "flag",
						 "gone", "nothing", "phase",   "single",
						 "z",	 "Z",	    "counted", "field",
						 "raw",	 "stored",  "text" };
	struct form form;

	every_form(&form);
	for (uint32_t i = 1; i < form.var_count; i++)
		ck_assert_int_lt(strcmp(form.vars[i - 1].name, form.vars[i].name), 0);
	for (uint32_t i = 0; i < form.var_count; i++) {
		const struct form_var *var = &form.vars[form.canonical[i]];

		ck_assert_str_eq(var->name, canonical[i]);
		ck_assert_str_eq(every_var[var->capture_index].name, var->name);
	}
	ck_assert_uint_eq(form.fixed_count, 9);
	ck_assert_uint_eq(form.fixed_bytes, 16 + 8 + 8 + 1 + 1 + 0 + 8 + 4 + 8);
	form_release(&form);
}
END_TEST

START_TEST(a_variable_is_found_by_its_whole_name_only)
{
	struct form form;

	every_form(&form);
	for (uint32_t i = 0; i < form.var_count; i++) {
		const char *name = form.vars[i].name;

		ck_assert_int_eq(form_find(&form, name, strlen(name)), i);
		ck_assert_int_eq(form_find(&form, name, strlen(name) - 1), -1);
	}
	ck_assert_int_eq(form_find(&form, "phases", 6), -1);
	ck_assert_int_eq(form_find(&form, "", 0), -1);
	form_release(&form);
}
END_TEST

START_TEST(site_unit_store_and_capture_order_are_not_content)
{
	struct form_var vars[] = { { .name = "a", .unit = "", .type = TAPE_STR },
				   { .name = "b", .unit = "", .type = TAPE_I64 } };
	struct form a, b;

	ck_assert_int_eq(form_build(1, "x.c", 1, "f", labels, 1, vars, 2, &a, NULL), 0);
	struct form_var other[] = { vars[1], vars[0] };
	other[0].unit = "m";
	other[1].store = TAPE_AS_HASH;
	ck_assert_int_eq(form_build(9, "y.c", 2, "g", labels, 1, other, 2, &b, NULL), 0);
	ck_assert(form_same_content(&a, &b));
	form_release(&b);
	ck_assert_int_eq(form_build(1, "x.c", 1, "f", labels, 2, vars, 2, &b, NULL), 0);
	ck_assert(!form_same_content(&a, &b));
	form_release(&b);
	ck_assert_int_eq(form_build(1, "x.c", 1, "f", labels + 1, 1, vars, 2, &b, NULL),
			 0);
	ck_assert(!form_same_content(&a, &b));
	form_release(&b);
	vars[1].type = TAPE_U64;
	ck_assert_int_eq(form_build(1, "x.c", 1, "f", labels, 1, vars, 2, &b, NULL), 0);
	ck_assert(!form_same_content(&a, &b));
	form_release(&b);
	vars[1].type = TAPE_I64;
	vars[1].name = "c";
	ck_assert_int_eq(form_build(1, "x.c", 1, "f", labels, 1, vars, 2, &b, NULL), 0);
	ck_assert(!form_same_content(&a, &b));
	form_release(&a);
	form_release(&b);
}
END_TEST

static int
build_one(struct form_var var, size_t label_count)
{
	const char *many[LIMIT_LABELS + 1];
	struct form form;
	struct tape_error err = { 0 };
	int status;

	for (size_t i = 0; i <= LIMIT_LABELS; i++)
		many[i] = "l";
	status = form_build(1, "a.c", 1, "f", many, label_count, &var, 1, &form, &err);
	ck_assert_int_eq(status, err.status);
	if (status == 0)
		form_release(&form);
	return status;
}

START_TEST(what_is_no_form_is_not_built)
{
	char name[LIMIT_NAME + 2], site[LIMIT_SITE_TEXT + 2];
	struct form_var twice[2] = { { .name = "a", .type = TAPE_I64 },
				     { .name = "a", .type = TAPE_F64 } };
	struct form_var one = { .name = name, .type = TAPE_I64 };
	const char *empty = "";
	struct form form;

	memset(name, 'n', sizeof name);
	name[LIMIT_NAME] = '\0';
	ck_assert_int_eq(build_one(one, LIMIT_LABELS), 0);
	ck_assert_int_eq(build_one(one, LIMIT_LABELS + 1), TAPE_ERR_LIMIT);
	name[LIMIT_NAME] = 'n';
	name[LIMIT_NAME + 1] = '\0';
	ck_assert_int_eq(build_one(one, 0), TAPE_ERR_LIMIT);
	one.name = "";
	ck_assert_int_eq(build_one(one, 0), TAPE_ERR_MISUSE);
	one.name = "x";
	one.type = 9;
	ck_assert_int_eq(build_one(one, 0), TAPE_ERR_MISUSE);
	one.type = TAPE_I64;
	one.store = TAPE_AS_BLOB;
	ck_assert_int_eq(build_one(one, 0), TAPE_ERR_MISUSE);
	ck_assert_int_eq(form_build(1, "", 1, "", NULL, 0, twice, 2, &form, NULL),
			 TAPE_ERR_MISUSE);
	ck_assert_int_eq(form_build(1, "", 1, "", &empty, 1, NULL, 0, &form, NULL),
			 TAPE_ERR_MISUSE);
	ck_assert_int_eq(form_build(0, "", 1, "", NULL, 0, NULL, 0, &form, NULL),
			 TAPE_ERR_LIMIT);
	ck_assert_int_eq(
		form_build(LIMIT_FORMS + 1, "", 1, "", NULL, 0, NULL, 0, &form, NULL),
		TAPE_ERR_LIMIT);
	memset(site, 's', sizeof site);
	site[LIMIT_SITE_TEXT + 1] = '\0';
	ck_assert_int_eq(form_build(1, site, 1, "", NULL, 0, NULL, 0, &form, NULL),
			 TAPE_ERR_LIMIT);
	ck_assert_int_eq(form_build(1, site + 1, 1, "", NULL, 0, NULL, 0, &form, NULL),
			 0);
	form_release(&form);
}
END_TEST

START_TEST(a_form_cut_anywhere_is_damaged)
{
	struct form built, read;
	size_t len;

	every_form(&built);
	uint8_t *record = record_of(&built, &len);
	for (size_t cut = 0; cut + 8 < len; cut++) {
		struct tape_error err = { 0 };
		uint8_t *part = malloc(cut + 1); /* so that a read behind it shows */

		ck_assert_ptr_nonnull(part);
		memcpy(part, record + 8, cut);
		ck_assert_int_eq(form_decode(part, cut, 5, &read, &err),
				 TAPE_ERR_DAMAGED);
		ck_assert_ptr_nonnull(strstr(err.message, "form 5"));
		free(part);
	}
	free(record);
	form_release(&built);
}
END_TEST

START_TEST(a_form_with_any_bit_flipped_decodes_to_a_form_or_not_at_all)
{
	struct form built, read;
	size_t len;

	every_form(&built);
	uint8_t *record = record_of(&built, &len);
	for (size_t bit = 0; bit < (len - 8) * 8; bit++) {
		record[8 + bit / 8] ^= (uint8_t)(1u << bit % 8);
		int status = form_decode(record + 8, len - 8, 5, &read, NULL);
		ck_assert(status == 0 || status == TAPE_ERR_DAMAGED ||
			  status == TAPE_ERR_TOO_NEW);
		if (status == 0) {
			/* What it takes, it can write, to the same bytes. */
			ck_assert_uint_eq(form_record_size(&read), len);
			uint8_t *again = malloc(len);
			ck_assert_ptr_nonnull(again);
			form_record_write(&read, again);
			ck_assert_mem_eq(again + 8, record + 8, len - 8);
			free(again);
			form_release(&read);
		}
		record[8 + bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	free(record);
	form_release(&built);
}
END_TEST

/* ---- hostile FORM records, by hand ---- */

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

static void
put_name(struct bytes *b, const char *text, size_t len)
{
	put(b, len, 2);
	memcpy(b->data + b->len, text, len);
	b->len += len;
}

static struct bytes
hostile_head(unsigned label_count, uint32_t var_count)
{
	struct bytes b = { .len = 0 };

	put(&b, 1, 4);
	put_name(&b, "a.c", 3);
	put_name(&b, "", 0);
	put(&b, label_count, 2);
	for (unsigned i = 0; i < label_count && i < 100; i++)
		put_name(&b, "l", 1);
	put(&b, var_count, 4);
	return b;
}

static void
hostile_var(struct bytes *b, unsigned type, unsigned store, const char *name, size_t len)
{
	put(b, type, 1);
	put(b, store, 1);
	put(b, 0, 2);
	put_name(b, name, len);
	put_name(b, "", 0);
	put(b, 0, 2);
}

static int
decode_bytes(const struct bytes *b)
{
	struct form form = { 0 };
	int status = form_decode(b->data, b->len, 1, &form, NULL);

	if (status < 0)
		ck_assert_ptr_null(form.memory);
	form_release(&form);
	return status;
}

START_TEST(counts_that_the_bytes_do_not_bear_out_are_damage)
{
	struct bytes b = hostile_head(1, 65536);

	ck_assert_int_eq(decode_bytes(&b), TAPE_ERR_DAMAGED);
	b = hostile_head(1, 0xffffffff);
	ck_assert_int_eq(decode_bytes(&b), TAPE_ERR_DAMAGED);
	b = hostile_head(65, 0);
	ck_assert_int_eq(decode_bytes(&b), TAPE_ERR_DAMAGED);
	b = hostile_head(64, 0);
	ck_assert_int_eq(decode_bytes(&b), 0);
	b = hostile_head(1, 1);
	hostile_var(&b, TAPE_I64, 0, "x", 1);
	ck_assert_int_eq(decode_bytes(&b), 0);
	b.data[b.len - 2] = b.data[b.len - 1] = 0xff; /* 65,535 enumerators */
	ck_assert_int_eq(decode_bytes(&b), TAPE_ERR_DAMAGED);
}
END_TEST

START_TEST(names_must_be_there_distinct_sorted_and_without_nul)
{
	static const struct {
		const char *first, *second;
		size_t first_len, second_len;
		int status;
	} cases[] = {
		{ "a", "b", 1, 1, 0 },
		{ "a", "ab", 1, 2, 0 },
		{ "z", "\xc3\xa9", 1, 2, 0 }, /* by bytes, unsigned */
		{ "b", "a", 1, 1, TAPE_ERR_DAMAGED },
		{ "ab", "a", 2, 1, TAPE_ERR_DAMAGED },
		{ "a", "a", 1, 1, TAPE_ERR_DAMAGED },
		{ "", "a", 0, 1, TAPE_ERR_DAMAGED },
		{ "a", "b\0c", 1, 3, TAPE_ERR_DAMAGED },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct bytes b = hostile_head(0, 2);

		hostile_var(&b, TAPE_I64, 0, cases[i].first, cases[i].first_len);
		hostile_var(&b, TAPE_F64, 0, cases[i].second, cases[i].second_len);
		ck_assert_msg(decode_bytes(&b) == cases[i].status, "case %zu", i);
	}
}
END_TEST

START_TEST(unknown_types_and_stores_are_too_new_and_not_damage)
{
	for (unsigned type = 0; type < 256; type++) {
		bool fixed = type <= TAPE_C8;
		bool known = fixed || (type >= TAPE_STR && type <= TAPE_ARRAY_T);

		for (unsigned store = 0; store < 5; store++) {
			struct bytes b = hostile_head(0, 1);
			int expected = !known || store > 2   ? TAPE_ERR_TOO_NEW
				       : fixed && store != 0 ? TAPE_ERR_DAMAGED
							     : 0;

			hostile_var(&b, type, store, "x", 1);
			ck_assert_msg(decode_bytes(&b) == expected, "type %u store %u",
				      type, store);
		}
	}
}
END_TEST

START_TEST(a_shape_of_65536_variables_is_a_form_and_one_more_is_not)
{
	struct form_var *vars = calloc(LIMIT_VARS + 1, sizeof *vars);
	char(*names)[8] = calloc(LIMIT_VARS + 1, sizeof *names);
	struct form built, read;
	size_t len;

	ck_assert_ptr_nonnull(vars);
	ck_assert_ptr_nonnull(names);
	for (size_t i = 0; i <= LIMIT_VARS; i++) {
		(void)snprintf(names[i], sizeof names[i], "v%zu", i);
		vars[i].name = names[i];
		vars[i].type = i % 2 ? TAPE_I64 : TAPE_BYTES_T;
	}
	ck_assert_int_eq(
		form_build(1, "", 0, "", NULL, 0, vars, LIMIT_VARS + 1, &built, NULL),
		TAPE_ERR_LIMIT);
	ck_assert_int_eq(
		form_build(1, "", 0, "", NULL, 0, vars, LIMIT_VARS, &built, NULL), 0);
	uint8_t *record = record_of(&built, &len);
	ck_assert_int_eq(form_decode(record + 8, len - 8, 1, &read, NULL), 0);
	ck_assert(form_same_content(&built, &read));
	ck_assert_int_ge(form_find(&read, "v65535", 6), 0);
	form_release(&built);
	form_release(&read);
	free(record);
	free(vars);
	free(names);
}
END_TEST

/* ---- bodies ---- */

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
	struct tape_value want[EVERY], got[EVERY], one;
	struct body_hint hints[EVERY], read[EVERY], hint;
	struct form form;

	every_form(&form);
	for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
		size_t len, canonical, checked;

		every_value(&form, want, sizes[k]);
		for (uint32_t i = 0; i < EVERY; i++) {
			hints[i].segment = BODY_BLOB_SEGMENT | i;
			hints[i].offset = 1000 + i;
		}
		uint8_t *body = body_of(&form, want, hints, &len, &canonical);
		ck_assert_int_eq(body_check(&form, body, len, &checked, NULL), 0);
		ck_assert_uint_eq(checked, canonical);
		memset(read, 0, sizeof read);
		body_values(&form, body, got, read);
		for (uint32_t i = 0; i < EVERY; i++) {
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
	struct tape_value values[EVERY];
	struct form_var vars[EVERY];
	struct tape_hash hashes[3];
	size_t len, canonical;

	for (unsigned store = 0; store < 3; store++) {
		struct form form;

		memcpy(vars, every_var, sizeof vars);
		for (size_t i = 0; i < EVERY; i++)
			if (vars[i].type >= TAPE_STR)
				vars[i].store = (uint8_t)store;
		ck_assert_int_eq(
			form_build(1, "", 0, "", labels, 3, vars, EVERY, &form, NULL), 0);
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

	every_form(&form);
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
	struct tape_value values[EVERY];
	struct form form;
	size_t len, canonical;

	every_form(&form);
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
	struct tape_value values[EVERY], got[EVERY];
	struct form form;
	size_t len, canonical;

	every_form(&form);
	for (size_t k = 0; k < 2; k++) {
		every_value(&form, values, sizes[k]);
		uint8_t *body = body_of(&form, values, NULL, &len, &canonical);
		for (size_t bit = 0; bit < len * 8; bit++) {
			body[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (body_check(&form, body, len, NULL, NULL) == 0) {
				body_values(&form, body, got, NULL);
				for (uint32_t i = 0; i < EVERY; i++)
					check_inside(&got[i], body, len);
			}
			body[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		free(body);
	}
	form_release(&form);
}
END_TEST

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
forms(void)
{
	TCase *tc = tcase_create("forms");

	tcase_add_test(tc, a_form_reads_back_as_it_was_built);
	tcase_add_test(tc, variables_stand_in_name_order_and_canonical_order);
	tcase_add_test(tc, a_variable_is_found_by_its_whole_name_only);
	tcase_add_test(tc, site_unit_store_and_capture_order_are_not_content);
	tcase_add_test(tc, what_is_no_form_is_not_built);
	tcase_add_test(tc, a_form_cut_anywhere_is_damaged);
	tcase_add_test(tc, a_form_with_any_bit_flipped_decodes_to_a_form_or_not_at_all);
	tcase_add_test(tc, counts_that_the_bytes_do_not_bear_out_are_damage);
	tcase_add_test(tc, names_must_be_there_distinct_sorted_and_without_nul);
	tcase_add_test(tc, unknown_types_and_stores_are_too_new_and_not_damage);
	tcase_add_test(tc, a_shape_of_65536_variables_is_a_form_and_one_more_is_not);
	return tc;
}

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
	tcase_add_test(tc, a_bool_is_0_or_1);
	tcase_add_test(tc, values_that_do_not_fit_their_form_are_not_written);
	return tc;
}

int
main(void)
{
	Suite *suite = suite_create("form");

	suite_add_tcase(suite, forms());
	suite_add_tcase(suite, bodies());
	return suite_run(suite);
}
