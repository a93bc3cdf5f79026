/* SPDX-License-Identifier: Apache-2.0 */
#include "search/chunk.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_TEXT ((size_t)1 << 20)

/* Scopes are written before they are read. */
static void
clear(struct chunk *c)
{
	memset(c, 0, offsetof(struct chunk, scopes));
	memset((char *)c + offsetof(struct chunk, reports), 0,
	       sizeof *c - offsetof(struct chunk, reports));
}

struct chunk *
chunk_new(void)
{
	struct chunk *c = malloc(sizeof *c);

	if (c != NULL)
		clear(c);
	return c;
}

void
chunk_drop_reports(struct chunk *c, size_t count)
{
	while (c->report_count > count) {
		struct chunk_report *r = &c->reports[--c->report_count];

		free(r->file);
		free(r->message);
	}
}

void
chunk_free(struct chunk *c)
{
	if (c == NULL)
		return;
	chunk_drop_reports(c, 0);
	free(c->reports);
	free(c->text);
	free(c);
}

void
chunk_clear(struct chunk *c)
{
	struct chunk_report *reports = c->reports;
	size_t report_cap = c->report_cap, text_cap = c->text_cap;
	char *text = c->text;

	chunk_drop_reports(c, 0);
	if (text_cap > KEPT_TEXT) {
		free(text);
		text = NULL;
		text_cap = 0;
	}
	clear(c);
	c->reports = reports;
	c->report_cap = report_cap;
	c->text = text;
	c->text_cap = text_cap;
}

static struct chunk_report *
new_report(struct chunk *c)
{
	struct chunk_report *more;
	size_t cap = c->report_cap == 0 ? 8 : c->report_cap * 2;

	if (c->report_count == c->report_cap) {
		more = realloc(c->reports, cap * sizeof *more);
		if (more == NULL)
			return NULL;
		c->reports = more;
		c->report_cap = cap;
	}
	return &c->reports[c->report_count];
}

int
chunk_add_report(struct chunk *c, const struct tape_report *report, uint64_t place)
{
	struct chunk_report *r = new_report(c);

	if (r == NULL)
		return TAPE_ERR_NOMEM;
	*r = (struct chunk_report){ .before = c->at,
				    .report = *report,
				    .place = place,
				    .file = strdup(report->file),
				    .message = strdup(report->message) };
	if (r->file == NULL || r->message == NULL) {
		free(r->file);
		free(r->message);
		return TAPE_ERR_NOMEM;
	}
	r->report.file = r->file;
	r->report.message = r->message;
	c->report_count++;
	return 0;
}

int
chunk_move_report(struct chunk *c, size_t before, struct chunk_report *from)
{
	struct chunk_report *r = new_report(c);

	if (r == NULL)
		return TAPE_ERR_NOMEM;
	*r = *from;
	r->before = before;
	from->file = from->message = NULL;
	c->report_count++;
	return 0;
}

int
chunk_add_text(struct chunk *c, const void *data, size_t len)
{
	size_t cap = c->text_cap == 0 ? 65536 : c->text_cap;
	char *more;

	if (c->text_cap - c->text_len < len) {
		while (cap - c->text_len < len) {
			if (cap > SIZE_MAX / 2)
				return TAPE_ERR_NOMEM;
			cap *= 2;
		}
		more = realloc(c->text, cap);
		if (more == NULL)
			return TAPE_ERR_NOMEM;
		c->text = more;
		c->text_cap = cap;
	}
	if (len != 0)
		memcpy(c->text + c->text_len, data, len);
	c->text_len += len;
	return 0;
}
