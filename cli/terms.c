/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/terms.h"

#include <stdlib.h>
#include <string.h>

#include "cli/mem.h"

#define BLANKS " \t\n"
#define OPERATORS "=!~<>"

static void
push(char ***list, size_t *count, size_t *cap, const char *text, size_t len)
{
	*list = mem_grow(*list, cap, *count + 1, sizeof(**list));
	(*list)[(*count)++] = mem_text(text, len);
}

/* A quoted text without its quotes; plain ones as they are. */
static size_t
unquote(char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			continue;
		if (text[i] == '\\' && i + 1 < len)
			i++;
		text[n++] = text[i];
	}
	text[n] = 0;
	return n;
}

static size_t
word_length(const char *at)
{
	bool quoted = false;
	size_t n = 0;

	/* A partial reaches to its last brace. */
	if (at[0] == '{')
		for (unsigned depth = 0; at[n]; n++) {
			depth += at[n] == '{';
			if (at[n] == '}' && --depth == 0)
				break;
		}
	for (; at[n]; n++) {
		if (at[n] == '\\' && at[n + 1] && quoted)
			n++;
		else if (at[n] == '"')
			quoted = !quoted;
		else if (!quoted && strchr(" \t\n()", at[n]))
			break;
	}
	return n;
}

static size_t
op_at(const char *word, size_t len)
{
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		if (word[i] == '"')
			quoted = !quoted;
		else if (!quoted && strchr(OPERATORS, word[i]))
			return i;
	}
	return len;
}

static bool
is_word(const char *word, size_t len, const char *text)
{
	return strlen(text) == len && memcmp(word, text, len) == 0;
}

static bool
joins_terms(const char *word, size_t len)
{
	return is_word(word, len, "not") || is_word(word, len, "or") ||
	       is_word(word, len, "and");
}

/* A label, or a test with what may be blank around its operator. */
static size_t
term_length(const char *at)
{
	size_t len = word_length(at);

	if (joins_terms(at, len))
		return len;
	if (op_at(at, len) == len) {
		size_t op = len + strspn(at + len, BLANKS);
		if (!at[op] || !strchr(OPERATORS, at[op]))
			return len;
		len = op + word_length(at + op);
	}
	if (len && strchr(OPERATORS, at[len - 1])) {
		len += strspn(at + len, BLANKS);
		len += word_length(at + len);
	}
	return len;
}

static void
take_word(struct terms *terms, const char *word, size_t len)
{
	size_t op = op_at(word, len);

	terms->last_bare = false;
	if (joins_terms(word, len) || strchr("/@{", word[0]) ||
	    (len > 3 && memcmp(word, "is=", 3) == 0) ||
	    (len > 2 && memcmp(word, "..@", 3) == 0))
		return;
	if (op < len && len > 6 && memcmp(word, "_blob=", 6) == 0) {
		free(terms->blob);
		terms->blob = mem_text(word + 6, len - 6);
	}
	if (op == 0 || word[0] == '_')
		return;
	size_t end = op;
	while (end && strchr(BLANKS, word[end - 1]))
		end--;
	char *name = mem_text(word, end);
	size_t n = unquote(name, end);
	if (memchr(name, '*', n) || memchr(name, '?', n) || n == 0) {
		/* a pattern names nothing */
	} else if (op < len) {
		push(&terms->var, &terms->var_count, &terms->var_cap, name, n);
		push(&terms->test, &terms->test_count, &terms->test_cap, word + op,
		     len - op);
	} else {
		push(&terms->label, &terms->label_count, &terms->label_cap, name, n);
		terms->last_bare = word[0] != '"';
	}
	free(name);
}

void
terms_read(const char *query, struct terms *terms)
{
	*terms = (struct terms){ 0 };
	while (*query) {
		query += strspn(query, " \t\n()");
		size_t len = term_length(query);
		if (len)
			take_word(terms, query, len);
		query += len;
	}
}

void
terms_release(struct terms *terms)
{
	for (size_t i = 0; i < terms->label_count; i++)
		free(terms->label[i]);
	for (size_t i = 0; i < terms->var_count; i++) {
		free(terms->var[i]);
		free(terms->test[i]);
	}
	free(terms->test);
	free(terms->label);
	free(terms->var);
	free(terms->blob);
	*terms = (struct terms){ 0 };
}
