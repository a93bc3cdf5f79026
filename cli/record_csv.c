/* SPDX-License-Identifier: Apache-2.0 */
/* CSV (RFC 4180) to rows: a header, then cells. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/mem.h"
#include "cli/record_in.h"

struct csv_column {
	char *name;
	size_t len;
	enum row_role role;
};
struct csv_reader {
	const struct row_keys *keys;
	struct csv_column *column;
	size_t count, cap;
};

struct csv_reader *
csv_reader_new(const struct row_keys *keys)
{
	struct csv_reader *reader = mem_resize(NULL, sizeof(*reader));

	*reader = (struct csv_reader){ .keys = keys };
	return reader;
}

void
csv_reader_free(struct csv_reader *reader)
{
	if (!reader)
		return;
	for (size_t i = 0; i < reader->count; i++)
		free(reader->column[i].name);
	free(reader->column);
	free(reader);
}

/* A line that is being cut into cells. */
struct cells {
	char *line;
	size_t len, at;
	bool more; /* a cell follows */
};
struct cell {
	char *text;
	size_t len, column;
	bool quoted;
};

static void
cells_begin(struct cells *cells, char *line, size_t len)
{
	if (len && line[len - 1] == '\r')
		line[--len] = '\n'; /* the byte behind the text is no part of a number */
	*cells = (struct cells){ .line = line, .len = len, .more = true };
}

/* Quotes are taken out in place. False and row_wrong where they do not fit. */
static bool
quoted_cell(struct cells *cells, struct cell *cell, struct row *row)
{
	size_t to = ++cells->at;

	cell->text = cells->line + to;
	cell->quoted = true;
	for (;; cells->at++) {
		if (cells->at >= cells->len)
			return row_wrong(row, cell->column, "a quote is not closed");
		if (cells->line[cells->at] == '"') {
			if (cells->at + 1 >= cells->len ||
			    cells->line[cells->at + 1] != '"')
				break;
			cells->at++;
		}
		cells->line[to++] = cells->line[cells->at];
	}
	cells->at++;
	cell->len = (size_t)(cells->line + to - cell->text);
	if (cells->at < cells->len && cells->line[cells->at] != ',')
		return row_wrong(row, cells->at + 1, "expected a comma after the quote");
	return true;
}

/* The next cell; call while cells->more. */
static bool
cells_next(struct cells *cells, struct cell *cell, struct row *row)
{
	*cell = (struct cell){ .text = cells->line + cells->at, .column = cells->at + 1 };
	if (cells->at < cells->len && cells->line[cells->at] == '"') {
		if (!quoted_cell(cells, cell, row))
			return false;
	} else {
		char *comma = memchr(cell->text, ',', cells->len - cells->at);
		cell->len = comma ? (size_t)(comma - cell->text) : cells->len - cells->at;
		cells->at += cell->len;
	}
	cells->more = cells->at < cells->len;
	cells->at += cells->more;
	return true;
}

int
csv_reader_header(struct csv_reader *reader, char *line, size_t len, struct row *row)
{
	struct cells cells;
	struct cell cell;

	row_clear(row);
	for (cells_begin(&cells, line, len); cells.more;) {
		if (!cells_next(&cells, &cell, row))
			return -1;
		if (cell.len == 0 || cell.len > 255 || memchr(cell.text, 0, cell.len)) {
			(void)row_wrong(row, cell.column,
					"the name of a column has 1 to 255 bytes");
			return -1;
		}
		(void)row_add(row, cell.text, cell.len, cell.column);
	}
	if (!row_check_names(row))
		return -1;
	for (size_t i = 0; i < row->count; i++) {
		const struct row_var *var = &row->var[i];
		reader->column = mem_grow(reader->column, &reader->cap, reader->count + 1,
					  sizeof(*reader->column));
		reader->column[reader->count++] = (struct csv_column){
			.name = mem_text(var->name, var->name_len),
			.len = var->name_len,
			.role = row_role(reader->keys, var->name, var->name_len),
		};
	}
	return 1;
}

static bool
is_word(const char *text, size_t len, const char *word)
{
	for (size_t i = 0; i < len; i++)
		if (!word[i] || (text[i] | 32) != word[i])
			return false;
	return word[len] == 0;
}

/* -?digits[.digits][e[+-]digits], with at least one digit; a + in front is fine. */
static bool
is_number(const char *text, size_t len)
{
	size_t i = len && (text[0] == '-' || text[0] == '+');
	size_t digits = 0;

	for (; i < len && text[i] >= '0' && text[i] <= '9'; i++)
		digits++;
	if (i < len && text[i] == '.')
		for (i++; i < len && text[i] >= '0' && text[i] <= '9'; i++)
			digits++;
	if (!digits)
		return false;
	if (i < len && (text[i] | 32) == 'e') {
		i++;
		i += i < len && (text[i] == '-' || text[i] == '+');
		if (i == len)
			return false;
		while (i < len && text[i] >= '0' && text[i] <= '9')
			i++;
	}
	return i == len;
}

static bool
cell_special(const struct cell *cell, struct row_var *var)
{
	bool minus = cell->len && cell->text[0] == '-';
	const char *text = cell->text + minus;
	size_t len = cell->len - minus;

	if (len < 3 || len > 8)
		return false;
	if (is_word(text, len, "inf") || is_word(text, len, "infinity"))
		var->as.f = minus ? -(double)INFINITY : (double)INFINITY;
	else if (!minus && is_word(text, len, "nan"))
		var->as.f = (double)NAN;
	else
		return false;
	var->kind = ROW_F64;
	return true;
}

static bool
cell_value(const struct cell *cell, struct row_var *var, struct row *row)
{
	size_t plus = cell->len && cell->text[0] == '+';

	if (cell->len == 0 && !cell->quoted) {
		var->kind = ROW_NULL;
		return true;
	}
	if (is_number(cell->text, cell->len)) {
		/* What follows must be no part of it: a comma, a quote, a newline. */
		(void)row_number(cell->text + plus, cell->len - plus, var, &row->rounded);
		if (var->kind == ROW_F64 && isinf(var->as.f))
			return row_wrong(row, cell->column,
					 "the number is larger than any double");
		return true;
	}
	if (cell_special(cell, var))
		return true;
	if (is_word(cell->text, cell->len, "true") ||
	    is_word(cell->text, cell->len, "false")) {
		var->kind = ROW_BOOL;
		var->as.truth = cell->len == 4;
		return true;
	}
	var->kind = ROW_STR;
	var->as.str.text = cell->text;
	var->as.str.len = cell->len;
	return true;
}

static bool
take_cell(const struct csv_column *column, const struct cell *cell, struct row *row)
{
	switch (column->role) {
	case ROLE_LABEL:
		return row_label_path(row, cell->text, cell->len, cell->column);
	case ROLE_TIME:
		if (cell->len == 0)
			return true;
		if (memchr(cell->text, ':', cell->len))
			return row_time_text(row, cell->text, cell->len, cell->column);
		return row_time_number(row, cell->text, cell->len, cell->column);
	default:
		return cell_value(
			cell, row_add(row, column->name, column->len, cell->column), row);
	}
}

int
csv_reader_line(struct csv_reader *reader, char *line, size_t len, struct row *row)
{
	struct cells cells;
	struct cell cell;
	size_t n = 0;

	row_clear(row);
	cells_begin(&cells, line, len);
	if (cells.len == 0)
		return 0;
	for (; cells.more; n++) {
		if (!cells_next(&cells, &cell, row))
			return -1;
		if (n == reader->count) {
			(void)row_wrong(row, cell.column,
					"more cells than the header's %zu",
					reader->count);
			return -1;
		}
		if (!take_cell(&reader->column[n], &cell, row))
			return -1;
	}
	if (n < reader->count) {
		(void)row_wrong(row, len + 1, "%zu cell%s, but the header has %zu", n,
				n == 1 ? "" : "s", reader->count);
		return -1;
	}
	return 1;
}
