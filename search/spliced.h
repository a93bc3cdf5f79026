/* SPDX-License-Identifier: Apache-2.0 */
/* A session made of parts that follow each other by seq: of generations, and what is raw. */
#ifndef TAPE_SEARCH_SPLICED_H
#define TAPE_SEARCH_SPLICED_H

#include "search/source.h"

struct spliced_part {
	struct source *source;
	uint64_t first, last; /* seqs that can only be there */
};
/* Takes the parts over, also where it fails; `id` is the session's. */
int spliced_open(struct tape_reader *reader, const struct spliced_part *parts,
		 size_t count, struct source **out, struct tape_error *err);
/* As raw_extend, of the part that is raw. */
bool spliced_extend(struct source *source, const uint64_t *sizes);

#endif
