/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every bit of every kind of file of a recorded tape flipped, every byte cut
 * off: what is then shown was recorded, and what is missing is told with its
 * file and offset.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/damage/answers.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

#define FLIPPED_MAX 2048u

static struct answer whole, now;
static const char *const queries[] = { "", NULL };

/* Scopes with a repeat and, from `blobs` on, two blobs of their own. */
static void
record(const char *settings, int scopes, size_t blob_size)
{
	struct tape *t = recording_open(settings);

	ck_assert_ptr_nonnull(t);
	for (int i = 0; i < scopes; i++) {
		ck_assert_int_eq(recording_put(t, i % (scopes - 1)), 0);
		if (i % 2 == 0)
			ck_assert_int_eq(tape_commit(t), 0);
	}
	for (unsigned i = 0; i < 2 && blob_size > 0; i++)
		ck_assert_int_eq(recording_put_blob(t, 100 + i, i, blob_size), 0);
	ck_assert_int_eq(tape_close(t), 0);
	list_files();
	ask(&whole, queries);
	ck_assert_int_eq(whole.status, 0);
	ck_assert_uint_eq(whole.damage, 0);
	ck_assert_ptr_null(strchr(whole.text, '?'));
	ck_assert_uint_gt(whole.len, 0);
}

/* ---- bits ---- */

static void
check_flip(const char *path, size_t byte)
{
	bool same = strcmp(now.text, whole.text) == 0;

	check_shown(&whole, &now, path, byte);
	if (ends(path, "manifest.jsonl")) {
		ck_assert_msg(same, "%s at %zu: other scopes", path, byte);
		return;
	}
	if (same && now.status == 0)
		return;
	ck_assert_msg(now.damage > 0 || now.status < 0, "%s at %zu: less, and no word",
		      path, byte);
	/* Under another tape id every segment is misplaced. */
	if (strcmp(path, "TAPE") == 0)
		return;
	ck_assert_int_eq(now.status, 0);
	ck_assert_msg(was_told(&now, path, byte), "%s at %zu: told of %s at %" PRIu64,
		      path, byte, now.told[0].file, now.told[0].offset);
}

/* How many bits changed nothing and were not told. */
static size_t
flip_all(const char *path)
{
	const int step = suite_step(13);
	size_t len, unseen = 0;
	uint8_t *data = load(path, &len);

	ck_assert_uint_le(len, FLIPPED_MAX);
	for (size_t bit = (size_t)suite_start(step); bit < len * 8; bit += (size_t)step) {
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		store(path, data, len);
		ask(&now, queries);
		check_flip(path, bit / 8);
		unseen += now.status == 0 && now.damage == 0;
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	store(path, data, len);
	free(data);
	return unseen;
}

/*
 * What is not told has no part in the answer: the manifest, and what stands
 * around a blob that is found by its place and verified by its hash.
 */
static void
check_unseen(const char *path, size_t unseen, size_t most)
{
	if (!ends(path, "manifest.jsonl"))
		ck_assert_msg(unseen <= most, "%s: %zu bits went unnoticed", path,
			      unseen);
}

static void
flip_files(const char *const *kinds, size_t count, size_t around)
{
	for (size_t k = 0; k < count; k++) {
		size_t done = 0;

		for (size_t i = 0; i < path_count; i++)
			if (ends(paths[i], kinds[k])) {
				check_unseen(paths[i], flip_all(paths[i]),
					     ends(paths[i], ".blob") ? 2400 : around);
				done++;
			}
		ck_assert_msg(done > 0, "there is no %s", kinds[k]);
	}
}

START_TEST(every_flipped_bit_of_segments_blob_segments_and_manifests_is_told_or_harmless)
{
	static const char *const kinds[] = { ".log", ".blob", "manifest.jsonl", "TAPE" };

	record("sync=none commit=manual inline_max=16 embed_max=0 blob_store=log", 4,
	       300);
	flip_files(kinds, sizeof kinds / sizeof *kinds, 0);
}
END_TEST

START_TEST(every_flipped_bit_of_an_embedded_blob_is_told)
{
	static const char *const kinds[] = { ".log" };

	record("sync=none commit=manual inline_max=16", 3, 200);
	flip_files(kinds, 1, 48);
}
END_TEST

START_TEST(every_flipped_bit_of_a_loose_blob_is_told)
{
	record("sync=none commit=manual inline_max=16 embed_max=0", 2, 1000);
	size_t done = 0;

	for (size_t i = 0; i < path_count; i++)
		if (strncmp(paths[i], "blobs/", 6) == 0) {
			check_unseen(paths[i], flip_all(paths[i]), 0);
			done++;
		}
	ck_assert_uint_eq(done, 2);
}
END_TEST

/* ---- cuts ---- */

enum tail { NOTHING, ZEROS, NOISE };

static void
cut_all(const char *path, enum tail tail, unsigned seed)
{
	size_t len, before = whole.len;
	uint8_t *data = load(path, &len), *cut_data = malloc(len);

	ck_assert_uint_ge(len, 4096);
	ck_assert_ptr_nonnull(cut_data);
	for (size_t cut = len; cut-- > 0;) {
		if (cut % (size_t)suite_step(9) != 0)
			continue;
		memcpy(cut_data, data, cut);
		for (size_t i = cut; i < len; i++)
			cut_data[i] = tail == NOISE ? (uint8_t)rand_r(&seed) : 0;
		store(path, cut_data, tail == NOTHING ? cut : len);
		ask(&now, queries);
		ck_assert_int_eq(now.status, 0);
		ck_assert_msg(now.len <= before &&
				      memcmp(now.text, whole.text, now.len) == 0,
			      "cut at %zu: %s", cut, now.text);
		/* The end of a file that is being written is no damage, other bytes are. */
		if (tail == NOTHING)
			ck_assert_uint_eq(now.damage, 0);
		else if (tail == NOISE && cut + 64 < len)
			ck_assert_uint_gt(now.damage + now.notes, 0);
		before = now.len;
	}
	ck_assert_uint_eq(before, strlen("== \n"));
	store(path, data, len);
	free(data);
	free(cut_data);
}

START_TEST(a_segment_cut_at_every_byte_shows_less_and_less)
{
	unsigned seed = suite_seed();

	record("sync=none commit=manual inline_max=16", 30, 700);
	for (size_t i = 0; i < path_count; i++)
		if (ends(paths[i], ".log"))
			cut_all(paths[i], (enum tail)_i, seed);
}
END_TEST

START_TEST(blobs_and_blob_segments_cut_at_every_byte_are_told)
{
	record(_i == 0 ? "sync=none inline_max=16 embed_max=0"
		       : "sync=none inline_max=16 embed_max=0 blob_store=log",
	       3, 2200);
	for (size_t i = 0; i < path_count; i++) {
		size_t len, lost = 0;
		uint8_t *data;

		if (strncmp(paths[i], "blobs/", 6) != 0 && !ends(paths[i], ".blob"))
			continue;
		data = load(paths[i], &len);
		for (size_t cut = len; cut-- > 0;) {
			if (cut % (size_t)suite_step(9) != 0)
				continue;
			store(paths[i], data, cut);
			ask(&now, queries);
			check_shown(&whole, &now, paths[i], cut);
			ck_assert_int_eq(now.status, 0);
			if (strchr(now.text, '?')) {
				lost++;
				ck_assert_uint_gt(now.damage + now.notes, 0);
			}
		}
		ck_assert_uint_ge(lost, 2200u / (unsigned)suite_step(9));
		store(paths[i], data, len);
		free(data);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("file_damage");
	TCase *tcase = tcase_create("file_damage");

	tcase_add_checked_fixture(tcase, recording_setup, recording_teardown);
	tcase_set_timeout(tcase, 280);
	tcase_add_test(
		tcase,
		every_flipped_bit_of_segments_blob_segments_and_manifests_is_told_or_harmless);
	tcase_add_test(tcase, every_flipped_bit_of_an_embedded_blob_is_told);
	tcase_add_test(tcase, every_flipped_bit_of_a_loose_blob_is_told);
	tcase_add_loop_test(tcase, a_segment_cut_at_every_byte_shows_less_and_less, 0, 3);
	tcase_add_loop_test(tcase, blobs_and_blob_segments_cut_at_every_byte_are_told, 0,
			    2);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
