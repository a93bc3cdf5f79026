/* SPDX-License-Identifier: Apache-2.0 */
/* tape-find - print the scopes that match; see docs/man/tape-find.1 */
#include "cli/find.h"

#include <stdlib.h>
#include <string.h>

#include "cli/mem.h"
#include "cli/term.h"
#include "format/os.h"

static void
on_report(void *user, const struct tape_report *report)
{
	struct find *find = user;

	cli_report(&find->cli, find->tape, report);
}

/* ---- walking ---- */

struct walk {
	struct tape_pos after, upto;
	bool reverse;
	uint64_t limit;
};
/* 0 goes on, positive ends the walk well, negative ends it as failed. */
typedef int walk_fn(struct find *find, const struct tape_scope *scope, void *user);

/* Without -j at most so many threads. */
#define JOBS_USUAL 4u
/* So few are printed sooner than threads are of use. */
#define FEW_PRINTED 4096u

/* Positions and the like are printed as soon as they are found. */
static bool
only_fields(const struct keys *keys)
{
	bool only = keys->count != 0;

	for (size_t i = 0; i < keys->count; i++)
		only &= keys->item[i].field != KEY_VAR;
	return only;
}

static uint32_t
threads(const struct find *find)
{
	uint32_t all;

	if (find->jobs != 0)
		return find->jobs < 256 ? (uint32_t)find->jobs : 256;
	if (only_fields(&find->show.keys))
		return 1;
	/* Each takes memory of its own, on machines that are shared. */
	all = os_processors();
	return all < JOBS_USUAL ? all : JOBS_USUAL;
}

static int
open_walk(struct find *find, const struct walk *walk, struct tape_cursor **cursor,
	  struct tape_error *err)
{
	struct tape_find_options options = {
		.size = sizeof(options),
		.flags = (find->all ? TAPE_FIND_ALL : 0) |
			 (walk->reverse ? TAPE_FIND_REVERSE : 0),
		.after = walk->after,
		.upto = walk->upto,
		.jobs = find->threads,
	};

	return tape_find(find->reader, find->query, &options, cursor, err);
}

static int
walk_scopes(struct find *find, const struct walk *walk, walk_fn *fn, void *user)
{
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	struct tape_error err;
	int r = open_walk(find, walk, &cursor, &err);

	for (uint64_t n = 0; r == 0 && n < walk->limit; n++) {
		r = tape_cursor_next(cursor, &scope, &err);
		if (r <= 0)
			break;
		r = fn(find, scope, user);
		if (r < 0) {
			tape_cursor_close(cursor);
			return CLI_FAILED;
		}
		if (r > 0) {
			r = 0;
			break;
		}
	}
	tape_cursor_close(cursor);
	return r < 0 ? cli_fail(&find->cli, find->tape, &err) : CLI_OK;
}

static int
print_scope(struct find *find, const struct tape_scope *scope, void *user)
{
	(void)user;
	find->found++;
	if (find->cli.quiet)
		return 1;
	if (find->show.format == SHOW_CAT) {
		if (find_cat(find, scope) != CLI_OK)
			return -1;
	} else {
		show_scope(&find->show, scope);
	}
	if (find->cli.tty_out)
		out_flush(&find->cli.out);
	return find->cli.out.error != 0; /* cli_finish says why */
}

/* What was matched last, and how far a later walk must go to see the same. */
struct seen {
	struct tape_pos first, last;
};

static int
learn_columns(struct find *find, const struct tape_scope *scope, void *user)
{
	struct seen *seen = user;

	show_csv_learn(&find->show, scope);
	seen->last = tape_scope_pos(scope);
	return 0;
}

static int
remember(struct find *find, const struct tape_scope *scope, void *user)
{
	struct seen *seen = user;

	(void)find;
	seen->first = tape_scope_pos(scope);
	if (!seen->last.seq)
		seen->last = seen->first;
	return 0;
}

/* Text for programs depends on nothing but its scope: threads may make it. */
static bool
by_threads(const struct find *find)
{
	return find->threads > 1 && !find->cli.quiet && !find->show.tty &&
	       find->show.format != SHOW_CAT;
}

static int
print_walk(struct find *find, const struct walk *walk)
{
	struct tape_cursor *cursor = NULL;
	struct tape_error err;
	int status;

	if (!by_threads(find) || walk->limit < FEW_PRINTED)
		return walk_scopes(find, walk, print_scope, NULL);
	if (open_walk(find, walk, &cursor, &err) < 0)
		return cli_fail(&find->cli, find->tape, &err);
	status = find_print(find, cursor, walk->limit);
	tape_cursor_close(cursor);
	return status;
}

static int
learn_walk(struct find *find, const struct walk *walk, struct seen *seen)
{
	struct tape_cursor *cursor = NULL;
	struct tape_error err;
	int status;

	/* Threads run ahead: what is behind the limit would be learnt as well. */
	if (!by_threads(find) || walk->limit != UINT64_MAX)
		return walk_scopes(find, walk, learn_columns, seen);
	if (open_walk(find, walk, &cursor, &err) < 0)
		return cli_fail(&find->cli, find->tape, &err);
	status = find_columns(find, cursor, walk->limit, &seen->last);
	tape_cursor_close(cursor);
	return status;
}

/*
 * --last -n N in tape order: N steps back from the end, then forward over the
 * same scopes. seq is at least 1, so one before it is a valid bound.
 */
static int
bound_to_last(struct find *find, struct walk *walk)
{
	struct walk back = { .reverse = true, .limit = walk->limit };
	struct seen seen = { 0 };
	int status = walk_scopes(find, &back, remember, &seen);

	if (status == CLI_OK && seen.last.seq) {
		walk->after = seen.first;
		walk->after.seq--;
		walk->upto = seen.last;
	}
	return status;
}

/* Does this need every name before the first row? */
static bool
needs_columns(const struct find *find)
{
	const struct keys *keys = &find->show.keys;

	if (find->show.format != SHOW_CSV)
		return false;
	for (size_t i = 0; i < keys->count; i++)
		if (keys->item[i].wild)
			return true;
	return keys->count == 0;
}

static int
print_scopes(struct find *find)
{
	struct walk walk = { .limit = find->limit, .reverse = find->reverse };
	int status = CLI_OK;

	if (find->first)
		walk.limit = 1;
	if (find->last && find->limit == UINT64_MAX)
		walk.limit = 1;
	if (find->last && walk.limit == 1)
		walk.reverse = !walk.reverse;
	else if (find->last)
		status = bound_to_last(find, &walk);
	if (status == CLI_OK && needs_columns(find) && !find->cli.quiet) {
		struct seen seen = { 0 };
		status = learn_walk(find, &walk, &seen);
		/* What is recorded meanwhile is left for the next time. */
		if (!walk.reverse && seen.last.seq)
			walk.upto = seen.last;
	}
	if (status != CLI_OK)
		return status;
	if (find->show.format == SHOW_CSV && !find->cli.quiet)
		show_csv_header(&find->show);
	return print_walk(find, &walk);
}

static int
count_scopes(struct find *find)
{
	const struct walk whole = { 0 };
	struct tape_cursor *cursor = NULL;
	struct tape_error err;
	uint64_t count = 0;
	int r = open_walk(find, &whole, &cursor, &err);

	if (r == 0)
		r = tape_cursor_count(cursor, &count, &err);
	tape_cursor_close(cursor);
	if (r < 0)
		return cli_fail(&find->cli, find->tape, &err);
	if (find->first || (find->last && find->limit == UINT64_MAX))
		find->limit = 1;
	find->found = count < find->limit ? count : find->limit;
	if (!find->cli.quiet) {
		out_u64(&find->cli.out, find->found);
		out_char(&find->cli.out, find->show.end);
	}
	return CLI_OK;
}

/* ---- the command ---- */

static char *
join_words(int argc, char **argv)
{
	struct out text;

	out_hold(&text);
	for (int i = 0; i < argc; i++) {
		if (i)
			out_char(&text, ' ');
		out_str(&text, argv[i]);
	}
	out_char(&text, 0);
	return text.buf; /* the caller frees it */
}

static bool
choose_output(struct find *find)
{
	static const char *const formats[] = { "line", "jsonl", "csv", "cat", NULL };
	struct show *show = &find->show;
	int format = cli_choice(&find->cli, "-o", find->format, formats);

	if (format < 0 || !keys_parse(&find->cli, find->keys_text, &show->keys))
		return false;
	if (find->first && find->last) {
		(void)cli_misuse(&find->cli, "--first and --last exclude each other");
		return false;
	}
	show->format = find->cat ? SHOW_CAT : (enum show_format)format;
	show->out = &find->cli.out;
	show->end = find->null ? 0 : '\n';
	show->utc = find->utc;
	show->tty = find->cli.tty_out && show->format == SHOW_LINE;
	show->colour = find->cli.color_out && show->format == SHOW_LINE;
	show->columns = show->tty ? term_columns() : 0;
	if (show->format == SHOW_CAT && find->cli.tty_out && !find->force &&
	    !find->count && !find->cli.quiet && !show->keys.has_fields) {
		cli_error(&find->cli, "the bytes of a value may upset a terminal");
		cli_hint(&find->cli, "redirect them (> FILE), or insist with -F");
		return false;
	}
	return true;
}

/* Names of partials are looked for only where a query has some. */
static int
compile(struct find *find, struct tape_error *err)
{
	struct tape_partials *partials = NULL;
	int r = tape_query_compile(find->text, &find->query, err);

	if (r != TAPE_ERR_SYNTAX || !strstr(find->text, "is"))
		return r;
	r = tape_partials_read_tape(find->tape, &partials, err);
	if (r == 0 && find->partials)
		r = tape_partials_read(find->partials, &partials, err);
	if (r < 0) {
		/* The place in the message is one of that file, not of the query. */
		if (r == TAPE_ERR_SYNTAX)
			err->status = TAPE_ERR_MISUSE;
	} else {
		r = tape_query_compile_with(find->text, partials, &find->query, err);
	}
	tape_partials_free(partials);
	return r;
}

/* These have answers of their own kind. */
static bool
lineage_options(struct find *find, int argc, char **argv)
{
	const char *option = find->who ? "--who" : "--lineage";

	if (!find->who && !find->lineage)
		return true;
	if (find->who && find->lineage)
		(void)cli_misuse(&find->cli, "--who and --lineage exclude each other");
	else if (argc > 0)
		(void)cli_misuse(&find->cli, "%s takes no query, not '%s'", option,
				 argv[0]);
	else if (find->bookmarks)
		(void)cli_misuse(&find->cli, "%s and --bookmarks exclude each other",
				 option);
	else if (find->show.format > SHOW_JSONL)
		(void)cli_misuse(&find->cli, "%s prints lines or jsonl", option);
	else
		return true;
	return false;
}

static int
find_scopes(struct find *find, int argc, char **argv)
{
	struct tape_reader_options options = { .size = sizeof options,
					       .on_report = on_report,
					       .user = find };
	struct tape_error err;
	int status;

	if (!choose_output(find))
		return CLI_FAILED;
	find->threads = threads(find);
	find->tape = where_tape(&find->cli, &argc, &argv, false);
	if (!find->tape)
		return CLI_NO_TAPE;
	if (find->bookmarks && argc > 0)
		return cli_misuse(&find->cli, "--bookmarks takes no query, not '%s'",
				  argv[0]);
	if (find->bookmarks && find->show.format > SHOW_JSONL)
		return cli_misuse(&find->cli, "--bookmarks prints lines or jsonl");
	if (!lineage_options(find, argc, argv))
		return CLI_FAILED;
	find->text = join_words(argc, argv);
	terms_read(find->text, &find->show.terms);
	if (compile(find, &err) < 0) {
		if (err.status != TAPE_ERR_SYNTAX)
			return cli_fail(&find->cli, NULL, &err);
		find_syntax(find, &err);
		return CLI_FAILED;
	}
	if (find->superseded || find->lineage) /* what was read was read */
		options.flags |= TAPE_READER_SUPERSEDED;
	if (tape_reader_open(find->tape, &options, &find->reader, &err) < 0)
		return cli_fail(&find->cli, find->tape, &err);
	if (find->bookmarks)
		return find_marks(find);
	if (find->who || find->lineage)
		return find->who ? find_who(find) : find_lineage(find);
	if (find_redirected(find))
		return CLI_FAILED;
	if (find->show.keys.fields >> KEY_MARK & 1) {
		if (tape_marks_read(find->reader, &find->marks, &err) < 0)
			return cli_fail(&find->cli, find->tape, &err);
		find->show.marks = find->marks;
	}
	status = find->count ? count_scopes(find) : print_scopes(find);
	if (status != CLI_OK)
		return status;
	if (find->found)
		return CLI_OK;
	if (find->cli.tty_err && !find->cli.quiet) {
		find_near_marks(find);
		find_nearest(find);
	}
	return CLI_NOTHING;
}

static const char details[] =
	"The query is made of words: a plain word is a label, NAME=VALUE tests a\n"
	"variable, LO..HI is a range, A,B is a choice, N+-TOL a tolerance, /REGEX/ a\n"
	"label by pattern, _name a record field (_pos _time _session _host ...), and\n"
	"'not', 'or' and parentheses combine them. tape-query(7) has all of it.\n"
	"Without words every scope matches. @NAME is a bookmark, @A..@B what is between\n"
	"two of them. {T: float, N: int} asks for variables of these types, is=NAME for\n"
	"those of a partial in a file.\n"
	"\n"
	"TAPE is a directory. Where it is not the first operand it is $TAPE_DIR, or\n"
	"the nearest directory above the current one that is a tape.\n";

int
main(int argc, char **argv)
{
	static struct find find = {
		.cli = { .tool = "tape-find",
			 .usage = "[TAPE] [QUERY...]",
			 .summary = "print the scopes of a tape that match a query",
			 .examples = {
				 { "tape-find run.tape iter T=300..400",
				   "scopes labelled iter whose T lies in a range" },
				 { "tape-find run.tape checkpoint --last --keys x,v -o jsonl",
				   "the last checkpoint, two of its variables, as JSON" },
				 { "tape-find run.tape store.ts --first --cat=field > f.raw",
				   "the bytes of an array" },
			 },
			 .details = details,
			 .formats = "reads tape 1; writes none",
			 .exit_nothing = true },
		.format = "line",
		.limit = UINT64_MAX,
	};
	const struct cli_opt table[] = {
		CLI_STR('o', "output", &find.format, "FORMAT",
			"line, jsonl, csv, or cat (bytes)"),
		CLI_SET(0, "json", &find.format, "jsonl", "the same as -o jsonl"),
		CLI_STR(0, "keys", &find.keys_text, "A,B",
			"only these variables and record fields (_pos ...)"),
		CLI_FLAG(0, "count", &find.count, "how many match"),
		CLI_FLAG(0, "first", &find.first, "only the first"),
		CLI_FLAG(0, "last", &find.last, "only the last (the last N with -n)"),
		CLI_U64('n', "limit", &find.limit, "N", "at most N"),
		CLI_OPTIONAL(0, "cat", &find.cat, "VARIABLE",
			     "the bytes of a blob, array, text to stdout"),
		CLI_MORE,
		CLI_U64('j', "jobs", &find.jobs, "N", "at most so many processors"),
		CLI_FLAG(0, "explain", &find.explain,
			 "on stderr: what was read, what was left out and why"),
		CLI_STR(0, "partials", &find.partials, "FILE",
			"partials for is=NAME, besides the tape's own"),
		CLI_FLAG(0, "all", &find.all,
			 "scopes of the library itself too (_bookmark ...)"),
		CLI_FLAG(0, "superseded", &find.superseded,
			 "what other sessions went on from before, too"),
		CLI_FLAG(0, "bookmarks", &find.bookmarks,
			 "list the bookmarks instead (-o line or jsonl)"),
		CLI_STR(0, "who", &find.who, "FILE",
			"who read or wrote this file (or its hash)"),
		CLI_STR(0, "lineage", &find.lineage, "POS",
			"what a scope comes from: session, files, their writers"),
		CLI_FLAG(0, "reverse", &find.reverse, "from the end of the tape"),
		CLI_FLAG('0', "null", &find.null,
			 "end each answer with NUL, not newline"),
		CLI_FLAG(0, "utc", &find.utc, "times for people in UTC, not local"),
		CLI_FLAG('F', "force", &find.force, "bytes to a terminal all the same"),
		CLI_COMMON(&find.cli),
	};
	int status;

	if (!cli_parse(&find.cli, table, &argc, &argv, &status))
		return status;
	find.began = os_monotonic_ns();
	status = find_scopes(&find, argc, argv);
	cli_report_end(&find.cli);
	find_explain(&find);
	if (find.cli.quiet && status == CLI_OK)
		find.cli.damage = 0; /* it was found: that is the answer */
	tape_query_free(find.query);
	tape_reader_close(find.reader);
	show_release(&find.show);
	tape_marks_free(find.marks);
	free(find.text);
	return cli_finish(&find.cli, status);
}
