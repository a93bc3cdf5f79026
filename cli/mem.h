/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for the tools: they say so and exit with 2 when there is none. */
#ifndef TAPE_CLI_MEM_H
#define TAPE_CLI_MEM_H

#include <stddef.h>

void *mem_resize(void *old, size_t size);
char *mem_text(const char *text, size_t len); /* a copy with NUL */
/* Room for `need` items in an array that grows by doubling; *cap is in items. */
void *mem_grow(void *array, size_t *cap, size_t need, size_t item_size);

#endif
