/* SPDX-License-Identifier: Apache-2.0 */
/* Files of generations: few descriptors for many of them. */
#ifndef TAPE_SEARCH_GENERATIONS_H
#define TAPE_SEARCH_GENERATIONS_H

#include "search/snapshot.h"

/* Opened when it is read, closed when others need its descriptor. */
struct pack_file {
	struct generations *set;
	char path[GENERATION_NAME + 64]; /* relative to the tape */
	uint64_t size;			 /* as MANIFEST has it */
	int fd;
	struct pack_file *newer, *older; /* of the open ones */
};

struct blob_file {
	struct pack_file file;
	struct blobpack *pack; /* NULL: not opened yet */
	bool bare;	       /* it was opened without its table */
	bool bad;	       /* told */
	unsigned bucket, number;
};

#endif
