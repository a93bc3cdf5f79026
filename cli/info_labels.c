/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Label paths for people: runs and ranks are numbered, and a sweep has hundreds
 * of paths that differ in that number alone. Those become one row.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/info.h"
#include "cli/mem.h"

/* So many of a kind are still shown one by one. */
#define FEW 3

static size_t
without_number(const char *label, size_t len)
{
	if (len && label[len - 1] == '*')
		return len - 1;
	while (len && label[len - 1] >= '0' && label[len - 1] <= '9')
		len--;
	return len;
}

/*
 * The path with "*" for the digits that end a label; only where `other`, a path
 * of that kind too, has others there, if it is not NULL.
 */
static char *
pattern_of(const char *path, const char *other)
{
	struct out out;
	char *name;

	out_hold(&out);
	while (*path) {
		size_t len = strcspn(path, "/"), kept = without_number(path, len);
		if (other) {
			size_t n = strcspn(other, "/");
			if (n == len && memcmp(path, other, len) == 0)
				kept = len;
			other += n + (other[n] == '/');
		}
		out_mem(&out, path, kept);
		if (kept < len)
			out_char(&out, '*');
		path += len;
		if (*path)
			out_char(&out, *path++);
	}
	out_char(&out, 0);
	/* The buffer is some pages; there may be a name for each of a million paths. */
	name = mem_text(out.buf, strlen(out.buf));
	free(out.buf);
	return name;
}

static int
by_name(const void *a, const void *b)
{
	const struct info_row *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int
by_scopes(const void *a, const void *b)
{
	const struct info_row *x = a, *y = b;

	if (x->scopes != y->scopes)
		return x->scopes < y->scopes ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* Rows from..to have one pattern: as one row, or under their own names if they are few. */
static size_t
add_kind(struct info_row *rows, size_t at, size_t from, size_t to)
{
	struct info_row sum = rows[from];

	if (to - from <= FEW) {
		for (size_t i = from; i < to; i++) {
			free(rows[i].name);
			rows[i].name = mem_text(rows[i].path, strlen(rows[i].path));
			rows[at++] = rows[i];
		}
		return at;
	}
	free(sum.name);
	sum.name = mem_text(sum.path, strlen(sum.path));
	for (size_t i = from + 1; i < to; i++) {
		char *name = pattern_of(sum.name, rows[i].path);
		free(sum.name);
		sum.name = name;
		sum.paths++;
		sum.scopes += rows[i].scopes;
		sum.links += rows[i].links;
		sum.projections += rows[i].projections;
		sum.saved += rows[i].saved;
		free(rows[i].name);
	}
	rows[at] = sum;
	return at + 1;
}

struct info_row *
info_rows(const struct tape_info *data, bool all, size_t *count)
{
	size_t n = data->label_count, to;
	struct info_row *rows = mem_resize(NULL, (n + 1) * sizeof(*rows));

	*count = 0;
	for (size_t i = 0; i < n; i++) {
		const struct tape_label_info *label = &data->labels[i];
		rows[i] = (struct info_row){
			.name = all ? mem_text(label->path, strlen(label->path))
				    : pattern_of(label->path, NULL),
			.path = label->path,
			.paths = 1,
			.scopes = label->scopes,
			.links = label->links,
			.projections = label->projections,
			.saved = label->bytes_saved,
		};
	}
	if (all) {
		*count = n;
		return rows;
	}
	qsort(rows, n, sizeof(*rows), by_name);
	for (size_t from = 0; from < n; from = to) {
		for (to = from + 1; to < n; to++)
			if (strcmp(rows[to].name, rows[from].name) != 0)
				break;
		*count = add_kind(rows, *count, from, to);
	}
	qsort(rows, *count, sizeof(*rows), by_scopes);
	return rows;
}

void
info_rows_free(struct info_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(rows[i].name);
	free(rows);
}
