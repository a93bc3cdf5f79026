/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of a generation against its packs, both ways. Sums of hashes of all
 * entries are compared, which do not hang on the order: equal sums are equal
 * sets, and neither has to be held.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compactor/check.h"
#include "compactor/compaction.h"
#include "compactor/index_rebuild.h"
#include "format/cached.h"
#include "format/error.h"
#include "format/hash.h"
#include "format/index.h"
#include "format/le.h"
#include "search/generations.h"

struct sum {
	uint64_t count, sum;
};

struct both {
	struct check *c;
	struct generation *g;
	struct index_reader *x;
	struct sum contents[2], referrers[2], repeats[2], caches[2],
		labels[2]; /* of the index, of the packs */
	struct check_set
		names; /* of labels; mark: 1 = listed by the index, 2 = left out */
	struct check_set here;	/* labels of the block, contents of the group at hand */
	struct check_set homes; /* contents of the block at hand that were met */
	struct sum *columns;	/* of the block at hand, by column */
	struct index_values values;
	const char *wrong; /* what does not agree; NULL so far */
};

static void
add(struct sum *s, const void *a, size_t a_len, uint64_t b)
{
	s->count++;
	s->sum += hash_check(a, a_len, b);
}

static bool
same(const struct sum both[2])
{
	return both[0].count == both[1].count && both[0].sum == both[1].sum;
}

/* ---- fingerprints, referrers ---- */

static int
from_index(void *user, const uint8_t fingerprint[FINGERPRINT_BYTES], uint64_t ordinal)
{
	add(user, fingerprint, FINGERPRINT_BYTES, ordinal);
	return 0;
}

/* Entries of one content: each blob once, however often it is named. */
static void
from_content(struct both *b, const struct form *form, const struct block_content *content,
	     uint64_t ordinal)
{
	const uint8_t *at = content->canonical + form->fixed_bytes;
	const uint8_t *end = content->canonical + content->len, *first = at;
	struct tape_hash hash = body_hash(form, content->canonical, content->len);
	struct body_entry e, before;

	add(&b->contents[1], hash.byte, FINGERPRINT_BYTES, ordinal);
	for (uint32_t i = form->fixed_count; i < form->var_count; i++) {
		bool again = false;

		if (body_canonical_entry(&form->vars[form->canonical[i]], at, end, &e) !=
		    0)
			return;
		at = first;
		for (uint32_t k = form->fixed_count; k < i && !again && e.size > 64;
		     k++) {
			(void)body_canonical_entry(&form->vars[form->canonical[k]], at,
						   end, &before);
			again = before.size > 64 &&
				memcmp(before.content, e.content, FINGERPRINT_BYTES) == 0;
			at = before.next;
		}
		if (e.size > 64 && !again)
			add(&b->referrers[1], e.content, FINGERPRINT_BYTES, ordinal);
		at = e.next;
	}
}

/* ---- repeats ---- */

static int
repeat_from_index(void *user, uint64_t ref, uint32_t place)
{
	add(user, &ref, sizeof ref, place);
	return 0;
}

/* Groups of the block that have each content but the first that has one of its own, each once. */
static int
repeats_of_block(struct both *b, uint32_t number, const struct block_all *all)
{
	const struct scopepack_block_info *info = &b->g->scopes.blocks[number];
	uint32_t group = 0;
	int r = 0;

	check_set_release(&b->homes);
	for (uint32_t i = 0; i < all->row_count && r == 0; i++) {
		uint64_t ref = all->rows[i].content;
		bool own = ref - info->first_content < info->contents, fresh = false;
		struct tape_hash key = hash_bytes(&ref, sizeof ref);
		uint32_t *home = NULL;

		if (i % GROUP_ROWS == 0) {
			group = number * BLOCK_GROUPS + i / GROUP_ROWS;
			check_set_release(&b->here);
		}
		if (check_set_put(&b->here, &key, &fresh) == NULL)
			return check_no_memory(b->c);
		if (!fresh)
			continue;
		if (own)
			home = check_set_put(&b->homes, &key, &fresh);
		if (own && home == NULL)
			return check_no_memory(b->c);
		if (!own || !fresh)
			add(&b->repeats[1], &ref, sizeof ref, group);
	}
	return r;
}

/* ---- cache ---- */

static void
add_cached(struct sum *s, const struct index_cache_entry *e)
{
	struct {
		struct tape_hash key, canonical;
		uint64_t time, seq;
		uint32_t session, form, flags, len;
	} all = { e->key,
		  hash_bytes(e->canonical, e->len),
		  (uint64_t)e->time,
		  e->seq,
		  e->session,
		  e->form,
		  e->flags,
		  (uint32_t)e->len };

	add(s, &all, sizeof all, 0);
}

static int
cached_from_index(void *user, const struct index_cache_entry *e)
{
	add_cached(user, e);
	return 0;
}

static void
caches_of_block(struct both *b, uint32_t number, const struct block_all *all)
{
	const struct scopepack *p = &b->g->scopes;

	for (uint32_t i = 0; i < all->row_count; i++) {
		const struct block_row *row = &all->rows[i];
		uint64_t own = row->content - p->blocks[number].first_content;
		struct index_cache_entry e = { .time = row->time,
					       .seq = row->seq,
					       .session = row->session,
					       .canonical = (const uint8_t *)"" };
		const struct block_content *content;

		if (row->kind != ROW_SCOPE || own >= all->content_count)
			continue;
		content = &all->contents[own];
		if (!cached_form(&p->forms[row->form]) ||
		    !cached_read(&p->forms[content->form], content->canonical,
				 content->len, &e.key, &e.flags))
			continue;
		if (content->len <= INDEX_CACHE_MOST) {
			e.form = content->form;
			e.canonical = content->canonical;
			e.len = content->len;
		}
		add_cached(&b->caches[1], &e);
	}
}

/* ---- labels ---- */

static struct tape_hash
name_hash(const char *label)
{
	return hash_bytes(label, strlen(label));
}

static int
list_label(struct both *b, const char *label)
{
	struct tape_hash hash = name_hash(label);
	struct tape_error why = { 0 };
	uint32_t *blocks = NULL, *mark;
	size_t count = 0;
	bool fresh;
	int r;

	mark = check_set_put(&b->names, &hash, &fresh);
	if (mark == NULL)
		return check_no_memory(b->c);
	if (!fresh)
		return 0;
	r = index_label_blocks(b->x, label, &blocks, &count, &why);
	*mark = r == TAPE_ERR_LIMIT ? 2 : 1;
	for (size_t i = 0; r == 0 && i < count; i++)
		add(&b->labels[0], hash.byte, sizeof hash.byte, blocks[i]);
	free(blocks);
	if (r != 0 && r != TAPE_ERR_LIMIT && r != TAPE_ERR_NOT_FOUND)
		b->wrong = "labels";
	return r == TAPE_ERR_NOMEM ? check_no_memory(b->c) : 0;
}

static int
list_labels(struct both *b)
{
	const struct scopepack *p = &b->g->scopes;
	int r = 0;

	for (uint32_t f = 1; f <= p->form_count && r == 0; f++)
		for (uint32_t i = 0; i < p->forms[f].label_count && r == 0; i++)
			r = list_label(b, p->forms[f].labels[i]);
	return r;
}

static int
labels_of_block(struct both *b, uint32_t number, const struct block_all *all)
{
	const struct scopepack *p = &b->g->scopes;
	uint32_t last = 0;

	check_set_release(&b->here);
	for (uint32_t i = 0; i < all->row_count; i++) {
		const struct form *form = &p->forms[all->rows[i].form];

		if (all->rows[i].form == last)
			continue;
		last = all->rows[i].form;
		for (uint32_t k = 0; k < form->label_count; k++) {
			struct tape_hash hash = name_hash(form->labels[k]);
			const uint32_t *listed = check_set_find(&b->names, &hash);
			bool fresh = false;

			if (check_set_put(&b->here, &hash, &fresh) == NULL)
				return check_no_memory(b->c);
			if (fresh && listed != NULL && *listed == 1)
				add(&b->labels[1], hash.byte, sizeof hash.byte, number);
		}
	}
	return 0;
}

/* ---- values ---- */

static void
column_values(struct both *b, const struct block_content *content, uint32_t row)
{
	const struct scopepack *p = &b->g->scopes;
	const struct form *form = &p->forms[content->form];
	const uint8_t *at = content->canonical + form->fixed_bytes;
	const uint8_t *end = content->canonical + content->len;

	for (uint32_t i = 0; i < form->var_count; i++) {
		uint32_t var = form->canonical[i];
		const struct form_var *v = &form->vars[var];
		unsigned width = scopepack_width(v->type);
		struct body_entry e;

		if (v->type == TAPE_NULL)
			continue;
		if (i < form->fixed_count) {
			add(&b->columns[p->form_columns[content->form][var]],
			    content->canonical + v->offset, width, row);
			continue;
		}
		if (body_canonical_entry(v, at, end, &e) != 0)
			return;
		add(&b->columns[p->form_columns[content->form][var]], at,
		    (size_t)(e.next - at), row);
		at = e.next;
	}
}

static struct sum
sum_of_values(const struct index_values *v, uint32_t rows)
{
	struct sum s = { 0, 0 };

	for (uint32_t i = 0; i < v->count; i++) {
		const struct column *c = &v->values;
		uint32_t from = c->width != 0 ? i * c->width
				: i == 0      ? 0
					      : c->ends[i - 1];
		uint32_t to = c->width != 0 ? from + c->width : c->ends[i];

		for (uint32_t word = 0; word * 64 < rows; word++)
			for (uint64_t bits = v->rows[i].words[word]; bits != 0;
			     bits &= bits - 1)
				add(&s, c->values + from, to - from,
				    word * 64 + (uint32_t)__builtin_ctzll(bits));
	}
	return s;
}

static int
values_of_block(struct both *b, uint32_t number, const struct block_all *all)
{
	const struct scopepack *p = &b->g->scopes;

	memset(b->columns, 0, p->column_count * sizeof *b->columns);
	for (uint32_t i = 0; i < all->content_count; i++)
		column_values(b, &all->contents[i], i);
	for (uint32_t column = 0; column < p->column_count; column++) {
		struct tape_error why = { 0 };
		struct sum sums[2];
		int r;

		if (b->columns[column].count == 0)
			continue;
		r = index_values_read(b->x, number, column, &b->values, NULL, &why);
		if (r == TAPE_ERR_NOT_FOUND)
			continue;
		if (r == TAPE_ERR_NOMEM)
			return check_no_memory(b->c);
		sums[0] = b->columns[column];
		sums[1] = r == 0 ? sum_of_values(&b->values, all->content_count)
				 : (struct sum){ 0, 0 };
		if (!same(sums))
			b->wrong = "values";
	}
	return 0;
}

/* ---- blobs ---- */

static int
blobs_of_pack(struct both *b, const struct blob_file *file, uint64_t *count)
{
	struct tape_error why = { 0 };
	struct blobpack *pack = NULL;
	const char *name = strrchr(file->file.path, '/');
	unsigned bucket = 0, number = 0;
	int fd = -1, r = check_generations_blobs(b->c, file->file.path, &fd, &pack, &why);
	size_t all = r == 0 ? blobpack_count(pack) : 0;

	if (name == NULL || sscanf(name, "/blobs-%u-%u.pack", &bucket, &number) != 2)
		b->wrong = "blobs";
	for (size_t i = 0; i < all && r == 0; i++) {
		const struct blobpack_entry *e = blobpack_entry_at(pack, i);
		struct index_blob at;

		/* The same blob may be in two packs: one of them is named. */
		r = index_find_blob(b->x, &e->hash, &at, &why);
		if (r == 0 && at.bucket == bucket && at.pack == number &&
		    memcmp(&at.entry.hash, &e->hash, sizeof e->hash) == 0 &&
		    (at.entry.size != e->size || at.entry.frame != e->frame ||
		     at.entry.within != e->within || at.entry.frames != e->frames))
			b->wrong = "blobs";
	}
	*count += all;
	blobpack_close(pack);
	os_close(&fd);
	if (r != 0)
		b->wrong = "blobs";
	return r == TAPE_ERR_NOMEM ? check_no_memory(b->c) : 0;
}

/* ---- all of it ---- */

static int
compare_blocks(struct both *b)
{
	struct pack_codec *codec = pack_codec_new();
	struct block_all all = { 0 };
	struct scopepack *p = &b->g->scopes;
	int r = codec == NULL ? check_no_memory(b->c) : 0;

	for (uint32_t i = 0; i < p->block_count && r == 0; i++) {
		struct tape_error why = { 0 };

		r = block_decode(p, codec, i, &all, &why);
		if (r != 0) {
			*b->c->err = why;
			break;
		}
		for (uint32_t k = 0; k < all.content_count; k++)
			from_content(b, &p->forms[all.contents[k].form], &all.contents[k],
				     p->blocks[i].first_content + k);
		r = repeats_of_block(b, i, &all);
		caches_of_block(b, i, &all);
		if (r == 0)
			r = labels_of_block(b, i, &all);
		if (r == 0)
			r = values_of_block(b, i, &all);
		if (r == 0)
			r = check_progress(b->c, 0);
	}
	block_all_release(&all);
	pack_codec_free(codec);
	return r;
}

static int
compare(struct both *b)
{
	static const uint8_t none[16];
	struct index_counts counts;
	struct tape_error why = { 0 };
	uint64_t blobs = 0;
	int r = index_check(b->x, &why);

	if (r != 0) {
		b->wrong = "its parts";
		return r == TAPE_ERR_NOMEM ? check_no_memory(b->c) : 0;
	}
	if (index_each_content(b->x, NULL, from_index, &b->contents[0], &why) != 0 ||
	    index_find_referrers(b->x, none, 0, from_index, &b->referrers[0], &why) != 0)
		b->wrong = "fingerprints";
	if (index_each_repeat(b->x, repeat_from_index, &b->repeats[0], &why) != 0)
		b->wrong = "repeats";
	if (index_each_cache(b->x, cached_from_index, &b->caches[0], &why) != 0)
		b->wrong = "cached results";
	r = list_labels(b);
	if (r == 0)
		r = compare_blocks(b);
	for (size_t i = 0; i < b->g->blob_count && r == 0; i++)
		r = blobs_of_pack(b, &b->g->blobs[i], &blobs);
	index_counts(b->x, &counts);
	if (!same(b->contents))
		b->wrong = "fingerprints";
	else if (!same(b->referrers))
		b->wrong = "referrers";
	else if (!same(b->repeats))
		b->wrong = "repeats";
	else if (!same(b->caches))
		b->wrong = "cached results";
	else if (!same(b->labels))
		b->wrong = "labels";
	else if (counts.blobs != blobs)
		b->wrong = "blobs";
	return r;
}

int
check_index(struct check *c, size_t index)
{
	struct generations *g = c->snapshot->generations;
	struct both b = { .c = c, .g = &g->items[index] };
	char path[sizeof b.g->path + 16];
	int r = 0;

	(void)snprintf(path, sizeof path, "%s/" INDEX_PACK, b.g->path);
	b.x = b.g->scopes_ready ? generation_index(g, index) : NULL;
	if (b.x == NULL) /* why was told by what was wrong with the files */
		return 0;
	b.columns = calloc(b.g->scopes.column_count + 1, sizeof *b.columns);
	r = b.columns == NULL ? check_no_memory(c) : compare(&b);
	if (r == 0 && b.wrong != NULL)
		(void)check_found(c, TAPE_FOUND_DAMAGE, TAPE_REMEDY_REBUILD_INDEX, path,
				  0, 0, CHECK_INDEX_LOST,
				  "the index does not agree with the packs: %s", b.wrong);
	check_set_release(&b.names);
	check_set_release(&b.here);
	check_set_release(&b.homes);
	index_values_release(&b.values);
	free(b.columns);
	return r;
}

/* ---- making it anew ---- */

int
check_index_rebuild(struct check *c, size_t index)
{
	const struct generation *g = &c->snapshot->generations->items[index];
	struct compaction holder = { .reader = c->reader, .work_fd = -1, .err = c->err };
	struct lock lock = { -1 };
	struct tape_error why = { 0 };
	char path[sizeof g->path + 16];
	int r = lock_take(&holder, &lock);

	if (r != 0)
		return r;
	(void)snprintf(path, sizeof path, "%s/" INDEX_PACK, g->path);
	r = compactor_rebuild_index(c->reader, c->snapshot->generations, index, &why);
	lock_release(&lock);
	if (check_fatal(r, &why) || (r == TAPE_ERR_IO && why.code != ENOENT)) {
		*c->err = why;
		return r;
	}
	if (r != 0) {
		(void)check_found(c, TAPE_FOUND_NOTE, TAPE_REMEDY_NONE, path, 0, 0, NULL,
				  "the index cannot be made anew: %.400s", why.message);
		return 0;
	}
	check_forget_file(c, path);
	(void)snprintf(path, sizeof path, "%s/" INDEX_DIRECTORY_FILE, g->path);
	check_forget_file(c, path);
	(void)check_found(c, TAPE_FOUND_REBUILT, TAPE_REMEDY_NONE, g->path, 0, 0, NULL,
			  "its index was made anew from its packs");
	return 0;
}
