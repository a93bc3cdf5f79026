/* SPDX-License-Identifier: Apache-2.0 */
/* Described structures: what the compiler said about their members. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "search/name.h"
#include "search/partial.h"

bool
partial_known(const struct tape_partial *partial)
{
	return partial != NULL && partial->version >= 1 &&
	       partial->version <= TAPE_PARTIAL_VERSION && partial->count >= 1 &&
	       partial->count <= 32;
}

const struct tape_member_names *
partial_member_names(const struct tape_partial *partial, const struct tape_member *member)
{
	const struct tape_member_names *names;
	unsigned kind = member->kind[0];

	if (partial->version < 2 || partial->enums == NULL || *partial->enums == NULL ||
	    (kind != tape_kind_i64 && kind != tape_kind_u64 && kind != TAPE_MEMBER_ENUM))
		return NULL;
	for (names = (*partial->enums)(); names->count != 0; names++)
		if (names->offset == member->offset)
			return names;
	return NULL;
}

static bool
is_member(const struct tape_partial *partial, size_t offset)
{
	const struct tape_member *members = partial->list();

	for (uint32_t i = 0; i < partial->count; i++)
		if (members[i].offset == offset)
			return true;
	return false;
}

bool
partial_names_astray(const struct tape_partial *partial)
{
	const struct tape_member_names *names;

	if (partial->version < 2 || partial->enums == NULL || *partial->enums == NULL)
		return false;
	for (names = (*partial->enums)(); names->count != 0; names++)
		if (!is_member(partial, names->offset))
			return true;
	return false;
}

bool
partial_member_shape(const struct tape_member *m, struct partial_shape *out)
{
	size_t element;
	unsigned level = 0;

	memset(out, 0, sizeof *out);
	while (level < 3 && m->kind[level] == 0)
		level++;
	out->kind = m->kind[level];
	out->size = m->size[0];
	if (out->kind < tape_kind_array)
		return level == 0 && out->kind != 0 && out->size != 0;
	out->text = out->kind == TAPE_MEMBER_TEXT && level == 0;
	out->dtype = out->kind == TAPE_MEMBER_TEXT
			     ? TAPE_I1
			     : (uint8_t)(out->kind - tape_kind_array);
	element = tape_dtype_size(out->dtype);
	if (element == 0)
		return false;
	out->kind = (unsigned char)(tape_kind_array + out->dtype);
	out->ndim = (uint8_t)(level + 1);
	for (unsigned i = 0; i < level; i++) {
		if (m->size[i + 1] == 0)
			return false;
		out->dims[i] = m->size[i] / m->size[i + 1];
	}
	out->dims[level] = m->size[level] / element;
	return true;
}

size_t
partial_member_name(const char **rest, char name[LIMIT_NAME + 1])
{
	const char *piece;
	size_t len;

	if (!name_next_piece(rest, &piece, &len))
		len = 0;
	(void)name_from_text(len == 0 ? "?" : piece, len == 0 ? 1 : len, name);
	return strlen(name);
}

bool
partial_member_optional(const struct tape_partial *partial, const char *name)
{
	const char *rest = partial->optional != NULL ? *partial->optional : NULL;
	const char *piece;
	char text[LIMIT_NAME + 1];
	size_t len;

	while (rest != NULL && name_next_piece(&rest, &piece, &len)) {
		(void)name_from_text(piece, len, text);
		len = strlen(text);
		if (strncmp(name, text, len) == 0 &&
		    (name[len] == '\0' || name[len] == '.' || name[len] == '['))
			return true;
	}
	return false;
}

static const char *
scalar_type(unsigned kind)
{
	switch (kind) {
	case tape_kind_bool:
		return "bool";
	case tape_kind_f64:
	case tape_kind_ld:
		return "float";
	case tape_kind_f32:
		return "f32";
	case tape_kind_c16:
	case tape_kind_cld:
		return "complex";
	case tape_kind_c8:
		return "c8";
	case tape_kind_text:
		return "text";
	default:
		return "int";
	}
}

#define DESCRIBED_FIELD (2 * LIMIT_NAME + TAPE_MAX_DIMS * 24 + 32)

/* One field, of less than DESCRIBED_FIELD bytes. */
static size_t
described_field(char *to, const char *name, bool optional,
		const struct tape_member *member)
{
	struct partial_shape shape;
	const char *type;
	size_t n = 0, cap = DESCRIBED_FIELD;

	to[n++] = '"';
	for (; *name != '\0'; name++) {
		if (*name == '"' || *name == '\\')
			to[n++] = '\\';
		to[n++] = *name;
	}
	if (!partial_member_shape(member, &shape))
		shape = (struct partial_shape){ .kind = tape_kind_none, .text = true };
	type = shape.text	 ? "text"
	       : shape.ndim != 0 ? tape_dtype_name(shape.dtype)
				 : scalar_type(shape.kind);
	n += (size_t)snprintf(to + n, cap - n, "\"%s: %s", optional ? "?" : "", type);
	for (unsigned i = 0; !shape.text && i < shape.ndim; i++)
		n += (size_t)snprintf(to + n, cap - n, "%s%llu", i == 0 ? "[" : ",",
				      (unsigned long long)shape.dims[i]);
	n += (size_t)snprintf(to + n, cap - n, "%s, ",
			      !shape.text && shape.ndim != 0 ? "]" : "");
	return n;
}

char *
partial_described(const struct tape_partial *described)
{
	char *text = malloc(described->count * DESCRIBED_FIELD + 8), name[LIMIT_NAME + 1];
	const char *rest = described->members;
	size_t n = 0;

	if (text == NULL)
		return NULL;
	text[n++] = '{';
	for (uint32_t i = 0; i < described->count; i++) {
		(void)partial_member_name(&rest, name);
		n += described_field(text + n, name,
				     partial_member_optional(described, name),
				     &described->list()[i]);
	}
	text[n++] = '}';
	text[n] = '\0';
	return text;
}
