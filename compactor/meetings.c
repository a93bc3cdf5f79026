/* SPDX-License-Identifier: Apache-2.0 */
#include "compactor/meetings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/blobpack.h"
#include "format/error.h"
#include "format/hash.h"
#include "format/path.h"

#define PIECE (1u << 20)

int
meetings_note(struct meetings *m, const struct meeting *one)
{
	if (m->count == m->cap) {
		size_t cap = m->cap == 0 ? 64 : m->cap * 2;
		struct meeting *more = realloc(m->items, cap * sizeof *more);

		if (more == NULL)
			return TAPE_ERR_NOMEM;
		m->items = more;
		m->cap = cap;
	}
	m->items[m->count++] = *one;
	return 0;
}

void
meetings_release(struct meetings *m)
{
	free(m->items);
	memset(m, 0, sizeof *m);
}

static int
no_memory(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory to compare blobs");
}

/* ---- copies ---- */

/* A copy that the pieces of what is packed are held against: in memory, or a file. */
struct copy {
	const uint8_t *data;
	int fd;
	uint8_t *piece; /* [PIECE] */
	bool same;
	int error; /* of reading the file, negative errno */
};

/* Where something else was found no more is read. */
#define STOPPED 1

static int
hold(void *user, const uint8_t *data, size_t len, uint64_t offset)
{
	struct copy *copy = user;

	copy->same = offset == 0 || copy->same;
	if (copy->data != NULL) {
		copy->same = memcmp(copy->data + offset, data, len) == 0;
		return copy->same ? 0 : STOPPED;
	}
	while (len != 0 && copy->same && copy->error == 0) {
		size_t part = len < PIECE ? len : PIECE;
		int64_t got = os_pread(copy->fd, copy->piece, part, offset);

		copy->error = got < 0 ? (int)got : 0;
		copy->same =
			(uint64_t)got == part && memcmp(copy->piece, data, part) == 0;
		data += part;
		offset += part;
		len -= part;
	}
	return copy->same && copy->error == 0 ? 0 : STOPPED;
}

/* 1 = it is open and has that size, 0 = it has another. */
static int
open_loose(struct compaction *c, const struct tape_hash *hash, uint64_t size,
	   struct copy *copy, struct tape_error *err)
{
	char path[PATH_BLOB_TEXT];
	struct os_stat st;
	int r;

	copy->piece = malloc(PIECE);
	if (copy->piece == NULL)
		return no_memory(err);
	path_blob(hash, path);
	r = os_open_read(c->reader->dir.fd, path, &copy->fd);
	if (r == 0)
		r = os_fstat(copy->fd, &st);
	return r == 0 ? st.size == size
		      : error_io(err, r, path, "cannot compare the blob");
}

static void
close_copy(struct copy *copy)
{
	os_close(&copy->fd);
	free(copy->piece);
}

static int
compared(const struct copy *copy, const struct tape_hash *hash, int r,
	 struct tape_error *err)
{
	char path[PATH_BLOB_TEXT];

	path_blob(hash, path);
	if (copy->error != 0)
		return error_io(err, copy->error, path, "cannot compare the blob");
	return r < 0 ? r : copy->same;
}

int
meetings_loose_is(struct compaction *c, struct generations *set,
		  const struct tape_hash *hash, uint64_t size, struct tape_error *err)
{
	struct copy copy = { .fd = -1 };
	int r = open_loose(c, hash, size, &copy, err);

	if (r == 1) {
		r = generations_blob_each(set, hash, size, hold, &copy, err);
		r = compared(&copy, hash, r, err);
	}
	close_copy(&copy);
	return r;
}

/* Has the open file the bytes that its name says? */
static bool
is_sound(struct copy *copy, const struct tape_hash *hash, uint64_t size)
{
	struct hash_stream *stream = hash_stream_new();
	struct tape_hash is = { { 0 } };
	int64_t got = 1;

	if (stream == NULL)
		return true; /* not known: the worse is assumed */
	hash_stream_reset(stream);
	for (uint64_t at = 0; at < size && got > 0; at += (uint64_t)got) {
		got = os_pread(copy->fd, copy->piece, PIECE, at);
		if (got > 0)
			hash_stream_add(stream, copy->piece, (size_t)got);
	}
	is = hash_stream_end(stream);
	hash_stream_free(stream);
	return got < 0 || hash_equal(&is, hash);
}

/* ---- what is packed ---- */

struct packed {
	struct compaction *c;
	struct blobpack *pack; /* the one that was looked into last, of this run */
	size_t file;	       /* its number in the manifest */
	int fd;
	struct hash_stream *stream;
};

static void
close_pack(struct packed *p)
{
	blobpack_close(p->pack);
	p->pack = NULL;
	os_close(&p->fd);
}

static int
open_pack(struct packed *p, size_t file, struct tape_error *err)
{
	struct compaction *c = p->c;
	const struct generation_file *f = &c->manifest.files[file];
	struct block_source source;
	char path[sizeof c->work + sizeof f->name + 1];
	int r;

	if (p->pack != NULL && p->file == file)
		return 0;
	close_pack(p);
	(void)snprintf(path, sizeof path, "%s/%s", c->work, f->name);
	r = os_open_read(c->work_fd, f->name, &p->fd);
	if (r != 0)
		return error_io(err, r, path, "cannot read back what was written");
	source = block_from_fd(&p->fd, f->size);
	p->file = file;
	return blobpack_open(&source, path, c->reader->dir.id, &p->pack, err);
}

/* Pieces of what is packed in this run, or in a generation that goes on, to `copy`. */
static int
hold_packed(struct packed *p, const struct meeting *m, struct copy *copy)
{
	struct compaction *c = p->c;
	unsigned bucket = blobpack_bucket(m->size), of;

	for (size_t i = 0; i < c->manifest.file_count; i++) {
		const struct blobpack_entry *e;
		int r;

		if (sscanf(c->manifest.files[i].name, "blobs-%u-", &of) != 1 ||
		    of != bucket)
			continue;
		r = open_pack(p, i, c->err);
		if (r != 0)
			return r;
		e = blobpack_find(p->pack, &m->hash);
		if (e != NULL && e->size == m->size)
			return blobpack_each(p->pack, e, p->stream, hold, copy, c->err);
	}
	return generations_blob_each(c->snapshot->generations, &m->hash, m->size, hold,
				     copy, c->err);
}

/* ---- comparing ---- */

static int
differ(struct compaction *c, const struct meeting *m)
{
	char text[TAPE_HASH_TEXT], session[TAPE_SESSION_TEXT];

	tape_hash_text(&m->hash, text);
	tape_session_text(c->parts[m->part].input.session, session);
	return error_set(
		c->err, TAPE_ERR_DAMAGED, session, m->hint.offset,
		"two different blobs have the hash %s: nothing is compacted, both "
		"stay; assume that somebody made them on purpose",
		text);
}

/* A copy that cannot be read is no reason to stop everything: its session stays raw. */
static int
copy_failed(struct compaction *c, const struct meeting *m, int r)
{
	struct tape_error why = *c->err;

	if (r == TAPE_ERR_IO && !reader_unreadable(c->reader, why.file, why.offset,
						   -why.code, "cannot compare a blob"))
		return r;
	return r == TAPE_ERR_NOMEM ? r
				   : compaction_refuse(c, c->parts[m->part].input.session,
						       why.message);
}

/*
 * A loose file with other bytes is a forgery only if its name fits them. Else it
 * is damaged, and what is packed is the good copy.
 */
static int
compare_loose(struct packed *p, struct meeting *m)
{
	struct compaction *c = p->c;
	struct copy copy = { .fd = -1 };
	char path[PATH_BLOB_TEXT];
	int r = open_loose(c, &m->hash, m->size, &copy, c->err), held = 0;
	bool fits = r == 1;

	if (r == TAPE_ERR_IO && (c->err->code == ENOENT || c->err->code == ENOTDIR)) {
		close_copy(&copy);
		return 0; /* gone: when another session of its was compacted */
	}
	if (fits) {
		held = hold_packed(p, m, &copy);
		r = compared(&copy, &m->hash, held, c->err);
	}
	path_blob(&m->hash, path);
	if (r == 0 && fits && is_sound(&copy, &m->hash, m->size)) {
		r = differ(c, m);
	} else if (r == 0) {
		m->damaged = true;
		compaction_event(c, path, m->size,
				 "its bytes are not those that its name says; the copy "
				 "that is packed is whole");
	} else if (r == 1) {
		r = 0;
	} else if (held >= 0) {
		r = copy_failed(c, m, r);
	}
	close_copy(&copy);
	return r;
}

static int
compare(struct packed *p, struct source *source, struct meeting *m)
{
	struct compaction *c = p->c;
	struct copy copy = { .fd = -1 };
	uint8_t *data = NULL;
	int r;

	if (m->hint.segment == BODY_NO_SEGMENT)
		return compare_loose(p, m);
	/* It is in a segment, so it is not large, and its hash was verified. */
	r = source->ops->blob(source, &m->hint, &m->hash, m->size, &data, c->err);
	if (r != 0)
		return copy_failed(c, m, r);
	copy.data = data;
	r = compared(&copy, &m->hash, hold_packed(p, m, &copy), c->err);
	free(data);
	return r == 0 ? differ(c, m) : r == 1 ? 0 : r;
}

/* By part, so that each session is opened once; by size and hash, so that packs are, too. */
static int
order(const void *a, const void *b)
{
	const struct meeting *x = a, *y = b;

	if (x->part != y->part)
		return x->part < y->part ? -1 : 1;
	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return memcmp(x->hash.byte, y->hash.byte, sizeof x->hash.byte);
}

int
meetings_compare(struct compaction *c, struct meetings *m)
{
	struct packed p = { .c = c, .fd = -1 };
	struct source *source = NULL;
	uint32_t part = UINT32_MAX;
	int r = 0;

	p.stream = hash_stream_new();
	if (p.stream == NULL)
		return no_memory(c->err);
	if (m->count != 0)
		qsort(m->items, m->count, sizeof *m->items, order);
	for (size_t i = 0; i < m->count && r == 0; i++) {
		if (m->items[i].part != part) {
			if (source != NULL)
				source->ops->close(source);
			source = NULL;
			part = m->items[i].part;
			r = snapshot_open(c->snapshot, c->parts[part].index, &source,
					  c->err);
			r = r < 0 ? r : 0;
		}
		if (r == 0 && source != NULL)
			r = compare(&p, source, &m->items[i]);
	}
	if (source != NULL)
		source->ops->close(source);
	close_pack(&p);
	hash_stream_free(p.stream);
	return r;
}
