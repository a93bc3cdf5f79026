/* SPDX-License-Identifier: Apache-2.0 */
/* Which blocks have rows of which label, for the index. */
#ifndef TAPE_FORMAT_INDEX_LABELS_H
#define TAPE_FORMAT_INDEX_LABELS_H

#include "format/scopepack.h"

struct index_label_run {
	uint32_t context, rows;
};
struct index_labels;
int index_labels_new(const struct scopepack *p, uint64_t memory, int dir,
		     struct index_labels **out, struct tape_error *err);
void index_labels_free(struct index_labels *l); /* NULL is fine */
/* Runs of a block; each block once. */
int index_labels_add(struct index_labels *l, uint32_t block,
		     const struct index_label_run *runs, uint32_t count,
		     struct tape_error *err);
/* No more will come. */
int index_labels_finish(struct index_labels *l, struct tape_error *err);
/* The next section of labels, and its key in the directory: 1, 0 = that was all. */
int index_labels_section(struct index_labels *l, struct pack_bytes *raw, uint8_t *key,
			 size_t *key_len, struct tape_error *err);
/* Once all sections were given. */
uint32_t index_labels_count(const struct index_labels *l);
bool index_labels_left_out(const struct index_labels *l);

#endif
