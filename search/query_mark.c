/* SPDX-License-Identifier: Apache-2.0 */
/* Terms about bookmarks: @name, @name#2, @name+N, @a..@b, @a.., ..@b. */
#include <string.h>

#include "search/query_parse.h"

static bool
two_dots(const struct query_parse *p, size_t at)
{
	return p->len - at >= 2 && p->text[at] == '.' && p->text[at + 1] == '.';
}

static bool
ends_name(const struct query_parse *p, size_t at)
{
	return at >= p->len || strchr(" \t\n\r()\"#+@,=~<>", p->text[at]) != NULL ||
	       two_dots(p, at) ||
	       (p->text[at] == '!' && at + 1 < p->len && p->text[at + 1] == '=');
}

/* A whole number from 1 at p->at. */
static int
number(struct query_parse *p, const char *what, uint64_t *out)
{
	size_t start = p->at;
	uint64_t v = 0;

	for (; p->at < p->len && p->text[p->at] >= '0' && p->text[p->at] <= '9'; p->at++)
		if (v <= INT64_MAX / 10 - 1)
			v = v * 10 + (uint64_t)(p->text[p->at] - '0');
	if (p->at == start || v == 0 || p->at - start > 18)
		return query_parse_fail(p, start, "expected %s", what);
	*out = v;
	return 0;
}

/* NAME ["#" K] behind an "@". */
static int
name(struct query_parse *p, const char **text, size_t *len, uint64_t *k)
{
	size_t start = p->at;

	if (p->at < p->len && p->text[p->at] == '"') {
		int r = query_parse_quoted(p, text, len);

		if (r != 0)
			return r;
	} else {
		while (!ends_name(p, p->at))
			p->at++;
		*text = p->text + start;
		*len = p->at - start;
	}
	if (*len == 0)
		return query_parse_fail(p, start,
					"expected the name of a bookmark, as in "
					"@steady-state");
	if (p->at >= p->len || p->text[p->at] != '#')
		return 0;
	p->at++;
	return number(p, "which one of that name: a whole number from 1, as in @name#2",
		      k);
}

/* What may stand behind the first name. */
static int
second(struct query_parse *p, struct query_atom *a)
{
	uint64_t n = 0;
	int r;

	if (p->at < p->len && p->text[p->at] == '+') {
		p->at++;
		r = number(p, "a number of scopes from 1, as in @name+100", &n);
		a->number = true;
		a->ilo = n;
		return r;
	}
	if (!two_dots(p, p->at))
		return 0;
	p->at += 2;
	a->range = true;
	if (p->at < p->len && p->text[p->at] == '@') {
		p->at++;
		return name(p, &a->hi_text, &a->hi_len, &a->hi_seq);
	}
	a->hi_open = true;
	return 0;
}

int
query_parse_mark(struct query_parse *p, struct query_node *n, struct query_node **out)
{
	struct query_atom *a = query_alloc(p->query, sizeof *a);
	int r;

	if (n == NULL || a == NULL)
		return query_parse_nomem(p);
	n->op = QUERY_EQ;
	n->atoms = a;
	n->atom_count = 1;
	n->mark = p->query->mark_count++;
	a->at = n->at;
	if (p->text[p->at] == '.') {
		a->range = a->lo_open = true;
		p->at += 3;
		r = name(p, &a->hi_text, &a->hi_len, &a->hi_seq);
	} else {
		p->at++;
		r = name(p, &a->text, &a->len, &a->seq);
		if (r == 0)
			r = second(p, a);
	}
	if (r != 0)
		return r;
	if (p->at < p->len && strchr(" \t\n\r()", p->text[p->at]) == NULL)
		return query_parse_fail(
			p, p->at,
			a->hi_open ? "expected a blank or another bookmark, as in "
				     "@begin..@end"
			: a->range || a->number
				? "expected a blank after the bookmarks"
				: "expected a blank, \"#\", \"+\" or \"..\" after the "
				  "name of a bookmark (other names go in quotes)");
	if (!a->range && !a->number) {
		n->points = p->query->points;
		p->query->points = n;
	}
	*out = n;
	return 0;
}
