/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hooks: which there are, running them, and what they see. Whose turn it is stands
 * in the policy of a label path (rules.h). While the program's function runs no lock
 * is held, and it may use the recorder as anybody.
 */
#ifndef TAPE_LIBRECORD_HOOKS_H
#define TAPE_LIBRECORD_HOOKS_H

#include "librecord/body.h"

enum hook_said {
	HOOK_SAID_SLOW = 1,   /* an expression took too many steps */
	HOOK_SAID_FAILED = 2, /* it returned a failure */
	HOOK_SAID_QUERY = 4,  /* its query cannot be asked, and is not any more */
	HOOK_SAID_DEEP = 8,   /* it was not called: too deep, or no memory */
};

/* Of one context: where its variables are depends on the kind. */
struct tape_view {
	struct thread_state *ts;
	const struct hook *hook;
	const struct context *context; /* NULL: none */
	bool failed;		       /* and why: */
	char message[160];
	int64_t time;
	/* A scope that is laid out: these, or else items and sticky ones. */
	const struct layout *layout;
	const struct values *values;
	const struct item *items;
	size_t count;
	const struct sticky *sticky;
	const uint8_t
		*first;	 /* of them: not of a name that stands before; NULL: all are */
	size_t variable; /* of items and sticky ones: the one in question */
	struct tape_build **added;
	struct tape_counts counts;
};

int hooks_init(struct tape *t);
void hooks_release(struct tape *t);
void hooks_after_fork(struct tape *t);
void hooks_thread_ends(struct thread_state *ts);
/* Before the recorder dies: commits, so that commit hooks may still use it. */
void hooks_before_close(struct tape *t);
/* How a hook is called in messages. */
void hooks_name(const struct hook *hook, char *text, size_t cap);
/* "capture hook 3" and so on, as a setting. */
const char *hooks_kind_name(unsigned kind);

/* ---- running ---- */

/* Memory of one scope that hooks see, or of one query; they nest. NULL: no memory, or too deep. */
struct hook_frame {
	struct bytes body, items;
	struct tape_build *added;
	struct values values;
	int64_t time;
	/* What belongs to the thread and is put aside while the program's function runs. */
	struct bytes key;
	struct scratch scratch;
	struct sticky pending, *merged;
};
struct hook_frame *hooks_frame(struct thread_state *ts);
void hooks_frame_done(struct thread_state *ts);

/* frame->body: as it would be written, blobs left where they are. */
enum outcome hooks_body(struct hook_frame *frame, const struct layout *l,
			const struct values *v);

/* May a hook of this kind run on this thread now? */
bool hooks_may_run(const struct thread_state *ts, enum tape_hook_kind kind);
/* Runs one; its result, or 1 more than any: it was not run. Failures are reported. */
#define HOOK_NOT_RUN INT32_MAX
int hooks_run(struct thread_state *ts, const struct hook *hook, struct tape_view *view,
	      void *arg);
/* Does its query match? What cannot be asked does not. `body` is one of the layout's form. */
bool hooks_when(struct thread_state *ts, const struct hook *hook,
		const struct rec_form *form, const uint8_t *body, size_t len,
		int64_t time);

/* ---- kinds ---- */

/*
 * Lets select hooks change what is kept, and how: keep[] and store[] of the items, then
 * of the sticky ones; first[]: not of a name that another one has. Those with a query take part if ts->chosen has their bit.
 */
void hooks_select(struct thread_state *ts, const struct context *context,
		  const struct policy *policy, const struct item *items, size_t count,
		  const struct sticky *sticky, const uint8_t *first, uint8_t *keep,
		  uint8_t *store);
/*
 * Shows a scope to its hooks. *l and *v become what is to be written; the frame is
 * done with when that is written. OUTCOME_DONE, OUTCOME_THINNED, or what went wrong.
 */
enum outcome hooks_scope(struct thread_state *ts, struct hook_frame *frame,
			 const struct layout **l, struct values **v);
void hooks_scope_done(struct thread_state *ts, struct hook_frame *frame);
/* The parts of a commit are complete, but not written: counts what hooks are told. commit_lock is held. */
struct part;
struct hook_event;
struct hook_event *hooks_count(struct tape *t, const struct part *parts);
/* Repeats have become links. */
void hooks_linked(struct hook_event *event, const struct part *parts);
/* It was written, or not: then nobody is told. commit_lock is held. */
void hooks_counted(struct tape *t, struct hook_event *event, bool written);
/* Calls commit hooks about what was written since. No lock is held. */
void hooks_deliver(struct tape *t);

#endif
