/* SPDX-License-Identifier: Apache-2.0 */
/* tape-info: what was not computed again. */
#include <string.h>

#include "cli/ask.h"
#include "cli/info.h"

static void
take(struct info *info, const struct tape_var *var)
{
	const struct tape_value *v = var->value;

	if (v->type == TAPE_F64 && strcmp(var->name, "saved") == 0)
		info->cache_saved += v->as.f;
	if (v->type != TAPE_U64)
		return;
	if (strcmp(var->name, "hits") == 0)
		info->cache_hits += v->as.u;
	else if (strcmp(var->name, "misses") == 0)
		info->cache_misses += v->as.u;
	else if (strcmp(var->name, "stored") == 0)
		info->cache_stored += v->as.u;
}

static bool
any(const struct tape_info *data)
{
	for (size_t i = 0; i < data->label_count; i++) {
		const char *last = strrchr(data->labels[i].path, '/');

		if (strcmp(last ? last + 1 : data->labels[i].path, "_cache") == 0)
			return true;
	}
	return false;
}

int
info_cache(struct info *info, const struct tape_info *data)
{
	/* Results hold, and were used, whether or not a session went on from before. */
	struct tape_reader_options all = { .size = sizeof(all),
					   .flags = TAPE_READER_SUPERSEDED };
	struct tape_find_options options = { .size = sizeof(options),
					     .flags = TAPE_FIND_ALL };
	struct tape_reader *reader = NULL;
	struct ask ask = { 0 };
	const struct tape_scope *scope;
	struct tape_error err;
	int r;

	if (!any(data))
		return 0;
	r = tape_reader_open(info->tape, &all, &reader, &err);
	if (r == 0)
		r = ask_begin(&ask, reader, "_cache _has=hits", &options, &err);
	while (r == 0 && (r = ask_next(&ask, &scope, &err)) == 1) {
		for (size_t i = 0; i < tape_scope_var_count(scope); i++) {
			struct tape_var var = tape_scope_var(scope, i);

			take(info, &var);
		}
		r = 0;
	}
	ask_end(&ask);
	tape_reader_close(reader);
	return r < 0 ? cli_fail(&info->cli, info->tape, &err) : 0;
}
