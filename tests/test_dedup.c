/* SPDX-License-Identifier: Apache-2.0 */
/* Equal contents are found, however little of them is held in memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compactor/dedup.h"
#include "compactor/longlist.h"
#include "format/le.h"
#include "format/os.h"
#include "tests/support/suite.h"
#include "tests/support/tmpdir.h"

#define CONTENTS 200000u

static uint64_t seed;

static uint64_t
rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

/* Every 16th begins with the same eight bytes as others. */
static struct tape_hash
hash_of(uint64_t n)
{
	uint64_t high = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
	struct tape_hash hash;

	if (n % 16 == 0)
		high = UINT64_C(0xffffffffffffff00) + n / 16 % 4;
	put_le64(hash.byte, high);
	put_le64(hash.byte + 8, n % 16 == 0 ? n / 64 : n);
	return hash;
}

static void
compare(uint64_t memory, uint64_t contents)
{
	static uint64_t refs[CONTENTS];
	struct dedup d;
	uint64_t next = 0;
	int dir;

	memset(refs, 0xff, sizeof refs);
	ck_assert_int_eq(os_open_dir(OS_CWD, tmpdir_make(), false, &dir), 0);
	dedup_init(&d, memory, dir);
	for (uint64_t i = 0; i < 2 * contents; i++) {
		uint64_t n = rnd() % contents, ref = next;
		struct tape_hash hash = hash_of(n);
		bool fresh;

		ck_assert_int_eq(dedup_find(&d, &hash, &ref, &fresh, NULL), 0);
		ck_assert_int_eq(fresh, refs[n] == UINT64_MAX);
		if (fresh)
			refs[n] = next++;
		ck_assert_uint_eq(ref, refs[n]);
	}
	dedup_release(&d);
	os_close(&dir);
	tmpdir_remove();
}

START_TEST(equal_contents_are_found_in_memory)
{
	compare(UINT64_C(256) << 20, 20000);
}
END_TEST

START_TEST(equal_contents_are_found_in_files)
{
	compare(1, CONTENTS / (unsigned)suite_step(2));
}
END_TEST

/* As one is whose first copy turned out damaged. */
static void
compare_replaced(uint64_t first, uint64_t then)
{
	static uint64_t refs[CONTENTS / 4];
	struct dedup d;
	int dir;

	ck_assert_int_eq(os_open_dir(OS_CWD, tmpdir_make(), false, &dir), 0);
	dedup_init(&d, 1, dir);
	for (uint64_t i = 0; i < 4 * CONTENTS / 4; i++) {
		uint64_t n = i < CONTENTS / 4 ? i : rnd() % (CONTENTS / 4);
		uint64_t ref = first + n;
		struct tape_hash hash = hash_of(n);
		bool fresh;

		ck_assert_int_eq(dedup_find(&d, &hash, &ref, &fresh, NULL), 0);
		ck_assert_int_eq(fresh, i < CONTENTS / 4);
		if (fresh)
			refs[n] = ref;
		ck_assert_uint_eq(ref, refs[n]);
		if (!fresh && n % 3 == 0 && ref == first + n) {
			refs[n] = then + n;
			ck_assert_int_eq(dedup_replace(&d, &hash, then + n, NULL), 0);
		}
	}
	dedup_release(&d);
	os_close(&dir);
	tmpdir_remove();
}

START_TEST(a_reference_that_was_replaced_is_the_one_that_is_found)
{
	compare_replaced(UINT64_C(1) << 47, 0);
	compare_replaced(0, UINT64_C(1) << 47);
}
END_TEST

static void
compare_list(uint32_t item, uint64_t count, uint64_t memory)
{
	struct longlist l;
	uint64_t value, mask = item == 2 ? 0xffff : UINT64_MAX;
	int dir;

	ck_assert_int_eq(os_open_dir(OS_CWD, tmpdir_make(), false, &dir), 0);
	longlist_init(&l, item, memory, dir);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t at = rnd() % (i + 1), got = 0;

		value = i * UINT64_C(0x9e3779b97f4a7c15);
		ck_assert_int_eq(longlist_add(&l, &value, 1, NULL), 0);
		ck_assert_int_eq(longlist_get(&l, at, &got, NULL), 0);
		ck_assert_uint_eq(got, at * UINT64_C(0x9e3779b97f4a7c15) & mask);
	}
	longlist_release(&l);
	os_close(&dir);
	tmpdir_remove();
}

START_TEST(a_list_longer_than_memory_has_everything)
{
	compare_list(8, 60000, UINT64_C(64) << 20);
	compare_list(8, 60000, 1);
	compare_list(2, 150000, 1);
}
END_TEST

static int
fail_writes(void *user, enum os_call call, const char *path, size_t *limit)
{
	(void)user;
	(void)path;
	(void)limit;
	return call == OS_WRITE ? 28 : 0;
}

START_TEST(a_full_disk_is_said)
{
	struct tape_error err = { 0 };
	struct dedup d;
	int dir, r = 0;

	ck_assert_int_eq(os_open_dir(OS_CWD, tmpdir_make(), false, &dir), 0);
	dedup_init(&d, 1, dir);
	os_fault_set(fail_writes, NULL);
	for (uint64_t i = 1; i < 10000 && r == 0; i++) {
		struct tape_hash hash = hash_of(i);
		bool fresh;

		r = dedup_find(&d, &hash, &i, &fresh, &err);
	}
	os_fault_set(NULL, NULL);
	ck_assert_int_ne(r, 0);
	ck_assert_str_ne(err.message, "");
	dedup_release(&d);
	os_close(&dir);
	tmpdir_remove();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("dedup");
	TCase *tc = tcase_create("all");

	seed = suite_seed() + 1u;
	tcase_set_timeout(tc, 240);
	tcase_add_test(tc, equal_contents_are_found_in_memory);
	tcase_add_test(tc, equal_contents_are_found_in_files);
	tcase_add_test(tc, a_reference_that_was_replaced_is_the_one_that_is_found);
	tcase_add_test(tc, a_list_longer_than_memory_has_everything);
	tcase_add_test(tc, a_full_disk_is_said);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
