/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/row.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/mem.h"

#define ROW_BLOCK ((size_t)16 << 10)

/* Blocks of text that never move; the first one stays when a row is cleared. */
struct row_block {
	struct row_block *next;
	size_t used, cap;
	char text[];
};

static char *
block_alloc(struct row_block **list, size_t size)
{
	struct row_block *block = *list;

	size = (size + 15) & ~(size_t)15;
	if (!block || block->cap - block->used < size) {
		size_t cap = size > ROW_BLOCK ? size : ROW_BLOCK;
		block = mem_resize(NULL, sizeof(*block) + cap);
		block->next = *list;
		block->used = 0;
		block->cap = cap;
		*list = block;
	}
	block->used += size;
	return block->text + block->used - size;
}

static void
block_clear(struct row_block **list, bool all)
{
	while (*list && (all || (*list)->next || (*list)->cap > ROW_BLOCK)) {
		struct row_block *next = (*list)->next;
		free(*list);
		*list = next;
	}
	if (*list)
		(*list)->used = 0;
}

void
row_release(struct row *row)
{
	block_clear(&row->block, true);
	block_clear(&row->known_block, true);
	free(row->var);
	free(row->slot);
	free(row->label);
	free(row->known);
	free(row->sorted);
	*row = (struct row){ 0 };
}

void
row_clear(struct row *row)
{
	row->count = row->slot_count = row->label_count = 0;
	row->has_time = row->rounded = false;
	row->message[0] = 0;
	if (row->block)
		block_clear(&row->block, false);
}

char *
row_alloc(struct row *row, size_t size)
{
	return block_alloc(&row->block, size);
}

struct row_var *
row_add(struct row *row, const char *name, size_t len, size_t column)
{
	if (row->count == row->cap)
		row->var =
			mem_grow(row->var, &row->cap, row->count + 1, sizeof(*row->var));
	struct row_var *var = &row->var[row->count++];
	var->name = name;
	var->name_len = (uint32_t)len;
	var->kind = ROW_NULL;
	var->column = column;
	return var;
}

void
row_add_label(struct row *row, const char *text, size_t len)
{
	row->label = mem_grow(row->label, &row->label_cap, row->label_count + 1,
			      sizeof(*row->label));
	row->label[row->label_count].text = text;
	row->label[row->label_count++].len = len;
}

bool
row_wrong(struct row *row, size_t column, const char *format, ...)
{
	va_list args;

	if (row->message[0])
		return false;
	va_start(args, format);
	(void)vsnprintf(row->message, sizeof(row->message), format, args);
	va_end(args);
	row->column = column;
	return false;
}

/* ---- a name given twice ---- */

static int
by_name(const void *a, const void *b)
{
	const struct row_var *x = *(struct row_var *const *)a;
	const struct row_var *y = *(struct row_var *const *)b;
	size_t least = x->name_len < y->name_len ? x->name_len : y->name_len;
	int order = memcmp(x->name, y->name, least);

	if (order)
		return order;
	if (x->name_len != y->name_len)
		return x->name_len < y->name_len ? -1 : 1;
	return x->column < y->column ? -1 : x->column > y->column;
}

static inline bool
same_name(const struct row_var *a, const struct row_var *b)
{
	return a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0;
}

static bool
all_known(const struct row *row)
{
	if (row->count != row->known_count)
		return false;
	for (size_t i = 0; i < row->count; i++)
		if (!same_name(&row->var[i], &row->known[i]))
			return false;
	return true;
}

static void
make_known(struct row *row)
{
	block_clear(&row->known_block, false);
	row->known =
		mem_grow(row->known, &row->known_cap, row->count, sizeof(*row->known));
	for (size_t i = 0; i < row->count; i++) {
		const struct row_var *var = &row->var[i];
		char *name = block_alloc(&row->known_block, var->name_len);
		memcpy(name, var->name, var->name_len);
		row->known[i].name = name;
		row->known[i].name_len = var->name_len;
	}
	row->known_count = row->count;
}

/* The first one whose name was there before; NULL: none. */
static const struct row_var *
repeat_by_pairs(const struct row *row)
{
	for (size_t i = 1; i < row->count; i++)
		for (size_t k = 0; k < i; k++)
			if (same_name(&row->var[i], &row->var[k]))
				return &row->var[i];
	return NULL;
}

/* The same. */
static const struct row_var *
repeat_by_sorting(struct row *row)
{
	const struct row_var *first = NULL;

	row->sorted =
		mem_grow(row->sorted, &row->sorted_cap, row->count, sizeof(*row->sorted));
	for (size_t i = 0; i < row->count; i++)
		row->sorted[i] = &row->var[i];
	qsort(row->sorted, row->count, sizeof(*row->sorted), by_name);
	for (size_t i = 1; i < row->count; i++) {
		const struct row_var *var = row->sorted[i];
		if (same_name(row->sorted[i - 1], var) && (!first || var < first))
			first = var;
	}
	return first;
}

/* Of so many, pairs are looked at faster than a sort has begun. */
#define PAIRS_MAX 12u

bool
row_check_names(struct row *row)
{
	const struct row_var *twice;

	if (row->count < 2 || all_known(row))
		return true;
	twice = row->count <= PAIRS_MAX ? repeat_by_pairs(row) : repeat_by_sorting(row);
	if (twice)
		return row_wrong(row, twice->column, "'%.*s' is given twice",
				 (int)twice->name_len, twice->name);
	make_known(row);
	return true;
}

bool
row_label_path(struct row *row, const char *text, size_t len, size_t column)
{
	for (size_t at = 0; at <= len;) {
		const char *slash = memchr(text + at, '/', len - at);
		size_t end = slash ? (size_t)(slash - text) : len;
		if (end - at > 255)
			return row_wrong(row, column, "a label has more than 255 bytes");
		if (memchr(text + at, 0, end - at))
			return row_wrong(row, column, "a label holds a NUL");
		if (end > at)
			row_add_label(row, text + at, end - at);
		at = end + 1;
	}
	return true;
}
