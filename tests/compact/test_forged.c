/* SPDX-License-Identifier: Apache-2.0 */
/* Generations that are consistent and say something false. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/le.h"
#include "format/os.h"
#include "search/generations.h"
#include "search/packed_one.h"
#include "tape/compact.h"
#include "tape/search.h"
#include "tests/support/forged.h"
#include "tests/support/recording.h"
#include "tests/support/suite.h"

static void
compact(uint32_t flags)
{
	struct tape_compact_options o = { .size = sizeof o, .flags = flags, .jobs = 1 };
	struct tape_error err = { 0 };

	ck_assert_msg(tape_compact(recording_dir, &o, NULL, &err) == 0, "%s %s", err.file,
		      err.message);
}

/* ---- a MANIFEST ---- */

static void
replace_everything(void *user, int dir, struct generation_manifest *m)
{
	(void)user;
	(void)dir;
	ck_assert_uint_eq(m->input_count, 1);
	m->inputs[0].log_count = INT32_MAX - 1;
	m->inputs[0].blob_count = INT32_MAX - 1;
}

static unsigned long calls;

static int
count_call(void *user, enum os_call call, const char *path, size_t *limit)
{
	(void)user;
	(void)call;
	(void)path;
	(void)limit;
	calls++;
	return 0;
}

START_TEST(nobody_counts_to_what_a_manifest_says)
{
	struct tape *t = recording_open("sync=none");
	char *kept = NULL;
	size_t len = 0;
	FILE *ls;

	ck_assert_int_eq(recording_put(t, 1), 0);
	ck_assert_int_eq(tape_close(t), 0);
	ls = popen("ls -d run.tape/sessions/*", "r");
	ck_assert_int_gt(getline(&kept, &len, ls), 0);
	pclose(ls);
	kept[strcspn(kept, "\n")] = '\0';
	compact(0);
	forged_generation(recording_dir, replace_everything, NULL);
	/* What a run did not get to. */
	ck_assert_int_eq(mkdir("run.tape/sessions", 0777) == 0 ||
				 access("run.tape/sessions", F_OK) == 0,
			 1);
	ck_assert_int_eq(mkdir(kept, 0777), 0);
	ck_assert_int_eq(chdir(kept), 0);
	ck_assert_int_eq(system("touch 000000.log 000007.log 000003.blob"), 0);
	ck_assert_int_eq(chdir("../../.."), 0);
	os_fault_set(count_call, NULL);
	compact(0);
	os_fault_set(NULL, NULL);
	ck_assert_uint_lt(calls, 1000);
	ck_assert_int_ne(access(kept, F_OK), 0);
	free(kept);
}
END_TEST

/* ---- an index ---- */

static void
record(int64_t from, int64_t count)
{
	struct tape *t = recording_open("sync=none");

	for (int64_t i = from; i < from + count; i++)
		ck_assert_int_eq(recording_put_blob(t, i, (unsigned)i % 3, 3000), 0);
	ck_assert_int_eq(tape_close(t), 0);
}

/* All fingerprints are of other contents: none that is asked for, and others instead. */
static void
other_fingerprints(struct scopepack *pack)
{
	for (uint32_t i = 1; i <= pack->form_count; i++)
		pack->forms[i].head16.byte[0] ^= 1;
}

/* Labels are there that no scope has, and those of scopes are missing. */
static void
other_labels(struct scopepack *pack)
{
	for (uint32_t i = 1; i <= pack->form_count; i++)
		for (uint32_t l = 0; l < pack->forms[i].label_count; l++)
			((char *)(uintptr_t)pack->forms[i].labels[l])[0] ^= 1;
}

/* How many are found; each is right. */
static size_t
ask(const char *text, bool (*right)(const struct tape_scope *scope))
{
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	struct tape_error err = { 0 };
	size_t found = 0;
	int r;

	ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, NULL), 0);
	ck_assert_msg(tape_query_compile(text, &query, &err) == 0, "%s", err.message);
	ck_assert_int_eq(tape_find(reader, query, NULL, &cursor, NULL), 0);
	while ((r = tape_cursor_next(cursor, &scope, &err)) == 1) {
		ck_assert(right(scope));
		found++;
	}
	ck_assert_int_eq(r, 0);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return found;
}

static struct tape_hash asked;

static bool
has_hash(const struct tape_scope *scope)
{
	struct tape_hash hash = tape_scope_hash(scope);

	return memcmp(&hash, &asked, sizeof hash) == 0;
}

static bool
take_hash(const struct tape_scope *scope)
{
	asked = tape_scope_hash(scope);
	return true;
}

static bool
any(const struct tape_scope *scope)
{
	(void)scope;
	return true;
}

static int
check_full(uint64_t *damage)
{
	struct tape_check_options o = { .size = sizeof o, .flags = TAPE_CHECK_FULL };
	struct tape_check_result result;
	struct tape_error err;
	int r = tape_check(recording_dir, &o, &result, &err);

	*damage = result.damage;
	return r;
}

static void
check_finds_it(void)
{
	uint64_t damage = 0;

	ck_assert_int_eq(check_full(&damage), 0);
	ck_assert_uint_gt(damage, 0);
}

START_TEST(an_index_with_other_fingerprints_gives_no_wrong_scope)
{
	struct tape_compact_options o = { .size = sizeof o, .jobs = 1 };
	struct tape_compact_result result;
	char query[80] = "_hash = ", text[TAPE_HASH_TEXT];
	uint64_t damage = 1;

	record(0, 40);
	compact(0);
	ck_assert_int_eq(check_full(&damage), 0);
	ck_assert_uint_eq(damage, 0);
	ck_assert_uint_eq(ask("i = 7", take_hash), 1);
	tape_hash_text(&asked, text);
	strcat(query, text);
	ck_assert_uint_eq(ask(query, has_hash), 1);
	forged_index(recording_dir, other_fingerprints);
	/* What the index does not know is not there; what it knows is looked at. */
	ck_assert_uint_le(ask(query, has_hash), 1);
	ck_assert_uint_eq(ask("i = 7", any), 1);
	ck_assert_uint_eq(ask("", any), 40);
	check_finds_it();
	/* What is recorded again is packed again, and leads where it should. */
	record(0, 40);
	ck_assert_int_eq(tape_compact(recording_dir, &o, &result, NULL), 0);
	ck_assert_uint_eq(result.contents, 40);
	ck_assert_uint_eq(ask("i = 7", any), 2);
}
END_TEST

START_TEST(an_index_with_other_labels_is_found_by_a_check)
{
	record(0, 40);
	compact(0);
	ck_assert_uint_eq(ask("_label = row", any), 40);
	forged_index(recording_dir, other_labels);
	ck_assert_uint_eq(ask("_label = row", any), 40);
	ck_assert_uint_eq(ask("_label = sow", any), 0);
	check_finds_it();
}
END_TEST

/* ---- a scope pack ---- */

/* Of the first content's form: a column that no other form has, but is said to have. */
static uint32_t
say_another_has_it(struct scopepack *p, uint32_t own)
{
	uint32_t other = own == 1 ? 2 : 1;

	ck_assert_uint_eq(p->form_count, 2);
	for (uint32_t k = 0; k < p->forms[own].var_count; k++) {
		uint32_t column = p->form_columns[own][k];
		bool both = false;

		for (uint32_t l = 0; l < p->forms[other].var_count; l++)
			both |= p->form_columns[other][l] == column;
		if (!both) {
			p->form_columns[other][0] = column;
			return column;
		}
	}
	ck_abort_msg("all columns are of both forms");
	return 0;
}

/* What is said when a value of such a column is asked for. */
static void
ask_uneven(bool one, bool kept, struct tape_error *err)
{
	struct tape_reader *reader = NULL;
	struct generations *g = NULL;
	struct packed_cache *c;
	const struct column *forms;
	struct packed_chunk chunk;
	struct pack_bytes value = { 0 };
	uint32_t column;

	ck_assert_int_eq(tape_reader_open(recording_dir, NULL, &reader, NULL), 0);
	ck_assert_int_eq(generations_get(reader, &g, NULL), 0);
	ck_assert_int_eq(generation_need(g, 0, NULL), 0);
	c = g->items[0].cache;
	ck_assert_int_eq(packed_cache_forms(c, 0, 0, &forms, NULL), 0);
	column = say_another_has_it(&g->items[0].scopes, get_le32(forms->values));
	if (kept)
		ck_assert_int_ne(packed_cache_chunk(c, 0, 0, column, &chunk, err), 0);
	if (one)
		ck_assert_int_ne(packed_one_value(c, 0, 0, column, 0, &value, err), 0);
	pack_bytes_release(&value);
	generations_release(g);
	tape_reader_close(reader);
}

START_TEST(a_column_of_too_few_values_is_damage_whichever_way_it_is_read)
{
	struct tape *t = recording_open("sync=none");
	struct tape_error all = { 0 }, one = { 0 }, both = { 0 };
	struct tape_build *b;

	for (int64_t i = 0; i < 40; i++) {
		b = tape_build_begin(t, "row");
		(void)tape_build_i64(b, "i", TAPE_NUL, i);
		if (i % 2 == 0)
			(void)tape_build_i64(b, "square", TAPE_NUL, i * i);
		ck_assert_int_eq(tape_build_end(b), 0);
	}
	ck_assert_int_eq(tape_close(t), 0);
	compact(0);
	ask_uneven(false, true, &all);
	ask_uneven(true, false, &one);
	ask_uneven(true, true, &both);
	ck_assert_str_eq(all.message, "damaged: a column has 20 values for 40 rows");
	ck_assert_str_eq(one.message, all.message);
	ck_assert_str_eq(both.message, all.message);
	ck_assert_str_eq(one.file, all.file);
	ck_assert_uint_eq(one.offset, all.offset);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("forged");
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, recording_setup, recording_teardown);
	tcase_add_test(tc, nobody_counts_to_what_a_manifest_says);
	tcase_add_test(tc, an_index_with_other_fingerprints_gives_no_wrong_scope);
	tcase_add_test(tc, an_index_with_other_labels_is_found_by_a_check);
	tcase_add_test(tc, a_column_of_too_few_values_is_damage_whichever_way_it_is_read);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
