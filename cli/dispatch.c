/* SPDX-License-Identifier: Apache-2.0 */
/* tape - runs tape-NAME; see docs/man/tape.1 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/mem.h"
#include "format/os.h"

#define PREFIX "tape-"

struct tools {
	char **name;
	size_t count, cap;
	int dir; /* that is being listed */
};

/* The tools of this version, to say what they do. */
static const struct {
	const char *name, *what;
} known[] = {
	{ "cache", "the results that a tape keeps under keys" },
	{ "check", "is anything wrong with a tape" },
	{ "compact", "make a recorded tape small and fast to search" },
	{ "find", "print the scopes that match a query" },
	{ "info", "what is on a tape" },
	{ "locals", "list what TAPE_LOCALS records, from an object made with -O0 -g" },
	{ "mark", "give a place on a tape a name" },
	{ "record", "record lines of JSON or CSV" },
};

static int
add_tool(void *user, const char *file)
{
	struct tools *tools = user;

	if (strncmp(file, PREFIX, strlen(PREFIX)) != 0 || strpbrk(file, ". ~"))
		return 0;
	const char *name = file + strlen(PREFIX);
	for (size_t i = 0; i < tools->count; i++)
		if (strcmp(tools->name[i], name) == 0)
			return 0;
	tools->name = mem_grow(tools->name, &tools->cap, tools->count + 1,
			       sizeof(*tools->name));
	tools->name[tools->count++] = mem_text(name, strlen(name));
	return 0;
}

/* The directory of this program, "" if unknown. */
static void
own_directory(char *path, size_t cap)
{
	if (os_self_path(path, cap) < 0)
		*path = 0;
	char *slash = strrchr(path, '/');
	if (slash)
		*slash = 0;
	else
		*path = 0;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All tape-NAME beside this program and on PATH, sorted. */
static void
list_tools(struct tools *tools)
{
	char own[4096];
	const char *path = getenv("PATH");

	*tools = (struct tools){ 0 };
	own_directory(own, sizeof(own));
	if (*own)
		(void)os_list(OS_CWD, own, add_tool, tools);
	while (path && *path) {
		size_t len = strcspn(path, ":");
		char *dir = mem_text(path, len);
		if (len)
			(void)os_list(OS_CWD, dir, add_tool, tools);
		free(dir);
		path += len + (path[len] == ':');
	}
	qsort(tools->name, tools->count, sizeof(*tools->name), by_text);
}

static void
print_tools(struct out *out)
{
	struct tools tools;

	list_tools(&tools);
	out_str(out, "Tools (tape NAME runs tape-NAME):\n");
	for (size_t i = 0; i < tools.count; i++) {
		const char *what = "";
		for (size_t k = 0; k < sizeof(known) / sizeof(*known); k++)
			if (strcmp(known[k].name, tools.name[i]) == 0)
				what = known[k].what;
		out_printf(out, *what ? "  %-12s %s\n" : "  %s%s\n", tools.name[i], what);
		free(tools.name[i]);
	}
	free(tools.name);
}

static int
no_tool(const struct cli *cli, const char *name)
{
	struct tools tools;

	list_tools(&tools);
	const char *near =
		cli_nearest(name, (const char *const *)tools.name, tools.count);
	cli_error(cli, "there is no tool tape-%s%s%s%s", name,
		  near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	cli_hint(cli, "'tape' lists what there is");
	for (size_t i = 0; i < tools.count; i++)
		free(tools.name[i]);
	free(tools.name);
	return CLI_FAILED;
}

/* Returns only if it cannot be run. */
static int
run_tool(const struct cli *cli, char **argv)
{
	char path[4096 + 300], file[300], cause[80];
	int n = snprintf(file, sizeof(file), PREFIX "%s", argv[0]);
	int r = -ENOENT;

	if (n < 0 || (size_t)n >= sizeof(file) || strchr(argv[0], '/'))
		return no_tool(cli, argv[0]);
	char *name = argv[0];
	argv[0] = file;
	own_directory(path, 4096);
	if (*path) {
		size_t len = strlen(path);
		(void)snprintf(path + len, sizeof(path) - len, "/%s", file);
		r = os_exec(path, argv);
	}
	if (r == -ENOENT)
		r = os_exec(file, argv);
	if (r == -ENOENT)
		return no_tool(cli, name);
	cli_error(cli, "%s: %s", file, os_strerror(r, cause, sizeof(cause)));
	return CLI_FAILED;
}

int
main(int argc, char **argv)
{
	struct cli cli = {
		.tool = "tape",
		.usage = "NAME [ARGUMENT...]",
		.summary = "run one of the tools of tape",
		.examples = {
			{ "tape info run.tape", "what is on a tape" },
			{ "tape find run.tape iter T=300..400", "search it" },
			{ "my_program | tape record run.tape", "record JSON lines" },
		},
		.formats = "those of the tools",
	};
	const struct cli_opt table[] = { CLI_COMMON(&cli) };
	int status;

	/* Options after the name are the tool's. */
	if (argc > 1 && argv[1][0] != '-')
		return run_tool(&cli, argv + 1);
	if (!cli_parse(&cli, table, &argc, &argv, &status))
		return status;
	if (argc > 0)
		return cli_misuse(&cli,
				  "options of the tool come after its name: tape %s ...",
				  argv[0]);
	print_tools(&cli.out);
	return cli_finish(&cli, CLI_OK);
}
