/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compacting a tape: raw sessions become generations, which answer the same
 * from a fraction of the bytes (docs/compaction.md).
 *
 * Recorders, readers and other compactors may work on the tape meanwhile.
 */
#ifndef TAPE_COMPACT_H
#define TAPE_COMPACT_H

#include <stddef.h>
#include <stdint.h>

#include "tape/search.h"
#include "tape/value.h"

#ifdef __cplusplus
extern "C" {
#endif

enum tape_compact_flags {
	TAPE_COMPACT_FULL = 1,	   /* everything into one generation */
	TAPE_COMPACT_KEEP_RAW = 2, /* raw files stay although they are replaced */
	TAPE_COMPACT_DRY_RUN = 4,  /* plans, says, writes nothing */
};
enum tape_compact_stage {
	TAPE_COMPACT_PLAN,
	TAPE_COMPACT_SCAN, /* scopes hashed and compared */
	TAPE_COMPACT_PACK, /* blocks and blobs written */
	TAPE_COMPACT_INDEX,
	TAPE_COMPACT_VERIFY, /* what was written is read again */
	TAPE_COMPACT_PUBLISH,
	TAPE_COMPACT_CLEAN,
};
struct tape_compact_progress {
	int stage;		      /* enum tape_compact_stage */
	uint64_t done, total;	      /* scopes of that stage; total 0 = not known */
	uint64_t bytes_in, bytes_out; /* raw bytes read, packed bytes written so far */
};
/* What stays raw, or was removed, and why. */
struct tape_compact_event {
	const char *what; /* a path or a session id */
	const char *why;  /* one line */
	uint64_t bytes;
};
struct tape_compact_options {
	size_t size; /* sizeof(struct tape_compact_options) */
	uint32_t flags;
	int level;	 /* of zstd, 1 to 19; 0 = 3 */
	unsigned jobs;	 /* threads; 0 = one per processor */
	uint64_t memory; /* bytes to stay within, about; 0 = 256 MiB, least 64 MiB */
	const char *const *assume_dead; /* session ids (or prefixes that name one) */
	size_t assume_dead_count;
	int64_t grace_ns; /* unreferenced blobs are kept so long; 0 = 24 h */
	void (*on_report)(void *user, const struct tape_report *report);
	void (*on_event)(void *user, const struct tape_compact_event *event);
	/* Called now and then from the calling thread; non-zero stops at a safe border. */
	int (*on_progress)(void *user, const struct tape_compact_progress *progress);
	void *user;
};
struct tape_compact_result {
	uint64_t scopes, contents; /* compacted now; contents after dedup */
	uint64_t links, projections, bookmarks;
	uint64_t blobs, blob_bytes;	/* packed now; as recorded */
	uint64_t bytes_in, bytes_out;	/* raw files replaced; files written */
	uint64_t sessions, generations; /* compacted now; merged now */
	uint64_t left_raw; /* sessions that stay raw (damaged, alive, unknown) */
	uint64_t removed_bytes;
	uint64_t damage;     /* reports of kind TAPE_DAMAGE_MET */
	char generation[32]; /* name of the new one, "" = there was nothing to do */
};

/*
 * Compacts the tape in `dir`. 0: done (perhaps there was nothing to do).
 * TAPE_ERR_BUSY: another compactor works or won. TAPE_ERR_STOPPED: on_progress
 * said so. After any error the tape answers as before, and the next run goes on
 * from there. options and result may be NULL.
 */
TAPE_API int tape_compact(const char *dir, const struct tape_compact_options *options,
			  struct tape_compact_result *result,
			  struct tape_error *err) TAPE_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
