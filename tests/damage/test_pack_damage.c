/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every bit of every kind of file of a compacted tape flipped, every byte cut
 * off: what is then shown was recorded, and what is missing is told with its
 * file and offset.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tape/compact.h"
#include "tests/damage/answers.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

#define LARGEST 16384u
#define SETTINGS "sync=none commit=manual inline_max=16 embed_max=100"

/* A sanitizer takes ten times as long: one bit of some bytes, one cut of forty. */
#define EVERY ((unsigned)suite_step(40))

static struct answer whole, now;
static const char *const queries[] = {
	"", "i=3..5 or (seed=1 not i=2) or _link=any or b.len=100..", NULL
};

/* ---- a tape with two generations and something raw ---- */

static void
record(int64_t from, int64_t to)
{
	struct tape *t = recording_open(SETTINGS);

	ck_assert_ptr_nonnull(t);
	for (int64_t i = from; i < to; i++) {
		ck_assert_int_eq(recording_put(t, i), 0);
		ck_assert_int_eq(recording_put(t, i - i % 2), 0);
	}
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(recording_put_blob(t, to + i, i, 90 + 30 * i), 0);
	ck_assert_int_eq(tape_close(t), 0);
}

static void
compact(uint32_t flags)
{
	struct tape_compact_options options = { .size = sizeof options,
						.flags = flags,
						.jobs = 1 };
	struct tape_error err = { 0 };
	int r = tape_compact(recording_dir, &options, NULL, &err);

	ck_assert_msg(r == 0, "%s", err.message);
}

static void
make_tape(void)
{
	struct answer *raw = calloc(1, sizeof *raw);

	ck_assert_ptr_nonnull(raw);
	record(0, 5);
	compact(0);
	record(2, 8);
	ask(raw, queries);
	compact(0);
	ask(&whole, queries);
	ck_assert_str_eq(whole.text, raw->text);
	record(8, 9);
	list_files();
	ask(&whole, queries);
	ck_assert_int_eq(whole.status, 0);
	ck_assert_uint_eq(whole.damage + whole.notes, 0);
	ck_assert_ptr_null(strchr(whole.text, '?'));
	free(raw);
}

static bool
of_generation(const char *path)
{
	return strncmp(path, "gen/", 4) == 0 || strncmp(path, "live/", 5) == 0;
}

/* Nothing is lost with it; so fewer of its places are tried. */
static bool
of_index(const char *path)
{
	return strstr(path, "/index.") != NULL;
}

static size_t
every(const char *path)
{
	return of_index(path) ? EVERY * 64 + 1 : EVERY;
}

/* ---- what is allowed ---- */

/* The right answer, or less of it and a word about this file. 1 = nothing was said. */
static bool
check(const char *path, size_t at, const char *how)
{
	bool same = strcmp(now.text, whole.text) == 0;

	check_shown(&whole, &now, path, at);
	if (of_index(path)) {
		ck_assert_msg(same && now.status == 0, "%s, %s %zu: other answers", path,
			      how, at);
		return now.damage + now.notes == 0;
	}
	if (same && now.status == 0)
		return now.damage + now.notes == 0;
	ck_assert_msg(now.damage > 0, "%s, %s %zu: less, and no word", path, how, at);
	ck_assert_msg(was_told(&now, path, at), "%s, %s %zu: told of %s at %" PRIu64,
		      path, how, at, now.told[0].file, now.told[0].offset);
	return false;
}

/* ---- bits ---- */

START_TEST(every_flipped_bit_of_a_generation_is_told_or_harmless)
{
	size_t done = 0, quiet = 0, skip = EVERY > 1 ? suite_seed() : 0;

	make_tape();
	for (size_t i = 0; i < path_count; i++) {
		size_t len, unseen = 0;
		uint8_t *data;

		if (!of_generation(paths[i]) && strcmp(paths[i], "compact.lock") != 0)
			continue;
		data = load(paths[i], &len);
		ck_assert_uint_le(len, LARGEST);
		for (size_t bit = 0; bit < len * 8; bit++) {
			if ((bit + bit / 8 + skip) % every(paths[i]) != 0)
				continue;
			data[bit / 8] ^= (uint8_t)(1u << bit % 8);
			store(paths[i], data, len);
			ask(&now, queries);
			unseen += check(paths[i], bit / 8, "flipped at");
			data[bit / 8] ^= (uint8_t)(1u << bit % 8);
			done += !of_index(paths[i]);
		}
		store(paths[i], data, len);
		free(data);
		if (getenv("VERBOSE"))
			printf("%s: %zu bytes, %zu bits went unnoticed\n", paths[i], len,
			       unseen);
		quiet += of_generation(paths[i]) && !of_index(paths[i]) ? unseen : 0;
	}
	printf("%zu bits, %zu of them change nothing\n", done, quiet);
	ck_assert_uint_gt(done, quiet * 2);
}
END_TEST

/* ---- cuts ---- */

enum tail { NOTHING, ZEROS, NOISE };

static void
cut_all(const char *path, enum tail tail, unsigned *seed)
{
	size_t len;
	uint8_t *data = load(path, &len), *cut_data = malloc(len + 1);

	ck_assert_ptr_nonnull(cut_data);
	for (size_t cut = len; cut-- > 0;) {
		if ((cut + *seed) % every(path) != 0)
			continue;
		memcpy(cut_data, data, cut);
		for (size_t i = cut; i < len; i++)
			cut_data[i] = tail == NOISE ? (uint8_t)rand_r(seed) : 0;
		store(path, cut_data, tail == NOTHING ? cut : len);
		ask(&now, queries);
		/* A byte behind the cut may be the first that is missed. */
		(void)check(path, len, "cut at");
	}
	store(path, data, len);
	free(data);
	free(cut_data);
}

START_TEST(files_of_a_generation_cut_at_every_byte_are_told)
{
	unsigned seed = suite_seed();

	make_tape();
	for (size_t i = 0; i < path_count; i++)
		if (of_generation(paths[i]) || strcmp(paths[i], "compact.lock") == 0)
			cut_all(paths[i], (enum tail)_i, &seed);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pack_damage");
	TCase *tcase = tcase_create("pack_damage");

	tcase_add_checked_fixture(tcase, recording_setup, recording_teardown);
	tcase_set_timeout(tcase, 280);
	tcase_add_test(tcase, every_flipped_bit_of_a_generation_is_told_or_harmless);
	tcase_add_loop_test(tcase, files_of_a_generation_cut_at_every_byte_are_told, 0,
			    3);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
