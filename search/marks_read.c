/* SPDX-License-Identifier: Apache-2.0 */
/* Collecting the bookmarks of a tape. */
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/limits.h"
#include "search/content.h"
#include "search/reader.h"
#include "search/snapshot.h"
#include "search/superseded.h"

/* More are none that people made. */
#define MARKS_MAX ((size_t)1 << 22)
#define STALE_MAX 8

struct collect {
	struct tape_marks *marks;
	size_t cap;
};

static int
no_memory(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
			 "no memory for the bookmarks of the tape");
}

void
tape_marks_free(struct tape_marks *marks)
{
	if (marks == NULL)
		return;
	for (size_t i = 0; i < marks->count; i++) {
		free((char *)(uintptr_t)marks->items[i].name);
		free((char *)(uintptr_t)marks->items[i].path);
	}
	free((struct tape_mark *)(uintptr_t)marks->items);
	free(marks);
}

/* ---- one of them ---- */

static bool
is_mark(const struct form *form)
{
	int64_t name = form_find(form, "name", 4);

	return form->label_count != 0 && name >= 0 && form->vars[name].type == TAPE_STR &&
	       strcmp(form->labels[form->label_count - 1], "_bookmark") == 0;
}

static bool
want(void *user, struct source_form *form)
{
	(void)user;
	return is_mark(&form->form);
}

static char *
path_of(const struct form *form)
{
	size_t len = 1, at = 0;
	char *path;

	for (uint32_t i = 0; i + 1 < form->label_count; i++)
		len += strlen(form->labels[i]) + 1;
	path = malloc(len);
	if (path == NULL)
		return NULL;
	for (uint32_t i = 0; i + 1 < form->label_count; i++) {
		size_t n = strlen(form->labels[i]);

		if (i != 0)
			path[at++] = '/';
		memcpy(path + at, form->labels[i], n);
		at += n;
	}
	path[at] = '\0';
	return path;
}

/*
 * A value of text, as a string of its own. 1 = *out, 0 = there is none that a
 * recorder would write, negative: no memory.
 */
static int
text_of(const struct form *form, const char *name, const struct content *content,
	char **out)
{
	int64_t i = form_find(form, name, strlen(name));
	struct tape_value value;

	if (i < 0 || form->vars[i].type != TAPE_STR)
		return 0;
	i = content_index(content, form, (uint32_t)i);
	if (i < 0)
		return 0;
	body_value(content->form, content->body, (uint32_t)i, &value, NULL);
	if (value.type != TAPE_STR || value.data == NULL || value.size == 0 ||
	    value.size > LIMIT_NAME || memchr(value.data, 0, (size_t)value.size) != NULL)
		return 0;
	*out = malloc((size_t)value.size + 1);
	if (*out == NULL)
		return TAPE_ERR_NOMEM;
	memcpy(*out, value.data, (size_t)value.size);
	(*out)[value.size] = '\0';
	return 1;
}

/* Where it points to. 1, 0 = nowhere, negative. */
static int
target_of(const struct form *form, const struct content *content, struct tape_pos *pos)
{
	char *text = NULL;
	int r = 1;

	if (form_find(form, "target", 6) < 0)
		return 1;
	r = text_of(form, "target", content, &text);
	if (r == 1)
		r = tape_pos_parse(text, pos) == 0 && pos->seq != 0;
	free(text);
	return r;
}

/* The next item, all zero. NULL: no memory, or there are too many. */
static struct tape_mark *
room(struct collect *c)
{
	struct tape_mark *items = (struct tape_mark *)(uintptr_t)c->marks->items;

	if (c->marks->count >= MARKS_MAX)
		return NULL;
	if (c->marks->count == c->cap) {
		size_t cap = c->cap == 0 ? 16 : c->cap * 2;

		items = realloc(items, cap * sizeof *items);
		if (items == NULL)
			return NULL;
		c->marks->items = items;
		c->cap = cap;
	}
	items += c->marks->count;
	memset(items, 0, sizeof *items);
	return items;
}

static int
take(struct collect *c, struct snapshot *snapshot, size_t index, struct source *source,
     const struct source_record *rec, struct tape_error *err)
{
	const uint64_t *session = snapshot->sessions[index].id;
	const struct form *form = &rec->form->form;
	struct tape_mark *m;
	struct content content;
	char *name = NULL;
	int r = content_get(source, rec, &content, err);

	if (r != 0 || content.lost || !content_check(&content))
		return r;
	m = room(c);
	if (m == NULL)
		return no_memory(err);
	m->own = (struct tape_pos){ { session[0], session[1] }, rec->seq };
	m->pos = m->own;
	m->time = source_time(rec);
	r = target_of(form, &content, &m->pos);
	if (r == 1)
		r = text_of(form, "name", &content, &name);
	if (r <= 0)
		return r == 0 ? 0 : no_memory(err);
	m->name = name;
	if (superseded_hides(snapshot, &m->own) || superseded_hides(snapshot, &m->pos)) {
		free(name);
		return 0;
	}
	c->marks->count++; /* it is freed from here on */
	m->path = path_of(form);
	return m->path == NULL ? no_memory(err) : 0;
}

/* ---- all of them ---- */

static int
walk_session(struct collect *c, struct snapshot *snapshot, size_t index,
	     struct tape_error *err)
{
	struct source_iter iter = {
		.lo = 1, .hi = INT64_MAX, .want = want, .bookmarks = true
	};
	struct source_record rec;
	struct source *source = NULL;
	int r = snapshot_open(snapshot, index, &source, err);

	if (r != 1)
		return r;
	r = source->ops->begin(source, &iter, err);
	while (r == 0) {
		r = source->ops->next(source, &rec, err);
		if (r != 1)
			break;
		r = rec.kind != SOURCE_BOOKMARK
			    ? 0
			    : take(c, snapshot, index, source, &rec, err);
	}
	source->ops->close(source);
	return r;
}

static int
walk(struct collect *c, struct tape_reader *reader, struct tape_error *err)
{
	struct snapshot *snapshot = NULL;
	int r = snapshot_take(reader, &snapshot, err);

	for (size_t i = 0; r == 0 && i < snapshot->count; i++)
		r = walk_session(c, snapshot, i, err);
	snapshot_free(snapshot);
	return r;
}

static int
by_place(const void *a, const void *b)
{
	const struct tape_mark *x = a, *y = b;
	int c = tape_pos_compare(&x->pos, &y->pos);

	return c != 0 ? c : tape_pos_compare(&x->own, &y->own);
}

static int
by_name(const void *a, const void *b)
{
	const struct tape_mark *const *x = a, *const *y = b;
	int c = strcmp((*x)->name, (*y)->name);

	return c != 0 ? c : (*x > *y) - (*x < *y);
}

/* Into tape order, and numbers for those of one name. */
static int
arrange(struct tape_marks *marks)
{
	struct tape_mark *items = (struct tape_mark *)(uintptr_t)marks->items;
	struct tape_mark **names = calloc(marks->count + 1, sizeof *names);

	if (names == NULL)
		return TAPE_ERR_NOMEM;
	if (marks->count != 0)
		qsort(items, marks->count, sizeof *items, by_place);
	for (size_t i = 0; i < marks->count; i++)
		names[i] = &items[i];
	qsort(names, marks->count, sizeof *names, by_name);
	for (size_t i = 0, end; i < marks->count; i = end) {
		for (end = i + 1; end < marks->count; end++)
			if (strcmp(names[i]->name, names[end]->name) != 0)
				break;
		for (size_t j = i; j < end; j++) {
			names[j]->number = j - i + 1;
			names[j]->of = end - i;
		}
	}
	free(names);
	return 0;
}

int
tape_marks_read(struct tape_reader *reader, struct tape_marks **out,
		struct tape_error *err)
{
	struct tape_error why = { 0 };
	struct collect c = { 0 };
	int r = TAPE_ERR_NOT_FOUND;

	if (reader == NULL || out == NULL)
		return error_set(err, TAPE_ERR_MISUSE, NULL, 0,
				 "tape_marks_read needs a reader and a place for the "
				 "bookmarks");
	/* Files may be replaced under the walk: then it begins anew. */
	for (int stale = 0; stale <= STALE_MAX; stale++) {
		c = (struct collect){ .marks = calloc(1, sizeof *c.marks) };
		r = c.marks == NULL ? no_memory(&why) : walk(&c, reader, &why);
		if (r == 0 && arrange(c.marks) != 0)
			r = no_memory(&why);
		if (r == 0) {
			*out = c.marks;
			return 0;
		}
		tape_marks_free(c.marks);
		if (!snapshot_stale(r, &why))
			break;
	}
	if (err != NULL)
		*err = why;
	return r;
}
