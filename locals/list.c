/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "locals/walk.h"

struct local_var *
list_add(struct local_list *list)
{
	if (list->count == LOCALS_MAX) {
		list->full = true;
		return NULL;
	}
	if (list->count == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 16;
		struct local_var *more = realloc(list->vars, cap * sizeof *more);

		if (!more) {
			list->failed = true;
			return NULL;
		}
		list->vars = more;
		list->cap = cap;
	}
	list->vars[list->count] = (struct local_var){ .name = NULL };
	return &list->vars[list->count++];
}

char *
list_text(struct local_list *list, const char *format, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0) {
		list->failed = true;
		text = NULL;
	}
	va_end(ap);
	return text;
}

void
local_list_release(struct local_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->vars[i].name);
		free(list->vars[i].expression);
		for (unsigned k = 0; k < TAPE_MAX_DIMS; k++)
			free(list->vars[i].row[k]);
	}
	free(list->vars);
	*list = (struct local_list){ .vars = NULL };
}

void
local_sites_free(struct local_site *sites)
{
	while (sites) {
		struct local_site *next = sites->next;

		local_list_release(&sites->list);
		free(sites->file);
		free(sites->func);
		free(sites);
		sites = next;
	}
}
