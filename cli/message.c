/* SPDX-License-Identifier: Apache-2.0 */
/* What the tools say on stderr. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

#define MESSAGE_MAX 2048

void
cli_plain(const char *text, char *buf, size_t cap)
{
	size_t at = 0;

	for (const unsigned char *c = (const unsigned char *)text; *c && at + 2 < cap;
	     c++) {
		/* U+0080 to U+009F are commands to a terminal too. */
		bool c1 = c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0;
		if (*c < 0x20 || *c == 0x7f || c1) {
			buf[at++] = '?';
			c += c1;
			continue;
		}
		buf[at++] = (char)*c;
	}
	buf[at] = 0;
}

/* One write per message, so that lines of several processes stay whole. */
__attribute__((format(printf, 4, 0))) static void
message(const struct cli *cli, const char *colour, const char *kind, const char *format,
	va_list args)
{
	char text[MESSAGE_MAX], plain[MESSAGE_MAX];

	(void)vsnprintf(text, sizeof(text), format, args);
	cli_plain(text, plain, sizeof(plain));
	(void)fflush(stderr);
	if (cli->color_err && *colour)
		(void)fprintf(stderr, "%s: \033[%sm%s%s\033[0m\n", cli->tool, colour,
			      kind, plain);
	else
		(void)fprintf(stderr, "%s: %s%s\n", cli->tool, kind, plain);
}

void
cli_error(const struct cli *cli, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	message(cli, "31", "", format, args);
	va_end(args);
}

void
cli_warn(const struct cli *cli, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	message(cli, "33", "warning: ", format, args);
	va_end(args);
}

void
cli_say(const struct cli *cli, const char *format, ...)
{
	va_list args;

	if (cli->quiet)
		return;
	va_start(args, format);
	message(cli, "", "", format, args);
	va_end(args);
}

void
cli_hint(const struct cli *cli, const char *format, ...)
{
	char text[MESSAGE_MAX], plain[MESSAGE_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	cli_plain(text, plain, sizeof(plain));
	(void)fprintf(stderr, "%*s  %s\n", (int)strlen(cli->tool), "", plain);
}

int
cli_misuse(const struct cli *cli, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	message(cli, "31", "", format, args);
	va_end(args);
	cli_hint(cli, "'%s -h' shows how it is used", cli->tool);
	return CLI_FAILED;
}

static int
exit_of(int status)
{
	switch (status) {
	case TAPE_ERR_NOT_TAPE:
		return CLI_NO_TAPE;
	case TAPE_ERR_BUSY:
		return CLI_BUSY;
	default:
		return CLI_FAILED;
	}
}

int
cli_fail(const struct cli *cli, const char *tape, const struct tape_error *err)
{
	const char *slash =
		tape && *tape && err->file[0] && err->file[0] != '/' ? "/" : "";
	const char *dir = *slash ? tape : "";

	/* A path that already begins with the tape's is not given it again. */
	if (*dir && strncmp(err->file, dir, strlen(dir)) == 0)
		dir = slash = "";
	if (err->file[0] && err->offset)
		cli_error(cli, "%s%s%s at offset %llu: %s", dir, slash, err->file,
			  (unsigned long long)err->offset, err->message);
	else if (err->file[0])
		cli_error(cli, "%s%s%s: %s", dir, slash, err->file, err->message);
	else if (tape && *tape)
		cli_error(cli, "%s: %s", tape, err->message);
	else
		cli_error(cli, "%s", err->message);
	if (err->status == TAPE_ERR_NOMEM)
		cli_hint(cli, "free some memory, or ask for less");
	return exit_of(err->status);
}
