/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded map seq -> small number. Pages are made as they are touched; where
 * two meet, the older one goes and its entries read as 0 again.
 */
#ifndef TAPE_SEARCH_SEQMAP_H
#define TAPE_SEARCH_SEQMAP_H

#include <stddef.h>
#include <stdint.h>

#define SEQMAP_PAGE 32768u /* entries */
struct seqmap_page {
	uint64_t number; /* seq / SEQMAP_PAGE + 1; 0 = unused */
	uint32_t *entries;
};
struct seqmap {
	struct seqmap_page *pages;
	size_t page_count; /* a power of two */
	struct seqmap_page *last;
};

/* `bytes` bounds its memory. Returns 0 or TAPE_ERR_NOMEM. */
int seqmap_init(struct seqmap *map, size_t bytes);
void seqmap_clear(struct seqmap *map); /* all entries 0 */
void seqmap_release(struct seqmap *map);
/* The entry of a seq; NULL when there is no memory for its page, or it has none and !make. */
uint32_t *seqmap_page(struct seqmap *map, uint64_t seq, int make);

static inline uint32_t *
seqmap_entry(struct seqmap *map, uint64_t seq, int make)
{
	if (map->last != NULL && map->last->number == seq / SEQMAP_PAGE + 1)
		return &map->last->entries[seq % SEQMAP_PAGE];
	return seqmap_page(map, seq, make);
}

#endif
