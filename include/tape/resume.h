/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Put me back where I was": reading the tape that is recorded to, and saying from where
 * a session goes on. Part of record.h, which it includes where somebody includes it
 * alone; docs/resume.md explains it with examples.
 *
 *	if (TAPE_RESTORE(t, "checkpoint", &step, TAPE_ARRAY(x, n)) == 1)
 *		tape_resume(t);
 *
 * All of these see what was recorded on this recorder before the call (with
 * commit=manual: what was committed, and TAPE_RESTORE what this thread has staged), what
 * other sessions have committed, raw or
 * compacted, and nothing that is superseded. They commit what is staged and read files:
 * they are for beginnings, not for inner loops. With a NULL or closed recorder they find
 * nothing.
 */
#ifndef TAPE_RESUME_H
#define TAPE_RESUME_H

#include "tape/record.h"

#ifdef __cplusplus
extern "C" {
#endif

struct tape_scope; /* <tape/search.h> says what else can be asked of it */

#ifndef TAPE_OFF

/*
 * The last scope in tape order that matches a query (tape-query(7); NULL or "": any).
 * 1: *scope is for TAPE_BIND and the functions of <tape/search.h>, borrowed until this
 * thread's next tape_latest, tape_at or TAPE_RESTORE on t, until it ends, or until it
 * closes t; for this thread only. 0: there is none, *scope is as it was. -1: the query
 * does not parse, or the tape cannot be read (tape_error).
 */
TAPE_API int tape_latest(struct tape *t, const char *query,
			 const struct tape_scope **scope);
/*
 * The scope at a place: "SESSION:SEQ" (tape_pos_text), or "@NAME", "@NAME#2": the scope
 * that the bookmark points to, or, where the program set it, the last one that its
 * session had recorded by then, under whatever label. Of several of that name the last
 * in tape order. The rest as tape_latest.
 */
TAPE_API int tape_at(struct tape *t, const char *place, const struct tape_scope **scope);
/* Where this thread's last TAPE_RESTORE found what it filled; all zero: nowhere; staged: seq 0. */
TAPE_API struct tape_pos tape_restored(struct tape *t);
/*
 * This session goes on from that position of another one: what that session recorded
 * behind it, and whatever went on from there, is superseded: kept, and left out of
 * answers (tape-find --superseded shows it). seq 0: from where that session itself went
 * on, so that nothing of it counts. May be called at any time, for several sessions;
 * of several calls about one session the last counts. 0, or -1: not on the tape
 * (tape_error): no position, one of this session itself, or it cannot be written yet.
 */
TAPE_API int tape_continue(struct tape *t, struct tape_pos pos);
/*
 * This session goes on from what this thread's last TAPE_RESTORE filled: tape_continue
 * from there, and, where earlier sessions went on from just there by tape_resume, after
 * a TAPE_RESTORE under the same label path with the same sticky variables, and were
 * killed before anything newer could be restored, from the beginning of these, so that
 * what they had recorded is superseded, too. Only sessions that are known to be dead (of
 * this host) count as killed. 0, or -1: nothing was restored, or as tape_continue. Of what this
 * session itself recorded nothing is superseded.
 */
TAPE_API int tape_resume(struct tape *t);

/* Under TAPE_RESTORE. */
TAPE_API int tape_restore_find(struct tape *t, const char *label,
			       const struct tape_scope **scope);
TAPE_API int tape_restore_end(struct tape *t, const struct tape_scope *scope, int filled);

#else /* TAPE_OFF */

/* clang-format off */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define TAPE_STUB_(name, parameters)                                                     \
	static inline __attribute__((__unused__)) int name parameters                    \
	{                                                                                \
		return 0;                                                                \
	}
TAPE_STUB_(tape_latest, (struct tape *tape_t_, const char *tape_query_, const struct tape_scope **tape_scope_))
TAPE_STUB_(tape_at, (struct tape *tape_t_, const char *tape_place_, const struct tape_scope **tape_scope_))
TAPE_STUB_(tape_continue, (struct tape *tape_t_, struct tape_pos tape_pos_))
TAPE_STUB_(tape_resume, (struct tape *tape_t_))
TAPE_STUB_(tape_restore_find, (struct tape *tape_t_, const char *tape_label_, const struct tape_scope **tape_scope_))
TAPE_STUB_(tape_restore_end, (struct tape *tape_t_, const struct tape_scope *tape_scope_, int tape_filled_))
static inline __attribute__((__unused__)) struct tape_pos
tape_restored(struct tape *tape_t_)
{
	return tape_position(tape_t_);
}
#undef TAPE_STUB_
#pragma GCC diagnostic pop
/* clang-format on */

#endif

#ifdef __cplusplus
}
#endif

/*
 * Fills variables from the newest scope that was recorded under this thread's label path
 * and `label` (NULL or "": the path itself), with the sticky variables that it has now at
 * the values they have now (others may be in it, too). Outputs are those of TAPE_BIND.
 *	int step = 0;
 *	TAPE_RESTORE(t, "checkpoint", &step, TAPE_ARRAY(x, n), TAPE_OF(rng, &state));
 * 1: all of them were filled. 0: there is no such scope. -1: there is one, and it has not
 * what is asked for (tape_bind_error() says what: a variable that is missing, another
 * type or size, a blob that is damaged), or the tape cannot be read (tape_error). With 0
 * and -1 nothing was touched.
 */
#define TAPE_RESTORE(t, label, ...)                                                      \
	TAPE_RESTORE_(TAPE_COUNT_(label, __VA_ARGS__), #__VA_ARGS__, t, label,           \
		      __VA_ARGS__, TAPE_BIND_END_)
#define TAPE_RESTORE_(n, names, t, label, ...)                                           \
	__extension__({                                                                  \
		struct tape *tape_restore_to_ = (t);                                     \
		const struct tape_scope *tape_restored_ = 0;                             \
		int tape_restore_done_ = 0;                                              \
		if (TAPE_ON_(tape_restore_to_ != 0))                                     \
			tape_restore_done_ = tape_restore_find(tape_restore_to_,         \
							       TAPE_LABEL_TEXT_(label),  \
							       &tape_restored_);         \
		if (TAPE_ON_(tape_restore_done_ == 1))                                   \
			tape_restore_done_ = tape_restore_end(                           \
				tape_restore_to_, tape_restored_,                        \
				TAPE_BIND_(n, tape_restored_, names, __VA_ARGS__));      \
		(void)tape_restore_to_;                                                  \
		(void)tape_restored_;                                                    \
		tape_restore_done_;                                                      \
	})

#endif
