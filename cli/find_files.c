/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/find_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/json.h"
#include "cli/mem.h"

/* ---- reading them ---- */

static char *
text_of(const struct tape_scope *scope, const char *name)
{
	int64_t at = tape_scope_var_find(scope, name);
	struct tape_var var;

	if (at < 0)
		return mem_text("", 0);
	var = tape_scope_var(scope, (size_t)at);
	if (var.value->type != TAPE_STR || !var.value->data)
		return mem_text("", 0);
	return mem_text(var.value->data, (size_t)var.value->size);
}

static char *
labels_of(const struct tape_scope *scope)
{
	struct out text;

	out_hold(&text);
	for (size_t i = 0; i + 1 < tape_scope_label_count(scope); i++) {
		if (i)
			out_char(&text, '/');
		out_str(&text, tape_scope_label(scope, i));
	}
	out_char(&text, 0);
	return text.buf;
}

static void
take(struct file_uses *uses, const struct tape_scope *scope)
{
	int64_t size = tape_scope_var_find(scope, "size");
	struct file_use *use;
	char *role;

	uses->item =
		mem_grow(uses->item, &uses->cap, uses->count + 1, sizeof(*uses->item));
	use = &uses->item[uses->count++];
	role = text_of(scope, "role");
	*use = (struct file_use){ .pos = tape_scope_pos(scope),
				  .time = tape_scope_time(scope),
				  .output = strcmp(role, "output") == 0,
				  .hash = text_of(scope, "hash"),
				  .path = text_of(scope, "path"),
				  .resolved = text_of(scope, "resolved"),
				  .labels = labels_of(scope) };
	free(role);
	if (size >= 0) {
		const struct tape_value *v = tape_scope_var(scope, (size_t)size).value;

		use->size = v->type == TAPE_U64 ? v->as.u : 0;
	}
}

int
file_uses_read(struct find *find, const char *text, struct file_uses *uses)
{
	struct ask ask;
	const struct tape_scope *scope;
	struct tape_error err;
	int r = ask_begin(&ask, find->reader, text, NULL, &err);

	while (r == 0 && (r = ask_next(&ask, &scope, &err)) == 1) {
		take(uses, scope);
		r = 0;
	}
	ask_end(&ask);
	return r < 0 ? cli_fail(&find->cli, find->tape, &err) : 0;
}

void
file_uses_release(struct file_uses *uses)
{
	for (size_t i = 0; i < uses->count; i++) {
		free(uses->item[i].hash);
		free(uses->item[i].path);
		free(uses->item[i].resolved);
		free(uses->item[i].labels);
	}
	free(uses->item);
	*uses = (struct file_uses){ 0 };
}

/* ---- showing them ---- */

void
file_json_text(struct out *out, const char *key, const char *text)
{
	out_printf(out, ",\"%s\":", key);
	json_str(out, text);
}

void
file_json_pos(struct out *out, const char *key, const struct tape_pos *pos)
{
	char text[TAPE_POS_TEXT];

	tape_pos_text(pos, text);
	file_json_text(out, key, text);
}

void
file_json(struct out *out, const struct file_use *use)
{
	file_json_text(out, "role", use->output ? "output" : "input");
	file_json_text(out, "path", use->path);
	file_json_text(out, "resolved", use->resolved);
	file_json_text(out, "hash", use->hash);
	out_str(out, ",\"size\":");
	out_u64(out, use->size);
}

void
file_plain(struct out *out, const char *text)
{
	char plain[5000];

	cli_plain(text, plain, sizeof(plain));
	out_str(out, plain);
}

/* ---- --who ---- */

static bool
is_hash(const char *text)
{
	return strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

static void
say_who(struct find *find, const struct file_use *use, struct tape_info **info)
{
	struct out *out = &find->cli.out;
	const struct tape_session_info *s = NULL;
	char pos[TAPE_POS_TEXT], when[TAPE_TIME_TEXT];
	struct tape_error err;

	/* They come in tape order: one session after the other. */
	if (*info && memcmp((*info)->sessions[0].id, use->pos.session,
			    sizeof(use->pos.session)) != 0) {
		tape_info_free(*info);
		*info = NULL;
	}
	if (*info ||
	    tape_info_read_session(find->reader, use->pos.session, info, &err) == 0)
		s = &(*info)->sessions[0];
	tape_pos_text(&use->pos, pos);
	tape_time_text(use->time, when);
	if (find->show.format == SHOW_JSONL) {
		out_printf(out, "{\"pos\":\"%s\",\"time\":\"%s\"", pos, when);
		file_json(out, use);
		file_json_text(out, "labels", use->labels);
		file_json_text(out, "name", s ? s->name : "");
		file_json_text(out, "host", s ? s->host : "");
		file_json_text(out, "argv", s ? s->argv : "");
		out_char(out, '}');
	} else {
		out_printf(out, "%s %s %s ", pos, when, use->output ? "wrote" : "read");
		file_plain(out, use->path);
		out_str(out, " in ");
		file_plain(out, *use->labels ? use->labels : "(none)");
		if (s && (*s->name || *s->argv)) {
			out_str(out, " of ");
			file_plain(out, *s->name ? s->name : s->argv);
		}
	}
	out_char(out, find->show.end);
}

int
find_who(struct find *find)
{
	struct file_uses uses = { 0 };
	struct tape_info *info = NULL;
	struct tape_file file;
	struct tape_error err;
	char hash[TAPE_HASH_TEXT], text[TAPE_HASH_TEXT + 40];
	int status;

	/* A file of that name is meant, if there is one. */
	if (tape_file_read(find->who, &file, &err) == 0)
		tape_hash_text(&file.hash, hash);
	else if (is_hash(find->who))
		(void)snprintf(hash, sizeof(hash), "%s", find->who);
	else
		return cli_fail(&find->cli, find->who, &err);
	(void)snprintf(text, sizeof(text), "_files hash=\"%s\"", hash);
	status = file_uses_read(find, text, &uses);
	find->found = uses.count < find->limit ? uses.count : find->limit;
	for (size_t i = 0;
	     status == 0 && i < find->found && !find->cli.quiet && !find->count; i++)
		say_who(find, &uses.item[i], &info);
	if (status == 0 && find->count && !find->cli.quiet) {
		out_u64(&find->cli.out, find->found);
		out_char(&find->cli.out, find->show.end);
	}
	tape_info_free(info);
	file_uses_release(&uses);
	if (status != 0)
		return status;
	return find->found ? CLI_OK : CLI_NOTHING;
}
