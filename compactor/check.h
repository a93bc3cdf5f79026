/* SPDX-License-Identifier: Apache-2.0 */
/* One check of a tape, and what its parts offer each other. */
#ifndef TAPE_COMPACTOR_CHECK_H
#define TAPE_COMPACTOR_CHECK_H

#include <stdbool.h>

#include "search/reader.h"
#include "search/snapshot.h"
#include "tape/compact.h"

/* A finding, kept until the attempt that made it is known to be a good one. */
struct check_item {
	int kind, remedy;
	uint64_t offset, bytes;
	char *file, *message, *lost, *line;
};

/* 16-byte keys, each with a mark. All zero is empty. */
struct check_set {
	struct tape_hash *keys; /* all zero = free */
	uint32_t *marks;
	size_t count, cap, most; /* most: no more keys than that; 0 = any */
};
/* The mark of a key, new ones 0. NULL: no memory, or the set is full. */
uint32_t *check_set_put(struct check_set *set, const struct tape_hash *key, bool *fresh);
/* NULL: not there. */
uint32_t *check_set_find(const struct check_set *set, const struct tape_hash *key);
void check_set_release(struct check_set *set);

/* A blob whose bytes are damaged in one of the places where it is. */
struct check_bad {
	struct tape_hash hash;
	size_t item;	     /* index of the finding; several blobs may share one */
	uint64_t references; /* scopes seen that refer to it while no copy is whole */
	char *first;	     /* the first of them: "name of POS" */
	bool whole;	     /* another copy is whole */
	uint32_t next;	     /* another damaged copy of it: index + 1, 0 = none */
};

struct check {
	struct tape_reader *reader;
	struct snapshot *snapshot;
	struct tape_check_options options;
	struct tape_check_result *result;
	struct tape_error *err;
	bool full;

	struct check_item *items;
	size_t count, cap;
	struct check_set told; /* places of damage */

	struct check_set
		blobs;	/* hashes that scopes refer to; mark: 1 = looked for already */
	bool all_blobs; /* all of them fit */
	struct check_bad *bad;
	size_t bad_count, bad_cap;
	struct check_set bad_set; /* mark: index in bad + 1 */

	uint64_t done, total; /* bytes */
	int64_t ticked;
};

/* ---- check.c ---- */
/*
 * Notes a finding unless damage was found at that place before. lost may be
 * NULL. Its index, or SIZE_MAX if it was not noted.
 */
size_t check_found(struct check *c, int kind, int remedy, const char *file,
		   uint64_t offset, uint64_t bytes, const char *lost, const char *format,
		   ...) __attribute__((format(printf, 8, 9)));
/* The same for what a parser says; file and offset are in *why where it knows them. */
void check_error(struct check *c, int remedy, const char *file,
		 const struct tape_error *why, const char *lost);
/* Takes back what was found in a file. */
void check_forget_file(struct check *c, const char *file);
/* Is that error one of the machine, or a file that vanished, rather than of the tape? */
bool check_fatal(int status, const struct tape_error *why);
/* Adds to what is done; TAPE_ERR_STOPPED. */
int check_progress(struct check *c, uint64_t bytes);
int check_no_memory(struct check *c);
/* hash128 of a whole file; *size as read. */
int check_hash_file(struct check *c, const char *path, struct tape_hash *hash,
		    uint64_t *size, struct tape_error *err);

/* Names in a directory, sorted; a missing one is empty. */
struct check_names {
	char **names;
	size_t count, cap;
	bool no_memory;
};
int check_list(struct check *c, const char *path, struct check_names *out);
void check_names_release(struct check_names *names);

/* ---- check_sessions.c ---- */
int check_sessions(struct check *c);

/* ---- check_segments.c ---- */
/* Every frame of a segment, up to `size` bytes. `ended`: its writer is gone. */
int check_segment(struct check *c, const struct snapshot_session *s, uint32_t number,
		  bool blob, uint64_t size, bool ended);

/* ---- check_blobs.c ---- */
/* Loose blobs against their names. Before the scopes are read. */
int check_blobs_loose(struct check *c);
/* Diffs of working trees against their names. */
int check_diffs(struct check *c);
/* A blob's bytes are damaged where finding `item` says. */
int check_blobs_bad(struct check *c, const struct tape_hash *hash, size_t item);
/* A value of a scope that is stored as a blob. */
int check_blobs_reference(struct check *c, const struct source_record *rec,
			  const char *name, const struct tape_value *v,
			  const struct body_hint *hint);
/* After all scopes were read: what was lost by damage, and what nobody refers to. */
int check_blobs_end(struct check *c);

/* ---- check_generations.c ---- */
int check_generations(struct check *c);
/* Opens a blob pack by its path. The caller closes pack, then fd, also after an error. */
int check_generations_blobs(struct check *c, const char *path, int *fd,
			    struct blobpack **out, struct tape_error *err);

/* ---- check_index.c ---- */
#define CHECK_INDEX_LOST "nothing: answers are the same, only slower"
/* Compares the index of a generation with its packs. */
int check_index(struct check *c, size_t index);
/* Makes it again, and forgets what was found about the one before. TAPE_ERR_BUSY. */
int check_index_rebuild(struct check *c, size_t index);

/* ---- check_places.c ---- */
/* What nobody reads: temporary files, generations that are not listed. */
int check_places(struct check *c);
/* TAPE cannot be read, or has another id than all the rest. 1 = that was found. */
int check_places_tape(struct check *c, const char *dir, const uint8_t *id);

#endif
