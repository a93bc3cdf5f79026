/* SPDX-License-Identifier: Apache-2.0 */
/* tape-info --config: what a recorder would be told, and by whom. */
#include "cli/info.h"

#include <stdio.h>
#include <string.h>

#include "cli/json.h"
#include "cli/show.h"
#include "tape/record.h"

struct listing {
	struct info *info;
	int of_labels; /* of the setting before; -1 = none yet */
	const char *path;
};

static void
member(struct out *out, const char *key, const char *value)
{
	if (!*value)
		return;
	out_str(out, ",\"");
	out_str(out, key);
	out_str(out, "\":");
	json_str(out, value);
}

static void
one_json(struct listing *list, const struct tape_setting *s)
{
	struct out *out = &list->info->cli.out;

	out_str(out, "{\"kind\":\"setting\",\"of\":");
	json_str(out, s->of_labels ? "label" : "session");
	member(out, "key", s->key);
	out_str(out, ",\"value\":");
	json_str(out, s->value);
	member(out, "origin", s->origin);
	member(out, "rule", s->rule);
	member(out, "label", s->label);
	member(out, "note", s->note);
	out_str(out, "}\n");
}

/* Text of a file of the user's, without what could command a terminal. */
static void
plain(struct out *out, const char *text, size_t columns)
{
	char buf[1024];
	size_t width;

	cli_plain(text, buf, sizeof(buf));
	out_str(out, buf);
	width = strlen(buf);
	if (columns)
		out_pad(out, ' ', width < columns ? columns - width : 1);
}

static void
one_text(struct listing *list, const struct tape_setting *s)
{
	struct out *out = &list->info->cli.out;

	if (s->of_labels != list->of_labels) {
		if (!s->of_labels) {
			out_str(out, "of the session\n");
		} else {
			out_str(out, "\nof scopes under ");
			plain(out, *list->path ? list->path : "no label", 0);
			out_char(out, '\n');
		}
	}
	list->of_labels = s->of_labels;
	out_str(out, "  ");
	plain(out, s->key, 14);
	plain(out, *s->value ? s->value : "-", 16);
	plain(out, s->origin, 0);
	if (*s->rule) {
		out_str(out, "  [rule ");
		plain(out, s->rule, 0);
		out_char(out, ']');
	}
	if (*s->label) {
		out_str(out, "  label = ");
		plain(out, s->label, 0);
	}
	if (*s->note) {
		out_str(out, "  (");
		plain(out, s->note, 0);
		out_char(out, ')');
	}
	out_char(out, '\n');
}

static void
one(void *user, const struct tape_setting *setting)
{
	struct listing *list = user;

	if (list->info->json)
		one_json(list, setting);
	else
		one_text(list, setting);
}

int
info_config(struct info *info, int argc, char **argv)
{
	struct listing list = { .info = info, .of_labels = -1, .path = "" };
	struct tape_error err = { 0 };
	int r;

	/* The settings may be there before the tape is. */
	if (argc > 0 && where_kind(argv[0]) == WHERE_DIRECTORY) {
		info->tape = argv[0];
		argc--;
		argv++;
	} else {
		info->tape = where_tape(&info->cli, &argc, &argv, false);
	}
	if (!info->tape)
		return CLI_NO_TAPE;
	if (argc > 1)
		return cli_misuse(&info->cli, "one label path at a time, not '%s' too",
				  argv[1]);
	if (argc == 1)
		list.path = argv[0];
	r = tape_settings_of(info->tape, NULL, list.path, one, &list, &err);
	return r < 0 ? cli_fail(&info->cli, info->tape, &err) : CLI_OK;
}
