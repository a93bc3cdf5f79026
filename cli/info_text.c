/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/info.h"

#include <stdio.h>
#include <string.h>

#include "cli/marks.h"
#include "cli/show.h"

#define ROWS_SHOWN ((size_t)40) /* of each list, without -v */
#define NAME_COLUMNS ((size_t)40)

const char *
info_state(int state)
{
	switch (state) {
	case TAPE_CLOSED:
		return "closed";
	case TAPE_LIVE:
		return "live";
	default:
		return "killed";
	}
}

/* Sessions count what they recorded, wherever it is now. */
uint64_t
info_raw_bytes(const struct tape_info *data)
{
	return data->segment_bytes > data->replaced_bytes
		       ? data->segment_bytes - data->replaced_bytes
		       : 0;
}

/* 1234567 as "1,234,567". */
static const char *
grouped(uint64_t value, char text[32])
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
	size_t to = 0;

	for (int i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			text[to++] = ',';
		text[to++] = digits[i];
	}
	text[to] = 0;
	return text;
}

/* Text from a tape, without what could command a terminal. */
static void
plain(struct out *out, const char *text)
{
	char buf[1024];

	cli_plain(text, buf, sizeof(buf));
	out_str(out, buf);
}

static size_t
columns_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/* The same, with blanks up to a column. */
static void
plain_padded(struct out *out, const char *text, size_t columns)
{
	size_t width = columns_of(text);

	plain(out, text);
	if (columns)
		out_pad(out, ' ', width < columns ? columns - width : width > columns);
}

static void
heading(struct info *info, const char *text)
{
	out_printf(&info->cli.out, "\n%s%s%s\n", info->cli.color_out ? "\033[1m" : "",
		   text, info->cli.color_out ? "\033[0m" : "");
}

/* How many rows of a list are shown; says at its end what is left out. */
static size_t
rows_shown(const struct info *info, size_t count)
{
	return info->cli.verbose || count <= ROWS_SHOWN ? count : ROWS_SHOWN;
}

static void
left_out(struct info *info, size_t count)
{
	size_t shown = rows_shown(info, count);

	if (shown < count)
		out_printf(&info->cli.out, "  ... and %zu more (-v shows all)\n",
			   count - shown);
}

/* Seconds as people say them. */
static const char *
span(double seconds, char text[SHOW_BYTES])
{
	if (seconds < 120)
		(void)snprintf(text, SHOW_BYTES, "%.3g s", seconds);
	else if (seconds < 7200)
		(void)snprintf(text, SHOW_BYTES, "%.1f min", seconds / 60);
	else
		(void)snprintf(text, SHOW_BYTES, "%.1f h", seconds / 3600);
	return text;
}

static void
summary(struct info *info, const struct tape_info *data)
{
	struct out *out = &info->cli.out;
	char a[32], b[32], c[32], size[SHOW_BYTES], total[SHOW_BYTES];
	uint64_t saved_blobs = data->reference_bytes > data->blob_bytes
				       ? data->reference_bytes - data->blob_bytes
				       : 0;

	plain(out, info->tape);
	out_printf(out, "\n  scopes     %s in %s session%s\n", grouped(data->scopes, a),
		   grouped(data->session_count, b), data->session_count == 1 ? "" : "s");
	out_printf(out, "  links      %s repeat an earlier scope",
		   grouped(data->links, a));
	out_printf(out, " (%s not written again)\n",
		   show_bytes(data->link_bytes_saved, size));
	if (info->cache_hits + info->cache_misses)
		out_printf(out, "  cache      %s found, %s not, %s stored; %s saved\n",
			   grouped(info->cache_hits, a), grouped(info->cache_misses, b),
			   grouped(info->cache_stored, c), span(info->cache_saved, size));
	if (data->thinned)
		out_printf(out, "  left out   %s by rules\n", grouped(data->thinned, a));
	if (data->superseded)
		out_printf(out,
			   "  superseded %s by sessions that went on from before "
			   "them\n",
			   grouped(data->superseded, a));
	if (data->broken)
		out_printf(out, "  broken     %s break what is required of them\n",
			   grouped(data->broken, a));
	if (data->projections)
		out_printf(out,
			   "  subsets    %s repeat a part of another scope (%s not "
			   "written again)\n",
			   grouped(data->projections, a),
			   show_bytes(data->projection_bytes_saved, size));
	if (data->bookmarks)
		out_printf(out, "  bookmarks  %s\n", grouped(data->bookmarks, a));
	out_printf(out, "  segments   %s\n", show_bytes(data->segment_bytes, size));
	if (data->blobs || data->blob_references)
		out_printf(out,
			   "  blobs      %s, %s (named %s times; %s not written again)\n",
			   grouped(data->blobs, a), show_bytes(data->blob_bytes, size),
			   grouped(data->blob_references, c),
			   show_bytes(saved_blobs, total));
}

/* What compacting made of what was recorded, and by which means. */
static void
packed(struct info *info, const struct tape_info *data)
{
	struct out *out = &info->cli.out;
	char a[32], b[32], size[SHOW_BYTES], once[SHOW_BYTES], less[SHOW_BYTES],
		least[SHOW_BYTES];

	if (data->generations == 0)
		return;
	out_printf(out, "  packed     %s in %s generation%s; raw are %s of segments\n",
		   show_bytes(data->scope_pack_bytes + data->blob_pack_bytes +
				      data->index_bytes,
			      size),
		   grouped(data->generations, a), data->generations == 1 ? "" : "s",
		   show_bytes(info_raw_bytes(data), less));
	out_printf(out,
		   "    scopes   %s of segments, %s with repeats once, %s as columns, %s "
		   "compressed; %s scopes, %s contents\n",
		   show_bytes(data->replaced_bytes, size),
		   show_bytes(data->scope_value_bytes, once),
		   show_bytes(data->scope_column_bytes, less),
		   show_bytes(data->scope_pack_bytes, least),
		   grouped(data->packed_scopes, a), grouped(data->packed_contents, b));
	if (data->packed_blobs != 0)
		out_printf(out, "    blobs    %s, each once; %s compressed\n",
			   show_bytes(data->packed_blob_bytes, size),
			   show_bytes(data->blob_pack_bytes, least));
	out_printf(out, "    index    %s\n", show_bytes(data->index_bytes, size));
}

static void
fact(struct out *out, const char *what, const char *text)
{
	if (!*text)
		return;
	out_printf(out, "      %-8s ", what);
	plain(out, text);
	out_char(out, '\n');
}

static void
facts(struct out *out, const char *what, const char *lines)
{
	char line[1024];

	while (*lines) {
		size_t len = strcspn(lines, "\n");

		(void)snprintf(line, sizeof(line), "%.*s", (int)len, lines);
		fact(out, what, line);
		lines += len + (lines[len] == '\n');
	}
}

/* -v: what ran, of which source, on what. */
static void
made_of(struct info *info, const struct tape_session_info *s)
{
	struct out *out = &info->cli.out;
	char size[SHOW_BYTES];

	if (*s->argv) {
		out_str(out, "      ");
		plain(out, s->argv);
		if (*s->git_commit)
			out_printf(out, "  (git %.12s%s)", s->git_commit,
				   s->git_dirty > 0 ? ", with changes" : "");
		out_char(out, '\n');
	}
	if (*s->git_diff && s->git_diff_bytes >= 0) {
		out_str(out, "      changes  ");
		plain(out, info->tape);
		out_str(out, "/diffs/");
		plain(out, s->git_diff);
		out_printf(out, " (%s%s)\n",
			   show_bytes((uint64_t)s->git_diff_bytes, size),
			   s->git_diff_cut ? ", the rest was cut" : "");
	} else {
		fact(out, "changes", s->git_diff_missing);
	}
	fact(out, "program", s->program);
	fact(out, "build-id", s->build_id);
	fact(out, "compiler", s->compiler);
	fact(out, "flags", s->flags);
	fact(out, "cpu", s->cpu);
	facts(out, "env", s->environment);
	for (size_t i = 0; i < s->continue_count; i++) {
		char pos[TAPE_POS_TEXT];

		(void)tape_pos_text(&s->continues[i], pos);
		fact(out, "goes on from", pos);
	}
	fact(out, "closed", s->closed);
}

static void
one_session(struct info *info, const struct tape_session_info *s)
{
	struct out *out = &info->cli.out;
	char id[TAPE_SESSION_TEXT], count[32], links[32], size[SHOW_BYTES],
		when[SHOW_WHEN];
	bool live = s->state == TAPE_LIVE;

	tape_session_text(s->id, id);
	out_printf(out, "  %s  %s%s%s  %s scopes, %s links, %s", id,
		   info->cli.color_out ? (live ? "\033[32m" : "") : "",
		   info_state(s->state), info->cli.color_out && live ? "\033[0m" : "",
		   grouped(s->scopes, count), grouped(s->links, links),
		   show_bytes(s->bytes, size));
	if (s->lost)
		out_printf(out, ", %s lost", grouped(s->lost, count));
	out_str(out, "\n     ");
	if (*s->name) {
		out_str(out, " ");
		plain(out, s->name);
	}
	if (*s->host) {
		out_str(out, " on ");
		plain(out, s->host);
	}
	if (s->rank >= 0)
		out_printf(out, " rank %lld", (long long)s->rank);
	if (*s->job) {
		out_str(out, " job ");
		plain(out, s->job);
	}
	if (s->last_seq) {
		double seconds = (double)(s->last_time - s->first_time) / 1e9;
		out_printf(out, " from %s, %.3f s",
			   show_when(s->first_time, info->utc, SHOW_DATE, when), seconds);
	}
	out_char(out, '\n');
	if (info->cli.verbose)
		made_of(info, s);
}

/* The first column is as wide as its names, within reason. */
static size_t
widest(size_t width, const char *name)
{
	size_t n = columns_of(name);

	if (n > NAME_COLUMNS)
		n = NAME_COLUMNS;
	return n > width ? n : width;
}

static void
table_heading(struct info *info, const char *first, size_t width, const char *others)
{
	char text[160];

	(void)snprintf(text, sizeof(text), "%-*s%s", (int)width + 2, first, others);
	heading(info, text);
}

static void
labels(struct info *info, const struct tape_info *data)
{
	struct out *out = &info->cli.out;
	char scopes[32], links[32], subsets[32], saved[SHOW_BYTES], paths[32];
	bool parts = data->projections != 0;
	size_t count, width = 16;
	struct info_row *rows = info_rows(data, info->cli.verbose, &count);
	size_t n = rows_shown(info, count);

	for (size_t i = 0; i < n; i++)
		width = widest(width, rows[i].name);
	if (n)
		table_heading(info, "label paths", width,
			      parts ? "    scopes        links      subsets        saved"
				    : "    scopes        links        saved");
	for (size_t i = 0; i < n; i++) {
		out_str(out, "  ");
		plain_padded(out, *rows[i].name ? rows[i].name : "(none)", width);
		out_printf(out, "%10s   %10s", grouped(rows[i].scopes, scopes),
			   grouped(rows[i].links, links));
		if (parts)
			out_printf(out, "   %10s", grouped(rows[i].projections, subsets));
		out_printf(out, "   %10s", show_bytes(rows[i].saved, saved));
		if (rows[i].paths > 1)
			out_printf(out, "   %s paths", grouped(rows[i].paths, paths));
		out_char(out, '\n');
	}
	left_out(info, count);
	info_rows_free(rows, count);
}

static void
variables(struct info *info, const struct tape_info *data)
{
	struct out *out = &info->cli.out;
	char scopes[32];
	size_t n = rows_shown(info, data->variable_count);
	size_t width = 16;

	for (size_t i = 0; i < n; i++)
		width = widest(width, data->variables[i].name);
	if (n)
		table_heading(info, "variables", width, "    scopes   type    unit");
	for (size_t i = 0; i < n; i++) {
		const struct tape_variable_info *var = &data->variables[i];
		out_str(out, "  ");
		plain_padded(out, var->name, width);
		out_printf(out, "%10s   ", grouped(var->scopes, scopes));
		plain_padded(out, var->type, *var->unit ? 8 : 0);
		plain(out, var->unit);
		out_char(out, '\n');
	}
	left_out(info, data->variable_count);
}

static void
bookmarks(struct info *info)
{
	struct out *out = &info->cli.out;
	size_t count = info->marks ? info->marks->count : 0, n = rows_shown(info, count);
	char pos[TAPE_POS_TEXT];

	if (n)
		heading(info, "bookmarks");
	for (size_t i = 0; i < n; i++) {
		const struct tape_mark *mark = &info->marks->items[i];

		tape_pos_text(&mark->pos, pos);
		out_printf(out, "  %s  ", pos);
		marks_name(out, mark);
		if (*mark->path) {
			out_str(out, "  ");
			plain(out, mark->path);
		}
		out_char(out, '\n');
	}
	left_out(info, count);
}

static void
notes(struct info *info, const struct tape_info *data)
{
	struct out *out = &info->cli.out;
	char id[TAPE_SESSION_TEXT];
	size_t n = rows_shown(info, data->note_count);

	if (n)
		heading(info, "notes and warnings");
	for (size_t i = 0; i < n; i++) {
		const struct tape_note_info *note = &data->notes[i];
		tape_session_text(note->session, id);
		out_printf(out, "  %s  ", id);
		plain(out, note->kind);
		out_char(out, ' ');
		plain(out, note->key);
		out_str(out, *note->key ? ": " : "");
		plain(out, note->value);
		out_char(out, '\n');
	}
	left_out(info, data->note_count);
}

/* What rules had left out, or found broken, session by session. */
static void
thinned(struct info *info, const struct tape_info *data, int broken)
{
	struct out *out = &info->cli.out;
	char id[TAPE_SESSION_TEXT], scopes[32];
	size_t count = 0, n, shown = 0;

	for (size_t i = 0; i < data->thinned_count; i++)
		count += data->thinned_list[i].broken == broken;
	n = rows_shown(info, count);
	if (n)
		heading(info, broken ? "broken contracts" : "left out by rules");
	for (size_t i = 0; i < data->thinned_count && shown < n; i++) {
		const struct tape_thinned_info *t = &data->thinned_list[i];

		if (t->broken != broken)
			continue;
		shown++;
		tape_session_text(t->session, id);
		out_printf(out, "  %s  %10s  ", id, grouped(t->scopes, scopes));
		plain(out, *t->path ? t->path : "(none)");
		out_str(out, "  (rule ");
		plain(out, t->rule);
		out_str(out, ": ");
		plain(out, t->setting);
		out_str(out, broken ? "): " : ")\n");
		if (broken) {
			plain(out, t->why);
			out_char(out, '\n');
		}
	}
	left_out(info, count);
}

void
info_text(struct info *info, const struct tape_info *data)
{
	size_t n = rows_shown(info, data->session_count);

	summary(info, data);
	packed(info, data);
	if (n)
		heading(info, "sessions");
	for (size_t i = 0; i < n; i++)
		one_session(info, &data->sessions[i]);
	left_out(info, data->session_count);
	labels(info, data);
	variables(info, data);
	thinned(info, data, 0);
	thinned(info, data, 1);
	bookmarks(info);
	notes(info, data);
}
