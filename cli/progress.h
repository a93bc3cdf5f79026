/* SPDX-License-Identifier: Apache-2.0 */
/* How far a tool is: one line on a terminal's stderr, or lines of JSON. */
#ifndef TAPE_CLI_PROGRESS_H
#define TAPE_CLI_PROGRESS_H

#include "cli/cli.h"

enum progress_how { PROGRESS_NONE, PROGRESS_LINE, PROGRESS_JSON };
struct progress {
	const char *when; /* of --progress; "auto" unless given */
	enum progress_how how;
	bool at_once; /* asked for: not only after a second */
	int64_t began, told;
	bool line; /* a line stands on the terminal */
};
#define CLI_PROGRESS(p)                                                                  \
	CLI_STR(0, "progress", &(p)->when, "WHEN",                                       \
		"auto, always, never or json (on stderr)")

/* After cli_parse. Negative after a message: wrong use. */
int progress_begin(struct progress *p, const struct cli *cli);
/* Is it time to tell? Then *seconds is the time since it began. */
bool progress_due(struct progress *p, double *seconds);
/* Writes over the line that stands there; with JSON, a line of its own. */
void progress_tell(struct progress *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Takes the line away, before anything else is said. */
void progress_clear(struct progress *p);
/* "12 s", "3 min", "2 h": of what is left when so much of it is done. */
const char *progress_left(double seconds, double done, double total, char text[16]);

#endif
