/* SPDX-License-Identifier: Apache-2.0 */
/* tape-compact - raw sessions become small and indexed; see docs/man/tape-compact.1 */
#include "tape/compact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/kept.h"
#include "cli/progress.h"
#include "cli/show.h"
#include "format/os.h"

struct compact {
	struct cli cli;
	const char *tape;
	bool full, keep_raw, dry_run;
	uint64_t jobs, level;
	const char *memory, *cache_max_age, *cache_max_bytes;
	struct cli_list assume_dead;
	struct progress progress;
	uint64_t victims; /* of --dry-run */
};

static void
on_report(void *user, const struct tape_report *report)
{
	struct compact *x = user;

	progress_clear(&x->progress);
	cli_report(&x->cli, x->tape, report);
}

static void
on_event(void *user, const struct tape_compact_event *event)
{
	struct compact *x = user;
	char size[SHOW_BYTES];

	progress_clear(&x->progress);
	x->victims++;
	if (event->bytes != 0)
		cli_say(&x->cli, "%s: %s (%s)", event->what, event->why,
			show_bytes(event->bytes, size));
	else
		cli_say(&x->cli, "%s: %s", event->what, event->why);
}

static const char *
stage_name(int stage)
{
	static const char *const names[] = { "planning", "comparing", "packing",
					     "indexing", "verifying", "publishing",
					     "cleaning" };

	return stage >= 0 && stage < 7 ? names[stage] : "working";
}

static void
tell(struct compact *x, const struct tape_compact_progress *p, double seconds)
{
	char out[SHOW_BYTES], left[16], ratio[32] = "";

	if (x->progress.how == PROGRESS_JSON) {
		progress_tell(&x->progress,
			      "{\"stage\":\"%s\",\"done\":%llu,\"total\":%llu,"
			      "\"bytes_in\":%llu,\"bytes_out\":%llu,\"seconds\":%.3f}",
			      stage_name(p->stage), (unsigned long long)p->done,
			      (unsigned long long)p->total,
			      (unsigned long long)p->bytes_in,
			      (unsigned long long)p->bytes_out, seconds);
		return;
	}
	if (p->bytes_in != 0 && p->bytes_out != 0)
		(void)snprintf(ratio, sizeof ratio, " (%.1f %%)",
			       100 * (double)p->bytes_out / (double)p->bytes_in);
	progress_tell(&x->progress, "%s: %llu scopes, %.0f a second, %s written%s%s%s",
		      stage_name(p->stage), (unsigned long long)p->done,
		      seconds > 0 ? (double)p->done / seconds : 0,
		      show_bytes(p->bytes_out, out), ratio,
		      p->total > p->done ? ", about " : "",
		      p->total > p->done ? progress_left(seconds, (double)p->done,
							 (double)p->total, left)
					 : "");
}

static int
on_progress(void *user, const struct tape_compact_progress *p)
{
	struct compact *x = user;
	double seconds;

	if (progress_due(&x->progress, &seconds))
		tell(x, p, seconds);
	return os_stop_signal() != 0;
}

static void
say_result(struct compact *x, const struct tape_compact_result *r)
{
	char in[SHOW_BYTES], out[SHOW_BYTES];
	/* Blobs of a segment are among its bytes; loose ones are known once they are removed. */
	uint64_t raw = r->removed_bytes > r->bytes_in ? r->removed_bytes : r->bytes_in;
	double seconds = (double)(os_monotonic_ns() - x->progress.began) / 1e9;

	if (x->dry_run) {
		cli_say(&x->cli, x->victims != 0 ? "nothing was done (--dry-run)"
						 : "there is nothing to compact");
		return;
	}
	if (r->generation[0] == '\0') {
		cli_say(&x->cli, "there is nothing to compact");
		return;
	}
	cli_say(&x->cli,
		"%llu scopes of %llu session%s: %s raw are %s now, %llu contents; %.1f s "
		"(generation %s)",
		(unsigned long long)r->scopes, (unsigned long long)r->sessions,
		r->sessions == 1 ? "" : "s", show_bytes(raw, in),
		show_bytes(r->bytes_out, out), (unsigned long long)r->contents, seconds,
		r->generation);
}

/* "64M", "2G", "1048576"; false: no such size. */
static bool
parse_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMG";
	char digits[32];
	size_t len = strlen(text);
	const char *unit = len == 0 ? NULL : strchr(units, text[len - 1]);
	unsigned shift = unit == NULL ? 0 : 10 * (unsigned)(unit - units + 1);

	len -= unit != NULL;
	if (len == 0 || len >= sizeof digits)
		return false;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (!cli_parse_u64(digits, bytes) || *bytes > UINT64_MAX >> shift)
		return false;
	*bytes <<= shift;
	return true;
}

static int
compact(struct compact *x)
{
	struct tape_compact_result result;
	struct tape_error err;
	struct tape_compact_options o = {
		.size = sizeof o,
		.level = (int)x->level,
		.jobs = (unsigned)x->jobs,
		.assume_dead = x->assume_dead.item,
		.assume_dead_count = x->assume_dead.count,
		.on_report = on_report,
		.on_event = on_event,
		.on_progress = on_progress,
		.user = x,
	};
	int r;

	o.flags = (x->full ? TAPE_COMPACT_FULL : 0u) |
		  (x->keep_raw ? TAPE_COMPACT_KEEP_RAW : 0u) |
		  (x->dry_run ? TAPE_COMPACT_DRY_RUN : 0u);
	if (x->memory != NULL && (!parse_size(x->memory, &o.memory) || o.memory == 0))
		return cli_misuse(&x->cli,
				  "--memory: expected a size such as 512M, not '%s'",
				  x->memory);
	r = tape_compact(x->tape, &o, &result, &err);
	progress_clear(&x->progress);
	if (r == TAPE_ERR_STOPPED) {
		cli_say(&x->cli,
			"stopped; the tape answers as before, and the next run starts "
			"anew");
		return CLI_FAILED;
	}
	if (r != 0)
		return cli_fail(&x->cli, x->tape, &err);
	say_result(x, &result);
	return result.damage == 0 ? CLI_OK : CLI_DAMAGE;
}

/* Withdraws the results that were used least recently, before they are compacted. */
static int
trim_cache(struct compact *x)
{
	struct tape_reader_options options = { .size = sizeof options,
					       .flags = TAPE_READER_SUPERSEDED,
					       .on_report = on_report,
					       .user = x };
	struct kept_list list = { 0 };
	struct tape_reader *reader;
	struct tape_error err;
	uint64_t bytes = UINT64_MAX;
	int64_t age = 0;
	size_t victims = 0;
	int status;

	if (x->cache_max_age != NULL && !kept_span(x->cache_max_age, &age))
		return cli_misuse(
			&x->cli, "--cache-max-age: expected a span such as 30d, not '%s'",
			x->cache_max_age);
	if (x->cache_max_bytes != NULL && !kept_size(x->cache_max_bytes, &bytes))
		return cli_misuse(
			&x->cli,
			"--cache-max-bytes: expected a size such as 10G, not '%s'",
			x->cache_max_bytes);
	if (tape_reader_open(x->tape, &options, &reader, &err) < 0)
		return cli_fail(&x->cli, x->tape, &err);
	status = kept_read(&x->cli, x->tape, reader, &list);
	tape_reader_close(reader);
	if (status == 0)
		victims = kept_mark(&list, age, bytes, os_realtime_ns());
	for (size_t i = 0; x->dry_run && i < list.count; i++)
		if (list.item[i].victim) {
			x->victims++;
			cli_say(&x->cli, "result %s (%s): withdrawn", list.item[i].key,
				list.item[i].name);
		}
	if (victims != 0 && !x->dry_run) {
		status = kept_drop(&x->cli, x->tape, "tape-compact", &list);
		if (status == 0)
			cli_say(&x->cli, "%zu of %zu cached results withdrawn%s", victims,
				list.count,
				x->full ? ""
					: "; of those compacted before, bytes come back "
					  "with --full");
	}
	kept_release(&list);
	return status;
}

static int
run(struct compact *x, int argc, char **argv)
{
	int status = 0;

	x->tape = where_one_tape(&x->cli, argc, argv, &status);
	if (x->tape == NULL)
		return status;
	status = 0;
	if (x->level > 19 || x->jobs > 64)
		return cli_misuse(&x->cli, "%s is from 1 to %d",
				  x->level > 19 ? "--level" : "-j",
				  x->level > 19 ? 19 : 64);
	if (x->cache_max_age != NULL || x->cache_max_bytes != NULL)
		status = trim_cache(x);
	if (status != 0)
		return status;
	return progress_begin(&x->progress, &x->cli) < 0 ? CLI_FAILED : compact(x);
}

static const char details[] =
	"What was recorded and is over becomes a generation: each scope once, in\n"
	"columns, compressed, blobs in packs. tape-find answers the same before, while\n"
	"and after this runs. Raw files go when everything was read back and verified.\n"
	"\n"
	"Sessions that may still be recorded keep their last segment raw. Sessions that\n"
	"are damaged stay raw as they are, and are named.\n";

int
main(int argc, char **argv)
{
	static struct compact x = {
		.cli = { .tool = "tape-compact",
			 .usage = "[TAPE]",
			 .summary = "make a recorded tape small and fast to search",
			 .examples = {
				 { "tape-compact run.tape", "what is new since the last time" },
				 { "tape-compact run.tape --full",
				   "everything into one generation" },
				 { "tape-compact run.tape --dry-run",
				   "say what would be done" },
			 },
			 .details = details,
			 .formats = "reads tape 1, generation 1; writes generation 1" },
	};
	const struct cli_opt table[] = {
		CLI_FLAG(0, "full", &x.full, "merge all generations into one"),
		CLI_FLAG(0, "keep-raw", &x.keep_raw, "remove no raw file"),
		CLI_FLAG(0, "dry-run", &x.dry_run,
			 "say what would be done, and do nothing"),
		CLI_U64('j', "jobs", &x.jobs, "N",
			"threads; as many as processors by default"),
		CLI_LIST(0, "assume-dead", &x.assume_dead, "SESSION",
			 "that session is over, whatever its host says"),
		CLI_MORE,
		CLI_STR(0, "cache-max-age", &x.cache_max_age, "SPAN",
			"withdraw cached results not used for so long (30d)"),
		CLI_STR(0, "cache-max-bytes", &x.cache_max_bytes, "SIZE",
			"the least recently used, until so much is left"),
		CLI_STR(0, "memory", &x.memory, "SIZE",
			"bytes to stay within, about (256M)"),
		CLI_U64(0, "level", &x.level, "N", "of compression, 1 to 19 (3)"),
		CLI_PROGRESS(&x.progress),
		CLI_COMMON(&x.cli),
	};
	int status, signal_number;

	if (!cli_parse(&x.cli, table, &argc, &argv, &status))
		return status;
	(void)os_stop_catch();
	status = run(&x, argc, argv);
	cli_report_end(&x.cli);
	free(x.assume_dead.item);
	status = cli_finish(&x.cli, status);
	signal_number = os_stop_signal();
	if (signal_number != 0 && status == CLI_FAILED)
		os_stop_die(signal_number);
	return status;
}
