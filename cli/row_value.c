/* SPDX-License-Identifier: Apache-2.0 */
/* Text to numbers and times. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/record_in.h"

/* Digits of an integer up to u64, with any zeros before them; false past that. */
static bool
read_digits(const char *text, size_t len, uint64_t *value)
{
	uint64_t n = 0;

	for (; len > 1 && *text == '0'; len--)
		text++;
	if (len > 20)
		return false;
	for (size_t i = 0; i < len; i++) {
		uint64_t digit = (uint64_t)(text[i] - '0');
		if (i >= 19 && n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*value = n;
	return true;
}

enum row_kind
row_number(const char *text, size_t len, struct row_var *var, bool *rounded)
{
	bool negative = text[0] == '-';
	bool integer = true;
	uint64_t n;

	for (size_t i = negative; i < len && integer; i++)
		integer = text[i] >= '0' && text[i] <= '9';
	if (integer && read_digits(text + negative, len - negative, &n)) {
		if (!negative && n > INT64_MAX) {
			var->as.u = n;
			return var->kind = ROW_U64;
		}
		if (n <= (uint64_t)INT64_MAX + negative) {
			var->as.u = negative ? 0 - n : n;
			return var->kind = ROW_I64;
		}
	}
	if (integer)
		*rounded = true;
	/* It copies a long text, for which there may be no memory. */
	if (tape_double_parse(text, len, &var->as.f) < 0)
		var->as.f = strtod(text, NULL);
	return var->kind = ROW_F64;
}

/* ---- RFC 3339 ---- */

static bool
two_digits(const char **at, const char *end, int low, int high, int *value)
{
	if (end - *at < 2 || (*at)[0] < '0' || (*at)[0] > '9' || (*at)[1] < '0' ||
	    (*at)[1] > '9')
		return false;
	*value = ((*at)[0] - '0') * 10 + ((*at)[1] - '0');
	*at += 2;
	return *value >= low && *value <= high;
}

static bool
one_of(const char **at, const char *end, const char *set)
{
	if (*at == end || !**at || !strchr(set, **at))
		return false;
	++*at;
	return true;
}

/* Days from 1970-01-01 in the Gregorian calendar. */
static int64_t
days_from_civil(int64_t year, int month, int day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t of_era = year - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool
read_fraction(const char **at, const char *end, int64_t *ns)
{
	int64_t scale = 100000000;
	const char *first;

	*ns = 0;
	if (!one_of(at, end, "."))
		return true;
	for (first = *at; *at < end && **at >= '0' && **at <= '9'; ++*at) {
		*ns += (**at - '0') * scale;
		scale /= 10; /* finer than ns is cut */
	}
	return *at > first;
}

static bool
read_zone(const char **at, const char *end, int64_t *seconds)
{
	int hours, minutes;

	*seconds = 0;
	if (one_of(at, end, "Zz"))
		return true;
	bool west = *at < end && **at == '-';
	if (!one_of(at, end, "+-") || !two_digits(at, end, 0, 23, &hours) ||
	    !one_of(at, end, ":") || !two_digits(at, end, 0, 59, &minutes))
		return false;
	*seconds = (int64_t)(hours * 60 + minutes) * (west ? -60 : 60);
	return true;
}

bool
row_time_parse(const char *text, size_t len, int64_t *time_ns)
{
	static const int month_days[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
	};
	const char *at = text, *end = text + len;
	int century, year, month, day, hour, minute, second;
	int64_t fraction, zone, ns;

	if (!two_digits(&at, end, 0, 99, &century) ||
	    !two_digits(&at, end, 0, 99, &year) || !one_of(&at, end, "-") ||
	    !two_digits(&at, end, 1, 12, &month) || !one_of(&at, end, "-") ||
	    !two_digits(&at, end, 1, 31, &day) || !one_of(&at, end, "Tt ") ||
	    !two_digits(&at, end, 0, 23, &hour) || !one_of(&at, end, ":") ||
	    !two_digits(&at, end, 0, 59, &minute) || !one_of(&at, end, ":") ||
	    !two_digits(&at, end, 0, 60, &second) ||
	    !read_fraction(&at, end, &fraction) || !read_zone(&at, end, &zone) ||
	    at != end)
		return false;
	year += century * 100;
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	if (day > month_days[month - 1] + (leap && month == 2))
		return false;
	int64_t seconds = days_from_civil(year, month, day) * 86400 + hour * 3600 +
			  minute * 60 + second - zone;
	if (__builtin_mul_overflow(seconds, (int64_t)1000000000, &ns) ||
	    __builtin_add_overflow(ns, fraction, &ns))
		return false;
	*time_ns = ns;
	return true;
}

/* ---- label and time keys ---- */

enum row_role
row_role(const struct row_keys *keys, const char *name, size_t len)
{
	if (keys->label && keys->label_len == len && memcmp(keys->label, name, len) == 0)
		return ROLE_LABEL;
	if (keys->time && keys->time_len == len && memcmp(keys->time, name, len) == 0)
		return ROLE_TIME;
	return ROLE_VARIABLE;
}

bool
row_time_number(struct row *row, const char *text, size_t len, size_t column)
{
	struct row_var number;
	bool rounded = false;

	for (size_t i = text[0] == '-'; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return row_wrong(row, column,
					 "a time is an integer (ns) or RFC 3339 text");
	if (len == (text[0] == '-') ||
	    row_number(text, len, &number, &rounded) != ROW_I64)
		return row_wrong(row, column,
				 "the time is outside of the years 1678 to 2262");
	row->has_time = true;
	row->time_ns = number.as.i;
	return true;
}

bool
row_time_text(struct row *row, const char *text, size_t len, size_t column)
{
	if (!row_time_parse(text, len, &row->time_ns))
		return row_wrong(row, column,
				 "a time is an integer (ns) or RFC 3339 text: "
				 "2026-11-22T10:11:12.5Z");
	row->has_time = true;
	return true;
}
