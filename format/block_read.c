/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks read: headers, columns of occurrences, columns of contents. Any bytes may come. */
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/scopepack.h"
#include "format/varint.h"

/* What the header says of a chunk: step, count, flags and size take a byte each at least. */
#define CHUNK_INFO_MIN 4

struct reading {
	const struct scopepack *p;
	struct scopepack_block *b;
	struct varint_in in;
	uint64_t next;	/* where the next section of the block begins */
	uint64_t limit; /* of its header: sections end there */
};

/* Where a column is: in the header, or the next section. */
static void
get_column(struct reading *r, uint64_t *offset, uint32_t *bytes)
{
	uint64_t n = varint_get(&r->in);

	if (n == 0) {
		uint32_t len = varint_get32(&r->in, BLOCK_INLINE_MAX);
		const uint8_t *at = varint_get_bytes(&r->in, len);

		*offset = at == NULL ? 0 : (uint64_t)(at - r->b->raw.data);
		*bytes = len | BLOCK_INLINE;
		return;
	}
	if (n < PACK_SECTION_HEADER || n > r->limit - r->next ||
	    n > PACK_SECTION_MAX + PACK_SECTION_HEADER) {
		r->in.failed = true;
		return;
	}
	*offset = r->next;
	*bytes = (uint32_t)n;
	r->next += n;
}

static void
get_runs(struct reading *r, uint32_t rows)
{
	struct scopepack_block *b = r->b;
	uint32_t first = 0;

	b->run_count = varint_get32(&r->in, rows);
	if (r->in.failed)
		return;
	if (b->run_cap < b->run_count) {
		free(b->runs);
		b->runs = calloc(b->run_count, sizeof *b->runs);
		b->run_cap = b->runs == NULL ? 0 : b->run_count;
	}
	for (uint32_t i = 0; b->runs != NULL && i < b->run_count && !r->in.failed; i++) {
		struct block_run *run = &b->runs[i];

		run->context = varint_get32(&r->in, UINT32_MAX);
		run->rows = varint_get32(&r->in, rows);
		run->first_row = first;
		first += run->rows;
		if (run->rows == 0 || first > rows ||
		    run->context >= r->p->context_count ||
		    (i > 0 && run->context <= run[-1].context))
			r->in.failed = true;
	}
	if (first != rows)
		r->in.failed = true;
}

static void
get_rows_group(struct reading *r, struct block_rows *g)
{
	uint8_t flags;

	g->min_session = varint_get32(&r->in, UINT32_MAX);
	g->max_session = g->min_session + varint_get32(&r->in, UINT32_MAX);
	g->min_seq = varint_get(&r->in);
	g->max_seq = g->min_seq + varint_get(&r->in);
	g->min_time = (int64_t)varint_get64(&r->in);
	g->max_time = (int64_t)((uint64_t)g->min_time + varint_get(&r->in));
	flags = varint_get8(&r->in);
	g->links = (flags & 1) != 0;
	g->min_content = 1;
	g->max_content = 0;
	if (flags & 2) {
		g->min_content = varint_get(&r->in);
		g->max_content = g->min_content + varint_get(&r->in);
	}
	if (flags > 3 || g->max_session >= r->p->session_count ||
	    g->max_session < g->min_session || g->max_seq < g->min_seq ||
	    g->max_time < g->min_time)
		r->in.failed = true;
	for (unsigned c = 0; c < ROWS_COLUMNS && !r->in.failed; c++)
		get_column(r, &g->offset[c], &g->bytes[c]);
}

/* Room for the chunks of one more group; those of earlier ones may move. */
static struct block_chunk *
chunk_room(struct scopepack_block *b, uint32_t used, uint32_t more)
{
	struct block_chunk *chunks;
	uint32_t cap = b->chunk_cap;

	if (used + more > cap) {
		cap = (used + more) * 2;
		chunks = realloc(b->chunks, cap * sizeof *chunks);
		if (chunks == NULL)
			return NULL;
		b->chunks = chunks;
		b->chunk_cap = cap;
	}
	return b->chunks + used;
}

static void
get_chunk(struct reading *r, const struct block_group *g, struct block_chunk *c,
	  int64_t before)
{
	uint64_t step = varint_get(&r->in);
	uint8_t flags;

	if (step > UINT32_MAX || (before >= 0 && step == 0)) {
		r->in.failed = true;
		return;
	}
	step += before < 0 ? 0 : (uint64_t)before;
	memset(c, 0, sizeof *c);
	c->column = (uint32_t)step;
	c->count = varint_get32(&r->in, g->count);
	flags = varint_get8(&r->in);
	c->has_range = (flags & 1) != 0;
	c->has_nan = (flags & 2) != 0;
	if (c->has_range) {
		c->min = varint_get64(&r->in);
		c->max = varint_get64(&r->in);
	}
	if (flags > 3 || step >= r->p->column_count || c->count == 0)
		r->in.failed = true;
	else
		get_column(r, &c->offset, &c->bytes);
}

/* Returns false where there is no memory. */
static bool
get_group(struct reading *r, struct block_group *g, uint32_t *used)
{
	int64_t before = -1;
	struct block_chunk *chunks;

	get_column(r, &g->forms_offset, &g->forms_bytes);
	g->chunk_count = varint_get32(&r->in, r->p->column_count);
	if (r->in.failed || g->chunk_count > varint_left(&r->in) / CHUNK_INFO_MIN) {
		r->in.failed = true;
		return true;
	}
	if (g->chunk_count == 0)
		return true;
	chunks = chunk_room(r->b, *used, g->chunk_count);
	if (chunks == NULL)
		return false;
	for (uint32_t i = 0; i < g->chunk_count && !r->in.failed; i++) {
		get_chunk(r, g, &chunks[i], before);
		before = chunks[i].column;
	}
	*used += g->chunk_count;
	return true;
}

static int
damaged(const struct scopepack *p, uint64_t offset, struct tape_error *err)
{
	return error_set(err, TAPE_ERR_DAMAGED, p->pack.file, offset,
			 "the header of a block of scopes does not agree with itself; "
			 "restore the file from a copy");
}

static int
parse(struct reading *r, const struct scopepack_block_info *info, struct tape_error *err)
{
	struct scopepack_block *b = r->b;
	uint32_t used = 0;
	bool memory = true;

	if (varint_get(&r->in) != info->rows || varint_get(&r->in) != info->contents ||
	    varint_get(&r->in) != info->first_content || r->in.failed)
		return damaged(r->p, info->header, err);
	get_runs(r, info->rows);
	b->rows_groups = (info->rows + GROUP_ROWS - 1) / GROUP_ROWS;
	b->group_count = (info->contents + GROUP_ROWS - 1) / GROUP_ROWS;
	for (uint32_t i = 0; i < b->rows_groups && !r->in.failed; i++) {
		b->rows[i].first = i * GROUP_ROWS;
		b->rows[i].count = info->rows - i * GROUP_ROWS;
		if (b->rows[i].count > GROUP_ROWS)
			b->rows[i].count = GROUP_ROWS;
		get_rows_group(r, &b->rows[i]);
	}
	for (uint32_t i = 0; i < b->group_count && !r->in.failed && memory; i++) {
		b->groups[i].first = i * GROUP_ROWS;
		b->groups[i].count = info->contents - i * GROUP_ROWS;
		if (b->groups[i].count > GROUP_ROWS)
			b->groups[i].count = GROUP_ROWS;
		memory = get_group(r, &b->groups[i], &used);
	}
	if (!memory || (b->runs == NULL && b->run_count != 0))
		return error_set(err, TAPE_ERR_NOMEM, r->p->pack.file, info->header,
				 "no memory for the header of a block");
	if (r->in.failed || varint_left(&r->in) != 0 || r->next != r->limit)
		return damaged(r->p, info->header, err);
	used = 0;
	for (uint32_t i = 0; i < b->group_count; i++) {
		b->groups[i].chunks =
			b->groups[i].chunk_count == 0 ? NULL : b->chunks + used;
		used += b->groups[i].chunk_count;
	}
	return 0;
}

int
scopepack_block_read(const struct scopepack *p, struct pack_codec *codec, uint32_t number,
		     struct scopepack_block *out, uint64_t *read_bytes,
		     struct tape_error *err)
{
	const struct scopepack_block_info *info = &p->blocks[number];
	struct reading r = {
		.p = p, .b = out, .next = info->start, .limit = info->header
	};
	struct pack_section section;
	int status;

	status = pack_section_read(&p->pack, codec, info->header, info->header_bytes,
				   SCOPES_BLOCK, &section, &out->raw, read_bytes, err);
	if (status != 0)
		return status;
	if (section.number != number || info->header < info->start)
		return damaged(p, info->header, err);
	out->number = number;
	r.in = (struct varint_in){ out->raw.data, out->raw.data + out->raw.len, false };
	return parse(&r, info, err);
}

void
scopepack_block_release(struct scopepack_block *b)
{
	free(b->runs);
	free(b->chunks);
	pack_bytes_release(&b->raw);
	memset(b, 0, sizeof *b);
}

/* ---- columns ---- */

/* Which column of which block, and how it is read. */
struct place {
	const struct scopepack *p;
	struct pack_codec *codec;
	const struct scopepack_block *b;
	uint16_t kind;
	uint32_t part, bytes, count;
	uint64_t offset, *read_bytes;
	unsigned width;
};

/* All values (to NULL), or that of one row appended to *to. */
static int
column_read(const struct place *at, struct column_memory *m, struct column *out,
	    uint32_t row, struct pack_bytes *to, struct tape_error *err)
{
	const struct scopepack *p = at->p;
	struct pack_bytes *raw = &m->scratch[2];
	const uint8_t *data;
	size_t len = at->bytes & ~BLOCK_INLINE;
	uint64_t offset = p->blocks[at->b->number].header;
	struct pack_section section;
	int r;

	if ((at->bytes & BLOCK_INLINE) == 0) {
		offset = at->offset;
		r = pack_section_read(&p->pack, at->codec, offset, at->bytes, at->kind,
				      &section, raw, at->read_bytes, err);
		if (r == 0 &&
		    (section.number != at->b->number || section.part != at->part))
			return error_set(err, TAPE_ERR_DAMAGED, p->pack.file, offset,
					 "a column stands where another one must");
		if (r != 0)
			return r;
		len = raw->len;
	}
	if ((at->bytes & BLOCK_INLINE) != 0)
		data = at->b->raw.data + at->offset;
	else
		data = raw->data;
	r = to == NULL ? column_decode(data, len, at->count, at->width, PACK_SECTION_MAX,
				       m, out, err)
		       : column_value(data, len, at->count, at->width, PACK_SECTION_MAX,
				      row, m, to, err);
	if (r != 0 && err != NULL) {
		struct tape_error why = *err;

		return error_set(err, r, p->pack.file, offset, "%s", why.message);
	}
	return r;
}

static bool
row_sound(const struct scopepack *p, enum row_column which, const uint8_t *at)
{
	uint64_t v;

	switch (which) {
	case ROWS_SESSION:
		return get_le32(at) < p->session_count;
	case ROWS_SEQ:
		return get_le64(at) != 0 && get_le64(at) <= INT64_MAX;
	case ROWS_FORM:
		return get_le32(at) != 0 && get_le32(at) <= p->form_count;
	case ROWS_KIND:
		return at[0] <= ROW_PROJECTION;
	case ROWS_CONTENT:
		v = get_le64(at);
		return v == CONTENT_LOST ||
		       (CONTENT_FOREIGN(v) == 0 ? v < p->contents
						: CONTENT_FOREIGN(v) <= p->foreign_count);
	default:
		return true;
	}
}

/* References: without foreign ones they are ordinals, or lost. */
static bool
refs_sound(const struct scopepack *p, const struct column *c)
{
	uint64_t sign = 0, high = 0;
	bool sound = true;

	for (uint32_t i = 0; i < c->count; i++) {
		uint64_t v = get_le64(c->values + 8 * (size_t)i);

		sign |= p->contents - 1 - v;
		high |= (v + 1) >> (CONTENT_ORDINAL_BITS + 1);
	}
	if (sign >> 63 == 0 && high == 0)
		return true;
	for (uint32_t i = 0; i < c->count && sound; i++)
		sound = row_sound(p, ROWS_CONTENT, c->values + 8 * (size_t)i);
	return sound;
}

/*
 * The same of a whole column, without a branch for each: a number that is out of
 * bounds sets the highest bit.
 */
static bool
rows_sound(const struct scopepack *p, enum row_column which, const struct column *c)
{
	uint32_t narrow = 0;
	uint64_t wide = 0;
	uint8_t kinds = 0;

	switch (which) {
	case ROWS_CONTENT:
		return refs_sound(p, c);
	case ROWS_SEQ:
		for (uint32_t i = 0; i < c->count; i++) {
			uint64_t v = get_le64(c->values + 8 * (size_t)i);

			wide |= v | (v - 1);
		}
		break;
	case ROWS_SESSION:
	case ROWS_FORM:
		for (uint32_t i = 0; i < c->count; i++) {
			uint32_t v = get_le32(c->values + 4 * (size_t)i);

			narrow |= which == ROWS_FORM ? (v - 1) | (p->form_count - v)
						     : v | (p->session_count - 1 - v);
		}
		break;
	default:
		for (uint32_t i = 0; i < c->count; i++)
			kinds |= c->values[i] & (uint8_t)~ROW_PROJECTION;
		break;
	}
	return wide >> 63 == 0 && narrow >> 31 == 0 && kinds == 0;
}

static struct place
rows_place(const struct scopepack *p, struct pack_codec *codec,
	   const struct scopepack_block *b, uint32_t group, enum row_column which,
	   uint64_t *read_bytes)
{
	const struct block_rows *g = &b->rows[group];

	return (struct place){ .p = p,
			       .codec = codec,
			       .b = b,
			       .kind = SCOPES_ROWS,
			       .part = group << 24 | which,
			       .bytes = g->bytes[which],
			       .count = g->count,
			       .offset = g->offset[which],
			       .read_bytes = read_bytes,
			       .width = scopepack_row_widths[which] };
}

static struct place
forms_place(const struct scopepack *p, struct pack_codec *codec,
	    const struct scopepack_block *b, uint32_t group, uint64_t *read_bytes)
{
	const struct block_group *g = &b->groups[group];

	return (struct place){ .p = p,
			       .codec = codec,
			       .b = b,
			       .kind = SCOPES_CONTENT,
			       .part = group << 24,
			       .bytes = g->forms_bytes,
			       .count = g->count,
			       .offset = g->forms_offset,
			       .read_bytes = read_bytes,
			       .width = 4 };
}

static struct place
chunk_place(const struct scopepack *p, struct pack_codec *codec,
	    const struct scopepack_block *b, uint32_t group,
	    const struct block_chunk *chunk, uint64_t *read_bytes)
{
	return (struct place){ .p = p,
			       .codec = codec,
			       .b = b,
			       .kind = SCOPES_CONTENT,
			       .part = group << 24 | (chunk->column + 1),
			       .bytes = chunk->bytes,
			       .count = chunk->count,
			       .offset = chunk->offset,
			       .read_bytes = read_bytes,
			       .width = scopepack_width(p->columns[chunk->column].type) };
}

static int
unsound(const struct scopepack *p, const struct scopepack_block *b, const char *what,
	struct tape_error *err)
{
	return error_set(err, TAPE_ERR_DAMAGED, p->pack.file, p->blocks[b->number].start,
			 "%s", what);
}

static const char bad_row[] = "a column of scopes has a number that cannot be";
static const char bad_form[] = "a content has a form that is not there";

int
scopepack_rows_read(const struct scopepack *p, struct pack_codec *codec,
		    const struct scopepack_block *b, uint32_t group,
		    enum row_column which, struct column_memory *m, struct column *out,
		    uint64_t *read_bytes, struct tape_error *err)
{
	struct place at = rows_place(p, codec, b, group, which, read_bytes);
	int r = column_read(&at, m, out, 0, NULL, err);

	if (r != 0 || which == ROWS_TIME || which == ROWS_TARGET)
		return r;
	return rows_sound(p, which, out) ? 0 : unsound(p, b, bad_row, err);
}

int
scopepack_rows_value(const struct scopepack *p, struct pack_codec *codec,
		     const struct scopepack_block *b, uint32_t group,
		     enum row_column which, uint32_t row, struct column_memory *m,
		     struct pack_bytes *to, uint64_t *read_bytes, struct tape_error *err)
{
	struct place at = rows_place(p, codec, b, group, which, read_bytes);
	size_t from = to->len;
	int r = column_read(&at, m, NULL, row, to, err);

	return r == 0 && !row_sound(p, which, to->data + from)
		       ? unsound(p, b, bad_row, err)
		       : r;
}

int
scopepack_group_forms(const struct scopepack *p, struct pack_codec *codec,
		      const struct scopepack_block *b, uint32_t group,
		      struct column_memory *m, struct column *out, uint64_t *read_bytes,
		      struct tape_error *err)
{
	struct place at = forms_place(p, codec, b, group, read_bytes);
	int r = column_read(&at, m, out, 0, NULL, err);

	return r == 0 && !rows_sound(p, ROWS_FORM, out) ? unsound(p, b, bad_form, err)
							: r;
}

int
scopepack_form_value(const struct scopepack *p, struct pack_codec *codec,
		     const struct scopepack_block *b, uint32_t group, uint32_t row,
		     struct column_memory *m, struct pack_bytes *to, uint64_t *read_bytes,
		     struct tape_error *err)
{
	struct place at = forms_place(p, codec, b, group, read_bytes);
	size_t from = to->len;
	int r = column_read(&at, m, NULL, row, to, err);

	return r == 0 && !row_sound(p, ROWS_FORM, to->data + from)
		       ? unsound(p, b, bad_form, err)
		       : r;
}

int
scopepack_chunk_read(const struct scopepack *p, struct pack_codec *codec,
		     const struct scopepack_block *b, uint32_t group,
		     const struct block_chunk *chunk, struct column_memory *m,
		     struct column *out, uint64_t *read_bytes, struct tape_error *err)
{
	struct place at = chunk_place(p, codec, b, group, chunk, read_bytes);

	return column_read(&at, m, out, 0, NULL, err);
}

int
scopepack_chunk_value(const struct scopepack *p, struct pack_codec *codec,
		      const struct scopepack_block *b, uint32_t group,
		      const struct block_chunk *chunk, uint32_t row,
		      struct column_memory *m, struct pack_bytes *to,
		      uint64_t *read_bytes, struct tape_error *err)
{
	struct place at = chunk_place(p, codec, b, group, chunk, read_bytes);

	return column_read(&at, m, NULL, row, to, err);
}

const struct block_chunk *
block_group_chunk(const struct block_group *g, uint32_t column)
{
	uint32_t lo = 0, hi = g->chunk_count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (g->chunks[mid].column == column)
			return &g->chunks[mid];
		if (g->chunks[mid].column < column)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}
