/* SPDX-License-Identifier: Apache-2.0 */
/* Contents of packed records: rows of columns put together again as bodies, or one value of them. */
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/le.h"
#include "format/limits.h"
#include "search/generations.h"
#include "search/packed.h"
#include "search/packed_one.h"
#include "search/reader.h"

/* Where a content is. */
struct spot {
	struct generation *of;
	uint32_t block, group, row; /* row within the group */
	uint32_t form;		    /* of that generation */
};

void
packed_content_release(struct packed *p)
{
	pack_bytes_release(&p->body);
	pack_bytes_release(&p->value);
	free(p->blob);
}

/* ---- finding it ---- */

static struct generation *
generation_of(struct packed *p, uint64_t ref)
{
	uint32_t foreign = CONTENT_FOREIGN(ref);
	const uint8_t *uid;

	if (foreign == 0)
		return p->of;
	uid = p->of->scopes.foreign[foreign - 1];
	for (size_t i = 0; i < p->set->count; i++)
		if (memcmp(p->set->items[i].manifest.uid, uid, 16) == 0 &&
		    generation_need(p->set, i, NULL) == 0)
			return &p->set->items[i];
	return NULL;
}

static int
find_spot(struct packed *p, uint64_t ref, struct spot *out, struct tape_error *err)
{
	uint64_t ordinal = CONTENT_ORDINAL(ref);
	uint32_t in_block;

	out->of = generation_of(p, ref);
	if (out->of == NULL || ordinal >= out->of->scopes.contents)
		return error_set(err, TAPE_ERR_DAMAGED, p->of->file->path, 0,
				 "what a scope says is in a generation that cannot be "
				 "read");
	out->block = scopepack_block_of(&out->of->scopes, ordinal);
	in_block = (uint32_t)(ordinal - out->of->scopes.blocks[out->block].first_content);
	out->group = in_block / GROUP_ROWS;
	out->row = in_block % GROUP_ROWS;
	return packed_one_form(out->of->cache, out->block, out->group, out->row,
			       &out->form, err);
}

/* The form by which a record's content is shown: stores are those of who recorded it. */
static int
shown_form(struct packed *p, const struct source_record *rec, const struct spot *spot,
	   const struct form **out, struct tape_error *err)
{
	uint32_t own = (uint32_t)(rec->form->form.number);
	struct source_record target;
	int r;
	bool same = hash_equal(&rec->form->form.head16,
			       &spot->of->scopes.forms[spot->form].head16);

	if (same && (rec->kind == SOURCE_SCOPE || rec->kind == SOURCE_BOOKMARK ||
		     packed_forms_alike(p->of->forms, own))) {
		*out = &p->of->scopes.forms[own];
		return 0;
	}
	*out = &spot->of->scopes.forms[spot->form];
	if (rec->kind != SOURCE_LINK && rec->kind != SOURCE_PROJECTION)
		return error_set(err, TAPE_ERR_DAMAGED, spot->of->file->path, 0,
				 "damaged: a scope has a content of other variables");
	if (spot->of == p->of && packed_forms_alike(p->of->forms, spot->form))
		return 0;
	r = p->whole->ops->lookup(p->whole, rec->target, &target, err);
	/* A link to a projection shows what the projection is of. */
	if (r == 1 && target.kind == SOURCE_PROJECTION && rec->kind == SOURCE_LINK)
		r = p->whole->ops->lookup(p->whole, target.target, &target, err);
	if (r == 1 && form_same_content(&target.form->form, *out))
		*out = &target.form->form;
	return r < 0 ? r : 0;
}

/* ---- columns ---- */

static int
add(struct pack_bytes *to, const void *data, size_t len, struct tape_error *err)
{
	if (pack_bytes_add(to, data, len) != 0)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a scope");
	return 0;
}

/* Value `var` of the content's form, as it stands in a canonical part, behind what `to` has. */
static int
add_value(struct packed *p, const struct spot *spot, uint32_t var, struct pack_bytes *to,
	  struct tape_error *err)
{
	const struct scopepack *s = &spot->of->scopes;
	const struct form *form = &s->forms[spot->form];

	(void)p;
	if (form->vars[var].type == TAPE_NULL)
		return 0;
	return packed_one_value(spot->of->cache, spot->block, spot->group,
				s->form_columns[spot->form][var], spot->row, to, err);
}

/* ---- long values ---- */

/* The tail of an entry that is longer than 64 bytes. */
static int
add_tail(struct packed *p, unsigned store, const uint8_t *entry, unsigned type,
	 struct pack_bytes *to, struct tape_error *err)
{
	static const uint8_t no_hint[12] = { 0xff, 0xff, 0xff, 0xff };
	uint64_t size = get_le64(entry);
	size_t head = type == TAPE_ARRAY_T ? 12u + 8u * entry[9] : 8u;
	struct tape_hash hash;
	uint8_t *data = NULL;
	int r;

	if (size <= CANON_BYTES || store == TAPE_AS_HASH)
		return 0;
	if (store == TAPE_AS_BLOB)
		return add(to, no_hint, sizeof no_hint, err);
	memcpy(hash.byte, entry + head, sizeof hash.byte);
	r = generations_blob(p->set, &hash, size, &data, err);
	if (r == TAPE_ERR_NOT_FOUND)
		r = error_set(err, TAPE_ERR_DAMAGED, p->of->file->path, 0,
			      "the bytes of a long value are missing");
	if (r == 0)
		r = add(to, data, (size_t)size, err);
	free(data);
	return r;
}

/* Entries that were put together are looked at before their lengths are believed. */
static bool
entry_sound(const uint8_t *entry, size_t len, unsigned type)
{
	size_t head = 8;
	uint64_t size;

	if (len < 8)
		return false;
	if (type == TAPE_ARRAY_T) {
		if (len < 12 || entry[9] == 0 || entry[9] > LIMIT_DIMS)
			return false;
		head = 12u + 8u * entry[9];
	}
	size = get_le64(entry);
	return len == head + (size <= CANON_BYTES ? (size_t)size : 16u);
}

static int
unsound(const struct spot *spot, struct tape_error *err)
{
	return error_set(err, TAPE_ERR_DAMAGED, spot->of->scopes.pack.file, 0,
			 "damaged: a value has a length that it cannot have");
}

/* ---- whole contents ---- */

static int
lay_out(struct packed *p, const struct spot *spot, const struct form *shown, bool tail,
	struct tape_error *err)
{
	const struct form *form = &spot->of->scopes.forms[spot->form];
	size_t starts[64], *start = starts;
	uint32_t long_count = form->var_count - form->fixed_count;
	int r = 0;

	p->body.len = 0;
	if (long_count > 64) {
		start = malloc(long_count * sizeof *start);
		if (start == NULL)
			return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
					 "no memory for a scope");
	}
	for (uint32_t i = 0; i < form->var_count && r == 0; i++) {
		size_t at = p->body.len;

		r = add_value(p, spot, form->canonical[i], &p->body, err);
		if (i < form->fixed_count || r != 0)
			continue;
		start[i - form->fixed_count] = at;
		if (!entry_sound(p->body.data + at, p->body.len - at,
				 form->vars[form->canonical[i]].type))
			r = unsound(spot, err);
	}
	for (uint32_t i = 0; i < long_count && tail && r == 0; i++) {
		const struct form_var *v =
			&form->vars[form->canonical[form->fixed_count + i]];
		uint8_t entry[12 + 8 * LIMIT_DIMS + 16];
		size_t len = p->body.len - start[i];

		/* The body may move while it grows. */
		memcpy(entry, p->body.data + start[i],
		       len < sizeof entry ? len : sizeof entry);
		r = add_tail(p, shown->vars[form->canonical[form->fixed_count + i]].store,
			     entry, v->type, &p->body, err);
	}
	if (start != starts)
		free(start);
	return r;
}

static int
lost(struct packed *p, const struct source_record *rec, struct content *out)
{
	(void)p;
	out->lost = true;
	source_lost(rec->of, &rec->place,
		    "seq %llu repeats seq %llu, which is missing; its variables are "
		    "shown as lost",
		    (unsigned long long)rec->seq, (unsigned long long)rec->target);
	return 0;
}

/* Told, and the content is lost; negative: cannot go on. */
static int
failed(struct packed *p, const struct source_record *rec, int r,
       const struct tape_error *why, struct tape_error *err)
{
	if (r == TAPE_ERR_DAMAGED || r == TAPE_ERR_TOO_NEW) {
		const char *file = why->file[0] != '\0' ? why->file : p->of->file->path;

		reader_report(p->base.reader, TAPE_DAMAGE_MET, file, why->offset, 0,
			      "%.200s; values of scopes are shown as lost: restore the "
			      "file from a copy",
			      why->message);
		return 0;
	}
	return packed_failed(p, (uint32_t)(rec->row >> 32), r, why,
			     "values of scopes are shown as lost", err);
}

int
packed_content(struct source *source, const struct source_record *record, bool tail,
	       struct content *out, struct tape_error *err)
{
	struct packed *p = (struct packed *)source;
	struct source_record filled = *record, *rec = &filled;
	struct tape_error why = { 0 };
	const struct form *shown = NULL;
	struct spot spot;
	int r;

	(void)source_target(rec);
	memset(out, 0, sizeof *out);
	out->of = source;
	out->place = rec->place;
	out->checked = true;
	out->form = &rec->form->form;
	if (rec->content == CONTENT_LOST)
		return lost(p, rec, out);
	r = find_spot(p, rec->content, &spot, &why);
	if (r == 0)
		r = shown_form(p, rec, &spot, &shown, &why);
	if (r == 0 && !tail)
		shown = packed_forms_hashed(spot.of->forms, spot.form);
	if (r == 0 && shown == NULL)
		r = error_set(&why, TAPE_ERR_NOMEM, NULL, 0, "no memory for a form");
	if (r == 0)
		r = lay_out(p, &spot, shown, tail, &why);
	/* A content without variables has no bytes, but is somewhere. */
	if (r == 0 && pack_bytes_reserve(&p->body, 1) != 0)
		r = error_set(&why, TAPE_ERR_NOMEM, NULL, 0, "no memory for a scope");
	if (r == 0) {
		out->form = shown;
		out->body = p->body.data;
		out->len = p->body.len;
		out->mapped = rec->kind == SOURCE_PROJECTION ||
			      !hash_equal(&shown->head16, &rec->form->form.head16);
		if (rec->kind >= SOURCE_LINK)
			out->place.seq = rec->target;
		r = body_check(shown, out->body, out->len, &out->canonical_len, &why);
	}
	if (r == 0)
		return 0;
	out->lost = true;
	return failed(p, rec, r, &why, err);
}

/* ---- one value ---- */

static void
set_lost(struct tape_value *v)
{
	memset(v, 0, sizeof *v);
	v->type = TAPE_ABSENT;
	v->absent = TAPE_LOST;
}

/* p->value: the variable alone, as a body of a form that has no other. */
static int
one_value(struct packed *p, const struct spot *spot, uint32_t var, unsigned store,
	  struct tape_value *out, struct body_hint *hint, struct tape_error *err)
{
	const struct form *form = &spot->of->scopes.forms[spot->form];
	struct form_var alone = form->vars[var];
	uint32_t first = 0;
	struct form one = { .var_count = 1, .vars = &alone, .canonical = &first };
	size_t canonical_len;
	int r;

	p->value.len = 0;
	r = add_value(p, spot, var, &p->value, err);
	if (r != 0)
		return r;
	alone.offset = 0;
	alone.store = (uint8_t)store;
	if (alone.type < TAPE_STR) {
		one.fixed_count = 1;
		one.fixed_bytes = scopepack_width(alone.type);
		one.bool_count = alone.type == TAPE_BOOL;
	} else {
		uint8_t entry[12 + 8 * LIMIT_DIMS + 16] = { 0 };

		if (!entry_sound(p->value.data, p->value.len, alone.type))
			return unsound(spot, err);
		memcpy(entry, p->value.data,
		       p->value.len < sizeof entry ? p->value.len : sizeof entry);
		r = add_tail(p, store, entry, alone.type, &p->value, err);
	}
	if (r == 0 && pack_bytes_reserve(&p->value, 1) != 0)
		r = error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a value");
	if (r == 0)
		r = body_check(&one, p->value.data, p->value.len, &canonical_len, err);
	if (r == 0)
		body_value(&one, p->value.data, 0, out, hint);
	return r;
}

int
packed_value(struct source *source, const struct source_record *record, uint32_t index,
	     struct tape_value *out, struct body_hint *hint, struct tape_error *err)
{
	struct packed *p = (struct packed *)source;
	struct source_record filled = *record, *rec = &filled;
	const struct form_var *own = &rec->form->form.vars[index];
	const struct form *shown = NULL;
	struct tape_error why = { 0 };
	struct content none;
	struct spot spot;
	int64_t var;
	int r;

	(void)source_target(rec);
	if (rec->content == CONTENT_LOST) {
		set_lost(out);
		return lost(p, rec, &none);
	}
	r = find_spot(p, rec->content, &spot, &why);
	if (r == 0)
		r = shown_form(p, rec, &spot, &shown, &why);
	if (r == 0) {
		var = form_find(&spot.of->scopes.forms[spot.form], own->name,
				own->name_len);
		if (var < 0 ||
		    spot.of->scopes.forms[spot.form].vars[var].type != own->type)
			r = error_set(&why, TAPE_ERR_DAMAGED, p->of->file->path, 0,
				      "damaged: a scope has a variable that its content "
				      "has not");
		else
			r = one_value(p, &spot, (uint32_t)var, shown->vars[var].store,
				      out, hint, &why);
	}
	if (r == 0)
		return 0;
	set_lost(out);
	return failed(p, rec, r, &why, err);
}
