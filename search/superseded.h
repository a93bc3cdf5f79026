/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which scopes are superseded: sessions that go on from a position of another one
 * (CONTINUE) leave what that one recorded behind it out of answers.
 * docs/format/segment.md section 8 is normative.
 */
#ifndef TAPE_SEARCH_SUPERSEDED_H
#define TAPE_SEARCH_SUPERSEDED_H

#include "search/snapshot.h"

/* The last seq of a session that counts, where nothing of it is superseded. */
#define CURRENT_ALL UINT64_MAX

/*
 * Fills `current` and `shown` of the sessions of a snapshot, all else of which is
 * there. Reads the first frame of segments that the reader has not met before.
 * TAPE_ERR_NOT_FOUND: a file is gone.
 */
int superseded_find(struct snapshot *s, struct tape_error *err);
/* Is a position one of those that answers leave out? */
bool superseded_hides(const struct snapshot *s, const struct tape_pos *pos);

/* Of s->continuations those of a session: the first, and how many. */
size_t superseded_from(const struct snapshot *s, const uint64_t session[2],
		       size_t *count);

/*
 * Sessions that went on from just that position by the same request, were killed, and
 * that none has gone on from. *ids is the caller's to free. 0 or an error.
 */
int superseded_tries(struct tape_reader *reader, const struct tape_pos *pos,
		     const struct tape_hash *request, uint64_t (**ids)[2], size_t *count,
		     struct tape_error *err);

/* ---- the rule alone ---- */

/* A session goes on from a position of another. */
struct continuation {
	uint64_t from[2]; /* the session that goes on */
	struct tape_pos to;
	uint64_t order; /* of those of one session: the last to another one counts */
	struct tape_hash
		request; /* what was asked for when it went on; all 0 = not said */
};
/* A session and the last seq of it that counts. */
struct current {
	uint64_t id[2];
	uint64_t upto;
};
/*
 * Sorts `all` and leaves those in force, *count of them. *out has those sessions, in tape order, that go on or that others go
 * on from, also such as are not there; the caller's to free. 0 or TAPE_ERR_NOMEM.
 */
int superseded_resolve(struct continuation *all, size_t *count, struct current **out,
		       size_t *out_count);

#endif
