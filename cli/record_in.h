/* SPDX-License-Identifier: Apache-2.0 */
/* tape-record: lines of JSON or CSV to rows. */
#ifndef TAPE_CLI_RECORD_IN_H
#define TAPE_CLI_RECORD_IN_H

#include "cli/row.h"

/* Members that are no variables. */
struct row_keys {
	const char *label, *time; /* names, or NULL */
	size_t label_len, time_len;
	bool blobs; /* {"@blob":...} is allowed */
};
enum row_role { ROLE_VARIABLE, ROLE_LABEL, ROLE_TIME };
enum row_role row_role(const struct row_keys *keys, const char *name, size_t len);
/* The value of the time key as text: an integer of ns. False and row_wrong. */
bool row_time_number(struct row *row, const char *text, size_t len, size_t column);
bool row_time_text(struct row *row, const char *text, size_t len, size_t column);

struct json_reader;
struct json_reader *json_reader_new(const struct row_keys *keys);
void json_reader_free(struct json_reader *reader);
/*
 * One line, with a newline at line[len]. 1: `row` (cleared by this) has it; it
 * borrows from the line. 0: a blank line. -1: row->message says what is wrong.
 */
int json_reader_line(struct json_reader *reader, const char *line, size_t len,
		     struct row *row);

struct csv_reader;
struct csv_reader *csv_reader_new(const struct row_keys *keys);
void csv_reader_free(struct csv_reader *reader);
/* The header; the same returns. The line is changed in place. */
int csv_reader_header(struct csv_reader *reader, char *line, size_t len, struct row *row);
int csv_reader_line(struct csv_reader *reader, char *line, size_t len, struct row *row);

#endif
