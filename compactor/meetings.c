/* SPDX-License-Identifier: Apache-2.0 */
#include "compactor/meetings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/blobpack.h"
#include "format/error.h"
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

int
meetings_loose_is(struct compaction *c, const struct tape_hash *hash, const uint8_t *data,
		  uint64_t size, struct tape_error *err)
{
	uint8_t *piece = malloc(PIECE);
	char path[PATH_BLOB_TEXT];
	struct os_stat st;
	uint64_t at = 0;
	bool same = true;
	int fd = -1, r;

	path_blob(hash, path);
	if (piece == NULL)
		return no_memory(err);
	r = os_open_read(c->reader->dir.fd, path, &fd);
	if (r == 0)
		r = os_fstat(fd, &st);
	if (r == 0)
		same = st.size == size;
	while (r == 0 && same && at < size) {
		size_t len = size - at < PIECE ? (size_t)(size - at) : PIECE;
		int64_t got = os_pread(fd, piece, len, at);

		if (got < 0)
			r = (int)got;
		else
			same = (size_t)got == len && memcmp(piece, data + at, len) == 0;
		at += len;
	}
	os_close(&fd);
	free(piece);
	return r == 0 ? same : error_io(err, r, path, "cannot compare the blob");
}

/* ---- what is packed ---- */

struct packed {
	struct compaction *c;
	struct blobpack *pack; /* the one that was looked into last, of this run */
	size_t file;	       /* its number in the manifest */
	int fd;
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

/* 0, TAPE_ERR_NOT_FOUND: it is in no pack of this run. */
static int
read_packed(struct packed *p, const struct meeting *m, uint8_t **data,
	    struct tape_error *err)
{
	struct compaction *c = p->c;
	unsigned bucket = blobpack_bucket(m->size), of;

	for (size_t i = 0; i < c->manifest.file_count; i++) {
		const struct blobpack_entry *e;
		int r;

		if (sscanf(c->manifest.files[i].name, "blobs-%u-", &of) != 1 ||
		    of != bucket)
			continue;
		r = open_pack(p, i, err);
		if (r != 0)
			return r;
		e = blobpack_find(p->pack, &m->hash);
		if (e == NULL || e->size != m->size)
			continue;
		*data = malloc(m->size == 0 ? 1 : (size_t)m->size);
		if (*data == NULL)
			return no_memory(err);
		return blobpack_read(p->pack, e, *data, 0, (size_t)m->size, err);
	}
	return TAPE_ERR_NOT_FOUND;
}

static int
read_kept(struct packed *p, const struct meeting *m, uint8_t **data,
	  struct tape_error *err)
{
	int r = read_packed(p, m, data, err);

	return r == TAPE_ERR_NOT_FOUND ? generations_blob(p->c->snapshot->generations,
							  &m->hash, m->size, data, err)
				       : r;
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

static int
compare(struct packed *p, struct source *source, const struct meeting *m)
{
	struct compaction *c = p->c;
	uint8_t *kept = NULL, *copy = NULL;
	int r = read_kept(p, m, &kept, c->err);
	bool same = true;

	if (r == 0 && m->hint.segment == BODY_NO_SEGMENT) {
		r = meetings_loose_is(c, &m->hash, kept, m->size, c->err);
		same = r != 0;
		/* The loose file went when another session of its was compacted. */
		if (r == TAPE_ERR_IO &&
		    (c->err->code == ENOENT || c->err->code == ENOTDIR))
			r = 0;
		r = r < 0 ? copy_failed(c, m, r) : 0;
	} else if (r == 0) {
		r = source->ops->blob(source, &m->hint, &m->hash, m->size, &copy, c->err);
		same = r != 0 || memcmp(kept, copy, (size_t)m->size) == 0;
		r = r < 0 ? copy_failed(c, m, r) : 0;
	}
	free(kept);
	free(copy);
	return r == 0 && !same ? differ(c, m) : r;
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
	return r;
}
