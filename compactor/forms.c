/* SPDX-License-Identifier: Apache-2.0 */
#include "compactor/forms.h"

#include <stdlib.h>
#include <string.h>

#include "format/hash.h"

/* Room for one more, at three quarters full; rehash gives an element's hash by its number. */
static bool
table_grow(struct form_table *t, uint64_t (*hash)(const struct forms *f, uint32_t number),
	   const struct forms *f)
{
	uint32_t cap = t->slots == NULL ? 64 : (t->mask + 1) * 2;
	uint32_t *slots;

	if (t->slots != NULL && (t->count + 1) * 4ull <= (t->mask + 1) * 3ull)
		return true;
	slots = calloc(cap, sizeof *slots);
	if (slots == NULL)
		return false;
	for (uint32_t i = 0; i < t->count; i++) {
		uint32_t at = (uint32_t)hash(f, i) & (cap - 1);

		while (slots[at] != 0)
			at = (at + 1) & (cap - 1);
		slots[at] = i + 1;
	}
	free(t->slots);
	t->slots = slots;
	t->mask = cap - 1;
	return true;
}

static uint64_t
form_hash(const struct form *form)
{
	size_t size = form_record_size(form);
	uint8_t small[2048], *record = size <= sizeof small ? small : malloc(size);
	struct form same = *form;
	uint64_t h;

	if (record == NULL)
		return 0;
	same.number = 0;
	form_record_write(&same, record);
	h = hash_check(record, size, 0);
	if (record != small)
		free(record);
	return h;
}

static bool
same_text(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static bool
same_labels(const struct form *a, const struct form *b)
{
	if (a->label_count != b->label_count)
		return false;
	for (uint32_t i = 0; i < a->label_count; i++)
		if (!same_text(a->labels[i], b->labels[i]))
			return false;
	return true;
}

static bool
same_var(const struct form_var *a, const struct form_var *b)
{
	if (a->type != b->type || a->store != b->store ||
	    a->capture_index != b->capture_index || a->name_len != b->name_len ||
	    a->enumerator_count != b->enumerator_count ||
	    memcmp(a->name, b->name, a->name_len) != 0 || !same_text(a->unit, b->unit))
		return false;
	for (uint32_t i = 0; i < a->enumerator_count; i++)
		if (a->enumerators[i].number != b->enumerators[i].number ||
		    !same_text(a->enumerators[i].name, b->enumerators[i].name))
			return false;
	return true;
}

static bool
same_form(const struct form *a, const struct form *b)
{
	if (a->line != b->line || a->var_count != b->var_count || !same_labels(a, b) ||
	    !same_text(a->file, b->file) || !same_text(a->func, b->func))
		return false;
	for (uint32_t i = 0; i < a->var_count; i++)
		if (!same_var(&a->vars[i], &b->vars[i]))
			return false;
	return true;
}

static uint64_t
hash_of_form(const struct forms *f, uint32_t i)
{
	return form_hash(f->forms[i + 1]);
}

static uint64_t
context_hash(const struct form *form)
{
	uint64_t h = form->label_count;

	for (uint32_t i = 0; i < form->label_count; i++)
		h = hash_check(form->labels[i], strlen(form->labels[i]), h);
	return h;
}

static uint64_t
hash_of_context(const struct forms *f, uint32_t i)
{
	return context_hash(f->forms[f->context_firsts[i]]);
}

static uint64_t
hash_of_column(const struct forms *f, uint32_t i)
{
	const struct scopepack_column *c = &f->column_list[i];

	return hash_check(c->name, c->name_len, c->type);
}

/* Makes room for element `count` of an array; false = no memory. */
static bool
room(void *array, uint32_t count, uint32_t *cap, size_t size)
{
	void **p = array, *more;
	uint32_t want = *cap == 0 ? 64 : *cap * 2;

	if (count < *cap)
		return true;
	more = realloc(*p, want * size);
	if (more == NULL)
		return false;
	*p = more;
	*cap = want;
	return true;
}

static bool
number_context(struct forms *f, uint32_t number)
{
	const struct form *form = f->forms[number];
	struct form_table *t = &f->by_context;
	uint32_t at;

	if (!table_grow(t, hash_of_context, f) ||
	    !room(&f->context_firsts, f->context_count, &f->context_cap,
		  sizeof *f->context_firsts))
		return false;
	at = (uint32_t)context_hash(form) & t->mask;
	while (t->slots[at] != 0 &&
	       !same_labels(form, f->forms[f->context_firsts[t->slots[at] - 1]]))
		at = (at + 1) & t->mask;
	if (t->slots[at] == 0) {
		f->context_firsts[f->context_count++] = number;
		t->slots[at] = ++t->count;
	}
	f->contexts[number] = t->slots[at] - 1;
	return true;
}

static bool
number_column(struct forms *f, const struct form_var *v, uint32_t *out)
{
	struct form_table *t = &f->by_column;
	uint32_t at;

	if (v->type == TAPE_NULL) {
		*out = UINT32_MAX;
		return true;
	}
	if (!table_grow(t, hash_of_column, f) ||
	    !room(&f->column_list, f->column_count, &f->column_cap,
		  sizeof *f->column_list))
		return false;
	at = (uint32_t)hash_check(v->name, v->name_len, v->type) & t->mask;
	for (; t->slots[at] != 0; at = (at + 1) & t->mask) {
		const struct scopepack_column *c = &f->column_list[t->slots[at] - 1];

		if (c->type == v->type && c->name_len == v->name_len &&
		    memcmp(c->name, v->name, v->name_len) == 0)
			break;
	}
	if (t->slots[at] == 0) {
		f->column_list[f->column_count++] =
			(struct scopepack_column){ v->name, v->name_len, v->type };
		t->slots[at] = ++t->count;
	}
	*out = t->slots[at] - 1;
	return true;
}

static bool
number_columns(struct forms *f, uint32_t number)
{
	const struct form *form = f->forms[number];
	uint32_t *columns = malloc((form->var_count + 1u) * sizeof *columns);

	f->columns[number] = columns;
	if (columns == NULL)
		return false;
	for (uint32_t i = 0; i < form->var_count; i++)
		if (!number_column(f, &form->vars[i], &columns[i]))
			return false;
	return true;
}

/* A form with memory of its own. */
static struct form *
copy_form(const struct form *form, uint32_t number)
{
	size_t size = form_record_size(form);
	uint8_t *record = malloc(size);
	struct form *copy = calloc(1, sizeof *copy);

	if (record != NULL && copy != NULL) {
		form_record_write(form, record);
		if (form_decode(record + 8, size - 8, number, copy, NULL) == 0) {
			free(record);
			return copy;
		}
	}
	free(record);
	free(copy);
	return NULL;
}

static bool
grow_forms(struct forms *f)
{
	uint32_t cap = f->cap == 0 ? 64 : f->cap * 2;
	void *a, *b, *c;

	if (f->count + 1 < f->cap)
		return true;
	a = realloc(f->forms, cap * sizeof *f->forms);
	f->forms = a == NULL ? f->forms : a;
	b = realloc(f->contexts, cap * sizeof *f->contexts);
	f->contexts = b == NULL ? f->contexts : b;
	c = realloc(f->columns, cap * sizeof *f->columns);
	f->columns = c == NULL ? f->columns : c;
	if (a == NULL || b == NULL || c == NULL)
		return false;
	if (f->cap == 0) {
		f->forms[0] = NULL;
		f->columns[0] = NULL;
		f->contexts[0] = 0;
	}
	f->cap = cap;
	return true;
}

uint32_t
forms_number(struct forms *f, const struct form *form)
{
	struct form_table *t = &f->by_form;
	struct form *copy;
	uint32_t at;

	if (!grow_forms(f) || !table_grow(t, hash_of_form, f))
		return 0;
	at = (uint32_t)form_hash(form) & t->mask;
	while (t->slots[at] != 0 && !same_form(form, f->forms[t->slots[at]]))
		at = (at + 1) & t->mask;
	if (t->slots[at] != 0)
		return t->slots[at];
	copy = copy_form(form, f->count + 1);
	if (copy == NULL)
		return 0;
	f->forms[f->count + 1] = copy;
	f->columns[f->count + 1] = NULL;
	f->count++;
	t->slots[at] = ++t->count;
	if (!number_context(f, f->count) || !number_columns(f, f->count))
		return 0;
	return f->count;
}

void
forms_release(struct forms *f)
{
	for (uint32_t i = 1; f->forms != NULL && i <= f->count; i++) {
		form_release(f->forms[i]);
		free(f->forms[i]);
		free(f->columns[i]);
	}
	free(f->forms);
	free(f->contexts);
	free(f->columns);
	free(f->column_list);
	free(f->context_firsts);
	free(f->by_form.slots);
	free(f->by_context.slots);
	free(f->by_column.slots);
	memset(f, 0, sizeof *f);
}
