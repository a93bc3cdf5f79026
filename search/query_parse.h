/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the query parser share. */
#ifndef TAPE_SEARCH_QUERY_PARSE_H
#define TAPE_SEARCH_QUERY_PARSE_H

#include <locale.h>

#include "search/query.h"

struct query_parse {
	const char *text;
	size_t len, at;
	unsigned depth;
	struct tape_query *query;
	struct tape_error *err;
	const struct tape_partials *partials; /* names for is=; NULL: none */
	locale_t c_locale;
	int64_t now;
};

/* Fills the error for the byte at offset `at`; returns TAPE_ERR_SYNTAX. */
int query_parse_fail(const struct query_parse *p, size_t at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int query_parse_nomem(const struct query_parse *p);
char *query_parse_copy(struct query_parse *p, const char *text, size_t len);
/* A double-quoted string at p->at, escapes resolved. */
int query_parse_quoted(struct query_parse *p, const char **text, size_t *len);
/* A regular expression; errors point into the query at `at`. */
int query_parse_regex(struct query_parse *p, const char *text, size_t len, size_t at,
		      struct pattern **out);
/* A dotted path at p->at; stops before an operator, a blank or a parenthesis. */
int query_parse_path(struct query_parse *p, bool in_value, struct query_path *out);

/* query_mark.c: a term about bookmarks at p->at, into a node made for it (NULL: no memory). */
int query_parse_mark(struct query_parse *p, struct query_node *node,
		     struct query_node **out);

/* query_is.c: "{...}" at p->at, or the name behind "is=". */
int query_parse_braces(struct query_parse *p, struct query_node *node,
		       struct query_node **out);
int query_parse_is(struct query_parse *p, struct query_node *node);

/* query_atom.c: the values after an operator. */
int query_atom_list(struct query_parse *p, struct query_node *node);
bool query_atom_number_text(const char *text, size_t len);

/* query_time.c: the period that a time text names, [lo, hi] in ns. False: not a time. */
bool query_time_parse(const char *text, size_t len, int64_t now, int64_t *lo,
		      int64_t *hi);

/* query_field.c */
/* The field's kind, or 0. */
unsigned query_field_find(const char *name, size_t len);
/* Part of the language, not of this version. */
bool query_field_later(const char *name, size_t len);
const char *query_field_nearest(const char *name, size_t len);
/* True if the field takes that operator. */
bool query_field_allows(unsigned kind, unsigned op);
const char *query_field_expects(unsigned kind);

#endif
