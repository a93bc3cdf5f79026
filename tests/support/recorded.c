/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/recorded.h"

#include <check.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "tape/search.h"
#include "tests/support/tmpdir.h"

#define BESIDE 4

static struct tape *open_tapes[BESIDE];
static char dirs[BESIDE][512];
static unsigned errors;
static char last_error[1100];
static char *text;
static size_t text_len, text_cap;

static void
on_error(void *user, const char *message)
{
	(void)user;
	errors++;
	snprintf(last_error, sizeof last_error, "%s", message);
}

static struct tape *
start(int number, const char *parent, const char *settings)
{
	char conf[600], lines[600];
	int fd = -1, n;

	snprintf(dirs[number], sizeof dirs[number], "%s/run%d.tape", parent, number);
	snprintf(conf, sizeof conf, "%s/conf%d", parent, number);
	n = snprintf(lines, sizeof lines, "[tape]\n%s\n", settings);
	ck_assert_int_eq(os_create(OS_CWD, conf, &fd), 0);
	ck_assert_int_eq(os_write_all(fd, lines, (size_t)n, NULL), 0);
	os_close(&fd);
	open_tapes[number] =
		tape_open(dirs[number], TAPE_OPTIONS(.name = "test", .config = conf,
						     .on_error = on_error));
	ck_assert_msg(open_tapes[number], "%s", tape_error(NULL));
	return open_tapes[number];
}

static char parent[400];

struct tape *
recorded_open(const char *settings)
{
	snprintf(parent, sizeof parent, "%s", tmpdir_make());
	errors = 0;
	last_error[0] = '\0';
	return start(0, parent, settings);
}

const char *
recorded_dir(void)
{
	return dirs[0];
}

struct tape *
recorded_open_beside(int number)
{
	return start(number, parent, "");
}

void
recorded_teardown(void)
{
	for (int i = 0; i < BESIDE; i++) {
		(void)tape_close(open_tapes[i]);
		open_tapes[i] = NULL;
	}
	free(text);
	text = NULL;
	text_len = text_cap = 0;
	tmpdir_remove();
}

static void add(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void
add(const char *format, ...)
{
	va_list ap;
	int n;

	for (;;) {
		va_start(ap, format);
		n = vsnprintf(text ? text + text_len : NULL, text_cap - text_len, format,
			      ap);
		va_end(ap);
		ck_assert_int_ge(n, 0);
		if ((size_t)n < text_cap - text_len)
			break;
		text_cap = 2 * text_cap + (size_t)n + 1;
		text = realloc(text, text_cap);
		ck_assert_ptr_nonnull(text);
	}
	text_len += (size_t)n;
}

static void
add_double(double v)
{
	char number[TAPE_DOUBLE_TEXT];

	tape_double_text(v, number);
	add("%s", number);
}

static void
add_element(unsigned dtype, const uint8_t *p)
{
	int64_t i = 0;
	uint64_t u = 0;
	float f, c[2];
	double d, z[2];
	size_t size = tape_dtype_size(dtype);

	switch (dtype) {
	case TAPE_F4:
		memcpy(&f, p, 4);
		add("%g", (double)f);
		break;
	case TAPE_F8:
		memcpy(&d, p, 8);
		add("%g", d);
		break;
	case TAPE_C8_T:
		memcpy(c, p, 8);
		add("(%g,%g)", (double)c[0], (double)c[1]);
		break;
	case TAPE_C16_T:
		memcpy(z, p, 16);
		add("(%g,%g)", z[0], z[1]);
		break;
	case TAPE_I1:
	case TAPE_I2:
	case TAPE_I4:
	case TAPE_I8:
		i = (int8_t)p[size - 1] < 0 ? -1 : 0;
		memcpy(&i, p, size);
		add("%" PRId64, i);
		break;
	default: /* b1, unsigned, and f2 as its bits */
		memcpy(&u, p, size);
		add("%" PRIu64, u);
	}
}

#define SHOWN 40u

static void
add_array(const struct tape_value *v, const uint8_t *data)
{
	size_t element = tape_dtype_size(v->dtype);

	add("%s%s[", tape_dtype_name(v->dtype), v->fortran ? "F" : "");
	for (unsigned k = 0; k < v->ndim; k++)
		add("%s%" PRIu64, k ? "," : "", v->dims[k]);
	add("](");
	for (uint64_t i = 0; i < v->size / element && i < SHOWN; i++) {
		add("%s", i ? " " : "");
		add_element(v->dtype, data + i * element);
	}
	add("%s)", v->size / element > SHOWN ? " ..." : "");
}

static void
add_wide(const struct tape_scope *scope, size_t index, const struct tape_value *v)
{
	const uint8_t *data = v->data;
	struct tape_error err = { 0 };
	struct tape_blob *blob = NULL;
	uint8_t *copy = NULL;

	if (!data && v->size && v->store == TAPE_AS_HASH) {
		add("hash:%llu", (unsigned long long)v->size);
		return;
	}
	if (v->store != TAPE_INLINE)
		add("blob:");
	if (!data && v->size) {
		ck_assert_msg(tape_blob_open(scope, index, &blob, &err) == 0, "%s",
			      err.message);
		copy = malloc((size_t)v->size);
		ck_assert_ptr_nonnull(copy);
		ck_assert_int_eq(tape_blob_read(blob, copy, (size_t)v->size, 0, &err),
				 (int64_t)v->size);
		tape_blob_close(blob);
		data = copy;
	}
	if (v->type == TAPE_ARRAY_T) {
		add_array(v, data);
	} else if (v->type == TAPE_STR) {
		add("'%.*s'", (int)v->size, v->size ? (const char *)data : "");
	} else {
		add("x'");
		for (uint64_t i = 0; i < v->size && i < SHOWN; i++)
			add("%02x", data[i]);
		add("%s'", v->size > SHOWN ? "..." : "");
	}
	free(copy);
}

static void
add_value(const struct tape_scope *scope, size_t index, const struct tape_value *v)
{
	char reason[16];

	switch (v->type) {
	case TAPE_NULL:
		add("null");
		break;
	case TAPE_ABSENT:
		add("absent:%s", tape_absent_name(v->absent, reason));
		break;
	case TAPE_BOOL:
		add("%s", v->as.i ? "true" : "false");
		break;
	case TAPE_I64:
		add("%" PRId64, v->as.i);
		break;
	case TAPE_U64:
		add("%" PRIu64 "u", v->as.u);
		break;
	case TAPE_F64:
	case TAPE_F32:
		add_double(v->as.f);
		add("%s", v->type == TAPE_F32 ? "f" : "");
		break;
	case TAPE_C16:
	case TAPE_C8:
		add("(");
		add_double(v->as.c[0]);
		add(",");
		add_double(v->as.c[1]);
		add(")%s", v->type == TAPE_C8 ? "f" : "");
		break;
	default:
		add_wide(scope, index, v);
	}
}

static char last_file[1100], last_func[1100];

static void
add_scope(const struct tape_scope *scope)
{
	snprintf(last_file, sizeof last_file, "%s", tape_scope_file(scope));
	snprintf(last_func, sizeof last_func, "%s", tape_scope_func(scope));
	for (size_t i = 0; i < tape_scope_label_count(scope); i++)
		add("%s%s", i ? "/" : "", tape_scope_label(scope, i));
	for (size_t i = 0; i < tape_scope_var_count(scope); i++) {
		struct tape_var var = tape_scope_var(scope, i);

		add(" %s", var.name);
		if (*var.unit)
			add("[%s]", var.unit);
		add("=");
		add_value(scope, i, var.value);
		for (size_t k = 0; k < var.enumerator_count; k++)
			add("%s%s:%" PRId64, k ? "," : "{", var.enumerators[k].name,
			    var.enumerators[k].number);
		add("%s", var.enumerator_count ? "}" : "");
	}
	add("\n");
}

static int64_t last_time, first_allowed, last_allowed;

static void
check_time(const struct tape_scope *scope)
{
	int64_t time = tape_scope_time(scope);

	ck_assert_int_ge(time, last_time);
	ck_assert_int_ge(time, first_allowed);
	ck_assert_int_le(time, last_allowed);
	last_time = time;
}

static unsigned
read_tape(int number, bool show)
{
	struct tape_error err = { 0 };
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_find_options everything = { .size = sizeof everything,
						      .flags = TAPE_FIND_ALL };
	const struct tape_scope *scope;
	unsigned count = 0;
	int r;

	(void)tape_commit(open_tapes[number]);
	text_len = 0;
	add("%s", "");
	ck_assert_msg(tape_reader_open(dirs[number], NULL, &reader, &err) == 0 &&
			      tape_query_compile("", &query, &err) == 0 &&
			      tape_find(reader, query, &everything, &cursor, &err) == 0,
		      "%s", err.message);
	while ((r = tape_cursor_next(cursor, &scope, &err)) == 1) {
		if (show)
			add_scope(scope);
		if (last_allowed)
			check_time(scope);
		count++;
	}
	ck_assert_msg(r == 0, "%s", err.message);
	ck_assert_uint_eq(tape_reader_damage(reader), 0);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return count;
}

const char *
recorded(void)
{
	(void)read_tape(0, true);
	return text;
}

const char *
recorded_beside(int number)
{
	(void)read_tape(number, true);
	return text;
}

void
recorded_check_times(int64_t from, int64_t to)
{
	first_allowed = last_time = from;
	last_allowed = to;
	(void)read_tape(0, false);
	last_allowed = 0;
}

unsigned
recorded_count(void)
{
	return read_tape(0, false);
}

const char *
recorded_under(const char *path)
{
	size_t kept = 0, len = strlen(path);

	(void)read_tape(0, true);
	for (char *line = text; *line;) {
		char *end = strchr(line, '\n') + 1;

		if (strncmp(line, path, len) == 0) {
			memmove(text + kept, line, (size_t)(end - line));
			kept += (size_t)(end - line);
		}
		line = end;
	}
	text[kept] = '\0';
	return text;
}

struct search {
	char path[900];
};

static int
found_session(void *user, const char *name)
{
	struct search *search = user;

	snprintf(search->path, sizeof search->path, "%s/sessions/%s/manifest.jsonl",
		 dirs[0], name);
	return 1;
}

unsigned
recorded_said(const char *what)
{
	struct search search = { "" };
	char sessions[600], *copy, *at;
	unsigned n = 0;
	int64_t len;
	int fd = -1;

	snprintf(sessions, sizeof sessions, "%s/sessions", dirs[0]);
	ck_assert_int_eq(os_list(OS_CWD, sessions, found_session, &search), 1);
	ck_assert_int_eq(os_open_read(OS_CWD, search.path, &fd), 0);
	copy = calloc(1, 1 << 20);
	ck_assert_ptr_nonnull(copy);
	len = os_pread(fd, copy, (1 << 20) - 1, 0);
	ck_assert_int_ge(len, 0);
	os_close(&fd);
	for (at = copy; (at = strstr(at, what)); at++)
		n++;
	free(copy);
	return n;
}

unsigned
recorded_errors(void)
{
	return errors;
}

const char *
recorded_last_file(void)
{
	return last_file;
}

const char *
recorded_last_func(void)
{
	return last_func;
}

const char *
recorded_error(void)
{
	return last_error;
}
