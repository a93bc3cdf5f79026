/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/term.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "format/os.h"

bool
term_is_tty(int fd)
{
	return os_tty_columns(fd) >= 0;
}

size_t
term_columns(void)
{
	const char *given = getenv("COLUMNS");
	uint64_t columns;

	if (!given || !cli_parse_u64(given, &columns) || columns > 10000) {
		int n = os_tty_columns(1);
		columns = n > 0 ? (uint64_t)n : 80;
	}
	return columns < 40 ? 40 : (size_t)columns;
}

static bool
is_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value;
}

bool
term_colour(const char *option, bool tty)
{
	const char *term = getenv("TERM");
	const char *force = getenv("CLICOLOR_FORCE");

	if (strcmp(option, "always") == 0)
		return true;
	if (strcmp(option, "never") == 0)
		return false;
	if (is_set("NO_COLOR"))
		return false;
	if (force && *force && strcmp(force, "0") != 0)
		return true;
	return tty && term && strcmp(term, "dumb") != 0;
}
