/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "librecord/conf.h"
#include "search/partial.h"

/* ---- values ---- */

static bool
value_record(const char *text, uint64_t *out)
{
	*out = strcmp(text, "on") == 0;
	return *out || strcmp(text, "off") == 0;
}

static bool
value_count(const char *text, uint64_t *out)
{
	return conf_digits(text, UINT32_MAX, out) && *out >= 1;
}

static bool
value_commit(const char *text, uint64_t *out)
{
	*out = 0;
	return strcmp(text, "off") == 0 || value_count(text, out);
}

static bool
value_dedup(const char *text, uint64_t *out)
{
	enum dedup_mode mode;

	if (!conf_dedup(text, &mode))
		return false;
	*out = mode;
	return true;
}

static bool
value_blobs(const char *text, uint64_t *out)
{
	*out = strcmp(text, "at-commit") == 0 ? BLOBS_AT_COMMIT : BLOBS_IMMEDIATE;
	return *out == BLOBS_AT_COMMIT || strcmp(text, "immediate") == 0;
}

static bool
value_inline(const char *text, uint64_t *out)
{
	return conf_size(text, out) && *out <= LIMIT_INLINE;
}

static bool
value_embed(const char *text, uint64_t *out)
{
	return conf_size(text, out) && *out <= LIMIT_EMBED;
}

static const struct key {
	const char *name;
	bool (*value)(const char *text, uint64_t *out); /* NULL: a text */
	const char *expects;
} keys[RULE_KEYS] = {
	[RULE_RECORD] = { "record", value_record, "on or off" },
	[RULE_EVERY] = { "every", value_count, "a number of scopes, 1 for all" },
	[RULE_WHEN] = { "when", NULL, "a query" },
	[RULE_DEDUP] = { "dedup", value_dedup, "off, exact or subset" },
	[RULE_COMMIT] = { "commit", value_commit, "a number of scopes, or off" },
	[RULE_BLOBS] = { "blobs", value_blobs, "immediate or at-commit" },
	[RULE_INLINE_MAX] = { "inline_max", value_inline, "a size up to 1M, as 4K" },
	[RULE_EMBED_MAX] = { "embed_max", value_embed, "a size up to 16M, as 64K" },
	[RULE_REQUIRE] = { "require", NULL, "a partial, or off" },
	[RULE_INCLUDE] = { "include", NULL, "a regular expression" },
	[RULE_EXCLUDE] = { "exclude", NULL, "a regular expression" },
};

enum rule_key
rules_key(const char *name)
{
	unsigned key = 0;

	while (key < RULE_KEYS && strcmp(keys[key].name, name) != 0)
		key++;
	return key;
}

const char *
rules_key_name(enum rule_key key)
{
	return keys[key].name;
}

static bool
adds_up(enum rule_key key)
{
	return key == RULE_INCLUDE || key == RULE_EXCLUDE;
}

/* ---- the list ---- */

int
rules_init(struct rules *rules)
{
	struct conf conf;

	*rules = (struct rules){ .count = 0 };
	conf_defaults(&conf);
	rules->plain = (struct policy){
		.dedup = (uint8_t)conf.dedup,
		.blobs = (uint8_t)conf.blobs,
		.every = 1,
		.inline_max = conf.inline_max,
		.embed_max = conf.embed_max,
	};
	return pthread_mutex_init(&rules->lock, NULL) == 0 ? 0 : TAPE_ERR_NOMEM;
}

void
rules_after_fork(struct rules *rules)
{
	pthread_mutex_init(&rules->lock, NULL);
}

static void
rule_free(struct rule *rule)
{
	if (!rule)
		return;
	pattern_free(rule->label_match);
	pattern_free(rule->name_match);
	partial_free(atomic_load(&rule->partial));
	free(rule->label);
	free(rule->text);
	free(rule);
}

static void
free_values(struct intern *table, void (*release)(void *))
{
	for (size_t i = 0; i < table->cap; i++)
		if (table->entries[i].value)
			release(table->entries[i].value);
	intern_release(table);
}

static void
policy_free(void *memory)
{
	struct policy *policy = memory;

	free(policy->names);
	free(policy->hooks);
	free(policy);
}

void
rules_release(struct rules *rules)
{
	for (uint32_t i = 0; i < rules->count; i++)
		rule_free(rules->all[i]);
	free(rules->all);
	free(rules->order);
	free_values(&rules->policies, policy_free);
	free_values(&rules->texts, free);
	tape_partials_free(rules->partials);
	pthread_mutex_destroy(&rules->lock);
	*rules = (struct rules){ .count = 0 };
}

const char *
rules_text(struct rules *rules, const char *text)
{
	size_t len = strlen(text);
	uint64_t hash;
	char *kept;

	pthread_mutex_lock(&rules->lock);
	kept = intern_find(&rules->texts, text, len, &hash);
	if (!kept) {
		kept = strdup(text);
		if (kept && intern_add(&rules->texts, text, len, hash, kept) < 0) {
			free(kept);
			kept = NULL;
		}
	}
	pthread_mutex_unlock(&rules->lock);
	return kept ? kept : "";
}

static int
room(struct rule ***list, uint32_t *cap, uint32_t count)
{
	uint32_t more = *cap ? *cap * 2 : 16;
	struct rule **bigger;

	if (count < *cap)
		return 0;
	bigger = realloc(*list, more * sizeof(struct rule *));
	if (!bigger)
		return -1;
	*list = bigger;
	*cap = more;
	return 0;
}

static int
compile(const char *text, struct pattern **out, struct tape_error *err)
{
	char message[160];
	size_t at;

	*out = pattern_compile(text, strlen(text), &at, message, sizeof message);
	if (*out)
		return 0;
	return error_set(err, TAPE_ERR_SYNTAX, "", at, "the regular expression: %s",
			 message);
}

int
rules_check_label(const char *label, struct tape_error *err)
{
	struct pattern *pattern = NULL;
	int r = compile(label, &pattern, err);

	pattern_free(pattern);
	return r;
}

int
rules_predicate(struct rules *rules, const char *text, const uint64_t session[2],
		const struct source_facts *facts, struct predicate **out,
		struct tape_error *err)
{
	int r;

	pthread_mutex_lock(&rules->lock);
	r = predicate_new(text, session, facts, rules->partials, out, err);
	pthread_mutex_unlock(&rules->lock);
	return r;
}

int
rules_check_query(struct rules *rules, const char *text, struct tape_error *err)
{
	static const uint64_t nobody[2];
	struct predicate *predicate = NULL;
	int r = rules_predicate(rules, text, nobody, NULL, &predicate, err);

	predicate_free(predicate);
	if (r < 0 && err) {
		err->file[0] = '\0';
		err->offset = err->offset ? err->offset - 1 : 0;
	}
	return r;
}

/* Written out, it is parsed now; a name may come to be known later. */
static int
fill_require(struct rule *rule, const char *value, struct tape_error *err)
{
	struct partial *partial = NULL;
	size_t at = 0, len = strlen(value);
	int r = 0;

	rule->number = strcmp(value, "off") == 0;
	if (value[0] != '{')
		return 0;
	r = partial_parse(value, len, &at, &partial, err);
	if (r == 0 && at != len)
		r = error_set(err, TAPE_ERR_SYNTAX, "", at + 1,
			      "expected nothing behind the \"}\"");
	atomic_store(&rule->partial, partial);
	if (r < 0 && err) {
		err->file[0] = '\0';
		err->offset = err->offset ? err->offset - 1 : 0;
	}
	return r;
}

static int
rule_fill(struct rules *rules, struct rule *rule, const char *label, const char *value,
	  bool *in_label, struct tape_error *err)
{
	const struct key *key = &keys[rule->key];
	int r = 0;

	rule->text = strdup(value);
	rule->label = label ? strdup(label) : NULL;
	if (!rule->text || (label && !rule->label))
		return error_set(err, TAPE_ERR_NOMEM, "", 0, "out of memory");
	*in_label = true;
	if (label)
		r = compile(label, &rule->label_match, err);
	if (r < 0)
		return r;
	*in_label = false;
	if (key->value && !key->value(value, &rule->number))
		return error_set(err, TAPE_ERR_SYNTAX, "", 0, "%s = %.60s: expected %s",
				 key->name, value, key->expects);
	if (rule->key == RULE_REQUIRE)
		return fill_require(rule, value, err);
	if (rule->key == RULE_WHEN)
		return rules_check_query(rules, value, err);
	return adds_up(rule->key) ? compile(value, &rule->name_match, err) : 0;
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* A call that was made before, so that who switches to and fro does not fill memory. */
static struct rule *
made_before(const struct rules *rules, const char *label, enum rule_key key,
	    const char *value)
{
	for (uint32_t i = 0; i < rules->count; i++) {
		struct rule *rule = rules->all[i];

		if (rule->origin.level == RULE_CALL && rule->key == key &&
		    same_text(rule->label, label) && strcmp(rule->text, value) == 0)
			return rule;
	}
	return NULL;
}

/* Takes calls out of the order that this one replaces. */
static void
replace_calls(struct rules *rules, const struct rule *by)
{
	uint32_t to = 0;

	for (uint32_t i = 0; i < rules->order_count; i++) {
		struct rule *rule = rules->order[i];
		bool same = rule->origin.level == RULE_CALL && rule->key == by->key &&
			    same_text(rule->label, by->label) &&
			    (!adds_up(by->key) || strcmp(rule->text, by->text) == 0);

		if (!same)
			rules->order[to++] = rule;
	}
	rules->order_count = to;
}

static void
note_thinning(struct rules *rules)
{
	rules->thinning = false;
	for (uint32_t i = 0; i < rules->order_count; i++)
		rules->thinning |= (rules->order[i]->key == RULE_RECORD &&
				    rules->order[i]->number == 0) ||
				   (rules->order[i]->key == RULE_EVERY &&
				    rules->order[i]->number > 1);
}

/* Under the lock. The levels come one after the other: only calls may come late. */
static int
rule_enter(struct rules *rules, struct rule *rule, struct tape_error *err)
{
	bool known = rule->id != UINT32_MAX;

	if (!known && rules->count >= RULES_MAX)
		return error_set(err, TAPE_ERR_LIMIT, "", 0,
				 "more than %u settings for labels", RULES_MAX);
	if (room(&rules->all, &rules->cap, rules->count) < 0 ||
	    room(&rules->order, &rules->order_cap, rules->order_count) < 0)
		return error_set(err, TAPE_ERR_NOMEM, "", 0, "out of memory");
	if (!known) {
		rule->id = rules->count;
		rules->all[rules->count++] = rule;
	}
	if (rule->origin.level == RULE_CALL)
		replace_calls(rules, rule);
	rules->order[rules->order_count++] = rule;
	note_thinning(rules);
	return 0;
}

int
rules_add(struct rules *rules, const struct origin *origin, const char *label,
	  enum rule_key key, const char *value, bool *in_label, struct tape_error *err)
{
	struct rule *rule, *made = NULL;
	int r;

	if (label && !*label)
		label = NULL;
	*in_label = false;
	pthread_mutex_lock(&rules->lock);
	rule = origin->level == RULE_CALL ? made_before(rules, label, key, value) : NULL;
	if (rule) {
		r = rule_enter(rules, rule, err);
		pthread_mutex_unlock(&rules->lock);
		return r;
	}
	pthread_mutex_unlock(&rules->lock);

	made = calloc(1, sizeof *made);
	if (!made)
		return error_set(err, TAPE_ERR_NOMEM, "", 0, "out of memory");
	made->key = (uint8_t)key;
	made->id = UINT32_MAX;
	made->origin = *origin;
	r = rule_fill(rules, made, label, value, in_label, err);
	if (r == 0) {
		pthread_mutex_lock(&rules->lock);
		r = rule_enter(rules, made, err);
		pthread_mutex_unlock(&rules->lock);
	}
	if (r < 0)
		rule_free(made);
	return r;
}

void
rules_drop_file(struct rules *rules)
{
	uint32_t to = 0;

	for (uint32_t i = 0; i < rules->order_count; i++)
		if (rules->order[i]->origin.level != RULE_FILE)
			rules->order[to++] = rules->order[i];
	rules->order_count = to;
	to = 0;
	for (uint32_t i = 0; i < rules->count; i++) {
		struct rule *rule = rules->all[i];

		if (rule->origin.level == RULE_FILE) {
			rule_free(rule);
			continue;
		}
		rule->id = to;
		rules->all[to++] = rule;
	}
	rules->count = to;
	note_thinning(rules);
}

/* ---- what holds ---- */

/* Under the lock. One that took too many steps once would do so for every path. */
static bool
matches(const struct pattern *pattern, const bool *slow, const char *text, size_t len)
{
	int r = *slow ? 0 : pattern_match(pattern, text, len);

	if (r < 0)
		*(bool *)(uintptr_t)slow = true;
	return r == 1;
}

static bool
rule_matches(const struct rule *rule, const char *const *labels, size_t count,
	     struct gave_up *gave_up)
{
	bool any = rule->label == NULL, slow = rule->label_slow;

	for (size_t i = count; i-- > 0 && !any;)
		any = matches(rule->label_match, &rule->label_slow, labels[i],
			      strlen(labels[i]));
	if (gave_up && rule->label_slow && !slow)
		gave_up->rule = rule;
	return any;
}

/* Each expression matches some label, and the innermost one what it is for. */
static bool
hook_matches(const struct hook *hook, const char *const *labels, size_t count,
	     struct gave_up *gave_up)
{
	bool all = hook->match && !hook->slow, slow = hook->slow;

	if (all && hook->innermost)
		all = count && matches(hook->innermost_match, &hook->slow,
				       labels[count - 1], strlen(labels[count - 1]));
	for (size_t k = 0; k < hook->count && all; k++) {
		bool any = false;

		for (size_t i = count; i-- > 0 && !any;)
			any = matches(hook->match[k], &hook->slow, labels[i],
				      strlen(labels[i]));
		all = any;
	}
	if (gave_up && hook->slow && !slow)
		gave_up->hook = hook;
	return all;
}

/* Scopes of the library itself are not what rules are about. */
static bool
is_system(const char *label)
{
	static const char *const labels[] = { "_tare", "_cache", "_bookmark", "_files" };

	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
		if (strcmp(labels[i], label) == 0)
			return true;
	return false;
}

static void
policy_take(struct policy *policy, const struct rule *rule)
{
	policy->by[rule->key] = rule;
	switch ((enum rule_key)rule->key) {
	case RULE_RECORD:
		policy->off = rule->number == 0;
		break;
	case RULE_EVERY:
		policy->every = (uint32_t)rule->number;
		break;
	case RULE_DEDUP:
		policy->dedup = (uint8_t)rule->number;
		break;
	case RULE_COMMIT:
		policy->commit = (uint32_t)rule->number;
		break;
	case RULE_BLOBS:
		policy->blobs = (uint8_t)rule->number;
		break;
	case RULE_INLINE_MAX:
		policy->inline_max = rule->number;
		break;
	case RULE_EMBED_MAX:
		policy->embed_max = rule->number;
		break;
	case RULE_INCLUDE:
	case RULE_EXCLUDE:
		policy->names[policy->name_count++] = rule;
		break;
	case RULE_WHEN:
	case RULE_REQUIRE:
	case RULE_KEYS:
		break;
	}
}

static struct policy *
policy_copy(const struct policy *policy)
{
	struct policy *made = malloc(sizeof *made);

	if (!made)
		return NULL;
	*made = *policy;
	made->names = malloc((policy->name_count + 1) * sizeof *policy->names);
	made->hooks = malloc((policy->hook_count + 1) * sizeof *policy->hooks);
	if (!made->names || !made->hooks) {
		policy_free(made);
		return NULL;
	}
	if (policy->name_count)
		memcpy(made->names, policy->names,
		       policy->name_count * sizeof *policy->names);
	if (policy->hook_count)
		memcpy(made->hooks, policy->hooks,
		       policy->hook_count * sizeof *policy->hooks);
	return made;
}

/* Under the lock. The policy of that content, made if there is none. NULL: no memory. */
static const struct policy *
policy_shared(struct rules *rules, const struct policy *policy)
{
	struct bytes key = { .len = 0 };
	struct policy *made;
	uint64_t hash;

	bytes_put(&key, policy->by, sizeof policy->by);
	bytes_put(&key, &policy->name_count, sizeof policy->name_count);
	bytes_put(&key, policy->names, policy->name_count * sizeof *policy->names);
	bytes_put(&key, policy->hooks, policy->hook_count * sizeof *policy->hooks);
	if (key.failed) {
		bytes_release(&key);
		return NULL;
	}
	made = intern_find(&rules->policies, key.data, key.len, &hash);
	if (!made) {
		made = policy_copy(policy);
		if (made &&
		    intern_add(&rules->policies, key.data, key.len, hash, made) < 0) {
			policy_free(made);
			made = NULL;
		}
	}
	bytes_release(&key);
	return made;
}

static void
policy_take_hook(struct policy *policy, const struct hook *hook)
{
	policy->hooks[policy->hook_count++] = hook;
	policy->hook_kinds |= 1u << hook->kind;
	policy->hooked |= hook->kind == TAPE_HOOK_CAPTURE ||
			  (hook->kind == TAPE_HOOK_SELECT && hook->when);
}

const struct policy *
rules_policy(struct rules *rules, const char *const *labels, size_t count,
	     struct gave_up *gave_up)
{
	struct policy policy = rules->plain;
	const struct policy *shared = NULL;
	bool any = false;

	if (count && is_system(labels[count - 1]))
		return &rules->plain;
	pthread_mutex_lock(&rules->lock);
	policy.names = malloc((rules->order_count + 1u) * sizeof *policy.names);
	policy.hooks = malloc((rules->hook_count + 1u) * sizeof *policy.hooks);
	for (uint32_t i = 0; policy.names && i < rules->order_count; i++)
		if (rule_matches(rules->order[i], labels, count, gave_up)) {
			policy_take(&policy, rules->order[i]);
			any = true;
		}
	for (uint32_t i = 0; policy.hooks && i < rules->hook_count; i++)
		if (hook_matches(rules->hooks[i], labels, count, gave_up)) {
			policy_take_hook(&policy, rules->hooks[i]);
			any = true;
		}
	if (any)
		shared = policy_shared(rules, &policy);
	pthread_mutex_unlock(&rules->lock);
	free(policy.names);
	free(policy.hooks);
	return shared ? shared : &rules->plain;
}

bool
rules_keep(struct rules *rules, const struct policy *policy, const char *name, size_t len,
	   bool named, struct gave_up *gave_up)
{
	bool keep = true;

	if (policy->name_count == 0)
		return true;
	pthread_mutex_lock(&rules->lock);
	for (size_t i = policy->name_count; i-- > 0;) {
		const struct rule *rule = policy->names[i];
		bool slow = rule->name_slow, match;

		if (named && !rule->label)
			continue;
		match = matches(rule->name_match, &rule->name_slow, name, len);
		if (gave_up && rule->name_slow && !slow)
			gave_up->rule = rule;
		if (match) {
			keep = rule->key == RULE_INCLUDE;
			break;
		}
	}
	pthread_mutex_unlock(&rules->lock);
	return keep;
}

/* ---- contracts ---- */

const struct partial *
rules_require(struct rules *rules, const struct rule *rule, struct tape_error *err)
{
	struct partial *partial = atomic_load(&rule->partial);

	if (partial)
		return partial;
	pthread_mutex_lock(&rules->lock);
	partial = atomic_load(&rule->partial);
	if (!partial && partials_get(rules->partials, rule->text, strlen(rule->text),
				     &partial, err) == 0)
		atomic_store((_Atomic(struct partial *) *)(uintptr_t)&rule->partial,
			     partial);
	pthread_mutex_unlock(&rules->lock);
	return partial;
}

int
rules_describe(struct rules *rules, const struct tape_partial *described,
	       struct tape_error *err)
{
	struct partial *known = NULL;
	struct tape_error ignored;
	char *text = NULL;
	int r = 0;

	if (!partial_known(described))
		return error_set(err, TAPE_ERR_MISUSE, "", 0,
				 "TAPE_DESCRIBE is of another version of the library");
	pthread_mutex_lock(&rules->lock);
	/* What stands in a file is there to say more than the types in memory. */
	if (partials_get(rules->partials, described->name, strlen(described->name),
			 &known, &ignored) != 0) {
		text = partial_described(described);
		r = text ? partials_put(&rules->partials, described->name, text, err)
			 : error_set(err, TAPE_ERR_NOMEM, "", 0, "out of memory");
		r = r < 0 ? r : 1;
	}
	pthread_mutex_unlock(&rules->lock);
	partial_free(known);
	free(text);
	return r;
}

bool
rules_thin_label(struct rules *rules, const char *label)
{
	bool any = false;

	pthread_mutex_lock(&rules->lock);
	for (uint32_t i = 0; i < rules->order_count && !any; i++) {
		const struct rule *rule = rules->order[i];

		if (rule->key == RULE_RECORD || rule->key == RULE_EVERY)
			any = rule_matches(rule, &label, 1, NULL);
	}
	pthread_mutex_unlock(&rules->lock);
	return any;
}

/* ---- for people ---- */

void
rules_origin_text(const struct rule *rule, char *text, size_t cap)
{
	const struct origin *o = rule ? &rule->origin : NULL;

	if (!o)
		snprintf(text, cap, "default");
	else if (o->level == RULE_CALL)
		snprintf(text, cap, "%s", o->file[0] ? o->file : "tape_set");
	else if (o->level == RULE_ENVIRONMENT)
		snprintf(text, cap, "%s in the environment", o->file);
	else
		snprintf(text, cap, "%s:%u:%u", o->file, (unsigned)o->line,
			 (unsigned)o->column);
}

void
rules_name(const struct rule *rule, char *text, size_t cap)
{
	const struct origin *o = &rule->origin;

	if (o->level == RULE_CALL)
		snprintf(text, cap, "tape_set(%.60s)", rule->label ? rule->label : "");
	else if (o->level == RULE_ENVIRONMENT)
		snprintf(text, cap, "%s", o->file);
	else if (o->section[0])
		snprintf(text, cap, "%s", o->section);
	else
		snprintf(text, cap, "[tape]");
}
