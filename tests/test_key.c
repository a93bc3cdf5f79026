/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of results: docs/format/hash.md section 4. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <yajl/yajl_tree.h>

#include "librecord/key.h"
#include "tape/record.h"
#include "tests/support/suite.h"

static void
same(struct tape_key a, struct tape_key b)
{
	ck_assert(a.lo == b.lo && a.hi == b.hi);
	ck_assert((a.lo | a.hi) != 0);
}

static void
differ(struct tape_key a, struct tape_key b)
{
	ck_assert(a.lo != b.lo || a.hi != b.hi);
	ck_assert((a.lo | a.hi) != 0);
}

static void
none(struct tape_key key)
{
	ck_assert((key.lo | key.hi) == 0);
}

/* ---- vectors ---- */

static yajl_val
member(yajl_val object, const char *name)
{
	const char *path[] = { name, NULL };
	yajl_val found = yajl_tree_get(object, path, yajl_t_any);

	ck_assert_msg(found != NULL, "no \"%s\"", name);
	return found;
}

static const char *
text_of(yajl_val object, const char *name)
{
	return YAJL_GET_STRING(member(object, name));
}

static size_t
from_hex(const char *hex, uint8_t *out)
{
	size_t len = strlen(hex) / 2;

	for (size_t i = 0; i < len; i++) {
		unsigned byte;

		ck_assert_int_eq(sscanf(hex + 2 * i, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
	}
	return len;
}

static struct tape_key
key_of_hex(const uint8_t *byte)
{
	struct tape_key key = { 0, 0 };

	for (int i = 0; i < 8; i++) {
		key.hi = key.hi << 8 | byte[i];
		key.lo = key.lo << 8 | byte[8 + i];
	}
	return key;
}

static void
put_array(struct tape_key_build *b, const char *name, yajl_val part, const uint8_t *data)
{
	struct tape_nd nd = { .data = data, .dtype = text_of(part, "dtype") };
	yajl_val dims = member(part, "dims");
	bool fortran = strcmp(text_of(part, "order"), "F") == 0;
	ptrdiff_t step = (ptrdiff_t)tape_dtype_size(tape_dtype_parse(nd.dtype));

	nd.ndim = YAJL_GET_ARRAY(dims)->len;
	for (size_t i = 0; i < nd.ndim; i++)
		nd.dims[i] = (size_t)YAJL_GET_INTEGER(YAJL_GET_ARRAY(dims)->values[i]);
	for (size_t i = 0; fortran && i < nd.ndim; i++) {
		nd.strides[i] = step;
		step *= (ptrdiff_t)nd.dims[i];
	}
	tape_key_put_nd(b, name, TAPE_NUL, &nd);
}

static void
put_part(struct tape_key_build *b, yajl_val part)
{
	const char *name = text_of(part, "name"), *type = text_of(part, "type");
	uint8_t data[512];
	size_t len = from_hex(text_of(part, "bytes"), data);
	union {
		int64_t i;
		uint64_t u;
		double f[2];
		float s[2];
	} v;

	memcpy(&v, data, len < sizeof v ? len : sizeof v);
	if (strcmp(type, "null") == 0)
		tape_key_put_null(b, name, TAPE_NUL);
	else if (strcmp(type, "bool") == 0)
		tape_key_put_bool(b, name, TAPE_NUL, data[0]);
	else if (strcmp(type, "i64") == 0)
		tape_key_put_i64(b, name, TAPE_NUL, v.i);
	else if (strcmp(type, "u64") == 0)
		tape_key_put_u64(b, name, TAPE_NUL, v.u);
	else if (strcmp(type, "f64") == 0)
		tape_key_put_f64(b, name, TAPE_NUL, v.f[0]);
	else if (strcmp(type, "f32") == 0)
		tape_key_put_f32(b, name, TAPE_NUL, v.s[0]);
	else if (strcmp(type, "c16") == 0)
		tape_key_put_c16(b, name, TAPE_NUL, v.f);
	else if (strcmp(type, "c8") == 0)
		tape_key_put_c8(b, name, TAPE_NUL, v.s);
	else if (strcmp(type, "str") == 0)
		tape_key_put_str(b, name, TAPE_NUL, (const char *)data, len);
	else if (strcmp(type, "bytes") == 0)
		tape_key_put_bytes(b, name, TAPE_NUL, data, len);
	else if (strcmp(type, "key") == 0)
		tape_key_put_key(b, name, TAPE_NUL, key_of_hex(data));
	else
		put_array(b, name, part, data);
}

static void
check_vector(const char *line)
{
	char wrong[256], text[TAPE_HASH_TEXT];
	yajl_val json = yajl_tree_parse(line, wrong, sizeof wrong), parts;
	struct tape_key_build *b;
	const uint8_t *hashed;
	uint8_t want[4096];
	struct tape_key key;
	size_t len, want_len;

	ck_assert_msg(json != NULL, "%s", wrong);
	parts = member(json, "parts");
	b = tape_key_begin(text_of(json, "name"));
	/* From the last on: the order does not count. */
	for (size_t i = YAJL_GET_ARRAY(parts)->len; i-- > 0;)
		put_part(b, YAJL_GET_ARRAY(parts)->values[i]);
	key = tape_key_end(b);
	hashed = key_remembered(key, &len);
	want_len = from_hex(text_of(json, "hashed"), want);
	ck_assert_ptr_nonnull(hashed);
	ck_assert_uint_eq(len, want_len);
	ck_assert_mem_eq(hashed, want, len);
	tape_key_text(key, text);
	ck_assert_str_eq(text, text_of(json, "key"));
	yajl_tree_free(json);
}

START_TEST(keys_are_those_of_the_test_vectors)
{
	FILE *file = fopen(TESTS_DATA "/key-vectors.jsonl", "r");
	char *line = NULL;
	size_t cap = 0, count = 0;

	ck_assert_ptr_nonnull(file);
	for (; getline(&line, &cap, file) > 0; count++)
		check_vector(line);
	free(line);
	fclose(file);
	ck_assert_uint_ge(count, 20);
}
END_TEST

/* ---- the macro ---- */

static struct tape_key
yield_key(double D, double X0, int seed)
{
	return TAPE_KEY("yield", D, X0, seed);
}

START_TEST(the_macro_makes_the_key_of_its_parts)
{
	struct tape_key_build *b = tape_key_begin("yield");
	struct tape_key want;

	tape_key_put_i64(b, "seed", 4, 7);
	tape_key_put_f64(b, "X0", 2, 0.5);
	tape_key_put_f64(b, "D", 1, 0.25);
	want = tape_key_end(b);
	/* The first call finds names, the later ones have them. */
	for (int i = 0; i < 3; i++)
		same(yield_key(0.25, 0.5, 7), want);
	differ(yield_key(0.25, 0.5, 8), want);
	differ(yield_key(0.5, 0.25, 7), want);
	same(yield_key(0.25, 0.5, 7), want);
}
END_TEST

static struct tape_key
two_ways(bool turned, unsigned char a, float x, _Bool yes, float _Complex z)
{
	return turned ? TAPE_KEY("k", z, yes, x, a) : TAPE_KEY("k", a, x, yes, z);
}

START_TEST(the_order_of_values_does_not_count)
{
	for (int i = 0; i < 3; i++)
		same(two_ways(true, 3, 1.5f, true, 2.5f),
		     two_ways(false, 3, 1.5f, true, 2.5f));
}
END_TEST

static struct tape_key
of_i8(signed char n)
{
	return TAPE_KEY("n", n);
}
static struct tape_key
of_i64(long long n)
{
	return TAPE_KEY("n", n);
}
static struct tape_key
of_u64(unsigned long long n)
{
	return TAPE_KEY("n", n);
}
static struct tape_key
of_f32(float n)
{
	return TAPE_KEY("n", n);
}
static struct tape_key
of_f64(double n)
{
	return TAPE_KEY("n", n);
}

START_TEST(integers_go_by_value_and_floats_as_doubles)
{
	for (int i = 0; i < 3; i++) {
		same(of_i8(5), of_i64(5));
		same(of_i8(5), of_u64(5));
		same(of_i8(-5), of_i64(-5));
		differ(of_i64(-1), of_u64(UINT64_MAX));
		same(of_u64(INT64_MAX), of_i64(INT64_MAX));
		differ(of_i64(5), of_f64(5));
		same(of_f32(0.1f), of_f64((double)0.1f));
		differ(of_f32(0.1f), of_f64(0.1));
		differ(of_f64(0.0), of_f64(-0.0));
	}
}
END_TEST

struct params {
	double alpha;
	int n;
	char name[8];
	float grid[2][3];
};
TAPE_DESCRIBE(params, struct params, alpha, n, name, grid);

START_TEST(a_described_structure_is_its_members)
{
	struct params p = { 0.5, 3, "abc", { { 1, 2, 3 }, { 4, 5, 6 } } };
	struct params q = p;
	double alpha = p.alpha;
	int n = p.n;
	char name[8] = "abc";
	struct tape_key whole = TAPE_KEY("p", TAPE_OF(params, &p));

	memset(q.name, 'x', sizeof q.name);
	memcpy(q.name, "abc", 4); /* what is behind the NUL is no content */
	same(whole, TAPE_KEY("p", TAPE_OF(params, &q)));
	same(whole, TAPE_KEY("p", alpha, n, name,
			     TAPE_AS("grid", TAPE_ARRAY(&p.grid[0][0], 2, 3))));
	q.grid[1][2] = 7;
	differ(whole, TAPE_KEY("p", TAPE_OF(params, &q)));
	differ(TAPE_KEY("p", TAPE_AS("a", TAPE_OF(params, &p)),
			TAPE_AS("b", TAPE_OF(params, &q))),
	       TAPE_KEY("p", TAPE_AS("a", TAPE_OF(params, &q)),
			TAPE_AS("b", TAPE_OF(params, &p))));
}
END_TEST

START_TEST(arrays_and_texts_go_by_content)
{
	double a[3] = { 1, 2, 3 }, far[6] = { 1, 0, 2, 0, 3, 0 }, long_one[100] = { 0 };
	const char *text = "glucose";
	char copy[20] = "glucose";

	same(TAPE_KEY("k", a), TAPE_KEY("k", TAPE_AS("a", TAPE_STRIDED(far, 3, 16))));
	same(TAPE_KEY("k", a), TAPE_KEY("k", TAPE_AS("a", TAPE_HASHED(a, 3))));
	same(TAPE_KEY("k", a), TAPE_KEY("k", TAPE_AS("a", TAPE_BLOB(a, 3))));
	same(TAPE_KEY("k", text), TAPE_KEY("k", TAPE_AS("text", copy)));
	struct tape_key before = TAPE_KEY("k", long_one);
	long_one[99] = 1;
	differ(before, TAPE_KEY("k", long_one));
	differ(TAPE_KEY("k", TAPE_ARRAY(far, 6)),
	       TAPE_KEY("k", TAPE_AS("far", TAPE_ARRAY(far, 2, 3))));
}
END_TEST

START_TEST(keys_are_parts_of_keys)
{
	double D = 0.1;
	struct tape_key a = TAPE_KEY("a", D), b = TAPE_KEY("b", D);

	differ(a, b);
	for (int i = 0; i < 3; i++) {
		differ(TAPE_KEY("c", a, D), TAPE_KEY("c", TAPE_AS("a", b), D));
		same(TAPE_KEY("c", a, D),
		     TAPE_KEY("c", D, TAPE_AS("a", TAPE_KEY("a", D))));
	}
}
END_TEST

START_TEST(a_key_over_nothing_is_none)
{
	struct tape_key empty = { 0, 0 };
	double x = 1, bad[2] = { 0 };
	int n = -1;

	none(TAPE_KEY("nothing"));
	none(tape_key_end(tape_key_begin("nothing")));
	for (int i = 0; i < 3; i++) {
		none(TAPE_KEY("none", empty));
		none(TAPE_KEY("none", empty, x));
		none(TAPE_KEY("twice", x, TAPE_AS("x", n)));
		none(TAPE_KEY("bad", TAPE_ARRAY(bad, n)));
	}
	/* A pointer that is NULL is a value like others. */
	const char *text = NULL;
	differ(TAPE_KEY("t", text), TAPE_KEY("t", TAPE_AS("text", "")));
}
END_TEST

static struct tape_key
named(const char *name, int x)
{
	return TAPE_KEY(name, x);
}

START_TEST(a_name_made_at_run_time_counts)
{
	char name[16] = "one";
	struct tape_key one = named(name, 1), two;

	strcpy(name, "two");
	two = named(name, 1);
	differ(one, two);
	same(two, named("two", 1));
	strcpy(name, "one");
	same(one, named(name, 1));
	strcpy(name, "one more");
	differ(one, named(name, 1));
	differ(one, named("", 1));
}
END_TEST

START_TEST(what_was_hashed_can_be_read)
{
	double D = 0.25, many[20] = { 1 };
	struct tape_key key = TAPE_KEY("yield", D, many, TAPE_AS("s", "text"));
	struct key_part part;
	size_t len, at = 0, n;
	const uint8_t *bytes = key_remembered(key, &len);

	ck_assert_ptr_nonnull(bytes);
	ck_assert_int_eq(strncmp(key_name(bytes, len, &n), "yield", 5), 0);
	ck_assert_uint_eq(n, 5);
	ck_assert(key_part_next(bytes, len, &at, &part));
	ck_assert_mem_eq(part.name, "D", 1);
	ck_assert(part.value.type == TAPE_F64 && part.value.as.f == 0.25);
	ck_assert(key_part_next(bytes, len, &at, &part));
	ck_assert(part.value.type == TAPE_ARRAY_T && part.value.dims[0] == 20);
	ck_assert_uint_eq(part.value.store, TAPE_AS_HASH);
	ck_assert(key_part_next(bytes, len, &at, &part));
	ck_assert_mem_eq(part.value.data, "text", 4);
	ck_assert(!key_part_next(bytes, len, &at, &part));
	ck_assert_ptr_null(key_remembered((struct tape_key){ 1, 2 }, &len));
}
END_TEST

static void *
make_many(void *arg)
{
	struct tape_key *keys = arg;

	for (int i = 0; i < 1000; i++)
		keys[i] = yield_key(i * 0.5, 2, i);
	return NULL;
}

/* Behind the end of the shorter one there is nothing that may be read. */
START_TEST(a_shorter_name_made_where_a_longer_one_was_counts)
{
	long page = sysconf(_SC_PAGESIZE);
	char *two = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *name = two + page - 4;
	struct tape_key keys[2];
	double D = 0.1;

	ck_assert_ptr_ne(two, MAP_FAILED);
	strcpy(name, "abc with much more behind it, as long as can be");
	for (int i = 0; i < 2; i++) {
		keys[i] = TAPE_KEY(name, D);
		strcpy(name, "abc");
		ck_assert_int_eq(mprotect(two + page, (size_t)page, PROT_NONE), 0);
	}
	differ(keys[0], keys[1]);
	same(keys[1], TAPE_KEY("abc", D));
	ck_assert_int_eq(munmap(two, 2 * (size_t)page), 0);
}
END_TEST

START_TEST(threads_make_the_same_keys)
{
	static struct tape_key keys[4][1000];
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, make_many, keys[i]),
				 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 1; i < 4; i++)
		ck_assert_mem_eq(keys[i], keys[0], sizeof keys[0]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("key");
	TCase *tc = tcase_create("key");

	tcase_add_test(tc, keys_are_those_of_the_test_vectors);
	tcase_add_test(tc, the_macro_makes_the_key_of_its_parts);
	tcase_add_test(tc, the_order_of_values_does_not_count);
	tcase_add_test(tc, integers_go_by_value_and_floats_as_doubles);
	tcase_add_test(tc, a_described_structure_is_its_members);
	tcase_add_test(tc, arrays_and_texts_go_by_content);
	tcase_add_test(tc, keys_are_parts_of_keys);
	tcase_add_test(tc, a_key_over_nothing_is_none);
	tcase_add_test(tc, a_name_made_at_run_time_counts);
	tcase_add_test(tc, a_shorter_name_made_where_a_longer_one_was_counts);
	tcase_add_test(tc, what_was_hashed_can_be_read);
	tcase_add_test(tc, threads_make_the_same_keys);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
