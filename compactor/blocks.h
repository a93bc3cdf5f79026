/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows in tape order become blocks: gathered here, encoded by several threads,
 * written in order, so that the bytes do not depend on how many threads there are.
 */
#ifndef TAPE_COMPACTOR_BLOCKS_H
#define TAPE_COMPACTOR_BLOCKS_H

#include "compactor/compaction.h"
#include "compactor/forms.h"

struct blocks;
/*
 * forms outlives it and may grow between calls. Nothing of err is kept. memory:
 * bytes for what is known of all contents; the rest goes to a file in `dir`.
 */
int blocks_new(struct pack_writer *writer, const struct forms *forms, int level,
	       unsigned jobs, uint64_t memory, int dir, struct blocks **out,
	       struct tape_error *err);
/*
 * Adds a row; `check` is that of the content that it is to have (verify_check). With canonical not NULL it brings a content that is new, laid out by `form`: its
 * reference is the number of contents so far, whatever row->content says. Else
 * row->content is CONTENT_LOST, a foreign reference, or what an earlier call's
 * reference was.
 */
int blocks_add(struct blocks *b, const struct block_row *row, uint64_t check,
	       uint32_t form, const uint8_t *canonical, size_t len,
	       struct tape_error *err);
uint64_t blocks_contents(const struct blocks *b); /* so far */
/* What is left is written. infos and digests stay b's. */
int blocks_finish(struct blocks *b, struct scopepack_block_info **infos,
		  struct verify_block **digests, uint32_t *count, struct tape_error *err);
void blocks_free(struct blocks *b); /* NULL is fine */

#endif
