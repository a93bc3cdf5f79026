/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recorder's insides: what capture (making records) and session (bringing
 * them to disk) share.
 *
 * Locks, in the order they may be taken: close_lock, the cache's look_lock, commit_lock, rules->lock,
 * table_lock, a stage's lock, those of blobs.c, error_lock. Whoever holds a stage's lock never
 * waits for commit_lock or table_lock: the owner of a full stage unlocks it first.
 * on_error is called with none of them held (report_hold).
 */
#ifndef TAPE_LIBRECORD_RECORDER_H
#define TAPE_LIBRECORD_RECORDER_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "format/form.h"
#include "format/limits.h"
#include "format/tapedir.h"
#include "tape/record.h"

enum commit_mode { COMMIT_AUTO, COMMIT_MANUAL };
enum sync_mode { SYNC_NONE, SYNC_INTERVAL, SYNC_COMMIT };
enum blob_mode { BLOBS_IMMEDIATE, BLOBS_AT_COMMIT };
enum blob_store { STORE_LOOSE, STORE_LOG };
/* What is looked for in the stage. The last: repeats too. */
enum dedup_mode { DEDUP_OFF, DEDUP_EXACT, DEDUP_SUBSET };

/* Where a setting of the session came from: 0 = default, 1 + enum rule_level; place in the file. */
struct conf_from {
	uint8_t level;
	uint32_t line, column;
};
#define CONF_SETTINGS 12u
#define CONF_TEXT 256u /* a value in the spelling of the file */

/* The [tape] section: conf.c fills it from tape.conf, then TAPE_* of the environment. */
struct conf {
	enum commit_mode commit;
	uint32_t
		commit_scopes; /* commit after so many staged scopes; 0 = no such bound */
	uint64_t commit_bytes; /* DEFAULT_STAGE_BYTES */
	uint32_t commit_ms;    /* DEFAULT_COMMIT_MS */
	enum sync_mode sync;
	uint32_t sync_ms;
	enum blob_mode blobs;
	uint64_t blob_budget; /* bytes that blobs=at-commit may hold in RAM */
	enum blob_store blob_store;
	enum dedup_mode dedup;
	uint64_t inline_max, embed_max;
	char env[CONF_TEXT]; /* names of variables of the environment, with wildcards */
	struct conf_from from[CONF_SETTINGS];
};

/* A form with a number in this session. Never freed before the recorder. */
struct rec_form {
	struct form form;
	struct context *context;
	uint32_t
		defined_in; /* 1 + number of the segment that holds its FORM record; under commit_lock */
	struct subset_form
		*subset; /* subset.c; NULL: not needed yet; under commit_lock */
	uint32_t
		met_in; /* in which walk through records it was met last; under commit_lock */
};

#define REC_FORM_CHUNK 4096u
#define REC_FORM_CHUNKS (LIMIT_FORMS / REC_FORM_CHUNK + 1u)

/* A place in a staged body where a blob hint goes once the blob's place is known. */
struct stage_fixup {
	size_t hint_at; /* offset of the 12 bytes in stage->records */
	size_t blob_at; /* offset of the BLOB record in stage->blobs */
};

/* stage->hashed, layout->dedup */
#define STAGE_HASHED 1u
#define STAGE_SUBSET 2u /* and some may be a part of others */

/* A large blob that waits in RAM for the commit (blobs=at-commit). */
struct stage_big {
	struct tape_hash hash;
	uint8_t *data;
	size_t len;
};

/*
 * What one thread has recorded and not committed. `records` holds complete
 * SCOPE and BOOKMARK records (16-byte prefix and body) one after another, their time deltas
 * relative to base_time; its first FRAME_HEADER bytes are kept free for the
 * frame's header, so that a commit is one write. hashes[i] belongs to the i-th
 * record.
 */
struct stage {
	_Alignas(64) atomic_uint lock;
	struct tape *tape;
	uint8_t *records;
	size_t len, cap;    /* len counts the reserved FRAME_HEADER */
	uint32_t count;	    /* records */
	uint32_t bookmarks; /* of them */
	atomic_bool told;   /* its thread has a layout that commit hooks are told of */
	/* Of them, recorded by commit hooks, which such do not call again. */
	uint32_t quiet,
		quiet_from; /* from: 1 + count when the hook that runs began, or 0 */
	int64_t base_time, first_time;
	struct tape_hash *hashes; /* all zero: not looked for among earlier ones */
	size_t hash_cap;
	uint8_t hashed; /* STAGE_HASHED: some are not; STAGE_SUBSET */
	uint8_t *blobs; /* BLOB records; the first FRAME_HEADER bytes are kept free */
	size_t blob_len, blob_cap; /* blob_len: 0, or counts the reserved bytes */
	struct stage_fixup *fixups;
	size_t fixup_count, fixup_cap;
	struct stage_big *bigs;
	size_t big_count, big_cap;
	uint64_t big_bytes;
	uint64_t due; /* the len that calls for a commit; its owner's */
	bool caches; /* that of the cache: CACHE and CACHE_DROP records stand in it, too */
	struct stage *
		next; /* all stages of the recorder; pushed once, under table_lock, never removed */
	atomic_bool
		owner_gone; /* its thread has ended: may be given to a new thread once empty */
};

/* It is empty now. */
static inline void
stage_quiet_reset(struct stage *stage)
{
	stage->quiet = 0;
	stage->quiet_from = stage->quiet_from != 0;
}

/* How many of its records commit hooks have made. */
static inline uint32_t
stage_quiet(const struct stage *stage)
{
	return stage->quiet +
	       (stage->quiet_from ? stage->count + 1 - stage->quiet_from : 0);
}

static inline void
cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static inline void
stage_lock(struct stage *stage)
{
	while (atomic_exchange_explicit(&stage->lock, 1u, memory_order_acquire))
		for (unsigned spins = 0;
		     atomic_load_explicit(&stage->lock, memory_order_relaxed);)
			if (++spins < 1000)
				cpu_relax();
			else
				sched_yield(); /* its holder may be writing a blob */
}

static inline void
stage_unlock(struct stage *stage)
{
	atomic_store_explicit(&stage->lock, 0u, memory_order_release);
}

struct asked;	   /* session side: what is asked of the tape (ask.c) */
struct writer;	   /* session side: segments, sync, retained groups (writer.c) */
struct seen_set;   /* session side (seen.c) */
struct subset;	   /* session side: scopes that are a part of others (subset.c) */
struct blobs;	   /* session side: loose blobs, blob segments (blobs.c) */
struct facts;	   /* session side: who records (facts.c) */
struct report;	   /* session side: manifest, notes that wait (report.c) */
struct background; /* session side: the thread (background.c) */
struct threads;	   /* capture side: per-thread state of this recorder (context.c) */
struct forms;	   /* capture side: interning of contexts, shapes, forms (forms.c) */

struct policy;	 /* capture side: the same, for one label path (rules.h) */
struct rules;	 /* capture side: what holds for which labels (rules.c) */
struct thinning; /* capture side: scopes that rules left out (thin.c) */
struct cache;	 /* capture side: results under keys (cache.h) */
struct hooks;	 /* capture side: what commit hooks are to be told (hooks.c) */

struct tape {
	struct tape_head head; /* first: what the macros read */
	atomic_uint
		rules_version; /* from 1; what was found under another is found anew */
	atomic_int dead;       /* closed, or a fork's copy: every call is a no-op */
	struct conf conf;
	struct tapedir dir;
	uint64_t session[2];
	int64_t realtime_offset; /* add to the monotonic clock */
	uint32_t pid;		 /* who opened it: a fork's child differs */

	pthread_mutex_t close_lock;  /* held while it is closed: a second close waits */
	pthread_mutex_t commit_lock; /* seq, writer, seen-set, order of commits */
	uint64_t next_seq;
	struct writer *writer;
	struct seen_set *seen;
	struct subset *subset; /* under commit_lock */
	struct asked *asked;   /* has a lock of its own */
	_Atomic(struct stage *) stages;

	pthread_mutex_t table_lock; /* rec_forms, contexts, stages: changes only */
	/* Chunks never move: who has a record of a form may read it without a lock. */
	struct rec_form **rec_forms[REC_FORM_CHUNKS];
	uint32_t rec_form_count; /* numbers 1..count are in use; under table_lock */
	_Atomic(uint64_t)
		forms_cost; /* what readers need for all of them, at most (cut.h) */
	struct threads *threads;
	struct forms *forms;
	struct rules *rules; /* a lock of its own, taken before table_lock */
	struct thinning *thinning;
	struct hooks *hooks;
	_Atomic(struct cache *) cache; /* NULL: not asked for yet */

	pthread_mutex_t error_lock;
	char first_error[1024];
	void (*on_error)(void *user, const char *message);
	void *on_error_user;
	_Atomic uint64_t errors, lost;
	_Atomic uint64_t committed_seq;
	atomic_int commit_soon; /* set by tape_commit_soon() from a signal handler */
	struct tape *next_open; /* all recorders of the process */
	atomic_int orphan;	/* a fork's child has not begun its own session yet */
	struct blobs *blobs;
	struct facts *facts;
	struct report *report;
	struct background *background;
	/* Each side adds its own members through its opaque structs above. */
};

/* The form of a record that was staged; number is at least 1. */
static inline struct rec_form *
recorder_form(const struct tape *t, uint32_t number)
{
	return t->rec_forms[number / REC_FORM_CHUNK][number % REC_FORM_CHUNK];
}

/* ---- given by the session side ---- */

/* Time of a scope, ns since 1970. */
int64_t session_now(const struct tape *t);
/*
 * Commits the records of one stage (the calling thread's own, unlocked by the
 * caller). Waits for commit_lock. 0, or -1 after recorder_error and counting
 * what was lost.
 */
int session_commit_stage(struct tape *t, struct stage *stage);
/*
 * The same, with one more record as the last, which `add` puts into the stage:
 * *pos is where it is, all zero if it is not on the tape. hooks_deliver() is due.
 */
int session_commit_last(struct tape *t, struct stage *stage, int (*add)(void *user),
			void *user, struct tape_pos *pos);
/*
 * Keeps the bytes of a variable-width value over CANON_BYTES as its policy and the
 * configuration say (embedded, log, loose; now or at commit). Called by the
 * owner with its stage locked, before the record is complete. hint_at is the
 * offset in stage->records of 12 bytes that already hold "no hint"; they are
 * rewritten at commit if the blob goes into a segment. 0 or -1 (reported).
 */
int blob_stage(struct tape *t, struct stage *stage, const struct policy *policy,
	       const void *data, size_t len, const struct tape_hash *hash,
	       size_t hint_at);
/*
 * A blob that comes in pieces, too large to hold: written to blobs/tmp and
 * hashed as it goes; finish gives it its name (as a loose blob that this
 * session has written, so that syncing covers it). NULL or -1: reported.
 * finish and abort free the stream.
 */
struct blob_stream;
struct blob_stream *blob_stream_open(struct tape *t);
int blob_stream_write(struct blob_stream *stream, const void *data, size_t len);
int blob_stream_finish(struct blob_stream *stream, struct tape_hash *hash,
		       uint64_t *size);
void blob_stream_abort(struct blob_stream *stream);
/* Drops everything in a stage (locked by the caller): discard, fork. */
void stage_clear(struct stage *stage);
/*
 * To be called by capture_stage() whenever it gives a thread its stage for the
 * first time, no lock held: starts the background thread where it does not run
 * yet (lazily, and again in a fork's child).
 */
void session_used(struct tape *t);
/* Commits all stages; what tape_commit() and the background thread do. */
int session_commit_all(struct tape *t);

/* The first is printed (or goes to on_error); all are counted and go to the manifest. */
void recorder_error(struct tape *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same for a broken contract, where nothing is lost: it leaves its place to the first error of another kind. */
void recorder_broken(struct tape *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* To the manifest and the segment's notes, never to the terminal. */
void recorder_warn(struct tape *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void recorder_lost(struct tape *t, uint64_t scopes);

/* ---- given by the capture side ---- */

/* Called by tape_open once the session exists, and at close (memory stays until then). 0 or -1. */
int capture_init(struct tape *t);
/* In a fork's child: forget threads' states and stages of the copied recorder. */
void capture_after_fork(struct tape *t);
/* The calling thread's stage, made on first use; NULL when memory is out. */
struct stage *capture_stage(struct tape *t);

#endif
