/* SPDX-License-Identifier: Apache-2.0 */
/* Where the values of a scope are: its own body, or that of the scope it stands for. */
#ifndef TAPE_SEARCH_CONTENT_H
#define TAPE_SEARCH_CONTENT_H

#include "search/source.h"

struct content {
	const struct form *form; /* lays out body */
	const uint8_t *body;
	size_t len;
	struct source *of;	   /* who answers for the body's place */
	struct source_place place; /* of the body */
	bool mapped;  /* `form` is not the scope's own: variables go by name */
	bool lost;    /* there is none; reported */
	bool checked; /* body_check was asked */
	size_t canonical_len;
};

/*
 * Finds the content of a record. What is missing or does not fit is reported
 * and gives content with `lost` set. Borrowed until the source's next step or
 * lookup. Negative: cannot go on.
 */
int content_get(struct source *source, const struct source_record *rec,
		struct content *out, struct tape_error *err);
/* The same without the bytes of long values, where that is cheaper: they count by their hash. */
int content_get_canonical(struct source *source, const struct source_record *rec,
			  struct content *out, struct tape_error *err);
/* Are the variables of a form among those of another, under the same labels? */
bool content_is_subset(const struct form *own, const struct form *of);
/* Checks the body; false: reported, and content->lost is set. */
bool content_check(struct content *content);
/* Index in content->form of variable `index` of the scope's own form, or -1. */
int64_t content_index(const struct content *content, const struct form *own,
		      uint32_t index);
/* Values by the scope's own form, in name order, and where blobs are (NULL: not asked). Checked content only. */
void content_values(const struct content *content, const struct form *own,
		    struct tape_value *values, struct body_hint *hints);
/* Identity of a scope of form `own` with this content. Checked content only. */
int content_hash(const struct form *own, const struct content *content,
		 struct tape_hash *out, struct tape_error *err);

#endif
