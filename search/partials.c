/* SPDX-License-Identifier: Apache-2.0 */
/* Partials by name: files of definitions, `name { ... }`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/os.h"
#include "format/path.h"
#include "search/partial.h"

struct definition {
	char *name;
	char *text; /* "{ ... }", known to parse */
};

struct tape_partials {
	struct definition *items;
	size_t count, cap;
};

static int
nomem(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for partials");
}

void
tape_partials_free(struct tape_partials *partials)
{
	if (partials == NULL)
		return;
	for (size_t i = 0; i < partials->count; i++) {
		free(partials->items[i].name);
		free(partials->items[i].text);
	}
	free(partials->items);
	free(partials);
}

static struct definition *
find(const struct tape_partials *partials, const char *name, size_t len)
{
	for (size_t i = 0; partials != NULL && i < partials->count; i++)
		if (strlen(partials->items[i].name) == len &&
		    memcmp(partials->items[i].name, name, len) == 0)
			return &partials->items[i];
	return NULL;
}

/* Takes over `name` and `text`, also where it fails; one of that name is replaced. */
static int
put(struct tape_partials *partials, char *name, char *text, struct tape_error *err)
{
	struct definition *same =
		name == NULL ? NULL : find(partials, name, strlen(name));

	if (name != NULL && text != NULL && same == NULL &&
	    partials->count == partials->cap) {
		size_t cap = partials->cap == 0 ? 8 : partials->cap * 2;
		struct definition *more = realloc(partials->items, cap * sizeof *more);

		if (more != NULL) {
			partials->items = more;
			partials->cap = cap;
		}
	}
	if (name == NULL || text == NULL ||
	    (same == NULL && partials->count == partials->cap)) {
		free(name);
		free(text);
		return nomem(err);
	}
	if (same == NULL) {
		partials->items[partials->count++] = (struct definition){ name, text };
		return 0;
	}
	free(name);
	free(same->text);
	same->text = text;
	return 0;
}

/* ---- files ---- */

struct reading {
	const char *text, *file;
	size_t len, at;
	struct tape_error *err;
};

static int
wrong(const struct reading *r, size_t at, const char *what)
{
	unsigned line, column;

	partial_place(r->text, at < r->len ? at : r->len, &line, &column);
	return error_set(r->err, TAPE_ERR_SYNTAX, r->file, 0, "line %u, column %u: %s",
			 line, column, what);
}

static void
skip_blanks(struct reading *r)
{
	while (r->at < r->len) {
		if (r->text[r->at] == '#')
			while (r->at < r->len && r->text[r->at] != '\n')
				r->at++;
		else if (strchr(" \t\n\r", r->text[r->at]) != NULL && r->text[r->at])
			r->at++;
		else
			break;
	}
}

static bool
in_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c != '\0' && strchr("_-.:", c) != NULL) ||
	       (c & 0x80) != 0;
}

static int
read_definition(struct reading *r, struct tape_partials *into)
{
	struct partial *partial = NULL;
	struct tape_error why = { 0 };
	size_t start = r->at, brace, len;
	int status;

	while (r->at < r->len && in_name(r->text[r->at]))
		r->at++;
	len = r->at - start;
	if (len == 0)
		return wrong(r, start, "expected the name of a partial");
	if (find(into, r->text + start, len) != NULL)
		return wrong(r, start, "expected a new name: this partial is twice");
	if (into->count >= PARTIALS_MAX)
		return wrong(r, start, "expected fewer partials");
	skip_blanks(r);
	if (r->at >= r->len || r->text[r->at] != '{')
		return wrong(r, r->at, "expected \"{\" behind the name of a partial");
	brace = r->at;
	status = partial_parse(r->text, r->len, &r->at, &partial, &why);
	partial_free(partial);
	if (status == TAPE_ERR_SYNTAX)
		return wrong(r, (size_t)why.offset - 1, why.message);
	if (status != 0)
		return nomem(r->err);
	return put(into, strndup(r->text + start, len),
		   strndup(r->text + brace, r->at - brace), r->err);
}

static int
merge(struct tape_partials **partials, struct tape_partials *from, struct tape_error *err)
{
	int status = 0;

	if (*partials == NULL) {
		*partials = from;
		return 0;
	}
	for (size_t i = 0; i < from->count && status == 0; i++) {
		status = put(*partials, from->items[i].name, from->items[i].text, err);
		from->items[i] = (struct definition){ NULL, NULL };
	}
	tape_partials_free(from);
	return status;
}

int
tape_partials_parse(const char *text, size_t len, const char *file,
		    struct tape_partials **partials, struct tape_error *err)
{
	struct reading r = { .text = text, .len = len, .err = err };
	struct tape_partials *made;
	int status = 0;

	if (text == NULL || partials == NULL)
		return error_set(err, TAPE_ERR_MISUSE, NULL, 0,
				 "tape_partials_parse needs a text and a place");
	r.file = file == NULL ? "" : file;
	if (len > PARTIAL_TEXT_MAX)
		return error_set(err, TAPE_ERR_LIMIT, r.file, 0,
				 "more than 1 MiB: no file of partials");
	made = calloc(1, sizeof *made);
	if (made == NULL)
		return nomem(err);
	/* Editors on some systems begin a file with a byte order mark. */
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r.at = 3;
	for (skip_blanks(&r); status == 0 && r.at < len; skip_blanks(&r))
		status = read_definition(&r, made);
	if (status == 0)
		return merge(partials, made, err);
	tape_partials_free(made);
	return status;
}

int
partials_read_at(int dir, const char *file, struct tape_partials **partials,
		 struct tape_error *err)
{
	char *text = NULL;
	int fd = -1;
	int64_t len;
	int r = dir == OS_CWD ? os_open_user(file, &fd) : os_open_read(dir, file, &fd);

	if (r == -ENOENT && dir != OS_CWD)
		return 0;
	if (r < 0)
		return error_io(err, r, file, "cannot read it");
	text = malloc(PARTIAL_TEXT_MAX + 1u);
	len = text == NULL ? -ENOMEM : os_pread(fd, text, PARTIAL_TEXT_MAX + 1u, 0);
	if (len < 0)
		r = error_io(err, (int)len, file, "cannot read it");
	else
		r = tape_partials_parse(text, (size_t)len, file, partials, err);
	free(text);
	os_close(&fd);
	return r;
}

int
tape_partials_read(const char *file, struct tape_partials **partials,
		   struct tape_error *err)
{
	if (file == NULL || partials == NULL)
		return error_set(err, TAPE_ERR_MISUSE, NULL, 0,
				 "tape_partials_read needs a file and a place");
	return partials_read_at(OS_CWD, file, partials, err);
}

int
tape_partials_read_tape(const char *dir, struct tape_partials **partials,
			struct tape_error *err)
{
	int fd = -1, r;

	if (dir == NULL || partials == NULL)
		return error_set(err, TAPE_ERR_MISUSE, NULL, 0,
				 "tape_partials_read_tape needs a tape and a place");
	r = os_open_dir(OS_CWD, dir, true, &fd);
	if (r < 0)
		return error_io(err, r, dir, "cannot open the directory");
	r = partials_read_at(fd, PATH_PARTIALS, partials, err);
	os_close(&fd);
	return r;
}

/* ---- one of them ---- */

int
partials_put(struct tape_partials **partials, const char *name, const char *text,
	     struct tape_error *err)
{
	struct partial *partial = NULL;
	size_t at = 0, len = strlen(text);
	int r = partial_parse(text, len, &at, &partial, err);

	partial_free(partial);
	if (r == 0 && at != len)
		r = error_set(err, TAPE_ERR_SYNTAX, NULL, at + 1,
			      "expected nothing behind the \"}\"");
	if (r != 0)
		return r;
	if (*partials == NULL)
		*partials = calloc(1, sizeof **partials);
	if (*partials == NULL)
		return nomem(err);
	return put(*partials, strdup(name), strdup(text), err);
}

int
partials_get(const struct tape_partials *partials, const char *name, size_t len,
	     struct partial **out, struct tape_error *err)
{
	const struct definition *found = find(partials, name, len);
	char known[160] = "";
	size_t n = 0, at = 0;

	if (found != NULL)
		return partial_parse(found->text, strlen(found->text), &at, out, err);
	for (size_t i = 0; partials != NULL && i < partials->count && n < 100; i++) {
		n += (size_t)snprintf(known + n, sizeof known - n, "%s%.40s",
				      i == 0 ? "" : " ", partials->items[i].name);
	}
	return error_set(err, TAPE_ERR_NOT_FOUND, NULL, 0,
			 "there is no partial \"%.*s\": %s%s", (int)(len > 64 ? 64 : len),
			 name, *known ? "known are " : "none is known", known);
}
