/* SPDX-License-Identifier: Apache-2.0 */
#include "search/raw_shared.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_LEAST 1024u

struct raw_shared {
	pthread_mutex_t lock;
	atomic_bool asked;
	size_t most, bytes, count;
	struct raw_shared_frame **slots; /* chains by place */
	size_t slot_count;
	struct raw_shared_frame *oldest, *youngest;
};

struct raw_shared *
raw_shared_new(size_t most)
{
	struct raw_shared *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->slots = calloc(SLOTS_LEAST, sizeof(struct raw_shared_frame *));
	if (s->slots == NULL) {
		free(s);
		return NULL;
	}
	s->slot_count = SLOTS_LEAST;
	s->most = most;
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

static struct raw_shared_frame **
slot_of(const struct raw_shared *s, uint32_t number, uint64_t offset)
{
	uint64_t x = (offset ^ (uint64_t)number << 40) * 0x9e3779b97f4a7c15u;

	return &s->slots[(x >> 32) & (s->slot_count - 1)];
}

static struct raw_shared_frame *
look(const struct raw_shared *s, const struct tapedir_session *dir, uint32_t number,
     uint64_t offset)
{
	struct raw_shared_frame *f = *slot_of(s, number, offset);

	while (f != NULL && (f->records.header.offset != offset || f->number != number ||
			     f->dir != dir))
		f = f->next;
	return f;
}

/* Without memory chains grow longer, no more. */
static void
grow(struct raw_shared *s)
{
	struct raw_shared_frame **slots, **to;

	if (s->count < s->slot_count)
		return;
	slots = calloc(s->slot_count * 4, sizeof(struct raw_shared_frame *));
	if (slots == NULL)
		return;
	free(s->slots);
	s->slots = slots;
	s->slot_count *= 4;
	for (struct raw_shared_frame *f = s->oldest; f != NULL; f = f->younger) {
		to = slot_of(s, f->number, f->records.header.offset);
		f->next = *to;
		*to = f;
	}
}

static void
drop_oldest(struct raw_shared *s)
{
	struct raw_shared_frame *f = s->oldest;
	struct raw_shared_frame **at = slot_of(s, f->number, f->records.header.offset);

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	s->oldest = f->younger;
	if (s->oldest == NULL)
		s->youngest = NULL;
	s->bytes -= f->records.held;
	s->count--;
	raw_shared_leave(f);
}

void
raw_shared_free(struct raw_shared *s)
{
	if (s == NULL)
		return;
	while (s->oldest != NULL)
		drop_oldest(s);
	pthread_mutex_destroy(&s->lock);
	free(s->slots);
	free(s);
}

/* With the lock held. */
static void
add(struct raw_shared *s, struct raw_shared_frame *f)
{
	struct raw_shared_frame **at;

	while (s->oldest != NULL && s->bytes + f->records.held > s->most)
		drop_oldest(s);
	grow(s);
	at = slot_of(s, f->number, f->records.header.offset);
	f->next = *at;
	*at = f;
	if (s->youngest != NULL)
		s->youngest->younger = f;
	else
		s->oldest = f;
	s->youngest = f;
	s->bytes += f->records.held;
	s->count++;
}

void
raw_shared_keep(struct raw_shared *s, const struct tapedir_session *dir, uint32_t number,
		const struct raw_cached *records)
{
	struct raw_shared_frame *f = calloc(1, sizeof *f);
	struct raw_cached what = *records;
	bool there;

	if (f == NULL) {
		raw_cached_release(&what);
		return;
	}
	f->records = what;
	f->dir = dir;
	f->number = number;
	atomic_init(&f->users, 1);
	pthread_mutex_lock(&s->lock);
	/* A slice is walked twice where something went wrong in it. */
	there = look(s, dir, number, what.header.offset) != NULL;
	if (!there)
		add(s, f);
	pthread_mutex_unlock(&s->lock);
	if (there)
		raw_shared_leave(f);
}

struct raw_shared_frame *
raw_shared_find(struct raw_shared *s, const struct tapedir_session *dir, uint32_t number,
		uint64_t offset)
{
	struct raw_shared_frame *f;

	atomic_store_explicit(&s->asked, true, memory_order_relaxed);
	pthread_mutex_lock(&s->lock);
	f = look(s, dir, number, offset);
	if (f != NULL)
		atomic_fetch_add_explicit(&f->users, 1, memory_order_relaxed);
	pthread_mutex_unlock(&s->lock);
	return f;
}

bool
raw_shared_asked(const struct raw_shared *s)
{
	return atomic_load_explicit(&s->asked, memory_order_relaxed);
}

void
raw_shared_leave(struct raw_shared_frame *f)
{
	if (f == NULL ||
	    atomic_fetch_sub_explicit(&f->users, 1, memory_order_acq_rel) != 1)
		return;
	raw_cached_release(&f->records);
	free(f);
}
