/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the capture side share: how a macro's arguments become a
 * record in the calling thread's stage.
 *
 *	site (a macro call) -> plan (names, per recorder) -> layout (form, offsets)
 *
 * A layout is found once per (plan, context, sticky shape, types) and cached per
 * thread; a warm scope only copies values to the offsets that it lists.
 */
#ifndef TAPE_LIBRECORD_CAPTURE_H
#define TAPE_LIBRECORD_CAPTURE_H

#include <string.h>

#include "format/segment.h"
#include "librecord/intern.h"
#include "librecord/recorder.h"
#include "librecord/rules.h"
#include "search/name.h"

#define MAX_ARGUMENTS 32u
#define MAX_LOCALS 4096u /* of TAPE_LOCALS */

/* One label path. Never freed before the recorder; id 0 is the empty path. */
struct context {
	struct context *parent;
	uint32_t id, depth;
	uint32_t len;
	/* What holds here, as of a version of the rules; see context_policy(). */
	atomic_uint policy_version;
	_Atomic(const struct policy *) policy;
	char label[]; /* the innermost, NUL-terminated, at most LIMIT_NAME */
};

/* Names of an integer's values, kept as long as the recorder; see enums.c. */
struct enumerators {
	const struct form_enumerator *list;
	uint32_t count;
};

/* A variable with its value at hand. Names and bytes are borrowed. */
struct item {
	const char *name, *unit;
	uint32_t name_len, unit_len;
	uint8_t type, store, dtype, ndim, fortran;
	bool on_tape; /* its bytes are stored already (tape_stream_close), or never are */
	struct tape_word value; /* fixed width */
	const void *data;	/* variable width */
	uint64_t size;
	struct tape_hash hash; /* if size is over CANON_BYTES */
	uint64_t dims[TAPE_MAX_DIMS];
	struct enumerators enums;
	bool found;  /* nobody named it: a member, a local */
	bool local;  /* it is a local; rules take members as named */
	bool hidden; /* and it is tared */
	bool until;  /* of what is tared: until it changes */
};

/*
 * The sticky variables of one level, inner ones before outer ones of the same
 * name, which are left out. `shape` numbers the list of names, types, units.
 */
struct sticky {
	uint32_t shape, count, cap;
	struct item *items;
	uint8_t *bytes; /* names, units and data of the items */
	size_t len, bytes_cap;
};

/* Variables that are left out of scopes, with the values they had. */
struct tare {
	struct sticky values, spare; /* spare: the other one's memory when it changes */
	uint32_t known;		     /* so many of ts->found had been found before */
	bool known_until;
	/* Plans that were asked for known names already, the latest ones. */
	const struct plan *weighed[32];
	uint32_t weighed_count;
};
/* In the shape of a level's sticky variables: something is tared. */
#define TARED_SHAPE 0x80000000u
#define TARE_LABEL "_tare"

struct level {
	struct context *context;
	const struct sticky *sticky; /* what scopes get; never NULL */
	const struct sticky *with;   /* and with what is tared; never NULL */
	const struct tare *tare;     /* NULL: nothing is */
	/* Memory for TAPE_WITH and tape_tare at this level, kept; NULL: not needed yet. */
	struct sticky *own, *left;
	struct tare *own_tare;
};

/* Where a value comes from. */
enum slot_from {
	FROM_WORD,   /* words[source] */
	FROM_NAMED,  /* the struct tape_named at words[source] */
	FROM_STICKY, /* the thread's sticky variables */
	FROM_ITEM, /* an item: loaded from a word whose type shows only at run time, or given */
};
/* How one variable of a layout gets into the body. */
struct slot {
	uint8_t from, type;
	uint8_t store : 4, loaded : 4; /* loaded: as items have it, before hooks */
	bool checked;	 /* its type was found by item_load and must be found again */
	uint16_t source; /* index of the argument or sticky variable */
	uint16_t width;	 /* fixed width */
	uint32_t offset; /* fixed width */
	uint32_t var;	 /* index into the form's vars */
};

/* One store of a plain layout (plain.h): which half of which word, and where it goes. */
struct plain_step {
	uint8_t from; /* enum slot_from */
	uint8_t word; /* twice the source, plus 1 for the second half */
	uint16_t offset;
};
#define PLAIN_TEXTS 8u
#define PLAIN_SLACK 16u

/*
 * A form, and where its values come from. Never freed before the recorder. The
 * slots: the fixed-width ones, then the wide ones, each in canonical order.
 */
struct layout {
	struct rec_form *form;
	struct context *context;
	uint32_t number, fixed_bytes;
	uint32_t fixed_count, wide_count;
	uint32_t argument_count;
	uint64_t
		stores; /* of what repeats are looked for by: how values are kept; 0 = all inline */
	bool dynamic;	  /* a name or unit may change from call to call */
	bool checked;	  /* some slot is, or is wide */
	uint8_t dedup;	  /* what it is for stage->hashed */
	bool gated;	  /* of the policy, as are these: a query decides what is kept */
	bool hooked;	  /* hooks see each scope, or decide by its values */
	bool spread;	  /* some argument is TAPE_OF */
	bool commits;	  /* some scopes of it commit the stage */
	uint32_t gate;	  /* of gated ones: a number from 0 */
	uint8_t contract; /* enum contract; if not CONTRACT_NONE: */
	uint32_t contract_gate; /* a number from 0 */
	/* Of a plain one, else NULL: its fixed-width values by offset, then its texts in canonical order. */
	struct plain_step *steps;
	uint32_t plain_count, plain_texts;
	bool plain_mixed; /* not all of the former are FROM_WORD */
	const struct policy *policy;
	struct slot slots[];
};

struct plan_var {
	const struct tape_partial *of; /* a member of this */
	const char *name;	       /* "" if it is dynamic */
	const char *unit;
	uint32_t name_len, unit_len;
	uint8_t dynamic;
	struct enumerators enums;
	bool found; /* a member or a local: the program does not name it */
};

/* What a site is to one recorder. */
struct plan {
	struct plan *next; /* of other recorders */
	struct tape *tape;
	char *file, *func; /* copies: the site's library may be unloaded */
	uint32_t line, count;
	uint32_t argument_count; /* less than count where one is several variables */
	bool spread;		 /* some argument is TAPE_OF */
	bool found;		 /* some variable is */
	bool dynamic;		 /* the name of some may change */
	atomic_uint said;	 /* enum plan_said: said once per site */
	struct plan_var vars[];
};
enum plan_said {
	SAID_TWICE = 1,
	SAID_CUT = 2,
	SAID_BAD_ARRAY = 4,
	SAID_TOO_LARGE = 8,
	SAID_LABEL = 16,
	SAID_UTF8 = 64,
	SAID_EXPRESSION = 128,
	SAID_RECORD = 256,
	SAID_SPREAD = 1024,
	SAID_LOCALS = 2048,
	SAID_NAMES = 4096,
};

struct cached_layout {
	const void *plans;	       /* head of the site's list when this was found */
	const struct context *context; /* of the thread */
	uint32_t shape, version;
	const char *label; /* what a label made at run time must be; NULL: ask anew */
	const struct layout *layout;
};
/* What tape_wanted found for a site under a path. */
struct cached_ask {
	const struct tape_site *site;
	const struct context *parent; /* of the thread */
	const char *label;	      /* as in a cached layout */
	uint32_t version;
	struct tally *tally; /* NULL: all are wanted */
};
#define ASK_CACHE 128u
struct cached_label {
	const struct context *parent;
	const char *name;
	struct context *child;
};
#define LAYOUT_CACHE 256u
#define LABEL_CACHE 64u

/* Time from the processor's counter between readings of the clock; see ticks.h. */
struct ticks {
	uint64_t first, first_ns, anchor, span, scale;
	int64_t anchor_ns, given; /* given: where the clock was read last */
	uint32_t strikes;
	bool off;
};

/* Memory that lives until the end of a scope, for arrays that are gathered. */
struct scratch {
	uint8_t *data;
	size_t used, cap;
	struct scratch_old {
		struct scratch_old *next;
	} * old;
};

/* The content that TAPE_SEEN is about. */
struct asking {
	struct tape_hash hash;
	struct tape_hash key; /* what repeats are looked for by */
	bool known;
};

/* What one thread is to one recorder. */
struct thread_state {
	struct tape *tape;
	struct stage *stage;
	struct level *levels, *level; /* level: the innermost */
	uint32_t level_count, level_cap;
	int64_t commit_ns;
	uint32_t commit_scopes;
	uint64_t inline_max; /* of the policy that items are loaded for */
	/*
	 * TAPE_ADD: what waits for the next scope, and that with the sticky variables
	 * while it is recorded. `under` is then what the level had, else NULL.
	 */
	struct sticky pending, *merged; /* merged: NULL: not needed yet */
	/* The path, for tape_near; NULL while something is pending, which goes with a scope that is left out. */
	const void *now;
	const struct sticky *under;
	/* Sites whose variables nobody names, in the order in which they came; tare.c */
	const struct plan **found;
	uint32_t found_count, found_cap;
	/*
	 * TAPE_TAREs whose arguments are evaluated, two bits each, the innermost lowest:
	 * its scope is to be tared: 1, until it changes: 2; it was: 3.
	 */
	uint64_t taring;
	struct thread_thin *thin;   /* thin.c; NULL: not needed yet */
	struct thread_hooks *hooks; /* hooks.c; NULL: not needed yet */
	uint64_t
		chosen; /* select hooks that go by values, of the scope at hand: a bit each */
	bool selecting; /* in a select hook: what is laid out now is not for others */
	struct asking *asking; /* not NULL: a scope is asked for, not recorded */
	struct ticks ticks;
	struct scratch scratch;
	struct bytes key;	   /* of layout_find, kept so that it allocates nothing */
	struct tape_build *builds; /* ready to be used again */
	struct looked *looked;	   /* resume.c; NULL: not needed yet */
	struct thread_state *next_of_thread, *next_of_tape;
	struct cached_layout layouts[LAYOUT_CACHE];
	struct cached_label labels[LABEL_CACHE];
	struct cached_ask asks[ASK_CACHE];
};

/* t->threads */
struct threads {
	struct thread_state *all; /* under table_lock */
};

/* t->forms; under table_lock, but for what a thread has found there before. */
struct forms {
	struct intern contexts, shapes, layouts, snapshots;
	struct intern known; /* struct rec_form, by content */
	struct intern enums; /* lists of enumerators, by content */
	struct context **context_by_id;
	uint32_t context_count, context_cap;
	uint32_t shape_count;
	const struct sticky **snapshot_by_id;
	uint32_t snapshot_count, snapshot_cap;
	uint32_t gate_count;
	uint32_t tag;	  /* tells this recorder's tape_ctx from another's */
	atomic_uint said; /* enum session_said */
	atomic_uint bad_guards;
	struct context root; /* last: its label has no length of its own */
};
enum session_said {
	SAID_DEPTH = 1,
	SAID_CONTEXTS = 2,
	SAID_EQUALS = 4,
	SAID_LONG_DOUBLE = 8,
	SAID_GUARD = 16,
	SAID_LABEL_CUT = 32,
	SAID_FORMS = 64,
	SAID_SNAPSHOTS = 128,
	SAID_VERSION = 256,
	SAID_TWICE_BUILD = 512,
};

/* ---- view.c ---- */

/* What a scope would show of it. Borrowed from the item. */
void item_value(const struct item *item, unsigned store, struct tape_value *value);

/* ---- threads.c, context.c ---- */

extern const struct sticky no_sticky;

/* The level or what is pending has changed. */
static inline void
thread_now(struct thread_state *ts)
{
	ts->now = ts->pending.count ? NULL : ts->level->context;
}

static inline void
pending_drop(struct thread_state *ts)
{
	ts->pending.count = 0;
	thread_now(ts);
}

/* The state that this thread used last: one comparison finds it again. */
extern __thread struct thread_state *last_state
	__attribute__((tls_model("initial-exec"), visibility("hidden")));
struct thread_state *capture_thread_find(struct tape *t);

/* The calling thread's state, made on first use; NULL when t is NULL or dead, or memory is out. */
static inline struct thread_state *
capture_thread(struct tape *t)
{
	struct thread_state *ts = last_state;

	if (!t || atomic_load_explicit(&t->dead, memory_order_acquire))
		return NULL;
	return ts && ts->tape == t ? ts : capture_thread_find(t);
}

/* A stage of the recorder's, under table_lock. NULL: no memory. */
struct stage *stage_new(struct tape *t);

/* ---- context.c: sticky variables, TAPE_ADD ---- */

/* s = the new ones, then those of `outer` that they do not hide. 0 or -1: no memory. */
int sticky_fill(struct thread_state *ts, struct sticky *s, const struct item *items,
		size_t count, const struct sticky *outer);
/* The variables of a call as items; NULL: reported. scratch_reset is due. */
struct item *call_items(struct thread_state *ts, struct plan *plan,
			const unsigned char *kinds, const struct tape_word *words,
			struct item some[MAX_ARGUMENTS]);
/* What waits takes part in the scope that is recorded until pending_end. False: no memory, it is gone (reported). */
bool pending_begin(struct thread_state *ts);
void pending_end(struct thread_state *ts);
/* The same, and so many wait again. */
void pending_keep(struct thread_state *ts, uint32_t count);

/* ---- tare.c ---- */

/*
 * Marks as hidden what is tared of the variables that nobody named: the members of a
 * struct, all that is in scope. *fresh: how many of them are to be written (tare_fresh).
 */
void tare_found(struct thread_state *ts, const struct plan *plan, struct item *items,
		uint32_t *fresh);
void tare_fresh(struct thread_state *ts, uint32_t fresh);
/* What a scope of this site has is tared. */
void tare_take(struct thread_state *ts, struct plan *plan, const unsigned char *kinds,
	       const struct tape_word *words, bool until_changed);
/* Likewise of a scope that was put together. */
void tare_items(struct thread_state *ts, const struct item *items, size_t count,
		bool until_changed);
/* A scope with this label is recorded: is it what the innermost TAPE_TARE tares? 0; 1; 2: until it changes. */
static inline unsigned
tare_due(const struct thread_state *ts, const char *label)
{
	unsigned what = ts->taring & 3;

	return what != 3 && label && strcmp(label, TARE_LABEL) == 0 ? what : 0;
}
/* Sets what scopes of the level get: of `with` what is not tared. 0 or -1: no memory, as it was. */
int tare_apply(struct thread_state *ts, struct level *level, const struct sticky *with);
void tare_release(struct level *level);
void sticky_free(struct sticky *s);
/* *s = those of `from` that are wanted; `user` is wanted's. 0 or -1: no memory. */
int sticky_pick(struct thread_state *ts, struct sticky *s, const struct sticky *from,
		bool (*wanted)(const struct item *item, const void *user),
		const void *user);

/* Memory for so many levels; 0 or -1. The innermost may move. */
int levels_reserve(struct thread_state *ts, uint32_t count);
/*
 * The path with a label of the library itself below it, shortened where labels are
 * nested as deep as may be. NULL: there are too many paths. Under another label it
 * would be an ordinary scope, which rules may change and nobody finds as what it is.
 */
struct context *context_system(struct tape *t, struct context *path, const char *label);
/* context_child of the thread's path by a label it may have used lately; not "". */
struct context *context_enter(struct thread_state *ts, const char *name);
/* The path `parent`, `label`. Never NULL: at a limit it is a shorter path. */
struct context *context_child(struct tape *t, struct context *parent, const char *label,
			      size_t len);
/*
 * The label that leads from `parent` to `child`, as it was cleaned and cut; "" where they
 * are the same and no label was given. NULL: another one may lead elsewhere (at a limit
 * the child is a shorter path).
 */
static inline const char *
context_label(const struct context *parent, const struct context *child,
	      const char *label)
{
	if (child->parent == parent)
		return child->label;
	return child == parent && (!label || !*label) ? "" : NULL;
}

/* Is it the label that was cached? */
static inline bool
context_same_label(const char *cached, const char *label)
{
	return cached && strcmp(label ? label : "", cached) == 0;
}

/*
 * Where what is known of a further label of a site is kept: so many slots behind that of
 * its first one, from 1 to `slots` - 1.
 */
static inline size_t
context_label_step(const char *label, size_t slots)
{
	uint32_t h = 0;

	for (const unsigned char *p = (const unsigned char *)label; p && *p; p++)
		h = (h ^ *p) * 0x01000193u;
	return (h >> 8) % (slots - 1) + 1;
}

/* The labels of a path, joined by "/", as far as they fit. Its length. */
size_t context_text(const struct context *context, char *text, size_t cap);
/* True once per recorder and bit. */
bool said_first(atomic_uint *said, unsigned bit);

/* ---- policy.c ---- */

/* What the rules say for a path; found once and kept there. Takes rules->lock and table_lock. */
const struct policy *context_policy(struct tape *t, struct context *context);
/* Complains, once for each, of what took too many steps. */
void policy_gave_up(struct tape *t, const struct gave_up *gave_up);

/* ---- names.c ---- */

/* A file or function name: cut in front where it is too long, UTF-8. Returns the length. */
size_t site_clean(const char *text, char out[LIMIT_SITE_TEXT + 1]);
bool text_is_utf8(const void *text, size_t len);
/* Replaces each byte that is not UTF-8. */
void text_clean(char *text, size_t len);

/* ---- enums.c ---- */

/* The names, cut and cleaned; the first of each number. Takes table_lock. 0 or -1: no memory, there are none. */
int enums_keep(struct tape *t, const struct tape_enumerator *names, size_t count,
	       struct enumerators *out);
int enums_of(struct tape *t, const struct tape_enum *e, struct enumerators *out);
/* Of a list as TAPE_SITE_LOCALS has it: SLOW=0,FAST=1 */
int enums_of_list(struct tape *t, const char *list, size_t len, struct enumerators *out);

/* ---- safe.c ---- */

/* The text at an address that may be any, in place or in scratch memory: its length, or minus an enum tape_absent. */
int64_t safe_text(struct thread_state *ts, uintptr_t at, const char **text);
/* Of text that may be read where it is; SIZE_MAX: safe_text knows more. */
size_t safe_length(uintptr_t at);

/* ---- arrays.c ---- */

/*
 * Nothing lies there in any process: the first page, and what is no address of a
 * program. Others may be wild too; to ask the system about each would cost more than
 * a scope does.
 */
static inline bool
pointer_is_wild(const void *p)
{
	uintptr_t at = (uintptr_t)p;

#ifdef __x86_64__
	if (at >> 56)
		return true;
#endif
	return at < 4096;
}

enum item_problem { ITEM_FINE, ITEM_BAD_ARRAY, ITEM_TOO_LARGE };
/*
 * Type, store, value of one argument (not its name). Wide values of over
 * CANON_BYTES are hashed. What cannot be read is recorded as absent; the return
 * says why.
 */
enum item_problem item_load(struct thread_state *ts, unsigned kind, struct tape_word word,
			    struct item *item);
enum item_problem item_load_nd(struct thread_state *ts, const struct tape_nd *nd,
			       bool as_blob, struct item *item);
/* Of a wide one its bytes, if they are more than CANON_BYTES, are kept nowhere. */
void item_hash_only(struct item *item);
enum item_problem item_load_ref(const struct tape_ref *ref, struct item *item);
void item_load_text(struct thread_state *ts, const char *text, uint64_t len,
		    struct item *item);
void item_load_bytes(struct thread_state *ts, const void *data, uint64_t size,
		     struct item *item);
void *scratch_take(struct scratch *scratch, size_t size); /* NULL: no memory */
void scratch_reset(struct scratch *scratch);
void scratch_release(struct scratch *scratch);

/* ---- plans.c ---- */

void plans_after_fork(void);
/* The plan of a site for this recorder, made on first use. NULL: reported. */
struct plan *plan_find(struct thread_state *ts, struct tape_site *site,
		       const unsigned char *kinds, const struct tape_word *words);
/* Loads all arguments; names come from the plan or, if dynamic, from the call (kept in scratch). */
void plan_items(struct thread_state *ts, struct plan *plan, const unsigned char *kinds,
		const struct tape_word *words, struct item *items);
void plan_complain(struct plan *plan, unsigned bit, bool error, const char *what);

/* ---- locals.c ---- */

void locals_after_fork(void);

/* ---- spread.c: TAPE_OF ---- */

struct spread {
	const unsigned char *kinds;
	const struct tape_word *words;
};
/* The structure that an argument is, or NULL. */
const struct tape_of *spread_of(unsigned kind, struct tape_word word);
/* How many variables the arguments are; false: one is described in a way that is not known. */
bool spread_count(const unsigned char *kinds, const struct tape_word *words,
		  uint32_t count, uint32_t *total);
/* The arguments of a call, one for each variable of the plan, in scratch memory. False: no memory, or another structure. */
bool spread_args(struct thread_state *ts, const struct plan *plan, struct spread *args);
/* A scalar of so many bytes in memory as its macro would have given it. */
struct tape_word word_load(unsigned kind, size_t size, const void *at);
/* Room for the items of a plan: `items`, or scratch memory (NULL: none). */
struct item *spread_items(struct thread_state *ts, const struct plan *plan,
			  struct item items[MAX_ARGUMENTS]);

/* ---- forms.c ---- */

/* Where a scope is recorded: a plan, or text where there is none. */
struct place {
	struct plan *plan;
	const char *file, *func;
	uint32_t line;
};
/*
 * The layout for these items under ctx and the thread's sticky variables, found
 * or made. With kinds and words, values will come from there; else (NULL) all
 * come as items. NULL: reported, and the scope is counted as lost.
 */
const struct layout *layout_find(struct thread_state *ts, const struct place *place,
				 struct context *ctx, const struct item *items,
				 size_t count, const unsigned char *kinds,
				 const struct tape_word *words);
/* The number of a list of sticky variables; 0 = none, or no memory. */
uint32_t forms_shape(struct thread_state *ts, const struct item *items, size_t count);

/* ---- scope.c ---- */

void scope_free_builds(struct tape_build *builds);
/* Variables that a hook adds to a scope under this path. NULL: reported. */
struct tape_build *build_begin_added(struct thread_state *ts, struct context *context);
/* Its items, valid until build_release; none of NULL, or of one that failed. */
size_t build_items(struct tape_build *b, const struct item **items);
void build_release(struct thread_state *ts, struct tape_build *b);

/* ---- capture.c ---- */

/*
 * Writes a scope from items (arguments by source index) and the thread's sticky
 * variables. time_ns NULL = now. 0, or -1: reported and counted.
 */
int capture_items(struct thread_state *ts, const struct layout *layout,
		  const struct item *items, const int64_t *time_ns);

/* The same for a bookmark; the stage is not committed, however full it is. */
int capture_bookmark(struct thread_state *ts, const struct layout *layout,
		     const struct item *items);

#define CAPTURE_CACHE 1u
#define CAPTURE_DROP 2u
/*
 * A scope of the cache, into a stage of its own, with these records behind it. 0, or -1:
 * reported and counted, or the recorder is closed.
 */
int capture_cached(struct thread_state *ts, struct stage *stage,
		   const struct layout *layout, const struct item *items, int64_t time,
		   const struct tape_hash *key, unsigned records);

/* Is a scope of these items on the tape? As capture_items, but records nothing. */
bool capture_seen(struct thread_state *ts, const struct layout *layout,
		  const struct item *items);

#endif
