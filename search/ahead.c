/* SPDX-License-Identifier: Apache-2.0 */
#include "search/ahead.h"

#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "search/chunk.h"
#include "search/raw_shared.h"
#include "search/reader.h"
#include "search/scope.h"

/*
 * What all threads may take together, and each at most and at least. Contents may
 * be anywhere on a tape: with less than a reader that is alone takes, few threads
 * would read more than they gain.
 */
#define PACKED_CACHE ((size_t)640 << 20)
#define PACKED_CACHE_MOST ((size_t)160 << 20)
#define PACKED_CACHE_LEAST ((size_t)64 << 20)
#define RAW_CACHE ((size_t)32 << 20)
#define RAW_CACHE_MOST ((size_t)16 << 20)
#define RAW_CACHE_LEAST ((size_t)4 << 20)
/* Text of a chunk. */
#define CHUNK_TEXT ((size_t)4 << 20)

struct reader_tuning reader_tuning = { .alone_ns = 2000000,
				       .least_units = 49152,
				       .slice_units = 65536,
				       .chunk_scopes = CHUNK_SCOPES,
				       .most_threads = UINT32_MAX,
				       .shared_bytes = SHARED_BYTES,
				       .made_bytes = MADE_BYTES };

/* A slice that was begun. Its chunks are in tape order. */
struct task {
	struct slice slice;
	struct slices after;
	struct tape_pos given; /* scopes up to there are not wanted */
	struct chunk *first, *last;
	struct chunk *found; /* the first of which nothing is made yet */
	bool done;
	int status;
	uint64_t matched, skipped;
	struct tape_pos last_pos;
};

struct worker {
	struct ahead *a;
	unsigned number;
	pthread_t thread;
	/* Its view of what the cursor reads. */
	struct tape_reader reader;
	struct generations *set;
	struct snapshot snapshot;
	struct walk walk;
	struct recall recall;
	struct tape_scope scope;
	struct chunk *chunk; /* what it fills, or makes */
	uint64_t made_last;  /* number of that chunk */
	bool no_memory;	     /* for what was to be told */
};

struct ahead {
	struct ahead_setup setup;
	struct raw_shared *raw_shared; /* NULL: each has its own only */
	atomic_bool stop;
	pthread_mutex_t lock;
	pthread_cond_t work, ready; /* for the threads; for the cursor */
	struct slices slices;
	struct task *tasks; /* a ring, from head to tail */
	size_t task_cap;
	uint64_t head, tail;
	bool preset;	     /* the first task waits for a thread */
	bool exhausted;	     /* no slice is left */
	size_t made;	     /* bytes of text that are made and not taken */
	struct chunk *spare; /* taken ones, for those that come */
	unsigned spare_count;
	uint64_t numbers; /* of chunks that something was made of */
	struct worker *workers;
	unsigned started;
	/* The cursor's. */
	bool open; /* it knows of the slice at hand */
	struct chunk *taken;
	size_t at_scope, at_report;
};

static struct task *
task_at(struct ahead *a, uint64_t i)
{
	return &a->tasks[i % a->task_cap];
}

/* With the lock held. The first thread may be at work before it is counted. */
static bool
room_for_text(const struct ahead *a)
{
	return a->made < reader_tuning.made_bytes * (a->started != 0 ? a->started : 1);
}

/* ---- what a thread hands over ---- */

/* Memory that was touched once costs less than new. NULL: none is left. */
static struct chunk *
next_chunk(struct ahead *a)
{
	struct chunk *c;

	pthread_mutex_lock(&a->lock);
	c = a->spare;
	if (c != NULL) {
		a->spare = c->next;
		a->spare_count--;
	}
	pthread_mutex_unlock(&a->lock);
	if (c == NULL)
		return chunk_new();
	c->next = NULL;
	return c;
}

static void
collect(void *user, const struct tape_report *report, uint64_t place)
{
	struct worker *w = user;

	if (w->chunk == NULL)
		w->chunk = next_chunk(w->a);
	if (w->chunk == NULL || chunk_add_report(w->chunk, report, place) != 0)
		w->no_memory = true;
}

/*
 * A thread comes from later slices back to what is to be made of earlier ones:
 * what it told in one of them is told in the next too, and the cursor knows.
 */
static void
tell_all(struct worker *w)
{
	struct tape_reader *reader = &w->reader;

	if (reader->told_count != 0)
		memset(reader->told, 0, reader->told_cap * sizeof *reader->told);
	reader->told_count = 0;
}

static void
hand_over(struct worker *w, struct task *t)
{
	struct ahead *a = w->a;
	struct chunk *c = w->chunk;

	w->chunk = NULL;
	if (c == NULL)
		return;
	c->state = CHUNK_READY;
	if (a->setup.mode == AHEAD_MAKE && c->count != 0 && !c->made)
		c->state = CHUNK_FOUND;
	pthread_mutex_lock(&a->lock);
	a->made += c->text_len;
	if (t->last != NULL)
		t->last->next = c;
	else
		t->first = c;
	t->last = c;
	if (c->state == CHUNK_FOUND && t->found == NULL)
		t->found = c;
	pthread_cond_broadcast(c->state == CHUNK_FOUND ? &a->work : &a->ready);
	pthread_mutex_unlock(&a->lock);
}

/* Something was told as damage that is none to the cursor, who does it again. */
static bool
unsure(const struct worker *w)
{
	return w->no_memory || w->reader.passing != 0;
}

/* Makes text of a record: what is told of it comes before it, or is dropped if that fails. */
static int
make_text(struct worker *w, struct chunk *c, struct chunk_scope *s, struct source *source,
	  const struct source_record *rec, const struct content *content)
{
	const struct ahead_setup *setup = &w->a->setup;
	struct tape_made made = { 0 };
	int r = scope_show(&w->scope, source, rec, content);

	if (r == 0)
		r = setup->make(setup->user, w->number, &w->scope, &made);
	if (r == 0)
		r = chunk_add_text(c, made.data, made.len);
	s->end = c->text_len;
	return r == 0 && unsure(w) ? TAPE_ERR_NOMEM : r;
}

/* 0, or why nothing is made of the scope that the walk is at. */
static int
make_found(struct worker *w, struct chunk *c, struct chunk_scope *s)
{
	const struct walk *walk = &w->walk;
	size_t told = c->report_count;
	int r = make_text(w, c, s, walk->source, &walk->rec,
			  walk->eval.has_content ? &walk->eval.content : NULL);

	if (r != 0)
		chunk_drop_reports(c, told);
	return r;
}

/*
 * What is found in segments is at hand when it is found: it is made at once, as long
 * as there is room for it. Packed ones are made from columns that walks don't read.
 */
static bool
at_once(struct worker *w)
{
	struct ahead *a = w->a;
	bool room;

	if (a->setup.mode != AHEAD_MAKE || w->walk.rec.generation != 0)
		return false;
	pthread_mutex_lock(&a->lock);
	room = room_for_text(a);
	pthread_mutex_unlock(&a->lock);
	return room;
}

/* 1 = c is for what the walk has found, 0 = another one is needed. */
static bool
chunk_fits(struct worker *w, struct chunk *c)
{
	if (c->count == 0)
		c->made = at_once(w);
	return !c->made || w->walk.rec.generation == 0;
}

static int
add_scope(struct worker *w, struct task *t)
{
	struct chunk *c;
	struct chunk_scope *s;
	int r = 0;

	if (w->chunk != NULL && !chunk_fits(w, w->chunk))
		hand_over(w, t);
	if (w->chunk == NULL) {
		w->chunk = next_chunk(w->a);
		if (w->chunk == NULL)
			return TAPE_ERR_NOMEM;
		(void)chunk_fits(w, w->chunk);
	}
	c = w->chunk;
	s = &c->scopes[c->count];
	s->pos = t->last_pos;
	s->key = walk_key(&w->walk);
	s->session = w->walk.index;
	if (c->made)
		r = make_found(w, c, s);
	if (r != 0)
		return r;
	c->at = ++c->count;
	if (c->count >= reader_tuning.chunk_scopes || c->count == CHUNK_SCOPES ||
	    c->text_len >= CHUNK_TEXT)
		hand_over(w, t);
	return 0;
}

/* ---- a slice ---- */

static int
walk_slice(struct worker *w, struct task *t)
{
	struct walk *walk = &w->walk;
	struct tape_error err;
	int r;

	walk_set(walk, &w->snapshot, &t->slice);
	while ((r = walk_next(walk, &err)) == 1) {
		memcpy(t->last_pos.session, walk->session.id, sizeof t->last_pos.session);
		t->last_pos.seq = walk->rec.seq;
		if (unsure(w))
			break;
		if (walk_upto(walk, &t->given))
			continue;
		t->matched++;
		if (w->a->setup.mode == AHEAD_COUNT)
			continue;
		r = add_scope(w, t);
		if (r != 0)
			break;
	}
	t->skipped = walk->skipped;
	return r >= 0 && unsure(w) ? TAPE_ERR_NOMEM : r;
}

static void
run_task(struct worker *w, struct task *t)
{
	struct ahead *a = w->a;
	int r;

	tell_all(w);
	r = walk_slice(w, t);
	/* What failed may do so again: nothing that is open is kept. */
	if (r != 0)
		walk_leave(&w->walk);
	hand_over(w, t);
	pthread_mutex_lock(&a->lock);
	t->status = r;
	t->done = true;
	pthread_cond_broadcast(&a->ready);
	pthread_cond_broadcast(&a->work);
	pthread_mutex_unlock(&a->lock);
}

/* ---- what is made of scopes ---- */

/* 0, or why the scope at hand cannot be had. */
static int
make_one(struct worker *w, struct chunk *c, size_t i)
{
	struct chunk_scope *s = &c->scopes[i];
	struct source_record rec;
	struct tape_error err;
	int r = recall_record(&w->recall, &w->snapshot, s->session, &s->key, &rec, &err);

	if (r != 1)
		return r == 0 ? TAPE_ERR_NOT_FOUND : r;
	return make_text(w, c, s, w->recall.source, &rec, NULL);
}

/* What is behind so many scopes of a chunk, as one that nothing is made of. NULL: no memory. */
static struct chunk *
split(struct chunk *c, size_t count, struct chunk_report *rest, size_t rest_count)
{
	struct chunk *n = chunk_new();

	if (n == NULL)
		return NULL;
	n->rest_of = c->number;
	n->count = c->count - (uint32_t)count;
	memcpy(n->scopes, c->scopes + count, n->count * sizeof *n->scopes);
	for (size_t i = 0; i < rest_count; i++)
		if (chunk_move_report(n, rest[i].before - count, &rest[i]) != 0) {
			chunk_free(n);
			return NULL;
		}
	c->count = (uint32_t)count;
	return n;
}

/* Reports of a chunk that come before its scope i. */
static size_t
move_reports(struct worker *w, struct chunk *c, size_t i, struct chunk_report *from,
	     size_t at, size_t count)
{
	for (; at < count && from[at].before <= i; at++)
		if (from[at].file != NULL && chunk_move_report(c, i, &from[at]) != 0)
			w->no_memory = true;
	return at;
}

/* *next: what is left of it, for whoever comes to it. */
static void
make_chunk(struct worker *w, struct chunk *c, struct chunk **next)
{
	struct chunk_report *reports = c->reports;
	size_t report_count = c->report_count, at = 0, i = 0, told;
	int r = 0;

	c->reports = NULL;
	c->report_count = c->report_cap = 0;
	w->chunk = c;
	tell_all(w);
	while (i < c->count && r == 0 && !atomic_load(&w->a->stop)) {
		at = move_reports(w, c, i, reports, at, report_count);
		c->at = (uint32_t)i;
		told = c->report_count;
		r = make_one(w, c, i);
		if (r != 0)
			chunk_drop_reports(c, told);
		i += r == 0;
		if (r == 0 && i < c->count && c->text_len >= CHUNK_TEXT) {
			*next = split(c, i, reports + at, report_count - at);
			w->no_memory |= *next == NULL;
			if (*next != NULL)
				at = report_count;
		}
	}
	c->failed = i < c->count;
	c->count = (uint32_t)i;
	at = move_reports(w, c, i, reports, at, c->failed ? at : report_count);
	c->failed |= unsure(w);
	w->chunk = NULL;
	for (; at < report_count; at++) {
		free(reports[at].file);
		free(reports[at].message);
	}
	free(reports);
	if (c->failed)
		recall_leave(&w->recall);
}

/*
 * The first chunk of which nothing is made, if there is room for the text of it.
 * Sources tell of some things when they first meet them: so a thread makes
 * chunks in tape order, and none while others may come before it.
 */
static struct task *
task_to_make(struct ahead *a)
{
	for (uint64_t i = a->head; i < a->tail; i++) {
		struct task *t = task_at(a, i);
		bool first = i == a->head && t->found == t->first;

		if (t->found != NULL)
			return first || room_for_text(a) ? t : NULL;
		if (!t->done)
			return NULL;
	}
	return NULL;
}

static struct chunk *
next_found(struct chunk *c)
{
	while (c != NULL && c->state != CHUNK_FOUND)
		c = c->next;
	return c;
}

/* Called and left with the lock held. */
static void
run_make(struct worker *w, struct task *t)
{
	struct ahead *a = w->a;
	struct chunk *c = t->found, *rest = NULL;

	c->state = CHUNK_BUSY;
	c->number = ++a->numbers;
	t->found = next_found(c->next);
	pthread_mutex_unlock(&a->lock);
	/* Others may have been made since: it comes back to an earlier place. */
	if (c->rest_of != 0 && c->rest_of != w->made_last)
		recall_leave(&w->recall);
	w->made_last = c->number;
	make_chunk(w, c, &rest);
	pthread_mutex_lock(&a->lock);
	if (rest != NULL) {
		rest->next = c->next;
		c->next = rest;
		if (t->last == c)
			t->last = rest;
		t->found = rest;
		pthread_cond_broadcast(&a->work);
	}
	c->state = CHUNK_READY;
	a->made += c->text_len;
	pthread_cond_broadcast(&a->ready);
}

/* ---- the threads ---- */

/* The next slice, or NULL. With the lock held. */
static struct task *
next_task(struct ahead *a)
{
	struct task *t;

	if (a->preset) {
		a->preset = false;
		return task_at(a, a->head);
	}
	if (a->exhausted || a->tail - a->head >= a->task_cap)
		return NULL;
	t = task_at(a, a->tail);
	memset(t, 0, sizeof *t);
	if (slices_next(&a->slices, &t->slice) == 0) {
		a->exhausted = true;
		pthread_cond_broadcast(&a->ready);
		return NULL;
	}
	t->after = a->slices;
	a->tail++;
	pthread_cond_broadcast(&a->ready);
	return t;
}

static void *
work(void *user)
{
	struct worker *w = user;
	struct ahead *a = w->a;

	pthread_mutex_lock(&a->lock);
	while (!atomic_load(&a->stop)) {
		struct task *make = task_to_make(a);
		struct task *walk = make == NULL ? next_task(a) : NULL;

		if (make != NULL) {
			run_make(w, make);
		} else if (walk != NULL) {
			pthread_mutex_unlock(&a->lock);
			run_task(w, walk);
			pthread_mutex_lock(&a->lock);
		} else {
			pthread_cond_wait(&a->work, &a->lock);
		}
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

static size_t
share_of(size_t all, size_t most, size_t least, unsigned jobs)
{
	size_t share = all / jobs < most ? all / jobs : most;

	return share < least ? least : share;
}

static void
worker_release(struct worker *w)
{
	walk_release(&w->walk);
	recall_leave(&w->recall);
	scope_release(&w->scope);
	chunk_free(w->chunk);
	generations_release(w->reader.generations);
	generations_release(w->set);
	free(w->reader.told);
}

static int
worker_init(struct worker *w, struct ahead *a, unsigned number)
{
	const struct ahead_setup *s = &a->setup;
	int r;

	w->a = a;
	w->number = number;
	w->reader = *s->reader;
	w->reader.collect = collect;
	w->reader.collect_user = w;
	w->reader.damage = w->reader.met = w->reader.passing = 0;
	w->reader.told = NULL;
	w->reader.told_count = w->reader.told_cap = 0;
	w->reader.generations = NULL;
	memset(&w->reader.stats, 0, sizeof w->reader.stats);
	w->reader.packed_cache =
		share_of(PACKED_CACHE, PACKED_CACHE_MOST, PACKED_CACHE_LEAST, s->jobs);
	w->reader.raw_cache =
		share_of(RAW_CACHE, RAW_CACHE_MOST, RAW_CACHE_LEAST, s->jobs);
	w->reader.raw_shared = a->raw_shared;
	w->set = generations_share(s->snapshot->generations, &w->reader);
	if (w->set == NULL)
		return TAPE_ERR_NOMEM;
	w->set->users++;
	w->reader.generations = w->set;
	w->snapshot = *s->snapshot;
	w->snapshot.reader = &w->reader;
	w->snapshot.generations = w->set;
	r = walk_init(&w->walk, &w->reader, s->query, s->marks, s->options, s->jobs,
		      NULL);
	w->walk.stop = &a->stop;
	return r;
}

static void
start_workers(struct ahead *a)
{
	for (unsigned i = 0; i < a->setup.jobs; i++) {
		struct worker *w = &a->workers[i];

		if (worker_init(w, a, i) != 0 || i >= reader_tuning.most_threads ||
		    os_thread_start(&w->thread, work, w) != 0) {
			worker_release(w);
			return;
		}
		/* Threads look at it for the room that there is. */
		pthread_mutex_lock(&a->lock);
		a->started++;
		pthread_mutex_unlock(&a->lock);
	}
}

int
ahead_start(const struct ahead_setup *setup, struct ahead **out)
{
	struct ahead *a = calloc(1, sizeof *a);

	if (a == NULL)
		return TAPE_ERR_NOMEM;
	a->setup = *setup;
	a->slices = setup->slices;
	a->task_cap = 2 * (size_t)setup->jobs + 2;
	a->tasks = calloc(a->task_cap, sizeof *a->tasks);
	a->workers = calloc(setup->jobs, sizeof *a->workers);
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->work, NULL);
	pthread_cond_init(&a->ready, NULL);
	if (a->tasks != NULL && setup->slice != NULL) {
		a->preset = true;
		a->tail = 1;
		a->tasks[0] = (struct task){ .slice = *setup->slice,
					     .after = setup->slices,
					     .given = setup->given };
	}
	/* Without memory for it threads read more. */
	if (setup->mode == AHEAD_MAKE)
		a->raw_shared = raw_shared_new(reader_tuning.shared_bytes);
	if (a->tasks != NULL && a->workers != NULL)
		start_workers(a);
	a->setup.options = NULL; /* borrowed until here */
	if (a->started == 0) {
		ahead_stop(a);
		return TAPE_ERR_NOMEM;
	}
	*out = a;
	return 0;
}

/* Counters, all of 64 bits, from the first that walks raise. */
static void
add_stats(struct tape_read_stats *to, const struct tape_read_stats *from)
{
	const size_t first = offsetof(struct tape_read_stats, groups);
	uint64_t x, y;

	for (size_t at = first; at < sizeof *to; at += sizeof x) {
		memcpy(&x, (char *)to + at, sizeof x);
		memcpy(&y, (const char *)from + at, sizeof y);
		x += y;
		memcpy((char *)to + at, &x, sizeof x);
	}
}

void
ahead_stop(struct ahead *a)
{
	if (a == NULL)
		return;
	pthread_mutex_lock(&a->lock);
	atomic_store(&a->stop, true);
	pthread_cond_broadcast(&a->work);
	pthread_mutex_unlock(&a->lock);
	for (unsigned i = 0; i < a->started; i++) {
		pthread_join(a->workers[i].thread, NULL);
		add_stats(&a->setup.reader->stats, &a->workers[i].reader.stats);
		worker_release(&a->workers[i]);
	}
	for (uint64_t i = a->head; a->tasks != NULL && i < a->tail; i++)
		while (task_at(a, i)->first != NULL) {
			struct chunk *c = task_at(a, i)->first;

			task_at(a, i)->first = c->next;
			chunk_free(c);
		}
	while (a->spare != NULL) {
		struct chunk *c = a->spare;

		a->spare = c->next;
		chunk_free(c);
	}
	chunk_free(a->taken);
	raw_shared_free(a->raw_shared);
	free(a->tasks);
	free(a->workers);
	pthread_cond_destroy(&a->work);
	pthread_cond_destroy(&a->ready);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* ---- for the cursor ---- */

static void
give_back(struct ahead *a, struct chunk *c)
{
	const size_t made = c->text_len;
	bool spare;

	chunk_clear(c);
	pthread_mutex_lock(&a->lock);
	a->made -= made;
	spare = a->spare_count < 2 * a->started;
	if (spare) {
		c->next = a->spare;
		a->spare = c;
		a->spare_count++;
	}
	pthread_cond_broadcast(&a->work);
	pthread_mutex_unlock(&a->lock);
	if (!spare)
		chunk_free(c);
}

/* True: *out is the next of the chunk at hand. */
static bool
from_chunk(struct ahead *a, struct ahead_event *out)
{
	struct chunk *c = a->taken;
	bool failed;

	if (a->at_report < c->report_count &&
	    (c->reports[a->at_report].before <= a->at_scope)) {
		out->kind = AHEAD_REPORT;
		out->report = c->reports[a->at_report].report;
		out->place = c->reports[a->at_report++].place;
		return true;
	}
	if (a->at_scope < c->count) {
		const struct chunk_scope *s = &c->scopes[a->at_scope++];
		size_t begin = a->at_scope < 2 ? 0 : s[-1].end;

		out->kind = AHEAD_FOUND;
		out->pos = s->pos;
		out->session = s->session;
		out->key = s->key;
		if (a->setup.mode == AHEAD_MAKE) {
			out->data = s->end == begin ? "" : c->text + begin;
			out->len = s->end - begin;
		}
		return true;
	}
	failed = c->failed;
	a->taken = NULL;
	give_back(a, c);
	out->kind = AHEAD_FAILED;
	return failed;
}

/* With the lock held. True: *out, or a chunk is at hand. */
static bool
from_task(struct ahead *a, struct ahead_event *out)
{
	struct task *t = task_at(a, a->head);

	if (!a->open) {
		a->open = true;
		out->kind = AHEAD_SLICE;
		out->slice = t->slice;
		out->after = t->after;
		return true;
	}
	if (t->first != NULL && t->first->state == CHUNK_READY) {
		a->taken = t->first;
		a->at_scope = a->at_report = 0;
		t->first = a->taken->next;
		if (t->first == NULL)
			t->last = NULL;
		return true;
	}
	if (t->first != NULL || !t->done)
		return false;
	out->kind = t->status == 0 ? AHEAD_DONE : AHEAD_FAILED;
	out->matched = t->matched;
	out->last = t->last_pos;
	out->skipped = t->skipped;
	if (t->status != 0)
		return true;
	a->open = false;
	a->head++;
	pthread_cond_broadcast(&a->work);
	return true;
}

void
ahead_next(struct ahead *a, struct ahead_event *out)
{
	for (;;) {
		bool some = false;

		memset(out, 0, sizeof *out);
		if (a->taken != NULL) {
			if (from_chunk(a, out))
				return;
			continue;
		}
		pthread_mutex_lock(&a->lock);
		while (!some) {
			if (a->head < a->tail)
				some = from_task(a, out);
			else if (a->exhausted) {
				out->kind = AHEAD_END;
				some = true;
			}
			if (!some)
				pthread_cond_wait(&a->ready, &a->lock);
		}
		pthread_mutex_unlock(&a->lock);
		if (a->taken == NULL)
			return;
	}
}
