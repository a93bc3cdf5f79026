/* SPDX-License-Identifier: Apache-2.0 */
/* From named values to 128 bits, in the order of their names. */
#include "librecord/key.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "format/le.h"

static __thread struct key_thread *own __attribute__((tls_model("initial-exec")));
static pthread_key_t thread_key;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;
static bool thread_key_made;

static void
thread_end(void *given)
{
	struct key_thread *k = given;

	own = NULL;
	for (unsigned i = 0; i < KEY_RING; i++)
		bytes_release(&k->last[i].bytes);
	scratch_release(&k->loading.scratch);
	bytes_release(&k->build.bytes);
	free(k->build.parts);
	free(k);
}

static void
make_thread_key(void)
{
	thread_key_made = pthread_key_create(&thread_key, thread_end) == 0;
}

/* NULL: no memory. */
struct key_thread *
key_thread_get(void)
{
	struct key_thread *k = own;

	if (k)
		return k;
	(void)pthread_once(&thread_once, make_thread_key);
	k = thread_key_made ? calloc(1, sizeof *k) : NULL;
	if (k && pthread_setspecific(thread_key, k) != 0) {
		free(k);
		k = NULL;
	}
	if (k)
		k->loading.inline_max = UINT64_MAX;
	own = k;
	return k;
}

struct tape_key
key_hash(const uint8_t *bytes, size_t len)
{
	XXH128_hash_t h = XXH3_128bits(bytes, len);

	return (struct tape_key){ h.low64, h.high64 };
}

/* Room for the bytes of the next key, in place of those of the oldest. */
struct key_bytes *
key_next_bytes(struct key_thread *k)
{
	struct key_bytes *at = &k->last[k->next++ % KEY_RING];

	at->key = (struct tape_key){ 0, 0 };
	at->bytes.len = 0;
	if (at->bytes.failed || at->bytes.cap > KEY_REMEMBERED)
		bytes_release(&at->bytes);
	at->bytes.failed = false;
	return at;
}

const uint8_t *
key_remembered(struct tape_key key, size_t *len)
{
	struct key_thread *k = own;

	for (unsigned i = 0; k && i < KEY_RING; i++) {
		const struct key_bytes *at =
			&k->last[(k->next + 2 * KEY_RING - 1 - i) % KEY_RING];

		if (at->key.lo == key.lo && at->key.hi == key.hi && at->bytes.len) {
			*len = at->bytes.len;
			return at->bytes.data;
		}
	}
	return NULL;
}

/* ---- values ---- */

static void
put_integer(struct bytes *out, uint64_t v, bool is_signed)
{
	uint8_t entry[9];

	entry[0] = is_signed || v <= INT64_MAX ? TAPE_I64 : TAPE_U64;
	put_le64(entry + 1, v);
	bytes_put(out, entry, sizeof entry);
}

uint64_t
key_widen(uint32_t bits)
{
	uint64_t sign = (uint64_t)(bits >> 31) << 63, fraction = bits & 0x7fffff;
	float narrow;
	double wide;

	/* By hand, so that it is the same on every machine. */
	if ((bits & 0x7f800000) == 0x7f800000 && fraction != 0)
		return sign | UINT64_C(0x7ff8000000000000) | fraction << 29;
	memcpy(&narrow, &bits, sizeof narrow);
	wide = (double)narrow;
	memcpy(&fraction, &wide, sizeof fraction);
	return fraction;
}

static void
put_wide(struct bytes *out, const struct item *item)
{
	uint8_t head[1 + 12 + 8 * TAPE_MAX_DIMS];
	size_t len = 9;

	head[0] = item->type;
	put_le64(head + 1, item->size);
	if (item->type == TAPE_ARRAY_T) {
		put_le32(head + 9, (uint32_t)item->dtype | (uint32_t)item->ndim << 8 |
					   (uint32_t)item->fortran << 16);
		for (size_t i = 0; i < item->ndim; i++)
			put_le64(head + 13 + 8 * i, item->dims[i]);
		len = 13 + 8 * (size_t)item->ndim;
	}
	bytes_put(out, head, len);
	if (item->size > CANON_BYTES)
		bytes_put(out, item->hash.byte, sizeof item->hash.byte);
	else
		bytes_put(out, item->data, (size_t)item->size);
}

bool
key_put_item(struct bytes *out, const struct item *item)
{
	uint8_t entry[17] = { item->type };

	switch (item->type) {
	case TAPE_NULL:
		bytes_put(out, entry, 1);
		return true;
	case TAPE_BOOL:
		entry[1] = item->value.lo != 0;
		bytes_put(out, entry, 2);
		return true;
	case TAPE_I64:
	case TAPE_U64:
		put_integer(out, item->value.lo, item->type == TAPE_I64);
		return true;
	case TAPE_F64:
	case TAPE_F32:
		entry[0] = TAPE_F64;
		put_le64(entry + 1, item->type == TAPE_F64
					    ? item->value.lo
					    : key_widen((uint32_t)item->value.lo));
		bytes_put(out, entry, 9);
		return true;
	case TAPE_C16:
	case TAPE_C8:
		entry[0] = TAPE_C16;
		put_le64(entry + 1, item->type == TAPE_C16
					    ? item->value.lo
					    : key_widen((uint32_t)item->value.lo));
		put_le64(entry + 9,
			 item->type == TAPE_C16
				 ? item->value.hi
				 : key_widen((uint32_t)(item->value.lo >> 32)));
		bytes_put(out, entry, 17);
		return true;
	case TAPE_STR:
	case TAPE_BYTES_T:
	case TAPE_ARRAY_T:
		put_wide(out, item);
		return true;
	default:
		return false;
	}
}

/* ---- in pieces ---- */

void
key_build_begin(struct tape_key_build *b, const char *name)
{
	b->name_len = name_clean(name ? name : "", name ? strlen(name) : 0, b->name, NULL,
				 NULL);
	b->bytes.len = 0;
	b->count = 0;
	b->bad = false;
}

/* What follows is a part of this name, up to key_build_part_end. False: it is bad anyway. */
bool
key_build_part(struct tape_key_build *b, const char *name, size_t len)
{
	char clean[LIMIT_NAME + 1];
	struct key_piece *more;
	size_t cap;

	if (b->bad)
		return false;
	if (b->count == b->cap) {
		cap = b->cap ? b->cap * 2 : 32;
		more = realloc(b->parts, cap * sizeof *more);
		if (!more) {
			b->bad = true;
			return false;
		}
		b->parts = more;
		b->cap = cap;
	}
	len = name_clean(name ? name : "", len, clean, NULL, NULL);
	b->parts[b->count].name = b->bytes.len;
	b->parts[b->count].name_len = (uint32_t)len;
	bytes_put(&b->bytes, clean, len);
	b->parts[b->count].entry = b->bytes.len;
	return true;
}

void
key_build_part_end(struct tape_key_build *b, bool good)
{
	size_t len = b->bytes.len - b->parts[b->count].entry;

	b->bad = !good || b->bytes.failed || len > UINT32_MAX ||
		 b->parts[b->count].name_len == 0;
	b->parts[b->count++].entry_len = (uint32_t)len;
}

static int
compare_parts(const void *a, const void *b, void *bytes)
{
	const struct key_piece *x = a, *y = b;
	const uint8_t *base = bytes;
	size_t least = x->name_len < y->name_len ? x->name_len : y->name_len;
	int r = memcmp(base + x->name, base + y->name, least);

	return r ? r : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}

static void
put_text(struct bytes *out, const void *text, size_t len)
{
	uint8_t head[2];

	put_le16(head, (uint16_t)len);
	bytes_put(out, head, sizeof head);
	bytes_put(out, text, len);
}

/* All of it in order, into out. False: it is no key. */
static bool
build_bytes(struct tape_key_build *b, struct bytes *out)
{
	uint8_t count[4];

	if (b->bad || b->count == 0)
		return false;
	qsort_r(b->parts, b->count, sizeof *b->parts, compare_parts, b->bytes.data);
	bytes_put(out, KEY_MAGIC, 8);
	put_text(out, b->name, b->name_len);
	put_le32(count, (uint32_t)b->count);
	bytes_put(out, count, sizeof count);
	for (size_t i = 0; i < b->count; i++) {
		const struct key_piece *p = &b->parts[i];

		if (i > 0 && compare_parts(p - 1, p, b->bytes.data) == 0)
			return false;
		put_text(out, b->bytes.data + p->name, p->name_len);
		bytes_put(out, b->bytes.data + p->entry, p->entry_len);
	}
	return !out->failed;
}

struct tape_key
key_build_end(struct key_thread *k, struct tape_key_build *b)
{
	struct key_bytes *at = key_next_bytes(k);

	if (!build_bytes(b, &at->bytes)) {
		at->bytes.len = 0;
		return at->key;
	}
	at->key = key_hash(at->bytes.data, at->bytes.len);
	return at->key;
}

/* ---- reading what was hashed ---- */

const char *
key_name(const uint8_t *bytes, size_t len, size_t *name_len)
{
	*name_len = len < KEY_HEAD ? 0 : get_le16(bytes + 8);
	return (const char *)bytes + 10;
}

static size_t
wide_entry(const uint8_t *at, struct tape_value *v)
{
	size_t len = 8;

	v->size = get_le64(at);
	if (v->type == TAPE_ARRAY_T) {
		v->dtype = at[8];
		v->ndim = at[9];
		v->fortran = at[10];
		for (size_t i = 0; i < v->ndim; i++)
			v->dims[i] = get_le64(at + 12 + 8 * i);
		len = 12 + 8 * (size_t)v->ndim;
	}
	if (v->size <= CANON_BYTES) {
		v->data = at + len;
		return len + (size_t)v->size;
	}
	v->store = TAPE_AS_HASH;
	v->has_hash = 1;
	memcpy(v->hash.byte, at + len, sizeof v->hash.byte);
	return len + sizeof v->hash.byte;
}

bool
key_part_next(const uint8_t *bytes, size_t len, size_t *at, struct key_part *out)
{
	uint64_t bits;

	memset(out, 0, sizeof *out);
	if (*at == 0)
		*at = KEY_HEAD + get_le16(bytes + 8);
	if (*at >= len)
		return false;
	out->name_len = get_le16(bytes + *at);
	out->name = (const char *)bytes + *at + 2;
	*at += 2 + out->name_len;
	out->value.type = bytes[(*at)++];
	switch (out->value.type) {
	case TAPE_NULL:
		break;
	case TAPE_BOOL:
		out->value.as.i = bytes[(*at)++];
		break;
	case TAPE_C16:
		bits = get_le64(bytes + *at + 8);
		memcpy(&out->value.as.c[1], &bits, sizeof bits);
		bits = get_le64(bytes + *at);
		memcpy(&out->value.as.c[0], &bits, sizeof bits);
		*at += 16;
		break;
	case KEY_TAG_KEY:
		out->key = true;
		out->value.type = TAPE_BYTES_T;
		out->value.data = bytes + *at;
		out->value.size = 16;
		*at += 16;
		break;
	case TAPE_STR:
	case TAPE_BYTES_T:
	case TAPE_ARRAY_T:
		*at += wide_entry(bytes + *at, &out->value);
		break;
	default:
		out->value.as.u = get_le64(bytes + *at);
		*at += 8;
		break;
	}
	return true;
}
