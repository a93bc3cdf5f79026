/* SPDX-License-Identifier: Apache-2.0 */
/* Results on their way between a scope and memory. */
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "format/le.h"
#include "librecord/cache.h"

/* Memory that is kept between one entry that is found and the next. */
#define FOUND_KEPT ((size_t)1 << 20)

void
cache_values_reset(struct cache_values *v)
{
	v->shape.len = v->words.len = v->data.len = v->heads.len = v->hashed.len = 0;
	v->count = 0;
	v->whole = true;
}

void
cache_values_release(struct cache_values *v)
{
	bytes_release(&v->shape);
	bytes_release(&v->words);
	bytes_release(&v->data);
	bytes_release(&v->heads);
	bytes_release(&v->hashed);
}

/* There was no memory for some of it. */
static bool
values_failed(const struct cache_values *v)
{
	return v->shape.failed || v->words.failed || v->data.failed || v->heads.failed ||
	       v->hashed.failed;
}

/* Shape, and what tells one result from another: name and type here, the value after it. */
static void
begin_value(struct cache_values *v, const char *name, size_t len, unsigned type)
{
	uint8_t head[3] = { (uint8_t)type, (uint8_t)len, (uint8_t)(len >> 8) };

	bytes_put(&v->shape, head, sizeof head);
	bytes_put(&v->shape, name, len);
	bytes_put(&v->hashed, head, sizeof head);
	bytes_put(&v->hashed, name, len);
	v->count++;
}

void
cache_values_fixed(struct cache_values *v, const char *name, size_t len, unsigned type,
		   struct tape_word word)
{
	begin_value(v, name, len, type);
	bytes_put(&v->hashed, &word, sizeof word);
	bytes_put(&v->words, &word, sizeof word);
}

/* Aligned, so that a tape_value may stand there. */
static void
put_data(struct bytes *b, const void *data, size_t len)
{
	static const uint8_t zero[16];

	bytes_put(b, data, len);
	bytes_put(b, zero, (16 - b->len % 16) % 16);
}

void
cache_values_wide(struct cache_values *v, const char *name, size_t len,
		  const struct tape_value *value)
{
	struct tape_value stored = *value;
	struct cache_wide wide = { .value = (uint32_t)v->heads.len };
	struct tape_hash hash = value->hash;
	uint8_t shape[12] = { 0 };

	begin_value(v, name, len, value->type);
	if (!value->has_hash && (value->data || value->size == 0))
		hash = hash_bytes(value->data, (size_t)value->size);
	put_le64(shape, value->size);
	if (value->type == TAPE_ARRAY_T) {
		shape[8] = value->dtype;
		shape[9] = value->ndim;
		shape[10] = value->fortran;
		bytes_put(&v->hashed, value->dims, 8 * (size_t)value->ndim);
	}
	bytes_put(&v->hashed, shape, sizeof shape);
	bytes_put(&v->hashed, &hash, sizeof hash);
	stored.data = NULL;
	stored.hash = hash;
	stored.has_hash = 1;
	put_data(&v->heads, &stored, sizeof stored);
	wide.size = value->size < UINT32_MAX ? (uint32_t)value->size : UINT32_MAX;
	if (value->type == TAPE_ARRAY_T) {
		wide.dtype = value->dtype;
		wide.ndim = value->ndim;
		wide.fortran = value->fortran;
		wide.width = (uint8_t)tape_dtype_size(value->dtype);
	}
	if (value->data && value->size && value->size <= CACHE_HELD_VALUE) {
		wide.bytes = (uint32_t)v->data.len + 1; /* never 0 */
		put_data(&v->data, value->data, (size_t)value->size);
	} else if (value->size) {
		v->whole = false;
	}
	bytes_put(&v->words, &wide, sizeof wide);
}

/* ---- shapes ---- */

static struct cache_shape *
shape_make(const struct cache_values *v)
{
	struct cache_shape *shape =
		malloc(sizeof *shape + v->count * sizeof shape->vars[0] + v->shape.len);
	uint8_t *text;

	if (!shape)
		return NULL;
	text = (uint8_t *)&shape->vars[v->count];
	if (v->shape.len)
		memcpy(text, v->shape.data, v->shape.len);
	shape->count = v->count;
	for (uint32_t i = 0; i < v->count; i++) {
		uint32_t len = text[1] | (uint32_t)text[2] << 8;

		shape->vars[i] =
			(struct cache_name){ (const char *)text + 3, len, text[0] };
		text += 3 + len;
	}
	return shape;
}

/* They stay: sites keep what they found out about them. */
static pthread_mutex_t shape_lock = PTHREAD_MUTEX_INITIALIZER;
static struct intern shapes;

static const struct cache_shape *
shape_of(const struct cache_values *v)
{
	struct cache_shape *shape;
	uint64_t hash;

	pthread_mutex_lock(&shape_lock);
	shape = intern_find(&shapes, v->shape.data, v->shape.len, &hash);
	if (!shape) {
		shape = shape_make(v);
		if (shape &&
		    intern_add(&shapes, v->shape.data, v->shape.len, hash, shape) < 0) {
			free(shape);
			shape = NULL;
		}
	}
	pthread_mutex_unlock(&shape_lock);
	return shape;
}

void
cache_lock_shapes(void)
{
	pthread_mutex_lock(&shape_lock);
}

void
cache_unlock_shapes(void)
{
	pthread_mutex_unlock(&shape_lock);
}

struct cache_entry *
cache_entry_new(struct cache *c, size_t size)
{
	bool chunked;
	struct cache_entry *e =
		cache_memory_get(&c->memory, sizeof(struct cache_entry) + size, &chunked);

	if (!e)
		return NULL;
	memset(e, 0, sizeof *e);
	e->refs = 1;
	e->seconds = -1;
	e->size = size;
	e->lines = 1;
	e->chunked = chunked;
	return e;
}

struct cache_entry *
cache_values_entry(struct cache *c, const struct cache_values *v, struct tape_key key,
		   bool hold)
{
	size_t words = v->words.len, read = words + v->data.len, read_lines;
	size_t size = hold ? read + v->heads.len : 0;
	struct cache_entry *e;

	if (values_failed(v) || size > UINT32_MAX)
		return NULL;
	e = cache_entry_new(c, size);
	if (!e)
		return NULL;
	e->key = key;
	e->seconds = -1;
	e->shape = shape_of(v);
	e->results = hash_bytes(v->hashed.data, v->hashed.len);
	e->size = size;
	if (!e->shape) {
		cache_put(e);
		return NULL;
	}
	if (!hold)
		return e;
	e->flags = ENTRY_HELD;
	read_lines = (offsetof(struct cache_entry, data) -
		      offsetof(struct cache_entry, key) + read + 63) /
		     64;
	e->lines = (uint16_t)(read_lines < SPOT_LINES ? read_lines : SPOT_LINES);
	if (words)
		memcpy(e->data, v->words.data, words);
	if (v->data.len)
		memcpy(e->data + words, v->data.data, v->data.len);
	if (v->heads.len)
		memcpy(e->data + read, v->heads.data, v->heads.len);
	/* Offsets are of `data`, where words come first, and heads last. */
	for (uint32_t i = 0; i < v->count; i++) {
		struct cache_wide wide;

		if (e->shape->vars[i].type < TAPE_STR)
			continue;
		memcpy(&wide, e->data + 16 * (size_t)i, sizeof wide);
		wide.bytes += wide.bytes ? (uint32_t)words - 1 : 0;
		wide.value += (uint32_t)read;
		memcpy(e->data + 16 * (size_t)i, &wide, sizeof wide);
	}
	return e;
}

void
cache_entry_value(const struct cache_entry *e, uint32_t index, struct tape_value *out)
{
	struct cache_wide wide;
	struct tape_word word;
	float narrow[2];

	memcpy(&word, e->data + 16 * (size_t)index, sizeof word);
	memset(out, 0, sizeof *out);
	out->type = e->shape->vars[index].type;
	switch (out->type) {
	case TAPE_F32:
	case TAPE_C8:
		memcpy(narrow, &word.lo, sizeof narrow);
		out->as.c[0] = (double)narrow[0];
		out->as.c[1] = (double)narrow[1];
		break;
	case TAPE_ABSENT:
		out->absent = (uint8_t)word.lo;
		break;
	case TAPE_STR:
	case TAPE_BYTES_T:
	case TAPE_ARRAY_T:
		memcpy(&wide, &word, sizeof wide);
		memcpy(out, e->data + wide.value, sizeof *out);
		out->data = wide.bytes ? e->data + wide.bytes : NULL;
		break;
	default:
		memcpy(&out->as, &word, sizeof word);
		break;
	}
}

/* ---- from a scope ---- */

/* A fixed-width value as a word. */
static struct tape_word
word_of(const struct tape_value *v)
{
	struct tape_word word = { 0, 0 };
	float narrow[2] = { (float)v->as.c[0], (float)v->as.c[1] };

	switch (v->type) {
	case TAPE_NULL:
		break;
	case TAPE_BOOL:
		word.lo = v->as.i != 0; /* whatever a pack has there */
		break;
	case TAPE_ABSENT:
		word.lo = v->absent;
		break;
	case TAPE_F32:
		memcpy(&word.lo, narrow, 4);
		break;
	case TAPE_C8:
		memcpy(&word.lo, narrow, 8);
		break;
	case TAPE_C16:
		memcpy(&word, v->as.c, 16);
		break;
	default:
		word.lo = v->as.u;
		break;
	}
	return word;
}

static void
add_value(struct cache_values *values, const char *name, size_t len,
	  const struct tape_value *v)
{
	name += sizeof CACHE_OUT - 1;
	len -= sizeof CACHE_OUT - 1;
	if (v->type < TAPE_STR)
		cache_values_fixed(values, name, len, v->type, word_of(v));
	else
		cache_values_wide(values, name, len, v);
}

static bool
is_result(const char *name, size_t len)
{
	return len > sizeof CACHE_OUT - 1 &&
	       memcmp(name, CACHE_OUT, sizeof CACHE_OUT - 1) == 0;
}

static double
seconds_of(const struct tape_value *v)
{
	return v->type == TAPE_F64 && v->as.f >= 0 ? v->as.f : -1;
}

/* What a large one took is given back, and what had no room begins anew. */
static void
found_done(struct cache_values *v)
{
	if (values_failed(v) || v->data.cap + v->hashed.cap > FOUND_KEPT)
		cache_values_release(v);
}

struct cache_entry *
cache_entry_found(struct cache *c, const struct cachelook_entry *at)
{
	struct cache_values *values = &c->found;
	struct cache_entry *e = NULL;
	double seconds = -1;
	bool good = true;

	cache_values_reset(values);
	for (uint32_t i = 0; at->body && good && i < at->form->var_count; i++) {
		const struct form_var *var = &at->form->vars[i];
		struct tape_value v;

		if (at->packed)
			good = cached_value(at->form, at->body, at->len, i, &v) == 0;
		else
			body_value(at->form, at->body, i, &v, NULL);
		if (good && is_result(var->name, var->name_len))
			add_value(values, var->name, var->name_len, &v);
		else if (good && strcmp(var->name, CACHE_SECONDS) == 0)
			seconds = seconds_of(&v);
	}
	if (good && at->body) {
		e = cache_values_entry(c, values, at->key, true);
	} else if (good) {
		e = cache_entry_new(c, 0);
		if (e)
			e->key = at->key;
	}
	found_done(values);
	if (!e)
		return NULL;
	e->flags |= at->packed ? ENTRY_PACKED : 0u;
	e->time = at->time;
	e->pos = at->pos;
	e->seconds = seconds;
	return e;
}

struct cache_entry *
cache_entry_scope(struct cache *c, struct tape_key key, const struct tape_scope *scope)
{
	struct cache_values *values = &c->found;
	struct cache_entry *e;
	double seconds = -1;

	cache_values_reset(values);
	for (size_t i = 0; i < tape_scope_var_count(scope); i++) {
		struct tape_var var = tape_scope_var(scope, i);

		if (is_result(var.name, var.name_len))
			add_value(values, var.name, var.name_len, var.value);
		else if (strcmp(var.name, CACHE_SECONDS) == 0)
			seconds = seconds_of(var.value);
	}
	e = cache_values_entry(c, values, key, true);
	found_done(values);
	if (!e)
		return NULL;
	e->time = tape_scope_time(scope);
	e->pos = tape_scope_pos(scope);
	e->seconds = seconds;
	return e;
}
