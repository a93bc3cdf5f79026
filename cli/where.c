/* SPDX-License-Identifier: Apache-2.0 */
/* Which tape a command means. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/mem.h"
#include "format/os.h"

#define WHERE_PATH ((size_t)4096)

enum where_kind
where_kind(const char *path)
{
	struct os_stat st;
	int dir = -1;
	int r;

	if (!*path)
		return WHERE_NOTHING;
	r = os_open_dir(OS_CWD, path, true, &dir);
	if (r == 0) {
		r = os_stat(dir, "TAPE", &st);
		os_close(&dir);
		if (r == -EACCES)
			return WHERE_LOCKED;
		return r == 0 && st.regular ? WHERE_TAPE : WHERE_DIRECTORY;
	}
	if (r == -EACCES)
		return WHERE_LOCKED;
	if (os_stat(OS_CWD, path, &st) < 0)
		return WHERE_NOTHING;
	return st.directory ? WHERE_DIRECTORY : WHERE_FILE;
}

static bool
ends_with(const char *text, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len > n && memcmp(text + len - n, end, n) == 0;
}

bool
where_looks_like_path(const char *operand)
{
	size_t len = strlen(operand);

	while (len > 1 && operand[len - 1] == '/')
		len--;
	if (strcspn(operand, "=<>~ \"") < strlen(operand) && operand[0] != '~')
		return false; /* a test, or several words */
	if (ends_with(operand, len, ".tape") || strcmp(operand, ".") == 0 ||
	    strcmp(operand, "..") == 0)
		return true;
	if (operand[0] == '/')
		return operand[strlen(operand) - 1] != '/'; /* else a regex */
	return strncmp(operand, "./", 2) == 0 || strncmp(operand, "../", 3) == 0 ||
	       strncmp(operand, "~/", 2) == 0;
}

/* The nearest directory above that is a tape, or NULL. */
static const char *
where_above(void)
{
	char path[WHERE_PATH];

	if (os_cwd(path, sizeof(path)) < 0)
		return NULL;
	for (;;) {
		if (where_kind(path) == WHERE_TAPE)
			return mem_text(path, strlen(path));
		char *slash = strrchr(path, '/');
		if (!slash || strcmp(path, "/") == 0)
			return NULL;
		slash[slash == path] = 0;
	}
}

static const char *
no_tape_at(const struct cli *cli, const char *path, enum where_kind kind)
{
	char cause[80];
	int dir = -1;
	int r;

	switch (kind) {
	case WHERE_NOTHING:
		r = os_open_dir(OS_CWD, path, true, &dir);
		os_close(&dir);
		cli_error(cli, "%s: %s", path,
			  r == -ENOENT || r == 0 ? "there is no such tape"
						 : os_strerror(r, cause, sizeof(cause)));
		cli_hint(cli,
			 "a tape is a directory; 'tape-record %s' or tape_open() makes "
			 "one",
			 path);
		break;
	case WHERE_FILE:
		cli_error(cli, "%s is a file, not a tape", path);
		cli_hint(cli, "a tape is a directory that holds a file named TAPE");
		break;
	default:
		r = os_open_dir(OS_CWD, path, true, &dir);
		os_close(&dir);
		if (r < 0)
			cli_error(cli, "%s: %s", path,
				  os_strerror(r, cause, sizeof(cause)));
		else
			cli_error(cli,
				  "%s is a directory, but no tape: it has no file TAPE",
				  path);
		cli_hint(cli, "name the directory that a recorder wrote to");
		break;
	}
	return NULL;
}

/* Whether `path` will do: a tape, or for a recorder what may become one. */
static bool
usable(enum where_kind kind, bool create)
{
	return kind == WHERE_TAPE || kind == WHERE_LOCKED ||
	       (create && (kind == WHERE_NOTHING || kind == WHERE_DIRECTORY));
}

const char *
where_tape(const struct cli *cli, int *argc, char ***argv, bool create)
{
	const char *given = *argc > 0 ? **argv : NULL;
	enum where_kind kind = given ? where_kind(given) : WHERE_NOTHING;
	const char *from_env = getenv("TAPE_DIR");
	const char *above;

	/* "-" is standard input, whatever lies about. */
	if (given && *given && strcmp(given, "-") != 0 && usable(kind, create)) {
		++*argv;
		--*argc;
		return given;
	}
	if (given && !create && where_looks_like_path(given))
		return no_tape_at(cli, given, kind);
	if (from_env && *from_env) {
		kind = where_kind(from_env);
		return usable(kind, create) ? from_env : no_tape_at(cli, from_env, kind);
	}
	above = where_above();
	if (above)
		return above;
	if (given && kind != WHERE_NOTHING)
		return no_tape_at(cli, given, kind);
	cli_error(cli, "no tape: none was named, TAPE_DIR is not set, and no directory "
		       "above is one");
	cli_hint(cli, "name it first: %s run.tape ...", cli->tool);
	return NULL;
}

const char *
where_one_tape(const struct cli *cli, int argc, char **argv, int *status)
{
	const char *tape;
	enum where_kind kind = argc > 0 ? where_kind(argv[0]) : WHERE_TAPE;

	*status = CLI_NO_TAPE;
	/* What is named is meant, whatever TAPE_DIR says. */
	if (kind == WHERE_NOTHING && !where_looks_like_path(argv[0])) {
		cli_error(cli, "%s: there is no tape of that name", argv[0]);
		cli_hint(cli, "a tape is a directory that holds a file named TAPE");
		return NULL;
	}
	if (!usable(kind, false))
		return no_tape_at(cli, argv[0], kind);
	tape = where_tape(cli, &argc, &argv, false);
	if (tape == NULL || argc == 0)
		return tape;
	*status = cli_misuse(cli, "one tape at a time, not '%s' too", argv[0]);
	return NULL;
}
