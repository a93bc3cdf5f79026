/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/out.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/mem.h"
#include "format/os.h"

#define OUT_BUFFER ((size_t)128 << 10)

void
out_open(struct out *out, int fd)
{
	*out = (struct out){ .fd = fd };
}

void
out_hold(struct out *out)
{
	*out = (struct out){ .fd = -1, .hold = true };
}

void
out_release(struct out *out)
{
	free(out->buf);
	*out = (struct out){ .fd = -1 };
}

void
out_flush(struct out *out)
{
	if (out->hold)
		return;
	out->used |= out->len > 0;
	if (!out->error && out->len) {
		int r = os_write_all(out->fd, out->buf, out->len, NULL);
		if (r < 0)
			out->error = -r;
	}
	out->len = 0;
}

char *
out_room_slow(struct out *out, size_t n)
{
	out_flush(out);
	if (out->cap - out->len >= n)
		return out->buf + out->len;
	size_t cap = out->cap ? out->cap : OUT_BUFFER;
	while (cap - out->len < n)
		cap *= 2;
	out->buf = mem_resize(out->buf, cap);
	out->cap = cap;
	return out->buf + out->len;
}

void
out_mem(struct out *out, const void *data, size_t len)
{
	const char *from = data;

	while (len) {
		size_t part = len < OUT_BUFFER / 2 ? len : OUT_BUFFER / 2;
		memcpy(out_room(out, part), from, part);
		out->len += part;
		from += part;
		len -= part;
	}
}

void
out_u64(struct out *out, uint64_t value)
{
	static const char pairs[] = "0001020304050607080910111213141516171819"
				    "2021222324252627282930313233343536373839"
				    "4041424344454647484950515253545556575859"
				    "6061626364656667686970717273747576777879"
				    "8081828384858687888990919293949596979899";
	char text[20];
	size_t at = sizeof(text);

	while (value >= 100) {
		at -= 2;
		memcpy(text + at, pairs + 2 * (value % 100), 2);
		value /= 100;
	}
	if (value >= 10) {
		at -= 2;
		memcpy(text + at, pairs + 2 * value, 2);
	} else {
		text[--at] = (char)('0' + value);
	}
	out_mem(out, text + at, sizeof(text) - at);
}

void
out_i64(struct out *out, int64_t value)
{
	if (value >= 0) {
		out_u64(out, (uint64_t)value);
		return;
	}
	out_char(out, '-');
	out_u64(out, 0 - (uint64_t)value);
}

void
out_pad(struct out *out, char c, size_t n)
{
	while (n--)
		out_char(out, c);
}

void
out_printf(struct out *out, const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n > 0)
		out_mem(out, text,
			(size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}
