/* SPDX-License-Identifier: Apache-2.0 */
/* Forms: decoding, building and writing FORM records; layout of their bodies. */
#include "format/form.h"

#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/le.h"
#include "format/limits.h"
#include "format/segment.h"

/* ---- reading a record that nobody has checked ---- */

struct text {
	const uint8_t *at;
	size_t len;
};

struct reader {
	const uint8_t *at;
	size_t left;
	const char *wrong; /* the first thing that did not fit, or NULL */
};

static const uint8_t *
take(struct reader *r, size_t len)
{
	const uint8_t *at = r->at;

	if (r->wrong != NULL)
		return NULL;
	if (r->left < len) {
		r->wrong = "it ends in the middle of a field";
		return NULL;
	}
	r->at += len;
	r->left -= len;
	return at;
}

static uint32_t
take_u8(struct reader *r)
{
	const uint8_t *p = take(r, 1);

	return p != NULL ? *p : 0;
}

static uint32_t
take_u16(struct reader *r)
{
	const uint8_t *p = take(r, 2);

	return p != NULL ? get_le16(p) : 0;
}

static uint32_t
take_u32(struct reader *r)
{
	const uint8_t *p = take(r, 4);

	return p != NULL ? get_le32(p) : 0;
}

static struct text
take_text(struct reader *r, size_t min, size_t max)
{
	struct text text = { NULL, 0 };
	size_t len = take_u16(r);

	if (r->wrong == NULL && (len < min || len > max))
		r->wrong = len < min ? "a name is empty" : "a name is too long";
	text.at = take(r, len);
	if (text.at == NULL)
		return text;
	text.len = len;
	if (len > 0 && memchr(text.at, 0, len) != NULL)
		r->wrong = "a name has a NUL byte in it";
	return text;
}

static int
text_compare(struct text a, struct text b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter > 0 ? memcmp(a.at, b.at, shorter) : 0;

	if (order != 0)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

/* ---- memory: one block, filled from the front ---- */

struct sizes {
	size_t labels, vars, enumerators;
	size_t text; /* with the NUL of each */
};

struct pool {
	struct form_enumerator *enumerators;
	char *text;
};

static int
form_allocate(struct form *form, const struct sizes *sizes, struct pool *pool)
{
	size_t vars = sizes->vars * sizeof(struct form_var);
	size_t enumerators = sizes->enumerators * sizeof(struct form_enumerator);
	size_t labels = sizes->labels * sizeof(char *);
	size_t canonical = sizes->vars * sizeof(uint32_t);
	char *at = calloc(1, vars + enumerators + labels + canonical + sizes->text + 1);

	if (at == NULL)
		return TAPE_ERR_NOMEM;
	form->memory = at;
	form->vars = (struct form_var *)(void *)at;
	at += vars;
	pool->enumerators = (struct form_enumerator *)(void *)at;
	at += enumerators;
	form->labels = (const char **)(void *)at;
	at += labels;
	form->canonical = (uint32_t *)(void *)at;
	at += canonical;
	pool->text = at;
	return 0;
}

static const char *
pool_text(struct pool *pool, const void *text, size_t len)
{
	char *at = pool->text;

	if (len > 0)
		memcpy(at, text, len);
	at[len] = '\0';
	pool->text = at + len + 1;
	return at;
}

/* ---- layout ---- */

/* Width of a fixed-width type, -1 for a variable-width one, -2 for an unknown one. */
static int
type_width(unsigned type)
{
	switch (type) {
	case TAPE_NULL:
		return 0;
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
	case TAPE_STR:
	case TAPE_BYTES_T:
	case TAPE_ARRAY_T:
		return -1;
	default:
		return -2;
	}
}

size_t
form_head_size(const struct form *form)
{
	size_t size = 8;

	for (uint32_t i = 0; i < form->label_count; i++)
		size += 2 + strlen(form->labels[i]);
	for (uint32_t i = 0; i < form->var_count; i++)
		size += 3 + form->vars[i].name_len;
	return size;
}

static uint8_t *
put_text(uint8_t *at, const char *text, size_t len)
{
	put_le16(at, (uint16_t)len);
	memcpy(at + 2, text, len);
	return at + 2 + len;
}

void
form_head_write(const struct form *form, uint8_t *buf)
{
	put_le32(buf, form->label_count);
	buf += 4;
	for (uint32_t i = 0; i < form->label_count; i++)
		buf = put_text(buf, form->labels[i], strlen(form->labels[i]));
	put_le32(buf, form->var_count);
	buf += 4;
	for (uint32_t i = 0; i < form->var_count; i++) {
		const struct form_var *var = &form->vars[form->canonical[i]];

		buf = put_text(buf, var->name, var->name_len);
		*buf++ = var->type;
	}
}

/* Canonical order, offsets and head16, from vars in name order and labels. */
static int
form_layout(struct form *form)
{
	uint32_t rank = 0;
	size_t size;
	uint8_t *head;

	for (uint32_t i = 0; i < form->var_count; i++) {
		struct form_var *var = &form->vars[i];
		int width = type_width(var->type);

		if (width < 0)
			continue;
		var->offset = form->fixed_bytes;
		form->fixed_bytes += (uint32_t)width;
		form->bool_count += var->type == TAPE_BOOL;
		form->canonical[form->fixed_count++] = i;
	}
	for (uint32_t i = 0; i < form->var_count; i++) {
		if (type_width(form->vars[i].type) >= 0)
			continue;
		form->vars[i].offset = rank;
		form->canonical[form->fixed_count + rank++] = i;
	}
	size = form_head_size(form);
	head = malloc(size);
	if (head == NULL)
		return TAPE_ERR_NOMEM;
	form_head_write(form, head);
	form->head16 = hash_bytes(head, size);
	free(head);
	return 0;
}

/* ---- decoding ---- */

/*
 * A first pass over the record checks it and finds out how much memory it
 * needs, so that nothing is allocated for counts that the bytes do not bear out.
 */
static int
measure_var(struct reader *r, struct text *name, struct sizes *sizes)
{
	struct text last = *name;
	unsigned type = take_u8(r), store = take_u8(r);
	int width = type_width(type);
	uint32_t enumerators;

	take_u16(r);
	*name = take_text(r, 1, LIMIT_NAME);
	sizes->text += name->len + 1;
	sizes->text += take_text(r, 0, LIMIT_NAME).len + 1;
	enumerators = take_u16(r);
	for (uint32_t i = 0; i < enumerators && r->wrong == NULL; i++) {
		take(r, 8);
		sizes->text += take_text(r, 1, LIMIT_NAME).len + 1;
	}
	sizes->enumerators += enumerators;
	sizes->vars++;
	if (r->wrong != NULL)
		return TAPE_ERR_DAMAGED;
	if (last.at != NULL && text_compare(last, *name) >= 0) {
		r->wrong = "its variables are not in name order";
		return TAPE_ERR_DAMAGED;
	}
	if (width == -2 || store > TAPE_AS_HASH) {
		r->wrong =
			"a variable has a type or store made by a later version of tape";
		return TAPE_ERR_TOO_NEW;
	}
	if (width >= 0 && store != TAPE_INLINE) {
		r->wrong = "a fixed-width variable is not inline";
		return TAPE_ERR_DAMAGED;
	}
	return 0;
}

static int
measure(struct reader *r, struct sizes *sizes)
{
	struct text name = { NULL, 0 };
	uint32_t labels, vars;

	take_u32(r);
	sizes->text += take_text(r, 0, LIMIT_SITE_TEXT).len + 1;
	sizes->text += take_text(r, 0, LIMIT_SITE_TEXT).len + 1;
	labels = take_u16(r);
	if (r->wrong == NULL && labels > LIMIT_LABELS)
		r->wrong = "it has too many labels";
	for (uint32_t i = 0; i < labels && r->wrong == NULL; i++)
		sizes->text += take_text(r, 1, LIMIT_NAME).len + 1;
	sizes->labels = labels;
	vars = take_u32(r);
	if (r->wrong == NULL && vars > LIMIT_VARS)
		r->wrong = "it has too many variables";
	if (r->wrong != NULL)
		return TAPE_ERR_DAMAGED;
	for (uint32_t i = 0; i < vars; i++) {
		int status = measure_var(r, &name, sizes);

		if (status < 0)
			return status;
	}
	if (r->left > 0)
		r->wrong = "bytes are left over at its end";
	return r->wrong != NULL ? TAPE_ERR_DAMAGED : 0;
}

static void
fill_var(struct reader *r, struct form_var *var, struct pool *pool)
{
	struct text text;

	var->type = (uint8_t)take_u8(r);
	var->store = (uint8_t)take_u8(r);
	var->capture_index = (uint16_t)take_u16(r);
	text = take_text(r, 1, LIMIT_NAME);
	var->name_len = (uint32_t)text.len;
	var->name = pool_text(pool, text.at, text.len);
	text = take_text(r, 0, LIMIT_NAME);
	var->unit = pool_text(pool, text.at, text.len);
	var->enumerator_count = take_u16(r);
	var->enumerators = pool->enumerators;
	pool->enumerators += var->enumerator_count;
	for (uint32_t i = 0; i < var->enumerator_count; i++) {
		var->enumerators[i].number = (int64_t)get_le64(take(r, 8));
		text = take_text(r, 1, LIMIT_NAME);
		var->enumerators[i].name = pool_text(pool, text.at, text.len);
	}
}

/* The second pass, over bytes that the first has found right. */
static void
fill(struct reader *r, struct form *form, struct pool *pool, const struct sizes *sizes)
{
	struct text text;

	form->line = take_u32(r);
	text = take_text(r, 0, LIMIT_SITE_TEXT);
	form->file = pool_text(pool, text.at, text.len);
	text = take_text(r, 0, LIMIT_SITE_TEXT);
	form->func = pool_text(pool, text.at, text.len);
	form->label_count = take_u16(r);
	for (uint32_t i = 0; i < form->label_count; i++) {
		text = take_text(r, 1, LIMIT_NAME);
		form->labels[i] = pool_text(pool, text.at, text.len);
	}
	take_u32(r);
	form->var_count = (uint32_t)sizes->vars;
	for (uint32_t i = 0; i < form->var_count; i++)
		fill_var(r, &form->vars[i], pool);
}

int
form_decode(const uint8_t *data, size_t len, uint32_t number, struct form *out,
	    struct tape_error *err)
{
	struct reader first = { data, len, NULL }, second = { data, len, NULL };
	struct form form = { .number = number };
	struct sizes sizes = { 0, 0, 0, 0 };
	struct pool pool;
	int status;

	if (number == 0 || number > LIMIT_FORMS)
		return error_set(err, TAPE_ERR_DAMAGED, NULL, 0,
				 "form %u is damaged: its number is out of range",
				 (unsigned)number);
	status = measure(&first, &sizes);
	if (status < 0)
		return error_set(err, status, NULL, 0, "form %u cannot be read: %s",
				 (unsigned)number, first.wrong);
	status = form_allocate(&form, &sizes, &pool);
	if (status == 0) {
		fill(&second, &form, &pool, &sizes);
		status = form_layout(&form);
	}
	if (status < 0) {
		form_release(&form);
		return error_set(err, status, NULL, 0, "no memory for form %u",
				 (unsigned)number);
	}
	*out = form;
	return 0;
}

/* ---- building ---- */

static int
check_text(const char *text, size_t min, size_t max, const char *what, size_t *total,
	   struct tape_error *err)
{
	size_t len = text != NULL ? strlen(text) : 0;

	if (len < min)
		return error_set(err, TAPE_ERR_MISUSE, NULL, 0, "a %s is empty", what);
	if (len > max)
		return error_set(err, TAPE_ERR_LIMIT, NULL, 0,
				 "a %s has %zu bytes, the limit is %zu: \"%.40s...\"",
				 what, len, max, text);
	*total += len + 1;
	return 0;
}

static int
check_var(const struct form_var *var, struct sizes *sizes, struct tape_error *err)
{
	int width = type_width(var->type);
	int status =
		check_text(var->name, 1, LIMIT_NAME, "variable name", &sizes->text, err);

	if (status == 0)
		status = check_text(var->unit, 0, LIMIT_NAME, "unit", &sizes->text, err);
	if (status < 0)
		return status;
	if (width == -2 || var->store > TAPE_AS_HASH ||
	    (width >= 0 && var->store != TAPE_INLINE))
		return error_set(err, TAPE_ERR_MISUSE, NULL, 0,
				 "variable \"%s\": no such type and store (%u, %u)",
				 var->name, var->type, var->store);
	if (var->enumerator_count > LIMIT_ENUMERATORS)
		return error_set(err, TAPE_ERR_LIMIT, NULL, 0,
				 "variable \"%s\" has too many enumerators", var->name);
	for (uint32_t i = 0; i < var->enumerator_count && status == 0; i++)
		status = check_text(var->enumerators[i].name, 1, LIMIT_NAME, "enumerator",
				    &sizes->text, err);
	sizes->enumerators += var->enumerator_count;
	return status;
}

static int
check_parts(const char *file, const char *func, const char *const *labels,
	    const struct form_var *vars, struct sizes *sizes, struct tape_error *err)
{
	int status;

	if (sizes->labels > LIMIT_LABELS || sizes->vars > LIMIT_VARS)
		return error_set(err, TAPE_ERR_LIMIT, NULL, 0,
				 "%zu labels and %zu variables: the limits are %u and %u",
				 sizes->labels, sizes->vars, LIMIT_LABELS, LIMIT_VARS);
	status = check_text(file, 0, LIMIT_SITE_TEXT, "file name", &sizes->text, err);
	if (status == 0)
		status = check_text(func, 0, LIMIT_SITE_TEXT, "function name",
				    &sizes->text, err);
	for (size_t i = 0; i < sizes->labels && status == 0; i++)
		status = check_text(labels[i], 1, LIMIT_NAME, "label", &sizes->text, err);
	for (size_t i = 0; i < sizes->vars && status == 0; i++)
		status = check_var(&vars[i], sizes, err);
	return status;
}

static const char *
pool_string(struct pool *pool, const char *text)
{
	return pool_text(pool, text, text != NULL ? strlen(text) : 0);
}

static void
copy_var(struct form_var *to, const struct form_var *from, size_t index,
	 struct pool *pool)
{
	*to = *from;
	to->capture_index = (uint16_t)index;
	to->name_len = (uint32_t)strlen(from->name);
	to->name = pool_string(pool, from->name);
	to->unit = pool_string(pool, from->unit);
	to->enumerators = pool->enumerators;
	pool->enumerators += from->enumerator_count;
	for (uint32_t i = 0; i < from->enumerator_count; i++) {
		to->enumerators[i].number = from->enumerators[i].number;
		to->enumerators[i].name = pool_string(pool, from->enumerators[i].name);
	}
}

static int
var_compare(const void *a, const void *b)
{
	const struct form_var *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static int
check_built(const struct form *form, struct tape_error *err)
{
	size_t size = form_record_size(form);

	for (uint32_t i = 1; i < form->var_count; i++)
		if (strcmp(form->vars[i - 1].name, form->vars[i].name) == 0)
			return error_set(err, TAPE_ERR_MISUSE, NULL, 0,
					 "variable \"%s\" is given twice",
					 form->vars[i].name);
	if (size > LIMIT_RECORD)
		return error_set(err, TAPE_ERR_LIMIT, NULL, 0,
				 "a form of %zu bytes: the limit is %u", size,
				 LIMIT_RECORD);
	return 0;
}

int
form_build(uint32_t number, const char *file, uint32_t line, const char *func,
	   const char *const *labels, size_t label_count, const struct form_var *vars,
	   size_t var_count, struct form *out, struct tape_error *err)
{
	struct form form = { .number = number, .line = line };
	struct sizes sizes = { label_count, var_count, 0, 0 };
	struct pool pool;
	int status;

	if (number == 0 || number > LIMIT_FORMS)
		return error_set(err, TAPE_ERR_LIMIT, NULL, 0,
				 "form number %u is out of range: too many forms",
				 (unsigned)number);
	status = check_parts(file, func, labels, vars, &sizes, err);
	if (status < 0)
		return status;
	if (form_allocate(&form, &sizes, &pool) < 0)
		goto nomem;
	form.file = pool_string(&pool, file);
	form.func = pool_string(&pool, func);
	form.label_count = (uint32_t)label_count;
	form.var_count = (uint32_t)var_count;
	for (size_t i = 0; i < label_count; i++)
		form.labels[i] = pool_string(&pool, labels[i]);
	for (size_t i = 0; i < var_count; i++)
		copy_var(&form.vars[i], &vars[i], i, &pool);
	if (var_count > 1)
		qsort(form.vars, var_count, sizeof form.vars[0], var_compare);
	status = check_built(&form, err);
	if (status < 0)
		goto out;
	if (form_layout(&form) < 0)
		goto nomem;
	*out = form;
	return 0;
nomem:
	status = error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a form");
out:
	form_release(&form);
	return status;
}

/* ---- writing ---- */

size_t
form_record_size(const struct form *form)
{
	size_t size = RECORD_HEADER + 4 + 2 + strlen(form->file) + 2 +
		      strlen(form->func) + 2 + 4;

	for (uint32_t i = 0; i < form->label_count; i++)
		size += 2 + strlen(form->labels[i]);
	for (uint32_t i = 0; i < form->var_count; i++) {
		const struct form_var *var = &form->vars[i];

		size += 4 + 2 + var->name_len + 2 + strlen(var->unit) + 2;
		for (uint32_t k = 0; k < var->enumerator_count; k++)
			size += 8 + 2 + strlen(var->enumerators[k].name);
	}
	return size;
}

static uint8_t *
put_string(uint8_t *at, const char *text)
{
	return put_text(at, text, strlen(text));
}

static uint8_t *
put_var(uint8_t *at, const struct form_var *var)
{
	at[0] = var->type;
	at[1] = var->store;
	put_le16(at + 2, var->capture_index);
	at = put_text(at + 4, var->name, var->name_len);
	at = put_string(at, var->unit);
	put_le16(at, (uint16_t)var->enumerator_count);
	at += 2;
	for (uint32_t i = 0; i < var->enumerator_count; i++) {
		put_le64(at, (uint64_t)var->enumerators[i].number);
		at = put_string(at + 8, var->enumerators[i].name);
	}
	return at;
}

void
form_record_write(const struct form *form, uint8_t *buf)
{
	uint8_t *at = buf + RECORD_HEADER;

	record_header_write(buf, (uint32_t)form_record_size(form), RECORD_FORM,
			    form->number);
	put_le32(at, form->line);
	at = put_string(at + 4, form->file);
	at = put_string(at, form->func);
	put_le16(at, (uint16_t)form->label_count);
	at += 2;
	for (uint32_t i = 0; i < form->label_count; i++)
		at = put_string(at, form->labels[i]);
	put_le32(at, form->var_count);
	at += 4;
	for (uint32_t i = 0; i < form->var_count; i++)
		at = put_var(at, &form->vars[i]);
}

void
form_release(struct form *form)
{
	if (form == NULL)
		return;
	free(form->memory);
	memset(form, 0, sizeof *form);
}

/* ---- looking things up ---- */

int64_t
form_find(const struct form *form, const char *name, size_t name_len)
{
	struct text wanted = { (const uint8_t *)name, name_len };
	uint32_t low = 0, high = form->var_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct form_var *var = &form->vars[middle];
		struct text have = { (const uint8_t *)var->name, var->name_len };
		int order = text_compare(wanted, have);

		if (order == 0)
			return middle;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return -1;
}

bool
form_hashes_only(const struct form *form)
{
	bool any = false;

	for (uint32_t i = 0; i < form->var_count && !any; i++)
		any = form->vars[i].store == TAPE_AS_HASH;
	return any;
}

bool
form_same_content(const struct form *a, const struct form *b)
{
	if (!hash_equal(&a->head16, &b->head16) || a->label_count != b->label_count ||
	    a->var_count != b->var_count)
		return false;
	for (uint32_t i = 0; i < a->label_count; i++)
		if (strcmp(a->labels[i], b->labels[i]) != 0)
			return false;
	for (uint32_t i = 0; i < a->var_count; i++)
		if (a->vars[i].type != b->vars[i].type ||
		    strcmp(a->vars[i].name, b->vars[i].name) != 0)
			return false;
	return true;
}
