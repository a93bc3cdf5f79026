/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of raw frames that threads have walked over, for all of them: what one
 * found is made into text by another, and is repeated by links that a third meets.
 * Without it each would read and decode for itself most of what the others do.
 */
#ifndef TAPE_SEARCH_RAW_SHARED_H
#define TAPE_SEARCH_RAW_SHARED_H

#include <stdatomic.h>

#include "search/raw.h"

struct raw_shared;

struct raw_shared_frame {
	struct raw_cached records; /* indexed, and not changed any more */
	const struct tapedir_session *dir;
	uint32_t number; /* of the segment */
	/* Of the store. */
	atomic_uint users;
	struct raw_shared_frame *next, *younger;
};

/* NULL: no memory. What was kept first goes first once it takes more than `most` bytes. */
struct raw_shared *raw_shared_new(size_t most);
/* Once nobody uses a frame of it. NULL is fine. */
void raw_shared_free(struct raw_shared *shared);
/* Takes over what `records` has, whatever comes of it. */
void raw_shared_keep(struct raw_shared *shared, const struct tapedir_session *dir,
		     uint32_t number, const struct raw_cached *records);
/* The caller's until raw_shared_leave. NULL: not there. */
struct raw_shared_frame *raw_shared_find(struct raw_shared *shared,
					 const struct tapedir_session *dir,
					 uint32_t number, uint64_t offset);
/* Was ever asked for something? Until then nothing needs to be kept. */
bool raw_shared_asked(const struct raw_shared *shared);
void raw_shared_leave(struct raw_shared_frame *frame); /* NULL is fine */

#endif
