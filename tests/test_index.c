/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes: what is built from packs finds what is in them, and damage is noticed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "format/index.h"
#include "format/index_io.h"
#include "format/index_sort.h"
#include "format/le.h"
#include "format/os.h"
#include "tests/support/packed.h"
#include "tests/support/suite.h"
#include "tests/support/tmpdir.h"

#define MEMORY (UINT64_C(64) << 20)

static int dir = -1;
static unsigned seed;

static void
setup(void)
{
	ck_assert_int_eq(os_open_dir(OS_CWD, tmpdir_make(), false, &dir), 0);
}

static void
teardown(void)
{
	os_fault_set(NULL, NULL);
	os_close(&dir);
	tmpdir_remove();
}

static int
build(const struct packed_made *m, const char *pack, const char *directory, unsigned jobs,
      uint64_t memory, struct index_output *out)
{
	struct packed_scopes s;
	struct index_input in = { .blob_packs = m->packs, .blob_pack_count = 2 };
	int r;

	packed_scopes_open(dir, m, &s);
	in.scopes = &s.scopes;
	r = index_build(dir, pack, directory, &m->id, &in, jobs, memory, out, NULL);
	packed_scopes_close(&s);
	return r;
}

static struct index_reader *
open_index(const struct packed_made *m, const struct index_output *o, bool trusted)
{
	struct index_reader *x = NULL;
	struct tape_error err = { 0 };

	ck_assert_msg(index_open(dir, "gen", &m->id, &o->directory_hash,
				 o->directory_size, trusted, &x, &err) == 0,
		      "%s", err.message);
	return x;
}

static uint8_t *
slurp(const char *name, size_t *len)
{
	struct os_stat st;
	uint8_t *data;
	int fd = -1;

	ck_assert_int_eq(os_open_read(dir, name, &fd), 0);
	ck_assert_int_eq(os_fstat(fd, &st), 0);
	data = malloc((size_t)st.size + 1);
	ck_assert_ptr_nonnull(data);
	ck_assert_int_eq(os_pread(fd, data, (size_t)st.size, 0), (int64_t)st.size);
	os_close(&fd);
	*len = (size_t)st.size;
	return data;
}

static void
replace(const char *name, const uint8_t *data, size_t len)
{
	int fd = -1;

	(void)os_unlink(dir, name);
	ck_assert_int_eq(os_create(dir, name, &fd), 0);
	ck_assert_int_eq(os_write_all(fd, data, len, NULL), 0);
	os_close(&fd);
}

/* ---- finding ---- */

struct found {
	uint64_t ordinals[64];
	size_t count;
};

static int
keep(void *user, const uint8_t fingerprint[FINGERPRINT_BYTES], uint64_t ordinal)
{
	struct found *f = user;

	(void)fingerprint;
	ck_assert_uint_lt(f->count, 64);
	f->ordinals[f->count++] = ordinal;
	return 0;
}

static void
each_content_is_found(struct index_reader *x, const struct packed_made *m)
{
	for (uint64_t i = 0; i < m->content_count; i++) {
		struct found f = { 0 };

		ck_assert_int_eq(index_find_content(x, m->contents[i].hash.byte, 128,
						    keep, &f, NULL),
				 0);
		ck_assert_uint_eq(f.count, 1);
		ck_assert_uint_eq(f.ordinals[0], i);
	}
}

struct sequence {
	const struct packed_made *m;
	uint64_t count;
	uint8_t last[FINGERPRINT_BYTES];
};

static int
in_sequence(void *user, const uint8_t fingerprint[FINGERPRINT_BYTES], uint64_t ordinal)
{
	struct sequence *s = user;

	ck_assert_uint_lt(ordinal, s->m->content_count);
	ck_assert_mem_eq(fingerprint, s->m->contents[ordinal].hash.byte,
			 FINGERPRINT_BYTES);
	if (s->count++ != 0)
		ck_assert_int_lt(memcmp(s->last, fingerprint, sizeof s->last), 0);
	memcpy(s->last, fingerprint, sizeof s->last);
	return 0;
}

static void
prefixes_find_all_that_begin_so(struct index_reader *x, const struct packed_made *m)
{
	for (unsigned byte = 0; byte < 256; byte += 17) {
		struct sequence s = { .m = m };
		uint8_t prefix[16] = { (uint8_t)byte };
		uint64_t expected = 0;

		for (uint64_t i = 0; i < m->content_count; i++)
			expected += (m->contents[i].hash.byte[0] & 0xfc) == (byte & 0xfc);
		ck_assert_int_eq(index_find_content(x, prefix, 6, in_sequence, &s, NULL),
				 0);
		ck_assert_uint_eq(s.count, expected);
	}
}

static void
blobs_and_referrers_are_found(struct index_reader *x, const struct packed_made *m)
{
	struct tape_hash none = { { 1, 2, 3 } };
	struct index_blob b;

	for (size_t i = 0; i < m->blob_count; i++) {
		struct found f = { 0 };
		uint64_t expected = 0, next = 0;

		ck_assert_int_eq(index_find_blob(x, &m->blobs[i], &b, NULL), 0);
		ck_assert_uint_eq(b.bucket, 0);
		ck_assert_uint_eq(b.pack, i >= m->blob_count / 2);
		ck_assert_uint_eq(b.entry.size, 1000);
		ck_assert_int_eq(
			index_find_referrers(x, m->blobs[i].byte, 128, keep, &f, NULL),
			0);
		for (uint64_t c = 0; c < m->content_count; c++)
			if (m->contents[c].has_blob &&
			    hash_equal(&m->contents[c].blob, &m->blobs[i])) {
				ck_assert_uint_lt(next, f.count);
				ck_assert_uint_eq(f.ordinals[next++], c);
				expected++;
			}
		ck_assert_uint_eq(f.count, expected);
	}
	ck_assert_int_eq(index_find_blob(x, &none, &b, NULL), TAPE_ERR_NOT_FOUND);
}

/* The values of a column in a block, by looking at all of them. */
static void
values_are(struct index_reader *x, struct packed_scopes *s, const struct block_all *all,
	   uint32_t column, struct index_values *v)
{
	int r = index_values_read(x, all->block.number, column, v, NULL, NULL);
	bool fixed = scopepack_width(s->scopes.columns[column].type) != 0;

	/* The numbers of contents are too many, "x" too scattered. */
	if (all->content_count > 400 && (column == 0 || column == 3))
		ck_assert_int_eq(r, TAPE_ERR_NOT_FOUND);
	if (r == TAPE_ERR_NOT_FOUND)
		return;
	ck_assert_int_eq(r, 0);
	for (uint32_t i = 0; i < all->content_count; i++) {
		const struct block_content *c = &all->contents[i];
		const struct form *form = &s->scopes.forms[c->form];
		const uint8_t *at = c->canonical + form->fixed_bytes, *value = NULL;
		size_t len = 0;
		unsigned rows = 0, same = 0;

		for (uint32_t k = 0; k < form->var_count; k++) {
			uint32_t n = form->canonical[k];
			struct body_entry e;

			if (k >= form->fixed_count)
				ck_assert_int_eq(
					body_canonical_entry(&form->vars[n], at,
							     c->canonical + c->len, &e),
					0);
			if (s->scopes.form_columns[c->form][n] == column) {
				value = fixed ? c->canonical + form->vars[n].offset : at;
				len = fixed ? scopepack_width(form->vars[n].type)
					    : (size_t)(e.next - at);
			}
			at = k >= form->fixed_count ? e.next : at;
		}
		for (uint32_t k = 0; k < v->count; k++) {
			const uint8_t *is = v->values.values;
			size_t is_len = v->values.width;

			if (fixed) {
				is += (size_t)k * is_len;
			} else {
				is += k == 0 ? 0 : v->values.ends[k - 1];
				is_len = v->values.ends[k] -
					 (k == 0 ? 0 : v->values.ends[k - 1]);
			}
			rows += bitmap_has(&v->rows[k], i);
			same += bitmap_has(&v->rows[k], i) && value != NULL &&
				is_len == len && memcmp(is, value, len) == 0;
		}
		ck_assert_uint_eq(rows, value != NULL);
		ck_assert_uint_eq(same, rows);
	}
}

static void
values_of_blocks_are_found(struct index_reader *x, const struct packed_made *m)
{
	struct block_all all = { 0 };
	struct index_values v = { 0 };
	struct packed_scopes s;

	packed_scopes_open(dir, m, &s);
	ck_assert_int_eq(index_use(x, &s.scopes, NULL), 0);
	for (uint32_t b = 0; b < m->blocks; b++) {
		ck_assert_int_eq(block_decode(&s.scopes, s.codec, b, &all, NULL), 0);
		for (uint32_t c = 0; c < s.scopes.column_count; c++)
			values_are(x, &s, &all, c, &v);
		/* Of this one it is known that it is there. */
		ck_assert_int_eq(index_values_read(x, b, 2, &v, NULL, NULL), 0);
		ck_assert_int_eq(index_values_read(x, b, 999, &v, NULL, NULL),
				 TAPE_ERR_NOT_FOUND);
	}
	ck_assert_int_eq(index_values_read(x, m->blocks, 2, &v, NULL, NULL),
			 TAPE_ERR_NOT_FOUND);
	ck_assert_int_eq(index_check(x, NULL), 0);
	index_values_release(&v);
	block_all_release(&all);
	packed_scopes_close(&s);
}

static void
labels_are_found(struct index_reader *x, const struct packed_made *m)
{
	static const char *const known[] = { "solve", "step", "io", "l0" };
	uint32_t *blocks = NULL;
	size_t count = 0;

	for (unsigned i = 0; i < 4; i++) {
		ck_assert_int_eq(index_label_blocks(x, known[i], &blocks, &count, NULL),
				 0);
		ck_assert_uint_eq(count, m->blocks);
		for (uint32_t b = 0; b < count; b++)
			ck_assert_uint_eq(blocks[b], b);
		free(blocks);
	}
	ck_assert_int_eq(index_label_blocks(x, "none", &blocks, &count, NULL),
			 TAPE_ERR_NOT_FOUND);
	ck_assert_int_eq(index_label_blocks(x, "", &blocks, &count, NULL),
			 TAPE_ERR_NOT_FOUND);
}

static void
everything_is_found(struct index_reader *x, const struct packed_made *m)
{
	struct sequence s = { .m = m };

	each_content_is_found(x, m);
	ck_assert_int_eq(index_each_content(x, NULL, in_sequence, &s, NULL), 0);
	ck_assert_uint_eq(s.count, m->content_count);
	prefixes_find_all_that_begin_so(x, m);
	blobs_and_referrers_are_found(x, m);
	values_of_blocks_are_found(x, m);
	labels_are_found(x, m);
}

START_TEST(what_is_in_the_packs_is_found)
{
	struct packed_made m;
	struct index_output o;

	packed_make(dir, seed, 4, 3000, 5, &m);
	ck_assert_int_eq(build(&m, INDEX_PACK, INDEX_DIRECTORY_FILE, 1, MEMORY, &o), 0);
	for (unsigned trusted = 0; trusted < 2; trusted++) {
		struct index_reader *x = open_index(&m, &o, trusted != 0);

		ck_assert_ptr_null(index_directory_trouble(x));
		everything_is_found(x, &m);
		index_close(x);
	}
	packed_made_release(&m);
}
END_TEST

START_TEST(a_full_block_is_indexed)
{
	struct packed_made m;
	struct index_output o;
	struct index_reader *x;

	packed_make(dir, seed, 1, BLOCK_ROWS, 1, &m);
	ck_assert_int_eq(build(&m, INDEX_PACK, INDEX_DIRECTORY_FILE, 1, MEMORY, &o), 0);
	x = open_index(&m, &o, true);
	values_of_blocks_are_found(x, &m);
	index_close(x);
	packed_made_release(&m);
}
END_TEST

START_TEST(nothing_at_all_is_indexed)
{
	struct packed_made m;
	struct index_output o;
	struct index_reader *x;
	struct index_counts c;
	struct found f = { 0 };

	packed_make(dir, seed, 0, 100, 1, &m);
	ck_assert_int_eq(build(&m, INDEX_PACK, INDEX_DIRECTORY_FILE, 2, MEMORY, &o), 0);
	x = open_index(&m, &o, true);
	index_counts(x, &c);
	ck_assert_uint_eq(c.contents, 0);
	ck_assert_uint_eq(c.blobs, m.blob_count);
	ck_assert_int_eq(index_find_content(x, m.blobs[0].byte, 0, keep, &f, NULL), 0);
	ck_assert_uint_eq(f.count, 0);
	ck_assert_int_eq(index_check(x, NULL), 0);
	index_close(x);
	packed_made_release(&m);
}
END_TEST

/* ---- determinism ---- */

START_TEST(the_bytes_do_not_depend_on_threads_or_memory)
{
	struct packed_made m;
	struct index_output o[4];
	static const unsigned jobs[] = { 1, 3, 1, 2 };
	static const uint64_t memory[] = { MEMORY, MEMORY, 1, 1 };

	packed_make(dir, seed, 9, 2500, 7, &m);
	for (unsigned i = 0; i < 4; i++) {
		char pack[32], directory[32];
		void *dirt = malloc(100000 + 5000 * i);

		/* Memory that LMDB gets back holds something else each time. */
		ck_assert_ptr_nonnull(dirt);
		memset(dirt, (int)(i + 1), 100000 + 5000 * i);
		free(dirt);
		(void)snprintf(pack, sizeof pack, "pack%u", i);
		(void)snprintf(directory, sizeof directory, "directory%u", i);
		ck_assert_int_eq(build(&m, pack, directory, jobs[i], memory[i], &o[i]),
				 0);
		ck_assert_uint_eq(o[i].pack_size, o[0].pack_size);
		ck_assert(hash_equal(&o[i].pack_hash, &o[0].pack_hash));
		ck_assert_uint_eq(o[i].directory_size, o[0].directory_size);
		ck_assert(hash_equal(&o[i].directory_hash, &o[0].directory_hash));
	}
	packed_made_release(&m);
}
END_TEST

START_TEST(hashes_of_the_files_are_those_that_are_told)
{
	struct packed_made m;
	struct index_output o;
	struct tape_hash is;
	uint8_t *data;
	size_t len;

	packed_make(dir, seed, 2, 500, 1, &m);
	ck_assert_int_eq(build(&m, INDEX_PACK, INDEX_DIRECTORY_FILE, 1, MEMORY, &o), 0);
	data = slurp(INDEX_PACK, &len);
	is = hash_bytes(data, len);
	ck_assert_uint_eq(len, o.pack_size);
	ck_assert(hash_equal(&is, &o.pack_hash));
	free(data);
	data = slurp(INDEX_DIRECTORY_FILE, &len);
	is = hash_bytes(data, len);
	ck_assert_uint_eq(len, o.directory_size);
	ck_assert(hash_equal(&is, &o.directory_hash));
	free(data);
	packed_made_release(&m);
}
END_TEST

START_TEST(labels_beyond_the_commonest_may_be_anywhere)
{
	struct packed_made m;
	struct index_output o;
	struct index_reader *x;
	uint32_t *blocks = NULL;
	size_t count = 0, missing = 0;

	packed_make(dir, seed, 1, 40000, INDEX_LABELS_MAX + 50, &m);
	ck_assert_int_eq(build(&m, INDEX_PACK, INDEX_DIRECTORY_FILE, 1, MEMORY, &o), 0);
	x = open_index(&m, &o, true);
	for (unsigned i = 0; i < INDEX_LABELS_MAX + 50; i++) {
		char name[32];
		int r;

		(void)snprintf(name, sizeof name, "l%u", i);
		r = index_label_blocks(x, name, &blocks, &count, NULL);
		ck_assert(r == 0 || r == TAPE_ERR_LIMIT);
		missing += r != 0;
		if (r == 0)
			free(blocks);
	}
	/* "solve", "step" and "io" take places too. */
	ck_assert_uint_eq(missing, 53);
	ck_assert_int_eq(index_check(x, NULL), 0);
	index_close(x);
	packed_made_release(&m);
}
END_TEST

/* ---- damage ---- */

/* Every question has the right answer, or damage is told. */
static void
answers_or_damage(const struct packed_made *m, const struct index_output *o, bool trusted)
{
	struct index_reader *x = NULL;
	struct index_values v = { 0 };
	uint32_t *blocks;
	size_t count;
	int r = index_open(dir, "gen", &m->id, &o->directory_hash, o->directory_size,
			   trusted, &x, NULL);

	if (r != 0) {
		ck_assert(r == TAPE_ERR_DAMAGED || r == TAPE_ERR_TOO_NEW);
		return;
	}
	for (uint64_t i = 0; i < m->content_count; i += 37) {
		struct found f = { 0 };

		r = index_find_content(x, m->contents[i].hash.byte, 128, keep, &f, NULL);
		ck_assert(r == TAPE_ERR_DAMAGED || r == TAPE_ERR_TOO_NEW ||
			  (r == 0 && f.count == 1 && f.ordinals[0] == i));
	}
	for (size_t i = 0; i < m->blob_count; i += 7) {
		struct index_blob b;

		r = index_find_blob(x, &m->blobs[i], &b, NULL);
		ck_assert(r == 0 || r == TAPE_ERR_DAMAGED || r == TAPE_ERR_TOO_NEW);
	}
	for (uint32_t b = 0; b < m->blocks; b++) {
		r = index_values_read(x, b, 2, &v, NULL, NULL);
		ck_assert(r == TAPE_ERR_DAMAGED || r == TAPE_ERR_TOO_NEW ||
			  (r == 0 && v.count >= 1 && v.count <= 2));
	}
	r = index_label_blocks(x, "solve", &blocks, &count, NULL);
	ck_assert(r == TAPE_ERR_DAMAGED || r == TAPE_ERR_TOO_NEW ||
		  (r == 0 && count == m->blocks));
	if (r == 0)
		free(blocks);
	index_values_release(&v);
	index_close(x);
}

START_TEST(every_flipped_bit_of_the_pack_is_noticed_or_harmless)
{
	struct packed_made m;
	struct index_output o;
	uint8_t *data;
	size_t len;
	const int step = suite_step(15);

	packed_make(dir, seed, 2, 60, 1, &m);
	ck_assert_int_eq(build(&m, INDEX_PACK, INDEX_DIRECTORY_FILE, 1, MEMORY, &o), 0);
	data = slurp(INDEX_PACK, &len);
	for (size_t bit = (size_t)suite_start(step); bit < len * 8; bit += (size_t)step) {
		data[bit / 8] = (uint8_t)(data[bit / 8] ^ 1u << bit % 8);
		replace(INDEX_PACK, data, len);
		answers_or_damage(&m, &o, bit % 2 == 0);
		data[bit / 8] = (uint8_t)(data[bit / 8] ^ 1u << bit % 8);
	}
	free(data);
	packed_made_release(&m);
}
END_TEST

START_TEST(a_pack_that_was_cut_is_damaged)
{
	struct packed_made m;
	struct index_output o;
	uint8_t *data;
	size_t len;

	packed_make(dir, seed, 1, 40, 1, &m);
	ck_assert_int_eq(build(&m, INDEX_PACK, INDEX_DIRECTORY_FILE, 1, MEMORY, &o), 0);
	data = slurp(INDEX_PACK, &len);
	for (size_t cut = 0; cut < len; cut++) {
		struct index_reader *x = NULL;

		replace(INDEX_PACK, data, cut);
		ck_assert_int_eq(index_open(dir, "gen", &m.id, &o.directory_hash,
					    o.directory_size, true, &x, NULL),
				 TAPE_ERR_DAMAGED);
	}
	free(data);
	packed_made_release(&m);
}
END_TEST

/* LMDB would believe it: it must not see it. */
START_TEST(a_flipped_bit_of_the_directory_is_refused_and_replaced)
{
	struct packed_made m;
	struct index_output o;
	uint8_t *data;
	size_t len;

	packed_make(dir, seed, 2, 60, 1, &m);
	ck_assert_int_eq(build(&m, INDEX_PACK, INDEX_DIRECTORY_FILE, 1, MEMORY, &o), 0);
	data = slurp(INDEX_DIRECTORY_FILE, &len);
	const size_t step = 29 * (size_t)suite_step(5);

	for (size_t bit = seed % step; bit < len * 8; bit += step) {
		struct index_reader *x;

		data[bit / 8] = (uint8_t)(data[bit / 8] ^ 1u << bit % 8);
		replace(INDEX_DIRECTORY_FILE, data, len);
		x = open_index(&m, &o, true);
		ck_assert_ptr_nonnull(index_directory_trouble(x));
		index_close(x);
		answers_or_damage(&m, &o, true);
		data[bit / 8] = (uint8_t)(data[bit / 8] ^ 1u << bit % 8);
	}
	replace(INDEX_DIRECTORY_FILE, data, len - 1);
	answers_or_damage(&m, &o, true);
	ck_assert_int_eq(os_unlink(dir, INDEX_DIRECTORY_FILE), 0);
	struct index_reader *x = open_index(&m, &o, true);

	ck_assert_ptr_nonnull(index_directory_trouble(x));
	everything_is_found(x, &m);
	index_close(x);
	free(data);
	packed_made_release(&m);
}
END_TEST

START_TEST(an_index_of_another_generation_is_refused)
{
	struct packed_made m;
	struct index_output o;
	struct index_reader *x = NULL;
	struct pack_id other;

	packed_make(dir, seed, 1, 40, 1, &m);
	ck_assert_int_eq(
		index_open(dir, "gen", &m.id, &o.directory_hash, 0, true, &x, NULL),
		TAPE_ERR_NOT_FOUND);
	ck_assert_int_eq(build(&m, INDEX_PACK, INDEX_DIRECTORY_FILE, 1, MEMORY, &o), 0);
	other = m.id;
	other.uid[3] ^= 1;
	ck_assert_int_eq(index_open(dir, "gen", &other, &o.directory_hash,
				    o.directory_size, true, &x, NULL),
			 TAPE_ERR_DAMAGED);
	packed_made_release(&m);
}
END_TEST

/* ---- failing calls ---- */

struct fault {
	long n, seen;
	bool fired;
};

static int
strike(void *user, enum os_call call, const char *path, size_t *limit)
{
	struct fault *f = user;

	(void)path;
	(void)limit;
	if (++f->seen != f->n)
		return 0;
	f->fired = true;
	return call == OS_OPEN ? EMFILE : EIO;
}

START_TEST(any_failing_call_while_building_is_told)
{
	struct packed_made m;
	struct index_output o;

	packed_make(dir, seed, 2, 2000, 2, &m);
	for (long n = 1;; n++) {
		struct packed_scopes s;
		struct fault f = { .n = n };
		struct index_input in = { .blob_packs = m.packs, .blob_pack_count = 2 };
		struct tape_error err = { 0 };
		int r;

		packed_scopes_open(dir, &m, &s);
		in.scopes = &s.scopes;
		os_fault_set(strike, &f);
		/* So little memory that it sorts on disk. */
		r = index_build(dir, "p", "d", &m.id, &in, 1, 1, &o, &err);
		os_fault_set(NULL, NULL);
		packed_scopes_close(&s);
		(void)os_unlink(dir, "p");
		(void)os_unlink(dir, "d");
		if (!f.fired) {
			ck_assert_int_eq(r, 0);
			ck_assert_int_gt(n, 20);
			break;
		}
		ck_assert_msg(r != 0 && err.message[0] != '\0', "call %ld", n);
	}
	/* Nothing is left over. */
	struct os_stat st;

	ck_assert_int_eq(os_stat(dir, "index-sort.tmp", &st), -ENOENT);
	packed_made_release(&m);
}
END_TEST

/* ---- sections of pairs ---- */

START_TEST(pairs_come_back_whatever_their_distances)
{
	struct index_pair in[INDEX_PAIRS], out[INDEX_PAIRS];
	struct pack_bytes raw = { 0 };
	uint64_t state = seed * UINT64_C(2654435761) + 1;

	for (unsigned round = 0; round < 200; round++) {
		uint32_t n = 1 + (uint32_t)(state >> 20) % INDEX_PAIRS, got = 0, kept = 1;
		unsigned shift = round % 64;

		for (uint32_t i = 0; i < n; i++) {
			uint8_t hash[10];

			for (unsigned b = 0; b < 10; b++) {
				state = state * UINT64_C(6364136223846793005) + 1;
				hash[b] = b * 8 < shift ? 0 : (uint8_t)(state >> 56);
			}
			in[i] = index_pair_make(hash, (state >> 17) % 1000000);
		}
		for (uint32_t i = 1; i < n; i++) { /* insertion sort */
			struct index_pair p = in[i];
			uint32_t k = i;

			for (; k > 0 && index_pair_less(&p, &in[k - 1]); k--)
				in[k] = in[k - 1];
			in[k] = p;
		}
		for (uint32_t i = 1; i < n; i++)
			if (index_pair_less(&in[kept - 1], &in[i]))
				in[kept++] = in[i];
		raw.len = 0;
		ck_assert_int_eq(index_pairs_encode(in, kept, &raw), 0);
		ck_assert_int_eq(
			index_pairs_decode(raw.data, raw.len, 1000000, out, &got), 0);
		ck_assert_uint_eq(got, kept);
		ck_assert_mem_eq(in, out, kept * sizeof *in);
		ck_assert_int_ne(
			index_pairs_decode(raw.data, raw.len - 1, 1000000, out, &got), 0);
	}
	pack_bytes_release(&raw);
}
END_TEST

START_TEST(records_are_sorted_with_any_memory)
{
	uint64_t state = seed * UINT64_C(2654435761) + 1;

	for (unsigned round = 0; round < 12; round++) {
		struct index_sort s;
		uint64_t last[3] = { 0 };
		const uint64_t *record;
		size_t total = round * 3001, got = 0;
		uint64_t sum = 0;
		int r;

		index_sort_init(&s, 3, round % 2 == 0 ? 1 : MEMORY, dir);
		for (size_t i = 0; i < total; i++) {
			uint64_t one[3];

			for (unsigned w = 0; w < 3; w++) {
				state = state * UINT64_C(6364136223846793005) + 1;
				/* Some rounds have few different ones. */
				one[w] = round % 3 == 0 ? state >> 60 : state;
			}
			sum += one[0] ^ one[2];
			ck_assert_int_eq(index_sort_add(&s, one, 1, NULL), 0);
		}
		ck_assert_int_eq(index_sort_finish(&s, NULL), 0);
		while ((r = index_sort_next(&s, &record, NULL)) == 1) {
			for (unsigned w = 0; w < 3 && got != 0; w++) {
				ck_assert_uint_ge(record[w], last[w]);
				if (record[w] != last[w])
					break;
			}
			memcpy(last, record, sizeof last);
			sum -= record[0] ^ record[2];
			got++;
		}
		ck_assert_int_eq(r, 0);
		ck_assert_uint_eq(got, total);
		ck_assert_uint_eq(sum, 0);
		index_sort_release(&s);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("index");
	TCase *tc = tcase_create("index");

	seed = suite_seed();
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_is_in_the_packs_is_found);
	tcase_add_test(tc, a_full_block_is_indexed);
	tcase_add_test(tc, nothing_at_all_is_indexed);
	tcase_add_test(tc, the_bytes_do_not_depend_on_threads_or_memory);
	tcase_add_test(tc, hashes_of_the_files_are_those_that_are_told);
	tcase_add_test(tc, labels_beyond_the_commonest_may_be_anywhere);
	tcase_add_test(tc, every_flipped_bit_of_the_pack_is_noticed_or_harmless);
	tcase_add_test(tc, a_pack_that_was_cut_is_damaged);
	tcase_add_test(tc, a_flipped_bit_of_the_directory_is_refused_and_replaced);
	tcase_add_test(tc, an_index_of_another_generation_is_refused);
	tcase_add_test(tc, any_failing_call_while_building_is_told);
	tcase_add_test(tc, pairs_come_back_whatever_their_distances);
	tcase_add_test(tc, records_are_sorted_with_any_memory);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
