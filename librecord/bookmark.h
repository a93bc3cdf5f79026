/* SPDX-License-Identifier: Apache-2.0 */
/* Bookmarks: scopes that only name a place, and their lines in the manifest. */
#ifndef TAPE_LIBRECORD_BOOKMARK_H
#define TAPE_LIBRECORD_BOOKMARK_H

#include "format/manifest.h"
#include "librecord/part.h"

/* Lines for the manifest, one after another. */
struct bookmark_lines {
	char *text;
	size_t len, cap;
};

/*
 * The lines of the bookmarks in parts that are about to be committed: later the
 * parts may be gone. commit_lock is held. Without memory lines are left out: the
 * manifest is a copy for people.
 */
void bookmark_lines_make(struct tape *t, const struct part *parts,
			 struct bookmark_lines *lines);
/* Appends them if they were committed; frees them. */
void bookmark_lines_write(struct tape *t, struct bookmark_lines *lines, bool committed);

#endif
