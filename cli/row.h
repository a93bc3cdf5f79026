/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row of input (a line of JSON, a row of CSV) on its way to a scope: first
 * complete in memory, so that a bad one leaves nothing behind.
 */
#ifndef TAPE_CLI_ROW_H
#define TAPE_CLI_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tape/record.h"

enum row_kind {
	ROW_NULL,
	ROW_BOOL,
	ROW_I64,
	ROW_U64,
	ROW_F64,
	ROW_STR,
	ROW_ARRAY,
	ROW_BLOB,
};

struct row_array {
	size_t first, count; /* in row->slot */
	uint8_t dtype;	     /* TAPE_I8, TAPE_U8, TAPE_F8 */
	uint8_t ndim;
	uint64_t dim[TAPE_MAX_DIMS];
};

/* {"@blob":FILE,...}: a file to store. */
struct row_blob {
	const char *file; /* NUL-terminated */
	char dtype[16];	  /* "" = bytes */
	uint8_t ndim;	  /* 0 = one dimension, from the size */
	bool fortran;
	uint64_t dim[TAPE_MAX_DIMS];
	struct tape_ref ref; /* once it is stored */
};

struct row_var {
	const char *name;
	uint32_t name_len;
	uint8_t kind;  /* enum row_kind */
	size_t column; /* from 1, for messages */
	union {
		bool truth;
		int64_t i;
		uint64_t u;
		double f;
		struct {
			const char *text;
			size_t len;
		} str;
		struct row_array array;
		struct row_blob *blob;
	} as;
};

struct row_block;
struct row {
	struct row_var *var;
	size_t count, cap;
	uint64_t *slot; /* elements of arrays, 8 bytes each */
	size_t slot_count, slot_cap;
	struct {
		const char *text;
		size_t len;
	} * label;
	size_t label_count, label_cap;
	bool has_time;
	int64_t time_ns;
	/* What is wrong, where; message "" = nothing. */
	char message[256];
	size_t column;
	bool rounded; /* a number became a double that is not exactly it */
	/* Text that is not in the input as it stands. */
	struct row_block *block;
	/* Names of the last row that had no name twice, in its order. */
	struct row_var *known;
	size_t known_count, known_cap;
	struct row_block *known_block;
	struct row_var **sorted;
	size_t sorted_cap;
};

void row_release(struct row *row);
/* Empty again; keeps the memory. */
void row_clear(struct row *row);
/* Memory until row_clear. */
char *row_alloc(struct row *row, size_t size);
/* A new variable, zeroed. Its name is borrowed until row_clear. */
struct row_var *row_add(struct row *row, const char *name, size_t len, size_t column);
void row_add_label(struct row *row, const char *text, size_t len);
/* Says what is wrong; the first one counts. Returns false. */
bool row_wrong(struct row *row, size_t column, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* False and row_wrong if a name is there twice. */
bool row_check_names(struct row *row);

/* ---- text to values ---- */

/*
 * A number as JSON spells it. i64, u64, or f64; *rounded is set where an
 * integer became a double. text[len] must be readable and no part of a number.
 */
enum row_kind row_number(const char *text, size_t len, struct row_var *var,
			 bool *rounded);
/* The path in a text: labels between "/". False and row_wrong. */
bool row_label_path(struct row *row, const char *text, size_t len, size_t column);
/* RFC 3339 to ns since 1970 UTC. */
bool row_time_parse(const char *text, size_t len, int64_t *time_ns);

#endif
