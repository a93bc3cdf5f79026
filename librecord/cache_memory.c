/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of entries and of the table. A hit in a large table waits for memory, and longer
 * where the processor does not know where a page lies: so where there is much,
 * it comes in pieces of 2 MiB, of which a processor keeps many in mind.
 *
 * Values go and others of another size come, while what says where results are stays:
 * both have chunks of their own, and one that nothing is left in serves any size again.
 */
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "librecord/cache.h"

#define CHUNK ((size_t)2 << 20)
#define LINE ((size_t)64)
/* Before that it is malloc's: most caches are small. */
#define SMALL ((size_t)1 << 20)
/* Values that stay may keep chunks that are nearly empty: a quarter of what is in use, and this. */
#define SLACK (8 * CHUNK)
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
	struct cache_chunk *next, *next_empty;
	size_t live; /* pieces that are in use */
	size_t used; /* bytes, from the beginning on, that are pieces, or were */
	bool lasting;
};
_Static_assert(sizeof(struct cache_chunk) <= LINE, "pieces begin with the next line");
struct cache_spare {
	struct cache_spare *next, **link; /* what points to this one */
	size_t size;
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

/* Entries without values, and tables. */
static bool
is_lasting(size_t size)
{
	return size <= sizeof(struct cache_entry) || size > LINES * LINE;
}

static size_t
whole_lines(size_t size)
{
	return (size + LINE - 1) / LINE * LINE;
}

/* ---- all of this under the lock ---- */

static void
spare_add(struct cache_memory *m, void *piece, size_t size)
{
	struct cache_spare *s = piece, **head = &m->spare[class_of(size)];

	*s = (struct cache_spare){ *head, head, whole_lines(size) };
	if (s->next)
		s->next->link = &s->next;
	*head = s;
}

static void
spare_out(const struct cache_spare *s)
{
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
}

/* Nothing in it is in use. */
static void
empty_chunk(struct cache_memory *m, struct cache_chunk *c)
{
	const struct cache_spare *s;

	for (size_t at = LINE; at < c->used; at += s->size) {
		s = (const struct cache_spare *)(const void *)((uint8_t *)c + at);
		spare_out(s);
	}
	c->used = LINE;
	if (c == m->open[c->lasting])
		return;
	m->value_chunks -= !c->lasting;
	c->next_empty = m->empty;
	m->empty = c;
}

static struct cache_chunk *
new_chunk(struct cache_memory *m)
{
	struct cache_chunk *c = aligned_alloc(CHUNK, CHUNK);

	if (!c)
		return NULL;
	os_huge_pages(c, CHUNK);
	*c = (struct cache_chunk){ .of = m, .next = m->chunks, .used = LINE };
	m->chunks = c;
	return c;
}

/* One with room for a piece, or NULL. */
static struct cache_chunk *
chunk_for(struct cache_memory *m, size_t size, bool lasting)
{
	struct cache_chunk *c = m->open[lasting];

	if (c && CHUNK - c->used >= size)
		return c;
	if (!m->empty && !lasting &&
	    m->value_chunks * CHUNK > m->value_bytes + m->value_bytes / 4 + SLACK)
		return NULL;
	c = m->empty;
	if (c)
		m->empty = c->next_empty;
	else
		c = new_chunk(m);
	if (!c)
		return NULL;
	c->lasting = lasting;
	m->value_chunks += !lasting;
	m->open[lasting] = c;
	return c;
}

/* NULL: of malloc, then. */
static void *
take_piece(struct cache_memory *m, size_t size)
{
	unsigned class = class_of(size);
	bool lasting = is_lasting(size);
	struct cache_chunk *c;
	void *piece;

	if (class == CACHE_PIECES || m->closed)
		return NULL;
	size = whole_lines(size);
	piece = m->spare[class];
	if (piece) {
		spare_out(piece);
		c = chunk_of(piece);
	} else {
		c = chunk_for(m, size, lasting);
		if (!c)
			return NULL;
		piece = (uint8_t *)c + c->used;
		c->used += size;
	}
	c->live++;
	m->value_bytes += lasting ? 0 : size;
	return piece;
}

static void
put_piece(struct cache_memory *m, struct cache_chunk *c, void *piece, size_t size)
{
	spare_add(m, piece, size);
	m->value_bytes -= is_lasting(size) ? 0 : whole_lines(size);
	if (c->live == 0)
		empty_chunk(m, c);
}

/* ---- pieces ---- */

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
	return piece ? piece : aligned_alloc(LINE, whole_lines(size));
}

void
cache_memory_put(void *piece, size_t size, bool chunked)
{
	struct cache_chunk *c;
	struct cache_memory *m;
	bool last;

	if (!chunked) {
		free(piece);
		return;
	}
	c = chunk_of(piece);
	m = c->of;
	pthread_mutex_lock(&m->lock);
	last = --c->live == 0 && m->closed;
	if (!m->closed)
		put_piece(m, c, piece, size);
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
	while (c) {
		struct cache_chunk *next = c->next;

		if (c->live == 0)
			free(c);
		c = next;
	}
	pthread_mutex_unlock(&m->lock);
}
