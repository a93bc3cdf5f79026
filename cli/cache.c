/* SPDX-License-Identifier: Apache-2.0 */
/* tape-cache - the results that a tape keeps under keys; see docs/man/tape-cache.1 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/kept.h"
#include "cli/mem.h"
#include "cli/show.h"
#include "format/os.h"

/* How many of what is near are listed. */
#define NEAR 10u
/* Digits that name a key at least. */
#define KEY_DIGITS 4u

struct cache {
	struct cli cli;
	const char *tape;
	struct tape_reader *reader;
	struct kept_list list;
	bool json, dry_run;
	const char *name, *max_age, *max_bytes;
};

static void
on_report(void *user, const struct tape_report *report)
{
	struct cache *x = user;

	cli_report(&x->cli, x->tape, report);
}

/* ---- showing ---- */

static void
show_text(struct cache *x, const char *text)
{
	char plain[400];

	cli_plain(text, plain, sizeof plain);
	out_str(&x->cli.out, plain);
}

static void
show_inputs(struct cache *x, const struct kept *c)
{
	for (size_t i = 0; i < c->input_count; i++) {
		out_char(&x->cli.out, ' ');
		show_text(x, c->inputs[i].name);
		out_char(&x->cli.out, '=');
		show_text(x, c->inputs[i].text);
	}
}

static void
show_line_of(struct cache *x, const struct kept *c)
{
	char size[SHOW_BYTES], when[SHOW_WHEN];
	struct out *out = &x->cli.out;

	out_printf(out, "%s ", c->key);
	show_text(x, *c->name ? c->name : "-");
	if (c->seconds >= 0)
		out_printf(out, "  %.3g s", c->seconds);
	out_printf(out, "  %s  %s ", show_bytes(c->bytes, size),
		   show_when(c->used, false, SHOW_DATE, when));
	show_inputs(x, c);
	out_char(out, '\n');
}

static void
show_object(struct cache *x, const struct kept *c)
{
	struct out *out = &x->cli.out;
	char pos[TAPE_POS_TEXT], when[TAPE_TIME_TEXT];

	tape_pos_text(&c->pos, pos);
	out_printf(out, "{\"key\":\"%s\",\"name\":", c->key);
	json_str(out, c->name);
	out_str(out, ",\"path\":");
	json_str(out, c->path);
	tape_time_text(c->time, when);
	out_printf(out, ",\"pos\":\"%s\",\"time\":\"%s\"", pos, when);
	tape_time_text(c->used, when);
	out_printf(out, ",\"used\":\"%s\",\"bytes\":%llu", when,
		   (unsigned long long)c->bytes);
	if (c->seconds >= 0) {
		out_str(out, ",\"seconds\":");
		json_double(out, c->seconds);
	}
	out_str(out, ",\"in\":{");
	for (size_t i = 0; i < c->input_count; i++) {
		if (i > 0)
			out_char(out, ',');
		json_str(out, c->inputs[i].name);
		out_char(out, ':');
		out_str(out, c->inputs[i].text);
	}
	out_str(out, "}}\n");
}

static void
show(struct cache *x, const struct kept *c)
{
	if (x->json)
		show_object(x, c);
	else
		show_line_of(x, c);
}

/* ---- ls, drop ---- */

static bool
is_key(const char *text)
{
	size_t len = strlen(text);

	return len >= KEY_DIGITS && len <= 32 && strspn(text, "0123456789abcdef") == len;
}

/* Is it one of the operands: a name, or the beginning of a key? */
static bool
named(const struct kept *c, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(c->name, argv[i]) == 0 ||
		    (is_key(argv[i]) && strncmp(c->key, argv[i], strlen(argv[i])) == 0))
			return true;
	return false;
}

static int
list(struct cache *x, int argc, char **argv)
{
	size_t shown = 0;

	for (size_t i = 0; i < x->list.count; i++)
		if (argc == 0 || named(&x->list.item[i], argc, argv)) {
			show(x, &x->list.item[i]);
			shown++;
		}
	return shown ? CLI_OK : CLI_NOTHING;
}

static int
bounds(struct cache *x, size_t *victims)
{
	uint64_t bytes = UINT64_MAX;
	int64_t age = 0;

	if (x->max_age && !kept_span(x->max_age, &age))
		return cli_misuse(&x->cli,
				  "--max-age: expected a span such as 30d, not '%s'",
				  x->max_age);
	if (x->max_bytes && !kept_size(x->max_bytes, &bytes))
		return cli_misuse(&x->cli,
				  "--max-bytes: expected a size such as 10G, not '%s'",
				  x->max_bytes);
	*victims = kept_mark(&x->list, age, bytes, os_realtime_ns());
	return CLI_OK;
}

static int
drop(struct cache *x, int argc, char **argv)
{
	size_t victims = 0;
	int status = CLI_OK;

	if (argc == 0 && !x->max_age && !x->max_bytes)
		return cli_misuse(&x->cli,
				  "which? Give keys, names, --max-age or --max-bytes");
	if (x->max_age || x->max_bytes)
		status = bounds(x, &victims);
	for (size_t i = 0; status == CLI_OK && i < x->list.count; i++)
		if (!x->list.item[i].victim && named(&x->list.item[i], argc, argv)) {
			x->list.item[i].victim = true;
			victims++;
		}
	if (status != CLI_OK)
		return status;
	for (size_t i = 0; (x->dry_run || x->cli.verbose) && i < x->list.count; i++)
		if (x->list.item[i].victim)
			show(x, &x->list.item[i]);
	if (victims == 0) {
		cli_say(&x->cli, "there is no such result, so none is withdrawn");
		return CLI_NOTHING;
	}
	if (x->dry_run) {
		cli_say(&x->cli, "nothing was done (--dry-run)");
		return CLI_OK;
	}
	status = kept_drop(&x->cli, x->tape, "tape-cache", &x->list);
	if (status == CLI_OK)
		cli_say(&x->cli, "%zu result%s withdrawn", victims,
			victims == 1 ? "" : "s");
	return status;
}

/* ---- why ---- */

static const char *
input_of(const struct kept *c, const char *name)
{
	for (size_t i = 0; i < c->input_count; i++)
		if (strcmp(c->inputs[i].name, name) == 0)
			return c->inputs[i].text;
	return NULL;
}

static void
show_difference(struct cache *x, const char *name, const char *a, const char *b)
{
	struct out *out = &x->cli.out;

	if (x->json) {
		out_str(out, "{\"input\":");
		json_str(out, name);
		out_printf(out, ",\"first\":%s,\"second\":%s}\n", a ? a : "null",
			   b ? b : "null");
		return;
	}
	show_text(x, name);
	out_str(out, ": ");
	show_text(x, a ? a : "(not a part of the key)");
	out_str(out, " | ");
	show_text(x, b ? b : "(not a part of the key)");
	out_char(out, '\n');
}

/* How many inputs differ; they are shown if `tell`. */
static size_t
compare(struct cache *x, const struct kept *a, const struct kept *b, bool tell)
{
	size_t n = 0;

	for (size_t i = 0; i < a->input_count; i++) {
		const char *other = input_of(b, a->inputs[i].name);

		if (other && strcmp(other, a->inputs[i].text) == 0)
			continue;
		n++;
		if (tell)
			show_difference(x, a->inputs[i].name, a->inputs[i].text, other);
	}
	for (size_t i = 0; i < b->input_count; i++)
		if (!input_of(a, b->inputs[i].name)) {
			n++;
			if (tell)
				show_difference(x, b->inputs[i].name, NULL,
						b->inputs[i].text);
		}
	return n;
}

/* The one entry that an operand names; NULL after a message. */
static const struct kept *
find_key(struct cache *x, const char *text)
{
	const struct kept *found = NULL;

	for (size_t i = 0; i < x->list.count; i++) {
		const struct kept *c = &x->list.item[i];

		if (strncmp(c->key, text, strlen(text)) != 0)
			continue;
		if (found) {
			cli_error(&x->cli, "%s is both %s and %s", text, found->key,
				  c->key);
			cli_hint(&x->cli, "write more of the key");
			return NULL;
		}
		found = c;
	}
	if (!found) {
		cli_error(&x->cli, "%s: there is no result under the key %s", x->tape,
			  text);
		cli_hint(&x->cli, "tape-cache ls %s lists those that there are", x->tape);
	}
	return found;
}

static int
why_keys(struct cache *x, const char *first, const char *second)
{
	const struct kept *a = find_key(x, first);
	const struct kept *b = a ? find_key(x, second) : NULL;
	size_t n = 0;

	if (!a || !b)
		return CLI_FAILED;
	if (strcmp(a->name, b->name) != 0) {
		show_difference(x, "(name)", a->name, b->name);
		n++;
	}
	n += compare(x, a, b, true);
	return n ? CLI_OK : CLI_NOTHING;
}

struct near {
	const struct kept *c;
	size_t differences;
};

static int
by_nearness(const void *a, const void *b)
{
	const struct near *x = a, *y = b;

	if (x->differences != y->differences)
		return x->differences < y->differences ? -1 : 1;
	return x->c->time > y->c->time ? -1 : x->c->time < y->c->time;
}

/* What differs least from the last one that was stored under that name or label. */
static int
why_name(struct cache *x, const char *name)
{
	struct near *near = mem_resize(NULL, (x->list.count + 1) * sizeof *near);
	const struct kept *last = NULL;
	size_t n = 0;

	for (size_t i = 0; i < x->list.count; i++) {
		const struct kept *c = &x->list.item[i];

		if (strcmp(c->name, name) != 0 && strcmp(c->path, name) != 0)
			continue;
		near[n++].c = c;
		if (!last || c->time > last->time)
			last = c;
	}
	for (size_t i = 0; i < n; i++)
		near[i].differences = compare(x, last, near[i].c, false);
	if (n > 1)
		qsort(near, n, sizeof *near, by_nearness);
	if (n > 0)
		show(x, last);
	for (size_t i = 0, shown = 0; i < n && shown < NEAR; i++) {
		if (near[i].c == last)
			continue;
		shown++;
		show(x, near[i].c);
		(void)compare(x, last, near[i].c, true);
	}
	free(near);
	if (n == 0)
		cli_say(&x->cli, "no result has the name or the label path '%s'", name);
	return n > 1 ? CLI_OK : CLI_NOTHING;
}

static int
why(struct cache *x, int argc, char **argv)
{
	if (argc == 2 && is_key(argv[0]) && is_key(argv[1]))
		return why_keys(x, argv[0], argv[1]);
	if (argc == 1)
		return why_name(x, argv[0]);
	for (int i = 0; argc == 2 && i < 2; i++)
		if (!is_key(argv[i]))
			return cli_misuse(&x->cli,
					  "'%s' is no key: at least four hex digits",
					  argv[i]);
	return cli_misuse(&x->cli, "two keys, or the name of one, are needed");
}

/* ---- the tool ---- */

static int
run(struct cache *x, int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(struct cache *x, int argc, char **argv);
	} commands[] = { { "ls", list }, { "drop", drop }, { "why", why } };
	struct tape_reader_options options = { .size = sizeof(options),
					       .flags = TAPE_READER_SUPERSEDED,
					       .on_report = on_report,
					       .user = x };
	struct tape_error err;
	size_t which = 0;
	int status;

	if (argc == 0)
		return cli_misuse(&x->cli, "ls, drop or why is needed");
	while (which < 3 && strcmp(argv[0], commands[which].name) != 0)
		which++;
	if (which == 3)
		return cli_misuse(&x->cli, "'%s' is none of ls, drop, why", argv[0]);
	argc--;
	argv++;
	x->tape = where_tape(&x->cli, &argc, &argv, false);
	if (!x->tape)
		return CLI_NO_TAPE;
	if (tape_reader_open(x->tape, &options, &x->reader, &err) < 0)
		return cli_fail(&x->cli, x->tape, &err);
	status = kept_read(&x->cli, x->tape, x->reader, &x->list);
	tape_reader_close(x->reader);
	if (status == 0)
		status = commands[which].run(x, argc, argv);
	kept_release(&x->list);
	return status;
}

static const char details[] =
	"  ls [TAPE] [KEY|NAME]...     the results that hold, by key: key, name, how "
	"long\n"
	"                              it took, bytes, when it was used last, inputs\n"
	"  drop [TAPE] KEY|NAME...     withdraws results: the next run computes them\n"
	"  why [TAPE] KEY KEY          which named input differs\n"
	"  why [TAPE] NAME             the last one of that name or label path, and "
	"what\n"
	"                              differs least from it\n"
	"\n"
	"KEY is a key as ls prints it; its first digits, at least four, are enough.\n"
	"What was used is known from the notes that sessions leave at their end.\n";

int
main(int argc, char **argv)
{
	static struct cache x = {
		.cli = { .tool = "tape-cache",
			 .usage = "ls|drop|why [TAPE] [KEY|NAME]...",
			 .summary = "the results that a tape keeps under keys",
			 .examples = {
				 { "tape-cache ls run.tape yield",
				   "the results named yield" },
				 { "tape-cache why run.tape 3e21 90ab",
				   "which input of two keys differs" },
				 { "tape-cache drop run.tape --max-age 90d",
				   "what nobody used for three months" },
			 },
			 .details = details,
			 .formats = "reads tape 1, generation 1; writes tape 1",
			 .exit_nothing = true },
	};
	const struct cli_opt table[] = {
		CLI_FLAG(0, "json", &x.json, "an object a line"),
		CLI_FLAG(0, "dry-run", &x.dry_run, "drop: say which, and do nothing"),
		CLI_STR(0, "max-age", &x.max_age, "SPAN",
			"drop: what was not used for so long (30d, 12h)"),
		CLI_STR(0, "max-bytes", &x.max_bytes, "SIZE",
			"drop: the least recently used, until so much is left"),
		CLI_COMMON(&x.cli),
	};
	int status;

	if (!cli_parse(&x.cli, table, &argc, &argv, &status))
		return status;
	status = run(&x, argc, argv);
	cli_report_end(&x.cli);
	return cli_finish(&x.cli, status);
}
