/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linked into a tool, it makes cursors with several jobs start threads at once
 * and cut small tapes into many slices.
 */
#include "search/ahead.h"

__attribute__((constructor)) static void
cut_small(void)
{
	reader_tuning = (struct reader_tuning){ .alone_ns = 0,
						.least_units = 0,
						.slice_units = 60,
						.chunk_scopes = 3,
						.most_threads = UINT32_MAX,
						.shared_bytes = SHARED_BYTES,
						.made_bytes = MADE_BYTES };
}
