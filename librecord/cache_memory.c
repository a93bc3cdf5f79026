/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of entries and of the table. A hit in a large table waits for memory, and longer
 * where the processor does not know where a page lies: so where there is much,
 * it comes in pieces of 2 MiB, of which a processor keeps many in mind.
 */
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "librecord/cache.h"

#define CHUNK ((size_t)2 << 20)
#define LINE ((size_t)64)
/* Before that it is malloc's: most caches are small. */
#define SMALL ((size_t)1 << 20)
/* Pieces of up to so many lines come in every size, larger ones as powers of two. */
#define LINES 32u
#define LEAST_POWER 12u
_Static_assert(CACHE_PIECES == LINES + 8, "classes: lines, then powers of two");

/* Of a process that is looked at by AddressSanitizer each piece is malloc's. */
#if defined(__SANITIZE_ADDRESS__)
#define CHUNKS false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHUNKS false
#endif
#endif
#ifndef CHUNKS
#define CHUNKS true
#endif

/* At the beginning of a piece of 2 MiB. */
struct cache_chunk {
	struct cache_memory *of;
	struct cache_chunk *next;
	size_t live; /* pieces that are in use */
};
struct spare {
	struct spare *next;
};

static struct cache_chunk *
chunk_of(const void *piece)
{
	return (struct cache_chunk *)((uintptr_t)piece & ~(uintptr_t)(CHUNK - 1));
}

/* CACHE_PIECES: none. */
static unsigned
class_of(size_t size)
{
	unsigned power = LEAST_POWER;

	if (size <= LINES * LINE)
		return (unsigned)((size + LINE - 1) / LINE) - 1;
	while (power - LEAST_POWER < CACHE_PIECES - LINES && (size_t)1 << power < size)
		power++;
	return size == (size_t)1 << power ? LINES + power - LEAST_POWER : CACHE_PIECES;
}

/* The lock is held. */
static bool
add_chunk(struct cache_memory *m)
{
	struct cache_chunk *c = aligned_alloc(CHUNK, CHUNK);

	if (!c)
		return false;
	os_huge_pages(c, CHUNK);
	*c = (struct cache_chunk){ .of = m, .next = m->chunks };
	m->chunks = c;
	m->at = (uint8_t *)c + LINE;
	m->left = CHUNK - LINE;
	return true;
}

/* NULL: of malloc, then. The lock is held. */
static void *
take_piece(struct cache_memory *m, size_t size)
{
	unsigned class = class_of(size);
	struct spare *spare = class < CACHE_PIECES ? m->spare[class] : NULL;
	void *piece = spare;

	if (class == CACHE_PIECES || m->closed)
		return NULL;
	size = (size + LINE - 1) / LINE * LINE;
	if (spare) {
		m->spare[class] = spare->next;
	} else {
		if (m->left < size && !add_chunk(m))
			return NULL;
		piece = m->at;
		m->at += size;
		m->left -= size;
	}
	chunk_of(piece)->live++;
	return piece;
}

void *
cache_memory_get(struct cache_memory *m, size_t size, bool *chunked)
{
	void *piece = NULL;

	pthread_mutex_lock(&m->lock);
	if (CHUNKS && m->plain >= SMALL)
		piece = take_piece(m, size);
	else
		m->plain += size;
	pthread_mutex_unlock(&m->lock);
	*chunked = piece != NULL;
	return piece ? piece : aligned_alloc(LINE, (size + LINE - 1) / LINE * LINE);
}

void
cache_memory_put(void *piece, size_t size, bool chunked)
{
	struct cache_chunk *c;
	struct cache_memory *m;
	struct spare *spare = piece;
	bool last;

	if (!chunked) {
		free(piece);
		return;
	}
	c = chunk_of(piece);
	m = c->of;
	pthread_mutex_lock(&m->lock);
	last = --c->live == 0 && m->closed;
	if (!m->closed) {
		unsigned class = class_of(size);

		spare->next = m->spare[class];
		m->spare[class] = spare;
	}
	pthread_mutex_unlock(&m->lock);
	if (last)
		free(c);
}

/* What a thread still holds goes with the last piece of its chunk. */
void
cache_memory_close(struct cache_memory *m)
{
	struct cache_chunk *c;

	pthread_mutex_lock(&m->lock);
	c = m->chunks;
	m->chunks = NULL;
	m->closed = true;
	m->left = 0;
	while (c) {
		struct cache_chunk *next = c->next;

		if (c->live == 0)
			free(c);
		c = next;
	}
	pthread_mutex_unlock(&m->lock);
}
