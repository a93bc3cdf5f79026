/* SPDX-License-Identifier: Apache-2.0 */
/* The packs of a generation, made over the functions of format/ from a seed. */
#ifndef TESTS_SUPPORT_PACKED_H
#define TESTS_SUPPORT_PACKED_H

#include "format/blobpack.h"
#include "format/scopepack.h"

struct packed_content {
	struct tape_hash hash;
	uint32_t form, block, row;
	bool has_blob;
	struct tape_hash blob;
};
struct packed_made {
	struct pack_id id;
	uint32_t blocks, block_rows;
	struct packed_content *contents; /* by ordinal */
	uint64_t content_count;
	struct tape_hash *blobs;
	size_t blob_count;
	uint32_t packs[2][2]; /* of blobs: bucket and number */
};
/*
 * Writes scopes.pack and two packs of blobs into the directory: `blocks` blocks
 * of `rows` rows (at most 65,536), `labels` labels besides "solve", "step",
 * "io". Fails the test if it cannot.
 */
void packed_make(int dir, uint32_t seed, uint32_t blocks, uint32_t rows, uint32_t labels,
		 struct packed_made *out);
void packed_made_release(struct packed_made *m);

/* The scope pack, opened. */
struct packed_scopes {
	int fd;
	struct pack_codec *codec;
	struct scopepack scopes;
};
void packed_scopes_open(int dir, const struct packed_made *m, struct packed_scopes *out);
void packed_scopes_close(struct packed_scopes *s);

#endif
