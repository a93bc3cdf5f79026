/* SPDX-License-Identifier: Apache-2.0 */
#include "search/seqmap.h"

#include <stdlib.h>
#include <string.h>

#include "tape/value.h"

#define PAGE_BYTES (SEQMAP_PAGE * sizeof(uint32_t))

int
seqmap_init(struct seqmap *map, size_t bytes)
{
	size_t count = 1;

	while (count * 2 * PAGE_BYTES <= bytes)
		count *= 2;
	memset(map, 0, sizeof *map);
	map->pages = calloc(count, sizeof *map->pages);
	if (map->pages == NULL)
		return TAPE_ERR_NOMEM;
	map->page_count = count;
	return 0;
}

void
seqmap_clear(struct seqmap *map)
{
	for (size_t i = 0; i < map->page_count; i++)
		map->pages[i].number = 0;
	map->last = NULL;
}

void
seqmap_release(struct seqmap *map)
{
	for (size_t i = 0; i < map->page_count; i++)
		free(map->pages[i].entries);
	free(map->pages);
	memset(map, 0, sizeof *map);
}

uint32_t *
seqmap_page(struct seqmap *map, uint64_t seq, int make)
{
	uint64_t number = seq / SEQMAP_PAGE + 1;
	struct seqmap_page *page;

	if (map->page_count == 0)
		return NULL;
	page = &map->pages[number & (map->page_count - 1)];
	if (page->number != number) {
		if (!make)
			return NULL;
		map->last = NULL;
		if (page->entries == NULL)
			page->entries = malloc(PAGE_BYTES);
		if (page->entries == NULL)
			return NULL;
		memset(page->entries, 0, PAGE_BYTES);
		page->number = number;
	}
	map->last = page;
	return &page->entries[seq % SEQMAP_PAGE];
}
