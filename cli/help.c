/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "commit.h"

#define HELP_COLUMN ((size_t)26)
#define HELP_WIDTH ((size_t)79)

/* Breaks `text` at blanks; the first line goes on at column `at`. */
static void
wrap(struct out *out, const char *text, size_t at, size_t indent)
{
	while (*text) {
		size_t word = strcspn(text, " ");
		if (at > indent && at + 1 + word > HELP_WIDTH) {
			out_char(out, '\n');
			out_pad(out, ' ', indent);
			at = indent;
		} else if (at > indent) {
			out_char(out, ' ');
			at++;
		}
		out_mem(out, text, word);
		at += word;
		text += word;
		text += strspn(text, " ");
	}
	out_char(out, '\n');
}

static void
option_line(struct out *out, const struct cli_opt *opt)
{
	char left[80];
	int n = 0;
	const char *arg = opt->kind == CLI_KIND_SET || !opt->arg ? "" : opt->arg;
	const char *join = !*arg			    ? ""
			   : opt->kind == CLI_KIND_OPTIONAL ? "[="
			   : opt->name			    ? "="
							    : " ";

	if (opt->letter && opt->name)
		n = snprintf(left, sizeof(left), "  -%c, --%s%s%s%s", opt->letter,
			     opt->name, join, arg,
			     opt->kind == CLI_KIND_OPTIONAL ? "]" : "");
	else if (opt->letter)
		n = snprintf(left, sizeof(left), "  -%c%s%s", opt->letter, join, arg);
	else
		n = snprintf(left, sizeof(left), "      --%s%s%s%s", opt->name, join, arg,
			     opt->kind == CLI_KIND_OPTIONAL ? "]" : "");
	size_t len = n > 0 ? (size_t)n : 0;

	out_mem(out, left, len);
	if (len + 2 > HELP_COLUMN) {
		out_char(out, '\n');
		len = 0;
	}
	out_pad(out, ' ', HELP_COLUMN - len);
	wrap(out, opt->help, HELP_COLUMN, HELP_COLUMN);
}

static void
examples(struct out *out, const struct cli *cli)
{
	out_str(out, "Examples:\n");
	for (size_t i = 0; i < 3 && cli->examples[i].command; i++)
		out_printf(out, "  %s\n      %s\n", cli->examples[i].command,
			   cli->examples[i].what);
}

static void
options(struct out *out, const struct cli_opt *table, bool all)
{
	out_str(out, "Options:\n");
	for (const struct cli_opt *opt = table; opt->kind != CLI_KIND_END; opt++) {
		if (opt->kind == CLI_KIND_MORE && !all)
			break;
		if (opt->kind != CLI_KIND_MORE)
			option_line(out, opt);
	}
}

void
help_brief(struct out *out, const struct cli *cli, const struct cli_opt *table)
{
	examples(out, cli);
	out_printf(out, "Usage: %s %s\n", cli->tool, cli->usage);
	options(out, table, false);
	out_printf(out, "All of it: %s --help, man %s\n", cli->tool, cli->tool);
}

void
help_full(struct out *out, const struct cli *cli, const struct cli_opt *table)
{
	out_printf(out, "%s:", cli->tool);
	wrap(out, cli->summary, strlen(cli->tool) + 1, 0);
	out_printf(out, "\nUsage: %s %s\n\n", cli->tool, cli->usage);
	examples(out, cli);
	out_char(out, '\n');
	options(out, table, true);
	if (cli->details)
		out_printf(out, "\n%s", cli->details);
	out_printf(out,
		   "\nExit status: 0 %s%s, 2 wrong use or failure, 3 finished but\n"
		   "damage was met or input skipped, 4 busy, 5 no tape.\n",
		   cli->exit_nothing ? "found" : "done",
		   cli->exit_nothing ? ", 1 nothing found" : "");
	out_printf(out, "See also: man %s, tape-query(7), tape(7)\n", cli->tool);
}

void
help_version(struct out *out, const struct cli *cli)
{
	out_printf(out, "%s %s (commit %s)\n", cli->tool, TAPE_VERSION, CLI_COMMIT);
	out_printf(out, "formats: %s\n", cli->formats);
	out_printf(out, "libraries: librecord %s, libtapesearch %s,\n           %s\n",
		   TAPE_VERSION, TAPE_VERSION, CLI_LIBRARIES);
}
