/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes of plain layouts have, byte for byte, the content that others have. */
#include <complex.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tape/search.h"
#include "tests/support/recorded.h"
#include "tests/support/suite.h"

#define TEXT_MOST                                                                        \
	66u /* from 65 bytes on a layout is not for it, and the same comes out */

static struct tape *t;
static char bytes[TEXT_MOST + 1];
static const char *text = bytes; /* an array would not be plain */

static void
setup(void)
{
	t = recorded_open("");
}

/* A text of n bytes, each length another one. */
static void
fill(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		bytes[i] = (char)('a' + (n * 7 + i) % 26);
	bytes[n] = '\0';
}

/* Both ways copy a text by the same function, so equal hashes do not show that it is right. */
static void
check_text(const struct tape_scope *scope, unsigned len)
{
	bool seen = false;

	fill(len);
	for (size_t i = 0; i < tape_scope_var_count(scope); i++) {
		struct tape_var v = tape_scope_var(scope, i);

		if (strcmp(v.name, "text") != 0)
			continue;
		seen = true;
		ck_assert_uint_eq(v.value->size, len);
		ck_assert_msg(len > 64 || memcmp(v.value->data, text, len) == 0,
			      "a text of %u bytes has others", len);
	}
	ck_assert(seen);
}

/* Scopes come in twos: the second has the hash of the first, and the first `links` of those are links to them. */
static void
check_pairs(unsigned pairs, unsigned links)
{
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	struct tape_hash first = { { 0 } };
	struct tape_pos at = { { 0, 0 }, 0 };
	unsigned n = 0;
	int r;

	ck_assert_int_eq(tape_commit(t), 0);
	ck_assert_int_eq(tape_reader_open(recorded_dir(), NULL, &reader, NULL), 0);
	ck_assert_int_eq(tape_query_compile("x", &query, NULL), 0);
	ck_assert_int_eq(tape_find(reader, query, NULL, &cursor, NULL), 0);
	while ((r = tape_cursor_next(cursor, &scope, NULL)) == 1) {
		struct tape_hash hash = tape_scope_hash(scope);
		struct tape_pos link = tape_scope_link(scope);

		check_text(scope, TEXT_MOST - n / 2);
		if (n % 2 == 0) {
			ck_assert_msg(link.seq == 0, "pair %u is not the first", n / 2);
			first = hash;
			at = tape_scope_pos(scope);
		} else {
			ck_assert_msg(memcmp(&hash, &first, sizeof hash) == 0,
				      "the hashes of pair %u differ", n / 2);
			ck_assert_msg((tape_pos_compare(&link, &at) == 0) ==
					      (n / 2 < links),
				      "pair %u is, or is not, a link", n / 2);
		}
		n++;
	}
	ck_assert_int_eq(r, 0);
	ck_assert_uint_eq(n, 2 * pairs);
	tape_cursor_close(cursor);
	tape_query_free(query);
	ck_assert_uint_eq(tape_reader_damage(reader), 0);
	tape_reader_close(reader);
}

/* The longest first: the first scope of a site is not recorded in the plain way. */
#define EACH_LENGTH(n) for (unsigned n = TEXT_MOST + 1; n-- > 0 && (fill(n), true);)

#define PAIRS_OF(name, type, value, put)                                                 \
	START_TEST(name)                                                                 \
	{                                                                                \
		EACH_LENGTH(n)                                                           \
		{                                                                        \
			type v = value;                                                  \
			struct tape_build *b;                                            \
                                                                                         \
			TAPE(t, "x", text, v);                                           \
			b = tape_build_begin(t, "x");                                    \
			(void)tape_build_str(b, "text", TAPE_NUL, text, TAPE_NUL);       \
			put;                                                             \
			ck_assert_int_eq(tape_build_end(b), 0);                          \
		}                                                                        \
		check_pairs(TEXT_MOST + 1, TEXT_MOST + 1);                               \
	}                                                                                \
	END_TEST

PAIRS_OF(one_byte, bool, n % 3 == 0, (void)tape_build_bool(b, "v", TAPE_NUL, v))
PAIRS_OF(four_bytes, float, (float)n / 3, (void)tape_build_f32(b, "v", TAPE_NUL, v))
PAIRS_OF(eight_bytes, double, (double)n / 3, (void)tape_build_f64(b, "v", TAPE_NUL, v))
PAIRS_OF(eight_bytes_signed, int, -(int)n, (void)tape_build_i64(b, "v", TAPE_NUL, v))
PAIRS_OF(eight_bytes_unsigned, unsigned, ~n, (void)tape_build_u64(b, "v", TAPE_NUL, v))
PAIRS_OF(two_halves, float _Complex, (float)n - I,
	 (void)tape_build_c8(b, "v", TAPE_NUL, ((float[2]){ crealf(v), cimagf(v) })))
PAIRS_OF(sixteen_bytes, double _Complex, -1.0 + (double)n * I,
	 (void)tape_build_c16(b, "v", TAPE_NUL, ((double[2]){ creal(v), cimag(v) })))

START_TEST(no_number_at_all)
{
	EACH_LENGTH(n)
	{
		struct tape_build *b;

		TAPE(t, "x", text);
		b = tape_build_begin(t, "x");
		(void)tape_build_str(b, "text", TAPE_NUL, text, TAPE_NUL);
		ck_assert_int_eq(tape_build_end(b), 0);
	}
	/* With an empty text it is no longer than a link. */
	check_pairs(TEXT_MOST + 1, TEXT_MOST);
}
END_TEST

/* Numbers are written before the texts, eight bytes each: what is too much is overwritten. */
START_TEST(all_widths_before_two_texts)
{
	EACH_LENGTH(n)
	{
		bool a = n % 2 == 0, y = n % 3 == 0;
		float c = (float)n / 7;
		int d = (int)n - 30;
		double _Complex e = (double)n + 0.1 * I;
		const char *other = text + n / 2;
		struct tape_build *b;

		TAPE(t, "x", a, c, d, e, other, text, y);
		b = tape_build_begin(t, "x");
		(void)tape_build_bool(b, "y", TAPE_NUL, y);
		(void)tape_build_str(b, "text", TAPE_NUL, text, TAPE_NUL);
		(void)tape_build_str(b, "other", TAPE_NUL, other, TAPE_NUL);
		(void)tape_build_c16(b, "e", TAPE_NUL,
				     ((double[2]){ creal(e), cimag(e) }));
		(void)tape_build_i64(b, "d", TAPE_NUL, d);
		(void)tape_build_f32(b, "c", TAPE_NUL, c);
		(void)tape_build_bool(b, "a", TAPE_NUL, a);
		ck_assert_int_eq(tape_build_end(b), 0);
	}
	check_pairs(TEXT_MOST + 1, TEXT_MOST + 1);
}
END_TEST

/* Those of sticky variables stand among those of arguments. */
START_TEST(sticky_numbers_among_others)
{
	EACH_LENGTH(n)
	{
		double early = n, zeta = -(double)n;
		float m = (float)n;
		struct tape_build *b;

		TAPE_WITH(t, early, zeta);
		TAPE(t, "x", m, text);
		b = tape_build_begin(t, "x");
		(void)tape_build_str(b, "text", TAPE_NUL, text, TAPE_NUL);
		(void)tape_build_f32(b, "m", TAPE_NUL, m);
		ck_assert_int_eq(tape_build_end(b), 0);
	}
	check_pairs(TEXT_MOST + 1, TEXT_MOST + 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("plain");
	TCase *tc = tcase_create("plain");

	tcase_add_checked_fixture(tc, setup, recorded_teardown);
	tcase_add_test(tc, one_byte);
	tcase_add_test(tc, four_bytes);
	tcase_add_test(tc, eight_bytes);
	tcase_add_test(tc, eight_bytes_signed);
	tcase_add_test(tc, eight_bytes_unsigned);
	tcase_add_test(tc, two_halves);
	tcase_add_test(tc, sixteen_bytes);
	tcase_add_test(tc, no_number_at_all);
	tcase_add_test(tc, all_widths_before_two_texts);
	tcase_add_test(tc, sticky_numbers_among_others);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
