/* SPDX-License-Identifier: Apache-2.0 */
/* tape-info --emit-partial LABEL -o header: a structure for the scopes of a label. */
#include <stdlib.h>
#include <string.h>

#include "cli/info_partial.h"
#include "cli/mem.h"

#define MEMBERS_MAX 32u /* of one TAPE_DESCRIBE */

static bool
is_word(const char *c, size_t len)
{
	static const char *const taken[] = {
		"alignas",	"alignof",   "asm",	 "auto",
		"bool",		"break",     "case",	 "catch",
		"char",		"class",     "const",	 "constexpr",
		"continue",	"decltype",  "default",	 "delete",
		"do",		"double",    "else",	 "enum",
		"explicit",	"extern",    "false",	 "float",
		"for",		"friend",    "goto",	 "if",
		"inline",	"int",	     "linux",	 "long",
		"mutable",	"namespace", "new",	 "noexcept",
		"nullptr",	"operator",  "private",	 "protected",
		"public",	"register",  "restrict", "return",
		"short",	"signed",    "sizeof",	 "static",
		"struct",	"switch",    "template", "this",
		"throw",	"true",	     "try",	 "typedef",
		"typeof",	"typeid",    "typename", "union",
		"unix",		"unsigned",  "using",	 "virtual",
		"void",		"volatile",  "while",	 "and",
		"or",		"not",	     "xor",	 "static_assert",
		"thread_local", "wchar_t",   "export",	 "I",
		"errno",	"NULL",	     "complex",	 "TAPE",
	};

	for (size_t i = 0; i < len; i++)
		if (!((c[i] >= 'a' && c[i] <= 'z') || (c[i] >= 'A' && c[i] <= 'Z') ||
		      c[i] == '_' || (i > 0 && c[i] >= '0' && c[i] <= '9')))
			return false;
	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
		if (strlen(taken[i]) == len && memcmp(taken[i], c, len) == 0)
			return false;
	/* Those are the compiler's. */
	return len > 0 &&
	       !(len > 1 && c[0] == '_' && (c[1] == '_' || (c[1] >= 'A' && c[1] <= 'Z')));
}

/* Words between dots. */
static bool
is_member(const char *name)
{
	for (;;) {
		size_t len = strcspn(name, ".");

		if (!is_word(name, len))
			return false;
		if (name[len] == '\0')
			return true;
		name += len + 1;
	}
}

static const char *
c_type(unsigned type)
{
	switch (type) {
	case TAPE_BOOL:
		return "bool";
	case TAPE_I64:
		return "int64_t";
	case TAPE_U64:
		return "uint64_t";
	case TAPE_F64:
		return "double";
	case TAPE_F32:
		return "float";
	case TAPE_C16:
		return "double _Complex";
	case TAPE_C8:
		return "float _Complex";
	default:
		return NULL;
	}
}

static const char *
c_element(unsigned dtype)
{
	static const char *const names[] = {
		[TAPE_B1] = "bool",
		[TAPE_I1] = "int8_t",
		[TAPE_I2] = "int16_t",
		[TAPE_I4] = "int32_t",
		[TAPE_I8] = "int64_t",
		[TAPE_U1] = "uint8_t",
		[TAPE_U2] = "uint16_t",
		[TAPE_U4] = "uint32_t",
		[TAPE_U8] = "uint64_t",
		[TAPE_F4] = "float",
		[TAPE_F8] = "double",
		[TAPE_C8_T] = "float _Complex",
		[TAPE_C16_T] = "double _Complex",
	};

	return dtype < sizeof names / sizeof names[0] ? names[dtype] : NULL;
}

/* The one bit that is set, or 0. */
static unsigned
only(uint32_t mask)
{
	unsigned i = 0;

	while (i < 31 && mask >> i != 1)
		i++;
	return mask == 1u << i ? i : 0;
}

/* What its C type is, or NULL and why it has none. */
static const char *
member_type(const struct partial_var *var, const char **why)
{
	unsigned type = only(var->types);
	uint32_t texts = 1u << TAPE_STR | 1u << TAPE_BYTES_T;

	*why = "its type differs from scope to scope";
	if (var->types == (1u << TAPE_F64 | 1u << TAPE_F32))
		return "double";
	if (var->types == (1u << TAPE_C16 | 1u << TAPE_C8))
		return "double _Complex";
	if (type == TAPE_BYTES_T)
		*why = "bytes: TAPE_BYTES(p, n)";
	else if ((var->types & ~texts) == 0)
		return var->longest < 65536 ? "char" : (*why = "long text: char *", NULL);
	if (type != TAPE_ARRAY_T)
		return c_type(type);
	*why = "the type of its elements differs from scope to scope";
	if (only(var->dtypes) == 0)
		return NULL;
	*why = "its elements have no type in C";
	if (c_element(only(var->dtypes)) == NULL)
		return NULL;
	*why = "the first index runs fastest: TAPE_FARRAY(p, ...)";
	if (var->fortran)
		return NULL;
	*why = "its size differs from scope to scope: TAPE_NEW(&p, &n)";
	if (var->ndim == PARTIAL_RANKS)
		return NULL;
	for (unsigned i = 0; i < var->ndim; i++)
		if (var->dims[i] == UINT64_MAX || var->dims[i] == 0)
			return NULL;
	*why = "it has more than four dimensions: TAPE_ARRAY(p, ...)";
	return var->ndim <= 4 ? c_element(only(var->dtypes)) : NULL;
}

/* Is one of the structures that it would stand in a variable itself? */
static bool
below_another(const struct partial_vars *vars, size_t at)
{
	const char *name = vars->items[at].name;

	for (size_t i = 0; i < at; i++) {
		size_t len = vars->items[i].name_len;

		if (strncmp(vars->items[i].name, name, len) == 0 && name[len] == '.')
			return true;
	}
	return false;
}

static void
indent(struct out *out, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		out_char(out, '\t');
}

/* From a name to the next: closes and opens structures. Returns how deep it is now. */
static unsigned
move(struct out *out, const char *from, const char *to, unsigned depth)
{
	size_t same = 0, at = 0;
	unsigned keep = 1;

	/* Structures that both stand in. */
	while (from[at] != '\0' && from[at] == to[at]) {
		if (from[at] == '.') {
			same = at + 1;
			keep++;
		}
		at++;
	}
	while (depth > keep) {
		/* The name of the one that ends: the last but so many of `from`. */
		size_t begin = 0, end, n = 1;

		for (size_t i = 0; n < depth - 1; i++)
			if (from[i] == '.') {
				begin = i + 1;
				n++;
			}
		end = begin + strcspn(from + begin, ".");
		depth--;
		indent(out, depth);
		out_str(out, "} ");
		out_mem(out, from + begin, end - begin);
		out_str(out, ";\n");
	}
	for (const char *dot; (dot = strchr(to + same, '.')) != NULL;
	     same = (size_t)(dot - to) + 1) {
		indent(out, depth++);
		out_str(out, "struct {\n");
	}
	return depth;
}

static void
put_member(struct out *out, const struct partial_var *var, const char *type,
	   unsigned depth)
{
	const char *dot = strrchr(var->name, '.');

	indent(out, depth);
	out_str(out, type);
	out_char(out, ' ');
	out_str(out, dot ? dot + 1 : var->name);
	if (strcmp(type, "char") == 0) {
		out_char(out, '[');
		out_u64(out, var->longest + 1);
		out_char(out, ']');
	}
	for (unsigned i = 0; var->types == 1u << TAPE_ARRAY_T && i < var->ndim; i++) {
		out_char(out, '[');
		out_u64(out, var->dims[i]);
		out_char(out, ']');
	}
	out_str(out, ";\n");
}

/* Names as a comment may hold them. */
static void
put_comment(struct out *out, const struct partial_var *var, const char *why)
{
	out_str(out, " * ");
	for (const char *c = var->name; *c; c++)
		out_char(out,
			 *c == '/' || *c == '*' || (unsigned char)*c < ' ' ? '?' : *c);
	out_str(out, ": ");
	info_partial_type(out, var);
	out_str(out, ": ");
	out_str(out, why);
	out_char(out, '\n');
}

/* 0: it is a member, with *type. */
static const char *
why_not(const struct partial_vars *vars, size_t at, const char **type)
{
	const char *why = NULL;

	if (!is_member(vars->items[at].name))
		return "no name in C: TAPE_AS(\"...\", output)";
	if (below_another(vars, at))
		return "a variable stands above it: TAPE_AS(\"...\", output)";
	*type = member_type(&vars->items[at], &why);
	return *type ? NULL : why;
}

static void
put_names(struct out *out, const char *macro, const char *desc, unsigned number,
	  const char *type, const struct partial_var *const *members, size_t count)
{
	out_str(out, macro);
	out_char(out, '(');
	out_str(out, desc);
	if (number > 1)
		out_printf(out, "_%u", number);
	if (type)
		out_printf(out, ", struct %s", type);
	for (size_t i = 0; i < count; i++) {
		out_str(out, i % 6 == 5 ? ",\n\t" : ", ");
		out_str(out, members[i]->name);
	}
	out_str(out, ");\n");
}

/* A TAPE_DESCRIBE for so many members as it takes, then another. */
static void
describe(struct out *out, const char *desc, const struct partial_vars *vars,
	 const struct partial_var *const *members, size_t count)
{
	const struct partial_var *optional[MEMBERS_MAX];

	for (size_t at = 0, number = 1; at < count; at += MEMBERS_MAX, number++) {
		size_t n = count - at < MEMBERS_MAX ? count - at : MEMBERS_MAX, k = 0;

		put_names(out, "TAPE_DESCRIBE", desc, (unsigned)number, desc,
			  members + at, n);
		for (size_t i = 0; i < n; i++)
			if (members[at + i]->scopes < vars->scopes)
				optional[k++] = members[at + i];
		if (k)
			put_names(out, "TAPE_OPTIONAL", desc, (unsigned)number, NULL,
				  optional, k);
	}
}

/* A label as a name in C. */
static char *
c_name(const char *label)
{
	const char *last = strrchr(label, '/') ? strrchr(label, '/') + 1 : label;
	size_t len = strlen(last);
	char *name = mem_resize(NULL, len + 3);
	size_t n = 0;

	if (len == 0 || (last[0] >= '0' && last[0] <= '9') || last[0] == '_')
		name[n++] = 'l';
	for (size_t i = 0; i < len; i++)
		name[n++] = (last[i] >= 'a' && last[i] <= 'z') ||
					    (last[i] >= 'A' && last[i] <= 'Z') ||
					    (last[i] >= '0' && last[i] <= '9')
				    ? last[i]
				    : '_';
	if (!is_word(name, n))
		name[n++] = '_';
	name[n] = '\0';
	return name;
}

void
info_partial_header(struct out *out, const char *label, const struct partial_vars *vars)
{
	const struct partial_var **members =
		mem_resize(NULL, (vars->count + 1) * sizeof *members);
	char *desc = c_name(label);
	const char *type = NULL, *why, *before = "";
	unsigned depth = 1;
	size_t count = 0;

	out_printf(out, "/* What %llu scopes have in common. */\n",
		   (unsigned long long)vars->scopes);
	out_printf(out, "#ifndef TAPE_PARTIAL_%s\n#define TAPE_PARTIAL_%s\n\n", desc,
		   desc);
	out_str(out, "#include <stdbool.h>\n#include <stdint.h>\n#include "
		     "<tape/record.h>\n\n");
	for (size_t i = 0, any = 0; i < vars->count; i++) {
		why = vars->items[i].types ? why_not(vars, i, &type)
					   : "never had a value";
		if (!why)
			continue;
		out_str(out, any++ ? "" : "/* Not in the structure:\n");
		put_comment(out, &vars->items[i], why);
	}
	for (size_t i = 0; i < vars->count; i++)
		if (!vars->items[i].types || why_not(vars, i, &type)) {
			out_str(out, " */\n");
			break;
		}
	for (size_t i = 0; i < vars->count; i++) {
		if (!vars->items[i].types || why_not(vars, i, &type))
			continue;
		if (count == 0)
			out_printf(out, "struct %s {\n", desc);
		depth = move(out, before, vars->items[i].name, depth);
		put_member(out, &vars->items[i], type, depth);
		before = vars->items[i].name;
		members[count++] = &vars->items[i];
	}
	if (count) {
		(void)move(out, before, "", depth);
		out_str(out, "};\n");
		describe(out, desc, vars, members, count);
	}
	out_str(out, "\n#endif\n");
	free(members);
	free(desc);
}
