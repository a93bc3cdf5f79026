/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for a label path: policies, tape_set, and what people see of them. */
#include <stdio.h>
#include <string.h>

#include "format/error.h"
#include "librecord/conf.h"
#include "librecord/hooks.h"
#include "librecord/report.h"
#include "librecord/settings.h"
#include "librecord/thin.h"

/* The labels of a path, outermost first. */
static size_t
labels_of(const struct context *context, const char *labels[LIMIT_LABELS])
{
	const struct context *c = context;

	for (uint32_t i = context->depth; i-- > 0; c = c->parent)
		labels[i] = c->label;
	return context->depth;
}

#define SLOW                                                                             \
	"takes too many steps: it is not tried again and counts as not matching; write " \
	"it without nested repetition"

void
policy_gave_up(struct tape *t, const struct gave_up *gave_up)
{
	const struct rule *rule = gave_up->rule;
	const struct hook *hook = gave_up->hook;
	char where[300];

	if (rule && said_first((atomic_uint *)(uintptr_t)&rule->said, RULE_SAID_SLOW)) {
		rules_origin_text(rule, where, sizeof where);
		recorder_error(t, "%s: the regular expression %.60s " SLOW, where,
			       rule->name_slow ? rule->text : rule->label);
	}
	if (hook && said_first((atomic_uint *)(uintptr_t)&hook->said, HOOK_SAID_SLOW)) {
		hooks_name(hook, where, sizeof where);
		recorder_error(t, "%s: an expression " SLOW, where);
	}
}

static __attribute__((noinline)) const struct policy *
policy_find(struct tape *t, struct context *context, uint32_t version)
{
	const char *labels[LIMIT_LABELS];
	struct gave_up gave_up = { NULL, NULL };
	size_t count = labels_of(context, labels);
	const struct policy *policy = rules_policy(t->rules, labels, count, &gave_up);

	report_hold();
	policy_gave_up(t, &gave_up);
	report_tell(t);
	/* Another thread may be here with another version: the later one stays. */
	pthread_mutex_lock(&t->table_lock);
	if ((int32_t)(version - atomic_load(&context->policy_version)) > 0) {
		atomic_store_explicit(&context->policy, policy, memory_order_release);
		atomic_store_explicit(&context->policy_version, version,
				      memory_order_release);
	}
	pthread_mutex_unlock(&t->table_lock);
	return policy;
}

const struct policy *
context_policy(struct tape *t, struct context *context)
{
	uint32_t version = atomic_load_explicit(&t->rules_version, memory_order_acquire);

	if (atomic_load_explicit(&context->policy_version, memory_order_acquire) ==
	    version)
		return atomic_load_explicit(&context->policy, memory_order_acquire);
	return policy_find(t, context, version);
}

/* ---- tape_set ---- */

static int
refuse(struct tape *t, const char *label, const char *key, const char *value,
       const char *why)
{
	recorder_error(t, "tape_set(\"%.60s\", \"%.40s\", \"%.60s\"): %s",
		       label ? label : "", key ? key : "", value ? value : "", why);
	return -1;
}

int
tape_set(struct tape *t, const char *label, const char *key, const char *value)
{
	const struct origin origin = { RULE_CALL, "", 0, 0, "" };
	struct tape_error err = { 0 };
	enum rule_key known;
	bool in_label;

	if (!t || atomic_load(&t->dead))
		return 0;
	if (!key || !value)
		return refuse(t, label, key, value, "a setting has a key and a value");
	known = rules_key(key);
	if (known == RULE_KEYS)
		return refuse(t, label, key, value,
			      settings_is_session(key)
				      ? "this is a setting of the whole session, made in "
					"tape.conf or the environment before tape_open"
				      : "there is no such setting: see tape.conf(5)");
	if (strlen(value) > RULE_TEXT_MAX || (label && strlen(label) > RULE_TEXT_MAX))
		return refuse(t, label, key, value, "more than 4095 characters");
	if (rules_add(t->rules, &origin, label, known, value, &in_label, &err) < 0)
		return refuse(t, label, key, value, err.message);
	/* First the version: who is told to ask must not get an old answer. */
	atomic_fetch_add(&t->rules_version, 1);
	thin_rules_changed(t, true);
	report_set(t, label, key, value);
	return 0;
}

/* ---- tape_settings ---- */

int
tape_settings(struct tape *t, const char *path, tape_setting_fn *each, void *user)
{
	struct settings_of of;

	if (!t || !each)
		return 0;
	of = (struct settings_of){ &t->conf, t->rules };
	return settings_list(&of, path, each, user);
}
