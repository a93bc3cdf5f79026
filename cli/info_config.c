/* SPDX-License-Identifier: Apache-2.0 */
/* tape-info --config: what a recorder would be told, and by whom. */
#include "cli/info.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json.h"
#include "cli/show.h"
#include "tape/record.h"
#include "tape/search.h"

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

/* What the program of the newest session has set by calls; nothing where that cannot be read. */
static struct tape_info *
last_calls(struct info *info, struct tape_settings_options *options)
{
	struct tape_reader *reader = NULL;
	struct tape_set_call *calls = NULL;
	struct tape_info *last = NULL;
	struct tape_error err;

	if (where_kind(info->tape) != WHERE_TAPE ||
	    tape_reader_open(info->tape, NULL, &reader, &err) < 0)
		return NULL;
	if (tape_info_read_last(reader, &last, &err) == 0 && last->set_count > 0)
		calls = calloc(last->set_count, sizeof *calls);
	for (size_t i = 0; calls && i < last->set_count; i++)
		calls[i] = (struct tape_set_call){ last->set_list[i].label,
						   last->set_list[i].key,
						   last->set_list[i].value };
	options->calls = calls;
	options->call_count = calls ? last->set_count : 0;
	tape_reader_close(reader);
	return last;
}

int
info_config(struct info *info, int argc, char **argv)
{
	struct tape_settings_options options = { .size = sizeof options };
	char origin[TAPE_SESSION_TEXT + 32], session[TAPE_SESSION_TEXT];
	struct tape_info *last;
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
	last = last_calls(info, &options);
	if (options.call_count) {
		tape_session_text(last->set_list[0].session, session);
		(void)snprintf(origin, sizeof origin, "tape_set in %s", session);
		options.calls_origin = origin;
	}
	r = tape_settings_with(info->tape, &options, list.path, one, &list, &err);
	free((void *)(uintptr_t)options.calls);
	tape_info_free(last);
	return r < 0 ? cli_fail(&info->cli, info->tape, &err) : CLI_OK;
}
