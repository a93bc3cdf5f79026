/* SPDX-License-Identifier: Apache-2.0 */
/* Forms: what is written reads back, and nothing else decodes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "format/le.h"
#include "format/limits.h"
#include "format/segment.h"
#include "tests/support/every_form.h"
#include "tests/support/suite.h"

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

	every_form_make(&built);
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
		ck_assert_str_eq(read.labels[i], every_form_labels[i]);
	ck_assert_uint_eq(read.var_count, EVERY_FORM);
	for (uint32_t i = 0; i < EVERY_FORM; i++) {
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

	every_form_make(&form);
	for (uint32_t i = 1; i < form.var_count; i++)
		ck_assert_int_lt(strcmp(form.vars[i - 1].name, form.vars[i].name), 0);
	for (uint32_t i = 0; i < form.var_count; i++) {
		const struct form_var *var = &form.vars[form.canonical[i]];

		ck_assert_str_eq(var->name, canonical[i]);
		ck_assert_str_eq(every_form_vars[var->capture_index].name, var->name);
	}
	ck_assert_uint_eq(form.fixed_count, 9);
	ck_assert_uint_eq(form.fixed_bytes, 16 + 8 + 8 + 1 + 1 + 0 + 8 + 4 + 8);
	form_release(&form);
}
END_TEST

START_TEST(a_variable_is_found_by_its_whole_name_only)
{
	struct form form;

	every_form_make(&form);
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

	ck_assert_int_eq(
		form_build(1, "x.c", 1, "f", every_form_labels, 1, vars, 2, &a, NULL), 0);
	struct form_var other[] = { vars[1], vars[0] };
	other[0].unit = "m";
	other[1].store = TAPE_AS_HASH;
	ck_assert_int_eq(
		form_build(9, "y.c", 2, "g", every_form_labels, 1, other, 2, &b, NULL),
		0);
	ck_assert(form_same_content(&a, &b));
	form_release(&b);
	ck_assert_int_eq(
		form_build(1, "x.c", 1, "f", every_form_labels, 2, vars, 2, &b, NULL), 0);
	ck_assert(!form_same_content(&a, &b));
	form_release(&b);
	ck_assert_int_eq(
		form_build(1, "x.c", 1, "f", every_form_labels + 1, 1, vars, 2, &b, NULL),
		0);
	ck_assert(!form_same_content(&a, &b));
	form_release(&b);
	vars[1].type = TAPE_U64;
	ck_assert_int_eq(
		form_build(1, "x.c", 1, "f", every_form_labels, 1, vars, 2, &b, NULL), 0);
	ck_assert(!form_same_content(&a, &b));
	form_release(&b);
	vars[1].type = TAPE_I64;
	vars[1].name = "c";
	ck_assert_int_eq(
		form_build(1, "x.c", 1, "f", every_form_labels, 1, vars, 2, &b, NULL), 0);
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

	every_form_make(&built);
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

	every_form_make(&built);
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

int
main(void)
{
	Suite *suite = suite_create("form");

	suite_add_tcase(suite, forms());
	return suite_run(suite);
}
