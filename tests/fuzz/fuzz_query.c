/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a query. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tape/search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tape_error err = { .status = 0 };
	struct tape_query *query = NULL;
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';

	int r = tape_query_compile(text, &query, &err);

	if ((r == 0) != (query != NULL))
		abort();
	/* A mistake has a column in the text, or just behind it, and a word about it. */
	if (r == TAPE_ERR_SYNTAX &&
	    (err.offset < 1 || err.offset > strlen(text) + 1 || err.message[0] == '\0'))
		abort();
	tape_query_free(query);
	free(text);
	return 0;
}
