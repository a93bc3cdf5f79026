/* SPDX-License-Identifier: Apache-2.0 */
/* Settings in the spelling of the file, and of the environment. */
#include <stdio.h>
#include <string.h>

#include "format/error.h"
#include "format/os.h"
#include "librecord/conf.h"

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

void
conf_size_text(uint64_t size, char text[24])
{
	const char *unit = "";

	if (size >= 1024 && size % 1024 == 0) {
		size >>= 10;
		unit = "K";
	}
	if (*unit && size >= 1024 && size % 1024 == 0) {
		size >>= 10;
		unit = "M";
	}
	snprintf(text, 24, "%llu%s", (unsigned long long)size, unit);
}

bool
conf_dedup(const char *text, enum dedup_mode *out)
{
	if (strcmp(text, "exact") == 0 || strcmp(text, "on") == 0)
		*out = DEDUP_EXACT;
	else if (strcmp(text, "subset") == 0)
		*out = DEDUP_SUBSET;
	else if (strcmp(text, "off") == 0)
		*out = DEDUP_OFF;
	else
		return false;
	return true;
}

const char *
conf_dedup_text(unsigned mode)
{
	return mode == DEDUP_SUBSET ? "subset" : mode == DEDUP_EXACT ? "exact" : "off";
}

/* ---- the environment ---- */

void
conf_variable(const char *key, char variable[CONF_VARIABLE])
{
	size_t n = 5;

	memcpy(variable, "TAPE_", n);
	for (; *key && n + 1 < CONF_VARIABLE; key++)
		variable[n++] = (char)(*key >= 'a' ? *key - 'a' + 'A' : *key);
	variable[n] = '\0';
}

/* One letter more, less or other, or two that changed places. */
static bool
one_off(const char *text, size_t len, const char *other)
{
	size_t n = strlen(other), same = 0;

	while (same < len && same < n && text[same] == other[same])
		same++;
	text += same;
	len -= same;
	other += same;
	n -= same;
	if (len == n && len > 1 && text[0] == other[1] && text[1] == other[0])
		return memcmp(text + 2, other + 2, len - 2) == 0;
	if (len == n)
		return len > 0 && memcmp(text + 1, other + 1, len - 1) == 0;
	return (len == n + 1 && memcmp(text + 1, other, n) == 0) ||
	       (n == len + 1 && memcmp(text, other + 1, len) == 0);
}

/* A variable of a setting, or of a rule's. False: there are no more. */
static bool
known_variable(size_t i, char variable[CONF_VARIABLE])
{
	const char *name;

	if (i >= CONF_SETTINGS + RULE_KEYS)
		return false;
	if (i >= CONF_SETTINGS)
		conf_variable(rules_key_name((enum rule_key)(i - CONF_SETTINGS)),
			      variable);
	else
		conf_variable(conf_setting(i, &name), variable);
	return true;
}

/* Which setting's variable an entry seems to mean; false: it is one, or means none. */
static bool
mistyped(const char *entry, size_t len, char meant[CONF_VARIABLE])
{
	char known[CONF_VARIABLE];
	bool any = false;

	for (size_t i = 0; known_variable(i, known); i++) {
		if (len == strlen(known) && memcmp(entry, known, len) == 0)
			return false;
		if (!any && one_off(entry, len, known)) {
			memcpy(meant, known, sizeof known);
			any = true;
		}
	}
	return any;
}

int
conf_mistyped(struct tape_error *err)
{
	char meant[CONF_VARIABLE];
	const char *entry;

	for (size_t i = 0; (entry = os_environment(i)) != NULL; i++) {
		size_t len = strcspn(entry, "=");

		if (strncmp(entry, "TAPE_", 5) == 0 && mistyped(entry, len, meant))
			return error_set(err, TAPE_ERR_SYNTAX, "", 0,
					 "%.*s in the environment is no setting: did you "
					 "mean %s?",
					 (int)len, entry, meant);
	}
	return 0;
}
