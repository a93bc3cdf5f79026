/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generations and which of them count: gen/<n>-<8 hex>/MANIFEST and live/<n>.
 * docs/format/generation.md is normative.
 */
#ifndef TAPE_FORMAT_GENERATION_H
#define TAPE_FORMAT_GENERATION_H

#include <stdbool.h>

#include "tape/value.h"

#define PATH_GEN "gen"
#define PATH_LIVE "live"
#define PATH_LOCK "compact.lock"
#define GENERATION_NAME 32 /* "<n>-<8 hex>" with NUL */

/* A file of a generation. */
struct generation_file {
	char name[48]; /* MANIFEST excluded; matched to the known patterns when read */
	uint64_t size;
	struct tape_hash hash; /* of all its bytes */
};

/* Raw segments of one session that a generation replaces, logs and blob segments apart. */
struct generation_input {
	uint64_t session[2];
	uint32_t log_first,
		log_count; /* numbers log_first .. log_first + log_count - 1 */
	uint32_t blob_first, blob_count; /* blob segments; count 0 = none */
	uint64_t first_seq, last_seq; /* of what they hold; 0, 0 = nothing with a seq */
	uint64_t bytes;		      /* of these segments, for tape-info */
	bool complete;		      /* its session is over: nothing raw will follow */
};

struct generation_manifest {
	uint8_t tape[16];
	uint8_t uid[16];
	uint32_t version;
	uint64_t scopes, contents, links, projections, bookmarks, blobs, blob_bytes;
	int64_t first_time, last_time;
	struct generation_file *files;
	size_t file_count;
	struct generation_input
		*inputs; /* in tape order; merged generations inherit them */
	size_t input_count;
	/* uids of earlier generations whose contents this one refers to. */
	uint8_t (*foreign)[16];
	size_t foreign_count;
	uint64_t raw_blob_bytes; /* of loose and embedded blobs packed, as recorded */
};
void generation_manifest_release(struct generation_manifest *m); /* all zero is fine */
/* The bytes of MANIFEST (malloc'd, *len), the same for the same manifest everywhere. */
int generation_manifest_write(const struct generation_manifest *m, char **text,
			      size_t *len, struct tape_error *err);
int generation_manifest_parse(const char *text, size_t len, const char *file,
			      struct generation_manifest *out, struct tape_error *err);
/* Reads gen/<name>/MANIFEST and checks that the name's 8 hex digits are of its hash. */
int generation_manifest_read(int tape_dir, const char *name,
			     struct generation_manifest *out, struct tape_error *err);
/* "<n>-<8 hex>" -> number; false for anything else. */
bool generation_parse_name(const char *name, uint64_t *number, uint32_t *hash);

/* ---- live/<n> ---- */

struct live_generation {
	char name[GENERATION_NAME];
	struct tape_hash manifest; /* of the bytes of its MANIFEST */
	uint64_t scopes, contents;
	int64_t first_time, last_time;
	uint64_t first_session[2], last_session[2];
	uint64_t bytes;		   /* of all its files */
	uint8_t label_filter[128]; /* Bloom: 3 bits of 1024 per label; docs say how */
};
/* A loose blob that nothing referred to, and when that was first found. */
struct live_blob {
	struct tape_hash hash;
	int64_t since_ns; /* by the clock of the file system, since 1970 UTC */
};
struct live_list {
	uint64_t number; /* of the live file; 0 = there is none: the tape is raw */
	struct live_generation *generations; /* in order of their number */
	size_t count;
	struct live_blob *unreferenced; /* sorted by hash */
	size_t unreferenced_count;
};
void live_list_release(struct live_list *l);
void live_filter_add(uint8_t filter[128], const char *label);
bool live_filter_may(const uint8_t filter[128], const char *label);
int live_list_write(const struct live_list *l, char **text, size_t *len,
		    struct tape_error *err);
int live_list_parse(const char *text, size_t len, const char *file, struct live_list *out,
		    struct tape_error *err);
/*
 * The valid live/<n> with the highest number. A damaged one that is the highest
 * is TAPE_ERR_DAMAGED, never an older list instead: what it lists may replace
 * files that are gone. (*torn: see docs: an empty newest file left by a crash is skipped.)
 */
int live_list_read(int tape_dir, struct live_list *out, struct tape_error *err);
/* Highest number in live/, 0 = none; one listing, to see whether something changed. */
int live_list_number(int tape_dir, uint64_t *number, struct tape_error *err);

#endif
