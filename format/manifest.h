/* SPDX-License-Identifier: Apache-2.0 */
/* manifest.jsonl: making its lines, reading them back (docs/format/directory.md). */
#ifndef TAPE_FORMAT_MANIFEST_H
#define TAPE_FORMAT_MANIFEST_H

#include <stdbool.h>

#include "format/block.h"
#include "tape/value.h"

/* A growing line of JSON; never fails loudly: `failed` is set when memory ran out. */
struct json_line {
	char *text;
	size_t len, cap;
	bool failed, first;
};
void json_line_begin(struct json_line *line); /* "{" */
void json_line_text(struct json_line *line, const char *key,
		    const char *value); /* skipped if NULL */
void json_line_text_n(struct json_line *line, const char *key, const char *value,
		      size_t len);
void json_line_int(struct json_line *line, const char *key, int64_t value);
void json_line_bool(struct json_line *line, const char *key, bool value);
void json_line_list_begin(struct json_line *line, const char *key);
void json_line_list_item(struct json_line *line, const char *value);
void json_line_list_end(struct json_line *line);
void json_line_end(struct json_line *line); /* "}\n" */
void json_line_release(struct json_line *line);

/* Reads a manifest line by line with YAJL; fn gets flat members of one line (strings and numbers as text, lists as their items under one key). Lines that do not parse are counted in *bad. */
struct manifest_member {
	const char *key, *value;
};
typedef int manifest_line_fn(void *user, const struct manifest_member *members,
			     size_t count);
int manifest_read(const struct block_source *source, manifest_line_fn *fn, void *user,
		  uint64_t *bad, struct tape_error *err);

#endif
