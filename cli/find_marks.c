/* SPDX-License-Identifier: Apache-2.0 */
/* tape-find --bookmarks: the places on a tape that have a name. */
#include <string.h>

#include "cli/find.h"
#include "cli/marks.h"

static void
line(struct find *find, const struct tape_mark *mark)
{
	struct out *out = &find->cli.out;
	char text[TAPE_POS_TEXT], when[TAPE_TIME_TEXT], path[4096];

	tape_pos_text(&mark->pos, text);
	tape_time_text(mark->time, when);
	out_printf(out, "%s %s ", text, when);
	marks_name(out, mark);
	if (*mark->path) {
		cli_plain(mark->path, path, sizeof(path));
		out_printf(out, " %s", path);
	}
	if (tape_pos_compare(&mark->pos, &mark->own) != 0) {
		tape_pos_text(&mark->own, text);
		out_printf(out, " => from %s", text);
	}
}

/* Which of them the options leave: [*from, *end). */
static void
choose(const struct find *find, size_t count, size_t *from, size_t *end)
{
	uint64_t limit = find->limit;

	if (find->first || (find->last && limit == UINT64_MAX))
		limit = 1;
	*from = 0;
	*end = count;
	if (limit >= count)
		return;
	if (find->last || (find->reverse && !find->first))
		*from = count - (size_t)limit;
	else
		*end = (size_t)limit;
}

int
find_marks(struct find *find)
{
	struct out *out = &find->cli.out;
	struct tape_marks *marks = NULL;
	struct tape_error err;
	size_t from, end;

	if (tape_marks_read(find->reader, &marks, &err) < 0)
		return cli_fail(&find->cli, find->tape, &err);
	choose(find, marks->count, &from, &end);
	find->found = end - from;
	for (size_t i = from; i < end && !find->cli.quiet && !find->count; i++) {
		const struct tape_mark *mark =
			&marks->items[find->reverse ? end - 1 - (i - from) : i];

		if (find->show.format == SHOW_JSONL)
			marks_json(out, mark, false);
		else
			line(find, mark);
		out_char(out, find->show.end);
	}
	if (find->count && !find->cli.quiet) {
		out_u64(out, find->found);
		out_char(out, find->show.end);
	}
	tape_marks_free(marks);
	return find->found ? CLI_OK : CLI_NOTHING;
}

/* ---- a name that is not there ---- */

/* The name behind an "@", as far as a glance tells. Its end, or NULL. */
static const char *
next_name(const char *text, char *name, size_t cap)
{
	const char *at = strchr(text, '@');
	size_t len;

	if (!at)
		return NULL;
	at++;
	if (*at == '"') {
		len = strcspn(at + 1, "\"");
		at++;
	} else {
		len = strcspn(at, " \t\n()#+@,");
		for (size_t i = 0; i + 1 < len; i++)
			if (at[i] == '.' && at[i + 1] == '.')
				len = i;
	}
	if (len >= cap)
		len = cap - 1;
	memcpy(name, at, len);
	name[len] = '\0';
	return at + len;
}

void
find_near_marks(struct find *find)
{
	const char *names[200], *text = find->text, *near;
	struct tape_marks *marks = NULL;
	struct tape_error err;
	char name[300];
	size_t count = 0;

	if (!strchr(text, '@') || tape_marks_read(find->reader, &marks, &err) < 0)
		return; /* a hint only */
	for (size_t i = 0; i < marks->count && count < 200; i++)
		if (marks->items[i].number == 1)
			names[count++] = marks->items[i].name;
	while ((text = next_name(text, name, sizeof(name))) != NULL) {
		bool known = false;

		for (size_t i = 0; i < count && !known; i++)
			known = strcmp(names[i], name) == 0;
		near = cli_nearest(name, names, count);
		if (known)
			continue;
		if (count == 0)
			cli_say(&find->cli, "there are no bookmarks on this tape");
		else if (near)
			cli_say(&find->cli,
				"no bookmark '%s' on this tape; did you mean '%s'?", name,
				near);
		else
			cli_say(&find->cli,
				"no bookmark '%s' on this tape; tape-find --bookmarks "
				"lists them",
				name);
	}
	tape_marks_free(marks);
}
