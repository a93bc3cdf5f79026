/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules: settings that hold for some labels. One list per recorder, in the order
 * in which they count: what tape.conf says, then the environment, then tape_set;
 * within each as they came. The list is asked once per label path and version of
 * the list; the answer is a policy, shared by all paths that get the same one.
 */
#ifndef TAPE_LIBRECORD_RULES_H
#define TAPE_LIBRECORD_RULES_H

#include "librecord/intern.h"
#include "librecord/recorder.h"
#include "search/pattern.h"
#include "search/predicate.h"

enum rule_key {
	RULE_RECORD,
	RULE_EVERY,
	RULE_WHEN,
	RULE_DEDUP,
	RULE_COMMIT,
	RULE_BLOBS,
	RULE_INLINE_MAX,
	RULE_EMBED_MAX,
	RULE_REQUIRE,
	RULE_INCLUDE,
	RULE_EXCLUDE,
	RULE_KEYS
};
#define RULE_TEXT_MAX 4095u /* of a regular expression, a query */
#define RULES_MAX 10000u

enum rule_level { RULE_FILE, RULE_ENVIRONMENT, RULE_CALL };

/* Where a setting came from. */
struct origin {
	uint8_t level;	       /* enum rule_level */
	const char *file;      /* of the file, or the variable; kept by the rules */
	uint32_t line, column; /* of the file */
	const char *section;   /* name of the rule, "" = [tape]; kept by the rules */
};

enum rule_said {
	RULE_SAID_SLOW = 1,    /* an expression of it took too many steps */
	RULE_SAID_QUERY = 2,   /* its query cannot be asked */
	RULE_NOT_ASKED = 4,    /* and is not asked any more */
	RULE_SAID_UNKNOWN = 8, /* there is no partial of that name */
};

/* One setting under one condition. Never changed, and never freed before the recorder. */
struct rule {
	uint8_t key;
	bool label_slow, name_slow; /* the expression took too many steps: it is not tried
				       again; under rules->lock */
	uint32_t id;
	char *label;			   /* NULL: everywhere */
	struct pattern *label_match;	   /* used under rules->lock */
	char *text;			   /* the value as it was written */
	uint64_t number;		   /* 0 or 1, N, bytes */
	struct pattern *name_match;	   /* of include, exclude; under rules->lock */
	_Atomic(struct partial *) partial; /* of require, once it is known */
	struct origin origin;
	atomic_uint said; /* enum rule_said */
};

/*
 * A function of the program that runs under some conditions. Never freed before the
 * recorder: another thread may be about to call it.
 */
struct hook {
	int id;
	uint8_t kind; /* enum tape_hook_kind */
	int priority;
	atomic_bool active; /* false: removed */
	tape_hook_fn *fn;
	void *user;
	int (*guard)(tape_hook_fn *fn, const struct tape_view *view, void *arg,
		     void *user);
	char *name;		/* for messages, "" = none */
	char **texts;		/* the expressions, */
	struct pattern **match; /* used under rules->lock; NULL while it is removed */
	size_t count;
	char *innermost; /* NULL: any */
	struct pattern *innermost_match;
	bool slow;    /* an expression took too many steps: it matches nothing any more */
	char *when;   /* NULL: always */
	unsigned bit; /* of select hooks with `when`: which one, from 0 */
	atomic_uint said;
	_Atomic uint64_t failures;
};

/* What holds for a label path. Never freed before the recorder. */
struct policy {
	/* The rule that decided, or NULL: the built-in default. */
	const struct rule *by[RULE_KEYS];
	const struct rule **names; /* includes and excludes, in order */
	size_t name_count;
	const struct hook **hooks; /* that match, in the order in which they are called */
	size_t hook_count;
	uint32_t hook_kinds; /* of them: bit 1 << kind */
	bool hooked;	     /* some see each scope, or go by its values */
	bool off;
	uint8_t dedup; /* enum dedup_mode */
	uint8_t blobs; /* enum blob_mode */
	uint32_t every, commit;
	uint64_t inline_max, embed_max;
};

struct rules {
	pthread_mutex_t lock;
	struct rule **all; /* by id */
	uint32_t count, cap;
	struct rule **order; /* those that count */
	uint32_t order_count, order_cap;
	struct hook **hooks;	  /* in the order in which they are called */
	struct hook **hooks_made; /* all, by id - 1 */
	uint32_t hook_count, hook_cap, hooks_made_count, hooks_made_cap;
	atomic_uint hook_kinds; /* of those in `hooks`: bit 1 << kind */
	struct intern policies, texts;
	struct policy plain;		/* without any rule */
	struct tape_partials *partials; /* by name, for require; under lock */
	const char *file;		/* that was read, or NULL */
	bool thinning; /* some rule may drop whole scopes by count, or all */
};

int rules_init(struct rules *rules);
void rules_release(struct rules *rules);
void rules_after_fork(struct rules *rules);

/* The key of that name, or RULE_KEYS. */
enum rule_key rules_key(const char *name);
const char *rules_key_name(enum rule_key key);
/*
 * Adds a setting behind the others of its level; a call replaces the call with
 * the same label and key. label NULL or "": everywhere. TAPE_ERR_SYNTAX: nothing
 * changed, err->message says what is wrong, err->offset is the byte of `value`
 * (or of the label, *in_label) it is about. Without commas in the language of the file.
 */
int rules_add(struct rules *rules, const struct origin *origin, const char *label,
	      enum rule_key key, const char *value, bool *in_label,
	      struct tape_error *err);
/* Is it an expression for a label? As rules_add. */
int rules_check_label(const char *label, struct tape_error *err);
/* Is the query one that can be asked of scopes as they are recorded? */
int rules_check_query(struct rules *rules, const char *text, struct tape_error *err);
/* As predicate_new, with the partials that rules know. */
int rules_predicate(struct rules *rules, const char *text, const uint64_t session[2],
		    const struct source_facts *facts, struct predicate **out,
		    struct tape_error *err);
/* A text that stays; "" when memory is out. */
const char *rules_text(struct rules *rules, const char *text);
/* Forgets all rules of the file. Before anything was recorded. */
void rules_drop_file(struct rules *rules);

/* What took too many steps just now: it counts as not matching, and is not tried again. */
struct gave_up {
	const struct rule *rule;
	const struct hook *hook;
};

/*
 * What holds under these labels, outermost first. Never NULL: without memory it is
 * what holds without rules. `gave_up` may be NULL.
 */
const struct policy *rules_policy(struct rules *rules, const char *const *labels,
				  size_t count, struct gave_up *gave_up);
/* Is a variable kept? `named`: the program names it in TAPE; only rules for labels may drop it. */
bool rules_keep(struct rules *rules, const struct policy *policy, const char *name,
		size_t len, bool named, struct gave_up *gave_up);
/* The partial of a rule `require`, or NULL: there is none of that name, so far. */
const struct partial *rules_require(struct rules *rules, const struct rule *rule,
				    struct tape_error *err);
/* A described structure, as a partial of its name. 1: it is new, 0: the name was known. */
int rules_describe(struct rules *rules, const struct tape_partial *described,
		   struct tape_error *err);
/* Does some rule that may drop whole scopes match this label alone? */
bool rules_thin_label(struct rules *rules, const char *label);

/* "tape.conf:3:9 [rule hot]", "TAPE_EVERY", "tape_set"; NULL: "default". */
void rules_origin_text(const struct rule *rule, char *text, size_t cap);
/* The name of a rule in counts: its section, the variable, or "tape_set(...)". */
void rules_name(const struct rule *rule, char *text, size_t cap);

#endif
