/* SPDX-License-Identifier: Apache-2.0 */
#include "search/scope.h"

#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "search/reader.h"
#include "search/snapshot.h"

/*
 * The public functions take a const scope: what they lay out on demand is a
 * cache of what the scope already says.
 */
static struct tape_scope *
mutable_scope(const struct tape_scope *scope)
{
	return (struct tape_scope *)(uintptr_t)scope;
}

/* Whoever looks at a variable cannot be told that there is no memory, so it is taken before. */
static int
make_room(struct tape_scope *scope, size_t count)
{
	struct tape_value *values;
	struct body_hint *hints;

	if (count <= scope->cap)
		return 0;
	values = realloc(scope->values, count * sizeof *values);
	if (values != NULL)
		scope->values = values;
	hints = realloc(scope->hints, count * sizeof *hints);
	if (hints != NULL)
		scope->hints = hints;
	if (values == NULL || hints == NULL)
		return TAPE_ERR_NOMEM;
	scope->cap = count;
	return 0;
}

int
scope_show(struct tape_scope *scope, struct source *source,
	   const struct source_record *rec, const struct content *content)
{
	if (make_room(scope, rec->form->form.var_count + 1u) != 0)
		return TAPE_ERR_NOMEM;
	scope->source = source;
	memcpy(scope->session, source->ops->facts(source)->id, sizeof scope->session);
	scope->rec = *rec;
	scope->has_values = false;
	scope->has_content = content != NULL;
	if (content != NULL)
		scope->content = *content;
	return 0;
}

void
scope_release(struct tape_scope *scope)
{
	free(scope->values);
	free(scope->hints);
	memset(scope, 0, sizeof *scope);
}

/* Found and checked; what cannot be had is lost, and reported. */
static void
need_content(struct tape_scope *scope)
{
	struct tape_error err = { 0 };

	if (!scope->has_content) {
		if (content_get(scope->source, &scope->rec, &scope->content, &err) != 0) {
			scope->content.lost = true;
			scope->source->reader->passing++;
			source_damaged(scope->rec.of, &scope->rec.place,
				       "cannot be read: %s", err.message);
		}
		scope->has_content = true;
	}
	(void)content_check(&scope->content);
}

static void
set_lost(struct tape_value *v)
{
	memset(v, 0, sizeof *v);
	v->type = TAPE_ABSENT;
	v->absent = TAPE_LOST;
}

/* Not verified: that would read all the blobs of a listing. */
static bool
blob_is_there(const struct tape_scope *scope, const struct tape_value *v,
	      const struct body_hint *hint)
{
	struct source *source = scope->content.of;

	if (hint->segment != BODY_NO_SEGMENT &&
	    source->ops->blob(source, hint, &v->hash, v->size, NULL, NULL) == 0)
		return true;
	if (generations_find_blob(source->reader, &v->hash, v->size, NULL, NULL) == 0)
		return true;
	return blob_loose_fits(source->reader, &v->hash, v->size) != 0;
}

/* A blob that a crash took with it is not there; one that should be is found out when it is opened. */
static void
check_blobs(struct tape_scope *scope)
{
	const struct form *own = &scope->rec.form->form;
	struct source *of = scope->content.of;

	for (uint32_t i = 0; i < own->var_count; i++) {
		struct tape_value *v = &scope->values[i];
		char text[TAPE_HASH_TEXT];

		if (v->store != TAPE_AS_BLOB || v->data != NULL || v->size == 0 ||
		    v->type == TAPE_ABSENT ||
		    !of->ops->excused(of, &scope->content.place) ||
		    blob_is_there(scope, v, &scope->hints[i]))
			continue;
		tape_hash_text(&v->hash, text);
		source_lost(of, &scope->content.place,
			    "blob %s was not on disk when the session was cut off; shown "
			    "as lost",
			    text);
		set_lost(v);
	}
}

static void
lay_out(struct tape_scope *scope)
{
	const struct form *own = &scope->rec.form->form;

	if (scope->has_values)
		return;
	need_content(scope);
	for (uint32_t i = 0; i < own->var_count; i++) {
		scope->hints[i] = (struct body_hint){ BODY_NO_SEGMENT, 0 };
		if (scope->content.lost)
			set_lost(&scope->values[i]);
	}
	if (!scope->content.lost) {
		content_values(&scope->content, own, scope->values, scope->hints);
		check_blobs(scope);
	}
	scope->has_values = true;
}

const struct tape_value *
scope_value(const struct tape_scope *scope, size_t index, struct body_hint *hint)
{
	lay_out(mutable_scope(scope));
	if (hint != NULL)
		*hint = scope->hints[index];
	return &scope->values[index];
}

/* ---- public ---- */

struct tape_pos
tape_scope_pos(const struct tape_scope *scope)
{
	struct tape_pos pos = { { scope->session[0], scope->session[1] },
				scope->rec.seq };

	return pos;
}

int64_t
tape_scope_time(const struct tape_scope *scope)
{
	return source_time(&scope->rec);
}

size_t
tape_scope_label_count(const struct tape_scope *scope)
{
	return scope->rec.form->form.label_count;
}

const char *
tape_scope_label(const struct tape_scope *scope, size_t index)
{
	const struct form *form = &scope->rec.form->form;

	return index < form->label_count ? form->labels[index] : "";
}

const char *
tape_scope_file(const struct tape_scope *scope)
{
	return scope->rec.form->form.file;
}

const char *
tape_scope_func(const struct tape_scope *scope)
{
	return scope->rec.form->form.func;
}

uint32_t
tape_scope_line(const struct tape_scope *scope)
{
	return scope->rec.form->form.line;
}

struct tape_hash
tape_scope_hash(const struct tape_scope *scope)
{
	struct tape_scope *s = mutable_scope(scope);
	struct tape_hash hash = { { 0 } };
	struct tape_error err = { 0 };

	need_content(s);
	if (!s->content.lost &&
	    content_hash(&s->rec.form->form, &s->content, &hash, &err) != 0) {
		s->source->reader->passing++;
		source_damaged(s->rec.of, &s->rec.place, "its hash cannot be had: %s",
			       err.message);
		memset(&hash, 0, sizeof hash);
	}
	return hash;
}

struct tape_pos
tape_scope_link(const struct tape_scope *scope)
{
	struct tape_pos pos = { { 0, 0 }, 0 };

	if (scope->rec.kind == SOURCE_LINK) {
		memcpy(pos.session, scope->session, sizeof pos.session);
		pos.seq = source_target(&scope->rec);
	}
	return pos;
}

size_t
tape_scope_var_count(const struct tape_scope *scope)
{
	return scope->rec.form->form.var_count;
}

static const struct tape_enumerator *
enumerators(const struct form_var *v)
{
	_Static_assert(sizeof(struct tape_enumerator) == sizeof(struct form_enumerator) &&
			       offsetof(struct tape_enumerator, name) ==
				       offsetof(struct form_enumerator, name),
		       "the two are the same, one public and one not");

	return (const struct tape_enumerator *)(const void *)v->enumerators;
}

struct tape_var
tape_scope_var(const struct tape_scope *scope, size_t index)
{
	static const struct tape_value none = { .type = TAPE_NULL };
	const struct form *form = &scope->rec.form->form;
	struct tape_var var = { .name = "", .unit = "", .value = &none };
	const struct form_var *v;

	if (index >= form->var_count)
		return var;
	v = &form->vars[index];
	var.name = v->name;
	var.name_len = v->name_len;
	var.unit = v->unit;
	var.value = scope_value(scope, index, NULL);
	var.enumerator_count = v->enumerator_count;
	if (v->enumerator_count != 0)
		var.enumerators = enumerators(v);
	return var;
}

int64_t
tape_scope_var_find(const struct tape_scope *scope, const char *name)
{
	return form_find(&scope->rec.form->form, name, strlen(name));
}
