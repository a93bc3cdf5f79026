/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/mem.h"
#include "format/os.h"

#define LINES_READ ((size_t)256 << 10)

int
lines_open(struct lines *lines, const char *path, bool quotes)
{
	int r = 0;

	*lines = (struct lines){ .fd = 0, .quotes = quotes, .next_number = 1 };
	if (strcmp(path, "-") != 0)
		r = os_open_user(path, &lines->fd);
	if (r < 0)
		lines->fd = -1;
	return r;
}

void
lines_close(struct lines *lines)
{
	if (lines->fd > 0)
		os_close(&lines->fd);
	free(lines->buf);
	lines->buf = NULL;
}

/* Reads more behind what is there. The count, 0 at the end, or a negative errno. */
static int64_t
lines_fill(struct lines *lines)
{
	if (lines->from) {
		memmove(lines->buf, lines->buf + lines->from, lines->to - lines->from);
		lines->to -= lines->from;
		lines->from = 0;
	}
	/* One byte is kept for the newline that ends the file. */
	if (lines->cap - lines->to < LINES_READ + 1) {
		size_t cap = lines->cap ? lines->cap * 2 : LINES_READ * 2;
		lines->buf = mem_resize(lines->buf, cap);
		lines->cap = cap;
	}
	if (!os_stop_wait(lines->fd))
		return -EINTR;
	int64_t n = os_read(lines->fd, lines->buf + lines->to, LINES_READ);
	if (n > 0)
		lines->to += (size_t)n;
	return n;
}

/* How a search for the end of a line goes on after more was read. */
struct search {
	size_t at;	/* bytes from `from` that were looked at */
	bool quoted;	/* an open quote */
	uint64_t lines; /* newlines inside */
};

static bool
find_end(struct lines *lines, struct search *search, size_t *end)
{
	const char *from = lines->buf + lines->from;
	size_t len = lines->to - lines->from;

	if (!lines->quotes) {
		const char *newline = len > search->at ? memchr(from + search->at, '\n',
								len - search->at)
						       : NULL;
		search->at = len;
		*end = newline ? (size_t)(newline - from) : 0;
		return newline != NULL;
	}
	for (; search->at < len; search->at++) {
		char c = from[search->at];
		if (c == '"')
			search->quoted = !search->quoted;
		else if (c == '\n' && !search->quoted) {
			*end = search->at;
			return true;
		} else if (c == '\n')
			search->lines++;
	}
	return false;
}

/* Drops the rest of a line that is too long. */
static int
skip_long(struct lines *lines, struct search *search)
{
	size_t end;

	for (;;) {
		lines->from = lines->to = 0;
		search->at = 0;
		int64_t n = lines_fill(lines);
		if (n < 0)
			return (int)n;
		if (n == 0) {
			lines->ended = true;
			break;
		}
		if (find_end(lines, search, &end)) {
			lines->from = end + 1;
			break;
		}
	}
	lines->next_number += 1 + search->lines;
	return -EFBIG;
}

int
lines_next(struct lines *lines, char **line, size_t *len)
{
	struct search search = { 0 };
	size_t end;

	lines->number = lines->next_number;
	while (!lines->buf || !find_end(lines, &search, &end)) {
		if (lines->buf && lines->to - lines->from > LINES_MAX)
			return skip_long(lines, &search);
		int64_t n = lines->ended ? 0 : lines_fill(lines);
		if (n < 0)
			return (int)n;
		if (n > 0)
			continue;
		lines->ended = true;
		end = lines->to - lines->from;
		if (end == 0)
			return 0;
		lines->buf[lines->to++] = '\n';
		break;
	}
	*line = lines->buf + lines->from;
	*len = end;
	lines->from += end + 1;
	lines->next_number += 1 + search.lines;
	return 1;
}

bool
lines_drained(const struct lines *lines)
{
	if (lines->ended || lines->from == lines->to)
		return true;
	return !memchr(lines->buf + lines->from, '\n', lines->to - lines->from);
}
