/* SPDX-License-Identifier: Apache-2.0 */
/* tape-find --who, --lineage: the files that programs read and wrote. */
#ifndef TAPE_CLI_FIND_FILES_H
#define TAPE_CLI_FIND_FILES_H

#include "cli/find.h"

/* A scope that tape_input or tape_output recorded. */
struct file_use {
	struct tape_pos pos;
	int64_t time;
	bool output;
	bool again; /* an input: its session had read the same content there before */
	uint64_t size;
	char *hash, *path, *resolved, *labels; /* labels joined by "/", without _files */
};
struct file_uses {
	struct file_use *item; /* in tape order */
	size_t count, cap;
};

/* Those that the query text leaves. 0 or an exit code, which was explained. */
int file_uses_read(struct find *find, const char *text, struct file_uses *uses);
void file_uses_release(struct file_uses *uses);
/* "SESSION:SEQ" as a JSON member `,"key":"..."`. */
void file_json_pos(struct out *out, const char *key, const struct tape_pos *pos);
void file_json_text(struct out *out, const char *key, const char *text);
/* role, path, resolved, hash, size. */
void file_json(struct out *out, const struct file_use *use);
/* Text from a tape, without what could command a terminal. */
void file_plain(struct out *out, const char *text);

#endif
