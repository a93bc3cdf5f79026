/* SPDX-License-Identifier: Apache-2.0 */
/* Terms about partials: is=name, {field: type, ...}. */
#include <string.h>

#include "search/partial.h"
#include "search/query_parse.h"

static bool
ends_term(const struct query_parse *p)
{
	return p->at >= p->len || strchr(" \t\n\r()", p->text[p->at]) != NULL;
}

/* From here on the query frees it. */
static void
take(struct query_parse *p, struct query_node *n, struct partial *partial)
{
	n->kind = QUERY_IS;
	n->op = QUERY_EQ;
	n->partial = partial;
	n->partials = p->query->partials;
	p->query->partials = n;
}

int
query_parse_braces(struct query_parse *p, struct query_node *n, struct query_node **out)
{
	struct partial *partial = NULL;
	int r;

	if (n == NULL)
		return query_parse_nomem(p);
	r = partial_parse(p->text, p->len, &p->at, &partial, p->err);
	if (r != 0)
		return r;
	take(p, n, partial);
	*out = n;
	if (!ends_term(p))
		return query_parse_fail(p, p->at, "expected a blank behind the \"}\"");
	return 0;
}

int
query_parse_is(struct query_parse *p, struct query_node *n)
{
	size_t start = p->at, len;
	struct partial *partial = NULL;
	struct tape_error why = { 0 };
	const char *name;
	int r;

	if (p->at < p->len && p->text[p->at] == '"') {
		r = query_parse_quoted(p, &name, &len);
		if (r != 0)
			return r;
	} else {
		while (!ends_term(p))
			p->at++;
		name = p->text + start;
		len = p->at - start;
	}
	if (len == 0)
		return query_parse_fail(p, start,
					"expected the name of a partial (a variable "
					"\"is\" goes in quotes)");
	if (!ends_term(p))
		return query_parse_fail(p, p->at, "expected a blank behind the name");
	r = partials_get(p->partials, name, len, &partial, &why);
	if (r == TAPE_ERR_NOMEM)
		return query_parse_nomem(p);
	if (r != 0)
		return query_parse_fail(p, start,
					"expected a partial: %s (a variable \"is\" goes "
					"in quotes)",
					why.message);
	take(p, n, partial);
	return 0;
}
