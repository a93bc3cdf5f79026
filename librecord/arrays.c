/* SPDX-License-Identifier: Apache-2.0 */
/* From a macro's word to a typed value: text, bytes, arrays of any layout. */
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "librecord/capture.h"

void *
scratch_take(struct scratch *scratch, size_t size)
{
	uint8_t *p;

	if (size > scratch->cap - scratch->used) {
		size_t cap = scratch->cap ? scratch->cap : 4096;

		while (cap < size)
			cap = cap > SIZE_MAX / 2 ? size : cap * 2;
		if (cap < SIZE_MAX / 2 - sizeof(struct scratch_old))
			cap *= 2;
		p = malloc(cap);
		if (!p)
			return NULL;
		/* Pointers into the old one are in use until the scope ends. */
		if (scratch->data) {
			struct scratch_old *old =
				(struct scratch_old *)(void *)scratch->data;

			old->next = scratch->old;
			scratch->old = old;
		}
		scratch->data = p;
		scratch->cap = cap;
		/* The first bytes are for the link above. */
		scratch->used = sizeof(struct scratch_old);
		if (size > cap - scratch->used)
			return NULL;
	}
	p = scratch->data + scratch->used;
	scratch->used += (size + 15) / 16 * 16 < scratch->cap - scratch->used
				 ? (size + 15) / 16 * 16
				 : scratch->cap - scratch->used;
	return p;
}

#define SCRATCH_KEEP ((size_t)1 << 20)

void
scratch_reset(struct scratch *scratch)
{
	while (scratch->old) {
		struct scratch_old *old = scratch->old;

		scratch->old = old->next;
		free(old);
	}
	scratch->used = sizeof(struct scratch_old);
	if (scratch->cap > SCRATCH_KEEP) {
		free(scratch->data);
		*scratch = (struct scratch){ 0 };
	}
	if (!scratch->data)
		scratch->used = 0;
}

void
scratch_release(struct scratch *scratch)
{
	scratch_reset(scratch);
	free(scratch->data);
	*scratch = (struct scratch){ 0 };
}

static void
set_absent(struct item *item, enum tape_absent reason)
{
	item->type = TAPE_ABSENT;
	item->store = TAPE_INLINE;
	item->value.lo = reason;
}

static void
set_null(struct item *item)
{
	item->type = TAPE_NULL;
	item->store = TAPE_INLINE;
}

/* What all wide values have in common, once type, data and size are set. */
static void
finish_wide(struct thread_state *ts, struct item *item, bool as_blob)
{
	bool blob = as_blob || (item->size > CANON_BYTES && item->size > ts->inline_max);

	item->store = blob ? TAPE_AS_BLOB : TAPE_INLINE;
	if (item->size > CANON_BYTES && !item->on_tape)
		item->hash = hash_bytes(item->data, (size_t)item->size);
}

static void
set_array(struct thread_state *ts, struct item *item, unsigned dtype, const void *data,
	  uint64_t size, bool as_blob)
{
	item->type = TAPE_ARRAY_T;
	item->dtype = (uint8_t)dtype;
	item->data = data;
	item->size = size;
	finish_wide(ts, item, as_blob);
}

void
item_load_bytes(struct thread_state *ts, const void *data, uint64_t size,
		struct item *item)
{
	if (!data && size) {
		set_null(item);
		return;
	}
	item->type = TAPE_BYTES_T;
	item->data = data;
	item->size = size;
	finish_wide(ts, item, false);
}

void
item_load_text(struct thread_state *ts, const char *text, uint64_t len, struct item *item)
{
	item->type = text_is_utf8(text, (size_t)len) ? TAPE_STR : TAPE_BYTES_T;
	item->data = text;
	item->size = len;
	finish_wide(ts, item, false);
}

static void
load_bounded_text(struct thread_state *ts, const char *text, uint64_t bound, bool trim,
		  struct item *item)
{
	size_t len;

	if (!text) {
		set_null(item);
		return;
	}
	if (pointer_is_wild(text)) {
		set_absent(item, TAPE_WILD_POINTER);
		return;
	}
	len = bound >= SIZE_MAX ? strlen(text) : strnlen(text, (size_t)bound);
	while (trim && len && text[len - 1] == ' ')
		len--;
	item_load_text(ts, text, len, item);
}

static void
load_safe(struct thread_state *ts, uintptr_t at, struct item *item)
{
	const char *text = NULL;
	int64_t len;

	if (at == 0) {
		set_null(item);
		return;
	}
	len = safe_text(ts, at, &text);
	if (len < 0)
		set_absent(item, (enum tape_absent) - len);
	else
		item_load_text(ts, text, (uint64_t)len, item);
}

/* Bytes of the elements; false if the dims are beyond what an array may have. */
static bool
measure(const uint64_t *dims, size_t ndim, size_t element, uint64_t *size)
{
	uint64_t n = element;
	bool empty = false;

	for (size_t i = 0; i < ndim; i++) {
		empty = empty || dims[i] == 0;
		if (dims[i] && __builtin_mul_overflow(n, dims[i], &n))
			return false;
	}
	*size = empty ? 0 : n;
	return n <= (empty ? LIMIT_EMPTY_ARRAY : (uint64_t)1 << 62);
}

static void
copy_row(uint8_t *to, const uint8_t *from, ptrdiff_t stride, uint64_t n, size_t element)
{
	switch (element) {
	case 8:
		for (uint64_t i = 0; i < n; i++, from += stride)
			memcpy(to + 8 * i, from, 8);
		break;
	case 4:
		for (uint64_t i = 0; i < n; i++, from += stride)
			memcpy(to + 4 * i, from, 4);
		break;
	default:
		for (uint64_t i = 0; i < n; i++, from += stride)
			memcpy(to + element * i, from, element);
	}
}

/* Copies to dense C order; rows by counting up the outer indices. */
static void
gather(uint8_t *to, const uint8_t *from, const uint64_t *dims, const ptrdiff_t *strides,
       size_t ndim, size_t element)
{
	uint64_t index[TAPE_MAX_DIMS] = { 0 };
	uint64_t row = dims[ndim - 1];
	size_t k;

	for (;;) {
		const uint8_t *p = from;

		for (k = 0; k + 1 < ndim; k++)
			p += (ptrdiff_t)index[k] * strides[k];
		copy_row(to, p, strides[ndim - 1], row, element);
		to += row * element;
		for (k = ndim - 1; k-- > 0;) {
			if (++index[k] < dims[k])
				break;
			index[k] = 0;
		}
		if (k == SIZE_MAX)
			return;
	}
}

/* True if the strides are those of dense elements, first or last index fastest. */
static bool
is_dense(const uint64_t *dims, const ptrdiff_t *strides, size_t ndim, size_t element,
	 bool fortran)
{
	uint64_t expect = element;

	for (size_t i = 0; i < ndim; i++) {
		size_t k = fortran ? i : ndim - 1 - i;

		if (dims[k] != 1 && strides[k] != (ptrdiff_t)expect)
			return false;
		expect *= dims[k];
	}
	return true;
}

/* item->dims and ndim are set. */
static enum item_problem
load_strided(struct thread_state *ts, const void *data, unsigned dtype,
	     const ptrdiff_t *strides, bool as_blob, struct item *item)
{
	size_t element = tape_dtype_size(dtype);
	uint64_t size;
	void *copy;

	if (!measure(item->dims, item->ndim, element, &size)) {
		set_absent(item, TAPE_TOO_LARGE);
		return ITEM_TOO_LARGE;
	}
	if (!data && size) {
		set_null(item);
		return ITEM_FINE;
	}
	item->fortran = 0;
	if (size == 0 || is_dense(item->dims, strides, item->ndim, element, false)) {
		set_array(ts, item, dtype, data, size, as_blob);
		return ITEM_FINE;
	}
	if (is_dense(item->dims, strides, item->ndim, element, true)) {
		item->fortran = item->ndim > 1;
		set_array(ts, item, dtype, data, size, as_blob);
		return ITEM_FINE;
	}
	copy = size > SIZE_MAX / 4 ? NULL : scratch_take(&ts->scratch, (size_t)size);
	if (!copy) {
		set_absent(item, TAPE_TOO_LARGE);
		return ITEM_TOO_LARGE;
	}
	gather(copy, data, item->dims, strides, item->ndim, element);
	set_array(ts, item, dtype, copy, size, as_blob);
	return ITEM_FINE;
}

enum item_problem
item_load_nd(struct thread_state *ts, const struct tape_nd *nd, bool as_blob,
	     struct item *item)
{
	unsigned dtype;
	ptrdiff_t strides[TAPE_MAX_DIMS];
	bool given = false;
	uint64_t dense;

	if (!nd) {
		set_null(item);
		return ITEM_FINE;
	}
	dtype = nd->dtype ? tape_dtype_parse(nd->dtype) : 0;
	if (dtype == 0 || nd->ndim < 1 || nd->ndim > TAPE_MAX_DIMS) {
		set_absent(item, TAPE_UNREADABLE);
		return ITEM_BAD_ARRAY;
	}
	item->ndim = (uint8_t)nd->ndim;
	dense = tape_dtype_size(dtype);
	for (size_t i = nd->ndim; i-- > 0;) {
		item->dims[i] = nd->dims[i];
		strides[i] = (ptrdiff_t)dense;
		dense *= nd->dims[i];
		given |= nd->strides[i] != 0;
	}
	return load_strided(ts, nd->data, dtype, given ? nd->strides : strides, as_blob,
			    item);
}

void
item_hash_only(struct item *item)
{
	if (item->type < TAPE_STR)
		return;
	item->store = TAPE_AS_HASH;
	item->on_tape = true;
}

static enum item_problem
load_dense(struct thread_state *ts, const struct tape_dense *d, struct item *item)
{
	bool as_blob = d->flags & TAPE_DENSE_BLOB;
	ptrdiff_t stride = (ptrdiff_t)d->stride;
	uint64_t size;

	if (d->flags & TAPE_DENSE_ND)
		return item_load_nd(ts, d->data, as_blob, item);
	if (d->flags & TAPE_DENSE_TEXT) {
		load_bounded_text(ts, d->data, d->dims[0], true, item);
		return ITEM_FINE;
	}
	item->ndim = d->ndim;
	memcpy(item->dims, d->dims, sizeof(d->dims[0]) * d->ndim);
	if (d->stride)
		return load_strided(ts, d->data, d->dtype, &stride, as_blob, item);
	if (!measure(d->dims, d->ndim, tape_dtype_size(d->dtype), &size)) {
		set_absent(item, TAPE_TOO_LARGE);
		return ITEM_TOO_LARGE;
	}
	if (d->flags & TAPE_DENSE_BYTES) {
		item_load_bytes(ts, d->data, size, item);
	} else if (!d->data && size) {
		set_null(item);
	} else {
		item->fortran = d->ndim > 1 && (d->flags & TAPE_DENSE_FORTRAN);
		set_array(ts, item, d->dtype, d->data, size, as_blob);
	}
	if (d->flags & TAPE_DENSE_HASHED)
		item_hash_only(item);
	return ITEM_FINE;
}

enum item_problem
item_load_ref(const struct tape_ref *ref, struct item *item)
{
	unsigned dtype = ref && ref->dtype ? tape_dtype_parse(ref->dtype) : 0;
	uint64_t size;

	if (!ref) {
		set_null(item);
		return ITEM_FINE;
	}
	item->store = TAPE_AS_BLOB;
	item->on_tape = true;
	item->data = ref->head;
	item->size = ref->size;
	item->hash = ref->hash;
	item->type = TAPE_BYTES_T;
	if (!ref->dtype)
		return ITEM_FINE;
	if (dtype && ref->ndim >= 1 && ref->ndim <= TAPE_MAX_DIMS) {
		item->ndim = (uint8_t)ref->ndim;
		for (size_t i = 0; i < ref->ndim; i++)
			item->dims[i] = ref->dims[i];
		if (measure(item->dims, item->ndim, tape_dtype_size(dtype), &size) &&
		    size == ref->size) {
			item->type = TAPE_ARRAY_T;
			item->dtype = (uint8_t)dtype;
			item->fortran = ref->fortran && ref->ndim > 1;
			return ITEM_FINE;
		}
	}
	return ITEM_BAD_ARRAY; /* kept as bytes */
}

static void
set_fixed(struct item *item, unsigned type, struct tape_word word)
{
	item->type = (uint8_t)type;
	item->store = TAPE_INLINE;
	item->value = word;
}

static enum item_problem
load_array(struct thread_state *ts, unsigned dtype, struct tape_word word,
	   struct item *item)
{
	const void *data = (const void *)(uintptr_t)word.lo;
	size_t element = tape_dtype_size(dtype);

	if (element == 0) {
		set_absent(item, TAPE_UNREADABLE);
		return ITEM_BAD_ARRAY;
	}
	item->ndim = 1;
	item->dims[0] = word.hi / element;
	if (!data && word.hi)
		set_null(item);
	else
		set_array(ts, item, dtype, data, word.hi, false);
	return ITEM_FINE;
}

/* Its 32 digits, which is how it is looked for. */
static void
load_key(struct thread_state *ts, struct tape_word word, struct item *item)
{
	char *text = scratch_take(&ts->scratch, TAPE_HASH_TEXT);

	if (!text) {
		set_absent(item, TAPE_UNREADABLE);
		return;
	}
	tape_key_text((struct tape_key){ word.lo, word.hi }, text);
	item_load_text(ts, text, TAPE_HASH_TEXT - 1, item);
}

enum item_problem
item_load(struct thread_state *ts, unsigned kind, struct tape_word word,
	  struct item *item)
{
	static const uint8_t fixed[] = { TAPE_NULL, TAPE_BOOL, TAPE_I64,   TAPE_U64,
					 TAPE_F64,  TAPE_F32,  TAPE_C16,   TAPE_C8,
					 TAPE_F64,  TAPE_C16,  TAPE_ABSENT };
	const struct tape_named *named;

	item->on_tape = false;
	item->fortran = 0;
	if (kind == tape_kind_named) {
		named = (const struct tape_named *)(uintptr_t)word.lo;
		kind = named->kind;
		word = named->value;
	}
	if (kind < sizeof(fixed)) {
		set_fixed(item, fixed[kind], word);
		return ITEM_FINE;
	}
	switch (kind) {
	case tape_kind_key:
		load_key(ts, word, item);
		return ITEM_FINE;
	case tape_kind_text:
		load_bounded_text(ts, (const char *)(uintptr_t)word.lo, word.hi, false,
				  item);
		return ITEM_FINE;
	case tape_kind_safe:
		load_safe(ts, (uintptr_t)word.lo, item);
		return ITEM_FINE;
	case tape_kind_dense:
		return load_dense(ts, (const struct tape_dense *)(uintptr_t)word.lo,
				  item);
	case tape_kind_ref:
		return item_load_ref((const struct tape_ref *)(uintptr_t)word.lo, item);
	default:
		if (kind >= tape_kind_array)
			return load_array(ts, kind - tape_kind_array, word, item);
		set_absent(item, TAPE_UNREADABLE);
		return ITEM_BAD_ARRAY;
	}
}
