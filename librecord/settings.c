/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/os.h"
#include "format/path.h"
#include "librecord/hooks.h"
#include "search/partial.h"

/* A tape.conf larger than this is something else. */
#define MAX_CONF ((size_t)1 << 20)
#define ORIGIN_TEXT 1100

static int
read_file(int dir, const char *path, struct conf *conf, struct rules *rules,
	  struct tape_error *err)
{
	char *text = NULL;
	int fd = -1;
	int64_t len;
	int r = dir == OS_CWD ? os_open_user(path, &fd) : os_open_read(dir, path, &fd);

	if (r == -ENOENT && dir != OS_CWD)
		return 0;
	if (r < 0)
		return error_io(err, r, path, "cannot read it");
	text = malloc(MAX_CONF);
	len = text ? os_pread(fd, text, MAX_CONF, 0) : -ENOMEM;
	if (len < 0)
		r = error_io(err, (int)len, path, "cannot read it");
	else if (len == (int64_t)MAX_CONF)
		r = error_set(err, TAPE_ERR_LIMIT, path, 0,
			      "more than 1 MiB: no tape.conf");
	else
		r = conf_parse(text, (size_t)len, path, conf, rules, err);
	free(text);
	os_close(&fd);
	return r;
}

void
settings_read(int dir, const char *config, struct conf *conf, struct rules *rules,
	      settings_wrong_fn *wrong, void *user)
{
	struct tape_error err = { 0 };

	conf_defaults(conf);
	if (dir >= 0 && partials_read_at(dir, PATH_PARTIALS, &rules->partials, &err) < 0)
		wrong(user, &err);
	memset(&err, 0, sizeof err);
	if (read_file(config ? OS_CWD : dir, config ? config : PATH_CONF, conf, rules,
		      &err) < 0)
		wrong(user, &err);
	memset(&err, 0, sizeof err);
	if (conf_environment(conf, rules, &err) < 0)
		wrong(user, &err);
}

/* ---- listing ---- */

bool
settings_is_session(const char *key)
{
	const char *variable;

	for (size_t i = 0; i < CONF_SETTINGS; i++)
		if (strcmp(conf_setting(i, &variable), key) == 0)
			return true;
	return false;
}

static void
list_session(const struct settings_of *of, tape_setting_fn *each, void *user)
{
	for (size_t i = 0; i < CONF_SETTINGS; i++) {
		const struct conf_from *from = &of->conf->from[i];
		struct tape_setting s = { .rule = "", .label = "", .note = "" };
		char value[CONF_TEXT], origin[ORIGIN_TEXT];
		const char *variable;

		s.key = conf_setting(i, &variable);
		/* Those of labels follow. */
		if (rules_key(s.key) != RULE_KEYS && rules_key(s.key) != RULE_COMMIT)
			continue;
		conf_setting_text(of->conf, i, value);
		if (from->level == 1 + RULE_FILE)
			snprintf(origin, sizeof origin, "%s:%u:%u", of->rules->file,
				 (unsigned)from->line, (unsigned)from->column);
		else if (from->level == 1 + RULE_ENVIRONMENT)
			snprintf(origin, sizeof origin, "%s in the environment",
				 variable);
		else
			snprintf(origin, sizeof origin, "default");
		s.value = value;
		s.origin = origin;
		each(user, &s);
	}
}

static void
list_rule(const struct rule *rule, enum rule_key key, const char *value,
	  tape_setting_fn *each, void *user)
{
	char origin[ORIGIN_TEXT];
	struct tape_setting s = { .key = rules_key_name(key),
				  .value = rule ? rule->text : value,
				  .origin = origin,
				  .rule = rule ? rule->origin.section : "",
				  .label = rule && rule->label ? rule->label : "",
				  .note = "",
				  .of_labels = 1 };

	rules_origin_text(rule, origin, sizeof origin);
	if (key == RULE_EXCLUDE && rule->label)
		s.note = "also variables named in TAPE";
	else if (key == RULE_EXCLUDE)
		s.note = "sticky variables only: no rule for a label";
	each(user, &s);
}

/* The program's: which expressions it has is the first of them. */
static void
list_hook(const struct hook *hook, tape_setting_fn *each, void *user)
{
	const struct tape_setting s = {
		.key = "hook",
		.value = hooks_kind_name(hook->kind),
		.origin = "tape_hook",
		.rule = hook->name,
		.label = hook->count ? hook->texts[0] : "",
		.note = hook->kind == TAPE_HOOK_SELECT
				? "may leave out what the program names in TAPE"
				: "",
		.of_labels = 1,
	};

	each(user, &s);
}

static void
list_labels(const struct policy *policy, tape_setting_fn *each, void *user)
{
	char text[24];

	list_rule(policy->by[RULE_RECORD], RULE_RECORD, "on", each, user);
	list_rule(policy->by[RULE_EVERY], RULE_EVERY, "1", each, user);
	list_rule(policy->by[RULE_WHEN], RULE_WHEN, "", each, user);
	list_rule(policy->by[RULE_DEDUP], RULE_DEDUP, conf_dedup_text(policy->dedup),
		  each, user);
	list_rule(policy->by[RULE_COMMIT], RULE_COMMIT, "off", each, user);
	list_rule(policy->by[RULE_BLOBS], RULE_BLOBS,
		  policy->blobs == BLOBS_AT_COMMIT ? "at-commit" : "immediate", each,
		  user);
	conf_size_text(policy->inline_max, text);
	list_rule(policy->by[RULE_INLINE_MAX], RULE_INLINE_MAX, text, each, user);
	conf_size_text(policy->embed_max, text);
	list_rule(policy->by[RULE_EMBED_MAX], RULE_EMBED_MAX, text, each, user);
	list_rule(policy->by[RULE_REQUIRE], RULE_REQUIRE, "off", each, user);
	for (size_t i = 0; i < policy->name_count; i++)
		list_rule(policy->names[i], policy->names[i]->key, NULL, each, user);
	for (size_t i = 0; i < policy->hook_count; i++)
		list_hook(policy->hooks[i], each, user);
}

int
settings_list(const struct settings_of *of, const char *path, tape_setting_fn *each,
	      void *user)
{
	char *copy = strdup(path ? path : ""), *rest = copy;
	const char *labels[LIMIT_LABELS];
	size_t count = 0;

	if (!copy)
		return TAPE_ERR_NOMEM;
	while (rest && *rest && count < LIMIT_LABELS) {
		char *slash = strchr(rest, '/');

		if (slash)
			*slash = '\0';
		if (*rest)
			labels[count++] = rest;
		rest = slash ? slash + 1 : NULL;
	}
	list_session(of, each, user);
	list_labels(rules_policy(of->rules, labels, count, NULL), each, user);
	free(copy);
	return 0;
}

/* ---- without a recorder ---- */

struct first {
	struct tape_error *err;
	int status;
};

static void
keep_first(void *user, const struct tape_error *err)
{
	struct first *first = user;

	if (first->status == 0 && first->err)
		*first->err = *err;
	if (first->status == 0)
		first->status = err->status;
}

/* As tape_set has made them. */
static void
add_calls(struct rules *rules, const struct tape_settings_options *options)
{
	struct origin origin = { RULE_CALL, "", 0, 0, "" };
	struct tape_error err = { 0 };
	bool in_label;

	if (options->calls_origin)
		origin.file = rules_text(rules, options->calls_origin);
	for (size_t i = 0; i < options->call_count; i++) {
		const struct tape_set_call *call = &options->calls[i];
		enum rule_key key = rules_key(call->key);

		if (key != RULE_KEYS)
			(void)rules_add(rules, &origin, call->label, key, call->value,
					&in_label, &err);
	}
}

int
tape_settings_of(const char *dir, const char *config, const char *path,
		 tape_setting_fn *each, void *user, struct tape_error *err)
{
	struct tape_settings_options options = { .size = sizeof options,
						 .config = config };

	return tape_settings_with(dir, &options, path, each, user, err);
}

int
tape_settings_with(const char *dir, const struct tape_settings_options *options,
		   const char *path, tape_setting_fn *each, void *user,
		   struct tape_error *err)
{
	const char *config = options ? options->config : NULL;
	struct first first = { err, 0 };
	struct settings_of of;
	struct rules rules;
	struct conf conf;
	int fd = -1, r;

	if (!each || (!dir && !config))
		return error_set(err, TAPE_ERR_MISUSE, "", 0,
				 "tape_settings_of needs a directory or a file, and a "
				 "function");
	if (rules_init(&rules) < 0)
		return error_set(err, TAPE_ERR_NOMEM, "", 0, "out of memory");
	if (!config) {
		r = os_open_dir(OS_CWD, dir, true, &fd);
		if (r < 0) {
			rules_release(&rules);
			return error_io(err, r, dir, "cannot open the directory");
		}
	}
	settings_read(fd, config, &conf, &rules, keep_first, &first);
	if (options)
		add_calls(&rules, options);
	of = (struct settings_of){ &conf, &rules };
	r = settings_list(&of, path, each, user);
	if (r < 0)
		(void)error_set(err, r, "", 0, "out of memory");
	os_close(&fd);
	rules_release(&rules);
	return r < 0 ? r : first.status;
}
