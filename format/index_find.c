/* SPDX-License-Identifier: Apache-2.0 */
/* Looking things up in an index: contents, referrers, blobs, labels, values. */
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/index_reader.h"

static int
directory_damaged(struct index_reader *x, struct tape_error *err)
{
	return index_damaged(x, 0, "the directory", err);
}

/* The entry of the section that `key` must be in, or the first of its kind: 1, 0. */
static int
first_entry(struct index_reader *x, const uint8_t *key, size_t len,
	    struct index_entry *out, struct tape_error *err)
{
	int r = index_directory_at_or_before(x->directory, key, len, out);

	if (r == 0)
		r = index_directory_after(x->directory, key, len, out);
	return r < 0 ? directory_damaged(x, err) : r;
}

/* ---- contents and referrers ---- */

/* A section of pairs into x->pairs; it begins with what its key says. */
static int
read_pairs(struct index_reader *x, uint8_t kind, const struct index_entry *e,
	   uint8_t key[INDEX_PAIR_KEY], uint32_t *count, struct tape_error *err)
{
	uint64_t offset = e->offset;
	uint8_t first[INDEX_PAIR_KEY];
	int r;

	if (e->key_len != INDEX_PAIR_KEY)
		return directory_damaged(x, err);
	memcpy(key, e->key, INDEX_PAIR_KEY);
	r = index_section(x, e, kind, NULL, err);
	if (r != 0)
		return r;
	r = index_pairs_decode(x->raw.data, x->raw.len, x->counts.contents, x->pairs,
			       count);
	if (r == TAPE_ERR_TOO_NEW)
		return error_set(err, r, x->file, offset,
				 "fingerprints have a width that this program does not "
				 "know: use a newer version of tape");
	if (r == 0) {
		index_pair_key(kind, &x->pairs[0], first);
		if (memcmp(first, key, sizeof first) != 0)
			r = TAPE_ERR_DAMAGED;
	}
	return r == 0 ? 0 : index_damaged(x, offset, "a section of fingerprints", err);
}

int
index_walk_pairs(struct index_reader *x, uint8_t kind, const uint8_t *least,
		 const uint8_t *most, index_content_fn *fn, void *user,
		 struct tape_error *err)
{
	struct index_pair lo = index_pair_make(least, 0);
	struct index_pair hi = index_pair_make(most, INDEX_ORDINAL_MASK);
	uint8_t key[INDEX_PAIR_KEY], print[FINGERPRINT_BYTES];
	struct index_entry e;
	uint32_t count;
	int found, r = 0;

	index_pair_key(kind, &lo, key);
	found = first_entry(x, key, sizeof key, &e, err);
	while (found == 1 && r == 0) {
		r = read_pairs(x, kind, &e, key, &count, err);
		for (uint32_t i = 0; i < count && r == 0; i++) {
			struct index_pair p = x->pairs[i];

			if (index_pair_less(&hi, &p))
				return 0;
			if (index_pair_less(&p, &lo))
				continue;
			index_pair_fingerprint(&p, print);
			r = fn(user, print, p.low & INDEX_ORDINAL_MASK);
		}
		if (r == 0)
			found = index_directory_after(x->directory, key, sizeof key, &e);
	}
	if (r == 0 && found < 0)
		r = directory_damaged(x, err);
	return r;
}

/* The least and the greatest fingerprint that begin so. */
static void
prefix_bounds(const uint8_t prefix[16], unsigned bits, uint8_t *least, uint8_t *most)
{
	bits = bits > FINGERPRINT_BYTES * 8 ? FINGERPRINT_BYTES * 8 : bits;
	for (unsigned i = 0; i < FINGERPRINT_BYTES; i++) {
		unsigned left = bits > i * 8 ? bits - i * 8 : 0;
		uint8_t mask = left >= 8 ? 0xff : (uint8_t)(0xff00u >> left);

		least[i] = prefix[i] & mask;
		most[i] = prefix[i] | (uint8_t)~mask;
	}
}

static int
find_pairs(struct index_reader *x, uint8_t kind, const uint8_t prefix[16], unsigned bits,
	   index_content_fn *fn, void *user, struct tape_error *err)
{
	uint8_t least[FINGERPRINT_BYTES], most[FINGERPRINT_BYTES];

	prefix_bounds(prefix, bits, least, most);
	return index_walk_pairs(x, kind, least, most, fn, user, err);
}

int
index_find_content(struct index_reader *x, const uint8_t prefix[16], unsigned bits,
		   index_content_fn *fn, void *user, struct tape_error *err)
{
	return find_pairs(x, INDEX_FINGERPRINTS, prefix, bits, fn, user, err);
}

int
index_find_referrers(struct index_reader *x, const uint8_t prefix[16], unsigned bits,
		     index_content_fn *fn, void *user, struct tape_error *err)
{
	return find_pairs(x, INDEX_REFERRERS, prefix, bits, fn, user, err);
}

int
index_each_content(struct index_reader *x, const uint8_t *from, index_content_fn *fn,
		   void *user, struct tape_error *err)
{
	static const uint8_t none[FINGERPRINT_BYTES];
	uint8_t most[FINGERPRINT_BYTES];

	memset(most, 0xff, sizeof most);
	return index_walk_pairs(x, INDEX_FINGERPRINTS, from == NULL ? none : from, most,
				fn, user, err);
}

/* ---- blobs ---- */

int
index_next_blob(struct varint_in *in, struct index_blob *out)
{
	struct index_blob b = { 0 };
	const uint8_t *hash;

	if (varint_left(in) == 0)
		return 0;
	hash = varint_get_bytes(in, sizeof b.entry.hash.byte);
	if (hash != NULL)
		memcpy(b.entry.hash.byte, hash, sizeof b.entry.hash.byte);
	b.entry.size = varint_get(in);
	b.entry.frame = varint_get(in);
	b.entry.within = varint_get32(in, UINT32_MAX);
	b.entry.frames = varint_get32(in, UINT32_MAX);
	b.entry.dtype = varint_get8(in);
	b.bucket = varint_get32(in, UINT32_MAX);
	b.pack = varint_get32(in, UINT32_MAX);
	if (in->failed || !blobpack_entry_sound(&b.entry) ||
	    b.bucket != blobpack_bucket(b.entry.size))
		return TAPE_ERR_DAMAGED;
	*out = b;
	return 1;
}

int
index_find_blob(struct index_reader *x, const struct tape_hash *hash,
		struct index_blob *out, struct tape_error *err)
{
	uint8_t key[17] = { INDEX_BLOBS };
	struct varint_in in;
	struct index_entry e;
	struct index_blob b;
	uint64_t offset;
	int r;

	memcpy(key + 1, hash->byte, sizeof hash->byte);
	r = index_directory_at_or_before(x->directory, key, sizeof key, &e);
	if (r < 0)
		return directory_damaged(x, err);
	if (r == 0)
		return TAPE_ERR_NOT_FOUND;
	offset = e.offset;
	r = index_section(x, &e, INDEX_BLOBS, NULL, err);
	if (r != 0)
		return r;
	in = (struct varint_in){ x->raw.data, x->raw.data + x->raw.len, false };
	while ((r = index_next_blob(&in, &b)) == 1) {
		int order = memcmp(b.entry.hash.byte, hash->byte, sizeof hash->byte);

		if (order > 0)
			return TAPE_ERR_NOT_FOUND;
		if (order == 0) {
			*out = b;
			return 0;
		}
	}
	return r == 0 ? TAPE_ERR_NOT_FOUND
		      : index_damaged(x, offset, "a section of blobs", err);
}

/* ---- labels ---- */

/* The blocks of the label at hand. */
static int
read_blocks(struct index_reader *x, struct varint_in *in, uint32_t **blocks,
	    size_t *count, struct tape_error *err)
{
	size_t n = varint_get32(in, x->counts.blocks);
	uint32_t *list, at = 0;

	/* Each takes two bytes at least. */
	if (in->failed || n > varint_left(in) / 2)
		return TAPE_ERR_DAMAGED;
	list = malloc((n + 1) * sizeof *list);
	if (list == NULL)
		return index_no_memory(x, err);
	for (size_t i = 0; i < n; i++) {
		uint32_t more = varint_get32(in, x->counts.blocks);

		at += more;
		if (varint_get(in) == 0 || in->failed || at >= x->counts.blocks ||
		    (i > 0 && more == 0)) {
			free(list);
			return TAPE_ERR_DAMAGED;
		}
		list[i] = at;
	}
	*blocks = list;
	*count = n;
	return 0;
}

/* Moves behind the blocks of a label that is not the one. */
static void
skip_blocks(struct varint_in *in)
{
	uint64_t n = varint_get(in);

	for (uint64_t i = 0; i < n && !in->failed; i++) {
		(void)varint_get(in);
		(void)varint_get(in);
	}
}

/* 0, TAPE_ERR_NOT_FOUND, others. */
static int
label_in_section(struct index_reader *x, const char *label, size_t len, uint32_t **blocks,
		 size_t *count, struct tape_error *err)
{
	struct varint_in in = { x->raw.data, x->raw.data + x->raw.len, false };

	while (varint_left(&in) != 0 && !in.failed) {
		uint32_t n = varint_get32(&in, UINT32_MAX);
		const uint8_t *text = varint_get_bytes(&in, n);

		if (text != NULL && n == len && memcmp(text, label, len) == 0)
			return read_blocks(x, &in, blocks, count, err);
		skip_blocks(&in);
	}
	return in.failed ? TAPE_ERR_DAMAGED : TAPE_ERR_NOT_FOUND;
}

int
index_label_blocks(struct index_reader *x, const char *label, uint32_t **blocks,
		   size_t *count, struct tape_error *err)
{
	uint8_t key[INDEX_KEY_MAX] = { INDEX_LABELS };
	size_t len = strlen(label);
	struct index_entry e;
	uint64_t offset = 0;
	int r = 0;

	if (len < sizeof key) {
		memcpy(key + 1, label, len);
		r = index_directory_at_or_before(x->directory, key, len + 1, &e);
	}
	if (r < 0)
		return directory_damaged(x, err);
	if (r == 1) {
		offset = e.offset;
		r = index_section(x, &e, INDEX_LABELS, NULL, err);
		if (r != 0)
			return r;
		r = label_in_section(x, label, len, blocks, count, err);
	} else {
		r = TAPE_ERR_NOT_FOUND;
	}
	if (r == TAPE_ERR_DAMAGED)
		return index_damaged(x, offset, "a section of labels", err);
	if (r == TAPE_ERR_NOT_FOUND && x->counts.labels_left_out)
		return error_set(err, TAPE_ERR_LIMIT, x->file, 0,
				 "the index has the commonest labels only");
	return r;
}

/* ---- values ---- */

void
index_values_release(struct index_values *v)
{
	free(v->rows);
	column_memory_release(&v->memory);
	memset(v, 0, sizeof *v);
}

/* The table of a block into x->table: 0, TAPE_ERR_NOT_FOUND. */
static int
read_table(struct index_reader *x, uint32_t block, struct tape_error *err)
{
	uint8_t key[5] = { INDEX_VALUES, (uint8_t)(block >> 24), (uint8_t)(block >> 16),
			   (uint8_t)(block >> 8), (uint8_t)block };
	struct pack_section section;
	struct index_entry e;
	int r = index_directory_at_or_before(x->directory, key, sizeof key, &e);

	if (r < 0)
		return directory_damaged(x, err);
	if (r == 0 || e.key_len != sizeof key || memcmp(e.key, key, sizeof key) != 0)
		return TAPE_ERR_NOT_FOUND;
	x->table_block = UINT32_MAX;
	x->table_at = e.offset;
	r = index_section(x, &e, INDEX_VALUES, &section, err);
	if (r != 0)
		return r;
	if (section.number != block || section.part != 0)
		return index_damaged(x, x->table_at, "a table of values", err);
	x->table.len = 0;
	if (pack_bytes_add(&x->table, x->raw.data, x->raw.len) != 0)
		return index_no_memory(x, err);
	x->table_block = block;
	return 0;
}

/* Where the section of a column is: 1, 0 = it has none, negative = damaged. */
static int
find_column(struct index_reader *x, uint32_t column, uint64_t *offset, uint32_t *bytes)
{
	struct varint_in in = { x->table.data, x->table.data + x->table.len, false };
	uint32_t contents = varint_get32(&in, BLOCK_ROWS);
	uint32_t count = varint_get32(&in, INDEX_COLUMNS), at = 0, size;
	uint64_t before = 0, all = 0;
	int found = 0;

	for (uint32_t i = 0; i < count && !in.failed; i++) {
		uint32_t step = varint_get32(&in, INDEX_COLUMNS);

		at += step;
		size = varint_get32(&in, PACK_SECTION_MAX + PACK_SECTION_HEADER);
		if (i > 0 && step == 0)
			in.failed = true;
		if (at == column) {
			*bytes = size;
			before = all;
			found = 1;
		}
		all += size;
	}
	if (in.failed || varint_left(&in) != 0 || all > x->table_at || contents == 0 ||
	    (x->scopes != NULL && contents != x->scopes->blocks[x->table_block].contents))
		return TAPE_ERR_DAMAGED;
	x->table_contents = contents;
	*offset = x->table_at - all + before;
	return found;
}

static int
values_room(struct index_values *v, uint32_t count)
{
	struct bitmap *rows;

	if (count <= v->cap)
		return 0;
	rows = malloc(count * sizeof *rows);
	if (rows == NULL)
		return TAPE_ERR_NOMEM;
	free(v->rows);
	v->rows = rows;
	v->cap = count;
	return 0;
}

static bool
width_fits(const struct index_reader *x, uint32_t column, unsigned width)
{
	if (x->scopes != NULL)
		return width == scopepack_width(x->scopes->columns[column].type);
	return width <= 16 && (width & (width - 1)) == 0;
}

/* From x->raw. */
static int
take_values(struct index_reader *x, uint32_t column, struct index_values *out,
	    struct tape_error *err)
{
	struct varint_in in = { x->raw.data, x->raw.data + x->raw.len, false };
	uint32_t count = varint_get32(&in, INDEX_VALUES_MAX);
	uint32_t len = varint_get32(&in, PACK_SECTION_MAX);
	const uint8_t *chunk = varint_get_bytes(&in, len);
	size_t at;
	int r;

	if (chunk == NULL || len < 8 || count == 0 || !width_fits(x, column, chunk[1]))
		return TAPE_ERR_DAMAGED;
	if (values_room(out, count) != 0)
		return index_no_memory(x, err);
	r = column_decode(chunk, len, count, chunk[1], PACK_SECTION_MAX, &out->memory,
			  &out->values, err);
	at = (size_t)(in.at - x->raw.data);
	for (uint32_t i = 0; i < count && r == 0; i++)
		r = bitmap_decode(x->raw.data, x->raw.len, &at, x->table_contents,
				  &out->rows[i]);
	if (r == 0 && at != x->raw.len)
		r = TAPE_ERR_DAMAGED;
	out->count = r == 0 ? count : 0;
	return r;
}

int
index_values_read(struct index_reader *x, uint32_t block, uint32_t column,
		  struct index_values *out, uint64_t *read_bytes, struct tape_error *err)
{
	uint64_t before = x->read_bytes;
	struct index_entry at = { 0 };
	struct pack_section section;
	int r;

	if (block >= x->counts.blocks || column >= INDEX_COLUMNS ||
	    (x->scopes != NULL && column >= x->scopes->column_count))
		return TAPE_ERR_NOT_FOUND;
	r = x->table_block == block ? 0 : read_table(x, block, err);
	if (r == 0)
		r = find_column(x, column, &at.offset, &at.bytes);
	if (r == 1) {
		r = index_section(x, &at, INDEX_VALUES, &section, err);
		if (r == 0 && (section.number != block || section.part != column + 1))
			r = TAPE_ERR_DAMAGED;
		if (r == 0)
			r = take_values(x, column, out, err);
	} else if (r == 0) {
		r = TAPE_ERR_NOT_FOUND;
	}
	if (read_bytes != NULL)
		*read_bytes += x->read_bytes - before;
	return r == TAPE_ERR_DAMAGED
		       ? index_damaged(x, at.offset == 0 ? x->table_at : at.offset,
				       "a section of values", err)
		       : r;
}
