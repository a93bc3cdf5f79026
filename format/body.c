/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of scopes: the canonical part and the tail (docs/format/values.md section 3). */
#include <string.h>

/* Inlined, so that the streaming state may lie on the stack whatever its size in the library. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "format/error.h"
#include "format/form.h"
#include "format/hash.h"
#include "format/le.h"
#include "format/limits.h"

#define HASH_BYTES 16u
#define ARRAY_HEAD 4u /* dtype, dims, order, reserved */
#define HINT_BYTES 12u
#define SIZE_LIMIT ((uint64_t)INT64_MAX)

/* A variable-width entry of a canonical part. */
struct entry {
	uint64_t size;
	const uint8_t *array; /* dtype, number of dims, order, reserved, dims; or NULL */
	const uint8_t *content;
	const uint8_t *next;
};

static size_t
content_bytes(uint64_t size)
{
	return size <= CANON_BYTES ? (size_t)size : HASH_BYTES;
}

static uint64_t
tail_bytes(const struct form_var *var, uint64_t size)
{
	if (size <= CANON_BYTES || var->store == TAPE_AS_HASH)
		return 0;
	return var->store == TAPE_INLINE ? size : HINT_BYTES;
}

/* In a body that was checked. */
static struct entry
entry_at(const struct form_var *var, const uint8_t *at)
{
	struct entry entry = { get_le64(at), NULL, at + 8, NULL };

	if (var->type == TAPE_ARRAY_T) {
		entry.array = entry.content;
		entry.content += ARRAY_HEAD + 8u * entry.array[1];
	}
	entry.next = entry.content + content_bytes(entry.size);
	return entry;
}

/* ---- checking ---- */

/*
 * The size that dtype and dims promise, false if they are no array. The dims
 * other than 0 must multiply to something that fits too, and in an array
 * without elements to little: a reader that prints its nested lists would be
 * kept busy for ever by a few bytes.
 */
static bool
array_size(const struct tape_value *value, uint64_t *size)
{
	uint64_t bytes = tape_dtype_size(value->dtype);
	bool empty = false;

	if (bytes == 0 || value->ndim < 1 || value->ndim > LIMIT_DIMS ||
	    value->fortran > 1 || (value->fortran == 1 && value->ndim < 2))
		return false;
	for (unsigned i = 0; i < value->ndim; i++) {
		empty = empty || value->dims[i] == 0;
		if (value->dims[i] != 0 &&
		    __builtin_mul_overflow(bytes, value->dims[i], &bytes))
			return false;
	}
	*size = empty ? 0 : bytes;
	return bytes <= (empty ? LIMIT_EMPTY_ARRAY : SIZE_LIMIT);
}

static void
array_head(const uint8_t *array, struct tape_value *out)
{
	out->dtype = array[0];
	out->ndim = array[1];
	out->fortran = array[2];
	for (unsigned i = 0; i < out->ndim && i < LIMIT_DIMS; i++)
		out->dims[i] = get_le64(array + ARRAY_HEAD + 8 * i);
}

/* What is wrong with the entry at `at`, or NULL; *next behind it. */
static const char *
check_entry(const struct form_var *var, const uint8_t *at, const uint8_t *end,
	    uint64_t *size_out, const uint8_t **next)
{
	struct tape_value value = { 0 };
	uint64_t size, expected;

	if (end - at < 8)
		return "it ends in the middle of a length";
	size = get_le64(at);
	at += 8;
	if (size > SIZE_LIMIT)
		return "a length is impossible";
	if (var->type == TAPE_ARRAY_T) {
		if (end - at < (ptrdiff_t)ARRAY_HEAD)
			return "it ends in the middle of an array";
		if (at[1] < 1 || at[1] > LIMIT_DIMS || at[3] != 0)
			return "an array has an impossible head";
		if (end - at < (ptrdiff_t)(ARRAY_HEAD + 8u * at[1]))
			return "it ends in the middle of an array";
		array_head(at, &value);
		if (!array_size(&value, &expected) || expected != size)
			return "an array's dims and length disagree";
		at += ARRAY_HEAD + 8u * value.ndim;
	}
	if ((size_t)(end - at) < content_bytes(size))
		return "it ends in the middle of a value";
	*size_out = size;
	*next = at + content_bytes(size);
	return NULL;
}

static int
damaged(const struct form *form, const char *what, struct tape_error *err)
{
	return error_set(err, TAPE_ERR_DAMAGED, NULL, 0,
			 "the body of a scope of form %u does not decode: %s",
			 (unsigned)form->number, what);
}

static bool
bools_fit(const struct form *form, const uint8_t *body)
{
	for (uint32_t i = 0; i < form->fixed_count; i++) {
		const struct form_var *var = &form->vars[form->canonical[i]];

		if (var->type == TAPE_BOOL && body[var->offset] > 1)
			return false;
	}
	return true;
}

int
body_check(const struct form *form, const uint8_t *body, size_t len,
	   size_t *canonical_len, struct tape_error *err)
{
	const uint8_t *at = body + form->fixed_bytes, *end = body + len;
	uint64_t tail = 0;

	if (len < form->fixed_bytes)
		return damaged(form, "it is shorter than its fixed part", err);
	if (form->bool_count > 0 && !bools_fit(form, body))
		return damaged(form, "a bool is neither 0 nor 1", err);
	for (uint32_t i = form->fixed_count; i < form->var_count; i++) {
		const struct form_var *var = &form->vars[form->canonical[i]];
		uint64_t size;
		const char *wrong = check_entry(var, at, end, &size, &at);

		if (wrong != NULL)
			return damaged(form, wrong, err);
		/* No overflow: tail stays within len, a size within 2^63. */
		tail += tail_bytes(var, size);
		if (tail > len)
			return damaged(form, "a value is longer than the record", err);
	}
	if ((uint64_t)(end - at) != tail)
		return damaged(form, "it does not end where its record ends", err);
	if (canonical_len != NULL)
		*canonical_len = (size_t)(at - body);
	return 0;
}

int
body_canonical_entry(const struct form_var *var, const uint8_t *at, const uint8_t *end,
		     struct body_entry *out)
{
	struct body_entry e;

	if (at > end || check_entry(var, at, end, &e.size, &e.next) != NULL)
		return TAPE_ERR_DAMAGED;
	e.content = e.next - content_bytes(e.size);
	*out = e;
	return 0;
}

/* ---- reading ---- */

static double
float_at(const uint8_t *at)
{
	float f;

	memcpy(&f, at, sizeof f);
	return (double)f;
}

static double
double_at(const uint8_t *at)
{
	double f;

	memcpy(&f, at, sizeof f);
	return f;
}

static void
fixed_value(const struct form_var *var, const uint8_t *at, struct tape_value *out)
{
	switch (var->type) {
	case TAPE_ABSENT:
		out->absent = at[0];
		break;
	case TAPE_BOOL:
		out->as.i = at[0];
		break;
	case TAPE_I64:
	case TAPE_U64:
		out->as.u = get_le64(at);
		break;
	case TAPE_F64:
		out->as.f = double_at(at);
		break;
	case TAPE_F32:
		out->as.f = float_at(at);
		break;
	case TAPE_C16:
		out->as.c[0] = double_at(at);
		out->as.c[1] = double_at(at + 8);
		break;
	case TAPE_C8:
		out->as.c[0] = float_at(at);
		out->as.c[1] = float_at(at + 4);
		break;
	default: /* null has no bytes */
		break;
	}
}

static void
value_begin(const struct form_var *var, struct tape_value *out)
{
	memset(out, 0, sizeof *out);
	out->type = var->type;
	out->store = var->store;
}

/* tail: where this variable's tail stands if it has one. */
static void
variable_value(const struct form_var *var, const struct entry *entry, const uint8_t *tail,
	       struct tape_value *out, struct body_hint *hint)
{
	value_begin(var, out);
	out->size = entry->size;
	if (entry->array != NULL)
		array_head(entry->array, out);
	if (entry->size <= CANON_BYTES) {
		out->data = entry->content;
		/* Shown as a blob, so by its name, though its bytes are here. */
		if (var->store != TAPE_INLINE) {
			out->hash = hash_bytes(entry->content, (size_t)entry->size);
			out->has_hash = 1;
		}
		return;
	}
	out->has_hash = 1;
	memcpy(out->hash.byte, entry->content, HASH_BYTES);
	if (var->store == TAPE_INLINE)
		out->data = tail;
	if (var->store == TAPE_AS_BLOB && hint != NULL) {
		hint->segment = get_le32(tail);
		hint->offset = get_le64(tail + 4);
	}
}

void
body_value(const struct form *form, const uint8_t *body, uint32_t index,
	   struct tape_value *out, struct body_hint *hint)
{
	const struct form_var *wanted = &form->vars[index];
	const uint8_t *at = body + form->fixed_bytes;
	struct entry found = { 0, NULL, NULL, NULL };
	uint64_t before = 0;

	if (wanted->type < TAPE_STR) {
		value_begin(wanted, out);
		fixed_value(wanted, body + wanted->offset, out);
		return;
	}
	/* The tail begins where the canonical part ends, so all entries are walked. */
	for (uint32_t i = form->fixed_count; i < form->var_count; i++) {
		const struct form_var *var = &form->vars[form->canonical[i]];
		struct entry entry = entry_at(var, at);

		if (var == wanted)
			found = entry;
		else if (found.next == NULL)
			before += tail_bytes(var, entry.size);
		at = entry.next;
	}
	variable_value(wanted, &found, at + before, out, hint);
}

void
body_values(const struct form *form, const uint8_t *body, struct tape_value *out,
	    struct body_hint *hints)
{
	const uint8_t *at = body + form->fixed_bytes, *tail = at;

	for (uint32_t i = 0; i < form->fixed_count; i++) {
		uint32_t index = form->canonical[i];
		const struct form_var *var = &form->vars[index];

		value_begin(var, &out[index]);
		fixed_value(var, body + var->offset, &out[index]);
	}
	for (uint32_t i = form->fixed_count; i < form->var_count; i++)
		tail = entry_at(&form->vars[form->canonical[i]], tail).next;
	for (uint32_t i = form->fixed_count; i < form->var_count; i++) {
		uint32_t index = form->canonical[i];
		const struct form_var *var = &form->vars[index];
		struct entry entry = entry_at(var, at);

		variable_value(var, &entry, tail, &out[index],
			       hints != NULL ? &hints[index] : NULL);
		tail += tail_bytes(var, entry.size);
		at = entry.next;
	}
}

/* Both lists of variable-width variables are in name order, so one walk serves. */
void
body_values_subset(const struct form *form, const uint8_t *body, const struct form *own,
		   struct tape_value *out, struct body_hint *hints)
{
	const uint8_t *at = body + form->fixed_bytes, *tail = at;
	uint32_t k = own->fixed_count;

	for (uint32_t i = 0; i < own->fixed_count; i++) {
		const struct form_var *var = &own->vars[own->canonical[i]];
		int64_t index = form_find(form, var->name, var->name_len);

		if (index >= 0)
			body_value(form, body, (uint32_t)index, &out[own->canonical[i]],
				   NULL);
	}
	for (uint32_t i = form->fixed_count; i < form->var_count; i++)
		tail = entry_at(&form->vars[form->canonical[i]], tail).next;
	for (uint32_t i = form->fixed_count; i < form->var_count && k < own->var_count;
	     i++) {
		const struct form_var *var = &form->vars[form->canonical[i]];
		struct entry entry = entry_at(var, at);
		uint32_t mine = own->canonical[k];

		if (strcmp(var->name, own->vars[mine].name) == 0) {
			variable_value(var, &entry, tail, &out[mine],
				       hints != NULL ? &hints[mine] : NULL);
			k++;
		}
		tail += tail_bytes(var, entry.size);
		at = entry.next;
	}
}

struct tape_hash
body_hash(const struct form *form, const uint8_t *body, size_t canonical_len)
{
	XXH3_state_t state;
	XXH128_canonical_t canonical;
	struct tape_hash hash;
	uint8_t small[512];

	if (canonical_len <= sizeof small - HASH_BYTES) {
		memcpy(small, form->head16.byte, HASH_BYTES);
		if (canonical_len > 0)
			memcpy(small + HASH_BYTES, body, canonical_len);
		return hash_bytes(small, HASH_BYTES + canonical_len);
	}
	(void)XXH3_128bits_reset(&state);
	(void)XXH3_128bits_update(&state, form->head16.byte, HASH_BYTES);
	(void)XXH3_128bits_update(&state, body, canonical_len);
	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state));
	memcpy(hash.byte, canonical.digest, HASH_BYTES);
	return hash;
}

/* ---- writing ---- */

static int
misuse(const struct form_var *var, const char *what, struct tape_error *err)
{
	return error_set(err, TAPE_ERR_MISUSE, NULL, 0, "variable \"%s\": %s", var->name,
			 what);
}

/* Adds a variable-width value to canonical part and tail sizes. */
static int
measure_value(const struct form_var *var, const struct tape_value *value,
	      uint64_t *canonical, uint64_t *tail, struct tape_error *err)
{
	bool has_bytes = value->data != NULL || value->size == 0;
	uint64_t expected;

	if (value->type != var->type)
		return misuse(var, "the value is not of its type", err);
	if (var->type < TAPE_STR)
		return 0;
	if (value->size > SIZE_LIMIT)
		return misuse(var, "impossible size", err);
	if (var->type == TAPE_ARRAY_T) {
		if (!array_size(value, &expected) || expected != value->size)
			return misuse(var, "dtype, dims and size disagree", err);
		*canonical += ARRAY_HEAD + 8u * value->ndim;
	}
	if (!has_bytes && (value->size <= CANON_BYTES || var->store == TAPE_INLINE))
		return misuse(var, "its bytes are not at hand", err);
	if (!has_bytes && !value->has_hash)
		return misuse(var, "neither bytes nor hash are at hand", err);
	*canonical += 8 + content_bytes(value->size);
	*tail += tail_bytes(var, value->size);
	if (*canonical + *tail > LIMIT_RECORD)
		return error_set(err, TAPE_ERR_LIMIT, NULL, 0,
				 "the scope is larger than %u bytes at variable \"%s\"",
				 LIMIT_RECORD, var->name);
	return 0;
}

static void
put_float(uint8_t *at, double value)
{
	float f = (float)value;

	memcpy(at, &f, sizeof f);
}

static void
put_fixed(const struct form_var *var, const struct tape_value *value, uint8_t *at)
{
	switch (var->type) {
	case TAPE_ABSENT:
		at[0] = value->absent;
		break;
	case TAPE_BOOL:
		at[0] = value->as.i != 0;
		break;
	case TAPE_I64:
	case TAPE_U64:
		put_le64(at, value->as.u);
		break;
	case TAPE_F64:
		memcpy(at, &value->as.f, 8);
		break;
	case TAPE_F32:
		put_float(at, value->as.f);
		break;
	case TAPE_C16:
		memcpy(at, value->as.c, 16);
		break;
	case TAPE_C8:
		put_float(at, value->as.c[0]);
		put_float(at + 4, value->as.c[1]);
		break;
	default:
		break;
	}
}

/* Writes the canonical entry and returns where the next one goes. */
static uint8_t *
put_entry(const struct form_var *var, const struct tape_value *value, uint8_t *at)
{
	struct tape_hash hash = value->hash;

	put_le64(at, value->size);
	at += 8;
	if (var->type == TAPE_ARRAY_T) {
		at[0] = value->dtype;
		at[1] = value->ndim;
		at[2] = value->fortran;
		at[3] = 0;
		at += ARRAY_HEAD;
		for (unsigned i = 0; i < value->ndim; i++, at += 8)
			put_le64(at, value->dims[i]);
	}
	if (value->size > CANON_BYTES) {
		if (!value->has_hash)
			hash = hash_bytes(value->data, (size_t)value->size);
		memcpy(at, hash.byte, HASH_BYTES);
	} else if (value->size > 0) {
		memcpy(at, value->data, (size_t)value->size);
	}
	return at + content_bytes(value->size);
}

static void
put_tail(const struct form_var *var, const struct tape_value *value,
	 const struct body_hint *hint, uint8_t *at)
{
	struct body_hint none = { BODY_NO_SEGMENT, 0 };

	if (value->size <= CANON_BYTES || var->store == TAPE_AS_HASH)
		return;
	if (var->store == TAPE_INLINE) {
		memcpy(at, value->data, (size_t)value->size);
		return;
	}
	if (hint == NULL)
		hint = &none;
	put_le32(at, hint->segment);
	put_le64(at + 4, hint->offset);
}

static void
put_values(const struct form *form, const struct tape_value *values,
	   const struct body_hint *hints, uint8_t *buf, uint8_t *tail)
{
	uint8_t *at = buf + form->fixed_bytes;

	for (uint32_t i = 0; i < form->var_count; i++) {
		uint32_t index = form->canonical[i];
		const struct form_var *var = &form->vars[index];
		const struct tape_value *value = &values[index];

		if (i < form->fixed_count) {
			put_fixed(var, value, buf + var->offset);
			continue;
		}
		at = put_entry(var, value, at);
		put_tail(var, value, hints != NULL ? &hints[index] : NULL, tail);
		tail += tail_bytes(var, value->size);
	}
}

int64_t
body_write(const struct form *form, const struct tape_value *values,
	   const struct body_hint *hints, uint8_t *buf, size_t cap, size_t *canonical_len,
	   struct tape_error *err)
{
	uint64_t canonical = form->fixed_bytes, tail = 0;

	for (uint32_t i = 0; i < form->var_count; i++) {
		int status =
			measure_value(&form->vars[i], &values[i], &canonical, &tail, err);

		if (status < 0)
			return status;
	}
	if (buf != NULL) {
		if (cap < canonical + tail)
			return error_set(err, TAPE_ERR_MISUSE, NULL, 0,
					 "a buffer is too small for the body of a scope");
		put_values(form, values, hints, buf, buf + canonical);
	}
	if (canonical_len != NULL)
		*canonical_len = (size_t)canonical;
	return (int64_t)(canonical + tail);
}
