/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An index from the packs of a generation. Blocks are decoded by several
 * threads and taken in order; what has to be sorted is sorted within a bound of
 * memory, so neither shows in the bytes.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/index_io.h"
#include "format/index_labels.h"
#include "format/index_sort.h"
#include "format/os.h"

#define MOST_THREADS 64u
#define THREAD_MEMORY (UINT64_C(24) << 20)
#define BLOB_WORDS 7u
#define STORED 0 /* nothing is compressed: another compressor would give other bytes */

/* What one block brings. */
struct slot {
	struct pack_bytes made, pairs, referrers, repeats, caches, canonical;
	uint32_t table;
	struct index_label_run *runs;
	uint32_t run_count, run_cap;
	bool done;
	int status;
	struct tape_error why;
};

struct build {
	const struct index_input *in;
	int dir;
	struct pack_writer *writer;
	struct pack_codec *codec;
	struct index_entries entries;
	struct index_sort pairs, referrers, repeats, blobs;
	struct index_caching *caches;
	struct index_labels *labels;
	struct pack_bytes raw, made;
	uint64_t pair_count, referrer_count, repeat_count, blob_count, cache_count;
	bool lost; /* a repeat is of a lost content */
	struct tape_error *err;
	/* Blocks: `next` is taken by whoever is free, `taken` are in the pack. */
	struct slot *slots;
	uint32_t slot_count, next, taken;
	bool stop;
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

static int
no_memory(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory to make an index");
}

/* ---- one block ---- */

struct worker {
	struct build *b;
	struct pack_codec *codec;
	struct index_gather *gather;
	struct block_all all;
	uint8_t *seen; /* [BLOCK_ROWS] */
	pthread_t thread;
};

static int
worker_init(struct worker *w, struct build *b)
{
	memset(w, 0, sizeof *w);
	w->b = b;
	w->codec = pack_codec_new();
	w->gather = index_gather_new();
	w->seen = malloc(BLOCK_ROWS);
	return w->codec == NULL || w->gather == NULL || w->seen == NULL ? TAPE_ERR_NOMEM
									: 0;
}

static void
worker_release(struct worker *w)
{
	pack_codec_free(w->codec);
	index_gather_free(w->gather);
	block_all_release(&w->all);
	free(w->seen);
}

static int
copy_runs(struct slot *s, const struct scopepack_block *block)
{
	if (s->run_cap < block->run_count) {
		free(s->runs);
		s->runs = malloc(block->run_count * 2 * sizeof *s->runs);
		s->run_cap = s->runs == NULL ? 0 : block->run_count * 2;
		if (s->runs == NULL)
			return TAPE_ERR_NOMEM;
	}
	for (uint32_t i = 0; i < block->run_count; i++) {
		s->runs[i].context = block->runs[i].context;
		s->runs[i].rows = block->runs[i].rows;
	}
	s->run_count = block->run_count;
	return 0;
}

static void
do_block(struct worker *w, struct slot *s, uint32_t number)
{
	const struct index_input *in = w->b->in;
	int r;

	memset(&s->why, 0, sizeof s->why);
	s->made.len = s->pairs.len = s->referrers.len = s->repeats.len = 0;
	s->caches.len = s->canonical.len = 0;
	r = block_decode(in->scopes, w->codec, number, &w->all, &s->why);
	if (r == 0 && in->block != NULL)
		r = in->block(in->user, number, &w->all, &s->why);
	if (r == 0 && copy_runs(s, &w->all.block) != 0)
		r = no_memory(&s->why);
	if (r == 0)
		r = index_gather_block(w->gather, in->scopes, w->codec, &w->all, &s->made,
				       &s->table, &s->pairs, &s->referrers, &s->why);
	if (r == 0 &&
	    (index_repeats_of_block(in->scopes, &w->all, w->seen, &s->repeats) != 0 ||
	     index_cache_of_block(in->scopes, &w->all, &s->caches, &s->canonical) != 0))
		r = no_memory(&s->why);
	s->status = r;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct build *b = w->b;

	pthread_mutex_lock(&b->lock);
	while (!b->stop && b->next < b->in->scopes->block_count) {
		uint32_t n = b->next;
		struct slot *s = &b->slots[n % b->slot_count];

		if (n - b->taken >= b->slot_count) {
			pthread_cond_wait(&b->changed, &b->lock);
			continue;
		}
		b->next++;
		pthread_mutex_unlock(&b->lock);
		do_block(w, s, n);
		pthread_mutex_lock(&b->lock);
		s->done = true;
		pthread_cond_broadcast(&b->changed);
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

/* ---- blocks in order ---- */

static int
take_block(struct build *b, struct slot *s, uint32_t number)
{
	uint64_t base = pack_writer_offset(b->writer), end;
	uint8_t key[5] = { INDEX_VALUES, (uint8_t)(number >> 24), (uint8_t)(number >> 16),
			   (uint8_t)(number >> 8), (uint8_t)number };
	int r = s->status;

	if (r != 0) {
		if (b->err != NULL)
			*b->err = s->why;
		return r;
	}
	end = base + s->made.len;
	if (s->made.len != 0)
		r = pack_writer_add(b->writer, &s->made, NULL, b->err);
	if (r == 0 && s->table != 0 &&
	    index_entries_add(&b->entries, key, sizeof key, end - s->table, s->table) !=
		    0)
		r = no_memory(b->err);
	if (r == 0)
		r = index_sort_add(&b->pairs,
				   (const uint64_t *)(const void *)s->pairs.data,
				   s->pairs.len / sizeof(struct index_pair), b->err);
	if (r == 0)
		r = index_sort_add(&b->referrers,
				   (const uint64_t *)(const void *)s->referrers.data,
				   s->referrers.len / sizeof(struct index_pair), b->err);
	if (r == 0)
		r = index_sort_add(&b->repeats,
				   (const uint64_t *)(const void *)s->repeats.data,
				   s->repeats.len / sizeof(struct index_repeat), b->err);
	if (r == 0)
		r = index_caching_add(b->caches, &s->caches, &s->canonical, b->err);
	if (r == 0)
		r = index_labels_add(b->labels, number, s->runs, s->run_count, b->err);
	return r;
}

static int
one_by_one(struct build *b, struct worker *w, uint64_t *rows)
{
	int r = 0;

	for (uint32_t n = 0; n < b->in->scopes->block_count && r == 0; n++) {
		do_block(w, &b->slots[0], n);
		r = take_block(b, &b->slots[0], n);
		*rows += b->in->scopes->blocks[n].rows;
		if (r == 0 && b->in->progress != NULL)
			r = b->in->progress(b->in->user, *rows);
	}
	return r;
}

static int
in_order(struct build *b, uint64_t *rows)
{
	int r = 0;

	for (uint32_t n = 0; n < b->in->scopes->block_count && r == 0; n++) {
		struct slot *s = &b->slots[n % b->slot_count];

		pthread_mutex_lock(&b->lock);
		while (!s->done)
			pthread_cond_wait(&b->changed, &b->lock);
		pthread_mutex_unlock(&b->lock);
		r = take_block(b, s, n);
		*rows += b->in->scopes->blocks[n].rows;
		pthread_mutex_lock(&b->lock);
		s->done = false;
		b->taken++;
		pthread_cond_broadcast(&b->changed);
		pthread_mutex_unlock(&b->lock);
		if (r == 0 && b->in->progress != NULL)
			r = b->in->progress(b->in->user, *rows);
	}
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
	return r;
}

static int
all_blocks(struct build *b, unsigned threads)
{
	struct worker *workers = calloc(threads, sizeof *workers);
	unsigned ready = 0, started = 0;
	uint64_t rows = 0;
	int r = 0;

	b->slot_count = threads + INDEX_BLOCKS_AHEAD;
	b->slots = calloc(b->slot_count, sizeof *b->slots);
	if (workers == NULL || b->slots == NULL) {
		free(workers);
		return no_memory(b->err);
	}
	while (ready < threads && worker_init(&workers[ready], b) == 0)
		ready++;
	if (ready < threads)
		worker_release(&workers[ready]);
	while (ready > 1 && started < ready &&
	       pthread_create(&workers[started].thread, NULL, work, &workers[started]) ==
		       0)
		started++;
	if (ready == 0)
		r = no_memory(b->err);
	else
		r = started == 0 ? one_by_one(b, &workers[0], &rows) : in_order(b, &rows);
	for (unsigned i = 0; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	for (unsigned i = 0; i < ready; i++)
		worker_release(&workers[i]);
	free(workers);
	return r;
}

/* ---- sections ---- */

static int
put_section(struct build *b, uint16_t kind, uint32_t number, const uint8_t *key,
	    size_t key_len)
{
	uint64_t offset;
	int r;

	b->made.len = 0;
	r = pack_section_make(b->codec, STORED, kind, number, 0, b->raw.data, b->raw.len,
			      &b->made, b->err);
	if (r == 0)
		r = pack_writer_add(b->writer, &b->made, &offset, b->err);
	if (r == 0 && index_entries_add(&b->entries, key, key_len, offset,
					(uint32_t)b->made.len) != 0)
		r = no_memory(b->err);
	b->raw.len = 0;
	return r;
}

static int
put_some_pairs(struct build *b, uint8_t kind, uint32_t number,
	       const struct index_pair *pairs, uint32_t count)
{
	uint8_t key[INDEX_PAIR_KEY];

	if (count == 0)
		return 0;
	index_pair_key(kind, &pairs[0], key);
	b->raw.len = 0;
	if (index_pairs_encode(pairs, count, &b->raw) != 0)
		return no_memory(b->err);
	return put_section(b, kind, number, key, sizeof key);
}

static int
put_pairs(struct build *b, struct index_sort *sorted, uint8_t kind, uint64_t *total)
{
	struct index_pair *pairs = malloc(INDEX_PAIRS * sizeof *pairs), last = { 0 };
	const uint64_t *record;
	uint32_t count = 0, number = 0;
	int r = pairs == NULL ? no_memory(b->err) : index_sort_finish(sorted, b->err);

	while (r == 0 && (r = index_sort_next(sorted, &record, b->err)) == 1) {
		struct index_pair pair = { record[0], record[1] };

		r = 0;
		if (*total != 0 && memcmp(&pair, &last, sizeof pair) == 0)
			continue;
		last = pairs[count++] = pair;
		++*total;
		if (count == INDEX_PAIRS) {
			r = put_some_pairs(b, kind, number++, pairs, count);
			count = 0;
		}
	}
	if (r == 0)
		r = put_some_pairs(b, kind, number, pairs, count);
	free(pairs);
	index_sort_release(sorted);
	return r;
}

/* ---- repeats ---- */

static int
put_some_repeats(struct build *b, uint32_t number, const struct index_repeat *repeats,
		 uint32_t count)
{
	uint8_t key[INDEX_REPEAT_KEY];

	if (count == 0)
		return 0;
	index_repeat_key(&repeats[0], key);
	b->raw.len = 0;
	if (index_repeats_encode(repeats, count, &b->raw) != 0)
		return no_memory(b->err);
	return put_section(b, INDEX_REPEATS, number, key, sizeof key);
}

static int
put_repeats(struct build *b)
{
	struct index_repeat *repeats = malloc(INDEX_REPEATS_MAX * sizeof *repeats);
	struct index_repeat last = { 0, 0 };
	const uint64_t *record;
	uint32_t count = 0, number = 0;
	int r = repeats == NULL ? no_memory(b->err)
				: index_sort_finish(&b->repeats, b->err);

	while (r == 0 && (r = index_sort_next(&b->repeats, &record, b->err)) == 1) {
		r = 0;
		if (b->repeat_count != 0 && record[0] == last.ref &&
		    record[1] == last.place)
			continue;
		last = repeats[count++] = (struct index_repeat){ record[0], record[1] };
		b->repeat_count++;
		b->lost |= last.ref == CONTENT_LOST;
		if (count == INDEX_REPEATS_MAX) {
			r = put_some_repeats(b, number++, repeats, count);
			count = 0;
		}
	}
	if (r == 0)
		r = put_some_repeats(b, number, repeats, count);
	free(repeats);
	index_sort_release(&b->repeats);
	return r;
}

/* ---- blobs ---- */

static void
blob_record(const struct blobpack_entry *e, const uint32_t name[2],
	    uint64_t record[BLOB_WORDS])
{
	record[0] = index_be64(e->hash.byte);
	record[1] = index_be64(e->hash.byte + 8);
	record[2] = (uint64_t)name[0] << 32 | name[1];
	record[3] = e->size;
	record[4] = e->frame;
	record[5] = (uint64_t)e->within << 32 | e->frames;
	record[6] = e->dtype;
}

static int
add_pack(struct build *b, const struct pack_id *id, const uint32_t name[2])
{
	struct blobpack *pack = NULL;
	struct block_source source;
	struct os_stat st;
	char file[48];
	int fd = -1, r;

	(void)snprintf(file, sizeof file, "blobs-%u-%u.pack", (unsigned)name[0],
		       (unsigned)name[1]);
	r = os_open_read(b->dir, file, &fd);
	if (r == 0)
		r = os_fstat(fd, &st);
	if (r != 0) {
		os_close(&fd);
		return error_io(b->err, r, file, "cannot open a pack of blobs");
	}
	source = block_from_fd(&fd, st.size);
	r = blobpack_open(&source, file, id->tape, &pack, b->err);
	for (size_t i = 0; r == 0 && i < blobpack_count(pack); i++) {
		uint64_t record[BLOB_WORDS];

		blob_record(blobpack_entry_at(pack, i), name, record);
		r = index_sort_add(&b->blobs, record, 1, b->err);
	}
	blobpack_close(pack);
	os_close(&fd);
	return r;
}

static int
put_blob(struct build *b, const uint64_t *record)
{
	struct varint_out out = { &b->raw, false };
	uint8_t dtype = (uint8_t)record[6];

	varint_put64(&out, __builtin_bswap64(record[0]));
	varint_put64(&out, __builtin_bswap64(record[1]));
	varint_put(&out, record[3]);
	varint_put(&out, record[4]);
	varint_put(&out, record[5] >> 32);
	varint_put(&out, (uint32_t)record[5]);
	varint_put_bytes(&out, &dtype, 1);
	varint_put(&out, record[2] >> 32);
	varint_put(&out, (uint32_t)record[2]);
	return out.failed ? no_memory(b->err) : 0;
}

static int
end_blobs(struct build *b, uint32_t *number, uint32_t *count, uint8_t *key)
{
	int r = 0;

	if (*count != 0)
		r = put_section(b, INDEX_BLOBS, (*number)++, key, 17);
	*count = 0;
	return r;
}

static int
put_blobs(struct build *b)
{
	uint8_t key[17] = { INDEX_BLOBS };
	uint32_t count = 0, number = 0;
	const uint64_t *record;
	uint64_t last[2] = { 0, 0 };
	int r = index_sort_finish(&b->blobs, b->err);

	b->raw.len = 0;
	while (r == 0 && (r = index_sort_next(&b->blobs, &record, b->err)) == 1) {
		r = 0;
		if (b->blob_count != 0 && memcmp(record, last, sizeof last) == 0)
			continue;
		memcpy(last, record, sizeof last);
		if (count == 0) {
			put_le64(key + 1, __builtin_bswap64(record[0]));
			put_le64(key + 9, __builtin_bswap64(record[1]));
		}
		r = put_blob(b, record);
		b->blob_count++;
		if (r == 0 && ++count == INDEX_SECTION_BLOBS)
			r = end_blobs(b, &number, &count, key);
	}
	return r == 0 ? end_blobs(b, &number, &count, key) : r;
}

/* ---- labels ---- */

static int
put_labels(struct build *b)
{
	uint8_t key[INDEX_KEY_MAX];
	uint32_t number = 0;
	int r = index_labels_finish(b->labels, b->err);

	b->raw.len = 0;
	while (r == 0) {
		size_t key_len = 0;

		r = index_labels_section(b->labels, &b->raw, key, &key_len, b->err);
		if (r != 1)
			break;
		r = put_section(b, INDEX_LABELS, number++, key, key_len);
	}
	return r;
}

/* ---- cache ---- */

static int
put_caches(struct build *b)
{
	uint8_t key[INDEX_CACHE_KEY];
	uint32_t number = 0, count = 0;
	int r = index_caching_finish(b->caches, b->err);

	b->raw.len = 0;
	while (r == 0) {
		r = index_caching_section(b->caches, &b->raw, key, &count, b->err);
		if (r != 1)
			break;
		b->cache_count += count;
		r = put_section(b, INDEX_CACHE, number++, key, sizeof key);
	}
	return r;
}

/* ---- directory and root ---- */

static int
put_entries(struct build *b, struct varint_out *places, uint32_t *count)
{
	struct varint_out out = { &b->raw, false };
	uint32_t number = 0;
	int r = 0;

	b->raw.len = 0;
	for (size_t i = 0; i < b->entries.count && r == 0; i++) {
		struct index_entry e = index_entries_at(&b->entries, i);

		varint_put_text(&out, e.key, e.key_len);
		varint_put(&out, e.offset);
		varint_put(&out, e.bytes);
		if (out.failed)
			return no_memory(b->err);
		if (b->raw.len < INDEX_DIRECTORY_BYTES && i + 1 < b->entries.count)
			continue;
		varint_put(places, pack_writer_offset(b->writer));
		b->made.len = 0;
		r = pack_section_make(b->codec, STORED, INDEX_DIRECTORY, number++, 0,
				      b->raw.data, b->raw.len, &b->made, b->err);
		varint_put(places, b->made.len);
		if (r == 0)
			r = pack_writer_add(b->writer, &b->made, NULL, b->err);
		b->raw.len = 0;
	}
	*count = number;
	return r;
}

static int
put_root(struct build *b, uint64_t *root)
{
	const struct scopepack *p = b->in->scopes;
	struct pack_bytes places = { 0 };
	struct varint_out listed = { &places, false }, out = { &b->raw, false };
	uint8_t flags = index_labels_left_out(b->labels) ? INDEX_FLAG_LEFT_OUT : 0;
	uint32_t count = 0;
	int r = put_entries(b, &listed, &count);

	flags |= b->lost ? INDEX_FLAG_LOST : 0;
	flags |= b->cache_count != 0 ? INDEX_FLAG_CACHED : 0;
	b->raw.len = b->made.len = 0;
	varint_put(&out, p->rows);
	varint_put(&out, p->contents);
	varint_put(&out, p->block_count);
	varint_put(&out, b->blob_count);
	varint_put(&out, b->pair_count);
	varint_put(&out, b->referrer_count);
	varint_put(&out, b->repeat_count);
	varint_put(&out, index_labels_count(b->labels));
	varint_put(&out, b->entries.count);
	varint_put_bytes(&out, &flags, 1);
	if (b->cache_count != 0)
		varint_put(&out, b->cache_count);
	varint_put(&out, count);
	varint_put_bytes(&out, places.data, places.len);
	if (r == 0 && (out.failed || listed.failed))
		r = no_memory(b->err);
	if (r == 0)
		r = pack_section_make(b->codec, STORED, INDEX_ROOT, 0, 0, b->raw.data,
				      b->raw.len, &b->made, b->err);
	if (r == 0)
		r = pack_writer_add(b->writer, &b->made, root, b->err);
	pack_bytes_release(&places);
	return r;
}

/* ---- the whole ---- */

static int
begin(struct build *b, const char *pack_name, const struct pack_id *id, uint64_t memory)
{
	int r;

	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	index_sort_init(&b->pairs, 2, memory / 4, b->dir);
	index_sort_init(&b->referrers, 2, memory / 16, b->dir);
	index_sort_init(&b->repeats, 2, memory / 8, b->dir);
	index_sort_init(&b->blobs, BLOB_WORDS, memory / 8, b->dir);
	b->codec = pack_codec_new();
	if (b->codec == NULL)
		return no_memory(b->err);
	b->caches = index_caching_new(memory / 8, b->dir);
	if (b->caches == NULL)
		return no_memory(b->err);
	r = index_labels_new(b->in->scopes, memory / 16, b->dir, &b->labels, b->err);
	if (r == 0)
		r = pack_writer_open(b->dir, pack_name, id, &b->writer, b->err);
	return r;
}

static void
end(struct build *b)
{
	for (uint32_t i = 0; b->slots != NULL && i < b->slot_count; i++) {
		pack_bytes_release(&b->slots[i].made);
		pack_bytes_release(&b->slots[i].pairs);
		pack_bytes_release(&b->slots[i].referrers);
		pack_bytes_release(&b->slots[i].repeats);
		pack_bytes_release(&b->slots[i].caches);
		pack_bytes_release(&b->slots[i].canonical);
		free(b->slots[i].runs);
	}
	free(b->slots);
	index_sort_release(&b->pairs);
	index_sort_release(&b->referrers);
	index_sort_release(&b->repeats);
	index_sort_release(&b->blobs);
	index_caching_free(b->caches);
	index_labels_free(b->labels);
	index_entries_release(&b->entries);
	pack_writer_drop(b->writer);
	pack_codec_free(b->codec);
	pack_bytes_release(&b->raw);
	pack_bytes_release(&b->made);
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->lock);
}

static unsigned
threads_for(const struct index_input *in, unsigned jobs, uint64_t memory)
{
	uint64_t most = memory / 2 / THREAD_MEMORY;

	jobs = jobs > MOST_THREADS ? MOST_THREADS : jobs;
	jobs = jobs > most ? (unsigned)most : jobs;
	jobs = jobs > in->scopes->block_count ? in->scopes->block_count : jobs;
	return jobs == 0 ? 1 : jobs;
}

static int
fill(struct build *b, const struct pack_id *id, unsigned threads, uint64_t *root)
{
	int r = all_blocks(b, threads);

	if (r == 0)
		r = put_pairs(b, &b->pairs, INDEX_FINGERPRINTS, &b->pair_count);
	if (r == 0)
		r = put_pairs(b, &b->referrers, INDEX_REFERRERS, &b->referrer_count);
	if (r == 0)
		r = put_repeats(b);
	for (size_t i = 0; i < b->in->blob_pack_count && r == 0; i++)
		r = add_pack(b, id, b->in->blob_packs[i]);
	if (r == 0)
		r = put_blobs(b);
	if (r == 0)
		r = put_caches(b);
	if (r == 0)
		r = put_labels(b);
	if (r == 0 && !index_entries_sort(&b->entries))
		r = error_set(b->err, TAPE_ERR_DAMAGED, b->in->scopes->pack.file, 0,
			      "two sections of an index would have the same key");
	return r == 0 ? put_root(b, root) : r;
}

int
index_build(int generation_fd, const char *pack_name, const char *directory_name,
	    const struct pack_id *id, const struct index_input *in, unsigned jobs,
	    uint64_t memory, struct index_output *out, struct tape_error *err)
{
	struct build b = { .in = in, .dir = generation_fd, .err = err };
	struct pack_id own = *id;
	struct index_output made;
	uint64_t root = 0;
	int r;

	own.kind = PACK_INDEX;
	r = begin(&b, pack_name, &own, memory);
	if (r == 0)
		r = fill(&b, &own, threads_for(in, jobs, memory), &root);
	if (r == 0) {
		r = pack_writer_finish(b.writer, root, &made.pack_size, &made.pack_hash,
				       err);
		b.writer = NULL;
	}
	if (r == 0)
		r = index_directory_write(generation_fd, directory_name, &b.entries,
					  &made.directory_size, &made.directory_hash,
					  err);
	end(&b);
	if (r == 0)
		*out = made;
	return r;
}
