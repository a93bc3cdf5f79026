/* SPDX-License-Identifier: Apache-2.0 */
/* tape-find: where a query went wrong, and what may have been meant. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/find.h"
#include "cli/mem.h"
#include "format/os.h"

#define CARET_WINDOW ((size_t)60) /* bytes of the query shown before the caret */

static bool
continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

void
find_syntax(struct find *find, const struct tape_error *err)
{
	size_t len = strlen(find->text);
	size_t column = err->offset ? (size_t)err->offset - 1 : 0;
	size_t from = 0, columns = 0;
	const char *dots = "";

	column = column > len ? len : column;
	if (column > CARET_WINDOW) {
		from = column - CARET_WINDOW;
		while (from < column && continues(find->text[from]))
			from++;
		dots = "...";
	}
	char *shown = mem_text(find->text + from, len - from);
	char *plain = mem_resize(NULL, len - from + 3);
	if (len - from > CARET_WINDOW * 2) {
		size_t end = CARET_WINDOW * 2;
		while (continues(shown[end]))
			end--;
		shown[end] = 0;
	}
	cli_plain(shown, plain, len - from + 3);
	for (size_t i = from; i < column; i++)
		columns += !continues(find->text[i]);
	cli_error(&find->cli, "%s%s", dots, plain);
	char message[sizeof(err->message)];
	cli_plain(err->message, message, sizeof(message));
	(void)fprintf(stderr, "%*s^ %s\n",
		      (int)(strlen(find->cli.tool) + 2 + strlen(dots) + columns), "",
		      message);
	free(plain);
	free(shown);
}

/* ---- what is on the tape ---- */

static bool
is_path(const struct tape_info *info, const char *word)
{
	for (size_t i = 0; i < info->label_count; i++)
		if (strcmp(info->labels[i].path, word) == 0)
			return true;
	return false;
}

static bool
is_label(const struct tape_info *info, const char *word)
{
	size_t len = strlen(word);

	/* What has a slash may be a label, and is more often a path that was copied. */
	if (strchr(word, '/') && is_path(info, word))
		return false;
	for (size_t i = 0; i < info->label_count; i++) {
		const char *at = info->labels[i].path;
		while ((at = strstr(at, word)) != NULL) {
			bool begins = at == info->labels[i].path || at[-1] == '/';
			if (begins && (at[len] == 0 || at[len] == '/'))
				return true;
			at++;
		}
	}
	return false;
}

static bool
is_variable(const struct tape_info *info, const char *word)
{
	for (size_t i = 0; i < info->variable_count; i++)
		if (strcmp(info->variables[i].name, word) == 0)
			return true;
	return false;
}

/* All labels by themselves. *list and *text are the caller's to free. */
static size_t
split_labels(const struct tape_info *info, const char ***list, char **text)
{
	struct out all;
	size_t count = 0, cap = 0;

	out_hold(&all);
	for (size_t i = 0; i < info->label_count; i++) {
		out_str(&all, info->labels[i].path);
		out_char(&all, '/');
	}
	out_char(&all, 0);
	*list = NULL;
	*text = all.buf;
	for (char *at = *text, *end; (end = strchr(at, '/')) != NULL; at = end + 1) {
		*end = 0;
		*list = mem_grow(*list, &cap, count + 1, sizeof(**list));
		(*list)[count++] = at;
	}
	return count;
}

static void
hint_label(struct find *find, const struct tape_info *info, const char *word)
{
	const char **labels;
	char *text;
	size_t count = split_labels(info, &labels, &text);
	const char *near = cli_nearest(word, labels, count);

	if (strchr(word, '/') && is_path(info, word))
		cli_say(&find->cli, "no label '%s', but a label path: _path=%s", word,
			word);
	else if (is_variable(info, word))
		cli_say(&find->cli, "no label '%s', but a variable: _has=%s, or %s=VALUE",
			word, word, word);
	else if (near)
		cli_say(&find->cli, "no label '%s' on this tape; did you mean '%s'?",
			word, near);
	else
		cli_say(&find->cli, "no label '%s' on this tape; tape-info lists them",
			word);
	free(labels);
	free(text);
}

static void
hint_variable(struct find *find, const struct tape_info *info, const char *word)
{
	const char **names = mem_resize(NULL, info->variable_count * sizeof(*names));

	for (size_t i = 0; i < info->variable_count; i++)
		names[i] = info->variables[i].name;
	const char *near = cli_nearest(word, names, info->variable_count);
	if (near)
		cli_say(&find->cli, "no variable '%s' on this tape; did you mean '%s'?",
			word, near);
	else
		cli_say(&find->cli, "no variable '%s' on this tape; tape-info lists them",
			word);
	free(names);
}

void
find_nearest(struct find *find)
{
	struct terms *terms = &find->show.terms;
	struct tape_info *info = NULL;
	struct tape_error err;
	bool unknown = false;

	if (tape_info_read(find->reader, &info, &err) < 0)
		return; /* a hint only */
	for (size_t i = 0; i < terms->label_count; i++)
		if (!is_label(info, terms->label[i])) {
			hint_label(find, info, terms->label[i]);
			unknown = true;
		}
	for (size_t i = 0; i < terms->var_count; i++)
		if (!is_variable(info, terms->var[i])) {
			hint_variable(find, info, terms->var[i]);
			unknown = true;
		}
	tape_info_free(info);
	/* All of it is there, but not with these values. */
	for (size_t i = 0; i < terms->var_count && !unknown; i++)
		find_near_value(find, terms->var[i], terms->test[i]);
}

/* ---- T>300 ---- */

static bool
is_number(const char *text)
{
	char *end;

	if (*text == '=') /* T>=300 makes a file named "=300" */
		text++;
	if (!*text)
		return false;
	(void)strtod(text, &end);
	return end != text && *end == 0;
}

bool
find_redirected(struct find *find)
{
	struct terms *terms = &find->show.terms;
	struct tape_info *info = NULL;
	struct tape_error err;
	struct os_stat st;
	char path[4096];
	bool variable;

	if (!terms->last_bare || os_fstat(1, &st) < 0 || !st.regular || st.size != 0 ||
	    os_fd_path(1, path, sizeof(path)) < 0)
		return false;
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	if (!is_number(name))
		return false;
	if (tape_info_read(find->reader, &info, &err) < 0)
		return false;
	const char *word = terms->label[terms->label_count - 1];
	variable = is_variable(info, word);
	tape_info_free(info);
	if (!variable)
		return false;
	cli_error(&find->cli, "the shell took '>' and made a file named '%s'", name);
	cli_hint(&find->cli, "a range needs no quotes: %s=%s.. (or quote it: '%s>%s')",
		 word, name + (*name == '='), word, name);
	return true;
}
