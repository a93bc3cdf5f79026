/* SPDX-License-Identifier: Apache-2.0 */
/* tape-info --emit-partial: what the scopes of a label have in common. */
#include "cli/info_partial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/mem.h"

/* ---- gathering ---- */

static int
order(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int r = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return r != 0 ? r : (a_len > b_len) - (a_len < b_len);
}

static void
learn_array(struct partial_var *var, const struct tape_value *v)
{
	bool first = (var->types & 1u << TAPE_ARRAY_T) == 0;

	var->dtypes |= 1u << (v->dtype & 31u);
	var->fortran |= v->fortran && v->ndim > 1;
	if (first) {
		var->ndim = v->ndim;
		memcpy(var->dims, v->dims, sizeof var->dims);
	}
	if (var->ndim != v->ndim)
		var->ndim = PARTIAL_RANKS;
	for (unsigned i = 0; i < v->ndim && var->ndim == v->ndim; i++)
		if (var->dims[i] != v->dims[i])
			var->dims[i] = UINT64_MAX;
}

static void
learn(struct partial_var *var, const struct tape_value *v)
{
	if (v->type == TAPE_NULL || v->type == TAPE_ABSENT)
		return;
	var->scopes++;
	if (v->type == TAPE_ARRAY_T)
		learn_array(var, v);
	if ((v->type == TAPE_STR || v->type == TAPE_BYTES_T) && v->size > var->longest)
		var->longest = v->size;
	var->types |= 1u << (v->type & 31u);
}

static struct partial_var *
insert(struct partial_vars *vars, size_t at, const struct tape_var *var)
{
	vars->items =
		mem_grow(vars->items, &vars->cap, vars->count + 1, sizeof *vars->items);
	memmove(&vars->items[at + 1], &vars->items[at],
		(vars->count - at) * sizeof *vars->items);
	vars->count++;
	memset(&vars->items[at], 0, sizeof vars->items[at]);
	vars->items[at].name = mem_text(var->name, var->name_len);
	vars->items[at].name_len = var->name_len;
	return &vars->items[at];
}

/* Both are in name order. */
static void
learn_scope(struct partial_vars *vars, const struct tape_scope *scope)
{
	size_t count = tape_scope_var_count(scope), at = 0;

	vars->scopes++;
	for (size_t i = 0; i < count; i++) {
		struct tape_var var = tape_scope_var(scope, i);
		int r = 1;

		while (at < vars->count &&
		       (r = order(vars->items[at].name, vars->items[at].name_len,
				  var.name, var.name_len)) < 0)
			at++;
		if (at == vars->count || r != 0)
			(void)insert(vars, at, &var);
		learn(&vars->items[at], var.value);
	}
}

/* Is it the innermost label, or the whole path? */
static bool
is_of(const struct tape_scope *scope, const char *label, bool path)
{
	size_t count = tape_scope_label_count(scope);

	return count > 0 &&
	       (path || strcmp(tape_scope_label(scope, count - 1), label) == 0);
}

static char *
query_text(const char *label, bool path)
{
	struct out text;

	out_hold(&text);
	out_str(&text, path ? "_path=\"" : "_label=\"");
	for (; *label; label++) {
		if (*label == '"' || *label == '\\')
			out_char(&text, '\\');
		out_char(&text, *label);
	}
	out_mem(&text, "\"", 2); /* with its NUL */
	return text.buf;
}

static int
gather(struct info *info, struct tape_reader *reader, const char *label,
       struct partial_vars *vars)
{
	bool path = strchr(label, '/') != NULL;
	char *text = query_text(label, path);
	struct ask ask;
	const struct tape_scope *scope;
	struct tape_error err = { 0 };
	int r = ask_begin(&ask, reader, text, NULL, &err);

	while (r == 0 && (r = ask_next(&ask, &scope, &err)) == 1) {
		r = 0;
		if (is_of(scope, label, path))
			learn_scope(vars, scope);
	}
	ask_end(&ask);
	free(text);
	return r < 0 ? cli_fail(&info->cli, info->tape, &err) : CLI_OK;
}

/* ---- the partial ---- */

#define BIT(type) (1u << (type))
#define WITHIN(mask, of) (((mask) & ~(uint32_t)(of)) == 0)
#define INTS (BIT(TAPE_I64) | BIT(TAPE_U64))
#define FLOATS (BIT(TAPE_F64) | BIT(TAPE_F32))

static const char *
scalar_type(uint32_t types)
{
	if (types == BIT(TAPE_BOOL))
		return "bool";
	if (WITHIN(types, INTS))
		return "int";
	if (types == BIT(TAPE_F32))
		return "f32";
	if (WITHIN(types, FLOATS))
		return "float";
	if (WITHIN(types, INTS | FLOATS))
		return "number";
	if (types == BIT(TAPE_C8))
		return "c8";
	if (WITHIN(types, BIT(TAPE_C16) | BIT(TAPE_C8)))
		return "complex";
	if (types == BIT(TAPE_STR))
		return "str";
	if (types == BIT(TAPE_BYTES_T))
		return "bytes";
	return WITHIN(types, BIT(TAPE_STR) | BIT(TAPE_BYTES_T)) ? "text" : "any";
}

static const char *
element_type(uint32_t dtypes)
{
	static const uint32_t ints = BIT(TAPE_I1) | BIT(TAPE_I2) | BIT(TAPE_I4) |
				     BIT(TAPE_I8) | BIT(TAPE_U1) | BIT(TAPE_U2) |
				     BIT(TAPE_U4) | BIT(TAPE_U8);
	static const uint32_t floats = BIT(TAPE_F2) | BIT(TAPE_F4) | BIT(TAPE_F8);

	for (unsigned i = 1; i < 32; i++)
		if (dtypes == BIT(i) && tape_dtype_name(i))
			return tape_dtype_name(i);
	if (WITHIN(dtypes, ints))
		return "int";
	if (WITHIN(dtypes, floats))
		return "float";
	if (WITHIN(dtypes, ints | floats))
		return "number";
	return WITHIN(dtypes, BIT(TAPE_C8_T) | BIT(TAPE_C16_T)) ? "complex" : "any";
}

void
info_partial_type(struct out *out, const struct partial_var *var)
{
	if (var->types != BIT(TAPE_ARRAY_T)) {
		out_str(out, scalar_type(var->types));
		return;
	}
	out_str(out, element_type(var->dtypes));
	out_char(out, '[');
	for (unsigned i = 0; var->ndim != PARTIAL_RANKS && i < var->ndim; i++) {
		if (i)
			out_char(out, ',');
		if (var->dims[i] == UINT64_MAX)
			out_char(out, '*');
		else
			out_u64(out, var->dims[i]);
	}
	out_char(out, ']');
}

/* Does it stand without quotes? */
static bool
is_plain(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || name[0] == '.' || name[len - 1] == '.' || strstr(name, ".."))
		return false;
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f ||
		    strchr("{}[]():?,\"#\\", *c))
			return false;
	return true;
}

static void
put_name(struct out *out, const char *name)
{
	if (is_plain(name)) {
		out_str(out, name);
		return;
	}
	out_char(out, '"');
	for (; *name; name++) {
		if (*name == '"' || *name == '\\')
			out_char(out, '\\');
		out_char(out, *name);
	}
	out_char(out, '"');
}

static void
put_partial(struct out *out, const char *label, const struct partial_vars *vars)
{
	const char *name = strrchr(label, '/') ? strrchr(label, '/') + 1 : label;

	out_printf(out, "# what %llu scopes have in common\n",
		   (unsigned long long)vars->scopes);
	for (const char *c = name; *c; c++)
		out_char(
			out,
			(unsigned char)*c < 0x80 &&
					!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"
						"OPQRSTUVWXYZ0123456789_-.:",
						*c)
				? '_'
				: *c);
	out_str(out, " {\n");
	for (size_t i = 0; i < vars->count; i++) {
		const struct partial_var *var = &vars->items[i];

		if (var->types == 0)
			continue; /* it never had a value */
		out_char(out, '\t');
		put_name(out, var->name);
		out_str(out, var->scopes < vars->scopes ? "?: " : ": ");
		info_partial_type(out, var);
		out_str(out, ",\n");
	}
	out_str(out, "}\n");
}

int
info_partial(struct info *info, struct tape_reader *reader, const char *label,
	     bool header)
{
	struct partial_vars vars = { 0 };
	int status = gather(info, reader, label, &vars);

	if (status == CLI_OK && vars.scopes == 0) {
		cli_error(&info->cli, "no scope has the label '%s'", label);
		cli_hint(&info->cli, "tape-info -v lists labels; a/b/c is a whole path");
		status = CLI_NOTHING;
	} else if (status == CLI_OK && !info->cli.quiet) {
		if (header)
			info_partial_header(&info->cli.out, label, &vars);
		else
			put_partial(&info->cli.out, label, &vars);
	}
	for (size_t i = 0; i < vars.count; i++)
		free(vars.items[i].name);
	free(vars.items);
	return status;
}
