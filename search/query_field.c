/* SPDX-License-Identifier: Apache-2.0 */
/* The record fields, their operators, and the nearest name to a wrong one. */
#include <string.h>

#include "search/query_parse.h"

#define EQUALITY (1u << QUERY_EQ | 1u << QUERY_NE)
#define ORDER (1u << QUERY_LT | 1u << QUERY_LE | 1u << QUERY_GT | 1u << QUERY_GE)
#define REGEX (1u << QUERY_MATCH)

static const struct field {
	const char *name;
	uint8_t kind;
	uint8_t ops;
	const char *expects;
} fields[] = {
	{ "_label", QUERY_LABEL, EQUALITY | REGEX, "a label" },
	{ "_path", QUERY_PATH, EQUALITY | REGEX, "a label path such as run/step" },
	{ "_has", QUERY_HAS, EQUALITY, "the name of a variable" },
	{ "_lost", QUERY_LOST, EQUALITY, "the name of a variable" },
	{ "_time", QUERY_TIME, EQUALITY | ORDER,
	  "a time such as 2026-11, 2026-11-22T10:11:12Z or -2h" },
	{ "_pos", QUERY_POS, EQUALITY | ORDER, "a position SESSION:SEQ" },
	{ "_seq", QUERY_SEQ, EQUALITY | ORDER, "a whole number from 1" },
	{ "_session", QUERY_SESSION, EQUALITY,
	  "the start of a session id, its name, last or last-N" },
	{ "_run", QUERY_RUN, EQUALITY | REGEX, "the name of a run" },
	{ "_rank", QUERY_RANK, EQUALITY | ORDER, "a number" },
	{ "_host", QUERY_HOST, EQUALITY | REGEX, "the name of a host" },
	{ "_hash", QUERY_HASH, EQUALITY, "the first hex digits of a content hash" },
	{ "_blob", QUERY_BLOB, EQUALITY, "the first hex digits of a blob's hash" },
	{ "_link", QUERY_LINK, EQUALITY, "any, none, a position SESSION:SEQ or a seq" },
	{ "_file", QUERY_FILE, EQUALITY | REGEX, "the name of a source file" },
	{ "_func", QUERY_FUNC, EQUALITY | REGEX, "the name of a function" },
	{ "_mark", QUERY_MARK, EQUALITY | REGEX, "the name of a bookmark" },
	{ "_line", QUERY_LINE, EQUALITY | ORDER, "a line number" },
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])

static const char *const later[] = { "_changed" };

unsigned
query_field_find(const char *name, size_t len)
{
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (strlen(fields[i].name) == len &&
		    memcmp(fields[i].name, name, len) == 0)
			return fields[i].kind;
	return 0;
}

bool
query_field_later(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof later / sizeof later[0]; i++)
		if (strlen(later[i]) == len && memcmp(later[i], name, len) == 0)
			return true;
	return false;
}

/* Edit distance of two short texts; texts past 15 bytes are never near. */
static size_t
distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t row[16];

	if (a_len > 15 || b_len > 15)
		return 16;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[b_len];
}

const char *
query_field_nearest(const char *name, size_t len)
{
	const char *best = fields[0].name;
	size_t least = SIZE_MAX;

	for (size_t i = 0; i < FIELD_COUNT; i++) {
		size_t d = distance(name, len, fields[i].name, strlen(fields[i].name));

		if (d < least) {
			least = d;
			best = fields[i].name;
		}
	}
	return best;
}

bool
query_field_allows(unsigned kind, unsigned op)
{
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (fields[i].kind == kind)
			return (fields[i].ops >> op & 1u) != 0;
	return true;
}

const char *
query_field_expects(unsigned kind)
{
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (fields[i].kind == kind)
			return fields[i].expects;
	return "a value";
}
