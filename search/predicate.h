/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A query asked of scopes that are on no tape yet, for a recorder that decides
 * what it keeps: the same language, compiled and evaluated by the same code. What
 * only a place on the tape answers (_pos, _seq, _link and the like) is refused.
 */
#ifndef TAPE_SEARCH_PREDICATE_H
#define TAPE_SEARCH_PREDICATE_H

#include "search/source.h"

struct predicate; /* belongs to one thread at a time */
/* A predicate resolved against one form. */
struct predicate_form;

/* Name, host, rank and so on are copied; `facts` and `partials` may be NULL: then none is known. Neither is kept. */
int predicate_new(const char *text, const uint64_t session[2],
		  const struct source_facts *facts, const struct tape_partials *partials,
		  struct predicate **out, struct tape_error *err);
void predicate_free(struct predicate *predicate);
/* NULL: no memory. The form must stay where it is for as long. */
struct predicate_form *predicate_form_new(struct predicate *predicate,
					  const struct form *form);
void predicate_form_free(struct predicate_form *form);
/*
 * 1 = matches, 0 = does not, negative = cannot say (a regular expression took too
 * many steps; no memory). The body is a valid one of the form; blobs need not be there.
 */
int predicate_match(struct predicate *predicate, struct predicate_form *form,
		    const uint8_t *body, size_t len, int64_t time,
		    struct tape_error *err);

#endif
