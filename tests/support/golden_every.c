/* SPDX-License-Identifier: Apache-2.0 */
/* The tape with one of each kind of record and type of value. */
#include "tests/support/golden_every.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "tests/support/testwriter.h"

#define VARS_MAX 64

/* Variables and values of one scope, in the order in which they were captured. */
struct list {
	struct form_var vars[VARS_MAX];
	struct tape_value values[VARS_MAX];
	struct body_hint hints[VARS_MAX];
	size_t count;
};

static void
must(int status)
{
	if (status >= 0)
		return;
	fprintf(stderr, "golden: a tape cannot be made (%d)\n", status);
	abort();
}

static struct form_var *
push(struct list *list, const char *name, struct tape_value value)
{
	struct form_var *var = &list->vars[list->count];

	if (list->count == VARS_MAX)
		must(-1);
	var->name = name;
	var->unit = "";
	var->type = value.type;
	list->hints[list->count].segment = BODY_NO_SEGMENT;
	list->values[list->count++] = value;
	return var;
}

static void
push_stored(struct list *list, const char *name, struct tape_value value,
	    enum tape_store store, const struct body_hint *hint)
{
	push(list, name, value)->store = (uint8_t)store;
	if (hint != NULL)
		list->hints[list->count - 1] = *hint;
}

/* Defines the form in w and records one scope of it. */
static uint64_t
record(struct testwriter *w, const struct list *list, struct form *form)
{
	struct tape_value values[VARS_MAX];
	struct body_hint hints[VARS_MAX];

	for (uint32_t i = 0; i < form->var_count; i++) {
		values[i] = list->values[form->vars[i].capture_index];
		hints[i] = list->hints[form->vars[i].capture_index];
	}
	testwriter_form(w, form);
	return testwriter_scope(w, form, values, hints, 1234);
}

/* ---- the bytes of the large values ---- */

static struct {
	double embedded[100];
	float inline_array[50];
	char text[3000];
	uint8_t logged[5000];
	uint8_t elements[256];
} bytes;

static void
make_bytes(void)
{
	for (unsigned i = 0; i < 100; i++)
		bytes.embedded[i] = i * 0.125 - 3;
	for (unsigned i = 0; i < 50; i++)
		bytes.inline_array[i] = (float)i / 10;
	for (size_t i = 0; i < sizeof bytes.text; i++)
		bytes.text[i] = (char)('a' + i % 26);
	for (size_t i = 0; i < sizeof bytes.logged; i++)
		bytes.logged[i] = (uint8_t)(i * 31 + i / 256);
	for (size_t i = 0; i < sizeof bytes.elements; i++)
		bytes.elements[i] = (uint8_t)(i * 3 + 1);
}

/* ---- values ---- */

static struct form_enumerator phases[] = { { -1, "lost" },
					   { 0, "lag" },
					   { 7, "growth" } };

static void
push_fixed(struct list *list)
{
	struct form_var *phase;

	push(list, "x", testwriter_f64(0.1))->unit = "g/L";
	push(list, "nothing", testwriter_small(TAPE_NULL, 0));
	push(list, "flag", testwriter_small(TAPE_BOOL, 1));
	phase = push(list, "phase", testwriter_i64(7));
	phase->enumerators = phases;
	phase->enumerator_count = 3;
	push(list, "low", testwriter_i64(INT64_MIN));
	push(list, "high", testwriter_u64(UINT64_MAX));
	push(list, "single", testwriter_f32(0.1f));
	push(list, "cd", testwriter_complex(TAPE_C16, 1.5, -0.0));
	push(list, "cf", testwriter_complex(TAPE_C8, (double)0.1f, 2));
	push(list, "gone", testwriter_small(TAPE_ABSENT, TAPE_WILD_POINTER));
}

static void
push_variable(struct list *list)
{
	static const char *const names[] = { "b1", "i1", "i2", "i4", "i8", "u1", "u2",
					     "u4", "u8", "f2", "f4", "f8", "c8", "c16" };
	static const uint8_t bools[6] = { 0, 1, 1, 0, 0, 1 };
	static const uint64_t two[2] = { 2, 3 }, hollow[3] = { 2, 0, 3 },
			      deep[8] = { 1, 2, 1, 2, 1, 1, 1, 1 }, fifty[1] = { 50 };

	push(list, "text", testwriter_text("say \"h\xc3\xa9\"\\\n\x7f"));
	push(list, "empty", testwriter_text(""));
	push(list, "raw", testwriter_bytes_value(TAPE_BYTES_T, "\0\xff\x80", 3));
	push(list, "long_text", testwriter_bytes_value(TAPE_STR, bytes.text, 300));
	push(list, "text_64", testwriter_bytes_value(TAPE_STR, bytes.text, 64));
	push(list, "text_65", testwriter_bytes_value(TAPE_STR, bytes.text, 65));
	for (unsigned i = 0; i < 14; i++)
		push(list, names[i],
		     testwriter_array((enum tape_dtype)(i + 1),
				      i == 0 ? bools : bytes.elements, 2, two, false));
	push(list, "fortran", testwriter_array(TAPE_I4, bytes.elements, 2, two, true));
	push(list, "hollow", testwriter_array(TAPE_F8, bytes.elements, 3, hollow, false));
	push(list, "deep", testwriter_array(TAPE_U2, bytes.elements, 8, deep, true));
	push(list, "long_array",
	     testwriter_array(TAPE_F4, bytes.inline_array, 1, fifty, false));
}

static void
push_blobs(struct list *list, const struct body_hint *embedded,
	   const struct body_hint *logged)
{
	static const uint64_t ten[2] = { 10, 10 }, four[1] = { 4 };

	push_stored(list, "blob_small", testwriter_text("small"), TAPE_AS_BLOB, NULL);
	push_stored(list, "blob_embedded",
		    testwriter_array(TAPE_F8, bytes.embedded, 2, ten, true), TAPE_AS_BLOB,
		    embedded);
	push_stored(list, "blob_loose",
		    testwriter_bytes_value(TAPE_STR, bytes.text, sizeof bytes.text),
		    TAPE_AS_BLOB, NULL);
	push_stored(
		list, "blob_logged",
		testwriter_bytes_value(TAPE_BYTES_T, bytes.logged, sizeof bytes.logged),
		TAPE_AS_BLOB, logged);
	push_stored(list, "hash_small",
		    testwriter_array(TAPE_U1, bytes.elements, 1, four, false),
		    TAPE_AS_HASH, NULL);
	push_stored(list, "hash_large",
		    testwriter_array(TAPE_F8, bytes.embedded, 2, ten, false),
		    TAPE_AS_HASH, NULL);
}

/* A second scope: every reason of absent, and floats that are hard to spell. */
static void
push_special(struct list *list)
{
	static const uint16_t halves[6] = {
		0x0001, 0x3555, 0x7bff, 0x7c00, 0x7e00, 0x8000
	};
	static const char *const reasons[] = { "r1", "r2", "r3", "r4", "r5", "r6", "r7" };
	static const uint64_t six[1] = { 6 };

	for (unsigned i = 0; i < 7; i++)
		push(list, reasons[i], testwriter_small(TAPE_ABSENT, i + 1));
	push(list, "nan", testwriter_f64((double)NAN));
	push(list, "inf", testwriter_f64((double)INFINITY));
	push(list, "minus_inf", testwriter_f64(-(double)INFINITY));
	push(list, "minus_zero", testwriter_f64(-0.0));
	push(list, "tiny", testwriter_f64(5e-324));
	push(list, "huge", testwriter_f64(1.7976931348623157e308));
	push(list, "e16", testwriter_f64(1e16));
	push(list, "tiny_single", testwriter_f32(1e-45f));
	push(list, "nan_single", testwriter_f32(NAN));
	push(list, "halves", testwriter_array(TAPE_F2, halves, 1, six, false));
	push(list, "off", testwriter_small(TAPE_BOOL, 0));
	push(list, "\xce\xb1 beta", testwriter_i64(-5));
	push(list, "_time", testwriter_i64(5));
}

/* ---- the first session ---- */

struct every {
	struct testwriter log, blobs;
	uint32_t forms;
};

static const char *const path_run[] = { "run:17", "iter" };
static const char *const path_bookmark[] = { "run:17", "_bookmark" };
static const char *const path_cache[] = { "_cache" };
static const struct form_var simple_vars[] = {
	{ .name = "it", .unit = "", .type = TAPE_I64 },
	{ .name = "X", .unit = "g/L", .type = TAPE_F64 },
	{ .name = "name", .unit = "", .type = TAPE_STR },
};

static struct form
new_form(struct every *e, unsigned line, const char *const *labels, size_t label_count,
	 const struct form_var *vars, size_t var_count)
{
	struct form form;

	must(form_build(++e->forms, "src/model.c", line, "step", labels, label_count,
			vars, var_count, &form, NULL));
	return form;
}

static uint64_t
simple_scope(struct testwriter *w, const struct form *form, int64_t it)
{
	struct tape_value values[3] = { testwriter_f64((double)it / 4),
					testwriter_i64(it),
					testwriter_text("chemostat") };

	return testwriter_scope(w, form, values, NULL, it * 1000);
}

static void
group_of_values(struct every *e)
{
	struct list list = { .count = 0 }, special = { .count = 0 };
	struct body_hint embedded, logged;
	struct form form;

	logged = testwriter_blob(&e->blobs, bytes.logged, sizeof bytes.logged);
	testwriter_group(&e->blobs);
	embedded = testwriter_blob(&e->log, bytes.embedded, sizeof bytes.embedded);
	testwriter_frame(&e->log, FRAME_FIRST);
	push_fixed(&list);
	push_variable(&list);
	push_blobs(&list, &embedded, &logged);
	form = new_form(e, 10, path_run, 1, list.vars, list.count);
	record(&e->log, &list, &form); /* seq 1 */
	form_release(&form);
	push_special(&special);
	form = new_form(e, 11, path_run, 1, special.vars, special.count);
	record(&e->log, &special, &form); /* seq 2 */
	form_release(&form);
	testwriter_frame(&e->log, FRAME_LAST);
}

static void
group_of_repeats(struct every *e, struct form *simple, struct form *subset)
{
	struct form_var vars[3];
	struct form elsewhere;

	testwriter_form(&e->log, simple);
	simple_scope(&e->log, simple, 1); /* seq 3 */
	simple_scope(&e->log, simple, 2); /* seq 4 */
	/* The same content from another line, with another unit and capture order. */
	for (unsigned i = 0; i < 3; i++)
		vars[i] = simple_vars[2 - i];
	vars[1].unit = "mg/L";
	elsewhere = new_form(e, 99, path_run, 2, vars, 3);
	testwriter_form(&e->log, &elsewhere);
	testwriter_link(&e->log, &elsewhere, 3, 5000); /* seq 5 */
	testwriter_form(&e->log, subset);
	testwriter_projection(&e->log, subset, 4, 6000); /* seq 6 */
	testwriter_group(&e->log);
	testwriter_projection(&e->log, subset, 8, 0); /* seq 7, target behind it */
	simple_scope(&e->log, simple, 3);	      /* seq 8 */
	testwriter_link(&e->log, subset, 6, 7000);    /* seq 9 repeats a projection */
	testwriter_group(&e->log);
	form_release(&elsewhere);
}

static void
group_of_bookmarks(struct every *e)
{
	static const struct form_var vars[] = {
		{ .name = "name", .unit = "", .type = TAPE_STR },
		{ .name = "target", .unit = "", .type = TAPE_STR },
	};
	struct tape_pos pos = { { testwriter_session_a[0], testwriter_session_a[1] }, 3 };
	struct tape_value values[2];
	struct form here = new_form(e, 20, path_bookmark, 2, vars, 1);
	struct form there = new_form(e, 21, path_bookmark, 2, vars, 2);
	char text[TAPE_POS_TEXT];

	tape_pos_text(&pos, text);
	values[0] = testwriter_text("steady-state");
	values[1] = testwriter_text(text);
	testwriter_form(&e->log, &here);
	testwriter_form(&e->log, &there);
	testwriter_bookmark(&e->log, &here, values, -1); /* seq 10 */
	values[0] = testwriter_text("best");
	testwriter_bookmark(&e->log, &there, values, 0); /* seq 11 */
	testwriter_link(&e->log, &here, 10, 1);		 /* seq 12 repeats a bookmark */
	testwriter_group(&e->log);
	form_release(&here);
	form_release(&there);
}

static void
groups_of_the_rest(struct every *e)
{
	struct tape_hash key = hash_bytes("a key", 5), gone = hash_bytes("another", 7);
	struct form cache = new_form(e, 30, path_cache, 1, simple_vars, 3);
	uint64_t seq;

	testwriter_form(&e->log, &cache);
	seq = simple_scope(&e->log, &cache, 40); /* seq 13 */
	testwriter_cache(&e->log, &key, seq);
	seq = simple_scope(&e->log, &cache, 41); /* seq 14 */
	testwriter_cache(&e->log, &gone, seq);
	testwriter_group(&e->log);
	testwriter_cache_drop(&e->log, &gone);
	testwriter_note(&e->log, "user.operator", "J\xc3\xb8rgen");
	testwriter_note(&e->log, "warning", "a label was cut");
	testwriter_group(&e->log);
	testwriter_mark(&e->log);
	testwriter_group(&e->log);
	form_release(&cache);
}

static void
first_session(const char *dir, struct every *e)
{
	struct form simple, subset;

	testwriter_begin(&e->log, testwriter_session_a, 0, false, 1);
	testwriter_begin(&e->blobs, testwriter_session_a, 0, true, 1);
	testwriter_first_group(&e->log, "1000");
	group_of_values(e);
	simple = new_form(e, 12, path_run, 2, simple_vars, 3);
	subset = new_form(e, 12, path_run, 2, simple_vars + 1, 1);
	group_of_repeats(e, &simple, &subset);
	group_of_bookmarks(e);
	groups_of_the_rest(e);
	testwriter_end(&e->log, END_ROLLED);
	testwriter_save(&e->log, dir);
	testwriter_end(&e->blobs, END_CLOSED);
	testwriter_save(&e->blobs, dir);
	uint64_t next = e->log.seq;
	testwriter_release(&e->log);
	testwriter_release(&e->blobs);

	testwriter_begin(&e->log, testwriter_session_a, 1, false, next);
	testwriter_first_group(&e->log, "1000");
	testwriter_mark(&e->log); /* at the head of the next group */
	testwriter_form(&e->log, &simple);
	simple_scope(&e->log, &simple, 50); /* seq 15 */
	testwriter_group(&e->log);
	testwriter_end(&e->log, END_CLOSED);
	testwriter_save(&e->log, dir);
	testwriter_release(&e->log);
	form_release(&simple);
	form_release(&subset);
}

/* Goes on from the first one, and pads its groups. */
static void
second_session(const char *dir, struct every *e)
{
	struct form simple;

	e->forms = 0;
	simple = new_form(e, 12, path_run, 2, simple_vars, 3);
	testwriter_begin(&e->log, testwriter_session_b, 0, false, 1);
	testwriter_first_group(&e->log, "commit");
	testwriter_continue(&e->log, testwriter_session_a, 15);
	testwriter_form(&e->log, &simple);
	simple_scope(&e->log, &simple, 51);
	testwriter_pad(&e->log, 4096);
	testwriter_group(&e->log);
	testwriter_end(&e->log, END_CLOSED);
	testwriter_save(&e->log, dir);
	testwriter_release(&e->log);
	form_release(&simple);
}

/* The second session has none: nothing in it is needed to read scopes. */
static void
manifest(const char *dir)
{
	static const char text[] =
		"{\"session\":\"20261122T101112.123456Z-0a1b2c3d\","
		"\"tape\":\"601de2117a9e40018001020304050607\",\"format\":1,"
		"\"name\":\"golden\",\"host\":\"golden\","
		"\"boot_id\":\"00000000-0000-4000-8000-000000000001\",\"pid\":4242,"
		"\"pid_start\":123456,\"uid\":1000,\"user\":\"ada\","
		"\"argv\":[\"./model\",\"--dt\",\"0.1\"],\"cwd\":\"/home/ada\","
		"\"rank\":3,\"size\":8,"
		"\"git_commit\":\"0123456789abcdef0123456789abcdef01234567\","
		"\"git_dirty\":true,\"library\":\"0.1.0\","
		"\"started\":\"2026-11-22T10:11:12.123456Z\"}\n"
		"{\"note\":\"operator\",\"value\":\"J\xc3\xb8rgen\","
		"\"time\":\"2026-11-22T10:11:12.130456Z\"}\n"
		"a line that does not parse\n"
		"{\"bookmark\":\"steady-state\","
		"\"pos\":\"20261122T101112.123456Z-0a1b2c3d:10\","
		"\"time\":\"2026-11-22T10:11:12.128456Z\"}\n"
		"{\"closed\":\"2026-11-22T10:11:13.200000Z\",\"scopes\":15,\"lost\":0}\n";

	testwriter_file(dir, "sessions/20261122T101112.123456Z-0a1b2c3d/manifest.jsonl",
			text, sizeof text - 1);
}

void
golden_every_make(const char *dir)
{
	struct every e = { .forms = 0 };

	make_bytes();
	testwriter_tape(dir, 1);
	testwriter_loose_blob(dir, bytes.text, sizeof bytes.text);
	first_session(dir, &e);
	manifest(dir);
	second_session(dir, &e);
}
