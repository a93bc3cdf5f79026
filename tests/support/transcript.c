/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/transcript.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "search/ahead.h"

#define JOBS 8u

/* One for each thread. */
static char made_text[JOBS][8192];

static void
add(struct transcript *t, const char *text, size_t len)
{
	while (t->cap - t->len < len + 1) {
		t->cap = t->cap == 0 ? 65536 : t->cap * 2;
		t->text = realloc(t->text, t->cap);
		ck_assert_ptr_nonnull(t->text);
	}
	memcpy(t->text + t->len, text, len);
	t->len += len;
	t->text[t->len] = 0;
}

static void
told(void *user, const struct tape_report *report)
{
	struct transcript *t = user;
	char line[1500];
	int n = snprintf(line, sizeof line, "%s %s %llu: %s\n",
			 report->kind == TAPE_DAMAGE_MET ? "damage" : "note",
			 report->file, (unsigned long long)report->offset,
			 report->message);

	t->damage += report->kind == TAPE_DAMAGE_MET;
	t->notes += report->kind == TAPE_NOTE_MET;
	/* How many come before a count is not to be seen. */
	add(t, line, (size_t)n);
}

/* A line of a scope: everything that may be looked at. */
static size_t
scope_line(const struct tape_scope *scope, char *text, size_t cap)
{
	struct tape_hash hash = tape_scope_hash(scope);
	struct tape_pos pos = tape_scope_pos(scope), link = tape_scope_link(scope);
	char at[TAPE_POS_TEXT], of[TAPE_POS_TEXT], hex[TAPE_HASH_TEXT];
	int n;

	tape_pos_text(&pos, at);
	tape_pos_text(&link, of);
	tape_hash_text(&hash, hex);
	n = snprintf(text, cap, "%s %lld %s %s", at, (long long)tape_scope_time(scope),
		     hex, link.seq != 0 ? of : "");
	for (size_t i = 0; i < tape_scope_label_count(scope); i++)
		n += snprintf(text + n, cap - (size_t)n, "/%s",
			      tape_scope_label(scope, i));
	for (size_t i = 0; i < tape_scope_var_count(scope); i++) {
		struct tape_var v = tape_scope_var(scope, i);

		n += snprintf(text + n, cap - (size_t)n, " %s:%u=", v.name,
			      v.value->type);
		if (v.value->type == TAPE_F64)
			n += snprintf(text + n, cap - (size_t)n, "%g", v.value->as.f);
		else if (v.value->type == TAPE_I64)
			n += snprintf(text + n, cap - (size_t)n, "%lld",
				      (long long)v.value->as.i);
		else if (v.value->has_hash) {
			tape_hash_text(&v.value->hash, hex);
			n += snprintf(text + n, cap - (size_t)n, "%s", hex);
		}
	}
	n += snprintf(text + n, cap - (size_t)n, "\n");
	ck_assert_int_lt(n, (int)cap);
	return (size_t)n;
}

static int
make(void *user, uint32_t thread, const struct tape_scope *scope, struct tape_made *made)
{
	(void)user;
	if (thread >= JOBS)
		return -1000;
	made->data = made_text[thread];
	made->len = scope_line(scope, made_text[thread], sizeof made_text[thread]);
	return 0;
}

static int
take(void *user, const struct tape_pos *pos, const void *data, size_t len)
{
	struct transcript *t = user;

	ck_assert_uint_ne(pos->seq, 0);
	add(t, data, len);
	t->scopes++;
	if (t->way == TRANSCRIPT_TURNS && t->scopes % 13 == 0)
		return 7;
	return t->scopes == t->limit ? 1 : 0;
}

static int
next(struct transcript *t, struct tape_cursor *c, uint64_t most, struct tape_error *err)
{
	char line[8192];
	const struct tape_scope *scope;
	int r = 1;

	while (most-- != 0 && (r = tape_cursor_next(c, &scope, err)) == 1) {
		size_t len = scope_line(scope, line, sizeof line);

		add(t, line, len);
		if (++t->scopes == t->limit)
			return 0;
	}
	return r;
}

static int
walk(struct transcript *t, struct tape_cursor *c, struct tape_error *err)
{
	int r = 7;

	switch (t->way) {
	case TRANSCRIPT_NEXT:
		return next(t, c, UINT64_MAX, err);
	case TRANSCRIPT_EACH:
		r = tape_cursor_each(c, make, take, t, err);
		return r == 1 ? 0 : r;
	case TRANSCRIPT_TURNS:
		while (r == 7) {
			r = tape_cursor_each(c, make, take, t, err);
			if (r == 7 && (t->limit == 0 || t->scopes < t->limit))
				r = next(t, c, 5, err) == 1 ? 7 : 0;
			else if (r == 1 || r == 7)
				return 0;
		}
		return r;
	default:
		return tape_cursor_count(c, &t->scopes, err);
	}
}

void
transcript_make(struct transcript *t)
{
	struct tape_reader_options options = { .size = sizeof options,
					       .on_report = told,
					       .user = t };
	struct tape_find_options how = { .size = sizeof how,
					 .flags = t->flags,
					 .after = t->after,
					 .upto = t->upto,
					 .jobs = t->jobs };
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	struct tape_error err = { 0 };

	t->len = t->scopes = t->damage = t->notes = 0;
	add(t, "", 0);
	ck_assert_msg(tape_query_compile(t->query, &query, &err) == 0, "%s", err.message);
	t->status = tape_reader_open(t->dir, &options, &reader, &err);
	if (t->status == 0)
		t->status = tape_find(reader, query, &how, &cursor, &err);
	if (t->status == 0)
		t->status = walk(t, cursor, &err);
	if (t->status < 0)
		add(t, err.message, strlen(err.message));
	t->stats.size = sizeof t->stats;
	tape_reader_stats(reader, &t->stats);
	tape_cursor_close(cursor);
	tape_reader_close(reader);
	tape_query_free(query);
}

void
transcript_release(struct transcript *t)
{
	free(t->text);
	t->text = NULL;
	t->len = t->cap = 0;
}

static void
same(const struct transcript *want, const struct transcript *got)
{
	size_t at = 0, line;

	if (want->len == got->len && memcmp(want->text, got->text, want->len) == 0) {
		ck_assert_int_eq(want->status, got->status);
		return;
	}
	while (at < want->len && at < got->len && want->text[at] == got->text[at])
		at++;
	for (line = at; line > 0 && want->text[line - 1] != '\n'; line--)
		;
	ck_abort_msg("query '%s' flags %u way %u jobs %u: differs at %zu\nwant %.300s\n"
		     "got  %.300s",
		     want->query, want->flags, got->way, got->jobs, at, want->text + line,
		     got->text + line);
}

static void
check_stats(const struct transcript *want, const struct transcript *got)
{
	ck_assert_uint_eq(want->stats.scopes, got->stats.scopes);
	ck_assert_uint_eq(want->stats.matched, got->stats.matched);
	ck_assert_uint_eq(want->stats.rows, got->stats.rows);
	ck_assert_uint_eq(want->stats.groups, got->stats.groups);
	ck_assert_uint_eq(want->stats.blocks_by_position, got->stats.blocks_by_position);
	ck_assert_uint_eq(want->stats.blocks_by_label, got->stats.blocks_by_label);
	ck_assert_uint_eq(want->stats.blocks_by_time, got->stats.blocks_by_time);
	ck_assert_uint_eq(want->stats.blocks_by_value, got->stats.blocks_by_value);
}

uint64_t
transcript_compare(const char *dir, const char *query, uint32_t flags,
		   struct tape_pos after, struct tape_pos upto, uint64_t limit)
{
	static const uint32_t jobs[] = { 2, 7 };
	struct transcript want = { .dir = dir,
				   .query = query,
				   .flags = flags,
				   .after = after,
				   .upto = upto,
				   .limit = limit,
				   .jobs = 1 };
	struct transcript got = want, count = want;
	uint64_t scopes;

	transcript_make(&want);
	count.way = TRANSCRIPT_COUNT;
	transcript_make(&count);
	for (unsigned i = 0; i < sizeof jobs / sizeof jobs[0]; i++)
		for (unsigned way = 0; way <= TRANSCRIPT_TURNS; way++) {
			got.way = (enum transcript_way)way;
			got.jobs = jobs[i];
			transcript_make(&got);
			same(way == TRANSCRIPT_COUNT ? &count : &want, &got);
			if (way == TRANSCRIPT_COUNT)
				ck_assert_uint_eq(got.scopes, count.scopes);
			/* A slice in which something fails is walked twice. */
			if (way <= TRANSCRIPT_EACH && limit == 0 && want.status == 0 &&
			    want.damage == 0)
				check_stats(&want, &got);
		}
	scopes = want.scopes;
	transcript_release(&want);
	transcript_release(&got);
	transcript_release(&count);
	return scopes;
}

void
transcript_tune(uint64_t slice_units, uint32_t chunk_scopes)
{
	reader_tuning = (struct reader_tuning){ .alone_ns = 0,
						.least_units = 0,
						.slice_units = slice_units,
						.chunk_scopes = chunk_scopes,
						.most_threads = UINT32_MAX,
						.shared_bytes = SHARED_BYTES,
						.made_bytes = MADE_BYTES };
}
