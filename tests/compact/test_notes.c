/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of a session that is compacted while it goes on are there once. */
#include <stdio.h>
#include <string.h>

#include "format/generation.h"
#include "format/os.h"
#include "format/scopepack.h"
#include "tape/compact.h"
#include "tape/search.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"
#include "tests/support/testwriter.h"

/* A segment without scopes, of a session on a machine that cannot be asked. */
static void
save(uint32_t number, const char *note, bool over)
{
	struct testwriter w;

	testwriter_begin(&w, testwriter_session_a, number, false, 1);
	testwriter_first_group(&w, "none");
	if (note != NULL) {
		testwriter_note(&w, "user.colour", note);
		testwriter_group(&w);
	}
	if (over)
		testwriter_end(&w, END_ROLLED);
	testwriter_save(&w, recording_dir);
	testwriter_release(&w);
}

static void
compact(uint32_t flags)
{
	struct tape_compact_options o = { .size = sizeof o, .flags = flags, .jobs = 1 };
	struct tape_error err = { 0 };

	ck_assert_msg(tape_compact(recording_dir, &o, NULL, &err) == 0, "%s %s", err.file,
		      err.message);
}

static void
check_notes(size_t count)
{
	struct tape_reader *reader;
	struct tape_info *info;
	size_t found = 0;

	ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, NULL), 0);
	ck_assert_int_eq(tape_info_read(reader, &info, NULL), 0);
	for (size_t i = 0; i < info->note_count; i++)
		found += strcmp(info->notes[i].key, "colour") == 0 ||
			 strcmp(info->notes[i].key, "user.colour") == 0;
	ck_assert_uint_eq(found, count);
	tape_info_free(info);
	tape_reader_close(reader);
}

/* A reader tells a note once, however often it is packed: so the packs are asked. */
static size_t
packed_notes(const char *key)
{
	struct pack_codec *codec = pack_codec_new();
	struct live_list live;
	size_t found = 0;
	int dir = -1;

	ck_assert_int_eq(os_open_dir(OS_CWD, recording_dir, false, &dir), 0);
	ck_assert_int_eq(live_list_read(dir, &live, NULL), 0);
	for (size_t i = 0; i < live.count; i++) {
		struct pack_id id = { .kind = PACK_SCOPES };
		struct generation_manifest m;
		struct block_source source;
		struct scopepack pack;
		struct os_stat st;
		char path[64];
		int fd = -1;

		ck_assert_int_eq(
			generation_manifest_read(dir, live.generations[i].name, &m, NULL),
			0);
		memcpy(id.tape, m.tape, sizeof id.tape);
		memcpy(id.uid, m.uid, sizeof id.uid);
		snprintf(path, sizeof path, PATH_GEN "/%s/scopes.pack",
			 live.generations[i].name);
		ck_assert_int_eq(os_open_read(dir, path, &fd), 0);
		ck_assert_int_eq(os_fstat(fd, &st), 0);
		source = block_from_fd(&fd, st.size);
		ck_assert_int_eq(scopepack_open(&source, path, &id, codec, &pack, NULL),
				 0);
		for (uint32_t s = 0; s < pack.session_count; s++)
			for (size_t n = 0; n < pack.sessions[s].note_count; n++)
				found += pack.sessions[s].notes[n].key_len ==
						 strlen(key) &&
					 memcmp(pack.sessions[s].notes[n].key, key,
						strlen(key)) == 0;
		scopepack_close(&pack);
		generation_manifest_release(&m);
		os_close(&fd);
	}
	live_list_release(&live);
	os_close(&dir);
	pack_codec_free(codec);
	return found;
}

START_TEST(notes_in_segments_without_scopes_are_taken_once)
{
	testwriter_tape(recording_dir, 1);
	save(0, "red", true);
	save(1, "green", false);
	check_notes(2);
	compact(0);
	check_notes(2);
	save(1, "green", true);
	save(2, "blue", false);
	check_notes(3);
	compact(0);
	check_notes(3);
	save(2, "blue", true);
	save(3, NULL, false);
	compact(0);
	check_notes(3);
	ck_assert_uint_eq(packed_notes("user.colour"), 3);
	compact(TAPE_COMPACT_FULL);
	check_notes(3);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("notes");
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, notes_in_segments_without_scopes_are_taken_once);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
