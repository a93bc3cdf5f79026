/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/thin.h"

#include <stdlib.h>
#include <string.h>

#include "librecord/facts.h"
#include "librecord/report.h"
#include "librecord/session.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* What is counted apart; further label paths are counted together, rule by rule. */
#define MAX_SINKS 1024u
/* A count that grows is written after a second if it has grown by a sixteenth, else after a minute. */
#define SOON_NS ((int64_t)1000000000)
#define LATE_NS ((int64_t)60000000000)

/* What one rule left out under one label path. Under table_lock. */
struct sink {
	struct sink *next;
	const struct rule *rule;
	const struct context *context; /* NULL: several */
	const char *why;	       /* of require: how the first broke it */
	uint64_t count, published;
	int64_t when;
	uint32_t number; /* from 1: what prints alike is told apart by it */
};

/* A thread's own count. */
struct skip {
	struct tape_left_out
		out; /* its count is written by its thread alone, here or in a macro */
	struct skip *next;
	uint64_t folded; /* under table_lock */
	struct sink *sink;
};

/* How one site thins one thread's scopes of one label path. */
struct tally {
	struct skip skip; /* first */
	uint64_t every;
};

/* A query at the gate of one layout. */
struct gate {
	struct skip skip; /* first */
	struct predicate *predicate;
	struct predicate_form *form; /* NULL: it cannot be asked */
};

struct thread_thin {
	struct intern tallies;
	_Atomic(struct skip *) skips;
	struct gate **gates;
	uint32_t gate_cap;
	uint64_t session[2]; /* that the queries are about: a fork's child has its own */
	struct predicate **predicates; /* by rule */
	uint32_t *commits;	       /* by rule: scopes since the last commit */
	uint32_t predicate_cap, commit_cap;
};

struct thinning {
	struct sink *sinks;
	uint32_t sink_count;
	atomic_bool paths; /* a label was opened whose scopes are thinned */
};

/* Numbers for tape_head.asks, which no two recorders share. */
static atomic_uint epochs;

int
thin_init(struct tape *t)
{
	t->thinning = calloc(1, sizeof *t->thinning);
	return t->thinning ? 0 : TAPE_ERR_NOMEM;
}

void
thin_release(struct tape *t)
{
	free(t->thinning);
	t->thinning = NULL;
}

static unsigned
next_epoch(void)
{
	unsigned epoch = 0;

	while (epoch == 0)
		epoch = atomic_fetch_add(&epochs, 1) + 1u;
	return epoch;
}

static void
ask_anew(struct tape *t)
{
	__atomic_store_n(&t->head.asks, next_epoch(), __ATOMIC_RELEASE);
}

static bool
thins(const struct policy *policy)
{
	return policy->off || policy->every > 1;
}

/* So many paths are looked at when rules change; of more one is taken to be thinned. */
#define PATHS_ASKED 64u

/* Is there a path whose scopes are thinned? Those that come are looked at when they do. */
static bool
some_path_thins(struct tape *t)
{
	uint32_t count = t->forms ? 1 : 0;
	bool any = false;

	for (uint32_t i = 0; i < count && !any; i++) {
		struct context *context = NULL;

		pthread_mutex_lock(&t->table_lock);
		count = t->forms->context_count;
		if (i < count)
			context = t->forms->context_by_id[i];
		pthread_mutex_unlock(&t->table_lock);
		any = count > PATHS_ASKED ||
		      (context && thins(context_policy(t, context)));
	}
	return any;
}

void
thin_rules_changed(struct tape *t, bool late)
{
	bool thinning;

	/* Held to the end: of two that change rules the later one decides. */
	pthread_mutex_lock(&t->rules->lock);
	thinning = t->rules->thinning;
	if (thinning)
		ask_anew(t);
	else
		__atomic_store_n(&t->head.asks, 0u, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&t->rules->lock);
	/* Labels that are open already were not looked at with this in mind. */
	if (late && thinning && !atomic_load(&t->thinning->paths) && some_path_thins(t) &&
	    !atomic_exchange(&t->thinning->paths, true))
		ask_anew(t);
}

void
thin_entered(struct tape *t, const struct policy *policy)
{
	if (thins(policy) && !atomic_exchange(&t->thinning->paths, true))
		ask_anew(t);
}

/* ---- counts ---- */

/* The sink for a rule and path, made if need be. Under table_lock. NULL: no memory. */
static struct sink *
sink_find(struct tape *t, const struct rule *rule, const struct context *context)
{
	struct thinning *thinning = t->thinning;
	struct sink *sink;

	for (sink = thinning->sinks; sink; sink = sink->next)
		if (sink->rule == rule && sink->context == context)
			return sink;
	/* From here on a rule has one for all further paths. */
	if (thinning->sink_count >= MAX_SINKS && context)
		return sink_find(t, rule, NULL);
	sink = calloc(1, sizeof *sink);
	if (!sink)
		return NULL;
	sink->rule = rule;
	sink->context = context;
	sink->next = thinning->sinks;
	thinning->sinks = sink;
	sink->number = ++thinning->sink_count;
	return sink;
}

/* Others look at it under table_lock. */
static struct thread_thin *
own(struct thread_state *ts)
{
	struct thread_thin *thin;

	if (ts->thin)
		return ts->thin;
	thin = calloc(1, sizeof *thin);
	pthread_mutex_lock(&ts->tape->table_lock);
	ts->thin = thin;
	pthread_mutex_unlock(&ts->tape->table_lock);
	return thin;
}

/* False: no memory. The thread's list is read by others, under table_lock. */
static bool
skip_begin(struct thread_state *ts, struct skip *skip, const struct rule *rule,
	   const struct context *context)
{
	pthread_mutex_lock(&ts->tape->table_lock);
	skip->sink = sink_find(ts->tape, rule, context);
	if (skip->sink) {
		skip->next = atomic_load(&ts->thin->skips);
		atomic_store(&ts->thin->skips, skip);
	}
	pthread_mutex_unlock(&ts->tape->table_lock);
	return skip->sink != NULL;
}

static inline void
skip_count(struct skip *skip)
{
	__atomic_store_n(&skip->out.count, skip->out.count + 1, __ATOMIC_RELAXED);
}

/* Under table_lock. */
static void
fold(struct thread_state *ts)
{
	if (!ts->thin)
		return;
	for (struct skip *s = atomic_load(&ts->thin->skips); s; s = s->next) {
		uint64_t count = __atomic_load_n(&s->out.count, __ATOMIC_RELAXED);

		s->sink->count += count - s->folded;
		s->folded = count;
	}
}

/* ---- by count ---- */

static inline bool
tally_take(struct tally *tally)
{
	if (!tally)
		return true;
	if (tally->skip.out.count == tally->skip.out.until) {
		tally->skip.out.until += tally->every - 1;
		return true;
	}
	skip_count(&tally->skip);
	return false;
}

static void
no_memory(struct tape *t)
{
	recorder_error(t, "out of memory: a rule that thins scopes does not hold");
}

/* What `key` counts under a path; NULL: nothing is thinned there (or no memory: said). */
static struct tally *
tally_find(struct thread_state *ts, const struct bytes *key, struct context *context,
	   const struct policy *policy)
{
	struct thread_thin *thin = own(ts);
	struct tally *tally;
	uint64_t hash;

	if (!thins(policy))
		return NULL;
	tally = thin && !key->failed
			? intern_find(&thin->tallies, key->data, key->len, &hash)
			: NULL;
	if (tally)
		return tally;
	tally = thin && !key->failed ? calloc(1, sizeof *tally) : NULL;
	if (!tally || intern_add(&thin->tallies, key->data, key->len, hash, tally) < 0) {
		free(tally);
		no_memory(ts->tape);
		return NULL;
	}
	tally->every = policy->every;
	tally->skip.out.until = policy->off ? UINT64_MAX : 0;
	if (skip_begin(ts, &tally->skip,
		       policy->by[policy->off ? RULE_RECORD : RULE_EVERY], context))
		return tally;
	/* It stays in the table, and lets everything pass. */
	tally->skip.out.until = 0;
	tally->every = 1;
	no_memory(ts->tape);
	return tally;
}

/* May a site with this constant label do without asking, as things are? */
static bool
never_thins(struct tape *t, const char *label)
{
	size_t len = label ? strlen(label) : 0;

	return !atomic_load(&t->thinning->paths) && len <= LIMIT_NAME &&
	       text_is_utf8(label ? label : "", len) &&
	       !rules_thin_label(t->rules, label ? label : "");
}

static inline struct cached_ask *
ask_slot(struct thread_state *ts, const struct tape_site *site)
{
	uintptr_t h = (uintptr_t)site >> 4 ^ (uintptr_t)ts->level->context >> 5;

	return &ts->asks[(h ^ h >> 8) % ASK_CACHE];
}

/* Is it of this site here, whatever its label is? */
static inline bool
ask_holds(const struct thread_state *ts, const struct tape_site *site,
	  const struct cached_ask *ask)
{
	return ask->site == site && ask->parent == ts->level->context &&
	       ask->version == atomic_load_explicit(&ts->tape->rules_version,
						    memory_order_relaxed);
}

/* As a layout is found (capture.c): that of the first of several labels stays where it is. */
static struct cached_ask *
ask_label_slot(struct thread_state *ts, const struct tape_site *site, const char *label)
{
	struct cached_ask *ask = ask_slot(ts, site);

	if ((site->flags & TAPE_SITE_LITERAL) || !ask->label ||
	    !ask_holds(ts, site, ask) || context_same_label(ask->label, label))
		return ask;
	return &ts->asks[((size_t)(ask - ts->asks) +
			  context_label_step(label, ASK_CACHE)) %
			 ASK_CACHE];
}

/* For the macro's next ones: `asks` was the recorder's before *ask was found. */
static void
leave_near(const struct thread_state *ts, const struct tape_site *site, unsigned asks,
	   const struct cached_ask *ask, struct tape_near *near_by)
{
	bool literal = site->flags & TAPE_SITE_LITERAL;
	bool label = site->flags & TAPE_SITE_NEAR_LABEL;

	/* A label that leads to no path of its own (a limit) is asked for each time. */
	if (!near_by || (!literal && !(label && ask->label)))
		return;
	if (label)
		near_by->label = ask->label;
	near_by->out = ask->tally ? &ask->tally->skip.out : NULL;
	near_by->path = ask->parent;
	near_by->now = &ts->now;
	near_by->asks = asks;
}

/* What is told last may run code that records, and has other sites take the slot of this one. */
static __attribute__((noinline)) bool
ask_slow(struct thread_state *ts, struct tape_site *site, const char *label,
	 unsigned asks, struct cached_ask *ask, struct tape_near *near_by)
{
	struct tape *t = ts->tape;
	uint32_t version = atomic_load(&t->rules_version);
	struct context *parent = ts->level->context, *context = parent;
	struct bytes *key = &ts->key;
	const struct policy *policy;
	bool is;

	report_hold();
	if (label && *label)
		context = context_child(t, parent, label, strlen(label));
	policy = context_policy(t, context);
	key->len = 0;
	bytes_put(key, &site, sizeof site);
	bytes_put(key, &context, sizeof context);
	bytes_put(key, &policy, sizeof policy);
	*ask = (struct cached_ask){ .site = site,
				    .parent = parent,
				    .label = context_label(parent, context, label),
				    .version = version,
				    .tally = tally_find(ts, key, context, policy) };
	if (key->failed)
		bytes_release(key);
	if ((site->flags & TAPE_SITE_LITERAL) && !thins(policy) && never_thins(t, label))
		__atomic_store_n(&site->asked, asks, __ATOMIC_RELAXED);
	is = tally_take(ask->tally);
	leave_near(ts, site, asks, ask, near_by);
	report_tell(t);
	return is;
}

static __attribute__((noinline)) int
wanted(struct thread_state *ts, struct tape_site *site, const char *label,
       struct tape_near *near_by)
{
	struct cached_ask *ask = ask_label_slot(ts, site, label);
	unsigned asks = __atomic_load_n(&ts->tape->head.asks, __ATOMIC_ACQUIRE);
	bool is;

	if (asks == 0)
		return 1;
	if (likely(ask_holds(ts, site, ask) && ((site->flags & TAPE_SITE_LITERAL) ||
						context_same_label(ask->label, label)))) {
		is = tally_take(ask->tally);
		leave_near(ts, site, asks, ask, near_by);
	} else {
		is = ask_slow(ts, site, label, asks, ask, near_by);
	}
	/* What TAPE_ADD has kept for a scope that is left out goes with it. */
	if (unlikely(ts->pending.count) && !is)
		pending_drop(ts);
	return is;
}

int
tape_wanted_near(struct tape *t, struct tape_site *site, const char *label,
		 struct tape_near *near_by)
{
	struct thread_state *ts = capture_thread(t);

	return ts ? wanted(ts, site, label, near_by) : 0;
}

int
tape_wanted(struct tape *t, struct tape_site *site, const char *label)
{
	return tape_wanted_near(t, site, label, NULL);
}

bool
thin_wanted_place(struct thread_state *ts, struct context *context, const char *file,
		  uint32_t line)
{
	const struct policy *policy = context_policy(ts->tape, context);
	struct bytes *key = &ts->key;
	struct tally *tally;

	if (!thins(policy))
		return true;
	key->len = 0;
	bytes_put(key, &context, sizeof context);
	bytes_put(key, &policy, sizeof policy);
	bytes_put_u32(key, line);
	bytes_put(key, file, strlen(file));
	tally = tally_find(ts, key, context, policy);
	if (key->failed)
		bytes_release(key);
	if (tally_take(tally))
		return true;
	pending_drop(ts);
	return false;
}

/* ---- by query ---- */

/* Room for index `at` in a list of `size` bytes each, cleared. False: no memory. */
static bool
reach(void *list, uint32_t *cap, uint32_t at, size_t size)
{
	uint32_t more = *cap ? *cap : 16;
	void **memory = list;
	char *bigger;

	if (at < *cap)
		return true;
	while (more <= at)
		more *= 2;
	bigger = realloc(*memory, more * size);
	if (!bigger)
		return false;
	memset(bigger + *cap * size, 0, (more - *cap) * size);
	*memory = bigger;
	*cap = more;
	return true;
}

static struct predicate *
predicate_of(struct thread_state *ts, const struct rule *rule, struct tape_error *err)
{
	struct thread_thin *thin = ts->thin;
	struct source_facts facts;

	if (!reach(&thin->predicates, &thin->predicate_cap, rule->id,
		   sizeof(struct predicate *)))
		return NULL;
	facts_source(ts->tape, &facts);
	if (!thin->predicates[rule->id])
		(void)rules_predicate(ts->tape->rules, rule->text, ts->tape->session,
				      &facts, &thin->predicates[rule->id], err);
	return thin->predicates[rule->id];
}

/*
 * Says once for each rule that its query cannot be asked. One that took too many
 * steps would do so for scope after scope: it is not asked again. Its scopes are
 * recorded.
 */
static void
cannot_ask(struct tape *t, const struct rule *rule, const struct tape_error *err)
{
	atomic_uint *said = (atomic_uint *)(uintptr_t)&rule->said;
	bool for_good = err->message[0] && err->status != TAPE_ERR_NOMEM;
	char where[300];

	if (for_good)
		atomic_fetch_or(said, RULE_NOT_ASKED);
	if (!said_first(said, RULE_SAID_QUERY))
		return;
	rules_origin_text(rule, where, sizeof where);
	recorder_error(t, "%s: when = %.60s: %s; %s", where, rule->text,
		       err->message[0] ? err->message : "no memory",
		       for_good ? "it is not asked again, and all its scopes are recorded"
				: "scopes it cannot be asked of are recorded");
}

static bool
not_asked(const struct rule *rule)
{
	return atomic_load_explicit(&rule->said, memory_order_relaxed) & RULE_NOT_ASKED;
}

/* The queries are compiled anew: an answer may be about the session. */
static void
forget_session(struct thread_thin *thin, const uint64_t session[2])
{
	for (uint32_t i = 0; i < thin->gate_cap; i++)
		if (thin->gates[i]) {
			predicate_form_free(thin->gates[i]->form);
			thin->gates[i]->form = NULL;
		}
	for (uint32_t i = 0; i < thin->predicate_cap; i++) {
		predicate_free(thin->predicates[i]);
		thin->predicates[i] = NULL;
	}
	memmove(thin->session, session, sizeof thin->session);
}

void
thin_prepare(struct thread_state *ts, const struct layout *l)
{
	const struct rule *rule = l->policy->by[RULE_WHEN];
	struct thread_thin *thin = own(ts);
	struct tape_error err = { 0 };
	struct gate *gate = NULL;

	if (thin && memcmp(thin->session, ts->tape->session, sizeof thin->session) != 0)
		forget_session(thin, ts->tape->session);
	if (not_asked(rule) || (thin && l->gate < thin->gate_cap &&
				thin->gates[l->gate] && thin->gates[l->gate]->form))
		return;
	if (!thin ||
	    !reach(&thin->gates, &thin->gate_cap, l->gate, sizeof(struct gate *)))
		goto fail;
	if (!thin->gates[l->gate]) {
		gate = calloc(1, sizeof *gate);
		if (!gate || !skip_begin(ts, &gate->skip, rule, l->context)) {
			free(gate);
			goto fail;
		}
		thin->gates[l->gate] = gate;
	}
	gate = thin->gates[l->gate];
	gate->predicate = predicate_of(ts, rule, &err);
	gate->form = gate->predicate ? predicate_form_new(gate->predicate, &l->form->form)
				     : NULL;
	if (gate->form)
		return;
fail:
	cannot_ask(ts->tape, rule, &err);
}

bool
thin_passes(struct thread_state *ts, const struct layout *l, const uint8_t *body,
	    size_t len, int64_t time)
{
	struct thread_thin *thin = ts->thin;
	struct tape_error err = { 0 };
	struct gate *gate;
	int r;

	if (!thin || l->gate >= thin->gate_cap || !thin->gates[l->gate] ||
	    !thin->gates[l->gate]->form || not_asked(l->policy->by[RULE_WHEN]))
		return true;
	gate = thin->gates[l->gate];
	r = predicate_match(gate->predicate, gate->form, body, len, time, &err);
	if (r < 0)
		cannot_ask(ts->tape, l->policy->by[RULE_WHEN], &err);
	if (r == 0)
		skip_count(&gate->skip);
	return r != 0;
}

bool
thin_broken(struct thread_state *ts, const struct layout *l, const struct rule *rule,
	    const char *why)
{
	struct thread_thin *thin = own(ts);
	struct gate *gate;
	const char *kept;

	if (!thin || !reach(&thin->gates, &thin->gate_cap, l->contract_gate,
			    sizeof(struct gate *)))
		return false;
	gate = thin->gates[l->contract_gate];
	if (gate) {
		skip_count(&gate->skip);
		return false;
	}
	gate = calloc(1, sizeof *gate);
	if (!gate || !skip_begin(ts, &gate->skip, rule, l->context)) {
		free(gate);
		return false;
	}
	thin->gates[l->contract_gate] = gate;
	skip_count(&gate->skip);
	kept = rules_text(ts->tape->rules, why);
	pthread_mutex_lock(&ts->tape->table_lock);
	if (!gate->skip.sink->why)
		gate->skip.sink->why = kept;
	pthread_mutex_unlock(&ts->tape->table_lock);
	return true;
}

bool
thin_commits(struct thread_state *ts, const struct policy *policy)
{
	struct thread_thin *thin = own(ts);
	uint32_t id = policy->by[RULE_COMMIT]->id;

	/* Without memory to count: sooner rather than later. */
	if (!thin || !reach(&thin->commits, &thin->commit_cap, id, sizeof(uint32_t)))
		return true;
	if (++thin->commits[id] < policy->commit)
		return false;
	thin->commits[id] = 0;
	return true;
}

/* What the ending thread still does, in destructors, must not look at what it had. */
static void
forget_near(struct tape *t)
{
	unsigned asks = __atomic_load_n(&t->head.asks, __ATOMIC_RELAXED);

	while (asks &&
	       !__atomic_compare_exchange_n(&t->head.asks, &asks, next_epoch(), false,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

void
thin_thread_ends(struct thread_state *ts)
{
	struct thread_thin *thin = ts->thin;

	forget_near(ts->tape);
	if (!thin)
		return;
	pthread_mutex_lock(&ts->tape->table_lock);
	fold(ts);
	ts->thin = NULL;
	pthread_mutex_unlock(&ts->tape->table_lock);
	for (size_t i = 0; i < thin->tallies.cap; i++)
		free(thin->tallies.entries[i].value);
	intern_release(&thin->tallies);
	forget_session(thin, thin->session);
	for (uint32_t i = 0; i < thin->gate_cap; i++)
		free(thin->gates[i]);
	free(thin->gates);
	free(thin->predicates);
	free(thin->commits);
	free(thin);
}

void
thin_after_fork(struct tape *t)
{
	struct thread_state *ts = t->threads ? t->threads->all : NULL;

	for (; ts; ts = ts->next_of_tape)
		fold(ts);
	for (struct sink *s = t->thinning->sinks; s; s = s->next) {
		s->count = s->published = 0;
		s->when = 0;
	}
}

/* ---- what is said ---- */

/* table_lock is held. */
static void
sink_tell(struct tape *t, const struct sink *sink, bool closing)
{
	char path[LIMIT_LABELS * (LIMIT_NAME + 1) + 1] = "";
	char name[512], setting[160];
	struct json_line line = { 0 };

	rules_name(sink->rule, name, sizeof name);
	text_cut(setting, sizeof setting, rules_key_name(sink->rule->key),
		 sink->rule->text);
	if (sink->context)
		(void)context_text(sink->context, path, sizeof path);
	json_line_begin(&line);
	json_line_int(&line, sink->rule->key == RULE_REQUIRE ? "broken" : "thinned",
		      (int64_t)sink->count);
	json_line_text(&line, "rule", name);
	json_line_text(&line, "setting", setting);
	if (sink->context)
		json_line_text(&line, "path", path);
	json_line_int(&line, "sink", sink->number);
	if (sink->why)
		json_line_text(&line, "why", sink->why);
	json_line_end(&line);
	report_thinned(t, &line, closing);
	json_line_release(&line);
}

bool
thin_publish(struct tape *t, bool closing)
{
	int64_t now = session_now(t);
	bool told = false, any = false;

	if (!t->threads || !t->thinning)
		return false;
	pthread_mutex_lock(&t->table_lock);
	for (struct thread_state *ts = t->threads->all; ts; ts = ts->next_of_tape)
		fold(ts);
	for (struct sink *s = t->thinning->sinks; s; s = s->next)
		any |= s->count != 0 && (closing || s->count != s->published);
	pthread_mutex_unlock(&t->table_lock);
	if (!any || session_alive(t) < 0)
		return false;
	pthread_mutex_lock(&t->table_lock);
	for (struct sink *s = t->thinning->sinks; s; s = s->next) {
		uint64_t more = s->count - s->published;
		int64_t waited = now - s->when;

		if (s->count == 0 ||
		    (!closing && (more == 0 || waited < SOON_NS ||
				  (more < s->count / 16 && waited < LATE_NS))))
			continue;
		sink_tell(t, s, closing);
		s->published = s->count;
		s->when = now;
		told = true;
	}
	pthread_mutex_unlock(&t->table_lock);
	return told;
}
