/* SPDX-License-Identifier: Apache-2.0 */
#include "compactor/blocks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "compactor/longlist.h"
#include "format/error.h"
#include "format/hash.h"

enum job_state { JOB_FREE, JOB_FILLED, JOB_BUSY, JOB_DONE };

/* A block on its way from rows to sections. */
struct job {
	enum job_state state;
	uint32_t number;
	struct block_row *rows; /* [BLOCK_ROWS], sorted */
	uint64_t *checks;	/* [BLOCK_ROWS], of their contents */
	uint32_t row_count;
	struct block_content *contents; /* [BLOCK_ROWS], in order of their ordinals */
	uint32_t content_count;
	uint64_t first_content;
	struct pack_bytes arena; /* what contents point into */
	/* Copies: the tables grow while this is encoded. */
	const struct form **form_list;
	uint32_t *context_list;
	const uint32_t **column_list;
	uint32_t form_cap;
	struct scopepack_forms forms;
	struct pack_bytes made;
	struct scopepack_block_info info;
	struct verify_block digest;
	int status;
	struct tape_error why;
};

struct worker {
	struct blocks *blocks;
	struct block_encoder *encoder;
	pthread_t thread;
	bool started;
};

struct blocks {
	struct pack_writer *writer;
	const struct forms *forms;
	struct job *jobs;
	unsigned job_count;
	uint64_t filled, written; /* blocks; job of block n is n % job_count */
	struct worker *workers;
	unsigned worker_count;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stop;

	/* The block that is being gathered, in tape order. */
	struct block_row *rows;
	uint64_t *checks;
	uint32_t row_count;
	struct gathered {
		uint32_t row, form;
		uint32_t len;
		size_t at; /* in arena */
	} * fresh;
	uint32_t fresh_count;
	struct pack_bytes arena;
	uint64_t contents; /* so far, with these */
	uint32_t *order;   /* rows, sorted by context */
	uint32_t *starts;  /* by context */
	uint32_t starts_cap;

	/* Ordinals of contents: those of a block are a permutation of what they were called. */
	struct longlist ordinals; /* u16, by reference less that of its block */
	uint16_t *fresh_ordinals; /* of the block at hand */
	struct scopepack_block_info *infos;
	struct verify_block *digests;
	uint32_t info_cap;
};

static int
no_memory(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for blocks of scopes");
}

/* ---- encoding ---- */

static void
encode(struct job *j, struct block_encoder *encoder)
{
	memset(&j->why, 0, sizeof j->why);
	j->digest.checks = hash_bytes(j->checks, j->row_count * sizeof *j->checks);
	if (!verify_digest(j->rows, j->row_count, j->contents, j->content_count,
			   &j->digest.digest)) {
		j->status = no_memory(&j->why);
		return;
	}
	j->status = block_encode(encoder, &j->forms, j->number, j->rows, j->row_count,
				 j->contents, j->content_count, j->first_content,
				 &j->made, &j->info, &j->why);
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct blocks *b = w->blocks;

	pthread_mutex_lock(&b->lock);
	while (!b->stop) {
		struct job *j = NULL;

		for (unsigned i = 0; i < b->job_count; i++)
			if (b->jobs[i].state == JOB_FILLED &&
			    (j == NULL || b->jobs[i].number < j->number))
				j = &b->jobs[i];
		if (j == NULL) {
			pthread_cond_wait(&b->changed, &b->lock);
			continue;
		}
		j->state = JOB_BUSY;
		pthread_mutex_unlock(&b->lock);
		encode(j, w->encoder);
		pthread_mutex_lock(&b->lock);
		j->state = JOB_DONE;
		pthread_cond_broadcast(&b->changed);
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

static int
keep_info(struct blocks *b, const struct job *j, struct tape_error *err)
{
	if (j->number >= b->info_cap) {
		uint32_t cap = b->info_cap == 0 ? 64 : b->info_cap * 2;
		struct scopepack_block_info *infos =
			realloc(b->infos, cap * sizeof *infos);
		struct verify_block *digests;

		b->infos = infos == NULL ? b->infos : infos;
		digests = realloc(b->digests, cap * sizeof *digests);
		b->digests = digests == NULL ? b->digests : digests;
		if (infos == NULL || digests == NULL)
			return no_memory(err);
		b->info_cap = cap;
	}
	b->infos[j->number] = j->info;
	b->digests[j->number] = j->digest;
	return 0;
}

/* Waits for the next block in order and writes it. */
static int
write_next(struct blocks *b, struct tape_error *err)
{
	struct job *j = &b->jobs[b->written % b->job_count];
	uint64_t offset = 0;
	int r;

	if (b->worker_count != 0) {
		pthread_mutex_lock(&b->lock);
		while (j->state != JOB_DONE)
			pthread_cond_wait(&b->changed, &b->lock);
		pthread_mutex_unlock(&b->lock);
	}
	r = j->status;
	if (r != 0 && err != NULL)
		*err = j->why;
	if (r == 0)
		r = pack_writer_add(b->writer, &j->made, &offset, err);
	j->info.start = offset;
	j->info.header += offset;
	if (r == 0)
		r = keep_info(b, j, err);
	pthread_mutex_lock(&b->lock);
	j->state = JOB_FREE;
	pthread_mutex_unlock(&b->lock);
	b->written++;
	return r;
}

/* ---- gathering ---- */

/* b->order: rows by context, those of one in the order they came. */
static int
sort_rows(struct blocks *b, struct tape_error *err)
{
	uint32_t count = b->forms->context_count, at = 0;

	if (b->starts_cap < count + 1) {
		free(b->starts);
		b->starts = malloc((count + 1u) * 2 * sizeof *b->starts);
		b->starts_cap = b->starts == NULL ? 0 : (count + 1) * 2;
		if (b->starts == NULL)
			return no_memory(err);
	}
	memset(b->starts, 0, (count + 1u) * sizeof *b->starts);
	for (uint32_t i = 0; i < b->row_count; i++)
		b->starts[b->forms->contexts[b->rows[i].form]]++;
	for (uint32_t c = 0; c < count; c++) {
		uint32_t n = b->starts[c];

		b->starts[c] = at;
		at += n;
	}
	for (uint32_t i = 0; i < b->row_count; i++)
		b->order[b->starts[b->forms->contexts[b->rows[i].form]]++] = i;
	return 0;
}

/* Contents in the order of their rows; b->ordinals says where each went. */
static int
order_contents(struct blocks *b, struct job *j, struct tape_error *err)
{
	uint32_t *of_row = j->context_list; /* not filled yet: row -> fresh + 1 */

	memset(of_row, 0, BLOCK_ROWS * sizeof *of_row);
	for (uint32_t i = 0; i < b->fresh_count; i++)
		of_row[b->fresh[i].row] = i + 1;
	j->content_count = 0;
	for (uint32_t i = 0; i < b->row_count; i++) {
		uint32_t f = of_row[b->order[i]];
		struct block_content *c = &j->contents[j->content_count];

		if (f == 0)
			continue;
		c->form = b->fresh[f - 1].form;
		c->len = b->fresh[f - 1].len;
		c->canonical = pack_bytes_at(&b->arena, b->fresh[f - 1].at);
		b->fresh_ordinals[f - 1] = (uint16_t)j->content_count++;
	}
	j->first_content = b->contents - b->fresh_count;
	return longlist_add(&b->ordinals, b->fresh_ordinals, b->fresh_count, err);
}

/* The block that a reference was made in: where its ordinals begin. */
static uint64_t
base_of(const struct blocks *b, const struct job *j, uint64_t ref)
{
	uint32_t lo = 0, hi = (uint32_t)b->filled;

	if (ref >= j->first_content)
		return j->first_content;
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (b->infos[mid].first_content <= ref)
			lo = mid;
		else
			hi = mid;
	}
	return b->infos[lo].first_content;
}

/* From what the content was called to its ordinal. */
static int
number_content(struct blocks *b, const struct job *j, uint64_t *ref,
	       struct tape_error *err)
{
	uint64_t base = base_of(b, j, *ref);
	uint16_t ordinal;
	int r = longlist_get(&b->ordinals, *ref, &ordinal, err);

	if (r == 0)
		*ref = base + ordinal;
	return r;
}

static int
copy_forms(struct blocks *b, struct job *j, struct tape_error *err)
{
	uint32_t count = b->forms->count + 1;

	if (j->form_cap < count) {
		uint32_t cap = count * 2;
		void *f = realloc(j->form_list, cap * sizeof *j->form_list), *x, *c;

		j->form_list = f == NULL ? j->form_list : f;
		x = realloc(j->context_list, (cap < BLOCK_ROWS ? BLOCK_ROWS : cap) *
						     sizeof *j->context_list);
		j->context_list = x == NULL ? j->context_list : x;
		c = realloc(j->column_list, cap * sizeof *j->column_list);
		j->column_list = c == NULL ? j->column_list : c;
		if (f == NULL || x == NULL || c == NULL)
			return no_memory(err);
		j->form_cap = cap;
	}
	for (uint32_t i = 0; i < count; i++) {
		j->form_list[i] = b->forms->forms[i];
		j->context_list[i] = b->forms->contexts[i];
		j->column_list[i] = b->forms->columns[i];
	}
	j->forms =
		(struct scopepack_forms){ j->form_list, j->context_list, j->column_list,
					  b->forms->count, b->forms->column_count };
	return 0;
}

static int
fill_job(struct blocks *b, struct job *j, struct tape_error *err)
{
	struct pack_bytes arena = j->arena;
	int r = sort_rows(b, err);

	if (r == 0)
		r = order_contents(b, j, err);
	if (r != 0)
		return r;
	for (uint32_t i = 0; i < b->row_count && r == 0; i++) {
		struct block_row *row = &j->rows[i];

		*row = b->rows[b->order[i]];
		j->checks[i] = b->checks[b->order[i]];
		if (row->content != CONTENT_LOST && CONTENT_FOREIGN(row->content) == 0)
			r = number_content(b, j, &row->content, err);
	}
	if (r != 0)
		return r;
	j->row_count = b->row_count;
	/* The bytes that contents point to go with the job. */
	j->arena = b->arena;
	b->arena = arena;
	b->arena.len = 0;
	j->number = (uint32_t)b->filled;
	return copy_forms(b, j, err);
}

/* Hands the gathered rows to whoever encodes. */
static int
fill(struct blocks *b, struct tape_error *err)
{
	struct job *j = &b->jobs[b->filled % b->job_count];
	int r = 0;

	if (b->filled - b->written == b->job_count)
		r = write_next(b, err);
	if (r == 0)
		r = fill_job(b, j, err);
	if (r != 0)
		return r;
	/* Known from here on, for references to it. */
	j->info.first_content = j->first_content;
	r = keep_info(b, j, err);
	b->filled++;
	b->row_count = b->fresh_count = 0;
	if (r != 0)
		return r;
	if (b->worker_count == 0) {
		encode(j, b->workers[0].encoder);
		return write_next(b, err);
	}
	pthread_mutex_lock(&b->lock);
	j->state = JOB_FILLED;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
	return 0;
}

int
blocks_add(struct blocks *b, const struct block_row *row, uint64_t check, uint32_t form,
	   const uint8_t *canonical, size_t len, struct tape_error *err)
{
	struct block_row *to = &b->rows[b->row_count];

	*to = *row;
	b->checks[b->row_count] = check;
	if (canonical != NULL) {
		struct gathered *g = &b->fresh[b->fresh_count];

		if (len > UINT32_MAX)
			return error_set(err, TAPE_ERR_LIMIT, NULL, 0,
					 "a scope is too long for a block");
		*g = (struct gathered){ b->row_count, form, (uint32_t)len, b->arena.len };
		if (pack_bytes_add(&b->arena, canonical, len) != 0)
			return no_memory(err);
		to->content = b->contents++;
		b->fresh_count++;
	}
	if (++b->row_count < BLOCK_ROWS)
		return 0;
	return fill(b, err);
}

uint64_t
blocks_contents(const struct blocks *b)
{
	return b->contents;
}

int
blocks_finish(struct blocks *b, struct scopepack_block_info **infos,
	      struct verify_block **digests, uint32_t *count, struct tape_error *err)
{
	int r = b->row_count == 0 ? 0 : fill(b, err);

	while (r == 0 && b->written < b->filled)
		r = write_next(b, err);
	*infos = b->infos;
	*digests = b->digests;
	*count = (uint32_t)b->filled;
	return r;
}

/* ---- beginning and end ---- */

static int
job_init(struct job *j)
{
	j->rows = malloc(BLOCK_ROWS * sizeof *j->rows);
	j->checks = malloc(BLOCK_ROWS * sizeof *j->checks);
	j->contents = malloc(BLOCK_ROWS * sizeof *j->contents);
	j->context_list = malloc(BLOCK_ROWS * sizeof *j->context_list);
	return j->rows == NULL || j->checks == NULL || j->contents == NULL ||
			       j->context_list == NULL
		       ? TAPE_ERR_NOMEM
		       : 0;
}

static int
start_workers(struct blocks *b, unsigned jobs, int level)
{
	/* One more than there can be: blocks_free looks there. */
	b->workers = calloc(jobs + 1, sizeof *b->workers);
	if (b->workers == NULL)
		return TAPE_ERR_NOMEM;
	for (unsigned i = 0; i < jobs; i++) {
		struct worker *w = &b->workers[i];

		w->blocks = b;
		w->encoder = block_encoder_new(level);
		if (w->encoder == NULL)
			return i == 0 ? TAPE_ERR_NOMEM : 0;
		if (jobs == 1)
			return 0;
		/* Fewer threads than wished for are fine; none at all too. */
		w->started = pthread_create(&w->thread, NULL, work, w) == 0;
		if (!w->started)
			return 0;
		b->worker_count++;
	}
	return 0;
}

int
blocks_new(struct pack_writer *writer, const struct forms *forms, int level,
	   unsigned jobs, uint64_t memory, int dir, struct blocks **out,
	   struct tape_error *err)
{
	struct blocks *b = calloc(1, sizeof *b);
	int r = b == NULL ? TAPE_ERR_NOMEM : 0;

	if (r != 0)
		return no_memory(err);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	b->writer = writer;
	b->forms = forms;
	b->job_count = jobs == 1 ? 1 : jobs + 1;
	b->jobs = calloc(b->job_count, sizeof *b->jobs);
	longlist_init(&b->ordinals, sizeof *b->fresh_ordinals, memory, dir);
	b->rows = malloc(BLOCK_ROWS * sizeof *b->rows);
	b->checks = malloc(BLOCK_ROWS * sizeof *b->checks);
	b->fresh_ordinals = malloc(BLOCK_ROWS * sizeof *b->fresh_ordinals);
	b->fresh = malloc(BLOCK_ROWS * sizeof *b->fresh);
	b->order = malloc(BLOCK_ROWS * sizeof *b->order);
	if (b->jobs == NULL || b->rows == NULL || b->checks == NULL || b->fresh == NULL ||
	    b->order == NULL || b->fresh_ordinals == NULL)
		r = TAPE_ERR_NOMEM;
	for (unsigned i = 0; r == 0 && i < b->job_count; i++)
		r = job_init(&b->jobs[i]);
	if (r == 0)
		r = start_workers(b, jobs, level);
	if (r != 0) {
		blocks_free(b);
		return no_memory(err);
	}
	*out = b;
	return 0;
}

static void
job_release(struct job *j)
{
	free(j->rows);
	free(j->checks);
	free(j->contents);
	free(j->form_list);
	free(j->context_list);
	free(j->column_list);
	pack_bytes_release(&j->arena);
	pack_bytes_release(&j->made);
}

void
blocks_free(struct blocks *b)
{
	if (b == NULL)
		return;
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
	for (unsigned i = 0; i < b->worker_count; i++)
		pthread_join(b->workers[i].thread, NULL);
	for (unsigned i = 0; b->workers != NULL && i <= b->worker_count; i++)
		block_encoder_free(b->workers[i].encoder);
	for (unsigned i = 0; b->jobs != NULL && i < b->job_count; i++)
		job_release(&b->jobs[i]);
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->lock);
	free(b->jobs);
	free(b->workers);
	free(b->rows);
	free(b->checks);
	free(b->fresh_ordinals);
	free(b->fresh);
	free(b->order);
	free(b->starts);
	pack_bytes_release(&b->arena);
	longlist_release(&b->ordinals);
	free(b->infos);
	free(b->digests);
	free(b);
}
