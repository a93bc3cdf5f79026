/* SPDX-License-Identifier: Apache-2.0 */
/* Scope packs opened: root, forms, sessions. Any bytes may come. */
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/limits.h"
#include "format/scopepack.h"
#include "format/varint.h"

#define FORM_LIMIT LIMIT_FORMS
#define SESSION_LIMIT (1u << 24)
#define BLOCK_LIMIT (1u << 20)
#define FOREIGN_LIMIT 0xfffeu
#define FORM_RECORD_MIN 24u
#define SESSION_MIN 40u
#define BLOCK_INFO_MIN 25u

struct opening {
	struct scopepack *p;
	struct pack_codec *codec;
	struct pack_bytes root, raw;
	struct varint_in in; /* over root */
	struct tape_error *err;
};

static int
damaged(const struct opening *o, uint64_t offset, const char *what)
{
	return error_set(o->err, TAPE_ERR_DAMAGED, o->p->pack.file, offset,
			 "%s of the scope pack does not agree with itself; restore the "
			 "file from a copy",
			 what);
}

static int
no_memory(const struct opening *o)
{
	return error_set(o->err, TAPE_ERR_NOMEM, o->p->pack.file, 0,
			 "no memory for the tables of the scope pack");
}

/* Calls `take` for the raw bytes of each section of a table listed in the root. */
static int
each_section(struct opening *o, uint16_t kind,
	     int (*take)(struct opening *o, uint64_t at))
{
	uint32_t count = varint_get32(&o->in, UINT32_MAX);

	if (o->in.failed || count > varint_left(&o->in))
		return damaged(o, o->p->pack.root, "the root");
	for (uint32_t i = 0; i < count; i++) {
		uint64_t offset = varint_get(&o->in);
		int r;

		if (o->in.failed)
			return damaged(o, o->p->pack.root, "the root");
		r = pack_section_read(&o->p->pack, o->codec, offset, 0, kind, NULL,
				      &o->raw, NULL, o->err);
		if (r == 0)
			r = take(o, offset);
		if (r != 0)
			return r;
	}
	return 0;
}

/* ---- forms ---- */

static uint32_t forms_read(const struct scopepack *p);

static uint32_t
forms_read(const struct scopepack *p)
{
	uint32_t n = 0;

	while (n < p->form_count && p->forms[n + 1].memory != NULL)
		n++;
	return n;
}

static int
take_forms(struct opening *o, uint64_t offset)
{
	uint32_t number = forms_read(o->p);
	size_t at = 0;

	while (at < o->raw.len) {
		const uint8_t *record = o->raw.data + at;
		size_t len = o->raw.len - at < 8 ? 0 : get_le32(record);
		int r;

		if (len < 8 || len > o->raw.len - at || number == o->p->form_count ||
		    get_le32(record + 4) != ((number + 1) << 8 | 1u))
			return damaged(o, offset, "a table of forms");
		number++;
		r = form_decode(record + 8, len - 8, number, &o->p->forms[number],
				o->err);
		if (r != 0)
			return r == TAPE_ERR_DAMAGED ? damaged(o, offset, "a form") : r;
		at += len;
	}
	return 0;
}

static int
read_forms(struct opening *o)
{
	struct scopepack *p = o->p;
	int r;

	p->form_count = varint_get32(&o->in, FORM_LIMIT);
	if (o->in.failed || p->form_count > p->pack.source.size)
		return damaged(o, p->pack.root, "the root");
	p->forms = calloc((size_t)p->form_count + 1, sizeof *p->forms);
	if (p->forms == NULL)
		return no_memory(o);
	r = each_section(o, SCOPES_FORMS, take_forms);
	if (r == 0 && forms_read(p) != p->form_count)
		r = damaged(o, p->pack.root, "the number of forms");
	return r;
}

/* ---- contexts and columns: numbered by who has them first ---- */

struct names {
	uint32_t *slots; /* number + 1 */
	uint32_t mask;
};

static uint64_t
mix(uint64_t h, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
	return (h ^ len) * UINT64_C(0x9e3779b97f4a7c15);
}

static bool
same_labels(const struct form *a, const struct form *b)
{
	if (a->label_count != b->label_count)
		return false;
	for (uint32_t i = 0; i < a->label_count; i++)
		if (strcmp(a->labels[i], b->labels[i]) != 0)
			return false;
	return true;
}

static int
names_init(struct names *n, size_t most)
{
	size_t cap = 16;

	while (cap < most * 2)
		cap *= 2;
	n->slots = calloc(cap, sizeof *n->slots);
	n->mask = (uint32_t)(cap - 1);
	return n->slots == NULL ? TAPE_ERR_NOMEM : 0;
}

static int
number_contexts(struct opening *o)
{
	struct scopepack *p = o->p;
	uint32_t *firsts = calloc((size_t)p->form_count + 1, sizeof *firsts);
	struct names n = { 0 };
	int r = firsts == NULL || names_init(&n, p->form_count) != 0 ? no_memory(o) : 0;

	p->contexts = calloc((size_t)p->form_count + 1, sizeof *p->contexts);
	if (r == 0 && p->contexts == NULL)
		r = no_memory(o);
	for (uint32_t f = 1; f <= p->form_count && r == 0; f++) {
		const struct form *form = &p->forms[f];
		uint64_t h = form->label_count;
		uint32_t at;

		for (uint32_t i = 0; i < form->label_count; i++)
			h = mix(h, form->labels[i], strlen(form->labels[i]));
		at = (uint32_t)(h >> 32) & n.mask;
		while (n.slots[at] != 0 &&
		       !same_labels(form, &p->forms[firsts[n.slots[at] - 1]]))
			at = (at + 1) & n.mask;
		if (n.slots[at] == 0) {
			firsts[p->context_count] = f;
			n.slots[at] = ++p->context_count;
		}
		p->contexts[f] = n.slots[at] - 1;
	}
	free(n.slots);
	free(firsts);
	return r;
}

static bool
column_is(const struct scopepack_column *c, const struct form_var *v)
{
	return c->type == v->type && c->name_len == v->name_len &&
	       memcmp(c->name, v->name, v->name_len) == 0;
}

static uint32_t
column_number(struct scopepack *p, struct names *n, const struct form_var *v)
{
	uint64_t h = mix(v->type, v->name, v->name_len);
	uint32_t at = (uint32_t)(h >> 32) & n->mask;

	while (n->slots[at] != 0 && !column_is(&p->columns[n->slots[at] - 1], v))
		at = (at + 1) & n->mask;
	if (n->slots[at] == 0) {
		p->columns[p->column_count].name = v->name;
		p->columns[p->column_count].name_len = v->name_len;
		p->columns[p->column_count].type = v->type;
		n->slots[at] = ++p->column_count;
	}
	return n->slots[at] - 1;
}

static int
number_columns(struct opening *o)
{
	struct scopepack *p = o->p;
	struct names n = { 0 };
	size_t vars = 0;
	uint32_t *numbers;

	for (uint32_t f = 1; f <= p->form_count; f++)
		vars += p->forms[f].var_count;
	p->form_columns = calloc((size_t)p->form_count + 1, sizeof *p->form_columns);
	p->columns = calloc(vars + 1, sizeof *p->columns);
	p->memory[0] = numbers = calloc(vars + 1, sizeof *numbers);
	if (p->form_columns == NULL || p->columns == NULL || numbers == NULL ||
	    names_init(&n, vars) != 0)
		return no_memory(o);
	for (uint32_t f = 1; f <= p->form_count; f++) {
		p->form_columns[f] = numbers;
		for (uint32_t i = 0; i < p->forms[f].var_count; i++)
			*numbers++ = p->forms[f].vars[i].type == TAPE_NULL
					     ? UINT32_MAX
					     : column_number(p, &n, &p->forms[f].vars[i]);
	}
	free(n.slots);
	return 0;
}

/* ---- sessions ---- */

static uint32_t
sessions_read(const struct scopepack *p)
{
	uint32_t n = 0;

	while (n < p->session_count && p->sessions[n].id[0] != 0)
		n++;
	return n;
}

static char *
copy_text(const uint8_t *text, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy == NULL)
		return NULL;
	if (len != 0)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

static int
read_notes(struct opening *o, struct varint_in *in, struct scopepack_session *s)
{
	size_t count = (size_t)varint_get(in);

	if (in->failed || count > varint_left(in) / 2)
		return TAPE_ERR_DAMAGED;
	s->notes = calloc(count + 1, sizeof *s->notes);
	if (s->notes == NULL)
		return no_memory(o);
	for (size_t i = 0; i < count; i++) {
		struct scopepack_note *n = &s->notes[i];
		const uint8_t *key, *value;

		n->key_len = varint_get32(in, UINT32_MAX);
		key = varint_get_bytes(in, n->key_len);
		n->value_len = varint_get32(in, UINT32_MAX);
		value = varint_get_bytes(in, n->value_len);
		if (in->failed)
			return TAPE_ERR_DAMAGED;
		n->key = copy_text(key, n->key_len);
		n->value = copy_text(value, n->value_len);
		s->note_count = i + 1;
		if (n->key == NULL || n->value == NULL)
			return no_memory(o);
	}
	return 0;
}

static bool
session_sound(const struct scopepack_session *s, const struct scopepack_session *before)
{
	if (s->id[0] == 0 || s->id[1] > UINT32_MAX || s->state > 2 ||
	    s->first_seq > s->last_seq || (s->first_seq == 0) != (s->rows == 0) ||
	    s->last_seq > INT64_MAX)
		return false;
	return before == NULL || before->id[0] < s->id[0] ||
	       (before->id[0] == s->id[0] && before->id[1] < s->id[1]);
}

static int
take_sessions(struct opening *o, uint64_t offset)
{
	struct varint_in in = { o->raw.data, o->raw.data + o->raw.len, false };
	uint32_t number = sessions_read(o->p);

	while (varint_left(&in) != 0) {
		struct scopepack_session *s = &o->p->sessions[number];
		int r;

		if (number == o->p->session_count)
			return damaged(o, offset, "the table of sessions");
		s->id[0] = varint_get64(&in);
		s->id[1] = varint_get64(&in);
		s->first_seq = varint_get(&in);
		s->last_seq = varint_get(&in);
		s->rows = varint_get(&in);
		s->links = varint_get(&in);
		s->projections = varint_get(&in);
		s->bookmarks = varint_get(&in);
		s->first_time = (int64_t)varint_get64(&in);
		s->last_time = (int64_t)varint_get64(&in);
		s->state = varint_get8(&in);
		s->excused_from = varint_get64(&in);
		s->segments = varint_get(&in);
		s->bytes = varint_get(&in);
		s->manifest = varint_get(&in);
		r = read_notes(o, &in, s);
		if (r == TAPE_ERR_NOMEM)
			return r;
		if (r != 0 || in.failed || !session_sound(s, number == 0 ? NULL : s - 1))
			return damaged(o, offset, "the table of sessions");
		number++;
	}
	return 0;
}

static int
read_sessions(struct opening *o)
{
	struct scopepack *p = o->p;
	int r;

	p->session_count = varint_get32(&o->in, SESSION_LIMIT);
	if (o->in.failed || p->session_count > p->pack.source.size)
		return damaged(o, p->pack.root, "the root");
	p->sessions = calloc((size_t)p->session_count + 1, sizeof *p->sessions);
	if (p->sessions == NULL)
		return no_memory(o);
	r = each_section(o, SCOPES_SESSIONS, take_sessions);
	if (r == 0 && sessions_read(p) != p->session_count)
		r = damaged(o, p->pack.root, "the number of sessions");
	return r;
}

/* ---- root ---- */

static int
read_foreign(struct opening *o)
{
	struct scopepack *p = o->p;
	const uint8_t *uids;

	p->foreign_count = varint_get32(&o->in, FOREIGN_LIMIT);
	uids = varint_get_bytes(&o->in, (size_t)p->foreign_count * 16);
	if (o->in.failed)
		return damaged(o, p->pack.root, "the root");
	p->foreign = malloc((size_t)p->foreign_count * 16 + 1);
	if (p->foreign == NULL)
		return no_memory(o);
	if (p->foreign_count != 0)
		memcpy(p->foreign, uids, (size_t)p->foreign_count * 16);
	return 0;
}

static bool
block_info_sound(const struct scopepack *p, const struct scopepack_block_info *b,
		 const struct scopepack_block_info *before)
{
	if (b->rows == 0 || b->rows > BLOCK_ROWS || b->contents > b->rows ||
	    b->first_session > b->last_session || b->last_session >= p->session_count ||
	    b->min_time > b->max_time || b->first_seq == 0)
		return false;
	if (before == NULL)
		return true;
	return before->last_session < b->first_session ||
	       (before->last_session == b->first_session &&
		before->last_seq < b->first_seq);
}

static int
read_blocks(struct opening *o)
{
	struct scopepack *p = o->p;
	uint64_t rows = 0, contents = 0;

	p->block_count = varint_get32(&o->in, BLOCK_LIMIT);
	if (o->in.failed || p->block_count > varint_left(&o->in) / BLOCK_INFO_MIN)
		return damaged(o, p->pack.root, "the root");
	p->blocks = calloc((size_t)p->block_count + 1, sizeof *p->blocks);
	if (p->blocks == NULL)
		return no_memory(o);
	for (uint32_t i = 0; i < p->block_count; i++) {
		struct scopepack_block_info *b = &p->blocks[i];

		b->start = varint_get(&o->in);
		b->header = b->start + varint_get(&o->in);
		b->header_bytes = varint_get32(&o->in, UINT32_MAX);
		b->rows = varint_get32(&o->in, BLOCK_ROWS);
		b->contents = varint_get32(&o->in, BLOCK_ROWS);
		b->first_session = varint_get32(&o->in, UINT32_MAX);
		b->last_session = varint_get32(&o->in, UINT32_MAX);
		b->first_seq = varint_get(&o->in);
		b->last_seq = varint_get(&o->in);
		b->min_time = (int64_t)varint_get64(&o->in);
		b->max_time = (int64_t)varint_get64(&o->in);
		b->first_content = contents;
		if (o->in.failed || !block_info_sound(p, b, i == 0 ? NULL : b - 1))
			return damaged(o, p->pack.root, "the list of blocks");
		rows += b->rows;
		contents += b->contents;
	}
	if (rows != p->rows || contents != p->contents || varint_left(&o->in) != 0)
		return damaged(o, p->pack.root, "the list of blocks");
	return 0;
}

int
scopepack_open(const struct block_source *source, const char *file,
	       const struct pack_id *expect, struct pack_codec *codec,
	       struct scopepack *out, struct tape_error *err)
{
	struct opening o = { .p = out, .codec = codec, .err = err };
	int r;

	memset(out, 0, sizeof *out);
	r = pack_reader_open(source, file, expect, &out->pack, err);
	if (r == 0 && out->pack.id.kind != PACK_SCOPES)
		r = damaged(&o, 20, "the kind");
	if (r == 0)
		r = pack_section_read(&out->pack, codec, out->pack.root, 0, SCOPES_ROOT,
				      NULL, &o.root, NULL, err);
	if (r == 0) {
		o.in = (struct varint_in){ o.root.data, o.root.data + o.root.len, false };
		out->rows = varint_get(&o.in);
		out->contents = varint_get(&o.in);
		r = read_foreign(&o);
	}
	if (r == 0)
		r = read_forms(&o);
	if (r == 0)
		r = number_contexts(&o);
	if (r == 0)
		r = number_columns(&o);
	if (r == 0)
		r = read_sessions(&o);
	if (r == 0)
		r = read_blocks(&o);
	pack_bytes_release(&o.root);
	pack_bytes_release(&o.raw);
	if (r != 0)
		scopepack_close(out);
	return r;
}

void
scopepack_close(struct scopepack *p)
{
	for (uint32_t i = 0; p->forms != NULL && i <= p->form_count; i++)
		form_release(&p->forms[i]);
	for (uint32_t i = 0; p->sessions != NULL && i < p->session_count; i++) {
		for (size_t n = 0; n < p->sessions[i].note_count; n++) {
			free((void *)(uintptr_t)p->sessions[i].notes[n].key);
			free((void *)(uintptr_t)p->sessions[i].notes[n].value);
		}
		free(p->sessions[i].notes);
	}
	free(p->forms);
	free(p->sessions);
	free(p->contexts);
	free(p->form_columns);
	free(p->columns);
	free(p->memory[0]);
	free(p->blocks);
	free(p->foreign);
	memset(p, 0, sizeof *p);
}

uint32_t
scopepack_block_of(const struct scopepack *s, uint64_t ordinal)
{
	uint32_t lo = 0, hi = s->block_count;

	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (s->blocks[mid].first_content <= ordinal)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

int
scopepack_manifest(const struct scopepack *p, struct pack_codec *codec, uint32_t session,
		   struct pack_bytes *raw, struct tape_error *err)
{
	raw->len = 0;
	if (session >= p->session_count || p->sessions[session].manifest == 0)
		return 0;
	return pack_section_read(&p->pack, codec, p->sessions[session].manifest, 0,
				 SCOPES_MANIFEST, NULL, raw, NULL, err);
}
