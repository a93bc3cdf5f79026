/* SPDX-License-Identifier: Apache-2.0 */
/* What is known while everything that takes part goes into packs. */
#ifndef TAPE_COMPACTOR_PACKING_H
#define TAPE_COMPACTOR_PACKING_H

#include "compactor/blobs.h"
#include "compactor/blocks.h"
#include "compactor/carry.h"
#include "compactor/dedup.h"
#include "compactor/earlier.h"

struct packing {
	struct compaction *c;
	struct pack_writer *writer;
	struct pack_codec *codec;
	struct forms forms;
	struct blocks *blocks;
	struct blobs *blobs;
	struct carry *carry; /* NULL: packs that come along do so as they are */
	struct dedup dedup;
	struct earlier *earlier;
	struct scopepack_session *sessions;
	uint32_t session_count;
	uint8_t (*foreign)[16];
	uint32_t foreign_count;
	uint64_t rows;
	uint64_t left_out;	 /* results that were withdrawn */
	uint64_t left_out_drops; /* what said so */
	uint32_t *
		stand_ins; /* by number of a form: that of what stands in its place; 0 = none yet */
	uint32_t stand_in_cap;
	/* the session at hand */
	struct part *part;
	struct source *source;
	struct scopepack_session *session;
	bool excused; /* session->excused_from is known */
	bool no_memory;
	struct tape_value *values;
	struct body_hint *hints;
	size_t value_cap;
};

/* ---- pack_rows.c ---- */
/* Adds the row of a record with its content, and what blobs it brings. */
int pack_rows_add(struct packing *p, const struct source_record *rec,
		  struct block_row *row);

#endif
