/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results under keys, as this process knows them: a table of its own, what others have
 * committed since (search/cachelook.h), and generations.
 *
 * Locks: look_lock comes before commit_lock, since what is read may have to be committed
 * first; a shard's is the last of all, but for that of memory.
 */
#ifndef TAPE_LIBRECORD_CACHE_H
#define TAPE_LIBRECORD_CACHE_H

#include "librecord/capture.h"
#include "search/bind.h"
#include "search/cachelook.h"

#define CACHE_SHARDS 32u
/* How often others are looked at, at most. */
#define CACHE_LOOK_NS INT64_C(100000000)
/* Values that are held in memory, all together and each. */
#define CACHE_HELD ((size_t)128 << 20)
#define CACHE_HELD_VALUE (64u << 10)
/* Computations under way whose start is known, in a shard. */
#define CACHE_MISSES 512u
/* Lines that are asked for at once; of what is longer the processor sees the rest coming. */
#define MOST_PREFETCHED 12u
/* What was used is noted so often. */
#define CACHE_NOTE_NS INT64_C(60000000000)

/*
 * Names and types of results, in the order of names; one for all entries that have them,
 * of whatever recorder: a place in a program keeps what it found out about it.
 */
struct cache_shape {
	uint32_t count;
	struct cache_name {
		const char *name;
		uint32_t len;
		uint8_t type; /* enum tape_type */
	} vars[];
};

enum entry_flags {
	ENTRY_HELD = 1,	    /* its values are in `data` */
	ENTRY_PACKED = 2,   /* in a generation: blobs go by their hash alone */
	ENTRY_USED = 4,	    /* since it was noted last */
	ENTRY_RECENT = 8,   /* since memory was looked for last */
	ENTRY_DAMAGED = 16, /* a value cannot be read */
	ENTRY_TOLD =
		32, /* another result was met under its key, or another type asked for */
	ENTRY_DOUBTED =
		64, /* another result was met: it is not known yet if that counts */
	/* On no tape: a write failed, or it is staged by a fork's parent. */
	ENTRY_LOOSE = 128,
};

/*
 * What is known under a key. Nothing but flags, refs and pos changes, those under the
 * shard's lock. A hit reads from `key` on: the head of the entry, and behind it, in the
 * same lines of the processor's cache, the values.
 */
struct cache_entry {
	struct tape_pos pos; /* seq 0: staged */
	struct tape_hash results;
	struct cache_entry *later; /* under the same key; holds where this one does not */
	int64_t time;
	size_t size;
	_Alignas(64) struct tape_key key;
	unsigned refs;
	_Atomic uint32_t flags;		 /* changes under the lock of the shard */
	const struct cache_shape *shape; /* NULL: not known, it stands at pos */
	double seconds;			 /* that it took; below 0: not known */
	uint16_t lines; /* of 64 bytes, from `key` on: what a hit reads */
	bool chunked;	/* as cache_memory_get said */
	/* The shard's `news` when generations were asked for the key; 0: never. */
	uint32_t asked;
	/*
	 * A word for each value: fixed-width ones as they are, of wide ones a
	 * struct cache_wide. Then the bytes of wide ones, last what describes them.
	 */
	_Alignas(16) uint8_t data[];
};
/* A value of more than a word. Offsets in `data`. */
struct cache_wide {
	uint32_t value;			     /* its tape_value */
	uint32_t bytes;			     /* 0: not at hand */
	uint32_t size;			     /* UINT32_MAX: that, or more */
	uint8_t dtype, ndim, fortran, width; /* of arrays, width of an element */
};
_Static_assert(sizeof(struct cache_wide) == sizeof(struct tape_word), "a word");

/* A key that was asked for, and what it was made of, while its result is computed. */
struct cache_miss {
	int64_t since;	/* monotonic */
	uint32_t asked; /* as that of an entry */
	size_t len;
	uint8_t hashed[];
};

/* Of keys that wait for a result, or whose results were withdrawn. */
struct cache_slot {
	struct tape_key key; /* all zero: free */
	struct cache_miss *miss;
	int64_t dropped; /* entries from before this are withdrawn; 0: none */
};

/*
 * Where the entries of a key are. Four share a line of the processor's cache, so that a
 * hit waits for two things: this line, and those of the entry, all asked for at once,
 * since their number is in the lower bits of its address.
 */
struct cache_spot {
	uint64_t lo; /* of the key */
	uintptr_t
		at; /* SPOT_FREE; SPOT_LEFT: there was an entry; else its address and lines */
};
#define SPOT_FREE 0u
#define SPOT_LEFT 1u
#define SPOT_LINES ((uintptr_t)63)

struct cache_shard {
	_Alignas(64) atomic_uint lock;
	unsigned misses_open;
	struct cache_spot *spots;
	size_t spot_cap, spot_count; /* count: of those that are not free */
	bool spots_chunked;
	/* From 1 on; entries that were asked for before may be withdrawn by a generation. */
	uint32_t news;
	uint64_t hits, misses, stored; /* since they were noted last */
	double saved;
	struct cache_slot *slots;
	size_t count, cap;
};

/* cache_memory.c */
#define CACHE_PIECES 40u
struct cache_memory {
	pthread_mutex_t lock;	    /* the very last */
	struct cache_chunk *chunks; /* all */
	struct cache_chunk *empty;
	struct cache_chunk *open[2]; /* with room: of values, of what lasts */
	struct cache_spare *spare[CACHE_PIECES];
	size_t value_chunks, value_bytes; /* bytes in use there */
	size_t plain;			  /* that malloc gave at first */
	bool closed;
};

/* Another result than the one that holds was met; told if that is still so after a whole look. */
struct cache_doubt {
	struct tape_key key;
	struct tape_hash results;
	int64_t time;
	uint64_t looks; /* that had begun */
};
struct cache_doubts {
	pthread_mutex_t lock; /* no other is taken under it */
	struct cache_doubt *items;
	size_t count, cap;
};

/* Values on their way to an entry, given in the order of names. */
struct cache_values {
	struct bytes shape, words, data, heads, hashed;
	uint32_t count;
	bool whole; /* all bytes are at hand */
};

struct cache {
	struct tape *tape;
	struct cache_memory memory;
	struct cache_shard shards[CACHE_SHARDS];
	struct stage *stage;
	pthread_mutex_t look_lock;
	struct cachelook *look;	  /* NULL: none (yet) */
	bool look_failed, locked; /* locked: for a fork */
	int64_t looked;		  /* monotonic, as are: */
	int64_t tried;		  /* to open it */
	_Atomic uint64_t looks;	  /* that have begun */
	struct cache_values
		found; /* an entry that is being read; its memory serves the next one */
	_Atomic int64_t noted;
	_Atomic size_t held;
	size_t most;	  /* CACHE_HELD */
	atomic_uint said; /* enum cache_said */
	struct cache_doubts doubts;
};
enum cache_said { CACHE_SAID_KEY = 1, CACHE_SAID_LOOK = 2 };

/* ---- cache_memory.c ---- */

/* Aligned to a line, not cleared. NULL: no memory. */
void *cache_memory_get(struct cache_memory *m, size_t size, bool *chunked);
void cache_memory_put(void *piece, size_t size,
		      bool chunked); /* NULL is fine if it is not chunked */
void cache_memory_close(struct cache_memory *m);

/* ---- cache_table.c ---- */

/* The recorder's, made when it is first asked for. NULL: no memory, or it is closed. */
struct cache *cache_get(struct tape *t);
void cache_after_fork(struct tape *t);
void cache_lock_all(struct tape *t);
void cache_unlock_all(struct tape *t);
/* look_lock, if there is one: taken before all others for a fork. */
void cache_lock_look(struct tape *t);
void cache_unlock_look(struct tape *t);
/* The recorder is closed: memory goes. */
void cache_shed(struct tape *t);

struct cache_shard *cache_shard_of(struct cache *c, struct tape_key key);
void cache_lock(struct cache_shard *s);
void cache_unlock(struct cache_shard *s);
/* The slot of a key, or NULL; `add`: made if it is not there (NULL: no memory). Under the lock. */
struct cache_slot *cache_slot_find(struct cache_shard *s, struct tape_key key, bool add);
static inline struct cache_entry *
cache_spot_entry(const struct cache_spot *spot)
{
	return (struct cache_entry *)(spot->at & ~SPOT_LINES);
}
/* The spot of a key that has an entry, or NULL. Under the lock. */
static inline struct cache_spot *
cache_spot_find(const struct cache_shard *s, struct tape_key key)
{
	size_t mask = s->spot_cap - 1;

	for (size_t at = (size_t)key.lo & mask;
	     s->spot_cap && s->spots[at].at != SPOT_FREE; at = (at + 1) & mask) {
		struct cache_spot *spot = &s->spots[at];
		const struct cache_entry *e = cache_spot_entry(spot);

		if (spot->lo != key.lo || !e)
			continue;
		/* Its lines are wanted one after another: all are on their way now. */
		for (uintptr_t i = 0; i < (spot->at & SPOT_LINES) && i < MOST_PREFETCHED;
		     i++)
			__builtin_prefetch((const char *)&e->key + 64 * i);
		if (e->key.hi == key.hi)
			return spot;
	}
	return NULL;
}
/* What is known under a key, or NULL. Under the lock. */
static inline struct cache_entry *
cache_first(const struct cache_shard *s, struct tape_key key)
{
	const struct cache_spot *spot = cache_spot_find(s, key);

	return spot ? cache_spot_entry(spot) : NULL;
}
/* What is known under the key; the caller's to cache_put. NULL: nothing. */
struct cache_entry *cache_find(struct cache *c, struct tape_key key);
/* The same; *asked: generations have nothing to add that is not known. */
struct cache_entry *cache_find_asked(struct cache *c, struct tape_key key, bool *asked);
void cache_put(struct cache_entry *e);
/* Where it stands; a commit may just be giving it its seq. */
struct tape_pos cache_pos(struct cache *c, const struct cache_entry *e);
/*
 * Takes an entry over (NULL: only `dropped` counts). Of those under a key the first one by
 * time, session and seq holds. Entries from before `dropped` are withdrawn; 0: none are.
 */
void cache_take(struct cache *c, struct tape_key key, struct cache_entry *e,
		int64_t dropped);
/* One of this session from that time that could not be staged is taken out again. */
void cache_untake(struct cache *c, struct tape_key key, int64_t time);
void cache_mark(struct cache *c, const struct cache_entry *e, uint32_t flag);
/* Generations were asked for this key. Returns the shard's `news`. */
uint32_t cache_asked(struct cache *c, struct tape_key key);
/* There are generations that may withdraw what was asked for before; `news`: how many so far. */
void cache_news(struct cache *c, uint32_t news);
/* Behind all that is known under a key. */
int64_t cache_time_behind(struct cache *c, struct tape_key key, int64_t time);
/* A doubt that was looked into: is it as it was? 1 and *first: the one that holds. */
int cache_judge(struct cache *c, const struct cache_doubt *doubt, struct tape_pos *first);

/* ---- cache_commit.c; commit_lock is held ---- */

struct part;
/* CACHE records get the seq that the scope in front of them will have. */
void cache_number(struct tape *t, struct part *parts);
/* They were written: entries have their seqs from now on. */
void cache_committed(struct tape *t, struct part *parts);
/* They were not, and will not be: what is known stays known in this process, and may be stored again. */
void cache_lost(struct tape *t, struct part *parts);

/* ---- cache_doubt.c ---- */

/* Another result than the one that holds was met, or was to be stored. No lock of a shard is held. */
void cache_doubt(struct cache *c, struct tape_key key, const struct tape_hash *results,
		 int64_t time);
/* After a whole look: what was met before it is told or forgotten; `all`: all is. look_lock is held. */
void cache_settle(struct cache *c, bool all);
bool cache_in_doubt(struct cache *c);
/* What the parent of a fork met, or is left at the end. */
void cache_doubts_clear(struct cache *c);

/* ---- cache_value.c ---- */

void cache_values_release(struct cache_values *v);
void cache_values_reset(struct cache_values *v);
void cache_values_fixed(struct cache_values *v, const char *name, size_t len,
			unsigned type, struct tape_word word);
/* value->data NULL: its bytes are elsewhere, under its hash. */
void cache_values_wide(struct cache_values *v, const char *name, size_t len,
		       const struct tape_value *value);
/* An entry with these values, held if `hold`. NULL: no memory. */
struct cache_entry *cache_values_entry(struct cache *c, const struct cache_values *v,
				       struct tape_key key, bool hold);
/* From a scope as it was found; NULL: no memory, or it is damaged. look_lock is held. */
struct cache_entry *cache_entry_found(struct cache *c, const struct cachelook_entry *at);
/* The same from a scope of a reader. look_lock is held. */
struct cache_entry *cache_entry_scope(struct cache *c, struct tape_key key,
				      const struct tape_scope *scope);
/* For a fork: behind all other locks. */
void cache_lock_shapes(void);
void cache_unlock_shapes(void);
/* With so many bytes of data; all else is 0. NULL: no memory. */
struct cache_entry *cache_entry_new(struct cache *c, size_t size);
/* A value of an entry that is held; its bytes may be elsewhere. */
void cache_entry_value(const struct cache_entry *e, uint32_t index,
		       struct tape_value *out);

/* ---- cache_read.c: what is not in memory, from the tape; look_lock is held ---- */

/* A status that says that it will not be had later either. */
static inline bool
cache_damage(int status)
{
	return status == TAPE_ERR_DAMAGED || status == TAPE_ERR_NOT_FOUND;
}

/* The bytes of a wide value of an entry: malloc'd, verified, a NUL behind them. 0 or an enum tape_status. */
int cache_read_value(struct cache *c, const struct cache_entry *e, uint32_t index,
		     const struct tape_value *value, uint8_t **out,
		     struct tape_error *err);
/* An entry whose values are not in memory, with them; consumes e. NULL: they cannot be had, which was told. */
struct cache_entry *cache_read_entry(struct cache *c, struct cache_entry *e);
/* Says once that this entry is not used. */
void cache_tell_miss(struct cache *c, const struct cache_entry *e, const char *why);

/* ---- cache_plan.c ---- */

/* Fills the outputs of a site from an entry that is held. False: nothing was done, it goes the long way. */
bool cache_plan_fill(const struct tape_site *site, const struct cache_entry *e,
		     const struct tape_named *outs);
/* The long way was right for these: the next time the short one may be. */
void cache_plan_add(struct tape_site *site, const struct cache_shape *shape,
		    const struct tape_named *outs);
/* The names of a site, in front of which stands the text of the key. */
const char *cache_site_names(const struct tape_site *site);

/* ---- cache_recall.c ---- */

/* Looks at what others have committed, if it is time. look_lock is held. */
void cache_look(struct cache *c, bool now);
/* What has been met under the key in generations. The shard's `news`, or 0: they could not be asked. look_lock is held. */
uint32_t cache_ask(struct cache *c, struct tape_key key);
/* It could not be read: is that because it was withdrawn, and made room, since it was met? look_lock is held. */
bool cache_outdated(struct cache *c, const struct cache_entry *e);
/*
 * What is known under a key, here or on the tape; the caller's to cache_put. *news: when
 * generations were asked for it just now, or 0.
 */
struct cache_entry *cache_search(struct cache *c, struct tape_key key, uint32_t *news);
/* The same after a look, whenever the last one was. */
struct cache_entry *cache_search_now(struct cache *c, struct tape_key key);
/* Says once per recorder that this key is none. */
void cache_no_key(struct tape *t);

/* ---- cache_store.c ---- */

/* Notes hits, misses, and which entries were used, if it is time. */
void cache_note(struct cache *c, bool now);
/* The last of the cache before a recorder is closed. */
void cache_before_close(struct tape *t);
/* No look begins any more; waits for one that goes on. The recorder is dead, close_lock is held. */
void cache_close_look(struct tape *t);

#endif
