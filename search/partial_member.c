/* SPDX-License-Identifier: Apache-2.0 */
/* Described structures: what the compiler said about their members. */
#include <string.h>

#include "search/name.h"
#include "search/partial.h"

bool
partial_known(const struct tape_partial *partial)
{
	return partial != NULL && partial->version == TAPE_PARTIAL_VERSION &&
	       partial->count >= 1 && partial->count <= 32;
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
