/* SPDX-License-Identifier: Apache-2.0 */
/* tape-check - is anything wrong with a tape; see docs/man/tape-check.1 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/show.h"
#include "format/os.h"
#include "tape/compact.h"

#define SHELL_PATH 4608
#define DAMAGE_SHOWN 20 /* places of damage, without -v */

struct check {
	struct cli cli;
	struct progress progress;
	const char *tape;
	bool full, rebuild;
	const char *format;
	bool json;
	uint64_t shown;	 /* places of damage */
	uint64_t hidden; /* other findings, that only -v shows */
};

static const char *
kind_name(int kind)
{
	static const char *const names[] = { "note", "damage", "leftover", "unreferenced",
					     "rebuilt" };

	return kind >= 0 && kind < 5 ? names[kind] : "note";
}

/* ---- what to do about it ---- */

/* A path for a shell: in quotes if it holds more than plain characters. */
static const char *
quoted(const char *path, char text[SHELL_PATH])
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-./,:+@%";
	size_t n = 0;

	if (*path != '\0' && *path != '-' && path[strspn(path, plain)] == '\0')
		return path;
	text[n++] = '\'';
	for (; *path != '\0' && n + 6 < SHELL_PATH; path++) {
		if (*path != '\'') {
			text[n++] = *path;
			continue;
		}
		memcpy(text + n, "'\\''", 4);
		n += 4;
	}
	text[n++] = '\'';
	text[n] = '\0';
	return text;
}

/* "" where nothing helps. */
static void
next_step(const struct check *x, const struct tape_finding *f, char *text, size_t cap)
{
	char buf[SHELL_PATH], file[SHELL_PATH], path[4096];
	const char *tape = quoted(x->tape, buf);

	(void)snprintf(path, sizeof path, "%s/%s", x->tape, f->file);
	*text = '\0';
	switch (f->remedy) {
	case TAPE_REMEDY_RESTORE:
		(void)snprintf(text, cap, "restore %s from a copy, then: tape-check %s%s",
			       quoted(path, file), x->full ? "--full " : "", tape);
		break;
	case TAPE_REMEDY_REBUILD_INDEX:
		(void)snprintf(text, cap, "tape-check --rebuild-index %s", tape);
		break;
	case TAPE_REMEDY_COMPACT:
		(void)snprintf(text, cap, "tape-compact %s", tape);
		break;
	case TAPE_REMEDY_TAPE_FILE:
		(void)snprintf(text, cap, "echo '%s' > %s", f->line, quoted(path, file));
		break;
	default:
		break;
	}
}

/* ---- findings ---- */

static void
number(struct out *out, const char *key, uint64_t value)
{
	out_str(out, ",\"");
	out_str(out, key);
	out_str(out, "\":");
	out_u64(out, value);
}

static void
text(struct out *out, const char *key, const char *value)
{
	if (*value == '\0')
		return;
	out_str(out, ",\"");
	out_str(out, key);
	out_str(out, "\":");
	json_str(out, value);
}

static void
finding_json(struct check *x, const struct tape_finding *f, const char *next)
{
	struct out *out = &x->cli.out;

	out_str(out, "{\"kind\":");
	json_str(out, kind_name(f->kind));
	text(out, "file", f->file);
	number(out, "offset", f->offset);
	number(out, "bytes", f->bytes);
	text(out, "message", f->message);
	text(out, "lost", f->lost);
	text(out, "next", next);
	out_str(out, "}\n");
}

static void
finding_text(struct check *x, const struct tape_finding *f, const char *next)
{
	struct out *out = &x->cli.out;
	bool damage = f->kind == TAPE_FOUND_DAMAGE;
	const char *colour = !x->cli.color_out ? "" : damage ? "\033[31m" : "\033[33m";
	char size[SHOW_BYTES], plain[1024];

	if (!damage && f->kind != TAPE_FOUND_REBUILT && !x->cli.verbose) {
		x->hidden++;
		return;
	}
	if (damage && ++x->shown > DAMAGE_SHOWN && !x->cli.verbose)
		return;
	cli_plain(f->file, plain, sizeof plain);
	out_printf(out, "%s%s%s: %s", colour, kind_name(f->kind),
		   *colour ? "\033[0m" : "", plain);
	if (f->offset != 0)
		out_printf(out, " at offset %llu", (unsigned long long)f->offset);
	if (f->bytes != 0)
		out_printf(out, " (%s)", show_bytes(f->bytes, size));
	cli_plain(f->message, plain, sizeof plain);
	out_printf(out, ": %s\n", plain);
	if (*f->lost != '\0') {
		cli_plain(f->lost, plain, sizeof plain);
		out_printf(out, "  lost: %s\n", plain);
	}
	if (*next != '\0')
		out_printf(out, "  next: %s\n", next);
}

static void
on_finding(void *user, const struct tape_finding *f)
{
	struct check *x = user;
	char next[2 * SHELL_PATH + 64];

	progress_clear(&x->progress);
	x->cli.damage += f->kind == TAPE_FOUND_DAMAGE;
	if (x->cli.quiet)
		return;
	next_step(x, f, next, sizeof next);
	if (x->json)
		finding_json(x, f, next);
	else
		finding_text(x, f, next);
}

static int
on_progress(void *user, const struct tape_check_progress *p)
{
	struct check *x = user;
	char left[16], done[SHOW_BYTES], rate[SHOW_BYTES];
	double seconds;

	if (!progress_due(&x->progress, &seconds))
		return os_stop_signal() != 0;
	if (x->progress.how == PROGRESS_JSON)
		progress_tell(&x->progress,
			      "{\"done\":%llu,\"total\":%llu,\"seconds\":%.3f}",
			      (unsigned long long)p->done, (unsigned long long)p->total,
			      seconds);
	else
		progress_tell(
			&x->progress, "checking: %s, %s a second, %s left",
			show_bytes(p->done, done),
			show_bytes(seconds > 0 ? (uint64_t)((double)p->done / seconds)
					       : 0,
				   rate),
			progress_left(seconds, (double)p->done, (double)p->total, left));
	return os_stop_signal() != 0;
}

/* ---- the end ---- */

static void
summary_json(struct check *x, const struct tape_check_result *r)
{
	struct out *out = &x->cli.out;

	out_str(out, "{\"kind\":\"summary\"");
	text(out, "path", x->tape);
	out_printf(out, ",\"full\":%s", x->full ? "true" : "false");
	number(out, "sessions", r->sessions);
	number(out, "live_sessions", r->live_sessions);
	number(out, "generations", r->generations);
	if (x->full) {
		number(out, "scopes", r->scopes);
		number(out, "blobs", r->blobs);
		number(out, "lost_scopes", r->lost_scopes);
		number(out, "unreferenced", r->unreferenced);
		number(out, "unreferenced_bytes", r->unreferenced_bytes);
	}
	number(out, "bytes", r->bytes);
	number(out, "damage", r->damage);
	number(out, "notes", r->notes);
	number(out, "leftover_bytes", r->leftover_bytes);
	number(out, "rebuilt", r->rebuilt);
	number(out, "left_out", r->left_out);
	out_str(out, "}\n");
}

static const char *
plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void
summary_text(struct check *x, const struct tape_check_result *r)
{
	struct out *out = &x->cli.out;
	char plain[1024], size[SHOW_BYTES];

	cli_plain(x->tape, plain, sizeof plain);
	out_printf(out, "%s: %llu session%s", plain, (unsigned long long)r->sessions,
		   plural(r->sessions));
	if (r->live_sessions != 0)
		out_printf(out, " (%llu may still be recorded)",
			   (unsigned long long)r->live_sessions);
	if (r->generations != 0)
		out_printf(out, ", %llu generation%s", (unsigned long long)r->generations,
			   plural(r->generations));
	if (x->full)
		out_printf(out, ", %llu scope%s, %llu blob%s",
			   (unsigned long long)r->scopes, plural(r->scopes),
			   (unsigned long long)r->blobs, plural(r->blobs));
	if (r->damage == 0)
		out_str(out, ": no damage\n");
	else
		out_printf(out, ": %llu damaged place%s\n", (unsigned long long)r->damage,
			   plural(r->damage));
	if (x->shown > DAMAGE_SHOWN && !x->cli.verbose)
		out_printf(out, "%llu of them are not shown (-v shows them)\n",
			   (unsigned long long)x->shown - DAMAGE_SHOWN);
	if (r->left_out != 0)
		out_printf(out, "%llu more findings are not shown\n",
			   (unsigned long long)r->left_out);
	if (r->leftover_bytes != 0)
		out_printf(out,
			   "%s are left over; tape-compact removes what nobody needs\n",
			   show_bytes(r->leftover_bytes, size));
	if (r->unreferenced != 0)
		out_printf(out, "%llu blob%s (%s) that no scope refers to\n",
			   (unsigned long long)r->unreferenced, plural(r->unreferenced),
			   show_bytes(r->unreferenced_bytes, size));
	if (x->hidden != 0)
		out_printf(out, "%llu note%s (-v shows them)\n",
			   (unsigned long long)x->hidden, plural(x->hidden));
	if (!x->full && r->damage == 0)
		out_str(out,
			"what holds the tape together was checked; --full reads every "
			"byte\n");
}

static int
check(struct check *x)
{
	struct tape_check_result result;
	struct tape_error err;
	struct tape_check_options o = {
		.size = sizeof o,
		.flags = (x->full ? TAPE_CHECK_FULL : 0u) |
			 (x->rebuild ? TAPE_CHECK_REBUILD_INDEX : 0u),
		.on_finding = on_finding,
		.on_progress = on_progress,
		.user = x,
	};
	int r = tape_check(x->tape, &o, &result, &err);

	progress_clear(&x->progress);
	if (r == TAPE_ERR_STOPPED) {
		cli_say(&x->cli, "stopped; there may be more");
		return CLI_FAILED;
	}
	if (r != 0)
		return cli_fail(&x->cli, x->tape, &err);
	if (x->cli.quiet)
		return CLI_OK;
	if (x->json)
		summary_json(x, &result);
	else
		summary_text(x, &result);
	return CLI_OK;
}

static int
run(struct check *x, int argc, char **argv)
{
	static const char *const formats[] = { "text", "jsonl", NULL };
	int chosen = cli_choice(&x->cli, "-o", x->format, formats);
	int status;

	if (chosen < 0 || progress_begin(&x->progress, &x->cli) < 0)
		return CLI_FAILED;
	x->json = chosen == 1;
	/* A tape whose file TAPE was lost is a directory like others. */
	if (argc == 1 && where_kind(argv[0]) == WHERE_DIRECTORY)
		x->tape = argv[0];
	else
		x->tape = where_one_tape(&x->cli, argc, argv, &status);
	return x->tape == NULL ? status : check(x);
}

static const char details[] =
	"Looks for damage, and writes nothing. Without --full it reads what holds the\n"
	"tape together: headers, lists, tables and indexes. With --full it reads every\n"
	"byte and compares it with its checksum or hash, reads every scope and every\n"
	"blob, and compares the indexes with the packs.\n"
	"\n"
	"Recorders and tape-compact may work meanwhile: what they are about to write is\n"
	"no damage.\n";

int
main(int argc, char **argv)
{
	static struct check x = {
		.cli = { .tool = "tape-check",
			 .usage = "[TAPE]",
			 .summary = "is anything wrong with a tape",
			 .examples = {
				 { "tape-check run.tape", "seconds, also for large tapes" },
				 { "tape-check run.tape --full", "every byte" },
				 { "tape-check run.tape --rebuild-index",
				   "put a lost index back" },
			 },
			 .details = details,
			 .formats = "reads tape 1, generation 1; writes generation 1" },
		.format = "text",
	};
	const struct cli_opt table[] = {
		CLI_FLAG(0, "full", &x.full, "read every byte"),
		CLI_FLAG(0, "rebuild-index", &x.rebuild,
			 "make indexes that are missing or damaged again"),
		CLI_STR('o', "output", &x.format, "FORMAT", "text or jsonl"),
		CLI_SET(0, "json", &x.format, "jsonl", "the same as -o jsonl"),
		CLI_PROGRESS(&x.progress),
		CLI_COMMON(&x.cli),
	};
	int status, signal_number;

	if (!cli_parse(&x.cli, table, &argc, &argv, &status))
		return status;
	(void)os_stop_catch();
	status = cli_finish(&x.cli, run(&x, argc, argv));
	signal_number = os_stop_signal();
	if (signal_number != 0 && status == CLI_FAILED)
		os_stop_die(signal_number);
	return status;
}
