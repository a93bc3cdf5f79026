/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/json.h"
#include "cli/mem.h"

void
show_release(struct show *show)
{
	for (size_t i = 0; i < show->column_count; i++)
		free(show->column[i]);
	free(show->column);
	show->column = NULL;
	show->column_count = show->column_cap = 0;
	out_release(&show->line);
	keys_release(&show->keys);
	terms_release(&show->terms);
}

void
show_copy(const struct show *show, struct show *copy, struct out *out)
{
	*copy = *show;
	copy->out = out;
	copy->line = (struct out){ .fd = -1 };
	copy->session_known = false;
}

void
show_copy_release(struct show *copy)
{
	out_release(&copy->line);
}

static void
know_session(struct show *show, const uint64_t session[2])
{
	if (show->session_known && show->session[0] == session[0] &&
	    show->session[1] == session[1])
		return;
	show->session_known = true;
	show->session[0] = session[0];
	show->session[1] = session[1];
	tape_session_text(session, show->session_text);
}

void
show_pos(struct show *show, struct out *out, const struct tape_pos *pos)
{
	know_session(show, pos->session);
	out_mem(out, show->session_text, TAPE_SESSION_TEXT - 1);
	out_char(out, ':');
	out_u64(out, pos->seq);
}

static void
show_time(struct out *out, const struct tape_scope *scope)
{
	int64_t time_ns = tape_scope_time(scope);

	if (time_ns == TAPE_TIME_UNKNOWN)
		out_str(out, "unknown");
	else
		out_add(out, tape_time_text(time_ns, out_room(out, TAPE_TIME_TEXT)));
}

static void
show_path(struct out *out, const struct tape_scope *scope)
{
	size_t n = tape_scope_label_count(scope);

	for (size_t i = 0; i < n; i++) {
		if (i)
			out_char(out, '/');
		out_str(out, tape_scope_label(scope, i));
	}
}

static void
show_hash(struct out *out, const struct tape_scope *scope)
{
	struct tape_hash hash = tape_scope_hash(scope);

	tape_hash_text(&hash, out_room(out, TAPE_HASH_TEXT));
	out_add(out, TAPE_HASH_TEXT - 1);
}

/* The last bookmark at or before a place, in its session. NULL: none. */
static const struct tape_mark *
mark_before(const struct tape_marks *marks, const struct tape_pos *pos)
{
	size_t lo = 0, hi = marks ? marks->count : 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (tape_pos_compare(&marks->items[mid].pos, pos) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0 || marks->items[lo - 1].pos.session[0] != pos->session[0] ||
	    marks->items[lo - 1].pos.session[1] != pos->session[1])
		return NULL;
	return &marks->items[lo - 1];
}

static void
show_mark(struct show *show, struct out *out, const struct tape_pos *pos)
{
	const struct tape_mark *mark = mark_before(show->marks, pos);

	if (mark)
		out_str(out, mark->name);
}

void
show_field(struct show *show, struct out *out, const struct tape_scope *scope,
	   enum key_field field)
{
	struct tape_pos pos = tape_scope_pos(scope);

	switch (field) {
	case KEY_POS:
		show_pos(show, out, &pos);
		break;
	case KEY_SESSION:
		know_session(show, pos.session);
		out_str(out, show->session_text);
		break;
	case KEY_SEQ:
		out_u64(out, pos.seq);
		break;
	case KEY_TIME:
		show_time(out, scope);
		break;
	case KEY_LABELS:
	case KEY_PATH:
		show_path(out, scope);
		break;
	case KEY_FILE:
		out_str(out, tape_scope_file(scope));
		break;
	case KEY_LINE:
		out_u64(out, tape_scope_line(scope));
		break;
	case KEY_FUNC:
		out_str(out, tape_scope_func(scope));
		break;
	case KEY_HASH:
		show_hash(out, scope);
		break;
	case KEY_MARK:
		show_mark(show, out, &pos);
		break;
	case KEY_LINK:
		pos = tape_scope_link(scope);
		if (pos.seq)
			show_pos(show, out, &pos);
		break;
	default:
		break;
	}
}

/* ---- JSON ---- */

static void
json_time(struct out *out, const struct tape_scope *scope)
{
	if (tape_scope_time(scope) == TAPE_TIME_UNKNOWN) {
		out_str(out, "null");
		return;
	}
	out_char(out, '"');
	show_time(out, scope);
	out_char(out, '"');
}

/* The fields before "vars", all of them: the usual case, in one go. */
static void
json_head(struct show *show, struct out *out, const struct tape_scope *scope)
{
	struct tape_pos pos = tape_scope_pos(scope);
	size_t labels = tape_scope_label_count(scope);

	out_str(out, "{\"pos\":\"");
	show_pos(show, out, &pos);
	out_str(out, "\",\"time\":");
	json_time(out, scope);
	out_str(out, ",\"labels\":[");
	for (size_t i = 0; i < labels; i++) {
		if (i)
			out_char(out, ',');
		json_str(out, tape_scope_label(scope, i));
	}
	out_str(out, "],\"file\":");
	json_str(out, tape_scope_file(scope));
	out_str(out, ",\"line\":");
	out_u64(out, tape_scope_line(scope));
	out_str(out, ",\"func\":");
	json_str(out, tape_scope_func(scope));
	out_str(out, ",\"hash\":\"");
	show_hash(out, scope);
	out_char(out, '"');
}

static void
json_field(struct show *show, struct out *out, const struct tape_scope *scope,
	   enum key_field field)
{
	struct out text;
	size_t labels = tape_scope_label_count(scope);

	if (field == KEY_LABELS) {
		out_char(out, '[');
		for (size_t i = 0; i < labels; i++) {
			if (i)
				out_char(out, ',');
			json_str(out, tape_scope_label(scope, i));
		}
		out_char(out, ']');
		return;
	}
	if (field == KEY_LINE || field == KEY_SEQ) {
		show_field(show, out, scope, field);
		return;
	}
	if (field == KEY_TIME) {
		json_time(out, scope);
		return;
	}
	out_hold(&text);
	show_field(show, &text, scope, field);
	/* A bookmark has a name: none is said otherwise. */
	if (field == KEY_MARK && text.len == 0) {
		out_str(out, "null");
		out_release(&text);
		return;
	}
	json_text(out, text.buf ? text.buf : "", text.len);
	out_release(&text);
}

static void
json_some_fields(struct show *show, struct out *out, const struct tape_scope *scope)
{
	static const char *const names[] = { "pos",    "session", "seq",  "time",
					     "labels", "path",	  "file", "line",
					     "func",   "hash",	  "mark" };
	bool first = true;

	out_char(out, '{');
	for (unsigned field = 0; field < KEY_VAR; field++) {
		if (!(show->keys.fields >> field & 1))
			continue;
		out_printf(out, "%s\"%s\":", first ? "" : ",", names[field]);
		json_field(show, out, scope, (enum key_field)field);
		first = false;
	}
}

static void
json_vars(struct show *show, struct out *out, const struct tape_scope *scope)
{
	size_t count = tape_scope_var_count(scope);
	bool first = true;

	out_char(out, '{');
	for (size_t i = 0; i < count; i++) {
		struct tape_var var = tape_scope_var(scope, i);
		if (show->keys.count && !keys_want(&show->keys, var.name, var.name_len))
			continue;
		if (!first)
			out_char(out, ',');
		first = false;
		json_text(out, var.name, var.name_len);
		out_char(out, ':');
		json_value(out, var.value);
	}
	out_char(out, '}');
}

static void
json_link(struct show *show, struct out *out, const struct tape_pos *link)
{
	if (link->seq == 0) {
		out_str(out, "null");
		return;
	}
	out_char(out, '"');
	show_pos(show, out, link);
	out_char(out, '"');
}

void
show_json(struct show *show, const struct tape_scope *scope)
{
	struct out *out = show->out;
	struct tape_pos link = tape_scope_link(scope);
	uint32_t fields = show->keys.has_fields ? show->keys.fields : ~0u;

	if (show->keys.has_fields)
		json_some_fields(show, out, scope);
	else
		json_head(show, out, scope);
	if (fields >> KEY_VAR & 1) {
		bool first = show->keys.has_fields && !(fields & ((1u << KEY_VAR) - 1));
		out_str(out, first ? "\"vars\":" : ",\"vars\":");
		json_vars(show, out, scope);
	}
	if (link.session[0] && (fields >> KEY_LINK & 1)) {
		out_str(out,
			fields & ((1u << KEY_LINK) - 1) ? ",\"link\":" : "\"link\":");
		json_link(show, out, &link);
	}
	out_char(out, '}');
}

void
show_scope(struct show *show, const struct tape_scope *scope)
{
	switch (show->format) {
	case SHOW_JSONL:
		show_json(show, scope);
		break;
	case SHOW_CSV:
		show_csv(show, scope);
		break;
	default:
		show_line(show, scope);
		break;
	}
	out_char(show->out, show->end);
}

/* ---- for people ---- */

const char *
show_bytes(uint64_t bytes, char text[SHOW_BYTES])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 999.5 && unit + 1 < sizeof(units) / sizeof(*units)) {
		value /= 1000;
		unit++;
	}
	(void)snprintf(text, SHOW_BYTES, unit && value < 99.95 ? "%.1f %s" : "%.0f %s",
		       value, units[unit]);
	return text;
}

const char *
show_when(int64_t time_ns, bool utc, enum show_clock clock, char text[SHOW_WHEN])
{
	/* Rounded down, before 1970 too. */
	time_t seconds = (time_t)(time_ns / 1000000000 - (time_ns % 1000000000 < 0));
	struct tm tm;
	size_t n = 0;

	if (utc ? gmtime_r(&seconds, &tm) : localtime_r(&seconds, &tm))
		n = clock == SHOW_CLOCK
			    ? strftime(text, SHOW_WHEN, "%H:%M:%S", &tm)
			    : strftime(text, SHOW_WHEN, "%a %d %b %Y %H:%M:%S %Z", &tm);
	if (!n)
		(void)snprintf(text, SHOW_WHEN, "%lld s", (long long)seconds);
	return text;
}
