/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/part.h"

#include <stdlib.h>
#include <string.h>

#include "format/le.h"
#include "format/segment.h"

/* Of memory that waits for use. What is retained until a sync comes on top. */
#define POOL_BYTES ((size_t)8 << 20)
/* Exact copies (part_trim) are of no use to a stage. */
#define POOL_LEAST 4096u
/* Buffers that grew beyond this in one large commit are not kept. */
#define KEEP_BYTES ((size_t)1 << 20)

size_t
part_bytes(const struct part *part)
{
	return sizeof *part + part->cap + part->hash_cap * sizeof *part->hashes +
	       part->blob_cap + part->fixup_cap * sizeof *part->fixups;
}

void
part_free(struct part *part)
{
	part_free_bigs(part);
	free(part->bigs);
	free(part->records);
	free(part->hashes);
	free(part->blobs);
	free(part->fixups);
	free(part);
}

void
part_free_bigs(struct part *part)
{
	for (size_t i = 0; i < part->big_count; i++)
		free(part->bigs[i].data);
	part->big_count = 0;
	part->big_bytes = 0;
}

static struct part *
pool_get(struct part_pool *pool)
{
	struct part *part = pool->first;

	if (!part)
		return calloc(1, sizeof *part);
	pool->first = part->next;
	pool->bytes -= part_bytes(part);
	part->next = NULL;
	return part;
}

void
part_strip(struct part_pool *pool, struct part *part)
{
	if (pool->hashes) {
		free(part->hashes);
	} else {
		pool->hashes = part->hashes;
		pool->hash_cap = part->hash_cap;
	}
	part->hashes = NULL;
	part->hash_cap = 0;
}

static void
shrink(struct part *part)
{
	if (part->cap > KEEP_BYTES) {
		free(part->records);
		part->records = NULL;
		part->cap = 0;
	}
	if (part->blob_cap > KEEP_BYTES) {
		free(part->blobs);
		part->blobs = NULL;
		part->blob_cap = 0;
	}
	if (part->hash_cap * sizeof *part->hashes > KEEP_BYTES) {
		free(part->hashes);
		part->hashes = NULL;
		part->hash_cap = 0;
	}
	if (part->fixup_cap * sizeof *part->fixups > KEEP_BYTES) {
		free(part->fixups);
		part->fixups = NULL;
		part->fixup_cap = 0;
	}
}

void
part_put(struct part_pool *pool, struct part *part)
{
	part_free_bigs(part);
	shrink(part);
	part->len = part->blob_len = part->fixup_count = 0;
	part->count = part->scopes = part->bookmarks = 0;
	part->placed = part->begins = part->sum.known = false;
	if (part->cap < POOL_LEAST || pool->bytes + part_bytes(part) > POOL_BYTES) {
		part_free(part);
		return;
	}
	pool->bytes += part_bytes(part);
	part->next = pool->first;
	pool->first = part;
}

void
part_put_all(struct part_pool *pool, struct part *parts)
{
	while (parts) {
		struct part *next = parts->next;

		part_put(pool, parts);
		parts = next;
	}
}

void
part_pool_release(struct part_pool *pool)
{
	while (pool->first) {
		struct part *next = pool->first->next;

		part_free(pool->first);
		pool->first = next;
	}
	free(pool->hashes);
	*pool = (struct part_pool){ 0 };
}

#define SWAP(a, b)                                                                       \
	do {                                                                             \
		__typeof__(a) swap_ = (a);                                               \
		(a) = (b);                                                               \
		(b) = swap_;                                                             \
	} while (0)

struct part *
part_take(struct part_pool *pool, struct stage *stage)
{
	struct part *part = pool_get(pool);

	if (!part)
		return NULL;
	if (!part->hashes) {
		SWAP(part->hashes, pool->hashes);
		SWAP(part->hash_cap, pool->hash_cap);
	}
	SWAP(part->records, stage->records);
	SWAP(part->cap, stage->cap);
	SWAP(part->hashes, stage->hashes);
	SWAP(part->hash_cap, stage->hash_cap);
	SWAP(part->blobs, stage->blobs);
	SWAP(part->blob_cap, stage->blob_cap);
	SWAP(part->fixups, stage->fixups);
	SWAP(part->fixup_cap, stage->fixup_cap);
	SWAP(part->bigs, stage->bigs);
	SWAP(part->big_cap, stage->big_cap);
	part->caches = stage->caches;
	part->hashed = stage->hashed;
	stage->hashed = 0;
	part->len = stage->len;
	part->count = stage->count;
	part->bookmarks = stage->bookmarks;
	part->quiet = stage_quiet(stage);
	part->told = atomic_load_explicit(&stage->told, memory_order_relaxed);
	part->base_time = stage->base_time;
	part->blob_len = stage->blob_len;
	part->fixup_count = stage->fixup_count;
	part->big_count = stage->big_count;
	part->big_bytes = stage->big_bytes;
	stage->len = FRAME_HEADER;
	stage->blob_len = 0;
	stage->count = stage->bookmarks = 0;
	stage_quiet_reset(stage);
	stage->fixup_count = stage->big_count = 0;
	stage->big_bytes = 0;
	stage->base_time = stage->first_time = 0;
	return part;
}

/* A copy of exactly `len` bytes. */
static void *
copy(const void *data, size_t len)
{
	void *to = malloc(len ? len : 1);

	if (to && len)
		memcpy(to, data, len);
	return to;
}

struct part *
part_trim(struct part_pool *pool, struct part *part)
{
	struct part *small;

	if (part->len + part->blob_len > (part->cap + part->blob_cap) / 4)
		return part;
	small = calloc(1, sizeof *small);
	if (!small)
		return part;
	*small = *part;
	small->hashes = NULL;
	small->bigs = NULL;
	small->hash_cap = small->big_count = small->big_cap = 0;
	small->big_bytes = 0;
	small->records = copy(part->records, part->len);
	small->cap = part->len;
	small->blobs = part->blob_len ? copy(part->blobs, part->blob_len) : NULL;
	small->blob_cap = part->blob_len;
	small->fixups = part->fixup_count ? copy(part->fixups,
						 part->fixup_count * sizeof *part->fixups)
					  : NULL;
	small->fixup_cap = part->fixup_count;
	if (!small->records || (part->blob_len && !small->blobs) ||
	    (part->fixup_count && !small->fixups)) {
		part_free(small);
		return part;
	}
	part_put(pool, part);
	return small;
}

uint64_t
part_scopes(const struct part *parts)
{
	uint64_t scopes = 0;

	for (; parts; parts = parts->next)
		scopes += parts->scopes;
	return scopes;
}

uint64_t
part_scopes_after(const struct part *parts, uint64_t group)
{
	uint64_t scopes = 0;

	for (; parts; parts = parts->next)
		scopes += parts->group > group ? parts->scopes : 0;
	return scopes;
}

uint64_t
part_count(const struct part *part)
{
	uint64_t scopes = 0;

	for (size_t at = FRAME_HEADER; at < part->len; at += get_le32(part->records + at))
		scopes += record_has_seq(get_le32(part->records + at + 4) & 0xff);
	return scopes;
}

uint64_t
part_count_scopes(const struct part *parts)
{
	uint64_t scopes = 0;

	for (; parts; parts = parts->next)
		scopes += part_count(parts);
	return scopes;
}
