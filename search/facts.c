/* SPDX-License-Identifier: Apache-2.0 */
#include "search/facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum text { TEXT_NAME, TEXT_HOST, TEXT_JOB, TEXT_LIBRARY, TEXT_SYNC, TEXT_UID };

void
facts_init(struct facts *f, const uint64_t id[2])
{
	memset(f, 0, sizeof *f);
	f->facts.name = f->facts.host = f->facts.job = f->facts.library = f->facts.sync =
		f->facts.uid = "";
	f->facts.rank = f->facts.pid = -1;
	memcpy(f->facts.id, id, sizeof f->facts.id);
}

static void
set_text(struct facts *f, enum text which, const char **fact, const char *value,
	 size_t len)
{
	char *copy;

	if (f->texts[which] != NULL)
		return;
	copy = strndup(value, len);
	if (copy == NULL) {
		f->no_memory = true;
		return;
	}
	f->texts[which] = copy;
	*fact = copy;
}

static bool
number(const char *text, size_t len, uint64_t *out)
{
	uint64_t v = 0;

	if (len == 0 || len > 19)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(text[i] - '0');
	}
	*out = v;
	return true;
}

static bool
key_is(const char *key, size_t len, const char *name)
{
	return strlen(name) == len && memcmp(key, name, len) == 0;
}

void
facts_note(struct facts *f, const char *key, size_t key_len, const char *value,
	   size_t len)
{
	uint64_t n;

	if (key_is(key, key_len, "name"))
		set_text(f, TEXT_NAME, &f->facts.name, value, len);
	else if (key_is(key, key_len, "host"))
		set_text(f, TEXT_HOST, &f->facts.host, value, len);
	else if (key_is(key, key_len, "job"))
		set_text(f, TEXT_JOB, &f->facts.job, value, len);
	else if (key_is(key, key_len, "library"))
		set_text(f, TEXT_LIBRARY, &f->facts.library, value, len);
	else if (key_is(key, key_len, "sync"))
		set_text(f, TEXT_SYNC, &f->facts.sync, value, len);
	else if (key_is(key, key_len, "uid"))
		set_text(f, TEXT_UID, &f->facts.uid, value, len);
	else if (key_is(key, key_len, "boot_id") && len < sizeof f->boot_id)
		(void)snprintf(f->boot_id, sizeof f->boot_id, "%.*s", (int)len, value);
	else if (!number(value, len, &n) || n > INT64_MAX)
		return;
	else if (key_is(key, key_len, "rank"))
		f->facts.rank = (int64_t)n;
	else if (key_is(key, key_len, "pid"))
		f->facts.pid = (int64_t)n;
	else if (key_is(key, key_len, "pid_start")) {
		f->pid_start = n;
		f->have_pid_start = true;
	}
}

void
facts_release(struct facts *f)
{
	for (size_t i = 0; i < FACTS_TEXTS; i++)
		free(f->texts[i]);
	memset(f->texts, 0, sizeof f->texts);
}
