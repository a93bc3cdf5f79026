/* SPDX-License-Identifier: Apache-2.0 */
/* What the writing and the reading half of blobpack.h share. */
#ifndef TAPE_FORMAT_BLOBPACK_IO_H
#define TAPE_FORMAT_BLOBPACK_IO_H

#include "format/blobpack.h"

enum blobpack_section { BLOBS_ROOT = 1, BLOBS_FRAME = 2, BLOBS_TABLE = 3 };

#define BLOBS_FRAME_BYTES (1u << 20)
#define BLOBS_ENTRY 48u

/* Entries whose first byte stands in a frame. */
struct blobpack_firsts {
	size_t *items;
	size_t count, cap;
};

/* A frame on its way into a pack. The owner of the pool uses it before it is sent, and when it comes back. */
struct blobpack_frame {
	struct blobpack_writer *writer; /* NULL: nobody wants it any more */
	unsigned dtype;
	uint32_t number;
	struct pack_bytes raw;
	struct blobpack_firsts firsts;
	/* of the pool */
	int state;
	struct pack_bytes shuffled, made;
	int status;
	struct tape_error why;
};

int blobpack_pool_level(const struct blobpack_pool *p);
/* A frame to fill; the oldest one is written first where there is no other room. */
int blobpack_pool_room(struct blobpack_pool *p, struct blobpack_frame **out,
		       struct tape_error *err);
void blobpack_pool_send(struct blobpack_pool *p, struct blobpack_frame *f);
/* All that were sent are written, those of other writers too. */
int blobpack_pool_drain(struct blobpack_pool *p, struct tape_error *err);
/* What was sent for that writer comes to nothing. */
void blobpack_pool_forget(struct blobpack_pool *p, const struct blobpack_writer *writer);
/* The writer's part: f->made into the pack. */
int blobpack_frame_write(struct blobpack_frame *f, struct tape_error *err);

/* Bytes of what is shuffled in values of that dtype; 1 = nothing is. */
unsigned blobpack_element(unsigned dtype);

#endif
