/* SPDX-License-Identifier: Apache-2.0 */
/* Text of a partial -> its fields. Recursive descent; groups recurse, at most 64 deep. */
#include "search/partial.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/limits.h"
#include "format/utf8.h"

struct reading {
	const char *text;
	size_t len, at;
	struct partial *partial;
	struct tape_error *err;
	char prefix[LIMIT_NAME + 1]; /* of the groups that are open, with their dots */
	uint32_t prefix_len;
	unsigned depth;
};

static int fail(const struct reading *r, size_t at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int
fail(const struct reading *r, size_t at, const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	return error_set(r->err, TAPE_ERR_SYNTAX, NULL, at + 1, "%s", text);
}

static int
nomem(const struct reading *r)
{
	return error_set(r->err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a partial");
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
skip_blanks(struct reading *r)
{
	while (r->at < r->len) {
		if (r->text[r->at] == '#')
			while (r->at < r->len && r->text[r->at] != '\n')
				r->at++;
		else if (is_blank(r->text[r->at]))
			r->at++;
		else
			break;
	}
}

static bool
at_char(const struct reading *r, char c)
{
	return r->at < r->len && r->text[r->at] == c;
}

static bool
ends_word(const struct reading *r)
{
	char c = r->at < r->len ? r->text[r->at] : ' ';

	return (unsigned char)c < 0x20 || c == 0x7f ||
	       strchr(" {}[]():?,.\"#", c) != NULL;
}

/* ---- names ---- */

struct name {
	char text[LIMIT_NAME + 1];
	uint32_t len;
	size_t at;
};

static int
name_put(const struct reading *r, struct name *name, const char *text, size_t len)
{
	if (len > LIMIT_NAME - name->len)
		return fail(r, name->at, "expected a name of at most %u bytes",
			    LIMIT_NAME);
	if (len != 0)
		memcpy(name->text + name->len, text, len);
	name->len += (uint32_t)len;
	return 0;
}

static int
quoted_segment(struct reading *r, struct name *name)
{
	size_t start = r->at++;
	int status = 0;

	while (status == 0 && r->at < r->len && r->text[r->at] != '"') {
		if (r->text[r->at] == '\\' && r->at + 1 < r->len &&
		    (r->text[r->at + 1] == '"' || r->text[r->at + 1] == '\\'))
			r->at++;
		status = name_put(r, name, r->text + r->at, 1);
		r->at++;
	}
	if (status == 0 && r->at >= r->len)
		return fail(r, start, "expected a closing quote");
	r->at++;
	return status;
}

static int
segment(struct reading *r, struct name *name)
{
	size_t start = r->at;
	uint32_t before = name->len;
	int status;

	if (at_char(r, '"')) {
		status = quoted_segment(r, name);
	} else {
		while (!ends_word(r))
			r->at++;
		status = name_put(r, name, r->text + start, r->at - start);
	}
	if (status == 0 && name->len == before)
		return fail(r, start, "expected the name of a variable");
	return status;
}

/* A dotted name behind the prefix of the groups that are open. */
static int
read_name(struct reading *r, struct name *name)
{
	int status;

	name->len = 0;
	name->at = r->at;
	status = name_put(r, name, r->prefix, r->prefix_len);
	if (status == 0)
		status = segment(r, name);
	while (status == 0 && at_char(r, '.')) {
		r->at++;
		status = name_put(r, name, ".", 1);
		if (status == 0)
			status = segment(r, name);
	}
	if (status != 0)
		return status;
	name->text[name->len] = '\0';
	for (size_t i = 0, n; i < name->len; i += n) {
		n = utf8_len((const unsigned char *)name->text + i, name->len - i);
		if (n == 0 || name->text[i] == '\0')
			return fail(r, name->at, "expected a name in UTF-8");
	}
	return 0;
}

/* ---- types ---- */

#define BIT(type) (1u << (type))
#define INTS (BIT(TAPE_I64) | BIT(TAPE_U64))
#define FLOATS (BIT(TAPE_F64) | BIT(TAPE_F32))
#define COMPLEXES (BIT(TAPE_C16) | BIT(TAPE_C8))
#define TEXTS (BIT(TAPE_STR) | BIT(TAPE_BYTES_T))
#define SINTS (BIT(TAPE_I1) | BIT(TAPE_I2) | BIT(TAPE_I4) | BIT(TAPE_I8))
#define UINTS (BIT(TAPE_U1) | BIT(TAPE_U2) | BIT(TAPE_U4) | BIT(TAPE_U8))
#define REALS (BIT(TAPE_F2) | BIT(TAPE_F4) | BIT(TAPE_F8))

/* As a value, and as an element of an array (0: neither). */
static const struct word {
	const char *name;
	uint32_t types, dtypes;
	bool any;
} words[] = {
	{ "any", BIT(TAPE_BOOL) | INTS | FLOATS | COMPLEXES | TEXTS | BIT(TAPE_ARRAY_T),
	  0, true },
	{ "bool", BIT(TAPE_BOOL), BIT(TAPE_B1), false },
	{ "int", INTS, SINTS | UINTS, false },
	{ "float", FLOATS, REALS, false },
	{ "number", INTS | FLOATS, SINTS | UINTS | REALS, false },
	{ "complex", COMPLEXES, BIT(TAPE_C8_T) | BIT(TAPE_C16_T), false },
	{ "str", BIT(TAPE_STR), 0, false },
	{ "bytes", BIT(TAPE_BYTES_T), 0, false },
	{ "text", TEXTS, 0, false },
	{ "array", BIT(TAPE_ARRAY_T), 0, false },
	{ "i64", BIT(TAPE_I64), BIT(TAPE_I8), false },
	{ "u64", BIT(TAPE_U64), BIT(TAPE_U8), false },
	{ "f64", BIT(TAPE_F64), BIT(TAPE_F8), false },
	{ "f32", BIT(TAPE_F32), BIT(TAPE_F4), false },
	{ "c16", BIT(TAPE_C16), BIT(TAPE_C16_T), false },
	{ "c8", BIT(TAPE_C8), BIT(TAPE_C8_T), false },
};

static const struct word *
word_find(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strlen(words[i].name) == len && memcmp(words[i].name, text, len) == 0)
			return &words[i];
	return NULL;
}

/* NumPy's names of elements, in the spelling without a byte order. */
static unsigned
element_find(const char *text, size_t len)
{
	char name[16];

	if (len == 0 || len >= sizeof name || text[0] < 'a' || text[0] > 'z')
		return 0;
	memcpy(name, text, len);
	name[len] = '\0';
	return tape_dtype_parse(name);
}

static int
read_extent(struct reading *r, uint64_t *out)
{
	size_t start = r->at;
	uint64_t v = 0;

	*out = PARTIAL_ANY_EXTENT;
	if (at_char(r, '*')) {
		r->at++;
		return 0;
	}
	while (r->at < r->len && r->text[r->at] >= '0' && r->text[r->at] <= '9') {
		if (v > (UINT64_MAX - 16) / 10)
			return fail(r, start, "expected a number of elements");
		v = v * 10 + (uint64_t)(r->text[r->at++] - '0');
	}
	if (r->at == start)
		return fail(r, start, "expected a number of elements, or *");
	*out = v;
	return 0;
}

/* Behind "[". */
static int
read_dims(struct reading *r, struct partial_field *field)
{
	int status = 0;

	skip_blanks(r);
	field->ndim = PARTIAL_ANY_RANK;
	if (!at_char(r, ']'))
		field->ndim = 0;
	while (status == 0 && !at_char(r, ']')) {
		if (field->ndim == TAPE_MAX_DIMS)
			return fail(r, r->at, "expected at most 8 extents");
		status = read_extent(r, &field->dims[field->ndim++]);
		skip_blanks(r);
		if (status != 0 || at_char(r, ']'))
			break;
		if (!at_char(r, ','))
			return fail(r, r->at, "expected \",\" or \"]\"");
		r->at++;
		skip_blanks(r);
		if (at_char(r, ']'))
			return fail(r, r->at, "expected a number of elements, or *");
	}
	r->at++;
	return status;
}

static int
read_type(struct reading *r, struct partial_field *field)
{
	size_t start = r->at, len;
	const struct word *word;
	unsigned dtype;

	while (!ends_word(r))
		r->at++;
	len = r->at - start;
	word = word_find(r->text + start, len);
	field->ndim = PARTIAL_ANY_RANK;
	if (!at_char(r, '[')) {
		if (word == NULL)
			return fail(r, start,
				    "expected a type: any bool int float number complex "
				    "str bytes text array i64 u64 f64 f32 c16 c8, or an "
				    "array such as float[] or f8[3,*]");
		field->types = word->types;
		return 0;
	}
	dtype = word == NULL ? element_find(r->text + start, len) : 0;
	if (dtype == 0 && (word == NULL || (word->dtypes == 0 && !word->any)))
		return fail(r, start,
			    "expected the type of an array's elements: any bool int "
			    "float number complex, or one of NumPy's, as f8 or i4");
	field->types = BIT(TAPE_ARRAY_T);
	field->dtypes = word != NULL ? word->dtypes : BIT(dtype);
	r->at++;
	return read_dims(r, field);
}

/* ---- fields ---- */

static char *
copy(const char *text, size_t len)
{
	char *made = malloc(len + 1);

	if (made != NULL) {
		memcpy(made, text, len);
		made[len] = '\0';
	}
	return made;
}

/* The type as it was written, without blanks and comments. */
static char *
copy_type(const char *text, size_t len)
{
	char *made = malloc(len + 1);
	size_t n = 0;
	bool comment = false;

	for (size_t i = 0; made != NULL && i < len; i++) {
		comment = text[i] == '#' || (comment && text[i] != '\n');
		if (!comment && !is_blank(text[i]))
			made[n++] = text[i];
	}
	if (made != NULL)
		made[n] = '\0';
	return made;
}

static void *
room(void *list, uint32_t *cap, uint32_t count, size_t size)
{
	uint32_t more = *cap == 0 ? 8 : *cap * 2;
	void *bigger = list;

	if (count >= *cap) {
		bigger = realloc(list, more * size);
		if (bigger != NULL)
			*cap = more;
	}
	return bigger;
}

static int
add_field(struct reading *r, const struct name *name, bool optional, uint32_t group)
{
	struct partial *p = r->partial;
	struct partial_field *field, *fields;
	size_t start;
	int status;

	if (p->count >= PARTIAL_FIELDS_MAX)
		return fail(r, name->at, "expected at most %u fields",
			    PARTIAL_FIELDS_MAX);
	fields = room(p->fields, &p->cap, p->count, sizeof *fields);
	if (fields == NULL)
		return nomem(r);
	p->fields = fields;
	field = &fields[p->count];
	memset(field, 0, sizeof *field);
	field->group = group;
	field->optional = optional;
	skip_blanks(r);
	start = r->at;
	status = read_type(r, field);
	if (status != 0)
		return status;
	field->name = copy(name->text, name->len);
	field->type = copy_type(r->text + start, r->at - start);
	field->name_len = name->len;
	p->count++;
	p->open |= partial_field_open(field);
	return field->name == NULL || field->type == NULL ? nomem(r) : 0;
}

static int
add_group(struct reading *r, uint32_t *group)
{
	struct partial *p = r->partial;
	struct partial_group *groups =
		room(p->groups, &p->group_cap, p->group_count, sizeof *groups);

	if (groups == NULL)
		return nomem(r);
	p->groups = groups;
	groups[p->group_count].prefix = copy(r->prefix, r->prefix_len);
	if (groups[p->group_count].prefix == NULL)
		return nomem(r);
	groups[p->group_count].prefix_len = r->prefix_len;
	groups[p->group_count].parent = *group;
	*group = ++p->group_count;
	return 0;
}

static int read_fields(struct reading *r, uint32_t group);

/* `name {` or `name? {`, at the brace. */
static int
read_group(struct reading *r, const struct name *name, bool optional, uint32_t group)
{
	uint32_t before = r->prefix_len;
	int status;

	if (r->depth >= PARTIAL_DEPTH_MAX)
		return fail(r, r->at, "expected at most %u levels of braces",
			    PARTIAL_DEPTH_MAX);
	if (name->len >= LIMIT_NAME)
		return fail(r, name->at, "expected a name of at most %u bytes",
			    LIMIT_NAME);
	memcpy(r->prefix, name->text, name->len);
	r->prefix[name->len] = '.';
	r->prefix_len = name->len + 1;
	status = optional ? add_group(r, &group) : 0;
	if (status == 0)
		status = read_fields(r, group);
	r->prefix_len = before;
	return status;
}

static int
read_field(struct reading *r, uint32_t group)
{
	struct name name;
	bool optional;
	int status = read_name(r, &name);

	if (status != 0)
		return status;
	skip_blanks(r);
	optional = at_char(r, '?');
	if (optional) {
		r->at++;
		skip_blanks(r);
	}
	if (at_char(r, '{'))
		return read_group(r, &name, optional, group);
	if (!at_char(r, ':'))
		return fail(r, r->at, "expected \":\" and a type, or \"{\"");
	r->at++;
	return add_field(r, &name, optional, group);
}

/* From the opening brace to behind the closing one. */
static int
read_fields(struct reading *r, uint32_t group)
{
	size_t open = r->at++;
	int status;

	r->depth++;
	for (;;) {
		skip_blanks(r);
		if (r->at >= r->len)
			return fail(r, r->at, "expected \"}\" for the \"{\" at byte %zu",
				    open + 1);
		if (at_char(r, '}'))
			break;
		status = read_field(r, group);
		if (status != 0)
			return status;
		skip_blanks(r);
		if (at_char(r, ','))
			r->at++;
		else if (!at_char(r, '}') && r->at < r->len)
			return fail(r, r->at, "expected \",\" or \"}\"");
	}
	r->at++;
	r->depth--;
	return 0;
}

/* ---- the whole ---- */

static int
compare_fields(const void *a, const void *b)
{
	const struct partial_field *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int
check_distinct(const struct reading *r, size_t at)
{
	const struct partial *p = r->partial;
	const struct partial_field **order = malloc((p->count + 1u) * sizeof *order);
	int status = 0;

	if (order == NULL)
		return nomem(r);
	for (uint32_t i = 0; i < p->count; i++)
		order[i] = &p->fields[i];
	qsort(order, p->count, sizeof *order, compare_fields);
	for (uint32_t i = 1; i < p->count && status == 0; i++)
		if (strcmp(order[i - 1]->name, order[i]->name) == 0)
			status = fail(r, at, "expected each field once: %.100s is twice",
				      order[i]->name);
	free(order);
	return status;
}

int
partial_parse(const char *text, size_t len, size_t *at, struct partial **out,
	      struct tape_error *err)
{
	struct reading r = { .text = text, .len = len, .at = *at, .err = err };
	int status;

	if (*at >= len || text[*at] != '{')
		return fail(&r, *at, "expected \"{\"");
	r.partial = calloc(1, sizeof *r.partial);
	if (r.partial == NULL)
		return nomem(&r);
	status = read_fields(&r, 0);
	if (status == 0)
		status = check_distinct(&r, *at);
	if (status != 0) {
		partial_free(r.partial);
		return status;
	}
	*at = r.at;
	*out = r.partial;
	return 0;
}

void
partial_free(struct partial *partial)
{
	if (partial == NULL)
		return;
	for (uint32_t i = 0; i < partial->count; i++) {
		free(partial->fields[i].name);
		free(partial->fields[i].type);
	}
	for (uint32_t i = 0; i < partial->group_count; i++)
		free(partial->groups[i].prefix);
	free(partial->fields);
	free(partial->groups);
	free(partial);
}

void
partial_place(const char *text, size_t at, unsigned *line, unsigned *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < at; i++) {
		++*column;
		if (text[i] == '\n') {
			++*line;
			*column = 1;
		}
	}
}
