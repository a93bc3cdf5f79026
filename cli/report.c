/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader reports, as messages. */
#include <stdio.h>

#include "cli/cli.h"
#include "tape/search.h"

#define REPORTS_SHOWN 20

void
cli_report(struct cli *cli, const char *tape, const struct tape_report *report)
{
	bool damage = report->kind == TAPE_DAMAGE_MET;
	char place[48] = "";

	if (damage)
		cli->damage++;
	else if (!cli->verbose)
		return;
	if (cli->quiet || ++cli->reports > REPORTS_SHOWN)
		return;
	/* Of a file that cannot even be opened no place is at fault. */
	if (report->offset || report->bytes)
		(void)snprintf(place, sizeof(place), " at offset %llu",
			       (unsigned long long)report->offset);
	if (damage)
		cli_warn(cli, "%s/%s%s: %s", tape, report->file, place, report->message);
	else
		cli_say(cli, "note: %s/%s%s: %s", tape, report->file, place,
			report->message);
}

void
cli_report_end(const struct cli *cli)
{
	if (cli->reports > REPORTS_SHOWN)
		cli_warn(cli, "%llu more reports are not shown",
			 (unsigned long long)(cli->reports - REPORTS_SHOWN));
}
