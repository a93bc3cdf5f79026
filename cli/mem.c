/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static void
mem_out(void)
{
	(void)fputs("tape: out of memory\n", stderr);
	exit(CLI_FAILED);
}

void *
mem_resize(void *old, size_t size)
{
	void *block = realloc(old, size ? size : 1);

	if (!block)
		mem_out();
	return block;
}

char *
mem_text(const char *text, size_t len)
{
	if (len == SIZE_MAX)
		mem_out();
	char *copy = mem_resize(NULL, len + 1);
	memcpy(copy, text, len);
	copy[len] = 0;
	return copy;
}

void *
mem_grow(void *array, size_t *cap, size_t need, size_t item_size)
{
	if (need <= *cap)
		return array;
	size_t items = *cap ? *cap : 8;

	while (items < need) {
		if (items > SIZE_MAX / 2)
			mem_out();
		items *= 2;
	}
	if (items > SIZE_MAX / item_size)
		mem_out();
	array = mem_resize(array, items * item_size);
	*cap = items;
	return array;
}
