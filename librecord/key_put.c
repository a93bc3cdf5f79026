/* SPDX-License-Identifier: Apache-2.0 */
/* A key in pieces: the functions under the macro, for bindings. */
#include <stdlib.h>
#include <string.h>

#include "format/le.h"
#include "librecord/key.h"

struct tape_key_build *
tape_key_begin(const char *name)
{
	struct tape_key_build *b = calloc(1, sizeof *b);

	if (b)
		key_build_begin(b, name);
	return b;
}

static size_t
name_length(const char *name, size_t len)
{
	return !name ? 0 : len == TAPE_NUL ? strlen(name) : len;
}

static void
put_word(struct tape_key_build *b, const char *name, size_t len, enum tape_type type,
	 struct tape_word word)
{
	struct item item = { .type = (uint8_t)type, .value = word };

	if (b && key_build_part(b, name, name_length(name, len)))
		key_build_part_end(b, key_put_item(&b->bytes, &item));
}

static struct tape_word
word_of(const void *value, size_t size)
{
	struct tape_word w = { 0, 0 };

	memcpy(&w, value, size);
	return w;
}

void
tape_key_put_null(struct tape_key_build *b, const char *name, size_t len)
{
	put_word(b, name, len, TAPE_NULL, (struct tape_word){ 0, 0 });
}

void
tape_key_put_bool(struct tape_key_build *b, const char *name, size_t len, int v)
{
	put_word(b, name, len, TAPE_BOOL, (struct tape_word){ v != 0, 0 });
}

void
tape_key_put_i64(struct tape_key_build *b, const char *name, size_t len, int64_t v)
{
	put_word(b, name, len, TAPE_I64, (struct tape_word){ (uint64_t)v, 0 });
}

void
tape_key_put_u64(struct tape_key_build *b, const char *name, size_t len, uint64_t v)
{
	put_word(b, name, len, TAPE_U64, (struct tape_word){ v, 0 });
}

void
tape_key_put_f64(struct tape_key_build *b, const char *name, size_t len, double v)
{
	put_word(b, name, len, TAPE_F64, word_of(&v, sizeof v));
}

void
tape_key_put_f32(struct tape_key_build *b, const char *name, size_t len, float v)
{
	put_word(b, name, len, TAPE_F32, word_of(&v, sizeof v));
}

void
tape_key_put_c8(struct tape_key_build *b, const char *name, size_t len, const float v[2])
{
	put_word(b, name, len, TAPE_C8, word_of(v, 8));
}

void
tape_key_put_c16(struct tape_key_build *b, const char *name, size_t len,
		 const double v[2])
{
	put_word(b, name, len, TAPE_C16, word_of(v, 16));
}

static void
put_item(struct tape_key_build *b, const char *name, size_t len, const struct item *item)
{
	if (key_build_part(b, name, name_length(name, len)))
		key_build_part_end(b, key_put_item(&b->bytes, item));
}

/* A key without a part that it is to have would be another one's: it is none. */
static struct key_thread *
thread_for(struct tape_key_build *b)
{
	struct key_thread *k = b ? key_thread_get() : NULL;

	if (b && !k)
		b->bad = true;
	return k;
}

void
tape_key_put_str(struct tape_key_build *b, const char *name, size_t len, const char *text,
		 size_t text_len)
{
	struct key_thread *k = thread_for(b);
	struct item item = { 0 };

	if (!text) {
		tape_key_put_null(b, name, len);
		return;
	}
	if (!k)
		return;
	item_load_text(&k->loading, text, text_len == TAPE_NUL ? strlen(text) : text_len,
		       &item);
	put_item(b, name, len, &item);
}

void
tape_key_put_bytes(struct tape_key_build *b, const char *name, size_t len,
		   const void *data, size_t size)
{
	struct key_thread *k = thread_for(b);
	struct item item = { 0 };

	if (!k)
		return;
	item_load_bytes(&k->loading, data, size, &item);
	put_item(b, name, len, &item);
}

void
tape_key_put_nd(struct tape_key_build *b, const char *name, size_t len,
		const struct tape_nd *nd)
{
	struct key_thread *k = thread_for(b);
	struct item item = { 0 };

	if (!k)
		return;
	if (item_load_nd(&k->loading, nd, false, &item) != ITEM_FINE)
		item.type = TAPE_ABSENT;
	put_item(b, name, len, &item);
	scratch_reset(&k->loading.scratch);
}

void
tape_key_put_ref(struct tape_key_build *b, const char *name, size_t len,
		 const struct tape_ref *ref)
{
	struct item item = { 0 };

	if (!b)
		return;
	if (item_load_ref(ref, &item) != ITEM_FINE)
		item.type = TAPE_ABSENT;
	put_item(b, name, len, &item);
}

void
tape_key_put_key(struct tape_key_build *b, const char *name, size_t len,
		 struct tape_key key)
{
	uint8_t entry[17] = { KEY_TAG_KEY };

	if (!b || !key_build_part(b, name, name_length(name, len)))
		return;
	put_le64(entry + 1, __builtin_bswap64(key.hi));
	put_le64(entry + 9, __builtin_bswap64(key.lo));
	bytes_put(&b->bytes, entry, sizeof entry);
	key_build_part_end(b, !key_none(key));
}

struct tape_key
tape_key_end(struct tape_key_build *b)
{
	struct key_thread *k = key_thread_get();
	struct tape_key key = { 0, 0 };

	if (!b)
		return key;
	if (k)
		key = key_build_end(k, b);
	bytes_release(&b->bytes);
	free(b->parts);
	free(b);
	return key;
}
