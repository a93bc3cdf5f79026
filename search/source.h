/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source: something that holds scopes of one session in seq order. Cursors,
 * scopes, blobs and info see sources only; none of them asks what a source is
 * made of. The raw session (raw.h) is one.
 */
#ifndef TAPE_SEARCH_SOURCE_H
#define TAPE_SEARCH_SOURCE_H

#include <stdbool.h>

#include "format/form.h"
#include "tape/search.h"

/* A form as a source hands it out. Borrowed as the record that has it. */
struct source_form {
	struct form form;
	void *plan;	/* of the cursor; freed through source->drop_plan */
	uint8_t wanted; /* of the source: asked `want` already? 0 no, 1 refused, 2 wanted */
};

enum source_kind {
	SOURCE_SCOPE,
	SOURCE_BOOKMARK,
	SOURCE_LINK,	   /* content of `target` */
	SOURCE_PROJECTION, /* variables of its own form, values of `target` */
};

/* Where something stands, for reports; only the source can read it. */
struct source_place {
	uint32_t part;
	uint64_t offset;
	uint64_t seq; /* of the record there; of packed ones only */
};

struct source;
struct content;
struct plan_session;
struct packed_filter;

/* One scope. Pointers are borrowed until the next call on the source. */
struct source_record {
	/* Who gave it and answers for its content, place and values: a part of the source that was asked, or that itself. */
	struct source *of;
	uint64_t seq;
	int64_t time;
	uint8_t kind; /* enum source_kind */
	uint64_t target;
	struct source_form *form;
	/* SCOPE, BOOKMARK: not checked yet. NULL: ask ops->content, which has that of links and projections too. */
	const uint8_t *body;
	size_t body_len;
	/* Of a packed record: its row's content reference (scopepack.h), and which generation it is of. */
	uint64_t content;
	uint32_t generation; /* index in struct generations + 1; 0 = raw */
	bool decided;	     /* the source has found that the whole query holds */
	uint8_t missing;     /* enum source_part: not read yet, see source_time */
	uint64_t row;	     /* of the source's own */
	struct source_place place;
};

/* What a lean walk leaves out of a record until it is asked for. */
enum source_part {
	PART_TIME = 1,
	PART_TARGET = 2, /* target and content */
};

/*
 * One of the slices that a walk over a session is cut into (slices.h): together
 * they meet what the whole meets, in the same order, and tell the same of it.
 */
struct source_slice {
	bool part;	 /* false: it is all of the walk */
	uint64_t lo, hi; /* seqs of the whole walk */
	/* Raw segments by number: from an offset on, up to another. Never at an end of a segment. */
	bool from_inside, to_inside;
	uint32_t from_log, to_log;
	uint64_t from, to;
	/* Raised by records of unknown kinds instead of telling of them. */
	uint64_t *skipped;
};

/* Enough of a record to have it again, from any source of the same session and snapshot. */
struct source_key {
	uint64_t seq, row;
	uint32_t form;
	uint8_t kind;
};

struct source_iter {
	uint64_t lo, hi; /* seqs, both included */
	struct source_slice slice;
	bool reverse;
	bool bookmarks; /* nobody wants others: parts without any may be hopped over */
	bool lean; /* time, target and content of records may be missing: source_time, source_target */
	/* Asked once per form: may a scope of it match? NULL = all may. */
	bool (*want)(void *user, struct source_form *form);
	/* Called for notes met on the way; NULL = they are hopped over. */
	void (*note)(void *user, const char *key, size_t key_len, const char *value,
		     size_t value_len);
	/*
	 * Called for records without a seq that nobody here reads (CACHE, CACHE_DROP,
	 * CONTINUE, kinds from 128 on), as they stand; `seq` is that of the next
	 * scope. NULL = they are hopped over.
	 */
	void (*other)(void *user, uint64_t seq, const uint8_t *record, size_t len);
	void *user;
	/* What is asked, for sources that can tell whole blocks apart. NULL: nothing, all forms that are wanted. */
	const struct plan_session *session;
	/* What of a query packed sources can tell by columns (packed_filter.h), or NULL. */
	struct packed_filter *filter;
};

struct source_facts {
	uint64_t id[2];
	const char *name, *host, *job, *library, *sync, *uid; /* "" = unknown */
	int64_t rank, pid;				      /* -1 = unknown */
	int state; /* enum tape_session_state */
	uint64_t segments, bytes;
};

struct source_ops {
	/* Borrowed until close. */
	const struct source_facts *(*facts)(struct source *source);
	/* Sets out on a walk; one at a time. */
	int (*begin)(struct source *source, const struct source_iter *iter,
		     struct tape_error *err);
	/* 1 = *out, 0 = the end, negative = cannot go on. Damage is reported and skipped. */
	int (*next)(struct source *source, struct source_record *out,
		    struct tape_error *err);
	/*
	 * The scope with that seq, without disturbing the walk. 1, 0 = not
	 * there. *out is borrowed until the next lookup.
	 */
	int (*lookup)(struct source *source, uint64_t seq, struct source_record *out,
		      struct tape_error *err);
	/*
	 * The record of a key, of a source that nobody walks over. Borrowed until
	 * the next; lookups leave it as it is. 1, 0 = not there.
	 */
	int (*recall)(struct source *source, const struct source_key *key,
		      struct source_record *out, struct tape_error *err);
	/* Fills what is missing of those parts; what cannot be read is reported and stays 0. NULL: nothing ever is. */
	void (*fill)(struct source *source, struct source_record *rec, unsigned parts);
	/*
	 * Content of a record without a body of its own; NULL where all records
	 * have one. `tail`: with the bytes of inline values over 64 bytes; without
	 * them *out is the canonical part alone, its form one that keeps hashes.
	 * What is given is checked already. Lost content is reported, and
	 * out->lost set. Borrowed until the next call.
	 */
	int (*content)(struct source *source, const struct source_record *rec, bool tail,
		       struct content *out, struct tape_error *err);
	/*
	 * One value of such a record, by the index of the variable in its own
	 * form, without laying out the others; NULL where content is the way.
	 * 0, or negative. What is lost is TAPE_ABSENT, TAPE_LOST, and reported.
	 */
	int (*value)(struct source *source, const struct source_record *rec,
		     uint32_t index, struct tape_value *out, struct body_hint *hint,
		     struct tape_error *err);
	/*
	 * Bytes of a blob that the hint points to, verified, malloc'd. NOT_FOUND,
	 * DAMAGED. data NULL: only whether it is there, its bytes unread.
	 */
	int (*blob)(struct source *source, const struct body_hint *hint,
		    const struct tape_hash *hash, uint64_t size, uint8_t **data,
		    struct tape_error *err);
	/* Is something missing there the mark of a crash rather than damage? */
	bool (*excused)(struct source *source, const struct source_place *place);
	/* Name of the file that a place is in, relative to the tape. */
	const char *(*file)(struct source *source, const struct source_place *place);
	void (*close)(struct source *source);
};

struct source {
	const struct source_ops *ops;
	struct tape_reader *reader;
	void (*drop_plan)(void *plan);
};

/* The lookup of a source whose records refer to none of its own. */
int source_lookup_none(struct source *source, uint64_t seq, struct source_record *out,
		       struct tape_error *err);

/* The time, and the target, of a record of a lean walk or of any other. */
int64_t source_time(const struct source_record *rec);
uint64_t source_target(const struct source_record *rec);

/* Reports that something at `place` is lost: a note where a crash excuses it, else damage. */
void source_lost(struct source *source, const struct source_place *place,
		 const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Reports damage at `place`, whatever the session's end. */
void source_damaged(struct source *source, const struct source_place *place,
		    const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
