/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"

/* Longer lines are no settings. */
#define MAX_KEY 31u
#define MAX_VALUE 127u

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
		.dedup = true,
		.inline_max = DEFAULT_INLINE_MAX,
		.embed_max = DEFAULT_EMBED_MAX,
	};
}

void
conf_sync_text(const struct conf *conf, char text[24])
{
	if (conf->sync == SYNC_NONE)
		snprintf(text, 24, "none");
	else if (conf->sync == SYNC_COMMIT)
		snprintf(text, 24, "commit");
	else
		snprintf(text, 24, "%u", (unsigned)conf->sync_ms);
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

/* "65536", "64K", "1M", "2G", with or without B or iB. */
static bool
parse_size(const char *text, uint64_t *out)
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

static bool
parse_bool(const char *text, bool *out)
{
	if (strcmp(text, "exact") == 0 || strcmp(text, "on") == 0)
		*out = true;
	else if (strcmp(text, "off") == 0)
		*out = false;
	else
		return false;
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
	const char *rest;

	if (!parse_digits(value, UINT32_MAX, &n, &rest) || *rest != '\0')
		return false;
	conf->commit_scopes = (uint32_t)n;
	return true;
}

static bool
set_commit_bytes(struct conf *conf, const char *value)
{
	uint64_t n;

	if (!parse_size(value, &n) || n == 0 || n > LIMIT_FRAME)
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
	return parse_size(value, &conf->blob_budget);
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
	return parse_bool(value, &conf->dedup);
}

static bool
set_bounded(uint64_t *to, const char *value, uint64_t max)
{
	uint64_t n;

	if (!parse_size(value, &n) || n > max)
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
	{ "dedup", "TAPE_DEDUP", set_dedup, "off or exact" },
	{ "inline_max", "TAPE_INLINE_MAX", set_inline_max, "a size up to 1M, as 4K" },
	{ "embed_max", "TAPE_EMBED_MAX", set_embed_max, "a size up to 16M, as 64K" },
};
#define SETTINGS (sizeof settings / sizeof *settings)

static const struct setting *
find_setting(const char *key)
{
	for (size_t i = 0; i < SETTINGS; i++)
		if (strcmp(settings[i].key, key) == 0)
			return &settings[i];
	return NULL;
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

int
conf_environment(struct conf *conf, struct tape_error *err)
{
	int first = 0;

	for (size_t i = 0; i < SETTINGS; i++) {
		const char *value = getenv(settings[i].variable);

		if (!value || !*value || settings[i].set(conf, value) || first < 0)
			continue;
		first = error_set(err, TAPE_ERR_SYNTAX, "", 0,
				  "%s=%.60s in the environment: expected %s",
				  settings[i].variable, value, settings[i].expects);
	}
	return first;
}

/* ---- the file ---- */

enum section { SECTION_NONE, SECTION_TAPE, SECTION_OTHER };

struct reader {
	const char *file;
	struct conf *conf;
	struct tape_error *err;
	enum section section;
	uint32_t line;
	int first; /* status of the first mistake */
};

static void __attribute__((format(printf, 3, 4)))
complain(struct reader *reader, size_t column, const char *format, ...)
{
	char text[400];
	va_list ap;

	if (reader->first < 0)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	reader->first = error_set(reader->err, TAPE_ERR_SYNTAX, reader->file, 0,
				  "line %u, column %zu: %s", (unsigned)reader->line,
				  column, text);
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

static void
read_section(struct reader *reader, const struct piece *all)
{
	struct piece name;

	reader->section = SECTION_OTHER;
	if (all->text[all->len - 1] != ']') {
		complain(reader, all->column + all->len - 1,
			 "a section is [tape]: the \"]\" is missing");
		return;
	}
	name = trim(all->text, 1, all->len - 1);
	name.column += all->column - 1;
	if (piece_is(&name, "tape"))
		reader->section = SECTION_TAPE;
	else if (name.len >= 4 && memcmp(name.text, "rule", 4) == 0)
		complain(reader, name.column,
			 "[%.*s]: this version knows no rules; the section is ignored",
			 shown(&name), name.text);
	else
		complain(reader, name.column,
			 "there is no section [%.*s], only [tape]; it is ignored",
			 shown(&name), name.text);
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

static void
read_setting(struct reader *reader, const struct piece *key, const struct piece *value)
{
	char name[MAX_KEY + 1], text[MAX_VALUE + 1];
	const struct setting *setting =
		piece_copy(key, name, sizeof name) ? find_setting(name) : NULL;

	if (!setting)
		complain(reader, key->column,
			 "there is no setting \"%.*s\": see tape.conf(5)", shown(key),
			 key->text);
	else if (value->len == 0)
		complain(reader, value->column, "%s: a value is missing: expected %s",
			 name, setting->expects);
	else if (!piece_copy(value, text, sizeof text) ||
		 !setting->set(reader->conf, text))
		complain(reader, value->column, "%s = %.*s: expected %s", name,
			 shown(value), value->text, setting->expects);
}

static void
read_line(struct reader *reader, const char *line, size_t len)
{
	const char *hash = memchr(line, '#', len);
	struct piece all = trim(line, 0, hash ? (size_t)(hash - line) : len);
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

	read_setting(reader, &key, &value);
}

int
conf_parse(const char *text, size_t len, const char *file, struct conf *conf,
	   struct tape_error *err)
{
	struct reader reader = { .file = file, .conf = conf, .err = err };
	size_t at = 0;

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
	return reader.first;
}
