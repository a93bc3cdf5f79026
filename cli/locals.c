/* SPDX-License-Identifier: Apache-2.0 */
/* tape-locals - lists what TAPE_LOCALS records; see docs/man/tape-locals.1 */
#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"
#include "locals/locals.h"

/* ---- one variable ---- */

/* Element [0]...[0] of an array, of its own dimensions and of those of structures above. */
static void
put_extent(struct out *out, const struct local_var *var, unsigned i)
{
	if (var->dims[i] != UINT64_MAX)
		out_u64(out, var->dims[i]);
	else
		out_printf(out, "sizeof(%s)/sizeof((%s)[0])", var->row[i], var->row[i]);
}

static void
put_array(struct out *out, const struct local_var *var)
{
	if (var->plain) {
		out_printf(out, "tape_v_(%s), ", var->row[0]);
		return;
	}
	out_printf(out, "tape_n_(&%s, \"%s\", %u, (", var->expression,
		   tape_dtype_name(var->dtype), var->ndim);
	for (unsigned i = 0; i < var->ndim; i++) {
		out_str(out, i ? ", " : "");
		put_extent(out, var, i);
	}
	out_str(out, "), (");
	for (unsigned i = 0; i < var->ndim; i++)
		out_printf(out, "%ssizeof((%s)[0])", i ? ", " : "", var->row[i]);
	out_str(out, ")), ");
}

static void
put_var(struct out *out, const struct local_var *var)
{
	switch (var->form) {
	case LOCAL_VALUE:
	case LOCAL_TEXT:
		out_printf(out, "tape_v_(%s), ", var->expression);
		break;
	case LOCAL_STRING:
		out_printf(out, "tape_s_(%s), ", var->expression);
		break;
	case LOCAL_ARRAY:
		put_array(out, var);
		break;
	default:
		out_printf(out, "tape_a_(%u), ", var->reason);
	}
}

/* ---- one place ---- */

/* On one line each: the preprocessor counts none of them. */
static void
put_list(struct out *out, const struct local_site *site)
{
	out_printf(out, "\n/* %s:%u, %s */\n", site->file, site->line, site->func);
	out_printf(out, "#define TAPE_LOCALS_AT_%u ~, TAPE_LOCALS_LISTED_\n", site->line);
	out_printf(out, "#define TAPE_LOCALS_COUNT_%u %zu\n", site->line,
		   site->list.count);
	out_printf(out, "#define TAPE_LOCALS_NAMES_%u \"", site->line);
	for (size_t i = 0; i < site->list.count; i++)
		out_printf(out, "%s%s", i ? "," : "", site->list.vars[i].name);
	out_str(out, "\"\n");
	out_printf(out,
		   "#define TAPE_LOCALS_LIST_%u(tape_v_, tape_a_, tape_s_, tape_n_) ",
		   site->line);
	for (size_t i = 0; i < site->list.count; i++)
		put_var(out, &site->list.vars[i]);
	out_char(out, '\n');
}

/* What makes a list, as text: the same place may be there several times. */
static bool
same_list(const struct local_site *a, const struct local_site *b)
{
	struct out one, other;
	bool same;

	if (strcmp(a->file, b->file) != 0 || a->list.count != b->list.count)
		return false;
	out_hold(&one);
	out_hold(&other);
	for (size_t i = 0; i < a->list.count; i++) {
		out_str(&one, a->list.vars[i].name);
		put_var(&one, &a->list.vars[i]);
		out_str(&other, b->list.vars[i].name);
		put_var(&other, &b->list.vars[i]);
	}
	same = one.len == other.len && memcmp(one.buf, other.buf, one.len) == 0;
	out_release(&one);
	out_release(&other);
	return same;
}

/* ---- one object ---- */

/* The sites of one line, all of which must agree. False after a message. */
static bool
put_line(struct cli *cli, const char *path, const struct local_site *site,
	 const struct local_site *end)
{
	if (site->why[0]) {
		cli_error(cli, "%s: %s:%u, %s: %s", path, site->file, site->line,
			  site->func, site->why);
		return false;
	}
	for (const struct local_site *other = site->next; other != end;
	     other = other->next) {
		if (other->why[0] == '\0' && same_list(site, other))
			continue;
		cli_error(
			cli,
			"%s: line %u has a TAPE_LOCALS in %s (%s) and another in %s (%s)",
			path, site->line, site->func, site->file, other->func,
			other->file);
		cli_hint(cli,
			 "a list goes by the line alone: move one of them by a line");
		return false;
	}
	put_list(&cli->out, site);
	return true;
}

static int
object(struct cli *cli, const char *path)
{
	struct local_site *sites = NULL;
	char why[256];
	bool fine = true;

	if (locals_of_object(path, &sites, why, sizeof why) < 0) {
		cli_error(cli, "%s: %s", path, why);
		return CLI_FAILED;
	}
	out_printf(&cli->out, "/* What TAPE_LOCALS records, made by tape-locals of a "
			      "build with -O0 -g. */\n");
	for (const struct local_site *site = sites; site;) {
		const struct local_site *end = site->next;

		while (end && end->line == site->line)
			end = end->next;
		fine &= put_line(cli, path, site, end);
		site = end;
	}
	local_sites_free(sites);
	return fine ? CLI_OK : CLI_FAILED;
}

static const char details[] =
	"The header is for the compiler of that source, with optimisation or without:\n"
	"each TAPE_LOCALS then records what was in its scope, at the cost of a TAPE\n"
	"that names it. It is made anew when the source changes; docs/locals.md has\n"
	"recipes for Make, Meson and CMake.\n"
	"\n"
	"Where a place has no list that can be trusted, this is an error: the header\n"
	"is printed without it, and the exit code is 2.\n";

int
main(int argc, char **argv)
{
	static struct cli cli = {
		.tool = "tape-locals",
		.usage = "OBJECT",
		.summary = "list what TAPE_LOCALS records, from an object made with -O0 -g",
		.examples = {
			{ "cc -O0 -g -w -c sim.c -o sim.locals.o", "a build for reading alone" },
			{ "tape-locals sim.locals.o > sim.locals.h", "the lists of its places" },
			{ "cc -O2 -include sim.locals.h -c sim.c", "the build that is run" },
		},
		.details = details,
		.formats = "reads ELF objects with DWARF 3 to 5",
	};
	const struct cli_opt table[] = {
		CLI_COMMON(&cli),
	};
	int status;

	if (!cli_parse(&cli, table, &argc, &argv, &status))
		return status;
	if (argc != 1)
		status = cli_misuse(&cli, "one object file is needed");
	else
		status = object(&cli, argv[0]);
	return cli_finish(&cli, status);
}
