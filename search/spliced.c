/* SPDX-License-Identifier: Apache-2.0 */
#include "search/spliced.h"

#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "search/raw.h"

struct spliced {
	struct source base; /* first */
	struct source_facts facts;
	struct source_iter iter;
	size_t at; /* part of the walk */
	bool begun;
	size_t count;
	struct spliced_part parts[];
};

static const struct source_facts *
spliced_facts(struct source *source)
{
	return &((struct spliced *)source)->facts;
}

/* Notes may stand in parts without scopes. */
static bool
in_reach(const struct spliced *s, const struct spliced_part *part)
{
	return s->iter.note != NULL ||
	       (part->first <= s->iter.hi && part->last >= s->iter.lo);
}

static int
spliced_begin(struct source *source, const struct source_iter *iter,
	      struct tape_error *err)
{
	struct spliced *s = (struct spliced *)source;

	(void)err;
	s->iter = *iter;
	s->at = iter->reverse ? s->count : 0;
	s->begun = false;
	for (size_t i = 0; i < s->count; i++)
		s->parts[i].source->drop_plan = source->drop_plan;
	return 0;
}

/* 1 = a part is begun, 0 = none is left. */
static int
next_part(struct spliced *s, struct tape_error *err)
{
	while (s->iter.reverse ? s->at > 0 : s->at < s->count) {
		struct spliced_part *part =
			&s->parts[s->iter.reverse ? s->at - 1 : s->at];
		int r;

		if (in_reach(s, part)) {
			r = part->source->ops->begin(part->source, &s->iter, err);
			s->begun = r == 0;
			return r == 0 ? 1 : r;
		}
		s->at = s->iter.reverse ? s->at - 1 : s->at + 1;
	}
	return 0;
}

static int
spliced_next(struct source *source, struct source_record *out, struct tape_error *err)
{
	struct spliced *s = (struct spliced *)source;

	for (;;) {
		struct spliced_part *part;
		int r = s->begun ? 1 : next_part(s, err);

		if (r != 1)
			return r;
		part = &s->parts[s->iter.reverse ? s->at - 1 : s->at];
		r = part->source->ops->next(part->source, out, err);
		if (r != 0)
			return r;
		s->begun = false;
		s->at = s->iter.reverse ? s->at - 1 : s->at + 1;
	}
}

static int
spliced_lookup(struct source *source, uint64_t seq, struct source_record *out,
	       struct tape_error *err)
{
	struct spliced *s = (struct spliced *)source;

	for (size_t i = 0; i < s->count; i++)
		if (seq >= s->parts[i].first && seq <= s->parts[i].last) {
			int r = s->parts[i].source->ops->lookup(s->parts[i].source, seq,
								out, err);
			if (r != 0)
				return r;
		}
	return 0;
}

static int
spliced_recall(struct source *source, const struct source_key *key,
	       struct source_record *out, struct tape_error *err)
{
	struct spliced *s = (struct spliced *)source;

	for (size_t i = 0; i < s->count; i++) {
		const struct spliced_part *part = &s->parts[i];
		int r;

		if (key->seq < part->first || key->seq > part->last)
			continue;
		r = part->source->ops->recall(part->source, key, out, err);
		if (r != 0)
			return r;
	}
	return 0;
}

/* What follows is asked of who gave a record; the last part answers for the whole. */

static struct source *
last_part(struct source *source)
{
	struct spliced *s = (struct spliced *)source;

	return s->parts[s->count - 1].source;
}

static int
spliced_blob(struct source *source, const struct body_hint *hint,
	     const struct tape_hash *hash, uint64_t size, uint8_t **data,
	     struct tape_error *err)
{
	return last_part(source)->ops->blob(last_part(source), hint, hash, size, data,
					    err);
}

static bool
spliced_excused(struct source *source, const struct source_place *place)
{
	return last_part(source)->ops->excused(last_part(source), place);
}

static const char *
spliced_file(struct source *source, const struct source_place *place)
{
	return last_part(source)->ops->file(last_part(source), place);
}

static void
spliced_close(struct source *source)
{
	struct spliced *s = (struct spliced *)source;

	for (size_t i = 0; i < s->count; i++)
		s->parts[i].source->ops->close(s->parts[i].source);
	free(s);
}

static const struct source_ops spliced_ops = {
	.facts = spliced_facts,
	.begin = spliced_begin,
	.next = spliced_next,
	.lookup = spliced_lookup,
	.recall = spliced_recall,
	.blob = spliced_blob,
	.excused = spliced_excused,
	.file = spliced_file,
	.close = spliced_close,
};

/* The first part knows who recorded, the last one how it went on. */
static void
join_facts(struct spliced *s)
{
	const struct source_facts *last;

	s->facts = *s->parts[0].source->ops->facts(s->parts[0].source);
	for (size_t i = 1; i < s->count; i++) {
		last = s->parts[i].source->ops->facts(s->parts[i].source);
		s->facts.state = last->state;
		s->facts.segments += last->segments;
		s->facts.bytes += last->bytes;
	}
}

int
spliced_open(struct tape_reader *reader, const struct spliced_part *parts, size_t count,
	     struct source **out, struct tape_error *err)
{
	struct spliced *s = calloc(1, sizeof *s + count * sizeof *parts);

	if (s == NULL) {
		for (size_t i = 0; i < count; i++)
			parts[i].source->ops->close(parts[i].source);
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a session");
	}
	s->base.ops = &spliced_ops;
	s->base.reader = reader;
	s->count = count;
	memcpy(s->parts, parts, count * sizeof *parts);
	join_facts(s);
	*out = &s->base;
	return 0;
}

bool
spliced_extend(struct source *source, const uint64_t *sizes)
{
	return source->ops == &spliced_ops && raw_extend(last_part(source), sizes);
}
