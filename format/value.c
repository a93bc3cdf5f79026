/* SPDX-License-Identifier: Apache-2.0 */
/* Text of positions, times, hashes, dtypes. Text of floating point numbers is in number.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/civil.h"
#include "format/path.h"
#include "format/utf8.h"
#include "tape/value.h"

static const char hex_digits[] = "0123456789abcdef";

/* `value` with leading zeros, `width` digits; returns what is behind them. */
static char *
put_decimal(char *at, uint64_t value, int width)
{
	for (int i = width - 1; i >= 0; i--) {
		at[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return at + width;
}

static char *
put_hex(char *at, uint32_t value)
{
	for (int i = 7; i >= 0; i--) {
		at[i] = hex_digits[value & 15];
		value >>= 4;
	}
	return at + 8;
}

void
tape_hash_text(const struct tape_hash *hash, char text[TAPE_HASH_TEXT])
{
	for (size_t i = 0; i < sizeof hash->byte; i++) {
		text[2 * i] = hex_digits[hash->byte[i] >> 4];
		text[2 * i + 1] = hex_digits[hash->byte[i] & 15];
	}
	text[2 * sizeof hash->byte] = '\0';
}

/* The last microsecond of the year 9999: what a session id can say. */
#define SESSION_LAST UINT64_C(253402300799999999)

void
tape_session_text(const uint64_t session[2], char text[TAPE_SESSION_TEXT])
{
	uint64_t us = session[0] < SESSION_LAST ? session[0] : SESSION_LAST;
	uint64_t second = us / 1000000 % 86400;
	unsigned month, day;
	int64_t year;
	char *at = text;

	civil_from_days((int64_t)(us / 1000000 / 86400), &year, &month, &day);
	at = put_decimal(at, (uint64_t)year, 4);
	at = put_decimal(at, month, 2);
	at = put_decimal(at, day, 2);
	*at++ = 'T';
	at = put_decimal(at, second / 3600, 2);
	at = put_decimal(at, second / 60 % 60, 2);
	at = put_decimal(at, second % 60, 2);
	*at++ = '.';
	at = put_decimal(at, us % 1000000, 6);
	*at++ = 'Z';
	*at++ = '-';
	at = put_hex(at, (uint32_t)session[1]);
	*at = '\0';
}

static int
decimal_width(uint64_t value)
{
	int width = 1;

	while (value >= 10) {
		value /= 10;
		width++;
	}
	return width;
}

void
tape_pos_text(const struct tape_pos *pos, char text[TAPE_POS_TEXT])
{
	char *at = text + TAPE_SESSION_TEXT - 1;

	tape_session_text(pos->session, text);
	*at++ = ':';
	at = put_decimal(at, pos->seq, decimal_width(pos->seq));
	*at = '\0';
}

int
tape_pos_parse(const char *text, struct tape_pos *pos)
{
	struct tape_pos parsed;
	char session[TAPE_SESSION_TEXT];
	char *end;

	if (strnlen(text, TAPE_SESSION_TEXT) != TAPE_SESSION_TEXT ||
	    text[TAPE_SESSION_TEXT - 1] != ':')
		return TAPE_ERR_SYNTAX;
	memcpy(session, text, TAPE_SESSION_TEXT - 1);
	session[TAPE_SESSION_TEXT - 1] = '\0';
	if (!path_parse_session(session, parsed.session))
		return TAPE_ERR_SYNTAX;
	text += TAPE_SESSION_TEXT;
	/* One spelling only: no sign, no blank, no leading zero. seq counts from 1. */
	if (*text < '1' || *text > '9')
		return TAPE_ERR_SYNTAX;
	errno = 0;
	parsed.seq = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || parsed.seq > INT64_MAX)
		return TAPE_ERR_SYNTAX;
	*pos = parsed;
	return 0;
}

static int
compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

int
tape_pos_compare(const struct tape_pos *a, const struct tape_pos *b)
{
	int r = compare_u64(a->session[0], b->session[0]);

	if (r == 0)
		r = compare_u64(a->session[1], b->session[1]);
	return r ? r : compare_u64(a->seq, b->seq);
}

size_t
tape_time_text(int64_t time_ns, char text[TAPE_TIME_TEXT])
{
	/* Division that rounds down: times before 1970 count up from their own midnight. */
	int64_t second = time_ns / 1000000000 - (time_ns % 1000000000 < 0);
	int64_t days = second / 86400 - (second % 86400 < 0);
	uint64_t of_day = (uint64_t)(second - days * 86400);
	uint64_t ns = (uint64_t)time_ns - (uint64_t)second * 1000000000u;
	unsigned month, day;
	int64_t year;
	char *at = text;

	civil_from_days(days, &year, &month, &day);
	at = put_decimal(at, (uint64_t)year, 4);
	*at++ = '-';
	at = put_decimal(at, month, 2);
	*at++ = '-';
	at = put_decimal(at, day, 2);
	*at++ = 'T';
	at = put_decimal(at, of_day / 3600, 2);
	*at++ = ':';
	at = put_decimal(at, of_day / 60 % 60, 2);
	*at++ = ':';
	at = put_decimal(at, of_day % 60, 2);
	*at++ = '.';
	at = put_decimal(at, ns, 9);
	*at++ = 'Z';
	*at = '\0';
	return (size_t)(at - text);
}

/* ---- dtypes ---- */

static const struct {
	const char *name, *long_name;
	size_t size;
} dtypes[] = {
	[TAPE_B1] = { "b1", "bool", 1 },
	[TAPE_I1] = { "i1", "int8", 1 },
	[TAPE_I2] = { "i2", "int16", 2 },
	[TAPE_I4] = { "i4", "int32", 4 },
	[TAPE_I8] = { "i8", "int64", 8 },
	[TAPE_U1] = { "u1", "uint8", 1 },
	[TAPE_U2] = { "u2", "uint16", 2 },
	[TAPE_U4] = { "u4", "uint32", 4 },
	[TAPE_U8] = { "u8", "uint64", 8 },
	[TAPE_F2] = { "f2", "float16", 2 },
	[TAPE_F4] = { "f4", "float32", 4 },
	[TAPE_F8] = { "f8", "float64", 8 },
	[TAPE_C8_T] = { "c8", "complex64", 8 },
	[TAPE_C16_T] = { "c16", "complex128", 16 },
};
#define DTYPES (sizeof dtypes / sizeof dtypes[0])

const char *
tape_dtype_name(unsigned dtype)
{
	return dtype < DTYPES ? dtypes[dtype].name : NULL;
}

size_t
tape_dtype_size(unsigned dtype)
{
	return dtype < DTYPES ? dtypes[dtype].size : 0;
}

unsigned
tape_dtype_parse(const char *name)
{
	/* NumPy's byte orders that are ours: little-endian, native, not applicable. */
	const char *bare = *name == '<' || *name == '=' || *name == '|' ? name + 1 : name;

	for (unsigned i = 1; i < DTYPES; i++)
		if (strcmp(bare, dtypes[i].name) == 0 ||
		    strcmp(name, dtypes[i].long_name) == 0)
			return i;
	return 0;
}

const char *
tape_absent_name(unsigned reason, char text[16])
{
	static const char *const names[] = {
		[TAPE_LOST] = "lost",
		[TAPE_OPTIMIZED_OUT] = "optimized-out",
		[TAPE_UNREADABLE] = "unreadable",
		[TAPE_WILD_POINTER] = "wild-pointer",
		[TAPE_NOT_SELECTED] = "not-selected",
		[TAPE_TOO_LARGE] = "too-large",
	};

	if (reason < sizeof names / sizeof names[0] && names[reason])
		return names[reason];
	/* A reason is a byte; cut, so that whatever comes fits. */
	snprintf(text, 16, "reason-%u", reason & 0xff);
	return text;
}

size_t
tape_utf8_char(const void *text, size_t len)
{
	return len ? utf8_len(text, len) : 0;
}
