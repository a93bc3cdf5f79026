/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TAPE_COMPACTOR_INDEX_REBUILD_H
#define TAPE_COMPACTOR_INDEX_REBUILD_H

#include "search/reader.h"
#include "search/snapshot.h"

/*
 * Makes the index of a live generation again from its packs, and puts it in its
 * place if it is, byte for byte, what MANIFEST says. The caller holds
 * compact.lock. Readers meanwhile see the old files or the new ones.
 *
 * TAPE_ERR_NOT_FOUND: the generation was published without an index.
 * TAPE_ERR_DAMAGED: a pack is damaged, or what comes out is not what was
 * published; index.pack is in place all the same if only index.mdb differs.
 */
int compactor_rebuild_index(struct tape_reader *reader, struct generations *g,
			    size_t index, struct tape_error *err);

#endif
