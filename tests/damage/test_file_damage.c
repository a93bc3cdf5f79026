/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every bit of every kind of file of a recorded tape flipped, every byte cut
 * off: what is then shown was recorded, and what is missing is told with its
 * file and offset.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "format/hash.h"
#include "tape/search.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

#define FILES 16u
#define TEXT 65536u
#define FLIPPED_MAX 2048u

/* What a reader showed: a line for each scope, its bytes by their hash. */
struct answer {
	int status; /* of opening and walking */
	unsigned damage, notes;
	char file[512]; /* of the first damage */
	uint64_t offset;
	size_t len;
	char text[TEXT];
};

static struct answer whole, now;
static char paths[FILES][400]; /* relative to the tape */
static size_t path_count;

/* ---- reading ---- */

static void
on_report(void *user, const struct tape_report *report)
{
	struct answer *a = user;

	if (report->kind != TAPE_DAMAGE_MET) {
		a->notes++;
		return;
	}
	if (a->damage++ == 0) {
		snprintf(a->file, sizeof a->file, "%s", report->file);
		a->offset = report->offset;
	}
}

static void __attribute__((format(printf, 2, 3)))
say(struct answer *a, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(a->text + a->len, TEXT - a->len, format, args);
	va_end(args);
	ck_assert(n >= 0 && a->len + (size_t)n < TEXT);
	a->len += (size_t)n;
}

/* The bytes of a value by their hash, or "?" where they do not verify. */
static void
say_bytes(struct answer *a, const struct tape_scope *s, size_t i)
{
	static uint8_t data[65536];
	struct tape_blob *blob = NULL;
	struct tape_hash hash;
	int64_t n;

	if (tape_blob_open(s, i, &blob, NULL) < 0) {
		say(a, "?");
		return;
	}
	n = tape_blob_read(blob, data, sizeof data, 0, NULL);
	ck_assert(n >= 0 && (uint64_t)n == tape_blob_size(blob));
	hash = hash_bytes(data, (size_t)n);
	for (size_t k = 0; k < sizeof hash.byte; k++)
		say(a, "%02x", hash.byte[k]);
	tape_blob_close(blob);
}

static void
say_scope(struct answer *a, const struct tape_scope *s)
{
	struct tape_pos link = tape_scope_link(s);

	say(a, "%" PRIu64 " %" PRId64 " %s %" PRIu64, tape_scope_pos(s).seq,
	    tape_scope_time(s), tape_scope_label(s, 0), link.seq);
	for (size_t i = 0; i < tape_scope_var_count(s); i++) {
		struct tape_var var = tape_scope_var(s, i);

		say(a, " %s=%d:", var.name, var.value->type);
		if (var.value->type == TAPE_I64 || var.value->type == TAPE_U64)
			say(a, "%" PRId64, var.value->as.i);
		else
			say_bytes(a, s, i);
	}
	say(a, "\n");
}

static void
ask(struct answer *a)
{
	struct tape_reader_options options = { sizeof options, on_report, a };
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	struct tape_info *info = NULL;
	int r;

	a->damage = a->notes = 0;
	a->file[0] = '\0';
	a->offset = a->len = 0;
	a->text[0] = '\0';
	r = tape_reader_open(recording_dir, &options, &reader, NULL);
	if (r == 0)
		r = tape_query_compile("", &query, NULL);
	if (r == 0)
		r = tape_find(reader, query, NULL, &cursor, NULL);
	while (r == 0 && (r = tape_cursor_next(cursor, &scope, NULL)) == 1) {
		say_scope(a, scope);
		r = 0;
	}
	a->status = r;
	tape_cursor_close(cursor);
	tape_query_free(query);
	if (reader && tape_info_read(reader, &info, NULL) == 0)
		tape_info_free(info);
	tape_reader_close(reader);
}

/* Does this line say the same as the whole tape's, "?" apart? */
static bool
same_line(const char *line, const char *of, size_t len)
{
	size_t k = 0;

	for (size_t i = 0; i < len; i++, k++) {
		if (line[i] == of[k])
			continue;
		if (line[i] != '?' || strspn(of + k, "0123456789abcdef") != 32)
			return false;
		k += 31;
	}
	return true;
}

/* All lines are lines of the whole tape, in their order. */
static void
check_shown(const char *what, size_t at)
{
	const char *of = whole.text;

	for (const char *line = now.text; *line;) {
		size_t len = strcspn(line, "\n") + 1;

		while (*of && !same_line(line, of, len))
			of += strcspn(of, "\n") + 1;
		ck_assert_msg(*of, "%s at %zu: was never recorded: %.*s", what, at,
			      (int)len, line);
		of += strcspn(of, "\n") + 1;
		line += len;
	}
}

/* ---- files ---- */

static void
list(const char *below)
{
	char full[600], path[400];
	DIR *d;

	snprintf(full, sizeof full, "%s/%s", recording_dir, below);
	d = opendir(full);
	ck_assert_ptr_nonnull(d);
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s%s%.200s", below, *below ? "/" : "",
			 e->d_name);
		if (e->d_type == DT_DIR) {
			list(path);
		} else {
			ck_assert_uint_lt(path_count, FILES);
			memcpy(paths[path_count++], path, sizeof path);
		}
	}
	closedir(d);
}

static uint8_t *
load(const char *path, size_t *len)
{
	char full[600];
	struct stat st;
	uint8_t *data;
	FILE *f;

	snprintf(full, sizeof full, "%s/%s", recording_dir, path);
	ck_assert_int_eq(stat(full, &st), 0);
	*len = (size_t)st.st_size;
	data = malloc(*len + 1);
	f = fopen(full, "rb");
	ck_assert(f && data);
	ck_assert_uint_eq(fread(data, 1, *len, f), *len);
	fclose(f);
	return data;
}

static void
store(const char *path, const uint8_t *data, size_t len)
{
	char full[600];
	FILE *f;

	snprintf(full, sizeof full, "%s/%s", recording_dir, path);
	f = fopen(full, "wb");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

static bool
ends(const char *path, const char *end)
{
	size_t len = strlen(path), n = strlen(end);

	return len >= n && strcmp(path + len - n, end) == 0;
}

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
	path_count = 0;
	list("");
	ask(&whole);
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

	check_shown(path, byte);
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
	ck_assert_msg(strcmp(now.file, path) == 0 && now.offset <= byte,
		      "%s at %zu: told of %s at %" PRIu64, path, byte, now.file,
		      now.offset);
}

/* How many bits changed nothing and were not told. */
static size_t
flip_all(const char *path)
{
	size_t len, unseen = 0;
	uint8_t *data = load(path, &len);

	ck_assert_uint_le(len, FLIPPED_MAX);
	for (size_t bit = 0; bit < len * 8; bit++) {
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		store(path, data, len);
		ask(&now);
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
		memcpy(cut_data, data, cut);
		for (size_t i = cut; i < len; i++)
			cut_data[i] = tail == NOISE ? (uint8_t)rand_r(&seed) : 0;
		store(path, cut_data, tail == NOTHING ? cut : len);
		ask(&now);
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
	ck_assert_uint_eq(before, 0);
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
			store(paths[i], data, cut);
			ask(&now);
			check_shown(paths[i], cut);
			ck_assert_int_eq(now.status, 0);
			if (strchr(now.text, '?')) {
				lost++;
				ck_assert_uint_gt(now.damage + now.notes, 0);
			}
		}
		ck_assert_uint_ge(lost, 2200);
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
