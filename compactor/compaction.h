/* SPDX-License-Identifier: Apache-2.0 */
/* One run of the compactor, and what its parts offer each other. */
#ifndef TAPE_COMPACTOR_COMPACTION_H
#define TAPE_COMPACTOR_COMPACTION_H

#include "format/blobpack.h"
#include "format/generation.h"
#include "format/os.h"
#include "format/pack.h"
#include "format/scopepack.h"
#include "search/content.h"
#include "search/reader.h"
#include "search/snapshot.h"
#include "tape/compact.h"

/* A raw file as it was when the run began: it is removed only if it still is. */
struct frozen {
	char path[384]; /* relative to the tape */
	struct os_stat st;
};
struct frozen_list {
	struct frozen *items;
	size_t count, cap;
};

/* A session that takes part, and what of it. */
struct part {
	size_t index; /* in the snapshot */
	uint64_t lo;  /* first seq of what is taken */
	bool raw;     /* raw segments are taken: `input` says which */
	bool complete;
	bool over; /* it is complete, or what there is of it is all that there will be */
	bool kept_manifest; /* the new generation has its manifest, or there is none */
	bool has_manifest;  /* the new generation has one */
	struct generation_input input;
	uint32_t
		session; /* its number in the pack; UINT32_MAX = there is nothing of it */
};

struct compaction {
	struct tape_reader *reader;
	struct tape_compact_options options;
	struct tape_compact_result *result;
	struct tape_error *err;

	struct snapshot *snapshot;
	struct part *parts;	      /* in tape order */
	size_t part_count, raw_count; /* of which raw segments are taken */
	size_t keep; /* so many generations stay; those behind them are merged */
	struct withdrawn *withdrawn; /* NULL: nothing is */
	/* Loose blobs of results that were left out; sorted once all are there. */
	struct tape_hash *let_go;
	size_t let_go_count, let_go_cap;
	bool alive;		/* a session may still be recorded, and has nothing raw */
	bool locked;		/* compact.lock is ours; false: locks are refused */
	bool merge_none;	/* a generation turned out damaged: all of them stay */
	uint64_t (*refused)[2]; /* sessions found damaged in this run */
	size_t refused_count;
	struct frozen_list frozen;
	struct tape_hash *compared; /* loose blobs whose bytes are those packed; sorted */
	size_t compared_count;

	uint8_t uid[16];
	char work[192]; /* "gen/tmp-..." */
	int work_fd;
	struct generation_manifest manifest;
	uint8_t filter[128];
	uint64_t bytes_in;
	int64_t told; /* when progress was told last */
};

/* ---- compact.c ---- */
/* Tells progress; TAPE_ERR_STOPPED where the caller wants that. */
int compaction_progress(struct compaction *c, int stage, uint64_t done, uint64_t total,
			uint64_t bytes_in, uint64_t bytes_out);
void compaction_event(struct compaction *c, const char *what, uint64_t bytes,
		      const char *format, ...) __attribute__((format(printf, 4, 5)));
int compaction_no_memory(struct compaction *c);

/* A session that shows damage stays raw, in this attempt and the next. TAPE_ERR_DAMAGED or NOMEM. */
bool compaction_refused(const struct compaction *c, const uint64_t session[2]);
int compaction_refuse(struct compaction *c, const uint64_t session[2], const char *why);

/* ---- plan.c ---- */
/* Fills parts, keep, frozen, uid. Nothing to do: part_count 0. */
int plan_make(struct compaction *c);
void plan_release(struct compaction *c);
/* Did the caller say that the session is over? */
bool plan_assumed_dead(const struct compaction *c, const uint64_t id[2]);
/* Nothing will follow of a session that has nothing raw. */
bool plan_is_over(const struct snapshot_session *s);
/* Has it a directory without a segment, and nobody who records? 0, or an enum tape_status. */
int plan_is_gone(struct compaction *c, struct snapshot_session *s, bool *gone);
/* Notes how a raw file is now. */
int plan_freeze(struct compaction *c, const char *path);

/* ---- lock.c ---- */
struct lock {
	int fd;
};
/* 0, TAPE_ERR_BUSY. Where the file system refuses locks it is said as an event, and that is all. */
int lock_take(struct compaction *c, struct lock *out);
void lock_release(struct lock *lock);

/* ---- pack.c ---- */
/* Writes scopes.pack and the blob packs of all parts into the work directory. */
int pack_all(struct compaction *c);

/* ---- verify.c ---- */
/* Reads everything that was written and compares. */
struct verify_block {
	struct tape_hash digest; /* of rows and contents, before they were encoded */
	struct tape_hash checks; /* of the checks of the contents of its rows, by row */
};
/*
 * What a content counts by where references are verified: that half of its hash
 * by which it was not found; 0 = none, it is lost.
 */
uint64_t verify_check(const struct tape_hash *hash);
/* The same of one that was read back from a pack. */
uint64_t verify_check_content(const struct scopepack *pack,
			      const struct block_content *content);
/* False = no memory. */
bool verify_digest(const struct block_row *rows, uint32_t row_count,
		   const struct block_content *contents, uint32_t content_count,
		   struct tape_hash *digest);
struct earlier;
struct carry;
int verify_all(struct compaction *c, struct earlier *earlier, const struct carry *carry,
	       const struct verify_block *blocks, size_t count);
/* For qsort, of pointers to entries of a blob pack: the order of the file. */
int verify_by_place(const void *a, const void *b);

/* ---- publish.c ---- */
int publish_begin(struct compaction *c); /* the work directory */
/* This host as the name of a work directory has it: letters, digits, "." and "_". */
void publish_host(const struct compaction *c, char host[64]);
/* MANIFEST, rename, live list. TAPE_ERR_BUSY: somebody else was faster. */
int publish(struct compaction *c);
/* The live list again, with other unreferenced blobs. */
int publish_unreferenced(struct compaction *c, const struct live_blob *blobs,
			 size_t count);
/* The file of that name in the work directory, into c->manifest. */
int publish_add_file(struct compaction *c, const char *name, uint64_t size,
		     const struct tape_hash *hash);

/* ---- clean.c ---- */
/* Removes the work directory of a run that failed. */
void clean_abandon(struct compaction *c);
/* What is replaced goes. Never fails: what cannot go now goes the next time. */
void clean_replaced(struct compaction *c);

/* ---- reclaim.c ---- */
/* Loose blobs that are in a generation, or that nothing refers to, go; so does what recorders left in blobs/tmp. Never fails, as above. */
void reclaim(struct compaction *c);

#endif
