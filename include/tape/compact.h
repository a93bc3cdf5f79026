/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compacting a tape: raw sessions become generations, which answer the same
 * from a fraction of the bytes (docs/compaction.md). And checking one.
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

/* ---- checking ---- */

enum tape_check_flags {
	TAPE_CHECK_FULL = 1, /* every byte; else what holds the rest together */
	TAPE_CHECK_REBUILD_INDEX =
		2, /* puts the index of generations back where it is missing or damaged */
};
enum tape_finding_kind {
	TAPE_FOUND_NOTE = 0,	 /* nothing is wrong with what is shown: a torn tail */
	TAPE_FOUND_DAMAGE = 1,	 /* something is missing or does not verify */
	TAPE_FOUND_LEFTOVER = 2, /* nobody reads it (any more) */
	TAPE_FOUND_UNREFERENCED = 3, /* blobs that no scope refers to; full checks only */
	TAPE_FOUND_REBUILT = 4,	     /* was missing or damaged, and is right again */
};
/* What can be done about a finding. */
enum tape_remedy {
	TAPE_REMEDY_NONE = 0,
	TAPE_REMEDY_RESTORE = 1,       /* bring `file` back from a copy of the tape */
	TAPE_REMEDY_REBUILD_INDEX = 2, /* TAPE_CHECK_REBUILD_INDEX */
	TAPE_REMEDY_COMPACT = 3,       /* tape_compact removes it */
	TAPE_REMEDY_TAPE_FILE = 4,     /* write `line` into the file TAPE */
};
struct tape_finding {
	int kind;	  /* enum tape_finding_kind */
	int remedy;	  /* enum tape_remedy */
	const char *file; /* relative to the tape */
	uint64_t offset, bytes;
	const char *message; /* one line: what is wrong there */
	const char *
		lost; /* one line: positions, blobs; "" = the message says it, or nothing */
	const char *line; /* TAPE_REMEDY_TAPE_FILE, else "" */
};
struct tape_check_progress {
	uint64_t done, total; /* bytes, about */
};
struct tape_check_options {
	size_t size;	 /* sizeof(struct tape_check_options) */
	uint32_t flags;	 /* enum tape_check_flags */
	uint64_t memory; /* bytes for what is compared across the tape; 0 = 256 MiB */
	/* Called with all findings at the end; what they point to is gone then. */
	void (*on_finding)(void *user, const struct tape_finding *finding);
	/* Called now and then; non-zero stops. */
	int (*on_progress)(void *user, const struct tape_check_progress *progress);
	void *user;
};
struct tape_check_result {
	uint64_t sessions, live_sessions, generations;
	uint64_t scopes, blobs; /* read and verified; of full checks */
	uint64_t bytes;		/* of the files that were looked at */
	uint64_t damage, notes; /* findings of these kinds */
	uint64_t lost_scopes;	/* positions that damage took; of full checks */
	uint64_t leftover_bytes, unreferenced, unreferenced_bytes;
	uint64_t rebuilt;  /* indexes */
	uint64_t left_out; /* findings beyond those that were told */
};

/*
 * Looks for damage on the tape in `dir`, and writes nothing unless it is to
 * rebuild indexes. Recorders and compactors may work meanwhile: what they are
 * about to write is no damage, and where files are replaced the check begins
 * again with those that replaced them.
 *
 * 0: it was looked at, result->damage says with what outcome.
 * TAPE_ERR_NOT_TAPE, TAPE_ERR_TOO_NEW, TAPE_ERR_IO, TAPE_ERR_NOMEM: it could
 * not be. TAPE_ERR_BUSY: indexes are to be rebuilt while another compactor
 * works, or it is compacted faster than it can be checked. TAPE_ERR_STOPPED:
 * on_progress said so; what was found until then was told. options and result
 * may be NULL.
 */
TAPE_API int tape_check(const char *dir, const struct tape_check_options *options,
			struct tape_check_result *result,
			struct tape_error *err) TAPE_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
