/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the table of results: pieces are whole, come again, and go. */
#include <stdlib.h>
#include <string.h>

#include "librecord/cache.h"
#include "tests/support/caching.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

#define PIECES 1500
#define PHASES 10u
#define PHASE_VALUES 14000u
#define CHUNKS_SEEN 200u

struct piece {
	unsigned char *at;
	size_t size;
	bool chunked;
};

static uint64_t
random_next(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *state >> 17;
}

static size_t
some_size(uint64_t *state)
{
	uint64_t r = random_next(state);

	switch (r % 8) {
	case 0:
		return 4096u << (r >> 8) % 9; /* as the table has them */
	case 1:
		return 1 + (r >> 8) % 70000;
	default:
		return 1 + (r >> 8) % 2500;
	}
}

static void
get(struct cache_memory *m, struct piece *p, size_t size, int mark)
{
	p->size = size;
	p->at = cache_memory_get(m, size, &p->chunked);
	/* Each assertion is a write to a file: none unless it fails. */
	if (!p->at || (uintptr_t)p->at % 64 != 0)
		ck_abort_msg("a piece of %zu bytes at %p", size, (void *)p->at);
	memset(p->at, mark, size);
}

static void
put(struct piece *p, int mark)
{
	for (size_t i = 0; i < p->size; i += 1 + p->size / 64)
		if (p->at[i] != mark)
			ck_abort_msg("%d at %zu of a piece, not %d", p->at[i], i, mark);
	cache_memory_put(p->at, p->size, p->chunked);
}

/* plain: so much was taken before; beyond 1 MiB there are chunks. */
START_TEST(pieces_do_not_overlap_and_are_given_back)
{
	struct cache_memory m = { .lock = PTHREAD_MUTEX_INITIALIZER,
				  .plain = _i == 0 ? 0 : (size_t)1 << 20 };
	struct piece *pieces = calloc(PIECES, sizeof *pieces);
	uint64_t state = suite_seed();

	for (int i = 0; i < PIECES; i++)
		get(&m, &pieces[i], some_size(&state), i % 251);
	for (int n = 0; n < 3 * PIECES; n++) {
		int i = (int)(random_next(&state) % PIECES);

		put(&pieces[i], i % 251);
		get(&m, &pieces[i], some_size(&state), i % 251);
	}
	/* Half goes before the end, half is held beyond it. */
	for (int i = 0; i < PIECES; i += 2)
		put(&pieces[i], i % 251);
	cache_memory_close(&m);
	for (int i = 1; i < PIECES; i += 2)
		put(&pieces[i], i % 251);
	get(&m, &pieces[0], 100, 1);
	ck_assert(!pieces[0].chunked);
	put(&pieces[0], 1);
	free(pieces);
}
END_TEST

/* In how many pieces of 2 MiB these lie that were not in one of `seen`. */
static unsigned
new_chunks(uintptr_t *seen, unsigned known, const struct piece *p)
{
	uintptr_t chunk = (uintptr_t)p->at >> 21;

	for (unsigned i = 0; i < known; i++)
		if (seen[i] == chunk)
			return 0;
	if (!p->chunked || known == CHUNKS_SEEN)
		return 0;
	seen[known] = chunk;
	return 1;
}

/*
 * Values of one size after another, 8 MiB at a time, which go but for each _i-th one (0: none
 * stays), and an entry that stays for each of them.
 */
START_TEST(what_one_size_leaves_serves_another)
{
	struct cache_memory m = { .lock = PTHREAD_MUTEX_INITIALIZER,
				  .plain = (size_t)1 << 20 };
	struct piece *values = calloc(PHASES * PHASE_VALUES, sizeof *values);
	struct piece *entries = calloc(PHASES * PHASE_VALUES, sizeof *entries);
	uintptr_t seen[CHUNKS_SEEN];
	unsigned chunks = 0;
	size_t n = 0, first = 0;

	for (unsigned phase = 0; phase < PHASES; phase++, first = n) {
		size_t size = 600 + phase * 128;

		for (size_t bytes = 0; bytes < (size_t)8 << 20; bytes += size, n++) {
			get(&m, &values[n], size, 1);
			get(&m, &entries[n], sizeof(struct cache_entry), 2);
			chunks += new_chunks(seen, chunks, &values[n]);
		}
		for (size_t i = first; i < n; i++)
			if (_i == 0 || i % (unsigned)_i != 0) {
				put(&values[i], 1);
				values[i].at = NULL;
			}
	}
	/* What is in use at once, a quarter more, 16 MiB, and what entries took over. */
	ck_assert_uint_le(chunks, 20);
	for (size_t i = 0; i < n; i++) {
		if (values[i].at)
			put(&values[i], 1);
		put(&entries[i], 2);
	}
	cache_memory_close(&m);
	free(values);
	free(entries);
}
END_TEST

static void
store_text(struct tape *t, int n, int size)
{
	char text[1000];

	memset(text, 'a' + n % 26, (size_t)size);
	ck_assert_int_eq(TAPE_STORE(t, key_of(n), TAPE_TEXT(text, (size_t)size)), 1);
}

/* What was withdrawn leaves its room to others of its size. */
START_TEST(a_large_table_is_right_and_memory_comes_again)
{
	struct tape *t = recording_open(ASLEEP);
	char text[1000];
	size_t plain;

	for (int round = 0; round < 4; round++)
		for (int n = 0; n < 4000; n++) {
			int size = 1 + (n * 7) % 900;

			if (round > 0)
				ck_assert_int_eq(tape_cache_drop(t, key_of(n)), 1);
			store_text(t, n, size);
			ck_assert_int_eq(TAPE_RECALL(t, key_of(n), TAPE_TEXT(text, 1000)),
					 1);
			ck_assert_uint_eq(strlen(text), (size_t)size);
			ck_assert_int_eq(text[0], 'a' + n % 26);
		}
	for (int n = 0; n < 4000; n++) {
		ck_assert_int_eq(TAPE_RECALL(t, key_of(n), TAPE_TEXT(text, 1000)), 1);
		ck_assert_int_eq(text[0], 'a' + n % 26);
	}
	plain = atomic_load(&t->cache)->memory.plain;
	if (atomic_load(&t->cache)->memory.chunks)
		ck_assert_uint_lt(plain, (size_t)2 << 20);
	ck_assert_int_eq(tape_close(t), 0);
	ck_assert_ptr_null(atomic_load(&t->cache)->memory.chunks);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cache memory");
	TCase *tc = tcase_create("cache memory");

	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, pieces_do_not_overlap_and_are_given_back, 0, 2);
	tcase_add_test(tc, what_one_size_leaves_serves_another);
	tcase_add_loop_test(tc, what_one_size_leaves_serves_another, 500, 501);
	tcase_add_test(tc, a_large_table_is_right_and_memory_comes_again);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
