/* SPDX-License-Identifier: Apache-2.0 */
/* One record after the other: its blobs, its content, its row. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compactor/packing.h"
#include "compactor/withdrawn.h"
#include "format/cached.h"
#include "format/error.h"
#include "format/hash.h"
#include "format/limits.h"

/* So many files are noted at once, in 16 MiB. */
#define MOST_LET_GO (UINT64_C(1) << 20)

/* ---- blobs ---- */

static int
lost_blob(struct packing *p, const struct source_record *rec,
	  const struct tape_hash *hash)
{
	char text[TAPE_HASH_TEXT];

	if (rec->of->ops->excused(rec->of, &rec->place))
		return 0; /* it went with a crash, and stays away */
	tape_hash_text(hash, text);
	return error_set(p->c->err, TAPE_ERR_DAMAGED,
			 rec->of->ops->file(rec->of, &rec->place), rec->place.offset,
			 "blob %s is missing", text);
}

static int
take_blob(struct packing *p, const struct source_record *rec, const struct tape_value *v,
	  const struct body_hint *hint)
{
	unsigned dtype = v->type == TAPE_ARRAY_T ? v->dtype : 0;
	uint32_t part = (uint32_t)(p->part - p->c->parts);
	struct tape_error hinted = { 0 };
	uint8_t *data = NULL;
	int from_hint = 0, r = blobs_known(p->blobs, &v->hash, v->size, part,
					   v->data == NULL ? hint : NULL);

	if (r != 0)
		return r < 0 ? r : 0;
	if (v->data != NULL) {
		struct tape_hash is = hash_bytes(v->data, (size_t)v->size);

		if (!hash_equal(&is, &v->hash))
			return error_set(p->c->err, TAPE_ERR_DAMAGED,
					 rec->of->ops->file(rec->of, &rec->place),
					 rec->place.offset,
					 "the bytes of a value do not match its hash");
		return blobs_add(p->blobs, &v->hash, dtype, v->data, v->size);
	}
	if (hint->segment != BODY_NO_SEGMENT) {
		from_hint = rec->of->ops->blob(rec->of, hint, &v->hash, v->size, &data,
					       &hinted);
		if (from_hint == 0) {
			r = blobs_add(p->blobs, &v->hash, dtype, data, v->size);
			free(data);
			blobs_came_from(p->blobs, &v->hash, part, hint);
			return r;
		}
	}
	if (from_hint != TAPE_ERR_NOMEM) {
		bool excused = rec->of->ops->excused(rec->of, &rec->place);

		r = blobs_add_loose(p->blobs, &v->hash, dtype, v->size, excused);
		if (r == BLOBS_LOST) { /* it went with a crash, as one that is missing */
			source_lost(rec->of, &rec->place, "%.300s: %.150s",
				    p->c->err->file, p->c->err->message);
			return 0;
		}
		if (r != TAPE_ERR_NOT_FOUND)
			return r;
	}
	/* What cannot be read is there all the same: it is not lost. */
	if (from_hint == TAPE_ERR_IO && hinted.code != ENOENT)
		return blobs_unreadable(p->blobs, -hinted.code, hinted.file);
	if (from_hint == TAPE_ERR_NOMEM) {
		*p->c->err = hinted;
		return from_hint;
	}
	return lost_blob(p, rec, &v->hash);
}

static int
values_room(struct packing *p, size_t count)
{
	if (count <= p->value_cap)
		return 0;
	free(p->values);
	free(p->hints);
	p->values = malloc(count * 2 * sizeof *p->values);
	p->hints = malloc(count * 2 * sizeof *p->hints);
	p->value_cap = p->values == NULL || p->hints == NULL ? 0 : count * 2;
	return p->value_cap == 0 ? compaction_no_memory(p->c) : 0;
}

/* Values of more than 64 bytes that a scope brings, wherever their bytes are. */
static int
take_blobs(struct packing *p, const struct source_record *rec,
	   const struct content *content)
{
	const struct form *form = content->form;
	int r;

	if (form->fixed_count == form->var_count ||
	    content->len == content->canonical_len)
		return 0;
	r = values_room(p, form->var_count);
	if (r != 0)
		return r;
	body_values(form, content->body, p->values, p->hints);
	for (uint32_t i = 0; i < form->var_count && r == 0; i++)
		if (form->vars[i].type >= TAPE_STR && p->values[i].size > CANON_BYTES &&
		    form->vars[i].store != TAPE_AS_HASH)
			r = take_blob(p, rec, &p->values[i], &p->hints[i]);
	return r;
}

/* ---- contents ---- */

static int
foreign_ref(struct packing *p, const uint8_t uid[16], uint64_t ordinal, uint64_t *ref)
{
	uint32_t i = 0;

	while (i < p->foreign_count && memcmp(p->foreign[i], uid, 16) != 0)
		i++;
	if (i == p->foreign_count) {
		uint8_t(*more)[16] = realloc(p->foreign, (i + 1) * sizeof *more);

		if (more == NULL)
			return compaction_no_memory(p->c);
		p->foreign = more;
		memcpy(more[p->foreign_count++], uid, 16);
	}
	*ref = (uint64_t)(i + 1) << CONTENT_ORDINAL_BITS | ordinal;
	return 0;
}

/* 1 = the content of a packed record is in a generation that stays, and the row was added with it. */
static int
add_staying(struct packing *p, const struct source_record *rec, struct block_row *row)
{
	struct generations *g = p->c->snapshot->generations;
	const struct generation *of;
	const uint8_t *uid;
	uint64_t check = 0;
	size_t where;
	int r;

	if (rec->generation == 0 || source_target(rec) == UINT64_MAX ||
	    rec->content == CONTENT_LOST)
		return 0;
	where = rec->generation - 1;
	of = &g->items[where];
	uid = of->manifest.uid;
	if (CONTENT_FOREIGN(rec->content) != 0) {
		uid = of->scopes.foreign[CONTENT_FOREIGN(rec->content) - 1];
		for (where = 0; where < g->count; where++)
			if (memcmp(g->items[where].manifest.uid, uid, 16) == 0)
				break;
	}
	if (where >= p->c->keep)
		return 0;
	r = earlier_check(p->earlier, uid, CONTENT_ORDINAL(rec->content), &check);
	if (r == 0)
		r = foreign_ref(p, uid, CONTENT_ORDINAL(rec->content), &row->content);
	if (r == 0)
		r = blocks_add(p->blocks, row, check, 0, NULL, 0, p->c->err);
	return r == 0 ? 1 : r;
}

/*
 * 1 = the row has the content of a generation that stays, and was added; 0 = it
 * does not read there as what was met. What an index says is not believed, and
 * what is damaged there is packed again.
 */
static int
add_earlier(struct packing *p, struct block_row *row, uint64_t check, uint64_t ref)
{
	const uint8_t *uid;
	uint64_t ordinal, there = 0;
	int r;

	earlier_find(p->earlier, ref, &uid, &ordinal);
	r = earlier_check(p->earlier, uid, ordinal, &there);
	if (r != 0 || there != check)
		return r;
	if (foreign_ref(p, uid, ordinal, &row->content) != 0)
		return TAPE_ERR_NOMEM;
	r = blocks_add(p->blocks, row, check, 0, NULL, 0, p->c->err);
	return r == 0 ? 1 : r;
}

/* Adds the row with a content whose labels and variables are those of `form`. */
static int
add_content(struct packing *p, struct block_row *row, uint32_t form,
	    const struct content *content)
{
	struct tape_hash hash =
		body_hash(content->form, content->body, content->canonical_len);
	static const uint8_t none[1];
	uint64_t ref = blocks_contents(p->blocks), check = verify_check(&hash);
	const uint8_t *body = content->body;
	bool fresh = false;
	int r = dedup_find(&p->dedup, &hash, &ref, &fresh, p->c->err);

	if (r == 0 && !fresh && ref >= EARLIER) {
		r = add_earlier(p, row, check, ref);
		if (r != 0)
			return r == 1 ? 0 : r;
		ref = blocks_contents(p->blocks);
		fresh = true;
		r = dedup_replace(&p->dedup, &hash, ref, p->c->err);
	}
	if (r != 0)
		return r;
	row->content = ref;
	if (fresh)
		carry_refer(p->carry, content->form, body, content->canonical_len);
	/* A content of no variables has no body, and is a content still. */
	if (fresh && body == NULL)
		body = none;
	return blocks_add(p->blocks, row, check, form, fresh ? body : NULL,
			  content->canonical_len, p->c->err);
}

static int
add_lost(struct packing *p, struct block_row *row)
{
	row->content = CONTENT_LOST;
	return blocks_add(p->blocks, row, 0, 0, NULL, 0, p->c->err);
}

static int
add_own(struct packing *p, const struct source_record *rec, struct block_row *row)
{
	struct content content;
	int r = rec->generation == 0
			? content_get(p->source, rec, &content, p->c->err)
			: content_get_canonical(p->source, rec, &content, p->c->err);

	if (r == 0 && (!content_check(&content) || content.lost))
		return add_lost(p, row);
	if (r == 0 && rec->generation == 0)
		r = take_blobs(p, rec, &content);
	return r == 0 ? add_content(p, row, row->form, &content) : r;
}

/* ---- what was withdrawn ---- */

/* A file that was its alone may go. What is not noted here goes later, as others do. */
static void
let_go(struct packing *p, const struct content *content)
{
	struct compaction *c = p->c;
	size_t cap = c->let_go_cap == 0 ? 64 : c->let_go_cap * 2;

	for (uint32_t i = 0; i < content->form->var_count; i++) {
		struct tape_hash *more;
		struct tape_value v;

		if (content->form->vars[i].type < TAPE_STR ||
		    cached_value(content->form, content->body, content->canonical_len, i,
				 &v) != 0 ||
		    v.size <= CANON_BYTES)
			continue;
		if (c->let_go_count == c->let_go_cap) {
			more = cap > MOST_LET_GO
				       ? NULL
				       : reallocarray(c->let_go, cap, sizeof *more);
			if (more == NULL)
				return;
			c->let_go = more;
			c->let_go_cap = cap;
			cap *= 2;
		}
		c->let_go[c->let_go_count++] = v.hash;
	}
}

/* Is it a result that was withdrawn, of a session that is over? enum withdrawn_what, or negative. */
static int
is_withdrawn(struct packing *p, const struct source_record *rec, struct content *content)
{
	int r;

	if (p->c->withdrawn == NULL || !p->part->over || rec->kind != SOURCE_SCOPE ||
	    !cached_form(&rec->form->form))
		return 0;
	r = content_get_canonical(p->source, rec, content, p->c->err);
	if (r != 0)
		return r;
	if (!content_check(content) || content->lost)
		return WITHDRAWN_NOT;
	return (int)withdrawn_is(p->c->withdrawn, content->form, content->body,
				 content->canonical_len, source_time(rec));
}

/* The form of what stands in the place of scopes of that form; 0 = no memory. */
static uint32_t
stand_in_form(struct packing *p, uint32_t of, const struct form *form)
{
	const struct form_var var = { .name = CACHE_WITHDRAWN,
				      .name_len = sizeof CACHE_WITHDRAWN - 1,
				      .unit = "",
				      .type = TAPE_BOOL };
	uint32_t cap = of < 32 ? 64 : of * 2;
	struct form made;

	if (of >= p->stand_in_cap) {
		uint32_t *more = realloc(p->stand_ins, cap * sizeof *more);

		if (more == NULL)
			return 0;
		memset(more + p->stand_in_cap, 0, (cap - p->stand_in_cap) * sizeof *more);
		p->stand_ins = more;
		p->stand_in_cap = cap;
	}
	if (p->stand_ins[of] == 0 &&
	    form_build(1, form->file, form->line, form->func, form->labels,
		       form->label_count, &var, 1, &made, p->c->err) == 0) {
		p->stand_ins[of] = forms_number(&p->forms, &made);
		form_release(&made);
	}
	return p->stand_ins[of];
}

/* Positions stay as they are: a scope that says so, one content for all of a label path. */
static int
add_stand_in(struct packing *p, const struct source_record *rec, struct block_row *row)
{
	static const uint8_t yes[1] = { 1 };
	struct content content = { .body = yes, .len = 1, .canonical_len = 1 };

	row->kind = SOURCE_SCOPE;
	row->target = 0;
	row->form = stand_in_form(p, row->form, &rec->form->form);
	if (row->form == 0)
		return compaction_no_memory(p->c);
	content.form = p->forms.forms[row->form];
	return add_content(p, row, row->form, &content);
}

/*
 * What repeats a result that is left out is left out too: the bytes of its values went
 * with that. 1 = it is such a one, and the row was added.
 */
static int
add_of_withdrawn(struct packing *p, const struct source_record *rec,
		 const struct source_record *target, struct block_row *row)
{
	struct content content;
	int r = is_withdrawn(p, target, &content);

	if (r <= 0)
		return r;
	r = content_get_canonical(p->source, rec, &content, p->c->err);
	if (r != 0)
		return r;
	if (!content_check(&content) || content.lost)
		return 0; /* it is none of it */
	r = add_stand_in(p, rec, row);
	return r == 0 ? 1 : r;
}

/* ---- what repeats others ---- */

/* A projection takes its values from a scope that may come after it. */
static int
add_subset(struct packing *p, const struct source_record *rec, struct block_row *row,
	   uint64_t scope)
{
	struct source_record target;
	struct content content;
	uint32_t form;
	int r = content_get_canonical(p->source, rec, &content, p->c->err);

	if (r == 0 && (!content_check(&content) || content.lost))
		return add_lost(p, row);
	if (r == 0)
		r = p->source->ops->lookup(p->source, scope, &target, p->c->err);
	if (r == 0)
		return add_lost(p, row);
	if (r < 0)
		return r;
	r = add_of_withdrawn(p, rec, &target, row);
	if (r == 0)
		r = add_staying(p, &target, row);
	if (r != 0)
		return r == 1 ? 0 : r;
	form = forms_number(&p->forms, &target.form->form);
	if (form == 0)
		return compaction_no_memory(p->c);
	/* The lookup has taken back what content borrowed. */
	r = content_get_canonical(p->source, rec, &content, p->c->err);
	if (r == 0 && (!content_check(&content) || content.lost))
		return add_lost(p, row);
	return r == 0 ? add_content(p, row, form, &content) : r;
}

static int
add_link(struct packing *p, const struct source_record *rec, struct block_row *row)
{
	struct source_record target;
	struct content content;
	int r = p->source->ops->lookup(p->source, row->target, &target, p->c->err);
	bool subset = r == 1 && target.kind == SOURCE_PROJECTION;

	/* What it repeats may be in a generation that is not touched. */
	if (r == 1 && target.kind != SOURCE_LINK) {
		r = add_of_withdrawn(p, rec, &target, row);
		if (r == 0)
			r = add_staying(p, &target, row);
		if (r == 1)
			return 0;
	}
	if (r < 0)
		return r;
	/* A projection's variables are those of a scope with more. */
	if (subset)
		return add_subset(p, rec, row, source_target(&target));
	r = content_get_canonical(p->source, rec, &content, p->c->err);
	if (r == 0 && (!content_check(&content) || content.lost))
		return add_lost(p, row);
	return r == 0 ? add_content(p, row, row->form, &content) : r;
}

int
pack_rows_add(struct packing *p, const struct source_record *rec, struct block_row *row)
{
	struct content content;
	int r = is_withdrawn(p, rec, &content);

	if (r < 0)
		return r;
	if (r != WITHDRAWN_NOT) {
		let_go(p, &content);
		p->left_out += r == WITHDRAWN_RESULT;
		p->left_out_drops += r == WITHDRAWN_DROP;
		return add_stand_in(p, rec, row);
	}
	switch (rec->kind) {
	case SOURCE_LINK:
		return add_link(p, rec, row);
	case SOURCE_PROJECTION:
		return add_subset(p, rec, row, row->target);
	default:
		return add_own(p, rec, row);
	}
}
