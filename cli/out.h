/* SPDX-License-Identifier: Apache-2.0 */
/* A buffer before a descriptor: what the tools print their answers through. */
#ifndef TAPE_CLI_OUT_H
#define TAPE_CLI_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * After a failed write everything is dropped and `error` keeps the errno
 * (positive); who prints much looks at it now and then. With `hold` nothing is
 * written: the buffer grows, for text that is measured before it is printed.
 */
struct out {
	char *buf;
	size_t len, cap;
	int fd;
	int error;
	bool hold;
	bool used; /* something was to be written */
};

void out_open(struct out *out, int fd);
void out_hold(struct out *out); /* a buffer in memory alone */
void out_release(struct out *out);
/* Writes what is there. */
void out_flush(struct out *out);
/* Makes room for n bytes; never NULL. What is written there counts once out_add is called. */
char *out_room_slow(struct out *out, size_t n);

static inline char *
out_room(struct out *out, size_t n)
{
	if (out->cap - out->len >= n)
		return out->buf + out->len;
	return out_room_slow(out, n);
}

static inline void
out_add(struct out *out, size_t n)
{
	out->len += n;
}

static inline void
out_char(struct out *out, char c)
{
	*out_room(out, 1) = c;
	out->len++;
}

void out_mem(struct out *out, const void *data, size_t len);
void out_u64(struct out *out, uint64_t value);
void out_i64(struct out *out, int64_t value);
void out_pad(struct out *out, char c, size_t n);
void out_printf(struct out *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static inline void
out_str(struct out *out, const char *text)
{
	out_mem(out, text, strlen(text));
}

#endif
