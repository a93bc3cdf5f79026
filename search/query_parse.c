/* SPDX-License-Identifier: Apache-2.0 */
/* Text of a query -> tree. Recursive descent; only parentheses recurse, at most 256 deep. */
#include "search/query_parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/os.h"
#include "search/partial.h"

int
query_parse_fail(const struct query_parse *p, size_t at, const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	return error_set(p->err, TAPE_ERR_SYNTAX, NULL, at + 1, "%s", text);
}

int
query_parse_nomem(const struct query_parse *p)
{
	return error_set(p->err, TAPE_ERR_NOMEM, NULL, 0, "no memory for the query");
}

char *
query_parse_copy(struct query_parse *p, const char *text, size_t len)
{
	char *copy = query_alloc(p->query, len + 1);

	if (copy != NULL && len != 0)
		memcpy(copy, text, len);
	return copy;
}

int
query_parse_quoted(struct query_parse *p, const char **text, size_t *len)
{
	size_t start = p->at++, n = 0, end = start + 1;
	char *copy;

	while (end < p->len && p->text[end] != '"')
		end += p->text[end] == '\\' && end + 1 < p->len ? 2 : 1;
	copy = query_alloc(p->query, end - start + 1);
	if (copy == NULL)
		return query_parse_nomem(p);
	while (p->at < p->len && p->text[p->at] != '"') {
		char c = p->text[p->at++];

		if (c == '\\' && p->at < p->len &&
		    (p->text[p->at] == '"' || p->text[p->at] == '\\'))
			c = p->text[p->at++];
		copy[n++] = c;
	}
	if (p->at >= p->len)
		return query_parse_fail(p, start, "expected a closing quote");
	p->at++;
	*text = copy;
	*len = n;
	return 0;
}

int
query_parse_regex(struct query_parse *p, const char *text, size_t len, size_t at,
		  struct pattern **out)
{
	struct tape_query *q = p->query;
	char message[128];
	size_t error_at;
	struct pattern *pattern;

	if (q->pattern_count == q->pattern_cap) {
		size_t cap = q->pattern_cap == 0 ? 4 : q->pattern_cap * 2;
		struct pattern **more = realloc(q->patterns, cap * sizeof *more);

		if (more == NULL)
			return query_parse_nomem(p);
		q->patterns = more;
		q->pattern_cap = cap;
	}
	pattern = pattern_compile(text, len, &error_at, message, sizeof message);
	if (pattern == NULL)
		return query_parse_fail(p, at + error_at,
					"expected a regular expression: %s", message);
	q->patterns[q->pattern_count++] = pattern;
	*out = pattern;
	return 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
skip_blanks(struct query_parse *p)
{
	while (p->at < p->len && is_blank(p->text[p->at]))
		p->at++;
}

static bool
at_operator(const struct query_parse *p, size_t at)
{
	if (at >= p->len)
		return false;
	if (p->text[at] == '!')
		return at + 1 < p->len && p->text[at + 1] == '=';
	return strchr("=~<>", p->text[at]) != NULL;
}

static bool
ends_word(const struct query_parse *p, size_t at)
{
	char c = at < p->len ? p->text[at] : ' ';

	return is_blank(c) || c == '(' || c == ')' || c == '"' || at_operator(p, at);
}

static size_t
word_end(const struct query_parse *p, size_t at)
{
	while (!ends_word(p, at))
		at++;
	return at;
}

/* ---- paths ---- */

static uint8_t
aspect_of(const struct query_segment *s)
{
	static const char *const names[] = { "min", "max", "mean", "len", "re", "im" };

	if (s->any || s->quoted)
		return ASPECT_VALUE;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strlen(names[i]) == s->len && memcmp(names[i], s->text, s->len) == 0)
			return (uint8_t)(ASPECT_MIN + i);
	return ASPECT_VALUE;
}

static int
path_join(struct query_parse *p, struct query_path *path)
{
	size_t len = 0;
	char *name;

	for (size_t i = 0; i < path->count; i++) {
		len += path->segments[i].len + 1;
		path->wild |= path->segments[i].any;
	}
	name = query_alloc(p->query, len + 1);
	if (name == NULL)
		return query_parse_nomem(p);
	path->name = name;
	for (size_t i = 0; i < path->count; i++) {
		const struct query_segment *s = &path->segments[i];

		if (i != 0)
			*name++ = '.';
		if (i + 1 == path->count && i != 0)
			path->base_len = (size_t)(name - path->name) - 1;
		if (s->len != 0)
			memcpy(name, s->text, s->len);
		name += s->len;
	}
	path->name_len = (size_t)(name - path->name);
	if (path->count > 1)
		path->aspect = aspect_of(&path->segments[path->count - 1]);
	return 0;
}

static int
path_segment(struct query_parse *p, bool in_value, struct query_segment *s)
{
	size_t start = p->at;

	if (p->at < p->len && p->text[p->at] == '"') {
		s->quoted = true;
		return query_parse_quoted(p, &s->text, &s->len);
	}
	while (!ends_word(p, p->at) && p->text[p->at] != '.' &&
	       !(in_value && p->text[p->at] == ','))
		p->at++;
	s->text = p->text + start;
	s->len = p->at - start;
	if (s->len == 0)
		return query_parse_fail(p, start, "expected a name");
	s->any = s->len == 1 && s->text[0] == '*';
	if (!s->any && memchr(s->text, '*', s->len) != NULL)
		return query_parse_fail(
			p, start,
			"expected \"*\" to stand for a whole name between "
			"dots; put a name that holds it in quotes");
	return 0;
}

/* A record field behind _has=. */
static int
path_field(struct query_parse *p, size_t start, struct query_path *path)
{
	const struct query_segment *s = &path->segments[0];

	if (path->count != 1 || s->quoted || s->len == 0 || s->text[0] != '_')
		return 0;
	path->field = (uint8_t)query_field_find(s->text, s->len);
	if (path->field == QUERY_LINK || path->field == QUERY_BLOB ||
	    path->field == QUERY_RANK || path->field == QUERY_HOST ||
	    path->field == QUERY_FILE || path->field == QUERY_FUNC)
		return 0;
	return query_parse_fail(
		p, start,
		"expected a variable, or one of _link _blob _rank _host "
		"_file _func (a variable with such a name goes in quotes)");
}

int
query_parse_path(struct query_parse *p, bool in_value, struct query_path *out)
{
	size_t cap = 0, start = p->at;
	int r;

	memset(out, 0, sizeof *out);
	for (;;) {
		if (out->count == cap) {
			struct query_segment *more;

			cap = cap == 0 ? 4 : cap * 2;
			more = query_alloc(p->query, cap * sizeof *more);
			if (more == NULL)
				return query_parse_nomem(p);
			if (out->count != 0)
				memcpy(more, out->segments, out->count * sizeof *more);
			out->segments = more;
		}
		r = path_segment(p, in_value, &out->segments[out->count]);
		if (r != 0)
			return r;
		out->count++;
		if (p->at >= p->len || p->text[p->at] != '.')
			break;
		p->at++;
	}
	if (in_value) {
		r = path_field(p, start, out);
		if (r != 0)
			return r;
	}
	return path_join(p, out);
}

/* ---- terms ---- */

static struct query_node *
node_new(struct query_parse *p, unsigned kind, size_t at)
{
	struct query_node *n = query_alloc(p->query, sizeof *n);

	if (n == NULL) {
		(void)query_parse_nomem(p);
		return NULL;
	}
	n->kind = (uint8_t)kind;
	n->memo = -1;
	n->at = (uint32_t)at;
	n->id = p->query->node_count++;
	return n;
}

static void
name_system(struct query_parse *p, const char *text, size_t len)
{
	p->query->named |= query_system_label(text, len);
}

/* A label by itself. */
static int
parse_label(struct query_parse *p, struct query_node **out)
{
	size_t start = p->at, end;
	struct query_node *n = node_new(p, QUERY_LABEL, start);
	struct query_atom *a = query_alloc(p->query, sizeof *a);
	int r = 0;

	if (n == NULL || a == NULL)
		return query_parse_nomem(p);
	n->atoms = a;
	n->atom_count = 1;
	n->op = QUERY_EQ;
	a->at = (uint32_t)start;
	if (p->text[start] == '"') {
		a->quoted = true;
		r = query_parse_quoted(p, &a->text, &a->len);
	} else {
		end = word_end(p, start);
		a->text = p->text + start;
		a->len = end - start;
		p->at = end;
	}
	if (r == 0 && p->at < p->len && !is_blank(p->text[p->at]) &&
	    p->text[p->at] != '(' && p->text[p->at] != ')')
		return query_parse_fail(p, p->at,
					"expected a blank or an operator after the name");
	if (r != 0)
		return r;
	if (!a->quoted && query_field_find(a->text, a->len) != 0)
		return query_parse_fail(
			p, p->at,
			"expected an operator: \"%.*s\" is a field, as in "
			"%.*s=VALUE (a label of that name goes in quotes)",
			(int)a->len, a->text, (int)a->len, a->text);
	name_system(p, a->text, a->len);
	*out = n;
	return 0;
}

static unsigned
parse_operator(struct query_parse *p)
{
	char c = p->text[p->at++];
	bool equals = p->at < p->len && p->text[p->at] == '=';

	switch (c) {
	case '!':
		p->at++;
		return QUERY_NE;
	case '~':
		return QUERY_MATCH;
	case '<':
		p->at += equals;
		return equals ? QUERY_LE : QUERY_LT;
	case '>':
		p->at += equals;
		return equals ? QUERY_GE : QUERY_GT;
	default:
		return QUERY_EQ;
	}
}

/* Decides between a field and a variable. */
static int
test_subject(struct query_parse *p, struct query_node *n)
{
	const struct query_segment *s = &n->path.segments[0];

	if (s->quoted || s->len == 0 || s->text[0] != '_' || n->path.count != 1) {
		n->kind = QUERY_VAR;
		n->leaf = p->query->var_count++;
		return 0;
	}
	n->kind = (uint8_t)query_field_find(s->text, s->len);
	if (n->kind == QUERY_MARK)
		n->mark = p->query->mark_count++;
	if (n->kind != 0)
		return 0;
	if (query_field_later(s->text, s->len))
		return query_parse_fail(p, n->at,
					"expected a field of this version: %.*s comes "
					"with a later one",
					(int)s->len, s->text);
	return query_parse_fail(p, n->at,
				"expected a field: there is no \"%.*s\", did you mean "
				"%s? (a variable of that name goes in quotes)",
				(int)(s->len > 64 ? 64 : s->len), s->text,
				query_field_nearest(s->text, s->len));
}

static int
parse_test(struct query_parse *p, struct query_node **out)
{
	size_t start = p->at, op_at;
	struct query_node *n = node_new(p, QUERY_VAR, start);
	int r;

	if (n == NULL)
		return TAPE_ERR_NOMEM;
	r = query_parse_path(p, false, &n->path);
	if (r != 0)
		return r;
	r = test_subject(p, n);
	if (r != 0)
		return r;
	skip_blanks(p);
	op_at = p->at;
	n->op = (uint8_t)parse_operator(p);
	if (n->kind == QUERY_VAR && n->path.name_len == 2 &&
	    (n->op == QUERY_EQ || n->op == QUERY_NE) && !n->path.segments[0].quoted &&
	    memcmp(n->path.name, "is", 2) == 0) {
		p->query->var_count--;
		*out = n;
		skip_blanks(p);
		if (n->op == QUERY_EQ)
			return query_parse_is(p, n);
		return query_parse_fail(p, op_at,
					"expected is=NAME, a partial: \"not is=NAME\" "
					"turns it around (a variable \"is\" goes in "
					"quotes)");
	}
	if (!query_field_allows(n->kind, n->op))
		return query_parse_fail(p, op_at,
					"expected another operator: %.*s takes %s",
					(int)n->path.name_len, n->path.name,
					query_field_expects(n->kind));
	skip_blanks(p);
	r = query_atom_list(p, n);
	for (size_t i = 0; r == 0 && n->kind == QUERY_LABEL && i < n->atom_count; i++)
		if (n->op != QUERY_MATCH)
			name_system(p, n->atoms[i].text, n->atoms[i].len);
	*out = n;
	return r;
}

static int
parse_slash(struct query_parse *p, struct query_node **out)
{
	struct query_node *n = node_new(p, QUERY_LABEL, p->at);

	if (n == NULL)
		return TAPE_ERR_NOMEM;
	n->op = QUERY_MATCH;
	*out = n;
	return query_atom_list(p, n);
}

/* Where the word or path at p->at ends, quotes included, blanks after it skipped. */
static size_t
after_subject(const struct query_parse *p)
{
	size_t at = p->at;

	while (at < p->len) {
		if (p->text[at] == '"') {
			for (at++; at < p->len && p->text[at] != '"'; at++)
				at += p->text[at] == '\\' && at + 1 < p->len;
			at++;
		} else if (ends_word(p, at)) {
			break;
		} else {
			at++;
		}
	}
	while (at < p->len && is_blank(p->text[at]))
		at++;
	return at;
}

static bool
at_word(const struct query_parse *p, const char *word)
{
	size_t len = strlen(word);

	return p->len - p->at >= len && memcmp(p->text + p->at, word, len) == 0 &&
	       ends_word(p, p->at + len) && !at_operator(p, after_subject(p));
}

static int parse_or(struct query_parse *p, struct query_node **out);

static int
parse_group(struct query_parse *p, struct query_node **out)
{
	size_t open = p->at++;
	int r;

	if (++p->depth > QUERY_DEPTH_MAX)
		return query_parse_fail(p, open,
					"expected at most %u levels of parentheses",
					QUERY_DEPTH_MAX);
	r = parse_or(p, out);
	if (r != 0)
		return r;
	if (p->at >= p->len)
		return query_parse_fail(p, p->at,
					"expected \")\" for the one opened at column %zu",
					open + 1);
	p->at++;
	p->depth--;
	return 0;
}

static int
parse_term(struct query_parse *p, struct query_node **out)
{
	skip_blanks(p);
	if (p->at >= p->len)
		return query_parse_fail(p, p->at,
					"expected a term: a label, /regex/ or a "
					"test such as T=300..400");
	if (at_operator(p, p->at))
		return query_parse_fail(p, p->at, "expected a name before the operator");
	if (at_word(p, "or") || at_word(p, "and"))
		return query_parse_fail(
			p, p->at,
			"expected a term (terms side by side mean \"and\"; a "
			"label \"or\" or \"and\" goes in quotes)");
	if (p->len - p->at >= 3 && memcmp(p->text + p->at, "..@", 3) == 0)
		return query_parse_mark(p, node_new(p, QUERY_AT, p->at), out);
	switch (p->text[p->at]) {
	case '(':
		return parse_group(p, out);
	case ')':
		return query_parse_fail(p, p->at, "expected a term before \")\"");
	case '/':
		return parse_slash(p, out);
	case '@':
		return query_parse_mark(p, node_new(p, QUERY_AT, p->at), out);
	case '{':
		return query_parse_braces(p, node_new(p, QUERY_IS, p->at), out);
	default:
		return at_operator(p, after_subject(p)) ? parse_test(p, out)
							: parse_label(p, out);
	}
}

static int
parse_unary(struct query_parse *p, struct query_node **out)
{
	size_t at = p->at;
	bool negate = false;
	struct query_node *n;
	int r;

	for (skip_blanks(p); p->at < p->len && at_word(p, "not"); skip_blanks(p)) {
		negate = !negate;
		at = p->at;
		p->at += 3;
	}
	r = parse_term(p, out);
	if (r != 0 || !negate)
		return r;
	n = node_new(p, QUERY_NOT, at);
	if (n == NULL)
		return TAPE_ERR_NOMEM;
	n->first = *out;
	*out = n;
	return 0;
}

static int
parse_and(struct query_parse *p, struct query_node **out)
{
	struct query_node *n = node_new(p, QUERY_AND, p->at), **tail;
	int r;

	if (n == NULL)
		return TAPE_ERR_NOMEM;
	tail = &n->first;
	do {
		r = parse_unary(p, tail);
		if (r != 0)
			return r;
		tail = &(*tail)->next;
		skip_blanks(p);
	} while (p->at < p->len && p->text[p->at] != ')' && !at_word(p, "or"));
	*out = n->first->next == NULL ? n->first : n;
	return 0;
}

static int
parse_or(struct query_parse *p, struct query_node **out)
{
	struct query_node *n = node_new(p, QUERY_OR, p->at), **tail;
	int r;

	if (n == NULL)
		return TAPE_ERR_NOMEM;
	tail = &n->first;
	for (;;) {
		r = parse_and(p, tail);
		if (r != 0)
			return r;
		tail = &(*tail)->next;
		if (p->at >= p->len || !at_word(p, "or"))
			break;
		p->at += 2;
	}
	*out = n->first->next == NULL ? n->first : n;
	return 0;
}

/* ---- after parsing ---- */

static uint8_t
leaf_need(const struct query_node *n)
{
	switch (n->kind) {
	case QUERY_FILE:
	case QUERY_FUNC:
	case QUERY_LINE:
		return NEED_SITE;
	case QUERY_HAS:
		for (size_t i = 0; i < n->atom_count; i++)
			if (n->atoms[i].path.field != 0)
				return NEED_OCCURRENCE | NEED_SESSION | NEED_SITE;
		return NEED_LABELS;
	case QUERY_IS:
		return n->partial->open ? NEED_CONTENT : NEED_LABELS;
	case QUERY_SESSION:
	case QUERY_RUN:
	case QUERY_RANK:
	case QUERY_HOST:
		return NEED_SESSION;
	case QUERY_TIME:
	case QUERY_SEQ:
	case QUERY_LINK:
		return NEED_OCCURRENCE;
	case QUERY_AT:
	case QUERY_MARK:
	case QUERY_POS:
		return NEED_OCCURRENCE | NEED_SESSION;
	case QUERY_HASH:
	case QUERY_BLOB:
	case QUERY_VAR:
		return NEED_CONTENT;
	default:
		return NEED_LABELS;
	}
}

static void
collect_needs(struct query_node *n)
{
	n->need = n->first == NULL ? leaf_need(n) : 0;
	for (struct query_node *c = n->first; c != NULL; c = c->next) {
		collect_needs(c);
		n->need |= c->need;
	}
}

/* Maximal subtrees whose answer a link shares with its target get a slot. */
static void
assign_memo(struct tape_query *q, struct query_node *n)
{
	if ((n->need & NEED_CONTENT) == 0)
		return;
	if ((n->need & (NEED_SITE | NEED_OCCURRENCE)) == 0) {
		if (q->memo_count < QUERY_MEMO_SLOTS)
			n->memo = (int8_t)q->memo_count++;
		return;
	}
	for (struct query_node *c = n->first; c != NULL; c = c->next)
		assign_memo(q, c);
}

static int
parse_text(struct query_parse *p)
{
	struct tape_query *q = p->query;
	int r;

	if (p->len > QUERY_TEXT_MAX)
		return query_parse_fail(p, QUERY_TEXT_MAX,
					"expected at most %u bytes of query",
					QUERY_TEXT_MAX);
	skip_blanks(p);
	if (p->at == p->len) {
		q->root = node_new(p, QUERY_TRUE, 0);
		return q->root == NULL ? TAPE_ERR_NOMEM : 0;
	}
	r = parse_or(p, &q->root);
	if (r != 0)
		return r;
	if (p->at < p->len)
		return query_parse_fail(p, p->at, "expected no \")\" here: none is open");
	collect_needs(q->root);
	assign_memo(q, q->root);
	return 0;
}

int
tape_query_compile(const char *text, struct tape_query **out, struct tape_error *err)
{
	return tape_query_compile_with(text, NULL, out, err);
}

int
tape_query_compile_with(const char *text, const struct tape_partials *partials,
			struct tape_query **out, struct tape_error *err)
{
	struct query_parse p = { .err = err, .partials = partials };
	int r;

	if (text == NULL || out == NULL)
		return error_set(
			err, TAPE_ERR_MISUSE, NULL, 0,
			"tape_query_compile needs a text and a place for the query");
	p.query = calloc(1, sizeof *p.query);
	p.c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	p.now = os_realtime_ns();
	p.len = strlen(text);
	/* The tree points into its own copy of the text. */
	p.text = p.query == NULL || p.len > QUERY_TEXT_MAX
			 ? text
			 : query_parse_copy(&p, text, p.len);
	if (p.query == NULL || p.c_locale == (locale_t)0 || p.text == NULL)
		r = query_parse_nomem(&p);
	else
		r = parse_text(&p);
	if (p.c_locale != (locale_t)0)
		freelocale(p.c_locale);
	if (r != 0) {
		tape_query_free(p.query);
		return r;
	}
	*out = p.query;
	return 0;
}
