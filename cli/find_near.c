/* SPDX-License-Identifier: Apache-2.0 */
/* tape-find: which values there are, where none was found. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/find.h"
#include "cli/json.h"
#include "cli/mem.h"

#define SCOPES_LOOKED_AT ((uint64_t)1000000)
#define TEXTS_KEPT ((size_t)200)
/* Beyond this part of the value nobody has missed by rounding. */
#define NEAR 0.01

struct near {
	const char *name;
	bool has_wanted; /* the test was "=NUMBER" or "=TEXT" */
	bool is_number;
	double wanted;
	const char *word; /* the text of it */
	uint64_t scopes, numbers;
	struct tape_value min, max, nearest;
	bool same; /* the wanted value is there */
	const char **text;
	size_t text_count, text_cap;
};

/* Exact for all integers of 64 bits where long double has 64 bits of them. */
static bool
number_of(const struct tape_value *value, long double *number)
{
	switch (value->type) {
	case TAPE_I64:
		*number = (long double)value->as.i;
		break;
	case TAPE_U64:
		*number = (long double)value->as.u;
		break;
	case TAPE_F64:
	case TAPE_F32:
		*number = (long double)value->as.f;
		break;
	default:
		return false;
	}
	return isfinite(*number);
}

static long double
away(const struct near *near, long double number)
{
	return fabsl(number - (long double)near->wanted);
}

static void
take_number(struct near *near, const struct tape_value *value, long double number)
{
	long double other;

	if (near->numbers++ == 0) {
		near->min = near->max = near->nearest = *value;
		near->same = away(near, number) == 0;
		return;
	}
	if (number_of(&near->min, &other) && number < other)
		near->min = *value;
	if (number_of(&near->max, &other) && number > other)
		near->max = *value;
	if (number_of(&near->nearest, &other) && away(near, number) < away(near, other))
		near->nearest = *value;
	near->same |= away(near, number) == 0;
}

/* Each text once, as long as there are few. */
static void
take_text(struct near *near, const char *text, size_t len)
{
	for (size_t i = 0; i < near->text_count; i++)
		if (strlen(near->text[i]) == len && memcmp(near->text[i], text, len) == 0)
			return;
	if (near->text_count == TEXTS_KEPT)
		return;
	near->text = mem_grow(near->text, &near->text_cap, near->text_count + 1,
			      sizeof(*near->text));
	near->text[near->text_count++] = mem_text(text, len);
}

static void
take_var(struct near *near, const struct tape_var *var)
{
	const struct tape_value *value = var->value;
	long double number;

	near->scopes++;
	for (size_t i = 0; i < var->enumerator_count; i++)
		take_text(near, var->enumerators[i].name,
			  strlen(var->enumerators[i].name));
	if (number_of(value, &number))
		take_number(near, value, number);
	else if (value->type == TAPE_STR && value->data && value->size <= 64)
		take_text(near, value->data, (size_t)value->size);
}

/* False: it could not be read, and no hint is better than half of one. */
static bool
look(struct find *find, struct near *near)
{
	struct ask ask;
	const struct tape_scope *scope;
	struct tape_error err;
	char text[600];
	bool plain = near->name[strspn(near->name, "abcdefghijklmnopqrstuvwxyz"
						   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
						   "0123456789_.")] == 0;
	int r;

	/* A name that would need quotes is looked for in all scopes. */
	(void)snprintf(text, sizeof(text), "_has=%s", near->name);
	r = ask_begin(&ask, find->reader, plain ? text : "", NULL, &err);
	while (r == 0 && near->scopes < SCOPES_LOOKED_AT) {
		r = ask_next(&ask, &scope, &err);
		if (r <= 0)
			break;
		int64_t at = tape_scope_var_find(scope, near->name);
		if (at >= 0) {
			struct tape_var var = tape_scope_var(scope, (size_t)at);
			take_var(near, &var);
		}
		r = 0;
	}
	ask_end(&ask);
	return r == 0;
}

/* A tolerance of one digit that reaches from the wanted number to the nearest. */
static bool
tolerance(const struct near *near, double nearest, char text[TAPE_DOUBLE_TEXT])
{
	double gap = fabs(nearest - near->wanted);
	double limit = NEAR * fmax(fabs(nearest), fabs(near->wanted));

	if (!(gap > 0) || gap > limit)
		return false;
	double unit = pow(10, floor(log10(gap)));
	for (int digit = 1; digit <= 20; digit++) {
		(void)snprintf(text, TAPE_DOUBLE_TEXT, "%.2g", digit * unit);
		double reach = strtod(text, NULL);
		if (reach >= gap && near->wanted - reach <= nearest &&
		    nearest <= near->wanted + reach)
			return true;
	}
	return false;
}

static const char *
value_text(const struct tape_value *value, char text[2 * TAPE_DOUBLE_TEXT])
{
	struct out out;

	out_hold(&out);
	json_value(&out, value);
	out_char(&out, 0);
	(void)snprintf(text, 2 * TAPE_DOUBLE_TEXT, "%s", out.buf);
	out_release(&out);
	return text;
}

static void
say_there(struct find *find, const struct near *near)
{
	cli_say(&find->cli, "%s=%s is there, but not together with the rest of the query",
		near->name, near->word);
}

static void
say_range(struct find *find, const struct near *near)
{
	char min[2 * TAPE_DOUBLE_TEXT], max[2 * TAPE_DOUBLE_TEXT];
	const char *where = near->scopes == SCOPES_LOOKED_AT
				    ? "in the first 1,000,000 scopes that have it"
				    : "on this tape";

	(void)value_text(&near->min, min);
	(void)value_text(&near->max, max);
	if (strcmp(min, max) == 0)
		cli_say(&find->cli, "%s is always %s %s", near->name, min, where);
	else
		cli_say(&find->cli, "%s is from %s to %s %s", near->name, min, max,
			where);
}

static void
say_numbers(struct find *find, const struct near *near)
{
	char nearest[2 * TAPE_DOUBLE_TEXT], reach[TAPE_DOUBLE_TEXT];
	long double number = 0, least = 0, largest = 0;

	if (near->has_wanted && near->is_number && near->same) {
		say_there(find, near);
		return;
	}
	say_range(find, near);
	if (!near->has_wanted || !near->is_number)
		return;
	(void)number_of(&near->nearest, &number);
	(void)number_of(&near->min, &least);
	(void)number_of(&near->max, &largest);
	(void)value_text(&near->nearest, nearest);
	if (tolerance(near, (double)number, reach))
		cli_say(&find->cli, "the nearest to %s is %s; %s=%s+-%s finds it",
			near->word, nearest, near->name, near->word, reach);
	else if ((long double)near->wanted > least && (long double)near->wanted < largest)
		cli_say(&find->cli, "the nearest to %s is %s", near->word, nearest);
}

static void
say_texts(struct find *find, const struct near *near)
{
	struct out list;
	const char *nearest =
		near->has_wanted ? cli_nearest(near->word, near->text, near->text_count)
				 : NULL;

	if (nearest && strcmp(nearest, near->word) == 0) {
		say_there(find, near);
		return;
	}
	out_hold(&list);
	for (size_t i = 0; i < near->text_count && i < 8; i++) {
		out_str(&list, i ? ", " : "");
		out_str(&list, near->text[i]);
	}
	out_str(&list, near->text_count > 8 ? ", ..." : "");
	out_char(&list, 0);
	if (nearest)
		cli_say(&find->cli, "%s has no value '%s'; did you mean '%s'?",
			near->name, near->word, nearest);
	else
		cli_say(&find->cli, "%s has %s %s", near->name,
			near->text_count == 1 ? "only the value" : "the values",
			list.buf);
	out_release(&list);
}

void
find_near_value(struct find *find, const char *name, const char *test)
{
	struct near near = { .name = name };
	char *word, *end;

	test += strcspn(test, "=~<>");
	near.has_wanted = test[0] == '=';
	test += strspn(test, "=~<> \t\n");
	word = mem_text(test, strlen(test));
	if (word[0] == '"' && word[1] && word[strlen(word) - 1] == '"') {
		word[strlen(word) - 1] = 0;
		memmove(word, word + 1, strlen(word));
	}
	near.word = word;
	near.wanted = strtod(word, &end);
	near.is_number = *word && *end == 0 && isfinite(near.wanted);
	if (look(find, &near)) {
		if (near.numbers)
			say_numbers(find, &near);
		else if (near.text_count)
			say_texts(find, &near);
	}
	for (size_t i = 0; i < near.text_count; i++)
		free((char *)(uintptr_t)near.text[i]);
	free(near.text);
	free(word);
}
