/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hooks: functions of a program, or of who watches it, that run where labels match.
 * The code that records does not know which there are. Part of record.h, which it
 * includes where somebody includes it alone; docs/hooks.md explains it with examples.
 *
 *	static int
 *	prepare(const struct tape_view *view, void *arg, void *user)
 *	{
 *		*(struct model **)arg = user;
 *		return 0;
 *	}
 *	const char *where[] = { "^co-chemostat", "prepare_lepmodel", NULL };
 *	tape_hook(t, TAPE_HOOK_CALL, where, prepare, model);
 *
 *	TAPE_LABEL(t, "co-chemostat.batch");
 *	struct model *m = standard;
 *	tape_call(t, "prepare_lepmodel", &m);
 */
#ifndef TAPE_HOOK_H
#define TAPE_HOOK_H

#include "tape/record.h"

#ifdef __cplusplus
extern "C" {
#endif

enum tape_hook_kind {
	TAPE_HOOK_SELECT = 1,  /* decides about variables, one by one */
	TAPE_HOOK_CALL = 2,    /* runs where the program says tape_call */
	TAPE_HOOK_CAPTURE = 3, /* sees each scope, and may add variables to it */
	TAPE_HOOK_COMMIT = 4,  /* sees what a commit brought to the tape, as counts */
};

/* What a select hook says about a variable; negative: it failed, and has no opinion. */
enum tape_select {
	TAPE_SELECT_PASS = 0, /* no opinion: the next hook, else the rules decide */
	TAPE_SELECT_KEEP = 1, /* recorded, whatever rules say */
	TAPE_SELECT_DROP = 2, /* left out */
	TAPE_SELECT_BLOB =
		3, /* recorded, as a blob (arrays and texts of over 64 bytes) */
	TAPE_SELECT_INLINE = 4, /* recorded, in the scope itself */
};

/* What a hook sees. It and all that it gives are borrowed until the hook returns. */
struct tape_view;

/* 0, or negative: it failed (tape_view_fail says why). `arg` is tape_call's, else NULL. */
typedef int tape_hook_fn(const struct tape_view *view, void *arg, void *user);

/* Zero what is not needed; new members come at the end. */
struct tape_hook_options {
	size_t size; /* of this struct */
	int kind;    /* enum tape_hook_kind */
	int priority; /* higher ones are called first; those of one priority as they came */
	/*
	 * Regular expressions (PCRE2, unanchored) and a NULL: each of them must match
	 * some label of the context, not necessarily another one. NULL: everywhere.
	 */
	const char *const *regexes;
	const char *innermost; /* must match the innermost label; NULL: any */
	/*
	 * A query (tape-query(7)) that the scope must match; NULL: always. Of a call
	 * hook it is asked of the sticky variables, of a commit hook it says which
	 * scopes count.
	 */
	const char *when;
	tape_hook_fn *fn;
	void *user;
	const char *name; /* for messages; may be NULL */
	/* Calls fn; NULL: it is called as it is. In C++: tape_hook_guard. */
	int (*guard)(tape_hook_fn *fn, const struct tape_view *view, void *arg,
		     void *user);
};

/* What a commit brought to the tape. */
struct tape_counts {
	size_t size;	 /* of this struct, set by who asks */
	uint64_t scopes; /* under labels, and of content, that the hook is for */
	uint64_t all;	 /* scopes and bookmarks of the commit */
	uint64_t links;	 /* of all: repeats of earlier ones */
	uint64_t bytes;	 /* of records, without blobs */
	uint64_t first_seq, last_seq;
	uint64_t projections; /* of all: parts of others, with dedup=subset */
};

#ifndef TAPE_OFF

/*
 * Adds a hook. The context it is about: the labels that are open, and innermost the
 * label of the scope, or the name of the call. All texts are copied. It holds for
 * what comes after the call; other threads see it soon. Returns its number, from 1;
 * 0: the recorder is NULL or closed; -1: not understood (tape_error says why), and
 * nothing has changed. One that is like a removed one (same kind, texts, priority,
 * function and user) gets its number. As tape_set, not for inner loops.
 *
 * What each kind is called with, and what it may do:
 *  select   decides once for a site, label path and list of variables, when they are
 *           met first; the answer is kept. With `when`, the answer holds for the scopes
 *           that match. tape_view_variable is the one in question. Of several the
 *           first that has an opinion decides. It overrules include and exclude,
 *           also for what is named in TAPE.
 *  call     by tape_call, on the calling thread.
 *  capture  for each scope that rules leave (record, every, when), on the thread that
 *           records it. tape_view_add takes variables for it.
 *  commit   after a commit that brought a scope of its context to the tape, on the
 *           thread that committed: that may be the recorder's own. tape_view_counts.
 *
 * A hook may record, call tape_call and commit. While it runs, its thread calls no
 * capture hook in a capture hook, no commit hook in a commit hook, no select hook in a
 * select hook, and no call hook in itself; commits that hold nothing but what commit
 * hooks recorded call none. It returns: it does not longjmp, and in C++ what it throws
 * counts as failed. A hook that fails is an error of the recorder, said once for each
 * hook; the run, and the scope, go on. A hook whose query cannot be answered does not run.
 * Bookmarks and what the library records itself call no hooks.
 */
TAPE_API int tape_hook_add(struct tape *t, const struct tape_hook_options *options);
/* Removes a hook: this thread calls it no more; others may just be in it. 0, or -1: there is none. */
TAPE_API int tape_unhook(struct tape *t, int id);
/* Removes all hooks. */
TAPE_API void tape_hooks_reset(struct tape *t);
/*
 * Calls the call hooks for this place: the thread's labels, and innermost `name`.
 * Returns how many ran (those that failed, too); results come through arg.
 */
TAPE_API int tape_call(struct tape *t, const char *name, void *arg);

/* ---- what a hook sees ---- */

TAPE_API struct tape *tape_view_tape(const struct tape_view *view);
TAPE_API int tape_view_kind(const struct tape_view *view);
/* Labels of the context; 0 is the outermost, "" where there is none. A commit has none. */
TAPE_API size_t tape_view_depth(const struct tape_view *view);
TAPE_API const char *tape_view_label(const struct tape_view *view, size_t i);
/*
 * The variables: of a scope those that it will have, for tape_call the thread's sticky
 * ones and those that wait for its next scope, of a select hook all. The name of the i-th, "" where
 * there is none; *value (may be NULL) as in <tape/value.h>.
 */
TAPE_API size_t tape_view_count(const struct tape_view *view);
TAPE_API const char *tape_view_get(const struct tape_view *view, size_t i,
				   struct tape_value *value);
/* By name: 1, or 0 and *value is as it was. */
TAPE_API int tape_view_find(const struct tape_view *view, const char *name,
			    struct tape_value *value);
/* A number (integers are converted, enums and booleans too) by name: 1, or 0 and *number is as it was. */
TAPE_API int tape_view_number(const struct tape_view *view, const char *name,
			      double *number);
/* A select hook: the variable in question, its value that of the first scope. Else "". */
TAPE_API const char *tape_view_variable(const struct tape_view *view,
					struct tape_value *value);
/* When the scope was captured, ns since 1970 UTC. */
TAPE_API int64_t tape_view_time(const struct tape_view *view);
/*
 * A capture hook: takes variables for the scope, by tape_build_i64 and so on
 * (not tape_build_end). Names that the scope has already are left out. NULL: no capture hook.
 */
TAPE_API struct tape_build *tape_view_add(const struct tape_view *view);
/* A commit hook: 0, else -1. Fills as much of *counts as its size says. */
TAPE_API int tape_view_counts(const struct tape_view *view, struct tape_counts *counts);
/* Says why the hook fails: `return tape_view_fail(view, "no model");`. Always -1. */
TAPE_API int tape_view_fail(const struct tape_view *view, const char *message);

#ifdef __cplusplus
}
#endif

#ifdef __cplusplus
/* What a hook throws becomes its failure. */
static inline __attribute__((__unused__)) int
tape_hook_guard(tape_hook_fn *tape_fn_, const struct tape_view *tape_view_,
		void *tape_arg_, void *tape_user_)
{
#ifdef __cpp_exceptions
	try {
		return tape_fn_(tape_view_, tape_arg_, tape_user_);
	} catch (...) {
		return tape_view_fail(tape_view_, "it threw an exception");
	}
#else
	return tape_fn_(tape_view_, tape_arg_, tape_user_);
#endif
}
/* The short form: a hook of that kind under labels that match, of priority 0. */
static inline __attribute__((__unused__)) int
tape_hook(struct tape *tape_t_, int tape_kind_, const char *const *tape_regexes_,
	  tape_hook_fn *tape_fn_, void *tape_user_)
{
	struct tape_hook_options tape_o_ = {};

	tape_o_.size = sizeof(tape_o_);
	tape_o_.kind = tape_kind_;
	tape_o_.regexes = tape_regexes_;
	tape_o_.fn = tape_fn_;
	tape_o_.user = tape_user_;
	tape_o_.guard = tape_hook_guard;
	return tape_hook_add(tape_t_, &tape_o_);
}
#else
/* The short form: a hook of that kind under labels that match, of priority 0. */
TAPE_API int tape_hook(struct tape *t, int kind, const char *const *regexes,
		       tape_hook_fn *fn, void *user);
#endif

#else /* TAPE_OFF */

#ifdef __cplusplus
}
#endif
/* clang-format off */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define TAPE_STUB_(type, name, parameters, value)                                        \
	static inline __attribute__((__unused__)) type name parameters                   \
	{                                                                                \
		return value;                                                            \
	}
TAPE_STUB_(int, tape_hook_add, (struct tape *tape_t_, const struct tape_hook_options *tape_options_), 0)
TAPE_STUB_(int, tape_hook, (struct tape *tape_t_, int tape_kind_, const char *const *tape_regexes_, tape_hook_fn *tape_fn_, void *tape_user_), 0)
TAPE_STUB_(int, tape_unhook, (struct tape *tape_t_, int tape_id_), 0)
TAPE_STUB_(void, tape_hooks_reset, (struct tape *tape_t_), )
TAPE_STUB_(int, tape_call, (struct tape *tape_t_, const char *tape_name_, void *tape_arg_), 0)
TAPE_STUB_(struct tape *, tape_view_tape, (const struct tape_view *tape_view_), 0)
TAPE_STUB_(int, tape_view_kind, (const struct tape_view *tape_view_), 0)
TAPE_STUB_(size_t, tape_view_depth, (const struct tape_view *tape_view_), 0)
TAPE_STUB_(const char *, tape_view_label, (const struct tape_view *tape_view_, size_t tape_i_), "")
TAPE_STUB_(size_t, tape_view_count, (const struct tape_view *tape_view_), 0)
TAPE_STUB_(const char *, tape_view_get, (const struct tape_view *tape_view_, size_t tape_i_, struct tape_value *tape_value_), "")
TAPE_STUB_(int, tape_view_find, (const struct tape_view *tape_view_, const char *tape_name_, struct tape_value *tape_value_), 0)
TAPE_STUB_(int, tape_view_number, (const struct tape_view *tape_view_, const char *tape_name_, double *tape_number_), 0)
TAPE_STUB_(const char *, tape_view_variable, (const struct tape_view *tape_view_, struct tape_value *tape_value_), "")
TAPE_STUB_(int64_t, tape_view_time, (const struct tape_view *tape_view_), 0)
TAPE_STUB_(struct tape_build *, tape_view_add, (const struct tape_view *tape_view_), 0)
TAPE_STUB_(int, tape_view_counts, (const struct tape_view *tape_view_, struct tape_counts *tape_counts_), -1)
TAPE_STUB_(int, tape_view_fail, (const struct tape_view *tape_view_, const char *tape_message_), -1)
#ifdef __cplusplus
TAPE_STUB_(int, tape_hook_guard, (tape_hook_fn *tape_fn_, const struct tape_view *tape_view_, void *tape_arg_, void *tape_user_), 0)
#endif
#undef TAPE_STUB_
#pragma GCC diagnostic pop
/* clang-format on */
#endif /* TAPE_OFF */

#endif
