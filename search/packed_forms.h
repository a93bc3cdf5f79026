/* SPDX-License-Identifier: Apache-2.0 */
/* What is worked out once about the forms of a generation. For any number of threads. */
#ifndef TAPE_SEARCH_PACKED_FORMS_H
#define TAPE_SEARCH_PACKED_FORMS_H

#include "format/scopepack.h"

struct packed_forms;
/* NULL: no memory. The pack outlives it. */
struct packed_forms *packed_forms_new(const struct scopepack *p);
void packed_forms_free(struct packed_forms *f); /* NULL is fine */
/* Forms of a context. */
uint32_t packed_forms_of(const struct packed_forms *f, uint32_t context,
			 const uint32_t **forms);
/* Do all forms with the labels, names and types of this one store its variables alike? */
bool packed_forms_alike(const struct packed_forms *f, uint32_t form);
/* The same form with all its long values kept as hashes, so that a body has no tail. NULL: no memory. */
const struct form *packed_forms_hashed(struct packed_forms *f, uint32_t form);

#endif
