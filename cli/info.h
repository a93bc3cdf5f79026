/* SPDX-License-Identifier: Apache-2.0 */
/* tape-info: what its files share. */
#ifndef TAPE_CLI_INFO_H
#define TAPE_CLI_INFO_H

#include "cli/cli.h"
#include "tape/search.h"

struct info {
	struct cli cli;
	const char *tape;
	bool json, utc;
};

/* One object a line: kind tape, session, label, variable, note. */
void info_json(struct info *info, const struct tape_info *data);
void info_text(struct info *info, const struct tape_info *data);
const char *info_state(int state);

#endif
