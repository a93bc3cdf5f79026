/* SPDX-License-Identifier: Apache-2.0 */
#include "format/cached.h"

#include <string.h>

#include "format/le.h"
#include "format/limits.h"

struct tape_key
cached_key(const uint8_t bytes[16])
{
	return (struct tape_key){ .hi = __builtin_bswap64(get_le64(bytes)),
				  .lo = __builtin_bswap64(get_le64(bytes + 8)) };
}

void
cached_key_put(struct tape_key key, uint8_t bytes[16])
{
	put_le64(bytes, __builtin_bswap64(key.hi));
	put_le64(bytes + 8, __builtin_bswap64(key.lo));
}

bool
cached_form(const struct form *form)
{
	int64_t at = form_find(form, CACHE_KEY, sizeof CACHE_KEY - 1);

	return form->label_count != 0 &&
	       strcmp(form->labels[form->label_count - 1], CACHE_LABEL) == 0 && at >= 0 &&
	       form->vars[at].type == TAPE_STR;
}

static bool
withdraws(const struct form *form)
{
	return cached_form(form) &&
	       (form_find(form, CACHE_AGAIN, sizeof CACHE_AGAIN - 1) >= 0 ||
		form_find(form, CACHE_DROPPED, sizeof CACHE_DROPPED - 1) >= 0);
}

bool
cached_withdraws(const struct form *forms, uint32_t count)
{
	for (uint32_t i = 1; i <= count; i++)
		if (withdraws(&forms[i]))
			return true;
	return false;
}

static void
take_entry(const struct form_var *var, const uint8_t *at, const struct body_entry *e,
	   struct tape_value *out)
{
	out->type = var->type;
	out->store = e->size <= CANON_BYTES	  ? TAPE_INLINE
		     : var->store == TAPE_AS_HASH ? TAPE_AS_HASH
						  : TAPE_AS_BLOB;
	out->size = e->size;
	if (var->type == TAPE_ARRAY_T) {
		out->dtype = at[8];
		out->ndim = at[9];
		out->fortran = at[10];
		for (size_t i = 0; i < out->ndim; i++)
			out->dims[i] = get_le64(at + 12 + 8 * i);
	}
	if (e->size <= CANON_BYTES) {
		out->data = e->content;
		return;
	}
	out->has_hash = 1;
	memcpy(out->hash.byte, e->content, sizeof out->hash.byte);
}

int
cached_value(const struct form *form, const uint8_t *canonical, size_t len,
	     uint32_t index, struct tape_value *out)
{
	const uint8_t *at = canonical + form->fixed_bytes, *end = canonical + len;
	struct body_entry e;

	memset(out, 0, sizeof *out);
	if (len < form->fixed_bytes)
		return TAPE_ERR_DAMAGED;
	if (form->vars[index].type < TAPE_STR) {
		body_value(form, canonical, index, out, NULL);
		return 0;
	}
	for (uint32_t i = form->fixed_count; i < form->var_count; i++) {
		const struct form_var *var = &form->vars[form->canonical[i]];

		if (body_canonical_entry(var, at, end, &e) != 0)
			return TAPE_ERR_DAMAGED;
		if (form->canonical[i] == index) {
			take_entry(var, at, &e, out);
			return 0;
		}
		at = e.next;
	}
	return TAPE_ERR_DAMAGED;
}

static unsigned
hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? (unsigned)(c - '0')
	       : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
				      : 16;
}

static bool
read_key(const struct tape_value *v, struct tape_hash *key)
{
	const char *text = v->data;

	if (v->type != TAPE_STR || v->size != 32 || text == NULL)
		return false;
	for (unsigned i = 0; i < 16; i++) {
		unsigned high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high > 15 || low > 15)
			return false;
		key->byte[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool
read_flag(const struct form *form, const uint8_t *canonical, size_t len, const char *name)
{
	int64_t at = form_find(form, name, strlen(name));
	struct tape_value v;

	return at >= 0 && form->vars[at].type == TAPE_BOOL &&
	       cached_value(form, canonical, len, (uint32_t)at, &v) == 0 && v.as.i != 0;
}

bool
cached_read(const struct form *form, const uint8_t *canonical, size_t len,
	    struct tape_hash *key, unsigned *flags)
{
	static const struct tape_hash none;
	int64_t at = form_find(form, CACHE_KEY, sizeof CACHE_KEY - 1);
	struct tape_value v;

	if (at < 0 || cached_value(form, canonical, len, (uint32_t)at, &v) != 0 ||
	    !read_key(&v, key) || memcmp(key, &none, sizeof none) == 0)
		return false;
	*flags = (read_flag(form, canonical, len, CACHE_AGAIN) ? CACHED_AGAIN : 0u) |
		 (read_flag(form, canonical, len, CACHE_DROPPED) ? CACHED_DROPPED : 0u);
	return true;
}
