/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/bookmark.h"

#include <stdlib.h>
#include <string.h>

#include "format/le.h"
#include "librecord/hooks.h"
#include "librecord/report.h"

/* ---- the manifest ---- */

static void
add_line(struct bookmark_lines *lines, const struct json_line *line)
{
	if (line->failed)
		return;
	if (lines->cap - lines->len < line->len) {
		size_t cap = (lines->len + line->len) * 2;
		char *text = realloc(lines->text, cap);

		if (!text)
			return;
		lines->text = text;
		lines->cap = cap;
	}
	memcpy(lines->text + lines->len, line->text, line->len);
	lines->len += line->len;
}

static void
make_line(struct tape *t, const struct part *part, const uint8_t *record, uint64_t seq,
	  struct bookmark_lines *lines)
{
	const struct form *form = &recorder_form(t, get_le32(record + 4) >> 8)->form;
	int64_t time = part->base_time + (int64_t)get_le64(record + RECORD_HEADER);
	struct tape_pos pos = { { t->session[0], t->session[1] }, seq };
	char when[TAPE_TIME_TEXT], where[TAPE_POS_TEXT];
	int64_t name = form_find(form, "name", 4), target = form_find(form, "target", 6);
	struct json_line line = { 0 };
	struct tape_value value;

	if (name < 0)
		return;
	tape_time_text(time, when);
	tape_pos_text(&pos, where);
	json_line_begin(&line);
	body_value(form, record + SCOPE_PREFIX, (uint32_t)name, &value, NULL);
	json_line_text_n(&line, "bookmark", value.data, (size_t)value.size);
	json_line_text(&line, "pos", where);
	if (target >= 0) {
		body_value(form, record + SCOPE_PREFIX, (uint32_t)target, &value, NULL);
		json_line_text_n(&line, "target", value.data, (size_t)value.size);
	}
	json_line_text(&line, "time", when);
	json_line_end(&line);
	add_line(lines, &line);
	json_line_release(&line);
}

void
bookmark_lines_make(struct tape *t, const struct part *parts,
		    struct bookmark_lines *lines)
{
	uint64_t seq = t->next_seq;

	*lines = (struct bookmark_lines){ 0 };
	for (; parts; parts = parts->next) {
		/* Every record of a stage has a seq, so those of others are counted. */
		if (parts->bookmarks == 0) {
			seq += parts->count;
			continue;
		}
		for (size_t at = FRAME_HEADER; at < parts->len; seq++) {
			const uint8_t *record = parts->records + at;

			if ((get_le32(record + 4) & 0xff) == RECORD_BOOKMARK)
				make_line(t, parts, record, seq, lines);
			at += get_le32(record);
		}
	}
}

void
bookmark_lines_write(struct tape *t, struct bookmark_lines *lines, bool committed)
{
	struct json_line all = { .text = lines->text, .len = lines->len };

	if (committed && lines->len)
		report_line(t, &all);
	free(lines->text);
	*lines = (struct bookmark_lines){ 0 };
}

/* ---- recording ---- */

struct adding {
	struct thread_state *ts;
	const struct layout *layout;
	const struct item *items;
};

static int
add(void *user)
{
	const struct adding *a = user;

	return capture_bookmark(a->ts, a->layout, a->items);
}

/* Text that stays in the scope, whatever inline_max says. */
static void
text_item(struct thread_state *ts, const char *name, const char *text, struct item *item)
{
	*item = (struct item){ .name = name,
			       .name_len = (uint32_t)strlen(name),
			       .unit = "" };
	item_load_text(ts, text, strlen(text), item);
	item->store = TAPE_INLINE;
}

static struct tape_pos
record(struct thread_state *ts, const char *name, const char *target)
{
	static const struct place place = { .file = "", .func = "" };
	const struct sticky *sticky = ts->level->sticky;
	struct tape *t = ts->tape;
	struct tape_pos pos = { .seq = 0 };
	struct context *context = context_system(t, ts->level->context, "_bookmark");
	struct adding a = { .ts = ts };
	struct item items[2];

	if (!context) {
		recorder_error(t,
			       "bookmark \"%.60s\" is not recorded: there are too many "
			       "label paths for one more",
			       name);
		return pos;
	}
	text_item(ts, "name", name, &items[0]);
	if (target)
		text_item(ts, "target", target, &items[1]);
	/* Its variables are these alone. */
	ts->level->sticky = &no_sticky;
	a.items = items;
	a.layout = layout_find(ts, &place, context, items, target ? 2 : 1, NULL, NULL);
	if (a.layout && t->conf.commit == COMMIT_MANUAL)
		(void)add(&a);
	else if (a.layout)
		(void)session_commit_last(t, ts->stage, add, &a, &pos);
	ts->level->sticky = sticky;
	hooks_deliver(t);
	return pos;
}

static struct tape_pos
bookmark(struct tape *t, const char *name, const char *target)
{
	struct thread_state *ts = capture_thread(t);
	struct tape_pos none = { .seq = 0 };
	char clean[LIMIT_NAME + 1];

	if (!ts)
		return none;
	if (!name || !*name) {
		recorder_error(t, "a bookmark without a name is not recorded");
		recorder_lost(t, 1);
		return none;
	}
	if (atomic_load(&t->orphan))
		session_used(t);
	(void)name_clean(name, strlen(name), clean, NULL, NULL);
	return record(ts, clean, target);
}

struct tape_pos
tape_bookmark(struct tape *t, const char *name)
{
	return bookmark(t, name, NULL);
}

struct tape_pos
tape_bookmark_at(struct tape *t, const char *name, struct tape_pos target)
{
	char text[TAPE_POS_TEXT];

	tape_pos_text(&target, text);
	return bookmark(t, name, text);
}
