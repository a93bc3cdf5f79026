/* SPDX-License-Identifier: Apache-2.0 */
/* argv by a table. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/mem.h"
#include "cli/term.h"
#include "format/os.h"

/* How an option was spelled, for messages. */
struct spelled {
	char text[80];
};

static bool
takes_argument(const struct cli_opt *opt)
{
	return opt->kind == CLI_KIND_STR || opt->kind == CLI_KIND_U64 ||
	       opt->kind == CLI_KIND_LIST;
}

static bool
set_option(const struct cli *cli, const struct cli_opt *opt, const struct spelled *as,
	   const char *value)
{
	struct cli_list *list = opt->to;

	switch (opt->kind) {
	case CLI_KIND_FLAG:
		*(bool *)opt->to = true;
		return true;
	case CLI_KIND_SET:
		*(const char **)opt->to = opt->arg;
		return true;
	case CLI_KIND_STR:
	case CLI_KIND_OPTIONAL:
		*(const char **)opt->to = value;
		return true;
	case CLI_KIND_U64:
		if (cli_parse_u64(value, opt->to))
			return true;
		(void)cli_misuse(cli, "%s takes a whole number, not '%s'", as->text,
				 value);
		return false;
	case CLI_KIND_LIST:
		list->item =
			mem_resize(list->item, (list->count + 1) * sizeof(*list->item));
		list->item[list->count++] = value;
		return true;
	default:
		return false;
	}
}

static void
unknown_long(const struct cli *cli, const struct cli_opt *table, const char *name,
	     size_t len)
{
	const char *names[64];
	size_t count = 0;
	char word[80];

	for (const struct cli_opt *opt = table; opt->kind != CLI_KIND_END; opt++)
		if (opt->name && count < sizeof(names) / sizeof(*names))
			names[count++] = opt->name;
	(void)snprintf(word, sizeof(word), "%.*s", (int)(len < 70 ? len : 70), name);
	const char *near = cli_nearest(word, names, count);

	if (near)
		(void)cli_misuse(cli, "there is no option --%s; did you mean --%s?", word,
				 near);
	else
		(void)cli_misuse(cli, "there is no option --%s", word);
}

/* argv[*at] is "--name" or "--name=value". */
static bool
long_option(const struct cli *cli, const struct cli_opt *table, int argc, char **argv,
	    int *at)
{
	const char *name = argv[*at] + 2;
	size_t len = strcspn(name, "=");
	const char *value = name[len] ? name + len + 1 : NULL;
	const struct cli_opt *opt = table;
	struct spelled as;

	for (; opt->kind != CLI_KIND_END; opt++)
		if (opt->name && strlen(opt->name) == len &&
		    memcmp(opt->name, name, len) == 0)
			break;
	if (opt->kind == CLI_KIND_END) {
		unknown_long(cli, table, name, len);
		return false;
	}
	(void)snprintf(as.text, sizeof(as.text), "--%s", opt->name);
	if (takes_argument(opt) && !value) {
		if (*at + 1 >= argc) {
			(void)cli_misuse(cli, "%s needs an argument: %s=%s", as.text,
					 as.text, opt->arg);
			return false;
		}
		value = argv[++*at];
	} else if (!takes_argument(opt) && opt->kind != CLI_KIND_OPTIONAL && value) {
		(void)cli_misuse(cli, "%s takes no argument", as.text);
		return false;
	}
	return set_option(cli, opt, &as, value ? value : "");
}

/* argv[*at] is "-abc": flags, or letters of which the last has an argument. */
static bool
short_options(const struct cli *cli, const struct cli_opt *table, int argc, char **argv,
	      int *at)
{
	for (const char *c = argv[*at] + 1; *c; c++) {
		const struct cli_opt *opt = table;
		struct spelled as;

		while (opt->kind != CLI_KIND_END && opt->letter != *c)
			opt++;
		if (opt->kind == CLI_KIND_END) {
			(void)cli_misuse(cli, "there is no option -%c (in '%s')", *c,
					 argv[*at]);
			return false;
		}
		(void)snprintf(as.text, sizeof(as.text), "-%c", *c);
		if (!takes_argument(opt)) {
			if (!set_option(cli, opt, &as, ""))
				return false;
			continue;
		}
		const char *value = c[1] ? c + 1 : *at + 1 < argc ? argv[++*at] : NULL;
		if (!value) {
			(void)cli_misuse(cli, "%s needs an argument: %s %s", as.text,
					 as.text, opt->arg);
			return false;
		}
		return set_option(cli, opt, &as, value);
	}
	return true;
}

/* Options may stand anywhere up to "--"; operands are moved to the front. */
static bool
read_arguments(const struct cli *cli, const struct cli_opt *table, int argc, char **argv,
	       int *operands)
{
	int kept = 0;

	for (int at = 0; at < argc; at++) {
		char *arg = argv[at];
		if (strcmp(arg, "--") == 0) {
			for (at++; at < argc; at++)
				argv[kept++] = argv[at];
			break;
		}
		/* "-" is stdin; a "-" before a digit or a point begins a number. */
		bool option = arg[0] == '-' && arg[1] &&
			      !(arg[1] >= '1' && arg[1] <= '9') && arg[1] != '.';
		if (!option) {
			argv[kept++] = arg;
			continue;
		}
		bool ok = arg[1] == '-' ? long_option(cli, table, argc, argv, &at)
					: short_options(cli, table, argc, argv, &at);
		if (!ok)
			return false;
	}
	*operands = kept;
	return true;
}

bool
cli_parse(struct cli *cli, const struct cli_opt *table, int *argc, char ***argv,
	  int *status)
{
	static const char *const whens[] = { "auto", "always", "never", NULL };
	int operands = 0;

	out_open(&cli->out, 1);
	cli->color = "auto";
	cli->tty_out = term_is_tty(1);
	cli->tty_err = term_is_tty(2);
	cli->color_err = term_colour("auto", cli->tty_err);
	*status = CLI_FAILED;
	if (!read_arguments(cli, table, *argc > 0 ? *argc - 1 : 0, *argv + 1, &operands))
		return false;
	if (cli_choice(cli, "--color", cli->color, whens) < 0)
		return false;
	cli->color_out = term_colour(cli->color, cli->tty_out);
	cli->color_err = term_colour(cli->color, cli->tty_err);
	if (cli->help || cli->brief || cli->version) {
		if (cli->version)
			help_version(&cli->out, cli);
		else if (cli->help)
			help_full(&cli->out, cli, table);
		else
			help_brief(&cli->out, cli, table);
		*status = cli_finish(cli, CLI_OK);
		return false;
	}
	*argv += *argc > 0;
	*argc = operands;
	return true;
}

int
cli_finish(struct cli *cli, int status)
{
	char cause[80];
	int error;

	out_flush(&cli->out);
	error = cli->out.error;
	bool used = cli->out.used;
	out_release(&cli->out);
	/* Some file systems say only at close(2) that they could not keep it. */
	if (fclose(stdout) != 0 && !error && used)
		error = errno;
	if (error == EPIPE)
		return CLI_CLOSED;
	if (error && status != CLI_FAILED && status != CLI_NO_TAPE) {
		cli_error(cli, "standard output: %s",
			  os_strerror(-error, cause, sizeof(cause)));
		return CLI_FAILED;
	}
	if (cli->damage && (status == CLI_OK || status == CLI_NOTHING))
		return CLI_DAMAGE;
	return status;
}
