/* SPDX-License-Identifier: Apache-2.0 */
/* What follows the blocks of a scope pack: forms, sessions, root. */
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/scopepack.h"
#include "format/varint.h"

#define TABLE_BYTES (1u << 20) /* from here on a table goes on in another section */

struct tables {
	struct pack_writer *w;
	struct pack_codec *codec;
	int level;
	struct pack_bytes raw, made,
		offsets; /* offsets: u64 of the sections of a table */
	struct tape_error *err;
};

static int
no_memory(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
			 "no memory for the tables of a pack");
}

/* t->raw as the next section of its kind. */
static int
put_section(struct tables *t, uint16_t kind, uint64_t *offset)
{
	uint32_t number = (uint32_t)(t->offsets.len / 8);
	uint8_t at[8];
	int r;

	t->made.len = 0;
	r = pack_section_make(t->codec, t->level, kind, number, 0, t->raw.data,
			      t->raw.len, &t->made, t->err);
	if (r == 0)
		r = pack_writer_add(t->w, &t->made, offset, t->err);
	t->raw.len = 0;
	put_le64(at, *offset);
	if (r == 0 && pack_bytes_add(&t->offsets, at, sizeof at) != 0)
		r = no_memory(t->err);
	return r;
}

static int
put_forms(struct tables *t, const struct scopepack_tables *in)
{
	uint64_t offset;
	int r = 0;

	for (uint32_t i = 1; i <= in->form_count && r == 0; i++) {
		struct form form = *in->forms[i];
		size_t size = form_record_size(&form);

		form.number = i;
		if (t->raw.len != 0 && t->raw.len + size > TABLE_BYTES)
			r = put_section(t, SCOPES_FORMS, &offset);
		if (r == 0 && pack_bytes_reserve(&t->raw, size) != 0)
			r = no_memory(t->err);
		if (r != 0)
			break;
		form_record_write(&form, t->raw.data + t->raw.len);
		t->raw.len += size;
	}
	return r != 0 || t->raw.len == 0 ? r : put_section(t, SCOPES_FORMS, &offset);
}

static int
put_session(struct tables *t, const struct scopepack_session *s)
{
	struct varint_out out = { &t->raw, false };

	varint_put64(&out, s->id[0]);
	varint_put64(&out, s->id[1]);
	varint_put(&out, s->first_seq);
	varint_put(&out, s->last_seq);
	varint_put(&out, s->rows);
	varint_put(&out, s->links);
	varint_put(&out, s->projections);
	varint_put(&out, s->bookmarks);
	varint_put64(&out, (uint64_t)s->first_time);
	varint_put64(&out, (uint64_t)s->last_time);
	varint_put_bytes(&out, &s->state, 1);
	varint_put64(&out, s->excused_from);
	varint_put(&out, s->segments);
	varint_put(&out, s->bytes);
	varint_put(&out, s->manifest);
	varint_put(&out, s->note_count);
	for (size_t i = 0; i < s->note_count; i++) {
		varint_put_text(&out, s->notes[i].key, s->notes[i].key_len);
		varint_put_text(&out, s->notes[i].value, s->notes[i].value_len);
	}
	return out.failed ? no_memory(t->err) : 0;
}

static int
put_sessions(struct tables *t, const struct scopepack_tables *in)
{
	uint64_t offset;
	int r = 0;

	for (uint32_t i = 0; i < in->session_count && r == 0; i++) {
		r = put_session(t, &in->sessions[i]);
		if (r == 0 && t->raw.len >= TABLE_BYTES)
			r = put_section(t, SCOPES_SESSIONS, &offset);
	}
	return r != 0 || t->raw.len == 0 ? r : put_section(t, SCOPES_SESSIONS, &offset);
}

static void
put_offsets(struct varint_out *out, const struct pack_bytes *offsets)
{
	varint_put(out, offsets->len / 8);
	for (size_t i = 0; i < offsets->len; i += 8)
		varint_put(out, get_le64(offsets->data + i));
}

static void
put_block_info(struct varint_out *out, const struct scopepack_block_info *b)
{
	varint_put(out, b->start);
	varint_put(out, b->header - b->start);
	varint_put(out, b->header_bytes);
	varint_put(out, b->rows);
	varint_put(out, b->contents);
	varint_put(out, b->first_session);
	varint_put(out, b->last_session);
	varint_put(out, b->first_seq);
	varint_put(out, b->last_seq);
	varint_put64(out, (uint64_t)b->min_time);
	varint_put64(out, (uint64_t)b->max_time);
}

int
scopepack_write_tables(struct pack_writer *w, struct pack_codec *codec, int level,
		       const struct scopepack_tables *in, uint64_t *root,
		       struct tape_error *err)
{
	struct tables t = { .w = w, .codec = codec, .level = level, .err = err };
	struct pack_bytes bytes = { 0 };
	struct varint_out out = { &bytes, false };
	int r;

	varint_put(&out, in->rows);
	varint_put(&out, in->contents);
	varint_put(&out, in->foreign_count);
	for (uint32_t i = 0; i < in->foreign_count; i++)
		varint_put_bytes(&out, in->foreign[i], 16);
	r = put_forms(&t, in);
	varint_put(&out, in->form_count);
	put_offsets(&out, &t.offsets);
	t.offsets.len = 0;
	if (r == 0)
		r = put_sessions(&t, in);
	varint_put(&out, in->session_count);
	put_offsets(&out, &t.offsets);
	t.offsets.len = 0;
	varint_put(&out, in->block_count);
	for (uint32_t i = 0; i < in->block_count; i++)
		put_block_info(&out, &in->blocks[i]);
	if (r == 0 && out.failed)
		r = no_memory(err);
	if (r == 0) {
		pack_bytes_release(&t.raw);
		t.raw = bytes;
		memset(&bytes, 0, sizeof bytes);
		r = put_section(&t, SCOPES_ROOT, root);
	}
	pack_bytes_release(&bytes);
	pack_bytes_release(&t.raw);
	pack_bytes_release(&t.made);
	pack_bytes_release(&t.offsets);
	return r;
}
