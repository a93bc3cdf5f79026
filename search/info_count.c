/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes by label path, variables, blobs, and what was not written again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/form.h"
#include "format/limits.h"
#include "search/content.h"
#include "search/info_build.h"

#define MEASURES 20000u
#define SIZE_MET UINT32_MAX /* the scope was met, its size is not known */

/* Per form, in the form's place for a plan. */
struct tally {
	struct build *build;
	const struct form *form;
	uint64_t scopes, links, projections, saved;
	uint64_t measured, measured_bytes; /* bodies of links and projections that were */
	bool has_blobs;
};

static const char *
type_name(unsigned type)
{
	static const char *const names[] = {
		[TAPE_NULL] = "null", [TAPE_ABSENT] = "absent", [TAPE_BOOL] = "bool",
		[TAPE_I64] = "i64",   [TAPE_U64] = "u64",	[TAPE_F64] = "f64",
		[TAPE_F32] = "f32",   [TAPE_C16] = "c16",	[TAPE_C8] = "c8",
		[TAPE_STR] = "str",   [TAPE_BYTES_T] = "bytes", [TAPE_ARRAY_T] = "array",
	};
	const char *name = type < sizeof names / sizeof names[0] ? names[type] : NULL;

	return name == NULL ? "?" : name;
}

/* ---- labels and variables, form by form ---- */

static void
add_labels(struct build *b, const struct tally *t)
{
	char path[LIMIT_LABELS * (LIMIT_NAME + 1) + 1];
	size_t len = 0;
	int64_t i;

	for (uint32_t k = 0; k < t->form->label_count; k++)
		len += (size_t)snprintf(path + len, sizeof path - len, "%s%s",
					k == 0 ? "" : "/", t->form->labels[k]);
	i = info_keys_put(&b->labels, path, len);
	if (i < 0 || !info_grow((void **)&b->label_list, &b->label_cap, (size_t)i,
				sizeof *b->label_list)) {
		b->no_memory = true;
		return;
	}
	b->label_list[i].path = b->labels.keys[i].bytes;
	b->label_list[i].scopes += t->scopes;
	b->label_list[i].links += t->links;
	b->label_list[i].projections += t->projections;
	b->label_list[i].bytes_saved += t->saved;
}

static void
add_var(struct build *b, const struct form_var *v, uint64_t scopes)
{
	char key[2 * (LIMIT_NAME + 2) + 16];
	int len = snprintf(key, sizeof key, "%s%c%s%c%s", v->name, 1, v->unit, 1,
			   type_name(v->type));
	int64_t i = len < 0 ? -1 : info_keys_put(&b->vars, key, strlen(key));

	if (i < 0 || !info_grow((void **)&b->var_list, &b->var_cap, (size_t)i,
				sizeof *b->var_list)) {
		b->no_memory = true;
		return;
	}
	if (b->var_list[i].name == NULL) {
		b->var_list[i].name = info_text0(b, v->name);
		b->var_list[i].unit = info_text0(b, v->unit);
		b->var_list[i].type = type_name(v->type);
	}
	b->var_list[i].scopes += scopes;
}

/* Called when a session is closed, once per form. */
void
info_count_fold(void *plan)
{
	struct tally *t = plan;

	if (t->scopes != 0) {
		add_labels(t->build, t);
		for (uint32_t i = 0; i < t->form->var_count; i++)
			add_var(t->build, &t->form->vars[i], t->scopes);
	}
	free(t);
}

bool
info_count_form(void *user, struct source_form *form)
{
	struct build *b = user;
	struct tally *t = calloc(1, sizeof *t);

	if (t == NULL) {
		b->no_memory = true;
		return false;
	}
	t->build = b;
	t->form = &form->form;
	for (uint32_t i = 0; i < form->form.var_count; i++)
		t->has_blobs |= form->form.vars[i].store == TAPE_AS_BLOB;
	form->plan = t;
	return true;
}

/* ---- scopes ---- */

/* Of a form with so many variables; false: no memory. */
static bool
values_room(struct build *b, uint32_t count)
{
	if (b->value_cap >= count && b->values != NULL)
		return true;
	free(b->values);
	free(b->hints);
	b->values = calloc(count + 1u, sizeof *b->values);
	b->hints = calloc(count + 1u, sizeof *b->hints);
	b->value_cap = count;
	if (b->values != NULL && b->hints != NULL)
		return true;
	b->value_cap = 0;
	b->no_memory = true;
	return false;
}

static int
count_blobs(struct build *b, struct source *source, const struct source_record *rec,
	    struct tape_error *err)
{
	struct content content;
	const struct form *form = &rec->form->form;
	int r;

	if (!values_room(b, form->var_count))
		return 0;
	r = content_get(source, rec, &content, err);
	if (r != 0 || content.lost || !content_check(&content))
		return r;
	content_values(&content, form, b->values, b->hints);
	for (uint32_t i = 0; i < form->var_count; i++) {
		const struct tape_value *v = &b->values[i];

		if (v->store != TAPE_AS_BLOB || v->data != NULL || v->size == 0)
			continue;
		b->info.blob_references++;
		b->info.reference_bytes += v->size;
		r = info_hashes_put(&b->blobs, &v->hash);
		b->no_memory |= r < 0;
		b->info.blobs += r == 1;
		b->info.blob_bytes += r == 1 ? v->size : 0;
	}
	return 0;
}

/* The body that a link or projection would have; 0 where what it stands for is lost. */
static int
measure(struct build *b, struct source *source, const struct source_record *rec,
	uint64_t *size, struct tape_error *err)
{
	const struct form *form = &rec->form->form;
	struct content content;
	size_t canonical_len = 0;
	int64_t len;
	int r = content_get(source, rec, &content, err);

	*size = 0;
	if (r != 0 || content.lost)
		return r;
	if (!content.mapped) {
		*size = content.len;
		return 0;
	}
	if (!content_check(&content) || !values_room(b, form->var_count))
		return 0;
	content_values(&content, form, b->values, b->hints);
	len = body_write(form, b->values, b->hints, NULL, 0, &canonical_len, NULL);
	*size = len > 0 ? (uint64_t)len : 0;
	return 0;
}

/*
 * Contents of a compacted tape may stand anywhere: beyond so many, the mean of those
 * of the form that were measured stands for the others.
 */
static int
measure_some(struct build *b, struct source *source, const struct source_record *rec,
	     uint64_t *size, struct tape_error *err)
{
	struct tally *t = rec->form->plan;
	int r;

	if (b->measures >= MEASURES && t->measured != 0) {
		*size = t->measured_bytes / t->measured;
		return 0;
	}
	r = measure(b, source, rec, size, err);
	b->measures++;
	t->measured++;
	t->measured_bytes += *size;
	return r;
}

/* What a link or a projection did not repeat. */
static int
count_saved(struct build *b, struct source *source, const struct source_record *rec,
	    uint64_t *saved, struct tape_error *err)
{
	const struct form *form = &rec->form->form;
	uint64_t target = source_target(rec);
	uint32_t *of = seqmap_entry(&b->sizes, target, 0), *own;
	bool link = rec->kind == SOURCE_LINK, met = of != NULL && *of != 0;
	int r = 0;

	*saved = 0;
	if (met && link && *of != SIZE_MET)
		*saved = *of - 1;
	else if (met && form->fixed_count == form->var_count)
		*saved = form->fixed_bytes;
	else
		r = measure_some(b, source, rec, saved, err);
	/* The next that repeats it need not be measured. */
	own = seqmap_entry(&b->sizes, link ? target : rec->seq, 1);
	if (r == 0 && own != NULL && *saved != 0 && *saved < SIZE_MET - 1)
		*own = (uint32_t)*saved + 1;
	return r;
}

static int
count_reference(struct build *b, struct source *source, const struct source_record *rec,
		struct tape_error *err)
{
	struct tally *t = rec->form->plan;
	uint64_t saved;
	int r = count_saved(b, source, rec, &saved, err);

	t->saved += saved;
	if (rec->kind == SOURCE_LINK) {
		t->links++;
		b->info.link_bytes_saved += saved;
	} else {
		t->projections++;
		b->info.projection_bytes_saved += saved;
	}
	return r;
}

int
info_count_scope(struct build *b, struct source *source, const struct source_record *rec,
		 struct tape_error *err)
{
	struct tally *t = rec->form->plan;
	uint32_t *size;

	t->scopes++;
	b->now->scopes++;
	b->now->superseded += rec->seq > b->current;
	b->now->links += rec->kind == SOURCE_LINK;
	b->now->projections += rec->kind == SOURCE_PROJECTION;
	b->now->bookmarks += rec->kind == SOURCE_BOOKMARK;
	if (b->now->first_seq == 0) {
		b->now->first_seq = rec->seq;
		b->now->first_time = b->now->last_time = rec->time;
	}
	b->now->last_seq = rec->seq;
	if (rec->time < b->now->first_time)
		b->now->first_time = rec->time;
	if (rec->time > b->now->last_time)
		b->now->last_time = rec->time;
	if (rec->kind == SOURCE_LINK || rec->kind == SOURCE_PROJECTION)
		return count_reference(b, source, rec, err);
	size = seqmap_entry(&b->sizes, rec->seq, 1);
	if (size != NULL)
		*size = rec->body != NULL ? (uint32_t)rec->body_len + 1 : SIZE_MET;
	return t->has_blobs ? count_blobs(b, source, rec, err) : 0;
}
