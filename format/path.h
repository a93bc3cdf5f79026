/* SPDX-License-Identifier: Apache-2.0 */
/* Names of files in a tape, made from numbers and hashes only (docs/format/directory.md). */
#ifndef TAPE_FORMAT_PATH_H
#define TAPE_FORMAT_PATH_H

#include <stdbool.h>

#include "tape/value.h"

#define PATH_SESSIONS "sessions"
#define PATH_BLOBS "blobs"
#define PATH_BLOBS_TMP "blobs/tmp"
#define PATH_TAPE "TAPE"
#define PATH_CONF "tape.conf"
#define PATH_PARTIALS "tape.partials"
#define PATH_DIFFS "diffs"
#define PATH_MANIFEST "manifest.jsonl"

/* True and *session filled if `name` is exactly a session id. */
bool path_parse_session(const char *name, uint64_t session[2]);
/* True and *number, *blob filled for "000123.log" and "000123.blob". */
bool path_parse_segment(const char *name, uint32_t *number, bool *blob);
#define PATH_SEGMENT_TEXT 24
void path_segment(uint32_t number, bool blob, char text[PATH_SEGMENT_TEXT]);
/* The hint beside a log segment, "000123.seen". */
void path_hint(uint32_t number, char text[PATH_SEGMENT_TEXT]);
/* True and *number filled if it is exactly the name of one. */
bool path_parse_hint(const char *name, uint32_t *number);
/* "blobs/ab/cdef..." with NUL. */
#define PATH_BLOB_TEXT 48
void path_blob(const struct tape_hash *hash, char text[PATH_BLOB_TEXT]);
/* 32 hex digits -> hash. */
bool path_parse_hash(const char *text, struct tape_hash *hash);

#endif
