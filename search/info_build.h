/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that make a tape_info share. */
#ifndef TAPE_SEARCH_INFO_BUILD_H
#define TAPE_SEARCH_INFO_BUILD_H

#include "search/info_table.h"
#include "search/seqmap.h"
#include "search/source.h"

/* Everything that a tape_info points to. `info` first: it is what the caller has. */
struct build {
	struct tape_info info;
	struct tape_reader *reader;
	struct info_keys texts;	 /* every text of the answer, once */
	struct info_keys labels; /* label paths */
	struct info_keys vars;	 /* type tag, name, NUL, unit */
	struct info_keys notes;	 /* of one session: seen already? */
	struct info_keys sinks;	 /* of one session, what its counts are about */
	struct info_hashes blobs;
	struct tape_session_info *sessions;
	struct tape_label_info *label_list;
	struct tape_variable_info *var_list;
	struct tape_note_info *note_list;
	struct tape_thinned_info *thinned_list;
	size_t thinned_from, thinned_cap; /* from: the first of this session */
	struct tape_set_info *set_list;
	struct tape_pos *continue_list; /* of all sessions, as the snapshot has them */
	size_t set_cap;
	bool brief; /* of the last session, what its manifest says */
	size_t label_cap, var_cap, note_cap;
	struct seqmap sizes; /* of bodies, by seq: 1 + the size, SIZE_MET */
	struct tape_session_info *now;
	uint64_t current; /* of that session: the last seq that counts */
	struct tape_value *values;
	struct body_hint *hints;
	size_t value_cap;
	unsigned measures; /* so far */
	bool no_memory;
};

/* A text of the answer; "" and no_memory where there is none. */
const char *info_text(struct build *b, const char *s, size_t len);
const char *info_text0(struct build *b, const char *s);
/* Room for one more; false: no memory. */
bool info_grow(void **list, size_t *cap, size_t count, size_t size);

/* ---- info_count.c: what is counted as scopes are walked ---- */

/* For source_iter.want; `user` is the struct build. */
bool info_count_form(void *user, struct source_form *form);
int info_count_scope(struct build *b, struct source *source,
		     const struct source_record *rec, struct tape_error *err);
/* For source.drop_plan: adds up what was counted of a form. */
void info_count_fold(void *plan);

#endif
