/* SPDX-License-Identifier: Apache-2.0 */
/* --explain: what an answer took, on stderr. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/find.h"
#include "format/os.h"

static double
ms(int64_t ns)
{
	return (double)ns / 1e6;
}

static void
left_out(const char *what, uint64_t count, const char *more)
{
	if (count != 0)
		(void)fprintf(stderr, "    %12" PRIu64 " left out by %s%s\n", count, what,
			      more);
}

/* What the scopes were chosen by, in the order in which it was asked. */
static void
plan(const struct tape_read_stats *s)
{
	const struct {
		uint64_t count;
		const char *text;
	} steps[] = {
		{ s->parts_by_position, "position" },
		{ s->parts_by_time, "time" },
		{ s->generations_by_hash, "hash (by the index)" },
		{ s->forms_refused, "form (labels, variables, site)" },
		{ s->parts_by_values, "values (by columns)" },
	};
	const char *before = "  plan       ";

	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		if (steps[i].count == 0)
			continue;
		(void)fprintf(stderr, "%s%s", before, steps[i].text);
		before = ", then ";
	}
	if (s->parts == 0)
		(void)fprintf(stderr, "%snothing: no part of a generation was walked\n",
			      before);
	else
		(void)fprintf(stderr, "%sthe whole query\n", before);
}

static void
blocks(const struct tape_read_stats *s)
{
	plan(s);
	(void)fprintf(stderr, "  generations %" PRIu64 ", blocks %" PRIu64 "\n",
		      s->generations, s->blocks);
	left_out("position", s->blocks_by_position, "");
	left_out("time", s->blocks_by_time, "");
	left_out("hash", s->blocks_by_fingerprint, "");
	left_out("form", s->blocks_by_label, ", session or position");
	left_out("time or values", s->blocks_by_value, ", group by group");
	left_out("hash", s->groups_by_fingerprint, ", groups of the blocks left");
	(void)fprintf(stderr, "  groups     %" PRIu64 " of the forms and positions\n",
		      s->groups);
	left_out("time", s->groups_by_time, "");
	left_out("values", s->groups_by_value, "");
	(void)fprintf(stderr, "  contents   %" PRIu64 " groups tested by columns\n",
		      s->tested_groups);
	left_out("least and greatest values", s->contents_by_range, "");
	left_out("values of the index", s->contents_by_values, "");
	left_out("hash", s->contents_by_fingerprint, "");
	(void)fprintf(stderr,
		      "  scopes     %" PRIu64 " in the groups left, %" PRIu64
		      " given to the query, %" PRIu64 " matched\n",
		      s->rows, s->scopes, s->matched);
}

void
find_explain(const struct find *find)
{
	struct tape_read_stats s = { .size = sizeof s };
	int64_t all = os_monotonic_ns() - find->began;

	if (!find->explain || find->reader == NULL)
		return;
	tape_reader_stats(find->reader, &s);
	(void)fprintf(stderr, "explain: %s\n", find->text[0] == 0 ? "(all)" : find->text);
	if (s.generations == 0)
		(void)fprintf(stderr,
			      "  nothing is compacted: %" PRIu64
			      " scopes were given to the query, %" PRIu64 " matched\n",
			      s.scopes, s.matched);
	else
		blocks(&s);
	(void)fprintf(stderr,
		      "  sections   %" PRIu64 ": %" PRIu64 " headers of blocks, %" PRIu64
		      " columns of scopes, %" PRIu64 " of contents\n",
		      s.sections, s.headers, s.occurrence_columns, s.content_columns);
	(void)fprintf(stderr,
		      "  bytes      %" PRIu64 " read, %" PRIu64 " decompressed, %" PRIu64
		      " of the index\n",
		      s.section_bytes, s.raw_bytes, s.index_bytes);
	(void)fprintf(
		stderr,
		"  time       %.3f ms: opening %.3f, choosing rows %.3f (asking the "
		"index %.3f); reading and decompressing %.3f, part of all of "
		"these%s\n",
		ms(all), ms(s.open_ns), ms(s.filter_ns), ms(s.index_ns), ms(s.read_ns),
		find->threads == 1 ? "" : ", summed over threads");
}
