/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front end that all tools share: option tables, help, messages, exit
 * codes, where the tape is. A tool's main fills a struct cli and a table,
 * calls cli_parse, does its work, and returns what cli_finish says.
 */
#ifndef TAPE_CLI_CLI_H
#define TAPE_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/out.h"
#include "tape/value.h"

/* What every tool exits with; the EXIT STATUS section of each man page. */
enum cli_exit {
	CLI_OK = 0,	  /* done; tape-find: something matched */
	CLI_NOTHING = 1,  /* ran, found nothing */
	CLI_FAILED = 2,	  /* wrong use, or it could not be done */
	CLI_DAMAGE = 3,	  /* finished, but damage was met, or lines were skipped */
	CLI_BUSY = 4,	  /* another process holds it */
	CLI_NO_TAPE = 5,  /* there is no tape */
	CLI_CLOSED = 141, /* who read the output has gone */
};

enum cli_kind {
	CLI_KIND_END,
	CLI_KIND_MORE,	   /* what follows is for --help, not for -h */
	CLI_KIND_FLAG,	   /* to: bool * */
	CLI_KIND_STR,	   /* to: const char ** */
	CLI_KIND_OPTIONAL, /* to: const char **; "" when given without =ARG */
	CLI_KIND_SET,	   /* to: const char **, set to arg; takes no argument */
	CLI_KIND_U64,	   /* to: uint64_t * */
	CLI_KIND_LIST,	   /* to: struct cli_list *; may be given again */
};
struct cli_opt {
	enum cli_kind kind;
	char letter;	  /* 0 = none */
	const char *name; /* without "--" */
	void *to;
	const char *arg;  /* its name in the help */
	const char *help; /* one sentence without a full stop */
};
#define CLI_FLAG(l, n, to, h)                                                            \
	{                                                                                \
		CLI_KIND_FLAG, l, n, to, NULL, h                                         \
	}
#define CLI_STR(l, n, to, a, h)                                                          \
	{                                                                                \
		CLI_KIND_STR, l, n, to, a, h                                             \
	}
#define CLI_OPTIONAL(l, n, to, a, h)                                                     \
	{                                                                                \
		CLI_KIND_OPTIONAL, l, n, to, a, h                                        \
	}
#define CLI_SET(l, n, to, value, h)                                                      \
	{                                                                                \
		CLI_KIND_SET, l, n, to, value, h                                         \
	}
#define CLI_U64(l, n, to, a, h)                                                          \
	{                                                                                \
		CLI_KIND_U64, l, n, to, a, h                                             \
	}
#define CLI_LIST(l, n, to, a, h)                                                         \
	{                                                                                \
		CLI_KIND_LIST, l, n, to, a, h                                            \
	}
#define CLI_MORE                                                                         \
	{                                                                                \
		CLI_KIND_MORE, 0, NULL, NULL, NULL, NULL                                 \
	}
/* The same in every tool; last in each table. */
#define CLI_COMMON(cli)                                                                  \
	CLI_FLAG('q', "quiet", &(cli)->quiet, "answer by the exit code; no messages"),   \
		CLI_FLAG('v', "verbose", &(cli)->verbose, "say more on stderr"),         \
		CLI_STR(0, "color", &(cli)->color, "WHEN",                               \
			"colours: auto, always or never"),                               \
		CLI_FLAG(0, "no-pager", &(cli)->no_pager, "accepted; no pager is used"), \
		CLI_FLAG('h', NULL, &(cli)->brief, "the short help"),                    \
		CLI_FLAG(0, "help", &(cli)->help, "all of the help"),                    \
		CLI_FLAG(0, "version", &(cli)->version,                                  \
			 "version, commit, formats, libraries"),                         \
	{                                                                                \
		CLI_KIND_END, 0, NULL, NULL, NULL, NULL                                  \
	}

struct cli_list {
	const char **item; /* the array is the tool's to free, the texts are argv's */
	size_t count;
};

struct cli_example {
	const char *command, *what;
};
struct cli {
	/* Filled by the tool before cli_parse. */
	const char *tool;    /* "tape-find" */
	const char *usage;   /* "[TAPE] QUERY..." */
	const char *summary; /* one sentence */
	struct cli_example examples[3];
	const char *details; /* paragraphs for --help, lines of at most 80 columns */
	const char *formats; /* for --version: what it reads and writes */
	bool exit_nothing;   /* exit code 1 has a meaning for this tool */
	/* Filled by cli_parse. */
	const char *color;
	bool quiet, verbose, no_pager, brief, help, version;
	bool tty_out, tty_err, color_out, color_err;
	struct out out; /* stdout */
	/* Counted while it runs. */
	uint64_t damage;  /* reports, lines skipped: exit 3 */
	uint64_t reports; /* to be printed */
};

/*
 * Reads argv by the table. True: *argc and *argv are the operands, `cli` is
 * ready. False: it was answered (help, version) or refused; return *status.
 */
bool cli_parse(struct cli *cli, const struct cli_opt *table, int *argc, char ***argv,
	       int *status);
/*
 * Flushes and closes stdout and gives the code to exit with: `status`, or 3 if
 * it was 0 or 1 and damage was counted, or 2 / 141 if the output failed.
 */
int cli_finish(struct cli *cli, int status);

/* ---- messages, on stderr ---- */

/* "tool: message". Never silenced by -q. */
void cli_error(const struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* "tool: warning: message". */
void cli_warn(const struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* "tool: message", not with -q. */
void cli_say(const struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A line of its own below an error: what to do. */
void cli_hint(const struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Wrong use: two lines, the second points at -h. Returns CLI_FAILED. */
int cli_misuse(const struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A failure of the library: file, offset, cause. Returns the exit code for it. */
int cli_fail(const struct cli *cli, const char *tape, const struct tape_error *err);
struct tape_report;
/* Of a reader: a warning that is counted in `damage`, or with -v a note. So many are shown. */
void cli_report(struct cli *cli, const char *tape, const struct tape_report *report);
/* Says how many more there were. */
void cli_report_end(const struct cli *cli);
/* Takes the control characters out of `text`, so that it cannot command a terminal. */
void cli_plain(const char *text, char *buf, size_t cap);

/* ---- words ---- */

/* The candidate nearest to `word`, or NULL if none is near. */
const char *cli_nearest(const char *word, const char *const *candidates, size_t count);
/* One of `choices` (NULL-terminated)? Index or -1 after a message. */
int cli_choice(const struct cli *cli, const char *option, const char *value,
	       const char *const *choices);
/* All of `text` as a decimal number. */
bool cli_parse_u64(const char *text, uint64_t *value);

/* ---- where the tape is ---- */

enum where_kind {
	WHERE_NOTHING,	 /* no such file */
	WHERE_TAPE,	 /* a directory with a TAPE file */
	WHERE_DIRECTORY, /* another directory */
	WHERE_FILE,	 /* something else */
	WHERE_LOCKED,	 /* it may not be looked at; opening it will say why */
};
enum where_kind where_kind(const char *path);
/* Written as people write paths, not as a query or a word. */
bool where_looks_like_path(const char *operand);
/*
 * The tape of this command: the first operand if it is one (then *argc and
 * *argv are moved past it), else $TAPE_DIR, else the nearest directory above
 * that is a tape. `create`: a path that does not exist, or an empty directory,
 * will do as first operand or as $TAPE_DIR. NULL after a message: exit with
 * CLI_NO_TAPE.
 */
const char *where_tape(const struct cli *cli, int *argc, char ***argv, bool create);
/*
 * The same for a tool that takes a tape and no other word, so that a word which
 * names none is an error. NULL after a message: exit with *status.
 */
const char *where_one_tape(const struct cli *cli, int argc, char **argv, int *status);

#endif
