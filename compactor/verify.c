/* SPDX-License-Identifier: Apache-2.0 */
/* What was written is read again, from the files, before anything is said about it. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compactor/compaction.h"
#include "compactor/indexing.h"
#include "format/blobpack.h"
#include "format/error.h"
#include "format/hash.h"
#include "format/le.h"

#define ROW_BYTES 45u
#define PIECE_BYTES (UINT64_C(4) << 20) /* of blobs, for one thread at a time */

static size_t
row_bytes(const struct block_row *row, uint8_t *at)
{
	put_le32(at, row->session);
	put_le32(at + 4, row->form);
	put_le64(at + 8, row->seq);
	put_le64(at + 16, row->target);
	put_le64(at + 24, row->content);
	put_le64(at + 32, (uint64_t)row->time);
	put_le32(at + 40, row->kind);
	return 44;
}

uint64_t
verify_check(const struct tape_hash *hash)
{
	uint64_t check = get_le64(hash->byte + 8);

	return check == 0 ? 1 : check;
}

uint64_t
verify_check_content(const struct scopepack *pack, const struct block_content *content)
{
	struct tape_hash hash =
		body_hash(&pack->forms[content->form], content->canonical, content->len);

	return verify_check(&hash);
}

bool
verify_digest(const struct block_row *rows, uint32_t row_count,
	      const struct block_content *contents, uint32_t content_count,
	      struct tape_hash *digest)
{
	struct hash_stream *stream = hash_stream_new();
	uint8_t buf[128 * ROW_BYTES];
	size_t len = 0;

	if (stream == NULL)
		return false;
	hash_stream_reset(stream);
	for (uint32_t i = 0; i < row_count; i++) {
		len += row_bytes(&rows[i], buf + len);
		if (len + ROW_BYTES > sizeof buf || i + 1 == row_count) {
			hash_stream_add(stream, buf, len);
			len = 0;
		}
	}
	for (uint32_t i = 0; i < content_count; i++) {
		put_le32(buf, contents[i].form);
		put_le32(buf + 4, contents[i].len);
		hash_stream_add(stream, buf, 8);
		hash_stream_add(stream, contents[i].canonical, contents[i].len);
	}
	*digest = hash_stream_end(stream);
	hash_stream_free(stream);
	return true;
}

/* ---- blobs, by several threads ---- */

struct check {
	/* A piece is some frames, from entry starts[n] on. */
	const struct blobpack *blobs;
	const struct blobpack_entry **order; /* as they stand in the file */
	size_t *starts;			     /* [pieces + 1] */

	uint32_t pieces;
	_Atomic uint32_t next;
	_Atomic int status;
	pthread_mutex_t lock;
	struct tape_error why;
};

static void
check_failed(struct check *k, int status, const struct tape_error *why)
{
	pthread_mutex_lock(&k->lock);
	if (atomic_load(&k->status) == 0)
		k->why = *why;
	atomic_store(&k->status, status);
	pthread_mutex_unlock(&k->lock);
}

/* Runs `work` in as many threads as there are jobs, this one among them. */
static int
check_pieces(struct compaction *c, struct check *k, void *(*work)(void *))
{
	pthread_t threads[64];
	unsigned started = 0;
	int r;

	pthread_mutex_init(&k->lock, NULL);
	while (started + 1 < c->options.jobs && started + 1 < k->pieces && started < 64 &&
	       pthread_create(&threads[started], NULL, work, k) == 0)
		started++;
	(void)work(k);
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_destroy(&k->lock);
	r = atomic_load(&k->status);
	if (r != 0)
		*c->err = k->why;
	return r;
}

int
verify_by_place(const void *a, const void *b)
{
	const struct blobpack_entry *const *x = a, *const *y = b;

	if ((*x)->frame != (*y)->frame)
		return (*x)->frame < (*y)->frame ? -1 : 1;
	return (*x)->within < (*y)->within ? -1 : (*x)->within > (*y)->within;
}

static void *
check_entries(void *arg)
{
	struct check *k = arg;
	struct hash_stream *stream = hash_stream_new();
	struct blobpack *view = NULL;
	struct tape_error why = { 0 };
	int r = stream == NULL ? error_set(&why, TAPE_ERR_NOMEM, NULL, 0,
					   "no memory to verify what was written")
			       : blobpack_view(k->blobs, &view, &why);

	while (r == 0 && atomic_load(&k->status) == 0) {
		uint32_t n = atomic_fetch_add(&k->next, 1);

		if (n >= k->pieces)
			break;
		for (size_t i = k->starts[n]; i < k->starts[n + 1] && r == 0; i++)
			r = blobpack_check(view, k->order[i], stream, &why);
	}
	if (r != 0)
		check_failed(k, r, &why);
	blobpack_close(view);
	hash_stream_free(stream);
	return NULL;
}

/* Frames are cut into pieces; none is decoded by two threads. */
static int
cut_pieces(struct check *k)
{
	size_t count = blobpack_count(k->blobs);
	uint64_t bytes = 0;

	k->order = malloc((count + 1) * sizeof *k->order);
	k->starts = malloc((count + 1) * sizeof *k->starts);
	if (k->order == NULL || k->starts == NULL)
		return TAPE_ERR_NOMEM;
	for (size_t i = 0; i < count; i++)
		k->order[i] = blobpack_entry_at(k->blobs, i);
	if (count != 0)
		qsort(k->order, count, sizeof(*k->order), verify_by_place);
	for (size_t i = 0; i < count; i++) {
		bool new_frame = i == 0 || k->order[i]->frame != k->order[i - 1]->frame;

		if (i == 0 || (new_frame && bytes >= PIECE_BYTES)) {
			k->starts[k->pieces++] = i;
			bytes = 0;
		}
		bytes += k->order[i]->size;
	}
	k->starts[k->pieces] = count;
	return 0;
}

static int
check_blobs(struct compaction *c, int fd, uint64_t size, const char *path)
{
	struct block_source source = block_from_fd(&fd, size);
	struct blobpack *p = NULL;
	struct check k = { 0 };
	int r = blobpack_open(&source, path, c->reader->dir.id, &p, c->err);

	k.blobs = p;
	if (r == 0 && cut_pieces(&k) != 0)
		r = compaction_no_memory(c);
	if (r == 0)
		r = check_pieces(c, &k, check_entries);
	free(k.order);
	free(k.starts);
	blobpack_close(p);
	return r;
}

static int
verify_file(struct compaction *c, struct earlier *earlier, const struct carry *carry,
	    const struct generation_file *f, const struct verify_block *blocks,
	    size_t count)
{
	char path[sizeof c->work + sizeof f->name + 1];
	struct os_stat st;
	int fd = -1, r;

	(void)snprintf(path, sizeof path, "%s/%s", c->work, f->name);
	r = os_open_read(c->work_fd, f->name, &fd);
	if (r == 0)
		r = os_fstat(fd, &st);
	if (r != 0)
		r = error_io(c->err, r, path, "cannot read back what was written");
	else if (st.size != f->size)
		r = error_set(c->err, TAPE_ERR_DAMAGED, path, 0,
			      "the file has another size than was written");
	else if (strcmp(f->name, "scopes.pack") == 0)
		r = indexing_scopes(c, earlier, carry, blocks, count, fd, st.size, path);
	else if (strncmp(f->name, "blobs-", 6) == 0)
		r = check_blobs(c, fd, st.size, path);
	os_close(&fd);
	return r;
}

int
verify_all(struct compaction *c, struct earlier *earlier, const struct carry *carry,
	   const struct verify_block *blocks, size_t count)
{
	size_t files = c->manifest.file_count; /* the index comes on top */
	int r = 0;

	for (size_t i = 0; i < files && r == 0; i++) {
		struct generation_file f = c->manifest.files[i];

		r = verify_file(c, earlier, carry, &f, blocks, count);
	}
	return r;
}
