/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdarg.h>
#include <stdio.h>

#include "format/os.h"

#define SECOND INT64_C(1000000000)

int
progress_begin(struct progress *p, const struct cli *cli)
{
	static const char *const choices[] = { "auto", "always", "never", "json", NULL };
	int chosen = cli_choice(cli, "--progress", p->when == NULL ? "auto" : p->when,
				choices);

	if (chosen < 0)
		return -1;
	p->how = PROGRESS_NONE;
	if (chosen == 1 || (chosen == 0 && cli->tty_err && !cli->quiet))
		p->how = PROGRESS_LINE;
	else if (chosen == 3)
		p->how = PROGRESS_JSON;
	p->at_once = chosen == 1 || chosen == 3;
	p->began = os_monotonic_ns();
	return 0;
}

bool
progress_due(struct progress *p, double *seconds)
{
	int64_t now = os_monotonic_ns();

	*seconds = (double)(now - p->began) / 1e9;
	if (p->how == PROGRESS_NONE || (!p->at_once && now - p->began < SECOND) ||
	    (p->told != 0 && now - p->told < SECOND / 5))
		return false;
	p->told = now;
	return true;
}

void
progress_tell(struct progress *p, const char *format, ...)
{
	va_list args;

	if (p->how == PROGRESS_LINE)
		(void)fputs("\r\033[K", stderr);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	if (p->how == PROGRESS_JSON)
		(void)fputc('\n', stderr);
	(void)fflush(stderr);
	p->line = p->how == PROGRESS_LINE;
}

void
progress_clear(struct progress *p)
{
	if (p->line)
		(void)fputs("\r\033[K", stderr);
	p->line = false;
}

const char *
progress_left(double seconds, double done, double total, char text[16])
{
	double left = done > 0 && total > done ? seconds * (total - done) / done : 0;

	if (left < 100)
		(void)snprintf(text, 16, "%.0f s", left);
	else if (left < 6000)
		(void)snprintf(text, 16, "%.0f min", left / 60);
	else
		(void)snprintf(text, 16, "%.0f h", left < 3.6e8 ? left / 3600 : 99999);
	return text;
}
