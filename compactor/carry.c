/* SPDX-License-Identifier: Apache-2.0 */
#include "compactor/carry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/index.h"
#include "format/limits.h"

/* A pack, and which of its blobs are referred to. */
struct carried {
	const struct generation *of;
	const struct generation_file *file;
	struct tape_hash *hashes; /* ascending */
	uint8_t *used;
	size_t count;
	unsigned bucket;
	bool anew; /* it was written anew */
};

/* A pack of blobs of the new generation, as it was written. */
struct made {
	struct blobpack *pack;
	struct block_source source;
	int fd;
	unsigned bucket;
};

struct carry {
	struct compaction *c;
	struct blobs *blobs;
	struct carried *packs;
	size_t count, cap;
	struct made *made;
	size_t made_count;
	bool some_anew;
	bool some_unread; /* the table of a pack could not be read */
	bool must;
};

void
carry_free(struct carry *k)
{
	if (k == NULL)
		return;
	for (size_t i = 0; i < k->count; i++) {
		free(k->packs[i].hashes);
		free(k->packs[i].used);
	}
	for (size_t i = 0; i < k->made_count; i++) {
		blobpack_close(k->made[i].pack);
		os_close(&k->made[i].fd);
	}
	free(k->made);
	free(k->packs);
	free(k);
}

static bool
is_pack(const struct generation_file *f)
{
	return strncmp(f->name, "blobs-", 6) == 0;
}

/* ---- what they have ---- */

/* The pack of a generation, with its table. fd is closed by the caller. */
static int
open_pack(struct compaction *c, const struct carried *p, int *fd, struct blobpack **out,
	  struct tape_error *err)
{
	char path[GENERATION_NAME + 64];
	struct block_source source;
	struct os_stat st;
	int r;

	(void)snprintf(path, sizeof path, "%s/%s", p->of->path, p->file->name);
	r = os_open_read(c->reader->dir.fd, path, fd);
	if (r == 0)
		r = os_fstat(*fd, &st);
	if (r != 0)
		return error_io(err, r, path, "cannot open a pack of blobs");
	source = block_from_fd(fd, st.size);
	return blobpack_open(&source, path, c->reader->dir.id, out, err);
}

/* One that cannot be read comes along as it is, as one does of which all is used. */
static int
list_blobs(struct carry *k, struct carried *p)
{
	struct tape_error why = { 0 };
	struct blobpack *pack = NULL;
	int fd = -1, r = open_pack(k->c, p, &fd, &pack, &why);
	size_t count = r == 0 ? blobpack_count(pack) : 0;

	if (r == 0) {
		p->hashes = malloc((count + 1) * sizeof *p->hashes);
		p->used = calloc(count + 1, 1);
		if (p->hashes == NULL || p->used == NULL)
			r = TAPE_ERR_NOMEM;
	}
	for (size_t i = 0; r == 0 && i < count; i++)
		p->hashes[i] = blobpack_entry_at(pack, i)->hash;
	p->count = r == 0 ? count : 0;
	k->some_unread |= r != 0;
	if (count != 0)
		p->bucket = blobpack_bucket(blobpack_entry_at(pack, 0)->size);
	blobpack_close(pack);
	os_close(&fd);
	return r == TAPE_ERR_NOMEM ? compaction_no_memory(k->c) : 0;
}

static int
add_pack(struct carry *k, const struct generation *of, const struct generation_file *file)
{
	size_t cap = k->cap == 0 ? 16 : k->cap * 2;
	struct carried *more;

	if (k->count == k->cap) {
		more = reallocarray(k->packs, cap, sizeof *more);
		if (more == NULL)
			return compaction_no_memory(k->c);
		k->packs = more;
		k->cap = cap;
	}
	k->packs[k->count] = (struct carried){ .of = of, .file = file };
	return list_blobs(k, &k->packs[k->count++]);
}

/*
 * A recorder that is alive may count on a blob that it met as a file once, and that a
 * pack alone has now; and what is raw and stays so may refer to any.
 */
static bool
nobody_refers(const struct compaction *c)
{
	return !c->alive && c->result->left_raw == 0 && c->refused_count == 0;
}

static bool
have_room(const struct compaction *c)
{
	const struct generations *g = c->snapshot->generations;
	uint64_t blobs = 0;

	for (size_t i = c->keep; i < g->count; i++)
		blobs += g->items[i].manifest.blobs;
	return blobs <= c->options.memory / 4 / (sizeof(struct tape_hash) + 1);
}

static bool
may_choose(struct compaction *c)
{
	if (!nobody_refers(c))
		return false;
	if (have_room(c))
		return true;
	compaction_event(
		c, "blobs", 0,
		"that only withdrawn results refer to may stay, for want of memory: "
		"with a larger --memory they go");
	return false;
}

int
carry_begin(struct compaction *c, struct blobs *blobs, bool choosy, struct carry **out)
{
	const struct generations *g = c->snapshot->generations;
	struct carry *k = NULL;
	int r = 0;

	*out = NULL;
	if (choosy && may_choose(c)) {
		k = calloc(1, sizeof *k);
		if (k == NULL)
			return compaction_no_memory(c);
		k->c = c;
		k->blobs = blobs;
	}
	for (size_t i = c->keep; r == 0 && i < g->count; i++) {
		const struct generation *of = &g->items[i];

		blobs_count_carried(blobs, of);
		for (size_t n = 0; r == 0 && n < of->manifest.file_count; n++) {
			const struct generation_file *f = &of->manifest.files[n];

			if (is_pack(f))
				r = k != NULL ? add_pack(k, of, f)
					      : blobs_carry(blobs, of, f);
		}
	}
	*out = k;
	return r;
}

/* Results of the others stay, whatever was withdrawn. */
static bool
all_over(const struct compaction *c)
{
	for (size_t i = 0; i < c->part_count; i++)
		if (!c->parts[i].over)
			return false;
	return true;
}

bool
carry_may_forget(const struct compaction *c)
{
	return c->keep == 0 && nobody_refers(c) && have_room(c) && all_over(c);
}

bool
carry_must(struct compaction *c, struct carry *k)
{
	const struct generations *g = c->snapshot->generations;

	if (!carry_may_forget(c) || (k == NULL && g->count != 0) ||
	    (k != NULL && k->some_unread))
		return false;
	if (k != NULL)
		k->must = true;
	return true;
}

/* ---- what is referred to ---- */

static uint8_t *
mark_of(const struct carried *p, const struct tape_hash *hash)
{
	size_t lo = 0, hi = p->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = memcmp(&p->hashes[mid], hash, sizeof *hash);

		if (order == 0)
			return &p->used[mid];
		if (order < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

void
carry_refer(struct carry *k, const struct form *form, const uint8_t *canonical,
	    size_t len)
{
	const uint8_t *at;
	struct body_entry e;

	if (k == NULL || form->fixed_count == form->var_count || len < form->fixed_bytes)
		return;
	at = canonical + form->fixed_bytes;
	for (uint32_t i = form->fixed_count; i < form->var_count; i++) {
		const struct form_var *var = &form->vars[form->canonical[i]];
		struct tape_hash hash;

		if (body_canonical_entry(var, at, canonical + len, &e) != 0)
			return; /* it was checked before */
		at = e.next;
		if (e.size <= CANON_BYTES)
			continue;
		memcpy(&hash, e.content, sizeof hash);
		for (size_t p = 0; p < k->count; p++) {
			uint8_t *mark = k->packs[p].bucket == blobpack_bucket(e.size)
						? mark_of(&k->packs[p], &hash)
						: NULL;

			if (mark != NULL)
				*mark = 1;
		}
	}
}

static int
some_refers(void *user, const uint8_t fingerprint[FINGERPRINT_BYTES], uint64_t ordinal)
{
	(void)user;
	(void)fingerprint;
	(void)ordinal;
	return 1;
}

/* Does a generation that stays refer to it, or may it? */
static bool
kept_refers(const struct carry *k, const struct tape_hash *hash)
{
	struct generations *g = k->c->snapshot->generations;
	struct tape_error why;

	for (size_t i = 0; i < k->c->keep; i++) {
		struct index_reader *x = generation_index(g, i);

		if (x == NULL ||
		    index_find_referrers(x, hash->byte, 80, some_refers, NULL, &why) != 0)
			return true;
	}
	return false;
}

/* ---- taking over ---- */

/* A pack that was written anew has it, verified. */
static bool
written(const struct carry *k, const struct carried *upto, const struct tape_hash *hash)
{
	for (const struct carried *p = k->packs; p < upto; p++) {
		const uint8_t *mark = p->anew ? mark_of(p, hash) : NULL;

		if (mark != NULL && *mark)
			return true;
	}
	return false;
}

/* Entries that stay, in the order of the file. */
static size_t
choose(const struct carried *p, const struct blobpack *pack,
       const struct blobpack_entry **order)
{
	size_t count = 0;

	for (size_t i = 0; i < p->count; i++)
		if (p->used[i])
			order[count++] = blobpack_entry_at(pack, i);
	if (count > 1)
		qsort(order, count, sizeof(*order), verify_by_place);
	return count;
}

static uint64_t
bytes_of(const struct blobpack *pack)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < blobpack_count(pack); i++)
		bytes += blobpack_entry_at(pack, i)->size;
	return bytes;
}

/* 1 = written anew, 0 = something in it is damaged: it comes along as it is. */
static int
write_anew(struct carry *k, struct carried *p)
{
	const struct blobpack_entry **order = malloc((p->count + 1) * sizeof(*order));
	struct hash_stream *stream = hash_stream_new();
	struct tape_error why = { 0 };
	struct blobpack *pack = NULL;
	size_t count = 0;
	int fd = -1, r = order == NULL || stream == NULL
				 ? compaction_no_memory(k->c)
				 : open_pack(k->c, p, &fd, &pack, &why);
	bool good = r == 0 && blobpack_count(pack) == p->count;

	if (good)
		count = choose(p, pack, order);
	/* All of it is looked at before anything of it is written. */
	for (size_t i = 0; good && i < count; i++)
		good = blobpack_check(pack, order[i], stream, &why) == 0;
	if (good)
		blobs_uncount(k->blobs, p->count, bytes_of(pack));
	for (size_t i = 0; good && r == 0 && i < count; i++)
		if (!written(k, p, &order[i]->hash))
			r = blobs_copy(k->blobs, pack, order[i], stream);
	p->anew = good && r == 0;
	k->some_anew |= p->anew;
	hash_stream_free(stream);
	free(order);
	blobpack_close(pack);
	os_close(&fd);
	if (!good && r != TAPE_ERR_NOMEM && k->must) {
		*k->c->err = why;
		r = why.status != 0 ? why.status : TAPE_ERR_DAMAGED;
	} else if (!good && r != TAPE_ERR_NOMEM) {
		r = 0;
	} else if (r == 0) {
		r = 1;
	}
	return r;
}

int
carry_finish(struct carry *k)
{
	uint64_t left_out = 0;
	int r = 0;

	for (size_t i = 0; k != NULL && r == 0 && i < k->count; i++) {
		struct carried *p = &k->packs[i];
		size_t unused = 0;

		for (size_t n = 0; n < p->count; n++) {
			if (!p->used[n])
				p->used[n] = kept_refers(k, &p->hashes[n]);
			unused += !p->used[n];
		}
		r = unused == 0 ? 0 : write_anew(k, p);
		if (r == 1)
			left_out += unused;
		if (r >= 0)
			r = r == 1 ? 0 : blobs_carry(k->blobs, p->of, p->file);
	}
	if (r == 0 && left_out != 0)
		compaction_event(k->c, "blobs", 0,
				 "%llu that nothing refers to any more are left out",
				 (unsigned long long)left_out);
	return r;
}

/* ---- what was written ---- */

static int
open_made(struct carry *k, const struct generation_file *f, struct made *m)
{
	struct compaction *c = k->c;
	char path[sizeof c->work + sizeof f->name + 1];
	struct os_stat st;
	unsigned number;
	int r;

	m->fd = -1;
	(void)snprintf(path, sizeof path, "%s/%s", c->work, f->name);
	if (sscanf(f->name, "blobs-%u-%u.pack", &m->bucket, &number) != 2)
		return 0;
	r = os_open_read(c->work_fd, f->name, &m->fd);
	if (r == 0)
		r = os_fstat(m->fd, &st);
	if (r != 0)
		return error_io(c->err, r, path, "cannot read back what was written");
	m->source = block_from_fd(&m->fd, st.size);
	return blobpack_open(&m->source, path, c->reader->dir.id, &m->pack, c->err);
}

int
carry_written(struct carry *k)
{
	const struct generation_manifest *m;
	int r = 0;

	if (k == NULL || !k->some_anew)
		return 0;
	m = &k->c->manifest;
	k->made = calloc(m->file_count + 1, sizeof *k->made);
	if (k->made == NULL)
		return compaction_no_memory(k->c);
	for (size_t i = 0; i < m->file_count && r == 0; i++)
		if (is_pack(&m->files[i]))
			r = open_made(k, &m->files[i], &k->made[k->made_count++]);
	return r;
}

/* It was in a pack that was written anew: is it in one that is there now? */
static bool
came_along(const struct carry *k, const struct tape_hash *hash, uint64_t size)
{
	unsigned bucket = blobpack_bucket(size);
	bool gone = false;

	for (size_t i = 0; i < k->count && !gone; i++)
		gone = k->packs[i].anew && mark_of(&k->packs[i], hash) != NULL;
	for (size_t i = 0; i < k->made_count && gone; i++)
		gone = k->made[i].bucket != bucket ||
		       blobpack_find(k->made[i].pack, hash) == NULL;
	return !gone;
}

bool
carry_has_all(const struct carry *k, const struct form *form, const uint8_t *canonical,
	      size_t len)
{
	const uint8_t *at;
	struct body_entry e;

	if (k == NULL || k->made_count == 0 || form->fixed_count == form->var_count ||
	    len < form->fixed_bytes)
		return true;
	at = canonical + form->fixed_bytes;
	for (uint32_t i = form->fixed_count; i < form->var_count; i++) {
		struct tape_hash hash;

		if (body_canonical_entry(&form->vars[form->canonical[i]], at,
					 canonical + len, &e) != 0)
			return false;
		at = e.next;
		if (e.size <= CANON_BYTES)
			continue;
		memcpy(&hash, e.content, sizeof hash);
		if (!came_along(k, &hash, e.size))
			return false;
	}
	return true;
}
