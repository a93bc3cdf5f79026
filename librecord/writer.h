/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log segments of a session: groups go in, roll over, survive failures.
 * Everything here is called with commit_lock held.
 */
#ifndef TAPE_LIBRECORD_WRITER_H
#define TAPE_LIBRECORD_WRITER_H

#include "librecord/group.h"
#include "librecord/known.h"
#include "librecord/part.h"

/* Groups since the last good sync are kept in RAM up to here; then a sync is forced. */
#define WRITER_RETAIN ((size_t)16 << 20)
/* From here on the background thread is asked to hurry. */
#define WRITER_HURRY ((size_t)8 << 20)
/* Groups that stay in RAM after a good sync: a failing write can take those before it along. */
#define WRITER_SUSPECT 2u

/* A segment that is being written, or that waits for its fsync. */
struct writer_log {
	struct writer_log *next;
	int fd;
	uint32_t number;
	uint64_t offset; /* end of the last good group */
	struct segment_key key;
	uint64_t frames, scopes, form_cost;
	uint32_t groups; /* after the first one, which holds notes only */
	bool dirty;	 /* written to since its last good sync */
	unsigned users;	 /* 1, and 1 more while a sync runs on it */
};

/* A segment that has ended and has no hint yet. */
struct writer_rolled {
	uint64_t first_seq, next_seq;
	uint32_t number;
};
#define WRITER_ROLLED 16u

/* Forms of the group at hand that a walk through its records has met (part_sum). */
struct writer_met {
	uint32_t *forms;
	uint32_t count, cap;
};

struct writer {
	struct writer_log *log;	 /* NULL: none yet, or the last one was abandoned */
	struct writer_log *olds; /* rolled over or full, not synced yet */
	uint32_t next_number;
	struct writer_rolled rolled[WRITER_ROLLED];
	unsigned rolled_count;
	uint32_t cut_round; /* of cut.c and of what follows */
	struct writer_met met;
	struct group group;
	struct known known;
	/* What the session goes on from: in the first group of every segment. */
	struct tape_pos *continues;
	size_t continue_count;
	struct part_pool pool;

	struct part *retained, **retained_end;
	size_t retained_bytes;
	/* What is retained has to be written again, to a fresh segment. */
	bool rewrite;

	uint64_t group_number; /* of the last group that was written */
	uint64_t synced_group; /* everything up to this one is on disk */
	bool files_dirty;      /* the session's directory has names that are not synced */
	bool parents_synced;
	bool mark_due; /* sync=commit: a MARK goes to the head of the next group */
	uint32_t mark_segment;
	uint64_t mark_offset;

	bool syncing; /* one sync at a time; commit_lock is free meanwhile */
	pthread_cond_t sync_done;
	uint64_t blobs_told;	 /* blobs_lost() when a commit last failed for it */
	uint64_t blobs_unlinked; /* ... and when the seen-set was last cleared for it */
};

int writer_new(struct tape *t);
void writer_release(struct tape *t);
/* The first segment. 0 or a negative errno. */
int writer_begin(struct tape *t);
/*
 * Writes the parts (may be NULL: waiting notes and a mark only) as one group and
 * keeps or recycles them. After a failure they go to a new segment. Their seqs
 * are set. 0, or a negative errno: they are lost; counted and reported here.
 */
int writer_commit(struct tape *t, struct part *parts);
/*
 * How many bytes the next group should have so that it ends where the kernel writes
 * it with the least work: about commit_bytes. 0: any number.
 */
uint64_t writer_room(const struct tape *t);
/* Writes the retained groups to a new segment if that is due. 0 or a negative errno. */
int writer_rewrite(struct tape *t);
/* The open segment is not to be trusted: leave it. What is retained is written again. */
void writer_poison(struct tape *t);
/* Drops retained groups up to and with this one. */
void writer_forget(struct tape *t, uint64_t group);
/*
 * The session goes on from those positions, and from nowhere else of their sessions: a
 * new segment says so. 0 or a negative errno: the next segment will.
 */
int writer_continue(struct tape *t, const struct tape_pos *pos, size_t count);
/* END frame, close. 0 or a negative errno. */
int writer_end(struct tape *t, unsigned reason);
/* One less user; closed and freed by the last. */
void writer_log_put(struct writer_log *log);
/* In a fork's child: closes what was inherited, forgets the rest. */
void writer_after_fork(struct tape *t);

#endif
