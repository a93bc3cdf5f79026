/* SPDX-License-Identifier: Apache-2.0 */
/* A scope as it is shown. Laid out when somebody looks at its variables, not before. */
#ifndef TAPE_SEARCH_SCOPE_H
#define TAPE_SEARCH_SCOPE_H

#include "search/content.h"
#include "search/source.h"

struct tape_scope {
	struct source *source;
	uint64_t session[2];
	struct source_record rec;
	/* Filled on demand; one scope belongs to one thread. */
	struct content content;
	bool has_content, has_values;
	struct tape_value *values;
	struct body_hint *hints;
	size_t cap;
};

/* Shows another record. content may be NULL: it is found when it is needed. TAPE_ERR_NOMEM: shows what it did. */
int scope_show(struct tape_scope *scope, struct source *source,
	       const struct source_record *rec, const struct content *content);
void scope_release(struct tape_scope *scope);
/* Value `index`, laid out; and its hint (blobs). */
const struct tape_value *scope_value(const struct tape_scope *scope, size_t index,
				     struct body_hint *hint);

/* blob.c: is the loose blob of that name there, with that size? 1, 0, negative errno. */
int blob_loose_fits(struct tape_reader *reader, const struct tape_hash *hash,
		    uint64_t size);

#endif
