/* SPDX-License-Identifier: Apache-2.0 */
/* --keys: which record fields and variables are shown. */
#ifndef TAPE_CLI_KEYS_H
#define TAPE_CLI_KEYS_H

#include "cli/cli.h"
#include "tape/search.h"

/* In the order in which JSON objects have them. */
enum key_field {
	KEY_POS,
	KEY_SESSION,
	KEY_SEQ,
	KEY_TIME,
	KEY_LABELS,
	KEY_PATH, /* the labels joined by "/" */
	KEY_FILE,
	KEY_LINE,
	KEY_FUNC,
	KEY_HASH,
	KEY_MARK, /* the last bookmark at or before it, in its session */
	KEY_VAR,
	KEY_LINK,
	KEY_FIELDS
};

struct key {
	enum key_field field;
	char *name; /* with a leading "_" for fields */
	size_t len;
	bool wild; /* holds a "*" that stands for any characters */
};
struct keys {
	struct key *item;
	size_t count;
	uint32_t fields; /* bit 1 << enum key_field of those named */
	bool has_fields; /* some record field was named: then only those are shown */
};

/* NULL or "": no keys, everything is shown. False after a message. */
bool keys_parse(const struct cli *cli, const char *text, struct keys *keys);
void keys_release(struct keys *keys);
/* Whether a variable is shown. */
bool keys_want(const struct keys *keys, const char *name, size_t len);
bool keys_match(const struct key *key, const char *name, size_t len);

#endif
