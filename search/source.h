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
};

/* One scope. Pointers are borrowed until the next call on the source. */
struct source_record {
	uint64_t seq;
	int64_t time;
	uint8_t kind; /* enum source_kind */
	uint64_t target;
	struct source_form *form;
	const uint8_t *body; /* SCOPE, BOOKMARK: not checked yet */
	size_t body_len;
	struct source_place place;
};

struct source_iter {
	uint64_t lo, hi; /* seqs, both included */
	bool reverse;
	/* Asked once per form: may a scope of it match? NULL = all may. */
	bool (*want)(void *user, struct source_form *form);
	/* Called for notes met on the way; NULL = they are hopped over. */
	void (*note)(void *user, const char *key, size_t key_len, const char *value,
		     size_t value_len);
	void *user;
};

struct source_facts {
	uint64_t id[2];
	const char *name, *host, *job, *library, *sync, *uid; /* "" = unknown */
	int64_t rank, pid;				      /* -1 = unknown */
	int state; /* enum tape_session_state */
	uint64_t segments, bytes;
};

struct source;
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

/* Reports that something at `place` is lost: a note where a crash excuses it, else damage. */
void source_lost(struct source *source, const struct source_place *place,
		 const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Reports damage at `place`, whatever the session's end. */
void source_damaged(struct source *source, const struct source_place *place,
		    const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
