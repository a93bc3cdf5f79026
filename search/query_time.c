/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times in queries: RFC 3339, dates of any precision, and times relative to
 * now. A text names a period: 2026-11 is a month, 10:11 a minute, a full
 * RFC 3339 time with nine digits one nanosecond. Without a zone it is UTC, so
 * that a query means the same everywhere.
 */
#include <string.h>

#include "search/query_parse.h"

#define NS_SECOND 1000000000ll
#define NS_DAY (86400ll * NS_SECOND)

struct scan {
	const char *text;
	size_t len, at;
};

static bool
digits(struct scan *s, size_t count, int64_t *out)
{
	int64_t v = 0;

	if (s->len - s->at < count)
		return false;
	for (size_t i = 0; i < count; i++) {
		char c = s->text[s->at + i];

		if (c < '0' || c > '9')
			return false;
		v = v * 10 + (c - '0');
	}
	s->at += count;
	*out = v;
	return true;
}

static bool
accept(struct scan *s, const char *any_of)
{
	if (s->at < s->len && strchr(any_of, s->text[s->at]) != NULL) {
		s->at++;
		return true;
	}
	return false;
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar. */
static int64_t
civil_days(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int64_t
month_days(int64_t year, int64_t month)
{
	return month == 12 ? 31
			   : civil_days(year, month + 1, 1) - civil_days(year, month, 1);
}

static int64_t
clamp(query_int v)
{
	if (v > INT64_MAX)
		return INT64_MAX;
	return v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

/* "Z", "+01:30" or nothing; *out in seconds east of UTC. */
static bool
zone(struct scan *s, int64_t *out)
{
	bool west;
	int64_t hours, minutes;

	*out = 0;
	if (s->at == s->len || accept(s, "Zz"))
		return true;
	west = s->text[s->at] == '-';
	if (!accept(s, "+-") || !digits(s, 2, &hours) || !accept(s, ":") ||
	    !digits(s, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*out = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
	return true;
}

/* Behind the date: hours, perhaps minutes, seconds, a fraction. *ns and the length of the period. */
static bool
clock_time(struct scan *s, int64_t *ns, int64_t *span)
{
	int64_t h, m = 0, sec = 0;

	*span = 3600 * NS_SECOND;
	if (!digits(s, 2, &h) || h > 23)
		return false;
	*ns = h * *span;
	if (!accept(s, ":"))
		return true;
	*span = 60 * NS_SECOND;
	if (!digits(s, 2, &m) || m > 59)
		return false;
	*ns += m * *span;
	if (!accept(s, ":"))
		return true;
	*span = NS_SECOND;
	if (!digits(s, 2, &sec) || sec > 60)
		return false;
	*ns += sec * *span;
	if (!accept(s, "."))
		return true;
	for (int64_t d; *span > 1 && digits(s, 1, &d);) {
		*span /= 10;
		*ns += d * *span;
	}
	return s->text[s->at - 1] != '.';
}

static bool
calendar(struct scan *s, int64_t *lo, int64_t *hi)
{
	int64_t year, month = 1, day = 1, offset = 0, ns = 0, span;
	query_int start, length;

	if (!digits(s, 4, &year))
		return false;
	length = civil_days(year + 1, 1, 1) - civil_days(year, 1, 1);
	if (accept(s, "-")) {
		if (!digits(s, 2, &month) || month < 1 || month > 12)
			return false;
		length = month_days(year, month);
		if (accept(s, "-")) {
			if (!digits(s, 2, &day) || day < 1 ||
			    day > month_days(year, month))
				return false;
			length = 1;
		}
	}
	length *= NS_DAY;
	if (length == NS_DAY && accept(s, "Tt_")) {
		if (!clock_time(s, &ns, &span))
			return false;
		length = span;
	}
	if (!zone(s, &offset) || s->at != s->len)
		return false;
	start = (query_int)(civil_days(year, month, day) * 86400 - offset) * NS_SECOND +
		ns;
	*lo = clamp(start);
	*hi = clamp(start + length - 1);
	return true;
}

static bool
unit_ns(const char *text, size_t len, int64_t *out)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = { { "ns", 1 },
		      { "us", 1000 },
		      { "ms", 1000000 },
		      { "s", NS_SECOND },
		      { "m", 60 * NS_SECOND },
		      { "min", 60 * NS_SECOND },
		      { "h", 3600 * NS_SECOND },
		      { "d", NS_DAY },
		      { "w", 7 * NS_DAY } };

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (strlen(units[i].name) == len &&
		    memcmp(units[i].name, text, len) == 0) {
			*out = units[i].ns;
			return true;
		}
	return false;
}

/* -2h, +30m, -1.5d: from now. */
static bool
relative(struct scan *s, int64_t now, int64_t *out)
{
	bool back = s->text[0] == '-';
	query_int value = 0, scale = 1;
	int64_t d, unit;
	size_t start;

	s->at = 1;
	for (start = s->at; digits(s, 1, &d) && value < INT64_MAX / 10;)
		value = value * 10 + d;
	if (s->at == start)
		return false;
	if (accept(s, ".")) {
		while (scale < 1000000 && digits(s, 1, &d)) {
			value = value * 10 + d;
			scale *= 10;
		}
	}
	if (!unit_ns(s->text + s->at, s->len - s->at, &unit))
		return false;
	value = value * unit / scale;
	*out = clamp((query_int)now + (back ? -value : value));
	return true;
}

bool
query_time_parse(const char *text, size_t len, int64_t now, int64_t *lo, int64_t *hi)
{
	struct scan s = { .text = text, .len = len };

	if (len == 3 && memcmp(text, "now", 3) == 0) {
		*lo = *hi = now;
		return true;
	}
	if (len != 0 && (text[0] == '-' || text[0] == '+')) {
		if (!relative(&s, now, lo))
			return false;
		*hi = *lo;
		return true;
	}
	return calendar(&s, lo, hi);
}
