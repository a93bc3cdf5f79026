/* SPDX-License-Identifier: Apache-2.0 */
/* One line per scope. On a terminal it is cut to fit. */
#include <stdio.h>
#include <string.h>

#include "cli/json.h"
#include "cli/show.h"

#define LINE_ARRAY_SHOWN 4 /* elements of an array on a terminal */

/* Columns that bytes of UTF-8 take, roughly. */
static size_t
columns_of(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

/* Text without control characters; those of a tape may come from anywhere. */
static void
line_text(struct out *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		bool c1 = c == 0xc2 && i + 1 < len &&
			  (unsigned char)text[i + 1] >= 0x80 &&
			  (unsigned char)text[i + 1] < 0xa0;
		if (c < 0x20 || c == 0x7f || c1) {
			out_printf(out, "\\u%04x", c1 ? (unsigned char)text[i + 1] : c);
			i += c1;
		} else {
			out_char(out, (char)c);
		}
	}
}

static bool
is_bare(const char *text, size_t len)
{
	if (!len)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		bool alnum = (c | 32) >= 'a' ? (c | 32) <= 'z' : c >= '0' && c <= '9';
		if (!alnum && !strchr("_./:+-%@", c))
			return false;
	}
	return true;
}

static void
line_string(struct out *out, const char *text, size_t len)
{
	if (is_bare(text, len)) {
		out_mem(out, text, len);
		return;
	}
	/* As in JSON, and C1 controls too. */
	struct out quoted;

	out_hold(&quoted);
	json_text(&quoted, text, len);
	line_text(out, quoted.buf, quoted.len);
	out_release(&quoted);
}

static void
line_dims(struct out *out, const struct tape_value *value)
{
	const char *dtype = tape_dtype_name(value->dtype);

	if (value->type != TAPE_ARRAY_T) {
		out_str(out, value->type == TAPE_STR ? "str" : "bytes");
		return;
	}
	out_printf(out, "%s[", dtype ? dtype : "?");
	for (unsigned i = 0; i < value->ndim; i++) {
		if (i)
			out_char(out, ',');
		out_u64(out, value->dims[i]);
	}
	out_char(out, ']');
}

/* A blob as type, size and short hash. */
static void
line_blob(struct out *out, const struct tape_value *value)
{
	char hash[TAPE_HASH_TEXT], size[SHOW_BYTES];

	tape_hash_text(&value->hash, hash);
	out_char(out, '<');
	line_dims(out, value);
	out_printf(out, " %s %.8s>", show_bytes(value->size, size), hash);
}

static bool
is_long(const struct tape_value *value)
{
	size_t item = value->type == TAPE_ARRAY_T ? tape_dtype_size(value->dtype) : 16;

	return value->size > LINE_ARRAY_SHOWN * item;
}

static void
line_value(struct show *show, struct out *out, const struct tape_var *var)
{
	const struct tape_value *value = var->value;

	for (size_t i = 0; value->type == TAPE_I64 && i < var->enumerator_count; i++) {
		if (var->enumerators[i].number == value->as.i) {
			line_text(out, var->enumerators[i].name,
				  strlen(var->enumerators[i].name));
			return;
		}
	}
	if (value->type == TAPE_ABSENT) {
		char text[16];
		out_printf(out, "absent(%s)", tape_absent_name(value->absent, text));
	} else if (value->type < TAPE_STR) {
		/* "NaN" needs no quotes here. */
		char *from = out_room(out, 2 * TAPE_DOUBLE_TEXT + 16);
		struct out text = { .buf = from,
				    .cap = 2 * TAPE_DOUBLE_TEXT + 16,
				    .hold = true };
		json_value(&text, value);
		bool quoted = text.len && from[0] == '"';
		if (quoted)
			memmove(from, from + 1, text.len - 2);
		out_add(out, quoted ? text.len - 2 : text.len);
	} else if (value->store != TAPE_INLINE || (!value->data && value->size)) {
		line_blob(out, value);
	} else if (value->type == TAPE_STR) {
		line_string(out, value->data, value->size);
	} else if (show->tty && is_long(value)) {
		line_dims(out, value);
	} else {
		json_value(out, value);
	}
}

static void
line_var(struct show *show, struct out *out, const struct tape_var *var, bool tested)
{
	if (show->colour)
		out_str(out, tested ? "\033[1;36m" : "\033[36m");
	line_text(out, var->name, var->name_len);
	if (show->colour)
		out_str(out, "\033[0m");
	out_char(out, '=');
	line_value(show, out, var);
}

static bool
is_tested(const struct show *show, const struct tape_var *var)
{
	for (size_t i = 0; i < show->terms.var_count; i++)
		if (strcmp(show->terms.var[i], var->name) == 0)
			return true;
	return false;
}

struct line {
	struct out *out;
	size_t used;	/* columns so far */
	size_t skipped; /* variables that did not fit */
};

/* Adds a variable, or counts it where there is no room. */
static void
line_add(struct show *show, struct line *line, const struct tape_var *var, bool tested)
{
	struct out *out = line->out;
	size_t before = out->len;
	bool colour = show->colour;

	if (!show->tty) {
		out_char(out, ' ');
		line_var(show, out, var, tested);
		return;
	}
	if (line->skipped) {
		line->skipped++;
		return;
	}
	show->colour = false;
	line_var(show, out, var, tested);
	size_t width = columns_of(out->buf + before, out->len - before) + 1;
	out->len = before;
	show->colour = colour;
	if (line->used + width + 5 > show->columns && line->used) {
		line->skipped++;
		return;
	}
	line->used += width;
	out_char(out, ' ');
	line_var(show, out, var, tested);
}

static void
line_vars(struct show *show, struct line *line, const struct tape_scope *scope)
{
	size_t count = tape_scope_var_count(scope);

	/* Those that the query tests come first. */
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < count; i++) {
			struct tape_var var = tape_scope_var(scope, i);
			bool tested = is_tested(show, &var);
			if (tested == (pass == 0) &&
			    keys_want(&show->keys, var.name, var.name_len))
				line_add(show, line, &var, tested);
		}
	}
	if (line->skipped)
		out_printf(line->out, " +%zu", line->skipped);
}

/* A header where another session begins, for people. */
static void
line_session(struct show *show, struct out *out, const struct tape_pos *pos)
{
	char date[SHOW_WHEN];

	if (show->session_known && show->session[0] == pos->session[0] &&
	    show->session[1] == pos->session[1])
		return;
	struct tape_pos copy = *pos;
	struct out none;
	out_hold(&none);
	show_pos(show, &none, &copy);
	out_release(&none);
	int64_t start_ns = pos->session[0] < INT64_MAX / 1000
				   ? (int64_t)pos->session[0] * 1000
				   : INT64_MAX;
	show_when(start_ns, show->utc, SHOW_DATE, date);
	out_printf(out, "%ssession %s  %s%s\n", show->colour ? "\033[1m" : "",
		   show->session_text, date, show->colour ? "\033[0m" : "");
}

/* seq, time, labels for people; position, time, labels for programs. */
static void
line_head(struct show *show, struct out *out, const struct tape_scope *scope)
{
	struct tape_pos pos = tape_scope_pos(scope);
	int64_t time_ns = tape_scope_time(scope);
	char when[SHOW_WHEN];
	struct out path;

	if (show->tty) {
		int64_t ms = (time_ns % 1000000000 + 1000000000) % 1000000000 / 1000000;
		line_session(show, show->out, &pos);
		show_when(time_ns, show->utc, SHOW_CLOCK, when);
		if (time_ns == TAPE_TIME_UNKNOWN)
			out_printf(out, "%8llu time unknown ",
				   (unsigned long long)pos.seq);
		else
			out_printf(out, "%8llu %s.%03d ", (unsigned long long)pos.seq,
				   when, (int)ms);
	} else {
		show_pos(show, out, &pos);
		out_char(out, ' ');
		show_field(show, out, scope, KEY_TIME);
		out_char(out, ' ');
	}
	out_hold(&path);
	show_field(show, &path, scope, KEY_PATH);
	if (show->colour)
		out_str(out, "\033[32m");
	line_text(out, path.buf ? path.buf : "", path.len);
	if (!path.len)
		out_char(out, '-');
	if (show->colour)
		out_str(out, "\033[0m");
	out_release(&path);
}

/* Only what --keys names, in its order. */
static void
line_keys(struct show *show, struct out *out, const struct tape_scope *scope)
{
	size_t count = tape_scope_var_count(scope);
	bool first = true;

	for (size_t k = 0; k < show->keys.count; k++) {
		const struct key *key = &show->keys.item[k];
		if (key->field != KEY_VAR) {
			struct out text;
			out_hold(&text);
			show_field(show, &text, scope, key->field);
			if (!first)
				out_char(out, ' ');
			line_text(out, text.len ? text.buf : "-",
				  text.len ? text.len : 1);
			out_release(&text);
			first = false;
			continue;
		}
		for (size_t i = 0; i < count; i++) {
			struct tape_var var = tape_scope_var(scope, i);
			if (!keys_match(key, var.name, var.name_len))
				continue;
			if (!first)
				out_char(out, ' ');
			line_var(show, out, &var, is_tested(show, &var));
			first = false;
		}
	}
}

void
show_line(struct show *show, const struct tape_scope *scope)
{
	struct tape_pos link = tape_scope_link(scope);
	struct out *out = &show->line;
	struct line line = { .out = out };

	/* In memory first, so that it can be measured. */
	out->hold = true;
	out->len = 0;
	if (show->keys.has_fields) {
		line_keys(show, out, scope);
		out_mem(show->out, out->buf ? out->buf : "", out->len);
		return;
	}
	line_head(show, out, scope);
	line.used = columns_of(out->buf, out->len);
	line_vars(show, &line, scope);
	if (link.seq) {
		out_str(out, " => ");
		if (show->tty)
			out_u64(out, link.seq);
		else
			show_pos(show, out, &link);
	}
	out_mem(show->out, out->buf, out->len);
}
