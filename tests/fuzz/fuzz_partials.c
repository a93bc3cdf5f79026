/* SPDX-License-Identifier: Apache-2.0 */
/* A file of partials; then one of that name is asked for. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tape/search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char more[] = "point { x: float }";
	struct tape_error err = { .status = 0 };
	struct tape_partials *partials = NULL;
	struct tape_query *query = NULL;
	char *text =
		malloc(size ? size : 1); /* no NUL behind it: nothing may look for one */
	int r;

	if (!text)
		return 0;
	memcpy(text, data, size);
	r = tape_partials_parse(text, size, "fuzz", &partials, &err);
	if ((r == 0) != (partials != NULL))
		abort();
	if (r == TAPE_ERR_SYNTAX && strncmp(err.message, "line ", 5) != 0)
		abort();
	/* A second file on top of what was found, and one of its names. */
	if (tape_partials_parse(more, sizeof more - 1, NULL, &partials, &err) != 0 ||
	    tape_query_compile_with("is=point", partials, &query, &err) != 0)
		abort();
	tape_query_free(query);
	tape_partials_free(partials);
	free(text);
	return 0;
}
