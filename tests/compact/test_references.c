/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each scope of a generation leads to what was recorded of it. The compactor is
 * built into this program with parts that can be made to lie.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define dedup_find honest_find
#include "compactor/dedup.c"
#undef dedup_find
#undef FILE_NAME
#undef PAGE
#define failed longlist_failed
#define no_memory longlist_no_memory
#define spill longlist_spill
#define longlist_get honest_get
#include "compactor/longlist.c"
#undef longlist_get
#undef spill
#undef no_memory
#undef failed

#include "format/generation.h"
#include "format/scopepack.h"
#include "tape/compact.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

/* ---- parts that lie ---- */

static unsigned wrong_find, wrong_ordinal; /* the so many-th answer; 0 = none */
static unsigned finds, ordinals;

int dedup_find(struct dedup *d, const struct tape_hash *hash, uint64_t *ref, bool *fresh,
	       struct tape_error *err);
int longlist_get(struct longlist *l, uint64_t at, void *item, struct tape_error *err);

int
dedup_find(struct dedup *d, const struct tape_hash *hash, uint64_t *ref, bool *fresh,
	   struct tape_error *err)
{
	int r = honest_find(d, hash, ref, fresh, err);

	if (r == 0 && !*fresh && ++finds == wrong_find)
		*ref ^= 1;
	return r;
}

int
longlist_get(struct longlist *l, uint64_t at, void *item, struct tape_error *err)
{
	int r = honest_get(l, at, item, err);

	if (r == 0 && l->item == sizeof(uint16_t) && ++ordinals == wrong_ordinal)
		*(uint16_t *)item ^= 1;
	return r;
}

/* ---- a tape ---- */

static int64_t
number(int64_t i)
{
	return (int64_t)((uint64_t)(i + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 1);
}

/* Numbers 0 to count - 1, as often as said. */
static void
record(int64_t count, unsigned times)
{
	struct tape *t = recording_open("sync=none");

	for (unsigned k = 0; k < times; k++)
		for (int64_t i = 0; i < count; i++)
			ck_assert_int_eq(recording_put(t, number(i)), 0);
	ck_assert_int_eq(tape_close(t), 0);
}

static int
compact(uint32_t flags, unsigned jobs, struct tape_compact_result *result,
	struct tape_error *err)
{
	struct tape_compact_options o = { .size = sizeof o,
					  .flags = flags,
					  .jobs = jobs };

	return tape_compact(recording_dir, &o, result, err);
}

static void
check_numbers(int64_t count, size_t times)
{
	struct recording read = recording_read();

	for (int64_t i = 0; i < count; i++)
		ck_assert_uint_eq(recording_times(&read, number(i)), times);
	recording_release(&read);
}

START_TEST(what_is_written_leads_to_what_was_read)
{
	struct tape_error err = { 0 };

	record(100, 3);
	ck_assert_int_eq(compact(0, 2, NULL, &err), 0);
	record(150, 2);
	ck_assert_int_eq(compact(0, 1, NULL, &err), 0);
	record(150, 1);
	ck_assert_int_eq(compact(TAPE_COMPACT_FULL, 2, NULL, &err), 0);
	ck_assert_uint_gt(finds, 100);
	ck_assert_uint_gt(ordinals, 100);
	check_numbers(100, 6);
}
END_TEST

/* Nothing is published then, and nothing goes. */
static void
check_refused(uint32_t flags)
{
	struct tape_error err = { 0 };
	size_t before = recording_files("gen");

	ck_assert_int_eq(compact(flags, 2, NULL, &err), TAPE_ERR_DAMAGED);
	ck_assert_msg(strstr(err.message, "lead") != NULL, "%s", err.message);
	ck_assert_uint_eq(recording_files("gen"), before);
	wrong_find = wrong_ordinal = 0;
	ck_assert_int_eq(compact(flags, 2, NULL, &err), 0);
}

START_TEST(a_repeat_that_was_taken_for_another_is_seen_before_anything_is_published)
{
	record(100, 2);
	ck_assert_int_eq(mkdir("run.tape/gen", 0777), 0);
	wrong_find = 37;
	check_refused(0);
	check_numbers(100, 2);
}
END_TEST

START_TEST(a_reference_that_was_numbered_wrongly_is_seen_before_anything_is_published)
{
	record(100, 2);
	ck_assert_int_eq(mkdir("run.tape/gen", 0777), 0);
	wrong_ordinal = 137;
	check_refused(0);
	check_numbers(100, 2);
}
END_TEST

START_TEST(a_repeat_in_an_earlier_generation_that_is_another_is_packed_again)
{
	struct tape_compact_result result;
	struct tape_error err = { 0 };

	record(100, 1);
	ck_assert_int_eq(compact(0, 2, NULL, &err), 0);
	record(100, 1);
	/* From the 101st on: those before entered what the generation has. */
	finds = 0;
	wrong_find = 41;
	ck_assert_int_eq(compact(0, 2, &result, &err), 0);
	ck_assert_uint_eq(result.contents, 1);
	check_numbers(100, 2);
}
END_TEST

/* ---- damaged contents ---- */

/* Breaks the column of the first group of contents of the only generation. */
static void
damage_contents(void)
{
	struct pack_codec *codec = pack_codec_new();
	struct scopepack_block block = { 0 };
	struct block_source source;
	struct scopepack pack;
	struct pack_id id = { .kind = PACK_SCOPES };
	struct generation_manifest m;
	struct live_list live;
	const struct block_chunk *chunk;
	struct os_stat st;
	char path[128];
	int dir = open(recording_dir, O_RDONLY | O_DIRECTORY), fd;

	ck_assert_int_eq(live_list_read(dir, &live, NULL), 0);
	ck_assert_int_eq(
		generation_manifest_read(dir, live.generations[0].name, &m, NULL), 0);
	memcpy(id.tape, m.tape, sizeof id.tape);
	memcpy(id.uid, m.uid, sizeof id.uid);
	snprintf(path, sizeof path, "run.tape/gen/%s/scopes.pack",
		 live.generations[0].name);
	fd = open(path, O_RDWR);
	ck_assert_int_eq(os_fstat(fd, &st), 0);
	source = block_from_fd(&fd, st.size);
	ck_assert_int_eq(scopepack_open(&source, path, &id, codec, &pack, NULL), 0);
	ck_assert_int_eq(scopepack_block_read(&pack, codec, 0, &block, NULL, NULL), 0);
	chunk = &block.groups[0].chunks[0];
	ck_assert_uint_eq(chunk->bytes & BLOCK_INLINE, 0);
	ck_assert_int_eq(pwrite(fd, "XXXX", 4, (off_t)(chunk->offset + chunk->bytes / 2)),
			 4);
	scopepack_block_release(&block);
	scopepack_close(&pack);
	pack_codec_free(codec);
	generation_manifest_release(&m);
	live_list_release(&live);
	close(fd);
	close(dir);
}

START_TEST(a_content_that_is_damaged_in_a_generation_is_packed_again)
{
	struct tape_compact_result result;
	struct tape_error err = { 0 };

	record(100, 1);
	ck_assert_int_eq(compact(0, 2, NULL, &err), 0);
	damage_contents();
	check_numbers(100, 0);
	record(100, 2);
	ck_assert_int_eq(compact(0, 2, &result, &err), 0);
	ck_assert_uint_eq(result.contents, 100);
	check_numbers(100, 2);
	/* The whole one is found from then on. */
	record(100, 1);
	ck_assert_int_eq(compact(0, 2, &result, &err), 0);
	ck_assert_uint_eq(result.contents, 0);
	check_numbers(100, 3);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("references");
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, what_is_written_leads_to_what_was_read);
	tcase_add_test(
		tc,
		a_repeat_that_was_taken_for_another_is_seen_before_anything_is_published);
	tcase_add_test(
		tc,
		a_reference_that_was_numbered_wrongly_is_seen_before_anything_is_published);
	tcase_add_test(tc,
		       a_repeat_in_an_earlier_generation_that_is_another_is_packed_again);
	tcase_add_test(tc, a_content_that_is_damaged_in_a_generation_is_packed_again);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
