/* SPDX-License-Identifier: Apache-2.0 */
/* tape-info: what its files share. */
#ifndef TAPE_CLI_INFO_H
#define TAPE_CLI_INFO_H

#include "cli/cli.h"
#include "tape/search.h"

struct info {
	struct cli cli;
	const char *tape;
	bool json, utc, config;
	const char *emit; /* --emit-partial: a label */
	bool header;
	struct tape_marks *marks;
	/* What sessions have noted about results under keys. */
	uint64_t cache_hits, cache_misses, cache_stored;
	double cache_saved; /* seconds */
};

/* Reads those notes: 0, or an exit code after a message. */
int info_cache(struct info *info, const struct tape_info *data);

/* One object a line: kind tape, session, label, variable, thinned, bookmark, note. */
void info_json(struct info *info, const struct tape_info *data);
void info_text(struct info *info, const struct tape_info *data);
/* tape-info --config [TAPE] [LABEL-PATH]: settings and where they come from. */
int info_config(struct info *info, int argc, char **argv);
const char *info_state(int state);
/* Of segments that no generation replaces. */
uint64_t info_raw_bytes(const struct tape_info *data);

/* A label path, or several that differ only in numbers at the end of labels. */
struct info_row {
	char *name;	  /* with "*" for those numbers */
	const char *path; /* one of them */
	size_t paths;
	uint64_t scopes, links, projections, saved;
};
/* By scopes, then name; `all`: one row for each path, as in `data`. */
struct info_row *info_rows(const struct tape_info *data, bool all, size_t *count);
void info_rows_free(struct info_row *rows, size_t count);

#endif
