/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/info.h"

#include <string.h>

#include "cli/json.h"
#include "cli/marks.h"

/* ,"key": */
static void
key(struct out *out, const char *name)
{
	out_str(out, ",\"");
	out_str(out, name);
	out_str(out, "\":");
}

static void
number(struct out *out, const char *name, uint64_t value)
{
	key(out, name);
	out_u64(out, value);
}

/* Left out where it is not known. */
static void
text(struct out *out, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	key(out, name);
	json_str(out, value);
}

/* Lines, as an array; left out where there are none. */
static void
list(struct out *out, const char *name, const char *lines)
{
	if (!*lines)
		return;
	key(out, name);
	for (const char *sign = "["; *lines; sign = ",") {
		size_t len = strcspn(lines, "\n");

		out_str(out, sign);
		json_text(out, lines, len);
		lines += len + (lines[len] == '\n');
	}
	out_char(out, ']');
}

static void
moment(struct out *out, const char *name, int64_t time_ns)
{
	char when[TAPE_TIME_TEXT];

	(void)tape_time_text(time_ns, when);
	text(out, name, when);
}

static void
session_id(struct out *out, const char *name, const uint64_t id[2])
{
	char session[TAPE_SESSION_TEXT];

	tape_session_text(id, session);
	text(out, name, session);
}

static void
continues(struct out *out, const struct tape_session_info *s)
{
	char pos[TAPE_POS_TEXT];

	if (s->continue_count == 0)
		return;
	key(out, "continues");
	for (size_t i = 0; i < s->continue_count; i++) {
		out_char(out, i == 0 ? '[' : ',');
		(void)tape_pos_text(&s->continues[i], pos);
		json_str(out, pos);
	}
	out_char(out, ']');
}

static void
one_session(struct out *out, const struct tape_session_info *s)
{
	out_str(out, "{\"kind\":\"session\"");
	session_id(out, "session", s->id);
	text(out, "state", info_state(s->state));
	text(out, "name", s->name);
	text(out, "host", s->host);
	text(out, "user", s->user);
	text(out, "job", s->job);
	if (s->rank >= 0)
		number(out, "rank", (uint64_t)s->rank);
	if (s->pid >= 0)
		number(out, "pid", (uint64_t)s->pid);
	text(out, "argv", s->argv);
	text(out, "cwd", s->cwd);
	text(out, "git_commit", s->git_commit);
	if (s->git_dirty >= 0) {
		key(out, "git_dirty");
		out_str(out, s->git_dirty ? "true" : "false");
	}
	text(out, "git_diff", s->git_diff);
	text(out, "git_diff_missing", s->git_diff_missing);
	if (s->git_diff_bytes >= 0)
		number(out, "git_diff_bytes", (uint64_t)s->git_diff_bytes);
	if (s->git_diff_cut)
		out_str(out, ",\"git_diff_cut\":true");
	text(out, "program", s->program);
	text(out, "build_id", s->build_id);
	text(out, "compiler", s->compiler);
	text(out, "flags", s->flags);
	text(out, "cpu", s->cpu);
	if (s->cpus >= 0)
		number(out, "cpus", (uint64_t)s->cpus);
	list(out, "libraries", s->libraries);
	list(out, "env", s->environment);
	text(out, "closed", s->closed);
	text(out, "library", s->library);
	text(out, "sync", s->sync);
	number(out, "scopes", s->scopes);
	number(out, "links", s->links);
	number(out, "projections", s->projections);
	number(out, "bookmarks", s->bookmarks);
	number(out, "segments", s->segments);
	number(out, "bytes", s->bytes);
	number(out, "first_seq", s->first_seq);
	number(out, "last_seq", s->last_seq);
	if (s->last_seq) {
		moment(out, "first_time", s->first_time);
		moment(out, "last_time", s->last_time);
	}
	number(out, "lost", s->lost);
	number(out, "notes", s->notes);
	number(out, "warnings", s->warnings);
	continues(out, s);
	if (s->superseded)
		number(out, "superseded", s->superseded);
	out_str(out, "}\n");
}

static void
whole_tape(struct out *out, const struct info *info, const struct tape_info *data)
{
	static const char hex[] = "0123456789abcdef";
	char id[33];

	for (size_t i = 0; i < sizeof(data->tape_id); i++) {
		id[2 * i] = hex[data->tape_id[i] >> 4];
		id[2 * i + 1] = hex[data->tape_id[i] & 15];
	}
	id[32] = 0;
	out_str(out, "{\"kind\":\"tape\"");
	text(out, "path", info->tape);
	text(out, "id", id);
	number(out, "sessions", data->session_count);
	number(out, "scopes", data->scopes);
	number(out, "links", data->links);
	number(out, "projections", data->projections);
	number(out, "bookmarks", data->bookmarks);
	number(out, "segment_bytes", data->segment_bytes);
	number(out, "blobs", data->blobs);
	number(out, "blob_bytes", data->blob_bytes);
	number(out, "blob_references", data->blob_references);
	number(out, "reference_bytes", data->reference_bytes);
	number(out, "link_bytes_saved", data->link_bytes_saved);
	if (data->superseded)
		number(out, "superseded", data->superseded);
	if (data->projections)
		number(out, "projection_bytes_saved", data->projection_bytes_saved);
	if (info->cache_hits + info->cache_misses) {
		number(out, "cache_hits", info->cache_hits);
		number(out, "cache_misses", info->cache_misses);
		number(out, "cache_stored", info->cache_stored);
		out_str(out, ",\"cache_saved_seconds\":");
		json_double(out, info->cache_saved);
	}
	if (data->thinned)
		number(out, "thinned", data->thinned);
	if (data->broken)
		number(out, "broken", data->broken);
	number(out, "generations", data->generations);
	number(out, "raw_bytes", info_raw_bytes(data));
	if (data->generations != 0) {
		number(out, "packed_scopes", data->packed_scopes);
		number(out, "packed_contents", data->packed_contents);
		number(out, "replaced_bytes", data->replaced_bytes);
		number(out, "scope_value_bytes", data->scope_value_bytes);
		number(out, "scope_column_bytes", data->scope_column_bytes);
		number(out, "scope_pack_bytes", data->scope_pack_bytes);
		number(out, "packed_blobs", data->packed_blobs);
		number(out, "packed_blob_bytes", data->packed_blob_bytes);
		number(out, "blob_pack_bytes", data->blob_pack_bytes);
		number(out, "index_bytes", data->index_bytes);
	}
	number(out, "damage", info->cli.damage);
	out_str(out, "}\n");
}

void
info_json(struct info *info, const struct tape_info *data)
{
	struct out *out = &info->cli.out;

	whole_tape(out, info, data);
	for (size_t i = 0; i < data->session_count; i++)
		one_session(out, &data->sessions[i]);
	for (size_t i = 0; i < data->label_count; i++) {
		out_str(out, "{\"kind\":\"label\",\"path\":");
		json_str(out, data->labels[i].path);
		number(out, "scopes", data->labels[i].scopes);
		number(out, "links", data->labels[i].links);
		if (data->labels[i].projections)
			number(out, "projections", data->labels[i].projections);
		if (data->labels[i].bytes_saved)
			number(out, "bytes_saved", data->labels[i].bytes_saved);
		out_str(out, "}\n");
	}
	for (size_t i = 0; i < data->variable_count; i++) {
		const struct tape_variable_info *var = &data->variables[i];
		out_str(out, "{\"kind\":\"variable\",\"name\":");
		json_str(out, var->name);
		text(out, "type", var->type);
		text(out, "unit", var->unit);
		number(out, "scopes", var->scopes);
		out_str(out, "}\n");
	}
	for (size_t i = 0; i < data->thinned_count; i++) {
		const struct tape_thinned_info *t = &data->thinned_list[i];
		out_str(out,
			t->broken ? "{\"kind\":\"broken\"" : "{\"kind\":\"thinned\"");
		session_id(out, "session", t->session);
		text(out, "rule", t->rule);
		text(out, "setting", t->setting);
		key(out, "path");
		json_str(out, t->path);
		number(out, "scopes", t->scopes);
		if (t->broken)
			text(out, "why", t->why);
		out_str(out, "}\n");
	}
	for (size_t i = 0; info->marks && i < info->marks->count; i++) {
		marks_json(out, &info->marks->items[i], true);
		out_char(out, '\n');
	}
	for (size_t i = 0; i < data->note_count; i++) {
		const struct tape_note_info *note = &data->notes[i];
		out_str(out, "{\"kind\":");
		json_str(out, note->kind);
		session_id(out, "session", note->session);
		text(out, "key", note->key);
		key(out, "value");
		json_str(out, note->value);
		out_str(out, "}\n");
	}
}
