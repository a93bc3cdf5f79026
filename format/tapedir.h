/* SPDX-License-Identifier: Apache-2.0 */
/* A tape as a directory: the TAPE file, sessions, manifests. */
#ifndef TAPE_FORMAT_TAPEDIR_H
#define TAPE_FORMAT_TAPEDIR_H

#include <stdbool.h>

#include "tape/value.h"

struct tapedir {
	int fd; /* the directory, -1 = closed */
	uint8_t id[16];
};

/* Opens an existing tape. TAPE_ERR_NOT_TAPE (nothing or something else there), TOO_NEW, DAMAGED, IO. */
int tapedir_open(const char *path, struct tapedir *out, struct tape_error *err);
/* The same, making the directory (parents too) and TAPE file where they are missing. An existing directory that is not empty and holds no TAPE file is refused. */
int tapedir_create(const char *path, struct tapedir *out, struct tape_error *err);
void tapedir_close(struct tapedir *dir);

/* A session of a tape as found on disk. */
struct tapedir_session {
	uint64_t id[2];
	char path[320]; /* relative to the tape: "sessions/<id>" or one level deeper */
	uint32_t *logs; /* segment numbers, ascending */
	size_t log_count;
	uint32_t *blob_logs;
	size_t blob_log_count;
	int error; /* a negative errno: it could not be listed, and has no logs here */
};
/* Lists sessions in tape order. On success *out is the caller's to tapedir_free_sessions. */
int tapedir_list(const struct tapedir *dir, struct tapedir_session **out,
		 size_t *count_out, struct tape_error *err);
/* The files of one session again (its path and id are set). Replaces the lists. */
int tapedir_list_session(const struct tapedir *dir, struct tapedir_session *session,
			 struct tape_error *err);
void tapedir_free_sessions(struct tapedir_session *sessions, size_t count);

#endif
