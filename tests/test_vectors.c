/* SPDX-License-Identifier: Apache-2.0 */
/* tests/data/hash-vectors.jsonl: made by the Python decoder, checked here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <yajl/yajl_tree.h>

#include "format/hash.h"
#include "format/le.h"
#include "tests/support/suite.h"
#include "tests/support/testwriter.h"

#define VARS_MAX 16

struct vector {
	yajl_val json;
	const char *labels[16];
	size_t label_count, var_count;
	struct form_var vars[VARS_MAX];
	struct tape_value values[VARS_MAX]; /* as vars */
	uint8_t *bytes[VARS_MAX];
};

static yajl_val
member(yajl_val object, const char *name)
{
	const char *path[] = { name, NULL };
	yajl_val found = yajl_tree_get(object, path, yajl_t_any);

	ck_assert_msg(found != NULL, "no \"%s\"", name);
	return found;
}

static const char *
member_text(yajl_val object, const char *name)
{
	const char *text = YAJL_GET_STRING(member(object, name));

	ck_assert_ptr_nonnull(text);
	return text;
}

static uint8_t *
from_hex(const char *hex, size_t *len)
{
	uint8_t *bytes;

	*len = strlen(hex) / 2;
	bytes = malloc(*len + 1);
	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < *len; i++) {
		unsigned byte;

		ck_assert_int_eq(sscanf(hex + 2 * i, "%2x", &byte), 1);
		bytes[i] = (uint8_t)byte;
	}
	return bytes;
}

static uint8_t
type_of(const char *name)
{
	static const struct {
		const char *name;
		uint8_t type;
	} types[] = { { "null", TAPE_NULL },	 { "absent", TAPE_ABSENT },
		      { "bool", TAPE_BOOL },	 { "i64", TAPE_I64 },
		      { "u64", TAPE_U64 },	 { "f64", TAPE_F64 },
		      { "f32", TAPE_F32 },	 { "c16", TAPE_C16 },
		      { "c8", TAPE_C8 },	 { "str", TAPE_STR },
		      { "bytes", TAPE_BYTES_T }, { "array", TAPE_ARRAY_T } };

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strcmp(types[i].name, name) == 0)
			return types[i].type;
	ck_abort_msg("no type \"%s\"", name);
}

static double
single(const uint8_t *at)
{
	float f;

	memcpy(&f, at, sizeof f);
	return (double)f;
}

static void
value_from(yajl_val var, uint8_t *bytes, size_t len, struct tape_value *out)
{
	memset(out, 0, sizeof *out);
	out->type = type_of(member_text(var, "type"));
	if (out->type >= TAPE_STR) {
		out->data = bytes;
		out->size = len;
	}
	if (out->type == TAPE_ARRAY_T) {
		yajl_val dims = member(var, "dims");

		out->dtype = (uint8_t)tape_dtype_parse(member_text(var, "dtype"));
		out->fortran = strcmp(member_text(var, "order"), "F") == 0;
		out->ndim = (uint8_t)YAJL_GET_ARRAY(dims)->len;
		for (unsigned i = 0; i < out->ndim; i++)
			out->dims[i] = (uint64_t)YAJL_GET_INTEGER(
				YAJL_GET_ARRAY(dims)->values[i]);
	} else if (out->type == TAPE_ABSENT) {
		out->absent = bytes[0];
	} else if (out->type == TAPE_BOOL) {
		out->as.i = bytes[0];
	} else if (out->type == TAPE_I64 || out->type == TAPE_U64) {
		out->as.u = get_le64(bytes);
	} else if (out->type == TAPE_F64) {
		memcpy(&out->as.f, bytes, 8);
	} else if (out->type == TAPE_C16) {
		memcpy(out->as.c, bytes, 16);
	} else if (out->type == TAPE_F32) {
		out->as.f = single(bytes);
	} else if (out->type == TAPE_C8) {
		out->as.c[0] = single(bytes);
		out->as.c[1] = single(bytes + 4);
	}
}

static void
vector_read(const char *line, struct vector *v)
{
	char wrong[256];
	yajl_val labels, vars;

	memset(v, 0, sizeof *v);
	v->json = yajl_tree_parse(line, wrong, sizeof wrong);
	ck_assert_msg(v->json != NULL, "%s", wrong);
	labels = member(v->json, "labels");
	vars = member(v->json, "vars");
	v->label_count = YAJL_GET_ARRAY(labels)->len;
	v->var_count = YAJL_GET_ARRAY(vars)->len;
	ck_assert_uint_le(v->label_count, 16);
	ck_assert_uint_le(v->var_count, VARS_MAX);
	for (size_t i = 0; i < v->label_count; i++)
		v->labels[i] = YAJL_GET_STRING(YAJL_GET_ARRAY(labels)->values[i]);
	for (size_t i = 0; i < v->var_count; i++) {
		yajl_val var = YAJL_GET_ARRAY(vars)->values[i];
		size_t len;

		v->bytes[i] = from_hex(member_text(var, "bytes"), &len);
		value_from(var, v->bytes[i], len, &v->values[i]);
		v->vars[i].name = member_text(var, "name");
		v->vars[i].type = v->values[i].type;
	}
}

static void
vector_release(struct vector *v)
{
	for (size_t i = 0; i < v->var_count; i++)
		free(v->bytes[i]);
	yajl_tree_free(v->json);
}

static void
check_hash(const struct vector *v, const char *name, const struct tape_hash *hash)
{
	char text[TAPE_HASH_TEXT];

	tape_hash_text(hash, text);
	ck_assert_str_eq(text, member_text(v->json, name));
}

static void
check_head(const struct vector *v, const struct form *form)
{
	size_t len;
	uint8_t *want = from_hex(member_text(v->json, "head"), &len);
	uint8_t *head = malloc(form_head_size(form));

	ck_assert_ptr_nonnull(head);
	ck_assert_uint_eq(form_head_size(form), len);
	form_head_write(form, head);
	ck_assert_mem_eq(head, want, len);
	check_hash(v, "head16", &form->head16);
	free(head);
	free(want);
}

/* store: where the variable-width values are said to be; it must not matter. */
static void
check_vector(const struct vector *v, uint8_t store)
{
	struct form_var captured[VARS_MAX];
	struct form form;
	struct tape_hash hash;
	size_t len, canonical, checked;

	for (size_t i = 0; i < v->var_count; i++) {
		captured[i] = v->vars[v->var_count - 1 - i];
		captured[i].store = captured[i].type >= TAPE_STR ? store : 0;
	}
	ck_assert_int_eq(form_build(1, "a.c", 1, "f", v->labels, v->label_count, captured,
				    v->var_count, &form, NULL),
			 0);
	check_head(v, &form);
	int64_t size = body_write(&form, v->values, NULL, NULL, 0, NULL, NULL);
	ck_assert_int_ge(size, 0);
	uint8_t *body = malloc((size_t)size + 1);
	ck_assert_ptr_nonnull(body);
	ck_assert_int_eq(
		body_write(&form, v->values, NULL, body, (size_t)size, &canonical, NULL),
		size);
	uint8_t *want = from_hex(member_text(v->json, "canonical"), &len);
	ck_assert_uint_eq(canonical, len);
	ck_assert_mem_eq(body, want, len);
	ck_assert_int_eq(body_check(&form, body, (size_t)size, &checked, NULL), 0);
	ck_assert_uint_eq(checked, canonical);
	hash = body_hash(&form, body, canonical);
	check_hash(v, "hash", &hash);
	free(want);
	free(body);
	form_release(&form);
}

START_TEST(the_hash_vectors_come_out_of_the_c_code_too)
{
	FILE *file = fopen(TESTS_DATA "/hash-vectors.jsonl", "r");
	char *line = NULL;
	size_t cap = 0, count = 0;

	ck_assert_ptr_nonnull(file);
	while (getline(&line, &cap, file) > 0) {
		struct vector v;

		vector_read(line, &v);
		for (uint8_t store = 0; store < 3; store++)
			check_vector(&v, store);
		vector_release(&v);
		count++;
	}
	free(line);
	fclose(file);
	ck_assert_uint_ge(count, 50);
}
END_TEST

START_TEST(checks_are_the_same_whatever_the_processor_has)
{
	static uint8_t data[5000];

	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * i >> 3);
	/* From short to several stripes of each kind, at any alignment. */
	for (size_t len = 0; len < sizeof data - 8; len += len % 3 + 1)
		for (uint64_t seed = 0; seed < 3; seed++)
			ck_assert_uint_eq(
				hash_check(data + len % 8, len, seed << 62),
				XXH3_64bits_withSeed(data + len % 8, len, seed << 62));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("vectors");
	TCase *tc = tcase_create("hash");

	tcase_add_test(tc, the_hash_vectors_come_out_of_the_c_code_too);
	tcase_add_test(tc, checks_are_the_same_whatever_the_processor_has);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
