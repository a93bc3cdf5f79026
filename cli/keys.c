/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/keys.h"

#include <stdlib.h>
#include <string.h>

#include "cli/mem.h"

static const char *const field_names[] = {
	"_pos",	 "_session", "_seq",  "_time", "_labels", "_path",
	"_file", "_line",    "_func", "_hash", "_mark",	  "_link",
};
static const enum key_field field_codes[] = {
	KEY_POS,  KEY_SESSION, KEY_SEQ,	 KEY_TIME, KEY_LABELS, KEY_PATH,
	KEY_FILE, KEY_LINE,    KEY_FUNC, KEY_HASH, KEY_MARK,   KEY_LINK,
};
#define FIELDS (sizeof(field_names) / sizeof(*field_names))

static bool
name_field(const struct cli *cli, struct keys *keys, struct key *key)
{
	for (size_t i = 0; i < FIELDS; i++) {
		if (strcmp(key->name, field_names[i]) != 0)
			continue;
		key->field = field_codes[i];
		keys->fields |= 1u << key->field;
		keys->has_fields = true;
		return true;
	}
	const char *near = cli_nearest(key->name, field_names, FIELDS);
	if (near)
		(void)cli_misuse(cli,
				 "--keys: there is no record field %s; did you mean %s?",
				 key->name, near);
	else
		(void)cli_misuse(
			cli,
			"--keys: there is no record field %s (a variable of that "
			"name is written '\"%s\"')",
			key->name, key->name);
	return false;
}

/* One item of the list, up to a comma; "quoted" is a variable whatever its name. */
static const char *
read_item(const char *at, struct key *key, bool *quoted)
{
	char *to = mem_resize(NULL, strlen(at) + 1);
	size_t n = 0;

	*quoted = *at == '"';
	if (*quoted) {
		for (at++; *at && *at != '"'; at++) {
			if (*at == '\\' && at[1])
				at++;
			to[n++] = *at;
		}
		at += *at == '"';
	} else {
		while (*at && *at != ',')
			to[n++] = *at++;
	}
	to[n] = 0;
	*key = (struct key){ .field = KEY_VAR, .name = to, .len = n };
	key->wild = !*quoted && memchr(to, '*', n);
	return at;
}

bool
keys_parse(const struct cli *cli, const char *text, struct keys *keys)
{
	size_t cap = 0;
	bool quoted;

	*keys = (struct keys){ 0 };
	if (!text)
		return true;
	while (*text) {
		keys->item =
			mem_grow(keys->item, &cap, keys->count + 1, sizeof(*keys->item));
		struct key *key = &keys->item[keys->count++];
		text = read_item(text, key, &quoted);
		if (key->len == 0 || (*text && *text != ',')) {
			(void)cli_misuse(cli, "--keys: a name is missing before '%s'",
					 text);
			return false;
		}
		if (!quoted && key->name[0] == '_' && !name_field(cli, keys, key))
			return false;
		if (key->field == KEY_VAR)
			keys->fields |= 1u << KEY_VAR;
		text += *text == ',';
	}
	return true;
}

void
keys_release(struct keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		free(keys->item[i].name);
	free(keys->item);
	*keys = (struct keys){ 0 };
}

/* `*` stands for any characters; goes back to the last one when the rest does not fit. */
static bool
wild_match(const char *pattern, size_t plen, const char *name, size_t len)
{
	size_t p = 0, n = 0, star = SIZE_MAX, mark = 0;

	while (n < len) {
		if (p < plen && pattern[p] == '*') {
			star = p++;
			mark = n;
		} else if (p < plen && pattern[p] == name[n]) {
			p++;
			n++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			n = ++mark;
		} else {
			return false;
		}
	}
	while (p < plen && pattern[p] == '*')
		p++;
	return p == plen;
}

bool
keys_match(const struct key *key, const char *name, size_t len)
{
	if (key->field != KEY_VAR)
		return false;
	if (key->wild)
		return wild_match(key->name, key->len, name, len);
	return key->len == len && memcmp(key->name, name, len) == 0;
}

bool
keys_want(const struct keys *keys, const char *name, size_t len)
{
	if (keys->count == 0)
		return true;
	for (size_t i = 0; i < keys->count; i++)
		if (keys_match(&keys->item[i], name, len))
			return true;
	return false;
}
