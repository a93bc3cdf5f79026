/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recording: a running program puts snapshots of its variables ("scopes") on a
 * tape. docs/recording.md explains it with examples.
 *
 *	struct tape *t = tape_open("run.tape", NULL);
 *
 *	TAPE_LABEL(t, "dfba");
 *	TAPE_WITH(t, D, X0);
 *	for (int it = 0; it < n; it++) {
 *		step(&X);
 *		TAPE(t, "iter", it, TAPE_UNIT(X, "g/L"));
 *	}
 *	return tape_close(t);
 *
 * C11 with statement expressions and the cleanup attribute (gcc, clang), and
 * the same names in C++17. What is in upper case sees names of variables or
 * opens a block; what is in lower case is a function.
 *
 * A recorder that is NULL makes every function and macro do nothing, so does
 * one that was closed: no call needs a check. Nothing is borrowed past a
 * return. The arguments of a macro are evaluated at most once, and not at all
 * when the recorder is NULL, or a rule has the scope left out by count or altogether
 * (its label is: that is what rules ask for).
 *
 * -DTAPE_OFF              everything is checked by the compiler and does nothing;
 *                         the library is not needed
 * -DTAPE_NO_SHORT_NAMES   TAPE is only called TAPE_RECORD
 */
#ifndef TAPE_RECORD_H
#define TAPE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "tape/value.h"

#ifdef __cplusplus
extern "C" {
#define TAPE_IS_(value) = value
#else
#define TAPE_IS_(value)
#endif

/* A recorder: one session on a tape. Any number of threads may use it. */
struct tape;

struct tape_options {
	size_t size TAPE_IS_(
		sizeof(tape_options));	 /* of this struct; TAPE_OPTIONS fills it */
	const char *name TAPE_IS_(NULL); /* of the session, for people: "baseline" */
	const char *config
		TAPE_IS_(NULL); /* path of a tape.conf, used instead of the tape's own */
	uint32_t flags TAPE_IS_(0); /* 0 */
	/*
	 * Gets the first error instead of stderr, on whichever thread failed. It may use
	 * the recorder, or exit. What begins with "contract: " is about a scope that was
	 * recorded all the same, and does not keep the first error of another kind.
	 */
	void (*on_error)(void *user, const char *message) TAPE_IS_(NULL);
	void *user TAPE_IS_(NULL);
};

/* A path of labels and the sticky variables, to carry to other threads. */
struct tape_ctx {
	uint64_t id[2];
};

/* What a block that ends must undo. Filled by the functions below only. */
struct tape_guard {
	struct tape *to;
	uint64_t token;
};

/* Any array in memory: what TAPE_ND takes. */
struct tape_nd {
	const void *data;  /* the element [0, 0, ...] */
	const char *dtype; /* as NumPy spells it: "f8", "i4", "c16", "f2", ... */
	size_t ndim;	   /* 1..8 */
	size_t dims[TAPE_MAX_DIMS];
	ptrdiff_t strides[TAPE_MAX_DIMS]; /* in bytes; all zero = dense, C order */
};

/*
 * A blob that is on the tape already (tape_stream_close), usable as a variable.
 * It is a row of bytes unless dtype and dims, whose product must fit, say more.
 */
struct tape_ref {
	struct tape_hash hash;
	uint64_t size;
	const char *dtype; /* NULL = bytes */
	size_t ndim;
	size_t dims[TAPE_MAX_DIMS];
	int fortran;
	uint8_t head[64]; /* the bytes themselves if they are at most 64 */
};

/* How a recorder begins: for the macros alone. Not 0: a site whose `asked` differs asks first. */
struct tape_head {
	unsigned asks;
};

/* What holds for a label path; see tape_settings. */
struct tape_setting {
	const char *key;
	const char *value; /* in the spelling of tape.conf; "" = none */
	const char *
		origin; /* "tape.conf:3:9", "TAPE_EVERY in the environment", "tape_set", "default" */
	const char *rule;  /* name of the [rule NAME] that it stands in, or "" */
	const char *label; /* the expression it holds for, or "": everywhere */
	const char *note;  /* what else is to be known, or "" */
	int of_labels;	   /* 0: of the whole session */
};
typedef void tape_setting_fn(void *user, const struct tape_setting *setting);
/* For tape_settings_with. Zero what is not needed; new members come at the end. */
struct tape_settings_options {
	size_t size TAPE_IS_(
		sizeof(tape_settings_options)); /* of this struct, set by the caller */
	const char *config TAPE_IS_(NULL);	/* as of tape_settings_of */
	const struct tape_set_call *calls TAPE_IS_(NULL); /* of tape_set, in order */
	size_t call_count TAPE_IS_(0);
	const char *calls_origin TAPE_IS_(NULL); /* who made them; NULL: "tape_set" */
};
struct tape_set_call {
	const char *label, *key, *value;
};

struct tape_build;
struct tape_of;
struct tape_partial;
struct tape_stream;
struct tape_near;
struct tape_site;
struct tape_word;

/* Length of a name that ends with a NUL. */
#define TAPE_NUL ((size_t)-1)

#ifndef TAPE_OFF

/* ---- the recorder ---- */

/*
 * Opens the tape in directory `dir` for recording, making it if need be; any
 * number of processes may record on one tape. options may be NULL. Where it
 * fails the result is NULL, the message is printed (or goes to on_error), and
 * tape_error(NULL) has it: the program goes on, unrecorded.
 */
TAPE_API struct tape *tape_open(const char *dir, const struct tape_options *options);
/* The recorder of the process: tape_set_main()'s, else one on $TAPE_DIR, else NULL. */
TAPE_API struct tape *tape_main(void);
TAPE_API void tape_set_main(struct tape *t);
/*
 * Commits and ends the session. 0, or -1 if anything was lost. The handle stays
 * valid, and dead, until the process ends; closing twice is fine.
 */
TAPE_API int tape_close(struct tape *t);
/* Everything recorded before the call, by every thread, becomes part of the tape. 0 or -1. */
TAPE_API int tape_commit(struct tape *t);
/* Drops what this thread has recorded since the last commit. -1 unless commit=manual. */
TAPE_API int tape_discard(struct tape *t);
/* For signal handlers: the next call, or the background thread, commits. */
TAPE_API void tape_commit_soon(struct tape *t);
/*
 * The first error, or "". tape_error(NULL): why tape_open failed last. Borrowed
 * until the process ends.
 */
#ifdef __cplusplus
/* In C++ it hides the constructor of struct tape_error, which has none. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif
TAPE_API const char *tape_error(const struct tape *t);
#ifdef __cplusplus
#pragma GCC diagnostic pop
#endif
/* How many scopes could not be recorded. */
TAPE_API uint64_t tape_lost(const struct tape *t);
/* A line about the whole session: tape_note(t, "mesh", "fine-3"). */
TAPE_API void tape_note(struct tape *t, const char *key, const char *value);
/*
 * A place on the tape with a name, for queries: tape_bookmark(t, "steady-state"),
 * then tape-find run.tape @steady-state.. (tape-query(7)). It is a scope of its
 * own, under this thread's path, without sticky variables, and hidden from
 * queries that do not ask for it. It commits what this thread has staged, itself
 * the last; other threads' stages are left alone. Returns its position. With
 * commit=manual it is staged like any scope, dropped by tape_discard, and has no
 * position yet: all zero, as with a NULL or closed recorder and after an error
 * (tape_error, tape_lost).
 *
 * Names may repeat: the second is @steady-state#2. They are cut at 255 bytes and
 * must not be empty. The session's manifest lists those that were committed.
 */
TAPE_API struct tape_pos tape_bookmark(struct tape *t, const char *name);
/*
 * The same for a place that is on the tape already, in any session: queries go
 * by `target`. It is not looked at whether there is a scope.
 */
TAPE_API struct tape_pos tape_bookmark_at(struct tape *t, const char *name,
					  struct tape_pos target);
/*
 * This program reads (tape_input) or has written (tape_output) this file: what was in it
 * is recorded by its hash, as a scope of its own under this thread's path and sticky
 * variables, with the label _files: role, path (as given), resolved, hash (as xxh128sum
 * prints it), size, mtime. tape-find --who FILE and --lineage POS ask for them. Call
 * tape_input before the scopes that come of the file, tape_output when it is complete.
 * The file is read through, in pieces. 0, or -1: it cannot be read (tape_error); the
 * program goes on.
 */
TAPE_API int tape_input(struct tape *t, const char *path);
TAPE_API int tape_output(struct tape *t, const char *path);
/*
 * One more rule, as in tape.conf: under labels that match the expression (NULL or "":
 * everywhere), `key` has this value.
 *	tape_set(t, "^iter$", "every", "100");
 *	tape_set(t, "debug", "record", "off");
 * It comes after everything that tape.conf, the environment and earlier calls say, and
 * takes the place of an earlier call with the same label and key (and, for include and
 * exclude, value). It holds for scopes recorded after the call; other threads see it
 * soon. The texts are copied. 0, or -1: not understood (tape_error says why), and nothing
 * has changed. Not for inner loops: what is known about sites is found anew.
 */
TAPE_API int tape_set(struct tape *t, const char *label_regex, const char *key,
		      const char *value);
/*
 * Makes a described structure (TAPE_DESCRIBE) known under its name to rules that require
 * it; TAPE_OF does so by itself. A partial of that name in a file comes before it. 0 or -1.
 */
TAPE_API int tape_describe(struct tape *t, const struct tape_partial *partial);
/*
 * What holds for a label path ("sweep/run:3/iter"; NULL or "": no labels): first the
 * settings of the session, then those of the path, includes and excludes in order, then
 * the hooks that match it (key "hook", value its kind). Each
 * is borrowed for the call of `each` only, which must not use the recorder. 0, or
 * negative: no memory. tape_settings_of: what a recorder that opens the tape in `dir` now
 * would start with, from its tape.conf (or the file `config`; then dir may be NULL) and
 * this process's environment; what cannot be read or understood there is the result, an
 * enum tape_status with *err, and all the rest was listed. What a program has set by
 * tape_set only tape_settings knows; tape_settings_with
 * is given such calls (tape_info_read_last of <tape/search.h> has those of a session) and
 * says what holds with them. Those that are not understood are left out.
 */
TAPE_API int tape_settings(struct tape *t, const char *label_path, tape_setting_fn *each,
			   void *user);
TAPE_API int tape_settings_of(const char *dir, const char *config, const char *label_path,
			      tape_setting_fn *each, void *user, struct tape_error *err);
TAPE_API int tape_settings_with(const char *dir,
				const struct tape_settings_options *options,
				const char *label_path, tape_setting_fn *each, void *user,
				struct tape_error *err);
/*
 * Tare: what is there is left out of this thread's scopes, until the block ends in which
 * it is called (the innermost TAPE_LABEL, TAPE_WITH or TAPE_INHERIT that is open; none:
 * until the thread ends) or until tape_untare is called there. That is its sticky
 * variables (TAPE_WITH), and the names that its scopes have found so far without the
 * program naming them (the members of TAPE_OF, the variables of TAPE_LOCALS); TAPE_TARE
 * says which instead. What is left out is written once, as a scope with the label _tare
 * under the thread's path (tape-find run.tape _tare); queries for variables find other
 * scopes without it. until_changed: a variable is recorded again where it has another
 * value; one that was found is recorded once more, and then left out while it has that
 * value. 0: the name stays out, whatever its value. What is named in TAPE is always
 * recorded. Calling it again takes in what came since.
 */
TAPE_API void tape_tare(struct tape *t, int until_changed);
TAPE_API void tape_untare(struct tape *t);
/*
 * Between them, the variables of one scope with the label _tare are tared; others, and
 * such pairs within, are what they are elsewhere. TAPE_TARE is made of these.
 */
TAPE_API void tape_tare_next(struct tape *t, int until_changed);
TAPE_API void tape_tare_done(struct tape *t);
/* The session, and the seq of the last committed scope (0 = none yet). */
TAPE_API struct tape_pos tape_position(const struct tape *t);

/* ---- under the macros ---- */

/* The calling thread's path and sticky variables, valid for the recorder's life. */
TAPE_API struct tape_ctx tape_context(struct tape *t);
/* Open a label, sticky variables, a context, until tape_guard_pop. */
TAPE_API struct tape_guard tape_label_push(struct tape *t, const char *name);
TAPE_API struct tape_guard tape_label_pushf(struct tape *t, const char *format, ...)
	__attribute__((__format__(__printf__, 2, 3)));
TAPE_API struct tape_guard tape_with_push(struct tape *t, struct tape_site *site,
					  const unsigned char *kinds,
					  const struct tape_word *values);
/* For this thread's next scope. The guard is empty. */
TAPE_API struct tape_guard tape_add(struct tape *t, struct tape_site *site,
				    const unsigned char *kinds,
				    const struct tape_word *values);
TAPE_API struct tape_guard tape_inherit_push(struct tape *t, struct tape_ctx ctx);
/* Sets this thread's level back to what it was at the push, also if inner ones were skipped. */
TAPE_API void tape_guard_pop(struct tape_guard *guard);
/*
 * Is the next scope of this site under this label to be recorded? Counts; to be asked
 * once per scope, before its values are. tape_wanted_near leaves the answer for the
 * next ones in *near_by (static, of the site and the thread), if it can.
 */
TAPE_API int tape_wanted(struct tape *t, struct tape_site *site, const char *label);
TAPE_API int tape_wanted_near(struct tape *t, struct tape_site *site, const char *label,
			      struct tape_near *near_by);
TAPE_API int tape_seen(struct tape *t, struct tape_site *site, const char *label,
		       const unsigned char *kinds, const struct tape_word *values);
TAPE_API void tape_record(struct tape *t, struct tape_site *site, const char *label,
			  const unsigned char *kinds, const struct tape_word *values);
/* A scope of a site without a list: `frame` is __builtin_frame_address(0) of its function. */
TAPE_API void tape_locals(struct tape *t, struct tape_site *site, const char *label,
			  const void *frame);

/*
 * ---- a scope in pieces: for bindings and tools ----
 *
 * tape_build_begin .. put .. tape_build_end makes one scope of the calling
 * thread, under its path and sticky variables. Names and text are copied; a
 * name's length may be TAPE_NUL. Every call returns 0, or -1 when the scope is
 * already lost for the reason that tape_error gives; tape_build_end (which
 * does not wait for a commit) and tape_build_cancel free it. NULL is fine everywhere.
 */
TAPE_API struct tape_build *tape_build_begin(struct tape *t, const char *label);
/* One more label below the others. */
TAPE_API int tape_build_label(struct tape_build *b, const char *label, size_t len);
TAPE_API int tape_build_site(struct tape_build *b, const char *file, uint32_t line,
			     const char *func);
/* Its time, ns since 1970 UTC, instead of now. */
TAPE_API int tape_build_time(struct tape_build *b, int64_t time_ns);
TAPE_API int tape_build_null(struct tape_build *b, const char *name, size_t len);
TAPE_API int tape_build_bool(struct tape_build *b, const char *name, size_t len, int v);
TAPE_API int tape_build_i64(struct tape_build *b, const char *name, size_t len,
			    int64_t v);
TAPE_API int tape_build_u64(struct tape_build *b, const char *name, size_t len,
			    uint64_t v);
TAPE_API int tape_build_f64(struct tape_build *b, const char *name, size_t len, double v);
TAPE_API int tape_build_f32(struct tape_build *b, const char *name, size_t len, float v);
TAPE_API int tape_build_c16(struct tape_build *b, const char *name, size_t len,
			    const double v[2]);
TAPE_API int tape_build_c8(struct tape_build *b, const char *name, size_t len,
			   const float v[2]);
/* Text that is not UTF-8 becomes bytes; text_len may be TAPE_NUL; NULL text is a null value. */
TAPE_API int tape_build_str(struct tape_build *b, const char *name, size_t len,
			    const char *text, size_t text_len);
TAPE_API int tape_build_bytes(struct tape_build *b, const char *name, size_t len,
			      const void *data, size_t size);
/* as_blob: an enum tape_store; TAPE_AS_BLOB: a blob whatever its size; TAPE_AS_HASH: as TAPE_HASHED. */
TAPE_API int tape_build_nd(struct tape_build *b, const char *name, size_t len,
			   const struct tape_nd *nd, int as_blob);
TAPE_API int tape_build_ref(struct tape_build *b, const char *name, size_t len,
			    const struct tape_ref *ref);
/* Unit of the variable put last. */
TAPE_API int tape_build_unit(struct tape_build *b, const char *unit, size_t len);
/* Names for the values of the variable put last, an i64 or a u64 (which becomes an i64). */
TAPE_API int tape_build_enum(struct tape_build *b, const struct tape_enumerator *names,
			     size_t count);
/* As TAPE_SEEN, of the scope that is being built; it goes on as it was. */
TAPE_API int tape_build_seen(struct tape_build *b);
TAPE_API int tape_build_end(struct tape_build *b);
TAPE_API void tape_build_cancel(struct tape_build *b);

/*
 * ---- a blob in pieces ----
 * For what does not fit in memory. It is hashed as it goes and on the tape when
 * tape_stream_close (which frees the stream) returned 0; *ref names it.
 */
TAPE_API struct tape_stream *tape_stream_open(struct tape *t);
TAPE_API int tape_stream_write(struct tape_stream *stream, const void *data, size_t len);
TAPE_API int tape_stream_close(struct tape_stream *stream, struct tape_ref *ref);
TAPE_API void tape_stream_cancel(struct tape_stream *stream);

#endif /* TAPE_OFF */

/* ---- what a site and its values look like: the binary interface ---- */

#define TAPE_SITE_VERSION 1u
#define TAPE_SITE_HAS_LABEL 1u /* names begins with the text of the label */
#define TAPE_SITE_LITERAL 2u   /* the label is a constant */
#define TAPE_SITE_ASKS 4u      /* tape_wanted comes before tape_record, where it must */
#define TAPE_SITE_LOCALS                                                                 \
	8u /* names are locals: a, s.x, mode(SLOW=0,FAST=1); nobody named them */
#define TAPE_SITE_OPTIMIZED 16u	 /* compiled with optimisation */
#define TAPE_SITE_NEAR_LABEL 32u /* its tape_near has a label */

/* A place in a program that records; static, one per macro call. */
struct tape_site {
	uint32_t version;
	uint32_t line;
	const char *file, *func;
	const char *names; /* the variables as they were written, with commas */
	uint32_t count, flags;
	void *plans; /* the library's, one per recorder */
	unsigned
		asked; /* the library's: tape_head.asks of a recorder that always wants it */
	unsigned reserved_asked;
	void *reserved;
};

/* Scopes that are left out by count: it is another one's turn when both are equal. */
struct tape_left_out {
	uint64_t count, until;
};

/*
 * What tape_wanted_near has left: it holds while `asks` is the recorder's, and *now is path,
 * for that label.
 */
struct tape_near {
	unsigned asks, reserved;
	struct tape_left_out *out; /* NULL: all are wanted */
	const void *path;
	const void *const *now;
	const char *label; /* the recorder's; only where TAPE_SITE_NEAR_LABEL says so */
};

/* A value, or where it is; an enum tape_kind says which. */
struct tape_word {
	uint64_t lo, hi;
};

enum tape_kind {
	tape_kind_none = 0,
	tape_kind_bool = 1, /* lo */
	tape_kind_i64 = 2,
	tape_kind_u64 = 3,
	tape_kind_f64 = 4, /* lo: its bits */
	tape_kind_f32 = 5,
	tape_kind_c16 = 6, /* lo, hi: bits of the parts */
	tape_kind_c8 = 7,  /* lo: both */
	tape_kind_ld = 8,  /* as f64, was a long double */
	tape_kind_cld = 9,
	tape_kind_absent = 10, /* lo: enum tape_absent */
	tape_kind_text = 16,   /* lo: char *, hi: bytes at most */
	tape_kind_named = 17,  /* lo: struct tape_named * */
	tape_kind_dense = 18,  /* lo: struct tape_dense * */
	tape_kind_ref = 19,    /* lo: struct tape_ref * */
	tape_kind_of = 20,     /* lo: struct tape_of *: several variables */
	tape_kind_key = 21,    /* lo, hi: a struct tape_key */
	tape_kind_safe =
		22, /* lo: char *, which may point anywhere, hi: TAPE_SAFE_TEXT */
	tape_kind_array = 32, /* 32 + enum tape_dtype: lo: its address, hi: bytes */
};

#define TAPE_SAFE_TEXT (UINT64_MAX - 1)

/*
 * Names of numbers: `names` as they were written, with commas. wide: the expression has
 * more than 4 bytes, so that a value may be too large for an i64.
 */
struct tape_enum {
	const char *names;
	const int64_t *numbers;
	uint32_t count, wide;
};

/* A name or unit that is no part of the program's text. */
struct tape_named {
	const char *name, *unit; /* or NULL */
	const char *text;	 /* the variable as it was written */
	struct tape_word value;
	unsigned char kind;
	/* Bit 0: the name, bit 1: the unit may differ at the next call. Bit 2: enums is there. */
	unsigned char dynamic;
	const struct tape_enum *enums;
};
#define TAPE_NAMED_ENUMS 4

enum tape_dense_flags {
	TAPE_DENSE_FORTRAN = 1,
	TAPE_DENSE_BLOB = 2,
	TAPE_DENSE_ND = 4, /* data: const struct tape_nd * */
	TAPE_DENSE_BYTES = 8,
	TAPE_DENSE_TEXT = 16, /* stops at NUL, trailing blanks cut */
	TAPE_DENSE_BAD = 32,  /* an extent was negative */
	TAPE_DENSE_HASHED = 64,
};

struct tape_dense {
	const char *text; /* the pointer as it was written */
	const void *data;
	unsigned char dtype, ndim;
	unsigned short flags;
	unsigned int reserved;
	int64_t stride; /* of a single dimension, in bytes; 0 = dense */
	uint64_t dims[TAPE_MAX_DIMS];
};

#ifdef __cplusplus
}
#endif

/* ---- what is left with TAPE_OFF ---- */

#define TAPE_INLINE_ static inline __attribute__((__always_inline__, __unused__))

TAPE_INLINE_ struct tape_guard
tape_no_guard(void)
{
	struct tape_guard tape_none_ = { 0, 0 };

	return tape_none_;
}

#ifdef TAPE_OFF
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#ifdef __cplusplus
#pragma GCC diagnostic ignored "-Wshadow" /* tape_error: as above */
#endif
#define TAPE_STUB_(type, name, parameters, value)                                        \
	static inline __attribute__((__unused__)) type name parameters                   \
	{                                                                                \
		return value;                                                            \
	}
#define TAPE_STUB_PUT_(what, ...)                                                        \
	TAPE_STUB_(int, tape_build_##what, (struct tape_build * tape_b_, __VA_ARGS__), 0)
#define TAPE_STUB_VAR_(what, ...)                                                        \
	TAPE_STUB_PUT_(what, const char *tape_name_, size_t tape_len_, __VA_ARGS__)

/* clang-format off */
TAPE_STUB_(struct tape *, tape_open, (const char *tape_dir_, const struct tape_options *tape_options_), 0)
TAPE_STUB_(struct tape *, tape_main, (void), 0)
TAPE_STUB_(void, tape_set_main, (struct tape *tape_t_), )
TAPE_STUB_(int, tape_close, (struct tape *tape_t_), 0)
TAPE_STUB_(int, tape_commit, (struct tape *tape_t_), 0)
TAPE_STUB_(int, tape_discard, (struct tape *tape_t_), 0)
TAPE_STUB_(void, tape_commit_soon, (struct tape *tape_t_), )
TAPE_STUB_(const char *, tape_error, (const struct tape *tape_t_), "")
TAPE_STUB_(uint64_t, tape_lost, (const struct tape *tape_t_), 0)
TAPE_STUB_(void, tape_note, (struct tape *tape_t_, const char *tape_key_, const char *tape_value_), )
TAPE_STUB_(int, tape_input, (struct tape *tape_t_, const char *tape_path_), 0)
TAPE_STUB_(int, tape_output, (struct tape *tape_t_, const char *tape_path_), 0)
TAPE_STUB_(void, tape_tare, (struct tape *tape_t_, int tape_until_changed_), )
TAPE_STUB_(void, tape_untare, (struct tape *tape_t_), )
TAPE_STUB_(void, tape_tare_next, (struct tape *tape_t_, int tape_until_changed_), )
TAPE_STUB_(void, tape_tare_done, (struct tape *tape_t_), )
static inline __attribute__((__unused__)) struct tape_pos
tape_position(const struct tape *tape_t_)
{
	struct tape_pos tape_none_ = { { 0, 0 }, 0 };

	return tape_none_;
}
static inline __attribute__((__unused__)) struct tape_pos
tape_bookmark(struct tape *tape_t_, const char *tape_name_)
{
	return tape_position(tape_t_);
}
static inline __attribute__((__unused__)) struct tape_pos
tape_bookmark_at(struct tape *tape_t_, const char *tape_name_, struct tape_pos tape_target_)
{
	return tape_position(tape_t_);
}
static inline __attribute__((__unused__)) struct tape_ctx
tape_context(struct tape *tape_t_)
{
	struct tape_ctx tape_none_ = { { 0, 0 } };

	return tape_none_;
}
TAPE_STUB_(struct tape_guard, tape_label_push, (struct tape *tape_t_, const char *tape_name_), tape_no_guard())
__attribute__((__format__(__printf__, 2, 3)))
TAPE_STUB_(struct tape_guard, tape_label_pushf, (struct tape *tape_t_, const char *tape_format_, ...), tape_no_guard())
TAPE_STUB_(struct tape_guard, tape_with_push, (struct tape *tape_t_, struct tape_site *tape_site_, const unsigned char *tape_kinds_, const struct tape_word *tape_words_), tape_no_guard())
TAPE_STUB_(struct tape_guard, tape_inherit_push, (struct tape *tape_t_, struct tape_ctx tape_ctx_), tape_no_guard())
TAPE_STUB_(struct tape_guard, tape_add, (struct tape *tape_t_, struct tape_site *tape_site_, const unsigned char *tape_kinds_, const struct tape_word *tape_words_), tape_no_guard())
TAPE_STUB_(void, tape_guard_pop, (struct tape_guard *tape_guard_), )
TAPE_STUB_(int, tape_wanted, (struct tape *tape_t_, struct tape_site *tape_site_, const char *tape_label_), 0)
TAPE_STUB_(int, tape_wanted_near, (struct tape *tape_t_, struct tape_site *tape_site_, const char *tape_label_, struct tape_near *tape_near_), 0)
TAPE_STUB_(int, tape_set, (struct tape *tape_t_, const char *tape_label_, const char *tape_key_, const char *tape_value_), 0)
TAPE_STUB_(int, tape_describe, (struct tape *tape_t_, const struct tape_partial *tape_partial_), 0)
TAPE_STUB_(int, tape_settings, (struct tape *tape_t_, const char *tape_path_, tape_setting_fn *tape_each_, void *tape_user_), 0)
TAPE_STUB_(int, tape_settings_of, (const char *tape_dir_, const char *tape_config_, const char *tape_path_, tape_setting_fn *tape_each_, void *tape_user_, struct tape_error *tape_err_), 0)
TAPE_STUB_(int, tape_settings_with, (const char *tape_dir_, const struct tape_settings_options *tape_options_, const char *tape_path_, tape_setting_fn *tape_each_, void *tape_user_, struct tape_error *tape_err_), 0)
TAPE_STUB_(int, tape_seen, (struct tape *tape_t_, struct tape_site *tape_site_, const char *tape_label_, const unsigned char *tape_kinds_, const struct tape_word *tape_words_), 0)
TAPE_STUB_(void, tape_record, (struct tape *tape_t_, struct tape_site *tape_site_, const char *tape_label_, const unsigned char *tape_kinds_, const struct tape_word *tape_words_), )
TAPE_STUB_(void, tape_locals, (struct tape *tape_t_, struct tape_site *tape_site_, const char *tape_label_, const void *tape_frame_), )
TAPE_STUB_(struct tape_build *, tape_build_begin, (struct tape *tape_t_, const char *tape_label_), 0)
TAPE_STUB_PUT_(label, const char *tape_label_, size_t tape_len_)
TAPE_STUB_PUT_(site, const char *tape_file_, uint32_t tape_line_, const char *tape_func_)
TAPE_STUB_PUT_(time, int64_t tape_time_)
TAPE_STUB_PUT_(null, const char *tape_name_, size_t tape_len_)
TAPE_STUB_VAR_(bool, int tape_v_)
TAPE_STUB_VAR_(i64, int64_t tape_v_)
TAPE_STUB_VAR_(u64, uint64_t tape_v_)
TAPE_STUB_VAR_(f64, double tape_v_)
TAPE_STUB_VAR_(f32, float tape_v_)
TAPE_STUB_VAR_(c16, const double tape_v_[2])
TAPE_STUB_VAR_(c8, const float tape_v_[2])
TAPE_STUB_VAR_(str, const char *tape_v_, size_t tape_n_)
TAPE_STUB_VAR_(bytes, const void *tape_v_, size_t tape_n_)
TAPE_STUB_VAR_(nd, const struct tape_nd *tape_v_, int tape_as_blob_)
TAPE_STUB_VAR_(ref, const struct tape_ref *tape_v_)
TAPE_STUB_PUT_(unit, const char *tape_unit_, size_t tape_len_)
TAPE_STUB_PUT_(enum, const struct tape_enumerator *tape_names_, size_t tape_count_)
TAPE_STUB_(int, tape_build_seen, (struct tape_build *tape_b_), 0)
TAPE_STUB_(int, tape_build_end, (struct tape_build *tape_b_), 0)
TAPE_STUB_(void, tape_build_cancel, (struct tape_build *tape_b_), )
TAPE_STUB_(struct tape_stream *, tape_stream_open, (struct tape *tape_t_), 0)
TAPE_STUB_(int, tape_stream_write, (struct tape_stream *tape_s_, const void *tape_v_, size_t tape_n_), 0)
static inline __attribute__((__unused__)) int
tape_stream_close(struct tape_stream *tape_s_, struct tape_ref *tape_ref_)
{
	__builtin_memset(tape_ref_, 0, sizeof(*tape_ref_));
	return 0;
}
TAPE_STUB_(void, tape_stream_cancel, (struct tape_stream *tape_s_), )
/* clang-format on */
#undef TAPE_STUB_
#undef TAPE_STUB_PUT_
#undef TAPE_STUB_VAR_
#pragma GCC diagnostic pop
#define TAPE_ON_(t) 0
#else
#define TAPE_ON_(t) (t)
#endif

#include "tape/wanted_impl.h"

/* ---- recording ---- */

/*
 * One scope: a recorder, a label (any string), 0 to 32 variables. A statement.
 *
 * A variable is any scalar (bool, integers, enums, float, double, long double,
 * complex), a char *, a real one-dimensional array (char[] as text), or one of
 * the forms below. A char * is read up to its NUL where it points, as by printf: one to
 * memory that is not there ends the program, unless no program can have that address
 * (then it is absent, as NULL is null). TAPE_LOCALS, which takes what it finds, asks first.
 */
#define TAPE_RECORD(t, ...)                                                              \
	TAPE_SCOPE_(TAPE_COUNT_(__VA_ARGS__), TAPE_SITE_HAS_LABEL, t, #__VA_ARGS__,      \
		    __VA_ARGS__, 0)
#ifndef TAPE_NO_SHORT_NAMES
#define TAPE TAPE_RECORD
#endif

/*
 * 1 if a scope of that content (this path and label, these variables with their types
 * and values, and those of TAPE_WITH and TAPE_ADD) is on the tape already, whoever
 * recorded it and in whichever form it is; 0 if not, or if that is not known. Records
 * nothing, and TAPE_ADD keeps what it keeps. What is staged is not on the tape yet; what
 * hooks add to scopes is not asked for. Not for inner loops: the first call opens the
 * tape for reading.
 */
#define TAPE_SEEN(t, ...)                                                                \
	TAPE_SEEN_(TAPE_COUNT_(__VA_ARGS__), t, #__VA_ARGS__, __VA_ARGS__, 0)

/*
 * For macros of your own: recorder, label, the variables as text, the variables.
 *	#define LOG(...) TAPE_V(t, "log", #__VA_ARGS__, __VA_ARGS__)
 */
#define TAPE_V(t, label, ...) TAPE_V_(t, label, __VA_ARGS__, 0)
#define TAPE_V_(t, label, names, ...)                                                    \
	TAPE_SCOPE_(TAPE_COUNT_(__VA_ARGS__), 0u, t, names, label, __VA_ARGS__)

/*
 * One scope of all that is in scope here: parameters, variables of the blocks around it,
 * static ones of the function. docs/locals.md says how they are found: by a list that
 * tape-locals(1) made when the program was built, else, in a function that is compiled
 * without optimisation, by its debug information; else the scope has none, and the
 * session's notes say so once. One to a line.
 */
#define TAPE_LOCALS(t, label)                                                            \
	TAPE_SECOND_(TAPE_JOIN_(TAPE_LOCALS_AT_, __LINE__), TAPE_LOCALS_NONE_, 0)        \
	(__LINE__, t, label)

/*
 * As tape_tare, for these variables: their names and values of now are what is left out
 * of later scopes that find them without being told (by TAPE_OF, TAPE_LOCALS, TAPE_WITH).
 *	TAPE_TARE(t, 1, TAPE_OF(params, &p), seed);
 */
#define TAPE_TARE(t, until_changed, ...)                                                 \
	do {                                                                             \
		if (TAPE_ON_(1)) {                                                       \
			struct tape *tape_tared_ = (t);                                  \
			tape_tare_next(tape_tared_, (until_changed));                    \
			TAPE_V(tape_tared_, "_tare", #__VA_ARGS__, __VA_ARGS__);         \
			tape_tare_done(tape_tared_);                                     \
		}                                                                        \
	} while (0)
/* The same for all that is in scope here, as TAPE_LOCALS finds it. */
#define TAPE_TARE_LOCALS(t, until_changed)                                               \
	do {                                                                             \
		if (TAPE_ON_(1)) {                                                       \
			struct tape *tape_tared_ = (t);                                  \
			tape_tare_next(tape_tared_, (until_changed));                    \
			TAPE_LOCALS(tape_tared_, "_tare");                               \
			tape_tare_done(tape_tared_);                                     \
		}                                                                        \
	} while (0)

/* The rest of the block has this label, below those that are open. */
#define TAPE_LABEL(t, name)                                                              \
	TAPE_GUARD_(t, tape_label_push(tape_to_, TAPE_LABEL_TEXT_(name)))
#define TAPE_LABELF(t, ...) TAPE_GUARD_(t, tape_label_pushf(tape_to_, __VA_ARGS__))
/* Until the block ends, every scope has these variables too, with their value of now. */
#define TAPE_WITH(t, ...)                                                                \
	TAPE_GUARD_(t, TAPE_WITH_(tape_with_push, TAPE_COUNT_(__VA_ARGS__),              \
				  #__VA_ARGS__, __VA_ARGS__, 0))
/*
 * Kept, with their values of now, for this thread's next scope (of this recorder), which
 * has them too: a scope whose variables are at hand in several places. Of a name that
 * was added before, the later value is kept; what the TAPE itself names wins, and sticky
 * variables lose. If a rule leaves that scope out, they go with it. Evaluated at once.
 */
#define TAPE_ADD(t, ...)                                                                 \
	do {                                                                             \
		if (TAPE_ON_(1)) {                                                       \
			struct tape *tape_to_ = (t);                                     \
			if (tape_to_)                                                    \
				(void)TAPE_WITH_(tape_add, TAPE_COUNT_(__VA_ARGS__),     \
						 #__VA_ARGS__, __VA_ARGS__, 0);          \
		}                                                                        \
	} while (0)
/* Until the block ends, this thread's path and sticky variables are those of ctx. */
#define TAPE_INHERIT(t, ctx) TAPE_GUARD_(t, tape_inherit_push(tape_to_, (ctx)))

/* Another name; may be made at run time. AS, UNIT and ENUM go round each other and all forms. */
#define TAPE_AS(name, x)                                                                 \
	TAPE_AS_FN_(x)((name), __builtin_constant_p(name) ? 0u : 1u, TAPE_NAMED_(#x, x))
#define TAPE_UNIT(x, unit)                                                               \
	tape_unit_((unit), __builtin_constant_p(unit) ? 0u : 2u, TAPE_NAMED_(#x, x))
/*
 * An integer whose values have names, 1 to 32 of them, by what they are in the program:
 *	TAPE(t, "run", TAPE_ENUM(mode, SLOW, FAST));
 * It is an i64; queries take its number and its name (mode=FAST). Another variable may
 * have the same ones: #define MODE(x) TAPE_ENUM(x, SLOW, FAST).
 */
#define TAPE_ENUM(x, ...)                                                                \
	TAPE_ENUM_(TAPE_COUNT_(0, __VA_ARGS__), x, #x, #__VA_ARGS__, __VA_ARGS__)
/* An array behind a pointer: T * or T (*)[], then 1 to 8 extents; last index fastest. */
#define TAPE_ARRAY(p, ...) TAPE_DENSE_(#p, p, 0, __VA_ARGS__)
/* The same, first index fastest. */
#define TAPE_FARRAY(p, ...) TAPE_DENSE_(#p, p, TAPE_DENSE_FORTRAN, __VA_ARGS__)
/* As TAPE_ARRAY, kept as a blob whatever its size. */
#define TAPE_BLOB(p, ...) TAPE_DENSE_(#p, p, TAPE_DENSE_BLOB, __VA_ARGS__)
/*
 * As TAPE_ARRAY, but of over 64 bytes only the hash and the shape are kept: enough to
 * see whether two are the same, and to find them (_blob=HASH).
 */
#define TAPE_HASHED(p, ...) TAPE_DENSE_(#p, p, TAPE_DENSE_HASHED, __VA_ARGS__)
/* n elements, so many bytes apart: TAPE_STRIDED(&a[0].x, n, sizeof *a). */
#define TAPE_STRIDED(p, n, bytes)                                                        \
	TAPE_FORM_(#p, p, TAPE_DTYPE_(p), 0, (int64_t)(bytes), (uint64_t)(n))
/* Any array: a const struct tape_nd *. */
#define TAPE_ND(nd) TAPE_FORM_(#nd, tape_nd_(nd), 0, TAPE_DENSE_ND, 0, 0)
#define TAPE_BYTES(p, n) TAPE_FORM_(#p, p, TAPE_U1, TAPE_DENSE_BYTES, 0, (uint64_t)(n))
/* At most n characters, up to a NUL; trailing blanks are cut (Fortran). */
#define TAPE_TEXT(p, n) TAPE_FORM_(#p, p, TAPE_I1, TAPE_DENSE_TEXT, 0, (uint64_t)(n))

#include "tape/hook.h"

#include "tape/record_impl.h"

#include "tape/locals_impl.h"

#include "tape/partial_impl.h"

#include "tape/seen_impl.h"

#include "tape/cache.h"

#include "tape/resume.h"

#endif
