/* SPDX-License-Identifier: Apache-2.0 */
/* Where contents stand again: the index says what looking at all rows says. */
#include <stdlib.h>
#include <string.h>

#include "format/index_io.h"
#include "format/os.h"
#include "tests/support/packed.h"
#include "tests/support/suite.h"
#include "tests/support/tmpdir.h"

static int dir = -1;
static unsigned seed;

static void
setup(void)
{
	ck_assert_int_eq(os_open_dir(OS_CWD, tmpdir_make(), false, &dir), 0);
}

static void
teardown(void)
{
	os_close(&dir);
	tmpdir_remove();
}

struct repeats {
	struct index_repeat *items;
	size_t count, cap;
};

static int
take_repeat(void *user, uint64_t ref, uint32_t place)
{
	struct repeats *all = user;

	if (all->count == all->cap) {
		all->cap = all->cap * 2 + 16;
		all->items = reallocarray(all->items, all->cap, sizeof *all->items);
		ck_assert_ptr_nonnull(all->items);
	}
	all->items[all->count++] = (struct index_repeat){ ref, place };
	return 0;
}

static int
by_reference(const void *a, const void *b)
{
	const struct index_repeat *x = a, *y = b;

	if (x->ref != y->ref)
		return x->ref < y->ref ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

/* Groups of rows with each content, but the first of its own block, by looking at all rows. */
static struct repeats
repeats_of(struct packed_scopes *s)
{
	struct block_all all = { 0 };
	struct repeats list = { 0 };
	size_t n = 0;

	for (uint32_t b = 0; b < s->scopes.block_count; b++) {
		ck_assert_int_eq(block_decode(&s->scopes, s->codec, b, &all, NULL), 0);
		for (uint32_t i = 0; i < all.row_count; i++)
			(void)take_repeat(&list, all.rows[i].content,
					  b * BLOCK_GROUPS + i / GROUP_ROWS);
	}
	block_all_release(&all);
	if (list.count != 0)
		qsort(list.items, list.count, sizeof *list.items, by_reference);
	for (size_t i = 0; i < list.count; i++) {
		const struct index_repeat *r = &list.items[i];
		bool first = i == 0 || list.items[i - 1].ref != r->ref;

		if (i != 0 && by_reference(&list.items[i - 1], r) == 0)
			continue;
		if (first && r->ref != CONTENT_LOST) {
			ck_assert_uint_eq(r->place / BLOCK_GROUPS,
					  scopepack_block_of(&s->scopes, r->ref));
			continue;
		}
		/* Those to be compared with stay in front of those that were dropped. */
		list.items[n++] = *r;
		if (n <= i)
			list.items[i] = list.items[n - 1];
	}
	list.count = n;
	return list;
}

/* All of them, and those of each reference of some hundreds. */
static void
are_found(struct index_reader *x, struct packed_scopes *s)
{
	struct repeats expected = repeats_of(s), got = { 0 };
	struct index_counts counts;

	index_counts(x, &counts);
	ck_assert_uint_eq(counts.repeats, expected.count);
	ck_assert(counts.lost ==
		  (expected.count != 0 &&
		   expected.items[expected.count - 1].ref == CONTENT_LOST));
	ck_assert_int_eq(index_each_repeat(x, take_repeat, &got, NULL), 0);
	ck_assert_uint_eq(got.count, expected.count);
	for (size_t i = 0; i < got.count; i++)
		ck_assert_int_eq(by_reference(&got.items[i], &expected.items[i]), 0);
	for (size_t i = 0, end; i < expected.count; i = end) {
		for (end = i; end < expected.count &&
			      expected.items[end].ref == expected.items[i].ref;)
			end++;
		if (expected.count > 1000 && (i + seed) % (expected.count / 500) != 0)
			continue;
		got.count = 0;
		ck_assert_int_eq(index_find_repeats(x, expected.items[i].ref, take_repeat,
						    &got, NULL),
				 0);
		ck_assert_uint_eq(got.count, end - i);
		for (size_t k = i; k < end; k++)
			ck_assert_uint_eq(got.items[k - i].place,
					  expected.items[k].place);
	}
	got.count = 0;
	ck_assert_int_eq(
		index_find_repeats(x, UINT64_C(1) << 48, take_repeat, &got, NULL), 0);
	ck_assert_uint_eq(got.count, 0);
	free(expected.items);
	free(got.items);
}

/* Little memory: what is sorted goes to a file and comes back. */
static void
of_packs(uint32_t blocks, uint32_t rows, uint64_t memory)
{
	struct index_input in = { .blob_pack_count = 2 };
	struct index_reader *x = NULL;
	struct index_output o;
	struct packed_scopes s;
	struct packed_made m;

	packed_make(dir, seed, blocks, rows, 2, &m);
	packed_scopes_open(dir, &m, &s);
	in.scopes = &s.scopes;
	in.blob_packs = (const uint32_t(*)[2])m.packs;
	ck_assert_int_eq(index_build(dir, INDEX_PACK, INDEX_DIRECTORY_FILE, &m.id, &in, 2,
				     memory, &o, NULL),
			 0);
	for (unsigned trusted = 0; trusted < 2; trusted++) {
		ck_assert_int_eq(index_open(dir, "gen", &m.id, &o.directory_hash,
					    o.directory_size, trusted != 0, &x, NULL),
				 0);
		ck_assert_int_eq(index_use(x, &s.scopes, NULL), 0);
		are_found(x, &s);
		ck_assert_int_eq(index_check(x, NULL), 0);
		index_close(x);
	}
	packed_scopes_close(&s);
	packed_made_release(&m);
}

START_TEST(groups_with_a_content_are_found)
{
	of_packs(4, 20000, UINT64_C(64) << 20);
}
END_TEST

START_TEST(groups_are_found_after_sorting_in_little_memory)
{
	of_packs(3, 30000, 1 << 20);
}
END_TEST

START_TEST(nothing_repeats_where_nothing_is)
{
	of_packs(0, 1, 1 << 20);
}
END_TEST

START_TEST(repeats_come_back_whatever_their_distances)
{
	static struct index_repeat in[INDEX_REPEATS_MAX], out[INDEX_REPEATS_MAX];
	struct pack_bytes raw = { 0 };
	uint64_t state = seed * UINT64_C(2654435761) + 1;

	for (unsigned round = 0; round < 120; round++) {
		uint32_t n = 1 + (uint32_t)(state >> 20) % INDEX_REPEATS_MAX, got = 0,
			 kept = 1;

		for (uint32_t i = 0; i < n; i++) {
			state = state * UINT64_C(6364136223846793005) + 1;
			in[i].ref = state >> round % 64;
			if (in[i].ref >> 48 == 0)
				in[i].ref %= 1000000;
			in[i].place = (state >> 7) % (round % 2 == 0 ? 800 : 3);
		}
		qsort(in, n, sizeof *in, by_reference);
		for (uint32_t i = 1; i < n; i++)
			if (by_reference(&in[kept - 1], &in[i]) != 0)
				in[kept++] = in[i];
		raw.len = 0;
		ck_assert_int_eq(index_repeats_encode(in, kept, &raw), 0);
		ck_assert_int_eq(
			index_repeats_decode(raw.data, raw.len, 100, 1000000, out, &got),
			0);
		ck_assert_uint_eq(got, kept);
		ck_assert_mem_eq(in, out, kept * sizeof *in);
		ck_assert_int_ne(index_repeats_decode(raw.data, raw.len - 1, 100, 1000000,
						      out, &got),
				 0);
		/* A place or a content that is not there. */
		ck_assert_int_ne(
			index_repeats_decode(raw.data, raw.len, 0, 1000000, out, &got),
			0);
		if (in[0].ref >> 48 == 0)
			ck_assert_int_ne(index_repeats_decode(raw.data, raw.len, 100,
							      in[0].ref, out, &got),
					 0);
	}
	pack_bytes_release(&raw);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("index_repeats");
	TCase *tc = tcase_create("repeats");

	seed = suite_seed();
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, groups_with_a_content_are_found);
	tcase_add_test(tc, groups_are_found_after_sorting_in_little_memory);
	tcase_add_test(tc, nothing_repeats_where_nothing_is);
	tcase_add_test(tc, repeats_come_back_whatever_their_distances);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
