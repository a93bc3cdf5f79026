/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of blobs on their way from raw bytes to sections: shuffled and
 * compressed by several threads, handed back in the order they were sent.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "format/blobpack_io.h"
#include "format/error.h"
#include "format/shuffle.h"

#define TRIAL_BYTES 32768u

enum frame_state { FRAME_FREE, FRAME_SENT, FRAME_BUSY, FRAME_DONE };

struct blobpack_pool {
	int level;
	struct blobpack_frame *frames; /* frame n stands at n % frame_count */
	unsigned frame_count;
	uint64_t sent, begun, taken; /* so many of them */
	struct pool_worker {
		struct blobpack_pool *pool;
		struct pack_codec *codec;
		pthread_t thread;
	} * workers;
	unsigned worker_count; /* 0: whoever takes a frame does its work */
	struct pack_codec *codec;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stop;
};

/* ---- one frame ---- */

static void
shuffle(const uint8_t *in, size_t len, unsigned width, bool chain, uint8_t *out)
{
	size_t whole = len / width * width;

	shuffle_apart(in, len / width, width, chain, out);
	memcpy(out + whole, in + whole, len - whole);
}

/* The transform under which a stretch from the middle compresses best; *level 0: none does. */
static void
choose(struct blobpack_frame *f, struct pack_codec *codec, unsigned *transform,
       int *level)
{
	size_t len = f->raw.len, trial = len < TRIAL_BYTES ? len : TRIAL_BYTES, least;
	const uint8_t *from = f->raw.data + (len - trial) / 2 / 16 * 16;
	unsigned width = blobpack_element(f->dtype);

	*transform = 1;
	least = pack_codec_guess(codec, from, trial);
	for (unsigned x = 0; x < 2 && width > 1; x++) {
		size_t got;

		shuffle(from, trial, width, x == 1, f->shuffled.data);
		got = pack_codec_guess(codec, f->shuffled.data, trial);
		if (got < least) {
			least = got;
			*transform = width | x << 8;
		}
	}
	if (len > TRIAL_BYTES && least > trial - trial / 32) {
		*level = 0;
		*transform = 1;
	}
}

static void
encode(struct blobpack_frame *f, struct pack_codec *codec, int level)
{
	const uint8_t *raw = f->raw.data;
	unsigned transform;

	f->made.len = f->shuffled.len = 0;
	if (pack_bytes_reserve(&f->shuffled, f->raw.len + 1) != 0) {
		f->status = error_set(&f->why, TAPE_ERR_NOMEM, NULL, 0,
				      "no memory for a pack of blobs");
		return;
	}
	choose(f, codec, &transform, &level);
	if (transform != 1) {
		shuffle(raw, f->raw.len, transform & 0xff, transform >> 8 != 0,
			f->shuffled.data);
		raw = f->shuffled.data;
	}
	f->status = pack_section_make(codec, level, BLOBS_FRAME, f->number, transform,
				      raw, f->raw.len, &f->made, &f->why);
}

/* ---- threads ---- */

static void *
work(void *arg)
{
	struct pool_worker *w = arg;
	struct blobpack_pool *p = w->pool;

	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		struct blobpack_frame *f = &p->frames[p->begun % p->frame_count];

		if (p->begun == p->sent) {
			pthread_cond_wait(&p->changed, &p->lock);
			continue;
		}
		p->begun++;
		f->state = FRAME_BUSY;
		pthread_mutex_unlock(&p->lock);
		encode(f, w->codec, p->level);
		pthread_mutex_lock(&p->lock);
		f->state = FRAME_DONE;
		pthread_cond_broadcast(&p->changed);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Fewer threads than wished for are fine; none at all too. */
static void
start_workers(struct blobpack_pool *p, unsigned jobs)
{
	for (unsigned i = 0; i < jobs && jobs > 1; i++) {
		struct pool_worker *w = &p->workers[i];

		w->pool = p;
		w->codec = pack_codec_new();
		if (w->codec == NULL)
			return;
		if (pthread_create(&w->thread, NULL, work, w) != 0) {
			pack_codec_free(w->codec);
			return;
		}
		p->worker_count++;
	}
}

struct blobpack_pool *
blobpack_pool_new(int level, unsigned jobs)
{
	struct blobpack_pool *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	p->level = level;
	/* So many in flight that none waits while the oldest is being written. */
	p->frame_count = jobs > 1 ? 2 * jobs + 2 : 1;
	p->frames = calloc(p->frame_count, sizeof *p->frames);
	p->workers = calloc(jobs + 1u, sizeof *p->workers);
	p->codec = pack_codec_new();
	if (p->frames == NULL || p->workers == NULL || p->codec == NULL) {
		blobpack_pool_free(p);
		return NULL;
	}
	start_workers(p, jobs);
	return p;
}

void
blobpack_pool_free(struct blobpack_pool *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->worker_count; i++) {
		pthread_join(p->workers[i].thread, NULL);
		pack_codec_free(p->workers[i].codec);
	}
	for (unsigned i = 0; p->frames != NULL && i < p->frame_count; i++) {
		pack_bytes_release(&p->frames[i].raw);
		pack_bytes_release(&p->frames[i].shuffled);
		pack_bytes_release(&p->frames[i].made);
		free(p->frames[i].firsts.items);
	}
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	pack_codec_free(p->codec);
	free(p->workers);
	free(p->frames);
	free(p);
}

int
blobpack_pool_level(const struct blobpack_pool *p)
{
	return p->level;
}

/* ---- in and out ---- */

/* Waits for the oldest frame and hands it to its writer. */
static int
take(struct blobpack_pool *p, struct tape_error *err)
{
	struct blobpack_frame *f = &p->frames[p->taken % p->frame_count];
	int r = 0;

	pthread_mutex_lock(&p->lock);
	while (p->worker_count != 0 && f->state != FRAME_DONE)
		pthread_cond_wait(&p->changed, &p->lock);
	pthread_mutex_unlock(&p->lock);
	if (p->worker_count == 0) {
		encode(f, p->codec, p->level);
		p->begun++;
	}
	p->taken++;
	f->state = FRAME_FREE;
	if (f->writer == NULL)
		return 0;
	r = f->status;
	if (r != 0 && err != NULL)
		*err = f->why;
	return r == 0 ? blobpack_frame_write(f, err) : r;
}

int
blobpack_pool_room(struct blobpack_pool *p, struct blobpack_frame **out,
		   struct tape_error *err)
{
	int r = p->sent - p->taken == p->frame_count ? take(p, err) : 0;

	if (r != 0)
		return r;
	*out = &p->frames[p->sent % p->frame_count];
	(*out)->raw.len = 0;
	(*out)->firsts.count = 0;
	return 0;
}

void
blobpack_pool_send(struct blobpack_pool *p, struct blobpack_frame *f)
{
	pthread_mutex_lock(&p->lock);
	f->state = FRAME_SENT;
	p->sent++;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

int
blobpack_pool_drain(struct blobpack_pool *p, struct tape_error *err)
{
	int r = 0;

	while (r == 0 && p->taken < p->sent)
		r = take(p, err);
	return r;
}

void
blobpack_pool_forget(struct blobpack_pool *p, const struct blobpack_writer *writer)
{
	for (uint64_t n = p->taken; n < p->sent; n++)
		if (p->frames[n % p->frame_count].writer == writer)
			p->frames[n % p->frame_count].writer = NULL;
}
