/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of the cache that others have put on the tape: a look goes on where the last
 * one ended, over the headers of frames, to those that hold some; generations are asked
 * by key. docs/cache.md says what is seen when. One thread at a time.
 */
#ifndef TAPE_SEARCH_CACHELOOK_H
#define TAPE_SEARCH_CACHELOOK_H

#include <stdbool.h>

#include "format/cached.h"
#include "format/tapedir.h"
#include "tape/search.h"

struct cachelook;

/* An entry as it was found; all is borrowed until the function it is given to returns. */
struct cachelook_entry {
	struct tape_key key;
	struct tape_pos pos;
	int64_t time;
	bool again, dropped;
	bool packed; /* bytes of values over 64 bytes are not in the body */
	const struct form *form;
	const uint8_t *body; /* checked; NULL: it stands at pos, and nowhere at hand */
	size_t len;
};
/* 0, or what ends the look at that session: then it begins again there the next time. */
typedef int cachelook_fn(void *user, const struct cachelook_entry *entry);

/* on_report gets what is damaged. 0 or an enum tape_status. */
int cachelook_open(const struct tapedir *dir, const struct tape_reader_options *options,
		   struct cachelook **out, struct tape_error *err);
void cachelook_close(struct cachelook *look); /* NULL is fine */
/*
 * What sessions other than `own` have committed since the last look; `whole`: also where
 * is seldom looked else, behind a write that failed. What cannot be read is reported, once for each
 * session, and left for the next look; the rest is looked at all the same. 0, or the first
 * thing that went wrong.
 */
int cachelook_scan(struct cachelook *look, const uint64_t own[2], bool whole,
		   cachelook_fn *fn, void *user);
/*
 * How many generations have come, up to the last look, that may withdraw entries: what
 * was asked for under a key before the last one may be withdrawn since.
 */
uint32_t cachelook_news(const struct cachelook *look);
/* Entries under that key in generations; newest generation first. */
int cachelook_find(struct cachelook *look, struct tape_key key, cachelook_fn *fn,
		   void *user);
/* fn gets the scope at a position. 1, 0 = it is not there, negative: as fn or the reader said. */
typedef int cachelook_scope_fn(void *user, const struct tape_scope *scope);
int cachelook_scope(struct cachelook *look, const struct tape_pos *pos,
		    cachelook_scope_fn *fn, void *user, struct tape_error *err);
/* The bytes of a value that is a blob of a generation or a loose file: malloc'd, verified, a NUL behind them. */
int cachelook_blob(struct cachelook *look, const struct tape_value *value, uint8_t **out,
		   struct tape_error *err);
#endif
