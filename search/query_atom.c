/* SPDX-License-Identifier: Apache-2.0 */
/* The values of a test: numbers as closed intervals, text, lists, ranges, tolerances. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "search/query_parse.h"

#define INT_LIMIT ((query_int)1 << 100)

/* The largest whole number at most the value, exactly; and what doubles compare with. */
struct number {
	bool integer; /* written without fraction and exponent */
	bool part;    /* the value is above i */
	bool nan;
	query_int i;
	double d;
	float f;
};

/* Largest double at most v (or, with up, smallest at least v). */
static double
int_bound(query_int v, bool up)
{
	double d = (double)v;

	if (up && (query_int)d < v)
		return nextafter(d, INFINITY);
	if (!up && (query_int)d > v)
		return nextafter(d, -INFINITY);
	return d;
}

static query_int
double_floor(double d)
{
	if (d >= 0x1p100)
		return INT_LIMIT;
	return d <= -0x1p100 ? -INT_LIMIT : (query_int)floor(d);
}

static void
whole_of_double(struct number *n)
{
	n->i = double_floor(n->d);
	n->part = (double)n->i < n->d && n->i < INT_LIMIT;
}

static size_t
run_of(const char *text, size_t len, size_t at, int (*is)(int))
{
	while (at < len && is((unsigned char)text[at]))
		at++;
	return at;
}

/* Digits with an optional fraction and exponent; *integer if neither is there. */
static bool
decimal(const char *text, size_t len, size_t at, bool *integer)
{
	size_t end = run_of(text, len, at, isdigit), count = end - at;

	*integer = true;
	if (end < len && text[end] == '.') {
		size_t from = end + 1;

		end = run_of(text, len, from, isdigit);
		count += end - from;
		*integer = false;
	}
	if (count == 0)
		return false;
	if (end < len && (text[end] == 'e' || text[end] == 'E')) {
		size_t from = end + 1;

		*integer = false;
		if (from < len && (text[from] == '-' || text[from] == '+'))
			from++;
		end = run_of(text, len, from, isdigit);
		if (end == from)
			return false;
	}
	return end == len;
}

/* An exponent; further from 0 than any text has digits it makes no difference. */
static int64_t
exponent_of(const char *text, size_t len, size_t at)
{
	bool down = at < len && text[at] == '-';
	int64_t e = 0;

	if (at < len && (text[at] == '-' || text[at] == '+'))
		at++;
	for (; at < len && e < 10 * (int64_t)QUERY_TEXT_MAX; at++)
		e = e * 10 + (text[at] - '0');
	return down ? -e : e;
}

/* The whole part of a decimal, with all digits that its exponent puts before the point. */
static void
whole_of_decimal(const char *text, size_t len, size_t sign, struct number *n)
{
	size_t point = run_of(text, len, sign, isdigit), end = point;
	int64_t left = (int64_t)(point - sign);

	if (end < len && text[end] == '.')
		end = run_of(text, len, end + 1, isdigit);
	left += exponent_of(text, len, end + (end < len));
	n->i = 0;
	n->part = false;
	for (size_t at = sign; at < end; at++) {
		if (at == point)
			continue;
		if (left-- <= 0)
			n->part |= text[at] != '0';
		else if (n->i < INT_LIMIT)
			n->i = n->i * 10 + (text[at] - '0');
	}
	for (; left > 0 && n->i != 0 && n->i < INT_LIMIT; left--)
		n->i *= 10;
	if (n->i >= INT_LIMIT) {
		n->i = INT_LIMIT;
		n->part = false;
	}
	if (text[0] == '-')
		n->i = -n->i - n->part;
}

static bool
word_is(const char *text, size_t len, const char *word)
{
	if (strlen(word) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (tolower((unsigned char)text[i]) != word[i])
			return false;
	return true;
}

static bool
special(const char *text, size_t len, size_t sign, struct number *out)
{
	const char *rest = text + sign;
	size_t n = len - sign;

	memset(out, 0, sizeof *out);
	if (word_is(rest, n, "nan")) {
		out->nan = true;
		out->d = NAN;
		out->f = NAN;
		return true;
	}
	if (!word_is(rest, n, "inf") && !word_is(rest, n, "infinity"))
		return false;
	out->d = text[0] == '-' ? -INFINITY : INFINITY;
	out->f = (float)out->d;
	out->i = text[0] == '-' ? -INT_LIMIT : INT_LIMIT;
	return true;
}

static bool
hexadecimal(const char *text, size_t len, size_t at, query_int *out)
{
	query_int v = 0;

	if (len - at < 3 || len - at > 18 || text[at] != '0' ||
	    tolower(text[at + 1]) != 'x')
		return false;
	for (at += 2; at < len; at++) {
		int c = tolower((unsigned char)text[at]);

		if (!isxdigit(c))
			return false;
		v = v * 16 + (isdigit(c) ? c - '0' : c - 'a' + 10);
	}
	*out = v;
	return true;
}

static bool
number_read(struct query_parse *p, const char *text, size_t len, struct number *out)
{
	size_t sign = len != 0 && (text[0] == '-' || text[0] == '+');
	bool integer;
	char *copy;

	if (len == sign)
		return false;
	if (special(text, len, sign, out))
		return true;
	if (hexadecimal(text, len, sign, &out->i)) {
		out->integer = true;
		if (text[0] == '-')
			out->i = -out->i;
		out->d = (double)out->i;
		out->f = (float)out->i;
		return true;
	}
	if (!decimal(text, len, sign, &integer))
		return false;
	copy = query_parse_copy(p, text, len);
	if (copy == NULL)
		return false;
	out->d = strtod_l(copy, NULL, p->c_locale);
	out->f = strtof_l(copy, NULL, p->c_locale);
	out->integer = integer && len - sign <= 30;
	whole_of_decimal(text, len, sign, out);
	return true;
}

/* An empty interval in every domain. */
static void
interval_none(struct query_atom *a)
{
	a->dlo = INFINITY;
	a->dhi = -INFINITY;
	a->flo = INFINITY;
	a->fhi = -INFINITY;
	a->ilo = 1;
	a->ihi = 0;
}

static void
interval_all(struct query_atom *a)
{
	a->dlo = -INFINITY;
	a->dhi = INFINITY;
	a->flo = -INFINITY;
	a->fhi = INFINITY;
	a->ilo = -INT_LIMIT;
	a->ihi = INT_LIMIT;
}

static void
bound_low(struct query_atom *a, const struct number *n, bool open)
{
	a->ilo = n->i + (open || n->part);
	if (n->integer) {
		a->dlo = int_bound(n->i, true);
		if (open && (query_int)a->dlo == n->i)
			a->dlo = nextafter(a->dlo, INFINITY);
	} else {
		a->dlo = open ? nextafter(n->d, INFINITY) : n->d;
	}
	a->flo = open ? nextafterf(n->f, INFINITY) : n->f;
}

static void
bound_high(struct query_atom *a, const struct number *n, bool open)
{
	a->ihi = n->i - (open && !n->part);
	if (n->integer) {
		a->dhi = int_bound(n->i, false);
		if (open && (query_int)a->dhi == n->i)
			a->dhi = nextafter(a->dhi, -INFINITY);
	} else {
		a->dhi = open ? nextafter(n->d, -INFINITY) : n->d;
	}
	a->fhi = open ? nextafterf(n->f, -INFINITY) : n->f;
}

/* One number under an operator. */
static void
interval_op(struct query_atom *a, const struct number *n, unsigned op)
{
	bool below = op == QUERY_LT || op == QUERY_LE;
	bool above = op == QUERY_GT || op == QUERY_GE;
	bool open = op == QUERY_LT || op == QUERY_GT;

	a->number = true;
	interval_all(a);
	if (n->nan || (open && isinf(n->d) && (n->d < 0) == below)) {
		interval_none(a);
		a->nan = n->nan && !below && !above;
		return;
	}
	if (!below)
		bound_low(a, n, open);
	if (!above)
		bound_high(a, n, open);
	/* Beyond single precision: rounded it is infinite, and nothing is beyond that. */
	if (open && isinf(n->f) && (n->f < 0) == below) {
		a->flo = INFINITY;
		a->fhi = -INFINITY;
	}
}

static bool
interval_range(struct query_parse *p, struct query_atom *a)
{
	struct number lo = { 0 }, hi = { 0 };

	if (!a->lo_open && !number_read(p, a->text, a->len, &lo))
		return false;
	if (!a->hi_open && !number_read(p, a->hi_text, a->hi_len, &hi))
		return false;
	a->number = true;
	interval_all(a);
	if (lo.nan || hi.nan) {
		interval_none(a);
		return true;
	}
	if (!a->lo_open)
		bound_low(a, &lo, false);
	if (!a->hi_open)
		bound_high(a, &hi, false);
	return true;
}

/* Its whole part is that of the double, not the limit that stands for anything beyond. */
static bool
is_whole(const struct number *n)
{
	return n->i > -INT_LIMIT && n->i < INT_LIMIT;
}

/* x - t and x + t. Whole numbers stay exact unless both have a fraction. */
static void
ends_of(const struct number *x, const struct number *t, struct number *lo,
	struct number *hi)
{
	lo->d = x->d - t->d;
	hi->d = x->d + t->d;
	if ((x->part && t->part) || !is_whole(x) || !is_whole(t)) {
		whole_of_double(lo);
		whole_of_double(hi);
		return;
	}
	lo->i = x->i - t->i - t->part;
	hi->i = x->i + t->i;
	lo->part = hi->part = x->part || t->part;
	lo->integer = hi->integer = x->integer && t->integer;
	if (lo->integer) {
		lo->d = (double)lo->i;
		hi->d = (double)hi->i;
	}
}

/* x+-t and x+-p%: whole numbers stay exact. */
static int
interval_tolerance(struct query_parse *p, struct query_atom *a, size_t sign_at)
{
	size_t rest = sign_at + 2, len = a->len;
	bool percent = len > rest && a->text[len - 1] == '%';
	struct number x = { 0 }, t = { 0 }, lo = { 0 }, hi = { 0 };

	if (!number_read(p, a->text, sign_at, &x) || x.nan)
		return query_parse_fail(p, a->at, "expected a number before \"+-\"");
	if (!number_read(p, a->text + rest, len - rest - percent, &t) || t.nan || t.d < 0)
		return query_parse_fail(
			p, a->at + rest,
			"expected a tolerance after \"+-\", such as 0.5 or 1%%");
	if (percent) {
		double share = t.d;

		t.integer = false;
		t.d = fabs(x.d) * share / 100;
		if (isinf(t.d)) /* perhaps on the way only */
			t.d = fabs(x.d) / 100 * share;
	}
	/* Their difference would be no number, and no whole one can be made of that. */
	if (isnan(t.d) || (isinf(x.d) && isinf(t.d)))
		return query_parse_fail(p, a->at,
					"expected finite numbers around \"+-\"");
	if (percent)
		whole_of_double(&t);
	ends_of(&x, &t, &lo, &hi);
	lo.f = (float)lo.d;
	hi.f = (float)hi.d;
	a->number = true;
	interval_all(a);
	bound_low(a, &lo, false);
	bound_high(a, &hi, false);
	return 0;
}

static size_t
find_in(const char *text, size_t len, const char *what)
{
	const char *at = len != 0 ? memmem(text, len, what, 2) : NULL;

	return at == NULL ? SIZE_MAX : (size_t)(at - text);
}

/* ---- lexemes ---- */

/* Bare text up to a blank, a comma (unless `whole`), a quote or an unbalanced parenthesis. */
static size_t
bare_end(const struct query_parse *p, bool whole)
{
	size_t at = p->at, depth = 0;

	for (; at < p->len; at++) {
		char c = p->text[at];

		if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
			break;
		if (!whole && (c == ',' || c == '"'))
			break;
		if (c == '(')
			depth++;
		if (c == ')' && depth-- == 0)
			break;
	}
	return at;
}

/* A second end of a range, in quotes, right behind the dots. */
static int
quoted_end(struct query_parse *p, struct query_atom *a)
{
	a->hi_open = false;
	return query_parse_quoted(p, &a->hi_text, &a->hi_len);
}

static int
quoted_atom(struct query_parse *p, struct query_atom *a)
{
	int r = query_parse_quoted(p, &a->text, &a->len);
	size_t end;

	a->quoted = true;
	if (r != 0 || p->len - p->at < 2 || memcmp(p->text + p->at, "..", 2) != 0)
		return r;
	a->range = true;
	p->at += 2;
	if (p->at < p->len && p->text[p->at] == '"')
		return quoted_end(p, a);
	end = bare_end(p, false);
	a->hi_text = p->text + p->at;
	a->hi_len = end - p->at;
	a->hi_open = a->hi_len == 0;
	p->at = end;
	return 0;
}

static int
bare_atom(struct query_parse *p, struct query_atom *a)
{
	size_t end = bare_end(p, false), dots;
	const char *text = p->text + p->at;
	size_t len = end - p->at;

	if (len == 0)
		return query_parse_fail(p, p->at, "expected a value");
	a->text = text;
	a->len = len;
	dots = find_in(text, len, "..");
	p->at = end;
	if (dots == SIZE_MAX) {
		if (end < p->len && p->text[end] == '"')
			return query_parse_fail(p, end,
						"expected a blank before the quote");
		return 0;
	}
	a->range = true;
	a->len = dots;
	a->lo_open = dots == 0;
	a->hi_text = text + dots + 2;
	a->hi_len = len - dots - 2;
	a->hi_open = a->hi_len == 0;
	if (a->hi_open && end < p->len && p->text[end] == '"')
		return quoted_end(p, a);
	return 0;
}

/* /.../ with \/ for a slash, p->at on the first slash. */
static int
slash_regex(struct query_parse *p, struct query_atom *a)
{
	size_t from = p->at + 1, at = from;

	while (at < p->len && p->text[at] != '/')
		at += p->text[at] == '\\' && at + 1 < p->len ? 2 : 1;
	if (at >= p->len)
		return query_parse_fail(p, p->at, "expected a closing \"/\"");
	p->at = at + 1;
	return query_parse_regex(p, p->text + from, at - from, from, &a->pattern);
}

static int
regex_atom(struct query_parse *p, struct query_atom *a)
{
	size_t start = p->at, end;
	int r;

	if (p->at < p->len && p->text[p->at] == '/')
		return slash_regex(p, a);
	if (p->at < p->len && p->text[p->at] == '"') {
		r = query_parse_quoted(p, &a->text, &a->len);
		if (r != 0)
			return r;
		return query_parse_regex(p, a->text, a->len, start + 1, &a->pattern);
	}
	end = bare_end(p, true);
	if (end == start)
		return query_parse_fail(p, start, "expected a regular expression");
	p->at = end;
	return query_parse_regex(p, p->text + start, end - start, start, &a->pattern);
}

/* ---- what an atom means to a field ---- */

static int
mean_variable(struct query_parse *p, struct query_node *node, struct query_atom *a)
{
	struct number n = { 0 };
	size_t sign;

	if (a->range) {
		if (!a->quoted)
			(void)interval_range(p, a);
		return 0;
	}
	if (a->quoted)
		return 0;
	sign = find_in(a->text, a->len, "+-");
	if (sign != SIZE_MAX && sign != 0)
		return interval_tolerance(p, a, sign);
	if (number_read(p, a->text, a->len, &n))
		interval_op(a, &n, node->op);
	a->boolean =
		word_is(a->text, a->len, "true") || word_is(a->text, a->len, "false");
	a->truth = a->boolean && a->len == 4;
	return 0;
}

static int
mean_number(struct query_parse *p, struct query_node *node, struct query_atom *a)
{
	int r = mean_variable(p, node, a);

	if (r == 0 && !a->number)
		return query_parse_fail(p, a->at, "expected %s",
					query_field_expects(node->kind));
	return r;
}

static int
mean_time(struct query_parse *p, struct query_node *node, struct query_atom *a)
{
	int64_t lo = INT64_MIN, hi = INT64_MAX, other;

	if (!a->lo_open && !query_time_parse(a->text, a->len, p->now, &lo, &other))
		return query_parse_fail(p, a->at, "expected %s",
					query_field_expects(node->kind));
	if (!a->range)
		hi = other;
	else if (!a->hi_open &&
		 !query_time_parse(a->hi_text, a->hi_len, p->now, &other, &hi))
		return query_parse_fail(p, a->at, "expected a time after \"..\"");
	a->tlo = lo;
	a->thi = hi;
	if (node->op == QUERY_LT || node->op == QUERY_LE)
		a->tlo = INT64_MIN;
	if (node->op == QUERY_LT)
		a->thi = lo == INT64_MIN ? lo : lo - 1;
	if (node->op == QUERY_GT || node->op == QUERY_GE)
		a->thi = INT64_MAX;
	if (node->op == QUERY_GT)
		a->tlo = hi == INT64_MAX ? hi : hi + 1;
	return 0;
}

/* "SESSION:SEQ"; the text before the colon stays in *text, *len. */
static bool
split_position(const char *text, size_t *len, uint64_t *seq)
{
	const char *colon = memrchr(text, ':', *len);
	uint64_t v = 0;

	if (colon == NULL || colon + 1 == text + *len || text + *len - colon > 20)
		return false;
	for (const char *c = colon + 1; c < text + *len; c++) {
		if (*c < '0' || *c > '9')
			return false;
		v = v * 10 + (uint64_t)(*c - '0');
	}
	*len = (size_t)(colon - text);
	*seq = v;
	return *len != 0;
}

static int
mean_position(struct query_parse *p, struct query_node *node, struct query_atom *a)
{
	if (!a->lo_open && !split_position(a->text, &a->len, &a->seq))
		return query_parse_fail(p, a->at, "expected %s",
					query_field_expects(node->kind));
	if (a->range && !a->hi_open &&
	    !split_position(a->hi_text, &a->hi_len, &a->hi_seq))
		return query_parse_fail(p, a->at,
					"expected a position SESSION:SEQ after \"..\"");
	return 0;
}

static int
mean_link(struct query_parse *p, struct query_node *node, struct query_atom *a)
{
	int r;

	if (a->range)
		return query_parse_fail(p, a->at, "expected %s, not a range",
					query_field_expects(node->kind));
	if (word_is(a->text, a->len, "any") || word_is(a->text, a->len, "none"))
		return 0;
	if (memchr(a->text, ':', a->len) == NULL)
		return mean_number(p, node, a);
	r = mean_position(p, node, a);
	if (r == 0 && a->seq == 0)
		return query_parse_fail(p, a->at, "expected a seq from 1 on");
	return r;
}

static int
mean_hash(struct query_parse *p, struct query_node *node, struct query_atom *a)
{
	char *copy;

	if (a->range || a->len == 0 || a->len > 32)
		return query_parse_fail(p, a->at, "expected %s",
					query_field_expects(node->kind));
	copy = query_parse_copy(p, a->text, a->len);
	if (copy == NULL)
		return query_parse_nomem(p);
	for (size_t i = 0; i < a->len; i++) {
		if (!isxdigit((unsigned char)copy[i]))
			return query_parse_fail(p, a->at + i, "expected a hex digit");
		copy[i] = (char)tolower((unsigned char)copy[i]);
	}
	a->text = copy;
	return 0;
}

static int
mean_text(struct query_parse *p, struct query_node *node, struct query_atom *a)
{
	if (a->range)
		return query_parse_fail(p, a->at,
					"expected %s; put text with \"..\" in quotes",
					query_field_expects(node->kind));
	return 0;
}

static int
mean(struct query_parse *p, struct query_node *node, struct query_atom *a)
{
	switch (node->kind) {
	case QUERY_VAR:
		return mean_variable(p, node, a);
	case QUERY_SEQ:
	case QUERY_RANK:
	case QUERY_LINE:
		return mean_number(p, node, a);
	case QUERY_TIME:
		return mean_time(p, node, a);
	case QUERY_POS:
		return mean_position(p, node, a);
	case QUERY_LINK:
		return mean_link(p, node, a);
	case QUERY_HASH:
	case QUERY_BLOB:
		return mean_hash(p, node, a);
	default:
		return mean_text(p, node, a);
	}
}

static int
one_atom(struct query_parse *p, struct query_node *node, struct query_atom *a)
{
	int r;

	memset(a, 0, sizeof *a);
	a->at = (uint32_t)p->at;
	a->text = a->hi_text = "";
	if (node->kind == QUERY_HAS || node->kind == QUERY_LOST) {
		r = query_parse_path(p, true, &a->path);
		if (r == 0 && node->kind == QUERY_LOST && a->path.field != 0)
			return query_parse_fail(p, a->at, "expected %s",
						query_field_expects(node->kind));
		return r;
	}
	if (node->op == QUERY_MATCH)
		return regex_atom(p, a);
	if (p->at < p->len && p->text[p->at] == '=')
		return query_parse_fail(
			p, a->at,
			"expected a value after a single \"=\" (text that "
			"begins with \"=\" goes in quotes)");
	r = p->at < p->len && p->text[p->at] == '"' ? quoted_atom(p, a) : bare_atom(p, a);
	if (r != 0)
		return r;
	if (a->range && (node->op == QUERY_LT || node->op == QUERY_LE ||
			 node->op == QUERY_GT || node->op == QUERY_GE))
		return query_parse_fail(p, a->at,
					"expected one value; a range goes with \"=\"");
	return mean(p, node, a);
}

static int
atom_grow(struct query_parse *p, struct query_node *node, size_t *cap)
{
	struct query_atom *more;

	if (node->atom_count < *cap)
		return 0;
	*cap = *cap == 0 ? 1 : *cap * 2;
	more = query_alloc(p->query, *cap * sizeof *more);
	if (more == NULL)
		return query_parse_nomem(p);
	if (node->atom_count != 0)
		memcpy(more, node->atoms, node->atom_count * sizeof *more);
	node->atoms = more;
	return 0;
}

int
query_atom_list(struct query_parse *p, struct query_node *node)
{
	bool ordered = node->op >= QUERY_LT;
	size_t cap = 0;
	int r;

	for (;;) {
		r = atom_grow(p, node, &cap);
		if (r == 0)
			r = one_atom(p, node, &node->atoms[node->atom_count]);
		if (r != 0)
			return r;
		node->atom_count++;
		if (p->at >= p->len || p->text[p->at] != ',')
			break;
		if (ordered)
			return query_parse_fail(
				p, p->at, "expected one value; a list goes with \"=\"");
		p->at++;
	}
	if (p->at < p->len && strchr(" \t\r\n)", p->text[p->at]) == NULL)
		return query_parse_fail(p, p->at, "expected a blank after the value");
	return 0;
}
