/* SPDX-License-Identifier: Apache-2.0 */
#include "search/source.h"

#include <stdarg.h>
#include <stdio.h>

#include "search/reader.h"

static void tell(struct source *source, const struct source_place *place, int kind,
		 const char *format, va_list ap) __attribute__((format(printf, 4, 0)));

static void tell(struct source *source, const struct source_place *place, int kind,
		 const char *format, va_list ap) __attribute__((format(printf, 4, 0)));

static void
tell(struct source *source, const struct source_place *place, int kind,
     const char *format, va_list ap)
{
	char text[400];

	vsnprintf(text, sizeof text, format, ap);
	reader_report(source->reader, kind, source->ops->file(source, place),
		      place->offset, 0, "%s", text);
}

/* A cache of what the record already says, as in scope.c. */
static void
fill(const struct source_record *rec, unsigned parts)
{
	struct source_record *mutable = (struct source_record *)(uintptr_t)rec;

	if ((rec->missing & parts) != 0)
		rec->of->ops->fill(rec->of, mutable, parts);
}

int64_t
source_time(const struct source_record *rec)
{
	fill(rec, PART_TIME);
	return rec->time;
}

uint64_t
source_target(const struct source_record *rec)
{
	fill(rec, PART_TARGET);
	return rec->target;
}

void
source_lost(struct source *source, const struct source_place *place, const char *format,
	    ...)
{
	int kind = source->ops->excused(source, place) ? TAPE_NOTE_MET : TAPE_DAMAGE_MET;
	va_list ap;

	va_start(ap, format);
	tell(source, place, kind, format, ap);
	va_end(ap);
}

void
source_damaged(struct source *source, const struct source_place *place,
	       const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	tell(source, place, TAPE_DAMAGE_MET, format, ap);
	va_end(ap);
}

int
source_lookup_none(struct source *source, uint64_t seq, struct source_record *out,
		   struct tape_error *err)
{
	(void)source;
	(void)seq;
	(void)out;
	(void)err;
	return 0;
}
