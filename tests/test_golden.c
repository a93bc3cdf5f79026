/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The golden tapes of tests/data/v1. What the writer makes now is what is kept,
 * byte for byte, so the format cannot change unseen; and what is kept reads as
 * tests/data/README.md says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "format/tapedir.h"
#include "tests/support/golden.h"
#include "tests/support/suite.h"
#include "tests/support/testwriter.h"
#include "tests/support/tmpdir.h"

#define PATHS_MAX 256

/* ---- files ---- */

struct tree {
	const char *root;
	char *paths[PATHS_MAX]; /* of files, relative to root, sorted */
	size_t count;
	char at[512]; /* the directory that is being listed */
};

static int
tree_add(void *user, const char *name)
{
	struct tree *tree = user;
	size_t before = strlen(tree->at);
	char whole[1024];
	struct os_stat st;

	ck_assert_uint_lt(before + strlen(name) + 2, sizeof tree->at);
	(void)snprintf(tree->at + before, sizeof tree->at - before, "/%s", name);
	(void)snprintf(whole, sizeof whole, "%s%s", tree->root, tree->at);
	ck_assert_int_eq(os_stat(OS_CWD, whole, &st), 0);
	if (st.directory) {
		ck_assert_int_eq(os_list(OS_CWD, whole, tree_add, tree), 0);
	} else {
		ck_assert_uint_lt(tree->count, PATHS_MAX);
		tree->paths[tree->count] = strdup(tree->at);
		ck_assert_ptr_nonnull(tree->paths[tree->count++]);
	}
	tree->at[before] = '\0';
	return 0;
}

static int
path_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
tree_read(struct tree *tree, const char *root)
{
	memset(tree, 0, sizeof *tree);
	tree->root = root;
	ck_assert_msg(os_list(OS_CWD, root, tree_add, tree) == 0, "no %s", root);
	qsort(tree->paths, tree->count, sizeof tree->paths[0], path_compare);
}

static void
tree_release(struct tree *tree)
{
	for (size_t i = 0; i < tree->count; i++)
		free(tree->paths[i]);
}

/* The bytes of root/path, caller's to free. */
static uint8_t *
file_read(const char *root, const char *path, size_t *len)
{
	char whole[1024];
	struct os_stat st;
	uint8_t *data;
	int fd = -1;

	(void)snprintf(whole, sizeof whole, "%s%s", root, path);
	ck_assert_msg(os_open_read(OS_CWD, whole, &fd) == 0, "cannot open %s", whole);
	ck_assert_int_eq(os_fstat(fd, &st), 0);
	*len = (size_t)st.size;
	data = malloc(*len + 1);
	ck_assert_ptr_nonnull(data);
	ck_assert_int_eq(os_pread(fd, data, *len, 0), (int64_t)*len);
	data[*len] = '\0';
	os_close(&fd);
	return data;
}

static void
check_same_tree(const char *kept, const char *made)
{
	struct tree a, b;

	tree_read(&a, kept);
	tree_read(&b, made);
	ck_assert_msg(a.count == b.count, "%s: %zu files, made are %zu", kept, a.count,
		      b.count);
	for (size_t i = 0; i < a.count; i++) {
		size_t a_len, b_len;

		ck_assert_str_eq(a.paths[i], b.paths[i]);
		uint8_t *a_data = file_read(kept, a.paths[i], &a_len);
		uint8_t *b_data = file_read(made, b.paths[i], &b_len);
		ck_assert_msg(a_len == b_len && memcmp(a_data, b_data, a_len) == 0,
			      "%s%s is not what is made now", kept, a.paths[i]);
		free(a_data);
		free(b_data);
	}
	tree_release(&a);
	tree_release(&b);
}

START_TEST(the_writer_makes_the_tapes_that_are_kept)
{
	const char *tmp = tmpdir_make();
	char kept[1024], made[1024];

	for (size_t i = 0; i < golden_count; i++) {
		(void)snprintf(made, sizeof made, "%s/%s.tape", tmp,
			       golden_tapes[i].name);
		(void)snprintf(kept, sizeof kept, "%s/v1/%s.tape", TESTS_DATA,
			       golden_tapes[i].name);
		golden_tapes[i].make(made);
		check_same_tree(kept, made);
	}
	tmpdir_remove();
}
END_TEST

/* ---- what reading them gives ---- */

struct verdict {
	unsigned refused; /* segments that do not open */
	unsigned frames;  /* of complete groups, verified */
	unsigned scopes;  /* records with a seq that decode */
	unsigned reports; /* by the scanner */
	unsigned tails;
	unsigned too_new; /* frames of unknown kinds, records and forms */
	unsigned damaged; /* records */
	unsigned skipped; /* records of kinds >= 128 */
	unsigned ended;	  /* segments with an END frame */
};

struct forms {
	struct form form[64]; /* number 0 = not defined; a too new one has no memory */
	bool too_new[64];
};

static void
read_form(const struct record *record, struct forms *forms, struct verdict *v)
{
	struct form *form = &forms->form[record->form];
	int status;

	ck_assert_uint_lt(record->form, 64);
	form_release(form);
	status = form_decode(record->data + RECORD_HEADER, record->len - RECORD_HEADER,
			     record->form, form, NULL);
	forms->too_new[record->form] = status == TAPE_ERR_TOO_NEW;
	v->damaged += status == TAPE_ERR_DAMAGED;
}

static void
read_scope(const struct record *record, const struct forms *forms, struct verdict *v)
{
	const struct form *form = &forms->form[record->form];
	bool has_body = record->kind == RECORD_SCOPE || record->kind == RECORD_BOOKMARK;

	if (forms->too_new[record->form])
		v->too_new++;
	else if (form->memory == NULL ||
		 (has_body &&
		  body_check(form, record->body, record->body_len, NULL, NULL) < 0))
		v->damaged++;
	else
		v->scopes++;
}

static void
read_records(const struct scan_event *event, struct forms *forms, struct verdict *v)
{
	struct record record;
	size_t at = 0, before = 0;
	unsigned scopes = v->scopes;
	int status;

	while ((status = record_next(event->payload, event->frame.payload_bytes, &at,
				     &record)) != 0) {
		if (status == TAPE_ERR_TOO_NEW) { /* none of its records is shown */
			v->scopes = scopes;
			v->too_new++;
			return;
		}
		v->damaged += status < 0;
		if (status < 0 && at == before)
			return;
		before = at;
		if (status == 1 && record.kind == RECORD_FORM)
			read_form(&record, forms, v);
		else if (status == 1 && record_has_seq(record.kind))
			read_scope(&record, forms, v);
		else if (status == 1)
			v->skipped += record.kind >= 128;
	}
}

static void
read_segment(const struct segment_id *id, const uint8_t *data, size_t len,
	     struct verdict *v)
{
	struct block_memory memory = { data, len };
	struct block_source source = block_from_memory(&memory);
	struct segment_scan *scan;
	struct scan_event event;
	struct forms forms;
	int status;

	memset(&forms, 0, sizeof forms);
	if (segment_scan_open(&source, id, 0, &scan, NULL) < 0) {
		v->refused++;
		return;
	}
	while ((status = segment_scan_next(scan, &event, NULL)) == 1) {
		v->frames += event.kind == SCAN_FRAME;
		v->reports += event.kind == SCAN_REPORT;
		v->tails += event.kind == SCAN_TAIL;
		v->too_new += event.kind == SCAN_TOO_NEW;
		if (event.kind == SCAN_FRAME)
			read_records(&event, &forms, v);
	}
	ck_assert_int_eq(status, 0);
	v->ended += segment_scan_ended(scan, NULL);
	segment_scan_close(scan);
	for (size_t i = 0; i < 64; i++)
		form_release(&forms.form[i]);
}

static void
read_session(const char *tape, const struct tapedir *dir,
	     const struct tapedir_session *session, struct verdict *v)
{
	struct segment_id id = { .session = { session->id[0], session->id[1] } };
	size_t logs = session->log_count;

	memcpy(id.tape, dir->id, sizeof id.tape);
	for (size_t i = 0; i < logs + session->blob_log_count; i++) {
		char path[512];
		size_t len;

		id.blob = i >= logs;
		id.number = id.blob ? session->blob_logs[i - logs] : session->logs[i];
		(void)snprintf(path, sizeof path, "/%s/%06u.%s", session->path,
			       (unsigned)id.number, id.blob ? "blob" : "log");
		uint8_t *data = file_read(tape, path, &len);
		read_segment(&id, data, len, v);
		free(data);
	}
}

/* The status of opening the tape; *v if that is 0. */
static int
read_tape(const char *tape, struct verdict *v)
{
	struct tapedir_session *sessions;
	struct tapedir dir;
	size_t count;
	int status = tapedir_open(tape, &dir, NULL);

	memset(v, 0, sizeof *v);
	if (status < 0)
		return status;
	ck_assert_int_eq(tapedir_list(&dir, &sessions, &count, NULL), 0);
	for (size_t i = 0; i < count; i++)
		read_session(tape, &dir, &sessions[i], v);
	tapedir_free_sessions(sessions, count);
	tapedir_close(&dir);
	return 0;
}

static const struct {
	const char *name;
	int status;
	struct verdict verdict;
} expected[] = {
	/* refused frames scopes reports tails too_new damaged skipped ended */
	{ "good-every-record", 0, { 0, 14, 16, 0, 0, 0, 0, 0, 4 } },
	{ "good-torn-tail", 0, { 0, 3, 4, 0, 1, 0, 0, 0, 0 } },
	{ "good-zero-tail", 0, { 0, 3, 4, 0, 1, 0, 0, 0, 0 } },
	{ "good-group-without-end", 0, { 0, 3, 4, 0, 1, 0, 0, 0, 0 } },
	{ "good-short-segment", 0, { 0, 3, 4, 0, 1, 0, 0, 0, 1 } },
	{ "good-rewritten-group", 0, { 0, 6, 8, 0, 0, 0, 0, 0, 1 } },
	{ "good-skipped-record", 0, { 0, 3, 4, 0, 0, 0, 0, 1, 1 } },
	{ "good-compat-flag", 0, { 0, 2, 2, 0, 0, 0, 0, 0, 1 } },
	{ "bad-damaged-payload", 0, { 0, 4, 6, 1, 0, 0, 0, 0, 1 } },
	{ "bad-damaged-header", 0, { 0, 4, 6, 1, 0, 0, 0, 0, 1 } },
	{ "bad-damaged-group", 0, { 0, 5, 6, 1, 0, 0, 0, 0, 1 } },
	{ "bad-damaged-end-of-group", 0, { 0, 4, 5, 1, 0, 0, 0, 0, 1 } },
	{ "bad-damaged-to-the-end", 0, { 0, 2, 2, 1, 0, 0, 0, 0, 0 } },
	{ "bad-interrupted-group", 0, { 0, 3, 4, 1, 0, 0, 0, 0, 1 } },
	{ "bad-bytes-after-end", 0, { 0, 2, 2, 1, 0, 0, 0, 0, 1 } },
	{ "bad-end-counts", 0, { 0, 3, 4, 1, 0, 0, 0, 0, 1 } },
	{ "bad-segment-header", 0, { 1, 2, 2, 0, 0, 0, 0, 0, 1 } },
	{ "bad-tape-id", 0, { 1, 0, 0, 0, 0, 0, 0, 0, 0 } },
	{ "bad-segment-number", 0, { 1, 0, 0, 0, 0, 0, 0, 0, 0 } },
	{ "bad-missing-segment", 0, { 0, 4, 4, 0, 0, 0, 0, 0, 2 } },
	{ "bad-missing-seq", 0, { 0, 3, 4, 0, 0, 0, 0, 0, 1 } },
	{ "bad-form-not-defined", 0, { 0, 3, 3, 0, 0, 0, 1, 0, 1 } },
	{ "bad-body", 0, { 0, 3, 3, 0, 0, 0, 2, 0, 1 } },
	{ "bad-record-length", 0, { 0, 4, 5, 0, 0, 0, 1, 0, 1 } },
	{ "bad-link-target", 0, { 0, 3, 4, 0, 0, 0, 0, 0, 1 } },
	{ "bad-blob-missing", 0, { 0, 3, 3, 0, 0, 0, 0, 0, 1 } },
	{ "bad-blob-damaged", 0, { 0, 3, 3, 0, 0, 0, 0, 0, 1 } },
	{ "bad-not-a-tape", TAPE_ERR_NOT_TAPE, { 0 } },
	{ "unsupported-tape-version", TAPE_ERR_TOO_NEW, { 0 } },
	{ "unsupported-segment-version", 0, { 1, 2, 2, 0, 0, 0, 0, 0, 1 } },
	{ "unsupported-incompat-flag", 0, { 1, 2, 2, 0, 0, 0, 0, 0, 1 } },
	{ "unsupported-frame-kind", 0, { 0, 3, 4, 0, 0, 1, 0, 0, 1 } },
	{ "unsupported-record-kind", 0, { 0, 4, 4, 0, 0, 1, 0, 0, 1 } },
	{ "unsupported-value-type", 0, { 0, 3, 3, 0, 0, 1, 0, 0, 1 } },
};

START_TEST(the_kept_tapes_read_as_they_should)
{
	ck_assert_uint_eq(sizeof expected / sizeof expected[0], golden_count);
	for (size_t i = 0; i < golden_count; i++) {
		const struct verdict *want = &expected[i].verdict;
		struct verdict got;
		char tape[1024];

		ck_assert_str_eq(expected[i].name, golden_tapes[i].name);
		(void)snprintf(tape, sizeof tape, "%s/v1/%s.tape", TESTS_DATA,
			       expected[i].name);
		ck_assert_msg(read_tape(tape, &got) == expected[i].status, "%s", tape);
		ck_assert_msg(memcmp(&got, want, sizeof got) == 0,
			      "%s: refused %u frames %u scopes %u reports %u tails %u "
			      "too new %u damaged %u skipped %u ended %u",
			      expected[i].name, got.refused, got.frames, got.scopes,
			      got.reports, got.tails, got.too_new, got.damaged,
			      got.skipped, got.ended);
	}
}
END_TEST

START_TEST(every_kept_tape_has_a_line_in_the_readme_and_every_line_a_tape)
{
	struct tree kept;
	size_t len, lines = 0;
	uint8_t *readme = file_read(TESTS_DATA, "/README.md", &len);

	for (size_t i = 0; i < golden_count; i++) {
		char cell[128];

		(void)snprintf(cell, sizeof cell, "\n| `%s` |", golden_tapes[i].name);
		ck_assert_msg(strstr((char *)readme, cell) != NULL, "no line for %s",
			      golden_tapes[i].name);
	}
	for (char *at = (char *)readme; (at = strstr(at, "\n| `")) != NULL; at++)
		lines++;
	ck_assert_uint_eq(lines, golden_count);
	free(readme);
	/* A tape that is no longer made would be found by no other test. */
	tree_read(&kept, TESTS_DATA "/v1");
	for (size_t i = 0; i < kept.count; i++) {
		bool known = false;

		for (size_t k = 0; k < golden_count; k++) {
			size_t name = strlen(golden_tapes[k].name);

			known = known || (strncmp(kept.paths[i] + 1, golden_tapes[k].name,
						  name) == 0 &&
					  kept.paths[i][1 + name] == '.');
		}
		ck_assert_msg(known, "%s is of no golden tape", kept.paths[i]);
	}
	tree_release(&kept);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("golden");
	TCase *tc = tcase_create("golden");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, the_writer_makes_the_tapes_that_are_kept);
	tcase_add_test(tc, the_kept_tapes_read_as_they_should);
	tcase_add_test(tc,
		       every_kept_tape_has_a_line_in_the_readme_and_every_line_a_tape);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
