/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/damage/answers.h"

#include <check.h>
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

char paths[FILES][400];
size_t path_count;

/* ---- reading ---- */

static void
on_report(void *user, const struct tape_report *report)
{
	struct answer *a = user;

	if (report->kind != TAPE_DAMAGE_MET) {
		a->notes++;
		return;
	}
	a->damage++;
	if (a->told_count < TOLD) {
		struct told *t = &a->told[a->told_count++];

		snprintf(t->file, sizeof t->file, "%s", report->file);
		t->offset = report->offset;
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

	say(a, "%" PRIu64, tape_scope_pos(s).seq);
	if (tape_scope_time(s) == TAPE_TIME_UNKNOWN)
		say(a, " ?");
	else
		say(a, " %" PRId64, tape_scope_time(s));
	say(a, " %s", tape_scope_label(s, 0));
	if (link.session[0] != 0 && link.seq == 0)
		say(a, " ?");
	else
		say(a, " %" PRIu64, link.seq);
	for (size_t i = 0; i < tape_scope_var_count(s); i++) {
		struct tape_var var = tape_scope_var(s, i);

		if (var.value->type == TAPE_ABSENT && var.value->absent == TAPE_LOST) {
			say(a, " %s=?", var.name);
			continue;
		}
		say(a, " %s=%d:", var.name, var.value->type);
		if (var.value->type == TAPE_I64 || var.value->type == TAPE_U64)
			say(a, "%" PRId64, var.value->as.i);
		else
			say_bytes(a, s, i);
	}
	say(a, "\n");
}

static int
ask_one(struct answer *a, struct tape_reader *reader, const char *text)
{
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	int r = tape_query_compile(text, &query, NULL);

	say(a, "== %s\n", text);
	if (r == 0)
		r = tape_find(reader, query, NULL, &cursor, NULL);
	while (r == 0 && (r = tape_cursor_next(cursor, &scope, NULL)) == 1) {
		say_scope(a, scope);
		r = 0;
	}
	tape_cursor_close(cursor);
	tape_query_free(query);
	return r;
}

void
ask(struct answer *a, const char *const *queries)
{
	struct tape_reader_options options = { .size = sizeof options,
					       .on_report = on_report,
					       .user = a };
	struct tape_reader *reader = NULL;
	struct tape_info *info = NULL;

	a->damage = a->notes = 0;
	a->told_count = 0;
	a->len = 0;
	a->text[0] = '\0';
	a->status = tape_reader_open(recording_dir, &options, &reader, NULL);
	for (; *queries && a->status == 0; queries++)
		a->status = ask_one(a, reader, *queries);
	if (reader && tape_info_read(reader, &info, NULL) == 0)
		tape_info_free(info);
	tape_reader_close(reader);
}

bool
was_told(const struct answer *a, const char *file, uint64_t byte)
{
	for (size_t i = 0; i < a->told_count; i++)
		if (strcmp(a->told[i].file, file) == 0 && a->told[i].offset <= byte)
			return true;
	return false;
}

/* Does this line say the same as the whole tape's? "?" stands for what is left of a value. */
static bool
same_line(const char *line, const char *of, size_t len)
{
	size_t k = 0;

	for (size_t i = 0; i < len; i++, k++) {
		if (line[i] == of[k])
			continue;
		if (line[i] != '?' || strcspn(of + k, " \n") == 0)
			return false;
		k += strcspn(of + k, " \n") - 1;
	}
	return true;
}

void
check_shown(const struct answer *whole, const struct answer *now, const char *what,
	    size_t at)
{
	const char *of = whole->text;

	for (const char *line = now->text; *line;) {
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
list_below(const char *below)
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
			list_below(path);
		} else {
			ck_assert_uint_lt(path_count, FILES);
			memcpy(paths[path_count++], path, sizeof path);
		}
	}
	closedir(d);
}

void
list_files(void)
{
	path_count = 0;
	list_below("");
}

uint8_t *
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

void
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

bool
ends(const char *path, const char *end)
{
	size_t len = strlen(path), n = strlen(end);

	return len >= n && strcmp(path + len - n, end) == 0;
}
