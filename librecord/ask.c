/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/ask.h"

#include <stdlib.h>

#include "librecord/seen.h"
#include "librecord/session.h"
#include "librecord/writer.h"
#include "search/seenlook.h"
#include "search/seenmake.h"

/* t->asked; its lock is taken with no other one held. */
struct asked {
	pthread_mutex_t lock;
	struct seenlook *look; /* NULL: not asked yet */
	bool failed;
};

int
ask_init(struct tape *t)
{
	t->asked = calloc(1, sizeof *t->asked);
	if (!t->asked)
		return TAPE_ERR_NOMEM;
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
}

/* What this session has committed lately, and how much. */
static bool
seen_here(struct tape *t, const struct tape_hash *key, uint64_t *committed)
{
	bool seen;

	session_lock(t);
	seen = t->seen && seen_find(t->seen, key) != 0;
	*committed = t->next_seq;
	session_unlock(t);
	return seen;
}

bool
ask_seen(struct tape *t, const struct tape_hash *hash, const struct tape_hash *key)
{
	struct asked *a = t->asked;
	uint64_t committed;
	bool seen = seen_here(t, key, &committed);

	if (seen)
		return true;
	pthread_mutex_lock(&a->lock);
	if (!a->look && !a->failed && !atomic_load(&t->dead))
		a->failed = seenlook_open(&t->dir, t->session, &a->look, NULL) != 0;
	seen = a->look && seenlook_find(a->look, hash, committed);
	pthread_mutex_unlock(&a->lock);
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
