/* SPDX-License-Identifier: Apache-2.0 */
/* What the writing and the reading half of blobpack.h share. */
#ifndef TAPE_FORMAT_BLOBPACK_IO_H
#define TAPE_FORMAT_BLOBPACK_IO_H

#include "format/blobpack.h"

enum blobpack_section { BLOBS_ROOT = 1, BLOBS_FRAME = 2, BLOBS_TABLE = 3 };

#define BLOBS_FRAME_BYTES (1u << 20)
#define BLOBS_ENTRY 48u

/* Bytes of what is shuffled in values of that dtype; 1 = nothing is. */
unsigned blobpack_element(unsigned dtype);

#endif
