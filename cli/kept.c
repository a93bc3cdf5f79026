/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/kept.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/json.h"
#include "cli/mem.h"

/* ---- reading ---- */

static bool
starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static char *
spelled(const struct tape_value *value)
{
	struct out out;
	char *text;

	out_hold(&out);
	json_value(&out, value);
	text = mem_text(out.buf, out.len);
	out_release(&out);
	return text;
}

static uint64_t
bytes_of(const struct tape_value *v)
{
	static const uint8_t width[] = { 0, 1, 1, 8, 8, 8, 4, 16, 8 };

	return v->type < sizeof width ? width[v->type] : v->size;
}

static void
take_var(struct kept *c, const struct tape_var *var)
{
	const struct tape_value *v = var->value;

	if (strcmp(var->name, "key") == 0 && v->type == TAPE_STR && v->size == 32 &&
	    v->data) {
		memcpy(c->key, v->data, 32);
	} else if (strcmp(var->name, "name") == 0 && v->type == TAPE_STR && v->data) {
		free(c->name);
		c->name = mem_text(v->data, (size_t)v->size);
	} else if (strcmp(var->name, "seconds") == 0 && v->type == TAPE_F64) {
		c->seconds = v->as.f;
	} else if (strcmp(var->name, "dropped") == 0 && v->type == TAPE_BOOL) {
		c->dropped = v->as.i != 0;
	} else if (strcmp(var->name, "again") == 0 && v->type == TAPE_BOOL) {
		c->again = v->as.i != 0;
	} else if (starts(var->name, "out.")) {
		c->bytes += bytes_of(v);
	} else if (starts(var->name, "in.")) {
		c->inputs =
			mem_resize(c->inputs, (c->input_count + 1) * sizeof *c->inputs);
		c->inputs[c->input_count++] =
			(struct kept_input){ mem_text(var->name + 3, var->name_len - 3),
					     spelled(v) };
	}
}

static char *
path_of(const struct tape_scope *scope)
{
	size_t count = tape_scope_label_count(scope), len = 0;
	char *path = mem_text("", 0);

	for (size_t i = 0; i + 1 < count; i++) {
		const char *label = tape_scope_label(scope, i);
		size_t n = strlen(label);

		path = mem_resize(path, len + n + 2);
		if (i > 0)
			path[len++] = '/';
		memcpy(path + len, label, n + 1);
		len += n;
	}
	return path;
}

static void
release_one(struct kept *c)
{
	for (size_t i = 0; i < c->input_count; i++) {
		free(c->inputs[i].name);
		free(c->inputs[i].text);
	}
	free(c->inputs);
	free(c->name);
	free(c->path);
}

/* What sessions have noted: counts, and which keys were used. */
struct note {
	int64_t time;
	uint64_t *keys;
	size_t count;
};
struct notes {
	struct note *item;
	size_t count, cap;
};

static void
take_note(struct kept_list *list, struct notes *notes, const struct tape_scope *scope)
{
	struct tape_blob *blob = NULL;
	struct tape_error ignored;
	struct note *note;

	for (size_t i = 0; i < tape_scope_var_count(scope); i++) {
		struct tape_var var = tape_scope_var(scope, i);
		const struct tape_value *v = var.value;

		if (strcmp(var.name, "hits") == 0 && v->type == TAPE_U64)
			list->hits += v->as.u;
		else if (strcmp(var.name, "misses") == 0 && v->type == TAPE_U64)
			list->misses += v->as.u;
		else if (strcmp(var.name, "stored") == 0 && v->type == TAPE_U64)
			list->stored += v->as.u;
		else if (strcmp(var.name, "saved") == 0 && v->type == TAPE_F64)
			list->saved += v->as.f;
		if (strcmp(var.name, "used") != 0 || v->type != TAPE_ARRAY_T ||
		    v->dtype != TAPE_U8 || tape_blob_open(scope, i, &blob, &ignored) != 0)
			continue;
		notes->item = mem_grow(notes->item, &notes->cap, notes->count + 1,
				       sizeof *notes->item);
		note = &notes->item[notes->count++];
		note->time = tape_scope_time(scope);
		note->count = (size_t)(tape_blob_size(blob) / 8);
		note->keys = mem_resize(NULL, note->count * 8 + 1);
		if (tape_blob_read(blob, note->keys, note->count * 8, 0, &ignored) !=
		    (int64_t)(note->count * 8))
			note->count = 0;
		tape_blob_close(blob);
	}
}

static void
take_scope(struct kept_list *list, struct notes *notes, const struct tape_scope *scope)
{
	struct kept *c;

	if (tape_scope_var_find(scope, "key") < 0) {
		take_note(list, notes, scope);
		return;
	}
	list->item =
		mem_grow(list->item, &list->cap, list->count + 1, sizeof *list->item);
	c = &list->item[list->count];
	memset(c, 0, sizeof *c);
	c->name = mem_text("", 0);
	c->path = path_of(scope);
	c->pos = tape_scope_pos(scope);
	c->time = c->used = tape_scope_time(scope);
	c->seconds = -1;
	for (size_t i = 0; i < tape_scope_var_count(scope); i++) {
		struct tape_var var = tape_scope_var(scope, i);

		take_var(c, &var);
	}
	if (c->key[0] == '\0')
		release_one(c);
	else
		list->count++;
}

/* ---- which of them hold ---- */

static int
by_key(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;
	int r = strcmp(x->key, y->key);

	if (r != 0)
		return r;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return tape_pos_compare(&x->pos, &y->pos);
}

/* Of each key the first one that nothing later withdraws. */
static void
keep_those_that_hold(struct kept_list *list)
{
	size_t to = 0;

	if (list->count > 1)
		qsort(list->item, list->count, sizeof *list->item, by_key);
	for (size_t i = 0, end; i < list->count; i = end) {
		int64_t dropped = INT64_MIN;
		bool have = false;

		for (end = i; end < list->count &&
			      strcmp(list->item[end].key, list->item[i].key) == 0;
		     end++)
			if (list->item[end].dropped || list->item[end].again)
				dropped = list->item[end].time;
		for (size_t k = i; k < end; k++) {
			struct kept c = list->item[k];

			if (have || c.dropped || c.time < dropped) {
				release_one(&c);
				continue;
			}
			have = true;
			list->bytes += c.bytes;
			list->item[to++] = c;
		}
	}
	list->count = to;
}

static uint64_t
first_bytes(const struct kept *c)
{
	char digits[17];

	memcpy(digits, c->key, 16);
	digits[16] = '\0';
	return strtoull(digits, NULL, 16);
}

/* Both ascend: the list by key, a note by the first bytes of its keys. */
static void
apply_notes(struct kept_list *list, const struct notes *notes)
{
	for (size_t n = 0; n < notes->count; n++) {
		const struct note *note = &notes->item[n];
		size_t k = 0;

		for (size_t i = 0; i < list->count && k < note->count; i++) {
			struct kept *c = &list->item[i];
			uint64_t key = first_bytes(c);

			while (k < note->count && note->keys[k] < key)
				k++;
			if (k < note->count && note->keys[k] == key &&
			    c->used < note->time)
				c->used = note->time;
		}
	}
}

int
kept_read(const struct cli *cli, const char *tape, struct tape_reader *reader,
	  struct kept_list *list)
{
	struct tape_find_options options = { .size = sizeof(options),
					     .flags = TAPE_FIND_ALL };
	struct notes notes = { 0 };
	struct ask ask;
	const struct tape_scope *scope;
	struct tape_error err;
	int r = ask_begin(&ask, reader, "_cache", &options, &err);

	while (r == 0 && (r = ask_next(&ask, &scope, &err)) == 1) {
		take_scope(list, &notes, scope);
		r = 0;
	}
	ask_end(&ask);
	if (r == 0) {
		keep_those_that_hold(list);
		apply_notes(list, &notes);
	}
	for (size_t i = 0; i < notes.count; i++)
		free(notes.item[i].keys);
	free(notes.item);
	return r < 0 ? cli_fail(cli, tape, &err) : 0;
}

void
kept_release(struct kept_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		release_one(&list->item[i]);
	free(list->item);
	memset(list, 0, sizeof *list);
}

/* ---- dropping ---- */

static int
by_use(const void *a, const void *b)
{
	const struct kept *x = *(struct kept *const *)a;
	const struct kept *y = *(struct kept *const *)b;

	if (x->used != y->used)
		return x->used < y->used ? -1 : 1;
	return strcmp(x->key, y->key);
}

size_t
kept_mark(struct kept_list *list, int64_t max_age, uint64_t max_bytes, int64_t now)
{
	struct kept **order = mem_resize(NULL, (list->count + 1) * sizeof *order);
	uint64_t left = list->bytes;
	size_t victims = 0;

	for (size_t i = 0; i < list->count; i++)
		order[i] = &list->item[i];
	if (list->count > 1)
		qsort(order, list->count, sizeof *order, by_use);
	for (size_t i = 0; i < list->count; i++) {
		bool old = max_age != 0 && order[i]->used < now - max_age;

		if (!old && left <= max_bytes)
			break;
		order[i]->victim = true;
		left -= order[i]->bytes;
		victims++;
	}
	free(order);
	return victims;
}

static struct tape_key
key_of(const char *text)
{
	struct tape_key key;
	char half[17];

	memcpy(half, text, 16);
	half[16] = '\0';
	key.hi = strtoull(half, NULL, 16);
	memcpy(half, text + 16, 16);
	key.lo = strtoull(half, NULL, 16);
	return key;
}

static void
on_error(void *user, const char *message)
{
	cli_error(user, "%s", message);
}

int
kept_drop(const struct cli *cli, const char *tape, const char *tool,
	  const struct kept_list *list)
{
	struct tape_options options = { .size = sizeof(options),
					.name = tool,
					.on_error = on_error,
					.user = (void *)(uintptr_t)cli };
	struct tape *t = tape_open(tape, &options);
	bool failed = false;

	if (!t)
		return CLI_FAILED; /* on_error has said why */
	for (size_t i = 0; i < list->count; i++)
		if (list->item[i].victim &&
		    !tape_cache_drop(t, key_of(list->item[i].key)))
			failed = true;
	if (failed)
		cli_error(cli, "%s: not every result could be withdrawn", tape);
	return tape_close(t) < 0 || failed ? CLI_FAILED : 0;
}

/* ---- numbers ---- */

static bool
with_unit(const char *text, const char *units, uint64_t *number, int *unit)
{
	char digits[32];
	size_t len = strlen(text);
	const char *found = len == 0 ? NULL : strchr(units, text[len - 1]);

	len -= found != NULL;
	if (len == 0 || len >= sizeof digits)
		return false;
	memcpy(digits, text, len);
	digits[len] = '\0';
	*unit = found ? (int)(found - units) : -1;
	return cli_parse_u64(digits, number);
}

bool
kept_span(const char *text, int64_t *ns)
{
	static const int64_t seconds[] = { 1, 60, 3600, 86400 };
	uint64_t number;
	int unit;

	if (!with_unit(text, "smhd", &number, &unit) || unit < 0 || number == 0 ||
	    number > 36500)
		return false;
	*ns = (int64_t)number * seconds[unit] * INT64_C(1000000000);
	return true;
}

bool
kept_size(const char *text, uint64_t *bytes)
{
	uint64_t number;
	int unit;

	if (!with_unit(text, "KMG", &number, &unit) ||
	    number > UINT64_MAX >> 10 * (unit + 1))
		return false;
	*bytes = number << 10 * (unit + 1);
	return true;
}
