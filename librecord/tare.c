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

static const struct item *
tared(const struct tare *tare, const struct item *item)
{
	for (uint32_t i = 0; i < tare->values.count; i++) {
		const struct item *one = &tare->values.items[i];

		if (one->name_len == item->name_len &&
		    memcmp(one->name, item->name, item->name_len) == 0)
			return one;
	}
	return NULL;
}

static bool
hides(const struct tare *tare, const struct item *item)
{
	const struct item *one = tared(tare, item);

	return one && (!one->until || same_value(one, item));
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
	level->left->shape |= TARED_SHAPE;
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
		free(level->own_tare->spare.items);
		free(level->own_tare->spare.bytes);
	}
	free(level->own_tare);
}

/* ---- what is tared ---- */

/* These variables too, in front of what is there. 0 or -1: no memory, as it was. */
static int
merge(struct thread_state *ts, struct tare *tare, const struct item *items, size_t count,
      bool until_changed)
{
	struct sticky values = tare->spare;

	if (sticky_fill(ts, &values, items, count, &tare->values) < 0) {
		tare->spare = values;
		return -1;
	}
	tare->spare = tare->values;
	tare->values = values;
	for (size_t i = 0; i < count; i++) {
		struct item *one = (struct item *)(uintptr_t)tared(tare, &items[i]);

		one->until = until_changed;
	}
	return 0;
}

/* The tare of the innermost level, with what is tared there already. NULL: no memory. */
static struct tare *
own_tare(struct thread_state *ts)
{
	struct level *level = ts->level;
	const struct tare *outer = level->tare;
	struct tare *tare;

	if (!level->own_tare)
		level->own_tare = calloc(1, sizeof *level->own_tare);
	tare = level->own_tare;
	if (!tare || outer == tare)
		return tare;
	tare->known = outer ? outer->known : 0;
	memset(tare->weighed, 0, sizeof tare->weighed);
	tare->known_until = outer && outer->known_until;
	return sticky_pick(ts, &tare->values, outer ? &outer->values : &no_sticky, all,
			   NULL) == 0
		       ? tare
		       : NULL;
}

static void
use(struct thread_state *ts, const struct tare *tare)
{
	struct level *level = ts->level;

	level->tare = tare;
	if (tare && tare_apply(ts, level, level->with) == 0)
		return;
	level->tare = NULL;
	level->sticky = level->with;
	recorder_error(ts->tape, "out of memory: nothing is tared");
}

/*
 * What is there and not tared yet, as a scope of its own: items, and sticky variables.
 * False, reported: it is not on the tape, so it must not be left out of what follows.
 */
static bool
record(struct thread_state *ts, const struct item *items, size_t count)
{
	static const struct place place = { .file = "", .func = "" };
	const struct layout *l;
	struct context *context;

	if (count + ts->level->sticky->count == 0)
		return true;
	report_hold(); /* as in find_layout() */
	context = context_system(ts->tape, ts->level->context, TARE_LABEL);
	l = context ? layout_find(ts, &place, context, items, count, NULL, NULL) : NULL;
	report_tell(ts->tape);
	if (!context)
		recorder_error(ts->tape, "nothing is tared: there are too many label "
					 "paths for one more");
	return l && capture_items(ts, l, items, NULL) == 0;
}

/* ---- variables that nobody names ---- */

#define WEIGHED (sizeof((struct tare *)0)->weighed / sizeof(const struct plan *))

static bool
has_name(const struct plan *plan, const struct item *item)
{
	for (uint32_t i = 0; i < plan->count; i++)
		if (plan->vars[i].found && plan->vars[i].name_len == item->name_len &&
		    memcmp(plan->vars[i].name, item->name, item->name_len) == 0)
			return true;
	return false;
}

/* Had it been found when tape_tare was called? */
static bool
known(const struct thread_state *ts, const struct tare *tare, const struct item *item)
{
	for (uint32_t i = 0; i < tare->known; i++)
		if (has_name(ts->found[i], item))
			return true;
	return false;
}

static void
know(struct thread_state *ts, const struct plan *plan)
{
	for (uint32_t i = 0; i < ts->found_count; i++)
		if (ts->found[i] == plan)
			return;
	if (ts->found_count == ts->found_cap) {
		uint32_t cap = ts->found_cap ? 2 * ts->found_cap : 8;
		const struct plan **more = realloc(ts->found, cap * sizeof(*more));

		if (!more)
			return; /* it is not tared then */
		ts->found = more;
		ts->found_cap = cap;
	}
	ts->found[ts->found_count++] = plan;
}

/* The values that known ones have now are what they are tared with. */
static void
weigh(struct thread_state *ts, struct tare *tare, const struct plan *plan,
      struct item *items, uint32_t *fresh)
{
	uint32_t count = plan->count;
	struct item *news;
	size_t n = 0;

	for (size_t i = 0; i < WEIGHED; i++)
		if (tare->weighed[i] == plan)
			return;
	news = scratch_take(&ts->scratch, count * sizeof *news);

	for (uint32_t i = 0; news && i < count; i++)
		if (items[i].found && !tared(tare, &items[i]) &&
		    known(ts, tare, &items[i]))
			news[n++] = items[i];
	if (!plan->dynamic && news)
		tare->weighed[tare->weighed_count++ % WEIGHED] = plan;
	if (n == 0 || merge(ts, tare, news, n, tare->known_until) < 0)
		return;
	/* Until they change too: a rule may still leave out the scope that has them. */
	*fresh = tare->values.count < n ? tare->values.count : (uint32_t)n;
	if (tare->known_until)
		return;
	for (uint32_t i = 0; i < count; i++)
		items[i].hidden = items[i].found && hides(tare, &items[i]);
}

void
tare_found(struct thread_state *ts, const struct plan *plan, struct item *items,
	   uint32_t *fresh)
{
	struct tare *tare = (struct tare *)(uintptr_t)ts->level->tare;

	if (!ts->asking)
		know(ts, plan);
	if (!tare)
		return;
	for (uint32_t i = 0; i < plan->count; i++)
		items[i].hidden = items[i].found && hides(tare, &items[i]);
	/* Who only asks whether a scope was seen changes nothing. */
	if (tare->known && !ts->asking)
		weigh(ts, tare, plan, items, fresh);
}

void
tare_fresh(struct thread_state *ts, uint32_t fresh)
{
	const struct sticky *sticky = ts->level->sticky;
	bool there;

	ts->level->sticky = &no_sticky;
	there = record(ts, ts->level->tare->values.items, fresh);
	ts->level->sticky = sticky;
	if (there)
		return;
	ts->level->tare = NULL;
	ts->level->sticky = ts->level->with;
}

void
tare_items(struct thread_state *ts, const struct item *items, size_t count,
	   bool until_changed)
{
	struct tare *tare = own_tare(ts);

	if (!tare || !items || merge(ts, tare, items, count, until_changed) < 0)
		tare = NULL;
	use(ts, tare);
}

void
tare_take(struct thread_state *ts, struct plan *plan, const unsigned char *kinds,
	  const struct tape_word *words, bool until_changed)
{
	struct item some[MAX_ARGUMENTS];

	report_hold(); /* as in find_layout() */
	tare_items(ts, call_items(ts, plan, kinds, words, some), plan->count,
		   until_changed);
	scratch_reset(&ts->scratch);
	report_tell(ts->tape);
}

/* ---- the calls ---- */

void
tape_tare(struct tape *t, int until_changed)
{
	struct thread_state *ts = capture_thread(t);
	struct tare *tare;

	if (!ts)
		return;
	if (!record(ts, NULL, 0))
		return;
	tare = own_tare(ts);
	if (tare && merge(ts, tare, ts->level->with->items, ts->level->with->count,
			  until_changed != 0) == 0) {
		tare->known = ts->found_count;
		memset(tare->weighed, 0, sizeof tare->weighed);
		tare->known_until = until_changed != 0;
	} else {
		tare = NULL;
	}
	use(ts, tare);
}

void
tape_tare_next(struct tape *t, int until_changed)
{
	struct thread_state *ts = capture_thread(t);

	if (ts)
		ts->taring = ts->taring << 2 | (until_changed ? 2 : 1);
}

void
tape_tare_done(struct tape *t)
{
	struct thread_state *ts = capture_thread(t);

	if (ts)
		ts->taring >>= 2;
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
