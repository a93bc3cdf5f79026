/* SPDX-License-Identifier: Apache-2.0 */
#include "search/packed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/le.h"
#include "search/generations.h"
#include "search/packed_one.h"
#include "search/plan.h"
#include "search/reader.h"

struct source_form *
packed_form(struct packed *p, uint32_t number)
{
	struct source_form *f = p->forms[number];

	if (f != NULL)
		return f;
	f = calloc(1, sizeof *f);
	if (f == NULL)
		return NULL;
	f->form = p->of->scopes.forms[number]; /* its memory stays the generation's */
	p->forms[number] = f;
	return f;
}

int
packed_failed(struct packed *p, uint32_t block, int r, const struct tape_error *why,
	      const char *lost, struct tape_error *err)
{
	const char *file = p->of->file->path;
	uint64_t offset =
		why->offset != 0 ? why->offset : p->of->scopes.blocks[block].start;

	if (r == TAPE_ERR_DAMAGED || r == TAPE_ERR_TOO_NEW) {
		reader_report(p->base.reader, TAPE_DAMAGE_MET, file, offset, 0,
			      "%.200s; %s: restore the file from a copy", why->message,
			      lost);
		return 0;
	}
	if (r == TAPE_ERR_IO && !snapshot_stale(r, why) &&
	    reader_unreadable(p->base.reader, file, offset, -why->code, lost))
		return 0;
	if (err != NULL)
		*err = *why;
	return r;
}

/* ---- records ---- */

static int
read_part(struct packed *p, struct source_record *rec, unsigned part,
	  struct tape_error *err)
{
	uint32_t block = (uint32_t)(rec->row >> 32), row = (uint32_t)rec->row;
	uint32_t group = row / GROUP_ROWS, at = row % GROUP_ROWS;
	struct packed_cache *cache = p->of->cache;
	uint64_t v = 0;
	int r = 0;

	if (part == PART_TIME) {
		r = packed_one_row(cache, block, group, ROWS_TIME, at, &v, err);
		if (r == 0)
			rec->time = (int64_t)v;
	}
	if (part == PART_TARGET) {
		if (rec->content == CONTENT_UNKNOWN)
			r = packed_one_row(cache, block, group, ROWS_CONTENT, at,
					   &rec->content, err);
		if (r == 0 &&
		    (rec->kind == SOURCE_LINK || rec->kind == SOURCE_PROJECTION)) {
			r = packed_one_row(cache, block, group, ROWS_TARGET, at, &v, err);
			if (r == 0)
				rec->target = rec->seq - v;
		}
	}
	return r;
}

static void
fill_part(struct packed *p, struct source_record *rec, unsigned part, const char *lost)
{
	struct source *source = &p->base;
	struct tape_error why = { 0 };
	int r = read_part(p, rec, part, &why);

	/* Nobody can be told here that there is no memory: it is damage to him too. */
	if (r != 0 &&
	    packed_failed(p, (uint32_t)(rec->row >> 32), r, &why, lost, NULL) < 0) {
		source->reader->passing++;
		source_damaged(source, &rec->place, "cannot be read: %s", why.message);
	}
}

static void
packed_fill(struct source *source, struct source_record *rec, unsigned parts)
{
	struct packed *p = (struct packed *)source;

	parts &= rec->missing;
	rec->missing &= (uint8_t)~parts;
	if ((parts & PART_TIME) != 0) {
		rec->time = TAPE_TIME_UNKNOWN;
		fill_part(p, rec, PART_TIME, "times of scopes are not known");
	}
	if ((parts & PART_TARGET) != 0) {
		fill_part(p, rec, PART_TARGET, "contents of scopes are not known");
		if (rec->content == CONTENT_UNKNOWN)
			rec->content = CONTENT_LOST;
	}
}

void
packed_record(struct packed *p, uint32_t block, const struct packed_row *row,
	      struct source_record *out)
{
	*out = (struct source_record){
		.of = &p->base,
		.seq = row->seq,
		.kind = (uint8_t)row->kind,
		.content = row->content,
		.form = p->forms[row->form],
		.generation = p->generation + 1,
		.missing = PART_TIME | PART_TARGET,
		.row = (uint64_t)block << 32 | row->row,
		.place = { p->generation, p->of->scopes.blocks[block].start, row->seq },
	};
}

/* ---- walking ---- */

/* Records without a seq are kept among the notes (docs/format/scopes.md section 5). */
static void
give_note(const struct source_iter *iter, const struct scopepack_note *n)
{
	const uint8_t *value = (const uint8_t *)n->value;
	bool record = n->key_len == sizeof SCOPEPACK_RECORD - 1 &&
		      memcmp(n->key, SCOPEPACK_RECORD, n->key_len) == 0;

	if (!record && iter->note != NULL)
		iter->note(iter->user, n->key, n->key_len, n->value, n->value_len);
	else if (record && iter->other != NULL && n->value_len >= 8)
		iter->other(iter->user, get_le64(value), value + 8, n->value_len - 8);
}

/* Of a walk in slices, the first one that comes here counts for all. */
static void
count_left_out(struct packed *p)
{
	const struct source_slice *slice = &p->iter.slice;
	uint64_t lo = slice->part ? slice->lo : p->iter.lo;
	uint64_t hi = slice->part ? slice->hi : p->iter.hi;
	uint64_t begins = p->entry->first_seq > lo ? p->entry->first_seq : lo;
	uint32_t first, end, most_first, most_end;

	if (p->entry->rows == 0 ||
	    (slice->part && (p->iter.lo > begins || p->iter.hi < begins)))
		return;
	packed_blocks(p, lo, hi, &first, &end);
	packed_blocks(p, 0, UINT64_MAX, &most_first, &most_end);
	p->base.reader->stats.blocks_by_position +=
		(most_end - most_first) - (end - first);
}

/* Does the query leave out a piece of this part? */
static bool
by_position(const struct packed *p, const struct source_iter *iter)
{
	uint64_t lo = iter->lo, hi = iter->hi;

	/* A walk may be a slice of what the query asks for. */
	if (iter->session != NULL)
		plan_session_bounds(iter->session, &lo, &hi);
	return lo > p->entry->first_seq || hi < p->entry->last_seq;
}

static int
packed_begin(struct source *source, const struct source_iter *iter,
	     struct tape_error *err)
{
	struct packed *p = (struct packed *)source;
	uint32_t first, end;

	(void)err;
	p->iter = *iter;
	p->in_block = false;
	packed_blocks(p, iter->lo, iter->hi, &first, &end);
	p->walking = first < end && (!iter->bookmarks || p->entry->bookmarks != 0);
	count_left_out(p);
	if (p->walking) {
		struct tape_read_stats *stats = &p->base.reader->stats;

		stats->parts++;
		stats->parts_by_position += by_position(p, iter);
		if (iter->filter != NULL)
			packed_filter_parts(iter->filter, stats);
	}
	p->block = iter->reverse ? end : first;
	p->block_end = iter->reverse ? first : end;
	/* Notes of a part that ends before the walk begins are not asked for. */
	for (size_t i = 0; i < p->entry->note_count &&
			   (p->entry->last_seq == 0 || p->entry->last_seq >= iter->lo);
	     i++)
		give_note(iter, &p->entry->notes[i]);
	return 0;
}

/* 1 = p->rows has some of the next block, 0 = none is left. */
static int
next_block(struct packed *p, struct tape_error *err)
{
	while (p->walking && p->block != p->block_end) {
		struct tape_error why = { 0 };
		uint32_t block = p->iter.reverse ? p->block - 1 : p->block;
		int r = packed_rows_collect(p, block, &why);

		if (r != 0) {
			r = packed_failed(p, block, r, &why, "scopes of it are not shown",
					  err);
			if (r != 0)
				return r;
			p->rows.count = 0;
		}
		/* What could not be read and was told is not tried again. */
		p->block = p->iter.reverse ? block : block + 1;
		p->at = p->iter.reverse ? p->rows.count : 0;
		if (p->rows.count != 0)
			return 1;
	}
	return 0;
}

static int
packed_next(struct source *source, struct source_record *out, struct tape_error *err)
{
	struct packed *p = (struct packed *)source;
	const struct packed_row *row;

	if (!p->in_block || (p->iter.reverse ? p->at == 0 : p->at == p->rows.count)) {
		int r = next_block(p, err);

		p->in_block = r == 1;
		if (r != 1)
			return r;
	}
	if (p->iter.reverse)
		p->at--;
	row = &p->rows.items[p->at];
	if (!p->iter.reverse)
		p->at++;
	packed_record(p, p->iter.reverse ? p->block : p->block - 1, row, out);
	if (!p->iter.lean)
		packed_fill(source, out, PART_TIME | PART_TARGET);
	return 1;
}

static int
packed_lookup(struct source *source, uint64_t seq, struct source_record *out,
	      struct tape_error *err)
{
	struct packed *p = (struct packed *)source;
	struct tape_error why = { 0 };
	struct packed_row row;
	uint32_t block = 0;
	int r = packed_rows_find(p, seq, &block, &row, &why);

	if (r < 0)
		return packed_failed(p, block, r, &why, "scopes of it are not shown",
				     err);
	if (r == 0)
		return 0;
	packed_record(p, block, &row, out);
	packed_fill(source, out, PART_TIME | PART_TARGET);
	return 1;
}

static int
packed_recall(struct source *source, const struct source_key *key,
	      struct source_record *out, struct tape_error *err)
{
	struct packed *p = (struct packed *)source;
	const struct packed_row row = { .seq = key->seq,
					.content = CONTENT_UNKNOWN,
					.form = key->form,
					.row = (uint32_t)key->row & 0xffffffu,
					.kind = key->kind };

	if (packed_form(p, key->form) == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a form");
	packed_record(p, (uint32_t)(key->row >> 32), &row, out);
	return 1;
}

/* ---- the other operations ---- */

static const struct source_facts *
packed_facts(struct source *source)
{
	return &((struct packed *)source)->about.facts;
}

static int
packed_blob(struct source *source, const struct body_hint *hint,
	    const struct tape_hash *hash, uint64_t size, uint8_t **data,
	    struct tape_error *err)
{
	(void)source;
	(void)hint;
	(void)hash;
	(void)size;
	(void)data;
	return error_set(err, TAPE_ERR_NOT_FOUND, NULL, 0, "no segment has the blob");
}

static bool
packed_excused(struct source *source, const struct source_place *place)
{
	return place->seq >= ((struct packed *)source)->entry->excused_from;
}

static const char *
packed_file(struct source *source, const struct source_place *place)
{
	struct packed *p = (struct packed *)source;

	return p->set->items[place->part].file->path;
}

static void
packed_close(struct source *source)
{
	struct packed *p = (struct packed *)source;
	uint32_t count = p->of->scopes.form_count;

	for (uint32_t i = 0; p->forms != NULL && i <= count; i++) {
		if (p->forms[i] == NULL)
			continue;
		if (p->forms[i]->plan != NULL && p->base.drop_plan != NULL)
			p->base.drop_plan(p->forms[i]->plan);
		free(p->forms[i]);
	}
	free(p->forms);
	free(p->contexts);
	free(p->rows.items);
	free(p->sorted.items);
	free(p->places);
	packed_content_release(p);
	facts_release(&p->about);
	free(p);
}

static const struct source_ops packed_ops = {
	.facts = packed_facts,
	.begin = packed_begin,
	.next = packed_next,
	.lookup = packed_lookup,
	.recall = packed_recall,
	.fill = packed_fill,
	.content = packed_content,
	.value = packed_value,
	.blob = packed_blob,
	.excused = packed_excused,
	.file = packed_file,
	.close = packed_close,
};

/* ---- opening ---- */

static void
read_facts(struct packed *p)
{
	const struct scopepack_session *e = p->entry;

	facts_init(&p->about, e->id);
	for (size_t i = 0; i < e->note_count; i++)
		facts_note(&p->about, e->notes[i].key, e->notes[i].key_len,
			   e->notes[i].value, e->notes[i].value_len);
	p->about.facts.state = e->state;
	p->about.facts.segments = e->segments;
	p->about.facts.bytes = e->bytes;
}

int
packed_open(struct generations *set, uint32_t generation, uint32_t session,
	    struct source **out, struct tape_error *err)
{
	struct generation *of = &set->items[generation];
	struct packed *p = calloc(1, sizeof *p);

	if (p == NULL)
		return error_set(err, TAPE_ERR_NOMEM, of->path, 0,
				 "no memory for a session");
	p->base.ops = &packed_ops;
	p->base.reader = set->reader;
	p->set = set;
	p->of = of;
	p->generation = generation;
	p->session = session;
	p->entry = &of->scopes.sessions[session];
	p->whole = &p->base;
	p->forms = calloc(of->scopes.form_count + 1u, sizeof *p->forms);
	p->contexts = calloc(of->scopes.context_count + 1u, 1);
	read_facts(p);
	if (p->forms == NULL || p->contexts == NULL || p->about.no_memory) {
		packed_close(&p->base);
		return error_set(err, TAPE_ERR_NOMEM, of->path, 0,
				 "no memory for a session");
	}
	*out = &p->base;
	return 0;
}

void
packed_part_of(struct source *packed, struct source *whole)
{
	((struct packed *)packed)->whole = whole;
}
