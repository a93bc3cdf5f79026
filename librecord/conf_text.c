/* SPDX-License-Identifier: Apache-2.0 */
/* Settings in the spelling of the file. */
#include <stdio.h>
#include <string.h>

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
