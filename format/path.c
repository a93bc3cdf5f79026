/* SPDX-License-Identifier: Apache-2.0 */
#include "format/path.h"

#include <stdio.h>
#include <string.h>

#include "format/civil.h"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `count` decimal digits at text; false if one of them is none. */
static bool
digits(const char *text, int count, uint32_t *out)
{
	uint32_t value = 0;

	for (int i = 0; i < count; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint32_t)(text[i] - '0');
	}
	*out = value;
	return true;
}

bool
path_parse_session(const char *name, uint64_t session[2])
{
	/* Where the punctuation stands in "YYYYMMDDThhmmss.uuuuuuZ-xxxxxxxx". */
	static const struct {
		int at;
		char c;
	} marks[] = { { 8, 'T' }, { 15, '.' }, { 22, 'Z' }, { 23, '-' } };
	uint32_t year, month, day, hour, minute, second, micros, random = 0;

	if (strnlen(name, TAPE_SESSION_TEXT) != TAPE_SESSION_TEXT - 1)
		return false;
	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
		if (name[marks[i].at] != marks[i].c)
			return false;
	if (!digits(name, 4, &year) || !digits(name + 4, 2, &month) ||
	    !digits(name + 6, 2, &day) || !digits(name + 9, 2, &hour) ||
	    !digits(name + 11, 2, &minute) || !digits(name + 13, 2, &second) ||
	    !digits(name + 16, 6, &micros))
		return false;
	for (int i = 24; i < 32; i++) {
		int d = hex_digit(name[i]);

		if (d < 0)
			return false;
		random = random << 4 | (uint32_t)d;
	}
	if (year < 1970 || month < 1 || month > 12 || day < 1 ||
	    day > civil_month_days(year, month) || hour > 23 || minute > 59 ||
	    second > 59)
		return false;

	int64_t seconds = civil_days((int64_t)year, month, day) * 86400 +
			  (int64_t)(hour * 3600 + minute * 60 + second);

	session[0] = (uint64_t)seconds * 1000000 + micros;
	session[1] = random;
	return true;
}

bool
path_parse_segment(const char *name, uint32_t *number, bool *blob)
{
	uint64_t value = 0;
	size_t len = strspn(name, "0123456789");

	/* At least six digits, and no more than the number needs: one spelling for each. */
	if (len < 6 || len > 10 || (len > 6 && name[0] == '0'))
		return false;

	bool is_blob = strcmp(name + len, ".blob") == 0;

	if (!is_blob && strcmp(name + len, ".log") != 0)
		return false;
	for (size_t i = 0; i < len; i++)
		value = value * 10 + (uint64_t)(name[i] - '0');
	/* Bit 31 says "blob segment" in hints. */
	if (value > INT32_MAX)
		return false;
	*number = (uint32_t)value;
	*blob = is_blob;
	return true;
}

void
path_segment(uint32_t number, bool blob, char text[PATH_SEGMENT_TEXT])
{
	snprintf(text, PATH_SEGMENT_TEXT, "%06u.%s", number, blob ? "blob" : "log");
}

void
path_hint(uint32_t number, char text[PATH_SEGMENT_TEXT])
{
	snprintf(text, PATH_SEGMENT_TEXT, "%06u.seen", number);
}

bool
path_parse_hint(const char *name, uint32_t *number)
{
	char text[PATH_SEGMENT_TEXT];
	const char *dot = strchr(name, '.');
	uint32_t parsed;
	bool blob;

	if (dot == NULL || strcmp(dot, ".seen") != 0 || dot - name > 10)
		return false;
	snprintf(text, sizeof text, "%.*s.log", (int)(dot - name), name);
	if (!path_parse_segment(text, &parsed, &blob))
		return false;
	*number = parsed;
	return true;
}

void
path_blob(const struct tape_hash *hash, char text[PATH_BLOB_TEXT])
{
	char hex[TAPE_HASH_TEXT];

	tape_hash_text(hash, hex);
	snprintf(text, PATH_BLOB_TEXT, PATH_BLOBS "/%.2s/%s", hex, hex + 2);
}

bool
path_parse_hash(const char *text, struct tape_hash *hash)
{
	struct tape_hash parsed;

	if (strnlen(text, TAPE_HASH_TEXT) != TAPE_HASH_TEXT - 1)
		return false;
	for (size_t i = 0; i < sizeof parsed.byte; i++) {
		int high = hex_digit(text[2 * i]);
		int low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		parsed.byte[i] = (uint8_t)(high << 4 | low);
	}
	*hash = parsed;
	return true;
}
