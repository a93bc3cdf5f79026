/* SPDX-License-Identifier: Apache-2.0 */
/* tape_compact: plan, pack, verify, publish, clean. */
#include "tape/compact.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compactor/withdrawn.h"
#include "format/error.h"

#define DEFAULT_LEVEL 3
#define DEFAULT_MEMORY (UINT64_C(256) << 20)
#define MOST_JOBS 64u

int
compaction_no_memory(struct compaction *c)
{
	return error_set(c->err, TAPE_ERR_NOMEM, NULL, 0,
			 "no memory to compact the tape");
}

void
compaction_event(struct compaction *c, const char *what, uint64_t bytes,
		 const char *format, ...)
{
	char why[512];
	struct tape_compact_event event = { what, why, bytes };
	va_list ap;

	if (c->options.on_event == NULL)
		return;
	va_start(ap, format);
	(void)vsnprintf(why, sizeof why, format, ap);
	va_end(ap);
	c->options.on_event(c->options.user, &event);
}

bool
compaction_refused(const struct compaction *c, const uint64_t session[2])
{
	for (size_t i = 0; i < c->refused_count; i++)
		if (memcmp(c->refused[i], session, sizeof c->refused[i]) == 0)
			return true;
	return false;
}

int
compaction_refuse(struct compaction *c, const uint64_t session[2], const char *why)
{
	char text[TAPE_SESSION_TEXT];
	uint64_t(*more)[2];

	tape_session_text(session, text);
	if (compaction_refused(c, session)) { /* then it is not what is raw of it */
		c->merge_none = true;
		return error_set(c->err, TAPE_ERR_DAMAGED, text, 0,
				 "what generations hold of the session is damaged (%s): "
				 "tape-check says where",
				 why);
	}
	more = realloc(c->refused, (c->refused_count + 1) * sizeof *more);
	if (more == NULL)
		return compaction_no_memory(c);
	c->refused = more;
	memcpy(more[c->refused_count++], session, sizeof *more);
	compaction_event(c, text, 0, "stays raw: %s", why);
	return TAPE_ERR_DAMAGED;
}

int
compaction_progress(struct compaction *c, int stage, uint64_t done, uint64_t total,
		    uint64_t bytes_in, uint64_t bytes_out)
{
	struct tape_compact_progress p = { stage, done, total, bytes_in, bytes_out };

	if (c->options.on_progress == NULL ||
	    c->options.on_progress(c->options.user, &p) == 0)
		return 0;
	return error_set(c->err, TAPE_ERR_STOPPED, NULL, 0,
			 "stopped; the tape is as it was before");
}

/* ---- one attempt ---- */

static void
forget(struct compaction *c)
{
	clean_abandon(c);
	generation_manifest_release(&c->manifest);
	memset(c->filter, 0, sizeof c->filter);
	plan_release(c);
}

/* People know a session by its name, and by the machine that it ran on. */
static void
say_session(struct compaction *c, const struct part *p)
{
	char text[TAPE_SESSION_TEXT], who[320] = "";
	struct source *source = NULL;

	tape_session_text(p->input.session, text);
	if (snapshot_open(c->snapshot, p->index, &source, NULL) == 1) {
		const struct source_facts *f = source->ops->facts(source);

		(void)snprintf(who, sizeof who, "%s%.120s%s%.120s",
			       *f->name ? " of " : "", f->name, *f->host ? " on " : "",
			       f->host);
		source->ops->close(source);
	}
	compaction_event(c, text, p->input.bytes,
			 "%u segment%s%s would be compacted and removed%s",
			 (unsigned)p->input.log_count, p->input.log_count == 1 ? "" : "s",
			 who, p->complete ? "" : "; it goes on");
}

static int
say_withdrawn(struct compaction *c)
{
	struct withdrawn_sum sum;
	int r = withdrawn_sum_up(c, true, &sum);

	if (r == 0 && sum.results != 0)
		compaction_event(c, "cache", sum.bytes,
				 "%llu withdrawn result%s would be left out",
				 (unsigned long long)sum.results,
				 sum.results == 1 ? "" : "s");
	return r;
}

static int
say_plan(struct compaction *c)
{
	for (size_t i = 0; i < c->part_count; i++)
		if (c->parts[i].raw)
			say_session(c, &c->parts[i]);
	for (size_t i = c->keep; i < c->snapshot->generations->count; i++)
		compaction_event(c, c->snapshot->generations->items[i].path,
				 c->snapshot->generations->live.generations[i].bytes,
				 "would be merged and removed");
	return say_withdrawn(c);
}

static void
count_result(struct compaction *c)
{
	struct tape_compact_result *r = c->result;

	r->scopes = c->manifest.scopes;
	r->contents = c->manifest.contents;
	r->links = c->manifest.links;
	r->projections = c->manifest.projections;
	r->bookmarks = c->manifest.bookmarks;
	r->blobs = c->manifest.blobs;
	r->blob_bytes = c->manifest.blob_bytes;
	r->bytes_in = c->bytes_in;
	for (size_t i = 0; i < c->part_count; i++)
		r->sessions += c->parts[i].raw;
	for (size_t i = 0; i < c->manifest.file_count; i++)
		r->bytes_out += c->manifest.files[i].size;
	r->generations = c->snapshot->generations->count - c->keep;
}

static int
attempt(struct compaction *c)
{
	int r;

	c->result->left_raw = 0;
	r = plan_make(c);
	if (r != 0)
		return r;
	if ((c->options.flags & TAPE_COMPACT_DRY_RUN) != 0)
		return say_plan(c);
	if (c->part_count == 0) {
		clean_replaced(c);
		return 0;
	}
	r = publish_begin(c);
	if (r == 0)
		r = pack_all(c);
	if (r == 0)
		r = compaction_progress(c, TAPE_COMPACT_PUBLISH, 0, 0, c->bytes_in, 0);
	if (r == 0)
		r = publish(c);
	if (r != 0)
		return r;
	count_result(c);
	clean_replaced(c);
	return 0;
}

/* ---- the whole ---- */

static void
take_options(struct compaction *c, const struct tape_compact_options *options)
{
	if (options != NULL && options->size >= sizeof *options)
		c->options = *options;
	if (c->options.level <= 0)
		c->options.level = DEFAULT_LEVEL;
	if (c->options.level > 19)
		c->options.level = 19;
	if (c->options.jobs == 0)
		c->options.jobs = os_processors();
	if (c->options.jobs > MOST_JOBS)
		c->options.jobs = MOST_JOBS;
	if (c->options.memory == 0)
		c->options.memory = DEFAULT_MEMORY;
}

static void
on_report(void *user, const struct tape_report *report)
{
	struct compaction *c = user;

	if (c->options.on_report != NULL)
		c->options.on_report(c->options.user, report);
}

/* Nobody asked for these generations to be merged, and what is new can do without. */
static bool
may_leave_generations(const struct compaction *c)
{
	return (c->options.flags & TAPE_COMPACT_FULL) == 0 && !c->merge_none &&
	       c->snapshot != NULL && c->keep < c->snapshot->generations->count;
}

/*
 * A session that turns out damaged is left out, and everything begins again;
 * damage in generations leaves those as they are.
 */
static int
attempts(struct compaction *c)
{
	struct tape_error why = { 0 };
	size_t refused;
	bool merge_none;
	int r;

	do {
		refused = c->refused_count;
		merge_none = c->merge_none;
		r = attempt(c);
		if ((r == TAPE_ERR_DAMAGED || r == TAPE_ERR_LIMIT) &&
		    c->refused_count == refused && may_leave_generations(c)) {
			why = *c->err;
			c->merge_none = true;
			compaction_event(c, PATH_GEN, 0, "stay as they are: %s",
					 why.message);
		}
		forget(c);
	} while (r != 0 && (c->refused_count > refused || c->merge_none != merge_none));
	c->result->left_raw += c->refused_count;
	/* Where merging was all that there was to do, it failed. */
	if (r == 0 && why.message[0] != '\0' && c->result->generation[0] == '\0') {
		*c->err = why;
		return TAPE_ERR_DAMAGED;
	}
	return r;
}

int
tape_compact(const char *dir, const struct tape_compact_options *options,
	     struct tape_compact_result *result, struct tape_error *err)
{
	struct tape_compact_result none;
	struct tape_error why;
	struct compaction c = { .work_fd = -1,
				.err = err == NULL ? &why : err,
				.result = result == NULL ? &none : result };
	struct tape_reader_options reading = { .size = sizeof reading,
					       .on_report = on_report,
					       .user = &c };
	struct lock lock = { -1 };
	int r;

	memset(c.result, 0, sizeof *c.result);
	take_options(&c, options);
	r = tape_reader_open(dir, &reading, &c.reader, c.err);
	if (r != 0)
		return r;
	/* Of all generations that are merged, however many there are. */
	c.reader->packed_cache = (size_t)(c.options.memory / 4);
	if ((c.options.flags & TAPE_COMPACT_DRY_RUN) == 0)
		r = lock_take(&c, &lock);
	if (r == 0)
		r = attempts(&c);
	c.result->damage = tape_reader_damage(c.reader);
	if (c.result->damage < c.refused_count)
		c.result->damage = c.refused_count;
	lock_release(&lock);
	free(c.refused);
	tape_reader_close(c.reader);
	return r;
}
