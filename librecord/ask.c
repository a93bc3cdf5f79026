/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/ask.h"

#include <stdlib.h>

#include "librecord/seen.h"
#include "librecord/session.h"
#include "librecord/writer.h"
#include "search/seenlook.h"
#include "search/seenmake.h"
#include "search/superseded.h"

/* t->asked; its lock is taken with no other one held. */
struct asked {
	pthread_mutex_t lock;
	struct seenlook *look; /* NULL: not asked yet */
	bool failed;
	/* The last seq of this session that counts, as far as is known until then. */
	_Atomic uint64_t counts;
	_Atomic int64_t counts_until;
};

int
ask_init(struct tape *t)
{
	t->asked = calloc(1, sizeof *t->asked);
	if (!t->asked)
		return TAPE_ERR_NOMEM;
	atomic_init(&t->asked->counts, CURRENT_ALL);
	return pthread_mutex_init(&t->asked->lock, NULL) == 0 ? 0 : TAPE_ERR_NOMEM;
}

void
ask_release(struct tape *t)
{
	if (!t->asked)
		return;
	pthread_mutex_lock(&t->asked->lock);
	seenlook_close(t->asked->look);
	t->asked->look = NULL;
	t->asked->failed = true;
	pthread_mutex_unlock(&t->asked->lock);
}

/* Another thread of the parent may have been using it: it is left. */
void
ask_after_fork(struct tape *t)
{
	pthread_mutex_init(&t->asked->lock, NULL);
	t->asked->look = NULL;
	t->asked->failed = false;
	atomic_store(&t->asked->counts, CURRENT_ALL);
	atomic_store(&t->asked->counts_until, 0);
}

void
ask_forget(struct tape *t)
{
	struct asked *a = t->asked;

	pthread_mutex_lock(&a->lock);
	if (a->look)
		seenlook_forget(a->look);
	atomic_store(&a->counts_until, 0);
	pthread_mutex_unlock(&a->lock);
}

/* The seq of what this session has committed lately, or 0, and how much it has. */
static uint64_t
seen_here(struct tape *t, const struct tape_hash *key, uint64_t *committed)
{
	uint64_t seq;

	session_lock(t);
	seq = t->seen ? seen_find(t->seen, key) : 0;
	*committed = t->next_seq;
	session_unlock(t);
	return seq;
}

/* The lock is held. */
static struct seenlook *
look(struct tape *t)
{
	struct asked *a = t->asked;

	if (!a->look && !a->failed && !atomic_load(&t->dead))
		a->failed = seenlook_open(&t->dir, t->session, &a->look, NULL) != 0;
	return a->look;
}

/* Another session may go on from before it, while this one is still recorded. */
static bool
counts(struct tape *t, uint64_t seq, int64_t now)
{
	struct asked *a = t->asked;

	if (now >= atomic_load_explicit(&a->counts_until, memory_order_relaxed)) {
		pthread_mutex_lock(&a->lock);
		if (look(t)) {
			int64_t until;

			atomic_store(&a->counts, seenlook_counts(a->look, now, &until));
			atomic_store(&a->counts_until, until);
		}
		pthread_mutex_unlock(&a->lock);
	}
	return seq <= atomic_load_explicit(&a->counts, memory_order_relaxed);
}

bool
ask_seen(struct tape *t, const struct tape_hash *hash, const struct tape_hash *key,
	 int64_t now)
{
	uint64_t committed, seq = seen_here(t, key, &committed);
	bool seen;

	if (seq != 0 && counts(t, seq, now))
		return true;
	pthread_mutex_lock(&t->asked->lock);
	seen = look(t) && seenlook_find(t->asked->look, hash, committed, now);
	pthread_mutex_unlock(&t->asked->lock);
	return seen;
}

/* ---- hints ---- */

static bool
next_rolled(struct tape *t, struct writer_rolled *out)
{
	bool any;

	session_lock(t);
	any = t->seen && t->writer->rolled_count != 0;
	if (any)
		*out = t->writer->rolled[--t->writer->rolled_count];
	session_unlock(t);
	return any;
}

void
ask_hints(struct tape *t)
{
	struct writer_rolled rolled;

	/* Without a hint the segment is read by whoever asks, or the answer is no. */
	while (next_rolled(t, &rolled))
		(void)seenmake_hint(&t->dir, t->session, rolled.number, rolled.first_seq,
				    rolled.next_seq, NULL);
}
