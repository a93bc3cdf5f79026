/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns of which one row, or one look, is wanted. The first time they are not
 * decoded in full, or not kept; from the second on they are as packed_cache.h
 * has them.
 */
#ifndef TAPE_SEARCH_PACKED_ONE_H
#define TAPE_SEARCH_PACKED_ONE_H

#include "search/packed_cache.h"

/* A column of occurrences, borrowed until the next call that takes the cache. */
int packed_one_pass(struct packed_cache *c, uint32_t block, uint32_t group,
		    enum row_column which, struct column *out, struct tape_error *err);
/*
 * Rows of a group whose content reference is one of `refs`, ascending: room for
 * GROUP_ROWS.
 */
int packed_one_scan(struct packed_cache *c, uint32_t block, uint32_t group,
		    const uint64_t *refs, size_t ref_count, uint16_t *rows,
		    uint32_t *count, struct tape_error *err);
/* One row of a column of occurrences; of the forms of contents. */
int packed_one_row(struct packed_cache *c, uint32_t block, uint32_t group,
		   enum row_column which, uint32_t row, uint64_t *out,
		   struct tape_error *err);
int packed_one_form(struct packed_cache *c, uint32_t block, uint32_t group, uint32_t row,
		    uint32_t *out, struct tape_error *err);
/* One row of a column of contents, as it stands in a canonical part, appended to *to. */
int packed_one_value(struct packed_cache *c, uint32_t block, uint32_t group,
		     uint32_t column, uint32_t row, struct pack_bytes *to,
		     struct tape_error *err);

#endif
