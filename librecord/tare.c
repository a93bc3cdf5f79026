/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tare: what exists already is left out of scopes, until its block ends. It is
 * written once, as a scope of its own.
 */
#include <stdlib.h>
#include <string.h>

#include "librecord/capture.h"
#include "librecord/report.h"

static bool
same_bytes(const struct item *a, const struct item *b)
{
	if (a->size != b->size)
		return false;
	if (a->size > CANON_BYTES)
		return memcmp(&a->hash, &b->hash, sizeof a->hash) == 0;
	return a->size == 0 || memcmp(a->data, b->data, (size_t)a->size) == 0;
}

/* As a tape tells values apart: floats by their bits. */
static bool
same_value(const struct item *a, const struct item *b)
{
	if (a->type != b->type)
		return false;
	if (a->type < TAPE_STR)
		return memcmp(&a->value, &b->value, sizeof a->value) == 0;
	if (a->type == TAPE_ARRAY_T &&
	    (a->dtype != b->dtype || a->ndim != b->ndim || a->fortran != b->fortran ||
	     memcmp(a->dims, b->dims, a->ndim * sizeof a->dims[0]) != 0))
		return false;
	return same_bytes(a, b);
}

static bool
hides(const struct tare *tare, const struct item *item)
{
	for (uint32_t i = 0; i < tare->values.count; i++) {
		const struct item *one = &tare->values.items[i];

		if (one->name_len == item->name_len &&
		    memcmp(one->name, item->name, item->name_len) == 0)
			return !tare->until_changed || same_value(one, item);
	}
	return false;
}

bool
tare_hides(const struct level *level, const struct item *item)
{
	return level->tare && hides(level->tare, item);
}

static bool
wanted(const struct item *item, const void *user)
{
	return !hides(user, item);
}

static bool
all(const struct item *item, const void *user)
{
	(void)item;
	(void)user;
	return true;
}

int
tare_apply(struct thread_state *ts, struct level *level, const struct sticky *with)
{
	if (!level->tare) {
		level->sticky = with;
		return 0;
	}
	if (!level->left)
		level->left = calloc(1, sizeof *level->left);
	if (!level->left || sticky_pick(ts, level->left, with, wanted, level->tare) < 0) {
		level->sticky = with;
		return -1;
	}
	level->sticky = level->left;
	return 0;
}

void
tare_release(struct level *level)
{
	sticky_free(level->left);
	if (level->own_tare) {
		free(level->own_tare->values.items);
		free(level->own_tare->values.bytes);
	}
	free(level->own_tare);
}

/* What is there and not tared yet, as a scope of its own. */
static void
record(struct thread_state *ts)
{
	static const struct place place = { .file = "", .func = "" };
	const struct layout *l;
	struct context *context;

	if (ts->level->sticky->count == 0)
		return;
	report_hold(); /* as in find_layout() */
	context = context_system(ts->tape, ts->level->context, "_tare");
	l = context ? layout_find(ts, &place, context, NULL, 0, NULL, NULL) : NULL;
	report_tell(ts->tape);
	if (l)
		(void)capture_items(ts, l, NULL, NULL);
	else if (!context)
		recorder_error(ts->tape, "what is tared is not recorded: there are too "
					 "many label paths for one more");
}

void
tape_tare(struct tape *t, int until_changed)
{
	struct thread_state *ts = capture_thread(t);
	struct level *level;
	struct tare *tare;

	if (!ts)
		return;
	record(ts);
	level = ts->level;
	if (!level->own_tare)
		level->own_tare = calloc(1, sizeof *level->own_tare);
	tare = level->own_tare;
	if (tare && sticky_pick(ts, &tare->values, level->with, all, NULL) == 0) {
		tare->until_changed = until_changed != 0;
		level->tare = tare;
		if (tare_apply(ts, level, level->with) == 0)
			return;
	}
	level->tare = NULL;
	level->sticky = level->with;
	recorder_error(t, "out of memory: nothing is tared");
}

void
tape_untare(struct tape *t)
{
	struct thread_state *ts = capture_thread(t);

	if (!ts)
		return;
	ts->level->tare = NULL;
	ts->level->sticky = ts->level->with;
}
