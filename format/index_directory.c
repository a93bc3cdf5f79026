/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of an index: index.mdb, or the same entries in memory.
 *
 * LMDB believes whatever its file says. So it is only ever given a private copy
 * whose bytes are known to be those that were written, and none at all where
 * somebody else could have written them.
 */
#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/index_io.h"
#include "format/os.h"

#define COPY_BYTES (1u << 20)
#define MAP_STEP (UINT64_C(1) << 20)
#define ENTRY_VALUE_MAX 20u

/* ---- entries ---- */

void
index_entries_release(struct index_entries *e)
{
	free(e->items);
	pack_bytes_release(&e->keys);
	memset(e, 0, sizeof *e);
}

int
index_entries_add(struct index_entries *e, const uint8_t *key, size_t len,
		  uint64_t offset, uint32_t bytes)
{
	if (e->count == e->cap) {
		size_t cap = e->cap == 0 ? 64 : e->cap * 2;
		struct index_entry_place *more = realloc(e->items, cap * sizeof *more);

		if (more == NULL)
			return TAPE_ERR_NOMEM;
		e->items = more;
		e->cap = cap;
	}
	e->items[e->count].key = e->keys.len;
	e->items[e->count].key_len = (uint32_t)len;
	e->items[e->count].offset = offset;
	e->items[e->count].bytes = bytes;
	if (pack_bytes_add(&e->keys, key, len) != 0)
		return TAPE_ERR_NOMEM;
	e->count++;
	return 0;
}

static int
compare_keys(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	int r = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return r != 0 ? r : (a_len > b_len) - (a_len < b_len);
}

static int
by_key(const void *a, const void *b, void *keys)
{
	const struct index_entry_place *x = a, *y = b;
	const uint8_t *bytes = keys;

	return compare_keys(bytes + x->key, x->key_len, bytes + y->key, y->key_len);
}

bool
index_entries_sort(struct index_entries *e)
{
	if (e->count != 0)
		qsort_r(e->items, e->count, sizeof *e->items, by_key, e->keys.data);
	for (size_t i = 1; i < e->count; i++)
		if (by_key(&e->items[i - 1], &e->items[i], e->keys.data) >= 0)
			return false;
	return true;
}

struct index_entry
index_entries_at(const struct index_entries *e, size_t index)
{
	const struct index_entry_place *p = &e->items[index];

	return (struct index_entry){ e->keys.data + p->key, p->key_len, p->offset,
				     p->bytes };
}

/* ---- LMDB, in memory ---- */

struct index_directory {
	struct index_entries entries; /* without LMDB */
	int fd;
	MDB_env *env;
	MDB_txn *txn;
	MDB_cursor *cursor;
	uint64_t count;
};

static int
refused(int code, const char *file, const char *what, struct tape_error *err)
{
	if (code == ENOMEM)
		return error_set(err, TAPE_ERR_NOMEM, file, 0, "no memory to %s", what);
	return error_set(err, TAPE_ERR_DAMAGED, file, 0, "LMDB cannot %s: %s", what,
			 mdb_strerror(code));
}

static uint64_t
map_size(const struct index_entries *e)
{
	uint64_t bytes = e->keys.len + (uint64_t)e->count * ENTRY_VALUE_MAX;

	return (bytes * 4 + 2 * MAP_STEP - 1) / MAP_STEP * MAP_STEP;
}

static int
open_env(int fd, uint64_t map, unsigned flags, MDB_env **out)
{
	char path[40];
	int r = mdb_env_create(out);

	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (r == 0 && map != 0)
		r = mdb_env_set_mapsize(*out, map);
	if (r == 0)
		r = mdb_env_open(*out, path, MDB_NOSUBDIR | MDB_NOLOCK | flags, 0600);
	return r;
}

static int
put_entry(MDB_txn *txn, MDB_dbi dbi, const struct index_entry *e)
{
	uint8_t value[ENTRY_VALUE_MAX];
	struct pack_bytes bytes = { value, 0, sizeof value };
	struct varint_out out = { &bytes, false };
	MDB_val k = { e->key_len, (void *)(uintptr_t)e->key }, v;

	varint_put(&out, e->offset);
	varint_put(&out, e->bytes);
	v.mv_data = value;
	v.mv_size = bytes.len;
	return mdb_put(txn, dbi, &k, &v, MDB_APPEND);
}

static int
fill(MDB_env *env, const struct index_entries *e)
{
	MDB_txn *txn = NULL;
	MDB_dbi dbi;
	int r = mdb_txn_begin(env, NULL, 0, &txn);

	if (r != 0)
		return r;
	r = mdb_dbi_open(txn, NULL, 0, &dbi);
	for (size_t i = 0; i < e->count && r == 0; i++) {
		struct index_entry entry = index_entries_at(e, i);

		r = put_entry(txn, dbi, &entry);
	}
	if (r == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return r;
}

/* All of one file to the end of another; *size and *hash of what was copied. */
static int
copy(int from, int to, uint64_t *size, struct tape_hash *hash)
{
	struct hash_stream *stream = hash_stream_new();
	uint8_t *buf = malloc(COPY_BYTES);
	uint64_t at = 0;
	int64_t got = 1;
	int r = stream == NULL || buf == NULL ? -ENOMEM : 0;

	if (r == 0)
		hash_stream_reset(stream);
	while (r == 0 && got > 0) {
		got = os_pread(from, buf, COPY_BYTES, at);
		r = got < 0 ? (int)got : 0;
		if (got > 0) {
			hash_stream_add(stream, buf, (size_t)got);
			r = os_write_all(to, buf, (size_t)got, NULL);
			at += (uint64_t)got;
		}
	}
	if (r == 0) {
		*size = at;
		*hash = hash_stream_end(stream);
	}
	hash_stream_free(stream);
	free(buf);
	return r;
}

static int
write_out(int memory, int dir, const char *name, uint64_t *size, struct tape_hash *hash,
	  struct tape_error *err)
{
	int fd = -1, r = os_create(dir, name, &fd);

	if (r == 0)
		r = copy(memory, fd, size, hash);
	if (r == 0)
		r = os_fsync(fd);
	os_close(&fd);
	return r == 0 ? 0 : error_io(err, r, name, "cannot write the directory");
}

int
index_directory_write(int dir, const char *name, const struct index_entries *e,
		      uint64_t *size, struct tape_hash *hash, struct tape_error *err)
{
	MDB_env *env = NULL;
	int fd = -1, r = os_memory_file(name, &fd);

	if (r != 0)
		return error_io(err, r, name, "cannot make a file in memory");
	r = open_env(fd, map_size(e), MDB_NOSYNC, &env);
	if (r == 0)
		r = fill(env, e);
	if (env != NULL)
		mdb_env_close(env);
	if (r != 0)
		r = refused(r, name, "make the directory", err);
	else
		r = write_out(fd, dir, name, size, hash, err);
	os_close(&fd);
	return r;
}

/* ---- opening ---- */

/* A private copy of the file, if it is what was written. */
static int
take_copy(int dir, const char *file, const struct tape_hash *hash, uint64_t size, int *fd,
	  struct tape_error *err)
{
	struct tape_hash is;
	struct os_stat st;
	uint64_t got = 0;
	int from = -1, r = os_open_read(dir, INDEX_DIRECTORY_FILE, &from);

	if (r == 0)
		r = os_fstat(from, &st);
	if (r == 0 && st.size != size) {
		os_close(&from);
		return error_set(err, TAPE_ERR_DAMAGED, file, 0,
				 "it has another size than MANIFEST says");
	}
	if (r == 0)
		r = os_memory_file(INDEX_DIRECTORY_FILE, fd);
	if (r == 0)
		r = copy(from, *fd, &got, &is);
	os_close(&from);
	if (r != 0)
		return error_io(err, r, file, "cannot read it");
	if (got != size || !hash_equal(&is, hash))
		return error_set(err, TAPE_ERR_DAMAGED, file, 0,
				 "it has another hash than MANIFEST says");
	return 0;
}

static int
begin(struct index_directory *d)
{
	MDB_stat stat;
	MDB_dbi dbi;
	int r = open_env(d->fd, 0, MDB_RDONLY | MDB_NOTLS, &d->env);

	if (r == 0)
		r = mdb_txn_begin(d->env, NULL, MDB_RDONLY, &d->txn);
	if (r == 0)
		r = mdb_dbi_open(d->txn, NULL, 0, &dbi);
	if (r == 0)
		r = mdb_stat(d->txn, dbi, &stat);
	if (r == 0) {
		d->count = stat.ms_entries;
		r = mdb_cursor_open(d->txn, dbi, &d->cursor);
	}
	return r;
}

int
index_directory_open(int dir, const char *file, const struct tape_hash *hash,
		     uint64_t size, struct index_directory **out, struct tape_error *err)
{
	struct index_directory *d = calloc(1, sizeof *d);
	int r;

	if (d == NULL)
		return error_set(err, TAPE_ERR_NOMEM, file, 0,
				 "no memory for the directory");
	d->fd = -1;
	r = take_copy(dir, file, hash, size, &d->fd, err);
	if (r == 0) {
		r = begin(d);
		if (r != 0)
			r = refused(r, file, "open the directory", err);
	}
	if (r != 0) {
		index_directory_close(d);
		return r;
	}
	*out = d;
	return 0;
}

int
index_directory_from(struct index_entries *e, struct index_directory **out)
{
	struct index_directory *d = calloc(1, sizeof *d);

	if (d == NULL)
		return TAPE_ERR_NOMEM;
	d->fd = -1;
	d->entries = *e;
	d->count = e->count;
	memset(e, 0, sizeof *e);
	*out = d;
	return 0;
}

void
index_directory_close(struct index_directory *d)
{
	if (d == NULL)
		return;
	if (d->cursor != NULL)
		mdb_cursor_close(d->cursor);
	if (d->txn != NULL)
		mdb_txn_abort(d->txn);
	if (d->env != NULL)
		mdb_env_close(d->env);
	os_close(&d->fd);
	index_entries_release(&d->entries);
	free(d);
}

uint64_t
index_directory_count(const struct index_directory *d)
{
	return d->count;
}

/* ---- looking ---- */

/* How many entries have a key not above this one. */
static size_t
rank(const struct index_entries *e, const uint8_t *key, size_t len)
{
	size_t lo = 0, hi = e->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		struct index_entry at = index_entries_at(e, mid);

		if (compare_keys(at.key, at.key_len, key, len) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int
take(const MDB_val *k, const MDB_val *v, struct index_entry *out)
{
	const uint8_t *at = v->mv_data;
	struct varint_in in = { at, at + v->mv_size, false };

	out->key = k->mv_data;
	out->key_len = k->mv_size;
	out->offset = varint_get(&in);
	out->bytes = varint_get32(&in, UINT32_MAX);
	return in.failed || varint_left(&in) != 0 ? TAPE_ERR_DAMAGED : 1;
}

/* 1, 0 = there is none, TAPE_ERR_DAMAGED. */
static int
move(struct index_directory *d, MDB_val *k, MDB_cursor_op op, struct index_entry *out)
{
	MDB_val v;
	int r = mdb_cursor_get(d->cursor, k, &v, op);

	if (r == MDB_NOTFOUND)
		return 0;
	return r != 0 ? TAPE_ERR_DAMAGED : take(k, &v, out);
}

static int
same_kind(int found, const uint8_t *key, const struct index_entry *e)
{
	return found != 1 || (e->key_len != 0 && e->key[0] == key[0]) ? found : 0;
}

int
index_directory_at_or_before(struct index_directory *d, const uint8_t *key, size_t len,
			     struct index_entry *out)
{
	MDB_val k = { len, (void *)(uintptr_t)key };
	size_t n;
	int r;

	if (d->cursor == NULL) {
		n = rank(&d->entries, key, len);
		if (n == 0)
			return 0;
		*out = index_entries_at(&d->entries, n - 1);
		return same_kind(1, key, out);
	}
	r = move(d, &k, MDB_SET_RANGE, out);
	if (r == 0)
		r = move(d, &k, MDB_LAST, out);
	else if (r == 1 && compare_keys(out->key, out->key_len, key, len) != 0)
		r = move(d, &k, MDB_PREV, out);
	return same_kind(r, key, out);
}

int
index_directory_after(struct index_directory *d, const uint8_t *key, size_t len,
		      struct index_entry *out)
{
	MDB_val k = { len, (void *)(uintptr_t)key };
	size_t n;
	int r;

	if (d->cursor == NULL) {
		n = rank(&d->entries, key, len);
		if (n == d->entries.count)
			return 0;
		*out = index_entries_at(&d->entries, n);
		return same_kind(1, key, out);
	}
	r = move(d, &k, MDB_SET_RANGE, out);
	if (r == 1 && compare_keys(out->key, out->key_len, key, len) == 0)
		r = move(d, &k, MDB_NEXT, out);
	return same_kind(r, key, out);
}
