/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/marks.h"

#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"

static bool
needs_quotes(const char *name)
{
	return name[strcspn(name, " \t\n\r()\"#+@,=~<>!\\")] != '\0' ||
	       strstr(name, "..") != NULL;
}

void
marks_name(struct out *out, const struct tape_mark *mark)
{
	char plain[1024];
	bool quotes = needs_quotes(mark->name);

	cli_plain(mark->name, plain, sizeof(plain));
	out_char(out, '@');
	if (quotes)
		out_char(out, '"');
	for (const char *c = plain; *c; c++) {
		if (*c == '"' || *c == '\\')
			out_char(out, '\\');
		out_char(out, *c);
	}
	if (quotes)
		out_char(out, '"');
	if (mark->of > 1) {
		out_char(out, '#');
		out_u64(out, mark->number);
	}
}

static void
position(struct out *out, const char *key, const struct tape_pos *pos)
{
	char text[TAPE_POS_TEXT];

	tape_pos_text(pos, text);
	out_printf(out, "\"%s\":\"%s\",", key, text);
}

void
marks_json(struct out *out, const struct tape_mark *mark, bool kind)
{
	char when[TAPE_TIME_TEXT];

	tape_time_text(mark->time, when);
	out_char(out, '{');
	if (kind)
		out_str(out, "\"kind\":\"bookmark\",");
	position(out, "pos", &mark->pos);
	out_printf(out, "\"time\":\"%s\",\"name\":", when);
	json_str(out, mark->name);
	out_printf(out, ",\"number\":%llu,", (unsigned long long)mark->number);
	position(out, "own", &mark->own);
	out_str(out, "\"path\":");
	json_str(out, mark->path);
	out_char(out, '}');
}
