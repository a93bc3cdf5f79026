/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a tape: open it, compile a query, walk the scopes that match in tape
 * order, look at their variables, read blobs.
 *
 * Any number of readers may work on a tape while it is being recorded. A
 * reader, and every cursor, scope and blob that came from it, belongs to one
 * thread at a time; a query may be used by several. Where a cursor may use
 * several threads (tape_find_options.jobs), they are its own affair: only
 * tape_make_fn is called on them. Nothing here writes to the tape.
 */
#ifndef TAPE_SEARCH_H
#define TAPE_SEARCH_H

#include <stddef.h>
#include <stdint.h>

#include "tape/value.h"

#ifdef __cplusplus
extern "C" {
#endif

struct tape_reader;
struct tape_query;
struct tape_cursor;
struct tape_scope;
struct tape_blob;

/* What a reader met on its way (docs/format/segment.md section 7). */
enum tape_report_kind {
	TAPE_NOTE_MET =
		0, /* a torn tail, a session that was killed: nothing is wrong with what is shown */
	TAPE_DAMAGE_MET = 1, /* something is missing or does not verify */
};
struct tape_report {
	int kind;
	const char *file; /* relative to the tape */
	uint64_t offset, bytes;
	const char *message; /* one line: cause and what to do */
};

enum tape_reader_flags {
	/* The tape may have been made to harm: nothing on it is taken for sound because of who owns it. */
	TAPE_READER_UNTRUSTED = 1,
	/* Scopes and bookmarks that another session has superseded (docs/resume.md) are shown like others. */
	TAPE_READER_SUPERSEDED = 2,
};
struct tape_reader_options {
	size_t size; /* sizeof(struct tape_reader_options) */
	/* Called from within the reader's functions, once per place; may be NULL. */
	void (*on_report)(void *user, const struct tape_report *report);
	void *user;
	uint32_t flags; /* enum tape_reader_flags */
};

/*
 * Opens the tape in `dir`. What is committed when a cursor is made is seen by
 * it; options may be NULL. On success *out is the caller's to tape_reader_close.
 * TAPE_ERR_NOT_TAPE, TAPE_ERR_TOO_NEW, TAPE_ERR_IO, TAPE_ERR_NOMEM.
 */
TAPE_API int tape_reader_open(const char *dir, const struct tape_reader_options *options,
			      struct tape_reader **out,
			      struct tape_error *err) TAPE_MUST_CHECK;
/* NULL is fine. Close cursors and blobs first. */
TAPE_API void tape_reader_close(struct tape_reader *reader);
/* How many reports of kind TAPE_DAMAGE_MET there were so far. */
TAPE_API uint64_t tape_reader_damage(const struct tape_reader *reader);

/*
 * What reading compacted scopes took so far, over all cursors of a reader.
 * Blocks hold up to 65,536 scopes, groups 8,192. Those that were left out are
 * counted under the first reason that was found.
 */
struct tape_read_stats {
	size_t size; /* sizeof(struct tape_read_stats), set by the caller */
	uint64_t generations, blocks, groups; /* live; theirs; seen by walks */
	uint64_t blocks_by_position, blocks_by_time, blocks_by_label, blocks_by_value;
	uint64_t groups_by_position, groups_by_time, groups_by_value;
	/* Groups of contents (8,192): tested on their values, or answered without. */
	uint64_t tested_groups, contents_by_range, contents_by_values,
		contents_by_fingerprint;
	uint64_t rows;	  /* scopes of the groups that were walked through */
	uint64_t scopes;  /* given to the whole query */
	uint64_t matched; /* found by it */
	/* Sections of scope packs read, their bytes in the file and decompressed. */
	uint64_t sections, section_bytes, raw_bytes;
	uint64_t headers, occurrence_columns, content_columns; /* of the sections */
	uint64_t index_bytes;				       /* of index.pack */
	int64_t open_ns, filter_ns,
		read_ns; /* opening; choosing rows; reading columns, part of the others */
	/* Left out because the index says where the contents of a hash stand. */
	uint64_t blocks_by_fingerprint, groups_by_fingerprint;
	/* Parts of generations that were walked, and those that were cut down by what. */
	uint64_t parts, parts_by_position, parts_by_time, parts_by_values;
	uint64_t generations_by_hash;	     /* where the index said what is where */
	uint64_t forms_asked, forms_refused; /* by labels, variables, sites */
	int64_t index_ns;		     /* asking indexes, part of filter_ns */
};
/* Fills *out as far as out->size goes; later versions add fields at its end. */
TAPE_API void tape_reader_stats(const struct tape_reader *reader,
				struct tape_read_stats *out);

/*
 * Compiles a query (tape-query(7)). "" matches every scope. On success *out is
 * the caller's. TAPE_ERR_SYNTAX: err->offset is the column (from 1, in bytes),
 * err->message says what was expected there.
 */
TAPE_API int tape_query_compile(const char *text, struct tape_query **out,
				struct tape_error *err) TAPE_MUST_CHECK;
TAPE_API void tape_query_free(struct tape_query *query);

/*
 * Partials: what variables a scope has to have (docs/partials.md), by name, for
 * is=NAME in queries. The functions that read add to *partials, which is NULL before
 * the first; a definition replaces an earlier one of its name. After an error all is
 * as it was. TAPE_ERR_SYNTAX: the message has line and column.
 */
struct tape_partials;
/* A file of definitions: name { field: type, ... } */
TAPE_API int tape_partials_read(const char *file, struct tape_partials **partials,
				struct tape_error *err) TAPE_MUST_CHECK;
/* The file tape.partials of the tape in `dir`; without one nothing is added. */
TAPE_API int tape_partials_read_tape(const char *dir, struct tape_partials **partials,
				     struct tape_error *err) TAPE_MUST_CHECK;
/* The same from memory; `file` is for messages and may be NULL. */
TAPE_API int tape_partials_parse(const char *text, size_t len, const char *file,
				 struct tape_partials **partials,
				 struct tape_error *err) TAPE_MUST_CHECK;
TAPE_API void tape_partials_free(struct tape_partials *partials); /* NULL is fine */
/* As tape_query_compile, with names for is=NAME; partials may be NULL, and is not kept. */
TAPE_API int tape_query_compile_with(const char *text,
				     const struct tape_partials *partials,
				     struct tape_query **out,
				     struct tape_error *err) TAPE_MUST_CHECK;

enum tape_find_flags {
	TAPE_FIND_ALL =
		1, /* scopes of the library itself too (_bookmark, _tare, _cache) */
	TAPE_FIND_REVERSE = 2, /* from the end of the tape */
};
struct tape_find_options {
	size_t size;
	uint32_t flags;
	struct tape_pos after; /* only positions after this; zero = from the start */
	struct tape_pos upto;  /* only positions up to and with this; zero = no bound */
	/*
	 * Threads that may walk ahead of the caller, at most 256; 0 or 1 = none.
	 * Answers and reports are the same with any number, in the same order,
	 * and reports are made on the caller's own thread. Threads start once a
	 * walk has taken some milliseconds and much is left of it, so that a
	 * point costs the same as without. They end with the walk, or with the
	 * cursor.
	 */
	uint32_t jobs;
};
/*
 * A cursor over the scopes that match, in tape order. query and reader must
 * outlive it; options may be NULL.
 */
TAPE_API int tape_find(struct tape_reader *reader, const struct tape_query *query,
		       const struct tape_find_options *options, struct tape_cursor **out,
		       struct tape_error *err) TAPE_MUST_CHECK;
/* 1: *scope is borrowed until the next call. 0: the end. Negative: it cannot go on. Damage is reported, skipped, and is no error. */
TAPE_API int tape_cursor_next(struct tape_cursor *cursor, const struct tape_scope **scope,
			      struct tape_error *err) TAPE_MUST_CHECK;
/* Counts the rest without laying out values. Returns 0 or an error. */
TAPE_API int tape_cursor_count(struct tape_cursor *cursor, uint64_t *count,
			       struct tape_error *err) TAPE_MUST_CHECK;
/* What is made of a scope: bytes, borrowed until the next call with the same `thread`. */
struct tape_made {
	const void *data;
	size_t len;
};
/*
 * Makes something of a scope, for instance a line of text. It is called on any
 * of `jobs` threads, at the same time with several values of `thread` (0 to
 * jobs - 1), never with one twice. It may look at the scope, open its blobs, and
 * use what belongs to that value of `thread`; a scope may be made twice. 0, or
 * what ends the walk.
 */
typedef int tape_make_fn(void *user, uint32_t thread, const struct tape_scope *scope,
			 struct tape_made *made);
/* Takes what was made, in tape order, on the thread that called tape_cursor_each. 0, or what ends the walk. */
typedef int tape_take_fn(void *user, const struct tape_pos *pos, const void *data,
			 size_t len);
/*
 * The rest of the scopes, each made into something and taken. 0: the end. What
 * a function returned other than 0: that, behind that scope (*err is as it was).
 * Negative otherwise: as tape_cursor_next.
 */
TAPE_API int tape_cursor_each(struct tape_cursor *cursor, tape_make_fn *make,
			      tape_take_fn *take, void *user,
			      struct tape_error *err) TAPE_MUST_CHECK;
TAPE_API void tape_cursor_close(struct tape_cursor *cursor);

/* A scope. Strings are NUL-terminated and borrowed from it; "" where unknown. */
TAPE_API struct tape_pos tape_scope_pos(const struct tape_scope *scope);
/* ns since 1970 UTC; TAPE_TIME_UNKNOWN where damage took it (which is reported). */
#define TAPE_TIME_UNKNOWN INT64_MIN
TAPE_API int64_t tape_scope_time(const struct tape_scope *scope);
TAPE_API size_t tape_scope_label_count(const struct tape_scope *scope);
TAPE_API const char *tape_scope_label(const struct tape_scope *scope, size_t index);
TAPE_API const char *tape_scope_file(const struct tape_scope *scope);
TAPE_API const char *tape_scope_func(const struct tape_scope *scope);
TAPE_API uint32_t tape_scope_line(const struct tape_scope *scope);
TAPE_API struct tape_hash tape_scope_hash(const struct tape_scope *scope);
/* Position of the scope it repeats; all zero if it is not a link, seq alone 0 where damage took it. */
TAPE_API struct tape_pos tape_scope_link(const struct tape_scope *scope);

struct tape_var {
	const char *name, *unit;
	size_t name_len;
	const struct tape_value *value;
	const struct tape_enumerator *enumerators; /* enums only */
	size_t enumerator_count;
};
/* Variables in name order. */
TAPE_API size_t tape_scope_var_count(const struct tape_scope *scope);
TAPE_API struct tape_var tape_scope_var(const struct tape_scope *scope, size_t index);
/* Index of a variable, or -1. */
TAPE_API int64_t tape_scope_var_find(const struct tape_scope *scope, const char *name);

/*
 * The bytes of a variable-width value, wherever they are. They are verified
 * against their hash before the call returns. On success *out is the caller's.
 * TAPE_ERR_NOT_FOUND (no such blob), TAPE_ERR_DAMAGED (wrong size or hash),
 * TAPE_ERR_MISUSE (not a variable-width value, or only its hash was recorded).
 */
TAPE_API int tape_blob_open(const struct tape_scope *scope, size_t var_index,
			    struct tape_blob **out,
			    struct tape_error *err) TAPE_MUST_CHECK;
TAPE_API uint64_t tape_blob_size(const struct tape_blob *blob);
/* Up to len bytes from offset; the count, or an error. */
TAPE_API int64_t tape_blob_read(struct tape_blob *blob, void *buf, size_t len,
				uint64_t offset, struct tape_error *err) TAPE_MUST_CHECK;
TAPE_API void tape_blob_close(struct tape_blob *blob);

/* ---- bookmarks ---- */

/* A place with a name (tape_bookmark of <tape/record.h>, tape-mark(1)). */
struct tape_mark {
	const char *name;
	uint64_t number;     /* which of that name in tape order, from 1: @name#2 */
	uint64_t of;	     /* how many have that name */
	struct tape_pos pos; /* the place: where the bookmark stands or points to */
	struct tape_pos own; /* where it stands */
	int64_t time;	     /* when it was made, ns since 1970 UTC */
	const char *path;    /* labels joined by "/", without _bookmark */
};
struct tape_marks {
	const struct tape_mark *items; /* in the order of their places */
	size_t count;
};
/* Reads the bookmarks of all sessions. *out is the caller's to tape_marks_free. */
TAPE_API int tape_marks_read(struct tape_reader *reader, struct tape_marks **out,
			     struct tape_error *err) TAPE_MUST_CHECK;
TAPE_API void tape_marks_free(struct tape_marks *marks); /* NULL is fine */

/* ---- files of which the tape knows the content ---- */

/* What tape_input and tape_output of <tape/record.h> record of a file. */
struct tape_file {
	struct tape_hash hash; /* of its bytes: as xxh128sum prints it */
	uint64_t size;
	int64_t mtime;	 /* ns since 1970 UTC */
	char path[4096]; /* absolute, without links */
	int changed;	 /* it was written to meanwhile: hash and size may not fit */
};
/*
 * Reads the file through, in pieces. *out is written on success only. TAPE_ERR_IO: it
 * is not there, may not be read, or is a directory, a FIFO, a device (never waited for).
 */
TAPE_API int tape_file_read(const char *path, struct tape_file *out,
			    struct tape_error *err) TAPE_MUST_CHECK;

/* ---- what is on the tape ---- */

enum tape_session_state { TAPE_CLOSED = 0, TAPE_LIVE = 1, TAPE_KILLED = 2 };

struct tape_session_info {
	uint64_t id[2];
	const char *name, *host, *job, *library, *sync; /* "" = unknown */
	const char *argv, *cwd, *git_commit, *user; /* from the manifest, "" = unknown */
	int git_dirty;				    /* -1 unknown */
	int64_t rank, pid;			    /* -1 unknown */
	int state;				    /* enum tape_session_state */
	/* scopes: all that have a position; links, projections and bookmarks are among them */
	uint64_t scopes, links, projections, bookmarks, segments, bytes;
	uint64_t first_seq, last_seq;
	int64_t first_time, last_time;
	uint64_t lost;	   /* scopes the recorder says it lost, from the manifest */
	uint64_t notes;	   /* notes of the user */
	uint64_t warnings; /* of the recorder */
	uint64_t
		superseded; /* of the scopes: those that another session has superseded */
	/* From the manifest, "" or -1 = unknown. Lists are separated by newlines. */
	const char *program, *build_id, *compiler, *flags, *cpu, *libraries, *environment;
	const char *closed;	      /* when it was closed, RFC 3339 */
	const char *git_diff;	      /* name of the file below diffs/ */
	const char *git_diff_missing; /* why there is none */
	int64_t cpus, git_diff_bytes;
	int git_diff_cut;
	/* Where it goes on from (docs/resume.md): positions of other sessions, each of which may not be there. */
	const struct tape_pos *continues;
	size_t continue_count;
};
struct tape_label_info {
	const char *path;	/* labels joined by "/" */
	uint64_t scopes, links; /* links are among the scopes */
	uint64_t projections;	/* and so are these */
	uint64_t bytes_saved;	/* bodies that both did not repeat */
};
struct tape_variable_info {
	const char *name, *unit,
		*type; /* type as in values.md; several types make several entries */
	uint64_t scopes;
};
struct tape_note_info {
	uint64_t session[2];
	const char *kind, *key, *value; /* kind: "note", "warning" */
};
/* What rules had left out of a session, or found to break a contract, by rule and label path. */
struct tape_thinned_info {
	uint64_t session[2];
	const char *rule;    /* its name, the variable, or "tape_set(LABEL)" */
	const char *setting; /* "every = 10" */
	const char *path;    /* labels joined by "/"; "..." = several more */
	uint64_t scopes;     /* at least, where the recorder was killed */
	int broken; /* 0: left out; 1: recorded, but they break what "require" asks for */
	const char *why; /* the first of those: field and reason */
};
/* A rule that a program has added to its recorder (tape_set), in order. */
struct tape_set_info {
	uint64_t session[2];
	const char *label, *key, *value; /* label "": everywhere */
};
struct tape_info {
	uint8_t tape_id[16];
	uint64_t scopes, links, projections, bookmarks; /* as in a session */
	uint64_t segment_bytes;
	uint64_t blobs, blob_bytes;		   /* distinct, stored */
	uint64_t blob_references, reference_bytes; /* as if stored once per reference */
	uint64_t link_bytes_saved;		   /* bodies that links did not repeat */
	const struct tape_session_info *sessions;
	size_t session_count;
	const struct tape_label_info *labels; /* label paths, by scopes then name */
	size_t label_count;
	const struct tape_variable_info *variables; /* by name */
	size_t variable_count;
	const struct tape_note_info *notes;
	size_t note_count;
	/* Of generations. Raw segments that they replace were replaced_bytes long. */
	uint64_t generations, packed_scopes, packed_contents;
	uint64_t scope_pack_bytes, blob_pack_bytes, index_bytes, replaced_bytes;
	uint64_t packed_blob_bytes; /* of the blobs in blob packs, as recorded */
	/* Blobs in blob packs; scope packs as they were before they were compressed. */
	uint64_t packed_blobs, scope_column_bytes;
	/* ... and before they were encoded: each content once, texts and arrays as encoded. */
	uint64_t scope_value_bytes;
	uint64_t thinned; /* scopes that rules left out */
	uint64_t broken;  /* scopes that break a contract */
	const struct tape_thinned_info *thinned_list;
	size_t thinned_count;
	uint64_t projection_bytes_saved;      /* bodies that projections did not repeat */
	const struct tape_set_info *set_list; /* at most 1,000 a session */
	size_t set_count;
	uint64_t superseded; /* as in a session */
};
/* Reads the whole tape once. *out is the caller's to tape_info_free. */
TAPE_API int tape_info_read(struct tape_reader *reader, struct tape_info **out,
			    struct tape_error *err) TAPE_MUST_CHECK;
/* Of the newest session alone, and only what its manifest says: nothing is counted, so that it takes no time. */
TAPE_API int tape_info_read_last(struct tape_reader *reader, struct tape_info **out,
				 struct tape_error *err) TAPE_MUST_CHECK;
/* The same of one session, which TAPE_ERR_NOT_FOUND says is not on the tape. */
TAPE_API int tape_info_read_session(struct tape_reader *reader, const uint64_t session[2],
				    struct tape_info **out,
				    struct tape_error *err) TAPE_MUST_CHECK;
TAPE_API void tape_info_free(struct tape_info *info);

#ifdef __cplusplus
}
#endif

#endif
