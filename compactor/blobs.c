/* SPDX-License-Identifier: Apache-2.0 */
#include "compactor/blobs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compactor/meetings.h"
#include "format/error.h"
#include "format/hash.h"
#include "format/le.h"
#include "format/path.h"

#define BUCKETS 27u
#define PACK_BYTES (UINT64_C(1) << 30) /* of blobs; from here on the next pack is begun */
#define READ_BYTES (1u << 20)

struct bucket {
	struct blobpack_writer *writer;
	char name[48];
	uint32_t next; /* number of the next pack */
};

struct known {
	struct tape_hash hash;
	uint64_t size;
	/* The copy that was met last. */
	uint64_t offset;
	uint32_t segment;
	uint32_t part;
};
#define PART_PACKED UINT32_MAX	  /* the one in a generation */
#define SEGMENT_SCOPE 0xfffffffeu /* bytes that lay in a scope */
/* Not packed: its loose file is another one, of so many bytes as `offset` says. */
#define SEGMENT_LOST 0xfffffffdu

struct blobs {
	struct compaction *c;
	struct blobpack_pool *pool;
	struct bucket buckets[BUCKETS];
	/* What is packed, was found in a generation, or is lost: open addressing, zero size = free. */
	struct known *known;
	uint64_t mask, count;
	struct meetings meetings;
	uint64_t bytes, written;
	uint64_t got; /* bytes of the file that was another blob, the last of them */
	uint8_t *buf;
};

int
blobs_new(struct compaction *c, struct blobs **out)
{
	struct blobs *b = calloc(1, sizeof *b);

	if (b == NULL)
		return compaction_no_memory(c);
	b->c = c;
	b->mask = 1023;
	b->known = calloc(b->mask + 1, sizeof *b->known);
	b->buf = malloc(READ_BYTES);
	b->pool = blobpack_pool_new(c->options.level, c->options.jobs);
	if (b->known == NULL || b->buf == NULL || b->pool == NULL) {
		blobs_free(b);
		return compaction_no_memory(c);
	}
	*out = b;
	return 0;
}

void
blobs_free(struct blobs *b)
{
	if (b == NULL)
		return;
	for (unsigned i = 0; i < BUCKETS; i++)
		blobpack_writer_drop(b->buckets[i].writer);
	blobpack_pool_free(b->pool);
	meetings_release(&b->meetings);
	free(b->known);
	free(b->buf);
	free(b);
}

/* ---- what is packed ---- */

static struct known *
place(struct known *table, uint64_t mask, const struct tape_hash *hash)
{
	uint64_t at = get_le64(hash->byte) & mask;

	while (table[at].size != 0 && !hash_equal(&table[at].hash, hash))
		at = (at + 1) & mask;
	return &table[at];
}

/* Blobs have more than 64 bytes, so a size of 0 is nobody's. */
static int
remember(struct blobs *b, const struct known *one)
{
	uint64_t cap = (b->mask + 1) * 2;
	struct known *more, *at;

	if (b->count * 4 >= (b->mask + 1) * 3) {
		more = calloc(cap, sizeof *more);
		if (more == NULL)
			return compaction_no_memory(b->c);
		for (uint64_t i = 0; i <= b->mask; i++)
			if (b->known[i].size != 0)
				*place(more, cap - 1, &b->known[i].hash) = b->known[i];
		free(b->known);
		b->known = more;
		b->mask = cap - 1;
	}
	at = place(b->known, b->mask, &one->hash);
	b->count += at->size == 0;
	*at = *one;
	return 0;
}

static int
look_at_piece(void *user, const uint8_t *data, size_t len, uint64_t offset)
{
	(void)user;
	(void)data;
	(void)len;
	(void)offset;
	return 0;
}

/*
 * Generations that stay or come along have their blobs already. One that cannot
 * be read there is packed again: what was just met may be its only good copy.
 */
static bool
in_generations(const struct blobs *b, const struct tape_hash *hash, uint64_t size)
{
	struct generations *g = b->c->snapshot->generations;

	return g->count != 0 &&
	       generations_blob_each(g, hash, size, look_at_piece, NULL, NULL) == 0;
}

static int
meet(struct blobs *b, struct known *k, uint32_t part, const struct body_hint *hint)
{
	struct meeting one = { k->hash, k->size, part, *hint, false };

	/* A loose file is the same for all sessions. */
	if (hint->segment == k->segment &&
	    (hint->segment == BODY_NO_SEGMENT ||
	     (part == k->part && hint->offset == k->offset)))
		return 1;
	k->segment = hint->segment;
	k->offset = hint->offset;
	k->part = part;
	return meetings_note(&b->meetings, &one) == 0 ? 1 : compaction_no_memory(b->c);
}

int
blobs_known(struct blobs *b, const struct tape_hash *hash, uint64_t size, uint32_t part,
	    const struct body_hint *hint)
{
	struct known *k = place(b->known, b->mask, hash);
	struct known packed = { *hash, size, 0, SEGMENT_SCOPE, PART_PACKED };
	int r = 0;

	if (k->segment == SEGMENT_LOST)
		return 0;
	if (k->size == 0) {
		if (!in_generations(b, hash, size))
			return 0;
		r = remember(b, &packed);
		k = place(b->known, b->mask, hash);
	}
	return r == 0 ? hint == NULL ? 1 : meet(b, k, part, hint) : r;
}

void
blobs_came_from(struct blobs *b, const struct tape_hash *hash, uint32_t part,
		const struct body_hint *hint)
{
	struct known *k = place(b->known, b->mask, hash);

	if (k->size == 0)
		return;
	k->segment = hint->segment;
	k->offset = hint->offset;
	k->part = part;
}

static int
by_hash(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct tape_hash));
}

/* Loose files that were packed or compared in this run may go without another look. */
static int
list_compared(struct blobs *b)
{
	struct compaction *c = b->c;

	c->compared = malloc((b->count + 1) * sizeof *c->compared);
	if (c->compared == NULL)
		return compaction_no_memory(c);
	for (uint64_t i = 0; i <= b->mask; i++)
		if (b->known[i].size != 0 && b->known[i].segment == BODY_NO_SEGMENT)
			c->compared[c->compared_count++] = b->known[i].hash;
	if (c->compared_count != 0)
		qsort(c->compared, c->compared_count, sizeof *c->compared, by_hash);
	return 0;
}

int
blobs_compare(struct blobs *b)
{
	int r = meetings_compare(b->c, &b->meetings);

	/* What is damaged is not the same, and stays. */
	for (size_t i = 0; i < b->meetings.count; i++)
		if (b->meetings.items[i].damaged)
			place(b->known, b->mask, &b->meetings.items[i].hash)->segment =
				SEGMENT_SCOPE;
	return r == 0 ? list_compared(b) : r;
}

/* ---- packs ---- */

static int
finish_pack(struct blobs *b, struct bucket *k)
{
	struct tape_hash hash;
	uint64_t size;
	int r = blobpack_writer_finish(k->writer, &size, &hash, b->c->err);

	k->writer = NULL;
	if (r != 0)
		return r;
	b->written += size;
	return publish_add_file(b->c, k->name, size, &hash);
}

/* The open pack of a bucket. */
static int
open_pack(struct blobs *b, uint64_t size, struct blobpack_writer **out)
{
	unsigned n = blobpack_bucket(size);
	struct bucket *k = &b->buckets[n];
	struct compaction *c = b->c;
	int r = 0;

	if (k->writer != NULL && blobpack_writer_bytes(k->writer) >= PACK_BYTES)
		r = finish_pack(b, k);
	if (r == 0 && k->writer == NULL) {
		(void)snprintf(k->name, sizeof k->name, "blobs-%u-%u.pack", n, k->next++);
		r = blobpack_writer_open(c->work_fd, k->name, c->reader->dir.id, c->uid,
					 b->pool, &k->writer, c->err);
	}
	*out = k->writer;
	return r;
}

int
blobs_add(struct blobs *b, const struct tape_hash *hash, unsigned dtype, const void *data,
	  uint64_t size)
{
	struct blobpack_writer *w;
	int r = open_pack(b, size, &w);

	if (r == 0 && size <= READ_BYTES)
		r = blobpack_writer_add(w, hash, dtype, data, (size_t)size, b->c->err);
	else if (r == 0) {
		r = blobpack_writer_begin(w, hash, dtype, size, b->c->err);
		if (r == 0)
			r = blobpack_writer_write(w, data, (size_t)size, b->c->err);
		if (r == 0)
			r = blobpack_writer_end(w, b->c->err);
	}
	if (r != 0)
		return r;
	b->bytes += size;
	b->c->manifest.blobs++;
	b->c->manifest.blob_bytes += size;
	return remember(b, &(struct known){ *hash, size, 0, SEGMENT_SCOPE, PART_PACKED });
}

#define NOT_THAT_BLOB 2

static int
not_that_blob(struct blobs *b, const char *path, uint64_t got, uint64_t size)
{
	(void)error_set(b->c->err, TAPE_ERR_DAMAGED, path, 0,
			"the blob's file has %llu bytes of %llu, or others than its name "
			"says; restore it from a copy",
			(unsigned long long)got, (unsigned long long)size);
	b->got = got;
	return NOT_THAT_BLOB;
}

int
blobs_unreadable(struct blobs *b, int negative_errno, const char *path)
{
	static const char what[] = "cannot read a blob";

	if (!reader_unreadable(b->c->reader, path, 0, negative_errno, what))
		return error_io(b->c->err, negative_errno, path, what);
	return error_set(b->c->err, TAPE_ERR_DAMAGED, path, 0, "%s", what);
}

/* A small one is read whole before anything of it goes into a frame. */
static int
add_small(struct blobs *b, const struct tape_hash *hash, unsigned dtype, uint64_t size,
	  int fd, const char *path)
{
	int64_t got = os_pread(fd, b->buf, (size_t)size, 0);
	struct tape_hash is;

	if (got < 0)
		return blobs_unreadable(b, (int)got, path);
	is = hash_bytes(b->buf, (size_t)got);
	if ((uint64_t)got != size || !hash_equal(&is, hash))
		return not_that_blob(b, path, (uint64_t)got, size);
	return blobs_add(b, hash, dtype, b->buf, size);
}

static int
add_large(struct blobs *b, const struct tape_hash *hash, unsigned dtype, uint64_t size,
	  int fd, const char *path)
{
	struct hash_stream *stream = hash_stream_new();
	struct blobpack_writer *w = NULL;
	struct tape_hash is;
	uint64_t at = 0;
	int64_t got = 1;
	int r = stream == NULL ? compaction_no_memory(b->c) : open_pack(b, size, &w);

	if (r == 0) {
		hash_stream_reset(stream);
		r = blobpack_writer_begin(w, hash, dtype, size, b->c->err);
	}
	while (r == 0 && at < size && got > 0) {
		size_t want = size - at < READ_BYTES ? (size_t)(size - at) : READ_BYTES;

		got = os_pread(fd, b->buf, want, at);
		if (got < 0)
			r = blobs_unreadable(b, (int)got, path);
		if (got <= 0)
			break;
		hash_stream_add(stream, b->buf, (size_t)got);
		r = blobpack_writer_write(w, b->buf, (size_t)got, b->c->err);
		at += (uint64_t)got;
	}
	if (r == 0) {
		is = hash_stream_end(stream);
		r = at == size && hash_equal(&is, hash)
			    ? blobpack_writer_end(w, b->c->err)
			    : not_that_blob(b, path, at, size);
	}
	hash_stream_free(stream);
	if (r != 0)
		return r;
	b->bytes += size;
	b->c->manifest.blobs++;
	b->c->manifest.blob_bytes += size;
	return remember(b,
			&(struct known){ *hash, size, 0, BODY_NO_SEGMENT, PART_PACKED });
}

/* Is it what its name says? A pack that half of it went into would be spoilt. */
static int
look_at_large(struct blobs *b, const struct tape_hash *hash, uint64_t size, int fd,
	      const char *path)
{
	struct hash_stream *stream = hash_stream_new();
	struct tape_hash is;
	uint64_t at = 0;
	int64_t got = 1;

	if (stream == NULL)
		return compaction_no_memory(b->c);
	hash_stream_reset(stream);
	for (; at < size && got > 0; at += (uint64_t)got) {
		got = os_pread(fd, b->buf, READ_BYTES, at);
		if (got > 0)
			hash_stream_add(stream, b->buf, (size_t)got);
		else if (got < 0)
			break;
	}
	is = hash_stream_end(stream);
	hash_stream_free(stream);
	if (got < 0)
		return blobs_unreadable(b, (int)got, path);
	return at == size && hash_equal(&is, hash) ? 0 : not_that_blob(b, path, at, size);
}

/* All scopes that refer to it hear the same, of one look. */
static int
known_lost(struct blobs *b, const struct tape_hash *hash, uint64_t size, const char *path)
{
	const struct known *k = place(b->known, b->mask, hash);

	if (k->size != size || k->segment != SEGMENT_LOST)
		return 0;
	return not_that_blob(b, path, k->offset, size);
}

static int
remember_lost(struct blobs *b, const struct tape_hash *hash, uint64_t size)
{
	int r = remember(
		b, &(struct known){ *hash, size, b->got, SEGMENT_LOST, PART_PACKED });

	return r == 0 ? BLOBS_LOST : r;
}

int
blobs_add_loose(struct blobs *b, const struct tape_hash *hash, unsigned dtype,
		uint64_t size, bool excused)
{
	char path[PATH_BLOB_TEXT];
	struct os_stat st;
	int fd = -1, r;

	path_blob(hash, path);
	if (known_lost(b, hash, size, path) != 0)
		return excused ? BLOBS_LOST : TAPE_ERR_DAMAGED;
	r = os_open_read(b->c->reader->dir.fd, path, &fd);
	if (r == -ENOENT || r == -ENOTDIR)
		return TAPE_ERR_NOT_FOUND;
	if (r == 0)
		r = os_fstat(fd, &st);
	if (r != 0)
		r = blobs_unreadable(b, r, path);
	else if (st.size != size)
		r = not_that_blob(b, path, st.size, size);
	else if (excused && size > READ_BYTES)
		r = look_at_large(b, hash, size, fd, path);
	if (r == 0)
		r = size <= READ_BYTES ? add_small(b, hash, dtype, size, fd, path)
				       : add_large(b, hash, dtype, size, fd, path);
	if (r == NOT_THAT_BLOB && excused)
		r = remember_lost(b, hash, size);
	else if (r == NOT_THAT_BLOB)
		r = TAPE_ERR_DAMAGED;
	os_close(&fd);
	if (r == 0)
		blobs_came_from(b, hash, PART_PACKED,
				&(struct body_hint){ BODY_NO_SEGMENT, 0 });
	return r;
}

/* ---- packs of generations that are merged ---- */

static int
copy_file(struct compaction *c, const char *from, const char *to, uint64_t size)
{
	uint8_t *buf = malloc(READ_BYTES);
	int in = -1, out = -1, r = buf == NULL ? -ENOMEM : 0;
	uint64_t at = 0;

	if (r == 0)
		r = os_open_read(c->reader->dir.fd, from, &in);
	if (r == 0)
		r = os_create(c->work_fd, to, &out);
	while (r == 0 && at < size) {
		int64_t got = os_pread(in, buf, READ_BYTES, at);

		if (got <= 0)
			r = got < 0 ? (int)got : -EIO;
		else
			r = os_write_all(out, buf, (size_t)got, NULL);
		at += got > 0 ? (uint64_t)got : 0;
	}
	if (r == 0)
		r = os_fsync(out);
	os_close(&in);
	os_close(&out);
	free(buf);
	return r;
}

int
blobs_carry(struct blobs *b, const struct generation *from,
	    const struct generation_file *f)
{
	struct compaction *c = b->c;
	char path[GENERATION_NAME + 64], name[48];
	unsigned n = 0, k = 0;
	int r;

	if (sscanf(f->name, "blobs-%u-%u.pack", &n, &k) != 2 || n >= BUCKETS)
		return 0;
	(void)snprintf(path, sizeof path, "%s/%s", from->path, f->name);
	(void)snprintf(name, sizeof name, "blobs-%u-%u.pack", n, b->buckets[n].next++);
	/* The same bytes under another name, without copying them where that can be. */
	r = os_link(c->reader->dir.fd, path, c->work_fd, name);
	if (r != 0)
		r = copy_file(c, path, name, f->size);
	if (r != 0)
		return error_io(c->err, r, path, "cannot take over a pack of blobs");
	return publish_add_file(c, name, f->size, &f->hash);
}

void
blobs_count_carried(struct blobs *b, const struct generation *from)
{
	b->c->manifest.blobs += from->manifest.blobs;
	b->c->manifest.blob_bytes += from->manifest.blob_bytes;
	b->c->manifest.raw_blob_bytes += from->manifest.raw_blob_bytes;
}

void
blobs_uncount(struct blobs *b, uint64_t blobs, uint64_t bytes)
{
	struct generation_manifest *m = &b->c->manifest;

	m->blobs -= blobs < m->blobs ? blobs : m->blobs;
	m->blob_bytes -= bytes < m->blob_bytes ? bytes : m->blob_bytes;
	m->raw_blob_bytes -= bytes < m->raw_blob_bytes ? bytes : m->raw_blob_bytes;
}

struct copying {
	struct blobpack_writer *w;
	struct tape_error *err;
};

static int
copy_piece(void *user, const uint8_t *data, size_t len, uint64_t offset)
{
	const struct copying *x = user;

	(void)offset;
	return blobpack_writer_write(x->w, data, len, x->err);
}

int
blobs_copy(struct blobs *b, struct blobpack *from, const struct blobpack_entry *e,
	   struct hash_stream *stream)
{
	struct copying x = { .err = b->c->err };
	int r;

	if (e->size <= READ_BYTES) {
		r = blobpack_read(from, e, b->buf, 0, (size_t)e->size, b->c->err);
		return r == 0 ? blobs_add(b, &e->hash, e->dtype, b->buf, e->size) : r;
	}
	r = open_pack(b, e->size, &x.w);
	if (r == 0)
		r = blobpack_writer_begin(x.w, &e->hash, e->dtype, e->size, b->c->err);
	if (r == 0)
		r = blobpack_each(from, e, stream, copy_piece, &x, b->c->err);
	if (r == 0)
		r = blobpack_writer_end(x.w, b->c->err);
	if (r != 0)
		return r;
	b->bytes += e->size;
	b->c->manifest.blobs++;
	b->c->manifest.blob_bytes += e->size;
	return remember(
		b, &(struct known){ e->hash, e->size, 0, SEGMENT_SCOPE, PART_PACKED });
}

int
blobs_finish(struct blobs *b)
{
	int r = 0;

	for (unsigned i = 0; i < BUCKETS && r == 0; i++)
		if (b->buckets[i].writer != NULL)
			r = finish_pack(b, &b->buckets[i]);
	b->c->manifest.raw_blob_bytes += b->bytes;
	return r;
}

uint64_t
blobs_bytes(const struct blobs *b)
{
	return b->bytes;
}

uint64_t
blobs_written(const struct blobs *b)
{
	uint64_t open = 0;

	for (unsigned i = 0; i < BUCKETS; i++)
		if (b->buckets[i].writer != NULL)
			open += blobpack_writer_written(b->buckets[i].writer);
	return b->written + open;
}
