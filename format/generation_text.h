/* SPDX-License-Identifier: Apache-2.0 */
/* What MANIFEST and live lists share: checked JSON lines. */
#ifndef TAPE_FORMAT_GENERATION_TEXT_H
#define TAPE_FORMAT_GENERATION_TEXT_H

#include <stdbool.h>

#include "format/manifest.h"
#include "format/pack.h"

/* Ends the line and appends it; false = no memory. */
bool text_add_line(struct pack_bytes *text, struct json_line *line);
/* The check line, and the bytes handed out. TAPE_ERR_LIMIT: no reader would take so much. */
int text_finish(struct pack_bytes *text, struct json_line *line, char **out, size_t *len,
		struct tape_error *err);
void text_hex(struct json_line *line, const char *key, const void *data, size_t len);
/* Verifies the check line and calls fn for each line before it. */
int text_parse(const char *text, size_t len, const char *file, manifest_line_fn *fn,
	       void *user, struct tape_error *err);
/* A whole file of at most LIMIT_LIST bytes, malloc'd; whose it is (NULL: not asked). TAPE_ERR_NOT_FOUND. */
int text_load(int dir, const char *path, char **text, size_t *len, uint32_t *owner,
	      struct tape_error *err);

/* Members of a line; each sets *bad where it is missing or does not read. */
const char *text_member(const struct manifest_member *m, size_t count, const char *key,
			bool *bad);
uint64_t text_number(const struct manifest_member *m, size_t count, const char *key,
		     bool *bad);
int64_t text_signed(const struct manifest_member *m, size_t count, const char *key,
		    bool *bad);
void text_bytes(const struct manifest_member *m, size_t count, const char *key,
		uint8_t *out, size_t len, bool *bad);
void text_session(const struct manifest_member *m, size_t count, const char *key,
		  uint64_t session[2], bool *bad);
/* Makes room for one more element of `size` bytes, zeroed; NULL = no memory. */
void *text_grow(void *list, size_t count, size_t size);

#endif
