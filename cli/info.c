/* SPDX-License-Identifier: Apache-2.0 */
/* tape-info - what is on a tape; see docs/man/tape-info.1 */
#include "cli/info.h"

#include <stdlib.h>
#include <string.h>

#include "cli/info_partial.h"
#include "cli/show.h"

static void
on_report(void *user, const struct tape_report *report)
{
	struct info *info = user;

	cli_report(&info->cli, info->tape, report);
}

static int
show_tape(struct info *info, int argc, char **argv)
{
	struct tape_reader_options options = { .size = sizeof options,
					       .on_report = on_report,
					       .user = info };
	struct tape_reader *reader = NULL;
	struct tape_info *data = NULL;
	struct tape_error err;
	int status = CLI_OK;

	info->tape = where_one_tape(&info->cli, argc, argv, &status);
	if (!info->tape)
		return status;
	status = CLI_OK;
	if (info->emit) {
		if (tape_reader_open(info->tape, &options, &reader, &err) < 0)
			return cli_fail(&info->cli, info->tape, &err);
		status = info_partial(info, reader, info->emit, info->header);
		tape_reader_close(reader);
		return status;
	}
	if (tape_reader_open(info->tape, &options, &reader, &err) < 0 ||
	    tape_info_read(reader, &data, &err) < 0 ||
	    (data->bookmarks && tape_marks_read(reader, &info->marks, &err) < 0)) {
		status = cli_fail(&info->cli, info->tape, &err);
	} else if (!info->cli.quiet && (status = info_cache(info, data)) == 0) {
		if (info->json)
			info_json(info, data);
		else
			info_text(info, data);
	}
	tape_marks_free(info->marks);
	tape_info_free(data);
	tape_reader_close(reader);
	return status;
}

static const char details[] =
	"For people: what was recorded, by whom, under which labels, with which\n"
	"variables and units, and what it takes on disk. Reads the whole tape once.\n"
	"\n"
	"A session is live while its recorder may still run, closed when it ended in\n"
	"order, killed otherwise; all that it had committed is there in each case.\n"
	"\n"
	"--config lists every setting that a recorder would have here and now for\n"
	"scopes under a label path (a/b/c), with the file and line, the variable or the\n"
	"call that decided: from tape.conf, the environment, and what the newest "
	"session\n"
	"on the tape has set by itself (tape_set).\n";

int
main(int argc, char **argv)
{
	static struct info info = {
		.cli = { .tool = "tape-info",
			 .usage = "[TAPE] [--config [LABEL-PATH]]",
			 .summary = "what is on a tape",
			 .examples = {
				 { "tape-info run.tape",
				   "sessions, labels, variables, bytes" },
				 { "tape-info run.tape --json",
				   "the same for programs, one object a line" },
				 { "tape-info run.tape -v", "all labels and variables" },
			 },
			 .details = details,
			 .formats = "reads tape 1; writes none" },
	};
	const char *format = "text";
	static const char *const formats[] = { "text", "jsonl", "header", NULL };
	const struct cli_opt table[] = {
		CLI_STR('o', "output", &format, "FORMAT",
			"text, jsonl; header for a partial"),
		CLI_SET(0, "json", &format, "jsonl", "the same as -o jsonl"),
		CLI_FLAG(0, "config", &info.config,
			 "what a recorder would be told for LABEL-PATH, and by whom"),
		CLI_STR(0, "emit-partial", &info.emit, "LABEL",
			"the types that all scopes of LABEL have, as a partial"),
		CLI_FLAG(0, "utc", &info.utc, "times for people in UTC, not local"),
		CLI_COMMON(&info.cli),
	};
	int status;

	if (!cli_parse(&info.cli, table, &argc, &argv, &status))
		return status;
	int chosen = cli_choice(&info.cli, "-o", format, formats);
	if (chosen < 0)
		return cli_finish(&info.cli, CLI_FAILED);
	info.json = chosen == 1;
	info.header = chosen == 2;
	if ((info.emit && (info.json || info.config)) || (info.header && !info.emit))
		return cli_finish(&info.cli,
				  cli_misuse(&info.cli,
					     "--emit-partial writes text or, with "
					     "-o header, C"));
	status = info.config ? info_config(&info, argc, argv)
			     : show_tape(&info, argc, argv);
	cli_report_end(&info.cli);
	return cli_finish(&info.cli, status);
}
