/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sorting more records than there is memory for: what does not fit goes to a
 * file without a name, in sorted runs that are merged when they are read.
 */
#ifndef TAPE_FORMAT_INDEX_SORT_H
#define TAPE_FORMAT_INDEX_SORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tape/value.h"

struct index_sort {
	unsigned
		words; /* of a record, u64 each, at least 2: compared from the first on */
	size_t most;   /* records that are held at once */
	int dir;       /* where the file goes */
	uint64_t *items, *scratch;
	size_t count, cap, scratch_cap;
	int write_fd, read_fd; /* -1: nothing was written yet */
	struct index_sort_run *runs;
	size_t run_count;
	uint64_t written; /* bytes */
	uint32_t *heap;	  /* runs that are not empty, the least record first */
	size_t heap_count, at;
};
/* memory: bytes to stay within, about. Nothing is taken before the first record. */
void index_sort_init(struct index_sort *s, unsigned words, uint64_t memory, int dir);
void index_sort_release(struct index_sort *s); /* after init, any time */
int index_sort_add(struct index_sort *s, const uint64_t *records, size_t count,
		   struct tape_error *err);
/* No more will come. */
int index_sort_finish(struct index_sort *s, struct tape_error *err);
/* In order, equal ones each: 1 = *record is borrowed until the next call, 0 = that was all. */
int index_sort_next(struct index_sort *s, const uint64_t **record,
		    struct tape_error *err);

#endif
