/* SPDX-License-Identifier: Apache-2.0 */
/* Forms, contexts and columns of the generation that is being made, numbered by who comes first. */
#ifndef TAPE_COMPACTOR_FORMS_H
#define TAPE_COMPACTOR_FORMS_H

#include "format/scopepack.h"

struct forms {
	struct form **forms; /* by number; [0] unused */
	uint32_t *contexts;
	uint32_t **columns;
	uint32_t count, cap; /* count: without [0] */
	uint32_t context_count, column_count;
	struct scopepack_column *column_list;
	uint32_t column_cap;
	struct form_table {
		uint32_t *slots; /* number + 1 */
		uint32_t mask, count;
	} by_form, by_context, by_column;
	uint32_t *context_firsts; /* first form of each context */
	uint32_t context_cap;
};
/* The number of a form like this one, a copy of which is kept if it is new; 0 = no memory. */
uint32_t forms_number(struct forms *f, const struct form *form);
void forms_release(struct forms *f); /* all zero is fine */

#endif
