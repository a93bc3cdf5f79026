/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of a session that one generation holds, as a source.
 *
 * Rows of a block are ordered by (context, session, seq), so those of a session
 * are a piece of each run. A walk takes the pieces whose forms are wanted, block
 * by block, and puts them into the order of their seqs; columns beyond session,
 * seq, form and kind are read when somebody looks at what they hold.
 */
#ifndef TAPE_SEARCH_PACKED_H
#define TAPE_SEARCH_PACKED_H

#include "search/content.h"
#include "search/facts.h"
#include "search/packed_cache.h"
#include "search/packed_filter.h"
#include "search/packed_forms.h"
#include "search/snapshot.h"

#define CONTENT_UNKNOWN (CONTENT_LOST - 1) /* no reference is that */

/* A row of the block at hand. */
struct packed_row {
	uint64_t seq, content; /* CONTENT_UNKNOWN: not read yet */
	uint32_t form;
	uint32_t row : 24; /* in the block */
	uint32_t kind : 8; /* enum row_kind */
};

struct packed_rows {
	struct packed_row *items;
	size_t count, cap;
};

struct packed {
	struct source base; /* first */
	struct generations *set;
	struct generation *of;
	uint32_t generation, session; /* their indexes */
	const struct scopepack_session *entry;
	struct source *whole; /* of which this is a part, or itself */
	struct facts about;
	struct source_form **forms; /* by number, made when first met */
	uint8_t *contexts;	    /* by number: enum packed_context */

	struct source_iter iter;
	uint32_t block, block_end; /* the one at hand, and where the walk ends */
	bool walking, in_block;
	struct packed_rows rows;   /* of the block, wanted, by seq */
	struct packed_rows sorted; /* memory for sorting */
	uint32_t *places;	   /* the same */
	size_t place_cap;
	size_t at; /* in rows */

	struct pack_bytes body, value;	      /* laid out for the one who asked last */
	uint8_t *blob;			      /* long value of the last ops->value */
	const struct form *subset, *superset; /* found to be that */
	uint32_t near_block;		      /* of the last content */
};

/* Is any form of a context wanted? */
enum packed_context { CONTEXT_UNKNOWN, CONTEXT_REFUSED, CONTEXT_WANTED };

/* The part of a session (index in its table) in an opened generation. Closed before the set is released. */
int packed_open(struct generations *set, uint32_t generation, uint32_t session,
		struct source **out, struct tape_error *err);
/* It is a part of that source: targets of links may be in other parts. */
void packed_part_of(struct source *packed, struct source *whole);

/* What went wrong in a block: 0 = told, its rows are lost; negative = cannot go on. */
int packed_failed(struct packed *p, uint32_t block, int r, const struct tape_error *why,
		  const char *lost, struct tape_error *err);
struct source_form *packed_form(struct packed *p, uint32_t number);
void packed_record(struct packed *p, uint32_t block, const struct packed_row *row,
		   struct source_record *out);

/* ---- packed_rows.c ---- */
/* Blocks that may hold seqs lo to hi of the session: [*first, *end). */
void packed_blocks(const struct packed *p, uint64_t lo, uint64_t hi, uint32_t *first,
		   uint32_t *end);
/* p->rows: those of the session in a block that the walk wants, by seq. */
int packed_rows_collect(struct packed *p, uint32_t block, struct tape_error *err);
/* 1 = *out, 0 = it is not there. */
int packed_rows_find(struct packed *p, uint64_t seq, uint32_t *block,
		     struct packed_row *out, struct tape_error *err);

/* ---- packed_content.c ---- */
int packed_content(struct source *source, const struct source_record *rec, bool tail,
		   struct content *out, struct tape_error *err);
int packed_value(struct source *source, const struct source_record *rec, uint32_t index,
		 struct tape_value *out, struct body_hint *hint, struct tape_error *err);
void packed_content_release(struct packed *p);

#endif
