/* SPDX-License-Identifier: Apache-2.0 */
/* The live generations of a tape: opening them, their descriptors, their blobs. */
#include "search/generations.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/generation_text.h"
#include "format/hash.h"
#include "format/index.h"
#include "format/os.h"
#include "search/packed_cache.h"
#include "search/packed_forms.h"
#include "search/reader.h"

/* Descriptors of packs that a reader keeps open. */
#define OPEN_MAX_PACKS 128u
#define SCOPES_NAME "scopes.pack"

/* ---- files ---- */

static void
unlink_open(struct pack_file *f)
{
	struct generations *g = f->set;

	if (f->newer != NULL)
		f->newer->older = f->older;
	else
		g->open = f->older;
	if (f->older != NULL)
		f->older->newer = f->newer;
	f->newer = f->older = NULL;
}

static void
close_file(struct pack_file *f)
{
	if (f->fd < 0)
		return;
	unlink_open(f);
	f->set->open_count--;
	os_close(&f->fd);
}

static void
link_open(struct pack_file *f)
{
	struct generations *g = f->set;

	f->older = g->open;
	if (g->open != NULL)
		g->open->newer = f;
	g->open = f;
}

static void
close_oldest(struct generations *g)
{
	struct pack_file *f = g->open;

	while (f != NULL && f->older != NULL)
		f = f->older;
	if (f != NULL)
		close_file(f);
}

/* A file that has not the size that was published is none that can be read on. */
static int
open_file(struct pack_file *f)
{
	struct os_stat st;
	int r;

	if (f->set->open_count >= OPEN_MAX_PACKS)
		close_oldest(f->set);
	r = os_open_read(f->set->reader->dir.fd, f->path, &f->fd);
	if (r != 0)
		return r;
	f->set->open_count++;
	link_open(f);
	r = os_fstat(f->fd, &st);
	if (r == 0 && st.size < f->size)
		f->size = st.size;
	return r;
}

static int64_t
file_pread(void *user, void *buf, size_t len, uint64_t offset)
{
	struct pack_file *f = user;

	if (f->fd < 0) {
		int r = open_file(f);

		if (r != 0)
			return r;
	} else if (f->newer != NULL) {
		unlink_open(f);
		link_open(f);
	}
	return os_pread(f->fd, buf, len, offset);
}

static void
file_init(struct pack_file *f, struct generations *g, const struct generation *of,
	  const struct generation_file *entry)
{
	f->set = g;
	f->fd = -1;
	f->size = entry->size;
	(void)snprintf(f->path, sizeof f->path, "%s/%s", of->path, entry->name);
}

/* Its true size is found before anything is read: a cut file must not look like a hole. */
static int
file_source(struct pack_file *f, struct block_source *out, struct tape_error *err)
{
	int r = f->fd < 0 ? open_file(f) : 0;

	if (r != 0)
		return error_io(err, r, f->path, "cannot open it");
	*out = (struct block_source){ file_pread, f, f->size };
	return 0;
}

/* ---- one generation ---- */

static int
read_manifest(struct generations *g, struct generation *item,
	      const struct tape_hash *expected, struct tape_error *err)
{
	char path[sizeof item->path + 16], *text = NULL;
	struct tape_hash hash;
	size_t len = 0;
	int r;

	(void)snprintf(path, sizeof path, "%s/MANIFEST", item->path);
	r = text_load(g->reader->dir.fd, path, &text, &len, &item->owner, err);
	if (r != 0)
		return r;
	hash = hash_bytes(text, len);
	if (!hash_equal(&hash, expected))
		r = error_set(err, TAPE_ERR_DAMAGED, path, 0,
			      "it is not the one that the live list names");
	else
		r = generation_manifest_parse(text, len, path, &item->manifest, err);
	free(text);
	if (r == 0 &&
	    memcmp(item->manifest.tape, g->reader->dir.id, sizeof g->reader->dir.id) != 0)
		r = error_set(err, TAPE_ERR_DAMAGED, path, 0, "it is of another tape");
	return r;
}

/* "blobs-<bucket>-<k>.pack" */
static bool
blob_name(const char *name, unsigned *bucket, unsigned *number)
{
	return strncmp(name, "blobs-", 6) == 0 &&
	       sscanf(name + 6, "%9u-%9u", bucket, number) == 2;
}

static int
list_files(struct generations *g, struct generation *item, struct tape_error *err)
{
	const struct generation_manifest *m = &item->manifest;

	item->file = calloc(1, sizeof *item->file);
	if (item->file != NULL)
		item->file->fd = -1; /* it is closed whatever else fails */
	item->blobs = calloc(m->file_count + 1, sizeof *item->blobs);
	item->cache = packed_cache_new(g, item);
	if (item->file == NULL || item->blobs == NULL || item->cache == NULL)
		return error_set(err, TAPE_ERR_NOMEM, item->path, 0,
				 "no memory for a generation");
	for (size_t i = 0; i < m->file_count; i++) {
		struct blob_file *b = &item->blobs[item->blob_count];

		if (strcmp(m->files[i].name, SCOPES_NAME) == 0)
			file_init(item->file, g, item, &m->files[i]);
		else if (blob_name(m->files[i].name, &b->bucket, &b->number)) {
			file_init(&b->file, g, item, &m->files[i]);
			item->blob_count++;
		}
	}
	return 0;
}

int
generation_need(struct generations *g, size_t index, struct tape_error *err)
{
	struct generation *item = &g->items[index];
	struct pack_id id = { .kind = PACK_SCOPES };
	struct block_source source;
	int r;

	if (item->scopes_ready)
		return 0;
	if (item->lost || item->file == NULL || item->file->set == NULL)
		return error_set(err, TAPE_ERR_DAMAGED, item->path, 0,
				 "it has no " SCOPES_NAME);
	memcpy(id.tape, g->reader->dir.id, sizeof id.tape);
	memcpy(id.uid, item->manifest.uid, sizeof id.uid);
	r = file_source(item->file, &source, err);
	if (r == 0)
		r = scopepack_open(&source, item->file->path, &id, g->codec,
				   &item->scopes, err);
	item->scopes_ready = r == 0;
	if (r == 0) {
		item->forms = packed_forms_new(&item->scopes);
		if (item->forms == NULL)
			r = error_set(err, TAPE_ERR_NOMEM, item->path, 0,
				      "no memory for a generation");
	}
	return r;
}

static void
close_generation(struct generation *item, bool shared)
{
	index_close(item->index);
	packed_cache_free(item->cache);
	if (!shared)
		packed_forms_free(item->forms);
	if (item->scopes_ready && !shared)
		scopepack_close(&item->scopes);
	if (item->file != NULL)
		close_file(item->file);
	free(item->file);
	for (size_t i = 0; i < item->blob_count; i++) {
		blobpack_close(item->blobs[i].pack);
		close_file(&item->blobs[i].file);
	}
	free(item->blobs);
	if (!shared)
		generation_manifest_release(&item->manifest);
}

/* Told, and the others answer all the same; negative: the reader cannot go on. */
static int
generation_failed(struct generations *g, struct generation *item, int r,
		  const struct tape_error *why, struct tape_error *err)
{
	const char *file = why->file[0] != '\0' ? why->file : item->path;

	if (r == TAPE_ERR_NOMEM ||
	    (r == TAPE_ERR_IO &&
	     (why->code == EMFILE || why->code == ENFILE || why->code == ENOMEM))) {
		if (err != NULL)
			*err = *why;
		return r;
	}
	item->lost = true;
	if (r == TAPE_ERR_IO && why->code != ENOENT && why->code != ENOTDIR) {
		(void)reader_unreadable(g->reader, file, why->offset, -why->code,
					"cannot read a generation, what it holds is not "
					"shown");
		return 0;
	}
	reader_report(g->reader, TAPE_DAMAGE_MET, file, why->offset, 0,
		      "%.200s; what the generation holds is not shown: restore %s from a "
		      "copy",
		      why->message, item->path);
	return 0;
}

/* 0 = usable or told, 1 = gone and another live list is there, negative = cannot go on. */
static int
open_generation(struct generations *g, size_t index, struct tape_error *err)
{
	const struct live_generation *live = &g->live.generations[index];
	struct generation *item = &g->items[index];
	struct tape_error why = { 0 };
	int r;

	(void)snprintf(item->name, sizeof item->name, "%s", live->name);
	(void)snprintf(item->path, sizeof item->path, PATH_GEN "/%s", live->name);
	r = read_manifest(g, item, &live->manifest, &why);
	if (r == 0)
		r = list_files(g, item, &why);
	if (r == 0)
		r = generation_need(g, index, &why);
	if (r == 0)
		return 0;
	if (snapshot_stale(r, &why) && generations_changed(g))
		return 1;
	return generation_failed(g, item, r, &why, err);
}

/* ---- all of them ---- */

bool
generations_changed(const struct generations *g)
{
	uint64_t number;

	return live_list_number(g->reader->dir.fd, &number, NULL) == 0 &&
	       number != g->live.number;
}

void
generations_release(struct generations *g)
{
	if (g == NULL || --g->users != 0)
		return;
	for (size_t i = 0; i < g->count; i++)
		close_generation(&g->items[i], g->shared);
	free(g->items);
	live_list_release(&g->live);
	pack_codec_free(g->codec);
	free(g);
}

static int
open_all(struct generations *g, struct tape_error *err)
{
	int r = 0;

	g->items = calloc(g->live.count + 1, sizeof *g->items);
	g->codec = pack_codec_new();
	if (g->items == NULL || g->codec == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
				 "no memory for generations");
	while (r == 0 && g->count < g->live.count) {
		g->count++;
		r = open_generation(g, g->count - 1, err);
	}
	return r;
}

/* What the list names is not known then; its number tells whether it was replaced. */
static int
without_list(struct generations *g)
{
	memset(&g->live, 0, sizeof g->live);
	g->list_lost = true;
	(void)live_list_number(g->reader->dir.fd, &g->live.number, NULL);
	return 0;
}

/* Without it what is raw is shown, and it is told. */
static int
read_live(struct generations *g, struct tape_error *err)
{
	struct tape_error why = { 0 };
	int r = live_list_read(g->reader->dir.fd, &g->live, &why);

	if (r == 0)
		return 0;
	if (r == TAPE_ERR_DAMAGED || r == TAPE_ERR_TOO_NEW) {
		reader_report(g->reader, TAPE_DAMAGE_MET, why.file, why.offset, 0,
			      "%.300s; what was compacted is not shown: restore the file "
			      "from a copy",
			      why.message);
		return without_list(g);
	}
	if (r == TAPE_ERR_IO &&
	    reader_unreadable(
		    g->reader, why.file, 0, -why.code,
		    "cannot read the list of generations, what was compacted is "
		    "not shown"))
		return without_list(g);
	if (err != NULL)
		*err = why;
	return r;
}

/* 1 = the list changed meanwhile. */
static int
load(struct tape_reader *reader, struct generations **out, struct tape_error *err)
{
	struct generations *g = calloc(1, sizeof *g);
	int r;

	if (g == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
				 "no memory for generations");
	g->reader = reader;
	g->users = 1;
	r = read_live(g, err);
	if (r == 0)
		r = open_all(g, err);
	if (r != 0) {
		generations_release(g);
		return r;
	}
	*out = g;
	return 0;
}

int
generations_get(struct tape_reader *reader, struct generations **out,
		struct tape_error *err)
{
	struct generations *g = NULL;
	int64_t began;
	int r = 1;

	if (reader->generations != NULL && !generations_changed(reader->generations)) {
		reader->generations->users++;
		*out = reader->generations;
		return 0;
	}
	began = os_monotonic_ns();
	for (unsigned tries = 0; r == 1 && tries < 100; tries++)
		r = load(reader, &g, err);
	reader->stats.open_ns += os_monotonic_ns() - began;
	if (r == 1)
		return error_set(err, TAPE_ERR_BUSY, PATH_LIVE, 0,
				 "the list of generations changes faster than it can be "
				 "read; try again");
	if (r != 0)
		return r;
	generations_release(reader->generations);
	reader->stats.generations = g->count;
	reader->stats.blocks = 0;
	for (size_t i = 0; i < g->count; i++)
		if (g->items[i].scopes_ready)
			reader->stats.blocks += g->items[i].scopes.block_count;
	reader->generations = g;
	g->users++;
	*out = g;
	return 0;
}

/* Its scopes are opened now: they may be replaced, and gone, before they are read. */
static int
share_item(struct generations *g, struct generation *item, const struct generation *of)
{
	*item = *of;
	item->index = NULL;
	item->index_tried = false;
	item->cache = NULL;
	item->file = NULL;
	item->blobs = NULL;
	item->blob_count = 0;
	if (list_files(g, item, NULL) != 0)
		return TAPE_ERR_NOMEM;
	if (!of->scopes_ready)
		return 0;
	item->file->size = of->file->size;
	return file_source(item->file, &item->scopes.pack.source, NULL);
}

struct generations *
generations_share(const struct generations *of, struct tape_reader *reader)
{
	struct generations *g = calloc(1, sizeof *g);
	int r = 0;

	if (g == NULL)
		return NULL;
	g->reader = reader;
	g->live.number = of->live.number;
	g->list_lost = of->list_lost;
	g->shared = true;
	g->users = 1;
	g->items = calloc(of->count + 1, sizeof *g->items);
	g->codec = pack_codec_new();
	if (g->items == NULL || g->codec == NULL)
		r = TAPE_ERR_NOMEM;
	while (r == 0 && g->count < of->count) {
		g->count++;
		r = share_item(g, &g->items[g->count - 1], &of->items[g->count - 1]);
	}
	if (r == 0)
		return g;
	generations_release(g);
	return NULL;
}

struct pack_codec *
generations_codec(struct generations *g)
{
	return g->codec;
}

/* ---- blobs ---- */

/* Opens b->pack, bare = without its table. */
static int
open_blobs(struct generations *g, struct blob_file *b, bool bare, struct tape_error *err)
{
	struct block_source source;
	int r = file_source(&b->file, &source, err);

	blobpack_close(b->pack);
	b->pack = NULL;
	if (r != 0)
		return r;
	b->bare = bare;
	if (bare)
		return blobpack_open_frames(&source, b->file.path, g->reader->dir.id,
					    &b->pack, err);
	return blobpack_open(&source, b->file.path, g->reader->dir.id, &b->pack, err);
}

/* 0 = b->pack is there, 1 = it is not and that was told, negative = cannot go on. */
static int
need_pack(struct generations *g, struct blob_file *b, bool bare, struct tape_error *err)
{
	struct tape_error why = { 0 };
	int r;

	if ((b->pack != NULL && (bare || !b->bare)) || b->bad)
		return b->bad;
	r = open_blobs(g, b, bare, &why);
	if (r == 0)
		return 0;
	if (snapshot_stale(r, &why))
		return 1;
	if (r == TAPE_ERR_NOMEM ||
	    (r == TAPE_ERR_IO &&
	     !reader_unreadable(g->reader, b->file.path, why.offset, -why.code,
				"cannot read a blob pack"))) {
		if (err != NULL)
			*err = why;
		return r;
	}
	if (r != TAPE_ERR_IO)
		reader_report(g->reader, TAPE_DAMAGE_MET, b->file.path, why.offset, 0,
			      "%.200s; its blobs are not shown: restore the file from a "
			      "copy",
			      why.message);
	b->bad = true;
	return 1;
}

/* What is asked of a blob: its bytes, or its pieces; neither: only whether it is there. */
struct asked {
	uint8_t **data;
	blobpack_piece_fn *each;
	void *user;
};

static int
read_whole(struct blobpack *pack, const struct blobpack_entry *e, const char *path,
	   uint8_t **data, struct tape_error *err)
{
	struct tape_hash hash;
	uint8_t *buf = malloc(e->size == 0 ? 1 : (size_t)e->size);
	int r;

	if (buf == NULL)
		return error_set(err, TAPE_ERR_NOMEM, path, 0,
				 "no memory for a blob of %llu bytes",
				 (unsigned long long)e->size);
	r = blobpack_read(pack, e, buf, 0, (size_t)e->size, err);
	if (r == 0) {
		hash = hash_bytes(buf, (size_t)e->size);
		if (!hash_equal(&hash, &e->hash))
			r = error_set(err, TAPE_ERR_DAMAGED, path, e->frame,
				      "the bytes of a blob do not match its hash; "
				      "restore the file from a copy");
	}
	if (r != 0) {
		free(buf);
		return r;
	}
	*data = buf;
	return 0;
}

static int
read_blob(struct blobpack *pack, const struct blobpack_entry *e, const char *path,
	  const struct asked *asked, struct tape_error *err)
{
	struct hash_stream *stream;
	int r;

	if (asked->data != NULL)
		return read_whole(pack, e, path, asked->data, err);
	if (asked->each == NULL)
		return 0;
	stream = hash_stream_new();
	r = stream == NULL
		    ? error_set(err, TAPE_ERR_NOMEM, path, 0, "no memory for a blob")
		    : blobpack_each(pack, e, stream, asked->each, asked->user, err);
	hash_stream_free(stream);
	return r;
}

#define NOT_HERE 0x7ffffff1  /* in this generation */
#define NOT_KNOWN 0x7ffffff2 /* to the index: the packs have to be asked */

/* 0, what asked->each gave, NOT_HERE, or negative. */
static int
blob_in(struct generations *g, struct generation *item, const struct tape_hash *hash,
	uint64_t size, const struct asked *asked, struct tape_error *err)
{
	unsigned bucket = blobpack_bucket(size);

	for (size_t i = 0; i < item->blob_count; i++) {
		struct blob_file *b = &item->blobs[i];
		const struct blobpack_entry *e;
		int r;

		if (b->bucket != bucket)
			continue;
		r = need_pack(g, b, false, err);
		if (r < 0)
			return r;
		e = r == 0 ? blobpack_find(b->pack, hash) : NULL;
		if (e == NULL || e->size != size)
			continue;
		return read_blob(b->pack, e, b->file.path, asked, err);
	}
	return NOT_HERE;
}

/* The same by the index, or NOT_KNOWN. */
static int
blob_by_index(struct generations *g, size_t index, const struct tape_hash *hash,
	      uint64_t size, const struct asked *asked, struct tape_error *err)
{
	struct generation *item = &g->items[index];
	struct index_blob at;
	int r = generation_index_blob(g, index, hash, &at);

	if (r != 0)
		return r == 1 ? NOT_HERE : NOT_KNOWN;
	if (at.entry.size != size)
		return NOT_HERE;
	for (size_t i = 0; i < item->blob_count; i++) {
		struct blob_file *b = &item->blobs[i];

		if (b->bucket != at.bucket || b->number != at.pack)
			continue;
		r = need_pack(g, b, true, err);
		if (r != 0)
			return r < 0 ? r : NOT_KNOWN;
		r = read_blob(b->pack, &at.entry, b->file.path, asked, err);
		/* What is wrong may be the index. */
		return r == TAPE_ERR_DAMAGED ? NOT_KNOWN : r;
	}
	return NOT_KNOWN;
}

static int
find_blob(struct generations *g, const struct tape_hash *hash, uint64_t size,
	  const struct asked *asked, struct tape_error *err)
{
	struct tape_error why = { 0 };
	int worst = TAPE_ERR_NOT_FOUND;

	for (size_t i = g->count; i-- > 0;) {
		int r = blob_by_index(g, i, hash, size, asked, &why);

		if (r == NOT_KNOWN)
			r = blob_in(g, &g->items[i], hash, size, asked, &why);
		if (r == NOT_HERE)
			continue;
		if (r >= 0 || r == TAPE_ERR_NOMEM) {
			if (r < 0 && err != NULL)
				*err = why;
			return r;
		}
		if (!snapshot_stale(r, &why)) {
			worst = r;
			if (err != NULL)
				*err = why;
		}
	}
	if (worst == TAPE_ERR_NOT_FOUND)
		return error_set(err, worst, NULL, 0, "no generation has the blob");
	return worst;
}

int
generations_blob(struct generations *g, const struct tape_hash *hash, uint64_t size,
		 uint8_t **data, struct tape_error *err)
{
	return find_blob(g, hash, size, &(struct asked){ .data = data }, err);
}

int
generations_blob_each(struct generations *g, const struct tape_hash *hash, uint64_t size,
		      blobpack_piece_fn *fn, void *user, struct tape_error *err)
{
	return find_blob(g, hash, size, &(struct asked){ .each = fn, .user = user }, err);
}

/* In those that the reader has looked at, or newer ones if there are. */
static int
find_newest(struct tape_reader *reader, const struct tape_hash *hash, uint64_t size,
	    const struct asked *asked, struct tape_error *err)
{
	struct generations *g = NULL;
	int r = TAPE_ERR_NOT_FOUND;

	if (reader->generations != NULL)
		r = find_blob(reader->generations, hash, size, asked, err);
	if (r != TAPE_ERR_NOT_FOUND || reader->generations == NULL ||
	    !generations_changed(reader->generations))
		return r;
	/* Compacted since. */
	r = generations_get(reader, &g, err);
	if (r == 0)
		r = find_blob(g, hash, size, asked, err);
	generations_release(g);
	return r;
}

int
generations_find_blob(struct tape_reader *reader, const struct tape_hash *hash,
		      uint64_t size, uint8_t **data, struct tape_error *err)
{
	return find_newest(reader, hash, size, &(struct asked){ .data = data }, err);
}

static int
no_piece(void *user, const uint8_t *data, size_t len, uint64_t offset)
{
	(void)user;
	(void)data;
	(void)len;
	(void)offset;
	return 0;
}

bool
generations_hold_blob(struct tape_reader *reader, const struct tape_hash *hash,
		      uint64_t size)
{
	struct generations *g = NULL;

	/* The reader keeps them in mind. */
	if (generations_get(reader, &g, NULL) != 0)
		return false;
	generations_release(g);
	return find_newest(reader, hash, size, &(struct asked){ .each = no_piece },
			   NULL) == 0;
}
