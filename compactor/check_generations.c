/* SPDX-License-Identifier: Apache-2.0 */
/* Generations: their files against MANIFEST, and what is wrong inside of one that differs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compactor/check.h"
#include "compactor/compaction.h"
#include "format/error.h"
#include "format/hash.h"
#include "format/index.h"
#include "format/os.h"
#include "search/generations.h"

#define COLUMN_MASK 0xffffffu

struct pack {
	struct check *c;
	struct generation *of;
	const char *path;
	const struct generation_file *file;
	uint64_t found; /* damaged parts of it */
	uint64_t frame; /* of blobs, that was told last, as `item` */
	size_t item;
};

static bool
is_index(const char *name)
{
	return strcmp(name, INDEX_PACK) == 0 || strcmp(name, INDEX_DIRECTORY_FILE) == 0;
}

static bool
rebuilds(const struct check *c)
{
	return (c->options.flags & TAPE_CHECK_REBUILD_INDEX) != 0;
}

static int
remedy_of(const char *name)
{
	return is_index(name) ? TAPE_REMEDY_REBUILD_INDEX : TAPE_REMEDY_RESTORE;
}

/* ---- what a section is ---- */

static void
positions(const struct pack *p, uint32_t block, char *text, size_t cap)
{
	const struct scopepack *s = &p->of->scopes;
	const struct scopepack_block_info *b;
	char first[TAPE_POS_TEXT], last[TAPE_POS_TEXT];
	struct tape_pos pos;

	*text = '\0';
	if (!p->of->scopes_ready || block >= s->block_count)
		return;
	b = &s->blocks[block];
	memcpy(pos.session, s->sessions[b->first_session].id, sizeof pos.session);
	pos.seq = b->first_seq;
	tape_pos_text(&pos, first);
	memcpy(pos.session, s->sessions[b->last_session].id, sizeof pos.session);
	pos.seq = b->last_seq;
	tape_pos_text(&pos, last);
	(void)snprintf(text, cap, "%s to %s", first, last);
}

static void
of_scopes(const struct pack *p, const struct pack_section *s, char *what, size_t cap,
	  char *lost, size_t lost_cap)
{
	static const char *const rows[ROWS_COLUMNS] = { "sessions", "seqs",  "times",
							"forms",    "kinds", "targets",
							"contents" };
	uint32_t column = s->part & COLUMN_MASK;
	char where[2 * TAPE_POS_TEXT + 8];

	positions(p, s->number, where, sizeof where);
	*lost = '\0';
	switch (s->kind) {
	case SCOPES_BLOCK:
		(void)snprintf(what, cap, "the header of block %u", s->number);
		(void)snprintf(lost, lost_cap, "scopes %s", where);
		break;
	case SCOPES_ROWS:
		(void)snprintf(what, cap, "%s of block %u, group %u",
			       column < ROWS_COLUMNS ? rows[column] : "a column",
			       s->number, s->part >> 24);
		(void)snprintf(lost, lost_cap, "up to %u of scopes %s", GROUP_ROWS,
			       where);
		break;
	case SCOPES_CONTENT:
		if (column == 0)
			(void)snprintf(what, cap, "forms of contents of block %u",
				       s->number);
		else
			(void)snprintf(what, cap, "values of %.200s in block %u",
				       p->of->scopes_ready &&
						       column <=
							       p->of->scopes.column_count
					       ? p->of->scopes.columns[column - 1].name
					       : "a variable",
				       s->number);
		(void)snprintf(lost, lost_cap, "values first recorded in scopes %s",
			       where);
		break;
	case SCOPES_MANIFEST:
		(void)snprintf(what, cap, "the manifest of session %u of the pack",
			       s->number);
		break;
	default:
		(void)snprintf(what, cap, "section %u of kind %u", s->number, s->kind);
		break;
	}
}

static void
section_bad(struct pack *p, const struct pack_section *s, const struct tape_error *why)
{
	char what[320] = "a part", lost[200] = "";

	p->found++;
	if (strcmp(p->file->name, "scopes.pack") == 0)
		of_scopes(p, s, what, sizeof what, lost, sizeof lost);
	else if (strncmp(p->file->name, "blobs-", 6) == 0)
		(void)snprintf(what, sizeof what, "%s %u of blobs",
			       s->kind == 2 ? "frame" : "table", s->number);
	else
		(void)snprintf(what, sizeof what, "section %u of the index", s->number);
	(void)check_found(p->c, TAPE_FOUND_DAMAGE, remedy_of(p->file->name), p->path,
			  s->offset, s->stored + PACK_SECTION_HEADER,
			  is_index(p->file->name) ? CHECK_INDEX_LOST : lost, "%s: %.300s",
			  what, why->message);
}

/* Whatever has not been named is: every section is read, from the first on. */
static int
walk_sections(struct pack *p, const struct block_source *source)
{
	struct pack_codec *codec = pack_codec_new();
	struct pack_bytes raw = { 0 };
	struct tape_error why = { 0 };
	struct pack_section s;
	struct pack_reader pack;
	uint64_t offset = PACK_HEADER;
	int r;

	if (codec == NULL)
		return check_no_memory(p->c);
	r = pack_reader_open(source, p->path, NULL, &pack, &why);
	while (r == 0 && (r = pack_section_next(&pack, &offset, &s, &why)) == 1) {
		r = pack_section_read(&pack, codec, s.offset, 0, s.kind, &s, &raw, NULL,
				      &why);
		if (r != 0 && !check_fatal(r, &why)) {
			section_bad(p, &s, &why);
			r = 0;
		}
	}
	pack_bytes_release(&raw);
	pack_codec_free(codec);
	if (check_fatal(r, &why)) {
		*p->c->err = why;
		return r;
	}
	if (r < 0) {
		p->found++;
		check_error(p->c, remedy_of(p->file->name), p->path, &why,
			    is_index(p->file->name) ? CHECK_INDEX_LOST : NULL);
	}
	return 0;
}

/* ---- blobs ---- */

int
check_generations_blobs(struct check *c, const char *path, int *fd, struct blobpack **out,
			struct tape_error *err)
{
	struct block_source source;
	struct os_stat st;
	int r = os_open_read(c->reader->dir.fd, path, fd);

	if (r == 0)
		r = os_fstat(*fd, &st);
	if (r != 0)
		return error_io(err, r, path, "cannot open it");
	source = block_from_fd(fd, st.size);
	return blobpack_open(&source, path, c->reader->dir.id, out, err);
}

/* Blobs that share a damaged frame are one finding. */
static int
on_blob(struct pack *p, const struct blobpack_entry *e, int status,
	const struct tape_error *why)
{
	char text[TAPE_HASH_TEXT], lost[TAPE_HASH_TEXT + 8];

	p->c->result->blobs++;
	if (status == 0)
		return check_progress(p->c, 0);
	if (check_fatal(status, why)) {
		*p->c->err = *why;
		return status;
	}
	if (p->frame != e->frame) {
		tape_hash_text(&e->hash, text);
		(void)snprintf(lost, sizeof lost, "blob %s", text);
		p->frame = e->frame;
		p->item = check_found(p->c, TAPE_FOUND_DAMAGE, TAPE_REMEDY_RESTORE,
				      p->path, why->offset != 0 ? why->offset : e->frame,
				      0, lost, "%.300s", why->message);
	}
	p->found++;
	return p->item == SIZE_MAX ? 0 : check_blobs_bad(p->c, &e->hash, p->item);
}

static int
all_blobs(struct pack *p, struct blobpack *pack)
{
	size_t count = blobpack_count(pack);
	const struct blobpack_entry **order = malloc((count + 1) * sizeof *order);
	struct hash_stream *stream = hash_stream_new();
	int r = order == NULL || stream == NULL ? check_no_memory(p->c) : 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		order[i] = blobpack_entry_at(pack, i);
	if (r == 0 && count != 0)
		qsort(order, count, sizeof(*order), verify_by_place);
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct tape_error why = { 0 };

		r = blobpack_check(pack, order[i], stream, &why);
		r = on_blob(p, order[i], r, &why);
	}
	hash_stream_free(stream);
	free(order);
	return r;
}

static int
check_blob_pack(struct pack *p)
{
	struct tape_error why = { 0 };
	struct blobpack *pack = NULL;
	int fd = -1, r = check_generations_blobs(p->c, p->path, &fd, &pack, &why);

	if (r == 0 && p->c->full) {
		r = all_blobs(p, pack);
		blobpack_close(pack);
		os_close(&fd);
		return r;
	}
	blobpack_close(pack);
	os_close(&fd);
	if (check_fatal(r, &why) || snapshot_stale(r, &why)) {
		*p->c->err = why;
		return r;
	}
	if (r != 0) {
		p->found++;
		check_error(p->c, TAPE_REMEDY_RESTORE, p->path, &why, "the blobs in it");
	}
	return 0;
}

/* ---- files ---- */

static void
missing(struct pack *p, int r)
{
	char cause[80];
	bool index = is_index(p->file->name);

	p->found++;
	(void)check_found(p->c, TAPE_FOUND_DAMAGE, remedy_of(p->file->name), p->path, 0,
			  0, index ? CHECK_INDEX_LOST : NULL, "the file %s%s",
			  r == -ENOENT ? "is missing" : "cannot be opened: ",
			  r == -ENOENT ? "" : os_strerror(r, cause, sizeof cause));
}

/* Its bytes are not those that were published: which part is it? */
static int
differs(struct pack *p, uint64_t size)
{
	bool pack = strcmp(p->file->name, INDEX_DIRECTORY_FILE) != 0;
	struct block_source source;
	int fd = -1, r = 0;

	if (pack && os_open_read(p->c->reader->dir.fd, p->path, &fd) == 0) {
		source = block_from_fd(&fd, size);
		r = walk_sections(p, &source);
		os_close(&fd);
	}
	if (r == 0 && p->found == 0)
		(void)check_found(p->c, TAPE_FOUND_DAMAGE, remedy_of(p->file->name),
				  p->path, 0, size,
				  is_index(p->file->name) ? CHECK_INDEX_LOST : NULL,
				  "the file's bytes are not those that MANIFEST names");
	p->found += p->found == 0;
	return r;
}

/* All of its bytes against MANIFEST. */
static int
whole_file(struct pack *p)
{
	struct tape_error why = { 0 };
	struct tape_hash is;
	uint64_t size;
	int r = check_hash_file(p->c, p->path, &is, &size, &why);

	if (r == TAPE_ERR_STOPPED)
		return r;
	if (r != 0 && (check_fatal(r, &why) || snapshot_stale(r, &why))) {
		*p->c->err = why;
		return r;
	}
	if (r != 0)
		check_error(p->c, remedy_of(p->file->name), p->path, &why, NULL);
	else if (!hash_equal(&is, &p->file->hash))
		return differs(p, size);
	return 0;
}

static int
one_file(struct pack *p)
{
	const struct generation_file *f = p->file;
	struct os_stat st;
	int r = os_stat(p->c->reader->dir.fd, p->path, &st);

	if (r != 0) {
		missing(p, r);
		return 0;
	}
	if (st.size != f->size) {
		p->found++;
		(void)check_found(p->c, TAPE_FOUND_DAMAGE, remedy_of(f->name), p->path, 0,
				  0, is_index(f->name) ? CHECK_INDEX_LOST : NULL,
				  "the file has %llu bytes where MANIFEST says %llu",
				  (unsigned long long)st.size,
				  (unsigned long long)f->size);
	}
	r = strncmp(f->name, "blobs-", 6) == 0 ? check_blob_pack(p) : 0;
	if (r != 0)
		return r;
	/* The directory of the index has no checksums of its own. */
	if (p->c->full || strcmp(f->name, INDEX_DIRECTORY_FILE) == 0 ||
	    (rebuilds(p->c) && is_index(f->name)))
		return whole_file(p);
	return check_progress(p->c, st.size);
}

/* ---- quick: what holds the pack of scopes together ---- */

static int
block_headers(struct check *c, struct generation *g)
{
	struct scopepack_block block = { 0 };
	struct pack p = { .c = c, .of = g, .path = g->file->path };
	int r = 0;

	for (uint32_t i = 0; i < g->scopes.block_count && r == 0; i++) {
		struct tape_error why = { 0 };
		char lost[2 * TAPE_POS_TEXT + 16] = "scopes ";

		r = scopepack_block_read(&g->scopes,
					 generations_codec(c->snapshot->generations), i,
					 &block, NULL, &why);
		if (check_fatal(r, &why) || snapshot_stale(r, &why)) {
			*c->err = why;
			break;
		}
		if (r != 0) {
			positions(&p, i, lost + 7, sizeof lost - 7);
			check_error(c, TAPE_REMEDY_RESTORE, g->file->path, &why, lost);
		}
		r = 0;
	}
	scopepack_block_release(&block);
	return r;
}

static int
strangers(struct check *c, const struct generation *g)
{
	struct check_names names = { 0 };
	int r = check_list(c, g->path, &names);

	for (size_t i = 0; i < names.count && r == 0; i++) {
		char path[sizeof g->path + 300];
		bool known = strcmp(names.names[i], "MANIFEST") == 0;
		struct os_stat st;

		for (size_t k = 0; k < g->manifest.file_count; k++)
			known |= strcmp(names.names[i], g->manifest.files[k].name) == 0;
		(void)snprintf(path, sizeof path, "%s/%s", g->path, names.names[i]);
		if (!known && os_stat(c->reader->dir.fd, path, &st) == 0)
			(void)check_found(c, TAPE_FOUND_LEFTOVER, TAPE_REMEDY_NONE, path,
					  0, st.size, NULL,
					  "MANIFEST does not name this file");
	}
	check_names_release(&names);
	return r;
}

static int
one_generation(struct check *c, size_t index)
{
	struct generation *g = &c->snapshot->generations->items[index];
	uint64_t scopes = 0, indexes = 0;
	int r = 0;

	for (size_t i = 0; i < g->manifest.file_count && r == 0; i++) {
		char path[sizeof g->path + sizeof g->manifest.files[i].name + 1];
		struct pack p = {
			.c = c, .of = g, .path = path, .file = &g->manifest.files[i]
		};

		(void)snprintf(path, sizeof path, "%s/%s", g->path, p.file->name);
		r = one_file(&p);
		*(is_index(p.file->name) ? &indexes : &scopes) += p.found;
	}
	if (r == 0 && g->scopes_ready)
		r = block_headers(c, g);
	if (r == 0 && indexes != 0 && rebuilds(c) && g->scopes_ready)
		r = check_index_rebuild(c, index);
	else if (r == 0 && indexes == 0 && scopes == 0 && c->full)
		r = check_index(c, index);
	return r == 0 && g->manifest.file_count != 0 ? strangers(c, g) : r;
}

int
check_generations(struct check *c)
{
	int r = 0;

	for (size_t i = 0; i < c->snapshot->generations->count && r == 0; i++)
		r = one_generation(c, i);
	return r;
}
