/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a look, for cachelook.c and cachelook_read.c. */
#ifndef TAPE_SEARCH_CACHELOOK_IN_H
#define TAPE_SEARCH_CACHELOOK_IN_H

#include "search/cachelook.h"
#include "search/reader.h"
#include "search/scope.h"
#include "search/snapshot.h"

struct seen; /* a session, and how far its entries are known */

struct cachelook {
	struct tape_reader *reader;
	struct seen *sessions; /* in the order of ids */
	size_t count, cap;
	uint64_t looks;
	const char *above; /* while names are listed */
	int status;	   /* of listing */
	struct generations *generations;
	int64_t live_mtime;
	bool none_live; /* no generation, when it was last asked */
	uint32_t news;
	bool told; /* that something cannot be had just now */
	/* The session that scopes were asked of last. */
	struct snapshot *snapshot;
	struct source *source;
	struct tape_scope scope;
	uint64_t opened[2];
};

static inline int
cachelook_compare(const uint64_t a[2], const uint64_t b[2])
{
	if (a[0] != b[0])
		return a[0] < b[0] ? -1 : 1;
	return (a[1] > b[1]) - (a[1] < b[1]);
}

/* The session that was asked last is closed. */
void cachelook_close_source(struct cachelook *look);

#endif
