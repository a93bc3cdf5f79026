/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Indexes of generations: opened when something first asks for one, given up
 * where they turn out damaged. Answers are the same without them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "format/error.h"
#include "format/index.h"
#include "format/os.h"
#include "search/generations.h"
#include "search/reader.h"

static const struct generation_file *
find_file(const struct generation *item, const char *name)
{
	for (size_t i = 0; i < item->manifest.file_count; i++)
		if (strcmp(item->manifest.files[i].name, name) == 0)
			return &item->manifest.files[i];
	return NULL;
}

static bool
own(uint32_t uid)
{
	return uid == 0 || uid == os_geteuid();
}

/*
 * LMDB believes its file, and a hash proves nothing against who made both: so
 * all files must be of this user or of root, MANIFEST as it was read.
 */
static bool
trusted(const struct generations *g, const struct generation *item)
{
	char path[sizeof item->path + sizeof item->manifest.files->name + 1];
	struct os_stat st;

	if (g->reader->untrusted || !own(item->owner))
		return false;
	for (size_t i = 0; i < item->manifest.file_count; i++) {
		const struct generation_file *f = &item->manifest.files[i];

		(void)snprintf(path, sizeof path, "%s/%s", item->path, f->name);
		if (os_stat(g->reader->dir.fd, path, &st) == 0 && !own(st.uid))
			return false;
	}
	return true;
}

static void
tell(struct generations *g, const struct generation *item, const char *file,
     uint64_t offset, const char *what)
{
	char path[sizeof item->path + sizeof item->manifest.files->name + 1];

	(void)snprintf(path, sizeof path, "%s/%s", item->path, file);
	reader_report(g->reader, TAPE_NOTE_MET, path, offset, 0,
		      "%.240s; answers are the same, only slower: tape-check "
		      "--rebuild-index makes it again, and where that cannot be, "
		      "tape-compact --full makes it anew",
		      what);
}

static int
open_index(struct generations *g, struct generation *item, struct tape_error *err)
{
	const struct generation_file *directory = find_file(item, INDEX_DIRECTORY_FILE);
	static const struct tape_hash none;
	struct pack_id id = { .kind = PACK_INDEX };
	int fd = -1, r = os_open_dir(g->reader->dir.fd, item->path, false, &fd);

	if (r != 0)
		return error_io(err, r, item->path, "cannot open it");
	memcpy(id.tape, g->reader->dir.id, sizeof id.tape);
	memcpy(id.uid, item->manifest.uid, sizeof id.uid);
	r = index_open(fd, item->path, &id, directory == NULL ? &none : &directory->hash,
		       directory == NULL ? 0 : directory->size,
		       directory != NULL && trusted(g, item), &item->index, err);
	os_close(&fd);
	if (r == 0)
		r = index_use(item->index, &item->scopes, err);
	return r;
}

/* The machine has no room: it may be there the next time. */
static bool
passing(int status, const struct tape_error *why)
{
	return status == TAPE_ERR_NOMEM ||
	       (status == TAPE_ERR_IO &&
		(why->code == EMFILE || why->code == ENFILE || why->code == ENOMEM));
}

void
generation_index_failed(struct generations *g, size_t index, int status,
			const struct tape_error *why)
{
	struct generation *item = &g->items[index];

	index_close(item->index);
	item->index = NULL;
	item->index_tried = !passing(status, why);
	/* Replaced meanwhile: the next snapshot has another generation. */
	if (item->index_tried &&
	    !((status == TAPE_ERR_NOT_FOUND || snapshot_stale(status, why)) &&
	      generations_changed(g)))
		tell(g, item, INDEX_PACK, why->offset, why->message);
}

struct index_reader *
generation_index(struct generations *g, size_t index)
{
	struct generation *item = &g->items[index];
	struct tape_error why = { 0 };
	int r;

	if (item->index != NULL || item->index_tried)
		return item->index;
	if (item->lost || !item->scopes_ready || find_file(item, INDEX_PACK) == NULL)
		return NULL;
	r = open_index(g, item, &why);
	if (r != 0) {
		generation_index_failed(g, index, r, &why);
		return NULL;
	}
	item->index_tried = true;
	if (index_directory_trouble(item->index) != NULL)
		tell(g, item, INDEX_DIRECTORY_FILE, 0,
		     index_directory_trouble(item->index));
	return item->index;
}

int
generation_index_blob(struct generations *g, size_t index, const struct tape_hash *hash,
		      struct index_blob *out)
{
	struct index_reader *x = generation_index(g, index);
	struct tape_error why = { 0 };
	int r;

	if (x == NULL)
		return 2;
	r = index_find_blob(x, hash, out, &why);
	if (r == 0)
		return 0;
	if (r == TAPE_ERR_NOT_FOUND)
		return 1;
	generation_index_failed(g, index, r, &why);
	return 2;
}
