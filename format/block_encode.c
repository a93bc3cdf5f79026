/* SPDX-License-Identifier: Apache-2.0 */
/* A block of scopes made into sections. docs/format/scopes.md sections 2 to 4. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/limits.h"
#include "format/scopepack.h"
#include "format/varint.h"

/* A column of contents that is being gathered. */
struct slot {
	uint32_t column;
	uint8_t type;
	struct pack_bytes values, ends;
	uint32_t count;
};

struct block_encoder {
	int level;
	struct pack_codec *codec;
	struct pack_bytes header, chunk, values;
	uint32_t *slot_of; /* by column: index into slots + 1 */
	uint32_t slot_of_cap;
	struct slot *slots;
	uint32_t slot_count, slot_cap;
	/* of the call at hand */
	const struct scopepack_forms *forms;
	uint32_t number;
	struct pack_bytes *made;
	struct tape_error *err;
};

struct block_encoder *
block_encoder_new(int level)
{
	struct block_encoder *e = calloc(1, sizeof *e);

	if (e == NULL)
		return NULL;
	e->level = level;
	e->codec = pack_codec_new();
	if (e->codec == NULL) {
		free(e);
		return NULL;
	}
	return e;
}

void
block_encoder_free(struct block_encoder *e)
{
	if (e == NULL)
		return;
	for (uint32_t i = 0; i < e->slot_cap; i++) {
		pack_bytes_release(&e->slots[i].values);
		pack_bytes_release(&e->slots[i].ends);
	}
	free(e->slots);
	free(e->slot_of);
	pack_codec_free(e->codec);
	pack_bytes_release(&e->header);
	pack_bytes_release(&e->chunk);
	pack_bytes_release(&e->values);
	free(e);
}

static int
no_memory(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a block of scopes");
}

unsigned
scopepack_width(unsigned type)
{
	switch (type) {
	case TAPE_ABSENT:
	case TAPE_BOOL:
		return 1;
	case TAPE_F32:
		return 4;
	case TAPE_I64:
	case TAPE_U64:
	case TAPE_F64:
	case TAPE_C8:
		return 8;
	case TAPE_C16:
		return 16;
	default:
		return 0;
	}
}

/* ---- columns ---- */

/* The chunk goes into the header if it is short, else into a section. */
static int
put_column(struct block_encoder *e, uint16_t kind, uint32_t part, const struct column *in)
{
	struct varint_out out = { &e->header, false };
	size_t before = e->made->len;
	int r;

	e->chunk.len = 0;
	r = column_encode(e->codec, in, &e->chunk, e->err);
	if (r != 0)
		return r;
	if (e->chunk.len <= BLOCK_INLINE_MAX) {
		varint_put(&out, 0);
		varint_put_text(&out, e->chunk.data, e->chunk.len);
		return out.failed ? no_memory(e->err) : 0;
	}
	r = pack_section_make(e->codec, e->level, kind, e->number, part, e->chunk.data,
			      e->chunk.len, e->made, e->err);
	if (r != 0)
		return r;
	varint_put(&out, e->made->len - before);
	return out.failed ? no_memory(e->err) : 0;
}

/* ---- occurrences ---- */

const uint8_t scopepack_row_widths[ROWS_COLUMNS] = { 4, 8, 8, 4, 1, 8, 8 };

static void
row_value(const struct block_row *row, unsigned column, uint8_t *at)
{
	switch (column) {
	case ROWS_SESSION:
		put_le32(at, row->session);
		break;
	case ROWS_SEQ:
		put_le64(at, row->seq);
		break;
	case ROWS_TIME:
		put_le64(at, (uint64_t)row->time);
		break;
	case ROWS_FORM:
		put_le32(at, row->form);
		break;
	case ROWS_KIND:
		at[0] = row->kind;
		break;
	case ROWS_TARGET:
		put_le64(at, row->kind >= ROW_LINK ? row->seq - row->target : 0);
		break;
	default:
		put_le64(at, row->content);
		break;
	}
}

struct row_ranges {
	uint32_t min_session, max_session;
	uint64_t min_seq, max_seq, min_content, max_content;
	int64_t min_time, max_time;
	bool links, contents;
};

static void
widen(struct row_ranges *g, const struct block_row *row)
{
	g->min_session = row->session < g->min_session ? row->session : g->min_session;
	g->max_session = row->session > g->max_session ? row->session : g->max_session;
	g->min_seq = row->seq < g->min_seq ? row->seq : g->min_seq;
	g->max_seq = row->seq > g->max_seq ? row->seq : g->max_seq;
	g->min_time = row->time < g->min_time ? row->time : g->min_time;
	g->max_time = row->time > g->max_time ? row->time : g->max_time;
	g->links |= row->kind >= ROW_LINK;
	if (row->content == CONTENT_LOST)
		return;
	g->contents = true;
	g->min_content = row->content < g->min_content ? row->content : g->min_content;
	g->max_content = row->content > g->max_content ? row->content : g->max_content;
}

static struct row_ranges
ranges_of(const struct block_row *rows, uint32_t count)
{
	struct row_ranges g = { .min_session = UINT32_MAX,
				.min_seq = UINT64_MAX,
				.min_content = UINT64_MAX,
				.min_time = INT64_MAX,
				.max_time = INT64_MIN };

	for (uint32_t i = 0; i < count; i++)
		widen(&g, &rows[i]);
	return g;
}

static int
put_rows_group(struct block_encoder *e, uint32_t group, const struct block_row *rows,
	       uint32_t count)
{
	struct varint_out out = { &e->header, false };
	struct row_ranges g = ranges_of(rows, count);

	varint_put(&out, g.min_session);
	varint_put(&out, g.max_session - g.min_session);
	varint_put(&out, g.min_seq);
	varint_put(&out, g.max_seq - g.min_seq);
	varint_put64(&out, (uint64_t)g.min_time);
	varint_put(&out, (uint64_t)g.max_time - (uint64_t)g.min_time);
	varint_put_bytes(&out, &(uint8_t){ (uint8_t)(g.links | g.contents << 1) }, 1);
	if (g.contents) {
		varint_put(&out, g.min_content);
		varint_put(&out, g.max_content - g.min_content);
	}
	if (out.failed)
		return no_memory(e->err);
	for (unsigned c = 0; c < ROWS_COLUMNS; c++) {
		struct column column = { count, scopepack_row_widths[c],
					 c == ROWS_KIND ? COLUMN_OTHER : COLUMN_INTEGER,
					 NULL, NULL };
		int r;

		e->values.len = 0;
		if (pack_bytes_reserve(&e->values,
				       (size_t)count * scopepack_row_widths[c]) != 0)
			return no_memory(e->err);
		for (uint32_t i = 0; i < count; i++)
			row_value(&rows[i], c,
				  e->values.data + (size_t)i * scopepack_row_widths[c]);
		column.values = e->values.data;
		r = put_column(e, SCOPES_ROWS, group << 24 | c, &column);
		if (r != 0)
			return r;
	}
	return 0;
}

static int
put_runs(struct block_encoder *e, const struct block_row *rows, uint32_t count)
{
	struct varint_out out = { &e->header, false };
	uint32_t runs = 0, first = 0;

	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t i = 1; i <= count; i++) {
			if (i < count && e->forms->contexts[rows[i].form] ==
						 e->forms->contexts[rows[i - 1].form])
				continue;
			runs += pass == 0;
			if (pass == 1) {
				varint_put(&out, e->forms->contexts[rows[i - 1].form]);
				varint_put(&out, i - first);
			}
			first = i;
		}
		if (pass == 0)
			varint_put(&out, runs);
		first = 0;
	}
	return out.failed ? no_memory(e->err) : 0;
}

/* ---- contents ---- */

static int
slot_for(struct block_encoder *e, uint32_t column, unsigned type, struct slot **out)
{
	struct slot *s;

	if (e->slot_of[column] == 0) {
		if (e->slot_count == e->slot_cap) {
			uint32_t cap = e->slot_cap == 0 ? 32 : e->slot_cap * 2;
			struct slot *more = realloc(e->slots, cap * sizeof *more);

			if (more == NULL)
				return TAPE_ERR_NOMEM;
			memset(more + e->slot_cap, 0, (cap - e->slot_cap) * sizeof *more);
			e->slots = more;
			e->slot_cap = cap;
		}
		s = &e->slots[e->slot_count++];
		s->column = column;
		s->type = (uint8_t)type;
		s->values.len = s->ends.len = 0;
		s->count = 0;
		e->slot_of[column] = e->slot_count;
	}
	*out = &e->slots[e->slot_of[column] - 1];
	return 0;
}

/* Bytes of the canonical entry at p, of a body that was checked. */
static size_t
entry_bytes(const uint8_t *p, unsigned type)
{
	uint64_t len = get_le64(p);
	size_t head = type == TAPE_ARRAY_T ? 12u + 8u * p[9] : 8u;

	return head + (len <= CANON_BYTES ? (size_t)len : 16u);
}

static int
add_value(struct block_encoder *e, const struct form *form, uint32_t var,
	  const uint32_t *columns, const uint8_t *at, size_t len)
{
	unsigned type = form->vars[var].type;
	uint8_t end[4];
	struct slot *s;

	if (slot_for(e, columns[var], type, &s) != 0 ||
	    pack_bytes_add(&s->values, at, len) != 0)
		return TAPE_ERR_NOMEM;
	s->count++;
	if (type < TAPE_STR)
		return 0;
	put_le32(end, (uint32_t)s->values.len);
	return pack_bytes_add(&s->ends, end, sizeof end);
}

static int
add_content(struct block_encoder *e, const struct block_content *c)
{
	const struct form *form = e->forms->forms[c->form];
	const uint32_t *columns = e->forms->columns[c->form];
	const uint8_t *p = c->canonical + form->fixed_bytes;

	for (uint32_t i = 0; i < form->fixed_count; i++) {
		uint32_t v = form->canonical[i];
		unsigned width = scopepack_width(form->vars[v].type);

		if (width != 0 &&
		    add_value(e, form, v, columns, c->canonical + form->vars[v].offset,
			      width) != 0)
			return no_memory(e->err);
	}
	for (uint32_t i = form->fixed_count; i < form->var_count; i++) {
		uint32_t v = form->canonical[i];
		size_t len = entry_bytes(p, form->vars[v].type);

		if (add_value(e, form, v, columns, p, len) != 0)
			return no_memory(e->err);
		p += len;
	}
	return 0;
}

static double
real_at(const struct slot *s, uint32_t i)
{
	double d;
	float f;

	if (s->type == TAPE_F32) {
		memcpy(&f, s->values.data + 4 * (size_t)i, sizeof f);
		return (double)f;
	}
	memcpy(&d, s->values.data + 8 * (size_t)i, sizeof d);
	return d;
}

static uint8_t
real_range(const struct slot *s, uint64_t *min, uint64_t *max)
{
	double lo = INFINITY, hi = -INFINITY;
	bool any = false, nan = false;

	for (uint32_t i = 0; i < s->count; i++) {
		double d = real_at(s, i);

		if (isnan(d)) {
			nan = true;
			continue;
		}
		any = true;
		lo = d < lo ? d : lo;
		hi = d > hi ? d : hi;
	}
	memcpy(min, &lo, sizeof lo);
	memcpy(max, &hi, sizeof hi);
	return (uint8_t)(any | nan << 1);
}

static uint8_t
integer_range(const struct slot *s, uint64_t *min, uint64_t *max)
{
	/* With the sign bit turned, signed ones order as unsigned ones do. */
	uint64_t turn = s->type == TAPE_I64 ? UINT64_C(1) << 63 : 0;
	uint64_t lo = UINT64_MAX, hi = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		uint64_t v = s->type == TAPE_BOOL
				     ? s->values.data[i]
				     : get_le64(s->values.data + 8 * (size_t)i);

		v ^= turn;
		lo = v < lo ? v : lo;
		hi = v > hi ? v : hi;
	}
	*min = lo ^ turn;
	*max = hi ^ turn;
	return 1;
}

static uint8_t
range_of(const struct slot *s, uint64_t *min, uint64_t *max)
{
	switch (s->type) {
	case TAPE_F64:
	case TAPE_F32:
		return real_range(s, min, max);
	case TAPE_BOOL:
	case TAPE_I64:
	case TAPE_U64:
		return integer_range(s, min, max);
	default:
		return 0;
	}
}

static enum column_class
class_of(unsigned type)
{
	switch (type) {
	case TAPE_I64:
	case TAPE_U64:
		return COLUMN_INTEGER;
	case TAPE_F64:
	case TAPE_F32:
	case TAPE_C16:
	case TAPE_C8:
		return COLUMN_REAL;
	default:
		return COLUMN_OTHER;
	}
}

static int
put_slot(struct block_encoder *e, uint32_t group, const struct slot *s, uint32_t before)
{
	struct varint_out out = { &e->header, false };
	struct column column = { s->count, (uint8_t)scopepack_width(s->type),
				 (uint8_t)class_of(s->type), s->values.data,
				 (const uint32_t *)(const void *)s->ends.data };
	uint64_t min = 0, max = 0;
	uint8_t flags = range_of(s, &min, &max);

	varint_put(&out, s->column - before);
	varint_put(&out, s->count);
	varint_put_bytes(&out, &flags, 1);
	if (flags & 1) {
		varint_put64(&out, min);
		varint_put64(&out, max);
	}
	if (out.failed)
		return no_memory(e->err);
	return put_column(e, SCOPES_CONTENT, group << 24 | (s->column + 1), &column);
}

static int
by_column(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	return x->column < y->column ? -1 : x->column > y->column;
}

static int
put_forms(struct block_encoder *e, uint32_t group, const struct block_content *contents,
	  uint32_t count)
{
	struct column column = { count, 4, COLUMN_INTEGER, NULL, NULL };

	e->values.len = 0;
	if (pack_bytes_reserve(&e->values, (size_t)count * 4) != 0)
		return no_memory(e->err);
	for (uint32_t i = 0; i < count; i++)
		put_le32(e->values.data + 4 * (size_t)i, contents[i].form);
	column.values = e->values.data;
	return put_column(e, SCOPES_CONTENT, group << 24, &column);
}

static int
put_group(struct block_encoder *e, uint32_t group, const struct block_content *contents,
	  uint32_t count)
{
	struct varint_out out = { &e->header, false };
	int r = put_forms(e, group, contents, count);

	e->slot_count = 0;
	for (uint32_t i = 0; i < count && r == 0; i++)
		r = add_content(e, &contents[i]);
	for (uint32_t i = 0; i < e->slot_count; i++)
		e->slot_of[e->slots[i].column] = 0;
	if (r != 0)
		return r;
	if (e->slot_count != 0)
		qsort(e->slots, e->slot_count, sizeof *e->slots, by_column);
	varint_put(&out, e->slot_count);
	if (out.failed)
		return no_memory(e->err);
	for (uint32_t i = 0; i < e->slot_count && r == 0; i++)
		r = put_slot(e, group, &e->slots[i], i == 0 ? 0 : e->slots[i - 1].column);
	return r;
}

/* ---- the whole ---- */

static int
begin(struct block_encoder *e, const struct scopepack_forms *forms)
{
	e->forms = forms;
	e->header.len = 0;
	if (e->slot_of_cap >= forms->column_count)
		return 0;
	free(e->slot_of);
	e->slot_of = calloc((size_t)forms->column_count * 2, sizeof *e->slot_of);
	e->slot_of_cap = e->slot_of == NULL ? 0 : forms->column_count * 2;
	return e->slot_of == NULL ? no_memory(e->err) : 0;
}

static void
describe(const struct block_row *rows, uint32_t count, struct scopepack_block_info *info)
{
	struct row_ranges all = ranges_of(rows, count);

	info->min_time = all.min_time;
	info->max_time = all.max_time;
	info->first_session = all.min_session;
	info->last_session = all.max_session;
	info->first_seq = UINT64_MAX;
	info->last_seq = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (rows[i].session == all.min_session && rows[i].seq < info->first_seq)
			info->first_seq = rows[i].seq;
		if (rows[i].session == all.max_session && rows[i].seq > info->last_seq)
			info->last_seq = rows[i].seq;
	}
}

int
block_encode(struct block_encoder *e, const struct scopepack_forms *forms,
	     uint32_t number, const struct block_row *rows, uint32_t row_count,
	     const struct block_content *contents, uint32_t content_count,
	     uint64_t first_content, struct pack_bytes *made,
	     struct scopepack_block_info *info, struct tape_error *err)
{
	struct varint_out out = { &e->header, false };
	int r;

	e->err = err;
	e->made = made;
	e->number = number;
	made->len = 0;
	r = begin(e, forms);
	if (r != 0)
		return r;
	varint_put(&out, row_count);
	varint_put(&out, content_count);
	varint_put(&out, first_content);
	if (out.failed)
		return no_memory(err);
	r = put_runs(e, rows, row_count);
	for (uint32_t i = 0; i < row_count && r == 0; i += GROUP_ROWS)
		r = put_rows_group(e, i / GROUP_ROWS, rows + i,
				   row_count - i < GROUP_ROWS ? row_count - i
							      : GROUP_ROWS);
	for (uint32_t i = 0; i < content_count && r == 0; i += GROUP_ROWS)
		r = put_group(e, i / GROUP_ROWS, contents + i,
			      content_count - i < GROUP_ROWS ? content_count - i
							     : GROUP_ROWS);
	if (r != 0)
		return r;
	memset(info, 0, sizeof *info);
	info->header = made->len;
	r = pack_section_make(e->codec, e->level, SCOPES_BLOCK, number, 0, e->header.data,
			      e->header.len, made, err);
	info->header_bytes = (uint32_t)(made->len - info->header);
	info->rows = row_count;
	info->contents = content_count;
	info->first_content = first_content;
	describe(rows, row_count, info);
	return r;
}
