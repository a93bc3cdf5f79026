/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One of several that fill and read one cache:
 *	cache_worker fill TAPE SHARED SLOT SEED LOG	until the time that SHARED says
 *	cache_worker check TAPE SHARED			each key once, in order
 * SHARED is mapped by all: what is true of each key, outside the tape, and what was
 * counted. LOG gets a record for each key that was seen stored or computed.
 *
 * Most keys have one value for ever, and anybody may compute it. The value of a changing
 * key follows from a version, too; who stores or withdraws one holds its lock, which goes
 * with its holder, and leaves in SHARED what must be found from then on.
 * Exit 1, and a line for each: what must not be.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tape/record.h"

#define LONGEST 20000u
#define CHANGING 16u /* one key in so many */
#define LOOK_NS UINT64_C(100000000)
#define PENDING 4096u

/* ---- what is shared; cache_many.py has the same layout ---- */

enum key_state {
	NOTHING,
	STORED,
	BROKEN /* somebody was at it, and may have been killed */
};
struct shared_key {
	_Atomic uint64_t
		acked;	      /* a commit that has it had returned by then; 0: none has */
	_Atomic uint64_t now; /* of a changing one: version << 2 | enum key_state */
};
enum counter {
	RECALLS,
	HITS,
	STORES,
	DROPS,
	WRONG,
	TORN,
	AGAIN,
	MISSING,
	STALE,
	ERRORS,
	COUNTERS = 16
};
struct shared {
	uint64_t keys, start, end;
	_Atomic uint64_t next; /* key that has not been asked for */
	uint64_t unused[4];
	struct {
		_Atomic uint64_t count[COUNTERS];
	} slots[64];
	struct shared_key key[];
};

/* In the log. */
enum event { SAW = 1, COMPUTES, STORES_IT, DROPS_IT };
struct logged {
	uint64_t at;
	uint32_t key, version, event, unused;
};

struct worker {
	struct tape *t;
	struct shared *shared;
	int fd, log; /* of shared; -1: none */
	unsigned slot;
	uint64_t state;
	uint64_t *seen; /* version + 1 that this process has seen stored; 0: none */
	uint32_t pending[PENDING];
	size_t pending_count;
	double *row;
};

static uint64_t
now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static uint64_t
mix(uint64_t z)
{
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t
next_random(struct worker *w)
{
	return mix(w->state += UINT64_C(0x9e3779b97f4a7c15));
}

static void
count(struct worker *w, enum counter what)
{
	atomic_fetch_add_explicit(&w->shared->slots[w->slot].count[what], 1,
				  memory_order_relaxed);
}

static void
complain(struct worker *w, enum counter what, uint32_t i, const char *text)
{
	count(w, what);
	printf("key %u: %s\n", i, text);
}

static void
note(struct worker *w, uint32_t i, uint64_t version, enum event event)
{
	struct logged e = { now(), i, (uint32_t)version, event, 0 };

	if (w->log >= 0 && write(w->log, &e, sizeof e) != (ssize_t)sizeof e)
		complain(w, ERRORS, i, "the log cannot be written");
}

/* ---- values ---- */

static int
changes(uint32_t i)
{
	return i % CHANGING == 5;
}

/* In the scope, in the segment, in a file of their own. */
static size_t
length_of(uint32_t i)
{
	return i % 1009 == 8 ? LONGEST : i % 97 == 0 ? 1000 : i % 7 == 0 ? 40 : 3;
}

static double
value_of(uint32_t i, uint64_t version, size_t at)
{
	return (double)(mix(((uint64_t)i << 32 | version) + mix(at)) >> 11);
}

static void
check_value(struct worker *w, uint32_t i, uint64_t version)
{
	size_t n = length_of(i), right = 0;

	for (size_t at = 0; at < n; at++)
		right += w->row[at] == value_of(i, version, at);
	if (right != n)
		complain(w, right ? TORN : WRONG, i,
			 right ? "a torn value" : "a wrong value");
	if (!changes(i) && version != 0)
		complain(w, WRONG, i, "the value of another key");
}

/* 1: *version and the row are what is stored under the key, and right. */
static int
recall(struct worker *w, uint32_t i, uint64_t *version)
{
	size_t n = length_of(i);
	struct tape_key k = TAPE_KEY("value", i);
	uint64_t got = UINT64_MAX;
	int hit;

	w->row[0] = w->row[n - 1] = -1;
	hit = TAPE_RECALL(w->t, k, TAPE_AS("version", &got),
			  TAPE_AS("row", TAPE_ARRAY(w->row, n)));
	count(w, RECALLS);
	if (!hit) {
		if (got != UINT64_MAX || w->row[0] != -1 || w->row[n - 1] != -1)
			complain(w, TORN, i, "a miss has touched an output");
		return 0;
	}
	count(w, HITS);
	check_value(w, i, got);
	if (w->seen[i] != got + 1)
		note(w, i, got, SAW);
	w->seen[i] = got + 1;
	*version = got;
	return 1;
}

static void
compute(struct worker *w, uint32_t i, uint64_t version)
{
	size_t n = length_of(i);
	struct tape_key k = TAPE_KEY("value", i);

	if (w->seen[i] == version + 1)
		complain(w, AGAIN, i, "computed again by one that had seen it stored");
	note(w, i, version, COMPUTES);
	for (size_t at = 0; at < n; at++)
		w->row[at] = value_of(i, version, at);
	if (TAPE_STORE(w->t, k, TAPE_AS("version", version),
		       TAPE_AS("row", TAPE_ARRAY(w->row, n))) != 1)
		complain(w, ERRORS, i, "a result was not kept");
	count(w, STORES);
	note(w, i, version, STORES_IT);
	w->seen[i] = version + 1;
}

static void
commit(struct worker *w)
{
	uint64_t none;

	if (tape_commit(w->t) != 0)
		complain(w, ERRORS, 0, tape_error(w->t));
	for (size_t at = 0; at < w->pending_count; at++) {
		none = 0;
		atomic_compare_exchange_strong(&w->shared->key[w->pending[at]].acked,
					       &none, now());
	}
	w->pending_count = 0;
}

/* ---- keys of one value ---- */

static void
ask(struct worker *w, uint32_t i)
{
	uint64_t acked = atomic_load(&w->shared->key[i].acked), at = now(), version;

	if (recall(w, i, &version))
		return;
	/* A miss looks if the last look began longer ago than that. */
	if (acked != 0 && acked + LOOK_NS <= at)
		complain(w, MISSING, i, "it is on the tape, and was not found");
	compute(w, i, 0);
	if (w->pending_count == PENDING)
		commit(w);
	w->pending[w->pending_count++] = i;
}

/* ---- keys that change ---- */

static void
lock(struct worker *w, uint32_t i, short type)
{
	struct flock at = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = i, .l_len = 1
	};

	while (fcntl(w->fd, F_OFD_SETLKW, &at) != 0)
		if (errno != EINTR) {
			perror("lock");
			exit(2);
		}
}

static void
set(struct worker *w, uint32_t i, uint64_t version, enum key_state state)
{
	atomic_store(&w->shared->key[i].now, version << 2 | state);
}

static void
store_version(struct worker *w, uint32_t i, uint64_t version)
{
	set(w, i, version, BROKEN);
	compute(w, i, version);
	commit(w);
	set(w, i, version, STORED);
}

static void
withdraw(struct worker *w, uint32_t i, uint64_t version, int must)
{
	set(w, i, version, BROKEN);
	note(w, i, version, DROPS_IT);
	if (tape_cache_drop(w->t, TAPE_KEY("value", i)) != 1 && must)
		complain(w, STALE, i, "there was nothing to withdraw");
	count(w, DROPS);
	commit(w);
	set(w, i, version, NOTHING);
}

/* What the one before was killed at is brought to an end. */
static void
mend(struct worker *w, uint32_t i, uint64_t version)
{
	uint64_t got;

	tape_refresh(w->t);
	if (!recall(w, i, &got)) {
		store_version(w, i, version);
		return;
	}
	if (got > version)
		complain(w, WRONG, i, "a version that nobody stored");
	if (got == version)
		set(w, i, version, STORED);
	else
		withdraw(w, i, version, 1);
}

static void
change(struct worker *w, uint32_t i)
{
	uint64_t was, version, got, dice = next_random(w);

	lock(w, i, F_WRLCK);
	was = atomic_load(&w->shared->key[i].now);
	version = was >> 2;
	if ((was & 3) == BROKEN) {
		mend(w, i, version);
	} else if ((was & 3) == NOTHING) {
		if (dice % 2)
			tape_refresh(w->t);
		/* Without a look it may be known from before. */
		if (!recall(w, i, &got))
			store_version(w, i, version);
		else if (dice % 2 || got >= version)
			complain(w, STALE, i, "what was withdrawn is found");
	} else if (dice % 3 == 0) {
		withdraw(w, i, version + 1, 1);
		if (recall(w, i, &got))
			complain(w, STALE, i, "what this process withdrew is found");
		if (dice % 2)
			store_version(w, i, version + 1);
	} else {
		tape_refresh(w->t);
		if (!recall(w, i, &got))
			complain(w, MISSING, i,
				 "a version is on the tape, and was not found");
		else if (got != version)
			complain(w, STALE, i, "an old version is found");
	}
	lock(w, i, F_UNLCK);
}

/* Whoever holds no lock sees an old version, but none that nobody stored; after a look, none from before. */
static void
watch(struct worker *w, uint32_t i)
{
	uint64_t before = atomic_load(&w->shared->key[i].now), got;
	int look = next_random(w) % 8 == 0;

	if (look)
		tape_refresh(w->t);
	if (!recall(w, i, &got))
		return;
	if (got > atomic_load(&w->shared->key[i].now) >> 2)
		complain(w, WRONG, i, "a version that nobody stored");
	if (look && (before & 3) != BROKEN && got < before >> 2)
		complain(w, STALE, i, "an old version is found after a look");
}

/* ---- the whole ---- */

/* Ever more keys come into play: the next one, one of the newest, any. */
static uint32_t
pick(struct worker *w)
{
	struct shared *s = w->shared;
	double part = (double)(now() - s->start) / (double)(s->end - s->start) * 1.25;
	uint64_t among = (uint64_t)((part < 1 ? part : 1) * (double)s->keys);
	uint64_t dice = next_random(w), next;

	among = among < 64 ? 64 : among;
	if (dice % 4 == 0 && atomic_load(&s->next) < among) {
		next = atomic_fetch_add(&s->next, 1);
		return (uint32_t)(next < s->keys ? next : 0);
	}
	dice /= 4;
	return (uint32_t)(dice & 1 ? among - 1 - (dice >> 1) % (among / 50 + 8)
				   : (dice >> 1) % among);
}

static void
fill(struct worker *w)
{
	const struct timespec pause = { .tv_nsec = 500000 };

	while (now() < w->shared->end) {
		for (unsigned n = 0; n < 100; n++) {
			uint32_t i = pick(w);

			if (!changes(i))
				ask(w, i);
			else if (next_random(w) % 2 == 0)
				change(w, i);
			else
				watch(w, i);
		}
		if (next_random(w) % 16 == 0)
			commit(w);
		nanosleep(&pause, NULL);
	}
	commit(w);
}

/* Nobody else is at work: all that must be there is, and nothing that must not. */
static void
check(struct worker *w)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < w->shared->keys; i++) {
		uint64_t was = atomic_load(&w->shared->key[i].now), got = 0;
		uint64_t acked = atomic_load(&w->shared->key[i].acked);
		int hit = recall(w, i, &got);

		found += hit != 0;
		if (!changes(i)) {
			if (!hit && acked)
				complain(w, MISSING, i, "it is not there");
			continue;
		}
		if ((was & 3) == NOTHING && hit)
			complain(w, STALE, i, "it was withdrawn, and is there");
		if ((was & 3) == STORED && (!hit || got != was >> 2))
			complain(w, hit ? STALE : MISSING, i,
				 hit ? "an old version is there" : "it is not there");
	}
	printf("%u found\n", found);
}

static int
prepare(struct worker *w, const char *tape, const char *shared)
{
	off_t size;

	setvbuf(stdout, NULL, _IOLBF, 0);
	w->fd = open(shared, O_RDWR | O_CLOEXEC);
	size = w->fd < 0 ? -1 : lseek(w->fd, 0, SEEK_END);
	if (size < 0)
		return -1;
	w->shared =
		mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
	if (w->shared == MAP_FAILED)
		return -1;
	w->t = tape_open(tape, NULL);
	w->seen = calloc(w->shared->keys + 1, sizeof *w->seen);
	w->row = calloc(LONGEST, sizeof *w->row);
	return w->t && w->seen && w->row ? 0 : -1;
}

int
main(int argc, char **argv)
{
	struct worker w = { .log = -1 };
	int filling = argc == 7 && strcmp(argv[1], "fill") == 0, wrong = 0;

	if (!filling && (argc != 4 || strcmp(argv[1], "check") != 0))
		return 2;
	if (filling) {
		w.slot = (unsigned)strtoul(argv[4], NULL, 10) % 64;
		w.state = strtoull(argv[5], NULL, 10);
		w.log = open(argv[6], O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC,
			     0666);
		if (w.log < 0)
			return 2;
	}
	if (prepare(&w, argv[2], argv[3]) < 0)
		return 2;
	if (filling)
		fill(&w);
	else
		check(&w);
	if (tape_close(w.t) < 0 || *tape_error(w.t))
		complain(&w, ERRORS, 0,
			 *tape_error(w.t) ? tape_error(w.t) : "something was lost");
	for (unsigned what = WRONG; what <= ERRORS; what++)
		wrong |= atomic_load(&w.shared->slots[w.slot].count[what]) != 0;
	free(w.seen);
	free(w.row);
	return wrong;
}
