/* SPDX-License-Identifier: Apache-2.0 */
/* Does a form conform to a partial? */
#include <stdio.h>
#include <string.h>

#include "search/partial.h"

bool
partial_field_open(const struct partial_field *field)
{
	return (field->types & 1u << TAPE_ARRAY_T) != 0 &&
	       (field->dtypes != 0 || field->ndim != PARTIAL_ANY_RANK);
}

bool
partial_field_fits(const struct partial_field *field, const struct tape_value *array)
{
	if (field->dtypes != 0 && (field->dtypes >> (array->dtype & 31u) & 1u) == 0)
		return false;
	if (field->ndim == PARTIAL_ANY_RANK)
		return true;
	if (field->ndim != array->ndim)
		return false;
	for (unsigned i = 0; i < field->ndim; i++)
		if (field->dims[i] != PARTIAL_ANY_EXTENT &&
		    field->dims[i] != array->dims[i])
			return false;
	return true;
}

/* Null and absent are no values. */
static bool
has_value(const struct form_var *var)
{
	return var->type != TAPE_NULL && var->type != TAPE_ABSENT;
}

/* The first variable whose name is not before the prefix: those that begin with it follow each other. */
static uint32_t
first_below(const struct partial_group *group, const struct form *form)
{
	uint32_t lo = 0, hi = form->var_count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (strcmp(form->vars[mid].name, group->prefix) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool
group_is_there(const struct partial_group *group, const struct form *form)
{
	for (uint32_t i = first_below(group, form); i < form->var_count; i++) {
		if (strncmp(form->vars[i].name, group->prefix, group->prefix_len) != 0)
			return false;
		if (form->vars[i].name_len > group->prefix_len &&
		    has_value(&form->vars[i]))
			return true;
	}
	return false;
}

/* May it be missing: is one of the optional groups that it stands in left out? */
static bool
is_left_out(const struct partial *partial, const struct partial_field *field,
	    const struct form *form)
{
	for (uint32_t g = field->group; g != 0; g = partial->groups[g - 1].parent)
		if (!group_is_there(&partial->groups[g - 1], form))
			return true;
	return false;
}

uint8_t
partial_form(const struct partial *partial, const struct form *form,
	     struct partial_fault *fault)
{
	struct partial_fault none, *out = fault != NULL ? fault : &none;
	uint8_t answer = PARTIAL_YES;

	*out = (struct partial_fault){ .field = NULL };
	for (uint32_t i = 0; i < partial->count; i++) {
		const struct partial_field *field = &partial->fields[i];
		int64_t at = form_find(form, field->name, field->name_len);
		const struct form_var *var = at < 0 ? NULL : &form->vars[at];

		if (var == NULL || !has_value(var)) {
			if (field->optional || is_left_out(partial, field, form))
				continue;
			*out = (struct partial_fault){ field, 0, true };
			return PARTIAL_NO;
		}
		if ((field->types >> var->type & 1u) == 0) {
			*out = (struct partial_fault){ field, var->type, false };
			return PARTIAL_NO;
		}
		if (var->type == TAPE_ARRAY_T && partial_field_open(field))
			answer = PARTIAL_OPEN;
	}
	return answer;
}

/* "f8[3,4]" */
static void
array_text(const struct tape_value *value, char *text, size_t cap)
{
	const char *dtype = tape_dtype_name(value->dtype);
	int n = snprintf(text, cap, "%s[", dtype == NULL ? "?" : dtype);

	for (unsigned i = 0; i < value->ndim && n > 0 && (size_t)n < cap; i++)
		n += snprintf(text + n, cap - (size_t)n, "%s%llu", i == 0 ? "" : ",",
			      (unsigned long long)value->dims[i]);
	if (n > 0 && (size_t)n < cap)
		snprintf(text + n, cap - (size_t)n, "]");
}

void
partial_fault_text(const struct partial_fault *fault, const struct tape_value *value,
		   char *text, size_t cap)
{
	static const char *const names[] = {
		[TAPE_BOOL] = "bool",	  [TAPE_I64] = "i64", [TAPE_U64] = "u64",
		[TAPE_F64] = "f64",	  [TAPE_F32] = "f32", [TAPE_C16] = "c16",
		[TAPE_C8] = "c8",	  [TAPE_STR] = "str", [TAPE_BYTES_T] = "bytes",
		[TAPE_ARRAY_T] = "array",
	};
	const char *name =
		fault->type < sizeof names / sizeof names[0] ? names[fault->type] : NULL;
	char shape[256];

	if (fault->field == NULL) {
		snprintf(text, cap, "%s", "");
	} else if (fault->missing) {
		snprintf(text, cap, "%s: is missing, expected %s", fault->field->name,
			 fault->field->type);
	} else if (value != NULL) {
		array_text(value, shape, sizeof shape);
		snprintf(text, cap, "%s: is %s, expected %s", fault->field->name, shape,
			 fault->field->type);
	} else {
		snprintf(text, cap, "%s: is %s, expected %s", fault->field->name,
			 name == NULL ? "of an unknown type" : name, fault->field->type);
	}
}
