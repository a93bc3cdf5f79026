/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a program reads and writes, by their content (docs/lineage.md). */
#include <stdlib.h>
#include <string.h>

#include "librecord/capture.h"
#include "librecord/report.h"
#include "librecord/session.h"
#include "tape/search.h"

#define FILE_LABEL "_files"

static void
begin_item(struct item *item, const char *name, enum tape_type type, uint64_t word)
{
	*item = (struct item){ .name = name,
			       .name_len = (uint32_t)strlen(name),
			       .unit = "",
			       .type = (uint8_t)type,
			       .value = { word, 0 } };
}

/* In the scope, whatever inline_max says: it is to be found by. */
static void
text_item(struct thread_state *ts, struct item *item, const char *name, const char *text)
{
	begin_item(item, name, TAPE_STR, 0);
	item_load_text(ts, text, strlen(text), item);
	item->store = TAPE_INLINE;
}

static int
record(struct thread_state *ts, const char *role, const char *path,
       const struct tape_file *f)
{
	static const struct place place = { .file = "", .func = "" };
	struct context *context =
		context_system(ts->tape, ts->level->context, FILE_LABEL);
	const struct layout *layout;
	char hash[TAPE_HASH_TEXT], given[sizeof f->path], real[sizeof f->path];
	struct item items[6];

	if (!context) {
		recorder_error(
			ts->tape,
			"the file %.200s is not recorded: there are too many label "
			"paths for one more",
			path);
		return -1;
	}
	/* On a tape text is UTF-8; paths are what they are. */
	strncpy(given, path, sizeof given - 1);
	given[sizeof given - 1] = '\0';
	text_clean(given, strlen(given));
	memcpy(real, f->path, sizeof real);
	text_clean(real, strlen(real));
	tape_hash_text(&f->hash, hash);
	text_item(ts, &items[0], "role", role);
	text_item(ts, &items[1], "path", given);
	text_item(ts, &items[2], "resolved", real);
	text_item(ts, &items[3], "hash", hash);
	begin_item(&items[4], "size", TAPE_U64, f->size);
	begin_item(&items[5], "mtime", TAPE_I64, (uint64_t)f->mtime);
	layout = layout_find(ts, &place, context, items, 6, NULL, NULL);
	return layout ? capture_items(ts, layout, items, NULL) : -1;
}

static int
of_file(struct tape *t, const char *role, const char *path)
{
	struct thread_state *ts = capture_thread(t);
	struct tape_error err = { 0 };
	struct tape_file *f;
	int r = -1;

	if (!ts)
		return 0;
	if (atomic_load(&t->orphan))
		session_used(t);
	f = malloc(sizeof *f);
	if (!f)
		recorder_error(t, "no memory for a file: %.200s is not recorded",
			       path ? path : "");
	else if (tape_file_read(path, f, &err) < 0)
		recorder_error(t, "%s of the program, %.200s: %.300s; it is not recorded",
			       role, path && *path ? path : "a path that is empty",
			       err.message);
	else
		r = record(ts, role, path, f);
	if (r == 0 && f->changed)
		recorder_warn(t,
			      "%s of the program, %.200s, was written to while it was "
			      "read: what is recorded of it may fit no state of it",
			      role, path);
	free(f);
	return r;
}

int
tape_input(struct tape *t, const char *path)
{
	return of_file(t, "input", path);
}

int
tape_output(struct tape *t, const char *path)
{
	return of_file(t, "output", path);
}
