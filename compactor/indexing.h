/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TAPE_COMPACTOR_INDEXING_H
#define TAPE_COMPACTOR_INDEXING_H

#include "compactor/carry.h"
#include "compactor/earlier.h"
#include "format/index.h"

/* Bucket and number of each blob pack that a manifest lists; malloc'd. */
int indexing_packs(const struct generation_manifest *m, uint32_t (**packs)[2],
		   size_t *count);
/*
 * Reads scopes.pack of the work directory back, compares its blocks with what
 * was written and what each row refers to with what was read for it, looks for the
 * blobs that contents refer to in packs that were written anew, makes and verifies the index, and lists it in the manifest. The blob packs are finished
 * and listed.
 */
int indexing_scopes(struct compaction *c, struct earlier *earlier,
		    const struct carry *carry, const struct verify_block *blocks,
		    size_t count, int fd, uint64_t size, const char *path);

#endif
