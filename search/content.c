/* SPDX-License-Identifier: Apache-2.0 */
#include "search/content.h"

#include <stdlib.h>
#include <string.h>

#include "format/error.h"

static void
own_body(const struct source_record *rec, struct content *out)
{
	out->form = &rec->form->form;
	out->body = rec->body;
	out->len = rec->body_len;
	out->of = rec->of;
	out->place = rec->place;
	/* What lies at fixed offsets may be read without a further check. */
	if (rec->body_len < out->form->fixed_bytes)
		out->lost = true;
}

static int
missing(const struct source_record *rec, uint64_t target, struct content *out)
{
	out->lost = true;
	source_lost(
		rec->of, &rec->place,
		"seq %llu repeats seq %llu, which is missing; its variables are shown "
		"as lost",
		(unsigned long long)rec->seq, (unsigned long long)target);
	return 0;
}

static int
misfit(const struct source_record *rec, struct content *out)
{
	out->lost = true;
	source_damaged(
		rec->of, &rec->place,
		"damaged: seq %llu stands for seq %llu, which is no such scope; its "
		"variables are shown as lost",
		(unsigned long long)rec->seq, (unsigned long long)rec->target);
	return 0;
}

/* The body of a record that has one, wherever it is kept. */
static int
body_of(const struct source_record *rec, bool tail, struct content *out,
	struct tape_error *err)
{
	const struct source_ops *ops = rec->of->ops;

	if (rec->body == NULL && ops->content != NULL)
		return ops->content(rec->of, rec, tail, out, err);
	own_body(rec, out);
	return 0;
}

/* A projection lists variables of its target, under the same labels. */
bool
content_is_subset(const struct form *own, const struct form *of)
{
	if (own->label_count != of->label_count || own->var_count > of->var_count)
		return false;
	for (uint32_t i = 0; i < own->label_count; i++)
		if (strcmp(own->labels[i], of->labels[i]) != 0)
			return false;
	for (uint32_t i = 0; i < own->var_count; i++) {
		const struct form_var *v = &own->vars[i];
		int64_t found = form_find(of, v->name, v->name_len);

		if (found < 0 || of->vars[found].type != v->type)
			return false;
	}
	return true;
}

/* The scope that a projection takes its values from. */
static int
project(struct source *source, const struct source_record *rec, uint64_t target_seq,
	bool tail, struct content *out, struct tape_error *err)
{
	struct source_record target;
	int r = source->ops->lookup(source, target_seq, &target, err);

	if (r < 0)
		return r;
	if (r == 0)
		return missing(rec, target_seq, out);
	if (target.kind != SOURCE_SCOPE ||
	    !content_is_subset(&rec->form->form, &target.form->form))
		return misfit(rec, out);
	r = body_of(&target, tail, out, err);
	out->mapped = true;
	return r;
}

static int
follow(struct source *source, const struct source_record *rec, bool tail,
       struct content *out, struct tape_error *err)
{
	struct source_record target;
	int r;

	if (rec->target == 0 || rec->target >= rec->seq)
		return misfit(rec, out);
	r = source->ops->lookup(source, rec->target, &target, err);
	if (r < 0)
		return r;
	if (r == 0)
		return missing(rec, rec->target, out);
	if (target.kind == SOURCE_LINK ||
	    !form_same_content(&rec->form->form, &target.form->form))
		return misfit(rec, out);
	if (target.kind == SOURCE_PROJECTION)
		return project(source, rec, target.target, tail, out, err);
	return body_of(&target, tail, out, err);
}

static int
find_content(struct source *source, const struct source_record *rec, bool tail,
	     struct content *out, struct tape_error *err)
{
	memset(out, 0, sizeof *out);
	out->of = rec->of;
	out->place = rec->place;
	if (rec->of->ops->content != NULL)
		return body_of(rec, tail, out, err);
	switch (rec->kind) {
	case SOURCE_LINK:
		return follow(source, rec, tail, out, err);
	case SOURCE_PROJECTION:
		return project(source, rec, rec->target, tail, out, err);
	default:
		own_body(rec, out);
		return 0;
	}
}

int
content_get(struct source *source, const struct source_record *rec, struct content *out,
	    struct tape_error *err)
{
	return find_content(source, rec, true, out, err);
}

int
content_get_canonical(struct source *source, const struct source_record *rec,
		      struct content *out, struct tape_error *err)
{
	return find_content(source, rec, false, out, err);
}

bool
content_check(struct content *c)
{
	struct tape_error why = { 0 };

	if (c->checked || c->form == NULL)
		return !c->lost;
	c->checked = true;
	if (body_check(c->form, c->body, c->len, &c->canonical_len, &why) == 0)
		return !c->lost;
	c->lost = true;
	source_damaged(c->of, &c->place, "damaged: %s", why.message);
	return false;
}

int64_t
content_index(const struct content *c, const struct form *own, uint32_t index)
{
	const struct form_var *v = &own->vars[index];
	int64_t found;

	if (!c->mapped)
		return index;
	found = form_find(c->form, v->name, v->name_len);
	if (found < 0 || c->form->vars[found].type != v->type)
		return -1;
	return found;
}

void
content_values(const struct content *c, const struct form *own, struct tape_value *values,
	       struct body_hint *hints)
{
	if (c->mapped)
		body_values_subset(c->form, c->body, own, values, hints);
	else
		body_values(c->form, c->body, values, hints);
}

/* Bytes that are not at hand count by their hash, wherever the form says they are. */
static bool
by_hash(const struct form *own, const struct tape_value *values, struct form_var *vars)
{
	for (uint32_t i = 0; i < own->var_count; i++) {
		vars[i] = own->vars[i];
		if (values[i].type != vars[i].type)
			return false;
		if (values[i].data == NULL && values[i].size != 0)
			vars[i].store = TAPE_AS_HASH;
	}
	return true;
}

static int64_t
lay_out(const struct form *own, const struct tape_value *values, struct tape_hash *out,
	struct tape_error *err)
{
	size_t canonical_len = 0;
	int64_t size = body_write(own, values, NULL, NULL, 0, &canonical_len, err);
	uint8_t *buf;

	if (size < 0)
		return size;
	buf = malloc((size_t)size + 1);
	if (buf == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a scope");
	size = body_write(own, values, NULL, buf, (size_t)size, &canonical_len, err);
	if (size >= 0)
		*out = body_hash(own, buf, canonical_len);
	free(buf);
	return size;
}

/* The canonical part of a projection is made from its values; none if one is lost. */
static int
projection_hash(const struct form *own, const struct content *c, struct tape_hash *out,
		struct tape_error *err)
{
	size_t count = own->var_count + 1u;
	struct tape_value *values = calloc(count, sizeof *values);
	struct body_hint *hints = calloc(count, sizeof *hints);
	struct form_var *vars = calloc(count, sizeof *vars);
	struct form same = *own;
	int64_t r;

	memset(out, 0, sizeof *out);
	if (values == NULL || hints == NULL || vars == NULL) {
		r = error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a scope");
	} else {
		content_values(c, own, values, hints);
		same.vars = vars;
		r = by_hash(own, values, vars) ? lay_out(&same, values, out, err) : 0;
	}
	free(vars);
	free(hints);
	free(values);
	return r < 0 ? (int)r : 0;
}

int
content_hash(const struct form *own, const struct content *c, struct tape_hash *out,
	     struct tape_error *err)
{
	if (c->mapped)
		return projection_hash(own, c, out, err);
	*out = body_hash(c->form, c->body, c->canonical_len);
	return 0;
}
