/* SPDX-License-Identifier: Apache-2.0 */
/* Input cut into lines. */
#ifndef TAPE_CLI_LINES_H
#define TAPE_CLI_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINES_MAX ((size_t)256 << 20) /* bytes of a line */

struct lines {
	int fd;
	char *buf;
	size_t from, to, cap; /* what is read and not given: buf[from..to) */
	bool quotes;	      /* a newline between double quotes ends no line (CSV) */
	bool ended;
	uint64_t number;      /* of the line given last, from 1 */
	uint64_t next_number; /* of the one after it */
};

/* "-" is stdin. 0 or a negative errno. */
int lines_open(struct lines *lines, const char *path, bool quotes);
void lines_close(struct lines *lines);
/*
 * The next line, always ended by a newline that is not counted in *len (one is
 * supplied at the end of the file); borrowed until the next call. 1, 0 at the
 * end, or a negative errno; -EFBIG for a line over LINES_MAX, which is skipped;
 * -EINTR once a signal asked to stop and all whole lines that were read are given.
 */
int lines_next(struct lines *lines, char **line, size_t *len);
/* True if the next call may have to wait for input. */
bool lines_drained(const struct lines *lines);

#endif
