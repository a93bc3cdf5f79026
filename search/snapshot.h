/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tape as it is at one moment: the live generations, and of each session what
 * is in which of them and what is raw. Cursors, info and the compactor open
 * sessions from a snapshot and see one source each, whatever it is made of.
 */
#ifndef TAPE_SEARCH_SNAPSHOT_H
#define TAPE_SEARCH_SNAPSHOT_H

#include "format/blobpack.h"
#include "format/generation.h"
#include "format/scopepack.h"
#include "format/tapedir.h"
#include "search/source.h"

struct index_blob;
struct index_reader;
struct packed_cache;
struct packed_forms;
struct pack_file;
struct blob_file;
struct continuation;

/* A live generation, its files opened when first needed. One thread at a time. */
struct generation {
	char name[GENERATION_NAME];
	char path[GENERATION_NAME + 8]; /* "gen/<name>" */
	struct generation_manifest manifest;
	bool lost; /* it cannot be read, which was told; manifest may be empty */
	struct scopepack scopes; /* once scopes_ready */
	bool scopes_ready;
	uint32_t owner;		    /* user id of MANIFEST */
	struct index_reader *index; /* by generation_index only; NULL = none (yet) */
	bool index_tried;
	struct packed_cache *cache; /* decoded columns of scopes */
	struct packed_forms *forms; /* what is worked out about forms of scopes */
	struct pack_file *file;	    /* scopes.pack */
	struct blob_file *blobs;    /* blob packs */
	size_t blob_count;
};

struct generations {
	struct tape_reader *reader;
	struct live_list live;
	struct generation *items; /* in order of their number */
	size_t count;
	unsigned users; /* snapshots, and the reader for its newest */
	struct pack_codec *codec;
	struct pack_file *open; /* those with a descriptor, the last used first */
	unsigned open_count;
	uint64_t read_bytes; /* of packs so far */
	bool list_lost;	     /* the live list could not be read: it looks empty */
	/* What was read once of each is another's (generations_share); caches and files are its own. */
	bool shared;
};

/* A session of a snapshot. A compactor may shorten `dir.logs` before it opens it. */
struct snapshot_session {
	uint64_t id[2];
	struct tapedir_session
		dir;	 /* logs and blob logs that no generation replaces; may be none */
	uint64_t *sizes; /* of dir.logs, as of the snapshot */
	uint32_t *
		generations; /* indexes of those that hold a part of it, ascending; its seqs ascend too */
	uint32_t *entries; /* its index in the table of sessions of each */
	size_t generation_count;
	uint64_t packed_seq; /* highest seq in a generation, 0 = none */
	const struct generation_input *const
		*inputs; /* what of it generations replace, in order */
	size_t input_count;
	/* The last seq that counts (superseded.h), and that answers show. */
	uint64_t current, shown;
};

struct snapshot {
	struct tape_reader *reader;
	struct generations *
		generations; /* shared with other snapshots of the reader while they are the same */
	struct snapshot_session *sessions; /* in tape order */
	size_t count;
	const struct generation_input **inputs; /* of all sessions */
	struct continuation *continuations; /* superseded.h: those that are in force */
	size_t continuation_count;
};

/*
 * Lists generations, then sessions, then looks whether the live list is still
 * the same, and starts again if not. On success *out is the caller's.
 */
int snapshot_take(struct tape_reader *reader, struct snapshot **out,
		  struct tape_error *err);
/* The same where only sessions from lo to hi will be opened. */
int snapshot_take_between(struct tape_reader *reader, const uint64_t lo[2],
			  const uint64_t hi[2], struct snapshot **out,
			  struct tape_error *err);
void snapshot_free(struct snapshot *s);
/* A session's place in it, or its count. */
size_t snapshot_find(const struct snapshot *s, const uint64_t id[2]);
/*
 * The files of one session as they are now, if those that it had are there still: else
 * TAPE_ERR_NOT_FOUND, and *s is of no use. Sources of it are closed, or extended before
 * they are used again.
 */
int snapshot_refresh(struct snapshot *s, size_t index, struct tape_error *err);
/* Has an open source of it what it has by now? Else it is to be closed. */
bool snapshot_extend(struct snapshot *s, size_t index, struct source *source);
/* Did a call fail because a file was replaced meanwhile? Then a new snapshot may help. */
bool snapshot_stale(int status, const struct tape_error *err);
/*
 * One source for the session: its packed parts, then its raw rest. 1 = *out is
 * the caller's to close before the snapshot is freed, 0 = nothing there,
 * TAPE_ERR_NOT_FOUND = a file is gone: take a new snapshot.
 */
int snapshot_open(struct snapshot *s, size_t index, struct source **out,
		  struct tape_error *err);
/* ---- generations.c ---- */
/* Those of the live list, shared as long as it stays the same. The caller's to release. */
int generations_get(struct tape_reader *reader, struct generations **out,
		    struct tape_error *err);
void generations_release(struct generations *g); /* NULL is fine */
/*
 * The same for another thread and its reader, which has a part of its own of all
 * that changes while it is read. Released before g is. NULL: no memory, or its
 * files are gone or cannot be opened once more.
 */
struct generations *generations_share(const struct generations *g,
				      struct tape_reader *reader);
/* True if the tape has another live list than g says. */
bool generations_changed(const struct generations *g);
/* Opens a generation's scope pack (tables only) if it is not yet. */
int generation_need(struct generations *g, size_t index, struct tape_error *err);
/* ---- generation_index.c ---- */
/*
 * The index of a generation whose scopes are ready, opened when first asked
 * for; NULL: there is none that can be used, which was told as a note if it
 * should be there. Do without it.
 */
struct index_reader *generation_index(struct generations *g, size_t index);
/* A function of format/index.h failed: it is told and given up. Do without it. */
void generation_index_failed(struct generations *g, size_t index, int status,
			     const struct tape_error *why);
/* Where the index says that a blob is: 0, 1 = it is not in the generation, 2 = no index says. */
int generation_index_blob(struct generations *g, size_t index,
			  const struct tape_hash *hash, struct index_blob *out);
/* ---- generations.c ---- */
/* A codec for the reader's own thread. */
struct pack_codec *generations_codec(struct generations *g);
/*
 * Is a blob of that name in a live generation, and its bytes: malloc'd, verified
 * (data NULL: only whether it is there). 0, TAPE_ERR_NOT_FOUND, DAMAGED.
 */
int generations_blob(struct generations *g, const struct tape_hash *hash, uint64_t size,
		     uint8_t **data, struct tape_error *err);
/*
 * The same in pieces, for one that may be larger than memory. It begins at
 * offset 0 again where a copy turns out damaged and there is another. What fn
 * gives that is not 0 stops, and is given back.
 */
int generations_blob_each(struct generations *g, const struct tape_hash *hash,
			  uint64_t size, blobpack_piece_fn *fn, void *user,
			  struct tape_error *err);
/* The same in the newest generations of the tape. */
int generations_find_blob(struct tape_reader *reader, const struct tape_hash *hash,
			  uint64_t size, uint8_t **data, struct tape_error *err);
/* Has a generation, as they are now, all the bytes of that blob? */
bool generations_hold_blob(struct tape_reader *reader, const struct tape_hash *hash,
			   uint64_t size);

#endif
