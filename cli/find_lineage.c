/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tape-find --lineage: the session of a scope, the files that were read before it, who
 * wrote files of that content, where the session went on from, and so on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/find_files.h"
#include "cli/json.h"
#include "cli/mem.h"

#define DEEPEST 100u
#define MOST_STEPS 10000u

struct lineage {
	struct find *find;
	struct file_uses uses;	   /* in tape order */
	struct file_use **written; /* the outputs, by hash, then in tape order */
	size_t written_count;
	struct tape_pos *seen; /* places that were followed, or are being so */
	size_t seen_count, seen_cap;
	bool cut;
	int status; /* the exit code of the first question that failed */
};

static void
indent(struct lineage *l, unsigned depth)
{
	out_pad(&l->find->cli.out, ' ', (size_t)depth * 4);
}

/* ---- a place ---- */

static void
session_json(struct out *out, const struct tape_session_info *s)
{
	const char *const texts[][2] = {
		{ "name", s->name },
		{ "host", s->host },
		{ "user", s->user },
		{ "job", s->job },
		{ "argv", s->argv },
		{ "cwd", s->cwd },
		{ "git_commit", s->git_commit },
		{ "git_diff", s->git_diff },
		{ "program", s->program },
		{ "build_id", s->build_id },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (*texts[i][1])
			file_json_text(out, texts[i][0], texts[i][1]);
	if (s->git_dirty >= 0)
		out_printf(out, ",\"git_dirty\":%s", s->git_dirty ? "true" : "false");
}

static void
fact(struct out *out, const char *before, const char *text)
{
	if (!*text)
		return;
	out_str(out, before);
	file_plain(out, text);
}

static void
session_text(struct lineage *l, const struct tape_session_info *s, unsigned depth)
{
	struct out *out = &l->find->cli.out;
	char started[TAPE_TIME_TEXT];

	tape_time_text((int64_t)s->id[0] * 1000, started);
	indent(l, depth);
	out_str(out, "  session");
	fact(out, " ", s->name);
	out_printf(out, " of %s", started);
	fact(out, " on ", s->host);
	fact(out, " by ", s->user);
	fact(out, ": ", s->argv);
	out_char(out, l->find->show.end);
	if (*s->git_commit) {
		indent(l, depth);
		out_str(out, "  git ");
		file_plain(out, s->git_commit);
		out_str(out, s->git_dirty == 1 ? ", with changes" : "");
		fact(out, " diffs/", s->git_diff);
		out_char(out, l->find->show.end);
	}
	if (*s->build_id) {
		indent(l, depth);
		out_str(out, "  build-id ");
		file_plain(out, s->build_id);
		out_char(out, l->find->show.end);
	}
}

static void
failed(struct lineage *l, const struct tape_error *err)
{
	if (l->status == 0)
		l->status = cli_fail(&l->find->cli, l->find->tape, err);
}

/* The scope itself, its labels; NULL where it cannot be had. */
static char *
labels_at(struct lineage *l, const struct tape_pos *pos)
{
	struct tape_find_options options = { .size = sizeof(options),
					     .flags = TAPE_FIND_ALL,
					     .upto = *pos };
	struct ask ask = { 0 };
	const struct tape_scope *scope;
	struct tape_error err;
	struct out text;
	char *labels = NULL;
	int r;

	if (pos->seq == 0) /* the beginning of a session */
		return NULL;
	options.after = *pos;
	options.after.seq--;
	r = ask_begin(&ask, l->find->reader, "", &options, &err);
	if (r == 0)
		r = ask_next(&ask, &scope, &err);
	if (r < 0)
		failed(l, &err);
	if (r == 1) {
		out_hold(&text);
		for (size_t i = 0; i < tape_scope_label_count(scope); i++) {
			out_str(&text, i ? "/" : "");
			out_str(&text, tape_scope_label(scope, i));
		}
		out_char(&text, 0);
		labels = text.buf;
	}
	ask_end(&ask);
	return labels;
}

static void
say_place(struct lineage *l, const struct tape_pos *pos,
	  const struct tape_session_info *session, unsigned depth)
{
	struct out *out = &l->find->cli.out;
	char text[TAPE_POS_TEXT], *labels = labels_at(l, pos);

	tape_pos_text(pos, text);
	if (l->find->show.format == SHOW_JSONL) {
		out_printf(out, "{\"kind\":\"scope\",\"depth\":%u", depth);
		file_json_pos(out, "pos", pos);
		file_json_text(out, "labels", labels ? labels : "");
		if (session)
			session_json(out, session);
		out_char(out, '}');
		out_char(out, l->find->show.end);
	} else {
		indent(l, depth);
		out_printf(out, "%s ", text);
		file_plain(out, labels && *labels ? labels : "(none)");
		out_char(out, l->find->show.end);
		if (session)
			session_text(l, session, depth);
	}
	free(labels);
}

/* ---- a file that it read ---- */

static int
by_place(const struct file_use *a, const struct file_use *b)
{
	return tape_pos_compare(&a->pos, &b->pos);
}

static int
by_hash(const void *a, const void *b)
{
	const struct file_use *x = *(struct file_use *const *)a;
	const struct file_use *y = *(struct file_use *const *)b;
	int c = strcmp(x->hash, y->hash);

	return c != 0 ? c : by_place(x, y);
}

/* Inputs of one session with one content and place stand together, the first first. */
static int
by_input(const void *a, const void *b)
{
	const struct file_use *x = *(struct file_use *const *)a;
	const struct file_use *y = *(struct file_use *const *)b;
	int c = memcmp(x->pos.session, y->pos.session, sizeof(x->pos.session));

	c = c != 0 ? c : strcmp(x->hash, y->hash);
	c = c != 0 ? c : strcmp(x->resolved, y->resolved);
	return c != 0 ? c : by_place(x, y);
}

static bool
same_input(const struct file_use *a, const struct file_use *b)
{
	return memcmp(a->pos.session, b->pos.session, sizeof(a->pos.session)) == 0 &&
	       strcmp(a->hash, b->hash) == 0 && strcmp(a->resolved, b->resolved) == 0;
}

/* Marks what was read again, and sorts what was written. */
static void
order_uses(struct lineage *l)
{
	struct file_use **list = mem_resize(NULL, (l->uses.count + 1) * sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; i < l->uses.count; i++)
		if (!l->uses.item[i].output)
			list[n++] = &l->uses.item[i];
	if (n > 1)
		qsort(list, n, sizeof(*list), by_input);
	for (size_t i = 1; i < n; i++)
		list[i]->again = same_input(list[i - 1], list[i]);
	n = 0;
	for (size_t i = 0; i < l->uses.count; i++)
		if (l->uses.item[i].output)
			list[n++] = &l->uses.item[i];
	if (n > 1)
		qsort(list, n, sizeof(*list), by_hash);
	l->written = list;
	l->written_count = n;
}

/* The first of l->written with that hash, if there is one. */
static size_t
first_written(const struct lineage *l, const char *hash)
{
	size_t low = 0, high = l->written_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(l->written[mid]->hash, hash) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Who wrote that content last before it was read; *others counts the rest. */
static const struct file_use *
writer_of(const struct lineage *l, const struct file_use *input, size_t *others)
{
	const struct file_use *best = NULL;

	*others = 0;
	for (size_t i = first_written(l, input->hash); i < l->written_count; i++) {
		const struct file_use *use = l->written[i];

		if (strcmp(use->hash, input->hash) != 0)
			break;
		/* Within a session the order is certain, between them there are clocks. */
		if (memcmp(use->pos.session, input->pos.session,
			   sizeof(use->pos.session)) == 0
			    ? use->pos.seq >= input->pos.seq
			    : use->time > input->time)
			continue;
		*others += best != NULL;
		if (!best || use->time >= best->time)
			best = use;
	}
	return best;
}

/* The first use at or behind the beginning of a session. */
static size_t
first_use(const struct lineage *l, const uint64_t session[2])
{
	struct tape_pos begin = { { session[0], session[1] }, 0 };
	size_t low = 0, high = l->uses.count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (tape_pos_compare(&l->uses.item[mid].pos, &begin) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void
say_input(struct lineage *l, const struct tape_pos *of, const struct file_use *input,
	  const struct file_use *writer, size_t others, bool seen, unsigned depth)
{
	struct out *out = &l->find->cli.out;
	char text[TAPE_POS_TEXT];

	if (l->find->show.format == SHOW_JSONL) {
		out_printf(out, "{\"kind\":\"file\",\"depth\":%u", depth);
		file_json_pos(out, "of", of);
		file_json_pos(out, "pos", &input->pos);
		file_json(out, input);
		if (writer)
			file_json_pos(out, "from", &writer->pos);
		else
			out_str(out, ",\"from\":null");
		out_printf(out, ",\"others\":%zu,\"again\":%s}", others,
			   seen ? "true" : "false");
	} else {
		indent(l, depth);
		out_str(out, "  read ");
		file_plain(out, input->path);
		out_printf(out, " %.12s ", input->hash);
		if (writer) {
			tape_pos_text(&writer->pos, text);
			out_printf(out, "written by %s", text);
			if (others)
				out_printf(out, " and %zu before", others);
			out_str(out, seen ? ", see above" : "");
		} else {
			out_str(out, "from outside");
		}
	}
	out_char(out, l->find->show.end);
}

/* Was it followed already? It is from now on. */
static bool
seen_place(struct lineage *l, const struct tape_pos *pos)
{
	for (size_t i = 0; i < l->seen_count; i++)
		if (tape_pos_compare(&l->seen[i], pos) == 0)
			return true;
	l->seen = mem_grow(l->seen, &l->seen_cap, l->seen_count + 1, sizeof(*l->seen));
	l->seen[l->seen_count++] = *pos;
	return false;
}

static void follow(struct lineage *l, const struct tape_pos *pos, unsigned depth);

/* Goes on to a place that was not followed yet, unless it is too far. */
static void
step_to(struct lineage *l, const struct tape_pos *pos, unsigned depth)
{
	if (depth + 1 < DEEPEST && l->seen_count < MOST_STEPS)
		follow(l, pos, depth + 1);
	else
		l->cut = true;
}

static void
follow_files(struct lineage *l, const struct tape_pos *pos, unsigned depth)
{
	for (size_t i = first_use(l, pos->session); i < l->uses.count; i++) {
		const struct file_use *use = &l->uses.item[i], *writer;
		size_t others;
		bool seen;

		if (use->pos.seq >= pos->seq ||
		    memcmp(use->pos.session, pos->session, sizeof(pos->session)) != 0)
			break;
		if (use->output || use->again)
			continue;
		writer = writer_of(l, use, &others);
		seen = writer && seen_place(l, &writer->pos);
		say_input(l, pos, use, writer, others, seen, depth);
		if (writer && !seen)
			step_to(l, &writer->pos, depth);
	}
}

static void
say_continues(struct lineage *l, const struct tape_pos *of, const struct tape_pos *from,
	      bool seen, unsigned depth)
{
	struct out *out = &l->find->cli.out;
	char text[TAPE_POS_TEXT];

	if (l->find->show.format == SHOW_JSONL) {
		out_printf(out, "{\"kind\":\"continues\",\"depth\":%u", depth);
		file_json_pos(out, "of", of);
		file_json_pos(out, "from", from);
		out_printf(out, ",\"again\":%s}", seen ? "true" : "false");
	} else {
		indent(l, depth);
		tape_pos_text(from, text);
		out_printf(out, "  goes on from %s%s", text, seen ? ", see above" : "");
	}
	out_char(out, l->find->show.end);
}

static void
follow(struct lineage *l, const struct tape_pos *pos, unsigned depth)
{
	struct tape_info *info = NULL;
	struct tape_error err;
	const struct tape_session_info *session = NULL;
	int r = tape_info_read_session(l->find->reader, pos->session, &info, &err);

	if (r == 0)
		session = &info->sessions[0];
	else if (r != TAPE_ERR_NOT_FOUND)
		failed(l, &err);
	say_place(l, pos, session, depth);
	follow_files(l, pos, depth);
	for (size_t i = 0; session && i < session->continue_count; i++) {
		bool seen = seen_place(l, &session->continues[i]);

		say_continues(l, pos, &session->continues[i], seen, depth);
		if (!seen)
			step_to(l, &session->continues[i], depth);
	}
	tape_info_free(info);
}

/* The first scope of a query such as @NAME or _pos=... 0, or an exit code. */
static int
place_of(struct find *find, struct tape_pos *pos)
{
	struct tape_find_options options = { .size = sizeof(options),
					     .flags = TAPE_FIND_ALL };
	struct ask ask;
	const struct tape_scope *scope;
	struct tape_error err;
	struct out text;
	int r, status = 0;

	out_hold(&text);
	out_str(&text, *find->lineage == '@' ? "" : "_pos=");
	out_str(&text, find->lineage);
	out_char(&text, 0);
	r = ask_begin(&ask, find->reader, text.buf, &options, &err);
	out_release(&text);
	if (r == 0)
		r = ask_next(&ask, &scope, &err);
	if (r == 1)
		*pos = tape_scope_pos(scope);
	else if (r == TAPE_ERR_SYNTAX)
		status = cli_misuse(&find->cli,
				    "--lineage needs a position (SESSION:SEQ) or @NAME, "
				    "not '%s'",
				    find->lineage);
	else
		status = r < 0 ? cli_fail(&find->cli, find->tape, &err) : CLI_NOTHING;
	ask_end(&ask);
	return status;
}

int
find_lineage(struct find *find)
{
	struct lineage l = { .find = find };
	struct tape_pos pos;
	int status = place_of(find, &pos);

	if (status == 0)
		status = file_uses_read(find, "_files", &l.uses);
	if (status == 0 && !find->cli.quiet) {
		order_uses(&l);
		(void)seen_place(&l, &pos);
		follow(&l, &pos, 0);
		if (l.cut)
			cli_warn(&find->cli,
				 "the ancestry goes on: more than %u steps, or %u one "
				 "behind the other, are not shown",
				 MOST_STEPS, DEEPEST);
		status = l.status;
	}
	find->found = status == 0;
	free(l.written);
	free(l.seen);
	file_uses_release(&l.uses);
	return status;
}
