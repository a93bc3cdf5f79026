/* SPDX-License-Identifier: Apache-2.0 */
/* tape-mark - give a place on a tape a name; see docs/man/tape-mark.1 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "tape/record.h"
#include "tape/search.h"

#define NAME_MAX_BYTES ((size_t)255)

struct mark {
	struct cli cli;
	const char *tape;
	struct tape_reader *reader;
};

static void
on_report(void *user, const struct tape_report *report)
{
	struct mark *mark = user;

	cli_report(&mark->cli, mark->tape, report);
}

static void
on_error(void *user, const char *message)
{
	struct mark *mark = user;

	cli_error(&mark->cli, "%s", message);
}

/* ---- the place ---- */

/* Scopes at that position: up to two of them. Negative after a message. */
static int
look(struct mark *mark, const char *place, struct tape_pos found[2])
{
	struct tape_find_options options = { .size = sizeof(options),
					     .flags = TAPE_FIND_ALL };
	struct ask ask;
	const struct tape_scope *scope;
	struct tape_error err;
	char text[400];
	int n = 0, r;

	(void)snprintf(text, sizeof(text), "_pos=%s", place);
	r = ask_begin(&ask, mark->reader, text, &options, &err);
	while (r == 0 && n < 2) {
		r = ask_next(&ask, &scope, &err);
		if (r != 1)
			break;
		found[n++] = tape_scope_pos(scope);
		r = 0;
	}
	ask_end(&ask);
	if (r < 0)
		(void)cli_fail(&mark->cli, mark->tape, &err);
	return r < 0 ? r : n;
}

/* One position, and nothing else that a query could mean by it. */
static bool
is_place(const char *text)
{
	size_t len = strlen(text);
	const char *colon = strrchr(text, ':');

	return colon && colon != text && len < 300 &&
	       text[strcspn(text, " \t\n\r(),\"/=~<>!@")] == '\0' &&
	       !strstr(text, "..") && !strstr(text, "+-") && colon[1] != '\0' &&
	       colon[1 + strspn(colon + 1, "0123456789")] == '\0';
}

static int
find_place(struct mark *mark, const char *place, struct tape_pos *pos)
{
	struct tape_pos found[2];
	char one[TAPE_POS_TEXT], other[TAPE_POS_TEXT];
	int n;

	if (!is_place(place))
		return cli_misuse(&mark->cli, "'%s' is no position SESSION:SEQ", place);
	n = look(mark, place, found);
	if (n < 0)
		return CLI_FAILED;
	if (n == 0) {
		cli_error(&mark->cli, "%s: there is no scope at %s", mark->tape, place);
		cli_hint(&mark->cli, "tape-find %s --keys _pos ... prints positions",
			 mark->tape);
		return CLI_FAILED;
	}
	if (n == 2) {
		tape_pos_text(&found[0], one);
		tape_pos_text(&found[1], other);
		cli_error(&mark->cli, "%s is both %s and %s", place, one, other);
		cli_hint(&mark->cli, "write more of the session's id");
		return CLI_FAILED;
	}
	*pos = found[0];
	return CLI_OK;
}

/* ---- the bookmark ---- */

static int
set_mark(struct mark *mark, const char *name, struct tape_pos pos)
{
	struct tape_options options = { .size = sizeof(options),
					.name = "tape-mark",
					.on_error = on_error,
					.user = mark };
	struct tape *t = tape_open(mark->tape, &options);
	char text[TAPE_POS_TEXT];

	if (!t)
		return CLI_FAILED; /* on_error has said why */
	(void)tape_bookmark_at(t, name, pos);
	if (tape_close(t) < 0)
		return CLI_FAILED;
	tape_pos_text(&pos, text);
	cli_say(&mark->cli, "%s is a bookmark now: '%s'", text, name);
	return CLI_OK;
}

static int
run(struct mark *mark, int argc, char **argv)
{
	struct tape_reader_options options = { .size = sizeof(options),
					       .on_report = on_report,
					       .user = mark };
	struct tape_error err;
	struct tape_pos pos;
	int status;

	mark->tape = where_tape(&mark->cli, &argc, &argv, false);
	if (!mark->tape)
		return CLI_NO_TAPE;
	if (argc != 2)
		return cli_misuse(&mark->cli, "a position and a name are needed");
	if (!*argv[1] || strlen(argv[1]) > NAME_MAX_BYTES)
		return cli_misuse(&mark->cli, "a name has 1 to 255 bytes");
	for (const char *c = argv[1]; *c;) {
		size_t n = tape_utf8_char(c, strlen(c));

		if (n == 0)
			return cli_misuse(&mark->cli, "the name is not UTF-8");
		c += n;
	}
	if (tape_reader_open(mark->tape, &options, &mark->reader, &err) < 0)
		return cli_fail(&mark->cli, mark->tape, &err);
	status = find_place(mark, argv[0], &pos);
	tape_reader_close(mark->reader);
	return status == CLI_OK ? set_mark(mark, argv[1], pos) : status;
}

static const char details[] =
	"The name can be used in queries from then on: tape-find run.tape @NAME..\n"
	"It is recorded in a session of its own, so nothing that is on the tape\n"
	"changes, and a run that is still recording is not disturbed.\n"
	"\n"
	"POS is SESSION:SEQ as tape-find prints it; the start of the session's id is\n"
	"enough, and so is last:SEQ for the last session.\n";

int
main(int argc, char **argv)
{
	static struct mark mark = {
		.cli = { .tool = "tape-mark",
			 .usage = "[TAPE] POS NAME",
			 .summary = "give a place on a tape a name",
			 .examples = {
				 { "tape-mark run.tape last:1200 equilibrated",
				   "seq 1200 of the last session" },
				 { "tape-find run.tape @equilibrated..",
				   "what was recorded from there on" },
				 { "tape-find run.tape --bookmarks",
				   "the names that there are" },
			 },
			 .details = details,
			 .formats = "reads tape 1, generation 1; writes tape 1" },
	};
	const struct cli_opt table[] = {
		CLI_COMMON(&mark.cli),
	};
	int status;

	if (!cli_parse(&mark.cli, table, &argc, &argv, &status))
		return status;
	status = run(&mark, argc, argv);
	cli_report_end(&mark.cli);
	return cli_finish(&mark.cli, status);
}
