/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4180: a header, then a row per scope. */
#include <stdlib.h>
#include <string.h>

#include "cli/json.h"
#include "cli/mem.h"
#include "cli/show.h"

/* A text cell; quoted if it must be, or if it is empty, which bare means null. */
static void
csv_text(struct out *out, const char *text, size_t len)
{
	bool quote = len == 0;

	for (size_t i = 0; i < len && !quote; i++)
		quote = strchr(",\"\r\n", text[i]) != NULL;
	if (!quote) {
		out_mem(out, text, len);
		return;
	}
	out_char(out, '"');
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			out_char(out, '"');
		out_char(out, text[i]);
	}
	out_char(out, '"');
}

static void
csv_value(struct out *out, const struct tape_value *value)
{
	struct out text;

	if (value->type == TAPE_NULL || value->type == TAPE_ABSENT)
		return;
	if (value->type == TAPE_STR && value->store == TAPE_INLINE && value->data) {
		csv_text(out, value->data, value->size);
		return;
	}
	out_hold(&text);
	json_value(&text, value);
	/* NaN and infinities are numbers here and need no quotes. */
	if (value->type < TAPE_STR && text.len > 2 && text.buf[0] == '"')
		out_mem(out, text.buf + 1, text.len - 2);
	else
		csv_text(out, text.buf, text.len);
	out_release(&text);
}

static void
csv_field(struct show *show, const struct tape_scope *scope, enum key_field field)
{
	struct out text;

	out_hold(&text);
	show_field(show, &text, scope, field);
	if (text.len)
		csv_text(show->out, text.buf, text.len);
	out_release(&text);
}

static void
csv_variable(struct show *show, const struct tape_scope *scope, const char *name)
{
	int64_t index = tape_scope_var_find(scope, name);

	if (index >= 0)
		csv_value(show->out, tape_scope_var(scope, (size_t)index).value);
}

/* Where a name stands among the sorted columns, or should. */
static size_t
column_at(const struct show *show, const char *name, bool *found)
{
	size_t low = 0, high = show->column_count;

	*found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(show->column[middle], name);
		if (order == 0) {
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
learn_column(struct show *show, const char *name, size_t len)
{
	bool found;
	size_t at = column_at(show, name, &found);

	if (found)
		return;
	show->column = mem_grow(show->column, &show->column_cap, show->column_count + 1,
				sizeof(*show->column));
	memmove(show->column + at + 1, show->column + at,
		(show->column_count - at) * sizeof(*show->column));
	show->column[at] = mem_text(name, len);
	show->column_count++;
}

void
show_csv_learn(struct show *show, const struct tape_scope *scope)
{
	size_t count = tape_scope_var_count(scope);

	for (size_t i = 0; i < count; i++) {
		struct tape_var var = tape_scope_var(scope, i);
		if (keys_want(&show->keys, var.name, var.name_len))
			learn_column(show, var.name, var.name_len);
	}
}

void
show_csv_join(struct show *show, const struct show *from)
{
	for (size_t i = 0; i < from->column_count; i++)
		learn_column(show, from->column[i], strlen(from->column[i]));
}

/* Calls `cell` for each column, commas between: fields, then variables. */
static void
csv_columns(struct show *show, const struct tape_scope *scope,
	    void (*cell)(struct show *show, const struct tape_scope *scope,
			 enum key_field field, const char *name))
{
	static const enum key_field usual[] = { KEY_POS, KEY_TIME, KEY_LABELS };
	static const char *const usual_names[] = { "_pos", "_time", "_labels" };
	bool first = true;

	for (size_t i = 0; !show->keys.has_fields && i < 3; i++) {
		if (i)
			out_char(show->out, ',');
		cell(show, scope, usual[i], usual_names[i]);
		first = false;
	}
	for (size_t k = 0; k < show->keys.count; k++) {
		const struct key *key = &show->keys.item[k];
		if (key->wild)
			continue;
		if (!first)
			out_char(show->out, ',');
		cell(show, scope, key->field, key->name);
		first = false;
	}
	/* Without keys, or for keys with a wildcard: what was learnt. */
	for (size_t i = 0; i < show->column_count; i++) {
		const char *name = show->column[i];
		bool named = false;
		for (size_t k = 0; k < show->keys.count; k++)
			named |= !show->keys.item[k].wild &&
				 keys_match(&show->keys.item[k], name, strlen(name));
		if (named)
			continue;
		if (!first)
			out_char(show->out, ',');
		cell(show, scope, KEY_VAR, name);
		first = false;
	}
}

static void
header_cell(struct show *show, const struct tape_scope *scope, enum key_field field,
	    const char *name)
{
	(void)scope;
	(void)field;
	csv_text(show->out, name, strlen(name));
}

static void
row_cell(struct show *show, const struct tape_scope *scope, enum key_field field,
	 const char *name)
{
	if (field == KEY_VAR)
		csv_variable(show, scope, name);
	else
		csv_field(show, scope, field);
}

void
show_csv_header(struct show *show)
{
	csv_columns(show, NULL, header_cell);
	out_char(show->out, show->end);
}

void
show_csv(struct show *show, const struct tape_scope *scope)
{
	csv_columns(show, scope, row_cell);
}
