/* SPDX-License-Identifier: Apache-2.0 */
/* Names of variables from the text of a macro's arguments. */
#include "search/name.h"

#include <string.h>

#include "format/utf8.h"

size_t
name_clean(const char *text, size_t len, char out[LIMIT_NAME + 1], bool *cut,
	   bool *replaced)
{
	size_t at = 0, i;

	if (cut)
		*cut = false;
	if (replaced)
		*replaced = false;
	/* Most names are ASCII, and short. */
	for (; at < len && at < LIMIT_NAME && text[at] && !(text[at] & 0x80); at++)
		out[at] = text[at];
	for (i = at; i < len;) {
		size_t n = utf8_len((const uint8_t *)text + i, len - i);

		if (at + (n ? n : 1) > LIMIT_NAME) {
			if (cut)
				*cut = true;
			break;
		}
		if (n == 0 || text[i] == '\0') {
			out[at++] = '?';
			i++;
			if (replaced)
				*replaced = true;
			continue;
		}
		memcpy(out + at, text + i, n);
		at += n;
		i += n;
	}
	out[at] = '\0';
	return at;
}

static bool
is_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (c & 0x80) || c == '$';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Where the quoted text that begins at s[i] ends: index behind the quote. */
static size_t
skip_quoted(const char *s, size_t len, size_t i)
{
	char quote = s[i++];

	/* 1'000'000 in C++ is no character constant. */
	if (quote == '\'' && i >= 2 && is_digit(s[i - 2]))
		return i;
	while (i < len && s[i] != quote)
		i += s[i] == '\\' && i + 1 < len ? 2 : 1;
	return i < len ? i + 1 : len;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

bool
name_next_piece(const char **rest, const char **piece, size_t *len)
{
	const char *s = *rest;
	size_t end = strlen(s), i = 0;
	int depth = 0;

	if (end == 0)
		return false;
	while (i < end && (depth > 0 || s[i] != ',')) {
		if (s[i] == '"' || s[i] == '\'') {
			i = skip_quoted(s, end, i);
			continue;
		}
		if (s[i] == '(')
			depth++;
		else if (s[i] == ')')
			depth--;
		i++;
	}
	*piece = s;
	*len = i;
	*rest = s + (i < end ? i + 1 : i);
	return true;
}

/* The text without blanks outside quotes, cut at cap. */
static size_t
squeeze(const char *text, size_t len, char *out, size_t cap)
{
	size_t at = 0, i = 0;

	while (i < len && at < cap) {
		size_t next = i + 1;

		if (text[i] == '"' || text[i] == '\'')
			next = skip_quoted(text, len, i);
		else if (is_blank(text[i])) {
			i++;
			continue;
		}
		for (; i < next && at < cap; i++)
			out[at++] = text[i];
	}
	return at;
}

/* Index of the ')' that closes s[0] == '('; 0 if there is none. */
static size_t
closing(const char *s, size_t len)
{
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '(')
			depth++;
		else if (s[i] == ')' && --depth == 0)
			return i;
	}
	return 0;
}

static bool
looks_like_type(const char *s, size_t len)
{
	if (len == 0 || !is_start(s[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_start(s[i]) && !is_digit(s[i]) && s[i] != '*' && s[i] != ':' &&
		    s[i] != '&' && s[i] != '<' && s[i] != '>' && s[i] != ',')
			return false;
	return true;
}

/* True for what can only be a type: (a)*b is a product, (double)*b is not. */
static bool
is_surely_type(const char *s, size_t len)
{
	static const char *const words[] = {
		"int",	    "long",	"short",  "char",    "double", "float",
		"unsigned", "signed",	"struct", "const",   "enum",   "void",
		"_Bool",    "_Complex", "bool",	  "volatile"
	};

	if (len > 2 && (s[len - 1] == '*' || memcmp(s + len - 2, "_t", 2) == 0))
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (len >= strlen(words[i]) && memcmp(s, words[i], strlen(words[i])) == 0)
			return true;
	return false;
}

struct name_out {
	char *text;
	size_t len;
};

static bool
put(struct name_out *out, const char *s, size_t len)
{
	if (out->len + len > LIMIT_NAME)
		return false;
	memcpy(out->text + out->len, s, len);
	out->len += len;
	return true;
}

static size_t
identifier(const char *s, size_t len)
{
	size_t i = 0;

	if (len == 0 || !is_start(s[0]))
		return 0;
	while (i < len && (is_start(s[i]) || is_digit(s[i]) ||
			   (i + 2 < len && s[i] == ':' && s[i + 1] == ':') ||
			   (i > 0 && s[i] == ':' && s[i - 1] == ':')))
		i++;
	return i;
}

/* expr := [&*+]... ( '(' type ')' expr | '(' expr ')' members | identifier members ) */
static bool
expression(const char *s, size_t len, int depth, struct name_out *out)
{
	size_t n;

	if (depth > 16)
		return false;
	while (len && (s[0] == '&' || s[0] == '*' || s[0] == '+')) {
		s++;
		len--;
	}
	if (len && s[0] == '(') {
		n = closing(s, len);
		if (n == 0)
			return false;
		if (n + 1 < len && s[n + 1] != '.' && s[n + 1] != '-')
			return looks_like_type(s + 1, n - 1) &&
			       (is_start(s[n + 1]) || is_surely_type(s + 1, n - 1)) &&
			       expression(s + n + 1, len - n - 1, depth + 1, out);
		if (!expression(s + 1, n - 1, depth + 1, out))
			return false;
		n++;
	} else {
		n = identifier(s, len);
		if (n == 0 || !put(out, s, n))
			return false;
	}
	while (n < len) {
		size_t dot = s[n] == '.'				     ? 1
			     : s[n] == '-' && n + 1 < len && s[n + 1] == '>' ? 2
									     : 0;
		size_t m = dot ? identifier(s + n + dot, len - n - dot) : 0;

		if (m == 0 || !put(out, ".", 1) || !put(out, s + n + dot, m))
			return false;
		n += dot + m;
	}
	return true;
}

static bool
is_utf8(const char *text, size_t len)
{
	size_t n = 1;

	for (size_t i = 0; i < len && n != 0; i += n)
		n = utf8_len((const uint8_t *)text + i, len - i);
	return n != 0;
}

bool
name_from_text(const char *text, size_t len, char out[LIMIT_NAME + 1])
{
	char squeezed[4 * (LIMIT_NAME + 1)];
	size_t n = squeeze(text, len, squeezed, sizeof(squeezed));
	struct name_out name = { out, 0 };

	/* With blanks gone a cast of two words is one word: still a type. */
	if (expression(squeezed, n, 0, &name) && is_utf8(out, name.len)) {
		out[name.len] = '\0';
		return true;
	}
	(void)name_clean(squeezed, n, out, NULL, NULL);
	return false;
}
