/* SPDX-License-Identifier: Apache-2.0 */
/* Packs of blobs: what is put in comes out, the same bytes whoever compresses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/blobpack.h"
#include "format/os.h"
#include "format/shuffle.h"
#include "tests/support/suite.h"
#include "tests/support/tmpdir.h"

#define BLOBS 300u
#define LARGEST (3u << 20)

static const uint8_t tape_id[16] = { 1 }, uid[16] = { 2 };
static uint64_t seed;

static uint64_t
rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

/* ---- bytes ---- */

START_TEST(bytes_put_apart_come_together)
{
	unsigned width = (unsigned)_i + 1;
	size_t most = 100 * 16;
	uint8_t in[100 * 16], out[100 * 16], back[100 * 16];

	for (size_t i = 0; i < most; i++)
		in[i] = (uint8_t)rnd();
	for (size_t count = 0; count < 100; count++)
		for (int chain = 0; chain < 2; chain++) {
			shuffle_apart(in, count, width, chain, out);
			for (size_t i = 0; i < count * width; i++) {
				uint8_t before = chain && i >= width ? in[i - width] : 0;

				ck_assert_uint_eq(out[i % width * count + i / width],
						  in[i] ^ before);
			}
			shuffle_together(out, count, width, chain, back);
			ck_assert(memcmp(in, back, count * width) == 0);
		}
}
END_TEST

/* ---- packs ---- */

struct blob {
	size_t size;
	unsigned dtype;
	struct tape_hash hash;
};

/* Blob i of the pack: noise, or a ramp that shuffling makes small. */
static struct blob
make(unsigned i, uint8_t *data)
{
	static const unsigned dtypes[] = { 0, TAPE_F8, TAPE_F4, TAPE_I2, TAPE_U1 };
	struct blob b = { .dtype = dtypes[i % 5] };

	seed = 1000 + i;
	b.size = i % 50 == 49  ? (1u << 20) + rnd() % (LARGEST - (1u << 20))
		 : i % 10 == 9 ? rnd() % (1u << 20)
			       : rnd() % 20000;
	for (size_t k = 0; k < b.size; k++)
		data[k] = i % 3 == 0 ? (uint8_t)rnd() : (uint8_t)(k % 8 * k / 1000);
	b.hash = hash_bytes(data, b.size);
	return b;
}

static void
write_pack(int dir, const char *name, unsigned jobs, struct tape_hash *hash)
{
	struct blobpack_pool *pool = blobpack_pool_new(3, jobs);
	struct blobpack_writer *w;
	uint8_t *data = malloc(LARGEST);
	uint64_t size;

	ck_assert(pool != NULL && data != NULL);
	ck_assert_int_eq(blobpack_writer_open(dir, name, tape_id, uid, pool, &w, NULL),
			 0);
	for (unsigned i = 0; i < BLOBS; i++) {
		struct blob b = make(i, data);

		if (b.size <= 1u << 20) {
			ck_assert_int_eq(blobpack_writer_add(w, &b.hash, b.dtype, data,
							     b.size, NULL),
					 0);
			continue;
		}
		ck_assert_int_eq(blobpack_writer_begin(w, &b.hash, b.dtype, b.size, NULL),
				 0);
		ck_assert_int_eq(blobpack_writer_write(w, data, 777, NULL), 0);
		ck_assert_int_eq(blobpack_writer_write(w, data + 777, b.size - 777, NULL),
				 0);
		ck_assert_int_eq(blobpack_writer_end(w, NULL), 0);
	}
	ck_assert_int_eq(blobpack_writer_finish(w, &size, hash, NULL), 0);
	blobpack_pool_free(pool);
	free(data);
}

static void
read_pack(int dir, const char *name)
{
	struct hash_stream *stream = hash_stream_new();
	uint8_t *data = malloc(LARGEST), *got = malloc(LARGEST);
	struct blobpack *first, *p;
	struct block_source source;
	struct os_stat st;
	int fd;

	ck_assert(os_open_read(dir, name, &fd) == 0 && os_fstat(fd, &st) == 0);
	source = block_from_fd(&fd, st.size);
	ck_assert_int_eq(blobpack_open(&source, name, tape_id, &first, NULL), 0);
	ck_assert_int_eq(blobpack_view(first, &p, NULL), 0);
	for (unsigned n = 0; n < BLOBS; n++) {
		struct blob b = make(n * 7 % BLOBS, data);
		const struct blobpack_entry *e = blobpack_find(p, &b.hash);
		size_t from = b.size / 3;

		ck_assert_ptr_nonnull(e);
		ck_assert_uint_eq(e->size, b.size);
		ck_assert_int_eq(blobpack_check(p, e, stream, NULL), 0);
		ck_assert_int_eq(blobpack_read(p, e, got, from, b.size - from, NULL), 0);
		ck_assert(memcmp(got, data + from, b.size - from) == 0);
		ck_assert_int_eq(blobpack_read(p, e, got, 0, from, NULL), 0);
		ck_assert(memcmp(got, data, from) == 0);
	}
	blobpack_close(p);
	blobpack_close(first);
	hash_stream_free(stream);
	os_close(&fd);
	free(data);
	free(got);
}

START_TEST(blobs_come_back_and_threads_do_not_show)
{
	struct tape_hash one, several;
	int dir;

	ck_assert_int_eq(os_open_dir(OS_CWD, tmpdir_make(), false, &dir), 0);
	write_pack(dir, "one", 1, &one);
	write_pack(dir, "several", 3, &several);
	ck_assert(hash_equal(&one, &several));
	read_pack(dir, "several");
	os_close(&dir);
	tmpdir_remove();
}
END_TEST

START_TEST(a_writer_that_is_dropped_leaves_the_pool_to_others)
{
	struct blobpack_pool *pool = blobpack_pool_new(3, 2);
	struct blobpack_writer *given_up, *w;
	uint8_t *data = malloc(LARGEST);
	struct tape_hash hash = hash_bytes(data, 0);
	uint64_t size;
	int dir;

	ck_assert(pool != NULL && data != NULL);
	memset(data, 5, LARGEST);
	ck_assert_int_eq(os_open_dir(OS_CWD, tmpdir_make(), false, &dir), 0);
	ck_assert_int_eq(
		blobpack_writer_open(dir, "a", tape_id, uid, pool, &given_up, NULL), 0);
	ck_assert_int_eq(blobpack_writer_open(dir, "b", tape_id, uid, pool, &w, NULL), 0);
	ck_assert_int_eq(blobpack_writer_begin(given_up, &hash, 0, LARGEST, NULL), 0);
	ck_assert_int_eq(blobpack_writer_write(given_up, data, LARGEST, NULL), 0);
	blobpack_writer_drop(given_up);
	ck_assert_int_eq(blobpack_writer_begin(w, &hash, 0, LARGEST, NULL), 0);
	ck_assert_int_eq(blobpack_writer_write(w, data, LARGEST, NULL), 0);
	ck_assert_int_eq(blobpack_writer_end(w, NULL), 0);
	ck_assert_int_eq(blobpack_writer_finish(w, &size, &hash, NULL), 0);
	blobpack_pool_free(pool);
	os_close(&dir);
	tmpdir_remove();
	free(data);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("blobpack");
	TCase *tc = tcase_create("all");

	seed = suite_seed() + 1u;
	tcase_set_timeout(tc, 240);
	tcase_add_loop_test(tc, bytes_put_apart_come_together, 0, 16);
	tcase_add_test(tc, blobs_come_back_and_threads_do_not_show);
	tcase_add_test(tc, a_writer_that_is_dropped_leaves_the_pool_to_others);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
