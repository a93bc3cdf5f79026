/* SPDX-License-Identifier: Apache-2.0 */
/* tape-record - lines of JSON or CSV become scopes; see docs/man/tape-record.1 */
#include "cli/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/term.h"
#include "format/os.h"
#include "tape/search.h"

#define ERRORS_SHOWN 20

static void
on_error(void *user, const char *message)
{
	struct record *record = user;

	/* A scope that breaks a contract is recorded: the rest is read. */
	if (strncmp(message, "contract: ", 10) == 0) {
		cli_error(&record->cli, "%s", message);
		return;
	}
	record->failed = true;
	/* While it is opened open_tape says it, and with which exit code. */
	if (record->tape)
		cli_error(&record->cli, "%s", message);
	else
		(void)snprintf(record->trouble, sizeof(record->trouble), "%s", message);
}

/* ---- commits ---- */

/* Says the positions of what was committed since the last time, and only that. */
static void
acknowledge(struct record *record)
{
	struct out *out = &record->cli.out;
	struct tape_pos pos = tape_position(record->tape);
	uint64_t last = pos.seq;

	if (!record->ack || record->acked == last)
		return;
	while (record->acked < last) {
		pos.seq = ++record->acked;
		char *text = out_room(out, TAPE_POS_TEXT + 1);
		tape_pos_text(&pos, text);
		size_t len = strlen(text);
		text[len] = '\n';
		out_add(out, len + 1);
	}
	out_flush(out);
}

static bool
commit(struct record *record)
{
	record->staged = 0;
	if (tape_commit(record->tape) < 0)
		record->failed = true;
	acknowledge(record);
	return !record->failed && !record->cli.out.error;
}

static bool
commit_if_due(struct record *record)
{
	if (!record->staged)
		return true;
	if (record->commit_every)
		return record->staged < record->commit_every || commit(record);
	if (!record->ack)
		return true;
	/* Who waits for answers gets them before more input is waited for. */
	if (lines_drained(&record->lines))
		return commit(record);
	acknowledge(record);
	return !record->cli.out.error;
}

/* ---- rows ---- */

/* What the first bytes of an input that is neither JSON nor CSV tell. */
static void
hint_compressed(struct record *record, const char *line, size_t len)
{
	static const struct {
		const char *magic, *tool;
	} known[] = { { "\x1f\x8b", "zcat" },
		      { "\x28\xb5\x2f\xfd", "zstdcat" },
		      { "\xfd"
			"7zXZ",
			"xzcat" },
		      { "BZh", "bzcat" } };

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		size_t n = strlen(known[i].magic);
		if (len >= n && memcmp(line, known[i].magic, n) == 0)
			cli_hint(&record->cli, "it is compressed: %s %s | %s ...",
				 known[i].tool, record->file, record->cli.tool);
	}
}

static void
bad_row(struct record *record)
{
	const char *name = strcmp(record->file, "-") == 0 ? "stdin" : record->file;

	record->skipped++;
	if (record->skipped <= ERRORS_SHOWN)
		cli_error(&record->cli, "%s:%llu:%zu: %s", name,
			  (unsigned long long)record->lines.number, record->row.column,
			  record->row.message);
	else if (record->skipped == ERRORS_SHOWN + 1)
		cli_error(&record->cli, "more bad lines follow; they are counted");
}

static void
note_rounded(struct record *record)
{
	static const char note[] = "integers beyond 64 bits, or beyond 2^53 among "
				   "floating-point numbers, became doubles";

	if (record->said_rounded)
		return;
	record->said_rounded = true;
	cli_say(&record->cli, "note: line %llu: %s",
		(unsigned long long)record->lines.number, note);
	tape_note(record->tape, "tape-record", note);
}

static int
read_header(struct record *record, char *line, size_t len)
{
	bool comma = memchr(line, ',', len) != NULL;
	char other = memchr(line, ';', len) ? ';' : memchr(line, '\t', len) ? '\t' : 0;

	if (!comma && other)
		cli_say(&record->cli,
			"note: one column: cells are separated by commas, not by %s",
			other == ';' ? "';'" : "tabs");
	return csv_reader_header(record->csv, line, len, &record->row) < 0 ? -1 : 0;
}

/* 1 a row, 0 nothing, -1 a bad one. */
static int
read_row(struct record *record, char *line, size_t len)
{
	static const char bom[] = "\xef\xbb\xbf";
	bool first = record->lines.number == 1;

	if (first && len >= 3 && memcmp(line, bom, 3) == 0) {
		line += 3;
		len -= 3;
	}
	if (!record->csv)
		return json_reader_line(record->json, line, len, &record->row);
	if (first)
		return read_header(record, line, len);
	return csv_reader_line(record->csv, line, len, &record->row);
}

/* False: stop. */
static bool
take_line(struct record *record, char *line, size_t len)
{
	int r = read_row(record, line, len);

	if (r == 0)
		return true;
	if (r > 0) {
		if (record_emit(record)) {
			record->rows++;
			record->staged++;
			if (record->row.rounded)
				note_rounded(record);
			return !record->failed && commit_if_due(record);
		}
		if (record->failed)
			return false;
	}
	bad_row(record);
	if (record->lines.number == 1)
		hint_compressed(record, line, len);
	if (record->csv && record->lines.number == 1) {
		record->strict = true; /* without a header there are no names */
		return false;
	}
	return !record->strict && commit_if_due(record);
}

static int
record_lines(struct record *record)
{
	char cause[80];
	char *line;
	size_t len;
	int r;

	for (;;) {
		r = lines_next(&record->lines, &line, &len);
		if (r == -EFBIG) {
			row_clear(&record->row);
			(void)row_wrong(&record->row, 1,
					"the line has more than %zu bytes", LINES_MAX);
			bad_row(record);
			if (record->strict)
				break;
			continue;
		}
		if (r <= 0 || !take_line(record, line, len))
			break;
	}
	(void)commit(record);
	if (r == 1 && record->failed)
		cli_error(&record->cli,
			  "stopped after line %llu of %s; what follows was not read",
			  (unsigned long long)record->lines.number,
			  strcmp(record->file, "-") == 0 ? "stdin" : record->file);
	if (r == -EINTR)
		r = 0;
	if (r < 0 && r != -EFBIG)
		cli_error(&record->cli, "%s: %s", record->file,
			  os_strerror(r, cause, sizeof(cause)));
	return !record->failed && (r >= 0 || r == -EFBIG) ? CLI_OK : CLI_FAILED;
}

/* ---- the command ---- */

static bool
has_ending(const char *text, const char *const *endings)
{
	size_t len = strlen(text);

	for (; *endings; endings++) {
		size_t n = strlen(*endings);
		if (len > n && strcmp(text + len - n, *endings) == 0)
			return true;
	}
	return false;
}

static bool
is_sync_mode(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (strcmp(text, "none") == 0 || strcmp(text, "commit") == 0)
		return true;
	return digits > 0 && digits < 9 &&
	       (!text[digits] || strcmp(text + digits, "ms") == 0 ||
		strcmp(text + digits, "s") == 0);
}

/* Which operand is the tape, which the input. 0 or an exit code after a message. */
static int
take_operands(struct record *record, int argc, char **argv)
{
	static const char *const data[] = { ".jsonl", ".json", ".ndjson",
					    ".csv",   ".txt",  NULL };
	struct cli *cli = &record->cli;

	if (argc > 0 && has_ending(argv[0], data) &&
	    where_kind(argv[0]) == WHERE_NOTHING) {
		cli_error(cli, "%s: there is no such file", argv[0]);
		cli_hint(cli, "a tape of that name is made by '%s %s/'", cli->tool,
			 argv[0]);
		return CLI_FAILED;
	}
	record->dir = where_tape(cli, &argc, &argv, true);
	if (!record->dir)
		return CLI_NO_TAPE;
	if (argc > 1)
		return cli_misuse(cli, "one tape and one input, not '%s' too", argv[1]);
	record->file = argc > 0 ? argv[0] : "-";
	return CLI_OK;
}

static int
open_inputs(struct record *record)
{
	static const char *const csv[] = { ".csv", ".CSV", NULL };
	struct cli *cli = &record->cli;
	bool is_csv = record->format ? strcmp(record->format, "csv") == 0
				     : has_ending(record->file, csv);
	char cause[80];
	int r;

	r = record->blob_dir
		    ? os_open_dir(OS_CWD, record->blob_dir, true, &record->blob_fd)
		    : 0;
	if (r < 0) {
		cli_error(cli, "--blob-dir %s: %s", record->blob_dir,
			  os_strerror(r, cause, sizeof(cause)));
		return CLI_FAILED;
	}
	r = lines_open(&record->lines, record->file, is_csv);
	if (r < 0) {
		cli_error(cli, "%s: %s", record->file,
			  os_strerror(r, cause, sizeof(cause)));
		return CLI_FAILED;
	}
	record->keys = (struct row_keys){
		.label = record->label_key,
		.time = record->time_key,
		.label_len = record->label_key ? strlen(record->label_key) : 0,
		.time_len = record->time_key ? strlen(record->time_key) : 0,
		.blobs = record->blob_dir != NULL,
	};
	if (is_csv)
		record->csv = csv_reader_new(&record->keys);
	else
		record->json = json_reader_new(&record->keys);
	return CLI_OK;
}

/*
 * A tape that is just being made, or whose maker was killed, is no stranger's directory,
 * nor is one that waits for its first recorder with settings or partials.
 */
static int
one_name(void *user, const char *name)
{
	if (strncmp(name, "TAPE", 4) == 0 || strcmp(name, "tape.conf") == 0 ||
	    strcmp(name, "tape.partials") == 0 || strcmp(name, "sessions") == 0 ||
	    strcmp(name, "blobs") == 0)
		return 0;
	*(bool *)user = true;
	return 1;
}

/* Why not, and which exit code that is: as a reader would be told, if it is the tape. */
static int
not_opened(struct record *record)
{
	struct tape_reader *reader = NULL;
	struct tape_error err;
	const char *why = tape_error(NULL);
	const char *end = strstr(why, "; the run goes on");

	if (where_kind(record->dir) == WHERE_TAPE &&
	    tape_reader_open(record->dir, NULL, &reader, &err) < 0)
		return cli_fail(&record->cli, record->dir, &err);
	tape_reader_close(reader);
	cli_error(&record->cli, "%.*s", (int)(end ? (size_t)(end - why) : strlen(why)),
		  why);
	return CLI_FAILED;
}

static int
open_tape(struct record *record)
{
	struct tape_options options = {
		.size = sizeof(options),
		.name = record->name,
		.config = record->config,
		.on_error = on_error,
		.user = record,
	};
	bool occupied = false;

	if (where_kind(record->dir) == WHERE_DIRECTORY) {
		(void)os_list(OS_CWD, record->dir, one_name, &occupied);
		if (occupied) {
			cli_error(&record->cli,
				  "%s is a directory, but no tape, and not empty",
				  record->dir);
			cli_hint(&record->cli,
				 "name another; the tape is made if it is not there");
			return CLI_NO_TAPE;
		}
	}
	/* When to commit is decided here, not by the tape's settings. */
	if (setenv("TAPE_COMMIT", record->commit_every ? "manual" : "auto", 1) < 0 ||
	    (record->sync && setenv("TAPE_SYNC", record->sync, 1) < 0))
		return CLI_FAILED;
	record->tape = tape_open(record->dir, &options);
	if (!record->tape)
		return not_opened(record);
	if (!record->failed)
		return CLI_OK;
	/* It would be recorded, but not as the settings say. */
	cli_error(&record->cli, "%s", record->trouble);
	(void)tape_close(record->tape);
	return CLI_FAILED;
}

/* 0 or CLI_FAILED after a message. */
static int
check_options(const struct record *record)
{
	static const char *const formats[] = { "jsonl", "csv", NULL };
	const struct cli *cli = &record->cli;

	if (record->format && cli_choice(cli, "--format", record->format, formats) < 0)
		return CLI_FAILED;
	for (size_t i = 0; i < record->labels.count; i++)
		if (!*record->labels.item[i])
			return cli_misuse(cli, "--label needs a name that is not empty");
	if (record->sync && !is_sync_mode(record->sync))
		return cli_misuse(cli,
				  "--sync takes none, commit or milliseconds, not '%s'",
				  record->sync);
	return CLI_OK;
}

static int
close_tape(struct record *record)
{
	uint64_t lost = tape_lost(record->tape);

	if (tape_close(record->tape) == 0)
		return CLI_OK;
	if (lost)
		cli_error(&record->cli, "%llu scopes were lost",
			  (unsigned long long)lost);
	return CLI_FAILED;
}

/* What was not recorded, if anything, and the exit code for that. */
static int
say_result(struct record *record, int status)
{
	struct cli *cli = &record->cli;
	unsigned long long rows = record->rows;

	if (record->skipped && record->strict) {
		cli_error(cli, "stopped; what came before that line is recorded");
		return CLI_FAILED;
	}
	if (record->skipped) {
		cli_error(cli, "%llu line%s skipped, %llu became scopes",
			  (unsigned long long)record->skipped,
			  record->skipped == 1 ? " was" : "s were", rows);
		cli->damage += record->skipped;
	}
	if (os_stop_signal())
		cli_say(cli, "stopped by a signal; %llu scope%s recorded", rows,
			rows == 1 ? " is" : "s are");
	else if (cli->verbose && !record->skipped)
		cli_say(cli, "%llu scopes", rows);
	return status;
}

/* Files that the rows come from, or are in, under the labels of all. */
static int
record_files(struct record *record, const struct cli_list *files,
	     int (*one)(struct tape *t, const char *path), size_t label)
{
	int status = CLI_OK;

	if (label < record->labels.count) {
		struct tape_guard guard =
			tape_label_push(record->tape, record->labels.item[label]);

		status = record_files(record, files, one, label + 1);
		tape_guard_pop(&guard);
		return status;
	}
	for (size_t i = 0; i < files->count; i++)
		if (one(record->tape, files->item[i]) < 0)
			status = CLI_FAILED; /* the recorder has said why */
	return status;
}

static int
record_scopes(struct record *record, int argc, char **argv)
{
	struct cli *cli = &record->cli;
	int status = check_options(record);

	if (status == CLI_OK)
		status = take_operands(record, argc, argv);
	if (status == CLI_OK)
		status = open_inputs(record);
	if (status == CLI_OK && os_stop_catch() < 0)
		status = CLI_FAILED;
	if (status == CLI_OK)
		status = open_tape(record);
	if (status != CLI_OK)
		return status;
	if (strcmp(record->file, "-") == 0 && term_is_tty(0))
		cli_say(cli, "reading from the terminal; Ctrl-D ends it");
	status = record_files(record, &record->inputs, tape_input, 0);
	if (status == CLI_OK)
		status = record_lines(record);
	if (status == CLI_OK)
		status = record_files(record, &record->outputs, tape_output, 0);
	if (close_tape(record) != CLI_OK)
		status = CLI_FAILED;
	return say_result(record, status);
}

static const char details[] =
	"Each line holds one JSON object; its members are the variables. Nested objects\n"
	"flatten to dotted names, arrays of numbers become arrays, other arrays keep\n"
	"their JSON text. CSV has a header with the names; empty cells are null.\n"
	"\n"
	"A bad line is reported with its number and column and skipped; the exit status\n"
	"is then 3. With --strict the first one ends the recording.\n"
	"\n"
	"TAPE is made if it is not there; any number of recorders may share one.\n";

int
main(int argc, char **argv)
{
	static struct record record = {
		.cli = { .tool = "tape-record",
			 .usage = "[TAPE] [FILE|-]",
			 .summary = "record lines of JSON or CSV as scopes",
			 .examples = {
				 { "my_program | tape-record run.tape --label mc",
				   "one scope per JSON line, labelled mc" },
				 { "tape-record run.tape --time-key t --label-key phase log.jsonl",
				   "time and label path come from the lines" },
				 { "tape-record run.tape --label sweep table.csv",
				   "one scope per row, names from the header" },
			 },
			 .details = details,
			 .formats = "reads JSON lines, CSV; writes tape 1" },
		.blob_fd = -1,
	};
	const struct cli_opt table[] = {
		CLI_LIST('l', "label", &record.labels, "L",
			 "a label for all scopes; again for one below"),
		CLI_STR('f', "format", &record.format, "FORMAT",
			"jsonl (default) or csv"),
		CLI_STR(0, "label-key", &record.label_key, "K",
			"the member that holds further labels"),
		CLI_STR(0, "time-key", &record.time_key, "K",
			"the member that holds the time (ns or RFC 3339)"),
		CLI_U64('c', "commit", &record.commit_every, "N",
			"commit after every N scopes"),
		CLI_FLAG(0, "ack", &record.ack, "print positions of what is committed"),
		CLI_FLAG(0, "strict", &record.strict, "stop at the first bad line"),
		CLI_MORE,
		CLI_STR(0, "name", &record.name, "S", "a name for this session"),
		CLI_LIST(0, "input", &record.inputs, "FILE",
			 "a file that the lines come from, recorded by its hash"),
		CLI_LIST(0, "output", &record.outputs, "FILE",
			 "a file that was written, likewise"),
		CLI_STR(0, "blob-dir", &record.blob_dir, "DIR",
			"where the files of {\"@blob\":NAME} are"),
		CLI_STR(0, "sync", &record.sync, "MODE",
			"none, commit, or milliseconds between syncs to disk"),
		CLI_STR(0, "config", &record.config, "FILE",
			"settings instead of the tape's own tape.conf"),
		CLI_COMMON(&record.cli),
	};
	int status;

	if (!cli_parse(&record.cli, table, &argc, &argv, &status))
		return status;
	status = record_scopes(&record, argc, argv);
	json_reader_free(record.json);
	csv_reader_free(record.csv);
	lines_close(&record.lines);
	row_release(&record.row);
	os_close(&record.blob_fd);
	free(record.labels.item);
	free(record.inputs.item);
	free(record.outputs.item);
	status = cli_finish(&record.cli, status);
	if (os_stop_signal())
		os_stop_die(os_stop_signal());
	return status;
}
