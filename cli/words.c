/* SPDX-License-Identifier: Apache-2.0 */
/* Words people type: the nearest one, numbers, choices. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/cli.h"

#define WORD_MAX ((size_t)64)

static size_t
min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Edits between two words, a swap of neighbours counting as one. */
static size_t
distance(const char *a, size_t an, const char *b, size_t bn)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];

	for (size_t j = 0; j <= bn; j++)
		last[j] = j;
	for (size_t i = 1; i <= an; i++) {
		now[0] = i;
		for (size_t j = 1; j <= bn; j++) {
			size_t other = a[i - 1] != b[j - 1];
			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + other);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		size_t *spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[bn];
}

const char *
cli_nearest(const char *word, const char *const *candidates, size_t count)
{
	size_t len = strlen(word);
	size_t best = len <= 2 ? 2 : len <= 5 ? 3 : 4; /* must be less than this */
	const char *nearest = NULL;

	if (len > WORD_MAX || len == 0)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(candidates[i]);
		if (n > WORD_MAX || n == 0)
			continue;
		size_t d = distance(word, len, candidates[i], n);
		if (strcasecmp(word, candidates[i]) == 0)
			return candidates[i];
		if (n > len && len >= 3 && strncmp(word, candidates[i], len) == 0)
			d = 1; /* the beginning of a word is near to it */
		if (d < best && d < len) {
			best = d;
			nearest = candidates[i];
		}
	}
	return nearest;
}

int
cli_choice(const struct cli *cli, const char *option, const char *value,
	   const char *const *choices)
{
	size_t n = 0;

	for (; choices[n]; n++)
		if (strcmp(value, choices[n]) == 0)
			return (int)n;

	const char *near = cli_nearest(value, choices, n);
	struct out list;

	out_hold(&list);
	for (size_t i = 0; i < n; i++) {
		if (i)
			out_str(&list, i + 1 < n ? ", " : " or ");
		out_str(&list, choices[i]);
	}
	out_char(&list, 0);
	(void)cli_misuse(cli, "%s takes %s, not '%s'%s%s%s", option, list.buf, value,
			 near ? "; did you mean " : "", near ? near : "",
			 near ? "?" : "");
	out_release(&list);
	return -1;
}

bool
cli_parse_u64(const char *text, uint64_t *value)
{
	uint64_t n = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		uint64_t digit = (uint64_t)(*text - '0');
		if (n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*value = n;
	return true;
}
