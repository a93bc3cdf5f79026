/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"

/* Longer lines are no settings. */
#define MAX_KEY 31u
#define MAX_SECTION 127u

void
conf_defaults(struct conf *conf)
{
	*conf = (struct conf){
		.commit = COMMIT_AUTO,
		.commit_bytes = DEFAULT_STAGE_BYTES,
		.commit_ms = DEFAULT_COMMIT_MS,
		.sync = SYNC_INTERVAL,
		.sync_ms = DEFAULT_SYNC_MS,
		.blobs = BLOBS_IMMEDIATE,
		.blob_budget = 256u << 20,
		.blob_store = STORE_LOOSE,
		.dedup = DEDUP_EXACT,
		.inline_max = DEFAULT_INLINE_MAX,
		.embed_max = DEFAULT_EMBED_MAX,
	};
}

/* Decimal digits only; false past `max`. *rest points behind them. */
static bool
parse_digits(const char *text, uint64_t max, uint64_t *out, const char **rest)
{
	uint64_t value = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (p == text)
		return false;
	*out = value;
	*rest = p;
	return true;
}

bool
conf_digits(const char *text, uint64_t max, uint64_t *out)
{
	const char *rest;

	return parse_digits(text, max, out, &rest) && *rest == '\0';
}

bool
conf_size(const char *text, uint64_t *out)
{
	uint64_t value;
	unsigned shift = 0;
	const char *rest;

	if (!parse_digits(text, UINT64_MAX / 10, &value, &rest))
		return false;
	if (*rest == 'k' || *rest == 'K')
		shift = 10;
	else if (*rest == 'm' || *rest == 'M')
		shift = 20;
	else if (*rest == 'g' || *rest == 'G')
		shift = 30;
	if (shift)
		rest++;
	if (shift && rest[0] == 'i' && rest[1] == 'B')
		rest += 2;
	else if (*rest == 'B')
		rest++;
	if (*rest != '\0' || value > (UINT64_MAX >> shift))
		return false;
	*out = value << shift;
	return true;
}

/* "250", "250ms", "2s". */
static bool
parse_ms(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t value;
	const char *rest;

	if (!parse_digits(text, max, &value, &rest))
		return false;
	if (strcmp(rest, "s") == 0)
		value = value > max / 1000 ? max + 1 : value * 1000;
	else if (*rest != '\0' && strcmp(rest, "ms") != 0)
		return false;
	if (value > max)
		return false;
	*out = value;
	return true;
}

/* 0 or 1: which of the two words it is; -1: neither. */
static int
either(const char *text, const char *zero, const char *one)
{
	if (strcmp(text, zero) == 0)
		return 0;
	return strcmp(text, one) == 0 ? 1 : -1;
}

/* ---- one function a key: false = `value` is not of the kind ---- */

static bool
set_sync(struct conf *conf, const char *value)
{
	uint64_t ms;
	int word = either(value, "none", "commit");

	if (word >= 0) {
		conf->sync = word ? SYNC_COMMIT : SYNC_NONE;
		return true;
	}
	if (!parse_ms(value, 86400000, &ms) || ms == 0)
		return false;
	conf->sync = SYNC_INTERVAL;
	conf->sync_ms = (uint32_t)ms;
	return true;
}

static bool
set_commit(struct conf *conf, const char *value)
{
	int word = either(value, "auto", "manual");

	if (word >= 0)
		conf->commit = word ? COMMIT_MANUAL : COMMIT_AUTO;
	return word >= 0;
}

static bool
set_commit_scopes(struct conf *conf, const char *value)
{
	uint64_t n;

	if (!conf_digits(value, UINT32_MAX, &n))
		return false;
	conf->commit_scopes = (uint32_t)n;
	return true;
}

static bool
set_commit_bytes(struct conf *conf, const char *value)
{
	uint64_t n;

	if (!conf_size(value, &n) || n == 0 || n > LIMIT_FRAME)
		return false;
	conf->commit_bytes = n;
	return true;
}

static bool
set_commit_ms(struct conf *conf, const char *value)
{
	uint64_t ms;

	if (!parse_ms(value, 86400000, &ms) || ms == 0)
		return false;
	conf->commit_ms = (uint32_t)ms;
	return true;
}

static bool
set_blobs(struct conf *conf, const char *value)
{
	int word = either(value, "immediate", "at-commit");

	if (word >= 0)
		conf->blobs = word ? BLOBS_AT_COMMIT : BLOBS_IMMEDIATE;
	return word >= 0;
}

static bool
set_blob_budget(struct conf *conf, const char *value)
{
	return conf_size(value, &conf->blob_budget);
}

static bool
set_blob_store(struct conf *conf, const char *value)
{
	int word = either(value, "loose", "log");

	if (word >= 0)
		conf->blob_store = word ? STORE_LOG : STORE_LOOSE;
	return word >= 0;
}

static bool
set_dedup(struct conf *conf, const char *value)
{
	return conf_dedup(value, &conf->dedup);
}

static bool
set_bounded(uint64_t *to, const char *value, uint64_t max)
{
	uint64_t n;

	if (!conf_size(value, &n) || n > max)
		return false;
	*to = n;
	return true;
}

static bool
set_inline_max(struct conf *conf, const char *value)
{
	return set_bounded(&conf->inline_max, value, LIMIT_INLINE);
}

static bool
set_embed_max(struct conf *conf, const char *value)
{
	return set_bounded(&conf->embed_max, value, LIMIT_EMBED);
}

/* NAME,NAME*: what of the environment the manifest has. */
static bool
set_env(struct conf *conf, const char *value)
{
	static const char names[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_*, \t";

	if (strlen(value) >= sizeof conf->env || value[strspn(value, names)])
		return false;
	snprintf(conf->env, sizeof conf->env, "%s", value);
	return true;
}

static const struct setting {
	const char *key, *variable;
	bool (*set)(struct conf *conf, const char *value);
	const char *expects;
} settings[] = {
	{ "sync", "TAPE_SYNC", set_sync,
	  "none, commit, or milliseconds (1 to 86400000)" },
	{ "commit", "TAPE_COMMIT", set_commit, "auto or manual" },
	{ "commit_scopes", "TAPE_COMMIT_SCOPES", set_commit_scopes,
	  "a number of scopes, 0 for no such bound" },
	{ "commit_bytes", "TAPE_COMMIT_BYTES", set_commit_bytes,
	  "a size from 1 to 64M, as 64K" },
	{ "commit_ms", "TAPE_COMMIT_MS", set_commit_ms, "milliseconds (1 to 86400000)" },
	{ "blobs", "TAPE_BLOBS", set_blobs, "immediate or at-commit" },
	{ "blob_budget", "TAPE_BLOB_BUDGET", set_blob_budget, "a size, as 256M" },
	{ "blob_store", "TAPE_BLOB_STORE", set_blob_store, "loose or log" },
	{ "dedup", "TAPE_DEDUP", set_dedup, "off, exact or subset" },
	{ "inline_max", "TAPE_INLINE_MAX", set_inline_max, "a size up to 1M, as 4K" },
	{ "embed_max", "TAPE_EMBED_MAX", set_embed_max, "a size up to 16M, as 64K" },
	{ "env", "TAPE_ENV", set_env,
	  "names of environment variables, as OMP_NUM_THREADS,SLURM_*, at most 255 "
	  "bytes" },
};
#define SETTINGS (sizeof settings / sizeof *settings)

_Static_assert(SETTINGS == CONF_SETTINGS, "conf.h counts the settings");

static const struct setting *
find_setting(const char *key)
{
	for (size_t i = 0; i < SETTINGS; i++)
		if (strcmp(settings[i].key, key) == 0)
			return &settings[i];
	return NULL;
}

void
conf_setting_text(const struct conf *conf, size_t index, char text[CONF_TEXT])
{
	const char *key = settings[index].key;

	if (strcmp(key, "sync") == 0)
		conf_sync_text(conf, text);
	else if (strcmp(key, "commit") == 0)
		snprintf(text, 24, "%s", conf->commit == COMMIT_AUTO ? "auto" : "manual");
	else if (strcmp(key, "commit_scopes") == 0)
		snprintf(text, 24, "%u", (unsigned)conf->commit_scopes);
	else if (strcmp(key, "commit_bytes") == 0)
		conf_size_text(conf->commit_bytes, text);
	else if (strcmp(key, "commit_ms") == 0)
		snprintf(text, 24, "%u", (unsigned)conf->commit_ms);
	else if (strcmp(key, "blobs") == 0)
		snprintf(text, 24, "%s",
			 conf->blobs == BLOBS_AT_COMMIT ? "at-commit" : "immediate");
	else if (strcmp(key, "blob_budget") == 0)
		conf_size_text(conf->blob_budget, text);
	else if (strcmp(key, "blob_store") == 0)
		snprintf(text, 24, "%s", conf->blob_store == STORE_LOG ? "log" : "loose");
	else if (strcmp(key, "dedup") == 0)
		snprintf(text, 24, "%s", conf_dedup_text(conf->dedup));
	else if (strcmp(key, "env") == 0)
		snprintf(text, CONF_TEXT, "%s", conf->env);
	else
		conf_size_text(strcmp(key, "inline_max") == 0 ? conf->inline_max
							      : conf->embed_max,
			       text);
}

const char *
conf_setting(size_t index, const char **variable)
{
	*variable = settings[index].variable;
	return settings[index].key;
}

int
conf_set(struct conf *conf, const char *key, const char *value, struct tape_error *err)
{
	const struct setting *setting = find_setting(key);

	if (!setting)
		return error_set(err, TAPE_ERR_SYNTAX, "", 0,
				 "there is no setting \"%.40s\": see tape.conf(5)", key);
	if (!setting->set(conf, value))
		return error_set(err, TAPE_ERR_SYNTAX, "", 0, "%s = %.60s: expected %s",
				 key, value, setting->expects);
	return 0;
}

/* Settings of all labels; "commit" is another thing there. */
static bool
of_labels(const char *key)
{
	return rules_key(key) != RULE_KEYS && rules_key(key) != RULE_COMMIT;
}

/* What [tape] and the environment say: for the session, for all labels, or both. */
static int
set_general(struct conf *conf, struct rules *rules, const struct origin *origin,
	    const char *key, const char *value, struct tape_error *err)
{
	const struct setting *setting = find_setting(key);
	bool in_label;
	int r = 0;

	if (setting || !of_labels(key)) {
		r = conf_set(conf, key, value, err);
		if (r == 0)
			conf->from[setting - settings] =
				(struct conf_from){ (uint8_t)(origin->level + 1u),
						    origin->line, origin->column };
	}
	if (r == 0 && of_labels(key))
		r = rules_add(rules, origin, NULL, rules_key(key), value, &in_label, err);
	return r;
}

static int
environment_one(struct conf *conf, struct rules *rules, const char *key,
		const char *variable, struct tape_error *err)
{
	struct origin origin = { .level = RULE_ENVIRONMENT, .section = "" };
	const char *value = getenv(variable);
	struct tape_error why = { 0 };
	int r;

	if (!value || !*value)
		return 0;
	origin.file = rules_text(rules, variable);
	r = set_general(conf, rules, &origin, key, value, &why);
	if (r < 0)
		(void)error_set(err, r, "", 0, "%s in the environment: %s", variable,
				why.message);
	return r;
}

int
conf_environment(struct conf *conf, struct rules *rules, struct tape_error *err)
{
	int first = 0, r;

	for (size_t i = 0; i < SETTINGS; i++) {
		r = environment_one(conf, rules, settings[i].key, settings[i].variable,
				    first < 0 ? NULL : err);
		first = first < 0 ? first : r;
	}
	for (unsigned key = 0; key < RULE_KEYS; key++) {
		char variable[CONF_VARIABLE];
		const char *name = rules_key_name(key);

		if (!of_labels(name) || find_setting(name))
			continue;
		conf_variable(name, variable);
		r = environment_one(conf, rules, rules_key_name(key), variable,
				    first < 0 ? NULL : err);
		first = first < 0 ? first : r;
	}
	r = conf_mistyped(first < 0 ? NULL : err);
	return first < 0 ? first : r;
}

/* ---- the file ---- */

enum section { SECTION_NONE, SECTION_TAPE, SECTION_RULE, SECTION_OTHER };

/* A setting of a [rule] section waits for the end of it: "label" may come last. */
struct waiting {
	struct waiting *next;
	enum rule_key key;
	uint32_t line;
	size_t column;
	char text[];
};

struct reader {
	const char *file;
	struct conf *conf;
	struct rules *rules;
	struct tape_error *err;
	enum section section;
	uint32_t line;
	int first; /* status of the first mistake */
	bool bad_rule;

	/* of the [rule] at hand */
	const char *name;
	struct waiting *label, *waiting, **end;
	uint32_t begun;
	size_t begun_column;
};

static void complain_at(struct reader *reader, uint32_t line, size_t column,
			const char *format, va_list ap)
	__attribute__((format(printf, 4, 0)));

/* The first mistake is told, but for one in a rule, which has the file left out. */
static void
complain_at(struct reader *reader, uint32_t line, size_t column, const char *format,
	    va_list ap)
{
	bool rule = reader->section == SECTION_RULE;
	char text[400];

	if (reader->first < 0 && (!rule || reader->bad_rule))
		return;
	reader->bad_rule |= rule;
	vsnprintf(text, sizeof text, format, ap);
	reader->first =
		error_set(reader->err, TAPE_ERR_SYNTAX, reader->file, 0,
			  "line %u, column %zu: %s%s", (unsigned)line, column, text,
			  rule ? "; the run goes on without this file" : "");
}

static void __attribute__((format(printf, 3, 4)))
complain(struct reader *reader, size_t column, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	complain_at(reader, reader->line, column, format, ap);
	va_end(ap);
}

static void __attribute__((format(printf, 4, 5)))
complain_line(struct reader *reader, uint32_t line, size_t column, const char *format,
	      ...)
{
	va_list ap;

	va_start(ap, format);
	complain_at(reader, line, column, format, ap);
	va_end(ap);
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* A piece of the file with its place in the line. */
struct piece {
	const char *text;
	size_t len, column;
};

static struct piece
trim(const char *line, size_t from, size_t to)
{
	while (from < to && blank(line[from]))
		from++;
	while (to > from && blank(line[to - 1]))
		to--;
	return (struct piece){ line + from, to - from, from + 1 };
}

static bool
piece_is(const struct piece *piece, const char *text)
{
	return strlen(text) == piece->len && memcmp(piece->text, text, piece->len) == 0;
}

/* For messages: as much of it as is plain text. */
static int
shown(const struct piece *piece)
{
	size_t n = 0;

	while (n < piece->len && n < 40 && (unsigned char)piece->text[n] >= ' ' &&
	       (unsigned char)piece->text[n] < 0x7f)
		n++;
	return (int)n;
}

/* Copies a piece to a string; false if it is too long or holds a NUL. */
static bool
piece_copy(const struct piece *piece, char *to, size_t cap)
{
	if (piece->len >= cap || memchr(piece->text, '\0', piece->len))
		return false;
	memcpy(to, piece->text, piece->len);
	to[piece->len] = '\0';
	return true;
}

/* ---- [rule NAME] ---- */

static void
rule_setting(struct reader *reader, const struct waiting *w)
{
	const struct origin origin = { RULE_FILE, reader->file, w->line,
				       (uint32_t)w->column, reader->name };
	const struct waiting *label = reader->label;
	struct tape_error why = { 0 };
	bool in_label;
	size_t at;

	if (rules_add(reader->rules, &origin, label->text, w->key, w->text, &in_label,
		      &why) == 0)
		return;
	at = (size_t)why.offset;
	complain_line(reader, in_label ? label->line : w->line,
		      (in_label ? label->column : w->column) + at, "%s", why.message);
}

static bool
in_quotes(const char *text)
{
	size_t len = strlen(text);

	return len > 1 && text[0] == '"' && text[len - 1] == '"';
}

static void
rule_end(struct reader *reader)
{
	struct tape_error why = { 0 };

	if (reader->section == SECTION_RULE && !reader->label)
		complain_line(reader, reader->begun, reader->begun_column,
			      "[rule %s] has no \"label = REGEX\"", reader->name);
	if (reader->label && in_quotes(reader->label->text))
		complain_line(reader, reader->label->line, reader->label->column,
			      "label = %s: values stand without quotes, which would "
			      "have to be in the label",
			      reader->label->text);
	if (reader->label && !reader->waiting &&
	    rules_check_label(reader->label->text, &why) < 0)
		complain_line(reader, reader->label->line,
			      reader->label->column + (size_t)why.offset, "%s",
			      why.message);
	for (struct waiting *w = reader->waiting, *next; w; w = next) {
		next = w->next;
		if (reader->label)
			rule_setting(reader, w);
		free(w);
	}
	free(reader->label);
	reader->label = reader->waiting = NULL;
	reader->end = &reader->waiting;
}

static void
rule_begin(struct reader *reader, const struct piece *name)
{
	char text[MAX_SECTION + 1];

	reader->section = SECTION_RULE;
	reader->begun = reader->line;
	reader->begun_column = name->column;
	reader->name = "";
	if (name->len == 0)
		complain(reader, name->column, "a rule has a name: [rule NAME]");
	else if (!piece_copy(name, text, sizeof text))
		complain(reader, name->column, "the name of a rule is too long");
	else
		reader->name = rules_text(reader->rules, text);
}

static void
rule_line(struct reader *reader, const struct piece *key, const struct piece *value)
{
	bool is_label = piece_is(key, "label");
	char name[MAX_KEY + 1];
	enum rule_key known = RULE_KEYS;
	struct waiting *w;

	if (piece_copy(key, name, sizeof name))
		known = rules_key(name);
	if (known == RULE_KEYS && !is_label) {
		complain(reader, key->column,
			 "there is no setting \"%.*s\" of a rule: see tape.conf(5)",
			 shown(key), key->text);
		return;
	}
	if (value->len == 0) {
		complain(reader, value->column, "%s: a value is missing", name);
		return;
	}
	if (is_label && reader->label) {
		complain(reader, key->column, "a rule has one label: write a|b");
		return;
	}
	w = value->len > RULE_TEXT_MAX ? NULL : malloc(sizeof *w + value->len + 1);
	if (!w || !piece_copy(value, w->text, value->len + 1)) {
		free(w);
		complain(reader, value->column, "%s: the value is too long", name);
		return;
	}
	w->next = NULL;
	w->key = known;
	w->line = reader->line;
	w->column = value->column;
	if (is_label) {
		reader->label = w;
	} else {
		*reader->end = w;
		reader->end = &w->next;
	}
}

/* ---- lines ---- */

static void
read_section(struct reader *reader, const struct piece *all)
{
	struct piece name;

	rule_end(reader);
	reader->section = SECTION_OTHER;
	if (all->text[all->len - 1] != ']') {
		/* What follows would be of a rule. */
		if (all->len > 5 && memcmp(all->text + 1, "rule", 4) == 0)
			reader->section = SECTION_RULE;
		complain(reader, all->column + all->len - 1,
			 "a section is [tape] or [rule NAME]: the \"]\" is missing");
		reader->section = SECTION_OTHER;
		return;
	}
	name = trim(all->text, 1, all->len - 1);
	name.column += all->column - 1;
	if (piece_is(&name, "tape")) {
		reader->section = SECTION_TAPE;
	} else if (name.len >= 4 && memcmp(name.text, "rule", 4) == 0 &&
		   (name.len == 4 || blank(name.text[4]))) {
		struct piece rest = trim(name.text, 4, name.len);

		rest.column += name.column - 1;
		rule_begin(reader, &rest);
	} else {
		complain(reader, name.column,
			 "there is no section [%.*s], only [tape] and [rule NAME]; it is "
			 "ignored",
			 shown(&name), name.text);
	}
}

static void
read_setting(struct reader *reader, const struct piece *key, const struct piece *value)
{
	struct origin origin = { RULE_FILE, reader->file, reader->line,
				 (uint32_t)value->column, "" };
	char name[MAX_KEY + 1], text[RULE_TEXT_MAX + 1];
	struct tape_error why = { 0 };

	if (!piece_copy(key, name, sizeof name) ||
	    (!find_setting(name) && !of_labels(name)))
		complain(reader, key->column,
			 "there is no setting \"%.*s\": see tape.conf(5)", shown(key),
			 key->text);
	else if (value->len == 0)
		complain(reader, value->column, "%s: a value is missing%s%s", name,
			 find_setting(name) ? ": expected " : "",
			 find_setting(name) ? find_setting(name)->expects : "");
	else if (!piece_copy(value, text, sizeof text))
		complain(reader, value->column, "%s: the value is too long", name);
	else if (set_general(reader->conf, reader->rules, &origin, name, text, &why) < 0)
		complain(reader, value->column + (size_t)why.offset, "%s", why.message);
}

/* Where a comment begins: a '#' that is first in its line or follows a blank. */
static size_t
comment_at(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (line[i] == '#' && (i == 0 || blank(line[i - 1])))
			return i;
	return len;
}

static void
read_line(struct reader *reader, const char *line, size_t len)
{
	struct piece all = trim(line, 0, comment_at(line, len));
	const char *equals;

	if (all.len == 0)
		return;
	if (all.text[0] == '[') {
		read_section(reader, &all);
		return;
	}
	if (reader->section == SECTION_OTHER)
		return;
	equals = memchr(all.text, '=', all.len);
	if (!equals) {
		complain(reader, all.column, "expected \"key = value\" or \"[tape]\"");
		return;
	}
	if (reader->section == SECTION_NONE) {
		complain(reader, all.column,
			 "a setting before the first section: write [tape] above it");
		reader->section = SECTION_OTHER;
		return;
	}

	size_t at = (size_t)(equals - line);
	struct piece key = trim(line, all.column - 1, at);
	struct piece value = trim(line, at + 1, all.column - 1 + all.len);

	if (reader->section == SECTION_RULE)
		rule_line(reader, &key, &value);
	else
		read_setting(reader, &key, &value);
}

int
conf_parse(const char *text, size_t len, const char *file, struct conf *conf,
	   struct rules *rules, struct tape_error *err)
{
	struct reader reader = { .conf = conf, .rules = rules, .err = err };
	struct conf before = *conf;
	size_t at = 0;

	reader.file = rules->file = rules_text(rules, file);
	reader.end = &reader.waiting;
	/* Editors on some systems begin a file with a byte order mark. */
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		at = 3;
	while (at < len) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t stop = end ? (size_t)(end - text) : len;

		reader.line++;
		read_line(&reader, text + at, stop - at);
		at = stop + 1;
	}
	rule_end(&reader);
	if (reader.bad_rule) {
		/* Half of the rules may be worse than none. */
		*conf = before;
		rules_drop_file(rules);
	}
	return reader.first;
}
