/* SPDX-License-Identifier: Apache-2.0 */
/* What the writing and the reading half of pack.h share. */
#ifndef TAPE_FORMAT_PACK_IO_H
#define TAPE_FORMAT_PACK_IO_H

/* The one part of zstd's static interface that is used: its error codes by name. */
#include <zstd.h>
#include <zstd_errors.h>

#include "format/pack.h"

#define PACK_VERSION 1u
#define PACK_WINDOW_LOG 23
#define PACK_MAGIC                                                                       \
	{                                                                                \
		0x8a, 'T', 'P', 'A', 'K', '\r', '\n', 0x1a                               \
	}
#define PACK_END_MAGIC                                                                   \
	{                                                                                \
		0x8a, 'T', 'E', 'N', 'D', '\r', '\n', 0x1a                               \
	}

struct pack_codec {
	ZSTD_CCtx *out, *guess;
	ZSTD_DCtx *in;
	int level; /* that `out` is set to */
	struct pack_bytes stored, trial;
};

void pack_header_write(const struct pack_id *id, uint8_t buf[PACK_HEADER]);

#endif
